/* SPDX-License-Identifier: MIT
 *
 * lamina/kernels.h: the vectorised kernels, usable alone.
 *
 * Each works on a row-major matrix of `rows` x `columns` floats with a leading dimension: element (i, j) of x is
 * x[i * ldx + j]. Outputs come first, then inputs, then sizes. Zero rows or columns do nothing (but the sums of no rows are 0).
 * An output may be the very input (same pointer, same leading dimension) unless said otherwise; partial overlap is not allowed.
 * No alignment is needed, and nothing outside the rows x columns elements is read or written.
 *
 * All return LAM_OK, LAM_NO_HANDLE for a null pointer where there are elements, or LAM_INVALID_ARGUMENT for a leading dimension
 * below the columns. All are pure functions: no context, no state, safe in any thread, from any floating-point mode (saved and
 * restored). The bits of the results are the same on every instruction set, compiler and machine; where a result is a NaN, its
 * sign and payload are not promised. They run on the best instruction set of this CPU, or a lower one where LAMINA_ISA says so
 * (an unknown name there is reported by lam_context_create; kernels then use the best).
 *
 * Errors are in ULP of the float result over all finite inputs; u = 2^-24. docs/numerics.md tells where the bounds come from.
 * Everything here is since 0.1.
 */
#ifndef LAMINA_KERNELS_H
#define LAMINA_KERNELS_H

#include <lamina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- elementwise: y = f(x) --------------------------------------------------------------------------------------- */

/* exp(x) within 1 ULP; +inf above 88.72, 0 below -103.97; denormal results are exact to half their spacing plus 1 ULP. */
LAM_API lam_status lam_exp(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* log(x) within 1 ULP; -inf at 0, NaN below 0; denormal x is allowed. */
LAM_API lam_status lam_log(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* max(x, 0); NaN stays NaN, -0 becomes 0. */
LAM_API lam_status lam_relu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* 1 / (1 + exp(-x)) within 2 ULP, without overflow on either side. */
LAM_API lam_status lam_sigmoid(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* tanh(x) within 2 ULP. */
LAM_API lam_status lam_tanh(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);

/* Their backward passes, from the forward result y: dx = dy * f'(x). `dx` may be `dy`. relu'(0) = 0; where y is NaN, relu's
 * dx is NaN. */
LAM_API lam_status lam_relu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                     size_t rows, size_t columns);
LAM_API lam_status lam_sigmoid_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                        size_t rows, size_t columns);
LAM_API lam_status lam_tanh_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                     size_t rows, size_t columns);

/* Activations as Keras names them. Infinities give the limit. */

/* Above the threshold min(x, max_value), else negative_slope * (x - threshold), within 1.5 ULP. INFINITY: no maximum. Keras's
 * relu6 is (0, 6, 0); leaky_relu has no maximum and the threshold 0. */
LAM_API lam_status lam_relu_with(float *y, size_t ldy, const float *x, size_t ldx, float negative_slope, float max_value,
                                 float threshold, size_t rows, size_t columns);
LAM_API lam_status lam_leaky_relu(float *y, size_t ldy, const float *x, size_t ldx, float negative_slope, size_t rows,
                                  size_t columns);
/* Above 0 x, else alpha (exp(x) - 1); celu: alpha (exp(x / alpha) - 1); each within 3 ULP. selu: 1.0507... times elu with
 * alpha 1.6732..., too. */
