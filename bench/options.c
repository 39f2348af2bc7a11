/* SPDX-License-Identifier: MIT
 *
 * The table of options. Parsing, --help and the command that reproduces a result are made from it.
 */
#include "bench/pin.h"
#include "bench/workers.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

#define AT(field) offsetof(settings, field)
static const cli_option options[] = {
  { "--net", WIDTHS, AT(net), WORKING | LIMIT, 0, "WIDTHS", "the network's widths", "784-256-15" },
  { "--batch", SIZES, AT(batch), WORKING | LIMIT, 0, "N,...", "rows of a step or call", "32" },
  { "--shapes", WORDS, AT(shapes), GEMM | KERNELS, 0, "LIST",
    "gemm: products as 32x256x784:NN, sets of them (" SHAPE_SETS "), files; kernels: matrices as 32x128" },
  { "--m", SIZES, AT(m), GEMM, 0, "N,...", "sweep over rows of the result; 1..64 doubles, 8..64+8 goes by 8" },
  { "--n", SIZES, AT(n), GEMM, 0, "N,...", "sweep over its columns" },
  { "--k", SIZES, AT(k), GEMM, 0, "N,...", "sweep over the length of the sums" },
  { "--trans", WORDS, AT(trans), GEMM, 0, "NN,...", "transpositions of a sweep (NN)" },
  { "--optimizer", NAMED, AT(optimizer), TRAIN | LIMIT, 0, "NAME", "the optimizer", "adam", lam_optimizer_names },
  { "--loss", NAMED, AT(loss), TRAIN, 0, "NAME", "the loss", "sparse_categorical_crossentropy", lam_loss_names },
  { "--data", TEXT, AT(data), TRAIN, 0, "NAME", "rows of a data set or a folder of IDX files, instead of random bytes" },
  { "--rows", SIZE, AT(rows), TRAIN, 0, "N", "rows of an epoch", "60000" },
  { "--backends", WORDS, AT(backends), WORKING, 0, "NAME,...",
    "the backends, as `lamina gemm` lists them, or files (all there are)" },
  { "--reference", TEXT, AT(reference), WORKING, 0, "NAME", "what the others are compared with (the first backend)" },
  { "--threads", SIZES, AT(threads), WORKING, 0, "N,...", "threads", "1" },
  { "--pin", WORDS, AT(pin), MEASURING, 0, "CPU,...",
    "the CPUs to run on; none: where the system likes (one core for each thread)" },
  { "--isa", WORDS, AT(isa), KERNELS, 0, "NAME,...", "instruction sets (all of this CPU), and plain: a loop in C" },
  { "--isa", WORDS, AT(isa), LIMIT, 0, "NAME,...", "instruction sets (all of this CPU)" },
  { "--kernel", WORDS, AT(kernel), KERNELS, 0, "NAME,...", "kernels (all)" },
  { "--cache", WORDS, AT(cache), GEMM, 0, "hot,cold", "matrices that are in cache, others each time that are not, or both",
    "hot" },
  { "--parts", FLAG, AT(parts), TRAIN | INFER, 0, NULL, "also the time of each operation of a step or call, and its limit" },
  { "--neighbours", SIZE, AT(neighbours), TRAIN, 0, "N",
    "also steps beside N busy processes, and how much slower they are (256 at most)", .most = MOST_NEIGHBOURS },
  { "--rounds", SIZE, AT(rounds), MEASURING, 0, "N", "rounds, in each of which everything runs once (256 at most)", "15",
    .most = MOST_SAMPLES },
  { "--launches", SIZE, AT(launches), WORKING, 0, "N", "how often each backend's process is started anew for them", "5" },
  { "--min-time", SECONDS, AT(min_time), MEASURING, 0, "SECONDS", "how long each thing is measured in all", "0.5" },
  { "--patience", SECONDS, AT(patience), WORKING, 0, "SECONDS", "how long a backend may be silent before it is refused", "20" },
  { "--effect", SECONDS, AT(effect), COMPARE, 0, "SHARE", "the smallest change that is told", "0.05" },
  { "--as-is", FLAG, AT(as_is), MEASURING, 0, NULL, "keep OPENBLAS_CORETYPE and its like, which are unset otherwise" },
  { "--json", OPTIONAL_TEXT, AT(json), ALL, 0, "[FILE]", "the report as JSON, to a file or standard output" },
  { "--csv", OPTIONAL_TEXT, AT(csv), ALL, 0, "[FILE]", "its results as CSV" },
  { "--markdown", OPTIONAL_TEXT, AT(markdown), ALL, 0, "[FILE]", "its tables in Markdown" },
  { "--html", TEXT, AT(html), ALL, 0, "FILE", "a page with the machine, plots and all results, which needs nothing else" },
  { "--quiet", FLAG, AT(quiet), ALL, 0, NULL, "no progress" },
  { "--worker", SIZE, AT(worker), WORKING, 0, "FD", "be driven by another program over this file descriptor (docs/bench.md)" },
  { "--vetted", FLAG, AT(vetted), WORKING, 0, NULL, "such a worker's library is known to be right; its first call is timed" },
  { "--help", FLAG, AT(help), ALL, 0, NULL, "this text" },
  { 0 },
};
#undef AT

