/* SPDX-License-Identifier: MIT
 *
 * The program `lamina`: what its files share. main.c has the table of commands, options.c the table of options; each command is a
 * file of its own and gets the options as one struct. The program prints to the terminal and speaks of failures on stderr; what
 * is computed comes from the library's public interface.
 */
#ifndef LAM_CLI_CLI_H
#define LAM_CLI_CLI_H

#include "cli/option.h"
#include "cli/output.h"
#include <lamina.h>
#include <stdio.h>

/* Which commands take an option. */
enum {
  TRAIN = 1 << 0,
  EVALUATE = 1 << 1,
  PREDICT = 1 << 2,
  SUMMARY = 1 << 3,
  DATA = 1 << 4,
  FOLD = 1 << 5,
  GRADCHECK = 1 << 6,
  GEMM = 1 << 7,
  EVERY_COMMAND = (1 << 8) - 1
};

/* ---- options.c: the table of options ---- */

/* An option as it was written. */
typedef struct written {
  const cli_option *option;
  const char *value; /* NULL: a flag */
} written;

enum { MAX_WRITTEN = 256 };

/* Every option's value. */
typedef struct settings {
  const char *data, *data_dir, *only, *model, *layers, *gemm, *wisdom, *resume, *input, *config, *target, *delimiter, *vet;
  const char *metrics, *monitor, *reduce_lr, *csv_log, *save_best, *class_weights;
  const char *save, *json, *output; /* json: "-" is standard output */
  const char *plot, *plot_mistakes, *plot_weights, *class_names;
  lam_loss loss; /* LAM_NO_LOSS: not given */
  lam_optimizer_type optimizer;
  text_list optimizer_options, loss_options;
  float learning_rate; /* 0: the optimizer's own */
  double validation_split, held_out;
  size_t epochs, batch, threads, draw, samples, early_stopping;
  uint64_t seed;
  switch_state confusion;
  bool from_logits, no_fusion, no_header, no_target, standardize, quiet, classes, probabilities, dot, help, print_config;
  written written[MAX_WRITTEN]; /* from the file of options first, then from the command line: a later one wins */
  size_t written_count;
} settings;

typedef struct cli_command {
  const char *name;
  int bit;
  const char *usage, *summary, *description, *examples;
  int (*run)(const settings *options);
} cli_command;

extern const cli_option cli_options[]; /* ended by one without a name */
/* The table's entry whose value lies at this place of settings; whether it was written. */
const cli_option *option_at(size_t offset);
bool was_written(const settings *options, size_t offset);

/* ---- arguments.c: the command line and files of options ---- */

/* Reads the arguments after the command's name. Prints a sentence and returns EXIT_USAGE where they are wrong. */
int parse_options(const cli_command *command, int count, char **arguments, settings *options);
/* Writes a file of options that does the same again. */
int print_config(const cli_command *command, const settings *options);
/* Prints the command line that goes on with the checkpoint at options->save. */
void print_resume_command(FILE *stream, const settings *options);

/* ---- help.c ---- */

/* A command's help, made from the tables; and the page of the manual (troff). */
void print_command_help(const cli_command *command);
void print_manual(void);

/* ---- main.c ---- */

extern const cli_command cli_commands[]; /* ended by one without a name */
extern const char exit_status_text[];
const cli_command *find_command(const char *name);

/* ---- network.c: a context, a network and its training from the options ---- */

/* With --wisdom, where the file is there, what it says is loaded; a failure is the context's. */
lam_context *open_context(const settings *options);
/* Tells what the backend "auto" chose, saves it where --wisdom asks for that and `code` is that of success, and destroys the
 * context. Returns `code`, or that of a failure to save. */
int close_context(const settings *options, lam_context *context, int code);
/* Checks --layers before anything is opened. */
int check_layers(const settings *options);
/* The sequential network of --layers on rows of `input`'s shape, behind a normalization with --standardize; NULL with the
 * context's sentence. */
