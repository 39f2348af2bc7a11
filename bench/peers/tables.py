# SPDX-License-Identifier: MIT
"""The report as text: the table of a set, and the one for the README."""
import statistics

COLUMNS = [("system", "name", "{}"), ("core", "core", "{}"), ("threads", "threads_observed", "{:.2f}"), ("turns", "turns", "{}"),
           ("ms", "ms", "{:.4g}"), ("±", "ms_spread", "{:.3g}"), ("us a step", "us", "{}"), ("of limit", "limit_share", "{:.1%}"),
           ("ratio", "ratio", "{:.3g}"), ("low", "ratio_low", "{:.3g}"), ("high", "ratio_high", "{:.3g}"), ("", "verdict", "{}"),
           ("loss 1", "loss_first", "{:.4f}"), ("loss last", "loss_last", "{:.4f}"), ("epochs", "epochs", "{}"), ("error", "error", "{:.1e}"),
           ("agrees", "agrees", "{}"), ("", "busy", "{}")]
NAMES = {"lamina-openblas": "with OpenBLAS", "keras-tensorflow": "Keras, TF", "keras-jax": "Keras, JAX", "keras-torch": "Keras, Torch",
         "torch": "PyTorch", "torch-compiled": "compiled", "jax": "JAX", "onnxruntime": "ONNX Runtime", "fann": "FANN", "plain-c": "C loop"}


def cell(result, key, form):
    value = {"ms": result["seconds"] * 1e3, "ms_spread": result["seconds_spread"] * 1e3,
             "turns": len(result["rounds"])}.get(key, result.get(key))
    if key == "busy":
        return f"BUSY: {result['others']:.2f} cores" if value else ""
    if key == "us" and result["loss_first"] is None or key == "epochs" and result["loss_first"] is None:
        return ""
    if key == "us":
        return f"{value:.4g}" if value < 1e4 else f"{value:.0f}"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return "" if value is None else form.format(value)


def is_text(column):
    return column[2] == "{}" and column[1] not in ("us", "turns", "epochs")


