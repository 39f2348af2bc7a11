/* SPDX-License-Identifier: MIT
 *
 * The door: every matrix product of the library passes lam_gemm_run.
 */
#include "blas/gemm.h"
#include <limits.h>
#include <math.h>

typedef void (*wide_sgemm)(lam_order order, lam_transpose transa, lam_transpose transb, int64_t m, int64_t n, int64_t k,
                           float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                           int64_t ldc);
typedef void (*wide_sgemv)(lam_order order, lam_transpose trans, int64_t m, int64_t n, float alpha, const float *a, int64_t lda,
                           const float *x, int64_t incx, float beta, float *y, int64_t incy);
typedef int (*onednn_sgemm)(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                            const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

static char letter(lam_transpose trans) { return trans == LAM_TRANSPOSE ? 'T' : 'N'; }

/* oneDNN is the one that can fail. There is no way to say so from the middle of a step; NaN is not taken for a result. */
static void run_onednn(const lam_gemm *gemm, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                       float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  int failed = ((onednn_sgemm)(lam_any_function)gemm->sgemm)(letter(transa), letter(transb), (int64_t)m, (int64_t)n, (int64_t)k,
                                                             alpha, a, (int64_t)lda, b, (int64_t)ldb, beta, c, (int64_t)ldc);
  for (size_t i = 0; failed && i < m; ++i) {
    for (size_t j = 0; j < n; ++j) c[i * ldc + j] = NAN;
  }
}

static void run_matrix(const lam_gemm *gemm, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                       float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  switch (gemm->interface) {
  case LAM_CBLAS_32:
    gemm->sgemm(LAM_ROW_MAJOR, transa, transb, (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
    return;
  case LAM_CBLAS_64:
    ((wide_sgemm)(lam_any_function)gemm->sgemm)(LAM_ROW_MAJOR, transa, transb, (int64_t)m, (int64_t)n, (int64_t)k, alpha, a,
                                                (int64_t)lda, b, (int64_t)ldb, beta, c, (int64_t)ldc);
    return;
  case LAM_ONEDNN: run_onednn(gemm, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); return;
  }
}

/* y = alpha op(matrix) x + beta y. The columns and rows are those in memory. */
static void run_vector(const lam_gemm *gemm, lam_transpose trans, size_t rows, size_t columns, float alpha, const float *matrix,
                       size_t ld, const float *x, size_t incx, float beta, float *y, size_t incy) {
  /* Some libraries multiply y by a beta of 0 and keep its NaNs. */
  const size_t count = trans == LAM_TRANSPOSE ? columns : rows;
  for (size_t i = 0; beta == 0 && i < count; ++i) y[i * incy] = 0;
  if (gemm->interface == LAM_CBLAS_64) {
    ((wide_sgemv)(lam_any_function)gemm->sgemv)(LAM_ROW_MAJOR, trans, (int64_t)rows, (int64_t)columns, alpha, matrix, (int64_t)ld,
                                                x, (int64_t)incx, beta, y, (int64_t)incy);
  } else {
    gemm->sgemv(LAM_ROW_MAJOR, trans, (int)rows, (int)columns, alpha, matrix, (int)ld, x, (int)incx, beta, y, (int)incy);
  }
}

static void run_foreign(const lam_gemm *gemm, const lam_kernel_table *kernels, lam_transpose transa, lam_transpose transb,
                        size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb,
                        float beta, float *c, size_t ldc, const lam_epilogue *epilogue) {
  const bool at = transa == LAM_TRANSPOSE, bt = transb == LAM_TRANSPOSE;
  const lam_thread_setting *threads = &gemm->caller_threads;
  const int before = threads->get ? lam_threads_get(threads) : 1;
  if (before != 1) lam_threads_set(threads, 1);
  if (gemm->alone) lam_blas_lock();
  if (gemm->sgemv && m == 1) { /* c = op(a) op(b), so c^T = op(b)^T op(a)^T */
    run_vector(gemm, bt ? LAM_NO_TRANSPOSE : LAM_TRANSPOSE, bt ? n : k, bt ? k : n, alpha, b, ldb, a, at ? lda : 1, beta, c, 1);
  } else if (gemm->sgemv && n == 1) {
    run_vector(gemm, transa, at ? k : m, at ? m : k, alpha, a, lda, b, bt ? 1 : ldb, beta, c, ldc);
  } else {
    run_matrix(gemm, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  }
  if (gemm->alone) lam_blas_unlock();
  if (before != 1) lam_threads_set(threads, before);
  if (!epilogue) return;
  if (epilogue->bias) {
    (epilogue->relu ? kernels->bias_relu : kernels->bias)(c, ldc, c, ldc, epilogue->bias, m, n);
  } else if (epilogue->relu) {
    kernels->relu(c, ldc, c, ldc, m, n);
  }
}

void lam_gemm_run(const lam_gemm *gemm, const lam_kernel_table *kernels, lam_transpose transa, lam_transpose transb, size_t m,
                  size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                  size_t ldc, const lam_epilogue *epilogue, float *scratch) {
  const bool nothing = alpha == 0 || k == 0;
  if (m == 0 || n == 0) return;
  if (gemm->sgemm && !nothing) {
    run_foreign(gemm, kernels, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, epilogue);
  } else {
    kernels->gemm(transa == LAM_TRANSPOSE, transb == LAM_TRANSPOSE, m, n, nothing ? 0 : k, nothing ? 1 : alpha, a, lda, b, ldb,
                  beta, c, ldc, epilogue, scratch);
  }
}

bool lam_gemm_wants_scratch(const lam_gemm *gemm, size_t m, size_t n, size_t k) {
  enum { SMALLEST = 48 };
  return !gemm->sgemm && m >= SMALLEST && n >= SMALLEST && k >= SMALLEST;
}

float *lam_gemm_scratch(lam_context *context, size_t workers, size_t m, size_t n, size_t k) {
  const size_t piece = LAM_GEMM_SCRATCH * sizeof(float);
  if (!lam_gemm_wants_scratch(context->gemm, m, n, k)) return NULL;
  if (context->gemm_scratches >= workers) return context->gemm_scratch;
  const lam_allocator *allocator = &context->allocator;
  float *scratch = allocator->allocate(allocator->user, workers * piece, 64);
  if (!scratch) return NULL;
  lam_release(context, context->gemm_scratch, context->gemm_scratches * piece);
  context->gemm_scratches = workers;
  return context->gemm_scratch = scratch;
}

lam_status lam_check_matrix(lam_context *context, const char *function, const char *name, const float *matrix, size_t ld,
                            size_t rows, size_t columns) {
  if (rows > INT_MAX || columns > INT_MAX || ld > INT_MAX) {
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: %s has %zu rows of %zu floats, ld%s %zu; a BLAS takes at most %d",
                    function, name, rows, columns, name, ld, INT_MAX);
  }
  if (ld < columns) {
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: ld%s is %zu, but a row of %s has %zu floats", function, name, ld, name,
                    columns);
  }
  if (!matrix && rows > 0 && columns > 0) {
    return lam_fail(context, LAM_NO_HANDLE, "%s: %s is NULL, but has %zu x %zu floats", function, name, rows, columns);
  }
  return LAM_OK;
}

static bool is_transpose(lam_transpose trans) { return trans == LAM_NO_TRANSPOSE || trans == LAM_TRANSPOSE; }

lam_status lam_sgemm(lam_context *context, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k, float alpha,
                     const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (!context) return LAM_NO_HANDLE;
  if (context->unusable) return context->status;
  if (!is_transpose(transa) || !is_transpose(transb)) {
    return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_sgemm: %s is %d; it must be LAM_NO_TRANSPOSE or LAM_TRANSPOSE",
                    is_transpose(transa) ? "transb" : "transa", (int)(is_transpose(transa) ? transb : transa));
  }
  const bool at = transa == LAM_TRANSPOSE, bt = transb == LAM_TRANSPOSE;
  lam_status status = lam_check_matrix(context, "lam_sgemm", "a", a, lda, at ? k : m, at ? m : k);
  if (status == LAM_OK) status = lam_check_matrix(context, "lam_sgemm", "b", b, ldb, bt ? n : k, bt ? k : n);
  if (status == LAM_OK) status = lam_check_matrix(context, "lam_sgemm", "c", c, ldc, m, n);
  if (status != LAM_OK) return status;
  lam_fp_mode mode = lam_fp_enter();
  status = lam_gemm_run_shared(context, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  lam_fp_leave(mode);
  return status;
}
