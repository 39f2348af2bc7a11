/* SPDX-License-Identifier: MIT
 *
 * fit: epochs of steps. Everything that can fail, fails before the first step, but for a loss that is not finite.
 */
#include "base/clock.h"
#include "train/callback.h"
#include "train/feed.h"

#include <math.h>

typedef struct lam_fit {
  lam_trainer *trainer;
  const lam_fit_options *options;
  const lam_dataset *data, *validation;
  lam_dataset *rest, *held_out; /* made by validation_split */
  lam_feed feed, validation_feed;
  size_t batch, epochs, taken; /* taken: of the callbacks */
  uint64_t steps_before;       /* of the optimizer */
  lam_status status;           /* of a callback that failed */
} lam_fit_state;

/* ---- before the first step ---------------------------------------------------------------------------------------- */

static lam_status split_validation(lam_fit_state *fit) {
  lam_context *context = fit->trainer->object.context;
  const lam_fit_options *options = fit->options;
  char text[32];
  fit->validation = options->validation;
  if (options->validation && options->validation_generator)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "validation and validation_generator exclude each other");
  if (options->validation_split == 0.0) return LAM_OK;
  if (options->validation || options->validation_generator)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "validation and validation_split exclude each other");
  if (!(options->validation_split > 0.0 && options->validation_split < 1.0))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "validation_split is %s; it lies between 0 and 1",
                    lam_format_double(text, options->validation_split));
  lam_status status = lam_dataset_split(fit->data, options->validation_split, NULL, &fit->rest, &fit->held_out);
  if (status) return status;
  fit->data = fit->rest;
  fit->validation = fit->held_out;
  return LAM_OK;
}

/* The model remembers the names of the first classes it was taught. */
static lam_status record_class_names(lam_model *model, const lam_dataset *data) {
  if (model->class_count || data->class_count == 0) return LAM_OK;
  return lam_model_set_class_names(model, data->class_names, data->class_count);
}

static lam_training training_of(const lam_fit_state *fit) {
  return (lam_training){ fit->trainer, fit->validation != NULL, fit->options->resume };
}

/* Each may be in one fit, and once. */
static lam_status take_callbacks(lam_fit_state *fit) {
  const lam_trainer *trainer = fit->trainer;
  const lam_fit_options *options = fit->options;
  const lam_training training = training_of(fit);
  if (options->callback_count && !options->callbacks)
    return lam_fail(trainer->object.context, LAM_NO_HANDLE, "%zu callbacks are announced, but callbacks is NULL",
                    options->callback_count);
  for (size_t i = 0; i < options->callback_count; i++) {
    lam_hook *hook = options->callbacks[i];
    if (!hook) return lam_fail(trainer->object.context, LAM_NO_HANDLE, "callback %zu is NULL", i);
    if (hook->running || hook->object.context != trainer->object.context)
      return lam_fail(trainer->object.context, LAM_INVALID_ARGUMENT, "callback %zu (%s) is %s", i, hook->type->name,
                      hook->running ? "in a fit already" : "of another context");
    hook->running = true;
    fit->taken++;
    lam_status status = hook->type->check ? hook->type->check(hook, &training) : LAM_OK;
    if (!status) status = lam_hook_check(hook, &training);
    if (status) return status;
  }
  return LAM_OK;
}

/* What can only fail where the system refuses memory or a file. */
static lam_status begin_callbacks(const lam_fit_state *fit) {
  const lam_training training = training_of(fit);
  lam_status status = LAM_OK;
  for (size_t i = 0; i < fit->taken && !status; i++) {
    lam_hook *hook = fit->options->callbacks[i];
    if (hook->type->begin) status = hook->type->begin(hook, &training);
  }
  return status;
}

static lam_status check_fit_options(const lam_fit_state *fit) {
  lam_context *context = fit->trainer->object.context;
  const lam_fit_options *options = fit->options;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_fit_options must be zero");
  if (options->generator && (fit->data || options->batch_size || options->steps_per_epoch || options->validation_split != 0.0))
    return lam_fail(context, LAM_INVALID_ARGUMENT,
                    "a generator takes the place of the data, and says batch_size and steps itself; nothing can be split off");
  if (options->resume && options->initial_epoch)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "initial_epoch is %zu, but a fit that resumes knows its epoch",
                    options->initial_epoch);
  return LAM_OK;
}

