/* SPDX-License-Identifier: MIT
 *
 * Exit codes and sentences on stderr, the same for every program of the project: each begins with the program's name.
 */
#ifndef LAM_CLI_MESSAGE_H
#define LAM_CLI_MESSAGE_H

#include "base/names.h"

/* Documented by --help. A run ended by a signal gives 128 and the signal's number: 130 for Ctrl-C. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

/* Print the name of the program and a sentence, and return the exit code: of a wrong command line, or of a failure. */
int wrong_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
int failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Sentences begin with the place of a line in a file from now on, "run.ini:3: "; NULL: no longer. */
void speak_of(const char *file, size_t line);
/* There is no such name; the nearest ones are. `what` is "command". */
int unknown_name(const char *what, const char *name, lam_names names);
/* The library's last failure. */
int library_failed(const lam_context *context);

#endif
