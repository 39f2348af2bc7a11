/* SPDX-License-Identifier: MIT
 *
 * exp, log, sigmoid and tanh keep their stated bounds, sampled over all floats at every level; special values; and the check
 * itself refuses what is out of bounds.
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
      double worst = largest_ulp(kernel_at(table, s->offset), s->exact, STRIDE, &where);
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
  assert_true(largest_ulp(shifted_exp, exact_exp, STRIDE, &where) > 1.5);
  assert_true(ulp_distance(0.0f, INFINITY) == INFINITY);
  assert_true(ulp_distance(1.0f, NAN) == INFINITY);
  assert_true(ulp_distance(NAN, 1.0) == INFINITY);
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
    cmocka_unit_test(special_values_give_the_documented_answers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
