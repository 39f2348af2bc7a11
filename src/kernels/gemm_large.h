/* SPDX-License-Identifier: MIT
 *
 * Large native products. Part of gemm.c.
 *
 * A slab of lanes, one block of k long, is packed and stays in the second cache while tile after tile of the rows runs along it,
 * so that C is written in the order in which it lies. Rows whose k are next to each other are read where they lie; others are
 * packed, a tile of them at a time. The first tile to read numbers packs them on the way, which hides behind its arithmetic, and
 * fetches what comes next; the last one along a slab fetches the slab after it. Only lanes that have to be turned are packed
 * beforehand.
 *
 * As in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008, something is packed and
 * stays in the second cache; there it is the rows.
 */
#ifndef LAM_KERNELS_GEMM_LARGE_H
#define LAM_KERNELS_GEMM_LARGE_H

#include "kernels/gemm_product.h"
#include "kernels/kernels.h"

/* A slab has about LARGE_K by SLAB_LANES numbers: more of the one where there are fewer of the other. */
enum { LARGE_K = 384, SLAB_LANES = 256 };

/* It pays where some tiles of rows share each panel. C must not be added to, for unfinished sums wait there. */
static bool is_large(const product *p) {
  return p->row_count >= 4 * TILE_ROWS && p->lane_count >= 64 && p->k >= 64 && p->beta == 0;
}

/* The length of a block of k. */
static size_t large_k(const product *p) {
  const size_t slab = even_part(p->lane_count, SLAB_LANES, TILE_LANES), longest = LAM_GEMM_SCRATCH / (slab + TILE_ROWS);
  return even_part(p->k, longest > LARGE_K ? longest : LARGE_K, 1);
}

/* How often each sum is taken from C or put there. */
static size_t large_visits(const product *p) {
  const size_t k = large_k(p);
  return (p->k + k - 1) / k;
}

/* A slab: `count` lanes from `lane` on, packed panel after panel; behind them is room for a tile of rows. */
typedef struct slab {
  size_t lane, count;
  float *packed, *packed_rows;
} slab;

/* Asks for the lines of `length` numbers, a constant: the line in which each vector ends, since that in which the first begins is
 * one that the numbers before them end in. */
LAM_INLINE void fetch_run(const float *base, size_t index, size_t length) {
  LAM_UNROLL
  for (size_t v = LAM_LANES; v <= length; v += LAM_LANES) fetch(base, index + v - 1);
}

/* What a tile begins with that packs, as far as it does not ask for it itself. */
LAM_INLINE void fetch_first(const float *from, size_t k_step, size_t length) {
  for (size_t l = 0; l < FETCH_AHEAD; ++l) fetch_run(from, l * k_step, length);
}

/* The part of C of a tile of this many rows. */
static void fetch_c(const product *p, size_t row, size_t rows, size_t lane) {
  const float *c = p->c + row * p->c_row + lane * p->c_lane;
  if (p->c_lane == 1) {
    for (size_t r = 0; r < rows; ++r) fetch_run(c, r * p->c_row, TILE_LANES);
  } else {
    for (size_t v = 0; v < TILE_LANES; ++v) fetch_run(c, v * p->c_lane, LAM_LANES);
  }
}

/* While a tile of `rows` rows is at these lanes of the slab, the next part of C is on its way. */
static void fetch_next_c(const product *p, const slab *s, size_t row, size_t rows, size_t done) {
  if (done < s->count) {
    fetch_c(p, row, rows, s->lane + done);
  } else if (row + rows < p->row_count) {
    fetch_c(p, row + rows, next_rows(p->row_count - row - rows, TILE_LANES), s->lane);
  }
}

/* The lanes for the first tile of rows, which has to pack them or finds them packed. */
static void begin_panel(const product *p, const block *b, const slab *s, tile *t, size_t lane, bool packs) {
  float *to = s->packed + lane * b->k;
  if (!packs || p->lanes.step != 1) {
    pack_lanes(p, b, s->lane + lane, t->lanes, to);
    return;
  }
  t->keep_lanes = to;
  t->b = p->lanes.at + s->lane + lane + b->from_k * p->lanes.k_step;
  t->b_k = p->lanes.k_step;
  fetch_first(t->b + t->lanes, t->b_k, TILE_LANES);
}

/* Where the lanes that are read next lie as the slab at these of its lanes is read for the last time: those of the slab after it.
 * NULL: nowhere, or they are turned, which reads along them. */
static const float *next_slab(const product *p, const block *b, const slab *s, size_t lane) {
  const size_t after = s->lane + s->count + lane, k = b->from_k + b->k;
  if (p->lanes.step != 1) return NULL;
  if (after < p->lane_count) return p->lanes.at + after + b->from_k * p->lanes.k_step;
  return k < p->k ? p->lanes.at + lane + k * p->lanes.k_step : NULL;
}

/* A tile of rows along the slab. */
static void run_along(const product *p, const block *b, const slab *s, tile *t, size_t row, size_t rows) {
  const float *a = p->rows.at + row * p->rows.step + b->from_k * p->rows.k_step;
  t->a = a;
  t->a_step = p->rows.step;
  t->a_k = p->rows.k_step;
  for (size_t lane = 0; lane < s->count; lane += t->lanes) {
    t->lanes = next_lanes(s->count - lane);
    t->b = s->packed + lane * b->k;
    t->b_k = t->lanes;
    const bool packs = tile_packs(rows, t->lanes), last = lane + t->lanes == s->count;
    t->keep_lanes = NULL;
    t->keep_rows = packs && lane == 0 && p->rows.step == 1 && !last ? s->packed_rows : NULL;
    if (row == 0) begin_panel(p, b, s, t, lane, packs);
    t->next = packs && row + rows == p->row_count ? next_slab(p, b, s, lane) : NULL;
    t->next_k = p->lanes.k_step;
    fetch_next_c(p, s, row, rows, lane + t->lanes);
    if (last && p->rows.step == 1) fetch_first(a + rows, p->rows.k_step, LAM_LANES);
    run_tile(p, t, row, rows, s->lane + lane);
    if (t->keep_rows) {
      t->a = s->packed_rows;
      t->a_k = rows;
    }
  }
}

static void run_large(const product *p, float *scratch) {
  const size_t k = large_k(p);
  const size_t lanes = even_part(p->lane_count, (LAM_GEMM_SCRATCH / k - TILE_ROWS) / TILE_LANES * TILE_LANES, TILE_LANES);
  slab s = { .packed = scratch, .packed_rows = scratch + lanes * k };
  for (block b = { 0 }; b.from_k < p->k; b.from_k += b.k) {
    b.k = smaller(p->k - b.from_k, k);
    tile t = tile_of(p, &b);
    for (s.lane = 0; s.lane < p->lane_count; s.lane += s.count) {
      s.count = smaller(p->lane_count - s.lane, lanes);
      for (size_t r = 0, rows; r < p->row_count; r += rows) {
        rows = next_rows(p->row_count - r, TILE_LANES);
        run_along(p, &b, &s, &t, r, rows);
      }
    }
  }
}

#endif
