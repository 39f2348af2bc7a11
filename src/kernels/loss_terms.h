/* SPDX-License-Identifier: MIT
 *
 * Losses that are sums of a term for each element: the loop, and the terms that several files share. Sums run in 16 lanes, the
 * tail last, lanes beyond it adding 0. A factor of 0 (a target that is not there) makes a product 0 even where the other is
 * infinite.
 */
#ifndef LAM_KERNELS_LOSS_TERMS_H
#define LAM_KERNELS_LOSS_TERMS_H

#include "kernels/functions.h"
#include "kernels/rows.h"

/* a b, but 0 where a is 0. */
LAM_INLINE lam_vec times_or_zero(lam_vec a, lam_vec b) { return vec_select(vec_equal(a, vec_zero()), vec_zero(), vec_mul(a, b)); }

#define LAM_CLIP_LOW 1e-7f
#define LAM_CLIP_HIGH 0.99999988f

/* A NaN stays one. */
LAM_INLINE lam_vec clip(lam_vec p) { return vec_min(vec_splat(LAM_CLIP_HIGH), vec_max(vec_splat(LAM_CLIP_LOW), p)); }

/* v, or 0 where p is outside [low, high]. */
LAM_INLINE lam_vec unless_outside(lam_vec p, lam_vec v, float low, float high) {
  v = vec_select(vec_less(p, vec_splat(low)), vec_zero(), v);
  return vec_select(vec_less(vec_splat(high), p), vec_zero(), v);
}

/* v, or 0 where the clip acts on p. */
LAM_INLINE lam_vec unless_clipped(lam_vec p, lam_vec v) { return unless_outside(p, v, LAM_CLIP_LOW, LAM_CLIP_HIGH); }

LAM_INLINE lam_vec keep_first(lam_vec v, size_t n) { return vec_select(mask_first(n), v, vec_zero()); }

/* max(x, 0) - x t + log(1 + e^-|x|), the first two as |x| (1 - t) for x >= 0 and |x| t below, so that an infinite logit with the
 * right target costs 0. */
LAM_INLINE lam_vec sigmoid_loss(lam_vec x, lam_vec t, lam_pair e) {
  lam_vec wrong = vec_select(vec_less(x, vec_zero()), t, vec_sub(vec_splat(1.0f), t));
  return vec_add(times_or_zero(wrong, vec_abs(x)), vec_log1p_unit(e.high));
}

/* With c = clip(p): -(t log c + (1 - t) log(1 - c)), whose slope is (c - t) / (c (1 - c)). */
LAM_INLINE lam_vec binary_loss(lam_vec p, lam_vec t) {
  lam_vec c = clip(p), one = vec_splat(1.0f);
  lam_vec other = vec_mul(vec_sub(one, t), vec_log(vec_sub(one, c)));
  return vec_neg(vec_fma(t, vec_log(c), other));
}
LAM_INLINE lam_vec binary_slope(lam_vec p, lam_vec t) {
  lam_vec c = clip(p);
  return unless_clipped(p, vec_div(vec_sub(c, t), vec_mul(c, vec_sub(vec_splat(1.0f), c))));
}

/* A chunk of up to 16 columns. */
LAM_INLINE lam_vec load_chunk(const float *p, size_t n) { return n == LAM_LANES ? vec_load(p) : vec_load_n(p, n); }
LAM_INLINE void store_chunk(float *p, lam_vec v, size_t n) {
  if (n == LAM_LANES)
    vec_store(p, v);
  else
    vec_store_n(p, v, n);
}
LAM_INLINE size_t chunk_at(size_t j, size_t columns) { return columns - j < LAM_LANES ? columns - j : LAM_LANES; }

typedef struct lam_term {
  lam_vec value, slope;
} lam_term;

/* loss = sum_j f(x_j, t_j) / divisor, dx_j = scale / divisor f'(x_j, t_j). f is inlined, once. */
LAM_INLINE void each_term(lam_term (*f)(lam_vec x, lam_vec t, const float *p), float *loss, float *dx, size_t lddx,
                          const float *x, size_t ldx, const float *t, size_t ldt, const float *p, float divisor, float scale,
                          size_t rows, size_t columns) {
  lam_vec factor = vec_splat(scale / divisor);
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec sum = vec_zero();
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = chunk_at(j, columns);
      lam_term term = f(load_chunk(x + j, n), load_chunk(t + j, n), p);
      sum = vec_add(sum, keep_first(term.value, n));
      if (dx) store_chunk(dx + j, vec_mul(factor, term.slope), n);
    }
    if (loss) loss[i] = vec_sum(sum) / divisor;
    if (dx) dx += lddx;
  }
}

#endif
