/* SPDX-License-Identifier: MIT
 *
 * Layers of several inputs: Add, and Concatenate along the last axis.
 */
#include "kernels/array.h"
#include "layers/layers.h"

#include <string.h>

/* Copies a block of columns. Operands: out, in; columns: how many. */
static void run_copy(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)plan;
  (void)step;
  lam_operand out = operation->operand[0], in = operation->operand[1];
  for (size_t i = begin * operation->repeat; i < end * operation->repeat; i++)
    memcpy(out.data + i * out.ld + operation->inner, in.data + i * in.ld + operation->offset, operation->columns * sizeof(float));
}

/* Operands: out, a, b. */
static void run_add(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * n;
  plan->kernels->add(operation->operand[0].data + from, n, operation->operand[1].data + from, n,
                     operation->operand[2].data + from, n, end - begin, n);
}

static lam_status emit_copy(lam_lowering *lowering, const char *name, lam_buffer out, size_t out_ld, size_t out_column,
                            lam_buffer in, size_t in_ld, size_t in_column, size_t columns, size_t repeat) {
  lam_operation *operation = lam_emit(lowering, name, run_copy);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->columns = columns;
  operation->repeat = repeat;
  operation->inner = out_column;
  operation->offset = in_column;
  lam_bind(lowering, 0, out, out_ld);
  lam_bind(lowering, 1, in, in_ld);
  return LAM_OK;
}

/* ---- Add ---------------------------------------------------------------------------------------------------------- */

static lam_status shape_add(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  for (size_t i = 1; i < shaping->input_count; i++)
    if (!lam_shape_equal(shaping->inputs[0], shaping->inputs[i]))
      return lam_shape_fail(shaping, "the shapes of what it adds must be the same");
  shaping->output = shaping->inputs[0];
  return LAM_OK;
}

static size_t row_width(const lam_shape *shape) {
  size_t count = 0;
  (void)lam_shape_count(*shape, &count);
  return count;
}

static lam_status forward_add(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_buffer sum = lam_output_value(lowering);
  size_t width = row_width(lam_output_shape(lowering));
  for (size_t i = 1; i < lam_input_number(lowering); i++) {
    if (!lam_emit(lowering, "add", run_add)) return LAM_OUT_OF_MEMORY;
    lam_bind(lowering, 0, sum, width);
    lam_bind(lowering, 1, i == 1 ? lam_input_value(lowering, 0) : sum, width);
    lam_bind(lowering, 2, lam_input_value(lowering, i), width);
  }
  return LAM_OK;
}

static lam_status backward_add(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  size_t width = row_width(lam_output_shape(lowering));
  lam_status status = LAM_OK;
  for (size_t i = 0; i < lam_input_number(lowering) && !status; i++) {
    if (!lam_wants_input_gradient(lowering, i)) continue;
    lam_buffer dx = lam_input_gradient_value(lowering, i);
    status = emit_copy(lowering, "input gradient", dx, width, 0, lam_output_gradient(lowering), width, 0, width, 1);
  }
  return status;
}

static const lam_field no_fields[] = { { NULL, LAM_FIELD_FLOAT, 0, NULL } };

const lam_layer_type lam_add_type = {
  .name = "Add",
  .prefix = "add",
  .fields = no_fields,
  .least_inputs = 2,
  .most_inputs = SIZE_MAX,
  .activation_offset = -1,
  .shape = shape_add,
  .forward = forward_add,
  .backward = backward_add,
};

lam_node lam_merge(lam_merge_type type, const lam_node *nodes, size_t count) {
  if (!nodes || count == 0) return (lam_node){ NULL, -1 };
  if ((unsigned)type > LAM_MERGE_ADD) {
    lam_graph *graph = nodes[0].graph;
    if (!graph) return (lam_node){ NULL, -1 };
    (void)lam_fail(graph->object.context, LAM_INVALID_ARGUMENT, "there is no lam_merge_type %d", (int)type);
    graph->failed = true;
    return (lam_node){ graph, -1 };
  }
  return lam_graph_append(nodes[0].graph, &lam_add_type, NULL, nodes, count);
}

/* ---- Concatenate -------------------------------------------------------------------------------------------------- */

static lam_status shape_concatenate(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  lam_shape out = shaping->inputs[0];
  size_t last = out.rank - 1;
  for (size_t i = 1; i < shaping->input_count; i++) {
    lam_shape in = shaping->inputs[i];
    bool fits = in.rank == out.rank;
    for (size_t axis = 0; fits && axis < last; axis++) fits = in.size[axis] == out.size[axis];
    if (!fits) return lam_shape_fail(shaping, "all axes but the last must agree");
    out.size[last] += in.size[last];
  }
  shaping->output = out;
  return LAM_OK;
}

/* Copies each input to its columns of the output, or the output's gradient back to them. */
static lam_status copy_parts(lam_lowering *lowering, bool backward) {
  const lam_shape *out = lam_output_shape(lowering);
  size_t total = out->size[out->rank - 1], repeat = row_width(out) / total, column = 0;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < lam_input_number(lowering) && !status; i++) {
    const lam_shape *in = lam_input_shape(lowering, i);
    size_t part = in->size[in->rank - 1];
    if (!backward)
      status = emit_copy(lowering, "concatenate", lam_output_value(lowering), total, column, lam_input_value(lowering, i), part,
                         0, part, repeat);
    else if (lam_wants_input_gradient(lowering, i))
      status = emit_copy(lowering, "input gradient", lam_input_gradient_value(lowering, i), part, 0,
                         lam_output_gradient(lowering), total, column, part, repeat);
    column += part;
  }
  return status;
}

static lam_status forward_concatenate(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  return copy_parts(lowering, false);
}

static lam_status backward_concatenate(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  return copy_parts(lowering, true);
}

const lam_layer_type lam_concatenate_type = {
  .name = "Concatenate",
  .prefix = "concatenate",
  .fields = no_fields,
  .least_inputs = 2,
  .most_inputs = SIZE_MAX,
  .activation_offset = -1,
  .shape = shape_concatenate,
  .forward = forward_concatenate,
  .backward = backward_concatenate,
};

lam_node lam_concatenate(const lam_node *nodes, size_t count) {
  if (!nodes || count == 0) return (lam_node){ NULL, -1 };
  return lam_graph_append(nodes[0].graph, &lam_concatenate_type, NULL, nodes, count);
}
