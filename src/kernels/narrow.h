/* SPDX-License-Identifier: MIT
 *
 * Rows of at most 16 columns, sixteen rows at a time: the matrix is turned, so that a lane is a row and a vector a column. A
 * short row fills few lanes of a vector of its own, and all that is found once a row, maximum, sum, logarithm and quotient, is
 * then found for 16 at once. Sums go along the same tree as in rows.h, so that the bits do not tell which way they were found.
 */
#ifndef LAM_KERNELS_NARROW_H
#define LAM_KERNELS_NARROW_H

#include "kernels/rows.h"
#include <stdbool.h>

/* Whether the next 16 rows can go this way. */
LAM_INLINE bool narrow_next(size_t rows, size_t columns) { return columns && columns <= LAM_LANES && rows >= LAM_LANES; }

/* Column j of 16 rows is at 16 j. */
typedef struct lam_narrow {
  float at[LAM_LANES * LAM_LANES];
} lam_narrow;

LAM_INLINE lam_vec narrow_column(const lam_narrow *n, size_t j) { return vec_load(n->at + j * LAM_LANES); }
LAM_INLINE void narrow_set(lam_narrow *n, size_t j, lam_vec v) { vec_store(n->at + j * LAM_LANES, v); }

/* From 16 rows and back (narrow.c). */
void LAM_KERNEL(narrow_load)(lam_narrow *n, const float *x, size_t ldx, size_t columns);
void LAM_KERNEL(narrow_store)(float *y, size_t ldy, const lam_narrow *n, size_t columns);

/* All columns of each row folded in the order of vec_sum: j and j + 8, then + 4, + 2, + 1. f is inlined; `none` changes nothing.
 */
LAM_INLINE lam_vec narrow_fold(lam_vec (*f)(lam_vec, lam_vec), lam_vec none, const lam_narrow *n, size_t columns) {
  lam_vec v[LAM_LANES / 2];
  LAM_UNROLL
  for (size_t j = 0; j < LAM_LANES / 2; ++j) {
    v[j] = j < columns ? narrow_column(n, j) : none;
    if (j + LAM_LANES / 2 < columns) v[j] = f(v[j], narrow_column(n, j + LAM_LANES / 2));
  }
  LAM_UNROLL
  for (size_t j = 0; j < 4; ++j) v[j] = f(v[j], v[j + 4]);
  return f(f(v[0], v[2]), f(v[1], v[3]));
}

/* The largest of each row; where a row has a NaN, some element of it. */
LAM_INLINE lam_vec narrow_max(const lam_narrow *n, size_t columns) {
  return narrow_fold(vec_max, vec_splat(-INFINITY), n, columns);
}

/* The sum of each row, in which there is no -0. */
LAM_INLINE lam_vec narrow_sum(const lam_narrow *n, size_t columns) { return narrow_fold(vec_add, vec_zero(), n, columns); }

/* The columns become exp(x - max); returns the sums of the rows. */
LAM_INLINE lam_vec narrow_exp(lam_narrow *n, lam_vec max, size_t columns) {
  for (size_t j = 0; j < columns; ++j) narrow_set(n, j, vec_exp_nonpositive(vec_sub(narrow_column(n, j), max)));
  return narrow_sum(n, columns);
}

#endif
