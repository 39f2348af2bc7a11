/* SPDX-License-Identifier: MIT
 *
 * Initial weights. Weight number i of a model draws from stream i, so that what one layer gets does not depend on the others'
 * sizes. Everything is Philox and exactly rounded arithmetic (orthogonal apart): the same seed gives the same weights everywhere.
 */
#include "blas/gemm.h"
#include "graph/model.h"

#include <math.h>
#include <string.h>

/* Weights are streams of this family; shuffles and noise have their own (src/data, src/train). */
enum { LAM_STREAM_WEIGHTS = 1 };

static uint64_t weight_stream(size_t index) { return ((uint64_t)LAM_STREAM_WEIGHTS << 32) + index; }

static void fill_uniform(lam_model *model, const lam_weight *weight, size_t index, float bound) {
  float *values = model->values + weight->offset;
  lam_random_uniform(values, weight->count, model->seed, weight_stream(index), 0);
  for (size_t i = 0; i < weight->count; i++) values[i] = (values[i] * 2.0f - 1.0f) * bound;
}

/* Normals; where `truncate`, those beyond two deviations are drawn again, from the numbers behind the weight's own. */
static void fill_normal(lam_model *model, const lam_weight *weight, size_t index, float deviation, bool truncate) {
  float *values = model->values + weight->offset;
  uint64_t seed = model->seed, stream = weight_stream(index), next = weight->count;
  lam_random_normal(values, weight->count, seed, stream, 0);
  for (size_t i = 0; i < weight->count; i++) {
    while (truncate && fabsf(values[i]) > 2.0f) lam_random_normal(&values[i], 1, seed, stream, next++);
    values[i] *= deviation;
  }
}

/* Variance scaling: variance = scale / n, n being fan_in or the mean of fan_in and fan_out. Keras divides the deviation of
 * truncated normals by .8796, the deviation of a standard normal cut at two. */
static void fill_scaled(lam_model *model, const lam_weight *weight, size_t index, double scale, double n, bool uniform) {
  double variance = scale / (n < 1.0 ? 1.0 : n);
  if (uniform)
    fill_uniform(model, weight, index, (float)sqrt(3.0 * variance));
  else
    fill_normal(model, weight, index, (float)(sqrt(variance) / 0.87962566103423978), true);
}

static void fill_constant(float *values, size_t count, float value) {
  for (size_t i = 0; i < count; i++) values[i] = value;
}

static void fill_identity(float *values, const lam_weight *weight, float value) {
  size_t columns = weight->shape.size[1], rows = weight->shape.size[0];
  fill_constant(values, weight->count, 0.0f);
  for (size_t i = 0; i < rows && i < columns; i++) values[i * columns + i] = value;
}

static lam_status fill_orthogonal(lam_model *model, const lam_weight *weight, size_t index, float gain) {
  fill_normal(model, weight, index, 1.0f, false);
  return lam_orthogonal(model->object.context, model->values + weight->offset, weight->shape.size[0], weight->shape.size[1],
                        gain);
}

static lam_status initialize_weight(lam_model *model, size_t index) {
  const lam_weight *weight = &model->weights[index];
  float *values = model->values + weight->offset;
  float given = weight->initializer.value, value = given == LAM_ZERO ? 0.0f : given;
  double in = (double)weight->fan_in, mean = ((double)weight->fan_in + (double)weight->fan_out) / 2.0;
  float spread = given == 0.0f ? 0.05f : value, factor = given == 0.0f ? 1.0f : value;
  switch (weight->initializer.type) {
  case LAM_INITIALIZER_DEFAULT:
  case LAM_GLOROT_UNIFORM: fill_scaled(model, weight, index, 1.0, mean, true); break;
  case LAM_GLOROT_NORMAL: fill_scaled(model, weight, index, 1.0, mean, false); break;
  case LAM_HE_UNIFORM: fill_scaled(model, weight, index, 2.0, in, true); break;
  case LAM_HE_NORMAL: fill_scaled(model, weight, index, 2.0, in, false); break;
  case LAM_LECUN_UNIFORM: fill_scaled(model, weight, index, 1.0, in, true); break;
  case LAM_LECUN_NORMAL: fill_scaled(model, weight, index, 1.0, in, false); break;
  case LAM_RANDOM_UNIFORM: fill_uniform(model, weight, index, spread); break;
  case LAM_RANDOM_NORMAL: fill_normal(model, weight, index, spread, false); break;
  case LAM_TRUNCATED_NORMAL: fill_normal(model, weight, index, spread, true); break;
  case LAM_ZEROS: fill_constant(values, weight->count, 0.0f); break;
  case LAM_ONES: fill_constant(values, weight->count, 1.0f); break;
  case LAM_CONSTANT: fill_constant(values, weight->count, value); break;
  case LAM_IDENTITY:
  case LAM_ORTHOGONAL:
    if (weight->shape.rank != 2)
      return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "%s is not a matrix: identity and orthogonal need one",
                      weight->name);
    if (weight->initializer.type == LAM_ORTHOGONAL) return fill_orthogonal(model, weight, index, factor);
    fill_identity(values, weight, factor);
    break;
  }
  return LAM_OK;
}

/* The weights that came with a layer. */
static lam_status take_initial(lam_model *model, const lam_model_node *node) {
  const lam_weight *weights = model->weights + node->first_weight;
  size_t count = 0;
  for (size_t i = 0; i < node->weight_count; i++) count += weights[i].count;
  if (count != node->layer->initial_count)
    return lam_fail(model->object.context, LAM_INVALID_SHAPE,
                    "%s comes from a model with %zu weights; here it would have %zu: rows of another width come in",
                    node->layer->name, node->layer->initial_count, count);
  const float *from = node->layer->initial;
  for (size_t i = 0; i < node->weight_count; from += weights[i++].count)
    memcpy(model->values + weights[i].offset, from, weights[i].count * sizeof *from);
  return LAM_OK;
}

lam_status lam_initialize(lam_model *model) {
  lam_status status = LAM_OK;
  for (size_t i = 0; i < model->node_count && !status; i++) {
    const lam_model_node *node = &model->nodes[i];
    if (!node->first_use) continue;
    if (node->layer->initial)
      status = take_initial(model, node);
    else
      for (size_t j = 0; j < node->weight_count && !status; j++) status = initialize_weight(model, node->first_weight + j);
  }
  return status;
}
