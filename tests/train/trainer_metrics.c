/* SPDX-License-Identifier: MIT
 *
 * The metrics of a trainer: that fit and evaluate feed them with what the model gives, and that a step costs no memory.
 */
#include "support.h"
#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { ROWS = 70, IN = 5, CLASSES = 3, MOST_METRICS = 4 };

static float x[ROWS][IN], bits[ROWS];
static int32_t labels[ROWS];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 3, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = x[i][0] > 0.4f ? 2 : x[i][1] > 0;
    bits[i] = x[i][2] + x[i][3] > 0;
  }
  return 0;
}

static lam_model *model_of(lam_context *context) {
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node out = lam_dense(lam_dense(in, 6, &(lam_dense_options){ .activation = LAM_TANH }), CLASSES,
                           &(lam_dense_options){ .activation = LAM_SOFTMAX });
  return lam_model_create(&out, 1);
}

static lam_dataset *data_of(lam_context *context) {
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

static lam_context *native(void) { return lam_context_create(&(lam_context_options){ .gemm = "native" }); }

static const lam_trainer_options sparse = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY };

/* ---- evaluate -------------------------------------------------------------------------------------------------------- */

static void evaluate_gives_a_metric_the_models_outputs(void **state) {
  (void)state;
  for (int apart = 0; apart < 2; apart++) {
    lam_context *context = native();
    lam_model *model = model_of(context);
    lam_dataset *data = data_of(context);
    lam_trainer_options how = sparse;
    how.no_fusion = apart;
    lam_trainer *trainer = lam_trainer_create(model, &how);
    const lam_metric_type types[] = { LAM_METRIC_AUC, LAM_METRIC_ACCURACY, LAM_METRIC_F1_SCORE,
                                      LAM_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY };
    for (size_t i = 0; i < 4; i++) assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = types[i] }));
    lam_result result;
    assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
    static float outputs[ROWS * CLASSES];
    assert_int_equal(lam_predict(model, data, NULL, outputs, ROWS * CLASSES), LAM_OK);
    lam_metric_batch batch = { .predictions = outputs, .labels = labels, .rows = ROWS, .width = CLASSES };
    for (size_t i = 0; i < 4; i++) {
      lam_metric *alone = lam_metric_create(context, &(lam_metric_options){ .type = types[i] });
      lam_metric_result expected, got;
      assert_int_equal(lam_metric_update(alone, &batch), LAM_OK);
      assert_int_equal(lam_metric_read(alone, &expected), LAM_OK);
      assert_int_equal(lam_metric_read(lam_trainer_metric(trainer, i), &got), LAM_OK);
      assert_memory_equal(&got, &expected, sizeof got);
      assert_true(got.rows == ROWS);
      if (types[i] == LAM_METRIC_ACCURACY) assert_true(got.value == result.accuracy);
      /* The loss from logits and the one from probabilities are within 20 u of each other's size, which is about 1. */
      if (i == 3) assert_true(fabs(got.value - result.loss) <= 20 * 0x1p-24 * fmax(1, result.loss));
    }
    lam_context_destroy(context);
  }
}

static void probabilities_stand_for_logits_where_asked(void **state) {
  (void)state;
  lam_context *context = native();
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), out = lam_dense(in, 1, NULL);
  lam_model *model = lam_model_create(&out, 1);
  lam_array array = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } },
            target = { .data = bits, .rows = ROWS, .shape = { { 1 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &array, 1, &target, 1);
  lam_trainer *trainer =
      lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_BINARY_CROSSENTROPY, .from_logits = true });
  lam_metric *raw = lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_MEAN });
  lam_metric *probable = lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_MEAN, .probabilities = true });
  lam_metric *accuracy =
      lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_ACCURACY, .probabilities = true });
  lam_result result;
  lam_metric_result got;
  float outputs[ROWS];
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
  for (int kind = 0; kind < 2; kind++) {
    double sum = 0;
    lam_predict_options how = { .kind = kind ? LAM_PROBABILITIES : (lam_output_kind)0 };
    assert_int_equal(lam_predict(model, data, &how, outputs, ROWS), LAM_OK);
    for (size_t i = 0; i < ROWS; i++) sum += (double)outputs[i];
    assert_int_equal(lam_metric_read(kind ? probable : raw, &got), LAM_OK);
    assert_true(got.value == sum / ROWS);
  }
  assert_int_equal(lam_metric_read(accuracy, &got), LAM_OK);
  assert_true(got.value == result.accuracy);
  lam_context_destroy(context);
}

