/* SPDX-License-Identifier: MIT
 *
 * The program `lamina-bench`: what its files share. main.c has the table of commands, options.c that of options; each command is
 * a file of its own. A command measures contenders in rotated rounds (rounds.h) and writes results to a report (report.h), which
 * knows the machine (machine.h). docs/bench.md tells what is measured and how.
 */
#ifndef LAM_BENCH_BENCH_H
#define LAM_BENCH_BENCH_H

#include "bench/report.h"
#include "bench/rounds.h"
#include "cli/option.h"
#include "layers/layers.h"
#include <lamina.h>

/* Which commands take an option. */
enum {
  TRAIN = 1 << 0,
  INFER = 1 << 1,
  GEMM = 1 << 2,
  KERNELS = 1 << 3,
  LIMIT = 1 << 4,
  COMPARE = 1 << 5,
  WORKING = TRAIN | INFER | GEMM, /* those with a process for each backend */
  MEASURING = WORKING | KERNELS | LIMIT,
  ALL = MEASURING | COMPARE
};

/* The sets of products in bench/shapes. */
#define SHAPE_SETS "classic, mlp, recommender, transformer-ffn, tiny, square"

/* Every option's value. */
typedef struct settings {
  const struct bench_command *command;
  size_list net, batch, threads, m, n, k;
  word_list backends, isa, kernel, shapes, trans, pin, cache;
  const char *reference, *data, *json, *csv, *markdown, *html;
  const char *files[2]; /* what `compare` compares */
  lam_optimizer_type optimizer;
  lam_loss loss;
  size_t rows, rounds, launches, neighbours, worker;
  double min_time, patience, effect;
  bool as_is, parts, quiet, vetted, help;
} settings;

/* What `compare` ends with where something became slower. */
enum { EXIT_SLOWER = 3 };

typedef struct bench_command {
  const char *name;
  int bit;
  const char *usage, *summary, *description, *examples;
  int (*run)(const settings *options, report *to);
  size_t files; /* words that are no options */
} bench_command;

/* ---- options.c ---- */

/* Reads the arguments after the command's name. Prints a sentence and returns EXIT_USAGE where they are wrong. */
int parse_options(const bench_command *command, int count, char **arguments, settings *options);
void print_command_help(const bench_command *command);
/* Whether `list` is empty or has the word. */
bool chosen(const word_list *list, const char *word);
/* The command line that measures one thing again: what is common to all results, to be appended to. */
void common_options(char *text, size_t size, const settings *options);
/* As the shell takes it. */
void append_word(char *text, size_t size, const char *word);
void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A value of an object that was read; "" and NaN where there is none. */
const char *text_of(const lam_json *object, const char *key);
double number_of(const lam_json *object, const char *key);

/* ---- progress.c ---- */

/* A line of progress on stderr, where that is a terminal and --quiet was not given; NULL removes it. */
void progress(const settings *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- network.c: networks and rows from the options ---- */

/* A context with the native product and so many threads, or NULL after a sentence. */
lam_context *open_context(size_t threads);
/* relu layers of the widths of --net, the last one softmax. */
lam_model *build_network(lam_context *context, const size_list *net);
void network_text(char text[128], const size_list *net);
/* Multiply-adds of one row forward, twice. */
double network_flops(const size_list *net);
/* The rows to train on: --data, or random bytes with random labels, always the same. *storage is to be freed by the caller. */
lam_dataset *open_rows(lam_context *context, const settings *options, void **storage);

/* ---- the commands ---- */
int run_train(const settings *options, report *to);
int run_infer(const settings *options, report *to);
int run_gemm(const settings *options, report *to);
int run_kernels(const settings *options, report *to);
int run_limit(const settings *options, report *to);
int run_compare(const settings *options, report *to);

/* A backend's process, driven over file descriptor `options->worker`. */
int run_worker(const settings *options);

/* limit.c: the report's peak, and its bandwidths, on the CPU that workers are pinned to. */
void measure_limits(const settings *options, report *to);
/* Which of the LEVELS holds so many bytes. */
int level_of(const machine *card, double bytes);

#endif
