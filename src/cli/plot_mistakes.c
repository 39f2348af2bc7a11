/* SPDX-License-Identifier: MIT
 *
 * `evaluate --plot-mistakes`: the rows whose label the network finds least probable, of those it gets wrong.
 */
#include "cli/picture.h"
#include "cli/plot.h"
#include "cli/svg.h"
#include "data/dataset.h"
#include "graph/model.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tiles clip what is too long for them. */
enum {
  WIDTH = 480,
  COLUMNS = 4,
  MOST = 20,
  TILE = 108,
  PICTURE = 108,
  TILE_HEIGHT = PICTURE + 60,
  STEP_X = 116,
  TOP = 74,
  LEFT = 12
};
enum { NAME_SIZE = 128, SHOWN_VALUES = 6 };

static const char style[] = "image{image-rendering:pixelated}.frame{fill:none;stroke:#d8dee4}"
                            "@media(prefers-color-scheme:dark){.frame{stroke:#30363d}}";

typedef struct mistake {
  size_t row;
  int32_t label, predicted;
  double label_probability, probability; /* of what was predicted */
} mistake;

typedef struct sheet {
  const lam_model *model;
  const lam_dataset *data;
  const char *names;
  size_t rows, count;
  mistake *mistakes;
} sheet;

/* ---- finding them ---- */

/* One output tells of two classes. NaN, which nothing else would order, counts as worst. */
static double probability_of(const float *outputs, size_t width, int32_t class) {
  double p = (double)(width == 1 ? outputs[0] : outputs[class]);
  if (isnan(p)) return -(double)INFINITY;
  return width == 1 && class == 0 ? 1 - p : p;
}

