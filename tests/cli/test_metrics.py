# SPDX-License-Identifier: MIT
"""--metrics of train and evaluate. Arguments: the program, the source folder."""
import json
import math
import os
import sys
import tempfile

import tap
from program import TRAIN, refuse, succeed

IRIS = ["train", "--data", "iris", "--standardize", "--layers", "6:relu,3:softmax", "--loss", "sparse_categorical_crossentropy",
        "--optimizer", "adam", "--batch", "8", "--quiet"]


def trained(folder, *arguments):
    path = os.path.join(folder, "m.safetensors")
    succeed(*IRIS, "--epochs", "5", "--held-out", "0.3333", "--save", path, *arguments)
    return path


def test_evaluate_tells_metrics_with_their_standard_errors():
    with tempfile.TemporaryDirectory() as folder:
        asked = ["evaluate", "--model", trained(folder), "--data", "iris", "--metrics",
                 "accuracy,f1_score,precision:class=1:threshold=0.3,confusion_matrix"]
        result = json.loads(succeed(*asked, "--json"))
        accuracy, f1, precision, matrix = result["metrics"]
        assert [m["name"] for m in result["metrics"]] == asked[-1].split(",")
        assert accuracy["value"] == result["accuracy"] and matrix["value"] == result["accuracy"]
        assert math.isclose(accuracy["standard_error"], result["accuracy_standard_error"], rel_tol=1e-12)
        assert matrix["values"] == [float(count) for row in result["confusion"] for count in row]
        assert math.isclose(f1["value"], sum(f1["values"]) / 3, rel_tol=1e-6) and len(f1["standard_errors"]) == 3, f1
        # F of each class from the matrix; the library adds 1e-7 to each denominator, as Keras does.
        for k, counts in enumerate(result["confusion"]):
            predicted = sum(row[k] for row in result["confusion"])
            assert math.isclose(f1["values"][k], 2 * counts[k] / (sum(counts) + predicted), abs_tol=1e-6), f1
        assert 0 < precision["value"] <= 1 and "values" not in precision, precision
        text = succeed(*asked)
        row = next(line.split() for line in text.splitlines() if line.startswith("precision:class=1:threshold=0.3"))
        assert row[1] == f"{precision['value']:.6g}" and row[2:] == ["\u00b1", f"{precision['standard_error']:.2g}"], row
        assert "\nmetric " in text and "\n  2 " in text, text


def test_metrics_see_probabilities_of_networks_that_give_logits():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.safetensors")
        succeed(*TRAIN[:3], "--layers", "10:linear", "--from-logits", "--loss", "sparse_categorical_crossentropy", "--save", model)
        result = json.loads(succeed("evaluate", "--model", model, "--data", "digits", "--metrics",
                                    "sparse_categorical_crossentropy,recall", "--json"))
        loss, recall = result["metrics"]
        assert math.isclose(loss["value"], result["loss"], rel_tol=1e-5) and 0 <= recall["value"] <= 1, result


def test_train_keeps_the_metrics_of_each_epoch_and_shows_them():
    arguments = [*(a for a in IRIS if a != "--quiet"), "--epochs", "2", "--validation-split", "0.2", "--held-out", "0.2",
                 "--metrics", "auc,accuracy,f1_score:average=macro"]
    history = json.loads(succeed(*arguments, "--json"))
    for epoch in history["epochs"]:
        assert list(epoch["metrics"]) == list(epoch["val_metrics"]) == ["auc", "accuracy", "f1_score:average=macro"], epoch
        assert epoch["metrics"]["accuracy"] == epoch["accuracy"] and epoch["val_metrics"]["accuracy"] == epoch["val_accuracy"]
    assert [m["name"] for m in history["test"]["metrics"]] == ["auc", "accuracy", "f1_score:average=macro"], history["test"]
    log = succeed(*arguments).splitlines()
    names = [part.split(": ")[0] for part in log[1].split(" - ")[3:]]
    once = ["accuracy", "auc", "f1_score:average=macro", "loss"]
    assert names == once + ["val_" + name for name in once], log[1]
    assert any(line.startswith("auc ") for line in log), log


def test_what_is_no_metric_is_refused_before_any_work():
    for metrics, words in [
            ["acuracy", ["there is no metric \"acuracy\"", "the nearest is accuracy"]],
            ["custom", ["there is no metric \"custom\""]],
            ["auc:curve=rox", ["the nearest is roc"]],
            ["auc:curves", ["\"curves\" of auc is not OPTION=VALUE"]],
            ["auc:rate=1", ["rate"]],
    ]:
        refuse(2, words, "evaluate", "--model", "missing.safetensors", "--data", "iris", "--metrics", metrics)
    refuse(2, ["the metric mean has no top_k"], *TRAIN, "--metrics", "mean:top_k=3")
    refuse(2, ["threshold is 3; it is from 0 to 1"], *TRAIN, "--metrics", "precision:threshold=3")


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
