/* SPDX-License-Identifier: MIT
 *
 * Dense: y = f(x W + b) over the last axis. Forward Y = X W, weight gradient dW = X^T dY, input gradient dX = dY W^T, each one
 * product; the bias and a relu act on the product's results on their way out.
 */
#include "kernels/array.h"
#include "layers/layers.h"

static const lam_dense_layer *dense_of(const lam_layer *layer) { return (const lam_dense_layer *)layer->options; }

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_dense_layer, options.member)
static const lam_field fields[] = {
  { "units", LAM_FIELD_SIZE, offsetof(lam_dense_layer, units), NULL },
  { "activation", FIELD(ENUM, activation), lam_activation_names },
  { "no_bias", FIELD(FLAG, no_bias), NULL },
  { "input_dim", FIELD(SIZE, input_dim), NULL },
  { "kernel_initializer", FIELD(ENUM, kernel_initializer.type), lam_initializer_names },
  { "kernel_initializer_value", FIELD(FLOAT, kernel_initializer.value), NULL },
  { "bias_initializer", FIELD(ENUM, bias_initializer.type), lam_initializer_names },
  { "bias_initializer_value", FIELD(FLOAT, bias_initializer.value), NULL },
  LAM_REGULARIZER_FIELDS(lam_dense_layer, options.kernel_regularizer, "kernel_regularizer"),
  LAM_REGULARIZER_FIELDS(lam_dense_layer, options.bias_regularizer, "bias_regularizer"),
  LAM_REGULARIZER_FIELDS(lam_dense_layer, options.activity_regularizer, "activity_regularizer"),
  LAM_CONSTRAINT_FIELDS(lam_dense_layer, options.kernel_constraint, "kernel_constraint"),
  LAM_CONSTRAINT_FIELDS(lam_dense_layer, options.bias_constraint, "bias_constraint"),
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
#undef FIELD

static lam_status check(lam_context *context, const lam_layer *layer) {
  const lam_dense_layer *dense = dense_of(layer);
  const lam_dense_options *options = &dense->options;
  if (dense->units == 0 || dense->units > LAM_MOST_ELEMENTS)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: units is %zu, a dense layer has 1 to 2^31 - 1", layer->name,
                    dense->units);
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: reserved fields of lam_dense_options must be zero", layer->name);
  lam_status status = lam_check_activation(context, layer->name, options->activation);
  lam_gain kernel = { options->kernel_initializer, options->kernel_regularizer, options->kernel_constraint };
  lam_gain bias = { options->bias_initializer, options->bias_regularizer, options->bias_constraint };
  if (!status) status = lam_check_gain(context, layer->name, "kernel", kernel);
  if (!status) status = lam_check_gain(context, layer->name, "bias", bias);
  return status ? status : lam_check_regularizer(context, layer->name, "activity", options->activity_regularizer);
}

static lam_regularizer activity(const lam_layer *layer) { return dense_of(layer)->options.activity_regularizer; }

static size_t input_dim(const lam_layer *layer) { return dense_of(layer)->options.input_dim; }

static lam_status shape(const lam_layer *layer, lam_shaping *shaping) {
  const lam_dense_layer *dense = dense_of(layer);
  const lam_dense_options *options = &dense->options;
  lam_shape in = shaping->inputs[0];
  size_t width = in.size[in.rank - 1], units = dense->units;
  if (options->input_dim && options->input_dim != width)
    return lam_shape_fail(shaping, "its input_dim is %zu, but %zu come in", options->input_dim, width);
  lam_initializer kernel = options->kernel_initializer, bias = options->bias_initializer;
  if (kernel.type == LAM_INITIALIZER_DEFAULT) kernel.type = LAM_GLOROT_UNIFORM;
  if (bias.type == LAM_INITIALIZER_DEFAULT) bias.type = LAM_ZEROS;
  shaping->output = in;
  shaping->output.size[in.rank - 1] = units;
  lam_status status = lam_declare_weight(shaping, "kernel", (lam_shape){ { width, units }, 2 }, kernel, width, units);
  if (!status) status = lam_declare_rules(shaping, options->kernel_regularizer, options->kernel_constraint);
  if (status || options->no_bias) return status;
  status = lam_declare_weight(shaping, "bias", (lam_shape){ { units }, 1 }, bias, units, units);
  return status ? status : lam_declare_rules(shaping, options->bias_regularizer, options->bias_constraint);
}

/* ---- operations --------------------------------------------------------------------------------------------------- */

/* A vendor's bits may depend on the number of columns in a call: it gets one block of the grid at a time. The native gemm's do
 * not: it gets all that this worker has. */
