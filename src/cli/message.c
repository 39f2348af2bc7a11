/* SPDX-License-Identifier: MIT
 *
 * One sentence on stderr for everything that goes wrong.
 */
#include "cli/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *place_file;
static size_t place_line;

void speak_of(const char *file, size_t line) {
  place_file = file;
  place_line = line;
}

static void say(const char *format, va_list arguments) {
  fflush(stdout);
  fprintf(stderr, "%s: ", program_invocation_short_name);
  if (place_file) fprintf(stderr, "%s:%zu: ", place_file, place_line);
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

void warn(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
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
