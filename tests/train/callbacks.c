/* SPDX-License-Identifier: MIT
 *
 * What callbacks decide, against tables of Keras's decisions for the same histories of losses; what they do to a fit, its weights
 * and its files; going on after a stop in the decisions of a fit that was not stopped; what is refused.
 */
#include "folder.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 6, MOST = 10 };

/* A model with one weight, its output; the squared error of the output 0 against targets t is t^2. The scripted targets of
 * validation make val_loss whatever the table says. */
typedef struct fixture {
  lam_context *context;
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data, *validation;
} fixture;

static float x[ROWS], y[ROWS], target[1], zero_input[1];

static fixture begin(float learning_rate) {
  fixture f = { .context = lam_context_create(NULL) };
  for (size_t i = 0; i < ROWS; i++) {
    x[i] = (float)(i + 1) / ROWS;
    y[i] = 2.0f * x[i];
  }
  lam_node node = lam_input(lam_graph_create(f.context), (lam_shape){ { 1 }, 1 });
  node = lam_named(lam_dense(node, 1, &(lam_dense_options){ .no_bias = true }), "out");
  f.model = lam_model_create(&node, 1);
  f.trainer =
      lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR,
                                                          .optimizer = { .type = LAM_SGD, .learning_rate = learning_rate } });
  lam_array in = { .data = x, .rows = ROWS, .shape = { { 1 }, 1 } }, out = { .data = y, .rows = ROWS, .shape = { { 1 }, 1 } };
  f.data = lam_dataset_create(f.context, &in, 1, &out, 1);
  in = (lam_array){ .data = zero_input, .rows = 1, .shape = { { 1 }, 1 } };
  out = (lam_array){ .data = target, .rows = 1, .shape = { { 1 }, 1 } };
  f.validation = lam_dataset_create(f.context, &in, 1, &out, 1);
  return f;
}

/* Writes the next loss of a table where validation will read it; keeps the weight of each epoch. */
typedef struct script {
  const double *losses;
  size_t epochs; /* run so far */
  float weight[MOST], rate[MOST];
  size_t stop_after; /* 0: does not */
} script;

static float weight_of(lam_trainer *trainer) {
  lam_parameter p;
  assert_int_equal(lam_model_parameter(lam_trainer_model(trainer), 0, &p), LAM_OK);
  return p.data[0];
}

static float rate_of(lam_trainer *trainer) {
  lam_trainer_options options;
  assert_int_equal(lam_trainer_get_options(trainer, &options), LAM_OK);
  return options.optimizer.learning_rate == LAM_ZERO ? 0.0f : options.optimizer.learning_rate;
}

static int play(void *user, const lam_progress *progress) {
  script *s = user;
  if (progress->event == LAM_EPOCH_BEGIN) {
    assert_true(progress->epoch < MOST);
    target[0] = sqrtf((float)s->losses[progress->epoch]);
  }
  if (progress->event != LAM_EPOCH_END) return 0;
  double told = s->losses[progress->epoch];
  assert_true(fabs(progress->mean.val_loss - told) <= 1e-6 * told); /* a root and a square in float: 3 roundings of 2^-24 */
  s->weight[progress->epoch] = weight_of(progress->trainer);
  s->rate[progress->epoch] = rate_of(progress->trainer);
  s->epochs++;
  return s->stop_after && s->epochs == s->stop_after;
}

/* The fit of a table with one callback in front of the script. */
static lam_status run(fixture *f, script *s, lam_hook *hook, size_t epochs, bool resume) {
  assert_non_null(hook);
  lam_fit_options options = { .epochs = epochs, .validation = f->validation, .callback = play, .user = s, .resume = resume };
  options.callbacks = &hook;
  options.callback_count = 1;
  return lam_fit(f->trainer, f->data, &options);
}

/* ---- early stopping ----------------------------------------------------------------------------------------------- */

typedef struct stopping_case {
  lam_early_stopping_options options;
  double losses[MOST];
  size_t count, epochs, best_epoch; /* run, and from 0 */
} stopping_case;

/* The first four are the case early_stopping.patience, then early_stopping.restore_best a and b; the others follow the rules
 * that Keras documents: an improvement must be more than min_delta; a baseline that is not beaten lets patience go on. */
