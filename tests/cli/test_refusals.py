# SPDX-License-Identifier: MIT
"""Wrong command lines, each answered by one sentence that names what to write instead. Arguments: the program, the source folder."""
import os
import shlex
import sys
import tempfile

import tap
from program import refuse, succeed

NET = "--layers 16:relu,10:softmax"
TRAIN = f"train --data digits {NET} --loss mean_squared_error"

# The command line, and words that the sentence has.
WRONG = (
    # commands
    ("trian", ["trian", "train"]),
    ("evalute --model m", ["evalute", "evaluate"]),
    ("help evalute", ["evalute", "evaluate"]),
    ("sumary", ["sumary", "summary"]),
    ("grad-check", ["grad-check", "gradcheck"]),
    ("Fold", ["Fold", "fold"]),
    ("xyzzy", ["xyzzy", "train, evaluate"]),
    ("--data digits", ["--data", "train"]),
    # what is missing
    (f"train {NET} --loss mean_squared_error", ["--data NAME"]),
    ("train --data digits --loss mean_squared_error", ["--layers LIST", "256:relu"]),
    (f"train --data digits {NET}", ["--loss NAME"]),
    ("train", ["--data NAME"]),
    ("evaluate --data digits", ["--model FILE"]),
    ("evaluate --model m", ["--data NAME"]),
    ("predict --data digits", ["--model FILE"]),
    ("predict --model m", ["--data NAME"]),
    ("summary", ["--model FILE", "--layers LIST"]),
    ("data", ["--data NAME"]),
    ("fold --save m", ["--model FILE"]),
    ("fold --model m", ["--save FILE"]),
    ("gradcheck --data digits", ["--model FILE", "--layers LIST"]),
    ("gradcheck --layers 3", ["--data NAME"]),
    ("gradcheck --data digits --layers 10", ["--loss NAME"]),
    # options
    ("train --dta digits", ["--dta", "--data"]),
    ("train digits", ["digits", "--help"]),
    ("train -e 5", ["-e", "--help"]),
    ("train --", ["--", "--help"]),
    ("train --data", ["--data NAME"]),
    ("train --data --layers 3", ["--data NAME"]),
    ("train --data ''", ["--data", "empty"]),
    ("train --layers=", ["--layers", "empty"]),
    (f"{TRAIN} --epoch 5", ["--epoch", "--epochs"]),
    (f"{TRAIN} --batch-size 5", ["--batch-size", "--batch"]),
    (f"{TRAIN} --lr 0.1", ["--lr", "--learning-rate"]),
    (f"{TRAIN} --model m", ["--model"]),
    (f"{TRAIN} --confusion", ["--confusion"]),
    ("evaluate --model m --data digits --epochs 3", ["--epochs"]),
    ("predict --model m --data digits --json", ["--json"]),
    ("summary --layers 3 --loss none", ["--loss"]),
    ("data --data digits --layers 3", ["--layers"]),
    ("fold --model m --save n --data digits", ["--data"]),
    (f"{TRAIN} --quiet=maybe", ["--quiet", "yes or no", "maybe"]),
    (f"{TRAIN} --from-logits=1", ["--from-logits", "yes or no"]),
    ("evaluate --model m --data digits --confusion=maybe", ["--confusion", "yes or no"]),
    # names
    (f"train --data=digts {NET} --loss mean_squared_error", ["digts", "digits"]),
    (f"train --data mnits {NET} --loss mean_squared_error", ["mnits", "mnist"]),
    ("data --data fashion_mnist", ["fashion_mnist", "fashion-mnist"]),
    (f"train --data digits {NET} --loss sparse_categorical", ["sparse_categorical_crossentropy"]),
    (f"train --data digits {NET} --loss none", ["none", "mean_squared_error"]),
    (f"train --data digits {NET} --loss mean_squared_eror", ["mean_squared_eror", "mean_squared_error"]),
    (f"{TRAIN} --optimizer adamm", ["adamm", "adam"]),
    (f"{TRAIN} --optimizer SGDD", ["SGDD", "sgd"]),
    (f"{TRAIN} --gemm openblass", ["openblass", "native"]),
    # layers
    ("train --data digits --layers 16:rleu --loss mean_squared_error", ["rleu", "relu"]),
    ("train --data digits --layers 16:softmx --loss mean_squared_error", ["softmx", "softmax"]),
    ("train --data digits --layers relu:16 --loss mean_squared_error", ["relu:16", "256:relu,15:softmax"]),
    ("train --data digits --layers 16:relu,,10 --loss mean_squared_error", ["--layers", "256:relu,15:softmax"]),
    ("train --data digits --layers 16:relu, --loss mean_squared_error", ["--layers", "256:relu,15:softmax"]),
    ("train --data digits --layers '16:relu 10' --loss mean_squared_error", ["relu 10", "relu"]),
    ("train --data digits --layers 0:relu --loss mean_squared_error", ["--layers", "0:relu", "1 to"]),
    ("train --data digits --layers -5 --loss mean_squared_error", ["--layers", "-5", "256:relu"]),
    ("train --data digits --layers 99999999999:relu --loss mean_squared_error", ["--layers", "99999999999"]),
    ("train --data digits --layers 16: --loss mean_squared_error", ["activation", "relu"]),
    ("summary --layers 16;10", ["--layers", "16;10", "256:relu,15:softmax"]),
    ("gradcheck --data digits --layers ten --loss mean_squared_error", ["ten", "256:relu"]),
    # numbers
    (f"{TRAIN} --batch 0", ["--batch", "from 1", "0"]),
    (f"{TRAIN} --batch 2.5", ["--batch", "whole number", "2.5"]),
    (f"{TRAIN} --batch 32k", ["--batch", "whole number", "32k"]),
    (f"{TRAIN} --epochs -1", ["--epochs", "from 1", "-1"]),
    (f"{TRAIN} --epochs 99999999999999999999", ["--epochs", "99999999999999999999"]),
    (f"{TRAIN} --epochs ten", ["--epochs", "ten"]),
    (f"{TRAIN} --epochs 1e3", ["--epochs", "1e3"]),
    (f"{TRAIN} --threads 0", ["--threads", "from 1"]),
    (f"{TRAIN} --seed x", ["--seed", "x"]),
    (f"{TRAIN} --seed -1", ["--seed", "from 0"]),
    (f"{TRAIN} --validation-split 1", ["--validation-split", "between 0 and 1"]),
    (f"{TRAIN} --validation-split 20", ["--validation-split", "between 0 and 1"]),
    (f"{TRAIN} --held-out 0", ["--held-out", "between 0 and 1"]),
    (f"{TRAIN} --held-out 25%", ["--held-out", "25%", "between 0 and 1"]),
    (f"{TRAIN} --held-out 0,25", ["--held-out", "0,25", "between 0 and 1"]),
    (f"{TRAIN} --learning-rate fast", ["--learning-rate", "fast"]),
    (f"{TRAIN} --learning-rate -0.1", ["--learning-rate", "-0.1"]),
    (f"{TRAIN} --learning-rate nan", ["--learning-rate", "nan"]),
    (f"{TRAIN} --learning-rate 1e99", ["--learning-rate", "1e99"]),
    ("data --data digits --draw 0", ["--draw", "from 1"]),
    ("gradcheck --data digits --layers 10 --loss mean_squared_error --samples many", ["--samples", "many"]),
    # classes and shapes
    (f"{TRAIN} --only 1", ["--only", "two classes", "0,1"]),
    (f"{TRAIN} --only 1,1", ["--only", "different", "0,1"]),
    (f"{TRAIN} --only 1,", ["--only", "0,1"]),
    (f"{TRAIN} --only one,two", ["--only", "one,two", "0,1"]),
    (f"{TRAIN} --only 3,12", ["--only", "12", "0 to 9"]),
    ("summary --layers 3 --input 28,28", ["--input", "28,28", "28x28"]),
    ("summary --layers 3 --input 28x", ["--input", "28x28"]),
    ("summary --layers 3 --input 0", ["--input", "28x28"]),
    ("summary --layers 3 --input 1x2x3x4x5x6x7", ["--input", "up to 6"]),
    # tables
    (f"{TRAIN} --target species", ["--target", "FILE.csv", "FILE.npy"]),
    (f"{TRAIN} --delimiter ,", ["--delimiter", "FILE.csv"]),
    (f"{TRAIN} --no-header", ["--no-header", "FILE.csv"]),
    ("train --data x.csv --delimiter ', ' --layers 3 --loss mean_squared_error", ["--delimiter", "one character", "\\t"]),
    ("predict --model m --data x.csv --target y --no-target", ["--target", "--no-target", "one of them"]),
    ("summary --layers 3 --standardize", ["--standardize", "--data NAME", "--input SHAPE"]),
    # the optimizer's numbers
    (f"{TRAIN} --optimizer-option momentum", ["--optimizer-option", "NAME=VALUE"]),
    (f"{TRAIN} --optimizer-option =1", ["--optimizer-option", "NAME=VALUE"]),
    (f"{TRAIN} --optimizer-option momentun=1", ["momentun", "momentum"]),
    (f"{TRAIN} --optimizer-option rho=x", ["rho", "x"]),
    (f"{TRAIN} --optimizer-option rho=1.5", ["rho", "below 1"]),
    (f"{TRAIN} --optimizer-option type=adam", ["--optimizer NAME"]),
    # the loss's numbers, and weights of classes
    (f"{TRAIN} --loss-option delta", ["--loss-option", "NAME=VALUE"]),
    (f"{TRAIN} --loss-option dleta=1", ["dleta", "delta"]),
    (f"{TRAIN} --loss-option loss=huber", ["--loss NAME"]),
    (f"{TRAIN} --loss-option delta=1", ["mean_squared_error", "delta"]),
    ("evaluate --model m --data digits --loss-option", ["--loss-option NAME=VALUE"]),
    (f"{TRAIN} --class-weights 1,,2", ["--class-weights", "1,2.5,1", "1,,2"]),
    (f"{TRAIN} --class-weights 1,-2", ["--class-weights", "from 0"]),
    (f"{TRAIN} --class-weights one", ["--class-weights", "one"]),
    # callbacks
    (f"{TRAIN} --early-stopping 3", ["val_loss", "--validation-split 0.1", "--monitor loss"]),
    (f"{TRAIN} --early-stopping 0 --monitor loss", ["--early-stopping", "from 1"]),
    (f"{TRAIN} --early-stopping 3 --monitor los", ["los", "loss, accuracy"]),
    (f"{TRAIN} --save-best m --monitor val_auc", ["val_auc", "--validation-split"]),
    (f"{TRAIN} --save-best m_{{epohc}} --monitor loss", ["epohc"]),
    (f"{TRAIN} --monitor loss", ["--monitor", "--early-stopping", "--save-best"]),
    (f"{TRAIN} --reduce-lr 0.5 --monitor loss", ["--reduce-lr", "0.5:3"]),
    (f"{TRAIN} --reduce-lr 2:3 --monitor loss", ["--reduce-lr", "between 0 and 1", "2:3"]),
    (f"{TRAIN} --reduce-lr 0.5:0 --monitor loss", ["--reduce-lr", "0.5:0"]),
    (f"{TRAIN} --csv-log -", ["--csv-log", "file"]),
    (f"{TRAIN} --csv-log /tmp/x --save /tmp/x", ["--csv-log", "/tmp/x", "two names"]),
    # what excludes or contradicts each other
    (f"{TRAIN} --save -", ["--save", "file"]),
    (f"{TRAIN} --save /tmp/x --json /tmp/x", ["--save", "--json", "two names"]),
    ("train --data digits --layers 10 --loss mean_squared_error --from-logits", ["mean_squared_error", "from_logits", "cross-entropies"]),
    ("predict --model m --data digits --classes --probabilities", ["--classes", "--probabilities", "one of them"]),
    ("summary --model m --layers 3", ["--model", "--layers", "one of them"]),
    ("summary --model m --input 3", ["--input", "--layers"]),
    ("summary --layers 3 --data digits --input 3", ["--data", "--input", "one of them"]),
    ("gradcheck --data digits --model m --layers 3", ["--model", "--layers", "one of them"]),
    ("fold --model m --save -", ["--save", "file"]),
    # files of options: the text after the bar is in the file
    ("train --config FILE | epoch = 5", ["FILE:1", "epoch", "--epochs"]),
    ("train --config FILE | # comment\n\nepochs = many", ["FILE:3", "--epochs", "many"]),
    ("train --config FILE | [trian]", ["FILE:1", "trian", "train"]),
    ("train --config FILE | [train", ["FILE:1", "[train]"]),
    ("train --config FILE | [train]\ndata", ["FILE:2", "data = NAME"]),
    ("train --config FILE | resume = m", ["FILE:1", "--resume", "command line"]),
    ("train --config FILE | quiet = oui", ["FILE:1", "yes or no"]),
    ("train --config FILE | data = digits\nepochs = 3", ["--layers LIST"]),
    ("train --config", ["--config FILE"]),
)


