/* SPDX-License-Identifier: MIT
 *
 * Sessions: the same numbers as predict, in any batch, from any type of array, with messages of their own, in many threads.
 */
#include "kernels/kernels.h"
#include "support.h"

#include <lamina.h>
#include <math.h>
#include <pthread.h>

enum { IN = 12, OUT = 5, ROWS = 37 };

typedef struct fixture {
  lam_context *context;
  lam_model *model;
  float x[ROWS][IN];
} fixture;

static lam_array rows_of(const fixture *f, size_t first, size_t count) {
  return (lam_array){ .data = f->x[first], .rows = count, .shape = { { IN }, 1 } };
}

static fixture begin(lam_activation last) {
  fixture f = { .context = lam_context_create(NULL) };
  lam_node x = lam_dense(lam_input(lam_graph_create(f.context), (lam_shape){ { IN }, 1 }), 23,
                         &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, OUT, &(lam_dense_options){ .activation = last });
  f.model = lam_model_create(&x, 1);
  lam_random_normal(&f.x[0][0], ROWS * IN, 1, 2, 0);
  return f;
}

static void a_row_has_the_same_bits_in_any_batch(void **state) {
  (void)state;
  fixture f = begin(LAM_SOFTMAX);
  lam_session *session = lam_session_create(f.model, &(lam_session_options){ .max_rows = ROWS });
  float all[ROWS][OUT], one[OUT], *wanted = &all[0][0], *single = one;
  lam_array x = rows_of(&f, 0, ROWS);
  assert_int_equal(lam_session_run(session, &x, 1, &wanted, 1), LAM_OK);
  for (size_t i = 0; i < ROWS; i++) {
    x = rows_of(&f, i, 1);
    assert_int_equal(lam_session_run(session, &x, 1, &single, 1), LAM_OK);
    assert_memory_equal(one, all[i], sizeof one);
    double sum = 0;
    for (size_t j = 0; j < OUT; j++) sum += (double)one[j];
    assert_true(fabs(sum - 1) < 1e-6);
  }
  lam_context_destroy(f.context);
}

static void classes_are_the_argmax_and_need_no_softmax(void **state) {
  (void)state;
  static const lam_activation lasts[] = { LAM_LINEAR, LAM_SOFTMAX, LAM_SIGMOID, LAM_LOG_SOFTMAX };
  for (size_t a = 0; a < 4; a++) {
    fixture f = begin(lasts[a]);
    lam_session *session = lam_session_create(f.model, &(lam_session_options){ .max_rows = ROWS });
    float all[ROWS][OUT], *wanted = &all[0][0];
    int32_t classes[ROWS];
    lam_array x = rows_of(&f, 0, ROWS);
    assert_int_equal(lam_session_run(session, &x, 1, &wanted, 1), LAM_OK);
    assert_int_equal(lam_session_classes(session, &x, 1, classes, ROWS), LAM_OK);
    bool seen[OUT] = { false };
    for (size_t i = 0; i < ROWS; i++) {
      int32_t best = 0;
      for (int32_t j = 1; j < OUT; j++)
        if (all[i][j] > all[i][best]) best = j;
      assert_int_equal(classes[i], best);
      seen[best] = true;
    }
    assert_true(seen[0] + seen[1] + seen[2] + seen[3] + seen[4] > 1);
    lam_context_destroy(f.context);
  }
}

