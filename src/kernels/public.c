/* SPDX-License-Identifier: MIT
 *
 * The public kernels of lamina/kernels.h: each checks its arguments, sets the default floating-point mode, runs the best kernel,
 * and puts the mode back.
 */
#include "base/context.h"
#include "kernels/kernels.h"
#include <math.h>

/* A matrix argument: its pointer (NULL where it may be left out and is) and leading dimension. */
typedef struct lam_matrix_argument {
  const void *data;
  size_t ld;
} lam_matrix_argument;

/* LAM_OK where all of `count` matrices are there and wide enough. Nothing is asked of an empty matrix. */
static lam_status check(const lam_matrix_argument *matrices, size_t count, size_t rows, size_t columns) {
  if (!rows || !columns) return LAM_OK;
  for (size_t i = 0; i < count; ++i) {
    if (!matrices[i].data) return LAM_NO_HANDLE;
    if (matrices[i].ld < columns) return LAM_INVALID_ARGUMENT;
  }
  return LAM_OK;
}

/* The check, then the call between entering and leaving the floating-point mode, for the matrices listed last. A function cannot
 * take a call with its arguments, and each kernel has its own. */
#define LAM_RUN(call, ...)                                                                                                       \
  const lam_matrix_argument matrices[] = { __VA_ARGS__ };                                                                        \
  lam_status status = check(matrices, sizeof matrices / sizeof *matrices, rows, columns);                                        \
  if (status || !rows || !columns) return status;                                                                                \
  lam_fp_mode mode = lam_fp_enter();                                                                                             \
  lam_kernels()->call;                                                                                                           \
  lam_fp_leave(mode);                                                                                                            \
  return LAM_OK

#define LAM_PUBLIC_UNARY(name)                                                                                                   \
  lam_status lam_##name LAM_UNARY_ARGUMENTS { LAM_RUN(name(y, ldy, x, ldx, rows, columns), { y, ldy }, { x, ldx }); }
LAM_PUBLIC_UNARY(exp)
LAM_PUBLIC_UNARY(log)
LAM_PUBLIC_UNARY(relu)
LAM_PUBLIC_UNARY(sigmoid)
LAM_PUBLIC_UNARY(tanh)
LAM_PUBLIC_UNARY(softmax)
LAM_PUBLIC_UNARY(log_softmax)
LAM_PUBLIC_UNARY(hard_sigmoid)
LAM_PUBLIC_UNARY(hard_silu)
LAM_PUBLIC_UNARY(hard_tanh)
LAM_PUBLIC_UNARY(softplus)
LAM_PUBLIC_UNARY(log_sigmoid)
LAM_PUBLIC_UNARY(softsign)
LAM_PUBLIC_UNARY(silu)
LAM_PUBLIC_UNARY(mish)
LAM_PUBLIC_UNARY(gelu)
LAM_PUBLIC_UNARY(gelu_tanh)
LAM_PUBLIC_UNARY(tanh_shrink)
LAM_PUBLIC_UNARY(sparse_plus)
LAM_PUBLIC_UNARY(sparse_sigmoid)
LAM_PUBLIC_UNARY(sparsemax)

#define LAM_PUBLIC_BACKWARD(name)                                                                                                \
  lam_status lam_##name LAM_BACKWARD_ARGUMENTS {                                                                                 \
    LAM_RUN(name(dx, lddx, dy, lddy, y, ldy, rows, columns), { dx, lddx }, { dy, lddy }, { y, ldy });                            \
  }
LAM_PUBLIC_BACKWARD(relu_backward)
LAM_PUBLIC_BACKWARD(sigmoid_backward)
LAM_PUBLIC_BACKWARD(tanh_backward)
LAM_PUBLIC_BACKWARD(softmax_backward)
LAM_PUBLIC_BACKWARD(log_softmax_backward)
LAM_PUBLIC_BACKWARD(hard_sigmoid_backward)
LAM_PUBLIC_BACKWARD(hard_silu_backward)
LAM_PUBLIC_BACKWARD(hard_tanh_backward)
LAM_PUBLIC_BACKWARD(softplus_backward)
LAM_PUBLIC_BACKWARD(log_sigmoid_backward)
LAM_PUBLIC_BACKWARD(softsign_backward)
LAM_PUBLIC_BACKWARD(silu_backward)
LAM_PUBLIC_BACKWARD(mish_backward)
LAM_PUBLIC_BACKWARD(gelu_backward)
LAM_PUBLIC_BACKWARD(gelu_tanh_backward)
LAM_PUBLIC_BACKWARD(tanh_shrink_backward)
LAM_PUBLIC_BACKWARD(sparse_plus_backward)
LAM_PUBLIC_BACKWARD(sparse_sigmoid_backward)
LAM_PUBLIC_BACKWARD(sparsemax_backward)
LAM_PUBLIC_BACKWARD(shrink_backward)

