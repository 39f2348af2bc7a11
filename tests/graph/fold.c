/* SPDX-License-Identifier: MIT
 *
 * Folding: which layers become one, that the model still computes the same, and how exact the products are.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

static lam_shape vector(size_t n) { return (lam_shape){ { n }, 1 }; }

/* Random biases, so that a lost one shows. */
static const lam_dense_options plain = { .bias_initializer = { LAM_RANDOM_NORMAL, 1.0f } };
static const lam_dense_options relu = { .activation = LAM_RELU, .bias_initializer = { LAM_RANDOM_NORMAL, 1.0f } };
static const lam_dense_options softmax = { .activation = LAM_SOFTMAX, .bias_initializer = { LAM_RANDOM_NORMAL, 1.0f } };
static const lam_dense_options no_bias = { .no_bias = true };

/* The types of a model's layers, as "InputLayer Dense Dense". */
static void assert_layers(const lam_model *model, const char *expected) {
  char types[256] = "";
  for (size_t i = 0; i < lam_model_layer_count(model); i++) {
    lam_layer_info info;
    assert_int_equal(lam_model_layer(model, i, &info), LAM_OK);
    if (i) strcat(types, " ");
    strcat(types, info.type);
  }
  assert_string_equal(types, expected);
}

static lam_parameter weight_of(const lam_model *model, const char *name) {
  lam_parameter weight = { 0 };
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    assert_int_equal(lam_model_parameter(model, i, &weight), LAM_OK);
    if (strcmp(weight.name, name) == 0) return weight;
  }
  fail_msg("no weight %s", name);
  return weight;
}

enum { ROWS = 16, MOST = 64 };

/* Outputs of up to ROWS x MOST numbers for random inputs. */
static void run(lam_model *model, float *outputs) {
  static float inputs[ROWS * MOST];
  lam_shape shape = lam_model_input_shape(model, 0);
  size_t width = 1;
  for (size_t i = 0; i < shape.rank; i++) width *= shape.size[i];
  assert_true(width <= MOST);
  lam_random_normal(inputs, ROWS * MOST, 5, 1, 0);
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = ROWS });
  lam_array array = { .data = inputs, .rows = ROWS, .shape = shape };
  assert_int_equal(lam_session_run(session, &array, 1, &outputs, 1), LAM_OK);
  lam_session_destroy(session);
}

/* Both round some hundreds of products of numbers of size about 1: 1e-4 is far above that and far below a lost term. */
static void assert_same_outputs(lam_model *a, lam_model *b) {
  static float of_a[ROWS * MOST], of_b[ROWS * MOST];
  lam_shape shape = lam_model_output_shape(a, 0);
  size_t count = ROWS;
  for (size_t i = 0; i < shape.rank; i++) count *= shape.size[i];
  assert_true(count <= ROWS * MOST);
  run(a, of_a);
  run(b, of_b);
  for (size_t i = 0; i < count; i++) assert_true(fabsf(of_a[i] - of_b[i]) <= 1e-4f);
}

/* ---- what folds --------------------------------------------------------------------------------------------------- */

static void a_deep_linear_network_is_one_layer_that_computes_the_same(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), vector(7));
  x = lam_dense(lam_dense(lam_dense(x, 9, &plain), 5, &no_bias), 4, &softmax);
  lam_model *deep = lam_model_create(&x, 1), *folded = lam_model_fold(deep);
  assert_layers(folded, "InputLayer Dense");
  assert_int_equal(weight_of(folded, "dense_2/kernel").count, 7 * 4);
  assert_int_equal(weight_of(folded, "dense_2/bias").count, 4);
  assert_same_outputs(deep, folded);
  assert_layers(deep, "InputLayer Dense Dense Dense");
  lam_context_destroy(context);
}

/* |W - W1 W2 W3| and |b - (b1 W2 W3 + b2 W3 + b3)| against the bound of lam_model_fold, the exact values from long double, whose
 * own error (2^-11 of the bound's second term) is covered by K counting more roundings than there are. */
