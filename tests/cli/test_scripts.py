# SPDX-License-Identifier: MIT
"""The scripts that judge must be able to say no. Arguments: the source folder, the build folder."""
import json
import os
import subprocess
import sys
import tempfile

import tap

SOURCE, BUILD = map(os.path.abspath, sys.argv[1:3])


def script(name, *arguments):
    """The script's exit status and what it wrote."""
    done = subprocess.run([os.path.join(SOURCE, "scripts", name), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=120, check=False)
    return done.returncode, done.stdout


def add_up(*entries, protocol="tap"):
    """What add_up_tests.py makes of a log with these (stdout, result, exit status): its status and last line."""
    with tempfile.TemporaryDirectory() as build:
        os.mkdir(os.path.join(build, "meson-logs"))
        os.mkdir(os.path.join(build, "meson-info"))
        with open(os.path.join(build, "meson-info", "intro-tests.json"), "w", encoding="utf-8") as tests:
            json.dump([{"name": "suite", "protocol": protocol}], tests)
        with open(os.path.join(build, "meson-logs", "testlog.json"), "w", encoding="utf-8") as log:
            for stdout, result, code in entries:
                entry = {"name": "suite", "stdout": stdout, "result": result, "returncode": code, "duration": 0.1}
                log.write(json.dumps(entry) + "\n")
        code, text = script("add_up_tests.py", build)
        return code, text.splitlines()[-1]


def test_passed_tests_are_counted_over_executables_and_plans():
    assert add_up(("1..2\nok 1 - a\nok 2 - b\n1..1\nok 1 - c\n", "OK", 0), ("1..1\nok 1 - d\n", "OK", 0)) == (0, "4 passed, 0 failed")


def test_a_failed_test_is_counted():
    assert add_up(("1..2\nok 1 - a\nnot ok 2 - b\n", "FAIL", 1)) == (1, "1 passed, 1 failed")


def test_a_skipped_test_is_told_apart_from_a_failure():
    assert add_up(("1..3\nok 1 - a\nok 2 # SKIP b\nok # SKIP why; not ok 3 # SKIP c\n", "OK", 0)) == (0, "1 passed, 0 failed, 2 skipped")
    assert add_up(("1..2\nok 1 - a\nnot ok 2 # SKIP b\n", "FAIL", 0)) == (1, "1 passed, 1 failed")  # as readers of TAP take it


def test_a_planned_test_that_never_reported_failed():
    assert add_up(("1..3\nok 1 - a\n", "OK", 0)) == (1, "1 passed, 2 failed")


def test_an_executable_that_ends_badly_after_its_last_test_failed():
    assert add_up(("1..1\nok 1 - a\n", "FAIL", 1)) == (1, "1 passed, 1 failed")
    assert add_up(("1..1\nok 1 - a\n", "TIMEOUT", 0)) == (1, "1 passed, 1 failed")


def test_an_executable_without_tests_failed():
    assert add_up(("", "OK", 0)) == (1, "0 passed, 1 failed")


def test_a_program_without_tap_is_told_by_its_closing_line_or_exit_status():
    assert add_up(("all well\n", "OK", 0), protocol="exitcode") == (0, "1 passed, 0 failed")
    assert add_up(("", "FAIL", 1), protocol="exitcode") == (1, "0 passed, 1 failed")
    assert add_up(("342 passed, 0 failed, 157 skipped\n", "OK", 0), protocol="exitcode") == (0, "342 passed, 0 failed")
    assert add_up(("341 passed, 1 failed, 157 skipped\n", "FAIL", 1), protocol="exitcode") == (1, "341 passed, 1 failed")
    assert add_up(("342 passed, 0 failed\n", "FAIL", -11), protocol="exitcode") == (1, "342 passed, 1 failed")
    assert add_up(("ok 1\n", "OK", 0), ("SKIPPED: not there\n", "SKIP", 77), protocol="exitcode") == (0, "1 passed, 0 failed, 1 skipped")


def test_a_build_without_a_log_failed():
    with tempfile.TemporaryDirectory() as build:
        assert script("add_up_tests.py", build)[0] == 1


def check_docs(text):
    """The result lines of check_docs.py on a page."""
    with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as page:
        page.write(text)
        page.flush()
        return [line.split(" ")[0] + (" SKIP" if "# SKIP" in line else "")
                for line in script("check_docs.py", BUILD, page.name)[1].splitlines() if "ok" in line.split(" ")[:2]]


def test_blocks_of_the_documentation_that_hold_pass():
    assert check_docs("<!-- given: lam_context *context -->\n```c\nlam_graph *graph = lam_graph_create(context);\n```\n"
                      "```c\nstatic int stop(void *user, const lam_progress *now) { return now->epoch > 3; }\n```\n"
                      "```sh\nlamina train --data mnist \\\n  --epochs 5\n```\n<!-- run -->\n```sh\ntest -d scripts\n```\n"
                      "```json\n{\"a\": 1}\n```\n<!-- skip: it takes an hour -->\n```sh\nsleep 3600\n```\n"
                      ) == ["ok", "ok", "ok", "ok", "ok", "ok SKIP"]


def test_blocks_of_the_documentation_that_do_not_hold_fail():
    assert check_docs("```c\nlam_graph *graph = lam_graph_create(context);\n```\n```sh\nlamina train --epoch 5\n```\n"
                      "<!-- run -->\n```sh\nfalse\ntrue\n```\n```sh\nrm -rf build\n```\n```json\n{a}\n```\n```python\nprint()\n```\n"
                      "<!-- skip -->\n```sh\nls\n```\n") == ["not"] * 7


def test_every_script_explains_itself():
    for name in sorted(os.listdir(os.path.join(SOURCE, "scripts"))):
        if os.access(os.path.join(SOURCE, "scripts", name), os.X_OK):
            code, text = script(name, "--help")
            assert code == 0 and "usage" in text.lower(), f"scripts/{name} --help: exit status {code}\n{text}"


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
