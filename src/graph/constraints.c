/* SPDX-License-Identifier: MIT
 *
 * Constraints: what is done to weights after an update. Norms are sums of squares in double, in increasing place along the axis.
 */
#include "base/pool.h"
#include "graph/model.h"

#include <math.h>

enum { TOGETHER = 16 }; /* norms taken side by side, where they are */

/* A weight as `outer` blocks of `count` rows of `inner` numbers; norms are taken over the rows. */
typedef struct lam_constraining {
  lam_constraint constraint;
  float *values;
  size_t inner, count, groups; /* of up to TOGETHER norms, in a row */
} lam_constraining;

static double completed(float value, double standard) {
  return value == 0.0f ? standard : value == LAM_ZERO ? 0.0 : (double)value;
}

static double clip(double x, double least, double most) { return x < least ? least : x > most ? most : x; }

static float factor(const lam_constraint *constraint, double norm) {
  const double e = 1e-7;
  double wanted = 1.0, rate = completed(constraint->rate, 1.0);
  if (constraint->type == LAM_MAX_NORM) wanted = clip(norm, 0.0, completed(constraint->max_value, 2.0));
  if (constraint->type == LAM_MIN_MAX_NORM) {
    double inside = clip(norm, completed(constraint->min_value, 0.0), completed(constraint->max_value, 1.0));
    wanted = rate * inside + (1.0 - rate) * norm;
  }
  return (float)(wanted / (e + norm));
}

/* Units are groups of norms. */
static void scale_groups(void *argument, size_t worker, size_t begin, size_t end) {
  (void)worker;
  const lam_constraining *c = argument;
  for (size_t group = begin; group < end; group++) {
    size_t first = group % c->groups * TOGETHER, n = c->inner - first < TOGETHER ? c->inner - first : TOGETHER;
    float *values = c->values + group / c->groups * c->count * c->inner + first, factors[TOGETHER];
    double sums[TOGETHER] = { 0 };
    for (size_t i = 0; i < c->count; i++)
      for (size_t j = 0; j < n; j++) sums[j] += (double)values[i * c->inner + j] * (double)values[i * c->inner + j];
    for (size_t j = 0; j < n; j++) factors[j] = factor(&c->constraint, sqrt(sums[j]));
    for (size_t i = 0; i < c->count; i++)
      for (size_t j = 0; j < n; j++) values[i * c->inner + j] *= factors[j];
  }
}

/* A NaN stays one. */
static void cut(float *values, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = values[i] < 0.0f ? 0.0f : values[i];
}

static void constrain(lam_model *model, const lam_weight *weight) {
  lam_constraining c = { weight->constraint, model->values + weight->offset, 1, 1, 1 };
  size_t outer = 1;
  if (c.constraint.type == LAM_NON_NEG) {
    cut(c.values, weight->count);
    return;
  }
  for (size_t i = 0; i < weight->shape.rank; i++) {
    if (i < c.constraint.axis) outer *= weight->shape.size[i];
    if (i == c.constraint.axis) c.count = weight->shape.size[i];
    if (i > c.constraint.axis) c.inner *= weight->shape.size[i];
  }
  c.groups = (c.inner + TOGETHER - 1) / TOGETHER;
  /* Groups take about 8 ns a row; what takes less than 4 us is not worth sharing. */
  lam_pool_run(model->object.context->pool, scale_groups, &c, outer * c.groups, 500 / c.count + 1);
}

void lam_apply_constraints(lam_model *model, const bool *frozen) {
  for (size_t i = 0; model->constrained && i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    if (!node->first_use || (frozen && frozen[i])) continue;
    for (size_t j = 0; j < node->weight_count; j++)
      if (model->weights[node->first_weight + j].constraint.type) constrain(model, &model->weights[node->first_weight + j]);
  }
}
