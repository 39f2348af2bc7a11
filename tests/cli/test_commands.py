# SPDX-License-Identifier: MIT
"""Each command beside train: what it prints and writes. Arguments: the program, the source folder."""
import csv
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile

import tap
from program import PROGRAM, SOURCE, environment, in_terminal, lamina, refuse, succeed, write_part

SPARSE = ["--loss", "sparse_categorical_crossentropy", "--optimizer", "adam"]


def train(folder, layers, *options, epochs=3, name="m.safetensors"):
    model = os.path.join(folder, name)
    succeed("train", "--data", "digits", "--layers", layers, *SPARSE, "--epochs", epochs, "--quiet", "--save", model, *options)
    return model


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- summary: the tables are Keras 3's own output ----

FASHION = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ flatten (Flatten)               │ (None, 784)            │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 256)            │       200,960 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 15)             │         3,855 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 204,815 (800.06 KB)
 Trainable params: 204,815 (800.06 KB)
 Non-trainable params: 0 (0.00 B)
"""
UNBUILT = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ dense (Dense)                   │ ?                      │   0 (unbuilt) │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ ?                      │   0 (unbuilt) │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 0 (0.00 B)
 Trainable params: 0 (0.00 B)
 Non-trainable params: 0 (0.00 B)
"""
BRANCHES = """\
Model: "functional"
┏━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃
┡━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━┩
│ left (InputLayer)   │ (None, 4)         │          0 │ -                 │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ right (InputLayer)  │ (None, 4)         │          0 │ -                 │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ shared (Dense)      │ (None, 5)         │         25 │ left[0][0],       │
│                     │                   │            │ right[0][0]       │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ joined              │ (None, 10)        │          0 │ shared[0][0],     │
│ (Concatenate)       │                   │            │ shared[1][0]      │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ answer (Dense)      │ (None, 1)         │         11 │ joined[0][0]      │
└─────────────────────┴───────────────────┴────────────┴───────────────────┘
 Total params: 36 (144.00 B)
 Trainable params: 36 (144.00 B)
 Non-trainable params: 0 (0.00 B)
"""


def test_summary_is_the_table_of_keras():
    assert succeed("summary", "--layers", "256:relu,15:softmax", "--input", "28x28") == FASHION


def test_summary_of_a_network_without_an_input_is_that_of_keras_before_building():
    assert succeed("summary", "--layers", "8:relu,3") == UNBUILT


def test_summary_of_branches_and_a_shared_layer_is_that_of_keras():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "branches.safetensors")
        subprocess.run([BRANCHES_PROGRAM, model], check=True)
        assert succeed("summary", "--model", model) == BRANCHES


def test_summary_counts_frozen_layers_as_keras_does():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "branches.safetensors")
        subprocess.run([BRANCHES_PROGRAM, model, "shared"], check=True)
        expected = BRANCHES.replace(" Trainable params: 36 (144.00 B)", " Trainable params: 11 (44.00 B)")
        assert succeed("summary", "--model", model) == expected.replace(" 0 (0.00 B)", " 25 (100.00 B)")


def test_summary_counts_large_networks_in_megabytes():
    text = succeed("summary", "--layers", "1024,10", "--input", "1024")
    assert "│ dense (Dense)                   │ (None, 1024)           │     1,049,600 │\n" in text, text
    assert " Total params: 1,059,850 (4.04 MB)\n" in text, text


def test_summary_of_a_file_and_of_the_layers_on_data_are_the_same():
    with tempfile.TemporaryDirectory() as folder:
        model = train(folder, "25:relu,10:softmax")
        assert succeed("summary", "--model", model) == succeed("summary", "--layers", "25:relu,10:softmax", "--data", "digits")
        output = os.path.join(folder, "summary.txt")
        assert succeed("summary", "--model", model, "--output", output) == ""
        assert read(output).decode() == succeed("summary", "--model", model)