static const stopping_case stopping_cases[] = {
  { { .patience = 0 }, { 10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6, 8.5 }, 9, 4, 2 },
  { { .patience = 1 }, { 10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6, 8.5 }, 9, 4, 2 },
  { { .patience = 2 }, { 10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6, 8.5 }, 9, 5, 2 },
  { { .patience = 3 }, { 10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6, 8.5 }, 9, 6, 2 },
  { { .patience = 2, .restore_best_weights = true }, { .2, .15, .1, .11, .12 }, 5, 5, 2 },
  { { .patience = 5, .baseline = .5, .restore_best_weights = true }, { .9, .8, .7, .71, .72, .73 }, 6, 5, 2 },
  { { .patience = 2, .min_delta = .5 }, { 5, 4.8, 4.6, 4.0, 3.9 }, 5, 3, 0 },
  { { .patience = 2, .min_delta = .5 }, { 5, 4.4, 4.2, 3.8, 3.7, 3.6 }, 6, 6, 3 },
  { { .patience = 1, .mode = LAM_MODE_MAX }, { 1, 2, 3, 2, 5 }, 5, 4, 2 },
  { { .patience = 1, .start_from_epoch = 3 }, { 1, 2, 3, 9, 8, 7, 8, 1 }, 8, 7, 5 },
  { { .patience = 1 }, { 5, 4, 3, 2, 1 }, 5, 5, 4 },
};

static void early_stopping_ends_where_keras_does(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof stopping_cases / sizeof *stopping_cases; i++) {
    const stopping_case *c = &stopping_cases[i];
    fixture f = begin(0.05f);
    script s = { .losses = c->losses };
    lam_hook *hook = lam_early_stopping(f.context, &c->options);
    assert_int_equal(run(&f, &s, hook, c->count, false), LAM_OK);
    lam_hook_state found;
    assert_int_equal(lam_hook_get_state(hook, &found), LAM_OK);
    assert_int_equal(s.epochs, c->epochs);
    assert_int_equal(found.best_epoch, c->best_epoch);
    assert_true(lam_trainer_stopped(f.trainer) == (found.stopped_epoch > 0));
    if (found.stopped_epoch) assert_int_equal(found.stopped_epoch, c->epochs - 1);
    float expected = s.weight[c->options.restore_best_weights ? c->best_epoch : c->epochs - 1];
    assert_true(weight_of(f.trainer) == expected);
    assert_true(s.weight[0] != s.weight[1]); /* epochs can be told apart */
    lam_context_destroy(f.context);
  }
}

static void the_best_weights_come_back_when_somebody_else_stops(void **state) {
  (void)state;
  static const double losses[MOST] = { .9, .8, .7, .71, .72, .73 };
  fixture f = begin(0.05f);
  script s = { .losses = losses, .stop_after = 4 };
  lam_early_stopping_options options = { .patience = 5, .baseline = .5, .restore_best_weights = true };
  assert_int_equal(run(&f, &s, lam_early_stopping(f.context, &options), 6, false), LAM_OK);
  assert_int_equal(s.epochs, 4);
  assert_true(weight_of(f.trainer) == s.weight[2]);
  lam_context_destroy(f.context);
}

static void a_stopping_goes_on_as_if_never_interrupted(void **state) {
  (void)state;
  static const double losses[MOST] = { 10, 9, 8, 9, 8.9, 8.8, 8.7 };
  const lam_early_stopping_options options = { .patience = 3 };
  for (size_t again = 0; again < 2; again++) /* the same callback, or a new one that takes its counts from the history */
    for (size_t stop = 1; stop < 6; stop++) {
      fixture f = begin(0.05f);
      script s = { .losses = losses, .stop_after = stop };
      lam_hook *hook = lam_early_stopping(f.context, &options);
      assert_int_equal(run(&f, &s, hook, 7, false), LAM_OK);
      assert_int_equal(s.epochs, stop);
      s.stop_after = 0;
      if (again) hook = lam_early_stopping(f.context, &options);
      assert_int_equal(run(&f, &s, hook, 7, true), LAM_OK);
      assert_int_equal(s.epochs, 6);
      lam_context_destroy(f.context);
    }
}

