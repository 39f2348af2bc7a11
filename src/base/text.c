/* SPDX-License-Identifier: MIT
 *
 * Numbers as text, the same in every locale. The C library converts correctly but writes and reads the locale's decimal
 * separator; so it is only ever shown numbers without one: an integer and an exponent, as in 12345e-7.
 */
#include "base/context.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* digits * 10^exponent */
typedef struct decimal {
  uint64_t digits;
  int exponent;
} decimal;

/* `value` > 0 rounded to `precision` significant digits, 17 at most. */
static decimal round_decimal(double value, int precision) {
  char text[64];
  snprintf(text, sizeof text, "%.*e", precision - 1, value);
  decimal d = { 0 };
  const char *c = text;
  for (; *c != 'e'; ++c)
    if (is_digit(*c)) d.digits = d.digits * 10 + (uint64_t)(*c - '0'); // skips the separator
  d.exponent = (int)strtol(c + 1, NULL, 10) - (precision - 1);
  return d;
}

static bool reads_back(decimal d, double value, bool single) {
  char text[64];
  snprintf(text, sizeof text, "%llue%d", (unsigned long long)d.digits, d.exponent);
  double read = strtod(text, NULL);
  // Both ways of reading a float must agree: at once, and through a double, as lam_parse_double makes its callers do.
  return single ? (float)read == (float)value && strtof(text, NULL) == (float)value : read == value;
}

/* The fewest digits that read back. Below a power of two, numbers are closer together than above it; there the nearest decimal
 * may miss on the near side while its upper neighbour hits on the far side. */
static decimal shortest_decimal(double value, bool single) {
  for (int precision = 1;; ++precision) {
    decimal d = round_decimal(value, precision);
    decimal up = { d.digits + 1, d.exponent };
    if (precision == 17 || reads_back(d, value, single)) return d;
    if (reads_back(up, value, single)) return up;
  }
}

/* As Python writes it: plainly where the first digit stands for 10^-4 to 10^15, else with an exponent. */
static void write_decimal(char *buffer, decimal d) {
  while (d.digits % 10 == 0) d.digits /= 10, ++d.exponent;
  char digits[24];
  int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)d.digits);
  int point = count + d.exponent; // the decimal point stands after this many digits
  if (point < -3 || point > 16) {
    *buffer++ = digits[0];
    if (count > 1) *buffer++ = '.';
    memcpy(buffer, digits + 1, (size_t)(count - 1));
    snprintf(buffer + count - 1, 13, "e%d", point - 1);
    return;
  }
  if (point <= 0) {
    *buffer++ = '0';
    *buffer++ = '.';
  }
  for (int i = point; i < 0; ++i) *buffer++ = '0';
  for (int i = 0; i < count; ++i) {
    if (i == point && i > 0) *buffer++ = '.';
    *buffer++ = digits[i];
  }
  for (int i = count; i < point; ++i) *buffer++ = '0';
  *buffer = 0;
}

static char *format_number(char buffer[32], double value, bool single) {
  char *start = buffer;
  if (isnan(value)) return strcpy(buffer, "nan");
  if (signbit(value)) *buffer++ = '-';
  value = fabs(value);
  if (isinf(value)) return strcpy(buffer, "inf"), start;
  if (value == 0) return strcpy(buffer, "0"), start;
  write_decimal(buffer, shortest_decimal(value, single));
  return start;
}

char *lam_format_double(char buffer[32], double value) {
  lam_fp_mode mode = lam_fp_enter();
  format_number(buffer, value, false);
  lam_fp_leave(mode);
  return buffer;
}

