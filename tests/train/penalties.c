/* SPDX-License-Identifier: MIT
 *
 * Regularizers: what fit and evaluate tell, and the gradients, against plain sums in double. Constraints: after each update,
 * against their formulas in double.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>

enum { ROWS = 7, IN = 5, HIDDEN = 20, OUT = 3 };

static float x[ROWS][IN], targets[ROWS][OUT];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 1, 0, 0);
  lam_random_normal(&targets[0][0], ROWS * OUT, 1, 1, 0);
  return 0;
}

static lam_dataset *data(lam_context *context, size_t rows) {
  lam_array in = { .data = x, .rows = rows, .shape = { { IN }, 1 } },
            out = { .data = targets, .rows = rows, .shape = { { OUT }, 1 } };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

static const lam_regularizer kernel = { 0.03f, 0.02f }, bias = { 0.0f, 0.5f }, activity = { 0.01f, 0.04f };

/* x -> tanh layer of 20 with all three regularizers -> linear layer of 3 with one of its kernel. */
static lam_model *regularized(lam_context *context, bool apart) {
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_dense_options hidden = { .activation = LAM_TANH, .kernel_regularizer = kernel, .bias_regularizer = bias };
  if (!apart) hidden.activity_regularizer = activity;
  node = lam_dense(node, HIDDEN, &hidden);
  if (apart) node = lam_activity_regularization(node, activity);
  node = lam_dense(node, OUT, &(lam_dense_options){ .kernel_regularizer = { .l2 = 0.1f } });
  lam_model *model = lam_model_create(&node, 1);
  float values[HIDDEN];
  lam_random_normal(values, HIDDEN, 5, 0, 0);
  values[3] = 0.0f; /* where |b| has no slope, 0 is taken */
  assert_int_equal(lam_model_set_parameter(model, "dense/bias", values, HIDDEN), LAM_OK);
  return model;
}

static double penalty(lam_regularizer r, const double *w, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)r.l1 * fabs(w[i]) + (double)r.l2 * w[i] * w[i];
  return sum;
}

/* Dense kernel, bias, second kernel, bias, as doubles. */
typedef struct net {
  double w[IN][HIDDEN], b[HIDDEN], v[HIDDEN][OUT], c[OUT];
} net;

static net net_of(const lam_model *model) {
  net n;
  double *all = &n.w[0][0];
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
    for (size_t j = 0; j < p.count; j++) *all++ = (double)p.data[j];
  }
  return n;
}

/* The mean squared error of rows [first, end) with all penalties, as Keras has them. */
static double loss_of(const net *n, size_t first, size_t end) {
  double error = 0, output = 0, rows = (double)(end - first);
  for (size_t i = first; i < end; i++) {
    double h[HIDDEN];
    for (size_t j = 0; j < HIDDEN; j++) {
      double z = n->b[j];
      for (size_t k = 0; k < IN; k++) z += (double)x[i][k] * n->w[k][j];
      h[j] = tanh(z);
    }
    output += penalty(activity, h, HIDDEN);
    for (size_t j = 0; j < OUT; j++) {
      double y = n->c[j];
      for (size_t k = 0; k < HIDDEN; k++) y += h[k] * n->v[k][j];
      error += (y - (double)targets[i][j]) * (y - (double)targets[i][j]) / OUT;
    }
  }
  return (error + output) / rows + penalty(kernel, &n->w[0][0], IN * HIDDEN) + penalty(bias, n->b, HIDDEN) +
         penalty((lam_regularizer){ .l2 = 0.1f }, &n->v[0][0], HIDDEN * OUT);
}

/* Sums of at most 100 products and penalties, around 5: 100 roundings of 2^-24 of each are below 3e-5; a wrong factor shows. */
static const double tolerance = 3e-5;

static lam_trainer *trainer_of(lam_model *model) {
  lam_trainer_options options = { .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = { .type = LAM_SGD } };
  lam_trainer *trainer = lam_trainer_create(model, &options);
  assert_non_null(trainer);
  return trainer;
}

static void evaluate_tells_the_loss_with_its_penalties(void **state) {
  (void)state;
  for (int apart = 0; apart < 2; apart++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = regularized(context, apart);
    lam_result result;
    net n = net_of(model);
    assert_int_equal(lam_evaluate(trainer_of(model), data(context, ROWS), &result), LAM_OK);
    assert_true(fabs(result.loss - loss_of(&n, 0, ROWS)) < tolerance);
    lam_context_destroy(context);
  }
}