static void bytes_and_strides_give_what_floats_give(void **state) {
  (void)state;
  fixture f = begin(LAM_LINEAR);
  uint8_t bytes[ROWS][IN + 3];
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < IN; j++) bytes[i][j] = (uint8_t)(17 * i + 29 * j);
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < IN; j++) f.x[i][j] = fmaf(0.25f, (float)bytes[i][j], -3.0f);
  assert_int_equal(lam_model_set_input_scaling(f.model, 0, 0.25f, -3.0f), LAM_OK);
  lam_session *session = lam_session_create(f.model, &(lam_session_options){ .max_rows = ROWS });
  float a[ROWS * OUT], b[ROWS * OUT], *pa = a, *pb = b;
  lam_array x = { .data = bytes, .type = LAM_UINT8, .rows = ROWS, .shape = { { IN }, 1 }, .stride = IN + 3 };
  assert_int_equal(lam_session_run(session, &x, 1, &pa, 1), LAM_OK);
  x = rows_of(&f, 0, ROWS);
  x.scale = 1;
  assert_int_equal(lam_session_run(session, &x, 1, &pb, 1), LAM_OK);
  assert_memory_equal(a, b, sizeof a);
  lam_context_destroy(f.context);
}

static void probabilities_of_a_model_trained_from_logits(void **state) {
  (void)state;
  fixture f = begin(LAM_LINEAR);
  int32_t labels[ROWS];
  for (size_t i = 0; i < ROWS; i++) labels[i] = (int32_t)(i % OUT);
  lam_array x = rows_of(&f, 0, ROWS), t = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  lam_dataset *data = lam_dataset_create(f.context, &x, 1, &t, 1);
  lam_trainer *trainer =
      lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true });
  assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
  float logits[ROWS * OUT], probabilities[ROWS * OUT], softmax[ROWS * OUT], *out = probabilities;
  assert_int_equal(lam_predict(f.model, data, NULL, logits, ROWS * OUT), LAM_OK);
  assert_int_equal(lam_softmax(softmax, OUT, logits, OUT, ROWS, OUT), LAM_OK);
  assert_int_equal(lam_predict(f.model, data, &(lam_predict_options){ .kind = LAM_PROBABILITIES }, probabilities, ROWS * OUT),
                   LAM_OK);
  assert_memory_equal(probabilities, softmax, sizeof softmax);
  lam_session *session = lam_session_create(f.model, &(lam_session_options){ .max_rows = ROWS, .kind = LAM_PROBABILITIES });
  assert_int_equal(lam_session_run(session, &x, 1, &out, 1), LAM_OK);
  for (size_t i = 0; i < ROWS * OUT; i++) assert_true(fabsf(probabilities[i] - softmax[i]) < 1e-5f);
  lam_context_destroy(f.context);
}

static void a_sessions_sentences_are_its_own(void **state) {
  (void)state;
  fixture f = begin(LAM_LINEAR);
  lam_session *session = lam_session_create(f.model, &(lam_session_options){ .max_rows = 4 });
  float out[4 * OUT], *p = out;
  lam_array x = rows_of(&f, 0, 5);
  assert_int_equal(lam_session_run(session, &x, 1, &p, 1), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_session_error_message(session), "5 rows in a session for 1 to 4");
  x = rows_of(&f, 0, 2);
  x.shape.size[0] = IN - 1;
  assert_int_equal(lam_session_run(session, &x, 1, &p, 1), LAM_INVALID_SHAPE);
  assert_string_equal(lam_session_error_message(session), "input input has shape (12), rows of shape (11) were given");
  assert_string_equal(lam_error_message(f.context), "");
  assert_null(lam_session_create(f.model, &(lam_session_options){ .gemm = "nothing" }));
  assert_int_equal(lam_error_status(f.context), LAM_UNKNOWN_NAME);
  lam_context_destroy(f.context);
}

typedef struct worker {
  lam_session *session;
  const fixture *f;
  const float *wanted;
  bool same;
} worker;

static void *run_many(void *argument) {
  worker *w = argument;
  float out[ROWS * OUT], *p = out;
  w->same = true;
  for (int i = 0; i < 200; i++) {
    lam_array x = rows_of(w->f, 0, ROWS);
    w->same = w->same && lam_session_run(w->session, &x, 1, &p, 1) == LAM_OK && memcmp(out, w->wanted, sizeof out) == 0;
  }
  return NULL;
}