char *lam_format_float(char buffer[32], float value) {
  lam_fp_mode mode = lam_fp_enter();
  format_number(buffer, (double)value, true);
  lam_fp_leave(mode);
  return buffer;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* 767 significant digits decide how any decimal rounds to a double; what follows only matters as being zero or not. */
enum { DECIDING_DIGITS = 768 };

/* What was read so far: the digits without leading zeros, and the power of ten that they are to be multiplied with. */
typedef struct number {
  char digits[DECIDING_DIGITS + 32];
  size_t count;
  int64_t exponent;
  bool any, sticky; // sticky: a digit that was dropped is not zero
} number;

/* Takes the digits at `text`; `shift` is what each adds to the exponent: 0 before the point, -1 after it. */
static const char *take_digits(number *n, const char *text, const char *end, int shift) {
  for (; text < end && is_digit(*text); ++text) {
    n->any = true;
    if (n->count == 0 && *text == '0') {
      n->exponent += shift;
    } else if (n->count < DECIDING_DIGITS) {
      n->digits[n->count++] = *text;
      n->exponent += shift;
    } else {
      n->sticky |= *text != '0';
      n->exponent += shift + 1;
    }
  }
  return text;
}

/* An exponent, where a whole one is there: 'e', a sign perhaps, digits. */
static const char *take_exponent(number *n, const char *text, const char *end) {
  const char *c = text;
  if (c == end || (*c != 'e' && *c != 'E')) return text;
  ++c;
  bool negative = c < end && *c == '-';
  if (c < end && (*c == '-' || *c == '+')) ++c;
  if (c == end || !is_digit(*c)) return text;
  int64_t exponent = 0;
  for (; c < end && is_digit(*c); ++c)
    if (exponent < INT64_MAX / 100) exponent = exponent * 10 + (*c - '0');
  n->exponent += negative ? -exponent : exponent;
  return c;
}

static double number_value(number *n) {
  if (n->count == 0) return 0;
#if FLT_EVAL_METHOD == 0
  // Clinger, "How to read floating point numbers accurately", PLDI 1990: both factors are exact, so one operation rounds once.
  static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
  if (n->count <= 15 && n->exponent >= -22 && n->exponent <= 22) {
    int64_t integer = 0;
    for (size_t i = 0; i < n->count; ++i) integer = integer * 10 + (n->digits[i] - '0');
    return n->exponent < 0 ? (double)integer / powers[-n->exponent] : (double)integer * powers[n->exponent];
  }
#endif
  if (n->sticky) {
    n->digits[n->count++] = '1';
    --n->exponent;
  }
  // Beyond these every number of up to DECIDING_DIGITS + 1 digits is infinite or zero.
  int exponent = n->exponent > 400 ? 400 : n->exponent < -1200 ? -1200 : (int)n->exponent;
  snprintf(n->digits + n->count, sizeof n->digits - n->count, "e%d", exponent);
  return strtod(n->digits, NULL);
}

static const char *parse_word(const char *text, const char *end, const char *word, double meaning, double *value) {
  size_t size = strlen(word);
  if ((size_t)(end - text) < size || memcmp(text, word, size) != 0) return text;
  *value = meaning;
  return text + size;
}

const char *lam_parse_double(const char *text, const char *end, double *value) {
  const char *c = parse_word(text, end, "nan", (double)NAN, value);
  if (c == text) c = parse_word(text, end, "inf", (double)INFINITY, value);
  if (c == text) c = parse_word(text, end, "-inf", -(double)INFINITY, value);
  if (c != text) return c;

  bool negative = c < end && *c == '-';
  if (c < end && (*c == '-' || *c == '+')) ++c;
  if (end - c >= 2 && c[0] == '0' && (c[1] == 'x' || c[1] == 'X')) return text;
  number n; // not zeroed as a whole: the digits are long and a table has many numbers
  n.count = 0;
  n.exponent = 0;
  n.any = n.sticky = false;
  c = take_digits(&n, c, end, 0);
  if (c < end && *c == '.') c = take_digits(&n, c + 1, end, -1);
  if (!n.any) return text;
  c = take_exponent(&n, c, end);

  lam_fp_mode mode = lam_fp_enter();
  double magnitude = number_value(&n);
  *value = negative ? -magnitude : magnitude; // stored before the mode goes, so that no compiler computes it after
  lam_fp_leave(mode);
  return c;
}
