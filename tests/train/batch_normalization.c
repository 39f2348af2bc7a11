/* SPDX-License-Identifier: MIT
 *
 * Batch normalization in training: what moves its moving statistics, what leaves them alone, and that threads change nothing.
 */
#include "support.h"
#include <lamina.h>
#include <math.h>

enum { ROWS = 50, WIDTH = 3, BATCH = 16 };

static float rows[ROWS][WIDTH], targets[ROWS][WIDTH];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&rows[0][0], ROWS * WIDTH, 8, 0, 0);
  lam_random_normal(&targets[0][0], ROWS * WIDTH, 8, 1, 0);
  for (size_t i = 0; i < ROWS; i++) rows[i][1] = rows[i][1] * 20 + 300, rows[i][2] = 4;
  return 0;
}

static lam_dataset *dataset_of(lam_context *context) {
  lam_array in = { .data = rows, .rows = ROWS, .shape = { { WIDTH }, 1 } },
            out = { .data = targets, .rows = ROWS, .shape = { { WIDTH }, 1 } };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

static lam_model *model_of(lam_context *context, float momentum) {
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { WIDTH }, 1 });
  x = lam_batch_normalization(x, &(lam_batch_normalization_options){ .momentum = momentum });
  return lam_model_create(&x, 1);
}

static lam_trainer *trainer_of(lam_model *model) {
  return lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = { .type = LAM_SGD } });
}

static const float *weight(const lam_model *model, size_t index) {
  lam_parameter p;
  assert_int_equal(lam_model_parameter(model, index, &p), LAM_OK);
  return p.data;
}

typedef struct moments {
  double mean[WIDTH], variance[WIDTH];
} moments;

static moments moments_of(size_t first, size_t count) {
  moments m = { { 0 }, { 0 } };
  for (size_t j = 0; j < WIDTH; j++) {
    for (size_t i = first; i < first + count; i++) m.mean[j] += (double)rows[i][j] / (double)count;
    for (size_t i = first; i < first + count; i++)
      m.variance[j] += ((double)rows[i][j] - m.mean[j]) * ((double)rows[i][j] - m.mean[j]) / (double)count;
  }
  return m;
}

/* Each step has four roundings of u beside those of the moments, at most 11 u. */
static void near_moving(const lam_model *model, const moments *moving, size_t steps) {
  for (size_t j = 0; j < WIDTH; j++) {
    double bound = (double)steps * 15 * 0x1p-24;
    assert_true(fabs((double)weight(model, 2)[j] - moving->mean[j]) <= bound * (1 + fabs(moving->mean[j])));
    assert_true(fabs((double)weight(model, 3)[j] - moving->variance[j]) <= bound * (1 + moving->variance[j]));
  }
}

static void move(moments *moving, const moments *batch, double momentum) {
  for (size_t j = 0; j < WIDTH; j++) {
    moving->mean[j] = moving->mean[j] * momentum + batch->mean[j] * (1 - momentum);
    moving->variance[j] = moving->variance[j] * momentum + batch->variance[j] * (1 - momentum);
  }
}

/* The last batch has 2 rows. */
static void each_step_moves_the_statistics_and_the_last_batch_counts_as_much(void **state) {
  (void)state;
  const float momenta[] = { 0, LAM_ZERO, 0.9f, 1 };
  const double meant[] = { 0.99, 0, 0.9, 1 };
  for (size_t k = 0; k < 4; k++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = model_of(context, momenta[k]);
    assert_int_equal(lam_fit(trainer_of(model), dataset_of(context),
                             &(lam_fit_options){ .epochs = 2, .batch_size = BATCH, .no_shuffle = true }),
                     LAM_OK);
    moments moving = { { 0, 0, 0 }, { 1, 1, 1 } };
    for (size_t epoch = 0; epoch < 2; epoch++)
      for (size_t first = 0; first < ROWS; first += BATCH) {
        moments batch = moments_of(first, ROWS - first < BATCH ? ROWS - first : BATCH);
        move(&moving, &batch, meant[k]);
      }
    near_moving(model, &moving, 8);
    lam_context_destroy(context);
  }
}

