/* SPDX-License-Identifier: MIT
 *
 * BatchNormalization: (x - mean) / sqrt(variance + epsilon) * gamma + beta for each column, with the batch's statistics while
 * training and the moving ones otherwise. A training step's forward pass writes both: the batch's into a buffer that lasts until
 * the backward pass, and the moving ones, which are weights, in place. An evaluation with the same plan fills that buffer with
 * the moving ones, so that what follows is the same.
 */
#include "layers/layers.h"

#include <string.h>

typedef struct lam_batch_layer {
  lam_batch_normalization_options options;
} lam_batch_layer;

static const lam_batch_normalization_options *options_of(const lam_layer *layer) {
  return &((const lam_batch_layer *)layer->options)->options;
}

static lam_gain gain_of(const lam_batch_normalization_options *o, bool gamma) {
  if (gamma) return (lam_gain){ o->gamma_initializer, o->gamma_regularizer, o->gamma_constraint };
  return (lam_gain){ o->beta_initializer, o->beta_regularizer, o->beta_constraint };
}

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_batch_layer, options.member)
#define INITIALIZER(member)                                                                                                      \
  { #member, FIELD(ENUM, member.type), lam_initializer_names }, { #member "_value", FIELD(FLOAT, member.value), NULL }
static const lam_field fields[] = {
  { "momentum", FIELD(FLOAT, momentum), NULL },
  { "epsilon", FIELD(FLOAT, epsilon), NULL },
  { "no_center", FIELD(FLAG, no_center), NULL },
  { "no_scale", FIELD(FLAG, no_scale), NULL },
  INITIALIZER(beta_initializer),
  INITIALIZER(gamma_initializer),
  INITIALIZER(moving_mean_initializer),
  INITIALIZER(moving_variance_initializer),
  LAM_REGULARIZER_FIELDS(lam_batch_layer, options.beta_regularizer, "beta_regularizer"),
  LAM_REGULARIZER_FIELDS(lam_batch_layer, options.gamma_regularizer, "gamma_regularizer"),
  LAM_CONSTRAINT_FIELDS(lam_batch_layer, options.beta_constraint, "beta_constraint"),
  LAM_CONSTRAINT_FIELDS(lam_batch_layer, options.gamma_constraint, "gamma_constraint"),
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
#undef INITIALIZER
#undef FIELD

static float momentum_of(const lam_layer *layer) { return lam_option(options_of(layer)->momentum, 0.99f); }

static lam_status check(lam_context *context, const lam_layer *layer) {
  const lam_batch_normalization_options *options = options_of(layer);
  char text[32];
  float momentum = momentum_of(layer);
  if (!(momentum >= 0.0f && momentum <= 1.0f))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: momentum is %s; it is at least 0 and at most 1", layer->name,
                    lam_format_float(text, momentum));
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: reserved fields of lam_batch_normalization_options must be zero",
                    layer->name);
  lam_status status = lam_check_epsilon(context, layer->name, options->epsilon);
  if (!status) status = lam_check_gain(context, layer->name, "beta", gain_of(options, false));
  if (!status) status = lam_check_gain(context, layer->name, "gamma", gain_of(options, true));
  if (!status) status = lam_check_initializer(context, layer->name, options->moving_mean_initializer);
  return status ? status : lam_check_initializer(context, layer->name, options->moving_variance_initializer);
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  const lam_batch_normalization_options *options = options_of(layer);
  lam_shape in = shaping->inputs[0], row = { { in.size[in.rank - 1] }, 1 };
  shaping->output = in;
  lam_status status = LAM_OK;
  if (!options->no_scale) status = lam_declare_gain(shaping, "gamma", row, gain_of(options, true), LAM_ONES);
  if (!status && !options->no_center) status = lam_declare_gain(shaping, "beta", row, gain_of(options, false), LAM_ZEROS);
  lam_initializer mean = lam_initializer_or(options->moving_mean_initializer, LAM_ZEROS);
  lam_initializer variance = lam_initializer_or(options->moving_variance_initializer, LAM_ONES);
  if (!status) status = lam_declare_fixed_weight(shaping, "moving_mean", row, mean);
  return status ? status : lam_declare_fixed_weight(shaping, "moving_variance", row, variance);
}

