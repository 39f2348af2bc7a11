/* SPDX-License-Identifier: MIT
 *
 * The page's drawings, as SVG inside of it; the page's style has their classes.
 */
#include "bench/html.h"
#include "cli/svg.h"
#include <math.h>
#include <string.h>

void plot_open(FILE *file, double width, double height, const char *title) {
  fprintf(file, "<svg viewBox=\"0 0 %g %g\" role=img><title>", width, height);
  svg_escape(file, title);
  fputs("</title>\n", file);
}

void plot_hover(FILE *file, const char *text) {
  fputs("<title>", file);
  svg_escape(file, text);
  fputs("</title>", file);
}

size_t plot_number(plot_names *n, const char *name) {
  for (size_t i = 0; i < n->count; i++)
    if (strcmp(n->all[i], name) == 0) return i;
  if (n->count < MOST_NAMES) n->all[n->count++] = name;
  return n->count - 1;
}

void plot_key(FILE *file, const plot_names *n) {
  fputs("<ul class=key>", file);
  for (size_t i = 0; i < n->count; i++) {
    fprintf(file, "<li><i style=\"background:var(--c%zu)\"></i>", i % COLOURS);
    svg_escape(file, n->all[i]);
    fputs("</li>", file);
  }
  fputs("</ul>\n", file);
}

/* ---- bars: GF/s of each backend at each shape ---------------------------------------------------------------------- */

enum { BAR_WIDTH = 340, BAR_LEFT = 128, BAR_RIGHT = 296, BAR_STEP = 20, BAR_TOP = 8 };

/* The axis ends at the peak; where the fastest is far from it, a little beyond the fastest, so that bars are to be seen. */
static double gflops_limit(const report *r, const group *g) {
  const double peak = r->peak * result_number(g->all, "threads");
  double most = 0;
  for (size_t i = 0; i < g->count; i++) most = fmax(most, result_number(&g->all[i], "gflops"));
  return most > peak / 4 ? fmax(most, peak) : most > 0 ? 1.25 * most : 1;
}

static double bar_place(double gflops, double most) {
  return BAR_LEFT + (BAR_RIGHT - BAR_LEFT) * fmin(fmax(gflops / most, 0), 1);
}

/* The interval of the time is that of the speed, upside down. */
static void draw_whisker(FILE *file, const result *row, double y, double most) {
  const double us = result_number(row, "us"), gflops = result_number(row, "gflops");
  const double low = gflops * us / result_number(row, "us_high"), high = gflops * us / result_number(row, "us_low");
  if (!(low < high)) return;
  svg_line(file, bar_place(low, most), y, bar_place(high, most), y, "whisker");
}

static void draw_bar(FILE *file, const result *row, size_t i, double most) {
  const double y = BAR_TOP + (double)(i * BAR_STEP), gflops = result_number(row, "gflops");
  const char *verdict = result_text(row, "verdict");
  char name[20], text[256];
  snprintf(name, sizeof name, "%.18s", result_text(row, "backend"));
  svg_text(file, BAR_LEFT - 6, y + 13, "end", "%s", name);
  fprintf(file, "<rect class=\"bar %s\" x=\"%d\" y=\"%g\" width=\"%.5g\" height=\"14\">", strchr(verdict, ' ') ? "" : verdict,
          BAR_LEFT, y + 2, bar_place(gflops, most) - BAR_LEFT);
  snprintf(text, sizeof text, "%s: %.4g GF/s, %.4g us, %.3f times the reference, %s", result_text(row, "backend"), gflops,
           result_number(row, "us"), result_number(row, "ratio"), verdict);
  plot_hover(file, text);
  fputs("</rect>", file);
  draw_whisker(file, row, y + 9, most);
  svg_text(file, BAR_WIDTH - 2, y + 13, "end", gflops < 10 ? "%.2f" : "%.0f", gflops);
}

static void draw_limits(FILE *file, const report *r, const group *g, double most, double bottom) {
  const double threads = result_number(g->all, "threads"), peak = r->peak * threads;
  const double roof = result_number(g->all, "gflops") / result_number(g->all, "roof_share");
  if (roof < 0.99 * peak && roof <= most) svg_line(file, bar_place(roof, most), 2, bar_place(roof, most), bottom, "roof");
  if (peak > 0 && peak <= most) svg_line(file, bar_place(peak, most), 2, bar_place(peak, most), bottom, "peak");
}