static int compare(const void *a, const void *b) {
  const mistake *x = a, *y = b;
  if (x->label_probability != y->label_probability) return x->label_probability < y->label_probability ? -1 : 1;
  if (x->probability != y->probability) return x->probability > y->probability ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

static lam_status find_mistakes(lam_model *model, sheet *s) {
  lam_shape shape = lam_model_output_shape(model, 0);
  size_t width = shape.rank ? shape.size[shape.rank - 1] : 1;
  lam_predict_options how = { .kind = LAM_PROBABILITIES };
  float *outputs = program_memory(s->rows * width, sizeof *outputs);
  int32_t *predicted = program_memory(s->rows, sizeof *predicted);
  s->mistakes = program_memory(s->rows, sizeof *s->mistakes);
  lam_status status = lam_predict(model, s->data, &how, outputs, s->rows * width);
  if (!status) status = lam_predict_classes(model, s->data, NULL, predicted, s->rows);
  for (size_t i = 0; !status && i < s->rows; i++) {
    uint32_t row = (uint32_t)i;
    mistake m = { .row = i, .predicted = predicted[i] };
    lam_dataset_gather_labels(s->data, 0, &row, 1, &m.label);
    if (m.label == m.predicted) continue;
    m.label_probability = probability_of(outputs + i * width, width, m.label);
    m.probability = probability_of(outputs + i * width, width, m.predicted);
    s->mistakes[s->count++] = m;
  }
  qsort(s->mistakes, s->count, sizeof *s->mistakes, compare);
  return status;
}

/* ---- names ---- */

/* The name of a class in "shirt,coat"; else the data's or the model's; else its number. */
static void class_name(const sheet *s, int32_t class, char name[NAME_SIZE]) {
  const char *item = s->names;
  for (int32_t i = 0; item && i < class; i++) {
    item = strchr(item, ',');
    if (item) item++;
  }
  int length = item ? (int)strcspn(item, ",") : 0;
  if (!length) item = lam_dataset_class_name(s->data, (size_t) class);
  if (!item) item = lam_model_class_name(s->model, (size_t) class);
  if (item)
    snprintf(name, NAME_SIZE, "%.*s", length ? length : NAME_SIZE, item);
  else
    snprintf(name, NAME_SIZE, "%d", (int)class);
}

/* "97.3%"; a share that is not 1 does not read as 100%, nor one that is not 0 as 0. */
static void format_share(char text[32], double share) {
  if (isinf(share))
    snprintf(text, 32, "not a number");
  else if (share > 0.999 && share < 1)
    snprintf(text, 32, ">99.9%%");
  else if (share < 0.001 && share > 0)
    snprintf(text, 32, "<0.1%%");
  else
    snprintf(text, 32, share == 1 ? "100%%" : share == 0 ? "0%%" : "%.1f%%", 100 * share);
}

/* ---- drawing ---- */

static void draw_picture(FILE *file, const sheet *s, size_t row, size_t height, size_t width) {
  const lam_array *input = lam_dataset_input(s->data, 0);
  const void *values = lam_dataset_row(s->data, input, row);
  unsigned char *pixels = program_memory(height * width, 1);
  double least, most;
  picture_range(input, values, height * width, &least, &most);
  for (size_t i = 0; i < height * width; i++) {
    double value = (picture_element(input, values, i) - least) / (most > least ? most - least : 1);
    pixels[i] = (unsigned char)(value >= 1 ? 255 : value > 0 ? value * 255 + 0.5 : 0);
  }
  fprintf(file, "<image width=\"%d\" height=\"%d\" href=\"", TILE, PICTURE);
  png_data_uri(file, pixels, width, height, NULL);
  fputs("\"/>\n", file);
}

/* Rows that are no pictures: their first numbers. */
static void draw_values(FILE *file, const sheet *s, size_t row, size_t count) {
  const lam_array *input = lam_dataset_input(s->data, 0);
  const void *values = lam_dataset_row(s->data, input, row);
  fprintf(file, "<rect class=\"frame\" x=\".5\" y=\".5\" width=\"%d\" height=\"%d\"/>\n", TILE - 1, PICTURE - 1);
  for (size_t i = 0; i < count && i < SHOWN_VALUES; i++)
    i + 1 == SHOWN_VALUES &&count > SHOWN_VALUES
        ? svg_text(file, 10, 20 + 16 * (double)i, "small", "\u2026 %zu in all", count)
        : svg_text(file, 10, 20 + 16 * (double)i, "small", "%.6g", picture_element(input, values, i));
}

static void draw_tile(FILE *file, const sheet *s, size_t place) {
  const mistake *m = &s->mistakes[place];
  lam_shape shape = lam_dataset_input(s->data, 0)->shape;
  size_t height, width, count;
  char label[NAME_SIZE], predicted[NAME_SIZE], probability[32], label_probability[32];
  class_name(s, m->label, label);
  class_name(s, m->predicted, predicted);
  format_share(probability, m->probability);
  format_share(label_probability, m->label_probability);
  (void)lam_shape_count(shape, &count);
  fprintf(file, "<svg x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\">\n<title>", LEFT + place % COLUMNS * STEP_X,
          TOP + place / COLUMNS * TILE_HEIGHT, TILE, TILE_HEIGHT);
  fprintf(file, "Row %zu: ", m->row);
  svg_escape(file, label);
  fputs(" taken for ", file);
  svg_escape(file, predicted);
  fputs("</title>\n", file);
  picture_size(shape, &height, &width) ? draw_picture(file, s, m->row, height, width) : draw_values(file, s, m->row, count);
  svg_text(file, 0, PICTURE + 16, "small strong", "%s", label);
  svg_text(file, 0, PICTURE + 31, "small", "\u2192 %s", predicted);
  svg_text(file, 0, PICTURE + 46, "small soft", "%s (%s)", probability, label_probability);
  fputs("</svg>\n", file);
}

static void write_sheet(FILE *file, const void *user) {
  const sheet *s = user;
  size_t shown = s->count < MOST ? s->count : MOST, lines = (shown + COLUMNS - 1) / COLUMNS;
  char title[96];
  if (!s->count)
    snprintf(title, sizeof title, "No mistakes in %zu rows", s->rows);
  else if (shown < s->count)
    snprintf(title, sizeof title, "The %zu worst of %zu mistakes in %zu rows", shown, s->count, s->rows);
  else
    snprintf(title, sizeof title, "%zu mistake%s in %zu rows", s->count, s->count > 1 ? "s" : "", s->rows);
  svg_begin(file, WIDTH, TOP + (double)(lines * TILE_HEIGHT) + 4, title, style);
  svg_text(file, LEFT, 25, "strong", "%s", title);
  svg_text(file, LEFT, 46, "small soft", "The label, what it was taken for, and the probability given to that");
  svg_text(file, LEFT, 61, "small soft", "(in brackets: to the label)");
  for (size_t i = 0; i < shown; i++) draw_tile(file, s, i);
  svg_end(file);
}

int plot_mistakes(const char *path, lam_model *model, const lam_dataset *data, const char *names) {
  sheet s = { .model = model, .data = data, .names = names, .rows = lam_dataset_rows(data) };
  if (find_mistakes(model, &s)) return library_failed(model->object.context);
  return write_file(path, write_sheet, &s);
}
