/* SPDX-License-Identifier: MIT
 *
 * Losses of lamina/kernels.h against their formulas in double, with slopes differentiated by hand, at every level. u = 2^-24. A
 * value may be off by the roundings of its terms, C u of each term's size, and by the sum of n terms, (n / 16 + 5) u of their
 * sizes; a slope by C u of its size. Each line of the table says the sizes and the C that its comment adds up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "every.h"
#include <cmocka.h>
#include <math.h>

static const double u = 0x1p-24;

/* The value and slope of a term and their sizes: what its roundings are relative to. */
typedef struct term {
  double value, slope, value_size, slope_size;
} term;

static double clamp(double v, double low, double high) { return v < low ? low : v > high ? high : v; }
static double eps(void) { return (double)1e-7f; }

/* One subtraction, exact but for its rounding. */
static term absolute(double x, double t, const float *p) {
  (void)p;
  return (term){ fabs(x - t), (x > t) - (x < t), fabs(x - t), 1 };
}
static term percentage(double x, double t, const float *p) {
  (void)p;
  double m = fmax(fabs(t), eps());
  return (term){ 100 * fabs(x - t) / m, 100 * ((x > t) - (x < t)) / m, 100 * fabs(x - t) / m, 100 / m };
}
/* Quotient of three roundings (3 u of f), log_reduced (2 u); far from 1: two roundings of the ratio change its logarithm by 2 u;
 * l^2 doubles it. */
static term logarithmic(double x, double t, const float *p) {
  (void)p;
  double a = fmax(x, eps()), b = fmax(t, eps()), l = log((a + 1) / (b + 1));
  return (term){ l * l, x < eps() ? 0 : 2 * l / (a + 1), l * l, 2 * fabs(l) / (a + 1) };
}
static term huber(double x, double t, const float *p) {
  double d = x - t, a = fabs(d), delta = (double)p[0];
  term r = { a > delta ? delta * (a - delta / 2) : d * d / 2, clamp(d, -delta, delta), 0, delta };
  r.value_size = delta * a + d * d / 2;
  return r;
}
/* Near 0: tanh within 1.51 ULP squared, then log_reduced; far: parts of size at most |d| + log 2. */
static term log_cosh(double x, double t, const float *p) {
  (void)p;
  double d = x - t, a = fabs(d);
  double exact = a < 1e-4 ? d * d / 2 - d * d * d * d / 12 : a + log1p(exp(-2 * a)) - log(2);
  return (term){ exact, tanh(d), a < 0.65 ? exact : a + log(2), fabs(tanh(d)) };
}
static term hinge(double x, double t, const float *p) {
  (void)p;
  double m = 1 - t * x;
  return (term){ fmax(m, 0), m < 0 ? 0 : -t, 1 + fabs(t * x), fabs(t) };
}
static term squared_hinge(double x, double t, const float *p) {
  (void)p;
  double m = fmax(1 - t * x, 0), size = 1 + fabs(t * x);
  return (term){ m * m, -2 * t * m, 2 * m * size, 2 * fabs(t) * size };
}
/* The rounding of y + eps moves the logarithm by u. */
static term poisson(double x, double t, const float *p) {
  (void)p;
  double rate = x + eps();
  return (term){ x - t * log(rate), 1 - t / rate, x + fabs(t * log(rate)) + t, 1 + t / rate };
}
static term divergence(double x, double t, const float *p) {
  (void)p;
  double a = clamp(t, eps(), 1), b = clamp(x, eps(), 1), l = a * log(a / b);
  return (term){ l, x < eps() || x > 1 ? 0 : -a / b, fabs(l) + a, a / b };
}

/* w q^gamma b, of which q^gamma is e^(gamma log q): gamma |log q| counts its roundings as often. */
static term focal(double q, double q_slope, double b, double b_slope, double t, const float *p) {
  double gamma = (double)p[0], power = (t * (double)p[1] + (1 - t) * (double)p[2]) * pow(q, gamma);
  double ratio = q > 0 ? q_slope / q : 0, steep = 1 + gamma * (1 + fabs(log(q)));
  term r = { power * b, power * (gamma * ratio * b + b_slope), power * b * steep, 0 };
  r.slope_size = power * (gamma * fabs(ratio) * b * 2 + fabs(b_slope) + 1) * steep;
  return r;
}
static term sigmoid_focal(double x, double t, const float *p) {
  double y = 1 / (1 + exp(-x)), rest = 1 / (1 + exp(x));
  double b = t * log1p(exp(-x)) + (1 - t) * log1p(exp(x));
  return focal(t * rest + (1 - t) * y, (1 - 2 * t) * y * rest, b, y - t, t, p);
}
/* 1 - p has the error u of its size 1, which the logarithm turns into u / (1 - p): inputs stay in [0.05, 0.95], 1/(1-p) <= 20. */
static term binary_focal(double x, double t, const float *p) {
  term r = focal(t * (1 - x) + (1 - t) * x, 1 - 2 * t, -(t * log(x) + (1 - t) * log(1 - x)), (x - t) / (x * (1 - x)), t, p);
  r.value_size *= 4;
  r.slope_size *= 4;
  return r;
}

