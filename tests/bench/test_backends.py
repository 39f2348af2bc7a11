# SPDX-License-Identifier: MIT
"""lamina-bench and the libraries that are wrong: each is refused with its reason, and the rest go on.

Arguments: lamina-bench, the source folder, the folder of the libraries.
"""
import json
import math
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
import tap  # pylint: disable=wrong-import-position
from liars import REASONS, liar  # pylint: disable=wrong-import-position

QUICK = ["--rounds", "2", "--min-time", "0.001", "--pin", "none", "--as-is"]


def start(*arguments, libraries, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAMINA_", "VIRTUAL_ENV"))}
    environment["LAMINA_GEMM_PATH"] = ":".join(map(liar, libraries))
    # A sanitizer ends a program that asks for too much memory, unless it is told to answer like the C library.
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1"
    return subprocess.Popen([PROGRAM, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, encoding="utf-8", **options)


def measure(*arguments, libraries):
    with start(*arguments, *QUICK, "--json", libraries=libraries) as run:
        said, table = run.communicate(timeout=300)
    assert run.returncode == 0, (run.returncode, table)
    return json.loads(said), table


def children_of(process):
    """The process numbers of its children, with their states."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if entry.isdigit() and int(parent) == process:
            found[int(entry)] = state
    return found


def test_each_library_that_is_wrong_is_refused_with_its_reason_and_the_rest_go_on():
    names = ["liar_" + name for name in [*REASONS, "honest", "honest_wide", "onednn"]]
    report, table = measure("gemm", "--shapes", "4x5x6:NN,3x1x2:TT", "--patience", "8", "--backends", ",".join(["native", *names]),
                            libraries=[*REASONS, "honest", "honest_wide", "onednn"])
    backends = {backend["backend"]: backend for backend in report["backends"]}
    assert list(backends) == ["native", *names], list(backends)
    for name, reason in REASONS.items():
        assert re.search(reason, backends["liar_" + name]["refused"]), backends["liar_" + name]
        assert f"liar_{name} is refused: " in table, table
    for name in "native", "liar_honest", "liar_honest_wide", "liar_onednn":
        assert backends[name]["refused"] == "", backends[name]
        assert [r["exact"] for r in report["results"] if r["backend"] == name] == ["yes", "yes"], report["results"]
    assert len(report["results"]) == 8
    assert backends["liar_honest_wide"]["integer_bits"] == 64 and backends["liar_honest"]["integer_bits"] == 32
    assert backends["liar_honest"]["load_ms"] > 0 and backends["liar_honest"]["first_call_ms"] > 0


def test_a_library_that_becomes_wrong_while_it_is_timed_is_refused():
    report, table = measure("gemm", "--shapes", "4x5x6:NN,4x5x7:NN:beta=1", "--backends", "native,liar_late", libraries=["late"])
    assert {result["backend"] for result in report["results"]} == {"native"}, report["results"]
    assert re.search(r"^its product 4x5x6:NN has \S+ times the error that rounding explains after it was timed$",
                     report["backends"][1]["refused"]), report["backends"]
    assert "liar_late is refused: its product" in table, table
    # Where beta is not 0 results build upon each other; one more is made and looked at.
    report, _ = measure("gemm", "--shapes", "4x5x7:NN:beta=1", "--cache", "hot,cold", "--backends", "native,liar_late", libraries=["late"])
    assert [result["backend"] for result in report["results"]] == ["native"] * 2, report["results"]
    assert all(result["error_over_bound"] <= 1 for result in report["results"]), report["results"]
    assert "4x5x7:NN:beta=1 has " in report["backends"][1]["refused"], report["backends"]


def test_measuring_nothing_is_a_failure_and_measuring_some_is_none():
    for arguments in (["gemm", "--shapes", "4x5x6:NN"], ["train", "--net", "5-3", "--rows", "16"], ["infer", "--net", "5-3"]):
        for backends, code in (("/nowhere/lib.so", 1), ("/nowhere/lib.so,native", 0)):
            with start(*arguments, *QUICK, "--backends", backends, "--json", libraries=[]) as run:
                said, table = run.communicate(timeout=300)
            assert run.returncode == code, (arguments, backends, table)
            assert ("nothing was measured" in table) == bool(code) and "lib.so is refused: " in table, table
            assert "/nowhere/lib.so" in json.loads(said)["backends"][0]["refused"], said


def test_a_product_that_no_memory_holds_is_a_failure():
    with start("gemm", *QUICK, "--shapes", "9999999x9999999x9999999:NN", "--backends", "native", "--json", libraries=[]) as run:
        said, table = run.communicate(timeout=300)
    assert run.returncode == 1 and "out of memory" in table and "nothing was measured" in table, table
    assert json.loads(said)["results"] == [], said


def test_a_reference_that_is_refused_gives_its_place_to_the_first_that_is_left():
    report, table = measure("gemm", "--shapes", "4x5x6:NN", "--backends", "liar_exits,native,liar_honest", "--reference", "liar_exits",
                            libraries=["exits", "honest"])
    assert [r["verdict"] == "reference" for r in report["results"]] == [True, False], report["results"]
    assert "the reference is native: liar_exits is refused" in table, table


def test_trainings_and_calls_are_measured_with_every_library_too():
    for command in ["train", "--rows", "16"], ["infer"]:
        report, _ = measure(*command, "--net", "5-4-3", "--batch", "4,8", "--backends", "native,liar_honest,liar_crash",
                            libraries=["honest", "crash"])
        assert [(r["backend"], r["batch"]) for r in report["results"]] == [
            ("native", 4), ("liar_honest", 4), ("native", 8), ("liar_honest", 8)], report["results"]
        assert report["backends"][2]["refused"] == "it crashes: Segmentation fault", report["backends"]


def test_a_session_is_measured_with_the_backend_that_is_asked_for():
    mine, theirs = socket.socketpair()
    mine.settimeout(120)
    with tempfile.TemporaryDirectory() as folder, start(
            "infer", "--net", "99-4-3", "--batch", "4", "--backends", liar("onednn"), "--worker", str(theirs.fileno()), libraries=[],
            pass_fds=[theirs.fileno()]) as worker, mine.makefile("rw", encoding="utf-8") as stream:
        theirs.close()
        hello = json.loads(stream.readline())
        for line in "batch 4", f"save {folder}", "quit":
            stream.write(line + "\n")
            stream.flush()
            stream.readline()
        assert worker.wait(60) == 0, hello
        with open(os.path.join(folder, "outputs.f32"), "rb") as file:
            outputs = struct.unpack("12f", file.read())
    # This library fails at sums of 99 terms, which becomes NaN; the native product does not.
    assert all(map(math.isnan, outputs)), outputs


def test_the_automatic_choice_is_measured_where_it_is_asked_for():
    report, _ = measure("infer", "--net", "5-4-3", "--backends", "native,auto", libraries=[])
    assert [result["backend"] for result in report["results"]] == ["native", "auto"], report["results"]
    report, _ = measure("infer", "--net", "5-4-3", libraries=[])
    assert "auto" not in [backend["backend"] for backend in report["backends"]], report["backends"]


def test_a_library_is_named_by_its_file_too():
    report, _ = measure("gemm", "--shapes", "4x5x6:NN", "--backends", liar("honest"), libraries=[])
    (result,) = report["results"]
    assert result["backend"] == "libliar_honest.so" and liar("honest") in result["command"], result


def test_a_command_measures_the_ratio_again_too():
    report, _ = measure("gemm", "--shapes", "4x5x6:NN", "--backends", "native,liar_honest", libraries=["honest"])
    assert [r["command"].split("--backends ")[1].split()[0] for r in report["results"]] == [
        "native", "native," + liar("honest")], report["results"]


def test_a_driver_that_was_stopped_does_not_take_its_workers_for_hanging():
    with start("gemm", "--shapes", "4x5x6:NN", "--backends", "native", "--min-time", "0.2", "--patience", "2", "--rounds", "2",
               "--launches", "1", "--json", libraries=[], start_new_session=True) as run:
        while not children_of(run.pid) and run.poll() is None:
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGSTOP)
        time.sleep(4)
        os.killpg(run.pid, signal.SIGCONT)
        said = run.communicate(timeout=120)
        assert json.loads(said[0])["backends"][0]["refused"] == "", said


def test_threads_are_asked_for_and_observed():
    report, _ = measure("gemm", "--shapes", "4x5x6:NN", "--backends", "native", "--threads", "1,2", libraries=[])
    assert [result["threads"] for result in report["results"]] == [1, 2]
    # A worker that waits for so small a product spins, or not, as the machine is busy: nothing is said of the second.
    assert all(0 < result["threads_observed"] < result["threads"] + 0.5 for result in report["results"]), report["results"]


def test_an_interrupted_run_keeps_what_is_done_and_leaves_no_process():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        # Far more to measure than there is time for; an answer is given up, so that it is no matter how long it would take.
        with start("gemm", "--shapes", "4x5x6:NN,1000x1000x1000:NN", "--backends", "native,liar_honest", "--rounds", "1", "--min-time", "600",
                   "--json", path, libraries=["honest"]) as run:
            while not children_of(run.pid) and run.poll() is None:
                time.sleep(0.01)
            run.send_signal(signal.SIGINT)
            said = run.communicate(timeout=120)
            assert run.returncode == 130, said
            with open(path, encoding="utf-8") as file:
                assert json.load(file)["command"] == "gemm"
            assert not children_of(run.pid)


def is_alive(process):
    """Neither gone nor waiting for somebody to ask how it ended."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return ") Z " not in file.read()
    except OSError:
        return False


def test_an_idle_worker_is_stopped_and_ends_with_the_program():
    with start("gemm", "--shapes", "4x5x6:NN", "--backends", "native,liar_honest", "--min-time", "3600", libraries=["honest"]) as run:
        stopped = {}
        while not stopped and run.poll() is None:
            stopped = {child: state for child, state in children_of(run.pid).items() if state == "T"}
            time.sleep(0.01)
        assert stopped, run.communicate()
        run.send_signal(signal.SIGKILL)
        run.wait(60)
        end = time.monotonic() + 60
        while (left := [child for child in stopped if is_alive(child)]) and time.monotonic() < end:
            time.sleep(0.01)
        assert not left, left


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
