/* SPDX-License-Identifier: MIT
 *
 * The loops that limits are measured with, one instance for each instruction set: pattern.c.
 */
#ifndef LAM_BENCH_PATTERN_H
#define LAM_BENCH_PATTERN_H

#include "kernels/kernels.h"

typedef struct pattern_table {
  const char *isa;
  float (*fma)(size_t times);                           /* FMA_PER_TIME multiply-adds each time */
  float (*read)(const float *p, size_t count);          /* the sum; count a multiple of 128 */
  void (*update)(float *p, size_t count, float factor); /* p = factor p + 1 */
} pattern_table;

/* As many independent chains as hide the latency of an FMA and fit in the registers: 12 vectors on x86, 24 on NEON. */
enum { FMA_CHAINS_ONE_REGISTER = 12, FMA_CHAINS = 6, FMA_REPEAT = 8 };

/* Multiply-adds of fma(1). */
double pattern_fma_count(const char *isa);
/* NULL where the CPU or the build has it not. */
const pattern_table *pattern_at(const char *isa);

#endif
