/* SPDX-License-Identifier: MIT
 *
 * lam_gradient_check: it finds every gradient of the library right, and those of a backend that lies wrong.
 */
#include "blas/gemm.h"
#include "support.h"

#include "layers/layers.h"
#include <lamina.h>
#include <math.h>

enum { ROWS = 24, IN = 6, OUT = 3 };

static float a[ROWS][IN], b[ROWS][IN], targets[ROWS][OUT];
static int32_t labels[ROWS];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&a[0][0], ROWS * IN, 1, 0, 0);
  lam_random_normal(&b[0][0], ROWS * IN, 1, 1, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i % OUT);
    for (size_t j = 0; j < OUT; j++) targets[i][j] = j == i % OUT ? 0.7f : 0.15f;
  }
  return 0;
}

static lam_dataset *data_for(lam_context *context, lam_loss loss) {
  lam_array inputs[] = { { .data = a, .rows = ROWS, .shape = { { 2, IN / 2 }, 2 } },
                         { .data = b, .rows = ROWS, .shape = { { 2, IN / 2 }, 2 } } };
  lam_array dense = { .data = targets, .rows = ROWS, .shape = { { OUT }, 1 } };
  lam_array sparse = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  return lam_dataset_create(context, inputs, 2, loss == LAM_SPARSE_CATEGORICAL_CROSSENTROPY ? &sparse : &dense, 1);
}

/* Every type of layer, one of them shared, on rows of two axes. */
static lam_model *build(lam_context *context, lam_activation inner, lam_activation last) {
  lam_graph *graph = lam_graph_create(context);
  lam_shape shape = { { 2, IN / 2 }, 2 };
  lam_node x = lam_input(graph, shape), y = lam_input(graph, shape);
  lam_node shared = lam_dense(x, 5, &(lam_dense_options){ .activation = inner });
  lam_node parts[] = { shared, lam_apply(shared, &y, 1) };
  lam_node joined = lam_concatenate(parts, 2);
  lam_node terms[] = { lam_activate(lam_dense(joined, 4, NULL), inner),
                       lam_dense(x, 4, &(lam_dense_options){ .no_bias = true }) };
  lam_node z = lam_dense(lam_flatten(lam_merge(LAM_MERGE_ADD, terms, 2)), OUT, &(lam_dense_options){ .activation = last });
  lam_model *model = lam_model_create(&z, 1);
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) { /* biases too are not zero */
    lam_parameter p;
    float values[256];
    lam_model_parameter(model, i, &p);
    lam_random_uniform(values, p.count, 9, i, 0);
    for (size_t j = 0; j < p.count; j++) values[j] -= 0.5f;
    lam_model_set_parameter(model, p.name, values, p.count);
  }
  return model;
}

static lam_gradient_report run(lam_context *context, lam_activation inner, lam_activation last, lam_trainer_options how) {
  lam_model *model = build(context, inner, last);
  lam_trainer *trainer = lam_trainer_create(model, &how);
  lam_gradient_report report;
  lam_status status = lam_gradient_check(trainer, data_for(context, how.loss), NULL, &report);
  if (status) fail_msg("%s", lam_error_message(context));
  return report;
}

static void right(const char *gemm, lam_activation inner, lam_activation last, lam_trainer_options how) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = gemm });
  lam_gradient_report r = run(context, inner, last, how);
  if (r.exceeded || !(r.deviation <= r.bound))
    fail_msg("inner %d, last %d, loss %d: %s[%zu] is %.9g, not %.9g; bound %.3g", inner, last, how.loss, r.weight, r.index,
             r.gradient, r.reference, r.bound);
  /* Numbers of size 1 through products of at most 20 terms: what is wrong by a part in a thousand would show. */
  assert_true(r.relative < 1e-4 && r.bound < 1e-3);
  assert_true(r.rows > ROWS / 2 && r.compared == 3 * 5 + 5 + 10 * 4 + 4 + 3 * 4 + 8 * OUT + OUT);
  lam_context_destroy(context);
}

