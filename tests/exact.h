/* SPDX-License-Identifier: MIT
 *
 * Activations in double, by their definitions: what the kernels and networks of the tests are compared with.
 */
#ifndef LAM_TESTS_EXACT_H
#define LAM_TESTS_EXACT_H

#include <lamina/gemm.h>
#include <math.h>

static inline double exact_exp(double x) { return exp(x); }
static inline double exact_log(double x) { return log(x); }
static inline double exact_sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static inline double exact_tanh(double x) { return tanh(x); }

static inline double exact_softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static inline double exact_log_sigmoid(double x) { return -exact_softplus(-x); }
/* 0 times infinity is 0: the limit. */
static inline double times(double x, double y) { return y == 0 ? 0 : x * y; }
static inline double exact_silu(double x) { return times(x, exact_sigmoid(x)); }
static inline double exact_mish(double x) { return times(x, x < -20 ? exp(x) : tanh(exact_softplus(x))); }
static inline double exact_gelu(double x) { return times(x, 0.5 * erfc(-x * 0.70710678118654752440)); }
static inline double exact_gelu_tanh(double x) {
  return times(x, exact_sigmoid(1.59576912160573071176 * (x + 0.044715 * x * x * x)));
}
static inline double exact_softsign(double x) { return isinf(x) ? copysign(1, x) : x / (1 + fabs(x)); }
static inline double exact_hard_sigmoid(double x) { return isnan(x) ? x : fmin(fmax(x + 3, 0), 6) / 6; }
static inline double exact_hard_silu(double x) { return times(x, exact_hard_sigmoid(x)); }
/* x^3/3 - 2x^5/15 + 17x^7/315 - 62x^9/2835 where the difference would cancel. */
static inline double exact_tanh_shrink(double x) {
  double s = x * x;
  return fabs(x) > 0.01 ? x - tanh(x) : x * s * (1 / 3.0 - s * (2 / 15.0 - s * (17 / 315.0 - s * (62 / 2835.0))));
}
static inline double exact_sparse_sigmoid(double x) { return isnan(x) ? x : fmin(fmax((x + 1) / 2, 0), 1); }
static inline double exact_sparse_plus(double x) { return x >= 1 ? x : exact_sparse_sigmoid(x) * exact_sparse_sigmoid(x); }
static inline double exact_elu(double x) { return x > 0 ? x : expm1(x); }
static inline double exact_selu(double x) { return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * expm1(x)); }
static inline double exact_celu(double x) { return x > 0 ? x : (double)0.7f * expm1(x / (double)0.7f); }
static inline double exact_squareplus(double x) {
  return x > 0 ? (x + sqrt(x * x + 4)) / 2 : isnan(x) ? x : 2 / (sqrt(x * x + 4) - x);
}
static inline double exact_relu_with(double x) { return x > 0.5 ? fmin(x, 4) : (double)0.1f * (x - 0.5); }
/* With Keras's parameters. */
static inline double exact_linear(double x) { return x; }
static inline double exact_relu(double x) { return x < 0 ? 0 : x; }
static inline double exact_relu6(double x) { return x > 6 ? 6 : exact_relu(x); }
static inline double exact_leaky_relu(double x) { return x < 0 ? (double)0.2f * x : x; }
static inline double exact_hard_tanh(double x) { return x < -1 ? -1 : x > 1 ? 1 : x; }
static inline double exact_hard_shrink(double x) { return fabs(x) <= 0.5 ? 0 : x; }
static inline double exact_soft_shrink(double x) { return fabs(x) <= 0.5 ? 0 : x - copysign(0.5, x); }

/* Element by element; NULL for those that work on whole rows. */
static double (*const exact_activations[])(double) = {
  [LAM_LINEAR] = exact_linear,
  [LAM_RELU] = exact_relu,
  [LAM_SIGMOID] = exact_sigmoid,
  [LAM_TANH] = exact_tanh,
  [LAM_RELU6] = exact_relu6,
  [LAM_LEAKY_RELU] = exact_leaky_relu,
  [LAM_ELU] = exact_elu,
  [LAM_SELU] = exact_selu,
  [LAM_CELU] = exact_elu,
  [LAM_GELU] = exact_gelu,
  [LAM_GELU_TANH] = exact_gelu_tanh,
  [LAM_SILU] = exact_silu,
  [LAM_MISH] = exact_mish,
  [LAM_SOFTPLUS] = exact_softplus,
  [LAM_SOFTSIGN] = exact_softsign,
  [LAM_HARD_SIGMOID] = exact_hard_sigmoid,
  [LAM_HARD_SILU] = exact_hard_silu,
  [LAM_LOG_SIGMOID] = exact_log_sigmoid,
  [LAM_EXPONENTIAL] = exact_exp,
  [LAM_HARD_TANH] = exact_hard_tanh,
  [LAM_HARD_SHRINK] = exact_hard_shrink,
  [LAM_SOFT_SHRINK] = exact_soft_shrink,
  [LAM_TANH_SHRINK] = exact_tanh_shrink,
  [LAM_THRESHOLD] = exact_relu,
  [LAM_SQUAREPLUS] = exact_squareplus,
  [LAM_SPARSE_PLUS] = exact_sparse_plus,
  [LAM_SPARSE_SIGMOID] = exact_sparse_sigmoid,
  [LAM_SPARSEMAX] = NULL,
};
enum { EXACT_ACTIVATIONS = sizeof exact_activations / sizeof *exact_activations };

/* The activation over a row of n <= 64, in place. */
static inline void exact_activate(double *y, size_t n, lam_activation activation) {
  double most = y[0], sum = 0, tau = 0;
  for (size_t i = 1; i < n; i++) most = fmax(most, y[i]);
  for (size_t i = 0; i < n; i++) sum += exp(y[i] - most);
  if (activation == LAM_SPARSEMAX) { /* by bisection */
    double low = most - 1, high = most;
    for (int step = 0; step < 200; step++) {
      double above = 0;
      tau = (low + high) / 2;
      for (size_t i = 0; i < n; i++) above += fmax(y[i] - tau, 0);
      *(above > 1 ? &low : &high) = tau;
    }
  }
  for (size_t i = 0; i < n; i++) {
    double x = y[i];
    if (activation == LAM_SOFTMAX) y[i] = exp(x - most) / sum;
    if (activation == LAM_LOG_SOFTMAX) y[i] = x - most - log(sum);
    if (activation == LAM_SPARSEMAX) y[i] = fmax(x - tau, 0);
    if (exact_activations[activation]) y[i] = exact_activations[activation](x);
  }
}

#endif
