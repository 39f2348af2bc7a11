/* SPDX-License-Identifier: MIT
 *
 * Networks that are large enough for several threads: the same bits with any number of them, trained and in sessions; threads
 * that are started when they are needed and not before; what a forked child does.
 */
#include "base/pool.h"
#include "graph/session.h"
#include "support.h"
#include "train/trainer.h"

#include <lamina.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN = 784, MIDDLE = 256, OUT = 10, BATCH = 64, ROWS = 6 * BATCH - 5 };

static float x[ROWS * IN];
static int32_t labels[ROWS];

static int make_rows(void **state) {
  (void)state;
  lam_random_normal(x, ROWS * IN, 3, 4, 0);
  for (size_t i = 0; i < ROWS; i++) labels[i] = (int32_t)(i * 7 % OUT);
  return 0;
}

typedef struct fixture {
  lam_context *context;
  lam_model *model;
  lam_dataset *data;
  lam_trainer *trainer;
} fixture;

/* Of every kind: products, columns, rows, functions, norms, constraints. */
static fixture begin(lam_context_options options, size_t middle, const lam_optimizer_options *optimizer) {
  fixture f = { .context = lam_context_create(&options) };
  lam_node y = lam_input(lam_graph_create(f.context), (lam_shape){ { IN }, 1 });
  y = lam_dense(y, middle, &(lam_dense_options){ .activation = LAM_GELU, .kernel_constraint = { .type = LAM_MAX_NORM } });
  y = lam_batch_normalization(y, NULL);
  y = lam_dense(y, middle, &(lam_dense_options){ .activation = LAM_RELU });
  y = lam_dense(y, OUT, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  f.model = lam_model_create(&y, 1);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  f.data = lam_dataset_create(f.context, &in, 1, &out, 1);
  f.trainer =
      lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = *optimizer });
  if (!f.trainer) fail_msg("%s", lam_error_message(f.context));
  return f;
}

static uint64_t hash_of(const void *bytes, size_t count) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < count; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
  return h;
}

static uint64_t weights_of(const fixture *f) { return hash_of(f->model->values, f->model->trained_count * sizeof(float)); }

static void fit(const fixture *f) {
  if (lam_fit(f->trainer, f->data, &(lam_fit_options){ .batch_size = BATCH })) fail_msg("%s", lam_error_message(f->context));
}

static size_t shared_operations(const lam_plan *plan) {
  size_t count = 0;
  for (size_t i = 0; i < plan->operation_count; i++) count += plan->operations[i].grain > 0;
  return count;
}

static const lam_optimizer_options adam = { .type = LAM_ADAM },
                                   clipped = { .type = LAM_RMSPROP, .global_clipnorm = 0.5f, .gradient_accumulation_steps = 2 };

static void check_bits(const char *gemm, const lam_optimizer_options *optimizer) {
  uint64_t one = 0;
  for (unsigned threads = 1; threads <= 8; threads += threads < 4 ? 1 : 4) {
    fixture f = begin((lam_context_options){ .gemm = gemm, .threads = threads }, MIDDLE, optimizer);
    fit(&f);
    if (threads == 1) one = weights_of(&f);
    assert_true(weights_of(&f) == one);
    /* Each product of the large layers, and more, really was shared. */
    assert_int_equal(lam_pool_count(f.context->pool), threads);
    assert_true(threads == 1 ? shared_operations(f.trainer->plan) == 0 : shared_operations(f.trainer->plan) >= 5);
    assert_true(threads == 1 || f.trainer->grain > 0);
    lam_context_destroy(f.context);
  }
}

static void any_number_of_threads_trains_to_the_same_bits(void **state) {
  (void)state;
  check_bits("native", &adam);
  check_bits("native", &clipped);
  check_bits(NULL, &adam);
}

/* In a process of its own: what is wrong with a library stays there. */
static int train_with(const char *gemm) {
  enum { EQUAL, DIFFERENT, REFUSED };
  uint64_t one = 0, repeated = 0;
  for (unsigned threads = 1; threads <= 3; threads += 2) {
    for (int i = 0; i < 2; i++) {
      lam_context *context = lam_context_create(&(lam_context_options){ .threads = threads });
      const bool refused = lam_gemm_open(context, gemm) != LAM_OK;
      lam_context_destroy(context);
      if (refused) return REFUSED;
      fixture f = begin((lam_context_options){ .gemm = gemm, .threads = threads }, MIDDLE, &adam);
      fit(&f);
      repeated = weights_of(&f);
      if (threads == 1 && i == 0) one = repeated;
      lam_context_destroy(f.context);
      if (repeated != one) return DIFFERENT;
    }
  }
  return EQUAL;
}

