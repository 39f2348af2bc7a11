/* SPDX-License-Identifier: MIT
 *
 * Classes of a target column.
 */
#include "data/csv_classes.h"
#include <stdlib.h>
#include <string.h>

/* FNV-1a (Fowler, Noll, Vo). */
static size_t hash(const lam_cell *cell) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < cell->size; ++i) h = (h ^ (unsigned char)cell->text[i]) * UINT64_C(1099511628211);
  return (size_t)(h ^ h >> 32);
}

/* Where the text is, or the free slot where it belongs. */
static size_t find_slot(const lam_class_list *list, const lam_cell *cell) {
  size_t slot = hash(cell) & (list->slot_count - 1);
  for (;; slot = (slot + 1) & (list->slot_count - 1)) {
    if (list->slots[slot] == 0) return slot;
    const lam_class_entry *entry = &list->entries[list->slots[slot] - 1];
    if (entry->size == cell->size && memcmp(entry->text, cell->text, cell->size) == 0) return slot;
  }
}

/* At most half of the slots are taken. */
static lam_status grow_slots(lam_class_list *list) {
  if (2 * (list->count + 1) <= list->slot_count) return LAM_OK;
  size_t old = list->slot_count, count = old ? 2 * old : 64;
  uint32_t *slots = lam_allocate_zero(list->context, count * sizeof *slots);
  if (!slots) return LAM_OUT_OF_MEMORY;
  lam_release(list->context, list->slots, old * sizeof *slots);
  list->slots = slots;
  list->slot_count = count;
  for (size_t i = 0; i < list->count; ++i) {
    lam_cell cell = lam_class_cell(&list->entries[i]);
    slots[find_slot(list, &cell)] = (uint32_t)i + 1;
  }
  return LAM_OK;
}

static lam_status add_entry(lam_class_list *list, const lam_cell *cell, size_t slot) {
  if (list->count == LAM_MOST_CLASSES) return lam_fail(list->context, LAM_INVALID_DATA, "more than %d classes", LAM_MOST_CLASSES);
  void *entries = list->entries;
  lam_status status = lam_grow(list->context, &entries, &list->capacity, list->count + 1, sizeof *list->entries);
  list->entries = entries;
  if (status) return status;
  list->entries[list->count] = (lam_class_entry){ cell->text, (uint32_t)cell->size, (uint32_t)list->count };
  list->slots[slot] = (uint32_t)++list->count;
  return LAM_OK;
}

lam_status lam_class_find(lam_class_list *list, const lam_cell *cell, int32_t *number) {
  if (cell->size > LAM_MOST_ELEMENTS) return lam_fail(list->context, LAM_INVALID_DATA, "a name of more than 2147483647 bytes");
  lam_status status = grow_slots(list);
  if (status) return status;
  size_t slot = find_slot(list, cell);
  if (list->slots[slot] == 0 && (status = add_entry(list, cell, slot))) return status;
  *number = (int32_t)(list->slots[slot] - 1);
  return LAM_OK;
}

/* ---- the order --------------------------------------------------------------------------------------------------- */

static int compare_texts(const void *left, const void *right) {
  const lam_class_entry *a = left, *b = right;
  int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static int compare_numbers(const void *left, const void *right) {
  double a, b;
  lam_cell first = lam_class_cell(left), second = lam_class_cell(right);
  if (!lam_cell_number(&first, &a) || !lam_cell_number(&second, &b) || a == b) return compare_texts(left, right);
  return a < b ? -1 : 1;
}

void lam_class_sort(lam_class_list *list) {
  bool numbers = true;
  double value;
  for (size_t i = 0; i < list->count && numbers; ++i) {
    lam_cell cell = lam_class_cell(&list->entries[i]);
    numbers = lam_cell_number(&cell, &value);
  }
  lam_release(list->context, list->slots, list->slot_count * sizeof *list->slots);
  list->slots = NULL;
  if (list->count) qsort(list->entries, list->count, sizeof *list->entries, numbers ? compare_numbers : compare_texts);
}

lam_status lam_class_names(const lam_class_list *list, lam_block *names) {
  size_t size = list->count * (sizeof(char *) + 1); // the texts lie in memory already: no overflow
  for (size_t i = 0; i < list->count; ++i) size += list->entries[i].size;
  char **pointers = lam_allocate(list->context, size);
  if (!pointers) return LAM_OUT_OF_MEMORY;
  char *next = (char *)(pointers + list->count);
  for (size_t i = 0; i < list->count; ++i) {
    lam_cell cell = lam_class_cell(&list->entries[i]);
    pointers[i] = next;
    next += lam_cell_copy(next, &cell) + 1;
  }
  *names = (lam_block){ pointers, size };
  return LAM_OK;
}

void lam_class_release(lam_class_list *list) {
  lam_release(list->context, list->entries, list->capacity * sizeof *list->entries);
  lam_release(list->context, list->slots, list->slot_count * sizeof *list->slots);
}
