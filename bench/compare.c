/* SPDX-License-Identifier: MIT
 *
 * lamina-bench compare: what got faster or slower from one report to another, beyond the noise of both.
 */
#include "bench/bench.h"
#include "file/json.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A report that was read. */
typedef struct old_report {
  const char *path;
  char *text;
  lam_json_document document;
  const lam_json *machine, *backends, *results;
} old_report;

enum { MOST_REPORT = 256 << 20 };

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static char *read_text(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  size_t capacity = (size_t)1 << 20;
  char *text = file ? malloc(capacity) : NULL;
  for (*size = 0; text && !feof(file) && !ferror(file) && capacity <= MOST_REPORT;) {
    *size += fread(text + *size, 1, capacity - *size, file);
    if (*size < capacity) continue;
    char *more = realloc(text, capacity *= 2);
    if (!more) free(text);
    text = more;
  }
  if (!text || ferror(file) || capacity > MOST_REPORT) {
    (void)failed("\"%s\" cannot be read: %s", path, capacity > MOST_REPORT ? "it is too large" : strerror(errno));
    free(text);
    text = NULL;
  }
  if (file) fclose(file);
  return text;
}

static int read_report(lam_context *context, const char *path, old_report *r) {
  size_t size;
  *r = (old_report){ .path = path, .text = read_text(path, &size) };
  if (!r->text) return EXIT_FAILED;
  if (lam_json_parse(context, path, r->text, size, MOST_REPORT, &r->document)) return library_failed(context);
  r->machine = lam_json_member_of(r->document.root, "machine", LAM_JSON_OBJECT);
  r->backends = lam_json_member_of(r->document.root, "backends", LAM_JSON_ARRAY);
  r->results = lam_json_member_of(r->document.root, "results", LAM_JSON_ARRAY);
  if (r->machine && r->results) return EXIT_OK;
  return failed("\"%s\" is not a report of lamina-bench: write one with --json", path);
}

static void release_report(old_report *r) {
  if (r->document.root) lam_json_release(&r->document);
  free(r->text);
}

/* A text, or a list of texts as one. */
static const char *words_of(const lam_json *object, const char *key, char words[512]) {
  const lam_json *list = lam_json_member_of(object, key, LAM_JSON_ARRAY), *word = list ? lam_json_first(list) : NULL;
  snprintf(words, 512, "%s", text_of(object, key));
  for (uint32_t i = 0; word && i < list->size; i++, word = lam_json_after(word))
    if (word->kind == LAM_JSON_STRING) append(words, 512, "%s%s", i ? " " : "", word->text);
  return words;
}

/* ---- matching ------------------------------------------------------------------------------------------------------ */

/* What was measured, of all commands; results of two reports are the same thing where all of these are the same. */
static const char *const identity[] = { "backend", "shape", "pass",   "cache", "net",  "batch",   "optimizer", "loss",
                                        "part",    "layer", "kernel", "isa",   "from", "threads", NULL };

static bool same_value(const lam_json *a, const lam_json *b) {
  double x = NAN, y = NAN;
  if (!a || !b) return a == b;
  if (a->kind == LAM_JSON_STRING && b->kind == LAM_JSON_STRING) return strcmp(a->text, b->text) == 0;
  return lam_json_number(a, &x) && lam_json_number(b, &y) && x == y;
}

static bool same_thing(const lam_json *a, const lam_json *b) {
  for (const char *const *key = identity; *key; key++)
    if (!same_value(lam_json_member(a, *key), lam_json_member(b, *key))) return false;
  return true;
}

/* How many results before this one are the same thing: a product may stand in several layers. */
static size_t occurrence(const lam_json *results, const lam_json *wanted) {
  size_t count = 0;
  for (const lam_json *row = lam_json_first(results); row != wanted; row = lam_json_after(row)) count += same_thing(row, wanted);
  return count;
}

static const lam_json *find_same(const lam_json *results, const lam_json *wanted, size_t skip) {
  const lam_json *row = lam_json_first(results);
  for (uint32_t i = 0; i < results->size; i++, row = lam_json_after(row))
    if (same_thing(row, wanted) && skip-- == 0) return row;
  return NULL;
}

