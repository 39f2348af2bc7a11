#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains a network, examines it, and shows on one page what came out.

Usage: scripts/demo_page.py PROGRAM FOLDER [DATA]

Runs the program `lamina` on DATA, fashion-mnist or digits, and leaves in FOLDER the model, the drawings, the numbers, and index.html,
which holds everything itself. scripts/demo calls this.
"""
import base64
import errno
import html
import json
import os
import pty
import re
import subprocess
import sys
import time

FASHION = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
DIGITS = "zero,one,two,three,four,five,six,seven,eight,nine"
NETWORKS = {
    "fashion-mnist": ("Fashion-MNIST", FASHION, "--layers 256:relu,15:softmax --epochs 5"),
    "digits": ("digits", DIGITS, "--layers 25:relu,15:relu,10:softmax --epochs 30 --validation-split 0.1"),
}


def commands(data, folder):
    """What runs, as (heading, arguments)."""
    _, names, network = NETWORKS[data]
    model = f"{folder}/model.safetensors"
    return [
        ("Data", ["data", "--data", f"{data}/test", "--draw", "2"]),
        ("Training", ["train", "--data", data, *network.split(), "--loss", "sparse_categorical_crossentropy", "--optimizer", "adam",
                      "--batch", "32", "--plot", f"{folder}/curve.svg", "--save", model]),
        ("Evaluation", ["evaluate", "--model", model, "--data", data, "--plot-mistakes", f"{folder}/mistakes.svg", "--class-names",
                        names, "--json", f"{folder}/evaluate.json"]),
        ("Network", ["summary", "--model", model, "--plot-weights", f"{folder}/weights.svg"]),
    ]


# ---- running ----


def read_all(descriptor, sink):
    """What arrives until the other side is closed; a terminal says that by an error."""
    written = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError as reason:
            if reason.errno != errno.EIO:
                raise
            part = b""
        if not part:
            return written
        written += part
        sink(part)


def run(arguments):
    """Runs a command in a terminal of its own, where there are any, and returns what it wrote; shows that as it comes."""
    show = sys.stdout.isatty()
    try:
        reader, writer = pty.openpty()
    except OSError:  # a bare chroot has no /dev/pts
        reader, writer = os.pipe()

    def sink(part):
        if show:
            os.write(1, part)

    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer) as process:
        os.close(writer)
        text = read_all(reader, sink).decode("utf-8", "replace").replace("\r\n", "\n")
    os.close(reader)
    if not show:
        print("\n".join("".join(c for c, _ in line).rstrip() for line in screen(text)))
    if process.returncode:
        sys.exit(process.returncode)
    return text


# ---- a terminal ----


def screen(text):
    """The lines as a terminal shows them: each a list of (character, style)."""
    lines, style = [], ""
    for line in text.split("\n"):
        cells, at = [], 0
        for code, character in re.findall("\x1b\\[([0-9;]*)m|([^\x1b])", line):
            if character == "\r":
                at = 0
            elif character == "\b":
                at = max(0, at - 1)
            elif character:
                cells[at:at + 1] = [(character, style)]
                at += 1
            else:
                style = style + " " + code if code not in ("", "0") else ""
        lines.append(cells)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def css(style):
    """The look of the escape sequences in force: bold, green, white, and the greys of 256 colours."""
    look = []
    for code in style.split():
        if code == "1":
            look.append("font-weight:600")
        elif code == "32":
            look.append("color:var(--green)")
        elif code == "37":
            look.append("color:var(--soft)")
        elif shade := re.fullmatch(r"([34])8;5;(2[3-5]\d)", code):
            grey = 8 + 10 * (int(shade[2]) - 232)
            look.append(f"{'color' if shade[1] == '3' else 'background'}:#{grey:02x}{grey:02x}{grey:02x}")
    return ";".join(look)


def terminal(text):
    """The markup of what a terminal shows."""
    parts = []
    for cells in screen(text):
        run_style, run_text = "", ""
        for character, style in [*cells, ("\n", "")]:
            if style != run_style:
                parts.append(span(run_style, run_text))
                run_style, run_text = style, ""
            run_text += character
        parts.append(run_text)
    return "".join(parts).rstrip("\n")


def span(style, text):
    look = css(style)
    text = html.escape(text)
    return f'<span style="{look}">{text}</span>' if look and text else text


# ---- the page ----

STYLE = """
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--paper:#fff;--panel:#f6f8fa;--edge:#d8dee4;--green:#1a7f37;--heat:9,105,218}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--paper:#0d1117;--panel:#151b23;--edge:#30363d;--green:#3fb950;
--heat:88,166,255}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:78rem;padding:1rem 1rem 3rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,
-apple-system,sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:1rem 0 .5rem}h2{font-size:1.15rem;margin:0 0 .5rem}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1.5rem;margin-top:1.5rem}
section,.grid>div{min-width:0}
section+section{margin-top:1.5rem}
.grid>section{margin-top:0}
.wide{grid-column:1/-1}
img{display:block;width:100%;max-width:36rem;height:auto;border:1px solid var(--edge);border-radius:6px}
.scroll{overflow:auto;max-height:30rem;border:1px solid var(--edge);border-radius:6px;background:var(--panel)}
pre{margin:0;padding:.75rem;font:.8rem/1.35 ui-monospace,"DejaVu Sans Mono",monospace}
pre.tight{font-size:.75rem;line-height:1.17}
pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
.word{white-space:nowrap}
h1 span{white-space:nowrap}
.prompt,.soft{color:var(--soft)}
table{border-collapse:collapse;font-size:.8rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .45rem;text-align:right;white-space:nowrap}
th:first-child{text-align:left;position:sticky;left:0;background:var(--panel)}
thead th{border-bottom:1px solid var(--edge)}
"""


def picture(path):
    with open(path, "rb") as file:
        content = file.read()
    name = re.search("<title>(.*?)</title>", content.decode("utf-8"))[1]
    return f'<img alt="{name}" src="data:image/svg+xml;base64,{base64.b64encode(content).decode("ascii")}">'


def confusion(numbers, names):
    """The matrix as a table: the darker, the more of the label's rows."""
    classes, matrix = numbers["classes"], numbers["confusion"]
    head = "".join(f"<th scope=col>{c['class']}</th>" for c in classes)
    rows = []
    for c, counts in zip(classes, matrix):
        name = c.get("name", names[c["class"]] if c["class"] < len(names) else "")
        shades = [0.6 * (n / max(1, c["rows"])) ** 0.5 for n in counts]
        cells = "".join(f'<td style="background:rgba(var(--heat),{shade:.2f})">{n or "·"}</td>' for n, shade in zip(counts, shades))
        shares = "".join(f"<td>{'–' if c[key] is None else format(c[key], '.3f')}</td>" for key in ("precision", "recall"))
        rows.append(f'<tr><th scope=row>{c["class"]} {html.escape(name)}</th>{cells}<td>{c["rows"] or "no rows"}</td>{shares}</tr>')
    return ('<div class=scroll tabindex=0><table><thead><tr><th scope=col>label</th>' + head +
            "<th scope=col>rows</th><th scope=col>precision</th><th scope=col>recall</th></tr></thead><tbody>" + "\n".join(rows) +
            "</tbody></table></div>")


