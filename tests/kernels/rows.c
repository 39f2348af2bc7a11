/* SPDX-License-Identifier: MIT
 *
 * Kernels along rows, losses and optimizers against plain double references, at every level. Bounds are stated where they are
 * used; u = 2^-24, n the columns, d = n / 16 + 5 the depth of the tree that sums 16 lanes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "every.h"
#include <cmocka.h>
#include <float.h>
#include <math.h>

enum { MOST = 100000 };
static const double u = 0x1p-24, e = 2; /* exp within 1 ULP: at most 2 u */
static float x[MOST], t[MOST], y[MOST];

static double depth(size_t n) { return (double)n / 16 + 5; }

static double max_of(const float *v, size_t n) {
  double m = -INFINITY;
  for (size_t j = 0; j < n; ++j) m = v[j] > m ? v[j] : m;
  return m;
}

static double exact_log_sum_exp(const float *v, size_t n) {
  double m = max_of(v, n), s = 0;
  for (size_t j = 0; j < n; ++j) s += exp(v[j] - m);
  return m + log(s);
}

/* The worst of |got - exact| over its bound on one row; above 1 the bound is broken. */
static double softmax_excess(const float *got, const float *v, size_t n) {
  double m = max_of(v, n), lse = exact_log_sum_exp(v, n), worst = 0;
  for (size_t j = 0; j < n; ++j) {
    double exact = exp(v[j] - lse), relative = (fabs(v[j] - m) + log((double)n) + depth(n) + 2 * e + 2) * u;
    double excess = fabs(got[j] - exact) / (relative * exact + 0x1p-148); /* two roundings may be to a denormal */
    worst = excess > worst ? excess : worst;
  }
  return worst;
}

/* The bound for log-sum-exp; log's own ULP is within its 3 ln n, and |y| counts twice at the last addition's rounding of m. */
static double log_sum_exp_excess(double got, const float *v, size_t n) {
  double exact = exact_log_sum_exp(v, n);
  return fabs(got - exact) / ((3 * log((double)n) + depth(n) + e + fabs(exact)) * u);
}

typedef enum { ROW_RANDOM, ROW_NEGATIVE, ROW_HUGE, ROW_EQUAL, ROW_ONE_HUGE, ROW_DENORMAL, ROW_KINDS } row_kind;

static void fill_row(row_kind kind, size_t n) {
  uint64_t seed = n;
  for (size_t j = 0; j < n; ++j) {
    x[j] = fill_value(FILL_LOGITS, &seed);
    if (kind == ROW_NEGATIVE) x[j] -= 1000;
    if (kind == ROW_HUGE) x[j] *= 1e37f;
    if (kind == ROW_EQUAL) x[j] = 3.25f;
    if (kind == ROW_ONE_HUGE && j == n / 2) x[j] = 1e38f;
    if (kind == ROW_DENORMAL) x[j] *= 1e-40f;
    t[j] = fill_value(FILL_PROBABILITIES, &seed);
  }
}

static void check_row(const lam_kernel_table *table, row_kind kind, size_t n) {
  fill_row(kind, n);
  float lse;
  table->softmax(y, n, x, n, 1, n);
  if (!(softmax_excess(y, x, n) <= 1)) fail_msg("softmax, %s, row %d of %zu", table->isa, (int)kind, n);
  table->log_sum_exp(&lse, x, n, 1, n);
  if (!(log_sum_exp_excess(lse, x, n) <= 1)) fail_msg("log_sum_exp, %s, row %d of %zu", table->isa, (int)kind, n);
  table->log_softmax(y, n, x, n, 1, n);
  double exact = exact_log_sum_exp(x, n), m = max_of(x, n), slack = (3 * log((double)n) + depth(n) + e) * u;
  for (size_t j = 0; j < n; ++j) {
    double bound = slack + (2 * fabs(x[j] - exact) + fabs(x[j] - m)) * u;
    if (kind == ROW_RANDOM) assert_true(fabs(y[j] - (x[j] - exact)) <= bound);
  }
}

