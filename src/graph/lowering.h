/* SPDX-License-Identifier: MIT
 *
 * What is known while a plan is being made: the state that plan.c and lower.c share.
 */
#ifndef LAM_GRAPH_LOWERING_H
#define LAM_GRAPH_LOWERING_H

#include "graph/plan.h"

#define LAM_PLAN_END SIZE_MAX /* as a buffer's last use: it stays until the plan is run again */

typedef struct lam_buffer_plan {
  size_t width;       /* floats in a row of the batch */
  bool whole;         /* one row whatever the batch: a weight's gradient */
  size_t first, last; /* operations that use it */
  size_t offset;
} lam_buffer_plan;

typedef struct lam_binding {
  size_t operation, operand;
  lam_buffer buffer;
  float **place; /* instead of an operand, where not NULL */
} lam_binding;

/* A sum that is due when the layer's backward pass has been emitted: target += addend. */
typedef struct lam_addition {
  lam_buffer addend;
  lam_buffer target; /* or, where this is LAM_NO_BUFFER, `memory` */
  float *memory;
} lam_addition;

/* A product for which "auto" is to choose a backend. */
typedef struct lam_planned_product {
  size_t operation;
  lam_gemm_choice choice; /* its shape */
} lam_planned_product;

struct lam_lowering {
  lam_plan *plan;
  lam_model *model;
  size_t node;
  lam_function *functions; /* for each node: what is to be computed there */
  bool *needs_gradient;    /* for each node: a gradient must flow into it */
  bool *aliased;           /* for each node: its result is its input's */
  lam_buffer *values;      /* for each node */
  lam_buffer *saved;       /* for each node: what its backward pass needs beside its value */
  lam_buffer *gradients;   /* for each node; LAM_NO_BUFFER until something has been contributed */
  bool *weight_written;    /* for each weight: its gradient holds something in this step */
  lam_buffer_plan *buffers;
  size_t buffer_count, buffer_capacity;
  lam_binding *bindings;
  size_t binding_count, binding_capacity;
  lam_addition *additions;
  size_t addition_count, addition_capacity;
  lam_planned_product *products;
  size_t product_count, product_capacity;
  lam_status status; /* the first failure: memory */
};

lam_buffer lam_new_buffer(lam_lowering *lowering, size_t width, bool whole);
void lam_persist(lam_lowering *lowering, lam_buffer buffer, bool from_start);
/* Whether the optimizer changes a weight of the node. */
bool lam_node_trains(const lam_lowering *lowering, size_t node, size_t weight);
/* Losses (losses.c). */
typedef struct lam_ends { /* the buffers that the plan's caller sees, for one output */
  lam_buffer output, target, loss, gradient, weight;
} lam_ends;
lam_status lam_check_losses(const lam_plan *plan);
/* Emits the loss of an output, and the count of right rows where it is the one that has it, whose buffer is returned. */
lam_buffer lam_emit_loss(lam_lowering *lowering, size_t output, lam_ends *ends);
lam_buffer lam_emit_right(lam_lowering *lowering, lam_buffer target, bool logits);
/* True where the output's softmax or sigmoid is computed together with its loss, from the logits. */
bool lam_loss_takes_activation(const lam_plan *plan, size_t output);
bool lam_ends_here(const lam_model *model, size_t node); /* only the outside sees the node's result, once */
/* Penalties (penalties.c): how many there are, the operations that compute them, and those of their gradients, of which
 * an output's come before its layer's backward pass. */
lam_status lam_list_penalties(lam_lowering *lowering);
void lam_emit_penalties(lam_lowering *lowering);
void lam_emit_activity_gradient(lam_lowering *lowering);
void lam_emit_penalty_gradients(lam_lowering *lowering);
/* Who computes what (share.c): in nanoseconds what an operation takes, how many workers it is for, and whether and how finely
 * each is shared. */
double lam_operation_cost(const lam_plan *plan, const lam_operation *operation);
size_t lam_operation_workers(const lam_plan *plan, const lam_operation *operation);
lam_status lam_plan_share(lam_plan *plan);
/* Chooses a backend for each planned product of a plan whose buffers are placed (choose.c). */
lam_status lam_plan_choose(lam_lowering *lowering);
/* A buffer for one more contribution to a node's gradient. */
lam_buffer lam_contribute(lam_lowering *lowering, size_t node);
/* Emits the sums that are due. */
void lam_emit_additions(lam_lowering *lowering);
void lam_emit_sum(lam_lowering *lowering, lam_buffer target, lam_buffer addend);

#endif
