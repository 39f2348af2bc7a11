/* SPDX-License-Identifier: MIT
 *
 * lamina/metric.h: metrics, accumulated over batches, with their standard errors.
 *
 * Names, defaults and numbers are Keras's. Sums are taken in double in the order of the rows, so that neither batches nor threads
 * change more than the last bits (threads none). A metric stands alone (below) or belongs to a trainer, which feeds it in fit and
 * evaluate (lam_trainer_add_metric in lamina/train.h).
 */
#ifndef LAMINA_METRIC_H
#define LAMINA_METRIC_H

#include <lamina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lam_metric lam_metric;

/* Every metric: X(NAME, name). y is a row of predictions, t its targets, w its weight.
 *
 *   accuracy                           binary_accuracy of outputs one wide; else sparse_categorical_accuracy with labels, or
 *                                      categorical_accuracy: what Keras's "accuracy" picks
 *   equality                           share of the elements with y = t: Keras's class Accuracy
 *   binary_accuracy                    share of the elements with (y > threshold) = t; threshold 0.5
 *   categorical_, sparse_categorical_accuracy          argmax of y is that of t, or the label
 *   top_k_, sparse_top_k_categorical_accuracy          fewer than top_k (5) of y are above that of the label; from_sorted_ids:
 *                                      one of the first top_k of y, which are labels, is the label
 *   mean, sum                          of the predictions; no targets are looked at
 *   binary_, categorical_, sparse_categorical_crossentropy, hinge, squared_hinge, categorical_hinge, kl_divergence, poisson,
 *   log_cosh, huber, mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error
 *                                      the mean of that loss over the rows
 *   root_mean_squared_error            the root of mean_squared_error
 *   cosine_similarity, pearson_correlation, concordance_correlation
 *                                      of y and t within each row (Keras's axis -1), and the mean of that over the rows
 *   r2_score                           1 - sum w (t-y)^2 / sum w (t-mean t)^2 of each column, and their average
 *   precision, recall                  tp/(tp+fp), tp/(tp+fn) over all elements; y > threshold is positive. thresholds: a number
 *                                      for each; top_k: only the top_k largest of a row, all of them, are positive; class_ids:
 *                                      one: only this column
 *   f1_score, fbeta_score              (1+beta^2) P R / (beta^2 P + R) of each class; positive is y > threshold, or without one
 *                                      the largest of the row; averages: macro, micro, weighted
 *   true_positives, ..., false_negatives               sums of w over such elements, at each threshold
 *   precision_at_recall, recall_at_precision, sensitivity_at_specificity, specificity_at_sensitivity
 *                                      the largest one among num_thresholds (200) at which the other is at least `least`
 *   auc                                area under a curve, from num_thresholds (200) or `thresholds`
 *   iou, binary_iou, mean_iou, one_hot_iou, one_hot_mean_iou
 *                                      tp/(tp+fp+fn) of a class, mean over class_ids (all, where none are given) that occur. The
 *                                      first three take classes as numbers in y and t, binary_iou y >= threshold; the one-hot
 *                                      ones the argmax of both
 *   confusion_matrix                   classes x classes sums of w: label, predicted class. The value is the share on the
 *                                      diagonal
 *   custom                             functions of one's own: see lam_custom_metric */