static void so_it_does_with_each_library_that_is_installed(void **state) {
  (void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  SKIP_BECAUSE("libraries are not loaded apart from each other under a sanitizer");
#endif
  enum { MOST = 32 };
  static lam_gemm_candidate candidates[MOST];
  const size_t count = lam_gemm_candidates(candidates, MOST);
  size_t tried = 0;
  for (size_t i = 0; i < count; i++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(train_with(candidates[i].name));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) fail_msg("%s: the bits depend on the threads", candidates[i].name);
    tried += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  if (tried == 0) SKIP_BECAUSE("no library is installed that can be opened");
}

static void small_networks_start_no_thread(void **state) {
  (void)state;
  fixture f = begin((lam_context_options){ .threads = 4 }, 4, &adam);
  fit(&f);
  lam_session *session = lam_session_create(f.model, NULL);
  assert_non_null(session);
  assert_null(f.context->pool);
  assert_int_equal(lam_context_threads(f.context), 4);
  lam_context_destroy(f.context);
}

static void one_thread_starts_none(void **state) {
  (void)state;
  fixture f = begin((lam_context_options){ .threads = 1 }, MIDDLE, &adam);
  fit(&f);
  assert_null(f.context->pool);
  lam_context_destroy(f.context);
}

/* ---- sessions ---------------------------------------------------------------------------------------------------------- */

typedef struct caller {
  pthread_t thread;
  lam_session *session;
  const lam_array *rows;
  float *outputs;
  lam_status status;
} caller;

static void *call_often(void *argument) {
  caller *c = argument;
  for (int i = 0; i < 8 && !c->status; i++) c->status = lam_session_run(c->session, c->rows, 1, &c->outputs, 1);
  return NULL;
}

static void sessions_in_several_threads_share_the_others_and_have_the_same_bits(void **state) {
  (void)state;
  enum { CALLERS = 3 };
  static float alone[ROWS * OUT], outputs[CALLERS][ROWS * OUT];
  lam_array rows = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  float *where = alone;
  fixture one = begin((lam_context_options){ .threads = 1 }, MIDDLE, &adam),
          several = begin((lam_context_options){ .threads = 3 }, MIDDLE, &adam);
  lam_session *session = lam_session_create(one.model, &(lam_session_options){ .max_rows = ROWS });
  assert_int_equal(lam_session_run(session, &rows, 1, &where, 1), LAM_OK);
  caller callers[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = (caller){ .rows = &rows, .outputs = outputs[i] };
    callers[i].session = lam_session_create(several.model, &(lam_session_options){ .max_rows = ROWS });
    assert_non_null(callers[i].session);
    assert_true(shared_operations(callers[i].session->plan) > 0);
  }
  for (int i = 0; i < CALLERS; i++) assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
  for (int i = 0; i < CALLERS; i++) {
    pthread_join(callers[i].thread, NULL);
    assert_int_equal(callers[i].status, LAM_OK);
    assert_memory_equal(outputs[i], alone, sizeof alone);
  }
  session = lam_session_create(several.model, NULL); /* of one row: calling others would take longer */
  assert_int_equal(shared_operations(session->plan), 0);
  lam_context_destroy(one.context);
  lam_context_destroy(several.context);
}

/* ---- fork -------------------------------------------------------------------------------------------------------------- */

static void a_forked_child_trains_on_to_the_same_bits(void **state) {
  (void)state;
#if defined(__SANITIZE_THREAD__)
  SKIP_BECAUSE("a thread sanitizer does not follow into a child that has threads no more");
#endif
  fixture f = begin((lam_context_options){ .gemm = "native", .threads = 3 }, MIDDLE, &adam);
  fit(&f);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    lam_status status = lam_fit(f.trainer, f.data, &(lam_fit_options){ .batch_size = BATCH });
    uint64_t hash = weights_of(&f);
    lam_context_destroy(f.context);
    _exit(status || write(ends[1], &hash, sizeof hash) != sizeof hash);
  }
  int status = -1;
  uint64_t hash = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_int_equal(read(ends[0], &hash, sizeof hash), sizeof hash);
  close(ends[0]);
  close(ends[1]);
  fit(&f);
  assert_true(weights_of(&f) == hash);
  lam_context_destroy(f.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_number_of_threads_trains_to_the_same_bits),
    cmocka_unit_test(so_it_does_with_each_library_that_is_installed),
    cmocka_unit_test(small_networks_start_no_thread),
    cmocka_unit_test(one_thread_starts_none),
    cmocka_unit_test(sessions_in_several_threads_share_the_others_and_have_the_same_bits),
    cmocka_unit_test(a_forked_child_trains_on_to_the_same_bits),
  };
  return cmocka_run_group_tests(tests, make_rows, NULL);
}
