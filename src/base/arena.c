/* SPDX-License-Identifier: MIT
 *
 * Placing buffers in one block. Largest first into the lowest gap is within a few per cent of the best on networks' buffers,
 * which live nested (an activation from its forward to its backward pass) and are few: quadratic time is nothing here.
 */
#include "base/arena.h"
#include <string.h>

enum { ALIGNMENT = 64 };

static size_t rounded(size_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static bool sum_overflows(const lam_span *spans, size_t count) {
  size_t sum = 0;
  for (size_t i = 0; i < count; ++i)
    if (spans[i].size > SIZE_MAX - ALIGNMENT || __builtin_add_overflow(sum, rounded(spans[i].size), &sum)) return true;
  return false;
}

/* Fills `order` with the spans' numbers, largest first and among equals in their order. */
static void sort_by_size(size_t *order, const lam_span *spans, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    size_t at = i;
    for (; at > 0 && spans[order[at - 1]].size < spans[i].size; --at) order[at] = order[at - 1];
    order[at] = i;
  }
}

static bool lives_meet(const lam_span *a, const lam_span *b) { return a->first <= b->last && b->first <= a->last; }

/* The lowest offset where `span` meets none of the placed ones, which come in increasing order of their offsets. */
static size_t lowest_gap(const lam_span *span, const lam_span *spans, const size_t *placed, size_t count) {
  size_t offset = 0;
  for (size_t i = 0; i < count; ++i) {
    const lam_span *other = &spans[placed[i]];
    if (!lives_meet(span, other)) continue;
    if (other->offset >= offset && other->offset - offset >= rounded(span->size)) break;
    size_t end = other->offset + rounded(other->size);
    if (end > offset) offset = end;
  }
  return offset;
}

lam_status lam_arena_place(lam_context *context, lam_span *spans, size_t count, size_t *total) {
  *total = 0;
  if (count == 0) return LAM_OK;
  if (sum_overflows(spans, count))
    return lam_fail(context, LAM_OUT_OF_MEMORY, "out of memory: the sizes of %zu buffers add up to more than can be addressed",
                    count);
  size_t *order = lam_allocate_array(context, count, 2 * sizeof *order);
  if (!order) return LAM_OUT_OF_MEMORY;
  size_t *placed = order + count;

  sort_by_size(order, spans, count);
  for (size_t i = 0; i < count; ++i) {
    lam_span *span = &spans[order[i]];
    span->offset = lowest_gap(span, spans, placed, i);
    size_t end = span->offset + rounded(span->size);
    if (end > *total) *total = end;
    size_t at = i;
    for (; at > 0 && spans[placed[at - 1]].offset > span->offset; --at) placed[at] = placed[at - 1];
    placed[at] = order[i];
  }
  lam_release(context, order, count * 2 * sizeof *order);
  return LAM_OK;
}
