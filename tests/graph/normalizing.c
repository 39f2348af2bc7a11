/* SPDX-License-Identifier: MIT
 *
 * Normalizing, gated and softmax layers in a small network: losses and gradients of whole batches against an evaluator in double,
 * with any thread count; what is refused.
 */
#include "slopes.h"

enum { ROWS = 7, IN = 4, WIDTH = 12 };

/* dense (tanh) -> the layer -> (y - t)^2 summed and halved. Weights: kernel, bias, those of the layer, as the model has them. */
static float x[ROWS][IN], targets[ROWS][WIDTH];

typedef double batch[ROWS][WIDTH];

typedef struct layer {
  const char *name;
  lam_node (*build)(lam_node h);
  void (*value)(batch y, batch h); /* y may be h */
  size_t width;
} layer;

/* ---- the evaluator ------------------------------------------------------------------------------------------------ */

/* Normalises `count` numbers, `step` apart. */
static void normalize(double *v, size_t count, size_t step, double epsilon, bool centered) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < count && centered; i++) mean += v[i * step] / (double)count;
  for (size_t i = 0; i < count; i++) variance += (v[i * step] - mean) * (v[i * step] - mean) / (double)count;
  for (size_t i = 0; i < count; i++) v[i * step] = (v[i * step] - mean) / sqrt(variance + epsilon);
}

static void scale(batch y, size_t period, const double *gamma, const double *beta) {
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < WIDTH; j++) y[i][j] = y[i][j] * (gamma ? gamma[j % period] : 1) + (beta ? beta[j % period] : 0);
}

/* The columns of a batch of rows of `period` numbers. */
static void normalize_columns(batch y, size_t period, double epsilon) {
  for (size_t j = 0; j < period; j++) normalize(&y[0][j], ROWS * WIDTH / period, period, epsilon, true);
}

static void normalize_rows(batch y, size_t period, double epsilon, bool centered) {
  for (size_t i = 0; i < ROWS * WIDTH / period; i++) normalize(&y[0][0] + i * period, period, 1, epsilon, centered);
}

#define VALUE(name, ...)                                                                                                         \
  static void value_##name(batch y, batch h) {                                                                                   \
    memcpy(y, h, sizeof(batch));                                                                                                 \
    __VA_ARGS__;                                                                                                                 \
  }
#define LIKE(name, call, ...)                                                                                                    \
  static lam_node build_##name(lam_node h) { return call; }                                                                      \
  VALUE(name, __VA_ARGS__)

static lam_node shaped(lam_node h, size_t a, size_t b) { return lam_reshape(h, (lam_shape){ { a, b }, 2 }); }

static const double small = (double)0.001f, tiny = (double)1e-6f;

LIKE(batch, lam_batch_normalization(h, NULL), normalize_columns(y, WIDTH, small); scale(y, WIDTH, w[2], w[3]))
LIKE(batch_of_rows, lam_batch_normalization(shaped(h, 3, 4), &(lam_batch_normalization_options){ .epsilon = 0.25f }),
     normalize_columns(y, 4, 0.25);
     scale(y, 4, w[2], w[3]))
LIKE(batch_without_gamma, lam_batch_normalization(h, &(lam_batch_normalization_options){ .no_scale = true }),
     normalize_columns(y, WIDTH, small);
     scale(y, WIDTH, NULL, w[2]))
LIKE(batch_without_beta, lam_batch_normalization(h, &(lam_batch_normalization_options){ .no_center = true }),
     normalize_columns(y, WIDTH, small);
     scale(y, WIDTH, w[2], NULL))
LIKE(batch_without_either,
     lam_batch_normalization(h, &(lam_batch_normalization_options){ .no_scale = true, .no_center = true, .epsilon = LAM_ZERO }),
     normalize_columns(y, WIDTH, 0))
static lam_node build_batch_twice(lam_node h) {
  lam_node once = lam_batch_normalization(h, NULL);
  return lam_apply(once, &once, 1);
}
VALUE(
    batch_twice, for (int i = 0; i < 2; i++) {
      normalize_columns(y, WIDTH, small);
      scale(y, WIDTH, w[2], w[3]);
    })
