/* SPDX-License-Identifier: MIT
 *
 * What every way to compute the native product has in common. Part of gemm.c.
 */
#ifndef LAM_KERNELS_GEMM_PRODUCT_H
#define LAM_KERNELS_GEMM_PRODUCT_H

#include "kernels/gemm_tile.h"
#include "kernels/gemm_turn.h"

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
  const float *bias; /* NULL: none */
  bool bias_of_rows; /* otherwise of the lanes */
  bool relu;
} product;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The size of equal parts, each at most `most` and a multiple of `multiple`. */
static size_t even_part(size_t whole, size_t most, size_t multiple) {
  const size_t parts = (whole + most - 1) / most;
  return ((whole + parts - 1) / parts + multiple - 1) / multiple * multiple;
}

/* What is being computed: all of a product's rows or one block of k, the lanes panel by panel. */
typedef struct block {
  size_t row_count, from_k, k;
  float *packed_lanes; /* NULL: read where they lie */
} block;

/* The rows of the next tile with so many lanes: split evenly, so that no tile is left with few. */
static size_t next_rows(size_t left, size_t lanes) { return even_part(left, lanes > LAM_LANES ? TILE_ROWS : NARROW_ROWS, 1); }

/* How many of the lanes that are left the next tile takes. */
static size_t next_lanes(size_t left) { return left >= TILE_LANES ? TILE_LANES : left >= LAM_LANES ? LAM_LANES : left; }

/* A panel of the lanes' operand, k by k, one after the other. */
static void pack_lanes(const product *p, const block *b, size_t lane, size_t count, float *to) {
  const operand *o = &p->lanes;
  const float *from = o->at + lane * o->step + b->from_k * o->k_step;
  if (o->step != 1) {
    turn(to, count, from, o->step, count, b->k);
    return;
  }
  for (size_t l = 0; l < b->k; ++l) {
    for (size_t v = 0; v < count; v += LAM_LANES) {
      const size_t n = smaller(count - v, LAM_LANES);
      vec_store_n(to + l * count + v, vec_load_n(from + l * o->k_step + v, n), n);
    }
  }
}

/* What the tiles of a block have in common. */
static tile tile_of(const product *p, const block *b) {
  return (tile){ .a_step = p->rows.step,
                 .a_k = p->rows.k_step,
                 .b_k = p->lanes.k_step,
                 .k = b->k,
                 .ldc = p->c_row,
                 .resume = b->from_k > 0,
                 .finish = b->from_k + b->k == p->k && (p->alpha != 1 || p->beta != 0 || p->bias || p->relu),
                 .alpha = p->alpha,
                 .beta = p->beta,
                 .relu = p->relu,
                 .bias_of_rows = p->bias_of_rows };
}

static void run_tile(const product *p, tile *t, size_t row, size_t rows, size_t lane) {
  tile_function *const compute =
      t->keep_lanes || t->keep_rows || t->next ? packing_tiles[rows - PACKING_ROWS] : find_tile(rows, t->lanes);
  float *c = p->c + row * p->c_row + lane * p->c_lane;
  if (p->bias) t->bias = p->bias + (p->bias_of_rows ? row : lane);
  if (p->c_lane == 1) {
    t->c = c;
    compute(t);
    return;
  }
  _Alignas(64) float turned[TILE_ROWS * TILE_LANES];
  t->c = turned;
  t->ldc = t->lanes;
  if (t->resume || t->beta != 0) turn(turned, t->lanes, c, p->c_lane, t->lanes, rows);
  compute(t);
  turn(c, p->c_lane, turned, t->lanes, rows, t->lanes);
}

#endif
