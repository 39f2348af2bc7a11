/* SPDX-License-Identifier: MIT
 *
 * Plain loops of functions, normalizations and rows, and the table of all; see plain.h. Formulas are those of lamina/kernels.h.
 */
#include "bench/plain_loops.h"

#define LAM_X(name, arguments) .name = plain_##name,
const lam_kernel_table plain_kernels = { .isa = "plain", LAM_KERNEL_LIST(LAM_X) };
#undef LAM_X

/* ---- elementwise --------------------------------------------------------------------------------------------------- */

void plain_exp LAM_UNARY_ARGUMENTS { EACH(Y = expf(X)) }
void plain_log LAM_UNARY_ARGUMENTS { EACH(Y = logf(X)) }
void plain_relu LAM_UNARY_ARGUMENTS { EACH(Y = X > 0 ? X : 0) }
void plain_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = 1 / (1 + expf(-X))) }
void plain_tanh LAM_UNARY_ARGUMENTS { EACH(Y = tanhf(X)) }
void plain_relu_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y > 0 ? DY : 0) }
void plain_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * Y * (1 - Y)) }
void plain_tanh_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * (1 - Y * Y)) }

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
void plain_hard_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = fminf(fmaxf(X + 3, 0), 6) / 6) }
void plain_hard_silu LAM_UNARY_ARGUMENTS { EACH(Y = X * fminf(fmaxf(X + 3, 0), 6) / 6) }
void plain_hard_tanh LAM_UNARY_ARGUMENTS { EACH(Y = fminf(fmaxf(X, -1), 1)) }
void plain_softplus LAM_UNARY_ARGUMENTS { EACH(Y = fmaxf(X, 0) + log1pf(expf(-fabsf(X)))) }
void plain_log_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = fminf(X, 0) - log1pf(expf(-fabsf(X)))) }
void plain_softsign LAM_UNARY_ARGUMENTS { EACH(Y = X / (1 + fabsf(X))) }
void plain_silu LAM_UNARY_ARGUMENTS { EACH(Y = X / (1 + expf(-X))) }
void plain_mish LAM_UNARY_ARGUMENTS { EACH(Y = X * tanhf(log1pf(expf(X)))) }
void plain_gelu LAM_UNARY_ARGUMENTS { EACH(Y = X * 0.5f * erfcf(-X * 0.70710678f)) }
void plain_gelu_tanh LAM_UNARY_ARGUMENTS { EACH(Y = X * 0.5f * (1 + tanhf(0.79788456f * (X + 0.044715f * X * X * X)))) }
void plain_tanh_shrink LAM_UNARY_ARGUMENTS { EACH(Y = X - tanhf(X)) }
void plain_sparse_plus LAM_UNARY_ARGUMENTS { EACH(Y = X <= -1 ? 0 : X >= 1 ? X : (X + 1) * (X + 1) / 4) }
void plain_sparse_sigmoid LAM_UNARY_ARGUMENTS { EACH(Y = fminf(fmaxf((X + 1) / 2, 0), 1)) }
void plain_relu_with LAM_UNARY_WITH_ARGUMENTS { EACH(Y = X > p[2] ? fminf(X, p[1]) : p[0] * (X - p[2])) }
void plain_elu LAM_UNARY_WITH_ARGUMENTS { EACH(Y = X > 0 ? p[1] * X : p[0] * expm1f(p[2] * X)) }
void plain_threshold LAM_UNARY_WITH_ARGUMENTS { EACH(Y = X > p[0] ? X : p[1]) }
void plain_squareplus LAM_UNARY_WITH_ARGUMENTS { EACH(Y = (X + sqrtf(X * X + p[0])) / 2) }
void plain_hard_shrink LAM_UNARY_WITH_ARGUMENTS { EACH(Y = fabsf(X) > p[0] ? X : 0) }
void plain_soft_shrink LAM_UNARY_WITH_ARGUMENTS { EACH(Y = fabsf(X) > p[0] ? X - copysignf(p[0], X) : 0) }
void plain_hard_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * (Y > 0 && Y < 1 ? 1 / 6.0f : 0)) }
void plain_hard_silu_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * (Y <= -3 ? 0 : Y >= 3 ? 1 : (2 * Y + 3) / 6)) }
void plain_hard_tanh_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y > -1 && Y < 1 ? DY : 0) }
void plain_softplus_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * -expm1f(-Y)) }
void plain_log_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * -expm1f(Y)) }
void plain_softsign_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY / ((1 + fabsf(Y)) * (1 + fabsf(Y)))) }
void plain_silu_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * silu_slope(Y)) }
void plain_mish_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * mish_slope(Y)) }
void plain_gelu_backward LAM_BACKWARD_ARGUMENTS {
  EACH(DX = DY * (0.5f * erfcf(-Y * 0.70710678f) + Y * 0.39894228f * expf(-Y * Y / 2)))
}
void plain_gelu_tanh_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * gelu_tanh_slope(Y)) }
void plain_tanh_shrink_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * tanhf(Y) * tanhf(Y)) }
void plain_sparse_plus_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = DY * fminf(1, sqrtf(Y))) }
void plain_sparse_sigmoid_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y > 0 && Y < 1 ? DY / 2 : 0) }
void plain_shrink_backward LAM_BACKWARD_ARGUMENTS { EACH(DX = Y != 0 ? DY : 0) }
void plain_relu_with_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = Y <= 0 ? p[0] * DY : Y < p[1] ? DY : 0) }
void plain_elu_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = DY * (Y > 0 ? p[1] : p[2] * (Y + p[0]))) }
void plain_threshold_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = Y > p[0] ? DY : 0) }
void plain_squareplus_backward LAM_BACKWARD_WITH_ARGUMENTS { EACH(DX = DY * Y * Y / (Y * Y + p[0] / 4)) }