static void standardize(batch y, size_t period, const double *mean, const double *variance, double epsilon, bool invert) {
  for (size_t i = 0; i < ROWS * WIDTH; i++) {
    double *v = &y[0][0] + i, deviation = sqrt(variance[i % period] + epsilon);
    *v = invert ? *v * deviation + mean[i % period] : (*v - mean[i % period]) / deviation;
  }
}
/* The moving statistics act and stay. */
LIKE(batch_frozen, lam_trainable(lam_batch_normalization(h, NULL), false), standardize(y, WIDTH, w[4], w[5], small, false);
     scale(y, WIDTH, w[2], w[3]))
LIKE(normalization, lam_normalization(shaped(h, 3, 4)), standardize(y, 4, w[2], w[3], 0, false))
LIKE(normalization_of_pictures, lam_normalization_with(shaped(h, 3, 4), &(lam_normalization_options){ .axes = { { 0, 1 }, 2 } }),
     standardize(y, WIDTH, w[2], w[3], 0, false))
LIKE(normalization_inverted, lam_normalization_with(h, &(lam_normalization_options){ .invert = true }),
     standardize(y, WIDTH, w[2], w[3], 0, true))
static lam_node build_whitening(lam_node h) { return lam_whitening(shaped(h, 3, 4), NULL); }
static void value_whitening(batch y, batch h) {
  double *out = &y[0][0], *in = &h[0][0];
  for (size_t i = 0; i < ROWS * WIDTH; i++) {
    out[i] = 0;
    for (size_t k = 0; k < 4; k++) out[i] += (in[i / 4 * 4 + k] - w[2][k]) * w[3][k * 4 + i % 4];
  }
}
LIKE(layer, lam_layer_normalization(h, NULL), normalize_rows(y, WIDTH, small, true); scale(y, WIDTH, w[2], w[3]))
LIKE(layer_of_rows, lam_layer_normalization(shaped(h, 2, 6), &(lam_layer_normalization_options){ .no_scale = true }),
     normalize_rows(y, 6, small, true);
     scale(y, 6, NULL, w[2]))
LIKE(layer_over_axes, lam_layer_normalization(shaped(h, 2, 6), &(lam_layer_normalization_options){ .axes = { { -1, 0 }, 2 } }),
     normalize_rows(y, WIDTH, small, true);
     scale(y, WIDTH, w[2], w[3]))
LIKE(layer_without_either,
     lam_layer_normalization(h, &(lam_layer_normalization_options){ .no_scale = true, .no_center = true, .epsilon = 0.5f }),
     normalize_rows(y, WIDTH, 0.5, true))
LIKE(rms, lam_rms_normalization(h, NULL), normalize_rows(y, WIDTH, tiny, false); scale(y, WIDTH, w[2], NULL))
LIKE(rms_of_rows, lam_rms_normalization(shaped(h, 4, 3), &(lam_layer_normalization_options){ .no_scale = true }),
     normalize_rows(y, 3, tiny, false))

/* Blocks of n, the second of each pair the gate. */
static void halve(batch y, size_t n) {
  double out[ROWS * WIDTH / 2];
  const double *in = &y[0][0];
  for (size_t i = 0; i < ROWS * WIDTH / 2; i++) {
    const double *pair = in + i / n * 2 * n + i % n;
    out[i] = pair[0] / (1 + exp(-pair[n]));
  }
  for (size_t i = 0; i < ROWS * WIDTH / 2; i++) y[i / (WIDTH / 2)][i % (WIDTH / 2)] = out[i];
}
LIKE(glu, lam_glu(h, -1), halve(y, WIDTH / 2))
LIKE(glu_of_rows, lam_glu(shaped(h, 3, 4), -1), halve(y, 2))
LIKE(glu_of_columns, lam_glu(shaped(h, 4, 3), 0), halve(y, 6))

