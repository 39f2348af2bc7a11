/* SPDX-License-Identifier: MIT
 *
 * The loops that limits are measured with, one instance for each instruction set: pattern.c.
 */
#ifndef LAM_BENCH_PATTERN_H
#define LAM_BENCH_PATTERN_H

#include "kernels/kernels.h"

enum { FMA_REPEAT = 8, MOST_FMA_CHAINS = 192 };

typedef struct pattern_table {
  const char *isa;
  size_t chains; /* floats that fma works on */
  /* chains[i] = chains[i] / 2 + 1, FMA_REPEAT times `times` fused multiply-adds of each. Each begins with a number that the
   * compiler cannot know: of chains that begin alike it computes only one. */
  void (*fma)(float *chains, size_t times);
  float (*read)(const float *p, size_t count);          /* the sum; count a multiple of 128 */
  void (*update)(float *p, size_t count, float factor); /* p = factor p + 1 */
} pattern_table;

/* NULL where the CPU or the build has it not. */
const pattern_table *pattern_at(const char *isa);

#endif
