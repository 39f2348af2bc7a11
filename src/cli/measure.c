/* SPDX-License-Identifier: MIT
 *
 * How good a network is: loss, accuracy with its standard error, and which class it takes for which.
 */
#include "cli/cli.h"
#include "data/dataset.h"
#include "layers/layers.h"
#include <math.h>
#include <string.h>

static size_t output_width(const lam_model *model) {
  lam_shape shape = lam_model_output_shape(model, 0);
  return shape.rank ? shape.size[shape.rank - 1] : 1;
}

/* ---- measuring ---- */

/* The share of all outputs that are on their target's side of 0.5. */
static lam_status measure_binary(lam_model *model, const lam_dataset *data, measurement *measured) {
  size_t rows = lam_dataset_rows(data), width = output_width(model), right = 0;
  float *outputs = program_memory(rows * width, sizeof *outputs), *target = program_memory(width, sizeof *target);
  lam_predict_options how = { .kind = LAM_PROBABILITIES };
  lam_status status = lam_predict(model, data, &how, outputs, rows * width);
  if (status) return status;
  const lam_kernel_table *kernels = model->object.context->kernels;
  for (size_t i = 0; i < rows; i++) {
    uint32_t row = (uint32_t)i;
    lam_dataset_gather_targets(data, 0, &row, 1, target, width, kernels);
    for (size_t j = 0; j < width; j++) right += (outputs[i * width + j] > 0.5f) == (target[j] > 0.5f);
  }
  measured->binary_accuracy = (double)right / (double)(rows * width);
  return LAM_OK;
}

static lam_status count_confusion(lam_model *model, const lam_dataset *data, measurement *measured) {
  size_t rows = lam_dataset_rows(data), classes = measured->classes;
  int32_t *predicted = program_memory(rows, sizeof *predicted);
  lam_status status = lam_predict_classes(model, data, NULL, predicted, rows);
  if (status) return status;
  measured->confusion = program_memory(classes * classes, sizeof *measured->confusion);
  for (size_t i = 0; i < rows; i++) {
    uint32_t row = (uint32_t)i;
    int32_t label;
    lam_dataset_gather_labels(data, 0, &row, 1, &label);
    measured->confusion[(size_t)label * classes + (size_t)predicted[i]]++;
  }
  return LAM_OK;
}

/* Integer labels that the outputs stand for, in a loss that classifies or behind a softmax or sigmoid. */
static size_t count_classes(const lam_model *model, const lam_dataset *data, lam_result result) {
  size_t width = output_width(model), classes = width == 1 ? 2 : width, labels = lam_dataset_classes(data);
  const lam_array *target = lam_dataset_target(data, 0);
  bool integers = target && lam_array_is_integers(target);
  return integers && labels && labels <= classes && !isnan(result.accuracy) ? classes : 0;
}

int measure(lam_trainer *trainer, const lam_dataset *data, bool confusion, measurement *measured) {
  lam_model *model = lam_trainer_model(trainer);
  lam_context *context = model->object.context;
  lam_trainer_options how;
  *measured = (measurement){ .binary_accuracy = (double)NAN, .trainer = trainer, .data = data };
  lam_status status = lam_trainer_get_options(trainer, &how);
  if (!status) status = lam_evaluate(trainer, data, &measured->result);
  if (!status && lam_loss_of(&how, 0).loss == LAM_BINARY_CROSSENTROPY && output_width(model) > 1)
    status = measure_binary(model, data, measured);
  if (!status) measured->classes = count_classes(model, data, measured->result);
  if (!status && confusion && measured->classes) status = count_confusion(model, data, measured);
  return status ? library_failed(context) : EXIT_OK;
}

double standard_error(lam_result result) { return sqrt(result.accuracy * (1 - result.accuracy) / (double)result.rows); }

/* ---- sums of the matrix ---- */

static uint64_t row_sum(const measurement *m, size_t label) {
  uint64_t sum = 0;
  for (size_t j = 0; j < m->classes; j++) sum += m->confusion[label * m->classes + j];
  return sum;
}

static uint64_t column_sum(const measurement *m, size_t predicted) {
  uint64_t sum = 0;
  for (size_t i = 0; i < m->classes; i++) sum += m->confusion[i * m->classes + predicted];
  return sum;
}

static double share(uint64_t part, uint64_t whole) { return whole ? (double)part / (double)whole : (double)NAN; }

