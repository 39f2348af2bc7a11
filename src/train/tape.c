/* SPDX-License-Identifier: MIT
 *
 * The tape, forwards and backwards, with its bounds of rounding errors to first order.
 */
#include "train/tape.h"

#include <math.h>

static const double rounding = 0x1p-24;
/* What a result that is not 0 may lose beneath the floats. */
static const double tiny = 0x1p-149;
static double beneath(double value) { return value != 0 ? tiny : 0; }
/* Errors of one side only, as long sums may have them in theory, stop being credible where they are a larger part of the terms
 * than this: hundreds of roundings. */
static const double kink_limit = 0x1p-16;

/* ---- forwards ----------------------------------------------------------------------------------------------------- */

static lam_term append(lam_tape *tape, lam_number number, lam_entry entry) {
  if (!tape->status && tape->count >= UINT32_MAX / 2) tape->status = lam_fail(tape->context, LAM_OUT_OF_MEMORY, "too many rows");
  if (!tape->status)
    tape->status = lam_grow(tape->context, (void **)&tape->numbers, &tape->number_capacity, tape->count + 1, sizeof number);
  if (!tape->status)
    tape->status = lam_grow(tape->context, (void **)&tape->entries, &tape->entry_capacity, tape->count + 1, sizeof entry);
  if (tape->status) return LAM_ONE;
  tape->numbers[tape->count] = number;
  tape->entries[tape->count] = entry;
  return (lam_term)tape->count++;
}

lam_term lam_tape_leaf(lam_tape *tape, double value, double error) {
  return append(tape, (lam_number){ .value = value, .error = error, .size = fabs(value) }, (lam_entry){ LAM_ENTRY_LEAF });
}

lam_term lam_tape_leaves(lam_tape *tape, const float *values, size_t count) {
  lam_term first = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_constant(tape, (double)values[i]);
  return first;
}

void lam_tape_clear(lam_tape *tape) {
  tape->count = 0;
  (void)lam_constant(tape, 1);
  (void)lam_constant(tape, -1);
}

void lam_tape_close(lam_tape *tape) {
  lam_release(tape->context, tape->numbers, tape->number_capacity * sizeof *tape->numbers);
  lam_release(tape->context, tape->entries, tape->entry_capacity * sizeof *tape->entries);
}

/* Multiplying by 1 or -1 is exact. */
static bool is_sign(lam_term b, int32_t step) { return b == LAM_ONE && (step == 0 || step == LAM_MINUS_ONE - LAM_ONE); }

lam_term lam_tape_sum(lam_tape *tape, lam_term a, int32_t step_a, lam_term b, int32_t step_b, size_t count) {
  lam_number sum = { 0 };
  double inherited = 0, terms = 0;
  lam_number *x = tape->numbers + a, *y = tape->numbers + b;
  for (size_t k = 0; k < count && !tape->status; k++, x += step_a, y += step_b) {
    sum.value += x->value * y->value;
    sum.size += x->size * y->size;
    terms += fabs(x->value * y->value);
    inherited += fabs(x->value) * y->error + x->error * (fabs(y->value) + y->error);
    x->uses++;
    y->uses++;
  }
  double roundings = (double)count - (is_sign(b, step_b) ? 1 : 0);
  sum.error = inherited + rounding * roundings * terms + roundings * beneath(terms);
  return append(tape, sum, (lam_entry){ LAM_ENTRY_SUM, a, b, step_a, step_b, (uint32_t)count, NULL, NULL });
}

lam_term lam_tape_quotient(lam_tape *tape, lam_term a, lam_term b) {
  if (tape->status) return LAM_ONE;
  lam_number *x = &tape->numbers[a], *y = &tape->numbers[b], result = { .value = x->value / y->value };
  double below = fabs(y->value);
  result.error = (x->error + fabs(result.value) * y->error) / below + rounding * fabs(result.value) + beneath(result.value);
  result.size = x->size / below;
  x->uses++;
  y->uses++;
  return append(tape, result, (lam_entry){ .kind = LAM_ENTRY_QUOTIENT, .a = a, .b = b });
}

/* How much f can change where x is within its error. */
static double variation(double (*f)(double, const double *), const double *p, double x, double error) {
  double y = f(x, p);
  return fmax(fabs(f(x + error, p) - y), fabs(f(x - error, p) - y));
}

static void decide(lam_tape *tape, double distance, double error, double size) {
  if (error > 0 && fabs(distance) <= fmin(error, kink_limit * size)) *tape->unclear = 1;
}

