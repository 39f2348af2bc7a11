/* SPDX-License-Identifier: MIT
 *
 * lamina/model.h: models (layers with weights) and sessions (inference).
 */
#ifndef LAMINA_MODEL_H
#define LAMINA_MODEL_H

#include <lamina/data.h>
#include <lamina/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lam_model lam_model;
typedef struct lam_session lam_session;

/* ---- models ------------------------------------------------------------------------------------------------------ */

/* Makes a model that computes `outputs`, all of one graph: sorts the nodes, infers and checks every shape, draws the initial
 * weights. Its inputs are the graph's inputs in the order they were made. Where an input's shape is unknown the model is not
 * built yet: lam_model_build, or the first fit, does that. The graph is not needed afterwards; two models of one graph have
 * weights of their own.
 * Errors: LAM_INVALID_SHAPE with both layers' names and shapes; LAM_INVALID_ARGUMENT (no outputs, different graphs, an input that
 * reaches no output). Since 0.1. */
LAM_API lam_model *lam_model_create(const lam_node *outputs, size_t count);

/* Gives the shapes of all inputs to a model that is not built (one of rank 0 keeps what is known). Nothing happens to a built
 * one whose shapes agree; shapes that do not are LAM_INVALID_SHAPE. Since 0.1. */
LAM_API lam_status lam_model_build(lam_model *model, const lam_shape *inputs, size_t count);

/* One that trainers or sessions use goes with the last of them. Since 0.1. */
LAM_API void lam_model_destroy(lam_model *model);

/* A new model that computes the same with fewer layers: dense layers with no activation between them are one, since
 * (x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2). It has the name, the activation, the initialisers, regularizers and constraints
 * of the last of them. Batch normalizations right before, between and right behind such layers are folded in with their moving
 * statistics, as they act at inference. Nothing between two layers that fold may be seen from elsewhere: an output of the model,
 * a node that feeds several others, and a layer applied more than once are left alone. A Flatten of rows that are flat, and an
 * Activation that is linear, do not stand between them. Everything else is copied: weights, input scaling, the configuration of
 * the last training. Products and sums are taken in double and rounded once: each new weight is within 2^-24 |w| + K 2^-53 m of
 * the exact w (at least 2^-150), K being the sum of the inner widths plus the number of layers, a normalization counting five, m
 * the same product taken over absolute values. A narrow layer between wide ones makes the folded model the larger one. Errors:
 * LAM_INVALID_SHAPE for a model that is not built, LAM_INVALID_DATA where a product is beyond the floats. Since 0.1. */
LAM_API lam_model *lam_model_fold(const lam_model *model);

/* The numbers of inputs and outputs and their shapes; rank 0 while unknown. A shape's index beyond the count gives rank 0. Since
 * 0.1. */
LAM_API bool lam_model_is_built(const lam_model *model);
LAM_API size_t lam_model_input_count(const lam_model *model);
LAM_API size_t lam_model_output_count(const lam_model *model);
LAM_API lam_shape lam_model_input_shape(const lam_model *model, size_t input);
LAM_API lam_shape lam_model_output_shape(const lam_model *model, size_t output);

/* What summary() tells of one node, in the order of computation; strings live as long as the model. */
typedef struct lam_layer_info {
  const char *name;  /* "dense_1" */
  const char *type;  /* "Dense" */
  lam_shape output;  /* rank 0: not built */
  size_t parameters; /* numbers in its weights; 0 for a repeated application, whose weights were counted before */
  size_t inputs;     /* nodes it is connected to; their places in this list: lam_model_layer_input */
  size_t fixed;      /* of its parameters, those that no optimizer changes: all where the layer is frozen */
  bool frozen;       /* lam_model_set_trainable */
} lam_layer_info;

/* How many there are, and one of them; LAM_INVALID_ARGUMENT beyond the last, and SIZE_MAX as the place of an input. Since 0.1. */
LAM_API size_t lam_model_layer_count(const lam_model *model);
LAM_API lam_status lam_model_layer(const lam_model *model, size_t layer, lam_layer_info *info);
LAM_API size_t lam_model_layer_input(const lam_model *model, size_t layer, size_t input);

