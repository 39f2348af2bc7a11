/* SPDX-License-Identifier: MIT
 *
 * Metrics alone: that their numbers are those of small examples, that batches do not matter, and that their standard errors are
 * those of the definitions, computed the slow way.
 */
#include "support.h"
#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { ROWS = 60, WIDTH = 4 };

static float y[ROWS][WIDTH], t[ROWS][WIDTH], one[ROWS], weights[ROWS];
static float one_y[ROWS], one_t[ROWS];
static int32_t labels[ROWS];

static int make_data(void **state) {
  (void)state;
  lam_random_uniform(&y[0][0], ROWS * WIDTH, 1, 0, 0);
  lam_random_uniform(one, ROWS, 1, 1, 0);
  lam_random_uniform(weights, ROWS, 1, 2, 0);
  lam_random_uniform(one_y, ROWS, 1, 3, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i * 7 % 11 % WIDTH);
    y[i][labels[i]] += 0.3f;
    for (size_t j = 0; j < WIDTH; j++) t[i][j] = (size_t)labels[i] == j;
    one_t[i] = one_y[i] + one[i] > 0.9f;
  }
  return 0;
}

static lam_metric_result result_of(lam_context *context, lam_metric_options options, lam_metric_batch batch) {
  lam_metric_result result;
  lam_metric *metric = lam_metric_create(context, &options);
  if (!metric || lam_metric_update(metric, &batch)) fail_msg("%s", lam_error_message(context));
  assert_int_equal(lam_metric_read(metric, &result), LAM_OK);
  lam_metric_destroy(metric);
  return result;
}

static lam_metric_batch wide(void) {
  return (lam_metric_batch){ .predictions = &y[0][0], .targets = &t[0][0], .rows = ROWS, .width = WIDTH };
}

static lam_metric_batch narrow(void) {
  return (lam_metric_batch){ .predictions = one_y, .targets = one_t, .rows = ROWS, .width = 1 };
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

static void a_share_has_the_binomial_standard_error(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float p[] = { 0.9f, 0.2f, 0.6f, 0.1f }, wanted[] = { 1, 0, 1, 1 };
  lam_metric_batch batch = { .predictions = p, .targets = wanted, .rows = 4, .width = 1 };
  lam_metric_result r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_ACCURACY }, batch);
  assert_true(r.value == 0.75 && r.rows == 4);
  assert_true(fabs(r.standard_error - sqrt(0.75 * 0.25 / 4)) <= 1e-15);
  batch.weights = (float[]){ 1, 2, 3, 2 }; /* p = 6/8; the sum of w^2 (v-p)^2 is (1+4+9)/16 + 4 9/16 = 50/16 */
  r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_BINARY_ACCURACY }, batch);
  assert_true(r.value == 0.75 && fabs(r.standard_error - sqrt(50.0 / 16) / 8) <= 1e-15);
  lam_context_destroy(context);
}

static void a_mean_has_the_standard_deviation_over_root_n(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float p[] = { 1, 3, 5, 7 }, zero[] = { 0, 0, 0, 0 };
  lam_metric_batch batch = { .predictions = p, .targets = zero, .rows = 4, .width = 1 };
  /* s^2 = (9 + 1 + 1 + 9) / 3 */
  lam_metric_result r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_MEAN_ABSOLUTE_ERROR }, batch);
  assert_true(r.value == 4 && fabs(r.standard_error - sqrt(20.0 / 3 / 4)) <= 1e-15);
  r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_SUM }, batch);
  assert_true(r.value == 16 && fabs(r.standard_error - sqrt(20.0 / 3 * 4)) <= 1e-14);
  batch.rows = 1;
  r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_MEAN }, batch);
  assert_true(r.value == 1 && isnan(r.standard_error));
  lam_context_destroy(context);
}

static void a_large_mean_costs_its_error_no_digits(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  float values[1000];
  for (size_t i = 0; i < 1000; i++) values[i] = 16777215.0f - (float)(i % 2); /* s^2 = 1000/999/4 */
  lam_metric_batch batch = { .predictions = values, .rows = 1000, .width = 1 };
  lam_metric_result r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_MEAN }, batch);
  assert_true(fabs(r.standard_error - sqrt(1.0 / 4 / 999)) <= 1e-12);
  lam_context_destroy(context);
}

