/* SPDX-License-Identifier: MIT
 *
 * What users of other libraries get wrong, situation by situation, and what they are told here. Those that other libraries take
 * in silence (targets that broadcast, a validation split below 0, a beta of 1) are refused too.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 12, MOST = 15 };

static lam_context *context;
static lam_graph *graph;
static float zeros[ROWS * MOST], ones[ROWS * MOST];
static int32_t labels[ROWS];

static lam_node input(size_t width) { return lam_input(graph, (lam_shape){ { width }, 1 }); }

static lam_node dense(size_t inputs, size_t units, lam_activation activation) {
  return lam_dense(input(inputs), units, &(lam_dense_options){ .activation = activation });
}

static lam_model *model_of(lam_node node) { return lam_model_create(&node, 1); }

static lam_array rows_of(const float *data, size_t rows, size_t width) {
  return (lam_array){ .data = data, .rows = rows, .shape = { { width }, 1 } };
}

static lam_status fit(lam_node output, size_t width, lam_array targets, const lam_trainer_options *options,
                      const lam_fit_options *how) {
  lam_array x = rows_of(ones, ROWS, width);
  lam_dataset *data = lam_dataset_create(context, &x, 1, &targets, 1);
  lam_trainer *trainer = lam_trainer_create(model_of(output), options);
  if (!data || !trainer) return lam_error_status(context);
  return lam_fit(trainer, data, how);
}

static const lam_trainer_options sparse = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY },
                                 squares = { .loss = LAM_MEAN_SQUARED_ERROR },
                                 categorical = { .loss = LAM_CATEGORICAL_CROSSENTROPY },
                                 binary = { .loss = LAM_BINARY_CROSSENTROPY };

static lam_array integers(void) { return (lam_array){ .data = labels, .type = LAM_INT32, .rows = ROWS }; }

/* ---- shapes between layers --------------------------------------------------------------------------------------- */

