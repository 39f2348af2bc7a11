/* SPDX-License-Identifier: MIT
 *
 * The logarithm and the exponential in double, against the C library's, which are within 1 ULP where they are good.
 */
#include "base/context.h"
#include "support.h"
#include <float.h>
#include <math.h>

/* How many ULP of `expected` the two are apart. */
static double distance(double got, double expected) {
  double ulp = fabs(nextafter(expected, (double)INFINITY) - expected);
  return got == expected ? 0 : fabs(got - expected) / ulp;
}

static void log_and_exp_are_within_a_few_ulp(void **state) {
  (void)state;
  for (int i = -2000; i <= 2000; i++) {
    /* The series and its argument have three roundings each, the sum with n log 2 one; the C library's own error is one more. */
    double x = (double)i * 0.371, y = lam_natural_exp(x), expected = exp(x);
    if (expected > DBL_MIN && expected < DBL_MAX && !(distance(y, expected) <= 4)) fail_msg("exp(%g) is %g", x, y);
    /* Next to 1 s has a relative error of 1.5 ULP of the distance from 1, which is exact; elsewhere n log 2 is rounded, and its
     * error counts against a sum of at least 0.34. */
    double z = ldexp(1 + (double)(i + 2000) / 4001.0, i / 4);
    if (!(distance(lam_natural_log(z), log(z)) <= 5)) fail_msg("log(%g) is %.17g and not %.17g", z, lam_natural_log(z), log(z));
  }
  for (double d = 0x1p-40; d < 0.4; d *= 1.7) {
    assert_true(distance(lam_natural_log(1 + d), log(1 + d)) <= 5);
    assert_true(distance(lam_natural_log(1 - d), log(1 - d)) <= 5);
  }
}

static void the_ends_of_their_ranges_are_those_of_the_c_library(void **state) {
  (void)state;
  assert_true(lam_natural_exp(0) == 1 && lam_natural_exp(-(double)INFINITY) == 0 && isinf(lam_natural_exp((double)INFINITY)));
  assert_true(isinf(lam_natural_exp(709.8)) && lam_natural_exp(709.7) < DBL_MAX && lam_natural_exp(-746) == 0);
  assert_true(lam_natural_exp(-745) > 0 && isnan(lam_natural_exp((double)NAN)));
  assert_true(lam_natural_log(1) == 0 && lam_natural_log(0) == -(double)INFINITY && lam_natural_log(-0.0) == -(double)INFINITY);
  assert_true(isnan(lam_natural_log(-1)) && isnan(lam_natural_log((double)NAN)) && isinf(lam_natural_log((double)INFINITY)));
  assert_true(distance(lam_natural_log(0x1p-1074), log(0x1p-1074)) <= 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(log_and_exp_are_within_a_few_ulp),
    cmocka_unit_test(the_ends_of_their_ranges_are_those_of_the_c_library),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
