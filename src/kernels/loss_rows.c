/* SPDX-License-Identifier: MIT
 *
 * Losses of whole rows: the categorical hinge, and the sums and combinations that cosine similarity, Tversky and Dice are made
 * of.
 */
#include "kernels/level.h"
#include "kernels/loss_terms.h"

/* (1 - t) x, whose maximum counts; columns that are not there have the least. */
LAM_INLINE lam_vec rival(const float *x, const float *t, size_t n) {
  lam_vec other = vec_sub(vec_splat(1.0f), load_chunk(t, n));
  return vec_select(mask_first(n), times_or_zero(other, load_chunk(x, n)), vec_splat(-INFINITY));
}

/* loss = max(max_j (1 - t_j) x_j - sum_j t_j x_j + 1, 0). Rivals that tie share the slope. */
void LAM_KERNEL(categorical_hinge) LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec most = vec_splat(-INFINITY), own = vec_zero(), ties = vec_zero(), nan = vec_zero(), one = vec_splat(1.0f);
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = chunk_at(j, columns);
      lam_vec r = rival(x + j, t + j, n);
      most = vec_max(r, most);
      nan = vec_select(vec_is_nan(r), r, nan);
      own = vec_add(own, times_or_zero(load_chunk(t + j, n), load_chunk(x + j, n)));
    }
    lam_vec top = vec_splat(vec_max_lane(most));
    float value = vec_max_lane(most) - vec_sum(own) + 1.0f + vec_sum(nan);
    float cost = value < 0.0f ? 0.0f : value;
    if (loss) loss[i] = cost;
    if (!dx) continue;
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      lam_mask tie = vec_equal(rival(x + j, t + j, chunk_at(j, columns)), top);
      ties = vec_add(ties, vec_select(tie, one, vec_zero()));
    }
    float slope = value >= 0.0f ? scale : value < 0.0f ? 0.0f : value;
    lam_vec share = vec_div(one, vec_splat(vec_sum(ties))), factor = vec_splat(slope);
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = chunk_at(j, columns);
      lam_vec target = load_chunk(t + j, n);
      lam_vec gain = vec_select(vec_equal(rival(x + j, t + j, n), top), vec_mul(share, vec_sub(one, target)), vec_zero());
      lam_vec d = vec_sub(gain, target);
      store_chunk(dx + j, vec_select(vec_equal(factor, vec_zero()), vec_zero(), vec_mul(factor, d)), n);
    }
    dx += lddx;
  }
}

/* For each row the sums of x t, x x, t t, x and t. */
void LAM_KERNEL(pair_sums)(float *sums, const float *x, size_t ldx, const float *t, size_t ldt, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt, sums += 5) {
    lam_vec xt = vec_zero(), xx = vec_zero(), tt = vec_zero(), sum_x = vec_zero(), sum_t = vec_zero();
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = chunk_at(j, columns);
      lam_vec a = load_chunk(x + j, n), b = load_chunk(t + j, n);
      xt = vec_fma(a, b, xt);
      xx = vec_fma(a, a, xx);
      tt = vec_fma(b, b, tt);
      sum_x = vec_add(sum_x, a);
      sum_t = vec_add(sum_t, b);
    }
    sums[0] = vec_sum(xt);
    sums[1] = vec_sum(xx);
    sums[2] = vec_sum(tt);
    sums[3] = vec_sum(sum_x);
    sums[4] = vec_sum(sum_t);
  }
}

/* dx = a x + b t + c with three numbers for each row; a factor of 0 leaves its part out. */
void LAM_KERNEL(pair_combine)(float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                              const float *factors, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i, dx += lddx, x += ldx, t += ldt, factors += 3) {
    lam_vec a = vec_splat(factors[0]), b = vec_splat(factors[1]), c = vec_splat(factors[2]);
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = chunk_at(j, columns);
      lam_vec part = vec_fma(b, load_chunk(t + j, n), c), v = load_chunk(x + j, n);
      store_chunk(dx + j, vec_select(vec_equal(a, vec_zero()), part, vec_fma(a, v, part)), n);
    }
  }
}
