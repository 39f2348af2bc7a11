/* SPDX-License-Identifier: MIT
 *
 * The CBLAS that the build linked, with the door's types, and the thread setting of OpenBLAS: threads.c has the process's; a
 * build with OpenMP, which the system may put in the place of the one that was linked, goes by that of the thread that calls.
 */
#include "blas/gemm.h"
#include <dlfcn.h>
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

void lam_linked_identify(lam_gemm *gemm, bool keep_threads) {
#ifdef LAM_HAVE_OPENBLAS
  gemm->alone = openblas_get_parallel() == OPENBLAS_SEQUENTIAL;
  const lam_thread_setting openmp = { lam_library_function(RTLD_DEFAULT, "omp_get_max_threads"),
                                      lam_library_function(RTLD_DEFAULT, "omp_set_num_threads"), false };
  if (openblas_get_parallel() == OPENBLAS_OPENMP && openmp.get && openmp.set && !keep_threads) gemm->caller_threads = openmp;
  snprintf(gemm->version, sizeof gemm->version, "%s", openblas_get_config());
  snprintf(gemm->core, sizeof gemm->core, "%s", openblas_get_corename());
  gemm->threads = openblas_get_num_threads();
#else
  (void)keep_threads;
#endif
  lam_gemm_describe(gemm);
}
#endif
