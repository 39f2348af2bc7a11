/* SPDX-License-Identifier: MIT
 *
 * Models as wholes and as parts: layers by name, frozen layers, weights as one block and from model to model, clones, and models
 * applied as layers.
 */
#include "support.h"

#include "train/trainer.h"
#include <lamina.h>
#include <math.h>

enum { ROWS = 6, IN = 4, CODE = 3 };

static float x[ROWS][IN];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 1, 0, 0);
  return 0;
}

static lam_array rows_of(const float *values, size_t width) {
  return (lam_array){ .data = values, .rows = ROWS, .shape = { { width }, 1 } };
}

/* x is what is to come out. */
static lam_dataset *itself(lam_context *context) {
  lam_array rows = rows_of(&x[0][0], IN);
  return lam_dataset_create(context, &rows, 1, &rows, 1);
}

static lam_node input(lam_context *context, size_t width) {
  return lam_input(lam_graph_create(context), (lam_shape){ { width }, 1 });
}

/* dense (4 -> 5, tanh), dense_1 (5 -> 5, relu), dense_2 (5 -> 4) */
static lam_model *chain(lam_context *context) {
  lam_node node = lam_dense(input(context, IN), 5, &(lam_dense_options){ .activation = LAM_TANH });
  node = lam_dense(node, 5, &(lam_dense_options){ .activation = LAM_RELU });
  node = lam_dense(node, IN, NULL);
  return lam_model_create(&node, 1);
}

static lam_trainer *trainer_of(lam_model *model) {
  lam_trainer_options options = { .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = { .type = LAM_ADAM } };
  lam_trainer *trainer = lam_trainer_create(model, &options);
  assert_non_null(trainer);
  return trainer;
}

static void fit(lam_model *model) {
  lam_trainer *trainer = trainer_of(model);
  lam_fit_options options = { .epochs = 3, .batch_size = 4 };
  assert_int_equal(lam_fit(trainer, itself(model->object.context), &options), LAM_OK);
  lam_trainer_destroy(trainer);
}

static void weights(const lam_model *model, float *values) {
  assert_int_equal(lam_model_get_weights(model, values, lam_model_count_params(model)), LAM_OK);
}

static void outputs(lam_model *model, float *values, size_t width) {
  assert_int_equal(lam_predict(model, itself(model->object.context), NULL, values, ROWS * width), LAM_OK);
}

/* ---- layers by name, weights -------------------------------------------------------------------------------------- */

static void layers_are_found_by_name_and_have_their_weights(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = chain(context);
  size_t first, count, layer = lam_model_find_layer(model, "dense_1");
  lam_parameter p;
  assert_int_equal(layer, 2);
  assert_int_equal(lam_model_layer_parameters(model, layer, &first, &count), LAM_OK);
  assert_true(first == 2 && count == 2);
  assert_int_equal(lam_model_parameter(model, first, &p), LAM_OK);
  assert_string_equal(p.name, "dense_1/kernel");
  assert_true(lam_model_find_layer(model, "dense_7") == SIZE_MAX);
  assert_int_equal(lam_error_status(context), LAM_UNKNOWN_NAME);
  assert_non_null(strstr(lam_error_message(context), "dense_1"));
  assert_int_equal(lam_model_layer_parameters(model, 9, &first, &count), LAM_INVALID_ARGUMENT);
  lam_context_destroy(context);
}

static void all_weights_go_out_and_in_as_one_block(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = chain(context);
  enum { COUNT = 4 * 5 + 5 + 5 * 5 + 5 + 5 * 4 + 4 };
  float values[COUNT], back[COUNT];
  assert_int_equal(lam_model_count_params(model), COUNT);
  for (size_t i = 0; i < COUNT; i++) values[i] = (float)i;
  assert_int_equal(lam_model_set_weights(model, values, COUNT), LAM_OK);
  lam_parameter p;
  for (size_t i = 0, at = 0; i < lam_model_parameter_count(model); at += p.count, i++) {
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    assert_memory_equal(p.data, values + at, p.count * sizeof(float));
  }
  weights(model, back);
  assert_memory_equal(back, values, sizeof values);
  assert_int_equal(lam_model_set_weights(model, values, COUNT - 1), LAM_INVALID_SHAPE);
  assert_int_equal(lam_model_get_weights(model, back, COUNT + 1), LAM_INVALID_SHAPE);
  lam_context_destroy(context);
}

