/* SPDX-License-Identifier: MIT
 *
 * lamina/loss.h: losses.
 */
#ifndef LAMINA_LOSS_H
#define LAMINA_LOSS_H

#include <lamina/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, name). The loss of a batch is the mean over its rows of
 *   sparse_categorical_crossentropy  -log p[label]                    integer labels
 *   categorical_crossentropy         -sum_j t_j log p_j               dense targets as wide as the output
 *   binary_crossentropy              -mean_j (t log p + (1-t) log(1-p))
 *   mean_squared_error               mean_j (y_j - t_j)^2
 *   sum_of_squares                   1/2 sum_j (y_j - t_j)^2; its gradient is (y - t)/rows of the batch
 * Cross-entropies take probabilities, or logits with from_logits. A softmax or sigmoid layer right before its cross-entropy is
 * computed together with it, from the logits, with the gradient (p - t)/batch and no clipping, as Keras on TensorFlow does;
 * otherwise probabilities are clipped to [1e-7, 1 - 1e-7]. */
#define LAM_LOSS_LIST(X)                                                                                                         \
  X(NO_LOSS, none)                                                                                                               \
  X(SPARSE_CATEGORICAL_CROSSENTROPY, sparse_categorical_crossentropy)                                                            \
  X(CATEGORICAL_CROSSENTROPY, categorical_crossentropy)                                                                          \
  X(BINARY_CROSSENTROPY, binary_crossentropy)                                                                                    \
  X(MEAN_SQUARED_ERROR, mean_squared_error)                                                                                      \
  X(SUM_OF_SQUARES, sum_of_squares)

typedef enum lam_loss {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_LOSS_LIST(LAM_X)
#undef LAM_X
} lam_loss;

#ifdef __cplusplus
}
#endif
#endif
