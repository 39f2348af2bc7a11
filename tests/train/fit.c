/* SPDX-License-Identifier: MIT
 *
 * What fit does: the same bits again, in any number of threads, after a stop; history, validation, callbacks; no allocation in a
 * step.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 101, IN = 6, CLASSES = 3 };

static float x[ROWS][IN];
static uint8_t labels[ROWS];

/* Three clouds that a small network separates. */
static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 7, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (uint8_t)(i * 7 % CLASSES);
    x[i][labels[i]] += 4.0f;
  }
  return 0;
}

typedef struct fixture {
  lam_context *context;
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data;
} fixture;

static lam_dataset *dataset(lam_context *context) {
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = labels, .type = LAM_UINT8, .rows = ROWS };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

static fixture begin(lam_context_options options, lam_optimizer_options optimizer) {
  fixture f = { .context = lam_context_create(&options) };
  lam_node node = lam_dense(lam_last(lam_graph_create(f.context)), 160, &(lam_dense_options){ .activation = LAM_RELU });
  node = lam_dense(node, CLASSES, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  f.model = lam_model_create(&node, 1);
  f.trainer =
      lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = optimizer });
  f.data = dataset(f.context);
  return f;
}

static const lam_optimizer_options adam = { .type = LAM_ADAM, .learning_rate = 0.01f };

/* FNV-1a of all weights. */
static uint64_t hash(const lam_model *model) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    lam_model_parameter(model, i, &p);
    const unsigned char *bytes = (const unsigned char *)p.data;
    for (size_t j = 0; j < p.count * sizeof(float); j++) h = (h ^ bytes[j]) * 1099511628211u;
  }
  return h;
}

static void a_small_network_learns_with_every_optimizer(void **state) {
  (void)state;
  static const lam_optimizer_options optimizers[] = {
    { .type = LAM_ADAM, .learning_rate = 0.01f },
    { .type = LAM_RMSPROP },
    { .type = LAM_RMSPROP, .epsilon_outside = true },
    { .type = LAM_SGD, .learning_rate = 0.05f },
    { .type = LAM_SGD, .learning_rate = 0.01f, .momentum = 0.9f },
    { .type = LAM_SGD, .learning_rate = 0.01f, .momentum = 0.9f, .nesterov = true },
  };
  for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
    fixture f = begin((lam_context_options){ 0 }, optimizers[i]);
    assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 20 }), LAM_OK);
    size_t count = 0;
    const lam_epoch *history = lam_trainer_history(f.trainer, &count);
    assert_int_equal(count, 20);
    assert_true(history[19].loss < history[0].loss / 2);
    lam_result result;
    assert_int_equal(lam_evaluate(f.trainer, f.data, &result), LAM_OK);
    assert_int_equal(result.rows, ROWS);
    assert_true(result.accuracy > 0.95);
    int32_t classes[ROWS];
    size_t right = 0;
    assert_int_equal(lam_predict_classes(f.model, f.data, NULL, classes, ROWS), LAM_OK);
    for (size_t row = 0; row < ROWS; row++) right += classes[row] == labels[row];
    assert_true(fabs(result.accuracy - (double)right / ROWS) < 1e-12);
    lam_context_destroy(f.context);
  }
}

/* Two outputs of unlike kinds: a class of four, and yes or no by a logit. */
static void classes_are_those_of_the_output_that_is_asked_for(void **state) {
  (void)state;
  enum { N = 9 };
  float in[N][4], out[N * 4];
  int32_t found[N];
  lam_random_normal(&in[0][0], N * 4, 5, 0, 0);
  lam_context *context = lam_context_create(NULL);
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { 4 }, 1 });
  lam_node ends[] = { lam_dense(node, 4, &(lam_dense_options){ .activation = LAM_SOFTMAX }), lam_dense(node, 1, NULL) };
  lam_model *model = lam_model_create(ends, 2);
  const lam_loss_options losses[] = { { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY },
                                      { .loss = LAM_BINARY_CROSSENTROPY, .from_logits = true } };
  assert_non_null(lam_trainer_create(model, &(lam_trainer_options){ .losses = losses, .loss_count = 2 }));
  lam_dataset *data = lam_dataset_create(context, &(lam_array){ .data = in, .rows = N, .shape = { { 4 }, 1 } }, 1, NULL, 0);
  size_t ones = 0;
  for (size_t output = 0; output < 2; output++) {
    const lam_predict_options options = { .output = output };
    size_t width = output == 0 ? 4 : 1;
    assert_int_equal(lam_predict(model, data, &options, out, N * width), LAM_OK);
    assert_int_equal(lam_predict_classes(model, data, &options, found, N), LAM_OK);
    for (size_t i = 0; i < N; i++) {
      int32_t best = 0;
      for (size_t j = 1; j < width; j++)
        if (out[i * width + j] > out[i * width + (size_t)best]) best = (int32_t)j;
      assert_int_equal(found[i], width > 1 ? best : out[i] > 0);
      ones += width == 1 && out[i] > 0;
    }
  }
  assert_true(ones > 0 && ones < N);
  lam_context_destroy(context);
}