static void a_weighted_metric_counts_rows_by_the_datas_weights(void **state) {
  (void)state;
  lam_context *context = native();
  lam_model *model = model_of(context);
  lam_dataset *data = data_of(context);
  float weights[ROWS];
  static float outputs[ROWS * CLASSES];
  lam_random_uniform(weights, ROWS, 8, 0, 0);
  assert_int_equal(lam_dataset_set_weights(data, weights, ROWS), LAM_OK);
  lam_trainer *trainer = lam_trainer_create(model, &sparse);
  for (int weighted = 0; weighted < 2; weighted++)
    assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_AUC, .weighted = weighted }));
  lam_result result;
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
  assert_int_equal(lam_predict(model, data, NULL, outputs, ROWS * CLASSES), LAM_OK);
  for (int weighted = 0; weighted < 2; weighted++) {
    lam_metric_batch batch = { .predictions = outputs, .labels = labels, .rows = ROWS, .width = CLASSES };
    if (weighted) batch.weights = weights;
    lam_metric *alone = lam_metric_create(context, &(lam_metric_options){ .type = LAM_METRIC_AUC });
    lam_metric_result expected, got;
    assert_int_equal(lam_metric_update(alone, &batch), LAM_OK);
    assert_int_equal(lam_metric_read(alone, &expected), LAM_OK);
    assert_int_equal(lam_metric_read(lam_trainer_metric(trainer, weighted), &got), LAM_OK);
    assert_memory_equal(&got, &expected, sizeof got);
  }
  lam_context_destroy(context);
}

/* ---- fit ------------------------------------------------------------------------------------------------------------- */

typedef struct seen {
  double last_step[MOST_METRICS], values[3][MOST_METRICS], val_values[3][MOST_METRICS];
  size_t epochs, steps, allocations;
  const test_memory *memory;
} seen;

static int watch(void *user, const lam_progress *now) {
  seen *s = user;
  assert_int_equal(now->metric_count, 2);
  for (size_t i = 0; i < now->metric_count && now->event == LAM_STEP_END; i++) {
    s->last_step[i] = now->metrics[i];
    assert_true(isnan(now->val_metrics[i]));
  }
  if (now->event == LAM_STEP_END) s->steps++;
  if (s->memory && now->event == LAM_STEP_END && s->steps == 1) s->allocations = s->memory->allocations;
  if (now->event != LAM_EPOCH_END) return 0;
  for (size_t i = 0; i < now->metric_count; i++) {
    assert_true(now->metrics[i] == s->last_step[i]);
    s->values[now->epoch][i] = now->metrics[i];
    s->val_values[now->epoch][i] = now->val_metrics[i];
  }
  s->epochs++;
  return 0;
}

