/* SPDX-License-Identifier: MIT
 *
 * Checkpoints: a fit that goes on from one ends in the bits of a fit that was never interrupted.
 */
#include "file/model_file.h"
#include "file/models.h"
#include <unistd.h>

enum { ROWS = 50, WIDTH = 2, BATCH = 8, EPOCHS = 3 };

static float inputs[ROWS * WIDTH];
static int32_t labels[ROWS];
static char path[] = "/tmp/lamina-checkpoint-XXXXXX";

static int make_data(void **state) {
  (void)state;
  lam_random_uniform(inputs, ROWS * WIDTH, 5, 0, 0);
  for (int i = 0; i < ROWS; ++i) labels[i] = inputs[2 * i] > inputs[2 * i + 1];
  int descriptor = mkstemp(strcpy(path, "/tmp/lamina-checkpoint-XXXXXX"));
  return descriptor < 0 || close(descriptor);
}

static int remove_file(void **state) {
  (void)state;
  return unlink(path);
}

static lam_dataset *data(lam_context *context) {
  return lam_dataset_create(context, &(lam_array){ .data = inputs, .rows = ROWS, .shape = { { WIDTH }, 1 } }, 1,
                            &(lam_array){ .data = labels, .type = LAM_INT32, .rows = ROWS, .shape = { { 1 }, 1 } }, 1);
}

typedef struct interruption {
  size_t after, steps; /* saves and stops after so many steps */
} interruption;

static int save_and_stop(void *user, const lam_progress *progress) {
  interruption *i = user;
  if (progress->event != LAM_STEP_END || ++i->steps != i->after) return 0;
  assert_int_equal(lam_trainer_save(progress->trainer, path), LAM_OK);
  return 1;
}

static const lam_optimizer_options optimizers[] = {
  { .type = LAM_ADAM, .learning_rate = 0.01f },
  { .type = LAM_RMSPROP, .epsilon_outside = true },
  { .type = LAM_SGD },
  { .type = LAM_SGD, .momentum = 0.9f, .nesterov = true },
  { .type = LAM_ADAMW, .weight_decay = 0.5f, .use_ema = true, .ema_overwrite_frequency = 4, .gradient_accumulation_steps = 2 },
  { .type = LAM_NADAM,
    .schedule = { .type = LAM_COSINE_DECAY, .decay_steps = 9, .warmup_steps = 5, .warmup_target = 0.1f },
    .global_clipnorm = 0.1f,
    .use_ema = true },
  { .type = LAM_RMSPROP,
    .momentum = 0.5f,
    .centered = true,
    .weight_decay = 0.5f,
    .clipnorm = 0.1f,
    .schedule = { .type = LAM_PIECEWISE_CONSTANT_DECAY,
                  .boundaries = { { 3, 11 }, 2 },
                  .values = { { 0.1f, 0.0f, 0.05f }, 3 } } },
  { .type = LAM_ADAM, .amsgrad = true, .schedule = { .type = LAM_COSINE_DECAY_RESTARTS, .decay_steps = 3, .m_mul = 0.5f } },
  { .type = LAM_FTRL, .l1 = 0.1f, .l2_shrinkage = 0.1f, .beta = 0.5f, .gradient_accumulation_steps = 5 },
};

/* Biases do not decay. */
static lam_trainer *without_decay_of_biases(lam_model *model, const lam_trainer_options *options) {
  lam_trainer *trainer = lam_trainer_create(model, options);
  if (trainer) assert_int_equal(lam_exclude_from_weight_decay(trainer, "bias"), LAM_OK);
  return trainer;
}

/* The small model with noise, which a resumed fit must draw as if it had never stopped, with moving statistics, a penalty, a
 * constraint and a frozen layer. */
static lam_model *noisy_model(lam_context *context) {
  lam_node x = lam_gaussian_noise(lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 }), 0.05f);
  x = lam_dropout(lam_dense(x, 8,
                            &(lam_dense_options){ .activation = LAM_SILU,
                                                  .kernel_regularizer = { 0.01f, 0.01f },
                                                  .kernel_constraint = { .type = LAM_MAX_NORM, .max_value = 1 } }),
                  0.3f);
  x = lam_trainable(lam_dense(x, 8, NULL), false);
  x = lam_batch_normalization(x, &(lam_batch_normalization_options){ .momentum = 0.8f });
  x = lam_dense(x, 2, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  return lam_model_create(&x, 1);
}

static void assert_same_bits(const lam_trainer *a, const lam_trainer *b) {
  static const char *const states[] = { "average", "gradient_accumulator", "velocity", "momentum", "linear" };
  const lam_model *first = lam_trainer_model(a), *second = lam_trainer_model(b);
  for (size_t w = 0; w < lam_model_parameter_count(first); ++w) {
    lam_parameter one, other;
    lam_model_parameter(first, w, &one);
    lam_model_parameter(second, w, &other);
    assert_memory_equal(one.data, other.data, one.count * sizeof(float));
    for (size_t s = 0; s < sizeof states / sizeof *states; ++s) {
      const float *x = lam_optimizer_state(a, states[s], w), *y = lam_optimizer_state(b, states[s], w);
      assert_true(!x == !y);
      if (x) assert_memory_equal(x, y, one.count * sizeof(float));
    }
  }
}

