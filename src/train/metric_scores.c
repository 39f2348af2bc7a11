/* SPDX-License-Identifier: MIT
 *
 * F scores and R2, by class and averaged. Their standard errors are the delta method's.
 */
#include "train/metric.h"
#include <math.h>
#include <string.h>

static const double epsilon = (double)1e-7f;

/* ---- f1_score, fbeta_score ------------------------------------------------------------------------------------------- */

/* Cells of each class (of all together, for micro). The sums are those of w times a row's cells, then the sums of the products of
 * each two of a row's weighted cells, which a row with few cells that are not 0 changes in few places. */
enum { TP, FP, FN, CELLS };
enum { MOST_CLASSES = 100 }; /* whose products are kept */

static size_t class_count(const lam_metric *metric) { return metric->options.average == LAM_AVERAGE_MICRO ? 1 : metric->width; }

static size_t cell_count(const lam_metric *metric) { return class_count(metric) * CELLS; }

static bool keeps_products(const lam_metric *metric) { return class_count(metric) <= MOST_CLASSES; }

static size_t f_sums(const lam_metric *metric) {
  size_t n = cell_count(metric);
  return n + (keeps_products(metric) ? n * n : 0);
}

/* The cells of a row or a gradient, places that are not 0, and the numbers and errors of the classes. */
static size_t f_scratch(const lam_metric *metric) { return 2 * cell_count(metric) + 2 * class_count(metric); }

static size_t f_values(const lam_metric *metric) { return metric->options.average == LAM_AVERAGE_NONE ? metric->width : 1; }

/* Without a threshold all the largest of a row are positive, but none that is 0. */
static bool is_positive(const lam_metric *metric, float y, float largest) {
  float threshold = metric->options.threshold;
  return threshold == 0.0f ? y >= largest && fabsf(y) > 1e-9f : y > threshold;
}

static void f_add(lam_metric *metric, const lam_metric_row *row) {
  size_t n = cell_count(metric), used = 0;
  double *cells = metric->scratch, *places = metric->scratch + n;
  float largest = row->y[0];
  memset(cells, 0, n * sizeof *cells);
  for (size_t j = 1; j < row->width; j++)
    if (row->y[j] > largest) largest = row->y[j];
  for (size_t j = 0; j < row->width; j++) {
    double *mine = cells + (metric->options.average == LAM_AVERAGE_MICRO ? 0 : j * CELLS);
    double t = lam_metric_target(row, j) * row->weight;
    if (is_positive(metric, row->y[j], largest)) {
      mine[TP] += t;
      mine[FP] += row->weight - t;
    } else {
      mine[FN] += t;
    }
  }
  for (size_t i = 0; i < n; i++) {
    metric->sums[i] += cells[i];
    if (cells[i] != 0) places[used++] = (double)i;
  }
  double *products = metric->sums + n;
  for (size_t a = 0; a < used && keeps_products(metric); a++)
    for (size_t b = 0; b < used; b++) {
      size_t i = (size_t)places[a], j = (size_t)places[b];
      products[i * n + j] += cells[i] * cells[j];
    }
}

static double f_score(const lam_metric *metric, const double *cells) {
  double b2 = (double)metric->options.beta * (double)metric->options.beta;
  double precision = cells[TP] / (cells[TP] + cells[FP] + epsilon), recall = cells[TP] / (cells[TP] + cells[FN] + epsilon);
  return (1 + b2) * (precision * recall / (b2 * precision + recall + epsilon));
}

/* Of F = (1 + b2) tp / ((1 + b2) tp + b2 fn + fp), by its cells, times `factor`. */
static void add_slopes(const lam_metric *metric, const double *cells, double factor, double *slopes) {
  double b2 = (double)metric->options.beta * (double)metric->options.beta, a = 1 + b2;
  double all = a * cells[TP] + b2 * cells[FN] + cells[FP];
  if (all == 0) return;
  slopes[TP] += factor * a * (b2 * cells[FN] + cells[FP]) / (all * all);
  slopes[FP] -= factor * a * cells[TP] / (all * all);
  slopes[FN] -= factor * a * b2 * cells[TP] / (all * all);
}

