/* SPDX-License-Identifier: MIT
 *
 * The vector in one AVX-512 register (F, DQ, BW, VL). See vec.h for what each function means.
 */
#ifndef LAM_KERNELS_VEC_AVX512_H
#define LAM_KERNELS_VEC_AVX512_H

#include <immintrin.h>

typedef __m512 lam_vec;
typedef __m512i lam_ints;
typedef __mmask16 lam_mask;

LAM_INLINE lam_mask mask_first(size_t n) { return (lam_mask)_bzhi_u32(0xffff, (unsigned)n); }
LAM_INLINE lam_mask mask_and(lam_mask a, lam_mask b) { return (lam_mask)(a & b); }

LAM_INLINE lam_vec vec_splat(float a) { return _mm512_set1_ps(a); }
LAM_INLINE lam_vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
LAM_INLINE void vec_store(float *p, lam_vec v) { _mm512_storeu_ps(p, v); }
LAM_INLINE lam_vec vec_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(mask_first(n), p); }
LAM_INLINE void vec_store_n(float *p, lam_vec v, size_t n) { _mm512_mask_storeu_ps(p, mask_first(n), v); }
LAM_INLINE lam_vec vec_load_bytes(const uint8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
LAM_INLINE lam_vec vec_load_bytes_n(const uint8_t *p, size_t n) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask_first(n), p)));
}

LAM_INLINE lam_vec vec_add(lam_vec a, lam_vec b) { return _mm512_add_ps(a, b); }
LAM_INLINE lam_vec vec_sub(lam_vec a, lam_vec b) { return _mm512_sub_ps(a, b); }
LAM_INLINE lam_vec vec_mul(lam_vec a, lam_vec b) { return _mm512_mul_ps(a, b); }
LAM_INLINE lam_vec vec_div(lam_vec a, lam_vec b) { return _mm512_div_ps(a, b); }
LAM_INLINE lam_vec vec_sqrt(lam_vec a) { return _mm512_sqrt_ps(a); }
LAM_INLINE lam_vec vec_fma(lam_vec a, lam_vec b, lam_vec c) { return _mm512_fmadd_ps(a, b, c); }
LAM_INLINE lam_vec vec_fnma(lam_vec a, lam_vec b, lam_vec c) { return _mm512_fnmadd_ps(a, b, c); }
LAM_INLINE lam_vec vec_max(lam_vec a, lam_vec b) { return _mm512_max_ps(a, b); }
LAM_INLINE lam_vec vec_min(lam_vec a, lam_vec b) { return _mm512_min_ps(a, b); }
LAM_INLINE lam_vec vec_scale(lam_vec a, lam_vec n) { return _mm512_scalef_ps(a, n); }

LAM_INLINE lam_ints vec_bits(lam_vec a) { return _mm512_castps_si512(a); }
LAM_INLINE lam_vec vec_from_bits(lam_ints a) { return _mm512_castsi512_ps(a); }
LAM_INLINE lam_vec vec_from_ints(lam_ints a) { return _mm512_cvtepi32_ps(a); }
LAM_INLINE lam_ints ints_splat(int32_t a) { return _mm512_set1_epi32(a); }
LAM_INLINE lam_ints ints_load(const int32_t *p) { return _mm512_loadu_si512(p); }
LAM_INLINE void ints_store(int32_t *p, lam_ints a) { _mm512_storeu_si512(p, a); }
LAM_INLINE lam_ints ints_add(lam_ints a, lam_ints b) { return _mm512_add_epi32(a, b); }
LAM_INLINE lam_ints ints_sub(lam_ints a, lam_ints b) { return _mm512_sub_epi32(a, b); }
LAM_INLINE lam_ints ints_and(lam_ints a, lam_ints b) { return _mm512_and_si512(a, b); }
LAM_INLINE lam_ints ints_or(lam_ints a, lam_ints b) { return _mm512_or_si512(a, b); }
LAM_INLINE lam_ints ints_xor(lam_ints a, lam_ints b) { return _mm512_xor_si512(a, b); }
LAM_INLINE lam_ints ints_from_exponent(lam_ints a) { return _mm512_srai_epi32(a, 23); }
LAM_INLINE lam_ints ints_to_exponent(lam_ints a) { return _mm512_slli_epi32(a, 23); }

LAM_INLINE lam_mask vec_less(lam_vec a, lam_vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
LAM_INLINE lam_mask vec_equal(lam_vec a, lam_vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
LAM_INLINE lam_mask vec_is_nan(lam_vec a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
LAM_INLINE lam_vec vec_select(lam_mask m, lam_vec a, lam_vec b) { return _mm512_mask_blend_ps(m, b, a); }
LAM_INLINE lam_ints ints_select(lam_mask m, lam_ints a, lam_ints b) { return _mm512_mask_blend_epi32(m, b, a); }

LAM_INLINE float vec_sum(lam_vec a) {
  __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
LAM_INLINE float vec_max_lane(lam_vec a) {
  __m256 b = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_max_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

#endif
