/* SPDX-License-Identifier: MIT
 *
 * The reference of each type of layer: its formula, forwards. A new layer gets a function and a line in the table below.
 */
#include "layers/layers.h"
#include "train/reference.h"

#include <math.h>
#include <string.h>

/* ---- activations -------------------------------------------------------------------------------------------------- */

lam_term lam_reference_log_sum(lam_tape *tape, lam_term x, size_t count, lam_term *shifted) {
  if (tape->status) return LAM_ONE;
  double most = lam_value(tape, x);
  for (size_t i = 1; i < count; i++) most = fmax(most, lam_value(tape, x + (lam_term)i));
  lam_term m = lam_constant(tape, most);
  *shifted = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_minus(tape, x + (lam_term)i, m);
  lam_term e = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_call(tape, LAM_CURVE_EXP, *shifted + (lam_term)i);
  return lam_call(tape, LAM_CURVE_LOG, lam_total(tape, e, 1, count));
}

static void log_softmax(lam_tape *tape, lam_term x, lam_term *y, size_t count) {
  lam_term shifted, sum = lam_reference_log_sum(tape, x, count, &shifted);
  for (size_t i = 0; i < count; i++) y[i] = lam_minus(tape, shifted + (lam_term)i, sum);
}

static void softmax(lam_tape *tape, lam_term x, lam_term *y, size_t count) {
  lam_term shifted, e;
  (void)lam_reference_log_sum(tape, x, count, &shifted);
  e = shifted + (lam_term)count;
  lam_term sum = e + (lam_term)count;
  for (size_t i = 0; i < count; i++) y[i] = lam_tape_quotient(tape, e + (lam_term)i, sum);
}

/* The tau for which the sum of max(x - tau, 0) is 1, by bisection. */
static double sparsemax_limit(const lam_tape *tape, lam_term x, size_t count) {
  double high = -HUGE_VAL;
  for (size_t i = 0; i < count; i++) high = fmax(high, lam_value(tape, x + (lam_term)i));
  double low = high - 1;
  for (int step = 0; step < 100; step++) {
    double tau = (low + high) / 2, sum = 0;
    for (size_t i = 0; i < count; i++) sum += fmax(lam_value(tape, x + (lam_term)i) - tau, 0);
    *(sum > 1 ? &low : &high) = tau;
  }
  return (low + high) / 2;
}

/* x - tau where that is above 0, tau being (the sum of these x - 1) over their number. */
static void sparsemax(lam_tape *tape, lam_term x, lam_term *y, size_t count) {
  if (tape->status) return;
  double limit = sparsemax_limit(tape, x, count), chosen = 0;
  lam_term sum = LAM_MINUS_ONE, zero = lam_constant(tape, 0);
  for (size_t i = 0; i < count; i++) {
    bool above = lam_tape_above(tape, x + (lam_term)i, limit);
    chosen += above;
    y[i] = above ? x + (lam_term)i : zero;
    if (above) sum = lam_plus(tape, sum, x + (lam_term)i);
  }
  lam_term tau = lam_tape_quotient(tape, sum, lam_constant(tape, chosen));
  for (size_t i = 0; i < count; i++)
    if (y[i] != zero) y[i] = lam_minus(tape, y[i], tau);
}

void lam_reference_activate(lam_tape *tape, const lam_reference_function *function, const lam_term *x, lam_term *y,
                            size_t count) {
  const lam_curve *curve = &lam_activation_curves[function->activation];
  if (curve->value) {
    for (size_t i = 0; i < count; i++) y[i] = lam_tape_curve(tape, curve, function->p, x[i]);
    return;
  }
  lam_term first = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_times(tape, x[i], LAM_ONE);
  if (function->activation == LAM_SOFTMAX) softmax(tape, first, y, count);
  if (function->activation == LAM_LOG_SOFTMAX) log_softmax(tape, first, y, count);
  if (function->activation == LAM_SPARSEMAX) sparsemax(tape, first, y, count);
}

/* ---- layers of one input ------------------------------------------------------------------------------------------ */

static void same(lam_reference *r, size_t index, lam_term *y) {
  for (size_t i = 0; i < r->rows * lam_reference_node(r, index)->width; i++)
    y[i] = lam_reference_input(r, index, 0) + (lam_term)i;
}

