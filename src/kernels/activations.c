/* SPDX-License-Identifier: MIT
 *
 * Activations beside relu, sigmoid, tanh and softmax, each with its backward pass: dx = dy f'(x), from y where f' is as good a
 * function of y, else from x. lamina/kernels.h has the formulas. NaNs pass through; clamps keep a product with an infinity from
 * becoming one. Slopes at kinks are those of the flatter side.
 */
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/rows.h"
#include <float.h>

/* ---- from straight pieces ---------------------------------------------------------------------------------------- */

/* A NaN where v is one, else 0. */
LAM_INLINE lam_vec zero_or_nan(lam_vec v) { return vec_select(vec_is_nan(v), v, vec_zero()); }

/* dy where the mask says so, else 0; NaN where v is. */
LAM_INLINE lam_vec pass_where(lam_mask m, lam_vec dy, lam_vec v) { return vec_select(m, dy, zero_or_nan(v)); }

LAM_INLINE lam_mask between(lam_vec x, float low, float high) {
  return mask_and(vec_less(vec_splat(low), x), vec_less(x, vec_splat(high)));
}

LAM_INLINE lam_vec clamp(lam_vec x, float low, float high) { return vec_max(vec_splat(low), vec_min(vec_splat(high), x)); }

/* a: the slope below, b: the maximum, c: the threshold. A slope of 0 times -inf is 0 here. */
LAM_INLINE lam_vec relu_with(lam_vec x, lam_parameters p) {
  lam_vec below = vec_mul(p.a, vec_sub(x, p.c));
  below = vec_select(vec_equal(p.a, vec_zero()), zero_or_nan(x), below);
  return vec_select(vec_less(p.c, x), vec_min(p.b, x), below);
}

LAM_INLINE lam_vec relu_with_slope(lam_vec dy, lam_vec y, lam_parameters p) {
  lam_vec at_most = vec_select(vec_equal(p.b, vec_splat(INFINITY)), dy, vec_zero()); /* no maximum: none is reached */
  lam_vec above = vec_select(vec_less(y, p.b), dy, at_most);
  lam_vec below = vec_select(vec_is_nan(y), y, vec_mul(dy, p.a));
  return vec_select(vec_less(vec_zero(), y), above, below);
}

/* x + 3 is exact near -3, so that small results are as good as large ones. */
LAM_INLINE lam_vec hard_sigmoid(lam_vec x) { return vec_div(clamp(vec_add(x, vec_splat(3.0f)), 0.0f, 6.0f), vec_splat(6.0f)); }
LAM_INLINE lam_vec hard_sigmoid_slope(lam_vec dy, lam_vec y) {
  return pass_where(between(y, 0.0f, 1.0f), vec_mul(dy, vec_splat(0x1.555556p-3f)), y);
}

LAM_INLINE lam_vec hard_silu(lam_vec x) {
  return vec_select(vec_less(vec_splat(-3.0f), x), vec_mul(x, hard_sigmoid(x)), zero_or_nan(x));
}
/* (2x + 3) / 6 */
LAM_INLINE lam_vec hard_silu_slope(lam_vec dy, lam_vec x) {
  lam_vec middle = vec_mul(dy, vec_div(vec_fma(x, vec_splat(2.0f), vec_splat(3.0f)), vec_splat(6.0f)));
  return vec_select(between(x, -3.0f, 3.0f), middle, pass_where(vec_less(vec_zero(), x), dy, x));
}

LAM_INLINE lam_vec hard_tanh(lam_vec x) { return clamp(x, -1.0f, 1.0f); }
LAM_INLINE lam_vec hard_tanh_slope(lam_vec dy, lam_vec y) { return pass_where(between(y, -1.0f, 1.0f), dy, y); }

