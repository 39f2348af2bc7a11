/* SPDX-License-Identifier: MIT
 *
 * The native matrix product, C = alpha op(A) op(B) + beta C.
 *
 * Every output is one chain of fused multiply-adds in increasing k,
 *
 *   s = 0;  s = fma(a_il, b_lj, s) for l = 0 .. k-1;  c_ij = alpha s,  or with beta != 0:  c_ij = fma(beta, c_ij, alpha s),
 *
 * so tiles, blocks, instruction sets and who computes which part of C never change a bit. A tile of C stays in registers while k
 * runs; where k is cut into blocks, the unfinished sums wait in C, and a float goes to memory and back unchanged.
 *
 * In a tile, one operand gives single numbers that are spread over a vector (its side of C is called the rows here), the other
 * gives vectors (the lanes). Either of A and B can be either: C and C^T are the same product. The cheaper way is taken.
 */
#include "kernels/level.h"
#include <stdbool.h>

/* The tile of registers: its accumulators, the vectors of one k, and one spread number fit in the register file. */
#if defined(LAM_ISA_AVX512)
#ifndef TILE_ROWS
enum { TILE_ROWS = 12, TILE_VECTORS = 2 };
#endif
#else
enum { TILE_ROWS = 6, TILE_VECTORS = 1 };
#endif
enum { TILE_LANES = TILE_VECTORS * LAM_LANES };
/* A packed block of the lanes' operand lies on the stack: 24 KiB. */
enum { PACK_FLOATS = 6144, PACK_K = PACK_FLOATS / TILE_LANES };

/* One operand: element i along its own side of C, at k = l, is at[i * step + l * k_step]. */
typedef struct operand {
  const float *at;
  size_t step, k_step;
} operand;

typedef struct product {
  operand rows, lanes;
  size_t row_count, lane_count, k;
  float alpha, beta;
  float *c; /* element (row r, lane l) is c[r * c_row + l * c_lane]; one of the two is 1 */
  size_t c_row, c_lane;
} product;

/* One tile: some rows by `lanes` lanes, over one block of k. */
typedef struct tile {
  const float *a;
  size_t a_step, a_k;
  const float *b;
  size_t b_k;
  size_t k, lanes;
  float *c;
  size_t ldc;
  float alpha, beta;
  bool resume; /* c holds unfinished sums */
  bool finish; /* apply alpha and beta */
} tile;

/* Unrolls a loop before registers are given out. The two compilers ask for it in different words. */
#if defined(__clang__)
#define LAM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LAM_UNROLL _Pragma("GCC unroll 16")
#endif

LAM_INLINE lam_vec load_lanes(const float *p, size_t lanes, bool partial) { return partial ? vec_load_n(p, lanes) : vec_load(p); }

LAM_INLINE void store_lanes(float *p, lam_vec v, size_t lanes, bool partial) {
  if (partial) {
    vec_store_n(p, v, lanes);
  } else {
    vec_store(p, v);
  }
}

/* rows, vectors and partial are constants where this is called: every loop but the one over k unrolls. */
LAM_INLINE void compute_tile(const tile *t, const int rows, const int vectors, const bool partial) {
  lam_vec sum[TILE_ROWS][16];
  const float *a = t->a, *b = t->b;
  const size_t a_step = t->a_step, a_k = t->a_k, b_k = t->b_k;
  const size_t last = t->lanes - (size_t)(vectors - 1) * LAM_LANES;
  LAM_UNROLL
  for (int r = 0; r < rows; ++r) {
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) {
      sum[r][v] = t->resume ? load_lanes(t->c + (size_t)r * t->ldc + v * LAM_LANES, last, partial) : vec_zero();
    }
  }
  for (size_t l = 0; l < t->k; ++l, a += a_k, b += b_k) {
    lam_vec x[16];
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) x[v] = load_lanes(b + v * LAM_LANES, last, partial);
    LAM_UNROLL
    for (int r = 0; r < rows; ++r) {
      lam_vec y = vec_splat(a[(size_t)r * a_step]);
      LAM_UNROLL
      for (int v = 0; v < vectors; ++v) sum[r][v] = vec_fma(y, x[v], sum[r][v]);
    }
  }
  LAM_UNROLL
  for (int r = 0; r < rows; ++r) {
    LAM_UNROLL
    for (int v = 0; v < vectors; ++v) {
      float *c = t->c + (size_t)r * t->ldc + v * LAM_LANES;
      lam_vec s = sum[r][v];
      if (t->finish) {
        s = vec_mul(vec_splat(t->alpha), s);
        if (t->beta != 0) s = vec_fma(vec_splat(t->beta), load_lanes(c, last, partial), s);
      }
      store_lanes(c, s, last, partial);
    }
  }
}