static lam_status open_feeds(lam_fit_state *fit) {
  lam_context *context = fit->trainer->object.context;
  const lam_fit_options *options = fit->options;
  fit->batch = options->batch_size ? options->batch_size : 32;
  lam_status status = options->generator ? lam_feed_open_generator(&fit->feed, fit->trainer, options->generator)
                                         : lam_feed_open(&fit->feed, context, fit->data, fit->batch, options->steps_per_epoch);
  fit->batch = fit->feed.batch;
  fit->data = fit->feed.data;
  if (!status && options->validation_generator)
    status = lam_feed_open_generator(&fit->validation_feed, fit->trainer, options->validation_generator);
  else if (!status && fit->validation)
    status = lam_feed_open(&fit->validation_feed, context, fit->validation, fit->batch, options->validation_steps);
  if (fit->validation_feed.batch > fit->batch) fit->batch = fit->validation_feed.batch;
  fit->validation = fit->validation_feed.data;
  return status;
}

/* Room for it, while that of the last fit stays. */
static lam_status prepare_history(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  lam_context *context = trainer->object.context;
  const lam_fit_options *options = fit->options;
  fit->epochs = options->epochs ? options->epochs : 1;
  if (options->resume && fit->feed.steps && trainer->position.step > fit->feed.steps)
    return lam_fail(context, LAM_INVALID_ARGUMENT,
                    "the fit to go on with was at step %llu of its epoch, these data have %zu steps",
                    (unsigned long long)trainer->position.step, fit->feed.steps);
  return lam_grow(context, (void **)&trainer->history, &trainer->history_capacity, fit->epochs, sizeof *trainer->history);
}

static lam_status begin_fit(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  const lam_fit_options *options = fit->options;
  lam_status status = check_fit_options(fit);
  if (!status && fit->data) status = lam_trainer_check_data(trainer, fit->data);
  if (!status) status = split_validation(fit);
  if (!status && options->validation) status = lam_trainer_check_data(trainer, options->validation);
  if (!status) status = open_feeds(fit);
  if (!status) status = lam_trainer_take_class_weights(trainer, fit->data, options->class_weights, options->class_weight_count);
  if (!status) status = lam_trainer_plan(trainer, fit->batch);
  if (!status) status = prepare_history(fit);
  if (!status) status = lam_trainer_prepare_metrics(trainer, fit->epochs);
  if (!status) status = take_callbacks(fit);
  if (!status) status = begin_callbacks(fit);
  if (!status) status = record_class_names(trainer->model, fit->data);
  return status;
}

/* Nothing refuses the fit any more: what the last one left may go. */
static void leave_last_fit(const lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  const lam_position *known = &trainer->position;
  const lam_training training = training_of(fit);
  for (size_t i = 0; i < fit->taken; i++) lam_hook_start(fit->options->callbacks[i], &training);
  lam_record_scaling(trainer->model, fit->data);
  trainer->stopped = false;
  if (fit->options->resume) {
    lam_trainer_restore(trainer);
    return;
  }
  trainer->position = (lam_position){ .steps = known->steps, .shuffles = known->shuffles, .epoch = fit->options->initial_epoch };
  trainer->history_count = 0;
}

/* ---- steps and epochs --------------------------------------------------------------------------------------------- */

static bool is_watched(const lam_fit_state *fit) { return fit->options->callback || fit->options->callback_count; }

/* Tells all callbacks, those that save behind those that change something. True: fit stops. */
static bool tell(lam_fit_state *fit, lam_progress *progress) {
  const lam_fit_options *options = fit->options;
  bool stop = false;
  if (is_watched(fit)) lam_trainer_tell_metrics(fit->trainer, progress);
  for (int late = 0; late < 2; late++)
    for (size_t i = 0; i < options->callback_count && !fit->status; i++) {
      lam_hook *hook = options->callbacks[i];
      bool wants = false;
      if (hook->type->late != (late != 0) || !hook->type->tell) continue;
      fit->status = hook->type->tell(hook, progress, &wants);
      stop = stop || wants;
    }
  if (options->callback && !fit->status && options->callback(options->user, progress)) stop = true;
  fit->trainer->stopped = stop;
  return stop || fit->status;
}