def test_dot_has_a_node_for_each_layer_and_its_edges():
    text = succeed("summary", "--layers", "25:relu,10", "--input", "8x8", "--dot")
    assert text.startswith("digraph ") and text.endswith("}\n"), text
    assert re.findall(r'^  "(\w+)" \[', text, re.MULTILINE) == ["input", "flatten", "dense", "dense_1"], text
    assert re.findall(r'"(\w+)" -> "(\w+)"', text) == [("input", "flatten"), ("flatten", "dense"), ("dense", "dense_1")], text
    assert '"dense" [label="dense\\nDense, relu\\n(None, 25)"]' in text, text


# ---- predict ----


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))


def test_predictions_agree_with_each_other_and_with_the_evaluation():
    with tempfile.TemporaryDirectory() as folder:
        model = train(folder, "16:relu,10", "--from-logits")
        asked = ["predict", "--model", model, "--data", "digits"]
        outputs, probabilities, classes = (rows_of(succeed(*asked, *kind)) for kind in ([], ["--probabilities"], ["--classes"]))
        assert outputs[0] == [f"output_{i}" for i in range(10)] and classes[0] == ["class"], (outputs[0], classes[0])
        assert probabilities[0] == [f"probability_{i}" for i in range(10)], probabilities[0]
        assert len(outputs) == len(probabilities) == len(classes) == 451
        for logits, shares, [predicted] in zip(outputs[1:], probabilities[1:], classes[1:]):
            logits, shares = [float(x) for x in logits], [float(x) for x in shares]
            total = sum(math.exp(x) for x in logits)
            assert logits.index(max(logits)) == int(predicted), (logits, predicted)
            # Both sides are floats: softmax is within (|x - max| + a few) 2^-24 of its value, with |x - max| below 100.
            assert all(math.isclose(p, math.exp(x) / total, rel_tol=110 * 2**-24) for p, x in zip(shares, logits)), shares
        matrix = json.loads(succeed("evaluate", "--model", model, "--data", "digits", "--json"))["confusion"]
        assert [sum(column) for column in zip(*matrix)] == [sum(row == [str(i)] for row in classes[1:]) for i in range(10)]


def test_predictions_go_to_a_file_that_is_replaced_as_a_whole():
    with tempfile.TemporaryDirectory() as folder:
        model, output = train(folder, "10:softmax"), os.path.join(folder, "p.csv")
        assert succeed("predict", "--model", model, "--data", "digits/train", "--classes", "--output", output) == ""
        assert len(read(output).splitlines()) == 1348
        assert lamina("predict", "--model", model, "--data", folder, "--classes", "--output", output).returncode == 1
        assert len(read(output).splitlines()) == 1348
        assert sorted(os.listdir(folder)) == ["m.safetensors", "p.csv"]


# ---- evaluate ----


def test_the_confusion_matrix_adds_up_and_shows_outputs_without_data():
    with tempfile.TemporaryDirectory() as folder:
        model = train(folder, "15:softmax", epochs=20)
        result = json.loads(succeed("evaluate", "--model", model, "--data", "digits", "--json"))
        matrix, rows = result["confusion"], result["rows"]
        assert len(matrix) == 15 and sum(map(sum, matrix)) == rows
        assert sum(matrix[i][i] for i in range(15)) / rows == result["accuracy"]
        for i, values in enumerate(result["classes"]):
            labelled, predicted = sum(matrix[i]), sum(row[i] for row in matrix)
            assert values["class"] == i and values["rows"] == labelled and values["predicted"] == predicted, values
            assert values["recall"] == (matrix[i][i] / labelled if labelled else None), values
            assert values["precision"] == (matrix[i][i] / predicted if predicted else None), values
        text = succeed("evaluate", "--model", model, "--data", "digits")
        assert "Classes 10 to 14 have output nodes but no rows here; predicted 0 times.\n" in text, text
        line = next(line for line in text.splitlines() if line.startswith("    3 "))
        expected = [3, *matrix[3], sum(matrix[3])]
        assert line.split()[:-2] == [str(value) for value in expected], line
        assert f"{result['classes'][3]['recall']:.3f}" == line.split()[-1], line
        assert re.search(r"^   14 .* 0 +- +-$", text, re.MULTILINE), text


