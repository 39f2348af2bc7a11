/* SPDX-License-Identifier: MIT
 *
 * The drawings of kernels and limits: times by instruction set as dots on a line for each kernel, and what the machine can do as
 * bars.
 */
#include "bench/html.h"
#include "cli/svg.h"
#include <math.h>
#include <string.h>

/* ---- kernels: ns an element ---------------------------------------------------------------------------------------- */

enum { DOT_WIDTH = 340, DOT_LEFT = 8, DOT_RIGHT = 332, DOT_STEP = 32, DOT_LINE = 22, DOT_FOOT = 26, DOT_KERNELS = 12 };

/* Decimal logarithms at both ends of the axis. */
typedef struct axis {
  double left, right;
} axis;

static double dot_place(const axis *a, double ns) {
  return DOT_LEFT + (DOT_RIGHT - DOT_LEFT) * (log10(ns) - a->left) / (a->right - a->left);
}

static bool is_kernel(const result *row, const char *shape) {
  return result_cell(row, "kernel") && result_number(row, "ns") > 0 && strcmp(result_text(row, "shape"), shape) == 0;
}

static axis find_axis(const report *r, const char *shape) {
  axis a = { INFINITY, -INFINITY };
  for (size_t i = 0; i < r->results.count; i++) {
    const result *row = &r->results.all[i];
    if (!is_kernel(row, shape)) continue;
    a.left = fmin(a.left, log10(result_number(row, "ns")));
    a.right = fmax(a.right, log10(result_number(row, "ns")));
  }
  return (axis){ floor(a.left), fmax(ceil(a.right), floor(a.left) + 1) };
}

static void draw_dots(FILE *file, const result *row, const axis *a, double y, plot_names *n) {
  const double ns = result_number(row, "ns");
  char text[256];
  fprintf(file, "<circle cx=\"%.5g\" cy=\"%g\" r=\"4\" fill=\"var(--c%zu)\">", dot_place(a, ns), y,
          plot_number(n, result_text(row, "isa")) % COLOURS);
  snprintf(text, sizeof text, "%s, %s: %.3g ns, %.3g times as fast as plain C", result_text(row, "kernel"),
           result_text(row, "isa"), ns, result_number(row, "ratio"));
  plot_hover(file, text);
  fputs("</circle>\n", file);
}

/* A card of some kernels, from *at, which moves behind them. */
static void draw_card(FILE *file, const report *r, const char *shape, size_t *at, const axis *a, plot_names *n) {
  const result_list *list = &r->results;
  plot_names kernels = { .count = 0 };
  size_t end = *at;
  for (; end < list->count && is_kernel(&list->all[end], shape); end++) {
    if (plot_number(&kernels, result_text(&list->all[end], "kernel")) < DOT_KERNELS) continue;
    kernels.count = DOT_KERNELS;
    break;
  }
  const double bottom = (double)kernels.count * DOT_STEP;
  fputs("<div class=card>", file);
  plot_open(file, DOT_WIDTH, bottom + DOT_FOOT, "ns an element");
  for (double x = a->left; x <= a->right; x++) {
    const double place = dot_place(a, pow(10, x));
    svg_line(file, place, 0, place, bottom, "grid");
    svg_text(file, place, bottom + 16, x > a->left ? x < a->right ? "soft middle" : "soft end" : "soft", "%g", pow(10, x));
  }
  for (size_t i = 0; i < kernels.count; i++) {
    const double y = (double)i * DOT_STEP;
    svg_line(file, DOT_LEFT, y + DOT_LINE, DOT_RIGHT, y + DOT_LINE, "grid");
    svg_text(file, DOT_LEFT, y + 12, "", "%s", kernels.all[i]);
  }
  for (; *at < end; ++*at) {
    const result *row = &list->all[*at];
    draw_dots(file, row, a, (double)plot_number(&kernels, result_text(row, "kernel")) * DOT_STEP + DOT_LINE, n);
  }
  fputs("</svg></div>\n", file);
}

void plot_kernels(FILE *file, const report *r) {
  plot_names n = { .count = 0 };
  for (size_t at = 0; at < r->results.count;) {
    const char *shape = result_text(&r->results.all[at], "shape");
    if (!is_kernel(&r->results.all[at], shape)) {
      at++;
      continue;
    }
    const axis a = find_axis(r, shape);
    fputs("<h2>Kernels, ", file);
    svg_escape(file, shape);
    fputs("</h2>\n<p class=soft>Nanoseconds an element, logarithmic: left is faster. Plain is a loop in C with the functions of "
          "the "
          "C library.</p>\n",
          file);
    for (size_t i = at; i < r->results.count && is_kernel(&r->results.all[i], shape); i++)
      (void)plot_number(&n, result_text(&r->results.all[i], "isa"));
    plot_key(file, &n);
    fputs("<div class=grid>\n", file);
    while (at < r->results.count && is_kernel(&r->results.all[at], shape)) draw_card(file, r, shape, &at, &a, &n);
    fputs("</div>\n", file);
  }
}

/* ---- limits: GF/s and GB/s ----------------------------------------------------------------------------------------- */

enum { LIMIT_WIDTH = 340, LIMIT_LEFT = 156, LIMIT_RIGHT = 286, LIMIT_STEP = 20 };

static bool is_limit(const result *row, const char *limit) { return strcmp(result_text(row, "limit"), limit) == 0; }

static void draw_limits(FILE *file, const report *r, const char *limit, const char *key, const char *title) {
  double most = 0, y = 0;
  size_t count = 0;
  for (size_t i = 0; i < r->results.count; i++) {
    if (!is_limit(&r->results.all[i], limit)) continue;
    most = fmax(most, result_number(&r->results.all[i], key));
    count++;
  }
  if (!(most > 0)) return;
  fprintf(file, "<div class=card><h3>%s</h3>", title);
  plot_open(file, LIMIT_WIDTH, (double)(count * LIMIT_STEP) + 2, title);
  for (size_t i = 0; i < r->results.count; i++) {
    const result *row = &r->results.all[i];
    if (!is_limit(row, limit)) continue;
    const double value = result_number(row, key);
    const char *level = result_text(row, "level");
    svg_text(file, LIMIT_LEFT - 6, y + 14, "end", "%s%s%s", *level ? level : result_text(row, "isa"), *level ? ", " : "",
             result_text(row, "pattern"));
    fprintf(file, "<rect class=\"bar reference\" x=\"%d\" y=\"%g\" width=\"%.5g\" height=\"14\"></rect>", LIMIT_LEFT, y + 3,
            (LIMIT_RIGHT - LIMIT_LEFT) * value / most);
    svg_text(file, LIMIT_WIDTH - 2, y + 14, "end", value < 10 ? "%.2f" : "%.0f", value);
    y += LIMIT_STEP;
  }
  fputs("</svg></div>\n", file);
}

void plot_limits(FILE *file, const report *r) {
  bool any = false;
  for (size_t i = 0; i < r->results.count; i++) any = any || *result_text(&r->results.all[i], "limit");
  if (!any) return;
  fputs("<h2>What one core can do</h2>\n<div class=grid>\n", file);
  draw_limits(file, r, "fma", "gflops", "GF/s of fused multiply-adds on registers");
  draw_limits(file, r, "bandwidth", "gbytes_per_second", "GB/s by level");
  fputs("</div>\n", file);
}
