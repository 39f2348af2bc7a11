/* SPDX-License-Identifier: MIT
 *
 * The reference of each loss: the loss of a row from its outputs and targets. A new loss gets a function and a line in one of the
 * tables below.
 */
#include "layers/layers.h"
#include "train/reference.h"

#include <math.h>

typedef lam_term element(const lam_reference_row *row, lam_term y, lam_term t);
typedef lam_term whole(const lam_reference_row *row);

static const double limits[] = { (double)1e-7f, (double)0.99999988f }; /* of probabilities, as floats have them */
static const double unit[] = { (double)1e-7f, 1 };

static lam_term clip(lam_tape *tape, lam_term p) { return lam_tape_curve(tape, &lam_curves[LAM_CURVE_CLIP], limits, p); }

static lam_term log_of(lam_tape *tape, lam_term x) { return lam_call(tape, LAM_CURVE_LOG, x); }

static lam_term activate(lam_tape *tape, lam_activation activation, lam_term x) {
  return lam_tape_curve(tape, &lam_activation_curves[activation], NULL, x);
}

static lam_term plus_number(lam_tape *tape, lam_term x, double number) { return lam_plus(tape, x, lam_constant(tape, number)); }
static lam_term times_number(lam_tape *tape, lam_term x, double number) { return lam_times(tape, x, lam_constant(tape, number)); }
static lam_term at_least(lam_tape *tape, lam_term x, double least) { return lam_tape_larger(tape, x, lam_constant(tape, least)); }
static lam_term negated(lam_tape *tape, lam_term x) { return lam_times(tape, x, LAM_MINUS_ONE); }
static lam_term one_minus(lam_tape *tape, lam_term x) { return lam_minus(tape, LAM_ONE, x); }
static lam_term square(lam_tape *tape, lam_term x) { return lam_times(tape, x, x); }
static lam_term positive(lam_tape *tape, lam_term x) {
  static const double plain[] = { 0, HUGE_VAL, 0 };
  return lam_tape_curve(tape, &lam_activation_curves[LAM_RELU], plain, x);
}

/* q^exponent for q in (0, 1]. */
static lam_term power(lam_tape *tape, lam_term q, double exponent) {
  if (exponent == 0) return LAM_ONE;
  if (exponent == 1) return q;
  if (exponent == 2) return square(tape, q);
  return lam_call(tape, LAM_CURVE_EXP, times_number(tape, log_of(tape, q), exponent));
}

/* ---- of which each element has a part ------------------------------------------------------------------------------ */

static lam_term squared(const lam_reference_row *row, lam_term y, lam_term t) {
  return square(row->tape, lam_minus(row->tape, y, t));
}

static lam_term half_squared(const lam_reference_row *row, lam_term y, lam_term t) {
  return times_number(row->tape, squared(row, y, t), 0.5);
}

static lam_term absolute(const lam_reference_row *row, lam_term y, lam_term t) {
  return lam_call(row->tape, LAM_CURVE_ABSOLUTE, lam_minus(row->tape, y, t));
}

static lam_term percentage(const lam_reference_row *row, lam_term y, lam_term t) {
  lam_tape *tape = row->tape;
  lam_term size = at_least(tape, lam_call(tape, LAM_CURVE_ABSOLUTE, t), (double)1e-7f);
  return times_number(tape, lam_tape_quotient(tape, absolute(row, y, t), size), 100);
}

static lam_term logarithmic(const lam_reference_row *row, lam_term y, lam_term t) {
  lam_tape *tape = row->tape;
  lam_term a = log_of(tape, plus_number(tape, at_least(tape, y, (double)1e-7f), 1));
  lam_term b = log_of(tape, plus_number(tape, at_least(tape, t, (double)1e-7f), 1));
  return square(tape, lam_minus(tape, a, b));
}

static lam_term huber(const lam_reference_row *row, lam_term y, lam_term t) {
  return lam_tape_curve(row->tape, &lam_curves[LAM_CURVE_HUBER], row->delta, lam_minus(row->tape, y, t));
}

static lam_term log_cosh(const lam_reference_row *row, lam_term y, lam_term t) {
  return lam_call(row->tape, LAM_CURVE_LOG_COSH, lam_minus(row->tape, y, t));
}

static lam_term hinge(const lam_reference_row *row, lam_term y, lam_term t) {
  return positive(row->tape, one_minus(row->tape, lam_times(row->tape, t, y)));
}

static lam_term squared_hinge(const lam_reference_row *row, lam_term y, lam_term t) {
  return square(row->tape, hinge(row, y, t));
}

static lam_term poisson(const lam_reference_row *row, lam_term y, lam_term t) {
  lam_tape *tape = row->tape;
  if (lam_value(tape, t) == 0) return y;
  return lam_minus(tape, y, lam_times(tape, t, log_of(tape, plus_number(tape, y, (double)1e-7f))));
}