/* The elements along the axes whose bit is set, of rows of a x b x c, as softmax, log_softmax or sparsemax; 0 masks. */
static double exact_softmax(const double *v, size_t n, size_t place) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += exp(v[i] - v[place]);
  return 1 / sum;
}
/* tau is found by halving, to 2^-60. */
static double exact_sparsemax(const double *v, size_t n, size_t place) {
  double low = -3, high = 3;
  for (int step = 0; step < 64; step++) {
    double tau = (low + high) / 2, sum = 0;
    for (size_t i = 0; i < n; i++) sum += fmax(v[i] - tau, 0);
    *(sum > 1 ? &low : &high) = tau;
  }
  return fmax(v[place] - high, 0);
}
static void along(batch y, const size_t size[3], unsigned axes, char function, bool masked) {
  batch h;
  memcpy(h, y, sizeof(batch));
  for (size_t row = 0; row < ROWS; row++)
    for (size_t k = 0; k < WIDTH; k++) {
      size_t at[3] = { k / size[2] / size[1], k / size[2] % size[1], k % size[2] }, n = 0, place = 0;
      double group[WIDTH];
      for (size_t other = 0; other < WIDTH; other++) {
        size_t with[3] = { other / size[2] / size[1], other / size[2] % size[1], other % size[2] };
        bool same = true;
        for (size_t i = 0; i < 3; i++) same = same && (axes & 1u << i || at[i] == with[i]);
        if (!same || (masked && h[row][other] <= 0)) continue;
        if (other == k) place = n;
        group[n++] = h[row][other];
      }
      bool out = masked && h[row][k] <= 0;
      y[row][k] = out ? 0 : function == 's' ? exact_sparsemax(group, n, place) : exact_softmax(group, n, place);
      if (function == 'l') y[row][k] = log(y[row][k]);
    }
}
static lam_node cube(lam_node h) { return lam_reshape(h, (lam_shape){ { 2, 3, 2 }, 3 }); }
#define ALONG(name, which, masked, letter, bits, ...)                                                                            \
  static lam_node build_##name(lam_node h) {                                                                                     \
    lam_node x3 = cube(h), none = { NULL, 0 }, mask = masked ? lam_activate(x3, LAM_RELU) : none;                                \
    return lam_softmax_with(x3, &(lam_softmax_options){ .activation = which, .axes = __VA_ARGS__, .mask = mask });               \
  }                                                                                                                              \
  VALUE(name, along(y, (const size_t[]){ 2, 3, 2 }, bits, letter, masked))
ALONG(softmax_first, LAM_LINEAR, false, 'e', 1, { { 0 }, 1 })
ALONG(softmax_middle, LAM_SOFTMAX, false, 'e', 2, { { -2 }, 1 })
ALONG(softmax_last, LAM_SOFTMAX, false, 'e', 4, { { 2 }, 1 })
ALONG(softmax_outer, LAM_SOFTMAX, false, 'e', 5, { { -1, 0 }, 2 })
ALONG(softmax_inner, LAM_SOFTMAX, false, 'e', 6, { { 1, 2 }, 2 })
ALONG(softmax_all, LAM_SOFTMAX, false, 'e', 7, { { 2, 0, 1 }, 3 })
ALONG(softmax_default, LAM_SOFTMAX, false, 'e', 4, { { 0 }, 0 })
ALONG(log_softmax_middle, LAM_LOG_SOFTMAX, false, 'l', 2, { { 1 }, 1 })
ALONG(log_softmax_outer, LAM_LOG_SOFTMAX, false, 'l', 5, { { 0, 2 }, 2 })
ALONG(sparsemax_first, LAM_SPARSEMAX, false, 's', 1, { { -3 }, 1 })
ALONG(masked_last, LAM_SOFTMAX, true, 'e', 4, { { 0 }, 0 })
ALONG(masked_middle, LAM_SOFTMAX, true, 'e', 2, { { 1 }, 1 })
ALONG(masked_outer, LAM_SOFTMAX, true, 'e', 5, { { 0, 2 }, 2 })

LIKE(
    permute, lam_permute(cube(h), (lam_axes){ { 2, 0, 1 }, 3 }), double *v = &y[0][0]; for (size_t i = 0; i < ROWS * WIDTH; i++) {
      size_t k = i % WIDTH, c = k / 6, a = k / 3 % 2, b = k % 3; /* (2, 3, 2) becomes (2, 2, 3) */
      v[i] = (&h[0][0])[i / WIDTH * WIDTH + a * 6 + b * 2 + c];
    })
