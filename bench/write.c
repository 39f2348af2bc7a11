/* SPDX-License-Identifier: MIT
 *
 * The report as tables for people, Markdown, CSV and JSON; see report.h.
 */
#include "bench/report.h"
#include "cli/apart.h"
#include <math.h>
#include <string.h>

/* ---- tables -------------------------------------------------------------------------------------------------------- */

/* Columns a text takes: UTF-8 bytes that begin a character. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

static void print_padded(FILE *file, const char *text, int width, bool left, bool markdown) {
  const int gap = width > width_of(text) ? width - width_of(text) : 0;
  fprintf(file, "%s%*s%s%*s", markdown ? "| " : "", left ? 0 : gap, "", text, left ? gap : 0, "");
  fputs(markdown ? " " : "  ", file);
}

static void print_table(FILE *file, const result *all, size_t count, bool markdown) {
  int width[MOST_CELLS] = { 0 };
  char text[160];
  for (size_t j = 0; j < all->count; j++) {
    const char *heading = all->cells[j].heading;
    if (heading) width[j] = width_of(heading);
    for (size_t i = 0; heading && i < count; i++) {
      cell_text(&all[i].cells[j], text, sizeof text);
      if (width_of(text) > width[j]) width[j] = width_of(text);
    }
  }
  for (size_t j = 0; j < all->count; j++)
    if (all->cells[j].heading) print_padded(file, all->cells[j].heading, width[j], all->cells[j].text, markdown);
  fputs(markdown ? "|\n" : "\n", file);
  for (size_t j = 0; markdown && j < all->count; j++)
    if (all->cells[j].heading) fputs(all->cells[j].text ? "| --- " : "| ---: ", file);
  if (markdown) fputs("|\n", file);
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < all->count; j++) {
      if (!all[i].cells[j].heading) continue;
      cell_text(&all[i].cells[j], text, sizeof text);
      print_padded(file, text, width[j], all[i].cells[j].text, markdown);
    }
    fputs(markdown ? "|\n" : "\n", file);
  }
}

/* One table for each run of rows with the same headings. */
static void print_tables(FILE *file, const result_list *t, bool markdown) {
  for (size_t i = 0, end; i < t->count; i = end) {
    for (end = i + 1; end < t->count && same_headings(&t->all[i], &t->all[end]);) end++;
    fputc('\n', file);
    print_table(file, t->all + i, end - i, markdown);
  }
}

static void print_card(FILE *file, const report *r, const char *before) {
  fact facts[MOST_FACTS];
  size_t count = report_facts(r, facts);
  for (size_t i = 0; i < count; i++) fprintf(file, "%s%s: %s\n", before, facts[i].name, facts[i].value);
  for (const char *line = r->notes, *end; *line; line = end + 1) {
    end = line + strcspn(line, "\n");
    fprintf(file, "%s%.*s\n", before, (int)(end - line), line);
    if (!*end) break;
  }
}

void report_print(FILE *file, const report *r) {
  print_card(file, r, "");
  print_tables(file, &r->backends, false);
  print_tables(file, &r->results, false);
}

void report_markdown(FILE *file, const report *r) {
  print_card(file, r, "- ");
  print_tables(file, &r->backends, true);
  print_tables(file, &r->results, true);
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------- */

/* As RFC 4180 has it. */
static void put_field(FILE *file, const char *text) {
  if (!strpbrk(text, "\",\r\n")) {
    fputs(text, file);
    return;
  }
  fputc('"', file);
  for (; *text; text++) fputs(*text == '"' ? "\"\"" : (char[2]){ *text, 0 }, file);
  fputc('"', file);
}

/* Every key of any result is a column. */
void report_csv(FILE *file, const report *r) {
  const char *keys[256];
  size_t count = 0;
  for (size_t i = 0; i < r->results.count; i++) {
    for (size_t j = 0; j < r->results.all[i].count; j++) {
      const char *key = r->results.all[i].cells[j].key;
      size_t k = 0;
      while (k < count && strcmp(keys[k], key) != 0) k++;
      if (k == count && count < sizeof keys / sizeof *keys) keys[count++] = key;
    }
  }
  for (size_t k = 0; k < count; k++) fprintf(file, "%s%s", k ? "," : "", keys[k]);
  fputs("\r\n", file);
  for (size_t i = 0; i < r->results.count; i++) {
    for (size_t k = 0; k < count; k++) {
      const cell *c = result_cell(&r->results.all[i], keys[k]);
      char number[32];
      if (k) fputc(',', file);
      if (c) put_field(file, c->text ? c->text : isfinite(c->number) ? lam_format_double(number, c->number) : "");
    }
    fputs("\r\n", file);
  }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void put_rows(lam_json_writer *json, const char *key, const result_list *t) {
  lam_json_key(json, key);
  lam_json_open(json, '[');
  for (size_t i = 0; i < t->count; i++) {
    lam_json_open(json, '{');
    for (size_t j = 0; j < t->all[i].count; j++) {
      const cell *c = &t->all[i].cells[j];
      c->text ? json_put_text(json, c->key, c->text) : json_put_number(json, c->key, c->number);
    }
    lam_json_close(json, '}');
  }
  lam_json_close(json, ']');
}

void report_json(FILE *file, const report *r) {
  static const char *const levels[LEVELS] = { "l1", "l2", "l3", "memory" };
  lam_context *context = lam_context_open(NULL);
  lam_json_writer json = { .context = context };
  lam_json_open(&json, '{');
  json_put_text(&json, "command", r->command);
  lam_json_key(&json, "machine");
  machine_write(&r->card, &json);
  json_put_number(&json, "peak_gflops", r->peak);
  lam_json_key(&json, "peaks_gflops");
  lam_json_open(&json, '{');
  for (size_t i = 0; i < MOST_ISAS && r->isas[i]; i++) json_put_number(&json, r->isas[i], r->peaks[i]);
  lam_json_close(&json, '}');
  lam_json_key(&json, "gbytes_per_second");
  lam_json_open(&json, '{');
  for (int i = 0; i < LEVELS; i++) json_put_number(&json, levels[i], r->bandwidth[i] * 1e-9);
  lam_json_close(&json, '}');
  json_put_text(&json, "notes", r->notes);
  lam_json_close(&json, '}'); /* of the machine */
  put_rows(&json, "backends", &r->backends);
  put_rows(&json, "results", &r->results);
  lam_json_close(&json, '}');
  if (!context || !json_send(&json, file)) fputs("lamina-bench: the JSON could not be written\n", stderr);
  if (context) lam_context_close(context);
}
