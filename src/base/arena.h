/* SPDX-License-Identifier: MIT
 *
 * The arena: places buffers that live during intervals of steps into one block, so that buffers whose lives do not meet share
 * memory.
 */
#ifndef LAM_BASE_ARENA_H
#define LAM_BASE_ARENA_H

#include "base/context.h"

typedef struct lam_span {
  size_t size;        /* bytes */
  size_t first, last; /* the steps, both included, during which it is in use */
  size_t offset;      /* found: a multiple of 64 */
} lam_span;

/* Finds an offset for each span, largest first, each at the lowest place where it meets no other that is alive at the same time.
 * Returns the size of the whole block in *total; LAM_OUT_OF_MEMORY where it cannot sort or the sum overflows. */
lam_status lam_arena_place(lam_context *context, lam_span *spans, size_t count, size_t *total);

#endif
