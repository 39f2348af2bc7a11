/* SPDX-License-Identifier: MIT
 *
 * Generators: the bits of a dataset with the same rows, made ahead or not; ends of epochs; stops, resumes and failures, after
 * each of which its thread is gone.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 70, IN = 5, CLASSES = 3, BATCH = 16, STEPS = 5, NUMBERS = IN * 8 + 8 + 8 * CLASSES + CLASSES };

static float x[ROWS][IN], weights[ROWS];
static int32_t labels[ROWS];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 3, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i * 5 % CLASSES);
    weights[i] = (float)(1 + i % 3);
    x[i][labels[i]] += 2.0f;
  }
  return 0;
}

typedef struct fixture {
  lam_context *context;
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data;
} fixture;

static fixture begin(const lam_allocator *allocator) {
  lam_context_options options = { 0 };
  if (allocator) options.allocator = *allocator;
  fixture f = { .context = lam_context_create(&options) };
  lam_node node = lam_input(lam_graph_create(f.context), (lam_shape){ { IN }, 1 });
  node = lam_dense(node, 8, &(lam_dense_options){ .activation = LAM_TANH });
  node = lam_dense(node, CLASSES, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  f.model = lam_model_create(&node, 1);
  f.trainer = lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY });
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  f.data = lam_dataset_create(f.context, &in, 1, &out, 1);
  return f;
}

/* Gives the rows in their order, as a fit without shuffling takes them. */
typedef struct rows {
  size_t calls, fail_at, last_epoch, last_step; /* fail_at: the call, from 1, that returns 7 */
  bool endless;                                 /* does not end epochs itself */
  float poison;                                 /* written to the first input of call 2, where not 0 */
} rows;

static int give(void *user, lam_batch *batch) {
  rows *r = user;
  size_t first = batch->step * BATCH;
  r->last_epoch = batch->epoch;
  r->last_step = batch->step;
  if (++r->calls == r->fail_at) return 7;
  assert_true(batch->rows == BATCH && batch->targets[0] == NULL);
  size_t count = first < ROWS ? ROWS - first < BATCH ? ROWS - first : BATCH : 0;
  if (r->endless) assert_true(count > 0);
  for (size_t i = 0; i < count; i++) {
    memcpy(batch->inputs[0] + i * IN, x[first + i], sizeof x[0]);
    batch->labels[0][i] = labels[first + i];
    if (batch->weights) batch->weights[i] = weights[first + i];
  }
  if (r->calls == 2 && r->poison != 0) batch->inputs[0][0] = r->poison;
  batch->rows = count;
  return 0;
}

static void weights_of(const lam_model *model, float values[NUMBERS]) {
  assert_int_equal(lam_model_get_weights(model, values, NUMBERS), LAM_OK);
}

static void a_generator_gives_the_bits_of_a_dataset(void **state) {
  (void)state;
  static const size_t ahead[] = { 0, 1, 2, 3, 9 };
  for (size_t weighted = 0; weighted < 2; weighted++) {
    float expected[NUMBERS], got[NUMBERS];
    fixture f = begin(NULL);
    if (weighted) assert_int_equal(lam_dataset_set_weights(f.data, weights, ROWS), LAM_OK);
    lam_fit_options options = { .epochs = 3, .batch_size = BATCH, .no_shuffle = true, .validation = f.data };
    assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
    weights_of(f.model, expected);
    for (size_t i = 0; i < sizeof ahead / sizeof *ahead; i++)
      for (size_t endless = 0; endless < 2; endless++) {
        fixture g = begin(NULL);
        rows train = { .endless = endless }, validation = { .endless = endless };
        lam_generator source = {
          .generate = give, .user = &train, .batch_size = BATCH, .prefetch = ahead[i], .weighted = weighted
        };
        lam_generator held = source;
        held.user = &validation;
        if (endless) source.steps = held.steps = STEPS;
        lam_fit_options how = { .epochs = 3, .generator = &source, .validation_generator = &held };
        assert_int_equal(lam_fit(g.trainer, NULL, &how), LAM_OK);
        weights_of(g.model, got);
        assert_memory_equal(expected, got, sizeof got);
        size_t calls = 3 * (endless ? STEPS : STEPS + 1);
        assert_true(train.calls == calls && validation.calls == calls);
        const lam_epoch *a = lam_trainer_history(f.trainer, NULL), *b = lam_trainer_history(g.trainer, NULL);
        for (size_t e = 0; e < 3; e++)
          assert_true(a[e].loss == b[e].loss && a[e].accuracy == b[e].accuracy && a[e].val_loss == b[e].val_loss);
        lam_context_destroy(g.context);
      }
    lam_context_destroy(f.context);
  }
}

