# SPDX-License-Identifier: MIT
"""The report as text: the table of a set, and the one for the README."""

COLUMNS = [("system", "name", "{}"), ("core", "core", "{}"), ("threads", "threads_observed", "{:.2f}"), ("ms", "ms", "{:.4g}"),
           ("±", "ms_spread", "{:.3g}"), ("rows/s", "rows_per_second", "{:.0f}"), ("ratio", "ratio", "{:.3f}"),
           ("low", "ratio_low", "{:.3f}"), ("high", "ratio_high", "{:.3f}"), ("", "verdict", "{}"), ("loss 1", "loss_first", "{:.4f}"),
           ("loss last", "loss_last", "{:.4f}"), ("error", "error", "{:.1e}"), ("agrees", "agrees", "{}")]


def cell(result, key, form):
    value = {"ms": result["seconds"] * 1e3, "ms_spread": result["seconds_spread"] * 1e3}.get(key, result.get(key))
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return "" if value is None else form.format(value)


def table(results, markdown):
    """Lines; columns that nothing stands in are not there."""
    columns = [column for column in COLUMNS if any(cell(result, *column[1:]) for result in results)]
    rows = [[heading for heading, _, _ in columns]] + [[cell(result, key, form) for _, key, form in columns] for result in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines = []
    for row in rows:
        cells = [text.ljust(width) if column[2] == "{}" else text.rjust(width) for text, width, column in zip(row, widths, columns)]
        lines.append("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip())
    if markdown:
        lines.insert(1, "|" + "|".join(" --- " if form == "{}" else " ---: " for _, _, form in columns) + "|")
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
    lines += [f"{result['name']} (core {result['core']}): {result['warning']}" for result in report["results"] if result["warning"]]
    rows = "" if work["infer"] else f", {work['rows']} rows of {work['data']}"
    lines.append(f"{work['text']}{rows}; {work['threads']} thread(s); {work['rounds']} rounds; ratios against {work['reference']}; "
                 f"ms of {'a call' if work['infer'] else 'an epoch'}")
    return lines


def below(report):
    work = report["work"]
    lines = [f"{result['name']} is not compared: {result['note']}." for result in report["results"] if result["note"]]
    lines += [f"{key} is left out: {reason}." for key, reason in report["left_out"].items()]
    lines.append("They agree where their outputs from the same weights differ by 0.0001 at most." if work["infer"] else
                 f"They agree where losses lie within {work['band']:.0%} of the systems' median.")
    return lines


def whole(report, markdown=False):
    gap = [""]
    return "\n".join(["  \n".join(about(report)) if markdown else "\n".join(about(report)), *gap, *table(report["results"], markdown), *gap,
                      ("  \n" if markdown else "\n").join(below(report))])


# ---- the README ----------------------------------------------------------------------------------------------------------

def duration(seconds):
    if seconds >= 0.9995:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def short(result):
    if result["ratio"] is None:
        return duration(result["seconds"]) + " ¹" if result["note"] else duration(result["seconds"])
    if result["ratio_low"] is None:
        return f"{result['ratio']:.2f}"
    return f"{result['ratio']:.2f} ({result['ratio_low']:.2f}–{result['ratio_high']:.2f})"


def readme(reports):
    """A table for each number of threads: works down, systems across, how many times as fast as the reference, with the interval."""
    lines = []
    for threads in sorted({report["work"]["threads"] for report in reports}):
        chosen = [report for report in reports if report["work"]["threads"] == threads]
        systems = {}
        for report in chosen:
            systems.update({result["system"]: result["name"].split(", fit")[0].split(", -O")[0].split(", part")[0].split(", pred")[0]
                            for result in report["results"]})
        machine = chosen[0]["machine"]
        heads = [report["work"] for report in chosen]
        lines += [f"{threads} thread{'s' if threads > 1 else ''} of {machine['cpu']}; how many times as fast as the reference, with the 99 % "
                  "interval; the reference's own time of an epoch or a call stands in its line:", "",
                  "| | " + " | ".join(work["text"] for work in heads) + " |", "|---|" + "---:|" * len(heads)]
        for key, name in systems.items():
            cells = []
            for report in chosen:
                result = next((r for r in report["results"] if r["system"] == key), None)
                text = "" if result is None else f"1 ({duration(result['seconds'])})" if key == report["work"]["reference"] else short(result)
                cells.append(text + ("" if result is None or result["agrees"] else " (does not agree)"))
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    notes = sorted({result["note"] for report in reports for result in report["results"] if result["note"]})
    lines += [f"¹ Not compared: {note}." for note in notes]
    lines.append("An empty cell: the system does not do this work, or was left out; `report.md` says why."
                 + (" The machine was busy with other things." if any(r["machine"]["load"]["busy"] for r in reports) else ""))
    return "\n".join(lines) + "\n"


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
