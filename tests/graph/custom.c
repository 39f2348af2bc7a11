/* SPDX-License-Identifier: MIT
 *
 * Layers from outside: in both interfaces, trained, shared, frozen, saved; and what happens when their functions fail.
 */
#include "file/models.h"

#include <math.h>
#include <pthread.h>

enum { ROWS = 5, IN = 3 };

static float x[ROWS][IN], targets[ROWS][IN];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 1, 0, 0);
  lam_random_normal(&targets[0][0], ROWS * IN, 1, 1, 0);
  return 0;
}

static lam_dataset *data(lam_context *context) {
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } },
            out = { .data = targets, .rows = ROWS, .shape = { { IN }, 1 } };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

/* Wave: y = amplitude sin(k a) + b, k a weight for each column, b the second input if there is one. It leaves cos(k a). */
typedef struct wave_options {
  float amplitude;
  size_t unused;
  bool negative;
} wave_options;

static const lam_custom_field wave_fields[] = { { "amplitude", LAM_CUSTOM_FLOAT, offsetof(wave_options, amplitude) },
                                                { "unused", LAM_CUSTOM_SIZE, offsetof(wave_options, unused) },
                                                { "negative", LAM_CUSTOM_FLAG, offsetof(wave_options, negative) },
                                                { NULL, LAM_CUSTOM_FLOAT, 0 } };

/* What the functions were asked, and when they are to fail. */
typedef struct wave_user {
  size_t forwards, backwards, rows, training, wanted_inputs, wanted_weights, fail_forward, fail_backward;
  bool silent, with_rules, other_thread;
  pthread_t thread;
} wave_user;

static float sign_of(const lam_custom_pass *pass) {
  const wave_options *options = pass->options;
  return options->negative ? -options->amplitude : options->amplitude;
}

static lam_status wave_shape(lam_custom_shaping *shaping) {
  const wave_user *user = shaping->user;
  const lam_shape *in = shaping->inputs;
  if (in->rank != 1) {
    (void)snprintf(shaping->message, sizeof shaping->message, "waves have one axis, not %zu", in->rank);
    return LAM_INVALID_SHAPE;
  }
  shaping->saved = in->size[0];
  lam_custom_weight weight = { .name = "frequency", .shape = *in, .initializer = { LAM_RANDOM_UNIFORM, 1 } };
  if (user->with_rules) weight.regularizer.l2 = 0.5f, weight.constraint.type = LAM_NON_NEG;
  return lam_custom_add_weight(shaping, &weight);
}

static lam_status fails(const wave_user *user, lam_custom_pass *pass) {
  if (!user->silent) (void)snprintf(pass->message, sizeof pass->message, "the sea is calm");
  return LAM_INVALID_DATA;
}

static lam_status wave_forward(lam_custom_pass *pass) {
  wave_user *user = pass->user;
  size_t n = pass->output_shape.size[0];
  user->rows = pass->rows;
  user->training += pass->training;
  user->other_thread = user->other_thread || !pthread_equal(user->thread, pthread_self());
  if (++user->forwards == user->fail_forward) return fails(user, pass);
  for (size_t i = 0; i < pass->rows * n; i++) {
    double angle = (double)pass->weights[0][i % n] * (double)pass->inputs[0][i];
    float other = pass->input_count > 1 ? pass->inputs[1][i] : 0;
    pass->output[i] = sign_of(pass) * (float)sin(angle) + other;
    if (pass->saved) pass->saved[i] = (float)cos(angle);
  }
  return LAM_OK;
}

