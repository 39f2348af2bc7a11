/* SPDX-License-Identifier: MIT
 *
 * The reference: for each type of layer its forward pass, and how the absolute value of a change spreads through it. A new layer
 * that gradients shall be checked of gets a line in the table below.
 */
#include "train/reference.h"
#include "layers/layers.h"

#include <math.h>
#include <string.h>

/* What float decides at a kink may differ from what double decides where a number is this small a part of the terms it is the sum
 * of: a hundred and more roundings of 2^-24. */
static const double kink_margin = 1e-5;

static size_t last_size(const lam_model_node *node) { return node->shape.size[node->shape.rank - 1]; }

static double *value_of(const lam_reference *r, size_t node) { return r->values + r->offset[node]; }
static double *spread_of(const lam_reference *r, size_t node) { return r->spread + r->offset[node]; }

/* True where the node's activation is left to its loss. */
static bool left_to_loss(const lam_reference *r, size_t node) {
  for (size_t i = 0; i < r->model->output_count; i++)
    if (r->model->outputs[i] == node && r->logits[i]) return true;
  return false;
}

/* ---- activations -------------------------------------------------------------------------------------------------- */

static void relu(lam_reference *r, double *y, unsigned char *mask, size_t n, double scale) {
  for (size_t i = 0; i < n; i++) {
    if (r->freeze) {
      mask[i] = y[i] > 0;
      r->near_kink = r->near_kink || fabs(y[i]) <= kink_margin * scale;
    }
    if (!mask[i]) y[i] = 0;
  }
}

static double log_sum_exp(const double *x, size_t n) {
  double most = x[0], sum = 0;
  for (size_t i = 1; i < n; i++) most = fmax(most, x[i]);
  for (size_t i = 0; i < n; i++) sum += exp(x[i] - most);
  return most + log(sum);
}

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static void activate(lam_reference *r, lam_activation activation, double *y, unsigned char *mask, size_t n, double scale) {
  double lse = activation == LAM_SOFTMAX || activation == LAM_LOG_SOFTMAX ? log_sum_exp(y, n) : 0;
  if (activation == LAM_RELU) relu(r, y, mask, n, scale);
  for (size_t i = 0; i < n; i++) {
    if (activation == LAM_SIGMOID) y[i] = sigmoid(y[i]);
    if (activation == LAM_TANH) y[i] = tanh(y[i]);
    if (activation == LAM_SOFTMAX) y[i] = exp(y[i] - lse);
    if (activation == LAM_LOG_SOFTMAX) y[i] -= lse;
  }
}

/* t becomes |dy/dx| t, from the results y. */
static void spread_activation(lam_activation activation, const double *y, const unsigned char *mask, double *t, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (activation == LAM_SOFTMAX) sum += y[i] * t[i];
    if (activation == LAM_LOG_SOFTMAX) sum += exp(y[i]) * t[i];
  }
  for (size_t i = 0; i < n; i++) {
    if (activation == LAM_RELU) t[i] *= mask[i];
    if (activation == LAM_SIGMOID) t[i] *= y[i] * (1 - y[i]);
    if (activation == LAM_TANH) t[i] *= 1 - y[i] * y[i];
    if (activation == LAM_SOFTMAX) t[i] = y[i] * (t[i] + sum);
    if (activation == LAM_LOG_SOFTMAX) t[i] += sum;
  }
}

static void activate_node(lam_reference *r, size_t index, double scale) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t n = last_size(node);
  lam_activation activation = lam_layer_activation(node->layer);
  if (activation != LAM_LINEAR && activation != LAM_RELU) r->bent = fmax(r->bent, scale);
  if (left_to_loss(r, index)) return;
  for (size_t at = 0; at < node->width; at += n)
    activate(r, activation, value_of(r, index) + at, r->mask + r->offset[index] + at, n, scale);
}

static void spread_node(const lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t n = last_size(node);
  if (left_to_loss(r, index)) return;
  for (size_t at = 0; at < node->width; at += n)
    spread_activation(lam_layer_activation(node->layer), value_of(r, index) + at, r->mask + r->offset[index] + at,
                      spread_of(r, index) + at, n);
}