LAM_API lam_status lam_elu(float *y, size_t ldy, const float *x, size_t ldx, float alpha, size_t rows, size_t columns);
LAM_API lam_status lam_celu(float *y, size_t ldy, const float *x, size_t ldx, float alpha, size_t rows, size_t columns);
LAM_API lam_status lam_selu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* log(1 + exp(x)) within 2.5 ULP, and log(sigmoid(x)) = -softplus(-x). */
LAM_API lam_status lam_softplus(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_log_sigmoid(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* x sigmoid(x) within 2 ULP; x tanh(softplus(x)) within 5. */
LAM_API lam_status lam_silu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_mish(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* x Phi(x), Phi the normal distribution function (the form with erf), within 6 ULP; and its approximation with tanh, x
 * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)), within 5. */
LAM_API lam_status lam_gelu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_gelu_tanh(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* x / (1 + |x|) within 1.5 ULP; (x + sqrt(x^2 + b)) / 2 within 3, for 0 < b < 2^90 (Keras: 4). */
LAM_API lam_status lam_softsign(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_squareplus(float *y, size_t ldy, const float *x, size_t ldx, float b, size_t rows, size_t columns);
/* clamp(x + 3, 0, 6) / 6 within 1.5 ULP; x times that, within 2; clamp(x, -1, 1). */
LAM_API lam_status lam_hard_sigmoid(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_hard_silu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_hard_tanh(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* 0 where |x| <= threshold (Keras: 0.5), else x, or x moved towards 0 by the threshold; and x above the threshold, else value. */
LAM_API lam_status lam_hard_shrink(float *y, size_t ldy, const float *x, size_t ldx, float threshold, size_t rows,
                                   size_t columns);
LAM_API lam_status lam_soft_shrink(float *y, size_t ldy, const float *x, size_t ldx, float threshold, size_t rows,
                                   size_t columns);
LAM_API lam_status lam_threshold(float *y, size_t ldy, const float *x, size_t ldx, float threshold, float value, size_t rows,
                                 size_t columns);
/* x - tanh(x) within 4 ULP; clamp((x + 1) / 2, 0, 1) within 1; and what has that as its slope: 0, (x +
 * 1)^2 / 4, x, within 2.5. */
LAM_API lam_status lam_tanh_shrink(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_sparse_sigmoid(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_sparse_plus(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);

/* Their backward passes, dx = dy f'(x), from y or, where the argument is called so, from x. `dx` may be `dy`. The slope at a kink
 * is that of its lower side (of the upper one's at a maximum). negative_slope and alpha must not be negative. The absolute
 * error of a slope is at most 8 u times the largest slope; exp's backward pass is lam_multiply of dy and y. */
LAM_API lam_status lam_relu_with_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                          float negative_slope, float max_value, size_t rows, size_t columns);
LAM_API lam_status lam_leaky_relu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                           float negative_slope, size_t rows, size_t columns);
LAM_API lam_status lam_elu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, float alpha,
                                    size_t rows, size_t columns);
LAM_API lam_status lam_celu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                     float alpha, size_t rows, size_t columns);
LAM_API lam_status lam_squareplus_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                           float b, size_t rows, size_t columns);
LAM_API lam_status lam_threshold_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                          float threshold, size_t rows, size_t columns);
LAM_API lam_status lam_selu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                     size_t rows, size_t columns);
LAM_API lam_status lam_softplus_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                         size_t rows, size_t columns);
LAM_API lam_status lam_log_sigmoid_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                            size_t rows, size_t columns);
LAM_API lam_status lam_hard_sigmoid_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                             size_t rows, size_t columns);
LAM_API lam_status lam_hard_tanh_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                          size_t rows, size_t columns);
LAM_API lam_status lam_sparse_sigmoid_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                               size_t rows, size_t columns);
LAM_API lam_status lam_sparse_plus_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                            size_t rows, size_t columns);
LAM_API lam_status lam_silu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                     size_t rows, size_t columns);
LAM_API lam_status lam_mish_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                     size_t rows, size_t columns);
LAM_API lam_status lam_gelu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                     size_t rows, size_t columns);
LAM_API lam_status lam_gelu_tanh_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                          size_t rows, size_t columns);
LAM_API lam_status lam_softsign_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                         size_t rows, size_t columns);
LAM_API lam_status lam_hard_silu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                          size_t rows, size_t columns);
LAM_API lam_status lam_tanh_shrink_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                            size_t rows, size_t columns);
/* Of hard_shrink and soft_shrink: dy where y is not 0. */
LAM_API lam_status lam_shrink_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                       size_t rows, size_t columns);

/* y = x + bias, bias one row of `columns` floats; and the same followed by relu. */
LAM_API lam_status lam_bias(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns);
LAM_API lam_status lam_bias_relu(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows,
                                 size_t columns);

/* y = a + b, a - b, a b, the larger, the smaller; a NaN in either is the result. */
LAM_API lam_status lam_add(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, size_t rows,
                           size_t columns);
