/* SPDX-License-Identifier: MIT
 *
 * The cases of metrics: updates, and then the result.
 *
 * Keras weighs elements as well as rows. Where a case does so, its elements become rows of one, which is the same for every
 * metric that does not look at a row as a whole.
 */
#include "conformance/run.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {
#define LAM_X(NAME, name) #name,
  LAM_METRIC_LIST(LAM_X)
#undef LAM_X
};

/* Classes of Keras whose names are not those of their functions. */
static const char *const other_names[][2] = { { "Accuracy", "equality" },
                                              { "AUC", "auc" },
                                              { "KLDivergence", "kl_divergence" },
                                              { "LogCoshError", "log_cosh" },
                                              { "MeanOfSquaredDifference", "mean_squared_error" },
                                              { "R2Score", "r2_score" },
                                              { "SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy" },
                                              { "TopKCategoricalAccuracy", "top_k_categorical_accuracy" } };

static int find_metric(const char *op) {
  const char *name = snake_case(op);
  for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
    if (!strcmp(other_names[i][0], op)) name = other_names[i][1];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcasecmp(names[i], name)) return (int)i;
  return -1;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static const struct {
  const char *key;
  size_t offset;
  enum { NUMBER, COUNT, FLAG } kind;
} numbers[] = {
  { "threshold", offsetof(lam_metric_options, threshold), NUMBER },
  { "label_smoothing", offsetof(lam_metric_options, label_smoothing), NUMBER },
  { "beta", offsetof(lam_metric_options, beta), NUMBER },
  { "specificity", offsetof(lam_metric_options, least), NUMBER },
  { "sensitivity", offsetof(lam_metric_options, least), NUMBER },
  { "recall", offsetof(lam_metric_options, least), NUMBER },
  { "precision", offsetof(lam_metric_options, least), NUMBER },
  { "k", offsetof(lam_metric_options, top_k), COUNT },
  { "top_k", offsetof(lam_metric_options, top_k), COUNT },
  { "num_thresholds", offsetof(lam_metric_options, num_thresholds), COUNT },
  { "num_regressors", offsetof(lam_metric_options, num_regressors), COUNT },
  { "from_logits", offsetof(lam_metric_options, from_logits), FLAG },
  { "from_sorted_ids", offsetof(lam_metric_options, from_sorted_ids), FLAG },
  { "multi_label", offsetof(lam_metric_options, multi_label), FLAG },
};

static const struct {
  const char *key, *text;
  size_t offset;
  int value;
} choices[] = {
  { "average", "micro", offsetof(lam_metric_options, average), LAM_AVERAGE_MICRO },
  { "average", "macro", offsetof(lam_metric_options, average), LAM_AVERAGE_MACRO },
  { "average", "weighted", offsetof(lam_metric_options, average), LAM_AVERAGE_WEIGHTED },
  { "average", "", offsetof(lam_metric_options, average), LAM_AVERAGE_NONE },
  { "class_aggregation", "uniform_average", offsetof(lam_metric_options, average), LAM_AVERAGE_MACRO },
  { "class_aggregation", "variance_weighted_average", offsetof(lam_metric_options, average), LAM_AVERAGE_VARIANCE_WEIGHTED },
  { "class_aggregation", "", offsetof(lam_metric_options, average), LAM_AVERAGE_NONE },
  { "curve", "ROC", offsetof(lam_metric_options, curve), LAM_AUC_ROC },
  { "curve", "PR", offsetof(lam_metric_options, curve), LAM_AUC_PR },
  { "curve", "PRGAIN", offsetof(lam_metric_options, curve), LAM_AUC_PRGAIN },
  { "summation_method", "interpolation", offsetof(lam_metric_options, summation), LAM_AUC_INTERPOLATION },
  { "summation_method", "minoring", offsetof(lam_metric_options, summation), LAM_AUC_MINORING },
  { "summation_method", "majoring", offsetof(lam_metric_options, summation), LAM_AUC_MAJORING },
};

static bool read_number(const char *key, item value, lam_metric_options *options) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (strcmp(numbers[i].key, key) || !item_is_number(value)) continue;
    char *field = (char *)options + numbers[i].offset;
    double number = item_number(value);
    if (numbers[i].kind == NUMBER) *(float *)(void *)field = number == 0 ? LAM_ZERO : (float)number;
    if (numbers[i].kind == COUNT) *(size_t *)(void *)field = (size_t)number;
    if (numbers[i].kind == FLAG) *(bool *)field = number != 0;
    return true;
  }
  return false;
}

static bool read_choice(const char *key, item value, lam_metric_options *options) {
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    if (strcmp(choices[i].key, key) || strcmp(choices[i].text, item_text(value))) continue;
    memcpy((char *)options + choices[i].offset, &choices[i].value, sizeof(int));
    return true;
  }
  return false;
}

static bool read_list(const char *key, item value, lam_metric_options *options) {
  tensor t;
  bool thresholds = !strcmp(key, "thresholds"), weights = !strcmp(key, "label_weights");
  if ((!thresholds && !weights) || !tensor_read(&t, value)) return false;
  *(thresholds ? &options->thresholds : &options->label_weights) = take_floats(&t);
  *(thresholds ? &options->threshold_count : &options->label_weight_count) = t.count;
  return true;
}

