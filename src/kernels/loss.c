/* SPDX-License-Identifier: MIT
 *
 * Losses whose inputs are logits or plain numbers: value and gradient of a row together. Sums run in 16 lanes, the tail last,
 * lanes beyond it adding 0. A factor of 0 (a target that is not there) makes a product 0 even where the other factor is infinite.
 */
#include "kernels/level.h"
#include "kernels/loss_terms.h"
#include "kernels/narrow.h"

/* Each row's loss is finished 16 rows at a time, so that one vector of logarithms serves 16 rows. */
typedef struct lam_finish {
  float sum[LAM_LANES], factor[LAM_LANES], rest[LAM_LANES];
} lam_finish;

/* loss = factor log(sum) + rest for n rows. */
LAM_INLINE void finish_rows(float *loss, const lam_finish *f, size_t n) {
  lam_vec logarithm = vec_log(vec_load_n_or(f->sum, n, vec_splat(1.0f)));
  vec_store_n(loss, vec_fma(vec_load_n(f->factor, n), logarithm, vec_load_n(f->rest, n)), n);
}

/* 1 in the lane of the label, where it is among columns j to j + 15. */
LAM_INLINE lam_vec one_hot(size_t label, size_t j) {
  static const float numbers[LAM_LANES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
  lam_mask here = vec_equal(vec_load(numbers), vec_splat((float)((int64_t)label - (int64_t)j)));
  return vec_select(here, vec_splat(1.0f), vec_zero());
}

/* scale (e / sum - onehot), e being in dx already but for the tail. */
LAM_INLINE void sparse_gradient(float *dx, lam_vec tail, float sum, size_t label, float scale, size_t columns) {
  size_t full = row_full(columns);
  lam_vec inverse = vec_div(vec_splat(1.0f), vec_splat(sum)), s = vec_splat(scale);
  for (size_t j = 0; j < full; j += LAM_LANES) {
    vec_store(dx + j, vec_mul(s, vec_sub(vec_mul(vec_load(dx + j), inverse), one_hot(label, j))));
  }
  vec_store_n(dx + full, vec_mul(s, vec_sub(vec_mul(tail, inverse), one_hot(label, full))), columns - full);
}

/* The same of sixteen narrow rows. */
LAM_INLINE void narrow_sparse(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const int32_t *labels, float scale,
                              size_t columns) {
  lam_narrow v;
  LAM_KERNEL(narrow_load)(&v, x, ldx, columns);
  lam_vec label = vec_from_ints(ints_load(labels)), one = vec_splat(1.0f), own = vec_zero(), number = vec_zero();
  for (size_t j = 0; j < columns; ++j, number = vec_add(number, one))
    own = vec_select(vec_equal(label, number), narrow_column(&v, j), own);
  lam_vec max = narrow_max(&v, columns), sum = narrow_exp(&v, max, columns);
  if (loss) vec_store(loss, vec_add(vec_log(sum), vec_sub(max, own)));
  if (!dx) return;
  lam_vec inverse = vec_div(one, sum);
  number = vec_zero();
  for (size_t j = 0; j < columns; ++j, number = vec_add(number, one)) {
    lam_vec hot = vec_select(vec_equal(label, number), one, vec_zero());
    narrow_set(&v, j, vec_mul(vec_splat(scale), vec_sub(vec_mul(narrow_column(&v, j), inverse), hot)));
  }
  LAM_KERNEL(narrow_store)(dx, lddx, &v, columns);
}

void LAM_KERNEL(softmax_sparse_crossentropy) LAM_SPARSE_LOSS_ARGUMENTS {
  lam_finish f;
  for (; narrow_next(rows, columns); rows -= LAM_LANES, x += LAM_LANES * ldx, labels += LAM_LANES) {
    narrow_sparse(loss, dx, lddx, x, ldx, labels, scale, columns);
    if (loss) loss += LAM_LANES;
    if (dx) dx += LAM_LANES * lddx;
  }
  for (size_t i = 0; i < rows; ++i, x += ldx) {
    size_t label = (size_t)labels[i], slot = i % LAM_LANES;
    float m = row_max(x, columns);
    f.factor[slot] = 1.0f;
    f.rest[slot] = m - x[label];
    if (dx) {
      lam_vec tail = row_exp(dx, x, m, columns, &f.sum[slot]);
      sparse_gradient(dx, tail, f.sum[slot], label, scale, columns);
      dx += lddx;
    } else {
      f.sum[slot] = row_exp_sum(x, m, columns);
    }
    if (loss && (slot == LAM_LANES - 1 || i == rows - 1)) finish_rows(loss + i - slot, &f, slot + 1);
  }
}

/* The sums over a row that dense targets need: of e^(x - m), of t, and of t (m - x). */
typedef struct lam_dense_sums {
  lam_vec e, t, distance;
} lam_dense_sums;

LAM_INLINE lam_vec dense_step(lam_dense_sums *s, lam_vec x, lam_vec t, lam_vec max) {
  lam_vec e = vec_exp_nonpositive(vec_sub(x, max));
  s->e = vec_add(s->e, e);
  s->t = vec_add(s->t, t);
  s->distance = vec_add(s->distance, times_or_zero(t, vec_sub(max, x)));
  return e;
}

/* The same of sixteen narrow rows. Sums begin at 0, which makes 0 of a target of -0. */
LAM_INLINE void narrow_dense(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                             float scale, size_t columns) {
  lam_narrow v, target, part;
  LAM_KERNEL(narrow_load)(&v, x, ldx, columns);
  LAM_KERNEL(narrow_load)(&target, t, ldt, columns);
  lam_vec max = narrow_max(&v, columns), zero = vec_zero();
  for (size_t j = 0; j < columns; ++j)
    narrow_set(&part, j, vec_add(zero, times_or_zero(narrow_column(&target, j), vec_sub(max, narrow_column(&v, j)))));
  lam_vec distance = narrow_sum(&part, columns), sum = narrow_exp(&v, max, columns);
  for (size_t j = 0; j < columns; ++j) narrow_set(&part, j, vec_add(zero, narrow_column(&target, j)));
  lam_vec all = narrow_sum(&part, columns);
  if (loss) vec_store(loss, vec_fma(all, vec_log(sum), distance));
  if (!dx) return;
  lam_vec inverse = vec_mul(vec_div(vec_splat(1.0f), sum), all);
  for (size_t j = 0; j < columns; ++j)
    narrow_set(&v, j, vec_mul(vec_splat(scale), vec_sub(vec_mul(narrow_column(&v, j), inverse), narrow_column(&target, j))));
  LAM_KERNEL(narrow_store)(dx, lddx, &v, columns);
}

/* loss = sum_j t_j (log sum + m - x_j) = sum(t) log sum + sum_j t_j (m - x_j). */
void LAM_KERNEL(softmax_crossentropy) LAM_DENSE_LOSS_ARGUMENTS {
  for (; narrow_next(rows, columns); rows -= LAM_LANES, x += LAM_LANES * ldx, t += LAM_LANES * ldt) {
    narrow_dense(loss, dx, lddx, x, ldx, t, ldt, scale, columns);
    if (loss) loss += LAM_LANES;
    if (dx) dx += LAM_LANES * lddx;
  }
  size_t full = row_full(columns), rest = columns - full;
  lam_vec factor = vec_splat(scale);
  lam_finish f;
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    size_t slot = i % LAM_LANES;
    lam_vec max = vec_splat(row_max(x, columns));
    lam_dense_sums s = { vec_zero(), vec_zero(), vec_zero() };
    for (size_t j = 0; j < full; j += LAM_LANES) {
      lam_vec e = dense_step(&s, vec_load(x + j), vec_load(t + j), max);
      if (dx) vec_store(dx + j, e);
    }
    lam_vec t_tail = vec_load_n(t + full, rest);
    lam_vec tail = dense_step(&s, vec_load_n_or(x + full, rest, vec_splat(-INFINITY)), t_tail, max);
    f.sum[slot] = vec_sum(s.e);
    f.factor[slot] = vec_sum(s.t);
    f.rest[slot] = vec_sum(s.distance);
    if (dx) {
      lam_vec inverse = vec_mul(vec_div(vec_splat(1.0f), vec_splat(f.sum[slot])), vec_splat(f.factor[slot]));
      for (size_t j = 0; j < full; j += LAM_LANES) {
        vec_store(dx + j, vec_mul(factor, vec_sub(vec_mul(vec_load(dx + j), inverse), vec_load(t + j))));
      }
      vec_store_n(dx + full, vec_mul(factor, vec_sub(vec_mul(tail, inverse), t_tail)), rest);
      dx += lddx;
    }
    if (loss && (slot == LAM_LANES - 1 || i == rows - 1)) finish_rows(loss + i - slot, &f, slot + 1);
  }
}