/* ---- learning rates ----------------------------------------------------------------------------------------------- */

typedef struct rate_case {
  lam_reduce_lr_options options;
  double losses[MOST];
  size_t count;
  double rates[MOST]; /* after each epoch */
} rate_case;

/* The first three are reduce_lr.basic, min_lr and cooldown: their min_delta leaves no epoch after the first an improvement. */
static const rate_case rate_cases[] = {
  { { .patience = 1, .factor = .1, .min_delta = 100 }, { 5, 4 }, 2, { .1, .01 } },
  { { .patience = 1, .factor = .1, .min_delta = 10, .min_lr = .005 }, { 5, 4, 3, 2 }, 4, { .1, .01, .005, .005 } },
  { { .patience = 1, .factor = .1, .min_delta = 100, .cooldown = 2 }, { 5, 4, 3, 2 }, 4, { .1, .01, .01, .001 } },
  { { .patience = 2, .factor = .5 }, { 5, 6, 6, 6, 6, 4, 5, 5 }, 8, { .1, .1, .05, .05, .025, .025, .025, .0125 } },
  { { .patience = 1 }, { 5, 4.99995, 4.9998 }, 3, { .1, .01, .01 } }, /* the default min_delta is 1e-4 */
  { { .patience = 1, .min_delta = (double)LAM_ZERO }, { 5, 4.99995, 4.9999 }, 3, { .1, .1, .1 } },
  { { .patience = 1, .mode = LAM_MODE_MAX }, { 1, 2, 1, 3 }, 4, { .1, .1, .01, .01 } },
};

static void plateaus_reduce_the_rate_where_keras_does(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rate_cases / sizeof *rate_cases; i++)
    for (size_t stop = 0; stop < rate_cases[i].count; stop++) { /* 0: in one go; else stopped and taken up by a new callback */
      const rate_case *c = &rate_cases[i];
      fixture f = begin(0.1f);
      script s = { .losses = c->losses, .stop_after = stop };
      assert_int_equal(run(&f, &s, lam_reduce_lr_on_plateau(f.context, &c->options), c->count, false), LAM_OK);
      s.stop_after = 0;
      if (stop) assert_int_equal(run(&f, &s, lam_reduce_lr_on_plateau(f.context, &c->options), c->count, true), LAM_OK);
      assert_int_equal(s.epochs, c->count);
      for (size_t epoch = 0; epoch < c->count; epoch++) /* each reduction rounds to float: four of them, 2^-24 each */
        assert_true(fabs((double)s.rate[epoch] - c->rates[epoch]) <= 3e-7 * c->rates[epoch]);
      lam_context_destroy(f.context);
    }
}

static float halve(void *user, size_t epoch, float rate) {
  *(size_t *)user += 1;
  return epoch ? rate / 2 : rate;
}

static void a_scheduler_sets_the_rate_of_each_epoch(void **state) {
  (void)state;
  static const double losses[MOST] = { 1, 1, 1 };
  fixture f = begin(0.5f);
  size_t calls = 0;
  script s = { .losses = losses };
  assert_int_equal(run(&f, &s, lam_learning_rate_scheduler(f.context, halve, &calls), 3, false), LAM_OK);
  assert_int_equal(calls, 3);
  assert_true(s.rate[0] == 0.5f && s.rate[1] == 0.25f && s.rate[2] == 0.125f);
  lam_context_destroy(f.context);
}

