# SPDX-License-Identifier: MIT
"""bench/peers/run with what every machine has: Lamina and the plain C loop. No test asks how long anything took.

Arguments: lamina-bench, the source folder."""
import json
import math
import os
import signal
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])
sys.dont_write_bytecode = True  # the source folder stays as it is
sys.path[:0] = [os.path.join(SOURCE, "tests", "cli"), os.path.join(SOURCE, "bench", "peers")]
import page  # pylint: disable=wrong-import-position
import rounds  # pylint: disable=wrong-import-position
import stats  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position
import tap  # pylint: disable=wrong-import-position
import works  # pylint: disable=wrong-import-position
from browser import in_browser, need_browser, read_page  # pylint: disable=wrong-import-position

PEERS = os.path.join(SOURCE, "bench", "peers", "run")
BUILD = os.path.dirname(os.path.dirname(PROGRAM))
RESULT = ["system", "name", "version", "core", "isa", "gemm", "warning", "note", "threads", "threads_observed", "others", "busy", "seconds",
          "seconds_spread", "us", "limit_share", "rows_per_second", "ratio", "ratio_low", "ratio_high", "verdict", "epochs", "loss_first",
          "loss_last", "error", "agrees", "rounds"]
WORK = ["name", "net", "batch", "optimizer", "loss", "rows", "steps", "infer", "text", "label", "data", "threads", "rounds", "reference", "band",
        "limit_us"]


def run(folder, *arguments):
    return subprocess.run([sys.executable, PEERS, "--build", BUILD, "--venvs", os.path.join(folder, "venvs"), "--no-install", "--data", "random",
                           "--turn", "0.001", *arguments], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=300, check=False)


def measure(*arguments, peers="plain-c", lamina="native", code=0):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "peers.json")
        done = run(folder, "--lamina", lamina, "--peers", peers, "--json", path, "--rounds", "3", *arguments)
        assert done.returncode == code, done
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    assert sorted(report) == ["command", "reports"]
    for one in report["reports"]:
        assert sorted(one) == ["left_out", "machine", "results", "work"] and sorted(one["work"]) == sorted(WORK), one
        assert all(sorted(result) == sorted(RESULT) for result in one["results"]), one
    return report["reports"], done


def test_a_plain_loop_in_c_learns_the_same_as_lamina():
    for loss in "sparse_categorical_crossentropy", "mean_squared_error":
        for optimizer in "adam", "rmsprop", "sgd":
            # They begin with the same weights and see the same 1290 rows, in the first epoch in the same order: there losses differ by rounding
            # alone, a few millionths that 129 steps may multiply by a hundred; then by far less than 10 %.
            reports, _ = measure("--net", "20-16-4", "--rows", "1290", "--batch", "10", "--optimizer", optimizer, "--loss", loss)
            loop, lamina = sorted(reports[0]["results"], key=lambda result: result["system"], reverse=True)
            assert lamina["system"] == "lamina-native" and loop["system"] == "plain-c" and lamina["verdict"] == "reference"
            assert reports[0]["work"]["rows"] == 1290 and reports[0]["work"]["rounds"] == 3
            assert lamina["agrees"] and loop["agrees"] and loop["loss_last"] < loop["loss_first"], reports
            assert abs(lamina["loss_first"] / loop["loss_first"] - 1) < 1e-3, reports
            assert lamina["loss_last"] < lamina["loss_first"] and reports[0]["work"]["steps"] == 129
            assert lamina["limit_share"] is None or lamina["limit_share"] > 0


def test_a_plain_loop_in_c_gives_the_same_as_lamina():
    reports, _ = measure("--works", "infer-784-512-10-b1,infer-4-6-6-3-b1", "--threads", "1")
    assert [one["work"]["net"] for one in reports] == ["784-512-10", "4-6-6-3"]
    for one in reports:
        # Probabilities; sums of 784 terms round by 784 times 2^-24 of their size, about 5e-5, at the most.
        assert all(result["agrees"] and result["error"] <= 1e-4 and result["loss_first"] is None for result in one["results"]), one


def test_rows_are_a_whole_number_of_batches():
    reports, _ = measure("--net", "20-16-4", "--rows", "330", "--batch", "32", peers="none")
    assert reports[0]["work"]["rows"] == 320 and [result["verdict"] for result in reports[0]["results"]] == ["reference"]