static lam_progress progress_of(const lam_fit_state *fit, lam_event event, const lam_epoch *mean) {
  const lam_position *position = &fit->trainer->position;
  return (lam_progress){ .event = event,
                         .trainer = fit->trainer,
                         .epoch = position->epoch,
                         .epochs = fit->epochs,
                         .step = position->step,
                         .steps = fit->feed.steps,
                         .mean = *mean };
}

static lam_epoch mean_so_far(const lam_trainer *trainer, double started) {
  const lam_position *position = &trainer->position;
  double rows = position->rows ? (double)position->rows : 1.0;
  lam_epoch mean = { position->loss_sum / rows, position->right_sum / rows, (double)NAN, (double)NAN, lam_seconds() - started };
  if (!trainer->plan->has_accuracy) mean.accuracy = (double)NAN;
  return mean;
}

static lam_status not_finite(lam_fit_state *fit, double loss) {
  lam_trainer *trainer = fit->trainer;
  const lam_position *position = &trainer->position;
  char text[32];
  for (size_t i = 0; i < fit->options->callback_count; i++)
    if (fit->options->callbacks[i]->type->takes_nan) return trainer->stopped = true, LAM_OK;
  bool changed = position->steps > fit->steps_before;
  return lam_fail(trainer->object.context, LAM_NOT_FINITE, "the loss is %s at step %llu of epoch %llu%s",
                  lam_format_double(text, loss), (unsigned long long)position->step + 1, (unsigned long long)position->epoch + 1,
                  changed ? ": a smaller learning rate may help"
                          : ", before this fit has changed a weight: weights or data are too large or not finite");
}

static lam_status run_step(lam_fit_state *fit, const lam_rows *rows, double *loss) {
  lam_trainer *trainer = fit->trainer;
  lam_position *position = &trainer->position;
  lam_step step = { .rows = rows->count, .training = true, .seed = trainer->seed, .number = position->steps };
  lam_status status = lam_trainer_run_rows(trainer, rows->data, rows->rows, &step);
  if (status) return status;
  *loss = lam_trainer_loss(trainer, &step);
  if (!isfinite(*loss)) return not_finite(fit, *loss);
  if ((status = lam_plan_tell(trainer->plan, lam_plan_finish(trainer->plan, &step)))) return status;
  lam_trainer_add_to_metrics(trainer, &step); /* of steps that came to their end */
  lam_trainer_count_losses(trainer, &step, false);
  position->loss_sum += *loss * (double)step.rows;
  position->right_sum += lam_plan_right(trainer->plan, &step);
  position->rows += step.rows;
  position->step++;
  lam_trainer_update(trainer, trainer->plan->gradients, 1.0);
  trainer->last = trainer->plan;
  return LAM_OK;
}

/* Keras counts from the epoch's number, whatever epoch a fit began with. */
static bool validates(const lam_fit_state *fit) {
  size_t every = fit->options->validation_freq ? fit->options->validation_freq : 1;
  return fit->validation && (fit->trainer->position.epoch + 1) % every == 0;
}

static lam_status end_epoch(lam_fit_state *fit, double started) {
  lam_trainer *trainer = fit->trainer;
  lam_epoch record = mean_so_far(trainer, started);
  lam_progress progress = progress_of(fit, LAM_EPOCH_END, &record);
  lam_trainer_note_metrics(trainer, trainer->history_count, false);
  if (validates(fit)) {
    lam_result result;
    lam_status status = lam_trainer_measure(trainer, &fit->validation_feed, trainer->position.epoch, &result);
    if (status) return status;
    lam_trainer_note_metrics(trainer, trainer->history_count, true);
    record.val_loss = result.loss;
    record.val_accuracy = result.accuracy;
    record.seconds = lam_seconds() - started;
    progress.validated = true;
    progress.mean = record;
  }
  trainer->history[trainer->history_count++] = record;
  lam_position *position = &trainer->position;
  *position = (lam_position){ .steps = position->steps, .epoch = position->epoch + 1, .shuffles = position->shuffles };
  (void)tell(fit, &progress);
  return fit->status;
}