static void softmax_and_log_sum_exp_keep_their_bounds_on_directed_rows(void **state) {
  (void)state;
  for (size_t l = 0; l < EVERY_LEVELS; ++l) {
    const lam_kernel_table *table = lam_kernels_at(every_level[l]);
    if (!table) continue;
    for (int kind = 0; kind < ROW_KINDS; ++kind) {
      for (size_t n = 1; n <= 257; n += n < 70 ? 1 : 17) check_row(table, (row_kind)kind, n);
      check_row(table, (row_kind)kind, MOST);
    }
  }
}

static void the_bounds_refuse_a_wrong_row(void **state) {
  (void)state;
  fill_row(ROW_RANDOM, 15);
  lam_kernels()->softmax(y, 15, x, 15, 1, 15);
  y[7] *= 1.00001f;
  assert_true(softmax_excess(y, x, 15) > 1);
  assert_true(log_sum_exp_excess(exact_log_sum_exp(x, 15) + 1e-4, x, 15) > 1);
}

static void masked_and_infinite_rows_are_as_documented(void **state) {
  (void)state;
  const float masked[] = { -INFINITY, -INFINITY }, half[] = { -INFINITY, 2 }, plus[] = { INFINITY, 2 }, nothing[] = { NAN, 2 };
  float out[2];
  const lam_kernel_table *k = lam_kernels();
  k->softmax(out, 2, masked, 2, 1, 2);
  assert_true(isnan(out[0]) && isnan(out[1]));
  k->softmax(out, 2, half, 2, 1, 2);
  assert_true(out[0] == 0 && out[1] == 1);
  k->softmax(out, 2, plus, 2, 1, 2);
  assert_true(isnan(out[0]) && isnan(out[1]));
  k->softmax(out, 2, nothing, 2, 1, 2);
  assert_true(isnan(out[0]) && isnan(out[1]));
  k->log_sum_exp(out, masked, 2, 1, 2);
  assert_true(out[0] == -INFINITY);
  k->log_sum_exp(out, plus, 2, 1, 2);
  assert_true(out[0] == INFINITY);
  k->log_sum_exp(out, nothing, 2, 1, 2);
  assert_true(isnan(out[0]));
  float loss, dx[2];
  const float second[] = { 0, 1 };
  k->softmax_crossentropy(&loss, dx, 2, half, 2, second, 2, 1.0f, 1, 2);
  assert_true(loss == 0 && dx[0] == 0 && dx[1] == 0);
  k->sigmoid_binary_crossentropy(&loss, dx, 1, &(float){ INFINITY }, 1, &(float){ 1 }, 1, 1.0f, 1, 1);
  assert_true(loss == 0 && dx[0] == 0);
}

static void argmax_is_the_first_maximum_and_passes_over_nan(void **state) {
  (void)state;
  for (size_t n = 1; n <= 257; ++n) {
    uint64_t seed = n;
    size_t expected = 0;
    double best = -INFINITY;
    for (size_t j = 0; j < n; ++j) {
      x[j] = n % 5 == 0 ? NAN : floorf(fill_value(n % 2 ? FILL_LOGITS : FILL_SPECIAL, &seed)); /* ties */
      if (j % 7 == 3) x[j] = NAN;
      if (x[j] > best) best = x[j], expected = j;
    }
    for (size_t l = 0; l < EVERY_LEVELS; ++l) {
      int32_t got = -1;
      if (!lam_kernels_at(every_level[l])) continue;
      lam_kernels_at(every_level[l])->argmax(&got, x, n, 1, n);
      assert_int_equal(got, expected);
    }
  }
}

/* Sums of small integers are exact in any order; every loss here is within the sum's error and a few roundings of each term. */
static void assert_close(const char *what, double got, double exact, double scale, size_t n) {
  if (!(fabs(got - exact) <= (depth(n) + 12) * u * scale)) fail_msg("%s of %zu: %.9g, not %.9g", what, n, got, exact);
}

