/* SPDX-License-Identifier: MIT
 *
 * Linear regression is a network of one dense layer; its best weights are also known without training, from least squares.
 * docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 256 };

/* Two numbers a row, followed by a constant 1, and t = 3 x1 - 2 x2 + 1.5 + noise. */
static void make_data(float x[ROWS * 3], float t[ROWS]) {
  float noise[ROWS], numbers[ROWS * 2];
  lam_random_normal(numbers, ROWS * 2, 1, 1, 0);
  lam_random_normal(noise, ROWS, 1, 2, 0);
  for (size_t i = 0; i < ROWS; i++) {
    x[3 * i] = numbers[2 * i], x[3 * i + 1] = numbers[2 * i + 1], x[3 * i + 2] = 1;
    t[i] = 3 * x[3 * i] - 2 * x[3 * i + 1] + 1.5f + 0.1f * noise[i];
  }
}

/* The model's weights, then its bias if it has one, in `weights`. */
static lam_status train(lam_context *context, lam_model *model, const float *x, const float *t, size_t columns,
                        float weights[3]) {
  lam_array inputs = { .data = x, .rows = ROWS, .shape = { { columns }, 1 }, .stride = 3 };
  lam_array targets = { .data = t, .rows = ROWS, .shape = { { 1 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &inputs, 1, &targets, 1);
  lam_trainer *trainer = lam_trainer_create(
      model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = { .type = LAM_SGD, .learning_rate = 0.1f } });
  lam_result result;
  if (lam_fit(trainer, data, &(lam_fit_options){ .epochs = 200, .batch_size = ROWS }) || lam_evaluate(trainer, data, &result))
    return lam_error_status(context);
  lam_model_get_weights(model, weights, lam_model_count_params(model));
  printf("%9.4f %9.4f %9.4f %9.5f\n", (double)weights[0], (double)weights[1], (double)weights[2], result.loss);
  return LAM_OK;
}

static lam_status least_squares(lam_context *context, const float *x, const float *t) {
  float w[3], ones[3];
  lam_regression regression;
  if (lam_linear_regression(context, w, 1, w + 2, x, 3, t, 1, 0, ROWS, 2, 1, &regression)) return lam_error_status(context);
  printf("least squares       %9.4f %9.4f %9.4f %9.5f\n", (double)w[0], (double)w[1], (double)w[2], regression.loss);
  printf("                    rank %zu of 2, condition %.2f\n", regression.rank, regression.condition);
  if (lam_linear_regression(context, ones, 1, NULL, x, 3, t, 1, 0, ROWS, 3, 1, &regression)) return lam_error_status(context);
  printf("the same, a 1 added %9.4f %9.4f %9.4f %9.5f\n", (double)ones[0], (double)ones[1], (double)ones[2], regression.loss);
  return LAM_OK;
}

static lam_status compare(lam_context *context, const float *x, const float *t) {
  lam_graph *graph = lam_graph_create(context);
  lam_dense(lam_last(graph), 1, NULL); /* sequential: one layer after another */
  lam_node last = lam_last(graph);
  lam_model *sequential = lam_model_create(&last, 1);
  lam_node input = lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 }); /* functional: nodes applied to nodes */
  lam_node output = lam_dense(input, 1, NULL);
  lam_model *functional = lam_model_create(&output, 1);
  lam_node with_one = lam_dense(lam_last(lam_graph_create(context)), 1, &(lam_dense_options){ .no_bias = true });
  lam_model *unbiased = lam_model_create(&with_one, 1);

  float a[3], b[3], c[3];
  printf("                           w1        w2      bias      loss\n");
  printf("sequential          ");
  if (train(context, sequential, x, t, 2, a)) return lam_error_status(context);
  printf("functional          ");
  if (train(context, functional, x, t, 2, b)) return lam_error_status(context);
  printf("no bias, a 1 added  ");
  if (train(context, unbiased, x, t, 3, c)) return lam_error_status(context);
  if (least_squares(context, x, t)) return lam_error_status(context);
  printf("sequential and functional: %s weights\n", memcmp(a, b, sizeof a) == 0 ? "the same" : "other");
  return LAM_OK;
}

int main(void) {
  static float x[ROWS * 3], t[ROWS];
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  make_data(x, t);
  int bad = compare(context, x, t);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
