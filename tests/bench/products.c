/* SPDX-License-Identifier: MIT
 *
 * The check of products must find products that are wrong; and a network's products are those that its step does.
 */
#include "bench/product.h"
#include "blas/gemm.h"
#include "support.h"

static findings check_with(lam_sgemm_function sgemm, const char *text) {
  product p;
  char why[WHY_TEXT];
  assert_int_equal(read_product(text, &p, why), EXIT_OK);
  lam_context *context = lam_context_create(NULL);
  matrices x;
  assert_non_null(context);
  /* Added without vetting, which would refuse what is wrong. */
  context->gemm = sgemm ? lam_gemm_add(context, "tested", sgemm, NULL) : lam_gemm_find(context, "native");
  assert_non_null(context->gemm);
  assert_true(matrices_make(&x, &p, 2));
  findings found = matrices_check(&x, context);
  matrices_release(&x);
  lam_context_destroy(context);
  return found;
}

static const char *const forms[] = { "5x7x33:NN",
                                     "5x7x33:TN",
                                     "5x7x33:NT",
                                     "5x7x33:TT",
                                     "1x1x1:NN",
                                     "130x70x9:TN",
                                     "5x7x33:NN:lda=40:ldb=11:ldc=9",
                                     "5x7x33:TT:lda=8:ldb=35:ldc=10:alpha=-2:beta=3" };

static void the_native_product_is_exact_and_within_its_bound(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    findings found = check_with(NULL, forms[i]);
    assert_string_equal(found.exact, "yes");
    assert_true(found.error_over_bound >= 0 && found.error_over_bound <= 1);
  }
}

static void what_cannot_be_exact_is_not_called_so(void **state) {
  (void)state;
  findings found = check_with(NULL, "5x7x33:NN:alpha=0.3:beta=1");
  assert_string_equal(found.exact, "unchecked");
  assert_true(found.error_over_bound <= 1);
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
  findings found = check_with(wrong_corner, "5x7x33:NN:ldc=9");
  assert_string_equal(found.exact, "no");
  assert_true(found.error_over_bound > 1);
}

static void a_nan_that_stays_is_found(void **state) {
  (void)state;
  findings found = check_with(adds_to_what_is_there, forms[0]);
  assert_string_equal(found.exact, "no");
  assert_true(found.error_over_bound > 1);
}

static void is_listed(const settings *options, const char *const *expected) {
  products *list = calloc(1, sizeof *list);
  assert_non_null(list);
  assert_int_equal(list_products(options, list), EXIT_OK);
  for (size_t i = 0; i < list->count; i++) {
    char text[192];
    assert_non_null(expected[i]);
    product_text(&list->all[i], text);
    assert_string_equal(text, expected[i]);
  }
  assert_null(expected[list->count]);
  free(list);
}

static void a_step_of_784_256_15_has_five_products(void **state) {
  (void)state;
  const settings options = { .net = { { 784, 256, 15 }, 3 }, .batch = { { 32 }, 1 } };
  is_listed(&options, (const char *[]){ "32x256x784:NN", "784x256x32:TN", "32x15x256:NN", "256x15x32:TN", "32x256x15:NT", NULL });
}

static void a_sweep_has_every_combination(void **state) {
  (void)state;
  const settings options = { .m = { { 1, 2 }, 2 }, .k = { { 3 }, 1 }, .trans = { .item = { "NN", "TT" }, .count = 2 } };
  is_listed(&options, (const char *[]){ "1x256x3:NN", "1x256x3:TT", "2x256x3:NN", "2x256x3:TT", NULL });
}

static void sets_of_shapes_are_read_and_say_where_they_come_from(void **state) {
  (void)state;
  static const char *const sets[] = { "classic", "mlp", "recommender", "transformer-ffn", "tiny", "square" };
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    const settings options = { .shapes = { .item = { sets[i] }, .count = 1 } };
    products *list = calloc(1, sizeof *list);
    assert_non_null(list);
    assert_int_equal(list_products(&options, list), EXIT_OK);
    assert_true(list->count >= 9);
    for (size_t j = 0; j < list->count; j++) assert_true(*list->all[j].from);
    free(list);
  }
}

static void products_are_read_as_they_are_written(void **state) {
  (void)state;
  product p;
  char text[192], why[WHY_TEXT];
  assert_int_equal(read_product("32x256x784:TN", &p, why), EXIT_OK);
  assert_true(p.m == 32 && p.n == 256 && p.k == 784 && p.transa && !p.transb);
  assert_true(p.lda == 32 && p.ldb == 256 && p.ldc == 256 && p.alpha == 1 && p.beta == 0);
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    assert_int_equal(read_product(forms[i], &p, why), EXIT_OK);
    product_text(&p, text);
    assert_string_equal(text, forms[i]);
  }
  assert_string_equal(why, "");
}

