/* SPDX-License-Identifier: MIT
 *
 * Whitening: y = (x - mean) W along the last axis, with a mean and a matrix that lam_adapt fits (src/train/whiten.c).
 */
#include "layers/layers.h"

static const lam_whitening_options *options_of(const lam_layer *layer) {
  return &((const lam_whitening_layer *)layer->options)->options;
}

#define LAM_X(NAME, name) #name,
static const char *const names[] = { LAM_WHITENING_LIST(LAM_X) NULL };
#undef LAM_X

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_whitening_layer, options.member)
static const lam_field fields[] = {
  { "type", FIELD(ENUM, type), names, false },
  { "epsilon", FIELD(FLOAT, epsilon), NULL, false },
  { "components", FIELD(SIZE, components), NULL, false },
  { NULL, LAM_FIELD_FLOAT, 0, NULL, false },
};
#undef FIELD

static lam_status check(lam_context *context, const lam_layer *layer) {
  const lam_whitening_options *options = options_of(layer);
  if ((unsigned)options->type > LAM_WHITENING_ZCA)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no lam_whitening_type %d", layer->name, (int)options->type);
  if (options->components && options->type != LAM_WHITENING_PCA)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: components are chosen from a pca alone", layer->name);
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: reserved fields of lam_whitening_options must be zero", layer->name);
  return lam_check_epsilon(context, layer->name, options->epsilon);
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  lam_shape in = shaping->inputs[0];
  size_t width = in.size[in.rank - 1], components = options_of(layer)->components;
  if (components > width) return lam_shape_fail(shaping, "%zu components of %zu columns", components, width);
  if (!components) components = width;
  shaping->output = in;
  shaping->output.size[in.rank - 1] = components;
  lam_status status = lam_declare_fixed_weight(shaping, "mean", (lam_shape){ { width }, 1 }, (lam_initializer){ LAM_ZEROS, 0 });
  if (status) return status;
  return lam_declare_fixed_weight(shaping, "matrix", (lam_shape){ { width, components }, 2 },
                                  (lam_initializer){ LAM_IDENTITY, 0 });
}

/* Operands: x - mean, x; weight: the mean. */
static void run_center(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat * n, rows = (end - begin) * operation->repeat;
  plan->kernels->subtract(operation->operand[0].data + from, n, operation->operand[1].data + from, n, operation->weight, 0, rows,
                          n);
}

static size_t last_of(const lam_shape *shape) { return shape->size[shape->rank - 1]; }

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  size_t in = last_of(lam_input_shape(lowering, 0)), out = last_of(lam_output_shape(lowering));
  lam_buffer y = lam_output_value(lowering), x = lam_input_value(lowering, 0);
  lam_operation *operation = lam_emit(lowering, "center", run_center);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->repeat = operation->columns / out;
  operation->columns = in;
  operation->weight = lam_weight_values(lowering, 0);
  lam_buffer centered = lam_saved_numbers(lowering, in * operation->repeat, false);
  lam_bind(lowering, 0, centered, in);
  lam_bind(lowering, 1, x, in);
  return lam_emit_product(lowering, y, centered, lam_weight_values(lowering, 1), in, out) ? LAM_OK : LAM_OUT_OF_MEMORY;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  size_t in = last_of(lam_input_shape(lowering, 0)), out = last_of(lam_output_shape(lowering));
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return lam_emit_product_backward(lowering, dx, lam_output_gradient(lowering), lam_weight_values(lowering, 1), in, out);
}

const lam_layer_type lam_whitening_layer_type = {
  .name = "Whitening",
  .prefix = "whitening",
  .options_size = sizeof(lam_whitening_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_whitening(lam_node x, const lam_whitening_options *options) {
  lam_whitening_layer layer = { 0 };
  if (options) layer.options = *options;
  return lam_graph_append_one(x, &lam_whitening_layer_type, &layer);
}
