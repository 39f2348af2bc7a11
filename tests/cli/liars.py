# SPDX-License-Identifier: MIT
"""The libraries that are wrong (tests/blas/liars), and why each is refused. The third argument of a suite is their folder."""
import os
import sys

LIARS = os.path.abspath(sys.argv[3])
REASONS = {
    "corner": r"its product \d+x\d+x\d+:[NT][NT] \(lda \d+, .*\) gives -?\d+ in row 16, column 16, not -?\d+",
    "wide": r"it reads 64-bit integers, but passes for one with 32-bit integers",
    "keeps_nan": r"leaves NaN in row 0, column 0: beta is 0",
    "gaps": r"writes outside of its rows and columns",
    "sloppy": r"which is more than rounding explains",
    "empty": r"has no cblas_sgemm",
    "crash": r"^it crashes: Segmentation fault$",
    "hang": r"^it hangs: no answer in \d+ seconds$",
    "exits": r"^it ends the process, with exit status 3$",
    "prints": r'^it prints "Buy the full version\."$',
}


def liar(name):
    return os.path.join(LIARS, f"libliar_{name}.so")