LIKE(permute_swap, lam_permute(shaped(h, 3, 4), (lam_axes){ { -1, 0 }, 2 }), double *v = &y[0][0];
     for (size_t i = 0; i < ROWS * WIDTH; i++) v[i] = (&h[0][0])[i / WIDTH * WIDTH + i % 3 * 4 + i % WIDTH / 3])

#define LAYER(name, width)                                                                                                       \
  { #name, build_##name, value_##name, width }
static const layer layers[] = {
  LAYER(batch, WIDTH),
  LAYER(batch_of_rows, WIDTH),
  LAYER(batch_without_gamma, WIDTH),
  LAYER(batch_without_beta, WIDTH),
  LAYER(batch_without_either, WIDTH),
  LAYER(batch_twice, WIDTH),
  LAYER(batch_frozen, WIDTH),
  LAYER(normalization, WIDTH),
  LAYER(normalization_of_pictures, WIDTH),
  LAYER(normalization_inverted, WIDTH),
  LAYER(whitening, WIDTH),
  LAYER(layer, WIDTH),
  LAYER(layer_of_rows, WIDTH),
  LAYER(layer_over_axes, WIDTH),
  LAYER(layer_without_either, WIDTH),
  LAYER(rms, WIDTH),
  LAYER(rms_of_rows, WIDTH),
  LAYER(softmax_first, WIDTH),
  LAYER(softmax_middle, WIDTH),
  LAYER(softmax_last, WIDTH),
  LAYER(softmax_outer, WIDTH),
  LAYER(softmax_inner, WIDTH),
  LAYER(softmax_all, WIDTH),
  LAYER(softmax_default, WIDTH),
  LAYER(log_softmax_middle, WIDTH),
  LAYER(log_softmax_outer, WIDTH),
  LAYER(sparsemax_first, WIDTH),
  LAYER(masked_last, WIDTH),
  LAYER(masked_middle, WIDTH),
  LAYER(masked_outer, WIDTH),
  LAYER(permute, WIDTH),
  LAYER(permute_swap, WIDTH),
  LAYER(glu, WIDTH / 2),
  LAYER(glu_of_rows, WIDTH / 2),
  LAYER(glu_of_columns, WIDTH / 2),
};

static double mean_loss(const void *what) {
  const layer *l = what;
  batch h, y;
  double sum = 0;
  for (size_t row = 0; row < ROWS; row++)
    for (size_t j = 0; j < WIDTH; j++) {
      h[row][j] = w[1][j];
      for (size_t i = 0; i < IN; i++) h[row][j] += (double)x[row][i] * w[0][i * WIDTH + j];
      h[row][j] = tanh(h[row][j]);
    }
  l->value(y, h);
  for (size_t row = 0; row < ROWS; row++)
    for (size_t j = 0; j < l->width; j++)
      sum += (y[row][j] - (double)targets[row][j]) * (y[row][j] - (double)targets[row][j]) / 2;
  return sum / ROWS;
}

/* ---- the library's ------------------------------------------------------------------------------------------------ */

/* Values are below 8 and deviations above 1/8, so that terms of a gradient are below 64; each has passed fewer than 50 roundings,
 * and a loss sums ROWS rows of them. Central differences add less than 1e-8. */
static const double bound = 64 * 50 * 0x1p-24 + 1e-8;

static void check(const layer *l, unsigned threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native", .threads = threads });
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node y = lam_flatten(l->build(lam_dense(in, WIDTH, &(lam_dense_options){ .activation = LAM_TANH })));
  lam_model *model = lam_model_create(&y, 1);
  if (!model) fail_msg("%s: %s", l->name, lam_error_message(context));
  draw_weights(model, 2, 19);
  float goal[ROWS * WIDTH];
  for (size_t i = 0; i < ROWS; i++) memcpy(goal + i * l->width, targets[i], l->width * sizeof *goal);
  lam_array rows = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } },
            out = { .data = goal, .rows = ROWS, .shape = { { l->width }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &rows, 1, &out, 1);
  lam_trainer *trainer =
      lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SUM_OF_SQUARES, .optimizer = { .type = LAM_SGD } });
  check_slopes(l->name, trainer, data, mean_loss, l, bound);
  lam_context_destroy(context);
}

