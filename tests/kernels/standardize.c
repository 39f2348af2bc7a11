/* SPDX-License-Identifier: MIT
 *
 * lam_standardize against its formula, whose every step is rounded once: the bits must agree at every level.
 */
#include "kernels/kernels.h"
#include "support.h"
#include <math.h>

enum { ROWS = 5, MOST = 67, LD = 70 };

static float x[ROWS][LD], y[ROWS][LD], mean[MOST], variance[MOST];

static float expected(float value, float m, float v) {
  float root = sqrtf(v), deviation = root > 1e-7f ? root : 1e-7f, distance = value - m;
  return distance / deviation;
}

static int fill(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * LD, 1, 0, 0);
  lam_random_normal(mean, MOST, 1, 1, 0);
  lam_random_uniform(variance, MOST, 1, 2, 0);
  variance[3] = 0;
  variance[17] = 1e-30f;
  for (size_t i = 0; i < ROWS; ++i) x[i][3] = mean[3];
  x[2][3] = mean[3] + 1;
  return 0;
}

static void every_level_gives_the_bits_of_the_formula_and_writes_nothing_else(void **state) {
  (void)state;
  const char *const levels[] = { "avx512", "avx2", "neon", "portable" };
  for (size_t l = 0; l < 4; ++l) {
    const lam_kernel_table *table = lam_kernels_at(levels[l]);
    for (size_t columns = 1; table && columns <= MOST; ++columns)
      for (int centered = 0; centered < 2; ++centered) {
        memset(y, 0x7f, sizeof y);
        table->standardize(&y[0][0], LD, &x[0][0], LD, centered ? mean : NULL, variance, ROWS, columns);
        for (size_t i = 0; i < ROWS; ++i) {
          for (size_t j = 0; j < columns; ++j) assert_true(y[i][j] == expected(x[i][j], centered ? mean[j] : 0, variance[j]));
          for (size_t j = columns; j < LD; ++j) assert_memory_equal(&y[i][j], "\x7f\x7f\x7f\x7f", 4);
        }
      }
  }
}

static void a_column_that_does_not_vary_is_zero(void **state) {
  (void)state;
  assert_int_equal(lam_standardize(&y[0][0], LD, &x[0][0], LD, mean, variance, ROWS, MOST), LAM_OK);
  assert_true(y[0][3] == 0 && y[2][3] > 9e6f);
}

static void it_works_in_place(void **state) {
  (void)state;
  memcpy(y, x, sizeof y);
  assert_int_equal(lam_standardize(&y[0][0], LD, &y[0][0], LD, mean, variance, ROWS, MOST), LAM_OK);
  for (size_t i = 0; i < ROWS; ++i)
    for (size_t j = 0; j < MOST; ++j) assert_true(y[i][j] == expected(x[i][j], mean[j], variance[j]));
}

static void wrong_arguments_are_refused(void **state) {
  (void)state;
  assert_int_equal(lam_standardize(&y[0][0], LD, &x[0][0], LD, mean, NULL, ROWS, MOST), LAM_NO_HANDLE);
  assert_int_equal(lam_standardize(NULL, LD, &x[0][0], LD, mean, variance, ROWS, MOST), LAM_NO_HANDLE);
  assert_int_equal(lam_standardize(&y[0][0], 3, &x[0][0], LD, mean, variance, ROWS, MOST), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_standardize(NULL, 0, NULL, 0, NULL, NULL, 0, 0), LAM_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_level_gives_the_bits_of_the_formula_and_writes_nothing_else),
    cmocka_unit_test(a_column_that_does_not_vary_is_zero),
    cmocka_unit_test(it_works_in_place),
    cmocka_unit_test(wrong_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, fill, NULL);
}