def check(line, expected):
    line, _, content = line.partition(" | ")
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "run.ini")
        with open(config, "w", encoding="utf-8") as file:
            file.write(content)
        arguments = [config if word == "FILE" else word for word in shlex.split(line)]
        refuse(2, [words.replace("FILE:", config + ":") for words in expected], *arguments)


def test_there_are_a_hundred_wrong_command_lines_and_no_two_are_the_same():
    assert len({line for line, _ in WRONG}) == len(WRONG) >= 100, len(WRONG)


def test_wrong_command_lines_are_answered_by_what_to_write_instead():
    missed = []
    for line, expected in WRONG:
        try:
            check(line, expected)
        except AssertionError as reason:
            missed.append(str(reason))
    assert not missed, "\n".join(missed)


def test_a_folder_or_what_is_missing_is_no_file_of_options():
    with tempfile.TemporaryDirectory() as folder:
        refuse(1, ["--config", "not a file"], "train", "--config", folder)
        refuse(1, ["--config", "missing.ini"], "train", "--config", os.path.join(folder, "missing.ini"))
        with open(os.path.join(folder, "zero.ini"), "wb") as file:
            file.write(b"epochs = 5\0")
        refuse(1, ["zero.ini", "epochs = 5"], "train", "--config", os.path.join(folder, "zero.ini"))


def test_going_on_with_something_else_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.safetensors")
        succeed("train", "--data", "digits", "--layers", "10:softmax", "--loss", "sparse_categorical_crossentropy", "--quiet",
                "--save", model)
        refuse(1, ["--resume", "training was done", "Ctrl-C"], "train", "--resume", model, "--data", "digits")
        refuse(1, ["missing"], "train", "--resume", os.path.join(folder, "missing"), "--data", "digits")


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
