/* SPDX-License-Identifier: MIT
 *
 * Weights of rows and of classes: what they do to the loss, to the gradients and to accuracy, that parts of a dataset have those
 * of their rows, and what is refused.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 37, IN = 5, CLASSES = 3 };

static float x[ROWS][IN], weights[ROWS], ones[ROWS], dense[ROWS][CLASSES];
static uint8_t labels[ROWS];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 11, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (uint8_t)(i * 5 % CLASSES);
    dense[i][labels[i]] = 1.0f;
    weights[i] = (float)(i % 4) / 2.0f;
    ones[i] = 1.0f;
    x[i][labels[i]] += 1.0f;
  }
  return 0;
}

typedef struct fixture {
  lam_context *context;
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data, *encoded;
} fixture;

static fixture begin(lam_loss loss) {
  fixture f = { .context = lam_context_create(NULL) };
  lam_node node = lam_dense(lam_input(lam_graph_create(f.context), (lam_shape){ { IN }, 1 }), 4,
                            &(lam_dense_options){ .activation = LAM_TANH });
  node = lam_dense(node, CLASSES, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  f.model = lam_model_create(&node, 1);
  f.trainer = lam_trainer_create(f.model, &(lam_trainer_options){ .loss = loss, .optimizer = { .learning_rate = 0.1f } });
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = labels, .type = LAM_UINT8, .rows = ROWS };
  f.data = lam_dataset_create(f.context, &in, 1, &out, 1);
  f.encoded = lam_one_hot(f.data, CLASSES);
  assert_non_null(f.encoded);
  return f;
}

static double loss_of(const fixture *f, const lam_dataset *data) {
  lam_result result;
  assert_int_equal(lam_evaluate(f->trainer, data, &result), LAM_OK);
  return result.loss;
}

static size_t values_of(const lam_model *model, float *values) {
  size_t count = lam_model_count_params(model);
  assert_int_equal(lam_model_get_weights(model, values, count), LAM_OK);
  return count;
}

static void evaluate_gives_the_sum_of_weighted_losses_over_the_rows(void **state) {
  (void)state;
  fixture f = begin(LAM_SPARSE_CATEGORICAL_CROSSENTROPY);
  double sum = 0;
  lam_result plain, weighted;
  for (size_t i = 0; i < ROWS; i++) {
    lam_dataset *row = lam_dataset_slice(f.data, i, 1);
    sum += (double)weights[i] * loss_of(&f, row);
    lam_dataset_destroy(row);
  }
  assert_int_equal(lam_evaluate(f.trainer, f.data, &plain), LAM_OK);
  assert_int_equal(lam_dataset_set_weights(f.data, weights, ROWS), LAM_OK);
  assert_int_equal(lam_evaluate(f.trainer, f.data, &weighted), LAM_OK);
  /* each of the weighted losses, which are below 8, is rounded once: by 2^-22 at most. The rest is in double. */
  assert_true(fabs(weighted.loss - sum / ROWS) <= 0x1p-22);
  assert_true(fabs(weighted.loss - plain.loss) > 1e-3);
  assert_true(weighted.accuracy == plain.accuracy);
  lam_context_destroy(f.context);
}

static void weights_of_1_change_no_bit(void **state) {
  (void)state;
  float values[2][64];
  for (size_t weighted = 0; weighted < 2; weighted++) {
    fixture f = begin(LAM_SPARSE_CATEGORICAL_CROSSENTROPY);
    if (weighted) assert_int_equal(lam_dataset_set_weights(f.data, ones, ROWS), LAM_OK);
    assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 2, .batch_size = 8 }), LAM_OK);
    assert_int_equal(values_of(f.model, values[weighted]), IN * 4 + 4 + 4 * CLASSES + CLASSES);
    lam_context_destroy(f.context);
  }
  assert_memory_equal(values[0], values[1], (IN * 4 + 4 + 4 * CLASSES + CLASSES) * sizeof(float));
}

