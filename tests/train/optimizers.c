/* SPDX-License-Identifier: MIT
 *
 * Every optimizer and everything around it against the formulas in double, written down here once more, over 1000 steps with the
 * same gradients, through a trainer.
 *
 * What is compared: the weights as a vector, |w - reference| <= 1e-6 |reference| in the Euclidean norm, after 1000 steps and at
 * some on the way; single steps are the business of optimizer_steps.c. Why that is what weights stored in float allow: a step
 * rounds a weight once, by at most half a unit in the last place, 2^-25 to 2^-24 of the weight, evenly spread: a deviation of
 * 2^-24/sqrt(3) at most, and sqrt(1000) of these make at most 1.1e-6 where a weight stays at the lower end of a binade all the
 * time. Over a binade the mean square is 0.59 of that, so 0.8e-6 for weights that stay where they are and less for those that
 * grow or move between binades. State with a memory of 1000 steps (Adam's second moment) adds 0.4e-6 of the change. Single
 * weights lie up to four deviations out; each is held to four times as much of the largest weight.
 *
 * Two cannot reach that, because their roundings are no accident: Lion adds the same number in each step, and so does a gradient
 * that is clipped by value, and within a binade the same number added is rounded the same way each time. 1000 times 2^-24 of a
 * weight, 6e-5, is the bound then (found: 1.4e-5 and 5e-6). Where averages take the weights' place in every step, each rounds
 * twice, and sqrt(2) more than 1.1e-6 are 1.6e-6: held to 2e-6. */
#include "optimizer_formulas.h"

/* ---- the comparison ----------------------------------------------------------------------------------------------- */

static void compare(const variant *v, uint64_t step, const double *wanted) {
  double difference[ALL], largest = 0, size = norm(wanted, ALL), most = v->most > 0 ? v->most : 1e-6;
  for (size_t i = 0; i < ALL; i++) largest = fmax(largest, fabs(wanted[i]));
  for (size_t i = 0; i < ALL; i++) {
    difference[i] = (double)*weight(i) - wanted[i];
    if (!(fabs(difference[i]) <= 4 * most * largest))
      fail_msg("%s, step %llu: weight %zu is %.9g, not %.9g", v->name, (unsigned long long)step, i, (double)*weight(i),
               wanted[i]);
  }
  if (!(norm(difference, ALL) <= most * size))
    fail_msg("%s, step %llu: %.3g of the weights", v->name, (unsigned long long)step, norm(difference, ALL) / size);
}

static void run_variant(const variant *v) {
  static reference r;
  float g[ALL];
  double w[ALL];
  begin_variant(v, &r);
  for (uint64_t step = 0; step < STEPS; step++) {
    draw_gradients(g, step);
    float rate = lam_trainer_learning_rate(trainer);
    assert_true(fabs((double)rate - rate_at(&v->options, step)) <= 0x1p-24 * (double)rate);
    assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
    step_reference(&v->options, &r, g, step, v->excluded);
    for (size_t i = 0; i < ALL; i++) w[i] = r.of[i].w;
    if (step == 0 || step == 10 || step == 100 || step == STEPS - 1) compare(v, step + 1, w);
  }
  if (v->options.use_ema) {
    assert_int_equal(lam_finalize_weights(trainer), LAM_OK);
    compare(v, STEPS, r.average);
  }
  lam_context_destroy(context);
}

static void every_optimizer_follows_its_formula_for_1000_steps(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) run_variant(&variants[i]);
}

/* ---- around them -------------------------------------------------------------------------------------------------- */

static void huge_gradients_are_clipped_to_their_norm(void **state) {
  (void)state;
  static const float sizes[] = { 1e-30f, 1e19f, 1e30f, 3e38f };
  for (size_t s = 0; s < 4; s++)
    for (int global = 0; global < 2; global++) {
      float g[ALL];
      begin(&(lam_optimizer_options){
          .type = LAM_SGD, .learning_rate = 1.0f, .clipnorm = global ? 0.0f : 0.5f, .global_clipnorm = global ? 0.5f : 0.0f });
      for (size_t i = 0; i < ALL; i++) *weight(i) = 0.0f, g[i] = i % 2 ? sizes[s] : -sizes[s];
      set_gradients(g);
      assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
      double part = sizes[s] < 1.0f ? (double)sizes[s] : 0.5 / sqrt(global ? ALL : BIAS);
      /* The scale is rounded once, and each of two products. */
      assert_true(fabs(fabs((double)*weight(ALL - 1)) - part) <= 3 * 0x1p-24 * part);
      lam_context_destroy(context);
    }
}

