/* SPDX-License-Identifier: MIT
 *
 * The vetting of a backend: products of small integers, which are exact in any order of summation as long as no sum reaches 2^24,
 * at all transpositions and at sizes around every tile; and products of random numbers against the error bound. It asks through
 * the door, so that what is vetted is what will be used, sgemv included.
 */
#include "blas/gemm.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct problem {
  bool at, bt;
  size_t m, n, k, gap; /* gap: leading dimensions beyond the row */
  float alpha, beta;
} problem;

/* Pools of numbers, and the matrices of the problem at hand. C and what it should be have a margin on both sides. */
typedef struct desk {
  lam_context *context;
  const lam_gemm *gemm;
  float *memory, *integers, *reals, *a, *b, *c, *wanted;
  size_t lda, ldb, ldc;
} desk;

enum { POOL = 1 << 14, MOST = 1 << 17, MARGIN = 32, FLOATS = 2 * POOL + 4 * MOST, MARK = 12345, LIMIT = 4 };

static lam_transpose transposition(bool yes) { return yes ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE; }

static bool open_desk(desk *d, lam_context *context, const lam_gemm *gemm) {
  *d = (desk){ .context = context, .gemm = gemm, .memory = lam_allocate_array(context, FLOATS, sizeof(float)) };
  if (!d->memory) return false;
  d->integers = d->memory;
  d->reals = d->integers + POOL;
  d->a = d->reals + POOL;
  d->b = d->a + MOST;
  d->c = d->b + MOST;
  d->wanted = d->c + MOST;
  lam_random_uniform(d->reals, POOL, 6, 0, 0);
  for (size_t i = 0; i < POOL; ++i) {
    d->integers[i] = floorf(d->reals[i] * (2 * LIMIT + 1)) - LIMIT;
    d->reals[i] = 2 * d->reals[i] - 1;
  }
  return true;
}

/* A matrix from the pool, with NaN in its gaps: they are not to be read. */
static size_t place(float *to, const float *pool, size_t first, size_t rows, size_t columns, size_t gap) {
  const size_t ld = columns + gap;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) to[i * ld + j] = pool[(first + i * columns + j) % POOL];
    for (size_t j = columns; j < ld; ++j) to[i * ld + j] = NAN;
  }
  return ld;
}

static size_t span(const desk *d, const problem *p) { return p->m * d->ldc + 2 * MARGIN; }

static void lay_out(desk *d, const problem *p, const float *pool) {
  const size_t odd = 7919; /* another place of the pool */
  d->lda = place(d->a, pool, p->n, p->at ? p->k : p->m, p->at ? p->m : p->k, p->gap);
  d->ldb = place(d->b, pool, odd + p->m, p->bt ? p->n : p->k, p->bt ? p->k : p->n, p->gap);
  d->ldc = p->n + p->gap;
  for (size_t i = 0; i < span(d, p); ++i) d->c[i] = MARK;
  for (size_t i = 0; i < p->m; ++i) {
    for (size_t j = 0; j < p->n; ++j) d->c[MARGIN + i * d->ldc + j] = p->beta == 0 ? NAN : pool[(2 * odd + i * p->n + j) % POOL];
  }
  memcpy(d->wanted, d->c, span(d, p) * sizeof *d->c);
}

static void multiply(const desk *d, const problem *p, const lam_gemm *gemm, float *c) {
  lam_gemm_run(gemm, d->context->kernels, transposition(p->at), transposition(p->bt), p->m, p->n, p->k, p->alpha, d->a, d->lda,
               d->b, d->ldb, p->beta, c + MARGIN, d->ldc, NULL, NULL);
}

/* What it is for the functions that look at results. */
static lam_gemm_result result_of(const desk *d, const problem *p) {
  return (lam_gemm_result){ .transa = transposition(p->at),
                            .transb = transposition(p->bt),
                            .m = p->m,
                            .n = p->n,
                            .k = p->k,
                            .lda = d->lda,
                            .ldb = d->ldb,
                            .ldc = d->ldc,
                            .alpha = p->alpha,
                            .beta = p->beta,
                            .a = d->a,
                            .b = d->b,
                            .before = d->wanted + MARGIN,
                            .c = d->c + MARGIN };
}

/* Refuses the backend with "its product 3x5x8:NT (lda 8, ldb 8, ldc 5, alpha 1, beta 0) ..." and the rest of the sentence. */
static lam_status refuse(lam_context *context, const lam_gemm *gemm, const lam_gemm_result *r, const char *what) {
  char alpha[32], beta[32];
  return lam_fail(
      context, LAM_INVALID_ARGUMENT,
      "the gemm backend \"%s\" is refused: its product %zux%zux%zu:%c%c (lda %zu, ldb %zu, ldc %zu, alpha %s, beta %s) %s",
      gemm->name, r->m, r->n, r->k, r->transa == LAM_TRANSPOSE ? 'T' : 'N', r->transb == LAM_TRANSPOSE ? 'T' : 'N', r->lda,
      r->ldb, r->ldc, lam_format_float(alpha, r->alpha), lam_format_float(beta, r->beta), what);
}