static void what_is_wrong_with_a_product_is_said(void **state) {
  (void)state;
  /* What is said has the second text; "": the text does not even begin as a product. */
  static const char *const wrong[][2] = {
    { "", "" },
    { "32", "" },
    { "classic", "" },
    { "784-256-15", "" },
    { "32x256x784", "NN, NT, TN or TT, as in 32x256x784:NN" },
    { "32x256x784:N", "NN, NT, TN or TT" },
    { "32x256x784:NX", "NN, NT, TN or TT" },
    { "1x1x1:NNN", "NN, NT, TN or TT" },
    { "4x4x4:NN,lda=5", "NN, NT, TN or TT" },
    { "0x1x1:NN", "from 1 to 9999999" },
    { "-1x1x1:NN", "from 1 to 9999999" },
    { "1x1x1:NN:", "\"\" is neither lda=" },
    { "4x4x4:NN:ld=5", "\"ld=5\" is neither lda=" },
    { "4x4x4:NN:lda=3", "lda is 3, less than a row of its matrix, 4" },
    { "4x5x6:TT:ldb=5", "ldb is 5, less than a row of its matrix, 6" },
    { "4x4x4:NN:lda=", "lda takes a whole number from 1 to 9999999, not \"\"" },
    { "4x4x4:NN:lda=5x", "not \"5x\"" },
    { "4x4x4:NN:lda=-5", "not \"-5\"" },
    { "4x4x4:NN:alpha=:beta=1", "alpha takes a number from -1000000 to 1000000, not \"\"" },
    { "4x4x4:NN:alpha=foo", "not \"foo\"" },
    { "4x4x4:NN:beta=nan", "beta takes a number" },
  };
  product p;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char why[WHY_TEXT];
    assert_int_equal(read_product(wrong[i][0], &p, why), EXIT_USAGE);
    if (*wrong[i][1])
      assert_non_null(strstr(why, wrong[i][1]));
    else
      assert_string_equal(why, "");
  }
}

static void sgemm_with(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a,
                       int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  (void)order;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int l = 0; l < k; l++)
        sum += (ta == LAM_TRANSPOSE ? a[l * lda + i] : a[i * lda + l]) * (tb == LAM_TRANSPOSE ? b[j * ldb + l] : b[l * ldb + j]);
      c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
    }
}

static int calls;
static void late(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc) {
  sgemm_with(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (++calls > 10) c[(m - 1) * ldc + n - 1] += 1;
}

static void a_product_that_becomes_wrong_is_found_afterwards(void **state) {
  (void)state;
  static const char *const texts[] = { "5x7x33:NN", "5x7x33:TT:ldc=9", "5x7x33:NT:beta=1", "5x7x33:TN:alpha=-2:beta=-3" };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    for (int lies = 0; lies < 2; lies++) {
      char why[WHY_TEXT];
      product p;
      matrices x;
      lam_context *context = lam_context_create(NULL);
      assert_int_equal(read_product(texts[i], &p, why), EXIT_OK);
      context->gemm = lam_gemm_add(context, "tested", lies ? late : sgemm_with, NULL);
      assert_non_null(context->gemm);
      assert_true(matrices_make(&x, &p, 3));
      calls = 0;
      assert_true(matrices_check(&x, context).error_over_bound <= 1);
      for (int call = 0; call < 20; call++) matrices_multiply(&x, context);
      const double share = matrices_recheck(&x, context);
      assert_true(lies ? share > 1 : share <= 1);
      matrices_release(&x);
      lam_context_destroy(context);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_native_product_is_exact_and_within_its_bound),
    cmocka_unit_test(what_cannot_be_exact_is_not_called_so),
    cmocka_unit_test(a_wrong_corner_is_found),
    cmocka_unit_test(a_nan_that_stays_is_found),
    cmocka_unit_test(a_step_of_784_256_15_has_five_products),
    cmocka_unit_test(a_sweep_has_every_combination),
    cmocka_unit_test(sets_of_shapes_are_read_and_say_where_they_come_from),
    cmocka_unit_test(products_are_read_as_they_are_written),
    cmocka_unit_test(what_is_wrong_with_a_product_is_said),
    cmocka_unit_test(a_product_that_becomes_wrong_is_found_afterwards),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
