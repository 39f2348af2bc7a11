/* SPDX-License-Identifier: MIT
 *
 * The program `lamina-bench`: how fast, measured and compared. This file has the table of commands.
 */
#include "bench/bench.h"
#include "cli/output.h"
#include <errno.h>
#include <string.h>

static const bench_command commands[] = {
  { "train", TRAIN, "[options]", "whole training steps of a network, by gemm backend",
    "Times lam_fit on a network of relu layers with a softmax at its end, by backend; with --parts also the time of each "
    "operation\n"
    "of a step, measured in running steps.",
    "  lamina-bench train --net 784-256-15 --batch 32 --optimizer adam --backends openblas,native --parts\n"
    "  lamina-bench train --net 784-512-10 --batch 128 --optimizer rmsprop --loss mean_squared_error --json step.json\n",
    run_train, 0 },
  { "infer", INFER, "[options]", "calls of a session, by gemm backend",
    "Times lam_session_run on float rows, from one row to many, by backend.",
    "  lamina-bench infer --net 784-512-10 --batch 1,1000\n", run_infer, 0 },
  { "gemm", GEMM, "[options]", "the matrix products of a network, by backend",
    "Times the products of each dense layer (forward, weight gradient, input gradient) or products given by shape, and compares\n"
    "each result with exact integers and with an error bound.",
    "  lamina-bench gemm --net 784-256-15 --batch 1,32 --reference openblas\n"
    "  lamina-bench gemm --shapes classic,32x256x784:NN:lda=800 --html report.html\n"
    "  lamina-bench gemm --m 1..256 --n 256 --k 784 --backends native,openblas --threads 1,2\n",
    run_gemm, 0 },
  { "kernels", KERNELS, "[options]", "every kernel at every instruction set, against a plain loop in C",
    "Times each vectorised kernel on matrices that lie in cache and that do not, against the same loop in plain C (compiled "
    "with\n"
    "-O2, functions of the C library).",
    "  lamina-bench kernels --kernel softmax,adam --isa avx2,plain\n", run_kernels, 0 },
  { "limit", LIMIT, "[options]", "what the machine can do: arithmetic and bandwidth",
    "Measures fused multiply-adds by instruction set, and the bandwidth of each cache and of memory: reading, and reading with\n"
    "writing back.",
    "  lamina-bench limit --isa avx512,avx2 --json limit.json\n", run_limit, 0 },
  { "compare", COMPARE, "OLD.json NEW.json", "what got faster or slower from one report to another",
    "Compares two reports that --json wrote, result by result: faster or slower is what differs by more than --effect beyond the "
    "noise\n"
    "of both. Exit status 3 where something became slower, or a backend is refused that was not.",
    "  lamina-bench compare old.json new.json\n", run_compare, 2 },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void) {
  puts("Usage: lamina-bench COMMAND [options]\n\nMeasures Lamina on this machine. docs/bench.md tells how.\n\nCommands:");
  for (size_t i = 0; i < COMMANDS; i++) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  puts("\n  --help     this text; `lamina-bench COMMAND --help` tells a command's options, with examples\n"
       "  --version  the version\n\n"
       "Exit status: 0 done; 1 failed, or all that was to be measured is refused; 2 the command line is wrong;\n"
       "3 something became slower (compare); 130 ended by Ctrl-C, what was done being told.");
}

static const bench_command *find_command(const char *name) {
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

static int unknown_command(const char *name) {
  const char *names[COMMANDS + 1] = { 0 };
  for (size_t i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
  return unknown_name("command", name, names);
}

/* ---- where the report goes ----------------------------------------------------------------------------------------- */

typedef struct output {
  const char *option, *path; /* path NULL: not asked for; "-": standard output, where it takes the table's place */
  void (*write)(FILE *file, const report *r);
  const report *r;
} output;

static void write_output(FILE *file, const void *user) {
  const output *o = user;
  o->write(file, o->r);
}

static int run_command(const bench_command *command, const settings *options) {
  report r;
  const output outputs[] = { { "--json", options->json, report_json, &r },
                             { "--csv", options->csv, report_csv, &r },
                             { "--markdown", options->markdown, report_markdown, &r },
                             { "--html", options->html, report_html, &r } };
  enum { OUTPUTS = sizeof outputs / sizeof *outputs };
  const char *owner = NULL;
  int code = EXIT_OK;
  for (int i = 0; i < OUTPUTS && !code; i++) {
    if (!outputs[i].path) continue;
    code = check_writable(outputs[i].option, outputs[i].path);
    if (strcmp(outputs[i].path, "-") != 0) continue;
    if (owner) return wrong_usage("%s and %s cannot both go to standard output: name a file", owner, outputs[i].option);
    owner = outputs[i].option;
  }
  if (code) return code;
  watch_interrupts();
  report_begin(&r, command->name);
  code = command->run(options, &r);
  report_end(&r);
  progress(options, NULL);
  bool told = code == EXIT_OK || code == EXIT_SLOWER;
  const bool in_vain = told && !r.results.count && !interrupted();
  /* Files first: who reads the table may be gone, and the signal of that ends the program. */
  for (int i = 0; i < OUTPUTS && told; i++) {
    int written = outputs[i].path ? write_file(outputs[i].path, write_output, &outputs[i]) : EXIT_OK;
    if (written) code = written;
  }
  /* Markdown is for people too: no need for both. */
  if (told && !(owner && strcmp(owner, "--markdown") == 0)) report_print(owner ? stderr : stdout, &r);
  report_release(&r);
  if (in_vain) {
    fflush(stdout);
    code = failed("nothing was measured: all that was asked for is refused");
  }
  return code == EXIT_OK && interrupted() ? EXIT_SIGNAL + 2 : code;
}

static int run(int count, char **arguments) {
  if (count < 2) {
    print_help();
    return wrong_usage("a command is missing; write for example `lamina-bench train --help`");
  }
  const char *name = arguments[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return print_help(), 0;
  if (strcmp(name, "--version") == 0) return printf("lamina-bench %s\n", lam_version()), 0;
  const bench_command *command = find_command(name);
  if (!command) return unknown_command(name);
  settings options;
  int code = parse_options(command, count - 2, arguments + 2, &options);
  if (code) return code;
  if (options.help) return print_command_help(command), 0;
  machine_clean_environment(arguments, options.as_is);
  return options.worker ? run_worker(&options) : run_command(command, &options);
}

int main(int count, char **arguments) {
  int code = run(count, arguments);
  /* A full disk behind a redirection must not look like success. */
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK)
    return failed("cannot write to standard output: %s", strerror(errno));
  return code;
}
