/* SPDX-License-Identifier: MIT
 *
 * The command line, and files of options: lines "epochs = 5" as in an .ini file, those under "[train]" for that command alone.
 */
#include "cli/cli.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Reads a value and remembers that it was written. */
static int write_option(const cli_option *option, const char *value, settings *values) {
  if (values->written_count == MAX_WRITTEN) return wrong_usage("there are more than %d options; leave some out", MAX_WRITTEN);
  int code = set_option(option, value, values);
  if (!code) values->written[values->written_count++] = (written){ option, value };
  return code;
}

/* ---- files of options ---- */

enum { MOST_CONFIG = 1 << 20 };

/* The text of a file, which stays; NULL, with the sentence said. */
static char *read_config_file(const char *path, int *code) {
  static char text[MOST_CONFIG + 1];
  FILE *file = fopen(path, "rb");
  struct stat entry;
  if (!file || fstat(fileno(file), &entry) || !S_ISREG(entry.st_mode)) {
    *code = failed("--config: \"%s\" cannot be read: %s", path, file ? "it is not a file" : strerror(errno));
    if (file) fclose(file);
    return NULL;
  }
  size_t size = fread(text, 1, sizeof text, file);
  bool bad = ferror(file) != 0;
  fclose(file);
  if (bad || size > MOST_CONFIG || memchr(text, 0, size)) {
    *code = failed("--config: \"%s\" is not a file of options: write lines such as \"epochs = 5\"", path);
    return NULL;
  }
  text[size] = 0;
  return text;
}

static char *trim(char *text) {
  text += strspn(text, " \t\r");
  size_t length = strlen(text);
  while (length && strchr(" \t\r", text[length - 1])) text[--length] = 0;
  return text;
}

/* "a value" in quotes keeps its spaces. */
static char *unquote(char *text) {
  size_t length = strlen(text);
  if (length < 2 || text[0] != '"' || text[length - 1] != '"') return text;
  text[length - 1] = 0;
  return text + 1;
}

/* "epochs = 5", or "quiet" for "quiet = yes". Options of other commands are passed over. */
static int read_line(const cli_command *command, char *line, settings *values) {
  char *equals = strchr(line, '='), *value = NULL;
  if (equals) {
    *equals = 0;
    value = unquote(trim(equals + 1));
  }
  char name[64];
  const char *key = trim(line);
  snprintf(name, sizeof name, "%s%s", strncmp(key, "--", 2) == 0 ? "" : "--", key);
  const cli_option *option = find_option(cli_options, command->bit, name, strlen(name));
  const cli_option *any = option ? option : find_option(cli_options, EVERY_COMMAND, name, strlen(name));
  if (!any) return unknown_option(cli_options, EVERY_COMMAND, name, strlen(name));
  if (any->outside) return wrong_usage("%s has no place in a file; write it on the command line", any->name);
  if (!option) return EXIT_OK;
  if (takes_value(option) && !value && option->kind == OPTIONAL_TEXT) value = (char *)"-";
  if (takes_value(option) && !value)
    return wrong_usage("%s needs a value: %s = %s", option->name, option->name + 2, option->argument);
  return write_option(option, value, values);
}

/* "[train]": sets whether the lines that follow are meant. */
static int read_section(const cli_command *command, char *line, bool *meant) {
  char *end = strchr(line, ']');
  if (!end || end[1]) return wrong_usage("\"%s\" is not a section; write one as [train]", line);
  *end = 0;
  const char *name = trim(line + 1);
  const cli_command *named = find_command(name);
  if (!named) {
    const char *names[16] = { 0 };
    for (size_t i = 0; cli_commands[i].name; i++) names[i] = cli_commands[i].name;
    return unknown_name("command", name, names);
  }
  *meant = named->bit == command->bit;
  return EXIT_OK;
}

static int read_config(const cli_command *command, const char *path, settings *values) {
  int code = EXIT_OK;
  char *text = read_config_file(path, &code), *next;
  bool meant = true;
  for (size_t number = 1; text && !code; text = next, number++) {
    next = strchr(text, '\n');
    if (next) *next++ = 0;
    char *line = trim(text);
    if (number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) line += 3; /* a byte order mark */
    speak_of(path, number);
    if (*line == '[')
      code = read_section(command, line, &meant);
    else if (*line && *line != '#' && *line != ';' && meant)
      code = read_line(command, line, values);
  }
  speak_of(NULL, 0);
  return code;
}