/* Activations with parameters. */
#define LAM_RUN_WITH(name, ...)                                                                                                  \
  const float p[] = { __VA_ARGS__ };                                                                                             \
  LAM_RUN(name(y, ldy, x, ldx, p, rows, columns), { y, ldy }, { x, ldx })
#define LAM_RUN_BACKWARD_WITH(name, ...)                                                                                         \
  const float p[] = { __VA_ARGS__ };                                                                                             \
  LAM_RUN(name(dx, lddx, dy, lddy, y, ldy, p, rows, columns), { dx, lddx }, { dy, lddy }, { y, ldy })

lam_status lam_relu_with(float *y, size_t ldy, const float *x, size_t ldx, float negative_slope, float max_value, float threshold,
                         size_t rows, size_t columns) {
  LAM_RUN_WITH(relu_with, negative_slope, max_value, threshold);
}
lam_status lam_relu_with_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                  float negative_slope, float max_value, size_t rows, size_t columns) {
  LAM_RUN_BACKWARD_WITH(relu_with_backward, negative_slope, max_value, 0.0f);
}

lam_status lam_threshold(float *y, size_t ldy, const float *x, size_t ldx, float threshold, float value, size_t rows,
                         size_t columns) {
  LAM_RUN_WITH(threshold, threshold, value, 0.0f);
}

lam_status lam_selu LAM_UNARY_ARGUMENTS { LAM_RUN_WITH(elu, LAM_SELU_BELOW, LAM_SELU_ABOVE, 1.0f); }
lam_status lam_selu_backward LAM_BACKWARD_ARGUMENTS { LAM_RUN_BACKWARD_WITH(elu_backward, LAM_SELU_BELOW, LAM_SELU_ABOVE, 1.0f); }

/* One parameter, as three of the kernel's. */
#define LAM_PUBLIC_ONE(name, kernel, parameter, ...)                                                                             \
  lam_status lam_##name(float *y, size_t ldy, const float *x, size_t ldx, float parameter, size_t rows, size_t columns) {        \
    LAM_RUN_WITH(kernel, __VA_ARGS__);                                                                                           \
  }
#define LAM_PUBLIC_ONE_BACKWARD(name, kernel, parameter, ...)                                                                    \
  lam_status lam_##name(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, float parameter,       \
                        size_t rows, size_t columns) {                                                                           \
    LAM_RUN_BACKWARD_WITH(kernel, __VA_ARGS__);                                                                                  \
  }
LAM_PUBLIC_ONE(leaky_relu, relu_with, negative_slope, negative_slope, INFINITY, 0.0f)
LAM_PUBLIC_ONE(elu, elu, alpha, alpha, 1.0f, 1.0f)
LAM_PUBLIC_ONE(celu, elu, alpha, alpha, 1.0f, 1.0f / alpha)
LAM_PUBLIC_ONE(hard_shrink, hard_shrink, threshold, threshold, 0.0f, 0.0f)
LAM_PUBLIC_ONE(soft_shrink, soft_shrink, threshold, threshold, 0.0f, 0.0f)
LAM_PUBLIC_ONE(squareplus, squareplus, b, b, 0.0f, 0.0f)
LAM_PUBLIC_ONE_BACKWARD(leaky_relu_backward, relu_with_backward, negative_slope, negative_slope, INFINITY, 0.0f)
LAM_PUBLIC_ONE_BACKWARD(elu_backward, elu_backward, alpha, alpha, 1.0f, 1.0f)
LAM_PUBLIC_ONE_BACKWARD(celu_backward, elu_backward, alpha, alpha, 1.0f, 1.0f / alpha)
LAM_PUBLIC_ONE_BACKWARD(squareplus_backward, squareplus_backward, b, b, 0.0f, 0.0f)
LAM_PUBLIC_ONE_BACKWARD(threshold_backward, threshold_backward, threshold, threshold, 0.0f, 0.0f)

