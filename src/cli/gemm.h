/* SPDX-License-Identifier: MIT
 *
 * The two sides of `lamina gemm`: the command, which lists backends, and a process of its own for each, which loads, vets and
 * times it. A worker writes lines "KEY VALUE", then "ready" or "refused REASON", and after each byte that it reads "rate GF/S".
 */
#ifndef LAM_CLI_GEMM_H
#define LAM_CLI_GEMM_H

#include <lamina.h>
#include <stdio.h>
#include <sys/types.h>

enum { ROUNDS = 9, PATIENCE_MS = 20000 };

typedef struct backend {
  lam_gemm_candidate library; /* path "": of this build */
  char version[192], core[64], warning[320], reason[512];
  char noise[256]; /* what the library printed */
  int threads, bits;
  double rates[ROUNDS], gflops;  /* gflops 0: refused */
  pid_t process;                 /* 0: none */
  int commands, answers, output; /* pipes: to the worker, from it, and what the library prints */
} backend;

/* Starts a worker and lets it vet. On return the backend has a reason why it is refused, or waits stopped. */
void vet_apart(backend *b);
/* Lets it measure once. */
void measure_apart(backend *b, int round);
void end_apart(backend *b);
/* The worker's side. */
int run_worker(const char *library);

#endif
