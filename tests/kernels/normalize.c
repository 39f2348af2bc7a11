/* SPDX-License-Identifier: MIT
 *
 * The kernels of the normalizations against plain double, at every level: moments of columns and rows, also far from 0; values
 * and gradients, given those.
 */
#include "kernels/kernels.h"
#include "support.h"
#include <math.h>

enum { ROWS = 9, MOST = 67, LD = 70, MANY = 3000 };
static const double u = 0x1p-24, epsilon = 1e-3;

static float x[ROWS][LD], dy[ROWS][LD], y[ROWS][LD], gamma_[MOST], beta[MOST], mean[MOST], variance[MOST];

static const char *const levels[] = { "avx512", "avx2", "neon", "portable" };

static int fill(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * LD, 2, 0, 0);
  lam_random_normal(&dy[0][0], ROWS * LD, 2, 1, 0);
  lam_random_normal(gamma_, MOST, 2, 2, 0);
  lam_random_normal(beta, MOST, 2, 3, 0);
  lam_random_normal(mean, MOST, 2, 4, 0);
  lam_random_uniform(variance, MOST, 2, 5, 0);
  return 0;
}

static void close_to(double got, double exact, double bound, const char *what, size_t row, size_t column) {
  if (!(fabs(got - exact) <= bound))
    fail_msg("%s: %.9g at (%zu, %zu), not %.9g within %.3g", what, got, row, column, exact, bound);
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

/* The stated bounds: u |mean| + 3 u d and 8 u variance, with a few u^2 of the mean's size where that is far from 0. */
static void column_moments_are_exact_to_a_few_roundings_far_from_zero_and_over_many_rows(void **state) {
  (void)state;
  static float tall[MANY][3];
  lam_random_normal(&tall[0][0], MANY * 3, 3, 0, 0);
  for (size_t i = 0; i < MANY; i++) tall[i][1] = tall[i][1] * 0.01f + 1000, tall[i][2] = tall[i][2] * 3 - 2e5f;
  for (size_t l = 0; l < 4; l++) {
    const lam_kernel_table *table = lam_kernels_at(levels[l]);
    for (size_t rows = 1; table && rows <= MANY; rows = rows < 8 ? rows + 1 : rows * 3) {
      float m[3], v[3];
      table->column_moments(m, v, &tall[0][0], 3, rows, 3);
      for (size_t j = 0; j < 3; j++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < rows; i++) sum += (double)tall[i][j];
        sum /= (double)rows;
        for (size_t i = 0; i < rows; i++) squares += ((double)tall[i][j] - sum) * ((double)tall[i][j] - sum) / (double)rows;
        close_to((double)m[j], sum, u * fabs(sum) + 3 * u * sqrt(squares), "mean", rows, j);
        close_to((double)v[j], squares, 8 * u * squares + 16 * u * u * sum * sum, "variance", rows, j);
      }
    }
  }
}

/* The stated bounds: u |mean| + (d + 4) u s and (2 d + 12) u of the variance, which an inverse deviation r moves by half of its
 * relative error, with 2 u of its own. */
static void row_statistics_are_exact_to_the_depth_of_their_sum(void **state) {
  (void)state;
  static float wide[3][MANY], out[3][MANY];
  lam_random_normal(&wide[0][0], 3 * MANY, 4, 0, 0);
  for (size_t j = 0; j < MANY; j++) wide[1][j] = wide[1][j] * 0.1f + 50, wide[2][j] = wide[2][j] * 30 - 1e5f;
  for (size_t l = 0; l < 4; l++) {
    const lam_kernel_table *table = lam_kernels_at(levels[l]);
    for (size_t n = 1; table && n <= MANY; n = n < 40 ? n + 1 : n * 3) {
      for (int centered = 0; centered < 2; centered++) {
        float statistics[3][2];
        double depth = (double)((n + 15) / 16) + 4;
        table->normalize_rows(&out[0][0], MANY, &statistics[0][0], &wide[0][0], MANY, NULL, NULL, (float)epsilon, centered, 3, n);
        for (size_t i = 0; i < 3; i++) {
          double m = 0, v = 0;
          for (size_t j = 0; j < n && centered; j++) m += (double)wide[i][j] / (double)n;
          for (size_t j = 0; j < n; j++) v += ((double)wide[i][j] - m) * ((double)wide[i][j] - m) / (double)n;
          close_to((double)statistics[i][0], m, u * fabs(m) + (depth + 4) * u * sqrt(v), "mean", i, n);
          double r = 1 / sqrt(v + (double)(float)epsilon);
          close_to((double)statistics[i][1], r, r * (depth + 6 + 3) * u, "inverse deviation", i, n);
        }
      }
    }
  }
}

