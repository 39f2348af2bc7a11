/* SPDX-License-Identifier: MIT
 *
 * The report: results, each a list of named values, written as a table for people, as Markdown, CSV, JSON and a
 * page. Values without a heading stand in no table but in CSV and JSON; a table begins where the headings change.
 */
#ifndef LAM_BENCH_REPORT_H
#define LAM_BENCH_REPORT_H

#include "bench/machine.h"

struct contender;

enum { MOST_CELLS = 40 };

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

typedef struct result_list {
  result *all;
  size_t count, capacity;
} result_list;

enum { MOST_ISAS = 8 }; /* instruction sets */
enum { LEVELS = 4 };    /* L1, L2, L3, memory */

typedef struct report {
  const char *command;
  machine card;
  double peak;                 /* GF/s of one core; 0: not measured */
  const char *isas[MOST_ISAS]; /* whose peaks were measured, the best first; NULL: no more */
  double peaks[MOST_ISAS];
  double bandwidth[LEVELS]; /* bytes a second that one core reads; 0: not measured */
  double updating[LEVELS];  /* that it reads and writes back, both counted; 0: not measured */
  result_list backends, results;
  result *last;
  char notes[8192]; /* lines for people, and in the JSON */
} report;

void report_begin(report *r, const char *command);
/* Begins a row; the values that follow belong to it. */
void report_add(report *r);
void report_add_backend(report *r);
void report_text(report *r, const char *key, const char *heading, const char *text);
void report_number(report *r, const char *key, const char *heading, double number, int decimals);

/* A unit of time: `scale` of it are a second. The spread is the width of the middle half, in the same unit. */
typedef struct report_unit {
  const char *key, *spread_key, *low_key, *high_key, *heading;
  double scale;
} report_unit;
/* Time with its spread and interval, threads asked and observed, ratio with its interval, verdict. */
void report_contender(report *r, const struct contender *c, const report_unit *unit, size_t threads, bool reference);

void report_note(report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the measuring: the machine is looked at again. */
void report_end(report *r);
/* A value of a row, NULL where it has none of this name; its text and number, "" and NaN. */
const cell *result_cell(const result *row, const char *key);
const char *result_text(const result *row, const char *key);
double result_number(const result *row, const char *key);
/* As a table shows it. */
void cell_text(const cell *c, char *text, size_t size);
/* Whether two rows have the same headings, so that they can stand in one table. */
bool same_headings(const result *a, const result *b);

void report_release(report *r);

/* What the report says of the machine, in words. */
typedef struct fact {
  const char *name;
  char value[640];
} fact;
enum { MOST_FACTS = 48 };
size_t report_facts(const report *r, fact facts[MOST_FACTS]);

/* ---- write.c, html.c: the report in a file ---- */
void report_print(FILE *file, const report *r);
void report_markdown(FILE *file, const report *r);
void report_csv(FILE *file, const report *r);
void report_json(FILE *file, const report *r);
void report_html(FILE *file, const report *r);

#endif
