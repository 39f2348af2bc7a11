/* SPDX-License-Identifier: MIT
 *
 * lamina/loss.h: losses, alone and as a trainer's.
 */
#ifndef LAMINA_LOSS_H
#define LAMINA_LOSS_H

#include <lamina/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, name). y is the output, t the target, both rows along the last axis; eps = 1e-7; the formula is the loss of a row.
 *   sparse_categorical_crossentropy     -log p[label]                   integer labels
 *   categorical_crossentropy            -sum_j t_j log p_j
 *   binary_crossentropy                 -mean_j (t log p + (1-t) log(1-p))
 *   mean_squared_error                  mean_j (y_j - t_j)^2
 *   sum_of_squares                      1/2 sum_j (y_j - t_j)^2; its gradient is (y - t)/rows of the batch
 *   mean_absolute_error                 mean_j |y_j - t_j|; gradient 0 where they are equal
 *   mean_absolute_percentage_error      100 mean_j |y_j - t_j| / max(|t_j|, eps)
 *   mean_squared_logarithmic_error      mean_j (log(max(y_j, eps) + 1) - log(max(t_j, eps) + 1))^2
 *   huber                               mean_j of d^2/2 where |d| = |y_j - t_j| <= delta, else delta (|d| - delta/2)
 *   log_cosh                            mean_j log(cosh(y_j - t_j))
 *   hinge                               mean_j max(1 - t_j y_j, 0)      t is -1 or 1; targets that are all 0 or 1 (over a whole
 *   squared_hinge                       mean_j max(1 - t_j y_j, 0)^2    batch) are read as -1 and 1
 *   categorical_hinge                   max(max_j (1-t_j) y_j - sum_j t_j y_j + 1, 0)
 *   poisson                             mean_j (y_j - t_j log(y_j + eps))
 *   kl_divergence                       sum_j t_j log(t_j / y_j), both clipped to [eps, 1]
 *   cosine_similarity                   -(y . t) / (|y| |t|), a norm below eps counting as eps: between -1 (alike) and 1
 *   binary_focal_crossentropy           -mean_j w_j q_j^gamma (t log p + (1-t) log(1-p)), q = t (1-p) + (1-t) p, w = 1 or, with
 *                                       apply_class_balancing, t alpha + (1-t) (1-alpha)
 *   categorical_focal_crossentropy      -alpha sum_j t_j (1 - p_j)^gamma log p_j
 *   tversky                             1 - i / (i + alpha sum t (1-y) + beta sum (1-t) y + eps), i = sum t y
 *   dice                                1 - 2 sum t y / (sum t + sum y + eps)
 *   custom                              a function of one's own (below)
 * Cross-entropies take probabilities, or logits with from_logits. A softmax or sigmoid layer right before its cross-entropy is
 * computed together with it, from the logits, with the gradient (p - t)/batch and no clipping, as Keras on TensorFlow does;
 * otherwise probabilities are clipped to [1e-7, 1 - 1e-7], where the gradient is 0. Sources of the less common ones: huber, P.
 * Huber, Annals of Mathematical Statistics 35 (1964); focal, Lin et al., ICCV 2017; tversky, Salehi et al., MLMI 2017.
 *
 * An infinite output gives the limit: hinge of +inf against 1 is 0, huber's gradient is delta. A NaN gives a NaN. A row of logits
 * with +inf, or nothing but -inf, is NaN in the categorical cross-entropies, as its softmax is; an infinite direction is NaN in
 * cosine_similarity. A target of 0 makes its term 0 even where its factor is infinite. */
#define LAM_LOSS_LIST(X)                                                                                                         \
  X(NO_LOSS, none)                                                                                                               \
  X(SPARSE_CATEGORICAL_CROSSENTROPY, sparse_categorical_crossentropy)                                                            \
  X(CATEGORICAL_CROSSENTROPY, categorical_crossentropy)                                                                          \
  X(BINARY_CROSSENTROPY, binary_crossentropy)                                                                                    \
  X(MEAN_SQUARED_ERROR, mean_squared_error)                                                                                      \
  X(SUM_OF_SQUARES, sum_of_squares)                                                                                              \
  X(MEAN_ABSOLUTE_ERROR, mean_absolute_error)                                                                                    \
  X(MEAN_ABSOLUTE_PERCENTAGE_ERROR, mean_absolute_percentage_error)                                                              \
  X(MEAN_SQUARED_LOGARITHMIC_ERROR, mean_squared_logarithmic_error)                                                              \
  X(HUBER, huber)                                                                                                                \
  X(LOG_COSH, log_cosh)                                                                                                          \
  X(HINGE, hinge)                                                                                                                \
  X(SQUARED_HINGE, squared_hinge)                                                                                                \
  X(CATEGORICAL_HINGE, categorical_hinge)                                                                                        \
  X(POISSON, poisson)                                                                                                            \
  X(KL_DIVERGENCE, kl_divergence)                                                                                                \
  X(COSINE_SIMILARITY, cosine_similarity)                                                                                        \
  X(BINARY_FOCAL_CROSSENTROPY, binary_focal_crossentropy)                                                                        \
  X(CATEGORICAL_FOCAL_CROSSENTROPY, categorical_focal_crossentropy)                                                              \
  X(TVERSKY, tversky)                                                                                                            \
  X(DICE, dice)                                                                                                                  \
  X(CUSTOM_LOSS, custom)

