/* SPDX-License-Identifier: MIT
 *
 * The bits of every kernel on fixed inputs: `bits LEVEL` prints a hash for each; `bits --check FILE` compares every level of this
 * machine with a file of such lines and answers in TAP. The same file holds for every instruction set, compiler and machine.
 */
#include "every.h"
#include <inttypes.h>
#include <stdio.h>

enum { ROWS = 19, COLUMNS = 300, FLOATS = ROWS * COLUMNS };

static uint64_t hash_of(const every_entry *kernel, const lam_kernel_table *table) {
  static const size_t columns[] = { 1, 2, 10, 15, 16, 17, 31, 32, 64, 80, 100, 257 };
  static float y[FLOATS], a[FLOATS], b[FLOATS], c[FLOATS], row[COLUMNS];
  static uint8_t bytes[FLOATS];
  static int32_t labels[ROWS], index[ROWS];
  uint64_t hash = 0;
  for (size_t i = 0; i < sizeof columns / sizeof *columns; ++i) {
    for (unsigned kind = 0; kind < FILL_COUNT; ++kind) {
      job j = { ROWS, columns[i], columns[i] + i % 3, y, a, b, c, row, labels, index, bytes, 0 };
      job_fill(&j, (fill_kind)kind, 1000 * i + kind);
      kernel->run(table, &j);
      uint64_t part = job_hash(&j);
      hash = hash_words(hash ^ part, &part, 2);
    }
  }
  return hash;
}

static int print(const lam_kernel_table *table) {
  for (size_t k = 0; k < EVERY_COUNT; ++k) {
    if (strcmp(every_kernel[k].name, "gemm") == 0) continue;
    printf("%s %016" PRIx64 "\n", every_kernel[k].name, hash_of(&every_kernel[k], table));
  }
  return 0;
}

static const every_entry *kernel_named(const char *name) {
  for (size_t k = 0; k < EVERY_COUNT; ++k) {
    if (strcmp(every_kernel[k].name, name) == 0) return &every_kernel[k];
  }
  return NULL;
}

static int check(FILE *file) {
  char name[64];
  uint64_t expected;
  int number = 0, failed = 0;
  while (fscanf(file, "%63s %" SCNx64, name, &expected) == 2) {
    const every_entry *kernel = kernel_named(name);
    for (size_t i = 0; i < EVERY_LEVELS; ++i) {
      const lam_kernel_table *table = lam_kernels_at(every_level[i]);
      if (!table) continue;
      int good = kernel && hash_of(kernel, table) == expected;
      failed += !good;
      printf("%s %d - %s_has_its_bits_on_%s\n", good ? "ok" : "not ok", ++number, name, every_level[i]);
    }
  }
  printf("1..%d\n", number);
  return failed || !number;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--check") == 0) {
    FILE *file = fopen(argv[2], "r");
    if (!file) return fprintf(stderr, "bits: cannot open %s\n", argv[2]), 2;
    int result = check(file);
    return fclose(file), result;
  }
  const lam_kernel_table *table = argc == 2 ? lam_kernels_at(argv[1]) : NULL;
  if (!table) return fprintf(stderr, "usage: bits LEVEL | bits --check FILE\n"), 2;
  return print(table);
}
