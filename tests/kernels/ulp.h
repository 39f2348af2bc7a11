/* SPDX-License-Identifier: MIT
 *
 * Distance in units in the last place of float, and the functions whose distance is stated.
 */
#ifndef LAM_TESTS_KERNELS_ULP_H
#define LAM_TESTS_KERNELS_ULP_H

#include "exact.h"
#include "kernels/kernels.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>
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

typedef void(*unary_kernel) LAM_UNARY_ARGUMENTS;
typedef struct {
  const char *name;
  double (*exact)(double);
  size_t offset;
  double bound;
  size_t backward; /* 0: none */
  bool from_x;     /* it takes x, not y */
  bool with;       /* the kernels take parameters: */
  float p[3];
} stated_function;

/* Runs it whichever signature it has. */
static inline void run_stated(const stated_function *s, const lam_kernel_table *table, float *y, const float *x, size_t n) {
  void(*with) LAM_UNARY_WITH_ARGUMENTS;
  unary_kernel plain;
  memcpy(&with, (const char *)table + s->offset, sizeof with);
  memcpy(&plain, (const char *)table + s->offset, sizeof plain);
  if (s->with)
    with(y, n, x, n, s->p, 1, n);
  else
    plain(y, n, x, n, 1, n);
}

/* The bounds of lamina/kernels.h. */
static const stated_function stated_functions[] = {
  { .name = "exp",
    .exact = exact_exp,
    .offset = offsetof(lam_kernel_table, exp),
    .bound = 1,
    .backward = offsetof(lam_kernel_table, multiply),
    .from_x = false },
  { .name = "log", .exact = exact_log, .offset = offsetof(lam_kernel_table, log), .bound = 1 },
  { .name = "sigmoid",
    .exact = exact_sigmoid,
    .offset = offsetof(lam_kernel_table, sigmoid),
    .bound = 2,
    .backward = offsetof(lam_kernel_table, sigmoid_backward),
    .from_x = false },
  { .name = "tanh",
    .exact = exact_tanh,
    .offset = offsetof(lam_kernel_table, tanh),
    .bound = 2,
    .backward = offsetof(lam_kernel_table, tanh_backward),
    .from_x = false },
  { .name = "softplus",
    .exact = exact_softplus,
    .offset = offsetof(lam_kernel_table, softplus),
    .bound = 2.5,
    .backward = offsetof(lam_kernel_table, softplus_backward),
    .from_x = false },
  { .name = "log_sigmoid",
    .exact = exact_log_sigmoid,
    .offset = offsetof(lam_kernel_table, log_sigmoid),
    .bound = 2.5,
    .backward = offsetof(lam_kernel_table, log_sigmoid_backward),
    .from_x = false },
  { .name = "silu",
    .exact = exact_silu,
    .offset = offsetof(lam_kernel_table, silu),
    .bound = 2,
    .backward = offsetof(lam_kernel_table, silu_backward),
    .from_x = true },
  { .name = "mish",
    .exact = exact_mish,
    .offset = offsetof(lam_kernel_table, mish),
    .bound = 5,
    .backward = offsetof(lam_kernel_table, mish_backward),
    .from_x = true },
  { .name = "gelu",
    .exact = exact_gelu,
    .offset = offsetof(lam_kernel_table, gelu),
    .bound = 6,
    .backward = offsetof(lam_kernel_table, gelu_backward),
    .from_x = true },
  { .name = "gelu_tanh",
    .exact = exact_gelu_tanh,
    .offset = offsetof(lam_kernel_table, gelu_tanh),
    .bound = 5,
    .backward = offsetof(lam_kernel_table, gelu_tanh_backward),
    .from_x = true },
  { .name = "softsign",
    .exact = exact_softsign,
    .offset = offsetof(lam_kernel_table, softsign),
    .bound = 1.5,
    .backward = offsetof(lam_kernel_table, softsign_backward),
    .from_x = true },
  { .name = "hard_sigmoid",
    .exact = exact_hard_sigmoid,
    .offset = offsetof(lam_kernel_table, hard_sigmoid),
    .bound = 1.5,
    .backward = offsetof(lam_kernel_table, hard_sigmoid_backward),
    .from_x = false },
  { .name = "hard_silu",
    .exact = exact_hard_silu,
    .offset = offsetof(lam_kernel_table, hard_silu),
    .bound = 2,
    .backward = offsetof(lam_kernel_table, hard_silu_backward),
    .from_x = true },
  { .name = "tanh_shrink",
    .exact = exact_tanh_shrink,
    .offset = offsetof(lam_kernel_table, tanh_shrink),
    .bound = 4,
    .backward = offsetof(lam_kernel_table, tanh_shrink_backward),
    .from_x = true },
  { .name = "sparse_sigmoid",
    .exact = exact_sparse_sigmoid,
    .offset = offsetof(lam_kernel_table, sparse_sigmoid),
    .bound = 1,
    .backward = offsetof(lam_kernel_table, sparse_sigmoid_backward),
    .from_x = false },
  { .name = "sparse_plus",
    .exact = exact_sparse_plus,
    .offset = offsetof(lam_kernel_table, sparse_plus),
    .bound = 2.5,
    .backward = offsetof(lam_kernel_table, sparse_plus_backward),
    .from_x = false },
  { .name = "elu",
    .exact = exact_elu,
    .offset = offsetof(lam_kernel_table, elu),
    .bound = 3,
    .backward = offsetof(lam_kernel_table, elu_backward),
    .with = true,
    .p = { 1, 1, 1 } },
  { .name = "selu",
    .exact = exact_selu,
    .offset = offsetof(lam_kernel_table, elu),
    .bound = 3,
    .backward = offsetof(lam_kernel_table, elu_backward),
    .with = true,
    .p = { LAM_SELU_BELOW, LAM_SELU_ABOVE, 1 } },
  { .name = "celu",
    .exact = exact_celu,
    .offset = offsetof(lam_kernel_table, elu),
    .bound = 3,
    .backward = offsetof(lam_kernel_table, elu_backward),
    .with = true,
    .p = { 0.7f, 1, 1 / 0.7f } },
  { .name = "squareplus",
    .exact = exact_squareplus,
    .offset = offsetof(lam_kernel_table, squareplus),
    .bound = 3,
    .backward = offsetof(lam_kernel_table, squareplus_backward),
    .with = true,
    .p = { 4 } },
  { .name = "relu_with",
    .exact = exact_relu_with,
    .offset = offsetof(lam_kernel_table, relu_with),
    .bound = 1.5,
    .backward = offsetof(lam_kernel_table, relu_with_backward),
    .with = true,
    .p = { 0.1f, 4, 0.5f } },
  { .name = "leaky_relu",
    .exact = exact_leaky_relu,
    .offset = offsetof(lam_kernel_table, relu_with),
    .bound = 1.5,
    .backward = offsetof(lam_kernel_table, relu_with_backward),
    .with = true,
    .p = { 0.2f, INFINITY, 0 } },
};
enum { STATED_FUNCTIONS = sizeof stated_functions / sizeof *stated_functions };

