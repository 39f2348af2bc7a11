/* SPDX-License-Identifier: MIT
 *
 * What does not fit is refused before the first step, with a sentence that names layers, widths, rows and values.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 20, IN = 4 };

static float x[ROWS][IN], wide[ROWS][10];
static int32_t labels[ROWS];

typedef struct fixture {
  lam_context *context;
  lam_model *model;
} fixture;

static fixture begin(size_t outputs, lam_activation last) {
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i % 10);
    for (size_t j = 0; j < IN; j++) x[i][j] = (float)(i + j);
    for (size_t j = 0; j < 10; j++) wide[i][j] = j == i % 10;
  }
  fixture f = { .context = lam_context_create(NULL) };
  lam_node node = lam_dense(lam_input(lam_graph_create(f.context), (lam_shape){ { IN }, 1 }), outputs,
                            &(lam_dense_options){ .activation = last });
  f.model = lam_model_create(&node, 1);
  return f;
}

static lam_dataset *data_of(const fixture *f, bool dense) {
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_array integers = { .data = labels, .type = LAM_INT32, .rows = ROWS },
            rows = { .data = wide, .rows = ROWS, .shape = { { 10 }, 1 } };
  return lam_dataset_create(f->context, &in, 1, dense ? &rows : &integers, 1);
}

static void assert_fit_says(const fixture *f, lam_loss loss, lam_dataset *data, const lam_fit_options *options, lam_status status,
                            const char *sentence) {
  lam_trainer *trainer = lam_trainer_create(f->model, &(lam_trainer_options){ .loss = loss });
  assert_non_null(trainer);
  lam_parameter p;
  lam_model_parameter(f->model, 0, &p);
  float before = p.data[0];
  assert_int_equal(lam_fit(trainer, data, options), status);
  assert_string_equal(lam_error_message(f->context), sentence);
  assert_true(p.data[0] == before);
}

static void targets_narrower_than_the_output_are_refused(void **state) {
  (void)state;
  fixture f = begin(15, LAM_SOFTMAX);
  assert_fit_says(&f, LAM_CATEGORICAL_CROSSENTROPY, data_of(&f, true), NULL, LAM_INVALID_SHAPE,
                  "the targets are 10 wide, the output dense (Dense) is 15 wide");
  lam_context_destroy(f.context);
}

static void integer_labels_for_a_dense_loss_are_told_of_lam_one_hot(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  assert_fit_says(
      &f, LAM_CATEGORICAL_CROSSENTROPY, data_of(&f, false), NULL, LAM_INVALID_SHAPE,
      "categorical_crossentropy needs dense targets, 10 wide for dense (Dense); these are integer labels: encode them "
      "with lam_one_hot");
  lam_trainer *trainer = lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_CATEGORICAL_CROSSENTROPY });
  assert_int_equal(lam_fit(trainer, lam_one_hot(data_of(&f, false), 10), NULL), LAM_OK);
  lam_context_destroy(f.context);
}

static void dense_targets_for_a_sparse_loss_are_refused(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  assert_fit_says(
      &f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, data_of(&f, true), NULL, LAM_INVALID_SHAPE,
      "sparse_categorical_crossentropy needs integer labels, one a row; the targets of dense are rows of 10 floats: take "
      "categorical_crossentropy");
  lam_context_destroy(f.context);
}

static void labels_out_of_range_name_row_and_label(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  labels[17] = 12;
  assert_fit_says(&f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, data_of(&f, false), NULL, LAM_INVALID_DATA,
                  "label 12 in row 17 of target 0 is outside 0 to 9: the output has 10 nodes");
  labels[17] = -1;
  assert_fit_says(&f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, data_of(&f, false), NULL, LAM_INVALID_DATA,
                  "label -1 in row 17 of target 0 is outside 0 to 9: the output has 10 nodes");
  lam_context_destroy(f.context);
}

static void nan_and_infinity_in_the_data_name_their_place(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  x[17][3] = NAN;
  assert_fit_says(&f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, data_of(&f, false), NULL, LAM_INVALID_DATA,
                  "row 17, column 3 of input 0 is nan");
  x[17][3] = 0;
  wide[2][1] = INFINITY;
  assert_fit_says(&f, LAM_MEAN_SQUARED_ERROR, data_of(&f, true), NULL, LAM_INVALID_DATA, "row 2, column 1 of target 0 is inf");
  lam_context_destroy(f.context);
}

static void one_hot_inputs_out_of_range_name_row_and_label(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  lam_array in = { .data = labels, .type = LAM_INT32, .rows = ROWS, .one_hot = IN };
  lam_array out = { .data = wide, .rows = ROWS, .shape = { { 10 }, 1 } };
  lam_dataset *data = lam_dataset_create(f.context, &in, 1, &out, 1);
  assert_fit_says(&f, LAM_MEAN_SQUARED_ERROR, data, NULL, LAM_INVALID_DATA,
                  "label 4 in row 4 of input 0 is outside 0 to 3: it is presented as 4 one-hot columns");
  for (size_t i = 0; i < ROWS; i++) labels[i] = (int32_t)(i % IN);
  float given[ROWS * 10];
  assert_int_equal(lam_predict(f.model, data, NULL, given, ROWS * 10), LAM_OK);
  labels[19] = -1;
  assert_int_equal(lam_predict(f.model, data, NULL, given, ROWS * 10), LAM_INVALID_DATA);
  lam_context_destroy(f.context);
}

static void data_of_another_width_are_refused(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { 2 }, 1 }, .stride = IN };
  lam_array out = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  assert_fit_says(&f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, lam_dataset_create(f.context, &in, 1, &out, 1), NULL,
                  LAM_INVALID_SHAPE, "input input has shape (4), the dataset's rows have (2)");
  assert_fit_says(&f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, lam_dataset_create(f.context, &in, 1, NULL, 0), NULL,
                  LAM_INVALID_SHAPE, "input input has shape (4), the dataset's rows have (2)");
  in = (lam_array){ .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  assert_fit_says(&f, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, lam_dataset_create(f.context, &in, 1, NULL, 0), NULL,
                  LAM_INVALID_SHAPE, "the model has 1 output, the dataset 0 targets");
  lam_context_destroy(f.context);
}

static void fit_options_are_checked(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  lam_dataset *data = data_of(&f, false);
  const lam_loss loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY;
  assert_fit_says(&f, loss, data, &(lam_fit_options){ .validation_split = 1.5 }, LAM_INVALID_ARGUMENT,
                  "validation_split is 1.5; it lies between 0 and 1");
  assert_fit_says(&f, loss, data, &(lam_fit_options){ .validation_split = 0.5, .validation = data }, LAM_INVALID_ARGUMENT,
                  "validation and validation_split exclude each other");
  assert_fit_says(&f, loss, data, &(lam_fit_options){ .reserved = { 1 } }, LAM_INVALID_ARGUMENT,
                  "reserved fields of lam_fit_options must be zero");
  assert_fit_says(&f, LAM_NO_LOSS, data, NULL, LAM_INVALID_ARGUMENT,
                  "the trainer has no loss: only a loop of one's own can use it");
  lam_context_destroy(f.context);
}

/* What the last fit left. */
typedef struct left {
  size_t epochs;
  double loss, value;
  lam_hook_state stopping;
  char log[512];
} left;

