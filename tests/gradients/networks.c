/* SPDX-License-Identifier: MIT
 *
 * The table of losses, and the networks.
 */
#include "networks.h"

#include "layers/layers.h"
#include <math.h>
#include <stdio.h>

/* ---- losses ------------------------------------------------------------------------------------------------------- */

#define LOSS(NAME, ...)                                                                                                          \
  { .loss = LAM_##NAME, __VA_ARGS__ }

const head heads[] = {
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY), LAM_SOFTMAX, .no_fusion = false },
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY), LAM_SOFTMAX, .no_fusion = true },
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY), LAM_SIGMOID, .weighted = true },
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true), LAM_LINEAR, .weighted = true },
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY, .ignore = true, .ignore_class = 1), LAM_SOFTMAX, .no_fusion = false },
  { LOSS(CATEGORICAL_CROSSENTROPY), LAM_SOFTMAX, SHARES },
  { LOSS(CATEGORICAL_CROSSENTROPY), LAM_SOFTMAX, SHARES, .no_fusion = true },
  { LOSS(CATEGORICAL_CROSSENTROPY), LAM_SOFTPLUS, SHARES },
  { LOSS(CATEGORICAL_CROSSENTROPY, .from_logits = true), LAM_LINEAR, ONE_HOT },
  { LOSS(CATEGORICAL_CROSSENTROPY, .label_smoothing = 0.2f), LAM_SOFTMAX, ONE_HOT, .weighted = true },
  { LOSS(CATEGORICAL_CROSSENTROPY), LAM_SOFTMAX, SHARES, .several = true },
  { LOSS(BINARY_CROSSENTROPY), LAM_SIGMOID, YES_OR_NO },
  { LOSS(BINARY_CROSSENTROPY), LAM_SIGMOID, SHARES, .no_fusion = true },
  { LOSS(BINARY_CROSSENTROPY), LAM_SOFTMAX, SHARES },
  { LOSS(BINARY_CROSSENTROPY, .from_logits = true, .label_smoothing = 0.1f), LAM_LINEAR, YES_OR_NO },
  { LOSS(MEAN_SQUARED_ERROR), LAM_LINEAR, NUMBERS },
  { LOSS(MEAN_SQUARED_ERROR), LAM_SOFTMAX, SHARES, .weighted = true },
  { LOSS(MEAN_SQUARED_ERROR, .reduction = LAM_REDUCTION_SUM, .weight = 0.3f), LAM_LINEAR, NUMBERS, .several = true },
  { LOSS(SUM_OF_SQUARES), LAM_TANH, NUMBERS },
  { LOSS(SUM_OF_SQUARES), LAM_GELU, NUMBERS, .several = true },
  { LOSS(MEAN_ABSOLUTE_ERROR), LAM_LINEAR, NUMBERS },
  { LOSS(MEAN_ABSOLUTE_PERCENTAGE_ERROR), LAM_SOFTPLUS, SHARES },
  { LOSS(MEAN_SQUARED_LOGARITHMIC_ERROR), LAM_SOFTPLUS, SHARES },
  { LOSS(HUBER), LAM_LINEAR, NUMBERS },
  { LOSS(HUBER, .delta = 0.3f), LAM_LINEAR, NUMBERS },
  { LOSS(LOG_COSH), LAM_TANH, NUMBERS },
  { LOSS(HINGE), LAM_TANH, SIGNS },
  { LOSS(HINGE), LAM_LINEAR, YES_OR_NO },
  { LOSS(SQUARED_HINGE), LAM_LINEAR, SIGNS },
  { LOSS(CATEGORICAL_HINGE), LAM_LINEAR, ONE_HOT },
  { LOSS(POISSON), LAM_SOFTPLUS, SHARES },
  { LOSS(KL_DIVERGENCE), LAM_SOFTMAX, SHARES, .several = true },
  { LOSS(COSINE_SIMILARITY), LAM_LINEAR, NUMBERS, .several = true },
  { LOSS(BINARY_FOCAL_CROSSENTROPY), LAM_SIGMOID, YES_OR_NO },
  { LOSS(BINARY_FOCAL_CROSSENTROPY, .gamma = 1.5f, .apply_class_balancing = true), LAM_SIGMOID, YES_OR_NO, .no_fusion = true },
  { LOSS(BINARY_FOCAL_CROSSENTROPY, .gamma = 0.7f, .from_logits = true), LAM_LINEAR, SHARES },
  { LOSS(CATEGORICAL_FOCAL_CROSSENTROPY), LAM_SOFTMAX, ONE_HOT },
  { LOSS(CATEGORICAL_FOCAL_CROSSENTROPY, .gamma = 3), LAM_SOFTMAX, SHARES, .no_fusion = true },
  { LOSS(CATEGORICAL_FOCAL_CROSSENTROPY, .gamma = 1, .from_logits = true), LAM_LINEAR, SHARES },
  { LOSS(TVERSKY, .alpha = 0.3f, .beta = 0.6f), LAM_SIGMOID, YES_OR_NO },
  { LOSS(TVERSKY, .each_row = true), LAM_SIGMOID, YES_OR_NO },
  { LOSS(DICE), LAM_SOFTMAX, ONE_HOT },
  { LOSS(TVERSKY), LAM_SIGMOID, YES_OR_NO, .weighted = true },
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY, .ignore = true, .reduction = LAM_REDUCTION_SUM), LAM_SOFTMAX, .weighted = true },
  { LOSS(MEAN_SQUARED_ERROR, .reduction = LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT), LAM_LINEAR, NUMBERS, .weighted = true },
  { LOSS(SPARSE_CATEGORICAL_CROSSENTROPY, .ignore = true, .reduction = LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT), LAM_SOFTMAX,
    .weighted = true },
  { LOSS(DICE, .each_row = true), LAM_SOFTMAX, SHARES, .weighted = true },
};
const size_t head_count = sizeof heads / sizeof *heads;