/* The place in that list of a layer by its name, the first where it is applied several times; SIZE_MAX with LAM_UNKNOWN_NAME, the
 * nearest names in the sentence, where there is none. Since 0.1. */
LAM_API size_t lam_model_find_layer(const lam_model *model, const char *name);

/* Freezes a layer, or with `trainable` true undoes that, as Keras's layer.trainable: its weights are not changed and no gradients
 * are computed for them, nor for what lies below them and is not trained either; their penalties do not count and their
 * constraints are not applied. It acts on trainers made from then on (Keras: after the next compile), and is saved with the
 * model. `name` may be that of an applied model (lam_apply_model): all its layers; NULL: all layers. Errors: LAM_UNKNOWN_NAME.
 * Since 0.1. */
LAM_API lam_status lam_model_set_trainable(lam_model *model, const char *name, bool trainable);

/* One weight tensor. `data` may be read while no training step runs; it lives as long as the model. */
typedef struct lam_parameter {
  const char *name; /* "dense/kernel", "dense/bias" */
  lam_shape shape;
  size_t count;
  const float *data;
  bool fixed;  /* no optimizer changes it: mean and variance of a normalization */
  bool frozen; /* its layer is frozen */
} lam_parameter;

/* How many tensors there are (0 while the model is not built), and one of them; LAM_INVALID_ARGUMENT beyond the last. Since 0.1.
 */
LAM_API size_t lam_model_parameter_count(const lam_model *model);
LAM_API lam_status lam_model_parameter(const lam_model *model, size_t index, lam_parameter *parameter);
/* Replaces the values of the weight with this name; `count` must be its own. Not while a session of this model runs.
 * Errors: LAM_UNKNOWN_NAME, LAM_INVALID_SHAPE. Since 0.1. */
LAM_API lam_status lam_model_set_parameter(lam_model *model, const char *name, const float *values, size_t count);

/* The weights of layer `layer`: `*count` of them from `*first` on, as lam_model_parameter counts; a repeated application has
 * those of the first. Since 0.1. */
LAM_API lam_status lam_model_layer_parameters(const lam_model *model, size_t layer, size_t *first, size_t *count);

/* All weights as one block: tensor by tensor in the order of lam_model_parameter, without gaps. `count` must be their number of
 * floats, which lam_model_count_params gives (0 while the model is not built). Setting them: not while a session of this model
 * runs. Errors: LAM_INVALID_SHAPE. Since 0.1. */
LAM_API size_t lam_model_count_params(const lam_model *model);
LAM_API lam_status lam_model_get_weights(const lam_model *model, float *values, size_t count);
LAM_API lam_status lam_model_set_weights(lam_model *model, const float *values, size_t count);

/* Copies weights from another model: tensor for tensor in their order, whatever their layers' names; all must agree in shape, or
 * nothing is copied. A part is the name under which a model was applied (lam_apply_model): then only the weights of the layers
 * that came with it; NULL: all. So, once `whole`, to which `encoder` was applied as "encoder", has been trained,
 *   lam_model_copy_weights(encoder, NULL, whole, "encoder")
 * takes back what it has learned. The models may be of different contexts. Errors: LAM_INVALID_SHAPE with both names,
 * LAM_UNKNOWN_NAME for a part. Since 0.1. */
LAM_API lam_status lam_model_copy_weights(lam_model *to, const char *to_part, const lam_model *from, const char *from_part);

typedef struct lam_clone_options {
  bool weights;  /* the same weights; otherwise new ones are drawn, as Keras's clone_model */
  uint64_t seed; /* from this seed; 0: the context's, which gives the weights that the model began with */
  uint64_t reserved[4];
} lam_clone_options;

/* A new model of the same architecture, built where `model` is, with the same frozen layers, input scaling, class names and
 * training options. `options` may be NULL. Since 0.1. */
LAM_API lam_model *lam_model_clone(const lam_model *model, const lam_clone_options *options);

/* ---- a model as a layer ------------------------------------------------------------------------------------------ */

