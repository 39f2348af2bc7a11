/* SPDX-License-Identifier: MIT
 *
 * The tile of the native product: some rows by some lanes of C stay in registers while k runs. Part of gemm.c.
 */
#ifndef LAM_KERNELS_GEMM_TILE_H
#define LAM_KERNELS_GEMM_TILE_H

#include "kernels/level.h"
#include <stdbool.h>

/* Its accumulators, the vectors of one k, and one spread number fit in the register file. With one vector of lanes there is room
 * for more rows; a single row takes more vectors, for as many independent chains (gemm_row.h). */
#if defined(LAM_ISA_AVX512)
enum { TILE_ROWS = 12, NARROW_ROWS = 16, TILE_VECTORS = 2, WIDE_VECTORS = 16 };
#elif defined(LAM_ISA_PORTABLE)
enum { TILE_ROWS = 2, NARROW_ROWS = 2, TILE_VECTORS = 1, WIDE_VECTORS = 4 };
#else
enum { TILE_ROWS = 6, NARROW_ROWS = 6, TILE_VECTORS = 1, WIDE_VECTORS = 4 };
#endif
enum { TILE_LANES = TILE_VECTORS * LAM_LANES };

/* One tile, over one block of k. */
typedef struct tile {
  const float *a; /* the number of row r at k = l is a[r * a_step + l * a_k] */
  size_t a_step, a_k;
  const float *b; /* the lanes at k = l begin at b[l * b_k] */
  size_t b_k;
  size_t k, lanes;
  const float *next; /* so many lanes, k by k next_k apart, that come later and are fetched on the way; NULL: none */
  size_t next_k;
  float *keep_lanes, *keep_rows; /* where they are packed on the way, the rows with an a_step of 1; NULL: they are not */
  float *c;
  size_t ldc;
  bool resume; /* c holds unfinished sums */
  bool finish; /* they end here: alpha, beta, bias and relu act, in this order */
  float alpha, beta;
  const float *bias; /* of the first lane, or with bias_of_rows of the first row; NULL: none */
  bool bias_of_rows, relu;
} tile;

/* How many k before they are needed numbers are fetched that are being packed. */
enum { FETCH_AHEAD = 32 };

/* Brings a line nearer; it may lie beyond the matrix. */
LAM_INLINE void fetch(const float *base, size_t index) {
  __builtin_prefetch((const void *)((uintptr_t)base + index * sizeof *base), 0, 2);
}

LAM_INLINE lam_vec load_lanes(const float *p, size_t lanes, bool partial) { return partial ? vec_load_n(p, lanes) : vec_load(p); }

LAM_INLINE void store_lanes(float *p, lam_vec v, size_t lanes, bool partial) {
  if (partial) {
    vec_store_n(p, v, lanes);
  } else {
    vec_store(p, v);
  }
}

/* The compiler computes addresses of rows where it first can and keeps them, far more than there are registers for. It cannot do
 * so before it has passed this, behind which it takes both numbers for new ones. */
#define LAM_FORGET(pointer, step) __asm__("" : "+r"(pointer), "+r"(step))

#define LAM_EACH_SUM(step)                                                                                                       \
  LAM_UNROLL                                                                                                                     \
  for (int r = 0; r < rows; ++r) {                                                                                               \
    LAM_UNROLL                                                                                                                   \
    for (int v = 0; v < vectors; ++v) step;                                                                                      \
  }

/* Alpha, beta, bias and relu act on sums in registers. Nothing of t is read once c is written to, or it would be read again after
 * each store. */
LAM_INLINE void finish_sums(const tile *t, lam_vec (*sum)[WIDE_VECTORS], const int rows, const int vectors, const bool partial) {
  float *c = t->c;
  size_t ldc = t->ldc;
  LAM_FORGET(c, ldc);
  const size_t last = t->lanes - (size_t)(vectors - 1) * LAM_LANES;
  if (t->finish) {
    const lam_vec alpha = vec_splat(t->alpha), beta = vec_splat(t->beta);
    const float *bias = t->bias;
    if (t->alpha != 1) LAM_EACH_SUM(sum[r][v] = vec_mul(alpha, sum[r][v]))
    if (t->beta != 0)
      LAM_EACH_SUM(sum[r][v] = vec_fma(beta, load_lanes(c + (size_t)r * ldc + v * LAM_LANES, last, partial && v == vectors - 1),
                                       sum[r][v]))
    if (bias && t->bias_of_rows) LAM_EACH_SUM(sum[r][v] = vec_add(sum[r][v], vec_splat(bias[r])))
    if (bias && !t->bias_of_rows)
      LAM_EACH_SUM(sum[r][v] = vec_add(sum[r][v], load_lanes(bias + v * LAM_LANES, last, partial && v == vectors - 1)))
    if (t->relu) LAM_EACH_SUM(sum[r][v] = vec_relu(sum[r][v]))
  }
  LAM_EACH_SUM(store_lanes(c + (size_t)r * ldc + v * LAM_LANES, sum[r][v], last, partial && v == vectors - 1))
}

/* All but t are constants where this is called (partial: of the last vector): every loop but the one over k unrolls. `packs`:
 * keep_lanes, keep_rows and next are heeded. */