#define LAM_METRIC_LIST(X)                                                                                                       \
  X(ACCURACY, accuracy)                                                                                                          \
  X(EQUALITY, equality)                                                                                                          \
  X(BINARY_ACCURACY, binary_accuracy)                                                                                            \
  X(CATEGORICAL_ACCURACY, categorical_accuracy)                                                                                  \
  X(SPARSE_CATEGORICAL_ACCURACY, sparse_categorical_accuracy)                                                                    \
  X(TOP_K_CATEGORICAL_ACCURACY, top_k_categorical_accuracy)                                                                      \
  X(SPARSE_TOP_K_CATEGORICAL_ACCURACY, sparse_top_k_categorical_accuracy)                                                        \
  X(MEAN, mean)                                                                                                                  \
  X(SUM, sum)                                                                                                                    \
  X(BINARY_CROSSENTROPY, binary_crossentropy)                                                                                    \
  X(CATEGORICAL_CROSSENTROPY, categorical_crossentropy)                                                                          \
  X(SPARSE_CATEGORICAL_CROSSENTROPY, sparse_categorical_crossentropy)                                                            \
  X(HINGE, hinge)                                                                                                                \
  X(SQUARED_HINGE, squared_hinge)                                                                                                \
  X(CATEGORICAL_HINGE, categorical_hinge)                                                                                        \
  X(KL_DIVERGENCE, kl_divergence)                                                                                                \
  X(POISSON, poisson)                                                                                                            \
  X(LOG_COSH, log_cosh)                                                                                                          \
  X(HUBER, huber)                                                                                                                \
  X(MEAN_SQUARED_ERROR, mean_squared_error)                                                                                      \
  X(ROOT_MEAN_SQUARED_ERROR, root_mean_squared_error)                                                                            \
  X(MEAN_ABSOLUTE_ERROR, mean_absolute_error)                                                                                    \
  X(MEAN_ABSOLUTE_PERCENTAGE_ERROR, mean_absolute_percentage_error)                                                              \
  X(MEAN_SQUARED_LOGARITHMIC_ERROR, mean_squared_logarithmic_error)                                                              \
  X(COSINE_SIMILARITY, cosine_similarity)                                                                                        \
  X(PEARSON_CORRELATION, pearson_correlation)                                                                                    \
  X(CONCORDANCE_CORRELATION, concordance_correlation)                                                                            \
  X(R2_SCORE, r2_score)                                                                                                          \
  X(PRECISION, precision)                                                                                                        \
  X(RECALL, recall)                                                                                                              \
  X(F1_SCORE, f1_score)                                                                                                          \
  X(FBETA_SCORE, fbeta_score)                                                                                                    \
  X(TRUE_POSITIVES, true_positives)                                                                                              \
  X(FALSE_POSITIVES, false_positives)                                                                                            \
  X(TRUE_NEGATIVES, true_negatives)                                                                                              \
  X(FALSE_NEGATIVES, false_negatives)                                                                                            \
  X(PRECISION_AT_RECALL, precision_at_recall)                                                                                    \
  X(RECALL_AT_PRECISION, recall_at_precision)                                                                                    \
  X(SENSITIVITY_AT_SPECIFICITY, sensitivity_at_specificity)                                                                      \
  X(SPECIFICITY_AT_SENSITIVITY, specificity_at_sensitivity)                                                                      \
  X(AUC, auc)                                                                                                                    \
  X(IOU, iou)                                                                                                                    \
  X(BINARY_IOU, binary_iou)                                                                                                      \
  X(MEAN_IOU, mean_iou)                                                                                                          \
  X(ONE_HOT_IOU, one_hot_iou)                                                                                                    \
  X(ONE_HOT_MEAN_IOU, one_hot_mean_iou)                                                                                          \
  X(CONFUSION_MATRIX, confusion_matrix)                                                                                          \
  X(CUSTOM, custom)

typedef enum lam_metric_type {
#define LAM_X(NAME, name) LAM_METRIC_##NAME,
  LAM_METRIC_LIST(LAM_X)
#undef LAM_X
} lam_metric_type;

/* How the numbers of classes or columns become one: X(NAME, name). none: they do not. The default of f1_score and fbeta_score is
 * none, that of r2_score uniform_average, which is macro; variance_weighted_average is r2_score's. */
#define LAM_METRIC_AVERAGE_LIST(X)                                                                                               \
  X(DEFAULT, default)                                                                                                            \
  X(NONE, none)                                                                                                                  \
  X(MICRO, micro)                                                                                                                \
  X(MACRO, macro)                                                                                                                \
  X(WEIGHTED, weighted)                                                                                                          \
  X(VARIANCE_WEIGHTED, variance_weighted_average)

typedef enum lam_metric_average {
#define LAM_X(NAME, name) LAM_AVERAGE_##NAME,
  LAM_METRIC_AVERAGE_LIST(LAM_X)
#undef LAM_X
} lam_metric_average;