static void of_no_rows_a_metric_is_0_and_after_a_reset_again(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  for (int type = 0; type < LAM_METRIC_USER; type++) {
    lam_metric_options options = { .type = (lam_metric_type)type };
    if (type == LAM_METRIC_IOU || type == LAM_METRIC_MEAN_IOU) options.classes = WIDTH;
    lam_metric *metric = lam_metric_create(context, &options);
    assert_non_null(metric);
    lam_metric_result before, after;
    lam_metric_batch batch = wide();
    if (!strncmp(lam_metric_name(metric), "sparse_", 7)) batch.targets = NULL, batch.labels = labels;
    assert_int_equal(lam_metric_read(metric, &before), LAM_OK);
    assert_true(before.value == 0 && isnan(before.standard_error) && before.rows == 0);
    assert_int_equal(lam_metric_update(metric, &batch), LAM_OK);
    lam_metric_reset(metric);
    assert_int_equal(lam_metric_read(metric, &after), LAM_OK);
    if (after.value != 0 || !isnan(after.standard_error))
      fail_msg("%s is %g, %g", lam_metric_name(metric), after.value, after.standard_error);
    lam_metric_destroy(metric);
  }
  lam_context_destroy(context);
}

static void batches_change_no_bit_and_a_label_is_its_one_hot_row(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  for (int type = 0; type < LAM_METRIC_USER; type++) {
    lam_metric_options options = { .type = (lam_metric_type)type };
    if (type == LAM_METRIC_IOU || type == LAM_METRIC_MEAN_IOU) options.classes = WIDTH;
    lam_metric_batch batch = wide();
    batch.weights = weights;
    bool sparse = !strncmp(lam_metric_name(lam_metric_create(context, &options)), "sparse_", 7);
    if (sparse) batch.targets = NULL, batch.labels = labels;
    lam_metric_result whole = result_of(context, options, batch), parts;
    lam_metric *metric = lam_metric_create(context, &options);
    for (size_t i = 0; i < ROWS; i += 7) {
      lam_metric_batch part = batch;
      part.predictions = &y[i][0];
      part.targets = NULL;
      part.labels = labels + i;
      part.weights = weights + i;
      part.rows = ROWS - i < 7 ? ROWS - i : 7;
      assert_int_equal(lam_metric_update(metric, &part), LAM_OK);
    }
    assert_int_equal(lam_metric_read(metric, &parts), LAM_OK);
    assert_true(parts.rows == ROWS);
    if (memcmp(&parts, &whole, sizeof whole)) fail_msg("%s: %.17g and %.17g", lam_metric_name(metric), parts.value, whole.value);
  }
  lam_context_destroy(context);
}

/* ---- standard errors the slow way ------------------------------------------------------------------------------------ */

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

/* ---- several numbers ------------------------------------------------------------------------------------------------- */

static void a_confusion_matrix_is_read_as_rows_of_labels(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_metric *metric = lam_metric_create(context, &(lam_metric_options){ .type = LAM_METRIC_CONFUSION_MATRIX });
  lam_metric_batch batch = wide();
  batch.targets = NULL;
  batch.labels = labels;
  double expected[WIDTH][WIDTH] = { { 0 } }, got[WIDTH][WIDTH], errors[WIDTH][WIDTH], right = 0;
  for (size_t i = 0; i < ROWS; i++) {
    size_t best = 0;
    for (size_t j = 1; j < WIDTH; j++)
      if (y[i][j] > y[i][best]) best = j;
    expected[labels[i]][best]++;
    right += (size_t)labels[i] == best;
  }
  assert_int_equal(lam_metric_value_count(metric), 0);
  assert_int_equal(lam_metric_update(metric, &batch), LAM_OK);
  assert_int_equal(lam_metric_value_count(metric), WIDTH * WIDTH);
  assert_int_equal(lam_metric_values(metric, &got[0][0], &errors[0][0], WIDTH * WIDTH), LAM_OK);
  assert_memory_equal(got, expected, sizeof got);
  assert_true(fabs(errors[1][2] - sqrt(got[1][2] * (1 - got[1][2] / ROWS))) <= 1e-14);
  lam_metric_result r;
  assert_int_equal(lam_metric_read(metric, &r), LAM_OK);
  assert_true(r.value == right / ROWS && fabs(r.standard_error - sqrt(r.value * (1 - r.value) / ROWS)) <= 1e-15);
  assert_int_equal(lam_metric_values(metric, &got[0][0], NULL, 3), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(context), "confusion_matrix has 16 numbers, there is room for 3");
  lam_context_destroy(context);
}

