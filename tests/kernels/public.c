/* SPDX-License-Identifier: MIT
 *
 * The public kernels: error statuses, empty sizes, the caller's floating-point mode, levels, and plain elementwise results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include <cmocka.h>
#include <fenv.h>
#include <math.h>

static float a[64], b[64], c[64];

static void null_pointers_and_short_rows_are_refused(void **state) {
  (void)state;
  const int32_t labels[8] = { 0 };
  assert_int_equal(lam_relu(NULL, 8, a, 8, 8, 8), LAM_NO_HANDLE);
  assert_int_equal(lam_relu(b, 8, NULL, 8, 8, 8), LAM_NO_HANDLE);
  assert_int_equal(lam_relu(b, 7, a, 8, 8, 8), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_relu(b, 8, a, 7, 8, 8), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_bias(b, 8, a, 8, NULL, 8, 8), LAM_NO_HANDLE);
  assert_int_equal(lam_relu_backward(c, 8, a, 8, b, 7, 8, 8), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_softmax_sparse_crossentropy(b, NULL, 0, a, 8, labels, 1, 8, 8), LAM_OK);
  assert_int_equal(lam_softmax_sparse_crossentropy(NULL, b, 8, a, 8, labels, 1, 8, 8), LAM_OK);
  assert_int_equal(lam_softmax_sparse_crossentropy(NULL, b, 7, a, 8, labels, 1, 8, 8), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_softmax_sparse_crossentropy(NULL, b, 8, a, 8, NULL, 1, 8, 8), LAM_NO_HANDLE);
  assert_int_equal(lam_sgd(a, NULL, 0.1f, 8), LAM_NO_HANDLE);
  assert_int_equal(lam_adam(a, b, c, a, 0.1f, 0.9f, 0.999f, 1e-7f, 0, 8), LAM_INVALID_ARGUMENT);
  assert_int_equal(lam_argmax((int32_t[8]){ 0 }, a, 8, 8, 0), LAM_INVALID_ARGUMENT);
}

static void a_label_out_of_range_is_refused_before_anything_is_written(void **state) {
  (void)state;
  float loss[2] = { -7, -7 }, dx[6] = { -7, -7, -7, -7, -7, -7 };
  for (int32_t bad = -1; bad <= 3; bad += 4) {
    const int32_t labels[] = { 0, bad };
    assert_int_equal(lam_softmax_sparse_crossentropy(loss, dx, 3, a, 3, labels, 1, 2, 3), LAM_INVALID_DATA);
    assert_int_equal(lam_sparse_crossentropy(loss, dx, 3, a, 3, labels, 1, 2, 3), LAM_INVALID_DATA);
  }
  assert_true(loss[0] == -7 && loss[1] == -7 && dx[0] == -7 && dx[5] == -7);
}

static void empty_sizes_do_nothing_but_sums_of_no_rows_are_zero(void **state) {
  (void)state;
  b[0] = b[1] = -7;
  assert_int_equal(lam_softmax(NULL, 0, NULL, 0, 0, 5), LAM_OK);
  assert_int_equal(lam_relu(b, 0, a, 0, 3, 0), LAM_OK);
  assert_int_equal(lam_sgd(NULL, NULL, 0.1f, 0), LAM_OK);
  assert_true(b[0] == -7);
  assert_int_equal(lam_column_sums(b, NULL, 2, 0, 2), LAM_OK);
  assert_true(b[0] == 0 && b[1] == 0);
}

static void the_callers_rounding_mode_changes_nothing_and_stays(void **state) {
  (void)state;
  float plain[64];
  for (int i = 0; i < 64; ++i) a[i] = (float)i * 0.37f - 11;
  assert_int_equal(lam_sigmoid(plain, 64, a, 64, 1, 64), LAM_OK);
  assert_int_equal(fesetround(FE_UPWARD), 0);
  lam_status status = lam_sigmoid(b, 64, a, 64, 1, 64);
  int mode = fegetround();
  fesetround(FE_TONEAREST);
  assert_int_equal(status, LAM_OK);
  assert_int_equal(mode, FE_UPWARD);
  assert_memory_equal(plain, b, sizeof plain);
}

static void elementwise_results_are_the_plain_formulas(void **state) {
  (void)state;
  uint8_t bytes[64];
  float y[64];
  for (int i = 0; i < 64; ++i) a[i] = (float)i * 0.37f - 11, b[i] = 5 - (float)i * 0.21f, bytes[i] = (uint8_t)(i * 4);
  assert_int_equal(lam_add(y, 8, a, 8, b, 8, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == a[i] + b[i]);
  assert_int_equal(lam_bias_relu(y, 8, a, 8, b, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == fmaxf(a[i] + b[i % 8], 0));
  assert_int_equal(lam_bias(y, 8, a, 8, b, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == a[i] + b[i % 8]);
  assert_int_equal(lam_from_bytes(y, 8, bytes, 8, 1 / 255.0f, -0.5f, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == fmaf(1 / 255.0f, (float)bytes[i], -0.5f));
  assert_int_equal(lam_affine(y, 8, a, 8, 1.7f, 0.3f, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == fmaf(1.7f, a[i], 0.3f));
  assert_int_equal(lam_relu_backward(y, 8, a, 8, b, 8, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == (b[i] > 0 ? a[i] : 0));
  assert_int_equal(lam_sigmoid_backward(y, 8, a, 8, b, 8, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == a[i] * (b[i] * (1 - b[i])));
  assert_int_equal(lam_tanh_backward(y, 8, a, 8, b, 8, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) assert_true(y[i] == a[i] * fmaf(-b[i], b[i], 1));
}

/* dx = y (dy - sum dy y) and dx = dy - exp(y) sum dy, on rows of 8: a few roundings of terms below 1. */
static void backward_passes_of_rows_are_the_plain_formulas(void **state) {
  (void)state;
  float soft[64], logs[64];
  for (int i = 0; i < 64; ++i) a[i] = (float)((i * 37) % 64) / 64;
  assert_int_equal(lam_softmax(soft, 8, a, 8, 8, 8), LAM_OK);
  assert_int_equal(lam_log_softmax(logs, 8, a, 8, 8, 8), LAM_OK);
  assert_int_equal(lam_softmax_backward(b, 8, a, 8, soft, 8, 8, 8), LAM_OK);
  assert_int_equal(lam_log_softmax_backward(c, 8, a, 8, logs, 8, 8, 8), LAM_OK);
  for (int i = 0; i < 64; ++i) {
    double dot = 0, sum = 0;
    for (int j = i / 8 * 8; j < i / 8 * 8 + 8; ++j) dot += (double)a[j] * soft[j], sum += a[j];
    assert_true(fabs(b[i] - soft[i] * (a[i] - dot)) <= 8 * 0x1p-24);
    assert_true(fabs(c[i] - (a[i] - exp(logs[i]) * sum)) <= 40 * 0x1p-24);
  }
}

static void unknown_levels_have_no_table_and_portable_always_has_one(void **state) {
  (void)state;
  assert_null(lam_kernels_at("sse9"));
  assert_non_null(lam_kernels_at("portable"));
  assert_string_equal(lam_kernels_at("portable")->isa, "portable");
  assert_ptr_equal(lam_kernels(), lam_kernels_at(lam_kernels()->isa));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(null_pointers_and_short_rows_are_refused),
    cmocka_unit_test(a_label_out_of_range_is_refused_before_anything_is_written),
    cmocka_unit_test(empty_sizes_do_nothing_but_sums_of_no_rows_are_zero),
    cmocka_unit_test(the_callers_rounding_mode_changes_nothing_and_stays),
    cmocka_unit_test(elementwise_results_are_the_plain_formulas),
    cmocka_unit_test(backward_passes_of_rows_are_the_plain_formulas),
    cmocka_unit_test(unknown_levels_have_no_table_and_portable_always_has_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
