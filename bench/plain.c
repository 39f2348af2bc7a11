/* SPDX-License-Identifier: MIT
 *
 * Plain loops; see plain.h. Formulas are those of lamina/kernels.h.
 */
#include "bench/plain.h"
#include <math.h>
#include <string.h>

#define LAM_X(name, arguments) static void plain_##name arguments;
LAM_KERNEL_LIST(LAM_X)
#undef LAM_X

#define LAM_X(name, arguments) .name = plain_##name,
const lam_kernel_table plain_kernels = { .isa = "plain", LAM_KERNEL_LIST(LAM_X) };
#undef LAM_X

/* ---- elementwise --------------------------------------------------------------------------------------------------- */

#define EACH(expression)                                                                                                         \
  for (size_t i = 0; i < rows; i++) {                                                                                            \
    for (size_t j = 0; j < columns; j++) { expression; }                                                                         \
  }
#define X x[i * ldx + j]
#define Y y[i * ldy + j]
#define DX dx[i * lddx + j]
#define DY dy[i * lddy + j]

static void plain_exp LAM_UNARY_ARGUMENTS { EACH(Y = expf(X)) }
static void plain_log LAM_UNARY_ARGUMENTS { EACH(Y = logf(X)) }
static void plain_relu LAM_UNARY_ARGUMENTS { EACH(Y = X > 0 ? X : 0) }
static void plain_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = 1 / (1 + expf(-X))) }
static void plain_tanh LAM_UNARY_ARGUMENTS { EACH(Y = tanhf(X)) }
static void plain_relu_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y > 0 ? DY : 0) }
static void plain_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * Y * (1 - Y)) }
static void plain_tanh_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * (1 - Y * Y)) }

static float silu_slope(float x) {
  float s = 1 / (1 + expf(-x));
  return s * (1 + x * (1 - s));
}
static float mish_slope(float x) {
  float t = tanhf(log1pf(expf(x)));
  return t + x * (1 - t * t) / (1 + expf(-x));
}
static float gelu_tanh_slope(float x) {
  float t = tanhf(0.79788456f * (x + 0.044715f * x * x * x));
  return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * 0.79788456f * (1 + 3 * 0.044715f * x * x);
}
static void plain_hard_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = fminf(fmaxf(X + 3, 0), 6) / 6) }
static void plain_hard_silu LAM_UNARY_ARGUMENTS { EACH(Y = X * fminf(fmaxf(X + 3, 0), 6) / 6) }
static void plain_hard_tanh LAM_UNARY_ARGUMENTS { EACH(Y = fminf(fmaxf(X, -1), 1)) }
static void plain_softplus LAM_UNARY_ARGUMENTS { EACH(Y = fmaxf(X, 0) + log1pf(expf(-fabsf(X)))) }
static void plain_log_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = fminf(X, 0) - log1pf(expf(-fabsf(X)))) }
static void plain_softsign LAM_UNARY_ARGUMENTS { EACH(Y = X / (1 + fabsf(X))) }
static void plain_silu LAM_UNARY_ARGUMENTS { EACH(Y = X / (1 + expf(-X))) }
static void plain_mish LAM_UNARY_ARGUMENTS { EACH(Y = X * tanhf(log1pf(expf(X)))) }
static void plain_gelu LAM_UNARY_ARGUMENTS { EACH(Y = X * 0.5f * erfcf(-X * 0.70710678f)) }
static void plain_gelu_tanh LAM_UNARY_ARGUMENTS { EACH(Y = X * 0.5f * (1 + tanhf(0.79788456f * (X + 0.044715f * X * X * X)))) }
static void plain_tanh_shrink LAM_UNARY_ARGUMENTS { EACH(Y = X - tanhf(X)) }
static void plain_sparse_plus LAM_UNARY_ARGUMENTS { EACH(Y = X <= -1 ? 0 : X >= 1 ? X : (X + 1) * (X + 1) / 4) }
static void plain_sparse_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = fminf(fmaxf((X + 1) / 2, 0), 1)) }
static void plain_relu_with LAM_UNARY_WITH_ARGUMENTS { EACH(Y = X > p[2] ? fminf(X, p[1]) : p[0] * (X - p[2])) }
static void plain_elu LAM_UNARY_WITH_ARGUMENTS { EACH(Y = X > 0 ? p[1] * X : p[0] * expm1f(p[2] * X)) }
static void plain_threshold LAM_UNARY_WITH_ARGUMENTS { EACH(Y = X > p[0] ? X : p[1]) }
static void plain_squareplus LAM_UNARY_WITH_ARGUMENTS { EACH(Y = (X + sqrtf(X * X + p[0])) / 2) }
static void plain_hard_shrink LAM_UNARY_WITH_ARGUMENTS { EACH(Y = fabsf(X) > p[0] ? X : 0) }
static void plain_soft_shrink LAM_UNARY_WITH_ARGUMENTS { EACH(Y = fabsf(X) > p[0] ? X - copysignf(p[0], X) : 0) }
static void plain_hard_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * (Y > 0 && Y < 1 ? 1 / 6.0f : 0)) }
static void plain_hard_silu_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * (Y <= -3 ? 0 : Y >= 3 ? 1 : (2 * Y + 3) / 6)) }
static void plain_hard_tanh_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y > -1 && Y < 1 ? DY : 0) }
static void plain_softplus_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * -expm1f(-Y)) }
static void plain_log_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * -expm1f(Y)) }
static void plain_softsign_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY / ((1 + fabsf(Y)) * (1 + fabsf(Y)))) }
static void plain_silu_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * silu_slope(Y)) }
static void plain_mish_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * mish_slope(Y)) }
static void plain_gelu_backward LAM_BACKWARD_ARGUMENTS {
  EACH(DX = DY * (0.5f * erfcf(-Y * 0.70710678f) + Y * 0.39894228f * expf(-Y * Y / 2)))
}
static void plain_gelu_tanh_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * gelu_tanh_slope(Y)) }
static void plain_tanh_shrink_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * tanhf(Y) * tanhf(Y)) }
static void plain_sparse_plus_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * fminf(1, sqrtf(Y))) }
static void plain_sparse_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y > 0 && Y < 1 ? DY / 2 : 0) }
static void plain_shrink_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y != 0 ? DY : 0) }
static void plain_relu_with_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = Y <= 0 ? p[0] * DY : Y < p[1] ? DY : 0) }
static void plain_elu_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = DY * (Y > 0 ? p[1] : p[2] * (Y + p[0]))) }
static void plain_threshold_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = Y > p[0] ? DY : 0) }
static void plain_squareplus_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = DY * Y * Y / (Y * Y + p[0] / 4)) }

