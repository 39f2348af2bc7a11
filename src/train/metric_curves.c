/* SPDX-License-Identifier: MIT
 *
 * Metrics that look along all thresholds: areas under curves, and the best of one rate where another is good enough. They keep
 * histograms of the positive and of the negative scores over the places among the thresholds.
 */
#include "train/metric.h"
#include <math.h>

/* The sums: for each label, for each place from -1 on, four numbers; and behind them the numbers of positives and negatives. */
enum { POSITIVE, NEGATIVE, POSITIVE_SQUARES, NEGATIVE_SQUARES, PER_PLACE };

static size_t label_count(const lam_metric *metric) { return metric->options.multi_label ? metric->width : 1; }

static size_t label_size(const lam_metric *metric) { return (metric->threshold_count + 1) * PER_PLACE + 2; }

static size_t sum_count(const lam_metric *metric) { return label_count(metric) * label_size(metric); }

static void add_score(lam_metric *metric, size_t label, float score, bool positive, double weight) {
  if (weight == 0) return;
  double *sums = metric->sums + label * label_size(metric);
  double *place = sums + (size_t)(lam_metric_place(metric, score) + 1) * PER_PLACE;
  place[positive ? POSITIVE : NEGATIVE] += weight;
  place[positive ? POSITIVE_SQUARES : NEGATIVE_SQUARES] += weight * weight;
  sums[label_size(metric) - (positive ? 2 : 1)] += 1;
}

static void add_scores(lam_metric *metric, const lam_metric_row *row) {
  const lam_metric_options *o = &metric->options;
  size_t first = o->class_id_count ? metric->class_ids[0] : 0, end = o->class_id_count ? first + 1 : row->width;
  for (size_t j = first; j < end; j++) {
    float score = row->y[j];
    if (o->from_logits) metric->object.context->kernels->sigmoid(&score, 1, &score, 1, 1, 1);
    double weight = row->weight;
    if (metric->label_weights && !o->multi_label) weight *= (double)metric->label_weights[j];
    add_score(metric, o->multi_label ? j : 0, score, lam_metric_target(row, j) != 0, weight);
  }
}

/* ---- what is above a threshold --------------------------------------------------------------------------------------- */

typedef struct cells {
  double tp, fp, tn, fn;
} cells;

/* Cells at the thresholds, from the last, above which nothing needs to be, down to the first. */
typedef struct walk {
  const double *sums;
  double positives, negatives;
  cells at;
  size_t left;
} walk;

static walk begin_walk(const lam_metric *metric, size_t label) {
  walk w = { .sums = metric->sums + label * label_size(metric), .left = metric->threshold_count };
  for (size_t i = 0; i <= metric->threshold_count; i++) {
    w.positives += w.sums[i * PER_PLACE + POSITIVE];
    w.negatives += w.sums[i * PER_PLACE + NEGATIVE];
  }
  return w;
}

static bool step(walk *w) {
  if (w->left == 0) return false;
  w->at.tp += w->sums[w->left * PER_PLACE + POSITIVE];
  w->at.fp += w->sums[w->left * PER_PLACE + NEGATIVE];
  w->left--;
  w->at.tn = w->negatives - w->at.fp;
  w->at.fn = w->positives - w->at.tp;
  return true;
}

static double precision(cells c) { return lam_ratio(c.tp, c.tp + c.fp); }
static double recall(cells c) { return lam_ratio(c.tp, c.tp + c.fn); }
static double specificity(cells c) { return lam_ratio(c.tn, c.tn + c.fp); }

/* ---- areas --------------------------------------------------------------------------------------------------------- */

typedef struct point {
  double x, y;
} point;

static point point_of(lam_auc_curve curve, cells c) {
  if (curve == LAM_AUC_ROC) return (point){ lam_ratio(c.fp, c.fp + c.tn), recall(c) };
  if (curve == LAM_AUC_PR) return (point){ recall(c), precision(c) };
  double odds = lam_ratio(c.tp + c.fn, c.tn + c.fp), gain = c.tp == 0 ? 0 : 1 - odds * (c.fn / c.tp);
  return (point){ gain > 0 ? gain : 0, c.tp == 0 ? 1 : 1 - odds * (c.fp / c.tp) };
}

