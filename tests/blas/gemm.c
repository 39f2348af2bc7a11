/* SPDX-License-Identifier: MIT
 *
 * Products by every backend of the build and, for the native one, at every instruction set: exact on integers, within the error
 * bound on any data, and for the native one the documented chain bit by bit.
 */
#include "products.h"

#include <stdio.h>

typedef struct problem {
  int ta, tb;
  size_t m, n, k;
  float alpha, beta;
  size_t gap; /* leading dimensions beyond the row */
  int at_end; /* against the guard page behind, or the one before */
} problem;

typedef struct operands {
  guarded memory[3];
  float *a, *b, *c;
  size_t lda, ldb, ldc;
} operands;

enum { MOST = 1 << 20 };

static operands operands_create(void) {
  operands o = { .memory = { guarded_create(MOST), guarded_create(MOST), guarded_create(MOST) } };
  return o;
}

static void operands_destroy(operands *o) {
  for (int i = 0; i < 3; ++i) guarded_destroy(&o->memory[i]);
}

/* Lays out the three matrices. */
static void place(operands *o, const problem *p) {
  size_t a_rows = p->ta ? p->k : p->m, a_columns = p->ta ? p->m : p->k;
  size_t b_rows = p->tb ? p->n : p->k, b_columns = p->tb ? p->k : p->n;
  o->lda = a_columns + p->gap;
  o->ldb = b_columns + p->gap;
  o->ldc = p->n + p->gap;
  o->a = guarded_matrix(&o->memory[0], a_rows, a_columns, o->lda, p->at_end);
  o->b = guarded_matrix(&o->memory[1], b_rows, b_columns, o->ldb, p->at_end);
  o->c = guarded_matrix(&o->memory[2], p->m, p->n, o->ldc, p->at_end);
}

static size_t span(size_t rows, size_t columns, size_t ld) { return rows && columns ? (rows - 1) * ld + columns : 0; }

static void run_problem(const way *w, const operands *o, const problem *p) {
  multiply(w, transposition(p->ta), transposition(p->tb), p->m, p->n, p->k, p->alpha, o->a, o->lda, o->b, o->ldb, p->beta, o->c,
           o->ldc);
}