static void a_norm_has_the_same_bits_with_any_number_of_threads(void **state) {
  (void)state;
  enum { IN = 300, OUT = 77 };
  static float first[IN * OUT], g[IN * OUT + OUT], row[IN];
  for (unsigned threads = 1; threads <= 5; threads++) {
    context = lam_context_create(&(lam_context_options){ .threads = threads });
    lam_node node = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), OUT, NULL);
    model = lam_model_create(&node, 1);
    trainer = lam_trainer_create(
        model,
        &(lam_trainer_options){
            .optimizer = { .type = LAM_ADAMW, .global_clipnorm = 0.75f, .use_ema = true, .gradient_accumulation_steps = 2 } });
    lam_array in = { .data = row, .rows = 1, .shape = { { IN }, 1 } };
    assert_int_equal(lam_forward(trainer, &in, 1), LAM_OK);
    assert_int_equal(lam_backward(trainer, (const float *[]){ NULL }, 1), LAM_OK);
    for (uint64_t step = 0; step < 6; step++) {
      lam_random_normal(g, IN * OUT + OUT, 3, step, 0);
      memcpy(lam_gradient(trainer, 0), g, IN * OUT * sizeof *g);
      assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
    }
    lam_parameter p;
    lam_model_parameter(model, 0, &p);
    if (threads == 1) memcpy(first, p.data, sizeof first);
    assert_memory_equal(first, p.data, sizeof first);
    lam_context_destroy(context);
  }
}

static void an_infinite_gradient_is_not_hidden_by_clipping(void **state) {
  (void)state;
  float g[ALL] = { INFINITY };
  begin(&(lam_optimizer_options){ .type = LAM_SGD, .global_clipnorm = 1.0f });
  set_gradients(g);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(isnan(*weight(0)) && isnan(*weight(ALL - 1)));
  lam_context_destroy(context);
}

static void a_rate_that_is_set_ends_the_schedule(void **state) {
  (void)state;
  begin(&(lam_optimizer_options){ .schedule = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 1, .decay_rate = 0.5f } });
  assert_true(lam_trainer_learning_rate(trainer) == 0.001f);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(lam_trainer_learning_rate(trainer) == 0.0005f);
  assert_int_equal(lam_trainer_set_learning_rate(trainer, 0.25f), LAM_OK);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(lam_trainer_learning_rate(trainer) == 0.25f);
  lam_context_destroy(context);
}

/* The C library's functions are within one unit of the last place; ours within 1e-14 as their header says. */
static void schedules_follow_their_formulas(void **state) {
  (void)state;
  const double pi = 3.14159265358979323846;
  for (double s = 0; s < 300; s += 7) {
    lam_schedule e = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 40, .decay_rate = 0.75f };
    lam_schedule t = { .type = LAM_INVERSE_TIME_DECAY, .decay_steps = 40, .decay_rate = 0.75f, .staircase = true };
    lam_schedule p = {
      .type = LAM_POLYNOMIAL_DECAY, .decay_steps = 40, .end_learning_rate = 0.125f, .power = 1.7f, .cycle = true
    };
    lam_schedule c = { .type = LAM_COSINE_DECAY, .decay_steps = 90, .alpha = 0.25f, .warmup_steps = 50, .warmup_target = 2.0f };
    lam_schedule r = { .type = LAM_COSINE_DECAY_RESTARTS, .decay_steps = 20, .m_mul = 0.5f };
    double n = s > 40 ? 40 * ceil(s / 40) : 40, begin_of = 0, length = 20, height = 1;
    while (s >= begin_of + length) begin_of += length, length *= 2, height *= 0.5;
    double cosine = s < 50 ? 0.5 + 1.5 * s / 50 : 2 * (0.75 * (1 + cos(pi * fmin(1, (s - 50) / 90))) / 2 + 0.25);
    const double wanted[] = { 0.5 * pow(0.75, s / 40), 0.5 / (1 + 0.75 * floor(s / 40)),
                              0.375 * pow(1 - s / n, (double)1.7f) + 0.125, cosine,
                              0.25 * height * (1 + cos(pi * (s - begin_of) / length)) };
    const lam_schedule *const all[] = { &e, &t, &p, &c, &r };
    for (size_t i = 0; i < 5; i++) {
      double got = lam_schedule_value(all[i], 0.5f, s);
      if (!(fabs(got - wanted[i]) <= 1e-14)) fail_msg("schedule %zu at %g: %.17g, not %.17g", i, s, got, wanted[i]);
    }
  }
  lam_schedule steps = { .type = LAM_PIECEWISE_CONSTANT_DECAY, .boundaries = { { 10, 20 }, 2 }, .values = { { 3, 2, 1 }, 3 } };
  assert_true(lam_schedule_value(&steps, 0.5f, 10) == 3 && lam_schedule_value(&steps, 0.5f, 11) == 2);
  assert_true(lam_schedule_value(&steps, 0.5f, 20) == 2 && lam_schedule_value(&steps, 0.5f, 1e9) == 1);
  steps.values.count = 2;
  assert_true(isnan(lam_schedule_value(&steps, 0.5f, 10)));
}

