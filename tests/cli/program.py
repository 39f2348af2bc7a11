# SPDX-License-Identifier: MIT
"""What the tests of the program share: running it, and small data sets on disk."""
import gzip
import os
import pty
import random
import struct
import subprocess
import sys

import tap

PROGRAM = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(sys.argv[2])
NETWORK = ["--layers", "16:relu,10:softmax", "--loss", "sparse_categorical_crossentropy", "--optimizer", "adam"]
TRAIN = ["train", "--data", "digits", *NETWORK]


def environment():
    return {**os.environ, "LAMINA_DATA": os.path.join(SOURCE, "data"), "LC_ALL": "C.UTF-8"}


def lamina(*arguments, **options):
    """The finished process, its output as text."""
    return subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=options.pop("stdout", subprocess.PIPE),
                          stderr=subprocess.PIPE, env=environment(), encoding="utf-8", timeout=300, **options)


def succeed(*arguments, **options):
    done = lamina(*arguments, **options)
    assert done.returncode == 0, f"{arguments}: exit status {done.returncode}: {done.stderr}"
    return done.stdout


def refuse(code, expected, *arguments):
    """The program says one sentence with every word of `expected`, ends with this code, and prints nothing else."""
    done = lamina(*arguments)
    said = f"lamina {' '.join(map(str, arguments))}\n  exit status {done.returncode}, stderr: {done.stderr}  stdout: {done.stdout}"
    assert done.returncode == code, f"expected exit status {code}\n{said}"
    assert done.stderr.startswith("lamina: ") and done.stderr.count("\n") == 1, f"expected one sentence\n{said}"
    assert done.stdout == "", f"expected nothing on standard output\n{said}"
    for words in expected:
        assert str(words) in done.stderr, f"expected \"{words}\"\n{said}"


def in_terminal(*arguments):
    """What the program writes to a terminal, as bytes without the terminal's carriage returns before line ends."""
    try:
        child, terminal = pty.fork()
    except OSError as reason:  # a bare chroot has no /dev/pts
        raise tap.Skip(f"no pseudo-terminal: {reason}") from reason
    if child == 0:
        os.execve(PROGRAM, [PROGRAM, *arguments], environment())
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        written += part
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, written
    return written.replace(b"\r\n", b"\n")


def idx(values, *sizes):
    """The bytes of an IDX file of unsigned bytes."""
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + bytes(values)


def write_part(folder, part, rows, largest_label=9, compress=False):
    """Random 4 x 5 pictures with labels in the four-file layout."""
    chance = random.Random(part)
    files = {
        f"{part}-images-idx3-ubyte": idx([chance.randrange(256) for _ in range(rows * 20)], rows, 4, 5),
        f"{part}-labels-idx1-ubyte": idx([chance.randrange(largest_label + 1) for _ in range(rows)], rows),
    }
    for name, content in files.items():
        with (gzip.open(os.path.join(folder, name + ".gz"), "wb") if compress else open(os.path.join(folder, name), "wb")) as file:
            file.write(content)
