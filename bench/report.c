/* SPDX-License-Identifier: MIT
 *
 * What a report holds; see report.h.
 */
#include "bench/report.h"
#include "bench/rounds.h"
#include <lamina/base.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void report_begin(report *r, const char *command) {
  *r = (report){ .command = command };
  machine_start(&r->card);
}

void report_end(report *r) { machine_stop(&r->card); }

static void *must(void *memory) {
  if (memory) return memory;
  fputs("lamina-bench: memory is exhausted\n", stderr);
  exit(1);
}

static void add_row(report *r, result_list *t) {
  if (t->count == t->capacity) {
    t->capacity = t->capacity ? 2 * t->capacity : 64;
    t->all = must(realloc(t->all, t->capacity * sizeof *t->all));
  }
  r->last = &t->all[t->count++];
  r->last->count = 0;
}

void report_add(report *r) { add_row(r, &r->results); }

void report_add_backend(report *r) { add_row(r, &r->backends); }

static cell *add_cell(report *r, const char *key, const char *heading) {
  result *last = r->last;
  if (last->count == MOST_CELLS) abort(); /* a result has more values than the program's author made room for */
  cell *c = &last->cells[last->count++];
  *c = (cell){ .key = key, .heading = heading };
  return c;
}

void report_text(report *r, const char *key, const char *heading, const char *text) {
  add_cell(r, key, heading)->text = must(strdup(text));
}

void report_number(report *r, const char *key, const char *heading, double number, int decimals) {
  cell *c = add_cell(r, key, heading);
  c->number = number;
  c->decimals = decimals;
}

void report_contender(report *r, const contender *c, const report_unit *unit, size_t threads, bool reference) {
  const double time = c->mean.middle * unit->scale;
  report_number(r, unit->key, unit->heading, time, time < 100 ? 3 : 1);
  report_number(r, unit->spread_key, "±", c->spread * time, 3);
  report_number(r, unit->low_key, NULL, c->mean.low * unit->scale, 3);
  report_number(r, unit->high_key, NULL, c->mean.high * unit->scale, 3);
  report_number(r, "threads", "threads", (double)threads, 0);
  report_number(r, "threads_observed", "at work", c->threads, 2);
  report_number(r, "ratio", "ratio", c->ratio.middle, 3);
  report_number(r, "ratio_low", "low", c->ratio.low, 3);
  report_number(r, "ratio_high", "high", c->ratio.high, 3);
  report_text(r, "verdict", "", reference ? "reference" : stats_verdict(c->ratio, SMALLEST_EFFECT));
}

void report_note(report *r, const char *format, ...) {
  size_t used = strlen(r->notes);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->notes + used, sizeof r->notes - used, format, arguments);
  va_end(arguments);
  used = strlen(r->notes);
  if (used + 1 < sizeof r->notes) memcpy(r->notes + used, "\n", 2);
}

const cell *result_cell(const result *row, const char *key) {
  for (size_t i = 0; i < row->count; i++)
    if (strcmp(row->cells[i].key, key) == 0) return &row->cells[i];
  return NULL;
}

const char *result_text(const result *row, const char *key) {
  const cell *c = result_cell(row, key);
  return c && c->text ? c->text : "";
}

double result_number(const result *row, const char *key) {
  const cell *c = result_cell(row, key);
  return c && !c->text ? c->number : (double)NAN;
}

void cell_text(const cell *c, char *text, size_t size) {
  if (c->text)
    snprintf(text, size, "%s", c->text);
  else if (isnan(c->number))
    snprintf(text, size, "-");
  else if (fabs(c->number) >= 1e7)
    snprintf(text, size, "%.3g", c->number);
  else
    snprintf(text, size, "%.*f", c->decimals, c->number);
}

bool same_headings(const result *a, const result *b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    const char *x = a->cells[i].heading, *y = b->cells[i].heading;
    if (!x != !y || (x && strcmp(x, y) != 0)) return false;
  }
  return true;
}

/* ---- the machine --------------------------------------------------------------------------------------------------- */

static void add_fact(fact *facts, size_t *count, const char *name, const char *format, ...) {
  if (*count == MOST_FACTS) return;
  fact *f = &facts[(*count)++];
  va_list arguments;
  va_start(arguments, format);
  f->name = name;
  vsnprintf(f->value, sizeof f->value, format, arguments);
  va_end(arguments);
  if (!*f->value) --*count;
}

size_t report_facts(const report *r, fact facts[MOST_FACTS]) {
  const machine *card = &r->card;
  size_t count = 0, at = 0;
  if (card->started == 0) return 0;
  if (card->busy) add_fact(facts, &count, "BUSY MACHINE", "these numbers are not to be compared with others");
  add_fact(facts, &count, "CPU", "%s, %zu of %zu CPUs", card->cpu, card->allowed, card->cpus);
  add_fact(facts, &count, "caches", "L1 %zu KiB, L2 %zu KiB, L3 %zu KiB", card->cache[1] >> 10, card->cache[2] >> 10,
           card->cache[3] >> 10);
  add_fact(facts, &count, "instruction sets", "%s", card->isas);
  char peaks[128] = "";
  for (size_t i = 0; i < MOST_ISAS && r->isas[i]; i++) {
    size_t used = strlen(peaks);
    snprintf(peaks + used, sizeof peaks - used, "%s%.3g with %s", used ? ", " : "", r->peaks[i], r->isas[i]);
  }
  if (*peaks) add_fact(facts, &count, "measured peak", "%s: GF/s of fused multiply-adds on one core", peaks);
  const double *b = r->bandwidth;
  if (b[0] > 0)
    add_fact(facts, &count, "measured bandwidth",
             "one core reads %.0f GB/s from L1, %.0f from L2, %.0f from L3, %.0f from memory", b[0] * 1e-9, b[1] * 1e-9,
             b[2] * 1e-9, b[3] * 1e-9);
  add_fact(facts, &count, "governor", "%s", card->governor);
  add_fact(facts, &count, "system", "%s", card->system);
  add_fact(facts, &count, "versions", "lamina %s, compiler %s", lam_version(), card->compiler);
  add_fact(facts, &count, "load", "%.2f before, %.2f after; others kept %.2f cores busy; %.2f stolen", card->load_before,
           card->load_after, card->others, card->stolen);
  add_fact(facts, &count, "pinned", "%s", card->pinned);
  for (const char *setting; (setting = machine_setting(&at)) != NULL;) add_fact(facts, &count, "environment", "%s", setting);
  char unset[sizeof card->unset];
  snprintf(unset, sizeof unset, "%s", card->unset);
  for (char *end = unset; (end = strchr(end, '\n')) != NULL;) *end = ' ';
  add_fact(facts, &count, "unset for measuring", "%s", unset);
  return count;
}

static void release_rows(result_list *t) {
  for (size_t i = 0; i < t->count; i++)
    for (size_t j = 0; j < t->all[i].count; j++) free(t->all[i].cells[j].text);
  free(t->all);
}

void report_release(report *r) {
  release_rows(&r->backends);
  release_rows(&r->results);
}
