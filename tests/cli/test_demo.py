# SPDX-License-Identifier: MIT
"""The demo's page, looked at in a browser. Arguments: the program, the source folder."""
import os
import subprocess
import sys
import tempfile

import tap
from browser import in_browser, need_browser, read_page
from program import PROGRAM, SOURCE, environment


def make_page(folder):
    """Runs the demo on the digits; returns the page's path and what was printed."""
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "scripts", "demo_page.py"), PROGRAM, folder, "digits"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                          env=environment(), timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    return os.path.join(folder, "index.html"), done.stdout


def test_the_page_shows_everything_and_needs_nothing_else():
    with tempfile.TemporaryDirectory() as folder:
        path, said = make_page(folder)
        reader = read_page(path)
        assert sum(a.startswith("data:image/svg+xml;base64,") for a in reader.addresses) == 3, reader.addresses
        assert all(a.startswith("data:") for a in reader.addresses), "the page takes something from elsewhere"
        for words in ("$ lamina train --data digits", "$ lamina evaluate", "$ lamina summary", "Epoch 30/30", "val_accuracy: ",
                      'Model: "sequential"', "Total params", "precision", "row 0, class", "Test: accuracy "):
            assert words in reader.words, words
        assert "\x1b" not in reader.words and "\b" not in reader.words and "Epoch 30/30" in said
        for name in ("curve.svg", "mistakes.svg", "weights.svg", "model.safetensors", "evaluate.json"):
            assert os.path.getsize(os.path.join(folder, name)) > 0, name


def test_the_page_fits_telephones_and_desks_without_a_word_on_the_console():
    need_browser()
    with tempfile.TemporaryDirectory() as folder:
        path, _ = make_page(folder)
        for width, dark in (390, False), (1440, False), (390, True), (1440, True):
            content, window, console = in_browser(path, width, dark)
            assert window == width and content <= width, f"{content} pixels in a window of {window}, of {width} asked for"
            assert not console, console


def test_a_page_that_is_too_wide_or_complains_is_noticed():
    need_browser()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bad.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<!doctype html><title>bad</title><body><div style='width:700px'>wide</div>"
                       "<script>console.error('loud')</script></body>")
        content, window, console = in_browser(path, 390)
        assert window == 390 and content >= 700 and len(console) == 1 and "loud" in console[0], (content, window, console)


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