static lam_status wave_backward(lam_custom_pass *pass) {
  wave_user *user = pass->user;
  size_t n = pass->output_shape.size[0];
  const float *dy = pass->output_gradient, *a = pass->inputs[0];
  user->other_thread = user->other_thread || !pthread_equal(user->thread, pthread_self());
  if (++user->backwards == user->fail_backward) return fails(user, pass);
  for (size_t i = 0; i < pass->input_count; i++) user->wanted_inputs += pass->input_gradients[i] != NULL;
  float *dk = pass->weight_gradients[0], *da = pass->input_gradients[0];
  user->wanted_weights += dk != NULL;
  for (size_t j = 0; dk && j < n; j++) dk[j] = 0;
  for (size_t i = 0; i < pass->rows * n; i++) {
    float slope = sign_of(pass) * pass->saved[i] * dy[i];
    if (dk) dk[i % n] += slope * a[i];
    if (da) da[i] = slope * pass->weights[0][i % n];
    if (pass->input_count > 1 && pass->input_gradients[1]) pass->input_gradients[1][i] = dy[i];
  }
  return LAM_OK;
}

static lam_custom_layer wave(wave_user *user) {
  *user = (wave_user){ .thread = pthread_self() };
  return (lam_custom_layer){ .name = "Wave",
                             .options_size = sizeof(wave_options),
                             .fields = wave_fields,
                             .most_inputs = 2,
                             .shape = wave_shape,
                             .forward = wave_forward,
                             .backward = wave_backward,
                             .user = user };
}

static lam_context *context_with(wave_user *user, unsigned threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .threads = threads });
  lam_custom_layer type = wave(user);
  assert_int_equal(lam_custom_register(context, &type), LAM_OK);
  return context;
}

static const wave_options options = { 1.5f, 7, true };

/* x -> dense (tanh) -> Wave of it and x -> dense */
static lam_model *model_of(lam_context *context) {
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node both[] = { lam_dense(in, IN, &(lam_dense_options){ .activation = LAM_TANH }), in };
  lam_node out = lam_dense(lam_custom("Wave", both, 2, &options), IN, NULL);
  lam_model *model = lam_model_create(&out, 1);
  if (!model) fail_msg("%s", lam_error_message(context));
  return model;
}

static lam_trainer *trainer_of(lam_model *model) {
  return lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SUM_OF_SQUARES, .optimizer = { .type = LAM_SGD } });
}

/* ---- training ----------------------------------------------------------------------------------------------------- */

static double loss_of(lam_context *context, lam_model *model) {
  lam_result result;
  lam_trainer *trainer = trainer_of(model);
  assert_int_equal(lam_evaluate(trainer, data(context), &result), LAM_OK);
  lam_trainer_destroy(trainer);
  return result.loss;
}

/* Each gradient against the difference of the loss between two weights h = 1/64 apart. The loss, around 3, is right within some
 * 2^-22 of it, 7e-7, so the difference quotient within 1e-4; its third derivatives, below 30 here, add h^2/6 of them, 1.3e-3. */
static void check_gradients(lam_context *context, lam_model *model) {
  lam_trainer *trainer = trainer_of(model);
  lam_model *moved = lam_model_clone(model, &(lam_clone_options){ .weights = true });
  assert_int_equal(lam_fit(trainer, data(context), &(lam_fit_options){ .no_shuffle = true }), LAM_OK);
  assert_int_equal(lam_model_copy_weights(model, NULL, moved, NULL), LAM_OK);
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    float values[64];
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    for (size_t j = 0; j < p.count; j++) {
      memcpy(values, p.data, p.count * sizeof *values);
      values[j] = p.data[j] + 0x1p-7f;
      double high = (double)values[j];
      assert_int_equal(lam_model_set_parameter(moved, p.name, values, p.count), LAM_OK);
      double above = loss_of(context, moved);
      values[j] = p.data[j] - 0x1p-7f;
      assert_int_equal(lam_model_set_parameter(moved, p.name, values, p.count), LAM_OK);
      double slope = (above - loss_of(context, moved)) / (high - (double)values[j]), got = (double)lam_gradient(trainer, i)[j];
      assert_int_equal(lam_model_set_parameter(moved, p.name, p.data, p.count), LAM_OK);
      if (!(fabs(got - slope) < 2e-3)) fail_msg("%s[%zu]: %g, not %g", p.name, j, got, slope);
    }
  }
}

static void its_gradients_flow_to_its_weights_and_both_inputs(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  check_gradients(context, model_of(context));
  lam_context_destroy(context);
}

