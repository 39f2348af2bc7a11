/* SPDX-License-Identifier: MIT
 *
 * Making and checking matrix products; see product.h.
 */
#include "bench/product.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- making -------------------------------------------------------------------------------------------------------- */

/* Random numbers, the same in every set: integers from -2 to 2, or numbers in [-1, 1]. */
static void fill(float *matrix, size_t size, size_t sets, uint64_t stream, bool integers) {
  lam_random_uniform(matrix, size, 7, stream, 0);
  for (size_t i = 0; i < size; i++) matrix[i] = integers ? floorf(matrix[i] * 5) - 2 : 2 * matrix[i] - 1;
  for (size_t set = 1; set < sets; set++) memcpy(matrix + set * size, matrix, size * sizeof(float));
}

/* Written to at once: untouched memory is one page of zeros at many addresses, which some CPUs read slowly and others fast. */
static float *make(size_t size, size_t sets, uint64_t stream) {
  float *matrix = aligned_alloc(64, (sets * size * sizeof(float) + 63) / 64 * 64);
  if (matrix) fill(matrix, size, sets, stream, false);
  return matrix;
}

bool matrices_make(matrices *x, const product *p, size_t sets) {
  *x = (matrices){ .p = *p, .sets = sets };
  x->size_a = (p->transa ? p->k : p->m) * p->lda;
  x->size_b = (p->transb ? p->n : p->k) * p->ldb;
  x->size_c = p->m * p->ldc;
  x->a = make(x->size_a, sets, 0);
  x->b = make(x->size_b, sets, 1);
  x->c = make(x->size_c, sets, 2);
  return x->a && x->b && x->c;
}

void matrices_release(matrices *x) {
  free(x->a);
  free(x->b);
  free(x->c);
  *x = (matrices){ 0 };
}

void matrices_multiply(matrices *x, lam_context *context) {
  const product *p = &x->p;
  size_t set = x->next;
  x->next = set + 1 < x->sets ? set + 1 : 0;
  (void)lam_gemm_run_shared(context, p->transa ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE, p->transb ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE,
                            p->m, p->n, p->k, p->alpha, x->a + set * x->size_a, p->lda, x->b + set * x->size_b, p->ldb, p->beta,
                            x->c + set * x->size_c, p->ldc);
}

double product_flops(const product *p) { return 2.0 * (double)p->m * (double)p->n * (double)p->k; }

double product_bytes(const product *p) {
  double m = (double)p->m, n = (double)p->n, k = (double)p->k;
  return sizeof(float) * (m * k + k * n + m * n * (p->beta != 0 ? 2 : 1));
}

/* ---- checking ------------------------------------------------------------------------------------------------------ */

/* The largest error of a set's product over its bound; infinite where a NaN was left. `before` is what C held. */
static double worst_error(const matrices *x, size_t set, const float *before) {
  const product *p = &x->p;
  const lam_gemm_result r = { .transa = p->transa ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE,
                              .transb = p->transb ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE,
                              .m = p->m,
                              .n = p->n,
                              .k = p->k,
                              .lda = p->lda,
                              .ldb = p->ldb,
                              .ldc = p->ldc,
                              .alpha = p->alpha,
                              .beta = p->beta,
                              .a = x->a + set * x->size_a,
                              .b = x->b + set * x->size_b,
                              .before = before,
                              .c = x->c + set * x->size_c };
  return lam_gemm_worst(&r, 4096).share;
}

/* Whether sums of products of small integers stay exact in any order. */
static bool has_exact_sums(const product *p) {
  double alpha = fabs((double)p->alpha), beta = fabs((double)p->beta);
  return alpha == floor(alpha) && beta == floor(beta) && fmax(alpha, 1) * 4 * (double)p->k + beta * 2 < 0x1p24;
}

/* C before is NaN where beta is 0: it must not be read. */
static double try(matrices *x, lam_context *context, float *before, bool integers) {
  fill(x->a, x->size_a, x->sets, 0, integers);
  fill(x->b, x->size_b, x->sets, 1, integers);
  fill(x->c, x->size_c, x->sets, 2, integers);
  for (size_t i = 0; x->p.beta == 0 && i < x->size_c; i++) x->c[i] = NAN;
  memcpy(before, x->c, x->size_c * sizeof *before);
  x->next = 0;
  matrices_multiply(x, context);
  return worst_error(x, 0, before);
}

findings matrices_check(matrices *x, lam_context *context) {
  findings found = { "unchecked", (double)INFINITY };
  float *before = malloc(x->size_c * sizeof *before);
  if (!before) return found;
  if (has_exact_sums(&x->p)) found.exact = try(x, context, before, true) == 0 ? "yes" : "no";
  found.error_over_bound = try(x, context, before, false);
  free(before);
  return found;
}

double matrices_recheck(matrices *x, lam_context *context) {
  size_t set = (x->next + x->sets - 1) % x->sets;
  if (x->p.beta == 0) return worst_error(x, set, NULL);
  float *before = malloc(x->size_c * sizeof *before);
  if (!before) return 0; /* nothing was found */
  set = x->next;
  fill(before, x->size_c, 1, 2, false);
  memcpy(x->c + set * x->size_c, before, x->size_c * sizeof *before);
  matrices_multiply(x, context);
  const double worst = worst_error(x, set, before);
  free(before);
  return worst;
}
