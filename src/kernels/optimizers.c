/* SPDX-License-Identifier: MIT
 *
 * Optimizers: one pass over parameters, gradients and state, in Keras 3's order of operations. State that decays towards 0 would
 * stick in the denormals, which slow every later pass: below 2^-100 it is stored as 0.
 */
#include "base/elementary.h"
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/rows.h"

LAM_INLINE lam_vec without_dust(lam_vec state) {
  return vec_select(vec_less(vec_abs(state), vec_splat(0x1p-100f)), vec_zero(), state);
}

/* base^n by squaring: the same bits everywhere, which pow does not promise. No branch on the bits of n, which are others in each
 * step: a wrong guess takes longer than the product with 1. */
static double power(double base, uint64_t n) {
  double result = 1.0;
  for (; n; n >>= 1, base *= base) {
    const double factor[] = { 1.0, base };
    result *= factor[n & 1];
  }
  return result;
}

/* What one step of an optimizer works with: the constants in every lane, then parameter, gradient and states. */
typedef struct lam_rates {
  lam_vec rate, first, first_rest, second, second_rest, epsilon, outside, l1, l2;
} lam_rates;
typedef struct lam_update {
  lam_vec w, m, v, a;
} lam_update;
typedef lam_update (*lam_rule)(lam_update u, lam_vec g, const lam_rates *r);

/* Applies a rule to all parameters; m, v and a are NULL where the rule has no such state. */
LAM_INLINE void update_three(lam_rule rule, const lam_rates *r, float *w, float *m, float *v, float *a, const float *g,
                             size_t count) {
  lam_vec none = vec_zero();
  size_t full = row_full(count), rest = count - full;
  for (size_t i = 0; i < full; i += LAM_LANES) {
    lam_update u = { vec_load(w + i), m ? vec_load(m + i) : none, v ? vec_load(v + i) : none, a ? vec_load(a + i) : none };
    u = rule(u, vec_load(g + i), r);
    write_ahead(w + i); /* products on other cores read it; gradients and states are this core's own */
    vec_store(w + i, u.w);
    if (m) vec_store(m + i, without_dust(u.m));
    if (v) vec_store(v + i, without_dust(u.v));
    if (a) vec_store(a + i, without_dust(u.a));
  }
  lam_update u = { vec_load_n(w + full, rest), m ? vec_load_n(m + full, rest) : none, v ? vec_load_n(v + full, rest) : none,
                   a ? vec_load_n(a + full, rest) : none };
  u = rule(u, vec_load_n(g + full, rest), r);
  vec_store_n(w + full, u.w, rest);
  if (m) vec_store_n(m + full, without_dust(u.m), rest);
  if (v) vec_store_n(v + full, without_dust(u.v), rest);
  if (a) vec_store_n(a + full, without_dust(u.a), rest);
}

LAM_INLINE void update_all(lam_rule rule, const lam_rates *r, float *w, float *m, float *v, const float *g, size_t count) {
  update_three(rule, r, w, m, v, NULL, g, count);
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
                      .first_rest = vec_splat((float)(1.0 - lam_as_written(rho))),
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
  double b1 = lam_as_written(beta_1), b2 = lam_as_written(beta_2);
  double corrected = rate * sqrt(1.0 - power(b2, step)) / (1.0 - power(b1, step));
  lam_rates r = { .rate = vec_splat((float)corrected),
                  .first_rest = vec_splat((float)(1.0 - b1)),
                  .second_rest = vec_splat((float)(1.0 - b2)),
                  .epsilon = vec_splat(epsilon) };
  update_all(adam_step, &r, w, m, v, g, count);
}

/* ---- the others ---------------------------------------------------------------------------------------------------- */

/* Without its momentum or without its average: that state is read as 0, and the factor of what goes into it is 0. A variance that
 * rounding has taken below 0 is 0. */
LAM_INLINE lam_update rmsprop_general_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.v = vec_fma(r->first, u.v, vec_mul(r->first_rest, vec_mul(g, g)));
  u.a = vec_fma(r->first, u.a, vec_mul(r->second_rest, g));
  lam_vec variance = vec_max(vec_zero(), vec_fnma(u.a, u.a, u.v)); /* a NaN stays */
  lam_vec root = vec_add(vec_sqrt(vec_add(variance, r->epsilon)), r->outside);
  u.m = vec_fma(r->second, u.m, vec_div(vec_mul(r->rate, g), root));
  u.w = vec_sub(u.w, u.m);
  return u;
}

void LAM_KERNEL(rmsprop_general)(float *w, float *v, float *m, float *average, const float *g, float rate, float rho,
                                 float epsilon, bool outside, float momentum, size_t count) {
  lam_rates r = rmsprop_rates(rate, rho, outside ? 0.0f : epsilon);
  r.outside = vec_splat(outside ? epsilon : 0.0f);
  r.second = vec_splat(momentum);
  r.second_rest = average ? r.first_rest : vec_zero();
  update_three(rmsprop_general_step, &r, w, m, v, average, g, count);
}