static void fit_tells_and_keeps_each_epochs_values(void **state) {
  (void)state;
  lam_context *context = native();
  lam_dataset *data = data_of(context);
  lam_trainer *trainer = lam_trainer_create(model_of(context), &sparse);
  assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_ACCURACY }));
  assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_AUC, .name = "area" }));
  assert_int_equal(lam_trainer_metric_count(trainer), 2);
  assert_string_equal(lam_metric_name(lam_trainer_metric(trainer, 1)), "area");
  assert_null(lam_trainer_metric(trainer, 2));
  seen s = { .epochs = 0 };
  lam_fit_options how = { .epochs = 3, .batch_size = 16, .validation_split = 0.2, .callback = watch, .user = &s };
  assert_int_equal(lam_fit(trainer, data, &how), LAM_OK);
  assert_int_equal(s.epochs, 3);
  const lam_epoch *history = lam_trainer_history(trainer, NULL);
  for (size_t e = 0; e < 3; e++) {
    assert_true(s.values[e][0] == history[e].accuracy && s.val_values[e][0] == history[e].val_accuracy);
    for (size_t i = 0; i < 2; i++) {
      assert_true(lam_trainer_metric_history(trainer, i, e, false) == s.values[e][i]);
      assert_true(lam_trainer_metric_history(trainer, i, e, true) == s.val_values[e][i]);
    }
  }
  assert_true(s.values[0][1] > 0.2 && s.values[2][1] > s.values[0][1]); /* it learns */
  assert_true(isnan(lam_trainer_metric_history(trainer, 0, 3, false)) && isnan(lam_trainer_metric_history(trainer, 2, 0, false)));
  lam_metric_result validation;
  assert_int_equal(lam_metric_read(lam_trainer_metric(trainer, 1), &validation), LAM_OK);
  assert_true(validation.value == s.val_values[2][1] && validation.rows == 14);

  how = (lam_fit_options){ .epochs = 1 };
  assert_int_equal(lam_fit(trainer, data, &how), LAM_OK);
  assert_true(isnan(lam_trainer_metric_history(trainer, 0, 0, true)) && isnan(lam_trainer_metric_history(trainer, 0, 1, false)));
  lam_context_destroy(context);
}

static int stop(void *user, const lam_progress *now) {
  (void)user;
  return now->event == LAM_STEP_END && now->step == 2;
}

static void a_stopped_epoch_goes_on_with_the_rows_it_had(void **state) {
  (void)state;
  double values[2];
  for (int stopped = 0; stopped < 2; stopped++) {
    lam_context *context = native();
    lam_trainer *trainer = lam_trainer_create(model_of(context), &sparse);
    assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_AUC }));
    lam_dataset *data = data_of(context);
    lam_fit_options how = { .epochs = 1, .batch_size = 16 };
    if (stopped) {
      how.callback = stop;
      assert_int_equal(lam_fit(trainer, data, &how), LAM_OK);
      assert_true(lam_trainer_stopped(trainer));
      how.callback = NULL;
      how.resume = true;
    }
    assert_int_equal(lam_fit(trainer, data, &how), LAM_OK);
    values[stopped] = lam_trainer_metric_history(trainer, 0, 0, false);
    lam_context_destroy(context);
  }
  assert_true(values[0] == values[1]);
}

static void steps_with_metrics_allocate_nothing(void **state) {
  (void)state;
  test_memory memory = { .fail_at = 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory), .gemm = "native" });
  lam_trainer *trainer = lam_trainer_create(model_of(context), &sparse);
  assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_F1_SCORE }));
  assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_AUC }));
  seen s = { .memory = &memory };
  lam_dataset *data = data_of(context);
  lam_fit_options how = { .epochs = 3, .batch_size = 16, .callback = watch, .user = &s, .validation = data };
  assert_int_equal(lam_fit(trainer, data, &how), LAM_OK);
  assert_true(s.steps == 15 && s.allocations > 0);
  assert_int_equal(memory.allocations, s.allocations);
  lam_context_destroy(context);
  assert_int_equal(memory.live_blocks, 0);
}

/* ---- several outputs, functions of one's own, refusals ------------------------------------------------------------------ */

static double count_ones(void *user, const lam_metric_batch *batch, size_t row) {
  assert_true(batch->width == 1 && batch->targets && !batch->labels);
  ++*(size_t *)user;
  return (double)batch->targets[row];
}

