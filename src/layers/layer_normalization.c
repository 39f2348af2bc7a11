/* SPDX-License-Identifier: MIT
 *
 * LayerNormalization and RMSNormalization: each row by its own statistics along its last axes. The forward pass leaves a mean and
 * an inverse deviation of each row for the backward pass.
 */
#include "kernels/array.h"
#include "layers/layers.h"

static const lam_layer_normalization_options *options_of(const lam_layer *layer) {
  return (const lam_layer_normalization_options *)layer->options;
}

static bool is_centered(const lam_layer *layer) { return layer->type == &lam_layer_normalization_type; }
static bool has_beta(const lam_layer *layer) { return is_centered(layer) && !options_of(layer)->no_center; }
static bool has_gamma(const lam_layer *layer) { return !options_of(layer)->no_scale; }

static lam_gain gain_of(const lam_layer_normalization_options *o, bool gamma) {
  if (gamma) return (lam_gain){ o->gamma_initializer, o->gamma_regularizer, o->gamma_constraint };
  return (lam_gain){ o->beta_initializer, o->beta_regularizer, o->beta_constraint };
}

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_layer_normalization_options, member)
#define INITIALIZER(member)                                                                                                      \
  { #member, FIELD(ENUM, member.type), lam_initializer_names }, { #member "_value", FIELD(FLOAT, member.value), NULL }
static const lam_field fields[] = {
  { "axes", FIELD(AXES, axes), NULL },
  { "epsilon", FIELD(FLOAT, epsilon), NULL },
  { "no_center", FIELD(FLAG, no_center), NULL },
  { "no_scale", FIELD(FLAG, no_scale), NULL },
  INITIALIZER(beta_initializer),
  INITIALIZER(gamma_initializer),
  LAM_REGULARIZER_FIELDS(lam_layer_normalization_options, beta_regularizer, "beta_regularizer"),
  LAM_REGULARIZER_FIELDS(lam_layer_normalization_options, gamma_regularizer, "gamma_regularizer"),
  LAM_CONSTRAINT_FIELDS(lam_layer_normalization_options, beta_constraint, "beta_constraint"),
  LAM_CONSTRAINT_FIELDS(lam_layer_normalization_options, gamma_constraint, "gamma_constraint"),
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
#undef INITIALIZER
#undef FIELD

static lam_status check(lam_context *context, const lam_layer *layer) {
  const lam_layer_normalization_options *options = options_of(layer);
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: reserved fields of lam_layer_normalization_options must be zero",
                    layer->name);
  lam_status status = lam_check_axes(context, layer->name, &options->axes);
  if (!status) status = lam_check_epsilon(context, layer->name, options->epsilon);
  if (!status) status = lam_check_gain(context, layer->name, "beta", gain_of(options, false));
  return status ? status : lam_check_gain(context, layer->name, "gamma", gain_of(options, true));
}

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  const lam_layer_normalization_options *options = options_of(layer);
  lam_shape last;
  shaping->output = shaping->inputs[0];
  if (!lam_last_axes(&shaping->output, &options->axes, &last))
    return lam_shape_fail(shaping, "its axes must be the last ones of these rows");
  lam_status status = LAM_OK;
  const char *gamma = is_centered(layer) ? "gamma" : "scale";
  if (has_gamma(layer)) status = lam_declare_gain(shaping, gamma, last, gain_of(options, true), LAM_ONES);
  if (status || !has_beta(layer)) return status;
  return lam_declare_gain(shaping, "beta", last, gain_of(options, false), LAM_ZEROS);
}

/* ---- operations --------------------------------------------------------------------------------------------------- */

/* Operands: y, the rows' statistics (or NULL), x, gamma, beta; number: epsilon; choice: centered. */
static void run_forward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, first = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  float *statistics = operation->operand[1].data ? operation->operand[1].data + 2 * first : NULL;
  plan->kernels->normalize_rows(operation->operand[0].data + first * n, n, statistics, operation->operand[2].data + first * n, n,
                                operation->operand[3].data, operation->operand[4].data, operation->number, operation->choice,
                                rows, n);
}

/* Operands: dx, dy, x, statistics; weight: gamma; choice: centered. */
static void run_backward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, first = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  plan->kernels->normalize_rows_backward(operation->operand[0].data + first * n, n, operation->operand[1].data + first * n, n,
                                         operation->operand[2].data + first * n, n, operation->operand[3].data + 2 * first,
                                         operation->weight, operation->choice, rows, n);
}

