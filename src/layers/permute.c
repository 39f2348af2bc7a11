/* SPDX-License-Identifier: MIT
 *
 * Permute: the axes of a row in another order.
 */
#include "layers/layers.h"

static const lam_axes *axes_of(const lam_layer *layer) { return (const lam_axes *)layer->options; }

static lam_status check(lam_context *context, const lam_layer *layer) {
  return lam_check_axes(context, layer->name, axes_of(layer));
}

/* The axes in their new order, which must be all. */
static lam_ordering order_of(const lam_shape *shape, const lam_axes *axes) {
  lam_ordering o = { .rank = shape->rank };
  for (size_t i = 0; i < o.rank; i++) {
    size_t axis = (size_t)(axes->axis[i] < 0 ? axes->axis[i] + (int)o.rank : axes->axis[i]);
    o.size[i] = shape->size[axis];
    o.step[i] = 1;
    for (size_t j = axis + 1; j < o.rank; j++) o.step[i] *= shape->size[j];
  }
  return o;
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  bool found[LAM_MAX_RANK];
  const lam_shape *in = &shaping->inputs[0];
  if (axes_of(layer)->count != in->rank || !lam_find_axes(in, axes_of(layer), found))
    return lam_shape_fail(shaping, "its axes name one that these rows do not have, or one twice, or leave one out");
  lam_ordering o = order_of(in, axes_of(layer));
  shaping->output.rank = o.rank;
  for (size_t i = 0; i < o.rank; i++) shaping->output.size[i] = o.size[i];
  return LAM_OK;
}

/* Operands: out, in; inner: the node's number; choice: back. */
static void run(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  const lam_model_node *node = &plan->model->nodes[operation->inner];
  lam_ordering o = order_of(&plan->model->nodes[node->inputs[0]].shape, axes_of(node->layer));
  size_t n = operation->columns;
  for (size_t i = begin; i < end; i++)
    lam_reorder(operation->operand[0].data + i * n, operation->operand[1].data + i * n, &o, operation->choice);
}

static lam_status emit(lam_lowering *lowering, const char *name, lam_buffer out, lam_buffer in, bool back) {
  lam_operation *operation = lam_emit(lowering, name, run);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns;
  operation->inner = lam_node_number(lowering);
  operation->choice = back;
  lam_bind(lowering, 0, out, n);
  lam_bind(lowering, 1, in, n);
  return LAM_OK;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  return emit(lowering, "permute", lam_output_value(lowering), lam_input_value(lowering, 0), false);
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return emit(lowering, "input gradient", dx, lam_output_gradient(lowering), true);
}

static const lam_field fields[] = {
  { "axes", LAM_FIELD_AXES, 0, NULL, false },
  { NULL, LAM_FIELD_FLOAT, 0, NULL, false },
};

const lam_layer_type lam_permute_type = {
  .name = "Permute",
  .prefix = "permute",
  .options_size = sizeof(lam_axes),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_permute(lam_node x, lam_axes axes) { return lam_graph_append_one(x, &lam_permute_type, &axes); }
