/* SPDX-License-Identifier: MIT
 *
 * The least time that a network's parts can take on this machine: of each, its multiply-adds at the peak or its bytes at the
 * bandwidth of the level that they fit in, whichever takes longer, since both go on at once. What is measured is set against it.
 */
#ifndef LAM_BENCH_BOUNDS_H
#define LAM_BENCH_BOUNDS_H

#include "bench/bench.h"

enum { MOST_BOUNDS = 5 * MAX_LIST + 5 };

typedef struct bound {
  const char *part;   /* as the plan names its operation */
  size_t layer;       /* of the dense layers, from 0; NO_LAYER: of the step */
  double flops;       /* multiply-adds, twice */
  double bytes, kept; /* moved, both directions; that have to lie in a level for that */
  bool update;        /* read and written back; otherwise reading is all that counts */
} bound;

enum { NO_LAYER = MAX_LIST };

typedef struct bounds {
  bound all[MOST_BOUNDS];
  size_t count;
} bounds;

/* The parts of a training step, or of a session's call. */
bounds step_bounds(const settings *options, size_t batch);
bounds call_bounds(const settings *options, size_t batch);
/* Seconds of one of them, or of all together, with so many cores, by what `r` measured. */
double bound_seconds(const report *r, const bound *b, size_t threads);
double bounds_seconds(const report *r, const bounds *all, size_t threads);
/* A part by its name and its layer's; NULL where there is none. */
const bound *find_bound(const bounds *all, const char *part, const char *layer);

/* Adds the cells of a measured time against its limit. */
void report_limit(report *r, double limit, double seconds);

#endif