/* The steps of the epoch that are left. Leaves trainer->stopped where one of them was the last. */
static lam_status run_steps(lam_fit_state *fit, double started) {
  lam_trainer *trainer = fit->trainer;
  double loss = 0.0;
  for (lam_rows rows;;) {
    lam_status status = lam_feed_next(&fit->feed, trainer->position.step, &rows);
    if (!status && rows.count == 0) return LAM_OK;
    if (!status) status = run_step(fit, &rows, &loss);
    if (status || trainer->stopped) return status;
    if (!is_watched(fit)) continue;
    lam_epoch mean = mean_so_far(trainer, started);
    lam_progress progress = progress_of(fit, LAM_STEP_END, &mean);
    progress.step_loss = loss;
    if (tell(fit, &progress)) return fit->status;
  }
}

static lam_status run_epoch(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  double started = lam_seconds();
  if (trainer->position.step == 0) {
    trainer->position.shuffles++;
    lam_trainer_begin_metrics(trainer);
    lam_trainer_clear_losses(trainer, false);
    lam_epoch mean = mean_so_far(trainer, started);
    lam_progress progress = progress_of(fit, LAM_EPOCH_BEGIN, &mean);
    if (tell(fit, &progress)) return trainer->position.shuffles--, fit->status;
  }
  lam_status status = lam_feed_begin(&fit->feed, !fit->options->no_shuffle, trainer->seed, trainer->position.shuffles - 1);
  if (!status) status = run_steps(fit, started);
  return status || trainer->stopped ? status : end_epoch(fit, started);
}

static lam_status run_epochs(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(trainer->object.context);
  bool resumes = fit->options->resume;
  size_t epoch = resumes ? trainer->position.epoch : fit->options->initial_epoch, step = resumes ? trainer->position.step : 0;
  lam_status status = lam_feed_start(&fit->feed, epoch, step, fit->epochs);
  if (!status) leave_last_fit(fit);
  while (!status && !trainer->stopped && trainer->position.epoch < fit->epochs) status = run_epoch(fit);
  lam_feed_stop(&fit->feed);
  if (!status) lam_trainer_average(trainer);
  for (size_t i = 0; i < fit->taken && !status; i++) {
    lam_hook *hook = fit->options->callbacks[i];
    if (hook->type->end) status = hook->type->end(hook, trainer);
  }
  lam_blas_leave(trainer->object.context);
  lam_fp_leave(mode);
  return status;
}

lam_status lam_fit(lam_trainer *trainer, const lam_dataset *data, const lam_fit_options *options) {
  static const lam_fit_options defaults = { 0 };
  if (!trainer || (!data && !(options && options->generator))) return LAM_NO_HANDLE;
  lam_context *context = trainer->object.context;
  lam_fit_state fit = { .trainer = trainer, .options = options ? options : &defaults, .data = data };
  if (trainer->fitting)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "this trainer is in a fit, in which it can begin no other");
  trainer->fitting = true;
  fit.steps_before = trainer->position.steps;
  lam_status status = begin_fit(&fit);
  if (!status) status = run_epochs(&fit);
  for (size_t i = 0; i < fit.taken; i++) fit.options->callbacks[i]->running = false;
  trainer->class_weights = NULL;
  trainer->fitting = false;
  lam_feed_close(&fit.validation_feed, context);
  lam_feed_close(&fit.feed, context);
  lam_dataset_destroy(fit.held_out);
  lam_dataset_destroy(fit.rest);
  return status;
}

const lam_epoch *lam_trainer_history(const lam_trainer *trainer, size_t *count) {
  if (count) *count = trainer ? trainer->history_count : 0;
  return trainer ? trainer->history : NULL;
}

bool lam_trainer_stopped(const lam_trainer *trainer) { return trainer && trainer->stopped; }
