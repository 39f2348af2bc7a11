# SPDX-License-Identifier: MIT
"""Pages, read and looked at in a browser."""
import html.parser
import os
import re
import shutil
import subprocess
import tempfile

import tap

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ALONE = {"meta", "link", "img", "br", "hr", "input"}


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