/* Operands: dgamma, dy, x, statistics. */
static void run_factors(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t n = operation->columns, from = begin * operation->unit, to = end * operation->unit < n ? end * operation->unit : n;
  plan->kernels->normalize_rows_factors(operation->operand[0].data + from, operation->operand[1].data + from, n,
                                        operation->operand[2].data + from, n, operation->operand[3].data,
                                        step->rows * operation->repeat, to - from);
}

/* Operands: dbeta, dy. */
static void run_sums(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t n = operation->columns, from = begin * operation->unit, to = end * operation->unit < n ? end * operation->unit : n;
  plan->kernels->column_sums(operation->operand[0].data + from, operation->operand[1].data + from, n,
                             step->rows * operation->repeat, to - from);
}

static lam_operation *emit(lam_lowering *lowering, const lam_layer *layer, const char *name,
                           void (*run)(const lam_operation *, const lam_plan *, const lam_step *, size_t, size_t)) {
  lam_shape last;
  size_t columns = lam_last_axes(lam_output_shape(lowering), &options_of(layer)->axes, &last);
  lam_operation *operation = lam_emit(lowering, name, run);
  if (!operation) return NULL;
  operation->repeat = operation->columns / columns;
  operation->columns = columns;
  operation->number = lam_option(options_of(layer)->epsilon, is_centered(layer) ? 1e-3f : 1e-6f);
  operation->choice = is_centered(layer);
  return operation;
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  lam_operation *operation = emit(lowering, layer, "normalize", run_forward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns, pair = 2 * operation->repeat;
  lam_bind(lowering, 0, lam_output_value(lowering), n);
  if (lam_has_backward(lowering)) lam_bind(lowering, 1, lam_saved_numbers(lowering, pair, false), pair);
  lam_bind(lowering, 2, lam_input_value(lowering, 0), n);
  if (has_gamma(layer)) lam_bind_memory(lowering, 3, lam_weight_values(lowering, 0), n);
  if (has_beta(layer)) lam_bind_memory(lowering, 4, lam_weight_values(lowering, has_gamma(layer)), n);
  return LAM_OK;
}

static lam_status backward_weights(const lam_layer *layer, lam_lowering *lowering, lam_buffer dy, lam_buffer x) {
  if (lam_is_frozen(lowering)) return LAM_OK;
  if (has_gamma(layer)) {
    lam_operation *operation = emit(lowering, layer, "weight gradient", run_factors);
    if (!operation) return LAM_OUT_OF_MEMORY;
    size_t n = operation->columns, pair = 2 * operation->repeat;
    lam_by_columns(lowering);
    lam_bind_weight_gradient(lowering, 0, 0, n);
    lam_bind(lowering, 1, dy, n);
    lam_bind(lowering, 2, x, n);
    lam_bind(lowering, 3, lam_saved_numbers(lowering, pair, false), pair);
  }
  if (has_beta(layer)) {
    lam_operation *operation = emit(lowering, layer, "bias gradient", run_sums);
    if (!operation) return LAM_OUT_OF_MEMORY;
    size_t n = operation->columns;
    lam_by_columns(lowering);
    lam_bind_weight_gradient(lowering, 0, has_gamma(layer), n);
    lam_bind(lowering, 1, dy, n);
  }
  return LAM_OK;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  lam_buffer dy = lam_output_gradient(lowering), x = lam_input_value(lowering, 0);
  lam_status status = backward_weights(layer, lowering, dy, x);
  if (status || !lam_wants_input_gradient(lowering, 0)) return status;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  lam_operation *operation = emit(lowering, layer, "input gradient", run_backward);
  if (!operation) return LAM_OUT_OF_MEMORY;
  size_t n = operation->columns, pair = 2 * operation->repeat;
  if (has_gamma(layer)) operation->weight = lam_weight_values(lowering, 0);
  lam_bind(lowering, 0, dx, n);
  lam_bind(lowering, 1, dy, n);
  lam_bind(lowering, 2, x, n);
  lam_bind(lowering, 3, lam_saved_numbers(lowering, pair, false), pair);
  return LAM_OK;
}

const lam_layer_type lam_layer_normalization_type = {
  .name = "LayerNormalization",
  .prefix = "layer_normalization",
  .options_size = sizeof(lam_layer_normalization_options),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

const lam_layer_type lam_rms_normalization_type = {
  .name = "RMSNormalization",
  .prefix = "rms_normalization",
  .options_size = sizeof(lam_layer_normalization_options),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_layer_normalization(lam_node x, const lam_layer_normalization_options *options) {
  return lam_graph_append_one(x, &lam_layer_normalization_type, options);
}

lam_node lam_rms_normalization(lam_node x, const lam_layer_normalization_options *options) {
  return lam_graph_append_one(x, &lam_rms_normalization_type, options);
}