/* Applies a built model to nodes, one for each of its inputs, in the graph of these nodes, and returns the node of its first
 * output; outputs[i], if `outputs` is not NULL, gets that of output i. The model's layers become layers of the graph, named
 * NAME.LAYER: they are listed, saved and frozen like others, and lam_model_set_trainable(model, NAME, ...) takes all of them.
 * NULL as a name is "model", "model_1", ... Weights are copied and not shared with `model`: a model made from the graph starts
 * with those that `model` has at this moment, and the two learn apart (lam_model_copy_weights brings them back together). Within
 * the graph they are shared: applying the same model there again applies the same layers, its name being NULL or the same. Each
 * model made from the graph has weights of its own. Errors: LAM_INVALID_SHAPE for a model that is not built, and, from
 * lam_model_create, where rows of another width come in; LAM_INVALID_ARGUMENT for another number of nodes or a name that is taken
 * or too long. Since 0.1. */
LAM_API lam_node lam_apply_model(const lam_model *model, const char *name, const lam_node *nodes, size_t count,
                                 lam_node *outputs);

/* How elements of input arrays without a scale of their own become numbers: scale * element + offset. Recorded by the first fit
 * from its dataset, saved with the model; scale 0: none recorded. Since 0.1. */
LAM_API lam_status lam_model_input_scaling(const lam_model *model, size_t input, float *scale, float *offset);
LAM_API lam_status lam_model_set_input_scaling(lam_model *model, size_t input, float scale, float offset);

/* The names of the classes that the first output tells apart, in the order of their labels: recorded by the first fit whose
 * dataset has them, saved with the model. NULL where there is none. Since 0.1. */
LAM_API const char *lam_model_class_name(const lam_model *model, size_t label);
/* How many there are; 0: none recorded. Since 0.1. */
LAM_API size_t lam_model_class_count(const lam_model *model);
/* Replaces them; the strings are copied. NULL and 0: none. Since 0.1. */
LAM_API lam_status lam_model_set_class_names(lam_model *model, const char *const *names, size_t count);

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

/* What comes out. */
typedef enum lam_output_kind {
  LAM_OUTPUTS,      /* what the network's last layer gives, as Keras's predict */
  LAM_PROBABILITIES /* softmax or sigmoid applied where the model was trained from logits; otherwise the same */
} lam_output_kind;

typedef struct lam_session_options {
  size_t max_rows; /* of one call; 0: 1. Many go through the network in blocks that stay in cache, and need no more memory */
  lam_output_kind kind;
  const char *gemm; /* NULL: "native", which neither locks nor allocates and gives every row the same bits in any batch */
  uint64_t reserved[8];
} lam_session_options;

/* One caller's memory for inference on a built model. The model is only read: any number of sessions, each in one thread at a
 * time, may run at once while nobody trains the model or sets its weights. Creating and destroying sessions is the context's
 * thread's business. Since 0.1. */
LAM_API lam_session *lam_session_create(lam_model *model, const lam_session_options *options);
LAM_API void lam_session_destroy(lam_session *session);

/* Runs rows through the network. Where a call is large enough, as max_rows and the widths tell when the session is made, the
 * context's other threads help, those of one call at a time, and a call may then wait in the kernel; small ones, and all with a
 * context of one thread, run on the caller's thread alone. `inputs` has one array for each input, all of the same number of rows,
 * at most max_rows; outputs[i] gets rows x width floats of output i, or is NULL: not wanted. With the native gemm it does not
 * allocate, and on one thread neither locks nor calls the system. Errors: LAM_INVALID_SHAPE, LAM_INVALID_ARGUMENT; the sentence
 * is the session's. Since 0.1. */
LAM_API lam_status lam_session_run(lam_session *session, const lam_array *inputs, size_t input_count, float *const *outputs,
                                   size_t output_count);

/* The class of each row by the first output: the argmax, or for an output of width 1 whether the probability is above 0.5.
 * Softmax and sigmoid are not computed. Since 0.1. */
LAM_API lam_status lam_session_classes(lam_session *session, const lam_array *inputs, size_t input_count, int32_t *classes,
                                       size_t count);

/* The sentence of this session's last failure; empty when nothing failed. Since 0.1. */
LAM_API const char *lam_session_error_message(const lam_session *session);

#ifdef __cplusplus
}
#endif
#endif