static void weights_are_copied_whole_or_not_at_all(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL), *other = lam_context_create(&(lam_context_options){ .seed = 5 });
  lam_model *to = chain(context), *from = chain(other);
  float before[128], after[128], wanted[128];
  weights(to, before);
  weights(from, wanted);
  size_t bytes = lam_model_count_params(to) * sizeof(float);
  lam_node node = lam_dense(lam_dense(input(other, IN), 5, NULL), 6, NULL); /* agrees in its first layer only */
  assert_int_equal(lam_model_copy_weights(to, NULL, lam_model_create(&node, 1), NULL), LAM_INVALID_SHAPE);
  assert_non_null(strstr(lam_error_message(context), "dense_1/kernel of shape (5, 6)"));
  weights(to, after);
  assert_memory_equal(before, after, bytes);
  assert_int_equal(lam_model_copy_weights(to, "encoder", from, NULL), LAM_UNKNOWN_NAME);
  assert_int_equal(lam_model_copy_weights(to, NULL, from, NULL), LAM_OK);
  weights(to, after);
  assert_memory_equal(after, wanted, bytes);
  lam_context_destroy(context);
  lam_context_destroy(other);
}

/* ---- frozen layers ------------------------------------------------------------------------------------------------ */

static bool same_layer(const lam_model *model, const char *name, const float *before) {
  size_t first, count, at = 0;
  lam_parameter p;
  assert_int_equal(lam_model_layer_parameters(model, lam_model_find_layer(model, name), &first, &count), LAM_OK);
  bool same = true;
  for (size_t i = 0; i < first + count; at += p.count, i++) {
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    if (i >= first) same = same && memcmp(p.data, before + at, p.count * sizeof(float)) == 0;
  }
  return same;
}

static void a_frozen_layer_keeps_its_weights_and_the_others_learn(void **state) {
  (void)state;
  static const char *const names[] = { "dense", "dense_1", "dense_2" };
  for (size_t frozen = 0; frozen < 3; frozen++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = chain(context);
    float before[128];
    weights(model, before);
    assert_int_equal(lam_model_set_trainable(model, names[frozen], false), LAM_OK);
    fit(model);
    for (size_t i = 0; i < 3; i++) assert_true(same_layer(model, names[i], before) == (i == frozen));
    lam_context_destroy(context);
  }
}

/* The step of a layer that is trained does not depend on whether others are: the gradients are the same. */
static void the_others_step_is_that_of_the_model_where_all_are_trained(void **state) {
  (void)state;
  float weight[2][5 * 4];
  for (int frozen = 0; frozen < 2; frozen++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = chain(context);
    assert_int_equal(lam_model_set_trainable(model, "dense_1", !frozen), LAM_OK);
    lam_fit_options options = { .batch_size = ROWS, .no_shuffle = true };
    assert_int_equal(lam_fit(trainer_of(model), itself(context), &options), LAM_OK);
    lam_parameter p;
    assert_int_equal(lam_model_parameter(model, 0, &p), LAM_OK);
    memcpy(weight[frozen], p.data, sizeof weight[frozen]);
    lam_context_destroy(context);
  }
  assert_memory_equal(weight[0], weight[1], sizeof weight[0]);
}

static size_t count_operations(const lam_plan *plan, const char *layer, const char *name) {
  size_t count = 0;
  for (size_t i = 0; i < plan->operation_count; i++)
    count += strcmp(plan->operations[i].layer, layer) == 0 && strcmp(plan->operations[i].name, name) == 0;
  return count;
}

static void nothing_is_computed_that_nobody_needs(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = chain(context);
  assert_int_equal(lam_model_set_trainable(model, "dense", false), LAM_OK);
  lam_trainer *below = trainer_of(model);
  assert_int_equal(count_operations(below->plan, "dense_1", "input gradient"), 0); /* the chain ends above the frozen layer */
  assert_int_equal(count_operations(below->plan, "dense", "weight gradient"), 0);
  assert_int_equal(count_operations(below->plan, "dense_1", "weight gradient"), 1);
  assert_int_equal(lam_model_set_trainable(model, "dense", true) | lam_model_set_trainable(model, "dense_1", false), LAM_OK);
  lam_trainer *between = trainer_of(model);
  assert_int_equal(count_operations(between->plan, "dense_1", "weight gradient"), 0);
  assert_int_equal(count_operations(between->plan, "dense_1", "bias gradient"), 0);
  assert_int_equal(count_operations(between->plan, "dense_1", "input gradient"), 1); /* the layer below learns through it */
  assert_null(lam_gradient(between, 2));
  assert_int_equal(lam_model_set_trainable(model, NULL, false), LAM_OK);
  lam_trainer *none = trainer_of(model);
  assert_int_equal(none->plan->operation_count, none->plan->forward_count);
  lam_context_destroy(context);
}

