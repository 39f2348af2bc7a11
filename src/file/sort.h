/* SPDX-License-Identifier: MIT
 *
 * Heapsort: in place, n log n steps for every input, however hostile, and no memory (the C library's qsort may allocate).
 */
#ifndef LAM_FILE_SORT_H
#define LAM_FILE_SORT_H

#include <stdbool.h>
#include <stddef.h>

enum { LAM_SORT_MOST = 128 }; /* bytes of an element */

void lam_sort(void *elements, size_t count, size_t size, bool (*less)(const void *a, const void *b));

#endif