typedef struct kernel_case {
  const char *name;
  void(*dense) LAM_DENSE_LOSS_ARGUMENTS;
  void(*with) LAM_DENSE_LOSS_WITH_ARGUMENTS;
  term (*exact)(double x, double t, const float *p);
  float low, high; /* of x; targets are in [0, 1], or -1 and 1 */
  int targets;     /* 0: any in [0, 1]; 1: -1 or 1; 2: 0 or 1; 3: as x */
  float p[3];
  double roundings; /* C */
  bool sum;         /* not divided by n */
} kernel_case;

enum { MOST = 300 };
static float x[MOST], t[MOST], y[MOST];

static void fill(const kernel_case *c, size_t n) {
  uint64_t seed = n;
  for (size_t j = 0; j < n; j++) {
    float unit = fill_value(FILL_LOGITS, &seed) / 20.0f + 0.5f, other = fill_value(FILL_LOGITS, &seed) / 20.0f + 0.5f;
    x[j] = c->low + (c->high - c->low) * unit;
    t[j] = c->targets == 3 ? c->low + (c->high - c->low) * other : other;
    if (c->targets == 1) t[j] = other < 0.5f ? -1.0f : 1.0f;
    if (c->targets == 2) t[j] = other < 0.5f ? 0.0f : 1.0f;
    if (j % 5 == 3) x[j] = c->low < 0 && c->targets == 3 ? t[j] * 1.0001f : x[j]; /* small differences */
  }
}

static void check_case(const kernel_case *c, const char *level, size_t n) {
  float loss;
  const float scale = 0.25f;
  fill(c, n);
  if (c->with)
    c->with(&loss, y, n, x, n, t, n, c->p, scale, 1, n);
  else
    c->dense(&loss, y, n, x, n, t, n, scale, 1, n);
  double sum = 0, size = 0, absolute_sum = 0, divisor = c->sum ? 1 : (double)n;
  for (size_t j = 0; j < n; j++) {
    term e = c->exact((double)x[j], (double)t[j], c->p);
    sum += e.value;
    size += e.value_size;
    absolute_sum += fabs(e.value);
    double slope = (double)scale / divisor * e.slope, bound = (c->roundings + 3) * u * (double)scale / divisor * e.slope_size;
    if (!(fabs((double)y[j] - slope) <= bound + 1e-44))
      fail_msg("%s, %s, %zu of %zu: slope %.9g, not %.9g", c->name, level, j, n, (double)y[j], slope);
  }
  double bound = u * (c->roundings * size + ((double)n / 16 + 6) * absolute_sum) / divisor;
  if (!(fabs((double)loss - sum / divisor) <= bound + 1e-44))
    fail_msg("%s, %s, %zu: loss %.9g, not %.9g (%.3g of its bound)", c->name, level, n, (double)loss, sum / divisor,
             fabs((double)loss - sum / divisor) / bound);
}

