/* SPDX-License-Identifier: MIT
 *
 * Contenders measured in rotated rounds: each round runs every contender once, beginning with another one and going
 * the other way each time, so that drift (heat, neighbours) hits all alike and the rounds are pairs for stats_ratio.
 *
 * A contender is a function that runs its work and tells how long it took. It may do so in this process (time_runs) or ask a
 * worker process for it: nothing else here depends on where the work runs.
 */
#ifndef LAM_BENCH_ROUNDS_H
#define LAM_BENCH_ROUNDS_H

#include "bench/stats.h"

typedef struct timing {
  double wall, cpu; /* seconds; cpu of all the threads. wall NaN: it failed and is not to be asked again */
} timing;

typedef struct contender {
  const char *name;
  timing (*time)(void *user, size_t times); /* runs the work so many times */
  void *user;
  /* What rounds_add finds out: */
  bool failed;
  size_t times;                 /* runs in a round */
  size_t rounds;                /* that are complete */
  double seconds[MOST_SAMPLES]; /* of one run, by round */
  double wall, cpu;             /* of all runs */
  /* And rounds_judge: */
  interval mean;  /* seconds of one run; its middle is what reports tell */
  double spread;  /* the middle half's width, as a share of the median */
  double threads; /* observed: CPU time over wall time */
  interval ratio; /* how many times as fast as the reference */
} contender;

/* Adds `rounds` rounds, each contender running for `goal` seconds in each (after a run to warm up). Those that Ctrl-C leaves
 * incomplete do not count. */
void rounds_add(contender *contenders, size_t count, size_t rounds, double goal);
/* Computes the rest. `group` rounds that follow each other ran in the same process. */
void rounds_judge(contender *contenders, size_t count, size_t reference, size_t group);

/* Both, in this process, each contender for at least `min_time` seconds over all rounds; a fifth of the rounds is a group. False
 * where Ctrl-C ended it before every contender had one round. */
bool rounds_run(contender *contenders, size_t count, size_t reference, size_t rounds, double min_time);

/* Runs `work(user)` so many times between two looks at the clocks, where it is often after once that does not count. */
timing time_runs(void (*work)(void *user), void *user, size_t times);

/* Set by Ctrl-C, SIGTERM and SIGHUP: what is done is kept, what is left is not begun. */
bool interrupted(void);
void watch_interrupts(void);

#endif
