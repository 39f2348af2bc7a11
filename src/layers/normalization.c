/* SPDX-License-Identifier: MIT
 *
 * Normalization: y = (x - mean) / max(sqrt(variance), 1e-7) along the last axis, with a mean and a variance that are given and
 * not trained; so dx = dy / max(sqrt(variance), 1e-7).
 */
#include "layers/layers.h"

static const lam_field no_fields[] = { { NULL, LAM_FIELD_FLOAT, 0, NULL } };

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  lam_shape in = shaping->inputs[0], columns = { { in.size[in.rank - 1] }, 1 };
  shaping->output = in;
  lam_status status = lam_declare_fixed_weight(shaping, "mean", columns, (lam_initializer){ LAM_ZEROS, 0 });
  return status ? status : lam_declare_fixed_weight(shaping, "variance", columns, (lam_initializer){ LAM_ONES, 0 });
}

/* Operands: y, x, variance; weight: the mean, or NULL in the backward pass. */
static void run(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat * n, rows = (end - begin) * operation->repeat;
  plan->kernels->standardize(operation->operand[0].data + from, n, operation->operand[1].data + from, n, operation->weight,
                             operation->operand[2].data, rows, n);
}

static lam_status emit(lam_lowering *lowering, const char *name, lam_buffer y, lam_buffer x, const float *mean) {
  lam_operation *operation = lam_emit(lowering, name, run);
  if (!operation) return LAM_OUT_OF_MEMORY;
  const lam_shape *out = lam_output_shape(lowering);
  size_t columns = out->size[out->rank - 1];
  operation->columns = columns;
  for (size_t i = 0; i + 1 < out->rank; i++) operation->repeat *= out->size[i];
  operation->weight = mean;
  lam_bind(lowering, 0, y, columns);
  lam_bind(lowering, 1, x, columns);
  lam_bind_memory(lowering, 2, lam_weight_values(lowering, 1), columns);
  return LAM_OK;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_buffer y = lam_output_value(lowering);
  return emit(lowering, "standardize", y, lam_input_value(lowering, 0), lam_weight_values(lowering, 0));
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return emit(lowering, "standardize gradient", dx, lam_output_gradient(lowering), NULL);
}

const lam_layer_type lam_normalization_type = {
  .name = "Normalization",
  .prefix = "normalization",
  .fields = no_fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_normalization(lam_node x) { return lam_graph_append_one(x, &lam_normalization_type, NULL); }