LAM_INLINE lam_vec hard_shrink(lam_vec x, lam_parameters p) { return pass_where(vec_less(p.a, vec_abs(x)), x, x); }
LAM_INLINE lam_vec soft_shrink(lam_vec x, lam_parameters p) {
  lam_vec above = vec_with_sign(vec_sub(vec_abs(x), p.a), x);
  return pass_where(vec_less(p.a, vec_abs(x)), above, x);
}
LAM_INLINE lam_vec shrink_slope(lam_vec dy, lam_vec y) { return pass_where(vec_less(vec_zero(), vec_abs(y)), dy, y); }

/* a: the threshold, b: the value. */
LAM_INLINE lam_vec threshold(lam_vec x, lam_parameters p) {
  return vec_select(vec_less(p.a, x), x, vec_select(vec_is_nan(x), x, p.b));
}
LAM_INLINE lam_vec threshold_slope(lam_vec dy, lam_vec x, lam_parameters p) { return pass_where(vec_less(p.a, x), dy, x); }

LAM_INLINE lam_vec sparse_sigmoid(lam_vec x) { return vec_mul(clamp(vec_add(x, vec_splat(1.0f)), 0.0f, 2.0f), vec_splat(0.5f)); }
LAM_INLINE lam_vec sparse_sigmoid_slope(lam_vec dy, lam_vec y) {
  return pass_where(between(y, 0.0f, 1.0f), vec_mul(dy, vec_splat(0.5f)), y);
}

LAM_INLINE lam_vec sparse_plus(lam_vec x) {
  lam_vec h = sparse_sigmoid(x);
  return vec_select(vec_less(x, vec_splat(1.0f)), vec_mul(h, h), x);
}
/* y = h^2, whose slope is h. */
LAM_INLINE lam_vec sparse_plus_slope(lam_vec dy, lam_vec y) { return vec_mul(dy, vec_min(vec_splat(1.0f), vec_sqrt(y))); }

/* ---- from roots and quotients ------------------------------------------------------------------------------------ */

/* x = inf is taken as the largest float, whose quotient is 1. */
LAM_INLINE lam_vec softsign(lam_vec x) {
  lam_vec a = vec_min(vec_splat(FLT_MAX), vec_abs(x));
  return vec_with_sign(vec_div(a, vec_add(vec_splat(1.0f), a)), x);
}
/* 1 / (1 + |x|)^2 */
LAM_INLINE lam_vec softsign_slope(lam_vec dy, lam_vec x) {
  lam_vec r = vec_div(vec_splat(1.0f), vec_add(vec_splat(1.0f), vec_abs(x)));
  return vec_mul(dy, vec_mul(r, r));
}

/* (x + s) / 2 with s = sqrt(x^2 + b); below 0, where that cancels, (b/2) / (s - x). Beyond 2^60 s is |x|, whatever b is, and
 * the square would overflow; halves are added because the sum might. */
LAM_INLINE lam_vec squareplus(lam_vec x, lam_parameters p) {
  lam_vec half = vec_splat(0.5f), a = vec_abs(x);
  lam_vec s = vec_select(vec_less(a, vec_splat(0x1p60f)), vec_sqrt(vec_fma(x, x, p.a)), a);
  lam_vec sum = vec_fma(s, half, vec_mul(a, half));
  return vec_select(vec_less(x, vec_zero()), vec_div(vec_mul(p.a, vec_splat(0.25f)), sum), sum);
}
/* y / s, and s = y + (b/4) / y since y (y - x) = b/4: y^2 / (y^2 + b/4). */
LAM_INLINE lam_vec squareplus_slope(lam_vec dy, lam_vec y, lam_parameters p) {
  lam_vec rest = vec_div(vec_mul(p.a, vec_splat(0.25f)), vec_mul(y, y));
  return vec_mul(dy, vec_div(vec_splat(1.0f), vec_add(vec_splat(1.0f), rest)));
}

/* ---- from exponentials ------------------------------------------------------------------------------------------- */