typedef struct told {
  const lam_model *model;
  double step[2], expected[2];
} told;

static int at_step(void *user, const lam_progress *progress) {
  told *t = user;
  net n = net_of(t->model);
  if (progress->event == LAM_STEP_END) t->step[progress->step - 1] = progress->step_loss;
  size_t done = progress->event == LAM_EPOCH_BEGIN ? 0 : progress->step; /* the next step sees these weights */
  if (progress->event != LAM_EPOCH_END && done < 2) t->expected[done] = done ? loss_of(&n, 4, ROWS) : loss_of(&n, 0, 4);
  return 0;
}

static void fit_tells_the_penalties_in_steps_epochs_and_validation(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = regularized(context, false);
  lam_trainer *trainer = trainer_of(model);
  told t = { .model = model };
  lam_dataset *all = data(context, ROWS);
  lam_fit_options options = { .batch_size = 4, .no_shuffle = true, .callback = at_step, .user = &t, .validation = all };
  assert_int_equal(lam_fit(trainer, all, &options), LAM_OK);
  size_t count;
  const lam_epoch *epoch = lam_trainer_history(trainer, &count);
  net n = net_of(model);
  for (int i = 0; i < 2; i++) assert_true(fabs(t.step[i] - t.expected[i]) < tolerance);
  assert_true(fabs(epoch->loss - (4 * t.expected[0] + 3 * t.expected[1]) / 7) < tolerance);
  /* Validation runs in batches of 4 and 3, each with its penalties. */
  assert_true(fabs(epoch->val_loss - (4 * loss_of(&n, 0, 4) + 3 * loss_of(&n, 4, ROWS)) / 7) < tolerance);
  lam_context_destroy(context);
}

static void gradients_are_those_of_the_whole_loss(void **state) {
  (void)state;
  for (int apart = 0; apart < 2; apart++) {
    lam_context *context = lam_context_create(NULL);
    lam_model *model = regularized(context, apart);
    lam_trainer *trainer = trainer_of(model);
    net n = net_of(model);
    lam_fit_options options = { .batch_size = ROWS, .no_shuffle = true };
    assert_int_equal(lam_fit(trainer, data(context, ROWS), &options), LAM_OK);
    double *all = &n.w[0][0];
    for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
      lam_parameter p;
      assert_int_equal(lam_model_parameter(model, i, &p), LAM_OK);
      const float *gradient = lam_gradient(trainer, i);
      for (size_t j = 0; j < p.count; j++, all++) {
        double at = *all, h = 1e-6;
        *all = at + h;
        double above = loss_of(&n, 0, ROWS);
        *all = at - h;
        double slope = (above - loss_of(&n, 0, ROWS)) / (2 * h);
        *all = at;
        /* Sums of 7 rows and 20 products of numbers around 1, 30 roundings: 30 * 2^-24 * 10 < 2e-5. */
        if (!(fabs((double)gradient[j] - slope) < 2e-5)) fail_msg("%s[%zu]: %g, not %g", p.name, j, (double)gradient[j], slope);
      }
    }
    lam_context_destroy(context);
  }
}

static void the_parts_of_a_loop_add_the_gradients_of_penalties(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = regularized(context, false);
  lam_trainer *trainer = trainer_of(model);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  const float *none[] = { NULL };
  net n = net_of(model);
  for (int i = 0; i < 2; i++) { /* and does not add them up from step to step */
    assert_int_equal(lam_forward(trainer, &in, 1), LAM_OK);
    assert_int_equal(lam_backward(trainer, none, 1), LAM_OK);
  }
  for (size_t j = 0; j < HIDDEN * OUT; j++) /* the output's gradient is 0: what is left is the penalty's, rounded twice */
    assert_true(fabs((double)lam_gradient(trainer, 2)[j] - 0.2 * (&n.v[0][0])[j]) <= 4 * 0x1p-24);
  lam_context_destroy(context);
}

static const lam_regularizer l1 = { .l1 = 1 };
static const lam_constraint at_most_half = { .type = LAM_MIN_MAX_NORM, .max_value = 0.5f };

