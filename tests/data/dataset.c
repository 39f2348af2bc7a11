/* SPDX-License-Identifier: MIT
 *
 * Datasets through the public header: making, parts, splits, one-hot; shuffling; and the look at the data before training.
 */
#include "data/dataset.h"
#include "context.h"
#include <math.h>

enum { ROWS = 100 };
static float inputs[ROWS][2];
static int32_t labels[ROWS];

/* Row i has inputs i and -i, and the label i / 40: classes of 40, 40 and 20 rows. */
static lam_dataset *example(lam_context *owner) {
  for (int i = 0; i < ROWS; ++i) {
    inputs[i][0] = (float)i;
    inputs[i][1] = (float)-i;
    labels[i] = i / 40;
  }
  lam_array input = { .data = inputs, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_array target = { .data = labels, .type = LAM_INT32, .rows = ROWS, .shape = { { 1 }, 1 } };
  return lam_dataset_create(owner, &input, 1, &target, 1);
}

static int row_number(const lam_dataset *dataset, size_t row) {
  return (int)*(const float *)lam_dataset_row(dataset, lam_dataset_input(dataset, 0), row);
}

static void says(lam_status status, const char *part) {
  assert_int_equal(lam_error_status(context), status);
  if (!strstr(lam_error_message(context), part)) fail_msg("\"%s\" does not say \"%s\"", lam_error_message(context), part);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void a_dataset_is_a_view_of_the_callers_arrays(void **state) {
  (void)state;
  lam_dataset *dataset = example(context);
  assert_int_equal(lam_dataset_rows(dataset), ROWS);
  assert_int_equal(lam_dataset_input_count(dataset), 1);
  assert_int_equal(lam_dataset_target_count(dataset), 1);
  assert_ptr_equal(lam_dataset_input(dataset, 0)->data, inputs);
  assert_null(lam_dataset_input(dataset, 1));
  assert_null(lam_dataset_target(dataset, 1));
  assert_ptr_equal(lam_dataset_row(dataset, lam_dataset_input(dataset, 0), 99), inputs[99]);
  assert_null(lam_dataset_row(dataset, lam_dataset_input(dataset, 0), 100));
  assert_int_equal(lam_dataset_classes(dataset), 3);
  lam_dataset_destroy(dataset);
}

static void null_handles_give_nothing_and_leave_the_sentence_alone(void **state) {
  (void)state;
  lam_dataset *part = (lam_dataset *)&inputs, *other = part;
  lam_dataset_create(context, NULL, 0, NULL, 0);
  says(LAM_INVALID_ARGUMENT, "inputs");
  assert_int_equal(lam_dataset_rows(NULL) + lam_dataset_input_count(NULL) + lam_dataset_target_count(NULL), 0);
  assert_int_equal(lam_dataset_classes(NULL), 0);
  assert_null(lam_dataset_input(NULL, 0));
  assert_null(lam_dataset_row(NULL, NULL, 0));
  assert_null(lam_dataset_slice(NULL, 0, 1));
  assert_null(lam_one_hot(NULL, 3));
  assert_null(lam_dataset_create(NULL, NULL, 1, NULL, 0));
  assert_null(lam_dataset_open(NULL, "digits"));
  assert_null(lam_dataset_open_idx(NULL, "a", "b"));
  assert_int_equal(lam_dataset_split(NULL, 0.5, NULL, &part, &other), LAM_NO_HANDLE);
  assert_null(part);
  assert_null(other);
  lam_dataset_destroy(NULL);
  says(LAM_INVALID_ARGUMENT, "inputs");
}

static void arrays_that_do_not_fit_are_named(void **state) {
  (void)state;
  lam_array good = { .data = inputs, .rows = 9, .shape = { { 2 }, 1 } }, bad = good;
  assert_null(lam_dataset_create(context, NULL, 2, NULL, 0));
  says(LAM_NO_HANDLE, "2 inputs");
  assert_null(lam_dataset_create(context, &good, 1, NULL, 1));
  says(LAM_NO_HANDLE, "1 targets");
  bad.rows = 8;
  assert_null(lam_dataset_create(context, (lam_array[]){ good, bad }, 2, NULL, 0));
  says(LAM_INVALID_SHAPE, "input 1 has 8 rows, but input 0 has 9");
  assert_null(lam_dataset_create(context, &good, 1, &bad, 1));
  says(LAM_INVALID_SHAPE, "target 0 has 8 rows");
  bad.rows = 0;
  assert_null(lam_dataset_create(context, &bad, 1, NULL, 0));
  says(LAM_INVALID_SHAPE, "input 0 has no rows");
  assert_null(lam_dataset_create(context, &good, SIZE_MAX, &good, SIZE_MAX));
  says(LAM_INVALID_ARGUMENT, "at most");
}

static void classes_are_one_more_than_the_largest_label(void **state) {
  (void)state;
  const uint8_t bytes[4] = { 3, 250, 0, 7 };
  const int32_t negative[4] = { -5, -1, -1, INT32_MIN }, huge[4] = { 0, INT32_MAX, 1, 2 };
  lam_array input = { .data = inputs, .rows = 4, .shape = { { 2 }, 1 } }, target = input;
  const struct {
    const void *data;
    lam_type type;
    size_t classes;
  } cases[] = {
    { bytes, LAM_UINT8, 251 }, { negative, LAM_INT32, 0 }, { huge, LAM_INT32, (size_t)INT32_MAX + 1 }, { inputs, LAM_FLOAT32, 0 }
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    target.data = cases[i].data;
    target.type = cases[i].type;
    target.shape = (lam_shape){ { 1 }, 1 };
    lam_dataset *dataset = lam_dataset_create(context, &input, 1, &target, 1);
    assert_int_equal(lam_dataset_classes(dataset), cases[i].classes);
    lam_dataset_destroy(dataset);
  }
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static void a_slice_of_a_slice_counts_from_its_own_first_row(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *part = lam_dataset_slice(whole, 10, 50), *inner = lam_dataset_slice(part, 5, 7);
  assert_int_equal(lam_dataset_rows(inner), 7);
  for (size_t i = 0; i < 7; ++i) assert_int_equal(row_number(inner, i), 15 + i);
  assert_int_equal(lam_dataset_classes(inner), 3); // the whole's
  const size_t bad[][2] = { { 0, 0 }, { 50, 1 }, { 49, 2 }, { SIZE_MAX, 2 }, { 2, SIZE_MAX } };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    assert_null(lam_dataset_slice(part, bad[i][0], bad[i][1]));
    says(LAM_INVALID_ARGUMENT, "dataset of 50 rows");
  }
}

static void batches_follow_the_order_and_the_part(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *rest, *held, *part;
  const lam_split_options options = { .shuffle = true, .seed = 5 };
  assert_int_equal(lam_dataset_split(lam_dataset_slice(whole, 20, 60), 0.25, &options, &rest, &held), LAM_OK);
  part = lam_dataset_slice(rest, 3, 9);
  const uint32_t rows[] = { 8, 0, 3, 3 };
  float out[4][2];
  int32_t out_labels[4];
  lam_dataset_gather_input(part, 0, 2, 1, rows, 4, out[0], 2, lam_kernels());
  lam_dataset_gather_labels(part, 0, rows, 4, out_labels);
  for (int i = 0; i < 4; ++i) {
    int number = row_number(part, rows[i]);
    assert_true(number >= 20 && number < 80);
    assert_int_equal(number, row_number(rest, 3 + rows[i]));
    assert_true(out[i][0] == (float)(2 * number + 1) && out[i][1] == (float)(1 - 2 * number));
    assert_int_equal(out_labels[i], number / 40);
  }
  lam_dataset_gather_targets(part, 0, rows, 4, out[0], 2, lam_kernels());
  for (int i = 0; i < 4; ++i) assert_true(out[i][0] == (float)out_labels[i]);
}

static void a_plain_split_holds_out_the_last_rows_as_many_as_keras(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *rest, *held;
  const struct {
    double fraction;
    size_t rest;
  } cases[] = {
    { 0.1, 90 }, { 0.2, 80 }, { 0.255, 74 }, { 0.001, 99 }, { 0.99, 1 }, { 0.29, 71 }
  }; // floor(100 * (1 - fraction))
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    assert_int_equal(lam_dataset_split(whole, cases[i].fraction, NULL, &rest, &held), LAM_OK);
    assert_int_equal(lam_dataset_rows(rest), cases[i].rest);
    assert_int_equal(lam_dataset_rows(held), ROWS - cases[i].rest);
    assert_int_equal(row_number(rest, 0), 0);
    assert_int_equal(row_number(held, 0), cases[i].rest);
  }
}

/* Every row is in just one part; returns how many of each class are held out. */
static void check_partition(const lam_dataset *rest, const lam_dataset *held, size_t counts[3]) {
  int seen[ROWS] = { 0 };
  for (size_t i = 0; i < lam_dataset_rows(rest); ++i) ++seen[row_number(rest, i)];
  counts[0] = counts[1] = counts[2] = 0;
  for (size_t i = 0; i < lam_dataset_rows(held); ++i) {
    ++seen[row_number(held, i)];
    ++counts[row_number(held, i) / 40];
  }
  for (int i = 0; i < ROWS; ++i) assert_int_equal(seen[i], 1);
}

static void a_shuffled_split_is_a_partition_that_the_seed_decides(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *rest, *held, *again, *other, *same;
  size_t counts[3];
  assert_int_equal(lam_dataset_split(whole, 0.3, &(lam_split_options){ .shuffle = true, .seed = 1 }, &rest, &held), LAM_OK);
  assert_int_equal(lam_dataset_rows(held), 30);
  check_partition(rest, held, counts);
  assert_int_equal(lam_dataset_split(whole, 0.3, &(lam_split_options){ .shuffle = true, .seed = 1 }, &again, &same), LAM_OK);
  assert_int_equal(lam_dataset_split(whole, 0.3, &(lam_split_options){ .shuffle = true, .seed = 2 }, &again, &other), LAM_OK);
  size_t equal = 0, moved = 0;
  for (size_t i = 0; i < 30; ++i) {
    assert_int_equal(row_number(held, i), row_number(same, i));
    equal += row_number(held, i) == row_number(other, i);
    moved += row_number(held, i) != (int)(70 + i);
  }
  assert_true(equal < 15 && moved > 15); // by chance: 0.3 equal, 29.7 moved
}

static void a_stratified_split_gives_each_class_its_share_in_both_parts(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *rest, *held;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    size_t counts[3];
    assert_int_equal(lam_dataset_split(whole, 0.25, &(lam_split_options){ .stratify = true, .seed = seed }, &rest, &held),
                     LAM_OK);
    check_partition(rest, held, counts);
    assert_int_equal(counts[0], 10);
    assert_int_equal(counts[1], 10);
    assert_int_equal(counts[2], 5);
    assert_int_equal(lam_dataset_split(whole, 1.0 / 3, &(lam_split_options){ .stratify = true, .seed = seed }, &rest, &held),
                     LAM_OK);
    check_partition(rest, held, counts);
    // Shares 13.6, 13.6 and 6.8 of the 34 that are held out, rounded up or down.
    assert_true(counts[0] - 13 <= 1 && counts[1] - 13 <= 1 && counts[2] - 6 <= 1);
    int sorted = 0;
    for (size_t i = 1; i < lam_dataset_rows(rest); ++i) sorted += row_number(rest, i) / 40 >= row_number(rest, i - 1) / 40;
    assert_true(sorted < 60); // of 65 steps: the classes are mixed
    lam_dataset_destroy(rest);
    lam_dataset_destroy(held);
  }
}