static void gradients_are_those_of_the_weighted_loss(void **state) {
  (void)state;
  fixture f = begin(LAM_CATEGORICAL_CROSSENTROPY);
  assert_int_equal(lam_dataset_set_weights(f.encoded, weights, ROWS), LAM_OK);
  lam_gradient_report report;
  assert_int_equal(lam_gradient_check(f.trainer, f.encoded, NULL, &report), LAM_OK);
  assert_true(report.compared > 0);
  assert_int_equal(report.exceeded, 0);
  lam_context_destroy(f.context);
}

static void a_row_that_weighs_nothing_is_not_trained_on_even_if_its_loss_is_infinite(void **state) {
  (void)state;
  float none[ROWS], values[2][64];
  memcpy(none, ones, sizeof none);
  none[3] = 0.0f;
  fixture f = begin(LAM_MEAN_SQUARED_ERROR);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_array out = { .data = dense, .rows = ROWS, .shape = { { CLASSES }, 1 } };
  float kept = dense[3][0];
  dense[3][0] = 3e38f; /* its square is infinite */
  lam_dataset *data = lam_dataset_create(f.context, &in, 1, &out, 1);
  assert_int_equal(lam_fit(f.trainer, data, &(lam_fit_options){ .batch_size = ROWS }), LAM_NOT_FINITE);
  assert_int_equal(lam_dataset_set_weights(data, none, ROWS), LAM_OK);
  values_of(f.model, values[0]);
  assert_int_equal(lam_fit(f.trainer, data, &(lam_fit_options){ .batch_size = ROWS }), LAM_OK);
  size_t count = values_of(f.model, values[1]);
  for (size_t i = 0; i < count; i++) assert_true(isfinite(values[1][i]));
  assert_memory_not_equal(values[0], values[1], count * sizeof(float));
  dense[3][0] = kept;
  lam_context_destroy(f.context);
}

static void parts_have_the_weights_of_their_rows(void **state) {
  (void)state;
  fixture f = begin(LAM_CATEGORICAL_CROSSENTROPY);
  float numbers[ROWS];
  lam_dataset *before = lam_dataset_slice(f.data, 0, ROWS), *rest, *held;
  for (size_t i = 0; i < ROWS; i++) numbers[i] = (float)i;
  assert_null(lam_dataset_weights(f.data, 0));
  assert_int_equal(lam_dataset_set_weights(f.data, numbers, ROWS), LAM_OK);
  assert_null(lam_dataset_weights(before, 0));
  assert_int_equal(lam_dataset_split(f.data, 0.3, &(lam_split_options){ .shuffle = true, .seed = 5 }, &rest, &held), LAM_OK);
  lam_dataset *parts[] = { rest, held, lam_dataset_slice(held, 2, 5), lam_dataset_slice(f.data, 9, 7), lam_one_hot(f.data, 4) };
  for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
    for (size_t i = 0; i < lam_dataset_rows(parts[p]); i++) {
      const float *inputs = lam_dataset_row(parts[p], lam_dataset_input(parts[p], 0), i);
      size_t row = (size_t)(inputs - &x[0][0]) / IN;
      assert_true(*lam_dataset_weights(parts[p], i) == (float)row);
    }
  assert_null(lam_dataset_weights(f.data, ROWS));
  /* A part's own weights are set by its rows. */
  float own[5] = { 5, 4, 3, 2, 1 };
  assert_int_equal(lam_dataset_set_weights(parts[2], own, 5), LAM_OK);
  for (size_t i = 0; i < 5; i++) assert_true(*lam_dataset_weights(parts[2], i) == own[i]);
  assert_true(*lam_dataset_weights(held, 2) != 5.0f);
  lam_context_destroy(f.context);
}

