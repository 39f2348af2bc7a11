# SPDX-License-Identifier: MIT
"""One peer as a worker: trains the network in one system, an epoch each time the driver (bench/peers/run) asks for one.

The driver talks over a socket of its own, whose descriptor is --worker, because libraries print: a line in, a line of JSON out.
  (at the start)  {"name", "version", "rows", "batch", "threads"}
  epoch           {"seconds", "cpu", "loss"}: one epoch over shuffled rows; loss is the mean over its steps
  quit            the worker ends
lamina-bench train --worker speaks the same.
"""
import argparse
import gzip
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
        images = read_idx(os.path.join(options.data, "train-images-idx3-ubyte"))[:options.rows]
        self.x = (images.reshape(len(images), -1).astype(numpy.float32) / 255.0)
        self.labels = read_idx(os.path.join(options.data, "train-labels-idx1-ubyte"))[:options.rows].astype(numpy.int32)
        self.sparse = self.loss == "sparse_categorical_crossentropy"
        self.y = self.labels if self.sparse else numpy.eye(self.net[-1], dtype=numpy.float32)[self.labels]


class Driver:
    """The other end of the socket."""

    def __init__(self, descriptor):
        self.stream = socket.socket(fileno=descriptor).makefile("rw", encoding="utf-8")

    def say(self, **answer):
        self.stream.write(json.dumps(answer) + "\n")
        self.stream.flush()

    def begin_epoch(self):
        """Waits until an epoch is asked for; ends the process where none is."""
        if self.stream.readline() != "epoch\n":
            os._exit(0)  # libraries' threads must not hold up the end
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def end_epoch(self, loss):
        loss = float(loss)  # waits for a result that is still being computed
        self.say(seconds=time.perf_counter() - self.wall, cpu=time.process_time() - self.cpu, loss=loss)

    def hello(self, name, version, work):
        self.say(name=name, version=version, rows=len(work.x), batch=work.batch, threads=work.threads)


def run_keras(work, driver):
    """Keras's fit, one call for all epochs: the callback waits where an epoch begins, so that fit's own start is not counted."""
    import keras

    class Epochs(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            driver.begin_epoch()

        def on_epoch_end(self, epoch, logs=None):
            driver.end_epoch(logs["loss"])

    layers = [keras.layers.Input((work.net[0],))]
    layers += [keras.layers.Dense(width, "relu") for width in work.net[1:-1]]
    model = keras.Sequential(layers + [keras.layers.Dense(work.net[-1], "softmax")])
    model.compile(optimizer=work.optimizer, loss=work.loss)
    if keras.backend.backend() == "torch":
        import torch
        torch.set_num_threads(work.threads)
    driver.hello("Keras on " + keras.backend.backend(), f"{keras.__version__}, {backend_version(keras.backend.backend())}", work)
    model.fit(work.x, work.y, batch_size=work.batch, epochs=1000000, verbose=0, callbacks=[Epochs()])


def backend_version(name):
    module = __import__(name)
    return f"{name} {module.__version__}"


def run_jax(work, driver):
    """Plain JAX: an epoch is one compiled call, a lax.scan over the batches."""
    import jax
    import jax.numpy as jnp
    import numpy

    def initialize(generator):
        # Glorot uniform, as Keras's Dense.
        return [(jnp.asarray(generator.uniform(-1, 1, (a, b)) * (6 / (a + b))**0.5, jnp.float32), jnp.zeros(b, jnp.float32))
                for a, b in zip(work.net, work.net[1:])]

    def mean_loss(weights, x, y):
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = weights[-1]
        logits = x @ w + b
        if work.loss == "mean_squared_error":
            return jnp.mean((jax.nn.softmax(logits) - y)**2)
        logs = jax.nn.log_softmax(logits)
        if work.sparse:
            return -jnp.mean(jnp.take_along_axis(logs, y[:, None], 1))
        return -jnp.mean(jnp.sum(y * logs, 1))

    def adam(w, g, m, v, t):
        m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
        return w - 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (jnp.sqrt(v) + 1e-7), m, v

    def rmsprop(w, g, m, v, t):
        v = 0.9 * v + 0.1 * g * g
        return w - 0.001 * g / jnp.sqrt(v + 1e-7), m, v

    def sgd(w, g, m, v, t):
        return w - 0.01 * g, m, v

    rule = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}[work.optimizer]

    def step(state, rows):
        weights, m, v, t = state
        loss, gradients = jax.value_and_grad(mean_loss)(weights, x[rows], y[rows])
        new = jax.tree.map(lambda w, g, m, v: rule(w, g, m, v, t + 1), weights, gradients, m, v)
        weights, m, v = (jax.tree.map(lambda three: three[i], new, is_leaf=lambda n: isinstance(n, tuple) and len(n) == 3)
                         for i in range(3))
        return (weights, m, v, t + 1), loss

    @jax.jit
    def epoch(state, order):
        state, losses = jax.lax.scan(step, state, order)
        return state, jnp.mean(losses)

    generator = numpy.random.default_rng(1)
    x, y = jnp.asarray(work.x), jnp.asarray(work.y)
    weights = initialize(generator)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros, jnp.float32(0))
    driver.hello("plain JAX, lax.scan", f"jax {jax.__version__}", work)
    while True:
        driver.begin_epoch()
        order = generator.permutation(len(work.x)).reshape(-1, work.batch)
        state, loss = epoch(state, jnp.asarray(order))
        driver.end_epoch(loss)


def run_torch(work, driver):
    """PyTorch, eager: the usual loop over index batches."""
    import torch
    torch.set_num_threads(work.threads)
    layers = []
    for a, b in zip(work.net, work.net[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        torch.nn.init.xavier_uniform_(layers[-2].weight)
        torch.nn.init.zeros_(layers[-2].bias)
    squares = work.loss == "mean_squared_error"
    model = torch.nn.Sequential(*layers[:-1], *([torch.nn.Softmax(1)] if squares else []))
    criterion = torch.nn.MSELoss() if squares else torch.nn.CrossEntropyLoss()
    optimizers = {"adam": lambda p: torch.optim.Adam(p, 0.001, eps=1e-7), "rmsprop": lambda p: torch.optim.RMSprop(p, 0.001, 0.9, 1e-7),
                  "sgd": lambda p: torch.optim.SGD(p, 0.01)}
    optimizer = optimizers[work.optimizer](model.parameters())
    x, y = torch.from_numpy(work.x), torch.from_numpy(work.y)
    if work.sparse:
        y = y.long()
    driver.hello("PyTorch, eager", f"torch {torch.__version__}", work)
    while True:
        driver.begin_epoch()
        total, batches = 0.0, torch.randperm(len(x)).split(work.batch)
        for rows in batches:
            optimizer.zero_grad()
            loss = criterion(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item()
        driver.end_epoch(total / len(batches))


SYSTEMS = {"keras-jax": run_keras, "keras-torch": run_keras, "keras-tensorflow": run_keras, "jax": run_jax, "torch": run_torch}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=sorted(SYSTEMS), required=True)
    for name in "net", "data", "optimizer", "loss":
        parser.add_argument("--" + name, required=True)
    for name in "worker", "batch", "rows", "threads":
        parser.add_argument("--" + name, type=int, required=True)
    options = parser.parse_args()
    if options.system.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = options.system[6:]
    SYSTEMS[options.system](Work(options), Driver(options.worker))


if __name__ == "__main__":
    sys.exit(main())