static void a_nan_or_an_infinity_makes_its_column_or_row_nan(void **state) {
  (void)state;
  const float values[] = { NAN, INFINITY, -INFINITY };
  for (size_t k = 0; k < 3; k++) {
    float bad[3][2] = { { 1, 2 }, { values[k], 4 }, { 5, 7 } }, m[2], v[2], out[3][2];
    lam_kernels()->column_moments(m, v, &bad[0][0], 2, 3, 2);
    assert_true(isnan(m[0]) && isnan(v[0]) && fabsf(m[1] - 13 / 3.0f) < 1e-6f);
    lam_kernels()->normalize_rows(&out[0][0], 2, NULL, &bad[0][0], 2, NULL, NULL, 1e-3f, 1, 3, 2);
    assert_true(isnan(out[1][0]) && isnan(out[1][1]) && isfinite(out[0][0]) && isfinite(out[2][1]));
  }
}

static void equal_numbers_have_no_variance_and_give_beta(void **state) {
  (void)state;
  float same[4][3], m[3], v[3], out[4][3], shift[] = { 1, 2, 3 };
  for (size_t i = 0; i < 12; i++) same[i / 3][i % 3] = 0.1f * (float)(i % 3);
  lam_kernels()->column_moments(m, v, &same[0][0], 3, 4, 3);
  assert_memory_equal(m, same[0], sizeof m);
  assert_true(v[0] == 0 && v[1] == 0 && v[2] == 0);
  lam_kernels()->normalize_columns(&out[0][0], 3, &same[0][0], 3, m, v, gamma_, shift, 1e-3f, 4, 3);
  for (size_t i = 0; i < 4; i++) assert_memory_equal(out[i], shift, sizeof shift);
}

/* ---- values and gradients ---------------------------------------------------------------------------------------- */

static double inverse_of(size_t j) { return 1 / sqrt((double)variance[j] + (double)(float)epsilon); }
static double z_of(size_t i, size_t j) { return ((double)x[i][j] - (double)mean[j]) * inverse_of(j); }

/* 5 u of what is added to beta and of y: the difference, the variance with epsilon, its root, the quotient, the last sum. */
static void normalized_columns_are_within_five_roundings(void **state) {
  (void)state;
  for (size_t l = 0; l < 4; l++) {
    const lam_kernel_table *table = lam_kernels_at(levels[l]);
    for (size_t n = 1; table && n <= MOST; n++)
      for (int with = 0; with < 2; with++) {
        memset(y, 0x7f, sizeof y);
        table->normalize_columns(&y[0][0], LD, &x[0][0], LD, mean, variance, with ? gamma_ : NULL, with ? beta : NULL,
                                 (float)epsilon, ROWS, n);
        for (size_t i = 0; i < ROWS; i++) {
          for (size_t j = 0; j < n; j++) {
            double term = z_of(i, j) * (with ? (double)gamma_[j] : 1), exact = term + (with ? (double)beta[j] : 0);
            close_to((double)y[i][j], exact, 5 * u * (fabs(term) + fabs(exact)), "y", i, j);
          }
          for (size_t j = n; j < LD; j++) assert_memory_equal(&y[i][j], "\x7f\x7f\x7f\x7f", 4);
        }
      }
  }
}

