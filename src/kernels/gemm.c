/* SPDX-License-Identifier: MIT
 *
 * The native matrix product, C = alpha op(A) op(B) + beta C.
 *
 * Every output is one chain of fused multiply-adds in increasing k,
 *
 *   s = 0;  s = fma(a_il, b_lj, s) for l = 0 .. k-1;  c_ij = alpha s,  or with beta != 0:  c_ij = fma(beta, c_ij, alpha s),
 *
 * and then perhaps bias and relu, so tiles, blocks, instruction sets and who computes which part of C never change a bit. A tile
 * of C stays in registers while k runs (gemm_tile.h); where k is cut into blocks, the unfinished sums wait in C, and a float goes
 * to memory and back unchanged.
 *
 * In a tile, one operand gives single numbers that are spread over a vector (its side of C is called the rows here), the other
 * gives vectors (the lanes). Either of A and B can be either: C and C^T are the same product. The cheaper way is taken.
 *
 * Small products read both operands where they lie, but for lanes that are not next to each other, which are turned and packed a
 * panel at a time. Large ones pack what is not read in the order in which it lies (gemm_large.h).
 */
#include "kernels/gemm_large.h"
#include "kernels/gemm_product.h"
#include "kernels/gemm_row.h"

/* A panel of lanes, packed on the stack: PACK_K long. */
enum { PACK_FLOATS = 8192, PACK_K = PACK_FLOATS / TILE_LANES };
/* Products of one vector of lanes with so many numbers on the other side begin at once. */
enum { NARROW = 1024 };

/* ---- one k -------------------------------------------------------------------------------------------------------- */

/* Every row of C is a multiple of a row, and writing is all there is: what else is stored on the way here has to wait for its
 * turn as well. Nothing is read again once c is written to. Inlined, its counters would lie in memory. */
static __attribute__((noinline)) void outer(size_t rows, size_t lanes, const float *y, size_t step, const float *x, float *c,
                                            size_t ldc) {
  const size_t whole = (lanes - 1) / LAM_LANES * LAM_LANES, rest = lanes - whole;
  const lam_vec last = vec_load_n(x + whole, rest);
  for (; whole == 0 && rows >= 4; rows -= 4) {
    LAM_UNROLL
    for (int r = 0; r < 4; ++r, y += step, c += ldc) vec_store_n(c, vec_fma(vec_splat(*y), last, vec_zero()), rest);
  }
  for (; rows > 0; --rows, y += step, c += ldc) {
    const lam_vec factor = vec_splat(*y);
    for (size_t v = 0; v < whole; v += LAM_LANES) vec_store(c + v, vec_fma(factor, vec_load(x + v), vec_zero()));
    vec_store_n(c + whole, vec_fma(factor, last, vec_zero()), rest);
  }
}

/* ---- computing ---------------------------------------------------------------------------------------------------- */

/* Runs down the rows with the lanes of t. */
static void run_rows(const product *p, const block *b, tile *t, size_t lane) {
  for (size_t r = 0, rows; r < b->row_count; r += rows) {
    rows = next_rows(b->row_count - r, t->lanes);
    t->a = p->rows.at + r * p->rows.step + b->from_k * p->rows.k_step;
    run_tile(p, t, r, rows, lane);
  }
}

/* All lanes of a block, panel after panel. */
static void run_lanes(const product *p, const block *b) {
  tile t = tile_of(p, b);
  for (size_t lane = 0; lane < p->lane_count; lane += t.lanes) {
    t.lanes = next_lanes(p->lane_count - lane);
    t.b = p->lanes.at + lane + b->from_k * p->lanes.k_step;
    if (b->packed_lanes) {
      pack_lanes(p, b, lane, t.lanes, b->packed_lanes);
      t.b = b->packed_lanes;
      t.b_k = t.lanes;
    }
    run_rows(p, b, &t, lane);
  }
}