/* ---- layers ------------------------------------------------------------------------------------------------------- */

static const double *weight_of(const lam_reference *r, const lam_model_node *node, size_t weight) {
  return weight < node->weight_count ? r->weights + r->model->weights[node->first_weight + weight].offset : NULL;
}

/* y = b + x W for one row of the last axis; returns the largest sum of absolute terms. `size` has room for one row. */
static double dense_row(double *y, double *size, const double *x, const double *w, const double *bias, size_t in, size_t units) {
  double largest = 0;
  for (size_t j = 0; j < units; j++) {
    y[j] = bias ? bias[j] : 0;
    size[j] = fabs(y[j]);
  }
  for (size_t i = 0; i < in; i++, w += units)
    for (size_t j = 0; x[i] != 0 && j < units; j++) {
      y[j] += x[i] * w[j];
      size[j] += fabs(x[i] * w[j]);
    }
  for (size_t j = 0; j < units; j++) largest = fmax(largest, size[j]);
  return largest;
}

static void dense_forward(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t units = last_size(node), in = r->model->weights[node->first_weight].shape.size[0], rows = node->width / units;
  const double *w = weight_of(r, node, 0), *bias = weight_of(r, node, 1), *x = value_of(r, node->inputs[0]);
  double *y = value_of(r, index), *room = spread_of(r, index);
  for (size_t row = 0; row < rows; row++)
    r->scale[index] = fmax(r->scale[index], dense_row(y + row * units, room, x + row * in, w, bias, in, units));
  activate_node(r, index, r->scale[index]);
}

static void dense_spread(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t units = last_size(node), in = r->model->weights[node->first_weight].shape.size[0], rows = node->width / units;
  const double *w = weight_of(r, node, 0), *t = spread_of(r, node->inputs[0]);
  double *out = spread_of(r, index);
  for (size_t row = 0; row < rows; row++, t += in, out += units)
    for (size_t i = 0; i < in; i++)
      for (size_t j = 0; t[i] > 0 && j < units; j++) out[j] += fabs(w[i * units + j]) * t[i];
  spread_node(r, index);
}

static void copy_forward(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  memcpy(value_of(r, index), value_of(r, node->inputs[0]), node->width * sizeof(double));
  r->scale[index] = r->scale[node->inputs[0]];
  activate_node(r, index, r->scale[index]);
}

static void copy_spread(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  memcpy(spread_of(r, index), spread_of(r, node->inputs[0]), node->width * sizeof(double));
  spread_node(r, index);
}

/* y = (x - mean) / max(sqrt(variance), 1e-7), or with `change` a change of x. */
static double normalized(const lam_reference *r, size_t index, size_t i, double x, bool change) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t column = i % last_size(node);
  return (change ? x : x - weight_of(r, node, 0)[column]) / fmax(sqrt(weight_of(r, node, 1)[column]), 1e-7);
}

static void normalization_forward(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  for (size_t i = 0; i < node->width; i++) {
    double x = value_of(r, node->inputs[0])[i], mean = weight_of(r, node, 0)[i % last_size(node)];
    value_of(r, index)[i] = normalized(r, index, i, x, false);
    r->scale[index] = fmax(r->scale[index], normalized(r, index, i, fabs(x) + fabs(mean), true));
  }
}

static void normalization_spread(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  for (size_t i = 0; i < node->width; i++)
    spread_of(r, index)[i] = normalized(r, index, i, spread_of(r, node->inputs[0])[i], true);
}

static void input_forward(lam_reference *r, size_t index) { r->scale[index] = 0; /* it is there already, and exact */ }

static void input_spread(lam_reference *r, size_t index) {
  (void)r;
  (void)index;
}

/* Sums of the inputs' numbers in `from` to this node's in `to`. */
static void add(const lam_reference *r, size_t index, double *all) {
  const lam_model_node *node = &r->model->nodes[index];
  for (size_t i = 0; i < node->width; i++) {
    double sum = 0;
    for (size_t k = 0; k < node->input_count; k++) sum += all[r->offset[node->inputs[k]] + i];
    all[r->offset[index] + i] = sum;
  }
}

