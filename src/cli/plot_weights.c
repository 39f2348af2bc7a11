/* SPDX-License-Identifier: MIT
 *
 * `summary --plot-weights`: what each unit of the first layer looks for, as a picture of its weights. All have one range, the
 * same on both sides of zero.
 */
#include "cli/picture.h"
#include "cli/plot.h"
#include "cli/svg.h"
#include "kernels/array.h"
#include <math.h>
#include <stdlib.h>

enum { WIDTH = 480, LEFT = 12, PICTURE = WIDTH - 2 * LEFT, TOP = 84, MOST_UNITS = 1024 };

static const char style[] = "image{image-rendering:pixelated}.line{stroke-width:.6}";

/* Zero is transparent, so that it is the reader's background, light or dark. */
enum { ZERO = 128 };
static const unsigned char negative[3] = { 33, 118, 235 }, positive[3] = { 230, 90, 20 };

typedef struct weights {
  const float *values; /* inputs x units */
  size_t units, shown, height, width;
  size_t columns, lines; /* of tiles */
  float range;
} weights;

/* The shape of the model's rows, or the square of as many numbers. */
static bool input_picture(lam_shape shape, size_t inputs, size_t *height, size_t *width) {
  size_t side = (size_t)lround(sqrt((double)inputs));
  if (picture_size(shape, height, width)) return *height * *width == inputs;
  *height = *width = side;
  return side > 1 && side * side == inputs;
}

/* The first kernel; biases and an input's mean and variance have one axis. */
static bool first_kernel(const lam_model *model, lam_parameter *kernel) {
  for (size_t i = 0; i < lam_model_parameter_count(model); i++)
    if (!lam_model_parameter(model, i, kernel) && kernel->shape.rank == 2) return true;
  return false;
}

static int compare(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* What all but the largest hundredth of the weights stay within: a single large weight would leave all others pale. */
static float usual_range(const float *values, size_t count) {
  float *sizes = program_memory(count, sizeof *sizes);
  size_t finite = 0;
  for (size_t i = 0; i < count; i++)
    if (isfinite(values[i])) sizes[finite++] = fabsf(values[i]);
  qsort(sizes, finite, sizeof *sizes, compare);
  return finite ? sizes[finite - 1 - finite / 100] : 0;
}

/* ---- drawing ---- */

static double picture_height(const weights *w) {
  return (double)PICTURE * (double)(w->lines * w->height) / (double)(w->columns * w->width);
}

static unsigned char colour(float value, float range) {
  if (isnan(value) || range <= 0) return ZERO;
  return (unsigned char)(ZERO + lroundf(127 * fmaxf(-1, fminf(1, value / range))));
}

static void make_palette(unsigned char palette[256 * 4]) {
  for (int i = 0; i < 256; i++) {
    for (int j = 0; j < 3; j++) palette[4 * i + j] = i < ZERO ? negative[j] : positive[j];
    int opacity = 2 * (abs(i - ZERO));
    palette[4 * i + 3] = (unsigned char)(opacity > 254 ? 255 : opacity);
  }
}

/* All tiles are one picture; lines tell them apart. */
static void draw_tiles(FILE *file, const weights *w) {
  size_t across = w->columns * w->width, down = w->lines * w->height;
  unsigned char *pixels = program_memory(across * down, 1), palette[256 * 4];
  for (size_t i = 0; i < across * down; i++) pixels[i] = ZERO;
  for (size_t unit = 0; unit < w->shown; unit++) {
    size_t left = unit % w->columns * w->width, top = unit / w->columns * w->height;
    for (size_t i = 0; i < w->height * w->width; i++)
      pixels[(top + i / w->width) * across + left + i % w->width] = colour(w->values[i * w->units + unit], w->range);
  }
  make_palette(palette);
  fprintf(file, "<image x=\"%d\" y=\"%d\" width=\"%d\" height=\"%.6g\" href=\"", LEFT, TOP, PICTURE, picture_height(w));
  png_data_uri(file, pixels, across, down, palette);
  fputs("\"/>\n", file);
  for (size_t i = 0; i <= w->columns; i++) {
    double x = LEFT + (double)(PICTURE * i) / (double)w->columns;
    svg_line(file, x, TOP, x, TOP + picture_height(w), "line");
  }
  for (size_t i = 0; i <= w->lines; i++) {
    double y = TOP + picture_height(w) * (double)i / (double)w->lines;
    svg_line(file, LEFT, y, LEFT + PICTURE, y, "line");
  }
}

/* The range, in colours and numbers. */
static void draw_key(FILE *file, const weights *w) {
  enum { X = LEFT, Y = 52, LONG = 140 };
  fputs("<defs><linearGradient id=\"range\">", file);
  for (int i = 0; i < 3; i++) {
    const unsigned char *c = i == 2 ? positive : negative;
    fprintf(file, "<stop offset=\"%g\" stop-color=\"rgb(%d,%d,%d)\" stop-opacity=\"%d\"/>", 0.5 * i, c[0], c[1], c[2], i != 1);
    if (i == 1)
      fprintf(file, "<stop offset=\".5\" stop-color=\"rgb(%d,%d,%d)\" stop-opacity=\"0\"/>", positive[0], positive[1],
              positive[2]);
  }
  fputs("</linearGradient></defs>\n", file);
  fprintf(file, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"10\" fill=\"url(#range)\"/>\n", X, Y - 13, LONG);
  svg_text(file, X, Y + 14, "small soft", "\u2264 %.2g", -(double)w->range);
  svg_text(file, X + LONG / 2, Y + 14, "small soft middle", "0");
  svg_text(file, X + LONG, Y + 14, "small soft end", "\u2265 %.2g", (double)w->range);
}

static void write_weights(FILE *file, const void *user) {
  const weights *w = user;
  char title[96];
  if (w->shown < w->units)
    snprintf(title, sizeof title, "Weights of the first %zu of %zu units", w->shown, w->units);
  else
    snprintf(title, sizeof title, "Weights of the first layer: %zu unit%s", w->units, w->units > 1 ? "s" : "");
  svg_begin(file, WIDTH, TOP + picture_height(w) + LEFT, title, style);
  svg_text(file, LEFT, 25, "strong", "%s", title);
  draw_key(file, w);
  draw_tiles(file, w);
  svg_end(file);
}

/* As many columns as make the whole about square. */
static size_t count_columns(const weights *w) {
  size_t columns = (size_t)ceil(sqrt((double)w->shown * (double)w->height / (double)w->width));
  return columns < 1 ? 1 : columns > w->shown ? w->shown : columns;
}

int plot_weights(const char *path, const lam_model *model) {
  lam_shape input = lam_model_input_shape(model, 0);
  lam_parameter kernel;
  char text[96];
  if (!first_kernel(model, &kernel)) return failed("--plot-weights: the network has no layer with weights");
  weights w = { .values = kernel.data, .units = kernel.shape.size[1] };
  if (!input_picture(input, kernel.shape.size[0], &w.height, &w.width))
    return failed("--plot-weights: rows of shape %s are neither pictures nor squares", lam_shape_text(text, input));
  w.shown = w.units < MOST_UNITS ? w.units : MOST_UNITS;
  w.columns = count_columns(&w);
  w.lines = (w.shown + w.columns - 1) / w.columns;
  w.range = usual_range(kernel.data, kernel.count);
  return write_file(path, write_weights, &w);
}