static void gradients_of_every_layer_and_activation_are_right(void **state) {
  (void)state;
  for (int inner = LAM_LINEAR; inner <= LAM_LOG_SOFTMAX; inner++)
    right(NULL, (lam_activation)inner, LAM_SOFTMAX, (lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY });
}

static void gradients_of_every_loss_are_right_fused_and_not(void **state) {
  (void)state;
  static const struct {
    lam_loss loss;
    lam_activation last, logits;
  } cases[] = { { LAM_SPARSE_CATEGORICAL_CROSSENTROPY, LAM_SOFTMAX, LAM_LINEAR },
                { LAM_CATEGORICAL_CROSSENTROPY, LAM_SOFTMAX, LAM_LINEAR },
                { LAM_BINARY_CROSSENTROPY, LAM_SIGMOID, LAM_LINEAR },
                { LAM_MEAN_SQUARED_ERROR, LAM_LINEAR, LAM_SOFTMAX },
                { LAM_SUM_OF_SQUARES, LAM_TANH, LAM_RELU } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool cross = lam_loss_type_of(cases[i].loss)->logits != LAM_LINEAR;
    right("native", LAM_TANH, cases[i].last, (lam_trainer_options){ .loss = cases[i].loss });
    right("native", LAM_TANH, cases[i].last, (lam_trainer_options){ .loss = cases[i].loss, .no_fusion = true });
    right("native", LAM_RELU, cases[i].logits, (lam_trainer_options){ .loss = cases[i].loss, .from_logits = cross });
  }
}

/* Right but for the weight gradients, X transposed times dY, of which each is a thousandth too large. */
static void lying_sgemm(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *x,
                        int ldx, const float *y, int ldy, float beta, float *out, int ld) {
  assert_int_equal(order, LAM_ROW_MAJOR);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int q = 0; q < k; q++)
        sum += (double)(ta == LAM_NO_TRANSPOSE ? x[i * ldx + q] : x[q * ldx + i]) *
               (double)(tb == LAM_NO_TRANSPOSE ? y[q * ldy + j] : y[j * ldy + q]);
      float *at = &out[i * ld + j];
      *at = (float)(sum * (double)alpha * (ta == LAM_TRANSPOSE ? 1.001 : 1)) + (beta != 0.0f ? beta * *at : 0.0f);
    }
}