/* Losses with their gradients by the header's formulas, in double. */
static void losses_and_gradients_match_their_formulas(void **state) {
  (void)state;
  const lam_kernel_table *k = lam_kernels();
  const float scale = 0.25f;
  for (size_t n = 1; n <= 257; ++n) {
    fill_row(ROW_RANDOM, n);
    int32_t label = (int32_t)(n / 3);
    float loss;
    double lse = exact_log_sum_exp(x, n), sum_t = 0, dense = 0, square = 0, binary = 0, size = 0, m = 10 + log((double)n);
    for (size_t j = 0; j < n; ++j) {
      sum_t += t[j];
      dense += t[j] * (lse - x[j]);
      size += t[j] * m * 3;
      square += ((double)x[j] - t[j]) * ((double)x[j] - t[j]);
      binary += fmax(x[j], 0) - (double)x[j] * t[j] + log1p(exp(-fabs((double)x[j])));
    }
    k->softmax_sparse_crossentropy(&loss, y, n, x, n, &label, scale, 1, n);
    assert_close("sparse", loss, lse - x[label], 3 * m, n);
    for (size_t j = 0; j < n; ++j)
      assert_close("sparse dx", y[j], scale * (exp(x[j] - lse) - (j == (size_t)label)), 2 * scale, n);
    k->softmax_crossentropy(&loss, y, n, x, n, t, n, scale, 1, n);
    assert_close("dense", loss, dense, size + 1, n);
    for (size_t j = 0; j < n; ++j) {
      assert_close("dense dx", y[j], scale * (exp(x[j] - lse) * sum_t - t[j]), scale * (3 * sum_t * exp(x[j] - lse) + 2), n);
    }
    k->sigmoid_binary_crossentropy(&loss, y, n, x, n, t, n, scale, 1, n);
    assert_close("binary", loss, binary / (double)n, 11, n);
    for (size_t j = 0; j < n; ++j) {
      assert_close("binary dx", y[j], scale / (double)n * (1 / (1 + exp(-(double)x[j])) - t[j]), scale / (double)n, n);
    }
    k->squared_error(&loss, y, n, x, n, t, n, 0.5f, scale, 1, n);
    assert_close("square", loss, square / 2, square, n);
    for (size_t j = 0; j < n; ++j) assert_close("square dx", y[j], scale * ((double)x[j] - t[j]), 11 * scale, n);
  }
}

static double clipped(double p) { return fmin(fmax(p, (double)1e-7f), (double)0.99999988f); }

/* A gradient by central differences of the double loss would not see the clip's edge; the formulas are differentiated by hand. */
static void crossentropies_of_probabilities_match_their_formulas(void **state) {
  (void)state;
  const lam_kernel_table *k = lam_kernels();
  for (size_t n = 2; n <= 257; ++n) {
    fill_row(ROW_RANDOM, n);
    uint64_t seed = n;
    for (size_t j = 0; j < n; ++j) x[j] = fill_value(FILL_PROBABILITIES, &seed);
    x[0] = 0.3f, x[1] = 0.0f;
    float loss;
    int32_t label = 0;
    double sum = 0, clip_sum = 0, dense = 0, binary = 0, active = 0, slope;
    for (size_t j = 0; j < n; ++j) sum += x[j], clip_sum += clipped(x[j]);
    for (size_t j = 0; j < n; ++j) {
      double q = x[j] / sum, p = clipped(x[j]);
      dense -= t[j] * log(clipped(q));
      active += q == clipped(q) ? t[j] : 0;
      binary -= t[j] * log(p) + (1 - (double)t[j]) * log(1 - p);
    }
    k->sparse_crossentropy(&loss, y, n, x, n, &label, 1.0f, 1, n);
    assert_close("sparse", loss, log(clip_sum) - log(clipped(x[0])), 3 * (2 + log((double)n)), n);
    assert_close("sparse slope", y[0], 1 / clip_sum - 1 / (double)x[0], 10, n);
    assert_true(y[1] == 0); /* the clip acts */
    k->crossentropy(&loss, y, n, x, n, t, n, 1.0f, 1, n);
    assert_close("dense", loss, dense, dense * 3 + 20, n);
    slope = active / sum - (x[0] / sum <= (double)0.99999988f ? t[0] / (double)x[0] : 0);
    assert_close("dense slope", y[0], slope, 10 + 3 * active / sum, n);
    k->binary_crossentropy(&loss, y, n, x, n, t, n, 1.0f, 1, n);
    assert_close("binary", loss, binary / (double)n, 16, n);
    assert_close("binary slope", y[0], (x[0] - (double)t[0]) / (x[0] * (1 - (double)x[0])) / (double)n, 10 / (double)n, n);
    assert_true(y[1] == 0);
  }
}

