/* SPDX-License-Identifier: MIT
 *
 * Building graphs and models: names, shapes, weights, and the sentences of everything that does not fit.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

static lam_shape vector(size_t n) { return (lam_shape){ { n }, 1 }; }

typedef struct fixture {
  lam_context *context;
  lam_graph *graph;
} fixture;

static fixture begin(void) {
  fixture f = { lam_context_create(NULL), NULL };
  f.graph = lam_graph_create(f.context);
  return f;
}

static void assert_says(const fixture *f, lam_status status, const char *sentence) {
  assert_int_equal(lam_error_status(f->context), status);
  assert_string_equal(lam_error_message(f->context), sentence);
}

/* ---- what works --------------------------------------------------------------------------------------------------- */

static void layers_are_named_as_keras_does_and_can_be_renamed(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_flatten(lam_input(f.graph, (lam_shape){ { 4, 3 }, 2 }));
  x = lam_dense(x, 5, NULL);
  x = lam_named(lam_dense(x, 4, NULL), "middle");
  x = lam_dense(x, 3, NULL);
  lam_model *model = lam_model_create(&x, 1);
  assert_non_null(model);
  static const char *const names[] = { "input", "flatten", "dense", "middle", "dense_1" };
  static const char *const types[] = { "InputLayer", "Flatten", "Dense", "Dense", "Dense" };
  static const size_t parameters[] = { 0, 0, 12 * 5 + 5, 5 * 4 + 4, 4 * 3 + 3 };
  assert_int_equal(lam_model_layer_count(model), 5);
  for (size_t i = 0; i < 5; i++) {
    lam_layer_info info;
    assert_int_equal(lam_model_layer(model, i, &info), LAM_OK);
    assert_string_equal(info.name, names[i]);
    assert_string_equal(info.type, types[i]);
    assert_int_equal(info.parameters, parameters[i]);
    if (i) assert_int_equal(lam_model_layer_input(model, i, 0), i - 1);
  }
  lam_parameter kernel;
  assert_int_equal(lam_model_parameter(model, 2, &kernel), LAM_OK);
  assert_string_equal(kernel.name, "middle/kernel");
  assert_int_equal(kernel.shape.size[0], 5);
  assert_int_equal(kernel.shape.size[1], 4);
  lam_context_destroy(f.context);
}

static void a_name_that_is_given_up_or_has_no_number_is_free(void **state) {
  (void)state;
  static const char *const given[] = { "dense_1", "dense_01", "dense_3x", "dense_", "denser", "dense_99999999999999999999999" };
  static const char *const automatic[] = { "dense", "dense_2", "dense_3", "dense_4" };
  fixture f = begin();
  lam_node x = lam_input(f.graph, vector(2)), out[10];
  for (size_t i = 0; i < 6; i++) out[i] = x = lam_named(lam_dense(x, 2, NULL), given[i]);
  for (size_t i = 6; i < 10; i++) out[i] = x = lam_dense(x, 2, NULL);
  lam_model *model = lam_model_create(&x, 1);
  assert_non_null(model);
  lam_layer_info info;
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(lam_model_layer(model, (size_t)out[i].index, &info), LAM_OK);
    assert_string_equal(info.name, i < 6 ? given[i] : automatic[i - 6]);
  }
  assert_true(lam_named(out[7], "other").index == out[7].index);
  x = lam_dense(x, 2, NULL);
  model = lam_model_create(&x, 1);
  assert_int_equal(lam_model_layer(model, (size_t)x.index, &info), LAM_OK);
  assert_string_equal(info.name, "dense_2");
  lam_context_destroy(f.context);
}