/* Without what is mostly the same in all. */
static void name_thing(const lam_json *row, char *text, size_t size) {
  static const char *const silent[] = { "from", "optimizer", "loss", "part", NULL };
  *text = 0;
  for (const char *const *key = identity; *key; key++) {
    const char *value = text_of(row, *key);
    const double number = number_of(row, *key);
    if (lam_name_find(silent, *key) >= 0) continue;
    if (*value && strcmp(value, "hot") != 0) append(text, size, "%s%s", *text ? " " : "", value);
    if (!isnan(number) && (number != 1 || strcmp(*key, "threads") != 0)) append(text, size, ", %s %.0f", *key, number);
  }
}

/* ---- comparing ----------------------------------------------------------------------------------------------------- */

/* A time. Its middle is that of the interval, the logarithms' mean: what is told is what is tested. With one launch there is only
 * the time. */
static interval time_of(const lam_json *row, const char *unit) {
  char low_key[16], high_key[16];
  snprintf(low_key, sizeof low_key, "%s_low", unit);
  snprintf(high_key, sizeof high_key, "%s_high", unit);
  const double low = number_of(row, low_key), high = number_of(row, high_key), middle = sqrt(low * high);
  return (interval){ isnan(middle) ? number_of(row, unit) : middle, low, high };
}

/* How many times as fast as before: the quotient of the times. Their 99 % intervals' halves, in logarithms, are joined by the
 * root of the sum of squares, which errs towards wide: Student's t is taken as if each had only its own launches. */
static interval ratio_of(interval before, interval now) {
  const double ratio = before.middle / now.middle, old = log(before.high / before.middle), new = log(now.high / now.middle);
  const double half = exp(sqrt(old * old + new *new));
  return (interval){ ratio, ratio / half, ratio * half };
}

typedef struct tally {
  size_t faster, slower, same, lost, turned;
} tally;

static void compare_pair(const settings *options, report *to, const lam_json *before, const lam_json *now, const char *wanted,
                         tally *sum) {
  const char *unit = lam_json_member(now, "us_low") ? "us" : "ns";
  const interval old = time_of(before, unit), new = time_of(now, unit), ratio = ratio_of(old, new);
  const char *verdict = stats_verdict(ratio, options->effect);
  char text[512];
  if (strcmp(verdict, wanted) != 0) return;
  *(*verdict == 'f' ? &sum->faster : *verdict == 's' ? &sum->slower : &sum->same) += 1;
  name_thing(now, text, sizeof text);
  report_add(to);
  report_text(to, "what", "what", text);
  report_number(to, "old", "old", old.middle, 3);
  report_number(to, "new", "new", new.middle, 3);
  report_text(to, "unit", "unit", unit);
  report_number(to, "ratio", "times as fast", ratio.middle, 3);
  report_number(to, "ratio_low", "low", ratio.low, 3);
  report_number(to, "ratio_high", "high", ratio.high, 3);
  report_text(to, "verdict", "", verdict);
  report_text(to, "command", NULL, text_of(now, "command"));
}

static void compare_results(const settings *options, report *to, const old_report *before, const old_report *now, tally *sum) {
  static const char *const order[] = { "slower", "faster", "not separated" };
  for (int pass = 0; pass < 3; pass++) {
    const lam_json *row = lam_json_first(now->results);
    for (uint32_t i = 0; i < now->results->size; i++, row = lam_json_after(row)) {
      if (!lam_json_member(row, "us_low") && !lam_json_member(row, "ns_low")) continue;
      const lam_json *old = find_same(before->results, row, occurrence(now->results, row));
      if (old) compare_pair(options, to, old, row, order[pass], sum);
    }
  }
}

/* What the others of a report are compared with; "" where nothing is. */
static const char *reference_of(const old_report *r) {
  const lam_json *row = lam_json_first(r->results);
  for (uint32_t i = 0; i < r->results->size; i++, row = lam_json_after(row)) {
    if (strcmp(text_of(row, "verdict"), "reference") != 0) continue;
    return *text_of(row, "isa") ? text_of(row, "isa") : text_of(row, "backend");
  }
  return "";
}

