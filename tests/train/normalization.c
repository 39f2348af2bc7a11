/* SPDX-License-Identifier: MIT
 *
 * Normalization from adapt to file: mean and variance are those of the data, nothing trains them, gradients pass through them,
 * and a model that standardises predicts the same from the same rows wherever it is used. Iris, from its CSV file, is learnt.
 */
#include "data/place.h"
#include "support.h"
#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { ROWS = 40, IN = 3 };

static float rows[ROWS][IN], targets[ROWS];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&rows[0][0], ROWS * IN, 5, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    rows[i][0] = rows[i][0] * 100 + 5000;
    rows[i][1] *= 0.01f;
    rows[i][2] = 7;
    targets[i] = rows[i][1] * 30;
  }
  return 0;
}

static lam_dataset *dataset_of(lam_context *context) {
  lam_array in = { .data = rows, .rows = ROWS, .shape = { { IN }, 1 } },
            out = { .data = targets, .rows = ROWS, .shape = { { 1 }, 1 } };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

static lam_model *model_of(lam_context *context) {
  lam_node x = lam_normalization(lam_last(lam_graph_create(context)));
  x = lam_dense(lam_dense(x, 4, &(lam_dense_options){ .activation = LAM_TANH }), 1, NULL);
  return lam_model_create(&x, 1);
}

static const float *weight(const lam_model *model, size_t index) {
  static lam_parameter p;
  assert_int_equal(lam_model_parameter(model, index, &p), LAM_OK);
  return p.data;
}

/* ---- adapt ------------------------------------------------------------------------------------------------------- */

static void adapt_sets_the_populations_mean_and_variance(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = model_of(context);
  assert_false(lam_model_is_built(model));
  assert_int_equal(lam_adapt(model, dataset_of(context)), LAM_OK);
  for (size_t j = 0; j < IN; j++) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < ROWS; i++) mean += (double)rows[i][j];
    mean /= ROWS;
    for (size_t i = 0; i < ROWS; i++) variance += ((double)rows[i][j] - mean) * ((double)rows[i][j] - mean) / ROWS;
    assert_true(weight(model, 0)[j] == (float)mean || nextafterf(weight(model, 0)[j], (float)mean) == (float)mean);
    assert_true(fabs((double)weight(model, 1)[j] - variance) <= variance * 0x1p-23);
  }
  assert_true(weight(model, 0)[2] == 7 && weight(model, 1)[2] == 0);
  lam_context_destroy(context);
}

static void adapt_sees_what_the_network_sees_and_every_row_of_a_picture(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const uint8_t pixels[2][2][2] = { { { 0, 255 }, { 0, 0 } }, { { 255, 255 }, { 255, 0 } } };
  lam_array in = { .data = pixels, .type = LAM_UINT8, .rows = 2, .shape = { { 2, 2 }, 2 } };
  lam_node x = lam_normalization(lam_input(lam_graph_create(context), (lam_shape){ { 2, 2 }, 2 }));
  lam_model *model = lam_model_create(&x, 1);
  assert_int_equal(lam_adapt(model, lam_dataset_create(context, &in, 1, NULL, 0)), LAM_OK);
  for (size_t j = 0; j < 2; j++) assert_true(weight(model, 0)[j] == 0.5f && weight(model, 1)[j] == 0.25f);
  float scale = 0, offset = 0;
  assert_int_equal(lam_model_input_scaling(model, 0, &scale, &offset), LAM_OK);
  assert_true(scale == 1 / 255.0f && offset == 0);
  float y[2][4];
  lam_dataset *data = lam_dataset_create(context, &in, 1, NULL, 0);
  assert_int_equal(lam_predict(model, data, NULL, &y[0][0], 8), LAM_OK);
  const float expected[2][4] = { { -1, 1, -1, -1 }, { 1, 1, 1, -1 } };
  assert_memory_equal(y, expected, sizeof y);
  lam_context_destroy(context);
}

