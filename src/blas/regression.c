/* SPDX-License-Identifier: MIT
 *
 * Linear regression through LAPACKE's singular values, in double.
 */
#include "base/context.h"
#include <lamina/gemm.h>

#ifdef LAM_HAVE_LAPACKE
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* X^T = U S V^T as LAPACK, which counts columns first, sees the rows of x: U is in x least, V^T least x rows. */
typedef struct problem {
  lam_context *context;
  size_t rows, in, out, least;
  double *x, *t; /* rows x in and rows x out, centred where there is a bias */
  double *x_mean, *t_mean;
  double *u, *vt, *s;
  double *projected, *w; /* least x out: S/(S^2 + ridge) V^T t; in x out */
} problem;

/* One block for all of it: the sizes, in the order of the pointers. */
static size_t lay_out(problem *p, double *block) {
  const size_t sizes[] = { p->rows * p->in, p->rows * p->out,  p->in,         p->out, p->in * p->least, p->least * p->rows,
                           p->least,        p->least * p->out, p->in * p->out };
  double **const places[] = { &p->x, &p->t, &p->x_mean, &p->t_mean, &p->u, &p->vt, &p->s, &p->projected, &p->w };
  size_t total = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    *places[i] = block ? block + total : NULL;
    total += sizes[i];
  }
  return total;
}

static lam_status take(lam_context *context, double *to, const float *from, size_t ld, size_t rows, size_t columns,
                       const char *name) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float value = from[i * ld + j];
      if (!(value - value == 0.0f))
        return lam_fail(context, LAM_INVALID_DATA, "linear regression: row %zu, column %zu of %s is not finite", i, j, name);
      to[i * columns + j] = (double)value;
    }
  return LAM_OK;
}

static void centre(double *matrix, double *mean, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) mean[j] += matrix[i * columns + j] / (double)rows;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) matrix[i * columns + j] -= mean[j];
}

static lapack_int decompose(problem *p, double *work, lapack_int work_size, lapack_int *integers) {
  lapack_int in = (lapack_int)p->in, rows = (lapack_int)p->rows, least = (lapack_int)p->least;
  return LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', in, rows, p->x, in, p->s, p->u, in, p->vt, least, work, work_size, integers);
}

static lam_status singular_values(problem *p) {
  double most = 0;
  lapack_int bad = decompose(p, &most, -1, NULL);
  if (bad || most > INT_MAX)
    return lam_fail(p->context, LAM_INVALID_ARGUMENT, "linear regression: a matrix of %zu x %zu is more than LAPACK takes",
                    p->rows, p->in);
  size_t size = (size_t)most, count = 8 * p->least;
  double *work = lam_allocate_array(p->context, size, sizeof *work);
  lapack_int *integers = lam_allocate_array(p->context, count, sizeof *integers);
  lam_status status = work && integers ? LAM_OK : LAM_OUT_OF_MEMORY;
  if (!status && (bad = decompose(p, work, (lapack_int)size, integers)))
    status = lam_fail(p->context, LAM_SYSTEM, "linear regression: LAPACK finds no singular values (info %d)", (int)bad);
  lam_release(p->context, work, size * sizeof *work);
  lam_release(p->context, integers, count * sizeof *integers);
  return status;
}

static size_t rank_of(const problem *p) {
  double least = (double)(p->rows > p->in ? p->rows : p->in) * 0x1p-52 * p->s[0];
  size_t rank = 0;
  while (rank < p->least && p->s[rank] > least) rank++;
  return rank;
}

static void solve(problem *p, double ridge, size_t rank) {
  for (size_t i = 0; i < p->rows; i++)
    for (size_t r = 0; r < rank; r++)
      for (size_t j = 0; j < p->out; j++) p->projected[r * p->out + j] += p->vt[i * p->least + r] * p->t[i * p->out + j];
  for (size_t r = 0; r < rank; r++)
    for (size_t j = 0; j < p->out; j++) p->projected[r * p->out + j] /= p->s[r] + ridge / p->s[r];
  for (size_t r = 0; r < rank; r++)
    for (size_t k = 0; k < p->in; k++)
      for (size_t j = 0; j < p->out; j++) p->w[k * p->out + j] += p->u[r * p->in + k] * p->projected[r * p->out + j];
}