lam_status lam_bias(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  LAM_RUN(bias(y, ldy, x, ldx, bias, rows, columns), { y, ldy }, { x, ldx }, { bias, columns });
}

lam_status lam_bias_relu(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  LAM_RUN(bias_relu(y, ldy, x, ldx, bias, rows, columns), { y, ldy }, { x, ldx }, { bias, columns });
}

#define LAM_PUBLIC_BINARY(name)                                                                                                  \
  lam_status lam_##name LAM_BINARY_ARGUMENTS {                                                                                   \
    LAM_RUN(name(y, ldy, a, lda, b, ldb, rows, columns), { y, ldy }, { a, lda }, { b, ldb });                                    \
  }
LAM_PUBLIC_BINARY(add)
LAM_PUBLIC_BINARY(subtract)
LAM_PUBLIC_BINARY(multiply)
LAM_PUBLIC_BINARY(maximum)
LAM_PUBLIC_BINARY(minimum)

lam_status lam_from_bytes(float *y, size_t ldy, const uint8_t *x, size_t ldx, float scale, float offset, size_t rows,
                          size_t columns) {
  LAM_RUN(from_bytes(y, ldy, x, ldx, scale, offset, rows, columns), { y, ldy }, { x, ldx });
}

lam_status lam_standardize(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                           size_t rows, size_t columns) {
  LAM_RUN(standardize(y, ldy, x, ldx, mean, variance, rows, columns), { y, ldy }, { x, ldx }, { variance, columns });
}

lam_status lam_affine(float *y, size_t ldy, const float *x, size_t ldx, float scale, float offset, size_t rows, size_t columns) {
  LAM_RUN(affine(y, ldy, x, ldx, scale, offset, rows, columns), { y, ldy }, { x, ldx });
}

lam_status lam_log_sum_exp(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  LAM_RUN(log_sum_exp(y, x, ldx, rows, columns), { y, columns }, { x, ldx });
}

lam_status lam_argmax(int32_t *index, const float *x, size_t ldx, size_t rows, size_t columns) {
  if (rows && (!columns || columns > INT32_MAX)) return LAM_INVALID_ARGUMENT;
  LAM_RUN(argmax(index, x, ldx, rows, columns), { index, columns }, { x, ldx });
}

/* The sum of no rows is 0, so zero rows are no reason to do nothing. */
lam_status lam_column_sums(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  if (!rows && columns) {
    if (!y) return LAM_NO_HANDLE;
    for (size_t j = 0; j < columns; ++j) y[j] = 0.0f;
    return LAM_OK;
  }
  LAM_RUN(column_sums(y, x, ldx, rows, columns), { y, columns }, { x, ldx });
}

/* A gradient that is not wanted is checked as if it were the input. */
#define LAM_GRADIENT(dx, lddx, x, ldx)                                                                                           \
  { dx ? dx : x, dx ? lddx : ldx }

static bool labels_valid(const int32_t *labels, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i) {
    if (labels[i] < 0 || (size_t)labels[i] >= columns) return false;
  }
  return true;
}

#define LAM_PUBLIC_SPARSE_LOSS(name)                                                                                             \
  lam_status lam_##name LAM_SPARSE_LOSS_ARGUMENTS {                                                                              \
    if (rows && columns && labels && !labels_valid(labels, rows, columns)) return LAM_INVALID_DATA;                              \
    LAM_RUN(name(loss, dx, lddx, x, ldx, labels, scale, rows, columns), { x, ldx }, { labels, columns },                         \
            LAM_GRADIENT(dx, lddx, x, ldx));                                                                                     \
  }
LAM_PUBLIC_SPARSE_LOSS(softmax_sparse_crossentropy)
LAM_PUBLIC_SPARSE_LOSS(sparse_crossentropy)

#define LAM_PUBLIC_DENSE_LOSS(name)                                                                                              \
  lam_status lam_##name LAM_DENSE_LOSS_ARGUMENTS {                                                                               \
    LAM_RUN(name(loss, dx, lddx, x, ldx, t, ldt, scale, rows, columns), { x, ldx }, { t, ldt }, LAM_GRADIENT(dx, lddx, x, ldx)); \
  }
LAM_PUBLIC_DENSE_LOSS(softmax_crossentropy)
LAM_PUBLIC_DENSE_LOSS(sigmoid_binary_crossentropy)
LAM_PUBLIC_DENSE_LOSS(crossentropy)
LAM_PUBLIC_DENSE_LOSS(binary_crossentropy)

