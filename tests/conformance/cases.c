/* SPDX-License-Identifier: MIT
 *
 * The numeric cases of Keras's own tests. Each is compared with Keras's figure at the tolerance of its test, and where there is a
 * float64 figure with that too, at the bound of float32 arithmetic below.
 */
#include "conformance/cases.h"
#include "conformance/functions.h"
#include "conformance/layers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

double float_atol(double largest_input) { return 4 * 0x1p-24 * fmax(1, largest_input); }

double largest(const tensor *t) {
  double result = 0;
  for (size_t i = 0; i < t->count; i++)
    if (isfinite(t->data[i])) result = fmax(result, fabs(t->data[i]));
  return result;
}

/* Where `select`, a list of indices into the first axes of the result, points to. */
static size_t selected(const kase *k, const tensor *shape_of_result) {
  item select = item_field(k->root, "select");
  size_t offset = 0, block = shape_of_result->count;
  for (size_t i = 0; i < item_length(select) && i < shape_of_result->rank; i++) {
    block /= shape_of_result->shape[i];
    offset += block * (size_t)item_number(item_element(select, i));
  }
  return offset;
}

outcome compare_case(run *r, const kase *k, const float *got, size_t available, double rtol, double atol, double slack) {
  tensor expected, reference;
  item tolerance = item_field(k->root, "tolerance");
  if (!tensor_read(&expected, item_field(k->root, "expected"))) return skip(r, "the expected result is no tensor");
  if (expected.count > available) return miss(r, "%zu figures for %zu results", expected.count, available);
  outcome result = compare(r, "result", got, expected.data, expected.count, item_number(item_field(tolerance, "rtol")),
                           item_number(item_field(tolerance, "atol")) + slack);
  if (result || !tensor_read(&reference, item_field(k->root, "float64_reference"))) return result;
  if (reference.count != expected.count) return miss(r, "the float64 figure has another size");
  return compare(r, "result against float64", got, reference.data, reference.count, rtol, atol);
}

static bool is_last_axis(item axis, size_t rank) {
  return item_is_number(axis) && (item_number(axis) == -1 || (rank && item_number(axis) == (double)rank - 1));
}

/* The axis must be the last one, or not said. */
static outcome check_axis(run *r, const kase *k, item holder, size_t rank) {
  item axis = item_field(holder, "axis");
  if (!axis || is_last_axis(axis, rank)) return PASSED;
  if (!item_is_number(axis)) return skip(r, "%s over several axes: not in the library", k->op);
  return skip(r, "%s along another axis than the last: not in the library", k->op);
}

/* ---- along axes -------------------------------------------------------------------------------------------------- */

static lam_axes read_axes(item axis) {
  lam_axes axes = { { 0 }, item_is_list(axis) ? item_length(axis) : 1 };
  for (size_t i = 0; i < axes.count && i < LAM_MAX_RANK; i++)
    axes.axis[i] = (int)item_number(item_is_list(axis) ? item_element(axis, i) : axis);
  return axes;
}