LAM_API lam_status lam_subtract(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, size_t rows,
                                size_t columns);
LAM_API lam_status lam_multiply(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, size_t rows,
                                size_t columns);
LAM_API lam_status lam_maximum(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, size_t rows,
                               size_t columns);
LAM_API lam_status lam_minimum(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, size_t rows,
                               size_t columns);

/* y = scale * x + offset, from bytes (pixels) and from floats, one fused multiply-add each. */
LAM_API lam_status lam_from_bytes(float *y, size_t ldy, const uint8_t *x, size_t ldx, float scale, float offset, size_t rows,
                                  size_t columns);
LAM_API lam_status lam_affine(float *y, size_t ldy, const float *x, size_t ldx, float scale, float offset, size_t rows,
                              size_t columns);

/* y = (x - mean) / max(sqrt(variance), 1e-7), each step rounded once; `mean` and `variance` are one row of `columns` floats. With
 * `mean` NULL nothing is subtracted: the backward pass, dx from dy. */
LAM_API lam_status lam_standardize(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                                   size_t rows, size_t columns);

/* ---- along a row ------------------------------------------------------------------------------------------------- */

/* softmax: y_ij = exp(x_ij - m_i) / sum_k exp(x_ik - m_i), m_i the row's maximum. Relative error at most
 * (|x - m| + ln n + d + 2e + 2) u, d the depth of the summation tree, e the error of exp in u. Finite huge logits are fine; a
 * +inf, a NaN, or nothing but -inf in a row makes that row NaN. */
LAM_API lam_status lam_softmax(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* log-softmax: y_ij = x_ij - m_i - log(sum_k exp(x_ik - m_i)). */
LAM_API lam_status lam_log_softmax(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
/* log-sum-exp of each row into y[rows]; -inf for a row of -inf, +inf for a row with +inf. Absolute error at most
 * (3 ln n + d + e + |y|) u. */
LAM_API lam_status lam_log_sum_exp(float *y, const float *x, size_t ldx, size_t rows, size_t columns);

/* dx = y * (dy - sum_k dy_k y_k), and dx = dy - exp(y) * sum_k dy_k. `dx` may be `dy`. */
LAM_API lam_status lam_softmax_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                        size_t rows, size_t columns);
LAM_API lam_status lam_log_softmax_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                            size_t rows, size_t columns);

/* sparsemax: the point of the simplex nearest to the row, max(x - tau, 0) with tau so that the sum is 1. Absolute error at most
 * (d + 4) u, d the depth of the summation tree. Rows that softmax makes NaN it makes NaN too. dx = dy less its mean over the y
 * that are not 0, there, and 0 elsewhere. */
LAM_API lam_status lam_sparsemax(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
LAM_API lam_status lam_sparsemax_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                          size_t rows, size_t columns);

/* The index of each row's first maximum into index[rows]; NaNs are passed over, 0 for a row of NaN or -inf. `columns` at most
 * 2^31 - 1 and at least 1 where there are rows. */
LAM_API lam_status lam_argmax(int32_t *index, const float *x, size_t ldx, size_t rows, size_t columns);

/* Sums of each column into y[columns]: y_j = sum_i x_ij, one chain from 0 in increasing i; zeros where rows is 0. `y` must not
 * overlap x. */
LAM_API lam_status lam_column_sums(float *y, const float *x, size_t ldx, size_t rows, size_t columns);

/* ---- losses: value and gradient in one call ---------------------------------------------------------------------- */

/* Common to all: `loss[rows]` gets each row's loss; `dx`, where not NULL, gets scale * d loss_i / d x_ij, so scale = 1/rows is
 * the gradient of the batch's mean. `loss` may be NULL where only the gradient is wanted. `dx` may be `x`; nothing else may
 * overlap. Sums along a row run in 16 lanes, folded in a fixed tree (docs/kernels.md). A row of logits with a NaN, a +inf, or
 * nothing but -inf has a NaN as loss and gradient, as its softmax has. */

/* Softmax with cross-entropy from logits, integer labels: loss = log-sum-exp(x) - x[label], dx = scale * (softmax(x) - onehot).
 * A label outside [0, columns) gives LAM_INVALID_DATA before anything is written. */