static void many_sessions_run_on_one_model(void **state) {
  (void)state;
  enum { WORKERS = 4 };
  fixture f = begin(LAM_SOFTMAX);
  float wanted[ROWS * OUT], *p = wanted;
  worker workers[WORKERS];
  pthread_t threads[WORKERS];
  for (size_t i = 0; i < WORKERS; i++)
    workers[i] = (worker){ lam_session_create(f.model, &(lam_session_options){ .max_rows = ROWS }), &f, wanted, false };
  lam_array x = rows_of(&f, 0, ROWS);
  assert_int_equal(lam_session_run(workers[0].session, &x, 1, &p, 1), LAM_OK);
  for (size_t i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_many, &workers[i]), 0);
  for (size_t i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < WORKERS; i++) assert_true(workers[i].same);
  lam_context_destroy(f.context);
}

/* 2048 floats in each: blocks of 64 rows at the most, and the last one is smaller. Labels of one integer a row, bytes with gaps.
 */
static void many_rows_go_through_in_blocks_and_give_the_same_bits(void **state) {
  (void)state;
  enum { WIDE = 2048, MANY = 150, GAP = 3 };
  lam_context *context = lam_context_create(NULL);
  lam_node inputs[] = { lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), { 0 } };
  inputs[1] = lam_input(inputs[0].graph, (lam_shape){ { OUT }, 1 });
  lam_node wide = lam_dense(lam_dense(inputs[0], WIDE, &(lam_dense_options){ .activation = LAM_RELU }), OUT, NULL);
  lam_node last = lam_merge(LAM_MERGE_ADD, (lam_node[]){ wide, inputs[1] }, 2);
  lam_node ends[] = { lam_activate(last, LAM_SOFTMAX), wide };
  lam_model *model = lam_model_create(ends, 2);
  assert_non_null(model);
  static uint8_t bytes[MANY * (IN + GAP)], labels[MANY];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * i % 251);
  for (size_t i = 0; i < MANY; i++) labels[i] = (uint8_t)(i % OUT);
  lam_array x[] = { { .data = bytes, .type = LAM_UINT8, .rows = MANY, .shape = { { IN }, 1 }, .stride = IN + GAP },
                    { .data = labels, .type = LAM_UINT8, .rows = MANY, .shape = { { 1 }, 1 }, .one_hot = OUT } };
  static float a[2][MANY * OUT], b[2][OUT];
  int32_t classes[MANY], class;
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = MANY });
  assert_int_equal(lam_session_run(session, x, 2, (float *[]){ a[0], a[1] }, 2), LAM_OK);
  assert_int_equal(lam_session_classes(session, x, 2, classes, MANY), LAM_OK);
  for (size_t i = 0; i < MANY; i++) {
    lam_array row[] = { x[0], x[1] };
    row[0].data = bytes + i * (IN + GAP);
    row[1].data = labels + i;
    row[0].rows = row[1].rows = 1;
    assert_int_equal(lam_session_run(session, row, 2, (float *[]){ b[0], b[1] }, 2), LAM_OK);
    for (size_t j = 0; j < 2; j++) assert_memory_equal(a[j] + i * OUT, b[j], sizeof b[j]);
    assert_int_equal(lam_session_classes(session, row, 2, &class, 1), LAM_OK);
    assert_int_equal(class, classes[i]);
  }
  lam_context_destroy(context);
}

