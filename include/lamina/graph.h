/* SPDX-License-Identifier: MIT
 *
 * lamina/graph.h: graphs of layers.
 *
 * A graph is nodes; a node is a layer applied to earlier nodes. Each function below appends one node and returns it by value, or
 * a failed node, which every later call passes on: errors need one check, where the model is created. A graph is what a model is
 * made from; it holds no weights. Shapes are those of one row: the batch is the only free dimension.
 *
 *   functional   lam_node a = lam_input(graph, shape), b = lam_dense(a, 64, NULL), c = lam_merge(...);
 *   sequential   lam_dense(lam_last(graph), 64, NULL); lam_dense(lam_last(graph), 10, NULL);
 *                The first lam_last of an empty graph is an input whose shape is taken from the data.
 */
#ifndef LAMINA_GRAPH_H
#define LAMINA_GRAPH_H

#include <lamina/array.h>
#include <lamina/gemm.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lam_graph lam_graph;

/* A node of a graph. index < 0: a failed one. */
typedef struct lam_node {
  lam_graph *graph;
  int index;
} lam_node;

/* An empty graph, or NULL. Since 0.1. */
LAM_API lam_graph *lam_graph_create(lam_context *context);
LAM_API void lam_graph_destroy(lam_graph *graph);

/* The node appended last; in an empty graph, an input of unknown shape. Since 0.1. */
LAM_API lam_node lam_last(lam_graph *graph);

/* Names the layer that made this node and returns the node. Layers are otherwise named as Keras does: dense, dense_1, ... The
 * name is 1 to 63 of letters, digits, '_', '-', '.' and new in its graph (LAM_INVALID_ARGUMENT). Since 0.1. */
LAM_API lam_node lam_named(lam_node node, const char *name);

/* Freezes the layer that made this node, or with true undoes that, and returns the node: Keras's Dense(trainable=False). What
 * a frozen layer is: lam_model_set_trainable in lamina/model.h. Since 0.1. */
LAM_API lam_node lam_trainable(lam_node node, bool trainable);

/* Applies the layer that made `layer` to other nodes: one layer, its weights shared, its gradients summed. Since 0.1. */
LAM_API lam_node lam_apply(lam_node layer, const lam_node *inputs, size_t count);

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* How a weight starts: X(NAME, name). The value means: the number (constant), the bound (random_uniform, 0.05), the standard
 * deviation (random_normal and truncated_normal, 0.05), the factor (orthogonal and identity, 1). Random ones draw from the
 * context's seed, each weight from a stream of its own, so that equal seeds and architectures give equal weights on every
 * machine; orthogonal needs a build with LAPACKE, and its bits are that library's. The variance scaling family is Glorot and
 * Bengio (AISTATS 2010), He et al. (ICCV 2015) and LeCun et al. (1998), with Keras's truncation of the normals at two standard
 * deviations. */
#define LAM_INITIALIZER_LIST(X)                                                                                                  \
  X(INITIALIZER_DEFAULT, default)                                                                                                \
  X(GLOROT_UNIFORM, glorot_uniform)                                                                                              \
  X(GLOROT_NORMAL, glorot_normal)                                                                                                \
  X(HE_UNIFORM, he_uniform)                                                                                                      \
  X(HE_NORMAL, he_normal)                                                                                                        \
  X(LECUN_UNIFORM, lecun_uniform)                                                                                                \
  X(LECUN_NORMAL, lecun_normal)                                                                                                  \
  X(RANDOM_UNIFORM, random_uniform)                                                                                              \
  X(RANDOM_NORMAL, random_normal)                                                                                                \
  X(TRUNCATED_NORMAL, truncated_normal)                                                                                          \
  X(ZEROS, zeros)                                                                                                                \
  X(ONES, ones)                                                                                                                  \
  X(CONSTANT, constant)                                                                                                          \
  X(IDENTITY, identity)                                                                                                          \
  X(ORTHOGONAL, orthogonal)

typedef enum lam_initializer_type {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_INITIALIZER_LIST(LAM_X)
#undef LAM_X
} lam_initializer_type;

