/* SPDX-License-Identifier: MIT
 *
 * lamina/custom.h: layers of one's own: what comes out, which weights there are, a forward and a backward pass. Once registered
 * with a context, a type of layer is used like those of lamina/graph.h, in both interfaces, and saved with its models; a context
 * that loads such a model must know the type by its name.
 */
#ifndef LAMINA_CUSTOM_H
#define LAMINA_CUSTOM_H

#include <lamina/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LAM_CUSTOM_MESSAGE = 160 };

/* A member of a layer's options struct, by which files hold it. */
typedef enum lam_custom_kind { LAM_CUSTOM_FLOAT, LAM_CUSTOM_SIZE, LAM_CUSTOM_FLAG, LAM_CUSTOM_SHAPE } lam_custom_kind;
typedef struct lam_custom_field {
  const char *name;     /* NULL ends the table */
  lam_custom_kind kind; /* float (finite), size_t, bool, lam_shape */
  size_t offset;
} lam_custom_field;

typedef struct lam_custom_weight {
  const char *name; /* "kernel"; 1 to 31 of letters, digits, '_', '-', '.' */
  lam_shape shape;
  lam_initializer initializer; /* default: glorot_uniform; fan_in is the first axis, fan_out the last */
  lam_regularizer regularizer;
  lam_constraint constraint;
  bool fixed; /* no optimizer changes it */
  uint64_t reserved[4];
} lam_custom_weight;

/* What `shape` is told, and tells. */
typedef struct lam_custom_shaping {
  void *user;
  const void *options;
  const lam_shape *inputs;
  size_t input_count;
  lam_shape output;                 /* to be set; begins as that of the first input */
  size_t saved;                     /* to be set: floats a row that the forward pass leaves for the backward pass; begins as 0 */
  char message[LAM_CUSTOM_MESSAGE]; /* why it fails */
  void *inner;                      /* the library's */
} lam_custom_shaping;

/* Declares a weight: the same ones in the same order whenever it is called for a layer. Its status is to be returned. Since 0.1.
 */
LAM_API lam_status lam_custom_add_weight(lam_custom_shaping *shaping, const lam_custom_weight *weight);

/* What a pass works on. A row of a value has as many floats as its shape has elements; rows lie one behind the other. */
typedef struct lam_custom_pass {
  void *user;
  const void *options;
  const char *layer; /* its name */
  size_t rows;
  bool training;       /* false at inference and when evaluating */
  uint64_t seed, step; /* for noise: a function of both (lam_random_uniform), so that the backward pass has it again */
  size_t input_count, weight_count;
  const lam_shape *input_shapes;
  lam_shape output_shape;
  const float *const *inputs;
  const float *const *weights; /* in the order of their declaration */
  float *output;               /* forward writes it wholly; backward finds it */
  float *saved;                /* likewise; NULL where none was asked for or no backward pass follows */
  /* In the backward pass only. Gradients are sums over the rows, as the output's are those of the mean loss. */
  const float *output_gradient;
  float *const *input_gradients;    /* each to be written wholly, or NULL: nobody asks for it */
  float *const *weight_gradients;   /* likewise; NULL for fixed weights and frozen layers */
  char message[LAM_CUSTOM_MESSAGE]; /* why it fails */
} lam_custom_pass;

/* A type of layer. Functions return LAM_OK or why they failed, with a message if they like; a step that fails changes no trained
 * weight, and the call that ran it returns this status with a sentence that names the layer. Threads: a pass is called once for
 * the whole batch, on the thread that called the library; with sessions in several threads, several at once. Nothing of Lamina
 * but its kernels and random numbers may be called from it. */
typedef struct lam_custom_layer {
  const char *name;    /* of the type, as files and summaries have it: "Wave"; as a layer's, and not a built-in type's */
  size_t options_size; /* of its options struct; 0: none */
  const lam_custom_field *fields;   /* of the options that files hold; NULL: none. Others are zero when a model is loaded */
  size_t least_inputs, most_inputs; /* 0: 1, and as least_inputs */
  lam_status (*shape)(lam_custom_shaping *shaping); /* NULL: the shape of the first input, and no weights. May be called often */
  lam_status (*forward)(lam_custom_pass *pass);
  lam_status (*backward)(lam_custom_pass *pass); /* NULL: nothing at or below it can be trained. lam_gradient_check checks it */
  void *user;                                    /* for the functions; must outlive the context */
  uint64_t reserved[8];
} lam_custom_layer;

/* Registers a type of layer with a context, for as long as that lives; everything is copied. Errors: LAM_INVALID_ARGUMENT for a
 * name that is taken or malformed, no forward function, a field beyond options_size. Since 0.1. */
LAM_API lam_status lam_custom_register(lam_context *context, const lam_custom_layer *layer);

/* Appends a layer of a registered type, applied to nodes of one graph. `options` (options_size bytes) is copied; NULL: zero.
 * Errors, as with other nodes: LAM_UNKNOWN_NAME with the nearest names, LAM_INVALID_ARGUMENT for another number of nodes. Since
 * 0.1. */
LAM_API lam_node lam_custom(const char *type, const lam_node *nodes, size_t count, const void *options);

#ifdef __cplusplus
}
#endif
#endif
