/* SPDX-License-Identifier: MIT
 *
 * Models made of models: clones, and models applied as layers of another graph.
 */
#include "graph/model.h"

#include <stdio.h>
#include <string.h>

lam_node lam_copy_node(lam_graph *graph, const lam_model *model, size_t index, const lam_node *inputs, const void *options) {
  const lam_model_node *from = &model->nodes[index];
  const lam_layer *layer = from->layer;
  for (size_t i = 0; i < graph->node_count; i++)
    if (strcmp(graph->nodes[i].layer->name, layer->name) == 0)
      return lam_apply((lam_node){ graph, (int)i }, inputs, from->input_count);
  lam_input_options input = { from->shape };
  if (!options) options = layer->options;
  if (layer->type == &lam_input_type && from->shape.rank) options = &input; /* what was taken from the data is known now */
  return lam_trainable(lam_graph_append_named(graph, layer->type, layer->name, options, inputs, from->input_count),
                       !layer->frozen);
}

lam_status lam_copy_settings(lam_model *to, const lam_model *from) {
  memcpy(to->scaling, from->scaling, to->input_count * sizeof *to->scaling);
  lam_status status = from->has_training ? lam_model_set_training(to, &from->training) : LAM_OK;
  return status ? status : lam_model_set_class_names(to, (const char *const *)from->class_names, from->class_count);
}

/* ---- clones ------------------------------------------------------------------------------------------------------- */

/* The weights that a layer brings with it stay with it, though its model is not built yet. */
static lam_status copy_initial(lam_context *context, lam_layer *to, const lam_layer *from) {
  if (to->initial || !from->initial) return LAM_OK;
  to->initial = lam_allocate(context, from->initial_count * sizeof *to->initial);
  if (!to->initial) return LAM_OUT_OF_MEMORY;
  to->initial_count = from->initial_count;
  memcpy(to->initial, from->initial, from->initial_count * sizeof *to->initial);
  return LAM_OK;
}

static lam_status copy_nodes(const lam_model *model, lam_graph *graph, bool weights) {
  lam_context *context = model->object.context;
  size_t most = model->edge_count + 1;
  lam_node *inputs = lam_allocate_array(context, most, sizeof *inputs);
  lam_status status = inputs ? LAM_OK : LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < model->node_count && !status; i++) {
    const lam_model_node *node = &model->nodes[i];
    for (size_t j = 0; j < node->input_count; j++) inputs[j] = (lam_node){ graph, (int)node->inputs[j] };
    lam_node copy = lam_copy_node(graph, model, i, inputs, NULL);
    if (!lam_node_ok(copy))
      status = lam_error_status(context);
    else if (weights || !node->layer->origin) /* what was given with the layer's options is a part of them */
      status = copy_initial(context, graph->nodes[copy.index].layer, node->layer);
  }
  lam_release(context, inputs, most * sizeof *inputs);
  return status;
}

static lam_status fill_clone(lam_model *clone, const lam_model *model, const lam_clone_options *options) {
  if (options->seed) clone->seed = options->seed;
  lam_status status = model->built ? lam_model_allocate(clone) : LAM_OK;
  if (!status && model->built && options->weights)
    memcpy(clone->values, model->values, model->value_count * sizeof *model->values); /* the same weights at the same places */
  if (!status && model->built && !options->weights) status = lam_initialize(clone);
  return status ? status : lam_copy_settings(clone, model);
}

static lam_model *clone_into(lam_graph *graph, const lam_model *model, const lam_clone_options *options) {
  lam_context *context = model->object.context;
  int *outputs = lam_allocate_array(context, model->output_count, sizeof *outputs);
  lam_model *clone = NULL;
  if (outputs && !copy_nodes(model, graph, options->weights)) {
    for (size_t i = 0; i < model->output_count; i++) outputs[i] = (int)model->outputs[i];
    clone = model->built ? lam_model_outline(graph, outputs, model->output_count)
                         : lam_model_from_graph(graph, outputs, model->output_count);
  }
  lam_release(context, outputs, model->output_count * sizeof *outputs);
  if (!clone || !fill_clone(clone, model, options)) return clone;
  lam_object_destroy(clone);
  return NULL;
}

