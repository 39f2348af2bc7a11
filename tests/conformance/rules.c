/* SPDX-License-Identifier: MIT
 *
 * Keras's cases of regularizers and constraints, run through a dense layer whose kernel is the case's tensor: the loss that
 * evaluate tells of rows and targets of zeros is the penalty, and an update with a learning rate of 0 leaves the constraint.
 */
#include "conformance/layers.h"
#include <string.h>

lam_regularizer read_regularizer(item settings) {
  return (lam_regularizer){ (float)item_number(item_field(settings, "l1")), (float)item_number(item_field(settings, "l2")) };
}

static outcome read_constraint(run *r, const char *op, item settings, lam_constraint *constraint) {
  static const char *const names[] = {
#define LAM_X(NAME, name) #name,
    LAM_CONSTRAINT_LIST(LAM_X)
#undef LAM_X
  };
  int type = -1;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], snake_case(op))) type = (int)i;
  item axis = item_field(settings, "axis");
  if (type < 0) return skip(r, "constraint %s: not in the library", op);
  if (item_present(axis) && !item_is_number(axis)) return skip(r, "constraint %s over several axes: not in the library", op);
  *constraint = (lam_constraint){ .type = (lam_constraint_type)type, .axis = (size_t)item_number(axis) };
  const struct {
    const char *key;
    float *value;
  } numbers[] = { { "max_value", &constraint->max_value },
                  { "min_value", &constraint->min_value },
                  { "rate", &constraint->rate } };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    item value = item_field(settings, numbers[i].key);
    if (item_present(value)) *numbers[i].value = item_number(value) == 0 ? LAM_ZERO : (float)item_number(value);
  }
  return PASSED;
}

static outcome compare_case(run *r, item root, const float *got, size_t count, double rtol) {
  tensor expected;
  float figure = (float)item_number(item_field(root, "expected"));
  item tolerance = item_field(root, "tolerance"), reference = item_field(root, "float64_reference");
  if (!tensor_read(&expected, item_field(root, "expected"))) { /* a number alone */
    double one = (double)figure;
    return compare(r, "result", got, &one, 1, item_number(item_field(tolerance, "rtol")),
                   item_number(item_field(tolerance, "atol")));
  }
  if (expected.count != count) return miss(r, "%zu figures for %zu results", expected.count, count);
  outcome result = compare(r, "result", got, expected.data, count, item_number(item_field(tolerance, "rtol")),
                           item_number(item_field(tolerance, "atol")));
  if (result || !tensor_read(&expected, reference)) return result;
  return compare(r, "result against float64", got, expected.data, count, rtol, 0);
}

/* Evaluates a row of zeros against zeros: nothing is left but the penalty, within the rounding of a factor and of the result. */
static outcome penalty(run *r, item root, lam_model *model, const tensor *w) {
  const float *zeros = take(w->count, sizeof(float));
  lam_array in = { .data = zeros, .rows = 1, .shape = { { w->shape[0] }, 1 } };
  lam_array out = { .data = zeros, .rows = 1, .shape = { { w->shape[1] }, 1 } };
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  lam_dataset *data = lam_dataset_create(run_context(r), &in, 1, &out, 1);
  lam_result told = { 0 };
  outcome result = !trainer || lam_evaluate(trainer, data, &told) ? refused(r, "lam_evaluate") : PASSED;
  const float loss = (float)told.loss;
  if (!result) result = compare_case(r, root, &loss, 1, 2 * 0x1p-24);
  lam_dataset_destroy(data);
  lam_trainer_destroy(trainer);
  return result;
}

/* The factor and its product with the weight are rounded once each. */
static outcome constrained(run *r, item root, lam_model *model, const tensor *w) {
  const float *zeros = take(w->count, sizeof(float)), *gradients[] = { NULL };
  lam_array in = { .data = zeros, .rows = 1, .shape = { { w->shape[0] }, 1 } };
  lam_trainer_options options = { .optimizer = { .type = LAM_SGD, .learning_rate = LAM_ZERO } };
  lam_trainer *trainer = lam_trainer_create(model, &options);
  lam_parameter kernel;
  bool done = trainer && !lam_forward(trainer, &in, 1) && !lam_backward(trainer, gradients, 1) && !lam_apply_gradients(trainer) &&
              !lam_model_parameter(model, 0, &kernel);
  outcome result = done ? compare_case(r, root, kernel.data, kernel.count, 2 * 0x1p-24) : refused(r, "a step");
  lam_trainer_destroy(trainer);
  return result;
}

outcome rule_case(run *r, item root) {
  item inputs = item_field(root, "inputs"), params = item_field(root, "params");
  const char *op = item_text(item_field(root, "op"));
  bool regularizes = !strcmp(item_text(item_field(root, "kind")), "regularizer");
  lam_dense_options options = { .no_bias = true };
  tensor w;
  outcome result = PASSED;
  if (regularizes && strcmp(op, "L1") && strcmp(op, "L2") && strcmp(op, "L1L2"))
    return skip(r, "regularizer %s: not in the library", op);
  if (regularizes)
    options.kernel_regularizer = read_regularizer(params);
  else
    result = read_constraint(r, op, params, &options.kernel_constraint);
  if (!result && !tensor_read(&w, item_field(inputs, regularizes ? "x" : "w"))) result = skip(r, "%s of something else", op);
  if (!result && w.rank != 2) result = skip(r, "%s of a tensor that is no matrix: kernels are", op);
  if (result) return result;
  lam_graph *graph = lam_graph_create(run_context(r));
  lam_node node = lam_dense(lam_input(graph, (lam_shape){ { w.shape[0] }, 1 }), w.shape[1], &options);
  lam_model *model = lam_model_create(&node, 1);
  if (!model || lam_model_set_weights(model, take_floats(&w), w.count)) result = refused(r, "a dense layer");
  if (!result) result = regularizes ? penalty(r, root, model, &w) : constrained(r, root, model, &w);
  lam_model_destroy(model);
  lam_graph_destroy(graph);
  return result;
}
