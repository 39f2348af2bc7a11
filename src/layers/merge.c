/* SPDX-License-Identifier: MIT
 *
 * Layers of several inputs: Add and its like, element by element, and Concatenate along the last axis.
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

/* ---- element by element ------------------------------------------------------------------------------------------- */

static lam_merge_type merge_of(const lam_layer *layer) { return (lam_merge_type)(layer->type - lam_merge_types); }

/* Operands: out, a, b; choice: which merge. */
static void run_merge(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  const lam_kernel_table *k = plan->kernels;
  void(*const kernels[]) LAM_BINARY_ARGUMENTS = {
    [LAM_MERGE_ADD] = k->add,     [LAM_MERGE_SUBTRACT] = k->subtract, [LAM_MERGE_MULTIPLY] = k->multiply,
    [LAM_MERGE_AVERAGE] = k->add, [LAM_MERGE_MAXIMUM] = k->maximum,   [LAM_MERGE_MINIMUM] = k->minimum,
  };
  size_t n = operation->columns, from = begin * n;
  kernels[operation->choice](operation->operand[0].data + from, n, operation->operand[1].data + from, n,
                             operation->operand[2].data + from, n, end - begin, n);
}

/* Operands: out, in; number: the factor. */
static void run_scale(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * n;
  plan->kernels->affine(operation->operand[0].data + from, n, operation->operand[1].data + from, n, operation->number, 0.0f,
                        end - begin, n);
}

/* Operands: dx (data NULL: not wanted), what is left of dy, x, y. */
static void run_pass_equal(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * n;
  float *dx = operation->operand[0].data;
  plan->kernels->pass_equal(dx ? dx + from : NULL, n, operation->operand[1].data + from, n, operation->operand[2].data + from, n,
                            operation->operand[3].data + from, n, end - begin, n);
}

static lam_status shape_merge(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  for (size_t i = 1; i < shaping->input_count; i++)
    if (!lam_shape_equal(shaping->inputs[0], shaping->inputs[i]))
      return lam_shape_fail(shaping, "the shapes of what it merges must be the same");
  shaping->output = shaping->inputs[0];
  return LAM_OK;
}

static size_t row_width(const lam_shape *shape) {
  size_t count = 0;
  (void)lam_shape_count(*shape, &count);
  return count;
}

static lam_status emit_merge(lam_lowering *lowering, const char *name, lam_merge_type type, lam_buffer out, lam_buffer a,
                             lam_buffer b) {
  lam_operation *operation = lam_emit(lowering, name, run_merge);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->choice = (int)type;
  size_t width = operation->columns = row_width(lam_output_shape(lowering));
  lam_bind(lowering, 0, out, width);
  lam_bind(lowering, 1, a, width);
  lam_bind(lowering, 2, b, width);
  return LAM_OK;
}

static lam_status emit_scale(lam_lowering *lowering, const char *name, float factor, lam_buffer out, lam_buffer in) {
  lam_operation *operation = lam_emit(lowering, name, run_scale);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->number = factor;
  size_t width = operation->columns = row_width(lam_output_shape(lowering));
  lam_bind(lowering, 0, out, width);
  lam_bind(lowering, 1, in, width);
  return LAM_OK;
}

static lam_status forward_merge(const lam_layer *layer, lam_lowering *lowering) {
  lam_merge_type type = merge_of(layer);
  lam_buffer y = lam_output_value(lowering);
  lam_status status = LAM_OK;
  for (size_t i = 1; i < lam_input_number(lowering) && !status; i++)
    status = emit_merge(lowering, lam_merge_types[type].prefix, type, y, i == 1 ? lam_input_value(lowering, 0) : y,
                        lam_input_value(lowering, i));
  if (status || type != LAM_MERGE_AVERAGE) return status;
  return emit_scale(lowering, "average", 1.0f / (float)lam_input_number(lowering), y, y);
}

