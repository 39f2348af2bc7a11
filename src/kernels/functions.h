/* SPDX-License-Identifier: MIT
 *
 * exp, log, sigmoid, tanh and what activations need beside them, of 16 lanes. The coefficients come from scripts/minimax.py, the
 * errors from tests/kernels/ulp (all 2^32 floats); docs/kernels.md has the table. NaNs pass through each.
 */
#ifndef LAM_KERNELS_FUNCTIONS_H
#define LAM_KERNELS_FUNCTIONS_H

#include "kernels/vec.h"
#include <math.h>

/* exp(x) = 2^n (1 + r q), with x = n ln 2 + r, |r| <= ln 2 / 2, q = (e^r - 1) / r. The last step is left to the caller. */
typedef struct lam_reduced {
  lam_vec n, r, q;
} lam_reduced;

LAM_INLINE lam_reduced vec_exp_reduced(lam_vec x) {
  /* Adding 1.5 2^23 rounds x log2(e) to an integer, ties to even. */
  lam_vec magic = vec_splat(0x1.8p23f);
  lam_vec n = vec_sub(vec_fma(x, vec_splat(0x1.715476p0f), magic), magic);
  /* ln 2 in two floats, the first so short that its product with n is exact. */
  lam_vec r = vec_fnma(n, vec_splat(0x1.62e4p-1f), x);
  r = vec_fnma(n, vec_splat(0x1.7f7d1cp-20f), r);
  lam_vec p = vec_splat(0x1.6ab8aep-10f);
  p = vec_fma(p, r, vec_splat(0x1.123d7p-7f));
  p = vec_fma(p, r, vec_splat(0x1.55585ap-5f));
  p = vec_fma(p, r, vec_splat(0x1.55548cp-3f));
  p = vec_fma(p, r, vec_splat(0x1.fffffcp-2f));
  return (lam_reduced){ n, r, vec_fma(p, r, vec_splat(1.0f)) };
}

/* For x in [-104, 89] or a NaN. */
LAM_INLINE lam_vec vec_exp_inside(lam_vec x) {
  lam_reduced e = vec_exp_reduced(x);
  return vec_scale(vec_fma(e.q, e.r, vec_splat(1.0f)), e.n);
}

/* Beyond these ends the result is 0 (e^-104 is below half the least float) or infinite; the clamps keep n small. */
LAM_INLINE lam_vec vec_clamp_low(lam_vec x) { return vec_max(vec_splat(-104.0f), x); }
LAM_INLINE lam_vec vec_clamp_high(lam_vec x) { return vec_min(vec_splat(89.0f), x); }

LAM_INLINE lam_vec vec_exp(lam_vec x) { return vec_exp_inside(vec_clamp_high(vec_clamp_low(x))); }

/* The same bits for x <= 0 or a NaN, one step shorter. */
LAM_INLINE lam_vec vec_exp_nonpositive(lam_vec x) { return vec_exp_inside(vec_clamp_low(x)); }

/* log(1 + f) = f + f^2 p(f) for f in [-1/3, 1/3], plus e ln 2. */
LAM_INLINE lam_vec vec_log_reduced(lam_vec f, lam_vec e) {
  lam_vec p = vec_splat(-0x1.ffa454p-4f);
  p = vec_fma(p, f, vec_splat(0x1.1ff1dap-3f));
  p = vec_fma(p, f, vec_splat(-0x1.f6b57cp-4f));
  p = vec_fma(p, f, vec_splat(0x1.1e829p-3f));
  p = vec_fma(p, f, vec_splat(-0x1.557e28p-3f));
  p = vec_fma(p, f, vec_splat(0x1.99d58ap-3f));
  p = vec_fma(p, f, vec_splat(-0x1.ffff94p-3f));
  p = vec_fma(p, f, vec_splat(0x1.5554fap-2f));
  p = vec_fma(p, f, vec_splat(-0.5f));
  return vec_fma(e, vec_splat(0x1.62e43p-1f), vec_fma(vec_mul(f, f), p, f));
}

