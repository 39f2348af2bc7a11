/* SPDX-License-Identifier: MIT
 *
 * The table of options. Parsing, --help and the command that reproduces a result are made from it.
 */
#include "bench/bench.h"
#include "cli/apart.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind {
  FLAG,          /* bool; takes no value */
  TEXT,          /* const char * */
  OPTIONAL_TEXT, /* const char *; "-" where no value follows */
  WORDS,         /* words, separated by commas */
  SIZES,         /* sizes and ranges of them, separated by commas */
  NET,           /* sizes, separated by dashes */
  SIZE,          /* size_t, from 1 */
  SECONDS,       /* double above 0; a share too */
  NAMED          /* an enum with `names` */
} option_kind;

typedef struct bench_option {
  const char *name; /* as it is written, "--rounds" */
  option_kind kind;
  size_t offset; /* in settings */
  int commands;  /* which take it */
  const char *argument, *help;
  lam_names names;
} bench_option;

#define AT(field) offsetof(settings, field)
static const bench_option options[] = {
  { "--net", NET, AT(net), WORKING | LIMIT, "WIDTHS", "the network's widths (784-256-15)", NULL },
  { "--batch", SIZES, AT(batch), WORKING | LIMIT, "N,...", "rows of a step or call (32)", NULL },
  { "--shapes", WORDS, AT(shapes), GEMM | KERNELS, "LIST",
    "gemm: products as 32x256x784:NN, sets of them (" SHAPE_SETS "), files; kernels: matrices as 32x128", NULL },
  { "--m", SIZES, AT(m), GEMM, "N,...", "sweep over rows of the result; 1..64 doubles, 8..64+8 goes by 8", NULL },
  { "--n", SIZES, AT(n), GEMM, "N,...", "sweep over its columns", NULL },
  { "--k", SIZES, AT(k), GEMM, "N,...", "sweep over the length of the sums", NULL },
  { "--trans", WORDS, AT(trans), GEMM, "NN,...", "transpositions of a sweep (NN)", NULL },
  { "--optimizer", NAMED, AT(optimizer), TRAIN | LIMIT, "NAME", "the optimizer (adam)", lam_optimizer_names },
  { "--loss", NAMED, AT(loss), TRAIN, "NAME", "the loss (sparse_categorical_crossentropy)", lam_loss_names },
  { "--data", TEXT, AT(data), TRAIN, "NAME", "rows of a data set or a folder of IDX files, instead of random bytes", NULL },
  { "--rows", SIZE, AT(rows), TRAIN, "N", "rows of an epoch (60000)", NULL },
  { "--backends", WORDS, AT(backends), WORKING, "NAME,...", "the backends, as `lamina gemm` lists them, or files (all there are)",
    NULL },
  { "--reference", TEXT, AT(reference), WORKING, "NAME", "what the others are compared with (the first backend)", NULL },
  { "--threads", SIZES, AT(threads), WORKING, "N,...", "threads (1)", NULL },
  { "--pin", WORDS, AT(pin), WORKING, "CPU,...", "the CPUs to run on; none: where the system likes (one core for each thread)",
    NULL },
  { "--isa", WORDS, AT(isa), KERNELS | LIMIT, "NAME,...", "instruction sets (all of this CPU), and plain: a loop in C", NULL },
  { "--kernel", WORDS, AT(kernel), KERNELS, "NAME,...", "kernels (all)", NULL },
  { "--cold", FLAG, AT(cold), GEMM, NULL, "matrices that are not in cache: others each time", NULL },
  { "--parts", FLAG, AT(parts), TRAIN | INFER, NULL, "also the time of each operation of a step or call, and its limit", NULL },
  { "--rounds", SIZE, AT(rounds), MEASURING, "N", "rounds, in each of which everything runs once (15; 256 at most)", NULL },
  { "--launches", SIZE, AT(launches), WORKING, "N", "how often each backend's process is started anew for them (5)", NULL },
  { "--min-time", SECONDS, AT(min_time), MEASURING, "SECONDS", "how long each thing is measured in all (0.5)", NULL },
  { "--patience", SECONDS, AT(patience), WORKING, "SECONDS", "how long a backend may be silent before it is refused (20)", NULL },
  { "--effect", SECONDS, AT(effect), COMPARE, "SHARE", "the smallest change that is told (0.05)", NULL },
  { "--as-is", FLAG, AT(as_is), MEASURING, NULL, "keep OPENBLAS_CORETYPE and its like, which are unset otherwise", NULL },
  { "--json", OPTIONAL_TEXT, AT(json), ALL, "[FILE]", "the report as JSON, to a file or standard output", NULL },
  { "--csv", OPTIONAL_TEXT, AT(csv), ALL, "[FILE]", "its results as CSV", NULL },
  { "--markdown", OPTIONAL_TEXT, AT(markdown), ALL, "[FILE]", "its tables in Markdown", NULL },
  { "--html", TEXT, AT(html), ALL, "FILE", "a page with the machine, plots and all results, which needs nothing else", NULL },
  { "--quiet", FLAG, AT(quiet), ALL, NULL, "no progress", NULL },
  { "--worker", SIZE, AT(worker), WORKING, "FD", "be driven by another program over this file descriptor (docs/bench.md)", NULL },
  { "--vetted", FLAG, AT(vetted), WORKING, NULL, "such a worker's library is known to be right; its first call is timed", NULL },
  { "--help", FLAG, AT(help), ALL, NULL, "this text", NULL },
};
enum { OPTIONS = sizeof options / sizeof *options };

