/* SPDX-License-Identifier: MIT
 *
 * Gradients of a network with everything in it (two inputs, a shared layer, concatenation, addition, every activation) against
 * central differences of an evaluator in double that knows nothing of the library but the weights.
 */
#include "exact.h"
#include "slopes.h"

enum { ROWS = 7, IN = 4, SHARED = 5, HIDDEN = 6, OUT = 3 };

/* Its weights: shared, skip, hidden, output, kernel then bias each. */
typedef struct network {
  lam_activation inner, last;
  lam_loss loss;
  bool from_logits;
} network;

static float a[ROWS][IN], b[ROWS][IN], targets[ROWS][OUT];
static int32_t labels[ROWS];

/* ---- the evaluator ------------------------------------------------------------------------------------------------ */

static void dense(double *y, const double *x, const double *kernel, const double *bias, size_t in, size_t out,
                  lam_activation activation) {
  for (size_t j = 0; j < out; j++) {
    y[j] = bias[j];
    for (size_t i = 0; i < in; i++) y[j] += x[i] * kernel[i * out + j];
  }
  exact_activate(y, out, activation);
}

static double row_loss(const double *y, size_t row, lam_loss loss, bool from_logits) {
  double sum = 0, p[OUT];
  for (size_t j = 0; j < OUT; j++) p[j] = y[j];
  if (from_logits) exact_activate(p, OUT, loss == LAM_BINARY_CROSSENTROPY ? LAM_SIGMOID : LAM_SOFTMAX);
  double total = p[0] + p[1] + p[2];
  if (loss == LAM_SPARSE_CATEGORICAL_CROSSENTROPY) return -log(p[labels[row]] / total);
  for (size_t j = 0; j < OUT; j++) {
    double t = (double)targets[row][j];
    if (loss == LAM_CATEGORICAL_CROSSENTROPY) sum -= t * log(p[j] / total);
    if (loss == LAM_BINARY_CROSSENTROPY) sum -= (t * log(p[j]) + (1 - t) * log(1 - p[j])) / OUT;
    if (loss == LAM_MEAN_SQUARED_ERROR) sum += (y[j] - t) * (y[j] - t) / OUT;
    if (loss == LAM_SUM_OF_SQUARES) sum += (y[j] - t) * (y[j] - t) / 2;
  }
  return sum;
}

static double mean_loss(const void *what) {
  const network *n = what;
  double sum = 0;
  for (size_t row = 0; row < ROWS; row++) {
    double xa[IN], xb[IN], joined[2 * SHARED], hidden[HIDDEN], skip[HIDDEN], y[OUT];
    for (size_t i = 0; i < IN; i++) xa[i] = (double)a[row][i], xb[i] = (double)b[row][i];
    dense(joined, xa, w[0], w[1], IN, SHARED, n->inner);
    dense(joined + SHARED, xb, w[0], w[1], IN, SHARED, n->inner);
    dense(hidden, joined, w[4], w[5], 2 * SHARED, HIDDEN, n->inner);
    dense(skip, xa, w[2], w[3], IN, HIDDEN, LAM_LINEAR);
    for (size_t i = 0; i < HIDDEN; i++) hidden[i] += skip[i] + hidden[i]; /* added twice: one node, two uses */
    dense(y, hidden, w[6], w[7], HIDDEN, OUT, n->last);
    sum += row_loss(y, row, n->loss, n->from_logits);
  }
  return sum / ROWS;
}

/* ---- the library's ------------------------------------------------------------------------------------------------ */

static lam_model *build(lam_context *context, lam_activation inner, lam_activation last) {
  lam_graph *graph = lam_graph_create(context);
  lam_node xa = lam_input(graph, (lam_shape){ { IN }, 1 }), xb = lam_input(graph, (lam_shape){ { IN }, 1 });
  lam_node shared = lam_dense(xa, SHARED, &(lam_dense_options){ .activation = inner });
  lam_node parts[] = { shared, lam_apply(shared, &xb, 1) };
  lam_node skip = lam_dense(xa, HIDDEN, NULL);
  /* The activation as a layer of its own, which the plan joins to the dense layer before it. */
  lam_node hidden = lam_activate(lam_dense(lam_concatenate(parts, 2), HIDDEN, NULL), inner);
  lam_node terms[] = { hidden, skip, hidden };
  lam_node y = lam_dense(lam_merge(LAM_MERGE_ADD, terms, 3), OUT, &(lam_dense_options){ .activation = last });
  return lam_model_create(&y, 1);
}

/* Every product here has at most 10 terms, and a gradient passes through four layers and a sum over 7 rows: its relative rounding
 * error is below gamma_(4 * 12 + 10) times a sum of absolute values, which stays below 16 for weights and data of size 1. Central
 * differences in double add 1e-9. */
static const double bound = 60 * 0x1p-24 * 16;

