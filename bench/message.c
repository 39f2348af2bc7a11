/* SPDX-License-Identifier: MIT
 *
 * One sentence on stderr for everything that goes wrong, and a line of progress.
 */
#include "bench/bench.h"
#include <stdarg.h>
#include <unistd.h>

static void say(const char *format, va_list arguments) {
  fflush(stdout);
  fputs("lamina-bench: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
}

int wrong_usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
  return EXIT_USAGE;
}

int failed(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
  return EXIT_FAILED;
}

int unknown_name(const char *what, const char *name, lam_names names) {
  lam_context sentence = { 0 }; /* only a place for the sentence: nothing is made from it */
  lam_name_unknown(&sentence, what, name, names);
  return wrong_usage("%s", sentence.message);
}

int library_failed(const lam_context *context) {
  lam_status status = lam_error_status(context);
  bool usage = status == LAM_UNKNOWN_NAME || status == LAM_INVALID_ARGUMENT;
  return usage ? wrong_usage("%s", lam_error_message(context)) : failed("%s", lam_error_message(context));
}

void progress(const settings *options, const char *format, ...) {
  if (options->quiet || !isatty(STDERR_FILENO)) return;
  fputs("\r\033[K", stderr);
  if (!format) return;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fflush(stderr);
}
