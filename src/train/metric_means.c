/* SPDX-License-Identifier: MIT
 *
 * Metrics that are means over rows: accuracies, the values of losses, similarities. Each is a function of a row; losses that have
 * a kernel use it, the others are formulas in double.
 */
#include "train/metric.h"
#include <math.h>
#include <string.h>

/* ---- sums ---------------------------------------------------------------------------------------------------------- */

enum { SUM_W, SUM_WV, SUM_W2, CENTRE, SPREAD, COUNT };

/* The spread is taken around the mean with weights w^2, as it moves (West, "Updating mean and variance estimates", CACM 22,
 * 1979): no digits are lost to a large mean. */
void lam_moments_add(double sums[LAM_MOMENT_COUNT], double value, double weight) {
  if (weight == 0) return;
  double w2 = weight * weight, distance = value - sums[CENTRE];
  sums[SUM_W] += weight;
  sums[SUM_WV] += weight * value;
  sums[SUM_W2] += w2;
  sums[CENTRE] += distance * (w2 / sums[SUM_W2]);
  sums[SPREAD] += w2 * distance * (value - sums[CENTRE]);
  sums[COUNT] += 1;
}

double lam_moments_mean(const double sums[LAM_MOMENT_COUNT]) { return lam_ratio(sums[SUM_WV], sums[SUM_W]); }