lam_model *build_network(lam_context *context, const settings *options, lam_shape input);
/* The model of --model. */
int load_model(lam_context *context, const settings *options, lam_model **model);
/* Loss, optimizer and its numbers from the command line. */
int read_trainer_options(const settings *options, lam_context *context, lam_trainer_options *trainer);
/* A trainer for a loaded model: as it was trained, or with the command line's loss. */
int make_trainer(const settings *options, lam_model *model, lam_trainer **trainer);
/* `*data` with its labels one-hot where the loss needs dense targets and the output has several nodes. */
int encode_targets(lam_context *context, const lam_model *model, lam_loss loss, lam_dataset **data);

/* ---- source.c: data from the options ---- */

/* What --data, --target and the like, --only and --held-out say. */
typedef struct source {
  lam_dataset *train, *test; /* test: NULL where there is none */
} source;

/* Checks what the options say of the data before any is opened. */
int check_source(const settings *options);
int open_source(lam_context *context, const settings *options, source *opened);
/* The part that is looked at and not learnt from: the rows held out or the test part, else all. `model` NULL: there is none. */
int open_examined(lam_context *context, const settings *options, const lam_model *model, lam_dataset **data);

/* ---- measure.c: how good a network is ---- */

typedef struct measurement {
  lam_result result;
  double binary_accuracy;     /* over all outputs, each on its side of 0.5; NaN where the loss is another or has one output */
  size_t classes;             /* output nodes, or 2 for one; 0: this is not about classes */
  const lam_trainer *trainer; /* for its metrics */
  const lam_dataset *data;    /* for the classes' names */
  uint64_t *confusion;        /* classes x classes: label, prediction; in the program's memory until it ends */
} measurement;

int measure(lam_trainer *trainer, const lam_dataset *data, bool confusion, measurement *measured);
/* "accuracy 0.8712 ± 0.0034, loss 0.3615 (10000 rows)": the standard error of a share p of n rows is sqrt(p (1 - p) / n). */
void print_measurement(FILE *stream, const char *label, const measurement *measured);
void print_confusion(FILE *stream, const measurement *measured);
double standard_error(lam_result result);
/* "loss":...,"accuracy":..., and what else there is, without braces. */
void json_measurement(FILE *file, const measurement *measured);
void json_confusion(FILE *file, const measurement *measured);

/* ---- metrics.c: --metrics ---- */

/* Checks the list before anything is opened; adds its metrics to a trainer. */
int check_metrics(const settings *options);
int add_metrics(const settings *options, lam_trainer *trainer);
/* A table of the trainer's metrics with their standard errors, as they stand; nothing where there are none. */
void print_metrics(FILE *stream, const lam_trainer *trainer);
/* ,"metrics":[{"name","value","standard_error"}], and of an epoch ,"metrics":{NAME:value},"val_metrics":{}; likewise. */
void json_metrics(FILE *file, const lam_trainer *trainer);
void json_metric_history(FILE *file, const lam_trainer *trainer, size_t epoch);

/* ---- callbacks.c: what a training does beside its steps ---- */

typedef struct callbacks {
  lam_hook *hooks[4], *stopping; /* stopping: one of them, or NULL */
  size_t count;
  const float *class_weights;
  size_t class_weight_count;
} callbacks;

/* Checks their options before anything is opened; makes them, which belong to the context. */
int check_callbacks(const settings *options);
int add_callbacks(const settings *options, lam_context *context, callbacks *made);
/* Whether --early-stopping ended the fit; prints a line about that, or nothing. */
bool stopped_early(const callbacks *made);
void print_early_stop(FILE *stream, const settings *options, const callbacks *made);

/* ---- the commands ---- */
int run_train(const settings *options);
int run_evaluate(const settings *options);
int run_predict(const settings *options);
int run_summary(const settings *options);
int run_data(const settings *options);
int run_fold(const settings *options);
int run_gradcheck(const settings *options);
int run_gemm(const settings *options);

#endif