static left look(const lam_trainer *trainer, const lam_hook *stopping, const char *path) {
  left l = { 0 };
  const lam_epoch *history = lam_trainer_history(trainer, &l.epochs);
  l.loss = history[l.epochs - 1].loss;
  l.value = lam_trainer_metric_history(trainer, 0, l.epochs - 1, false);
  assert_int_equal(lam_hook_get_state(stopping, &l.stopping), LAM_OK);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  l.log[fread(l.log, 1, sizeof l.log - 1, file)] = 0;
  fclose(file);
  return l;
}

static void assert_left_alone(const left *now, const left *before) {
  assert_int_equal(now->epochs, before->epochs);
  assert_true(now->loss == before->loss && now->value == before->value);
  assert_true(now->stopping.best == before->stopping.best && now->stopping.wait == before->stopping.wait);
  assert_int_equal(now->stopping.stopped_epoch, before->stopping.stopped_epoch);
  assert_string_equal(now->log, before->log);
}

static void a_fit_that_is_refused_late_leaves_what_the_last_one_left(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  lam_dataset *data = data_of(&f, false);
  char path[] = "/tmp/lamina_log_XXXXXX";
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0 && close(descriptor) == 0);
  lam_trainer *trainer = lam_trainer_create(
      f.model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = { .learning_rate = 3 } });
  assert_non_null(lam_trainer_add_metric(trainer, &(lam_metric_options){ .type = LAM_METRIC_ACCURACY }));
  lam_hook *stopping = lam_early_stopping(f.context, &(lam_early_stopping_options){ .monitor = "loss", .patience = 1 });
  lam_hook *const good[] = { stopping, lam_csv_logger(f.context, path, NULL) };
  lam_fit_options options = { .epochs = 50, .callbacks = good, .callback_count = 2 };
  assert_int_equal(lam_fit(trainer, data, &options), LAM_OK);
  assert_true(lam_trainer_stopped(trainer)); /* the rate is far too large */
  left before = look(trainer, stopping, path);
  assert_true(before.stopping.stopped_epoch > 0 && before.epochs > 1);

  lam_hook *wrong = lam_early_stopping(f.context, &(lam_early_stopping_options){ .monitor = "nothing" });
  lam_hook *const bad[] = { good[0], good[1], wrong };
  for (int resume = 0; resume < 2; resume++) {
    options = (lam_fit_options){ .epochs = 50, .callbacks = bad, .callback_count = 3, .resume = resume != 0 };
    assert_int_equal(lam_fit(trainer, data, &options), LAM_UNKNOWN_NAME);
    left now = look(trainer, stopping, path);
    assert_left_alone(&now, &before);
    assert_true(lam_trainer_stopped(trainer));
  }
  const size_t beyond = 10;
  assert_non_null(lam_trainer_add_metric(
      trainer, &(lam_metric_options){ .type = LAM_METRIC_RECALL, .class_ids = &beyond, .class_id_count = 1 }));
  options = (lam_fit_options){ .callbacks = good, .callback_count = 2 };
  assert_int_not_equal(lam_fit(trainer, data, &options), LAM_OK);
  left now = look(trainer, stopping, path);
  assert_left_alone(&now, &before);
  assert_true(lam_trainer_stopped(trainer));
  lam_context_destroy(f.context);
  unlink(path);
}