static void gradients_that_are_a_thousandth_too_large_are_found(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  context->gemm = lam_gemm_add(context, "lying", lying_sgemm, NULL); /* without vetting, which would refuse it */
  assert_non_null(context->gemm);
  lam_gradient_report r = run(context, LAM_TANH, LAM_LINEAR, (lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  if (!(r.exceeded > 0 && r.deviation > r.bound && r.relative > 5e-4))
    fail_msg("%s[%zu] is %.9g, not %.9g; bound %.3g, relative %.3g", r.weight, r.index, r.gradient, r.reference, r.bound,
             r.relative);
  assert_non_null(strstr(r.weight, "/kernel"));
  assert_true(fabs(r.gradient / r.reference - 1.001) < 1e-5);
  lam_context_destroy(context);
}

static void weights_and_training_stay_as_they_were(void **state) {
  (void)state;
  float trained[2][OUT];
  for (int checked = 0; checked < 2; checked++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = build(context, LAM_RELU, LAM_SOFTMAX);
    lam_trainer_options how = { .loss = LAM_CATEGORICAL_CROSSENTROPY, .optimizer = { .type = LAM_ADAM } };
    lam_trainer *trainer = lam_trainer_create(model, &how);
    lam_dataset *data = data_for(context, how.loss);
    lam_gradient_report report;
    lam_parameter bias;
    assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
    if (checked) assert_int_equal(lam_gradient_check(trainer, data, NULL, &report), LAM_OK);
    assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
    lam_model_parameter(model, lam_model_parameter_count(model) - 1, &bias);
    memcpy(trained[checked], bias.data, sizeof trained[checked]);
    lam_context_destroy(context);
  }
  assert_memory_equal(trained[0], trained[1], sizeof trained[0]);
}

static void fewer_numbers_are_drawn_where_asked(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_trainer_options how = { .loss = LAM_MEAN_SQUARED_ERROR };
  lam_trainer *trainer = lam_trainer_create(build(context, LAM_TANH, LAM_LINEAR), &how);
  lam_dataset *data = data_for(context, how.loss);
  lam_gradient_report report;
  assert_int_equal(lam_gradient_check(trainer, data, NULL, &report), LAM_OK);
  assert_int_equal(report.compared, 3 * 5 + 5 + 10 * 4 + 4 + 3 * 4 + 8 * OUT + OUT); /* all */
  lam_gradient_check_options few = { .rows = 2, .samples = 4 };
  assert_int_equal(lam_gradient_check(trainer, data, &few, &report), LAM_OK);
  assert_int_equal(report.rows, 2);
  assert_int_equal(report.compared, 6 * 4 + OUT);
  few.reserved[0] = 1;
  assert_int_equal(lam_gradient_check(trainer, data, &few, &report), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_gradient_check(NULL, data, NULL, &report), LAM_NO_HANDLE);
  lam_context_destroy(context);
}

static void a_layer_without_a_reference_and_rows_at_a_kink_are_told(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_layer_type foreign = lam_flatten_type;
  foreign.name = "Foreign";
  lam_array row = { .data = (const float[IN]){ 1, -1 }, .rows = 1, .shape = { { IN }, 1 } };
  lam_array target = { .data = targets, .rows = 1, .shape = { { OUT }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &row, 1, &target, 1);
  lam_trainer_options how = { .loss = LAM_MEAN_SQUARED_ERROR };
  lam_gradient_report report;
  lam_node x = lam_input(lam_graph_create(context), row.shape);
  lam_node y = lam_dense(lam_graph_append_one(x, &foreign, NULL), OUT, NULL);
  assert_int_equal(lam_gradient_check(lam_trainer_create(lam_model_create(&y, 1), &how), data, NULL, &report), LAM_UNSUPPORTED);
  assert_non_null(strstr(lam_error_message(context), "(Foreign)"));
  /* What a relu gets is a sum that is 0, but not of zeros. */
  x = lam_input(lam_graph_create(context), row.shape);
  y = lam_dense(x, OUT, &(lam_dense_options){ .activation = LAM_RELU, .kernel_initializer.type = LAM_ONES });
  assert_int_equal(lam_gradient_check(lam_trainer_create(lam_model_create(&y, 1), &how), data, NULL, &report), LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(context), "none of 1 rows"));
  lam_context_destroy(context);
}

/* Two relus, x + y and x - y, of rows of which some are next to a kink. */
static lam_trainer *two_relus(lam_context *context, bool normalized) {
  lam_node x = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 }), 2, NULL);
  if (normalized) x = lam_batch_normalization(x, NULL);
  lam_node y = lam_dense(lam_activate(x, LAM_RELU), 1, NULL);
  lam_model *model = lam_model_create(&y, 1);
  assert_int_equal(lam_model_set_parameter(model, "dense/kernel", (const float[]){ 1, 1, 1, -1 }, 4), LAM_OK);
  return lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
}

