#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the data sets that ship in data/ from scikit-learn's copies of them: digits as a pair of IDX files, iris as CSV.

The same bytes every time: gzip without name or date, numbers as they are in the source. data/README.md tells where the data come
from and under which licence.
"""
import argparse
import gzip
import pathlib
import struct


def write_idx(path, array):
    """Unsigned bytes as IDX: two zeros, type 8, the rank, the sizes as big-endian words, the elements."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as compressed:
        compressed.write(header + array.astype("uint8").tobytes())


def write_digits(folder):
    from sklearn.datasets import load_digits

    digits = load_digits()
    assert (digits.images == digits.images.astype("uint8")).all() and digits.images.max() == 16
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder / "digits-images-idx3-ubyte.gz", digits.images)
    write_idx(folder / "digits-labels-idx1-ubyte.gz", digits.target)


def write_iris(path):
    from sklearn.datasets import load_iris

    iris = load_iris()
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.write("sepal_length,sepal_width,petal_length,petal_width,species\n")
        for row, label in zip(iris.data, iris.target):
            file.write(",".join(f"{value:.1f}" for value in row) + f",{iris.target_names[label]}\n")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Needs scikit-learn: pip install scikit-learn")
    parser.add_argument("--output", type=pathlib.Path, default=default, help="the folder to write to (default: data/ of this project)")
    arguments = parser.parse_args()
    write_digits(arguments.output / "digits")
    write_iris(arguments.output / "iris.csv")


if __name__ == "__main__":
    main()
