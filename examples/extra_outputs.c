/* SPDX-License-Identifier: MIT
 *
 * More outputs than classes: the spare nodes learn that they are never right. docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <stdio.h>
#include <stdlib.h>

/* Logits of all rows, and what the kernels make of them. */
typedef struct spare_nodes {
  lam_context *context;
  lam_model *model;
  const lam_dataset *data;
  const int32_t *labels;
  size_t rows, outputs, classes;
  float *logits, *probabilities; /* rows x outputs */
} spare_nodes;

/* Sums of the columns from the first spare node on. */
static double spare_sum(const spare_nodes *s, const float *matrix) {
  float sums[16];
  double sum = 0;
  lam_column_sums(sums, matrix, s->outputs, s->rows, s->outputs);
  for (size_t j = s->classes; j < s->outputs; j++) sum += (double)sums[j];
  return sum;
}

/* The mean over the data of the probability of all spare nodes together, and of the gradient of the loss by their logits. */
static int show(const spare_nodes *s, size_t epoch) {
  size_t count = s->rows * s->outputs;
  if (lam_predict(s->model, s->data, NULL, s->logits, count)) return 1;
  lam_softmax(s->probabilities, s->outputs, s->logits, s->outputs, s->rows, s->outputs);
  double probability = spare_sum(s, s->probabilities) / (double)s->rows;
  if (lam_softmax_sparse_crossentropy(NULL, s->logits, s->outputs, s->logits, s->outputs, s->labels, 1.0f / (float)s->rows,
                                      s->rows, s->outputs))
    return 1;
  printf("%6zu %14.5f %11.5f\n", epoch, probability, spare_sum(s, s->logits));
  return 0;
}

static int after_epoch(void *user, const lam_progress *progress) {
  size_t epoch = progress->epoch + 1;
  if (progress->event != LAM_EPOCH_END || (epoch & (epoch - 1)) != 0) return 0; /* 1, 2, 4, ... */
  return show(user, epoch);
}

/* Trains from logits and shows the spare nodes on the way. */
static lam_status train(spare_nodes *s, lam_node logits, lam_shape input, size_t epochs) {
  s->model = lam_model_create(&logits, 1);
  lam_trainer *trainer = lam_trainer_create(
      s->model,
      &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true, .optimizer.type = LAM_ADAM });
  if (lam_model_build(s->model, &input, 1)) return lam_error_status(s->context);
  printf("%zu outputs, %zu classes\n epoch    p of spares    gradient\n", s->outputs, s->classes);
  lam_result result;
  if (show(s, 0) || lam_fit(trainer, s->data, &(lam_fit_options){ .epochs = epochs, .callback = after_epoch, .user = s }) ||
      lam_evaluate(trainer, s->data, &result))
    return lam_error_status(s->context);
  printf("accuracy %.3f\n\n", result.accuracy);
  return LAM_OK;
}

enum { DIGITS = 1797, FLIPS = 2048 };
static float logits[FLIPS * 15], probabilities[FLIPS * 15];

static lam_status digits(lam_context *context) {
  static int32_t labels[DIGITS];
  lam_dataset *data = lam_dataset_open(context, "digits");
  const lam_array *targets = lam_dataset_target(data, 0);
  for (size_t i = 0; targets && i < DIGITS; i++) labels[i] = *(const uint8_t *)lam_dataset_row(data, targets, i);
  lam_node x = lam_flatten(lam_last(lam_graph_create(context)));
  x = lam_dense(lam_dense(x, 25, &(lam_dense_options){ .activation = LAM_RELU }), 15, NULL);
  spare_nodes s = { context, NULL, data, labels, DIGITS, 15, 10, logits, probabilities };
  return train(&s, x, (lam_shape){ { 8, 8 }, 2 }, 64);
}

/* Twelve numbers: is the sum of the first six above that of the others? A question with two answers, for four outputs. */
static lam_status which_half(lam_context *context) {
  static float inputs[FLIPS * 12];
  static int32_t labels[FLIPS];
  lam_random_normal(inputs, FLIPS * 12, 1, 1, 0);
  for (size_t i = 0; i < FLIPS; i++) {
    float difference = 0;
    for (size_t j = 0; j < 12; j++) difference += j < 6 ? inputs[12 * i + j] : -inputs[12 * i + j];
    labels[i] = difference > 0;
  }
  lam_array rows = { .data = inputs, .rows = FLIPS, .shape = { { 12 }, 1 } };
  lam_array targets = { .data = labels, .type = LAM_INT32, .rows = FLIPS };
  lam_dataset *data = lam_dataset_create(context, &rows, 1, &targets, 1);
  lam_node x = lam_last(lam_graph_create(context));
  x = lam_dense(lam_dense(x, 6, &(lam_dense_options){ .activation = LAM_RELU }), 4, NULL);
  spare_nodes s = { context, NULL, data, labels, FLIPS, 4, 2, logits, probabilities };
  return train(&s, x, rows.shape, 16);
}

int main(void) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  int bad = digits(context) || which_half(context);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