LAM_INLINE lam_vec vec_log(lam_vec x) {
  /* Denormals are scaled into the normal numbers first. */
  lam_mask denormal = vec_less(x, vec_splat(0x1p-126f));
  lam_vec scaled = vec_select(denormal, vec_mul(x, vec_splat(0x1p23f)), x);
  lam_vec shift = vec_select(denormal, vec_splat(-23.0f), vec_zero());
  /* scaled = 2^e m with m in [2/3, 4/3): counting exponents from the bits of 2/3 instead of 1. */
  lam_ints e = ints_and(ints_sub(vec_bits(scaled), ints_splat(0x3f2aaaab)), ints_splat((int32_t)0xff800000));
  lam_vec m = vec_from_bits(ints_sub(vec_bits(scaled), e));
  lam_vec exponent = vec_add(vec_from_ints(ints_from_exponent(e)), shift);
  lam_vec y = vec_log_reduced(vec_sub(m, vec_splat(1.0f)), exponent);
  /* What is left: +inf and NaN stay, 0 gives -inf, below 0 NaN. */
  lam_mask regular = mask_and(vec_less(vec_zero(), x), vec_less(x, vec_splat(INFINITY)));
  lam_vec special = vec_select(vec_equal(x, vec_zero()), vec_splat(-INFINITY), x);
  special = vec_select(vec_less(x, vec_zero()), vec_splat(NAN), special);
  return vec_select(regular, y, special);
}

/* log(1 + x) for x in [0, 1]: above 1/3 as ln 2 + log(1 + (x - 1)/2). */
LAM_INLINE lam_vec vec_log1p_unit(lam_vec x) {
  lam_mask small = vec_less(x, vec_splat(0x1.555556p-2f));
  lam_vec half = vec_mul(vec_sub(x, vec_splat(1.0f)), vec_splat(0.5f));
  return vec_log_reduced(vec_select(small, x, half), vec_select(small, vec_zero(), vec_splat(1.0f)));
}

/* e^-|x| as the sum of two floats, what rounding took from the first being the second. */
typedef struct lam_pair {
  lam_vec high, low;
} lam_pair;

LAM_INLINE lam_pair vec_exp_of_minus_abs(lam_vec x) {
  lam_reduced e = vec_exp_reduced(vec_clamp_low(vec_neg(vec_abs(x))));
  lam_vec high = vec_fma(e.q, e.r, vec_splat(1.0f));
  lam_vec low = vec_fma(e.q, e.r, vec_sub(vec_splat(1.0f), high));
  return (lam_pair){ vec_scale(high, e.n), vec_scale(low, e.n) };
}

/* With e = e^-|x|: 1 / (1 + e) for x >= 0, e / (1 + e) below. The roundings of e and of 1 + e would cost up to 2.4 ULP, so
 * one Newton step puts their remainders back: y + (a - y b) / b, a and b being two floats each. */
LAM_INLINE lam_vec vec_sigmoid_of(lam_vec x, lam_pair e) {
  lam_vec one = vec_splat(1.0f);
  lam_mask negative = vec_less(x, vec_zero());
  lam_vec above = vec_select(negative, e.high, one), above_low = vec_select(negative, e.low, vec_zero());
  lam_vec below = vec_add(one, e.high);
  lam_vec below_low = vec_add(vec_sub(e.high, vec_sub(below, one)), e.low);
  lam_vec inverse = vec_div(one, below);
  lam_vec y = vec_mul(above, inverse);
  lam_vec rest = vec_add(vec_fnma(y, below, above), vec_fnma(y, below_low, above_low));
  return vec_fma(rest, inverse, y);
}

LAM_INLINE lam_vec vec_sigmoid(lam_vec x) { return vec_sigmoid_of(x, vec_exp_of_minus_abs(x)); }

/* Below 9/16 x + x^3 p(x^2); from there 1 - 2 / (e^2|x| + 1), where the subtraction no longer cancels. tanh(10) rounds to 1. */
LAM_INLINE lam_vec vec_tanh(lam_vec x) {
  lam_vec a = vec_abs(x), s = vec_mul(a, a), one = vec_splat(1.0f);
  lam_vec p = vec_splat(-0x1.9454f2p-8f);
  p = vec_fma(p, s, vec_splat(0x1.5811f6p-6f));
  p = vec_fma(p, s, vec_splat(-0x1.b905c4p-5f));
  p = vec_fma(p, s, vec_splat(0x1.110c5ep-3f));
  p = vec_fma(p, s, vec_splat(-0x1.555548p-2f));
  lam_vec near = vec_fma(vec_mul(p, s), a, a);
  lam_vec clamped = vec_min(vec_splat(10.0f), a);
  lam_vec e = vec_exp_inside(vec_add(clamped, clamped));
  lam_vec far = vec_sub(one, vec_div(vec_splat(2.0f), vec_add(e, one)));
  return vec_with_sign(vec_select(vec_less(a, vec_splat(0.5625f)), near, far), x);
}

