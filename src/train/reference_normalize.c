/* SPDX-License-Identifier: MIT
 *
 * The reference of layers that work along axes: those that normalise, and gated units.
 */
#include "layers/layers.h"
#include "train/reference.h"

/* The weights of y = (x - mean) / sqrt(variance + epsilon) gamma + beta. */
typedef struct lam_gains {
  lam_term gamma, beta;
  bool has_gamma, has_beta;
} lam_gains;

static lam_term weigh(lam_tape *tape, const lam_gains *gains, size_t place, lam_term y) {
  if (gains->has_gamma) y = lam_times(tape, y, gains->gamma + (lam_term)place);
  if (gains->has_beta) y = lam_plus(tape, y, gains->beta + (lam_term)place);
  return y;
}

static lam_gains gains_of(const lam_reference *r, size_t index, bool centered) {
  lam_gains gains = { .has_gamma = !lam_reference_flag(r, index, "no_scale"),
                      .has_beta = centered && !lam_reference_flag(r, index, "no_center") };
  if (gains.has_gamma) gains.gamma = lam_reference_weight(r, index, 0);
  if (gains.has_beta) gains.beta = lam_reference_weight(r, index, gains.has_gamma);
  return gains;
}

static lam_term mean_of(lam_tape *tape, lam_term sum, size_t count) {
  return lam_tape_quotient(tape, sum, lam_constant(tape, (double)count));
}

static lam_term deviation(lam_tape *tape, lam_term variance, double epsilon) {
  return lam_call(tape, LAM_CURVE_SQRT, lam_plus(tape, variance, lam_constant(tape, epsilon)));
}

/* `count` numbers that lie `step` apart, less their mean: next to each other. */
static lam_term differences(lam_tape *tape, lam_term x, size_t step, size_t count, lam_term mean) {
  lam_term first = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_minus(tape, x + (lam_term)(i * step), mean);
  return first;
}

static lam_term variance_of(lam_tape *tape, lam_term difference, size_t count) {
  return mean_of(tape, lam_tape_sum(tape, difference, 1, difference, 1, count), count);
}

void lam_reference_batch_normalization(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  lam_tape *tape = &r->tape;
  size_t n = lam_reference_last(node), count = r->rows * node->width / n;
  lam_gains gains = gains_of(r, index, true);
  double epsilon = lam_reference_option(r, index, "epsilon", (double)0.001f);
  bool frozen = r->plan->options.frozen && r->plan->options.frozen[index];
  for (size_t j = 0; j < n; j++) {
    size_t first = gains.has_gamma + gains.has_beta;
    lam_term x = lam_reference_input(r, index, 0) + (lam_term)j, mean, variance;
    mean = frozen ? lam_reference_weight(r, index, first) + (lam_term)j
                  : mean_of(tape, lam_total(tape, x, (int32_t)n, count), count);
    lam_term difference = differences(tape, x, n, count, mean);
    variance = frozen ? lam_reference_weight(r, index, first + 1) + (lam_term)j : variance_of(tape, difference, count);
    lam_term below = deviation(tape, variance, epsilon);
    for (size_t i = 0; i < count; i++)
      y[i * n + j] = weigh(tape, &gains, j, lam_tape_quotient(tape, difference + (lam_term)i, below));
  }
}

/* Also RMSNormalization, which takes no mean away. */
void lam_reference_layer_normalization(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  lam_tape *tape = &r->tape;
  bool centered = node->layer->type == &lam_layer_normalization_type;
  lam_axes axes = ((const lam_layer_normalization_options *)node->layer->options)->axes;
  lam_shape last;
  size_t n = lam_last_axes(&node->shape, &axes, &last);
  lam_gains gains = gains_of(r, index, centered);
  double epsilon = lam_reference_option(r, index, "epsilon", centered ? (double)0.001f : (double)1e-6f);
  for (size_t row = 0; row < r->rows * node->width / n; row++) {
    lam_term x = lam_reference_input(r, index, 0) + (lam_term)(row * n);
    if (centered) x = differences(tape, x, 1, n, mean_of(tape, lam_total(tape, x, 1, n), n));
    lam_term below = deviation(tape, variance_of(tape, x, n), epsilon);
    for (size_t j = 0; j < n; j++) y[row * n + j] = weigh(tape, &gains, j, lam_tape_quotient(tape, x + (lam_term)j, below));
  }
}

