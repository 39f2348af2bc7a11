#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the committed conformance set out of a full one, in the same schema.

What it leaves out changes no figure that stays:
  traces    All. Weights of large layers become sums and first elements. Inputs that are 0 in every row go,
            with their rows of the first kernel: they add nothing to a product, and their gradient is 0. Traces marked "first
            batch" keep one step of training.
  cases     Some of every function of every kind, by the numbers below, and all behaviours; inputs as float32, which the
            library takes, in its shortest decimals, and other figures with 12 digits, 1e-12 of themselves where the tightest
            bound is 1e-6.
  extremes  All: the exact answers, with 9 digits where the bound is 4e-6; not those of other libraries.
"""
import argparse
import collections
import json
import math
import pathlib
import struct

WHOLE, SUMS, FIRST_BATCH = "whole", "sums for weights", "first batch"
TRACES = {
    "adagrad_activation_mix_mae": WHOLE,
    "adam_amsgrad_mse": WHOLE,
    "blobs_6_6_3_sgd": WHOLE,
    "digits01_400_25_15_1_bce_logits": FIRST_BATCH,
    "digits_400_25_15_10_logits": FIRST_BATCH,
    "digits_64_32_15_more_outputs": SUMS,
    "digits_64_64_10_rmsprop_mse": SUMS,
    "flatten_28x28_256_15": WHOLE,
    "global_clipnorm_5_7_2": WHOLE,
    "label_smoothing_5_7_2": WHOLE,
    "linear_regression_sgd_mse": WHOLE,
    "linear_regression_sum_reduction": WHOLE,
    "partial_last_batch_70_by_32": WHOLE,
    "rmsprop_centered_momentum_mse": WHOLE,
    "sample_weight_70_by_32": WHOLE,
    "sgd_momentum_5_7_2": WHOLE,
    "shared_layer_two_branches": WHOLE,
}
# Of each kind, how many cases of one function or layer in each tier: Keras runs activations on several random inputs.
KINDS = {"activation": 2, "loss": 99, "op": 99, "optimizer": 99, "schedule": 5}
OTHERS = 3
LEFT_OUT = {"flatten.FlattenTest.test_flatten_dense#2"}  # as long as its twin, which has the default data_format
LARGE = 200  # elements of a weight above which sums stand for it


def single(value):
    """The float32 nearest to a number, as a double."""
    return struct.unpack("f", struct.pack("f", value))[0]


def short(value):
    """The shortest decimal, of up to 9 digits, that is the same float32."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if single(float(text)) == single(value):
            return float(text) if "." in text or "e" in text else int(text)
    return value


def shorten(node):
    if isinstance(node, dict):
        return {key: shorten(value) for key, value in node.items()}
    if isinstance(node, list):
        return [shorten(value) for value in node]
    return short(node) if isinstance(node, float) else node


def rounded(node, digits):
    """Numbers with so many digits."""
    if isinstance(node, dict):
        return {key: rounded(value, digits) for key, value in node.items()}
    if isinstance(node, list):
        return [rounded(value, digits) for value in node]
    if not isinstance(node, float):
        return node
    return int(node) if node == int(node) and abs(node) < 1e6 else float(f"{node:.{digits}g}")


def sums(tensor):
    """What the schema calls a check: of the numbers as float32."""
    data = [single(value) for value in tensor["data"]]
    return {
        "name": tensor["name"],
        "shape": tensor["shape"],
        "sum": float(f"{math.fsum(data):.12g}"),
        "sum_of_squares": float(f"{math.fsum(value * value for value in data):.12g}"),
        "first_16": shorten(tensor["data"][:16]),
    }


def split_weights(figures, key):
    """Replaces the large tensors of a list by checks."""
    tensors = figures.pop(key)
    figures[key] = shorten([t for t in tensors if len(t["data"]) <= LARGE])
    figures[key + "_checks"] = [sums(t) for t in tensors if len(t["data"]) > LARGE]


def drop_dead_inputs(trace):
    """Leaves out the columns of x that are 0 in every row, with their rows of the first kernel."""
    x, kernel = trace["data"]["x"][0], trace["initial_weights"][0]["name"]
    rows, columns = x["shape"]
    live = [j for j in range(columns) if any(x["data"][i * columns + j] for i in range(rows))]
    x["data"] = [x["data"][i * columns + j] for i in range(rows) for j in live]
    x["shape"] = trace_shape = [rows, len(live)]
    trace["model"]["inputs"][0]["shape"] = trace_shape[1:]
    lists = [trace["initial_weights"]] + [v for k, v in trace["expected_float32"].items() if "weights" in k or "gradients" in k]
    for tensors in lists:
        for t in tensors:
            if t["name"] == kernel:
                width = t["shape"][1]
                t["data"] = [t["data"][j * width + k] for j in live for k in range(width)]
                t["shape"] = [len(live), width]
    trace["description"] += f"; here without the {columns - len(live)} inputs that are always 0"


