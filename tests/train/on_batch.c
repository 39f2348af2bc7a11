/* SPDX-License-Identifier: MIT
 *
 * Batches by hand: Keras's figures for a sequence of them, the same bits as fit, running means.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 100, IN = 4, OUT = 3 };

static float x[ROWS][IN], y[ROWS][OUT], weights[ROWS];

static int make_data(void **state) {
  (void)state;
  for (size_t i = 0; i < ROWS; i++) {
    for (size_t j = 0; j < IN; j++) x[i][j] = 1.0f;
    weights[i] = (float)i / 50.0f;
  }
  return 0;
}

typedef struct fixture {
  lam_context *context;
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data, *weighted;
} fixture;

/* The set-up of trainer.on_batch_sequence: Dense(3, no bias, kernel ones), SGD(0.01), mse; ones against zeros. */
static fixture begin(void) {
  fixture f = { .context = lam_context_create(NULL) };
  lam_dense_options dense = { .no_bias = true, .kernel_initializer = { .type = LAM_ONES } };
  lam_node node = lam_dense(lam_input(lam_graph_create(f.context), (lam_shape){ { IN }, 1 }), OUT, &dense);
  f.model = lam_model_create(&node, 1);
  f.trainer =
      lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = { .type = LAM_SGD } });
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = y, .rows = ROWS, .shape = { { OUT }, 1 } };
  f.data = lam_dataset_create(f.context, &in, 1, &out, 1);
  f.weighted = lam_dataset_create(f.context, &in, 1, &out, 1);
  assert_int_equal(lam_dataset_set_weights(f.weighted, weights, ROWS), LAM_OK);
  return f;
}

static const lam_batch_options *const none = NULL;

/* The file's tolerance is 0.0015; 1e-5 of its keras_value is more than float32's roundings of a sum of four products and an
 * update for each of five steps, some 30 of 2^-24. */
static void assert_loss(double got, double keras) { assert_true(fabs(got - keras) <= 1e-5 * keras); }

static void a_sequence_of_batches_gives_the_figures_of_keras(void **state) {
  (void)state;
  static const float class_weights[] = { 0.2f, 0.3f };
  fixture f = begin();
  lam_result result;
  float predicted[ROWS * OUT];
  assert_int_equal(lam_train_on_batch(f.trainer, f.data, none, &result), LAM_OK);
  assert_true(result.loss == 16.0 && result.rows == ROWS && isnan(result.accuracy));
  assert_int_equal(lam_train_on_batch(f.trainer, f.data, none, &result), LAM_OK);
  assert_loss(result.loss, 15.1580458);
  assert_int_equal(lam_test_on_batch(f.trainer, f.data, none, &result), LAM_OK);
  assert_loss(result.loss, 14.3603945);
  assert_int_equal(lam_predict_on_batch(f.model, f.data, predicted, ROWS * OUT), LAM_OK);
  assert_loss((double)predicted[0], 3.7895112);
  assert_int_equal(lam_train_on_batch(f.trainer, f.weighted, none, &result), LAM_OK);
  assert_loss(result.loss, 14.2167912);
  assert_int_equal(lam_test_on_batch(f.trainer, f.weighted, none, &result), LAM_OK);
  assert_loss(result.loss, 13.4760532);
  assert_int_equal(lam_predict_on_batch(f.model, f.data, predicted, ROWS * OUT), LAM_OK);
  assert_loss((double)predicted[ROWS * OUT - 1], 3.68946815);
  lam_batch_options classes = { .class_weights = class_weights, .class_weight_count = 2 };
  assert_int_equal(lam_train_on_batch(f.trainer, f.data, &classes, &result), LAM_OK);
  assert_loss(result.loss, 2.722435);
  assert_int_equal(lam_test_on_batch(f.trainer, f.data, &classes, &result), LAM_INVALID_ARGUMENT);
  lam_context_destroy(f.context);
}

