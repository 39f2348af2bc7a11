/* SPDX-License-Identifier: MIT
 *
 * The program `lamina`: everything the library does, from a terminal. This file has the table of commands.
 */
#include "cli/cli.h"
#include <errno.h>
#include <string.h>

static const cli_command commands[] = {
  { "train", TRAIN, "--data NAME --layers LIST --loss NAME [options]", "train a network on a data set",
    "Trains a network of dense layers, tells how it goes, and evaluates it on the data set's test part. Labels are turned into\n"
    "one-hot rows where the loss needs dense targets. Ctrl-C ends the training after the step that runs, and saves.",
    "  lamina train --data fashion-mnist --layers 256:relu,15:softmax \\\n"
    "    --loss sparse_categorical_crossentropy --optimizer adam --epochs 5 --batch 32 --save fashion.safetensors\n"
    "  lamina train --data digits --layers 25:relu,15:relu,10 --from-logits \\\n"
    "    --loss sparse_categorical_crossentropy --optimizer adam --epochs 100 --json history.json\n"
    "  lamina train --data mnist --layers 512:relu,10:softmax --loss mean_squared_error \\\n"
    "    --optimizer rmsprop --optimizer-option epsilon_outside=1 --batch 128 --epochs 5\n",
    run_train },
  { "evaluate", EVALUATE, "--model FILE --data NAME [options]", "loss and accuracy of a saved model",
    "Loads a model and prints its loss and its accuracy, with the accuracy's standard error, on the data set's test part (or on\n"
    "the part named: --data mnist/train).",
    "  lamina evaluate --model fashion.safetensors --data fashion-mnist\n", run_evaluate },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void) {
  puts("Usage: lamina COMMAND [options]\n\nTrains and examines dense neural networks on the CPU.\n\nCommands:");
  for (size_t i = 0; i < COMMANDS; i++) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  puts("\n  --help     this text; `lamina COMMAND --help` tells a command's options, with examples\n"
       "  --version  the version\n\n"
       "Exit status: 0 done; 1 failed (data, files, numbers); 2 the command line is wrong; 130 ended by Ctrl-C, 143 by SIGTERM.");
}

static const cli_command *find_command(const char *name) {
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

static int unknown_command(const char *name) {
  const char *names[COMMANDS + 1] = { 0 };
  for (size_t i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
  return unknown_name("command", name, names);
}

static int run(int count, char **arguments) {
  if (count < 2) {
    print_help();
    return wrong_usage("a command is missing; write for example `lamina train --help`");
  }
  const char *name = arguments[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && count == 2)) return print_help(), 0;
  if (strcmp(name, "--version") == 0) return printf("lamina %s\n", lam_version()), 0;
  bool help = strcmp(name, "help") == 0;
  const cli_command *command = find_command(help ? arguments[2] : name);
  if (!command) return unknown_command(help ? arguments[2] : name);
  if (help) return print_command_help(command), 0;
  settings options;
  int code = parse_options(command, count - 2, arguments + 2, &options);
  if (code) return code;
  if (options.help) return print_command_help(command), 0;
  return command->run(&options);
}

int main(int count, char **arguments) {
  int code = run(count, arguments);
  /* A full disk behind a redirection must not look like success. */
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK)
    return failed("cannot write to standard output: %s", strerror(errno));
  return code;
}
