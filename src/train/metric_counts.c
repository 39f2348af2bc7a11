/* SPDX-License-Identifier: MIT
 *
 * Precision, recall and the four counts at each threshold. Beside the sums over rows stand the sums of products of the rows'
 * parts, from which the delta method takes their standard errors.
 */
#include "train/metric.h"
#include <math.h>
#include <string.h>

enum { TP, FP, TN, FN, CELLS };
/* For each threshold: the four sums, and the products of each two of them. */
enum { PER_THRESHOLD = CELLS + CELLS * CELLS };

/* The place of a prediction: Keras computes it in float where the thresholds divide 0 to 1 evenly. Curves put what is 0 above
 * their first threshold, which is below 0. */
ptrdiff_t lam_metric_place(const lam_metric *metric, float prediction) {
  ptrdiff_t count = (ptrdiff_t)metric->threshold_count;
  if (isnan(prediction)) return -1;
  if (!metric->even) {
    ptrdiff_t place = 0;
    while (place < count && prediction > metric->thresholds[place]) place++;
    return place - 1;
  }
  float clipped = prediction < 0.0f ? 0.0f : prediction > 1.0f ? 1.0f : prediction, scaled = clipped * (float)(count - 1);
  ptrdiff_t below = (ptrdiff_t)scaled, place = below + ((float)below < scaled) - 1;
  return place < 0 && metric->thresholds[0] < 0.0f ? 0 : place;
}

static bool is_above(const lam_metric *metric, float prediction, size_t threshold) {
  return metric->even ? lam_metric_place(metric, prediction) >= (ptrdiff_t)threshold : prediction > metric->thresholds[threshold];
}

/* Marks the top_k largest of a row, of equal ones the first. */
static const bool *mark_top(const lam_metric *metric, const lam_metric_row *row) {
  bool *top = (bool *)(void *)metric->scratch;
  memset(top, 0, row->width);
  for (size_t k = 0; k < metric->options.top_k && k < row->width; k++) {
    size_t best = row->width;
    for (size_t j = 0; j < row->width; j++)
      if (!top[j] && (best == row->width || row->y[j] > row->y[best])) best = j;
    top[best] = true;
  }
  return top;
}

static void add_counts(lam_metric *metric, const lam_metric_row *row) {
  const bool *top = metric->options.top_k ? mark_top(metric, row) : NULL;
  size_t first = metric->options.class_id_count ? metric->class_ids[0] : 0;
  size_t end = metric->options.class_id_count ? first + 1 : row->width;
  for (size_t i = 0; i < metric->threshold_count; i++) {
    double cells[CELLS] = { 0, 0, 0, 0 }, *sums = metric->sums + i * PER_THRESHOLD;
    for (size_t j = first; j < end; j++) {
      bool above = (!top || top[j]) && is_above(metric, row->y[j], i);
      cells[lam_metric_target(row, j) != 0 ? (above ? TP : FN) : (above ? FP : TN)] += row->weight;
    }
    for (size_t a = 0; a < CELLS; a++) {
      sums[a] += cells[a];
      for (size_t b = 0; b < CELLS; b++) sums[CELLS + a * CELLS + b] += cells[a] * cells[b];
    }
  }
}

static double product(const double *sums, size_t a, size_t b) { return sums[CELLS + a * CELLS + b]; }

/* r = a / (a + b), whose derivatives are (1 - r) / (a + b) and -r / (a + b). */
static void read_ratio(const double *sums, size_t a, size_t b, double *value, double *error) {
  double all = sums[a] + sums[b], r = lam_ratio(sums[a], all);
  double variance = (1 - r) * (1 - r) * product(sums, a, a) - 2 * r * (1 - r) * product(sums, a, b) + r * r * product(sums, b, b);
  *value = r;
  *error = all == 0 ? (double)NAN : sqrt(variance > 0 ? variance : 0) / all;
}

static void read_counts(const lam_metric *metric, double *values, double *errors) {
  for (size_t i = 0; i < metric->threshold_count; i++) {
    const double *sums = metric->sums + i * PER_THRESHOLD;
    double n = (double)metric->rows;
    size_t cell = TP;
    switch (metric->options.type) {
    case LAM_METRIC_PRECISION: read_ratio(sums, TP, FP, &values[i], &errors[i]); continue;
    case LAM_METRIC_RECALL: read_ratio(sums, TP, FN, &values[i], &errors[i]); continue;
    case LAM_METRIC_FALSE_POSITIVES: cell = FP; break;
    case LAM_METRIC_TRUE_NEGATIVES: cell = TN; break;
    case LAM_METRIC_FALSE_NEGATIVES: cell = FN; break;
    default: break;
    }
    double variance = n == 0 ? (double)NAN : product(sums, cell, cell) - sums[cell] * sums[cell] / n;
    values[i] = sums[cell];
    errors[i] = sqrt(variance < 0 ? 0 : variance);
  }
}

static size_t sum_count(const lam_metric *metric) { return metric->threshold_count * PER_THRESHOLD; }

static size_t value_count(const lam_metric *metric) { return metric->threshold_count; }

/* A mark for each column; the numbers and their errors. */
static size_t scratch_count(const lam_metric *metric) { return (metric->width + 7) / 8 + 2 * metric->threshold_count; }

enum {
  TAKES_COUNTS = LAM_TAKES_THRESHOLD | LAM_TAKES_THRESHOLDS,
  TAKES_SHARES = TAKES_COUNTS | LAM_TAKES_TOP_K | LAM_TAKES_CLASS_IDS
};

static const lam_metric_kind counts = { LAM_TARGETS_ANY, TAKES_COUNTS, sum_count, scratch_count, value_count,
                                        add_counts,      read_counts,  NULL,      NULL };
static const lam_metric_kind shares = { LAM_TARGETS_ANY, TAKES_SHARES, sum_count, scratch_count, value_count,
                                        add_counts,      read_counts,  NULL,      NULL };

const lam_metric_kind *lam_metric_count_kind(lam_metric_type type) {
  switch (type) {
  case LAM_METRIC_PRECISION:
  case LAM_METRIC_RECALL: return &shares;
  case LAM_METRIC_TRUE_POSITIVES:
  case LAM_METRIC_FALSE_POSITIVES:
  case LAM_METRIC_TRUE_NEGATIVES:
  case LAM_METRIC_FALSE_NEGATIVES: return &counts;
  default: return NULL;
  }
}
