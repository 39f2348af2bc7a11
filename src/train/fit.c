/* SPDX-License-Identifier: MIT
 *
 * fit: epochs of steps. Everything that can fail, fails before the first step, but for a loss that is not finite.
 */
#include "train/trainer.h"

#include <math.h>
#include <time.h>

typedef struct lam_fit {
  lam_trainer *trainer;
  const lam_fit_options *options;
  const lam_dataset *data, *validation;
  lam_dataset *rest, *held_out; /* made by validation_split */
  uint32_t *order;
  size_t batch, steps, epochs;
} lam_fit_state;

static double now(void) {
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- before the first step ---------------------------------------------------------------------------------------- */

static lam_status split_validation(lam_fit_state *fit) {
  lam_context *context = fit->trainer->object.context;
  const lam_fit_options *options = fit->options;
  char text[32];
  fit->validation = options->validation;
  if (options->validation_split == 0.0) return LAM_OK;
  if (options->validation) return lam_fail(context, LAM_INVALID_ARGUMENT, "validation and validation_split exclude each other");
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

/* Keras's class_weight. */
static lam_status check_class_weights(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  lam_context *context = trainer->object.context;
  const lam_fit_options *options = fit->options;
  if (options->class_weight_count == 0) return LAM_OK;
  if (!options->class_weights)
    return lam_fail(context, LAM_NO_HANDLE, "%zu class weights are announced, but class_weights is NULL",
                    options->class_weight_count);
  if (trainer->model->output_count != 1)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "class_weights go with one output, the model has %zu",
                    trainer->model->output_count);
  if (fit->data->weights) return lam_fail(context, LAM_INVALID_ARGUMENT, "class_weights and weights of rows exclude each other");
  for (size_t i = 0; i < options->class_weight_count; i++) {
    char text[32];
    if (options->class_weights[i] >= 0.0f && options->class_weights[i] <= 3.402823466e38f) continue;
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the weight of class %zu is %s; it is at least 0 and finite", i,
                    lam_format_float(text, options->class_weights[i]));
  }
  trainer->class_weights = options->class_weights;
  trainer->class_weight_count = options->class_weight_count;
  trainer->weighted = true;
  return LAM_OK;
}

static lam_status begin_fit(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  lam_context *context = trainer->object.context;
  const lam_fit_options *options = fit->options;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_fit_options must be zero");
  lam_status status = lam_trainer_check_data(trainer, fit->data);
  if (!status) status = split_validation(fit);
  if (!status && options->validation) status = lam_trainer_check_data(trainer, options->validation);
  if (!status) status = check_class_weights(fit);
  if (status) return status;
  fit->batch = options->batch_size ? options->batch_size : 32;
  if (fit->batch > fit->data->rows) fit->batch = fit->data->rows;
  fit->steps = (fit->data->rows + fit->batch - 1) / fit->batch;
  fit->epochs = options->epochs ? options->epochs : 1;
  if ((status = lam_trainer_plan(trainer, fit->batch))) return status;
  fit->order = lam_allocate_array(context, fit->data->rows, sizeof *fit->order);
  if (!fit->order) return LAM_OUT_OF_MEMORY;
  if (options->resume && trainer->position.step > fit->steps)
    return lam_fail(context, LAM_INVALID_ARGUMENT,
                    "the fit to go on with was at step %llu of its epoch, these data have %zu steps",
                    (unsigned long long)trainer->position.step, fit->steps);
  if ((status = lam_trainer_prepare_metrics(trainer, fit->epochs))) return status;
  if (!options->resume) {
    trainer->position = (lam_position){ .steps = trainer->position.steps, .shuffles = trainer->position.shuffles };
    trainer->history_count = 0;
  }
  if (lam_grow(context, (void **)&trainer->history, &trainer->history_capacity, fit->epochs, sizeof *trainer->history))
    return LAM_OUT_OF_MEMORY;
  if ((status = record_class_names(trainer->model, fit->data))) return status;
  lam_record_scaling(trainer->model, fit->data);
  trainer->stopped = false;
  return LAM_OK;
}

/* ---- steps and epochs --------------------------------------------------------------------------------------------- */

static bool tell(lam_fit_state *fit, lam_event event, double step_loss, const lam_epoch *mean) {
  lam_trainer *trainer = fit->trainer;
  if (!fit->options->callback) return false;
  const lam_position *position = &trainer->position;
  lam_progress progress = { .event = event,
                            .trainer = trainer,
                            .epoch = position->epoch,
                            .epochs = fit->epochs,
                            .step = position->step,
                            .steps = fit->steps,
                            .step_loss = step_loss,
                            .mean = *mean };
  if (event == LAM_EPOCH_END) { /* of the epoch that has just been counted */
    progress.epoch--;
    progress.step = fit->steps;
  }
  lam_trainer_tell_metrics(trainer, &progress);
  trainer->stopped = fit->options->callback(fit->options->user, &progress) != 0;
  return trainer->stopped;
}

