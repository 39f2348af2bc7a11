/* SPDX-License-Identifier: MIT
 *
 * Matrix products as the harness names, makes and checks them; gemm.c measures them.
 */
#ifndef LAM_BENCH_PRODUCT_H
#define LAM_BENCH_PRODUCT_H

#include "bench/bench.h"
#include "blas/gemm.h"

typedef struct product {
  char pass[24]; /* "forward", "weight gradient", "input gradient", or "" */
  size_t m, n, k;
  bool transa, transb;
} product;

/* The products of a network's step, layer by layer, at most `most`; returns how many. */
size_t network_products(const sizes *net, size_t batch, product *products, size_t most);
/* Reads "32x256x784:NN"; prints a sentence where it is none. */
int read_product(const char *text, product *p);

/* Matrices for a product, as many sets as are to be had in turn. */
typedef struct matrices {
  const product *p;
  float *a, *b, *c;
  size_t lda, ldb, ldc, sets, next;
} matrices;

bool matrices_make(matrices *x, const product *p, size_t sets);
void matrices_release(matrices *x);
/* One product with the next set. */
void matrices_multiply(matrices *x, const lam_context *context);

/* Whether a product of small integers into a C of NaNs is exact, and the largest error on random numbers over its bound,
 * gamma_(k+2) |A||B| (Higham, "Accuracy and stability of numerical algorithms", 2nd ed., section 3.5). Looked at are at most
 * 4,096 elements of C, corners included. The matrices hold random numbers afterwards. */
void matrices_check(matrices *x, const lam_context *context, bool *exact, double *error_over_bound);

#endif
