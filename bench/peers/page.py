# SPDX-License-Identifier: MIT
"""The report as one page that needs nothing else: a card with bars for each set, and every number in tables."""
import html

import tables

STYLE = """:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d6dbe0;--card:#f6f7f9;--bar:#9aa4ae;--lamina:#2f6fde;
--ref:#444c56}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e8eaed;--soft:#9aa4ae;--line:#343a41;--card:#1c2024;--bar:#5f6975;
--lamina:#6ea0ff;--ref:#c3cad1}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1400px;padding:16px;background:var(--bg);color:var(--fg);
font:15px/1.45 system-ui,sans-serif}h1{font-size:24px}h2{font-size:19px;margin-top:32px}h3{font-size:15px;margin:0 0 4px}
.soft{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
.grid{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px;min-width:0}
svg{display:block;width:100%;height:auto}svg text{fill:var(--fg);font:11.5px system-ui,sans-serif}.bar{fill:var(--bar)}
.bar.lamina{fill:var(--lamina)}.bar.reference{fill:var(--ref)}.whisker{stroke:var(--fg);stroke-width:1.5}
.one,.limit{stroke:var(--soft);stroke-dasharray:3 3}.limit{stroke:#d64545}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;white-space:nowrap}
th,td{padding:3px 10px 3px 0;text-align:right;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}.warn{border-left:4px solid #d9822b;padding-left:10px}code{overflow-wrap:anywhere}"""
WIDTH, LEFT, RIGHT, STEP = 400, 110, 286, 22


def escape(text):
    return html.escape(str(text))


def bars(report):
    """Speeds, the fastest first, each with its interval as a line; the reference's and the limit's are dashed."""
    work = report["work"]
    results = sorted((r for r in report["results"] if r["ratio"] is not None), key=lambda r: -r["ratio"])
    if not results:
        return ""
    reference = tables.find(report, work["reference"])
    limit = 1 / reference["limit_share"] if reference["limit_share"] else 0
    most = max([min(r["ratio_high"] or 0, 1.5 * r["ratio"]) for r in results] + [r["ratio"] for r in results])
    limit = limit if most < limit < 2.5 * most or most / 2.5 < limit <= most else 0
    most = max(most, limit)
    place = lambda ratio: LEFT + (RIGHT - LEFT) * min(ratio / most, 1)
    height = STEP * len(results) + 6
    lines = [f"<svg viewBox=\"0 0 {WIDTH} {height}\" role=img><title>{escape(work['text'])}, {work['threads']} threads</title>"]
    for at, result in enumerate(results):
        y = 4 + STEP * at
        kind = "lamina" if result["system"].startswith("lamina") else "reference" if result["verdict"] == "reference" else ""
        value = tables.factor(result).split(" ")[0] + "×" + ("~" if result["busy"] else "")
        hover = f"{result['name']}: {tables.duration(result['us'] * 1e-6)}, {tables.factor(result)} times the time of {work['reference']}"
        lines.append(f"<text x=\"{LEFT - 6}\" y=\"{y + 13}\" text-anchor=end>{escape(result['system'])}</text>"
                     f"<rect class=\"bar {kind}\" x=\"{LEFT}\" y=\"{y + 1}\" width=\"{max(place(result['ratio']) - LEFT, 0.5):.1f}\" height=16>"
                     f"<title>{escape(hover)}</title></rect>")
        if result["ratio_low"] is not None:
            lines.append(f"<line class=whisker x1=\"{place(result['ratio_low']):.1f}\" x2=\"{place(result['ratio_high']):.1f}\" y1=\"{y + 9}\" "
                         f"y2=\"{y + 9}\"></line>")
        for x, text in (WIDTH - 52, tables.duration(result["us"] * 1e-6)), (WIDTH - 2, value):
            lines.append(f"<text x=\"{x}\" y=\"{y + 13}\" text-anchor=end>{escape(text)}</text>")
    for at, kind in (1, "one"), (limit, "limit"):
        lines += [f"<line class={kind} x1=\"{place(at):.1f}\" x2=\"{place(at):.1f}\" y1=0 y2=\"{height}\"></line>"] if at else []
    return "\n".join(lines) + "</svg>"


