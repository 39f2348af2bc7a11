/* SPDX-License-Identifier: MIT
 *
 * The tables of built-in layers and losses: adding one is a file here and a line there.
 */
#ifndef LAM_LAYERS_LAYERS_H
#define LAM_LAYERS_LAYERS_H

#include "graph/plan.h"
#include "layers/losses.h"
#include <lamina/layers.h>

extern const lam_layer_type lam_dense_type, lam_flatten_type, lam_activation_type, lam_concatenate_type, lam_normalization_type;
extern const lam_layer_type lam_merge_types[]; /* by lam_merge_type */
extern const lam_layer_type lam_prelu_type, lam_reshape_type, lam_rescaling_type, lam_dropout_type, lam_gaussian_noise_type;
extern const lam_layer_type lam_activity_regularization_type;
extern const lam_layer_type lam_batch_normalization_type, lam_layer_normalization_type, lam_rms_normalization_type, lam_glu_type,
    lam_permute_type, lam_whitening_layer_type;
extern const lam_layer_type lam_softmax_types[3];

/* The options of a Dense. */
typedef struct lam_dense_layer {
  size_t units;
  lam_dense_options options;
} lam_dense_layer;

/* The options of a Whitening. */
typedef struct lam_whitening_layer {
  lam_whitening_options options;
} lam_whitening_layer;

/* Whether a Normalization has statistics that were given, and so are not adapted. */
bool lam_normalization_is_given(const lam_layer *layer);
bool lam_normalization_is_inverted(const lam_layer *layer);

/* Every layer type, ended by NULL. */
extern const lam_layer_type *const lam_layer_types[];
/* The type of a name such as "Dense", or NULL. */
const lam_layer_type *lam_layer_type_find(const char *name);

/* Names of the enums of the public headers, ended by NULL. */
extern const char *const lam_activation_names[],
    *const lam_initializer_names[], *const lam_loss_names[], *const lam_optimizer_names[], *const lam_constraint_names[];

/* Checks of options that layers share. */
lam_status lam_check_activation(lam_context *context, const char *layer, lam_activation activation);
lam_status lam_check_initializer(lam_context *context, const char *layer, lam_initializer initializer);
/* `what` is "kernel". */
lam_status lam_check_regularizer(lam_context *context, const char *layer, const char *what, lam_regularizer regularizer);
lam_status lam_check_constraint(lam_context *context, const char *layer, const char *what, lam_constraint constraint);

/* The fields of a regularizer or a constraint that is `member` of `type`, for its table; `prefix` is "kernel_regularizer". They
 * are left out of files where they say nothing. */
#define LAM_REGULARIZER_FIELDS(owner, member, prefix)                                                                            \
  { prefix "_l1", LAM_FIELD_FLOAT, offsetof(owner, member.l1), NULL, true }, {                                                   \
    prefix "_l2", LAM_FIELD_FLOAT, offsetof(owner, member.l2), NULL, true                                                        \
  }
#define LAM_CONSTRAINT_FIELDS(owner, member, prefix)                                                                             \
  { prefix, LAM_FIELD_ENUM, offsetof(owner, member.type), lam_constraint_names, true },                                          \
      { prefix "_max_value", LAM_FIELD_FLOAT, offsetof(owner, member.max_value), NULL, true },                                   \
      { prefix "_min_value", LAM_FIELD_FLOAT, offsetof(owner, member.min_value), NULL, true },                                   \
      { prefix "_rate", LAM_FIELD_FLOAT, offsetof(owner, member.rate), NULL, true }, {                                           \
    prefix "_axis", LAM_FIELD_SIZE, offsetof(owner, member.axis), NULL, true                                                     \
  }

lam_status lam_check_epsilon(lam_context *context, const char *layer, float epsilon);
lam_status lam_check_axes(lam_context *context, const char *layer, const lam_axes *axes);

/* What an option says: `standard` where it is 0, and 0 where it is LAM_ZERO. */
static inline float lam_option(float value, float standard) {
  return value == 0.0f ? standard : value == LAM_ZERO ? 0.0f : value;
}
lam_initializer lam_initializer_or(lam_initializer said, lam_initializer_type standard);
/* What the options of a weight say of it; lam_declare_gain is for factors and terms, one for each element. */
typedef struct lam_gain {
  lam_initializer initializer;
  lam_regularizer regularizer;
  lam_constraint constraint;
} lam_gain;
lam_status lam_check_gain(lam_context *context, const char *layer, const char *name, lam_gain gain);
lam_status lam_declare_gain(lam_shaping *shaping, const char *name, lam_shape shape, lam_gain gain,
                            lam_initializer_type standard);

/* Marks the axes of a shape; no axes said: the last one. False where one of them is not there, or is said twice. */
bool lam_find_axes(const lam_shape *shape, const lam_axes *axes, bool found[LAM_MAX_RANK]);
/* The same for the first input, with a sentence. */
lam_status lam_shape_axes(lam_shaping *shaping, const lam_axes *axes, bool found[LAM_MAX_RANK]);
/* The number of elements along the axes, and their sizes, where they are the last ones in any order; else 0. */
size_t lam_last_axes(const lam_shape *shape, const lam_axes *axes, lam_shape *last);

/* A row's axes in another order: sizes, and how far elements are apart in the row. */
typedef struct lam_ordering {
  size_t rank, size[LAM_MAX_RANK], step[LAM_MAX_RANK];
  size_t together; /* elements along the axes that come last */
  bool in_place;   /* they are the last ones already */
} lam_ordering;
/* Those of the axes last, which must be there; each group in the order it has. */
lam_ordering lam_ordering_of(const lam_shape *shape, const lam_axes *axes);
/* Copies a row to the new order, or back. */
void lam_reorder(float *out, const float *in, const lam_ordering *order, bool back);

/* Emits y = x W along the last axis, W being `in` x units, and its input's gradient dx = dy W^T. The first is returned for what
 * may follow it: a bias and a function. NULL and LAM_OUT_OF_MEMORY where memory is exhausted. */
lam_operation *lam_emit_product(lam_lowering *lowering, lam_buffer y, lam_buffer x, float *w, size_t in, size_t units);
lam_status lam_emit_product_backward(lam_lowering *lowering, lam_buffer dx, lam_buffer dy, float *w, size_t in, size_t units);

/* Emits y = f(x) for the layer's function over its output shape, or dx = dy f'(x) from v, which is y or x
 * (lam_function_from_x); the buffers may be the same. */
lam_status lam_emit_activation(lam_lowering *lowering, lam_buffer y, lam_buffer x);
lam_status lam_emit_activation_backward(lam_lowering *lowering, lam_buffer dx, lam_buffer dy, lam_buffer v);

#endif
