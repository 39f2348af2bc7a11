/* SPDX-License-Identifier: MIT
 *
 * See option.h.
 */
#include "cli/option.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

const cli_option *find_option(const cli_option *table, int commands, const char *name, size_t length) {
  for (const cli_option *option = table; option->name; option++)
    if ((option->commands & commands) && strlen(option->name) == length && memcmp(option->name, name, length) == 0) return option;
  return NULL;
}

int unknown_option(const cli_option *table, int commands, const char *name, size_t length) {
  enum { MOST_OPTIONS = 127 };
  const char *names[MOST_OPTIONS + 1] = { 0 };
  size_t count = 0;
  char said[64] = { 0 };
  for (const cli_option *option = table; option->name && count < MOST_OPTIONS; option++)
    if (option->commands & commands) names[count++] = option->name;
  memcpy(said, name, length < sizeof said - 1 ? length : sizeof said - 1);
  return unknown_name("option", said, names);
}

bool takes_value(const cli_option *option) { return option->kind != FLAG && option->kind != SWITCH; }

/* ---- numbers ---- */

static int set_whole(const cli_option *option, const char *text, void *field) {
  const bool seed = option->kind == SEED;
  const unsigned long long least = !seed, most = seed ? UINT64_MAX : option->most ? option->most : INT32_MAX;
  char *end;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
    return wrong_usage("%s takes a whole number from %d to %llu, not \"%s\"", option->name, (int)least, most, text);
  if (seed)
    *(uint64_t *)field = value;
  else
    *(size_t *)field = (size_t)value;
  return EXIT_OK;
}

static int set_real(const cli_option *option, const char *text, void *field) {
  double value;
  bool good = *text && *lam_parse_double(text, text + strlen(text), &value) == 0 && isfinite(value);
  const char *wanted = "a number from 0 up";
  if (option->kind == FRACTION) {
    good = good && value > 0 && value < 1;
    wanted = "a number between 0 and 1";
  } else if (option->kind == SECONDS) {
    good = good && value > 0 && value <= 3600;
    wanted = "a number above 0, up to 3600";
  } else {
    good = good && value >= 0 && (float)value <= 3.4e38f;
  }
  if (!good) return wrong_usage("%s takes %s, not \"%s\"", option->name, wanted, text);
  if (option->kind == RATE)
    *(float *)field = value > 0 ? (float)value : LAM_ZERO;
  else
    *(double *)field = value;
  return EXIT_OK;
}

/* ---- lists ---- */

/* A whole number from 1 to INT32_MAX at the start of `text`; *end behind it. False where there is none. */
static bool read_size(const char *text, char **end, size_t *value) {
  errno = 0;
  unsigned long long number = strtoull(text, end, 10);
  *value = (size_t)number;
  return *text >= '0' && *text <= '9' && errno == 0 && number >= 1 && number <= INT32_MAX;
}