static lam_term divergence(const lam_reference_row *row, lam_term y, lam_term t) {
  lam_tape *tape = row->tape;
  lam_term a = lam_tape_curve(tape, &lam_curves[LAM_CURVE_CLIP], unit, t);
  lam_term b = lam_tape_curve(tape, &lam_curves[LAM_CURVE_CLIP], unit, y);
  return lam_times(tape, a, log_of(tape, lam_tape_quotient(tape, a, b)));
}

/* -(t log p + (1 - t) log(1 - p)) of a clipped p; from logits softplus(x) - t x. */
static lam_term binary(const lam_reference_row *row, lam_term y, lam_term t) {
  lam_tape *tape = row->tape;
  if (row->logits) return lam_minus(tape, activate(tape, LAM_SOFTPLUS, y), lam_times(tape, t, y));
  lam_term p = clip(tape, y), yes = lam_times(tape, t, log_of(tape, p));
  lam_term no = lam_times(tape, one_minus(tape, t), log_of(tape, one_minus(tape, p)));
  return negated(tape, lam_plus(tape, yes, no));
}

static lam_term binary_focal(const lam_reference_row *row, lam_term y, lam_term t) {
  lam_tape *tape = row->tape;
  lam_term p = row->logits ? activate(tape, LAM_SIGMOID, y) : y, other = one_minus(tape, t);
  lam_term rest = row->logits ? activate(tape, LAM_SIGMOID, negated(tape, y)) : one_minus(tape, y);
  lam_term q = lam_plus(tape, lam_times(tape, t, rest), lam_times(tape, other, p));
  lam_term loss = lam_times(tape, power(tape, q, (double)row->options->gamma), binary(row, y, t));
  if (!row->options->apply_class_balancing) return loss;
  lam_term weight = lam_plus(tape, times_number(tape, t, (double)row->options->alpha),
                             times_number(tape, other, 1 - (double)row->options->alpha));
  return lam_times(tape, weight, loss);
}

/* ---- of whole rows -------------------------------------------------------------------------------------------------- */

/* log sum_j p_j - log p_label of clipped p, or from logits. */
static lam_term sparse_categorical(const lam_reference_row *row) {
  lam_tape *tape = row->tape;
  lam_term first;
  if (row->logits) {
    lam_term sum = lam_reference_log_sum(tape, row->y, row->count, &first);
    return lam_minus(tape, sum, first + (lam_term)row->label);
  }
  first = (lam_term)tape->count;
  for (size_t j = 0; j < row->count; j++) (void)clip(tape, row->y + (lam_term)j);
  return lam_minus(tape, log_of(tape, lam_total(tape, first, 1, row->count)), log_of(tape, first + (lam_term)row->label));
}

/* -sum_j t_j q_j log p_j, with q_j = 1, or (1 - p_j)^gamma, where p is clipped after its sum has become 1, or a softmax. A target
 * of 0 adds nothing. */
static lam_term categorical_with(const lam_reference_row *row, double gamma) {
  lam_tape *tape = row->tape;
  lam_term first = LAM_ONE, sum = lam_constant(tape, 0);
  lam_term total = row->logits ? lam_reference_log_sum(tape, row->y, row->count, &first) : lam_total(tape, row->y, 1, row->count);
  for (size_t j = 0; j < row->count && !tape->status; j++) {
    lam_term t = row->t + (lam_term)j, p = LAM_ONE, log_p;
    if (lam_value(tape, t) == 0) continue;
    if (row->logits)
      log_p = lam_minus(tape, first + (lam_term)j, total);
    else
      log_p = log_of(tape, p = clip(tape, lam_tape_quotient(tape, row->y + (lam_term)j, total)));
    if (gamma > 0 && row->logits) p = lam_call(tape, LAM_CURVE_EXP, log_p);
    if (gamma > 0) log_p = lam_times(tape, power(tape, one_minus(tape, p), gamma), log_p);
    sum = lam_minus(tape, sum, lam_times(tape, log_p, t));
  }
  return sum;
}

static lam_term categorical(const lam_reference_row *row) { return categorical_with(row, 0); }

static lam_term categorical_focal(const lam_reference_row *row) {
  return times_number(row->tape, categorical_with(row, (double)row->options->gamma), (double)row->options->alpha);
}

/* max(max_j (1 - t_j) y_j - sum_j t_j y_j + 1, 0) */
static lam_term categorical_hinge(const lam_reference_row *row) {
  lam_tape *tape = row->tape;
  lam_term most = LAM_ONE;
  for (size_t j = 0; j < row->count; j++) {
    lam_term rival = lam_times(tape, one_minus(tape, row->t + (lam_term)j), row->y + (lam_term)j);
    most = j ? lam_tape_larger(tape, most, rival) : rival;
  }
  lam_term own = lam_tape_sum(tape, row->t, 1, row->y, 1, row->count);
  return positive(tape, plus_number(tape, lam_minus(tape, most, own), 1));
}