static void folded_weights_are_within_the_stated_bound(void **state) {
  (void)state;
  enum { A = 50, B = 40, C = 30, D = 20, K = B + C + 3 };
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), vector(A));
  x = lam_dense(lam_dense(lam_dense(x, B, &plain), C, &plain), D, &plain);
  lam_model *deep = lam_model_create(&x, 1), *folded = lam_model_fold(deep);
  const float *w1 = weight_of(deep, "dense/kernel").data, *b1 = weight_of(deep, "dense/bias").data;
  const float *w2 = weight_of(deep, "dense_1/kernel").data, *b2 = weight_of(deep, "dense_1/bias").data;
  const float *w3 = weight_of(deep, "dense_2/kernel").data, *b3 = weight_of(deep, "dense_2/bias").data;
  const float *w = weight_of(folded, "dense_2/kernel").data, *b = weight_of(folded, "dense_2/bias").data;
  for (size_t i = 0; i <= A; i++) /* row A: the bias, as the weights of a constant 1 */
    for (size_t j = 0; j < D; j++) {
      long double exact = i < A ? 0 : b3[j], size = i < A ? 0 : fabsf(b3[j]);
      for (size_t l = 0; l < C; l++) {
        long double sum = i < A ? 0 : b2[l], sum_size = i < A ? 0 : fabsf(b2[l]);
        for (size_t k = 0; k < B; k++) {
          long double term = (long double)(i < A ? w1[i * B + k] : b1[k]) * w2[k * C + l];
          sum += term, sum_size += fabsl(term);
        }
        exact += sum * w3[l * D + j], size += sum_size * fabsf(w3[l * D + j]);
      }
      long double error = fabsl((i < A ? w[i * D + j] : b[j]) - exact);
      assert_true(error <= ldexpl(fabsl(exact), -24) + K * ldexpl(size, -53));
    }
  lam_context_destroy(context);
}

static void layers_with_an_activation_end_a_run(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), vector(6));
  x = lam_dense(lam_dense(x, 9, &plain), 8, &relu);
  x = lam_activate(lam_dense(lam_dense(x, 7, &plain), 5, &plain), LAM_TANH);
  x = lam_dense(x, 4, &plain);
  lam_model *deep = lam_model_create(&x, 1), *folded = lam_model_fold(deep);
  assert_layers(folded, "InputLayer Dense Dense Activation Dense");
  assert_same_outputs(deep, folded);
  lam_context_destroy(context);
}

static void flatten_and_linear_activations_do_not_stand_between(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_flatten(lam_input(lam_graph_create(context), (lam_shape){ { 3, 4 }, 2 }));
  x = lam_activate(lam_flatten(lam_dense(x, 9, &plain)), LAM_LINEAR);
  x = lam_dense(x, 4, &relu);
  lam_model *deep = lam_model_create(&x, 1), *folded = lam_model_fold(deep);
  assert_layers(folded, "InputLayer Flatten Dense");
  assert_same_outputs(deep, folded);
  lam_context_destroy(context);
}

static void a_flatten_that_joins_rows_stands_between_and_layers_on_the_last_axis_fold(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 3, 4 }, 2 });
  x = lam_flatten(lam_dense(lam_dense(x, 5, &plain), 6, &plain));
  x = lam_dense(x, 4, &plain);
  lam_model *deep = lam_model_create(&x, 1), *folded = lam_model_fold(deep);
  assert_layers(folded, "InputLayer Dense Flatten Dense");
  assert_same_outputs(deep, folded);
  lam_context_destroy(context);
}

static void a_folded_layer_has_a_bias_where_one_of_the_run_has(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const lam_dense_options *first[] = { &no_bias, &plain }, *last[] = { &no_bias, &plain };
  for (size_t i = 0; i < 4; i++) {
    lam_node x = lam_last(lam_graph_create(context));
    lam_dense_options with_dim = *first[i / 2];
    with_dim.input_dim = 6;
    x = lam_dense(lam_dense(x, 5, &with_dim), 3, last[i % 2]);
    lam_model *deep = lam_model_create(&x, 1), *folded = lam_model_fold(deep);
    assert_layers(folded, "InputLayer Dense");
    assert_int_equal(lam_model_parameter_count(folded), i == 0 ? 1 : 2);
    assert_same_outputs(deep, folded);
  }
  lam_context_destroy(context);
}

/* ---- what does not ------------------------------------------------------------------------------------------------ */

