# SPDX-License-Identifier: MIT
"""The program from outside: what it prints, writes and answers. Arguments: the program, the source folder."""
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile

import tap
from program import NETWORK, PROGRAM, TRAIN, environment, idx, in_terminal, lamina, refuse, succeed, write_part

NUMBER = r"-?\d+\.\d{4}(?:e[-+]\d\d)?"
STEP_TIME = r"\d+(?:s|ms|us)/step"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def keys(text):
    """The keys of a JSON text in their order."""
    return re.findall(r'"(\w+)":', text)


# ---- what it prints ----


def test_json_has_the_documented_keys_in_order():
    text = succeed(*TRAIN, "--epochs", "2", "--json")
    epoch = ["loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert keys(text) == ["epochs", *epoch, *epoch, "test", "loss", "accuracy"], text
    history = json.loads(text)
    for values in history["epochs"]:
        assert values["val_loss"] is None and values["val_accuracy"] is None, values
        assert math.isfinite(values["loss"]) and 0 <= values["accuracy"] <= 1 and values["seconds"] >= 0, values
    assert history["epochs"][1]["loss"] < history["epochs"][0]["loss"], history


def test_json_has_validation_numbers_where_rows_are_held_out():
    for values in json.loads(succeed(*TRAIN, "--json", "--validation-split", "0.25"))["epochs"]:
        assert values["val_loss"] > 0 and 0 <= values["val_accuracy"] <= 1, values


def test_json_in_a_file_leaves_the_log_on_standard_output():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "history.json")
        log = succeed(*TRAIN, "--json", path)
        assert "loss: " in log, log
        assert len(json.loads(read(path))["epochs"]) == 1
        assert os.listdir(folder) == ["history.json"]


def test_a_log_has_the_plain_line_of_keras_for_each_epoch():
    lines = succeed(*TRAIN, "--epochs", "2", "--validation-split", "0.2").splitlines()
    values = f"accuracy: {NUMBER} - loss: {NUMBER} - val_accuracy: {NUMBER} - val_loss: {NUMBER}"
    plain = rf"(\d+)/\1 - \d+s - {STEP_TIME} - {values}"
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2", lines
    assert re.fullmatch(plain, lines[1]) and re.fullmatch(plain, lines[3]), lines
    assert re.fullmatch(rf"Test: accuracy {NUMBER} ± {NUMBER}, loss {NUMBER} \(\d+ rows\)", lines[4]), lines
    assert len(lines) == 5, lines


def test_one_epoch_is_not_numbered():
    assert "Epoch" not in succeed(*TRAIN)


def test_a_terminal_sees_the_progress_line_of_keras():
    text = in_terminal(*TRAIN, "--epochs", "2").decode()
    begin, first, second, result, rest = text.split("\n", 1)[0], *text.replace("Epoch 2/2\n", "").split("\n")[1:]
    assert begin == "Epoch 1/2" and rest == "", text
    assert result.startswith("Test: accuracy "), text
    for epoch in first, second:
        draws = re.findall("(\b*)\r([^\b\r]*)", epoch)
        assert "".join(f"{back}\r{line}" for back, line in draws) == epoch and len(draws) >= 2, epoch
        check_draws(draws)


def check_draws(draws):
    """Each draw goes back over the one before it, and its bar shows int(20 * step / steps) green cells."""
    width = 0
    for number, (back, line) in enumerate(draws):
        last = number == len(draws) - 1
        form = re.fullmatch("\x1b\\[1m *(\\d+)/(\\d+)\x1b\\[0m (?:\x1b\\[32m(\u2501+)\x1b\\[0m)?\x1b\\[37m(\u2501*)\x1b\\[0m "
                            f"\x1b\\[1m([0-9:]+s?)\x1b\\[0m {STEP_TIME} - accuracy: {NUMBER} - loss: {NUMBER} *", line)
        assert form, repr(line)
        step, steps, done, left = int(form[1]), int(form[2]), len(form[3] or ""), len(form[4])
        assert done == 20 * step // steps and done + left == 20, repr(line)
        assert (step == steps) == last or step == steps, repr(line)
        assert len(back) == width, f"{len(back)} backspaces over {width} columns: {line!r}"
        visible = re.sub("\x1b\\[\\d+m", "", line)
        assert len(visible) >= width or number == 0, repr(line)
        width = len(visible.rstrip(" "))
    assert step == steps, draws


def test_quiet_prints_nothing():
    assert succeed(*TRAIN, "--quiet") == ""


def test_help_of_each_command_tells_every_option_and_an_example():
    commands = re.findall(r"^  (\w+) ", succeed("--help"), re.MULTILINE)
    assert commands == ["train", "evaluate", "predict", "summary", "data", "fold", "gradcheck", "gemm"], commands
    for command in commands:
        text = succeed(command, "--help")
        assert text == succeed("help", command)
        assert f"Usage: lamina {command} " in text and f"Examples:\n  lamina {command}" in text, text
        assert "--config" in text and "Exit status: 0 done; 1 failed" in text, text


