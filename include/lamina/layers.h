/* SPDX-License-Identifier: MIT
 *
 * lamina/layers.h: layers that normalise and whiten, softmax along any axes, gated units. Each appends a node as those of
 * lamina/graph.h do; options may be NULL, 0 means Keras's default, and a sentence tells what does not fit.
 */
#ifndef LAMINA_LAYERS_H
#define LAMINA_LAYERS_H

#include <lamina/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- statistics of the data -------------------------------------------------------------------------------------- */

typedef struct lam_normalization_options {
  lam_axes axes;     /* {-1}: each place on them has a mean and a variance of its own; they must be the last ones */
  bool invert;       /* y = x * max(sqrt(variance), 1e-7) + mean: the way back */
  const float *mean; /* NULL: lam_adapt computes both. Else both, `count` numbers each, as many as there are places; copied */
  const float *variance;
  size_t count;
  uint64_t reserved[8];
} lam_normalization_options;

/* lam_normalization with options. What is given here is not adapted. Errors: LAM_INVALID_ARGUMENT for one of mean and variance
 * alone, a number that is not finite, a variance below 0; LAM_INVALID_SHAPE for axes that are not the last ones, or another
 * count. Since 0.1. */
LAM_API lam_node lam_normalization_with(lam_node x, const lam_normalization_options *options);

/* Which of the matrices that whiten: X(NAME, name). */
#define LAM_WHITENING_LIST(X)                                                                                                    \
  X(WHITENING_PCA, pca)                                                                                                          \
  X(WHITENING_ZCA, zca)

typedef enum lam_whitening_type {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_WHITENING_LIST(LAM_X)
#undef LAM_X
} lam_whitening_type;

typedef struct lam_whitening_options {
  lam_whitening_type type;
  float epsilon;     /* 1e-6, added to the eigenvalues; at least 0 */
  size_t components; /* of pca: how many of the largest are kept; 0: all */
  uint64_t reserved[8];
} lam_whitening_options;

/* y = (x - mean) W along the last axis: where Normalization makes variances 1, this makes covariances 0 too. lam_adapt takes mean
 * and covariance from the data, in double (the population's: divided by the number of rows), and the eigenvectors v and
 * eigenvalues e of the covariance from LAPACKE: the columns of W are v / sqrt(e + epsilon) by falling e, each v with its largest
 * element positive (pca), or W is the sum of v v^T / sqrt(e + epsilon), which changes x least (zca; as Keras's
 * ImageDataGenerator). Weights "mean" and "matrix", zeros and the identity at first, are not trained; their bits are LAPACK's.
 * Adapting takes time as rows times the square of the columns. Errors of lam_adapt: LAM_UNSUPPORTED in a build without LAPACKE.
 * Source: Kessy, Lewin, Strimmer, "Optimal whitening and decorrelation", The American Statistician 72, 2018. Since 0.1. */
LAM_API lam_node lam_whitening(lam_node x, const lam_whitening_options *options);

/* ---- batch normalization ----------------------------------------------------------------------------------------- */

typedef struct lam_batch_normalization_options {
  float momentum; /* 0.99; of the moving statistics, at least 0 and at most 1. Taken as the decimal it was written as */
  float epsilon;  /* 0.001, added to the variance; at least 0 */
  bool no_center; /* without beta */
  bool no_scale;  /* without gamma */
  lam_initializer beta_initializer, gamma_initializer;                  /* zeros, ones */
  lam_initializer moving_mean_initializer, moving_variance_initializer; /* zeros, ones */
  lam_regularizer beta_regularizer, gamma_regularizer;
  lam_constraint beta_constraint, gamma_constraint;
  uint64_t reserved[8];
} lam_batch_normalization_options;

/* Keras's BatchNormalization along the last axis: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta for each place on it.
 * While training, mean and variance (the population's: divided by the number of rows) are those of the batch, all other axes
 * taken together, and
 *   moving = moving * momentum + batch's * (1 - momentum)
 * for "moving_mean" and "moving_variance", two weights that no optimizer changes. A training step moves them as it runs forward,
 * and so does lam_forward; a layer that is applied twice moves them twice. lam_evaluate, lam_predict, sessions and
 * lam_gradient_check take the moving ones (the last the batch's) and change nothing. Models and checkpoints hold them, so that
 * a resumed fit has the bits of one that was not interrupted; threads change nothing either, since a column belongs to one
 * worker. Of a batch of one row the variance is 0 and y is beta. In a frozen layer (lam_model_set_trainable) training too takes
 * the moving statistics and leaves them alone, as Keras's does. Accuracy, u = 2^-24: the mean is within u |mean| + 3 u d and the
 * variance within 8 u of itself for up to 2^20 rows, d being the standard deviation, however far from 0 the mean is; y, given
 * both, within 5 u (|y - beta| + |y|). Numbers above 1e18 in size have no finite variance, and a column with a NaN or an infinity
 * gives NaN. Source: Ioffe, Szegedy, "Batch normalization", ICML 2015. Since 0.1. */