def test_the_confusion_matrix_is_printed_for_few_classes_or_on_request():
    with tempfile.TemporaryDirectory() as folder:
        few, many = train(folder, "20:softmax", name="few"), train(folder, "21:softmax", name="many")
        shown = lambda *arguments: "precision" in succeed("evaluate", "--data", "digits", "--model", *arguments)
        assert shown(few) and not shown(few, "--confusion=no") and not shown(many) and shown(many, "--confusion")


def test_one_output_has_two_classes():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m")
        data = ["--data", "digits", "--only", "0,1", "--held-out", "0.25"]
        succeed("train", *data, "--layers", "1:sigmoid", "--loss", "binary_crossentropy", "--epochs", "5", "--quiet", "--save", model)
        result = json.loads(succeed("evaluate", "--model", model, *data, "--json"))
        assert len(result["confusion"]) == 2 and result["rows"] == 90 and "binary_accuracy" not in result, result
        assert (result["confusion"][0][0] + result["confusion"][1][1]) / 90 == result["accuracy"], result


# ---- data ----


def test_data_tells_rows_shape_range_and_classes():
    with tempfile.TemporaryDirectory() as folder:
        write_part(folder, "train", 50, largest_label=2)
        text = succeed("data", "--data", folder)
        assert text.startswith("train: 50 rows\n  inputs: bytes of shape (4, 5) from ") or text.startswith("all: 50 rows\n"), text
        counts = [int(count) for count in re.findall(r"class \d +(\d+) rows", text)]
        assert len(counts) == 3 and sum(counts) == 50, text
        write_part(folder, "t10k", 20, largest_label=2)
        assert "test: 20 rows\n" in succeed("data", "--data", folder)


def test_pictures_are_drawn_in_letters_and_on_a_terminal_in_grey():
    lines = succeed("data", "--data", "digits", "--draw", "2").splitlines()
    assert len(lines) == 18 and re.fullmatch(r"row 0, class \d", lines[0]), lines
    assert all(len(line) == 16 and set(line) <= set(" .:-=+*#%@") for line in lines[1:9]), lines
    assert any("@" in line for line in lines[1:9]) and any(" " in line for line in lines[1:9]), lines
    text = in_terminal("data", "--data", "digits", "--draw", "1").decode().splitlines()
    assert len(text) == 5 and all(line.count("\u2580") == 8 and line.endswith("\x1b[0m") for line in text[1:]), text


def test_only_some_classes_are_kept_and_numbered_anew():
    assert [int(count) for count in re.findall(r"class \d +(\d+) rows", succeed("data", "--data", "digits", "--only", "8,3"))] == \
        [int(re.search(rf"class {label} +(\d+) rows", part)[1]) for part in succeed("data", "--data", "digits").split("test:")
         for label in (8, 3)]


def test_rows_held_out_are_of_each_class_alike_and_follow_the_seed():
    def counts(*options):
        parts = succeed("data", "--data", "digits", "--held-out", "0.25", *options).split("test:")
        return [[int(count) for count in re.findall(r"class \d +(\d+) rows", part)] for part in parts]
    rest, held = counts()
    assert sum(rest) == 1347 and sum(held) == 450
    assert all(abs(4 * few - (few + many)) < 8 for few, many in zip(held, rest)), (rest, held)
    first = lambda seed: succeed("data", "--data", "digits", "--held-out", "0.25", "--seed", seed, "--draw", "3")
    assert first(1) == first(1) != first(2)


# ---- tables ----