static lam_status refuse_element(lam_context *context, const lam_gemm *gemm, const lam_gemm_result *r, lam_gemm_error wrong,
                                 const char *rest) {
  const float got = r->c[wrong.row * r->ldc + wrong.column];
  char what[192], number[2][32];
  if (isnan(got) && r->beta == 0) {
    snprintf(what, sizeof what, "leaves NaN in row %zu, column %zu: beta is 0, so what C held before must not matter", wrong.row,
             wrong.column);
  } else {
    snprintf(what, sizeof what, "gives %s in row %zu, column %zu, not %s%s", lam_format_float(number[0], got), wrong.row,
             wrong.column, lam_format_double(number[1], wrong.wanted), rest);
  }
  return refuse(context, gemm, r, what);
}

static lam_status refuse_place(const desk *d, const problem *p, size_t place_in_c) {
  const lam_gemm_result r = result_of(d, p);
  const size_t i = place_in_c < MARGIN ? 0 : (place_in_c - MARGIN) / d->ldc, j = (place_in_c - MARGIN) % d->ldc;
  if (place_in_c < MARGIN || i >= p->m || j >= p->n)
    return refuse(d->context, d->gemm, &r, "writes outside of its rows and columns");
  const lam_gemm_error wrong = { .row = i, .column = j, .wanted = (double)d->wanted[place_in_c] };
  return refuse_element(d->context, d->gemm, &r, wrong, "");
}

static lam_status check_exact(desk *d, const problem *p) {
  static const lam_gemm native = { .name = NULL };
  lay_out(d, p, d->integers);
  multiply(d, p, d->gemm, d->c);
  multiply(d, p, &native, d->wanted);
  for (size_t i = 0; i < span(d, p); ++i) {
    if (!(d->c[i] == d->wanted[i])) return refuse_place(d, p, i);
  }
  return LAM_OK;
}

/* The sums in double are right to k 2^-53 of the magnitude that the bound is made of. */
static lam_gemm_error look_at(const lam_gemm_result *r, size_t i, size_t j) {
  const double u = 0x1p-24, n = (double)r->k + 2, gamma = n * u / (1 - n * u) + n * 0x1p-53;
  double sum = 0, magnitude = 0;
  for (size_t l = 0; l < r->k; ++l) {
    const double x = (double)r->a[r->transa == LAM_TRANSPOSE ? l * r->lda + i : i * r->lda + l];
    const double y = (double)r->b[r->transb == LAM_TRANSPOSE ? j * r->ldb + l : l * r->ldb + j];
    sum += x * y;
    magnitude += fabs(x * y);
  }
  const double before = r->beta == 0 ? 0 : (double)r->beta * (double)r->before[i * r->ldc + j];
  const double wanted = (double)r->alpha * sum + before, error = fabs((double)r->c[i * r->ldc + j] - wanted);
  const double share = error == 0 ? 0 : error / (gamma * (fabs((double)r->alpha) * magnitude + fabs(before)));
  return (lam_gemm_error){ .row = i, .column = j, .wanted = wanted, .share = isnan(share) ? (double)INFINITY : share };
}

lam_gemm_error lam_gemm_worst(const lam_gemm_result *r, size_t looks) {
  const size_t count = r->m * r->n;
  if (looks > count) looks = count;
  lam_gemm_error worst = { .share = -1 };
  for (size_t look = 0; look < looks; ++look) {
    const size_t at = looks == count ? look : (size_t)((double)look / (double)(looks - 1) * (double)(count - 1));
    const lam_gemm_error found = look_at(r, at / r->n, at % r->n);
    if (found.share > worst.share) worst = found;
  }
  return worst;
}

lam_status lam_gemm_check(lam_context *context, const lam_gemm *gemm, const lam_gemm_result *r) {
  const lam_gemm_error worst = lam_gemm_worst(r, r->m * r->n);
  return worst.share <= 1 ? LAM_OK : refuse_element(context, gemm, r, worst, ", which is more than rounding explains");
}

static lam_status check_bound(desk *d, const problem *p) {
  lay_out(d, p, d->reals);
  multiply(d, p, d->gemm, d->c);
  const lam_gemm_result r = result_of(d, p);
  return lam_gemm_check(d->context, d->gemm, &r);
}

