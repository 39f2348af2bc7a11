/* SPDX-License-Identifier: MIT
 *
 * The loss of the batch: targets as the options change them, the losses of rows, their weights, and penalties.
 */
#include "layers/layers.h"
#include "train/reference.h"

#include <math.h>
#include <string.h>

/* ---- targets ------------------------------------------------------------------------------------------------------- */

static bool all_binary(const float *targets, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (targets[i] != 0.0f && targets[i] != 1.0f) return false;
  return true;
}

/* t (1 - s) + s / classes, two classes where each element is a question of yes or no; hinges read 0 and 1 as -1 and 1. */
static lam_term add_targets(lam_reference *r, const lam_loss_setting *loss, const float *targets, size_t count, size_t columns) {
  const lam_loss_options *o = &loss->options;
  bool yes_or_no = (o->loss == LAM_HINGE || o->loss == LAM_SQUARED_HINGE) && all_binary(targets, count);
  double smoothing = (double)o->label_smoothing, offset = smoothing / (loss->type->logits == LAM_SIGMOID ? 2 : (double)columns);
  lam_term first = (lam_term)r->tape.count;
  for (size_t i = 0; i < count; i++) {
    double t = (double)targets[i];
    if (yes_or_no) t = 2 * t - 1;
    if (smoothing > 0)
      (void)lam_tape_leaf(&r->tape, t * (1 - smoothing) + offset, 0x1p-22 * (fabs(t) + offset));
    else
      (void)lam_constant(&r->tape, t);
  }
  return first;
}

/* ---- one output ---------------------------------------------------------------------------------------------------- */

typedef struct lam_reference_output {
  const lam_loss_setting *loss;
  const float *targets, *weights; /* of rows; NULL: none */
  size_t repeat;                  /* losses of a row, along its last axis, of which it has the mean */
  size_t size;                    /* what a sum counts a row's loss as */
  lam_reference_row row;          /* the first */
} lam_reference_output;

static lam_reference_output output_of(lam_reference *r, size_t output) {
  const lam_model_node *node = &r->model->nodes[r->model->outputs[output]];
  const lam_loss_setting *loss = &r->plan->options.losses[output];
  lam_loss which = loss->options.loss;
  size_t places = node->width / lam_reference_last(node);
  lam_reference_output out = { .loss = loss, .targets = r->plan->targets[output], .weights = r->plan->weights[output] };
  out.repeat = loss->type->whole ? 1 : places;
  out.size = which == LAM_SUM_OF_SQUARES || which == LAM_TVERSKY || which == LAM_DICE ? 1 : places;
  r->deltas[output] = (double)loss->options.delta;
  out.row = (lam_reference_row){ .tape = &r->tape,
                                 .options = &loss->options,
                                 .delta = &r->deltas[output],
                                 .y = r->first[r->model->outputs[output]],
                                 .count = node->width / out.repeat,
                                 .logits = lam_plan_takes_logits(r->plan, output) };
  if (!loss->labels && which != LAM_CUSTOM_LOSS)
    out.row.t = add_targets(r, loss, out.targets, r->rows * node->width, out.row.count);
  return out;
}

static lam_term weighed(lam_tape *tape, const lam_reference_output *out, size_t row, lam_term loss) {
  return out->weights ? lam_times(tape, loss, lam_constant(tape, (double)out->weights[row])) : loss;
}

static bool is_ignored(const lam_reference_output *out, int32_t label) {
  return out->loss->options.ignore && label == out->loss->options.ignore_class;
}

/* The sum of the losses of rows; *left are the rows that are not to be ignored. */
static lam_term sum_of_rows(lam_reference *r, size_t output, const lam_reference_output *out, double *left) {
  bool outside = out->loss->options.loss == LAM_CUSTOM_LOSS;
  if (outside) lam_reference_outside_loss(r, output, out->row.y, r->room);
  lam_term sum = lam_constant(&r->tape, 0);
  for (size_t i = 0; i < r->rows * out->repeat; i++) {
    lam_reference_row row = out->row;
    int32_t label = 0;
    lam_reference_at_row(r, i / out->repeat);
    if (out->loss->labels) memcpy(&label, out->targets + i, sizeof label);
    if (is_ignored(out, label)) continue;
    *left += 1;
    if (out->weights && out->weights[i / out->repeat] == 0.0f) continue;
    row.label = (size_t)label;
    row.y += (lam_term)(i * row.count);
    row.t += (lam_term)(i * row.count);
    lam_term loss = outside ? r->room[i] : lam_reference_row_loss(&row);
    sum = lam_plus(&r->tape, sum, weighed(&r->tape, out, i / out->repeat, loss));
  }
  return sum;
}

