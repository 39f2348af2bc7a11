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

/* An element of the first set's product, in double, and the sum of its terms' magnitudes. `before` is C's element. */
static double element(const matrices *x, size_t i, size_t j, double before, double *magnitude) {
  const product *p = &x->p;
  double sum = 0, alpha = (double)p->alpha, beta = (double)p->beta;
  *magnitude = 0;
  for (size_t l = 0; l < p->k; l++) {
    double term = (double)(p->transa ? x->a[l * p->lda + i] : x->a[i * p->lda + l]) *
                  (double)(p->transb ? x->b[j * p->ldb + l] : x->b[l * p->ldb + j]);
    sum += term;
    *magnitude += fabs(term);
  }
  *magnitude = fabs(alpha) * *magnitude + (p->beta != 0 ? fabs(beta * before) : 0);
  return alpha * sum + (p->beta != 0 ? beta * before : 0);
}

/* The largest error over `bound` times the magnitude; infinite where a NaN was left. */
static double worst_error(const matrices *x, const float *before, double bound) {
  const product *p = &x->p;
  size_t count = p->m * p->n, looks = count < 4096 ? count : 4096;
  double worst = 0;
  for (size_t look = 0; look < looks; look++) {
    size_t at = looks == 1 ? 0 : (size_t)((double)look / (double)(looks - 1) * (double)(count - 1));
    size_t place = at / p->n * p->ldc + at % p->n;
    double magnitude, right = element(x, at / p->n, at % p->n, (double)before[place], &magnitude);
    double error = fabs((double)x->c[place] - right), allowed = bound * magnitude;
    double share = error == 0 ? 0 : error / allowed;
    if (!(share <= worst)) worst = isnan(share) ? (double)INFINITY : share;
  }
  return worst;
}

/* Whether sums of products of small integers stay exact in any order. */
static bool has_exact_sums(const product *p) {
  double alpha = fabs((double)p->alpha), beta = fabs((double)p->beta);
  return alpha == floor(alpha) && beta == floor(beta) && fmax(alpha, 1) * 4 * (double)p->k + beta * 2 < 0x1p24;
}

/* C before is NaN where beta is 0: it must not be read. */
static double try(matrices *x, lam_context *context, float *before, bool integers, double bound) {
  fill(x->a, x->size_a, x->sets, 0, integers);
  fill(x->b, x->size_b, x->sets, 1, integers);
  fill(x->c, x->size_c, x->sets, 2, integers);
  for (size_t i = 0; x->p.beta == 0 && i < x->size_c; i++) x->c[i] = NAN;
  memcpy(before, x->c, x->size_c * sizeof *before);
  x->next = 0;
  matrices_multiply(x, context);
  return worst_error(x, before, bound);
}

findings matrices_check(matrices *x, lam_context *context) {
  const double terms = (double)(x->p.k + 2) * 0x1p-24;
  findings found = { "unchecked", (double)INFINITY };
  float *before = malloc(x->size_c * sizeof *before);
  if (!before) return found;
  if (has_exact_sums(&x->p)) found.exact = try(x, context, before, true, 0) == 0 ? "yes" : "no";
  found.error_over_bound = try(x, context, before, false, terms / (1 - terms));
  free(before);
  return found;
}
