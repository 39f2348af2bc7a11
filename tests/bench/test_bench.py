# SPDX-License-Identifier: MIT
"""lamina-bench from outside: its JSON, its sentences. No test asks how long anything took.

Arguments: lamina-bench, the source folder."""
import csv
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
import tap  # pylint: disable=wrong-import-position

QUICK = ["--rounds", "2", "--min-time", "0.001"]
MEASURED = ["us_low", "us_high", "threads", "threads_observed", "ratio", "ratio_low", "ratio_high", "verdict", "command"]
BACKEND = ["backend", "version", "core"]
STEP = ["net", "batch", "optimizer", "loss", "part", "us", "us_spread", "steps_per_second", "gflops", "peak_share", "limit_us",
        "limit_share", *BACKEND, *MEASURED]
PART = ["net", "batch", "backend", "core", "part", "layer", "us", "us_spread", "share", "gflops", "peak_share",
        "limit_us", "limit_share", "lost_share", "command"]
PRODUCT = ["pass", "m", "n", "k", "trans", "lda", "ldb", "ldc", "alpha", "beta", "cache", "us", "us_spread", "gflops", "peak_share",
           "roof_share", "intensity", "from", "shape", "error_over_bound", "exact", *BACKEND, *MEASURED]
CALL = ["net", "batch", "us", "us_spread", "us_per_row", "gflops", "peak_share", "limit_us", "limit_share", *BACKEND, *MEASURED]
KERNEL = ["kernel", "isa", "shape", "ns", "ns_spread", "ns_low", "ns_high", "gbytes_per_second", "bandwidth_share", *MEASURED[2:]]
FMA = ["limit", "isa", "gflops", "spread", "command"]
BANDWIDTH = ["limit", "isa", "pattern", "level", "kib", "gbytes_per_second", "spread", "command"]
LIMIT = ["limit", "net", "batch", "part", "layer", "work", "unit", "level", "us", "command"]
MACHINE = ["cpu", "isas", "system", "compiler", "lamina", "governor", "cpus", "cpus_allowed", "l1_bytes", "l2_bytes", "l3_bytes", "load",
           "environment", "unset", "pinned", "peak_gflops", "peaks_gflops", "gbytes_per_second", "notes"]
LEVELS = ["l1", "l2", "l3", "memory"]
OPENED = [*BACKEND, "own_threads", "integer_bits", "load_ms", "first_call_ms", "vet_ms", "path", "warning", "refused"]
LOAD = ["before", "after", "others", "stolen", "busy"]
COMPARED = ["what", "unit", "old", "new", "ratio", "ratio_low", "ratio_high", "verdict", "command"]


def bench(*arguments, environment=None):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=300, check=False,
                          env={**os.environ, **(environment or {})})


def measure(*arguments, environment=None):
    """The report of a command."""
    done = bench(*arguments, *QUICK, "--json", environment=environment)
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert sorted(report) == ["backends", "command", "machine", "results"] and report["command"] == arguments[0], report.keys()
    assert sorted(report["machine"]) == sorted(MACHINE) and sorted(report["machine"]["load"]) == sorted(LOAD), report["machine"]
    assert done.stderr, "the table is told too"
    return report


def has_keys(results, keys):
    assert results, "there is a result"
    for result in results:
        assert sorted(result) == sorted(keys), sorted(set(result) ^ set(keys))


def refuse(expected, *arguments):
    """Exit status 2 and one sentence that has all the words."""
    done = bench(*arguments)
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and len(lines) == 1 and all(word in lines[0] for word in expected), (arguments, done)


SMALL = ["--net", "12-8-5", "--batch", "4"]


def test_train_reports_whole_steps_with_the_documented_keys():
    report = measure("train", *SMALL, "--rows", "64", "--optimizer", "rmsprop", "--loss", "mean_squared_error")
    has_keys(report["results"], STEP)
    assert "native" in [result["backend"] for result in report["results"]]
    assert [result["verdict"] for result in report["results"]].count("reference") == 1
    assert report["machine"]["peak_gflops"] > 0


def test_train_reports_the_parts_of_a_step():
    report = measure("train", *SMALL, "--rows", "64", "--backends", "native", "--parts")
    has_keys(report["results"][:1], STEP)
    has_keys(report["results"][1:], PART)
    parts = [(result["part"], result["layer"]) for result in report["results"][1:]]
    for part in ("gather rows", ""), ("forward", "dense"), ("weight gradient", "dense_1"), ("input gradient", "dense_1"), ("optimizer", ""):
        assert part in parts, parts
    assert abs(sum(result["share"] for result in report["results"][1:]) - 1) < 1e-6
    every_part_has_a_limit(report)


