/* SPDX-License-Identifier: MIT
 *
 * Softmax, log_softmax and sparsemax along any axes of a row, and softmax with a mask. Where the axes are not the last ones, each
 * row is copied to where they are, computed there, and copied back; the copy is what the backward pass needs.
 *
 * With a mask: what it masks is -inf before and 0 behind the softmax, and has the gradient 0. A group of which nothing is left
 * becomes a NaN between and is 0 behind.
 */
#include "kernels/array.h"
#include "layers/layers.h"

#include <math.h>

static const lam_activation functions[] = { LAM_SOFTMAX, LAM_LOG_SOFTMAX, LAM_SPARSEMAX };
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static const lam_axes *axes_of(const lam_layer *layer) { return (const lam_axes *)layer->options; }
static lam_activation function_of(const lam_layer *layer) { return functions[layer->type - lam_softmax_types]; }

static lam_status check(lam_context *context, const lam_layer *layer) {
  return lam_check_axes(context, layer->name, axes_of(layer));
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  bool found[LAM_MAX_RANK];
  shaping->output = shaping->inputs[0];
  if (shaping->input_count > 1 && !lam_shape_equal(shaping->inputs[0], shaping->inputs[1]))
    return lam_shape_fail(shaping, "the mask must have the shape of what it masks");
  return lam_shape_axes(shaping, axes_of(layer), found);
}

/* ---- copies with other axes last ---------------------------------------------------------------------------------- */

/* Operands: out, in; inner: the node's number; choice: back. */
static void run_reorder(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  const lam_model_node *node = &plan->model->nodes[operation->inner];
  lam_ordering o = lam_ordering_of(&node->shape, axes_of(node->layer));
  size_t n = operation->columns;
  for (size_t i = begin; i < end; i++)
    lam_reorder(operation->operand[0].data + i * n, operation->operand[1].data + i * n, &o, operation->choice);
}

static lam_status emit_reorder(lam_lowering *lowering, lam_buffer out, lam_buffer in, bool back) {
  lam_operation *operation = lam_emit(lowering, "reorder", run_reorder);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns;
  operation->inner = lam_node_number(lowering);
  operation->choice = back;
  lam_bind(lowering, 0, out, n);
  lam_bind(lowering, 1, in, n);
  return LAM_OK;
}

/* ---- masks -------------------------------------------------------------------------------------------------------- */

/* Operands: out, in, mask; number: what is where the mask is 0. */
static void run_mask(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)plan;
  (void)step;
  const float *mask = operation->operand[2].data, *in = operation->operand[1].data, otherwise = operation->number;
  float *out = operation->operand[0].data;
  for (size_t i = begin * operation->columns; i < end * operation->columns; i++) out[i] = mask[i] != 0 ? in[i] : otherwise;
}

static lam_status emit_mask(lam_lowering *lowering, lam_buffer out, lam_buffer in, float otherwise) {
  if (lam_input_number(lowering) == 1) return LAM_OK;
  lam_operation *operation = lam_emit(lowering, "mask", run_mask);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns;
  operation->number = otherwise;
  lam_bind(lowering, 0, out, n);
  lam_bind(lowering, 1, in, n);
  lam_bind(lowering, 2, lam_input_value(lowering, 1), n);
  return LAM_OK;
}

/* ---- the function ------------------------------------------------------------------------------------------------- */

