/* SPDX-License-Identifier: MIT
 *
 * The report; see report.h.
 */
#include "bench/report.h"
#include "bench/rounds.h"
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

void report_add(report *r) {
  if (r->count == r->capacity) {
    r->capacity = r->capacity ? 2 * r->capacity : 64;
    r->results = must(realloc(r->results, r->capacity * sizeof *r->results));
  }
  r->results[r->count++].count = 0;
}

static cell *add_cell(report *r, const char *key, const char *heading) {
  result *last = &r->results[r->count - 1];
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
  report_number(r, unit->key, unit->heading, c->median * unit->scale, c->median * unit->scale < 10 ? 3 : 1);
  report_number(r, unit->spread_key, "±", c->spread * c->median * unit->scale, 3);
  report_number(r, "threads", NULL, (double)threads, 0);
  report_number(r, "threads_observed", "threads", c->threads, 2);
  report_number(r, "ratio", "ratio", c->ratio.middle, 3);
  report_number(r, "ratio_low", "low", c->ratio.low, 3);
  report_number(r, "ratio_high", "high", c->ratio.high, 3);
  report_text(r, "verdict", "", reference ? "reference" : stats_verdict(c->ratio));
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

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static void cell_text(const cell *c, char *text, size_t size) {
  if (c->text)
    snprintf(text, size, "%s", c->text);
  else if (isnan(c->number))
    snprintf(text, size, "-");
  else
    snprintf(text, size, "%.*f", c->decimals, c->number);
}

/* Columns a text takes: UTF-8 bytes that begin a character. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

static bool same_headings(const result *a, const result *b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    const char *x = a->cells[i].heading, *y = b->cells[i].heading;
    if (!x != !y || (x && strcmp(x, y) != 0)) return false;
  }
  return true;
}

static void print_padded(FILE *file, const char *text, int width, bool left, bool markdown) {
  int gap = width - width_of(text);
  fprintf(file, "%s%*s%s%*s", markdown ? "| " : "", left ? 0 : gap, "", text, left ? gap : 0, "");
  fputs(markdown ? " " : "  ", file);
}

static void print_table(FILE *file, const result *rows, size_t count, bool markdown) {
  int width[MOST_CELLS] = { 0 };
  char text[160];
  for (size_t j = 0; j < rows->count; j++) {
    const char *heading = rows->cells[j].heading;
    if (heading) width[j] = width_of(heading);
    for (size_t i = 0; heading && i < count; i++) {
      cell_text(&rows[i].cells[j], text, sizeof text);
      if (width_of(text) > width[j]) width[j] = width_of(text);
    }
  }
  for (size_t j = 0; j < rows->count; j++)
    if (rows->cells[j].heading) print_padded(file, rows->cells[j].heading, width[j], rows->cells[j].text, markdown);
  fputs(markdown ? "|\n" : "\n", file);
  for (size_t j = 0; markdown && j < rows->count; j++)
    if (rows->cells[j].heading) fputs(rows->cells[j].text ? "| --- " : "| ---: ", file);
  if (markdown) fputs("|\n", file);
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < rows->count; j++) {
      if (!rows[i].cells[j].heading) continue;
      cell_text(&rows[i].cells[j], text, sizeof text);
      print_padded(file, text, width[j], rows[i].cells[j].text, markdown);
    }
    fputs(markdown ? "|\n" : "\n", file);
  }
}

void report_print(const report *r, FILE *file, bool markdown) {
  machine_print(&r->card, file);
  if (r->peak > 0) fprintf(file, "fused multiply-adds, measured on one core: %.0f GF/s\n", r->peak);
  fputs(r->notes, file);
  for (size_t i = 0, end; i < r->count; i = end) {
    for (end = i + 1; end < r->count && same_headings(&r->results[i], &r->results[end]);) end++;
    fputc('\n', file);
    print_table(file, r->results + i, end - i, markdown);
  }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void put_cell(lam_json_writer *json, const cell *c) {
  lam_json_key(json, c->key);
  if (c->text) {
    lam_json_put_text(json, c->text);
  } else if (isfinite(c->number)) {
    lam_json_put_double(json, c->number);
  } else {
    lam_json_put_raw(json, "null", 4);
    json->comma = true;
  }
}

char *report_json(const report *r, size_t *size) {
  lam_context *context = lam_context_open(NULL);
  lam_json_writer json = { .context = context };
  lam_json_open(&json, '{');
  lam_json_key(&json, "command");
  lam_json_put_text(&json, r->command);
  lam_json_key(&json, "machine");
  machine_write(&r->card, &json);
  lam_json_key(&json, "peak_gflops");
  lam_json_put_double(&json, r->peak);
  lam_json_key(&json, "notes");
  lam_json_put_text(&json, r->notes);
  lam_json_close(&json, '}'); /* of the machine */
  lam_json_key(&json, "results");
  lam_json_open(&json, '[');
  for (size_t i = 0; i < r->count; i++) {
    lam_json_open(&json, '{');
    for (size_t j = 0; j < r->results[i].count; j++) put_cell(&json, &r->results[i].cells[j]);
    lam_json_close(&json, '}');
  }
  lam_json_close(&json, ']');
  lam_json_close(&json, '}');
  char *text = context && !json.status ? malloc(json.size + 1) : NULL;
  if (text) {
    memcpy(text, json.text, json.size);
    text[json.size] = '\n';
    *size = json.size + 1;
  }
  lam_json_writer_release(&json);
  if (context) lam_context_close(context);
  return text;
}

void report_release(report *r) {
  for (size_t i = 0; i < r->count; i++)
    for (size_t j = 0; j < r->results[i].count; j++) free(r->results[i].cells[j].text);
  free(r->results);
}
