/* SPDX-License-Identifier: MIT
 *
 * The parts of the page that report_html writes: html.c has the frame and the tables, plots.c and dots.c the
 * drawings.
 */
#ifndef LAM_BENCH_HTML_H
#define LAM_BENCH_HTML_H

#include "bench/report.h"

/* Results that follow each other and differ in their backend only. */
typedef struct group {
  const result *all;
  size_t count;
} group;

/* The group that begins at *at, which moves behind it; count 0 at the end. Results of other commands and parts of a step are
 * passed over. */
group next_group(const report *r, size_t *at);
/* What its results have in common: "32x256x784:NN forward, 2 threads". */
void group_text(const group *g, char *text, size_t size);

/* ---- what drawings share ---- */

enum { COLOURS = 12, MOST_NAMES = 96 }; /* in the page's style */
/* Names in the order of their first appearance, which gives them their colours. */
typedef struct plot_names {
  const char *all[MOST_NAMES];
  size_t count;
} plot_names;
size_t plot_number(plot_names *n, const char *name);
void plot_key(FILE *file, const plot_names *n);
/* Begins a drawing that a line "</svg>" ends; says what a mark means when it is pointed at. */
void plot_open(FILE *file, double width, double height, const char *title);
void plot_hover(FILE *file, const char *text);

/* ---- the drawings ---- */

void plot_bars(FILE *file, const report *r);
void plot_roofline(FILE *file, const report *r);
void plot_winners(FILE *file, const report *r);
void plot_parts(FILE *file, const report *r);
void plot_kernels(FILE *file, const report *r);
void plot_limits(FILE *file, const report *r);

#endif
