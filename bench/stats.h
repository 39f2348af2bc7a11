/* SPDX-License-Identifier: MIT
 *
 * Statistics of few, noisy numbers: medians, spread, and ratios with an interval. docs/bench.md says why these.
 */
#ifndef LAM_BENCH_STATS_H
#define LAM_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_SAMPLES = 256 };

/* Differences below this are never told: they are within what the placing of code and pages does. */
#define SMALLEST_EFFECT 0.02

/* The value below which the fraction lies, between neighbours linearly; NaN of none. `count` at most MOST_SAMPLES. */
double stats_quantile(const double *values, size_t count, double fraction);
double stats_median(const double *values, size_t count);
/* The middle half's width over the median. */
double stats_spread(const double *values, size_t count);

typedef struct interval {
  double middle, low, high; /* NaN: not known */
} interval;

/* The geometric mean of positive numbers with its 99 % interval of Student's t on their logarithms. Every `group` numbers that
 * follow each other are one: their median, because what they have in common (a process, its place in memory) is one draw. Two
 * groups are the least that have ends. Student, "The probable error of a mean", Biometrika 6, 1908; the groups: Kalibera, Jones,
 * "Rigorous benchmarking in reasonable time", ISMM 2013. */
interval stats_mean(const double *values, size_t count, size_t group);
/* How many times as fast the second is: the mean of first[i] / second[i]. Rounds are pairs: what disturbs a round disturbs both.
 */
interval stats_ratio(const double *first, const double *second, size_t count, size_t group);

/* "faster", "slower", or "not separated" where the interval has a ratio within `effect` of 1, or no ends. */
const char *stats_verdict(interval ratio, double effect);

#endif
