/* SPDX-License-Identifier: MIT
 *
 * Turning in AVX-512, sixteen rows of four columns at a time: a register as four quarters of 128 bits. For gemm_turn.h and
 * narrow.c.
 */
#ifndef LAM_KERNELS_QUARTERS_H
#define LAM_KERNELS_QUARTERS_H

#include "kernels/vec.h"

/* Quarter g (128 bits) of v[r] holds four columns of row r + 4 g. Afterwards v[c] holds column c of all the rows. */
LAM_INLINE void turn_quarters(__m512 v[4]) {
  __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(v[0], v[1])), b = _mm512_castps_pd(_mm512_unpackhi_ps(v[0], v[1]));
  __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(v[2], v[3])), d = _mm512_castps_pd(_mm512_unpackhi_ps(v[2], v[3]));
  v[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
  v[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
  v[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
  v[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}

/* Four columns of the rows f, f + 4 step, f + 8 step, f + 12 step as quarters; `groups` of them are there. A broadcast from
 * memory under a mask costs no shuffle. */
LAM_INLINE __m512 load_quarters(const float *f, size_t step, size_t groups, __mmask8 columns) {
  __m512 v = _mm512_setzero_ps();
  if (groups > 0) v = _mm512_castps128_ps512(_mm_maskz_loadu_ps(columns, f));
  if (groups > 1) v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_maskz_loadu_ps(columns, f + 4 * step));
  if (groups > 2) v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_maskz_loadu_ps(columns, f + 8 * step));
  if (groups > 3) v = _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_maskz_loadu_ps(columns, f + 12 * step));
  return v;
}

#endif
