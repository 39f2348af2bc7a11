/* SPDX-License-Identifier: MIT
 *
 * Metrics: making, feeding, reading and resetting them. What each one computes stands with its kind.
 */
#include "train/metric.h"
#include <math.h>
#include <string.h>

const char *const lam_metric_names[] = {
#define LAM_X(NAME, name) #name,
  LAM_METRIC_LIST(LAM_X)
#undef LAM_X
      NULL
};

enum { LAM_METRIC_TYPES = sizeof lam_metric_names / sizeof *lam_metric_names - 1 };

static const lam_metric_kind *kind_of(lam_metric_type type) {
  const lam_metric_kind *kind = lam_metric_mean_kind(type);
  if (!kind) kind = lam_metric_count_kind(type);
  if (!kind) kind = lam_metric_curve_kind(type);
  if (!kind) kind = lam_metric_score_kind(type);
  return kind ? kind : lam_metric_class_kind(type);
}

lam_status lam_metric_find(lam_context *context, const char *name, lam_metric_type *type) {
  if (!context || !name || !type) return LAM_NO_HANDLE;
  int found = lam_name_find(lam_metric_names, name);
  if (found < 0 || found == LAM_METRIC_CUSTOM) return lam_name_unknown(context, "metric", name, lam_metric_names);
  *type = (lam_metric_type)found;
  return LAM_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

static void metric_release(lam_object *object) {
  lam_metric *metric = (lam_metric *)object;
  lam_context *context = object->context;
  if (metric->name) lam_release_string(context, metric->name);
  lam_release(context, metric->thresholds, metric->threshold_count * sizeof *metric->thresholds);
  lam_release(context, metric->class_ids, metric->options.class_id_count * sizeof *metric->class_ids);
  lam_release(context, metric->label_weights, metric->options.label_weight_count * sizeof *metric->label_weights);
  lam_release(context, metric->sums, metric->sum_count * sizeof *metric->sums);
  lam_release(context, metric->scratch, metric->scratch_count * sizeof *metric->scratch);
}

lam_metric *lam_metric_create(lam_context *context, const lam_metric_options *options) {
  if (!context || !options || context->unusable) return NULL;
  if ((unsigned)options->type >= LAM_METRIC_TYPES)
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_metric_type %d", (int)options->type), NULL;
  lam_metric *metric = lam_object_create(context, sizeof *metric, metric_release);
  if (!metric) return NULL;
  metric->options = *options;
  metric->options.class_id_count = metric->options.label_weight_count = 0; /* until they are copied */
  metric->kind = kind_of(options->type);
  const char *name = options->name ? options->name : lam_metric_names[options->type];
  metric->name = lam_copy_string(context, name);
  lam_status status = metric->name ? LAM_OK : LAM_OUT_OF_MEMORY;
  if (!status) {
    metric->options.class_id_count = options->class_id_count;
    metric->options.label_weight_count = options->label_weight_count;
    metric->class_ids = lam_allocate_array(context, options->class_id_count, sizeof *metric->class_ids);
    metric->label_weights = lam_allocate_array(context, options->label_weight_count, sizeof *metric->label_weights);
    status = lam_metric_complete(metric);
  }
  if (!status) return metric;
  lam_object_destroy(metric);
  return NULL;
}

void lam_metric_destroy(lam_metric *metric) {
  if (metric && !metric->owned) lam_object_destroy(metric);
}

const char *lam_metric_name(const lam_metric *metric) { return metric ? metric->name : ""; }

lam_metric_type lam_metric_type_of(const lam_metric *metric) { return metric ? metric->options.type : LAM_METRIC_ACCURACY; }

/* ---- feeding ------------------------------------------------------------------------------------------------------ */

lam_status lam_metric_prepare(lam_metric *metric, size_t width) {
  lam_context *context = metric->object.context;
  if (metric->width == width) return LAM_OK;
  if (metric->width)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has seen rows %zu wide, these are %zu", metric->name, metric->width, width);
  const lam_metric_options *o = &metric->options;
  for (size_t i = 0; i < o->class_id_count && (metric->kind->takes & LAM_TAKES_CLASSES) == 0; i++)
    if (metric->class_ids[i] >= width && o->type != LAM_METRIC_BINARY_IOU)
      return lam_fail(context, LAM_INVALID_SHAPE, "%s of class %zu: the output is %zu wide", metric->name, metric->class_ids[i],
                      width);
  if (o->label_weight_count && o->label_weight_count != width)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has %zu label_weights, the output is %zu wide", metric->name,
                    o->label_weight_count, width);
  metric->width = width;
  size_t sums = metric->kind->sums ? metric->kind->sums(metric) : 0;
  size_t scratch = metric->kind->scratch ? metric->kind->scratch(metric) : 0;
  metric->sums = sums ? lam_allocate_zero(context, sums * sizeof *metric->sums) : NULL;
  metric->sum_count = metric->sums ? sums : 0;
  metric->scratch = scratch ? lam_allocate_zero(context, scratch * sizeof *metric->scratch) : NULL;
  metric->scratch_count = metric->scratch ? scratch : 0;
  if ((!sums || metric->sums) && (!scratch || metric->scratch)) return LAM_OK;
  lam_release(context, metric->sums, metric->sum_count * sizeof *metric->sums);
  lam_release(context, metric->scratch, metric->scratch_count * sizeof *metric->scratch);
  metric->sums = metric->scratch = NULL;
  metric->sum_count = metric->scratch_count = metric->width = 0;
  return LAM_OUT_OF_MEMORY;
}

