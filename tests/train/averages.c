/* SPDX-License-Identifier: MIT
 *
 * Averages of weights and schedules of the rate, with the callbacks that set weights and rates.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 12, EPOCHS = 4 };

typedef struct fixture {
  lam_context *context;
  lam_trainer *trainer;
  lam_dataset *data;
} fixture;

static float x[ROWS], y[ROWS];

/* One weight and a bias that learn y = 2 x. */
static fixture begin(const lam_optimizer_options *optimizer) {
  fixture f = { .context = lam_context_create(&(lam_context_options){ .seed = 3 }) };
  for (size_t i = 0; i < ROWS; i++) y[i] = 2.0f * (x[i] = (float)(i + 1) / ROWS);
  lam_node node = lam_dense(lam_input(lam_graph_create(f.context), (lam_shape){ { 1 }, 1 }), 1, NULL);
  f.trainer = lam_trainer_create(lam_model_create(&node, 1),
                                 &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = *optimizer });
  lam_array in = { .data = x, .rows = ROWS, .shape = { { 1 }, 1 } }, out = { .data = y, .rows = ROWS, .shape = { { 1 }, 1 } };
  f.data = lam_dataset_create(f.context, &in, 1, &out, 1);
  return f;
}

static float weight_of(const lam_trainer *trainer) {
  lam_parameter p;
  assert_int_equal(lam_model_parameter(lam_trainer_model(trainer), 0, &p), LAM_OK);
  return p.data[0];
}

/* At the end of each epoch. */
typedef struct notes {
  size_t epochs;
  float weight[EPOCHS], average[EPOCHS], rate[EPOCHS];
} notes;

static int note(void *user, const lam_progress *progress) {
  notes *n = user;
  if (progress->event != LAM_EPOCH_END) return 0;
  const float *average = lam_optimizer_state(progress->trainer, "average", 0);
  n->weight[n->epochs] = weight_of(progress->trainer);
  n->average[n->epochs] = average ? *average : NAN;
  n->rate[n->epochs++] = lam_trainer_learning_rate(progress->trainer);
  return 0;
}

static notes run(const fixture *f, lam_hook *hook, size_t epochs, bool resume) {
  notes n = { 0 };
  lam_fit_options options = { .epochs = epochs,
                              .batch_size = 3,
                              .callbacks = &hook,
                              .callback_count = hook != NULL,
                              .callback = note,
                              .user = &n,
                              .resume = resume };
  if (lam_fit(f->trainer, f->data, &options)) fail_msg("%s", lam_error_message(f->context));
  return n;
}

static const lam_optimizer_options averaging = {
  .type = LAM_SGD, .learning_rate = 0.125f, .use_ema = true, .ema_momentum = 0.5f
};

static void a_fit_ends_with_the_averages_and_goes_on_from_the_weights(void **state) {
  (void)state;
  fixture whole = begin(&averaging), parts = begin(&averaging);
  notes all = run(&whole, NULL, EPOCHS, false), first = run(&parts, NULL, 2, false);
  assert_true(weight_of(parts.trainer) == first.average[1] && first.average[1] != first.weight[1]);
  notes rest = run(&parts, NULL, EPOCHS, true);
  assert_int_equal(rest.epochs, EPOCHS - 2);
  for (size_t i = 2; i < EPOCHS; i++) assert_true(rest.weight[i - 2] == all.weight[i] && rest.average[i - 2] == all.average[i]);
  assert_true(weight_of(parts.trainer) == all.average[EPOCHS - 1]);
  lam_context_destroy(whole.context);
  lam_context_destroy(parts.context);
}

/* The loss falls and the callback wants it to rise: the first epoch is the best. Keras's averages take their place before the
 * callbacks end, and its best weights are weights. */
