# SPDX-License-Identifier: MIT
"""lamina-bench --html: a page that needs nothing else, shows everything, and fits telephones. Arguments: lamina-bench, the source folder,
the folder of the libraries that are wrong."""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
import tap  # pylint: disable=wrong-import-position
from browser import in_browser, need_browser, read_page  # pylint: disable=wrong-import-position
from liars import liar  # pylint: disable=wrong-import-position

QUICK = ["--rounds", "2", "--min-time", "0.001"]
GEMM = ["gemm", "--shapes", "tiny", "--threads", "1,2", "--backends", "native,liar_honest,liar_exits"]
TRAIN = ["train", "--net", "6-5-3", "--rows", "16", "--batch", "4,8", "--backends", "native,liar_honest", "--parts"]


def make_page(folder, *arguments):
    """The page's path and the report as JSON."""
    path = os.path.join(folder, "report.html")
    libraries = ":".join(map(liar, ("honest", "exits")))
    done = subprocess.run([PROGRAM, *arguments, *QUICK, "--html", path, "--json"], stdin=subprocess.DEVNULL, capture_output=True,
                          encoding="utf-8", timeout=300, check=False, env={**os.environ, "LAMINA_GEMM_PATH": libraries, "OMP_PROC_BIND": "<b>&"})
    assert done.returncode == 0, done
    return path, json.loads(done.stdout)


def test_the_page_shows_everything_and_needs_nothing_else():
    with tempfile.TemporaryDirectory() as folder:
        path, report = make_page(folder, *GEMM)
        reader = read_page(path)
        assert all(address.startswith("data:") for address in reader.addresses), reader.addresses
        for words in (report["machine"]["cpu"], "Who is fastest", "Roofline", "liar_exits is refused: it ends the process, with exit status 3",
                      "OMP_PROC_BIND=<b>&", "All %d results" % len(report["results"]), "2 threads"):
            assert words in reader.words, words
        for result in report["results"]:
            assert result["command"] in reader.words, result
        with open(path, encoding="utf-8") as file:
            page = file.read()
        shapes = {(result["shape"], result["pass"], result["from"], result["threads"]) for result in report["results"]}
        assert page.count("class=card") >= len(shapes) and page.count("class=\"bar ") == len(report["results"])
        assert page.count("<circle ") == len(report["results"])
        assert page.count("★ ") == page.count("class=card") and "<script" not in page


def test_the_parts_of_a_step_add_up_to_its_bar():
    with tempfile.TemporaryDirectory() as folder:
        path, report = make_page(folder, *TRAIN)
        assert "Where a step spends its time" in read_page(path).words
        with open(path, encoding="utf-8") as file:
            page = file.read()
        parts = [result for result in report["results"] if "share" in result]
        assert parts and page.count("height=\"18\"") == len(parts)


def test_every_command_has_a_page():
    for arguments in ["infer", "--net", "3-2", "--backends", "native"], ["kernels", "--shapes", "3x20", "--kernel", "exp"], ["limit"]:
        with tempfile.TemporaryDirectory() as folder:
            path, report = make_page(folder, *arguments)
            assert "All %d results" % len(report["results"]) in read_page(path).words


def test_kernels_and_limits_are_drawn():
    with tempfile.TemporaryDirectory() as folder:
        path, report = make_page(folder, "kernels", "--shapes", "3x20,5x7")
        with open(path, encoding="utf-8") as file:
            page = file.read()
        assert page.count("<circle ") == len(report["results"]) and "Kernels, 3x20" in page and "Kernels, 5x7" in page
        path, report = make_page(folder, "limit")
        with open(path, encoding="utf-8") as file:
            page = file.read()
        drawn = [result for result in report["results"] if result["limit"] != "step"]
        assert page.count("class=\"bar ") == len(drawn) > 8, page.count("class=\"bar ")


def test_the_page_fits_telephones_and_desks_without_a_word_on_the_console():
    need_browser()
    for arguments in GEMM, TRAIN, ["kernels", "--shapes", "3x20"], ["limit"]:
        with tempfile.TemporaryDirectory() as folder:
            path, _ = make_page(folder, *arguments)
            for width, dark in (390, False), (1440, True):
                content, window, console = in_browser(path, width, dark)
                assert window == width and content <= width, f"{content} pixels in a window of {window}, of {width} asked for"
                assert not console, console


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