/* Sums of ROWS terms: ROWS + 5 roundings of each, and 8 more of the parts of dx. */
static void gradients_through_columns_are_those_of_the_formula(void **state) {
  (void)state;
  for (size_t l = 0; l < 4; l++) {
    const lam_kernel_table *table = lam_kernels_at(levels[l]);
    float dgamma[MOST], dbeta[MOST];
    for (size_t n = 1; table && n <= MOST; n++) {
      table->normalize_columns_backward(&y[0][0], LD, dgamma, dbeta, &dy[0][0], LD, &x[0][0], LD, mean, variance, gamma_,
                                        (float)epsilon, ROWS, n);
      for (size_t j = 0; j < n; j++) {
        double sum = 0, product = 0, sizes = 0, products = 0;
        for (size_t i = 0; i < ROWS; i++) {
          sum += (double)dy[i][j], sizes += fabs((double)dy[i][j]);
          product += (double)dy[i][j] * z_of(i, j), products += fabs((double)dy[i][j] * z_of(i, j));
        }
        close_to((double)dbeta[j], sum, ROWS * u * sizes, "dbeta", 0, j);
        close_to((double)dgamma[j], product, (ROWS + 5) * u * products, "dgamma", 0, j);
        for (size_t i = 0; i < ROWS; i++) {
          double factor = (double)gamma_[j] * inverse_of(j),
                 all = fabs((double)dy[i][j]) + (sizes + fabs(z_of(i, j)) * products) / ROWS;
          double exact = factor * ((double)dy[i][j] - sum / ROWS - z_of(i, j) * product / ROWS);
          close_to((double)y[i][j], exact, (ROWS + 13) * u * fabs(factor) * all, "dx", i, j);
        }
      }
    }
  }
}

/* The statistics are given, so sums of n terms have depth + 4 roundings, and 8 more come after them. */
static void gradients_through_rows_are_those_of_the_formula(void **state) {
  (void)state;
  float statistics[ROWS][2], dgamma[MOST];
  for (size_t i = 0; i < ROWS; i++) statistics[i][0] = mean[i], statistics[i][1] = 0.5f + variance[i];
  for (size_t l = 0; l < 4; l++) {
    const lam_kernel_table *table = lam_kernels_at(levels[l]);
    for (size_t n = 1; table && n <= MOST; n++) {
      int centered = n % 2;
      double depth = (double)((n + 15) / 16) + 4;
      table->normalize_rows_backward(&y[0][0], LD, &dy[0][0], LD, &x[0][0], LD, &statistics[0][0], gamma_, centered, ROWS, n);
      table->normalize_rows_factors(dgamma, &dy[0][0], LD, &x[0][0], LD, &statistics[0][0], ROWS, n);
      for (size_t i = 0; i < ROWS; i++) {
        double sum = 0, product = 0, sizes = 0, products = 0, r = (double)statistics[i][1], m = (double)statistics[i][0];
        for (size_t j = 0; j < n; j++) {
          double g = (double)dy[i][j] * (double)gamma_[j], z = ((double)x[i][j] - m) * r;
          sum += centered ? g : 0, sizes += fabs(g), product += g * z, products += fabs(g * z);
        }
        for (size_t j = 0; j < n; j++) {
          double g = (double)dy[i][j] * (double)gamma_[j], z = ((double)x[i][j] - m) * r, k = (double)n;
          double all = fabs(g) + (sizes + fabs(z) * products) / k;
          close_to((double)y[i][j], r * (g - sum / k - z * product / k), (depth + 12) * u * r * all, "dx", i, j);
        }
      }
      for (size_t j = 0; j < n; j++) {
        double product = 0, products = 0;
        for (size_t i = 0; i < ROWS; i++) {
          double term = (double)dy[i][j] * ((double)x[i][j] - (double)statistics[i][0]) * (double)statistics[i][1];
          product += term, products += fabs(term);
        }
        close_to((double)dgamma[j], product, (ROWS + 4) * u * products, "dgamma", 0, j);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(column_moments_are_exact_to_a_few_roundings_far_from_zero_and_over_many_rows),
    cmocka_unit_test(row_statistics_are_exact_to_the_depth_of_their_sum),
    cmocka_unit_test(a_nan_or_an_infinity_makes_its_column_or_row_nan),
    cmocka_unit_test(equal_numbers_have_no_variance_and_give_beta),
    cmocka_unit_test(normalized_columns_are_within_five_roundings),
    cmocka_unit_test(gradients_through_columns_are_those_of_the_formula),
    cmocka_unit_test(gradients_through_rows_are_those_of_the_formula),
  };
  return cmocka_run_group_tests(tests, fill, NULL);
}