/* The curve of auc: X(NAME, name): true over false positive rate; precision over recall; the gains of both (Flach and Kull,
 * "Precision-recall-gain curves", NIPS 2015). */
#define LAM_AUC_CURVE_LIST(X)                                                                                                    \
  X(ROC, roc)                                                                                                                    \
  X(PR, pr)                                                                                                                      \
  X(PRGAIN, prgain)

typedef enum lam_auc_curve {
#define LAM_X(NAME, name) LAM_AUC_##NAME,
  LAM_AUC_CURVE_LIST(LAM_X)
#undef LAM_X
} lam_auc_curve;

/* Between two thresholds: X(NAME, name): the mean of both heights (of the PR curve Davis and Goadrich's interpolation, ICML
 * 2006), the lower one, the higher one. */
#define LAM_AUC_SUMMATION_LIST(X)                                                                                                \
  X(INTERPOLATION, interpolation)                                                                                                \
  X(MINORING, minoring)                                                                                                          \
  X(MAJORING, majoring)

typedef enum lam_auc_summation {
#define LAM_X(NAME, name) LAM_AUC_##NAME,
  LAM_AUC_SUMMATION_LIST(LAM_X)
#undef LAM_X
} lam_auc_summation;

/* A batch: what lam_metric_update takes, and a metric of one's own is given. */
typedef struct lam_metric_batch {
  const float *predictions; /* rows x width, next to each other */
  const float *targets;     /* rows x target_width, or NULL with */
  const int32_t *labels;    /* one integer label a row: with outputs more than one wide it stands for a one-hot row */
  const float *weights;     /* one a row; NULL: all 1 */
  size_t rows, width;
  size_t target_width; /* of targets; 0: width */
  uint64_t reserved[4];
} lam_metric_batch;

/* A metric and its uncertainty. */
typedef struct lam_metric_result {
  double value;          /* of a metric with several numbers (lam_metric_values) their mean */
  double standard_error; /* NaN where it is not defined: see lam_metric_read */
  uint64_t rows;         /* since the last reset */
} lam_metric_result;

/* A metric of one's own: either `row`, a value for each row, whose mean is the metric (Keras's metric from a function), or the
 * three others, which keep what they need behind `user`. They run in the thread that updates the metric, in the default
 * floating-point mode, after each step's forward pass. */
typedef struct lam_custom_metric {
  double (*row)(void *user, const lam_metric_batch *batch, size_t row);
  void (*update)(void *user, const lam_metric_batch *batch);
  void (*result)(void *user, lam_metric_result *result); /* fills value and standard_error; both are NaN before */
  void (*reset)(void *user);
  void *user;
} lam_custom_metric;

/* A metric and its numbers; those it does not have must be zero, so that none is lost by mistake. The lists are copied. */
typedef struct lam_metric_options {
  lam_metric_type type;
  const char *name; /* in histories and tables; NULL: the type's. Copied */
  size_t output;    /* in a trainer: of which output */
  float threshold; /* binary_accuracy, binary_iou, confusion_matrix of one output: 0.5; f1_score, fbeta_score: none. Or precision,
                      recall and the counts: one threshold, 0.5 */
  const float *thresholds; /* precision, recall, the counts: at several; auc: in place of num_thresholds. From 0 to 1 */
  size_t threshold_count;
  size_t top_k;            /* top_k accuracies: 5; precision, recall: 0, none */
  const size_t *class_ids; /* precision, recall, ..._at_...: one column; iou, binary_iou, one_hot_iou: classes */
  size_t class_id_count;
  size_t classes; /* iou, mean_iou: how many there are, needed; the one-hot ones and confusion_matrix: 0 is the width */
  bool ignore;    /* sparse_categorical_crossentropy, iou and their like: rows with the label */
  int32_t ignore_class;
  bool from_logits;      /* cross-entropies: y are logits; auc: y goes through a sigmoid first */
  bool from_sorted_ids;  /* sparse_top_k_categorical_accuracy */
  float label_smoothing; /* binary_ and categorical_crossentropy: from 0 to 1 */
  float delta;           /* huber: 1 */
  float beta;            /* fbeta_score: 1 */
  lam_metric_average average;
  size_t num_regressors; /* r2_score: not 0: adjusted, 1 - (1-R2)(n-1)/(n-p-1), n counting elements as Keras 3.15 does */
  float least;           /* ..._at_...: what the other one is at least; from 0 to 1 */
  size_t num_thresholds; /* auc, ..._at_...: 200 */
  lam_auc_curve curve;   /* auc */
  lam_auc_summation summation;
  bool multi_label;           /* auc: of each column, then their mean, by label_weights where given; else of all elements */
  const float *label_weights; /* auc: one for each column */
  size_t label_weight_count;
  bool weighted;      /* in a trainer: rows count by the weights of the data and of fit's classes (Keras's weighted_metrics) */
  bool probabilities; /* in a trainer with from_logits: the metric sees probabilities, as LAM_PROBABILITIES gives them */
  lam_custom_metric custom;
  uint64_t reserved[16];
} lam_metric_options;