double lam_moments_error(const double sums[LAM_MOMENT_COUNT], bool share) {
  double n = sums[COUNT], distance = sums[CENTRE] - lam_moments_mean(sums);
  if (n == 0 || (!share && n < 2)) return (double)NAN;
  double spread = sums[SPREAD] + sums[SUM_W2] * distance * distance;
  return sqrt(spread * (share ? 1 : n / (n - 1))) / sums[SUM_W];
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

int32_t lam_metric_argmax(const lam_metric *metric, const float *row, size_t width) {
  int32_t place = 0;
  metric->object.context->kernels->argmax(&place, row, width, 1, width);
  return place;
}

int32_t lam_metric_label(const lam_metric *metric, const lam_metric_row *row) {
  if (!row->t) return row->label;
  if (row->t_width > 1) return lam_metric_argmax(metric, row->t, row->t_width);
  return row->t[0] >= 0 && row->t[0] < 0x1p31f ? (int32_t)row->t[0] : -1;
}

#define EACH(row, sum, term)                                                                                                     \
  double sum = 0;                                                                                                                \
  for (size_t j = 0; j < (row)->width; j++) {                                                                                    \
    double y = (double)(row)->y[j], t = lam_metric_target(row, j);                                                               \
    sum += (term);                                                                                                               \
  }
#define MEAN_OF(name, term)                                                                                                      \
  static double name(lam_metric *metric, const lam_metric_row *row) {                                                            \
    (void)metric;                                                                                                                \
    EACH(row, sum, term)                                                                                                         \
    return sum / (double)row->width;                                                                                             \
  }

static double larger(double a, double b) { return a > b || isnan(a) ? a : b; }
static double square(double x) { return x * x; }
static const double epsilon = (double)1e-7f;

MEAN_OF(row_equal, y == t)
MEAN_OF(row_binary, (double)(y > (double)metric->options.threshold) == t)

static double row_values(lam_metric *metric, const lam_metric_row *row) {
  double sum = 0;
  for (size_t j = 0; j < row->width; j++) sum += (double)row->y[j];
  return metric->options.type == LAM_METRIC_SUM ? sum * row->weight : sum / (double)row->width;
}

/* ---- accuracies ---------------------------------------------------------------------------------------------------- */

static double row_class(lam_metric *metric, const lam_metric_row *row) {
  return lam_metric_argmax(metric, row->y, row->width) == lam_metric_label(metric, row);
}

static double row_accuracy(lam_metric *metric, const lam_metric_row *row) {
  return row->width == 1 ? row_binary(metric, row) : row_class(metric, row);
}

/* A label counts as found where fewer than top_k predictions are above its own, which must be finite, as TensorFlow has it. */
static double row_top_k(lam_metric *metric, const lam_metric_row *row) {
  size_t k = metric->options.top_k, above = 0;
  int32_t label = lam_metric_label(metric, row);
  if (metric->options.from_sorted_ids) {
    bool found = false;
    for (size_t j = 0; j < row->width && j < k; j++) found = found || row->y[j] == (float)label;
    return found;
  }
  if (label < 0 || (size_t)label >= row->width || !isfinite(row->y[label])) return 0;
  for (size_t j = 0; j < row->width; j++) above += row->y[j] > row->y[label];
  return above < k;
}

/* ---- losses ------------------------------------------------------------------------------------------------ */

/* The targets as a row of floats, smoothed, or a hinge's as -1 and 1; in the scratch where they are not just that already. */
static const float *dense_targets(lam_metric *metric, const lam_metric_row *row, float share) {
  float smoothing = metric->options.label_smoothing;
  if (row->t && row->t_width == row->width && smoothing == 0.0f && !metric->signs) return row->t;
  float *t = (float *)(void *)metric->scratch;
  for (size_t j = 0; j < row->width; j++) {
    float target = (float)lam_metric_target(row, j);
    t[j] = metric->signs ? 2.0f * target - 1.0f : target * (1.0f - smoothing) + smoothing * share;
  }
  return t;
}

static double row_binary_crossentropy(lam_metric *metric, const lam_metric_row *row) {
  const lam_kernel_table *kernels = metric->object.context->kernels;
  size_t n = row->width;
  float loss = 0;
  (metric->options.from_logits ? kernels->sigmoid_binary_crossentropy : kernels->binary_crossentropy)(
      &loss, NULL, n, row->y, n, dense_targets(metric, row, 0.5f), n, 1.0f, 1, n);
  return (double)loss;
}

static double row_crossentropy(lam_metric *metric, const lam_metric_row *row) {
  const lam_kernel_table *kernels = metric->object.context->kernels;
  size_t n = row->width;
  float loss = 0;
  (metric->options.from_logits ? kernels->softmax_crossentropy : kernels->crossentropy)(
      &loss, NULL, n, row->y, n, dense_targets(metric, row, 1.0f / (float)n), n, 1.0f, 1, n);
  return (double)loss;
}

static double row_sparse_crossentropy(lam_metric *metric, const lam_metric_row *row) {
  const lam_kernel_table *kernels = metric->object.context->kernels;
  size_t n = row->width;
  int32_t label = lam_metric_label(metric, row);
  float loss = 0;
  (metric->options.from_logits ? kernels->softmax_sparse_crossentropy : kernels->sparse_crossentropy)(&loss, NULL, n, row->y, n,
                                                                                                      &label, 1.0f, 1, n);
  return (double)loss;
}

/* Losses of dense targets that take no logits. */
static double row_loss(lam_metric *metric, const lam_metric_row *row) {
  const lam_kernel_table *kernels = metric->object.context->kernels;
  size_t n = row->width;
  const float *t = dense_targets(metric, row, 0.0f);
  void(*kernel) LAM_DENSE_LOSS_ARGUMENTS = kernels->mean_absolute_error;
  float loss = 0;
  switch (metric->options.type) {
  case LAM_METRIC_HUBER: kernels->huber(&loss, NULL, n, row->y, n, t, n, &metric->options.delta, 1.0f, 1, n); return (double)loss;
  case LAM_METRIC_MEAN_SQUARED_ERROR:
  case LAM_METRIC_ROOT_MEAN_SQUARED_ERROR:
    kernels->squared_error(&loss, NULL, n, row->y, n, t, n, 1.0f / (float)n, 1.0f, 1, n);
    return (double)loss;
  case LAM_METRIC_MEAN_ABSOLUTE_PERCENTAGE_ERROR: kernel = kernels->mean_absolute_percentage_error; break;
  case LAM_METRIC_MEAN_SQUARED_LOGARITHMIC_ERROR: kernel = kernels->mean_squared_logarithmic_error; break;
  case LAM_METRIC_HINGE: kernel = kernels->hinge; break;
  case LAM_METRIC_SQUARED_HINGE: kernel = kernels->squared_hinge; break;
  case LAM_METRIC_CATEGORICAL_HINGE: kernel = kernels->categorical_hinge; break;
  case LAM_METRIC_KL_DIVERGENCE: kernel = kernels->kl_divergence; break;
  case LAM_METRIC_POISSON: kernel = kernels->poisson; break;
  case LAM_METRIC_LOG_COSH: kernel = kernels->log_cosh; break;
  default: break;
  }
  kernel(&loss, NULL, n, row->y, n, t, n, 1.0f, 1, n);
  return (double)loss;
}

/* ---- similarities within a row --------------------------------------------------------------------------------------- */

/* A row shorter than 1e-7 counts as that long. */
static double row_cosine(lam_metric *metric, const lam_metric_row *row) {
  (void)metric;
  double yy = 0, tt = 0;
  EACH(row, yt, (yy += y * y, tt += t * t, y * t))
  return yt / (larger(sqrt(yy), epsilon) * larger(sqrt(tt), epsilon));
}

typedef struct row_moments {
  double y, t, yy, tt, yt; /* means; mean squares and products of the distances from them */
} row_moments;

static row_moments moments_of(const lam_metric_row *row) {
  row_moments m = { 0, 0, 0, 0, 0 };
  double n = (double)row->width;
  EACH(row, y_sum, (m.t += t / n, y))
  m.y = y_sum / n;
  EACH(row, products, (m.yy += square(y - m.y) / n, m.tt += square(t - m.t) / n, (y - m.y) * (t - m.t)))
  m.yt = products / n;
  return m;
}

static double row_pearson(lam_metric *metric, const lam_metric_row *row) {
  (void)metric;
  row_moments m = moments_of(row);
  return m.yt / (sqrt(m.yy) * sqrt(m.tt));
}

static double row_concordance(lam_metric *metric, const lam_metric_row *row) {
  (void)metric;
  row_moments m = moments_of(row);
  return 2 * m.yt / (m.yy + m.tt + square(m.y - m.t) + epsilon);
}

/* ---- the kinds ------------------------------------------------------------------------------------------------------ */

static size_t moment_count(const lam_metric *metric) { return (void)metric, LAM_MOMENT_COUNT; }

/* A row of floats. */
static size_t row_of_scratch(const lam_metric *metric) { return (metric->width + 1) / 2; }

/* Keras masks the weights of rows with the label to be ignored, but counts the rows where there are no weights. */
static bool is_ignored(const lam_metric *metric, const lam_metric_row *row) {
  return metric->options.ignore && lam_metric_label(metric, row) == metric->options.ignore_class;
}

static void add_mean(lam_metric *metric, const lam_metric_row *row) {
  if (is_ignored(metric, row))
    lam_moments_add(metric->sums, 0, row->weighted ? 0 : 1);
  else
    lam_moments_add(metric->sums, metric->kind->row(metric, row), row->weight);
}

static void add_sum(lam_metric *metric, const lam_metric_row *row) {
  lam_moments_add(metric->sums, metric->kind->row(metric, row), 1);
}

static void read_mean(const lam_metric *metric, double *values, double *errors) {
  *values = lam_moments_mean(metric->sums);
  *errors = lam_moments_error(metric->sums, false);
}

static void read_share(const lam_metric *metric, double *values, double *errors) {
  *values = lam_moments_mean(metric->sums);
  *errors = lam_moments_error(metric->sums, true);
}

static void read_root(const lam_metric *metric, double *values, double *errors) {
  *values = sqrt(lam_moments_mean(metric->sums));
  *errors = lam_moments_error(metric->sums, false) / (2 * *values);
}

static void read_sum(const lam_metric *metric, double *values, double *errors) {
  *values = metric->sums[SUM_WV];
  *errors = lam_moments_error(metric->sums, false) * metric->sums[COUNT];
}

#define MEAN(targets, takes, row)                                                                                                \
  { LAM_TARGETS_##targets, takes, moment_count, row_of_scratch, NULL, add_mean, read_mean, NULL, row }
#define SHARE(targets, takes, row)                                                                                               \
  { LAM_TARGETS_##targets, takes, moment_count, NULL, NULL, add_mean, read_share, NULL, row }

static const lam_metric_kind kinds[] = {
  [LAM_METRIC_ACCURACY] = SHARE(EITHER, LAM_TAKES_THRESHOLD, row_accuracy),
  [LAM_METRIC_EQUALITY] = SHARE(ANY, 0, row_equal),
  [LAM_METRIC_BINARY_ACCURACY] = SHARE(ANY, LAM_TAKES_THRESHOLD, row_binary),
  [LAM_METRIC_CATEGORICAL_ACCURACY] = SHARE(ANY, 0, row_class),
  [LAM_METRIC_SPARSE_CATEGORICAL_ACCURACY] = SHARE(ONE, 0, row_class),
  [LAM_METRIC_TOP_K_CATEGORICAL_ACCURACY] = SHARE(ANY, LAM_TAKES_TOP_K, row_top_k),
  [LAM_METRIC_SPARSE_TOP_K_CATEGORICAL_ACCURACY] = SHARE(ONE, LAM_TAKES_TOP_K | LAM_TAKES_SORTED, row_top_k),
  [LAM_METRIC_MEAN] = MEAN(NOT_READ, 0, row_values),
  [LAM_METRIC_SUM] = { LAM_TARGETS_NOT_READ, 0, moment_count, NULL, NULL, add_sum, read_sum, NULL, row_values },
  [LAM_METRIC_BINARY_CROSSENTROPY] = MEAN(ANY, LAM_TAKES_FROM_LOGITS | LAM_TAKES_SMOOTHING, row_binary_crossentropy),
  [LAM_METRIC_CATEGORICAL_CROSSENTROPY] = MEAN(ANY, LAM_TAKES_FROM_LOGITS | LAM_TAKES_SMOOTHING, row_crossentropy),
  [LAM_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY] = MEAN(ONE, LAM_TAKES_FROM_LOGITS | LAM_TAKES_IGNORE, row_sparse_crossentropy),
  [LAM_METRIC_HINGE] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_SQUARED_HINGE] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_CATEGORICAL_HINGE] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_KL_DIVERGENCE] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_POISSON] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_LOG_COSH] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_HUBER] = MEAN(ANY, LAM_TAKES_DELTA, row_loss),
  [LAM_METRIC_MEAN_SQUARED_ERROR] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_ROOT_MEAN_SQUARED_ERROR] = { LAM_TARGETS_ANY, 0, moment_count, row_of_scratch, NULL, add_mean, read_root, NULL,
                                           row_loss },
  [LAM_METRIC_MEAN_ABSOLUTE_ERROR] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_MEAN_ABSOLUTE_PERCENTAGE_ERROR] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_MEAN_SQUARED_LOGARITHMIC_ERROR] = MEAN(ANY, 0, row_loss),
  [LAM_METRIC_COSINE_SIMILARITY] = MEAN(ANY, 0, row_cosine),
  [LAM_METRIC_PEARSON_CORRELATION] = MEAN(ANY, 0, row_pearson),
  [LAM_METRIC_CONCORDANCE_CORRELATION] = MEAN(ANY, 0, row_concordance),
  [LAM_METRIC_CUSTOM] = MEAN(NOT_READ, LAM_TAKES_CUSTOM, NULL),
};

const lam_metric_kind *lam_metric_mean_kind(lam_metric_type type) {
  return (size_t)type < sizeof kinds / sizeof *kinds && kinds[type].read ? &kinds[type] : NULL;
}