/* The slope at x, from the backward kernel. */
static inline double slope_of(const stated_function *s, const lam_kernel_table *table, float x) {
  void(*with) LAM_BACKWARD_WITH_ARGUMENTS;
  void(*plain) LAM_BACKWARD_ARGUMENTS;
  float y, dx = 0, one = 1;
  memcpy(&with, (const char *)table + s->backward, sizeof with);
  memcpy(&plain, (const char *)table + s->backward, sizeof plain);
  run_stated(s, table, &y, &x, 1);
  const float *v = s->from_x ? &x : &y;
  if (s->with)
    with(&dx, 1, &one, 1, v, 1, s->p, 1, 1);
  else
    plain(&dx, 1, &one, 1, v, 1, 1, 1);
  return (double)dx;
}

/* The largest distance over the floats whose bits are 0, stride, 2 stride, ...; *where gets its argument. */
static inline double largest_ulp(const stated_function *s, const lam_kernel_table *table, uint32_t stride, float *where) {
  enum { BLOCK = 1024 };
  float x[BLOCK], y[BLOCK];
  double worst = 0;
  uint64_t bits = 0;
  while (bits < UINT64_C(1) << 32) {
    size_t n = 0;
    for (; n < BLOCK && bits < UINT64_C(1) << 32; bits += stride) x[n++] = float_of_bits((uint32_t)bits);
    run_stated(s, table, y, x, n);
    for (size_t i = 0; i < n; ++i) {
      double distance = ulp_distance(y[i], s->exact(x[i]));
      if (!(distance <= worst)) worst = distance, *where = x[i];
    }
  }
  return worst;
}

#endif