static void a_resumed_fit_ends_in_the_bits_of_an_uninterrupted_one(void **state) {
  (void)state;
  const size_t steps = (ROWS + BATCH - 1) / BATCH;
  for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; ++o) {
    const lam_trainer_options options = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = optimizers[o] };
    lam_context *a = lam_context_create(&(lam_context_options){ .seed = 9, .gemm = "native" });
    lam_trainer *whole = without_decay_of_biases(noisy_model(a), &options);
    assert_int_equal(lam_fit(whole, data(a), &(lam_fit_options){ .epochs = EPOCHS, .batch_size = BATCH }), LAM_OK);
    for (size_t after = 1; after <= EPOCHS * steps; ++after) {
      interruption i = { .after = after };
      lam_fit_options fit = { .epochs = EPOCHS, .batch_size = BATCH, .callback = save_and_stop, .user = &i };
      lam_context *b = lam_context_create(&(lam_context_options){ .seed = 9, .gemm = "native" });
      assert_int_equal(lam_fit(without_decay_of_biases(noisy_model(b), &options), data(b), &fit), LAM_OK);
      lam_context_destroy(b);

      // Another context, of another seed: the checkpoint has its own.
      lam_context *c = lam_context_create(&(lam_context_options){ .seed = 1, .gemm = "native" });
      lam_trainer *resumed = lam_trainer_load(c, path);
      if (!resumed) fail_msg("%s", lam_error_message(c));
      fit.callback = NULL, fit.resume = true;
      assert_int_equal(lam_fit(resumed, data(c), &fit), LAM_OK);

      size_t count, other;
      const lam_epoch *first = lam_trainer_history(whole, &count), *second = lam_trainer_history(resumed, &other);
      assert_int_equal(count, EPOCHS);
      assert_int_equal(other, EPOCHS);
      for (size_t e = 0; e < EPOCHS; ++e) {
        assert_memory_equal(&first[e].loss, &second[e].loss, sizeof(double));
        assert_memory_equal(&first[e].accuracy, &second[e].accuracy, sizeof(double));
      }
      assert_same_bits(whole, resumed);
      lam_context_destroy(c);
    }
    lam_context_destroy(a);
  }
}

/* Also where the averages were in the weights' place already when it was saved. */
static void a_fit_goes_on_from_the_checkpoint_of_one_that_ended(void **state) {
  (void)state;
  for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; ++o) {
    const lam_trainer_options options = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = optimizers[o] };
    lam_fit_options fit = { .epochs = EPOCHS, .batch_size = BATCH };
    lam_context *a = lam_context_create(&(lam_context_options){ .seed = 9, .gemm = "native" });
    lam_trainer *whole = without_decay_of_biases(noisy_model(a), &options);
    assert_int_equal(lam_fit(whole, data(a), &fit), LAM_OK);

    lam_context *b = lam_context_create(&(lam_context_options){ .seed = 9, .gemm = "native" });
    lam_trainer *shorter = without_decay_of_biases(noisy_model(b), &options);
    fit.epochs = EPOCHS - 1;
    assert_int_equal(lam_fit(shorter, data(b), &fit), LAM_OK);
    assert_int_equal(lam_trainer_save(shorter, path), LAM_OK);

    lam_context *c = lam_context_create(&(lam_context_options){ .seed = 1, .gemm = "native" });
    lam_trainer *resumed = lam_trainer_load(c, path);
    if (!resumed) fail_msg("%s", lam_error_message(c));
    assert_same_bits(shorter, resumed);
    fit.epochs = EPOCHS, fit.resume = true;
    assert_int_equal(lam_fit(resumed, data(c), &fit), LAM_OK);
    assert_same_bits(whole, resumed);
    assert_int_equal(lam_fit(shorter, data(b), &fit), LAM_OK);
    assert_same_bits(whole, shorter);
    lam_context_destroy(a);
    lam_context_destroy(b);
    lam_context_destroy(c);
  }
}

/* What was frozen since is for the next trainer. */
static void a_checkpoint_keeps_what_is_frozen_as_its_trainer_has_it(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = test_small_model(context);
  assert_int_equal(lam_model_set_trainable(model, "dense", false), LAM_OK);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  assert_int_equal(lam_model_set_trainable(model, "dense", true), LAM_OK);
  assert_int_equal(lam_model_set_trainable(model, "dense_1", false), LAM_OK);
  assert_int_equal(lam_trainer_save(trainer, path), LAM_OK);
  lam_trainer *loaded = lam_trainer_load(context, path);
  assert_non_null(loaded);
  lam_parameter first, second;
  assert_int_equal(lam_model_parameter(lam_trainer_model(loaded), 0, &first), LAM_OK);
  assert_int_equal(lam_model_parameter(lam_trainer_model(loaded), 2, &second), LAM_OK);
  assert_true(first.frozen && !second.frozen);
  lam_context_destroy(context);
}

