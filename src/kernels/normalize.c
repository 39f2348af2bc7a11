/* SPDX-License-Identifier: MIT
 *
 * Kernels of the normalizations: moments of columns (batch normalization) and of rows (layer normalization), y = (x - mean) *
 * gamma / sqrt(variance + epsilon) + beta, and its backward pass. A mean is first a sum divided by its number, then moved by the
 * mean of what it misses, so that a mean far from 0 costs no digits of the variance.
 */
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/rows.h"

/* A vector of `n` lanes of p, or `otherwise` in each where p is NULL. */
LAM_INLINE lam_vec load_or(const float *p, size_t j, size_t n, float otherwise) {
  return p ? vec_load_n(p + j, n) : vec_splat(otherwise);
}

LAM_INLINE lam_vec inverse_root(lam_vec variance, float epsilon) {
  return vec_div(vec_splat(1.0f), vec_sqrt(vec_add(variance, vec_splat(epsilon))));
}

/* ---- columns ------------------------------------------------------------------------------------------------------ */

/* A sum that carries what its additions lose. Source: Kahan, "Further remarks on reducing truncation errors", CACM 8, 1965. */
typedef struct lam_long_sum {
  lam_vec sum, lost;
} lam_long_sum;

/* Adds a b. */
LAM_INLINE lam_long_sum long_sum_add(lam_long_sum s, lam_vec a, lam_vec b) {
  lam_vec term = vec_fma(a, b, vec_neg(s.lost)), sum = vec_add(s.sum, term);
  return (lam_long_sum){ sum, vec_sub(vec_sub(sum, s.sum), term) };
}

void LAM_KERNEL(column_moments)(float *mean, float *variance, const float *x, size_t ldx, size_t rows, size_t columns) {
  lam_vec count = vec_splat((float)rows), one = vec_splat(1.0f);
  for (size_t j = 0; j < columns; j += LAM_LANES) {
    size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
    lam_long_sum sum = { vec_zero(), vec_zero() }, first = sum, second = sum;
    for (size_t i = 0; i < rows; ++i) sum = long_sum_add(sum, vec_load_n(x + i * ldx + j, n), one);
    lam_vec near = vec_div(sum.sum, count);
    for (size_t i = 0; i < rows; ++i) {
      lam_vec distance = vec_sub(vec_load_n(x + i * ldx + j, n), near);
      first = long_sum_add(first, distance, one);
      second = long_sum_add(second, distance, distance);
    }
    lam_vec missed = vec_div(first.sum, count);
    vec_store_n(mean + j, vec_add(near, missed), n);
    vec_store_n(variance + j, vec_max(vec_zero(), vec_div(vec_fnma(first.sum, missed, second.sum), count)), n);
  }
}

enum { CHUNK = 256 }; /* columns whose factors are kept at hand */

void LAM_KERNEL(normalize_columns)(float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,
                                   const float *gamma, const float *beta, float epsilon, size_t rows, size_t columns) {
  float factor[CHUNK];
  for (size_t first = 0; first < columns; first += CHUNK) {
    size_t count = columns - first < CHUNK ? columns - first : CHUNK;
    for (size_t j = 0; j < count; j += LAM_LANES) {
      size_t n = count - j < LAM_LANES ? count - j : LAM_LANES;
      lam_vec root = vec_sqrt(vec_add(vec_load_n(variance + first + j, n), vec_splat(epsilon)));
      vec_store_n(factor + j, vec_div(load_or(gamma, first + j, n, 1.0f), root), n);
    }
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < count; j += LAM_LANES) {
        size_t n = count - j < LAM_LANES ? count - j : LAM_LANES, at = first + j;
        lam_vec distance = vec_sub(vec_load_n(x + i * ldx + at, n), load_or(mean, at, n, 0.0f));
        vec_store_n(y + i * ldy + at, vec_fma(distance, vec_load_n(factor + j, n), load_or(beta, at, n, 0.0f)), n);
      }
    }
  }
}

/* Source: Ioffe, Szegedy, "Batch normalization", ICML 2015, section 3: with z = (x - mean) r and r = 1 / sqrt(variance +
 * epsilon), dx = gamma r (dy - mean(dy) - z mean(dy z)). */
