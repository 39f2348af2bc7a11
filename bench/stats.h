/* SPDX-License-Identifier: MIT
 *
 * Statistics of few, noisy numbers: medians, spread, and ratios with an interval.
 */
#ifndef LAM_BENCH_STATS_H
#define LAM_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_SAMPLES = 256 };

/* The value below which the fraction lies, between neighbours linearly; NaN of none. `count` at most MOST_SAMPLES. */
double stats_quantile(const double *values, size_t count, double fraction);
double stats_median(const double *values, size_t count);
/* The middle half's width over the median. */
double stats_spread(const double *values, size_t count);

typedef struct interval {
  double middle, low, high;
} interval;

/* How many times as fast the second is: the median of first[i] / second[i] over rounds, with its 95 % bootstrap interval
 * (percentiles of 2,000 resamples; always the same ones). Efron, "Bootstrap methods: another look at the jackknife", Annals of
 * Statistics 7, 1979. Rounds are pairs: what disturbs a round disturbs both. */
interval stats_ratio(const double *first, const double *second, size_t count);

/* Whether the interval leaves 1 out: otherwise the answer is "not separated". */
bool stats_separated(interval ratio);
const char *stats_verdict(interval ratio);

#endif
