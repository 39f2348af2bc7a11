/* SPDX-License-Identifier: MIT
 *
 * The two sides of `lamina gemm`: the command, which lists backends, and a process of its own for each (apart.h), which loads and
 * vets it, tells what it is, and answers each line with a measured rate.
 */
#ifndef LAM_CLI_GEMM_H
#define LAM_CLI_GEMM_H

#include "cli/apart.h"
#include <lamina.h>

enum { ROUNDS = 9 };

typedef struct backend {
  lam_gemm_candidate library; /* path "": of this build */
  char version[192], core[64], warning[320];
  int threads, bits;
  double rates[ROUNDS], gflops; /* gflops 0: refused */
  apart process;                /* has the reason why it is refused */
} backend;

/* Starts a worker and lets it vet. On return the backend has a reason why it is refused, or waits stopped. */
void vet_apart(backend *b);
/* Lets it measure once. */
void measure_apart(backend *b, int round);
/* The worker's side. */
int run_worker(const char *library);

#endif
