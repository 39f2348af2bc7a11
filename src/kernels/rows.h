/* SPDX-License-Identifier: MIT
 *
 * How kernels walk a matrix: full vectors, then a masked tail. A row is split so that its tail is never empty: the tail, 1 to 16
 * lanes, can then stay in a register between two passes, and a short row is nothing but tail.
 */
#ifndef LAM_KERNELS_ROWS_H
#define LAM_KERNELS_ROWS_H

#include "kernels/functions.h"

/* How many columns of a row are in full vectors before its tail. */
LAM_INLINE size_t row_full(size_t columns) { return columns ? (columns - 1) / LAM_LANES * LAM_LANES : 0; }

/* Matrices without gaps are one long row. */
LAM_INLINE void rows_join(size_t *rows, size_t *columns, size_t lda, size_t ldb, size_t ldc) {
  if (lda == *columns && ldb == *columns && ldc == *columns) {
    *columns *= *rows;
    *rows = 1;
  }
}

/* Before a stream is written at p: asks for what lies 2 KB ahead, to own it. Where another core has read it since, telling that core
 * takes long, and stores wait for it one after the other. */
LAM_INLINE void write_ahead(const float *p) { __builtin_prefetch((const void *)((uintptr_t)p + 2048), 1); }

/* y = f(x). f is inlined. */
LAM_INLINE void map_unary(lam_vec (*f)(lam_vec), float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
  rows_join(&rows, &columns, ldy, ldx, ldx);
  size_t full = row_full(columns);
  for (; rows; --rows, y += ldy, x += ldx) {
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, f(vec_load(x + j)));
    vec_store_n(y + full, f(vec_load_n(x + full, columns - full)), columns - full);
  }
}

/* y = f(a, b). f is inlined. A leading dimension of 0 gives the same row each time. */
LAM_INLINE void map_binary(lam_vec (*f)(lam_vec, lam_vec), float *y, size_t ldy, const float *a, size_t lda, const float *b,
                           size_t ldb, size_t rows, size_t columns) {
  rows_join(&rows, &columns, ldy, lda, ldb);
  size_t full = row_full(columns);
  for (; rows; --rows, y += ldy, a += lda, b += ldb) {
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, f(vec_load(a + j), vec_load(b + j)));
    vec_store_n(y + full, f(vec_load_n(a + full, columns - full), vec_load_n(b + full, columns - full)), columns - full);
  }
}

/* y = f(x, p) and y = f(a, b, p) with three parameters. */
typedef struct lam_parameters {
  lam_vec a, b, c;
} lam_parameters;

LAM_INLINE lam_parameters parameters_of(const float *p) {
  return (lam_parameters){ vec_splat(p[0]), vec_splat(p[1]), vec_splat(p[2]) };
}

LAM_INLINE void map_unary_with(lam_vec (*f)(lam_vec, lam_parameters), float *y, size_t ldy, const float *x, size_t ldx,
                               const float *p, size_t rows, size_t columns) {
  lam_parameters q = parameters_of(p);
  rows_join(&rows, &columns, ldy, ldx, ldx);
  size_t full = row_full(columns);
  for (; rows; --rows, y += ldy, x += ldx) {
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, f(vec_load(x + j), q));
    vec_store_n(y + full, f(vec_load_n(x + full, columns - full), q), columns - full);
  }
}

LAM_INLINE void map_binary_with(lam_vec (*f)(lam_vec, lam_vec, lam_parameters), float *y, size_t ldy, const float *a, size_t lda,
                                const float *b, size_t ldb, const float *p, size_t rows, size_t columns) {
  lam_parameters q = parameters_of(p);
  rows_join(&rows, &columns, ldy, lda, ldb);
  size_t full = row_full(columns);
  for (; rows; --rows, y += ldy, a += lda, b += ldb) {
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, f(vec_load(a + j), vec_load(b + j), q));
    vec_store_n(y + full, f(vec_load_n(a + full, columns - full), vec_load_n(b + full, columns - full), q), columns - full);
  }
}

/* The largest element of a row. A row with a NaN gives some element of it. Where there are many, four chains hide the latency. */
LAM_INLINE float row_max(const float *x, size_t columns) {
  size_t full = row_full(columns), j = 0;
  lam_vec m = vec_load_n_or(x + full, columns - full, vec_splat(-INFINITY));
  if (full >= 4 * LAM_LANES) {
    lam_vec a = m, b = m, c = m;
    for (; j + 4 * LAM_LANES <= full; j += 4 * LAM_LANES) {
      m = vec_max(m, vec_load(x + j));
      a = vec_max(a, vec_load(x + j + 16));
      b = vec_max(b, vec_load(x + j + 32));
      c = vec_max(c, vec_load(x + j + 48));
    }
    m = vec_max(vec_max(m, a), vec_max(b, c));
  }
  for (; j < full; j += LAM_LANES) m = vec_max(m, vec_load(x + j));
  return vec_max_lane(m);
}

/* y = exp(x - m) but for the tail, which is returned; *sum gets the sum of all. */
LAM_INLINE lam_vec row_exp(float *y, const float *x, float m, size_t columns, float *sum) {
  size_t full = row_full(columns);
  lam_vec max = vec_splat(m), s = vec_zero();
  for (size_t j = 0; j < full; j += LAM_LANES) {
    lam_vec e = vec_exp_nonpositive(vec_sub(vec_load(x + j), max));
    vec_store(y + j, e);
    s = vec_add(s, e);
  }
  lam_vec tail = vec_exp_nonpositive(vec_sub(vec_load_n_or(x + full, columns - full, vec_splat(-INFINITY)), max));
  *sum = vec_sum(vec_add(s, tail));
  return tail;
}

/* sum_j exp(x_j - m), where m need not be the maximum. */
LAM_INLINE float row_exp_sum(const float *x, float m, size_t columns) {
  size_t full = row_full(columns);
  lam_vec max = vec_splat(m), s = vec_zero();
  for (size_t j = 0; j < full; j += LAM_LANES) s = vec_add(s, vec_exp(vec_sub(vec_load(x + j), max)));
  lam_vec tail = vec_load_n_or(x + full, columns - full, vec_splat(-INFINITY));
  return vec_sum(vec_add(s, vec_exp(vec_sub(tail, max))));
}

#endif