static size_t columns_at_once(const lam_operation *operation, size_t from, size_t end) {
  size_t all = (end * operation->unit < operation->columns ? end * operation->unit : operation->columns) - from;
  return operation->gemm->sgemm == NULL || all < operation->unit ? all : operation->unit;
}

/* Where this worker's product packs what it reads. */
static float *scratch_of(const lam_operation *operation, const lam_step *step) {
  float *scratch = operation->operand[3].data;
  return scratch ? scratch + step->worker * LAM_GEMM_SCRATCH : NULL;
}

/* Operands: y, x, W, scratch; weight: the bias or NULL; function: linear or relu. */
static void run_forward(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  size_t rows = step->rows * operation->repeat, n = operation->columns, k = operation->inner, width;
  const float *x = operation->operand[1].data, *w = operation->operand[2].data, *bias = operation->weight;
  if (operation->by_rows) {
    const lam_epilogue epilogue = { bias, operation->function.activation == LAM_RELU };
    size_t from = begin * operation->repeat;
    lam_gemm_run(operation->gemm, plan->kernels, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, end * operation->repeat - from, n, k, 1.0f,
                 x + from * k, k, w, n, 0.0f, operation->operand[0].data + from * n, n, &epilogue, scratch_of(operation, step));
    return;
  }
  for (size_t j = begin * operation->unit; j < n && j < end * operation->unit; j += width) {
    width = columns_at_once(operation, j, end);
    float *y = operation->operand[0].data + j;
    const lam_epilogue epilogue = { bias ? bias + j : NULL, operation->function.activation == LAM_RELU };
    lam_gemm_run(operation->gemm, plan->kernels, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, rows, width, k, 1.0f, x, k, w + j, n, 0.0f,
                 y, n, &epilogue, scratch_of(operation, step));
  }
}

/* Operands: dW, x, dy, scratch. */
static void run_weight_gradient(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin,
                                size_t end) {
  size_t rows = step->rows * operation->repeat, n = operation->columns, k = operation->inner, width;
  const float *x = operation->operand[1].data, *dy = operation->operand[2].data;
  if (operation->by_rows) {
    size_t from = begin * operation->unit, to = end * operation->unit < k ? end * operation->unit : k;
    lam_gemm_run(operation->gemm, plan->kernels, LAM_TRANSPOSE, LAM_NO_TRANSPOSE, to - from, n, rows, 1.0f, x + from, k, dy, n,
                 0.0f, operation->operand[0].data + from * n, n, NULL, scratch_of(operation, step));
    return;
  }
  for (size_t j = begin * operation->unit; j < n && j < end * operation->unit; j += width) {
    width = columns_at_once(operation, j, end);
    lam_gemm_run(operation->gemm, plan->kernels, LAM_TRANSPOSE, LAM_NO_TRANSPOSE, k, width, rows, 1.0f, x, k, dy + j, n, 0.0f,
                 operation->operand[0].data + j, n, NULL, scratch_of(operation, step));
  }
}

/* Operands: db, dy. */
static void run_bias_gradient(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin,
                              size_t end) {
  size_t n = operation->columns, from = begin * operation->unit, to = end * operation->unit < n ? end * operation->unit : n;
  plan->kernels->column_sums(operation->operand[0].data + from, operation->operand[1].data + from, n,
                             step->rows * operation->repeat, to - from);
}

/* Operands: dx, dy, W, scratch. Here the columns are those of x, and inner the units. */
static void run_input_gradient(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin,
                               size_t end) {
  size_t rows = step->rows * operation->repeat, n = operation->columns, k = operation->inner, width;
  const float *dy = operation->operand[1].data, *w = operation->operand[2].data;
  if (operation->by_rows) {
    size_t from = begin * operation->repeat;
    lam_gemm_run(operation->gemm, plan->kernels, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, end * operation->repeat - from, n, k, 1.0f,
                 dy + from * k, k, w, k, 0.0f, operation->operand[0].data + from * n, n, NULL, scratch_of(operation, step));
    return;
  }
  for (size_t j = begin * operation->unit; j < n && j < end * operation->unit; j += width) {
    width = columns_at_once(operation, j, end);
    lam_gemm_run(operation->gemm, plan->kernels, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, rows, width, k, 1.0f, dy, k, w + j * k, k, 0.0f,
                 operation->operand[0].data + j, n, NULL, scratch_of(operation, step));
  }
}