static void shared_layers_branches_and_outputs_are_left_alone(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_dense(lam_input(lam_graph_create(context), vector(6)), 5, &plain); /* feeds two */
  lam_node shared = lam_dense(x, 5, &plain), again = lam_apply(shared, &shared, 1);   /* one layer, twice */
  lam_node sum = lam_merge(LAM_MERGE_ADD, (lam_node[]){ x, again }, 2);
  lam_node seen = lam_dense(sum, 4, &plain), y = lam_dense(seen, 3, &plain); /* `seen` is an output too */
  lam_model *model = lam_model_create((lam_node[]){ y, seen }, 2), *folded = lam_model_fold(model);
  assert_layers(folded, "InputLayer Dense Dense Dense Add Dense Dense");
  assert_int_equal(lam_model_output_count(folded), 2);
  assert_int_equal(lam_model_parameter_count(folded), lam_model_parameter_count(model));
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter a, b;
    lam_model_parameter(model, i, &a);
    lam_model_parameter(folded, i, &b);
    assert_string_equal(a.name, b.name);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.data, b.data, a.count * sizeof(float));
  }
  static float of_model[2][ROWS * MOST], of_folded[2][ROWS * MOST], inputs[ROWS * 6];
  lam_random_normal(inputs, ROWS * 6, 5, 1, 0);
  lam_array array = { .data = inputs, .rows = ROWS, .shape = vector(6) };
  const lam_session_options rows = { .max_rows = ROWS };
  assert_int_equal(lam_session_run(lam_session_create(model, &rows), &array, 1, (float *[]){ of_model[0], of_model[1] }, 2),
                   LAM_OK);
  assert_int_equal(lam_session_run(lam_session_create(folded, &rows), &array, 1, (float *[]){ of_folded[0], of_folded[1] }, 2),
                   LAM_OK);
  assert_memory_equal(of_model, of_folded, sizeof of_model);
  lam_context_destroy(context);
}

static void scaling_and_training_configuration_are_copied(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_dense(lam_dense(lam_input(lam_graph_create(context), vector(6)), 5, NULL), 3, NULL);
  lam_model *model = lam_model_create(&x, 1);
  assert_non_null(
      lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true }));
  assert_int_equal(lam_model_set_input_scaling(model, 0, 0.5f, -1.0f), LAM_OK);
  lam_model *folded = lam_model_fold(model);
  float scale = 0, offset = 0;
  assert_int_equal(lam_model_input_scaling(folded, 0, &scale, &offset), LAM_OK);
  assert_true(scale == 0.5f && offset == -1.0f);
  lam_session *session = lam_session_create(folded, &(lam_session_options){ .kind = LAM_PROBABILITIES });
  const float input[6] = { 1, 2, 3, 4, 5, 6 };
  float p[3] = { 0 };
  lam_array array = { .data = input, .rows = 1, .shape = vector(6) };
  assert_int_equal(lam_session_run(session, &array, 1, (float *[]){ p }, 1), LAM_OK);
  assert_true(fabsf(p[0] + p[1] + p[2] - 1) < 1e-6f); /* a softmax: the trainer was told that these are logits */
  lam_context_destroy(context);
}

/* ---- batch normalization ------------------------------------------------------------------------------------------ */

/* Statistics, gains and terms that are all their own. */
static void draw_weights(lam_model *model) {
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    float values[MOST * MOST];
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    if (!strstr(p.name, "batch")) continue;
    lam_random_uniform(values, p.count, 4, i, 0);
    for (size_t j = 0; j < p.count; j++) values[j] += 0.25f;
    assert_int_equal(lam_model_set_parameter(model, p.name, values, p.count), LAM_OK);
  }
}

static void batch_normalizations_around_dense_layers_fold_in(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_batch_normalization_options bare = { .no_center = true, .no_scale = true, .epsilon = 0.1f };
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 3, 6 }, 2 });
  x = lam_batch_normalization(x, NULL); /* before */
  x = lam_dense(x, 7, &plain);
  x = lam_batch_normalization(lam_batch_normalization(x, &bare), NULL); /* between */
  x = lam_dense(x, 5, &no_bias);
  x = lam_activate(lam_batch_normalization(x, NULL), LAM_TANH); /* behind */
  x = lam_dense(x, 4, &no_bias);
  x = lam_batch_normalization(lam_batch_normalization(x, NULL), &(lam_batch_normalization_options){ .no_center = true });
  lam_model *model = lam_model_create(&x, 1);
  draw_weights(model);
  lam_model *folded = lam_model_fold(model);
  assert_layers(folded, "InputLayer Dense Activation Dense");
  assert_same_outputs(model, folded);
  assert_int_equal(weight_of(folded, "dense_1/kernel").count, 30);
  assert_int_equal(weight_of(folded, "dense_1/bias").count, 5);
  assert_int_equal(weight_of(folded, "dense_2/bias").count, 4);
  lam_context_destroy(context);
}

