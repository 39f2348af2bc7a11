/* SPDX-License-Identifier: MIT
 *
 * The table of options. Parsing and --help are made from it.
 */
#include "cli/cli.h"
#include "layers/layers.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind {
  FLAG,          /* bool; takes no value */
  TEXT,          /* const char * */
  OPTIONAL_TEXT, /* const char *; "-" where no value follows */
  LIST,          /* text_list; may be repeated */
  SIZE,          /* size_t, at least 1 */
  SEED,          /* uint64_t */
  RATE,          /* float above or equal to 0; LAM_ZERO is 0 */
  FRACTION,      /* double between 0 and 1 */
  NAMED          /* an enum with `names`, without the first where that is "none" */
} option_kind;

typedef struct cli_option {
  const char *name; /* as it is written, "--epochs" */
  option_kind kind;
  size_t offset;        /* in settings */
  int commands;         /* which take it */
  int required;         /* which cannot do without it */
  const char *argument; /* what the help calls its value */
  const char *help;
  lam_names names;
} cli_option;

#define AT(field) offsetof(settings, field)
static const cli_option options[] = {
  { "--data", TEXT, AT(data), TRAIN | EVALUATE, TRAIN | EVALUATE, "NAME",
    "fashion-mnist, mnist, digits, or a folder with IDX files", NULL },
  { "--data-dir", TEXT, AT(data_dir), TRAIN | EVALUATE, 0, "DIR", "where named data sets are looked for first", NULL },
  { "--model", TEXT, AT(model), EVALUATE, EVALUATE, "FILE", "the saved model", NULL },
  { "--layers", TEXT, AT(layers), TRAIN, TRAIN, "LIST", "dense layers as units:activation, for example 256:relu,15:softmax",
    NULL },
  { "--loss", NAMED, AT(loss), TRAIN | EVALUATE, TRAIN, "NAME", "the loss (evaluate: instead of the model's own)",
    lam_loss_names },
  { "--from-logits", FLAG, AT(from_logits), TRAIN | EVALUATE, 0, NULL, "the last layer gives logits, not probabilities", NULL },
  { "--optimizer", NAMED, AT(optimizer), TRAIN, 0, "NAME", "the optimizer (rmsprop)", lam_optimizer_names },
  { "--learning-rate", RATE, AT(learning_rate), TRAIN, 0, "RATE", "its learning rate (0.001; sgd 0.01)", NULL },
  { "--optimizer-option", LIST, AT(optimizer_options), TRAIN, 0, "NAME=VALUE",
    "another of its numbers, such as momentum=0.9 or epsilon_outside=1; may be repeated", NULL },
  { "--epochs", SIZE, AT(epochs), TRAIN, 0, "N", "passes over the data (1)", NULL },
  { "--batch", SIZE, AT(batch), TRAIN, 0, "N", "rows of a step (32)", NULL },
  { "--validation-split", FRACTION, AT(validation_split), TRAIN, 0, "FRACTION", "the last rows held out and evaluated each epoch",
    NULL },
  { "--seed", SEED, AT(seed), TRAIN, 0, "N", "of initial weights and shuffling (0); the same seed gives the same run", NULL },
  { "--save", TEXT, AT(save), TRAIN, 0, "FILE", "where the trained model goes (.safetensors)", NULL },
  { "--json", OPTIONAL_TEXT, AT(json), TRAIN | EVALUATE, 0, "[FILE]", "the numbers as JSON, to a file or standard output", NULL },
  { "--quiet", FLAG, AT(quiet), TRAIN, 0, NULL, "print nothing while it runs", NULL },
  { "--gemm", TEXT, AT(gemm), TRAIN | EVALUATE, 0, "NAME", "the backend of matrix products: openblas, native", NULL },
  { "--threads", SIZE, AT(threads), TRAIN | EVALUATE, 0, "N", "worker threads (1)", NULL },
  { "--no-fusion", FLAG, AT(no_fusion), TRAIN, 0, NULL, "compute softmax or sigmoid apart from its loss, to see the difference",
    NULL },
  { "--help", FLAG, AT(help), TRAIN | EVALUATE, 0, NULL, "this text", NULL },
};
enum { OPTIONS = sizeof options / sizeof *options };

static const settings default_settings = { .epochs = 1, .batch = 32, .threads = 1 };

/* ---- values ---- */

