/* SPDX-License-Identifier: MIT
 *
 * Turning in registers as four or two quarters of 128 bits, four columns of sixteen or eight rows at a time. For gemm_turn.h,
 * gemm_row.h and narrow.c.
 */
#ifndef LAM_KERNELS_QUARTERS_H
#define LAM_KERNELS_QUARTERS_H

#include "kernels/vec.h"

#if defined(LAM_ISA_AVX512)
typedef __m512 lam_quarters;
#define LAM_WIDE(operation) _mm512_##operation
#else
typedef __m256 lam_quarters;
#define LAM_WIDE(operation) _mm256_##operation
#endif

/* Quarter g (128 bits) of v[r] holds four columns of row r + 4 g. Afterwards v[c] holds column c of all the rows. */
LAM_INLINE void turn_quarters(lam_quarters v[4]) {
  const lam_quarters low01 = LAM_WIDE(unpacklo_ps)(v[0], v[1]), high01 = LAM_WIDE(unpackhi_ps)(v[0], v[1]);
  const lam_quarters low23 = LAM_WIDE(unpacklo_ps)(v[2], v[3]), high23 = LAM_WIDE(unpackhi_ps)(v[2], v[3]);
#define LAM_PAIRS(half, a, b) LAM_WIDE(castpd_ps)(LAM_WIDE(half)(LAM_WIDE(castps_pd)(a), LAM_WIDE(castps_pd)(b)))
  v[0] = LAM_PAIRS(unpacklo_pd, low01, low23);
  v[1] = LAM_PAIRS(unpackhi_pd, low01, low23);
  v[2] = LAM_PAIRS(unpacklo_pd, high01, high23);
  v[3] = LAM_PAIRS(unpackhi_pd, high01, high23);
#undef LAM_PAIRS
}
#undef LAM_WIDE

#if defined(LAM_ISA_AVX512)

/* Four columns of four rows as quarters. A broadcast from memory under a mask costs no shuffle. */
LAM_INLINE __m512 load_quarters(const float *a, const float *b, const float *c, const float *d, __mmask8 columns) {
  __m512 v = _mm512_castps128_ps512(_mm_maskz_loadu_ps(columns, a));
  v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_maskz_loadu_ps(columns, b));
  v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_maskz_loadu_ps(columns, c));
  return _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_maskz_loadu_ps(columns, d));
}

#else

/* Four columns of two rows. */
LAM_INLINE __m256 load_halves(const float *a, const float *b) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)), _mm_loadu_ps(b), 1);
}

#endif
#endif
