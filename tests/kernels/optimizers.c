/* SPDX-License-Identifier: MIT
 *
 * The gradient descents and the other epsilon of RMSprop against their formulas in double, at every level, for all counts.
 */
#include "kernels/kernels.h"
#include "support.h"

#include <math.h>

enum { MOST = 70, STEPS = 50 };

typedef enum rule { SGD, MOMENTUM, NESTEROV, OUTSIDE, RULES } rule;

static void step_float(const lam_kernel_table *kernels, rule r, float *w, float *state, const float *g, size_t count) {
  switch (r) {
  case SGD: kernels->sgd(w, g, 0.125f, count); break;
  case MOMENTUM: kernels->sgd_momentum(w, state, g, 0.125f, 0.5f, count); break;
  case NESTEROV: kernels->sgd_nesterov(w, state, g, 0.125f, 0.5f, count); break;
  case OUTSIDE: kernels->rmsprop_epsilon_outside(w, state, g, 0.125f, 0.5f, 0.25f, count); break;
  case RULES: break;
  }
}

/* The rates above are exact in float, so that only roundings differ. */
static void step_double(rule r, double *w, double *state, double g) {
  if (r == SGD) *w -= 0.125 * g;
  if (r == MOMENTUM || r == NESTEROV) *state = 0.5 * *state - 0.125 * g;
  if (r == MOMENTUM) *w += *state;
  if (r == NESTEROV) *w += 0.5 * *state - 0.125 * g;
  if (r == OUTSIDE) {
    *state = 0.5 * *state + 0.5 * g * g;
    *w -= 0.125 * g / (sqrt(*state) + 0.25);
  }
}

static void check(const lam_kernel_table *kernels, rule r, size_t count) {
  float w[MOST], state[MOST] = { 0 }, g[MOST];
  double dw[MOST], dstate[MOST] = { 0 };
  lam_random_normal(w, MOST, 1, 1, 0);
  for (size_t i = 0; i < MOST; i++) dw[i] = (double)w[i];
  for (uint64_t step = 0; step < STEPS; step++) {
    lam_random_normal(g, MOST, 2, step, 0);
    step_float(kernels, r, w, state, g, count);
    for (size_t i = 0; i < count; i++) step_double(r, &dw[i], &dstate[i], (double)g[i]);
  }
  /* Each of 50 steps rounds w once and its change at most six times; |w| < 16 and each change below 1: 50 (16 + 6) u. */
  for (size_t i = 0; i < count; i++)
    if (!(fabs((double)w[i] - dw[i]) <= STEPS * 22 * 0x1p-24))
      fail_msg("%s, rule %d, number %zu of %zu: %.9g, not %.9g", kernels->isa, (int)r, i, count, (double)w[i], dw[i]);
  for (size_t i = count; i < MOST; i++) assert_true((double)w[i] == dw[i]);
}

static void descents_follow_their_formulas_at_every_level(void **state) {
  (void)state;
#define LAM_X(name) #name,
  static const char *const levels[] = { LAM_ISA_LIST(LAM_X) };
#undef LAM_X
  size_t checked = 0;
  for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
    const lam_kernel_table *kernels = lam_kernels_at(levels[level]);
    for (size_t count = 0; kernels && count <= MOST; count++)
      for (int r = 0; r < RULES; r++) check(kernels, (rule)r, count);
    checked += kernels != NULL;
  }
  assert_true(checked > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(descents_follow_their_formulas_at_every_level) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
