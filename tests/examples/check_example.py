#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs an example and, as a test (TAP), compares what it prints with the text block below `<!-- output: NAME -->` in docs/lessons.md.

Usage: check_example.py PROGRAM SOURCE

Numbers are shown as far as they do not depend on the machine, so the texts must be equal. hello trains on whatever BLAS the build
has: its accuracy must be at least 0.95, and its source must be the one that the README shows, in at most 15 lines.
"""
import os
import re
import subprocess
import sys
import tempfile


class Wrong(Exception):
    """What is wrong with an example."""


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def run(program, source):
    """What the program prints in a folder that looks like the project's."""
    environment = {name: value for name, value in os.environ.items() if name != "LAMINA_DATA"}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("data", "examples"):
            os.symlink(os.path.join(source, name), os.path.join(folder, name))
        done = subprocess.run([os.path.abspath(program)], cwd=folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", timeout=300, check=False)
    if done.returncode != 0:
        raise Wrong(f"exit status {done.returncode}: {done.stderr}")
    return done.stdout


def check_hello(printed, source):
    accuracy = re.fullmatch(r"accuracy (0\.\d{3}|1\.000)\n", printed)
    if not accuracy or float(accuracy[1]) < 0.95:
        raise Wrong(f"not an accuracy of 0.95 or more: {printed!r}")
    code = re.sub(r"\A/\*.*?\*/\n", "", read(source, "examples", "hello.c"), flags=re.DOTALL)
    if code.count("\n") > 15:
        raise Wrong(f"hello.c has {code.count(chr(10))} lines")
    if f"```c\n{code}```" not in read(source, "README.md"):
        raise Wrong("the README does not show examples/hello.c as it is")


def check(name, program, source):
    printed = run(program, source)
    if name == "hello":
        return check_hello(printed, source)
    shown = re.search(rf"<!-- output: {name} -->\n```text\n(.*?)```", read(source, "docs", "lessons.md"), re.DOTALL)
    if not shown:
        raise Wrong(f"docs/lessons.md shows no output of {name}")
    if printed != shown[1]:
        raise Wrong(f"docs/lessons.md shows\n{shown[1]}\nbut {name} prints\n{printed}")
    return None


def main(program, source):
    name = os.path.basename(program)
    print("1..1")
    try:
        check(name, program, source)
    except (Wrong, OSError, subprocess.TimeoutExpired) as reason:
        print(f"not ok 1 - {name}")
        print("\n".join("# " + line for line in str(reason).splitlines()))
        return 1
    print(f"ok 1 - {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