/* What a mean of rows' weighed losses is divided by, over the number of rows that are not to be ignored. */
static double share_of_weights(const lam_reference *r, const lam_reference_output *out) {
  double sum = 0, left = 0;
  if (!out->weights || out->loss->options.reduction != LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT) return 1;
  for (size_t i = 0; i < r->rows; i++) {
    int32_t label = 0;
    if (out->loss->labels) memcpy(&label, out->targets + i, sizeof label);
    if (is_ignored(out, label)) continue;
    sum += (double)out->weights[i];
    left += 1;
  }
  return sum > 0 ? sum / left : 1;
}

/* One loss for the whole batch stands in every row. */
static lam_term one_loss(lam_reference *r, const lam_reference_output *out) {
  lam_reference_row all = out->row;
  all.count *= r->rows;
  lam_term loss = lam_reference_row_loss(&all), sum = lam_constant(&r->tape, 0);
  for (size_t i = 0; i < r->rows; i++) sum = lam_plus(&r->tape, sum, weighed(&r->tape, out, i, loss));
  return sum;
}

/* A sum stays one; a mean is over the losses that are left. */
static lam_term output_loss(lam_reference *r, size_t output) {
  lam_reference_output out = output_of(r, output);
  const lam_loss_options *o = &out.loss->options;
  double left = 0, count = (double)(r->rows * out.repeat), factor = 1;
  lam_term loss = out.loss->one ? one_loss(r, &out) : sum_of_rows(r, output, &out, &left);
  if (o->ignore) count = left + 1e-7;
  if (o->reduction == LAM_REDUCTION_SUM && !out.loss->one)
    factor = (double)out.size / (double)out.repeat;
  else
    loss = lam_tape_quotient(&r->tape, loss, lam_constant(&r->tape, count * share_of_weights(r, &out)));
  return lam_times(&r->tape, loss, lam_constant(&r->tape, factor * (double)o->weight));
}

/* ---- penalties ------------------------------------------------------------------------------------------------------ */

/* l1 sum |x| + l2 sum x^2 of numbers that lie next to each other. */
static lam_term penalty_of(lam_tape *tape, lam_regularizer regularizer, lam_term x, size_t count) {
  lam_term squares = lam_tape_sum(tape, x, 1, x, 1, count), absolute = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_call(tape, LAM_CURVE_ABSOLUTE, x + (lam_term)i);
  lam_term l1 = lam_times(tape, lam_total(tape, absolute, 1, count), lam_constant(tape, (double)regularizer.l1));
  return lam_plus(tape, l1, lam_times(tape, squares, lam_constant(tape, (double)regularizer.l2)));
}

/* Of the node's weights, where it owns them and they are trained, and of what it gives, on average over the rows. */
static lam_term add_penalties(lam_reference *r, size_t index, lam_term sum) {
  const lam_model_node *node = &r->model->nodes[index];
  bool frozen = r->plan->options.frozen && r->plan->options.frozen[index];
  for (size_t i = 0; node->first_use && !frozen && i < node->weight_count; i++) {
    const lam_weight *weight = &r->model->weights[node->first_weight + i];
    lam_term first = r->weights + (lam_term)weight->offset;
    if (lam_regularizes(weight->regularizer) && !weight->fixed)
      sum = lam_plus(&r->tape, sum, penalty_of(&r->tape, weight->regularizer, first, weight->count));
  }
  lam_regularizer activity = lam_layer_activity(node->layer);
  lam_term rows = lam_constant(&r->tape, (double)r->rows);
  for (size_t row = 0; lam_regularizes(activity) && row < r->rows; row++) {
    lam_reference_at_row(r, row);
    lam_term penalty = penalty_of(&r->tape, activity, r->first[index] + (lam_term)(row * node->width), node->width);
    sum = lam_plus(&r->tape, sum, lam_tape_quotient(&r->tape, penalty, rows));
  }
  return sum;
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */

lam_term lam_reference_total(lam_reference *r) {
  lam_term total = lam_constant(&r->tape, 0);
  for (size_t i = 0; i < r->model->output_count; i++)
    if (lam_plan_loss_type(r->plan, i)) total = lam_plus(&r->tape, total, output_loss(r, i));
  for (size_t i = 0; i < r->model->node_count; i++) total = add_penalties(r, i, total);
  return total;
}
