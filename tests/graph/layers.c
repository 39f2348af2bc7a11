/* SPDX-License-Identifier: MIT
 *
 * Each layer without products in a small network: values and gradients against an evaluator in double; noise against its stated
 * streams; options and shapes that are refused.
 */
#include "slopes.h"

enum { ROWS = 5, IN = 3, WIDTH = 6, SEED = 11 };

/* dense a (tanh), dense b (tanh) -> the layer -> (y - t)^2 summed and halved. Weights: a's kernel and bias, b's, the layer's. */
static float x[ROWS][IN], targets[ROWS][WIDTH];

typedef struct layer {
  const char *name;
  lam_node (*build)(lam_node a, lam_node b);
  double (*value)(double a, double b, size_t row, size_t j);
} layer;

static lam_node merge(lam_merge_type type, lam_node a, lam_node b) {
  lam_node nodes[] = { a, b, a };
  return lam_merge(type, nodes, type == LAM_MERGE_SUBTRACT ? 2 : 3);
}
#define MERGE(name, TYPE, formula)                                                                                               \
  static lam_node build_##name(lam_node a, lam_node b) { return merge(LAM_MERGE_##TYPE, a, b); }                                 \
  static double value_##name(double a, double b, size_t row, size_t j) { return (void)row, (void)j, formula; }
MERGE(add, ADD, a + b + a)
MERGE(subtract, SUBTRACT, a - b)
MERGE(multiply, MULTIPLY, a *b *a)
MERGE(average, AVERAGE, (a + b + a) / 3)
MERGE(maximum, MAXIMUM, fmax(a, b))
MERGE(minimum, MINIMUM, fmin(a, b))

#define ONE(name, call, formula)                                                                                                 \
  static lam_node build_##name(lam_node a, lam_node b) { return merge(LAM_MERGE_ADD, call, b); }                                 \
  static double value_##name(double a, double b, size_t row, size_t j) {                                                         \
    double f = formula;                                                                                                          \
    return (void)row, (void)j, 2 * f + b;                                                                                        \
  }
static double noise(size_t row, size_t j, bool normal) {
  float number;
  /* nodes: input, a, b, the layer. The step is 0. */
  uint64_t stream = UINT64_C(1) << 63 | UINT64_C(3) << 43;
  (normal ? lam_random_normal : lam_random_uniform)(&number, 1, SEED, stream, row * WIDTH + j);
  return (double)number;
}
ONE(prelu, lam_prelu(a, (lam_initializer){ LAM_CONSTANT, 0.25f }), a > 0 ? a : w[4][j] * a)
ONE(rescaling, lam_rescaling(a, 1.5f, -0.25f), 1.5 * a - 0.25)
ONE(reshape, lam_reshape(lam_reshape(a, (lam_shape){ { 2, 0 }, 2 }), (lam_shape){ { WIDTH }, 1 }), a)
ONE(dropout, lam_dropout(a, 0.4f), noise(row, j, false) < (double)0.4f ? 0 : a / 0.6)
ONE(gaussian_noise, lam_gaussian_noise(a, 0.5f), a + 0.5 * noise(row, j, true))
ONE(relu_with_options,
    lam_activate_with(a, LAM_RELU, &(lam_activation_options){ .negative_slope = 0.25f, .max_value = 0.5f, .threshold = 0.125f }),
    a > 0.125 ? fmin(a, 0.5) : 0.25 * (a - 0.125))
ONE(leaky_relu, lam_activate_with(a, LAM_LEAKY_RELU, &(lam_activation_options){ .negative_slope = 0.5f }), a > 0 ? a : 0.5 * a)
ONE(elu, lam_activate_with(a, LAM_ELU, &(lam_activation_options){ .alpha = 0.5f }), a > 0 ? a : 0.5 * expm1(a))
ONE(celu, lam_activate_with(a, LAM_CELU, &(lam_activation_options){ .alpha = 0.5f }), a > 0 ? a : 0.5 * expm1(2 * a))
ONE(squareplus, lam_activate_with(a, LAM_SQUAREPLUS, &(lam_activation_options){ .b = 0.5f }), (a + sqrt(a * a + 0.5)) / 2)
ONE(soft_shrink, lam_activate_with(a, LAM_SOFT_SHRINK, &(lam_activation_options){ .threshold = 0.25f }),
    fabs(a) > 0.25 ? a - copysign(0.25, a) : 0)