static void one_hot_rows_come_from_one_integer_each(void **state) {
  (void)state;
  static const float floats[IN] = { 1 };
  static const int32_t labels[2] = { 1, 2 };
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), OUT, NULL);
  lam_session *session = lam_session_create(lam_model_create(&x, 1), &(lam_session_options){ .max_rows = 2 });
  float y[2][OUT];
  const lam_array wrong[] = { { .data = floats, .rows = 1, .one_hot = IN },
                              { .data = labels, .type = LAM_INT32, .rows = 1, .shape = { { 2 }, 1 }, .one_hot = IN } };
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(lam_session_run(session, &wrong[i], 1, (float *[]){ y[0] }, 1), LAM_INVALID_SHAPE);
    assert_non_null(strstr(lam_session_error_message(session), "one_hot takes one integer a row"));
  }
  const lam_array good = { .data = labels, .type = LAM_INT32, .rows = 2, .one_hot = IN };
  assert_int_equal(lam_session_run(session, &good, 1, (float *[]){ y[0] }, 1), LAM_OK);
  lam_context_destroy(context);
}

static void a_model_that_is_destroyed_lives_as_long_as_who_uses_it(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory), .threads = 1 });
  lam_graph *graph = lam_graph_create(context);
  lam_node x = lam_dense(lam_input(graph, (lam_shape){ { IN }, 1 }), OUT, NULL);
  static const float in[IN], targets[OUT] = { 1 };
  lam_array rows = { .data = in, .rows = 1, .shape = { { IN }, 1 } },
            out = { .data = targets, .rows = 1, .shape = { { OUT }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &rows, 1, &out, 1);
  size_t before = memory.live_bytes;
  for (int first = 0; first < 2; first++) {
    lam_model *model = lam_model_create(&x, 1);
    lam_session *session = lam_session_create(model, NULL);
    lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
    assert_non_null(trainer);
    lam_model_destroy(model);
    lam_model_destroy(model); /* it is still there */
    float y[OUT];
    assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
    if (first) lam_trainer_destroy(trainer);
    assert_int_equal(lam_session_run(session, &rows, 1, (float *[]){ y }, 1), LAM_OK);
    lam_session_destroy(session);
    if (!first) {
      assert_true(lam_trainer_model(trainer) == model);
      lam_trainer_destroy(trainer);
    }
    assert_int_equal(memory.live_bytes, before);
  }
  lam_model *model = lam_model_create(&x, 1);
  assert_non_null(lam_session_create(model, NULL));
  lam_model_destroy(model);
  lam_context_destroy(context);
  assert_int_equal(memory.live_blocks, 0);
}

/* Ten layers take what two take: a layer reads one buffer and writes the other. The rest is small beside them. */
static void two_buffers_serve_any_number_of_layers(void **state) {
  (void)state;
  enum { WIDTH = 64, MANY = 256, BUFFER = WIDTH * MANY * (int)sizeof(float) };
  test_memory memory = { 0 };
  lam_context *context =
      lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory), .threads = 1, .gemm = "native" });
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { WIDTH }, 1 });
  for (int layers = 1; layers <= 10; layers++) {
    x = lam_dense(x, WIDTH, &(lam_dense_options){ .activation = LAM_RELU });
    lam_model *model = lam_model_create(&x, 1);
    size_t before = memory.live_bytes;
    lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = MANY });
    assert_non_null(session);
    size_t scratch = (size_t)LAM_GEMM_SCRATCH * sizeof(float);
    assert_in_range(memory.live_bytes - before, 2 * BUFFER, 2 * BUFFER + scratch + BUFFER / 2);
    lam_session_destroy(session);
  }
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_row_has_the_same_bits_in_any_batch),
    cmocka_unit_test(classes_are_the_argmax_and_need_no_softmax),
    cmocka_unit_test(bytes_and_strides_give_what_floats_give),
    cmocka_unit_test(probabilities_of_a_model_trained_from_logits),
    cmocka_unit_test(a_sessions_sentences_are_its_own),
    cmocka_unit_test(many_sessions_run_on_one_model),
    cmocka_unit_test(many_rows_go_through_in_blocks_and_give_the_same_bits),
    cmocka_unit_test(one_hot_rows_come_from_one_integer_each),
    cmocka_unit_test(a_model_that_is_destroyed_lives_as_long_as_who_uses_it),
    cmocka_unit_test(two_buffers_serve_any_number_of_layers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