void LAM_KERNEL(normalize_columns_backward)(float *dx, size_t lddx, float *dgamma, float *dbeta, const float *dy, size_t lddy,
                                            const float *x, size_t ldx, const float *mean, const float *variance,
                                            const float *gamma, float epsilon, size_t rows, size_t columns) {
  lam_vec count = vec_splat((float)rows);
  for (size_t j = 0; j < columns; j += LAM_LANES) {
    size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
    lam_vec center = vec_load_n(mean + j, n), inverse = inverse_root(vec_load_n(variance + j, n), epsilon);
    lam_vec sum = vec_zero(), product = vec_zero();
    for (size_t i = 0; i < rows; ++i) {
      lam_vec g = vec_load_n(dy + i * lddy + j, n);
      sum = vec_add(sum, g);
      product = vec_fma(g, vec_mul(vec_sub(vec_load_n(x + i * ldx + j, n), center), inverse), product);
    }
    lam_vec factor = vec_mul(load_or(gamma, j, n, 1.0f), inverse), constant = vec_div(sum, count),
            slope = vec_div(product, count);
    for (size_t i = 0; i < (dx ? rows : 0); ++i) {
      lam_vec z = vec_mul(vec_sub(vec_load_n(x + i * ldx + j, n), center), inverse);
      lam_vec rest = vec_fnma(z, slope, vec_sub(vec_load_n(dy + i * lddy + j, n), constant));
      vec_store_n(dx + i * lddx + j, vec_mul(factor, rest), n);
    }
    if (dgamma) vec_store_n(dgamma + j, product, n);
    if (dbeta) vec_store_n(dbeta + j, sum, n);
  }
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

LAM_INLINE float first_lane(lam_vec v) {
  float lanes[LAM_LANES];
  vec_store(lanes, v);
  return lanes[0];
}

/* The mean of a row (0 where it is not centered) and 1 / sqrt(variance + epsilon), the variance being about that mean. */
LAM_INLINE void row_statistics(float statistics[2], const float *x, float epsilon, int centered, size_t columns) {
  size_t full = row_full(columns), rest = columns - full;
  lam_vec tail = vec_load_n(x + full, rest), sum = vec_zero(), second = vec_zero();
  float count = (float)columns, near = 0.0f;
  if (centered) {
    for (size_t j = 0; j < full; j += LAM_LANES) sum = vec_add(sum, vec_load(x + j));
    near = vec_sum(vec_add(sum, tail)) / count;
    sum = vec_zero();
  }
  lam_vec center = vec_splat(near);
  for (size_t j = 0; j < full; j += LAM_LANES) {
    lam_vec distance = vec_sub(vec_load(x + j), center);
    sum = vec_add(sum, distance);
    second = vec_fma(distance, distance, second);
  }
  lam_vec last = vec_select(mask_first(rest), vec_sub(tail, center), vec_zero());
  float first = centered ? vec_sum(vec_add(sum, last)) : 0.0f, missed = first / count;
  lam_vec squares = vec_splat(vec_sum(vec_fma(last, last, second)));
  lam_vec variance = vec_div(vec_fnma(vec_splat(first), vec_splat(missed), squares), vec_splat(count));
  statistics[0] = near + missed;
  statistics[1] = first_lane(inverse_root(vec_max(vec_zero(), variance), epsilon));
}

void LAM_KERNEL(normalize_rows)(float *y, size_t ldy, float *statistics, const float *x, size_t ldx, const float *gamma,
                                const float *beta, float epsilon, int centered, size_t rows, size_t columns) {
  float own[2];
  for (size_t i = 0; i < rows; ++i, x += ldx, y += ldy) {
    row_statistics(own, x, epsilon, centered, columns);
    lam_vec center = vec_splat(own[0]), inverse = vec_splat(own[1]);
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
      lam_vec z = vec_mul(vec_sub(vec_load_n(x + j, n), center), inverse);
      vec_store_n(y + j, vec_fma(z, load_or(gamma, j, n, 1.0f), load_or(beta, j, n, 0.0f)), n);
    }
    if (statistics) statistics[2 * i] = own[0], statistics[2 * i + 1] = own[1];
  }
}

/* With g = dy gamma: dx = r (g - mean(g) - z mean(g z)); without centering the first mean is 0. Source: Ba, Kiros, Hinton, "Layer
 * normalization", arXiv:1607.06450, 2016; Zhang, Sennrich, "Root mean square layer normalization", NeurIPS 2019. */
void LAM_KERNEL(normalize_rows_backward)(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                         const float *statistics, const float *gamma, int centered, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i, dx += lddx, dy += lddy, x += ldx) {
    lam_vec center = vec_splat(statistics[2 * i]), inverse = vec_splat(statistics[2 * i + 1]), count = vec_splat((float)columns);
    lam_vec sum = vec_zero(), product = vec_zero();
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
      lam_vec g = vec_mul(vec_load_n(dy + j, n), load_or(gamma, j, n, 1.0f));
      lam_vec z = vec_mul(vec_sub(vec_load_n(x + j, n), center), inverse);
      g = vec_select(mask_first(n), g, vec_zero());
      sum = vec_add(sum, g);
      product = vec_select(mask_first(n), vec_fma(g, z, product), product);
    }
    lam_vec constant = centered ? vec_div(vec_splat(vec_sum(sum)), count) : vec_zero();
    lam_vec slope = vec_div(vec_splat(vec_sum(product)), count);
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
      lam_vec g = vec_mul(vec_load_n(dy + j, n), load_or(gamma, j, n, 1.0f));
      lam_vec z = vec_mul(vec_sub(vec_load_n(x + j, n), center), inverse);
      vec_store_n(dx + j, vec_mul(inverse, vec_fnma(z, slope, vec_sub(g, constant))), n);
    }
  }
}

/* The gradient of gamma: sums of dy z over the rows, one chain a column. */
void LAM_KERNEL(normalize_rows_factors)(float *dgamma, const float *dy, size_t lddy, const float *x, size_t ldx,
                                        const float *statistics, size_t rows, size_t columns) {
  for (size_t j = 0; j < columns; j += LAM_LANES) {
    size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
    lam_vec product = vec_zero();
    for (size_t i = 0; i < rows; ++i) {
      lam_vec center = vec_splat(statistics[2 * i]), inverse = vec_splat(statistics[2 * i + 1]);
      lam_vec z = vec_mul(vec_sub(vec_load_n(x + i * ldx + j, n), center), inverse);
      product = vec_fma(vec_load_n(dy + i * lddy + j, n), z, product);
    }
    vec_store_n(dgamma + j, product, n);
  }
}