static void freezing_acts_on_trainers_made_afterwards(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = chain(context);
  lam_trainer *trainer = trainer_of(model);
  float before[128];
  weights(model, before);
  assert_int_equal(lam_model_set_trainable(model, "dense", false), LAM_OK);
  assert_int_equal(lam_fit(trainer, itself(context), NULL), LAM_OK); /* its plan is made anew for six rows */
  assert_false(same_layer(model, "dense", before));
  assert_int_equal(lam_model_set_trainable(model, "densee", false), LAM_UNKNOWN_NAME);
  lam_context_destroy(context);
}

static void the_optimizer_s_state_of_a_frozen_layer_stays_zero(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = chain(context);
  assert_int_equal(lam_model_set_trainable(model, "dense_1", false), LAM_OK);
  lam_trainer *trainer = trainer_of(model);
  assert_int_equal(lam_fit(trainer, itself(context), NULL), LAM_OK);
  for (size_t i = 0; i < 6; i++) {
    const lam_weight *weight = &model->weights[i];
    const float *velocity = trainer->states[1] + weight->offset;
    size_t moved = 0;
    for (size_t j = 0; j < weight->count; j++) moved += velocity[j] != 0.0f;
    assert_true((moved == 0) == (i == 2 || i == 3));
  }
  lam_context_destroy(context);
}

static void a_model_that_is_frozen_whole_runs_through_fit_as_it_is(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = chain(context);
  float before[128], after[128];
  weights(model, before);
  assert_int_equal(lam_model_set_trainable(model, NULL, false), LAM_OK);
  fit(model);
  weights(model, after);
  assert_memory_equal(before, after, lam_model_count_params(model) * sizeof(float));
  lam_context_destroy(context);
}

static void counts_tell_what_is_frozen(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node node = lam_trainable(lam_dense(input(context, IN), 5, NULL), false);
  node = lam_dense(node, 2, NULL);
  lam_model *model = lam_model_create(&node, 1);
  lam_layer_info info;
  lam_parameter p;
  assert_int_equal(lam_model_layer(model, 1, &info), LAM_OK);
  assert_true(info.frozen && info.fixed == 25 && info.parameters == 25);
  assert_int_equal(lam_model_layer(model, 2, &info), LAM_OK);
  assert_true(!info.frozen && info.fixed == 0);
  assert_int_equal(lam_model_parameter(model, 1, &p), LAM_OK);
  assert_true(p.frozen && !p.fixed);
  lam_context_destroy(context);
}

/* ---- clones ------------------------------------------------------------------------------------------------------- */

static lam_model *shared_model(lam_context *context) {
  lam_node a = input(context, IN), b = lam_normalization(a);
  lam_node layer = lam_dense(a, 5, &(lam_dense_options){ .activation = LAM_TANH });
  lam_node both[] = { layer, lam_apply(layer, &b, 1) };
  lam_node sum = lam_trainable(lam_dense(lam_concatenate(both, 2), IN, NULL), false);
  return lam_model_create(&sum, 1);
}

static void a_clone_has_the_architecture_and_its_own_weights(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = shared_model(context);
  float first[128], now[128], mine[128], y[2][ROWS * IN];
  weights(model, first);
  fit(model);
  weights(model, now);
  size_t bytes = lam_model_count_params(model) * sizeof(float);
  lam_model *same = lam_model_clone(model, &(lam_clone_options){ .weights = true });
  lam_model *begun = lam_model_clone(model, NULL), *other = lam_model_clone(model, &(lam_clone_options){ .seed = 9 });
  weights(same, mine);
  assert_memory_equal(mine, now, bytes);
  outputs(model, y[0], IN);
  outputs(same, y[1], IN);
  assert_memory_equal(y[0], y[1], sizeof y[0]);
  weights(begun, mine);
  assert_memory_equal(mine, first, bytes);
  weights(other, mine);
  assert_memory_not_equal(mine, first, bytes);
  lam_layer_info info;
  assert_int_equal(lam_model_layer_count(same), lam_model_layer_count(model));
  assert_int_equal(lam_model_layer(same, lam_model_layer_count(same) - 1, &info), LAM_OK);
  assert_true(info.frozen);
  fit(same); /* and learns alone */
  weights(model, mine);
  assert_memory_equal(mine, now, bytes);
  lam_context_destroy(context);
}