static void add_forward(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  add(r, index, r->values);
  for (size_t k = 0; k < node->input_count; k++) {
    double most = 0;
    for (size_t i = 0; i < node->width; i++) most = fmax(most, fabs(value_of(r, node->inputs[k])[i]));
    r->scale[index] += fmax(most, r->scale[node->inputs[k]]);
  }
}

static void add_spread(lam_reference *r, size_t index) { add(r, index, r->spread); }

static void concatenate(const lam_reference *r, size_t index, double *all) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t total = last_size(node), column = 0;
  for (size_t k = 0; k < node->input_count; k++) {
    const lam_model_node *part = &r->model->nodes[node->inputs[k]];
    size_t n = last_size(part);
    for (size_t row = 0; row < part->width / n; row++)
      memcpy(all + r->offset[index] + row * total + column, all + r->offset[node->inputs[k]] + row * n, n * sizeof(double));
    column += n;
  }
}

static void concatenate_forward(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  concatenate(r, index, r->values);
  for (size_t k = 0; k < node->input_count; k++) r->scale[index] = fmax(r->scale[index], r->scale[node->inputs[k]]);
}

static void concatenate_spread(lam_reference *r, size_t index) { concatenate(r, index, r->spread); }

typedef struct lam_reference_layer {
  const lam_layer_type *type;
  void (*forward)(lam_reference *reference, size_t node);
  void (*spread)(lam_reference *reference, size_t node);
} lam_reference_layer;

static const lam_reference_layer layers[] = {
  { &lam_input_type, input_forward, input_spread },
  { &lam_dense_type, dense_forward, dense_spread },
  { &lam_flatten_type, copy_forward, copy_spread },
  { &lam_activation_type, copy_forward, copy_spread },
  { &lam_merge_types[LAM_MERGE_ADD], add_forward, add_spread },
  { &lam_reshape_type, copy_forward, copy_spread },
  { &lam_concatenate_type, concatenate_forward, concatenate_spread },
  { &lam_normalization_type, normalization_forward, normalization_spread },
};

static const lam_reference_layer *layer_of(const lam_model_node *node) {
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    if (layers[i].type == node->layer->type) return &layers[i];
  return NULL;
}

/* The activations above, with their usual parameters. */
static bool knows_activation(const lam_layer *layer) {
  lam_function function = lam_layer_function(layer);
  return function.activation == LAM_LINEAR || lam_function_is_plain_relu(&function) || function.activation == LAM_SIGMOID ||
         function.activation == LAM_TANH || function.activation == LAM_SOFTMAX || function.activation == LAM_LOG_SOFTMAX;
}

/* ---- losses ------------------------------------------------------------------------------------------------------- */

static const double clip_low = (double)1e-7f, clip_high = (double)0.99999988f; /* as floats have them */

static double clip(double p) { return fmin(fmax(p, clip_low), clip_high); }

/* Near one the floats are 2^-24 apart, near the other limit they are dense. */
static bool near_clip(double p) { return fabs(p / clip_low - 1) < 1e-3 || (1 - p > 2e-8 && 1 - p < 4e-7); }

static double target_of(const lam_reference *r, const float *target, size_t j) {
  if (!r->loss->sparse) return (double)target[j];
  int32_t label;
  memcpy(&label, target, sizeof label);
  return (size_t)label == j;
}

static double logits_loss(const lam_reference *r, const double *z, const float *target, size_t n) {
  double sum = 0, lse = log_sum_exp(z, n);
  bool binary = r->loss->logits == LAM_SIGMOID;
  for (size_t j = 0; j < n; j++) {
    double t = target_of(r, target, j);
    sum += binary ? fmax(z[j], 0) - z[j] * t + log1p(exp(-fabs(z[j]))) : t != 0 ? t * (lse - z[j]) : 0;
  }
  return binary ? sum / (double)n : sum;
}

