/* SPDX-License-Identifier: MIT
 *
 * Rows that a function makes while the network trains, and when to stop. docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <stdio.h>

enum { BATCH = 32, EPOCHS = 200, STEPS = 8 };

/* Rows of a stream of random numbers: always its first STEPS batches, or new ones each epoch. */
typedef struct source {
  uint64_t stream;
  bool fresh;
} source;

/* Points of a square, and whether they lie in a circle that is half of it; one answer in five is wrong. Called in a thread of its
 * own, it needs nothing but the numbers of the epoch and the step. */
static int make_rows(void *user, lam_batch *batch) {
  const source *of = user;
  float u[BATCH * 3];
  uint64_t first = ((of->fresh ? batch->epoch * STEPS : 0) + batch->step) * sizeof u / sizeof *u;
  lam_random_uniform(u, sizeof u / sizeof *u, 1, of->stream, first);
  for (size_t i = 0; i < batch->rows; i++) {
    float a = 2 * u[3 * i] - 1, b = 2 * u[3 * i + 1] - 1;
    bool inside = a * a + b * b < 0.6366f, wrong = u[3 * i + 2] < 0.2f;
    batch->inputs[0][2 * i] = a, batch->inputs[0][2 * i + 1] = b;
    batch->targets[0][i] = inside != wrong ? 1 : 0;
  }
  return 0;
}

static lam_generator generator(source *of, size_t steps) {
  return (lam_generator){ .generate = make_rows, .user = of, .batch_size = BATCH, .steps = steps, .prefetch = 4 };
}

static lam_trainer *make_trainer(lam_context *context) {
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 });
  for (int i = 0; i < 2; i++) x = lam_dense(x, 64, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, 1, &(lam_dense_options){ .activation = LAM_SIGMOID });
  return lam_trainer_create(
      lam_model_create(&x, 1),
      &(lam_trainer_options){ .loss = LAM_BINARY_CROSSENTROPY, .optimizer = { .type = LAM_ADAM, .learning_rate = 0.01f } });
}

static lam_status train(lam_context *context, const char *what, bool fresh, bool stops) {
  source of_training = { 1, fresh }, of_validation = { 2, false }, of_test = { 3, false };
  lam_generator training = generator(&of_training, STEPS), validation = generator(&of_validation, 8 * STEPS),
                test = generator(&of_test, 64 * STEPS);
  lam_trainer *trainer = make_trainer(context);
  lam_hook *stopping = lam_early_stopping(context, &(lam_early_stopping_options){ .patience = 10, .restore_best_weights = true });
  lam_fit_options how = {
    .epochs = EPOCHS, .generator = &training, .validation_generator = &validation, .callbacks = &stopping, .callback_count = stops
  };
  lam_result result;
  size_t epochs;
  if (lam_fit(trainer, NULL, &how) || lam_evaluate_generator(trainer, &test, &result)) return lam_error_status(context);
  const lam_epoch *history = lam_trainer_history(trainer, &epochs);
  lam_hook_state state = { .best_epoch = epochs - 1 };
  if (stops && lam_hook_get_state(stopping, &state)) return lam_error_status(context);
  printf("%-22s %6zu %12zu %14.3f %10.3f %9.3f\n", what, epochs, state.best_epoch + 1, history[state.best_epoch].loss,
         result.loss, result.accuracy);
  return LAM_OK;
}

int main(void) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  printf("                       epochs   weights of  training loss  test loss  accuracy\n");
  int bad = train(context, "256 rows, to the end", false, false) || train(context, "256 rows, stopped", false, true) ||
            train(context, "new rows each epoch", true, false);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