static lam_status check_shapes(const lam_metric *metric, const lam_metric_batch *batch) {
  lam_context *context = metric->object.context;
  size_t t_width = batch->labels ? 1 : batch->target_width ? batch->target_width : batch->width;
  lam_metric_targets wanted = metric->kind->targets;
  if (wanted == LAM_TARGETS_NOT_READ) return LAM_OK;
  if (!batch->targets == !batch->labels)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s needs targets or labels, one of them", metric->name);
  bool one = batch->labels || t_width == 1, same = batch->labels || t_width == batch->width;
  if (wanted == LAM_TARGETS_ONE && !one)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s needs labels, the targets are rows of %zu numbers", metric->name, t_width);
  if ((wanted == LAM_TARGETS_ANY && !same) || (wanted == LAM_TARGETS_EITHER && !same && !one))
    return lam_fail(context, LAM_INVALID_SHAPE, "%s: the targets are %zu wide, the predictions %zu", metric->name, t_width,
                    batch->width);
  return LAM_OK;
}

/* Sparse cross-entropy looks its label up. */
static lam_status check_labels(const lam_metric *metric, const lam_metric_batch *batch) {
  if (metric->options.type != LAM_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY) return LAM_OK;
  char text[32];
  for (size_t i = 0; i < batch->rows; i++) {
    double label = batch->labels ? (double)batch->labels[i] : (double)batch->targets[i];
    if (metric->options.ignore && label == (double)metric->options.ignore_class) continue;
    if (!(label >= 0 && label < (double)batch->width))
      return lam_fail(metric->object.context, LAM_INVALID_DATA, "%s: label %s in row %zu is outside 0 to %zu", metric->name,
                      lam_format_double(text, label), i, batch->width - 1);
  }
  return LAM_OK;
}