typedef struct lam_initializer {
  lam_initializer_type type;
  float value; /* 0: the type's default above; LAM_ZERO: 0 */
} lam_initializer;

/* What a weight, or what a layer gives, costs: l1 times the sum of |w|, plus l2 times the sum of w^2. Each factor is at least 0;
 * 0 is none. (Keras's L1() and L2() without a number have 0.01.) The penalties are part of the loss that fit, evaluate and
 * callbacks tell; their gradients, l1 sign(w) + 2 l2 w with sign(0) = 0, are added to those of the data, before anything else is
 * done with these. A weight's penalty counts once however often its layer is applied, and not while the layer is frozen. Sums are
 * taken in double: element i goes to chain i mod 16, then chain j + 8 is added to chain j, j + 4, j + 2, j + 1; whatever the
 * threads. */
typedef struct lam_regularizer {
  float l1, l2;
} lam_regularizer;

/* What is done to a weight after each update: X(NAME, name). Norms are Euclidean, along an axis, in double; e is 1e-7:
 *   max_norm      w min(norm, max_value) / (e + norm); max_value 2 where none is given
 *   non_neg       max(w, 0)
 *   unit_norm     w / (e + norm)
 *   min_max_norm  w (rate clip(norm, min_value, max_value) + (1 - rate) norm) / (e + norm); max_value 1, rate 1, min_value 0 */
#define LAM_CONSTRAINT_LIST(X)                                                                                                   \
  X(NO_CONSTRAINT, none)                                                                                                         \
  X(MAX_NORM, max_norm)                                                                                                          \
  X(NON_NEG, non_neg)                                                                                                            \
  X(UNIT_NORM, unit_norm)                                                                                                        \
  X(MIN_MAX_NORM, min_max_norm)

typedef enum lam_constraint_type {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_CONSTRAINT_LIST(LAM_X)
#undef LAM_X
} lam_constraint_type;

typedef struct lam_constraint {
  lam_constraint_type type;
  float max_value, min_value, rate; /* 0: as above; LAM_ZERO: 0. At least 0 and finite, rate at most 1 */
  size_t axis;                      /* along which norms are taken; 0, the inputs of a unit, is Keras's default */
} lam_constraint;

/* Where rows come in. Rank 0: the shape is not known yet; it is then taken from the data, or from the first layer's input_dim.
 * Errors: LAM_INVALID_SHAPE for a size of 0, a rank above LAM_MAX_RANK, or more than 2^31 - 1 elements. Since 0.1. */
LAM_API lam_node lam_input(lam_graph *graph, lam_shape shape);

typedef struct lam_dense_options {
  lam_activation activation;
  bool no_bias;
  size_t input_dim;                   /* not 0: the width that must come in */
  lam_initializer kernel_initializer; /* default: glorot_uniform */
  lam_initializer bias_initializer;   /* default: zeros */
  lam_regularizer kernel_regularizer, bias_regularizer;
  lam_regularizer activity_regularizer; /* of the output, divided by the rows of the batch as Keras does */
  lam_constraint kernel_constraint, bias_constraint;
  uint64_t reserved[12];
} lam_dense_options;

/* y = activation(x W + b), over the last axis of x, as Keras: W is (width of x) x units. `options` may be NULL. Since 0.1. */
LAM_API lam_node lam_dense(lam_node x, size_t units, const lam_dense_options *options);

/* All axes of a row as one. Costs nothing when it runs. Since 0.1. */
LAM_API lam_node lam_flatten(lam_node x);

/* An activation alone; softmax, log_softmax and sparsemax run along the last axis. Since 0.1. */
LAM_API lam_node lam_activate(lam_node x, lam_activation activation);

/* Keras's Normalization, along the last axis: y = (x - mean) / max(sqrt(variance), 1e-7). Its weights mean and variance, 0 and 1
 * at first, are not trained: lam_adapt computes them from data, or lam_model_set_parameter sets them. Since 0.1. */
LAM_API lam_node lam_normalization(lam_node x);