ONE(threshold, lam_activate_with(a, LAM_THRESHOLD, &(lam_activation_options){ .threshold = -0.25f, .value = -2.0f }),
    a > -0.25 ? a : -2)

#define LAYER(name)                                                                                                              \
  { #name, build_##name, value_##name }
static const layer layers[] = {
  LAYER(add),
  LAYER(subtract),
  LAYER(multiply),
  LAYER(average),
  LAYER(maximum),
  LAYER(minimum),
  LAYER(prelu),
  LAYER(rescaling),
  LAYER(reshape),
  LAYER(dropout),
  LAYER(gaussian_noise),
  LAYER(leaky_relu),
  LAYER(relu_with_options),
  LAYER(elu),
  LAYER(celu),
  LAYER(squareplus),
  LAYER(threshold),
  LAYER(soft_shrink),
};

static double branch(size_t row, size_t j, size_t kernel) {
  double sum = w[kernel + 1][j];
  for (size_t i = 0; i < IN; i++) sum += (double)x[row][i] * w[kernel][i * WIDTH + j];
  return tanh(sum);
}

static double mean_loss(const void *what) {
  const layer *l = what;
  double sum = 0;
  for (size_t row = 0; row < ROWS; row++) {
    for (size_t j = 0; j < WIDTH; j++) {
      double d = l->value(branch(row, j, 0), branch(row, j, 2), row, j) - (double)targets[row][j];
      sum += d * d / 2;
    }
  }
  return sum / ROWS;
}

static lam_model *build(lam_context *context, const layer *l) {
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node a = lam_dense(in, WIDTH, &(lam_dense_options){ .activation = LAM_TANH });
  lam_node b = lam_dense(in, WIDTH, &(lam_dense_options){ .activation = LAM_TANH });
  lam_node y = l->build(a, b);
  return lam_model_create(&y, 1);
}

/* Values are below 4, products have 4 terms, six roundings follow: each gradient is a sum of ROWS terms below 8 with a relative
 * error below 20 u. Where the layer has a kink nearer than that, none is compared,
 * since the inputs are fixed and none is there. */
static const double bound = ROWS * 8 * 20 * 0x1p-24;

static void check(const layer *l, unsigned threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native", .seed = SEED, .threads = threads });
  lam_model *model = build(context, l);
  if (!model) fail_msg("%s: %s", l->name, lam_error_message(context));
  draw_weights(model, 2, 9);
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } },
            out = { .data = targets, .rows = ROWS, .shape = { { WIDTH }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
  lam_trainer *trainer =
      lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SUM_OF_SQUARES, .optimizer = { .type = LAM_SGD } });
  check_slopes(l->name, trainer, data, mean_loss, l, bound);
  lam_context_destroy(context);
}

static void values_and_gradients_of_each_layer_are_right_with_any_thread_count(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) check(&layers[i], 1), check(&layers[i], 3);
}

static void noise_is_off_at_inference_and_when_evaluating(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node y = lam_gaussian_noise(lam_dropout(in, 0.5f), 3);
  lam_model *model = lam_model_create(&y, 1);
  lam_array array = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &array, 1, &array, 1);
  float out[ROWS][IN];
  assert_int_equal(lam_predict(model, data, NULL, &out[0][0], ROWS * IN), LAM_OK);
  assert_memory_equal(out, x, sizeof x);
  lam_result result;
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
  assert_true(result.loss == 0);
  lam_context_destroy(context);
}

