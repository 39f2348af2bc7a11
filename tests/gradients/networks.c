/* SPDX-License-Identifier: MIT
 *
 * The table of losses, and the networks.
 */
#include "networks.h"

#include "layers/layers.h"
#include <math.h>
#include <stdio.h>

/* ---- losses ------------------------------------------------------------------------------------------------------- */

const head heads[] = {
  { LAM_SPARSE_CATEGORICAL_CROSSENTROPY, LAM_SOFTMAX, false, false },
  { LAM_SPARSE_CATEGORICAL_CROSSENTROPY, LAM_SOFTMAX, false, true },
  { LAM_SPARSE_CATEGORICAL_CROSSENTROPY, LAM_SIGMOID, false, false },
  { LAM_SPARSE_CATEGORICAL_CROSSENTROPY, LAM_LINEAR, true, false },
  { LAM_CATEGORICAL_CROSSENTROPY, LAM_SOFTMAX, false, false },
  { LAM_CATEGORICAL_CROSSENTROPY, LAM_SOFTMAX, false, true },
  { LAM_CATEGORICAL_CROSSENTROPY, LAM_SOFTPLUS, false, false },
  { LAM_CATEGORICAL_CROSSENTROPY, LAM_LINEAR, true, false },
  { LAM_BINARY_CROSSENTROPY, LAM_SIGMOID, false, false },
  { LAM_BINARY_CROSSENTROPY, LAM_SIGMOID, false, true },
  { LAM_BINARY_CROSSENTROPY, LAM_SOFTMAX, false, false },
  { LAM_BINARY_CROSSENTROPY, LAM_LINEAR, true, false },
  { LAM_MEAN_SQUARED_ERROR, LAM_LINEAR, false, false },
  { LAM_MEAN_SQUARED_ERROR, LAM_SOFTMAX, false, false },
  { LAM_SUM_OF_SQUARES, LAM_TANH, false, false },
  { LAM_SUM_OF_SQUARES, LAM_GELU, false, false },
};
const size_t head_count = sizeof heads / sizeof *heads;

network_sizes sizes = SMALL;

/* ---- networks ----------------------------------------------------------------------------------------------------- */

const char *network_name(const middle *m, const head *h) {
  static char text[160];
  const char *fused = h->from_logits ? ", from logits" : h->no_fusion ? ", not fused" : "";
  (void)snprintf(text, sizeof text, "%s, %s, %s%s", m->name, lam_activation_names[h->last], lam_loss_names[h->loss], fused);
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

/* Rows of normal numbers, and targets that are a distribution, or labels. */
static lam_dataset *make_data(lam_context *context, bool sparse) {
  static float x[MOST_ROWS * MOST_WIDTH], targets[MOST_ROWS * MOST_WIDTH];
  static int32_t labels[MOST_ROWS];
  assert_true(sizes.rows <= MOST_ROWS && sizes.in <= MOST_WIDTH && sizes.out <= MOST_WIDTH);
  lam_random_normal(x, sizes.rows * sizes.in, 1, 0, 0);
  lam_random_uniform(targets, sizes.rows * sizes.out, 1, 1, 0);
  for (size_t i = 0; i < sizes.rows; i++) {
    float *t = targets + i * sizes.out, sum = 0;
    labels[i] = (int32_t)(i % sizes.out);
    for (size_t j = 0; j < sizes.out; j++) sum += t[j];
    for (size_t j = 0; j < sizes.out; j++) t[j] /= sum;
  }
  lam_array inputs = { .data = x, .rows = sizes.rows, .shape = { { sizes.in }, 1 } };
  lam_array dense = { .data = targets, .rows = sizes.rows, .shape = { { sizes.out }, 1 } };
  lam_array integers = { .data = labels, .type = LAM_INT32, .rows = sizes.rows };
  return lam_dataset_create(context, &inputs, 1, sparse ? &integers : &dense, 1);
}

network network_open(lam_context *context, const middle *m, const head *h) {
  network n = { .context = context, .data = make_data(context, lam_loss_type_of(h->loss)->sparse) };
  lam_node first = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { sizes.in }, 1 }), sizes.width, NULL);
  lam_node y = lam_dense(m->append(first, m), sizes.out, &(lam_dense_options){ .activation = h->last });
  lam_model *model = lam_model_create(&y, 1);
  if (!model) fail_msg("%s: %s", network_name(m, h), lam_error_message(context));
  draw_weights(model);
  lam_trainer_options how = { .loss = h->loss, .from_logits = h->from_logits, .no_fusion = h->no_fusion };
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
