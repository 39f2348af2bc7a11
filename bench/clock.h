/* SPDX-License-Identifier: MIT
 *
 * Clocks: wall and CPU time in seconds.
 */
#ifndef LAM_BENCH_CLOCK_H
#define LAM_BENCH_CLOCK_H

#include <time.h>

static inline double clock_read(clockid_t clock) {
  struct timespec time;
  (void)clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static inline double wall_seconds(void) { return clock_read(CLOCK_MONOTONIC); }

/* Of all threads of the process: over wall time, the number of threads at work. */
static inline double cpu_seconds(void) { return clock_read(CLOCK_PROCESS_CPUTIME_ID); }

#endif
