/* SPDX-License-Identifier: MIT
 *
 * The reference of each loss: its formula for one row. A new loss gets a function and a line in the table below.
 */
#include "layers/layers.h"
#include "train/reference.h"

#include <string.h>

static const double limits[] = { (double)1e-7f, (double)0.99999988f }; /* of probabilities, as floats have them */

static lam_term clip(lam_tape *tape, lam_term p) { return lam_tape_curve(tape, &lam_curves[LAM_CURVE_CLIP], limits, p); }

static lam_term log_of(lam_tape *tape, lam_term x) { return lam_call(tape, LAM_CURVE_LOG, x); }

static size_t label_of(const float *target) {
  int32_t label;
  memcpy(&label, target, sizeof label);
  return (size_t)label;
}

static lam_term square(lam_tape *tape, lam_term y, double target) {
  lam_term d = lam_minus(tape, y, lam_constant(tape, target));
  return lam_times(tape, d, d);
}

static lam_term squares(lam_tape *tape, lam_term y, const float *target, size_t count) {
  lam_term sum = lam_constant(tape, 0);
  for (size_t j = 0; j < count; j++) sum = lam_plus(tape, sum, square(tape, y + (lam_term)j, (double)target[j]));
  return sum;
}

static lam_term divide(lam_tape *tape, lam_term x, double number) {
  return lam_tape_quotient(tape, x, lam_constant(tape, number));
}

static lam_term mean_squared_error(lam_tape *tape, lam_term y, const float *target, size_t count, bool logits) {
  (void)logits;
  return divide(tape, squares(tape, y, target, count), (double)count);
}

static lam_term sum_of_squares(lam_tape *tape, lam_term y, const float *target, size_t count, bool logits) {
  (void)logits;
  return divide(tape, squares(tape, y, target, count), 2);
}

/* log sum_j p_j - log p_label of clipped p, or from logits. */
static lam_term sparse_categorical(lam_tape *tape, lam_term y, const float *target, size_t count, bool logits) {
  size_t label = label_of(target);
  lam_term first;
  if (logits) {
    lam_term sum = lam_reference_log_sum(tape, y, count, &first);
    return lam_minus(tape, sum, first + (lam_term)label);
  }
  first = (lam_term)tape->count;
  for (size_t j = 0; j < count; j++) (void)clip(tape, y + (lam_term)j);
  return lam_minus(tape, log_of(tape, lam_total(tape, first, 1, count)), log_of(tape, first + (lam_term)label));
}

/* -sum_j t_j log of clipped p_j / sum p, or from logits. A target of 0 adds nothing. */
static lam_term categorical(lam_tape *tape, lam_term y, const float *target, size_t count, bool logits) {
  lam_term first = LAM_ONE, total = logits ? lam_reference_log_sum(tape, y, count, &first) : lam_total(tape, y, 1, count);
  lam_term sum = lam_constant(tape, 0);
  for (size_t j = 0; j < count; j++) {
    if (target[j] == 0.0f) continue;
    lam_term log_p = logits ? lam_minus(tape, first + (lam_term)j, total)
                            : log_of(tape, clip(tape, lam_tape_quotient(tape, y + (lam_term)j, total)));
    sum = lam_minus(tape, sum, lam_times(tape, log_p, lam_constant(tape, (double)target[j])));
  }
  return sum;
}

/* -(t log p + (1 - t) log(1 - p)) of a clipped p; from logits softplus(x) - t x. */
static lam_term binary_element(lam_tape *tape, lam_term y, double target, bool logits) {
  lam_term t = lam_constant(tape, target);
  if (logits) {
    lam_term softplus = lam_tape_curve(tape, &lam_activation_curves[LAM_SOFTPLUS], NULL, y);
    return lam_minus(tape, softplus, lam_times(tape, t, y));
  }
  lam_term p = clip(tape, y), rest = lam_minus(tape, LAM_ONE, p);
  lam_term yes = lam_times(tape, t, log_of(tape, p));
  lam_term no = lam_times(tape, lam_constant(tape, 1 - target), log_of(tape, rest));
  return lam_times(tape, lam_plus(tape, yes, no), LAM_MINUS_ONE);
}

static lam_term binary(lam_tape *tape, lam_term y, const float *target, size_t count, bool logits) {
  lam_term sum = lam_constant(tape, 0);
  for (size_t j = 0; j < count; j++) sum = lam_plus(tape, sum, binary_element(tape, y + (lam_term)j, (double)target[j], logits));
  return divide(tape, sum, (double)count);
}

static lam_reference_loss *const losses[] = {
  [LAM_SPARSE_CATEGORICAL_CROSSENTROPY] = sparse_categorical,
  [LAM_CATEGORICAL_CROSSENTROPY] = categorical,
  [LAM_BINARY_CROSSENTROPY] = binary,
  [LAM_MEAN_SQUARED_ERROR] = mean_squared_error,
  [LAM_SUM_OF_SQUARES] = sum_of_squares,
};

lam_reference_loss *lam_reference_loss_of(const lam_loss_type *loss) {
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
    if (losses[i] && lam_loss_type_of((lam_loss)i) == loss) return losses[i];
  return NULL;
}