static void a_split_that_cannot_be_is_refused(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *rest, *held;
  const double fractions[] = { 0, 1, -0.5, 1.5, (double)NAN, (double)INFINITY, 0.999, 1e-300 };
  for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; ++i) {
    assert_int_equal(lam_dataset_split(whole, fractions[i], NULL, &rest, &held), LAM_INVALID_ARGUMENT);
    assert_null(rest);
    assert_null(held);
  }
  says(LAM_INVALID_ARGUMENT, "leaves one part empty");
  assert_int_equal(lam_dataset_split(whole, 0.5, &(lam_split_options){ .reserved = { 1 } }, &rest, &held), LAM_INVALID_ARGUMENT);
  says(LAM_INVALID_ARGUMENT, "reserved");
  assert_int_equal(lam_dataset_split(whole, 0.5, NULL, &rest, NULL), LAM_NO_HANDLE);
  lam_array input = { .data = inputs, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_dataset *unlabelled = lam_dataset_create(context, &input, 1, NULL, 0);
  assert_int_equal(lam_dataset_split(unlabelled, 0.5, &(lam_split_options){ .stratify = true }, &rest, &held),
                   LAM_INVALID_ARGUMENT);
  says(LAM_INVALID_ARGUMENT, "label");
}

/* ---- one-hot ----------------------------------------------------------------------------------------------------- */