/* A function along axes, of x as one row, where its axes are those of Keras's arrays, the first among them. */
static outcome along_case(run *r, const kase *k, const tensor *x, item axis, item mask) {
  lam_shape shape = { { 0 }, x->rank };
  lam_axes axes = read_axes(axis);
  tensor keep, result_shape = *x;
  bool glu = !strcmp(k->op, "glu"), masked = item_present(mask);
  if (x->rank > LAM_MAX_RANK) return skip(r, "%s of %zu axes: a row has at most %d", k->op, x->rank, LAM_MAX_RANK);
  if (masked && (!tensor_read(&keep, mask) || keep.count != x->count)) return miss(r, "a mask of another shape");
  for (size_t i = 0; i < x->rank; i++) shape.size[i] = x->shape[i];
  lam_graph *graph = lam_graph_create(run_context(r));
  lam_node nodes[2] = { lam_input(graph, shape) };
  lam_array arrays[2] = { { .data = take_floats(x), .rows = 1, .shape = shape } };
  if (masked) nodes[1] = lam_input(graph, shape), arrays[1] = arrays[0], arrays[1].data = take_floats(&keep);
  lam_softmax_options options = { .activation = (lam_activation)find_activation(k->op), .axes = axes, .mask = nodes[1] };
  lam_node output = glu ? lam_glu(nodes[0], axes.axis[0]) : lam_softmax_with(nodes[0], &options);
  lam_model *model = lam_model_create(&output, 1);
  lam_dataset *data = lam_dataset_create(run_context(r), arrays, masked ? 2 : 1, NULL, 0);
  if (glu) result_shape.count /= 2, result_shape.shape[axes.axis[0] < 0 ? axes.axis[0] + (int)x->rank : axes.axis[0]] /= 2;
  float *out = take(result_shape.count, sizeof *out);
  size_t offset = selected(k, &result_shape);
  outcome result = PASSED;
  if (!model || !data || lam_predict(model, data, NULL, out, result_shape.count)) result = refused(r, "a model of the function");
  if (!result) result = compare_case(r, k, out + offset, result_shape.count - offset, FLOAT_RTOL, float_atol(largest(x)), 0);
  lam_dataset_destroy(data);
  lam_model_destroy(model);
  lam_graph_destroy(graph);
  return result;
}

/* ---- activations ------------------------------------------------------------------------------------------------- */

