/* SPDX-License-Identifier: MIT
 *
 * The check of products must find products that are wrong; and a network's products are those that its step does.
 */
#include "bench/product.h"
#include "blas/gemm.h"
#include "support.h"

static void check_with(lam_sgemm_function sgemm, const product *p, bool *exact, double *error) {
  lam_context *context = lam_context_create(NULL);
  matrices x;
  assert_non_null(context);
  /* Added without vetting, which would refuse what is wrong. */
  context->gemm = sgemm ? lam_gemm_add(context, "tested", sgemm, NULL) : lam_gemm_find(context, "native");
  assert_non_null(context->gemm);
  assert_true(matrices_make(&x, p, 2));
  matrices_check(&x, context, exact, error);
  matrices_release(&x);
  lam_context_destroy(context);
}

static const product forms[] = { { "", 5, 7, 33, false, false }, { "", 5, 7, 33, true, false }, { "", 5, 7, 33, false, true },
                                 { "", 5, 7, 33, true, true },   { "", 1, 1, 1, false, false }, { "", 130, 70, 9, true, false } };

static void the_native_product_is_exact_and_within_its_bound(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    bool exact = false;
    double error = -1;
    check_with(NULL, &forms[i], &exact, &error);
    assert_true(exact);
    assert_true(error >= 0 && error <= 1);
  }
}

/* C = A B as it should be, with the last element put wrong by `wrong`. */
static void multiply(lam_transpose ta, lam_transpose tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                     float *c, int ldc, float wrong) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int l = 0; l < k; l++)
        sum += (ta == LAM_TRANSPOSE ? a[l * lda + i] : a[i * lda + l]) * (tb == LAM_TRANSPOSE ? b[j * ldb + l] : b[l * ldb + j]);
      c[i * ldc + j] = sum;
    }
  c[(m - 1) * ldc + n - 1] += wrong;
}

static void wrong_corner(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a,
                         int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  (void)order, (void)alpha, (void)beta;
  multiply(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, 1);
}

static void adds_to_what_is_there(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha,
                                  const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  (void)order, (void)alpha;
  float old = c[0];
  multiply(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, 0);
  c[0] += beta * old; /* 0 times NaN */
}

static void a_wrong_corner_is_found(void **state) {
  (void)state;
  bool exact = true;
  double error = 0;
  check_with(wrong_corner, &forms[0], &exact, &error);
  assert_false(exact);
  assert_true(error > 1);
}

static void a_nan_that_stays_is_found(void **state) {
  (void)state;
  bool exact = true;
  double error = 0;
  check_with(adds_to_what_is_there, &forms[0], &exact, &error);
  assert_false(exact);
  assert_true(error > 1);
}

static void a_step_of_784_256_15_has_five_products(void **state) {
  (void)state;
  const sizes net = { { 784, 256, 15 }, 3 };
  product p[8];
  assert_int_equal(network_products(&net, 32, p, 8), 5);
  const size_t expected[5][3] = { { 32, 256, 784 }, { 784, 256, 32 }, { 32, 15, 256 }, { 256, 15, 32 }, { 32, 256, 15 } };
  const char *const trans[5] = { "NN", "TN", "NN", "TN", "NT" };
  for (int i = 0; i < 5; i++) {
    assert_int_equal(p[i].m, expected[i][0]);
    assert_int_equal(p[i].n, expected[i][1]);
    assert_int_equal(p[i].k, expected[i][2]);
    assert_int_equal(p[i].transa, trans[i][0] == 'T');
    assert_int_equal(p[i].transb, trans[i][1] == 'T');
  }
}

static void products_are_read_as_they_are_written(void **state) {
  (void)state;
  product p;
  assert_int_equal(read_product("32x256x784:TN", &p), EXIT_OK);
  assert_true(p.m == 32 && p.n == 256 && p.k == 784 && p.transa && !p.transb);
  const char *const wrong[] = { "", "32", "32x256x784", "32x256x784:N", "32x256x784:NX", "0x1x1:NN", "1x1x1:NNN", "-1x1x1:NN" };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(read_product(wrong[i], &p), EXIT_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_native_product_is_exact_and_within_its_bound),
    cmocka_unit_test(a_wrong_corner_is_found),
    cmocka_unit_test(a_nan_that_stays_is_found),
    cmocka_unit_test(a_step_of_784_256_15_has_five_products),
    cmocka_unit_test(products_are_read_as_they_are_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
