/* SPDX-License-Identifier: MIT
 *
 * The plan: a model, perhaps with losses, as a flat array of prepared operations in one arena.
 *
 * Making a plan (plan.c) decides which activations are computed with their layer or with their loss, lets every layer
 * emit its operations, and places every buffer by its lifetime. Running it (run.c) is a loop: no allocation, no decision.
 */
#ifndef LAM_GRAPH_PLAN_H
#define LAM_GRAPH_PLAN_H

#include "blas/gemm.h"
#include "graph/model.h"
#include "kernels/kernels.h"

typedef struct lam_plan lam_plan;
typedef struct lam_operation lam_operation;

/* What changes from one run of a plan to the next. */
typedef struct lam_step {
  size_t rows;
  bool training;         /* gradients are wanted: a loss writes them; noise is on, batch normalization learns */
  bool still;            /* it does not: the gradients are only looked at */
  uint64_t seed, number; /* of noise: it is a function of both, of the layer and of the element */
  size_t worker;         /* who computes: 0 is the thread that runs the plan */
} lam_step;

typedef struct lam_operand {
  float *data;
  size_t ld; /* floats from one row to the next */
} lam_operand;

enum { LAM_MOST_OPERANDS = 6 };

/* An entry of the plan. `run` computes the units [begin, end), which do not depend on each other: rows of the batch where `units`
 * is 0, else blocks of columns. Its meaning of the operands is its own; they come outputs first. */
struct lam_operation {
  void (*run)(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end);
  lam_operand operand[LAM_MOST_OPERANDS];
  const struct lam_gemm *gemm; /* of a product */
  const float *weight;         /* or another pointer to parameters that is not an operand */
  size_t columns;              /* of what it writes */
  size_t inner;       /* of a product: the length of the sums; of a copy: the first column written; of noise: its node's number */
  size_t offset;      /* of a copy: the first column read */
  size_t repeat;      /* matrix rows for each row of the batch */
  size_t units, unit; /* number of column blocks, and their width */
  size_t grain;       /* units that a worker takes at least; 0: the thread that runs the plan does all of them */
  bool by_rows;       /* the units of a product are blocks of the result's rows */
  float cost;         /* nanoseconds for each number written, where it is neither a product nor a function: 1/16 unless set */
  lam_function function; /* an activation */
  float number;
  int choice;
  const char *name; /* "forward", "weight gradient": for profiles */
  const char *layer;
};

/* A loss as the plan sees it; src/layers holds the table. */
typedef struct lam_loss_rows lam_loss_rows;
typedef struct lam_loss_type {
  const char *name;
  bool sparse;           /* integer labels */
  bool classifies;       /* accuracy means something whatever the last activation is */
  bool whole;            /* of all elements of a row as one; otherwise of each row along the last axis */
  lam_activation logits; /* what from_logits leaves out; LAM_LINEAR: it has no logits */
  lam_status (*run)(const lam_loss_rows *rows);
} lam_loss_type;

/* A loss with its options, defaults filled in, and what follows from them. */
typedef struct lam_loss_setting {
  const lam_loss_type *type; /* NULL: none */
  lam_loss_options options;
  bool one;             /* the whole batch has one loss, which stands in every row */
  bool at_once;         /* it looks at the whole batch */
  bool changes_targets; /* it needs room for as many numbers as there are targets */
  bool labels;          /* targets are one integer a row */
} lam_loss_setting;

/* What a loss is run on: dense rows. */
struct lam_loss_rows {
  const lam_kernel_table *kernels;
  const lam_loss_setting *setting;
  bool logits;
  size_t rows, columns;
  float *losses, *gradient; /* gradient NULL: not wanted */
  const float *outputs, *targets;
  const int32_t *labels;
  float *room; /* with changes_targets */
  float scale; /* of the gradients */
};

/* A penalty of the loss: of a weight, or of what a layer gives. */
typedef struct lam_penalty {
  lam_regularizer regularizer;
  const float *values; /* of a weight */
  float *gradient;
  size_t count;
  double value;
  float *rows; /* of an output: a double for each row */
} lam_penalty;

/* What an operation reports that can fail: a layer from outside. */
typedef struct lam_plan_failure {
  lam_status status;
  char message[384];
} lam_plan_failure;

typedef struct lam_kept {
  void *memory;
  size_t size;
} lam_kept;

