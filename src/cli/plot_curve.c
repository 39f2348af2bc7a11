/* SPDX-License-Identifier: MIT
 *
 * `train --plot`: loss and accuracy by epoch, one above the other, so that the drawing stays legible on a telephone.
 */
#include "cli/plot.h"
#include "cli/svg.h"
#include <math.h>

enum { WIDTH = 480, TOP = 84, PANEL = 170, BETWEEN = 72, RIGHT = 450, MOST_POINTS = 1000, MARKED_POINTS = 30 };

static const char style[] =
    ".line,.grid,polyline{fill:none}polyline{stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".train{stroke:#0969da}.val{stroke:#bc4c00;stroke-dasharray:6 4}circle{stroke-width:0}circle.train{fill:#0969da}"
    "circle.val{fill:#bc4c00}"
    "@media(prefers-color-scheme:dark){.train{stroke:#58a6ff}.val{stroke:#f0883e}circle.train{fill:#58a6ff}"
    "circle.val{fill:#f0883e}}";

/* A quantity's axis and where it is drawn. */
typedef struct panel {
  double low, high, step; /* of the quantity, or of its decimal logarithm */
  bool logarithmic;
  double left, top;
  size_t epochs;
} panel;

typedef struct curve {
  const lam_epoch *epochs;
  size_t count;
} curve;

/* A number of an epoch by its place in the record; NaN where it cannot be drawn. */
static double value_at(const curve *c, size_t epoch, size_t offset) {
  double value = *(const double *)((const char *)&c->epochs[epoch] + offset);
  return fabs(value) <= 1e300 ? value : (double)NAN;
}

static bool has_values(const curve *c, size_t offset) {
  for (size_t i = 0; i < c->count; i++)
    if (!isnan(value_at(c, i, offset))) return true;
  return false;
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, of which `range` has at most `most`. */
static double round_step(double range, double most) {
  double rough = range / most, power = pow(10, floor(log10(rough))), lead = rough / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

static void find_range(const curve *c, size_t training, size_t validation, double *low, double *high) {
  *low = (double)INFINITY;
  *high = -*low;
  for (size_t i = 0; i < c->count; i++) { /* fmin and fmax pass over NaN */
    *low = fmin(*low, fmin(value_at(c, i, training), value_at(c, i, validation)));
    *high = fmax(*high, fmax(value_at(c, i, training), value_at(c, i, validation)));
  }
  if (*low > *high) *low = 0, *high = 1;
}

/* Ticks at round numbers, the first and the last at the ends. Numbers over three decades are drawn by their logarithm; a range
 * too small for labels of seven digits is widened. */
static panel make_panel(const curve *c, size_t training, size_t validation, bool share) {
  panel p = { .epochs = c->count };
  double low, high;
  find_range(c, training, validation, &low, &high);
  p.logarithmic = low > 0 && high / low > 1000;
  if (p.logarithmic) low = floor(log10(low)), high = ceil(log10(high));
  double least = fmax(1e-6 * fmax(fabs(low), fabs(high)), 1e-300);
  if (high - low < least) {
    double more = low == 0 && high == 0 ? 0.5 : fmax(least, 0.05 * fabs(low));
    low -= more, high += more;
  }
  if (share) low = fmax(low, 0), high = fmin(high, 1);
  p.step = fmax(round_step(high - low, 5), p.logarithmic ? 1 : 0);
  p.low = floor(low / p.step + 1e-9) * p.step;
  p.high = ceil(high / p.step - 1e-9) * p.step;
  return p;
}

static int tick_count(const panel *p) { return (int)lround((p->high - p->low) / p->step); }

/* As many decimals as the step has; numbers far from 1 in exponent form. */
static int tick_label(char *text, size_t size, const panel *p, int tick) {
  double value = (floor(p->low / p->step + 0.5) + tick) * p->step + 0.0; /* never -0 */
  if (p->logarithmic) return snprintf(text, size, fabs(value) <= 4 ? "%g" : "1e%+.0f", fabs(value) <= 4 ? pow(10, value) : value);
  double largest = fmax(fabs(p->low), fabs(p->high));
  int decimals = (int)-floor(log10(p->step) + 1e-9);
  if (largest < 1e6 && decimals <= 5) return snprintf(text, size, "%.*f", decimals > 0 ? decimals : 0, value);
  return snprintf(text, size, "%.*e", (int)floor(log10(largest) + 1e-9) + decimals, value);
}

/* Pixels of the widest label, at most 7 a character. */
static double label_width(const panel *p) {
  char text[32];
  int longest = 0;
  for (int i = 0; i <= tick_count(p); i++) {
    int length = tick_label(text, sizeof text, p, i);
    if (length > longest) longest = length;
  }
  return 7.0 * longest;
}

static double place_x(const panel *p, size_t epoch) {
  return p->epochs > 1 ? p->left + (RIGHT - p->left) * (double)epoch / (double)(p->epochs - 1) : (p->left + RIGHT) / 2;
}

static void draw_axes(FILE *file, const panel *p, const char *name) {
  char text[32];
  svg_text(file, p->left, p->top - 10, "strong", p->logarithmic ? "%s (logarithmic)" : "%s", name);
  for (int i = 0; i <= tick_count(p); i++) {
    double y = p->top + PANEL * (1 - (double)i / tick_count(p));
    tick_label(text, sizeof text, p, i);
    svg_line(file, p->left, y, RIGHT, y, i ? "grid" : "line");
    svg_text(file, p->left - 8, y + 4, "small soft end", "%s", text);
  }
  double most = (double)p->epochs;
  size_t step = most > 7 ? (size_t)fmax(1, round_step(most - 1, 6)) : 1;
  for (size_t epoch = 1; epoch <= p->epochs; epoch = epoch == 1 && step > 1 ? step : epoch + step) {
    double x = place_x(p, epoch - 1);
    svg_line(file, x, p->top + PANEL, x, p->top + PANEL + 5, "line");
    svg_text(file, x, p->top + PANEL + 20, "small soft middle", "%zu", epoch);
  }
  svg_text(file, (p->left + RIGHT) / 2, p->top + PANEL + 38, "small soft middle", "epoch");
}

/* ---- values ---- */

static bool point(const panel *p, const curve *c, size_t epoch, size_t offset, double *x, double *y) {
  if (epoch >= c->count || isnan(value_at(c, epoch, offset))) return false;
  double value = value_at(c, epoch, offset);
  *x = place_x(p, epoch);
  *y = p->top + PANEL * (1 - ((p->logarithmic ? log10(value) : value) - p->low) / (p->high - p->low));
  return true;
}

/* The epoch drawn after this one: of very many only every second, third, ... and the last; `count` behind that. */
static size_t next_epoch(const curve *c, size_t epoch) {
  size_t next = epoch + 1 + c->count / MOST_POINTS;
  return next < c->count || epoch + 1 >= c->count ? next : c->count - 1;
}

/* Lines between neighbours. */
static void draw_line(FILE *file, const panel *p, const curve *c, size_t offset, const char *name) {
  double x, y;
  bool open = false;
  for (size_t i = 0; i < c->count; i = next_epoch(c, i)) {
    bool there = point(p, c, i, offset, &x, &y);
    if (there && !open) fprintf(file, "<polyline class=\"%s\" points=\"", name);
    if (there) fprintf(file, "%s%.6g,%.6g", open ? " " : "", x, y);
    if (open && !there) fputs("\"/>\n", file);
    open = there;
  }
  if (open) fputs("\"/>\n", file);
}

/* Dots where there are few, and where no line would show the value. */
static void draw_dots(FILE *file, const panel *p, const curve *c, size_t offset, const char *name) {
  double x, y;
  bool before = false;
  for (size_t i = 0; i < c->count; i = next_epoch(c, i)) {
    bool alone = !before && !point(p, c, next_epoch(c, i), offset, &x, &y);
    before = point(p, c, i, offset, &x, &y);
    if (before && (alone || c->count <= MARKED_POINTS))
      fprintf(file, "<circle class=\"%s\" cx=\"%.6g\" cy=\"%.6g\" r=\"3\"/>\n", name, x, y);
  }
}

static void draw_panel(FILE *file, const panel *p, const curve *c, const char *name, size_t training, size_t validation) {
  draw_axes(file, p, name);
  draw_line(file, p, c, validation, "val");
  draw_line(file, p, c, training, "train");
  draw_dots(file, p, c, validation, "val");
  draw_dots(file, p, c, training, "train");
}

/* ---- the drawing ---- */

static void draw_key(FILE *file, double x, const char *name, const char *text) {
  fprintf(file, "<polyline class=\"%s\" points=\"%.6g,45 %.6g,45\"/>\n", name, x, x + 28);
  svg_text(file, x + 36, 50, "", "%s", text);
}

static void write_curve(FILE *file, const void *user) {
  const curve *c = user;
  const size_t loss = offsetof(lam_epoch, loss), val_loss = offsetof(lam_epoch, val_loss);
  const size_t accuracy = offsetof(lam_epoch, accuracy), val_accuracy = offsetof(lam_epoch, val_accuracy);
  bool second = has_values(c, accuracy) || has_values(c, val_accuracy);
  const char *title = second ? "Loss and accuracy by epoch" : "Loss by epoch";
  panel upper = make_panel(c, loss, val_loss, false), lower = make_panel(c, accuracy, val_accuracy, true);
  upper.left = lower.left = fmax(label_width(&upper), second ? label_width(&lower) : 0) + 20;
  upper.top = TOP;
  lower.top = TOP + PANEL + BETWEEN;
  svg_begin(file, WIDTH, (second ? lower.top : upper.top) + PANEL + 50, title, style);
  svg_text(file, 16, 25, "strong", "%s", title);
  draw_key(file, 16, "train", "training");
  if (has_values(c, val_loss) || has_values(c, val_accuracy)) draw_key(file, 132, "val", "validation");
  draw_panel(file, &upper, c, "loss", loss, val_loss);
  if (second) draw_panel(file, &lower, c, "accuracy", accuracy, val_accuracy);
  if (!has_values(c, loss) && !has_values(c, val_loss))
    svg_text(file, (upper.left + RIGHT) / 2, TOP + PANEL / 2, "soft middle",
             c->count ? "no finite numbers" : "no epoch has ended");
  svg_end(file);
}

int plot_curve(const char *path, const lam_epoch *epochs, size_t count) {
  curve c = { epochs, count };
  return write_file(path, write_curve, &c);
}
