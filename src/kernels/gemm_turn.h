/* SPDX-License-Identifier: MIT
 *
 * Turning a matrix: to[j][i] = from[i][j]. Part of gemm.c, apart because each instruction set has its own way.
 */
#ifndef LAM_KERNELS_GEMM_TURN_H
#define LAM_KERNELS_GEMM_TURN_H

#include "kernels/vec.h"

#if defined(LAM_ISA_AVX512)
#include "kernels/quarters.h"

/* At most sixteen rows, some or (constant) four columns. */
LAM_INLINE void turn_columns(float *to, size_t to_step, const float *from, size_t from_step, size_t read, size_t rows,
                             size_t columns) {
  __m512 v[4];
  LAM_UNROLL
  for (size_t r = 0; r < 4; ++r) {
    const size_t groups = read > r ? (read - r + 3) / 4 : 0;
    v[r] = load_quarters(from + r * from_step, from_step, groups, (__mmask8)((1u << columns) - 1));
  }
  turn_quarters(v);
  LAM_UNROLL
  for (size_t c = 0; c < 4; ++c) {
    if (c < columns) vec_store_n(to + c * to_step, v[c], rows);
  }
}

/* Of the `read` rows that can be read `rows` are turned. `read` is a constant where this is called for speed. */
LAM_INLINE void turn_rows(float *to, size_t to_step, const float *from, size_t from_step, size_t read, size_t rows,
                          size_t columns) {
  size_t j = 0;
  for (; j + 16 <= columns; j += 16) {
    LAM_UNROLL
    for (size_t q = 0; q < 16; q += 4) { turn_columns(to + (j + q) * to_step, to_step, from + j + q, from_step, read, rows, 4); }
  }
  for (; j + 4 <= columns; j += 4) turn_columns(to + j * to_step, to_step, from + j, from_step, read, rows, 4);
  if (j < columns) turn_columns(to + j * to_step, to_step, from + j, from_step, read, rows, columns - j);
}

/* to[j][i] = from[i][j], i < rows, j < columns. */
static void turn(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i += LAM_LANES) {
    const size_t high = rows - i < LAM_LANES ? rows - i : LAM_LANES;
    if (high == LAM_LANES) {
      turn_rows(to + i, to_step, from + i * from_step, from_step, LAM_LANES, LAM_LANES, columns);
    } else if (high == 12) { /* a tile's */
      turn_rows(to + i, to_step, from + i * from_step, from_step, 12, 12, columns);
    } else {
      turn_rows(to + i, to_step, from + i * from_step, from_step, high, high, columns);
    }
  }
}

/* The same where `from` has sixteen rows of which at most sixteen are turned. */
static void turn_out(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  turn_rows(to, to_step, from, from_step, LAM_LANES, rows, columns);
}

#else

typedef float quad __attribute__((vector_size(16)));

LAM_INLINE quad quad_load(const float *p) {
  quad q;
  memcpy(&q, p, sizeof q);
  return q;
}

/* Four by four: v[j][i] = v[i][j]. */
LAM_INLINE void turn_quads(quad v[4]) {
  quad ab_low = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), ab_high = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  quad cd_low = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), cd_high = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* to[j][i] = from[i][j], i < rows, j < columns: four by four, then the rest one by one. */
static void turn(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  size_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float *f = from + i * from_step;
    size_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      quad v[4];
      for (size_t q = 0; q < 4; ++q) v[q] = quad_load(f + q * from_step + j);
      turn_quads(v);
      for (size_t q = 0; q < 4; ++q) memcpy(to + (j + q) * to_step + i, &v[q], sizeof v[q]);
    }
    for (; j < columns; ++j) {
      for (size_t q = 0; q < 4; ++q) to[j * to_step + i + q] = f[q * from_step + j];
    }
  }
  for (; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) to[j * to_step + i] = from[i * from_step + j];
  }
}

static void turn_out(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  turn(to, to_step, from, from_step, rows, columns);
}

#endif
#endif
