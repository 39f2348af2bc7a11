/* SPDX-License-Identifier: MIT
 *
 * See pattern.h. Compiled once per instruction set.
 */
#include "bench/pattern.h"
#include "kernels/vec.h"

/* As many independent chains as hide the latency of an FMA and fit in the registers: 12 registers on x86, 24 on NEON. */
#if defined(LAM_ISA_AVX512)
enum { FMA_VECTORS = 12 };
#else
enum { FMA_VECTORS = 6 };
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static void run_fma(float *chains, size_t times) {
  lam_vec chain[FMA_VECTORS], a = vec_splat(0.5f), b = vec_splat(1.0f);
  UNROLL
  for (int c = 0; c < FMA_VECTORS; c++) chain[c] = vec_load(chains + c * LAM_LANES);
  for (size_t t = 0; t < times * FMA_REPEAT; t++) {
    UNROLL
    for (int c = 0; c < FMA_VECTORS; c++) chain[c] = vec_fma(chain[c], a, b); /* tends to 2: no overflow, no denormals */
  }
  UNROLL
  for (int c = 0; c < FMA_VECTORS; c++) vec_store(chains + c * LAM_LANES, chain[c]);
}

static float run_read(const float *p, size_t count) {
  lam_vec sum[8];
  UNROLL
  for (int c = 0; c < 8; c++) sum[c] = vec_zero();
  for (size_t i = 0; i < count; i += 8 * LAM_LANES) {
    UNROLL
    for (int c = 0; c < 8; c++) sum[c] = vec_add(sum[c], vec_load(p + i + c * LAM_LANES));
  }
  UNROLL
  for (int c = 1; c < 8; c++) sum[0] = vec_add(sum[0], sum[c]);
  return vec_sum(sum[0]);
}

static void run_update(float *p, size_t count, float factor) {
  lam_vec a = vec_splat(factor), b = vec_splat(1.0f);
  for (size_t i = 0; i < count; i += 4 * LAM_LANES) {
    UNROLL
    for (int c = 0; c < 4; c++) vec_store(p + i + c * LAM_LANES, vec_fma(vec_load(p + i + c * LAM_LANES), a, b));
  }
}

#define TEXT_(isa) #isa
#define TEXT(isa) TEXT_(isa)
extern const pattern_table LAM_KERNEL(pattern);
const pattern_table LAM_KERNEL(pattern) = { TEXT(LAM_ISA), FMA_VECTORS *LAM_LANES, run_fma, run_read, run_update };
