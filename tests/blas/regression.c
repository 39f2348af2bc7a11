/* SPDX-License-Identifier: MIT
 *
 * Linear regression: against the normal equations, where several answers are equally good, and what is refused.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 60, IN = 5, OUT = 3, LDX = 7, LDT = 4, LDW = 6 };

typedef struct fixture {
  lam_context *context;
  float x[ROWS * LDX], t[ROWS * LDT], w[IN * LDW], bias[OUT];
  lam_regression result;
} fixture;

/* Columns of very different size, with means that are not 0. */
static fixture *begin(void) {
  static fixture f;
  memset(&f, 0, sizeof f);
  f.context = lam_context_create(NULL);
  lam_random_normal(f.x, ROWS * LDX, 1, 1, 0);
  lam_random_normal(f.t, ROWS * LDT, 1, 2, 0);
  for (size_t i = 0; i < ROWS; i++) f.x[i * LDX + 2] = 5 + 0.01f * f.x[i * LDX + 2];
  for (size_t i = 0; i < IN * LDW; i++) f.w[i] = 77;
  return &f;
}

static lam_status fit(fixture *f, float *bias, double ridge, size_t rows) {
  return lam_linear_regression(f->context, f->w, LDW, bias, f->x, LDX, f->t, LDT, ridge, rows, IN, OUT, &f->result);
}

static double error_of(const fixture *f, const float *bias, size_t i, size_t j) {
  double error = (bias ? (double)bias[j] : 0) - (double)f->t[i * LDT + j];
  for (size_t k = 0; k < IN; k++) error += (double)f->x[i * LDX + k] * (double)f->w[k * LDW + j];
  return error;
}

/* At the least sum its derivatives are 0: X^T (X w + b - t) + ridge w = 0 and the errors' sum is 0. w is rounded to float, which
 * moves X^T X w by at most |X^T X| |w| 2^-24 and the bias's rounding by as much again. */
static void assert_gradient_is_zero(const fixture *f, const float *bias, double ridge) {
  for (size_t j = 0; j < OUT; j++)
    for (size_t k = 0; k <= IN; k++) {
      if (k == IN && !bias) continue;
      double sum = k < IN ? ridge * (double)f->w[k * LDW + j] : 0, size = fabs(sum), difference = 0;
      for (size_t i = 0; i < ROWS; i++) {
        double xk = k < IN ? (double)f->x[i * LDX + k] : 1, terms = bias ? fabs((double)bias[j]) : 0;
        for (size_t l = 0; l < IN; l++) terms += fabs((double)f->x[i * LDX + l] * (double)f->w[l * LDW + j]);
        difference += xk * error_of(f, bias, i, j);
        size += fabs(xk) * terms;
      }
      assert_true(fabs(sum + difference) <= 2 * ldexp(size, -24));
    }
}

static void the_gradient_of_the_squared_error_is_zero_with_and_without_bias_and_ridge(void **state) {
  (void)state;
  fixture *f = begin();
  for (size_t i = 0; i < 4; i++) {
    float *bias = i % 2 ? f->bias : NULL;
    double ridge = i / 2 ? 2.5 : 0, loss = 0;
    assert_int_equal(fit(f, bias, ridge, ROWS), LAM_OK);
    assert_gradient_is_zero(f, bias, ridge);
    for (size_t k = 0; k < IN; k++)
      for (size_t j = OUT; j < LDW; j++) assert_true(f->w[k * LDW + j] == 77); /* between the rows nothing is written */
    for (size_t n = 0; n < ROWS * OUT; n++) loss += pow(error_of(f, bias, n / OUT, n % OUT), 2) / (ROWS * OUT);
    assert_true(fabs(loss - f->result.loss) <= 1e-12 * loss);
    assert_int_equal(f->result.rank, IN);
  }
  lam_context_destroy(f->context);
}

/* x = diag(4, 2, 1, 1/2, 1/4) has these as its singular values. */
static void rank_and_condition_are_those_of_x(void **state) {
  (void)state;
  fixture *f = begin();
  for (size_t i = 0; i < IN; i++)
    for (size_t j = 0; j < IN; j++) f->x[i * LDX + j] = i == j ? ldexpf(4, -(int)i) : 0;
  assert_int_equal(fit(f, NULL, 0, IN), LAM_OK);
  assert_int_equal(f->result.rank, IN);
  assert_true(fabs(f->result.condition - 16) < 1e-12);
  lam_context_destroy(f->context);
}

