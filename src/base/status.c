/* SPDX-License-Identifier: MIT
 *
 * Status codes and sentences: how every failure of the library is told.
 */
#include "base/context.h"
#include <stdio.h>
#include <string.h>

const char *lam_version(void) {
#define LAM_TEXT(number) #number
#define LAM_DOTTED(major, minor, patch) LAM_TEXT(major) "." LAM_TEXT(minor) "." LAM_TEXT(patch)
  return LAM_DOTTED(LAM_VERSION_MAJOR, LAM_VERSION_MINOR, LAM_VERSION_PATCH);
}

const char *lam_status_text(lam_status status) {
  switch (status) {
#define LAM_X(name, number, text)                                                                                                \
  case LAM_##name: return text;
    LAM_STATUS_LIST(LAM_X)
#undef LAM_X
  }
  return "unknown status";
}

lam_status lam_error_status(const lam_context *context) { return context ? context->status : LAM_OUT_OF_MEMORY; }

const char *lam_error_message(const lam_context *context) {
  return context ? context->message : "no context could be made: out of memory";
}

size_t lam_utf8_size(const char *text, size_t left) {
  const unsigned char *at = (const unsigned char *)text;
  unsigned char c = at[0];
  if (c < 0x80) return 1;
  size_t size = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
  if (size == 0 || left < size) return 0;
  unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < size; ++i)
    if (at[i] < 0x80 || at[i] > 0xbf) return 0;
  return size;
}

bool lam_is_utf8(const char *text, size_t size) {
  size_t step = 1;
  for (; size && step; size -= step, text += step) step = lam_utf8_size(text, size);
  return step > 0;
}

size_t lam_utf8_prefix(const char *text, size_t limit) {
  size_t size = strnlen(text, limit + 1);
  if (size <= limit) return size;
  // A byte 10xxxxxx continues a character; one has three of them at most, more are not UTF-8 and may be cut anywhere.
  for (size_t back = 0; back < 4 && back <= limit; ++back)
    if (((unsigned char)text[limit - back] & 0xC0) != 0x80) return limit - back;
  return limit;
}

enum { MESSAGE_SIZE = sizeof((lam_context *)0)->message };

/* Formats into `message`, cutting what is too long between two characters. */
__attribute__((format(printf, 2, 0))) static void format_message(char message[MESSAGE_SIZE], const char *format,
                                                                 va_list arguments) {
  char text[MESSAGE_SIZE + 1]; // one more byte shows where a character that does not fit begins
  if (vsnprintf(text, sizeof text, format, arguments) < 0) text[0] = 0;
  size_t size = lam_utf8_prefix(text, MESSAGE_SIZE - 1);
  memcpy(message, text, size);
  message[size] = 0;
}

lam_status lam_fail(lam_context *context, lam_status status, const char *format, ...) {
  if (!context || context->unusable) return status;
  va_list arguments;
  va_start(arguments, format);
  format_message(context->message, format, arguments);
  va_end(arguments);
  return context->status = status;
}

void lam_log_line(lam_context *context, const char *format, ...) {
  if (!context || !context->log) return;
  char line[MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  format_message(line, format, arguments);
  va_end(arguments);
  context->log(context->log_user, line);
}