static void a_shared_one_adds_up_the_gradients_of_its_applications(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node one = lam_custom("Wave", &in, 1, &options), two = lam_apply(one, &one, 1);
  lam_node both[] = { two, lam_apply(one, &in, 1) }, out = lam_merge(LAM_MERGE_ADD, both, 2);
  lam_model *model = lam_model_create(&out, 1);
  assert_int_equal(lam_model_count_params(model), IN);
  check_gradients(context, model);
  lam_context_destroy(context);
}

static void the_sequential_interface_names_it_and_knows_its_shape(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_graph *graph = lam_graph_create(context);
  for (int i = 0; i < 2; i++) {
    lam_node last = lam_last(graph);
    assert_true(lam_custom("Wave", &last, 1, &options).index >= 0);
  }
  lam_node last = lam_last(graph);
  lam_model *model = lam_model_create(&last, 1);
  assert_false(lam_model_is_built(model));
  assert_int_equal(lam_model_build(model, &(lam_shape){ { 4 }, 1 }, 1), LAM_OK);
  lam_layer_info info;
  assert_int_equal(lam_model_layer(model, 2, &info), LAM_OK);
  assert_string_equal(info.name, "wave_1");
  assert_string_equal(info.type, "Wave");
  assert_int_equal(info.parameters, 4);
  lam_context_destroy(context);
}

static void it_is_called_once_for_the_batch_on_the_calling_thread(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 4);
  lam_model *model = model_of(context);
  lam_trainer *trainer = trainer_of(model);
  assert_int_equal(lam_fit(trainer, data(context), &(lam_fit_options){ .epochs = 3 }), LAM_OK);
  assert_true(user.forwards == 3 && user.backwards == 3 && user.rows == ROWS && user.training == 3);
  lam_result result;
  assert_int_equal(lam_evaluate(trainer, data(context), &result), LAM_OK);
  assert_true(user.forwards == 4 && user.training == 3);
  assert_false(user.other_thread);
  lam_context_destroy(context);
}

static void gradients_that_nobody_asks_for_are_not_asked_of_it(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_model *model = model_of(context);
  assert_int_equal(lam_fit(trainer_of(model), data(context), NULL), LAM_OK);
  assert_true(user.wanted_inputs == 1 && user.wanted_weights == 1); /* the model's input needs none */
  assert_int_equal(lam_model_set_trainable(model, "wave", false), LAM_OK);
  assert_int_equal(lam_fit(trainer_of(model), data(context), NULL), LAM_OK);
  assert_true(user.wanted_inputs == 2 && user.wanted_weights == 1);
  assert_int_equal(lam_model_set_trainable(model, "dense", false), LAM_OK);
  assert_int_equal(lam_fit(trainer_of(model), data(context), NULL), LAM_OK);
  assert_int_equal(user.backwards, 2); /* nothing at or below it is trained */
  lam_context_destroy(context);
}

static void its_weights_have_penalties_and_constraints(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  double plain = loss_of(context, model_of(context)), sum = 0;
  user.with_rules = true;
  lam_model *model = model_of(context);
  lam_parameter p;
  assert_int_equal(lam_model_parameter(model, 2, &p), LAM_OK);
  assert_string_equal(p.name, "wave/frequency");
  for (size_t j = 0; j < IN; j++) sum += 0.5 * (double)p.data[j] * (double)p.data[j];
  assert_true(fabs(loss_of(context, model) - plain - sum) < 1e-6);
  const float values[IN] = { -3, 1, -2 };
  assert_int_equal(lam_model_set_parameter(model, p.name, values, IN), LAM_OK);
  assert_int_equal(lam_fit(trainer_of(model), data(context), NULL), LAM_OK);
  for (size_t j = 0; j < IN; j++) assert_true(p.data[j] >= 0);
  lam_context_destroy(context);
}

/* ---- failing ------------------------------------------------------------------------------------------------------ */

static void weights(const lam_model *model, float *values) {
  assert_int_equal(lam_model_get_weights(model, values, lam_model_count_params(model)), LAM_OK);
}