def table(results, markdown):
    """Lines; columns that nothing stands in are not there."""
    columns = [column for column in COLUMNS if any(cell(result, *column[1:]) for result in results)]
    rows = [[heading for heading, _, _ in columns]] + [[cell(result, key, form) for _, key, form in columns] for result in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines = []
    for row in rows:
        cells = [text.ljust(width) if is_text(column) else text.rjust(width) for text, width, column in zip(row, widths, columns)]
        lines.append("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip())
    if markdown:
        lines.insert(1, "|" + "|".join(" --- " if is_text(column) else " ---: " for column in columns) + "|")
    return lines


def about(report):
    """What stands over a set's table."""
    machine, work = report["machine"], report["work"]
    load = machine["load"]
    lines = [f"{machine['cpu']}; CPUs {','.join(map(str, machine['cpus_used']))} of {machine['cpus']}; {machine['system']}",
             f"load {load['before']:.2f} before, {load['after']:.2f} after; others kept {load['others']:.2f} cores busy; "
             f"{load['stolen']:.2f} stolen"]
    if machine["unset"]:
        lines.append("unset for measuring: " + " ".join(f"{name}={value}" for name, value in machine["unset"].items()))
    if load["busy"]:
        lines.append("BUSY MACHINE: these numbers are not to be compared with others")
    busy = [result["name"] for result in report["results"] if result["busy"]]
    if busy:
        lines.append("others were at work in the turns of " + ", ".join(busy))
    lines += [f"{result['name']} (core {result['core']}): {result['warning']}" for result in report["results"] if result["warning"]]
    rows = "" if work["infer"] else f", {work['rows']} rows of {work['data']}"
    limit = f"; the limit is {duration(work['limit_us'] * 1e-6)} a {'call' if work['infer'] else 'step'}" if work["limit_us"] else ""
    lines.append(f"{work['text']}{rows}; {work['threads']} thread(s); {work['rounds']} rounds; ratios against {work['reference']}; "
                 f"ms of {'a call' if work['infer'] else 'an epoch'}{limit}")
    return lines


def apart(report):
    """By how much losses differ from the middle one after the first epoch, at most."""
    losses = [result["loss_first"] for result in report["results"] if not result["note"]]
    middle = statistics.median(losses)
    return max(abs(loss / middle - 1) for loss in losses)


def below(report):
    work = report["work"]
    lines = [f"{result['name']} is not compared: {result['note']}." for result in report["results"] if result["note"]]
    lines += [f"{key} is left out: {reason}." for key, reason in report["left_out"].items()]
    lines.append("They agree where their outputs from the same weights differ by 0.0001 at most." if work["infer"] else
                 f"They agree where the loss of the first epoch, from the same weights over rows in the same order, lies within {work['band']:.3g} of "
                 f"the middle one (it does to {apart(report):.2g}), and the last one is lower.")
    return lines


def whole(report, markdown=False):
    gap = [""]
    return "\n".join(["  \n".join(about(report)) if markdown else "\n".join(about(report)), *gap, *table(report["results"], markdown), *gap,
                      ("  \n" if markdown else "\n").join(below(report))])


# ---- the README ----------------------------------------------------------------------------------------------------------

def duration(seconds):
    if seconds >= 0.9995:
        return f"{seconds:.3g} s"
    if seconds < 1e-6:
        return f"{seconds * 1e9:.0f} ns"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def factor(result):
    """How many times as long as the reference it takes, and half the width of the interval, unless that is wider than the number."""
    if result["ratio"] is None:
        return ""
    middle = 1 / result["ratio"]
    digits = 2 if middle < 9.995 else 1 if middle < 99.95 else 0
    if result["ratio_low"] is None:
        return f"{middle:.{digits}f}"
    half = (1 / result["ratio_low"] - 1 / result["ratio_high"]) / 2
    return f"{middle:.{digits}f} ±" + (f"{half:.{digits}f}" if half < middle else "?")


def readme_cell(result):
    if result is None:
        return ""
    text = f"({duration(result['us'] * 1e-6)})" if result["note"] else factor(result)
    return text + ("" if result["agrees"] else " ≠") + (" ~" if result["busy"] else "")


def share(value):
    return f"{value:.0%}" if value >= 0.0995 else f"{value:.1%}"


def find(report, key):
    return next((result for result in report["results"] if result["system"] == key), None)


def readme_table(chosen):
    """Works down, systems across."""
    reference = chosen[0]["work"]["reference"]
    keys = list(dict.fromkeys(result["system"] for report in chosen for result in report["results"] if result["system"] != reference))
    columns = ["Lamina" if reference == "lamina-native" else reference, "of the limit", *(NAMES.get(key, key) for key in keys)]
    threads = chosen[0]["work"]["threads"]
    lines = [f"| {threads} thread{'s' if threads > 1 else ''} | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for report in chosen:
        own = find(report, reference)
        first = ["", ""] if own is None else [duration(own["us"] * 1e-6) + (" ~" if own["busy"] else ""),
                                              "" if own["limit_share"] is None else share(own["limit_share"])]
        same = report["work"]["reference"] == reference
        cells = first + [readme_cell(find(report, key)) if same else "" for key in keys]
        lines.append(f"| {report['work']['label']} | " + " | ".join(cells) + " |")
    return lines


def readme(reports):
    """A table for each number of threads, and what has to be said of them."""
    machine = reports[0]["machine"]
    trained = [report for report in reports if not report["work"]["infer"]]
    results = [result for report in reports for result in report["results"]]
    lines = [f"{machine['cpu']}; times of a step or call of {reports[0]['work']['reference']}, their share of what the machine can do at most, and how "
             "many times as long each other system takes (± half the 99 % interval), in one run:", ""]
    for threads in sorted({report["work"]["threads"] for report in reports}):
        lines += [*readme_table([report for report in reports if report["work"]["threads"] == threads]), ""]
    notes = ["Empty: does not do this work, or was left out; `report.md` says why."]
    beside = {result["system"]: result["note"] for result in reversed(results) if result["note"]}
    notes += [f"In brackets, times that cannot be compared: {note}." for note in beside.values()]
    if any(result["system"] in ("plain-c", "fann") and result["threads"] > 1 for result in results):
        notes.append("The C loop (-Ofast) and FANN have one thread only.")
    if trained and all(result["agrees"] for report in trained for result in report["results"]):
        notes.append(f"All learn the same: after an epoch, losses differ by {max(max(map(apart, trained)), 0.0001):.2%} at most.")
    elif trained:
        notes.append("≠: does not learn or give the same.")
    if any("?" in factor(result) for result in results):
        notes.append("±?: it varied too much to say.")
    if any(result["busy"] for result in results):
        notes.append("~: the machine was busy with other things.")
    return "\n".join(lines) + "\n" + " ".join(notes) + "\n"


BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


def put_into(path, text):
    """Replaces what stands between the two comments. False where they are not there."""
    with open(path, encoding="utf-8") as file:
        old = file.read()
    begin, end = old.find(BEGIN), old.find(END)
    if begin < 0 or end < begin:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(old[:begin + len(BEGIN)] + "\n" + text + old[end:])
    return True
