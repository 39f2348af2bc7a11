/* SPDX-License-Identifier: MIT
 *
 * What the library takes from LAPACKE.
 */
#include "blas/gemm.h"

#ifdef LAM_HAVE_LAPACKE
#include <lapacke.h>
#include <limits.h>

/* The matrix as LAPACK sees it: column-major, so the transpose of w, `high` x `wide`. Its factors are Q R where it is high and
 * L Q where it is wide; the short side has `least` numbers either way, and no matrix need be turned. */
typedef struct factors {
  float *w, *tau, *signs, *work;
  lapack_int high, wide, least, work_size;
} factors;

static lapack_int factor(const factors *f, float *work, lapack_int work_size) {
  if (f->high >= f->wide) {
    return LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, f->high, f->wide, f->w, f->high, f->tau, work, work_size);
  }
  return LAPACKE_sgelqf_work(LAPACK_COL_MAJOR, f->high, f->wide, f->w, f->high, f->tau, work, work_size);
}

static lapack_int form(const factors *f, float *work, lapack_int work_size) {
  if (f->high >= f->wide) {
    return LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, f->high, f->wide, f->least, f->w, f->high, f->tau, work, work_size);
  }
  return LAPACKE_sorglq_work(LAPACK_COL_MAJOR, f->high, f->wide, f->least, f->w, f->high, f->tau, work, work_size);
}

/* Q alone depends on how LAPACK chooses signs; with the diagonal of R or L made positive it is uniform over the orthogonal
 * matrices. Source: Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54, 2007. */
static void scale(const factors *f, float gain) {
  for (lapack_int j = 0; j < f->wide; ++j) {
    for (lapack_int i = 0; i < f->high; ++i) {
      f->w[(size_t)j * (size_t)f->high + (size_t)i] *= gain * f->signs[f->high >= f->wide ? j : i];
    }
  }
}

static lam_status orthogonal(lam_context *context, factors *f, float gain) {
  float most[2] = { 1, 1 };
  lapack_int bad = factor(f, &most[0], -1);
  if (!bad) bad = form(f, &most[1], -1);
  f->work_size = (lapack_int)(most[0] > most[1] ? most[0] : most[1]);
  f->work = bad ? NULL : lam_allocate_array(context, (size_t)f->work_size, sizeof *f->work);
  if (!bad && !f->work) return LAM_OUT_OF_MEMORY;
  if (!bad) bad = factor(f, f->work, f->work_size);
  for (lapack_int i = 0; i < f->least; ++i) f->signs[i] = f->w[(size_t)i * (size_t)f->high + (size_t)i] < 0 ? -1.0f : 1.0f;
  if (!bad) bad = form(f, f->work, f->work_size);
  lam_release(context, f->work, f->work ? (size_t)f->work_size * sizeof *f->work : 0);
  if (bad) {
    return lam_fail(context, LAM_SYSTEM, "LAPACK refuses the factors of a %d x %d matrix (info %d)", (int)f->wide, (int)f->high,
                    (int)bad);
  }
  scale(f, gain);
  return LAM_OK;
}

lam_status lam_orthogonal(lam_context *context, float *w, size_t rows, size_t columns, float gain) {
  if (rows == 0 || columns == 0) return LAM_OK;
  if (rows > INT_MAX || columns > INT_MAX) {
    return lam_fail(context, LAM_INVALID_ARGUMENT, "an orthogonal matrix of %zu x %zu is more than LAPACK takes", rows, columns);
  }
  const size_t least = rows < columns ? rows : columns;
  float *numbers = lam_allocate_array(context, 2 * least, sizeof *numbers);
  if (!numbers) return LAM_OUT_OF_MEMORY;
  factors f = { .w = w,
                .tau = numbers,
                .signs = numbers + least,
                .high = (lapack_int)columns,
                .wide = (lapack_int)rows,
                .least = (lapack_int)least };
  lam_status status = orthogonal(context, &f, gain);
  lam_release(context, numbers, 2 * least * sizeof *numbers);
  return status;
}

/* In LAPACK's columns are what are rows here. */
lam_status lam_symmetric_eigen(lam_context *context, double *a, double *values, size_t n) {
  if (n > INT_MAX) return lam_fail(context, LAM_INVALID_ARGUMENT, "a matrix of %zu columns is more than LAPACK takes", n);
  lapack_int size = (lapack_int)n, bad, work_size;
  double most = 0;
  bad = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', size, a, size, values, &most, -1);
  work_size = (lapack_int)most;
  double *work = bad ? NULL : lam_allocate_array(context, (size_t)work_size, sizeof *work);
  if (!bad && !work) return LAM_OUT_OF_MEMORY;
  if (!bad) bad = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', size, a, size, values, work, work_size);
  lam_release(context, work, work ? (size_t)work_size * sizeof *work : 0);
  if (!bad) return LAM_OK;
  return lam_fail(context, LAM_SYSTEM, "LAPACK finds no eigenvalues of a %zu x %zu matrix (info %d)", n, n, (int)bad);
}
#else
lam_status lam_symmetric_eigen(lam_context *context, double *a, double *values, size_t n) {
  (void)a, (void)values;
  return lam_fail(context, LAM_UNSUPPORTED, "the eigenvalues of a %zu x %zu matrix need LAPACKE, which this build does not have",
                  n, n);
}

lam_status lam_orthogonal(lam_context *context, float *w, size_t rows, size_t columns, float gain) {
  (void)w, (void)gain;
  return lam_fail(context, LAM_UNSUPPORTED, "an orthogonal matrix of %zu x %zu needs LAPACKE, which this build does not have",
                  rows, columns);
}
#endif
