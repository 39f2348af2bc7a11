# SPDX-License-Identifier: MIT
"""Early stopping and other callbacks of train, options of losses, weights of classes. Arguments: the program, the source folder."""
import csv
import json
import math
import os
import signal
import subprocess
import sys
import tempfile

import tap
from program import PROGRAM, environment, refuse, succeed

DATA = ["train", "--data", "digits", "--layers", "16:relu,10:softmax", "--optimizer", "adam"]
TRAIN = [*DATA, "--loss", "sparse_categorical_crossentropy"]
# With this rate the network soon overshoots, so that what is monitored stops improving.
FAST = [*TRAIN, "--learning-rate", "0.05", "--validation-split", "0.2"]


def history(*arguments):
    return json.loads(succeed(*arguments, "--json", "--quiet"))["epochs"]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_training_stops_when_nothing_has_improved_and_the_best_model_is_saved():
    with tempfile.TemporaryDirectory() as folder:
        best, log = os.path.join(folder, "best.safetensors"), os.path.join(folder, "log.csv")
        said = succeed(*FAST, "--epochs", "60", "--early-stopping", "2", "--save-best", best, "--csv-log", log)
        rows = table(log)
        losses = [float(row["val_loss"]) for row in rows]
        least = losses.index(min(losses))
        assert len(losses) == least + 3 < 60, losses
        assert f"Stopped after epoch {len(losses)}: val_loss has been no better than the {losses[least]:.6g} after epoch {least + 1}\n" \
            in said, said
        assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"] and rows[-1]["epoch"] == str(least + 2)
        # The same training, ended after its best epoch, leaves the same weights.
        again = os.path.join(folder, "again.safetensors")
        succeed(*FAST, "--epochs", least + 1, "--quiet", "--save", again)
        assert read(best) == read(again)


def test_the_metric_that_is_monitored_may_rise():
    with tempfile.TemporaryDirectory() as folder:
        epochs = history(*FAST, "--epochs", "60", "--early-stopping", "1", "--monitor", "val_auc", "--metrics", "auc",
                         "--save-best", os.path.join(folder, "{epoch:02d}-{val_auc:.3f}"))
        values = [epoch["val_metrics"]["auc"] for epoch in epochs]
        best = [i for i, value in enumerate(values) if value > max(values[:i], default=-1)]
        assert len(values) < 60 and values[-1] <= max(values[:-1]), values
        names = sorted(os.listdir(folder))
        assert [name[:2] for name in names] == [f"{i + 1:02d}" for i in best], (names, values)
        assert all(abs(float(name[3:]) - values[i]) <= 0.0005 + 1e-9 for name, i in zip(names, best)), (names, values)


def test_a_reduced_rate_is_that_of_a_training_at_that_rate():
    # Both are the same up to the first epoch that is no better, by 1e-4, than the best before it.
    plain, reduced = history(*FAST, "--epochs", "12"), history(*FAST, "--epochs", "12", "--reduce-lr", "0.1:1")
    losses = [epoch["val_loss"] for epoch in plain]
    first = next(i for i in range(1, 12) if losses[i] + 1e-4 >= min(losses[:i]))
    assert first < 11 and [epoch["loss"] for epoch in plain[:first + 1]] == [epoch["loss"] for epoch in reduced[:first + 1]]
    assert plain[first + 1]["loss"] != reduced[first + 1]["loss"]


def test_an_interrupted_training_with_callbacks_goes_on_to_the_same_bits():
    # Plain lines; the rate of 0.02 is said again by the file of options though it has been reduced by then.
    arguments = ["--data", "digits", "--batch", "8", "--epochs", "300", "--validation-split", "0.2", "--reduce-lr", "0.7:3",
                 "--class-weights", "1,2,0.5", "--early-stopping", "120"]
    network = ["--layers", "64:relu,10:softmax", "--loss", "sparse_categorical_crossentropy", "--learning-rate", "0.02"]
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = os.path.join(folder, "whole"), os.path.join(folder, "parts")
        logs = [path + ".csv" for path in (whole, parts)]
        succeed("train", *arguments, *network, "--quiet", "--save", whole, "--csv-log", logs[0])
        run = subprocess.Popen([PROGRAM, "train", *arguments, *network, "--save", parts, "--csv-log", logs[1]],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment())
        while "Epoch 12/" not in run.stdout.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
        assert run.returncode == 130 and "--class-weights 1,2,0.5 --early-stopping 120" in said, said
        succeed("train", "--resume", parts, *arguments, *network, "--quiet", "--csv-log", logs[1])
        assert table(logs[0]) == table(logs[1]) and read(whole) == read(parts)


def test_options_of_the_loss_are_used_and_kept_in_the_model():
    dense = [*DATA, "--loss", "categorical_crossentropy"]
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.safetensors")
        succeed(*dense, "--loss-option", "label_smoothing=0.1", "--save", model, "--quiet", "--epochs", "3")

        def loss(*arguments):
            return json.loads(succeed("evaluate", "--model", model, "--data", "digits", "--json", *arguments))["loss"]

        smoothed, plain = loss(), loss("--loss", "categorical_crossentropy")
        assert smoothed > plain and smoothed == loss("--loss", "categorical_crossentropy", "--loss-option", "label_smoothing=0.1")
        refuse(2, ["--from-logits", "--loss NAME"], "evaluate", "--model", model, "--data", "digits", "--from-logits")
        assert math.isclose(loss("--loss", "categorical_crossentropy", "--loss-option", "weight=2"), 2 * plain, rel_tol=1e-6)
    parts = history(*TRAIN, "--only", "0,1,2", "--loss-option", "ignore_class=0")
    assert parts[0]["loss"] != history(*TRAIN, "--only", "0,1,2")[0]["loss"]


def test_gradients_of_a_loss_with_options_are_right():
    checked = [json.loads(succeed("gradcheck", "--data", "digits", "--layers", "8:tanh,10:softmax", "--loss", "huber", "--json", "-",
                                  "--loss-option", f"delta={delta}")) for delta in (0.05, 1)]
    assert checked[0] != checked[1], checked


def test_a_class_that_weighs_nothing_is_not_learned():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.safetensors")
        succeed(*TRAIN, "--epochs", "10", "--class-weights", "1,1,1,0", "--save", model, "--quiet")
        confusion = json.loads(succeed("evaluate", "--model", model, "--data", "digits", "--json"))["confusion"]
        assert sum(row[3] for row in confusion) == 0 and confusion[2][2] > 0, confusion


def test_a_file_of_options_has_them_too():
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "run.ini")
        arguments = [*FAST, "--epochs", "30", "--early-stopping", "1", "--reduce-lr", "0.5:1", "--class-weights", "1,2"]
        with open(config, "w", encoding="utf-8") as file:
            file.write(succeed(*arguments, "--print-config"))
        untimed = [[{**epoch, "seconds": 0} for epoch in history(*words)] for words in (arguments, ["train", "--config", config])]
        assert untimed[0] == untimed[1] and len(untimed[0]) < 30


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
