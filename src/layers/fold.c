/* SPDX-License-Identifier: MIT
 *
 * Folding: a run of dense layers without an activation between them is one dense layer, and so is one with batch normalizations
 * among them. The model is copied node by node into a new graph, the earlier layers of each run left out and their weights
 * multiplied into its last one.
 */
#include "graph/model.h"
#include "kernels/array.h"
#include "layers/layers.h"

#include <math.h>
#include <string.h>

#define NO_NODE SIZE_MAX

typedef struct fold_node {
  size_t uses;     /* how many nodes and outputs of the model see it */
  size_t previous; /* of a linear layer: the one that is folded into it, or NO_NODE */
  bool left_out;
  lam_node copy; /* in the new graph; of a node left out: that of its input */
} fold_node;

typedef struct folding {
  const lam_model *model;
  lam_context *context;
  fold_node *nodes;
} folding;

/* ---- which layers fold -------------------------------------------------------------------------------------------- */

static const lam_dense_layer *dense_at(const folding *f, size_t node) {
  return (const lam_dense_layer *)f->model->nodes[node].layer->options;
}

static bool is_of(const folding *f, size_t node, const lam_layer_type *type) { return f->model->nodes[node].layer->type == type; }

static bool is_dense(const folding *f, size_t node) { return is_of(f, node, &lam_dense_type); }

/* A dense layer or a batch normalization that is applied once. */
static bool is_unshared(const folding *f, size_t node) {
  size_t applied = 0;
  for (size_t i = 0; i < f->model->node_count; i++) applied += f->model->nodes[i].layer == f->model->nodes[node].layer;
  return (is_dense(f, node) || is_of(f, node, &lam_batch_normalization_type)) && applied == 1;
}

static bool changes_nothing(const folding *f, size_t node) {
  const lam_model_node *this = &f->model->nodes[node];
  if (this->layer->type == &lam_activation_type) return lam_layer_activation(this->layer) == LAM_LINEAR;
  return this->layer->type == &lam_flatten_type && lam_shape_equal(this->shape, f->model->nodes[this->inputs[0]].shape);
}

static size_t input_of(const folding *f, size_t node) { return f->model->nodes[node].inputs[0]; }

/* The linear layer that can be folded into this one. A run without a dense layer would become one, and is left alone. */
static size_t previous_of(const folding *f, size_t node) {
  if (!is_unshared(f, node)) return NO_NODE;
  size_t before = input_of(f, node);
  while (f->nodes[before].uses == 1 && changes_nothing(f, before)) before = input_of(f, before);
  if (f->nodes[before].uses != 1 || !is_unshared(f, before)) return NO_NODE;
  if (is_dense(f, before)) return dense_at(f, before)->options.activation ? NO_NODE : before;
  return is_dense(f, node) || f->nodes[before].previous != NO_NODE ? before : NO_NODE;
}

static void find_runs(folding *f) {
  const lam_model *model = f->model;
  for (size_t i = 0; i < model->edge_count; i++) f->nodes[model->edges[i]].uses++;
  for (size_t i = 0; i < model->output_count; i++) f->nodes[model->outputs[i]].uses++;
  for (size_t i = 0; i < model->node_count; i++) {
    size_t previous = f->nodes[i].previous = previous_of(f, i);
    if (previous == NO_NODE) continue;
    for (size_t j = i; j != previous;) f->nodes[j = input_of(f, j)].left_out = true;
  }
}

/* ---- the new model's layers --------------------------------------------------------------------------------------- */

/* The last dense layer of the run that ends here. */
static size_t last_dense(const folding *f, size_t node) {
  while (!is_dense(f, node)) node = f->nodes[node].previous;
  return node;
}

/* The dense layer that stands for the run that ends here: it has a bias where one of the run has, and behind a normalization. */
static lam_dense_layer folded_layer(const folding *f, size_t node) {
  lam_dense_layer folded = *dense_at(f, last_dense(f, node));
  for (size_t i = node; i != NO_NODE; i = f->nodes[i].previous) {
    folded.options.no_bias = folded.options.no_bias && is_dense(f, i) && dense_at(f, i)->options.no_bias;
    if (is_dense(f, i)) folded.options.input_dim = dense_at(f, i)->options.input_dim;
  }
  return folded;
}