static void one_hot_presents_labels_as_rows_and_leaves_the_dataset_alone(void **state) {
  (void)state;
  lam_dataset *whole = example(context), *encoded = lam_one_hot(lam_dataset_slice(whole, 38, 50), 4);
  const float expected[3][4] = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
  float out[3][4];
  lam_dataset_gather_targets(encoded, 0, (uint32_t[]){ 1, 2, 49 }, 3, out[0], 4, lam_kernels());
  assert_memory_equal(out, expected, sizeof out);
  assert_int_equal(lam_dataset_target(encoded, 0)->one_hot, 4);
  assert_int_equal(lam_dataset_target(whole, 0)->one_hot, 0);
  assert_int_equal(lam_dataset_classes(encoded), 3);
}

static void one_hot_names_the_row_and_label_that_do_not_fit(void **state) {
  (void)state;
  lam_dataset *whole = example(context);
  assert_null(lam_one_hot(whole, 2));
  says(LAM_INVALID_DATA, "label 2 in row 80 of target 0 is outside 0 to 1: lam_one_hot was told 2 classes");
  assert_non_null(lam_one_hot(lam_dataset_slice(whole, 0, 80), 2));
  labels[33] = -1;
  assert_null(lam_one_hot(whole, 3));
  says(LAM_INVALID_DATA, "label -1 in row 33");
  assert_null(lam_one_hot(whole, 0));
  says(LAM_INVALID_ARGUMENT, "classes");
  assert_null(lam_one_hot(whole, SIZE_MAX));
  says(LAM_INVALID_ARGUMENT, "classes");
  lam_array input = { .data = inputs, .rows = ROWS, .shape = { { 2 }, 1 } };
  assert_null(lam_one_hot(lam_dataset_create(context, &input, 1, &input, 1), 3));
  says(LAM_INVALID_ARGUMENT, "integer label");
}

