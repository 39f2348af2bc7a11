/* SPDX-License-Identifier: MIT
 *
 * The public door: which function of a backend sees which product, what is refused, names, and the thread setting of the BLAS.
 */
#include "products.h"

#include <lamina.h>
#include <pthread.h>
#ifdef LAM_HAVE_OPENBLAS
int openblas_get_num_threads(void);
void openblas_set_num_threads(int threads);
#endif

/* The last call that a registered backend saw, and plain products so that the answers can be checked. */
static struct call {
  int sgemm, sgemv;
  lam_order order;
  lam_transpose ta, tb;
  int m, n, k, lda, ldb, ldc, incx, incy;
  float alpha, beta;
} seen;

static void counting_sgemm(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a,
                           int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  seen = (struct call){ seen.sgemm + 1, seen.sgemv, order, ta, tb, m, n, k, lda, ldb, ldc, 0, 0, alpha, beta };
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int l = 0; l < k; ++l) {
        sum += element(a, (size_t)lda, ta, (size_t)i, (size_t)l) * element(b, (size_t)ldb, tb, (size_t)l, (size_t)j);
      }
      c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
    }
  }
}

/* Multiplies by beta even where it is 0, as some libraries do. */
static void counting_sgemv(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda,
                           const float *x, int incx, float beta, float *y, int incy) {
  seen = (struct call){ seen.sgemm, seen.sgemv + 1, order, trans, 0, m, n, 0, lda, 0, 0, incx, incy, alpha, beta };
  for (int i = 0; i < (trans == LAM_TRANSPOSE ? n : m); ++i) {
    float sum = 0;
    for (int l = 0; l < (trans == LAM_TRANSPOSE ? m : n); ++l) {
      sum += element(a, (size_t)lda, trans, (size_t)i, (size_t)l) * x[l * incx];
    }
    y[i * incy] = alpha * sum + beta * y[i * incy];
  }
}

static lam_context *counting_context(lam_sgemv_function sgemv) {
  lam_context *context = lam_context_create(NULL);
  assert_int_equal(lam_gemm_register(context, "counting", counting_sgemm, sgemv), LAM_OK);
  seen = (struct call){ 0 };
  return context;
}

static void a_product_reaches_the_registered_function_as_it_was_asked(void **state) {
  (void)state;
  lam_context *context = counting_context(counting_sgemv);
  assert_string_equal(lam_gemm_name(context), "counting");
  float a[3 * 5] = { 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 7, 8, 9, 0, 0 }, b[2 * 4] = { 1, 2, 3, 9, 4, 5, 6, 9 }, c[2 * 3] = { 0 };
  /* op(a) = columns 0 and 1 of a as rows, op(b) = b^T. */
  assert_int_equal(lam_sgemm(context, LAM_TRANSPOSE, LAM_TRANSPOSE, 2, 2, 3, 2, a, 5, b, 4, 1, c, 3), LAM_OK);
  assert_true(seen.sgemm == 1 && seen.sgemv == 0 && seen.order == LAM_ROW_MAJOR && seen.ta == LAM_TRANSPOSE);
  assert_true(seen.tb == LAM_TRANSPOSE && seen.m == 2 && seen.n == 2 && seen.k == 3 && seen.alpha == 2 && seen.beta == 1);
  assert_true(seen.lda == 5 && seen.ldb == 4 && seen.ldc == 3);
  assert_true(c[0] == 60 && c[1] == 132 && c[2] == 0 && c[3] == 72 && c[4] == 162 && c[5] == 0);
  lam_context_destroy(context);
}