static double strip(const lam_metric *metric, cells above, cells below) {
  point a = point_of(metric->options.curve, above), b = point_of(metric->options.curve, below);
  double low = a.y < b.y ? a.y : b.y, high = a.y < b.y ? b.y : a.y, height = (a.y + b.y) / 2;
  if (metric->options.summation == LAM_AUC_MINORING) height = low;
  if (metric->options.summation == LAM_AUC_MAJORING) height = high;
  return (b.x - a.x) * height;
}

/* Davis and Goadrich: between two thresholds tp grows linearly with tp + fp, and the area below their ratio has this integral.
 * With negative weights nothing may grow: there is no area then. */
static double interpolated_strip(cells above, cells below) {
  double p = above.tp + above.fp, q = below.tp + below.fp, slope = q > p ? (below.tp - above.tp) / (q - p) : 0;
  double intercept = above.tp - slope * p, ratio = p > 0 && q > 0 ? q / p : 1;
  double area = slope * (below.tp - above.tp + intercept * lam_natural_log(ratio));
  return above.tp + above.fn > 0 ? area / (above.tp + above.fn) : 0;
}

static double area_of(const lam_metric *metric, size_t label) {
  const lam_metric_options *o = &metric->options;
  bool integral = o->curve == LAM_AUC_PR && o->summation == LAM_AUC_INTERPOLATION;
  walk w = begin_walk(metric, label);
  double area = 0;
  step(&w);
  for (cells above = w.at; step(&w); above = w.at)
    area += integral ? interpolated_strip(above, w.at) : strip(metric, above, w.at);
  return area;
}

/* Sums over the scores of one side, of their parts v of the area: of w v, w^2, w^2 v and w^2 v^2. */
typedef struct parts {
  double mean, squares, first, second;
} parts;

static void add_part(parts *p, double weight, double squares, double v) {
  p->mean += weight * v;
  p->squares += squares;
  p->first += squares * v;
  p->second += squares * v * v;
}

/* The variance of the weighted mean of `count` parts, whose weights sum to `all`. */
static double variance_of(const parts *p, double all, double count) {
  double mean = p->mean / all, spread = p->second - 2 * mean * p->first + mean * mean * p->squares;
  return (spread > 0 ? spread : 0) / (all * all) * (count / (count - 1));
}

/* DeLong's: the part of a positive score is the share of the negatives below it, and half of those at its place; that of a
 * negative one the share of the positives above it, and half of those at its place. */
static double delong_error(const lam_metric *metric) {
  walk w = begin_walk(metric, 0);
  const double *counts = w.sums + label_size(metric) - 2;
  parts positive = { 0, 0, 0, 0 }, negative = { 0, 0, 0, 0 };
  if (counts[0] < 2 || counts[1] < 2) return (double)NAN;
  double positives_above = 0, negatives_above = 0;
  for (size_t i = metric->threshold_count + 1; i-- > 0;) {
    const double *at = w.sums + i * PER_PLACE;
    add_part(&positive, at[POSITIVE], at[POSITIVE_SQUARES], 1 - (negatives_above + at[NEGATIVE] / 2) / w.negatives);
    add_part(&negative, at[NEGATIVE], at[NEGATIVE_SQUARES], (positives_above + at[POSITIVE] / 2) / w.positives);
    positives_above += at[POSITIVE];
    negatives_above += at[NEGATIVE];
  }
  return sqrt(variance_of(&positive, w.positives, counts[0]) + variance_of(&negative, w.negatives, counts[1]));
}

/* The binomial interval's, of as many positives as the weights are worth: (sum w)^2 / sum w^2. */
static double binomial_error(const lam_metric *metric, double area) {
  walk w = begin_walk(metric, 0);
  double squares = 0;
  for (size_t i = 0; i <= metric->threshold_count; i++) squares += w.sums[i * PER_PLACE + POSITIVE_SQUARES];
  double share = area < 0 ? 0 : area > 1 ? 1 : area;
  return squares == 0 ? (double)NAN : sqrt(share * (1 - share) * squares) / w.positives;
}

