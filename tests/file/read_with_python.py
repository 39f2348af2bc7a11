# SPDX-License-Identifier: MIT
"""Reads a model file with nothing but Python's standard library, as docs/file-format.md describes it, computes the golden row
in double precision and compares. With the safetensors package, its reader must give the same tensors; without, that is said."""
import json
import math
import struct
import subprocess
import sys
import tempfile


def read(path):
    raw = open(path, "rb").read()
    (length,) = struct.unpack("<Q", raw[:8])
    assert length % 8 == 0
    header = json.loads(raw[8:8 + length])
    data, tensors, end = raw[8 + length:], {}, 0
    model = json.loads(header.pop("__metadata__")["lamina"])
    for name, about in header.items():
        begin, stop = about["data_offsets"]
        assert about["dtype"] == "F32" and begin == end and stop - begin == 4 * math.prod(about["shape"]), name
        tensors[name] = about["shape"], list(struct.unpack("<%df" % ((stop - begin) // 4), data[begin:stop]))
        end = stop
    assert end == len(data)
    return model, tensors


def bent_relu(x, options):
    """Keras's relu with all its parameters; a max_value of 0 says there is none."""
    if options.get("max_value") and x >= options["max_value"]:
        return options["max_value"]
    threshold = options.get("threshold", 0)
    return x if x > threshold else options.get("negative_slope", 0) * (x - threshold)


def activate(name, row, options={}):
    if name in ("softmax", "log_softmax"):
        high = max(row)
        total = sum(math.exp(x - high) for x in row)
        return [math.exp(x - high) / total if name == "softmax" else x - high - math.log(total) for x in row]
    if name == "sparsemax":
        for count in range(len(row), 0, -1):  # how many are not 0
            highest = sorted(row)[-count:]
            tau = (sum(highest) - 1) / count
            if tau < highest[0]:
                return [max(x - tau, 0) for x in row]
    function = {"linear": lambda x: x, "relu": lambda x: bent_relu(x, options), "tanh": math.tanh,
                "gelu": lambda x: x * (1 + math.erf(x / 2 ** 0.5)) / 2,
                "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
                "sigmoid": lambda x: 1 / (1 + math.exp(-x))}[name]
    return [function(x) for x in row]


def rows_of(value):
    shape, numbers = value
    return [numbers[i:i + shape[-1]] for i in range(0, len(numbers), shape[-1])]


MERGES = {"Add": sum, "Subtract": lambda column: column[0] - column[1], "Multiply": math.prod, "Maximum": max, "Minimum": min,
          "Average": lambda column: sum(column) / len(column)}
SOFTMAXES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sparsemax": "sparsemax"}


def normalize(layer, inputs, tensors):
    name, kind, options = layer["name"], layer["type"], layer["options"]
    shape, numbers = inputs[0]
    if kind == "Normalization":
        (places, mean), variance = tensors[name + "/mean"], tensors[name + "/variance"][1]
        if options.get("invert"):
            return shape, [x * max(v ** 0.5, 1e-7) + m for x, m, v in zip(numbers, mean, variance)]
        assert "axes" not in options and places == shape[-1:]
        return shape, [(x - m) / max(v ** 0.5, 1e-7) for row in rows_of(inputs[0]) for x, m, v in zip(row, mean, variance)]
    if kind == "Whitening":
        mean, ((width, kept), matrix) = tensors[name + "/mean"][1], tensors[name + "/matrix"]
        out = [sum((row[i] - mean[i]) * matrix[i * kept + j] for i in range(width)) for row in rows_of(inputs[0]) for j in range(kept)]
        return shape[:-1] + [kept], out
    if kind == "BatchNormalization":
        gamma, beta, mean, variance = (tensors[name + "/" + weight][1] for weight in ("gamma", "beta", "moving_mean", "moving_variance"))
        factors = [g / (v + options["epsilon"]) ** 0.5 for g, v in zip(gamma, variance)]
        return shape, [(x - m) * f + b for row in rows_of(inputs[0]) for x, m, f, b in zip(row, mean, factors, beta)]
    if kind in ("LayerNormalization", "RMSNormalization"):
        rms, gains = kind[0] == "R", tensors[name + ("/scale" if kind[0] == "R" else "/gamma")]
        out = []
        for row in rows_of(([len(gains[1])], numbers)):
            mean = 0 if rms else sum(row) / len(row)
            variance = sum((x - mean) ** 2 for x in row) / len(row) + (options["epsilon"] or (1e-6 if rms else 1e-3))
            out += [(x - mean) / variance ** 0.5 * g for x, g in zip(row, gains[1])]
        return shape, out
    raise ValueError(kind)


def along_axes(function, options, inputs):
    """A function of rows along these axes, of what the second input lets through if there is one."""
    shape, numbers = inputs[0]
    axes = {axis % len(shape) for axis in options["axes"]}
    kept = [i for i in range(len(numbers)) if len(inputs) == 1 or inputs[1][1][i] != 0]
    groups, out = {}, [0] * len(numbers)
    for i in kept:
        places, rest = [], i
        for axis in reversed(range(len(shape))):
            places.append(0 if axis in axes else rest % shape[axis])
            rest //= shape[axis]
        groups.setdefault(tuple(places), []).append(i)
    for group in groups.values():
        for i, y in zip(group, activate(function, [numbers[i] for i in group])):
            out[i] = y
    return shape, out


def run(layer, inputs, tensors):
    name, kind, options = layer["name"], layer["type"], layer["options"]
    shape, numbers = inputs[0]
    if kind == "Dense":
        (width, units), kernel = tensors[name + "/kernel"]
        bias = [0.0] * units if options["no_bias"] else tensors[name + "/bias"][1]
        out = []
        for row in rows_of(inputs[0]):
            out += activate(options["activation"],
                            [bias[j] + sum(row[i] * kernel[i * units + j] for i in range(width)) for j in range(units)])
        return shape[:-1] + [units], out
    if kind == "Flatten":
        return [len(numbers)], numbers
    if kind == "Activation":
        return shape, [x for row in rows_of(inputs[0]) for x in activate(options["activation"], row, options)]
    if kind in MERGES:
        return shape, [MERGES[kind](column) for column in zip(*(value[1] for value in inputs))]
    if kind == "Reshape":
        target = list(options["target_shape"])
        rest = math.prod(axis for axis in target if axis)
        return [axis or len(numbers) // rest for axis in target], numbers
    if kind in ("Dropout", "GaussianNoise", "ActivityRegularization"):
        return shape, numbers  # at inference
    if kind == "Rescaling":
        return shape, [options["scale"] * x + options["offset"] for x in numbers]
    if kind == "PReLU":
        return shape, [x if x > 0 else alpha * x for x, alpha in zip(numbers, tensors[name + "/alpha"][1])]
    if kind == "Concatenate":
        joined = [sum(parts, []) for parts in zip(*(rows_of(value) for value in inputs))]
        return shape[:-1] + [len(joined[0])], sum(joined, [])
    if kind in SOFTMAXES:
        return along_axes(SOFTMAXES[kind], options, inputs)
    if kind == "Permute":
        assert options["axes"] == [1, 0]
        return shape[::-1], [row[j] for j in range(shape[1]) for row in rows_of(inputs[0])]
    if kind == "GLU":
        half = shape[-1] // 2
        return shape[:-1] + [half], [a / (1 + math.exp(-b)) for row in rows_of(inputs[0]) for a, b in zip(row[:half], row[half:])]
    return normalize(layer, inputs, tensors)


def main(writer):
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        subprocess.run([writer, file.name], check=True)
        model, tensors = read(file.name)
        assert model["version"] == 1
        values, inputs = [], 0
        for node in model["nodes"]:
            layer = model["layers"][node["layer"]]
            if layer["type"] == "InputLayer":
                values.append(tensors["golden/input/%d" % inputs])
                assert values[-1][0] == layer["options"]["shape"]
                inputs += 1
            else:
                values.append(run(layer, [values[i] for i in node["inputs"]], tensors))
        for index, node in enumerate(model["outputs"]):
            shape, golden = tensors["golden/output/%d" % index]
            assert shape == values[node][0]
            # float32 sums of at most 27 products of numbers around 1, four layers deep: 4 * 27 * 2^-24 = 6.4e-6; less is seen
            worst = max(abs(a - b) for a, b in zip(golden, values[node][1]))
            assert worst < 4e-6, worst
        try:
            from safetensors import safe_open
        except ImportError:
            print("read and recomputed; the safetensors package is NOT here, its reader was not tried")
            return
        with safe_open(file.name, "numpy") as other:
            assert set(other.keys()) == set(tensors)
            for name, (shape, numbers) in tensors.items():
                tensor = other.get_tensor(name)
                assert list(tensor.shape) == shape and tensor.flatten().tolist() == numbers, name
            assert json.loads(other.metadata()["lamina"]) == model
        print("read and recomputed; the safetensors package reads the same")


main(sys.argv[1])