/* tau by bisection of [max - 1, max], to the last bit. */
void plain_sparsemax LAM_UNARY_ARGUMENTS {
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
void plain_sparsemax_backward LAM_BACKWARD_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0, count = 0;
    for (size_t j = 0; j < columns; j++)
      if (Y > 0) sum += DY, count++;
    for (size_t j = 0; j < columns; j++) DX = Y > 0 ? DY - sum / count : 0;
  }
}

void plain_prelu(float *y, size_t ldy, const float *x, size_t ldx, const float *slopes, size_t rows, size_t columns) {
  EACH(Y = X > 0 ? X : slopes[j] * X)
}
void plain_prelu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx, const float *slopes,
                          size_t rows, size_t columns) {
  EACH(DX = X > 0 ? DY : slopes[j] * DY)
}
void plain_prelu_slopes(float *dslopes, const float *dy, size_t lddy, const float *x, size_t ldx, size_t rows, size_t columns) {
  memset(dslopes, 0, columns * sizeof *dslopes);
  EACH(dslopes[j] += X > 0 ? 0 : DY * X)
}
void plain_pass_equal(float *dx, size_t lddx, float *rest, size_t ldrest, const float *x, size_t ldx, const float *y, size_t ldy,
                      size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) {
      bool here = X == Y;
      if (dx) DX = here ? rest[i * ldrest + j] : 0;
      if (here) rest[i * ldrest + j] = 0;
    }
  }
}
void plain_dropout(float *y, const float *x, float rate, uint64_t seed, uint64_t stream, uint64_t first, size_t count) {
  float number;
  for (size_t i = 0; i < count; i++) {
    lam_random_uniform(&number, 1, seed, stream, first + i);
    y[i] = number >= rate ? x[i] / (1 - rate) : 0;
  }
}

void plain_bias(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  EACH(Y = X + bias[j])
}
void plain_bias_relu(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  EACH(Y = X + bias[j] > 0 ? X + bias[j] : 0)
}
#define A a[i * lda + j]
#define B b[i * ldb + j]
void plain_add LAM_BINARY_ARGUMENTS { EACH(Y = A + B) }
void plain_subtract LAM_BINARY_ARGUMENTS { EACH(Y = A - B) }
void plain_multiply LAM_BINARY_ARGUMENTS { EACH(Y = A * B) }
void plain_maximum LAM_BINARY_ARGUMENTS { EACH(Y = fmaxf(A, B)) }
void plain_minimum LAM_BINARY_ARGUMENTS { EACH(Y = fminf(A, B)) }
void plain_from_bytes(float *y, size_t ldy, const uint8_t *x, size_t ldx, float scale, float offset, size_t rows,
                      size_t columns) {
  EACH(Y = scale * X + offset)
}
void plain_affine(float *y, size_t ldy, const float *x, size_t ldx, float scale, float offset, size_t rows, size_t columns) {
  EACH(Y = scale * X + offset)
}