static void a_model_that_is_not_built_has_clones_that_are_not(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_graph *graph = lam_graph_create(context);
  lam_node node = lam_dense(lam_last(graph), 3, NULL);
  lam_model *model = lam_model_create(&node, 1), *clone = lam_model_clone(model, &(lam_clone_options){ .seed = 9 });
  assert_false(lam_model_is_built(clone));
  assert_int_equal(lam_model_build(clone, &(lam_shape){ { 2 }, 1 }, 1), LAM_OK);
  assert_int_equal(lam_model_build(model, &(lam_shape){ { 7 }, 1 }, 1), LAM_OK);
  assert_int_equal(lam_model_count_params(clone), 9);
  assert_null(lam_model_clone(model, &(lam_clone_options){ .reserved = { 1 } }));
  lam_context_destroy(context);
}

/* ---- a model as a layer ------------------------------------------------------------------------------------------- */

static lam_model *encoder(lam_context *context) {
  lam_node node = lam_dense(input(context, IN), 5, &(lam_dense_options){ .activation = LAM_TANH });
  node = lam_dense(node, CODE, NULL);
  return lam_model_create(&node, 1);
}

/* encoder -> dense back to 4 */
static lam_model *autoencoder(lam_context *context, const lam_model *inner) {
  lam_node node = input(context, IN);
  node = lam_apply_model(inner, "encoder", &node, 1, NULL);
  node = lam_dense(node, IN, NULL);
  return lam_model_create(&node, 1);
}

static void an_applied_model_computes_what_it_computes(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *inner = encoder(context);
  fit(inner = chain(context)); /* weights that nobody draws */
  lam_node node = input(context, IN);
  node = lam_apply_model(inner, NULL, &node, 1, NULL);
  lam_model *outer = lam_model_create(&node, 1);
  float y[2][ROWS * IN];
  outputs(inner, y[0], IN);
  outputs(outer, y[1], IN);
  assert_memory_equal(y[0], y[1], sizeof y[0]);
  assert_int_equal(lam_model_find_layer(outer, "model.dense_1"), 2);
  lam_context_destroy(context);
}

static void the_two_learn_apart_and_weights_come_back(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *inner = encoder(context), *whole = autoencoder(context, inner);
  float before[64], after[64], parts[2][ROWS * CODE];
  weights(inner, before);
  size_t count = lam_model_count_params(inner);
  fit(whole);
  weights(inner, after);
  assert_memory_equal(before, after, count * sizeof(float));
  assert_int_equal(lam_model_copy_weights(inner, NULL, whole, "encoder"), LAM_OK);
  weights(inner, after);
  assert_memory_not_equal(before, after, count * sizeof(float));
  /* What the first layers of the whole give is what the encoder gives: its weights are those of the whole's first layers. */
  float all[128];
  weights(whole, all);
  assert_memory_equal(all, after, count * sizeof(float));
  outputs(inner, parts[0], CODE);
  lam_model *again = lam_model_clone(inner, NULL);
  assert_int_equal(lam_model_copy_weights(again, NULL, whole, "encoder"), LAM_OK);
  outputs(again, parts[1], CODE);
  assert_memory_equal(parts[0], parts[1], sizeof parts[0]);
  lam_context_destroy(context);
}

static void a_part_is_frozen_by_its_name(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *whole = autoencoder(context, encoder(context));
  float before[128];
  weights(whole, before);
  assert_int_equal(lam_model_set_trainable(whole, "encoder", false), LAM_OK);
  fit(whole);
  assert_true(same_layer(whole, "encoder.dense", before) && same_layer(whole, "encoder.dense_1", before));
  assert_false(same_layer(whole, "dense", before));
  lam_context_destroy(context);
}

