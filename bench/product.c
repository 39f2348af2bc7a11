/* SPDX-License-Identifier: MIT
 *
 * Matrix products; see product.h.
 */
#include "bench/product.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- naming -------------------------------------------------------------------------------------------------------- */

size_t network_products(const sizes *net, size_t batch, product *products, size_t most) {
  size_t count = 0;
  for (size_t i = 1; i < net->count && count + 3 <= most; i++) {
    size_t in = net->item[i - 1], out = net->item[i];
    products[count++] = (product){ "forward", batch, out, in, false, false };
    products[count++] = (product){ "weight gradient", in, out, batch, true, false };
    /* Nobody needs the gradient of the network's own inputs. */
    if (i > 1) products[count++] = (product){ "input gradient", batch, in, out, false, true };
  }
  return count;
}

/* scanf reads "-1" as the largest number there is. */
static bool is_size(size_t size) { return size >= 1 && size <= 9999999; }

int read_product(const char *text, product *p) {
  char transa, transb, rest;
  *p = (product){ "", 0, 0, 0, false, false };
  int read = sscanf(text, "%7zux%7zux%7zu:%c%c%c", &p->m, &p->n, &p->k, &transa, &transb, &rest);
  bool known = read == 5 && strchr("NT", transa) && strchr("NT", transb) && is_size(p->m) && is_size(p->n) && is_size(p->k);
  if (!known) return wrong_usage("--shapes: \"%s\" is not a product; write m x n x k as 32x256x784:NN (or TN, NT, TT)", text);
  p->transa = transa == 'T';
  p->transb = transb == 'T';
  return EXIT_OK;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

bool matrices_make(matrices *x, const product *p, size_t sets) {
  *x = (matrices){ .p = p, .sets = sets, .lda = p->transa ? p->m : p->k, .ldb = p->transb ? p->k : p->n, .ldc = p->n };
  x->a = calloc(sets * p->m * p->k, sizeof(float));
  x->b = calloc(sets * p->k * p->n, sizeof(float));
  x->c = calloc(sets * p->m * p->n, sizeof(float));
  return x->a && x->b && x->c;
}

void matrices_release(matrices *x) {
  free(x->a);
  free(x->b);
  free(x->c);
}

void matrices_multiply(matrices *x, const lam_context *context) {
  const product *p = x->p;
  size_t set = x->next;
  x->next = set + 1 < x->sets ? set + 1 : 0;
  lam_gemm_run(context->gemm, context->kernels, p->transa ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE,
               p->transb ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE, p->m, p->n, p->k, 1.0f, x->a + set * p->m * p->k, x->lda,
               x->b + set * p->k * p->n, x->ldb, 0.0f, x->c + set * p->m * p->n, x->ldc);
}

/* ---- checking ------------------------------------------------------------------------------------------------------ */

/* Random numbers, the same in every set: integers from -2 to 2, whose products are exact in any order while 4 k < 2^24, or
 * numbers in [-1, 1]. */
static void fill(const matrices *x, bool integers) {
  const product *p = x->p;
  float *const matrix[2] = { x->a, x->b };
  const size_t count[2] = { p->m * p->k, p->k * p->n };
  for (int side = 0; side < 2; side++) {
    lam_random_uniform(matrix[side], count[side], 7, (uint64_t)side, 0);
    for (size_t i = 0; i < count[side]; i++) {
      float u = matrix[side][i];
      matrix[side][i] = integers ? floorf(u * 5) - 2 : 2 * u - 1;
    }
    for (size_t set = 1; set < x->sets; set++)
      memcpy(matrix[side] + set * count[side], matrix[side], count[side] * sizeof(float));
  }
}

/* An element of the first set's product, in double, and the sum of its terms' magnitudes. */
static double element(const matrices *x, size_t i, size_t j, double *magnitude) {
  const product *p = x->p;
  double sum = 0;
  *magnitude = 0;
  for (size_t l = 0; l < p->k; l++) {
    double term = (double)(p->transa ? x->a[l * x->lda + i] : x->a[i * x->lda + l]) *
                  (double)(p->transb ? x->b[j * x->ldb + l] : x->b[l * x->ldb + j]);
    sum += term;
    *magnitude += fabs(term);
  }
  return sum;
}

/* The largest error over `bound` times the magnitude; infinite where a NaN was left. */
static double worst_error(const matrices *x, double bound) {
  const product *p = x->p;
  size_t count = p->m * p->n, looks = count < 4096 ? count : 4096;
  double worst = 0;
  for (size_t look = 0; look < looks; look++) {
    size_t at = looks == 1 ? 0 : (size_t)((double)look / (double)(looks - 1) * (double)(count - 1));
    double magnitude, right = element(x, at / p->n, at % p->n, &magnitude);
    double error = fabs((double)x->c[at] - right), allowed = bound * magnitude;
    double share = error == 0 ? 0 : error / allowed;
    if (!(share <= worst)) worst = isnan(share) ? (double)INFINITY : share;
  }
  return worst;
}

void matrices_check(matrices *x, const lam_context *context, bool *exact, double *error_over_bound) {
  const product *p = x->p;
  const double u = 0x1p-24, terms = (double)(p->k + 2) * u;
  for (int integers = 1; integers >= 0; integers--) {
    fill(x, integers);
    for (size_t i = 0; i < p->m * p->n; i++) x->c[i] = NAN;
    x->next = 0;
    matrices_multiply(x, context);
    if (integers)
      *exact = worst_error(x, 0) == 0;
    else
      *error_over_bound = worst_error(x, terms / (1 - terms));
  }
}
