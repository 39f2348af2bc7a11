# SPDX-License-Identifier: MIT
"""The demo's page, looked at in a browser. Arguments: the program, the source folder."""
import html.parser
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tap
from program import PROGRAM, SOURCE, environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ALONE = {"meta", "link", "img", "br", "hr", "input"}


def make_page(folder):
    """Runs the demo on the digits; returns the page's path and what was printed."""
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "scripts", "demo_page.py"), PROGRAM, folder, "digits"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                          env=environment(), timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    return os.path.join(folder, "index.html"), done.stdout


class Reader(html.parser.HTMLParser):
    """Checks that tags nest, and gathers addresses and text."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.words = [], [], ""

    def handle_starttag(self, tag, attrs):
        if tag not in ALONE:
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += data


def read_page(path):
    reader = Reader()
    with open(path, encoding="utf-8") as file:
        reader.feed(file.read())
    reader.close()
    assert not reader.open, reader.open
    return reader


def in_browser(path, width, dark=False):
    """How wide the page's content is in a frame of this width, the frame's width, and the lines of the console. A frame, because
    the browser's windows are at least 500 pixels wide."""
    tell = "<script>addEventListener('load', () => parent.postMessage(document.documentElement.scrollWidth + ' of ' + innerWidth, '*'))</script>"
    frame = ("<!doctype html><title>waiting</title><script>addEventListener('message', e => { document.title = 'measured ' + e.data })"
             f"</script><iframe src=page.html style='border:0;width:{width}px;height:844px'></iframe>")
    with tempfile.TemporaryDirectory() as folder:
        with open(path, encoding="utf-8") as file:
            page = file.read()
        for name, content in ("page.html", page.replace("</body>", tell + "</body>")), ("frame.html", frame):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run([CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                               f"--user-data-dir={folder}/profile", "--window-size=1500,900", "--enable-logging=stderr",
                               f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--virtual-time-budget=5000", "--dump-dom",
                               f"file://{folder}/frame.html"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", errors="replace", timeout=120, check=False)
    title = re.search(r"<title>measured (\d+) of (\d+)</title>", done.stdout)
    assert title, f"the browser has not shown the page: {done.stdout[:300]} {done.stderr[-2000:]}"
    return int(title[1]), int(title[2]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def need_browser():
    if not CHROMIUM:
        raise tap.Skip("there is no Chromium: the page was not looked at in a browser (apt-get install chromium)")


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