/* Two towers of one model, both trained through. */
static lam_model *twins(lam_context *context, const lam_model *tower) {
  lam_graph *graph = lam_graph_create(context);
  lam_node a = lam_input(graph, (lam_shape){ { IN }, 1 }), b = lam_input(graph, (lam_shape){ { IN }, 1 });
  lam_node both[] = { lam_apply_model(tower, "tower", &a, 1, NULL), lam_apply_model(tower, NULL, &b, 1, NULL) };
  lam_node output = lam_merge(LAM_MERGE_SUBTRACT, both, 2);
  return lam_model_create(&output, 1);
}

static void applied_twice_in_one_graph_it_is_the_same_layers(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *tower = encoder(context), *model = twins(context, tower);
  assert_non_null(model);
  assert_int_equal(lam_model_count_params(model), lam_model_count_params(tower));
  float y[ROWS * CODE], t[ROWS * CODE];
  lam_array in[] = { rows_of(&x[0][0], IN), rows_of(&x[0][0], IN) }, out = rows_of(t, CODE);
  lam_random_normal(t, ROWS * CODE, 2, 0, 0);
  lam_dataset *data = lam_dataset_create(context, in, 2, &out, 1);
  assert_int_equal(lam_fit(trainer_of(model), data, &(lam_fit_options){ .epochs = 2 }), LAM_OK);
  assert_int_equal(lam_predict(model, data, NULL, y, ROWS * CODE), LAM_OK);
  for (size_t i = 0; i < ROWS * CODE; i++) assert_true(y[i] == 0.0f); /* equal inputs, equal weights */
  lam_context_destroy(context);
}

static void all_outputs_of_an_applied_model_are_to_be_had(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_graph *graph = lam_graph_create(context);
  lam_node ins[] = { lam_input(graph, (lam_shape){ { IN }, 1 }), lam_input(graph, (lam_shape){ { 2 }, 1 }) };
  lam_node outs[] = { lam_dense(ins[1], 3, NULL), lam_dense(ins[0], 2, NULL), ins[1] };
  lam_model *inner = lam_model_create(outs, 3);
  graph = lam_graph_create(context);
  lam_node nodes[] = { lam_input(graph, (lam_shape){ { IN }, 1 }), lam_input(graph, (lam_shape){ { 2 }, 1 }) }, got[3];
  lam_node first = lam_apply_model(inner, "in-between", nodes, 2, got);
  assert_int_equal(first.index, got[0].index);
  assert_int_equal(got[2].index, nodes[1].index); /* what the model passes on */
  lam_model *outer = lam_model_create(got, 2);
  assert_int_equal(lam_model_output_shape(outer, 0).size[0], 3);
  assert_int_equal(lam_model_output_shape(outer, 1).size[0], 2);
  lam_context_destroy(context);
}

static void models_of_models_are_applied_too(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *whole = autoencoder(context, encoder(context));
  lam_node node = input(context, IN);
  node = lam_apply_model(whole, "a", &node, 1, NULL);
  node = lam_apply_model(chain(context), NULL, &node, 1, NULL);
  node = lam_apply_model(chain(context), NULL, &node, 1, NULL);
  lam_model *model = lam_model_create(&node, 1);
  assert_non_null(model);
  assert_true(lam_model_find_layer(model, "a.encoder.dense") == 1 && lam_model_find_layer(model, "model_1.dense") < SIZE_MAX);
  fit(model);
  lam_context_destroy(context);
}

static void the_applied_model_may_go_before_the_other_is_built(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *inner = encoder(context);
  float before[64], after[64];
  weights(inner, before);
  size_t bytes = lam_model_count_params(inner) * sizeof(float);
  lam_graph *graph = lam_graph_create(context);
  lam_node first = lam_last(graph), node = lam_apply_model(inner, "encoder", &first, 1, NULL);
  lam_model *model = lam_model_create(&node, 1), *copy = lam_model_clone(model, &(lam_clone_options){ .weights = true });
  lam_model_destroy(inner);
  lam_graph_destroy(graph);
  for (int i = 0; i < 2; i++) {
    lam_model *built = i ? copy : model;
    assert_int_equal(lam_model_build(built, &(lam_shape){ { IN + 1 }, 1 }, 1), LAM_INVALID_SHAPE); /* not its kernel's */
    assert_int_equal(lam_model_build(built, &(lam_shape){ { IN }, 1 }, 1), LAM_OK);
    weights(built, after);
    assert_memory_equal(before, after, bytes);
  }
  lam_context_destroy(context);
}