LAM_INLINE void compute_tile(const tile *t, const int rows, const int vectors, const bool partial, const bool packs) {
  lam_vec sum[NARROW_ROWS][WIDE_VECTORS];
  const float *a[(NARROW_ROWS + 3) / 4], *b = t->b; /* each fourth row: addresses of more would not stay in registers */
  const size_t a_step = t->a_step, a_k = t->a_k, b_k = t->b_k;
  const size_t last = t->lanes - (size_t)(vectors - 1) * LAM_LANES;
  LAM_UNROLL
  for (int r = 0; r < rows; r += 4) a[r / 4] = t->a + (size_t)r * a_step;
  float *keep_lanes = t->keep_lanes, *keep_rows = t->keep_rows;
  uintptr_t next = (uintptr_t)t->next; /* a number, for it may pass the end of the matrix */
  const size_t next_k = t->next_k * sizeof(float);
  LAM_EACH_SUM(sum[r][v] = vec_zero())
  if (t->resume) {
    const float *c = t->c;
    size_t ldc = t->ldc;
    LAM_FORGET(c, ldc);
    LAM_EACH_SUM(sum[r][v] = load_lanes(c + (size_t)r * ldc + v * LAM_LANES, last, partial && v == vectors - 1))
  }
  for (size_t l = 0; l < t->k; ++l, b += b_k) {
    lam_vec x[WIDE_VECTORS];
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) x[v] = load_lanes(b + v * LAM_LANES, last, partial && v == vectors - 1);
    if (packs && keep_lanes) {
      LAM_UNROLL
      for (int v = 0; v < vectors; ++v) {
        vec_store(keep_lanes + v * LAM_LANES, x[v]);
        fetch(b, FETCH_AHEAD * b_k + (v + 1) * LAM_LANES - 1);
      }
      keep_lanes += TILE_LANES;
    }
    if (packs && next) {
      LAM_UNROLL
      for (int v = 0; v < vectors; ++v) fetch((const float *)next, (v + 1) * LAM_LANES - 1);
      next += next_k;
    }
    if (packs && keep_rows) {
      vec_store_n(keep_rows, vec_load_n(a[0], rows), rows);
      fetch(a[0], FETCH_AHEAD * a_k);
      fetch(a[0], FETCH_AHEAD * a_k + rows - 1);
      keep_rows += rows;
    }
    LAM_UNROLL
    for (int r = 0; r < rows; ++r) {
      lam_vec y = vec_splat(a[r / 4][(size_t)(r % 4) * a_step]);
      LAM_UNROLL
      for (int v = 0; v < vectors; ++v) sum[r][v] = vec_fma(y, x[v], sum[r][v]);
    }
    LAM_UNROLL
    for (int r = 0; r < rows; r += 4) a[r / 4] += a_k;
  }
  finish_sums(t, sum, rows, vectors, partial);
}
#undef LAM_EACH_SUM

/* The instances: by number of rows, and full, or one vector, perhaps in part. Those that pack or fetch are full and have so many
 * rows as tiles have where at least four of them share the rows evenly. */
typedef void tile_function(const tile *t);
#define TILE_INSTANCES(rows)                                                                                                     \
  static void tile_##rows##_full(const tile *t) { compute_tile(t, rows, TILE_VECTORS, false, false); }
#define TILE_ENTRIES(rows) tile_##rows##_full,
#define NARROW_INSTANCES(rows)                                                                                                   \
  static void tile_##rows##_narrow(const tile *t) { compute_tile(t, rows, 1, true, false); }
#define NARROW_ENTRIES(rows) tile_##rows##_narrow,
#define PACKING_INSTANCES(rows)                                                                                                  \
  static void tile_##rows##_packs(const tile *t) { compute_tile(t, rows, TILE_VECTORS, false, true); }
#define PACKING_ENTRIES(rows) tile_##rows##_packs,
#if defined(LAM_ISA_AVX512)
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define NARROW_LIST(X) TILE_LIST(X) X(13) X(14) X(15) X(16)
#define PACKING_LIST(X) X(9) X(10) X(11) X(12)
enum { PACKING_ROWS = 9 };
#elif defined(LAM_ISA_PORTABLE)
#define TILE_LIST(X) X(1) X(2)
#define NARROW_LIST TILE_LIST
#define PACKING_LIST(X) X(2)
enum { PACKING_ROWS = 2 };
#else
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define NARROW_LIST TILE_LIST
#define PACKING_LIST(X) X(5) X(6)
enum { PACKING_ROWS = 5 };
#endif
TILE_LIST(TILE_INSTANCES)
NARROW_LIST(NARROW_INSTANCES)
PACKING_LIST(PACKING_INSTANCES)
static tile_function *const tiles[] = { TILE_LIST(TILE_ENTRIES) };
static tile_function *const narrow_tiles[] = { NARROW_LIST(NARROW_ENTRIES) };
static tile_function *const packing_tiles[] = { PACKING_LIST(PACKING_ENTRIES) };

static tile_function *find_tile(size_t rows, size_t lanes) {
  return lanes == TILE_LANES ? tiles[rows - 1] : narrow_tiles[rows - 1];
}

static bool tile_packs(size_t rows, size_t lanes) { return rows >= PACKING_ROWS && lanes == TILE_LANES; }

#endif
