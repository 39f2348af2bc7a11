/* SPDX-License-Identifier: MIT
 *
 * Metrics from the inside. A metric is a row of sums in double; its kind adds a row of predictions to them and makes numbers of
 * them. What a metric allocates it allocates when its width becomes known, so that a step allocates nothing.
 */
#ifndef LAM_TRAIN_METRIC_H
#define LAM_TRAIN_METRIC_H

#include "base/names.h"
#include "kernels/kernels.h"
#include <lamina/metric.h>

/* Which options a kind takes, beside name and output. */
enum {
  LAM_TAKES_THRESHOLD = 1 << 0,
  LAM_TAKES_THRESHOLDS = 1 << 1,
  LAM_TAKES_TOP_K = 1 << 2,
  LAM_TAKES_CLASS_IDS = 1 << 3,
  LAM_TAKES_CLASSES = 1 << 4,
  LAM_TAKES_IGNORE = 1 << 5,
  LAM_TAKES_FROM_LOGITS = 1 << 6,
  LAM_TAKES_SORTED = 1 << 7,
  LAM_TAKES_SMOOTHING = 1 << 8,
  LAM_TAKES_DELTA = 1 << 9,
  LAM_TAKES_BETA = 1 << 10,
  LAM_TAKES_AVERAGE = 1 << 11,
  LAM_TAKES_REGRESSORS = 1 << 12,
  LAM_TAKES_LEAST = 1 << 13,
  LAM_TAKES_NUM_THRESHOLDS = 1 << 14,
  LAM_TAKES_CURVE = 1 << 15,
  LAM_TAKES_CUSTOM = 1 << 16
};

/* What the batch must have. */
typedef enum lam_metric_targets {
  LAM_TARGETS_ANY,      /* as wide as the predictions, or labels */
  LAM_TARGETS_ONE,      /* labels, or numbers one wide */
  LAM_TARGETS_EITHER,   /* any of these */
  LAM_TARGETS_NOT_READ, /* or none */
} lam_metric_targets;

/* A row as a kind sees it. */
typedef struct lam_metric_row {
  const float *y, *t; /* t NULL: there is a label */
  size_t width, t_width;
  int32_t label;
  double weight;
  bool weighted; /* the batch has weights */
} lam_metric_row;

typedef struct lam_metric_kind {
  lam_metric_targets targets;
  unsigned takes;
  size_t (*sums)(const lam_metric *metric);    /* doubles to be kept; the width is known */
  size_t (*scratch)(const lam_metric *metric); /* doubles needed while a row is added */
  size_t (*values)(const lam_metric *metric);  /* NULL: 1 */
  void (*add)(lam_metric *metric, const lam_metric_row *row);
  void (*read)(const lam_metric *metric, double *values, double *errors);           /* all numbers */
  void (*summary)(const lam_metric *metric, double *value, double *standard_error); /* of several; NULL: their mean */
  double (*row)(lam_metric *metric, const lam_metric_row *row);                     /* of a mean over rows: a row's value */
} lam_metric_kind;

struct lam_metric {
  lam_object object;
  lam_metric_options options; /* with the defaults filled in; the lists are its own */
  const lam_metric_kind *kind;
  char *name;
  float *thresholds; /* its own, however they were said */
  size_t threshold_count;
  bool even; /* they divide 0 to 1 evenly: the place of a prediction is computed, in float as Keras does, and not searched */
  size_t *class_ids;
  float *label_weights;
  size_t width; /* 0: not known yet */
  double *sums, *scratch;
  size_t sum_count, scratch_count;
  uint64_t rows;
  bool owned; /* by a trainer */
  bool signs; /* of the batch at hand: targets of a hinge are 0 and 1 and become -1 and 1 */
};

extern const char *const lam_metric_names[]; /* ends with NULL */
/* The fields of lam_metric_options that text can say, for the command line. */
extern const lam_field lam_metric_fields[];

/* The kinds, by the file they stand in; each returns NULL for types that are not its own. */
const lam_metric_kind *lam_metric_mean_kind(lam_metric_type type);
const lam_metric_kind *lam_metric_count_kind(lam_metric_type type);
const lam_metric_kind *lam_metric_curve_kind(lam_metric_type type);
const lam_metric_kind *lam_metric_score_kind(lam_metric_type type);
const lam_metric_kind *lam_metric_class_kind(lam_metric_type type);

/* Checks the options that the metric holds, fills in defaults and copies the lists (metric_options.c). */
lam_status lam_metric_complete(lam_metric *metric);

/* Decides the width and allocates; LAM_OK where it is this width already. */
lam_status lam_metric_prepare(lam_metric *metric, size_t width);
/* Checks a batch against the metric; then adds it, which cannot fail. */
lam_status lam_metric_check(const lam_metric *metric, const lam_metric_batch *batch);
void lam_metric_add(lam_metric *metric, const lam_metric_batch *batch);

/* ---- for the kinds ------------------------------------------------------------------------------------------------- */

/* Element j of the row's targets: a label stands for a one-hot row where the output is more than one wide. */
static inline double lam_metric_target(const lam_metric_row *row, size_t j) {
  if (row->t) return (double)row->t[row->t_width == 1 ? 0 : j];
  return row->width == 1 ? (double)row->label : (double)((size_t)row->label == j);
}

/* The row's label: itself, a target one wide, or the argmax of the targets. Labels that no int32 holds are -1. */
int32_t lam_metric_label(const lam_metric *metric, const lam_metric_row *row);
int32_t lam_metric_argmax(const lam_metric *metric, const float *row, size_t width);

/* The place of a prediction among the thresholds: it is above those from 0 to the result, -1 being above none. */
ptrdiff_t lam_metric_place(const lam_metric *metric, float prediction);

/* a / b, 0 where b is 0. */
static inline double lam_ratio(double a, double b) { return b == 0 ? 0 : a / b; }

/* Sums of which a mean over rows and its standard error come. */
enum { LAM_MOMENT_COUNT = 6 };
void lam_moments_add(double sums[LAM_MOMENT_COUNT], double value, double weight);
double lam_moments_mean(const double sums[LAM_MOMENT_COUNT]);
/* Of the mean; share: divided by n and not n - 1. */
double lam_moments_error(const double sums[LAM_MOMENT_COUNT], bool share);

#endif