lam_status lam_squared_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                             float factor, float scale, size_t rows, size_t columns) {
  LAM_RUN(squared_error(loss, dx, lddx, x, ldx, t, ldt, factor, scale, rows, columns), { x, ldx }, { t, ldt },
          LAM_GRADIENT(dx, lddx, x, ldx));
}

LAM_PUBLIC_DENSE_LOSS(mean_absolute_error)
LAM_PUBLIC_DENSE_LOSS(mean_absolute_percentage_error)
LAM_PUBLIC_DENSE_LOSS(mean_squared_logarithmic_error)
LAM_PUBLIC_DENSE_LOSS(log_cosh)
LAM_PUBLIC_DENSE_LOSS(hinge)
LAM_PUBLIC_DENSE_LOSS(squared_hinge)
LAM_PUBLIC_DENSE_LOSS(categorical_hinge)
LAM_PUBLIC_DENSE_LOSS(poisson)
LAM_PUBLIC_DENSE_LOSS(kl_divergence)

lam_status lam_huber(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, float delta,
                     float scale, size_t rows, size_t columns) {
  if (!(delta > 0.0f)) return LAM_INVALID_ARGUMENT;
  LAM_RUN(huber(loss, dx, lddx, x, ldx, t, ldt, &delta, scale, rows, columns), { x, ldx }, { t, ldt },
          LAM_GRADIENT(dx, lddx, x, ldx));
}

#define LAM_PUBLIC_BINARY_FOCAL(name)                                                                                            \
  lam_status lam_##name(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,             \
                        float gamma, float weight_1, float weight_0, float scale, size_t rows, size_t columns) {                 \
    if (!(gamma >= 0.0f)) return LAM_INVALID_ARGUMENT;                                                                           \
    const float p[] = { gamma, weight_1, weight_0 };                                                                             \
    LAM_RUN(name(loss, dx, lddx, x, ldx, t, ldt, p, scale, rows, columns), { x, ldx }, { t, ldt },                               \
            LAM_GRADIENT(dx, lddx, x, ldx));                                                                                     \
  }
LAM_PUBLIC_BINARY_FOCAL(binary_focal_crossentropy)
LAM_PUBLIC_BINARY_FOCAL(sigmoid_binary_focal_crossentropy)

#define LAM_PUBLIC_FOCAL(name)                                                                                                   \
  lam_status lam_##name(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,             \
                        float gamma, float alpha, float scale, size_t rows, size_t columns) {                                    \
    if (!(gamma >= 0.0f)) return LAM_INVALID_ARGUMENT;                                                                           \
    const float p[] = { gamma, alpha };                                                                                          \
    LAM_RUN(name(loss, dx, lddx, x, ldx, t, ldt, p, scale, rows, columns), { x, ldx }, { t, ldt },                               \
            LAM_GRADIENT(dx, lddx, x, ldx));                                                                                     \
  }
LAM_PUBLIC_FOCAL(focal_crossentropy)
LAM_PUBLIC_FOCAL(softmax_focal_crossentropy)

lam_status lam_pair_sums(float *sums, const float *x, size_t ldx, const float *t, size_t ldt, size_t rows, size_t columns) {
  LAM_RUN(pair_sums(sums, x, ldx, t, ldt, rows, columns), { sums, columns }, { x, ldx }, { t, ldt });
}

lam_status lam_pair_combine(float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, const float *factors,
                            size_t rows, size_t columns) {
  LAM_RUN(pair_combine(dx, lddx, x, ldx, t, ldt, factors, rows, columns), { dx, lddx }, { x, ldx }, { t, ldt },
          { factors, columns });
}

/* Optimizers: arrays of `count`, which is one row. */
lam_status lam_sgd(float *w, const float *g, float rate, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(sgd(w, g, rate, count), { w, count }, { g, count });
}

lam_status lam_sgd_momentum(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(sgd_momentum(w, velocity, g, rate, momentum, count), { w, count }, { velocity, count }, { g, count });
}

lam_status lam_sgd_nesterov(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(sgd_nesterov(w, velocity, g, rate, momentum, count), { w, count }, { velocity, count }, { g, count });
}

lam_status lam_rmsprop(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(rmsprop(w, v, g, rate, rho, epsilon, count), { w, count }, { v, count }, { g, count });
}