/* tau by bisection of [max - 1, max], to the last bit. */
static void plain_sparsemax LAM_UNARY_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float most = x[i * ldx];
    for (size_t j = 1; j < columns; j++) most = fmaxf(most, X);
    float low = most - 1, high = most;
    for (int step = 0; step < 24; step++) {
      float tau = (low + high) / 2, sum = 0;
      for (size_t j = 0; j < columns; j++) sum += fmaxf(X - tau, 0);
      *(sum > 1 ? &low : &high) = tau;
    }
    for (size_t j = 0; j < columns; j++) Y = fmaxf(X - high, 0);
  }
}
static void plain_sparsemax_backward LAM_BACKWARD_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0, count = 0;
    for (size_t j = 0; j < columns; j++)
      if (Y > 0) sum += DY, count++;
    for (size_t j = 0; j < columns; j++) DX = Y > 0 ? DY - sum / count : 0;
  }
}

static void plain_prelu(float *y, size_t ldy, const float *x, size_t ldx, const float *slopes, size_t rows, size_t columns) {
  EACH(Y = X > 0 ? X : slopes[j] * X)
}
static void plain_prelu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                 const float *slopes, size_t rows, size_t columns) {
  EACH(DX = X > 0 ? DY : slopes[j] * DY)
}
static void plain_prelu_slopes(float *dslopes, const float *dy, size_t lddy, const float *x, size_t ldx, size_t rows,
                               size_t columns) {
  memset(dslopes, 0, columns * sizeof *dslopes);
  EACH(dslopes[j] += X > 0 ? 0 : DY * X)
}
static void plain_pass_equal(float *dx, size_t lddx, float *rest, size_t ldrest, const float *x, size_t ldx, const float *y,
                             size_t ldy, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) {
      bool here = X == Y;
      if (dx) DX = here ? rest[i * ldrest + j] : 0;
      if (here) rest[i * ldrest + j] = 0;
    }
  }
}
static void plain_dropout(float *y, const float *x, float rate, uint64_t seed, uint64_t stream, uint64_t first, size_t count) {
  float number;
  for (size_t i = 0; i < count; i++) {
    lam_random_uniform(&number, 1, seed, stream, first + i);
    y[i] = number >= rate ? x[i] / (1 - rate) : 0;
  }
}

