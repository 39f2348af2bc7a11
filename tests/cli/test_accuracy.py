# SPDX-License-Identifier: MIT
"""What networks learn from the program alone: the median of three seeds. Arguments: the program, the source folder."""
import json
import statistics
import sys

import tap
from program import succeed

DIGITS = ["--data", "digits", "--held-out", "0.25"]
ADAM = ["--optimizer", "adam", "--batch", "32", "--epochs", "100"]


def median(name, *arguments):
    """Of the test part's accuracy, or another of its numbers."""
    return statistics.median(json.loads(succeed("train", *arguments, "--seed", seed, "--json"))["test"][name] for seed in (1, 2, 3))


def test_digits_are_learnt_from_logits():  # Keras: 0.964
    assert median("accuracy", *DIGITS, *ADAM, "--layers", "25:relu,15:relu,10:linear", "--from-logits", "--loss",
                  "sparse_categorical_crossentropy") >= 0.95


def test_digits_are_learnt_by_ten_binary_questions():
    for layer in ["10:sigmoid"], ["10:linear", "--from-logits"]:
        asked = [*DIGITS, *ADAM, "--layers", *layer, "--loss", "binary_crossentropy"]
        accuracy, binary = median("accuracy", *asked), median("binary_accuracy", *asked)
        assert accuracy >= 0.94, (layer, accuracy)
        # Nine of ten outputs are no: saying no to everything already gives 0.9.
        assert binary >= 0.975, (layer, binary)


def test_zero_and_one_are_told_apart_by_one_output():
    for layer in ["1:sigmoid"], ["1:linear", "--from-logits"]:
        accuracy = median("accuracy", *DIGITS, *ADAM, "--only", "0,1", "--layers", *layer, "--loss", "binary_crossentropy")
        assert accuracy >= 0.99, (layer, accuracy)


def test_iris_is_learnt_standardised():  # Keras: 0.94 to 0.98
    assert median("accuracy", "--data", "iris", "--standardize", "--held-out", "0.3333", "--layers", "6:relu,6:relu,3:softmax", "--loss",
                  "sparse_categorical_crossentropy", "--optimizer", "adam", "--batch", "8", "--epochs", "200") >= 0.94


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