static double probability_loss(lam_reference *r, const double *p, const float *target, size_t n) {
  double sum = 0, total = 0, clipped = 0;
  bool binary = r->loss->logits == LAM_SIGMOID;
  for (size_t j = 0; j < n; j++) total += p[j], clipped += clip(p[j]);
  for (size_t j = 0; j < n; j++) {
    double t = target_of(r, target, j), q = r->loss->sparse || binary ? p[j] : p[j] / total;
    r->near_kink = r->near_kink || (r->freeze && near_clip(q));
    if (binary)
      sum -= (t * log(clip(q)) + (1 - t) * log(1 - clip(q))) / (double)n;
    else
      sum -= t != 0 ? t * log(clip(q)) : 0;
  }
  return r->loss->sparse ? sum + log(clipped) : sum;
}

static double squared_loss(const lam_reference *r, const double *y, const float *target, size_t n) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += (y[j] - target_of(r, target, j)) * (y[j] - target_of(r, target, j));
  return r->loss == lam_loss_type_of(LAM_SUM_OF_SQUARES) ? sum / 2 : sum / (double)n;
}

/* The sum of the absolute values of the terms of d loss / d y_j. */
static double loss_spread(const lam_reference *r, const double *y, const float *target, size_t n, size_t j, bool logits,
                          double scale) {
  double t = fabs(target_of(r, target, j)), total = 0, targets = 0;
  for (size_t k = 0; k < n; k++) total += y[k], targets += fabs(target_of(r, target, k));
  if (r->loss == lam_loss_type_of(LAM_SUM_OF_SQUARES)) return scale + t;
  if (r->loss == lam_loss_type_of(LAM_MEAN_SQUARED_ERROR)) return 2 * (scale + t) / (double)n;
  if (r->loss->logits == LAM_SIGMOID && logits) return (sigmoid(y[j]) + t) / (double)n;
  if (logits) return exp(y[j] - log_sum_exp(y, n)) * targets + t;
  double p = clip(y[j]);
  /* 1 - p is as exact as p: its relative error is that of p over 1 - p. */
  if (r->loss->logits == LAM_SIGMOID) return (t / p + (1 + t) / ((1 - p) * (1 - p))) / (double)n;
  return targets / total + t / p;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

double lam_reference_loss(lam_reference *r, const float *const *inputs, const float *const *targets) {
  const lam_model *model = r->model;
  if (r->freeze) r->near_kink = false;
  memset(r->scale, 0, model->node_count * sizeof *r->scale);
  for (size_t i = 0; i < model->input_count; i++)
    for (size_t j = 0; j < model->nodes[model->inputs[i]].width; j++) value_of(r, model->inputs[i])[j] = (double)inputs[i][j];
  for (size_t i = 0; i < model->node_count; i++) {
    layer_of(&model->nodes[i])->forward(r, i);
    for (size_t j = 0; r->freeze && j < model->nodes[i].width; j++) r->largest = fmax(r->largest, fabs(value_of(r, i)[j]));
    r->largest = fmax(r->largest, r->scale[i]);
  }
  double sum = 0;
  for (size_t i = 0; i < model->output_count; i++) {
    const double *y = value_of(r, model->outputs[i]);
    size_t n = model->nodes[model->outputs[i]].width;
    if (r->logits[i]) r->bent = fmax(r->bent, r->scale[model->outputs[i]]);
    if (r->loss->logits == LAM_LINEAR)
      sum += squared_loss(r, y, targets[i], n);
    else
      sum += r->logits[i] ? logits_loss(r, y, targets[i], n) : probability_loss(r, y, targets[i], n);
  }
  return sum;
}

/* A change of a weight reaches every node that applies its layer: by |x| for an element of a kernel, and as it is for a bias.
 * What x has been rounded by is a part of its scale, not of itself. */
static void begin_spread(const lam_reference *r, size_t index, size_t weight, size_t element) {
  const lam_model_node *node = &r->model->nodes[index];
  if (weight < node->first_weight || weight >= node->first_weight + node->weight_count) return;
  size_t units = last_size(node), rows = node->width / units;
  bool kernel = r->model->weights[weight].shape.rank == 2;
  size_t in = kernel ? r->model->weights[weight].shape.size[0] : 0;
  for (size_t row = 0; row < rows; row++) {
    double x = 1;
    if (kernel) x = fabs(value_of(r, node->inputs[0])[row * in + element / units]) + r->scale[node->inputs[0]];
    spread_of(r, index)[row * units + element % units] += x;
  }
}

double lam_reference_spread(lam_reference *r, const float *const *targets, size_t weight, size_t element) {
  const lam_model *model = r->model;
  double sum = 0;
  for (size_t i = 0; i < model->node_count; i++) {
    memset(spread_of(r, i), 0, model->nodes[i].width * sizeof(double));
    begin_spread(r, i, weight, element);
    layer_of(&model->nodes[i])->spread(r, i);
  }
  for (size_t i = 0; i < model->output_count; i++) {
    size_t node = model->outputs[i], n = model->nodes[node].width;
    for (size_t j = 0; j < n; j++)
      if (spread_of(r, node)[j] > 0)
        sum += spread_of(r, node)[j] * loss_spread(r, value_of(r, node), targets[i], n, j, r->logits[i], r->scale[node]);
  }
  /* Where x is wrong by a part of its scale, the slope f'(x) is by up to twice that: |f''| <= 2 |f'| for all of them. */
  return sum * (1 + 2 * r->bent);
}

/* Sums of products forward and backward, and up to eight roundings in an activation with its slope (they are within 2 ULP). */
double lam_reference_roundings(const lam_reference *r) {
  double count = 0;
  for (size_t i = 0; i < r->model->node_count; i++) {
    const lam_model_node *node = &r->model->nodes[i];
    count += 8 + (double)node->input_count;
    if (node->weight_count) count += (double)r->model->weights[node->first_weight].shape.size[0] + (double)last_size(node);
  }
  return count;
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static size_t total_width(const lam_model *model) {
  size_t total = 0;
  for (size_t i = 0; i < model->node_count; i++) total += model->nodes[i].width;
  return total;
}

void lam_reference_close(lam_reference *r) {
  const lam_model *model = r->model;
  lam_context *context = model->object.context;
  size_t width = total_width(model);
  lam_release(context, r->logits, model->output_count * sizeof *r->logits);
  lam_release(context, r->weights, model->value_count * sizeof *r->weights);
  lam_release(context, r->values, width * sizeof *r->values);
  lam_release(context, r->spread, width * sizeof *r->spread);
  lam_release(context, r->mask, width);
  lam_release(context, r->scale, model->node_count * sizeof *r->scale);
  lam_release(context, r->offset, model->node_count * sizeof *r->offset);
}

lam_status lam_reference_open(lam_reference *r, const lam_model *model, const lam_loss_type *loss, bool from_logits) {
  lam_context *context = model->object.context;
  *r = (lam_reference){ .model = model, .loss = loss };
  for (size_t i = 0; i < model->node_count; i++)
    if (!layer_of(&model->nodes[i]) || !knows_activation(model->nodes[i].layer))
      return lam_fail(context, LAM_UNSUPPORTED, "%s (%s): this %s has no reference to compare gradients with",
                      model->nodes[i].layer->name, model->nodes[i].layer->type->name,
                      layer_of(&model->nodes[i]) ? "activation" : "type of layer");
  size_t width = total_width(model), offset = 0;
  r->logits = lam_allocate_zero(context, model->output_count * sizeof *r->logits);
  r->weights = lam_allocate_zero(context, (model->value_count ? model->value_count : 1) * sizeof *r->weights);
  r->values = lam_allocate_zero(context, width * sizeof *r->values);
  r->spread = lam_allocate_zero(context, width * sizeof *r->spread);
  r->mask = lam_allocate_zero(context, width);
  r->scale = lam_allocate_zero(context, model->node_count * sizeof *r->scale);
  r->offset = lam_allocate_zero(context, model->node_count * sizeof *r->offset);
  if (!r->logits || !r->weights || !r->values || !r->spread || !r->mask || !r->scale || !r->offset) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < model->node_count; offset += model->nodes[i++].width) r->offset[i] = offset;
  for (size_t i = 0; i < model->value_count; i++) r->weights[i] = (double)model->values[i];
  for (size_t i = 0; i < model->output_count; i++) r->logits[i] = from_logits;
  return LAM_OK;
}
