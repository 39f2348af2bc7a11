/* SPDX-License-Identifier: MIT
 *
 * The table of options. Parsing, --help and the command that reproduces a result are made from it.
 */
#include "bench/bench.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind {
  FLAG,          /* bool; takes no value */
  TEXT,          /* const char * */
  OPTIONAL_TEXT, /* const char *; "-" where no value follows */
  WORDS,         /* words, separated by commas */
  SIZES,         /* sizes, separated by commas */
  NET,           /* sizes, separated by dashes */
  SIZE,          /* size_t, from 1 */
  SECONDS,       /* double above 0 */
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
  { "--net", NET, AT(net), TRAIN | INFER | GEMM | LIMIT, "WIDTHS", "the network's widths (784-256-15)", NULL },
  { "--batch", SIZES, AT(batch), TRAIN | INFER | GEMM | LIMIT, "N,...", "rows of a step or call (32)", NULL },
  { "--shapes", WORDS, AT(shapes), GEMM | KERNELS, "LIST",
    "gemm: products as 32x256x784:NN (m x n x k) instead of a network's; kernels: matrices as 32x128", NULL },
  { "--optimizer", NAMED, AT(optimizer), TRAIN | LIMIT, "NAME", "the optimizer (adam)", lam_optimizer_names },
  { "--loss", NAMED, AT(loss), TRAIN, "NAME", "the loss (sparse_categorical_crossentropy)", lam_loss_names },
  { "--data", TEXT, AT(data), TRAIN, "NAME", "rows of a data set or a folder of IDX files, instead of random bytes", NULL },
  { "--rows", SIZE, AT(rows), TRAIN, "N", "rows of an epoch (60000)", NULL },
  { "--gemm", WORDS, AT(gemm), TRAIN | INFER | GEMM, "NAME,...", "the backends (all there are)", NULL },
  { "--reference", TEXT, AT(reference), TRAIN | INFER | GEMM, "NAME", "what the others are compared with (the first backend)",
    NULL },
  { "--threads", SIZE, AT(threads), TRAIN | INFER, "N", "threads (1)", NULL },
  { "--isa", WORDS, AT(isa), KERNELS | LIMIT, "NAME,...", "instruction sets (all of this CPU), and plain: a loop in C", NULL },
  { "--kernel", WORDS, AT(kernel), KERNELS, "NAME,...", "kernels (all)", NULL },
  { "--cold", FLAG, AT(cold), GEMM, NULL, "matrices that are not in cache: others each time", NULL },
  { "--parts", FLAG, AT(parts), TRAIN, NULL, "also the time of each operation of a step", NULL },
  { "--rounds", SIZE, AT(rounds), ALL, "N", "rounds, in each of which everything runs once (9; 256 at most)", NULL },
  { "--min-time", SECONDS, AT(min_time), ALL, "SECONDS", "how long each thing is measured in all (0.5)", NULL },
  { "--as-is", FLAG, AT(as_is), ALL, NULL, "keep OPENBLAS_CORETYPE and its like, which are unset otherwise", NULL },
  { "--json", OPTIONAL_TEXT, AT(json), ALL, "[FILE]", "the report as JSON, to a file or standard output", NULL },
  { "--markdown", FLAG, AT(markdown), ALL, NULL, "tables in Markdown", NULL },
  { "--quiet", FLAG, AT(quiet), ALL, NULL, "no progress", NULL },
  { "--worker", SIZE, AT(worker), TRAIN, "FD", "be driven by another program over this file descriptor (docs/bench.md)", NULL },
  { "--help", FLAG, AT(help), ALL, NULL, "this text", NULL },
};
enum { OPTIONS = sizeof options / sizeof *options };

static const settings default_settings = { .net = { { 784, 256, 15 }, 3 },
                                           .batch = { { 32 }, 1 },
                                           .optimizer = LAM_ADAM,
                                           .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY,
                                           .rows = 60000,
                                           .threads = 1,
                                           .rounds = 9,
                                           .min_time = 0.5 };

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

static int set_sizes(const bench_option *option, const char *text, sizes *list) {
  char separator = option->kind == NET ? '-' : ',', *end;
  const char *example = option->kind == NET ? "784-256-15" : "1,32,128", *at = text;
  size_t least = option->kind == NET ? 2 : 1;
  list->count = 0;
  for (;; at = end + 1) {
    if (list->count == MOST_WORDS) return wrong_usage("%s takes at most %d numbers", option->name, MOST_WORDS);
    if (!read_size(at, &end, &list->item[list->count]) || (*end && *end != separator))
      return wrong_usage("%s takes whole numbers such as %s, not \"%s\"", option->name, example, text);
    list->count++;
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
  return wrong_usage("%s takes seconds above 0, up to 3600, not \"%s\"", option->name, text);
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
  *values = default_settings;
  for (int i = 0; i < count; i++) {
    const char *text = strcmp(arguments[i], "-h") == 0 ? "--help" : arguments[i];
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
  if (values->rounds > MOST_SAMPLES) return wrong_usage("--rounds is at most %d, not %zu", MOST_SAMPLES, values->rounds);
  return EXIT_OK;
}

void common_options(char *text, size_t size, const char *command, const settings *values) {
  char seconds[32];
  snprintf(text, size, "lamina-bench %s --rounds %zu --min-time %s%s", command, values->rounds,
           lam_format_double(seconds, values->min_time), values->as_is ? " --as-is" : "");
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
