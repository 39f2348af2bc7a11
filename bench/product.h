/* SPDX-License-Identifier: MIT
 *
 * Matrix products as the harness names them (shapes.c), and as it makes and checks them (product.c).
 */
#ifndef LAM_BENCH_PRODUCT_H
#define LAM_BENCH_PRODUCT_H

#include "bench/bench.h"
#include "blas/gemm.h"

typedef struct product {
  char pass[24];  /* "forward", "weight gradient", "input gradient", or "" */
  char from[192]; /* where it comes from, "" */
  size_t m, n, k, lda, ldb, ldc;
  bool transa, transb, cold; /* cold: not in cache */
  float alpha, beta;
} product;

/* ---- shapes.c ---- */

enum { MOST_PRODUCTS = 1024 };
typedef struct products {
  product all[MOST_PRODUCTS];
  size_t count;
} products;

/* Reads "32x256x784:NN:lda=800:alpha=2". EXIT_USAGE where it is none; `why` then says what is wrong with it, or is "" where it
 * does not even begin as one. */
enum { WHY_TEXT = 160 };
int read_product(const char *text, product *p, char why[WHY_TEXT]);
/* The same of a product, as short as it can be told. */
void product_text(const product *p, char text[192]);
/* What the options ask for: --shapes, or a sweep, or the steps of --net. */
int list_products(const settings *options, products *list);

/* ---- product.c ---- */

/* Matrices for a product, as many sets as are to be had in turn. */
typedef struct matrices {
  product p;
  float *a, *b, *c;
  size_t size_a, size_b, size_c; /* floats of one set */
  size_t sets, next;
} matrices;

bool matrices_make(matrices *x, const product *p, size_t sets);
void matrices_release(matrices *x);
/* One product with the next set. */
void matrices_multiply(matrices *x, lam_context *context);
/* Bytes that have to be read or written at the least. */
double product_bytes(const product *p);
double product_flops(const product *p);

typedef struct findings {
  const char *exact;       /* "yes", "no", "unchecked": alpha or beta is no small whole number, or sums exceed 2^24 */
  double error_over_bound; /* infinite where a NaN was left */
} findings;

/* Whether a product of small integers, into a C of NaNs where beta is 0, is exact, and the largest error on random numbers over
 * its bound, gamma_(k+2) (|alpha| |A||B| + |beta| |C|) (Higham, "Accuracy and stability of numerical algorithms", 2nd ed.,
 * section 3.5). Looked at are at most 4,096 elements of C, corners included. The matrices hold random numbers afterwards. */
findings matrices_check(matrices *x, lam_context *context);
/* The error over its bound of the product that was done last; where beta is not 0, whose results build upon each other, of one
 * more.
 */
double matrices_recheck(matrices *x, lam_context *context);

#endif