static uint64_t train_hash(lam_context_options options, size_t batch) {
  fixture f = begin(options, adam);
  lam_status status = lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 3, .batch_size = batch });
  if (status) fail_msg("%s", lam_error_message(f.context));
  uint64_t h = hash(f.model);
  lam_context_destroy(f.context);
  return h;
}

static void any_number_of_threads_gives_the_same_bits_with_every_backend(void **state) {
  (void)state;
  static const char *const gemms[] = { "native", NULL };
  for (size_t g = 0; g < 2; g++) {
    uint64_t one = train_hash((lam_context_options){ .gemm = gemms[g] }, 0);
    for (unsigned threads = 2; threads <= 8; threads += threads < 4 ? 1 : 4)
      assert_true(train_hash((lam_context_options){ .gemm = gemms[g], .threads = threads }, 0) == one);
    assert_true(train_hash((lam_context_options){ .gemm = gemms[g], .seed = 1 }, 0) != one);
    assert_true(train_hash((lam_context_options){ .gemm = gemms[g] }, 16) != one);
  }
}

/* ---- callbacks, stopping, going on -------------------------------------------------------------------------------- */

typedef struct stop {
  size_t after, steps, epochs;
  double loss;
} stop;

static int stop_after(void *user, const lam_progress *progress) {
  stop *s = user;
  s->epochs += progress->event == LAM_EPOCH_END;
  if (progress->event != LAM_STEP_END) return 0;
  s->loss = progress->mean.loss;
  return ++s->steps == s->after;
}

static void a_fit_that_was_stopped_goes_on_to_the_same_bits(void **state) {
  (void)state;
  fixture whole = begin((lam_context_options){ 0 }, adam);
  assert_int_equal(lam_fit(whole.trainer, whole.data, &(lam_fit_options){ .epochs = 3 }), LAM_OK);
  size_t count = 0;
  const lam_epoch *wanted = lam_trainer_history(whole.trainer, &count);
  for (size_t after = 1; after <= 12; after++) { /* 4 steps an epoch */
    fixture f = begin((lam_context_options){ 0 }, adam);
    stop s = { .after = after };
    lam_fit_options options = { .epochs = 3, .callback = stop_after, .user = &s };
    assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
    assert_true(lam_trainer_stopped(f.trainer));
    assert_int_equal(s.steps, after);
    options.resume = true;
    assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
    assert_false(lam_trainer_stopped(f.trainer));
    assert_int_equal(s.steps, 12);
    assert_int_equal(s.epochs, 3);
    assert_true(hash(f.model) == hash(whole.model));
    const lam_epoch *history = lam_trainer_history(f.trainer, &count);
    assert_int_equal(count, 3);
    for (size_t e = 0; e < 3; e++) assert_true(history[e].loss == wanted[e].loss && history[e].accuracy == wanted[e].accuracy);
    lam_context_destroy(f.context);
  }
  lam_context_destroy(whole.context);
}

static void a_last_batch_may_be_smaller_and_weighs_less(void **state) {
  (void)state;
  fixture f = begin((lam_context_options){ 0 }, (lam_optimizer_options){ .type = LAM_SGD, .learning_rate = LAM_ZERO });
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .batch_size = 30 }), LAM_OK);
  size_t count = 0;
  const lam_epoch *history = lam_trainer_history(f.trainer, &count);
  lam_result result;
  assert_int_equal(lam_evaluate(f.trainer, f.data, &result), LAM_OK);
  /* Nothing moves at learning rate 0, so the epoch's mean is the mean over all rows; 101 float losses differ by their rounding.
   */
  assert_true(fabs(history[0].loss - result.loss) < 101 * 0x1p-24 * 4);
  assert_true(history[0].accuracy == result.accuracy);
  lam_context_destroy(f.context);
}

static void validation_is_the_last_rows_or_a_set_of_its_own(void **state) {
  (void)state;
  fixture f = begin((lam_context_options){ 0 }, adam);
  lam_dataset *last = lam_dataset_slice(f.data, 80, 21), *first = lam_dataset_slice(f.data, 0, 80);
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 2, .validation_split = 0.2 }), LAM_OK);
  size_t count = 0;
  const lam_epoch *history = lam_trainer_history(f.trainer, &count);
  lam_result result;
  assert_int_equal(lam_evaluate(f.trainer, last, &result), LAM_OK);
  assert_true(fabs(history[1].val_loss - result.loss) < 1e-5);
  assert_true(history[1].val_accuracy == result.accuracy);
  fixture g = begin((lam_context_options){ 0 }, adam);
  last = lam_dataset_slice(g.data, 80, 21), first = lam_dataset_slice(g.data, 0, 80);
  assert_int_equal(lam_fit(g.trainer, first, &(lam_fit_options){ .epochs = 2, .validation = last }), LAM_OK);
  assert_true(hash(f.model) == hash(g.model));
  lam_context_destroy(f.context);
  lam_context_destroy(g.context);
}