void plot_bars(FILE *file, const report *r) {
  group g;
  size_t at = 0;
  if (next_group(r, &at).count == 0) return;
  fputs("<h2>GF/s</h2>\n<p class=soft>Dashed: the measured peak; dotted: the roof that the measured bandwidth leaves, where it "
        "is lower. "
        "Blue is the reference, <span class=faster>green faster</span>, <span class=slower>orange slower</span>, grey not "
        "separated; the "
        "line on a bar is its 99 % interval.</p>\n<div class=grid>\n",
        file);
  for (at = 0; (g = next_group(r, &at)).count > 0;) {
    char title[320];
    const double most = gflops_limit(r, &g), bottom = BAR_TOP + (double)(g.count * BAR_STEP) + 4;
    group_text(&g, title, sizeof title);
    fputs("<div class=card><h3>", file);
    svg_escape(file, title);
    fputs("</h3>", file);
    if (*result_text(g.all, "from")) {
      fputs("<p class=soft>", file);
      svg_escape(file, result_text(g.all, "from"));
      fputs("</p>", file);
    }
    const double peak = r->peak * result_number(g.all, "threads");
    if (most < peak) fprintf(file, "<p class=soft>the axis ends at %.1f %% of the peak</p>", 100 * most / peak);
    plot_open(file, BAR_WIDTH, bottom + 2, title);
    for (size_t i = 0; i < g.count; i++) draw_bar(file, &g.all[i], i, most);
    draw_limits(file, r, &g, most, bottom);
    fputs("</svg></div>\n", file);
  }
  fputs("</div>\n", file);
}

/* ---- the roofline -------------------------------------------------------------------------------------------------- */

enum { ROOF_WIDTH = 372, ROOF_HEIGHT = 280, ROOF_LEFT = 44, ROOF_RIGHT = 350, ROOF_TOP = 12, ROOF_BOTTOM = 236 };

/* Decimal logarithms at the ends of the axes. */
typedef struct axes {
  double left, right, low, high;
} axes;

static double roof_x(const axes *a, double value) {
  return ROOF_LEFT + (ROOF_RIGHT - ROOF_LEFT) * (log10(value) - a->left) / (a->right - a->left);
}
static double roof_y(const axes *a, double value) {
  return ROOF_BOTTOM - (ROOF_BOTTOM - ROOF_TOP) * (log10(value) - a->low) / (a->high - a->low);
}

static bool find_axes(const report *r, axes *a) {
  double most_threads = 1;
  *a = (axes){ INFINITY, -INFINITY, INFINITY, -INFINITY };
  for (size_t i = 0; i < r->results.count; i++) {
    const result *row = &r->results.all[i];
    const double x = result_number(row, "intensity"), y = result_number(row, "gflops");
    if (!(x > 0) || !(y > 0)) continue;
    a->left = fmin(a->left, log10(x));
    a->right = fmax(a->right, log10(x));
    a->low = fmin(a->low, log10(y));
    most_threads = fmax(most_threads, result_number(row, "threads"));
  }
  a->left = floor(a->left - 0.1);
  a->right = fmax(ceil(a->right + 0.1), a->left + 1);
  a->low = floor(a->low - 0.1);
  a->high = ceil(log10(r->peak * most_threads) + 0.05);
  return isfinite(a->left) && isfinite(a->low) && r->peak > 0 && r->bandwidth[0] > 0;
}

static void draw_axes(FILE *file, const axes *a) {
  for (double x = a->left; x <= a->right; x++) {
    const double place = roof_x(a, pow(10, x));
    svg_line(file, place, ROOF_TOP, place, ROOF_BOTTOM, "grid");
    svg_text(file, place, ROOF_BOTTOM + 16, "soft middle", "%g", pow(10, x));
  }
  for (double y = a->low; y <= a->high; y++) {
    const double place = roof_y(a, pow(10, y));
    svg_line(file, ROOF_LEFT, place, ROOF_RIGHT, place, "grid");
    svg_text(file, ROOF_LEFT - 5, place + 4, "soft end", "%g", pow(10, y));
  }
  svg_text(file, (ROOF_LEFT + ROOF_RIGHT) / 2, ROOF_BOTTOM + 34, "soft middle", "flop a byte");
}

