/* SPDX-License-Identifier: MIT
 *
 * Losses that are means of a term for each element.
 */
#include "kernels/level.h"
#include "kernels/loss_terms.h"

#define LAM_EPSILON 1e-7f

#define LAM_MEAN_OF(name, term)                                                                                                  \
  void LAM_KERNEL(name) LAM_DENSE_LOSS_ARGUMENTS {                                                                               \
    each_term(term, loss, dx, lddx, x, ldx, t, ldt, NULL, (float)columns, scale, rows, columns);                                 \
  }

/* `size` with the sign of d; 0 where d is 0, a NaN where it is one. */
LAM_INLINE lam_vec signed_like(lam_vec d, lam_vec size) {
  lam_vec s = vec_select(vec_equal(d, vec_zero()), vec_zero(), vec_with_sign(size, d));
  return vec_select(vec_is_nan(d), d, s);
}

LAM_INLINE lam_term absolute_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec d = vec_sub(x, t);
  return (lam_term){ vec_abs(d), signed_like(d, vec_splat(1.0f)) };
}
LAM_MEAN_OF(mean_absolute_error, absolute_term)

LAM_INLINE lam_term percentage_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec d = vec_sub(x, t), size = vec_div(vec_splat(100.0f), vec_max(vec_splat(LAM_EPSILON), vec_abs(t)));
  return (lam_term){ vec_mul(vec_abs(d), size), signed_like(d, size) };
}
LAM_MEAN_OF(mean_absolute_percentage_error, percentage_term)

/* l = log((a + 1) / (b + 1)), as log(1 + f) with f = (a - b) / (b + 1) where that is small, and the square of it. */
LAM_INLINE lam_term logarithmic_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec low = vec_splat(LAM_EPSILON), one = vec_splat(1.0f), a = vec_max(low, x), b = vec_max(low, t);
  lam_vec above = vec_add(a, one), below = vec_add(b, one), f = vec_div(vec_sub(a, b), below);
  lam_mask near = vec_less(vec_abs(f), vec_splat(0x1.555554p-2f));
  lam_vec l = vec_select(near, vec_log_reduced(vec_select(near, f, vec_zero()), vec_zero()), vec_log(vec_div(above, below)));
  lam_vec slope = times_or_zero(vec_div(vec_splat(2.0f), above), l);
  return (lam_term){ vec_mul(l, l), vec_select(vec_less(x, low), vec_zero(), slope) };
}
LAM_MEAN_OF(mean_squared_logarithmic_error, logarithmic_term)

LAM_INLINE lam_term huber_term(lam_vec x, lam_vec t, const float *p) {
  lam_vec d = vec_sub(x, t), a = vec_abs(d), delta = vec_splat(p[0]), half = vec_splat(0.5f);
  lam_vec inside = vec_mul(half, vec_mul(d, d)), outside = vec_mul(delta, vec_fnma(half, delta, a));
  lam_vec slope = vec_max(vec_neg(delta), vec_min(delta, d));
  return (lam_term){ vec_select(vec_less(delta, a), outside, inside), slope };
}
void LAM_KERNEL(huber) LAM_DENSE_LOSS_WITH_ARGUMENTS {
  each_term(huber_term, loss, dx, lddx, x, ldx, t, ldt, p, (float)columns, scale, rows, columns);
}

/* With h = tanh(d), which is the slope: -log(1 - h^2) / 2 near 0, and |d| - log 2 + log(1 + e^-2|d|) where h^2 may pass 1/3. */
LAM_INLINE lam_term log_cosh_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec d = vec_sub(x, t), a = vec_abs(d), h = vec_tanh(d);
  lam_mask small = vec_less(a, vec_splat(0.65f));
  lam_vec square = vec_select(small, vec_mul(h, h), vec_zero());
  lam_vec near = vec_mul(vec_splat(-0.5f), vec_log_reduced(vec_neg(square), vec_zero()));
  lam_vec rest = vec_log1p_unit(vec_exp_nonpositive(vec_mul(vec_splat(-2.0f), a)));
  lam_vec far = vec_add(vec_sub(a, vec_splat(0x1.62e43p-1f)), rest);
  return (lam_term){ vec_select(small, near, far), h };
}
LAM_MEAN_OF(log_cosh, log_cosh_term)

/* max(1 - t x, 0); a NaN stays one. */
LAM_INLINE lam_vec margin(lam_vec x, lam_vec t) { return vec_sub(vec_splat(1.0f), times_or_zero(t, x)); }

LAM_INLINE lam_term hinge_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec m = margin(x, t), slope = vec_select(vec_less(m, vec_zero()), vec_zero(), vec_neg(t));
  return (lam_term){ vec_max(vec_zero(), m), vec_select(vec_is_nan(m), m, slope) };
}
LAM_MEAN_OF(hinge, hinge_term)

LAM_INLINE lam_term squared_hinge_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec m = vec_max(vec_zero(), margin(x, t));
  return (lam_term){ vec_mul(m, m), times_or_zero(vec_mul(vec_splat(-2.0f), t), m) };
}
LAM_MEAN_OF(squared_hinge, squared_hinge_term)

/* x grows faster than its logarithm, so that an infinite x costs infinitely much. */
LAM_INLINE lam_term poisson_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec rate = vec_add(x, vec_splat(LAM_EPSILON)), infinite = vec_splat(INFINITY);
  lam_vec value = vec_sub(x, times_or_zero(t, vec_log(rate)));
  lam_vec part = vec_select(vec_equal(t, vec_zero()), vec_zero(), vec_div(t, rate));
  return (lam_term){ vec_select(vec_equal(x, infinite), x, value), vec_sub(vec_splat(1.0f), part) };
}
LAM_MEAN_OF(poisson, poisson_term)

LAM_INLINE lam_term divergence_term(lam_vec x, lam_vec t, const float *p) {
  (void)p;
  lam_vec low = vec_splat(LAM_EPSILON), one = vec_splat(1.0f);
  lam_vec a = vec_min(one, vec_max(low, t)), b = vec_min(one, vec_max(low, x)), ratio = vec_div(a, b);
  return (lam_term){ vec_mul(a, vec_log(ratio)), unless_outside(x, vec_neg(ratio), LAM_EPSILON, 1.0f) };
}
void LAM_KERNEL(kl_divergence) LAM_DENSE_LOSS_ARGUMENTS {
  each_term(divergence_term, loss, dx, lddx, x, ldx, t, ldt, NULL, 1.0f, scale, rows, columns);
}
