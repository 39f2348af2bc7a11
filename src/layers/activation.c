/* SPDX-License-Identifier: MIT
 *
 * Activation, and the operations of activations that every layer with one shares.
 */
#include "kernels/array.h"
#include "layers/layers.h"

/* Operands: y, x. */
static void run_forward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  const lam_kernel_table *kernels = plan->kernels;
  size_t n = operation->columns, from = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  float *y = operation->operand[0].data + from * n;
  const float *x = operation->operand[1].data + from * n;
  switch ((lam_activation)operation->choice) {
  case LAM_LINEAR: break;
  case LAM_RELU: kernels->relu(y, n, x, n, rows, n); break;
  case LAM_SIGMOID: kernels->sigmoid(y, n, x, n, rows, n); break;
  case LAM_TANH: kernels->tanh(y, n, x, n, rows, n); break;
  case LAM_SOFTMAX: kernels->softmax(y, n, x, n, rows, n); break;
  case LAM_LOG_SOFTMAX: kernels->log_softmax(y, n, x, n, rows, n); break;
  }
}

/* Operands: dx, dy, y. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  const lam_kernel_table *kernels = plan->kernels;
  size_t n = operation->columns, from = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  float *dx = operation->operand[0].data + from * n;
  const float *dy = operation->operand[1].data + from * n, *y = operation->operand[2].data + from * n;
  switch ((lam_activation)operation->choice) {
  case LAM_LINEAR: break;
  case LAM_RELU: kernels->relu_backward(dx, n, dy, n, y, n, rows, n); break;
  case LAM_SIGMOID: kernels->sigmoid_backward(dx, n, dy, n, y, n, rows, n); break;
  case LAM_TANH: kernels->tanh_backward(dx, n, dy, n, y, n, rows, n); break;
  case LAM_SOFTMAX: kernels->softmax_backward(dx, n, dy, n, y, n, rows, n); break;
  case LAM_LOG_SOFTMAX: kernels->log_softmax_backward(dx, n, dy, n, y, n, rows, n); break;
  }
}

/* Rows of the last axis, several to a row of the batch where the shape has more axes. */
static void along_last_axis(const lam_lowering *lowering, lam_operation *operation) {
  const lam_shape *shape = lam_output_shape(lowering);
  operation->columns = shape->size[shape->rank - 1];
  for (size_t i = 0; i + 1 < shape->rank; i++) operation->repeat *= shape->size[i];
}

lam_status lam_emit_activation(lam_lowering *lowering, lam_activation activation, lam_buffer y, lam_buffer x) {
  lam_operation *operation = lam_emit(lowering, "activation", run_forward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->choice = (int)activation;
  along_last_axis(lowering, operation);
  lam_bind(lowering, 0, y, operation->columns);
  lam_bind(lowering, 1, x, operation->columns);
  return LAM_OK;
}

lam_status lam_emit_activation_backward(lam_lowering *lowering, lam_activation activation, lam_buffer dx, lam_buffer dy,
                                        lam_buffer y) {
  lam_operation *operation = lam_emit(lowering, "activation gradient", run_backward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->choice = (int)activation;
  along_last_axis(lowering, operation);
  lam_bind(lowering, 0, dx, operation->columns);
  lam_bind(lowering, 1, dy, operation->columns);
  lam_bind(lowering, 2, y, operation->columns);
  return LAM_OK;
}

/* ---- the layer ---------------------------------------------------------------------------------------------------- */

typedef struct lam_activation_layer {
  lam_activation activation;
} lam_activation_layer;

static const lam_field fields[] = {
  { "activation", LAM_FIELD_ENUM, offsetof(lam_activation_layer, activation), lam_activation_names },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

static lam_status check(lam_context *context, const lam_layer *layer) {
  return lam_check_activation(context, layer->name, lam_layer_activation(layer));
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  shaping->output = shaping->inputs[0];
  return LAM_OK;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_activation activation = lam_lowered_activation(lowering);
  if (activation == LAM_LINEAR) return lam_output_is_input(lowering), LAM_OK;
  return lam_emit_activation(lowering, activation, lam_output_value(lowering), lam_input_value(lowering, 0));
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return lam_emit_activation_backward(lowering, lam_lowered_activation(lowering), dx, lam_output_gradient(lowering),
                                      lam_output_value(lowering));
}

const lam_layer_type lam_activation_type = {
  .name = "Activation",
  .prefix = "activation",
  .options_size = sizeof(lam_activation_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = offsetof(lam_activation_layer, activation),
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_activate(lam_node x, lam_activation activation) {
  return lam_graph_append_one(x, &lam_activation_type, &(lam_activation_layer){ activation });
}