/* One row; C as it lies. Lanes that are not next to each other have at least four k. */
static void run_row(const product *p) {
  const block b = { .row_count = 1, .k = p->k };
  tile t = tile_of(p, &b);
  t.a = p->rows.at;
  t.b = p->lanes.at;
  t.c = p->c;
  t.bias = p->bias;
  for (size_t left = p->lane_count; left > 0; left -= t.lanes) {
    if (p->lanes.step == 1) {
      row(&t, left);
    } else {
      dots(&t, p->lanes.step, left);
    }
    t.b += t.lanes * p->lanes.step;
    t.c += t.lanes;
    if (t.bias && !t.bias_of_rows) t.bias += t.lanes;
  }
}

/* A panel of lanes for as many rows as can be turned at once, made aside and then turned into C. */
static void run_aside(const product *p, tile *t, size_t lane) {
  _Alignas(64) float aside[LAM_LANES * TILE_LANES];
  t->ldc = t->lanes;
  for (size_t row = 0, count; row < p->row_count; row += count) {
    count = even_part(p->row_count - row, LAM_LANES, 1);
    float *c = p->c + row * p->c_row + lane * p->c_lane;
    if (t->beta != 0) turn(aside, t->lanes, c, p->c_lane, t->lanes, count);
    for (size_t r = 0, rows; r < count; r += rows) {
      rows = next_rows(count - r, t->lanes);
      t->a = p->rows.at + (row + r) * p->rows.step;
      t->c = aside + r * t->lanes;
      if (p->bias) t->bias = p->bias + (p->bias_of_rows ? row + r : lane);
      find_tile(rows, t->lanes)(t);
    }
    turn(c, p->c_lane, aside, t->lanes, count, t->lanes);
  }
}

/* Lanes all of which stay in the nearest cache: row after row, so that C is written as it lies. */
static void run_short(const product *p) {
  const block b = { .row_count = p->row_count, .k = p->k };
  tile t = tile_of(p, &b);
  for (size_t lane = 0; p->c_lane != 1 && lane < p->lane_count; lane += t.lanes) {
    t.lanes = next_lanes(p->lane_count - lane);
    t.b = p->lanes.at + lane;
    run_aside(p, &t, lane);
  }
  for (size_t r = 0, rows; p->c_lane == 1 && r < p->row_count; r += rows) {
    rows = next_rows(p->row_count - r, p->lane_count);
    t.a = p->rows.at + r * p->rows.step;
    for (size_t lane = 0; lane < p->lane_count; lane += t.lanes) {
      t.lanes = next_lanes(p->lane_count - lane);
      t.b = p->lanes.at + lane;
      run_tile(p, &t, r, rows, lane);
    }
  }
}

/* Lanes that have to be turned: all at once where they are few, otherwise a panel at a time. */
static void run_turned(const product *p) {
  _Alignas(64) float packed[PACK_FLOATS];
  const size_t width = ((p->lane_count + LAM_LANES - 1) / LAM_LANES | 1) * LAM_LANES; /* odd: the k fall into different sets */
  if (width * p->k <= PACK_FLOATS) {
    product turned = *p;
    turn(packed, width, p->lanes.at, p->lanes.step, p->lane_count, p->k);
    turned.lanes = (operand){ packed, 1, width };
    run_short(&turned);
    return;
  }
  block b = { .row_count = p->row_count, .packed_lanes = packed };
  for (; b.from_k < p->k; b.from_k += b.k) {
    b.k = smaller(p->k - b.from_k, PACK_K);
    run_lanes(p, &b);
  }
}

/* A few rows and next to no lanes, as the last layers of small networks have them: what would decide how to compute it costs more
 * than computing it. */
