/* SPDX-License-Identifier: MIT
 *
 * Sums of columns and the place of each row's maximum.
 */
#include "kernels/level.h"
#include "kernels/narrow.h"

LAM_INLINE lam_vec lane_numbers(void) {
  static const float numbers[LAM_LANES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
  return vec_load(numbers);
}

/* The first maximum of at most 2^24 columns, whose numbers are exact as floats. *best is the maximum seen so far and *place
 * where; a lane moves on only to something greater, so NaNs are passed over and the first of equals stays. */
LAM_INLINE void first_maximum(const float *x, size_t columns, size_t offset, float *best, size_t *place) {
  size_t full = row_full(columns);
  lam_vec numbers = lane_numbers(), step = vec_splat(LAM_LANES), lowest = vec_splat(-INFINITY);
  lam_vec max = lowest, at = vec_zero();
  for (size_t j = 0; j < full; j += LAM_LANES) {
    lam_vec v = vec_load(x + j);
    lam_mask greater = vec_less(max, v);
    max = vec_select(greater, v, max);
    at = vec_select(greater, numbers, at);
    numbers = vec_add(numbers, step);
  }
  lam_vec v = vec_load_n_or(x + full, columns - full, lowest);
  lam_mask greater = vec_less(max, v);
  max = vec_select(greater, v, max);
  at = vec_select(greater, numbers, at);
  float found = vec_max_lane(max);
  if (!(found > *best)) return;
  *best = found;
  /* Of the lanes that hold it, the one with the least number. */
  at = vec_select(vec_equal(max, vec_splat(found)), vec_neg(at), lowest);
  *place = offset + (size_t)-vec_max_lane(at);
}

/* The same of sixteen narrow rows: the number of the place is read from the bits of 2^23 + place. */
LAM_INLINE void narrow_argmax(int32_t *index, const float *x, size_t ldx, size_t columns) {
  lam_narrow v;
  LAM_KERNEL(narrow_load)(&v, x, ldx, columns);
  lam_vec most = vec_splat(-INFINITY), zero = vec_splat(0x1p23f), at = zero, number = zero;
  for (size_t j = 0; j < columns; ++j, number = vec_add(number, vec_splat(1.0f))) {
    lam_vec column = narrow_column(&v, j);
    lam_mask greater = vec_less(most, column);
    most = vec_select(greater, column, most);
    at = vec_select(greater, number, at);
  }
  ints_store(index, ints_sub(vec_bits(at), vec_bits(zero)));
}

void LAM_KERNEL(argmax)(int32_t *index, const float *x, size_t ldx, size_t rows, size_t columns) {
  const size_t most = (size_t)1 << 24;
  for (; narrow_next(rows, columns); rows -= LAM_LANES, index += LAM_LANES, x += LAM_LANES * ldx)
    narrow_argmax(index, x, ldx, columns);
  for (size_t i = 0; i < rows; ++i, x += ldx) {
    float best = -INFINITY;
    size_t place = 0;
    for (size_t j = 0; j < columns; j += most) {
      first_maximum(x + j, columns - j < most ? columns - j : most, j, &best, &place);
    }
    index[i] = (int32_t)place;
  }
}

/* One chain per column in increasing row, from 0. Columns go in blocks of four vectors, whose chains hide each other's latency.
 */
void LAM_KERNEL(column_sums)(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  size_t j = 0;
  for (; j + 4 * LAM_LANES <= columns; j += 4 * LAM_LANES) {
    lam_vec a = vec_zero(), b = a, c = a, d = a;
    for (size_t i = 0; i < rows; ++i) {
      const float *p = x + i * ldx + j;
      a = vec_add(a, vec_load(p));
      b = vec_add(b, vec_load(p + 16));
      c = vec_add(c, vec_load(p + 32));
      d = vec_add(d, vec_load(p + 48));
    }
    vec_store(y + j, a);
    vec_store(y + j + 16, b);
    vec_store(y + j + 32, c);
    vec_store(y + j + 48, d);
  }
  for (; j < columns; j += LAM_LANES) {
    size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
    lam_vec a = vec_zero();
    for (size_t i = 0; i < rows; ++i) a = vec_add(a, vec_load_n(x + i * ldx + j, n));
    vec_store_n(y + j, a, n);
  }
}
