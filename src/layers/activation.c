/* SPDX-License-Identifier: MIT
 *
 * Activation, and the operations of activations that every layer with one shares.
 */
#include "kernels/array.h"
#include "layers/layers.h"

/* Operands: dx, dy, y. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  lam_activation_backward_run(plan->kernels, (lam_activation)operation->choice, operation->operand[0].data + from * n, n,
                              operation->operand[1].data + from * n, n, operation->operand[2].data + from * n, n, rows, n);
}

/* Rows of the last axis, several to a row of the batch where the shape has more axes. */
static void along_last_axis(const lam_lowering *lowering, lam_operation *operation) {
  const lam_shape *shape = lam_output_shape(lowering);
  operation->columns = shape->size[shape->rank - 1];
  for (size_t i = 0; i + 1 < shape->rank; i++) operation->repeat *= shape->size[i];
}

lam_status lam_emit_activation(lam_lowering *lowering, lam_activation activation, lam_buffer y, lam_buffer x) {
  lam_operation *operation = lam_emit(lowering, "activation", lam_run_activation);
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