/* What one report calls faster than the reference, and the other slower. */
static void find_turned(report *to, const old_report *before, const old_report *now, tally *sum) {
  const char *reference = reference_of(now);
  if (!*reference || strcmp(reference, reference_of(before)) != 0) return;
  const lam_json *row = lam_json_first(now->results);
  for (uint32_t i = 0; i < now->results->size; i++, row = lam_json_after(row)) {
    const lam_json *old = find_same(before->results, row, occurrence(now->results, row));
    const char *is = text_of(row, "verdict"), *was = old ? text_of(old, "verdict") : is;
    if (!((*is == 'f' && *was == 's') || (*is == 's' && *was == 'f'))) continue;
    char text[512];
    name_thing(row, text, sizeof text);
    report_note(to, "%s was %s than %s and is %s", text, was, reference, is);
    sum->turned++;
  }
}

/* Results that are there no longer, and backends that are refused now. */
static void find_lost(report *to, const old_report *before, const old_report *now, tally *sum) {
  const lam_json *row = lam_json_first(before->results);
  size_t missing = 0;
  for (uint32_t i = 0; i < before->results->size; i++, row = lam_json_after(row)) {
    const bool timed = lam_json_member(row, "us_low") || lam_json_member(row, "ns_low");
    missing += timed && !find_same(now->results, row, occurrence(before->results, row));
  }
  if (missing) report_note(to, "%zu results of %s are not in %s", missing, before->path, now->path);
  row = now->backends ? lam_json_first(now->backends) : NULL;
  for (uint32_t i = 0; row && i < now->backends->size; i++, row = lam_json_after(row)) {
    const char *name = text_of(row, "backend"), *reason = text_of(row, "refused");
    const lam_json *old = before->backends ? lam_json_first(before->backends) : NULL;
    for (uint32_t j = 0; old && j < before->backends->size; j++, old = lam_json_after(old)) {
      if (strcmp(text_of(old, "backend"), name) != 0) continue;
      if (*reason && !*text_of(old, "refused")) sum->lost++, report_note(to, "%s is refused now: %s", name, reason);
      if (!*reason && strcmp(text_of(old, "version"), text_of(row, "version")) != 0)
        report_note(to, "%s was \"%s\" and is \"%s\"", name, text_of(old, "version"), text_of(row, "version"));
    }
  }
}

static void compare_machines(const settings *options, report *to, const old_report *before, const old_report *now) {
  static const char *const told[] = { "cpu", "compiler", "lamina", "governor", "unset", "pinned", NULL };
  for (const char *const *key = told; *key; key++) {
    char first[512], second[512];
    const char *old = words_of(before->machine, *key, first), *new = words_of(now->machine, *key, second);
    if (strcmp(old, new) != 0) report_note(to, "%s was \"%s\" and is \"%s\"", *key, old, new);
  }
  const double old = number_of(before->machine, "peak_gflops"), new = number_of(now->machine, "peak_gflops");
  if (old > 0 && new > 0 && fabs(log(new / old)) > log(1 + options->effect))
    report_note(to, "the measured peak was %.0f GF/s and is %.0f: the machine itself runs otherwise", old, new);
  const old_report *const both[] = { before, now };
  for (int i = 0; i < 2; i++) {
    bool busy = false;
    (void)lam_json_flag(lam_json_member(lam_json_member_of(both[i]->machine, "load", LAM_JSON_OBJECT), "busy"), &busy);
    if (busy) report_note(to, "%s was measured on a busy machine", both[i]->path);
  }
}

int run_compare(const settings *options, report *to) {
  old_report reports[2] = { { 0 } };
  tally sum = { 0 };
  lam_context *context = open_context(1);
  int code = context ? EXIT_OK : EXIT_FAILED;
  to->card = (machine){ 0 }; /* nothing is measured here */
  for (int i = 0; i < 2 && !code; i++) code = read_report(context, options->files[i], &reports[i]);
  if (!code) {
    compare_machines(options, to, &reports[0], &reports[1]);
    find_lost(to, &reports[0], &reports[1], &sum);
    compare_results(options, to, &reports[0], &reports[1], &sum);
    find_turned(to, &reports[0], &reports[1], &sum);
    if (!to->results.count) code = failed("\"%s\" and \"%s\" have nothing in common", options->files[0], options->files[1]);
    report_note(
        to,
        "%zu slower, %zu faster, %zu not separated by more than %.3g %%; %zu turned from one side of the reference to the other",
        sum.slower, sum.faster, sum.same, 100 * options->effect, sum.turned);
  }
  for (int i = 0; i < 2; i++) release_report(&reports[i]);
  lam_context_destroy(context);
  return code ? code : sum.slower || sum.lost ? EXIT_SLOWER : EXIT_OK;
}