typedef struct lam_plan_options {
  size_t max_rows;
  const bool *frozen; /* for each node: its weights are not trained; NULL: all are */
  const struct lam_gemm *gemm;
  const lam_loss_setting *losses; /* one for each output; NULL: none */
  bool weighted;                  /* each row's loss and its gradient are multiplied by a weight */
  bool no_fusion;
  bool backward; /* operations of the backward pass: from the losses, or from the caller's output gradients */
  bool input_gradients;
  bool draft;         /* made to find what does not fit: the backend "auto" need not measure */
  bool metrics;       /* count right answers of the first output */
  bool inference;     /* last softmax or sigmoid as operations of their own, to be skipped where only the class is asked */
  bool probabilities; /* with inference: softmax or sigmoid also where the model was trained from logits */
  size_t calls;       /* how often it runs in a call; 0: once */
} lam_plan_options;

struct lam_plan {
  lam_model *model;
  lam_context *context;
  const lam_kernel_table *kernels;
  const struct lam_gemm *gemm;
  struct lam_pool *pool; /* NULL: no operation is shared */
  lam_plan_options options;
  lam_operation *operations; /* [0, forward_count) forward and losses, then the finishing or backward ones */
  size_t operation_count, forward_count, operation_capacity;
  float *arena;
  size_t arena_size; /* bytes */
  float *gradients;  /* as the trained part of the model's block; NULL without backward */
  /* Where the caller puts rows and finds results; each rows x width, lying next to each other. */
  float **inputs, **outputs, **targets, **losses;
  float **weights;     /* with weighted: a number for each row of each output; else NULLs */
  float **raw_outputs; /* before the finishing operations: enough to tell the class */
  float **output_gradients, **input_gradients;
  lam_plan_failure *failure; /* NULL: nothing in it can fail */
  lam_kept *kept;            /* memory of operations */
  size_t kept_count, kept_capacity;
  lam_penalty *penalties; /* the weights', then the outputs' */
  size_t penalty_count, weight_penalty_count, penalty_capacity;
  float *right; /* with metrics: 1 for each row whose class is right, else 0 */
  bool has_accuracy;
};

lam_plan *lam_plan_create(lam_model *model, const lam_plan_options *options);
void lam_plan_destroy(lam_plan *plan); /* NULL is allowed */
/* The activation that an output lacks in this plan, because it is computed with the loss; LAM_LINEAR: none. */
lam_activation lam_plan_left_out(const lam_plan *plan, size_t output);

/* Runs the operations [first, end): one at a time, for profiles. An operation that fails is the last one that runs, and the
 * plan's `failure` tells which. */
lam_status lam_plan_run(const lam_plan *plan, const lam_step *step, size_t first, size_t end);
/* Runs the forward operations (and losses), or the rest; after a forward that failed there is nothing to finish. */
lam_status lam_plan_forward(const lam_plan *plan, const lam_step *step);
lam_status lam_plan_finish(const lam_plan *plan, const lam_step *step);
/* Gives the context the sentence of a status that one of these returned; not where others use the context. */
lam_status lam_plan_tell(const lam_plan *plan, lam_status status);

/* The loss of the last forward run, all outputs together by their weights, with the penalties, and the number of right rows; sums
 * in double. `each` gets the loss of each output without its weight, or is NULL. */
double lam_plan_loss(const lam_plan *plan, const lam_step *step, double *each);
/* Whether an output's loss works from logits: as its options say, or because the plan leaves out a softmax or sigmoid. */
bool lam_plan_takes_logits(const lam_plan *plan, size_t output);
/* The type of an output's loss, or NULL; how wide its targets are. */
const lam_loss_type *lam_plan_loss_type(const lam_plan *plan, size_t output);
size_t lam_plan_target_width(const lam_plan *plan, size_t output);
double lam_plan_penalty(const lam_plan *plan, const lam_step *step); /* its part of the loss */
double lam_plan_right(const lam_plan *plan, const lam_step *step);

/* ---- what a layer's forward and backward use ----------------------------------------------------------------------- */

typedef uint32_t lam_buffer; /* a matrix of the arena, while the plan is made */
#define LAM_NO_BUFFER UINT32_MAX