static void a_loss_that_is_not_finite_may_be_a_stop(void **state) {
  (void)state;
  for (size_t stops = 0; stops < 2; stops++) {
    fixture f = begin(1e30f);
    lam_hook *hook = lam_terminate_on_nan(f.context);
    lam_fit_options options = { .epochs = 9, .batch_size = 1, .callbacks = &hook, .callback_count = stops };
    assert_int_equal(lam_fit(f.trainer, f.data, &options), stops ? LAM_OK : LAM_NOT_FINITE);
    assert_true(lam_trainer_stopped(f.trainer) == (stops == 1));
    lam_context_destroy(f.context);
  }
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static size_t read_file(const char *name, char text[2048]) {
  FILE *file = fopen(in_folder(name), "r");
  assert_non_null(file);
  size_t size = fread(text, 1, 2047, file);
  text[size] = 0;
  fclose(file);
  return size;
}

static bool exists(const char *name) { return access(in_folder(name), F_OK) == 0; }

static void a_checkpoint_is_saved_where_the_best_is_and_named_by_it(void **state) {
  (void)state;
  static const double losses[MOST] = { 4, 1, 2.25, .25, 9 };
  fixture f = begin(0.05f);
  script s = { .losses = losses };
  lam_hook *hook = lam_model_checkpoint(f.context, in_folder("best-{epoch:02d}-{val_loss:.2f}.st"),
                                        &(lam_model_checkpoint_options){ .save_best_only = true });
  assert_int_equal(run(&f, &s, hook, 5, false), LAM_OK);
  assert_true(exists("best-01-4.00.st") && exists("best-02-1.00.st") && exists("best-04-0.25.st"));
  assert_false(exists("best-03-2.25.st") || exists("best-05-9.00.st"));
  lam_trainer *loaded = lam_trainer_load(f.context, in_folder("best-04-0.25.st"));
  assert_non_null(loaded);
  assert_true(weight_of(loaded) == s.weight[3]);
  size_t count = 0;
  lam_trainer_history(loaded, &count);
  assert_int_equal(count, 4);
  lam_context_destroy(f.context);
}

static void a_checkpoint_may_be_saved_every_few_batches_as_a_model(void **state) {
  (void)state;
  fixture f = begin(0.05f);
  lam_hook *hook = lam_model_checkpoint(f.context, in_folder("m{epoch}-{batch}.st"),
                                        &(lam_model_checkpoint_options){ .save_freq = 4, .save_weights_only = true });
  lam_fit_options options = { .epochs = 2, .batch_size = 1, .callbacks = &hook, .callback_count = 1 };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK); /* 12 batches: the 4th, 8th and 12th */
  assert_true(exists("m1-4.st") && exists("m2-2.st") && exists("m2-6.st"));
  assert_non_null(lam_model_load(f.context, in_folder("m2-2.st")));
  assert_null(lam_trainer_load(f.context, in_folder("m2-2.st")));
  lam_context_destroy(f.context);
}

static void a_checkpoint_makes_its_folders_or_tells_which_it_cannot(void **state) {
  (void)state;
  fixture f = begin(0.05f);
  lam_hook *hook = lam_model_checkpoint(f.context, in_folder("runs/{epoch:02d}/model.st"), NULL);
  lam_fit_options options = { .epochs = 2, .callbacks = &hook, .callback_count = 1 };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  assert_true(exists("runs/01/model.st") && exists("runs/02/model.st"));
  hook = lam_model_checkpoint(f.context, in_folder("runs/01/model.st/deeper/{epoch}.st"), NULL);
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_IO);
  assert_non_null(strstr(lam_error_message(f.context), "cannot make the folder "));
  assert_non_null(strstr(lam_error_message(f.context), "runs/01/model.st/deeper: Not a directory"));
  lam_context_destroy(f.context);
}

static void a_checkpoint_keeps_what_other_callbacks_did_in_its_epoch(void **state) {
  (void)state;
  static const double losses[MOST] = { 1, 1 };
  fixture f = begin(0.1f);
  script s = { .losses = losses };
  lam_hook *hooks[] = { lam_model_checkpoint(f.context, in_folder("rate.st"), NULL),
                        lam_reduce_lr_on_plateau(f.context, &(lam_reduce_lr_options){ .patience = 1, .factor = .5 }) };
  lam_fit_options options = { .epochs = 2, .validation = f.validation, .callback = play, .user = &s };
  options.callbacks = hooks;
  options.callback_count = 2;
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  assert_true(rate_of(lam_trainer_load(f.context, in_folder("rate.st"))) == 0.05f);
  lam_context_destroy(f.context);
}

