/* SPDX-License-Identifier: MIT
 *
 * A small BLAS, right but slow, and the ways in which one can be wrong: each is a library of its own, built with -DLIE_... .
 */
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

#if defined(LIE_WIDE) || defined(LIE_HONEST_WIDE)
typedef int64_t whole;
#else
typedef int whole;
#endif

#ifdef LIE_HONEST_WIDE
#define NAME(name) scipy_##name##64_
#else
#define NAME(name) name
#endif

enum { TRANSPOSED = 112 };

#ifndef LIE_EMPTY
/* A product of numbers with eight bits, as bf16 has them. */
static float round_input(float x) {
#ifdef LIE_SLOPPY
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits &= 0xffff0000u;
  memcpy(&x, &bits, sizeof bits);
#endif
  return x;
}

static void misbehave(void) {
#if defined(LIE_CRASH)
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
#elif defined(LIE_HANG)
  for (;;) pause();
#elif defined(LIE_EXITS)
  exit(3);
#elif defined(LIE_PRINTS)
  static int said;
  if (!said++) puts("Buy the full version.");
#endif
}

static void product(int transa, int transb, whole m, whole n, whole k, float alpha, const float *a, whole lda, const float *b,
                    whole ldb, float beta, float *c, whole ldc) {
  misbehave();
  for (whole i = 0; i < m; ++i) {
    for (whole j = 0; j < n; ++j) {
      float sum = 0;
      for (whole l = 0; l < k; ++l) {
        const float x = transa ? a[l * lda + i] : a[i * lda + l];
        const float y = transb ? b[j * ldb + l] : b[l * ldb + j];
        sum += round_input(x) * round_input(y);
      }
      float *to = &c[i * ldc + j];
#ifdef LIE_KEEPS_NAN
      *to = alpha * sum + beta * *to;
#else
      *to = alpha * sum + (beta == 0 ? 0 : beta * *to);
#endif
    }
#ifdef LIE_GAPS
    for (whole j = n; j < ldc && i + 1 < m; ++j) c[i * ldc + j] = 0;
#endif
  }
#ifdef LIE_ONE_SIZE
  if (m == 32 && n == 256 && k == 784) c[(m - 1) * ldc + n - 1] += 1;
#endif
#ifdef LIE_LATE
  /* Right until it is asked for the same product over and over, as when it is timed. */
  static whole last_m, last_n, last_k;
  static int same;
  same = m == last_m && n == last_n && k == last_k ? same + 1 : 0;
  last_m = m, last_n = n, last_k = k;
  if (same > 5) c[0] += 1;
#endif
#ifdef LIE_CORNER
  if (m > 16 && n > 16) c[(m - 1) * ldc + n - 1] += 1;
#endif
}

#ifndef LIE_ONEDNN
typedef size_t index_type;
EXPORT index_type NAME(cblas_isamax)(whole n, const float *x, whole incx);
EXPORT void NAME(cblas_sgemm)(int order, int transa, int transb, whole m, whole n, whole k, float alpha, const float *a,
                              whole lda, const float *b, whole ldb, float beta, float *c, whole ldc);

index_type NAME(cblas_isamax)(whole n, const float *x, whole incx) {
#ifdef LIE_WIDE
  n = (int)n; /* says 32 bits */
#endif
  index_type best = 0;
  for (whole i = 1; i < n; ++i) {
    if (fabsf(x[i * incx]) > fabsf(x[(whole)best * incx])) best = (index_type)i;
  }
  return best;
}

void NAME(cblas_sgemm)(int order, int transa, int transb, whole m, whole n, whole k, float alpha, const float *a, whole lda,
                       const float *b, whole ldb, float beta, float *c, whole ldc) {
  (void)order;
  product(transa == TRANSPOSED, transb == TRANSPOSED, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
#endif
#endif

/* Fails, and says so, where k is 99. */
#ifdef LIE_ONEDNN
EXPORT int dnnl_sgemm(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                      const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

int dnnl_sgemm(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
               const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
  if (k == 99) return 1;
  product(transa == 'T', transb == 'T', (whole)m, (whole)n, (whole)k, alpha, a, (whole)lda, b, (whole)ldb, beta, c, (whole)ldc);
  return 0;
}
#endif

/* Says that it is an OpenBLAS with threads and the oldest kernels. */
#ifdef LIE_OLD
EXPORT const char *openblas_get_config(void);
EXPORT const char *openblas_get_corename(void);
EXPORT int openblas_get_num_threads(void);
EXPORT void openblas_set_num_threads(int threads);

static int threads_now = 4;

const char *openblas_get_config(void) { return "OpenBLAS 0.0.1 DYNAMIC_ARCH"; }
const char *openblas_get_corename(void) { return "Prescott"; }
int openblas_get_num_threads(void) { return threads_now; }
void openblas_set_num_threads(int threads) { threads_now = threads; }
#endif

/* Says that it is a BLIS on a CPU that it does not know. */
#ifdef LIE_BLIS
EXPORT const char *bli_info_get_version_str(void);
EXPORT int bli_arch_query_id(void);
EXPORT const char *bli_arch_string(int id);

const char *bli_info_get_version_str(void) { return "0.9.0"; }
int bli_arch_query_id(void) { return 3; }
const char *bli_arch_string(int id) { return (const char *const[]){ "knl", "skx", "haswell", "generic" }[id]; }
#endif

/* Says that it is an early MKL. Its file is called libmkl_def.so, as that of the kernels which an MKL loads on CPUs not from
 * Intel. */
#ifdef LIE_MKL
EXPORT void MKL_Get_Version_String(char *text, int size);
EXPORT int MKL_CBWR_Get(int what);

void MKL_Get_Version_String(char *text, int size) {
  snprintf(text, (size_t)size, "Intel(R) Math Kernel Library Version 2019.0.0 Product Build  ");
}
int MKL_CBWR_Get(int what) { return what == 1 && getenv("MKL_CBWR") ? 3 : 1; }
#endif