static void evaluate_takes_a_generator(void **state) {
  (void)state;
  fixture f = begin(NULL);
  lam_result a, b;
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .epochs = 2, .batch_size = BATCH }), LAM_OK);
  assert_int_equal(lam_evaluate(f.trainer, f.data, &a), LAM_OK);
  for (size_t prefetch = 0; prefetch < 3; prefetch++) {
    rows r = { 0 };
    lam_generator source = { .generate = give, .user = &r, .batch_size = BATCH, .prefetch = prefetch };
    assert_int_equal(lam_evaluate_generator(f.trainer, &source, &b), LAM_OK);
    assert_true(b.rows == ROWS && b.accuracy == a.accuracy);
    assert_true(fabs(a.loss - b.loss) <= 1e-12 * a.loss); /* sums in double of the same floats, by other batches */
  }
  lam_context_destroy(f.context);
}

static int stop_at(void *user, const lam_progress *progress) {
  size_t *left = user;
  return progress->event == LAM_STEP_END && --*left == 0;
}

static void a_fit_that_resumes_asks_for_the_step_it_was_at(void **state) {
  (void)state;
  float expected[NUMBERS], got[NUMBERS];
  fixture f = begin(NULL);
  lam_fit_options options = { .epochs = 2, .batch_size = BATCH, .no_shuffle = true };
  assert_int_equal(lam_fit(f.trainer, f.data, &options), LAM_OK);
  weights_of(f.model, expected);
  lam_context_destroy(f.context);
  for (size_t prefetch = 0; prefetch < 3; prefetch++)
    for (size_t steps = 0; steps <= STEPS; steps += STEPS)
      for (size_t stop = 1; stop < 2 * STEPS; stop++) {
        fixture g = begin(NULL);
        size_t left = stop;
        rows r = { .endless = steps > 0 };
        lam_generator source = { .generate = give, .user = &r, .batch_size = BATCH, .prefetch = prefetch, .steps = steps };
        lam_fit_options how = { .epochs = 2, .generator = &source, .callback = stop_at, .user = &left };
        assert_int_equal(lam_fit(g.trainer, NULL, &how), LAM_OK);
        assert_true(lam_trainer_stopped(g.trainer));
        assert_true(r.calls >= stop && r.calls <= stop + prefetch + 1); /* no more ahead than was said */
        how = (lam_fit_options){ .epochs = 2, .generator = &source, .resume = true };
        assert_int_equal(lam_fit(g.trainer, NULL, &how), LAM_OK);
        weights_of(g.model, got);
        assert_memory_equal(expected, got, sizeof got);
        lam_context_destroy(g.context);
      }
}

static void a_failure_of_the_generator_ends_fit_with_its_number(void **state) {
  (void)state;
  for (size_t prefetch = 0; prefetch < 3; prefetch++)
    for (size_t at = 1; at < 9; at += 3) {
      fixture f = begin(NULL);
      rows r = { .fail_at = at };
      lam_generator source = { .generate = give, .user = &r, .batch_size = BATCH, .prefetch = prefetch };
      lam_fit_options options = { .epochs = 3, .generator = &source };
      assert_int_equal(lam_fit(f.trainer, NULL, &options), LAM_INVALID_DATA);
      assert_non_null(strstr(lam_error_message(f.context), at < 6 ? "returned 7 for step" : "of epoch 2"));
      assert_int_equal(r.calls, at);
      lam_context_destroy(f.context);
    }
}

