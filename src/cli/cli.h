/* SPDX-License-Identifier: MIT
 *
 * The program `lamina`: what its files share. main.c has the table of commands, options.c the table of options; each command is a
 * file of its own and gets the options as one struct. The program prints to the terminal and speaks of failures on stderr; what
 * is computed comes from the library's public interface.
 */
#ifndef LAM_CLI_CLI_H
#define LAM_CLI_CLI_H

#include "base/names.h"
#include <lamina.h>
#include <stdio.h>

/* Exit codes, documented by --help. A run ended by a signal gives 128 and the signal's number: 130 for Ctrl-C. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

/* Which commands take an option. */
enum { TRAIN = 1 << 0, EVALUATE = 1 << 1 };

#define MAX_LIST 32
typedef struct text_list {
  const char *item[MAX_LIST];
  size_t count;
} text_list;

/* Every option's value. Options that were not written keep the value of `default_settings` in options.c. */
typedef struct settings {
  const char *data, *data_dir, *model, *layers, *gemm;
  const char *save, *json; /* json: "-" is standard output */
  lam_loss loss;           /* LAM_NO_LOSS: not given */
  lam_optimizer_type optimizer;
  text_list optimizer_options;
  float learning_rate; /* 0: the optimizer's own */
  double validation_split;
  size_t epochs, batch, threads;
  uint64_t seed;
  bool from_logits, no_fusion, quiet, help;
} settings;

typedef struct cli_command {
  const char *name;
  int bit;
  const char *usage, *summary, *description, *examples;
  int (*run)(const settings *options);
} cli_command;

/* ---- options.c: the command line ---- */

/* Reads the arguments after the command's name. Prints a sentence and returns EXIT_USAGE where they are wrong. */
int parse_options(const cli_command *command, int count, char **arguments, settings *options);
/* Prints a command's help, made from its table. */
void print_command_help(const cli_command *command);

/* ---- message.c: sentences on stderr ---- */

/* Print "lamina: " and a sentence, and return the exit code: of a wrong command line, or of a failure. */
int wrong_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
int failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* There is no such name; the nearest ones are. `what` is "command". */
int unknown_name(const char *what, const char *name, lam_names names);
/* The library's last failure. */
int library_failed(const lam_context *context);

/* ---- network.c: a context, data and a model from the options ---- */

lam_context *open_context(const settings *options);
/* Checks --layers before anything is opened. */
int check_layers(const settings *options);
/* The sequential network `layers` on rows of `input`'s shape; NULL with the context's sentence. */
lam_model *build_network(lam_context *context, const char *layers, lam_shape input);

/* A data set's parts; *test becomes NULL where it has none. Prints what fails and returns an exit code. */
int open_data(lam_context *context, const char *name, lam_dataset **train, lam_dataset **test);
/* The part that `evaluate` looks at: the test part where there is one. */
int open_test_data(lam_context *context, const char *name, lam_dataset **data);
/* `*data` with its labels one-hot where the loss needs dense targets and the output has several nodes. */
int encode_targets(lam_context *context, const lam_model *model, lam_loss loss, lam_dataset **data);

/* ---- output.c: files that the program itself writes ---- */

/* Finds out before the work whether `path` can be written; changes nothing. `option` is the option that named it. */
int check_writable(const char *option, const char *path);
/* A number, or null where it is not finite. */
void json_number(FILE *file, double value);
/* Hands `write` a stream; a file at `path` is replaced as a whole or stays as it was. "-" is standard output. */
int write_file(const char *path, void (*write)(FILE *file, const void *user), const void *user);
/* "accuracy 0.8712 ± 0.0034, loss 0.3615 (10000 rows)": the standard error of a share p of n rows is sqrt(p (1 - p) / n). */
void print_result(FILE *stream, const char *label, lam_result result);
double standard_error(lam_result result);

/* ---- the commands ---- */
int run_train(const settings *options);
int run_evaluate(const settings *options);

#endif
