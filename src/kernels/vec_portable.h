/* SPDX-License-Identifier: MIT
 *
 * The vector in portable C: an array of 16 floats. See vec.h for what each function means. This level is there so that every
 * machine gives the same bits; speed is the business of the others.
 */
#ifndef LAM_KERNELS_VEC_PORTABLE_H
#define LAM_KERNELS_VEC_PORTABLE_H

#include <math.h>

typedef struct lam_vec {
  float f[LAM_LANES];
} lam_vec;
typedef struct lam_ints {
  int32_t n[LAM_LANES];
} lam_ints;
typedef struct lam_mask {
  int32_t m[LAM_LANES];
} lam_mask; /* a lane is -1 or 0 */

/* One expression per lane, in i. A function cannot take an expression as its argument. */
#define LAM_EACH(type, member, e)                                                                                                \
  type r;                                                                                                                        \
  for (int i = 0; i < LAM_LANES; ++i) r.member[i] = e;                                                                           \
  return r

/* a b + c rounded once. A float product is exact in double; the sum is rounded to odd (where it is inexact, to the neighbour with
 * an odd last bit), after which rounding to float is as if done at once, denormals and overflow included, since 53 >= 24 + 2.
 * Source: S. Boldo, G. Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE
 * Transactions on Computers 57(4), 2008. The error of the sum is Knuth's TwoSum. */
LAM_INLINE float lam_fma_lane(float a, float b, float c) {
#ifdef __FP_FAST_FMAF
  return fmaf(a, b, c);
#else
  double product = (double)a * b, sum = product + c;
  double c_seen = sum - product, product_seen = sum - c_seen;
  double error = (product - product_seen) + (c - c_seen);
  int64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  int64_t inexact = (error < 0) | (error > 0); /* neither for a NaN, which arises where sum is not finite */
  int64_t away = (error > 0) == (sum > 0);
  bits += inexact & ~bits & 1 ? 2 * away - 1 : 0;
  memcpy(&sum, &bits, sizeof sum);
  return (float)sum;
#endif
}

LAM_INLINE lam_mask mask_first(size_t n) { LAM_EACH(lam_mask, m, -((size_t)i < n)); }
LAM_INLINE lam_mask mask_and(lam_mask a, lam_mask b) { LAM_EACH(lam_mask, m, a.m[i] & b.m[i]); }

LAM_INLINE lam_vec vec_splat(float a) { LAM_EACH(lam_vec, f, a); }
LAM_INLINE lam_vec vec_load(const float *p) { LAM_EACH(lam_vec, f, p[i]); }
LAM_INLINE void vec_store(float *p, lam_vec v) { memcpy(p, v.f, sizeof v.f); }
LAM_INLINE lam_vec vec_load_n(const float *p, size_t n) { LAM_EACH(lam_vec, f, (size_t)i < n ? p[i] : 0.0f); }
LAM_INLINE void vec_store_n(float *p, lam_vec v, size_t n) {
  for (size_t i = 0; i < n; ++i) p[i] = v.f[i];
}
LAM_INLINE lam_vec vec_load_bytes(const uint8_t *p) { LAM_EACH(lam_vec, f, (float)p[i]); }
LAM_INLINE lam_vec vec_load_bytes_n(const uint8_t *p, size_t n) { LAM_EACH(lam_vec, f, (size_t)i < n ? (float)p[i] : 0.0f); }

LAM_INLINE lam_vec vec_add(lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, a.f[i] + b.f[i]); }
LAM_INLINE lam_vec vec_sub(lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, a.f[i] - b.f[i]); }
LAM_INLINE lam_vec vec_mul(lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, a.f[i] * b.f[i]); }
LAM_INLINE lam_vec vec_div(lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, a.f[i] / b.f[i]); }
LAM_INLINE lam_vec vec_sqrt(lam_vec a) { LAM_EACH(lam_vec, f, sqrtf(a.f[i])); }
/* Called and not inlined: 16 of them unrolled in every step of a polynomial cost minutes of compiling. */
static __attribute__((noinline, unused)) lam_vec vec_fma(lam_vec a, lam_vec b, lam_vec c) {
  LAM_EACH(lam_vec, f, lam_fma_lane(a.f[i], b.f[i], c.f[i]));
}
static __attribute__((noinline, unused)) lam_vec vec_fnma(lam_vec a, lam_vec b, lam_vec c) {
  LAM_EACH(lam_vec, f, lam_fma_lane(-a.f[i], b.f[i], c.f[i]));
}
LAM_INLINE lam_vec vec_max(lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, a.f[i] > b.f[i] ? a.f[i] : b.f[i]); }
LAM_INLINE lam_vec vec_min(lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, a.f[i] < b.f[i] ? a.f[i] : b.f[i]); }

