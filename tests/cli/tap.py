# SPDX-License-Identifier: MIT
"""Runs test functions and reports them as TAP. A test fails by an AssertionError, or any other exception."""
import sys
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; says why."""


def run(tests):
    """Runs (name, function) pairs; returns the exit status."""
    failures = 0
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:  # whatever it is, it is this test's failure
            failures += 1
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    return 1 if failures else 0


def functions(module):
    """The functions test_... of a module, in their order, named by what follows test_."""
    return [(name[5:], function) for name, function in vars(sys.modules[module]).items() if name.startswith("test_")]
