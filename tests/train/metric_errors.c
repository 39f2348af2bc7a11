/* SPDX-License-Identifier: MIT
 *
 * The standard errors of metrics are those of their definitions, computed the slow way.
 */
#include "train/metric_data.h"

/* ---- the delta method ------------------------------------------------------------------------------------ */

/* The delta method is the infinitesimal jackknife: the derivative of the metric by each row's weight, times that weight, squared
 * and summed. Central differences with h = 2^-8 of the weight err by h^2 times the third derivative, and by the rounding of what
 * is computed in double: 1e-4 of the result is far above both, and far below any mistake in a formula. */
static double jackknife(lam_context *context, lam_metric_options options, lam_metric_batch batch) {
  float moved[ROWS];
  double sum = 0;
  for (size_t i = 0; i < batch.rows; i++) {
    double values[2], w = batch.weights ? (double)batch.weights[i] : 1.0;
    for (int side = 0; side < 2; side++) {
      lam_metric_batch now = batch;
      for (size_t k = 0; k < batch.rows; k++) moved[k] = batch.weights ? batch.weights[k] : 1.0f;
      moved[i] *= side ? 1 + 0x1p-8f : 1 - 0x1p-8f;
      now.weights = moved;
      values[side] = result_of(context, options, now).value;
    }
    double slope = (values[1] - values[0]) / (2 * 0x1p-8 * w);
    sum += w * slope * w * slope;
  }
  return sqrt(sum);
}

static void assert_delta(lam_context *context, lam_metric_options options, lam_metric_batch batch, double factor) {
  for (int weighted = 0; weighted < 2; weighted++) {
    if (weighted) batch.weights = weights;
    lam_metric_result r = result_of(context, options, batch);
    double expected = jackknife(context, options, batch) * factor;
    if (!(fabs(r.standard_error - expected) <= 1e-4 * expected) || !(expected > 1e-4))
      fail_msg("type %d, average %d, weighted %d: %.9g and not %.9g", (int)options.type, (int)options.average, weighted,
               r.standard_error, expected);
  }
}

static void shares_means_and_roots_have_the_delta_methods_errors(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const lam_metric_type shares[] = { LAM_METRIC_ACCURACY, LAM_METRIC_TOP_K_CATEGORICAL_ACCURACY, LAM_METRIC_BINARY_ACCURACY };
  const lam_metric_type means[] = { LAM_METRIC_CATEGORICAL_CROSSENTROPY, LAM_METRIC_ROOT_MEAN_SQUARED_ERROR, LAM_METRIC_LOG_COSH,
                                    LAM_METRIC_PEARSON_CORRELATION, LAM_METRIC_CATEGORICAL_HINGE };
  for (size_t i = 0; i < 3; i++)
    assert_delta(context, (lam_metric_options){ .type = shares[i], .top_k = i == 1 ? 2 : 0 }, wide(), 1);
  for (size_t i = 0; i < 5; i++)
    assert_delta(context, (lam_metric_options){ .type = means[i] }, wide(), sqrt(ROWS / (ROWS - 1.0)));
  lam_context_destroy(context);
}

static void ratios_of_counts_have_the_delta_methods_errors(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const lam_metric_type ratios[] = { LAM_METRIC_PRECISION, LAM_METRIC_RECALL };
  const size_t class = 2;
  for (size_t i = 0; i < 2; i++) {
    assert_delta(context, (lam_metric_options){ .type = ratios[i] }, wide(), 1);
    assert_delta(context, (lam_metric_options){ .type = ratios[i], .threshold = 0.7f }, narrow(), 1);
    assert_delta(context, (lam_metric_options){ .type = ratios[i], .top_k = 2 }, wide(), 1);
    assert_delta(context, (lam_metric_options){ .type = ratios[i], .class_ids = &class, .class_id_count = 1 }, wide(), 1);
  }
  for (int average = LAM_AVERAGE_NONE; average <= LAM_AVERAGE_WEIGHTED; average++) {
    lam_metric_options f = { .type = LAM_METRIC_FBETA_SCORE, .beta = 2, .average = (lam_metric_average)average };
    assert_delta(context, f, wide(), 1);
    f.threshold = 0.6f;
    assert_delta(context, f, wide(), 1);
  }
  const size_t classes[] = { 1, 3 };
  assert_delta(context, (lam_metric_options){ .type = LAM_METRIC_ONE_HOT_MEAN_IOU }, wide(), 1);
  assert_delta(context, (lam_metric_options){ .type = LAM_METRIC_ONE_HOT_IOU, .class_ids = classes, .class_id_count = 2 }, wide(),
               1);
  assert_delta(context, (lam_metric_options){ .type = LAM_METRIC_BINARY_IOU }, narrow(), 1);
  assert_delta(context, (lam_metric_options){ .type = LAM_METRIC_CONFUSION_MATRIX }, wide(), 1);
  lam_context_destroy(context);
}

