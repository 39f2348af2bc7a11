/* SPDX-License-Identifier: MIT
 *
 * The floating-point mode: the host's is put aside, and put back.
 */
#include "base/context.h"
#include "support.h"
#include <fenv.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

/* Here and now: compilers may otherwise move a division past a change of the mode. */
static float divide(float a, float b) {
  volatile float x = a, y = b, quotient = x / y;
  return quotient;
}

static void the_rounding_is_to_nearest_inside_and_the_hosts_outside(void **state) {
  (void)state;
  float nearest = divide(1, 3); // rounds up
  fesetround(FE_TOWARDZERO);
  assert_true(divide(1, 3) < nearest);
  lam_fp_mode mode = lam_fp_enter();
  assert_int_equal(fegetround(), FE_TONEAREST);
  assert_true(divide(1, 3) == nearest);
  lam_fp_leave(mode);
  int after = fegetround();
  fesetround(FE_TONEAREST);
  assert_int_equal(after, FE_TOWARDZERO);
}

static void random_numbers_do_not_depend_on_the_hosts_mode(void **state) {
  (void)state;
  float usual[100], unusual[100];
  lam_random_normal(usual, 100, 1, 2, 3);
  fesetround(FE_UPWARD);
  lam_random_normal(unusual, 100, 1, 2, 3);
  int after = fegetround();
  fesetround(FE_TONEAREST);
  assert_int_equal(after, FE_UPWARD);
  assert_memory_equal(usual, unusual, sizeof usual);
}

#if defined(__SSE2__)

static void denormals_are_kept_inside_and_the_hosts_register_comes_back_whole(void **state) {
  (void)state;
  unsigned before = _mm_getcsr();
  // Flush-to-zero, denormals-are-zero, round up, the division trap armed, the report of an underflow standing.
  static const unsigned modes[] = { 0x1F80, 0x1FA0, 0x9FC0, 0x5F80, 0xDDD0 };
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; ++i) {
    _mm_setcsr(modes[i]);
    lam_fp_mode mode = lam_fp_enter();
    float denormal = divide(1e-38f, 16);
    float infinite = divide(1, 0); // would end the process where the trap still stood
    lam_fp_leave(mode);
    unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    assert_int_equal(after, modes[i]);
    assert_true(denormal > 0);
    assert_true(infinite > 1e38f);
  }
}

static void numbers_are_written_and_read_under_flush_to_zero(void **state) {
  (void)state;
  unsigned before = _mm_getcsr();
  _mm_setcsr(0x9FC0);
  char buffer[32];
  lam_format_float(buffer, 1e-45f);
  double value = 0;
  static const char least[] = "5e-324";
  lam_parse_double(least, least + 6, &value);
  _mm_setcsr(before);
  assert_string_equal(buffer, "1e-45");
  assert_true(value == 5e-324);
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_rounding_is_to_nearest_inside_and_the_hosts_outside),
    cmocka_unit_test(random_numbers_do_not_depend_on_the_hosts_mode),
#if defined(__SSE2__)
    cmocka_unit_test(denormals_are_kept_inside_and_the_hosts_register_comes_back_whole),
    cmocka_unit_test(numbers_are_written_and_read_under_flush_to_zero),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