/* a (e^(c x) - 1) below 0, b x above: elu is (alpha, 1, 1), celu (alpha, 1, 1/alpha), selu (scale alpha, scale, 1). */
LAM_INLINE lam_vec elu(lam_vec x, lam_parameters p) {
  lam_vec below = vec_mul(p.a, vec_expm1_nonpositive(vec_min(vec_zero(), vec_mul(x, p.c))));
  return vec_select(vec_less(vec_zero(), x), vec_mul(x, p.b), below);
}
/* a c e^(c x) = c (y + a) */
LAM_INLINE lam_vec elu_slope(lam_vec dy, lam_vec y, lam_parameters p) {
  return vec_mul(dy, vec_select(vec_less(vec_zero(), y), p.b, vec_mul(p.c, vec_add(y, p.a))));
}

/* softplus' = sigmoid(x) = 1 - e^-y. A y that is no result of softplus has the slope 0. */
LAM_INLINE lam_vec softplus_slope(lam_vec dy, lam_vec y) {
  return vec_mul(dy, vec_neg(vec_expm1_nonpositive(vec_min(vec_zero(), vec_neg(y)))));
}
LAM_INLINE lam_vec log_sigmoid(lam_vec x) { return vec_neg(vec_softplus(vec_neg(x))); }
LAM_INLINE lam_vec log_sigmoid_slope(lam_vec dy, lam_vec y) {
  return vec_mul(dy, vec_neg(vec_expm1_nonpositive(vec_min(vec_zero(), y))));
}

/* Below -64 silu and mish are x e^x, and their slopes (1 + x) e^x; from -110 on both are 0. */
LAM_INLINE lam_vec with_tail(lam_vec near, lam_vec factor, lam_vec x) {
  lam_vec clamped = vec_max(vec_splat(-110.0f), vec_min(vec_zero(), x));
  return vec_select(vec_less(x, vec_splat(-64.0f)), vec_times_exp(vec_max(vec_splat(-110.0f), factor), clamped), near);
}

LAM_INLINE lam_vec silu(lam_vec x) { return with_tail(vec_mul(x, vec_sigmoid(x)), x, x); }
/* s (1 + x (1 - s)) with s = sigmoid(x), 1 - s = sigmoid(-x) */
LAM_INLINE lam_vec silu_slope(lam_vec dy, lam_vec x) {
  lam_vec c = clamp(x, -110.0f, 110.0f), one = vec_splat(1.0f);
  lam_pair e = vec_exp_of_minus_abs(c);
  lam_vec slope = vec_mul(vec_sigmoid_of(c, e), vec_fma(c, vec_sigmoid_of(vec_neg(c), e), one));
  return vec_mul(dy, with_tail(slope, vec_add(one, c), x));
}

/* tanh(softplus(x)) = ((1 + E)^2 - 1) / ((1 + E)^2 + 1), E = e^x. In terms of e = e^-|x|: e (e + 2) / (e (e + 2) + 2) below 0,
 * (1 + 2e) / (1 + 2e + 2e^2) above. */
typedef struct lam_mish_parts {
  lam_vec e, tanh, below;
} lam_mish_parts;
LAM_INLINE lam_mish_parts mish_parts(lam_vec x) {
  lam_mask negative = vec_less(x, vec_zero());
  lam_vec two = vec_splat(2.0f), e = vec_exp_of_minus_abs(x).high;
  lam_vec above = vec_select(negative, vec_mul(e, vec_add(e, two)), vec_fma(e, two, vec_splat(1.0f)));
  lam_vec below = vec_add(above, vec_mul(two, vec_select(negative, vec_splat(1.0f), vec_mul(e, e))));
  return (lam_mish_parts){ e, vec_div(above, below), below };
}
LAM_INLINE lam_vec mish(lam_vec x) { return with_tail(vec_mul(x, mish_parts(x).tanh), x, x); }
/* t + x (1 - t^2) sigmoid(x), the last two being 4 e (1 + e) / below^2, with another e above 0. */
LAM_INLINE lam_vec mish_slope(lam_vec dy, lam_vec x) {
  lam_vec c = clamp(x, -110.0f, 110.0f), one = vec_splat(1.0f);
  lam_mish_parts m = mish_parts(c);
  lam_vec e = vec_mul(m.e, vec_select(vec_less(c, vec_zero()), one, m.e));
  lam_vec w = vec_div(vec_mul(vec_mul(vec_splat(4.0f), e), vec_add(one, m.e)), vec_mul(m.below, m.below));
  return vec_mul(dy, with_tail(vec_fma(c, w, m.tanh), vec_add(one, c), x));
}