static void only_rows_next_to_a_kink_are_left_out(void **state) {
  (void)state;
  /* The sums of the first are 2 and 2^-24, one rounding of the other; those of the second 0 and 0, exactly, where relu has the
   * slope 0; and of the third 2 and 2^-20, which is sixteen roundings. */
  static const float x[][2] = { { 1, 1 - 0x1p-24f }, { 0, 0 }, { 1, 1 - 0x1p-20f }, { 0.5f, 0.25f }, { -1, 2 } };
  static const float wanted[] = { 1, 2, 3, 4, 5 };
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  lam_array inputs = { .data = x, .rows = 5, .shape = { { 2 }, 1 } },
            outputs = { .data = wanted, .rows = 5, .shape = { { 1 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &inputs, 1, &outputs, 1);
  lam_gradient_report report;
  assert_int_equal(lam_gradient_check(two_relus(context, false), data, NULL, &report), LAM_OK);
  assert_true(report.rows == 4 && report.exceeded == 0 && report.compared == 4 + 2 + 2 + 1);
  /* Behind a batch normalization each row's sums depend on the rows that stay; those of the kinks stand elsewhere. */
  assert_int_equal(lam_gradient_check(two_relus(context, true), data, NULL, &report), LAM_OK);
  assert_true(report.rows >= 3 && report.exceeded == 0 && report.compared == 4 + 2 + 4 + 2 + 1);
  lam_context_destroy(context);
}

static void noise_is_that_of_the_next_step(void **state) {
  (void)state;
  lam_context *context = lam_context_create(&(lam_context_options){ .seed = 7 });
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 2, IN / 2 }, 2 });
  lam_node y = lam_dense(lam_flatten(lam_gaussian_noise(lam_dropout(x, 0.5f), 0.2f)), OUT, NULL);
  lam_trainer *trainer = lam_trainer_create(lam_model_create(&y, 1), &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  lam_array input = { .data = a, .rows = ROWS, .shape = { { 2, IN / 2 }, 2 } },
            output = { .data = targets, .rows = ROWS, .shape = { { OUT }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &input, 1, &output, 1);
  lam_gradient_report first, again, later;
  assert_int_equal(lam_gradient_check(trainer, data, NULL, &first), LAM_OK);
  assert_int_equal(lam_gradient_check(trainer, data, NULL, &again), LAM_OK);
  assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
  assert_int_equal(lam_gradient_check(trainer, data, NULL, &later), LAM_OK);
  assert_true(first.exceeded == 0 && later.exceeded == 0 && first.rows == ROWS);
  assert_memory_equal(&first, &again, sizeof first);
  assert_true(first.gradient != later.gradient);
  lam_context_destroy(context);
}

static bool check_with_memory(lam_allocator allocator) {
  static const float x[][2] = { { 1, 3 }, { 0.5f, 0.25f } }, one[] = { 1, 2 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator, .gemm = "native" });
  lam_array inputs = { .data = x, .rows = 2, .shape = { { 2 }, 1 } }, outputs = { .data = one, .rows = 2, .shape = { { 1 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &inputs, 1, &outputs, 1);
  lam_node y =
      lam_dense(lam_input(lam_graph_create(context), inputs.shape), 1, &(lam_dense_options){ .activation = LAM_SOFTPLUS });
  lam_trainer *trainer = lam_trainer_create(lam_model_create(&y, 1), &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  lam_gradient_report report;
  lam_status status = lam_gradient_check(trainer, data, NULL, &report);
  assert_true(status == LAM_OK || status == LAM_OUT_OF_MEMORY || status == LAM_NO_HANDLE);
  lam_context_destroy(context);
  return status == LAM_OK;
}

static void memory_that_runs_out_is_told_and_given_back(void **state) {
  (void)state;
  test_every_allocation_failing(check_with_memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_of_every_layer_and_activation_are_right),
    cmocka_unit_test(gradients_of_every_loss_are_right_fused_and_not),
    cmocka_unit_test(gradients_that_are_a_thousandth_too_large_are_found),
    cmocka_unit_test(weights_and_training_stay_as_they_were),
    cmocka_unit_test(fewer_numbers_are_drawn_where_asked),
    cmocka_unit_test(a_layer_without_a_reference_and_rows_at_a_kink_are_told),
    cmocka_unit_test(only_rows_next_to_a_kink_are_left_out),
    cmocka_unit_test(noise_is_that_of_the_next_step),
    cmocka_unit_test(memory_that_runs_out_is_told_and_given_back),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