static void a_table_has_a_line_for_each_epoch(void **state) {
  (void)state;
  static const double losses[MOST] = { .25, 4, 1, 2.25 };
  char text[2048], expected[2048];
  fixture f = begin((float)LAM_ZERO); /* the weight stays, and so does the loss */
  script s = { .losses = losses, .stop_after = 2 };
  assert_int_equal(run(&f, &s, lam_csv_logger(f.context, in_folder("log.csv"), NULL), 4, false), LAM_OK);
  read_file("log.csv", text);
  double loss = lam_trainer_history(f.trainer, NULL)[0].loss;
  assert_int_equal(strncmp(text, "epoch,loss,val_loss\n0,", 22), 0);
  assert_true(strtod(text + 22, NULL) == loss);
  size_t lines = 0;
  for (const char *c = text; *c; c++) lines += *c == '\n';
  assert_int_equal(lines, 3);

  /* Killed in the middle of a line: it stays, and is ended. */
  FILE *file = fopen(in_folder("log.csv"), "a");
  fputs("2,0.1", file);
  fclose(file);
  s.stop_after = 0;
  lam_hook *hook = lam_csv_logger(f.context, in_folder("log.csv"), &(lam_csv_logger_options){ .append = true });
  assert_int_equal(run(&f, &s, hook, 4, true), LAM_OK);
  memcpy(expected, text, sizeof expected);
  size_t before = strlen(text), after = read_file("log.csv", text);
  assert_memory_equal(text, expected, before);
  assert_int_equal(strncmp(text + before, "2,0.1\n2,", 8), 0);
  assert_int_equal(text[after - 1], '\n');
  assert_non_null(strstr(text + before, "\n3,"));
  lam_context_destroy(f.context);
}

static void epochs_without_validation_have_no_value_of_it(void **state) {
  (void)state;
  char text[2048];
  fixture f = begin(0.05f);
  lam_hook *hooks[] = { lam_csv_logger(f.context, in_folder("freq.csv"), &(lam_csv_logger_options){ .separator = ';' }),
                        lam_early_stopping(f.context, &(lam_early_stopping_options){ .patience = 1, .mode = LAM_MODE_MAX }) };
  lam_fit_options options = { .epochs = 5, .validation = f.data, .validation_freq = 2, .callbacks = hooks, .callback_count = 2 };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK); /* val_loss falls: the second validation ends it */
  size_t count = 0;
  const lam_epoch *epochs = lam_trainer_history(f.trainer, &count);
  assert_int_equal(count, 4);
  assert_true(isnan(epochs[0].val_loss) && !isnan(epochs[1].val_loss) && isnan(epochs[2].val_loss));
  read_file("freq.csv", text);
  assert_int_equal(strncmp(text, "epoch;loss;val_loss\n0;", 22), 0);
  assert_non_null(strstr(text, ";NA\n1;"));
  lam_context_destroy(f.context);
}

/* ---- several, and names -------------------------------------------------------------------------------------------- */

static int count_events(void *user, const lam_progress *progress) {
  size_t *counts = user;
  counts[progress->event]++;
  return 0;
}

static int stop_now(void *user, const lam_progress *progress) {
  (void)user;
  return progress->event == LAM_STEP_END && progress->step == 2;
}

static void all_are_told_even_behind_one_that_stops(void **state) {
  (void)state;
  fixture f = begin(0.05f);
  size_t first[3] = { 0 }, last[3] = { 0 };
  lam_hook *hooks[] = { lam_lambda_callback(f.context, stop_now, NULL), lam_lambda_callback(f.context, count_events, first) };
  lam_fit_options options = { .epochs = 3, .batch_size = 2, .callback = count_events, .user = last };
  options.callbacks = hooks;
  options.callback_count = 2;
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  assert_true(lam_trainer_stopped(f.trainer));
  assert_true(first[LAM_EPOCH_BEGIN] == 1 && first[LAM_STEP_END] == 2 && first[LAM_EPOCH_END] == 0);
  assert_memory_equal(first, last, sizeof first);
  lam_context_destroy(f.context);
}