static void what_cannot_be_applied_is_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL), *foreign = lam_context_create(NULL);
  lam_model *inner = encoder(context);
  lam_node node = input(context, IN), other = input(context, IN), abroad = input(foreign, IN), two[] = { node, other };
  char longest[70];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  const struct {
    const char *name, *part;
    lam_node *nodes;
    size_t count;
    lam_status status;
  } cases[] = { { "a", "1 input, not 2", two, 2, LAM_INVALID_ARGUMENT },
                { "a", "own context", &abroad, 1, LAM_INVALID_ARGUMENT },
                { "", "1 to 62", &other, 1, LAM_INVALID_ARGUMENT },
                { longest, "not 69", &other, 1, LAM_INVALID_ARGUMENT },
                { "a/b", "a/b.dense", &other, 1, LAM_INVALID_ARGUMENT } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lam_node made = lam_apply_model(inner, cases[i].name, cases[i].nodes, cases[i].count, NULL);
    assert_true(made.index < 0);
    assert_int_equal(lam_error_status(context), cases[i].status);
    if (!strstr(lam_error_message(context), cases[i].part)) fail_msg("%s", lam_error_message(context));
    assert_null(lam_model_create(&made, 1));
  }
  assert_true(lam_apply_model(NULL, NULL, &node, 1, NULL).index < 0);
  node = input(context, IN);
  lam_node a = lam_apply_model(inner, "a", &node, 1, NULL);
  assert_true(a.index >= 0);
  assert_true(lam_apply_model(inner, "b", &node, 1, NULL).index < 0);
  assert_non_null(strstr(lam_error_message(context), "applied as \"a\""));
  assert_true(lam_apply_model(encoder(context), "a", &node, 1, NULL).index < 0);
  assert_non_null(strstr(lam_error_message(context), "another model was applied as \"a\""));
  lam_context_destroy(context);
  lam_context_destroy(foreign);
}

static bool clone_and_apply(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_model *inner = context ? encoder(context) : NULL, *clone = inner ? lam_model_clone(inner, NULL) : NULL;
  lam_model *whole = clone ? autoencoder(context, clone) : NULL;
  lam_trainer *trainer = whole ? lam_trainer_create(whole, NULL) : NULL;
  lam_context_destroy(context);
  return trainer != NULL;
}

static void memory_that_runs_out_leaves_nothing_behind(void **state) {
  (void)state;
  test_every_allocation_failing(clone_and_apply);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(layers_are_found_by_name_and_have_their_weights),
    cmocka_unit_test(all_weights_go_out_and_in_as_one_block),
    cmocka_unit_test(weights_are_copied_whole_or_not_at_all),
    cmocka_unit_test(a_frozen_layer_keeps_its_weights_and_the_others_learn),
    cmocka_unit_test(the_others_step_is_that_of_the_model_where_all_are_trained),
    cmocka_unit_test(nothing_is_computed_that_nobody_needs),
    cmocka_unit_test(freezing_acts_on_trainers_made_afterwards),
    cmocka_unit_test(the_optimizer_s_state_of_a_frozen_layer_stays_zero),
    cmocka_unit_test(a_model_that_is_frozen_whole_runs_through_fit_as_it_is),
    cmocka_unit_test(counts_tell_what_is_frozen),
    cmocka_unit_test(a_clone_has_the_architecture_and_its_own_weights),
    cmocka_unit_test(a_model_that_is_not_built_has_clones_that_are_not),
    cmocka_unit_test(an_applied_model_computes_what_it_computes),
    cmocka_unit_test(the_two_learn_apart_and_weights_come_back),
    cmocka_unit_test(a_part_is_frozen_by_its_name),
    cmocka_unit_test(applied_twice_in_one_graph_it_is_the_same_layers),
    cmocka_unit_test(all_outputs_of_an_applied_model_are_to_be_had),
    cmocka_unit_test(models_of_models_are_applied_too),
    cmocka_unit_test(the_applied_model_may_go_before_the_other_is_built),
    cmocka_unit_test(what_cannot_be_applied_is_refused),
    cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