static void normalizations_without_a_dense_layer_or_behind_an_activation_are_left_alone(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), vector(6));
  x = lam_batch_normalization(lam_batch_normalization(x, NULL), NULL);
  x = lam_batch_normalization(lam_activate(x, LAM_RELU), NULL);
  lam_node shared = lam_batch_normalization(lam_dense(x, 6, &relu), NULL);
  lam_node y = lam_merge(LAM_MERGE_ADD, (lam_node[]){ shared, lam_apply(shared, &x, 1) }, 2);
  lam_model *model = lam_model_create(&y, 1);
  draw_weights(model);
  lam_model *folded = lam_model_fold(model);
  assert_layers(folded, "InputLayer BatchNormalization BatchNormalization Activation BatchNormalization Dense BatchNormalization "
                        "BatchNormalization Add");
  assert_same_outputs(model, folded);
  lam_context_destroy(context);
}

/* ---- refusals ----------------------------------------------------------------------------------------------------- */

static void a_model_that_is_not_built_and_products_beyond_the_floats_are_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  assert_null(lam_model_fold(NULL));
  lam_node x = lam_dense(lam_dense(lam_last(lam_graph_create(context)), 2, NULL), 1, NULL);
  lam_model *model = lam_model_create(&x, 1);
  assert_null(lam_model_fold(model));
  assert_int_equal(lam_error_status(context), LAM_INVALID_SHAPE);
  assert_string_equal(lam_error_message(context),
                      "the model is not built, so it has no weights to fold: fit it or call lam_model_build first");
  assert_int_equal(lam_model_build(model, &(lam_shape){ { 1 }, 1 }, 1), LAM_OK);
  assert_int_equal(lam_model_set_parameter(model, "dense/kernel", (float[]){ 1e30f, 1 }, 2), LAM_OK);
  assert_int_equal(lam_model_set_parameter(model, "dense_1/kernel", (float[]){ 1e30f, 1 }, 2), LAM_OK);
  assert_null(lam_model_fold(model));
  assert_int_equal(lam_error_status(context), LAM_INVALID_DATA);
  assert_string_equal(lam_error_message(context), "the layers cannot be folded: element 0 of dense_1/kernel is not finite");
  lam_context_destroy(context);
}

static bool fold_three_layers(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_node x = lam_input(lam_graph_create(context), vector(3));
  x = lam_dense(lam_dense(lam_dense(x, 4, NULL), 2, NULL), 2, NULL);
  lam_model *folded = lam_model_fold(lam_model_create(&x, 1));
  bool succeeded = folded != NULL;
  assert_true(succeeded || !context || lam_error_status(context) == LAM_OUT_OF_MEMORY);
  lam_context_destroy(context);
  return succeeded;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  test_every_allocation_failing(fold_three_layers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_deep_linear_network_is_one_layer_that_computes_the_same),
    cmocka_unit_test(folded_weights_are_within_the_stated_bound),
    cmocka_unit_test(layers_with_an_activation_end_a_run),
    cmocka_unit_test(flatten_and_linear_activations_do_not_stand_between),
    cmocka_unit_test(a_flatten_that_joins_rows_stands_between_and_layers_on_the_last_axis_fold),
    cmocka_unit_test(a_folded_layer_has_a_bias_where_one_of_the_run_has),
    cmocka_unit_test(shared_layers_branches_and_outputs_are_left_alone),
    cmocka_unit_test(scaling_and_training_configuration_are_copied),
    cmocka_unit_test(batch_normalizations_around_dense_layers_fold_in),
    cmocka_unit_test(normalizations_without_a_dense_layer_or_behind_an_activation_are_left_alone),
    cmocka_unit_test(a_model_that_is_not_built_and_products_beyond_the_floats_are_refused),
    cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