/* Adds from..to, doubled each time, or from..to+step. False where the list is full. */
static bool add_range(size_list *list, size_t from, size_t to, size_t step) {
  for (size_t number = from; number <= to; number = step ? number + step : 2 * number) {
    if (list->count == MAX_LIST) return false;
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

static int set_sizes(const cli_option *option, const char *text, size_list *list) {
  const bool widths = option->kind == WIDTHS;
  const char separator = widths ? '-' : ',', *example = widths ? "784-256-15" : "1,32,128", *at = text;
  char *end;
  size_t from, to, step;
  list->count = 0;
  for (;; at = end + 1) {
    if (!read_range(at, &end, &from, &to, &step) || (*end && *end != separator))
      return wrong_usage("%s takes whole numbers such as %s, not \"%s\"", option->name, example, text);
    if (!add_range(list, from, to, step)) return wrong_usage("%s takes at most %d numbers", option->name, MAX_LIST);
    if (!*end) break;
  }
  if (list->count < 2 && widths)
    return wrong_usage("%s takes at least two widths such as %s, not \"%s\"", option->name, example, text);
  return EXIT_OK;
}

static int set_words(const cli_option *option, const char *text, word_list *list) {
  if (strlen(text) >= sizeof list->text)
    return wrong_usage("%s: the list is longer than %zu characters", option->name, sizeof list->text - 1);
  strcpy(list->text, text);
  list->count = 0;
  for (char *word = list->text, *end;; word = end + 1) {
    end = word + strcspn(word, ",");
    bool last = *end == 0;
    *end = 0;
    if (!*word) return wrong_usage("%s: a name is missing in \"%s\"", option->name, text);
    if (list->count == MAX_LIST) return wrong_usage("%s takes at most %d names", option->name, MAX_LIST);
    list->item[list->count++] = word;
    if (last) return EXIT_OK;
  }
}

static int add_item(const cli_option *option, const char *text, text_list *list) {
  if (list->count == MAX_LIST) return wrong_usage("%s stands here more than %d times", option->name, MAX_LIST);
  list->item[list->count++] = text;
  return EXIT_OK;
}

/* ---- names and flags ---- */

static int set_name(const cli_option *option, const char *text, void *field) {
  lam_names names = option->names;
  int first = strcmp(names[0], "none") == 0, value = lam_name_find(names, text);
  if (value < first) return unknown_name(option->name + 2, text, names + first);
  memcpy(field, &value, sizeof value); /* enums of the public headers are as wide as int */
  return EXIT_OK;
}

/* What a file of options or the command line before said yes to can be said no to. */
static int set_flag(const cli_option *option, const char *text, void *field) {
  bool yes = !text || strcmp(text, "yes") == 0, no = text && strcmp(text, "no") == 0;
  if (!yes && !no) return wrong_usage("%s is yes or no, not \"%s\"; %s alone is yes", option->name, text, option->name);
  if (option->kind == FLAG)
    *(bool *)field = yes;
  else
    *(switch_state *)field = yes ? SWITCH_YES : SWITCH_NO;
  return EXIT_OK;
}

int set_option(const cli_option *option, const char *text, void *values) {
  void *field = (char *)values + option->offset;
  switch (option->kind) {
  case FLAG:
  case SWITCH: return set_flag(option, text, field);
  case TEXT:
  case OPTIONAL_TEXT:
    if (!*text) return wrong_usage("%s needs %s, and what is written is empty", option->name, option->argument);
    return *(const char **)field = text, EXIT_OK;
  case LIST: return add_item(option, text, field);
  case WORDS: return set_words(option, text, field);
  case SIZES:
  case WIDTHS: return set_sizes(option, text, field);
  case SIZE:
  case SEED: return set_whole(option, text, field);
  case RATE:
  case FRACTION:
  case SECONDS: return set_real(option, text, field);
  case NAMED: return set_name(option, text, field);
  }
  return EXIT_FAILED;
}

int set_standards(const cli_option *table, void *values) {
  int code = EXIT_OK;
  for (const cli_option *option = table; option->name && !code; option++)
    if (option->standard) code = set_option(option, option->standard, values);
  return code;
}

/* ---- the command line ---- */

int read_argument(const cli_option *table, const char *command, int bit, int count, char **arguments, int *i,
                  const cli_option **option, const char **value) {
  const char *text = strcmp(arguments[*i], "-h") == 0 ? "--help" : arguments[*i];
  if (strncmp(text, "--", 2) != 0 || !text[2])
    return wrong_usage("\"%s\" is not an option; options are written --name VALUE (see %s --help)", text, command);
  const char *equals = strchr(text, '=');
  size_t length = equals ? (size_t)(equals - text) : strlen(text);
  const cli_option *found = find_option(table, bit, text, length);
  if (!found) return unknown_option(table, bit, text, length);
  *option = found;
  *value = equals ? equals + 1 : NULL;
  bool follows = *i + 1 < count && strncmp(arguments[*i + 1], "--", 2) != 0;
  if (takes_value(found) && !*value) *value = follows ? arguments[++*i] : found->kind == OPTIONAL_TEXT ? "-" : NULL;
  if (takes_value(found) && !*value) return wrong_usage("%s needs a value: %s %s", found->name, found->name, found->argument);
  return EXIT_OK;
}

/* ---- printing ---- */

/* Not none, and not the loss that is a function of one's own. */
void print_names(lam_names names) {
  const char *before = "";
  for (lam_names name = names; *name; name++) {
    if (strcmp(*name, "none") == 0 || strcmp(*name, "custom") == 0) continue;
    printf("%s%s", before, *name);
    before = ", ";
  }
  putchar('\n');
}

void print_options(const cli_option *table, int commands, int width) {
  for (const cli_option *option = table; option->name; option++) {
    const char *argument = option->argument, *standard = option->standard;
    char left[64];
    if (!(option->commands & commands)) continue;
    snprintf(left, sizeof left, "%s%s%s", option->name, argument ? " " : "", argument ? argument : "");
    printf("  %-*s %s%s%s%s\n", width, left, option->help, standard ? " (" : "", standard ? standard : "", standard ? ")" : "");
    if (!option->names) continue;
    printf("  %-*s ", width, "");
    print_names(option->names);
  }
}

void print_word(FILE *stream, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
  if (*word && strspn(word, plain) == strlen(word)) {
    fputs(word, stream);
    return;
  }
  fputc('\'', stream);
  for (; *word; word++) *word == '\'' ? fputs("'\\''", stream) : fputc(*word, stream);
  fputc('\'', stream);
}