bool chosen(const word_list *list, const char *word) {
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->item[i], word) == 0) return true;
  return list->count == 0;
}

int parse_options(const bench_command *command, int count, char **arguments, settings *values) {
  size_t files = 0;
  char name[64];
  snprintf(name, sizeof name, "lamina-bench %s", command->name);
  *values = (settings){ .command = command };
  int code = set_standards(options, values);
  for (int i = 0; i < count && !code; i++) {
    const cli_option *option;
    const char *value;
    if (*arguments[i] != '-' && files < command->files) {
      values->files[files++] = arguments[i];
      continue;
    }
    code = read_argument(options, name, command->bit, count, arguments, &i, &option, &value);
    if (!code) code = set_option(option, value, values);
  }
  if (code) return code;
  if (files < command->files && !values->help) return wrong_usage("`%s` needs %s", name, command->usage);
  return values->help ? EXIT_OK : check_pin(values);
}

static void add_words(char *text, size_t size, const char *option, const word_list *list) {
  for (size_t i = 0; i < list->count; i++) append(text, size, "%s%s", i ? "," : option, list->item[i]);
}

void append(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, size - used, format, arguments);
  va_end(arguments);
}

const char *text_of(const lam_json *object, const char *key) {
  const lam_json *text = lam_json_member_of(object, key, LAM_JSON_STRING);
  return text ? text->text : "";
}

double number_of(const lam_json *object, const char *key) {
  double number = NAN;
  (void)lam_json_number(lam_json_member(object, key), &number);
  return number;
}

void append_word(char *text, size_t size, const char *word) {
  size_t used = strlen(text);
  FILE *file = used + 1 < size ? fmemopen(text + used, size - used, "w") : NULL;
  if (!file) return;
  print_word(file, word);
  fclose(file);
  text[size - 1] = 0;
}

void common_options(char *text, size_t size, const settings *values) {
  char seconds[32];
  snprintf(text, size, "lamina-bench %s --rounds %zu --min-time %s", values->command->name, values->rounds,
           lam_format_double(seconds, values->min_time));
  const bool working = values->command->bit & WORKING;
  if (working) append(text, size, " --launches %zu", values->launches);
  append(text, size, "%s", values->as_is ? " --as-is" : "");
  if (working && values->patience != APART_PATIENCE)
    append(text, size, " --patience %s", lam_format_double(seconds, values->patience));
  add_words(text, size, " --pin ", &values->pin);
}

void print_command_help(const bench_command *command) {
  printf("Usage: lamina-bench %s %s\n\n%s\n\nOptions:\n", command->name, command->usage, command->description);
  print_options(options, command->bit, 22);
  printf("\nExamples:\n%s", command->examples);
}