LAM_INLINE lam_ints vec_bits(lam_vec a) {
  lam_ints r;
  memcpy(&r, &a, sizeof r);
  return r;
}
LAM_INLINE lam_vec vec_from_bits(lam_ints a) {
  lam_vec r;
  memcpy(&r, &a, sizeof r);
  return r;
}
LAM_INLINE lam_vec vec_from_ints(lam_ints a) { LAM_EACH(lam_vec, f, (float)a.n[i]); }
LAM_INLINE lam_ints ints_splat(int32_t a) { LAM_EACH(lam_ints, n, a); }
LAM_INLINE lam_ints ints_load(const int32_t *p) { LAM_EACH(lam_ints, n, p[i]); }
LAM_INLINE void ints_store(int32_t *p, lam_ints a) { memcpy(p, a.n, sizeof a.n); }
/* Through unsigned, where overflow wraps. */
LAM_INLINE lam_ints ints_add(lam_ints a, lam_ints b) { LAM_EACH(lam_ints, n, (int32_t)((uint32_t)a.n[i] + (uint32_t)b.n[i])); }
LAM_INLINE lam_ints ints_sub(lam_ints a, lam_ints b) { LAM_EACH(lam_ints, n, (int32_t)((uint32_t)a.n[i] - (uint32_t)b.n[i])); }
LAM_INLINE lam_ints ints_and(lam_ints a, lam_ints b) { LAM_EACH(lam_ints, n, a.n[i] & b.n[i]); }
LAM_INLINE lam_ints ints_or(lam_ints a, lam_ints b) { LAM_EACH(lam_ints, n, a.n[i] | b.n[i]); }
LAM_INLINE lam_ints ints_xor(lam_ints a, lam_ints b) { LAM_EACH(lam_ints, n, a.n[i] ^ b.n[i]); }
LAM_INLINE lam_ints ints_from_exponent(lam_ints a) { LAM_EACH(lam_ints, n, a.n[i] >> 23); }
LAM_INLINE lam_ints ints_to_exponent(lam_ints a) { LAM_EACH(lam_ints, n, (int32_t)((uint32_t)a.n[i] << 23)); }

/* 2^n for integral n in [-126, 127]: 1.5 2^23 + n + 127 has n + 127 in its low bits. A NaN gives some number, never a trap. */
LAM_INLINE lam_vec vec_power_of_two(lam_vec n) {
  return vec_from_bits(ints_to_exponent(vec_bits(vec_add(n, vec_splat(0x1.8p23f + 127.0f)))));
}
/* Two multiplications: the first is exact, since n/2 is far from either end of the exponents, so only the second rounds. */
LAM_INLINE lam_vec vec_scale(lam_vec a, lam_vec n) {
  lam_vec first = vec_sub(vec_fma(n, vec_splat(0.5f), vec_splat(0x1.8p23f)), vec_splat(0x1.8p23f));
  return vec_mul(vec_mul(a, vec_power_of_two(first)), vec_power_of_two(vec_sub(n, first)));
}

LAM_INLINE lam_mask vec_less(lam_vec a, lam_vec b) { LAM_EACH(lam_mask, m, -(a.f[i] < b.f[i])); }
LAM_INLINE lam_mask vec_equal(lam_vec a, lam_vec b) { LAM_EACH(lam_mask, m, -(a.f[i] == b.f[i])); }
LAM_INLINE lam_mask vec_is_nan(lam_vec a) { LAM_EACH(lam_mask, m, -(a.f[i] != a.f[i])); }
LAM_INLINE lam_vec vec_select(lam_mask m, lam_vec a, lam_vec b) { LAM_EACH(lam_vec, f, m.m[i] ? a.f[i] : b.f[i]); }
LAM_INLINE lam_ints ints_select(lam_mask m, lam_ints a, lam_ints b) { LAM_EACH(lam_ints, n, m.m[i] ? a.n[i] : b.n[i]); }

LAM_INLINE float vec_sum(lam_vec a) {
  for (int half = LAM_LANES / 2; half; half /= 2) {
    for (int i = 0; i < half; ++i) a.f[i] += a.f[i + half];
  }
  return a.f[0];
}
LAM_INLINE float vec_max_lane(lam_vec a) {
  for (int half = LAM_LANES / 2; half; half /= 2) {
    for (int i = 0; i < half; ++i) a.f[i] = a.f[i] > a.f[i + half] ? a.f[i] : a.f[i + half];
  }
  return a.f[0];
}

#undef LAM_EACH
#endif