static const settings default_settings = { .net = { { 784, 256, 15 }, 3 },
                                           .batch = { { 32 }, 1 },
                                           .threads = { { 1 }, 1 },
                                           .optimizer = LAM_ADAM,
                                           .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY,
                                           .rows = 60000,
                                           .rounds = 15,
                                           .launches = 5,
                                           .min_time = 0.5,
                                           .patience = APART_PATIENCE,
                                           .effect = 0.05 };

bool chosen(const words *list, const char *word) {
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->item[i], word) == 0) return true;
  return list->count == 0;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

/* A whole number from 1 to INT32_MAX at the start of `text`; *end behind it. False where there is none. */
static bool read_size(const char *text, char **end, size_t *value) {
  errno = 0;
  unsigned long long number = strtoull(text, end, 10);
  *value = (size_t)number;
  return *text >= '0' && *text <= '9' && errno == 0 && number >= 1 && number <= INT32_MAX;
}

static int set_size(const bench_option *option, const char *text, size_t *value) {
  char *end;
  if (read_size(text, &end, value) && *end == 0) return EXIT_OK;
  return wrong_usage("%s takes a whole number from 1 to %d, not \"%s\"", option->name, INT32_MAX, text);
}

/* Adds from..to, doubled each time, or from..to+step. False where the list is full. */
static bool add_range(sizes *list, size_t from, size_t to, size_t step) {
  for (size_t number = from; number <= to; number = step ? number + step : 2 * number) {
    if (list->count == MOST_WORDS) return false;
    list->item[list->count++] = number;
  }
  return true;
}

/* "32", "1..64" or "8..64+8" at `text`; *end behind it. */
static bool read_range(const char *text, char **end, size_t *from, size_t *to, size_t *step) {
  *step = 0;
  if (!read_size(text, end, from)) return false;
  *to = *from;
  if (strncmp(*end, "..", 2) != 0) return true;
  if (!read_size(*end + 2, end, to) || *to < *from) return false;
  return **end != '+' || read_size(*end + 1, end, step);
}

static int set_sizes(const bench_option *option, const char *text, sizes *list) {
  char separator = option->kind == NET ? '-' : ',', *end;
  const char *example = option->kind == NET ? "784-256-15" : "1,32,128", *at = text;
  size_t least = option->kind == NET ? 2 : 1, from, to, step;
  list->count = 0;
  for (;; at = end + 1) {
    if (!read_range(at, &end, &from, &to, &step) || (*end && *end != separator))
      return wrong_usage("%s takes whole numbers such as %s, not \"%s\"", option->name, example, text);
    if (!add_range(list, from, to, step)) return wrong_usage("%s takes at most %d numbers", option->name, MOST_WORDS);
    if (!*end) break;
  }
  if (list->count < least) return wrong_usage("%s takes at least two widths such as %s, not \"%s\"", option->name, example, text);
  return EXIT_OK;
}

static int set_words(const bench_option *option, const char *text, words *list) {
  if (strlen(text) >= sizeof list->text)
    return wrong_usage("%s: the list is longer than %zu characters", option->name, sizeof list->text - 1);
  strcpy(list->text, text);
  list->count = 0;
  for (char *word = list->text, *end;; word = end + 1) {
    end = word + strcspn(word, ",");
    bool last = *end == 0;
    *end = 0;
    if (!*word) return wrong_usage("%s: a name is missing in \"%s\"", option->name, text);
    if (list->count == MOST_WORDS) return wrong_usage("%s takes at most %d names", option->name, MOST_WORDS);
    list->item[list->count++] = word;
    if (last) return EXIT_OK;
  }
}

static int set_seconds(const bench_option *option, const char *text, double *value) {
  const char *end = text + strlen(text);
  if (*text && lam_parse_double(text, end, value) == end && *value > 0 && *value <= 3600) return EXIT_OK;
  return wrong_usage("%s takes a number above 0, up to 3600, not \"%s\"", option->name, text);
}

static int set_name(const bench_option *option, const char *text, void *field) {
  lam_names names = option->names;
  int first = strcmp(names[0], "none") == 0, value = lam_name_find(names, text);
  if (value < first) return unknown_name(option->name + 2, text, names + first);
  memcpy(field, &value, sizeof value); /* enums of the public headers are as wide as int */
  return EXIT_OK;
}