static void adapt_refuses_what_it_cannot_do(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node plain = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), 2, NULL);
  lam_model *model = lam_model_create(&plain, 1);
  lam_dataset *data = dataset_of(context);
  assert_int_equal(lam_adapt(model, data), LAM_INVALID_ARGUMENT);
  assert_non_null(strstr(lam_error_message(context), "no normalization layer right behind an input"));
  assert_int_equal(lam_adapt(NULL, data), LAM_NO_HANDLE);
  assert_int_equal(lam_adapt(model, NULL), LAM_NO_HANDLE);
  lam_node x = lam_normalization(lam_input(lam_graph_create(context), (lam_shape){ { IN + 1 }, 1 }));
  assert_int_equal(lam_adapt(lam_model_create(&x, 1), data), LAM_INVALID_SHAPE);
  float bad[ROWS][IN];
  memcpy(bad, rows, sizeof bad);
  bad[17][2] = NAN;
  lam_array in = { .data = bad, .rows = ROWS, .shape = { { IN }, 1 } };
  assert_int_equal(lam_adapt(model_of(context), lam_dataset_create(context, &in, 1, NULL, 0)), LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(context), "row 17, column 2"));
  lam_context_destroy(context);
}

/* As Keras: what is given is not adapted, and the way back undoes it. */
static void given_statistics_act_from_the_start_and_are_not_adapted(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_dataset *data = dataset_of(context);
  const float mean[] = { 5000, 0, 7 }, variance[] = { 10000, 0.0001f, 0 };
  lam_normalization_options options = { .mean = mean, .variance = variance, .count = IN };
  lam_node there = lam_normalization_with(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), &options);
  options.invert = true;
  lam_node outputs[] = { there, lam_normalization_with(there, &options) };
  lam_model *model = lam_model_create(outputs, 2), *clone = lam_model_clone(model, NULL);
  assert_non_null(model);
  assert_non_null(clone);
  float y[ROWS][IN], back[ROWS][IN], again[ROWS][IN];
  assert_int_equal(lam_predict(model, data, NULL, &y[0][0], ROWS * IN), LAM_OK);
  assert_int_equal(lam_predict(model, data, &(lam_predict_options){ .output = 1 }, &back[0][0], ROWS * IN), LAM_OK);
  assert_int_equal(lam_predict(clone, data, NULL, &again[0][0], ROWS * IN), LAM_OK);
  assert_memory_equal(again, y, sizeof y);
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < IN; j++) {
      /* Three roundings of y, and two more of the way back. */
      double exact = ((double)rows[i][j] - (double)mean[j]) / fmax(sqrt((double)variance[j]), (double)1e-7f);
      assert_true(fabs((double)y[i][j] - exact) <= 3 * 0x1p-24 * fabs(exact));
      double size = fabs((double)rows[i][j]) + fabs((double)mean[j]);
      assert_true(fabs((double)back[i][j] - (double)rows[i][j]) <= 6 * 0x1p-24 * size);
    }
  assert_int_equal(lam_adapt(model, data), LAM_INVALID_ARGUMENT);
  lam_context_destroy(context);
}

static void every_place_of_a_picture_can_have_its_own_statistics(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float pictures[4][2][2] = {
    { { 1, 2 }, { 3, 5 } }, { { 3, 2 }, { 5, 1 } }, { { 1, 2 }, { 1, 5 } }, { { 3, 2 }, { 7, 1 } }
  };
  lam_array in = { .data = pictures, .rows = 4, .shape = { { 2, 2 }, 2 } };
  lam_node x = lam_normalization_with(lam_input(lam_graph_create(context), (lam_shape){ { 2, 2 }, 2 }),
                                      &(lam_normalization_options){ .axes = { { 0, 1 }, 2 } });
  lam_model *model = lam_model_create(&x, 1);
  assert_int_equal(lam_adapt(model, lam_dataset_create(context, &in, 1, NULL, 0)), LAM_OK);
  const float mean[] = { 2, 2, 4, 3 }, variance[] = { 1, 0, 5, 4 };
  assert_memory_equal(weight(model, 0), mean, sizeof mean);
  assert_memory_equal(weight(model, 1), variance, sizeof variance);
  lam_context_destroy(context);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* An epsilon of 0 would make 0/0 of a weight without gradient in adam and rmsprop. */
static void no_optimizer_changes_mean_and_variance(void **state) {
  (void)state;
  const lam_optimizer_options optimizers[] = { { .type = LAM_SGD, .momentum = 0.9f, .learning_rate = 0.1f },
                                               { .type = LAM_RMSPROP, .epsilon = LAM_ZERO, .epsilon_outside = true },
                                               { .type = LAM_ADAM, .epsilon = LAM_ZERO } };
  for (size_t i = 0; i < 3; i++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = model_of(context);
    /* Without the column that does not vary: its dense weights have no gradient either. */
    lam_array in = { .data = rows, .rows = ROWS, .shape = { { IN - 1 }, 1 }, .stride = IN };
    lam_array out = { .data = targets, .rows = ROWS, .shape = { { 1 }, 1 } };
    lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
    assert_int_equal(lam_adapt(model, data), LAM_OK);
    float mean[IN - 1], variance[IN - 1];
    memcpy(mean, weight(model, 0), sizeof mean);
    memcpy(variance, weight(model, 1), sizeof variance);
    lam_trainer *trainer =
        lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = optimizers[i] });
    assert_int_equal(lam_fit(trainer, data, &(lam_fit_options){ .epochs = 20 }), LAM_OK);
    size_t count;
    const lam_epoch *history = lam_trainer_history(trainer, &count);
    assert_true(history[19].loss < history[0].loss);
    assert_memory_equal(weight(model, 0), mean, sizeof mean);
    assert_memory_equal(weight(model, 1), variance, sizeof variance);
    assert_null(lam_gradient(trainer, 0));
    assert_null(lam_gradient(trainer, 1));
    assert_non_null(lam_gradient(trainer, 2));
    lam_context_destroy(context);
  }
}