def card(report):
    work = report["work"]
    unit = "a call" if work["infer"] else f"a step; epochs of {work['rows']:,} rows"
    wrong = [r["name"] for r in report["results"] if not r["agrees"]]
    limit = f"; the limit is {tables.duration(work['limit_us'] * 1e-6)}" if work["limit_us"] else ""
    learnt = "" if work["infer"] or wrong else f"; losses after an epoch differ by {max(tables.apart(report), 0.0001):.2%} at most"
    return (f"<div class=card><h3>{escape(work['text'])}</h3><p class=soft>{work['threads']} thread{'s' if work['threads'] > 1 else ''}; "
            f"{work['rounds']} rounds; times of {unit}{limit}{learnt}"
            + ("; the machine was busy" if report["machine"]["load"]["busy"] else "")
            + (f"; DOES NOT AGREE: {escape(', '.join(wrong))}" if wrong else "") + f"</p>{bars(report)}</div>")


def number_table(report):
    columns = [c for c in tables.COLUMNS if any(tables.cell(r, *c[1:]) for r in report["results"])]
    lines = ["<div class=wide><table><tr>" + "".join(f"<th>{escape(heading)}</th>" for heading, _, _ in columns) + "<th>version</th></tr>"]
    for result in report["results"]:
        lines.append("<tr>" + "".join(f"<td>{escape(tables.cell(result, key, form))}</td>" for _, key, form in columns)
                     + f"<td>{escape(result['version'])}</td></tr>")
    return "\n".join(lines) + "</table></div>"


def page(reports, command):
    machine = reports[0]["machine"]
    busy = any(report["machine"]["load"]["busy"] for report in reports)
    parts = [f"<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">"
             f"<link rel=icon href=\"data:,\"><title>Lamina and its peers</title>\n<style>{STYLE}</style></head><body>",
             "<h1>Lamina and its peers</h1>", f"<p>{escape(machine['cpu'])}; {escape(machine['system'])}</p>",
             f"<p class=soft>Again: <code>{escape(command)}</code></p>"]
    if busy:
        parts.append("<p class=warn>Other processes kept this machine busy while some of this was measured: those numbers are not to be "
                     "compared with others.</p>")
    parts.append("<p class=soft>Bars: speeds, the fastest first; the line on a bar is its 99 % interval; blue is Lamina. Dashed: the reference, and "
                 "in red the least time that the machine's arithmetic and memory allow, where it is near. Beside them the time, and how many times "
                 "the reference's it is (~: the machine was busy meanwhile). All systems did the same work in rotated rounds, and agree in what they "
                 "learnt or gave unless it says otherwise.</p>")
    for threads in sorted({report["work"]["threads"] for report in reports}):
        parts.append(f"<h2>{threads} thread{'s' if threads > 1 else ''}</h2><div class=grid>")
        parts += [card(report) for report in reports if report["work"]["threads"] == threads]
        parts.append("</div>")
    parts.append("<h2>All numbers</h2>")
    for report in reports:
        above = tables.about(report)
        parts.append(f"<h3>{escape(report['work']['text'])}, {report['work']['threads']} thread(s)</h3>"
                     f"<p class=soft>{'<br>'.join(map(escape, above[1:]))}</p>{number_table(report)}"
                     f"<p class=soft>{'<br>'.join(map(escape, tables.below(report)))}</p>")
    environment = " ".join(f"{name}={value!r}" for name, value in sorted(machine["environment"].items()))
    parts.append(f"<p class=soft>Environment: {escape(environment)}</p></body></html>")
    return "\n".join(parts) + "\n"
