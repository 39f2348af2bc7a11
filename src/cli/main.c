/* SPDX-License-Identifier: MIT
 *
 * The program `lamina`: everything the library does, from a terminal. This file has the table of commands.
 */
#include "cli/cli.h"
#include <errno.h>
#include <string.h>

const cli_command cli_commands[] = {
  { "train", TRAIN, "--data NAME --layers LIST --loss NAME [options]", "train a network on a data set",
    "Trains a network of dense layers, tells how it goes, and evaluates it on the data set's test part. Labels are turned into\n"
    "one-hot rows where the loss needs dense targets. Ctrl-C ends the training after the step that runs, saves what is needed "
    "to\n"
    "go on, and prints the command that does; the training then ends in the same bits as one that was not interrupted.\n"
    "With binary_crossentropy on several outputs, accuracy is that of the largest output, and binary accuracy that of each\n"
    "output on its side of 0.5.",
    "  lamina train --data fashion-mnist --layers 256:relu,15:softmax \\\n"
    "    --loss sparse_categorical_crossentropy --optimizer adam --epochs 5 --batch 32 --save fashion.safetensors\n"
    "  lamina train --data digits --layers 25:relu,15:relu,10 --from-logits --held-out 0.25 --seed 1 \\\n"
    "    --loss sparse_categorical_crossentropy --optimizer adam --epochs 100 --json history.json --plot curve.svg\n"
    "  lamina train --data digits --only 0,1 --layers 1:sigmoid --loss binary_crossentropy --epochs 20\n"
    "  lamina train --data mnist --layers 512:relu,10:softmax --loss mean_squared_error \\\n"
    "    --optimizer rmsprop --optimizer-option epsilon_outside=1 --batch 128 --epochs 5\n"
    "  lamina train --data fashion-mnist --layers 256:relu,15:softmax --loss sparse_categorical_crossentropy \\\n"
    "    --validation-split 0.1 --epochs 100 --early-stopping 5 --reduce-lr 0.5:2 --save-best best.safetensors --csv-log log.csv\n"
    "  lamina train --resume fashion.safetensors --data fashion-mnist --epochs 5\n",
    run_train },
  { "evaluate", EVALUATE, "--model FILE --data NAME [options]", "loss, accuracy and confusion of a saved model",
    "Loads a model and prints its loss, its accuracy with the accuracy's standard error, and the confusion matrix with "
    "precision\n"
    "and recall, on the data set's test part (or on the part named: --data mnist/train).",
    "  lamina evaluate --model fashion.safetensors --data fashion-mnist\n"
    "  lamina evaluate --model fashion.safetensors --data fashion-mnist/train --confusion=no --json\n"
    "  lamina evaluate --model fashion.safetensors --data fashion-mnist --plot-mistakes mistakes.svg\n",
    run_evaluate },
  { "predict", PREDICT, "--model FILE --data NAME [options]", "what a saved model gives, as CSV",
    "Loads a model and prints a header and, for each row of the data set's test part (or of the part named), what the network\n"
    "gives; or its probabilities, or its class. Numbers have the digits that are needed to read the same bits again.",
    "  lamina predict --model fashion.safetensors --data fashion-mnist --classes --output classes.csv\n"
    "  lamina predict --model fashion.safetensors --data fashion-mnist/test --probabilities\n",
    run_predict },
  { "summary", SUMMARY, "--model FILE | --layers LIST [options]", "the layers of a network, as Keras prints them",
    "Prints the table of Keras's summary(): layers, shapes, parameters; of a model in a file, or of the layers written here, "
    "for\n"
    "which --data or --input tells the shape of a row. Of an interrupted training also the optimizer's numbers are counted.",
    "  lamina summary --model fashion.safetensors\n"
    "  lamina summary --layers 256:relu,15:softmax --input 28x28\n"
    "  lamina summary --model fashion.safetensors --dot | dot -Tsvg >network.svg\n"
    "  lamina summary --model fashion.safetensors --plot-weights weights.svg\n",
    run_summary },
  { "data", DATA, "--data NAME [options]", "what a data set holds",
    "Prints for each part of a data set its rows, their shape, type and range, and how many rows each class has. --draw shows\n"
    "pictures, in grey on a terminal, in letters elsewhere.",
    "  lamina data --data digits --draw 3\n"
    "  lamina data --data fashion-mnist --data-dir /usr/share/datasets\n",
    run_data },
  { "fold", FOLD, "--model FILE --save FILE", "make one layer of dense layers that have no activation between them",
    "Dense layers one after the other without an activation in between compute what one dense layer computes: W = W1 W2 and\n"
    "b = b1 W2 + b2. Writes that model.",
    "  lamina fold --model deep.safetensors --save folded.safetensors\n", run_fold },
  { "gradcheck", GRADCHECK, "--data NAME --model FILE | --layers LIST --loss NAME [options]",
    "compare gradients with an independent computation",
    "Compares the gradients that training would use on a batch with central differences of the loss, which another, plain\n"
    "program in double precision computes. Prints the largest deviation and the bound that rounding allows; exit status 1 where\n"
    "it is exceeded.",
    "  lamina gradcheck --data digits --layers 25:relu,10 --loss sparse_categorical_crossentropy --from-logits\n"
    "  lamina gradcheck --data fashion-mnist --model fashion.safetensors --samples 20\n",
    run_gradcheck },
  { "gemm", GEMM, "[options]", "the backends of matrix products on this machine",
    "Lists the BLAS libraries that are found, what they say they are, and how fast each is at one product; each is loaded, "
    "vetted\n"
    "and timed in a process of its own. LAMINA_GEMM_PATH adds libraries and folders of libraries, separated by colons.",
    "  lamina gemm --json gemm.json\n"
    "  LAMINA_GEMM_PATH=$HOME/lib/libopenblas.so lamina gemm\n"
    "  lamina gemm --vet native\n",
    run_gemm },
  { NULL, 0, NULL, NULL, NULL, NULL, NULL },
};