void LAM_KERNEL(sigmoid_binary_crossentropy) LAM_DENSE_LOSS_ARGUMENTS {
  size_t full = row_full(columns), rest = columns - full;
  lam_vec factor = vec_splat(scale / (float)columns);
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec sum = vec_zero();
    for (size_t j = 0; j < full; j += LAM_LANES) {
      lam_vec logit = vec_load(x + j), target = vec_load(t + j);
      lam_pair e = vec_exp_of_minus_abs(logit);
      if (loss) sum = vec_add(sum, sigmoid_loss(logit, target, e));
      if (dx) vec_store(dx + j, vec_mul(factor, vec_sub(vec_sigmoid_of(logit, e), target)));
    }
    lam_vec logit = vec_load_n(x + full, rest), target = vec_load_n(t + full, rest);
    lam_pair e = vec_exp_of_minus_abs(logit);
    lam_vec last = sigmoid_loss(logit, target, e);
    if (loss) loss[i] = vec_sum(vec_add(sum, vec_select(mask_first(rest), last, vec_zero()))) / (float)columns;
    if (!dx) continue;
    vec_store_n(dx + full, vec_mul(factor, vec_sub(vec_sigmoid_of(logit, e), target)), rest);
    dx += lddx;
  }
}

void LAM_KERNEL(squared_error)(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                               float factor, float scale, size_t rows, size_t columns) {
  size_t full = row_full(columns), rest = columns - full;
  lam_vec slope = vec_splat(2.0f * factor * scale);
  for (size_t i = 0; i < rows; ++i, x += ldx, t += ldt) {
    lam_vec sum = vec_zero();
    for (size_t j = 0; j < full; j += LAM_LANES) {
      lam_vec d = vec_sub(vec_load(x + j), vec_load(t + j));
      sum = vec_fma(d, d, sum);
      if (dx) vec_store(dx + j, vec_mul(slope, d));
    }
    lam_vec d = vec_sub(vec_load_n(x + full, rest), vec_load_n(t + full, rest));
    if (loss) loss[i] = factor * vec_sum(vec_fma(d, d, sum));
    if (!dx) continue;
    vec_store_n(dx + full, vec_mul(slope, d), rest);
    dx += lddx;
  }
}