static void failed(lam_context *context, lam_status status, const char *sentence) {
  assert_int_equal(status, LAM_INVALID_DATA);
  assert_int_equal(lam_error_status(context), LAM_INVALID_DATA);
  assert_string_equal(lam_error_message(context), sentence);
}

static void a_step_that_fails_changes_no_weight_and_the_next_one_goes_on(void **state) {
  (void)state;
  for (int backward = 0; backward < 2; backward++) {
    wave_user user;
    lam_context *context = context_with(&user, 1);
    lam_model *model = model_of(context), *twin = lam_model_clone(model, &(lam_clone_options){ .weights = true });
    lam_trainer *trainer = trainer_of(model);
    const lam_fit_options how = { .batch_size = 2, .no_shuffle = true },
                          on = { .batch_size = 2, .no_shuffle = true, .resume = true };
    *(backward ? &user.fail_backward : &user.fail_forward) = 2;
    lam_status status = lam_fit(trainer, data(context), &how);
    failed(context, status,
           backward ? "wave (Wave), backward pass: the sea is calm" : "wave (Wave), forward pass: the sea is calm");
    assert_int_equal(lam_fit(trainer, data(context), &on), LAM_OK); /* the second step and the third */
    assert_int_equal(lam_fit(trainer_of(twin), data(context), &how), LAM_OK);
    float one[64], other[64];
    weights(model, one);
    weights(twin, other);
    assert_memory_equal(one, other, lam_model_count_params(model) * sizeof(float));
    lam_context_destroy(context);
  }
}

static int drop(void *user, const void *bytes, size_t size) { return (void)user, (void)bytes, (void)size, 0; }

static void every_call_that_runs_it_tells_its_failure(void **state) {
  (void)state;
  static const char sentence[] = "wave (Wave), forward pass: invalid data";
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_model *model = model_of(context);
  lam_trainer *trainer = trainer_of(model);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  float y[ROWS * IN], *out = y;
  int32_t classes[ROWS];
  lam_result result;
  user.silent = true;
#define FAILING(call) (user.fail_forward = user.forwards + 1, failed(context, call, sentence))
  FAILING(lam_evaluate(trainer, data(context), &result));
  FAILING(lam_predict(model, data(context), NULL, y, ROWS * IN));
  FAILING(lam_predict_classes(model, data(context), NULL, classes, ROWS));
  FAILING(lam_forward(trainer, &in, 1));
  const float *none[] = { NULL };
  assert_int_equal(lam_backward(trainer, none, 1), LAM_INVALID_ARGUMENT); /* there is no forward pass to follow */
  FAILING(lam_fit(trainer, data(context), &(lam_fit_options){ .epochs = 1 }));
  user.fail_forward = user.forwards + 2; /* the validation */
  failed(context, lam_fit(trainer, data(context), &(lam_fit_options){ .validation = data(context) }), sentence);
  FAILING(lam_model_write(model, drop, NULL)); /* the golden row */
#undef FAILING
  assert_int_equal(lam_forward(trainer, &in, 1), LAM_OK);
  user.fail_backward = user.backwards + 1;
  failed(context, lam_backward(trainer, none, 1), "wave (Wave), backward pass: invalid data");
  assert_int_equal(lam_apply_gradients(trainer), LAM_INVALID_ARGUMENT);
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = ROWS });
  user.fail_forward = user.forwards + 1;
  assert_int_equal(lam_session_run(session, &in, 1, &out, 1), LAM_INVALID_DATA);
  assert_string_equal(lam_session_error_message(session), sentence);
  user.fail_forward = user.forwards + 1;
  assert_int_equal(lam_session_classes(session, &in, 1, classes, ROWS), LAM_INVALID_DATA);
  assert_int_equal(lam_session_run(session, &in, 1, &out, 1), LAM_OK);
  lam_context_destroy(context);
}

static void refused(lam_context *context, lam_status status, const char *part) {
  assert_int_equal(lam_error_status(context), status);
  if (!strstr(lam_error_message(context), part)) fail_msg("%s", lam_error_message(context));
}

