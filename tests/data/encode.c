/* SPDX-License-Identifier: MIT
 *
 * Arrays before they are data: one-hot rows, and rows of norm 1.
 */
#include <lamina.h>

#include "support.h"
#include <math.h>

static void labels_become_rows_with_a_one_and_strange_labels_zeros(void **state) {
  (void)state;
  const int32_t labels[] = { 2, -1, 0, 3 };
  const float want[] = { 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0 };
  float got[12];
  assert_int_equal(lam_one_hot_array(labels, 4, 1, 3, got), LAM_OK);
  assert_memory_equal(got, want, sizeof want);
}

static void classes_can_be_an_axis_in_the_middle(void **state) {
  (void)state;
  const int32_t labels[] = { 1, 0, 1, 1 }; /* two by two */
  const float want[] = { 0, 1, 1, 0, 0, 0, 1, 1 };
  float got[8];
  assert_int_equal(lam_one_hot_array(labels, 2, 2, 2, got), LAM_OK);
  assert_memory_equal(got, want, sizeof want);
}

static void norms_of_all_orders_become_one(void **state) {
  (void)state;
  const float x[] = { 3, -4, 1e-30f, 1e30f, 2e30f, -2e30f, 1, 2, 3 };
  const float orders[] = { 1, 0, 2.5f, 3, 7, INFINITY };
  float y[9];
  for (size_t o = 0; o < 6; o++) {
    assert_int_equal(lam_normalize_array(x, 3, 3, 1, orders[o], 0, y), LAM_OK);
    double p = orders[o] == 0 ? 2 : (double)orders[o];
    for (size_t i = 0; i < 3; i++) {
      double norm = 0, most = 0;
      for (size_t j = 0; j < 3; j++) most = fmax(most, fabs((double)x[3 * i + j]));
      for (size_t j = 0; j < 3; j++) norm += pow(fabs((double)x[3 * i + j]) / most, p);
      norm = most * (isinf(p) ? 1 : pow(norm, 1 / p));
      for (size_t j = 0; j < 3; j++) { /* rounded once, and 2^-40 for the powers */
        double want = (double)x[3 * i + j] / norm;
        assert_true(fabs((double)y[3 * i + j] - want) <= (0x1p-24 + 0x1p-40) * fabs(want));
      }
    }
  }
}

static void rows_below_epsilon_are_divided_by_it(void **state) {
  (void)state;
  const float x[] = { 0, 0, 1e-6f, 0 };
  float y[4];
  assert_int_equal(lam_normalize_array(x, 2, 2, 1, 0, 1e-5f, y), LAM_OK);
  assert_true(y[0] == 0 && y[1] == 0 && fabsf(y[2] - 0.1f) <= 0.1f * 0x1p-22f);
}

static void what_is_not_finite_stays_in_its_row(void **state) {
  (void)state;
  const float x[] = { NAN, 1, INFINITY, 1, 3, 4 };
  float y[6];
  assert_int_equal(lam_normalize_array(x, 3, 2, 1, 0, 0, y), LAM_OK);
  assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]) && y[3] == 0);
  assert_true(y[4] == 0.6f && y[5] == 0.8f);
}

static void orders_and_epsilons_that_make_no_norm_are_refused(void **state) {
  (void)state;
  float x[] = { 1 };
  const float orders[] = { 0.5f, -1, NAN }, epsilons[] = { -1, NAN };
  for (size_t i = 0; i < 3; i++) assert_int_equal(lam_normalize_array(x, 1, 1, 1, orders[i], 0, x), LAM_INVALID_ARGUMENT);
  for (size_t i = 0; i < 2; i++) assert_int_equal(lam_normalize_array(x, 1, 1, 1, 0, epsilons[i], x), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_normalize_array(NULL, 1, 1, 1, 0, 0, x), LAM_NO_HANDLE);
  assert_int_equal(lam_one_hot_array(NULL, 1, 1, 1, x), LAM_NO_HANDLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(labels_become_rows_with_a_one_and_strange_labels_zeros),
    cmocka_unit_test(classes_can_be_an_axis_in_the_middle),
    cmocka_unit_test(norms_of_all_orders_become_one),
    cmocka_unit_test(rows_below_epsilon_are_divided_by_it),
    cmocka_unit_test(what_is_not_finite_stays_in_its_row),
    cmocka_unit_test(orders_and_epsilons_that_make_no_norm_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