static void each_target_may_have_weights_of_its_own(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node outputs[] = { lam_dense(in, 2, NULL), lam_dense(in, 1, NULL) };
  lam_model *model = lam_model_create(outputs, 2);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  static float zeros[ROWS][2], both[ROWS][2], first[ROWS][2], second[ROWS][2];
  for (size_t i = 0; i < ROWS; i++) {
    first[i][0] = both[i][0] = weights[i];
    second[i][1] = both[i][1] = 1.0f;
  }
  lam_array inputs = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_array targets[] = { { .data = zeros, .rows = ROWS, .shape = { { 2 }, 1 } },
                          { .data = zeros, .rows = ROWS, .shape = { { 1 }, 1 } } };
  lam_dataset *data = lam_dataset_create(context, &inputs, 1, targets, 2);
  lam_result all, one, other;
  assert_int_equal(lam_dataset_set_weights(data, &both[0][0], 2 * ROWS), LAM_OK);
  assert_true(lam_dataset_weights(data, 3)[0] == weights[3] && lam_dataset_weights(data, 3)[1] == 1.0f);
  assert_int_equal(lam_evaluate(trainer, data, &all), LAM_OK);
  assert_int_equal(lam_dataset_set_weights(data, &first[0][0], 2 * ROWS), LAM_OK);
  assert_int_equal(lam_evaluate(trainer, data, &one), LAM_OK);
  assert_int_equal(lam_dataset_set_weights(data, &second[0][0], 2 * ROWS), LAM_OK);
  assert_int_equal(lam_evaluate(trainer, data, &other), LAM_OK);
  assert_true(one.loss > 0 && other.loss > 0);
  assert_true(fabs(all.loss - (one.loss + other.loss)) <= 1e-12 * all.loss); /* sums in double of the same floats */
  lam_context_destroy(context);
}

/* Keras 3.15's numbers for these rows: the weight of a row that is left out counts nowhere. They have 7 digits, ours some
 * roundings of numbers below 4. The step's gradient is that of lam_loss_compute. */
static void rows_that_are_left_out_do_not_weigh(void **state) {
  (void)state;
  static const float logits[4][3] = { { 2, 1, 0 }, { 0, 1, 0 }, { 1, 1, 2 }, { 3, 1, 1 } }, heavy[4] = { 1, 2, 3, 100 };
  static const int32_t some[4] = { 0, 1, 2, -1 };
  static const struct {
    lam_reduction reduction;
    double plain, weighted;
  } cases[] = { { LAM_REDUCTION_SUM_OVER_BATCH_SIZE, 0.50349844, 1.0549431 },
                { LAM_REDUCTION_SUM, 1.5104953, 3.1648293 },
                { LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT, 0.50349844, 0.52747154 },
                { LAM_REDUCTION_MEAN, 0.50349844, 1.0549431 } };
  lam_context *context = lam_context_create(NULL);
  lam_array in = { .data = logits, .rows = 4, .shape = { { 3 }, 1 } }, out = { .data = some, .type = LAM_INT32, .rows = 4 };
  for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
    bool weighted = i % 2 != 0;
    lam_loss_options o = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true, .ignore = true, .ignore_class = -1 };
    o.reduction = cases[i / 2].reduction;
    lam_node node = lam_dense(lam_input(lam_graph_create(context), in.shape), 3,
                              &(lam_dense_options){ .kernel_initializer = { LAM_IDENTITY, 0 } });
    lam_model *model = lam_model_create(&node, 1);
    lam_trainer *trainer = lam_trainer_create(
        model, &(lam_trainer_options){ .losses = &o, .loss_count = 1, .optimizer = { .type = LAM_SGD, .learning_rate = 1 } });
    lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
    if (weighted) assert_int_equal(lam_dataset_set_weights(data, heavy, 4), LAM_OK);
    lam_result result;
    assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
    assert_true(fabs(result.loss - (weighted ? cases[i / 2].weighted : cases[i / 2].plain)) < 1e-6);
    lam_loss_data arrays = { .rows = 4, .columns = 3, .outputs = &logits[0][0], .labels = some };
    if (weighted) arrays.sample_weight = heavy;
    float gradient[4][3];
    assert_int_equal(lam_loss_compute(context, &o, &arrays, NULL, NULL, &gradient[0][0]), LAM_OK);
    assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
    lam_parameter bias;
    assert_int_equal(lam_model_parameter(model, 1, &bias), LAM_OK);
    for (size_t j = 0; j < 3; j++) {
      double sum = 0;
      for (size_t row = 0; row < 4; row++) sum += (double)gradient[row][j];
      assert_true(fabs((double)bias.data[j] + sum) < 2e-6); /* gradients below 3, three of them: some roundings of 2^-22 */
    }
  }
  lam_context_destroy(context);
}