/* Makes a metric at zero. Errors: LAM_INVALID_ARGUMENT names the number that is out of its range or that this metric does not
 * have. Since 0.1. */
LAM_API lam_metric *lam_metric_create(lam_context *context, const lam_metric_options *options);
LAM_API void lam_metric_destroy(lam_metric *metric);

/* Adds a batch. The first one decides the width, later ones must agree. Errors: LAM_INVALID_SHAPE, LAM_INVALID_DATA for a weight
 * that is not finite or a label that sparse_categorical_crossentropy cannot look up; then nothing was added. Since 0.1. */
LAM_API lam_status lam_metric_update(lam_metric *metric, const lam_metric_batch *batch);

/* The metric over all batches since the last reset; 0 of no rows, as Keras, but where Keras has NaN. Its standard error is the
 * estimated standard deviation of `value` over samples of as many independent rows:
 *   shares (accuracies)   sqrt(p (1-p) / n), of weighted rows and rows with several elements sqrt(sum w^2 (v-m)^2) / sum w
 *   means over rows       s / sqrt(n), weighted sqrt(n/(n-1) sum w^2 (v-m)^2) / sum w (Cochran, "Sampling techniques", 1977, 6.3)
 *   sum                   s sqrt(n) with s of w v; the counts likewise from their sums over rows, with 1/n and not 1/(n-1)
 *   roots and ratios of sums (root_mean_squared_error, precision, recall, f1_score, fbeta_score with their averages, r2_score,
 * the iou family)          the delta method: sqrt(sum over rows of (derivative x row's part)^2); ..._at_... with the threshold
 *                         taken as fixed. Rows are the units, and elements in the iou family that takes numbers
 *   auc, roc              DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), on scores binned by the thresholds
 *   auc, pr               sqrt(a (1-a) / n), n positives: Boyd, Eng and Page's binomial interval (ECML 2013)
 * NaN: from fewer than two rows where n-1 divides; several numbers (value is their mean), but for f1_score and fbeta_score;
 * r2_score averaged over columns; auc and ..._at_... over several columns; auc of gains; f1_score of more than 100 classes,
 * unless micro. Since 0.1. */
LAM_API lam_status lam_metric_read(const lam_metric *metric, lam_metric_result *result);

/* How many numbers it has: one for each threshold, class (average none) or column, or classes x classes; 1 of all others, and 0
 * where the width decides and is not known yet. And those numbers, with their standard errors unless NULL; `count` must be just
 * that. Since 0.1. */
LAM_API size_t lam_metric_value_count(const lam_metric *metric);
LAM_API lam_status lam_metric_values(const lam_metric *metric, double *values, double *standard_errors, size_t count);

/* Back to zero rows; the width stays. Since 0.1. */
LAM_API void lam_metric_reset(lam_metric *metric);

/* Its name and type; live as long as the metric. Since 0.1. */
LAM_API const char *lam_metric_name(const lam_metric *metric);
LAM_API lam_metric_type lam_metric_type_of(const lam_metric *metric);

/* The type with this name, "auc"; sets the context's sentence, which offers the nearest, where there is none. Since 0.1. */
LAM_API lam_status lam_metric_find(lam_context *context, const char *name, lam_metric_type *type);

#ifdef __cplusplus
}
#endif
#endif
