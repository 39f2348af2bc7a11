/* SPDX-License-Identifier: MIT
 *
 * A network and its losses evaluated in double by plain loops, one row at a time: what lam_gradient_check compares with. It
 * shares nothing with kernels, plans and backward passes, only the model's description and its weights.
 */
#ifndef LAM_TRAIN_REFERENCE_H
#define LAM_TRAIN_REFERENCE_H

#include "graph/plan.h"

typedef struct lam_reference {
  const lam_model *model;
  const lam_loss_type *loss;
  bool *logits;        /* for each output: its loss takes logits, and its activation is left out */
  double *weights;     /* the model's block */
  double *values;      /* of all nodes, one after the other: a row */
  double *spread;      /* the same places: see lam_reference_spread */
  unsigned char *mask; /* the same places: which relus let through; taken anew where `freeze` */
  double *scale;       /* for each node: the largest sum of absolute values that one of its numbers is the result of */
  size_t *offset;      /* of each node in these */
  double largest;      /* absolute value seen of all */
  double bent;         /* the largest scale of what went into a curved activation or a cross-entropy */
  bool freeze, near_kink;
} lam_reference;

/* The arrays above, to be freed with lam_reference_close; LAM_UNSUPPORTED names a layer that has no reference. */
lam_status lam_reference_open(lam_reference *reference, const lam_model *model, const lam_loss_type *loss, bool from_logits);
void lam_reference_close(lam_reference *reference);

/* The loss of a row, all outputs together. `inputs` has a row for each input; `targets` floats, or labels as int32 in the same
 * memory, for each output. With `freeze` set, relus are decided anew, and near_kink is set where one of them, or a clip, is so
 * near its kink that rounding in float may decide otherwise; without, they stay as they were decided last. */
double lam_reference_loss(lam_reference *reference, const float *const *inputs, const float *const *targets);

/* How far the loss of the row evaluated last could move if every term of its derivative by number `index` of weight `weight` had
 * the same sign: the sum of their absolute values, times a factor for what the errors of the forward pass do to them. */
double lam_reference_spread(lam_reference *reference, const float *const *targets, size_t weight, size_t index);

/* The number of roundings on the way from the inputs to the loss and back. */
double lam_reference_roundings(const lam_reference *reference);

#endif