LAM_API lam_status lam_softmax_sparse_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx,
                                                   const int32_t *labels, float scale, size_t rows, size_t columns);
/* The same with a row of target probabilities: loss = sum_j t_j (lse - x_j), dx = scale * (softmax(x) * sum(t) - t).
 * A target of 0 adds 0 even where x_j is -inf. */
LAM_API lam_status lam_softmax_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t,
                                            size_t ldt, float scale, size_t rows, size_t columns);
/* Sigmoid with binary cross-entropy from logits, mean over the columns: loss = mean_j (max(x,0) - x t + log1p(exp(-|x|))),
 * dx = scale / columns * (sigmoid(x) - t). An infinite logit on its target's side costs 0. */
LAM_API lam_status lam_sigmoid_binary_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx,
                                                   const float *t, size_t ldt, float scale, size_t rows, size_t columns);

/* Cross-entropies from probabilities, as Keras on TensorFlow; clip(p) lies in [1e-7, 1 - 1e-7] (in float: 0.99999988). Sparse:
 * loss = log(sum_j clip(p_j)) - log(clip(p_label)). Dense: loss = -sum_j t_j log(clip(p_j / sum p)). Binary: loss = -mean_j (t
 * log(clip(p)) + (1 - t) log(1 - clip(p))). The gradient is 0 where the clip acts. A row whose probabilities sum to 0 gives NaN
 * in the dense form. */
LAM_API lam_status lam_sparse_crossentropy(float *loss, float *dp, size_t lddp, const float *p, size_t ldp, const int32_t *labels,
                                           float scale, size_t rows, size_t columns);
LAM_API lam_status lam_crossentropy(float *loss, float *dp, size_t lddp, const float *p, size_t ldp, const float *t, size_t ldt,
                                    float scale, size_t rows, size_t columns);
LAM_API lam_status lam_binary_crossentropy(float *loss, float *dp, size_t lddp, const float *p, size_t ldp, const float *t,
                                           size_t ldt, float scale, size_t rows, size_t columns);

/* Squared error: loss = factor * sum_j (x_j - t_j)^2, dx = 2 * factor * scale * (x - t). Mean squared error is factor =
 * 1/columns, the sum of squares factor = 1/2. */
LAM_API lam_status lam_squared_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                                     float factor, float scale, size_t rows, size_t columns);

/* Means over the columns of the terms that lamina/loss.h lists, and their slopes; n terms of size s in all are summed within
 * (ceil(n / 16) + 5) u s, and each term is within: absolute 1 ULP, percentage 2.5 ULP; logarithmic: its logarithm within 4 ULP,
 * squared, so 9; huber 2 ULP; log_cosh 6 ULP from |d| = 1e-15 on. hinge: 2 u (1 + |t x|); squared twice the margin of that.
 * poisson: 2 u (|x| + |t log x|) + t u. kl_divergence is the sum of its terms, each within 3 u (t |log t/x| + t). Slopes are
 * within 4 ULP, hinge's exactly where the margin's sign is; log_cosh's is tanh. */
LAM_API lam_status lam_mean_absolute_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t,
                                           size_t ldt, float scale, size_t rows, size_t columns);
LAM_API lam_status lam_mean_absolute_percentage_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx,
                                                      const float *t, size_t ldt, float scale, size_t rows, size_t columns);
LAM_API lam_status lam_mean_squared_logarithmic_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx,
                                                      const float *t, size_t ldt, float scale, size_t rows, size_t columns);
LAM_API lam_status lam_log_cosh(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                                float scale, size_t rows, size_t columns);
LAM_API lam_status lam_hinge(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                             float scale, size_t rows, size_t columns);
LAM_API lam_status lam_squared_hinge(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                                     float scale, size_t rows, size_t columns);
LAM_API lam_status lam_poisson(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                               float scale, size_t rows, size_t columns);
LAM_API lam_status lam_kl_divergence(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                                     float scale, size_t rows, size_t columns);
/* delta above 0. */
LAM_API lam_status lam_huber(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                             float delta, float scale, size_t rows, size_t columns);
/* max(max_j (1 - t_j) x_j - sum_j t_j x_j + 1, 0), within (ceil(n / 16) + 7) u of the sum of all sizes; rivals that tie share the
 * slope. */
