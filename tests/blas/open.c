/* SPDX-License-Identifier: MIT
 *
 * Backends that are opened at run time, and the vetting: what is installed agrees with the native product; what is wrong is
 * refused with its reason. Libraries that take their process with them are tried by tests/cli/test_gemm.py.
 */
#include "products.h"

#include <dlfcn.h>
#include <lamina.h>
#include <stdio.h>
#include <sys/stat.h>

#define LIAR(name) LIARS "/libliar_" name ".so"

static lam_context *native_context(void) { return lam_context_create(&(lam_context_options){ .gemm = "native" }); }

static void refused(lam_context *context, lam_status got, lam_status wanted, const char *part) {
  assert_int_equal(got, wanted);
  if (!strstr(lam_error_message(context), part)) fail_msg("\"%s\" is not in: %s", part, lam_error_message(context));
}

/* Both within gamma_(k+2) |A||B| of the truth, so within twice that of each other: u = 2^-24, |A||B| <= k. */
static void agrees_with_native(lam_context *context) {
  enum { M = 19, N = 37, K = 211 };
  float a[M * K], b[K * N], c[M * N], wanted[M * N];
  fill_unit(a, M * K, 1);
  fill_unit(b, K * N, 2);
  lam_context *native = native_context();
  assert_int_equal(lam_sgemm(native, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, M, N, K, 1, a, K, b, N, 0, wanted, N), LAM_OK);
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, M, N, K, 1, a, K, b, N, 0, c, N), LAM_OK);
  lam_context_destroy(native);
  const double n = (K + 2) * 0x1p-24, bound = 2 * n / (1 - n);
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) {
      double magnitude = 0;
      for (int l = 0; l < K; ++l) magnitude += fabs((double)a[i * K + l] * (double)b[l * N + j]);
      assert_true(fabs((double)c[i * N + j] - (double)wanted[i * N + j]) <= bound * magnitude);
    }
  }
}

static void every_installed_openblas_opens_by_name_and_by_path_and_agrees_with_native(void **state) {
  (void)state;
  static lam_gemm_candidate found[64];
  const size_t count = lam_gemm_candidates(found, 64);
  int opened = 0;
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(found[i].provider, "openblas") != 0) continue;
    const char *const ways[] = { found[i].name, found[i].path };
    for (int w = 0; w < 2; ++w, ++opened) {
      lam_context *context = native_context();
      if (lam_gemm_open(context, ways[w]) != LAM_OK) fail_msg("%s: %s", ways[w], lam_error_message(context));
      assert_string_equal(lam_gemm_name(context), ways[w]);
      assert_non_null(strstr(lam_gemm_description(context), "OpenBLAS"));
      agrees_with_native(context);
      assert_int_equal(lam_gemm_select(context, "native"), LAM_OK);
      assert_int_equal(lam_gemm_open(context, ways[w]), LAM_OK); /* which is there already */
      assert_string_equal(lam_gemm_name(context), ways[w]);
      lam_context_destroy(context);
    }
  }
  if (opened == 0) SKIP_BECAUSE("there is no OpenBLAS here");
}

static const struct lie {
  const char *path;
  lam_status status;
  const char *reason;
} lies[] = {
  { LIAR("corner"), LAM_INVALID_ARGUMENT, "in row 16, column 16, not" },
  { LIAR("wide"), LAM_INVALID_ARGUMENT, "reads 64-bit integers, but passes for one with 32-bit integers" },
  { LIAR("keeps_nan"), LAM_INVALID_ARGUMENT, "leaves NaN in row 0, column 0: beta is 0" },
  { LIAR("gaps"), LAM_INVALID_ARGUMENT, "writes outside of its rows and columns" },
  { LIAR("sloppy"), LAM_INVALID_ARGUMENT, "which is more than rounding explains" },
  { LIAR("empty"), LAM_UNSUPPORTED, "has no cblas_sgemm" },
  { "/nowhere/libblas.so", LAM_IO, "the library \"/nowhere/libblas.so\" does not load: " },
};
enum { LIES = sizeof lies / sizeof *lies };

