# SPDX-License-Identifier: MIT
"""The program's drawings say what the numbers say. Arguments: the program, the source folder, the helper `draw`."""
import base64
import csv
import io
import itertools
import json
import math
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree
import zlib
from decimal import Decimal

import tap
from program import NETWORK, SOURCE, TRAIN, idx, lamina, refuse, succeed

DRAW = os.path.abspath(sys.argv[3])
NAN, INFINITY = math.nan, math.inf
SVG = "{http://www.w3.org/2000/svg}"


# ---- reading drawings ----


def parsed(path):
    """The drawing; XML that is not well-formed raises."""
    return tree.parse(path).getroot()


def texts(drawing):
    return [element.text for element in drawing.iter(SVG + "text")]


def curve(epochs):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "curve.svg")
        numbers = "\n".join(" ".join(map(repr, epoch)) for epoch in epochs)
        done = subprocess.run([DRAW, "curve", path], input=numbers, capture_output=True, encoding="utf-8", timeout=60, check=False)
        assert done.returncode == 0, done
        return parsed(path)


def panels(drawing):
    """For each panel its ticks on both axes as (place, number or its decimal logarithm), and whether it is logarithmic."""
    heads = [(float(t.get("y")), t.text) for t in drawing.iter(SVG + "text")
             if (t.text or "").split(" ")[0] in ("loss", "accuracy") and float(t.get("x")) > 16]
    found = []
    for number, (top, head) in enumerate(heads):
        bottom = heads[number + 1][0] if number + 1 < len(heads) else INFINITY
        here = [t for t in drawing.iter(SVG + "text") if top < float(t.get("y")) < bottom - 1]
        logarithmic = "logarithmic" in head
        ys = [(float(t.get("y")) - 4, float(Decimal(t.text).log10() if logarithmic else t.text)) for t in here
              if "end" in t.get("class")]
        xs = [(float(t.get("x")), int(t.text)) for t in here if "middle" in t.get("class") and re.fullmatch(r"\d+", t.text)]
        found.append({"x": xs, "y": ys, "top": top, "bottom": bottom, "logarithmic": logarithmic})
    return found


def interpolate(ticks, place):
    """The number that a place on an axis stands for."""
    (a, low), (b, high) = ticks[0], ticks[-1]
    return low + (high - low) * (place - a) / (b - a)


def points(drawing, name, panel):
    """The places of the series `name` (train, val) that lie in a panel, from lines and dots."""
    places = [tuple(map(float, pair.split(","))) for line in drawing.iter(SVG + "polyline") if line.get("class") == name
              for pair in line.get("points").split()]
    places += [(float(dot.get("cx")), float(dot.get("cy"))) for dot in drawing.iter(SVG + "circle") if dot.get("class") == name]
    return sorted({p for p in places if panel["top"] < p[1] < panel["bottom"]})


def check_series(drawing, panel, name, values):
    """The points of a series stand where the axes put the values; none stands for a number that is not finite."""
    expected = [(i + 1, v) for i, v in enumerate(values) if math.isfinite(v)]
    got = points(drawing, name, panel)
    assert len(got) == len(expected), (name, got, expected)
    span = abs(panel["y"][0][1] - panel["y"][-1][1])
    for (x, y), (epoch, value) in zip(got, expected):
        if len(panel["x"]) > 1:
            assert abs(interpolate(panel["x"], x) - epoch) < 0.01 * len(values), (x, epoch)
        read = interpolate(panel["y"], y)
        # Places have 6 digits, of 480 pixels: 0.001 pixels of the 170 that the axis is long.
        assert abs(read - (math.log10(value) if panel["logarithmic"] else value)) <= 1e-4 * span, (name, epoch, value, read)


def check_ticks(panel):
    """Ticks differ, and lie at 1, 2 or 5 times a power of ten from each other."""
    numbers = [number for _, number in panel["y"]]
    assert 2 <= len(numbers) <= 9 and len(set(numbers)) == len(numbers), numbers
    step = abs(numbers[1] - numbers[0])
    lead = float(f"{step:.3e}".split("e")[0])
    assert any(abs(lead - round_lead) < 1e-2 for round_lead in (1, 2, 5, 10)), numbers
    assert all(abs(abs(b - a) - step) < 1e-6 * step + 1e-9 * abs(b) for a, b in itertools.pairwise(numbers)), numbers
    labels = [number for _, number in panel["x"]]
    assert labels == sorted(set(labels)) and labels and labels[0] == 1, labels


def check_inside(drawing):
    """No text leaves the drawing, a character being at most 7 pixels wide at 12 pixels, 9 at 14."""
    width, height = float(drawing.get("width")), float(drawing.get("height"))
    for text in drawing.iter(SVG + "text"):
        x, y, classes = float(text.get("x")), float(text.get("y")), text.get("class")
        long = len(text.text) * (7 if "small" in classes else 9)
        left = x - long if "end" in classes else x - long / 2 if "middle" in classes else x
        assert left >= 0 and left + long <= width and 10 <= y <= height, (text.text, left, left + long, y)