lam_model *lam_model_clone(const lam_model *model, const lam_clone_options *options) {
  static const lam_clone_options defaults = { 0 };
  if (!model) return NULL;
  if (!options) options = &defaults;
  lam_context *context = model->object.context;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_clone_options must be zero"), NULL;
  lam_graph *graph = lam_graph_create(context);
  lam_model *clone = graph ? clone_into(graph, model, options) : NULL;
  lam_graph_destroy(graph);
  return clone;
}

/* ---- a model as a layer ------------------------------------------------------------------------------------------- */

typedef struct lam_application {
  const lam_model *model;
  lam_graph *graph;
  char name[LAM_NAME_SIZE];
  lam_node *nodes; /* for each node of the model: that of the graph */
} lam_application;

/* The node of the graph whose layer came from this place of the model; -1: none. */
static int find_origin(const lam_application *a, size_t node) {
  for (size_t i = 0; i < a->graph->node_count; i++) {
    const lam_layer *layer = a->graph->nodes[i].layer;
    if (layer->origin == a->model->number && layer->origin_node == node) return (int)i;
  }
  return -1;
}

static bool has_part(const lam_graph *graph, const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < graph->node_count; i++)
    if (strncmp(graph->nodes[i].layer->name, name, length) == 0 && graph->nodes[i].layer->name[length] == '.') return true;
  return false;
}

/* The name of the application: that of an earlier one, the given one, or model, model_1, ... */
static lam_status choose_name(lam_application *a, const char *name) {
  lam_context *context = a->graph->object.context;
  if (name && (!*name || strlen(name) >= LAM_NAME_SIZE - 1))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the name of an applied model has 1 to %d characters, not %zu",
                    LAM_NAME_SIZE - 2, strlen(name));
  for (size_t i = 0; i < a->graph->node_count; i++) {
    const lam_layer *layer = a->graph->nodes[i].layer;
    if (layer->origin != a->model->number) continue;
    size_t length = strlen(layer->name) - strlen(a->model->nodes[layer->origin_node].layer->name) - 1;
    (void)snprintf(a->name, sizeof a->name, "%.*s", (int)length, layer->name);
    if (!name || strcmp(name, a->name) == 0) return LAM_OK;
    return lam_fail(context, LAM_INVALID_ARGUMENT, "this model was applied as \"%s\" before, and cannot be \"%s\" too", a->name,
                    name);
  }
  (void)snprintf(a->name, sizeof a->name, "%s", name ? name : "model");
  for (size_t i = 1; !name && has_part(a->graph, a->name); i++) (void)snprintf(a->name, sizeof a->name, "model_%zu", i);
  if (!has_part(a->graph, a->name)) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "another model was applied as \"%s\" in this graph", a->name);
}

/* The layer takes its weights with it. */
static lam_status carry_weights(const lam_application *a, lam_layer *layer, size_t node) {
  const lam_model *model = a->model;
  const lam_weight *weights = model->weights + model->nodes[node].first_weight;
  size_t count = 0;
  for (size_t i = 0; i < model->nodes[node].weight_count; i++) count += weights[i].count;
  if (!count) return LAM_OK;
  layer->initial = lam_allocate_array(model->object.context, count, sizeof *layer->initial);
  if (!layer->initial) return LAM_OUT_OF_MEMORY;
  layer->initial_count = count;
  float *to = layer->initial;
  for (size_t i = 0; i < model->nodes[node].weight_count; to += weights[i++].count)
    memcpy(to, model->values + weights[i].offset, weights[i].count * sizeof *to);
  return LAM_OK;
}

static size_t first_use(const lam_model *model, size_t node) {
  size_t first = 0;
  while (model->nodes[first].layer != model->nodes[node].layer) first++;
  return first;
}