static void the_model_tells_which_parameters_are_fixed(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = model_of(context);
  assert_int_equal(lam_model_build(model, &(lam_shape){ { IN }, 1 }, 1), LAM_OK);
  const char *const names[] = { "normalization/mean", "normalization/variance", "dense/kernel", "dense/bias" };
  for (size_t i = 0; i < 4; i++) {
    lam_parameter p;
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    assert_string_equal(p.name, names[i]);
    assert_true(p.fixed == (i < 2));
  }
  lam_layer_info info;
  lam_model_layer(model, 1, &info);
  assert_true(strcmp(info.type, "Normalization") == 0 && info.parameters == 2 * IN && info.fixed == 2 * IN);
  lam_model_layer(model, 2, &info);
  assert_true(info.parameters == 4 * IN + 4 && info.fixed == 0);
  lam_context_destroy(context);
}

/* A dense layer before, so that a gradient flows through, and a shared use of the normalization. Each gradient is a sum over ROWS
 * rows and two paths of products of at most 6 factors below 4 in size: gamma_(40 + 12) times 40 * 2 * 4^2 / ROWS. Central
 * differences in double with h = 1e-5 add 1e-9. */
static const double bound = 52 * 0x1p-24 * 32 + 1e-9;

static double loss_of(const double w[IN][2], const float mean[2], const float variance[2]) {
  double sum = 0;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < 2; j++) {
      double z = 0, deviation = fmax(sqrt((double)variance[j]), 1e-7);
      for (size_t k = 0; k < IN; k++) z += (double)rows[i][k] * w[k][j];
      double once = (z - (double)mean[j]) / deviation, twice = (once - (double)mean[j]) / deviation, y = once + twice;
      sum += (y - (double)targets[i]) * (y - (double)targets[i]) / 2 / ROWS;
    }
  return sum;
}

static void gradients_pass_through_it(void **state) {
  (void)state;
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node z = lam_dense(x, 2, &(lam_dense_options){ .no_bias = true });
  lam_node once = lam_normalization(z), twice = lam_apply(once, &once, 1);
  lam_node y = lam_merge(LAM_MERGE_ADD, (lam_node[]){ once, twice }, 2);
  lam_model *model = lam_model_create(&y, 1);
  assert_non_null(model);
  float w[IN][2] = { { 0.5f, -0.25f }, { 1, 0.75f }, { -0.5f, 0.125f } }, mean[2] = { 0.5f, -1 }, variance[2] = { 2, 0.5f };
  float kept[ROWS][IN], wide[ROWS][2];
  memcpy(kept, rows, sizeof kept);
  lam_random_normal(&rows[0][0], ROWS * IN, 6, 0, 0);
  for (size_t i = 0; i < ROWS; i++) wide[i][0] = wide[i][1] = targets[i];
  lam_model_set_parameter(model, "dense/kernel", &w[0][0], 2 * IN);
  lam_model_set_parameter(model, "normalization/mean", mean, 2);
  lam_model_set_parameter(model, "normalization/variance", variance, 2);
  lam_array in = { .data = rows, .rows = ROWS, .shape = { { IN }, 1 } },
            out = { .data = wide, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_trainer *trainer =
      lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR,
                                                        .optimizer = { .type = LAM_SGD, .learning_rate = LAM_ZERO } });
  lam_status status = lam_fit(trainer, lam_dataset_create(context, &in, 1, &out, 1), &(lam_fit_options){ .batch_size = ROWS });
  if (status) fail_msg("%s", lam_error_message(context));
  double exact[IN][2];
  for (size_t i = 0; i < IN; i++)
    for (size_t j = 0; j < 2; j++) exact[i][j] = (double)w[i][j];
  for (size_t i = 0; i < 2 * IN; i++) {
    double *place = &exact[0][0] + i, value = *place, h = 1e-5;
    *place = value + h;
    double above = loss_of((const double(*)[2])exact, mean, variance);
    *place = value - h;
    double slope = (above - loss_of((const double(*)[2])exact, mean, variance)) / (2 * h);
    *place = value;
    if (!(fabs((double)lam_gradient(trainer, 0)[i] - slope) <= bound))
      fail_msg("%zu: %.9g, not %.9g", i, (double)lam_gradient(trainer, 0)[i], slope);
  }
  memcpy(rows, kept, sizeof rows);
  lam_context_destroy(context);
}