static int set_value(const bench_option *option, const char *text, settings *values) {
  void *field = (char *)values + option->offset;
  switch (option->kind) {
  case FLAG: return *(bool *)field = true, EXIT_OK;
  case TEXT:
  case OPTIONAL_TEXT:
    if (!*text) return wrong_usage("%s needs %s, and what is written is empty", option->name, option->argument);
    return *(const char **)field = text, EXIT_OK;
  case WORDS: return set_words(option, text, field);
  case SIZES:
  case NET: return set_sizes(option, text, field);
  case SIZE: return set_size(option, text, field);
  case SECONDS: return set_seconds(option, text, field);
  case NAMED: return set_name(option, text, field);
  }
  return EXIT_FAILED;
}

/* ---- the command line ---------------------------------------------------------------------------------------------- */

static const bench_option *find_option(const bench_command *command, const char *name, size_t length) {
  for (size_t i = 0; i < OPTIONS; i++) {
    const bench_option *option = &options[i];
    if ((option->commands & command->bit) && strlen(option->name) == length && memcmp(option->name, name, length) == 0)
      return option;
  }
  return NULL;
}

static int unknown_option(const bench_command *command, const char *name, size_t length) {
  const char *names[OPTIONS + 1] = { 0 };
  size_t count = 0;
  char written[64] = { 0 };
  for (size_t i = 0; i < OPTIONS; i++)
    if (options[i].commands & command->bit) names[count++] = options[i].name;
  memcpy(written, name, length < sizeof written - 1 ? length : sizeof written - 1);
  return unknown_name("option", written, names);
}

int parse_options(const bench_command *command, int count, char **arguments, settings *values) {
  size_t files = 0;
  *values = default_settings;
  values->command = command;
  for (int i = 0; i < count; i++) {
    const char *text = strcmp(arguments[i], "-h") == 0 ? "--help" : arguments[i];
    if (*text != '-' && files < command->files) {
      values->files[files++] = text;
      continue;
    }
    if (strncmp(text, "--", 2) != 0 || !text[2])
      return wrong_usage("\"%s\" is not an option; options are written --name VALUE (see lamina-bench %s --help)", text,
                         command->name);
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const bench_option *option = find_option(command, text, length);
    if (!option) return unknown_option(command, text, length);
    const char *value = equals ? equals + 1 : NULL;
    if (option->kind == FLAG && value) return wrong_usage("%s takes no value; write it without \"=%s\"", option->name, value);
    bool follows = i + 1 < count && strncmp(arguments[i + 1], "--", 2) != 0;
    if (option->kind != FLAG && !value) value = follows ? arguments[++i] : option->kind == OPTIONAL_TEXT ? "-" : NULL;
    if (option->kind != FLAG && !value)
      return wrong_usage("%s needs a value: %s %s", option->name, option->name, option->argument);
    int code = set_value(option, value, values);
    if (code) return code;
  }
  if (files < command->files && !values->help) return wrong_usage("`lamina-bench %s` needs %s", command->name, command->usage);
  if (values->rounds > MOST_SAMPLES) return wrong_usage("--rounds is at most %d, not %zu", MOST_SAMPLES, values->rounds);
  return EXIT_OK;
}

static void add_words(char *text, size_t size, const char *option, const words *list) {
  for (size_t i = 0; i < list->count; i++) append(text, size, "%s%s", i ? "," : option, list->item[i]);
}

void append(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, size - used, format, arguments);
  va_end(arguments);
}

void common_options(char *text, size_t size, const settings *values) {
  char seconds[32];
  snprintf(text, size, "lamina-bench %s --rounds %zu --min-time %s", values->command->name, values->rounds,
           lam_format_double(seconds, values->min_time));
  if (!(values->command->bit & WORKING)) {
    append(text, size, "%s", values->as_is ? " --as-is" : "");
    return;
  }
  append(text, size, " --launches %zu%s", values->launches, values->as_is ? " --as-is" : "");
  if (values->patience != default_settings.patience)
    append(text, size, " --patience %s", lam_format_double(seconds, values->patience));
  add_words(text, size, " --pin ", &values->pin);
}

static void print_option(const bench_option *option) {
  char left[64];
  snprintf(left, sizeof left, "%s%s%s", option->name, option->argument ? " " : "", option->argument ? option->argument : "");
  printf("  %-22s %s\n", left, option->help);
  if (!option->names) return;
  printf("  %-22s ", "");
  for (lam_names name = option->names; *name; name++)
    if (strcmp(*name, "none") != 0) printf("%s%s", *name, name[1] ? ", " : "\n");
}

void print_command_help(const bench_command *command) {
  printf("Usage: lamina-bench %s %s\n\n%s\n\nOptions:\n", command->name, command->usage, command->description);
  for (size_t i = 0; i < OPTIONS; i++)
    if (options[i].commands & command->bit) print_option(&options[i]);
  printf("\nExamples:\n%s", command->examples);
}