/* ---- where the weights are ---------------------------------------------------------------------------------------- */

static float *gamma_of(const lam_layer *layer, lam_lowering *lowering) {
  return options_of(layer)->no_scale ? NULL : lam_weight_values(lowering, 0);
}

static size_t beta_index(const lam_layer *layer) { return !options_of(layer)->no_scale; }

static float *beta_of(const lam_layer *layer, lam_lowering *lowering) {
  return options_of(layer)->no_center ? NULL : lam_weight_values(lowering, beta_index(layer));
}

/* 0: the mean, 1: the variance. */
static float *moving_of(const lam_layer *layer, lam_lowering *lowering, size_t which) {
  return lam_weight_values(lowering, beta_index(layer) + !options_of(layer)->no_center + which);
}

static size_t columns_of(const lam_lowering *lowering) {
  const lam_shape *out = lam_output_shape(lowering);
  return out->size[out->rank - 1];
}

/* Whether steps with this plan can take the batch's statistics and move the moving ones. */
static bool learns(const lam_lowering *lowering) { return !lam_for_inference(lowering) && !lam_is_frozen(lowering); }

/* ---- operations --------------------------------------------------------------------------------------------------- */

/* 1 - momentum as it was meant: 0.01 for 0.99f, whose distance from 1 is wrong in the seventh digit. Where the float is that of a
 * decimal of at most seven places, it is that decimal. */
static float rest_of(float momentum) {
  double decimal = (double)(int64_t)((double)momentum * 1e7 + 0.5) / 1e7;
  return (float)(1.0 - ((float)decimal == momentum ? decimal : (double)momentum));
}

static void move(float *moving, const float *batch, float momentum, float rest, size_t count) {
  for (size_t j = 0; j < count; j++) moving[j] = moving[j] * momentum + batch[j] * rest;
}

/* Operands: the batch's mean and variance, x, the moving mean and variance; number: the momentum. */
static void run_statistics(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t n = operation->columns, from = begin * operation->unit, to = end * operation->unit < n ? end * operation->unit : n;
  float *mean = operation->operand[0].data + from, *variance = mean + n;
  float *moving_mean = operation->operand[2].data + from, *moving_variance = operation->operand[3].data + from;
  if (!step->training) {
    memcpy(mean, moving_mean, (to - from) * sizeof *mean);
    memcpy(variance, moving_variance, (to - from) * sizeof *variance);
    return;
  }
  plan->kernels->column_moments(mean, variance, operation->operand[1].data + from, n, step->rows * operation->repeat, to - from);
  if (step->still) return;
  float rest = rest_of(operation->number);
  move(moving_mean, mean, operation->number, rest, to - from);
  move(moving_variance, variance, operation->number, rest, to - from);
}

/* Operands: y, x, mean, variance (NULL: behind the mean), gamma, beta; number: epsilon. */
static void run_normalize(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat * n, rows = (end - begin) * operation->repeat;
  const float *mean = operation->operand[2].data, *variance = operation->operand[3].data;
  plan->kernels->normalize_columns(operation->operand[0].data + from, n, operation->operand[1].data + from, n, mean,
                                   variance ? variance : mean + n, operation->operand[4].data, operation->operand[5].data,
                                   operation->number, rows, n);
}

