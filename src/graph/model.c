/* SPDX-License-Identifier: MIT
 *
 * Making models: which nodes are needed, which shapes they have, which weights.
 */
#include "graph/model.h"

#include "kernels/array.h"

#include <stdio.h>
#include <string.h>

static void model_release(lam_object *object) {
  lam_model *model = (lam_model *)object;
  lam_context *context = object->context;
  for (size_t i = 0; i < model->layer_count; i++) lam_layer_release(context, model->layers[i]);
  lam_release(context, model->layers, model->node_count * sizeof *model->layers);
  lam_release(context, model->nodes, model->node_count * sizeof *model->nodes);
  lam_release(context, model->edges, model->edge_count * sizeof *model->edges);
  lam_release(context, model->inputs, model->input_count * sizeof *model->inputs);
  lam_release(context, model->outputs, model->output_count * sizeof *model->outputs);
  lam_release(context, model->scaling, model->input_count * sizeof *model->scaling);
  lam_release(context, model->weights, model->weight_capacity * sizeof *model->weights);
  lam_release(context, model->values, model->value_count * sizeof *model->values);
  lam_release(context, model->class_names, model->class_bytes);
  lam_model_forget_training(model);
}

/* ---- from a graph ------------------------------------------------------------------------------------------------- */

/* Marks the nodes that reach an output: backwards, since inputs stand before what uses them. */
static void mark_needed(const lam_graph *graph, const int *outputs, size_t count, bool *needed) {
  for (size_t i = 0; i < count; i++) needed[outputs[i]] = true;
  for (size_t i = graph->node_count; i-- > 0;) {
    const lam_graph_node *node = &graph->nodes[i];
    for (size_t j = 0; needed[i] && j < node->input_count; j++) needed[graph->edges[node->first_input + j]] = true;
  }
}

static lam_status refuse_unconnected_inputs(const lam_graph *graph, const bool *needed) {
  for (size_t i = 0; i < graph->node_count; i++)
    if (!needed[i] && graph->nodes[i].layer->type == &lam_input_type)
      return lam_fail(graph->object.context, LAM_INVALID_ARGUMENT, "input %s is not connected to any output of the model",
                      graph->nodes[i].layer->name);
  return LAM_OK;
}

/* The model's copy of a layer, shared by all nodes that apply it. */
static lam_status copy_layer(lam_model *model, const lam_graph *graph, const lam_layer *layer, lam_model_node *node) {
  for (size_t i = 0; i < model->layer_count; i++)
    if (strcmp(model->layers[i]->name, layer->name) == 0) return node->layer = model->layers[i], LAM_OK;
  lam_layer *copy = lam_layer_copy(graph->object.context, layer);
  if (!copy) return LAM_OUT_OF_MEMORY;
  model->layers[model->layer_count++] = copy;
  node->layer = copy;
  node->first_use = true;
  return LAM_OK;
}

static lam_status allocate_parts(lam_model *model, size_t nodes, size_t edges, size_t inputs, size_t outputs) {
  lam_context *context = model->object.context;
  model->node_count = nodes, model->edge_count = edges, model->input_count = inputs, model->output_count = outputs;
  model->nodes = lam_allocate_zero(context, nodes * sizeof *model->nodes);
  model->layers = lam_allocate_zero(context, nodes * sizeof *model->layers);
  model->edges = edges ? lam_allocate_zero(context, edges * sizeof *model->edges) : NULL;
  model->inputs = lam_allocate_zero(context, inputs * sizeof *model->inputs);
  model->scaling = lam_allocate_zero(context, inputs * sizeof *model->scaling);
  model->outputs = lam_allocate_zero(context, outputs * sizeof *model->outputs);
  bool enough = model->nodes && model->layers && (!edges || model->edges) && model->inputs && model->scaling && model->outputs;
  return enough ? LAM_OK : LAM_OUT_OF_MEMORY;
}

