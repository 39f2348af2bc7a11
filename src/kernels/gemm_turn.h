/* SPDX-License-Identifier: MIT
 *
 * Turning a matrix: to[j][i] = from[i][j]. Part of gemm.c, apart because each instruction set has its own way.
 */
#ifndef LAM_KERNELS_GEMM_TURN_H
#define LAM_KERNELS_GEMM_TURN_H

#include "kernels/vec.h"
#include <stdbool.h>
#if defined(LAM_ISA_AVX512) || defined(LAM_ISA_AVX2)
#include "kernels/quarters.h"
#endif

/* Where sixteen rows begin: `each` of them, or every fourth (addresses of more would not stay in registers) and the others `step`
 * apart. `each` is a constant where these are made. */
typedef struct sixteen {
  const float *at[LAM_LANES];
  size_t step;
  bool each;
} sixteen;

LAM_INLINE const float *row_at(const sixteen *rows, size_t i) {
  return rows->each ? rows->at[i] : rows->at[i / 4 * 4] + i % 4 * rows->step;
}

/* At most sixteen rows, beyond the last of which it is read again. */
LAM_INLINE sixteen rows_from(const float *first, size_t step, size_t count, const bool each) {
  sixteen rows = { .step = step, .each = each };
  for (size_t i = 0; i < LAM_LANES; i += each ? 1 : 4) rows.at[i] = first + (!each || i < count ? i : count - 1) * step;
  return rows;
}

#if defined(LAM_ISA_AVX512)

/* Sixteen columns from the j-th on of sixteen rows: v[c] becomes column c. */
LAM_INLINE void load_sixteen(lam_vec v[16], const sixteen *rows, size_t j) {
  LAM_UNROLL
  for (size_t i = 0; i < 16; i += 4) {
    LAM_UNROLL
    for (size_t r = i; r < i + 4; ++r) {
      v[r] = _mm512_loadu_ps(row_at(rows, r) + j);
      __asm__("" : "+v"(v[r])); /* or it would be read again for each instruction that takes it from memory */
    }
    turn_quarters(v + i);
  }
  /* Quarter q of v[i + c] is column 4 q + c of the rows i to i + 3. */
  LAM_UNROLL
  for (int c = 0; c < 4; ++c) {
    const __m512 a = _mm512_shuffle_f32x4(v[c], v[c + 4], 0x44), b = _mm512_shuffle_f32x4(v[c], v[c + 4], 0xee);
    const __m512 d = _mm512_shuffle_f32x4(v[c + 8], v[c + 12], 0x44), e = _mm512_shuffle_f32x4(v[c + 8], v[c + 12], 0xee);
    v[c] = _mm512_shuffle_f32x4(a, d, 0x88);
    v[c + 4] = _mm512_shuffle_f32x4(a, d, 0xdd);
    v[c + 8] = _mm512_shuffle_f32x4(b, e, 0x88);
    v[c + 12] = _mm512_shuffle_f32x4(b, e, 0xdd);
  }
}

/* The next four columns, or the `columns` that are left. */
LAM_INLINE void turn_four(float *to, size_t to_step, const sixteen *rows, size_t j, size_t count, size_t columns) {
  const __mmask8 there = (__mmask8)_bzhi_u32(15, (unsigned)columns);
  lam_vec v[4];
  LAM_UNROLL
  for (size_t r = 0; r < 4; ++r)
    v[r] = load_quarters(row_at(rows, r) + j, row_at(rows, r + 4) + j, row_at(rows, r + 8) + j, row_at(rows, r + 12) + j, there);
  turn_quarters(v);
  LAM_UNROLL
  for (size_t c = 0; c < 4; ++c) {
    if (c < columns) vec_store_n(to + c * to_step, v[c], count);
  }
}

/* Each line of the cache is read once where that can be: sixteen that lie far apart may not stay in it together. */
LAM_INLINE void turn_rows(float *to, size_t to_step, const sixteen *rows, size_t count, size_t columns) {
  size_t j = 0;
  for (; j + 16 <= columns; j += 16) {
    lam_vec v[16];
    load_sixteen(v, rows, j);
    LAM_UNROLL
    for (size_t c = 0; c < 16; ++c, to += to_step) vec_store_n(to, v[c], count);
  }
  for (; j + 4 <= columns; j += 4, to += 4 * to_step) turn_four(to, to_step, rows, j, count, 4);
  if (j < columns) turn_four(to, to_step, rows, j, count, columns - j);
}

/* to[j][i] = from[i][j], i < rows, j < columns. */
static void turn(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  size_t i = 0;
  for (; i + LAM_LANES <= rows; i += LAM_LANES) {
    const sixteen next = rows_from(from + i * from_step, from_step, LAM_LANES, false);
    turn_rows(to + i, to_step, &next, LAM_LANES, columns);
  }
  if (i < rows) {
    const sixteen last = rows_from(from + i * from_step, from_step, rows - i, true);
    turn_rows(to + i, to_step, &last, rows - i, columns);
  }
}

#else

typedef float quad __attribute__((vector_size(16)));

LAM_INLINE quad quad_load(const float *p) {
  quad q;
  memcpy(&q, p, sizeof q);
  return q;
}

/* The first `count` of four numbers. */
#ifdef LAM_ISA_AVX2
LAM_INLINE __m128i first_of_four(size_t count) {
  static const int32_t mask[] = { -1, -1, -1, -1, 0, 0, 0, 0 };
  return _mm_loadu_si128((const __m128i *)(const void *)(mask + 4 - count));
}
LAM_INLINE quad quad_load_n(const float *p, size_t count) { return (quad)_mm_maskload_ps(p, first_of_four(count)); }
LAM_INLINE void quad_store_n(float *p, quad q, size_t count) { _mm_maskstore_ps(p, first_of_four(count), (__m128)q); }
#else
LAM_INLINE quad quad_load_n(const float *p, size_t count) {
  quad q = { 0 };
  for (size_t i = 0; i < count; ++i) q[i] = p[i];
  return q;
}
LAM_INLINE void quad_store_n(float *p, quad q, size_t count) {
  for (size_t i = 0; i < count; ++i) p[i] = q[i];
}
#endif

/* Four by four: v[j][i] = v[i][j]. */
LAM_INLINE void turn_quads(quad v[4]) {
  quad ab_low = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), ab_high = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  quad cd_low = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), cd_high = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* Four rows or fewer, beyond the last of which it is read again. */
LAM_INLINE void turn_rows(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  for (size_t j = 0; j < columns; j += 4) {
    const size_t count = columns - j < 4 ? columns - j : 4;
    quad v[4];
    LAM_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const float *row = from + (r < rows ? r : rows - 1) * from_step + j;
      v[r] = count == 4 ? quad_load(row) : quad_load_n(row, count);
    }
    turn_quads(v);
    LAM_UNROLL
    for (size_t c = 0; c < 4; ++c) {
      if (c < count && rows == 4)
        memcpy(to + (j + c) * to_step, &v[c], sizeof v[c]);
      else if (c < count)
        quad_store_n(to + (j + c) * to_step, v[c], rows);
    }
  }
}

/* to[j][i] = from[i][j], i < rows, j < columns. */
static void turn(float *to, size_t to_step, const float *from, size_t from_step, size_t rows, size_t columns) {
  size_t i = 0;
  for (; i + 4 <= rows; i += 4) turn_rows(to + i, to_step, from + i * from_step, from_step, 4, columns);
  if (i < rows) turn_rows(to + i, to_step, from + i * from_step, from_step, rows - i, columns);
}

#endif
#endif
