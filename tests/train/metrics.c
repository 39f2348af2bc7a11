/* SPDX-License-Identifier: MIT
 *
 * Metrics alone: that their numbers are those of small examples, that batches do not matter, and what is refused. Their standard
 * errors are in metric_errors.c.
 */
#include "train/metric_data.h"

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

static lam_metric_options options_of(int type) {
  bool counts_classes = type == LAM_METRIC_IOU || type == LAM_METRIC_MEAN_IOU;
  return (lam_metric_options){ .type = (lam_metric_type)type, .classes = counts_classes ? WIDTH : 0 };
}

static void of_no_rows_a_metric_is_0_and_after_a_reset_again(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  for (int type = 0; type < LAM_METRIC_CUSTOM; type++) {
    lam_metric_options options = options_of(type);
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
  for (int type = 0; type < LAM_METRIC_CUSTOM; type++) {
    lam_metric_options options = options_of(type);
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
  for (size_t i = 0; i < batch->rows * batch->width; i++) /* gcc 12 breaks down over fmax here, on 64-bit ARM */
    if ((double)batch->predictions[i] > e->largest) e->largest = (double)batch->predictions[i];
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
  lam_metric_options options = { .type = LAM_METRIC_CUSTOM, .name = "first", .custom = { .row = first_error, .user = &calls } };
  lam_metric_result r = result_of(context, options, wide());
  assert_true(calls == ROWS && fabs(r.value - mean) <= 1e-14);
  assert_true(fabs(r.standard_error - sqrt(squares / (ROWS - 1) / ROWS)) <= 1e-14);

  extremes e = { 0 };
  options.custom = (lam_custom_metric){ .update = see_largest, .result = tell_largest, .reset = forget_largest, .user = &e };
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
    { { .type = LAM_METRIC_CUSTOM }, "custom needs the function row, or update and result" },
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
  for (int type = 0; type < LAM_METRIC_CUSTOM && good; type++) {
    lam_metric_options options = options_of(type);
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
    cmocka_unit_test(a_confusion_matrix_is_read_as_rows_of_labels),
    cmocka_unit_test(several_thresholds_are_several_numbers_and_one_mean),
    cmocka_unit_test(a_function_of_a_row_or_three_functions_are_a_metric),
    cmocka_unit_test(options_that_a_metric_does_not_have_or_cannot_be_are_refused),
    cmocka_unit_test(batches_that_do_not_fit_are_refused_and_add_nothing),
    cmocka_unit_test(memory_that_is_refused_anywhere_is_reported_and_given_back),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
