# SPDX-License-Identifier: MIT
"""Every library that this machine has, measured twice. Arguments: lamina-bench, the source folder."""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
import tap  # pylint: disable=wrong-import-position

REPORTS = []


def reports():
    """Two reports of all there is."""
    while len(REPORTS) < 2:
        done = subprocess.run([PROGRAM, "gemm", "--net", "784-256-15", "--batch", "1,32", "--min-time", "0.1", "--json"],
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=600, check=False)
        assert done.returncode == 0, done
        REPORTS.append(json.loads(done.stdout))
    return REPORTS


def test_every_library_is_measured_and_right():
    for report in reports():
        names = [backend["backend"] for backend in report["backends"]]
        assert "native" in names and not [backend for backend in report["backends"] if backend["refused"]], report["backends"]
        assert len(report["results"]) == 10 * len(names), names
        assert all(result["exact"] == "yes" and result["error_over_bound"] <= 1 for result in report["results"])


def test_two_reports_do_not_contradict_each_other():
    first, second = ({(r["backend"], r["shape"]): r["verdict"] for r in report["results"]} for report in reports())
    assert first.keys() == second.keys()
    contradictions = {key: (first[key], second[key]) for key in first if {first[key], second[key]} == {"faster", "slower"}}
    assert not contradictions, contradictions


def test_a_report_against_itself_has_no_change():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(reports()[0], file)
        assert subprocess.run([PROGRAM, "compare", path, path], stdout=subprocess.DEVNULL, timeout=60, check=False).returncode == 0


def test_the_script_for_all_libraries_has_help_and_tells_what_is_missing():
    script = os.path.join(SOURCE, "bench", "all-libraries")
    done = subprocess.run([script, "--help"], capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0 and "Usage: " in done.stdout, done
    done = subprocess.run([script, "--build", "/nowhere"], capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 2 and "/nowhere/bench/lamina-bench" in done.stderr, done


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