static void a_library_that_is_wrong_is_refused_with_its_reason_and_leaves_the_backend(void **state) {
  (void)state;
  lam_context *context = native_context();
  for (int i = 0; i < LIES; ++i) {
    refused(context, lam_gemm_open(context, lies[i].path), lies[i].status, lies[i].reason);
    assert_non_null(strstr(lam_error_message(context), lies[i].path));
    assert_string_equal(lam_gemm_name(context), "native");
    assert_int_equal(lam_gemm_select(context, lies[i].path), LAM_UNKNOWN_NAME);
  }
  assert_int_equal(lam_gemm_open(context, ""), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_gemm_open(context, NULL), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_gemm_open(NULL, "native"), LAM_NO_HANDLE);
  lam_context_destroy(context);
}

static void a_library_with_prefix_suffix_and_64_bit_integers_is_called_as_it_wants(void **state) {
  (void)state;
  lam_context *context = native_context();
  assert_int_equal(lam_gemm_open(context, LIAR("honest_wide")), LAM_OK);
  assert_non_null(strstr(lam_gemm_description(context), "64-bit integers"));
  assert_int_equal(context->gemm->interface, LAM_CBLAS_64);
  agrees_with_native(context);
  lam_context_destroy(context);
}

static void a_failure_that_onednn_reports_shows_as_nan(void **state) {
  (void)state;
  lam_context *context = native_context();
  assert_int_equal(lam_gemm_open(context, LIAR("onednn")), LAM_OK);
  assert_int_equal(context->gemm->interface, LAM_ONEDNN);
  agrees_with_native(context);
  float a[2 * 99] = { 0 }, b[99 * 3] = { 0 }, c[2 * 4] = { 1, 2, 3, 4, 5, 6, 7, 8 };
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 2, 3, 99, 1, a, 99, b, 3, 0, c, 4), LAM_OK);
  for (int i = 0; i < 8; ++i) assert_true(i % 4 == 3 ? c[i] == (float)(i + 1) : isnan(c[i]));
  lam_context_destroy(context);
}

static void an_honest_library_is_opened_by_the_context_and_by_the_environment(void **state) {
  (void)state;
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = LIAR("honest") });
  assert_string_equal(lam_gemm_name(context), LIAR("honest"));
  agrees_with_native(context);
  lam_context_destroy(context);
  assert_int_equal(setenv("LAMINA_GEMM_PATH", LIAR("honest") "::" LIAR("corner"), 1), 0);
  assert_int_equal(setenv("LAMINA_GEMM", "liar_honest", 1), 0);
  context = lam_context_create(NULL);
  assert_string_equal(lam_gemm_name(context), "liar_honest");
  lam_context_destroy(context);
  assert_int_equal(setenv("LAMINA_GEMM", "liar_corner", 1), 0);
  context = lam_context_create(NULL);
  refused(context, lam_error_status(context), LAM_INVALID_ARGUMENT, "\"liar_corner\" is refused");
  lam_context_destroy(context);
  assert_int_equal(unsetenv("LAMINA_GEMM") | unsetenv("LAMINA_GEMM_PATH"), 0);
}

static void an_unknown_name_is_answered_with_what_there_is(void **state) {
  (void)state;
  assert_int_equal(setenv("LAMINA_GEMM_PATH", LIAR("honest") ":" LIAR("corner"), 1), 0);
  lam_context *context = native_context();
  const char *const parts[] = { "there is no gemm backend \"goto\"", "native", "liar_honest", "liar_corner" };
  for (int i = 0; i < 4; ++i) refused(context, lam_gemm_open(context, "goto"), LAM_UNKNOWN_NAME, parts[i]);
  lam_context_destroy(context);
  assert_int_equal(unsetenv("LAMINA_GEMM_PATH"), 0);
}