/* F does not change when all cells are scaled alike, so that the parts of the rows sum to 0. */
static double f_error(const lam_metric *metric, const double *slopes, size_t first, size_t end) {
  size_t n = cell_count(metric);
  const double *products = metric->sums + n;
  double variance = 0;
  if (!keeps_products(metric) || metric->rows == 0) return (double)NAN;
  for (size_t i = first; i < end; i++)
    for (size_t j = first; j < end; j++) variance += slopes[i] * slopes[j] * products[i * n + j];
  return sqrt(variance > 0 ? variance : 0);
}

/* The average with its error: each class counts alike, or by its targets. */
static void f_summary(const lam_metric *metric, double *value, double *error) {
  size_t classes = class_count(metric), n = cell_count(metric);
  bool weighted = metric->options.average == LAM_AVERAGE_WEIGHTED;
  double *slopes = metric->scratch, all = 0, sum = 0;
  for (size_t k = 0; k < classes; k++) all += metric->sums[k * CELLS + TP] + metric->sums[k * CELLS + FN];
  memset(slopes, 0, n * sizeof *slopes);
  for (size_t k = 0; k < classes; k++) {
    const double *cells = metric->sums + k * CELLS;
    double share = weighted ? (cells[TP] + cells[FN]) / (all + epsilon) : 1.0 / (double)classes;
    sum += share * f_score(metric, cells);
    add_slopes(metric, cells, share, slopes + k * CELLS);
  }
  for (size_t k = 0; k < classes && weighted && all > 0; k++) {
    double slope = (f_score(metric, metric->sums + k * CELLS) - sum) / all;
    slopes[k * CELLS + TP] += slope;
    slopes[k * CELLS + FN] += slope;
  }
  *value = sum;
  *error = f_error(metric, slopes, 0, n);
}

static void f_read(const lam_metric *metric, double *values, double *errors) {
  if (metric->options.average != LAM_AVERAGE_NONE) {
    f_summary(metric, values, errors);
    return;
  }
  double *slopes = metric->scratch;
  memset(slopes, 0, cell_count(metric) * sizeof *slopes);
  for (size_t k = 0; k < metric->width; k++) {
    values[k] = f_score(metric, metric->sums + k * CELLS);
    add_slopes(metric, metric->sums + k * CELLS, 1, slopes + k * CELLS);
    errors[k] = f_error(metric, slopes, k * CELLS, (k + 1) * CELLS);
  }
}

/* ---- r2_score -------------------------------------------------------------------------------------------------------- */

/* Of each column, with u the target less the first one seen and e the residual: w, wu, wu^2, we^2, and with w^2 in the place of w
 * 1, u, u^2, u^3, u^4, e^4, e^2, e^2 u, e^2 u^2. */
enum { SHIFT, W, WU, WUU, WEE, S0, S1, S2, S3, S4, S_E4, S_E2, S_E2U, S_E2UU, PER_COLUMN };

static size_t r2_sums(const lam_metric *metric) { return metric->width * PER_COLUMN; }
static size_t r2_scratch(const lam_metric *metric) { return 2 * metric->width; }
static size_t r2_values(const lam_metric *metric) { return metric->options.average == LAM_AVERAGE_NONE ? metric->width : 1; }

static void r2_add(lam_metric *metric, const lam_metric_row *row) {
  double w = row->weight, w2 = w * w;
  for (size_t j = 0; j < metric->width; j++) {
    double *s = metric->sums + j * PER_COLUMN, t = lam_metric_target(row, j);
    if (s[W] == 0) s[SHIFT] = t;
    double u = t - s[SHIFT], e2 = (t - (double)row->y[j]) * (t - (double)row->y[j]);
    const double terms[PER_COLUMN] = { 0,
                                       w,
                                       w * u,
                                       w * u * u,
                                       w * e2,
                                       w2,
                                       w2 * u,
                                       w2 * u * u,
                                       w2 * u * u * u,
                                       w2 * u * u * u * u,
                                       w2 * e2 * e2,
                                       w2 * e2,
                                       w2 * e2 * u,
                                       w2 * e2 * u * u };
    for (size_t k = W; k < PER_COLUMN; k++) s[k] += terms[k];
  }
}

