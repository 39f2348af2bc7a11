/* SPDX-License-Identifier: MIT
 *
 * The vector in two AVX2 registers, with FMA. See vec.h for what each function means.
 */
#ifndef LAM_KERNELS_VEC_AVX2_H
#define LAM_KERNELS_VEC_AVX2_H

#include <immintrin.h>

typedef struct lam_vec {
  __m256 low, high;
} lam_vec;
typedef struct lam_ints {
  __m256i low, high;
} lam_ints;
typedef lam_ints lam_mask; /* a lane is all ones or all zeros */

LAM_INLINE lam_vec vec_of(__m256 low, __m256 high) { return (lam_vec){ low, high }; }
LAM_INLINE lam_ints ints_of(__m256i low, __m256i high) { return (lam_ints){ low, high }; }
LAM_INLINE lam_ints ints_splat(int32_t a) { return ints_of(_mm256_set1_epi32(a), _mm256_set1_epi32(a)); }

LAM_INLINE lam_mask mask_first(size_t n) {
  __m256i count = _mm256_set1_epi32((int)n);
  return ints_of(_mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
                 _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)));
}
LAM_INLINE lam_mask mask_and(lam_mask a, lam_mask b) {
  return ints_of(_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high));
}

LAM_INLINE lam_vec vec_splat(float a) { return vec_of(_mm256_set1_ps(a), _mm256_set1_ps(a)); }
LAM_INLINE lam_vec vec_load(const float *p) { return vec_of(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
LAM_INLINE void vec_store(float *p, lam_vec v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
/* Where n <= 8 the upper half's mask is empty: the instruction then reads and writes nothing, whatever the address. */
LAM_INLINE lam_vec vec_load_n(const float *p, size_t n) {
  lam_mask m = mask_first(n);
  return vec_of(_mm256_maskload_ps(p, m.low), _mm256_maskload_ps((const float *)((uintptr_t)p + 32), m.high));
}
/* By the bits of n: masked stores cost AMD's cores over ten cycles each. */
LAM_INLINE void vec_store_n(float *p, lam_vec v, size_t n) {
  if (n >= 16) {
    vec_store(p, v);
    return;
  }
  __m256 rest = v.low;
  if (n & 8) {
    _mm256_storeu_ps(p, v.low);
    rest = v.high;
    p += 8;
  }
  __m128 last = _mm256_castps256_ps128(rest);
  if (n & 4) {
    _mm_storeu_ps(p, last);
    last = _mm256_extractf128_ps(rest, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi((__m64 *)p, last);
    last = _mm_movehl_ps(last, last);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, last);
}
LAM_INLINE lam_vec vec_load_bytes(const uint8_t *p) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)p);
  return vec_of(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes))));
}
LAM_INLINE lam_vec vec_load_bytes_n(const uint8_t *p, size_t n) {
  uint8_t bytes[LAM_LANES] = { 0 };
  memcpy(bytes, p, n);
  return vec_load_bytes(bytes);
}

LAM_INLINE lam_vec vec_add(lam_vec a, lam_vec b) { return vec_of(_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)); }
LAM_INLINE lam_vec vec_sub(lam_vec a, lam_vec b) { return vec_of(_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)); }
LAM_INLINE lam_vec vec_mul(lam_vec a, lam_vec b) { return vec_of(_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)); }
LAM_INLINE lam_vec vec_div(lam_vec a, lam_vec b) { return vec_of(_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)); }
LAM_INLINE lam_vec vec_sqrt(lam_vec a) { return vec_of(_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)); }
LAM_INLINE lam_vec vec_fma(lam_vec a, lam_vec b, lam_vec c) {
  return vec_of(_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high));
}
LAM_INLINE lam_vec vec_fnma(lam_vec a, lam_vec b, lam_vec c) {
  return vec_of(_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high));
}
LAM_INLINE lam_vec vec_max(lam_vec a, lam_vec b) { return vec_of(_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)); }
LAM_INLINE lam_vec vec_min(lam_vec a, lam_vec b) { return vec_of(_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)); }

LAM_INLINE lam_ints vec_bits(lam_vec a) { return ints_of(_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)); }
LAM_INLINE lam_vec vec_from_bits(lam_ints a) { return vec_of(_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)); }
LAM_INLINE lam_vec vec_from_ints(lam_ints a) { return vec_of(_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)); }
LAM_INLINE lam_ints ints_load(const int32_t *p) {
  return ints_of(_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8)));
}
LAM_INLINE void ints_store(int32_t *p, lam_ints a) {
  _mm256_storeu_si256((__m256i *)p, a.low);
  _mm256_storeu_si256((__m256i *)(p + 8), a.high);
}
LAM_INLINE lam_ints ints_add(lam_ints a, lam_ints b) {
  return ints_of(_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high));
}
LAM_INLINE lam_ints ints_sub(lam_ints a, lam_ints b) {
  return ints_of(_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high));
}
LAM_INLINE lam_ints ints_and(lam_ints a, lam_ints b) { return mask_and(a, b); }
LAM_INLINE lam_ints ints_or(lam_ints a, lam_ints b) {
  return ints_of(_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high));
}
LAM_INLINE lam_ints ints_xor(lam_ints a, lam_ints b) {
  return ints_of(_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high));
}
LAM_INLINE lam_ints ints_from_exponent(lam_ints a) {
  return ints_of(_mm256_srai_epi32(a.low, 23), _mm256_srai_epi32(a.high, 23));
}
LAM_INLINE lam_ints ints_to_exponent(lam_ints a) { return ints_of(_mm256_slli_epi32(a.low, 23), _mm256_slli_epi32(a.high, 23)); }

/* 2^n for integral n in [-126, 127]. */
LAM_INLINE __m256 vec_power_of_two(__m256 n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
/* Two multiplications: the first is exact, since n/2 is far from either end of the exponents, so only the second rounds. */
LAM_INLINE __m256 vec_scale_half(__m256 a, __m256 n) {
  __m256 first = _mm256_round_ps(_mm256_mul_ps(n, _mm256_set1_ps(0.5f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return _mm256_mul_ps(_mm256_mul_ps(a, vec_power_of_two(first)), vec_power_of_two(_mm256_sub_ps(n, first)));
}
LAM_INLINE lam_vec vec_scale(lam_vec a, lam_vec n) {
  return vec_of(vec_scale_half(a.low, n.low), vec_scale_half(a.high, n.high));
}

LAM_INLINE lam_mask vec_less(lam_vec a, lam_vec b) {
  return vec_bits(vec_of(_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)));
}
LAM_INLINE lam_mask vec_equal(lam_vec a, lam_vec b) {
  return vec_bits(vec_of(_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)));
}
LAM_INLINE lam_mask vec_is_nan(lam_vec a) {
  return vec_bits(vec_of(_mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q), _mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q)));
}
LAM_INLINE lam_vec vec_select(lam_mask m, lam_vec a, lam_vec b) {
  lam_vec f = vec_from_bits(m);
  return vec_of(_mm256_blendv_ps(b.low, a.low, f.low), _mm256_blendv_ps(b.high, a.high, f.high));
}
LAM_INLINE lam_ints ints_select(lam_mask m, lam_ints a, lam_ints b) {
  return ints_of(_mm256_blendv_epi8(b.low, a.low, m.low), _mm256_blendv_epi8(b.high, a.high, m.high));
}

LAM_INLINE float vec_sum(lam_vec a) {
  __m256 b = _mm256_add_ps(a.low, a.high);
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
LAM_INLINE float vec_max_lane(lam_vec a) {
  __m256 b = _mm256_max_ps(a.low, a.high);
  __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_max_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

#endif