network_sizes sizes = SMALL;

/* ---- networks ----------------------------------------------------------------------------------------------------- */

const char *network_name(const middle *m, const head *h) {
  static char text[200];
  (void)snprintf(text, sizeof text, "%s, %s, %s (loss %d)", m->name, lam_activation_names[h->last], lam_loss_names[h->loss.loss],
                 (int)(h - heads));
  return text;
}

/* Kernels so that sums of numbers of size 1 stay so: activations are neither straight nor flat. Variances are positive. */
static void draw_weights(lam_model *model) {
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    float *values = malloc(p.count * sizeof *values);
    float most = p.shape.rank == 2 && strstr(p.name, "kernel") ? 1.5f / sqrtf((float)p.shape.size[0]) : 0.6f;
    lam_random_uniform(values, p.count, 9, i, 0);
    for (size_t j = 0; j < p.count; j++) values[j] = strstr(p.name, "variance") ? values[j] + 0.5f : (2 * values[j] - 1) * most;
    assert_int_equal(lam_model_set_parameter(model, p.name, values, p.count), LAM_OK);
    free(values);
  }
}

static void make_targets(float *t, size_t row, size_t count, target_kind kind) {
  float sum = 0;
  for (size_t j = 0; j < count; j++) {
    if (kind == SHARES) t[j] = j % 3 == 2 ? 0 : t[j];
    if (kind == YES_OR_NO) t[j] = t[j] < 0.5f ? 0.0f : 1.0f;
    if (kind == ONE_HOT) t[j] = j == row % count ? 1 : 0;
    if (kind == SIGNS) t[j] = t[j] < 0.5f ? -1 : 1;
    if (kind == NUMBERS) t[j] = 4 * t[j] - 2;
    sum += t[j];
  }
  for (size_t j = 0; kind == SHARES && j < count; j++) t[j] /= sum;
}

/* Rows of normal numbers, and what `h` asks for. */
static lam_dataset *make_data(lam_context *context, const head *h) {
  static float x[MOST_ROWS * MOST_WIDTH], targets[2 * MOST_ROWS * MOST_WIDTH], weights[MOST_ROWS];
  static int32_t labels[MOST_ROWS];
  size_t groups = h->several ? 2 : 1;
  assert_true(sizes.rows <= MOST_ROWS && sizes.in <= MOST_WIDTH && sizes.out <= MOST_WIDTH);
  lam_random_normal(x, sizes.rows * sizes.in, 1, 0, 0);
  lam_random_uniform(targets, groups * sizes.rows * sizes.out, 1, 1, 0);
  lam_random_uniform(weights, sizes.rows, 1, 2, 0);
  weights[1] = 0;
  for (size_t i = 0; i < sizes.rows; i++) labels[i] = (int32_t)(i % sizes.out);
  for (size_t i = 0; i < groups * sizes.rows; i++) make_targets(targets + i * sizes.out, i, sizes.out, h->targets);
  lam_array inputs = { .data = x, .rows = sizes.rows, .shape = { { sizes.in }, 1 } };
  lam_array dense = { .data = targets, .rows = sizes.rows, .shape = { { sizes.out }, 1 } };
  lam_array integers = { .data = labels, .type = LAM_INT32, .rows = sizes.rows };
  if (h->several) dense.shape = (lam_shape){ { 2, sizes.out }, 2 };
  bool sparse = lam_loss_type_of(h->loss.loss)->sparse;
  lam_dataset *data = lam_dataset_create(context, &inputs, 1, sparse ? &integers : &dense, 1);
  if (h->weighted) assert_int_equal(lam_dataset_set_weights(data, weights, sizes.rows), LAM_OK);
  return data;
}

network network_open(lam_context *context, const middle *m, const head *h) {
  network n = { .context = context, .data = make_data(context, h) };
  lam_node first = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { sizes.in }, 1 }), sizes.width, NULL);
  lam_node x = m->append(first, m);
  if (h->several) x = lam_reshape(lam_dense(x, 6, NULL), (lam_shape){ { 2, 3 }, 2 });
  lam_node y = lam_dense(x, sizes.out, &(lam_dense_options){ .activation = h->last });
  lam_model *model = lam_model_create(&y, 1);
  if (!model) fail_msg("%s: %s", network_name(m, h), lam_error_message(context));
  draw_weights(model);
  lam_trainer_options how = { .losses = &h->loss, .loss_count = 1, .no_fusion = h->no_fusion };
  n.trainer = lam_trainer_create(model, &how);
  if (!n.trainer) fail_msg("%s: %s", network_name(m, h), lam_error_message(context));
  return n;
}

lam_gradient_report network_check(const network *n, lam_reference *reference) {
  lam_gradient_report report;
  if (lam_gradient_check(n->trainer, n->data, NULL, &report)) fail_msg("%s", lam_error_message(n->context));
  const lam_plan *plan = n->trainer->plan;
  lam_step step = { .rows = report.rows, .training = true, .seed = n->trainer->seed, .number = n->trainer->position.steps };
  assert_int_equal(lam_reference_open(reference, plan, report.rows), LAM_OK);
  assert_int_equal(lam_reference_run(reference, &step), LAM_OK);
  return report;
}