lam_status lam_rmsprop_epsilon_outside(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(rmsprop_epsilon_outside(w, v, g, rate, rho, epsilon, count), { w, count }, { v, count }, { g, count });
}

lam_status lam_adam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                    uint64_t step, size_t count) {
  if (!step) return LAM_INVALID_ARGUMENT;
  const size_t rows = 1, columns = count;
  LAM_RUN(adam(w, m, v, g, rate, beta_1, beta_2, epsilon, step, count), { w, count }, { m, count }, { v, count }, { g, count });
}

lam_status lam_rmsprop_general(float *w, float *v, float *m, float *average, const float *g, float rate, float rho, float epsilon,
                               bool outside, float momentum, size_t count) {
  const size_t rows = 1, columns = count;
  const float *here = w; /* stands for the states that may be left out */
  LAM_RUN(rmsprop_general(w, v, m, average, g, rate, rho, epsilon, outside, momentum, count), { w, count }, { v, count },
          { m ? m : here, count }, { average ? average : here, count }, { g, count });
}

lam_status lam_amsgrad(float *w, float *m, float *v, float *most, const float *g, float rate, float beta_1, float beta_2,
                       float epsilon, uint64_t step, size_t count) {
  if (!step) return LAM_INVALID_ARGUMENT;
  const size_t rows = 1, columns = count;
  LAM_RUN(amsgrad(w, m, v, most, g, rate, beta_1, beta_2, epsilon, step, count), { w, count }, { m, count }, { v, count },
          { most, count }, { g, count });
}

lam_status lam_adamax(float *w, float *m, float *norm, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                      uint64_t step, size_t count) {
  if (!step) return LAM_INVALID_ARGUMENT;
  const size_t rows = 1, columns = count;
  LAM_RUN(adamax(w, m, norm, g, rate, beta_1, beta_2, epsilon, step, count), { w, count }, { m, count }, { norm, count },
          { g, count });
}

lam_status lam_nadam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                     double product, uint64_t step, size_t count) {
  if (!step) return LAM_INVALID_ARGUMENT;
  const size_t rows = 1, columns = count;
  LAM_RUN(nadam(w, m, v, g, rate, beta_1, beta_2, epsilon, product, step, count), { w, count }, { m, count }, { v, count },
          { g, count });
}

lam_status lam_adagrad(float *w, float *sum, const float *g, float rate, float epsilon, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(adagrad(w, sum, g, rate, epsilon, count), { w, count }, { sum, count }, { g, count });
}

lam_status lam_adadelta(float *w, float *gradients, float *deltas, const float *g, float rate, float rho, float epsilon,
                        size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(adadelta(w, gradients, deltas, g, rate, rho, epsilon, count), { w, count }, { gradients, count }, { deltas, count },
          { g, count });
}

lam_status lam_lion(float *w, float *m, const float *g, float rate, float beta_1, float beta_2, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(lion(w, m, g, rate, beta_1, beta_2, count), { w, count }, { m, count }, { g, count });
}

lam_status lam_ftrl(float *w, float *sum, float *linear, const float *g, float rate, float l1, float l2, float l2_shrinkage,
                    float beta, size_t count) {
  if (!(rate > 0.0f)) return LAM_INVALID_ARGUMENT;
  const size_t rows = 1, columns = count;
  LAM_RUN(ftrl(w, sum, linear, g, rate, l1, l2, l2_shrinkage, beta, count), { w, count }, { sum, count }, { linear, count },
          { g, count });
}

lam_status lam_moving_average(float *average, const float *w, float momentum, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(moving_average(average, w, momentum, count), { average, count }, { w, count });
}

lam_status lam_decay_and_add(float *w, const float *change, float decay, size_t count) {
  const size_t rows = 1, columns = count;
  LAM_RUN(decay_and_add(w, change, decay, count), { w, count }, { change, count });
}

lam_status lam_scale_and_clip(float *y, const float *x, double scale, float limit, size_t count) {
  if (!(limit >= 0.0f)) return LAM_INVALID_ARGUMENT;
  const size_t rows = 1, columns = count;
  LAM_RUN(scale_and_clip(y, x, scale, limit, count), { y, count }, { x, count });
}

lam_status lam_sum_of_squares(double *sum, const float *x, size_t count) {
  if (!sum) return LAM_NO_HANDLE;
  *sum = 0.0;
  const size_t rows = 1, columns = count;
  LAM_RUN(sum_of_squares(sum, x, count), { x, count });
}