static void the_gradient_check_knows_it(void **state) {
  (void)state;
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  lam_model *model = model_of(context);
  lam_dataset *data = dataset_of(context);
  assert_int_equal(lam_adapt(model, data), LAM_OK);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  lam_gradient_report report;
  lam_status status = lam_gradient_check(trainer, data, NULL, &report);
  if (status) fail_msg("%s", lam_error_message(context));
  assert_int_equal(report.exceeded, 0);
  assert_int_equal(report.compared, 4 * IN + 4 + 4 + 1); // none of the fixed ones
  lam_context_destroy(context);
}

/* ---- iris -------------------------------------------------------------------------------------------------------- */

static double iris_accuracy(uint64_t seed) {
  lam_context *context = lam_context_create(&(lam_context_options){ .seed = seed, .gemm = "native" });
  lam_dataset *all = lam_dataset_open_csv(context, PROJECT "/data/iris.csv", NULL), *train, *test;
  assert_non_null(all);
  assert_int_equal(lam_dataset_classes(all), 3);
  lam_split_options split = { .stratify = true, .seed = seed };
  assert_int_equal(lam_dataset_split(all, 1.0 / 3, &split, &train, &test), LAM_OK);
  assert_int_equal(lam_dataset_rows(test), 50);
  lam_node x = lam_normalization(lam_last(lam_graph_create(context)));
  x = lam_dense(x, 6, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, 6, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, 3, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&x, 1);
  assert_int_equal(lam_adapt(model, train), LAM_OK);
  lam_trainer *trainer = lam_trainer_create(
      model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = { .type = LAM_ADAM } });
  assert_int_equal(lam_fit(trainer, train, &(lam_fit_options){ .epochs = 200, .batch_size = 8 }), LAM_OK);
  assert_int_equal(lam_model_class_count(model), 3);
  assert_string_equal(lam_model_class_name(model, 0), "setosa");
  assert_string_equal(lam_model_class_name(model, 2), "virginica");
  lam_result result;
  assert_int_equal(lam_evaluate(trainer, test, &result), LAM_OK);
  lam_context_destroy(context);
  return result.accuracy;
}

static void iris_is_learnt_from_its_table(void **state) {
  (void)state;
  double a = iris_accuracy(1), b = iris_accuracy(2), c = iris_accuracy(3);
  double median = fmax(fmin(a, b), fmin(fmax(a, b), c));
  if (!(median >= 0.94)) fail_msg("accuracies %g, %g, %g", a, b, c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(adapt_sets_the_populations_mean_and_variance),
    cmocka_unit_test(adapt_sees_what_the_network_sees_and_every_row_of_a_picture),
    cmocka_unit_test(adapt_refuses_what_it_cannot_do),
    cmocka_unit_test(given_statistics_act_from_the_start_and_are_not_adapted),
    cmocka_unit_test(every_place_of_a_picture_can_have_its_own_statistics),
    cmocka_unit_test(no_optimizer_changes_mean_and_variance),
    cmocka_unit_test(the_model_tells_which_parameters_are_fixed),
    cmocka_unit_test(gradients_pass_through_it),
    cmocka_unit_test(the_gradient_check_knows_it),
    cmocka_unit_test(iris_is_learnt_from_its_table),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