/* The instances: by number of rows, and full, one vector, or one vector in part. */
typedef void tile_function(const tile *t);
#define TILE_INSTANCES(rows)                                                                                                     \
  static void tile_##rows##_full(const tile *t) { compute_tile(t, rows, TILE_VECTORS, false); }                                  \
  static void tile_##rows##_one(const tile *t) { compute_tile(t, rows, 1, false); }                                              \
  static void tile_##rows##_part(const tile *t) { compute_tile(t, rows, 1, true); }
#define TILE_ENTRIES(rows) { tile_##rows##_full, tile_##rows##_one, tile_##rows##_part },
#if defined(LAM_ISA_AVX512)
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
TILE_LIST(TILE_INSTANCES)
static tile_function *const tiles[TILE_ROWS][3] = { TILE_LIST(TILE_ENTRIES) };

typedef float quad __attribute__((vector_size(16)));

LAM_INLINE quad quad_load(const float *p) {
  quad q;
  memcpy(&q, p, sizeof q);
  return q;
}

/* to[j][i] = from[i][j], i < rows, j < columns: four by four, then the rest one by one. */
static void transpose(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  size_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float *f = from + i * from_step;
    size_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      quad a = quad_load(f + j), b = quad_load(f + from_step + j);
      quad c = quad_load(f + 2 * from_step + j), d = quad_load(f + 3 * from_step + j);
      quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      quad column[4] = { __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                         __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                         __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7) };
      for (size_t q = 0; q < 4; ++q) memcpy(to + (j + q) * to_step + i, &column[q], sizeof column[q]);
    }
    for (; j < columns; ++j) {
      for (size_t q = 0; q < 4; ++q) to[j * to_step + i + q] = f[q * from_step + j];
    }
  }
  for (; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) to[j * to_step + i] = from[i * from_step + j];
  }
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Runs down the rows with one block of lanes and of k; the rows are split evenly, so that no tile is left with few. */
static void run_rows(const product *p, tile *t, size_t lane, size_t from_k) {
  float turned[TILE_ROWS * TILE_LANES];
  const int kind = t->lanes == TILE_LANES ? 0 : t->lanes == LAM_LANES ? 1 : 2;
  size_t tiles_left = (p->row_count + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t r = 0, rows; r < p->row_count; r += rows, --tiles_left) {
    rows = (p->row_count - r + tiles_left - 1) / tiles_left;
    t->a = p->rows.at + r * p->rows.step + from_k * p->rows.k_step;
    float *c = p->c + r * p->c_row + lane * p->c_lane;
    if (p->c_lane == 1) {
      t->c = c;
      t->ldc = p->c_row;
      tiles[rows - 1][kind](t);
      continue;
    }
    t->c = turned;
    t->ldc = t->lanes;
    if (t->resume || t->beta != 0) transpose(turned, t->lanes, c, p->c_lane, t->lanes, rows);
    tiles[rows - 1][kind](t);
    transpose(c, p->c_lane, turned, t->lanes, rows, t->lanes);
  }
}

/* A block of the lanes' operand, k by k, one after the other. */
static void pack(float *to, const operand *lanes, size_t lane, size_t count, size_t from_k, size_t k) {
  const float *from = lanes->at + lane * lanes->step + from_k * lanes->k_step;
  if (lanes->step != 1) {
    transpose(to, count, from, lanes->step, count, k);
    return;
  }
  for (size_t l = 0; l < k; ++l) memcpy(to + l * count, from + l * lanes->k_step, count * sizeof *to);
}