static lam_node copy_node(const folding *f, lam_graph *graph, size_t node, const lam_node *inputs) {
  if (f->nodes[node].previous == NO_NODE) return lam_copy_node(graph, f->model, node, inputs, NULL);
  lam_dense_layer dense = folded_layer(f, node);
  const lam_layer *layer = f->model->nodes[last_dense(f, node)].layer;
  return lam_trainable(lam_graph_append_named(graph, &lam_dense_type, layer->name, &dense, inputs, 1), !layer->frozen);
}

static lam_status copy_nodes(folding *f, lam_graph *graph) {
  size_t most = f->model->edge_count + 1;
  lam_node *inputs = lam_allocate_array(f->context, most, sizeof *inputs);
  lam_status status = inputs ? LAM_OK : LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < f->model->node_count && !status; i++) {
    const lam_model_node *node = &f->model->nodes[i];
    for (size_t j = 0; j < node->input_count; j++) inputs[j] = f->nodes[node->inputs[j]].copy;
    f->nodes[i].copy = f->nodes[i].left_out ? inputs[0] : copy_node(f, graph, i, inputs);
    if (!lam_node_ok(f->nodes[i].copy)) status = lam_error_status(f->context);
  }
  lam_release(f->context, inputs, most * sizeof *inputs);
  return status;
}

static lam_model *outline(folding *f, lam_graph *graph) {
  size_t count = f->model->output_count;
  int *outputs = lam_allocate_array(f->context, count, sizeof *outputs);
  if (!outputs) return NULL;
  for (size_t i = 0; i < count; i++) outputs[i] = f->nodes[f->model->outputs[i]].copy.index;
  lam_model *folded = lam_model_outline(graph, outputs, count);
  lam_release(f->context, outputs, count * sizeof *outputs);
  return folded;
}

/* ---- its weights -------------------------------------------------------------------------------------------------- */

static const float *values_of(const lam_model *model, const lam_model_node *node, size_t weight) {
  return model->values + model->weights[node->first_weight + weight].offset;
}

static double *zeros(lam_context *context, size_t rows, size_t columns) {
  double *values = lam_allocate_array(context, rows * columns, sizeof *values);
  return values ? memset(values, 0, rows * columns * sizeof *values) : NULL;
}

/* y += x W, x rows x in, W in x out. */
static void multiply_add(double *y, const float *x, const double *w, size_t rows, size_t in, size_t out) {
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < in; k++)
      for (size_t j = 0; j < out; j++) y[i * out + j] += (double)x[i * in + k] * w[k * out + j];
}

/* What the layers from one of the run to its last do: y = x w + b. */
typedef struct product {
  double *w, *b;
  size_t in, out;
} product;

/* W := W_i W and b := b_i W + b, one layer further to the front. */
static lam_status multiply(const folding *f, product *p, size_t node) {
  const lam_model_node *layer = &f->model->nodes[node];
  size_t in = f->model->weights[layer->first_weight].shape.size[0];
  double *w = zeros(f->context, in, p->out);
  if (!w) return LAM_OUT_OF_MEMORY;
  multiply_add(w, values_of(f->model, layer, 0), p->w, in, p->in, p->out);
  if (!dense_at(f, node)->options.no_bias) multiply_add(p->b, values_of(f->model, layer, 1), p->w, 1, p->in, p->out);
  lam_release(f->context, p->w, p->in * p->out * sizeof *p->w);
  p->w = w;
  p->in = in;
  return LAM_OK;
}

/* A batch normalization as u s + t for each column, with the moving statistics. */
typedef struct column {
  double s, t;
} column;

static column column_of(const folding *f, size_t node, size_t j) {
  const lam_model_node *layer = &f->model->nodes[node];
  const lam_batch_normalization_options *options = (const lam_batch_normalization_options *)layer->layer->options;
  size_t next = 0;
  double gamma = options->no_scale ? 1 : (double)values_of(f->model, layer, next++)[j];
  double beta = options->no_center ? 0 : (double)values_of(f->model, layer, next++)[j];
  double mean = (double)values_of(f->model, layer, next)[j], variance = (double)values_of(f->model, layer, next + 1)[j];
  double s = gamma / sqrt(variance + (double)lam_option(options->epsilon, 1e-3f));
  return (column){ s, beta - mean * s };
}

/* A normalization in front: W := diag(s) W and b := t W + b. */
static void scale_rows(const folding *f, product *p, size_t node) {
  for (size_t k = 0; k < p->in; k++) {
    column c = column_of(f, node, k);
    for (size_t j = 0; j < p->out; j++) {
      p->b[j] += c.t * p->w[k * p->out + j];
      p->w[k * p->out + j] *= c.s;
    }
  }
}