static void r2_and_the_best_of_one_rate_have_the_delta_methods_errors(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_metric_batch batch = narrow();
  float shifted_y[ROWS], shifted_t[ROWS];
  for (size_t i = 0; i < ROWS; i++) shifted_y[i] = one_y[i] + 1000, shifted_t[i] = one_y[i] + 0.3f * one[i] + 1000;
  batch.predictions = shifted_y;
  batch.targets = shifted_t;
  assert_delta(context, (lam_metric_options){ .type = LAM_METRIC_R2_SCORE }, batch, 1);
  assert_delta(context, (lam_metric_options){ .type = LAM_METRIC_R2_SCORE, .num_regressors = 3 }, batch, 1);
  /* The bounds lie apart from any rate that is reached, so that a moved weight does not change the threshold. */
  const lam_metric_type best[] = { LAM_METRIC_PRECISION_AT_RECALL, LAM_METRIC_RECALL_AT_PRECISION,
                                   LAM_METRIC_SENSITIVITY_AT_SPECIFICITY, LAM_METRIC_SPECIFICITY_AT_SENSITIVITY };
  const float least[] = { 0.713f, 0.913f, 0.713f, 0.713f };
  for (size_t i = 0; i < 4; i++) assert_delta(context, (lam_metric_options){ .type = best[i], .least = least[i] }, narrow(), 1);
  lam_context_destroy(context);
}

static void counts_have_the_error_of_a_binomial_count(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  for (int type = LAM_METRIC_TRUE_POSITIVES; type <= LAM_METRIC_FALSE_NEGATIVES; type++) {
    double count = 0;
    for (size_t i = 0; i < ROWS; i++) {
      bool above = one_y[i] > 0.5f, positive = one_t[i] != 0;
      count += (type == LAM_METRIC_TRUE_POSITIVES && above && positive) ||
               (type == LAM_METRIC_FALSE_POSITIVES && above && !positive) ||
               (type == LAM_METRIC_TRUE_NEGATIVES && !above && !positive) ||
               (type == LAM_METRIC_FALSE_NEGATIVES && !above && positive);
    }
    lam_metric_result r = result_of(context, (lam_metric_options){ .type = (lam_metric_type)type }, narrow());
    assert_true(count > 0 && r.value == count);
    assert_true(fabs(r.standard_error - sqrt(count * (1 - count / ROWS))) <= 1e-13);
  }
  lam_context_destroy(context);
}

/* From all pairs: the area is the share of pairs in the right order, ties counting half, the scores being the places among the
 * thresholds; a score's part is that share among its own pairs. */
static void the_area_and_its_error_are_those_of_all_pairs(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  for (size_t thresholds = 5; thresholds <= 200; thresholds += 195) {
    double parts[2][ROWS], area = 0, n[2] = { 0, 0 }, variance = 0;
    for (size_t i = 0; i < ROWS; i++) n[one_t[i] == 0]++;
    for (size_t i = 0; i < ROWS; i++) {
      int side = one_t[i] == 0;
      parts[side][i] = 0;
      for (size_t k = 0; k < ROWS; k++) {
        if ((one_t[k] == 0) == side) continue;
        float a = ceilf(one_y[i] * (float)(thresholds - 1)), b = ceilf(one_y[k] * (float)(thresholds - 1));
        double right = a == b ? 0.5 : (side ? a < b : a > b);
        parts[side][i] += right / n[!side];
        if (!side) area += right / (n[0] * n[1]);
      }
    }
    for (size_t i = 0; i < ROWS; i++) {
      int side = one_t[i] == 0;
      variance += (parts[side][i] - area) * (parts[side][i] - area) / (n[side] - 1) / n[side];
    }
    lam_metric_options options = { .type = LAM_METRIC_AUC, .num_thresholds = thresholds };
    lam_metric_result r = result_of(context, options, narrow());
    assert_true(fabs(r.value - area) <= 1e-13);
    assert_true(fabs(r.standard_error - sqrt(variance)) <= 1e-13);
    options.curve = LAM_AUC_PR;
    r = result_of(context, options, narrow());
    assert_true(fabs(r.standard_error - sqrt(r.value * (1 - r.value) / n[0])) <= 1e-13);
    assert_true(isnan(result_of(context, options, wide()).standard_error));
  }
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shares_means_and_roots_have_the_delta_methods_errors),
    cmocka_unit_test(ratios_of_counts_have_the_delta_methods_errors),
    cmocka_unit_test(r2_and_the_best_of_one_rate_have_the_delta_methods_errors),
    cmocka_unit_test(counts_have_the_error_of_a_binomial_count),
    cmocka_unit_test(the_area_and_its_error_are_those_of_all_pairs),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
