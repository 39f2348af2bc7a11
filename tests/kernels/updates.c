/* SPDX-License-Identifier: MIT
 *
 * One step of every optimizer's kernel, and of those around them, against its formula in double: at every level, for all counts,
 * at aligned and odd addresses, with infinities, NaNs and denormals among the gradients. Bounds as in
 * tests/train/optimizer_steps.c.
 */
#include "kernels/kernels.h"
#include "support.h"

#include <math.h>

enum { MOST = 70 };

/* A weight, and the states m, v and a of its kernel. */
typedef struct numbers {
  double w, m, v, a;
} numbers;

/* The step that bias corrections are taken for, and nadam's product with it. */
static uint64_t number;
static double product;

#define KERNEL(name, ...)                                                                                                        \
  static void run_##name(const lam_kernel_table *k, float *w, float *m, float *v, float *a, const float *g, size_t count) {      \
    (void)m, (void)v, (void)a;                                                                                                   \
    k->__VA_ARGS__;                                                                                                              \
  }
/* Changes n and returns what the deviation of w is measured by: its change with all terms positive. */
#define FORMULA(name) static double formula_##name(numbers *n, double g)

static double square(double x) { return x * x; }

KERNEL(sgd, sgd(w, g, 0.01f, count))
KERNEL(momentum, sgd_momentum(w, m, g, 0.01f, 0.9f, count))
KERNEL(nesterov, sgd_nesterov(w, m, g, 0.01f, 0.9f, count))
FORMULA(sgd) {
  n->w -= (double)0.01f * g;
  return fabs((double)0.01f * g);
}
FORMULA(momentum) {
  double size = (double)0.9f * fabs(n->m) + fabs((double)0.01f * g);
  n->m = (double)0.9f * n->m - (double)0.01f * g;
  n->w += n->m;
  return size;
}
FORMULA(nesterov) {
  double size = (double)0.9f * fabs(n->m) + fabs((double)0.01f * g);
  n->m = (double)0.9f * n->m - (double)0.01f * g;
  n->w += (double)0.9f * n->m - (double)0.01f * g;
  return size + fabs((double)0.01f * g);
}

KERNEL(rmsprop, rmsprop(w, v, g, 0.001f, 0.9f, 1e-7f, count))
FORMULA(rmsprop) {
  n->v = 0.9 * n->v + (1 - 0.9) * g * g;
  double change = (double)0.001f * g / sqrt(n->v + (double)1e-7f);
  n->w -= change;
  return fabs(change);
}

KERNEL(outside, rmsprop_epsilon_outside(w, v, g, 0.001f, 0.9f, 0.125f, count))
FORMULA(outside) {
  n->v = 0.9 * n->v + (1 - 0.9) * g * g;
  double change = (double)0.001f * g / (sqrt(n->v) + 0.125);
  n->w -= change;
  return fabs(change);
}

/* The variance may be the small difference of large numbers: as many times as much. */
static double general(numbers *n, double g, bool outside, double momentum, bool centered) {
  n->v = 0.9 * n->v + (1 - 0.9) * g * g;
  n->a = centered ? 0.9 * n->a + (1 - 0.9) * g : n->a;
  double variance = centered ? n->v - n->a * n->a : n->v, before = momentum > 0 ? n->m : 0;
  double change = (double)0.001f * g / (outside ? sqrt(variance) + 0.125 : sqrt(variance + 0.125));
  double now = momentum * before + change;
  if (momentum > 0) n->m = now;
  n->w -= now;
  return momentum * fabs(before) + fabs(change) * (variance > 0 ? n->v / variance : 1);
}
KERNEL(moving, rmsprop_general(w, v, m, NULL, g, 0.001f, 0.9f, 0.125f, false, 0.5f, count))
KERNEL(centered, rmsprop_general(w, v, NULL, a, g, 0.001f, 0.9f, 0.125f, true, 0.0f, count))
KERNEL(moving_centered, rmsprop_general(w, v, m, a, g, 0.001f, 0.9f, 0.125f, false, 0.5f, count))
FORMULA(moving) { return general(n, g, false, 0.5, false); }
FORMULA(centered) { return general(n, g, true, 0, true); }
FORMULA(moving_centered) { return general(n, g, false, 0.5, true); }

