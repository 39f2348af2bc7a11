/* SPDX-License-Identifier: MIT
 *
 * Products of one row. Part of gemm.c.
 */
#ifndef LAM_KERNELS_GEMM_ROW_H
#define LAM_KERNELS_GEMM_ROW_H

#include "kernels/gemm_product.h"

/* So many vectors of lanes are turned side by side. */
enum { DOT_VECTORS = 2, DOT_LANES = DOT_VECTORS * LAM_LANES };

/* ---- lanes that are next to each other ------------------------------------------------------------------------------ */

/* The next lanes, 2, 4, 8 or 16 vectors of them side by side, the last perhaps in part. */
static void row_1(const tile *t) { compute_tile(t, 1, 1, true, false); }
static void row_2(const tile *t) { compute_tile(t, 1, 2, true, false); }
static void row_4(const tile *t) { compute_tile(t, 1, 4, true, false); }

#if defined(LAM_ISA_AVX512)

static void row_8(const tile *t) { compute_tile(t, 1, 8, true, false); }
static void row_16(const tile *t) { compute_tile(t, 1, 16, true, false); }

static void row(tile *t, size_t left) {
  static tile_function *const rows[] = { row_1, row_2, row_4, row_8, row_16 };
  const size_t vectors = (left + LAM_LANES - 1) / LAM_LANES;
  const size_t i = vectors >= 16 ? 4 : vectors >= 8 ? 3 : vectors >= 4 ? 2 : vectors >= 2 ? 1 : 0, most = LAM_LANES << i;
  t->lanes = left < most ? left : most;
  rows[i](t);
}

#else

/* Fewer registers hold too small a part of a row for reading the next row to be ahead of need. There a matrix that is not in the
 * nearest cache is read as it lies, STRIP_K rows at a time, and the sums wait in C. */
enum { STRIP_VECTORS = 2, STRIP_LANES = STRIP_VECTORS * LAM_LANES, STRIP_K = 8, STRIP_LEAST = 256, NEAR = 8192 };

/* `count` is a constant. */
LAM_INLINE void compute_strip(const tile *t, size_t l, const int count) {
  const float *b = t->b + l * t->b_k, *a = t->a + l * t->a_k;
  const size_t b_k = t->b_k, lanes = t->lanes;
  float *c = t->c;
  lam_vec y[STRIP_K];
  LAM_UNROLL
  for (int i = 0; i < count; ++i) y[i] = vec_splat(a[(size_t)i * t->a_k]);
  for (size_t lane = 0; lane < lanes; lane += STRIP_LANES) {
    lam_vec sum[STRIP_VECTORS];
    LAM_UNROLL
    for (int v = 0; v < STRIP_VECTORS; ++v) sum[v] = l > 0 ? vec_load(c + lane + v * LAM_LANES) : vec_zero();
    LAM_UNROLL
    for (int i = 0; i < count; ++i) {
      LAM_UNROLL
      for (int v = 0; v < STRIP_VECTORS; ++v) {
        sum[v] = vec_fma(y[i], vec_load(b + (size_t)i * b_k + lane + v * LAM_LANES), sum[v]);
      }
    }
    LAM_UNROLL
    for (int v = 0; v < STRIP_VECTORS; ++v) vec_store(c + lane + v * LAM_LANES, sum[v]);
  }
}

/* A multiple of STRIP_LANES; C is not added to. */
static void strip(const tile *t) {
  size_t l = 0;
  for (; l + STRIP_K <= t->k; l += STRIP_K) compute_strip(t, l, STRIP_K);
  for (; l < t->k; ++l) compute_strip(t, l, 1);
  tile end = *t;
  end.lanes = LAM_LANES;
  for (size_t lane = 0; t->finish && lane < t->lanes; lane += LAM_LANES) {
    lam_vec sum[1][WIDE_VECTORS] = { { vec_load(t->c + lane) } };
    end.c = t->c + lane;
    if (t->bias && !t->bias_of_rows) end.bias = t->bias + lane;
    finish_sums(&end, sum, 1, 1, false);
  }
}

static void row(tile *t, size_t left) {
  const size_t vectors = (left + LAM_LANES - 1) / LAM_LANES, most = vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
  if (left >= STRIP_LEAST && left * t->k > NEAR && t->beta == 0) {
    t->lanes = left / STRIP_LANES * STRIP_LANES;
    strip(t);
    return;
  }
  t->lanes = left < most * LAM_LANES ? left : most * LAM_LANES;
  (most == 4 ? row_4 : most == 2 ? row_2 : row_1)(t);
}

#endif

/* ---- lanes that are not ------------------------------------------------------------------------------------------- */