static lam_node ruled_batch(lam_node node) {
  return lam_batch_normalization(node, &(lam_batch_normalization_options){ .beta_regularizer = l1,
                                                                           .gamma_regularizer = l1,
                                                                           .beta_constraint = at_most_half,
                                                                           .gamma_constraint = at_most_half });
}
static const lam_layer_normalization_options ruled = { .beta_regularizer = { .l1 = 1 },
                                                       .gamma_regularizer = { .l1 = 1 },
                                                       .beta_constraint = { LAM_MIN_MAX_NORM, 0.5f, 0, 0, 0 },
                                                       .gamma_constraint = { LAM_MIN_MAX_NORM, 0.5f, 0, 0, 0 } };
static lam_node ruled_layer(lam_node node) { return lam_layer_normalization(node, &ruled); }
static lam_node ruled_rms(lam_node node) { return lam_rms_normalization(node, &ruled); }
static lam_node ruled_prelu(lam_node node) {
  return lam_prelu_with(node, &(lam_prelu_options){ .alpha_regularizer = l1, .alpha_constraint = at_most_half });
}

static void update(lam_context *context, lam_model *model, size_t in);

/* Without a gradient from above, what is left of it is the penalty's, 1 for what is above 0; and after an update no norm is more
 * than 0.5. */
static void other_layers_weights_have_penalties_and_constraints_too(void **state) {
  (void)state;
  lam_node (*const layers[])(lam_node) = { ruled_batch, ruled_layer, ruled_rms, ruled_prelu };
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    lam_context *context = lam_context_create(NULL);
    lam_node node = layers[i](lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }));
    lam_model *model = lam_model_create(&node, 1);
    if (!model) fail_msg("%s", lam_error_message(context));
    lam_trainer *trainer = trainer_of(model);
    lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
    const float *none[] = { NULL }, ones[IN] = { 1, 1, 1, 1, 1 };
    lam_parameter p;
    size_t checked = 0;
    for (size_t w = 0; w < lam_model_parameter_count(model); w++) {
      assert_int_equal(lam_model_parameter(model, w, &p), LAM_OK);
      if (!p.fixed) assert_int_equal(lam_model_set_parameter(model, p.name, ones, IN), LAM_OK);
    }
    assert_int_equal(lam_forward(trainer, &in, 1) | lam_backward(trainer, none, 1), LAM_OK);
    for (size_t w = 0; w < lam_model_parameter_count(model); w++) {
      assert_int_equal(lam_model_parameter(model, w, &p), LAM_OK);
      for (size_t j = 0; !p.fixed && j < p.count; j++, checked++) assert_true(lam_gradient(trainer, w)[j] == 1.0f);
    }
    update(context, model, IN);
    for (size_t w = 0; w < lam_model_parameter_count(model); w++) {
      double norm = 0;
      assert_int_equal(lam_model_parameter(model, w, &p), LAM_OK);
      for (size_t j = 0; j < p.count; j++) norm += (double)p.data[j] * (double)p.data[j];
      assert_true(p.fixed || fabs(sqrt(norm) - 0.5) < 1e-6); /* 1e-7 of it, and three roundings */
    }
    assert_int_equal(checked, i < 2 ? 2 * IN : IN);
    lam_context_destroy(context);
  }
}

static double evaluated(lam_context *context, lam_model *model) {
  lam_result result;
  lam_trainer *trainer = trainer_of(model);
  assert_int_equal(lam_evaluate(trainer, data(context, ROWS), &result), LAM_OK);
  lam_trainer_destroy(trainer);
  return result.loss;
}

/* One layer of 3, twice over the same rows, averaged: the outputs are those of one application. */
static double shared_loss(lam_regularizer weights, lam_regularizer outputs) {
  lam_context *context = lam_context_create(NULL);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node one = lam_dense(in, OUT, &(lam_dense_options){ .kernel_regularizer = weights, .activity_regularizer = outputs });
  lam_node nodes[] = { one, lam_apply(one, &in, 1) };
  lam_node output = lam_merge(LAM_MERGE_AVERAGE, nodes, 2);
  double loss = evaluated(context, lam_model_create(&output, 1));
  lam_context_destroy(context);
  return loss;
}

