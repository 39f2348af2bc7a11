/* SPDX-License-Identifier: MIT
 *
 * Backends, each in a process of its own (cli/apart.h), measured in rotated rounds over several launches. What is measured is a
 * job: a line that makes the workers ready for it, and what they answered.
 */
#ifndef LAM_BENCH_WORKERS_H
#define LAM_BENCH_WORKERS_H

#include "bench/bench.h"
#include "cli/apart.h"
#include "cli/backends.h"

typedef struct backend {
  lam_gemm_candidate library; /* path "": of this build */
  apart process;              /* its reason says why it is refused */
  double patience;            /* seconds for the next answer */
  bool told;                  /* what it is stands below */
  char version[192], core[64], warning[320];
  int own_threads, bits;
  double load, vet, first_call; /* seconds */
} backend;

typedef struct crew {
  backend *all;
  size_t count, reference;
  size_t threads; /* each backend's */
} crew;

/* The backends that --backends names, or all that the machine has. Prints a sentence and returns an exit code where one is not
 * there. To be released in any case. */
int crew_choose(const settings *options, crew *c);
void crew_release(crew *c);
/* A row in the report for each backend: what it is, or why it is refused. */
void crew_report(const crew *c, const settings *options, report *to);

typedef struct job {
  char command[320];                      /* that makes the workers ready: "batch 32" */
  char title[224];                        /* for progress */
  double flops;                           /* of one run, at the most: what patience is measured by */
  contender *contenders;                  /* one for each backend */
  double error_over_bound[MOST_BACKENDS]; /* what the workers answered; NaN: nothing of the kind */
  char exact[MOST_BACKENDS][12];
} job;

/* Measures all jobs with all backends, at crew->threads threads. Backends that fail are refused with a reason, and the rest goes
 * on; the reference is then the first that is left. False where memory is exhausted. */
bool crew_measure(crew *c, const settings *options, report *to, job *jobs, size_t count);
void jobs_release(job *jobs, size_t count);
/* Whether a job has a result of this backend. */
bool job_has(const crew *c, const job *j, size_t backend);
/* Starts the workers; ends them. */
void crew_launch(crew *c, const settings *options, report *to);
void crew_end(crew *c);
/* Asks one of them; false where it is refused now. */
bool backend_ask(backend *b, const char *command);
/* How many rounds run in one launch. */
size_t rounds_a_launch(const settings *options);
/* The report's cells about a backend: name, version, core. */
void report_backend(report *to, const backend *b);
/* Options that measure this backend again, beside the reference, with these threads: to be appended to common_options. */
void backend_options(char *text, size_t size, const crew *c, size_t backend);

/* ---- batches: what train.c and infer.c share ---- */

/* For each number of threads and each of --batch: flops(options, batch) is the work of one run, and `tell` reports it. */
int each_batch(const settings *options, report *to, double (*flops)(const settings *options, size_t batch),
               void (*tell)(const settings *options, report *to, crew *c, const job *j, size_t batch));
/* The command line that measures a step or a call again. */
void batch_options(char *text, size_t size, const settings *options, const crew *c, size_t backend, size_t batch);
enum { MOST_NEIGHBOURS = 256 };
/* neighbours.c: launches all once more, without pinning, for steps alone and beside --neighbours. */
void report_neighbours(const settings *options, report *to, crew *c, size_t batch);
/* parts.c: launches all once more for the parts of a step. */
void report_parts(const settings *options, report *to, crew *c, size_t batch);

#endif
