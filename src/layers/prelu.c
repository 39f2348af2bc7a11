/* SPDX-License-Identifier: MIT
 *
 * PReLU: relu whose slope below 0 is a weight for each element of a row.
 */
#include "kernels/array.h"
#include "layers/layers.h"

static const lam_field fields[] = {
  { "alpha_initializer", LAM_FIELD_ENUM, offsetof(lam_prelu_options, alpha_initializer.type), lam_initializer_names },
  { "alpha_initializer_value", LAM_FIELD_FLOAT, offsetof(lam_prelu_options, alpha_initializer.value), NULL },
  LAM_REGULARIZER_FIELDS(lam_prelu_options, alpha_regularizer, "alpha_regularizer"),
  LAM_CONSTRAINT_FIELDS(lam_prelu_options, alpha_constraint, "alpha_constraint"),
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

static const lam_prelu_options *options_of(const lam_layer *layer) { return (const lam_prelu_options *)layer->options; }

static lam_gain alpha_of(const lam_prelu_options *options) {
  return (lam_gain){ options->alpha_initializer, options->alpha_regularizer, options->alpha_constraint };
}

static lam_status check(lam_context *context, const lam_layer *layer) {
  const lam_prelu_options *options = options_of(layer);
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: reserved fields of lam_prelu_options must be zero", layer->name);
  return lam_check_gain(context, layer->name, "alpha", alpha_of(options));
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  shaping->output = shaping->inputs[0];
  return lam_declare_gain(shaping, "alpha", shaping->inputs[0], alpha_of(options_of(layer)), LAM_ZEROS);
}

/* Operands: y, x; weight: the slopes. */
static void run_forward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * n;
  plan->kernels->prelu(operation->operand[0].data + from, n, operation->operand[1].data + from, n, operation->weight, end - begin,
                       n);
}

/* Operands: dx, dy, x; weight: the slopes. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * n;
  plan->kernels->prelu_backward(operation->operand[0].data + from, n, operation->operand[1].data + from, n,
                                operation->operand[2].data + from, n, operation->weight, end - begin, n);
}

/* Operands: the gradient of the slopes, dy, x. */
static void run_slopes(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t n = operation->columns, from = begin * operation->unit, to = end * operation->unit < n ? end * operation->unit : n;
  plan->kernels->prelu_slopes(operation->operand[0].data + from, operation->operand[1].data + from, n,
                              operation->operand[2].data + from, n, step->rows, to - from);
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_operation *operation = lam_emit(lowering, "prelu", run_forward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->weight = lam_weight_values(lowering, 0);
  lam_bind(lowering, 0, lam_output_value(lowering), operation->columns);
  lam_bind(lowering, 1, lam_input_value(lowering, 0), operation->columns);
  return LAM_OK;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_buffer dy = lam_output_gradient(lowering), x = lam_input_value(lowering, 0);
  lam_operation *operation = NULL;
  size_t width = 0;
  (void)lam_shape_count(*lam_output_shape(lowering), &width);
  if (lam_wants_weight_gradient(lowering, 0)) {
    operation = lam_emit(lowering, "weight gradient", run_slopes);
    if (!operation) return LAM_OUT_OF_MEMORY;
    lam_by_columns(lowering);
    lam_bind_weight_gradient(lowering, 0, 0, width);
    lam_bind(lowering, 1, dy, width);
    lam_bind(lowering, 2, x, width);
  }
  if (!lam_wants_input_gradient(lowering, 0)) return LAM_OK;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  operation = lam_emit(lowering, "input gradient", run_backward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->weight = lam_weight_values(lowering, 0);
  lam_bind(lowering, 0, dx, width);
  lam_bind(lowering, 1, dy, width);
  lam_bind(lowering, 2, x, width);
  return LAM_OK;
}

const lam_layer_type lam_prelu_type = {
  .name = "PReLU",
  .prefix = "p_re_lu",
  .options_size = sizeof(lam_prelu_options),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_prelu_with(lam_node x, const lam_prelu_options *options) {
  return lam_graph_append_one(x, &lam_prelu_type, options);
}

lam_node lam_prelu(lam_node x, lam_initializer alpha) {
  return lam_prelu_with(x, &(lam_prelu_options){ .alpha_initializer = alpha });
}