static void plain_bias(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  EACH(Y = X + bias[j])
}
static void plain_bias_relu(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  EACH(Y = X + bias[j] > 0 ? X + bias[j] : 0)
}
#define A a[i * lda + j]
#define B b[i * ldb + j]
static void plain_add LAM_BINARY_ARGUMENTS { EACH(Y = A + B) }
static void plain_subtract LAM_BINARY_ARGUMENTS { EACH(Y = A - B) }
static void plain_multiply LAM_BINARY_ARGUMENTS { EACH(Y = A * B) }
static void plain_maximum LAM_BINARY_ARGUMENTS { EACH(Y = fmaxf(A, B)) }
static void plain_minimum LAM_BINARY_ARGUMENTS { EACH(Y = fminf(A, B)) }
static void plain_from_bytes(float *y, size_t ldy, const uint8_t *x, size_t ldx, float scale, float offset, size_t rows,
                             size_t columns) {
  EACH(Y = scale * X + offset)
}
static void plain_affine(float *y, size_t ldy, const float *x, size_t ldx, float scale, float offset, size_t rows,
                         size_t columns) {
  EACH(Y = scale * X + offset)
}

static void plain_standardize(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                              size_t rows, size_t columns) {
  EACH(Y = (X - (mean ? mean[j] : 0)) / fmaxf(sqrtf(variance[j]), 1e-7f))
}

/* ---- normalizations ------------------------------------------------------------------------------------------------ */

#define Z ((X - mean[j]) / sqrtf(variance[j] + epsilon))
#define ROW_Z ((X - statistics[2 * i]) * statistics[2 * i + 1])
static void plain_column_moments(float *mean, float *variance, const float *x, size_t ldx, size_t rows, size_t columns) {
  memset(mean, 0, columns * sizeof *mean);
  memset(variance, 0, columns * sizeof *variance);
  EACH(mean[j] += X / (float)rows)
  EACH(variance[j] += (X - mean[j]) * (X - mean[j]) / (float)rows)
}
static void plain_normalize_columns(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                                    const float *gamma, const float *beta, float epsilon, size_t rows, size_t columns) {
  EACH(Y = Z * gamma[j] + beta[j])
}
static void plain_normalize_columns_backward(float *dx, size_t lddx, float *dgamma, float *dbeta, const float *dy, size_t lddy,
                                             const float *x, size_t ldx, const float *mean, const float *variance,
                                             const float *gamma, float epsilon, size_t rows, size_t columns) {
  float n = (float)rows;
  memset(dgamma, 0, columns * sizeof *dgamma);
  memset(dbeta, 0, columns * sizeof *dbeta);
  EACH(dgamma[j] += DY * Z; dbeta[j] += DY)
  EACH(DX = gamma[j] / sqrtf(variance[j] + epsilon) * (DY - dbeta[j] / n - Z * dgamma[j] / n))
}
static void plain_normalize_rows(float *y, size_t ldy, float *statistics, const float *x, size_t ldx, const float *gamma,
                                 const float *beta, float epsilon, int centered, size_t rows, size_t columns) {
  float n = (float)columns;
  for (size_t i = 0; i < rows; i++) {
    float mean = 0, variance = 0;
    for (size_t j = 0; j < columns && centered; j++) mean += X / n;
    for (size_t j = 0; j < columns; j++) variance += (X - mean) * (X - mean) / n;
    statistics[2 * i] = mean;
    statistics[2 * i + 1] = 1 / sqrtf(variance + epsilon);
  }
  EACH(Y = ROW_Z * gamma[j] + beta[j])
}
static void plain_normalize_rows_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                          const float *statistics, const float *gamma, int centered, size_t rows,
                                          size_t columns) {
  float n = (float)columns;
  for (size_t i = 0; i < rows; i++) {
    float sum = 0, product = 0;
    for (size_t j = 0; j < columns; j++) sum += DY * gamma[j], product += DY * gamma[j] * ROW_Z;
    if (!centered) sum = 0;
    for (size_t j = 0; j < columns; j++) DX = statistics[2 * i + 1] * (DY * gamma[j] - sum / n - ROW_Z * product / n);
  }
}
static void plain_normalize_rows_factors(float *dgamma, const float *dy, size_t lddy, const float *x, size_t ldx,
                                         const float *statistics, size_t rows, size_t columns) {
  memset(dgamma, 0, columns * sizeof *dgamma);
  EACH(dgamma[j] += DY * ROW_Z)
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

static float maximum(const float *x, size_t n) {
  float m = x[0];
  for (size_t j = 1; j < n; j++) m = x[j] > m ? x[j] : m;
  return m;
}

static float log_sum(const float *x, size_t n) {
  float m = maximum(x, n), sum = 0;
  for (size_t j = 0; j < n; j++) sum += expf(x[j] - m);
  return m + logf(sum);
}

/* y = softmax(x); returns the log-sum-exp. */
static float softmax_row(float *y, const float *x, size_t n) {
  float m = maximum(x, n), sum = 0;
  for (size_t j = 0; j < n; j++) sum += y[j] = expf(x[j] - m);
  for (size_t j = 0; j < n; j++) y[j] /= sum;
  return m + logf(sum);
}

static void plain_softmax LAM_UNARY_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) (void)softmax_row(y + i * ldy, x + i * ldx, columns);
}
static void plain_log_softmax LAM_UNARY_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float lse = log_sum(x + i * ldx, columns);
    for (size_t j = 0; j < columns; j++) Y = X - lse;
  }
}
static void plain_softmax_backward LAM_BACKWARD_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float dot = 0;
    for (size_t j = 0; j < columns; j++) dot += DY * Y;
    for (size_t j = 0; j < columns; j++) DX = Y * (DY - dot);
  }
}
static void plain_log_softmax_backward LAM_BACKWARD_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) sum += DY;
    for (size_t j = 0; j < columns; j++) DX = DY - expf(Y) * sum;
  }
}
static void plain_log_sum_exp(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) y[i] = log_sum(x + i * ldx, columns);
}
static void plain_argmax(int32_t *index, const float *x, size_t ldx, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    size_t best = 0;
    for (size_t j = 1; j < columns; j++) best = X > x[i * ldx + best] ? j : best;
    index[i] = (int32_t)best;
  }
}
static void plain_column_sums(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  memset(y, 0, columns * sizeof *y);
  EACH(y[j] += X)
}