/* Rounds to floats; the bias is what makes the means agree: mean t - (mean x) w. */
static lam_status give(const problem *p, float *w, size_t ldw, float *bias) {
  for (size_t j = 0; j < p->out; j++) {
    double b = p->t_mean[j];
    bool finite = true;
    for (size_t k = 0; k < p->in; k++) {
      double value = p->w[k * p->out + j];
      b -= p->x_mean[k] * value;
      w[k * ldw + j] = (float)value;
      finite = finite && isfinite((float)value);
    }
    if (bias) bias[j] = (float)b;
    if (!finite || !isfinite((float)b))
      return lam_fail(p->context, LAM_INVALID_DATA, "linear regression: the weights of output %zu are beyond the floats", j);
  }
  return LAM_OK;
}

static double mean_squared_error(const problem *p, const float *w, size_t ldw, const float *bias, const float *x, size_t ldx,
                                 const float *t, size_t ldt) {
  double sum = 0;
  for (size_t i = 0; i < p->rows; i++)
    for (size_t j = 0; j < p->out; j++) {
      double error = (bias ? (double)bias[j] : 0) - (double)t[i * ldt + j];
      for (size_t k = 0; k < p->in; k++) error += (double)x[i * ldx + k] * (double)w[k * ldw + j];
      sum += error * error;
    }
  return sum / ((double)p->rows * (double)p->out);
}

static lam_status check(lam_context *context, size_t ldw, size_t ldx, size_t ldt, double ridge, size_t rows, size_t in,
                        size_t out) {
  if (rows == 0 || in == 0 || out == 0 || rows > INT_MAX || in > INT_MAX || out > INT_MAX)
    return lam_fail(context, LAM_INVALID_SHAPE,
                    "linear regression of %zu rows with %zu columns on %zu: each must be from 1 to 2^31 - 1", rows, in, out);
  if (ldw < out || ldx < in || ldt < out)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "linear regression: ldw %zu, ldx %zu, ldt %zu must be at least %zu, %zu, %zu",
                    ldw, ldx, ldt, out, in, out);
  if (!(ridge >= 0) || !isfinite(ridge))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "linear regression: the ridge must be finite and not negative");
  return LAM_OK;
}

lam_status lam_linear_regression(lam_context *context, float *w, size_t ldw, float *bias, const float *x, size_t ldx,
                                 const float *t, size_t ldt, double ridge, size_t rows, size_t in, size_t out,
                                 lam_regression *result) {
  if (!context || !w || !x || !t) return LAM_NO_HANDLE;
  lam_status status = check(context, ldw, ldx, ldt, ridge, rows, in, out);
  if (status) return status;
  problem p = { .context = context, .rows = rows, .in = in, .out = out, .least = rows < in ? rows : in };
  size_t count = lay_out(&p, NULL);
  double *block = lam_allocate_array(context, count, sizeof *block);
  if (!block) return LAM_OUT_OF_MEMORY;
  memset(block, 0, count * sizeof *block);
  (void)lay_out(&p, block);
  lam_fp_mode mode = lam_fp_enter();
  status = take(context, p.x, x, ldx, rows, in, "x");
  if (!status) status = take(context, p.t, t, ldt, rows, out, "t");
  if (!status && bias) centre(p.x, p.x_mean, rows, in), centre(p.t, p.t_mean, rows, out);
  if (!status) status = singular_values(&p);
  size_t rank = status ? 0 : rank_of(&p);
  if (!status) solve(&p, ridge, rank);
  if (!status) status = give(&p, w, ldw, bias);
  if (!status && result) {
    double condition = rank < in ? INFINITY : p.s[0] / p.s[in - 1];
    *result = (lam_regression){ rank, condition, mean_squared_error(&p, w, ldw, bias, x, ldx, t, ldt) };
  }
  lam_fp_leave(mode);
  lam_release(context, block, count * sizeof *block);
  return status;
}
#else
lam_status lam_linear_regression(lam_context *context, float *w, size_t ldw, float *bias, const float *x, size_t ldx,
                                 const float *t, size_t ldt, double ridge, size_t rows, size_t in, size_t out,
                                 lam_regression *result) {
  (void)ldw, (void)bias, (void)ldx, (void)ldt, (void)ridge, (void)out, (void)result;
  if (!context || !w || !x || !t) return LAM_NO_HANDLE;
  return lam_fail(context, LAM_UNSUPPORTED,
                  "linear regression of %zu rows with %zu columns needs LAPACKE, which this build does "
                  "not have",
                  rows, in);
}
#endif