static void one_row_or_one_column_goes_to_sgemv_at_every_transposition(void **state) {
  (void)state;
  lam_context *context = counting_context(counting_sgemv);
  way plain = { .name = "plain", .kernels = lam_kernels() };
  float a[7 * 9], b[7 * 9], c[7 * 9], wanted[7 * 9];
  fill_integers(a, 63, 5, 1);
  fill_integers(b, 63, 5, 2);
  int calls = 0;
  for (int s = 0; s < 8; ++s) {
    lam_transpose ta = transposition(s & 1), tb = transposition(s & 2);
    size_t m = s & 4 ? 1 : 6, n = s & 4 ? 6 : 1;
    for (size_t i = 0; i < 63; ++i) c[i] = wanted[i] = NAN;
    assert_int_equal(lam_sgemm(context, ta, tb, m, n, 5, 2, a, 8, b, 7, 0, c, 9), LAM_OK);
    multiply(&plain, ta, tb, m, n, 5, 2, a, 8, b, 7, 0, wanted, 9);
    assert_memory_equal(c, wanted, sizeof c);
    assert_int_equal(seen.sgemv, ++calls);
    assert_int_equal(seen.sgemm, 0);
  }
  lam_context_destroy(context);
  context = counting_context(NULL);
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 6, 5, 1, a, 5, b, 6, 0, c, 6), LAM_OK);
  assert_true(seen.sgemm == 1 && seen.m == 1);
  lam_context_destroy(context);
}

static void a_backend_never_sees_empty_products(void **state) {
  (void)state;
  lam_context *context = counting_context(counting_sgemv);
  float x[4] = { 1, 2, 3, 4 };
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 2, 2, 0, 1, NULL, 0, NULL, 2, 2, x, 2), LAM_OK);
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 0, 2, 2, 1, NULL, 2, x, 2, 2, NULL, 2), LAM_OK);
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 2, 2, 2, 0, x, 2, x, 2, 0.5f, x, 2), LAM_OK);
  assert_true(seen.sgemm == 0 && seen.sgemv == 0 && x[0] == 1 && x[3] == 4);
  lam_context_destroy(context);
}

static void refused(lam_context *context, lam_status got, lam_status wanted, const char *sentence) {
  assert_int_equal(got, wanted);
  assert_int_equal(lam_error_status(context), wanted);
  assert_string_equal(lam_error_message(context), sentence);
}

static void bad_arguments_are_refused_by_name_and_value_before_the_backend(void **state) {
  (void)state;
  lam_context *context = counting_context(counting_sgemv);
  const lam_transpose no = LAM_NO_TRANSPOSE;
  float x[16] = { 0 };
  refused(context, lam_sgemm(context, no, no, 4, 4, 4, 1, x, 3, x, 4, 0, x, 4), LAM_INVALID_ARGUMENT,
          "lam_sgemm: lda is 3, but a row of a has 4 floats");
  refused(context, lam_sgemm(context, no, LAM_TRANSPOSE, 2, 3, 4, 1, x, 4, x, 3, 0, x, 3), LAM_INVALID_ARGUMENT,
          "lam_sgemm: ldb is 3, but a row of b has 4 floats");
  refused(context, lam_sgemm(context, no, no, 2, 3, 4, 1, x, 4, x, 3, 0, x, 2), LAM_INVALID_ARGUMENT,
          "lam_sgemm: ldc is 2, but a row of c has 3 floats");
  refused(context, lam_sgemm(context, no, no, 2, 2, 2, 1, NULL, 2, x, 2, 0, x, 2), LAM_NO_HANDLE,
          "lam_sgemm: a is NULL, but has 2 x 2 floats");
  refused(context, lam_sgemm(context, (lam_transpose)7, no, 2, 2, 2, 1, x, 2, x, 2, 0, x, 2), LAM_INVALID_ARGUMENT,
          "lam_sgemm: transa is 7; it must be LAM_NO_TRANSPOSE or LAM_TRANSPOSE");
  refused(context, lam_sgemm(context, no, no, (size_t)1 << 31, 1, 1, 1, x, 1, x, 1, 0, x, 1), LAM_INVALID_ARGUMENT,
          "lam_sgemm: a has 2147483648 rows of 1 floats, lda 1; a BLAS takes at most 2147483647");
  assert_true(seen.sgemm == 0 && seen.sgemv == 0);
  assert_int_equal(lam_sgemm(NULL, no, no, 1, 1, 1, 1, x, 1, x, 1, 0, x, 1), LAM_NO_HANDLE);
  lam_context_destroy(context);
}