static void a_folder_laid_out_like_debians_is_searched(void **state) {
  (void)state;
  char folder[] = "/tmp/lamina-folder-XXXXXX", inner[64], file[96], same[96];
  assert_non_null(mkdtemp(folder));
  snprintf(inner, sizeof inner, "%s/blis-openmp", folder);
  snprintf(file, sizeof file, "%s/libblis.so.4", inner);
  snprintf(same, sizeof same, "%s/libblis.so.4", folder);
  assert_int_equal(mkdir(inner, 0700) | symlink(LIAR("honest"), file) | symlink(LIAR("honest"), same), 0);
  assert_int_equal(setenv("LAMINA_GEMM_PATH", folder, 1), 0);
  static lam_gemm_candidate found[64];
  const size_t count = lam_gemm_candidates(found, 64);
  assert_true(count >= 1);
  assert_string_equal(found[0].name, "blis-openmp");
  assert_string_equal(found[0].provider, "blis");
  assert_string_equal(found[0].path, file);
  for (size_t i = 1; i < count; ++i) { /* the second link to the same file is not another library */
    assert_string_not_equal(found[i].path, same);
    for (size_t j = 0; j < i; ++j) assert_string_not_equal(found[i].name, found[j].name);
  }
  assert_int_equal(lam_gemm_candidates(found, 1), 1);
  assert_int_equal(lam_gemm_candidates(NULL, 0), 0);
  lam_context *context = native_context();
  assert_int_equal(lam_gemm_open(context, "blis"), LAM_OK); /* by its provider */
  lam_context_destroy(context);
  assert_int_equal(unsetenv("LAMINA_GEMM_PATH") | unlink(file) | unlink(same) | rmdir(inner) | rmdir(folder), 0);
}

static void an_opened_library_says_what_it_is_and_runs_on_one_thread_between_enter_and_leave(void **state) {
  (void)state;
  void *handle = dlopen(LIAR("old"), RTLD_NOW | RTLD_LOCAL);
  assert_non_null(handle);
  int (*threads)(void) = NULL;
  *(void **)&threads = dlsym(handle, "openblas_get_num_threads");
  assert_int_equal(threads(), 4);
  lam_context *keeper = lam_context_create(&(lam_context_options){ .gemm = LIAR("old"), .keep_blas_threads = true });
  lam_context *context = native_context();
  lam_blas_enter(context);
  assert_int_equal(threads(), 4); /* nobody asked to control it */
  assert_int_equal(lam_gemm_open(context, LIAR("old")), LAM_OK);
  assert_int_equal(threads(), 1); /* opened in the middle of a run */
  lam_blas_leave(context);
  assert_int_equal(threads(), 4);
  lam_blas_enter(context);
  assert_int_equal(threads(), 1);
  lam_blas_leave(context);
  lam_blas_enter(keeper);
  assert_int_equal(threads(), 4);
  lam_blas_leave(keeper);
  assert_non_null(strstr(lam_gemm_description(context), "OpenBLAS 0.0.1 DYNAMIC_ARCH; core Prescott; 4 threads"));
  if (lam_kernels_at("avx2")) assert_non_null(strstr(context->gemm->warning, "OPENBLAS_CORETYPE"));
  lam_context_destroy(keeper);
  lam_context_destroy(context);
}

