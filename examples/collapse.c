/* SPDX-License-Identifier: MIT
 *
 * Layers without an activation between them are one layer, however many there are: the product of their weights. What they cannot
 * tell apart, the first ReLU can. docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <stdio.h>

static void print_matrix(const char *name, const float *values, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    printf("%-22s", i ? "" : name);
    for (size_t j = 0; j < columns; j++) printf("%6.1f", (double)values[i * columns + j]);
    printf("\n");
  }
}

/* ---- the algebra, on a network whose weights are small whole numbers ----------------------------------------------- */

/* A row x times a matrix in this library, x W1 W2 W3, is a matrix times a column in most books, W3 W2 W1 x: each W here is the
 * transpose of theirs. */
static const float w1[2 * 3] = { 1, 2, 0, -1, 1, 3 }, b1[3] = { 1, 0, -1 };
static const float w2[3 * 3] = { 2, 0, 1, 1, 1, 0, 0, -1, 2 }, b2[3] = { 0, 1, 2 };
static const float w3[3 * 2] = { 1, 0, 2, 1, -1, 1 }, b3[2] = { 5, -2 };

static lam_model *deep_linear(lam_context *context, lam_activation last) {
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 });
  x = lam_dense(lam_dense(x, 3, NULL), 3, NULL);
  x = lam_dense(x, 2, &(lam_dense_options){ .activation = last });
  lam_model *model = lam_model_create(&x, 1);
  lam_model_set_parameter(model, "dense/kernel", w1, 6);
  lam_model_set_parameter(model, "dense/bias", b1, 3);
  lam_model_set_parameter(model, "dense_1/kernel", w2, 9);
  lam_model_set_parameter(model, "dense_1/bias", b2, 3);
  lam_model_set_parameter(model, "dense_2/kernel", w3, 6);
  lam_model_set_parameter(model, "dense_2/bias", b3, 2);
  return model;
}

static lam_status product(lam_context *context, float *c, const float *a, const float *b, size_t m, size_t n, size_t k) {
  return lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, m, n, k, 1, a, k, b, n, 0, c, n);
}

static void by_hand(lam_context *context) {
  float w12[2 * 3], w123[2 * 2], b12[3], b123[2], b23[2], b[2];
  product(context, w12, w1, w2, 2, 3, 3);
  product(context, w123, w12, w3, 2, 2, 3);
  product(context, b12, b1, w2, 1, 3, 3);
  product(context, b123, b12, w3, 1, 2, 3);
  product(context, b23, b2, w3, 1, 2, 3);
  for (size_t i = 0; i < 2; i++) b[i] = b123[i] + b23[i] + b3[i];
  print_matrix("W1 W2 W3", w123, 2, 2);
  print_matrix("b1 W2 W3 + b2 W3 + b3", b, 1, 2);
}

static lam_status show_folding(lam_context *context, const char *name, lam_activation last) {
  lam_model *deep = deep_linear(context, last), *folded = lam_model_fold(deep);
  lam_parameter kernel, bias;
  if (lam_model_parameter(folded, 0, &kernel) || lam_model_parameter(folded, 1, &bias)) return lam_error_status(context);
  printf("\n%s: %zu layers, folded %zu\n", name, lam_model_layer_count(deep) - 1, lam_model_layer_count(folded) - 1);
  print_matrix("folded kernel", kernel.data, 2, 2);
  print_matrix("folded bias", bias.data, 1, 2);
  const float x[2] = { -0.5f, 0.5f };
  lam_array row = { .data = x, .rows = 1, .shape = { { 2 }, 1 } };
  float y[2][2];
  lam_session *a = lam_session_create(deep, NULL), *b = lam_session_create(folded, NULL);
  if (lam_session_run(a, &row, 1, (float *[]){ y[0] }, 1) || lam_session_run(b, &row, 1, (float *[]){ y[1] }, 1))
    return LAM_INVALID_ARGUMENT;
  printf("of (-0.5, 0.5)        deep (%.4f, %.4f), folded (%.4f, %.4f)\n", (double)y[0][0], (double)y[0][1], (double)y[1][0],
         (double)y[1][1]);
  return LAM_OK;
}

/* ---- a problem that no straight line solves ------------------------------------------------------------------------ */

enum { ROWS = 2000 };

/* Points of the square from -1 to 1, of class 1 where they lie in the first or third quadrant. */
static lam_dataset *quadrants(lam_context *context, float points[ROWS * 2], int32_t labels[ROWS]) {
  lam_random_uniform(points, ROWS * 2, 1, 1, 0);
  for (size_t i = 0; i < ROWS * 2; i++) points[i] = 2 * points[i] - 1;
  for (size_t i = 0; i < ROWS; i++) labels[i] = points[2 * i] * points[2 * i + 1] > 0;
  lam_array inputs = { .data = points, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_array targets = { .data = labels, .type = LAM_INT32, .rows = ROWS };
  return lam_dataset_create(context, &inputs, 1, &targets, 1);
}

static lam_status accuracy_of(lam_model *model, const lam_dataset *data, lam_result *result) {
  lam_trainer *trainer = lam_trainer_create(model, NULL);
  return lam_evaluate(trainer, data, result);
}

static lam_status learn(lam_context *context, const lam_dataset *data, const char *name, lam_activation hidden) {
  lam_node x = lam_last(lam_graph_create(context));
  for (size_t i = 0; i < 2; i++) x = lam_dense(x, 16, &(lam_dense_options){ .activation = hidden });
  x = lam_dense(x, 2, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&x, 1);
  lam_trainer *trainer = lam_trainer_create(
      model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer.type = LAM_ADAM });
  lam_result before, after;
  if (lam_fit(trainer, data, &(lam_fit_options){ .epochs = 30 }) || lam_evaluate(trainer, data, &before))
    return lam_error_status(context);
  lam_model *folded = lam_model_fold(model);
  if (accuracy_of(folded, data, &after)) return lam_error_status(context);
  printf("%-8s %6zu %10.3f %8zu %10.3f\n", name, lam_model_layer_count(model) - 1, before.accuracy,
         lam_model_layer_count(folded) - 1, after.accuracy);
  return LAM_OK;
}

int main(void) {
  static float points[ROWS * 2];
  static int32_t labels[ROWS];
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  by_hand(context);
  int bad = show_folding(context, "linear", LAM_LINEAR) || show_folding(context, "softmax at the end", LAM_SOFTMAX);
  printf("\n         layers   accuracy   folded   accuracy\n");
  lam_dataset *data = quadrants(context, points, labels);
  bad = bad || learn(context, data, "linear", LAM_LINEAR) || learn(context, data, "relu", LAM_RELU);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