static void a_shape_it_does_not_take_is_refused_in_its_words(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { 2, 2 }, 2 });
  node = lam_custom("Wave", &node, 1, NULL);
  assert_null(lam_model_create(&node, 1));
  refused(context, LAM_INVALID_SHAPE, "wave (Wave): waves have one axis, not 2");
  lam_node many[3] = { lam_last(lam_graph_create(context)) };
  many[1] = many[2] = many[0];
  assert_true(lam_custom("Wave", many, 3, NULL).index < 0);
  refused(context, LAM_INVALID_ARGUMENT, "Wave takes");
  lam_context_destroy(context);
}

static void a_type_that_nobody_registered_is_unknown(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_node node = lam_last(lam_graph_create(context));
  node = lam_custom("Wafe", &node, 1, NULL);
  assert_true(node.index < 0);
  refused(context, LAM_UNKNOWN_NAME, "\"Wafe\"; the nearest is Wave");
  assert_null(lam_model_create(&node, 1));
  lam_context_destroy(context);
}

static lam_status forward_only(lam_custom_pass *pass) {
  memcpy(pass->output, pass->inputs[0], pass->rows * pass->output_shape.size[0] * sizeof(float));
  return LAM_OK;
}

static void without_a_backward_pass_it_computes_and_is_not_trained(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  assert_int_equal(lam_custom_register(context, &(lam_custom_layer){ .name = "Same", .forward = forward_only }), LAM_OK);
  lam_node node = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), IN, NULL);
  node = lam_dense(lam_custom("Same", &node, 1, NULL), IN, NULL);
  lam_model *model = lam_model_create(&node, 1);
  float y[ROWS * IN];
  assert_int_equal(lam_predict(model, data(context), NULL, y, ROWS * IN), LAM_OK);
  assert_null(trainer_of(model));
  refused(context, LAM_UNSUPPORTED, "same (Same) has no backward pass");
  assert_int_equal(lam_model_set_trainable(model, "dense", false), LAM_OK);
  assert_int_equal(lam_fit(trainer_of(model), data(context), NULL), LAM_OK); /* what is above it learns */
  lam_context_destroy(context);
}

/* The allocator overwrites what goes back to it: a graph that reads a type when both end is found out. */
static void a_type_may_be_registered_when_the_graph_is_there(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  wave_user user;
  lam_custom_layer type = wave(&user);
  assert_int_equal(lam_custom_register(context, &type), LAM_OK);
  node = lam_custom("Wave", &node, 1, &options);
  assert_non_null(lam_model_create(&node, 1));
  lam_context_destroy(context);
  assert_int_equal(memory.live_blocks, 0);
}

/* Each capital letter becomes two: the names of layers are cut, but not what tells them apart. */
static void layers_of_a_type_with_the_longest_name_have_names_of_their_own(void **state) {
  (void)state;
  static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCD";
  lam_context *context = lam_context_create(NULL);
  assert_int_equal(lam_custom_register(context, &(lam_custom_layer){ .name = name, .forward = forward_only }), LAM_OK);
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  for (size_t i = 0; i < 12; i++) node = lam_custom(name, &node, 1, NULL);
  lam_model *model = lam_model_create(&node, 1);
  assert_non_null(model);
  char last[64] = "";
  for (size_t i = 1; i < lam_model_layer_count(model); i++) {
    lam_layer_info info;
    assert_int_equal(lam_model_layer(model, i, &info), LAM_OK);
    assert_string_not_equal(info.name, last);
    assert_true(strlen(info.name) < sizeof last);
    (void)snprintf(last, sizeof last, "%s", info.name);
  }
  assert_non_null(strstr(last, "_11"));
  lam_context_destroy(context);
}

