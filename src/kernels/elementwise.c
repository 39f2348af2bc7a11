/* SPDX-License-Identifier: MIT
 *
 * Kernels that treat each element by itself: activations and their backward passes, bias, sums, conversion of inputs.
 */
#include "kernels/functions.h"
#include "kernels/kernels.h"
#include "kernels/level.h"
#include "kernels/rows.h"

LAM_INLINE lam_vec relu_slope(lam_vec dy, lam_vec y) {
  return vec_select(vec_less(vec_zero(), y), dy, vec_select(vec_is_nan(y), y, vec_zero()));
}

/* y (1 - y) and 1 - y^2. */
LAM_INLINE lam_vec sigmoid_slope(lam_vec dy, lam_vec y) { return vec_mul(dy, vec_mul(y, vec_sub(vec_splat(1.0f), y))); }
LAM_INLINE lam_vec tanh_slope(lam_vec dy, lam_vec y) { return vec_mul(dy, vec_fnma(y, y, vec_splat(1.0f))); }

/* vec_max and vec_min give b where either is a NaN; here a NaN of a stays too. */
LAM_INLINE lam_vec maximum(lam_vec a, lam_vec b) { return vec_select(vec_is_nan(a), a, vec_max(a, b)); }
LAM_INLINE lam_vec minimum(lam_vec a, lam_vec b) { return vec_select(vec_is_nan(a), a, vec_min(a, b)); }

LAM_INLINE lam_vec add_relu(lam_vec x, lam_vec bias) { return vec_relu(vec_add(x, bias)); }

void LAM_KERNEL(exp) LAM_UNARY_ARGUMENTS { map_unary(vec_exp, y, ldy, x, ldx, rows, columns); }
void LAM_KERNEL(log) LAM_UNARY_ARGUMENTS { map_unary(vec_log, y, ldy, x, ldx, rows, columns); }
void LAM_KERNEL(relu) LAM_UNARY_ARGUMENTS { map_unary(vec_relu, y, ldy, x, ldx, rows, columns); }
void LAM_KERNEL(sigmoid) LAM_UNARY_ARGUMENTS { map_unary(vec_sigmoid, y, ldy, x, ldx, rows, columns); }
void LAM_KERNEL(tanh) LAM_UNARY_ARGUMENTS { map_unary(vec_tanh, y, ldy, x, ldx, rows, columns); }

void LAM_KERNEL(relu_backward) LAM_BACKWARD_ARGUMENTS { map_binary(relu_slope, dx, lddx, dy, lddy, y, ldy, rows, columns); }
void LAM_KERNEL(sigmoid_backward) LAM_BACKWARD_ARGUMENTS { map_binary(sigmoid_slope, dx, lddx, dy, lddy, y, ldy, rows, columns); }
void LAM_KERNEL(tanh_backward) LAM_BACKWARD_ARGUMENTS { map_binary(tanh_slope, dx, lddx, dy, lddy, y, ldy, rows, columns); }

/* The bias is a matrix whose rows are all the same. */
void LAM_KERNEL(bias)(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  map_binary(vec_add, y, ldy, x, ldx, bias, 0, rows, columns);
}
void LAM_KERNEL(bias_relu)(float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns) {
  map_binary(add_relu, y, ldy, x, ldx, bias, 0, rows, columns);
}
void LAM_KERNEL(add) LAM_BINARY_ARGUMENTS { map_binary(vec_add, y, ldy, a, lda, b, ldb, rows, columns); }
void LAM_KERNEL(subtract) LAM_BINARY_ARGUMENTS { map_binary(vec_sub, y, ldy, a, lda, b, ldb, rows, columns); }
void LAM_KERNEL(multiply) LAM_BINARY_ARGUMENTS { map_binary(vec_mul, y, ldy, a, lda, b, ldb, rows, columns); }
void LAM_KERNEL(maximum) LAM_BINARY_ARGUMENTS { map_binary(maximum, y, ldy, a, lda, b, ldb, rows, columns); }
void LAM_KERNEL(minimum) LAM_BINARY_ARGUMENTS { map_binary(minimum, y, ldy, a, lda, b, ldb, rows, columns); }

void LAM_KERNEL(affine)(float *y, size_t ldy, const float *x, size_t ldx, float scale, float offset, size_t rows,
                        size_t columns) {
  lam_vec s = vec_splat(scale), o = vec_splat(offset);
  rows_join(&rows, &columns, ldy, ldx, ldx);
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, y += ldy, x += ldx) {
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(y + j, vec_fma(s, vec_load(x + j), o));
    vec_store_n(y + full, vec_fma(s, vec_load_n(x + full, rest), o), rest);
  }
}

void LAM_KERNEL(from_bytes)(float *y, size_t ldy, const uint8_t *x, size_t ldx, float scale, float offset, size_t rows,
                            size_t columns) {
  lam_vec s = vec_splat(scale), o = vec_splat(offset);
  rows_join(&rows, &columns, ldy, ldx, ldx);
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, y += ldy, x += ldx) {
    for (size_t j = 0; j < full; j += LAM_LANES) {
      write_ahead(y + j);
      vec_store(y + j, vec_fma(s, vec_load_bytes(x + j), o));
    }
    vec_store_n(y + full, vec_fma(s, vec_load_bytes_n(x + full, rest), o), rest);
  }
}

/* Column by column: the square roots are taken once. Dividing, and not multiplying by an inverse, rounds once as Keras does. */
void LAM_KERNEL(standardize)(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                             size_t rows, size_t columns) {
  for (size_t j = 0; j < columns; j += LAM_LANES) {
    size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
    lam_vec center = mean ? vec_load_n(mean + j, n) : vec_zero();
    lam_vec deviation = vec_max(vec_sqrt(vec_load_n(variance + j, n)), vec_splat(1e-7f));
    for (size_t i = 0; i < rows; ++i) {
      lam_vec value = vec_sub(vec_load_n(x + i * ldx + j, n), center);
      vec_store_n(y + i * ldy + j, vec_div(value, deviation), n);
    }
  }
}
