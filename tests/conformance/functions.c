/* SPDX-License-Identifier: MIT
 *
 * Kernels by name. A kernel added to the library becomes one line here.
 */
#include "conformance/functions.h"
#include <string.h>
#include <strings.h>

/* Those with parameters, as Keras calls them. */
static lam_status run_elu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
  return lam_elu(y, ldy, x, ldx, 1, rows, columns);
}
static lam_status run_elu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, size_t rows,
                                   size_t columns) {
  return lam_elu_backward(dx, lddx, dy, lddy, y, ldy, 1, rows, columns);
}
static lam_status run_leaky_relu(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
  return lam_leaky_relu(y, ldy, x, ldx, 0.2f, rows, columns);
}
static lam_status run_leaky_relu_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                          size_t rows, size_t columns) {
  return lam_leaky_relu_backward(dx, lddx, dy, lddy, y, ldy, 0.2f, rows, columns);
}

static const function functions[] = {
  { "exponential", lam_exp, lam_multiply, false, false },
  { "elu", run_elu, run_elu_backward, false, false },
  { "leaky_relu", run_leaky_relu, run_leaky_relu_backward, false, false },
  { "leaky_relu_0.2", run_leaky_relu, run_leaky_relu_backward, false, false },
  { "relu", lam_relu, lam_relu_backward, false, false },
  { "sigmoid", lam_sigmoid, lam_sigmoid_backward, false, false },
  { "tanh", lam_tanh, lam_tanh_backward, false, false },
  { "softplus", lam_softplus, lam_softplus_backward, false, false },
  { "log_sigmoid", lam_log_sigmoid, lam_log_sigmoid_backward, false, false },
  { "hard_sigmoid", lam_hard_sigmoid, lam_hard_sigmoid_backward, false, false },
  { "hard_tanh", lam_hard_tanh, lam_hard_tanh_backward, false, false },
  { "sparse_plus", lam_sparse_plus, lam_sparse_plus_backward, false, false },
  { "sparse_sigmoid", lam_sparse_sigmoid, lam_sparse_sigmoid_backward, false, false },
  { "selu", lam_selu, lam_selu_backward, false, false },
  { "silu", lam_silu, lam_silu_backward, false, true },
  { "mish", lam_mish, lam_mish_backward, false, true },
  { "gelu", lam_gelu, lam_gelu_backward, false, true },
  { "gelu_tanh", lam_gelu_tanh, lam_gelu_tanh_backward, false, true },
  { "softsign", lam_softsign, lam_softsign_backward, false, true },
  { "hard_silu", lam_hard_silu, lam_hard_silu_backward, false, true },
  { "tanh_shrink", lam_tanh_shrink, lam_tanh_shrink_backward, false, true },
  { "softmax", lam_softmax, lam_softmax_backward, true, false },
  { "log_softmax", lam_log_softmax, lam_log_softmax_backward, true, false },
  { "sparsemax", lam_sparsemax, lam_sparsemax_backward, true, false },
};

const function *find_function(const char *name) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (!strcasecmp(functions[i].name, name)) return &functions[i];
  return NULL;
}

outcome run_activation(run *r, lam_activation activation, const lam_activation_options *options, float *y, const float *x,
                       size_t rows, size_t columns) {
  lam_context *context = run_context(r);
  lam_array input = { .data = x, .type = LAM_FLOAT32, .rows = rows, .shape = { { columns }, 1 } };
  lam_graph *graph = lam_graph_create(context);
  lam_node output = lam_activate_with(lam_input(graph, input.shape), activation, options);
  lam_model *model = lam_model_create(&output, 1);
  lam_dataset *data = lam_dataset_create(context, &input, 1, NULL, 0);
  outcome result = PASSED;
  if (!model || !data || lam_predict(model, data, NULL, y, rows * columns)) result = refused(r, "a model of the activation");
  lam_dataset_destroy(data);
  lam_model_destroy(model);
  lam_graph_destroy(graph);
  return result;
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

static lam_status sparse(const loss_call *c) {
  return (c->from_logits ? lam_softmax_sparse_crossentropy : lam_sparse_crossentropy)(
      c->loss, c->dx, c->columns, c->x, c->columns, c->labels, c->scale, c->rows, c->columns);
}

static lam_status categorical(const loss_call *c) {
  return (c->from_logits ? lam_softmax_crossentropy : lam_crossentropy)(c->loss, c->dx, c->columns, c->x, c->columns, c->t,
                                                                        c->columns, c->scale, c->rows, c->columns);
}

static lam_status binary(const loss_call *c) {
  return (c->from_logits ? lam_sigmoid_binary_crossentropy : lam_binary_crossentropy)(
      c->loss, c->dx, c->columns, c->x, c->columns, c->t, c->columns, c->scale, c->rows, c->columns);
}

static lam_status mean_squared(const loss_call *c) {
  return lam_squared_error(c->loss, c->dx, c->columns, c->x, c->columns, c->t, c->columns, 1 / (float)c->columns, c->scale,
                           c->rows, c->columns);
}

static const struct {
  const char *name;
  lam_status (*run)(const loss_call *call);
} losses[] = {
  { "sparse_categorical_crossentropy", sparse },
  { "categorical_crossentropy", categorical },
  { "binary_crossentropy", binary },
  { "mean_squared_error", mean_squared },
};

bool loss_is_sparse(const char *name) { return !strncmp(name, "sparse_", strlen("sparse_")); }

/* Those without a kernel of their own here go through lam_loss_compute, row by row where the gradient is of each row. */
static outcome run_other_loss(run *r, const char *name, const loss_call *c) {
  if (find_loss(name) < 0) return skip(r, "loss %s: not in the library", name);
  lam_loss_options options = { .loss = (lam_loss)find_loss(name),
                               .from_logits = c->from_logits,
                               .reduction = LAM_REDUCTION_NONE };
  lam_loss_data data = { .rows = c->rows, .columns = c->columns, .outputs = c->x, .targets = c->t, .labels = c->labels };
  if (lam_loss_compute(run_context(r), &options, &data, c->loss, NULL, c->dx)) return refused(r, name);
  for (size_t i = 0; c->dx && i < c->rows * c->columns; i++) c->dx[i] *= c->scale;
  return PASSED;
}

outcome run_loss(run *r, const char *name, const loss_call *call) {
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    if (strcmp(losses[i].name, name)) continue;
    lam_status status = losses[i].run(call);
    return status ? miss(r, "%s: %s", name, lam_status_text(status)) : PASSED;
  }
  return run_other_loss(r, name, call);
}