static void column_sums_are_exact_on_integers_and_chains_in_row_order(void **state) {
  (void)state;
  for (size_t n = 1; n <= 257; ++n) {
    enum { ROWS = 37 };
    for (size_t i = 0; i < ROWS * n; ++i) x[i] = (float)((i * 7919) % 2001) - 1000 + (float)((i * 31) % 17) * 0.1f;
    lam_kernels()->column_sums(y, x, n, ROWS, n);
    for (size_t j = 0; j < n; ++j) {
      float chain = 0;
      for (size_t i = 0; i < ROWS; ++i) chain += x[i * n + j];
      assert_true(y[j] == chain);
    }
  }
}

/* The formulas of lamina/kernels.h in double over 1000 steps with changing gradients: 1e-6 of what the parameters have moved. */
static void adam_and_rmsprop_follow_their_formulas_for_1000_steps(void **state) {
  (void)state;
  enum { N = 33 };
  float w[N], m[N] = { 0 }, v[N] = { 0 }, r[N], rv[N] = { 0 }, g[N];
  double dw[N], dm[N] = { 0 }, dv[N] = { 0 }, dr[N], drv[N] = { 0 };
  uint64_t seed = 1;
  for (int i = 0; i < N; ++i) w[i] = r[i] = 0, dw[i] = dr[i] = 0;
  for (uint64_t step = 1; step <= 1000; ++step) {
    for (int i = 0; i < N; ++i) g[i] = 1 + 0.1f * fill_value(FILL_LOGITS, &seed);
    lam_kernels()->adam(w, m, v, g, 0.001f, 0.9f, 0.999f, 1e-7f, step, N);
    lam_kernels()->rmsprop(r, rv, g, 0.001f, 0.9f, 1e-7f, N);
    double rate = (double)0.001f * sqrt(1 - pow(0.999, (double)step)) / (1 - pow(0.9, (double)step));
    for (int i = 0; i < N; ++i) {
      double h = g[i];
      dm[i] += (h - dm[i]) * (1 - 0.9);
      dv[i] += (h * h - dv[i]) * (1 - 0.999);
      dw[i] -= dm[i] * rate / (sqrt(dv[i]) + (double)1e-7f);
      drv[i] = 0.9 * drv[i] + 0.1 * h * h;
      dr[i] -= (double)0.001f * h / sqrt(drv[i] + (double)1e-7f);
    }
  }
  for (int i = 0; i < N; ++i) {
    /* 1000 additions to w each round by at most u |w|, whose random walk is 32 u |w| = 1.9e-6 |w| at the very most; 3e-6 allows
     * it. */
    assert_true(fabs(dw[i]) > 0.3 && fabs(w[i] - dw[i]) <= 3e-6 * fabs(dw[i]));
    assert_true(fabs(dr[i]) > 0.3 && fabs(r[i] - dr[i]) <= 3e-6 * fabs(dr[i]));
  }
}

static void momentum_decays_to_zero_and_not_into_denormals(void **state) {
  (void)state;
  float w = 1, m = 1, v = 1, velocity = 1, g = 0;
  for (uint64_t step = 1; step <= 1000; ++step) {
    lam_kernels()->adam(&w, &m, &v, &g, 0.001f, 0.9f, 0.9f, 1e-7f, step, 1);
    lam_kernels()->sgd_momentum(&w, &velocity, &g, 0.1f, 0.5f, 1);
    assert_true(m == 0 || fabsf(m) >= 0x1p-100f);
    assert_true(v == 0 || v >= 0x1p-100f);
  }
  assert_true(m == 0 && v == 0 && velocity == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(softmax_and_log_sum_exp_keep_their_bounds_on_directed_rows),
    cmocka_unit_test(the_bounds_refuse_a_wrong_row),
    cmocka_unit_test(masked_and_infinite_rows_are_as_documented),
    cmocka_unit_test(argmax_is_the_first_maximum_and_passes_over_nan),
    cmocka_unit_test(losses_and_gradients_match_their_formulas),
    cmocka_unit_test(crossentropies_of_probabilities_match_their_formulas),
    cmocka_unit_test(column_sums_are_exact_on_integers_and_chains_in_row_order),
    cmocka_unit_test(adam_and_rmsprop_follow_their_formulas_for_1000_steps),
    cmocka_unit_test(momentum_decays_to_zero_and_not_into_denormals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
