/* SPDX-License-Identifier: MIT
 *
 * Large native products outside of plans, shared among the context's threads: rows or columns of C, cut as their shape alone
 * says. Each output is one chain whoever computes it, so the bits are those of one thread.
 */
#include "base/pool.h"
#include "blas/gemm.h"

typedef struct shared_product {
  const lam_kernel_table *kernels;
  bool transa, transb, by_rows;
  size_t m, n, k, lda, ldb, ldc, unit; /* rows or columns of a unit */
  float alpha, beta, *c, *scratch;     /* scratch: a piece for each worker, or NULL */
  const float *a, *b;
} shared_product;

static void run_part(void *argument, size_t worker, size_t begin, size_t end) {
  const shared_product *p = argument;
  const size_t all = p->by_rows ? p->m : p->n, from = begin * p->unit, to = end * p->unit < all ? end * p->unit : all;
  const float *a = p->by_rows ? p->a + from * (p->transa ? 1 : p->lda) : p->a;
  const float *b = p->by_rows ? p->b : p->b + from * (p->transb ? p->ldb : 1);
  p->kernels->gemm(p->transa, p->transb, p->by_rows ? to - from : p->m, p->by_rows ? p->n : to - from, p->k, p->alpha, a, p->lda,
                   b, p->ldb, p->beta, p->c + from * (p->by_rows ? p->ldc : 1), p->ldc, NULL,
                   p->scratch ? p->scratch + worker * LAM_GEMM_SCRATCH : NULL);
}

/* So many multiply-adds take about 50 microseconds, about what it takes to wake a thread. */
static const double LEAST_SHARED = 6e6;

size_t lam_gemm_part(size_t all, size_t tile) {
  enum { MOST_PARTS = 64 };
  return ((all - 1) / MOST_PARTS / tile + 1) * tile;
}

/* Along the longer side: a worker packs what its parts read of the other operand once. */
static size_t cut(shared_product *p) {
  p->by_rows = p->m >= p->n;
  const size_t all = p->by_rows ? p->m : p->n;
  p->unit = lam_gemm_part(all, p->by_rows ? LAM_TILE_ROWS : LAM_TILE_COLUMNS);
  return (all - 1) / p->unit + 1;
}

static lam_status run_here(lam_context *context, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                           float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                           size_t ldc) {
  lam_gemm_run(context->gemm, context->kernels, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL,
               lam_gemm_scratch(context, 1, m, n, k));
  return LAM_OK;
}

lam_status lam_gemm_run_shared(lam_context *context, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                               float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                               size_t ldc) {
  if (context->threads < 2 || context->gemm->sgemm || alpha == 0 || (double)m * (double)n * (double)k < LEAST_SHARED)
    return run_here(context, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  shared_product p = {
    .kernels = context->kernels,
    .transa = transa == LAM_TRANSPOSE,
    .transb = transb == LAM_TRANSPOSE,
    .m = m,
    .n = n,
    .k = k,
    .lda = lda,
    .ldb = ldb,
    .ldc = ldc,
    .alpha = alpha,
    .beta = beta,
    .a = a,
    .b = b,
    .c = c,
  };
  const size_t units = cut(&p);
  const lam_status status = units > 1 ? lam_context_start_pool(context) : LAM_OK;
  if (status) return status;
  if (units < 2 || !context->pool) return run_here(context, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  p.scratch = lam_gemm_scratch(context, lam_pool_count(context->pool), m, n, k);
  lam_pool_run(context->pool, run_part, &p, units, 1);
  return LAM_OK;
}
