/* SPDX-License-Identifier: MIT
 *
 * Batches by hand: train_on_batch, test_on_batch, predict_on_batch; and weights of classes, which fit has too.
 */
#include "train/trainer.h"

#include <math.h>

/* ---- weights of classes ------------------------------------------------------------------------------------------- */

lam_status lam_trainer_take_class_weights(lam_trainer *trainer, const lam_dataset *data, const float *weights, size_t count) {
  lam_context *context = trainer->object.context;
  if (count == 0) return LAM_OK;
  if (!weights) return lam_fail(context, LAM_NO_HANDLE, "%zu class weights are announced, but class_weights is NULL", count);
  if (trainer->model->output_count != 1)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "class_weights go with one output, the model has %zu",
                    trainer->model->output_count);
  if (data->weights) return lam_fail(context, LAM_INVALID_ARGUMENT, "class_weights and weights of rows exclude each other");
  for (size_t i = 0; i < count; i++) {
    char text[32];
    if (weights[i] >= 0.0f && weights[i] <= 3.402823466e38f) continue;
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the weight of class %zu is %s; it is at least 0 and finite", i,
                    lam_format_float(text, weights[i]));
  }
  trainer->class_weights = weights;
  trainer->class_weight_count = count;
  trainer->weighted = true;
  return LAM_OK;
}

/* ---- a batch ------------------------------------------------------------------------------------------------------ */

static void tell_result(lam_trainer *trainer, const lam_batch_options *options, double loss, double right, uint64_t rows,
                        lam_result *result) {
  trainer->batch_loss += loss * (double)rows;
  trainer->batch_right += right;
  trainer->batch_rows += rows;
  if (!result) return;
  *result = (lam_result){ loss, right / (double)rows, rows };
  if (options->running_mean) {
    double all = (double)trainer->batch_rows;
    *result = (lam_result){ trainer->batch_loss / all, trainer->batch_right / all, trainer->batch_rows };
  }
  if (!trainer->plan->has_accuracy) result->accuracy = (double)NAN;
}

/* With the order of the rows in `rows`. */
static lam_status run_batch(lam_trainer *trainer, const lam_dataset *data, const uint32_t *rows, bool training, double *loss) {
  lam_step step = { .rows = data->rows, .training = training, .seed = trainer->seed, .number = trainer->position.steps };
  lam_status status = lam_trainer_run_rows(trainer, data, rows, &step);
  if (status) return status;
  *loss = lam_trainer_loss(trainer, &step);
  if (!training) return LAM_OK;
  char text[32];
  if (!isfinite(*loss))
    return lam_fail(trainer->object.context, LAM_NOT_FINITE, "the loss is %s at step %llu: a smaller learning rate may help",
                    lam_format_double(text, *loss), (unsigned long long)trainer->position.steps + 1);
  if ((status = lam_plan_tell(trainer->plan, lam_plan_finish(trainer->plan, &step)))) return status;
  lam_trainer_update(trainer, trainer->plan->gradients, 1.0);
  trainer->last = trainer->plan;
  return LAM_OK;
}

static lam_status on_batch(lam_trainer *trainer, const lam_dataset *data, const lam_batch_options *options, bool training,
                           lam_result *result) {
  static const lam_batch_options defaults = { 0 };
  if (!trainer || !data) return LAM_NO_HANDLE;
  if (!options) options = &defaults;
  lam_context *context = trainer->object.context;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_batch_options must be zero");
  if (!training && options->class_weight_count) return lam_fail(context, LAM_INVALID_ARGUMENT, "class_weights go with training");
  lam_status status = lam_trainer_check_data(trainer, data);
  if (!status) status = lam_trainer_take_class_weights(trainer, data, options->class_weights, options->class_weight_count);
  if (!status) status = lam_trainer_plan(trainer, data->rows);
  uint32_t *rows = status ? NULL : lam_allocate_array(context, data->rows, sizeof *rows);
  if (!status && !rows) status = LAM_OUT_OF_MEMORY;
  if (!status) {
    double loss;
    for (size_t i = 0; i < data->rows; i++) rows[i] = (uint32_t)i;
    if (training) lam_record_scaling(trainer->model, data);
    lam_fp_mode mode = lam_fp_enter();
    lam_blas_enter(context);
    status = run_batch(trainer, data, rows, training, &loss);
    const lam_step step = { .rows = data->rows };
    if (!status) tell_result(trainer, options, loss, lam_plan_right(trainer->plan, &step), data->rows, result);
    lam_blas_leave(context);
    lam_fp_leave(mode);
  }
  trainer->class_weights = NULL;
  lam_release(context, rows, rows ? data->rows * sizeof *rows : 0);
  return status;
}

lam_status lam_train_on_batch(lam_trainer *trainer, const lam_dataset *data, const lam_batch_options *options,
                              lam_result *result) {
  return on_batch(trainer, data, options, true, result);
}

lam_status lam_test_on_batch(lam_trainer *trainer, const lam_dataset *data, const lam_batch_options *options,
                             lam_result *result) {
  return on_batch(trainer, data, options, false, result);
}

lam_status lam_predict_on_batch(lam_model *model, const lam_dataset *data, float *outputs, size_t count) {
  return lam_predict(model, data, &(lam_predict_options){ .batch_size = lam_dataset_rows(data) }, outputs, count);
}

lam_status lam_reset_metrics(lam_trainer *trainer) {
  if (!trainer) return LAM_NO_HANDLE;
  trainer->batch_loss = trainer->batch_right = 0.0;
  trainer->batch_rows = 0;
  return LAM_OK;
}