static void the_best_weights_come_after_the_averages_which_stay(void **state) {
  (void)state;
  fixture f = begin(&averaging);
  lam_hook *hook = lam_early_stopping(
      f.context,
      &(lam_early_stopping_options){ .monitor = "loss", .mode = LAM_MODE_MAX, .patience = 1, .restore_best_weights = true });
  notes n = run(&f, hook, EPOCHS, false);
  assert_int_equal(n.epochs, 2);
  assert_true(n.weight[0] != n.weight[1] && n.weight[0] != n.average[1]);
  assert_true(weight_of(f.trainer) == n.weight[0]);
  assert_true(*lam_optimizer_state(f.trainer, "average", 0) == n.average[1]);
  /* By hand they may take the place of what was restored. */
  assert_int_equal(lam_finalize_weights(f.trainer), LAM_OK);
  assert_true(weight_of(f.trainer) == n.average[1]);
  lam_context_destroy(f.context);
}

static void a_fit_that_is_refused_leaves_the_averages_in_their_place(void **state) {
  (void)state;
  fixture f = begin(&averaging);
  notes n = run(&f, NULL, 2, false);
  lam_hook *wrong = lam_early_stopping(f.context, &(lam_early_stopping_options){ .monitor = "nothing" });
  const lam_fit_options refused[] = {
    { .epochs = EPOCHS, .resume = true, .initial_epoch = 1 },
    { .epochs = EPOCHS, .resume = true, .callback_count = 1 },
    { .epochs = EPOCHS, .resume = true, .callback_count = 1, .callbacks = &wrong },
    { .epochs = EPOCHS, .resume = true, .validation_split = 2.0 },
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    assert_int_not_equal(lam_fit(f.trainer, f.data, &refused[i]), LAM_OK);
    assert_true(weight_of(f.trainer) == n.average[1]);
    assert_true(*lam_optimizer_state(f.trainer, "average", 0) == n.weight[1]);
  }
  lam_context_destroy(f.context);
}

static const lam_optimizer_options scheduled = {
  .type = LAM_SGD,
  .learning_rate = 0.0625f,
  .schedule = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 4, .decay_rate = 0.5f } /* four steps are an epoch */
};

static void a_plateau_reduces_the_rate_of_the_schedule_and_ends_it(void **state) {
  (void)state;
  fixture f = begin(&scheduled);
  lam_reduce_lr_options options = { .monitor = "loss", .mode = LAM_MODE_MAX, .patience = 2, .factor = 0.25 };
  notes n = run(&f, lam_reduce_lr_on_plateau(f.context, &options), EPOCHS, false);
  /* The second epoch of two without a better loss ends at step 12, with a rate of 1/8 of the first; what is noted is behind it.
   */
  assert_true(n.rate[0] == 0.03125f && n.rate[1] == 0.015625f);
  assert_true(n.rate[2] == 0.0078125f * 0.25f && n.rate[3] == n.rate[2]);
  lam_context_destroy(f.context);
}

static float seen[EPOCHS];

static float halve(void *user, size_t epoch, float rate) {
  (void)user;
  seen[epoch] = rate;
  return rate * 0.5f;
}

static void a_rate_function_is_told_the_rate_of_the_schedule_and_ends_it(void **state) {
  (void)state;
  fixture f = begin(&scheduled);
  notes n = run(&f, lam_learning_rate_scheduler(f.context, halve, NULL), EPOCHS, false);
  for (size_t i = 0; i < EPOCHS; i++)
    assert_true(seen[i] == ldexpf(0.0625f, -(int)i) && n.rate[i] == 0.5f * seen[i]); /* halved once an epoch, by it alone */
  lam_context_destroy(f.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_fit_ends_with_the_averages_and_goes_on_from_the_weights),
    cmocka_unit_test(the_best_weights_come_after_the_averages_which_stay),
    cmocka_unit_test(a_fit_that_is_refused_leaves_the_averages_in_their_place),
    cmocka_unit_test(a_plateau_reduces_the_rate_of_the_schedule_and_ends_it),
    cmocka_unit_test(a_rate_function_is_told_the_rate_of_the_schedule_and_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