def test_version_is_printed():
    assert re.fullmatch(r"lamina \d+\.\d+\.\d+\n", succeed("--version"))


def test_a_full_disk_behind_standard_output_is_a_failure():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = lamina(*TRAIN, stdout=full)
    assert done.returncode == 1 and "standard output" in done.stderr, done


# ---- what it computes ----


def test_equal_seeds_give_equal_files_and_others_do_not():
    with tempfile.TemporaryDirectory() as folder:
        for name, seed in (("a", 7), ("b", 7), ("c", 8)):
            succeed(*TRAIN, "--quiet", "--seed", str(seed), "--save", os.path.join(folder, name))
        a, b, c = (read(os.path.join(folder, name)) for name in "abc")
        assert a == b and a != c


def test_evaluating_the_saved_model_gives_the_numbers_of_the_training():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.safetensors")
        test = json.loads(succeed(*TRAIN, "--epochs", "3", "--json", "--save", model))["test"]
        again = json.loads(succeed("evaluate", "--model", model, "--data", "digits", "--json"))
        assert list(again) == ["loss", "accuracy", "accuracy_standard_error", "rows", "classes", "confusion"], again
        assert again["loss"] == test["loss"] and again["accuracy"] == test["accuracy"], (test, again)
        share, rows = again["accuracy"], again["rows"]
        assert math.isclose(again["accuracy_standard_error"], math.sqrt(share * (1 - share) / rows), rel_tol=1e-12)
        line = succeed("evaluate", "--model", model, "--data", "digits", "--confusion=no")
        assert line == f"accuracy {share:.4f} ± {again['accuracy_standard_error']:.4f}, loss {again['loss']:.4f} ({rows} rows)\n", line


def test_dense_losses_get_one_hot_targets():
    for loss, last in (("categorical_crossentropy", "10:softmax"), ("binary_crossentropy", "10:sigmoid"),
                       ("mean_squared_error", "10:softmax"), ("sum_of_squares", "10:softmax")):
        history = json.loads(succeed("train", "--data", "digits", "--layers", f"25:relu,{last}", "--loss", loss, "--optimizer",
                                     "adam", "--epochs", "30", "--json"))
        assert history["test"]["accuracy"] > 0.8, (loss, history["test"])  # by chance it would be 0.1


def test_options_of_the_optimizer_reach_it():
    def loss(*options):
        return json.loads(succeed("train", "--data", "digits", "--layers", "10:softmax", "--loss", "mean_squared_error", "--json",
                                  *options))["epochs"][0]["loss"]
    plain = loss("--optimizer", "rmsprop")
    assert loss("--optimizer", "rmsprop", "--optimizer-option", "epsilon_outside=1") != plain
    assert loss("--optimizer", "rmsprop", "--optimizer-option", "rho=0.5") != plain
    assert loss("--optimizer", "rmsprop", "--learning-rate", "0.001") == plain
    assert loss("--optimizer", "rmsprop", "--learning-rate", "0") > plain
    for option in ("centered=1", "momentum=0.5", "weight_decay=0.5", "clipnorm=0.01", "clipvalue=0.001", "use_ema=1,frequency",
                   "gradient_accumulation_steps=3", "schedule=exponential_decay"):
        more = {"use_ema=1,frequency": ["use_ema=1", "ema_overwrite_frequency=2"],
                "schedule=exponential_decay": [option, "decay_steps=10", "decay_rate=0.5"]}.get(option, [option])
        assert loss(*(word for each in more for word in ("--optimizer-option", each))) != plain, option
    constant = ["schedule=piecewise_constant_decay", "boundaries=5,9", "values=0.001,0.001,0.001"]
    assert loss(*(word for each in constant for word in ("--optimizer-option", each))) == plain
    losses = {name: loss("--optimizer", name) for name in ("sgd", "adam", "adamw", "adamax", "nadam", "adagrad", "adadelta",
                                                            "lion", "ftrl")}
    assert len({*losses.values(), plain}) == 10, losses
    assert loss("--optimizer", "adamw", "--optimizer-option", "weight_decay=0") == losses["adam"]
    assert loss("--optimizer", "adam", "--optimizer-option", "amsgrad=1") != losses["adam"]


def test_a_folder_with_and_without_a_test_part():
    with tempfile.TemporaryDirectory() as folder:
        write_part(folder, "train", 50)
        assert json.loads(succeed("train", "--data", folder, *NETWORK, "--json"))["test"] is None
        write_part(folder, "t10k", 20, compress=True)
        assert json.loads(succeed("train", "--data", folder + "/", *NETWORK, "--json"))["test"]["loss"] > 0


def test_data_dir_is_where_named_sets_are_looked_for():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "mnist"))
        write_part(os.path.join(folder, "mnist"), "train", 33)
        write_part(os.path.join(folder, "mnist"), "t10k", 21)
        assert "(21 rows)" in succeed("train", "--data", "mnist", "--data-dir", folder, *NETWORK)


