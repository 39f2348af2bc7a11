/* SPDX-License-Identifier: MIT
 *
 * The CBLAS that the build linked, with the door's types, and the thread setting of OpenBLAS, which belongs to the whole process.
 */
#include "blas/gemm.h"
#include <pthread.h>
#include <stdio.h>

#ifdef LAM_HAVE_CBLAS
#include <cblas.h>

#ifdef LAM_HAVE_OPENBLAS
const char lam_linked_name[] = "openblas";
#else
const char lam_linked_name[] = "cblas";
#endif

void lam_linked_sgemm(lam_order order, lam_transpose transa, lam_transpose transb, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  cblas_sgemm(order == LAM_ROW_MAJOR ? CblasRowMajor : CblasColMajor, transa == LAM_TRANSPOSE ? CblasTrans : CblasNoTrans,
              transb == LAM_TRANSPOSE ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void lam_linked_sgemv(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda, const float *x,
                      int incx, float beta, float *y, int incy) {
  cblas_sgemv(order == LAM_ROW_MAJOR ? CblasRowMajor : CblasColMajor, trans == LAM_TRANSPOSE ? CblasTrans : CblasNoTrans, m, n,
              alpha, a, lda, x, incx, beta, y, incy);
}

void lam_linked_describe(char *description, size_t size) {
#ifdef LAM_HAVE_OPENBLAS
  snprintf(description, size, "%s; core %s", openblas_get_config(), openblas_get_corename());
#else
  if (size > 0) description[0] = 0;
#endif
}
#endif

#ifdef LAM_HAVE_OPENBLAS
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static unsigned inside;
static int threads_before;

void lam_blas_enter(const lam_context *context) {
  if (context->keep_blas_threads) return;
  pthread_mutex_lock(&guard);
  if (inside++ == 0) {
    threads_before = openblas_get_num_threads();
    if (threads_before != 1) openblas_set_num_threads(1);
  }
  pthread_mutex_unlock(&guard);
}

void lam_blas_leave(const lam_context *context) {
  if (context->keep_blas_threads) return;
  pthread_mutex_lock(&guard);
  if (--inside == 0 && threads_before != 1) openblas_set_num_threads(threads_before);
  pthread_mutex_unlock(&guard);
}
#else
void lam_blas_enter(const lam_context *context) { (void)context; }
void lam_blas_leave(const lam_context *context) { (void)context; }
#endif
