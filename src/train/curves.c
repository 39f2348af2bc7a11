/* SPDX-License-Identifier: MIT
 *
 * The curves: functions of one number with their slopes, by their definitions and as stable as double needs it.
 */
#include "blas/gemm.h"
#include "train/tape.h"

#include <math.h>

#define CURVE(name, f, df)                                                                                                       \
  static double name(double x, const double *p) {                                                                                \
    (void)p;                                                                                                                     \
    return f;                                                                                                                    \
  }                                                                                                                              \
  static double name##_slope(double x, const double *p) {                                                                        \
    (void)x;                                                                                                                     \
    (void)p;                                                                                                                     \
    return df;                                                                                                                   \
  }

/* ---- elementary --------------------------------------------------------------------------------------------------- */

CURVE(exponential, exp(x), exp(x))
CURVE(logarithm, log(x), 1 / x)
CURVE(root, sqrt(x), 0.5 / sqrt(x))
CURVE(absolute, fabs(x), x > 0 ? 1 : x < 0 ? -1 : 0)
CURVE(clip, fmin(fmax(x, p[0]), p[1]), x >= p[0] && x <= p[1] ? 1 : 0)

CURVE(huber, fabs(x) <= p[0] ? x * x / 2 : p[0] * (fabs(x) - p[0] / 2), fmin(fmax(x, -p[0]), p[0]))
/* cosh^2 = 1 + sinh^2, which does not cancel. */
CURVE(log_cosh, fabs(x) < 1 ? log1p(sinh(x) * sinh(x)) / 2 : fabs(x) + log1p(exp(-2 * fabs(x))) - 0.69314718055994530942, tanh(x))

/* ---- activations -------------------------------------------------------------------------------------------------- */

static double logistic(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double log_one_plus_exp(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double normal(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); } /* the distribution function */
static double density(double x) { return 0.39894228040143267794 * exp(-x * x / 2); }
static double between(double x, double low, double high) { return x > low && x < high ? 1 : 0; }
static double ramp(double x, double low, double high) { return fmin(fmax((x - low) / (high - low), 0), 1); }

CURVE(linear, x, 1)
/* p: the slope below, the maximum, the threshold. */
CURVE(rectifier, x > p[2] ? fmin(x, p[1]) : p[0] * (x - p[2]), x > p[2] ? x < p[1] : p[0])
CURVE(sigmoid, logistic(x), logistic(x) * logistic(-x))
CURVE(tangent, tanh(x), 1 / (cosh(x) * cosh(x)))
/* p: the size and the slope of the two sides, as in src/blas/activation.c. */
CURVE(elu, x > 0 ? p[1] * x : p[0] * expm1(p[2] * x), x > 0 ? p[1] : p[0] * p[2] * exp(p[2] * x))
CURVE(gelu, x *normal(x), normal(x) + x * density(x))
static double gate(double x) { return 1.59576912160573071176 * (x + 0.044715 * x * x * x); }
static double gate_slope(double x) { return 1.59576912160573071176 * (1 + 3 * 0.044715 * x * x); }
CURVE(gelu_tanh, x *logistic(gate(x)), logistic(gate(x)) * (1 + x * logistic(-gate(x)) * gate_slope(x)))
CURVE(silu, x *logistic(x), logistic(x) * (1 + x * logistic(-x)))
static double mish_gate(double x) { return tanh(log_one_plus_exp(x)); }
CURVE(mish, x *mish_gate(x), mish_gate(x) + x * (1 - mish_gate(x) * mish_gate(x)) * logistic(x))
CURVE(softplus, log_one_plus_exp(x), logistic(x))
CURVE(softsign, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))))
CURVE(hard_sigmoid, ramp(x, -3, 3), between(x, -3, 3) / 6)
CURVE(hard_silu, x *ramp(x, -3, 3), between(x, -3, 3) > 0 ? (2 * x + 3) / 6 : x > 0)
CURVE(log_sigmoid, -log_one_plus_exp(-x), logistic(-x))
CURVE(hard_tanh, fmin(fmax(x, -1), 1), between(x, -1, 1))
CURVE(hard_shrink, fabs(x) > p[0] ? x : 0, fabs(x) > p[0])
CURVE(soft_shrink, fabs(x) > p[0] ? x - copysign(p[0], x) : 0, fabs(x) > p[0])
CURVE(tanh_shrink, x - tanh(x), tanh(x) * tanh(x))
CURVE(threshold, x > p[0] ? x : p[1], x > p[0])
/* y (y - x) = p/4. */
static double hypotenuse(double x, const double *p) { return sqrt(x * x + p[0]); }
CURVE(squareplus, x > 0 ? (x + hypotenuse(x, p)) / 2 : p[0] / 2 / (hypotenuse(x, p) - x), squareplus(x, p) / hypotenuse(x, p))
CURVE(sparse_plus, x >= 1 ? x : ramp(x, -1, 1) * ramp(x, -1, 1), ramp(x, -1, 1))
CURVE(sparse_sigmoid, ramp(x, -1, 1), between(x, -1, 1) / 2)

/* ---- kinks -------------------------------------------------------------------------------------------------------- */

