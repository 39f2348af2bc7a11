/* SPDX-License-Identifier: MIT
 *
 * The products of a training step as a registered cblas_sgemm sees them: 784-256-15 has exactly five, with the shapes,
 * transpositions and leading dimensions that lamina/gemm.h documents; a batch of one reaches sgemv. And malloc, interposed for
 * the whole process, is not called in a step.
 */
#include "support.h"

#include <lamina.h>

enum { MOST_CALLS = 64 };

typedef struct call {
  lam_transpose a, b;
  int m, n, k, lda, ldb, ldc;
  const float *c;
} call;

static call calls[MOST_CALLS];
static size_t call_count, vector_count;

/* A plain product, which also keeps what it was asked. */
static void counting_sgemm(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a,
                           int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  assert_int_equal(order, LAM_ROW_MAJOR);
  if (call_count < MOST_CALLS) calls[call_count] = (call){ ta, tb, m, n, k, lda, ldb, ldc, c };
  call_count++; /* the vetting asks for many more */
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int q = 0; q < k; q++)
        sum += (ta == LAM_NO_TRANSPOSE ? a[i * lda + q] : a[q * lda + i]) *
               (tb == LAM_NO_TRANSPOSE ? b[q * ldb + j] : b[j * ldb + q]);
      float *out = &c[i * ldc + j];
      *out = alpha * sum + (beta != 0 ? beta * *out : 0);
    }
}

static void counting_sgemv(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda,
                           const float *in, int incx, float beta, float *out, int incy) {
  assert_int_equal(order, LAM_ROW_MAJOR);
  vector_count++;
  int rows = trans == LAM_NO_TRANSPOSE ? m : n, inner = trans == LAM_NO_TRANSPOSE ? n : m;
  for (int i = 0; i < rows; i++) {
    float sum = 0;
    for (int q = 0; q < inner; q++) sum += (trans == LAM_NO_TRANSPOSE ? a[i * lda + q] : a[q * lda + i]) * in[q * incx];
    out[i * incy] = alpha * sum + (beta != 0 ? beta * out[i * incy] : 0);
  }
}

/* ---- malloc for the whole process --------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERPOSED 0 /* the sanitizer has interposed itself */
static size_t mallocs;
#else
#define INTERPOSED 1
static size_t mallocs;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
void *malloc(size_t size) { return mallocs++, __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return mallocs++, __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return mallocs++, __libc_realloc(memory, size); }
void *aligned_alloc(size_t alignment, size_t size) { return mallocs++, __libc_memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
  mallocs++;
  return (*memory = __libc_memalign(alignment, size)) ? 0 : 12;
}
#endif

/* ---- one step ----------------------------------------------------------------------------------------------------- */

static uint8_t pixels[96][784], labels[96];

typedef struct seen {
  size_t at_first_step, at_last_step, steps, calls_before;
} seen;

static int watch(void *user, const lam_progress *progress) {
  seen *s = user;
  if (progress->event == LAM_EPOCH_BEGIN) call_count = vector_count = 0;
  if (progress->event != LAM_STEP_END) return 0;
  if (s->steps++ == 0) s->at_first_step = mallocs;
  s->at_last_step = mallocs;
  return 0;
}

static void fit_rows(const char *gemm, size_t rows, size_t batch, size_t epochs, seen *s) {
  /* Calls are counted in their order. */
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = gemm, .threads = gemm ? 2 : 1 });
  if (!gemm) assert_int_equal(lam_gemm_register(context, "counting", counting_sgemm, counting_sgemv), LAM_OK);
  lam_array in = { .data = pixels, .type = LAM_UINT8, .rows = rows, .shape = { { 28, 28 }, 2 } };
  lam_array out = { .data = labels, .type = LAM_UINT8, .rows = rows };
  lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
  lam_node x = lam_dense(lam_flatten(lam_last(lam_graph_create(context))), 256, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, 15, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_trainer *trainer =
      lam_trainer_create(lam_model_create(&x, 1), &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY,
                                                                          .optimizer = { .type = LAM_ADAM } });
  lam_fit_options options = { .epochs = epochs, .batch_size = batch, .callback = watch, .user = s };
  lam_status status = lam_fit(trainer, data, &options);
  if (status) fail_msg("%s", lam_error_message(context));
  lam_context_destroy(context);
}

/* Adds up the columns of the calls that belong to one product: same shape but for n, on disjoint blocks beside each other. */
static void assert_product(size_t *next, call wanted) {
  int columns = 0;
  const float *first = calls[*next].c;
  while (*next < call_count && columns < wanted.n) {
    const call *c = &calls[*next];
    assert_int_equal(c->a, wanted.a);
    assert_int_equal(c->b, wanted.b);
    assert_int_equal(c->m, wanted.m);
    assert_int_equal(c->k, wanted.k);
    assert_int_equal(c->lda, wanted.lda);
    assert_int_equal(c->ldb, wanted.ldb);
    assert_int_equal(c->ldc, wanted.ldc);
    assert_ptr_equal(c->c, first + columns);
    columns += c->n;
    ++*next;
  }
  assert_int_equal(columns, wanted.n);
}

static void a_step_has_exactly_five_products(void **state) {
  (void)state;
  seen s = { 0 };
  fit_rows(NULL, 32, 32, 1, &s);
  assert_int_equal(s.steps, 1);
  const lam_transpose n = LAM_NO_TRANSPOSE, t = LAM_TRANSPOSE;
  size_t next = 0;
  assert_product(&next, (call){ n, n, 32, 256, 784, 784, 256, 256, NULL }); /* forward: Y = X W */
  assert_product(&next, (call){ n, n, 32, 15, 256, 256, 15, 15, NULL });
  assert_product(&next, (call){ t, n, 256, 15, 32, 256, 15, 15, NULL }); /* weight gradient: dW = X^T dY */
  assert_product(&next, (call){ n, t, 32, 256, 15, 15, 15, 256, NULL }); /* input gradient: dX = dY W^T */
  assert_product(&next, (call){ t, n, 784, 256, 32, 784, 256, 256, NULL });
  assert_int_equal(next, call_count); /* and no input gradient of the first layer */
  assert_int_equal(vector_count, 0);
}

static void a_batch_of_one_reaches_sgemv(void **state) {
  (void)state;
  seen s = { 0 };
  fit_rows(NULL, 1, 1, 1, &s);
  assert_true(vector_count >= 3); /* both forward products and the input gradient, each perhaps in blocks */
  for (size_t i = 0; i < call_count; i++) assert_true(calls[i].m > 1 && calls[i].n > 1); /* only the outer products are left */
}

static void a_step_calls_no_malloc(void **state) {
  (void)state;
  if (!INTERPOSED) SKIP_BECAUSE("a sanitizer has taken malloc's place");
  seen s = { 0 };
  size_t before = mallocs;
  fit_rows("native", 96, 32, 3, &s);
  assert_true(mallocs > before); /* the interposer works */
  assert_int_equal(s.steps, 9);
  assert_int_equal(s.at_last_step, s.at_first_step);
}

int main(void) {
  for (size_t i = 0; i < sizeof pixels; i++) (&pixels[0][0])[i] = (uint8_t)(i * 2654435761u >> 24);
  for (size_t i = 0; i < sizeof labels; i++) labels[i] = (uint8_t)(i % 15);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_step_has_exactly_five_products),
    cmocka_unit_test(a_batch_of_one_reaches_sgemv),
    cmocka_unit_test(a_step_calls_no_malloc),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