static void losses_and_gradients_of_each_layer_are_right_with_any_thread_count(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) check(&layers[i], 1), check(&layers[i], 3);
}

/* ---- names and refusals ------------------------------------------------------------------------------------------- */

static void weights_have_keras_names_and_order(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { 2, 5 }, 2 });
  lam_node y = lam_rms_normalization(lam_layer_normalization(lam_batch_normalization(in, NULL), NULL), NULL);
  lam_model *model = lam_model_create(&y, 1);
  static const struct {
    const char *name;
    float value;
    bool fixed;
  } expected[] = {
    { "batch_normalization/gamma", 1, false },      { "batch_normalization/beta", 0, false },
    { "batch_normalization/moving_mean", 0, true }, { "batch_normalization/moving_variance", 1, true },
    { "layer_normalization/gamma", 1, false },      { "layer_normalization/beta", 0, false },
    { "rms_normalization/scale", 1, false },
  };
  assert_int_equal(lam_model_parameter_count(model), 7);
  for (size_t i = 0; i < 7; i++) {
    lam_parameter p;
    lam_model_parameter(model, i, &p);
    assert_string_equal(p.name, expected[i].name);
    assert_true(p.fixed == expected[i].fixed && p.count == 5);
    for (size_t j = 0; j < 5; j++) assert_true(p.data[j] == expected[i].value);
  }
  lam_layer_info info;
  lam_model_layer(model, 1, &info);
  assert_true(strcmp(info.type, "BatchNormalization") == 0 && info.parameters == 20 && info.fixed == 10);
  lam_context_destroy(context);
}

/* What is masked may be anything; a row of which nothing is left is 0. */
static void a_mask_hides_nans_and_infinities_and_whole_rows(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_graph *graph = lam_graph_create(context);
  lam_node in = lam_input(graph, (lam_shape){ { 4 }, 1 }), mask = lam_input(graph, (lam_shape){ { 4 }, 1 });
  lam_node y = lam_softmax_with(in, &(lam_softmax_options){ .mask = mask });
  lam_model *model = lam_model_create(&y, 1);
  const float a[3][4] = { { 1, NAN, 1, INFINITY }, { 3, 1, 2, 4 }, { -INFINITY, 0, 0, 0 } };
  const uint8_t keep_these[3][4] = { { 1, 0, 1, 0 }, { 0, 0, 0, 0 }, { 1, 1, 0, 1 } };
  lam_array arrays[] = { { .data = a, .rows = 3, .shape = { { 4 }, 1 } },
                         { .data = keep_these, .type = LAM_UINT8, .rows = 3, .shape = { { 4 }, 1 } } };
  const float expected[3][4] = { { 0.5f, 0, 0.5f, 0 }, { 0 }, { 0, 0.5f, 0, 0.5f } };
  float out[3][4], *place = &out[0][0];
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = 3 });
  assert_int_equal(lam_session_run(session, arrays, 2, &place, 1), LAM_OK);
  assert_memory_equal(out, expected, sizeof out);
  lam_context_destroy(context);
}

static void refuses(lam_context *context, lam_node node, const char *sentence) {
  if (node.index >= 0) assert_null(lam_model_create(&node, 1));
  assert_string_equal(lam_error_message(context), sentence);
}

