/* SPDX-License-Identifier: MIT
 *
 * The conformance runner: compares the library with reference figures of Keras, float64 formulas and exact arithmetic, out of a
 * folder with traces/, keras_upstream_cases.json and extremes.json. See docs or --help for what it prints.
 */
#include "conformance/run.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct tally {
  char *name;
  size_t counts[OUTCOMES];
} tally;

typedef struct tallies {
  tally *list;
  size_t count;
} tallies;

struct run {
  lam_context *context;
  const char *folder;
  bool verbose;
  char reason[1024];
  tallies groups, skips; /* by tier and kind; by reason */
  size_t totals[OUTCOMES];
};

lam_context *run_context(const run *r) { return r->context; }
const char *run_folder(const run *r) { return r->folder; }
const char *run_reason(const run *r) { return r->reason; }

outcome skip(run *r, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->reason, sizeof r->reason, format, arguments);
  va_end(arguments);
  return SKIPPED;
}

outcome miss(run *r, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->reason, sizeof r->reason, format, arguments);
  va_end(arguments);
  return FAILED;
}

outcome refused(run *r, const char *what) { return miss(r, "%s: %s", what, lam_error_message(r->context)); }

static tally *find_tally(tallies *all, const char *name) {
  for (size_t i = 0; i < all->count; i++)
    if (!strcmp(all->list[i].name, name)) return &all->list[i];
  tally *list = realloc(all->list, (all->count + 1) * sizeof *list);
  char *copy = strdup(name);
  if (!list || !copy) {
    fputs("conformance: out of memory\n", stderr);
    exit(2);
  }
  all->list = list;
  list[all->count] = (tally){ .name = copy };
  return &list[all->count++];
}

void record(run *r, const char *group, const char *id, outcome result) {
  static const char *const words[OUTCOMES] = { "passed", "FAILED", "skipped" };
  find_tally(&r->groups, group)->counts[result]++;
  r->totals[result]++;
  if (result == SKIPPED) find_tally(&r->skips, r->reason)->counts[SKIPPED]++;
  if (result == FAILED || r->verbose)
    printf("%s  %s  %s%s%s\n", words[result], group, id, result == PASSED ? "" : ": ", result == PASSED ? "" : r->reason);
}

bool near_enough(double got, double expected, double rtol, double atol) {
  if (isnan(expected) || isnan(got)) return isnan(expected) && isnan(got);
  if (isinf(expected) || isinf(got)) return got == expected;
  return fabs(got - expected) <= atol + rtol * fabs(expected);
}

outcome compare(run *r, const char *what, const float *got, const double *expected, size_t count, double rtol, double atol) {
  size_t bad = 0, first = 0;
  for (size_t i = 0; i < count; i++) {
    if (near_enough((double)got[i], expected[i], rtol, atol)) continue;
    if (!bad++) first = i;
  }
  if (!bad) return PASSED;
  return miss(r, "%s[%zu] is %.9g and not %.9g within %.3g + %.3g |x|; %zu of %zu are off", what, first, (double)got[first],
              expected[first], atol, rtol, bad, count);
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) { return strcmp(((const tally *)a)->name, ((const tally *)b)->name); }

static int by_count(const void *a, const void *b) {
  size_t x = ((const tally *)a)->counts[SKIPPED], y = ((const tally *)b)->counts[SKIPPED];
  return x != y ? (x < y) - (x > y) : by_name(a, b);
}

static void report(run *r) {
  if (r->skips.count) {
    printf("\nskipped, and why\n");
    qsort(r->skips.list, r->skips.count, sizeof *r->skips.list, by_count);
    for (size_t i = 0; i < r->skips.count; i++) printf("%6zu  %s\n", r->skips.list[i].counts[SKIPPED], r->skips.list[i].name);
  }
  if (r->groups.count) qsort(r->groups.list, r->groups.count, sizeof *r->groups.list, by_name);
  printf("\n%-32s %7s %7s %7s\n", "", "passed", "failed", "skipped");
  for (size_t i = 0; i < r->groups.count; i++) {
    const tally *t = &r->groups.list[i];
    printf("%-32s %7zu %7zu %7zu\n", t->name, t->counts[PASSED], t->counts[FAILED], t->counts[SKIPPED]);
  }
  printf("\n%zu passed, %zu failed, %zu skipped\n", r->totals[PASSED], r->totals[FAILED], r->totals[SKIPPED]);
}

static void release(tallies *all) {
  for (size_t i = 0; i < all->count; i++) free(all->list[i].name);
  free(all->list);
}

static void usage(FILE *out) {
  fputs("usage: conformance [--verbose] [--if-present] FOLDER\n\n"
        "Compares Lamina with the reference figures of a folder: traces/*.json (networks trained step by step),\n"
        "keras_upstream_cases.json (cases of Keras's own tests) and extremes.json (extreme inputs, exact answers).\n\n"
        "  --verbose      one line for each case\n"
        "  --if-present   exit with 77 where the folder does not exist\n"
        "  --help         this text\n\n"
        "Prints each miss, the reasons for what was skipped with their counts, and counts by tier and kind. Exits with 1\n"
        "where a case missed or none passed, with 2 where the folder cannot be read. LAMINA_GEMM and LAMINA_ISA choose what "
        "runs.\n",
        out);
}

int main(int count, char **arguments) {
  run r = { 0 };
  bool if_present = false;
  for (int i = 1; i < count; i++) {
    if (!strcmp(arguments[i], "--help")) return usage(stdout), 0;
    if (!strcmp(arguments[i], "--verbose")) {
      r.verbose = true;
    } else if (!strcmp(arguments[i], "--if-present")) {
      if_present = true;
    } else if (arguments[i][0] == '-' || r.folder) {
      return usage(stderr), 2;
    } else {
      r.folder = arguments[i];
    }
  }
  if (!r.folder) return usage(stderr), 2;
  struct stat status;
  if (stat(r.folder, &status) || !S_ISDIR(status.st_mode)) {
    printf("SKIPPED: there is no folder %s\n", r.folder);
    return if_present ? 77 : 2;
  }
  r.context = lam_context_create(NULL);
  if (lam_error_status(r.context) || !r.context) {
    fprintf(stderr, "conformance: %s\n", lam_error_message(r.context));
    return 2;
  }
  printf("%s, instruction set %s, gemm %s %s\n", r.folder, lam_context_isa(r.context), lam_gemm_name(r.context),
         lam_gemm_description(r.context));
  bool readable = run_traces(&r);
  readable = run_cases(&r) && readable;
  readable = run_extremes(&r) && readable;
  reader_release();
  report(&r);
  release(&r.groups);
  release(&r.skips);
  lam_context_destroy(r.context);
  if (!readable) return 2;
  return r.totals[FAILED] || !r.totals[PASSED];
}