/* The size of m is that of its terms. */
static double first_moment(numbers *n, double g) {
  double terms = 0.9 * fabs(n->m) + (1 - 0.9) * fabs(g);
  n->m = 0.9 * n->m + (1 - 0.9) * g;
  return terms;
}
static double adam(numbers *n, double g, bool amsgrad) {
  double size = first_moment(n, g), t = (double)number;
  n->v = 0.999 * n->v + (1 - 0.999) * g * g;
  if (amsgrad) n->a = n->v > n->a ? n->v : isnan(n->v) ? n->v : n->a;
  double rate = (double)0.001f * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t));
  double factor = rate / (sqrt(amsgrad ? n->a : n->v) + (double)1e-7f);
  n->w -= factor * n->m;
  return factor * size;
}
KERNEL(adam, adam(w, m, v, g, 0.001f, 0.9f, 0.999f, 1e-7f, number, count))
KERNEL(amsgrad, amsgrad(w, m, v, a, g, 0.001f, 0.9f, 0.999f, 1e-7f, number, count))
FORMULA(adam) { return adam(n, g, false); }
FORMULA(amsgrad) { return adam(n, g, true); }

KERNEL(adamax, adamax(w, m, v, g, 0.001f, 0.9f, 0.999f, 1e-7f, number, count))
FORMULA(adamax) {
  double size = first_moment(n, g);
  n->v = 0.999 * n->v >= fabs(g) ? 0.999 * n->v : fabs(g);
  double factor = (double)0.001f / (1 - pow(0.9, (double)number)) / (n->v + (double)1e-7f);
  n->w -= factor * n->m;
  return factor * size;
}

KERNEL(nadam, nadam(w, m, v, g, 0.001f, 0.9f, 0.999f, 1e-7f, product, number, count))
FORMULA(nadam) {
  double size = first_moment(n, g), t = (double)number;
  double now = 0.9 * (1 - 0.5 * pow(0.96, t)), next = 0.9 * (1 - 0.5 * pow(0.96, t + 1));
  n->v = 0.999 * n->v + (1 - 0.999) * g * g;
  double first = next / (1 - product * next), second = (1 - now) / (1 - product);
  double factor = (double)0.001f / (sqrt(n->v / (1 - pow(0.999, t))) + (double)1e-7f);
  n->w -= factor * (first * n->m + second * g);
  return factor * (first * size + second * fabs(g));
}

KERNEL(adagrad, adagrad(w, v, g, 0.001f, 1e-7f, count))
FORMULA(adagrad) {
  n->v += g * g;
  double change = (double)0.001f * g / sqrt(n->v + (double)1e-7f);
  n->w -= change;
  return fabs(change);
}

/* Its m is a mean of squares: that of a is there. */
KERNEL(adadelta, adadelta(w, v, a, g, 0.001f, 0.95f, 1e-7f, count))
FORMULA(adadelta) {
  n->v = 0.95 * n->v + (1 - 0.95) * g * g;
  double delta = sqrt((n->a + (double)1e-7f) / (n->v + (double)1e-7f)) * g;
  n->a = 0.95 * n->a + (1 - 0.95) * delta * delta;
  n->w -= (double)0.001f * delta;
  return fabs((double)0.001f * delta);
}

/* Where the mean is all rounding, either sign is right. */
KERNEL(lion, lion(w, m, g, 0.001f, 0.9f, 0.99f, count))
FORMULA(lion) {
  double mean = 0.9 * n->m + (1 - 0.9) * g, sign = isnan(mean) ? mean : (double)((mean > 0) - (mean < 0));
  bool uncertain = fabs(mean) <= 1e-6 * (0.9 * fabs(n->m) + 0.1 * fabs(g)) && fabs(mean) > 0;
  n->w -= (double)0.001f * sign;
  n->m = 0.99 * n->m + (1 - 0.99) * g;
  return (double)0.001f * (uncertain ? 2e6 : 1);
}

KERNEL(ftrl, ftrl(w, v, m, g, 0.001f, 0.25f, 0.125f, 0.5f, 0.75f, count))
FORMULA(ftrl) {
  double rate = (double)0.001f, before = n->v, w = n->w;
  n->v += g * g;
  double pull = g == 0 ? 0 : g * g / (sqrt(n->v) + sqrt(before)) / rate;
  double divisor = sqrt(n->v) / rate + 2 * 0.125 + 0.75 / rate;
  double terms = fabs(n->m) + fabs(g) + fabs(w) + pull * fabs(w);
  n->m += g + 2 * 0.5 * w - pull * w;
  double clipped = n->m > 0.25 ? 0.25 : n->m < -0.25 ? -0.25 : n->m;
  n->w = (clipped - n->m) / divisor;
  return terms / divisor;
}