lam_term lam_tape_curve(lam_tape *tape, const lam_curve *curve, const double *p, lam_term x) {
  if (tape->status) return LAM_ONE;
  lam_number *from = &tape->numbers[x], result = { .value = curve->value(from->value, p) };
  double at[2];
  size_t kinks = curve->kinks ? curve->kinks(at, p) : 0;
  for (size_t i = 0; i < kinks; i++) decide(tape, from->value - at[i], from->error, from->size);
  result.error = variation(curve->value, p, from->value, from->error) + rounding * curve->roundings * fabs(result.value);
  if (curve->roundings > 0) result.error += beneath(result.value);
  result.size = fabs(result.value);
  from->uses++;
  return append(tape, result, (lam_entry){ .kind = LAM_ENTRY_CURVE, .a = x, .curve = curve, .p = p });
}

bool lam_tape_above(lam_tape *tape, lam_term x, double limit) {
  if (tape->status) return false;
  const lam_number *number = &tape->numbers[x];
  decide(tape, number->value - limit, number->error, number->size);
  return number->value > limit;
}

lam_term lam_tape_larger(lam_tape *tape, lam_term a, lam_term b) {
  if (tape->status) return a;
  const lam_number *x = &tape->numbers[a], *y = &tape->numbers[b];
  decide(tape, x->value - y->value, x->error + y->error, x->size + y->size);
  return x->value >= y->value ? a : b;
}

/* ---- backwards ---------------------------------------------------------------------------------------------------- */

/* A contribution to a slope: one of as many as the number has uses, which are added up. */
static void give(lam_number *to, double slope, double error) {
  to->slope += slope;
  to->slope_error += error + rounding * (double)(to->uses - 1) * fabs(slope) + beneath(slope);
}

static void reverse_sum(lam_tape *tape, const lam_entry *entry, const lam_number *y) {
  lam_number *a = tape->numbers + entry->a, *b = tape->numbers + entry->b;
  double one = is_sign(entry->b, entry->step_b) ? 0 : rounding, d = y->slope, off = y->slope_error;
  for (size_t k = 0; k < entry->count; k++, a += entry->step_a, b += entry->step_b) {
    double by_a = d * b->value, by_b = d * a->value;
    give(a, by_a, off * (fabs(b->value) + b->error) + fabs(d) * b->error + one * fabs(by_a));
    give(b, by_b, off * (fabs(a->value) + a->error) + fabs(d) * a->error + rounding * fabs(by_b));
  }
}

static void reverse_quotient(lam_tape *tape, const lam_entry *entry, const lam_number *y) {
  lam_number *a = &tape->numbers[entry->a], *b = &tape->numbers[entry->b];
  double below = fabs(b->value), d = y->slope / b->value, off = y->slope_error / below, part = b->error / below;
  give(a, d, off + fabs(d) * part + 2 * rounding * fabs(d));
  give(b, -d * y->value, off * fabs(y->value) + fabs(d) * (y->error + fabs(y->value) * part) + 3 * rounding * fabs(d * y->value));
}

/* Slopes in float are within 8 roundings of the steepest; where they are computed from y, y's own roundings, times how the slope
 * depends on y, are at most as many again. */
static void reverse_curve(lam_tape *tape, const lam_entry *entry, const lam_number *y) {
  lam_number *x = &tape->numbers[entry->a];
  const lam_curve *curve = entry->curve;
  double slope = curve->slope(x->value, entry->p), steepest = curve->steepest ? curve->steepest(entry->p) : fabs(slope);
  double error = variation(curve->slope, entry->p, x->value, x->error) + 16 * rounding * steepest;
  give(x, y->slope * slope, y->slope_error * (fabs(slope) + error) + fabs(y->slope) * (error + rounding * fabs(slope)));
}

void lam_tape_reverse(lam_tape *tape, lam_term of) {
  if (tape->status) return;
  for (size_t i = 0; i < tape->count; i++) tape->numbers[i].slope = tape->numbers[i].slope_error = 0;
  tape->numbers[of].slope = 1;
  for (size_t i = (size_t)of + 1; i-- > 0;) {
    const lam_entry *entry = &tape->entries[i];
    const lam_number *y = &tape->numbers[i];
    if (y->slope == 0 && y->slope_error == 0) continue;
    if (entry->kind == LAM_ENTRY_SUM) reverse_sum(tape, entry, y);
    if (entry->kind == LAM_ENTRY_QUOTIENT) reverse_quotient(tape, entry, y);
    if (entry->kind == LAM_ENTRY_CURVE) reverse_curve(tape, entry, y);
  }
}