static lam_rates adam_rates(double rate, double b1, double b2, float epsilon) {
  return (lam_rates){ .rate = vec_splat((float)rate),
                      .first = vec_splat((float)b1),
                      .first_rest = vec_splat((float)(1.0 - b1)),
                      .second = vec_splat((float)b2),
                      .second_rest = vec_splat((float)(1.0 - b2)),
                      .epsilon = vec_splat(epsilon) };
}

LAM_INLINE lam_update amsgrad_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.m = vec_fma(vec_sub(g, u.m), r->first_rest, u.m);
  u.v = vec_fma(vec_sub(vec_mul(g, g), u.v), r->second_rest, u.v);
  u.a = vec_max(u.a, u.v);
  u.w = vec_sub(u.w, vec_div(vec_mul(u.m, r->rate), vec_add(vec_sqrt(u.a), r->epsilon)));
  return u;
}

void LAM_KERNEL(amsgrad)(float *w, float *m, float *v, float *most, const float *g, float rate, float beta_1, float beta_2,
                         float epsilon, uint64_t step, size_t count) {
  double b1 = lam_as_written(beta_1), b2 = lam_as_written(beta_2);
  lam_rates r = adam_rates(rate * sqrt(1.0 - power(b2, step)) / (1.0 - power(b1, step)), b1, b2, epsilon);
  update_three(amsgrad_step, &r, w, m, v, most, g, count);
}

LAM_INLINE lam_update adamax_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.m = vec_fma(vec_sub(g, u.m), r->first_rest, u.m);
  u.v = vec_max(vec_mul(r->second, u.v), vec_abs(g)); /* a NaN of g stays; one of v gives way */
  u.w = vec_sub(u.w, vec_div(vec_mul(u.m, r->rate), vec_add(u.v, r->epsilon)));
  return u;
}

void LAM_KERNEL(adamax)(float *w, float *m, float *norm, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                        uint64_t step, size_t count) {
  double b1 = lam_as_written(beta_1);
  lam_rates r = adam_rates(rate / (1.0 - power(b1, step)), b1, lam_as_written(beta_2), epsilon);
  update_all(adamax_step, &r, w, m, norm, g, count);
}

/* l1 and l2 are the factors of m and g in the step. */
LAM_INLINE lam_update nadam_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.m = vec_fma(vec_sub(g, u.m), r->first_rest, u.m);
  u.v = vec_fma(vec_sub(vec_mul(g, g), u.v), r->second_rest, u.v);
  lam_vec mean = vec_fma(r->l1, u.m, vec_mul(r->l2, g));
  u.w = vec_sub(u.w, vec_div(mean, vec_add(vec_sqrt(u.v), r->epsilon)));
  return u;
}

/* sqrt(v / c) + epsilon is (sqrt(v) + epsilon sqrt(c)) / sqrt(c): one division less. */
void LAM_KERNEL(nadam)(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                       double product, uint64_t step, size_t count) {
  double b1 = lam_as_written(beta_1), b2 = lam_as_written(beta_2), decay = power(0.96, step);
  double now = b1 * (1.0 - 0.5 * decay), next = b1 * (1.0 - 0.5 * decay * 0.96), root = sqrt(1.0 - power(b2, step));
  lam_rates r = adam_rates(rate, b1, b2, (float)(epsilon * root));
  r.l1 = vec_splat((float)(rate * root * next / (1.0 - product * next)));
  r.l2 = vec_splat((float)(rate * root * (1.0 - now) / (1.0 - product)));
  update_all(nadam_step, &r, w, m, v, g, count);
}

LAM_INLINE lam_update adagrad_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.v = vec_fma(g, g, u.v);
  u.w = vec_sub(u.w, vec_div(vec_mul(r->rate, g), vec_sqrt(vec_add(u.v, r->epsilon))));
  return u;
}

void LAM_KERNEL(adagrad)(float *w, float *sum, const float *g, float rate, float epsilon, size_t count) {
  lam_rates r = { .rate = vec_splat(rate), .epsilon = vec_splat(epsilon) };
  update_all(adagrad_step, &r, w, NULL, sum, g, count);
}

LAM_INLINE lam_update adadelta_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.v = vec_fma(r->first, u.v, vec_mul(r->first_rest, vec_mul(g, g)));
  /* Two roots: the quotient of what is under them may be denormal. */
  lam_vec delta = vec_div(vec_mul(vec_sqrt(vec_add(u.m, r->epsilon)), g), vec_sqrt(vec_add(u.v, r->epsilon)));
  u.m = vec_fma(r->first, u.m, vec_mul(r->first_rest, vec_mul(delta, delta)));
  u.w = vec_fnma(r->rate, delta, u.w);
  return u;
}

void LAM_KERNEL(adadelta)(float *w, float *gradients, float *deltas, const float *g, float rate, float rho, float epsilon,
                          size_t count) {
  lam_rates r = rmsprop_rates(rate, rho, epsilon);
  update_all(adadelta_step, &r, w, deltas, gradients, g, count);
}

