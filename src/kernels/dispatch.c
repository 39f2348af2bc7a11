/* SPDX-License-Identifier: MIT
 *
 * Which instruction set's kernels run: decided once, from the CPU's feature bits, what the operating system saves of the
 * registers, and LAMINA_ISA, which is an upper limit.
 */
#include "kernels/kernels.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#ifdef LAM_HAVE_AVX512
extern const lam_kernel_table lam_kernels_avx512;
#endif
#ifdef LAM_HAVE_AVX2
extern const lam_kernel_table lam_kernels_avx2;
#endif
#ifdef LAM_HAVE_NEON
extern const lam_kernel_table lam_kernels_neon;
#endif
extern const lam_kernel_table lam_kernels_portable;

#if defined(__x86_64__)
/* The register state that the operating system saves (XCR0), or 0 where there is no such thing. */
static uint64_t saved_state(void) {
  unsigned a, b, c, d, low, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static bool has_avx2(void) {
  unsigned a, b, c, d;
  if ((saved_state() & 0x6) != 0x6) return false; /* SSE and AVX registers */
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX) || !(c & bit_FMA)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2) && (b & bit_BMI2);
}

static bool has_avx512(void) {
  unsigned a, b, c, d, all = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  if (!has_avx2() || (saved_state() & 0xe6) != 0xe6) return false; /* and masks and the wide registers */
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & all) == all;
}
#endif

/* The levels' names, best first, and the table of each, or NULL where this build or CPU has it not. */
typedef struct lam_level {
  const char *isa;
  const lam_kernel_table *table;
} lam_level;
#define LAM_LEVEL(name) { #name, NULL },
enum {
#define LAM_LEVEL_NUMBER(name) LAM_LEVEL_##name,
  LAM_ISA_LIST(LAM_LEVEL_NUMBER)
#undef LAM_LEVEL_NUMBER
      LAM_LEVEL_COUNT
};

static struct {
  lam_level levels[LAM_LEVEL_COUNT];
  const lam_kernel_table *best;
  char unknown[32];
} choice = { .levels = { LAM_ISA_LIST(LAM_LEVEL) } };
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

static void find_levels(void) {
#ifdef LAM_HAVE_AVX512
  if (has_avx512()) choice.levels[LAM_LEVEL_avx512].table = &lam_kernels_avx512;
#endif
#ifdef LAM_HAVE_AVX2
  if (has_avx2()) choice.levels[LAM_LEVEL_avx2].table = &lam_kernels_avx2;
#endif
#ifdef LAM_HAVE_NEON
  choice.levels[LAM_LEVEL_neon].table = &lam_kernels_neon; /* every AArch64 has it */
#endif
  choice.levels[LAM_LEVEL_portable].table = &lam_kernels_portable;
}

static int level_named(const char *isa) {
  int i = 0;
  while (i < LAM_LEVEL_COUNT && strcmp(choice.levels[i].isa, isa) != 0) ++i;
  return i;
}

static void choose(void) {
  find_levels();
  const char *limit = secure_getenv("LAMINA_ISA");
  int i = limit && *limit ? level_named(limit) : 0;
  if (i == LAM_LEVEL_COUNT) {
    strncpy(choice.unknown, limit, sizeof choice.unknown - 1);
    i = 0;
  }
  while (!choice.levels[i].table) ++i;
  choice.best = choice.levels[i].table;
}

const lam_kernel_table *lam_kernels(void) {
  pthread_once(&chosen, choose);
  return choice.best;
}

const lam_kernel_table *lam_kernels_at(const char *isa) {
  pthread_once(&chosen, choose);
  int i = level_named(isa);
  return i == LAM_LEVEL_COUNT ? NULL : choice.levels[i].table;
}

const char *lam_isa_unknown(void) {
  pthread_once(&chosen, choose);
  return choice.unknown[0] ? choice.unknown : NULL;
}
