/* SPDX-License-Identifier: MIT
 *
 * Tables of options, the same for every program of the project: a program has one table and one struct of values; the command
 * line, defaults and --help are made from the table.
 */
#ifndef LAM_CLI_OPTION_H
#define LAM_CLI_OPTION_H

#include "cli/message.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum option_kind {
  FLAG,          /* bool; --NAME, --NAME=yes or --NAME=no */
  SWITCH,        /* switch_state, likewise */
  TEXT,          /* const char * */
  OPTIONAL_TEXT, /* const char *; "-" where no value follows */
  LIST,          /* text_list; may be repeated */
  WORDS,         /* word_list, separated by commas */
  SIZES,         /* size_list; numbers and ranges of them, separated by commas */
  WIDTHS,        /* size_list; at least two, separated by dashes */
  SIZE,          /* size_t, from 1 to `most` */
  SEED,          /* uint64_t */
  RATE,          /* float above or equal to 0; LAM_ZERO is 0 */
  FRACTION,      /* double between 0 and 1 */
  SECONDS,       /* double above 0, at most an hour */
  NAMED          /* an enum with `names`, without the first where that is "none" */
} option_kind;

typedef enum switch_state { SWITCH_AUTO, SWITCH_YES, SWITCH_NO } switch_state;

enum { MAX_LIST = 32 };
typedef struct text_list {
  const char *item[MAX_LIST];
  size_t count;
} text_list;

typedef struct word_list {
  char text[2048];
  const char *item[MAX_LIST];
  size_t count;
} word_list;

typedef struct size_list {
  size_t item[MAX_LIST];
  size_t count;
} size_list;

typedef struct cli_option {
  const char *name; /* as it is written, "--epochs" */
  option_kind kind;
  size_t offset;        /* in the struct of values */
  int commands;         /* bits: which take it */
  int required;         /* which cannot do without it */
  const char *argument; /* what the help calls its value */
  const char *help;
  const char *standard; /* the value where it is not written; NULL: none */
  lam_names names;
  bool in_checkpoint; /* a checkpoint says it: not to be repeated with --resume */
  bool outside;       /* has no place in a file of options */
  size_t most;        /* of a SIZE; 0: INT32_MAX */
} cli_option;

/* A table ends with an option without a name. The option of one of these commands with this name, its dashes included, or NULL.
 */
const cli_option *find_option(const cli_option *table, int commands, const char *name, size_t length);
/* Prints the sentence, with the nearest names, and returns EXIT_USAGE. */
int unknown_option(const cli_option *table, int commands, const char *name, size_t length);
/* False for one that is yes or no. */
bool takes_value(const cli_option *option);

/* Reads a value into its place in `values`; prints a sentence and returns EXIT_USAGE where it is wrong. `text` is kept; NULL: a
 * flag without a value. */
int set_option(const cli_option *option, const char *text, void *values);
/* All that have a value where none is written. */
int set_standards(const cli_option *table, void *values);
/* Finds the option that begins at arguments[*i], and its value, and leaves *i at its last word. `command` is for the sentence:
 * "lamina train". */
int read_argument(const cli_option *table, const char *command, int bit, int count, char **arguments, int *i,
                  const cli_option **option, const char **value);

/* The lines of --help: what stands on the left is so wide. */
void print_options(const cli_option *table, int commands, int width);
/* The names that can be written, and a line feed. */
void print_names(lam_names names);
/* A word as the shell takes it. */
void print_word(FILE *stream, const char *word);

#endif