/* From so many rows on, a block of lanes that is copied once is read often enough to pay. */
enum { PACK_ROWS = 64 };

static bool packs(const product *p) { return p->lanes.step != 1 || (p->row_count >= PACK_ROWS && p->beta == 0); }

static void run(const product *p) {
  float packed[PACK_FLOATS];
  const bool with_packing = packs(p);
  const size_t most_k = with_packing ? PACK_K : p->k;
  for (size_t lane = 0, lanes; lane < p->lane_count; lane += lanes) {
    lanes = smaller(p->lane_count - lane, TILE_LANES);
    if (lanes < TILE_LANES && lanes > LAM_LANES) lanes = LAM_LANES;
    size_t l = 0;
    do {
      const size_t k = smaller(p->k - l, most_k);
      tile t = { .a_step = p->rows.step,
                 .a_k = p->rows.k_step,
                 .b = p->lanes.at + lane + l * p->lanes.k_step,
                 .b_k = p->lanes.k_step,
                 .k = k,
                 .lanes = lanes,
                 .alpha = p->alpha,
                 .beta = p->beta,
                 .resume = l > 0,
                 .finish = l + k == p->k };
      if (with_packing) {
        pack(packed, &p->lanes, lane, lanes, l, k);
        t.b = packed;
        t.b_k = lanes;
      }
      run_rows(p, &t, lane, l);
      l += k;
    } while (l < p->k);
  }
}

/* Where k is cut and C is added to, unfinished sums cannot wait in C: small blocks of the product are made aside and added. */
static void run_aside(const product *p) {
  enum { SIDE = TILE_LANES };
  float block[SIDE * SIDE];
  for (size_t lane = 0; lane < p->lane_count; lane += SIDE) {
    for (size_t row = 0; row < p->row_count; row += SIDE) {
      product part = *p;
      part.rows.at += row * p->rows.step;
      part.lanes.at += lane * p->lanes.step;
      part.row_count = smaller(p->row_count - row, SIDE);
      part.lane_count = smaller(p->lane_count - lane, SIDE);
      part.beta = 0;
      part.c = block;
      part.c_row = p->c_lane == 1 ? SIDE : 1;
      part.c_lane = p->c_lane == 1 ? 1 : SIDE;
      run(&part);
      float *c = p->c + row * p->c_row + lane * p->c_lane;
      const size_t ldc = p->c_lane == 1 ? p->c_row : p->c_lane;
      const size_t rows = p->c_lane == 1 ? part.row_count : part.lane_count;
      const size_t columns = p->c_lane == 1 ? part.lane_count : part.row_count;
      for (size_t i = 0; i < rows; ++i) {
        for (size_t j = 0, n; j < columns; j += n) {
          n = smaller(columns - j, LAM_LANES);
          lam_vec sum = vec_fma(vec_splat(p->beta), vec_load_n(c + i * ldc + j, n), vec_load_n(block + i * SIDE + j, n));
          vec_store_n(c + i * ldc + j, sum, n);
        }
      }
    }
  }
}

/* Vector operations of a product: a step of the chain each, and a quarter for each number that is turned. */
static size_t cost(const product *p) {
  size_t vectors = (p->lane_count + LAM_LANES - 1) / LAM_LANES;
  size_t turned = (p->lanes.step == 1 ? 0 : p->lane_count * p->k) + (p->c_lane == 1 ? 0 : p->row_count * p->lane_count);
  return vectors * p->row_count * p->k + turned / 4;
}

void LAM_KERNEL(gemm)(int transa, int transb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                      const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  const operand left = { a, transa ? 1 : lda, transa ? lda : 1 }, right = { b, transb ? ldb : 1, transb ? 1 : ldb };
  const product along = { left, right, m, n, k, alpha, beta, c, ldc, 1 },
                across = { right, left, n, m, k, alpha, beta, c, 1, ldc };
  const product *p = cost(&across) < cost(&along) ? &across : &along;
  if (beta != 0 && packs(p) && k > PACK_K) {
    run_aside(p);
  } else {
    run(p);
  }
}