static void check(lam_activation inner, lam_activation last, lam_loss loss, bool from_logits, bool no_fusion, const char *gemm) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = gemm, .seed = 3 });
  lam_model *model = build(context, inner, last);
  assert_non_null(model);
  draw_weights(model, 1, 9);
  lam_array inputs[] = { { .data = a, .rows = ROWS, .shape = { { IN }, 1 } },
                         { .data = b, .rows = ROWS, .shape = { { IN }, 1 } } };
  lam_array dense_targets = { .data = targets, .rows = ROWS, .shape = { { OUT }, 1 } };
  lam_array sparse_targets = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  bool sparse = loss == LAM_SPARSE_CATEGORICAL_CROSSENTROPY;
  lam_dataset *data = lam_dataset_create(context, inputs, 2, sparse ? &sparse_targets : &dense_targets, 1);
  lam_trainer *trainer = lam_trainer_create(
      model, &(lam_trainer_options){
                 .loss = loss, .from_logits = from_logits, .no_fusion = no_fusion, .optimizer = { .type = LAM_SGD } });
  check_slopes("network", trainer, data, mean_loss, &(network){ inner, last, loss, from_logits }, bound);
  lam_context_destroy(context);
}

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&a[0][0], ROWS * IN, 1, 0, 0);
  lam_random_normal(&b[0][0], ROWS * IN, 1, 1, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i % OUT);
    for (size_t j = 0; j < OUT; j++) targets[i][j] = j == i % OUT ? 0.7f : 0.15f;
  }
  return 0;
}

static void gradients_are_right_for_every_inner_activation(void **state) {
  (void)state;
  for (int inner = LAM_LINEAR; inner < EXACT_ACTIVATIONS; inner++)
    check((lam_activation)inner, LAM_SOFTMAX, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, false, false, "native");
}

static void gradients_are_right_for_every_loss_fused_unfused_and_from_logits(void **state) {
  (void)state;
  static const struct {
    lam_activation last;
    lam_loss loss;
    bool from_logits, no_fusion;
  } cases[] = {
    { LAM_SOFTMAX, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, false, true },
    { LAM_LINEAR, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, true, false },
    { LAM_SIGMOID, LAM_SPARSE_CATEGORICAL_CROSSENTROPY, false, false },
    { LAM_SOFTMAX, LAM_CATEGORICAL_CROSSENTROPY, false, false },
    { LAM_SOFTMAX, LAM_CATEGORICAL_CROSSENTROPY, false, true },
    { LAM_SIGMOID, LAM_CATEGORICAL_CROSSENTROPY, false, false },
    { LAM_LINEAR, LAM_CATEGORICAL_CROSSENTROPY, true, false },
    { LAM_SIGMOID, LAM_BINARY_CROSSENTROPY, false, false },
    { LAM_SIGMOID, LAM_BINARY_CROSSENTROPY, false, true },
    { LAM_SOFTMAX, LAM_BINARY_CROSSENTROPY, false, false },
    { LAM_LINEAR, LAM_BINARY_CROSSENTROPY, true, false },
    { LAM_LINEAR, LAM_MEAN_SQUARED_ERROR, false, false },
    { LAM_SOFTMAX, LAM_MEAN_SQUARED_ERROR, false, false },
    { LAM_TANH, LAM_SUM_OF_SQUARES, false, false },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check(LAM_TANH, cases[i].last, cases[i].loss, cases[i].from_logits, cases[i].no_fusion, NULL);
}

/* ---- a loop of one's own ------------------------------------------------------------------------------------------ */

static void input_gradients_of_a_loop_of_ones_own_are_right(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), 5,
                         &(lam_dense_options){ .activation = LAM_TANH });
  x = lam_dense(x, 2, NULL);
  lam_model *model = lam_model_create(&x, 1);
  lam_trainer *trainer = lam_trainer_create(
      model, &(lam_trainer_options){ .input_gradients = true, .optimizer = { .type = LAM_SGD, .learning_rate = 1 } });
  lam_array in = { .data = a, .rows = ROWS, .shape = { { IN }, 1 } };
  float dy[ROWS][2], dx[ROWS][IN];
  for (size_t i = 0; i < ROWS; i++) dy[i][0] = 1.0f, dy[i][1] = -2.0f;
  const float *gradient = &dy[0][0];
  assert_int_equal(lam_forward(trainer, &in, 1), LAM_OK);
  assert_int_equal(lam_backward(trainer, &gradient, 1), LAM_OK);
  assert_non_null(lam_input_gradient(trainer, 0));
  memcpy(dx, lam_input_gradient(trainer, 0), sizeof dx);
  assert_int_equal(lam_backward(trainer, &gradient, 1), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(context), "lam_backward follows a lam_forward, once");
  lam_parameter p[4];
  for (size_t i = 0; i < 4; i++) lam_model_parameter(model, i, &p[i]);
  for (size_t row = 0; row < ROWS; row++) {
    for (size_t j = 0; j < IN; j++) {
      double value[2];
      for (int side = 0; side < 2; side++) {
        double out = 0;
        for (size_t unit = 0; unit < 5; unit++) {
          double z = (double)p[1].data[unit];
          for (size_t i = 0; i < IN; i++)
            z += ((double)a[row][i] + (i == j ? (side ? 1e-5 : -1e-5) : 0)) * (double)p[0].data[i * 5 + unit];
          out += tanh(z) * ((double)p[2].data[unit * 2] - 2 * (double)p[2].data[unit * 2 + 1]);
        }
        value[side] = out;
      }
      assert_true(fabs((double)dx[row][j] - (value[1] - value[0]) / 2e-5) < bound);
    }
  }
  /* The bias of the output has gradient sum(dy): one step of size 1 moves it by -7 and 14. */
  float before[2] = { p[3].data[0], p[3].data[1] };
  assert_true(lam_gradient(trainer, 3)[0] == 7.0f && lam_gradient(trainer, 3)[1] == -14.0f);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(p[3].data[0] == before[0] - 7.0f && p[3].data[1] == before[1] + 14.0f);
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_are_right_for_every_inner_activation),
    cmocka_unit_test(gradients_are_right_for_every_loss_fused_unfused_and_from_logits),
    cmocka_unit_test(input_gradients_of_a_loop_of_ones_own_are_right),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