/* ---- losses -------------------------------------------------------------------------------------------------------- */

static void plain_softmax_sparse_crossentropy LAM_SPARSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float target = x[i * ldx + (size_t)labels[i]];
    loss[i] = softmax_row(dx + i * lddx, x + i * ldx, columns) - target;
    dx[i * lddx + (size_t)labels[i]] -= 1;
    for (size_t j = 0; j < columns; j++) DX *= scale;
  }
}
static void plain_softmax_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float lse = softmax_row(dx + i * lddx, x + i * ldx, columns), sum = 0;
    loss[i] = 0;
    for (size_t j = 0; j < columns; j++) {
      loss[i] += t[i * ldt + j] * (lse - X);
      sum += t[i * ldt + j];
    }
    for (size_t j = 0; j < columns; j++) DX = scale * (DX * sum - t[i * ldt + j]);
  }
}
static void plain_sigmoid_binary_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) {
      sum += (X > 0 ? X : 0) - X * t[i * ldt + j] + log1pf(expf(-fabsf(X)));
      DX = scale / (float)columns * (1 / (1 + expf(-X)) - t[i * ldt + j]);
    }
    loss[i] = sum / (float)columns;
  }
}

static float clip(float p) { return p < 1e-7f ? 1e-7f : p > 0.99999988f ? 0.99999988f : p; }
static float inside(float p) { return p > 1e-7f && p < 0.99999988f ? 1.0f : 0.0f; }

