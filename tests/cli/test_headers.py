# SPDX-License-Identifier: MIT
"""Each public header compiles alone, as C and as C++, without a warning. Arguments: the source folder."""
import os
import re
import shutil
import subprocess
import sys

import tap

INCLUDE = os.path.join(sys.argv[1], "include")
HEADERS = ["lamina.h"] + sorted("lamina/" + name for name in os.listdir(os.path.join(INCLUDE, "lamina")) if name.endswith(".h"))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
CPLUSPLUS_WARNINGS = [*WARNINGS, "-Wold-style-cast"]
STANDARDS = {"c": ["c99", "c11", "c17", "c2x"], "c++": ["c++11", "c++14", "c++17", "c++20"]}
COMPILERS = {"c": ["gcc", "clang"], "c++": ["g++", "clang++"]}


def compiles_alone(compiler, language, standard):
    """The header alone, and twice, as it happens where several files include it."""
    warnings = WARNINGS if language == "c" else CPLUSPLUS_WARNINGS
    for header in HEADERS:
        source = f"#include <{header}>\n#include <{header}>\ntypedef int not_empty;\n"
        done = subprocess.run([compiler, f"-std={standard}", *warnings, "-fsyntax-only", f"-I{INCLUDE}", "-x", language, "-"],
                              input=source, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, f"{compiler} -std={standard} <{header}>\n{done.stderr}"


def includes_nothing_but_the_three_small_headers():
    for header in HEADERS:
        with open(os.path.join(INCLUDE, header), encoding="utf-8") as file:
            for name in re.findall(r"^\s*#\s*include\s*[<\"](.*?)[>\"]", file.read(), re.MULTILINE):
                assert name in ("stddef.h", "stdint.h", "stdbool.h") or name.startswith("lamina/"), f"{header} includes {name}"


TESTS = [("headers_include_only_stddef_stdint_stdbool", includes_nothing_but_the_three_small_headers)]
for language, compilers in COMPILERS.items():
    for compiler in filter(shutil.which, compilers):
        for standard in STANDARDS[language]:
            TESTS.append((f"every_header_compiles_alone_with_{compiler}_as_{standard}",
                          lambda use=(compiler, language, standard): compiles_alone(*use)))

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