/* dx_i = dy times a number. */
static lam_status backward_linear(lam_lowering *lowering, lam_merge_type type, size_t input) {
  lam_buffer dx = lam_input_gradient_value(lowering, input), dy = lam_output_gradient(lowering);
  size_t width = row_width(lam_output_shape(lowering));
  if (type == LAM_MERGE_AVERAGE) return emit_scale(lowering, "input gradient", 1.0f / (float)lam_input_number(lowering), dx, dy);
  if (type == LAM_MERGE_SUBTRACT && input == 1) return emit_scale(lowering, "input gradient", -1.0f, dx, dy);
  return emit_copy(lowering, "input gradient", dx, width, 0, dy, width, 0, width, 1);
}

/* dx_i = dy times all other inputs. */
static lam_status backward_multiply(lam_lowering *lowering, size_t input) {
  lam_buffer dx = lam_input_gradient_value(lowering, input), from = lam_output_gradient(lowering);
  lam_status status = LAM_OK;
  for (size_t j = 0; j < lam_input_number(lowering) && !status; j++) {
    if (j == input) continue;
    status = emit_merge(lowering, "input gradient", LAM_MERGE_MULTIPLY, dx, from, lam_input_value(lowering, j));
    from = dx;
  }
  return status;
}

/* dx_i = dy where input i is the result, and no input before it was. */
static lam_status backward_choice(lam_lowering *lowering, size_t input) {
  size_t width = row_width(lam_output_shape(lowering));
  lam_buffer dx = LAM_NO_BUFFER;
  if (lam_wants_input_gradient(lowering, input)) dx = lam_input_gradient_value(lowering, input);
  lam_operation *operation = lam_emit(lowering, "input gradient", run_pass_equal);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->columns = width;
  lam_bind(lowering, 0, dx, width);
  lam_bind(lowering, 1, lam_output_gradient(lowering), width);
  lam_bind(lowering, 2, lam_input_value(lowering, input), width);
  lam_bind(lowering, 3, lam_output_value(lowering), width);
  return LAM_OK;
}

static lam_status backward_merge(const lam_layer *layer, lam_lowering *lowering) {
  lam_merge_type type = merge_of(layer);
  bool choice = type == LAM_MERGE_MAXIMUM || type == LAM_MERGE_MINIMUM;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < lam_input_number(lowering) && !status; i++) {
    if (choice)
      status = backward_choice(lowering, i);
    else if (!lam_wants_input_gradient(lowering, i))
      continue;
    else
      status = type == LAM_MERGE_MULTIPLY ? backward_multiply(lowering, i) : backward_linear(lowering, type, i);
  }
  return status;
}

static const lam_field no_fields[] = { { NULL, LAM_FIELD_FLOAT, 0, NULL } };

#define MERGE(NAME, type, automatic, most)                                                                                       \
  [LAM_MERGE_##NAME] = {                                                                                                         \
    .name = type,                                                                                                                \
    .prefix = automatic,                                                                                                         \
    .fields = no_fields,                                                                                                         \
    .least_inputs = 2,                                                                                                           \
    .most_inputs = most,                                                                                                         \
    .activation_offset = -1,                                                                                                     \
    .shape = shape_merge,                                                                                                        \
    .forward = forward_merge,                                                                                                    \
    .backward = backward_merge,                                                                                                  \
  }
const lam_layer_type lam_merge_types[] = {
  MERGE(ADD, "Add", "add", SIZE_MAX),
  MERGE(SUBTRACT, "Subtract", "subtract", 2),
  MERGE(MULTIPLY, "Multiply", "multiply", SIZE_MAX),
  MERGE(AVERAGE, "Average", "average", SIZE_MAX),
  MERGE(MAXIMUM, "Maximum", "maximum", SIZE_MAX),
  MERGE(MINIMUM, "Minimum", "minimum", SIZE_MAX),
};
#undef MERGE

lam_node lam_merge(lam_merge_type type, const lam_node *nodes, size_t count) {
  if (!nodes || count == 0) return (lam_node){ NULL, -1 };
  if ((size_t)type >= sizeof lam_merge_types / sizeof *lam_merge_types) {
    lam_graph *graph = nodes[0].graph;
    if (!graph) return (lam_node){ NULL, -1 };
    (void)lam_fail(graph->object.context, LAM_INVALID_ARGUMENT, "there is no lam_merge_type %d", (int)type);
    graph->failed = true;
    return (lam_node){ graph, -1 };
  }
  return lam_graph_append(nodes[0].graph, &lam_merge_types[type], NULL, nodes, count);
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
