/* SPDX-License-Identifier: MIT
 *
 * A line of progress on a terminal.
 */
#include "bench/bench.h"
#include <stdarg.h>
#include <unistd.h>

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