static void fail_at(const way *w, const problem *p, size_t i, size_t j, double got, double wanted) {
  fail_msg("%s: %zux%zux%zu:%c%c alpha %g beta %g gap %zu: c[%zu][%zu] is %.9g, not %.9g", w->name, p->m, p->n, p->k,
           p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', (double)p->alpha, (double)p->beta, p->gap, i, j, got, wanted);
}

/* What C held before: NaN where beta = 0 must overwrite it; a mark in the gaps, which must stay. */
static void fill_c(const operands *o, const problem *p, float *before) {
  fill_integers(before, p->m * p->n + 1, 7, 3);
  for (size_t i = 0; i < p->m; ++i) {
    for (size_t j = 0; j < p->n; ++j) o->c[i * o->ldc + j] = p->beta == 0 ? NAN : before[i * p->n + j];
    for (size_t j = p->n; i + 1 < p->m && p->n && j < o->ldc; ++j) o->c[i * o->ldc + j] = 12345;
  }
}

static void check_gaps(const way *w, const operands *o, const problem *p) {
  for (size_t i = 0; i + 1 < p->m && p->n; ++i) {
    for (size_t j = p->n; j < o->ldc; ++j) {
      if (o->c[i * o->ldc + j] != 12345) fail_at(w, p, i, j, (double)o->c[i * o->ldc + j], 12345);
    }
  }
}

/* Sums of integers below 2^24 are exact in any order: 4 * 4 * k for the product, times alpha, plus beta times 7. */
static void check_exact(const way *w, operands *o, const problem *p, float *before, size_t *zeros, size_t *outputs) {
  place(o, p);
  fill_integers(o->a, span(p->ta ? p->k : p->m, p->ta ? p->m : p->k, o->lda), 4, 1);
  fill_integers(o->b, span(p->tb ? p->n : p->k, p->tb ? p->k : p->n, o->ldb), 4, 2);
  fill_c(o, p, before);
  run_problem(w, o, p);
  for (size_t i = 0; i < p->m; ++i) {
    for (size_t j = 0; j < p->n; ++j) {
      int sum = 0;
      for (size_t l = 0; l < p->k; ++l) {
        sum += (int)element(o->a, o->lda, transposition(p->ta), i, l) * (int)element(o->b, o->ldb, transposition(p->tb), l, j);
      }
      float wanted = p->alpha * (float)sum + (p->beta == 0 ? 0 : p->beta * before[i * p->n + j]);
      float got = o->c[i * o->ldc + j];
      if (!(got == wanted)) fail_at(w, p, i, j, (double)got, (double)wanted);
      *zeros += p->k > 8 && wanted == 0;
      *outputs += p->k > 8;
    }
  }
  check_gaps(w, o, p);
}

static const float scalings[][2] = { { 1, 0 }, { 1, 1 }, { -2, 0 }, { 3, -2 }, { 0, 0 }, { 0, 2 } };

static void integer_products_are_exact_at_all_small_and_odd_sizes(void **state) {
  (void)state;
  static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 12, 13, 16, 17, 33 };
  enum { SIZES = sizeof sizes / sizeof *sizes };
  way ways[MOST_WAYS];
  size_t count = all_ways(ways), zeros = 0, outputs = 0, scaling = 0;
  operands o = operands_create();
  float before[33 * 33 + 1];
  for (size_t w = 0; w < count; ++w) {
    for (size_t s = 0; s < 4 * SIZES * SIZES * SIZES; ++s, ++scaling) {
      const float *factors = scalings[scaling % 6];
      check_exact(&ways[w], &o,
                  &(problem){ .ta = s & 1,
                              .tb = s >> 1 & 1,
                              .m = sizes[s / 4 % SIZES],
                              .n = sizes[s / 4 / SIZES % SIZES],
                              .k = sizes[s / 4 / SIZES / SIZES],
                              .alpha = factors[0],
                              .beta = factors[1],
                              .gap = s % 3,
                              .at_end = s % 7 != 0 },
                  before, &zeros, &outputs);
    }
  }
  assert_true(zeros * 2 < outputs); /* mostly zero outputs would hide what is wrong; a third have alpha = 0 */
  operands_destroy(&o);
}