# ---- what goes wrong ----


def test_ctrl_c_ends_after_the_step_and_saves():
    for number in signal.SIGINT, signal.SIGTERM:
        with tempfile.TemporaryDirectory() as folder:
            model, history = os.path.join(folder, "m.safetensors"), os.path.join(folder, "h.json")
            run = subprocess.Popen([PROGRAM, *TRAIN, "--epochs", "1000000", "--save", model, "--json", history],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment())
            while "Epoch 2/" not in run.stdout.readline():
                assert run.poll() is None
            run.send_signal(number)
            _, said = run.communicate(timeout=60)
            assert run.returncode == 128 + number, (run.returncode, said)
            assert re.fullmatch(rf"lamina: stopped in epoch \d+ of 1000000 after step \d+ of \d+; saved as {model}; to go on:\n"
                                f"lamina train --resume {model} --data digits --epochs 1000000 --json={history}\n", said), said
            assert json.loads(read(history))["test"] is None
            succeed("evaluate", "--model", model, "--data", "digits")


def test_a_missing_command_is_answered_by_the_help():
    done = lamina()
    assert done.returncode == 2 and "train" in done.stdout and done.stderr.startswith("lamina: "), done


def test_bad_data_is_told_with_the_file():
    with tempfile.TemporaryDirectory() as folder:
        def broken(name, content):
            write_part(folder, "train", 30)
            for leftover in os.listdir(folder):
                if not leftover.startswith("train-") or leftover.endswith(".gz"):
                    os.remove(os.path.join(folder, leftover))
            if name.endswith(".gz"):
                os.remove(os.path.join(folder, name[:-3]))
            if content is None:
                os.remove(os.path.join(folder, name))
            else:
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
            refuse(1, ["train-"], "train", "--data", folder, *NETWORK)

        images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
        broken(images, None)
        broken(labels, None)
        broken(images, b"")
        broken(images, b"not an idx file at all")
        broken(images, idx(range(200), 30, 4, 5))
        broken(images, idx(range(200), 0, 4, 5))
        broken(images, idx([], 2**31, 2**31, 2**31))
        broken(labels, idx([1] * 29, 29))
        broken(images + ".gz", b"\x1f\x8b\x08\x00garbage")
        write_part(folder, "train", 30)
        os.remove(os.path.join(folder, images + ".gz"))
        with open(os.path.join(folder, labels), "wb") as file:
            file.write(idx([10] * 30, 30))
        refuse(1, ["10"], "train", "--data", folder, *NETWORK)


def test_a_missing_data_set_is_told_with_its_files():
    with tempfile.TemporaryDirectory() as folder:
        refuse(1, ["train-images-idx3-ubyte"], "train", "--data", folder, *NETWORK)


def test_bad_models_are_refused():
    with tempfile.TemporaryDirectory() as folder:
        model, bad = os.path.join(folder, "good"), os.path.join(folder, "bad")
        succeed(*TRAIN, "--quiet", "--save", model)
        good = read(model)
        garbled = good[:-9] + bytes([good[-9] ^ 0x40]) + good[-8:]
        for content in (b"", b"not a model", good[:7], good[:len(good) // 2], good[:-1], good + b"x", b"\xff" * 8 + good[8:], garbled):
            with open(bad, "wb") as file:
                file.write(content)
            refuse(1, [], "evaluate", "--model", bad, "--data", "digits")
        refuse(1, ["missing"], "evaluate", "--model", os.path.join(folder, "missing"), "--data", "digits")
        refuse(1, [], "evaluate", "--model", folder, "--data", "digits")


def test_outputs_that_cannot_be_written_are_found_before_the_training():
    with tempfile.TemporaryDirectory() as folder:
        for option in "--save", "--json":
            refuse(1, [option, "nowhere"], *TRAIN, "--epochs", "1000000", option, os.path.join(folder, "nowhere", "m"))
            refuse(1, [option, "folder"], *TRAIN, "--epochs", "1000000", option, folder)
        assert os.listdir(folder) == []


def test_a_training_that_fails_leaves_the_old_files():
    with tempfile.TemporaryDirectory() as folder:
        for name in "model", "history":
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"old")
        outputs = ["--save", os.path.join(folder, "model"), "--json", os.path.join(folder, "history")]
        done = lamina("train", "--data", "digits", "--layers", "16,10", "--loss", "mean_squared_error", "--optimizer", "sgd",
                      "--learning-rate", "1e30", "--epochs", "3", *outputs)
        assert done.returncode == 1 and "step" in done.stderr, done
        assert read(outputs[1]) == b"old" and read(outputs[3]) == b"old"
        assert sorted(os.listdir(folder)) == ["history", "model"]


def test_a_model_is_not_evaluated_on_rows_of_another_width():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.safetensors")
        succeed(*TRAIN, "--quiet", "--save", model)
        write_part(folder, "train", 30)
        refuse(1, ["4, 5"], "evaluate", "--model", model, "--data", folder)


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