static void plain_sparse_crossentropy LAM_SPARSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    size_t label = (size_t)labels[i];
    float sum = 0, target = x[i * ldx + label];
    for (size_t j = 0; j < columns; j++) sum += clip(X);
    loss[i] = logf(sum) - logf(clip(target));
    for (size_t j = 0; j < columns; j++) DX = scale * inside(X) * (1 / sum - (j == label ? 1 / clip(X) : 0));
  }
}
static void plain_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0, total = 0;
    loss[i] = 0;
    for (size_t j = 0; j < columns; j++) sum += X;
    for (size_t j = 0; j < columns; j++) {
      loss[i] -= t[i * ldt + j] * logf(clip(X / sum));
      total += t[i * ldt + j] * inside(X / sum);
    }
    for (size_t j = 0; j < columns; j++) DX = scale * (total / sum - t[i * ldt + j] * inside(X / sum) / X);
  }
}
static void plain_binary_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) {
      float p = clip(X), target = t[i * ldt + j];
      sum -= target * logf(p) + (1 - target) * logf(1 - p);
      DX = scale / (float)columns * inside(X) * ((1 - target) / (1 - p) - target / p);
    }
    loss[i] = sum / (float)columns;
  }
}
static void plain_squared_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                                float factor, float scale, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) {
      float difference = X - t[i * ldt + j];
      sum += difference * difference;
      DX = 2 * factor * scale * difference;
    }
    loss[i] = factor * sum;
  }
}

/* Sums of a term with value V and slope D of d = x - t and the target T, over `divisor`. */
#define TERMS(arguments_divisor, V, D)                                                                                           \
  for (size_t i = 0; i < rows; i++) {                                                                                            \
    float sum = 0, divisor = arguments_divisor;                                                                                  \
    for (size_t j = 0; j < columns; j++) {                                                                                       \
      float T = t[i * ldt + j], d = X - T;                                                                                       \
      (void)d;                                                                                                                   \
      sum += V;                                                                                                                  \
      DX = scale / divisor * (D);                                                                                                \
    }                                                                                                                            \
    loss[i] = sum / divisor;                                                                                                     \
  }
#define MEAN_TERMS(name, V, D)                                                                                                   \
  static void plain_##name LAM_DENSE_LOSS_ARGUMENTS { TERMS((float)columns, V, D) }
static float at_least(float a, float low) { return a > low ? a : low; }
static float sign_of(float a) { return (float)(a > 0) - (float)(a < 0); }
static float logs(float a, float b) { return logf((at_least(a, 1e-7f) + 1) / (at_least(b, 1e-7f) + 1)); }
static float binary(float c, float t) { return -(t * logf(c) + (1 - t) * logf(1 - c)); }
static float other(float y, float t) { return t * (1 - y) + (1 - t) * y; }

MEAN_TERMS(mean_absolute_error, fabsf(d), sign_of(d))
MEAN_TERMS(mean_absolute_percentage_error, 100 * fabsf(d) / at_least(fabsf(T), 1e-7f),
           100 * sign_of(d) / at_least(fabsf(T), 1e-7f))
MEAN_TERMS(mean_squared_logarithmic_error, logs(X, T) * logs(X, T), X < 1e-7f ? 0 : 2 * logs(X, T) / (X + 1))
MEAN_TERMS(log_cosh, fabsf(d) + log1pf(expf(-2 * fabsf(d))) - logf(2), tanhf(d))
MEAN_TERMS(hinge, at_least(1 - T * X, 0), T *X <= 1 ? -T : 0)
MEAN_TERMS(squared_hinge, at_least(1 - T * X, 0) * at_least(1 - T * X, 0), -2 * T * at_least(1 - T * X, 0))
MEAN_TERMS(poisson, X - T * logf(X + 1e-7f), 1 - T / (X + 1e-7f))
static void plain_kl_divergence LAM_DENSE_LOSS_ARGUMENTS { TERMS(1, T * logf(T / X), -T / X) }
static void plain_huber LAM_DENSE_LOSS_WITH_ARGUMENTS {
  TERMS((float)columns, fabsf(d) > *p ? *p * (fabsf(d) - *p / 2) : d * d / 2, fabsf(d) > *p ? *p * sign_of(d) : d)
}
static void plain_binary_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
  TERMS((float)columns, (T * p[1] + (1 - T) * p[2]) * powf(other(X, T), *p) * binary(X, T),
        (T * p[1] + (1 - T) * p[2]) * powf(other(X, T), *p) * (*p * (1 - 2 * T) / other(X, T) * binary(X, T) + d / (X * (1 - X))))
}
static void plain_sigmoid_binary_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
#define S (1 / (1 + expf(-X)))
  TERMS((float)columns, (T * p[1] + (1 - T) * p[2]) * powf(other(S, T), *p) * binary(S, T),
        (T * p[1] + (1 - T) * p[2]) * powf(other(S, T), *p) *
            (*p * (1 - 2 * T) * S * (1 - S) / other(S, T) * binary(S, T) + S - T))
