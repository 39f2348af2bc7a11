/* SPDX-License-Identifier: MIT
 *
 * Measures the largest error of exp, log, sigmoid and tanh: `ulp [--function NAME] [--stride N] [--isa LEVEL]`. With stride 1
 * (the default) it goes through all 2^32 floats, minutes a function; docs/kernels.md quotes it.
 */
#include "ulp.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  const char *only = NULL;
  const lam_kernel_table *table = lam_kernels();
  uint32_t stride = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--function")) only = argv[i + 1];
    if (!strcmp(argv[i], "--stride")) stride = (uint32_t)strtoul(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--isa")) table = lam_kernels_at(argv[i + 1]);
  }
  if (!table || !stride || argc % 2 == 0) return fprintf(stderr, "usage: ulp [--function NAME] [--stride N] [--isa LEVEL]\n"), 2;
  for (size_t f = 0; f < STATED_FUNCTIONS; ++f) {
    const stated_function *s = &stated_functions[f];
    float where = 0;
    if (only && strcmp(only, s->name) != 0) continue;
    double worst = largest_ulp(s, table, stride, &where);
    printf("%-14s %.4f ULP at %.9g (%a), stated %g, %s, stride %u\n", s->name, worst, (double)where, (double)where, s->bound,
           table->isa, stride);
  }
}