static lam_status layer_for_4_called_with_5(void) {
  return model_of(lam_dense(input(5), 8, &(lam_dense_options){ .input_dim = 4 })) ? LAM_OK : lam_error_status(context);
}
static lam_status shared_layer_called_with_5(void) {
  lam_node first = dense(4, 8, LAM_LINEAR), other = input(5), again = lam_apply(first, &other, 1);
  lam_node outputs[] = { first, again };
  return lam_model_create(outputs, 2) ? LAM_OK : lam_error_status(context);
}
static lam_status add_8_and_6(void) {
  lam_node nodes[] = { input(8), input(6) };
  return model_of(lam_merge(LAM_MERGE_ADD, nodes, 2)) ? LAM_OK : lam_error_status(context);
}
static lam_status concatenate_8x2_and_6x3(void) {
  lam_node nodes[] = { lam_input(graph, (lam_shape){ { 8, 2 }, 2 }), lam_input(graph, (lam_shape){ { 6, 3 }, 2 }) };
  return model_of(lam_concatenate(nodes, 2)) ? LAM_OK : lam_error_status(context);
}
static lam_status kernel_of_another_shape(void) {
  return lam_model_set_parameter(model_of(dense(4, 8, LAM_LINEAR)), "dense/kernel", ones, 36);
}
static lam_status weights_of_another_number(void) { return lam_model_set_weights(model_of(dense(4, 8, LAM_LINEAR)), ones, 32); }
static lam_status no_units(void) { return model_of(dense(4, 0, LAM_LINEAR)) ? LAM_OK : lam_error_status(context); }
static lam_status dropout_of_150_percent(void) {
  return model_of(lam_dropout(input(4), 1.5f)) ? LAM_OK : lam_error_status(context);
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

static lam_status targets_10_outputs_15(void) {
  return fit(dense(4, 15, LAM_SOFTMAX), 4, rows_of(zeros, ROWS, 10), &categorical, NULL);
}
static lam_status targets_10_outputs_15_squares(void) {
  return fit(dense(4, 15, LAM_LINEAR), 4, rows_of(zeros, ROWS, 10), &squares, NULL);
}
static lam_status one_hot_for_sparse(void) { return fit(dense(4, 3, LAM_SOFTMAX), 4, rows_of(zeros, ROWS, 3), &sparse, NULL); }
static lam_status labels_for_categorical(void) { return fit(dense(4, 3, LAM_SOFTMAX), 4, integers(), &categorical, NULL); }
static lam_status targets_2_for_one_sigmoid(void) {
  return fit(dense(4, 1, LAM_SIGMOID), 4, rows_of(zeros, ROWS, 2), &binary, NULL);
}
static lam_status targets_that_would_broadcast(void) {
  return fit(dense(4, 3, LAM_LINEAR), 4, rows_of(zeros, ROWS, 1), &squares, NULL);
}
static lam_status label_15_of_15(void) {
  labels[6] = 15;
  return fit(dense(4, 15, LAM_SOFTMAX), 4, integers(), &sparse, NULL);
}
static lam_status label_below_0(void) {
  labels[6] = -1;
  return fit(dense(4, 15, LAM_SOFTMAX), 4, integers(), &sparse, NULL);
}
static lam_status label_15_in_the_loss_alone(void) {
  labels[1] = 15;
  lam_loss_data data = { .rows = 3, .columns = 15, .outputs = zeros, .labels = labels };
  lam_loss_options options = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true };
  return lam_loss_compute(context, &options, &data, NULL, &(double){ 0 }, NULL);
}
static lam_status fractional_labels(void) {
  return fit(dense(4, 3, LAM_SOFTMAX), 4, (lam_array){ .data = ones, .rows = ROWS, .shape = { { 1 }, 1 } }, &sparse, NULL);
}
static lam_status one_hot_of(int32_t label, size_t classes) {
  labels[1] = label;
  lam_array x = rows_of(ones, ROWS, 4), y = integers();
  return lam_one_hot(lam_dataset_create(context, &x, 1, &y, 1), classes) ? LAM_OK : lam_error_status(context);
}
static lam_status one_hot_of_15_in_15(void) { return one_hot_of(15, 15); }
static lam_status one_hot_of_a_negative(void) { return one_hot_of(-1, 3); }

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static lam_status fit_with_5_columns(void) { return fit(dense(4, 3, LAM_SOFTMAX), 5, integers(), &sparse, NULL); }
static lam_status predict_rows(lam_node output, lam_array x, size_t count) {
  return lam_predict(model_of(output), lam_dataset_create(context, &x, 1, NULL, 0), NULL, zeros, count);
}
static lam_status predict_with_5_columns(void) {
  return predict_rows(dense(4, 3, LAM_SOFTMAX), rows_of(ones, ROWS, 5), ROWS * 3);
}
static lam_status evaluate_with_3_columns(void) {
  lam_array x = rows_of(ones, ROWS, 3), y = integers();
  lam_result result;
  return lam_evaluate(lam_trainer_create(model_of(dense(4, 3, LAM_SOFTMAX)), &sparse), lam_dataset_create(context, &x, 1, &y, 1),
                      &result);
}
static lam_node of_two_inputs(void) {
  lam_node nodes[] = { lam_named(input(4), "a"), lam_named(input(3), "b") };
  return lam_dense(lam_concatenate(nodes, 2), 1, NULL);
}
static lam_status one_array_for_two_inputs(void) { return predict_rows(of_two_inputs(), rows_of(ones, ROWS, 4), ROWS); }
static lam_status two_arrays_in_the_wrong_order(void) {
  lam_array x[] = { rows_of(ones, ROWS, 3), rows_of(ones, ROWS, 4) };
  return lam_predict(model_of(of_two_inputs()), lam_dataset_create(context, x, 2, NULL, 0), NULL, zeros, ROWS);
}
static lam_status a_nan_among_the_inputs(void) {
  ones[9] = NAN;
  return fit(dense(4, 3, LAM_SOFTMAX), 4, integers(), &sparse, NULL);
}

/* ---- rows, splits, weights --------------------------------------------------------------------------------------- */