def test_infer_reports_the_parts_of_a_call():
    report = measure("infer", *SMALL, "--backends", "native", "--parts")
    has_keys(report["results"][:1], CALL)
    has_keys(report["results"][1:], PART)
    parts = [(result["part"], result["layer"]) for result in report["results"][1:]]
    assert parts == [("copy rows", ""), ("forward", "dense"), ("forward", "dense_1"), ("finish", "dense_1"), ("copy results", "")], parts
    every_part_has_a_limit(report)


def every_part_has_a_limit(report):
    """The limit of the whole is the sum of theirs, and one of them loses most."""
    whole, *parts = report["results"]
    assert all(part["limit_us"] > 0 for part in parts), parts
    assert abs(whole["limit_us"] - sum(part["limit_us"] for part in parts)) <= 1e-9 * whole["limit_us"]
    lost = sum(part["lost_share"] for part in parts)
    assert lost == 0 or abs(lost - 1) < 1e-6, parts
    assert (lost == 0) != (" of the limit; of the rest " in report["machine"]["notes"])


def test_infer_reports_calls_with_the_documented_keys():
    report = measure("infer", "--net", "12-8-5", "--batch", "1,7")
    has_keys(report["results"], CALL)
    assert {result["batch"] for result in report["results"]} == {1, 7}


def test_gemm_reports_products_that_are_right_with_the_documented_keys():
    report = measure("gemm", *SMALL)
    has_keys(report["results"], PRODUCT)
    for result in report["results"]:
        assert result["exact"] == "yes" and 0 <= result["error_over_bound"] <= 1, result
        # What is told is the middle of what is tested.
        assert abs(math.log(result["us"] ** 2 / result["us_low"] / result["us_high"])) < 1e-9, result
    assert [result["pass"] for result in report["results"] if result["backend"] == "native"] == [
        "forward", "weight gradient", "forward", "weight gradient", "input gradient"]


def test_gemm_takes_products_by_shape_cold_ones_too():
    report = measure("gemm", "--shapes", "8x9x10:TT,1x5x3:NT", "--backends", "native", "--cache", "cold,hot")
    assert [(r["m"], r["n"], r["k"], r["trans"], r["lda"], r["ldb"], r["ldc"], r["cache"]) for r in report["results"]] == [
        (*product, cache) for product in ((8, 9, 10, "TT", 8, 10, 9), (1, 5, 3, "NT", 3, 3, 5)) for cache in ("cold", "hot")]


def test_kernels_reports_every_kernel_at_every_level_with_the_documented_keys():
    report = measure("kernels", "--shapes", "3x20")
    has_keys(report["results"], KERNEL)
    with open(os.path.join(SOURCE, "src", "kernels", "kernels.h"), encoding="utf-8") as header:
        kernels = set(re.findall(r"^  X\((\w+), ", header.read(), re.M))
    assert kernels and {result["kernel"] for result in report["results"]} == kernels
    levels = set(report["machine"]["isas"]) | {"plain"}
    assert {(result["kernel"], result["isa"]) for result in report["results"]} == {(k, i) for k in kernels for i in levels}


def test_limit_reports_peaks_bandwidths_and_a_step_with_the_documented_keys():
    report = measure("limit", *SMALL)
    of = lambda kind: [result for result in report["results"] if result["limit"] == kind]
    has_keys(of("fma"), FMA)
    has_keys(of("bandwidth"), BANDWIDTH)
    has_keys(of("step"), LIMIT)
    assert [result["level"] for result in of("bandwidth")] == [level for level in ("L1", "L2", "L3", "memory") for _ in "rw"]


def test_every_key_is_documented():
    with open(os.path.join(SOURCE, "docs", "bench.md"), encoding="utf-8") as page:
        documented = set(re.findall(r"`(\w+)`", page.read()))
    keys = {*STEP, *PART, *PRODUCT, *CALL, *OPENED, *LEVELS, *KERNEL, *FMA, *BANDWIDTH, *LIMIT, *MACHINE, *LOAD, *COMPARED}
    assert keys <= documented, sorted(keys - documented)


def test_a_result_holds_a_command_that_measures_it_again():
    for result in measure("gemm", "--shapes", "4x5x6:NT", "--backends", "native")["results"]:
        again = bench(*result["command"].split()[1:], "--json")
        assert again.returncode == 0, again
        (same,) = json.loads(again.stdout)["results"]
        assert {key: same[key] for key in ("m", "n", "k", "trans", "backend", "command")} == {
            key: result[key] for key in ("m", "n", "k", "trans", "backend", "command")}


