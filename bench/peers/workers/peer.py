# SPDX-License-Identifier: MIT
"""One peer as a worker: trains the network in one system, an epoch each time the driver (bench/peers/run) asks for one.

The driver talks over a socket of its own, whose descriptor is --worker, because libraries print: a line in, a line of JSON out.
  (at the start)  {"name", "version", "rows", "batch", "threads"}
  first           {"seconds", "cpu", "loss"}: an epoch over the rows as they stand; loss is the mean over its steps
  epoch           the same over shuffled rows
  time N          {"wall", "cpu"}: seconds of so many calls of an inference (the hello of such a worker has "error", too: how far its
                  outputs are from Lamina's)
  quit            the worker ends
lamina-bench train --worker and infer --worker speak the same; worker.h has it for C.
"""
import argparse
import gzip
import importlib
import json
import os
import socket
import struct
import sys
import time


def read_idx(path):
    """An IDX file of bytes, plain or .gz, as an array."""
    import numpy
    name = path if os.path.exists(path) else path + ".gz"
    with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = struct.unpack(f">{rank}I", data[4:4 + 4 * rank])
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


class Work:
    """What is to be trained, and on what."""

    def __init__(self, options):
        import numpy
        self.net = [int(width) for width in options.net.split("-")]
        self.batch, self.optimizer, self.loss, self.threads = options.batch, options.optimizer, options.loss, options.threads
        self.system, self.infer, self.exchange = options.system, options.work == "infer", options.exchange
        self.sparse = self.loss == "sparse_categorical_crossentropy"
        if self.infer:
            self.x = self.read("rows").reshape(-1, self.net[0])
            self.labels = numpy.zeros(len(self.x), numpy.int32)
            return
        images = read_idx(os.path.join(options.data, "train-images-idx3-ubyte"))[:options.rows]
        self.x = (images.reshape(len(images), -1).astype(numpy.float32) / 255.0)
        self.labels = read_idx(os.path.join(options.data, "train-labels-idx1-ubyte"))[:options.rows].astype(numpy.int32)
        self.y = self.labels if self.sparse else numpy.eye(self.net[-1], dtype=numpy.float32)[self.labels]

    def read(self, name):
        import numpy
        return numpy.fromfile(os.path.join(self.exchange, name + ".f32"), numpy.float32)

    def start(self):
        """The first weights, in pairs of weights (inputs by outputs) and biases: those that Lamina left, else Glorot's."""
        import numpy
        pairs = list(zip(self.net, self.net[1:]))
        if not os.path.exists(os.path.join(self.exchange, "weights.f32")):
            generator = numpy.random.default_rng(1)
            return [((generator.uniform(-1, 1, (a, b)) * (6 / (a + b))**0.5).astype(numpy.float32), numpy.zeros(b, numpy.float32))
                    for a, b in pairs]
        values, layers = self.read("weights"), []
        for a, b in pairs:
            layers.append((values[:a * b].reshape(a, b).copy(), values[a * b:a * b + b].copy()))
            values = values[a * b + b:]
        return layers


class Driver:
    """The other end of the socket."""

    def __init__(self, descriptor):
        self.stream = socket.socket(fileno=descriptor).makefile("rw", encoding="utf-8")

    def say(self, **answer):
        self.stream.write(json.dumps(answer) + "\n")
        self.stream.flush()

    def begin_epoch(self):
        """Waits until an epoch is asked for; ends the process where none is. The first one asked for is not shuffled."""
        if self.stream.readline() not in ("first\n", "epoch\n"):
            os._exit(0)  # libraries' threads must not hold up the end
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def end_epoch(self, loss):
        loss = float(loss)  # waits for a result that is still being computed
        self.say(seconds=time.perf_counter() - self.wall, cpu=time.process_time() - self.cpu, loss=loss)

    def hello(self, name, version, work):
        self.say(name=name, version=version, rows=len(work.x), batch=work.batch, threads=work.threads)

    def infer(self, name, version, work, call, convert=lambda x: x):
        """Calls, for as long as the driver asks: `call` takes the converted rows and gives an array."""
        import numpy
        rows = convert(work.x)
        outputs = numpy.asarray(call(rows))
        self.say(name=name, version=version, rows=len(work.x), batch=work.batch, threads=work.threads,
                 error=float(numpy.abs(outputs - work.read("outputs").reshape(outputs.shape)).max()))
        for line in self.stream:
            if not line.startswith("time "):
                break
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(int(line[5:])):
                call(rows)
            self.say(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
        os._exit(0)


MODULES = {"keras-jax": "keras", "keras-torch": "keras", "keras-tensorflow": "keras", "jax": "jax", "torch": "torch", "torch-compiled": "torch",
           "scikit-learn": "sklearn", "onnxruntime": "onnx"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=sorted(MODULES), required=True)
    for name in "net", "data", "optimizer", "loss", "work", "exchange":
        parser.add_argument("--" + name, required=True)
    for name in "worker", "batch", "rows", "threads":
        parser.add_argument("--" + name, type=int, required=True)
    options = parser.parse_args()
    if options.system.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = options.system[6:]
    module = importlib.import_module("with_" + MODULES[options.system])
    getattr(module, "run_" + MODULES[options.system])(Work(options), Driver(options.worker))


if __name__ == "__main__":
    sys.exit(main())
