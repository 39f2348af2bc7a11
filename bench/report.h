/* SPDX-License-Identifier: MIT
 *
 * The report: results, each a list of named values, written as a table for people, as Markdown, and as JSON. Values without a
 * heading stand only in the JSON; a table begins where the headings change.
 */
#ifndef LAM_BENCH_REPORT_H
#define LAM_BENCH_REPORT_H

#include "bench/machine.h"

struct contender;

enum { MOST_CELLS = 32 };

typedef struct cell {
  const char *key, *heading; /* literals */
  char *text;                /* NULL: a number */
  double number;
  int decimals;
} cell;

typedef struct result {
  cell cells[MOST_CELLS];
  size_t count;
} result;

typedef struct report {
  const char *command;
  machine card;
  double peak; /* GF/s of one core; 0: not measured */
  result *results;
  size_t count, capacity;
  char notes[1024]; /* lines for people, and in the JSON */
} report;

void report_begin(report *r, const char *command);
void report_add(report *r); /* begins a result; the values that follow belong to it */
void report_text(report *r, const char *key, const char *heading, const char *text);
void report_number(report *r, const char *key, const char *heading, double number, int decimals);

/* A unit of time: `scale` of it are a second. The spread is the width of the middle half, in the same unit. */
typedef struct report_unit {
  const char *key, *spread_key, *heading;
  double scale;
} report_unit;
/* Median, spread, threads asked and observed, ratio with its interval, verdict. */
void report_contender(report *r, const struct contender *c, const report_unit *unit, size_t threads, bool reference);

void report_note(report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the measuring: the machine is looked at again. */
void report_end(report *r);
void report_print(const report *r, FILE *file, bool markdown);
/* The JSON as text that the caller frees; NULL where memory is exhausted. */
char *report_json(const report *r, size_t *size);
void report_release(report *r);

#endif