static void metrics_are_monitored_by_their_names(void **state) {
  (void)state;
  fixture f = begin(0.05f);
  assert_non_null(
      lam_trainer_add_metric(f.trainer, &(lam_metric_options){ .type = LAM_METRIC_MEAN_ABSOLUTE_ERROR, .name = "mae" }));
  assert_non_null(lam_trainer_add_metric(f.trainer, &(lam_metric_options){ .type = LAM_METRIC_MEAN, .name = "level" }));
  lam_hook *hook = lam_early_stopping(f.context, &(lam_early_stopping_options){ .monitor = "val_mae", .patience = 1 });
  lam_fit_options options = { .epochs = 3, .validation = f.data, .callbacks = &hook, .callback_count = 1 };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  lam_hook_state found;
  assert_int_equal(lam_hook_get_state(hook, &found), LAM_OK);
  assert_true(found.best == lam_trainer_metric_history(f.trainer, 0, 2, true));
  hook = lam_early_stopping(f.context, &(lam_early_stopping_options){ .monitor = "level" });
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_INVALID_ARGUMENT);
  assert_non_null(strstr(lam_error_message(f.context), "mode"));
  lam_context_destroy(f.context);
}

static void assert_refused(fixture *f, lam_hook *hook, const lam_dataset *validation, lam_status status, const char *part) {
  lam_fit_options options = { .validation = validation, .callbacks = &hook, .callback_count = 1 };
  float before = weight_of(f->trainer);
  assert_int_equal(lam_fit(f->trainer, f->data, &options), status);
  assert_non_null(strstr(lam_error_message(f->context), part));
  assert_true(weight_of(f->trainer) == before);
}

static void what_cannot_be_is_refused_before_the_first_step(void **state) {
  (void)state;
  fixture f = begin(0.05f);
  lam_context *c = f.context;
  assert_refused(&f, lam_early_stopping(c, NULL), NULL, LAM_UNKNOWN_NAME, "no \"val_loss\"; it has loss, and no validation");
  assert_refused(&f, lam_early_stopping(c, &(lam_early_stopping_options){ .monitor = "acc" }), f.data, LAM_UNKNOWN_NAME,
                 "it has loss, val_loss");
  assert_refused(&f, lam_model_checkpoint(c, in_folder("{accuracy}.st"), NULL), NULL, LAM_UNKNOWN_NAME, "\"accuracy\"");
  assert_refused(&f, lam_model_checkpoint(c, in_folder("{epoch:x}.st"), NULL), NULL, LAM_INVALID_ARGUMENT, "{epoch:x}");
  assert_refused(
      &f, lam_model_checkpoint(c, in_folder("x"), &(lam_model_checkpoint_options){ .save_best_only = true, .save_freq = 1 }),
      f.data, LAM_INVALID_ARGUMENT, "save_freq");
  assert_refused(&f, lam_csv_logger(c, in_folder("no/such/folder"), NULL), NULL, LAM_IO, "no/such/folder");
  assert_refused(&f, lam_csv_logger(c, folder, NULL), NULL, LAM_IO, folder);
  assert_refused(&f, NULL, NULL, LAM_NO_HANDLE, "callback 0 is NULL");
  lam_context *other = lam_context_create(NULL);
  assert_refused(&f, lam_terminate_on_nan(other), NULL, LAM_INVALID_ARGUMENT, "another context");
  lam_context_destroy(other);
  lam_hook *twice[2];
  twice[0] = twice[1] = lam_terminate_on_nan(c);
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .callbacks = twice, .callback_count = 2 }),
                   LAM_INVALID_ARGUMENT);
  assert_null(lam_early_stopping(c, &(lam_early_stopping_options){ .min_delta = -1 }));
  assert_null(lam_early_stopping(c, &(lam_early_stopping_options){ .baseline = (double)NAN }));
  assert_null(lam_reduce_lr_on_plateau(c, &(lam_reduce_lr_options){ .factor = 1 }));
  assert_null(lam_reduce_lr_on_plateau(c, &(lam_reduce_lr_options){ .min_lr = -1 }));
  assert_null(lam_learning_rate_scheduler(c, NULL, NULL));
  assert_null(lam_lambda_callback(c, NULL, NULL));
  assert_null(lam_model_checkpoint(c, "", NULL));
  lam_hook_state found;
  assert_int_equal(lam_hook_get_state(twice[0], &found), LAM_INVALID_ARGUMENT);
  lam_context_destroy(c);
}