/* The number of the group that element i of a row belongs to, by its place on the axes that are not put together. */
static size_t group_of(const lam_shape *shape, const bool *together, size_t i) {
  size_t group = 0, factor = 1;
  for (size_t axis = shape->rank; axis-- > 0; i /= shape->size[axis]) {
    if (together[axis]) continue;
    group += i % shape->size[axis] * factor;
    factor *= shape->size[axis];
  }
  return group;
}

/* Of a group, the elements that the mask leaves: where it is 0, the result is. */
static void softmax_group(lam_reference *r, size_t index, const bool *together, size_t row, size_t group, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  static const lam_activation activations[] = { LAM_SOFTMAX, LAM_LOG_SOFTMAX, LAM_SPARSEMAX };
  lam_reference_function function = { .activation = activations[node->layer->type - lam_softmax_types] };
  lam_tape *tape = &r->tape;
  size_t count = 0;
  for (int gathered = 0; gathered < 2; gathered++) {
    size_t next = 0;
    for (size_t i = 0; i < node->width && !tape->status; i++) {
      if (group_of(&node->shape, together, i) != group) continue;
      lam_term place = (lam_term)(row * node->width + i);
      if (node->input_count > 1) {
        (void)lam_tape_above(tape, lam_reference_input(r, index, 1) + place, 0);
        if (lam_value(tape, lam_reference_input(r, index, 1) + place) == 0) continue;
      }
      if (gathered)
        y[i] = r->group[next++];
      else
        r->group[count++] = lam_reference_input(r, index, 0) + place;
    }
    if (!gathered && count) lam_reference_activate(tape, &function, r->group, r->group, count);
  }
}

void lam_reference_softmax(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  bool together[LAM_MAX_RANK];
  size_t groups = 1;
  lam_term zero = lam_constant(&r->tape, 0);
  (void)lam_find_axes(&node->shape, (const lam_axes *)node->layer->options, together);
  for (size_t i = 0; i < node->shape.rank; i++) groups *= together[i] ? 1 : node->shape.size[i];
  for (size_t row = 0; row < r->rows; row++, y += node->width) {
    lam_reference_at_row(r, row);
    for (size_t i = 0; i < node->width; i++) y[i] = zero;
    for (size_t group = 0; group < groups; group++) softmax_group(r, index, together, row, group, y);
  }
}

/* Axis k of the result is axis axes[k] of x. */
void lam_reference_permute(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  const lam_axes *axes = (const lam_axes *)node->layer->options;
  const lam_shape *in = &r->model->nodes[node->inputs[0]].shape;
  for (size_t i = 0; i < r->rows * node->width; i++) {
    size_t rest = i % node->width, from = i - rest;
    for (size_t k = node->shape.rank; k-- > 0; rest /= node->shape.size[k]) {
      size_t axis = (size_t)(axes->axis[k] < 0 ? axes->axis[k] + (int)in->rank : axes->axis[k]), step = 1;
      for (size_t j = axis + 1; j < in->rank; j++) step *= in->size[j];
      from += rest % node->shape.size[k] * step;
    }
    y[i] = lam_reference_input(r, index, 0) + (lam_term)from;
  }
}

/* a sigmoid(b), a and b being the halves of an axis: `half` numbers each, once for each place on the axes before it. */
void lam_reference_glu(lam_reference *r, size_t index, lam_term *y) {
  const lam_model_node *node = lam_reference_node(r, index);
  bool found[LAM_MAX_RANK];
  size_t half = 1;
  (void)lam_find_axes(&node->shape, (const lam_axes *)node->layer->options, found);
  for (size_t i = node->shape.rank; i-- > 0;) {
    half *= node->shape.size[i];
    if (found[i]) break;
  }
  for (size_t i = 0; i < r->rows * node->width; i++) {
    lam_term a = lam_reference_input(r, index, 0) + (lam_term)(i / half * 2 * half + i % half);
    lam_term gate = lam_tape_curve(&r->tape, &lam_activation_curves[LAM_SIGMOID], NULL, a + (lam_term)half);
    y[i] = lam_times(&r->tape, a, gate);
  }
}
