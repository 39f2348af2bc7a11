/* SPDX-License-Identifier: MIT
 *
 * lamina/gemm.h: the one door to matrix products.
 *
 * A backend is a name and a function with the type of cblas_sgemm. "openblas" (or "cblas", for another library the build linked)
 * is there unless the build had -Dblas=none; "native" is always there. Every product of the library goes to the context's
 * backend through lam_sgemm's door: forward Y = X W, weight gradient dW = X^T dY, input gradient dX = dY W^T, X being
 * batch x in, W in x out, all row-major.
 *
 * With "native", each output is one chain of fused multiply-adds in increasing k, so the bits do not depend on tiles, threads,
 * batch or instruction set. With a vendor BLAS the bits belong to that library.
 *
 * Threads of the BLAS: fit, evaluate, predict and a trainer's steps run it single-threaded. Where the linked library is OpenBLAS,
 * its thread count, which is one setting for the whole process, is set to 1 at their entry and put back when the last of them, in
 * any thread, has left. lam_context_options.keep_blas_threads leaves it alone. Functions of this page do not touch it.
 */
#ifndef LAMINA_GEMM_H
#define LAMINA_GEMM_H

#include <lamina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The values are those of CBLAS. */
typedef enum lam_order { LAM_ROW_MAJOR = 101, LAM_COLUMN_MAJOR = 102 } lam_order;
typedef enum lam_transpose { LAM_NO_TRANSPOSE = 111, LAM_TRANSPOSE = 112 } lam_transpose;

/* The types of cblas_sgemm and cblas_sgemv with 32-bit integers; cast yours to them. */
typedef void (*lam_sgemm_function)(lam_order order, lam_transpose transa, lam_transpose transb, int m, int n, int k, float alpha,
                                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*lam_sgemv_function)(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda,
                                   const float *x, int incx, float beta, float *y, int incy);

/* Puts the caller's functions behind the door under `name` and makes them the context's backend. `sgemv` may be NULL: then
 * products with one row or column go to `sgemm` too. The functions must live as long as the context and, where the context has
 * threads, be safe to call from several at once. They are always called with LAM_ROW_MAJOR and checked arguments.
 * Errors: LAM_INVALID_ARGUMENT for an empty name or one that exists. Since 0.1. */
LAM_API lam_status lam_gemm_register(lam_context *context, const char *name, lam_sgemm_function sgemm, lam_sgemv_function sgemv);

/* Makes a backend the context's own, by name. Models, trainers and sessions made before keep theirs.
 * Errors: LAM_UNKNOWN_NAME, the sentence lists the names there are. Since 0.1. */
LAM_API lam_status lam_gemm_select(lam_context *context, const char *name);

/* The name of the context's backend, and what the library behind it says of itself (version, core type; "" where it says
 * nothing). Valid until the context ends. Since 0.1. */
LAM_API const char *lam_gemm_name(const lam_context *context);
LAM_API const char *lam_gemm_description(const lam_context *context);

/* C = alpha * op(A) op(B) + beta * C, row-major, op(A) m x k, op(B) k x n, on the context's backend. beta = 0 overwrites C, NaN
 * or not; alpha = 0 or k = 0 leaves beta * C. One row or one column goes to sgemv. C must not overlap A or B. Errors, before the
 * backend sees anything: LAM_INVALID_ARGUMENT for a leading dimension below the stored row, a size above 2^31 - 1, an unknown
 * transposition; LAM_NO_HANDLE for a null matrix with elements. Since 0.1. */
LAM_API lam_status lam_sgemm(lam_context *context, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                             float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                             size_t ldc);

/* What a layer does to its input. */
#define LAM_ACTIVATION_LIST(X)                                                                                                   \
  X(LINEAR, linear)                                                                                                              \
  X(RELU, relu)                                                                                                                  \
  X(SIGMOID, sigmoid)                                                                                                            \
  X(TANH, tanh)                                                                                                                  \
  X(SOFTMAX, softmax)                                                                                                            \
  X(LOG_SOFTMAX, log_softmax)

typedef enum lam_activation {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_ACTIVATION_LIST(LAM_X)
#undef LAM_X
} lam_activation;

/* A dense layer, without a graph: y = f(x w + bias), x rows x in, w in x out, y rows x out. `bias` may be NULL. Since 0.1. */
LAM_API lam_status lam_dense_forward(lam_context *context, float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                                     size_t ldw, const float *bias, lam_activation activation, size_t rows, size_t in,
                                     size_t out);

/* Its backward pass. `dy` holds the gradient of y on entry and that of x w + bias on return; `y` is the forward result. Then
 * dw = x^T dy, dbias = column sums of dy, dx = dy w^T. Each of dw, dbias and dx may be NULL: not wanted. Since 0.1. */
LAM_API lam_status lam_dense_backward(lam_context *context, float *dx, size_t lddx, float *dw, size_t lddw, float *dbias,
                                      float *dy, size_t lddy, const float *y, size_t ldy, const float *x, size_t ldx,
                                      const float *w, size_t ldw, lam_activation activation, size_t rows, size_t in, size_t out);

/* ---- linear regression ------------------------------------------------------------------------------------------- */

/* What lam_linear_regression says of the problem. x here has its column means taken away where there is a bias. */
typedef struct lam_regression {
  size_t rank;      /* of x: singular values above max(rows, in) * 2^-52 of the largest; below `in`, many w are equally good */
  double condition; /* the largest singular value of x over the smallest; infinite where rank < in */
  double loss;      /* mean squared error over rows and outputs, of w and bias as returned */
} lam_regression;

/* The w and bias for which sum (x w + bias - t)^2 + ridge * sum w^2 is least, x rows x in, w in x out, t rows x out: what a
 * network of one dense layer learns with mean squared error, without training. The bias, which may be NULL, is not penalised. Of
 * several equally good w the one with the least sum of squares. Computed in double from the singular values x = U S V^T, as
 * w = V S/(S^2 + ridge) U^T t. Source: Golub, Van Loan, "Matrix Computations", 4th edition, 2013, sections 5.5 and 6.1.4.
 * `result` may be NULL. Takes 2 (rows + in) min(rows, in) doubles and more of memory.
 * Errors: LAM_INVALID_DATA (row and column of what is not finite, or a w beyond the floats), LAM_INVALID_ARGUMENT (a leading
 * dimension, a ridge that is negative or not finite), LAM_INVALID_SHAPE (no rows, no columns), LAM_UNSUPPORTED in a build without
 * LAPACKE. Since 0.1. */
LAM_API lam_status lam_linear_regression(lam_context *context, float *w, size_t ldw, float *bias, const float *x, size_t ldx,
                                         const float *t, size_t ldt, double ridge, size_t rows, size_t in, size_t out,
                                         lam_regression *result);

#ifdef __cplusplus
}
#endif
#endif