/* Of n elements, n rate are dropped, give or take; five standard deviations are passed once in two million. */
static void dropout_drops_its_share_anew_at_each_step(void **state) {
  (void)state;
  enum { MANY = 10000 };
  lam_context *context = lam_context_create(NULL);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { MANY }, 1 });
  lam_node node = lam_rescaling(lam_dropout(lam_prelu(in, (lam_initializer){ 0 }), 0.3f), 1, 0);
  lam_model *model = lam_model_create(&node, 1);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .optimizer = { .type = LAM_SGD } });
  static float ones[MANY], first[MANY], dy[MANY];
  for (size_t i = 0; i < MANY; i++) ones[i] = dy[i] = 1;
  lam_array array = { .data = ones, .rows = 1, .shape = { { MANY }, 1 } };
  size_t same = 0, zeros = 0;
  for (int step = 0; step < 2; step++) {
    const float *gradient = dy;
    assert_int_equal(lam_forward(trainer, &array, 1), LAM_OK);
    const float *y = lam_forward_output(trainer, 0);
    for (size_t i = 0; i < MANY; i++) {
      assert_true(y[i] == 0 || y[i] == 1 / (1 - 0.3f));
      zeros += y[i] == 0;
      same += step && y[i] == first[i];
      first[i] = y[i];
    }
    assert_int_equal(lam_backward(trainer, &gradient, 1), LAM_OK);
    assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  }
  assert_true(fabs((double)zeros / 2 - 0.3 * MANY) < 5 * sqrt(0.21 * MANY));
  assert_true(fabs((double)same - 0.58 * MANY) < 5 * sqrt(0.58 * 0.42 * MANY)); /* 0.3^2 + 0.7^2 */
  lam_context_destroy(context);
}

static void wrong_options_and_shapes_are_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node in[9];
  for (size_t i = 0; i < 9; i++) in[i] = lam_input(lam_graph_create(context), (lam_shape){ { 6 }, 1 });
  assert_true(lam_dropout(in[0], 1).index < 0);
  assert_string_equal(lam_error_message(context), "dropout: the rate is 1; it is at least 0 and below 1");
  assert_true(lam_gaussian_noise(in[1], -1).index < 0);
  assert_true(lam_activate_with(in[2], LAM_RELU, &(lam_activation_options){ .alpha = 1 }).index < 0);
  assert_string_equal(lam_error_message(context), "activation: relu has no such option, or reserved fields are not zero");
  assert_true(lam_activate_with(in[3], LAM_RELU, &(lam_activation_options){ .negative_slope = -1 }).index < 0);
  assert_string_equal(lam_error_message(context), "activation: negative_slope of relu is -1; it must be finite and at least 0");
  assert_true(lam_activate_with(in[4], LAM_CELU, &(lam_activation_options){ .alpha = LAM_ZERO }).index < 0);
  assert_true(lam_reshape(in[5], (lam_shape){ { 0, 0 }, 2 }).index < 0);
  lam_node wrong = lam_reshape(in[6], (lam_shape){ { 4, 0 }, 2 });
  assert_null(lam_model_create(&wrong, 1));
  assert_int_equal(lam_error_status(context), LAM_INVALID_SHAPE);
  assert_true(lam_rescaling(in[7], INFINITY, 0).index < 0);
  lam_node three[] = { in[8], in[8], in[8] };
  assert_true(lam_merge(LAM_MERGE_SUBTRACT, three, 3).index < 0);
  lam_context_destroy(context);
}

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 1, 0, 0);
  lam_random_normal(&targets[0][0], ROWS * WIDTH, 1, 1, 0);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(values_and_gradients_of_each_layer_are_right_with_any_thread_count),
    cmocka_unit_test(noise_is_off_at_inference_and_when_evaluating),
    cmocka_unit_test(dropout_drops_its_share_anew_at_each_step),
    cmocka_unit_test(wrong_options_and_shapes_are_refused),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