def test_losses_that_differ_are_told_and_end_with_1():
    # No losses are nearer than not apart.
    reports, done = measure("--net", "20-16-4", "--rows", "320", "--band=-1", code=1)
    assert not all(result["agrees"] for result in reports[0]["results"]) and "NO" in done.stdout


def test_what_cannot_be_measured_is_left_out_with_the_reason():
    reports, done = measure("--net", "20-16-4", "--rows", "320", peers="plain-c,keras-jax,onnxruntime,scikit-learn", lamina="native,nonsense")
    left_out = reports[0]["left_out"]
    assert "bench/peers/install jax" in left_out["keras-jax"] and "inference only" in left_out["onnxruntime"], left_out
    assert "nonsense" in left_out["lamina-nonsense"] and len(reports[0]["results"]) == 2, left_out
    assert "keras-jax is left out" in done.stdout
    assert "RMSprop" in works.why_not("scikit-learn", works.WORKS["784-512-10"])
    assert not works.why_not("scikit-learn", works.WORKS["784-256-15"]) and not works.why_not("onnxruntime", works.WORKS["infer-4-6-6-3-b1"])
    assert works.beside("fann", works.WORKS["784-256-15"]) and not works.beside("torch", works.WORKS["784-256-15"])


def test_every_key_is_documented():
    with open(os.path.join(SOURCE, "docs", "bench.md"), encoding="utf-8") as file:
        text = file.read()
    assert not [key for key in (*RESULT, "reports", "work", "left_out") if f"`{key}`" not in text]


