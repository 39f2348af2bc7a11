/* SPDX-License-Identifier: MIT
 *
 * Contenders measured in rotated rounds: each round runs every contender once, beginning with another one each time, so that
 * drift (heat, neighbours) hits all alike and the rounds are pairs for stats_ratio.
 *
 * A contender is a function that runs its work and tells how long it took. It may do so in this process (time_runs) or ask a
 * worker process for it: nothing else here depends on where the work runs.
 */
#ifndef LAM_BENCH_ROUNDS_H
#define LAM_BENCH_ROUNDS_H

#include "bench/stats.h"

typedef struct timing {
  double wall, cpu; /* seconds; cpu of all the threads */
} timing;

typedef struct contender {
  const char *name;
  timing (*time)(void *user, size_t times); /* runs the work so many times */
  void *user;
  /* What rounds_run finds out: */
  size_t times;                 /* runs in a round */
  double seconds[MOST_SAMPLES]; /* of one run, by round */
  double median, spread;        /* of one run */
  double threads;               /* observed: CPU time over wall time */
  interval ratio;               /* how many times as fast as the reference */
} contender;

/* Runs `rounds` rounds, each contender for at least `min_time` seconds over all of them (after a run to warm up). False where
 * Ctrl-C ended it before every contender had one round; the results are those of the rounds that are complete. */
bool rounds_run(contender *contenders, size_t count, size_t reference, size_t rounds, double min_time);

/* Runs `run(user)` so many times between two looks at the clocks. */
timing time_runs(void (*run)(void *user), void *user, size_t times);

/* Set by Ctrl-C: what is done is kept, what is left is not begun. */
bool interrupted(void);
void watch_interrupts(void);

#endif