def png(uri):
    """Width, height, the pixels' bytes by line, and the palette of a PNG; sums are checked."""
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    assert content.startswith(b"\x89PNG\r\n\x1a\n"), uri[:60]
    chunks, at = {}, 8
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at:at + 8])
        body = content[at + 8:at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", content[at + 8 + length:at + 12 + length])[0], kind
        chunks[kind] = body
        at += 12 + length
    width, height, bits = struct.unpack(">IIB", chunks[b"IHDR"][:9])
    lines = zlib.decompress(chunks[b"IDAT"])
    assert bits == 8 and len(lines) == (width + 1) * height and list(chunks)[-1] == b"IEND"
    assert not any(lines[:: width + 1]), "a filter"
    return width, height, [lines[y * (width + 1) + 1:(y + 1) * (width + 1)] for y in range(height)], chunks


# ---- text ----


def drawn_text(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text.svg")
        assert subprocess.run([DRAW, "text", path], input=raw, timeout=60, check=False).returncode == 0
        return texts(parsed(path))[0]


def test_markup_in_a_text_is_shown_as_it_is():
    for text in ('<b>&"', "a'b</text>&amp;", "]]><!--", "Größe 靴 👟", "\u0085 \ufffd"):
        assert drawn_text(text.encode()) == text, text


def test_bytes_that_are_no_text_become_replacement_characters():
    for raw in (b"a\xffb", b"a\xc3", b"\xc0\xaf", b"\xe2\x28\xa1", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80", b"\x01\x1b[",
                b"\xef\xbf\xbe", b"\xe0\x80\x80"):
        text = drawn_text(raw)
        assert "\ufffd" in text, (raw, text)
        assert text.replace("\ufffd", "") == re.sub("[^ -~]", "", raw.decode("latin-1")), (raw, text)


# ---- curves ----


def test_the_curve_of_a_training_has_the_numbers_of_its_history():
    with tempfile.TemporaryDirectory() as folder:
        path, numbers = os.path.join(folder, "c.svg"), os.path.join(folder, "h.json")
        succeed(*TRAIN, "--epochs", "12", "--validation-split", "0.25", "--quiet", "--plot", path, "--json", numbers)
        with open(numbers, encoding="utf-8") as file:
            epochs = json.load(file)["epochs"]
        drawing = parsed(path)
        loss, accuracy = panels(drawing)
        assert "training" in texts(drawing) and "validation" in texts(drawing)
        for panel, name in (loss, "loss"), (accuracy, "accuracy"):
            check_ticks(panel)
            check_series(drawing, panel, "train", [e[name] for e in epochs])
            check_series(drawing, panel, "val", [e["val_" + name] for e in epochs])
        check_inside(drawing)


def test_curves_of_any_numbers_stand_where_the_axes_say():
    chance = random.Random(4)
    cases = {
        "one epoch": [(0.5, 0.8, 0.6, 0.7)],
        "constant": [(2.0, 1.0, 2.0, 1.0)] * 5,
        "all zero": [(0.0, 0.0, 0.0, 0.0)] * 3,
        "gaps": [(1.0, 0.1, NAN, NAN), (NAN, 0.2, 3.0, 0.3), (0.5, NAN, INFINITY, NAN), (0.4, 0.5, 2.0, 0.1)],
        "many decades": [(10.0 ** -k, 0.5, 10.0 ** k, 0.5) for k in range(12)],
        "the largest": [(1e300, 0.5, 1e-300, 0.5), (1.0, 0.6, 1.0, 0.6)],
        "both signs": [(-1e30, 0.5, 1e30, 0.6), (3.0, 0.5, 1e29, 0.6)],
        "nearly equal": [(1e6 + 1e-3 * k, 0.9 + 1e-7 * k, 1e6, 0.9) for k in range(4)],
        "tiny": [(1e-9 * (1 + k), 0.999 + 1e-4 * k, 3e-9, 0.9991) for k in range(9)],
        "hundreds": [(3 / k + chance.random(), 1 - 1 / k, 4 / k, 0.9 - 0.8 / k) for k in range(1, 400)],
    }
    for name, epochs in cases.items():
        drawing = curve(epochs)
        loss, accuracy = panels(drawing)
        for panel, at in (loss, 0), (accuracy, 1):
            try:
                check_ticks(panel)
                check_series(drawing, panel, "train", [e[at] for e in epochs])
                check_series(drawing, panel, "val", [e[at + 2] for e in epochs])
            except AssertionError as wrong:
                raise AssertionError(f"{name}, {('loss', 'accuracy')[at]}") from wrong
        check_inside(drawing)


def test_what_is_missing_is_not_drawn():
    drawing = curve([(1.0, NAN, NAN, NAN), (0.5, NAN, NAN, NAN)])
    assert len(panels(drawing)) == 1 and "validation" not in texts(drawing), texts(drawing)
    assert "no finite numbers" in texts(curve([(NAN, NAN, NAN, NAN)]))
    assert "no epoch has ended" in texts(curve([]))


def test_thousands_of_epochs_stay_small():
    drawing = curve([(1 / k, 0.5, NAN, NAN) for k in range(1, 5001)])
    loss = panels(drawing)[0]
    drawn = points(drawing, "train", loss)
    assert 500 <= len(drawn) <= 1001
    assert abs(interpolate(loss["x"], drawn[-1][0]) - 5000) < 1, "the last epoch is not drawn"


# ---- mistakes ----

NAMES = '<b>&"one",two'


def small_set(folder, shape):
    """Random rows in the four-file layout; returns the test part's rows and labels."""
    chance, size = random.Random(1), math.prod(shape)
    for part, rows in ("train", 60), ("t10k", 50):
        values = [[chance.randrange(256) for _ in range(size)] for _ in range(rows)]
        labels = [chance.randrange(4) for _ in range(rows)]
        for name, content in (("images-idx3", idx(sum(values, []), rows, *shape)), ("labels-idx1", idx(labels, rows))):
            with open(os.path.join(folder, f"{part}-{name}-ubyte"), "wb") as file:
                file.write(content)
    return values, labels


def sheet(folder, shape, last="4:softmax"):
    values, labels = small_set(folder, shape)
    model, path = os.path.join(folder, "m.safetensors"), os.path.join(folder, "s.svg")
    succeed("train", "--data", folder, "--layers", "6:relu," + last, "--loss", "sparse_categorical_crossentropy", "--quiet", "--save", model)
    succeed("evaluate", "--model", model, "--data", folder, "--plot-mistakes", path, "--class-names", NAMES)
    rows = list(csv.reader(io.StringIO(succeed("predict", "--model", model, "--data", folder, "--probabilities"))))[1:]
    return values, labels, [[float(p) for p in row] for row in rows], parsed(path)


def test_the_sheet_shows_the_worst_mistakes_in_order_with_their_pictures():
    with tempfile.TemporaryDirectory() as folder:
        values, labels, probabilities, drawing = sheet(folder, (4, 5))
        wrong = [i for i, (label, p) in enumerate(zip(labels, probabilities)) if p.index(max(p)) != label]
        wrong.sort(key=lambda i: probabilities[i][labels[i]])
        assert len(wrong) > 20, "the set is too easy"
        assert f"The 20 worst of {len(wrong)} mistakes in 50 rows" in texts(drawing), texts(drawing)[:3]
        names, tiles = ['<b>&"one"', "two", "2", "3"], drawing.findall(SVG + "svg")
        assert len(tiles) == 20
        for tile, row in zip(tiles, wrong):
            p, label = probabilities[row], names[labels[row]]
            predicted = names[p.index(max(p))]
            assert tile.find(SVG + "title").text == f"Row {row}: {label} taken for {predicted}"
            assert texts(tile) == [label, f"→ {predicted}", f"{100 * max(p):.1f}% ({100 * p[labels[row]]:.1f}%)"], texts(tile)
            width, height, lines, _ = png(tile.find(SVG + "image").get("href"))
            least, most = min(values[row]), max(values[row])
            assert (width, height) == (5, 4)
            for got, value in zip(b"".join(lines), values[row]):
                assert abs(got - 255 * (value - least) / (most - least)) <= 0.5 + 1e-9, (got, value)


def test_rows_that_are_no_pictures_are_shown_by_their_numbers():
    with tempfile.TemporaryDirectory() as folder:
        values, _, _, drawing = sheet(folder, (7,))
        tile = drawing.find(SVG + "svg")
        row = int(re.match(r"Row (\d+):", tile.find(SVG + "title").text)[1])
        assert texts(tile)[:6] == [*map(str, values[row][:5]), "… 7 in all"], texts(tile)


def test_classes_have_the_names_of_the_data():
    with tempfile.TemporaryDirectory() as folder:
        model, path = os.path.join(folder, "m"), os.path.join(folder, "s.svg")
        succeed("train", "--data", "iris", "--layers", "3:softmax", "--loss", "sparse_categorical_crossentropy", "--quiet", "--save", model)
        succeed("evaluate", "--model", model, "--data", "iris", "--plot-mistakes", path)
        tiles, species = parsed(path).findall(SVG + "svg"), ("setosa", "versicolor", "virginica")
        assert tiles
        for tile in tiles:
            *_, label, predicted, _ = texts(tile)
            assert label in species and predicted.removeprefix("→ ") in species and label not in predicted, texts(tile)


def test_one_output_tells_two_classes_apart():
    with tempfile.TemporaryDirectory() as folder:
        model, path = os.path.join(folder, "m"), os.path.join(folder, "s.svg")
        one = ["--data", "digits", "--only", "8,9"]
        succeed("train", *one, "--layers", "1:sigmoid", "--loss", "binary_crossentropy", "--quiet", "--save", model)
        succeed("evaluate", "--model", model, *one, "--plot-mistakes", path)
        tiles = parsed(path).findall(SVG + "svg")
        assert tiles
        for tile in tiles:
            label, predicted, shares = texts(tile)
            ours, labels = map(float, re.fullmatch(r"([\d.]+)% \(([\d.]+)%\)", shares).groups())
            assert {label, predicted} == {"0", "→ 1"} or {label, predicted} == {"1", "→ 0"}, texts(tile)
            assert ours >= 50 and abs(ours + labels - 100) <= 0.11, shares


def test_a_sheet_without_classes_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        model, path = os.path.join(folder, "m"), os.path.join(folder, "s.svg")
        small_set(folder, (4, 4))
        succeed("train", "--data", folder, "--layers", "1", "--loss", "mean_squared_error", "--quiet", "--save", model)
        refuse(1, ["--plot-mistakes", "not classes"], "evaluate", "--model", model, "--data", folder, "--plot-mistakes", path)
        assert not os.path.exists(path)


# ---- weights ----


def first_weights(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        content = file.read()
    name, kernel = next((name, t) for name, t in header.items() if name.endswith("kernel") and "dense/" in name)
    begin, end = kernel["data_offsets"]
    assert kernel["dtype"] == "F32", name
    return kernel["shape"], struct.unpack(f"<{(end - begin) // 4}f", content[begin:end])


def test_each_unit_is_a_tile_of_its_weights():
    with tempfile.TemporaryDirectory() as folder:
        model, path = os.path.join(folder, "m"), os.path.join(folder, "w.svg")
        small_set(folder, (4, 5))
        succeed("train", "--data", folder, "--layers", "7:relu,4:softmax", "--loss", "sparse_categorical_crossentropy", "--quiet",
                "--save", model)
        succeed("summary", "--model", model, "--plot-weights", path)
        (inputs, units), kernel = first_weights(model)
        assert (inputs, units) == (20, 7)
        drawing = parsed(path)
        check_inside(drawing)
        width, height, lines, chunks = png(drawing.find(SVG + "image").get("href"))
        columns = width // 5
        assert width % 5 == 0 and height == 4 * -(-units // columns)
        most = sorted(map(abs, kernel))[-1 - len(kernel) // 100]
        assert f"≥ {most:.2g}" in texts(drawing) and f"≤ {-most:.2g}" in texts(drawing), texts(drawing)
        for unit in range(units):
            for i in range(inputs):
                index = lines[unit // columns * 4 + i // 5][unit % columns * 5 + i % 5]
                value = max(-1, min(1, kernel[i * units + unit] / most))
                assert abs(index - (128 + 127 * value)) <= 0.5 + 1e-4, (unit, i, index, value)
        colours = [chunks[b"PLTE"][3 * i:3 * i + 3] for i in range(256)]
        opacity = chunks[b"tRNS"]
        assert opacity[128] == 0 and opacity[1] == opacity[255] >= 254 and colours[1] != colours[255]
        assert all(opacity[128 - i] == opacity[128 + i] for i in range(128)), "the colours are not symmetric"


def test_square_rows_are_pictures_and_others_are_refused():
    with tempfile.TemporaryDirectory() as folder:
        for shape, good in ((9,), True), ((7,), False):
            model, path = os.path.join(folder, f"m{shape[0]}"), os.path.join(folder, f"w{shape[0]}.svg")
            small_set(folder, shape)
            succeed("train", "--data", folder, *NETWORK, "--quiet", "--save", model)
            if good:
                succeed("summary", "--model", model, "--plot-weights", path)
                assert png(parsed(path).find(SVG + "image").get("href"))[0] % 3 == 0
            else:
                done = lamina("summary", "--model", model, "--plot-weights", path)
                assert done.returncode == 1 and "neither pictures nor squares" in done.stderr and not os.path.exists(path), done


def test_files_that_cannot_be_written_are_found_before_the_work():
    with tempfile.TemporaryDirectory() as folder:
        refuse(1, ["--plot", "folder"], *TRAIN, "--plot", folder)
        refuse(2, ["--plot", "a file"], *TRAIN, "--plot", "-")
        refuse(1, ["--plot", "cannot be written"], *TRAIN, "--plot", os.path.join(folder, "none", "c.svg"))


if __name__ == "__main__":
    assert os.path.isdir(SOURCE)
    sys.exit(tap.run(tap.functions(__name__)))
