#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up the test lines (TAP) that meson logged in build folders and prints what failed.

Usage: scripts/add_up_tests.py BUILD...

Meson counts executables; this counts tests. A program that speaks no TAP is one test, or as many as its own closing line
"N passed, N failed" says, and one that ends with 77 was skipped. A test that a plan promised and that never reported counts as failed, and so does an
executable that ended badly without saying so, and a build folder without a log. The last line is "N passed, N failed" or
"N passed, N failed, N skipped".
"""
import json
import os
import re
import sys

RESULT = re.compile(r"^\s*(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^\s*1\.\.(\d+)\s*(?:#\s*(SKIP\b.*))?$", re.IGNORECASE)
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed")
SKIP = re.compile(r"#\s*SKIP\S*\s*(.*)$", re.IGNORECASE)
CMOCKA = re.compile(r"(?:not )?ok \d+ # SKIP ")  # within the reason: see SKIP_BECAUSE in tests/support.h


class Sum:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add_log(self, suite, output, code):
        """Adds one executable's lines."""
        planned = seen = failures = 0
        plans = False
        for line in output.splitlines():
            plan, result = PLAN.match(line), RESULT.match(line)
            if plan:
                plans = True
                planned += int(plan.group(1))
                if plan.group(2):
                    self.skipped.append(f"{suite}: {plan.group(2)}")
            elif result:
                seen += 1
                name = result.group(3).strip() or f"test {result.group(2)}"
                if SKIP.search(line) and not result.group(1):
                    name = CMOCKA.sub("", SKIP.sub(r"\1", name))
                    self.skipped.append(f"{suite}: {name}")
                elif result.group(1):
                    failures += 1
                    self.failed.append(f"{suite}: {name}")
                else:
                    self.passed += 1
            elif line.startswith("Bail out!"):
                failures += 1
                self.failed.append(f"{suite}: {line}")
        for _ in range(planned - seen):
            failures += 1
            self.failed.append(f"{suite}: a planned test never reported")
        if not plans:
            failures += 1
            self.failed.append(f"{suite}: no plan (1..N); it ran no test")
        if code != 0 and failures == 0:
            failures += 1
            self.failed.append(f"{suite}: exit status {code} though no test failed")
        return failures

    def add_program(self, suite, output, code):
        """Adds a test that is told by its exit status."""
        if code == 77:
            self.skipped.append(f"{suite}: {output.strip().splitlines()[-1] if output.strip() else 'it says not why'}")
            return 0
        closing = [CLOSING.match(line) for line in output.splitlines() if CLOSING.match(line)]
        passed, failed = map(int, closing[-1].groups()) if closing else (int(code == 0), int(code != 0))
        if code != 0 and failed == 0:
            failed = 1
        self.passed += passed
        self.failed += [f"{suite}: {failed} failed, exit status {code}"] * failed
        return failed


def protocols(build):
    """How each test of a build tells its result: tap or exitcode."""
    with open(os.path.join(build, "meson-info", "intro-tests.json"), encoding="utf-8") as tests:
        return {test["name"]: test["protocol"] for test in json.load(tests)}


def read_log(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        return [json.loads(line) for line in log if line.strip()]


def add_build(total, build):
    path = os.path.join(build, "meson-logs", "testlog.json")
    if not os.path.exists(path):
        total.failed.append(f"{build}: it could not be built or its tests could not be started")
        return
    entries = read_log(path)
    if not entries:
        total.failed.append(f"{build}: it has no tests")
    protocol = protocols(build)
    for entry in entries:
        name = entry["name"].split("/")[-1].strip()
        suite = f"{build}: {name}"
        output, code = entry.get("stdout") or "", entry.get("returncode", 0)
        if entry["result"] in ("TIMEOUT", "INTERRUPT"):
            code = entry["result"].lower()
        add = total.add_program if protocol.get(name) == "exitcode" else total.add_log
        if add(suite, output, code):
            print(f"-- {suite} ({entry['result']}, {entry['duration']:.1f} s)")
            print("\n".join((output + "\n" + (entry.get("stderr") or "")).strip().splitlines()[-60:]))


def main(builds):
    if not builds or builds[0] == "--help":
        print(__doc__)
        return 0 if builds else 2
    total = Sum()
    for build in builds:
        add_build(total, build)
    for line in total.skipped:
        print(f"SKIPPED {line}")
    for line in total.failed:
        print(f"FAILED {line}")
    skipped = f", {len(total.skipped)} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {len(total.failed)} failed{skipped}")
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
