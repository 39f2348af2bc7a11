/* SPDX-License-Identifier: MIT
 *
 * Comma-separated values in memory, cell by cell (RFC 4180). Nothing is changed or copied, so a text can be gone through again.
 */
#ifndef LAM_DATA_CSV_SCAN_H
#define LAM_DATA_CSV_SCAN_H

#include "data/dataset.h"

/* What stands between delimiters, without its quotes and the blanks around it. A quote within is still doubled: equal texts have
 * equal bytes, and the order of the bytes is that of the texts. */
typedef struct lam_cell {
  const char *text; /* NULL: the text has ended */
  size_t size;
  size_t line; /* from 1 */
  bool last;   /* of its row */
} lam_cell;

typedef struct lam_csv_text {
  lam_context *context;
  const char *path; /* for sentences */
  const char *begin, *end;
  char delimiter;
} lam_csv_text;

typedef struct lam_csv_cursor {
  const lam_csv_text *csv;
  const char *at;
  size_t line;
  bool in_row; /* a delimiter has been passed: a cell must follow */
} lam_csv_cursor;

/* At the first cell. */
lam_csv_cursor lam_csv_start(const lam_csv_text *csv);
/* The next cell. LAM_FORMAT for stray quotes and carriage returns; nothing else is wrong with a text. */
lam_status lam_csv_next(lam_csv_cursor *cursor, lam_cell *cell);

bool lam_cell_equals(const lam_cell *cell, const char *text);
/* The text with its quotes single: at most cell->size bytes and a NUL. Returns the bytes without the NUL. */
size_t lam_cell_copy(char *to, const lam_cell *cell);
/* The same, cut and without control characters, for sentences. Returns buffer. */
char *lam_cell_text(char buffer[48], const lam_cell *cell);
/* A finite number and nothing else. */
bool lam_cell_number(const lam_cell *cell, double *value);

#endif