static void backends_are_chosen_by_name_and_unknown_ones_listed(void **state) {
  (void)state;
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  assert_string_equal(lam_gemm_name(context), "native");
  assert_non_null(strstr(lam_gemm_description(context), lam_context_isa(context)));
  refused(context, lam_gemm_register(context, "native", counting_sgemm, NULL), LAM_INVALID_ARGUMENT,
          "lam_gemm_register: there is a gemm backend \"native\" already");
  refused(context, lam_gemm_register(context, "", counting_sgemm, NULL), LAM_INVALID_ARGUMENT,
          "lam_gemm_register: the name is empty");
  refused(context, lam_gemm_register(context, "mine", NULL, NULL), LAM_INVALID_ARGUMENT,
          "lam_gemm_register: the sgemm of \"mine\" is NULL");
  assert_int_equal(lam_gemm_register(context, "mine", counting_sgemm, NULL), LAM_OK);
  assert_int_equal(lam_gemm_select(context, "nativ"), LAM_UNKNOWN_NAME);
  assert_non_null(strstr(lam_error_message(context), "native"));
  assert_non_null(strstr(lam_error_message(context), "mine"));
  assert_string_equal(lam_gemm_name(context), "mine");
  assert_int_equal(lam_gemm_select(context, "native"), LAM_OK);
  assert_string_equal(lam_gemm_name(context), "native");
  lam_context_destroy(context);
#ifdef LAM_HAVE_CBLAS
  context = lam_context_create(&(lam_context_options){ .gemm = lam_linked_name });
  assert_string_equal(lam_gemm_name(context), lam_linked_name);
  lam_context_destroy(context);
#endif
}

static bool register_two(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  bool good = lam_gemm_register(context, "one", counting_sgemm, NULL) == LAM_OK &&
              lam_gemm_register(context, "two", counting_sgemm, NULL) == LAM_OK;
  lam_context_destroy(context);
  return good;
}

static void registering_survives_every_failed_allocation(void **state) {
  (void)state;
  test_every_allocation_failing(register_two);
}

#ifdef LAM_HAVE_OPENBLAS
static void *enter_and_leave(void *argument) {
  for (int i = 0; i < 2000; ++i) {
    lam_blas_enter(argument);
    if (openblas_get_num_threads() != 1) return argument;
    lam_blas_leave(argument);
  }
  return NULL;
}

static void the_blas_thread_setting_is_one_inside_and_restored_by_the_last_to_leave(void **state) {
  (void)state;
  const int before = openblas_get_num_threads();
  openblas_set_num_threads(2);
  lam_context *context = lam_context_create(NULL);
  lam_context *keeper = lam_context_create(&(lam_context_options){ .keep_blas_threads = true });
  lam_blas_enter(keeper);
  assert_int_equal(openblas_get_num_threads(), 2);
  lam_blas_leave(keeper);
  lam_blas_enter(context);
  lam_blas_enter(context);
  assert_int_equal(openblas_get_num_threads(), 1);
  lam_blas_leave(context);
  assert_int_equal(openblas_get_num_threads(), 1);
  lam_blas_leave(context);
  assert_int_equal(openblas_get_num_threads(), 2);
  pthread_t other;
  assert_int_equal(pthread_create(&other, NULL, enter_and_leave, context), 0);
  assert_null(enter_and_leave(context));
  void *failed = NULL;
  pthread_join(other, &failed);
  assert_null(failed);
  assert_int_equal(openblas_get_num_threads(), 2);
  lam_context_destroy(keeper);
  lam_context_destroy(context);
  openblas_set_num_threads(before);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_product_reaches_the_registered_function_as_it_was_asked),
    cmocka_unit_test(one_row_or_one_column_goes_to_sgemv_at_every_transposition),
    cmocka_unit_test(a_backend_never_sees_empty_products),
    cmocka_unit_test(bad_arguments_are_refused_by_name_and_value_before_the_backend),
    cmocka_unit_test(backends_are_chosen_by_name_and_unknown_ones_listed),
    cmocka_unit_test(registering_survives_every_failed_allocation),
#ifdef LAM_HAVE_OPENBLAS
    cmocka_unit_test(the_blas_thread_setting_is_one_inside_and_restored_by_the_last_to_leave),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