def test_wrong_options_are_answered_with_a_sentence():
    for expected, *arguments in (
        (["kears", "keras-jax"], "--peers", "kears"), (["--reference", "torch"], "--reference", "torch"), (["--net", "784"], "--net", "784"),
        (["--rounds", "0"], "--rounds", "0"), (["--rows"], "--rows", "3"), (["nothing"], "--peers", "none", "--lamina", "none"),
        (["784-1", "784-256-15"], "--works", "784-1"), (["--threads", "0"], "--threads", "1,0"), (["--lamina"], "--infer", "--lamina", "none"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            done = run(folder, *arguments)
        lines = done.stderr.splitlines()
        assert done.returncode == 2 and len(lines) == 1 and all(word in lines[0] for word in expected), (arguments, done)


def test_the_statistics_are_those_of_the_harness():
    assert all(abs(value - 2) < 1e-12 for value in stats.ratio_interval([2, 4, 6], [1, 2, 3]))
    middle, low, high = stats.ratio_interval([math.e, 1, 1 / math.e], [1, 1, 1])  # see statistics.c for the ends
    assert abs(middle - 1) < 1e-12 and all(abs(abs(math.log(end)) - 9.925 / math.sqrt(3)) < 1e-12 for end in (low, high)), (low, high)
    assert stats.verdict(1.03, 1.2) == "faster" and stats.verdict(0.9, 1.1) == "not separated" and stats.verdict(0.8, 0.97) == "slower"
    assert stats.verdict(1.01, 1.2) == "not separated" and stats.verdict(math.nan, math.nan) == "not separated"
    assert abs(stats.spread([50, 10, 40, 20, 30]) - 20) < 1e-9


def test_the_time_is_shared_out_and_the_quick_leave_theirs_to_the_slow():
    assert rounds.share_out({"slow": 4, "quick": 0.1, "medium": 1}, 10, 15) == {"quick": 15, "medium": 4, "slow": 1}
    assert rounds.share_out({"slow": 40, "quick": 0.1}, 10, 15) == {"quick": 15, "slow": 0}
    assert rounds.share_out({"slow": 4}, -1, 15) == {"slow": 0}
    for turns, last in (0, 12), (1, 12), (5, 12), (12, 12):  # of 12 rounds behind the first ones
        due = [rounds.Contest.is_due(turns, number, rounds.LEAST + last) for number in range(rounds.LEAST, rounds.LEAST + last)]
        assert sum(due) == turns, (turns, due)


def test_an_interrupted_run_keeps_what_is_done():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, PEERS, "--build", BUILD, "--venvs", os.path.join(folder, "venvs"), "--no-install", "--data", "random", "--turn", "0.001", "--report",
                   os.path.join(folder, "report"), "--works", "4-6-6-3", "--threads", "1", "--rounds", "10000", "--minutes", "60", "--peers", "plain-c",
                   "--lamina", "native", "--rows", "3200"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8") as process:
            for line in process.stderr:
                if "turns:" in line:
                    process.send_signal(signal.SIGINT)
            assert process.wait() == 130
        with open(os.path.join(folder, "report", "report.json"), encoding="utf-8") as file:
            reports = json.load(file)["reports"]
        # Three at least were whole; one that was not is gone.
        assert len(reports) == 1 and all(3 <= len(one["rounds"]) <= reports[0]["work"]["rounds"] for one in reports[0]["results"]), reports


def make_report(folder):
    """A small report in a folder; its page, and what is in its JSON."""
    done = run(folder, "--report", os.path.join(folder, "report"), "--works", "4-6-6-3,infer-4-6-6-3-b1", "--rows", "640", "--threads", "1",
               "--rounds", "2", "--peers", "plain-c", "--lamina", "native")
    # Epochs of 640 rows are few steps for a network that small: whether it agrees is not asked here.
    assert done.returncode in (0, 1), done
    with open(os.path.join(folder, "report", "report.json"), encoding="utf-8") as file:
        return os.path.join(folder, "report", "index.html"), json.load(file)["reports"]


def test_the_report_is_a_page_a_table_and_json():
    with tempfile.TemporaryDirectory() as folder:
        path, reports = make_report(folder)
        reader = read_page(path)
        assert all(address.startswith("data:") for address in reader.addresses), reader.addresses
        for one in reports:
            for words in (one["work"]["text"], one["machine"]["cpu"], *(result["name"] for result in one["results"])):
                assert words in reader.words, words
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert text.count("<rect ") == sum(len(one["results"]) for one in reports) and text.count("class=card") == 2
        with open(os.path.join(folder, "report", "readme.md"), encoding="utf-8") as file:
            rows = [line.count("|") for line in file.read().splitlines() if line.startswith("|")]
        assert rows == [5] * 4, rows  # a head, its line, two works; a name, Lamina, its share of the limit, plain C


def test_the_page_fits_telephones_and_desks_without_a_word_on_the_console():
    need_browser()
    with tempfile.TemporaryDirectory() as folder:
        path, _ = make_report(folder)
        for width, dark in (390, False), (1440, True):
            content, window, console = in_browser(path, width, dark)
            assert window == width and content <= width, f"{content} pixels in a window of {window}, of {width} asked for"
            assert not console, console


def test_names_from_elsewhere_are_text_on_the_page():
    result = {**dict.fromkeys(RESULT), "system": "a<b>", "name": "a<b>", "version": "&", "warning": "", "note": "", "threads_observed": 1.0,
              "seconds": 0.5, "seconds_spread": 0.1, "us": 5e5, "rounds": [0.5], "loss_first": 1.0, "rows_per_second": 2.0, "ratio": 1.0, "verdict": "reference", "agrees": True}
    report = {"work": {"text": "<i>", "threads": 1, "rounds": 1, "infer": False, "rows": 2, "data": "<u>", "reference": "a<b>", "band": 0.1,
                       "limit_us": None},
              "machine": {"cpu": "<s>", "cpus": 1, "cpus_used": [0], "system": "", "unset": {}, "environment": {"X": "<p>"},
                          "load": {"before": 0, "after": 0, "others": 0, "stolen": 0, "busy": True}},
              "results": [result], "left_out": {"c": "<em>"}}
    text = page.page([report], "<command>")
    assert not any(tag in text for tag in ("<b>", "<i>", "<u>", "<s>", "<em>", "<command>", "'<p>'")), text


def test_the_readmes_table_goes_between_its_comments():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "README.md")
        old, new = (f"a\n{tables.BEGIN}\n{text}\n{tables.END}\nb\n" for text in ("old", "new"))
        for before, good, after in (old, True, new), ("a\n", False, "a\n"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(before)
            assert tables.put_into(path, "new\n") is good
            with open(path, encoding="utf-8") as file:
                assert file.read() == after


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