def test_tables_are_for_people_and_for_markdown():
    plain, markdown = (bench("infer", "--net", "3-2", "--backends", "native", *QUICK, *more) for more in ([], ["--markdown"]))
    assert plain.returncode == 0 and "us a call" in plain.stdout and "| " not in plain.stdout, plain
    rows = [line for line in markdown.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 6 and all(len({line.count("|") for line in table}) == 1 and "---" in table[1] for table in (rows[:3], rows[3:])), markdown


def test_csv_has_a_column_for_each_key_and_a_line_for_each_result():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.csv")
        report = measure("train", *SMALL, "--rows", "8", "--backends", "native", "--parts", "--csv", path)
        with open(path, encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    assert len(lines) == len(report["results"])
    for line, result in zip(lines, report["results"]):
        assert set(result) <= set(line) and all(line[key] == "" for key in set(line) - set(result)), line
        for key, value in result.items():
            assert line[key] == value if isinstance(value, str) else value is None and line[key] == "" or float(line[key]) == value, key


def test_settings_that_choose_kernels_are_unset_and_shown():
    setting = {"OPENBLAS_CORETYPE": "Haswell", "MKL_CBWR": "two words"}
    machine = measure("infer", "--net", "3-2", environment=setting)["machine"]
    # The machine may have more such settings than this one.
    assert {"OPENBLAS_CORETYPE=Haswell", "MKL_CBWR=two words"} <= set(machine["unset"]), machine
    assert not any("CORETYPE" in entry or "CBWR" in entry for entry in machine["environment"]), machine
    machine = measure("infer", "--net", "3-2", "--as-is", environment=setting)["machine"]
    assert machine["unset"] == [] and "OPENBLAS_CORETYPE=Haswell" in machine["environment"], machine


def wait_for_handler(run, number):
    """Waits until the program catches this signal."""
    while run.poll() is None:
        with open(f"/proc/{run.pid}/status", encoding="utf-8") as file:
            if int(re.search(r"^SigCgt:\s*(\w+)", file.read(), re.M)[1], 16) >> (number - 1) & 1:
                return
        time.sleep(0.01)


def test_an_interrupted_run_keeps_what_is_done():
    # A closed terminal, too, where nobody reads the table any longer. The parent may have these signals ignored.
    usual = lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGPIPE)]
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.json")
            reader, writer = os.pipe()
            with subprocess.Popen([PROGRAM, "kernels", "--min-time", "3600", "--json", path], stderr=subprocess.DEVNULL, preexec_fn=usual,
                                  stdout=writer if number == signal.SIGHUP else subprocess.DEVNULL) as run:
                wait_for_handler(run, number)
                os.close(writer)
                os.close(reader)
                run.send_signal(number)
                assert run.wait(120) == (-signal.SIGPIPE if number == signal.SIGHUP else 130), number
            with open(path, encoding="utf-8") as file:
                assert json.load(file)["command"] == "kernels"


