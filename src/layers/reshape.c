/* SPDX-License-Identifier: MIT
 *
 * Reshape, which computes nothing, and Rescaling.
 */
#include "kernels/array.h"
#include "layers/layers.h"

/* ---- Reshape ------------------------------------------------------------------------------------------------------ */

typedef struct lam_reshape_layer {
  lam_shape shape; /* one size may be 0 */
} lam_reshape_layer;

static const lam_shape *target_of(const lam_layer *layer) { return &((const lam_reshape_layer *)layer->options)->shape; }

static lam_status check_reshape(lam_context *context, const lam_layer *layer) {
  const lam_shape *target = target_of(layer);
  size_t open = 0;
  if (target->rank == 0 || target->rank > LAM_MAX_RANK)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s: a shape has 1 to %d axes, not %zu", layer->name, LAM_MAX_RANK, target->rank);
  for (size_t i = 0; i < target->rank; i++) open += target->size[i] == 0;
  if (open <= 1) return LAM_OK;
  return lam_fail(context, LAM_INVALID_SHAPE, "%s: only one size can be left open, not %zu", layer->name, open);
}

static lam_status shape_reshape(const lam_layer *layer, lam_shaping *shaping) {
  lam_shape target = *target_of(layer);
  size_t count = 0, known = 1, wanted = 0;
  bool fits = lam_shape_count(shaping->inputs[0], &count);
  for (size_t i = 0; i < target.rank; i++)
    if (target.size[i]) fits = fits && !__builtin_mul_overflow(known, target.size[i], &known);
  for (size_t i = 0; i < target.rank; i++)
    if (target.size[i] == 0 && fits) target.size[i] = count / known;
  if (!fits || !lam_shape_count(target, &wanted) || wanted != count)
    return lam_shape_fail(shaping, "%zu elements cannot be reshaped so", count);
  shaping->output = target;
  return LAM_OK;
}

static lam_status forward_reshape(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_output_is_input(lowering);
  return LAM_OK;
}

static const lam_field reshape_fields[] = {
  { "target_shape", LAM_FIELD_SHAPE, offsetof(lam_reshape_layer, shape), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

const lam_layer_type lam_reshape_type = {
  .name = "Reshape",
  .prefix = "reshape",
  .options_size = sizeof(lam_reshape_layer),
  .fields = reshape_fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check_reshape,
  .shape = shape_reshape,
  .forward = forward_reshape,
};

lam_node lam_reshape(lam_node x, lam_shape shape) {
  return lam_graph_append_one(x, &lam_reshape_type, &(lam_reshape_layer){ shape });
}

/* ---- Rescaling ---------------------------------------------------------------------------------------------------- */

typedef struct lam_rescaling_layer {
  float scale, offset;
} lam_rescaling_layer;

static const lam_field rescaling_fields[] = {
  { "scale", LAM_FIELD_FLOAT, offsetof(lam_rescaling_layer, scale), NULL },
  { "offset", LAM_FIELD_FLOAT, offsetof(lam_rescaling_layer, offset), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

static const lam_rescaling_layer *rescaling_of(const lam_layer *layer) { return (const lam_rescaling_layer *)layer->options; }

static lam_status check_rescaling(lam_context *context, const lam_layer *layer) {
  const lam_rescaling_layer *this = rescaling_of(layer);
  if (this->scale - this->scale == 0.0f && this->offset - this->offset == 0.0f) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: scale or offset is not finite", layer->name);
}

/* Operands: y, x; number: the scale; weight: the offset, in the layer, or NULL. */
static void run_rescaling(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * n;
  float offset = operation->weight && *operation->weight != LAM_ZERO ? *operation->weight : 0.0f;
  plan->kernels->affine(operation->operand[0].data + from, n, operation->operand[1].data + from, n, operation->number, offset,
                        end - begin, n);
}

static lam_status emit_rescaling(const lam_layer *layer, lam_lowering *lowering, const char *name, const float *offset,
                                 lam_buffer y, lam_buffer x) {
  float scale = rescaling_of(layer)->scale;
  lam_operation *operation = lam_emit(lowering, name, run_rescaling);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->number = scale == 0.0f ? 1.0f : scale == LAM_ZERO ? 0.0f : scale;
  operation->weight = offset;
  lam_bind(lowering, 0, y, operation->columns);
  lam_bind(lowering, 1, x, operation->columns);
  return LAM_OK;
}

static lam_status forward_rescaling(const lam_layer *layer, lam_lowering *lowering) {
  return emit_rescaling(layer, lowering, "rescaling", &rescaling_of(layer)->offset, lam_output_value(lowering),
                        lam_input_value(lowering, 0));
}

static lam_status backward_rescaling(const lam_layer *layer, lam_lowering *lowering) {
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return emit_rescaling(layer, lowering, "input gradient", NULL, dx, lam_output_gradient(lowering));
}

const lam_layer_type lam_rescaling_type = {
  .name = "Rescaling",
  .prefix = "rescaling",
  .options_size = sizeof(lam_rescaling_layer),
  .fields = rescaling_fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check_rescaling,
  .forward = forward_rescaling,
  .backward = backward_rescaling,
};

lam_node lam_rescaling(lam_node x, float scale, float offset) {
  return lam_graph_append_one(x, &lam_rescaling_type, &(lam_rescaling_layer){ scale, offset });
}