/* Parameters of activations, by Keras's names; 0: as in lam_activation, LAM_ZERO: 0. Keras's layers ReLU, LeakyReLU and ELU are
 * LAM_RELU, LAM_LEAKY_RELU (whose slope as a layer is 0.3) and LAM_ELU with these. */
typedef struct lam_activation_options {
  float negative_slope; /* relu, leaky_relu: at least 0 */
  float max_value;      /* relu: at least 0; 0: none */
  float threshold;      /* relu, hard_shrink, soft_shrink: at least 0; threshold: any */
  float value;          /* threshold: what is there below it */
  float alpha;          /* elu: at least 0; celu: above 0 */
  float b;              /* squareplus: above 0 */
  uint64_t reserved[5];
} lam_activation_options;

/* The same with parameters; `options` may be NULL. LAM_INVALID_ARGUMENT for a parameter that the activation does not have or that
 * is out of its range. Since 0.1. */
LAM_API lam_node lam_activate_with(lam_node x, lam_activation activation, const lam_activation_options *options);

/* relu whose slope below 0 is a weight for each element of a row, "alpha"; the initialiser's default is zeros. Since 0.1. */
LAM_API lam_node lam_prelu(lam_node x, lam_initializer alpha);

typedef struct lam_prelu_options {
  lam_initializer alpha_initializer; /* zeros */
  lam_regularizer alpha_regularizer;
  lam_constraint alpha_constraint;
  uint64_t reserved[8];
} lam_prelu_options;

/* The same with all that can be said of the slopes; `options` may be NULL. Since 0.1. */
LAM_API lam_node lam_prelu_with(lam_node x, const lam_prelu_options *options);

/* The same elements as rows of another shape; one size may be 0: what is left. Costs nothing when it runs. Since 0.1. */
LAM_API lam_node lam_reshape(lam_node x, lam_shape shape);

/* scale * x + offset. A scale of 0 is 1. Since 0.1. */
LAM_API lam_node lam_rescaling(lam_node x, float scale, float offset);

/* While training, and not at inference or when evaluating: each element is dropped, that is 0, with probability `rate`, the
 * others are divided by 1 - rate; 0 <= rate < 1. And: adds normal numbers of this standard deviation, at least 0. Both draw from
 * the trainer's seed, streams of their own for each node and step (docs/numerics.md), so that neither threads nor a resumed run
 * change anything. Since 0.1. */
LAM_API lam_node lam_dropout(lam_node x, float rate);
LAM_API lam_node lam_gaussian_noise(lam_node x, float stddev);

/* Keras's ActivityRegularization: passes its input on and adds its penalty, divided by the rows of the batch, to the loss; at
 * each of its applications. Costs nothing at inference. Since 0.1. */
LAM_API lam_node lam_activity_regularization(lam_node x, lam_regularizer regularizer);

/* How several nodes of one shape become one: X(NAME, name). */
#define LAM_MERGE_LIST(X)                                                                                                        \
  X(ADD, add)                                                                                                                    \
  X(SUBTRACT, subtract)                                                                                                          \
  X(MULTIPLY, multiply)                                                                                                          \
  X(AVERAGE, average)                                                                                                            \
  X(MAXIMUM, maximum)                                                                                                            \
  X(MINIMUM, minimum)

typedef enum lam_merge_type {
#define LAM_X(NAME, name) LAM_MERGE_##NAME,
  LAM_MERGE_LIST(LAM_X)
#undef LAM_X
} lam_merge_type;

/* Keras's merging layers, element by element, of at least two nodes of one shape; subtract of two. Where several are the largest
 * or the smallest, the first of them gets the gradient. Since 0.1. */
LAM_API lam_node lam_merge(lam_merge_type type, const lam_node *nodes, size_t count);

/* The nodes one behind the other along the last axis; the other axes must agree. At least two nodes. Since 0.1. */
LAM_API lam_node lam_concatenate(const lam_node *nodes, size_t count);

#ifdef __cplusplus
}
#endif
#endif
