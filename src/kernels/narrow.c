/* SPDX-License-Identifier: MIT
 *
 * Turning sixteen narrow rows into columns and back, in one place for the kernels that do: it is long.
 */
#include "kernels/narrow.h"

#if defined(LAM_ISA_AVX512)
#include "kernels/quarters.h"

/* Four columns at a time. What is beyond the last one is 0, and is not stored. */
void LAM_KERNEL(narrow_load)(lam_narrow *n, const float *x, size_t ldx, size_t columns) {
  for (size_t j = 0; j < columns; j += 4) {
    const __mmask8 there = (__mmask8)_bzhi_u32(15, (unsigned)(columns - j));
    __m512 v[4];
    LAM_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const float *row = x + r * ldx + j;
      v[r] = load_quarters(row, row + 4 * ldx, row + 8 * ldx, row + 12 * ldx, there);
    }
    turn_quarters(v);
    LAM_UNROLL
    for (size_t c = 0; c < 4; ++c) narrow_set(n, j + c, v[c]);
  }
}

/* Out of sight of the compiler: it would make one instruction of this and of taking the quarter out of a vector, which writes no
 * more than it should, but faults where it would have. */
LAM_INLINE void store_quarter(float *p, __mmask8 there, __m128 quarter) {
  __asm__("" : "+v"(quarter));
  _mm_mask_storeu_ps(p, there, quarter);
}

/* Turned quarters are quarters of rows: that of row r + 4 g is quarter g of v[r]. */
void LAM_KERNEL(narrow_store)(float *y, size_t ldy, const lam_narrow *n, size_t columns) {
  for (size_t j = 0; j < columns; j += 4) {
    const __mmask8 there = (__mmask8)_bzhi_u32(15, (unsigned)(columns - j));
    __m512 v[4];
    LAM_UNROLL
    for (size_t c = 0; c < 4; ++c) v[c] = narrow_column(n, j + c);
    turn_quarters(v);
    LAM_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      float *row = y + r * ldy + j;
      store_quarter(row, there, _mm512_castps512_ps128(v[r]));
      store_quarter(row + 4 * ldy, there, _mm512_extractf32x4_ps(v[r], 1));
      store_quarter(row + 8 * ldy, there, _mm512_extractf32x4_ps(v[r], 2));
      store_quarter(row + 12 * ldy, there, _mm512_extractf32x4_ps(v[r], 3));
    }
  }
}

#else

void LAM_KERNEL(narrow_load)(lam_narrow *n, const float *x, size_t ldx, size_t columns) {
  for (size_t j = 0; j < columns; ++j)
    for (size_t i = 0; i < LAM_LANES; ++i) n->at[j * LAM_LANES + i] = x[i * ldx + j];
}

void LAM_KERNEL(narrow_store)(float *y, size_t ldy, const lam_narrow *n, size_t columns) {
  for (size_t i = 0; i < LAM_LANES; ++i)
    for (size_t j = 0; j < columns; ++j) y[i * ldy + j] = n->at[j * LAM_LANES + i];
}

#endif