KERNEL(moving_average, moving_average(w, g, 0.99f, count))
FORMULA(moving_average) {
  double size = (1 - 0.99) * (fabs(g) + fabs(n->w));
  n->w += (1 - 0.99) * (g - n->w);
  return size;
}

KERNEL(decay_and_add, decay_and_add(w, g, 0.004f, count))
FORMULA(decay_and_add) {
  double decay = (double)0.004f * n->w;
  n->w += g - decay;
  return fabs(g) + fabs(decay);
}

KERNEL(scale_and_clip, scale_and_clip(w, g, 0.3, 0.5f, count))
FORMULA(scale_and_clip) {
  n->w = fabs(0.3 * g) > 0.5 ? copysign(0.5, g) : 0.3 * g;
  return fabs(n->w);
}

typedef struct rule {
  const char *name;
  void (*run)(const lam_kernel_table *k, float *w, float *m, float *v, float *a, const float *g, size_t count);
  double (*formula)(numbers *n, double g);
} rule;
#define RULE(name)                                                                                                               \
  { #name, run_##name, formula_##name }
static const rule rules[] = {
  RULE(sgd),      RULE(momentum),        RULE(nesterov), RULE(rmsprop),        RULE(outside),       RULE(moving),
  RULE(centered), RULE(moving_centered), RULE(adam),     RULE(amsgrad),        RULE(adamax),        RULE(nadam),
  RULE(adagrad),  RULE(adadelta),        RULE(lion),     RULE(moving_average), RULE(decay_and_add), RULE(scale_and_clip),
  RULE(ftrl),
};

/* ---- the comparison ----------------------------------------------------------------------------------------------- */

/* Of the last place of the float nearest to x. */
static double half_unit(double x) {
  if (!isfinite(x)) return 0;
  return fabs(x) < 0x1p-126 ? 0x1p-150 : ldexp(1, ilogb(x) - 24);
}

static bool agree(double got, double wanted, double most) {
  if (isnan(wanted)) return isnan(got);
  return isinf(wanted) ? got == wanted : fabs(got - wanted) <= most;
}

typedef struct block {
  float w[MOST + 1], m[MOST + 1], v[MOST + 1], a[MOST + 1], g[MOST + 1];
} block;

static void check_number(const rule *r, const char *isa, const block *before, const block *after, size_t i) {
  numbers n = { (double)before->w[i], (double)before->m[i], (double)before->v[i], (double)before->a[i] };
  const numbers old = n;
  double g = (double)before->g[i], size = r->formula(&n, g), w = (double)after->w[i];
  if (!agree(w, n.w, 1e-6 * size + fmax(half_unit(n.w), isfinite(w) ? half_unit(w) : 0)))
    fail_msg("%s, %s, number %zu: w is %.9g, not %.9g (g %g)", r->name, isa, i, w, n.w, g);
  if (isinf(g)) return; /* what is left of the states is no number to go by */
  const double wanted[] = { n.m, n.v, n.a }, from[] = { old.m, old.v, old.a };
  const double got[] = { (double)after->m[i], (double)after->v[i], (double)after->a[i] };
  /* Ftrl's linear term has more terms than itself and what is added. */
  double terms = r->formula == formula_ftrl ? size * (sqrt(n.v) + 1) * 1000 : 0;
  for (size_t s = 0; s < 3; s++)
    if (!agree(got[s], wanted[s], 8 * 0x1p-24 * (fabs(from[s]) + fabs(wanted[s]) + (s == 0 ? terms : 0)) + 0x1p-100))
      fail_msg("%s, %s, number %zu: state %zu is %.9g, not %.9g (g %g)", r->name, isa, i, s, got[s], wanted[s], g);
}

/* v is at least the square of a, which adadelta takes for a mean of squares. */
static void fill(block *b, uint64_t stream, const float *special, size_t specials) {
  lam_random_normal(b->w, MOST + 1, 1, stream, 0);
  lam_random_normal(b->m, MOST + 1, 2, stream, 0);
  lam_random_normal(b->a, MOST + 1, 3, stream, 0);
  lam_random_normal(b->v, MOST + 1, 4, stream, 0);
  lam_random_normal(b->g, MOST + 1, 5, stream, 0);
  for (size_t i = 0; i <= MOST; i++) {
    b->a[i] = 0.25f * fabsf(b->a[i]);
    b->v[i] = b->a[i] * b->a[i] + 0.125f * fabsf(b->v[i]);
    if (i % 7 == 3) b->m[i] = b->v[i] = b->a[i] = 0.0f; /* as at the beginning */
    if (i % 7 == 4) b->m[i] = 0x1p-99f;                 /* about to be dust */
    if (specials && i % 3 == 0) b->g[i] = special[i / 3 % specials];
  }
}

static void check(const lam_kernel_table *k, const rule *r, size_t count, const float *special, size_t specials) {
  static block before, after;
  size_t odd = count % 2; /* the address is one float off */
  fill(&before, count, special, specials);
  after = before;
  r->run(k, after.w + odd, after.m + odd, after.v + odd, after.a + odd, before.g + odd, count);
  for (size_t i = 0; i <= MOST; i++) {
    if (i >= odd && i < odd + count) {
      check_number(r, k->isa, &before, &after, i);
      continue;
    }
    assert_memory_equal(&after.w[i], &before.w[i], sizeof(float));
    assert_memory_equal(&after.m[i], &before.m[i], sizeof(float));
    assert_memory_equal(&after.v[i], &before.v[i], sizeof(float));
    assert_memory_equal(&after.a[i], &before.a[i], sizeof(float));
  }
}

static void at_every_level(const float *special, size_t specials) {
#define LAM_X(name) #name,
  static const char *const levels[] = { LAM_ISA_LIST(LAM_X) };
#undef LAM_X
  static const uint64_t steps[] = { 1, 2, 1000 };
  size_t checked = 0;
  for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
    const lam_kernel_table *k = lam_kernels_at(levels[level]);
    checked += k != NULL;
    for (size_t s = 0; s < 3 && k; s++) {
      number = steps[s];
      product = 1;
      for (uint64_t t = 1; t <= number; t++) product *= 0.9 * (1 - 0.5 * pow(0.96, (double)t));
      for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (size_t count = 0; count < MOST; count++) check(k, &rules[i], count, special, specials);
    }
  }
  assert_true(checked > 0);
}

