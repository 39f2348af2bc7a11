/* SPDX-License-Identifier: MIT
 *
 * The options of metrics: names for text, which metric takes which, ranges, defaults.
 */
#include "train/metric.h"
#include <math.h>
#include <string.h>

static const char *const average_names[] = {
#define LAM_X(NAME, name) #name,
  LAM_METRIC_AVERAGE_LIST(LAM_X)
#undef LAM_X
      NULL
};

static const char *const curve_names[] = {
#define LAM_X(NAME, name) #name,
  LAM_AUC_CURVE_LIST(LAM_X)
#undef LAM_X
      NULL
};

static const char *const summation_names[] = {
#define LAM_X(NAME, name) #name,
  LAM_AUC_SUMMATION_LIST(LAM_X)
#undef LAM_X
      NULL
};

#define AT(field) offsetof(lam_metric_options, field)
const lam_field lam_metric_fields[] = {
  { "output", LAM_FIELD_SIZE, AT(output), NULL },
  { "threshold", LAM_FIELD_FLOAT, AT(threshold), NULL },
  { "top_k", LAM_FIELD_SIZE, AT(top_k), NULL },
  { "classes", LAM_FIELD_SIZE, AT(classes), NULL },
  { "from_logits", LAM_FIELD_FLAG, AT(from_logits), NULL },
  { "from_sorted_ids", LAM_FIELD_FLAG, AT(from_sorted_ids), NULL },
  { "label_smoothing", LAM_FIELD_FLOAT, AT(label_smoothing), NULL },
  { "delta", LAM_FIELD_FLOAT, AT(delta), NULL },
  { "beta", LAM_FIELD_FLOAT, AT(beta), NULL },
  { "average", LAM_FIELD_ENUM, AT(average), average_names },
  { "num_regressors", LAM_FIELD_SIZE, AT(num_regressors), NULL },
  { "least", LAM_FIELD_FLOAT, AT(least), NULL },
  { "num_thresholds", LAM_FIELD_SIZE, AT(num_thresholds), NULL },
  { "curve", LAM_FIELD_ENUM, AT(curve), curve_names },
  { "summation", LAM_FIELD_ENUM, AT(summation), summation_names },
  { "multi_label", LAM_FIELD_FLAG, AT(multi_label), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

/* ---- which takes which --------------------------------------------------------------------------------------------- */

/* Places and sizes of the options, so that one that is set and not taken is found as bytes that are not zero. */
#define ONE(field) #field, offsetof(lam_metric_options, field), sizeof((lam_metric_options *)0)->field
static const struct {
  unsigned bit;
  const char *name;
  size_t offset, size;
} optional[] = {
  { LAM_TAKES_THRESHOLD, ONE(threshold) },
  { LAM_TAKES_THRESHOLDS, ONE(thresholds) },
  { LAM_TAKES_TOP_K, ONE(top_k) },
  { LAM_TAKES_CLASS_IDS, ONE(class_ids) },
  { LAM_TAKES_CLASSES, ONE(classes) },
  { LAM_TAKES_IGNORE, ONE(ignore) },
  { LAM_TAKES_FROM_LOGITS, ONE(from_logits) },
  { LAM_TAKES_SORTED, ONE(from_sorted_ids) },
  { LAM_TAKES_SMOOTHING, ONE(label_smoothing) },
  { LAM_TAKES_DELTA, ONE(delta) },
  { LAM_TAKES_BETA, ONE(beta) },
  { LAM_TAKES_AVERAGE, ONE(average) },
  { LAM_TAKES_REGRESSORS, ONE(num_regressors) },
  { LAM_TAKES_LEAST, ONE(least) },
  { LAM_TAKES_NUM_THRESHOLDS, ONE(num_thresholds) },
  { LAM_TAKES_CURVE, ONE(curve) },
  { LAM_TAKES_CURVE, ONE(summation) },
  { LAM_TAKES_CURVE, ONE(multi_label) },
  { LAM_TAKES_CURVE, ONE(label_weights) },
  { LAM_TAKES_CUSTOM, ONE(custom) },
};
#undef ONE

static lam_status check_taken(const lam_metric *metric) {
  lam_context *context = metric->object.context;
  const lam_metric_options *o = &metric->options;
  if (!lam_all_zero(o->reserved, sizeof o->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_metric_options must be zero");
  for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
    if (!(metric->kind->takes & optional[i].bit) && !lam_all_zero((const char *)o + optional[i].offset, optional[i].size))
      return lam_fail(context, LAM_INVALID_ARGUMENT, "the metric %s has no %s", lam_metric_names[o->type], optional[i].name);
  if (!o->thresholds != !o->threshold_count || !o->class_ids != !o->class_id_count || !o->label_weights != !o->label_weight_count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: a list goes with its count, and neither without the other", metric->name);
  return LAM_OK;
}

/* ---- ranges and defaults -------------------------------------------------------------------------------------------- */

static lam_status complete_number(const lam_metric *metric, const char *name, float *value, float standard, float least,
                                  float most) {
  char given[32], low[32], high[32];
  if (*value == 0.0f) *value = standard;
  if (*value == LAM_ZERO) *value = 0.0f;
  if (*value >= least && *value <= most) return LAM_OK;
  return lam_fail(metric->object.context, LAM_INVALID_ARGUMENT, "%s: %s is %s; it is from %s to %s", metric->name, name,
                  lam_format_float(given, *value), lam_format_float(low, least), lam_format_float(high, most));
}

static lam_status complete_numbers(lam_metric *metric) {
  lam_metric_options *o = &metric->options;
  lam_context *context = metric->object.context;
  unsigned takes = metric->kind->takes;
  const float huge = 3e38f;
  lam_status status = LAM_OK;
  bool f_score = o->type == LAM_METRIC_F1_SCORE || o->type == LAM_METRIC_FBETA_SCORE;
  if (f_score && o->threshold == LAM_ZERO)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: threshold is 0; it is above 0 and at most 1", metric->name);
  if (takes & LAM_TAKES_THRESHOLD)
    status = complete_number(metric, "threshold", &o->threshold, f_score || o->top_k ? 0.0f : 0.5f, f_score ? 0.0f : -huge,
                             f_score ? 1.0f : huge);
  if (!status) status = complete_number(metric, "label_smoothing", &o->label_smoothing, 0.0f, 0.0f, 1.0f);
  if (!status && (takes & LAM_TAKES_DELTA)) status = complete_number(metric, "delta", &o->delta, 1.0f, 0.0f, huge);
  if (!status) status = complete_number(metric, "beta", &o->beta, 1.0f, 1e-30f, huge);
  if (!status) status = complete_number(metric, "least", &o->least, 0.0f, 0.0f, 1.0f);
  if (status) return status;
  if ((unsigned)o->average > LAM_AVERAGE_VARIANCE_WEIGHTED || (unsigned)o->curve > LAM_AUC_PRGAIN ||
      (unsigned)o->summation > LAM_AUC_MAJORING)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no such average, curve or summation", metric->name);
  bool r2 = o->type == LAM_METRIC_R2_SCORE;
  if (o->average == LAM_AVERAGE_DEFAULT) o->average = r2 ? LAM_AVERAGE_MACRO : LAM_AVERAGE_NONE;
  if (r2 ? o->average == LAM_AVERAGE_MICRO || o->average == LAM_AVERAGE_WEIGHTED : o->average == LAM_AVERAGE_VARIANCE_WEIGHTED)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s has no average %s", metric->name, average_names[o->average]);
  bool top = o->type == LAM_METRIC_TOP_K_CATEGORICAL_ACCURACY || o->type == LAM_METRIC_SPARSE_TOP_K_CATEGORICAL_ACCURACY;
  if (top && o->top_k == 0) o->top_k = 5;
  if ((takes & LAM_TAKES_NUM_THRESHOLDS) && o->num_thresholds == 0) o->num_thresholds = 200;
  return LAM_OK;
}

/* ---- thresholds ----------------------------------------------------------------------------------------------------- */

/* auc sorts them and puts one below 0 before them and one above 1 behind; the others keep the caller's order. */
static void copy_thresholds(lam_metric *metric, const float *from, size_t count, bool ends) {
  float *to = metric->thresholds + ends;
  memcpy(to, from, count * sizeof *to);
  for (size_t i = 1; ends && i < count; i++)
    for (size_t j = i; j > 0 && to[j - 1] > to[j]; j--) {
      float swap = to[j];
      to[j] = to[j - 1];
      to[j - 1] = swap;
    }
}

/* Keras's test: at least three, within 1e-7 + 1e-5 of their places. */
static bool divide_evenly(const float *thresholds, size_t count, bool ends) {
  if (count < 3) return false;
  for (size_t i = ends; i < count - ends; i++) {
    double place = (double)i / (double)(count - 1);
    if (fabs((double)thresholds[i] - place) > 1e-7 + 1e-5 * place) return false;
  }
  return true;
}

/* The thresholds of a curve: 0, ..., 1 in equal steps, or one half. */
static void make_thresholds(lam_metric *metric) {
  size_t count = metric->threshold_count;
  for (size_t i = 0; i < count; i++) metric->thresholds[i] = (float)((double)i / (double)(count - 1));
  if (count == 1) metric->thresholds[0] = 0.5f;
  metric->even = count > 1;
}

static lam_status complete_thresholds(lam_metric *metric) {
  static const float below_all = -1e10f; /* with top_k: those that are left out are this low in Keras, and not above it */
  lam_metric_options *o = &metric->options;
  lam_context *context = metric->object.context;
  bool ends = o->type == LAM_METRIC_AUC, curve = (metric->kind->takes & LAM_TAKES_NUM_THRESHOLDS) != 0;
  const float *from = o->thresholds;
  size_t count = o->threshold_count;
  char text[32];
  if (!curve && !from && (metric->kind->takes & LAM_TAKES_THRESHOLDS)) {
    from = o->top_k && o->threshold == 0.0f ? &below_all : &o->threshold;
    count = 1;
  }
  for (size_t i = 0; i < count && from != &below_all; i++)
    if (!(from[i] >= 0.0f && from[i] <= 1.0f))
      return o->thresholds ? lam_fail(context, LAM_INVALID_ARGUMENT, "%s: threshold %zu is %s; it is from 0 to 1", metric->name,
                                      i, lam_format_float(text, from[i]))
                           : lam_fail(context, LAM_INVALID_ARGUMENT, "%s: threshold is %s; it is from 0 to 1", metric->name,
                                      lam_format_float(text, from[i]));
  if (curve && !from && o->num_thresholds <= (size_t)ends)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: num_thresholds is %zu; auc needs at least 2", metric->name,
                    o->num_thresholds);
  size_t all = from ? count + 2 * (size_t)ends : curve ? o->num_thresholds : 0;
  if (all == 0) return LAM_OK;
  metric->thresholds = lam_allocate_array(context, all, sizeof *metric->thresholds);
  if (!metric->thresholds) return LAM_OUT_OF_MEMORY;
  metric->threshold_count = all;
  if (from) {
    copy_thresholds(metric, from, count, ends);
    metric->even = divide_evenly(metric->thresholds, all, ends);
  } else {
    make_thresholds(metric);
  }
  if (ends) metric->thresholds[0] = -1e-7f, metric->thresholds[all - 1] = 1.0f + 1e-7f;
  return LAM_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static lam_status complete_lists(lam_metric *metric, size_t most) {
  lam_metric_options *o = &metric->options;
  lam_context *context = metric->object.context;
  if ((o->class_id_count && !metric->class_ids) || (o->label_weight_count && !metric->label_weights)) return LAM_OUT_OF_MEMORY;
  if (o->class_id_count > most)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s is of one class, class_ids names %zu", metric->name, o->class_id_count);
  if (o->class_id_count) memcpy(metric->class_ids, o->class_ids, o->class_id_count * sizeof *metric->class_ids);
  if (o->label_weight_count)
    memcpy(metric->label_weights, o->label_weights, o->label_weight_count * sizeof *metric->label_weights);
  for (size_t i = 0; i < o->class_id_count && o->classes; i++)
    if (metric->class_ids[i] >= o->classes)
      return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: class %zu of %zu", metric->name, metric->class_ids[i], o->classes);
  return LAM_OK;
}

lam_status lam_metric_complete(lam_metric *metric) {
  lam_metric_options *o = &metric->options;
  lam_context *context = metric->object.context;
  lam_status status = check_taken(metric);
  if (!status) status = complete_numbers(metric);
  bool several = (metric->kind->takes & (LAM_TAKES_CLASSES | LAM_TAKES_IGNORE)) || o->type == LAM_METRIC_BINARY_IOU;
  if (!status && o->type == LAM_METRIC_BINARY_IOU) o->classes = 2;
  if (!status) status = complete_lists(metric, several ? SIZE_MAX : 1);
  if (!status) status = complete_thresholds(metric);
  if (!status && (o->type == LAM_METRIC_IOU || o->type == LAM_METRIC_MEAN_IOU) && o->classes == 0)
    status = lam_fail(context, LAM_INVALID_ARGUMENT, "%s needs to know how many classes there are", metric->name);
  if (!status && o->type == LAM_METRIC_CUSTOM && !o->custom.row && !(o->custom.update && o->custom.result))
    status = lam_fail(context, LAM_INVALID_ARGUMENT, "%s needs the function row, or update and result", metric->name);
  o->thresholds = NULL; /* the caller's lists are not needed any more */
  o->class_ids = NULL;
  o->label_weights = NULL;
  o->name = NULL;
  return status;
}