static outcome activation_case(run *r, const kase *k) {
  static const char *const known[] = { "x", "axis",  "alpha",         "negative_slope", "max_value", "threshold",
                                       "b", "value", "default_value", "approximate",    NULL };
  char what[96];
  const function *f = find_function(k->op);
  int activation = find_activation(k->op);
  lam_activation_options options = { 0 }, none = { 0 };
  tensor x;
  snprintf(what, sizeof what, "activation %s", k->op);
  bool glu = !strcmp(k->op, "glu");
  if (!f && activation < 0 && !glu) return skip(r, "%s: not in the library", what);
  outcome result = check_defaults(r, what, k->inputs, known);
  if (!result && !tensor_read(&x, item_field(k->inputs, "x"))) result = skip(r, "%s of something else than numbers", what);
  item axis = item_field(k->inputs, "axis");
  bool whole = axis && !item_present(axis); /* no axis: all of x as one row */
  if (result) return result;
  if (glu || (axis && !whole && !is_last_axis(axis, x.rank))) return along_case(r, k, &x, axis, NULL);
  if (activation >= 0) read_activation_options(k->inputs, &activation, &options);
  /* The kernels by name have Keras's parameters; others go through the model. */
  if (activation == LAM_GELU_TANH) f = find_function("gelu_tanh");
  if (f && activation >= 0 && memcmp(&options, &none, sizeof none)) f = NULL;
  const float *in = take_floats(&x);
  float *out = take(x.count, sizeof *out);
  size_t rows = whole ? 1 : tensor_rows(&x), columns = whole ? x.count : tensor_columns(&x), offset = selected(k, &x);
  double atol = float_atol(largest(&x)), rtol = FLOAT_RTOL;
  /* The slope of exp is its result: rounding x is |x| u of it. */
  if (f && f->kernel == lam_exp) rtol += 0x1p-24 * largest(&x);
  if (f) {
    if (f->kernel(out, columns, in, columns, rows, columns)) return miss(r, "the kernel refused");
    result = compare_case(r, k, out + offset, x.count - offset, rtol, atol, 0);
  }
  if (result || activation < 0) return result;
  memset(out, 0xff, x.count * sizeof *out);
  result = run_activation(r, (lam_activation)activation, &options, out, in, rows, columns);
  return result ? result : compare_case(r, k, out + offset, x.count - offset, rtol, atol, 0);
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

/* What Keras makes of the losses of the rows. */
static size_t reduce(item reduction, float *losses, size_t rows) {
  if (!item_present(reduction)) return rows;
  double sum = 0;
  for (size_t i = 0; i < rows; i++) sum += (double)losses[i];
  losses[0] = (float)(strcmp(item_text(reduction), "sum") ? sum / (double)rows : sum);
  return 1;
}

/* A loss of `pred` against `truth`: rows of the last axis, or each element its own row. */
static outcome loss_of(run *r, const kase *k, const char *name, item truth, item pred, bool from_logits, bool single,
                       item reduction) {
  tensor x, t;
  if (!tensor_read(&x, pred) || !tensor_read(&t, truth)) return skip(r, "loss %s of something else than numbers", name);
  loss_call call = { .rows = single ? x.count : tensor_rows(&x), .columns = single ? 1 : tensor_columns(&x) };
  call.x = take_floats(&x);
  call.from_logits = from_logits;
  call.loss = take(call.rows, sizeof(float));
  size_t targets = loss_is_sparse(name) ? call.rows : x.count;
  if (t.count != targets) return skip(r, "loss %s with targets of another shape", name);
  if (loss_is_sparse(name))
    call.labels = take_integers(&t);
  else
    call.t = take_floats(&t);
  outcome result = run_loss(r, name, &call);
  return result ? result
                : compare_case(r, k, call.loss, reduce(reduction, call.loss, call.rows), FLOAT_RTOL,
                               float_atol(fmax(largest(&x), largest(&t))), 0);
}

/* Keras's loss object called on arrays. */
static outcome loss_case(run *r, const kase *k) {
  static const char *const others[][2] = { { "KLDivergence", "kl_divergence" }, { "SquaredDifference", "mean_squared_error" } };
  const char *name = snake_case(k->op), *reduction = item_text(item_field(k->params, "reduction"));
  bool single = !strcmp(k->op, "SquaredDifference"); /* of each element */
  for (size_t i = 0; i < 2; i++)
    if (!strcmp(k->op, others[i][0])) name = others[i][1];
  tensor x, t, w, m;
  if (find_loss(name) < 0) return skip(r, "loss %s: not in the library", name);
  if (!tensor_read(&x, item_field(k->inputs, "y_pred")) || !tensor_read(&t, item_field(k->inputs, "y_true")))
    return skip(r, "loss %s of something else than numbers", name);
  outcome result = check_axis(r, k, k->params, x.rank);
  if (result) return result;
  lam_loss_options o = { .loss = (lam_loss)find_loss(name) };
  o.from_logits = item_number(item_field(k->params, "from_logits")) != 0;
  o.label_smoothing = (float)item_number(item_field(k->params, "label_smoothing"));
  o.ignore = item_present(item_field(k->params, "ignore_class"));
  o.ignore_class = (int32_t)item_number(item_field(k->params, "ignore_class"));
  o.delta = (float)item_number(item_field(k->params, "delta"));
  o.gamma = (float)item_number(item_field(k->params, "gamma"));
  o.alpha = (float)item_number(item_field(k->params, "alpha"));
  o.apply_class_balancing = item_number(item_field(k->params, "apply_class_balancing")) != 0;
  o.reduction = !strcmp(reduction, "sum")                       ? LAM_REDUCTION_SUM
                : !strcmp(reduction, "mean_with_sample_weight") ? LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT
                : *reduction                                    ? LAM_REDUCTION_SUM_OVER_BATCH_SIZE
                                                                : LAM_REDUCTION_NONE;
  lam_loss_data data = { .rows = single ? x.count : tensor_rows(&x), .columns = single ? 1 : tensor_columns(&x) };
  data.outputs = take_floats(&x);
  bool sparse = loss_is_sparse(name);
  if (t.count != (sparse ? data.rows : x.count)) return skip(r, "loss %s with targets of another shape", name);
  data.labels = sparse ? take_integers(&t) : NULL;
  data.targets = sparse ? NULL : take_floats(&t);
  double heaviest = 1;
  if (item_present(item_field(k->inputs, "sample_weight")) && tensor_read(&w, item_field(k->inputs, "sample_weight"))) {
    data.sample_weight = take_floats(&w);
    data.sample_weight_count = w.count;
    heaviest = fmax(1, largest(&w));
  }
  if (item_present(item_field(k->inputs, "mask")) && tensor_read(&m, item_field(k->inputs, "mask"))) {
    bool *mask = take(m.count, sizeof *mask);
    for (size_t i = 0; i < m.count; i++) mask[i] = m.data[i] != 0;
    data.mask = mask;
  }
  float *losses = take(data.rows, sizeof *losses), one;
  double value;
  if (lam_loss_compute(run_context(r), &o, &data, losses, &value, NULL)) return refused(r, "lam_loss_compute");
  one = (float)value;
  bool each = o.reduction == LAM_REDUCTION_NONE;
  /* Percentages are a hundred times as large; a weight multiplies the error too. */
  double atol = float_atol(fmax(largest(&x), largest(&t))) * heaviest * (o.loss == LAM_MEAN_ABSOLUTE_PERCENTAGE_ERROR ? 100 : 1);
  return compare_case(r, k, each ? losses : &one, each ? data.rows : 1, FLOAT_RTOL, atol, 0);
}

/* The plain functions: categorical ones give a value for each row, the binary one for each element. */
static outcome loss_op_case(run *r, const kase *k) {
  item output = item_field(k->inputs, "output");
  outcome result = check_axis(r, k, k->inputs, item_length(item_field(output, "shape")));
  if (result) return result;
  return loss_of(r, k, k->op, item_field(k->inputs, "target"), output, item_number(item_field(k->inputs, "from_logits")) != 0,
                 !strcmp(k->op, "binary_crossentropy"), NULL);
}

static outcome op_case(run *r, const kase *k) {
  if (item_field(k->inputs, "target") && find_loss(k->op) >= 0) return loss_op_case(r, k);
  if (find_function(k->op) || find_activation(k->op) >= 0 || !strcmp(k->op, "glu")) return activation_case(r, k);
  if (!strcmp(k->op, "one_hot")) return one_hot_case(r, k);
  if (!strcmp(k->op, "normalize")) return normalize_case(r, k);
  return skip(r, "op %s: not in the library", k->op);
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

enum { MAX_INPUTS = 8 };

static outcome set_weights(run *r, lam_model *model, item weights) {
  if (item_length(weights) != lam_model_parameter_count(model)) return miss(r, "the model has another number of weights");
  for (size_t i = 0; i < item_length(weights); i++) {
    tensor w;
    lam_parameter parameter;
    if (!tensor_read(&w, item_element(weights, i)) || lam_model_parameter(model, i, &parameter)) return miss(r, "weight %zu", i);
    if (lam_model_set_parameter(model, parameter.name, take_floats(&w), w.count)) return refused(r, "a weight");
  }
  return PASSED;
}

static outcome run_layer(run *r, const kase *k, const lam_array *arrays, const lam_node *nodes, size_t count, double atol) {
  lam_node output = { 0 };
  outcome result = make_layer(r, k->op, k->params, nodes, count, &output);
  if (result) return result;
  lam_model *model = lam_model_create(&output, 1);
  lam_dataset *data = lam_dataset_create(run_context(r), arrays, count, NULL, 0);
  if (!model || !data) result = refused(r, "the layer's model");
  if (!result) result = set_weights(r, model, item_field(k->inputs, "weights"));
  if (!result) {
    lam_shape shape = lam_model_output_shape(model, 0);
    size_t size = arrays[0].rows;
    for (size_t i = 0; i < shape.rank; i++) size *= shape.size[i];
    float *outputs = take(size, sizeof *outputs);
    if (lam_predict(model, data, NULL, outputs, size))
      result = refused(r, "lam_predict");
    else
      result = compare_case(r, k, outputs, size, FLOAT_RTOL, atol, 0);
  }
  lam_dataset_destroy(data);
  lam_model_destroy(model);
  return result;
}

static outcome layer_case(run *r, const kase *k) {
  static const char *const known[] = { "inputs", "weights", NULL };
  lam_array arrays[MAX_INPUTS];
  lam_node nodes[MAX_INPUTS];
  double atol = 0;
  item list = item_field(k->inputs, "inputs");
  if (item_is_list(item_element(list, 0))) list = item_element(list, 0);
  size_t count = item_length(list);
  item axis = item_field(k->params, "axis"), mask = item_field(item_field(k->inputs, "call_args"), "mask");
  tensor first;
  if (!strcmp(k->op, "Softmax") && tensor_read(&first, item_element(list, 0)) &&
      (item_present(mask) || !is_last_axis(axis, first.rank)))
    return along_case(r, k, &first, axis, mask);
  outcome result = check_defaults(r, k->op, k->inputs, known);
  if (!result) result = check_axis(r, k, k->params, item_length(item_field(item_element(list, 0), "shape")));
  if (result) return result;
  if (!count || count > MAX_INPUTS) return miss(r, "%zu inputs", count);
  lam_graph *graph = lam_graph_create(run_context(r));
  for (size_t i = 0; i < count && !result; i++) {
    tensor x;
    if (!tensor_read(&x, item_element(list, i)) || !x.rank || x.rank - 1 > LAM_MAX_RANK) {
      result = skip(r, "layer %s of something else than a batch of numbers", k->op);
      break;
    }
    lam_shape shape = { { 1 }, 1 }; /* a batch of single numbers is one of rows of one */
    if (x.rank > 1) shape.rank = x.rank - 1;
    for (size_t j = 1; j < x.rank; j++) shape.size[j - 1] = x.shape[j];
    arrays[i] = (lam_array){ .data = take_floats(&x), .type = LAM_FLOAT32, .rows = x.shape[0], .shape = shape };
    nodes[i] = lam_input(graph, shape);
    atol = fmax(atol, float_atol(largest(&x)));
  }
  if (!result) result = run_layer(r, k, arrays, nodes, count, atol);
  lam_graph_destroy(graph);
  return result;
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static outcome run_metric_case(run *r, const kase *k) { return metric_case(r, k->root); }
static outcome run_rule_case(run *r, const kase *k) { return rule_case(r, k->root); }

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static const struct {
  const char *kind;
  outcome (*run)(run *r, const kase *k);
} kinds[] = {
  { "activation", activation_case },
  { "loss", loss_case },
  { "op", op_case },
  { "layer", layer_case },
  { "optimizer", optimizer_case },
  { "metric", run_metric_case },
  { "regularizer", run_rule_case },
  { "constraint", run_rule_case },
  { "optimizer_ema", optimizer_case },
  { "optimizer_accumulated_gradient", optimizer_case },
  { "gradient_clipping", clipping_case },
  { "schedule", schedule_case },
  { "compiled_loss", compiled_loss_case },
  { "utility", utility_case },
};

static outcome run_case(run *r, const kase *k, const char *kind) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].kind, kind)) return kinds[i].run(r, k);
  return skip(r, "%s %s: not in the library", kind, k->op);
}

bool run_cases(run *r) {
  char path[4096], group[128];
  snprintf(path, sizeof path, "%s/keras_upstream_cases.json", run_folder(r));
  item root = item_open(run_context(r), path);
  if (!root) return fprintf(stderr, "conformance: %s cannot be read\n", path), false;
  item list = item_field(root, "cases"), behaviours = item_field(root, "behaviour_cases");
  item one = item_length(list) ? lam_json_first(list) : NULL;
  for (size_t i = 0; i < item_length(list); i++, one = lam_json_after(one)) {
    kase k = { one, item_field(one, "inputs"), item_field(one, "params"), item_text(item_field(one, "op")) };
    const char *kind = item_text(item_field(one, "kind"));
    snprintf(group, sizeof group, "%s/%s", item_text(item_field(one, "tier")), kind);
    record(r, group, item_text(item_field(one, "id")), run_case(r, &k, kind));
  }
  run_behaviours(r, behaviours);
  return true;
}
