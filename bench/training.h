/* SPDX-License-Identifier: MIT
 *
 * A training that is being measured: what train.c, parts.c and worker.c share.
 */
#ifndef LAM_BENCH_TRAINING_H
#define LAM_BENCH_TRAINING_H

#include "bench/bench.h"
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
  bool failed;       /* the context has the sentence */
} training;

/* Prints what fails and returns an exit code; training_close releases in any case. */
int training_open(training *t, const settings *options, size_t batch, const char *gemm);
void training_close(training *t);

double step_flops(const sizes *net, size_t batch);

/* parts.c: the time of each operation of a step of a training that has run. */
int report_parts(const settings *options, report *to, training *t, const char *backend);

#endif