/* ---- as text ---- */

void print_measurement(FILE *stream, const char *label, const measurement *measured) {
  lam_result result = measured->result;
  fputs(label, stream);
  if (!isnan(result.accuracy)) fprintf(stream, "accuracy %.4f \u00b1 %.4f, ", result.accuracy, standard_error(result));
  if (!isnan(measured->binary_accuracy)) fprintf(stream, "binary accuracy %.4f, ", measured->binary_accuracy);
  fprintf(stream, "loss %.4f (%llu rows)\n", result.loss, (unsigned long long)result.rows);
}

static int digits_of(uint64_t value) { return snprintf(NULL, 0, "%llu", (unsigned long long)value); }

static void print_share(FILE *stream, double value) {
  isnan(value) ? fputs("      -", stream) : fprintf(stream, "  %.3f", value);
}

/* "10 to 14" for classes that have no rows. */
static void print_empty_classes(FILE *stream, const measurement *m) {
  for (size_t first = 0; first < m->classes; first++) {
    size_t end = first;
    uint64_t predicted = 0;
    while (end < m->classes && row_sum(m, end) == 0) predicted += column_sum(m, end++);
    if (end == first) continue;
    if (end == first + 1)
      fprintf(stream, "Class %zu has an output node but no rows here", first);
    else
      fprintf(stream, "Classes %zu to %zu have output nodes but no rows here", first, end - 1);
    fprintf(stream, "; predicted %llu time%s.\n", (unsigned long long)predicted, predicted == 1 ? "" : "s");
    first = end;
  }
}

void print_confusion(FILE *stream, const measurement *m) {
  int width = digits_of(m->classes - 1);
  for (size_t i = 0; i < m->classes * m->classes; i++)
    if (digits_of(m->confusion[i]) > width) width = digits_of(m->confusion[i]);
  width += 1;
  fputs("\nConfusion: rows are labels, columns are what was predicted.\n\nclass ", stream);
  for (size_t j = 0; j < m->classes; j++) fprintf(stream, "%*zu", width, j);
  fputs("    rows  precision  recall\n", stream);
  for (size_t i = 0; i < m->classes; i++) {
    fprintf(stream, "%5zu ", i);
    uint64_t right = m->confusion[i * m->classes + i];
    for (size_t j = 0; j < m->classes; j++) fprintf(stream, "%*llu", width, (unsigned long long)m->confusion[i * m->classes + j]);
    fprintf(stream, " %7llu    ", (unsigned long long)row_sum(m, i));
    print_share(stream, share(right, column_sum(m, i)));
    fputc(' ', stream);
    print_share(stream, share(right, row_sum(m, i)));
    const char *name = lam_dataset_class_name(m->data, i);
    fprintf(stream, "%s%s\n", name ? "  " : "", name ? name : "");
  }
  print_empty_classes(stream, m);
}

/* ---- as JSON ---- */

void json_measurement(FILE *file, const measurement *measured) {
  json_field(file, "", "loss", measured->result.loss);
  json_field(file, ",", "accuracy", measured->result.accuracy);
  if (!isnan(measured->binary_accuracy)) json_field(file, ",", "binary_accuracy", measured->binary_accuracy);
}

void json_confusion(FILE *file, const measurement *m) {
  fputs(",\"classes\":[", file);
  for (size_t i = 0; i < m->classes; i++) {
    uint64_t right = m->confusion[i * m->classes + i], rows = row_sum(m, i), predicted = column_sum(m, i);
    const char *name = lam_dataset_class_name(m->data, i);
    fprintf(file, "%s{\"class\":%zu", i ? "," : "", i);
    if (name) json_text(file, ",\"name\":", name);
    fprintf(file, ",\"rows\":%llu,\"predicted\":%llu", (unsigned long long)rows, (unsigned long long)predicted);
    json_field(file, ",", "precision", share(right, predicted));
    json_field(file, ",", "recall", share(right, rows));
    fputc('}', file);
  }
  fputs("],\"confusion\":[", file);
  for (size_t i = 0; i < m->classes; i++)
    for (size_t j = 0; j < m->classes; j++)
      fprintf(file, "%s%llu%s",
              j   ? ","
              : i ? ",["
                  : "[",
              (unsigned long long)m->confusion[i * m->classes + j], j + 1 == m->classes ? "]" : "");
  fputc(']', file);
}
