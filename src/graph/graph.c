/* SPDX-License-Identifier: MIT
 *
 * Building graphs: nodes are appended and never changed, so their order is an order of computation.
 */
#include "graph/graph.h"

#include "kernels/array.h"

#include <stdio.h>
#include <string.h>

void lam_layer_release(lam_context *context, lam_layer *layer) {
  if (!layer) return;
  lam_release(context, layer->initial, layer->initial_count * sizeof *layer->initial);
  lam_release(context, layer, sizeof *layer + layer->type->options_size);
}

lam_layer *lam_layer_copy(lam_context *context, const lam_layer *layer) {
  size_t size = sizeof *layer + layer->type->options_size, bytes = layer->initial_count * sizeof *layer->initial;
  lam_layer *copy = lam_allocate(context, size);
  if (!copy) return NULL;
  memcpy(copy, layer, size);
  copy->initial = bytes ? lam_allocate(context, bytes) : NULL;
  if (bytes && !copy->initial) return lam_release(context, copy, size), NULL;
  if (bytes) memcpy(copy->initial, layer->initial, bytes);
  return copy;
}

lam_regularizer lam_layer_activity(const lam_layer *layer) {
  return layer->type->activity ? layer->type->activity(layer) : (lam_regularizer){ 0 };
}

static void graph_release(lam_object *object) {
  lam_graph *graph = (lam_graph *)object;
  lam_context *context = object->context;
  for (size_t i = 0; i < graph->node_count; i++) {
    bool again = false;
    for (size_t j = 0; j < i; j++) again = again || graph->nodes[j].layer == graph->nodes[i].layer;
    if (!again) continue;
    graph->nodes[i].layer = NULL; /* owned by its first node */
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    lam_layer *layer = graph->nodes[i].layer;
    lam_layer_release(context, layer);
  }
  lam_release(context, graph->nodes, graph->node_capacity * sizeof *graph->nodes);
  lam_release(context, graph->edges, graph->edge_capacity * sizeof *graph->edges);
}

lam_graph *lam_graph_create(lam_context *context) { return lam_object_create(context, sizeof(lam_graph), graph_release); }

void lam_graph_destroy(lam_graph *graph) { lam_object_destroy(graph); }

static lam_node failed_node(lam_graph *graph) {
  if (graph) graph->failed = true;
  return (lam_node){ graph, -1 };
}

static bool name_taken(const lam_graph *graph, const char *name) {
  for (size_t i = 0; i < graph->node_count; i++)
    if (strcmp(graph->nodes[i].layer->name, name) == 0) return true;
  return false;
}

/* The number of an automatic name with this prefix: 0 for "dense", 3 for "dense_3"; `most` for all that is none below that. */
static size_t number_of_name(const char *name, const char *prefix, size_t length, size_t most) {
  if (strncmp(name, prefix, length) != 0) return most;
  const char *rest = name + length;
  if (!*rest) return 0;
  if (rest[0] != '_' || rest[1] < '1') return most;
  size_t number = 0;
  for (rest++; *rest >= '0' && *rest <= '9' && number < most; rest++) number = number * 10 + (size_t)(*rest - '0');
  return *rest || number > most ? most : number;
}

/* dense, dense_1, ... as Keras: the lowest number that is free, which n nodes leave among n + 1. */
static lam_status name_layer(const lam_graph *graph, lam_layer *layer) {
  lam_context *context = graph->object.context;
  const char *prefix = layer->type->prefix;
  size_t length = strlen(prefix), most = graph->node_count + 1, number = 0;
  bool *taken = lam_allocate_zero(context, most + 1);
  if (!taken) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < graph->node_count; i++) taken[number_of_name(graph->nodes[i].layer->name, prefix, length, most)] = true;
  while (taken[number]) number++;
  lam_release(context, taken, most + 1);
  if (number)
    (void)snprintf(layer->name, sizeof layer->name, "%s_%zu", prefix, number);
  else
    (void)snprintf(layer->name, sizeof layer->name, "%s", prefix);
  return LAM_OK;
}