static void each_metric_looks_at_its_own_output(void **state) {
  (void)state;
  lam_context *context = native();
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  const lam_dense_options sigmoid = { .activation = LAM_SIGMOID };
  lam_node outputs[] = { lam_dense(in, 1, &sigmoid), lam_dense(in, 1, &sigmoid) };
  lam_model *model = lam_model_create(outputs, 2);
  float opposite[ROWS];
  double ones = 0;
  for (size_t i = 0; i < ROWS; i++) ones += (double)bits[i], opposite[i] = 1 - bits[i];
  lam_array array = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_array targets[] = { { .data = bits, .rows = ROWS, .shape = { { 1 }, 1 } },
                          { .data = opposite, .rows = ROWS, .shape = { { 1 }, 1 } } };
  lam_dataset *data = lam_dataset_create(context, &array, 1, targets, 2);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_BINARY_CROSSENTROPY });
  size_t calls = 0;
  for (size_t output = 0; output < 2; output++) {
    const lam_metric_options own = { .type = LAM_METRIC_CUSTOM,
                                     .output = output,
                                     .custom = { .row = count_ones, .user = &calls } };
    assert_non_null(lam_trainer_add_metric(trainer, &own));
    assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_MEAN, .output = output }));
  }
  lam_result result;
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
  assert_int_equal(calls, 2 * ROWS);
  for (size_t output = 0; output < 2; output++) {
    lam_metric_result own, mean;
    float y[ROWS];
    double sum = 0;
    assert_int_equal(lam_predict(model, data, &(lam_predict_options){ .output = output }, y, ROWS), LAM_OK);
    for (size_t i = 0; i < ROWS; i++) sum += (double)y[i];
    assert_int_equal(lam_metric_read(lam_trainer_metric(trainer, 2 * output), &own), LAM_OK);
    assert_int_equal(lam_metric_read(lam_trainer_metric(trainer, 2 * output + 1), &mean), LAM_OK);
    assert_true(own.value == (output ? ROWS - ones : ones) / ROWS);
    assert_true(mean.value == sum / ROWS);
  }
  assert_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .output = 2 }));
  assert_string_equal(lam_error_message(context), "a metric of output 2, the model has 2");
  lam_context_destroy(context);
}

static void a_metric_that_does_not_fit_is_refused_before_the_first_step(void **state) {
  (void)state;
  lam_context *context = native();
  lam_model *model = model_of(context);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_CATEGORICAL_CROSSENTROPY });
  lam_dataset *data = lam_one_hot(data_of(context), CLASSES);
  lam_metric *metric = lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_SPARSE_CATEGORICAL_ACCURACY });
  lam_result result;
  lam_metric_destroy(metric); /* is the trainer's */
  assert_int_equal(lam_fit(trainer, data, NULL), LAM_INVALID_SHAPE);
  assert_string_equal(lam_error_message(context), "sparse_categorical_accuracy needs labels, the targets are rows of 3 numbers");
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_INVALID_SHAPE);
  assert_null(lam_trainer_add_metric(NULL, &(lam_metric_options){ .type = LAM_METRIC_AUC }));
  lam_trainer_destroy(trainer);
  lam_context_destroy(context);
}

static bool fit_with_metrics(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator, .gemm = "native" });
  if (!context) return false;
  lam_trainer *trainer = lam_trainer_create(model_of(context), &sparse);
  bool good = lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_AUC }) &&
              lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_ACCURACY }) &&
              lam_fit(trainer, data_of(context), NULL) == LAM_OK;
  lam_context_destroy(context);
  return good;
}

static void memory_that_is_refused_anywhere_is_reported_and_given_back(void **state) {
  (void)state;
  test_every_allocation_failing(fit_with_metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(evaluate_gives_a_metric_the_models_outputs),
    cmocka_unit_test(a_weighted_metric_counts_rows_by_the_datas_weights),
    cmocka_unit_test(probabilities_stand_for_logits_where_asked),
    cmocka_unit_test(fit_tells_and_keeps_each_epochs_values),
    cmocka_unit_test(a_stopped_epoch_goes_on_with_the_rows_it_had),
    cmocka_unit_test(steps_with_metrics_allocate_nothing),
    cmocka_unit_test(each_metric_looks_at_its_own_output),
    cmocka_unit_test(a_metric_that_does_not_fit_is_refused_before_the_first_step),
    cmocka_unit_test(memory_that_is_refused_anywhere_is_reported_and_given_back),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
