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

/* The tile of registers: its accumulators, the vectors of one k, and one spread number fit in the register file. A single row
 * takes more vectors, for as many independent chains. */
#if defined(LAM_ISA_AVX512)
enum { TILE_ROWS = 12, TILE_VECTORS = 2, WIDE_VECTORS = 16 };
#elif defined(LAM_ISA_PORTABLE)
enum { TILE_ROWS = 2, TILE_VECTORS = 1, WIDE_VECTORS = 2 };
#else
enum { TILE_ROWS = 6, TILE_VECTORS = 1, WIDE_VECTORS = 4 };
#endif
enum { TILE_LANES = TILE_VECTORS * LAM_LANES, WIDE_LANES = WIDE_VECTORS * LAM_LANES };
/* Packed blocks of an operand lie on the stack, 24 KiB: of the lanes' operand PACK_K long, of the rows' operand BLOCK_K. */
enum { PACK_FLOATS = 6144, PACK_K = PACK_FLOATS / TILE_LANES, BLOCK_ROWS = 24, BLOCK_K = PACK_FLOATS / BLOCK_ROWS };

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

/* Unrolls a loop before registers are given out. The two compilers ask for it in different words. Portable vectors are loops
 * themselves, whose unrolling would only keep the compiler busy. */
#if defined(LAM_ISA_PORTABLE)
#define LAM_UNROLL
#elif defined(__clang__)
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
  lam_vec sum[TILE_ROWS][WIDE_VECTORS];
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
    lam_vec x[WIDE_VECTORS];
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
#elif defined(LAM_ISA_PORTABLE)
#define TILE_LIST(X) X(1) X(2)
#else
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
TILE_LIST(TILE_INSTANCES)
static tile_function *const tiles[TILE_ROWS][3] = { TILE_LIST(TILE_ENTRIES) };
static void tile_wide(const tile *t) { compute_tile(t, 1, WIDE_VECTORS, false); }

static tile_function *find_tile(size_t rows, size_t lanes) {
  if (lanes == WIDE_LANES) return tile_wide;
  return tiles[rows - 1][lanes == TILE_LANES ? 0 : lanes == LAM_LANES ? 1 : 2];
}

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

/* The block of a product that is being computed: all of its rows or BLOCK_ROWS, one block of k, one or two vectors of lanes. */
typedef struct block {
  size_t row, row_count, from_k;
  float *packed_rows, *packed_lanes; /* NULL: read where they lie */
} block;

/* The k-th numbers of a tile's rows next to each other, tile after tile. */
static void pack_rows(float *to, const product *p, const block *b, size_t k) {
  const operand *o = &p->rows;
  size_t tiles_left = (b->row_count + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t r = 0, rows; r < b->row_count; r += rows, --tiles_left) {
    rows = (b->row_count - r + tiles_left - 1) / tiles_left;
    const float *from = o->at + (b->row + r) * o->step + b->from_k * o->k_step;
    if (o->step != 1) {
      transpose(to + r * k, rows, from, o->step, rows, k);
      continue;
    }
    for (size_t l = 0; l < k; ++l) {
      for (size_t i = 0; i < rows; ++i) to[r * k + l * rows + i] = from[l * o->k_step + i];
    }
  }
}

/* A block of the lanes' operand, k by k, one after the other. */
static void pack_lanes(float *to, const operand *lanes, size_t lane, size_t count, size_t from_k, size_t k) {
  const float *from = lanes->at + lane * lanes->step + from_k * lanes->k_step;
  if (lanes->step != 1) {
    transpose(to, count, from, lanes->step, count, k);
    return;
  }
  for (size_t l = 0; l < k; ++l) {
    for (size_t v = 0; v < count; v += LAM_LANES) {
      size_t n = smaller(count - v, LAM_LANES);
      vec_store_n(to + l * count + v, vec_load_n(from + l * lanes->k_step + v, n), n);
    }
  }
}

/* Where k is cut, sums wait in C: those of the next lanes are fetched while these are computed. */
LAM_INLINE void prefetch_next(const product *p, const float *c, size_t rows) {
  for (size_t i = 0; i < rows; ++i) {
    const uintptr_t next = (uintptr_t)(c + i * p->c_row) + TILE_LANES * sizeof *c;
    __builtin_prefetch((const void *)next, 1);
    if (TILE_VECTORS > 1) __builtin_prefetch((const void *)(next + LAM_LANES * sizeof *c), 1);
  }
}