/* x Phi(x): with u = a (1 - Phi(a)), a = |x|, that is x - u above 0 and -u below. */
LAM_INLINE lam_vec gelu(lam_vec x) {
  lam_vec a = vec_min(vec_splat(15.0f), vec_abs(x));
  lam_tail t = vec_normal_tail(a);
  lam_vec u = vec_scale(vec_mul(vec_mul(a, t.ratio), t.m), t.n);
  return vec_select(vec_less(x, vec_zero()), vec_neg(u), vec_sub(x, u));
}
/* Phi(x) + x phi(x): with v = 1 - Phi(a) - a phi(a), 1 - v above 0 and v below. */
LAM_INLINE lam_vec gelu_slope(lam_vec dy, lam_vec x) {
  lam_vec a = vec_min(vec_splat(15.0f), vec_abs(x));
  lam_tail t = vec_normal_tail(a);
  lam_vec v = vec_scale(vec_mul(vec_fnma(a, vec_splat(0x1.988454p-2f), t.ratio), t.m), t.n); /* 1 / sqrt(2 pi) */
  return vec_mul(dy, vec_select(vec_less(x, vec_zero()), v, vec_sub(vec_splat(1.0f), v)));
}

/* x sigmoid(z), z = x (c1 + c3 x^2), c1 = 2 sqrt(2/pi), c3 = 0.044715 c1; for a = |x|: e^-z = 2^n m, and 1 / (1 + e^-z). z is
 * taken in two floats, its rounding would be that of e^100. */
typedef struct lam_gate {
  lam_vec n, m, inverse;
} lam_gate;
LAM_INLINE lam_gate gelu_gate(lam_vec a) {
  lam_vec c1 = vec_splat(0x1.988454p0f), c3 = vec_splat(0x1.2444f2p-4f), one = vec_splat(1.0f);
  lam_vec square = vec_mul(a, a), square_low = vec_neg(vec_fnma(a, a, square));
  lam_vec product = vec_mul(c3, square), product_low = vec_neg(vec_fnma(c3, square, product));
  lam_vec s = vec_add(c1, product), big = vec_max(c1, product), small = vec_min(c1, product);
  lam_vec low = vec_add(vec_sub(small, vec_sub(s, big)), product_low);
  /* what rounding took from the square, c1 and c3 */
  low = vec_fma(c3, square_low, vec_add(low, vec_fma(square, vec_splat(0x1.49b16ap-29f), vec_splat(-0x1.857936p-25f))));
  lam_vec z = vec_mul(a, s), z_low = vec_fma(a, low, vec_neg(vec_fnma(a, s, z)));
  lam_reduced e = vec_exp_reduced(vec_neg(z));
  lam_vec m = vec_fma(e.q, e.r, one);
  m = vec_fnma(m, z_low, m);
  return (lam_gate){ e.n, m, vec_div(one, vec_add(one, vec_scale(m, e.n))) };
}
LAM_INLINE lam_vec gelu_tanh(lam_vec x) {
  lam_vec a = vec_min(vec_splat(11.0f), vec_abs(x));
  lam_gate g = gelu_gate(a);
  lam_vec u = vec_scale(vec_mul(vec_mul(a, g.inverse), g.m), g.n);
  return vec_select(vec_less(x, vec_zero()), vec_neg(u), vec_sub(x, u));
}
/* s + x s (1 - s) z': with v = e^-z / (1 + e^-z) (1 - a z' / (1 + e^-z)), z' = c1 + 3 c3 a^2, 1 - v above 0 and v below. */
LAM_INLINE lam_vec gelu_tanh_slope(lam_vec dy, lam_vec x) {
  lam_vec a = vec_min(vec_splat(11.0f), vec_abs(x)), one = vec_splat(1.0f);
  lam_gate g = gelu_gate(a);
  lam_vec slope = vec_fma(vec_mul(a, a), vec_splat(0x1.b6676cp-3f), vec_splat(0x1.988454p0f));
  lam_vec bracket = vec_fnma(vec_mul(a, slope), g.inverse, one);
  lam_vec v = vec_scale(vec_mul(vec_mul(bracket, g.inverse), g.m), g.n);
  return vec_mul(dy, vec_select(vec_less(x, vec_zero()), v, vec_sub(one, v)));
}

