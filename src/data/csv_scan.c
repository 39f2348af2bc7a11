/* SPDX-License-Identifier: MIT
 *
 * Going through comma-separated values.
 */
#include "data/csv_scan.h"
#include <math.h>
#include <string.h>

static bool is_blank(const lam_csv_text *csv, char c) { return (c == ' ' || c == '\t') && c != csv->delimiter; }

static const char *skip_blanks(const lam_csv_text *csv, const char *at) {
  while (at < csv->end && is_blank(csv, *at)) ++at;
  return at;
}

/* Behind the end of the line that is at `at`, or `at` where there is none. The end of the text ends its last line. */
static const char *skip_line_end(const lam_csv_text *csv, const char *at) {
  if (at < csv->end && *at == '\r' && (at + 1 == csv->end || at[1] == '\n')) ++at;
  return at < csv->end && *at == '\n' ? at + 1 : at;
}

static bool ends_line(const lam_csv_text *csv, const char *at) { return at == csv->end || skip_line_end(csv, at) != at; }

lam_csv_cursor lam_csv_start(const lam_csv_text *csv) {
  static const char mark[] = { '\xef', '\xbb', '\xbf' };
  bool marked = csv->end - csv->begin >= 3 && memcmp(csv->begin, mark, sizeof mark) == 0;
  return (lam_csv_cursor){ .csv = csv, .at = csv->begin + (marked ? 3 : 0), .line = 1 };
}

static lam_status refuse(const lam_csv_cursor *c, const char *what) {
  return lam_fail(c->csv->context, LAM_FORMAT, "\"%s\", line %zu: %s", c->csv->path, c->line, what);
}

/* From behind the opening quote. Lines within are counted. */
static lam_status take_quoted(lam_csv_cursor *c, lam_cell *cell) {
  const lam_csv_text *csv = c->csv;
  cell->text = c->at;
  for (const char *at = c->at; at < csv->end; ++at) {
    c->line += *at == '\n';
    if (*at != '"') continue;
    if (at + 1 < csv->end && at[1] == '"') {
      ++at;
      continue;
    }
    cell->size = (size_t)(at - cell->text);
    c->at = skip_blanks(csv, at + 1);
    if (ends_line(csv, c->at) || *c->at == csv->delimiter) return LAM_OK;
    return refuse(c, "there is text behind a closing quote; a quote within quotes is doubled");
  }
  c->line = cell->line;
  return refuse(c, "a quote is not closed");
}

static lam_status take_plain(lam_csv_cursor *c, lam_cell *cell) {
  const lam_csv_text *csv = c->csv;
  const char *at = c->at;
  while (at < csv->end && *at != csv->delimiter && *at != '\n' && *at != '\r' && *at != '"') ++at;
  if (at < csv->end && *at == '"') return refuse(c, "a quote within a cell; such cells stand in quotes, theirs doubled");
  if (at < csv->end && *at == '\r' && !ends_line(csv, at)) return refuse(c, "a carriage return without a line feed");
  cell->text = c->at;
  c->at = at;
  while (at > cell->text && is_blank(csv, at[-1])) --at;
  cell->size = (size_t)(at - cell->text);
  return LAM_OK;
}

lam_status lam_csv_next(lam_csv_cursor *c, lam_cell *cell) {
  const lam_csv_text *csv = c->csv;
  c->at = skip_blanks(csv, c->at);
  while (!c->in_row && c->at < csv->end && ends_line(csv, c->at)) { // empty lines
    c->at = skip_blanks(csv, skip_line_end(csv, c->at));
    ++c->line;
  }
  *cell = (lam_cell){ .line = c->line };
  if (!c->in_row && c->at == csv->end) return LAM_OK;
  bool quoted = c->at < csv->end && *c->at == '"';
  if (quoted) ++c->at;
  lam_status status = quoted ? take_quoted(c, cell) : take_plain(c, cell);
  if (status) return status;
  cell->last = ends_line(csv, c->at);
  c->in_row = !cell->last;
  c->line += cell->last;
  c->at = cell->last ? skip_line_end(csv, c->at) : c->at + 1;
  return LAM_OK;
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

bool lam_cell_equals(const lam_cell *cell, const char *text) {
  size_t i = 0;
  for (; i < cell->size && *text; ++i, ++text) {
    if (cell->text[i] != *text) return false;
    if (*text == '"') ++i; // the second of two
  }
  return i == cell->size && *text == 0;
}

size_t lam_cell_copy(char *to, const lam_cell *cell) {
  size_t size = 0;
  for (size_t i = 0; i < cell->size; ++i) {
    to[size++] = cell->text[i];
    if (cell->text[i] == '"') ++i;
  }
  to[size] = 0;
  return size;
}

char *lam_cell_text(char buffer[48], const lam_cell *cell) {
  enum { MOST = 40 };
  char start[MOST + 2];
  lam_cell cut = *cell;
  if (cut.size > MOST + 1) cut.size = MOST + 1;
  size_t size = lam_cell_copy(start, &cut), kept = lam_utf8_prefix(start, MOST);
  memcpy(buffer, start, kept);
  for (size_t i = 0; i < kept; ++i)
    if ((unsigned char)buffer[i] < ' ') buffer[i] = ' ';
  strcpy(buffer + kept, kept < size || cut.size < cell->size ? "..." : "");
  return buffer;
}

bool lam_cell_number(const lam_cell *cell, double *value) {
  const char *end = cell->text + cell->size;
  return cell->size && lam_parse_double(cell->text, end, value) == end && isfinite(*value);
}