/* Runs down the rows of a block with its lanes; the rows are split evenly, so that no tile is left with few. */
static void run_rows(const product *p, const block *b, tile *t, size_t lane) {
  float turned[TILE_ROWS * TILE_LANES];
  size_t tiles_left = (b->row_count + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t r = 0, rows; r < b->row_count; r += rows, --tiles_left) {
    rows = (b->row_count - r + tiles_left - 1) / tiles_left;
    if (b->packed_rows) {
      t->a = b->packed_rows + r * t->k;
      t->a_step = 1;
      t->a_k = rows;
    } else {
      t->a = p->rows.at + (b->row + r) * p->rows.step + b->from_k * p->rows.k_step;
    }
    float *c = p->c + (b->row + r) * p->c_row + lane * p->c_lane;
    if (b->packed_rows) prefetch_next(p, c, rows);
    if (p->c_lane == 1) {
      t->c = c;
      t->ldc = p->c_row;
      find_tile(rows, t->lanes)(t);
      continue;
    }
    t->c = turned;
    t->ldc = t->lanes;
    if (t->resume || t->beta != 0) transpose(turned, t->lanes, c, p->c_lane, t->lanes, rows);
    find_tile(rows, t->lanes)(t);
    transpose(c, p->c_lane, turned, t->lanes, rows, t->lanes);
  }
}

/* How many of the lanes that are left the next tile takes. */
static size_t next_lanes(const product *p, const block *b, size_t left) {
  if (p->row_count == 1 && !b->packed_lanes && left >= WIDE_LANES) return WIDE_LANES;
  return left >= TILE_LANES ? TILE_LANES : left >= LAM_LANES ? LAM_LANES : left;
}

/* All lanes of a block of rows and of k. */
static void run_lanes(const product *p, const block *b, size_t k) {
  for (size_t lane = 0, lanes; lane < p->lane_count; lane += lanes) {
    lanes = next_lanes(p, b, p->lane_count - lane);
    tile t = { .a_step = p->rows.step,
               .a_k = p->rows.k_step,
               .b = p->lanes.at + lane + b->from_k * p->lanes.k_step,
               .b_k = p->lanes.k_step,
               .k = k,
               .lanes = lanes,
               .alpha = p->alpha,
               .beta = p->beta,
               .resume = b->from_k > 0,
               .finish = b->from_k + k == p->k };
    if (b->packed_lanes) {
      pack_lanes(b->packed_lanes, &p->lanes, lane, lanes, b->from_k, k);
      t.b = b->packed_lanes;
      t.b_k = lanes;
    }
    run_rows(p, b, &t, lane);
  }
}

/* Packed rows pay where many lanes read them, and where they would be gathered from far apart: a tile of two vectors hides the
 * latter unless every k lies elsewhere. */
static bool packs_rows(const product *p) {
  const bool large = p->row_count >= 48 && p->lane_count >= 128 && p->k >= 64 && p->beta == 0;
  return large && p->lanes.step == 1 && (TILE_VECTORS == 1 || p->rows.step == 1);
}
static bool packs_lanes(const product *p) { return p->lanes.step != 1; }

static void run(const product *p) {
  float packed[PACK_FLOATS];
  const bool by_rows = packs_rows(p), by_lanes = packs_lanes(p);
  const size_t most_k = by_rows ? BLOCK_K : by_lanes ? PACK_K : p->k, most_rows = by_rows ? BLOCK_ROWS : p->row_count;
  block b = { .packed_rows = by_rows ? packed : NULL, .packed_lanes = by_lanes ? packed : NULL };
  size_t k;
  do {
    k = smaller(p->k - b.from_k, most_k);
    size_t blocks_left = (p->row_count + most_rows - 1) / most_rows;
    for (b.row = 0; b.row < p->row_count; b.row += b.row_count, --blocks_left) {
      b.row_count = (p->row_count - b.row + blocks_left - 1) / blocks_left;
      if (by_rows) pack_rows(packed, p, &b, k);
      run_lanes(p, &b, k);
    }
    b.from_k += k;
  } while (b.from_k < p->k);
}

/* Where k is cut and C is added to, unfinished sums cannot wait in C: small blocks of the product are made aside and added. */
static void run_aside(const product *p) {
  enum { SIDE = TILE_LANES };
  float aside[SIDE * SIDE];
  for (size_t lane = 0; lane < p->lane_count; lane += SIDE) {
    for (size_t row = 0; row < p->row_count; row += SIDE) {
      product part = *p;
      part.rows.at += row * p->rows.step;
      part.lanes.at += lane * p->lanes.step;
      part.row_count = smaller(p->row_count - row, SIDE);
      part.lane_count = smaller(p->lane_count - lane, SIDE);
      part.beta = 0;
      part.c = aside;
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
          lam_vec sum = vec_fma(vec_splat(p->beta), vec_load_n(c + i * ldc + j, n), vec_load_n(aside + i * SIDE + j, n));
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
  if (beta != 0 && packs_lanes(p) && k > PACK_K) {
    run_aside(p);
  } else {
    run(p);
  }
}
