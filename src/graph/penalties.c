/* SPDX-License-Identifier: MIT
 *
 * Penalties of weights and of what layers give: part of the loss, and of the gradients. Sums are taken in double, in an order
 * that depends on the number of elements alone, so plain loops do: the compiler may not change what they add to what.
 */
#include "graph/lowering.h"

#include <math.h>

enum { CHAINS = 16 };

static double fold(double *chains) {
  for (size_t n = CHAINS / 2; n; n /= 2)
    for (size_t i = 0; i < n; i++) chains[i] += chains[i + n];
  return chains[0];
}

/* l1 sum |x| + l2 sum x^2: element i goes to chain i mod 16. */
static double penalty_of(lam_regularizer regularizer, const float *x, size_t count) {
  double absolute[CHAINS] = { 0 }, squares[CHAINS] = { 0 }, sum = 0.0;
  size_t whole = count / CHAINS * CHAINS;
  for (size_t i = 0; i < whole; i += CHAINS)
    for (size_t j = 0; j < CHAINS; j++) {
      absolute[j] += (double)fabsf(x[i + j]);
      squares[j] += (double)x[i + j] * (double)x[i + j];
    }
  for (size_t i = whole; i < count; i++) {
    absolute[i - whole] += (double)fabsf(x[i]);
    squares[i - whole] += (double)x[i] * (double)x[i];
  }
  if (regularizer.l1 > 0.0f) sum += (double)regularizer.l1 * fold(absolute);
  if (regularizer.l2 > 0.0f) sum += (double)regularizer.l2 * fold(squares);
  return sum;
}

/* g += scale (l1 sign(x) + 2 l2 x) */
static void add_gradient(lam_regularizer regularizer, float scale, float *g, const float *x, size_t count) {
  float l1 = regularizer.l1 * scale, l2 = 2.0f * regularizer.l2 * scale;
  if (l1 > 0.0f)
    for (size_t i = 0; i < count; i++) g[i] += l1 * (float)((x[i] > 0.0f) - (x[i] < 0.0f));
  if (l2 > 0.0f)
    for (size_t i = 0; i < count; i++) g[i] += l2 * x[i];
}

/* ---- operations --------------------------------------------------------------------------------------------------- */

/* Units are the weights that have a penalty. */
static void run_weights(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)operation;
  (void)step;
  for (lam_penalty *p = plan->penalties + begin; p < plan->penalties + end; p++)
    p->value = penalty_of(p->regularizer, p->values, p->count);
}

static void run_weight_gradients(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin,
                                 size_t end) {
  (void)operation;
  (void)step;
  for (const lam_penalty *p = plan->penalties + begin; p < plan->penalties + end; p++)
    add_gradient(p->regularizer, 1.0f, p->gradient, p->values, p->count);
}

/* Operands: a double for each row, the output. choice: which penalty. */
static void run_output(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns;
  double *sums = (double *)(void *)operation->operand[0].data;
  for (size_t i = begin; i < end; i++)
    sums[i] = penalty_of(plan->penalties[operation->choice].regularizer, operation->operand[1].data + i * n, n);
}

/* Operands: the output's gradient, the output. */
static void run_output_gradient(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin,
                                size_t end) {
  size_t n = operation->columns;
  add_gradient(plan->penalties[operation->choice].regularizer, 1.0f / (float)step->rows, operation->operand[0].data + begin * n,
               operation->operand[1].data + begin * n, (end - begin) * n);
}

double lam_plan_penalty(const lam_plan *plan, const lam_step *step) {
  double sum = 0.0;
  for (size_t i = 0; i < plan->penalty_count; i++) {
    const lam_penalty *p = &plan->penalties[i];
    if (!p->rows) {
      sum += p->value;
      continue;
    }
    double rows = 0.0;
    for (size_t row = 0; row < step->rows; row++) rows += ((const double *)(const void *)p->rows)[row];
    sum += rows / (double)step->rows;
  }
  return sum;
}

/* ---- making them -------------------------------------------------------------------------------------------------- */

static void add_penalty(lam_lowering *lowering, lam_penalty penalty) {
  lam_plan *plan = lowering->plan;
  if (lam_grow(plan->context, (void **)&plan->penalties, &plan->penalty_capacity, plan->penalty_count + 1,
               sizeof *plan->penalties))
    lowering->status = LAM_OUT_OF_MEMORY;
  else
    plan->penalties[plan->penalty_count++] = penalty;
}

lam_status lam_list_penalties(lam_lowering *lowering) {
  lam_plan *plan = lowering->plan;
  const lam_model *model = lowering->model;
  if (plan->options.inference) return LAM_OK;
  for (size_t i = 0; i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    for (size_t j = 0; node->first_use && j < node->weight_count; j++) {
      const lam_weight *weight = &model->weights[node->first_weight + j];
      if (!lam_regularizes(weight->regularizer) || !lam_node_trains(lowering, i, j)) continue;
      float *gradient = plan->gradients ? plan->gradients + weight->offset : NULL;
      add_penalty(lowering, (lam_penalty){ .regularizer = weight->regularizer,
                                           .values = model->values + weight->offset,
                                           .gradient = gradient,
                                           .count = weight->count });
    }
  }
  plan->weight_penalty_count = plan->penalty_count;
  for (size_t i = 0; i < model->node_count; i++) {
    lam_regularizer regularizer = lam_layer_activity(model->nodes[i].layer);
    if (lam_regularizes(regularizer)) add_penalty(lowering, (lam_penalty){ .regularizer = regularizer, .count = i });
  }
  return lowering->status;
}

void lam_emit_penalties(lam_lowering *lowering) {
  lam_plan *plan = lowering->plan;
  lam_operation *operation = plan->weight_penalty_count ? lam_emit(lowering, "penalties", run_weights) : NULL;
  if (operation) operation->units = plan->weight_penalty_count;
  for (size_t i = plan->weight_penalty_count; i < plan->penalty_count && !lowering->status; i++) {
    lowering->node = plan->penalties[i].count;
    size_t width = lowering->model->nodes[lowering->node].width;
    lam_buffer rows = lam_new_buffer(lowering, sizeof(double) / sizeof(float), false);
    if (!(operation = lam_emit(lowering, "activity penalty", run_output))) return;
    operation->choice = (int)i;
    lam_bind(lowering, 0, rows, 2);
    lam_bind(lowering, 1, lowering->values[lowering->node], width);
    lam_bind_place(lowering, &plan->penalties[i].rows, rows);
    lam_persist(lowering, rows, false);
  }
}

void lam_emit_activity_gradient(lam_lowering *lowering) {
  const lam_plan *plan = lowering->plan;
  size_t width = lowering->model->nodes[lowering->node].width;
  for (size_t i = plan->weight_penalty_count; i < plan->penalty_count; i++) {
    if (plan->penalties[i].count != lowering->node) continue;
    lam_operation *operation = lam_emit(lowering, "activity gradient", run_output_gradient);
    if (!operation) return;
    operation->choice = (int)i;
    lam_bind(lowering, 0, lam_output_gradient(lowering), width);
    lam_bind(lowering, 1, lowering->values[lowering->node], width);
  }
}

void lam_emit_penalty_gradients(lam_lowering *lowering) {
  if (!lowering->plan->weight_penalty_count) return;
  lam_operation *operation = lam_emit(lowering, "penalty gradients", run_weight_gradients);
  if (operation) operation->units = lowering->plan->weight_penalty_count;
}