static void a_forward_pass_of_ones_own_moves_them_too(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = model_of(context, 0.5f);
  lam_trainer *trainer = trainer_of(model);
  lam_array in = { .data = rows, .rows = ROWS, .shape = { { WIDTH }, 1 } };
  moments moving = { { 0, 0, 0 }, { 1, 1, 1 } }, all = moments_of(0, ROWS);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(lam_forward(trainer, &in, 1), LAM_OK);
    move(&moving, &all, 0.5);
    near_moving(model, &moving, i + 1);
  }
  lam_context_destroy(context);
}

/* y is (x - mean) / sqrt(variance + 0.001) of the moving ones, within 5 u (the kernel's bound) and the sum's. */
static void evaluating_and_predicting_take_the_moving_statistics_and_change_nothing(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = model_of(context, 0);
  lam_dataset *data = dataset_of(context);
  lam_trainer *trainer = trainer_of(model);
  const float mean[] = { 0.5f, 290, 5 }, variance[] = { 2, 300, 0.25f };
  lam_model_set_parameter(model, "batch_normalization/moving_mean", mean, WIDTH);
  lam_model_set_parameter(model, "batch_normalization/moving_variance", variance, WIDTH);
  float out[ROWS][WIDTH];
  lam_result result;
  assert_int_equal(lam_predict(model, data, NULL, &out[0][0], ROWS * WIDTH), LAM_OK);
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
  double loss = 0;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < WIDTH; j++) {
      double y = ((double)rows[i][j] - (double)mean[j]) / sqrt((double)variance[j] + (double)0.001f);
      assert_true(fabs((double)out[i][j] - y) <= 5 * 0x1p-24 * fabs(y));
      loss += (y - (double)targets[i][j]) * (y - (double)targets[i][j]) / (ROWS * WIDTH);
    }
  assert_true(fabs(result.loss - loss) <= 20 * 0x1p-24 * loss);
  assert_memory_equal(weight(model, 2), mean, sizeof mean);
  assert_memory_equal(weight(model, 3), variance, sizeof variance);
  lam_context_destroy(context);
}

/* Wide enough for several blocks of columns. */
static void any_thread_count_gives_the_same_bits(void **state) {
  (void)state;
  enum { WIDE = 200 };
  static float kept[4][WIDE];
  for (unsigned threads = 1; threads <= 4; threads += 3) {
    lam_context *context = lam_context_create(&(lam_context_options){ .threads = threads, .gemm = "native", .seed = 2 });
    lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { WIDTH }, 1 });
    x = lam_batch_normalization(lam_dense(x, WIDE, &(lam_dense_options){ .activation = LAM_RELU }), NULL);
    x = lam_dense(lam_layer_normalization(x, NULL), WIDTH, NULL);
    lam_model *model = lam_model_create(&x, 1);
    lam_trainer *trainer = trainer_of(model);
    assert_int_equal(lam_fit(trainer, dataset_of(context), &(lam_fit_options){ .epochs = 3, .batch_size = BATCH }), LAM_OK);
    for (size_t i = 0; i < 4; i++) {
      if (threads == 1) memcpy(kept[i], weight(model, 2 + i), sizeof kept[i]);
      assert_memory_equal(kept[i], weight(model, 2 + i), sizeof kept[i]);
    }
    lam_context_destroy(context);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_step_moves_the_statistics_and_the_last_batch_counts_as_much),
    cmocka_unit_test(a_forward_pass_of_ones_own_moves_them_too),
    cmocka_unit_test(evaluating_and_predicting_take_the_moving_statistics_and_change_nothing),
    cmocka_unit_test(any_thread_count_gives_the_same_bits),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
