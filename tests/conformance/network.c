/* SPDX-License-Identifier: MIT
 *
 * Builds the network of a trace, its data set, its initial weights and its trainer.
 */
#include "conformance/network.h"
#include "conformance/layers.h"
#include <string.h>

enum { MAX_NODES = 32, MAX_INPUTS = 4 };

/* The nodes made so far, by the names the file gives them. */
typedef struct nodes {
  const char *names[MAX_NODES];
  lam_node list[MAX_NODES];
  size_t count;
} nodes;

static bool find_node(const nodes *made, const char *name, lam_node *node) {
  for (size_t i = 0; i < made->count; i++) {
    if (strcmp(made->names[i], name)) continue;
    *node = made->list[i];
    return true;
  }
  return false;
}

static outcome add_node(run *r, nodes *made, const char *name, lam_node node) {
  if (made->count == MAX_NODES) return miss(r, "more than %d layers", MAX_NODES);
  made->names[made->count] = name;
  made->list[made->count++] = node;
  return PASSED;
}

static outcome add_input(run *r, lam_graph *graph, nodes *made, item input) {
  item sizes = item_field(input, "shape");
  lam_shape shape = { .rank = item_length(sizes) };
  if (shape.rank > LAM_MAX_RANK) return skip(r, "an input of rank %zu: not in the library", shape.rank);
  for (size_t i = 0; i < shape.rank; i++) shape.size[i] = (size_t)item_number(item_element(sizes, i));
  return add_node(r, made, item_text(item_field(input, "name")), lam_input(graph, shape));
}

static outcome add_layer(run *r, nodes *made, item layer) {
  const char *name = item_text(item_field(layer, "name")), *type = item_text(item_field(layer, "type"));
  item sources = item_field(layer, "inputs");
  lam_node inputs[MAX_INPUTS], node = { 0 };
  size_t count = item_length(sources);
  if (count > MAX_INPUTS) return miss(r, "layer %s has more than %d inputs", name, MAX_INPUTS);
  for (size_t i = 0; i < count; i++)
    if (!find_node(made, item_text(item_element(sources, i)), &inputs[i])) return miss(r, "layer %s: an input is unknown", name);
  if (!strcmp(type, "Shared")) {
    if (!find_node(made, item_text(item_field(layer, "layer")), &node)) return miss(r, "layer %s shares an unknown one", name);
    return add_node(r, made, name, lam_apply(node, inputs, count));
  }
  outcome result = make_layer(r, type, layer, inputs, count, &node);
  return result ? result : add_node(r, made, name, lam_named(node, name));
}