static lam_status targets_of_11_rows(void) {
  return fit(dense(4, 1, LAM_LINEAR), 4, rows_of(zeros, ROWS - 1, 1), &squares, NULL);
}
static lam_status weights_of_11_rows(void) {
  lam_array x = rows_of(ones, ROWS, 4), y = integers();
  return lam_dataset_set_weights(lam_dataset_create(context, &x, 1, &y, 1), ones, ROWS - 1);
}
static lam_status split(double part) {
  return fit(dense(4, 1, LAM_LINEAR), 4, rows_of(zeros, ROWS, 1), &squares, &(lam_fit_options){ .validation_split = part });
}
static lam_status split_of_1(void) { return split(1); }
static lam_status split_below_0(void) { return split(-0.1); }
static lam_status no_rows(void) {
  lam_array x = rows_of(ones, 0, 4);
  return lam_dataset_create(context, &x, 1, NULL, 0) ? LAM_OK : lam_error_status(context);
}
static lam_status no_array(void) {
  lam_array x = rows_of(NULL, ROWS, 4);
  return lam_dataset_create(context, &x, 1, NULL, 0) ? LAM_OK : lam_error_status(context);
}
static lam_status no_data(void) { return lam_fit(lam_trainer_create(model_of(dense(4, 1, LAM_LINEAR)), &squares), NULL, NULL); }

/* ---- names and numbers ------------------------------------------------------------------------------------------- */

static lam_status trainer_with(lam_optimizer_options optimizer) {
  lam_trainer_options options = { .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = optimizer };
  return lam_trainer_create(model_of(dense(4, 1, LAM_LINEAR)), &options) ? LAM_OK : lam_error_status(context);
}
static lam_status unknown_metric(void) { return lam_metric_find(context, "acuracy", &(lam_metric_type){ 0 }); }
static lam_status unknown_activation(void) {
  return model_of(dense(4, 3, (lam_activation)77)) ? LAM_OK : lam_error_status(context);
}
static lam_status unknown_initializer(void) {
  lam_dense_options options = { .kernel_initializer = { (lam_initializer_type)77, 0 } };
  return model_of(lam_dense(input(4), 3, &options)) ? LAM_OK : lam_error_status(context);
}
static lam_status negative_regularizer(void) {
  lam_dense_options options = { .kernel_regularizer = { .l2 = -1 } };
  return model_of(lam_dense(input(4), 3, &options)) ? LAM_OK : lam_error_status(context);
}
static lam_status unknown_reduction(void) {
  lam_loss_options loss = { .loss = LAM_BINARY_CROSSENTROPY, .reduction = (lam_reduction)77 };
  lam_trainer_options options = { .losses = &loss, .loss_count = 1 };
  return lam_trainer_create(model_of(dense(4, 1, LAM_SIGMOID)), &options) ? LAM_OK : lam_error_status(context);
}
static lam_status rate_below_0(void) { return trainer_with((lam_optimizer_options){ .type = LAM_SGD, .learning_rate = -0.1f }); }
static lam_status rate_nan(void) { return trainer_with((lam_optimizer_options){ .type = LAM_ADAM, .learning_rate = NAN }); }
static lam_status momentum_2(void) { return trainer_with((lam_optimizer_options){ .type = LAM_SGD, .momentum = 2 }); }
static lam_status momentum_below_0(void) { return trainer_with((lam_optimizer_options){ .type = LAM_SGD, .momentum = -1 }); }
static lam_status two_ways_to_clip(void) {
  return trainer_with((lam_optimizer_options){ .type = LAM_SGD, .clipnorm = 1, .clipvalue = 1 });
}
static lam_status beta_of_1(void) { return trainer_with((lam_optimizer_options){ .type = LAM_ADAM, .beta_1 = 1 }); }

/* ---- the order of calls ------------------------------------------------------------------------------------------ */

static lam_status fit_without_a_loss(void) {
  return fit(dense(4, 1, LAM_LINEAR), 4, rows_of(zeros, ROWS, 1), &(lam_trainer_options){ .loss = LAM_NO_LOSS }, NULL);
}
static lam_status weights_before_shapes(void) {
  return lam_model_set_weights(model_of(lam_dense(lam_last(graph), 3, NULL)), ones, 15);
}