/* Sizes around tiles, packed blocks and cuts of k. */
static const size_t shapes[][3] = {
  { 1, 100, 90 },   { 90, 1, 100 },   { 2, 65, 31 },    { 32, 256, 50 },  { 65, 47, 33 },   { 33, 97, 400 },  { 64, 64, 257 },
  { 70, 17, 193 },  { 17, 70, 385 },  { 129, 33, 200 }, { 5, 200, 1000 }, { 200, 5, 1000 }, { 40, 40, 1000 }, { 15, 32, 784 },
  { 50, 130, 600 }, { 100, 140, 70 }, { 1, 300, 90 },   { 300, 1, 90 },   { 1, 67, 19 },    { 73, 1, 23 },    { 256, 15, 32 },
  { 25, 400, 30 },  { 128, 200, 10 }, { 1, 25, 400 },   { 1, 150, 40 },   { 1, 555, 43 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static problem shape_problem(size_t shape, size_t s) {
  const float *factors = scalings[s % 4];
  return (problem){ .ta = s & 1,
                    .tb = s >> 1 & 1,
                    .m = shapes[shape][0],
                    .n = shapes[shape][1],
                    .k = shapes[shape][2],
                    .alpha = factors[0],
                    .beta = factors[1],
                    .gap = s % 3,
                    .at_end = s % 5 != 0 };
}

static void integer_products_are_exact_at_larger_sizes(void **state) {
  (void)state;
  way ways[MOST_WAYS];
  size_t count = all_ways(ways), zeros = 0, outputs = 0;
  operands o = operands_create();
  float *before = calloc(MOST, sizeof *before);
  for (size_t w = 0; w < count; ++w) {
    for (size_t s = 0; s < 16 * SHAPES; ++s) {
      problem p = shape_problem(s / 16, s % 4 + s / 4 % 4 * 5);
      p.ta = s & 1;
      p.tb = s >> 1 & 1;
      p.alpha = scalings[s / 4 % 4][0];
      p.beta = scalings[s / 4 % 4][1];
      check_exact(&ways[w], &o, &p, before, &zeros, &outputs);
    }
  }
  assert_true(zeros * 10 < outputs);
  free(before);
  operands_destroy(&o);
}

/* s = 0, s = fma(a_il, b_lj, s) in increasing l, c = alpha s or fma(beta, c, alpha s). */
static float chain(const operands *o, const problem *p, size_t i, size_t j, float before) {
  float sum = 0;
  for (size_t l = 0; l < p->k; ++l) {
    sum = fmaf(element(o->a, o->lda, transposition(p->ta), i, l), element(o->b, o->ldb, transposition(p->tb), l, j), sum);
  }
  return p->beta == 0 ? p->alpha * sum : fmaf(p->beta, before, p->alpha * sum);
}

static void check_chain(const way *w, operands *o, const problem *p, float *before) {
  place(o, p);
  fill_unit(o->a, span(p->ta ? p->k : p->m, p->ta ? p->m : p->k, o->lda), 4);
  fill_unit(o->b, span(p->tb ? p->n : p->k, p->tb ? p->k : p->n, o->ldb), 5);
  fill_c(o, p, before);
  run_problem(w, o, p);
  for (size_t i = 0; i < p->m; ++i) {
    for (size_t j = 0; j < p->n; ++j) {
      float wanted = chain(o, p, i, j, before[i * p->n + j]), got = o->c[i * o->ldc + j];
      if (memcmp(&wanted, &got, sizeof got) != 0) fail_at(w, p, i, j, (double)got, (double)wanted);
    }
  }
}

static void native_outputs_are_one_chain_in_k_at_every_level(void **state) {
  (void)state;
  way ways[MOST_WAYS];
  size_t count = native_ways(ways);
  assert_true(count > 0);
  operands o = operands_create();
  float *before = calloc(MOST, sizeof *before);
  for (size_t w = 0; w < count; ++w) {
    for (size_t s = 0; s < 4 * SHAPES; ++s) {
      problem p = shape_problem(s / 4, s);
      p.alpha = s % 3 ? 1 : -0.7f;
      p.beta = s % 2 ? 0 : 0.3f;
      p.ta = s / 2 & 1;
      p.tb = s & 1;
      check_chain(&ways[w], &o, &p, before);
      p.beta = s % 2 ? 0.3f : 0;
      check_chain(&ways[w], &o, &p, before);
    }
  }
  free(before);
  operands_destroy(&o);
}

/* Several slabs of lanes and blocks of k; the last slab of the second is one lane. */
static void native_outputs_are_one_chain_in_large_products(void **state) {
  (void)state;
  static const problem large[] = {
    { .m = 50, .n = 330, .k = 600, .alpha = 1, .gap = 1 },
    { .m = 50, .n = 330, .k = 600, .alpha = -0.7f, .tb = true, .at_end = true },
    { .m = 330, .n = 50, .k = 600, .alpha = 1, .ta = true, .at_end = true },
    { .m = 49, .n = 1345, .k = 384, .alpha = 1, .ta = true, .gap = 2, .at_end = true },
  };
  way ways[MOST_WAYS];
  size_t count = native_ways(ways);
  operands o = operands_create();
  float *before = calloc(MOST, sizeof *before);
  for (size_t w = 0; w < count; ++w) {
    for (size_t i = 0; i < sizeof large / sizeof *large; ++i) check_chain(&ways[w], &o, &large[i], before);
  }
  free(before);
  operands_destroy(&o);
}

/* |error| <= gamma_(k+2) (|alpha| |A||B| + |beta| |C|) in each element, with gamma_n = n u / (1 - n u), u = 2^-24: Higham,
 * "Accuracy and Stability of Numerical Algorithms", 2nd edition, section 3.5, for any order of summation. */
static void check_bound(const way *w, operands *o, const problem *p, float *before) {
  place(o, p);
  fill_unit(o->a, span(p->ta ? p->k : p->m, p->ta ? p->m : p->k, o->lda), 6);
  fill_unit(o->b, span(p->tb ? p->n : p->k, p->tb ? p->k : p->n, o->ldb), 7);
  fill_c(o, p, before);
  run_problem(w, o, p);
  const double n = (double)(p->k + 2), u = 0x1p-24, gamma = n * u / (1 - n * u);
  for (size_t i = 0; i < p->m; ++i) {
    for (size_t j = 0; j < p->n; ++j) {
      double sum = 0, size = 0;
      for (size_t l = 0; l < p->k; ++l) {
        double product =
            (double)element(o->a, o->lda, transposition(p->ta), i, l) * (double)element(o->b, o->ldb, transposition(p->tb), l, j);
        sum += product;
        size += fabs(product);
      }
      double c = p->beta == 0 ? 0 : (double)p->beta * (double)before[i * p->n + j];
      double wanted = (double)p->alpha * sum + c, got = (double)o->c[i * o->ldc + j];
      if (!(fabs(got - wanted) <= gamma * (fabs((double)p->alpha) * size + fabs(c)))) fail_at(w, p, i, j, got, wanted);
    }
  }
}

static void products_of_any_data_stay_within_the_error_bound(void **state) {
  (void)state;
  way ways[MOST_WAYS];
  size_t count = all_ways(ways);
  operands o = operands_create();
  float *before = calloc(MOST, sizeof *before);
  for (size_t w = 0; w < count; ++w) {
    for (size_t s = 0; s < 4 * SHAPES; ++s) {
      problem p = shape_problem(s / 4, s);
      p.alpha *= 0.9f;
      check_bound(&ways[w], &o, &p, before);
    }
  }
  free(before);
  operands_destroy(&o);
}

static void alpha_zero_or_no_terms_leave_beta_times_c_and_do_not_read_a_and_b(void **state) {
  (void)state;
  way ways[MOST_WAYS];
  size_t count = all_ways(ways);
  for (size_t w = 0; w < count; ++w) {
    float a[4] = { NAN, NAN, INFINITY, NAN }, c[4] = { 1, 2, 3, 4 };
    multiply(&ways[w], LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 2, 2, 2, 0, a, 2, a, 2, 2, c, 2);
    assert_true(c[0] == 2 && c[1] == 4 && c[2] == 6 && c[3] == 8);
    multiply(&ways[w], LAM_NO_TRANSPOSE, LAM_TRANSPOSE, 2, 2, 0, INFINITY, NULL, 0, NULL, 0, 0.5f, c, 2);
    assert_true(c[0] == 1 && c[1] == 2 && c[2] == 3 && c[3] == 4);
    c[1] = NAN;
    multiply(&ways[w], LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 4, 0, 1, NULL, 0, NULL, 4, 0, c, 4);
    assert_true(c[0] == 0 && c[1] == 0 && c[2] == 0 && c[3] == 0);
  }
}

static void nan_and_infinity_reach_exactly_the_outputs_they_belong_to(void **state) {
  (void)state;
  enum { SIZE = 35 };
  static float a[SIZE * SIZE], b[SIZE * SIZE], c[SIZE * SIZE];
  way ways[MOST_WAYS];
  size_t count = native_ways(ways);
  for (size_t w = 0; w < count; ++w) {
    for (int s = 0; s < 4; ++s) {
      for (size_t i = 0; i < SIZE * SIZE; ++i) a[i] = b[i] = 1;
      a[(s & 1) ? 9 * SIZE + 20 : 20 * SIZE + 9] = NAN;       /* op(a)[20][9] */
      b[(s & 2) ? 33 * SIZE + 2 : 2 * SIZE + 33] = -INFINITY; /* op(b)[2][33] */
      multiply(&ways[w], transposition(s & 1), transposition(s & 2), SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0, c, SIZE);
      for (size_t i = 0; i < SIZE; ++i) {
        for (size_t j = 0; j < SIZE; ++j) {
          float got = c[i * SIZE + j];
          assert_true(i == 20 ? isnan(got) : j == 33 ? got == -INFINITY : got == SIZE);
        }
      }
    }
  }
}

/* The large path and the one without scratch, and both with what follows the sums, against the parts one after the other. */
static void neither_scratch_nor_an_epilogue_changes_a_bit(void **state) {
  (void)state;
  static const size_t packed[][3] = { { 1, 1, 1 },     { 7, 1, 5 },    { 1, 40, 5 },     { 1, 33, 300 },
                                      { 1, 70, 9 },    { 1, 280, 60 }, { 40, 1, 10 },    { 90, 15, 32 },
                                      { 30, 200, 10 }, { 5, 40, 1 },   { 13, 17, 20 },   { 48, 64, 64 },
                                      { 97, 65, 300 }, { 65, 97, 65 }, { 600, 70, 300 }, { 70, 600, 129 } };
  static _Alignas(64) float scratch[LAM_GEMM_SCRATCH];
  static float a[1 << 18], b[1 << 18], bias[600], whole[1 << 16], parts[1 << 16], small[1 << 16];
  fill_unit(a, 1 << 18, 1);
  fill_unit(b, 1 << 18, 2);
  fill_unit(bias, 600, 3);
  way ways[MOST_WAYS];
  size_t count = all_ways(ways);
  for (size_t w = 0; w < count; ++w) {
    const lam_kernel_table *kernels = ways[w].kernels;
    for (size_t s = 0; s < 4 * sizeof packed / sizeof *packed; ++s) {
      const size_t m = packed[s / 4][0], n = packed[s / 4][1], k = packed[s / 4][2], bytes = m * n * sizeof(float);
      const lam_transpose ta = transposition(s & 1), tb = transposition(s & 2);
      const size_t lda = s & 1 ? m : k, ldb = s & 2 ? k : n;
      const lam_epilogue relu = { bias, true }, plain = { bias, false };
      lam_gemm_run(&ways[w].gemm, kernels, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, parts, n, NULL, scratch);
      lam_gemm_run(&ways[w].gemm, kernels, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, small, n, NULL, NULL);
      assert_memory_equal(parts, small, bytes);
      lam_gemm_run(&ways[w].gemm, kernels, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, whole, n, &plain, scratch);
      kernels->bias(small, n, parts, n, bias, m, n);
      assert_memory_equal(whole, small, bytes);
      lam_gemm_run(&ways[w].gemm, kernels, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, whole, n, &relu, scratch);
      kernels->bias_relu(small, n, parts, n, bias, m, n);
      assert_memory_equal(whole, small, bytes);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(integer_products_are_exact_at_all_small_and_odd_sizes),
    cmocka_unit_test(integer_products_are_exact_at_larger_sizes),
    cmocka_unit_test(native_outputs_are_one_chain_in_k_at_every_level),
    cmocka_unit_test(native_outputs_are_one_chain_in_large_products),
    cmocka_unit_test(products_of_any_data_stay_within_the_error_bound),
    cmocka_unit_test(alpha_zero_or_no_terms_leave_beta_times_c_and_do_not_read_a_and_b),
    cmocka_unit_test(nan_and_infinity_reach_exactly_the_outputs_they_belong_to),
    cmocka_unit_test(neither_scratch_nor_an_epilogue_changes_a_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