static lam_status copy_nodes(lam_model *model, const lam_graph *graph, const int *outputs, const bool *needed, size_t *place) {
  size_t count = 0, edge = 0, input = 0;
  for (size_t i = 0; i < graph->node_count; i++) {
    if (!needed[i]) continue;
    const lam_graph_node *from = &graph->nodes[i];
    lam_model_node *node = &model->nodes[count];
    place[i] = count++;
    if (copy_layer(model, graph, from->layer, node)) return LAM_OUT_OF_MEMORY;
    node->inputs = model->edges + edge;
    node->input_count = from->input_count;
    for (size_t j = 0; j < from->input_count; j++) model->edges[edge++] = place[graph->edges[from->first_input + j]];
    if (from->layer->type == &lam_input_type) model->inputs[input++] = place[i];
  }
  for (size_t i = 0; i < model->output_count; i++) model->outputs[i] = place[outputs[i]];
  return LAM_OK;
}

static lam_status fill_model(lam_model *model, const lam_graph *graph, const int *outputs, size_t count) {
  lam_context *context = graph->object.context;
  size_t total = graph->node_count, nodes = 0, edges = 0, inputs = 0;
  bool *needed = lam_allocate_zero(context, total * sizeof *needed);
  size_t *place = lam_allocate_zero(context, total * sizeof *place);
  lam_status status = needed && place ? LAM_OK : LAM_OUT_OF_MEMORY;
  if (!status) {
    mark_needed(graph, outputs, count, needed);
    status = refuse_unconnected_inputs(graph, needed);
    for (size_t i = 0; i < total; i++) {
      if (!needed[i]) continue;
      nodes++, edges += graph->nodes[i].input_count;
      inputs += graph->nodes[i].layer->type == &lam_input_type;
    }
  }
  if (!status) status = allocate_parts(model, nodes, edges, inputs, count);
  if (!status) status = copy_nodes(model, graph, outputs, needed, place);
  lam_release(context, needed, total * sizeof *needed);
  lam_release(context, place, total * sizeof *place);
  return status;
}

/* A model of the graph's layers and nodes, nothing inferred yet. */
static lam_model *model_of(lam_graph *graph, const int *outputs, size_t count) {
  if (graph->failed) return NULL;
  lam_context *context = graph->object.context;
  lam_model *model = lam_object_create(context, sizeof *model, model_release);
  if (model) model->seed = context->seed, model->number = ++context->models;
  if (!model || !fill_model(model, graph, outputs, count)) return model;
  lam_object_destroy(model);
  return NULL;
}

lam_model *lam_model_from_graph(lam_graph *graph, const int *outputs, size_t count) {
  lam_model *model = model_of(graph, outputs, count);
  if (!model || !lam_model_build(model, NULL, 0)) return model;
  lam_object_destroy(model);
  return NULL;
}

lam_model *lam_model_create(const lam_node *outputs, size_t count) {
  if (!outputs || count == 0 || !outputs[0].graph) return NULL;
  lam_graph *graph = outputs[0].graph;
  lam_context *context = graph->object.context;
  int *indices = lam_allocate_array(context, count, sizeof *indices);
  if (!indices) return NULL;
  lam_model *model = NULL;
  size_t i = 0;
  while (i < count && outputs[i].graph == graph && lam_node_ok(outputs[i])) indices[i] = outputs[i].index, i++;
  if (i == count)
    model = lam_model_from_graph(graph, indices, count);
  else if (!lam_node_failed(outputs[i]))
    (void)lam_fail(context, LAM_INVALID_ARGUMENT, "output %zu of the model is a node of another graph", i);
  lam_release(context, indices, count * sizeof *indices);
  return model;
}

void lam_model_hold(lam_model *model) { model->users++; }

void lam_model_let_go(lam_model *model) {
  if (--model->users == 0 && model->destroyed) lam_object_destroy(model);
}

