/* SPDX-License-Identifier: MIT
 *
 * Focal cross-entropies: terms of a cross-entropy, each times q^gamma, q being the share that goes to the other classes. Source:
 * Lin et al., "Focal loss for dense object detection", ICCV 2017.
 */
#include "kernels/level.h"
#include "kernels/loss_terms.h"

/* q^gamma for q in [0, 1]. */
LAM_INLINE lam_vec focus(lam_vec q, float gamma) {
  if (gamma == 0.0f) return vec_select(vec_is_nan(q), q, vec_splat(1.0f));
  if (gamma == 1.0f) return q;
  if (gamma == 2.0f) return vec_mul(q, q);
  return vec_exp(vec_mul(vec_splat(gamma), vec_log(q)));
}

/* With f = w q^gamma b: f' = w q^gamma (gamma b q'/q + b'), w being p[1] for the target 1 and p[2] for 0. */
LAM_INLINE lam_term focal_term(lam_vec q, lam_vec q_slope, lam_vec b, lam_vec b_slope, lam_vec t, const float *p) {
  lam_vec other = vec_sub(vec_splat(1.0f), t);
  lam_vec weight = vec_mul(vec_fma(t, vec_splat(p[1]), vec_mul(other, vec_splat(p[2]))), focus(q, p[0]));
  lam_vec ratio = vec_select(vec_equal(q, vec_zero()), vec_zero(), vec_div(q_slope, q));
  lam_vec slope = vec_fma(vec_splat(p[0]), times_or_zero(ratio, b), b_slope);
  return (lam_term){ times_or_zero(weight, b), times_or_zero(weight, slope) };
}

LAM_INLINE lam_term binary_term(lam_vec x, lam_vec t, const float *p) {
  lam_vec one = vec_splat(1.0f), other = vec_sub(one, t);
  lam_vec q = vec_fma(t, vec_sub(one, x), vec_mul(other, x));
  return focal_term(q, vec_sub(other, t), binary_loss(x, t), binary_slope(x, t), t, p);
}
void LAM_KERNEL(binary_focal_crossentropy) LAM_DENSE_LOSS_WITH_ARGUMENTS {
  each_term(binary_term, loss, dx, lddx, x, ldx, t, ldt, p, (float)columns, scale, rows, columns);
}

LAM_INLINE lam_term sigmoid_term(lam_vec x, lam_vec t, const float *p) {
  lam_pair e = vec_exp_of_minus_abs(x);
  lam_vec y = vec_sigmoid_of(x, e), rest = vec_sigmoid_of(vec_neg(x), e), other = vec_sub(vec_splat(1.0f), t);
  lam_vec q = vec_fma(t, rest, vec_mul(other, y)), q_slope = vec_mul(vec_sub(other, t), vec_mul(y, rest));
  return focal_term(q, q_slope, sigmoid_loss(x, t, e), vec_sub(y, t), t, p);
}
void LAM_KERNEL(sigmoid_binary_focal_crossentropy) LAM_DENSE_LOSS_WITH_ARGUMENTS {
  each_term(sigmoid_term, loss, dx, lddx, x, ldx, t, ldt, p, (float)columns, scale, rows, columns);
}

/* One class with probability y and its logarithm: f = -t (1 - y)^gamma log y, and y f' = t (1 - y)^gamma (gamma y log y / (1 - y)
 * - 1), where y log y / (1 - y) goes to -1 with y to 1. */
typedef struct lam_class_term {
  lam_vec value, slope;
} lam_class_term;

LAM_INLINE lam_class_term class_term(lam_vec y, lam_vec log_y, lam_vec t, float gamma) {
  lam_vec one = vec_splat(1.0f), q = vec_sub(one, y), weight = vec_mul(t, focus(q, gamma));
  lam_vec ratio = vec_div(times_or_zero(y, log_y), q);
  ratio = vec_select(vec_equal(q, vec_zero()), vec_splat(-1.0f), ratio);
  return (lam_class_term){ times_or_zero(weight, vec_neg(log_y)),
                           vec_mul(weight, vec_sub(vec_mul(vec_splat(gamma), ratio), one)) };
}

/* loss = alpha sum_j f_j; d/dx_k = alpha (h_k - y_k sum_j h_j) with h = y f'. p: gamma, alpha. */
void LAM_KERNEL(softmax_focal_crossentropy) LAM_DENSE_LOSS_WITH_ARGUMENTS {
  lam_vec factor = vec_splat(scale * p[1]);
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    float most = row_max(x, columns), total = row_exp_sum(x, most, columns);
    lam_vec max = vec_splat(most), inverse = vec_div(vec_splat(1.0f), vec_splat(total)), log_total = vec_log(vec_splat(total));
    lam_vec value = vec_zero(), slopes = vec_zero();
    for (int pass = 0; pass < (dx ? 2 : 1); ++pass) {
      lam_vec all = vec_splat(vec_sum(slopes));
      for (size_t j = 0; j < columns; j += LAM_LANES) {
        size_t n = chunk_at(j, columns);
        lam_vec below = vec_sub(vec_load_n_or(x + j, n, vec_splat(-INFINITY)), max),
                y = vec_mul(vec_exp_nonpositive(below), inverse);
        lam_class_term c = class_term(y, vec_sub(below, log_total), load_chunk(t + j, n), p[0]);
        if (pass) {
          store_chunk(dx + j, vec_mul(factor, vec_fnma(y, all, c.slope)), n);
        } else {
          value = vec_add(value, keep_first(c.value, n));
          slopes = vec_add(slopes, keep_first(c.slope, n));
        }
      }
    }
    if (loss) loss[i] = p[1] * vec_sum(value);
    if (dx) dx += lddx;
  }
}

/* The same from probabilities, as o = clip(x / sum x): d/dx_k = alpha (g_k - sum_j g_j o_j) / sum x, with g = f' or 0 where the
 * clip acts. g_k is h_k / o_k. */
void LAM_KERNEL(focal_crossentropy) LAM_DENSE_LOSS_WITH_ARGUMENTS {
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec sum = vec_zero(), value = vec_zero(), slopes = vec_zero();
    for (size_t j = 0; j < columns; j += LAM_LANES) sum = vec_add(sum, load_chunk(x + j, chunk_at(j, columns)));
    lam_vec total = vec_splat(vec_sum(sum)), factor = vec_div(vec_splat(scale * p[1]), total);
    for (int pass = 0; pass < (dx ? 2 : 1); ++pass) {
      lam_vec all = vec_splat(vec_sum(slopes));
      for (size_t j = 0; j < columns; j += LAM_LANES) {
        size_t n = chunk_at(j, columns);
        lam_vec share = vec_div(load_chunk(x + j, n), total), y = clip(share);
        lam_class_term c = class_term(y, vec_log(y), load_chunk(t + j, n), p[0]);
        lam_vec h = unless_clipped(share, c.slope);
        if (pass) {
          store_chunk(dx + j, vec_mul(factor, vec_sub(vec_div(h, y), all)), n);
        } else {
          value = vec_add(value, keep_first(c.value, n));
          slopes = vec_add(slopes, keep_first(h, n));
        }
      }
    }
    if (loss) loss[i] = p[1] * vec_sum(value);
    if (dx) dx += lddx;
  }
}