LAM_INLINE lam_vec tanh_shrink(lam_vec x) { return vec_with_sign(vec_minus_tanh(vec_abs(x)), x); }
/* 1 - tanh' = tanh^2 */
LAM_INLINE lam_vec tanh_shrink_slope(lam_vec dy, lam_vec x) {
  lam_vec t = vec_tanh(x);
  return vec_mul(dy, vec_mul(t, t));
}

/* ---- the kernels ------------------------------------------------------------------------------------------------- */

#define LAM_PLAIN(name, f, slope)                                                                                                \
  void LAM_KERNEL(name) LAM_UNARY_ARGUMENTS { map_unary(f, y, ldy, x, ldx, rows, columns); }                                     \
  void LAM_PASTE(name##_backward, LAM_ISA) LAM_BACKWARD_ARGUMENTS {                                                              \
    map_binary(slope, dx, lddx, dy, lddy, y, ldy, rows, columns);                                                                \
  }
LAM_PLAIN(hard_sigmoid, hard_sigmoid, hard_sigmoid_slope)
LAM_PLAIN(hard_silu, hard_silu, hard_silu_slope)
LAM_PLAIN(hard_tanh, hard_tanh, hard_tanh_slope)
LAM_PLAIN(softplus, vec_softplus, softplus_slope)
LAM_PLAIN(log_sigmoid, log_sigmoid, log_sigmoid_slope)
LAM_PLAIN(softsign, softsign, softsign_slope)
LAM_PLAIN(silu, silu, silu_slope)
LAM_PLAIN(mish, mish, mish_slope)
LAM_PLAIN(gelu, gelu, gelu_slope)
LAM_PLAIN(gelu_tanh, gelu_tanh, gelu_tanh_slope)
LAM_PLAIN(tanh_shrink, tanh_shrink, tanh_shrink_slope)
LAM_PLAIN(sparse_plus, sparse_plus, sparse_plus_slope)
LAM_PLAIN(sparse_sigmoid, sparse_sigmoid, sparse_sigmoid_slope)

#define LAM_WITH(name, f, slope)                                                                                                 \
  void LAM_KERNEL(name) LAM_UNARY_WITH_ARGUMENTS { map_unary_with(f, y, ldy, x, ldx, p, rows, columns); }                        \
  void LAM_PASTE(name##_backward, LAM_ISA) LAM_BACKWARD_WITH_ARGUMENTS {                                                         \
    map_binary_with(slope, dx, lddx, dy, lddy, y, ldy, p, rows, columns);                                                        \
  }
LAM_WITH(relu_with, relu_with, relu_with_slope)
LAM_WITH(elu, elu, elu_slope)
LAM_WITH(threshold, threshold, threshold_slope)
LAM_WITH(squareplus, squareplus, squareplus_slope)

