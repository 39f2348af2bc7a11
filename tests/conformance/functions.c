/* SPDX-License-Identifier: MIT
 *
 * Kernels by name. A kernel added to the library becomes one line here.
 */
#include "conformance/functions.h"
#include <string.h>
#include <strings.h>

static const function functions[] = {
  { "exponential", lam_exp, NULL, false },
  { "relu", lam_relu, lam_relu_backward, false },
  { "sigmoid", lam_sigmoid, lam_sigmoid_backward, false },
  { "tanh", lam_tanh, lam_tanh_backward, false },
  { "softmax", lam_softmax, lam_softmax_backward, true },
  { "log_softmax", lam_log_softmax, lam_log_softmax_backward, true },
};

const function *find_function(const char *name) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (!strcasecmp(functions[i].name, name)) return &functions[i];
  return NULL;
}

outcome run_activation(run *r, lam_activation activation, float *y, const float *x, size_t rows, size_t columns) {
  lam_context *context = run_context(r);
  lam_array input = { .data = x, .type = LAM_FLOAT32, .rows = rows, .shape = { { columns }, 1 } };
  lam_graph *graph = lam_graph_create(context);
  lam_node output = lam_activate(lam_input(graph, input.shape), activation);
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

outcome run_loss(run *r, const char *name, const loss_call *call) {
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    if (strcmp(losses[i].name, name)) continue;
    lam_status status = losses[i].run(call);
    return status ? miss(r, "%s: %s", name, lam_status_text(status)) : PASSED;
  }
  return skip(r, "loss %s: not in the library", name);
}