static lam_operation *emit_product(lam_lowering *lowering, const char *name,
                                   void (*run)(const lam_operation *, const lam_plan *, const lam_step *, size_t, size_t),
                                   size_t columns, size_t inner) {
  lam_operation *operation = lam_emit(lowering, name, run);
  if (!operation) return NULL;
  const lam_shape *out = lam_output_shape(lowering);
  operation->columns = columns;
  operation->inner = inner;
  for (size_t i = 0; i + 1 < out->rank; i++) operation->repeat *= out->size[i];
  lam_by_columns(lowering);
  return operation;
}

lam_operation *lam_emit_product(lam_lowering *lowering, lam_buffer y, lam_buffer x, float *w, size_t in, size_t units) {
  lam_operation *operation = emit_product(lowering, "forward", run_forward, units, in);
  if (!operation) return NULL;
  lam_bind_product(lowering, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 3);
  lam_bind(lowering, 0, y, units);
  lam_bind(lowering, 1, x, in);
  lam_bind_memory(lowering, 2, w, units);
  return operation;
}

lam_status lam_emit_product_backward(lam_lowering *lowering, lam_buffer dx, lam_buffer dy, float *w, size_t in, size_t units) {
  if (!emit_product(lowering, "input gradient", run_input_gradient, in, units)) return LAM_OUT_OF_MEMORY;
  lam_bind_product(lowering, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, 3);
  lam_bind(lowering, 0, dx, in);
  lam_bind(lowering, 1, dy, units);
  lam_bind_memory(lowering, 2, w, units);
  return LAM_OK;
}

static size_t width_in(const lam_lowering *lowering) {
  const lam_shape *in = lam_input_shape(lowering, 0);
  return in->size[in->rank - 1];
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  const lam_dense_layer *dense = dense_of(layer);
  size_t in = width_in(lowering), units = dense->units;
  lam_function f = *lam_lowered_function(lowering);
  bool apart = f.activation != LAM_LINEAR && !lam_function_is_plain_relu(&f);
  lam_buffer y = lam_output_value(lowering), product = y;
  if (apart && lam_function_from_x(f.activation) && lam_has_backward(lowering)) product = lam_saved_value(lowering);
  lam_operation *operation =
      lam_emit_product(lowering, product, lam_input_value(lowering, 0), lam_weight_values(lowering, 0), in, units);
  if (!operation) return LAM_OUT_OF_MEMORY;
  operation->function = apart ? lam_function_of(LAM_LINEAR) : f;
  operation->weight = dense->options.no_bias ? NULL : lam_weight_values(lowering, 1);
  return apart ? lam_emit_activation(lowering, y, product) : LAM_OK;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  const lam_dense_layer *dense = dense_of(layer);
  size_t in = width_in(lowering), units = dense->units;
  lam_activation activation = lam_lowered_function(lowering)->activation;
  lam_buffer dy = lam_output_gradient(lowering), x = lam_input_value(lowering, 0);
  if (activation != LAM_LINEAR) {
    lam_buffer v = lam_function_from_x(activation) ? lam_saved_value(lowering) : lam_output_value(lowering);
    lam_status status = lam_emit_activation_backward(lowering, dy, dy, v);
    if (status) return status;
  }
  bool trains = lam_wants_weight_gradient(lowering, 0);
  if (trains) {
    if (!emit_product(lowering, "weight gradient", run_weight_gradient, units, in)) return LAM_OUT_OF_MEMORY;
    lam_bind_product(lowering, LAM_TRANSPOSE, LAM_NO_TRANSPOSE, 3);
    lam_bind_weight_gradient(lowering, 0, 0, units);
    lam_bind(lowering, 1, x, in);
    lam_bind(lowering, 2, dy, units);
  }
  if (trains && !dense->options.no_bias) {
    if (!emit_product(lowering, "bias gradient", run_bias_gradient, units, 0)) return LAM_OUT_OF_MEMORY;
    lam_bind_weight_gradient(lowering, 0, 1, units);
    lam_bind(lowering, 1, dy, units);
  }
  if (!lam_wants_input_gradient(lowering, 0)) return LAM_OK;
  lam_buffer dx = lam_input_gradient_value(lowering, 0);
  return lam_emit_product_backward(lowering, dx, dy, lam_weight_values(lowering, 0), in, units);
}

const lam_layer_type lam_dense_type = {
  .name = "Dense",
  .prefix = "dense",
  .options_size = sizeof(lam_dense_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = offsetof(lam_dense_layer, options.activation),
  .takes_activation = true,
  .input_dim = input_dim,
  .activity = activity,
  .check = check,
  .shape = shape,
  .forward = forward,
  .backward = backward,
};

lam_node lam_dense(lam_node x, size_t units, const lam_dense_options *options) {
  lam_dense_layer dense = { .units = units };
  if (options) dense.options = *options;
  return lam_graph_append_one(x, &lam_dense_type, &dense);
}
