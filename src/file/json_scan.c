/* SPDX-License-Identifier: MIT
 *
 * The JSON scanner: tokens out of bytes, with strings unescaped in place.
 */
#include "file/json.h"
#include <string.h>

lam_json_scanner lam_json_scan(char *text, size_t size) {
  return (lam_json_scanner){ .start = text, .at = text, .end = text + size, .text = text };
}

static char fail_at(lam_json_scanner *s, char *at, const char *error) {
  s->text = at;
  s->size = 0;
  s->error = error;
  return s->token = '!';
}

lam_status lam_json_fail(lam_context *context, const char *what, const lam_json_scanner *s, const char *reason) {
  size_t byte = (size_t)(s->text - s->start) - (s->token == 's'); // of a string its opening quote
  return lam_fail(context, LAM_FORMAT, "%s: byte %zu: %s", what, byte, s->error ? s->error : reason);
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

static size_t put_utf8(char *to, uint32_t point) {
  if (point < 0x80) return to[0] = (char)point, 1;
  if (point < 0x800) return to[0] = (char)(0xc0 | point >> 6), to[1] = (char)(0x80 | (point & 0x3f)), 2;
  size_t size = point < 0x10000 ? 3 : 4;
  to[0] = (char)((size == 3 ? 0xe0 : 0xf0) | point >> 6 * (size - 1));
  for (size_t i = 1; i < size; ++i) to[i] = (char)(0x80 | (point >> 6 * (size - 1 - i) & 0x3f));
  return size;
}

/* The four hexadecimal digits at `at`, or -1. */
static int32_t hex4(const char *at, const char *end) {
  if (end - at < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    char c = at[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* Decodes the \u escape whose digits start at s->at, with its second half where it is a surrogate; 0 where it is wrong. */
static uint32_t unicode_escape(lam_json_scanner *s) {
  int32_t first = hex4(s->at, s->end);
  if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff)) return 0;
  s->at += 4;
  if (first < 0xd800 || first > 0xdbff) return (uint32_t)first;
  if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u') return 0;
  int32_t second = hex4(s->at + 2, s->end);
  if (second < 0xdc00 || second > 0xdfff) return 0;
  s->at += 6;
  return 0x10000 + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
}

/* Decodes the escape after the backslash at s->at - 1 into `to`; returns the bytes written, 0 where it is wrong. */
static size_t unescape(lam_json_scanner *s, char *to) {
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  if (s->at == s->end) return 0;
  char c = *s->at++;
  if (c == 'u') {
    uint32_t point = unicode_escape(s);
    return point ? put_utf8(to, point) : 0;
  }
  const char *letter = c ? strchr(letters, c) : NULL;
  if (!letter) return 0;
  *to = meanings[letter - letters];
  return 1;
}

static char scan_string(lam_json_scanner *s) {
  char *to = ++s->at;
  s->text = to;
  while (s->at < s->end) {
    char *from = s->at;
    if (*from == '"') {
      s->size = (size_t)(to - s->text);
      *to = 0; // at the closing quote or before it
      ++s->at;
      return s->token = 's';
    }
    if ((unsigned char)*from < 0x20) return fail_at(s, from, "a control character in a string");
    if (*from == '\\') {
      ++s->at;
      size_t size = unescape(s, to);
      if (size == 0) return fail_at(s, from, "a wrong escape in a string");
      to += size;
      continue;
    }
    size_t size = lam_utf8_size(from, (size_t)(s->end - from));
    if (size == 0) return fail_at(s, from, "a string is not UTF-8");
    memmove(to, from, size);
    to += size;
    s->at += size;
  }
  return fail_at(s, s->end, "a string does not end");
}

/* ---- numbers and words ------------------------------------------------------------------------------------------- */

static char *skip_digits(char *at, const char *end) {
  while (at < end && *at >= '0' && *at <= '9') ++at;
  return at;
}

static char scan_number(lam_json_scanner *s) {
  char *at = s->at, *end = s->end;
  if (*at == '-') ++at;
  char *digits = at;
  at = skip_digits(at, end);
  if (at == digits) return fail_at(s, s->at, "a minus without a number");
  if (*digits == '0' && at - digits > 1) return fail_at(s, s->at, "a number that starts with 0");
  if (at < end && *at == '.') {
    digits = ++at;
    at = skip_digits(at, end);
    if (at == digits) return fail_at(s, s->at, "a number without digits after its point");
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    digits = at;
    at = skip_digits(at, end);
    if (at == digits) return fail_at(s, s->at, "a number without digits in its exponent");
  }
  s->text = s->at;
  s->size = (size_t)(at - s->at);
  s->at = at;
  return s->token = '0';
}

static char scan_word(lam_json_scanner *s) {
  static const char *const words[] = { "true", "false", "null" };
  for (int i = 0; i < 3; ++i) {
    size_t size = strlen(words[i]);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, words[i], size) != 0) continue;
    s->text = s->at;
    s->size = size;
    s->at += size;
    return s->token = words[i][0];
  }
  return fail_at(s, s->at, "something that is not JSON");
}

char lam_json_next(lam_json_scanner *s) {
  if (s->token == '!') return '!';
  while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r')) ++s->at;
  s->text = s->at;
  s->size = 0;
  if (s->at == s->end) return s->token = '.';
  char c = *s->at;
  if (c == '"') return scan_string(s);
  if (c == '-' || (c >= '0' && c <= '9')) return scan_number(s);
  if (!c || !strchr("{}[],:", c)) return scan_word(s);
  s->size = 1;
  ++s->at;
  return s->token = c;
}