/* Each output is the product of the row with a row of a matrix. The numbers of sixteen lanes are turned on their way into the
 * registers, some k at a time, and never packed. column[c] becomes those at k = l + c. */

#if defined(LAM_ISA_AVX512)

LAM_INLINE void load_four(lam_vec column[4], const sixteen *b, size_t l) {
  LAM_UNROLL
  for (size_t i = 0; i < 4; ++i)
    column[i] = load_quarters(row_at(b, i) + l, row_at(b, i + 4) + l, row_at(b, i + 8) + l, row_at(b, i + 12) + l, 15);
  turn_quarters(column);
}

#elif defined(LAM_ISA_AVX2)

LAM_INLINE void load_four(lam_vec column[4], const sixteen *b, size_t l) {
  __m256 low[4], high[4];
  LAM_UNROLL
  for (size_t i = 0; i < 4; ++i) {
    low[i] = load_halves(row_at(b, i) + l, row_at(b, i + 4) + l);
    high[i] = load_halves(row_at(b, i + 8) + l, row_at(b, i + 12) + l);
  }
  turn_quarters(low);
  turn_quarters(high);
  LAM_UNROLL
  for (int c = 0; c < 4; ++c) column[c] = vec_of(low[c], high[c]);
}

#else

LAM_INLINE void load_four(lam_vec column[4], const sixteen *b, size_t l) {
  float turned[4][LAM_LANES];
  for (size_t i = 0; i < LAM_LANES; i += 4) {
    quad q[4];
    for (size_t r = 0; r < 4; ++r) q[r] = quad_load(row_at(b, i + r) + l);
    turn_quads(q);
    for (size_t c = 0; c < 4; ++c) memcpy(&turned[c][i], &q[c], sizeof q[c]);
  }
  for (size_t c = 0; c < 4; ++c) column[c] = vec_load(turned[c]);
}

#endif

/* Of the next four k those from `skip` on. */
LAM_INLINE lam_vec add_four(lam_vec sum, const float *a, size_t a_k, const sixteen *b, size_t l, size_t skip) {
  lam_vec column[4];
  load_four(column, b, l);
  LAM_UNROLL
  for (size_t c = 0; c < 4; ++c) {
    if (c >= skip) sum = vec_fma(vec_splat(a[(l + c) * a_k]), column[c], sum);
  }
  return sum;
}

/* The next sixteen k. */
LAM_INLINE lam_vec add_sixteen(lam_vec sum, const float *a, size_t a_k, const sixteen *b, size_t l) {
#if defined(LAM_ISA_AVX512)
  lam_vec column[16];
  load_sixteen(column, b, l);
  LAM_UNROLL
  for (size_t c = 0; c < 16; ++c) sum = vec_fma(vec_splat(a[(l + c) * a_k]), column[c], sum);
#else
  for (size_t q = 0; q < 16; q += 4) sum = add_four(sum, a, a_k, b, l + q, 0);
#endif
  return sum;
}

/* At least four k: where a multiple of four leaves some, the last four are read, and those of them that were there are skipped.
 * A line of the cache is done with before it makes room for those of other lanes. */
LAM_INLINE void compute_dots(const tile *t, size_t b_step, const int vectors, const bool partial) {
  sixteen b[DOT_VECTORS];
  lam_vec sum[1][WIDE_VECTORS];
  LAM_UNROLL
  for (int v = 0; v < vectors; ++v) b[v] = rows_from(t->b + (size_t)v * LAM_LANES * b_step, b_step, t->lanes, partial);
  LAM_UNROLL
  for (int v = 0; v < vectors; ++v) sum[0][v] = vec_zero();
  const float *a = t->a;
  const size_t a_k = t->a_k, k = t->k;
  size_t l = 0;
  for (; l + 16 <= k; l += 16) {
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) sum[0][v] = add_sixteen(sum[0][v], a, a_k, &b[v], l);
  }
  for (; l + 4 <= k; l += 4) {
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) sum[0][v] = add_four(sum[0][v], a, a_k, &b[v], l, 0);
  }
  if (l < k) {
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) sum[0][v] = add_four(sum[0][v], a, a_k, &b[v], k - 4, 4 - (k - l));
  }
  finish_sums(t, sum, 1, vectors, partial);
}

/* The next lanes. */
static void dots(tile *t, size_t b_step, size_t left) {
  t->lanes = left >= DOT_LANES ? DOT_LANES : left < LAM_LANES ? left : LAM_LANES;
  if (t->lanes == DOT_LANES) {
    compute_dots(t, b_step, DOT_VECTORS, false);
  } else {
    compute_dots(t, b_step, 1, true);
  }
}

#endif