#undef S
}
/* From probabilities in dx, of a row that is divided by `total` (softmax: its own gradient instead). */
static float focal_row(float *dx, const float *t, const float *p, size_t n, float scale, float total, bool softmax) {
  float sum = 0, all = 0;
  for (size_t j = 0; j < n; j++) {
    sum -= t[j] * powf(1 - dx[j], p[0]) * logf(dx[j]);
    all += t[j] * powf(1 - dx[j], p[0]) * (p[0] * dx[j] * logf(dx[j]) / (1 - dx[j]) - 1);
  }
  for (size_t j = 0; j < n; j++) {
    float y = dx[j], h = t[j] * powf(1 - y, p[0]) * (p[0] * y * logf(y) / (1 - y) - 1);
    dx[j] = scale * p[1] * (softmax ? h - y * all : (h / y - all) / total);
  }
  return p[1] * sum;
}
static void plain_softmax_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    (void)softmax_row(dx + i * lddx, x + i * ldx, columns);
    loss[i] = focal_row(dx + i * lddx, t + i * ldt, p, columns, scale, 1, true);
  }
}
static void plain_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float total = 0;
    for (size_t j = 0; j < columns; j++) total += X;
    for (size_t j = 0; j < columns; j++) DX = clip(X / total);
    loss[i] = focal_row(dx + i * lddx, t + i * ldt, p, columns, scale, total, false);
  }
}
static void plain_categorical_hinge LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float own = 0, most = -INFINITY;
    size_t at = 0;
    for (size_t j = 0; j < columns; j++) {
      float rival = (1 - t[i * ldt + j]) * X;
      own += t[i * ldt + j] * X;
      if (rival > most) most = rival, at = j;
    }
    loss[i] = at_least(most - own + 1, 0);
    for (size_t j = 0; j < columns; j++) DX = loss[i] > 0 ? scale * ((j == at ? 1 - t[i * ldt + j] : 0) - t[i * ldt + j]) : 0;
  }
}
static void plain_pair_sums(float *sums, const float *x, size_t ldx, const float *t, size_t ldt, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++, sums += 5) {
    for (size_t k = 0; k < 5; k++) sums[k] = 0;
    for (size_t j = 0; j < columns; j++) {
      float T = t[i * ldt + j];
      sums[0] += X * T;
      sums[1] += X * X;
      sums[2] += T * T;
      sums[3] += X;
      sums[4] += T;
    }
  }
}
static void plain_pair_combine(float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                               const float *factors, size_t rows, size_t columns) {
  EACH(DX = factors[3 * i] * X + factors[3 * i + 1] * t[i * ldt + j] + factors[3 * i + 2])
}

/* ---- optimizers ---------------------------------------------------------------------------------------------------- */

static void plain_sgd(float *w, const float *g, float rate, size_t count) {
  for (size_t i = 0; i < count; i++) w[i] -= rate * g[i];
}
static void plain_sgd_momentum(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] - rate * g[i];
    w[i] += velocity[i];
  }
}
static void plain_sgd_nesterov(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] - rate * g[i];
    w[i] += momentum * velocity[i] - rate * g[i];
  }
}
static void plain_rmsprop(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  for (size_t i = 0; i < count; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    w[i] -= rate * g[i] / sqrtf(v[i] + epsilon);
  }
}
static void plain_rmsprop_epsilon_outside(float *w, float *v, const float *g, float rate, float rho, float epsilon,
                                          size_t count) {
  for (size_t i = 0; i < count; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    w[i] -= rate * g[i] / (sqrtf(v[i]) + epsilon);
  }
}
static void plain_adam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                       uint64_t step, size_t count) {
  float alpha = rate * sqrtf(1 - powf(beta_2, (float)step)) / (1 - powf(beta_1, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta_2);
    w[i] -= alpha * m[i] / (sqrtf(v[i]) + epsilon);
  }
}