typedef enum lam_loss {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_LOSS_LIST(LAM_X)
#undef LAM_X
} lam_loss;

/* How the losses of rows become one number. X(NAME, name): their mean, sum_over_batch_size and mean being the same; their sum;
 * the sum over the weights' sum; or nothing of the kind (lam_loss_compute alone). sum_over_batch_size divides by the number of
 * rows even where they have weights. Outputs with several axes have as many losses a row as all but their last make; the mean
 * counts each. */
#define LAM_REDUCTION_LIST(X)                                                                                                    \
  X(SUM_OVER_BATCH_SIZE, sum_over_batch_size)                                                                                    \
  X(SUM, sum)                                                                                                                    \
  X(MEAN, mean)                                                                                                                  \
  X(MEAN_WITH_SAMPLE_WEIGHT, mean_with_sample_weight)                                                                            \
  X(NONE, none)

typedef enum lam_reduction {
#define LAM_X(NAME, name) LAM_REDUCTION_##NAME,
  LAM_REDUCTION_LIST(LAM_X)
#undef LAM_X
} lam_reduction;

/* ---- a loss of one's own ----------------------------------------------------------------------------------------- */

/* What a loss function is given and gives. Arrays are dense: row i of outputs starts at outputs + i * columns. */
typedef struct lam_loss_call {
  size_t rows, columns, target_columns;
  const float *outputs;  /* rows x columns */
  const float *targets;  /* rows x target_columns, or NULL: */
  const int32_t *labels; /* rows, with integer_targets */
  float *losses;         /* rows, to be written: the loss of each row */
  float *gradient;       /* rows x columns, to be written: d losses[i] / d outputs[i, j]; NULL: not wanted */
} lam_loss_call;

/* Called once a batch, in the thread that called the library. Anything but LAM_OK ends the step before a weight has changed; fit
 * or evaluate then returns that status, and its sentence says that the loss function did. */
typedef lam_status (*lam_loss_function)(void *user, const lam_loss_call *call);

/* ---- options ------------------------------------------------------------------------------------------------------ */

/* A loss and its numbers. All zero but `loss`: as Keras. A number that its loss has no use for must be 0. */
typedef struct lam_loss_options {
  lam_loss loss;
  bool from_logits;           /* the cross-entropies, focal ones too */
  lam_reduction reduction;    /* a trainer takes all but none */
  float weight;               /* of this loss in the total. 0: 1; LAM_ZERO: 0 */
  float label_smoothing;      /* from 0 to 1, of the cross-entropies with dense targets: t (1 - s) + s/classes, binary s/2 */
  bool ignore;                /* sparse_categorical_crossentropy: rows with this label, and their weights, count nowhere */
  int32_t ignore_class;       /* which may lie outside the classes: -1 */
  float delta;                /* huber. 0: 1 */
  float alpha, beta;          /* focal: alpha, 0.25; tversky: both, 0.5 */
  float gamma;                /* focal. 0: 2; LAM_ZERO: 0 */
  bool apply_class_balancing; /* binary_focal_crossentropy: with alpha */
  bool each_row; /* tversky, dice: the loss of each row apart. Otherwise one for the whole batch, as Keras with axis None */
  lam_loss_function function; /* custom; files do not keep it */
  void *user;
  bool integer_targets;  /* custom: one integer a row */
  size_t target_columns; /* custom: width of the targets. 0: that of the output */
  uint64_t reserved[8];
} lam_loss_options;

/* ---- the loss of arrays ------------------------------------------------------------------------------------------- */

/* Arrays lie dense in the caller's memory. With several axes, `rows` is all but the last multiplied. */
typedef struct lam_loss_data {
  size_t rows, columns;
  const float *outputs;       /* rows x columns */
  const float *targets;       /* rows x columns (custom: target_columns), or NULL: */
  const int32_t *labels;      /* rows: sparse_categorical_crossentropy, custom with integer_targets */
  const float *sample_weight; /* NULL: none. Else sample_weight_count of them, each for as many rows in turn: 1 for all */
  size_t sample_weight_count; /* 0: rows; else a divisor of rows */
  const bool *mask;           /* NULL, or a flag a row: those that are false count for nothing, and not among the rows */
  uint64_t reserved[4];
} lam_loss_data;

/* What Keras's loss object gives when it is called on arrays. `losses[rows]`, where not NULL: the loss of each row times its
 * weights, before the reduction. `*value`, where not NULL: reduced, times the options' weight; sums are taken in double; with
 * reduction none the sum of the rows' losses. `gradient[rows x columns]`, where not NULL: of *value by the outputs. tversky and
 * dice without each_row have one loss, which stands in every row of `losses`; their sum is that loss too. A row whose weight is 0
 * counts 0 even where its loss is not finite. Errors: LAM_INVALID_ARGUMENT for options that are none, and for a missing array;
 * LAM_INVALID_DATA for a label out of range. Allocates where targets must be changed (smoothing, hinge, ignore); safe in
 * several threads with a context each. Since 0.1. */
LAM_API lam_status lam_loss_compute(lam_context *context, const lam_loss_options *options, const lam_loss_data *data,
                                    float *losses, double *value, float *gradient);

#ifdef __cplusplus
}
#endif
#endif