static void registrations_that_cannot_be_meant_are_refused(void **state) {
  (void)state;
  wave_user user;
  lam_context *context = context_with(&user, 1);
  const lam_custom_field beyond[] = { { "amplitude", LAM_CUSTOM_SHAPE, 0 }, { NULL, LAM_CUSTOM_FLOAT, 0 } };
  const lam_custom_field unknown[] = { { "amplitude", (lam_custom_kind)9, 0 }, { NULL, LAM_CUSTOM_FLOAT, 0 } };
  const struct {
    lam_custom_layer layer;
    const char *part;
  } cases[] = { { { .name = "Wave", .forward = forward_only }, "already a type of layer named \"Wave\"" },
                { { .name = "Dense", .forward = forward_only }, "already a type of layer named \"Dense\"" },
                { { .name = "a/b", .forward = forward_only }, "1 to" },
                { { .forward = forward_only }, "1 to" },
                { { .name = "New" }, "New has no forward function" },
                { { .name = "New", .forward = forward_only, .reserved = { 1 } }, "reserved" },
                { { .name = "New", .forward = forward_only, .least_inputs = 3, .most_inputs = 2 }, "at least 3" },
                { { .name = "New", .forward = forward_only, .fields = beyond, .options_size = 4 }, "\"amplitude\" at 0" },
                { { .name = "New", .forward = forward_only, .fields = unknown, .options_size = 4 }, "lam_custom_kind 9" } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(lam_custom_register(context, &cases[i].layer), LAM_INVALID_ARGUMENT);
    refused(context, LAM_INVALID_ARGUMENT, cases[i].part);
  }
  assert_int_equal(lam_custom_register(NULL, &cases[0].layer), LAM_NO_HANDLE);
  assert_int_equal(lam_custom_register(context, NULL), LAM_NO_HANDLE);
  lam_context_destroy(context);
}

/* A layer whose only weight is the one it is given. */
static lam_status given_weight(lam_custom_shaping *shaping) {
  (void)lam_custom_add_weight(shaping, shaping->user); /* a failure is told even where this function does not */
  return LAM_OK;
}

static void weights_that_cannot_be_meant_are_refused(void **state) {
  (void)state;
  const struct {
    lam_custom_weight weight;
    lam_status status;
    const char *part;
  } cases[] = {
    { { .name = "a/b", .shape = { { 2 }, 1 } }, LAM_INVALID_ARGUMENT, "the name of a weight" },
    { { .name = "w" }, LAM_INVALID_ARGUMENT, "1 to" },
    { { .name = "w", .shape = { { 0 }, 1 } }, LAM_INVALID_SHAPE, "" },
    { { .name = "w", .shape = { { 2 }, 1 }, .reserved = { 1 } }, LAM_INVALID_ARGUMENT, "reserved" },
    { { .name = "w", .shape = { { 2 }, 1 }, .initializer = { .value = NAN } }, LAM_INVALID_ARGUMENT, "initializer" },
    { { .name = "w", .shape = { { 2 }, 1 }, .regularizer = { .l1 = -1 } }, LAM_INVALID_ARGUMENT, "w regularizer" },
    { { .name = "w", .shape = { { 2 }, 1 }, .constraint = { LAM_UNIT_NORM, .axis = 1 } }, LAM_INVALID_SHAPE, "axis 1" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lam_context *context = lam_context_create(NULL);
    lam_custom_weight weight = cases[i].weight;
    lam_custom_layer type = { .name = "New", .shape = given_weight, .forward = forward_only, .user = &weight };
    assert_int_equal(lam_custom_register(context, &type), LAM_OK);
    lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 });
    node = lam_custom("New", &node, 1, NULL);
    assert_null(lam_model_create(&node, 1));
    refused(context, cases[i].status, cases[i].part);
    lam_context_destroy(context);
  }
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void models_with_it_are_saved_and_loaded(void **state) {
  (void)state;
  test_bytes first = { 0 }, second = { 0 };
  wave_user user, other;
  lam_context *context = context_with(&user, 1), *stranger = lam_context_create(NULL);
  lam_model *model = model_of(context);
  assert_int_equal(lam_fit(trainer_of(model), data(context), NULL), LAM_OK);
  assert_int_equal(lam_model_write(model, test_write, &first), LAM_OK);
  lam_context_destroy(context);
  assert_null(lam_model_load_memory(stranger, first.bytes, first.size));
  refused(stranger, LAM_UNKNOWN_NAME, "there is no registered type of layer \"Wave\" (there are none)");
  refused(stranger, LAM_UNKNOWN_NAME, "lam_custom_register");
  lam_custom_layer type = wave(&other);
  assert_int_equal(lam_custom_register(stranger, &type), LAM_OK);
  lam_model *loaded = lam_model_load_memory(stranger, first.bytes, first.size);
  if (!loaded) fail_msg("%s", lam_error_message(stranger));
  assert_int_equal(other.forwards, 1); /* the golden row: with the options as they were */
  assert_int_equal(lam_model_write(loaded, test_write, &second), LAM_OK);
  assert_int_equal(first.size, second.size);
  assert_memory_equal(first.bytes, second.bytes, first.size);
  free(first.bytes);
  free(second.bytes);
  lam_context_destroy(stranger);
}