static void several_thresholds_are_several_numbers_and_one_mean(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float thresholds[] = { 0.9f, 0.2f };
  lam_metric_options options = { .type = LAM_METRIC_RECALL, .thresholds = thresholds, .threshold_count = 2 };
  lam_metric *metric = lam_metric_create(context, &options);
  lam_metric_batch batch = narrow();
  double values[2], errors[2];
  lam_metric_result r;
  assert_int_equal(lam_metric_update(metric, &batch), LAM_OK);
  assert_int_equal(lam_metric_values(metric, values, errors, 2), LAM_OK);
  for (size_t i = 0; i < 2; i++) {
    r = result_of(context, (lam_metric_options){ .type = LAM_METRIC_RECALL, .threshold = thresholds[i] }, batch);
    assert_true(values[i] == r.value && errors[i] == r.standard_error);
  }
  assert_int_equal(lam_metric_read(metric, &r), LAM_OK);
  assert_true(fabs(r.value - (values[0] + values[1]) / 2) <= 1e-15 && isnan(r.standard_error));
  lam_context_destroy(context);
}

/* ---- metrics of one's own -------------------------------------------------------------------------------------------- */

static double first_error(void *user, const lam_metric_batch *batch, size_t row) {
  ++*(size_t *)user;
  return fabs((double)(batch->predictions[row * batch->width] - batch->targets[row * batch->width]));
}

typedef struct extremes {
  double largest;
} extremes;

static void see_largest(void *user, const lam_metric_batch *batch) {
  extremes *e = user;
  for (size_t i = 0; i < batch->rows * batch->width; i++) e->largest = fmax(e->largest, (double)batch->predictions[i]);
}
static void tell_largest(void *user, lam_metric_result *result) { result->value = ((extremes *)user)->largest; }
static void forget_largest(void *user) { ((extremes *)user)->largest = 0; }

static void a_function_of_a_row_or_three_functions_are_a_metric(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  size_t calls = 0;
  double mean = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < ROWS; i++) mean += fabs((double)(y[i][0] - t[i][0])) / ROWS;
  for (size_t i = 0; i < ROWS; i++) squares += pow(fabs((double)(y[i][0] - t[i][0])) - mean, 2);
  for (size_t i = 0; i < ROWS * WIDTH; i++) largest = fmax(largest, (double)y[i / WIDTH][i % WIDTH]);
  lam_metric_options options = { .type = LAM_METRIC_USER, .name = "first", .user = { .row = first_error, .user = &calls } };
  lam_metric_result r = result_of(context, options, wide());
  assert_true(calls == ROWS && fabs(r.value - mean) <= 1e-14);
  assert_true(fabs(r.standard_error - sqrt(squares / (ROWS - 1) / ROWS)) <= 1e-14);

  extremes e = { 0 };
  options.user = (lam_user_metric){ .update = see_largest, .result = tell_largest, .reset = forget_largest, .user = &e };
  lam_metric *metric = lam_metric_create(context, &options);
  lam_metric_batch batch = wide();
  assert_string_equal(lam_metric_name(metric), "first");
  assert_int_equal(lam_metric_update(metric, &batch), LAM_OK);
  assert_int_equal(lam_metric_read(metric, &r), LAM_OK);
  assert_true(r.value == largest && isnan(r.standard_error) && r.rows == ROWS);
  lam_metric_reset(metric);
  assert_int_equal(lam_metric_read(metric, &r), LAM_OK);
  assert_true(r.value == 0 && r.rows == 0);
  lam_context_destroy(context);
}

