/* SPDX-License-Identifier: MIT
 *
 * Models from the inside. A model owns a copy of the layers it needs, sorted; all its weights are one block.
 */
#ifndef LAM_GRAPH_MODEL_H
#define LAM_GRAPH_MODEL_H

#include "graph/graph.h"
#include <lamina/model.h>
#include <lamina/train.h>

typedef struct lam_model_node {
  lam_layer *layer;
  size_t *inputs; /* indices of earlier nodes, in model->edges */
  size_t input_count;
  bool first_use;  /* of its layer: the one that owns the weights */
  lam_shape shape; /* rank 0 while unknown */
  size_t width;    /* elements of a row */
  size_t saved;    /* what its layer said of it */
  size_t first_weight, weight_count;
} lam_model_node;

typedef struct lam_weight {
  char name[LAM_NAME_SIZE + 32]; /* "dense/kernel" */
  lam_shape shape;
  size_t count;
  size_t offset; /* in the block, a multiple of 16; what lies between weights is 0 and stays 0 */
  bool fixed;    /* no optimizer changes it and it has no gradient */
  lam_initializer initializer;
  lam_regularizer regularizer;
  lam_constraint constraint;
  size_t fan_in, fan_out;
} lam_weight;

typedef struct lam_input_scaling {
  float scale, offset;
} lam_input_scaling;

struct lam_model {
  lam_object object;
  lam_layer **layers;
  size_t layer_count;
  lam_model_node *nodes; /* in the order of computation */
  size_t node_count;
  size_t *edges;
  size_t edge_count;
  size_t *inputs, *outputs; /* indices of nodes */
  size_t input_count, output_count;
  lam_input_scaling *scaling; /* for each input; scale 0: none recorded */
  bool built;
  size_t users; /* trainers and sessions; it lives as long as they do */
  bool destroyed;
  uint64_t number; /* of the models of this context, from 1: the origin of layers applied elsewhere */
  uint64_t seed;   /* of its initial weights */
  lam_weight *weights;
  size_t weight_count, weight_capacity;
  bool constrained; /* a weight has a constraint */
  float *values;    /* the block: trained weights, then the fixed ones */
  size_t value_count, trained_count;
  char **class_names; /* one allocation of class_bytes; NULL */
  size_t class_count, class_bytes;
  /* How it was trained last: lam_trainer_create records it, files keep it, LAM_PROBABILITIES needs it. */
  bool has_training;
  lam_trainer_options training;
};

/* The same as lam_model_create from parts, for files: takes nothing over. Layers are copied; edges[i] are indices of earlier
 * nodes. */
lam_model *lam_model_from_graph(lam_graph *graph, const int *outputs, size_t count);

/* In two steps, for files: shapes and weights are inferred and can be compared with what the file holds before any memory is
 * taken for their values; then they get it, zeroed, and the model is built. */
lam_model *lam_model_outline(lam_graph *graph, const int *outputs, size_t count);
lam_status lam_model_allocate(lam_model *model);

/* Appends a node of a model to a graph that holds the model's earlier nodes, by their names: the layer's copy, or the same layer
 * again. `options` NULL: the layer's. And what a model knows beside its layers and weights. */
lam_node lam_copy_node(lam_graph *graph, const lam_model *model, size_t index, const lam_node *inputs, const void *options);
lam_status lam_copy_settings(lam_model *to, const lam_model *from);

/* For trainers and sessions, which need it to their end. */
void lam_model_hold(lam_model *model);
void lam_model_let_go(lam_model *model);

/* Draws the initial values of all weights (initializers.c), or takes those that layers bring with them. */
lam_status lam_initialize(lam_model *model);

/* Puts the weights where their constraints allow them to be; not those of nodes that `frozen` says (constraints.c). */
void lam_apply_constraints(lam_model *model, const bool *frozen);

/* Remembers how the model was trained, with a copy of the losses' options; and nothing of it. */
lam_status lam_model_set_training(lam_model *model, const lam_trainer_options *training);
void lam_model_forget_training(lam_model *model);
/* The loss of an output, whichever way the options say it. */
lam_loss_options lam_loss_of(const lam_trainer_options *options, size_t output);

/* What turns output `output` into probabilities: LAM_LINEAR where it gives them already or was not trained from logits. */
lam_activation lam_model_probabilities(const lam_model *model, size_t output);

/* The activation of a node's layer, LAM_LINEAR where it has none. */
lam_activation lam_layer_activation(const lam_layer *layer);
/* The same with its parameters. */
struct lam_function lam_layer_function(const lam_layer *layer);

#endif
