/* SPDX-License-Identifier: MIT
 *
 * The door to matrix products from inside: backends, and the functions of a step, which check nothing and do not touch the
 * floating-point mode because the caller has done both.
 */
#ifndef LAM_BLAS_GEMM_H
#define LAM_BLAS_GEMM_H

#include "base/context.h"
#include "kernels/kernels.h"
#include <lamina/gemm.h>

/* A backend. */
typedef struct lam_gemm {
  struct lam_gemm *next; /* the context's list, in the order in which names are listed and defaults are chosen */
  char *name;
  lam_sgemm_function sgemm; /* NULL: the native product of the kernel table */
  lam_sgemv_function sgemv; /* NULL: sgemm does one row or column too */
  char description[160];
} lam_gemm;

/* Gives the context its backends and makes the one called `name` its own; NULL: the build's CBLAS, or "native". Fails with
 * LAM_UNKNOWN_NAME or LAM_OUT_OF_MEMORY. */
lam_status lam_gemm_setup(lam_context *context, const char *name);

/* Releases the backends, however far the setup came. */
void lam_gemm_release(lam_context *context);

/* The backend of this name, or NULL. */
const lam_gemm *lam_gemm_find(const lam_context *context, const char *name);

/* lam_sgemm without its checks. A foreign backend is called only with m, n, k > 0 and alpha != 0. */
void lam_gemm_run(const lam_gemm *gemm, const lam_kernel_table *kernels, lam_transpose transa, lam_transpose transb, size_t m,
                  size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                  size_t ldc);

/* y = f(x + bias); `bias` may be NULL, y may be x. */
void lam_activation_run(const lam_kernel_table *kernels, lam_activation activation, float *y, size_t ldy, const float *x,
                        size_t ldx, const float *bias, size_t rows, size_t columns);
/* dx, the gradient of z, from dy, that of y = f(z). y is not read where f is linear; there dx must be dy. */
void lam_activation_backward_run(const lam_kernel_table *kernels, lam_activation activation, float *dx, size_t lddx,
                                 const float *dy, size_t lddy, const float *y, size_t ldy, size_t rows, size_t columns);

/* The linked BLAS runs single-threaded between the first enter and the last leave of all threads of the process; then its setting
 * is as it was. This count is the library's one piece of state that is not in a context, because the setting itself is the
 * process's. Nothing happens where the linked BLAS is not OpenBLAS or the context keeps its threads. */
void lam_blas_enter(const lam_context *context);
void lam_blas_leave(const lam_context *context);

/* The linked CBLAS, where the build has one (linked.c): the functions, its name, and what it says of itself. */
#ifdef LAM_HAVE_CBLAS
extern const char lam_linked_name[];
void lam_linked_sgemm(lam_order order, lam_transpose transa, lam_transpose transb, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
void lam_linked_sgemv(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda, const float *x,
                      int incx, float beta, float *y, int incy);
void lam_linked_describe(char *description, size_t size);
#endif

/* Fails where a matrix of `rows` x `columns` in memory is NULL though it has elements, has a leading dimension below its columns,
 * or a number above what a BLAS with 32-bit integers takes. `function` and `name` are for the sentence: "lam_sgemm", "a". */
lam_status lam_check_matrix(lam_context *context, const char *function, const char *name, const float *matrix, size_t ld,
                            size_t rows, size_t columns);

/* Turns a matrix of independent normals into gain times a matrix with orthonormal columns (rows, where it is wider than high),
 * uniformly distributed. `w` is row-major without gaps. LAM_UNSUPPORTED where the build has no LAPACKE. */
lam_status lam_orthogonal(lam_context *context, float *w, size_t rows, size_t columns, float gain);

#endif