/* y = x W + b over the last axis. */
static void dense(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  size_t units = lam_reference_last(node), in = lam_reference_last(lam_reference_node(r, node->inputs[0])),
         rows = r->rows * node->width / units;
  lam_term w = lam_reference_weight(r, index, 0), x = lam_reference_input(r, index, 0);
  for (size_t row = 0; row < rows; row++)
    for (size_t j = 0; j < units; j++) {
      lam_term *at = &y[row * units + j];
      *at = lam_tape_sum(&r->tape, x + (lam_term)(row * in), 1, w + (lam_term)j, (int32_t)units, in);
      if (node->weight_count > 1) *at = lam_plus(&r->tape, *at, lam_reference_weight(r, index, 1) + (lam_term)j);
    }
}

/* y = (x - mean) / d with d = max(sqrt(variance), 1e-7), or inverted x d + mean. */
static void normalization(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  size_t n = r->model->weights[node->first_weight].count;
  for (size_t i = 0; i < r->rows * node->width; i++) {
    lam_term x = lam_reference_input(r, index, 0) + (lam_term)i, mean = lam_reference_weight(r, index, 0) + (lam_term)(i % n);
    lam_term deviation = lam_call(&r->tape, LAM_CURVE_SQRT, lam_reference_weight(r, index, 1) + (lam_term)(i % n));
    if (!lam_tape_above(&r->tape, deviation, (double)1e-7f)) deviation = lam_constant(&r->tape, (double)1e-7f);
    if (lam_normalization_is_inverted(node->layer))
      y[i] = lam_plus(&r->tape, lam_times(&r->tape, x, deviation), mean);
    else
      y[i] = lam_tape_quotient(&r->tape, lam_minus(&r->tape, x, mean), deviation);
  }
}

/* y = (x - mean) W over the last axis. */
static void whitening(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  size_t units = lam_reference_last(node), in = r->model->weights[node->first_weight].count;
  for (size_t row = 0; row < r->rows * node->width / units; row++) {
    lam_term x = lam_reference_input(r, index, 0) + (lam_term)(row * in), first = (lam_term)r->tape.count;
    for (size_t i = 0; i < in; i++) (void)lam_minus(&r->tape, x + (lam_term)i, lam_reference_weight(r, index, 0) + (lam_term)i);
    for (size_t j = 0; j < units; j++)
      y[row * units + j] = lam_tape_sum(&r->tape, first, 1, lam_reference_weight(r, index, 1) + (lam_term)j, (int32_t)units, in);
  }
}

static void rescaling(lam_reference *r, size_t index, lam_term *y) {
  lam_term scale = lam_constant(&r->tape, lam_reference_option(r, index, "scale", 1));
  lam_term offset = lam_constant(&r->tape, lam_reference_option(r, index, "offset", 0));
  for (size_t i = 0; i < r->rows * lam_reference_node(r, index)->width; i++)
    y[i] = lam_plus(&r->tape, lam_times(&r->tape, lam_reference_input(r, index, 0) + (lam_term)i, scale), offset);
}

/* x, or alpha x below 0. */
static void prelu(lam_reference *r, size_t index, lam_term *y) {
  size_t width = lam_reference_node(r, index)->width;
  for (size_t i = 0; i < r->rows * width; i++) {
    lam_term x = lam_reference_input(r, index, 0) + (lam_term)i,
             slope = lam_reference_weight(r, index, 0) + (lam_term)(i % width);
    lam_reference_at_row(r, i / width);
    y[i] = lam_tape_above(&r->tape, x, 0) ? x : lam_times(&r->tape, x, slope);
  }
}

/* The stream of the node's noise: docs/numerics.md. */
static uint64_t stream_of(const lam_reference *r, size_t index) {
  return (UINT64_C(1) << 63) + ((uint64_t)(index % (1u << 20)) << 43) + r->step.number % (UINT64_C(1) << 43);
}