static lam_trainer *trained(lam_context *context) {
  lam_trainer *trainer =
      lam_trainer_create(test_small_model(context), &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY,
                                                                            .optimizer = { .type = LAM_ADAM } });
  if (!trainer || lam_fit(trainer, data(context), &(lam_fit_options){ .epochs = 2 })) return NULL;
  return trainer;
}

static void a_checkpoint_saved_again_gives_the_same_bytes_and_opens_as_a_model(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_trainer *trainer = trained(context);
  test_bytes first = { 0 }, second = { 0 }, model = { 0 }, loaded_model = { 0 };
  assert_int_equal(lam_file_write(trainer->model, trainer, test_write, &first), LAM_OK);
  assert_int_equal(lam_trainer_save(trainer, path), LAM_OK);
  lam_trainer *loaded = lam_trainer_load(context, path);
  assert_non_null(loaded);
  assert_int_equal(lam_file_write(loaded->model, loaded, test_write, &second), LAM_OK);
  assert_int_equal(first.size, second.size);
  assert_memory_equal(first.bytes, second.bytes, first.size);

  lam_model *opened = lam_model_load(context, path);
  assert_non_null(opened);
  assert_int_equal(lam_model_write(trainer->model, test_write, &model), LAM_OK);
  assert_int_equal(lam_model_write(opened, test_write, &loaded_model), LAM_OK);
  assert_int_equal(model.size, loaded_model.size);
  assert_memory_equal(model.bytes, loaded_model.bytes, model.size);

  assert_int_equal(lam_model_save(opened, path), LAM_OK);
  assert_null(lam_trainer_load(context, path));
  assert_int_equal(lam_error_status(context), LAM_FORMAT);
  assert_non_null(strstr(lam_error_message(context), "not a checkpoint"));
  free(first.bytes);
  free(second.bytes);
  free(model.bytes);
  free(loaded_model.bytes);
  lam_context_destroy(context);
}

/* Replaces a text by another of the same length. */
static void replace(test_bytes *file, const char *from, const char *to) {
  assert_int_equal(strlen(from), strlen(to));
  unsigned char *at = memmem(file->bytes, file->size, from, strlen(from));
  if (!at) fail_msg("%s is not in the file", from);
  memcpy(at, to, strlen(to));
}

static void positions_that_cannot_be_are_refused(void **state) {
  (void)state;
  const char *const changes[][2] = {
    { "\\\"epoch\\\":2", "\\\"epoch\\\":1" },       { "\\\"epoch\\\":2", "\\\"epoch\\\":9" },
    { "\\\"epoch\\\":2", "\\\"epoch\\\":-" },       { "\\\"history\\\"", "\\\"hystory\\\"" },
    { "\\\"position\\\"", "\\\"positian\\\"" },     { "\\\"seed\\\"", "\\\"sead\\\"" },
    { "\\\"loss_sum\\\":0", "\\\"loss_sum\\\":{" }, { "\"optimizer/velocity/dense/bias\"", "\"optimizer/velocity/dense/biaz\"" },
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; ++i) {
    lam_context *context = lam_context_create(NULL);
    lam_trainer *trainer = trained(context);
    test_bytes file = { 0 };
    assert_int_equal(lam_file_write(trainer->model, trainer, test_write, &file), LAM_OK);
    replace(&file, changes[i][0], changes[i][1]);
    FILE *out = fopen(path, "wb");
    assert_int_equal(fwrite(file.bytes, 1, file.size, out), file.size);
    fclose(out);
    assert_null(lam_trainer_load(context, path));
    if (lam_error_status(context) != LAM_FORMAT) fail_msg("%s: %s", changes[i][1], lam_error_message(context));
    free(file.bytes);
    lam_context_destroy(context);
  }
}

static bool load_with(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_trainer *trainer = context ? lam_trainer_load(context, path) : NULL;
  if (context && !trainer) assert_true(lam_error_status(context) == LAM_OUT_OF_MEMORY);
  lam_context_destroy(context);
  return trainer != NULL;
}

static void every_failed_allocation_of_loading_is_a_status(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  assert_int_equal(lam_trainer_save(trained(context), path), LAM_OK);
  lam_context_destroy(context);
  test_every_allocation_failing(load_with);
}

int main(void) {
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_data, remove_file)
  const struct CMUnitTest tests[] = {
    WITH_FILE(a_resumed_fit_ends_in_the_bits_of_an_uninterrupted_one),
    WITH_FILE(a_fit_goes_on_from_the_checkpoint_of_one_that_ended),
    WITH_FILE(a_checkpoint_keeps_what_is_frozen_as_its_trainer_has_it),
    WITH_FILE(a_checkpoint_saved_again_gives_the_same_bytes_and_opens_as_a_model),
    WITH_FILE(positions_that_cannot_be_are_refused),
    WITH_FILE(every_failed_allocation_of_loading_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