static void sequential_and_functional_give_the_same_weights(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_dense(lam_input(f.graph, vector(6)), 4, &(lam_dense_options){ .activation = LAM_TANH });
  x = lam_dense(x, 2, NULL);
  lam_model *functional = lam_model_create(&x, 1);
  lam_graph *other = lam_graph_create(f.context);
  lam_dense(lam_last(other), 4, &(lam_dense_options){ .activation = LAM_TANH, .input_dim = 6 });
  lam_dense(lam_last(other), 2, NULL);
  lam_node last = lam_last(other);
  lam_model *sequential = lam_model_create(&last, 1);
  assert_true(lam_model_is_built(functional) && lam_model_is_built(sequential));
  assert_int_equal(lam_model_parameter_count(functional), 4);
  assert_int_equal(lam_model_parameter_count(sequential), 4);
  for (size_t i = 0; i < 4; i++) {
    lam_parameter a, b;
    lam_model_parameter(functional, i, &a);
    lam_model_parameter(sequential, i, &b);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.data, b.data, a.count * sizeof(float));
  }
  lam_context_destroy(f.context);
}

static void a_model_without_a_shape_is_built_later_and_an_input_that_fits_not_is_refused(void **state) {
  (void)state;
  fixture f = begin();
  lam_dense(lam_last(f.graph), 3, NULL);
  lam_node last = lam_last(f.graph);
  lam_model *model = lam_model_create(&last, 1);
  assert_non_null(model);
  assert_false(lam_model_is_built(model));
  assert_int_equal(lam_model_parameter_count(model), 0);
  assert_null(lam_session_create(model, NULL));
  assert_says(&f, LAM_INVALID_SHAPE, "the model is not built: the shape of input input is not known");
  lam_shape shape = vector(7);
  assert_int_equal(lam_model_build(model, &shape, 1), LAM_OK);
  assert_true(lam_model_is_built(model));
  assert_int_equal(lam_model_output_shape(model, 0).size[0], 3);
  assert_int_equal(lam_model_build(model, &shape, 1), LAM_OK);
  shape = vector(8);
  assert_int_equal(lam_model_build(model, &shape, 1), LAM_INVALID_SHAPE);
  assert_says(&f, LAM_INVALID_SHAPE, "input input has shape (7), rows of shape (8) were given");
  lam_context_destroy(f.context);
}

static void a_layer_applied_twice_has_one_weight(void **state) {
  (void)state;
  fixture f = begin();
  lam_node left = lam_input(f.graph, vector(4)), right = lam_input(f.graph, vector(4));
  lam_node a = lam_dense(left, 3, NULL), b = lam_apply(a, &right, 1);
  lam_node both[] = { a, b };
  lam_node sum = lam_merge(LAM_MERGE_ADD, both, 2);
  lam_model *model = lam_model_create(&sum, 1);
  assert_int_equal(lam_model_input_count(model), 2);
  assert_int_equal(lam_model_parameter_count(model), 2);
  lam_layer_info info;
  lam_model_layer(model, 3, &info);
  assert_string_equal(info.name, "dense");
  assert_int_equal(info.parameters, 0);
  lam_context_destroy(f.context);
}

static void initialisers_have_their_bounds_and_moments(void **state) {
  (void)state;
  static const struct {
    lam_initializer_type type;
    double bound, variance; /* bound 0: none */
  } cases[] = {
    { LAM_INITIALIZER_DEFAULT, 0.1, 0.1 * 0.1 / 3 }, /* glorot: sqrt(6 / 600) */
    { LAM_GLOROT_NORMAL, 0, 2.0 / 600 },
    { LAM_HE_UNIFORM, 0.122474487, 2.0 / 400 },
    { LAM_HE_NORMAL, 0, 2.0 / 400 },
    { LAM_LECUN_UNIFORM, 0.0866025404, 1.0 / 400 },
    { LAM_LECUN_NORMAL, 0, 1.0 / 400 },
    { LAM_RANDOM_UNIFORM, 0.05, 0.05 * 0.05 / 3 },
    { LAM_RANDOM_NORMAL, 0, 0.05 * 0.05 },
    { LAM_TRUNCATED_NORMAL, 0.1, 0.05 * 0.05 * 0.774 }, /* cut at 2 deviations: variance .7737 */
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    fixture f = begin();
    lam_node x =
        lam_dense(lam_input(f.graph, vector(400)), 200, &(lam_dense_options){ .kernel_initializer = { cases[c].type, 0 } });
    lam_parameter kernel;
    lam_model_parameter(lam_model_create(&x, 1), 0, &kernel);
    double sum = 0, squares = 0, most = 0;
    for (size_t i = 0; i < kernel.count; i++) {
      double w = (double)kernel.data[i];
      sum += w, squares += w * w, most = fmax(most, fabs(w));
    }
    double n = (double)kernel.count, mean = sum / n, variance = squares / n;
    /* 80,000 draws: the mean's deviation is sqrt(v/n), the variance's at most v sqrt(2/n) = .005 v; five of them. */
    assert_true(fabs(mean) < 5 * sqrt(cases[c].variance / n));
    assert_true(fabs(variance / cases[c].variance - 1) < 0.025);
    if (cases[c].bound > 0) assert_true(most <= cases[c].bound * 1.000001 && most > cases[c].bound * 0.99);
    lam_context_destroy(f.context);
  }
}