typedef struct nested {
  const lam_dataset *data;
  lam_status status;
} nested;

static int fit_again(void *user, const lam_progress *progress) {
  nested *n = user;
  if (progress->event == LAM_STEP_END) n->status = lam_fit(progress->trainer, n->data, NULL);
  return 0;
}

static void a_fit_in_a_fit_is_refused(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  lam_dataset *data = data_of(&f, false);
  nested n = { data, LAM_OK };
  lam_trainer *trainer = lam_trainer_create(f.model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY });
  assert_int_equal(lam_fit(trainer, data, &(lam_fit_options){ .callback = fit_again, .user = &n }), LAM_OK);
  assert_int_equal(n.status, LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(f.context), "this trainer is in a fit, in which it can begin no other");
  assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
  lam_context_destroy(f.context);
}

static void trainer_options_are_checked(void **state) {
  (void)state;
  static const struct {
    lam_trainer_options options;
    const char *sentence;
  } cases[] = {
    { { .optimizer = { .learning_rate = -0.1f } }, "learning_rate is -0.1; it is at least 0 and below 3e38" },
    { { .optimizer = { .learning_rate = NAN } }, "learning_rate is nan; it is at least 0 and below 3e38" },
    { { .optimizer = { .type = LAM_SGD, .momentum = 2 } }, "momentum is 2; it is at least 0 and below 1" },
    { { .optimizer = { .type = LAM_ADAM, .beta_1 = 1 } }, "beta_1 is 1; it is at least 0 and below 1" },
    { { .optimizer = { .type = (lam_optimizer_type)77 } }, "there is no lam_optimizer_type 77" },
    { { .loss = (lam_loss)77 }, "there is no lam_loss 77" },
    { { .loss = LAM_MEAN_SQUARED_ERROR, .from_logits = true },
      "mean_squared_error has no logits: from_logits goes with the cross-entropies" },
    { { .reserved = { 0, 3 } }, "reserved fields of lam_trainer_options must be zero" },
  };
  fixture f = begin(10, LAM_SOFTMAX);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_null(lam_trainer_create(f.model, &cases[i].options));
    assert_string_equal(lam_error_message(f.context), cases[i].sentence);
  }
  lam_context_destroy(f.context);
}

static void room_of_the_wrong_size_is_refused(void **state) {
  (void)state;
  fixture f = begin(10, LAM_SOFTMAX);
  float out[ROWS * 10];
  int32_t classes[ROWS];
  lam_dataset *data = data_of(&f, false);
  assert_int_equal(lam_predict(f.model, data, NULL, out, 10), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(f.context), "room for 10 numbers, but 20 rows of 10 come out");
  assert_int_equal(lam_predict_classes(f.model, data, NULL, classes, 3), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(f.context), "room for 3 numbers, but 20 rows of 1 come out");
  assert_int_equal(lam_predict(f.model, data, &(lam_predict_options){ .output = 1 }, out, ROWS * 10), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(f.context), "output 1 of a model with 1");
  lam_context_destroy(f.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(targets_narrower_than_the_output_are_refused),
    cmocka_unit_test(integer_labels_for_a_dense_loss_are_told_of_lam_one_hot),
    cmocka_unit_test(dense_targets_for_a_sparse_loss_are_refused),
    cmocka_unit_test(labels_out_of_range_name_row_and_label),
    cmocka_unit_test(nan_and_infinity_in_the_data_name_their_place),
    cmocka_unit_test(one_hot_inputs_out_of_range_name_row_and_label),
    cmocka_unit_test(data_of_another_width_are_refused),
    cmocka_unit_test(fit_options_are_checked),
    cmocka_unit_test(a_fit_that_is_refused_late_leaves_what_the_last_one_left),
    cmocka_unit_test(a_fit_in_a_fit_is_refused),
    cmocka_unit_test(trainer_options_are_checked),
    cmocka_unit_test(room_of_the_wrong_size_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
