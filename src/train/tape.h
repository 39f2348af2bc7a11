/* SPDX-License-Identifier: MIT
 *
 * A tape: a computation in double, written down operation by operation as it is carried out. Each number comes with a bound of
 * how far the same formula computed in float may be from it. Run backwards it gives the derivative of one number by all the
 * others, again with such a bound. There are four operations: a number from outside, a sum of products, a quotient, and a
 * curve, that is a function of one number; what is made of them needs no derivative of its own. docs/numerics.md has the bounds.
 */
#ifndef LAM_TRAIN_TAPE_H
#define LAM_TRAIN_TAPE_H

#include "base/context.h"

typedef uint32_t lam_term; /* a number of the tape */

/* A function of one number, with parameters. The slope at a kink is that which the library documents. */
typedef struct lam_curve {
  const char *name;
  double (*value)(double x, const double *p);
  double (*slope)(double x, const double *p);
  double roundings;                               /* of a value in float: its error is so many 2^-24 of it */
  double (*steepest)(const double *p);            /* the largest slope there is; NULL: a slope's error is a part of itself */
  size_t (*kinks)(double at[2], const double *p); /* where the slope jumps; NULL: nowhere */
} lam_curve;

/* Elementary curves, of which layers and losses are made: X(NAME, name). clip is to [p0, p1]; huber has
 * the delta p0. */
#define LAM_CURVE_LIST(X)                                                                                                        \
  X(EXP, exp)                                                                                                                    \
  X(LOG, log)                                                                                                                    \
  X(SQRT, sqrt)                                                                                                                  \
  X(ABSOLUTE, absolute)                                                                                                          \
  X(CLIP, clip)                                                                                                                  \
  X(HUBER, huber)                                                                                                                \
  X(LOG_COSH, log_cosh)

typedef enum lam_curve_name {
#define LAM_X(NAME, name) LAM_CURVE_##NAME,
  LAM_CURVE_LIST(LAM_X)
#undef LAM_X
      LAM_CURVES
} lam_curve_name;

extern const lam_curve lam_curves[LAM_CURVES];
/* By lam_activation; value NULL for those that work on whole rows. */
extern const lam_curve lam_activation_curves[];

typedef enum lam_entry_kind { LAM_ENTRY_LEAF, LAM_ENTRY_SUM, LAM_ENTRY_QUOTIENT, LAM_ENTRY_CURVE } lam_entry_kind;

typedef struct lam_number {
  double value, error; /* and how far a float may be off */
  double size;         /* the sum of the absolute values that it is the sum of */
  double slope, slope_error;
  size_t uses; /* in how many products */
} lam_number;

/* Sum: of a_k b_k for k < count, a_k being term a + k step_a; quotient: a / b; curve: of a. */
typedef struct lam_entry {
  lam_entry_kind kind;
  lam_term a, b;
  int32_t step_a, step_b;
  uint32_t count;
  const lam_curve *curve;
  const double *p; /* must live as long as the tape is used */
} lam_entry;

typedef struct lam_tape {
  lam_context *context;
  lam_number *numbers;
  lam_entry *entries; /* as many */
  size_t count, number_capacity, entry_capacity;
  unsigned char *unclear; /* set to 1 where a kink is so near that rounding decides on which side a float is */
  lam_status status;      /* LAM_OUT_OF_MEMORY when it has happened: terms are then meaningless */
} lam_tape;

/* The first two terms of every tape. */
enum { LAM_ONE = 0, LAM_MINUS_ONE = 1 };

void lam_tape_clear(lam_tape *tape); /* empty but for the first two terms */
void lam_tape_close(lam_tape *tape);

lam_term lam_tape_leaf(lam_tape *tape, double value, double error);
/* `count` of them, exact; the first is returned. */
lam_term lam_tape_leaves(lam_tape *tape, const float *values, size_t count);
lam_term lam_tape_sum(lam_tape *tape, lam_term a, int32_t step_a, lam_term b, int32_t step_b, size_t count);
lam_term lam_tape_quotient(lam_tape *tape, lam_term a, lam_term b);
lam_term lam_tape_curve(lam_tape *tape, const lam_curve *curve, const double *p, lam_term x);
/* a or b: the larger, or a where they are the same. */
lam_term lam_tape_larger(lam_tape *tape, lam_term a, lam_term b);
/* Decides x > limit; unclear where rounding may decide otherwise. */
bool lam_tape_above(lam_tape *tape, lam_term x, double limit);

/* The numbers' slopes become the derivatives of `of`. */
void lam_tape_reverse(lam_tape *tape, lam_term of);

static inline double lam_value(const lam_tape *tape, lam_term x) { return tape->numbers[x].value; }
static inline lam_term lam_constant(lam_tape *tape, double value) { return lam_tape_leaf(tape, value, 0); }
static inline lam_term lam_plus(lam_tape *tape, lam_term a, lam_term b) {
  return lam_tape_sum(tape, a, (int32_t)(b - a), LAM_ONE, 0, 2);
}
static inline lam_term lam_minus(lam_tape *tape, lam_term a, lam_term b) {
  return lam_tape_sum(tape, a, (int32_t)(b - a), LAM_ONE, LAM_MINUS_ONE - LAM_ONE, 2);
}
static inline lam_term lam_times(lam_tape *tape, lam_term a, lam_term b) { return lam_tape_sum(tape, a, 0, b, 0, 1); }
static inline lam_term lam_total(lam_tape *tape, lam_term first, int32_t step, size_t count) {
  return lam_tape_sum(tape, first, step, LAM_ONE, 0, count);
}
static inline lam_term lam_call(lam_tape *tape, lam_curve_name curve, lam_term x) {
  return lam_tape_curve(tape, &lam_curves[curve], NULL, x);
}

#endif