static void read_auc(const lam_metric *metric, double *values, double *errors) {
  const lam_metric_options *o = &metric->options;
  double sum = 0, weights = 0;
  for (size_t label = 0; label < label_count(metric); label++) {
    double weight = o->multi_label && metric->label_weights ? (double)metric->label_weights[label] : 1;
    sum += weight * area_of(metric, label);
    weights += weight;
  }
  *values = lam_ratio(sum, weights);
  *errors = (double)NAN;
  if (metric->width == 1 && o->curve == LAM_AUC_ROC) *errors = delong_error(metric);
  if (metric->width == 1 && o->curve == LAM_AUC_PR) *errors = binomial_error(metric, *values);
}

/* ---- the best of one where the other is good enough -------------------------------------------------------------------- */

typedef struct rates { /* one that is bounded from below, and the one to be made large: a share, and of what */
  double bounded, share, positive, negative;
} rates;

static rates rates_of(lam_metric_type type, cells c) {
  switch (type) {
  case LAM_METRIC_PRECISION_AT_RECALL: return (rates){ recall(c), precision(c), c.tp, c.fp };
  case LAM_METRIC_RECALL_AT_PRECISION: return (rates){ precision(c), recall(c), c.tp, c.fn };
  case LAM_METRIC_SENSITIVITY_AT_SPECIFICITY: return (rates){ specificity(c), recall(c), c.tp, c.fn };
  default: return (rates){ recall(c), specificity(c), c.tn, c.fp };
  }
}

/* The weights squared that stand behind a share at a threshold: of those that count for it, and of the others. */
static void squares_at(const lam_metric *metric, size_t threshold, double squares[2]) {
  const double *sums = metric->sums;
  cells c = { 0, 0, 0, 0 };
  for (size_t i = 0; i <= metric->threshold_count; i++) {
    double positive = sums[i * PER_PLACE + POSITIVE_SQUARES], negative = sums[i * PER_PLACE + NEGATIVE_SQUARES];
    bool above = i > threshold; /* place -1 comes first */
    *(above ? &c.tp : &c.fn) += positive;
    *(above ? &c.fp : &c.tn) += negative;
  }
  rates r = rates_of(metric->options.type, c);
  squares[0] = r.positive;
  squares[1] = r.negative;
}

static void read_best(const lam_metric *metric, double *values, double *errors) {
  walk w = begin_walk(metric, 0);
  rates best = { 0, 0, 0, 0 };
  size_t place = metric->threshold_count;
  /* Keras compares in float: 2/3 and 0.8 are met by shares that are that number rounded. */
  while (step(&w)) {
    rates r = rates_of(metric->options.type, w.at);
    if ((float)r.bounded < metric->options.least || (r.share <= best.share && place != metric->threshold_count)) continue;
    place = w.left;
    best = r;
  }
  *values = best.share;
  *errors = (double)NAN;
  bool one = metric->width == 1 || metric->options.class_id_count;
  double squares[2], all = best.positive + best.negative, r = best.share;
  if (!one || place == metric->threshold_count || all == 0) return;
  squares_at(metric, place, squares);
  *errors = sqrt((1 - r) * (1 - r) * squares[0] + r * r * squares[1]) / all;
}

static const lam_metric_kind areas = { LAM_TARGETS_ANY,
                                       LAM_TAKES_THRESHOLDS | LAM_TAKES_NUM_THRESHOLDS | LAM_TAKES_CURVE | LAM_TAKES_FROM_LOGITS,
                                       sum_count,
                                       NULL,
                                       NULL,
                                       add_scores,
                                       read_auc,
                                       NULL,
                                       NULL };
static const lam_metric_kind best_ones = { LAM_TARGETS_ANY,
                                           LAM_TAKES_NUM_THRESHOLDS | LAM_TAKES_LEAST | LAM_TAKES_CLASS_IDS,
                                           sum_count,
                                           NULL,
                                           NULL,
                                           add_scores,
                                           read_best,
                                           NULL,
                                           NULL };

const lam_metric_kind *lam_metric_curve_kind(lam_metric_type type) {
  switch (type) {
  case LAM_METRIC_AUC: return &areas;
  case LAM_METRIC_PRECISION_AT_RECALL:
  case LAM_METRIC_RECALL_AT_PRECISION:
  case LAM_METRIC_SENSITIVITY_AT_SPECIFICITY:
  case LAM_METRIC_SPECIFICITY_AT_SENSITIVITY: return &best_ones;
  default: return NULL;
  }
}