static outcome build_model(run *r, item model, network *n) {
  nodes made = { 0 };
  lam_node output = { 0 };
  item inputs = item_field(model, "inputs"), layers = item_field(model, "layers");
  lam_graph *graph = lam_graph_create(run_context(r));
  outcome result = PASSED;
  for (size_t i = 0; i < item_length(inputs) && !result; i++) result = add_input(r, graph, &made, item_element(inputs, i));
  for (size_t i = 0; i < item_length(layers) && !result; i++) result = add_layer(r, &made, item_element(layers, i));
  if (!result && !find_node(&made, item_text(item_field(model, "output")), &output)) result = miss(r, "the output is unknown");
  if (!result) {
    n->model = lam_model_create(&output, 1);
    if (!n->model) result = refused(r, "lam_model_create");
  }
  lam_graph_destroy(graph);
  return result;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static bool whole_bytes(const tensor *t) {
  for (size_t i = 0; i < t->count; i++)
    if (!(t->data[i] >= 0 && t->data[i] <= 255) || t->data[i] != (double)(uint8_t)t->data[i]) return false;
  return true;
}

/* Rows of the first axis. Values with a scale that are bytes stay bytes: how pixels come. */
static lam_array as_array(const tensor *t) {
  lam_array array = { .type = LAM_FLOAT32, .rows = t->shape[0], .shape = { .rank = t->rank - 1 }, .scale = (float)t->scale };
  for (size_t i = 1; i < t->rank; i++) array.shape.size[i - 1] = t->shape[i];
  if (t->scale != 0 && whole_bytes(t)) {
    uint8_t *bytes = take(t->count, 1);
    for (size_t i = 0; i < t->count; i++) bytes[i] = (uint8_t)t->data[i];
    array.type = LAM_UINT8;
    array.data = bytes;
  } else {
    array.data = take_floats(t);
  }
  return array;
}

static lam_array as_targets(const tensor *t, lam_loss loss) {
  if (loss == LAM_SPARSE_CATEGORICAL_CROSSENTROPY)
    return (lam_array){ .data = take_integers(t), .type = LAM_INT32, .rows = t->shape[0] };
  lam_array array = as_array(t);
  if (!array.shape.rank) array.shape = (lam_shape){ { 1 }, 1 };
  return array;
}

/* The pictures and labels of `data_formula`: pixel p of row r from i = r * 784 + p in 64-bit integers, made darker outside a
 * pattern of stripes that depends on the label. The file's own first pixels and sum tell whether this is its formula. */
static outcome formula_data(run *r, item formula, tensor *x, tensor *y) {
  size_t rows = (size_t)item_number(item_field(formula, "rows"));
  *x = (tensor){ .rank = 3, .shape = { rows, 28, 28 }, .count = rows * 784, .scale = 1.0 / 256 };
  *y = (tensor){ .rank = 1, .shape = { rows }, .count = rows };
  x->data = take(x->count, sizeof(double));
  y->data = take(y->count, sizeof(double));
  double sum = 0;
  for (uint64_t i = 0; i < x->count; i++) {
    uint64_t row = i / 784, p = i % 784, label = row * 7 % 10;
    uint64_t v = (i * 1103515245 + 12345) / 65536 % 256;
    if ((p / 28 + p % 28 + 3 * label) % 10 >= 3) v /= 8;
    x->data[i] = (double)v;
    y->data[row] = (double)label;
    sum += (double)v;
  }
  item first = item_field(formula, "first_pixels_row_0");
  bool same = sum == item_number(item_field(formula, "sum_of_v_over_all_rows")) && item_length(first) > 0;
  for (size_t i = 0; i < item_length(first); i++) same = same && x->data[i] == item_number(item_element(first, i));
  return same ? PASSED : miss(r, "data_formula is not the one this runner knows");
}

static outcome build_data(run *r, item trace, lam_loss loss, network *n) {
  lam_array inputs[MAX_INPUTS], targets;
  item data = item_field(trace, "data"), formula = item_field(trace, "data_formula"), xs = item_field(data, "x");
  size_t count = formula ? 1 : item_length(xs);
  tensor x, y;
  if (count > MAX_INPUTS) return miss(r, "more than %d inputs", MAX_INPUTS);
  if (formula) {
    outcome result = formula_data(r, formula, &x, &y);
    if (result) return result;
    inputs[0] = as_array(&x);
  } else {
    for (members m = members_of(data); members_next(&m);)
      if (strcmp(m.name, "x") && strcmp(m.name, "y") && strcmp(m.name, "sample_weight"))
        return skip(r, "training with %s: not in the library", m.name);
    for (size_t i = 0; i < count; i++) {
      if (!tensor_read(&x, item_element(xs, i)) || !x.rank) return miss(r, "data.x is no tensor");
      inputs[i] = as_array(&x);
    }
    if (!tensor_read(&y, item_field(data, "y")) || !y.rank) return miss(r, "data.y is no tensor");
  }
  targets = as_targets(&y, loss);
  n->rows = targets.rows;
  n->data = lam_dataset_create(run_context(r), inputs, count, &targets, 1);
  if (!n->data) return refused(r, "lam_dataset_create");
  item weights = item_field(data, "sample_weight");
  if (!item_present(weights)) return PASSED;
  if (!tensor_read(&x, weights)) return miss(r, "data.sample_weight is no tensor");
  n->unweighted = lam_dataset_slice(n->data, 0, n->rows);
  return lam_dataset_set_weights(n->data, take_floats(&x), x.count) ? refused(r, "lam_dataset_set_weights") : PASSED;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

int network_weight(const network *n, const char *name, lam_parameter *weight) {
  for (size_t i = 0; i < lam_model_parameter_count(n->model); i++)
    if (!lam_model_parameter(n->model, i, weight) && !strcmp(weight->name, name)) return (int)i;
  return -1;
}

static outcome set_weight(run *r, network *n, const char *name, const tensor *values) {
  float *floats = take_floats(values);
  if (lam_model_set_parameter(n->model, name, floats, values->count)) return refused(r, name);
  return PASSED;
}

/* Weight `k` of `initial_weights_formula`: biases 0, kernels from small integers; checked against the file's first numbers. */
static outcome formula_weight(run *r, network *n, item formula, const char *name, item shape, uint64_t k) {
  tensor t = { .rank = item_length(shape), .count = 1 };
  for (size_t i = 0; i < t.rank; i++) t.count *= (size_t)item_number(item_element(shape, i));
  t.data = take(t.count, sizeof(double));
  for (uint64_t j = 0; j < t.count && t.rank == 2; j++)
    t.data[j] = ((double)((j * 69069 + 54321 * (k + 1)) / 64 % 4096) - 2048) / (k ? 8192 : 32768);
  item first = item_field(item_field(formula, "first_8"), name);
  for (size_t i = 0; i < item_length(first); i++)
    if ((float)t.data[i] != (float)item_number(item_element(first, i))) return miss(r, "the formula of %s is another one", name);
  return item_length(first) ? set_weight(r, n, name, &t) : miss(r, "the formula of %s has no first numbers", name);
}

static outcome set_weights(run *r, item trace, network *n) {
  item list = item_field(trace, "initial_weights"), formula = item_field(trace, "initial_weights_formula");
  outcome result = PASSED;
  size_t count = 0;
  for (members m = members_of(item_field(formula, "shapes")); members_next(&m) && !result; count++)
    result = formula_weight(r, n, formula, m.name, m.value, count);
  for (; count < item_length(list) && !result; count++) {
    item weight = item_element(list, count);
    tensor t;
    if (!tensor_read(&t, weight)) return miss(r, "an initial weight is no tensor");
    result = set_weight(r, n, item_text(item_field(weight, "name")), &t);
  }
  if (!result && count != lam_model_parameter_count(n->model))
    result = miss(r, "%zu weights in the file, %zu in the model", count, lam_model_parameter_count(n->model));
  return result;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

outcome network_build(run *r, item trace, network *n) {
  *n = (network){ 0 };
  lam_trainer_options options = { 0 };
  item loss = item_field(trace, "loss"), optimizer = item_field(trace, "optimizer"), training = item_field(trace, "training");
  n->epochs = (size_t)item_number(item_field(training, "epochs"));
  n->batch_size = (size_t)item_number(item_field(training, "batch_size"));
  outcome result = read_loss(r, item_text(item_field(loss, "type")), loss, &options);
  if (!result) result = read_optimizer(r, item_text(item_field(optimizer, "type")), optimizer, &options.optimizer);
  if (!result) result = build_model(r, item_field(trace, "model"), n);
  if (!result) result = build_data(r, trace, options.loss_count ? options.losses[0].loss : options.loss, n);
  if (!result) result = set_weights(r, trace, n);
  if (result) return result;
  n->trainer = lam_trainer_create(n->model, &options);
  return n->trainer ? PASSED : refused(r, "lam_trainer_create");
}

void network_release(network *n) {
  lam_trainer_destroy(n->trainer);
  lam_dataset_destroy(n->unweighted);
  lam_dataset_destroy(n->data);
  lam_model_destroy(n->model);
}
