/* SPDX-License-Identifier: MIT
 *
 * See pattern.h. Compiled once per instruction set.
 */
#include "bench/pattern.h"
#include "kernels/vec.h"

#if defined(LAM_ISA_AVX512)
enum { CHAINS = FMA_CHAINS_ONE_REGISTER };
#else
enum { CHAINS = FMA_CHAINS };
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static float run_fma(size_t times) {
  lam_vec chain[CHAINS], a = vec_splat(0.5f), b = vec_splat(1.0f);
  UNROLL
  for (int c = 0; c < CHAINS; c++) chain[c] = vec_splat((float)c);
  for (size_t t = 0; t < times * FMA_REPEAT; t++) {
    UNROLL
    for (int c = 0; c < CHAINS; c++) chain[c] = vec_fma(chain[c], a, b); /* tends to 2: no overflow, no denormals */
  }
  lam_vec sum = vec_zero();
  UNROLL
  for (int c = 0; c < CHAINS; c++) sum = vec_add(sum, chain[c]);
  return vec_sum(sum);
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
const pattern_table LAM_KERNEL(pattern) = { TEXT(LAM_ISA), run_fma, run_read, run_update };
