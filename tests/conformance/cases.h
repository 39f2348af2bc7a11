/* SPDX-License-Identifier: MIT
 *
 * What the kinds of cases of keras_upstream_cases.json share.
 */
#ifndef CONFORMANCE_CASES_H
#define CONFORMANCE_CASES_H

#include "conformance/run.h"

typedef struct kase {
  item root, inputs, params;
  const char *op;
} kase;

/* A float32 result against the float64 figure, u = 2^-24. The bounds that lamina/kernels.h states are at most 8 ULP = 16 u of the
 * result (rows are shorter than 16 and sums of them a few u); rounding an input x to float changes the result by at most u |x|
 * times the slope, which is 1 or less for these functions; the differences x - max, lse - x and the clip of probabilities at
 * 1 - 2^-23 each add at most u max(1, |x|). Four in all: */
double float_atol(double largest_input);
#define FLOAT_RTOL (16 * 0x1p-24)

/* The largest finite |x|. */
double largest(const tensor *t);

/* Compares what `got` holds, `available` floats, with the case's figures, at the file's tolerance; where there is a float64
 * figure, with that too, at rtol and atol. `slack` is added to the file's tolerance: what Keras's own figure is known to be off
 * by. */
outcome compare_case(run *r, const kase *k, const float *got, size_t available, double rtol, double atol, double slack);

/* ---- the kinds: updates.c, compiled.c, arrays.c ---- */

outcome optimizer_case(run *r, const kase *k); /* also the state it leaves: optimizer_ema, optimizer_accumulated_gradient */
outcome clipping_case(run *r, const kase *k);
outcome schedule_case(run *r, const kase *k);
outcome compiled_loss_case(run *r, const kase *k);
outcome one_hot_case(run *r, const kase *k);
outcome normalize_case(run *r, const kase *k);
outcome utility_case(run *r, const kase *k);

/* ---- behaviours described in words: what is done stands in the table of behaviours.c by their ids ---- */

void run_behaviours(run *r, item list);

/* Compares one number with one of a behaviour's figures, at the behaviour's tolerance. */
outcome expect(run *r, item root, const char *what, double got, item expected);

outcome early_stopping_patience(run *r, item root); /* callbacks.c */
outcome early_stopping_restores(run *r, item root);
outcome plateau(run *r, item root);
outcome initial_values(run *r, item root); /* initial.c */
outcome initial_orthogonal(run *r, item root);

/* A dense layer of this shape with `options` as a model; its graph is gone. NULL with the library's sentence. */
lam_model *one_dense(run *r, size_t inputs, size_t units, const lam_dense_options *options);

#endif