static double total_of(const double *s) { return s[WUU] - s[WU] * (s[WU] / s[W]); }

/* An infinite score, of targets that are all alike, is 0. */
static double r2_of(const double *s) {
  double score = 1 - s[WEE] / total_of(s);
  return isinf(score) ? 0 : score;
}

/* A row's part is w (-e^2 / T + R / T^2 (u - m)^2), R and T being the sums whose ratio is taken. */
static double r2_error(const double *s) {
  double m = s[WU] / s[W], total = total_of(s), a = -1 / total, b = s[WEE] / (total * total);
  double e2d2 = s[S_E2UU] - 2 * m * s[S_E2U] + m * m * s[S_E2];
  double d4 = s[S4] - 4 * m * s[S3] + 6 * m * m * s[S2] - 4 * m * m * m * s[S1] + m * m * m * m * s[S0];
  double variance = a * a * s[S_E4] + 2 * a * b * e2d2 + b * b * d4;
  return isfinite(variance) ? sqrt(variance > 0 ? variance : 0) : (double)NAN;
}

static void r2_read(const lam_metric *metric, double *values, double *errors) {
  size_t width = metric->width;
  bool none = metric->options.average == LAM_AVERAGE_NONE;
  double sum = 0, weights = 0, n = (double)metric->rows * (double)width, p = (double)metric->options.num_regressors;
  double factor = p > 0 && p < n - 1 ? (n - 1) / (n - p - 1) : 1;
  if (metric->rows == 0) {
    for (size_t j = 0; j < r2_values(metric); j++) values[j] = 0, errors[j] = (double)NAN;
    return;
  }
  for (size_t j = 0; j < width; j++) {
    const double *s = metric->sums + j * PER_COLUMN;
    double weight = metric->options.average == LAM_AVERAGE_VARIANCE_WEIGHTED ? total_of(s) : 1;
    if (none) values[j] = 1 - (1 - r2_of(s)) * factor, errors[j] = r2_error(s) * factor;
    sum += weight * r2_of(s);
    weights += weight;
  }
  if (none) return;
  *values = 1 - (1 - sum / weights) * factor;
  *errors = width == 1 ? r2_error(metric->sums) * factor : (double)NAN;
}

/* ---- the kinds -------------------------------------------------------------------------------------------------------- */

static const lam_metric_kind f1 = {
  LAM_TARGETS_ANY, LAM_TAKES_THRESHOLD | LAM_TAKES_AVERAGE, f_sums, f_scratch, f_values, f_add, f_read, f_summary, NULL
};
static const lam_metric_kind fbeta = { LAM_TARGETS_ANY,
                                       LAM_TAKES_THRESHOLD | LAM_TAKES_AVERAGE | LAM_TAKES_BETA,
                                       f_sums,
                                       f_scratch,
                                       f_values,
                                       f_add,
                                       f_read,
                                       f_summary,
                                       NULL };
static const lam_metric_kind r2 = {
  LAM_TARGETS_ANY, LAM_TAKES_AVERAGE | LAM_TAKES_REGRESSORS, r2_sums, r2_scratch, r2_values, r2_add, r2_read, NULL, NULL
};

const lam_metric_kind *lam_metric_score_kind(lam_metric_type type) {
  return type == LAM_METRIC_F1_SCORE ? &f1 : type == LAM_METRIC_FBETA_SCORE ? &fbeta : type == LAM_METRIC_R2_SCORE ? &r2 : NULL;
}
