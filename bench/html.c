/* SPDX-License-Identifier: MIT
 *
 * The report as one page that needs nothing else: the machine, the plots, every result with its command. Colours follow the
 * reader's light or dark setting; what is wider than a telephone scrolls inside of its frame.
 */
#include "bench/html.h"
#include "cli/svg.h"
#include <math.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--paper:#fff;--panel:#f6f8fa;--edge:#d1d9e0;--heat:9,105,218;"
    "--good:#1a7f37;--bad:#bc4c00;--alarm:#fff1e5;--c0:#0969da;--c1:#bc4c00;--c2:#1a7f37;--c3:#8250df;--c4:#bf3989;--c5:#9a6700;"
    "--c6:#1b7c83;--c7:#59636e;--c8:#a40e26;--c9:#4d2d8c;--c10:#7a8500;--c11:#0a5ca8}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--paper:#0d1117;--panel:#151b23;--edge:#3d444d;"
    "--heat:88,166,255;--good:#3fb950;--bad:#f0883e;--alarm:#3d2414;--c0:#58a6ff;--c1:#f0883e;--c2:#3fb950;--c3:#bc8cff;--c4:#"
    "f778ba;"
    "--c5:#d29922;--c6:#39c5cf;--c7:#9198a1;--c8:#ff7b72;--c9:#a5d6ff;--c10:#e3b341;--c11:#7ee787}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:90rem;padding:1rem 1rem 3rem;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,-apple-system,sans-serif}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:1rem 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:.9rem;"
    "margin:0 0 .25rem;overflow-wrap:anywhere}\n"
    "p{margin:.25rem 0 .75rem;max-width:60rem}.soft{color:var(--soft)}.alarm{background:var(--alarm);border:1px solid var(--bad);"
    "border-radius:6px;padding:.5rem .75rem}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1rem}\n"
    ".card{border:1px solid var(--edge);border-radius:6px;padding:.75rem;min-width:0}.card p{margin:0 0 "
    ".25rem;font-size:.75rem}\n"
    "svg{display:block;width:100%;height:auto;max-width:30rem}.card svg{max-width:26rem}\n"
    "dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.15rem .75rem;margin:0;font-size:.875rem}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    ".notes{margin:.5rem 0;padding:.5rem .75rem .5rem 1.75rem;max-width:60rem;background:var(--panel);border:1px solid "
    "var(--edge);"
    "border-left:4px solid var(--bad);border-radius:6px;overflow-wrap:anywhere}\n"
    ".scroll{margin:.5rem 0;overflow:auto;width:fit-content;max-width:100%;max-height:40rem;border:1px solid "
    "var(--edge);border-radius:6px}\n"
    "table{border-collapse:collapse;font-size:.8rem;font-variant-numeric:tabular-nums}th,td{padding:.25rem "
    ".5rem;text-align:right;"
    "white-space:nowrap;border-bottom:1px solid var(--edge)}thead th{position:sticky;top:0;background:var(--panel)}"
    "td.text,th.text{text-align:left}th[scope=row]{position:sticky;left:0;background:var(--panel);text-align:left;white-space:"
    "normal;min-width:7rem;"
    "overflow-wrap:anywhere;font-weight:400}"
    "td.best{font-weight:700}code{font:.75rem ui-monospace,\"DejaVu Sans Mono\",monospace}\n"
    ".faster{color:var(--good)}.slower{color:var(--bad)}\n"
    ".key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.8rem;padding:0;margin:.5rem 0;list-style:none}.key "
    "i{display:inline-block;"
    "width:.75rem;height:.75rem;border-radius:2px;margin-right:.35rem;vertical-align:-1px}\n"
    "svg text{font:12px system-ui,-apple-system,sans-serif;fill:var(--ink)}svg .soft{fill:var(--soft)}svg .end{text-anchor:end}"
    "svg .middle{text-anchor:middle}svg .line{stroke:var(--soft)}svg .grid{stroke:var(--edge)}svg .peak{stroke:var(--bad);"
    "stroke-dasharray:5 3}svg .roof{stroke:var(--soft);stroke-dasharray:2 2}svg .whisker{stroke:var(--ink);stroke-width:1.5}\n"
    "svg .bar{fill:var(--c7)}svg .reference{fill:var(--c0)}svg .faster{fill:var(--good)}svg .slower{fill:var(--bad)}\n";

/* ---- groups -------------------------------------------------------------------------------------------------------- */

static bool same_cell(const result *a, const result *b, const char *key) {
  const cell *x = result_cell(a, key), *y = result_cell(b, key);
  if (!x || !y) return x == y;
  return x->text ? y->text && strcmp(x->text, y->text) == 0 : x->number == y->number;
}

static bool is_comparable(const result *row) {
  const char *part = result_text(row, "part");
  return result_cell(row, "backend") && (!*part || strcmp(part, "step") == 0);
}

group next_group(const report *r, size_t *at) {
  static const char *const common[] = { "shape", "pass", "from", "cache", "threads", "net", "batch", "part", NULL };
  const result_list *list = &r->results;
  while (*at < list->count && !is_comparable(&list->all[*at])) ++*at;
  group g = { list->all + *at, 0 };
  for (; *at < list->count && is_comparable(&list->all[*at]); ++*at, ++g.count) {
    bool same = true;
    for (const char *const *key = common; *key && g.count; key++) same = same && same_cell(g.all, &list->all[*at], *key);
    /* The same product may stand in several layers: it begins anew with the backend that the group began with. */
    if (!same || (g.count && same_cell(g.all, &list->all[*at], "backend"))) break;
  }
  return g;
}

void group_text(const group *g, char *text, size_t size) {
  const result *row = g->all;
  const double threads = result_number(row, "threads");
  if (result_cell(row, "shape"))
    snprintf(text, size, "%s%s%s%s", result_text(row, "shape"), *result_text(row, "pass") ? " " : "", result_text(row, "pass"),
             strcmp(result_text(row, "cache"), "cold") == 0 ? ", cold" : "");
  else
    snprintf(text, size, "%s, batch %.0f", result_text(row, "net"), result_number(row, "batch"));
  size_t used = strlen(text);
  if (threads > 1) snprintf(text + used, size - used, ", %.0f threads", threads);
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static void put_head(FILE *file, const result *row) {
  fputs("<div class=scroll tabindex=0><table><thead><tr>", file);
  for (size_t j = 0; j < row->count; j++) {
    const cell *c = &row->cells[j];
    if (!c->heading) continue;
    fprintf(file, "<th scope=col%s>", c->text ? " class=text" : "");
    svg_escape(file, c->heading);
    fputs("</th>", file);
  }
  fputs(result_cell(row, "command") ? "<th scope=col class=text>measures it again</th></tr></thead>\n<tbody>"
                                    : "</tr></thead>\n<tbody>",
        file);
}

static void put_row(FILE *file, const result *row) {
  bool first = true;
  fputs("<tr>", file);
  for (size_t j = 0; j < row->count; j++) {
    const cell *c = &row->cells[j];
    char text[512];
    if (!c->heading) continue;
    cell_text(c, text, sizeof text);
    const bool verdict = strcmp(text, "faster") == 0 || strcmp(text, "slower") == 0;
    fprintf(file, first ? "<th scope=row>" : c->text ? "<td class=\"text %s\">" : "<td>", verdict ? text : "");
    svg_escape(file, text);
    fputs(first ? "</th>" : "</td>", file);
    first = false;
  }
  if (result_cell(row, "command")) {
    fputs("<td class=text><code>", file);
    svg_escape(file, result_text(row, "command"));
    fputs("</code></td>", file);
  }
  fputs("</tr>\n", file);
}

static void put_tables(FILE *file, const result_list *list) {
  for (size_t i = 0, end; i < list->count; i = end) {
    put_head(file, &list->all[i]);
    for (end = i; end < list->count && same_headings(&list->all[i], &list->all[end]); end++) put_row(file, &list->all[end]);
    fputs("</tbody></table></div>\n", file);
  }
}

/* ---- the page ------------------------------------------------------------------------------------------------------ */

static void put_card(FILE *file, const report *r) {
  fact facts[MOST_FACTS];
  size_t count = report_facts(r, facts);
  if (count) fputs("<h2>The machine</h2>\n", file);
  if (r->card.busy)
    fprintf(file,
            "<p class=alarm><strong>Busy machine.</strong> Others kept %.2f cores busy and %.2f were taken away while this was "
            "measured: these numbers are not to be compared with others.</p>\n",
            r->card.others, r->card.stolen);
  fputs("<dl>", file);
  for (size_t i = r->card.busy; i < count; i++) { /* the first fact says the same of a busy one */
    fputs("<dt>", file);
    svg_escape(file, facts[i].name);
    fputs("</dt><dd>", file);
    svg_escape(file, facts[i].value);
    fputs("</dd>\n", file);
  }
  fputs("</dl>\n", file);
  if (*r->notes) fputs("<h2>Notes</h2>\n<ul class=notes>\n", file);
  for (const char *line = r->notes, *end; *line; line = *end ? end + 1 : end) {
    char text[1024];
    end = line + strcspn(line, "\n");
    snprintf(text, sizeof text, "%.*s", (int)(end - line), line);
    fputs("<li>", file);
    svg_escape(file, text);
    fputs("</li>\n", file);
  }
  if (*r->notes) fputs("</ul>\n", file);
}

void report_html(FILE *file, const report *r) {
  fprintf(file,
          "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,"
          "initial-scale=1\"><link rel=icon href=\"data:,\">\n<title>lamina-bench %s</title>\n<style>%s</style></head>\n<body>\n"
          "<h1>lamina-bench %s</h1>\n",
          r->command, style, r->command);
  put_card(file, r);
  plot_winners(file, r);
  plot_bars(file, r);
  plot_roofline(file, r);
  plot_parts(file, r);
  plot_kernels(file, r);
  plot_limits(file, r);
  if (r->backends.count) fputs("<h2>Backends</h2>\n", file);
  put_tables(file, &r->backends);
  const bool compares = strcmp(r->command, "compare") == 0;
  fprintf(
      file,
      "<h2>All %zu results</h2>\n<p class=soft>A ratio is how many times as fast as %s; low and high are the ends of its 99 %% "
      "interval.%s</p>\n",
      r->results.count, compares ? "before" : "the reference",
      compares ? "" : " Not separated: nearer than 2 % cannot be ruled out.");
  put_tables(file, &r->results);
  fputs("</body></html>\n", file);
}