LAM_API lam_status lam_categorical_hinge(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t,
                                         size_t ldt, float scale, size_t rows, size_t columns);
/* Focal cross-entropies: each term of the cross-entropy times q^gamma, gamma at least 0, q being the probability that goes to the
 * other classes. Binary: the term of a target t is times t weight_1 + (1 - t) weight_0 too. From logits q is computed without
 * cancelling; a term is within (12 + 3 gamma (1 + |log q|)) u of itself, its slope likewise of its parts' sizes. Categorical:
 * alpha times the sum; there q = 1 - p has the absolute error 2 (|x - max| + d + 4) u p of softmax and its subtraction. */
LAM_API lam_status lam_binary_focal_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t,
                                                 size_t ldt, float gamma, float weight_1, float weight_0, float scale,
                                                 size_t rows, size_t columns);
LAM_API lam_status lam_sigmoid_binary_focal_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx,
                                                         const float *t, size_t ldt, float gamma, float weight_1, float weight_0,
                                                         float scale, size_t rows, size_t columns);
LAM_API lam_status lam_focal_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t,
                                          size_t ldt, float gamma, float alpha, float scale, size_t rows, size_t columns);
LAM_API lam_status lam_softmax_focal_crossentropy(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t,
                                                  size_t ldt, float gamma, float alpha, float scale, size_t rows, size_t columns);
/* The sums of each row, five a row: of x t, x^2, t^2, x and t, each within (ceil(n / 16) + 4) u of its sum of absolute values;
 * and dx = a x + b t + c, each row's a, b, c being three of `factors`, with two fused roundings; an a of 0 leaves x out. With
 * these go losses that are functions of the sums, such as the cosine's. */
LAM_API lam_status lam_pair_sums(float *sums, const float *x, size_t ldx, const float *t, size_t ldt, size_t rows,
                                 size_t columns);
LAM_API lam_status lam_pair_combine(float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                                    const float *factors, size_t rows, size_t columns);

/* ---- optimizers: one pass over `count` parameters w with gradients g ---------------------------------------------- */

/* Names and order of operations are Keras 3's. State arrays start at 0. State below 2^-100 is stored as 0, which keeps it out of
 * the denormals. w, g and the states must not overlap. A decay rate (rho, beta) is taken as the decimal of at most seven places
 * it was written as, so that 1 - 0.999f is 0.001 and not 0.00099998713. */

/* w -= rate * g. */
LAM_API lam_status lam_sgd(float *w, const float *g, float rate, size_t count);
/* velocity = momentum * velocity - rate * g; w += velocity, or with nesterov w += momentum * velocity - rate * g. */
LAM_API lam_status lam_sgd_momentum(float *w, float *velocity, const float *g, float rate, float momentum, size_t count);
LAM_API lam_status lam_sgd_nesterov(float *w, float *velocity, const float *g, float rate, float momentum, size_t count);
/* v = rho v + (1 - rho) g^2; w -= rate * g / sqrt(v + epsilon) (Keras 3), or g / (sqrt(v) + epsilon) (Keras 2, PyTorch). */
LAM_API lam_status lam_rmsprop(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count);
LAM_API lam_status lam_rmsprop_epsilon_outside(float *w, float *v, const float *g, float rate, float rho, float epsilon,
                                               size_t count);
/* m += (g - m)(1 - beta_1); v += (g^2 - v)(1 - beta_2); w -= rate * sqrt(1 - beta_2^step)/(1 - beta_1^step) * m / (sqrt(v) +
 * epsilon). `step` counts from 1 (0 is LAM_INVALID_ARGUMENT); the powers are taken in double. Source: Kingma, Ba, "Adam", ICLR
 * 2015, section 2, with epsilon as in Keras. */
LAM_API lam_status lam_adam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                            uint64_t step, size_t count);
/* rmsprop with a momentum, m = momentum m + rate * g / root, w -= m; and centered, the root being that of v - average^2 (not
 * below 0), average = rho average + (1 - rho) g. `m` is NULL where momentum is 0, `average` where it is not centered; `outside`:
 * epsilon is added to the root. Source: Graves, "Generating sequences with recurrent neural networks", 2013, section 4.2. */