static void class_weights_are_the_weights_of_the_rows_of_a_class(void **state) {
  (void)state;
  static const float of_class[] = { 0.5f, 3.0f }; /* class 2 is not listed: 1 */
  float by_row[ROWS], values[4][64];
  size_t count = 0;
  for (size_t i = 0; i < ROWS; i++) by_row[i] = labels[i] < 2 ? of_class[labels[i]] : 1.0f;
  for (size_t way = 0; way < 4; way++) { /* weights of rows or classes, labels or dense targets */
    fixture f = begin(way < 2 ? LAM_SPARSE_CATEGORICAL_CROSSENTROPY : LAM_CATEGORICAL_CROSSENTROPY);
    lam_dataset *data = way < 2 ? f.data : f.encoded;
    lam_dataset *validation = lam_dataset_slice(data, 0, ROWS);
    lam_fit_options options = { .epochs = 2, .batch_size = 8, .validation = validation };
    if (way % 2) {
      options.class_weights = of_class;
      options.class_weight_count = 2;
    } else {
      assert_int_equal(lam_dataset_set_weights(data, by_row, ROWS), LAM_OK);
    }
    assert_int_equal(lam_fit(f.trainer, data, &options), LAM_OK);
    count = values_of(f.model, values[way]);
    double told = lam_trainer_history(f.trainer, NULL)[1].val_loss;
    assert_true(told == loss_of(&f, validation)); /* validation knows nothing of class weights */
    lam_context_destroy(f.context);
  }
  assert_memory_equal(values[0], values[1], count * sizeof(float));
  assert_memory_equal(values[2], values[3], count * sizeof(float));
}

static void what_is_no_weight_is_refused_with_row_and_value(void **state) {
  (void)state;
  fixture f = begin(LAM_SPARSE_CATEGORICAL_CROSSENTROPY);
  float bad[ROWS];
  memcpy(bad, weights, sizeof bad);
  bad[7] = -0.5f;
  assert_int_equal(lam_dataset_set_weights(f.data, bad, ROWS), LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(f.context), "row 7 is -0.5"));
  bad[7] = NAN;
  assert_int_equal(lam_dataset_set_weights(f.data, bad, ROWS), LAM_INVALID_DATA);
  bad[7] = INFINITY;
  assert_int_equal(lam_dataset_set_weights(f.data, bad, ROWS), LAM_INVALID_DATA);
  assert_int_equal(lam_dataset_set_weights(f.data, weights, ROWS - 1), LAM_INVALID_SHAPE);
  assert_int_equal(lam_dataset_set_weights(f.data, weights, 0), LAM_INVALID_SHAPE);
  assert_int_equal(lam_dataset_set_weights(f.data, NULL, ROWS), LAM_NO_HANDLE);
  assert_null(lam_dataset_weights(f.data, 0));
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_dataset *without = lam_dataset_create(f.context, &in, 1, NULL, 0);
  assert_int_equal(lam_dataset_set_weights(without, weights, ROWS), LAM_INVALID_ARGUMENT);

  static const float of_class[] = { 1.0f, -1.0f };
  lam_fit_options options = { .class_weights = of_class, .class_weight_count = 2 };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_INVALID_ARGUMENT);
  assert_non_null(strstr(lam_error_message(f.context), "class 1 is -1"));
  options.class_weight_count = 1;
  assert_int_equal(lam_dataset_set_weights(f.data, weights, ROWS), LAM_OK);
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_INVALID_ARGUMENT);
  options.class_weights = NULL;
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_NO_HANDLE);
  lam_context_destroy(f.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(evaluate_gives_the_sum_of_weighted_losses_over_the_rows),
    cmocka_unit_test(weights_of_1_change_no_bit),
    cmocka_unit_test(gradients_are_those_of_the_weighted_loss),
    cmocka_unit_test(a_row_that_weighs_nothing_is_not_trained_on_even_if_its_loss_is_infinite),
    cmocka_unit_test(parts_have_the_weights_of_their_rows),
    cmocka_unit_test(each_target_may_have_weights_of_its_own),
    cmocka_unit_test(rows_that_are_left_out_do_not_weigh),
    cmocka_unit_test(class_weights_are_the_weights_of_the_rows_of_a_class),
    cmocka_unit_test(what_is_no_weight_is_refused_with_row_and_value),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
