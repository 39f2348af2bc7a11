/* SPDX-License-Identifier: MIT
 *
 * An instruction set that does not exist: a suite of its own, because a process looks at LAMINA_ISA once.
 */
#include "support.h"

static void an_unknown_instruction_set_is_named_with_the_known_ones(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  assert_non_null(context);
  assert_int_equal(lam_error_status(context), LAM_UNKNOWN_NAME);
  assert_string_equal(lam_error_message(context), "there is no instruction set LAMINA_ISA \"avx5\"; the nearest are avx2, avx512 "
                                                  "(all: avx512, avx2, neon, portable)");
  assert_non_null(lam_context_isa(context));
  lam_context_destroy(context);
}

int main(void) {
  setenv("LAMINA_ISA", "avx5", 1);
  const struct CMUnitTest tests[] = { cmocka_unit_test(an_unknown_instruction_set_is_named_with_the_known_ones) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
