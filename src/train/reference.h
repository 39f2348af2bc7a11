/* SPDX-License-Identifier: MIT
 *
 * A network and its losses evaluated in double on a tape, a batch at a time: what lam_gradient_check compares with. It shares
 * nothing with kernels and their backward passes, only the model's description and its weights. Each type of layer, each
 * activation and each loss is its formula, forwards; the derivatives and the bounds of rounding errors are the tape's.
 */
#ifndef LAM_TRAIN_REFERENCE_H
#define LAM_TRAIN_REFERENCE_H

#include "graph/plan.h"
#include "train/tape.h"

typedef struct lam_reference_function {
  lam_activation activation;
  double p[LAM_MOST_PARAMETERS];
} lam_reference_function;

typedef struct lam_reference {
  const lam_plan *plan;
  const lam_model *model;
  lam_step step;
  size_t rows, most_rows;
  lam_tape tape;
  lam_term weights; /* the first of the model's block */
  lam_term loss;    /* of the batch */
  lam_term *first;  /* for each node: the first of its rows x width values */
  lam_term *room;   /* for a node's values while they are made */
  lam_term *group;  /* room for some of the values of one row */
  size_t room_size, group_size;
  lam_reference_function *functions; /* for each node */
  double *deltas;                    /* for each output: huber's */
  unsigned char *unclear;            /* for each row: a kink so near that rounding decides on which side of it a float is */
} lam_reference;

/* For batches of up to `rows` of the plan's, to be closed even where it fails; LAM_UNSUPPORTED names a layer or a loss that has
 * no reference. */
lam_status lam_reference_open(lam_reference *reference, const lam_plan *plan, size_t rows);
void lam_reference_close(lam_reference *reference);

/* Evaluates the rows that lie in the plan's inputs and targets, and the derivatives of their loss. */
lam_status lam_reference_run(lam_reference *reference, const lam_step *step);

/* The derivative by number `index` of weight `weight`, and how far a gradient in float may be from it. */
double lam_reference_gradient(const lam_reference *reference, size_t weight, size_t index, double *bound);

/* ---- the parts ---------------------------------------------------------------------------------------------------- */

/* A layer's values for all rows, row by row, from those of the inputs. */
typedef void lam_reference_layer(lam_reference *reference, size_t node, lam_term *y);
/* NULL: there is none. */
lam_reference_layer *lam_reference_layer_of(const lam_layer_type *type);

/* A row of an output and what it is compared with: numbers that lie next to each other, targets as the options change them. */
typedef struct lam_reference_row {
  lam_tape *tape;
  const lam_loss_options *options;
  const double *delta; /* huber's */
  lam_term y, t;
  size_t count, label; /* the label instead of t where the loss takes labels */
  bool logits;         /* y are logits */
} lam_reference_row;
lam_term lam_reference_row_loss(const lam_reference_row *row);
bool lam_reference_has_loss(lam_loss loss);

/* A layer from outside, and the losses of all rows of an output whose loss is a function from outside, `first` being the first
 * number of the output: by differences of what they give (reference_outside.c). */
lam_reference_layer lam_reference_outside_layer;
void lam_reference_outside_loss(lam_reference *reference, size_t output, lam_term first, lam_term *losses);

/* The loss of the batch, of all outputs, with penalties (reference_total.c). */
lam_term lam_reference_total(lam_reference *reference);

/* An activation over `count` numbers that lie next to each other; y may be x. */
void lam_reference_activate(lam_tape *tape, const lam_reference_function *function, const lam_term *x, lam_term *y, size_t count);

/* Numbers that follow are of this row. */
static inline void lam_reference_at_row(lam_reference *reference, size_t row) {
  reference->tape.unclear = &reference->unclear[row];
}

/* log sum_j exp(x_j - m) and the terms next to each other x_j - m, m being the largest. */
lam_term lam_reference_log_sum(lam_tape *tape, lam_term x, size_t count, lam_term *shifted);

/* ---- what layers use ---------------------------------------------------------------------------------------------- */

static inline const lam_model_node *lam_reference_node(const lam_reference *r, size_t index) { return &r->model->nodes[index]; }

/* The size of the last axis. */
static inline size_t lam_reference_last(const lam_model_node *node) { return node->shape.size[node->shape.rank - 1]; }

/* The first value of one of a node's inputs, and of one of its weights. */
static inline lam_term lam_reference_input(const lam_reference *r, size_t index, size_t input) {
  return r->first[r->model->nodes[index].inputs[input]];
}
static inline lam_term lam_reference_weight(const lam_reference *r, size_t index, size_t weight) {
  return r->weights + (lam_term)r->model->weights[r->model->nodes[index].first_weight + weight].offset;
}

/* Among the layer's options, by their names in files: a float, `standard` where nothing is said, and a flag. */
double lam_reference_option(const lam_reference *r, size_t index, const char *name, double standard);
bool lam_reference_flag(const lam_reference *r, size_t index, const char *name);

/* In reference_normalize.c. */
lam_reference_layer lam_reference_batch_normalization, lam_reference_layer_normalization, lam_reference_glu,
    lam_reference_softmax, lam_reference_permute;

#endif
