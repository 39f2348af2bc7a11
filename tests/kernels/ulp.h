/* SPDX-License-Identifier: MIT
 *
 * Distance in units in the last place of float, and the functions whose distance is stated.
 */
#ifndef LAM_TESTS_KERNELS_ULP_H
#define LAM_TESTS_KERNELS_ULP_H

#include "kernels/kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* |got - exact| in units of the spacing of floats at `exact`. 0 where both are NaN or the same infinity; a result that overflows
 * counts as right where the exact one is at least halfway from the greatest float to 2^128. */
static inline double ulp_distance(float got, double exact) {
  if (isnan(exact) || isnan(got)) return isnan(exact) && isnan(got) ? 0 : INFINITY;
  if (isinf(got)) return (got > 0) == (exact > 0) && fabs(exact) >= 0x1.ffffffp127 ? 0 : INFINITY;
  if (isinf(exact)) return INFINITY;
  int exponent = exact == 0 ? -126 : ilogb(exact);
  if (exponent < -126) exponent = -126;
  return fabs((double)got - exact) / ldexp(1, exponent - 23);
}

static inline float float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static inline double exact_exp(double x) { return exp(x); }
static inline double exact_log(double x) { return log(x); }
static inline double exact_sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static inline double exact_tanh(double x) { return tanh(x); }

typedef void(*unary_kernel) LAM_UNARY_ARGUMENTS;
typedef struct {
  const char *name;
  double (*exact)(double);
  size_t offset;
  double bound;
} stated_function;

/* The bounds of lamina/kernels.h. */
static const stated_function stated_functions[] = {
  { "exp", exact_exp, offsetof(lam_kernel_table, exp), 1 },
  { "log", exact_log, offsetof(lam_kernel_table, log), 1 },
  { "sigmoid", exact_sigmoid, offsetof(lam_kernel_table, sigmoid), 2 },
  { "tanh", exact_tanh, offsetof(lam_kernel_table, tanh), 2 },
};
enum { STATED_FUNCTIONS = sizeof stated_functions / sizeof *stated_functions };

static inline unary_kernel kernel_at(const lam_kernel_table *table, size_t offset) {
  unary_kernel kernel;
  memcpy(&kernel, (const char *)table + offset, sizeof kernel);
  return kernel;
}

/* The largest distance over the floats whose bits are 0, stride, 2 stride, ...; *where gets its argument. */
static inline double largest_ulp(unary_kernel kernel, double (*exact)(double), uint32_t stride, float *where) {
  enum { BLOCK = 1024 };
  float x[BLOCK], y[BLOCK];
  double worst = 0;
  uint64_t bits = 0;
  while (bits < UINT64_C(1) << 32) {
    size_t n = 0;
    for (; n < BLOCK && bits < UINT64_C(1) << 32; bits += stride) x[n++] = float_of_bits((uint32_t)bits);
    kernel(y, n, x, n, 1, n);
    for (size_t i = 0; i < n; ++i) {
      double distance = ulp_distance(y[i], exact(x[i]));
      if (!(distance <= worst)) worst = distance, *where = x[i];
    }
  }
  return worst;
}

#endif