#define CASES(k)                                                                                                                 \
  {                                                                                                                              \
    { "absolute", k->mean_absolute_error, NULL, absolute, -9, 9, 3, { 0 }, 1, false },                                           \
        { "percentage", k->mean_absolute_percentage_error, NULL, percentage, -9, 9, 3, { 0 }, 3, false },                        \
        { "logarithmic", k->mean_squared_logarithmic_error, NULL, logarithmic, -1, 9, 3, { 0 }, 14, false },                     \
        { "huber", NULL, k->huber, huber, -3, 3, 3, { 0.8f }, 3, false },                                                        \
        { "log_cosh", k->log_cosh, NULL, log_cosh, -4, 4, 3, { 0 }, 8, false },                                                  \
        { "log_cosh small", k->log_cosh, NULL, log_cosh, -0.01f, 0.01f, 3, { 0 }, 8, false },                                    \
        { "hinge", k->hinge, NULL, hinge, -3, 3, 1, { 0 }, 2, false },                                                           \
        { "squared_hinge", k->squared_hinge, NULL, squared_hinge, -3, 3, 1, { 0 }, 3, false },                                   \
        { "poisson", k->poisson, NULL, poisson, 0.001f, 9, 0, { 0 }, 4, false },                                                 \
        { "divergence", k->kl_divergence, NULL, divergence, 0.001f, 1.2f, 0, { 0 }, 4, true },                                   \
        { "sigmoid focal 2", NULL, k->sigmoid_binary_focal_crossentropy, sigmoid_focal, -20, 20, 2, { 2, 1, 1 }, 12, false },    \
        { "sigmoid focal 1.7",                                                                                                   \
          NULL,                                                                                                                  \
          k->sigmoid_binary_focal_crossentropy,                                                                                  \
          sigmoid_focal,                                                                                                         \
          -20,                                                                                                                   \
          20,                                                                                                                    \
          0,                                                                                                                     \
          { 1.7f, .25f, .75f },                                                                                                  \
          12,                                                                                                                    \
          false },                                                                                                               \
        { "sigmoid focal 0", NULL, k->sigmoid_binary_focal_crossentropy, sigmoid_focal, -20, 20, 2, { 0, 1, 1 }, 12, false }, {  \
      "binary focal", NULL, k->binary_focal_crossentropy, binary_focal, .05f, .95f, 2, { 3, .25f, .75f }, 12, false              \
    }                                                                                                                            \
  }