/* Two equal columns share their weight: of all w with the same sum, the equal ones have the least sum of squares. */
static void of_equally_good_weights_the_smallest_are_taken(void **state) {
  (void)state;
  fixture *f = begin();
  for (size_t i = 0; i < ROWS; i++) f->x[i * LDX + 1] = f->x[i * LDX];
  assert_int_equal(fit(f, f->bias, 0, ROWS), LAM_OK);
  assert_int_equal(f->result.rank, IN - 1);
  assert_true(isinf(f->result.condition));
  assert_gradient_is_zero(f, f->bias, 0);
  for (size_t j = 0; j < OUT; j++) assert_true(fabsf(f->w[j] - f->w[LDW + j]) <= 1e-6f * fabsf(f->w[j]));
  assert_int_equal(fit(f, f->bias, 0, 3), LAM_OK); /* fewer rows than columns: no error is left */
  assert_int_equal(f->result.rank, 2);             /* the third row is the mean of three minus the others */
  assert_true(f->result.loss < 1e-10);
  lam_context_destroy(f->context);
}

static void columns_of_zeros_get_no_weight(void **state) {
  (void)state;
  fixture *f = begin();
  memset(f->x, 0, sizeof f->x);
  assert_int_equal(fit(f, f->bias, 0, ROWS), LAM_OK);
  assert_int_equal(f->result.rank, 0);
  for (size_t k = 0; k < IN * OUT; k++) assert_true(f->w[k / OUT * LDW + k % OUT] == 0);
  lam_context_destroy(f->context);
}

static void assert_refused(const fixture *f, lam_status status, lam_status expected, const char *sentence) {
  assert_int_equal(status, expected);
  assert_string_equal(lam_error_message(f->context), sentence);
}

static void what_cannot_be_solved_is_refused(void **state) {
  (void)state;
  fixture *f = begin();
  assert_int_equal(lam_linear_regression(f->context, NULL, 1, NULL, f->x, 1, f->t, 1, 0, 1, 1, 1, NULL), LAM_NO_HANDLE);
  assert_refused(f, fit(f, NULL, 0, 0), LAM_INVALID_SHAPE,
                 "linear regression of 0 rows with 5 columns on 3: each must be from 1 to 2^31 - 1");
  assert_refused(f, fit(f, NULL, -1, ROWS), LAM_INVALID_ARGUMENT, "linear regression: the ridge must be finite and not negative");
  assert_refused(f, fit(f, NULL, NAN, ROWS), LAM_INVALID_ARGUMENT,
                 "linear regression: the ridge must be finite and not negative");
  assert_refused(f, lam_linear_regression(f->context, f->w, 3, NULL, f->x, 4, f->t, 3, 0, 2, 5, 3, NULL), LAM_INVALID_ARGUMENT,
                 "linear regression: ldw 3, ldx 4, ldt 3 must be at least 3, 5, 3");
  f->x[3 * LDX + 4] = NAN;
  assert_refused(f, fit(f, NULL, 0, ROWS), LAM_INVALID_DATA, "linear regression: row 3, column 4 of x is not finite");
  const float tiny = 1e-30f, huge = 1e30f;
  assert_refused(f, lam_linear_regression(f->context, f->w, 1, NULL, &tiny, 1, &huge, 1, 0, 1, 1, 1, NULL), LAM_INVALID_DATA,
                 "linear regression: the weights of output 0 are beyond the floats");
  lam_context_destroy(f->context);
}

static bool solve_with(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  const float x[4] = { 1, 2, 3, 5 }, t[4] = { 1, 2, 3, 4 };
  float w, bias;
  lam_status status = lam_linear_regression(context, &w, 1, &bias, x, 1, t, 1, 0, 4, 1, 1, NULL);
  lam_context_destroy(context);
  return status == LAM_OK;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  test_every_allocation_failing(solve_with);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_gradient_of_the_squared_error_is_zero_with_and_without_bias_and_ridge),
    cmocka_unit_test(rank_and_condition_are_those_of_x),
    cmocka_unit_test(of_equally_good_weights_the_smallest_are_taken),
    cmocka_unit_test(columns_of_zeros_get_no_weight),
    cmocka_unit_test(what_cannot_be_solved_is_refused),
    cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
