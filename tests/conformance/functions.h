/* SPDX-License-Identifier: MIT
 *
 * The library's functions by the names the reference files use: activations, losses with a value for each row, optimizers.
 */
#ifndef CONFORMANCE_FUNCTIONS_H
#define CONFORMANCE_FUNCTIONS_H

#include "conformance/run.h"

/* y = f(x) of an activation, along the last axis where it has one. `kernel` is NULL where no kernel stands for it alone;
 * `backward` too, which gives dx from dy and y or x. */
typedef lam_status (*elementwise)(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
typedef lam_status (*elementwise_backward)(float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy,
                                           size_t rows, size_t columns);
typedef struct function {
  const char *name;
  elementwise kernel;
  elementwise_backward backward;
  bool along_row; /* needs whole rows; others take the elements one by one */
  bool from_x;    /* backward takes x, not y */
} function;

/* The kernels of `name`, or NULL. */
const function *find_function(const char *name);

/* f(x) through a model of that one activation. Misses with the library's sentence. */
outcome run_activation(run *r, lam_activation activation, const lam_activation_options *options, float *y, const float *x,
                       size_t rows, size_t columns);

/* The loss of each row, and its gradient times `scale` where dx is not NULL. */
typedef struct loss_call {
  size_t rows, columns;
  const float *x;        /* logits or probabilities or values */
  const float *t;        /* dense targets, or */
  const int32_t *labels; /* one a row */
  bool from_logits;
  float *loss, *dx;
  float scale;
} loss_call;

/* `name` as in LAM_LOSS_LIST. SKIPPED where the library has no such loss. */
outcome run_loss(run *r, const char *name, const loss_call *call);
/* Whether targets of this loss are labels. */
bool loss_is_sparse(const char *name);

#endif
