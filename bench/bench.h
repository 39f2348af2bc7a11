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
#include "cli/message.h"
#include "layers/layers.h"
#include <lamina.h>

/* Which commands take an option. */
enum { TRAIN = 1 << 0, INFER = 1 << 1, GEMM = 1 << 2, KERNELS = 1 << 3, LIMIT = 1 << 4, ALL = (1 << 5) - 1 };

/* Words separated by commas. */
enum { MOST_WORDS = 32 };
typedef struct words {
  char text[512];
  const char *item[MOST_WORDS];
  size_t count;
} words;

/* Numbers separated by commas: the batches, or a network's widths (by dashes). */
typedef struct sizes {
  size_t item[MOST_WORDS];
  size_t count;
} sizes;

/* Every option's value. Options that were not written keep the value of `default_settings` in options.c. */
typedef struct settings {
  sizes net, batch;
  words gemm, isa, kernel, shapes;
  const char *reference, *data, *json;
  lam_optimizer_type optimizer;
  lam_loss loss;
  size_t rows, threads, rounds, worker;
  double min_time;
  bool as_is, cold, parts, markdown, quiet, help;
} settings;

typedef struct bench_command {
  const char *name;
  int bit;
  const char *usage, *summary, *description, *examples;
  int (*run)(const settings *options, report *to);
} bench_command;

/* ---- options.c ---- */

/* Reads the arguments after the command's name. Prints a sentence and returns EXIT_USAGE where they are wrong. */
int parse_options(const bench_command *command, int count, char **arguments, settings *options);
void print_command_help(const bench_command *command);
/* Whether `list` is empty or has the word. */
bool chosen(const words *list, const char *word);
/* The command line that measures one thing again: what is common to all results, to be appended to. */
void common_options(char *text, size_t size, const char *command, const settings *options);

/* ---- progress.c ---- */

/* A line of progress on stderr, where that is a terminal and --quiet was not given; NULL removes it. */
void progress(const settings *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- network.c: contexts, backends, networks and rows from the options ---- */

/* A context with this backend (NULL: the default), or NULL after a sentence. */
lam_context *open_context(const settings *options, const char *gemm);
/* The backends that --gemm names, all of the process where it names none; into `names`, which has MOST_WORDS. The reference is
 * their first, or --reference. */
int choose_backends(lam_context *context, const settings *options, const char **names, size_t *count, size_t *reference);
/* Measures each of --batch with the chosen backends, one after the other, until one fails or Ctrl-C. */
typedef int measure_batch(const settings *options, report *to, const char *const *names, size_t count, size_t reference,
                          size_t batch);
int each_batch(const settings *options, report *to, measure_batch *measure);
/* relu layers of the widths of --net, the last one softmax. */
lam_model *build_network(lam_context *context, const sizes *net);
void network_text(char text[128], const sizes *net);
/* Multiply-adds of one row forward, twice. */
double network_flops(const sizes *net);
/* The rows to train on: --data, or random bytes with random labels, always the same. *storage is to be freed by the caller. */
lam_dataset *open_rows(lam_context *context, const settings *options, void **storage);
/* "0.3.21, core SkylakeX" of what a backend says of itself; core "" where it says none. */
void backend_core(const lam_context *context, char core[64]);
/* A warning where the library runs kernels older than the CPU, with the setting that mends it; else NULL. */
const char *core_warning(const char *core);

/* ---- the commands ---- */
int run_train(const settings *options, report *to);
int run_infer(const settings *options, report *to);
int run_gemm(const settings *options, report *to);
int run_kernels(const settings *options, report *to);
int run_limit(const settings *options, report *to);

/* train as a worker that others drive: lines of JSON over file descriptor `options->worker`. */
int run_worker(const settings *options);

/* limit.c: GF/s of fused multiply-adds on one core at a level; 0 where it is not there. */
double peak_gflops(const char *isa);

#endif