static void wrong_options_and_shapes_are_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node in[21];
  for (size_t i = 0; i < 21; i++) in[i] = lam_input(lam_graph_create(context), (lam_shape){ { 2, 5 }, 2 });
  refuses(context, lam_batch_normalization(in[0], &(lam_batch_normalization_options){ .momentum = 1.5f }),
          "batch_normalization: momentum is 1.5; it is at least 0 and at most 1");
  refuses(context, lam_batch_normalization(in[1], &(lam_batch_normalization_options){ .epsilon = -1 }),
          "batch_normalization: epsilon is -1; it must be finite and at least 0");
  refuses(context, lam_batch_normalization(in[2], &(lam_batch_normalization_options){ .reserved = { 1 } }),
          "batch_normalization: reserved fields of lam_batch_normalization_options must be zero");
  refuses(context, lam_layer_normalization(in[3], &(lam_layer_normalization_options){ .epsilon = INFINITY }),
          "layer_normalization: epsilon is inf; it must be finite and at least 0");
  refuses(context, lam_layer_normalization(in[4], &(lam_layer_normalization_options){ .axes = { { 0 }, 1 } }),
          "layer_normalization (LayerNormalization) after input (InputLayer) of shape (2, 5): its axes must be the last ones of "
          "these "
          "rows");
  refuses(context, lam_layer_normalization(in[5], &(lam_layer_normalization_options){ .axes = { { 1, -1 }, 2 } }),
          "layer_normalization (LayerNormalization) after input (InputLayer) of shape (2, 5): its axes must be the last ones of "
          "these "
          "rows");
  refuses(context, lam_layer_normalization(in[6], &(lam_layer_normalization_options){ .axes = { { 0 }, 7 } }),
          "layer_normalization: 7 axes, a row has at most 6");
  refuses(context, lam_glu(in[7], -1), "glu (GLU) after input (InputLayer) of shape (2, 5): an axis of 5 cannot be halved");
  refuses(context, lam_glu(in[8], 2),
          "glu (GLU) after input (InputLayer) of shape (2, 5): its axes name one that these rows do not "
          "have, or one twice");
  refuses(context, lam_normalization_with(in[14], &(lam_normalization_options){ .mean = (float[]){ 1 }, .count = 1 }),
          "a normalization is given both mean and variance, or neither");
  const float five[] = { 1, 1, 1, 1, -1 };
  refuses(context, lam_normalization_with(in[15], &(lam_normalization_options){ .mean = five, .variance = five, .count = 5 }),
          "mean and variance 4 of a normalization are -1 and -1: they are finite, and a variance is at least 0");
  refuses(
      context, lam_normalization_with(in[16], &(lam_normalization_options){ .mean = five, .variance = five, .count = 4 }),
      "normalization (Normalization) after input (InputLayer) of shape (2, 5): mean and variance have 4 numbers, and there are "
      "5 places");
  refuses(context, lam_whitening(in[17], &(lam_whitening_options){ .components = 6 }),
          "whitening (Whitening) after input (InputLayer) of shape (2, 5): 6 components of 5 columns");
  refuses(context, lam_whitening(in[18], &(lam_whitening_options){ .type = LAM_WHITENING_ZCA, .components = 2 }),
          "whitening: components are chosen from a pca alone");
  assert_true(lam_batch_normalization(in[19], &(lam_batch_normalization_options){ .gamma_regularizer = { .l2 = -1 } }).index < 0);
  refuses(
      context, lam_permute(in[20], (lam_axes){ { 1 }, 1 }),
      "permute (Permute) after input (InputLayer) of shape (2, 5): its axes name one that these rows do not have, or one twice, "
      "or leave one out");
  refuses(context, lam_softmax_with(in[10], &(lam_softmax_options){ .activation = LAM_RELU }),
          "along axes run softmax, log_softmax and sparsemax");
  refuses(context, lam_softmax_with(in[11], &(lam_softmax_options){ .activation = LAM_SPARSEMAX, .mask = in[11] }),
          "a mask goes with softmax alone");
  refuses(context, lam_softmax_with(in[12], &(lam_softmax_options){ .mask = lam_flatten(in[12]) }),
          "softmax (Softmax) after input (InputLayer) of shape (2, 5), flatten (Flatten) of shape (10): the mask must have the "
          "shape of what it masks");
  refuses(context, lam_softmax_with(in[13], &(lam_softmax_options){ .axes = { { 0, -2 }, 2 } }),
          "softmax (Softmax) after input (InputLayer) of shape (2, 5): its axes name one that these rows do not have, or one "
          "twice");
  refuses(context, lam_glu(in[9], 99), "glu: there is no axis 99, a row has at most 6");
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
    cmocka_unit_test(losses_and_gradients_of_each_layer_are_right_with_any_thread_count),
    cmocka_unit_test(weights_have_keras_names_and_order),
    cmocka_unit_test(a_mask_hides_nans_and_infinities_and_whole_rows),
    cmocka_unit_test(wrong_options_and_shapes_are_refused),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
