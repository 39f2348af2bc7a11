/* SPDX-License-Identifier: MIT
 *
 * A training or a session that is being measured, in the worker's process: what train.c, infer.c, parts.c and worker.c share.
 */
#ifndef LAM_BENCH_TRAINING_H
#define LAM_BENCH_TRAINING_H

#include "bench/bench.h"
#include "file/json.h"
#include "train/trainer.h"
#include <stdlib.h>

typedef struct training {
  lam_context *context;
  lam_dataset *data;
  void *storage; /* of the data */
  lam_trainer *trainer;
  const lam_loss_type *loss;
  size_t batch;
  timing begin, end; /* clocks at the beginning of the first epoch and at the end of the last */
  lam_epoch mean;    /* of the last epoch */
  bool ordered;      /* epochs do not shuffle */
  bool failed;       /* the context has the sentence */
} training;

/* Returns an exit code; the context has a sentence where the library failed. Closing takes one that was
 * never opened. */
int training_open(training *t, lam_context *context, const settings *options, size_t batch);
timing training_time(void *user, size_t epochs);
void training_close(training *t);

typedef struct inference {
  lam_context *context;
  lam_model *model;
  lam_session *session;
  lam_array input;
  float *rows, *outputs;
} inference;

int inference_open(inference *f, lam_context *context, const settings *options, size_t batch);
timing inference_time(void *user, size_t calls);
void inference_close(inference *f);

/* Multiply-adds of a step, twice. */
double step_flops(const size_list *net, size_t batch);

/* parts.c: writes "parts", the time of each operation of a step, or of a session's call. Returns why it could not. */
const char *put_parts(lam_json_writer *json, training *t, size_t rounds, double seconds);
const char *put_call_parts(lam_json_writer *json, inference *f, size_t rounds, double seconds);

#endif