static int give_nothing(void *user, lam_batch *batch) {
  (void)user;
  batch->rows = 0;
  return 0;
}

static int give_too_much(void *user, lam_batch *batch) {
  (void)user;
  batch->rows++;
  return 0;
}

static int give_bad_label(void *user, lam_batch *batch) {
  batch->labels[0][1] = *(int32_t *)user;
  return 0;
}

static int give_bad_weight(void *user, lam_batch *batch) {
  batch->weights[2] = *(float *)user;
  return 0;
}

static void assert_refused(fixture *f, lam_generator source, lam_status status, const char *part) {
  for (source.prefetch = 0; source.prefetch < 2; source.prefetch++) {
    assert_int_equal(lam_fit(f->trainer, NULL, &(lam_fit_options){ .generator = &source }), status);
    if (!strstr(lam_error_message(f->context), part)) fail_msg("%s", lam_error_message(f->context));
  }
}

static void what_is_no_batch_is_refused(void **state) {
  (void)state;
  fixture f = begin(NULL);
  rows poisoned = { .poison = NAN };
  int32_t label = CLASSES;
  float weight = -1.0f;
  assert_refused(&f, (lam_generator){ .generate = NULL }, LAM_NO_HANDLE, "no function");
  assert_refused(&f, (lam_generator){ .generate = give, .reserved = { 1 } }, LAM_INVALID_ARGUMENT, "reserved");
  assert_refused(&f, (lam_generator){ .generate = give_nothing }, LAM_INVALID_DATA, "gave no batch for epoch 1");
  assert_refused(&f, (lam_generator){ .generate = give_too_much }, LAM_INVALID_DATA, "says 33 rows for step 1 of epoch 1");
  assert_refused(&f, (lam_generator){ .generate = give_bad_label, .user = &label }, LAM_INVALID_DATA, "label 3 in row 1");
  assert_refused(&f, (lam_generator){ .generate = give_bad_weight, .user = &weight, .weighted = true }, LAM_INVALID_DATA,
                 "weight of row 2 is -1");
  lam_generator source = { .generate = give, .user = &poisoned, .batch_size = BATCH };
  assert_int_equal(lam_fit(f.trainer, NULL, &(lam_fit_options){ .generator = &source }), LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(f.context), "row 0, column 0 of input 0 is nan (the generator's batch for step 2"));
  assert_int_equal(lam_fit(f.trainer, f.data, &(lam_fit_options){ .generator = &source }), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_fit(f.trainer, NULL, &(lam_fit_options){ .generator = &source, .batch_size = 3 }), LAM_INVALID_ARGUMENT);
  lam_fit_options both = { .validation = f.data, .validation_generator = &source };
  assert_int_equal(lam_fit(f.trainer, f.data, &both), LAM_INVALID_ARGUMENT);
  lam_node node = lam_dense(lam_last(lam_graph_create(f.context)), CLASSES, NULL);
  lam_trainer *open = lam_trainer_create(lam_model_create(&node, 1), &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  assert_int_equal(lam_fit(open, NULL, &(lam_fit_options){ .generator = &source }), LAM_INVALID_SHAPE);
  lam_context_destroy(f.context);
}

static bool train(lam_allocator allocator) {
  fixture f = begin(&allocator);
  rows r = { 0 };
  lam_generator source = { .generate = give, .user = &r, .batch_size = BATCH, .prefetch = 2, .weighted = true };
  lam_fit_options options = { .epochs = 2, .generator = &source };
  bool done = f.trainer && lam_fit(f.trainer, NULL, &options) == LAM_OK && f.data;
  lam_context_destroy(f.context);
  return done;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  test_every_allocation_failing(train);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_generator_gives_the_bits_of_a_dataset),
    cmocka_unit_test(evaluate_takes_a_generator),
    cmocka_unit_test(a_fit_that_resumes_asks_for_the_step_it_was_at),
    cmocka_unit_test(a_failure_of_the_generator_ends_fit_with_its_number),
    cmocka_unit_test(what_is_no_batch_is_refused),
    cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