static void run_narrow(const product *p) {
  const block b = { .row_count = p->row_count, .k = p->k };
  tile t = tile_of(p, &b);
  t.lanes = p->lane_count;
  t.bias = p->bias;
  t.a = p->rows.at;
  t.b = p->lanes.at;
  t.c = p->c;
  for (size_t left = p->row_count, rows; left > 0; left -= rows) {
    rows = left >= 2 * NARROW_ROWS ? NARROW_ROWS : next_rows(left, t.lanes);
    find_tile(rows, t.lanes)(&t);
    t.a += rows * p->rows.step;
    t.c += rows * p->c_row;
    if (t.bias && t.bias_of_rows) t.bias += rows;
  }
}

static void run(const product *p, float *scratch) {
  const block whole = { .row_count = p->row_count, .k = p->k };
  if (scratch && is_large(p)) {
    run_large(p, scratch);
  } else if (p->lanes.step != 1 && p->k > 0) {
    run_turned(p);
  } else if (p->c_lane != 1 || (p->k * p->lane_count <= PACK_FLOATS && p->row_count > 1)) {
    run_short(p);
  } else {
    run_lanes(p, &whole);
  }
}

/* Where k is cut and C is added to, unfinished sums cannot wait in C: small blocks of the product are made aside and added. */
static void run_split(const product *p) {
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
      run(&part, NULL);
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

/* ---- choosing ----------------------------------------------------------------------------------------------------- */

/* Vector operations of a product: a step of the chain each, a quarter more where one vector has to bear the spreading of the
 * numbers of the rows; a third for each number that is turned while it is packed, a quarter
 * for each of C, which is stored twice; and what turning costs the smallest ones. */
static size_t cost(const product *p) {
  const size_t vectors = (p->lane_count + LAM_LANES - 1) / LAM_LANES, visits = is_large(p) ? 2 * large_visits(p) : 1;
  size_t packed = 0, turned = 0;
  if (p->lanes.step != 1) packed = p->lane_count * p->k;
  if (p->c_lane != 1) turned = visits * p->row_count * p->lane_count;
  return vectors * p->row_count * p->k + (vectors == 1 ? p->row_count * p->k / 4 : 0) + packed / 3 + turned / 4 +
         (packed || turned ? 64 : 0);
}

void LAM_KERNEL(gemm)(int transa, int transb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                      const float *b, size_t ldb, float beta, float *c, size_t ldc, const lam_epilogue *epilogue,
                      float *scratch) {
  if (k == 1 && n > 1 && alpha == 1 && beta == 0 && !epilogue && (!transb || ldb == 1)) {
    outer(m, n, a, transa ? 1 : lda, b, c, ldc);
    return;
  }
  const operand left = { a, transa ? 1 : lda, transa ? lda : 1 }, right = { b, transb ? ldb : 1, transb ? 1 : ldb };
  const float *bias = epilogue ? epilogue->bias : NULL;
  const bool relu = epilogue && epilogue->relu;
  /* Making both products and weighing them takes longer than the smallest ones. */
  const bool one_column = n == 1 && ldc == 1 && (transa || k >= 4);
  if (one_column || (m == 1 && (!transb || k >= 4))) {
    const product p = one_column ? (product){ right, left, n, m, k, alpha, beta, c, 1, ldc, bias, true, relu }
                                 : (product){ left, right, m, n, k, alpha, beta, c, ldc, 1, bias, false, relu };
    run_row(&p);
    return;
  }
  if (transb ? m == 1 && n * k <= NARROW : n <= LAM_LANES && m * k <= NARROW) {
    const product narrow = transb ? (product){ right, left, n, m, k, alpha, beta, c, 1, ldc, bias, true, relu }
                                  : (product){ left, right, m, n, k, alpha, beta, c, ldc, 1, bias, false, relu };
    run_narrow(&narrow);
    return;
  }
  const product along = { left, right, m, n, k, alpha, beta, c, ldc, 1, bias, false, relu },
                across = { right, left, n, m, k, alpha, beta, c, 1, ldc, bias, true, relu };
  const product *p = cost(&across) < cost(&along) ? &across : &along;
  if (beta != 0 && p->lanes.step != 1 && k > PACK_K) {
    run_split(p);
  } else {
    run(p, scratch);
  }
}