/* Operands: dx, dy, y. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat * n, rows = (end - begin) * operation->repeat;
  lam_activation_backward_run(plan->kernels, &operation->function, operation->operand[0].data + from, n,
                              operation->operand[1].data + from, n, operation->operand[2].data + from, n, rows, n);
}

static lam_status emit_function(lam_lowering *lowering, const lam_layer *layer, const lam_ordering *o, const lam_buffer *buffers,
                                bool backward) {
  lam_operation *operation =
      backward ? lam_emit(lowering, "activation gradient", run_backward) : lam_emit(lowering, "activation", lam_run_activation);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->function = lam_function_of(function_of(layer));
  operation->repeat = operation->columns / o->together;
  operation->columns = o->together;
  for (size_t i = 0; i < (backward ? 3 : 2); i++) lam_bind(lowering, i, buffers[i], o->together);
  return LAM_OK;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  lam_ordering o = lam_ordering_of(lam_output_shape(lowering), axes_of(layer));
  lam_buffer y = lam_output_value(lowering), x = lam_input_value(lowering, 0);
  lam_buffer there = o.in_place ? y : lam_saved_value(lowering);
  lam_status status = emit_mask(lowering, y, x, -INFINITY);
  if (lam_input_number(lowering) > 1) x = y;
  if (!status && !o.in_place) status = emit_reorder(lowering, there, x, false);
  if (!status) status = emit_function(lowering, layer, &o, (lam_buffer[]){ there, o.in_place ? x : there }, false);
  if (!status && !o.in_place) status = emit_reorder(lowering, y, there, true);
  return status ? status : emit_mask(lowering, y, y, 0.0f);
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  if (!lam_wants_input_gradient(lowering, 0)) return LAM_OK;
  lam_ordering o = lam_ordering_of(lam_output_shape(lowering), axes_of(layer));
  lam_buffer dx = lam_input_gradient_value(lowering, 0), dy = lam_output_gradient(lowering);
  lam_status status = LAM_OK;
  if (o.in_place) {
    status = emit_function(lowering, layer, &o, (lam_buffer[]){ dx, dy, lam_output_value(lowering) }, true);
  } else {
    status = emit_reorder(lowering, dx, dy, false);
    if (!status) status = emit_function(lowering, layer, &o, (lam_buffer[]){ dy, dx, lam_saved_value(lowering) }, true);
    if (!status) status = emit_reorder(lowering, dx, dy, true);
  }
  return status ? status : emit_mask(lowering, dx, dx, 0.0f);
}

static const lam_field fields[] = {
  { "axes", LAM_FIELD_AXES, 0, NULL, false },
  { NULL, LAM_FIELD_FLOAT, 0, NULL, false },
};

#define TYPE(type, automatic, most)                                                                                              \
  {                                                                                                                              \
    .name = type, .prefix = automatic, .options_size = sizeof(lam_axes), .fields = fields, .least_inputs = 1,                    \
    .most_inputs = most, .activation_offset = -1, .check = check, .shape = shape, .forward = forward, .backward = backward,      \
  }
const lam_layer_type lam_softmax_types[FUNCTIONS] = {
  TYPE("Softmax", "softmax", 2),
  TYPE("LogSoftmax", "log_softmax", 1),
  TYPE("Sparsemax", "sparsemax", 1),
};
#undef TYPE

/* ---- making one --------------------------------------------------------------------------------------------------- */

static lam_node refuse(lam_node x, const char *sentence) {
  if (!lam_node_ok(x)) return x;
  (void)lam_fail(x.graph->object.context, LAM_INVALID_ARGUMENT, "%s", sentence);
  x.graph->failed = true;
  return (lam_node){ x.graph, -1 };
}

lam_node lam_softmax_with(lam_node x, const lam_softmax_options *options) {
  static const lam_softmax_options defaults = { 0 };
  if (!options) options = &defaults;
  lam_activation activation = options->activation == LAM_LINEAR ? LAM_SOFTMAX : options->activation;
  size_t which = 0;
  while (which < FUNCTIONS && functions[which] != activation) which++;
  if (which == FUNCTIONS) return refuse(x, "along axes run softmax, log_softmax and sparsemax");
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return refuse(x, "reserved fields of lam_softmax_options must be zero");
  bool masked = options->mask.graph != NULL;
  if (masked && activation != LAM_SOFTMAX) return refuse(x, "a mask goes with softmax alone");
  const lam_axes *axes = &options->axes;
  if (!masked && (axes->count == 0 || (axes->count == 1 && axes->axis[0] == -1))) return lam_activate(x, activation);
  return lam_graph_append(x.graph, &lam_softmax_types[which], axes, (lam_node[]){ x, options->mask }, masked ? 2 : 1);
}