const char exit_status_text[] =
    "Exit status: 0 done; 1 failed (data, files, numbers); 2 the command line is wrong; 130 ended by Ctrl-C, 143 by SIGTERM.";

static void print_help(void) {
  puts("Usage: lamina COMMAND [options]\n\nTrains and examines dense neural networks on the CPU.\n\nCommands:");
  for (const cli_command *command = cli_commands; command->name; command++)
    printf("  %-10s %s\n", command->name, command->summary);
  puts("\n  --help     this text; `lamina COMMAND --help` tells a command's options, with examples\n"
       "  --version  the version\n");
  puts(exit_status_text);
}

const cli_command *find_command(const char *name) {
  for (const cli_command *command = cli_commands; command->name; command++)
    if (strcmp(command->name, name) == 0) return command;
  return NULL;
}

static int unknown_command(const char *name) {
  const char *names[sizeof cli_commands / sizeof *cli_commands] = { 0 };
  for (size_t i = 0; cli_commands[i].name; i++) names[i] = cli_commands[i].name;
  return unknown_name("command", name, names);
}

static int run(int count, char **arguments) {
  if (count < 2) {
    print_help();
    return wrong_usage("a command is missing; write for example `lamina train --help`");
  }
  const char *name = arguments[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && count == 2)) return print_help(), 0;
  if (strcmp(name, "--manual") == 0) return print_manual(), 0; /* the build makes lamina.1 of it */
  if (strcmp(name, "--version") == 0) return printf("lamina %s\n", lam_version()), 0;
  bool help = strcmp(name, "help") == 0;
  const cli_command *command = find_command(help ? arguments[2] : name);
  if (!command) return unknown_command(help ? arguments[2] : name);
  if (help) return print_command_help(command), 0;
  static settings options;
  int code = parse_options(command, count - 2, arguments + 2, &options);
  if (code) return code;
  if (options.help) return print_command_help(command), 0;
  if (options.print_config) return print_config(command, &options);
  return command->run(&options);
}

int main(int count, char **arguments) {
  int code = run(count, arguments);
  /* A full disk behind a redirection must not look like success. */
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK)
    return failed("cannot write to standard output: %s", strerror(errno));
  return code;
}