static void a_shared_layer_s_weights_count_once_and_its_outputs_each_time(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  node = lam_dense(node, OUT, NULL);
  lam_model *model = lam_model_create(&node, 1);
  double w[IN * OUT], y = 0, plain = shared_loss((lam_regularizer){ 0 }, (lam_regularizer){ 0 });
  lam_parameter p;
  float outputs[ROWS * OUT];
  assert_int_equal(lam_model_parameter(model, 0, &p), LAM_OK);
  for (size_t i = 0; i < IN * OUT; i++) w[i] = (double)p.data[i];
  assert_int_equal(lam_predict(model, data(context, ROWS), NULL, outputs, ROWS * OUT), LAM_OK);
  for (size_t i = 0; i < ROWS * OUT; i++) y += fabs((double)outputs[i]);
  lam_regularizer one = { .l1 = 1 };
  assert_true(fabs(shared_loss(one, (lam_regularizer){ 0 }) - plain - penalty(one, w, IN * OUT)) < tolerance);
  assert_true(fabs(shared_loss((lam_regularizer){ 0 }, one) - plain - 2 * y / ROWS) < tolerance);
  lam_context_destroy(context);
}

/* The last activation stays with its layer, and what is penalised is its result: rows of softmax sum to 1. */
static void the_penalty_of_a_softmax_is_that_of_its_probabilities(void **state) {
  (void)state;
  static const int32_t labels[ROWS] = { 0, 1, 2, 0, 1, 2, 0 };
  double losses[2];
  for (int i = 0; i < 2; i++) {
    lam_context *context = lam_context_create(NULL);
    lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
    node = lam_dense(node, OUT, &(lam_dense_options){ .activation = LAM_SOFTMAX, .activity_regularizer = { .l1 = (float)i } });
    lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out = { .data = labels, .type = LAM_INT32, .rows = ROWS };
    lam_trainer_options options = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY };
    lam_trainer *trainer = lam_trainer_create(lam_model_create(&node, 1), &options);
    lam_result result;
    assert_int_equal(lam_evaluate(trainer, lam_dataset_create(context, &in, 1, &out, 1), &result), LAM_OK);
    losses[i] = result.loss;
    lam_context_destroy(context);
  }
  assert_true(fabs(losses[1] - losses[0] - 1) < 1e-5); /* two ways of computing the loss, each within a few 2^-24 of it */
}

static void an_activation_layer_does_not_join_a_layer_whose_output_is_penalised(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node node = lam_activate(lam_dense(in, OUT, &(lam_dense_options){ .activity_regularizer = { .l1 = 1 } }), LAM_RELU);
  lam_model *model = lam_model_create(&node, 1);
  lam_parameter p;
  assert_int_equal(lam_model_parameter(model, 0, &p), LAM_OK);
  double expected = 0;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < OUT; j++) {
      double y = 0, error;
      for (size_t k = 0; k < IN; k++) y += (double)x[i][k] * (double)p.data[k * OUT + j];
      error = fmax(y, 0) - (double)targets[i][j];
      expected += (fabs(y) + error * error / OUT) / ROWS;
    }
  assert_true(fabs(evaluated(context, model) - expected) < tolerance);
  lam_context_destroy(context);
}

static void trained(float *weights, unsigned threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .threads = threads, .gemm = "native" });
  lam_model *model = regularized(context, false);
  assert_int_equal(lam_fit(trainer_of(model), data(context, ROWS), &(lam_fit_options){ .batch_size = 3, .epochs = 4 }), LAM_OK);
  assert_int_equal(lam_model_get_weights(model, weights, lam_model_count_params(model)), LAM_OK);
  lam_context_destroy(context);
}

static void threads_change_no_bit(void **state) {
  (void)state;
  float one[sizeof(net) / sizeof(double)], four[sizeof(net) / sizeof(double)];
  trained(one, 1);
  trained(four, 4);
  assert_memory_equal(one, four, sizeof one);
}

static void gradient_check_knows_the_penalties_of_weights(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  node = lam_dense(node, OUT, &(lam_dense_options){ .kernel_regularizer = { 0.5f, 0.5f } });
  lam_trainer *trainer = trainer_of(lam_model_create(&node, 1));
  lam_gradient_report report;
  assert_int_equal(lam_gradient_check(trainer, data(context, ROWS), NULL, &report), LAM_OK);
  assert_true(report.exceeded == 0 && report.compared == IN * OUT + OUT && report.relative < 1e-5);
  lam_context_destroy(context);
}

/* ---- constraints -------------------------------------------------------------------------------------------------- */

enum { TALL = 4, WIDE = 37 }; /* more columns than norms are taken side by side, and not a multiple */

