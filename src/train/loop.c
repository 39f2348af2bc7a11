/* SPDX-License-Identifier: MIT
 *
 * The parts of a training loop of one's own: forward, backward from the caller's gradients, apply.
 */
#include "train/trainer.h"

#include <stdio.h>
#include <string.h>

static lam_status plan_loop(lam_trainer *trainer, size_t rows) {
  if (trainer->loop && trainer->loop->options.max_rows >= rows) return LAM_OK;
  lam_plan_options options = {
    .max_rows = rows,
    .frozen = trainer->frozen,
    .gemm = trainer->object.context->gemm,
    .backward = true,
    .input_gradients = trainer->options.input_gradients,
  };
  if (trainer->last == trainer->loop) trainer->last = NULL;
  lam_plan_destroy(trainer->loop);
  trainer->loop = lam_plan_create(trainer->model, &options);
  return trainer->loop ? LAM_OK : lam_error_status(trainer->object.context);
}

static lam_status check_arrays(lam_trainer *trainer, const lam_array *inputs, size_t count) {
  lam_context *context = trainer->object.context;
  lam_model *model = trainer->model;
  if (count != model->input_count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the model has %zu inputs, %zu were given", model->input_count, count);
  lam_status status = LAM_OK;
  for (size_t i = 0; i < count && !status; i++) {
    const lam_model_node *node = &model->nodes[model->inputs[i]];
    char what[32], known[96], given[96];
    (void)snprintf(what, sizeof what, "input %zu", i);
    status = lam_array_check(context, what, &inputs[i]);
    if (!status && inputs[i].rows != inputs[0].rows)
      status = lam_fail(context, LAM_INVALID_SHAPE, "input 0 has %zu rows, %s has %zu", inputs[0].rows, what, inputs[i].rows);
    if (!status && model->built && lam_array_width(&inputs[i]) != node->width)
      status = lam_fail(context, LAM_INVALID_SHAPE, "input %s has shape %s, rows of shape %s were given", node->layer->name,
                        lam_shape_text(known, node->shape), lam_shape_text(given, inputs[i].shape));
  }
  if (!status && !model->built)
    status = lam_fail(context, LAM_INVALID_SHAPE, "the model is not built: give its input shapes to lam_model_build first");
  return status ? status : lam_trainer_prepare(trainer);
}

lam_status lam_forward(lam_trainer *trainer, const lam_array *inputs, size_t input_count) {
  if (!trainer || !inputs) return LAM_NO_HANDLE;
  lam_context *context = trainer->object.context;
  const lam_model *model = trainer->model;
  lam_status status = check_arrays(trainer, inputs, input_count);
  if (!status) status = plan_loop(trainer, inputs[0].rows);
  if (status) return status;
  const lam_plan *plan = trainer->loop;
  lam_step step = { .rows = inputs[0].rows, .training = true, .seed = trainer->seed, .number = trainer->position.steps };
  trainer->loop_rows = step.rows;
  trainer->loop_number = step.number;
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(context);
  for (size_t i = 0; i < input_count; i++) {
    float scale, offset;
    lam_array_scaling(&inputs[i], model->scaling[i].scale, model->scaling[i].offset, &scale, &offset);
    lam_array_gather(&inputs[i], NULL, NULL, step.rows, scale, offset, plan->inputs[i], model->nodes[model->inputs[i]].width,
                     plan->kernels);
  }
  status = lam_plan_tell(plan, lam_plan_forward(plan, &step));
  lam_blas_leave(context);
  lam_fp_leave(mode);
  if (status) trainer->loop_rows = 0;
  return status;
}

const float *lam_forward_output(const lam_trainer *trainer, size_t output) {
  if (!trainer || !trainer->loop || trainer->loop_rows == 0 || output >= trainer->model->output_count) return NULL;
  return trainer->loop->outputs[output];
}

lam_status lam_backward(lam_trainer *trainer, const float *const *output_gradients, size_t output_count) {
  if (!trainer || !output_gradients) return LAM_NO_HANDLE;
  lam_context *context = trainer->object.context;
  const lam_model *model = trainer->model;
  if (trainer->loop_rows == 0) return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_backward follows a lam_forward, once");
  if (output_count != model->output_count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the model has %zu outputs, %zu gradients were given", model->output_count,
                    output_count);
  const lam_plan *plan = trainer->loop;
  lam_step step = { .rows = trainer->loop_rows, .training = true, .seed = trainer->seed, .number = trainer->loop_number };
  trainer->loop_rows = 0; /* the backward pass overwrites what it no longer needs */
  for (size_t i = 0; i < output_count; i++) {
    size_t bytes = step.rows * model->nodes[model->outputs[i]].width * sizeof(float);
    if (output_gradients[i])
      memcpy(plan->output_gradients[i], output_gradients[i], bytes);
    else
      memset(plan->output_gradients[i], 0, bytes);
  }
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(context);
  lam_status status = lam_plan_tell(plan, lam_plan_finish(plan, &step));
  lam_blas_leave(context);
  lam_fp_leave(mode);
  trainer->last = status ? NULL : trainer->loop;
  return status;
}

float *lam_gradient(lam_trainer *trainer, size_t index) {
  if (!trainer || !trainer->last || index >= trainer->model->weight_count) return NULL;
  if (!lam_trainer_trains(trainer, index)) return NULL;
  return trainer->last->gradients + trainer->model->weights[index].offset;
}

const float *lam_input_gradient(const lam_trainer *trainer, size_t input) {
  if (!trainer || !trainer->last || input >= trainer->model->input_count) return NULL;
  return trainer->last->input_gradients[input];
}

lam_status lam_apply_gradients(lam_trainer *trainer) {
  if (!trainer) return LAM_NO_HANDLE;
  if (!trainer->last)
    return lam_fail(trainer->object.context, LAM_INVALID_ARGUMENT, "there are no gradients yet: lam_backward makes them");
  lam_fp_mode mode = lam_fp_enter();
  lam_trainer_update(trainer, trainer->last->gradients, 1.0 / (double)trainer->options.optimizer.loss_scale_factor);
  lam_fp_leave(mode);
  return LAM_OK;
}