static bool read_whole(const char *text, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

static bool read_number(const char *text, double *value) {
  return *text && *lam_parse_double(text, text + strlen(text), value) == 0 && isfinite(*value);
}

static int set_name(const cli_option *option, const char *text, void *field) {
  lam_names names = option->names;
  int first = strcmp(names[0], "none") == 0, value = lam_name_find(names, text);
  if (value < first) return unknown_name(option->name + 2, text, names + first);
  memcpy(field, &value, sizeof value); /* enums of the public headers are as wide as int */
  return EXIT_OK;
}

static int add_item(const cli_option *option, const char *text, text_list *list) {
  if (list->count == MAX_LIST) return wrong_usage("%s stands here more than %d times", option->name, MAX_LIST);
  list->item[list->count++] = text;
  return EXIT_OK;
}

static int set_whole(const cli_option *option, const char *text, void *field) {
  uint64_t value, least = option->kind == SIZE, most = option->kind == SIZE ? INT32_MAX : UINT64_MAX;
  if (!read_whole(text, &value) || value < least || value > most)
    return wrong_usage("%s takes a whole number from %d to %llu, not \"%s\"", option->name, (int)least, (unsigned long long)most,
                       text);
  if (option->kind == SIZE)
    *(size_t *)field = (size_t)value;
  else
    *(uint64_t *)field = value;
  return EXIT_OK;
}

static int set_real(const cli_option *option, const char *text, void *field) {
  double value;
  bool read = read_number(text, &value);
  if (option->kind == FRACTION) {
    if (!read || value <= 0 || value >= 1)
      return wrong_usage("%s takes a number between 0 and 1, not \"%s\"", option->name, text);
    *(double *)field = value;
    return EXIT_OK;
  }
  if (!read || value < 0 || (float)value > 3.4e38f)
    return wrong_usage("%s takes a number from 0 up, not \"%s\"", option->name, text);
  *(float *)field = value > 0 ? (float)value : LAM_ZERO;
  return EXIT_OK;
}

static int set_value(const cli_option *option, const char *text, settings *values) {
  void *field = (char *)values + option->offset;
  switch (option->kind) {
  case FLAG: return *(bool *)field = true, EXIT_OK;
  case TEXT:
  case OPTIONAL_TEXT:
    if (!*text) return wrong_usage("%s needs %s, and what is written is empty", option->name, option->argument);
    return *(const char **)field = text, EXIT_OK;
  case LIST: return add_item(option, text, field);
  case SIZE:
  case SEED: return set_whole(option, text, field);
  case RATE:
  case FRACTION: return set_real(option, text, field);
  case NAMED: return set_name(option, text, field);
  }
  return EXIT_FAILED;
}

/* ---- the command line ---- */

static const cli_option *find_option(const cli_command *command, const char *name, size_t length) {
  for (size_t i = 0; i < OPTIONS; i++) {
    const cli_option *option = &options[i];
    if ((option->commands & command->bit) && strlen(option->name) == length && memcmp(option->name, name, length) == 0)
      return option;
  }
  return NULL;
}

static int unknown_option(const cli_command *command, const char *name, size_t length) {
  const char *names[OPTIONS + 1] = { 0 };
  size_t count = 0;
  char written[64] = { 0 };
  for (size_t i = 0; i < OPTIONS; i++)
    if (options[i].commands & command->bit) names[count++] = options[i].name;
  memcpy(written, name, length < sizeof written - 1 ? length : sizeof written - 1);
  return unknown_name("option", written, names);
}

static int check_required(const cli_command *command, const bool *given) {
  for (size_t i = 0; i < OPTIONS; i++)
    if ((options[i].required & command->bit) && !given[i])
      return wrong_usage("`lamina %s` needs %s %s: %s", command->name, options[i].name, options[i].argument, options[i].help);
  return EXIT_OK;
}

int parse_options(const cli_command *command, int count, char **arguments, settings *values) {
  bool given[OPTIONS] = { 0 };
  *values = default_settings;
  for (int i = 0; i < count; i++) {
    const char *text = arguments[i];
    if (strcmp(text, "-h") == 0) text = "--help";
    if (strncmp(text, "--", 2) != 0 || !text[2])
      return wrong_usage("\"%s\" is not an option; options are written --name VALUE (see lamina %s --help)", text, command->name);
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const cli_option *option = find_option(command, text, length);
    if (!option) return unknown_option(command, text, length);
    const char *value = equals ? equals + 1 : NULL;
    if (option->kind == FLAG && value) return wrong_usage("%s takes no value; write it without \"=%s\"", option->name, value);
    bool follows = i + 1 < count && strncmp(arguments[i + 1], "--", 2) != 0;
    if (option->kind != FLAG && !value) value = follows ? arguments[++i] : option->kind == OPTIONAL_TEXT ? "-" : NULL;
    if (option->kind != FLAG && !value)
      return wrong_usage("%s needs a value: %s %s", option->name, option->name, option->argument);
    int code = set_value(option, value, values);
    if (code) return code;
    given[option - options] = true;
  }
  return values->help ? EXIT_OK : check_required(command, given);
}

static void print_option(const cli_option *option) {
  char left[64];
  snprintf(left, sizeof left, "%s%s%s", option->name, option->argument ? " " : "", option->argument ? option->argument : "");
  printf("  %-30s %s\n", left, option->help);
  if (!option->names) return;
  printf("  %-30s ", "");
  for (lam_names name = option->names; *name; name++)
    if (strcmp(*name, "none") != 0) printf("%s%s", *name, name[1] ? ", " : "\n");
}

void print_command_help(const cli_command *command) {
  printf("Usage: lamina %s %s\n\n%s\n\nOptions:\n", command->name, command->usage, command->description);
  for (size_t i = 0; i < OPTIONS; i++)
    if (options[i].commands & command->bit) print_option(&options[i]);
  printf("\nExamples:\n%s", command->examples);
}