/* ---- epochs ------------------------------------------------------------------------------------------------------- */

static int note_epochs(void *user, const lam_progress *progress) {
  size_t *seen = user;
  if (progress->event == LAM_EPOCH_BEGIN) seen[seen[0]++ + 1] = progress->epoch;
  return 0;
}

static void a_fit_may_begin_with_a_later_epoch_and_be_saved_and_resumed(void **state) {
  (void)state;
  fixture f = begin(0.05f);
  size_t seen[MOST] = { 0 };
  lam_fit_options options = { .epochs = 5, .initial_epoch = 3, .callback = note_epochs, .user = seen };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  assert_true(seen[0] == 2 && seen[1] == 3 && seen[2] == 4);
  size_t count = 0;
  lam_trainer_history(f.trainer, &count);
  assert_int_equal(count, 2);
  assert_int_equal(lam_trainer_save(f.trainer, in_folder("later.st")), LAM_OK);
  lam_trainer *loaded = lam_trainer_load(f.context, in_folder("later.st"));
  assert_non_null(loaded);
  options = (lam_fit_options){ .epochs = 6, .resume = true, .callback = note_epochs, .user = seen };
  assert_int_equal(lam_fit(loaded, f.data, &options), LAM_OK);
  assert_true(seen[0] == 3 && seen[3] == 5);
  options.initial_epoch = 2;
  assert_int_equal(lam_fit(loaded, f.data, &options), LAM_INVALID_ARGUMENT);
  lam_context_destroy(f.context);
}

static void epochs_and_validation_may_be_part_of_the_data(void **state) {
  (void)state;
  fixture f = begin(0.05f), g = begin(0.05f);
  lam_fit_options options = {
    .epochs = 2, .batch_size = 2, .no_shuffle = true, .steps_per_epoch = 2, .validation = f.data, .validation_steps = 1
  };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  lam_fit_options part = { .epochs = 2, .batch_size = 2, .no_shuffle = true, .validation = lam_dataset_slice(g.data, 0, 2) };
  assert_int_equal(lam_fit(g.trainer, lam_dataset_slice(g.data, 0, 4), &part), LAM_OK);
  assert_true(weight_of(f.trainer) == weight_of(g.trainer));
  assert_true(lam_trainer_history(f.trainer, NULL)[1].val_loss == lam_trainer_history(g.trainer, NULL)[1].val_loss);
  options.steps_per_epoch = 4;
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_INVALID_ARGUMENT);
  lam_context_destroy(f.context);
  lam_context_destroy(g.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(early_stopping_ends_where_keras_does),
    cmocka_unit_test(the_best_weights_come_back_when_somebody_else_stops),
    cmocka_unit_test(a_stopping_goes_on_as_if_never_interrupted),
    cmocka_unit_test(plateaus_reduce_the_rate_where_keras_does),
    cmocka_unit_test(a_scheduler_sets_the_rate_of_each_epoch),
    cmocka_unit_test(a_loss_that_is_not_finite_may_be_a_stop),
    cmocka_unit_test(a_checkpoint_is_saved_where_the_best_is_and_named_by_it),
    cmocka_unit_test(a_checkpoint_may_be_saved_every_few_batches_as_a_model),
    cmocka_unit_test(a_checkpoint_makes_its_folders_or_tells_which_it_cannot),
    cmocka_unit_test(a_checkpoint_keeps_what_other_callbacks_did_in_its_epoch),
    cmocka_unit_test(a_table_has_a_line_for_each_epoch),
    cmocka_unit_test(epochs_without_validation_have_no_value_of_it),
    cmocka_unit_test(all_are_told_even_behind_one_that_stops),
    cmocka_unit_test(metrics_are_monitored_by_their_names),
    cmocka_unit_test(what_cannot_be_is_refused_before_the_first_step),
    cmocka_unit_test(a_fit_may_begin_with_a_later_epoch_and_be_saved_and_resumed),
    cmocka_unit_test(epochs_and_validation_may_be_part_of_the_data),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