/* x / (1 - rate), or 0 where the element's uniform number is below the rate. */
static void dropout(lam_reference *r, size_t index, lam_term *y) {
  double rate = lam_reference_option(r, index, "rate", 0), kept = 1 / (1 - rate);
  lam_term factor = lam_tape_leaf(&r->tape, kept, 0x1p-23 * kept), zero = lam_constant(&r->tape, 0);
  for (size_t i = 0; i < r->rows * lam_reference_node(r, index)->width; i++) {
    float number;
    lam_random_uniform(&number, 1, r->step.seed, stream_of(r, index), i);
    y[i] = (double)number < rate ? zero : lam_times(&r->tape, lam_reference_input(r, index, 0) + (lam_term)i, factor);
  }
}

static void gaussian_noise(lam_reference *r, size_t index, lam_term *y) {
  double deviation = lam_reference_option(r, index, "stddev", 0);
  for (size_t i = 0; i < r->rows * lam_reference_node(r, index)->width; i++) {
    float number;
    lam_random_normal(&number, 1, r->step.seed, stream_of(r, index), i);
    double noise = deviation * (double)number;
    y[i] =
        lam_plus(&r->tape, lam_reference_input(r, index, 0) + (lam_term)i, lam_tape_leaf(&r->tape, noise, 0x1p-24 * fabs(noise)));
  }
}

/* ---- layers of several inputs ------------------------------------------------------------------------------------- */

static lam_term merge_two(lam_tape *tape, lam_merge_type type, lam_term a, lam_term b) {
  if (type == LAM_MERGE_SUBTRACT) return lam_minus(tape, a, b);
  if (type == LAM_MERGE_MULTIPLY) return lam_times(tape, a, b);
  if (type == LAM_MERGE_MAXIMUM) return lam_tape_larger(tape, a, b);
  if (type == LAM_MERGE_MINIMUM) return lam_tape_larger(tape, b, a) == b ? a : b;
  return lam_plus(tape, a, b);
}

static void merge(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  lam_merge_type type = (lam_merge_type)(node->layer->type - lam_merge_types);
  double part = 1 / (double)node->input_count;
  lam_term share = lam_tape_leaf(&r->tape, part, 0x1p-24 * part);
  for (size_t i = 0; i < r->rows * node->width; i++) {
    lam_reference_at_row(r, i / node->width);
    y[i] = lam_reference_input(r, index, 0) + (lam_term)i;
    for (size_t k = 1; k < node->input_count; k++)
      y[i] = merge_two(&r->tape, type, y[i], lam_reference_input(r, index, k) + (lam_term)i);
    if (type == LAM_MERGE_AVERAGE) y[i] = lam_times(&r->tape, y[i], share);
  }
}

static void concatenate(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  size_t total = lam_reference_last(node), column = 0;
  for (size_t k = 0; k < node->input_count; k++) {
    size_t n = lam_reference_last(&r->model->nodes[node->inputs[k]]);
    for (size_t i = 0; i < r->rows * node->width / total * n; i++)
      y[i / n * total + column + i % n] = lam_reference_input(r, index, k) + (lam_term)i;
    column += n;
  }
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static const struct {
  const lam_layer_type *type;
  lam_reference_layer *run;
} layers[] = { { &lam_dense_type, dense },
               { &lam_flatten_type, same },
               { &lam_activation_type, same },
               { &lam_activity_regularization_type, same },
               { &lam_reshape_type, same },
               { &lam_normalization_type, normalization },
               { &lam_whitening_layer_type, whitening },
               { &lam_rescaling_type, rescaling },
               { &lam_prelu_type, prelu },
               { &lam_dropout_type, dropout },
               { &lam_gaussian_noise_type, gaussian_noise },
               { &lam_concatenate_type, concatenate },
               { &lam_batch_normalization_type, lam_reference_batch_normalization },
               { &lam_layer_normalization_type, lam_reference_layer_normalization },
               { &lam_rms_normalization_type, lam_reference_layer_normalization },
               { &lam_glu_type, lam_reference_glu },
               { &lam_permute_type, lam_reference_permute },
               { &lam_softmax_types[0], lam_reference_softmax },
               { &lam_softmax_types[1], lam_reference_softmax },
               { &lam_softmax_types[2], lam_reference_softmax },
#define LAM_X(NAME, name) { &lam_merge_types[LAM_MERGE_##NAME], merge },
               LAM_MERGE_LIST(LAM_X)
#undef LAM_X
};

lam_reference_layer *lam_reference_layer_of(const lam_layer_type *type) {
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    if (layers[i].type == type) return layers[i].run;
  return NULL;
}