/* Powers of two: ATLAS scales C by beta / alpha first, which 3 and -2 would make inexact. */
static const float scalings[][2] = { { 1, 0 }, { 1, 1 }, { -2, 0 }, { 4, -2 }, { 1, 0 }, { 0.5f, 1 } };
enum { SCALINGS = sizeof scalings / sizeof *scalings };

/* Every pair of m and n up to 17, with k, transposition, scaling and gap going round at steps that do not divide each other. */
static lam_status check_small(desk *d) {
  static const size_t ks[] = { 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33 };
  enum { EDGE = 17, KS = sizeof ks / sizeof *ks };
  lam_status status = LAM_OK;
  for (size_t s = 0; s < 4 * EDGE * EDGE && status == LAM_OK; ++s) {
    const size_t pair = s / 4;
    const float *factors = scalings[(s / 3) % SCALINGS];
    status = check_exact(d, &(problem){ .at = s & 1,
                                        .bt = s & 2,
                                        .m = 1 + pair % EDGE,
                                        .n = 1 + pair / EDGE,
                                        .k = ks[s % KS],
                                        .gap = s % 5 % 3,
                                        .alpha = factors[0],
                                        .beta = factors[1] });
  }
  return status;
}

/* Where libraries pack and block: past the usual tiles in each direction, and past OpenBLAS's small-matrix path (10^6). */
static lam_status check_large(desk *d) {
  static const size_t sizes[][3] = { { 33, 47, 19 },  { 1, 300, 200 },  { 300, 1, 200 }, { 64, 64, 64 },
                                     { 5, 97, 1025 }, { 130, 67, 129 }, { 32, 256, 131 } };
  lam_status status = LAM_OK;
  for (size_t s = 0; s < 4 * sizeof sizes / sizeof *sizes && status == LAM_OK; ++s) {
    const size_t *size = sizes[s / 4];
    const float *factors = scalings[s % SCALINGS];
    problem p = {
      .at = s & 1, .bt = s & 2, .m = size[0], .n = size[1], .k = size[2], .gap = s % 3, .alpha = factors[0], .beta = factors[1]
    };
    status = check_exact(d, &p);
  }
  return status;
}

static lam_status check_rounding(desk *d) {
  static const size_t sizes[][3] = { { 9, 21, 257 }, { 1, 33, 400 }, { 34, 1, 300 } };
  lam_status status = LAM_OK;
  for (size_t s = 0; s < 4 * sizeof sizes / sizeof *sizes && status == LAM_OK; ++s) {
    const size_t *size = sizes[s / 4];
    status = check_bound(d, &(problem){ .at = s & 1,
                                        .bt = s & 2,
                                        .m = size[0],
                                        .n = size[1],
                                        .k = size[2],
                                        .gap = s % 2,
                                        .alpha = s % 2 ? 1 : 0.7f,
                                        .beta = s % 3 ? 0 : -1.3f });
  }
  return status;
}

/* A function that was handed over as one with 32-bit integers must not look at the 32 bits above them. On these two machines they
 * lie in the same register, and a k that is 3 below and negative above gives no product where all 64 are read. */
static lam_status check_width(desk *d) {
#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__LP64__) && defined(__linux__)
  typedef void (*wide)(lam_order order, lam_transpose transa, lam_transpose transb, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
  if (d->gemm->interface != LAM_CBLAS_32) return LAM_OK;
  float c[4] = { 0 };
  for (int i = 0; i < 6; ++i) d->a[i] = d->b[i] = 1;
  ((wide)(lam_any_function)d->gemm->sgemm)(LAM_ROW_MAJOR, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 2, 2, -(INT64_C(1) << 32) + 3, 1,
                                           d->a, 3, d->b, 2, 0, c, 2);
  if (c[0] == 0 && c[1] == 0 && c[2] == 0 && c[3] == 0)
    return lam_fail(d->context, LAM_INVALID_ARGUMENT,
                    "the gemm backend \"%s\" is refused: it reads 64-bit integers, but passes for one with 32-bit integers",
                    d->gemm->name);
#else
  (void)d;
#endif
  return LAM_OK;
}

lam_status lam_gemm_vet(lam_context *context, const lam_gemm *gemm) {
  desk d;
  if (!open_desk(&d, context, gemm)) return LAM_OUT_OF_MEMORY;
  lam_blas_enter(context);
  lam_fp_mode mode = lam_fp_enter();
  lam_status (*const checks[])(desk *) = { check_width, check_small, check_large, check_rounding };
  lam_status status = LAM_OK;
  for (size_t i = 0; i < sizeof checks / sizeof *checks && status == LAM_OK; ++i) status = checks[i](&d);
  lam_fp_leave(mode);
  lam_blas_leave(context);
  lam_release(context, d.memory, FLOATS * sizeof(float));
  return status;
}