#define SITUATION(name) #name, name
static const struct {
  const char *name;
  lam_status (*run)(void);
  lam_status status;
  const char *sentence;
} situations[] = {
  { SITUATION(layer_for_4_called_with_5), LAM_INVALID_SHAPE,
    "dense (Dense) after input (InputLayer) of shape (5): its input_dim is 4, but 5 come in" },
  { SITUATION(shared_layer_called_with_5), LAM_INVALID_SHAPE,
    "dense (Dense) after input_1 (InputLayer) of shape (5): the shared layer has a kernel of shape (4, 8) and would need (5, 8) "
    "here" },
  { SITUATION(add_8_and_6), LAM_INVALID_SHAPE,
    "add (Add) after input (InputLayer) of shape (8), input_1 (InputLayer) of shape (6): the shapes of what it merges must be "
    "the same" },
  { SITUATION(concatenate_8x2_and_6x3), LAM_INVALID_SHAPE,
    "concatenate (Concatenate) after input (InputLayer) of shape (8, 2), input_1 (InputLayer) of shape (6, 3): all axes but the "
    "last must agree" },
  { SITUATION(kernel_of_another_shape), LAM_INVALID_SHAPE, "weight dense/kernel has shape (4, 8), 32 numbers; 36 were given" },
  { SITUATION(weights_of_another_number), LAM_INVALID_SHAPE, "the model has 40 weights, 32 were given" },
  { SITUATION(no_units), LAM_INVALID_ARGUMENT, "dense: units is 0, a dense layer has 1 to 2^31 - 1" },
  { SITUATION(dropout_of_150_percent), LAM_INVALID_ARGUMENT, "dropout: the rate is 1.5; it is at least 0 and below 1" },
  { SITUATION(targets_10_outputs_15), LAM_INVALID_SHAPE, "the targets are 10 wide, the output dense (Dense) is 15 wide" },
  { SITUATION(targets_10_outputs_15_squares), LAM_INVALID_SHAPE, "the targets are 10 wide, the output dense (Dense) is 15 wide" },
  { SITUATION(one_hot_for_sparse), LAM_INVALID_SHAPE,
    "sparse_categorical_crossentropy needs integer labels, one a row; the targets of dense are rows of 3 floats: take "
    "categorical_crossentropy" },
  { SITUATION(labels_for_categorical), LAM_INVALID_SHAPE,
    "categorical_crossentropy needs dense targets, 3 wide for dense (Dense); these are integer labels: encode them with "
    "lam_one_hot" },
  { SITUATION(targets_2_for_one_sigmoid), LAM_INVALID_SHAPE, "the targets are 2 wide, the output dense (Dense) is 1 wide" },
  { SITUATION(targets_that_would_broadcast), LAM_INVALID_SHAPE, "the targets are 1 wide, the output dense (Dense) is 3 wide" },
  { SITUATION(label_15_of_15), LAM_INVALID_DATA, "label 15 in row 6 of target 0 is outside 0 to 14: the output has 15 nodes" },
  { SITUATION(label_below_0), LAM_INVALID_DATA, "label -1 in row 6 of target 0 is outside 0 to 14: the output has 15 nodes" },
  { SITUATION(label_15_in_the_loss_alone), LAM_INVALID_DATA, "label 15 in row 1 is outside 0 to 14" },
  { SITUATION(fractional_labels), LAM_INVALID_SHAPE,
    "sparse_categorical_crossentropy needs integer labels, one a row; the targets of dense are rows of 1 floats: take "
    "categorical_crossentropy" },
  { SITUATION(one_hot_of_15_in_15), LAM_INVALID_DATA,
    "label 15 in row 1 of target 0 is outside 0 to 14: lam_one_hot was told 15 classes" },
  { SITUATION(one_hot_of_a_negative), LAM_INVALID_DATA,
    "label -1 in row 1 of target 0 is outside 0 to 2: lam_one_hot was told 3 classes" },
  { SITUATION(fit_with_5_columns), LAM_INVALID_SHAPE, "input input has shape (4), the dataset's rows have (5)" },
  { SITUATION(predict_with_5_columns), LAM_INVALID_SHAPE, "input input has shape (4), the dataset's rows have (5)" },
  { SITUATION(evaluate_with_3_columns), LAM_INVALID_SHAPE, "input input has shape (4), the dataset's rows have (3)" },
  { SITUATION(one_array_for_two_inputs), LAM_INVALID_SHAPE, "the model has 2 inputs, the dataset 1" },
  { SITUATION(two_arrays_in_the_wrong_order), LAM_INVALID_SHAPE, "input a has shape (4), the dataset's rows have (3)" },
  { SITUATION(a_nan_among_the_inputs), LAM_INVALID_DATA, "row 2, column 1 of input 0 is nan" },
  { SITUATION(targets_of_11_rows), LAM_INVALID_SHAPE, "target 0 has 11 rows, but input 0 has 12" },
  { SITUATION(weights_of_11_rows), LAM_INVALID_SHAPE, "11 weights for 12 rows and 1 target: one a row, or one a row and target" },
  { SITUATION(split_of_1), LAM_INVALID_ARGUMENT, "validation_split is 1; it lies between 0 and 1" },
  { SITUATION(split_below_0), LAM_INVALID_ARGUMENT, "validation_split is -0.1; it lies between 0 and 1" },
  { SITUATION(no_rows), LAM_INVALID_SHAPE, "input 0 has no rows" },
  { SITUATION(no_array), LAM_NO_HANDLE, "the data of input 0 are NULL" },
  { SITUATION(no_data), LAM_NO_HANDLE, "" },
  { SITUATION(unknown_metric), LAM_UNKNOWN_NAME, "there is no metric \"acuracy\"; the nearest is accuracy" },
  { SITUATION(unknown_activation), LAM_INVALID_ARGUMENT, "dense: there is no lam_activation 77" },
  { SITUATION(unknown_initializer), LAM_INVALID_ARGUMENT, "dense: there is no lam_initializer_type 77" },
  { SITUATION(negative_regularizer), LAM_INVALID_ARGUMENT,
    "dense: the kernel regularizer is l1 0, l2 -1; each is at least 0 and finite" },
  { SITUATION(unknown_reduction), LAM_INVALID_ARGUMENT, "there is no lam_reduction 77" },
  { SITUATION(rate_below_0), LAM_INVALID_ARGUMENT, "learning_rate is -0.1; it is at least 0 and below 3e38" },
  { SITUATION(rate_nan), LAM_INVALID_ARGUMENT, "learning_rate is nan; it is at least 0 and below 3e38" },
  { SITUATION(momentum_2), LAM_INVALID_ARGUMENT, "momentum is 2; it is at least 0 and below 1" },
  { SITUATION(momentum_below_0), LAM_INVALID_ARGUMENT, "momentum is -1; it is at least 0 and below 1" },
  { SITUATION(two_ways_to_clip), LAM_INVALID_ARGUMENT, "clipvalue, clipnorm and global_clipnorm exclude each other" },
  { SITUATION(beta_of_1), LAM_INVALID_ARGUMENT, "beta_1 is 1; it is at least 0 and below 1" },
  { SITUATION(fit_without_a_loss), LAM_INVALID_ARGUMENT, "the trainer has no loss: only a loop of one's own can use it" },
  { SITUATION(weights_before_shapes), LAM_INVALID_SHAPE, "the model has 0 weights, because it is not built, 15 were given" },
};

static void misuse_is_told_what_was_wrong(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof situations / sizeof *situations; i++) {
    for (size_t j = 0; j < ROWS * MOST; j++) zeros[j] = 0, ones[j] = 1;
    memset(labels, 0, sizeof labels);
    context = lam_context_create(NULL);
    graph = lam_graph_create(context);
    lam_status status = situations[i].run();
    const char *sentence = lam_error_message(context);
    if (status != situations[i].status || strncmp(sentence, situations[i].sentence, strlen(situations[i].sentence)))
      fail_msg("%s: status %d, \"%s\"", situations[i].name, (int)status, sentence);
    if (!*situations[i].sentence) assert_string_equal(sentence, "");
    lam_context_destroy(context);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(misuse_is_told_what_was_wrong) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