static void print_value(const written *item) {
  const char *value = item->value ? item->value : "yes";
  bool quote = *value == 0 || *value == '"' || strchr(" \t", *value) || strchr(" \t", value[strlen(value) - 1]);
  printf("%s = %s%s%s\n", item->option->name + 2, quote ? "\"" : "", value, quote ? "\"" : "");
}

/* What acts of an option: all items of a list, else the last that was written. */
static bool print_written(const cli_option *option, const settings *options) {
  bool printed = false;
  for (size_t i = 0; i < options->written_count; i++) {
    if (options->written[i].option != option) continue;
    bool last = true;
    for (size_t j = i + 1; j < options->written_count; j++) last = last && options->written[j].option != option;
    if (option->kind == LIST || last) print_value(&options->written[i]), printed = true;
  }
  return printed;
}

int print_config(const cli_command *command, const settings *options) {
  for (size_t i = 0; i < options->written_count; i++)
    if (options->written[i].value && strchr(options->written[i].value, '\n'))
      return wrong_usage("%s has a line break in its value, which a file of options cannot hold",
                         options->written[i].option->name);
  printf("# lamina %s --config THIS-FILE\n[%s]\n", command->name, command->name);
  for (const cli_option *option = cli_options; option->name; option++) {
    if (!(option->commands & command->bit) || option->outside || print_written(option, options)) continue;
    const char *value = option->standard ? option->standard : takes_value(option) ? option->argument : "no";
    printf("# %s = %s    %s\n", option->name + 2, value, option->help);
  }
  return EXIT_OK;
}

/* ---- the command line ---- */

static int check_required(const cli_command *command, const settings *values) {
  for (const cli_option *option = cli_options; option->name; option++)
    if ((option->required & command->bit) && !was_written(values, option->offset))
      return wrong_usage("`lamina %s` needs %s %s: %s", command->name, option->name, option->argument, option->help);
  return EXIT_OK;
}

/* The file that --config names, which is read before all else. */
static const char *config_path(int count, char **arguments) {
  const char *path = NULL;
  for (int i = 0; i < count; i++) {
    if (strncmp(arguments[i], "--config=", 9) == 0) path = arguments[i] + 9;
    if (strcmp(arguments[i], "--config") == 0 && i + 1 < count && strncmp(arguments[i + 1], "--", 2) != 0)
      path = arguments[i + 1];
  }
  return path && *path ? path : NULL;
}

int parse_options(const cli_command *command, int count, char **arguments, settings *values) {
  *values = (settings){ 0 };
  int code = set_standards(cli_options, values);
  char name[64];
  snprintf(name, sizeof name, "lamina %s", command->name);
  const char *config = config_path(count, arguments);
  if (!code && config) code = read_config(command, config, values);
  for (int i = 0; i < count && !code; i++) {
    const cli_option *option;
    const char *value;
    code = read_argument(cli_options, name, command->bit, count, arguments, &i, &option, &value);
    if (!code) code = write_option(option, value, values);
  }
  return code || values->help || values->print_config ? code : check_required(command, values);
}

/* ---- going on ---- */

void print_resume_command(FILE *stream, const settings *options) {
  fputs("lamina train --resume ", stream);
  print_word(stream, options->save ? options->save : options->resume);
  for (size_t i = 0; i < options->written_count; i++) {
    const written *item = &options->written[i];
    const cli_option *option = item->option;
    bool again = false;
    for (size_t j = i + 1; j < options->written_count; j++) again = again || options->written[j].option == option;
    if (again || option->in_checkpoint || option->outside || option == option_at(offsetof(settings, save))) continue;
    fprintf(stream, " %s", option->name);
    if (!item->value) continue;
    fputc(takes_value(option) && option->kind != OPTIONAL_TEXT ? ' ' : '=', stream);
    print_word(stream, item->value);
  }
}