static void of_blis_and_mkl_the_setting_that_mends_old_kernels_is_found_out(void **state) {
  (void)state;
  const bool avx512 = lam_kernels_at("avx512") != NULL, avx2 = lam_kernels_at("avx2") != NULL;
  lam_context *context = native_context();
  assert_int_equal(lam_gemm_open(context, LIAR("blis")), LAM_OK);
  assert_string_equal(context->gemm->core, "generic");
  if (avx2) assert_non_null(strstr(context->gemm->warning, avx512 ? "BLIS_ARCH_TYPE=1," : "BLIS_ARCH_TYPE=2,"));
  assert_int_equal(unsetenv("MKL_CBWR"), 0);
  assert_int_equal(lam_gemm_open(context, LIARS "/libmkl_def.so"), LAM_OK);
  assert_string_equal(context->gemm->core, "def");
  assert_string_equal(context->gemm->version, "Intel(R) Math Kernel Library Version 2019.0.0 Product Build");
  if (avx2) assert_non_null(strstr(context->gemm->warning, avx512 ? "MKL_DEBUG_CPU_TYPE=7" : "MKL_DEBUG_CPU_TYPE=5"));
  lam_context_destroy(context);
  assert_int_equal(setenv("MKL_CBWR", "COMPATIBLE", 1), 0);
  context = native_context();
  assert_int_equal(lam_gemm_open(context, LIARS "/libmkl_def.so"), LAM_OK);
  assert_string_equal(context->gemm->core, "CNR:COMPATIBLE");
  if (avx2) assert_non_null(strstr(context->gemm->warning, "unset MKL_CBWR, which is \"COMPATIBLE\""));
  lam_context_destroy(context);
  assert_int_equal(unsetenv("MKL_CBWR"), 0);
}

/* One row too few, as a function has that mistakes <= for <. */
static void short_sgemm(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  (void)order;
  way plain = { .kernels = lam_kernels() };
  const size_t rows = m > 12 ? (size_t)m - 1 : (size_t)m;
  multiply(&plain, ta, tb, rows, (size_t)n, (size_t)k, alpha, a, (size_t)lda, b, (size_t)ldb, beta, c, (size_t)ldc);
}

static void right_sgemm(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  (void)order;
  way plain = { .kernels = lam_kernels() };
  multiply(&plain, ta, tb, (size_t)m, (size_t)n, (size_t)k, alpha, a, (size_t)lda, b, (size_t)ldb, beta, c, (size_t)ldc);
}

static void zero_sgemv(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda, const float *x,
                       int incx, float beta, float *y, int incy) {
  (void)order, (void)trans, (void)m, (void)n, (void)alpha, (void)a, (void)lda, (void)x, (void)incx, (void)beta, (void)y,
      (void)incy;
}

static void registered_functions_are_vetted_too(void **state) {
  (void)state;
  lam_context *context = native_context();
  refused(context, lam_gemm_register(context, "short", short_sgemm, NULL), LAM_INVALID_ARGUMENT, "in row 12, column 0");
  refused(context, lam_gemm_register(context, "zero", right_sgemm, zero_sgemv), LAM_INVALID_ARGUMENT,
          "gives 0 in row 0, column 0");
  assert_string_equal(lam_gemm_name(context), "native");
  assert_int_equal(lam_gemm_register(context, "short", right_sgemm, NULL), LAM_OK); /* the name is free again */
  assert_string_equal(lam_gemm_name(context), "short");
  lam_context_destroy(context);
}

static bool open_honest(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  const bool good = lam_gemm_open(context, LIAR("honest")) == LAM_OK;
  lam_context_destroy(context);
  return good;
}

static void opening_survives_every_failed_allocation(void **state) {
  (void)state;
  test_every_allocation_failing(open_honest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_installed_openblas_opens_by_name_and_by_path_and_agrees_with_native),
    cmocka_unit_test(a_library_that_is_wrong_is_refused_with_its_reason_and_leaves_the_backend),
    cmocka_unit_test(a_library_with_prefix_suffix_and_64_bit_integers_is_called_as_it_wants),
    cmocka_unit_test(a_failure_that_onednn_reports_shows_as_nan),
    cmocka_unit_test(an_honest_library_is_opened_by_the_context_and_by_the_environment),
    cmocka_unit_test(an_unknown_name_is_answered_with_what_there_is),
    cmocka_unit_test(a_folder_laid_out_like_debians_is_searched),
    cmocka_unit_test(an_opened_library_says_what_it_is_and_runs_on_one_thread_between_enter_and_leave),
    cmocka_unit_test(of_blis_and_mkl_the_setting_that_mends_old_kernels_is_found_out),
    cmocka_unit_test(registered_functions_are_vetted_too),
    cmocka_unit_test(opening_survives_every_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