/* ---- before training --------------------------------------------------------------------------------------------- */

static void numbers_that_are_not_finite_are_found_before_training(void **state) {
  (void)state;
  lam_dataset *whole = example(context);
  assert_int_equal(lam_dataset_check(context, whole, (size_t[]){ 3 }, 1), LAM_OK);
  inputs[57][1] = NAN;
  assert_int_equal(lam_dataset_check(context, whole, NULL, 0), LAM_INVALID_DATA);
  says(LAM_INVALID_DATA, "row 57, column 1 of input 0 is nan");
  assert_int_equal(lam_dataset_check(context, lam_dataset_slice(whole, 40, 30), NULL, 0), LAM_INVALID_DATA);
  says(LAM_INVALID_DATA, "row 17, column 1 of input 0 is nan");
  assert_int_equal(lam_dataset_check(context, lam_dataset_slice(whole, 0, 57), NULL, 0), LAM_OK);
  inputs[57][1] = 0;

  float targets[ROWS] = { 0 };
  lam_array input = { .data = inputs, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_array target = { .data = targets, .rows = ROWS, .shape = { { 1 }, 1 } };
  lam_dataset *dense = lam_dataset_create(context, &input, 1, &target, 1);
  targets[4] = -INFINITY;
  assert_int_equal(lam_dataset_check(context, dense, (size_t[]){ 1 }, 1), LAM_INVALID_DATA);
  says(LAM_INVALID_DATA, "row 4, column 0 of target 0 is -inf");
  assert_int_equal(lam_dataset_check(context, dense, NULL, 0), LAM_OK); // targets are not looked at
}

static void labels_beyond_the_output_are_found_before_training(void **state) {
  (void)state;
  lam_dataset *whole = example(context);
  labels[17] = 12;
  assert_int_equal(lam_dataset_check(context, whole, (size_t[]){ 10 }, 1), LAM_INVALID_DATA);
  says(LAM_INVALID_DATA, "label 12 in row 17 of target 0 is outside 0 to 9: the output has 10 nodes");
  assert_int_equal(lam_dataset_check(context, whole, (size_t[]){ 13 }, 1), LAM_OK);
  assert_int_equal(lam_dataset_check(context, whole, (size_t[]){ 0 }, 1), LAM_OK); // a loss without classes
  labels[18] = INT32_MIN;
  assert_int_equal(lam_dataset_check(context, whole, (size_t[]){ 13 }, 1), LAM_INVALID_DATA);
  says(LAM_INVALID_DATA, "label -2147483648 in row 18");

  lam_array input = { .data = inputs, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_array target = { .data = labels, .type = LAM_INT32, .rows = ROWS, .shape = { { 1 }, 1 }, .one_hot = 5 };
  lam_dataset *encoded = lam_dataset_create(context, &input, 1, &target, 1);
  assert_int_equal(lam_dataset_check(context, encoded, (size_t[]){ 5 }, 1), LAM_INVALID_DATA);
  says(LAM_INVALID_DATA, "label 12 in row 17 of target 0 is outside 0 to 4: it is presented as 5 one-hot columns");
}

/* ---- shuffling --------------------------------------------------------------------------------------------------- */

static void a_shuffle_is_a_permutation_that_seed_and_stream_decide(void **state) {
  (void)state;
  enum { MOST = 1000 };
  uint32_t rows[MOST], again[MOST], other[MOST];
  for (size_t count = 0; count <= MOST; count = count < 20 ? count + 1 : count * 3 + 7) {
    bool seen[MOST] = { false };
    lam_shuffle(rows, count, 7, 3);
    for (size_t i = 0; i < count; ++i) {
      assert_true(rows[i] < count && !seen[rows[i]]);
      seen[rows[i]] = true;
    }
  }
  lam_shuffle(rows, MOST, 7, 3);
  lam_shuffle(again, MOST, 7, 3);
  assert_memory_equal(rows, again, sizeof rows);
  lam_shuffle(other, MOST, 7, 4);
  assert_memory_not_equal(rows, other, sizeof rows);
  lam_shuffle(other, MOST, 8, 3);
  assert_memory_not_equal(rows, other, sizeof rows);
}

/* Known for good: a changed shuffle would change every training run. From a Python program that was written
 * apart from this library, after the papers. */
static void the_order_is_the_same_on_every_machine(void **state) {
  (void)state;
  const uint32_t expected[8] = { 0, 7, 6, 1, 5, 3, 2, 4 };
  uint32_t rows[8];
  lam_shuffle(rows, 8, 1, 2);
  assert_memory_equal(rows, expected, sizeof rows);
}

static void every_order_of_four_is_equally_likely(void **state) {
  (void)state;
  enum { DRAWS = 24000 };
  unsigned counts[256] = { 0 };
  for (uint64_t stream = 0; stream < DRAWS; ++stream) {
    uint32_t rows[4];
    lam_shuffle(rows, 4, 42, stream);
    ++counts[rows[0] << 6 | rows[1] << 4 | rows[2] << 2 | rows[3]];
  }
  // Chi-squared with 23 degrees of freedom is above 49.7 once in a thousand; these draws are always the same.
  double sum = 0;
  size_t orders = 0;
  for (size_t i = 0; i < 256; ++i) {
    if (counts[i] == 0) continue;
    ++orders;
    sum += (counts[i] - DRAWS / 24.0) * (counts[i] - DRAWS / 24.0) / (DRAWS / 24.0);
  }
  assert_int_equal(orders, 24);
  assert_true(sum < 49.7);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static bool use_everything(lam_allocator allocator) {
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_dataset *whole = example(own), *rest = NULL, *held = NULL;
  lam_dataset *part = lam_dataset_slice(whole, 3, 90), *encoded = lam_one_hot(part, 3);
  lam_status status = lam_dataset_split(encoded, 0.5, &(lam_split_options){ .stratify = true }, &rest, &held);
  bool succeeded = status == LAM_OK && rest && held;
  assert_true(!own || succeeded || lam_error_status(own) == LAM_OUT_OF_MEMORY);
  assert_true(succeeded || (!rest && !held));
  lam_context_destroy(own);
  return succeeded;
}

static void whichever_allocation_fails_there_is_a_status_and_no_leak(void **state) {
  (void)state;
  test_every_allocation_failing(use_everything);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_dataset_is_a_view_of_the_callers_arrays),
    cmocka_unit_test(null_handles_give_nothing_and_leave_the_sentence_alone),
    cmocka_unit_test(arrays_that_do_not_fit_are_named),
    cmocka_unit_test(classes_are_one_more_than_the_largest_label),
    cmocka_unit_test(a_slice_of_a_slice_counts_from_its_own_first_row),
    cmocka_unit_test(batches_follow_the_order_and_the_part),
    cmocka_unit_test(a_plain_split_holds_out_the_last_rows_as_many_as_keras),
    cmocka_unit_test(a_shuffled_split_is_a_partition_that_the_seed_decides),
    cmocka_unit_test(a_stratified_split_gives_each_class_its_share_in_both_parts),
    cmocka_unit_test(a_split_that_cannot_be_is_refused),
    cmocka_unit_test(one_hot_presents_labels_as_rows_and_leaves_the_dataset_alone),
    cmocka_unit_test(one_hot_names_the_row_and_label_that_do_not_fit),
    cmocka_unit_test(numbers_that_are_not_finite_are_found_before_training),
    cmocka_unit_test(labels_beyond_the_output_are_found_before_training),
    cmocka_unit_test(a_shuffle_is_a_permutation_that_seed_and_stream_decide),
    cmocka_unit_test(the_order_is_the_same_on_every_machine),
    cmocka_unit_test(every_order_of_four_is_equally_likely),
    cmocka_unit_test(whichever_allocation_fails_there_is_a_status_and_no_leak),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