static double constrained(lam_constraint c, double w, double norm) {
  double most = c.max_value == 0 ? (c.type == LAM_MAX_NORM ? 2 : 1) : (double)c.max_value, e = 1e-7;
  double inside = fmin(fmax(norm, (double)c.min_value), most), rate = c.rate == 0 ? 1 : c.rate == LAM_ZERO ? 0 : (double)c.rate;
  if (c.type == LAM_MAX_NORM) return w * fmin(norm, most) / (e + norm);
  if (c.type == LAM_NON_NEG) return fmax(w, 0);
  if (c.type == LAM_UNIT_NORM) return w / (e + norm);
  return w * (rate * inside + (1 - rate) * norm) / (e + norm);
}

/* An update with a learning rate of 0: what is left is the constraint. */
static void update(lam_context *context, lam_model *model, size_t in) {
  lam_trainer_options options = { .optimizer = { .type = LAM_SGD, .learning_rate = LAM_ZERO } };
  lam_trainer *trainer = lam_trainer_create(model, &options);
  const float row[IN] = { 1, 1, 1, 1, 1 }, *none[] = { NULL };
  lam_array array = { .data = row, .rows = 1, .shape = { { in }, 1 } };
  if (!trainer || lam_forward(trainer, &array, 1) || lam_backward(trainer, none, 1) || lam_apply_gradients(trainer))
    fail_msg("%s", lam_error_message(context));
  lam_trainer_destroy(trainer);
}

static void check_constraint(lam_constraint c) {
  lam_context *context = lam_context_create(NULL);
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { TALL }, 1 });
  lam_constraint of_bias = c;
  of_bias.axis = 0;
  node = lam_dense(node, WIDE, &(lam_dense_options){ .kernel_constraint = c, .bias_constraint = of_bias });
  lam_model *model = lam_model_create(&node, 1);
  float w[TALL * WIDE], b[WIDE];
  lam_random_normal(w, TALL * WIDE, 3, 0, 0);
  lam_random_normal(b, WIDE, 3, 1, 0);
  for (size_t i = 0; i < TALL; i++) w[i * WIDE + 2] = 0.0f; /* a column without a norm */
  assert_int_equal(lam_model_set_parameter(model, "dense/kernel", w, TALL * WIDE), LAM_OK);
  assert_int_equal(lam_model_set_parameter(model, "dense/bias", b, WIDE), LAM_OK);
  update(context, model, TALL);
  lam_parameter p;
  assert_int_equal(lam_model_parameter(model, 0, &p), LAM_OK);
  for (size_t i = 0; i < TALL * WIDE; i++) {
    double norm = 0;
    if (c.axis == 0)
      for (size_t k = 0; k < TALL; k++) norm += (double)w[k * WIDE + i % WIDE] * (double)w[k * WIDE + i % WIDE];
    else
      for (size_t k = 0; k < WIDE; k++) norm += (double)w[i / WIDE * WIDE + k] * (double)w[i / WIDE * WIDE + k];
    double expected = constrained(c, (double)w[i], sqrt(norm));
    /* The factor and its product with the weight are rounded once each. */
    if (!(fabs((double)p.data[i] - expected) <= 2 * 0x1p-24 * fabs(expected)))
      fail_msg("%d, axis %zu, [%zu]: %.9g, not %.9g", c.type, c.axis, i, (double)p.data[i], expected);
  }
  assert_int_equal(lam_model_parameter(model, 1, &p), LAM_OK);
  double norm = 0;
  for (size_t k = 0; k < WIDE; k++) norm += (double)b[k] * (double)b[k];
  for (size_t k = 0; k < WIDE; k++) {
    double expected = constrained(of_bias, (double)b[k], sqrt(norm));
    assert_true(fabs((double)p.data[k] - expected) <= 2 * 0x1p-24 * fabs(expected));
  }
  lam_context_destroy(context);
}

static void every_constraint_follows_its_formula_along_each_axis(void **state) {
  (void)state;
  const lam_constraint constraints[] = { { .type = LAM_MAX_NORM },
                                         { .type = LAM_MAX_NORM, .max_value = 1.5f },
                                         { .type = LAM_NON_NEG },
                                         { .type = LAM_UNIT_NORM },
                                         { .type = LAM_MIN_MAX_NORM },
                                         { .type = LAM_MIN_MAX_NORM, .min_value = 1.75f, .max_value = 2.0f },
                                         { .type = LAM_MIN_MAX_NORM, .max_value = 0.5f, .rate = 0.25f },
                                         { .type = LAM_MIN_MAX_NORM, .max_value = 0.5f, .rate = LAM_ZERO } };
  for (size_t i = 0; i < sizeof constraints / sizeof *constraints; i++)
    for (size_t axis = 0; axis < 2; axis++) {
      lam_constraint c = constraints[i];
      c.axis = axis;
      check_constraint(c);
    }
}

