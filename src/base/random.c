/* SPDX-License-Identifier: MIT
 *
 * Random numbers as a function of seed, stream and position: nothing to lock, save or lose, and any of them can be drawn first.
 * Counters and streams are told in docs/numerics.md.
 */
#include <lamina/base.h>

#include "base/context.h"
#include <math.h>

/* ---- bits -------------------------------------------------------------------------------------------------------- */

/* Salmon, Moraes, Dror, Shaw 2011, section 4.3: two 32 x 32 -> 64 bit products a round, keys that grow by Weyl sequences. */
void lam_random_bits(uint32_t bits[4], const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = UINT64_C(0xD2511F53) * c0, product1 = UINT64_C(0xCD9E8D57) * c2;
    c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)product1;
    c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)product0;
    k0 += 0x9E3779B9; // the golden ratio
    k1 += 0xBB67AE85; // the square root of 3, less one
  }
  bits[0] = c0;
  bits[1] = c1;
  bits[2] = c2;
  bits[3] = c3;
}

static float uniform_of_word(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }

static float normal_of_word(uint32_t word);

static inline void fill(float *values, size_t count, uint64_t seed, uint64_t stream, uint64_t first,
                        float (*value_of_word)(uint32_t)) {
  const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
  uint32_t bits[4];
  for (size_t i = 0; i < count; ++i) {
    uint64_t position = first + i, block = position / 4;
    if (i == 0 || position % 4 == 0)
      lam_random_bits(bits, (uint32_t[4]){ (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32) },
                      key);
    values[i] = value_of_word(bits[position % 4]);
  }
}

void lam_random_uniform(float *values, size_t count, uint64_t seed, uint64_t stream, uint64_t first) {
  if (values) fill(values, count, seed, stream, first, uniform_of_word);
}

void lam_random_normal(float *values, size_t count, uint64_t seed, uint64_t stream, uint64_t first) {
  if (!values) return;
  lam_fp_mode mode = lam_fp_enter();
  fill(values, count, seed, stream, first, normal_of_word);
  lam_fp_leave(mode);
}

/* ---- the normal distribution ------------------------------------------------------------------------------------- */

/* c[0] + c[1] x + ... + c[7] x^7 */
static double polynomial(const double c[8], double x) {
  double sum = c[7];
  for (int i = 6; i >= 0; --i) sum = sum * x + c[i];
  return sum;
}

/* The x below which a standard normal number lies with the probability of `word`: (word + 1/2) / 2^32, never 0 or 1.
 * Wichura's PPND16, two of its three cases: the third is for probabilities below exp(-25), and 2^-33 is above. */
static float normal_of_word(uint32_t word) {
  static const double central_above[8] = { 3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                           1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                           3.3430575583588128105e+4, 2.5090809287301226727e+3 };
  static const double central_below[8] = { 1.0,
                                           4.2313330701600911252e+1,
                                           6.8718700749205790830e+2,
                                           5.3941960214247511077e+3,
                                           2.1213794301586595867e+4,
                                           3.9307895800092710610e+4,
                                           2.8729085735721942674e+4,
                                           5.2264952788528545610e+3 };
  static const double tail_above[8] = { 1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                        3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                        2.27238449892691845833e-2, 7.74545014278341407640e-4 };
  static const double tail_below[8] = { 1.0,
                                        2.05319162663775882187e0,
                                        1.67638483018380384940e0,
                                        6.89767334985100004550e-1,
                                        1.48103976427480074590e-1,
                                        1.51986665636164571966e-2,
                                        5.47593808499534494600e-4,
                                        1.05075007164441684324e-9 };
  double p = ((double)word + 0.5) * 0x1p-32, q = p - 0.5;
  if (fabs(q) <= 0.425) {
    double r = 0.180625 - q * q;
    return (float)(q * polynomial(central_above, r) / polynomial(central_below, r));
  }
  double r = sqrt(-lam_natural_log(q < 0 ? p : 1 - p)) - 1.6;
  double x = polynomial(tail_above, r) / polynomial(tail_below, r);
  return (float)(q < 0 ? -x : x);
}
