/* SPDX-License-Identifier: MIT
 *
 * --metrics: reading the list, and what is printed of it.
 */
#include "cli/cli.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

enum { LISTED = 20 }; /* numbers of one metric that people are shown */

/* ---- reading ---- */

/* "NAME=VALUE" of one metric. A class is a list in the library, of which one is enough here. */
static int read_option(char *text, const char *metric, lam_metric_options *options) {
  lam_context sentence = { 0 }; /* only a place for the sentence */
  char what[96], *value = strchr(text, '=');
  if (!value) return wrong_usage("--metrics: \"%s\" of %s is not OPTION=VALUE", text, metric);
  *value++ = 0;
  snprintf(what, sizeof what, "option of %.63s", metric);
  if (strcmp(text, "class") != 0)
    return lam_field_parse(&sentence, what, lam_metric_fields, options, text, value)
               ? wrong_usage("--metrics: %s", sentence.message)
               : EXIT_OK;
  static const lam_field number[] = { { "class", LAM_FIELD_SIZE, 0, NULL }, { NULL, LAM_FIELD_SIZE, 0, NULL } };
  size_t *class = program_memory(1, sizeof *class);
  if (lam_field_parse(&sentence, what, number, class, text, value)) return wrong_usage("--metrics: %s", sentence.message);
  options->class_ids = class;
  options->class_id_count = 1;
  return EXIT_OK;
}

/* One of the list, "precision:class=1:threshold=0.3", by which it is called too. Wherever the network gives logits it sees
 * probabilities. */
static int read_metric(char *text, lam_metric_options *options) {
  lam_context sentence = { 0 };
  *options = (lam_metric_options){ .name = text, .probabilities = true };
  char *copy = program_memory(strlen(text) + 1, 1), *name = copy;
  memcpy(copy, text, strlen(text) + 1);
  char *rest = strchr(copy, ':');
  if (rest) *rest++ = 0;
  int found = lam_name_find(lam_metric_names, name);
  if (found < 0 || found == LAM_METRIC_CUSTOM) {
    lam_name_unknown(&sentence, "metric", name, lam_metric_names);
    return wrong_usage("--metrics: %s", sentence.message);
  }
  options->type = (lam_metric_type)found;
  while (rest) {
    char *option = rest;
    rest = strchr(rest, ':');
    if (rest) *rest++ = 0;
    int code = read_option(option, name, options);
    if (code) return code;
  }
  return EXIT_OK;
}

/* Reads the list, and adds its metrics to a trainer unless that is NULL. */
static int read_metrics(const settings *options, lam_trainer *trainer) {
  if (!options->metrics) return EXIT_OK;
  size_t size = strlen(options->metrics) + 1;
  char *text = program_memory(size, 1);
  memcpy(text, options->metrics, size);
  for (char *rest = text; rest;) {
    lam_metric_options metric;
    char *one = rest;
    rest = strchr(rest, ',');
    if (rest) *rest++ = 0;
    int code = read_metric(one, &metric);
    if (code) return code;
    if (trainer && !lam_trainer_add_metric(trainer, &metric)) return library_failed(trainer->object.context);
  }
  return EXIT_OK;
}

int check_metrics(const settings *options) { return read_metrics(options, NULL); }

int add_metrics(const settings *options, lam_trainer *trainer) { return read_metrics(options, trainer); }

/* ---- as text ---- */

static void print_value(FILE *stream, int width, const char *name, double value, double error) {
  fprintf(stream, "%-*s %12.6g", width, name, value);
  if (!isnan(error)) fprintf(stream, "  \u00b1 %.2g", error);
  fputc('\n', stream);
}

/* The numbers of a metric that has several, in the library's order. */
static void read_values(const lam_metric *metric, size_t count, double **values, double **errors) {
  *values = program_memory(count, sizeof **values);
  *errors = program_memory(count, sizeof **errors);
  lam_metric_values(metric, *values, *errors, count);
}

void print_metrics(FILE *stream, const lam_trainer *trainer) {
  size_t count = lam_trainer_metric_count(trainer);
  int width = 0;
  for (size_t i = 0; i < count; i++) {
    int length = (int)strlen(lam_metric_name(lam_trainer_metric(trainer, i)));
    width = length > width ? length : width;
  }
  if (count) fprintf(stream, "\n%-*s %12s  \u00b1 standard error\n", width, "metric", "value");
  for (size_t i = 0; i < count; i++) {
    const lam_metric *metric = lam_trainer_metric(trainer, i);
    size_t numbers = lam_metric_value_count(metric);
    lam_metric_result result;
    if (lam_metric_read(metric, &result)) continue;
    print_value(stream, width, lam_metric_name(metric), result.value, result.standard_error);
    if (numbers < 2 || numbers > LISTED || lam_metric_type_of(metric) == LAM_METRIC_CONFUSION_MATRIX) continue;
    double *values, *errors;
    read_values(metric, numbers, &values, &errors);
    for (size_t j = 0; j < numbers; j++) {
      char place[32];
      snprintf(place, sizeof place, "  %zu", j);
      print_value(stream, width, place, values[j], errors[j]);
    }
  }
}

/* ---- as JSON ---- */

static void write_list(FILE *file, const char *name, const double *values, size_t count) {
  fprintf(file, ",\"%s\":[", name);
  for (size_t j = 0; j < count; j++) {
    if (j) fputc(',', file);
    json_number(file, values[j]);
  }
  fputc(']', file);
}

void json_metrics(FILE *file, const lam_trainer *trainer) {
  size_t count = lam_trainer_metric_count(trainer);
  if (count) fputs(",\"metrics\":[", file);
  for (size_t i = 0; i < count; i++) {
    const lam_metric *metric = lam_trainer_metric(trainer, i);
    size_t numbers = lam_metric_value_count(metric);
    lam_metric_result result;
    if (lam_metric_read(metric, &result)) continue;
    json_text(file, i ? ",{\"name\":" : "{\"name\":", lam_metric_name(metric));
    json_field(file, ",", "value", result.value);
    json_field(file, ",", "standard_error", result.standard_error);
    if (numbers > 1) {
      double *values, *errors;
      read_values(metric, numbers, &values, &errors);
      write_list(file, "values", values, numbers);
      write_list(file, "standard_errors", errors, numbers);
    }
    fputc('}', file);
  }
  if (count) fputc(']', file);
}

/* ,"metrics":{"auc":...},"val_metrics":{...} of an epoch. */
void json_metric_history(FILE *file, const lam_trainer *trainer, size_t epoch) {
  size_t count = lam_trainer_metric_count(trainer);
  for (int validation = 0; validation < 2 && count; validation++) {
    fputs(validation ? ",\"val_metrics\":{" : ",\"metrics\":{", file);
    for (size_t i = 0; i < count; i++) {
      json_text(file, i ? "," : "", lam_metric_name(lam_trainer_metric(trainer, i)));
      fputc(':', file);
      json_number(file, lam_trainer_metric_history(trainer, i, epoch, validation));
    }
    fputc('}', file);
  }
}
