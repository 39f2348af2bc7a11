/* SPDX-License-Identifier: MIT
 *
 * Statistics; see stats.h.
 */
#include "bench/stats.h"
#include <lamina/base.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 2000 };

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

/* Numbers to draw with: a multiplicative generator is good enough for resampling (Steele, Vigna, "Computationally easy,
 * spectrally good multipliers", 2021). */
static size_t draw(uint64_t *state, size_t below) {
  *state = *state * 0xd1342543de82ef95u + 1;
  return (size_t)((*state >> 33) % below);
}

interval stats_ratio(const double *first, const double *second, size_t count) {
  double ratios[MOST_SAMPLES], sample[MOST_SAMPLES], medians[RESAMPLES];
  if (count > MOST_SAMPLES) count = MOST_SAMPLES;
  if (count == 0) return (interval){ (double)NAN, (double)NAN, (double)NAN };
  for (size_t i = 0; i < count; i++) ratios[i] = first[i] / second[i];
  uint64_t state = 1;
  for (size_t r = 0; r < RESAMPLES; r++) {
    for (size_t i = 0; i < count; i++) sample[i] = ratios[draw(&state, count)];
    medians[r] = stats_median(sample, count);
  }
  qsort(medians, RESAMPLES, sizeof *medians, ascending);
  return (interval){ stats_median(ratios, count), quantile_of_sorted(medians, RESAMPLES, 0.025),
                     quantile_of_sorted(medians, RESAMPLES, 0.975) };
}

bool stats_separated(interval ratio) { return ratio.low > 1.0 || ratio.high < 1.0; }

const char *stats_verdict(interval ratio) {
  if (!stats_separated(ratio)) return "not separated";
  return ratio.low > 1.0 ? "faster" : "slower";
}