/* The last dense layer with what normalizes behind it: W := W diag(s) and b := b s + t. */
static void begin_product(const folding *f, product *p, size_t last) {
  size_t dense = last_dense(f, last);
  const lam_model_node *layer = &f->model->nodes[dense];
  for (size_t j = 0; j < p->out; j++) {
    column all = { 1, 0 };
    for (size_t i = last; i != dense; i = f->nodes[i].previous) {
      column c = column_of(f, i, j);
      all = (column){ c.s * all.s, c.t * all.s + all.t };
    }
    p->b[j] = all.t + (layer->weight_count > 1 ? (double)values_of(f->model, layer, 1)[j] * all.s : 0);
    for (size_t i = 0; i < p->in; i++) p->w[i * p->out + j] = (double)values_of(f->model, layer, 0)[i * p->out + j] * all.s;
  }
}

static lam_status round_to_floats(lam_model *folded, size_t weight, const double *values) {
  const lam_weight *to = &folded->weights[weight];
  for (size_t i = 0; i < to->count; i++) {
    float value = (float)values[i];
    if (!(value - value == 0.0f))
      return lam_fail(folded->object.context, LAM_INVALID_DATA, "the layers cannot be folded: element %zu of %s is not finite", i,
                      to->name);
    folded->values[to->offset + i] = value;
  }
  return LAM_OK;
}

static lam_status multiply_run(const folding *f, lam_model *folded, const lam_model_node *to, size_t last) {
  size_t dense = last_dense(f, last);
  const lam_weight *kernel = &f->model->weights[f->model->nodes[dense].first_weight];
  product p = { .in = kernel->shape.size[0], .out = kernel->shape.size[1] };
  p.w = zeros(f->context, p.in, p.out);
  p.b = zeros(f->context, 1, p.out);
  lam_status status = p.w && p.b ? LAM_OK : LAM_OUT_OF_MEMORY;
  if (!status) begin_product(f, &p, last);
  for (size_t i = f->nodes[dense].previous; i != NO_NODE && !status; i = f->nodes[i].previous) {
    if (is_dense(f, i))
      status = multiply(f, &p, i);
    else
      scale_rows(f, &p, i);
  }
  if (!status) status = round_to_floats(folded, to->first_weight, p.w);
  if (!status && to->weight_count > 1) status = round_to_floats(folded, to->first_weight + 1, p.b);
  lam_release(f->context, p.w, p.in * p.out * sizeof *p.w);
  lam_release(f->context, p.b, p.out * sizeof *p.b);
  return status;
}

static lam_status fill_weights(const folding *f, lam_model *folded) {
  const lam_model *model = f->model;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < model->node_count && !status; i++) {
    const lam_model_node *from = &model->nodes[i];
    if (f->nodes[i].left_out) continue;
    const lam_model_node *to = &folded->nodes[f->nodes[i].copy.index];
    if (f->nodes[i].previous != NO_NODE) {
      status = multiply_run(f, folded, to, i);
      continue;
    }
    for (size_t j = 0; j < from->weight_count; j++)
      memcpy(folded->values + folded->weights[to->first_weight + j].offset, values_of(model, from, j),
             folded->weights[to->first_weight + j].count * sizeof(float));
  }
  return status;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static lam_model *fold(folding *f, lam_graph *graph) {
  find_runs(f);
  if (copy_nodes(f, graph)) return NULL;
  lam_model *folded = outline(f, graph);
  if (!folded) return NULL;
  lam_fp_mode mode = lam_fp_enter();
  lam_status status = lam_model_allocate(folded);
  if (!status) status = fill_weights(f, folded);
  lam_fp_leave(mode);
  if (!status) status = lam_copy_settings(folded, f->model);
  if (!status) return folded;
  lam_object_destroy(folded);
  return NULL;
}

lam_model *lam_model_fold(const lam_model *model) {
  if (!model) return NULL;
  lam_context *context = model->object.context;
  if (!model->built) {
    (void)lam_fail(context, LAM_INVALID_SHAPE,
                   "the model is not built, so it has no weights to fold: fit it or call "
                   "lam_model_build first");
    return NULL;
  }
  folding f = { model, context, lam_allocate_zero(context, model->node_count * sizeof(fold_node)) };
  lam_graph *graph = lam_graph_create(context);
  lam_model *folded = f.nodes && graph ? fold(&f, graph) : NULL;
  lam_graph_destroy(graph);
  lam_release(context, f.nodes, model->node_count * sizeof *f.nodes);
  return folded;
}