/* From the left edge, or where it enters from below, up to the peak. */
static void draw_roof(FILE *file, const axes *a, double peak, double bandwidth, const char *name) {
  double from = fmax(pow(10, a->left), pow(10, a->low) / bandwidth), to = fmin(peak / bandwidth, pow(10, a->right));
  if (from >= to) return;
  svg_line(file, roof_x(a, from), roof_y(a, from * bandwidth), roof_x(a, to), roof_y(a, to * bandwidth), "roof");
  svg_text(file, roof_x(a, to), roof_y(a, to * bandwidth) - 5, "soft middle", "%s", name);
}

void plot_roofline(FILE *file, const report *r) {
  static const char *const levels[LEVELS] = { "L1", "L2", "L3", "memory" };
  axes a;
  plot_names n = { .count = 0 };
  if (!find_axes(r, &a)) return;
  fputs("<h2>Roofline</h2>\n<p class=soft>GF/s over arithmetic intensity, both logarithmic. Dashed: the peak of one core; "
        "dotted: what it can "
        "do with what it reads from each level.</p>\n",
        file);
  plot_open(file, ROOF_WIDTH, ROOF_HEIGHT, "Roofline");
  draw_axes(file, &a);
  svg_line(file, ROOF_LEFT, roof_y(&a, r->peak), ROOF_RIGHT, roof_y(&a, r->peak), "peak");
  for (int i = 0; i < LEVELS; i++) draw_roof(file, &a, r->peak, r->bandwidth[i] * 1e-9, levels[i]);
  for (size_t i = 0; i < r->results.count; i++) {
    const result *row = &r->results.all[i];
    const double x = result_number(row, "intensity"), y = result_number(row, "gflops");
    char text[512];
    if (!(x > 0) || !(y > 0)) continue;
    fprintf(file, "<circle cx=\"%.5g\" cy=\"%.5g\" r=\"3\" fill=\"var(--c%zu)\">", roof_x(&a, x), roof_y(&a, y),
            plot_number(&n, result_text(row, "backend")) % COLOURS);
    snprintf(text, sizeof text, "%s %s: %.4g GF/s", result_text(row, "backend"), result_text(row, "shape"), y);
    plot_hover(file, text);
    fputs("</circle>\n", file);
  }
  fputs("</svg>\n", file);
  plot_key(file, &n);
}

/* ---- the heat map -------------------------------------------------------------------------------------------------- */

static const result *find_backend(const group *g, const char *name) {
  for (size_t i = 0; i < g->count; i++)
    if (strcmp(result_text(&g->all[i], "backend"), name) == 0) return &g->all[i];
  return NULL;
}

static const result *best_of(const group *g) {
  const result *best = g->all;
  for (size_t i = 1; i < g->count; i++)
    if (result_number(&g->all[i], "us") < result_number(best, "us")) best = &g->all[i];
  return best;
}

static void put_share(FILE *file, const result *row, const result *best) {
  if (!row) {
    fputs("<td>–</td>", file);
    return;
  }
  const double share = result_number(best, "us") / result_number(row, "us");
  /* Where the intervals of both times meet, the best may be another. */
  const bool meets = !(result_number(row, "us_low") > result_number(best, "us_high"));
  fprintf(file, "<td%s style=\"background:rgba(var(--heat),%.2f)\">%s%.2f</td>", row == best ? " class=best" : "",
          0.6 * share * share,
          row == best ? "★ "
          : meets     ? "≈ "
                      : "",
          share);
}

