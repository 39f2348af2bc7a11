/* SPDX-License-Identifier: MIT
 *
 * The logarithm, the exponential, powers and a cosine in double without the C library's: of the operations used, all are exactly rounded or exact,
 * so that the bits are the same everywhere.
 */
#include "base/elementary.h"
#include "base/context.h"
#include <math.h>

/* x = m 2^e with m in [sqrt(1/2), sqrt(2)), and with s = (m - 1) / (m + 1), log m = 2 atanh s = 2 (s + s^3/3 + s^5/5 + ...).
 * |s| <= 0.1716, so that the first term left out, s^25/25 against s, is below 0.1716^24 / 25 = 2e-20. */
double lam_natural_log(double x) {
  const double ln_2 = 0.693147180559945309417;
  if (!(x > 0)) return x < 0 || isnan(x) ? (double)NAN : -(double)INFINITY;
  if (isinf(x)) return x;
  int exponent;
  double m = frexp(x, &exponent);
  if (m < 0.707106781186547524401) {
    m *= 2;
    --exponent;
  }
  double s = (m - 1) / (m + 1), square = s * s, sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return exponent * ln_2 + 2 * s * sum;
}

/* x = n log 2 + r with |r| <= 0.347, and e^r by its series: the first term left out, r^15/15!, is below 1e-19. log 2 comes in two
 * parts, of which the first has 21 zeros at its end, so that its product with n is exact. */
double lam_natural_exp(double x) {
  const double ln_2_high = 0x1.62e42fee00000p-1, ln_2_low = 0x1.a39ef35793c76p-33;
  if (isnan(x)) return x;
  if (x > 709.9) return (double)INFINITY;
  if (x < -745.2) return 0;
  double n = floor(x * 1.44269504088896340736 + 0.5), r = (x - n * ln_2_high) - n * ln_2_low, sum = 1;
  for (int k = 14; k >= 1; k--) sum = 1 + sum * r / k;
  return ldexp(sum, (int)n);
}

double lam_power(double base, double exponent) {
  if (fabs(exponent) < 9e15 && exponent == (double)(int64_t)exponent) {
    double result = 1.0;
    for (uint64_t n = (uint64_t)fabs(exponent); n; n >>= 1, base *= base)
      if (n & 1) result *= base;
    return exponent < 0.0 ? 1.0 / result : result;
  }
  if (base < 0x1p-1022) return exponent > 0.0 ? 0.0 : (double)INFINITY;
  return lam_natural_exp(exponent * lam_natural_log(base));
}

/* sin(pi (1/2 - x)); |t| < 1.571, and the term left out, t^27/27!, is below 1e-22. */
double lam_cosine_of_pi(double x) {
  double t = 3.14159265358979323846 * (0.5 - x), square = t * t, sum = 1.0;
  for (int k = 24; k >= 2; k -= 2) sum = 1.0 - sum * square / (k * (k + 1));
  return t * sum;
}

double lam_as_written(float decay) {
  if (!(decay >= 0.0f && decay <= 1.0f)) return (double)decay;
  double decimal = (double)(int64_t)((double)decay * 1e7 + 0.5) / 1e7;
  return (float)decimal == decay ? decimal : (double)decay;
}
