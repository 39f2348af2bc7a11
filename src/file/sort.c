/* SPDX-License-Identifier: MIT
 *
 * Heapsort (Williams, "Algorithm 232", Communications of the ACM 7, 1964).
 */
#include "file/sort.h"
#include <string.h>

static void swap(char *a, char *b, size_t size) {
  char moved[LAM_SORT_MOST];
  memcpy(moved, a, size);
  memcpy(a, b, size);
  memcpy(b, moved, size);
}

static void sift(char *elements, size_t root, size_t count, size_t size, bool (*less)(const void *, const void *)) {
  for (size_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && less(elements + child * size, elements + (child + 1) * size)) ++child;
    if (!less(elements + root * size, elements + child * size)) return;
    swap(elements + root * size, elements + child * size, size);
  }
}

void lam_sort(void *elements, size_t count, size_t size, bool (*less)(const void *, const void *)) {
  char *first = elements;
  for (size_t i = count / 2; i-- > 0;) sift(first, i, count, size, less);
  for (size_t last = count; last-- > 1;) {
    swap(first, first + last * size, size);
    sift(first, 0, last, size, less);
  }
}
