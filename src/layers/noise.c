/* SPDX-License-Identifier: MIT
 *
 * Dropout and GaussianNoise: layers that draw random numbers while training and are not there otherwise. Nothing is kept for the
 * backward pass: the numbers are a function of seed, step, node and element (docs/numerics.md), and are made again.
 */
#include "kernels/array.h"
#include "layers/layers.h"

#include <string.h>

typedef struct lam_noise_layer {
  float amount; /* rate or standard deviation */
} lam_noise_layer;

static float amount_of(const lam_layer *layer) { return ((const lam_noise_layer *)layer->options)->amount; }

/* Streams of noise have the highest bit; 20 bits for the node, 43 for the step. Element i of a batch is number i. */
static uint64_t stream_of(const lam_operation *operation, const lam_step *step) {
  return UINT64_C(1) << 63 | ((uint64_t)operation->inner & 0xfffff) << 43 | (step->number & ((UINT64_C(1) << 43) - 1));
}

/* Operands: y, x; number: the rate. The backward pass is the same. */
static void run_dropout(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t from = begin * operation->columns, count = (end - begin) * operation->columns;
  float *y = operation->operand[0].data + from;
  const float *x = operation->operand[1].data + from;
  if (step->training)
    plan->kernels->dropout(y, x, operation->number, step->seed, stream_of(operation, step), from, count);
  else
    memcpy(y, x, count * sizeof *y);
}

/* Operands: y, x; number: the standard deviation, 0 in the backward pass. */
static void run_noise(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)plan;
  enum { PIECE = 256 };
  float numbers[PIECE];
  size_t from = begin * operation->columns, count = (end - begin) * operation->columns;
  float *y = operation->operand[0].data + from;
  const float *x = operation->operand[1].data + from;
  if (!step->training || operation->number == 0.0f) {
    memcpy(y, x, count * sizeof *y);
    return;
  }
  for (size_t i = 0; i < count; i += PIECE) {
    size_t n = count - i < PIECE ? count - i : PIECE;
    lam_random_normal(numbers, n, step->seed, stream_of(operation, step), from + i);
    for (size_t j = 0; j < n; j++) y[i + j] = x[i + j] + operation->number * numbers[j];
  }
}

static lam_status check_dropout(lam_context *context, const lam_layer *layer) {
  char text[32];
  if (amount_of(layer) >= 0.0f && amount_of(layer) < 1.0f) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: the rate is %s; it is at least 0 and below 1", layer->name,
                  lam_format_float(text, amount_of(layer)));
}

static lam_status check_noise(lam_context *context, const lam_layer *layer) {
  char text[32];
  if (amount_of(layer) >= 0.0f && amount_of(layer) < 3e38f) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: stddev is %s; it is at least 0 and finite", layer->name,
                  lam_format_float(text, amount_of(layer)));
}

static lam_status emit(lam_lowering *lowering, const lam_layer *layer, const char *name, float amount, lam_buffer y,
                       lam_buffer x) {
  lam_operation *operation = lam_emit(lowering, name, layer->type == &lam_dropout_type ? run_dropout : run_noise);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->number = amount;
  operation->inner = lam_node_number(lowering);
  lam_bind(lowering, 0, y, operation->columns);
  lam_bind(lowering, 1, x, operation->columns);
  return LAM_OK;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  if (lam_for_inference(lowering) || amount_of(layer) == 0.0f) return lam_output_is_input(lowering), LAM_OK;
  return emit(lowering, layer, "noise", amount_of(layer), lam_output_value(lowering), lam_input_value(lowering, 0));
}

/* The gradient of added noise is that of its result. */
static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  float amount = layer->type == &lam_dropout_type ? amount_of(layer) : 0.0f;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return emit(lowering, layer, "noise gradient", amount, dx, lam_output_gradient(lowering));
}

#define FIELD(name)                                                                                                              \
  { name, LAM_FIELD_FLOAT, offsetof(lam_noise_layer, amount), NULL }
static const lam_field dropout_fields[] = { FIELD("rate"), { NULL, LAM_FIELD_FLOAT, 0, NULL } };
static const lam_field noise_fields[] = { FIELD("stddev"), { NULL, LAM_FIELD_FLOAT, 0, NULL } };
#undef FIELD

const lam_layer_type lam_dropout_type = {
  .name = "Dropout",
  .prefix = "dropout",
  .options_size = sizeof(lam_noise_layer),
  .fields = dropout_fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check_dropout,
  .forward = forward,
  .backward = backward,
};

const lam_layer_type lam_gaussian_noise_type = {
  .name = "GaussianNoise",
  .prefix = "gaussian_noise",
  .options_size = sizeof(lam_noise_layer),
  .fields = noise_fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check_noise,
  .forward = forward,
  .backward = backward,
};

lam_node lam_dropout(lam_node x, float rate) { return lam_graph_append_one(x, &lam_dropout_type, &(lam_noise_layer){ rate }); }

lam_node lam_gaussian_noise(lam_node x, float stddev) {
  return lam_graph_append_one(x, &lam_gaussian_noise_type, &(lam_noise_layer){ stddev });
}
