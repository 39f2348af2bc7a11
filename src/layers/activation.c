/* SPDX-License-Identifier: MIT
 *
 * Activation, and the operations of activations that every layer with one shares.
 */
#include "kernels/array.h"
#include "layers/layers.h"

#include <float.h>
#include <string.h>

/* Operands: dx, dy, and y or x. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  lam_activation_backward_run(plan->kernels, &operation->function, operation->operand[0].data + from * n, n,
                              operation->operand[1].data + from * n, n, operation->operand[2].data + from * n, n, rows, n);
}

/* Rows of the last axis, several to a row of the batch where the shape has more axes. */
static void along_last_axis(const lam_lowering *lowering, lam_operation *operation) {
  const lam_shape *shape = lam_output_shape(lowering);
  operation->columns = shape->size[shape->rank - 1];
  for (size_t i = 0; i + 1 < shape->rank; i++) operation->repeat *= shape->size[i];
}

lam_status lam_emit_activation(lam_lowering *lowering, lam_buffer y, lam_buffer x) {
  lam_operation *operation = lam_emit(lowering, "activation", lam_run_activation);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->function = *lam_lowered_function(lowering);
  along_last_axis(lowering, operation);
  lam_bind(lowering, 0, y, operation->columns);
  lam_bind(lowering, 1, x, operation->columns);
  return LAM_OK;
}

lam_status lam_emit_activation_backward(lam_lowering *lowering, lam_buffer dx, lam_buffer dy, lam_buffer v) {
  lam_operation *operation = lam_emit(lowering, "activation gradient", run_backward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->function = *lam_lowered_function(lowering);
  along_last_axis(lowering, operation);
  lam_bind(lowering, 0, dx, operation->columns);
  lam_bind(lowering, 1, dy, operation->columns);
  lam_bind(lowering, 2, v, operation->columns);
  return LAM_OK;
}

/* ---- the layer ---------------------------------------------------------------------------------------------------- */

typedef struct lam_activation_layer {
  lam_activation activation;
  lam_activation_options options;
} lam_activation_layer;

static const lam_activation_layer *activation_of(const lam_layer *layer) { return (const lam_activation_layer *)layer->options; }

#define FIELD(member) LAM_FIELD_FLOAT, offsetof(lam_activation_layer, options.member), NULL
static const lam_field fields[] = {
  { "activation", LAM_FIELD_ENUM, offsetof(lam_activation_layer, activation), lam_activation_names },
  { "negative_slope", FIELD(negative_slope) },
  { "max_value", FIELD(max_value) },
  { "threshold", FIELD(threshold) },
  { "value", FIELD(value) },
  { "alpha", FIELD(alpha) },
  { "b", FIELD(b) },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
#undef FIELD

/* Which options an activation has, and which of its function's parameters they are. */
#define OPTION(member) #member, offsetof(lam_activation_options, member)
static const struct option {
  lam_activation activation;
  const char *name;
  size_t offset, parameter;
  float least; /* it must not be below */
  bool above;  /* nor at it */
} table[] = {
  { LAM_RELU, OPTION(negative_slope), 0, 0.0f, false },
  { LAM_RELU, OPTION(max_value), 1, 0.0f, false },
  { LAM_RELU, OPTION(threshold), 2, 0.0f, false },
  { LAM_LEAKY_RELU, OPTION(negative_slope), 0, 0.0f, false },
  { LAM_ELU, OPTION(alpha), 0, 0.0f, false },
  { LAM_CELU, OPTION(alpha), 0, 0.0f, true },
  { LAM_HARD_SHRINK, OPTION(threshold), 0, 0.0f, false },
  { LAM_SOFT_SHRINK, OPTION(threshold), 0, 0.0f, false },
  { LAM_THRESHOLD, OPTION(threshold), 0, -FLT_MAX, false },
  { LAM_THRESHOLD, OPTION(value), 1, -FLT_MAX, false },
  { LAM_SQUAREPLUS, OPTION(b), 0, 0.0f, true },
};
#undef OPTION
enum { OPTIONS = sizeof table / sizeof *table };

/* 0 where nothing was said. */
static float said(const lam_activation_options *options, const struct option *option) {
  float value;
  memcpy(&value, (const char *)options + option->offset, sizeof value);
  return value;
}

static void parameters(const lam_layer *layer, float *p) {
  const lam_activation_layer *this = activation_of(layer);
  for (size_t i = 0; i < OPTIONS; i++) {
    float value = said(&this->options, &table[i]);
    if (table[i].activation == this->activation && value != 0.0f) p[table[i].parameter] = value == LAM_ZERO ? 0.0f : value;
  }
  if (this->activation == LAM_CELU) p[2] = 1.0f / p[0];
}

static lam_status check(lam_context *context, const lam_layer *layer) {
  const lam_activation_layer *this = activation_of(layer);
  lam_status status = lam_check_activation(context, layer->name, this->activation);
  if (status) return status;
  const char *name = lam_activation_names[this->activation];
  lam_activation_options rest = this->options;
  for (size_t i = 0; i < OPTIONS; i++) {
    const struct option *option = &table[i];
    if (option->activation != this->activation) continue;
    float value = said(&this->options, option), number = value == LAM_ZERO ? 0.0f : value;
    char text[32], least[32];
    memset((char *)&rest + option->offset, 0, sizeof value);
    bool inside = option->above ? number > option->least : number >= option->least;
    if (value == 0.0f || (inside && number <= FLT_MAX)) continue;
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: %s of %s is %s; it must be finite and %s %s", layer->name, option->name,
                    name, lam_format_float(text, number), option->above ? "above" : "at least",
                    lam_format_float(least, option->least));
  }
  if (lam_all_zero(&rest, sizeof rest)) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: %s has no such option, or reserved fields are not zero", layer->name, name);
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  if (lam_lowered_function(lowering)->activation == LAM_LINEAR) return lam_output_is_input(lowering), LAM_OK;
  return lam_emit_activation(lowering, lam_output_value(lowering), lam_input_value(lowering, 0));
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  bool from_x = lam_function_from_x(lam_lowered_function(lowering)->activation);
  lam_buffer v = from_x ? lam_input_value(lowering, 0) : lam_output_value(lowering);
  return lam_emit_activation_backward(lowering, lam_input_gradient_value(lowering, 0), lam_output_gradient(lowering), v);
}

const lam_layer_type lam_activation_type = {
  .name = "Activation",
  .prefix = "activation",
  .options_size = sizeof(lam_activation_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = offsetof(lam_activation_layer, activation),
  .parameters = parameters,
  .check = check,
  .forward = forward,
  .backward = backward,
};

lam_node lam_activate_with(lam_node x, lam_activation activation, const lam_activation_options *options) {
  lam_activation_layer layer = { .activation = activation };
  if (options) layer.options = *options;
  return lam_graph_append_one(x, &lam_activation_type, &layer);
}

lam_node lam_activate(lam_node x, lam_activation activation) { return lam_activate_with(x, activation, NULL); }