def test_a_run_that_is_to_outlive_its_terminal_does():
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with subprocess.Popen([PROGRAM, "kernels", "--min-time", "3600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=ignore) as run:
        wait_for_handler(run, signal.SIGTERM)
        run.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert run.poll() is None
        run.send_signal(signal.SIGTERM)
        assert run.wait(120) == 130


def test_wrong_command_lines_are_answered_with_a_sentence():
    for expected, *arguments in (
        (["trian", "train"], "trian"),
        (["--roundz", "--rounds"], "train", "--roundz", "3"),
        (["--cache"], "train", "--cache", "cold"),
        (["cache", "warm", "hot"], "gemm", "--cache", "warm"),
        (["--rounds", "from 1 to 256", "0"], "train", "--rounds", "0"),
        (["--neighbours", "from 1 to 256", "257"], "train", "--neighbours", "257"),
        (["--pin", "\"x\"", "none"], "limit", "--pin", "x"),
        (["--pin", "\"-1\""], "gemm", "--pin=-1"),
        (["--pin", "\"none\""], "kernels", "--pin", "none,0"),
        (["--pin 99999", "may not run there"], "train", "--pin", "99999"),
        (["8x8x8:NN:lda=2", "lda is 2, less than a row of its matrix, 8"], "gemm", "--shapes", "8x8x8:NN:lda=2"),
        (["alpha takes a number", "foo"], "gemm", "--shapes", "8x8x8:NN:alpha=foo"),
        (["8x8x8", "8x8x8:NN"], "gemm", "--shapes", "8x8x8"),
        (["XX", "8x256x256:NN"], "gemm", "--m", "8", "--trans", "XX"),
        (["--rounds", "256", "999"], "train", "--rounds", "999"),
        (["--rounds", "needs a value"], "train", "--rounds"),
        (["--min-time", "fast"], "train", "--min-time", "fast"),
        (["--min-time", "-1"], "train", "--min-time", "-1"),
        (["--min-time", "nan"], "train", "--min-time", "nan"),
        (["--net", "784-256-15", "784"], "train", "--net", "784"),
        (["--net", "784,3"], "train", "--net", "784,3"),
        (["--net", "4-0-3"], "train", "--net", "4-0-3"),
        (["--net", "4--3"], "train", "--net", "4--3"),
        (["--batch", "1,,2"], "train", "--batch", "1,,2"),
        (["--batch", "99999999999"], "train", "--batch", "99999999999"),
        (["optimizer", "adamm", "nearest are adam"], "train", "--optimizer", "adamm"),
        (["loss", "mean_squared", "mean_squared_error"], "train", "--loss", "mean_squared"),
        (["openblass", "native"], "gemm", "--backends", "openblass"),
        (["missing", "native,"], "gemm", "--backends", "native,"),
        (["nativ", "nearest is native"], "gemm", "--backends", "native", "--reference", "nativ"),
        (["3x3", "32x256x784:NN"], "gemm", "--shapes", "3x3"),
        (["3x3:NN", "32x128"], "kernels", "--shapes", "3x3:NN"),
        (["-1x3", "32x128"], "kernels", "--shapes", "-1x3"),
        (["sofmax", "softmax"], "kernels", "--kernel", "sofmax"),
        (["avx3", "avx2"], "kernels", "--isa", "avx3"),
        (["avx3", "avx2"], "limit", "--isa", "avx3"),
        (["--quiet", "yes or no", "perhaps"], "limit", "--quiet=perhaps"),
        (["--json", "empty"], "limit", "--json="),
        (["extra", "--name VALUE"], "limit", "extra"),
        (["--worker", "99"], "train", "--worker", "99"),
    ):
        refuse(expected, *arguments)


def test_a_file_that_cannot_be_written_is_told_before_the_measuring():
    done = bench("limit", "--min-time", "3600", "--json", "/nowhere/report.json")
    assert done.returncode == 1 and "/nowhere/report.json" in done.stderr, done


def test_a_cpu_that_the_process_may_not_use_is_refused():
    allowed = sorted(os.sched_getaffinity(0))
    done = bench("infer", "--net", "3-2", "--backends", "native", *QUICK, "--pin", str(allowed[0]), "--json")
    assert done.returncode == 0, done
    # A process that may use one CPU is not pinned: it cannot run elsewhere.
    assert json.loads(done.stdout)["machine"]["pinned"] == (f"1 thread on CPU {allowed[0]}" if len(allowed) > 1 else ""), done
    forbidden = next(cpu for cpu in range(1024) if cpu not in allowed)
    refuse([f"--pin {forbidden}", "may not run there, but on " + str(allowed[0])], "limit", "--pin", f"{allowed[0]},{forbidden}")


def test_help_offers_the_plain_loop_where_there_is_one():
    for command, offered in ("kernels", True), ("limit", False):
        (line,) = [line for line in bench(command, "--help").stdout.splitlines() if line.startswith("  --isa ")]
        assert ("plain" in line) == offered, line
        done = bench(command, "--isa", "plain", "--shapes", "3x20", *QUICK) if offered else bench(command, "--isa", "plain")
        assert done.returncode == (0 if offered else 2), done


def test_help_has_every_option():
    for command in "train", "infer", "gemm", "kernels", "limit":
        done = bench(command, "--help")
        assert done.returncode == 0 and "--min-time" in done.stdout and "lamina-bench " + command in done.stdout, done


def test_a_worker_trains_an_epoch_for_each_line():
    mine, theirs = socket.socketpair()
    mine.settimeout(120)
    with subprocess.Popen([PROGRAM, "train", *SMALL, "--rows", "64", "--backends", "native", "--worker", str(theirs.fileno())],
                          pass_fds=[theirs.fileno()], stdout=subprocess.PIPE) as worker, mine.makefile("rw", encoding="utf-8") as stream:
        theirs.close()
        hello = json.loads(stream.readline())
        assert hello["name"] == "native" and hello["rows"] == 64 and hello["batch"] == 4, hello
        losses = []
        for _ in range(20):
            stream.write("epoch\n")
            stream.flush()
            answer = json.loads(stream.readline())
            assert sorted(answer) == ["accuracy", "cpu", "loss", "seconds"] and answer["seconds"] > 0, answer
            losses.append(answer["loss"])
        assert losses[-1] < losses[0]
        stream.write("quit\n")
        stream.flush()
        assert worker.wait(60) == 0 and worker.stdout.read() == b""


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
