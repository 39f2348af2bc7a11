/* SPDX-License-Identifier: MIT
 *
 * The help of a command and the page of the manual, both made from the tables of commands and options.
 */
#include "cli/cli.h"
#include <string.h>

void print_command_help(const cli_command *command) {
  printf("Usage: lamina %s %s\n\n%s\n\nOptions:\n", command->name, command->usage, command->description);
  print_options(cli_options, command->bit, 30);
  printf("\nExamples:\n%s\n%s\n", command->examples, exit_status_text);
}

/* ---- the manual ---- */

/* Text as troff takes it: dashes that can be copied, no line that begins as a request. */
static void put_text(const char *text) {
  bool begins = true;
  for (; *text; text++) {
    if (begins && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
    if (*text == '-')
      fputs("\\-", stdout);
    else if (*text == '\\')
      fputs("\\e", stdout);
    else
      putchar(*text);
    begins = *text == '\n';
  }
}

static void put_option(const cli_option *option) {
  fputs(".TP\n\\fB", stdout);
  put_text(option->name);
  fputs("\\fR", stdout);
  if (option->argument) printf(" \\fI%s\\fR", option->argument);
  putchar('\n');
  put_text(option->help);
  if (option->standard) printf(" (%s)", option->standard);
  putchar('\n');
  if (!option->names) return;
  fputs(".br\n", stdout);
  print_names(option->names);
}

static void put_command(const cli_command *command) {
  printf(".SS lamina %s\n\\fBlamina %s\\fR ", command->name, command->name);
  put_text(command->usage);
  fputs("\n.PP\n", stdout);
  put_text(command->description);
  putchar('\n');
  for (const cli_option *option = cli_options; option->name; option++)
    if (option->commands & command->bit) put_option(option);
  fputs(".PP\nExamples:\n.PP\n.nf\n", stdout);
  put_text(command->examples);
  fputs(".fi\n", stdout);
}

void print_manual(void) {
  printf(".\\\" Made by the program from its tables.\n.TH LAMINA 1 \"\" \"lamina %s\"\n"
         ".SH NAME\nlamina \\- train and examine dense neural networks on the CPU\n"
         ".SH SYNOPSIS\n\\fBlamina\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.br\n\\fBlamina\\fR \\-\\-help | \\-\\-version\n"
         ".SH COMMANDS\n",
         lam_version());
  for (const cli_command *command = cli_commands; command->name; command++) put_command(command);
  fputs(".SH FILES OF OPTIONS\n", stdout);
  put_text(
      "--config FILE takes options from a file of lines such as \"epochs = 5\"; empty lines and those that begin with # or ;\n"
      "are passed over. Options under a line [train] are for that command alone, those before any such line for every\n"
      "command that has them. What stands on the command line wins. --print-config writes such a file.\n");
  fputs(".SH EXIT STATUS\n", stdout);
  put_text(exit_status_text);
  fputs("\n.SH ENVIRONMENT\n.TP\n\\fBLAMINA_DATA\\fR\nwhere named data sets are looked for first\n"
        ".TP\n\\fBLAMINA_ISA\\fR\nthe highest instruction set to be used: avx512, avx2, neon, portable\n"
        ".TP\n\\fBLAMINA_GEMM\\fR\nthe backend of matrix products where \\-\\-gemm names none\n",
        stdout);
}