LAM_INLINE lam_update lion_step(lam_update u, lam_vec g, const lam_rates *r) {
  lam_vec mean = vec_fma(r->first, u.m, vec_mul(r->first_rest, g));
  lam_vec step = vec_with_sign(r->rate, mean);
  step = vec_select(vec_equal(mean, vec_zero()), vec_zero(), vec_select(vec_is_nan(mean), mean, step));
  u.w = vec_sub(u.w, step);
  u.m = vec_fma(r->second, u.m, vec_mul(r->second_rest, g));
  return u;
}

void LAM_KERNEL(lion)(float *w, float *m, const float *g, float rate, float beta_1, float beta_2, size_t count) {
  lam_rates r = adam_rates(rate, lam_as_written(beta_1), lam_as_written(beta_2), 0.0f);
  update_all(lion_step, &r, w, m, NULL, g, count);
}

/* m is the linear term, v the sum of squares; rate is 1 / rate, first 2 l2_shrinkage, l2 all of the quadratic term's rest. The
 * difference of the two roots is g^2 / (their sum), in which nothing cancels; where both are 0, it is 0. */
LAM_INLINE lam_update ftrl_step(lam_update u, lam_vec g, const lam_rates *r) {
  lam_vec before = vec_sqrt(u.v);
  u.v = vec_fma(g, g, u.v);
  lam_vec root = vec_sqrt(u.v), roots = vec_max(vec_splat(0x1p-126f), vec_add(root, before));
  lam_vec pull = vec_mul(vec_div(vec_mul(g, g), roots), r->rate);
  u.m = vec_add(u.m, vec_fnma(pull, u.w, vec_fma(r->first, u.w, g)));
  lam_vec clipped = vec_min(r->l1, vec_max(vec_neg(r->l1), u.m));
  u.w = vec_div(vec_sub(clipped, u.m), vec_fma(root, r->rate, r->l2));
  return u;
}

void LAM_KERNEL(ftrl)(float *w, float *sum, float *linear, const float *g, float rate, float l1, float l2, float l2_shrinkage,
                      float beta, size_t count) {
  lam_rates r = { .rate = vec_splat((float)(1.0 / rate)),
                  .first = vec_splat(2.0f * l2_shrinkage),
                  .l1 = vec_splat(l1),
                  .l2 = vec_splat((float)(2.0 * (l2 + (double)beta / (2.0 * rate)))) };
  update_all(ftrl_step, &r, w, linear, sum, g, count);
}

/* ---- around them --------------------------------------------------------------------------------------------------- */

LAM_INLINE lam_update average_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.w = vec_fma(vec_sub(g, u.w), r->first_rest, u.w);
  return u;
}

void LAM_KERNEL(moving_average)(float *average, const float *w, float momentum, size_t count) {
  lam_rates r = { .first_rest = vec_splat((float)(1.0 - lam_as_written(momentum))) };
  update_all(average_step, &r, average, NULL, NULL, w, count);
}

LAM_INLINE lam_update decay_step(lam_update u, lam_vec g, const lam_rates *r) {
  u.w = vec_add(u.w, vec_fnma(r->rate, u.w, g));
  return u;
}

void LAM_KERNEL(decay_and_add)(float *w, const float *change, float decay, size_t count) {
  lam_rates r = { .rate = vec_splat(decay) };
  update_all(decay_step, &r, w, NULL, NULL, change, count);
}

LAM_INLINE lam_vec clipped(lam_vec x, const lam_rates *r) {
  lam_vec y = vec_mul(vec_mul(x, r->first), r->second);
  return vec_min(r->l1, vec_max(vec_neg(r->l1), y)); /* a NaN stays: it comes second */
}

/* The scale in two factors, the first a power of two: the gradients may be so large that their norm's inverse is denormal. */
void LAM_KERNEL(scale_and_clip)(float *y, const float *x, double scale, float limit, size_t count) {
  double first = scale < 0x1p-96 ? 0x1p-96 : 1.0;
  lam_rates r = { .first = vec_splat((float)first), .second = vec_splat((float)(scale / first)), .l1 = vec_splat(limit) };
  size_t full = row_full(count);
  for (size_t i = 0; i < full; i += LAM_LANES) vec_store(y + i, clipped(vec_load(x + i), &r));
  vec_store_n(y + full, clipped(vec_load_n(x + full, count - full), &r), count - full);
}

/* In double, where no square of a float overflows or is rounded; in 16 chains, folded as vec_sum folds its lanes. */
void LAM_KERNEL(sum_of_squares)(double *sum, const float *x, size_t count) {
  double chain[LAM_LANES] = { 0 };
  size_t full = count / LAM_LANES * LAM_LANES;
  for (size_t i = 0; i < full; i += LAM_LANES)
    for (size_t lane = 0; lane < LAM_LANES; lane++) chain[lane] += (double)x[i + lane] * x[i + lane];
  for (size_t i = full; i < count; i++) chain[i - full] += (double)x[i] * x[i];
  for (size_t half = LAM_LANES / 2; half; half /= 2)
    for (size_t lane = 0; lane < half; lane++) chain[lane] += chain[lane + half];
  *sum = chain[0];
}