static lam_term norm(lam_tape *tape, lam_term x, size_t count) {
  return at_least(tape, lam_call(tape, LAM_CURVE_SQRT, lam_tape_sum(tape, x, 1, x, 1, count)), (double)1e-7f);
}

static lam_term cosine(const lam_reference_row *row) {
  lam_tape *tape = row->tape;
  lam_term y = norm(tape, row->y, row->count), t = norm(tape, row->t, row->count);
  lam_term product = lam_tape_sum(tape, row->y, 1, row->t, 1, row->count);
  return negated(tape, lam_tape_quotient(tape, product, lam_times(tape, y, t)));
}

/* 1 - i / (i + alpha sum t (1 - y) + beta sum (1 - t) y + 1e-7), i = sum t y. */
static lam_term tversky(const lam_reference_row *row) {
  lam_tape *tape = row->tape;
  lam_term both = lam_tape_sum(tape, row->t, 1, row->y, 1, row->count), ones = lam_total(tape, row->t, 1, row->count);
  lam_term missed = times_number(tape, lam_minus(tape, ones, both), (double)row->options->alpha);
  lam_term wrong = times_number(tape, lam_minus(tape, lam_total(tape, row->y, 1, row->count), both), (double)row->options->beta);
  lam_term below = plus_number(tape, lam_plus(tape, lam_plus(tape, both, missed), wrong), (double)1e-7f);
  return one_minus(tape, lam_tape_quotient(tape, both, below));
}

static lam_term dice(const lam_reference_row *row) {
  lam_tape *tape = row->tape;
  lam_term both = lam_tape_sum(tape, row->t, 1, row->y, 1, row->count);
  lam_term all = lam_plus(tape, lam_total(tape, row->t, 1, row->count), lam_total(tape, row->y, 1, row->count));
  return one_minus(tape, lam_tape_quotient(tape, times_number(tape, both, 2), plus_number(tape, all, (double)1e-7f)));
}

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

/* Of which elements' parts the loss is the sum, or with `mean` the mean. */
static const struct {
  element *of;
  bool mean;
} elements[] = {
  [LAM_BINARY_CROSSENTROPY] = { binary, true },
  [LAM_MEAN_SQUARED_ERROR] = { squared, true },
  [LAM_SUM_OF_SQUARES] = { half_squared, false },
  [LAM_MEAN_ABSOLUTE_ERROR] = { absolute, true },
  [LAM_MEAN_ABSOLUTE_PERCENTAGE_ERROR] = { percentage, true },
  [LAM_MEAN_SQUARED_LOGARITHMIC_ERROR] = { logarithmic, true },
  [LAM_HUBER] = { huber, true },
  [LAM_LOG_COSH] = { log_cosh, true },
  [LAM_HINGE] = { hinge, true },
  [LAM_SQUARED_HINGE] = { squared_hinge, true },
  [LAM_POISSON] = { poisson, true },
  [LAM_KL_DIVERGENCE] = { divergence, false },
  [LAM_BINARY_FOCAL_CROSSENTROPY] = { binary_focal, true },
};

static whole *const wholes[] = {
  [LAM_SPARSE_CATEGORICAL_CROSSENTROPY] = sparse_categorical,
  [LAM_CATEGORICAL_CROSSENTROPY] = categorical,
  [LAM_CATEGORICAL_HINGE] = categorical_hinge,
  [LAM_COSINE_SIMILARITY] = cosine,
  [LAM_CATEGORICAL_FOCAL_CROSSENTROPY] = categorical_focal,
  [LAM_TVERSKY] = tversky,
  [LAM_DICE] = dice,
};
enum { ELEMENTS = sizeof elements / sizeof *elements, WHOLES = sizeof wholes / sizeof *wholes };

bool lam_reference_has_loss(lam_loss loss) {
  size_t i = (size_t)loss;
  return (i < ELEMENTS && elements[i].of) || (i < WHOLES && wholes[i]);
}

lam_term lam_reference_row_loss(const lam_reference_row *row) {
  size_t loss = (size_t)row->options->loss;
  if (loss < WHOLES && wholes[loss]) return wholes[loss](row);
  lam_term sum = lam_constant(row->tape, 0);
  for (size_t j = 0; j < row->count; j++)
    sum = lam_plus(row->tape, sum, elements[loss].of(row, row->y + (lam_term)j, row->t + (lam_term)j));
  return elements[loss].mean ? lam_tape_quotient(row->tape, sum, lam_constant(row->tape, (double)row->count)) : sum;
}