void LAM_KERNEL(hard_shrink) LAM_UNARY_WITH_ARGUMENTS { map_unary_with(hard_shrink, y, ldy, x, ldx, p, rows, columns); }
void LAM_KERNEL(soft_shrink) LAM_UNARY_WITH_ARGUMENTS { map_unary_with(soft_shrink, y, ldy, x, ldx, p, rows, columns); }
void LAM_KERNEL(shrink_backward) LAM_BACKWARD_ARGUMENTS { map_binary(shrink_slope, dx, lddx, dy, lddy, y, ldy, rows, columns); }

/* ---- sparsemax --------------------------------------------------------------------------------------------------- */

/* One Newton step for sum_j max(z_j - tau, 0) = 1, z = x - m: the mean of the z above tau, less 1 / their number. A NaN counts.
 */
LAM_INLINE float sparsemax_step(const float *x, lam_vec m, float tau, size_t columns) {
  size_t full = row_full(columns);
  lam_vec limit = vec_splat(tau), one = vec_splat(1.0f), sum = vec_zero(), count = vec_zero();
  for (size_t j = 0; j < columns; j += LAM_LANES) {
    lam_vec x_j = j < full ? vec_load(x + j) : vec_load_n_or(x + j, columns - j, vec_splat(-INFINITY));
    lam_vec z = vec_sub(x_j, m);
    lam_mask above = vec_less(limit, z);
    sum = vec_add(sum, pass_where(above, z, z));
    count = vec_add(count, vec_select(above, one, vec_zero()));
  }
  return (vec_sum(sum) - 1.0f) / vec_sum(count);
}

/* max(x - m - tau, 0). Newton's iteration starts below the root, at -1, and climbs to it in finitely many steps, because the
 * sum is convex and piecewise linear in tau. Source: Martins, Astudillo, "From softmax to sparsemax", ICML 2016; the iteration is
 * Michelot's, "A finite algorithm for finding the projection of a point onto the canonical simplex", JOTA 50 (1986). */
void LAM_KERNEL(sparsemax) LAM_UNARY_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, y += ldy, x += ldx) {
    lam_vec m = vec_splat(row_max(x, columns));
    float tau = -1.0f, next = sparsemax_step(x, m, tau, columns);
    while (next > tau) tau = next, next = sparsemax_step(x, m, tau, columns);
    lam_vec limit = vec_splat(next < tau ? tau : next);
    for (size_t j = 0; j < full; j += LAM_LANES)
      vec_store(y + j, vec_max(vec_zero(), vec_sub(vec_sub(vec_load(x + j), m), limit)));
    vec_store_n(y + full, vec_max(vec_zero(), vec_sub(vec_sub(vec_load_n(x + full, rest), m), limit)), rest);
  }
}

/* dy less its mean over the y that are not 0, there; 0 elsewhere. */
void LAM_KERNEL(sparsemax_backward) LAM_BACKWARD_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  lam_vec one = vec_splat(1.0f);
  for (; rows; --rows, dx += lddx, dy += lddy, y += ldy) {
    lam_vec sum = vec_zero(), count = vec_zero();
    for (size_t j = 0; j < full; j += LAM_LANES) {
      lam_vec y_j = vec_load(y + j);
      sum = vec_add(sum, shrink_slope(vec_load(dy + j), y_j));
      count = vec_add(count, shrink_slope(one, y_j));
    }
    lam_vec y_tail = vec_load_n(y + full, rest), dy_tail = vec_load_n(dy + full, rest);
    sum = vec_add(sum, shrink_slope(dy_tail, y_tail));
    count = vec_add(count, shrink_slope(one, y_tail));
    lam_vec mean = vec_splat(vec_sum(sum) / vec_sum(count));
    for (size_t j = 0; j < full; j += LAM_LANES)
      vec_store(dx + j, shrink_slope(vec_sub(vec_load(dy + j), mean), vec_load(y + j)));
    vec_store_n(dx + full, shrink_slope(vec_sub(dy_tail, mean), y_tail), rest);
  }
}
