#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles or runs every code block of README.md and docs/*.md, and reports each as a test (TAP).

Usage: scripts/check_docs.py BUILD [FILE...]

What is done with a block depends on its language:
  c, cpp       with a main: compiled, linked with BUILD's library, and run, which must end with 0; otherwise a fragment, compiled
               as the body of a function or, where it is not one, as a file
  sh           each line must begin with `lamina`, whose command and options must exist, or with a file of this project
  json         parsed
  text         not code
An HTML comment on the line before a block says otherwise:
  <!-- run -->                         a sh block: run line by line, in a folder that looks like the project's
  <!-- given: lam_context *context --> a C fragment: the parameters of the function it is the body of
  <!-- compile: reason -->             a program: compiled and linked, not run
  <!-- skip: reason -->                nothing is done, and the reason is reported
A block of another language without such a comment is a failure.
"""
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^ *```\s*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- *(run|given|compile|skip) *(?:: *((?:(?!-->).)*?))? *-->$")


class Wrong(Exception):
    """What is wrong with a block."""


class Block:
    def __init__(self, path, text, fence):
        self.language, self.code = fence["language"], fence["code"]
        self.place = f"{os.path.relpath(path, SOURCE)}:{text.count(chr(10), 0, fence.start()) + 1}"
        comment = COMMENT.search(text[: fence.start()].rstrip())
        self.order, self.detail = (comment[1], comment[2] or "") if comment else ("", "")


def blocks_of(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [Block(path, text, fence) for fence in FENCE.finditer(text)]


def command(arguments, **options):
    """Runs a command that must succeed."""
    done = subprocess.run(arguments, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=300, check=False, **options)
    if done.returncode != 0:
        raise Wrong(f"{shlex.join(arguments)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def compiler_for(language):
    if language == "c":
        return [os.environ.get("CC", "cc"), "-std=c11", "-xc"]
    return [os.environ.get("CXX", "c++"), "-std=c++17", "-xc++"]


def compile_source(folder, language, source, *arguments):
    path = os.path.join(folder, "block." + language)
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    command([*compiler_for(language), "-Wall", "-Wextra", "-Werror", "-Wno-unused", f"-I{SOURCE}/include", path, *arguments])


def program(block, build, folder):
    binary = os.path.join(folder, "block")
    compile_source(folder, block.language, block.code, "-xnone", f"-L{build}", f"-Wl,-rpath,{build}", "-llamina", "-lm", "-o", binary)
    if block.order != "compile":
        command([binary], cwd=folder, env=environment(build))


def fragment(block, folder):
    header = "lamina.hpp" if block.language == "cpp" else "lamina.h"
    includes = "".join(f"#include <{name}>\n" for name in ("stdio.h", "stdlib.h", "string.h", "math.h", header))
    given = block.detail if block.order == "given" else ""
    if "#include" not in block.code:
        body = f"{includes}int fragment({given or 'void'});\nint fragment({given or 'void'}) {{\n{block.code}\nreturn 0;\n}}\n"
        try:
            return compile_source(folder, block.language, body, "-fsyntax-only")
        except Wrong:
            if given:
                raise
    return compile_source(folder, block.language, includes + block.code, "-fsyntax-only")


def environment(build):
    return {**os.environ, "LAMINA_DATA": os.path.join(SOURCE, "data"), "PATH": f"{build}/src/cli:{os.environ['PATH']}"}


def run_lines(block, build, folder):
    for name in os.listdir(SOURCE):
        if not name.startswith((".", "build")):
            os.symlink(os.path.join(SOURCE, name), os.path.join(folder, name))
    os.symlink(build, os.path.join(folder, "build"))
    command(["sh", "-euc", block.code], cwd=folder, env=environment(build))


def look_at_line(line, build):
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words.pop(0)
    if not words:
        return
    if os.path.basename(words[0]) == "lamina":
        text = command([f"{build}/src/cli/lamina", *[word for word in words[1:2] if not word.startswith("--")], "--help"])
        for word in words[1:]:
            option = word.split("=")[0]
            if option.startswith("--") and not re.search(rf"(^|\s){option}\b", text):
                raise Wrong(f"there is no {option}: {line}")
    elif not os.path.isfile(os.path.join(SOURCE, words[0])):
        raise Wrong(f"neither a command of lamina nor a file of the project; mark the block with run or skip: {line}")


def check(block, build):
    with tempfile.TemporaryDirectory() as folder:
        if block.language in ("c", "cpp"):
            return program(block, build, folder) if re.search(r"\bmain\s*\(", block.code) else fragment(block, folder)
        if block.language == "sh" and block.order == "run":
            return run_lines(block, build, folder)
        if block.language == "sh":
            return [look_at_line(line, build) for line in block.code.replace("\\\n", " ").splitlines()]
        if block.language == "json":
            return json.loads(block.code)
    raise Wrong(f"language \"{block.language}\": neither compiled nor run, and no reason given")


def main(arguments):
    if not arguments or arguments[0] == "--help":
        print(__doc__)
        return 0 if arguments else 2
    build = os.path.abspath(arguments[0])
    files = arguments[1:] or [os.path.join(SOURCE, "README.md"), *sorted(glob.glob(os.path.join(SOURCE, "docs", "*.md")))]
    blocks = [block for path in files if os.path.exists(path) for block in blocks_of(path) if block.language != "text"]
    print(f"1..{len(blocks)}" + ("" if blocks else " # SKIP there are no code blocks"))
    failures = 0
    for number, block in enumerate(blocks, 1):
        if block.order == "skip":
            failures += not block.detail
            print(f"ok {number} - {block.place} # SKIP {block.detail}" if block.detail else f"not ok {number} - {block.place} no reason")
            continue
        try:
            check(block, build)
            print(f"ok {number} - {block.place} {block.language}")
        except (Wrong, ValueError, subprocess.TimeoutExpired) as reason:
            failures += 1
            print(f"not ok {number} - {block.place} {block.language}")
            print("\n".join("# " + line for line in str(reason).splitlines()))
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