lam_status lam_metric_check(const lam_metric *metric, const lam_metric_batch *batch) {
  lam_context *context = metric->object.context;
  if (!lam_all_zero(batch->reserved, sizeof batch->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_metric_batch must be zero");
  if (batch->width == 0) return lam_fail(context, LAM_INVALID_SHAPE, "%s: the predictions are 0 wide", metric->name);
  lam_status status = check_shapes(metric, batch);
  char text[32];
  for (size_t i = 0; batch->weights && i < batch->rows && !status; i++)
    if (!isfinite(batch->weights[i]))
      status = lam_fail(context, LAM_INVALID_DATA, "the weight of row %zu is %s", i, lam_format_float(text, batch->weights[i]));
  return status ? status : check_labels(metric, batch);
}

/* A hinge takes targets that are all 0 or 1 for -1 and 1, as Keras does for each batch. */
static bool are_bits(const lam_metric_batch *batch, size_t t_width) {
  for (size_t i = 0; i < batch->rows * t_width; i++) {
    double t = batch->labels ? (double)batch->labels[i] : (double)batch->targets[i];
    if (t != 0 && t != 1 && !(batch->labels && batch->width > 1)) return false;
  }
  return true;
}

void lam_metric_add(lam_metric *metric, const lam_metric_batch *batch) {
  const lam_metric_options *o = &metric->options;
  metric->rows += batch->rows;
  if (o->type == LAM_METRIC_CUSTOM && !o->custom.row) {
    o->custom.update(o->custom.user, batch);
    return;
  }
  size_t t_width = batch->labels ? 1 : batch->target_width ? batch->target_width : batch->width;
  if (o->type == LAM_METRIC_HINGE || o->type == LAM_METRIC_SQUARED_HINGE) metric->signs = are_bits(batch, t_width);
  lam_metric_row row = { .width = batch->width, .t_width = t_width, .weighted = batch->weights != NULL };
  for (size_t i = 0; i < batch->rows; i++) {
    row.y = batch->predictions + i * batch->width;
    row.t = batch->targets ? batch->targets + i * t_width : NULL;
    row.label = batch->labels ? batch->labels[i] : 0;
    row.weight = batch->weights ? (double)batch->weights[i] : 1.0;
    if (o->type == LAM_METRIC_CUSTOM)
      lam_moments_add(metric->sums, o->custom.row(o->custom.user, batch, i), row.weight);
    else
      metric->kind->add(metric, &row);
  }
}

lam_status lam_metric_update(lam_metric *metric, const lam_metric_batch *batch) {
  if (!metric || !batch) return LAM_NO_HANDLE;
  if (batch->rows == 0) return LAM_OK;
  if (!batch->predictions)
    return lam_fail(metric->object.context, LAM_INVALID_ARGUMENT, "%s: there are no predictions", metric->name);
  lam_status status = lam_metric_check(metric, batch);
  if (!status) status = lam_metric_prepare(metric, batch->width);
  if (status) return status;
  lam_fp_mode mode = lam_fp_enter();
  lam_metric_add(metric, batch);
  lam_fp_leave(mode);
  return LAM_OK;
}

void lam_metric_reset(lam_metric *metric) {
  if (!metric) return;
  metric->rows = 0;
  if (metric->sums) memset(metric->sums, 0, metric->sum_count * sizeof *metric->sums);
  if (metric->options.type == LAM_METRIC_CUSTOM && metric->options.custom.reset)
    metric->options.custom.reset(metric->options.custom.user);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

size_t lam_metric_value_count(const lam_metric *metric) {
  if (!metric) return 0;
  if (!metric->kind->values) return 1;
  return metric->kind->values(metric);
}

static void read_custom(const lam_metric *metric, double *value, double *error) {
  lam_metric_result result = { (double)NAN, (double)NAN, metric->rows };
  metric->options.custom.result(metric->options.custom.user, &result);
  *value = result.value;
  *error = result.standard_error;
}

lam_status lam_metric_values(const lam_metric *metric, double *values, double *standard_errors, size_t count) {
  if (!metric || !values) return LAM_NO_HANDLE;
  lam_context *context = metric->object.context;
  if (count != lam_metric_value_count(metric))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s has %zu numbers, there is room for %zu", metric->name,
                    lam_metric_value_count(metric), count);
  if (count == 0) return LAM_OK;
  double *errors = standard_errors ? standard_errors : lam_allocate_array(context, count, sizeof *errors);
  if (!errors) return LAM_OUT_OF_MEMORY;
  lam_fp_mode mode = lam_fp_enter();
  if (metric->options.type == LAM_METRIC_CUSTOM && !metric->options.custom.row)
    read_custom(metric, values, errors);
  else if (metric->sums)
    metric->kind->read(metric, values, errors);
  else
    for (size_t i = 0; i < count; i++) values[i] = 0, errors[i] = (double)NAN;
  lam_fp_leave(mode);
  if (!standard_errors) lam_release(context, errors, count * sizeof *errors);
  return LAM_OK;
}

/* Kinds with several numbers read them into the end of the scratch. */
lam_status lam_metric_read(const lam_metric *metric, lam_metric_result *result) {
  if (!metric || !result) return LAM_NO_HANDLE;
  size_t count = lam_metric_value_count(metric);
  *result = (lam_metric_result){ 0.0, (double)NAN, metric->rows };
  if (count == 1) return lam_metric_values(metric, &result->value, &result->standard_error, 1);
  if (!metric->sums) return LAM_OK;
  lam_fp_mode mode = lam_fp_enter();
  if (metric->kind->summary) {
    metric->kind->summary(metric, &result->value, &result->standard_error);
  } else {
    double *values = metric->scratch + metric->scratch_count - 2 * count;
    metric->kind->read(metric, values, values + count);
    for (size_t i = 0; i < count; i++) result->value += values[i] / (double)count;
  }
  lam_fp_leave(mode);
  return LAM_OK;
}