static int count_allocations(void *user, const lam_progress *progress) {
  size_t *seen = user; /* seen[0]: the allocator's count; seen[1]: at the first step's end; seen[2]: at the last's */
  const test_memory *memory = (const test_memory *)(uintptr_t)seen[0];
  if (progress->event == LAM_STEP_END && seen[1] == 0) seen[1] = memory->allocations;
  if (progress->event == LAM_STEP_END) seen[2] = memory->allocations;
  return 0;
}

static void a_step_asks_the_allocator_for_nothing(void **state) {
  (void)state;
  test_memory memory = { 0 };
  fixture f = begin((lam_context_options){ .allocator = test_allocator(&memory) }, adam);
  size_t seen[3] = { (size_t)(uintptr_t)&memory, 0, 0 };
  lam_fit_options options = { .epochs = 3, .validation_split = 0.1, .callback = count_allocations, .user = seen };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  assert_true(seen[1] > 0 && seen[1] == seen[2]);
  lam_context_destroy(f.context);
  assert_int_equal(memory.live_bytes, 0);
}

static void a_training_run_takes_the_memory_it_should(void **state) {
  (void)state;
  test_memory memory = { 0 };
  fixture f = begin((lam_context_options){ .allocator = test_allocator(&memory) }, adam);
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 1 }), LAM_OK);
  size_t parameters = (IN + 1) * 160 + 161 * CLASSES, activations = 32 * (IN + 2 * 160 + 4 * CLASSES);
  assert_true(memory.live_bytes < (parameters * 4 + activations) * sizeof(float) + 64 * 1024);
  lam_context_destroy(f.context);
}

static void a_loss_that_is_not_finite_ends_the_fit_with_its_step(void **state) {
  (void)state;
  fixture f = begin((lam_context_options){ 0 }, (lam_optimizer_options){ .type = LAM_SGD, .learning_rate = 1e30f });
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 3, .batch_size = 101 }), LAM_NOT_FINITE);
  assert_non_null(strstr(lam_error_message(f.context), "at step 1 of epoch 2: a smaller learning rate may help"));
  lam_parameter bias;
  assert_int_equal(lam_model_parameter(f.model, 1, &bias), LAM_OK);
  float *wrong = calloc(bias.count, sizeof *wrong);
  wrong[0] = NAN;
  assert_int_equal(lam_model_set_parameter(f.model, bias.name, wrong, bias.count), LAM_OK);
  assert_int_equal(lam_fit(f.trainer, f.data, NULL), LAM_NOT_FINITE);
  assert_string_equal(lam_error_message(f.context), "the loss is nan at step 1 of epoch 1, before this fit has changed a weight: "
                                                    "weights or data are too large or not finite");
  free(wrong);
  lam_context_destroy(f.context);
}

static bool fit_with(lam_allocator allocator) {
  fixture f = begin((lam_context_options){ .allocator = allocator }, adam);
  lam_result result;
  bool done = lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 2, .validation_split = 0.2 }) == LAM_OK &&
              lam_evaluate(f.trainer, f.data, &result) == LAM_OK;
  int32_t classes[ROWS];
  done = done && lam_predict_classes(f.model, f.data, NULL, classes, ROWS) == LAM_OK;
  if (f.context && !done) assert_int_equal(lam_error_status(f.context), LAM_OUT_OF_MEMORY);
  lam_context_destroy(f.context);
  return done;
}

static void every_allocation_of_training_may_fail(void **state) {
  (void)state;
  test_every_allocation_failing(fit_with);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_small_network_learns_with_every_optimizer),
    cmocka_unit_test(classes_are_those_of_the_output_that_is_asked_for),
    cmocka_unit_test(any_number_of_threads_gives_the_same_bits_with_every_backend),
    cmocka_unit_test(a_fit_that_was_stopped_goes_on_to_the_same_bits),
    cmocka_unit_test(a_last_batch_may_be_smaller_and_weighs_less),
    cmocka_unit_test(validation_is_the_last_rows_or_a_set_of_its_own),
    cmocka_unit_test(a_step_asks_the_allocator_for_nothing),
    cmocka_unit_test(a_training_run_takes_the_memory_it_should),
    cmocka_unit_test(a_loss_that_is_not_finite_ends_the_fit_with_its_step),
    cmocka_unit_test(every_allocation_of_training_may_fail),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
