/* SPDX-License-Identifier: MIT
 *
 * The dense layer against its definition in double, forward and backward, for every activation, and orthogonal matrices.
 */
#include "blas/gemm.h"
#include "exact.h"
#include "products.h"

enum { ROWS = 9, IN = 21, OUT = 13, LDX = 22, LDW = 15, LDY = 14 };

typedef struct layer {
  float x[ROWS * LDX], w[IN * LDW], bias[OUT], y[ROWS * LDY];
  float dy[ROWS * LDY], dx[ROWS * LDX], dw[IN * LDW], dbias[OUT];
  double z[ROWS][OUT], f[ROWS][OUT], g[ROWS][OUT],
      dz[ROWS][OUT]; /* in double: before and after f, the gradients after and before */
} layer;

static void fill(layer *l) {
  fill_unit(l->x, ROWS * LDX, 11);
  fill_unit(l->w, IN * LDW, 12);
  fill_unit(l->bias, OUT, 13);
  fill_unit(l->dy, ROWS * LDY, 14);
}

/* The gradient of z_j is sum_k g_k dy_k/dz_j, by central differences: in double their error is h^2 and 1e-16 / h, below 1e-9. */
static double gradient_at(const double *z, const double *g, size_t j, lam_activation activation) {
  double above[OUT], below[OUT], sum = 0, h = 1e-5;
  for (size_t k = 0; k < OUT; ++k) above[k] = below[k] = z[k];
  above[j] += h;
  below[j] -= h;
  exact_activate(above, OUT, activation);
  exact_activate(below, OUT, activation);
  for (size_t k = 0; k < OUT; ++k) sum += g[k] * (above[k] - below[k]) / (2 * h);
  return sum;
}

static void reference(layer *l, lam_activation activation, bool with_bias) {
  for (size_t i = 0; i < ROWS; ++i) {
    for (size_t j = 0; j < OUT; ++j) {
      l->z[i][j] = with_bias ? (double)l->bias[j] : 0;
      for (size_t q = 0; q < IN; ++q) l->z[i][j] += (double)l->x[i * LDX + q] * (double)l->w[q * LDW + j];
      l->g[i][j] = (double)l->dy[i * LDY + j];
      l->f[i][j] = l->z[i][j];
    }
    exact_activate(l->f[i], OUT, activation);
    for (size_t j = 0; j < OUT; ++j) l->dz[i][j] = gradient_at(l->z[i], l->g[i], j, activation);
  }
}

/* Sums of at most IN + 1 products below 1 are wrong by gamma_(IN + 2) IN < 22 * 23 * 2^-24 < 4e-5; no activation here has a slope
 * above 1, and each gradient is a sum of at most ROWS or OUT such terms. */
static void near(double got, double wanted) {
  if (!(fabs(got - wanted) <= 4e-5 * ROWS)) fail_msg("%.9g is not %.9g", got, wanted);
}

static void check_backward(const layer *l) {
  for (size_t j = 0; j < OUT; ++j) {
    double sum = 0;
    for (size_t i = 0; i < ROWS; ++i) sum += l->dz[i][j];
    near((double)l->dbias[j], sum);
    for (size_t q = 0; q < IN; ++q) {
      double dw = 0;
      for (size_t i = 0; i < ROWS; ++i) dw += (double)l->x[i * LDX + q] * l->dz[i][j];
      near((double)l->dw[q * LDW + j], dw);
    }
  }
  for (size_t i = 0; i < ROWS; ++i) {
    for (size_t q = 0; q < IN; ++q) {
      double dx = 0;
      for (size_t j = 0; j < OUT; ++j) dx += l->dz[i][j] * (double)l->w[q * LDW + j];
      near((double)l->dx[i * LDX + q], dx);
    }
  }
}