static void the_running_mean_counts_rows_since_the_last_reset(void **state) {
  (void)state;
  fixture f = begin();
  lam_dataset *first = lam_dataset_slice(f.data, 0, 60), *rest = lam_dataset_slice(f.data, 60, 40);
  lam_batch_options running = { .running_mean = true };
  lam_result a, b, mean;
  assert_int_equal(lam_test_on_batch(f.trainer, first, none, &a), LAM_OK);
  assert_int_equal(lam_reset_metrics(f.trainer), LAM_OK);
  assert_int_equal(lam_train_on_batch(f.trainer, first, none, &a), LAM_OK);
  assert_int_equal(lam_test_on_batch(f.trainer, rest, none, &b), LAM_OK);
  assert_true(a.loss != b.loss);
  assert_int_equal(lam_reset_metrics(f.trainer), LAM_OK);
  assert_int_equal(lam_test_on_batch(f.trainer, first, &running, &a), LAM_OK);
  assert_int_equal(lam_train_on_batch(f.trainer, rest, &running, &mean), LAM_OK);
  assert_true(mean.rows == ROWS && fabs(mean.loss - b.loss) <= 1e-12); /* before the update both are what `rest` was tested at */
  assert_int_equal(lam_test_on_batch(f.trainer, rest, none, &b), LAM_OK);
  assert_int_equal(lam_test_on_batch(f.trainer, rest, &running, &mean), LAM_OK);
  assert_true(fabs(mean.loss - (a.loss * ROWS + b.loss * 80) / (ROWS + 80)) <= 1e-12 * mean.loss);
  lam_context_destroy(f.context);
}

static void batches_by_hand_give_the_bits_of_fit(void **state) {
  (void)state;
  lam_parameter p;
  float fitted[IN * OUT];
  for (size_t by_hand = 0; by_hand < 2; by_hand++) {
    fixture f = begin();
    if (by_hand) {
      for (size_t step = 0; step < 2 * 4; step++) {
        size_t at = step % 4 * 32;
        lam_dataset *batch = lam_dataset_slice(f.weighted, at, at + 32 < ROWS ? 32 : ROWS - at);
        assert_int_equal(lam_train_on_batch(f.trainer, batch, NULL, NULL), LAM_OK);
        lam_dataset_destroy(batch);
      }
    } else {
      lam_fit_options options = { .epochs = 2, .no_shuffle = true };
      assert_int_equal(lam_fit(f.trainer, f.weighted, &options), LAM_OK);
    }
    assert_int_equal(lam_model_parameter(f.model, 0, &p), LAM_OK);
    if (by_hand)
      assert_memory_equal(fitted, p.data, sizeof fitted);
    else
      memcpy(fitted, p.data, sizeof fitted);
    lam_context_destroy(f.context);
  }
}

static void what_is_no_batch_is_refused(void **state) {
  (void)state;
  fixture f = begin();
  lam_result result;
  assert_int_equal(lam_train_on_batch(f.trainer, NULL, NULL, NULL), LAM_NO_HANDLE);
  assert_int_equal(lam_predict_on_batch(f.model, NULL, x[0], 1), LAM_NO_HANDLE);
  assert_int_equal(lam_reset_metrics(NULL), LAM_NO_HANDLE);
  lam_batch_options options = { .reserved = { 1 } };
  assert_int_equal(lam_train_on_batch(f.trainer, f.data, &options, &result), LAM_INVALID_ARGUMENT);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN - 1 }, 1 } },
            out = { .data = y, .rows = ROWS, .shape = { { OUT }, 1 } };
  lam_dataset *narrow = lam_dataset_create(f.context, &in, 1, &out, 1);
  assert_int_equal(lam_train_on_batch(f.trainer, narrow, NULL, &result), LAM_INVALID_SHAPE);
  y[3][1] = 1e30f;
  assert_int_equal(lam_train_on_batch(f.trainer, f.data, NULL, &result), LAM_NOT_FINITE);
  y[3][1] = 0.0f;
  assert_int_equal(lam_test_on_batch(f.trainer, f.data, NULL, &result), LAM_OK);
  assert_true(result.loss == 16.0); /* nothing was updated */
  lam_context_destroy(f.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sequence_of_batches_gives_the_figures_of_keras),
    cmocka_unit_test(the_running_mean_counts_rows_since_the_last_reset),
    cmocka_unit_test(batches_by_hand_give_the_bits_of_fit),
    cmocka_unit_test(what_is_no_batch_is_refused),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