static bool all_of_it(lam_allocator allocator) {
  wave_user user;
  lam_custom_layer type = wave(&user);
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  bool good = context && lam_custom_register(context, &type) == LAM_OK;
  lam_node in = lam_input(good ? lam_graph_create(context) : NULL, (lam_shape){ { IN }, 1 });
  lam_node out = lam_custom("Wave", &in, 1, &options);
  lam_model *model = out.index >= 0 ? lam_model_create(&out, 1) : NULL;
  lam_trainer *trainer = model ? trainer_of(model) : NULL;
  good = trainer && lam_session_create(model, NULL);
  lam_context_destroy(context);
  return good;
}

static void memory_that_runs_out_leaves_nothing_behind(void **state) {
  (void)state;
  test_every_allocation_failing(all_of_it);
}

/* So wide that a session without it would take 64 rows at a time. */
static void a_session_of_many_rows_calls_it_once(void **state) {
  (void)state;
  enum { WIDE = 1100, MANY = 80 };
  wave_user user;
  lam_context *context = context_with(&user, 1);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { WIDE }, 1 });
  lam_node out = lam_custom("Wave", &in, 1, &options);
  lam_model *model = lam_model_create(&out, 1);
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = MANY });
  static float rows_in[MANY * WIDE], rows_out[MANY * WIDE];
  float *results = rows_out;
  lam_array rows = { .data = rows_in, .rows = MANY, .shape = { { WIDE }, 1 } };
  assert_int_equal(lam_session_run(session, &rows, 1, &results, 1), LAM_OK);
  assert_int_equal(user.forwards, 1);
  assert_int_equal(user.rows, MANY);
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(its_gradients_flow_to_its_weights_and_both_inputs),
    cmocka_unit_test(a_shared_one_adds_up_the_gradients_of_its_applications),
    cmocka_unit_test(the_sequential_interface_names_it_and_knows_its_shape),
    cmocka_unit_test(it_is_called_once_for_the_batch_on_the_calling_thread),
    cmocka_unit_test(a_session_of_many_rows_calls_it_once),
    cmocka_unit_test(gradients_that_nobody_asks_for_are_not_asked_of_it),
    cmocka_unit_test(its_weights_have_penalties_and_constraints),
    cmocka_unit_test(a_step_that_fails_changes_no_weight_and_the_next_one_goes_on),
    cmocka_unit_test(every_call_that_runs_it_tells_its_failure),
    cmocka_unit_test(a_shape_it_does_not_take_is_refused_in_its_words),
    cmocka_unit_test(a_type_that_nobody_registered_is_unknown),
    cmocka_unit_test(without_a_backward_pass_it_computes_and_is_not_trained),
    cmocka_unit_test(a_type_may_be_registered_when_the_graph_is_there),
    cmocka_unit_test(layers_of_a_type_with_the_longest_name_have_names_of_their_own),
    cmocka_unit_test(registrations_that_cannot_be_meant_are_refused),
    cmocka_unit_test(weights_that_cannot_be_meant_are_refused),
    cmocka_unit_test(models_with_it_are_saved_and_loaded),
    cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