void lam_model_destroy(lam_model *model) {
  if (!model || model->destroyed) return;
  model->destroyed = model->users > 0;
  if (!model->destroyed) lam_object_destroy(model);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------- */

/* "dense_1 (Dense) after dense (Dense) of shape (6): ..." */
lam_status lam_shape_fail(lam_shaping *shaping, const char *format, ...) {
  const lam_model *model = shaping->model;
  const lam_model_node *node = &model->nodes[shaping->node];
  char before[256] = "", what[192], shape[96];
  size_t length = 0;
  for (size_t i = 0; i < node->input_count && length < sizeof before; i++) {
    const lam_model_node *input = &model->nodes[node->inputs[i]];
    int wrote = snprintf(before + length, sizeof before - length, "%s%s (%s) of shape %s", i ? ", " : " after ",
                         input->layer->name, input->layer->type->name, lam_shape_text(shape, input->shape));
    length += wrote > 0 ? (size_t)wrote : 0;
  }
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return lam_fail(shaping->context, LAM_INVALID_SHAPE, "%s (%s)%s: %s", node->layer->name, node->layer->type->name, before, what);
}

static lam_status declare(lam_shaping *shaping, const char *name, lam_weight declared) {
  lam_model *model = shaping->model;
  lam_model_node *node = &model->nodes[shaping->node];
  lam_shape shape = declared.shape;
  if (!lam_shape_count(shape, &declared.count))
    return lam_shape_fail(shaping, "its %s would have more than 2^31 - 1 numbers", name);
  if (!node->first_use) { /* the weight the first application declared */
    const lam_weight *shared = &model->weights[node->first_weight + node->weight_count++];
    if (lam_shape_equal(shared->shape, shape)) return LAM_OK;
    char now[96], then[96];
    return lam_shape_fail(shaping, "the shared layer has a %s of shape %s and would need %s here", name,
                          lam_shape_text(then, shared->shape), lam_shape_text(now, shape));
  }
  if (lam_grow(shaping->context, (void **)&model->weights, &model->weight_capacity, model->weight_count + 1,
               sizeof *model->weights))
    return LAM_OUT_OF_MEMORY;
  lam_weight *weight = &model->weights[model->weight_count++];
  *weight = declared;
  (void)snprintf(weight->name, sizeof weight->name, "%s/%s", node->layer->name, name);
  node->weight_count++;
  return LAM_OK;
}

lam_status lam_declare_weight(lam_shaping *shaping, const char *name, lam_shape shape, lam_initializer initializer, size_t fan_in,
                              size_t fan_out) {
  return declare(shaping, name, (lam_weight){ .shape = shape, .initializer = initializer, .fan_in = fan_in, .fan_out = fan_out });
}

lam_status lam_declare_fixed_weight(lam_shaping *shaping, const char *name, lam_shape shape, lam_initializer initializer) {
  return declare(shaping, name, (lam_weight){ .shape = shape, .initializer = initializer, .fixed = true });
}

lam_status lam_declare_rules(lam_shaping *shaping, lam_regularizer regularizer, lam_constraint constraint) {
  lam_model *model = shaping->model;
  if (!model->nodes[shaping->node].first_use) return LAM_OK;
  lam_weight *weight = &model->weights[model->weight_count - 1];
  weight->regularizer = regularizer;
  weight->constraint = constraint;
  model->constrained = model->constrained || constraint.type != LAM_NO_CONSTRAINT;
  if (constraint.type <= LAM_NON_NEG && constraint.type != LAM_MAX_NORM) return LAM_OK;
  if (constraint.axis < weight->shape.rank) return LAM_OK;
  return lam_shape_fail(shaping, "its constraint is along axis %zu, but %s has %zu", constraint.axis, weight->name,
                        weight->shape.rank);
}

/* Trained weights come first: what an optimizer works on is one piece. */
static void place_weights(lam_model *model) {
  for (int fixed = 0; fixed < 2; fixed++) {
    for (size_t i = 0; i < model->weight_count; i++) {
      lam_weight *weight = &model->weights[i];
      if (weight->fixed != (bool)fixed) continue;
      weight->offset = model->value_count;
      model->value_count += (weight->count + 15) / 16 * 16;
    }
    if (!fixed) model->trained_count = model->value_count;
  }
}

static size_t first_weight_of(const lam_model *model, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (model->nodes[i].layer == model->nodes[index].layer) return model->nodes[i].first_weight;
  return model->weight_count;
}

static lam_status shape_node(lam_model *model, size_t index) {
  lam_context *context = model->object.context;
  lam_model_node *node = &model->nodes[index];
  lam_shape *inputs = node->input_count ? lam_allocate_array(context, node->input_count, sizeof *inputs) : NULL;
  if (node->input_count && !inputs) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < node->input_count; i++) inputs[i] = model->nodes[node->inputs[i]].shape;
  lam_shaping shaping = { context, model, index, inputs, node->input_count, node->shape };
  node->first_weight = first_weight_of(model, index);
  node->weight_count = 0;
  lam_status status = LAM_OK;
  if (node->layer->type->shape)
    status = node->layer->type->shape(node->layer, &shaping);
  else
    shaping.output = inputs[0];
  if (!status && !lam_shape_count(shaping.output, &node->width))
    status = lam_shape_fail(&shaping, "a row of its output has no elements or more than 2^31 - 1");
  node->shape = shaping.output;
  node->saved = shaping.saved;
  lam_release(context, inputs, node->input_count * sizeof *inputs);
  return status;
}

