/* SPDX-License-Identifier: MIT
 *
 * Softmax, log-softmax and log-sum-exp of each row, and their backward passes. Exponentials are of x - max, so nothing overflows;
 * they are stored and reloaded, which beats computing them twice. Sums run in 16 lanes, the tail last, lanes beyond it adding 0.
 */
#include "kernels/level.h"
#include "kernels/narrow.h"

LAM_INLINE float log_of(float x) {
  float lanes[LAM_LANES];
  vec_store(lanes, vec_log(vec_splat(x)));
  return lanes[0];
}

/* The same of sixteen narrow rows. */
LAM_INLINE void narrow_softmax(float *y, size_t ldy, const float *x, size_t ldx, size_t columns) {
  lam_narrow v;
  LAM_KERNEL(narrow_load)(&v, x, ldx, columns);
  lam_vec inverse = vec_div(vec_splat(1.0f), narrow_exp(&v, narrow_max(&v, columns), columns));
  for (size_t j = 0; j < columns; ++j) narrow_set(&v, j, vec_mul(narrow_column(&v, j), inverse));
  LAM_KERNEL(narrow_store)(y, ldy, &v, columns);
}

void LAM_KERNEL(softmax) LAM_UNARY_ARGUMENTS {
  for (; narrow_next(rows, columns); rows -= LAM_LANES, y += LAM_LANES * ldy, x += LAM_LANES * ldx)
    narrow_softmax(y, ldy, x, ldx, columns);
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, y += ldy, x += ldx) {
    float sum;
    lam_vec tail = row_exp(y, x, row_max(x, columns), columns, &sum);
    /* One division a row: e (1/s) is within 2 u of e/s, which the stated bound has room for. */
    lam_vec inverse = vec_div(vec_splat(1.0f), vec_splat(sum));
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, vec_mul(vec_load(y + j), inverse));
    vec_store_n(y + full, vec_mul(tail, inverse), rest);
  }
}

void LAM_KERNEL(log_softmax) LAM_UNARY_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, y += ldy, x += ldx) {
    float m = row_max(x, columns);
    lam_vec max = vec_splat(m), log_sum = vec_log(vec_splat(row_exp_sum(x, m, columns)));
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, vec_sub(vec_sub(vec_load(x + j), max), log_sum));
    vec_store_n(y + full, vec_sub(vec_sub(vec_load_n(x + full, rest), max), log_sum), rest);
  }
}

/* Where the maximum is infinite, x - m would be a NaN; taking 0 for it gives the limits, log 0 and log inf. */
void LAM_KERNEL(log_sum_exp)(float *y, const float *x, size_t ldx, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i, x += ldx) {
    float m = row_max(x, columns);
    m = m > -INFINITY && m < INFINITY ? m : 0.0f;
    y[i] = m + log_of(row_exp_sum(x, m, columns));
  }
}

void LAM_KERNEL(softmax_backward) LAM_BACKWARD_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, dx += lddx, dy += lddy, y += ldy) {
    lam_vec s = vec_zero(), dy_tail = vec_load_n(dy + full, rest), y_tail = vec_load_n(y + full, rest);
    for (size_t j = 0; j < full; j += LAM_LANES) s = vec_fma(vec_load(dy + j), vec_load(y + j), s);
    lam_vec dot = vec_splat(vec_sum(vec_fma(dy_tail, y_tail, s)));
    for (size_t j = 0; j < full; j += LAM_LANES) { vec_store(dx + j, vec_mul(vec_load(y + j), vec_sub(vec_load(dy + j), dot))); }
    vec_store_n(dx + full, vec_mul(y_tail, vec_sub(dy_tail, dot)), rest);
  }
}

void LAM_KERNEL(log_softmax_backward) LAM_BACKWARD_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, dx += lddx, dy += lddy, y += ldy) {
    lam_vec s = vec_zero(), dy_tail = vec_load_n(dy + full, rest), y_tail = vec_load_n(y + full, rest);
    for (size_t j = 0; j < full; j += LAM_LANES) s = vec_add(s, vec_load(dy + j));
    lam_vec sum = vec_splat(vec_sum(vec_add(s, dy_tail)));
    for (size_t j = 0; j < full; j += LAM_LANES) { vec_store(dx + j, vec_fnma(vec_exp(vec_load(y + j)), sum, vec_load(dy + j))); }
    vec_store_n(dx + full, vec_fnma(vec_exp(y_tail), sum, dy_tail), rest);
  }
}