def keep_first_batch(trace):
    """One step of training: what only later steps tell goes."""
    rows = trace["training"]["batch_size"]
    trace["training"] = dict(trace["training"], rows=rows, steps=1, epochs=1)
    for tensor in trace["data"]["x"] + [trace["data"]["y"]]:
        size = len(tensor["data"]) // tensor["shape"][0]
        tensor["shape"][0] = rows
        tensor["data"] = tensor["data"][: rows * size]
    old = trace["expected_float32"]
    trace["expected_float32"] = {k: old[k] for k in ("gradients_step_1", "weights_after_step_1") if k in old}
    trace["expected_float32"]["step_loss"] = old["step_loss"][:1]
    trace["float64_reference"] = {"step_loss": trace["float64_reference"]["step_loss"][:1]}
    trace["description"] += "; here its first batch"


def first_rows(tensor, rows):
    size = len(tensor["data"]) // tensor["shape"][0]
    return dict(tensor, shape=[rows] + tensor["shape"][1:], data=shorten(tensor["data"][: rows * size]))


def compact_trace(trace, how):
    for key in list(trace):
        if key.startswith(("deviation_", "spread_")):
            del trace[key]
    trace["suggested_tolerance"].pop("note", None)
    trace["float64_reference"].pop("final_weights", None)
    if how == WHOLE:
        trace["float64_reference"].pop("predictions", None)
        return trace
    if how == FIRST_BATCH:
        keep_first_batch(trace)
    drop_dead_inputs(trace)
    figures = trace["expected_float32"]
    for key in ("gradients_step_1", "weights_after_step_1", "final_weights"):
        if key in figures:
            split_weights(figures, key)
    if "predictions" in figures:
        figures["predictions_first_8_rows"] = first_rows(figures.pop("predictions"), 8)
        trace["float64_reference"].pop("predictions", None)
    trace["initial_weights"] = shorten(trace["initial_weights"])
    return trace


def compact_cases(full):
    figures = ("id", "tier", "what", "setup", "expected", "tolerance", "float64_reference")
    behaviours = [{key: case[key] for key in figures if case.get(key) is not None} for case in full["behaviour_cases"]]
    keep = ("id", "tier", "kind", "op", "params", "inputs", "select", "expected", "tolerance", "float64_reference")
    seen = collections.Counter()
    cases = []
    for case in full["cases"]:
        function = case["tier"], case["kind"], case["op"]
        if case["id"] in LEFT_OUT or seen[function] == KINDS.get(case["kind"], OTHERS):
            continue
        seen[function] += 1
        kept = {key: rounded(case[key], 12) for key in keep if case.get(key) is not None}
        cases.append(kept | {"inputs": shorten(case["inputs"])})
    return {"source": full["source"], "checked_with": full["checked_with"], "cases": cases, "behaviour_cases": behaviours}


def compact_extremes(full):
    cases = [
        {key: rounded(case[key], 9) for key in ("id", "op", "inputs", "exact")}
        for case in full["cases"]
    ]
    outputs = [
        {
            **{key: case[key] for key in ("output_activation", "loss", "from_logits", "logits", "target")},
            "keras_tensorflow": case["keras_tensorflow"][:1],
        }
        for case in full["saturated_output_cases"]["cases"]
    ]
    return {"saturated_output_cases": {"cases": outputs}, "cases": cases}


def dump(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def write(path, value, listed=()):
    """JSON without spaces; each element of the listed arrays, and each key of the top, on a line of its own."""
    parts = []
    for key, part in value.items():
        if key in listed and part:
            parts.append(f"{dump(key)}:[\n" + ",\n".join(map(dump, part)) + "\n]")
        else:
            parts.append(f"{dump(key)}:{dump(part)}")
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("full", type=pathlib.Path, help="folder with the full set")
    parser.add_argument("compact", type=pathlib.Path, help="folder to write, such as tests/conformance/data")
    folders = parser.parse_args()
    (folders.compact / "traces").mkdir(parents=True, exist_ok=True)

    def read(name):
        return json.loads((folders.full / name).read_text(encoding="utf-8"))

    for name, how in TRACES.items():
        write(folders.compact / "traces" / f"{name}.json", compact_trace(read(f"traces/{name}.json"), how))
    write(folders.compact / "keras_upstream_cases.json", compact_cases(read("keras_upstream_cases.json")), ["cases"])
    write(folders.compact / "extremes.json", compact_extremes(read("extremes.json")), ["cases"])
    total = sum(path.stat().st_size for path in folders.compact.rglob("*.json"))
    print(f"{total} bytes")


if __name__ == "__main__":
    main()
