/* SPDX-License-Identifier: MIT
 *
 * Whitening: adapted to data whose columns vary together, what comes out has mean 0 and covariance 1; and it stays so in a file.
 */
#include "support.h"
#include <lamina.h>
#include <math.h>

enum { ROWS = 301, IN = 5 };

static float rows[ROWS][IN];

static int make_data(void **state) {
  (void)state;
  float z[ROWS][IN];
  lam_random_normal(&z[0][0], ROWS * IN, 6, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    rows[i][0] = 2 * z[i][0] + 10;
    rows[i][1] = z[i][0] + z[i][1] - 3;
    rows[i][2] = 0.1f * z[i][2] + z[i][1];
    rows[i][3] = z[i][3] * 5;
    rows[i][4] = z[i][4] - z[i][3];
  }
  return 0;
}

static lam_dataset *dataset_of(lam_context *context) {
  lam_array in = { .data = rows, .rows = ROWS, .shape = { { IN }, 1 } };
  return lam_dataset_create(context, &in, 1, NULL, 0);
}

static lam_model *model_of(lam_context *context, const lam_whitening_options *options) {
  lam_node x = lam_whitening(lam_last(lam_graph_create(context)), options);
  return lam_model_create(&x, 1);
}

static void adapt(lam_context *context, lam_model *model, lam_dataset *data) {
  lam_status status = lam_adapt(model, data);
  if (status == LAM_UNSUPPORTED) {
    assert_non_null(strstr(lam_error_message(context), "need LAPACKE"));
    SKIP_BECAUSE("this build has no LAPACKE");
  }
  if (status) fail_msg("%s", lam_error_message(context));
}

/* The covariance in double of what comes out, `width` numbers a row. */
static void covariance_of(const float *y, size_t width, double covariance[IN][IN], double mean[IN]) {
  memset(covariance, 0, sizeof(double[IN][IN]));
  for (size_t j = 0; j < width; j++) mean[j] = 0;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < width; j++) mean[j] += (double)y[i * width + j] / ROWS;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < width; j++)
      for (size_t k = 0; k < width; k++)
        covariance[j][k] += ((double)y[i * width + j] - mean[j]) * ((double)y[i * width + k] - mean[k]) / ROWS;
}

/* The smallest eigenvalue is above 0.005 and the largest below 30, so that an element of the matrix, below 15, is rounded by 15 u
 * and sums of IN terms of up to 15 * 20 have IN roundings more: an output is within 2000 u of what is meant, and a covariance, a
 * mean of products of two outputs of size 1, within 4 times that. The epsilon takes epsilon / 0.005 of a variance. */
static const double bound = 8000 * 0x1p-24;

static void what_comes_out_has_mean_zero_and_covariance_one(void **state) {
  (void)state;
  for (int type = 0; type < 2; type++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = model_of(context, &(lam_whitening_options){ .type = (lam_whitening_type)type, .epsilon = LAM_ZERO });
    lam_dataset *data = dataset_of(context);
    adapt(context, model, data);
    float y[ROWS * IN];
    double covariance[IN][IN], mean[IN];
    assert_int_equal(lam_predict(model, data, NULL, y, ROWS * IN), LAM_OK);
    covariance_of(y, IN, covariance, mean);
    for (size_t j = 0; j < IN; j++) {
      assert_true(fabs(mean[j]) < bound);
      for (size_t k = 0; k < IN; k++)
        if (!(fabs(covariance[j][k] - (j == k)) < bound)) fail_msg("covariance %zu, %zu: %.9g", j, k, covariance[j][k]);
    }
    lam_parameter matrix;
    assert_int_equal(lam_model_parameter(model, 1, &matrix), LAM_OK);
    assert_true(matrix.fixed && matrix.count == IN * IN);
    for (size_t j = 0; j < IN && type == LAM_WHITENING_ZCA; j++)
      for (size_t k = 0; k < j; k++) assert_true(matrix.data[j * IN + k] == matrix.data[k * IN + j]);
    lam_context_destroy(context);
  }
}

/* Its first columns are those of all, in the order of falling eigenvalues, whose inverse roots are the lengths of the columns. */
static void the_largest_components_can_be_kept(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *all = model_of(context, NULL), *two = model_of(context, &(lam_whitening_options){ .components = 2 });
  lam_dataset *data = dataset_of(context);
  adapt(context, all, data);
  adapt(context, two, data);
  lam_parameter whole, part;
  assert_int_equal(lam_model_parameter(all, 1, &whole), LAM_OK);
  assert_int_equal(lam_model_parameter(two, 1, &part), LAM_OK);
  assert_int_equal(part.count, 2 * IN);
  assert_int_equal(lam_model_output_shape(two, 0).size[0], 2);
  double before = 0;
  for (size_t j = 0; j < IN; j++) {
    double length = 0, largest = 0;
    for (size_t i = 0; i < IN; i++) {
      double value = (double)whole.data[i * IN + j];
      if (j < 2) assert_true(part.data[i * 2 + j] == whole.data[i * IN + j]);
      length += value * value;
      if (fabs(value) > fabs(largest)) largest = value;
    }
    assert_true(length > before && largest > 0);
    before = length;
  }
  lam_context_destroy(context);
}

/* A column twice: an eigenvalue of 0. */
static void a_direction_without_variance_needs_an_epsilon(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float flat[3][2] = { { 1, 1 }, { 2, 2 }, { 4, 4 } };
  lam_array in = { .data = flat, .rows = 3, .shape = { { 2 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &in, 1, NULL, 0);
  lam_model *model = model_of(context, NULL);
  adapt(context, model, data);
  float y[6];
  assert_int_equal(lam_predict(model, data, NULL, y, 6), LAM_OK);
  for (size_t i = 0; i < 6; i++) assert_true(isfinite(y[i]));
  lam_status status = lam_adapt(model_of(context, &(lam_whitening_options){ .epsilon = LAM_ZERO }), data);
  if (status == LAM_OK) return lam_context_destroy(context); /* rounding left an eigenvalue above 0 */
  assert_int_equal(status, LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(context), "no variance in some direction"));
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_comes_out_has_mean_zero_and_covariance_one),
    cmocka_unit_test(the_largest_components_can_be_kept),
    cmocka_unit_test(a_direction_without_variance_needs_an_epsilon),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