static void constant_initialisers_say_zero_with_lam_zero(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x =
      lam_dense(lam_input(f.graph, vector(3)), 2,
                &(lam_dense_options){ .kernel_initializer = { LAM_CONSTANT, 2.5f }, .bias_initializer = { LAM_ONES, 0 } });
  x = lam_dense(
      x, 2, &(lam_dense_options){ .kernel_initializer = { LAM_IDENTITY, 0 }, .bias_initializer = { LAM_CONSTANT, LAM_ZERO } });
  lam_model *model = lam_model_create(&x, 1);
  lam_parameter p;
  lam_model_parameter(model, 0, &p);
  assert_true(p.data[0] == 2.5f && p.data[5] == 2.5f);
  lam_model_parameter(model, 1, &p);
  assert_true(p.data[0] == 1.0f && p.data[1] == 1.0f);
  lam_model_parameter(model, 2, &p);
  assert_true(p.data[0] == 1.0f && p.data[1] == 0.0f && p.data[2] == 0.0f && p.data[3] == 1.0f);
  lam_model_parameter(model, 3, &p);
  assert_true(p.data[0] == 0.0f && p.data[1] == 0.0f);
  lam_context_destroy(f.context);
}

/* ---- what does not fit -------------------------------------------------------------------------------------------- */

static void an_input_dim_that_does_not_fit_names_both_layers_and_shapes(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_dense(lam_input(f.graph, vector(4)), 6, NULL);
  x = lam_dense(x, 2, &(lam_dense_options){ .input_dim = 3 });
  assert_null(lam_model_create(&x, 1));
  assert_says(&f, LAM_INVALID_SHAPE, "dense_1 (Dense) after dense (Dense) of shape (6): its input_dim is 3, but 6 come in");
  lam_context_destroy(f.context);
}

static void merging_and_concatenating_check_shapes(void **state) {
  (void)state;
  fixture f = begin();
  lam_node a = lam_dense(lam_input(f.graph, vector(4)), 8, NULL), b = lam_dense(a, 6, NULL);
  lam_node both[] = { a, b };
  lam_node sum = lam_merge(LAM_MERGE_ADD, both, 2);
  assert_null(lam_model_create(&sum, 1));
  assert_says(
      &f, LAM_INVALID_SHAPE,
      "add (Add) after dense (Dense) of shape (8), dense_1 (Dense) of shape (6): the shapes of what it merges must be the same");
  f.graph = lam_graph_create(f.context);
  lam_node parts[] = { lam_input(f.graph, (lam_shape){ { 8, 2 }, 2 }), lam_input(f.graph, (lam_shape){ { 6, 3 }, 2 }) };
  lam_node joined = lam_concatenate(parts, 2);
  assert_null(lam_model_create(&joined, 1));
  assert_says(
      &f, LAM_INVALID_SHAPE,
      "concatenate (Concatenate) after input (InputLayer) of shape (8, 2), input_1 (InputLayer) of shape (6, 3): all axes "
      "but the last must agree");
  lam_context_destroy(f.context);
}