static outcome read_settings(run *r, item params, lam_metric_options *options) {
  for (members m = members_of(params); members_next(&m);) {
    if (read_choice(m.name, m.value, options)) continue;
    if (!item_present(m.value) || !strcmp(m.name, "num_labels")) continue;
    if (!strcmp(m.name, "axis") && item_number(m.value) == -1) continue;
    if (!strcmp(m.name, "class_id")) {
      size_t *class = take(1, sizeof *class);
      *class = (size_t)item_number(m.value);
      options->class_ids = class;
      options->class_id_count = 1;
      continue;
    }
    if (!strcmp(m.name, "ignore_class")) {
      options->ignore = true;
      options->ignore_class = (int32_t)item_number(m.value);
      continue;
    }
    if (read_number(m.name, m.value, options) || read_list(m.name, m.value, options)) continue;
    return skip(r, "a metric with %s: not in the library", m.name);
  }
  return PASSED;
}

/* ---- updates ------------------------------------------------------------------------------------------------------- */

/* One weight for each row, or with `flat` set for each element. */
static outcome read_weights(run *r, item said, lam_metric_batch *batch, bool *flat) {
  tensor w;
  *flat = false;
  if (!item_present(said)) return PASSED;
  if (!tensor_read(&w, said)) return skip(r, "a weight that is no number");
  size_t elements = batch->rows * batch->width;
  bool rows = w.count == batch->rows && (w.rank == 1 || w.shape[0] == batch->rows);
  bool columns = w.count == batch->width && w.rank == 2 && w.shape[0] == 1;
  if (w.count != 1 && !rows && !columns && w.count != elements) return skip(r, "weights of another shape");
  *flat = !rows && w.count != 1;
  float *weights = take(elements, sizeof *weights);
  for (size_t i = 0; i < (*flat ? elements : batch->rows); i++) weights[i] = (float)w.data[i % w.count];
  batch->weights = weights;
  return PASSED;
}

static outcome update(run *r, lam_metric *metric, item call, bool by_rows) {
  tensor y, t = { 0 };
  item values = item_field(call, "values");
  lam_metric_batch batch = { 0 };
  bool flat;
  if (!tensor_read(&y, values ? values : item_field(call, "y_pred"))) return skip(r, "predictions that are no numbers");
  if (!values && !tensor_read(&t, item_field(call, "y_true"))) return skip(r, "targets that are no numbers");
  batch.width = y.rank > 1 || by_rows ? tensor_columns(&y) : 1;
  batch.rows = y.count / batch.width;
  batch.predictions = take_floats(&y);
  batch.targets = values ? NULL : take_floats(&t);
  batch.target_width = values ? 0 : t.count / batch.rows;
  outcome result = read_weights(r, item_field(call, "sample_weight"), &batch, &flat);
  if (result) return result;
  if (flat && by_rows) return skip(r, "weights are those of rows; here each element has its own, and top_k looks at whole rows");
  if (flat) {
    batch.rows *= batch.width;
    batch.width = 1;
    if (!values) batch.target_width = 1;
  }
  return lam_metric_update(metric, &batch) ? refused(r, "lam_metric_update") : PASSED;
}

/* ---- the result ---------------------------------------------------------------------------------------------------- */

/* Metrics sum in double what is exact or, of logarithms, within a few u = 2^-24; inputs are rounded to float. The figures of
 * cross-entropies are below 16, so that 16 u of each term and u of their inputs are within: */
static const double rtol_of_reference = 32 * 0x1p-24, atol_of_reference = 8 * 0x1p-24;

static outcome compare_result(run *r, const lam_metric *metric, item root) {
  tensor expected, reference;
  item tolerance = item_field(root, "tolerance");
  size_t count = lam_metric_value_count(metric);
  double *values = take(count ? count : 1, sizeof *values);
  float *got = take(count ? count : 1, sizeof *got);
  if (!tensor_read(&expected, item_field(root, "expected"))) return skip(r, "the expected result is no tensor");
  /* A test that looks at a metric's function has a figure for each row: the metric is their mean. */
  for (size_t i = 1; i < expected.count && count == 1; i++) expected.data[0] += expected.data[i];
  if (count == 1) expected.data[0] /= (double)expected.count;
  if (expected.count != count && count != 1) return miss(r, "%zu figures for %zu results", expected.count, count);
  if (lam_metric_values(metric, values, NULL, count)) return refused(r, "lam_metric_values");
  for (size_t i = 0; i < count; i++) got[i] = (float)values[i];
  double rtol = item_number(item_field(tolerance, "rtol")), atol = item_number(item_field(tolerance, "atol"));
  outcome result = compare(r, "result", got, expected.data, count, rtol, atol);
  if (result || !tensor_read(&reference, item_field(root, "float64_reference")) || reference.count != count) return result;
  return compare(r, "result against float64", got, reference.data, count, rtol_of_reference, atol_of_reference);
}

outcome metric_case(run *r, item root) {
  const char *op = item_text(item_field(root, "op"));
  int type = find_metric(op);
  if (type < 0) return skip(r, "metric %s: not in the library", op);
  lam_metric_options options = { .type = (lam_metric_type)type };
  outcome result = read_settings(r, item_field(root, "params"), &options);
  if (result) return result;
  lam_metric *metric = lam_metric_create(run_context(r), &options);
  if (!metric) return refused(r, "lam_metric_create");
  item updates = item_field(item_field(root, "inputs"), "updates");
  for (size_t i = 0; i < item_length(updates) && !result; i++)
    result = update(r, metric, item_element(updates, i), options.top_k && type >= LAM_METRIC_PRECISION);
  if (!result) result = compare_result(r, metric, root);
  lam_metric_destroy(metric);
  return result;
}
