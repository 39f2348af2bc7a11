/* SPDX-License-Identifier: MIT
 *
 * LAMINA_ISA is an upper limit: each level in a process of its own, because a process looks once.
 */
#include "kernels/kernels.h"
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

#define LAM_X(name) #name,
static const char *const levels[] = { LAM_ISA_LIST(LAM_X) };
#undef LAM_X
enum { LEVELS = sizeof levels / sizeof *levels };

/* The level that runs under a limit, asked in a child; LEVELS where it cannot be told. */
static size_t level_under(const char *limit) {
  pid_t child = fork();
  if (child == 0) {
    setenv("LAMINA_ISA", limit, 1);
    for (size_t i = 0; i < LEVELS; i++)
      if (strcmp(lam_context_isa(NULL), levels[i]) == 0) _exit((int)i);
    _exit(LEVELS);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? (size_t)WEXITSTATUS(status) : LEVELS;
}

static void a_limit_is_never_exceeded_and_never_above_the_cpu(void **state) {
  (void)state;
  /* All children first: the parent's own look would be theirs. */
  size_t best = level_under(""), got[LEVELS];
  for (size_t limit = 0; limit < LEVELS; limit++) got[limit] = level_under(levels[limit]);
  assert_true(best < LEVELS);
  for (size_t limit = 0; limit < LEVELS; limit++) { /* best first in the list */
    assert_true(got[limit] < LEVELS && got[limit] >= limit && got[limit] >= best);
    assert_non_null(lam_kernels_at(levels[got[limit]]));
    if (lam_kernels_at(levels[limit])) assert_int_equal(got[limit], limit);
  }
  assert_int_equal(got[LEVELS - 1], LEVELS - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(a_limit_is_never_exceeded_and_never_above_the_cpu) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