static lam_epoch mean_so_far(const lam_trainer *trainer, double started) {
  const lam_position *position = &trainer->position;
  double rows = position->rows ? (double)position->rows : 1.0;
  lam_epoch mean = { position->loss_sum / rows, position->right_sum / rows, (double)NAN, (double)NAN, now() - started };
  if (!trainer->plan->has_accuracy) mean.accuracy = (double)NAN;
  return mean;
}

static lam_status run_step(lam_fit_state *fit, double *loss) {
  lam_trainer *trainer = fit->trainer;
  lam_position *position = &trainer->position;
  size_t first = position->step * fit->batch;
  lam_step step = { .rows = fit->data->rows - first < fit->batch ? fit->data->rows - first : fit->batch,
                    .training = true,
                    .seed = trainer->seed,
                    .number = position->steps };
  lam_status status = lam_trainer_run_rows(trainer, fit->data, fit->order + first, &step);
  if (status) return status;
  *loss = lam_plan_loss(trainer->plan, &step);
  if (!isfinite(*loss)) {
    char text[32];
    return lam_fail(trainer->object.context, LAM_NOT_FINITE,
                    "the loss is %s at step %llu of epoch %llu: a smaller learning rate may help", lam_format_double(text, *loss),
                    (unsigned long long)position->step + 1, (unsigned long long)position->epoch + 1);
  }
  if ((status = lam_plan_tell(trainer->plan, lam_plan_finish(trainer->plan, &step)))) return status;
  lam_trainer_add_to_metrics(trainer, &step); /* of steps that came to their end */
  lam_trainer_count_losses(trainer, &step, false);
  position->loss_sum += *loss * (double)step.rows;
  position->right_sum += lam_plan_right(trainer->plan, &step);
  position->rows += step.rows;
  position->step++;
  lam_trainer_update(trainer, trainer->plan->gradients);
  trainer->last = trainer->plan;
  return LAM_OK;
}

static void order_rows(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  size_t count = fit->data->rows;
  if (fit->options->no_shuffle)
    for (size_t i = 0; i < count; i++) fit->order[i] = (uint32_t)i;
  else
    lam_shuffle(fit->order, count, trainer->seed, trainer->position.shuffles - 1);
}

static lam_status end_epoch(lam_fit_state *fit, double started) {
  lam_trainer *trainer = fit->trainer;
  lam_epoch record = mean_so_far(trainer, started);
  lam_trainer_note_metrics(trainer, trainer->history_count, false);
  if (fit->validation) {
    lam_result result;
    lam_status status = lam_trainer_measure(trainer, fit->validation, fit->batch, &result);
    if (status) return status;
    lam_trainer_note_metrics(trainer, trainer->history_count, true);
    record.val_loss = result.loss;
    record.val_accuracy = result.accuracy;
    record.seconds = now() - started;
  }
  trainer->history[trainer->history_count++] = record;
  lam_position *position = &trainer->position;
  *position = (lam_position){ .steps = position->steps, .epoch = position->epoch + 1, .shuffles = position->shuffles };
  (void)tell(fit, LAM_EPOCH_END, 0.0, &record);
  return LAM_OK;
}

static lam_status run_epoch(lam_fit_state *fit) {
  lam_trainer *trainer = fit->trainer;
  double started = now(), loss = 0.0;
  if (trainer->position.step == 0) {
    trainer->position.shuffles++;
    lam_trainer_begin_metrics(trainer);
    lam_trainer_clear_losses(trainer, false);
    lam_epoch mean = mean_so_far(trainer, started);
    if (tell(fit, LAM_EPOCH_BEGIN, 0.0, &mean)) return trainer->position.shuffles--, LAM_OK;
  }
  order_rows(fit);
  while (trainer->position.step < fit->steps) {
    lam_status status = run_step(fit, &loss);
    if (status) return status;
    if (!fit->options->callback) continue;
    lam_epoch mean = mean_so_far(trainer, started);
    if (tell(fit, LAM_STEP_END, loss, &mean)) return LAM_OK;
  }
  return end_epoch(fit, started);
}

lam_status lam_fit(lam_trainer *trainer, const lam_dataset *data, const lam_fit_options *options) {
  static const lam_fit_options defaults = { 0 };
  if (!trainer || !data) return LAM_NO_HANDLE;
  lam_context *context = trainer->object.context;
  lam_fit_state fit = { .trainer = trainer, .options = options ? options : &defaults, .data = data };
  lam_status status = begin_fit(&fit);
  if (!status) {
    lam_fp_mode mode = lam_fp_enter();
    lam_blas_enter(context);
    while (!status && !trainer->stopped && trainer->position.epoch < fit.epochs) status = run_epoch(&fit);
    lam_blas_leave(context);
    lam_fp_leave(mode);
  }
  trainer->class_weights = NULL;
  lam_release(context, fit.order, fit.order ? fit.data->rows * sizeof *fit.order : 0);
  lam_dataset_destroy(fit.held_out);
  lam_dataset_destroy(fit.rest);
  return status;
}

const lam_epoch *lam_trainer_history(const lam_trainer *trainer, size_t *count) {
  if (count) *count = trainer ? trainer->history_count : 0;
  return trainer ? trainer->history : NULL;
}

bool lam_trainer_stopped(const lam_trainer *trainer) { return trainer && trainer->stopped; }
