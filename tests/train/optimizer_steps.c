/* SPDX-License-Identifier: MIT
 *
 * Each of 1000 steps of every optimizer at Keras's default rates, computed in double from the weights and states that the trainer
 * held before it: the change of a weight is that of the formula within 1e-6 of itself, and half a unit in the last place, to
 * which a float that stores the weight rounds.
 *
 * Why: u = 2^-24, 1e-6 is 16.7 u. The longest way is Adam's with clipping: the gradient's scale and product 2 u, of which its
 * square hands on 4 and the root of that 2; m 4 u (g - m, the constant, the sum; and the gradient's 2); v 4 u, halved by its
 * root; the root, its sum with epsilon, the rate (once by the schedule, once corrected), the product and the quotient: 6 u; decay
 * and step are added with 1 u of both. Together 15 u. What is added up may cancel; a change is measured by the sum of the sizes
 * of its terms (`size` of the reference). New states are held to 8 u of their terms. */
#include "optimizer_formulas.h"

/* Names of the states of a reference, in its order; NULL: not there. */
static const char *const state_names[][3] = {
  [LAM_RMSPROP] = { "velocity", "average_gradient", "momentum" },
  [LAM_SGD] = { "momentum" },
  [LAM_ADAM] = { "momentum", "velocity", "velocity_hat" },
  [LAM_ADAMW] = { "momentum", "velocity", "velocity_hat" },
  [LAM_ADAMAX] = { "momentum", "norm" },
  [LAM_NADAM] = { "momentum", "velocity" },
  [LAM_ADAGRAD] = { "accumulator" },
  [LAM_ADADELTA] = { "accumulated_grad", "accumulated_delta_var" },
  [LAM_LION] = { "momentum" },
  [LAM_FTRL] = { "accumulator", "linear" },
};

/* NULL where the optimizer has no such state. */
static const float *state_of(const char *name, size_t i) {
  const float *state = name ? lam_optimizer_state(trainer, name, i >= WEIGHTS) : NULL;
  return state ? state + (i >= WEIGHTS ? i - WEIGHTS : i) : NULL;
}

/* What the trainer holds becomes the reference's; the gradients so far, added in float as the trainer does, become g. */
static void take_over(const variant *v, reference *r, float g[ALL]) {
  for (size_t i = 0; i < ALL; i++) {
    r->of[i].w = (double)*weight(i);
    for (int k = 0; k < 3; k++) {
      const float *state = state_of(state_names[v->options.type][k], i);
      if (state) r->of[i].state[k] = (double)*state;
    }
    const float *average = state_of("average", i), *sum = state_of("gradient_accumulator", i);
    if (average) r->average[i] = (double)*average;
    if (sum) g[i] += *sum;
    r->sum[i] = r->size[i] = 0;
  }
}

static void close_to(const variant *v, uint64_t step, const char *what, size_t i, double got, double wanted, double most) {
  if (!(fabs(got - wanted) <= most))
    fail_msg("%s, step %llu: %s %zu is %.9g, not %.9g +- %.3g", v->name, (unsigned long long)step, what, i, got, wanted, most);
}

static double half_unit(double x) { return x == 0 ? 0 : ldexp(1, ilogb(x) - 24); }

static void compare_step(const variant *v, uint64_t step, const reference *r, const reference *before, const float g[ALL]) {
  const double u = 0x1p-24;
  size_t every = v->options.gradient_accumulation_steps, overwrites = v->options.ema_overwrite_frequency;
  bool applies = !every || (step + 1) % every == 0;
  bool overwritten = overwrites && ((every ? step / every : step) + 1) % overwrites == 0;
  for (size_t i = 0; i < ALL; i++) {
    double w = (double)*weight(i), wanted = r->of[i].w;
    double averages = 8 * u * (fabs(before->average[i]) + fabs(before->of[i].w) + r->size[i]);
    double most = overwritten ? averages : 1e-6 * r->size[i] + fmax(half_unit(w), half_unit(wanted));
    close_to(v, step, "weight", i, w, wanted, applies || overwritten ? most : 0);
    const float *average = state_of("average", i), *sum = state_of("gradient_accumulator", i);
    if (average) close_to(v, step, "average", i, (double)*average, r->average[i], averages);
    if (sum) assert_true(*sum == (applies ? 0.0f : g[i]));
    for (int k = 0; k < 3; k++) {
      const float *state = state_of(state_names[v->options.type][k], i);
      /* What may be added to a state: itself, the gradient or its square, a step; ftrl's roots over the rate. */
      double terms = fabs(before->of[i].state[k]) + fabs(r->of[i].state[k]);
      if (v->options.type == LAM_FTRL && k == 1)
        terms = r->size[i] * ftrl_divisor(&v->options, r->of[i].state[0], rate_at(&v->options, step));
      if (state) close_to(v, step, state_names[v->options.type][k], i, (double)*state, r->of[i].state[k], 8 * u * terms);
    }
  }
}

static void run_variant(const variant *v) {
  static reference r, before;
  float g[ALL];
  begin_variant(v, &r);
  for (uint64_t step = 0; step < STEPS; step++) {
    draw_gradients(g, step);
    take_over(v, &r, g);
    before = r;
    step_reference(&v->options, &r, g, step, v->excluded);
    assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
    compare_step(v, step, &r, &before, g);
  }
  lam_context_destroy(context);
}

static void each_of_1000_steps_of_every_optimizer_is_that_of_its_formula(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) run_variant(&variants[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(each_of_1000_steps_of_every_optimizer_is_that_of_its_formula) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