static void plain_rmsprop_general(float *w, float *v, float *m, float *average, const float *g, float rate, float rho,
                                  float epsilon, bool outside, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    float variance = v[i];
    if (average) {
      average[i] = rho * average[i] + (1 - rho) * g[i];
      variance -= average[i] * average[i];
    }
    float change = rate * g[i] / (outside ? sqrtf(variance) + epsilon : sqrtf(variance + epsilon));
    if (m) change = m[i] = momentum * m[i] + change;
    w[i] -= change;
  }
}
static void plain_amsgrad(float *w, float *m, float *v, float *most, const float *g, float rate, float beta_1, float beta_2,
                          float epsilon, uint64_t step, size_t count) {
  float alpha = rate * sqrtf(1 - powf(beta_2, (float)step)) / (1 - powf(beta_1, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta_2);
    most[i] = fmaxf(most[i], v[i]);
    w[i] -= alpha * m[i] / (sqrtf(most[i]) + epsilon);
  }
}
static void plain_adamax(float *w, float *m, float *norm, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                         uint64_t step, size_t count) {
  float alpha = rate / (1 - powf(beta_1, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    norm[i] = fmaxf(beta_2 * norm[i], fabsf(g[i]));
    w[i] -= alpha * m[i] / (norm[i] + epsilon);
  }
}
static void plain_nadam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                        double product, uint64_t step, size_t count) {
  float decay = powf(0.96f, (float)step), u = beta_1 * (1 - 0.5f * decay), next = beta_1 * (1 - 0.48f * decay);
  float first = next / (1 - (float)product * next), second = (1 - u) / (1 - (float)product);
  float correction = 1 / (1 - powf(beta_2, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta_2);
    w[i] -= rate * (first * m[i] + second * g[i]) / (sqrtf(v[i] * correction) + epsilon);
  }
}
static void plain_adagrad(float *w, float *sum, const float *g, float rate, float epsilon, size_t count) {
  for (size_t i = 0; i < count; i++) {
    sum[i] += g[i] * g[i];
    w[i] -= rate * g[i] / sqrtf(sum[i] + epsilon);
  }
}
static void plain_adadelta(float *w, float *gradients, float *deltas, const float *g, float rate, float rho, float epsilon,
                           size_t count) {
  for (size_t i = 0; i < count; i++) {
    gradients[i] = rho * gradients[i] + (1 - rho) * g[i] * g[i];
    float delta = sqrtf(deltas[i] + epsilon) * g[i] / sqrtf(gradients[i] + epsilon);
    deltas[i] = rho * deltas[i] + (1 - rho) * delta * delta;
    w[i] -= rate * delta;
  }
}
static void plain_lion(float *w, float *m, const float *g, float rate, float beta_1, float beta_2, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float mean = beta_1 * m[i] + (1 - beta_1) * g[i];
    w[i] -= mean > 0 ? rate : mean < 0 ? -rate : 0;
    m[i] = beta_2 * m[i] + (1 - beta_2) * g[i];
  }
}
static void plain_ftrl(float *w, float *sum, float *linear, const float *g, float rate, float l1, float l2, float l2_shrinkage,
                       float beta, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float root = sqrtf(sum[i] + g[i] * g[i]);
    linear[i] += g[i] + 2 * l2_shrinkage * w[i] - (root - sqrtf(sum[i])) / rate * w[i];
    sum[i] += g[i] * g[i];
    float clipped = linear[i] < -l1 ? -l1 : linear[i] > l1 ? l1 : linear[i];
    w[i] = (clipped - linear[i]) / (root / rate + 2 * l2 + beta / rate);
  }
}
static void plain_moving_average(float *average, const float *w, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) average[i] = momentum * average[i] + (1 - momentum) * w[i];
}
static void plain_decay_and_add(float *w, const float *change, float decay, size_t count) {
  for (size_t i = 0; i < count; i++) w[i] += change[i] - decay * w[i];
}
static void plain_scale_and_clip(float *y, const float *x, double scale, float limit, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float scaled = (float)scale * x[i];
    y[i] = scaled < -limit ? -limit : scaled > limit ? limit : scaled;
  }
}
static void plain_sum_of_squares(double *sum, const float *x, size_t count) {
  *sum = 0;
  for (size_t i = 0; i < count; i++) *sum += (double)x[i] * (double)x[i];
}

static void plain_gemm(int transa, int transb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                       const float *b, size_t ldb, float beta, float *c, size_t ldc, const lam_epilogue *epilogue,
                       float *scratch) {
  (void)epilogue, (void)scratch;
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    for (size_t l = 0; l < k; l++) {
      float factor = alpha * (transa ? a[l * lda + i] : a[i * lda + l]);
      for (size_t j = 0; j < n; j++) c[i * ldc + j] += factor * (transb ? b[j * ldb + l] : b[l * ldb + j]);
    }
  }
}