def test_tables_are_read_as_told_and_classes_have_their_names():
    with tempfile.TemporaryDirectory() as folder:
        model, table, inputs = (os.path.join(folder, name) for name in ("m", "tabs.csv", "inputs.csv"))
        succeed("train", "--data", "iris", "--standardize", "--layers", "6:relu,3:softmax", *SPARSE, "--epochs", 50, "--quiet", "--save", model)
        with open(os.path.join(SOURCE, "data", "iris.csv"), encoding="utf-8") as file:
            _, *rows = (line.split(",") for line in file.read().splitlines())
        with open(table, "w", encoding="utf-8") as file:
            file.writelines("\t".join([row[4], *row[:4]]) + "\n" for row in rows)
        with open(inputs, "w", encoding="utf-8") as file:
            file.writelines(",".join(row) + "\n" for row in [["a", "b", "c", "d"], *(row[:4] for row in rows)])
        as_told = ["--data", table, "--delimiter", "\\t", "--no-header", "--target", "0"]
        assert json.loads(succeed("evaluate", "--model", model, "--data", "iris", "--json")) == \
            json.loads(succeed("evaluate", "--model", model, *as_told, "--json"))
        text = succeed("evaluate", "--model", model, *as_told)
        assert [line.split()[-1] for line in text.splitlines()[-3:]] == ["setosa", "versicolor", "virginica"], text
        predicted = rows_of(succeed("predict", "--model", model, "--data", inputs, "--no-target", "--classes"))
        assert predicted[0] == ["class"] and len(predicted) == 151
        assert sum(name == row[4] for [name], row in zip(predicted[1:], rows)) > 120  # of 150; by chance 50
        assert " Non-trainable params: 8 (32.00 B)\n" in succeed("summary", "--model", model)
        assert "right" in succeed("gradcheck", "--model", model, "--data", "iris")
        refuse(1, ["tabs.csv"], "evaluate", "--model", model, "--data", table)


# ---- fold ----


def test_a_folded_model_predicts_the_same_with_one_layer():
    with tempfile.TemporaryDirectory() as folder:
        model, folded = train(folder, "30,20,10:softmax", epochs=10), os.path.join(folder, "folded")
        said = succeed("fold", "--model", model, "--save", folded)
        assert said == f"3 dense layers became 1, 2780 parameters became 650. Saved as {folded}\n", said
        assert succeed("summary", "--model", folded).count("(Dense)") == 1
        one, other = (rows_of(succeed("predict", "--model", m, "--data", "digits"))[1:] for m in (model, folded))
        # Logits stay below 30 here and pass three products of at most 64 terms: 3 * 64 * 2^-24 * 30 = 3.4e-4 of a probability.
        assert all(abs(float(p) - float(q)) < 3.4e-4 for a, b in zip(one, other) for p, q in zip(a, b))


def test_a_model_without_linear_layers_is_told_to_stay():
    with tempfile.TemporaryDirectory() as folder:
        model = train(folder, "16:relu,10:softmax")
        assert succeed("fold", "--model", model, "--save", os.path.join(folder, "f")).startswith("Nothing folds: ")


# ---- gradcheck ----


def test_gradients_are_right_and_the_numbers_are_told():
    for layers in (["16:tanh,10:softmax", *SPARSE[:2]], ["16:relu,10:sigmoid", "--loss", "binary_crossentropy", "--no-fusion"]):
        asked = ["gradcheck", "--data", "digits", "--layers", *layers]
        assert succeed(*asked).endswith("The gradients are right.\n")
        result = json.loads(succeed(*asked, "--samples", "20", "--batch", "8", "--json"))
        assert result["within"] and result["compared"] == 20 + 16 + 20 + 10 and result["rows"] <= 8, result
        assert 0 < result["largest_absolute"] < 1e-6 and result["largest_relative"] < 1e-4, result


def test_gradients_of_a_saved_model_are_right():
    with tempfile.TemporaryDirectory() as folder:
        assert "right" in succeed("gradcheck", "--data", "digits", "--model", train(folder, "16:relu,10:softmax"))


# ---- files of options ----