/* Operands: dx, dgamma, dbeta (each may be NULL), dy, x, the batch's mean and variance; weight: gamma; number: epsilon. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t n = operation->columns, from = begin * operation->unit, to = end * operation->unit < n ? end * operation->unit : n;
  float *place[3];
  for (size_t i = 0; i < 3; i++) place[i] = operation->operand[i].data ? operation->operand[i].data + from : NULL;
  const float *mean = operation->operand[5].data + from, *gamma = operation->weight ? operation->weight + from : NULL;
  plan->kernels->normalize_columns_backward(place[0], n, place[1], place[2], operation->operand[3].data + from, n,
                                            operation->operand[4].data + from, n, mean, mean + n, gamma, operation->number,
                                            step->rows * operation->repeat, to - from);
}

static lam_operation *emit(lam_lowering *lowering, const lam_layer *layer, const char *name,
                           void (*run)(const lam_operation *, const lam_plan *, const lam_step *, size_t, size_t)) {
  lam_operation *operation = lam_emit(lowering, name, run);
  if (!operation) return NULL;
  operation->repeat = operation->columns / columns_of(lowering);
  operation->columns = columns_of(lowering);
  operation->number = lam_option(options_of(layer)->epsilon, 1e-3f);
  return operation;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  size_t n = columns_of(lowering);
  lam_buffer x = lam_input_value(lowering, 0), statistics = LAM_NO_BUFFER;
  if (learns(lowering)) {
    lam_operation *operation = emit(lowering, layer, "batch statistics", run_statistics);
    if (!operation) return LAM_OUT_OF_MEMORY;
    operation->number = momentum_of(layer);
    lam_by_columns(lowering);
    statistics = lam_saved_numbers(lowering, 2 * n, true);
    lam_bind(lowering, 0, statistics, 2 * n);
    lam_bind(lowering, 1, x, n);
    lam_bind_memory(lowering, 2, moving_of(layer, lowering, 0), n);
    lam_bind_memory(lowering, 3, moving_of(layer, lowering, 1), n);
  }
  lam_buffer y = lam_output_value(lowering);
  if (!emit(lowering, layer, "normalize", run_normalize)) return LAM_OUT_OF_MEMORY;
  lam_bind(lowering, 0, y, n);
  lam_bind(lowering, 1, x, n);
  lam_bind(lowering, 2, statistics, 2 * n);
  if (statistics == LAM_NO_BUFFER) {
    lam_bind_memory(lowering, 2, moving_of(layer, lowering, 0), n);
    lam_bind_memory(lowering, 3, moving_of(layer, lowering, 1), n);
  }
  lam_bind_memory(lowering, 4, gamma_of(layer, lowering), n);
  lam_bind_memory(lowering, 5, beta_of(layer, lowering), n);
  return LAM_OK;
}

/* With statistics that do not depend on x, dx is dy gamma / sqrt(variance + epsilon). */
static lam_status backward_frozen(const lam_layer *layer, lam_lowering *lowering) {
  size_t n = columns_of(lowering);
  if (!lam_wants_input_gradient(lowering, 0)) return LAM_OK;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  if (!emit(lowering, layer, "gradient", run_normalize)) return LAM_OUT_OF_MEMORY;
  lam_bind(lowering, 0, dx, n);
  lam_bind(lowering, 1, lam_output_gradient(lowering), n);
  lam_bind_memory(lowering, 3, moving_of(layer, lowering, 1), n);
  lam_bind_memory(lowering, 4, gamma_of(layer, lowering), n);
  return LAM_OK;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  if (!learns(lowering)) return backward_frozen(layer, lowering);
  const lam_batch_normalization_options *options = options_of(layer);
  size_t n = columns_of(lowering);
  lam_buffer dx = LAM_NO_BUFFER;
  if (lam_wants_input_gradient(lowering, 0)) dx = lam_input_gradient_value(lowering, 0);
  lam_operation *operation = emit(lowering, layer, "gradient", run_backward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->weight = gamma_of(layer, lowering);
  lam_by_columns(lowering);
  lam_bind(lowering, 0, dx, n);
  if (!options->no_scale) lam_bind_weight_gradient(lowering, 1, 0, n);
  if (!options->no_center) lam_bind_weight_gradient(lowering, 2, beta_index(layer), n);
  lam_bind(lowering, 3, lam_output_gradient(lowering), n);
  lam_bind(lowering, 4, lam_input_value(lowering, 0), n);
  lam_bind(lowering, 5, lam_saved_numbers(lowering, 2 * n, true), 2 * n);
  return LAM_OK;
}

const lam_layer_type lam_batch_normalization_type = {
  .name = "BatchNormalization",
  .prefix = "batch_normalization",
  .options_size = sizeof(lam_batch_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_batch_normalization(lam_node x, const lam_batch_normalization_options *options) {
  lam_batch_layer layer = { 0 };
  if (options) layer.options = *options;
  return lam_graph_append_one(x, &lam_batch_normalization_type, &layer);
}