LAM_API lam_node lam_batch_normalization(lam_node x, const lam_batch_normalization_options *options);

/* ---- layer normalization ----------------------------------------------------------------------------------------- */

typedef struct lam_layer_normalization_options {
  lam_axes axes;                                       /* {-1}; several must be the last ones */
  float epsilon;                                       /* 0.001 (rms: 1e-6), added to the variance; at least 0 */
  bool no_center;                                      /* without beta */
  bool no_scale;                                       /* without gamma */
  lam_initializer beta_initializer, gamma_initializer; /* zeros, ones */
  lam_regularizer beta_regularizer, gamma_regularizer;
  lam_constraint beta_constraint, gamma_constraint;
  uint64_t reserved[8];
} lam_layer_normalization_options;

/* Keras's LayerNormalization: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, with mean and variance of the elements of
 * each row along the axes; gamma and beta have the shape of these axes. In training and inference alike.
 * Accuracy: d = ceil(n / 16) + 4 is the depth of a sum over n elements, s the standard deviation; where d u |mean| is below s,
 * the mean is within u |mean| + (d + 4) u s, the variance within (2 d + 12) u of itself, and y, given both, within 6 u (|y -
 * beta| + |y|). Source: Ba, Kiros, Hinton, "Layer normalization", 2016. Since 0.1. */
LAM_API lam_node lam_layer_normalization(lam_node x, const lam_layer_normalization_options *options);

/* Keras's RMSNormalization: y = x / sqrt(mean(x^2) + epsilon) * scale. no_center and what is called beta say nothing here;
 * what is called gamma is the weight "scale". Source: Zhang, Sennrich, NeurIPS 2019. Since 0.1. */
LAM_API lam_node lam_rms_normalization(lam_node x, const lam_layer_normalization_options *options);

/* ---- softmax along axes ------------------------------------------------------------------------------------------ */

typedef struct lam_softmax_options {
  lam_activation activation; /* softmax, which 0 says too, log_softmax or sparsemax */
  lam_axes axes;             /* {-1}; several are taken together, in any order */
  lam_node mask;             /* with softmax; graph NULL: none */
  uint64_t reserved[8];
} lam_softmax_options;

/* Keras's Softmax, whose axis may be a tuple: the elements along the axes sum to 1. Where an element of the mask, a node of x's
 * shape, is 0, y is 0 and the others share the 1, whatever x is there; a group of which nothing is left is 0 everywhere. (Keras
 * adds -1e9 where the mask is false and multiplies the result with the mask, which is the same but for logits of that size; it
 * also broadcasts masks.) No gradient flows to the mask or to what is masked. Over the last axis and without a mask this
 * is lam_activate, which a following cross-entropy is computed with. Since 0.1. */
LAM_API lam_node lam_softmax_with(lam_node x, const lam_softmax_options *options);

/* ---- axes in another order --------------------------------------------------------------------------------------- */

/* Keras's Permute: axis i of the result is axis axes.axis[i] of x; all of a row's axes are said, each once (Keras counts them
 * from 1). Keras's Flatten of channels_first is this with { 1, 2, 0 } before lam_flatten. Since 0.1. */
LAM_API lam_node lam_permute(lam_node x, lam_axes axes);

/* ---- gated units ------------------------------------------------------------------------------------------------- */

/* Keras's glu: the first half of an axis times the sigmoid of the second, which halves it; 0 is the first axis of a row, -1 the
 * last. A layer, and not a lam_activation, because an activation keeps its shape: Dense(2 n, activation="glu") is lam_dense(x, 2
 * n, NULL) with lam_glu behind it. Errors: LAM_INVALID_SHAPE for an axis that the row does not have or whose size is odd.
 * Source: Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017. Since 0.1. */
LAM_API lam_node lam_glu(lam_node x, int axis);

#ifdef __cplusplus
}
#endif
#endif