static void fit_constrains_after_each_step_and_not_what_is_frozen(void **state) {
  (void)state;
  for (int frozen = 0; frozen < 2; frozen++) {
    lam_context *context = lam_context_create(NULL);
    lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
    node = lam_trainable(lam_dense(node, OUT, &(lam_dense_options){ .kernel_constraint = { .type = LAM_NON_NEG } }), !frozen);
    node = lam_dense(node, OUT, NULL);
    lam_model *model = lam_model_create(&node, 1);
    assert_int_equal(lam_fit(trainer_of(model), data(context, ROWS), NULL), LAM_OK);
    lam_parameter p;
    size_t negative = 0;
    assert_int_equal(lam_model_parameter(model, 0, &p), LAM_OK);
    for (size_t i = 0; i < p.count; i++) negative += p.data[i] < 0;
    assert_true(frozen ? negative > 0 : negative == 0);
    lam_context_destroy(context);
  }
}

static void refuse(lam_dense_options options, lam_status status, const char *part) {
  lam_context *context = lam_context_create(NULL);
  lam_node node = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), OUT, &options);
  assert_null(lam_model_create(&node, 1));
  assert_int_equal(lam_error_status(context), status);
  if (!strstr(lam_error_message(context), part)) fail_msg("%s", lam_error_message(context));
  lam_context_destroy(context);
}

static void numbers_that_cannot_be_meant_are_refused(void **state) {
  (void)state;
  refuse((lam_dense_options){ .kernel_regularizer = { .l1 = -1 } }, LAM_INVALID_ARGUMENT,
         "dense: the kernel regularizer is l1 -1");
  refuse((lam_dense_options){ .bias_regularizer = { .l2 = NAN } }, LAM_INVALID_ARGUMENT, "bias regularizer");
  refuse((lam_dense_options){ .activity_regularizer = { .l2 = INFINITY } }, LAM_INVALID_ARGUMENT, "activity regularizer");
  refuse((lam_dense_options){ .kernel_constraint = { .type = (lam_constraint_type)9 } }, LAM_INVALID_ARGUMENT, "9");
  refuse((lam_dense_options){ .kernel_constraint = { .type = LAM_MAX_NORM, .max_value = -2 } }, LAM_INVALID_ARGUMENT,
         "max_value");
  refuse((lam_dense_options){ .bias_constraint = { .type = LAM_MIN_MAX_NORM, .rate = 1.5f } }, LAM_INVALID_ARGUMENT, "at most 1");
  refuse((lam_dense_options){ .kernel_constraint = { .type = LAM_UNIT_NORM, .axis = 2 } }, LAM_INVALID_SHAPE, "axis 2");
  refuse((lam_dense_options){ .bias_constraint = { .type = LAM_UNIT_NORM, .axis = 1 } }, LAM_INVALID_SHAPE, "dense/bias has 1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(evaluate_tells_the_loss_with_its_penalties),
    cmocka_unit_test(fit_tells_the_penalties_in_steps_epochs_and_validation),
    cmocka_unit_test(gradients_are_those_of_the_whole_loss),
    cmocka_unit_test(the_parts_of_a_loop_add_the_gradients_of_penalties),
    cmocka_unit_test(other_layers_weights_have_penalties_and_constraints_too),
    cmocka_unit_test(a_shared_layer_s_weights_count_once_and_its_outputs_each_time),
    cmocka_unit_test(the_penalty_of_a_softmax_is_that_of_its_probabilities),
    cmocka_unit_test(an_activation_layer_does_not_join_a_layer_whose_output_is_penalised),
    cmocka_unit_test(threads_change_no_bit),
    cmocka_unit_test(gradient_check_knows_the_penalties_of_weights),
    cmocka_unit_test(every_constraint_follows_its_formula_along_each_axis),
    cmocka_unit_test(fit_constrains_after_each_step_and_not_what_is_frozen),
    cmocka_unit_test(numbers_that_cannot_be_meant_are_refused),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