static void dense_passes_agree_with_their_definition_for_every_activation(void **state) {
  (void)state;
  static layer l;
  lam_context *context = lam_context_create(NULL);
  for (int a = LAM_LINEAR; a < EXACT_ACTIVATIONS; ++a) {
    for (int with_bias = 0; with_bias < 2; ++with_bias) {
      fill(&l);
      reference(&l, (lam_activation)a, with_bias);
      assert_int_equal(
          lam_dense_forward(context, l.y, LDY, l.x, LDX, l.w, LDW, with_bias ? l.bias : NULL, (lam_activation)a, ROWS, IN, OUT),
          LAM_OK);
      for (size_t i = 0; i < ROWS; ++i) {
        for (size_t j = 0; j < OUT; ++j) near((double)l.y[i * LDY + j], l.f[i][j]);
      }
      if (lam_function_from_x((lam_activation)a)) { /* its backward pass takes x w + bias in place of y */
        for (size_t i = 0; i < ROWS; ++i) {
          for (size_t j = 0; j < OUT; ++j) l.y[i * LDY + j] = (float)l.z[i][j];
        }
      }
      assert_int_equal(lam_dense_backward(context, l.dx, LDX, l.dw, LDW, l.dbias, l.dy, LDY, l.y, LDY, l.x, LDX, l.w, LDW,
                                          (lam_activation)a, ROWS, IN, OUT),
                       LAM_OK);
      for (size_t i = 0; i < ROWS; ++i) {
        for (size_t j = 0; j < OUT; ++j) near((double)l.dy[i * LDY + j], l.dz[i][j]);
      }
      check_backward(&l);
    }
  }
  lam_context_destroy(context);
}

static void unwanted_gradients_are_not_touched(void **state) {
  (void)state;
  static layer l;
  lam_context *context = lam_context_create(NULL);
  fill(&l);
  assert_int_equal(
      lam_dense_backward(context, NULL, 0, NULL, 0, NULL, l.dy, LDY, NULL, 0, NULL, 0, NULL, 0, LAM_LINEAR, ROWS, IN, OUT),
      LAM_OK);
  assert_int_equal(
      lam_dense_backward(context, NULL, 0, l.dw, LDW, NULL, l.dy, LDY, NULL, 0, l.x, IN - 1, NULL, 0, LAM_LINEAR, ROWS, IN, OUT),
      LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(context), "lam_dense_backward: ldx is 20, but a row of x has 21 floats");
  assert_int_equal(lam_dense_forward(context, l.y, LDY, l.x, LDX, l.w, LDW, NULL, (lam_activation)99, ROWS, IN, OUT),
                   LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(context), "lam_dense_forward: there is no activation number 99");
  lam_context_destroy(context);
}

#ifdef LAM_HAVE_LAPACKE
/* |row i . row j| of a matrix, or of its transpose. */
static double dot(const float *w, size_t i, size_t j, size_t count, size_t step, size_t along) {
  double sum = 0;
  for (size_t l = 0; l < count; ++l) sum += (double)w[i * step + l * along] * (double)w[j * step + l * along];
  return sum;
}
#endif

static void orthogonal_matrices_have_orthonormal_rows_or_columns(void **state) {
  (void)state;
  static const size_t sizes[][2] = { { 1, 1 }, { 7, 7 }, { 30, 8 }, { 8, 30 }, { 1, 5 }, { 5, 1 }, { 64, 50 } };
  float w[64 * 64], before[64 * 64];
  lam_context *context = lam_context_create(NULL);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; ++s) {
    const size_t rows = sizes[s][0], columns = sizes[s][1];
    lam_random_normal(w, rows * columns, 5, s, 0);
    memcpy(before, w, sizeof w);
#ifndef LAM_HAVE_LAPACKE
    assert_int_equal(lam_orthogonal(context, w, rows, columns, 2), LAM_UNSUPPORTED);
    assert_non_null(strstr(lam_error_message(context), "LAPACKE"));
#else
    assert_int_equal(lam_orthogonal(context, w, rows, columns, 2), LAM_OK);
    const bool high = rows >= columns;
    const size_t least = high ? columns : rows, most = high ? rows : columns;
    for (size_t i = 0; i < least; ++i) {
      /* 4 for gain 2; a backward stable QR leaves Q^T Q within a modest multiple of n u of 1: 64 * 2^-24 = 4e-6, times 4. */
      for (size_t j = 0; j < least; ++j) { near(dot(w, i, j, most, high ? 1 : columns, high ? columns : 1), i == j ? 4 : 0); }
    }
    /* The first vector of Q R is the first of the matrix times a positive number: the sign is the data's, not LAPACK's. */
    double with_first = 0;
    for (size_t l = 0; l < most; ++l)
      with_first += (double)w[l * (high ? columns : 1)] * (double)before[l * (high ? columns : 1)];
    assert_true(with_first > 0);
#endif
  }
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(dense_passes_agree_with_their_definition_for_every_activation),
    cmocka_unit_test(unwanted_gradients_are_not_touched),
    cmocka_unit_test(orthogonal_matrices_have_orthonormal_rows_or_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
