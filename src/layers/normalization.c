/* SPDX-License-Identifier: MIT
 *
 * Normalization: y = (x - mean) / d with d = max(sqrt(variance), 1e-7) along the last axes, with a mean and a variance that are
 * not trained; so dx = dy / d. Inverted: y = x d + mean, and dx = dy d.
 */
#include "kernels/array.h"
#include "layers/layers.h"

#include <math.h>
#include <string.h>

typedef struct lam_normalization_layer {
  lam_axes axes;
  bool invert, given;
} lam_normalization_layer;

static const lam_normalization_layer *normalization_of(const lam_layer *layer) {
  return (const lam_normalization_layer *)layer->options;
}

bool lam_normalization_is_given(const lam_layer *layer) { return normalization_of(layer)->given; }
bool lam_normalization_is_inverted(const lam_layer *layer) { return normalization_of(layer)->invert; }

static const lam_field fields[] = {
  { "axes", LAM_FIELD_AXES, offsetof(lam_normalization_layer, axes), NULL, true },
  { "invert", LAM_FIELD_FLAG, offsetof(lam_normalization_layer, invert), NULL, true },
  { "given", LAM_FIELD_FLAG, offsetof(lam_normalization_layer, given), NULL, true },
  { NULL, LAM_FIELD_FLOAT, 0, NULL, false },
};

static lam_status check(lam_context *context, const lam_layer *layer) {
  return lam_check_axes(context, layer->name, &normalization_of(layer)->axes);
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  lam_shape last;
  size_t columns = lam_last_axes(&shaping->inputs[0], &normalization_of(layer)->axes, &last);
  shaping->output = shaping->inputs[0];
  if (!columns) return lam_shape_fail(shaping, "its axes must be the last ones of these rows");
  if (layer->initial && layer->initial_count != 2 * columns)
    return lam_shape_fail(shaping, "mean and variance have %zu numbers, and there are %zu places", layer->initial_count / 2,
                          columns);
  lam_status status = lam_declare_fixed_weight(shaping, "mean", last, (lam_initializer){ LAM_ZEROS, 0 });
  return status ? status : lam_declare_fixed_weight(shaping, "variance", last, (lam_initializer){ LAM_ONES, 0 });
}

/* Operands: y, x, variance; weight: the mean, or NULL in the backward pass. */
static void run(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat * n, rows = (end - begin) * operation->repeat;
  plan->kernels->standardize(operation->operand[0].data + from, n, operation->operand[1].data + from, n, operation->weight,
                             operation->operand[2].data, rows, n);
}

/* The same, inverted. Each step is rounded, as Keras's are. */
static void run_inverted(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)plan;
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat * n, rows = (end - begin) * operation->repeat;
  float *y = operation->operand[0].data + from;
  const float *x = operation->operand[1].data + from, *variance = operation->operand[2].data, *mean = operation->weight;
  for (size_t j = 0; j < n; j++) {
    float root = sqrtf(variance[j]), deviation = root > 1e-7f ? root : 1e-7f, center = mean ? mean[j] : 0.0f;
    for (size_t i = 0; i < rows; i++) y[i * n + j] = x[i * n + j] * deviation + center;
  }
}

static lam_status emit(lam_lowering *lowering, const lam_layer *layer, const char *name, lam_buffer y, lam_buffer x,
                       const float *mean) {
  const lam_normalization_layer *this = normalization_of(layer);
  lam_operation *operation = lam_emit(lowering, name, this->invert ? run_inverted : run);
  if (!operation) return LAM_OUT_OF_MEMORY;
  lam_shape last;
  size_t columns = lam_last_axes(lam_output_shape(lowering), &this->axes, &last);
  operation->repeat = operation->columns / columns;
  operation->columns = columns;
  operation->weight = mean;
  lam_bind(lowering, 0, y, columns);
  lam_bind(lowering, 1, x, columns);
  lam_bind_memory(lowering, 2, lam_weight_values(lowering, 1), columns);
  return LAM_OK;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  lam_buffer y = lam_output_value(lowering);
  return emit(lowering, layer, "standardize", y, lam_input_value(lowering, 0), lam_weight_values(lowering, 0));
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return emit(lowering, layer, "standardize gradient", dx, lam_output_gradient(lowering), NULL);
}

const lam_layer_type lam_normalization_type = {
  .name = "Normalization",
  .prefix = "normalization",
  .options_size = sizeof(lam_normalization_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

/* ---- making one --------------------------------------------------------------------------------------------------- */

lam_node lam_normalization(lam_node x) { return lam_normalization_with(x, NULL); }

static lam_status check_given(lam_context *context, const lam_normalization_options *options) {
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_normalization_options must be zero");
  if (!options->mean != !options->variance)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "a normalization is given both mean and variance, or neither");
  if (!options->mean != !options->count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%zu numbers of mean and variance%s", options->count,
                    options->mean ? "" : ", but no arrays");
  for (size_t i = 0; i < options->count; i++) {
    float mean = options->mean[i], variance = options->variance[i];
    char one[32], other[32];
    if (mean - mean == 0.0f && variance >= 0.0f && variance - variance == 0.0f) continue;
    return lam_fail(context, LAM_INVALID_ARGUMENT,
                    "mean and variance %zu of a normalization are %s and %s: they are finite, "
                    "and a variance is at least 0",
                    i, lam_format_float(one, mean), lam_format_float(other, variance));
  }
  return LAM_OK;
}

/* The layer's weights as they start, one behind the other. */
static lam_status keep_given(lam_layer *layer, lam_context *context, const lam_normalization_options *options) {
  size_t bytes = options->count * sizeof(float);
  layer->initial = lam_allocate_array(context, 2 * options->count, sizeof *layer->initial);
  if (!layer->initial) return LAM_OUT_OF_MEMORY;
  layer->initial_count = 2 * options->count;
  memcpy(layer->initial, options->mean, bytes);
  memcpy(layer->initial + options->count, options->variance, bytes);
  return LAM_OK;
}

lam_node lam_normalization_with(lam_node x, const lam_normalization_options *options) {
  static const lam_normalization_options defaults = { 0 };
  if (!options) options = &defaults;
  if (!lam_node_ok(x)) return lam_graph_append_one(x, &lam_normalization_type, NULL);
  lam_context *context = x.graph->object.context;
  lam_normalization_layer layer = { options->axes, options->invert, options->mean != NULL };
  lam_node node = { x.graph, -1 };
  if (!check_given(context, options)) node = lam_graph_append_one(x, &lam_normalization_type, &layer);
  if (lam_node_ok(node) && options->mean && keep_given(x.graph->nodes[node.index].layer, context, options)) node.index = -1;
  x.graph->failed = x.graph->failed || !lam_node_ok(node);
  return node;
}
