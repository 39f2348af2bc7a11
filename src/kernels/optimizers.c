/* SPDX-License-Identifier: MIT
 *
 * Optimizers: one pass over parameters, gradients and state, in Keras 3's order of operations. State that decays towards 0 would
 * stick in the denormals, which slow every later pass: below 2^-100 it is stored as 0.
 */
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/rows.h"

LAM_INLINE lam_vec without_dust(lam_vec state) {
  return vec_select(vec_less(vec_abs(state), vec_splat(0x1p-100f)), vec_zero(), state);
}

/* The double that was meant by a decay rate: 0.999 where the float is 0.999f, whose difference from 1 is wrong in the fifth
 * digit. That is the decimal of at most seven places which rounds to the same float, or else the float itself. */
static double as_written(float decay) {
  if (!(decay >= 0.0f && decay <= 1.0f)) return decay;
  double decimal = (double)(int64_t)((double)decay * 1e7 + 0.5) / 1e7;
  return (float)decimal == decay ? decimal : decay;
}

/* base^n by squaring: the same bits everywhere, which pow does not promise. */
static double power(double base, uint64_t n) {
  double result = 1.0;
  for (; n; n >>= 1, base *= base) {
    if (n & 1) result *= base;
  }
  return result;
}

/* What one step of an optimizer works with: the constants in every lane, then parameter, gradient and states. */
typedef struct lam_rates {
  lam_vec rate, first, first_rest, second_rest, epsilon;
} lam_rates;
typedef struct lam_update {
  lam_vec w, m, v;
} lam_update;
typedef lam_update (*lam_rule)(lam_update u, lam_vec g, const lam_rates *r);

/* Applies a rule to all parameters; m and v are NULL where the rule has no such state. */
LAM_INLINE void update_all(lam_rule rule, const lam_rates *r, float *w, float *m, float *v, const float *g, size_t count) {
  lam_vec none = vec_zero();
  size_t full = row_full(count), rest = count - full;
  for (size_t i = 0; i < full; i += LAM_LANES) {
    lam_update u = { vec_load(w + i), m ? vec_load(m + i) : none, v ? vec_load(v + i) : none };
    u = rule(u, vec_load(g + i), r);
    vec_store(w + i, u.w);
    if (m) vec_store(m + i, without_dust(u.m));
    if (v) vec_store(v + i, without_dust(u.v));
  }
  lam_update u = { vec_load_n(w + full, rest), m ? vec_load_n(m + full, rest) : none, v ? vec_load_n(v + full, rest) : none };
  u = rule(u, vec_load_n(g + full, rest), r);
  vec_store_n(w + full, u.w, rest);
  if (m) vec_store_n(m + full, without_dust(u.m), rest);
  if (v) vec_store_n(v + full, without_dust(u.v), rest);
}

LAM_INLINE lam_update sgd(lam_update u, lam_vec g, const lam_rates *r) {
  u.w = vec_fnma(r->rate, g, u.w);
  return u;
}

LAM_INLINE lam_update momentum_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.m = vec_fnma(r->rate, g, vec_mul(r->first, u.m));
  u.w = vec_add(u.w, u.m);
  return u;
}

LAM_INLINE lam_update nesterov_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.m = vec_fnma(r->rate, g, vec_mul(r->first, u.m));
  u.w = vec_add(u.w, vec_fnma(r->rate, g, vec_mul(r->first, u.m)));
  return u;
}

LAM_INLINE lam_update rmsprop_inside(lam_update u, lam_vec g, const lam_rates *r) {
  u.v = vec_fma(r->first, u.v, vec_mul(r->first_rest, vec_mul(g, g)));
  u.w = vec_sub(u.w, vec_div(vec_mul(r->rate, g), vec_sqrt(vec_add(u.v, r->epsilon))));
  return u;
}

LAM_INLINE lam_update rmsprop_outside(lam_update u, lam_vec g, const lam_rates *r) {
  u.v = vec_fma(r->first, u.v, vec_mul(r->first_rest, vec_mul(g, g)));
  u.w = vec_sub(u.w, vec_div(vec_mul(r->rate, g), vec_add(vec_sqrt(u.v), r->epsilon)));
  return u;
}

LAM_INLINE lam_update adam_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.m = vec_fma(vec_sub(g, u.m), r->first_rest, u.m);
  u.v = vec_fma(vec_sub(vec_mul(g, g), u.v), r->second_rest, u.v);
  u.w = vec_sub(u.w, vec_div(vec_mul(u.m, r->rate), vec_add(vec_sqrt(u.v), r->epsilon)));
  return u;
}

void LAM_KERNEL(sgd)(float *w, const float *g, float rate, size_t count) {
  lam_rates r = { .rate = vec_splat(rate) };
  update_all(sgd, &r, w, NULL, NULL, g, count);
}

void LAM_KERNEL(sgd_momentum)(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  lam_rates r = { .rate = vec_splat(rate), .first = vec_splat(momentum) };
  update_all(momentum_step, &r, w, velocity, NULL, g, count);
}

void LAM_KERNEL(sgd_nesterov)(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  lam_rates r = { .rate = vec_splat(rate), .first = vec_splat(momentum) };
  update_all(nesterov_step, &r, w, velocity, NULL, g, count);
}

static lam_rates rmsprop_rates(float rate, float rho, float epsilon) {
  return (lam_rates){ .rate = vec_splat(rate),
                      .first = vec_splat(rho),
                      .first_rest = vec_splat((float)(1.0 - as_written(rho))),
                      .epsilon = vec_splat(epsilon) };
}

void LAM_KERNEL(rmsprop)(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  lam_rates r = rmsprop_rates(rate, rho, epsilon);
  update_all(rmsprop_inside, &r, w, NULL, v, g, count);
}

void LAM_KERNEL(rmsprop_epsilon_outside)(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  lam_rates r = rmsprop_rates(rate, rho, epsilon);
  update_all(rmsprop_outside, &r, w, NULL, v, g, count);
}

void LAM_KERNEL(adam)(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                      uint64_t step, size_t count) {
  double b1 = as_written(beta_1), b2 = as_written(beta_2);
  double corrected = rate * sqrt(1.0 - power(b2, step)) / (1.0 - power(b1, step));
  lam_rates r = { .rate = vec_splat((float)corrected),
                  .first_rest = vec_splat((float)(1.0 - b1)),
                  .second_rest = vec_splat((float)(1.0 - b2)),
                  .epsilon = vec_splat(epsilon) };
  update_all(adam_step, &r, w, m, v, g, count);
}