/* ---- refusals -------------------------------------------------------------------------------------------------------- */

static void options_that_a_metric_does_not_have_or_cannot_be_are_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float outside[] = { 0.5f, 1.5f };
  const size_t two[] = { 0, 1 };
  const struct {
    lam_metric_options options;
    const char *sentence;
  } cases[] = {
    { { .type = LAM_METRIC_MEAN, .top_k = 3 }, "the metric mean has no top_k" },
    { { .type = (lam_metric_type)99 }, "there is no lam_metric_type 99" },
    { { .type = LAM_METRIC_AUC, .num_thresholds = 1 }, "auc: num_thresholds is 1; auc needs at least 2" },
    { { .type = LAM_METRIC_RECALL, .thresholds = outside, .threshold_count = 2 },
      "recall: threshold 1 is 1.5; it is from 0 to 1" },
    { { .type = LAM_METRIC_RECALL, .thresholds = outside }, "recall: a list goes with its count, and neither without the other" },
    { { .type = LAM_METRIC_RECALL, .class_ids = two, .class_id_count = 2 }, "recall is of one class, class_ids names 2" },
    { { .type = LAM_METRIC_F1_SCORE, .average = LAM_AVERAGE_VARIANCE_WEIGHTED },
      "f1_score has no average variance_weighted_average" },
    { { .type = LAM_METRIC_F1_SCORE, .threshold = LAM_ZERO }, "f1_score: threshold is 0; it is above 0 and at most 1" },
    { { .type = LAM_METRIC_FBETA_SCORE, .beta = -1 }, "fbeta_score: beta is -1; it is from 1e-30 to 3e38" },
    { { .type = LAM_METRIC_PRECISION_AT_RECALL, .least = 2 }, "precision_at_recall: least is 2; it is from 0 to 1" },
    { { .type = LAM_METRIC_MEAN_IOU }, "mean_iou needs to know how many classes there are" },
    { { .type = LAM_METRIC_USER }, "user needs the function row, or update and result" },
    { { .type = LAM_METRIC_AUC, .reserved = { 1 } }, "reserved fields of lam_metric_options must be zero" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_null(lam_metric_create(context, &cases[i].options));
    assert_int_equal(lam_error_status(context), LAM_INVALID_ARGUMENT);
    assert_string_equal(lam_error_message(context), cases[i].sentence);
  }
  lam_metric_type type;
  assert_int_equal(lam_metric_find(context, "auc", &type), LAM_OK);
  assert_int_equal(type, LAM_METRIC_AUC);
  assert_int_equal(lam_metric_find(context, "acuracy", &type), LAM_UNKNOWN_NAME);
  assert_non_null(strstr(lam_error_message(context), "there is no metric \"acuracy\"; the nearest"));
  lam_context_destroy(context);
}

static void assert_refused(lam_context *context, lam_metric_options options, lam_metric_batch batch, lam_status status,
                           const char *sentence) {
  lam_metric *metric = lam_metric_create(context, &options);
  lam_metric_result r;
  assert_non_null(metric);
  assert_int_equal(lam_metric_update(metric, &batch), status);
  assert_string_equal(lam_error_message(context), sentence);
  assert_int_equal(lam_metric_read(metric, &r), LAM_OK);
  assert_int_equal(r.rows, 0);
}