void plain_standardize(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance, size_t rows,
                       size_t columns) {
  EACH(Y = (X - (mean ? mean[j] : 0)) / fmaxf(sqrtf(variance[j]), 1e-7f))
}

/* ---- normalizations ------------------------------------------------------------------------------------------------ */

#define Z ((X - mean[j]) / sqrtf(variance[j] + epsilon))
#define ROW_Z ((X - statistics[2 * i]) * statistics[2 * i + 1])
void plain_column_moments(float *mean, float *variance, const float *x, size_t ldx, size_t rows, size_t columns) {
  memset(mean, 0, columns * sizeof *mean);
  memset(variance, 0, columns * sizeof *variance);
  EACH(mean[j] += X / (float)rows)
  EACH(variance[j] += (X - mean[j]) * (X - mean[j]) / (float)rows)
}
void plain_normalize_columns(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                             const float *gamma, const float *beta, float epsilon, size_t rows, size_t columns) {
  EACH(Y = Z * gamma[j] + beta[j])
}
void plain_normalize_columns_backward(float *dx, size_t lddx, float *dgamma, float *dbeta, const float *dy, size_t lddy,
                                      const float *x, size_t ldx, const float *mean, const float *variance, const float *gamma,
                                      float epsilon, size_t rows, size_t columns) {
  float n = (float)rows;
  memset(dgamma, 0, columns * sizeof *dgamma);
  memset(dbeta, 0, columns * sizeof *dbeta);
  EACH(dgamma[j] += DY * Z; dbeta[j] += DY)
  EACH(DX = gamma[j] / sqrtf(variance[j] + epsilon) * (DY - dbeta[j] / n - Z * dgamma[j] / n))
}
void plain_normalize_rows(float *y, size_t ldy, float *statistics, const float *x, size_t ldx, const float *gamma,
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
void plain_normalize_rows_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                   const float *statistics, const float *gamma, int centered, size_t rows, size_t columns) {
  float n = (float)columns;
  for (size_t i = 0; i < rows; i++) {
    float sum = 0, product = 0;
    for (size_t j = 0; j < columns; j++) sum += DY * gamma[j], product += DY * gamma[j] * ROW_Z;
    if (!centered) sum = 0;
    for (size_t j = 0; j < columns; j++) DX = statistics[2 * i + 1] * (DY * gamma[j] - sum / n - ROW_Z * product / n);
  }
}
void plain_normalize_rows_factors(float *dgamma, const float *dy, size_t lddy, const float *x, size_t ldx,
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

float plain_softmax_row(float *y, const float *x, size_t n) {
  float m = maximum(x, n), sum = 0;
  for (size_t j = 0; j < n; j++) sum += y[j] = expf(x[j] - m);
  for (size_t j = 0; j < n; j++) y[j] /= sum;
  return m + logf(sum);
}

void plain_softmax LAM_UNARY_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) (void)plain_softmax_row(y + i * ldy, x + i * ldx, columns);
}
void plain_log_softmax LAM_UNARY_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float lse = log_sum(x + i * ldx, columns);
    for (size_t j = 0; j < columns; j++) Y = X - lse;
  }
}
void plain_softmax_backward LAM_BACKWARD_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float dot = 0;
    for (size_t j = 0; j < columns; j++) dot += DY * Y;
    for (size_t j = 0; j < columns; j++) DX = Y * (DY - dot);
  }
}
void plain_log_softmax_backward LAM_BACKWARD_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) sum += DY;
    for (size_t j = 0; j < columns; j++) DX = DY - expf(Y) * sum;
  }
}
void plain_log_sum_exp(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) y[i] = log_sum(x + i * ldx, columns);
}
void plain_argmax(int32_t *index, const float *x, size_t ldx, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    size_t best = 0;
    for (size_t j = 1; j < columns; j++) best = X > x[i * ldx + best] ? j : best;
    index[i] = (int32_t)best;
  }
}
void plain_column_sums(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  memset(y, 0, columns * sizeof *y);
  EACH(y[j] += X)
}