#define KINKS(name, count, low, high)                                                                                            \
  static size_t name(double at[2], const double *p) {                                                                            \
    (void)p;                                                                                                                     \
    at[0] = low;                                                                                                                 \
    at[1] = high;                                                                                                                \
    return count;                                                                                                                \
  }
KINKS(at_zero, 1, 0, 0)
KINKS(at_one, 2, -1, 1)
KINKS(at_three, 2, -3, 3)
KINKS(at_limits, 2, p[0], p[1])
KINKS(at_threshold, 1, p[0], p[0])
KINKS(at_both_thresholds, 2, -p[0], p[0])
KINKS(of_rectifier, p[1] < INFINITY ? 2 : 1, p[2], p[1])
KINKS(of_elu, p[0] * p[2] == p[1] ? 0 : 1, 0, 0)

/* ---- the tables --------------------------------------------------------------------------------------------------- */

/* Slopes of at most 1.2, that of mish being the steepest but gelu's, 1.13. */
static double gentle(const double *p) {
  (void)p;
  return 1.2;
}
static double steepest_elu(const double *p) { return fmax(p[1], p[0] * p[2]); }

#define ENTRY(name, f, roundings, ...)                                                                                           \
  { name, f, f##_slope, roundings, __VA_ARGS__ }

const lam_curve lam_curves[LAM_CURVES] = {
  [LAM_CURVE_EXP] = ENTRY("exp", exponential, 2, NULL, NULL),
  [LAM_CURVE_LOG] = ENTRY("log", logarithm, 2, NULL, NULL),
  [LAM_CURVE_SQRT] = ENTRY("sqrt", root, 1, NULL, NULL),
  [LAM_CURVE_ABSOLUTE] = ENTRY("absolute", absolute, 0, NULL, at_zero),
  [LAM_CURVE_CLIP] = ENTRY("clip", clip, 0, NULL, at_limits),
  [LAM_CURVE_HUBER] = ENTRY("huber", huber, 4, NULL, NULL),
  [LAM_CURVE_LOG_COSH] = ENTRY("log_cosh", log_cosh, 12, NULL, NULL),
};

/* The roundings are twice the ULPs of lamina/kernels.h. */
const lam_curve lam_activation_curves[] = {
  [LAM_LINEAR] = ENTRY("linear", linear, 0, NULL, NULL),
  [LAM_RELU] = ENTRY("relu", rectifier, 3, NULL, of_rectifier),
  [LAM_SIGMOID] = ENTRY("sigmoid", sigmoid, 4, gentle, NULL),
  [LAM_TANH] = ENTRY("tanh", tangent, 4, gentle, NULL),
  [LAM_RELU6] = ENTRY("relu6", rectifier, 3, NULL, of_rectifier),
  [LAM_LEAKY_RELU] = ENTRY("leaky_relu", rectifier, 3, NULL, of_rectifier),
  [LAM_ELU] = ENTRY("elu", elu, 6, steepest_elu, of_elu),
  [LAM_SELU] = ENTRY("selu", elu, 6, steepest_elu, of_elu),
  [LAM_CELU] = ENTRY("celu", elu, 6, steepest_elu, of_elu),
  [LAM_GELU] = ENTRY("gelu", gelu, 12, gentle, NULL),
  [LAM_GELU_TANH] = ENTRY("gelu_tanh", gelu_tanh, 10, gentle, NULL),
  [LAM_SILU] = ENTRY("silu", silu, 4, gentle, NULL),
  [LAM_MISH] = ENTRY("mish", mish, 10, gentle, NULL),
  [LAM_SOFTPLUS] = ENTRY("softplus", softplus, 5, gentle, NULL),
  [LAM_SOFTSIGN] = ENTRY("softsign", softsign, 3, gentle, NULL),
  [LAM_HARD_SIGMOID] = ENTRY("hard_sigmoid", hard_sigmoid, 3, gentle, at_three),
  [LAM_HARD_SILU] = ENTRY("hard_silu", hard_silu, 4, gentle, at_three),
  [LAM_LOG_SIGMOID] = ENTRY("log_sigmoid", log_sigmoid, 5, gentle, NULL),
  [LAM_EXPONENTIAL] = ENTRY("exponential", exponential, 2, NULL, NULL),
  [LAM_HARD_TANH] = ENTRY("hard_tanh", hard_tanh, 0, NULL, at_one),
  [LAM_HARD_SHRINK] = ENTRY("hard_shrink", hard_shrink, 0, NULL, at_both_thresholds),
  [LAM_SOFT_SHRINK] = ENTRY("soft_shrink", soft_shrink, 1, NULL, at_both_thresholds),
  [LAM_TANH_SHRINK] = ENTRY("tanh_shrink", tanh_shrink, 8, gentle, NULL),
  [LAM_THRESHOLD] = ENTRY("threshold", threshold, 0, NULL, at_threshold),
  [LAM_SQUAREPLUS] = ENTRY("squareplus", squareplus, 6, gentle, NULL),
  [LAM_SPARSE_PLUS] = ENTRY("sparse_plus", sparse_plus, 5, gentle, NULL),
  [LAM_SPARSE_SIGMOID] = ENTRY("sparse_sigmoid", sparse_sigmoid, 2, gentle, at_one),
  [LAM_SPARSEMAX] = { "sparsemax", NULL, NULL, 0, NULL, NULL },
};