static void a_step_follows_its_formula_at_every_level(void **state) {
  (void)state;
  at_every_level(NULL, 0);
}

/* A NaN reaches its own weight and no other; an infinity becomes what the formula makes of it; denormals are numbers. */
static void so_it_does_with_special_gradients(void **state) {
  (void)state;
  static const float special[] = { NAN, INFINITY, -INFINITY, 1e-45f, -1e-40f, 0.0f, -0.0f, 1e-20f, -1e18f };
  at_every_level(special, sizeof special / sizeof *special);
}

static void a_sum_of_squares_is_one_of_doubles_at_every_level(void **state) {
  (void)state;
#define LAM_X(name) #name,
  static const char *const levels[] = { LAM_ISA_LIST(LAM_X) };
#undef LAM_X
  static float x[300];
  lam_random_normal(x, 300, 1, 1, 0);
  for (size_t i = 0; i < 300; i += 5) x[i] *= i % 2 ? 1e37f : 1e-40f;
  for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
    const lam_kernel_table *k = lam_kernels_at(levels[level]);
    for (size_t count = 0; k && count < 299; count++) {
      double sum = -1, wanted = 0;
      for (size_t i = 0; i < count; i++) wanted += square((double)x[i + count % 2]);
      k->sum_of_squares(&sum, x + count % 2, count);
      /* Both round each sum once; this one at most count times. */
      assert_true(fabs(sum - wanted) <= (2 * (double)count + 5) * 0x1p-53 * wanted);
    }
    const float special[][2] = { { 1, NAN }, { -INFINITY, 1 } };
    double sum[2] = { 0 };
    for (size_t i = 0; k && i < 2; i++) k->sum_of_squares(&sum[i], special[i], 2);
    if (k) assert_true(isnan(sum[0]) && sum[1] == (double)INFINITY);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_step_follows_its_formula_at_every_level),
    cmocka_unit_test(so_it_does_with_special_gradients),
    cmocka_unit_test(a_sum_of_squares_is_one_of_doubles_at_every_level),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
