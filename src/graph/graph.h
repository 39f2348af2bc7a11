/* SPDX-License-Identifier: MIT
 *
 * Graphs from the inside: layers, the layer type, nodes.
 *
 * A layer type says all there is to know about a kind of layer: its options (as a table of fields, from which files and checks
 * are made), the shape it gives, the weights it has, and the operations it becomes. src/layers holds the built-in ones.
 */
#ifndef LAM_GRAPH_GRAPH_H
#define LAM_GRAPH_GRAPH_H

#include "base/names.h"
#include <lamina/graph.h>

typedef struct lam_layer_type lam_layer_type;
typedef struct lam_lowering lam_lowering;
typedef struct lam_shaping lam_shaping;

enum { LAM_NAME_SIZE = 64 };

typedef struct lam_layer {
  const lam_layer_type *type;
  char name[LAM_NAME_SIZE];
  bool frozen;
  float *initial; /* its weights one behind the other, where they are not drawn: it came with a model that was applied; NULL */
  size_t initial_count;
  uint64_t origin; /* the number of that model, 0 for a layer of one's own, and the place of the layer there */
  size_t origin_node;
  _Alignas(16) unsigned char options[]; /* type->options_size bytes */
} lam_layer;

struct lam_layer_type {
  const char *name;   /* as Keras's class: "Dense" */
  const char *prefix; /* of automatic names: "dense" */
  size_t options_size;
  const lam_field *fields; /* of the options */
  size_t least_inputs, most_inputs;
  int activation_offset; /* of a lam_activation in the options that the plan may take out or put in; -1: none */
  size_t (*input_dim)(const lam_layer *layer);          /* the width that must come in, where the options say one; may be NULL */
  void (*parameters)(const lam_layer *layer, float *p); /* writes that activation's parameters; NULL: the usual ones */
  lam_regularizer (*activity)(const lam_layer *layer);  /* what its output costs; NULL: nothing */
  bool takes_activation;                                /* a following activation may be computed together with this layer */
  lam_status (*check)(lam_context *context, const lam_layer *layer); /* the options, when the node is made; may be NULL */
  /* The output's shape and the weights; NULL: the first input's shape, and none. */
  lam_status (*shape)(const lam_layer *layer, lam_shaping *shaping);
  lam_status (*forward)(const lam_layer *layer, lam_lowering *lowering);  /* operations of the forward pass (graph/plan.h) */
  lam_status (*backward)(const lam_layer *layer, lam_lowering *lowering); /* and of the backward pass */
};

/* The type of lam_input: a node without inputs, whose values come from the caller. */
typedef struct lam_input_options {
  lam_shape shape;
} lam_input_options;
extern const lam_layer_type lam_input_type;

typedef struct lam_graph_node {
  lam_layer *layer;
  size_t first_input, input_count; /* in graph->edges */
} lam_graph_node;

struct lam_graph {
  lam_object object;
  lam_graph_node *nodes;
  int *edges; /* indices of nodes */
  size_t node_count, edge_count, node_capacity, edge_capacity;
  bool failed; /* a node could not be made: no model comes of this graph */
};

/* Appends a node of a new layer; `options` (options_size bytes, or NULL: zero) are copied. The nodes must be of one graph. */
lam_node lam_graph_append(lam_graph *graph, const lam_layer_type *type, const void *options, const lam_node *inputs,
                          size_t count);
/* The same under a name (NULL: the next automatic one); files say theirs. */
lam_node lam_graph_append_named(lam_graph *graph, const lam_layer_type *type, const char *name, const void *options,
                                const lam_node *inputs, size_t count);
/* The same with one input, for layers that have one. */
lam_node lam_graph_append_one(lam_node input, const lam_layer_type *type, const void *options);
/* Renames a layer; the name is checked. */
lam_status lam_layer_rename(lam_graph *graph, lam_layer *layer, const char *name);

/* Frees a layer of a graph or a model. */
void lam_layer_release(lam_context *context, lam_layer *layer);
/* A copy with all that belongs to it, or NULL. */
lam_layer *lam_layer_copy(lam_context *context, const lam_layer *layer);
/* What its output costs. */
lam_regularizer lam_layer_activity(const lam_layer *layer);
static inline bool lam_regularizes(lam_regularizer regularizer) { return regularizer.l1 > 0.0f || regularizer.l2 > 0.0f; }

/* True where the node is one that was made, whatever else a caller's memory may hold. */
static inline bool lam_node_ok(lam_node node) {
  return node.graph && node.index >= 0 && (size_t)node.index < node.graph->node_count;
}
/* True where it says that making it failed, and why is known. */
static inline bool lam_node_failed(lam_node node) { return !node.graph || node.index < 0; }

/* ---- inferring shapes --------------------------------------------------------------------------------------------- */

/* What type->shape works on. Input shapes are all known; `output` is to be set. */
struct lam_shaping {
  lam_context *context;
  struct lam_model *model;
  size_t node;
  const lam_shape *inputs;
  size_t input_count;
  lam_shape output;
  size_t saved; /* floats a row that the forward pass leaves: lam_saved_width */
};

/* Declares a weight of the layer, in a fixed order; shared ones are declared by the first application and checked by the others.
 * fan_in and fan_out are for the variance scaling initialisers. */
lam_status lam_declare_weight(lam_shaping *shaping, const char *name, lam_shape shape, lam_initializer initializer, size_t fan_in,
                              size_t fan_out);

/* The same for one that no optimizer changes. */
lam_status lam_declare_fixed_weight(lam_shaping *shaping, const char *name, lam_shape shape, lam_initializer initializer);

/* Gives the weight declared last its penalty and its constraint, which lam_check_... of src/layers have found good. */
lam_status lam_declare_rules(lam_shaping *shaping, lam_regularizer regularizer, lam_constraint constraint);

/* Fails with LAM_INVALID_SHAPE and a sentence that starts with this layer and the layers before it, with their shapes:
 *   dense_1 (Dense) after dense (Dense) of shape (6): <format ...> */
lam_status lam_shape_fail(lam_shaping *shaping, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
