/* SPDX-License-Identifier: MIT
 *
 * FANN. It has neither Adam, relu nor softmax: a network of the same widths with sigmoids and squares, trained by the gradient of
 * each batch. It knows no batches but whole sets of rows, so that every batch is such a set: a piece of the pointers to all rows.
 */
#include "worker.h"
#include <floatfann.h>

typedef struct user {
  const task *t;
  struct fann *net;
  struct fann_train_data *data;
} user;

static double run_epoch(void *memory, int shuffled) {
  user *u = memory;
  const task *t = u->t;
  double loss = 0;
  if (shuffled) fann_shuffle_train_data(u->data);
  for (size_t at = 0; at < t->rows; at += t->batch) {
    struct fann_train_data piece = *u->data;
    piece.num_data = (unsigned)(t->rows - at < t->batch ? t->rows - at : t->batch);
    piece.input += at;
    piece.output += at;
    loss += (double)fann_train_epoch(u->net, &piece) * piece.num_data;
  }
  return loss / (double)t->rows;
}

static void run_call(void *memory) {
  user *u = memory;
  for (size_t i = 0; i < u->t->rows; i++) fann_run(u->net, u->t->x + i * u->t->widths[0]);
}

int main(int count, char **arguments) {
  task t = open_task(count, arguments);
  unsigned widths[MOST_LAYERS + 1], outputs = (unsigned)t.widths[t.layers];
  for (size_t i = 0; i <= t.layers; i++) widths[i] = (unsigned)t.widths[i];
  user u = { .t = &t, .net = fann_create_standard_array((unsigned)t.layers + 1, widths) };
  if (!u.net) stop("no network", "fann");
  fann_set_activation_function_hidden(u.net, FANN_SIGMOID);
  fann_set_activation_function_output(u.net, FANN_SIGMOID);
  fann_set_training_algorithm(u.net, FANN_TRAIN_BATCH);
  fann_set_learning_rate(u.net, 0.1f);
  if (!t.infer) {
    u.data = fann_create_train((unsigned)t.rows, widths[0], outputs);
    if (!u.data) stop("no data", "fann");
    for (size_t i = 0; i < t.rows; i++) {
      memcpy(u.data->input[i], t.x + i * t.widths[0], t.widths[0] * sizeof(float));
      for (unsigned j = 0; j < outputs; j++) u.data->output[i][j] = j == t.labels[i];
    }
  }
  return serve(&t, "FANN, 1 thread", "libfann 2.2", 0, run_epoch, run_call, &u);
}
