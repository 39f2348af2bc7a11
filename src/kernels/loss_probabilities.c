/* SPDX-License-Identifier: MIT
 *
 * Cross-entropies of probabilities. They are clipped to [1e-7, 1 - 1e-7], and where the clip acts the gradient is 0. Sums run in
 * 16 lanes, the tail last, lanes beyond it adding 0.
 */
#include "kernels/level.h"
#include "kernels/loss_terms.h"

/* Two logarithms of a row at once. */
LAM_INLINE void log_two(float *a, float *b) {
  float lanes[LAM_LANES] = { *a, *b };
  vec_store(lanes, vec_log(vec_load(lanes)));
  *a = lanes[0];
  *b = lanes[1];
}

/* loss = log(sum_j clip(p_j)) - log(clip(p_label)); d/dp_j = 1 / sum - (j = label) / p_label. */
void LAM_KERNEL(sparse_crossentropy) LAM_SPARSE_LOSS_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  for (size_t i = 0; i < rows; ++i, x += ldx) {
    float p = x[labels[i]], clipped[LAM_LANES], slope[LAM_LANES];
    lam_vec sum = vec_zero();
    for (size_t j = 0; j < full; j += LAM_LANES) sum = vec_add(sum, clip(vec_load(x + j)));
    float total = vec_sum(vec_add(sum, keep_first(clip(vec_load_n(x + full, rest)), rest)));
    vec_store(clipped, clip(vec_splat(p)));
    if (loss) {
      float log_total = total, log_p = clipped[0];
      log_two(&log_total, &log_p);
      loss[i] = log_total - log_p;
    }
    if (!dx) continue;
    lam_vec each = vec_splat(scale / total);
    vec_store(slope, unless_clipped(vec_splat(p), vec_splat(scale * (1.0f / total - 1.0f / p))));
    for (size_t j = 0; j < full; j += LAM_LANES) vec_store(dx + j, unless_clipped(vec_load(x + j), each));
    vec_store_n(dx + full, unless_clipped(vec_load_n(x + full, rest), each), rest);
    dx[labels[i]] = slope[0];
    dx += lddx;
  }
}

/* With q = p / sum(p): loss = -sum_j t_j log(clip(q_j)). Let a_j be t_j, or 0 where the clip acts on q_j; then
 * d/dp_k = sum_j a_j / sum(p) - a_k / p_k. */
void LAM_KERNEL(crossentropy) LAM_DENSE_LOSS_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec p_tail = vec_load_n(x + full, rest), t_tail = vec_load_n(t + full, rest);
    lam_vec sum = vec_zero(), value = vec_zero(), active = vec_zero(), s = vec_splat(scale);
    for (size_t j = 0; j < full; j += LAM_LANES) sum = vec_add(sum, vec_load(x + j));
    lam_vec total = vec_splat(vec_sum(vec_add(sum, p_tail)));
    for (size_t j = 0; j < full; j += LAM_LANES) {
      lam_vec q = vec_div(vec_load(x + j), total), target = vec_load(t + j);
      value = vec_fnma(target, vec_log(clip(q)), value);
      active = vec_add(active, unless_clipped(q, target));
    }
    lam_vec q_tail = vec_div(p_tail, total), a_tail = keep_first(unless_clipped(q_tail, t_tail), rest);
    value = vec_add(value, keep_first(vec_neg(vec_mul(t_tail, vec_log(clip(q_tail)))), rest));
    if (loss) loss[i] = vec_sum(value);
    if (!dx) continue;
    lam_vec common = vec_div(vec_splat(vec_sum(vec_add(active, a_tail))), total);
    for (size_t j = 0; j < full; j += LAM_LANES) {
      lam_vec p = vec_load(x + j), a = unless_clipped(vec_div(p, total), vec_load(t + j));
      vec_store(dx + j, vec_mul(s, vec_sub(common, vec_select(vec_equal(a, vec_zero()), a, vec_div(a, p)))));
    }
    a_tail = vec_select(vec_equal(a_tail, vec_zero()), a_tail, vec_div(a_tail, p_tail));
    vec_store_n(dx + full, vec_mul(s, vec_sub(common, a_tail)), rest);
    dx += lddx;
  }
}

void LAM_KERNEL(binary_crossentropy) LAM_DENSE_LOSS_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  lam_vec factor = vec_splat(scale / (float)columns);
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec sum = vec_zero(), p_tail = vec_load_n(x + full, rest), t_tail = vec_load_n(t + full, rest);
    if (loss) {
      for (size_t j = 0; j < full; j += LAM_LANES) sum = vec_add(sum, binary_loss(vec_load(x + j), vec_load(t + j)));
      loss[i] = vec_sum(vec_add(sum, keep_first(binary_loss(p_tail, t_tail), rest))) / (float)columns;
    }
    if (!dx) continue;
    for (size_t j = 0; j < full; j += LAM_LANES) {
      vec_store(dx + j, vec_mul(factor, binary_slope(vec_load(x + j), vec_load(t + j))));
    }
    vec_store_n(dx + full, vec_mul(factor, binary_slope(p_tail, t_tail)), rest);
    dx += lddx;
  }
}