LAM_API lam_status lam_rmsprop_general(float *w, float *v, float *m, float *average, const float *g, float rate, float rho,
                                       float epsilon, bool outside, float momentum, size_t count);
/* adam with the largest v so far, most = max(most, v), in place of v. Source: Reddi, Kale, Kumar, "On the convergence of Adam and
 * beyond", ICLR 2018. */
LAM_API lam_status lam_amsgrad(float *w, float *m, float *v, float *most, const float *g, float rate, float beta_1, float beta_2,
                               float epsilon, uint64_t step, size_t count);
/* m as in adam; norm = max(beta_2 norm, |g|); w -= rate / (1 - beta_1^step) * m / (norm + epsilon). Source: Kingma, Ba,
 * section 7.
 */
LAM_API lam_status lam_adamax(float *w, float *m, float *norm, const float *g, float rate, float beta_1, float beta_2,
                              float epsilon, uint64_t step, size_t count);
/* m and v as in adam; with u_t = beta_1 (1 - 0.96^t / 2) and `product` that of u_1 to u_step: w -= rate (u_(step+1) m / (1 -
 * product u_(step+1)) + (1 - u_step) g / (1 - product)) / (sqrt(v / (1 - beta_2^step)) + epsilon). Source: Dozat, "Incorporating
 * Nesterov momentum into Adam", 2016. */
LAM_API lam_status lam_nadam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                             double product, uint64_t step, size_t count);
/* sum += g^2; w -= rate * g / sqrt(sum + epsilon). Source: Duchi, Hazan, Singer, "Adaptive subgradient methods", JMLR 12, 2011.
 */
LAM_API lam_status lam_adagrad(float *w, float *sum, const float *g, float rate, float epsilon, size_t count);
/* gradients = rho gradients + (1 - rho) g^2; d = sqrt((deltas + epsilon) / (gradients + epsilon)) g; deltas = rho deltas + (1 -
 * rho) d^2; w -= rate d. Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012. */
LAM_API lam_status lam_adadelta(float *w, float *gradients, float *deltas, const float *g, float rate, float rho, float epsilon,
                                size_t count);
/* w -= rate * sign(beta_1 m + (1 - beta_1) g), the sign of 0 being 0; m = beta_2 m + (1 - beta_2) g. Source: Chen et al.,
 * "Symbolic discovery of optimization algorithms", 2023. */
LAM_API lam_status lam_lion(float *w, float *m, const float *g, float rate, float beta_1, float beta_2, size_t count);
/* linear += g + 2 l2_shrinkage w - (sqrt(sum + g^2) - sqrt(sum)) / rate * w; sum += g^2; w = (clip(linear, -l1, l1) - linear) /
 * (sqrt(sum) / rate + 2 l2 + beta / rate). `rate` is above 0. Keras's learning_rate_power is -1/2. Source: McMahan et al., "Ad
 * click prediction: a view from the trenches", KDD 2013. */
LAM_API lam_status lam_ftrl(float *w, float *sum, float *linear, const float *g, float rate, float l1, float l2,
                            float l2_shrinkage, float beta, size_t count);
/* average += (1 - momentum)(w - average). */
LAM_API lam_status lam_moving_average(float *average, const float *w, float momentum, size_t count);
/* w += change - decay w, the sum rounded once more than its second part. */
LAM_API lam_status lam_decay_and_add(float *w, const float *change, float decay, size_t count);
/* y = scale x, no larger than `limit` in size; INFINITY: no limit. Two roundings at most, also where the scale is denormal as a
 * float. `y` may be `x`. */
LAM_API lam_status lam_scale_and_clip(float *y, const float *x, double scale, float limit, size_t count);
/* The sum of x_i^2, in double: no square overflows or is rounded. Chain l of 16 adds x_l^2, x_(l+16)^2, ...; then l and l + 8, l
 * + 4, l + 2, l + 1. Relative error at most (count / 16 + 5) 2^-53. */
LAM_API lam_status lam_sum_of_squares(double *sum, const float *x, size_t count);

#ifdef __cplusplus
}
#endif
#endif