static void refused(lam_optimizer_options options, const char *sentence) {
  context = lam_context_create(NULL);
  lam_node y = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 }), 1, NULL);
  model = lam_model_create(&y, 1);
  assert_null(lam_trainer_create(model, &(lam_trainer_options){ .optimizer = options }));
  assert_string_equal(lam_error_message(context), sentence);
  lam_context_destroy(context);
}

/* 1024 is a power of two: what it multiplies and divides keeps its bits. */
static void gradients_of_a_scaled_loss_are_divided_by_the_scale(void **state) {
  (void)state;
  float g[ALL], plain[ALL];
  for (int scaled = 0; scaled < 2; scaled++) {
    begin(&(lam_optimizer_options){ .type = LAM_ADAM, .loss_scale_factor = scaled ? 1024.0f : 0.0f });
    for (size_t i = 0; i < ALL; i++) *weight(i) = 0.0f;
    for (uint64_t step = 0; step < 3; step++) {
      draw_gradients(g, step);
      for (size_t i = 0; i < ALL; i++) g[i] *= scaled ? 1024.0f : 1.0f;
      set_gradients(g);
      assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
    }
    for (size_t i = 0; i < ALL; i++) {
      if (scaled) assert_true(*weight(i) == plain[i] && plain[i] != 0.0f);
      plain[i] = *weight(i);
    }
    lam_context_destroy(context);
  }
}

static void numbers_that_cannot_be_meant_are_refused(void **state) {
  (void)state;
  refused((lam_optimizer_options){ .clipvalue = 1.0f, .clipnorm = 1.0f },
          "clipvalue, clipnorm and global_clipnorm exclude each other");
  refused((lam_optimizer_options){ .weight_decay = -1.0f }, "weight_decay is -1; it is at least 0 and below 3e38");
  refused((lam_optimizer_options){ .type = LAM_FTRL, .learning_rate = LAM_ZERO }, "learning_rate is 0; ftrl divides by it");
  refused((lam_optimizer_options){ .ema_momentum = 1.0f }, "ema_momentum is 1; it is at least 0 and below 1");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_COSINE_DECAY } }, "decay_steps is 0; it is at least 1");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 1 } }, "decay_rate is not said");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_COSINE_DECAY, .decay_steps = 1, .warmup_steps = 2 } },
          "warmup_steps is 2, and warmup_target is not said");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_COSINE_DECAY_RESTARTS, .decay_steps = 1, .t_mul = 0.5f } },
          "t_mul is 0.5; it is at least 1 and below 3e38");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_PIECEWISE_CONSTANT_DECAY } },
          "there are 0 boundaries and 0 values; there is one value more than boundaries, and 1 to 15 of these");
  refused(
      (lam_optimizer_options){
          .schedule = { .type = LAM_PIECEWISE_CONSTANT_DECAY, .boundaries = { { 2, 2 }, 2 }, .values = { { 1 }, 3 } } },
      "boundaries increase; 2 does not follow 2");
  begin(&(lam_optimizer_options){ 0 });
  assert_int_equal(lam_exclude_from_weight_decay(trainer, "gamma"), LAM_UNKNOWN_NAME);
  assert_string_equal(lam_error_message(context), "the model has no weight whose name contains \"gamma\"");
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_optimizer_follows_its_formula_for_1000_steps),
    cmocka_unit_test(huge_gradients_are_clipped_to_their_norm),
    cmocka_unit_test(a_norm_has_the_same_bits_with_any_number_of_threads),
    cmocka_unit_test(an_infinite_gradient_is_not_hidden_by_clipping),
    cmocka_unit_test(a_rate_that_is_set_ends_the_schedule),
    cmocka_unit_test(schedules_follow_their_formulas),
    cmocka_unit_test(gradients_of_a_scaled_loss_are_divided_by_the_scale),
    cmocka_unit_test(numbers_that_cannot_be_meant_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
