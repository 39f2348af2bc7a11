/* SPDX-License-Identifier: MIT
 *
 * exp, log and the activations keep their stated bounds, sampled over all floats at every level; slopes against central
 * differences in double; special values; and the check itself refuses what is out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "every.h"
#include "ulp.h"
#include <cmocka.h>

/* A prime, so that every exponent and every low bit pattern is met. */
enum { STRIDE = 9973 };

static void functions_keep_their_bounds_over_all_exponents(void **state) {
  (void)state;
  for (size_t l = 0; l < EVERY_LEVELS; ++l) {
    const lam_kernel_table *table = lam_kernels_at(every_level[l]);
    if (!table) continue;
    for (size_t f = 0; f < STATED_FUNCTIONS; ++f) {
      const stated_function *s = &stated_functions[f];
      float where = 0;
      double worst = largest_ulp(s, table, STRIDE, &where);
      if (!(worst <= s->bound)) fail_msg("%s at %a on %s: %g ULP", s->name, (double)where, table->isa, worst);
      assert_true(worst > 0.4); /* a right measure sees at least the rounding */
    }
  }
}

static void shifted_exp(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
  lam_kernels()->exp(y, ldy, x, ldx, rows, columns);
  for (size_t i = 0; i < columns; ++i) {
    uint32_t bits;
    memcpy(&bits, &y[i], 4);
    bits += bits > 0x00800000 && bits < 0x7f000000 ? 2 : 0; /* two ULP away */
    memcpy(&y[i], &bits, 4);
  }
}

static void the_check_refuses_two_ulp_more(void **state) {
  (void)state;
  float where = 0;
  lam_kernel_table shifted = *lam_kernels();
  shifted.exp = shifted_exp;
  assert_true(largest_ulp(&stated_functions[0], &shifted, STRIDE, &where) > 1.5);
  assert_true(ulp_distance(0.0f, INFINITY) == INFINITY);
  assert_true(ulp_distance(1.0f, NAN) == INFINITY);
  assert_true(ulp_distance(NAN, 1.0) == INFINITY);
}

/* Central differences with h = 2^-14 (1 + |x|): h^2 / 6 times the third derivative, below 30 for all of these but exp, is 2e-8,
 * a third of u; rounding in double adds 2^-53 / h (1 + |f|), much less. Kinks are kept away from. */
static void slopes_keep_their_bound(void **state) {
  (void)state;
  static const float kinks[] = { -3, -1, 0, 0.5f, 1, 3, 4 };
  for (size_t f = 0; f < STATED_FUNCTIONS; ++f) {
    const stated_function *s = &stated_functions[f];
    if (!s->backward) continue;
    for (float x = -40; x < 40; x += 0.0371f) {
      double h = ldexp(1 + fabs((double)x), -14), nearest = INFINITY;
      for (size_t i = 0; i < sizeof kinks / sizeof *kinks; ++i) nearest = fmin(nearest, fabs((double)(x - kinks[i])));
      if (nearest < 2 * h || (s->exact == exact_exp && x > 1)) continue;
      double slope = (s->exact(x + h) - s->exact(x - h)) / (2 * h), got = slope_of(s, lam_kernels(), x);
      double largest = s->exact == exact_exp ? exp(1) : s->exact == exact_selu ? 1.76 : 1.13;
      if (!(fabs(got - slope) <= 9 * 0x1p-24 * largest)) fail_msg("%s' at %.9g: %.9g, not %.9g", s->name, (double)x, got, slope);
    }
  }
}

/* Where a number is infinite or huge, so is the result or it is the limit; slopes too. */
static void activations_and_slopes_have_their_limits_at_the_ends(void **state) {
  (void)state;
  static const float ends[] = { INFINITY, 3.4e38f, 1e30f, 1e10f };
  for (size_t l = 0; l < EVERY_LEVELS; ++l) {
    const lam_kernel_table *table = lam_kernels_at(every_level[l]);
    if (!table) continue;
    for (size_t f = 0; f < STATED_FUNCTIONS; ++f) {
      const stated_function *s = &stated_functions[f];
      for (size_t i = 0; s->backward && i < 2 * sizeof ends / sizeof *ends; ++i) {
        float x = i % 2 ? -ends[i / 2] : ends[i / 2], y;
        run_stated(s, table, &y, &x, 1);
        if (ulp_distance(y, s->exact(x)) > s->bound) fail_msg("%s(%g) = %g", s->name, (double)x, (double)y);
        double slope = slope_of(s, table, x), near = x > 0 ? 30 : -30;
        double limit = s->exact == exact_exp && x > 0 ? INFINITY : (s->exact(near * 1.001) - s->exact(near)) / (near * 0.001);
        /* softsign and squareplus are 1e-3 from their limit at 30 */
        if (!(slope == limit || fabs(slope - limit) < 2e-3)) fail_msg("%s'(%g) = %g", s->name, (double)x, slope);
      }
      float x = NAN, y;
      run_stated(s, table, &y, &x, 1);
      if (!isnan(y) || (s->backward && !isnan(slope_of(s, table, x)))) fail_msg("%s loses a NaN", s->name);
    }
  }
}

static float apply(unary_kernel kernel, float x) {
  float y;
  kernel(&y, 1, &x, 1, 1, 1);
  return y;
}

static void special_values_give_the_documented_answers(void **state) {
  (void)state;
  for (size_t l = 0; l < EVERY_LEVELS; ++l) {
    const lam_kernel_table *t = lam_kernels_at(every_level[l]);
    if (!t) continue;
    assert_true(isnan(apply(t->exp, NAN)) && isnan(apply(t->log, NAN)) && isnan(apply(t->sigmoid, NAN)));
    assert_true(isnan(apply(t->tanh, NAN)) && isnan(apply(t->relu, NAN)));
    assert_true(apply(t->exp, INFINITY) == INFINITY && apply(t->exp, 88.73f) == INFINITY && apply(t->exp, 88.72f) < INFINITY);
    assert_true(apply(t->exp, -INFINITY) == 0 && apply(t->exp, -103.98f) == 0 && apply(t->exp, -103.97f) > 0);
    assert_true(apply(t->exp, 0.0f) == 1 && apply(t->log, 1.0f) == 0);
    assert_true(apply(t->log, 0.0f) == -INFINITY && apply(t->log, -0.0f) == -INFINITY && apply(t->log, INFINITY) == INFINITY);
    assert_true(isnan(apply(t->log, -1e-45f)) && isnan(apply(t->log, -INFINITY)));
    assert_true(apply(t->sigmoid, INFINITY) == 1 && apply(t->sigmoid, -INFINITY) == 0 && apply(t->sigmoid, 0.0f) == 0.5f);
    assert_true(apply(t->tanh, INFINITY) == 1 && apply(t->tanh, -INFINITY) == -1 && apply(t->tanh, 1e-45f) == 1e-45f);
    assert_true(signbit(apply(t->tanh, -0.0f)) && !signbit(apply(t->relu, -0.0f)) && apply(t->relu, -3.0f) == 0);
    assert_true(apply(t->relu, INFINITY) == INFINITY && apply(t->relu, 1e-45f) == 1e-45f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(functions_keep_their_bounds_over_all_exponents),
    cmocka_unit_test(the_check_refuses_two_ulp_more),
    cmocka_unit_test(slopes_keep_their_bound),
    cmocka_unit_test(activations_and_slopes_have_their_limits_at_the_ends),
    cmocka_unit_test(special_values_give_the_documented_answers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