/* Emits an operation of the layer being lowered; NULL where memory is exhausted (then the plan fails). columns, repeat, units may
 * be set afterwards; lam_emit sets repeat 1 and rows as units. */
lam_operation *lam_emit(lam_lowering *lowering, const char *name,
                        void (*run)(const lam_operation *, const lam_plan *, const lam_step *, size_t, size_t));
/* Binds operand `index` of the last emitted operation to a buffer with `ld` floats a row. */
void lam_bind(lam_lowering *lowering, size_t index, lam_buffer buffer, size_t ld);
/* Binds it to memory of its own: weights and their gradients. */
void lam_bind_memory(lam_lowering *lowering, size_t index, float *data, size_t ld);
/* Writes to *place where the buffer lies, once that is known; the last emitted operation uses it. */
void lam_bind_place(lam_lowering *lowering, float **place, lam_buffer buffer);
/* Divides the columns of the last emitted operation into units on a grid that depends on their number alone. */
void lam_by_columns(lam_lowering *lowering);
/* The last emitted operation is a product, op(A) op(B), of its rows, columns and inner size: binds its backend, the plan's or the
 * one that "auto" chooses, and operand `scratch` to what the native product packs in, a piece for each worker (to nothing where
 * that would not make it faster). The native product, whose bits do not depend on it, gets units of its own: rows of the result,
 * of the batch where `units` is 0 and else of `unit` rows as `by_rows` says, or narrower blocks of columns. */
void lam_bind_product(lam_lowering *lowering, lam_transpose transa, lam_transpose transb, size_t scratch);

lam_buffer lam_input_value(lam_lowering *lowering, size_t input);
lam_buffer lam_output_value(lam_lowering *lowering); /* the layer's own result; made at the first call */
void lam_output_is_input(lam_lowering *lowering);    /* the result is the first input as it is */
const lam_shape *lam_input_shape(const lam_lowering *lowering, size_t input);
size_t lam_input_number(const lam_lowering *lowering);
size_t lam_node_number(const lam_lowering *lowering); /* in the model */
bool lam_for_inference(const lam_lowering *lowering); /* the plan never trains */
const lam_shape *lam_output_shape(const lam_lowering *lowering);
const lam_function *lam_lowered_function(const lam_lowering *lowering); /* the one to compute, which the plan may have changed */
/* What the layer's forward pass leaves for its backward pass beside its result; made at the first call. */
lam_buffer lam_saved_value(lam_lowering *lowering);
/* Instead: `width` floats for each row of the batch, or with `whole` once for all of it. */
lam_buffer lam_saved_numbers(lam_lowering *lowering, size_t width, bool whole);
/* How many the layer's shape function asked for. */
size_t lam_saved_width(const lam_lowering *lowering);
/* Zeroed memory that lives as long as the plan; NULL where there is none left. */
void *lam_keep(lam_lowering *lowering, size_t size);
/* Where an operation of this plan reports that it failed; such operations have one unit. */
lam_plan_failure *lam_may_fail(lam_lowering *lowering);
bool lam_has_backward(const lam_lowering *lowering); /* a backward pass will follow through this layer */

size_t lam_weight_number(const lam_lowering *lowering);
float *lam_weight_values(lam_lowering *lowering, size_t weight); /* by the order of declaration */
/* The same for lam_bind_place: a buffer, or LAM_NO_BUFFER and *memory. */
lam_buffer lam_weight_gradient(lam_lowering *lowering, size_t weight, float **memory);
/* Where the gradient of a weight is to be written; where the weight is shared, what is written is added to what there is. */
void lam_bind_weight_gradient(lam_lowering *lowering, size_t index, size_t weight, size_t ld);

/* False where nobody asks for the gradient of a weight: it is fixed, or its layer frozen. Writing it all the same is allowed. */
bool lam_wants_weight_gradient(const lam_lowering *lowering, size_t weight);
bool lam_is_frozen(const lam_lowering *lowering); /* the layer being lowered */

bool lam_wants_input_gradient(const lam_lowering *lowering, size_t input);
lam_buffer lam_output_gradient(lam_lowering *lowering);                    /* dy; belongs to this layer, which may overwrite it */
lam_buffer lam_input_gradient_value(lam_lowering *lowering, size_t input); /* dx, to be written wholly; added up by the plan */

/* An operation that computes its function. Operands: y, x. */
void lam_run_activation(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end);

#endif