static void batches_that_do_not_fit_are_refused_and_add_nothing(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_metric_batch batch = wide();
  batch.target_width = 2;
  assert_refused(context, (lam_metric_options){ .type = LAM_METRIC_MEAN_SQUARED_ERROR }, batch, LAM_INVALID_SHAPE,
                 "mean_squared_error: the targets are 2 wide, the predictions 4");
  batch.target_width = 0;
  assert_refused(context, (lam_metric_options){ .type = LAM_METRIC_SPARSE_CATEGORICAL_ACCURACY }, batch, LAM_INVALID_SHAPE,
                 "sparse_categorical_accuracy needs labels, the targets are rows of 4 numbers");
  batch.labels = labels;
  assert_refused(context, (lam_metric_options){ .type = LAM_METRIC_AUC }, batch, LAM_INVALID_ARGUMENT,
                 "auc needs targets or labels, one of them");
  batch.targets = NULL;
  int32_t wrong[ROWS] = { 0, 1, 4 };
  batch.labels = wrong;
  assert_refused(context, (lam_metric_options){ .type = LAM_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY }, batch, LAM_INVALID_DATA,
                 "sparse_categorical_crossentropy: label 4 in row 2 is outside 0 to 3");
  batch.weights = (float[ROWS]){ 1, NAN };
  assert_refused(context, (lam_metric_options){ .type = LAM_METRIC_ACCURACY }, batch, LAM_INVALID_DATA,
                 "the weight of row 1 is nan");
  const size_t class = 4;
  assert_refused(context, (lam_metric_options){ .type = LAM_METRIC_RECALL, .class_ids = &class, .class_id_count = 1 }, wide(),
                 LAM_INVALID_SHAPE, "recall of class 4: the output is 4 wide");
  lam_metric *metric = lam_metric_create(context, &(lam_metric_options){ .type = LAM_METRIC_MEAN });
  batch = wide();
  assert_int_equal(lam_metric_update(metric, &batch), LAM_OK);
  batch = narrow();
  assert_int_equal(lam_metric_update(metric, &batch), LAM_INVALID_SHAPE);
  assert_string_equal(lam_error_message(context), "mean has seen rows 4 wide, these are 1");
  assert_int_equal(lam_metric_update(NULL, &batch), LAM_NO_HANDLE);
  lam_context_destroy(context);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

static bool use_every_metric(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  if (!context) return false;
  bool good = true;
  const float thresholds[] = { 0.2f, 0.4f }, column[] = { 1, 2, 3, 4 };
  for (int type = 0; type < LAM_METRIC_USER && good; type++) {
    lam_metric_options options = { .type = (lam_metric_type)type };
    if (type == LAM_METRIC_IOU || type == LAM_METRIC_MEAN_IOU) options.classes = WIDTH;
    if (type == LAM_METRIC_AUC || type == LAM_METRIC_RECALL) options.thresholds = thresholds, options.threshold_count = 2;
    if (type == LAM_METRIC_AUC) options.label_weights = column, options.label_weight_count = WIDTH, options.multi_label = true;
    lam_metric *metric = lam_metric_create(context, &options);
    lam_metric_batch batch = wide();
    batch.targets = NULL;
    batch.labels = labels;
    double values[WIDTH * WIDTH];
    good =
        metric && !lam_metric_update(metric, &batch) && !lam_metric_values(metric, values, NULL, lam_metric_value_count(metric));
  }
  lam_context_destroy(context);
  return good;
}

static void memory_that_is_refused_anywhere_is_reported_and_given_back(void **state) {
  (void)state;
  test_every_allocation_failing(use_every_metric);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_share_has_the_binomial_standard_error),
    cmocka_unit_test(a_mean_has_the_standard_deviation_over_root_n),
    cmocka_unit_test(a_large_mean_costs_its_error_no_digits),
    cmocka_unit_test(of_no_rows_a_metric_is_0_and_after_a_reset_again),
    cmocka_unit_test(batches_change_no_bit_and_a_label_is_its_one_hot_row),
    cmocka_unit_test(shares_means_and_roots_have_the_delta_methods_errors),
    cmocka_unit_test(ratios_of_counts_have_the_delta_methods_errors),
    cmocka_unit_test(r2_and_the_best_of_one_rate_have_the_delta_methods_errors),
    cmocka_unit_test(counts_have_the_error_of_a_binomial_count),
    cmocka_unit_test(the_area_and_its_error_are_those_of_all_pairs),
    cmocka_unit_test(a_confusion_matrix_is_read_as_rows_of_labels),
    cmocka_unit_test(several_thresholds_are_several_numbers_and_one_mean),
    cmocka_unit_test(a_function_of_a_row_or_three_functions_are_a_metric),
    cmocka_unit_test(options_that_a_metric_does_not_have_or_cannot_be_are_refused),
    cmocka_unit_test(batches_that_do_not_fit_are_refused_and_add_nothing),
    cmocka_unit_test(memory_that_is_refused_anywhere_is_reported_and_given_back),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