lam_status lam_layer_rename(lam_graph *graph, lam_layer *layer, const char *name) {
  lam_context *context = graph->object.context;
  size_t length = name ? strlen(name) : 0;
  if (length == 0 || length >= LAM_NAME_SIZE)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the name of a layer has 1 to %d characters, not %zu", LAM_NAME_SIZE - 1,
                    length);
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  if (strspn(name, allowed) != length)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the layer name \"%s\" may hold only letters, digits, '_', '-' and '.'", name);
  if (strcmp(layer->name, name) != 0 && name_taken(graph, name))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is already a layer named \"%s\" in this graph", name);
  (void)snprintf(layer->name, sizeof layer->name, "%s", name);
  return LAM_OK;
}

static lam_status check_inputs(lam_graph *graph, const lam_layer_type *type, const lam_node *inputs, size_t count) {
  lam_context *context = graph->object.context;
  if (count < type->least_inputs || count > type->most_inputs)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s takes %s%zu input%s, not %zu", type->name,
                    type->most_inputs > type->least_inputs ? "at least " : "", type->least_inputs,
                    type->least_inputs == 1 ? "" : "s", count);
  for (size_t i = 0; i < count; i++) {
    if (lam_node_failed(inputs[i])) return LAM_NO_HANDLE;
    if (inputs[i].graph != graph || !lam_node_ok(inputs[i]))
      return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: its input %zu is a node of another graph", type->name, i);
  }
  return LAM_OK;
}

static lam_node append_node(lam_graph *graph, lam_layer *layer, const lam_node *inputs, size_t count) {
  lam_context *context = graph->object.context;
  if (lam_grow(context, (void **)&graph->nodes, &graph->node_capacity, graph->node_count + 1, sizeof *graph->nodes) ||
      lam_grow(context, (void **)&graph->edges, &graph->edge_capacity, graph->edge_count + count, sizeof *graph->edges))
    return failed_node(graph);
  graph->nodes[graph->node_count] = (lam_graph_node){ layer, graph->edge_count, count };
  for (size_t i = 0; i < count; i++) graph->edges[graph->edge_count++] = inputs[i].index;
  return (lam_node){ graph, (int)graph->node_count++ };
}

lam_node lam_graph_append_named(lam_graph *graph, const lam_layer_type *type, const char *name, const void *options,
                                const lam_node *inputs, size_t count) {
  if (!graph || graph->object.context->unusable || check_inputs(graph, type, inputs, count)) return failed_node(graph);
  lam_context *context = graph->object.context;
  size_t size = sizeof(lam_layer) + type->options_size;
  lam_layer *layer = lam_allocate_zero(context, size);
  if (!layer) return failed_node(graph);
  layer->type = type;
  if (options) memcpy(layer->options, options, type->options_size);
  lam_node node = { graph, -1 };
  lam_status status = name ? lam_layer_rename(graph, layer, name) : name_layer(graph, layer);
  if (!status && type->check) status = type->check(context, layer);
  if (!status) node = append_node(graph, layer, inputs, count);
  if (!lam_node_ok(node)) lam_release(context, layer, size);
  return lam_node_ok(node) ? node : failed_node(graph);
}

lam_node lam_graph_append(lam_graph *graph, const lam_layer_type *type, const void *options, const lam_node *inputs,
                          size_t count) {
  return lam_graph_append_named(graph, type, NULL, options, inputs, count);
}

lam_node lam_graph_append_one(lam_node input, const lam_layer_type *type, const void *options) {
  return lam_graph_append(input.graph, type, options, &input, 1);
}

lam_node lam_last(lam_graph *graph) {
  if (graph && graph->node_count == 0 && !graph->failed) return lam_input(graph, (lam_shape){ { 0 }, 0 });
  return graph && !graph->failed ? (lam_node){ graph, (int)graph->node_count - 1 } : failed_node(graph);
}

lam_node lam_named(lam_node node, const char *name) {
  if (!lam_node_ok(node)) return failed_node(node.graph);
  return lam_layer_rename(node.graph, node.graph->nodes[node.index].layer, name) ? failed_node(node.graph) : node;
}

lam_node lam_trainable(lam_node node, bool trainable) {
  if (!lam_node_ok(node)) return failed_node(node.graph);
  node.graph->nodes[node.index].layer->frozen = !trainable;
  return node;
}

lam_node lam_apply(lam_node layer, const lam_node *inputs, size_t count) {
  if (!lam_node_ok(layer)) return failed_node(layer.graph);
  lam_layer *shared = layer.graph->nodes[layer.index].layer;
  if (check_inputs(layer.graph, shared->type, inputs, inputs ? count : 0)) return failed_node(layer.graph);
  return append_node(layer.graph, shared, inputs, count);
}
