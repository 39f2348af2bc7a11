/* SPDX-License-Identifier: MIT
 *
 * One row times lanes that are not next to each other: each output is the product of the row with a row of a matrix. Part of
 * gemm.c. The numbers of sixteen lanes are turned on their way into the registers, four k at a time, and never packed.
 */
#ifndef LAM_KERNELS_GEMM_ROW_H
#define LAM_KERNELS_GEMM_ROW_H

#include "kernels/gemm_tile.h"

#if defined(LAM_ISA_AVX512)
enum { DOT_VECTORS = 4 };
#else
enum { DOT_VECTORS = 2 };
#endif

/* Where lane i begins. Beyond the last lane its numbers are read again. `partial` is a constant where this is called. */
typedef struct lanes_at {
  const float *first;
  size_t step;
  bool partial;
  size_t offset[LAM_LANES]; /* of partial ones */
} lanes_at;

LAM_INLINE const float *lane_at(const lanes_at *b, size_t i, size_t l) {
  return b->first + l + (b->partial ? b->offset[i] : i % 4 * b->step + i / 4 * (4 * b->step));
}

#if defined(LAM_ISA_AVX512)

/* column[c] becomes the numbers at k = l + c of sixteen lanes. */
LAM_INLINE void load_turned(lam_vec column[4], const lanes_at *b, size_t l) {
  LAM_UNROLL
  for (size_t i = 0; i < 4; ++i) {
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(lane_at(b, i, l)));
    v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(lane_at(b, i + 4, l)));
    v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(lane_at(b, i + 8, l)));
    column[i] = _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(lane_at(b, i + 12, l)));
  }
  turn_quarters(column);
}

#elif defined(LAM_ISA_AVX2)

/* Columns of lanes i .. i + 7. */
LAM_INLINE void load_eight(__m256 column[4], const lanes_at *b, size_t i, size_t l) {
  __m256 v[4];
  LAM_UNROLL
  for (size_t r = 0; r < 4; ++r) {
    v[r] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lane_at(b, i + r, l))),
                                _mm_loadu_ps(lane_at(b, i + r + 4, l)), 1);
  }
  __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(v[0], v[1])), high01 = _mm256_castps_pd(_mm256_unpackhi_ps(v[0], v[1]));
  __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(v[2], v[3])), high23 = _mm256_castps_pd(_mm256_unpackhi_ps(v[2], v[3]));
  column[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
  column[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
  column[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
  column[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
}

LAM_INLINE void load_turned(lam_vec column[4], const lanes_at *b, size_t l) {
  __m256 low[4], high[4];
  load_eight(low, b, 0, l);
  load_eight(high, b, 8, l);
  LAM_UNROLL
  for (size_t c = 0; c < 4; ++c) column[c] = vec_of(low[c], high[c]);
}

#else

LAM_INLINE void load_turned(lam_vec column[4], const lanes_at *b, size_t l) {
  float turned[4][LAM_LANES];
  for (size_t i = 0; i < LAM_LANES; i += 4) {
    quad q[4];
    for (size_t r = 0; r < 4; ++r) q[r] = quad_load(lane_at(b, i + r, l));
    turn_quads(q);
    for (size_t c = 0; c < 4; ++c) memcpy(&turned[c][i], &q[c], sizeof q[c]);
  }
  for (size_t c = 0; c < 4; ++c) column[c] = vec_load(turned[c]);
}

#endif

/* At least four k: where a multiple of four leaves some, the last four are read, and those of them that were there are skipped.
 */
LAM_INLINE void compute_dots(const tile *t, size_t b_step, const int vectors, const bool partial) {
  lanes_at b[DOT_VECTORS];
  LAM_UNROLL
  for (int v = 0; v < vectors; ++v) b[v] = (lanes_at){ t->b + (size_t)v * LAM_LANES * b_step, b_step, partial, { 0 } };
  if (partial) {
    for (size_t i = 1; i < LAM_LANES; ++i) b[0].offset[i] = i < t->lanes ? i * b_step : b[0].offset[i - 1];
  }
  lam_vec sum[1][WIDE_VECTORS], column[4];
  LAM_UNROLL
  for (int v = 0; v < vectors; ++v) sum[0][v] = vec_zero();
  const float *a = t->a;
  const size_t a_k = t->a_k, k = t->k;
  size_t l = 0;
  for (size_t span; l + 4 <= k; l += span, a += span * a_k) {
    span =
        k - l >= 16 ? 16 : (k - l) / 4 * 4; /* a line of the cache is done with before it makes room for those of other lanes */
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) {
      for (size_t q = 0; q < span; q += 4) {
        load_turned(column, &b[v], l + q);
        LAM_UNROLL
        for (size_t c = 0; c < 4; ++c) sum[0][v] = vec_fma(vec_splat(a[(q + c) * a_k]), column[c], sum[0][v]);
      }
    }
  }
  if (l < k) {
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) {
      load_turned(column, &b[v], k - 4);
      if (k - l == 3) sum[0][v] = vec_fma(vec_splat(a[0]), column[1], sum[0][v]);
      if (k - l >= 2) sum[0][v] = vec_fma(vec_splat(a[(k - l - 2) * a_k]), column[2], sum[0][v]);
      sum[0][v] = vec_fma(vec_splat(a[(k - l - 1) * a_k]), column[3], sum[0][v]);
    }
  }
  finish_sums(t, sum, 1, vectors, partial);
}

static void dots(const tile *t, size_t b_step) {
  if (t->lanes == DOT_VECTORS * LAM_LANES) {
    compute_dots(t, b_step, DOT_VECTORS, false);
  } else {
    compute_dots(t, b_step, 1, true);
  }
}

#endif