static void a_shared_layer_needs_inputs_of_one_width(void **state) {
  (void)state;
  fixture f = begin();
  lam_node a = lam_dense(lam_input(f.graph, vector(4)), 3, NULL), other = lam_input(f.graph, vector(5));
  lam_node both[] = { a, lam_apply(a, &other, 1) };
  assert_null(lam_model_create(both, 2));
  assert_says(
      &f, LAM_INVALID_SHAPE,
      "dense (Dense) after input_1 (InputLayer) of shape (5): the shared layer has a kernel of shape (4, 3) and would need "
      "(5, 3) here");
  lam_context_destroy(f.context);
}

static void an_unconnected_input_is_named(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_dense(lam_input(f.graph, vector(4)), 3, NULL);
  lam_named(lam_input(f.graph, vector(5)), "spare");
  assert_null(lam_model_create(&x, 1));
  assert_says(&f, LAM_INVALID_ARGUMENT, "input spare is not connected to any output of the model");
  lam_context_destroy(f.context);
}

static void one_failure_makes_the_whole_chain_fail_and_its_sentence_stays(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_dense(lam_input(f.graph, vector(4)), 0, NULL);
  assert_true(x.index < 0);
  x = lam_dense(lam_flatten(x), 3, NULL);
  lam_model *model = lam_model_create(&x, 1);
  assert_null(model);
  lam_trainer *trainer = lam_trainer_create(model, NULL);
  assert_null(trainer);
  assert_int_equal(lam_fit(trainer, NULL, NULL), LAM_NO_HANDLE);
  assert_says(&f, LAM_INVALID_ARGUMENT, "dense: units is 0, a dense layer has 1 to 2^31 - 1");
  lam_context_destroy(f.context);
}

static void bad_arguments_have_sentences(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_input(f.graph, vector(4));
  assert_true(lam_named(lam_dense(x, 2, NULL), "a b").index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "the layer name \"a b\" may hold only letters, digits, '_', '-' and '.'");
  f.graph = lam_graph_create(f.context);
  x = lam_named(lam_input(f.graph, vector(4)), "x");
  assert_true(lam_named(lam_dense(x, 2, NULL), "x").index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "there is already a layer named \"x\" in this graph");
  assert_true(lam_dense(x, 2, &(lam_dense_options){ .activation = (lam_activation)99 }).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "dense_1: there is no lam_activation 99");
  lam_dense_options reserved = { .reserved = { 0, 1 } };
  assert_true(lam_dense(x, 2, &reserved).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "dense_1: reserved fields of lam_dense_options must be zero");
  assert_true(lam_concatenate(&x, 1).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "Concatenate takes at least 2 inputs, not 1");
  assert_true(lam_input(f.graph, (lam_shape){ { 3, 0 }, 2 }).index < 0);
  assert_says(&f, LAM_INVALID_SHAPE, "input: rows of shape (3, 0) have no elements or more than 2^31 - 1");
  assert_true(lam_input(f.graph, (lam_shape){ { 65536, 65536 }, 2 }).index < 0);
  lam_graph *other = lam_graph_create(f.context);
  lam_node nodes[] = { lam_input(other, vector(4)), x };
  assert_true(lam_merge(LAM_MERGE_ADD, nodes, 2).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "Add: its input 1 is a node of another graph");
  lam_dense_options reversed = { .kernel_constraint = { .type = LAM_MIN_MAX_NORM, .min_value = 1.5f } };
  assert_true(lam_dense(x, 2, &reversed).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "dense_1: min_value of the kernel constraint is 1.5, its max_value 1");
  lam_context_destroy(f.context);
}

