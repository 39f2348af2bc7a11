/* SPDX-License-Identifier: MIT
 *
 * glu: y = a sigmoid(b), a and b being the halves of an axis. For each place on the axes before it they are two blocks, one
 * behind the other.
 */
#include "kernels/array.h"
#include "layers/layers.h"

static const lam_axes *axes_of(const lam_layer *layer) { return (const lam_axes *)layer->options; }

static const lam_field fields[] = {
  { "axes", LAM_FIELD_AXES, 0, NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

static lam_status check(lam_context *context, const lam_layer *layer) {
  if (axes_of(layer)->count > 1)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: one axis is halved, not %zu", layer->name, axes_of(layer)->count);
  return lam_check_axes(context, layer->name, axes_of(layer));
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  bool found[LAM_MAX_RANK];
  lam_status status = lam_shape_axes(shaping, axes_of(layer), found);
  if (status) return status;
  shaping->output = shaping->inputs[0];
  for (size_t i = 0; i < shaping->output.rank; i++) {
    if (!found[i]) continue;
    if (shaping->output.size[i] % 2) return lam_shape_fail(shaping, "an axis of %zu cannot be halved", shaping->output.size[i]);
    shaping->output.size[i] /= 2;
  }
  return LAM_OK;
}

/* Operands: y, sigmoid(b), x. */
static void run_forward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, first = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  float *gate = operation->operand[1].data + first * n;
  const float *a = operation->operand[2].data + first * 2 * n;
  plan->kernels->sigmoid(gate, n, a + n, 2 * n, rows, n);
  plan->kernels->multiply(operation->operand[0].data + first * n, n, a, 2 * n, gate, n, rows, n);
}

/* Operands: dx, sigmoid(b), x, dy. The gradient of a is dy sigmoid(b), that of b is dy a sigmoid'(b). */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, first = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  float *da = operation->operand[0].data + first * 2 * n, *db = da + n;
  const float *gate = operation->operand[1].data + first * n, *a = operation->operand[2].data + first * 2 * n;
  const float *dy = operation->operand[3].data + first * n;
  plan->kernels->multiply(da, 2 * n, dy, n, gate, n, rows, n);
  plan->kernels->multiply(db, 2 * n, dy, n, a, 2 * n, rows, n);
  plan->kernels->sigmoid_backward(db, 2 * n, db, 2 * n, gate, n, rows, n);
}

static lam_operation *emit(lam_lowering *lowering, const lam_layer *layer, const char *name,
                           void (*run)(const lam_operation *, const lam_plan *, const lam_step *, size_t, size_t)) {
  lam_operation *operation = lam_emit(lowering, name, run);
  if (!operation) return NULL;
  bool found[LAM_MAX_RANK];
  const lam_shape *out = lam_output_shape(lowering);
  (void)lam_find_axes(out, axes_of(layer), found);
  for (size_t i = 0; i < out->rank && !found[i]; i++) operation->repeat *= out->size[i];
  operation->columns /= operation->repeat;
  return operation;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  lam_operation *operation = emit(lowering, layer, "glu", run_forward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns;
  lam_bind(lowering, 0, lam_output_value(lowering), n);
  lam_bind(lowering, 1, lam_saved_value(lowering), n);
  lam_bind(lowering, 2, lam_input_value(lowering, 0), 2 * n);
  return LAM_OK;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  lam_operation *operation = emit(lowering, layer, "input gradient", run_backward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns;
  lam_bind(lowering, 0, dx, 2 * n);
  lam_bind(lowering, 1, lam_saved_value(lowering), n);
  lam_bind(lowering, 2, lam_input_value(lowering, 0), 2 * n);
  lam_bind(lowering, 3, lam_output_gradient(lowering), n);
  return LAM_OK;
}

const lam_layer_type lam_glu_type = {
  .name = "GLU",
  .prefix = "glu",
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

lam_node lam_glu(lam_node x, int axis) { return lam_graph_append_one(x, &lam_glu_type, &(lam_axes){ { axis }, 1 }); }