/* e^x - 1 for x <= 0 or a NaN: 2^n (1 + r q) - 1 = 2^n r q + (2^n - 1), whose last part is exact. From -18 on it is -1. */
LAM_INLINE lam_vec vec_expm1_nonpositive(lam_vec x) {
  lam_vec one = vec_splat(1.0f);
  lam_reduced e = vec_exp_reduced(vec_max(vec_splat(-18.0f), x));
  lam_vec power = vec_scale(one, e.n);
  return vec_fma(power, vec_mul(e.r, e.q), vec_sub(power, one));
}

/* a e^x for x in [-112, 0] and |a| <= 128, rounded to a denormal once and not twice. */
LAM_INLINE lam_vec vec_times_exp(lam_vec a, lam_vec x) {
  lam_reduced e = vec_exp_reduced(x);
  return vec_scale(vec_mul(a, vec_fma(e.q, e.r, vec_splat(1.0f))), e.n);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
LAM_INLINE lam_vec vec_softplus(lam_vec x) {
  return vec_add(vec_max(vec_zero(), x), vec_log1p_unit(vec_exp_of_minus_abs(x).high));
}

/* a - tanh(a) for a >= 0: below 13/16 a^3 p(a^2), from there (a - 1) + 2 / (e^2a + 1). */
LAM_INLINE lam_vec vec_minus_tanh(lam_vec a) {
  lam_vec s = vec_mul(a, a), one = vec_splat(1.0f);
  lam_vec p = vec_splat(0x1.44d792p-11f);
  p = vec_fma(p, s, vec_splat(-0x1.83ff3ap-9f));
  p = vec_fma(p, s, vec_splat(0x1.19e806p-7f));
  p = vec_fma(p, s, vec_splat(-0x1.655f4cp-6f));
  p = vec_fma(p, s, vec_splat(0x1.ba0eccp-5f));
  p = vec_fma(p, s, vec_splat(-0x1.1110fp-3f));
  p = vec_fma(p, s, vec_splat(0x1.555556p-2f));
  lam_vec near = vec_mul(vec_mul(s, p), a), clamped = vec_min(vec_splat(10.0f), a);
  lam_vec e = vec_exp_inside(vec_add(clamped, clamped));
  lam_vec far = vec_add(vec_sub(a, one), vec_div(vec_splat(2.0f), vec_add(e, one)));
  return vec_select(vec_less(a, vec_splat(0.8125f)), near, far);
}

/* The upper tail of the normal distribution, 1 - Phi(a) = 2^n m ratio for a in [0, 15], in parts, so that what is beneath the
 * normal floats is rounded once. ratio = p((a - 3) / (a + 3)) / (a + 3), the smooth rest beside e^(-a^2/2) = 2^n m; that a map
 * of this kind makes it nearly a polynomial is from Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2)
 * erfc(x)", Mathematics of Computation 36 (1981). The square is taken in two floats, or its rounding would be that of e^50. */
typedef struct lam_tail {
  lam_vec n, m, ratio;
} lam_tail;

LAM_INLINE lam_tail vec_normal_tail(lam_vec a) {
  lam_vec half = vec_splat(0.5f), square = vec_mul(a, a);
  lam_vec low = vec_neg(vec_fnma(a, a, square));
  lam_reduced e = vec_exp_reduced(vec_neg(vec_mul(square, half)));
  lam_vec m = vec_fma(e.q, e.r, vec_splat(1.0f));
  m = vec_fnma(m, vec_mul(low, half), m);
  lam_vec inverse = vec_div(vec_splat(1.0f), vec_add(a, vec_splat(3.0f)));
  lam_vec t = vec_mul(vec_sub(a, vec_splat(3.0f)), inverse);
  lam_vec p = vec_splat(0x1.c8cd42p-15f);
  p = vec_fma(p, t, vec_splat(0x1.134254p-13f));
  p = vec_fma(p, t, vec_splat(-0x1.00a4d4p-12f));
  p = vec_fma(p, t, vec_splat(-0x1.0eab82p-10f));
  p = vec_fma(p, t, vec_splat(0x1.0ca418p-10f));
  p = vec_fma(p, t, vec_splat(0x1.c8bd7ep-8f));
  p = vec_fma(p, t, vec_splat(-0x1.56d5fcp-7f));
  p = vec_fma(p, t, vec_splat(-0x1.832d0ap-5f));
  p = vec_fma(p, t, vec_splat(0x1.d71386p-3f));
  p = vec_fma(p, t, vec_splat(-0x1.04c72ap-1f));
  p = vec_fma(p, t, vec_splat(0x1.754a76p-1f));
  return (lam_tail){ e.n, m, vec_mul(p, inverse) };
}

#endif
