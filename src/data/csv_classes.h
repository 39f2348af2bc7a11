/* SPDX-License-Identifier: MIT
 *
 * The texts of a target column as classes: each different one an entry, found by its hash.
 */
#ifndef LAM_DATA_CSV_CLASSES_H
#define LAM_DATA_CSV_CLASSES_H

#include "data/csv_scan.h"

/* More different texts than this are no classes but, say, the numbers of the rows. With it the lists below stay within a
 * mebibyte.
 */
enum { LAM_MOST_CLASSES = 24576 };

typedef struct lam_class_entry {
  const char *text; /* as in its first cell */
  uint32_t size;
  uint32_t number; /* in the order of appearance */
} lam_class_entry;

typedef struct lam_class_list {
  lam_context *context;
  lam_class_entry *entries;
  size_t count, capacity;
  uint32_t *slots; /* entry + 1, 0: free */
  size_t slot_count;
} lam_class_list;

/* The number of the cell's text, a new one where it is new. LAM_INVALID_DATA where there are too many. */
lam_status lam_class_find(lam_class_list *list, const lam_cell *cell, int32_t *number);
/* Ends the looking up and sorts the entries: by value where all are numbers, else byte by byte. */
void lam_class_sort(lam_class_list *list);
/* The names in the order of the entries: pointers and texts as one piece. */
lam_status lam_class_names(const lam_class_list *list, lam_block *names);
void lam_class_release(lam_class_list *list);

static inline lam_cell lam_class_cell(const lam_class_entry *entry) {
  return (lam_cell){ .text = entry->text, .size = entry->size };
}

#endif