static lam_status apply_node(lam_application *a, size_t index, lam_node *inputs) {
  const lam_model_node *node = &a->model->nodes[index];
  lam_context *context = a->graph->object.context;
  const lam_layer *layer = node->layer;
  for (size_t i = 0; i < node->input_count; i++) inputs[i] = a->nodes[node->inputs[i]];
  int made = find_origin(a, first_use(a->model, index));
  if (made >= 0) {
    a->nodes[index] = lam_apply((lam_node){ a->graph, made }, inputs, node->input_count);
    return lam_node_ok(a->nodes[index]) ? LAM_OK : lam_error_status(context);
  }
  char name[2 * LAM_NAME_SIZE];
  (void)snprintf(name, sizeof name, "%s.%s", a->name, layer->name);
  a->nodes[index] = lam_graph_append_named(a->graph, layer->type, name, layer->options, inputs, node->input_count);
  if (!lam_node_ok(a->nodes[index])) return lam_error_status(context);
  lam_layer *copy = a->graph->nodes[a->nodes[index].index].layer;
  copy->frozen = layer->frozen;
  copy->origin = a->model->number;
  copy->origin_node = index;
  return carry_weights(a, copy, index);
}

static lam_status check_application(const lam_model *model, const lam_node *nodes, size_t count) {
  lam_context *context = model->object.context;
  if (count != model->input_count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the model takes %zu input%s, not %zu", model->input_count,
                    model->input_count == 1 ? "" : "s", count);
  for (size_t i = 0; i < count; i++) {
    if (lam_node_failed(nodes[i])) return LAM_NO_HANDLE;
    if (nodes[i].graph != nodes[0].graph || !lam_node_ok(nodes[i]))
      return lam_fail(context, LAM_INVALID_ARGUMENT, "input %zu of the model is a node of another graph", i);
  }
  if (nodes[0].graph->object.context != context)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "a model is applied in graphs of its own context");
  if (model->built) return LAM_OK;
  return lam_fail(context, LAM_INVALID_SHAPE, "a model that is not built cannot be applied: its weights are not there yet");
}

static lam_status apply(lam_application *a, const char *name, const lam_node *nodes) {
  const lam_model *model = a->model;
  lam_context *context = model->object.context;
  size_t most = model->edge_count + 1;
  lam_status status = choose_name(a, name);
  lam_node *inputs = lam_allocate_array(context, most, sizeof *inputs);
  if (!inputs) status = LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < model->input_count; i++) a->nodes[model->inputs[i]] = nodes[i];
  for (size_t i = 0; i < model->node_count && !status; i++)
    if (model->nodes[i].layer->type != &lam_input_type) status = apply_node(a, i, inputs);
  lam_release(context, inputs, most * sizeof *inputs);
  return status;
}

lam_node lam_apply_model(const lam_model *model, const char *name, const lam_node *nodes, size_t count, lam_node *outputs) {
  lam_node result = { count && nodes ? nodes[0].graph : NULL, -1 };
  for (size_t i = 0; model && outputs && i < model->output_count; i++) outputs[i] = result;
  lam_status status = model && result.graph ? check_application(model, nodes, count) : LAM_NO_HANDLE;
  if (!status) {
    lam_context *context = model->object.context;
    lam_application a = { .model = model, .graph = result.graph };
    a.nodes = lam_allocate_array(context, model->node_count, sizeof *a.nodes);
    status = a.nodes ? apply(&a, name, nodes) : LAM_OUT_OF_MEMORY;
    for (size_t i = 0; i < model->output_count && !status && outputs; i++) outputs[i] = a.nodes[model->outputs[i]];
    if (!status) result = a.nodes[model->outputs[0]];
    lam_release(context, a.nodes, model->node_count * sizeof *a.nodes);
  }
  if (status && result.graph) result.graph->failed = true;
  return result;
}