static void a_node_that_nobody_made_is_none(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_dense(lam_input(f.graph, vector(4)), 2, NULL), beyond = { f.graph, 77 };
  assert_null(lam_model_create(&beyond, 1));
  assert_says(&f, LAM_INVALID_ARGUMENT, "output 0 of the model is a node of another graph");
  lam_model *model = lam_model_create(&x, 1);
  assert_non_null(model);
  assert_true(lam_apply_model(model, NULL, &beyond, 1, NULL).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "input 0 of the model is a node of another graph");
  lam_node (*const one[])(lam_node) = { lam_flatten, lam_normalization };
  for (size_t i = 0; i < 2; i++) {
    lam_graph *graph = lam_graph_create(f.context);
    x = lam_input(graph, vector(4));
    assert_true(one[i]((lam_node){ graph, 5 }).index < 0);
    assert_null(lam_model_create(&x, 1));
  }
  lam_node in = lam_input(lam_graph_create(f.context), vector(4));
  x = lam_dense(in, 4, NULL);
  assert_true(lam_apply(x, NULL, 0).index < 0);
  assert_says(&f, LAM_INVALID_ARGUMENT, "Dense takes 1 input, not 0");
  beyond.graph = in.graph;
  assert_true(lam_named(beyond, "name").index < 0);
  assert_true(lam_trainable(beyond, false).index < 0);
  assert_true(lam_apply(beyond, &in, 1).index < 0);
  lam_context_destroy(f.context);
}

static void weights_are_set_by_name_and_size(void **state) {
  (void)state;
  fixture f = begin();
  lam_node x = lam_dense(lam_input(f.graph, vector(2)), 1, NULL);
  lam_model *model = lam_model_create(&x, 1);
  const float values[] = { 3, 4 };
  assert_int_equal(lam_model_set_parameter(model, "dense/kernel", values, 2), LAM_OK);
  lam_parameter p;
  lam_model_parameter(model, 0, &p);
  assert_memory_equal(p.data, values, sizeof values);
  assert_int_equal(lam_model_set_parameter(model, "dense/kernel", values, 1), LAM_INVALID_SHAPE);
  assert_says(&f, LAM_INVALID_SHAPE, "weight dense/kernel has shape (2, 1), 2 numbers; 1 were given");
  assert_int_equal(lam_model_set_parameter(model, "kernel", values, 2), LAM_UNKNOWN_NAME);
  assert_says(&f, LAM_UNKNOWN_NAME, "the model has no weight \"kernel\"; its first is dense/kernel");
  lam_context_destroy(f.context);
}

static bool build_with(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_node a = lam_input(lam_graph_create(context), vector(4)), b = lam_dense(a, 3, NULL);
  lam_node parts[] = { a, b };
  lam_node joined = lam_dense(lam_concatenate(parts, 2), 2, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&joined, 1);
  lam_session *session = lam_session_create(model, NULL);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  bool made = session && trainer;
  if (context && !made) assert_int_equal(lam_error_status(context), LAM_OUT_OF_MEMORY);
  lam_context_destroy(context);
  return made;
}

static void every_allocation_of_building_may_fail(void **state) {
  (void)state;
  test_every_allocation_failing(build_with);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(layers_are_named_as_keras_does_and_can_be_renamed),
    cmocka_unit_test(a_name_that_is_given_up_or_has_no_number_is_free),
    cmocka_unit_test(sequential_and_functional_give_the_same_weights),
    cmocka_unit_test(a_model_without_a_shape_is_built_later_and_an_input_that_fits_not_is_refused),
    cmocka_unit_test(a_layer_applied_twice_has_one_weight),
    cmocka_unit_test(initialisers_have_their_bounds_and_moments),
    cmocka_unit_test(constant_initialisers_say_zero_with_lam_zero),
    cmocka_unit_test(an_input_dim_that_does_not_fit_names_both_layers_and_shapes),
    cmocka_unit_test(merging_and_concatenating_check_shapes),
    cmocka_unit_test(a_shared_layer_needs_inputs_of_one_width),
    cmocka_unit_test(an_unconnected_input_is_named),
    cmocka_unit_test(one_failure_makes_the_whole_chain_fail_and_its_sentence_stays),
    cmocka_unit_test(bad_arguments_have_sentences),
    cmocka_unit_test(a_node_that_nobody_made_is_none),
    cmocka_unit_test(weights_are_set_by_name_and_size),
    cmocka_unit_test(every_allocation_of_building_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