def test_printed_options_do_the_same_and_the_command_line_wins():
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "run.ini")
        arguments = ["train", "--data", "digits", "--layers", "16:relu,10:softmax", *SPARSE, "--optimizer-option", "beta_1=0.8",
                     "--optimizer-option", "epsilon=1e-5", "--epochs", "2", "--seed", "5", "--quiet"]
        with open(config, "w", encoding="utf-8") as file:
            file.write(succeed(*arguments, "--print-config"))
        assert succeed("train", "--config", config, "--print-config") == read(config).decode()
        models = [os.path.join(folder, name) for name in "abc"]
        succeed(*arguments, "--save", models[0])
        succeed("train", "--config", config, "--save", models[1])
        succeed("train", "--config", config, "--save", models[2], "--seed", "6")
        a, b, c = map(read, models)
        assert a == b and a != c
        assert "Epoch 1/3" in succeed("train", "--config", config, "--epochs", "3", "--quiet=no")


def test_sections_are_for_their_command_and_other_options_for_all():
    with tempfile.TemporaryDirectory() as folder:
        config, model = os.path.join(folder, "both.ini"), os.path.join(folder, "a model")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"\ufeff; both\r\ndata = digits\r\nloss = sparse_categorical_crossentropy\n[train]\nlayers = 10:softmax\n"
                       f"save = {model}\n--quiet\n[evaluate]\n  model = \"{model}\"  \nconfusion = no\n")
        succeed("train", "--config", config)
        assert succeed("evaluate", "--config", config).count("\n") == 1


# ---- going on ----


def test_an_interrupted_training_goes_on_to_the_same_bits():
    arguments = ["--data", "digits", "--held-out", "0.25", "--seed", "4", "--batch", "16", "--epochs", "400"]
    network = ["--layers", "64:relu,10:softmax", *SPARSE]
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = os.path.join(folder, "whole"), os.path.join(folder, "it's in parts")
        succeed("train", *arguments, *network, "--quiet", "--save", whole)
        run = subprocess.Popen([PROGRAM, "train", *arguments, *network, "--save", parts], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, encoding="utf-8", env=environment())
        while "Epoch 2/" not in run.stdout.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
        assert run.returncode == 130 and "to go on:\n" in said, said
        assert " Optimizer params: 9,622 " in succeed("summary", "--model", parts)
        refuse(2, ["--layers", "leave it out"], "train", "--resume", parts, *arguments, "--layers", "63:relu,10:softmax")
        refuse(2, ["loss", "leave"], "train", "--resume", parts, *arguments, "--loss", "mean_squared_error")
        refuse(2, ["beta_1", "leave"], "train", "--resume", parts, *arguments, *network, "--optimizer-option", "beta_1=0.5")
        refuse(2, ["--epochs 1", "as many are done"], "train", "--resume", parts, "--data", "digits")
        words = said.splitlines()[1].replace("lamina", PROGRAM, 1) + " --quiet"
        subprocess.run(["sh", "-c", words], check=True, env=environment(), timeout=120)
        assert read(whole) == read(parts)


# ---- the manual ----


def test_the_manual_has_every_command_option_and_example_of_the_help():
    manual = succeed("--manual")
    assert manual.startswith(".") and ".SH EXIT STATUS" in manual
    plain = re.sub(r"\\f[BIR]|\\&", "", manual).replace("\\-", "-").replace("\\e", "\\")
    for command in re.findall(r"^  (\w+) ", succeed("--help"), re.MULTILINE):
        page = re.split(r"^\.S[HS] ", plain.split(f".SS lamina {command}\n")[1], flags=re.MULTILINE)[0]
        text = succeed(command, "--help")
        options, examples = re.findall(r"^  (--[\w-]+)", text, re.MULTILINE), text.split("Examples:\n")[1].split("\nExit status")[0]
        assert len(options) >= 5 and examples in page, page
        assert re.findall(r"^(--[\w-]+)", page, re.MULTILINE) == options, (command, options)


if __name__ == "__main__":
    BRANCHES_PROGRAM = os.path.abspath(sys.argv[3])
    sys.exit(tap.run(tap.functions(__name__)))
