/* SPDX-License-Identifier: MIT
 *
 * The confusion matrix, and intersections over unions, which are read from it.
 */
#include "train/metric.h"
#include <math.h>

/* The sums: classes x classes of w by label and prediction, and as many of w^2. */
static size_t class_count(const lam_metric *metric) {
  return metric->options.classes ? metric->options.classes : metric->width == 1 ? 2 : metric->width;
}

static size_t sum_count(const lam_metric *metric) { return 2 * class_count(metric) * class_count(metric); }

static size_t matrix_size(const lam_metric *metric) {
  return metric->width || metric->options.classes ? class_count(metric) * class_count(metric) : 0;
}

/* What lies outside the classes, or is ignored, is not counted. */
static void count(lam_metric *metric, double label, double predicted, double weight) {
  size_t classes = class_count(metric);
  const lam_metric_options *o = &metric->options;
  if (!(label > -1 && label < (double)classes && predicted > -1 && predicted < (double)classes)) return;
  if (o->ignore && (double)(int32_t)label == (double)o->ignore_class) return;
  size_t place = (size_t)label * classes + (size_t)predicted;
  metric->sums[place] += weight;
  metric->sums[place + classes * classes] += weight * weight;
}

static void add_row(lam_metric *metric, const lam_metric_row *row) {
  bool one = row->width == 1 && metric->options.type == LAM_METRIC_CONFUSION_MATRIX;
  double predicted = one ? (double)(row->y[0] > metric->options.threshold) : lam_metric_argmax(metric, row->y, row->width);
  count(metric, lam_metric_label(metric, row), predicted, row->weight);
}

static void add_elements(lam_metric *metric, const lam_metric_row *row) {
  for (size_t j = 0; j < row->width; j++) {
    double y = (double)row->y[j];
    if (metric->options.type == LAM_METRIC_BINARY_IOU) y = (double)(row->y[j] >= metric->options.threshold);
    count(metric, lam_metric_target(row, j), y, row->weight);
  }
}

/* ---- the matrix ----------------------------------------------------------------------------------------------------- */

static void read_matrix(const lam_metric *metric, double *values, double *errors) {
  size_t size = matrix_size(metric);
  double n = (double)metric->rows;
  for (size_t i = 0; i < size; i++) {
    double variance = n > 0 ? metric->sums[size + i] - metric->sums[i] * metric->sums[i] / n : (double)NAN;
    values[i] = metric->sums[i];
    errors[i] = sqrt(variance < 0 ? 0 : variance);
  }
}

static void read_diagonal(const lam_metric *metric, double *value, double *error) {
  size_t classes = class_count(metric), size = classes * classes;
  double right = 0, all = 0, right_squares = 0, squares = 0;
  for (size_t i = 0; i < size; i++) {
    bool diagonal = i % (classes + 1) == 0;
    all += metric->sums[i];
    squares += metric->sums[size + i];
    if (!diagonal) continue;
    right += metric->sums[i];
    right_squares += metric->sums[size + i];
  }
  double p = lam_ratio(right, all);
  *value = p;
  *error = all == 0 ? (double)NAN : sqrt((1 - p) * (1 - p) * right_squares + p * p * (squares - right_squares)) / all;
}

/* ---- intersection over union ------------------------------------------------------------------------------------------ */

static bool is_wanted(const lam_metric *metric, size_t class) {
  for (size_t i = 0; i < metric->options.class_id_count; i++)
    if (metric->class_ids[i] == class) return true;
  return metric->options.class_id_count == 0;
}

/* The intersection and the union of a class. */
static void sets_of(const lam_metric *metric, size_t class, double *both, double *either) {
  size_t classes = class_count(metric);
  *both = metric->sums[class * classes + class];
  *either = -*both;
  for (size_t i = 0; i < classes; i++) *either += metric->sums[class * classes + i] + metric->sums[i * classes + class];
}

/* An element of label i taken for j adds 1 to the union of both classes, which takes ratio/union from their ratios; where i is j
 * it adds 1 to the intersection too. */
static void read_iou(const lam_metric *metric, double *values, double *errors) {
  size_t classes = class_count(metric), size = classes * classes;
  double *slopes = metric->scratch, *gains = metric->scratch + classes, sum = 0, seen = 0, variance = 0;
  for (size_t k = 0; k < classes; k++) {
    double both, either;
    sets_of(metric, k, &both, &either);
    slopes[k] = gains[k] = 0;
    if (!is_wanted(metric, k) || !(either > 1e-9)) continue;
    slopes[k] = both / (either * either);
    gains[k] = 1 / either;
    sum += both / (either + (double)1e-7f);
    seen += 1;
  }
  for (size_t i = 0; i < classes; i++)
    for (size_t j = 0; j < classes; j++) {
      double slope = i == j ? gains[i] - slopes[i] : -slopes[i] - slopes[j];
      variance += slope * slope * metric->sums[size + i * classes + j];
    }
  *values = sum / (seen + (double)1e-7f);
  *errors = seen > 0 ? sqrt(variance) / seen : (double)NAN;
}

static size_t iou_scratch(const lam_metric *metric) { return 2 * class_count(metric); }

/* ---- the kinds -------------------------------------------------------------------------------------------------------- */

enum { TAKES_IOU = LAM_TAKES_CLASSES | LAM_TAKES_IGNORE };

#define IOU(takes, add)                                                                                                          \
  { LAM_TARGETS_ANY, takes, sum_count, iou_scratch, NULL, add, read_iou, NULL, NULL }

static const lam_metric_kind iou = IOU(TAKES_IOU | LAM_TAKES_CLASS_IDS, add_elements),
                             binary_iou = IOU(LAM_TAKES_THRESHOLD | LAM_TAKES_CLASS_IDS, add_elements),
                             mean_iou = IOU(TAKES_IOU, add_elements), one_hot_iou = IOU(TAKES_IOU | LAM_TAKES_CLASS_IDS, add_row),
                             one_hot_mean_iou = IOU(TAKES_IOU, add_row);
static const lam_metric_kind matrix = {
  LAM_TARGETS_EITHER, TAKES_IOU | LAM_TAKES_THRESHOLD, sum_count, NULL, matrix_size, add_row, read_matrix, read_diagonal, NULL
};

const lam_metric_kind *lam_metric_class_kind(lam_metric_type type) {
  switch (type) {
  case LAM_METRIC_IOU: return &iou;
  case LAM_METRIC_BINARY_IOU: return &binary_iou;
  case LAM_METRIC_MEAN_IOU: return &mean_iou;
  case LAM_METRIC_ONE_HOT_IOU: return &one_hot_iou;
  case LAM_METRIC_ONE_HOT_MEAN_IOU: return &one_hot_mean_iou;
  case LAM_METRIC_CONFUSION_MATRIX: return &matrix;
  default: return NULL;
  }
}