void plot_winners(FILE *file, const report *r) {
  plot_names n = { .count = 0 };
  group g;
  size_t groups = 0, wins[MOST_NAMES] = { 0 };
  for (size_t at = 0; (g = next_group(r, &at)).count > 0; groups++) {
    for (size_t i = 0; i < g.count; i++) (void)plot_number(&n, result_text(&g.all[i], "backend"));
    wins[plot_number(&n, result_text(best_of(&g), "backend"))]++;
  }
  if (n.count < 2) return;
  fputs("<h2>Who is fastest</h2>\n<p class=soft>Speed as a share of the fastest, which has the star; ≈ where the 99 % intervals "
        "of both times "
        "meet.</p>\n<div class=scroll tabindex=0><table><thead><tr><th scope=col class=text></th>",
        file);
  for (size_t i = 0; i < n.count; i++) {
    fputs("<th scope=col>", file);
    svg_escape(file, n.all[i]);
    fputs("</th>", file);
  }
  fputs("</tr></thead>\n<tbody>", file);
  for (size_t at = 0; (g = next_group(r, &at)).count > 0;) {
    char title[320];
    group_text(&g, title, sizeof title);
    fputs("<tr><th scope=row>", file);
    svg_escape(file, title);
    fputs("</th>", file);
    for (size_t i = 0; i < n.count; i++) put_share(file, find_backend(&g, n.all[i]), best_of(&g));
    fputs("</tr>\n", file);
  }
  fprintf(file, "<tr><th scope=row>fastest, of %zu</th>", groups);
  for (size_t i = 0; i < n.count; i++) fprintf(file, "<td>%zu</td>", wins[i]);
  fputs("</tr></tbody></table></div>\n", file);
}

/* ---- the parts of a step ------------------------------------------------------------------------------------------- */

enum { PART_WIDTH = 360, PART_LEFT = 4, PART_RIGHT = 356, PART_STEP = 42 };

static bool is_part(const result *row) { return result_cell(row, "share") != NULL; }

/* The parts of one step: from *at, which moves behind them. */
static group next_step(const report *r, size_t *at) {
  const result_list *list = &r->results;
  while (*at < list->count && !is_part(&list->all[*at])) ++*at;
  group g = { list->all + *at, 0 };
  for (; *at < list->count && is_part(&list->all[*at]); ++*at, ++g.count) {
    const result *row = &list->all[*at];
    if (strcmp(result_text(row, "backend"), result_text(g.all, "backend")) != 0) break;
    if (result_number(row, "batch") != result_number(g.all, "batch")) break;
  }
  return g;
}

static double step_time(const group *g) {
  double us = 0;
  for (size_t i = 0; i < g->count; i++) us += result_number(&g->all[i], "us");
  return us;
}

static void draw_step(FILE *file, const group *g, double y, double most, plot_names *n) {
  double from = PART_LEFT;
  svg_text(file, PART_LEFT, y + 12, "", "%s, batch %.0f: %.1f us", result_text(g->all, "backend"), result_number(g->all, "batch"),
           step_time(g));
  for (size_t i = 0; i < g->count; i++) {
    const result *row = &g->all[i];
    const double us = result_number(row, "us"), width = (PART_RIGHT - PART_LEFT) * us / most;
    char text[256];
    fprintf(file, "<rect x=\"%.6g\" y=\"%g\" width=\"%.6g\" height=\"18\" fill=\"var(--c%zu)\">", from, y + 17, width,
            plot_number(n, result_text(row, "part")) % COLOURS);
    snprintf(text, sizeof text, "%s %s: %.2f us, %.0f %%", result_text(row, "part"), result_text(row, "layer"), us,
             100 * result_number(row, "share"));
    plot_hover(file, text);
    fputs("</rect>\n", file);
    from += width;
  }
}

void plot_parts(FILE *file, const report *r) {
  plot_names n = { .count = 0 };
  group g;
  size_t at = 0, steps = 0;
  double most = 0;
  for (; (g = next_step(r, &at)).count > 0; steps++) most = fmax(most, step_time(&g));
  if (!steps || !(most > 0)) return;
  fputs("<h2>Where a step spends its time</h2>\n", file);
  plot_open(file, PART_WIDTH, (double)(steps * PART_STEP), "The parts of a step");
  size_t i = 0;
  for (at = 0; (g = next_step(r, &at)).count > 0; i++) draw_step(file, &g, (double)(i * PART_STEP), most, &n);
  fputs("</svg>\n", file);
  plot_key(file, &n);
}
