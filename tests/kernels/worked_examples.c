/* SPDX-License-Identifier: MIT
 *
 * Small examples with known answers, to 1e-6, through the public functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lamina/kernels.h>
#include <math.h>

static void assert_near(const float *got, const double *expected, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (!(fabs((double)got[i] - expected[i]) <= 1e-6)) fail_msg("[%zu] is %.9g, not %.9g", i, (double)got[i], expected[i]);
  }
}

static void sparse_crossentropy_of_two_rows(void **state) {
  (void)state;
  const float p[] = { .03f, .90f, .02f, .05f, .15f, .02f, .8f, .03f };
  const int32_t labels[] = { 0, 1 };
  float loss[2];
  assert_int_equal(lam_sparse_crossentropy(loss, NULL, 0, p, 4, labels, 1.0f, 2, 4), LAM_OK);
  assert_near(&(float){ (loss[0] + loss[1]) / 2 }, &(double){ 3.7092905 }, 1);
}

static void softmax_of_1_3_2(void **state) {
  (void)state;
  const float x[] = { 1, 3, 2 };
  float y[3];
  assert_int_equal(lam_softmax(y, 3, x, 3, 1, 3), LAM_OK);
  assert_near(y, (double[]){ 0.09003057, 0.66524096, 0.24472847 }, 3);
}

/* The logits of probabilities y are log y. */
static void softmax_with_loss_has_the_gradient_y_minus_t(void **state) {
  (void)state;
  const float t[] = { 0, 1, 0, 0, 1, 0 };
  const float x[] = { logf(.3f), logf(.2f), logf(.5f), logf(.01f), logf(.99f), -INFINITY };
  const int32_t labels[] = { 1, 1 };
  const double expected[] = { .3, -.8, .5, .01, -.01, 0 };
  float dx[6], loss[2];
  assert_int_equal(lam_softmax_crossentropy(loss, dx, 3, x, 3, t, 3, 1.0f, 2, 3), LAM_OK);
  assert_near(dx, expected, 6);
  assert_near(loss, (double[]){ -log(.2), -log(.99) }, 2);
  assert_int_equal(lam_softmax_sparse_crossentropy(loss, dx, 3, x, 3, labels, 1.0f, 2, 3), LAM_OK);
  assert_near(dx, expected, 6);
}

static void mean_squared_errors(void **state) {
  (void)state;
  const float t[] = { 1, 0, 0, 1 }, x[] = { .95f, .03f, .3f, .8f };
  const float digit[] = { .033f, .45f, .01f, .9f, 0, .5f, .4f, .3f, 0, .95f }, three[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
  float loss[2];
  assert_int_equal(lam_squared_error(loss, NULL, 0, x, 2, t, 2, 0.5f, 1.0f, 2, 2), LAM_OK);
  assert_near(&(float){ (loss[0] + loss[1]) / 2 }, &(double){ 0.03335 }, 1);
  assert_int_equal(lam_squared_error(loss, NULL, 0, digit, 10, three, 10, 0.1f, 1.0f, 1, 10), LAM_OK);
  assert_near(loss, &(double){ 0.1616189 }, 1);
}

static void binary_crossentropy_of_the_logit_17(void **state) {
  (void)state;
  float loss, dx;
  assert_int_equal(lam_sigmoid_binary_crossentropy(&loss, &dx, 1, &(float){ 17 }, 1, &(float){ 0 }, 1, 1.0f, 1, 1), LAM_OK);
  assert_near(&loss, &(double){ 17.0 }, 1);
  assert_near(&dx, &(double){ 1.0 }, 1);
}

/* Scores 5.3 for an 8 and 10.1 for a 7, the others small. */
static void ten_scores_become_probabilities(void **state) {
  (void)state;
  const float x[] = { 0, 0, 0, 0, 0, 0, 0, 10.1f, 5.3f, 0 };
  float y[10];
  assert_int_equal(lam_softmax(y, 10, x, 10, 1, 10), LAM_OK);
  assert_true(fabs(y[8] - 0.008) < 0.0005 && fabs(y[7] - 0.991) < 0.0007);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sparse_crossentropy_of_two_rows),
    cmocka_unit_test(softmax_of_1_3_2),
    cmocka_unit_test(softmax_with_loss_has_the_gradient_y_minus_t),
    cmocka_unit_test(mean_squared_errors),
    cmocka_unit_test(binary_crossentropy_of_the_logit_17),
    cmocka_unit_test(ten_scores_become_probabilities),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