/* An input without a shape gets the input_dim of a dense layer right behind it, if that says one. */
static void shape_from_input_dim(lam_model *model, size_t input) {
  for (size_t i = input + 1; i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    if (node->input_count != 1 || node->inputs[0] != input || !node->layer->type->input_dim) continue;
    size_t dim = node->layer->type->input_dim(node->layer);
    if (dim) model->nodes[input].shape = (lam_shape){ { dim }, 1 };
  }
}

static lam_status take_input_shapes(lam_model *model, const lam_shape *inputs, size_t count) {
  lam_context *context = model->object.context;
  if (inputs && count != model->input_count)
    return lam_fail(context, LAM_INVALID_SHAPE, "the model has %zu input%s, the shapes of %zu were given", model->input_count,
                    model->input_count == 1 ? "" : "s", count);
  for (size_t i = 0; i < model->input_count; i++) {
    lam_model_node *node = &model->nodes[model->inputs[i]];
    if (node->shape.rank == 0) node->shape = ((const lam_input_options *)node->layer->options)->shape;
    if (node->shape.rank == 0) shape_from_input_dim(model, model->inputs[i]);
    if (!inputs || inputs[i].rank == 0) continue;
    char given[96], known[96];
    if (node->shape.rank && !lam_shape_equal(node->shape, inputs[i]))
      return lam_fail(context, LAM_INVALID_SHAPE, "input %s has shape %s, rows of shape %s were given", node->layer->name,
                      lam_shape_text(known, node->shape), lam_shape_text(given, inputs[i]));
    node->shape = inputs[i];
  }
  return LAM_OK;
}

/* Back to what can be tried again with other shapes. */
static lam_status unbuild(lam_model *model, lam_status status) {
  for (size_t i = 0; i < model->node_count; i++) model->nodes[i].shape = (lam_shape){ { 0 }, 0 };
  lam_release(model->object.context, model->values, model->value_count * sizeof *model->values);
  model->values = NULL;
  model->value_count = model->trained_count = model->weight_count = 0;
  model->built = false;
  return status;
}

/* The shapes of all nodes and what weights there are, no memory for these yet. Not all input shapes known: nothing, and LAM_OK.
 */
static lam_status infer_shapes(lam_model *model, bool *known) {
  lam_status status = LAM_OK;
  *known = false;
  for (size_t i = 0; i < model->input_count; i++)
    if (model->nodes[model->inputs[i]].shape.rank == 0) return LAM_OK;
  for (size_t i = 0; i < model->node_count && !status; i++) status = shape_node(model, i);
  *known = status == LAM_OK;
  if (!status) place_weights(model);
  return status ? unbuild(model, status) : LAM_OK;
}

lam_model *lam_model_outline(lam_graph *graph, const int *outputs, size_t count) {
  lam_model *model = model_of(graph, outputs, count);
  bool known = false;
  if (!model) return NULL;
  lam_status status = take_input_shapes(model, NULL, 0);
  if (!status) status = infer_shapes(model, &known);
  if (!status && !known) status = lam_fail(graph->object.context, LAM_INVALID_SHAPE, "the shape of an input is not known");
  if (!status) return model;
  lam_object_destroy(model);
  return NULL;
}

lam_status lam_model_allocate(lam_model *model) {
  model->values = lam_allocate_zero(model->object.context, model->value_count * sizeof *model->values);
  if (model->value_count && !model->values) return model->value_count = 0, unbuild(model, LAM_OUT_OF_MEMORY);
  model->built = true;
  return LAM_OK;
}

lam_status lam_model_build(lam_model *model, const lam_shape *inputs, size_t count) {
  if (!model) return LAM_NO_HANDLE;
  bool known = false;
  lam_status status = take_input_shapes(model, inputs, count);
  if (status || model->built) return status && !model->built ? unbuild(model, status) : status;
  if ((status = infer_shapes(model, &known)) || !known) return status;
  if ((status = lam_model_allocate(model))) return status;
  return (status = lam_initialize(model)) ? unbuild(model, status) : LAM_OK;
}