def section(heading, content, classes=""):
    return f'<section class="{classes}"><h2>{heading}</h2>\n{content}\n</section>\n'


def block(text, classes=""):
    return f'<div class=scroll tabindex=0><pre class="{classes}">{text}</pre></div>'


def quoted(arguments):
    """The words of a command line as they would be typed."""
    return [f"'{a}'" if re.search(r"[^\w@%+=:,./-]", a) else a for a in arguments]


def command_line(words):
    """The markup of a command, which breaks between its words."""
    return " ".join(f"<span class=word>{html.escape(word)}</span>" if len(word) < 36 else html.escape(word) for word in words)


def page(data, folder, ran):
    """The markup of the page; `ran` is (heading, words of the command, output, seconds)."""
    title, names, _ = NETWORKS[data]
    with open(f"{folder}/evaluate.json", encoding="utf-8") as file:
        numbers = json.load(file)
    output = {heading: terminal(text) for heading, _, text, _ in ran}
    lines = "\n".join(f'<span class=prompt>$</span> {command_line(line)}  <span class=soft># {seconds:.1f} s</span>'
                      for _, line, _, seconds in ran)
    sections = [
        section("What ran", block(lines, "wrap"), "wide"),
        section("Training", block(output["Training"]), "wide"),
        section("Curves", picture(f"{folder}/curve.svg")),
        section("Weights of the first layer", picture(f"{folder}/weights.svg")),
        section("Worst mistakes", picture(f"{folder}/mistakes.svg")),
        "<div>" + section("Two pictures, in the terminal", block(output["Data"], "tight")) +
        section("The network", block(output["Network"], "tight")) + "</div>\n",
        section("Confusion: rows are labels, columns what was predicted", confusion(numbers, names.split(",")), "wide"),
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Lamina on {title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Lamina on <span>{title}</span></h1>
<p>Of {numbers["rows"]:,} pictures that the network has not learnt from, it recognises
<strong>{100 * numbers["accuracy"]:.1f}&nbsp;%</strong> (± {100 * numbers["accuracy_standard_error"]:.1f}); loss {numbers["loss"]:.4f}.</p>
<div class="grid">
{"".join(sections)}</div>
</body>
</html>
"""


def main():
    if len(sys.argv) not in (3, 4) or "--help" in sys.argv or sys.argv[3:] not in ([], *([name] for name in NETWORKS)):
        print(__doc__.strip())
        return 0 if "--help" in sys.argv else 2
    program, folder, data = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else "fashion-mnist"
    os.makedirs(folder, exist_ok=True)
    ran = []
    for heading, arguments in commands(data, folder):
        line = ["lamina", *quoted(arguments)]
        print("\n$", *line, flush=True)
        begin = time.monotonic()
        ran.append((heading, line, run([program, *arguments]), time.monotonic() - begin))
    path = os.path.join(folder, "index.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(data, folder, ran))
    print(f"\nThe page is {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
