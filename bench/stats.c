/* SPDX-License-Identifier: MIT
 *
 * Statistics; see stats.h.
 */
#include "bench/stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
  double x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static double quantile_of_sorted(const double *sorted, size_t count, double fraction) {
  double place = fraction * (double)(count - 1);
  size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
  double share = place - (double)below;
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

double stats_quantile(const double *values, size_t count, double fraction) {
  double sorted[MOST_SAMPLES];
  if (count == 0) return (double)NAN;
  if (count > MOST_SAMPLES) count = MOST_SAMPLES;
  memcpy(sorted, values, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, ascending);
  return quantile_of_sorted(sorted, count, fraction);
}

double stats_median(const double *values, size_t count) { return stats_quantile(values, count, 0.5); }

double stats_spread(const double *values, size_t count) {
  double half = stats_quantile(values, count, 0.75) - stats_quantile(values, count, 0.25);
  return half / stats_median(values, count);
}

/* The 99.5 % points of Student's t by degrees of freedom; from 30 on, that of 30, which errs towards wide. */
static double student(size_t freedom) {
  static const double points[] = { 63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169,
                                   3.106,  3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861, 2.845,
                                   2.831,  2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750 };
  const size_t most = sizeof points / sizeof *points;
  return points[(freedom < most ? freedom : most) - 1];
}

interval stats_mean(const double *values, size_t count, size_t group) {
  double logarithm[MOST_SAMPLES], mean = 0, squares = 0;
  size_t units = 0;
  if (count > MOST_SAMPLES) count = MOST_SAMPLES;
  for (size_t i = 0; i < count; i += group)
    mean += logarithm[units++] = log(stats_median(values + i, group < count - i ? group : count - i));
  if (units == 0) return (interval){ (double)NAN, (double)NAN, (double)NAN };
  mean /= (double)units;
  if (units == 1) return (interval){ exp(mean), (double)NAN, (double)NAN };
  for (size_t i = 0; i < units; i++) squares += (logarithm[i] - mean) * (logarithm[i] - mean);
  double half = student(units - 1) * sqrt(squares / (double)(units - 1) / (double)units);
  return (interval){ exp(mean), exp(mean - half), exp(mean + half) };
}

interval stats_ratio(const double *first, const double *second, size_t count, size_t group) {
  double ratios[MOST_SAMPLES];
  if (count > MOST_SAMPLES) count = MOST_SAMPLES;
  for (size_t i = 0; i < count; i++) ratios[i] = first[i] / second[i];
  return stats_mean(ratios, count, group);
}

const char *stats_verdict(interval ratio, double effect) {
  return ratio.low > 1 + effect ? "faster" : ratio.high < 1 / (1 + effect) ? "slower" : "not separated";
}
