/* SPDX-License-Identifier: MIT
 *
 * What the suites of src/blas share: every way to compute a product on this machine, and matrices whose memory ends, or begins,
 * where reading on would be a fault.
 */
#ifndef LAM_TESTS_BLAS_PRODUCTS_H
#define LAM_TESTS_BLAS_PRODUCTS_H

#include "support.h"

#include "blas/gemm.h"
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

/* A way to compute a product: a backend with the kernels of a level. */
typedef struct way {
  const char *name;
  const lam_kernel_table *kernels;
  lam_gemm gemm;
} way;

enum { MOST_WAYS = 8 };

/* The native product at every level of this machine. */
static inline size_t native_ways(way ways[MOST_WAYS]) {
#define LAM_X(name) #name,
  static const char *const names[] = { LAM_ISA_LIST(LAM_X) };
#undef LAM_X
  size_t count = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    const lam_kernel_table *kernels = lam_kernels_at(names[i]);
    if (kernels) ways[count++] = (way){ .name = names[i], .kernels = kernels };
  }
  return count;
}

/* And the linked CBLAS, where there is one. */
static inline size_t all_ways(way ways[MOST_WAYS]) {
  size_t count = native_ways(ways);
#ifdef LAM_HAVE_CBLAS
  ways[count] = (way){ .name = lam_linked_name, .kernels = lam_kernels() };
  ways[count].gemm.sgemm = lam_linked_sgemm;
  ways[count++].gemm.sgemv = lam_linked_sgemv;
#endif
  return count;
}

static inline void multiply(const way *w, lam_transpose ta, lam_transpose tb, size_t m, size_t n, size_t k, float alpha,
                            const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  static _Alignas(64) float scratch[LAM_GEMM_SCRATCH];
  lam_gemm_run(&w->gemm, w->kernels, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL, scratch);
}

/* Memory between two pages that may not be touched. */
typedef struct guarded {
  char *map;
  size_t page, size;
} guarded;

static inline guarded guarded_create(size_t floats) {
  guarded g = { .page = (size_t)sysconf(_SC_PAGESIZE) };
  g.size = (floats * sizeof(float) + g.page - 1) / g.page * g.page;
  g.map = mmap(NULL, g.size + 2 * g.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(g.map != MAP_FAILED);
  assert_int_equal(mprotect(g.map + g.page, g.size, PROT_READ | PROT_WRITE), 0);
  return g;
}

static inline void guarded_destroy(guarded *g) { munmap(g->map, g->size + 2 * g->page); }

/* A matrix in it, against the page behind or the page before. Of the last row only the columns have memory. */
static inline float *guarded_matrix(const guarded *g, size_t rows, size_t columns, size_t ld, int at_end) {
  size_t floats = rows == 0 || columns == 0 ? 0 : (rows - 1) * ld + columns;
  assert_true(floats * sizeof(float) <= g->size);
  return (float *)(void *)(g->map + g->page + (at_end ? g->size - floats * sizeof(float) : 0));
}

/* Integers in [-limit, limit] and numbers in [-1, 1), from a stream of the library's generator. */
static inline void fill_integers(float *values, size_t count, int limit, uint64_t stream) {
  lam_random_uniform(values, count, 1, stream, 0);
  for (size_t i = 0; i < count; ++i) values[i] = floorf(values[i] * (float)(2 * limit + 1)) - (float)limit;
}

static inline void fill_unit(float *values, size_t count, uint64_t stream) {
  lam_random_uniform(values, count, 1, stream, 0);
  for (size_t i = 0; i < count; ++i) values[i] = 2 * values[i] - 1;
}

/* Element (i, l) of op(x). */
static inline float element(const float *x, size_t ld, lam_transpose trans, size_t i, size_t l) {
  return trans == LAM_TRANSPOSE ? x[l * ld + i] : x[i * ld + l];
}

static inline lam_transpose transposition(int yes) { return yes ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE; }

#endif