static void means_of_terms_match_their_formulas(void **state) {
  (void)state;
  for (size_t l = 0; l < EVERY_LEVELS; l++) {
    const lam_kernel_table *k = lam_kernels_at(every_level[l]);
    if (!k) continue;
    const kernel_case cases[] = CASES(k);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      for (size_t n = 1; n <= 257; n += n < 40 ? 1 : 31) check_case(&cases[i], every_level[l], n);
  }
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static void close_to(const char *what, size_t n, double got, double exact, double bound) {
  if (!(fabs(got - exact) <= bound)) fail_msg("%s of %zu: %.9g, not %.9g; bound %.3g", what, n, got, exact, bound);
}

/* Softmax has the relative error (|x - m| + ln n + d + 6) u <= (20 + 6 + n / 16 + 11) u here, 1 - p the absolute one (that + 1)
 * u; a power of gamma at most 2 doubles it relative to 1, and |log p| <= 26. */
static void focal_crossentropies_match_their_formulas(void **state) {
  (void)state;
  const lam_kernel_table *k = lam_kernels();
  static const float gammas[] = { 2.0f, 1.7f, 0.0f, 1.0f };
  for (size_t n = 1; n <= 130; n += n < 40 ? 1 : 31) {
    const float p[] = { gammas[n % 4], 0.25f };
    double total = 0, lse, exact = 0, slopes = 0, sum_t = 0, alpha = 0.25, gamma = (double)p[0], error = (40 + (double)n / 8) * u;
    uint64_t seed = n;
    float loss;
    for (size_t j = 0; j < n; j++) {
      x[j] = fill_value(FILL_LOGITS, &seed);
      t[j] = fill_value(FILL_PROBABILITIES, &seed);
      total += exp((double)x[j]);
      sum_t += (double)t[j];
    }
    lse = log(total);
    double h[MOST], q[MOST];
    for (size_t j = 0; j < n; j++) {
      q[j] = exp((double)x[j] - lse);
      double rest = 0; /* 1 - p without cancelling */
      for (size_t i = 0; i < n; i++) rest += i == j ? 0 : exp((double)x[i] - lse);
      double power = pow(rest, gamma), ratio = rest > 0 ? q[j] * ((double)x[j] - lse) / rest : -1;
      exact -= (double)t[j] * power * ((double)x[j] - lse);
      slopes += h[j] = (double)t[j] * power * (gamma * ratio - 1);
    }
    k->softmax_focal_crossentropy(&loss, y, n, x, n, t, n, p, 1.0f, 1, n);
    close_to("softmax focal", n, (double)loss, alpha * exact, alpha * error * (4 * 26 * sum_t + 1));
    for (size_t j = 0; j < n; j++)
      close_to("softmax focal slope", n, (double)y[j], alpha * (h[j] - q[j] * slopes), alpha * error * 8 * (sum_t + 1));
  }
}

/* Probabilities in [0.05, 0.95] before they are divided: nothing is clipped from n = 2 on. */
static void focal_crossentropies_of_probabilities_match_their_formulas(void **state) {
  (void)state;
  const lam_kernel_table *k = lam_kernels();
  const float p[] = { 2.0f, 0.25f };
  for (size_t n = 2; n <= 130; n += n < 40 ? 1 : 31) {
    double total = 0, exact = 0, all = 0, g[MOST];
    uint64_t seed = n;
    float loss;
    for (size_t j = 0; j < n; j++) {
      x[j] = 0.05f + 0.045f * (fill_value(FILL_LOGITS, &seed) + 10.0f);
      t[j] = fill_value(FILL_PROBABILITIES, &seed);
      total += (double)x[j];
    }
    for (size_t j = 0; j < n; j++) {
      double o = (double)x[j] / total, rest = 1 - o;
      exact -= (double)t[j] * rest * rest * log(o);
      g[j] = (double)t[j] * (2 * rest * log(o) - rest * rest / o);
      all += g[j] * o;
    }
    k->focal_crossentropy(&loss, y, n, x, n, t, n, p, 1.0f, 1, n);
    double error = (double)n * (30 + (double)n / 16) * u;
    close_to("focal", n, (double)loss, 0.25 * exact, 0.25 * error * 8);
    for (size_t j = 0; j < n; j++) {
      double o = (double)x[j] / total;
      close_to("focal slope", n, (double)y[j], 0.25 * (g[j] - all) / total, 0.25 * error / total * (8 / o + 4));
    }
  }
}

static void categorical_hinge_matches_its_formula_and_ties_share(void **state) {
  (void)state;
  const lam_kernel_table *k = lam_kernels();
  for (size_t n = 1; n <= 130; n++) {
    uint64_t seed = n;
    double own = 0, most = -INFINITY;
    size_t right = n / 2, ties = 0;
    float loss;
    for (size_t j = 0; j < n; j++) {
      x[j] = floorf(fill_value(FILL_LOGITS, &seed)); /* ties */
      t[j] = j == right ? 1.0f : 0.0f;
      own += (double)t[j] * (double)x[j];
      most = fmax(most, (1 - (double)t[j]) * (double)x[j]);
    }
    for (size_t j = 0; j < n; j++) ties += (1 - (double)t[j]) * (double)x[j] == most;
    double exact = fmax(most - own + 1, 0);
    k->categorical_hinge(&loss, y, n, x, n, t, n, 0.5f, 1, n);
    assert_true((double)loss == exact); /* small integers */
    for (size_t j = 0; j < n; j++) {
      double tie = (1 - (double)t[j]) * (double)x[j] == most ? (1 - (double)t[j]) / (double)ties : 0;
      close_to("categorical hinge slope", n, (double)y[j], most - own + 1 >= 0 ? 0.5 * (tie - (double)t[j]) : 0, 2 * u);
    }
  }
}

static void pairs_are_summed_and_combined(void **state) {
  (void)state;
  const lam_kernel_table *k = lam_kernels();
  for (size_t n = 1; n <= 257; n++) {
    uint64_t seed = n;
    float sums[5];
    const float factors[] = { 0.5f, -3.0f, 2.0f };
    for (size_t j = 0; j < n; j++) x[j] = floorf(fill_value(FILL_LOGITS, &seed)), t[j] = floorf(fill_value(FILL_LOGITS, &seed));
    double exact[5] = { 0 };
    for (size_t j = 0; j < n; j++) {
      double a = (double)x[j], b = (double)t[j], parts[] = { a * b, a * a, b * b, a, b };
      for (size_t i = 0; i < 5; i++) exact[i] += parts[i];
    }
    k->pair_sums(sums, x, n, t, n, 1, n);
    for (size_t i = 0; i < 5; i++) assert_true((double)sums[i] == exact[i]); /* small integers */
    k->pair_combine(y, n, x, n, t, n, factors, 1, n);
    for (size_t j = 0; j < n; j++) assert_true(y[j] == 0.5f * x[j] - 3.0f * t[j] + 2.0f);
  }
}

/* ---- extremes ----------------------------------------------------------------------------------------------------- */

#define ONE(kernel, at, target) k->kernel(&loss, &slope, 1, &(float){ at }, 1, &(float){ target }, 1, 1.0f, 1, 1)
#define ONE_WITH(kernel, at, target, ...)                                                                                        \
  k->kernel(&loss, &slope, 1, &(float){ at }, 1, &(float){ target }, 1, (const float[]){ __VA_ARGS__ }, 1.0f, 1, 1)

static void infinite_outputs_give_the_limit(void **state) {
  (void)state;
  float loss, slope;
  for (size_t l = 0; l < EVERY_LEVELS; l++) {
    const lam_kernel_table *k = lam_kernels_at(every_level[l]);
    if (!k) continue;
    ONE(mean_absolute_error, -INFINITY, 1), assert_true(loss == INFINITY && slope == -1);
    ONE(mean_absolute_error, 3, 3), assert_true(loss == 0 && slope == 0);
    ONE_WITH(huber, INFINITY, 1, 0.5f), assert_true(loss == INFINITY && slope == 0.5f);
    ONE(log_cosh, INFINITY, 1), assert_true(loss == INFINITY && slope == 1);
    ONE(hinge, INFINITY, 1), assert_true(loss == 0 && slope == 0);
    ONE(hinge, -INFINITY, 1), assert_true(loss == INFINITY && slope == -1);
    ONE(hinge, INFINITY, 0), assert_true(loss == 1 && slope == 0);
    ONE(squared_hinge, INFINITY, 1), assert_true(loss == 0 && slope == 0);
    ONE(poisson, INFINITY, 2), assert_true(loss == INFINITY && slope == 1);
    ONE(poisson, 0, 0), assert_true(loss == 0 && slope == 1);
    ONE(kl_divergence, INFINITY, 1), assert_true(loss == 0 && slope == 0);
    ONE(mean_squared_logarithmic_error, INFINITY, 1), assert_true(loss == INFINITY && slope == 0);
    ONE(mean_squared_logarithmic_error, -INFINITY, 0), assert_true(loss == 0 && slope == 0);
    ONE_WITH(sigmoid_binary_focal_crossentropy, INFINITY, 1, 2, 1, 1), assert_true(loss == 0 && slope == 0);
    ONE_WITH(sigmoid_binary_focal_crossentropy, -INFINITY, 1, 2, 1, 1), assert_true(loss == INFINITY && slope == -1);
    ONE_WITH(sigmoid_binary_focal_crossentropy, 0, 1, 0, 1, 1), assert_true(fabs((double)loss - log(2)) < 1e-7 && slope == -0.5f);
    /* One class alone has probability 1. */
    ONE_WITH(softmax_focal_crossentropy, 5, 1, 2, 1), assert_true(loss == 0 && slope == 0);
    const float masked[] = { -INFINITY, 2 }, second[] = { 0, 1 }, p[] = { 2, 0.25f };
    float slopes[2];
    k->softmax_focal_crossentropy(&loss, slopes, 2, masked, 2, second, 2, p, 1.0f, 1, 2);
    assert_true(loss == 0 && slopes[0] == 0 && slopes[1] == 0);
  }
}

static void a_nan_gives_a_nan(void **state) {
  (void)state;
  for (size_t l = 0; l < EVERY_LEVELS; l++) {
    const lam_kernel_table *k = lam_kernels_at(every_level[l]);
    if (!k) continue;
    const kernel_case cases[] = CASES(k);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      float loss[1], slope[3];
      const float at[] = { 0.5f, NAN, 0.25f }, target[] = { 1, 1, 1 };
      if (cases[i].with)
        cases[i].with(loss, slope, 3, at, 3, target, 3, cases[i].p, 1.0f, 1, 3);
      else
        cases[i].dense(loss, slope, 3, at, 3, target, 3, 1.0f, 1, 3);
      if (!isnan(loss[0]) || !isnan(slope[1]) || isnan(slope[0]) || isnan(slope[2]))
        fail_msg("%s, %s", cases[i].name, every_level[l]);
    }
    float loss, slopes[3];
    const float at[] = { 0.5f, NAN, 0.25f }, target[] = { 1, 0, 0 };
    k->categorical_hinge(&loss, slopes, 3, at, 3, target, 3, 1.0f, 1, 3);
    assert_true(isnan(loss));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(means_of_terms_match_their_formulas),
    cmocka_unit_test(focal_crossentropies_match_their_formulas),
    cmocka_unit_test(focal_crossentropies_of_probabilities_match_their_formulas),
    cmocka_unit_test(categorical_hinge_matches_its_formula_and_ties_share),
    cmocka_unit_test(pairs_are_summed_and_combined),
    cmocka_unit_test(infinite_outputs_give_the_limit),
    cmocka_unit_test(a_nan_gives_a_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
