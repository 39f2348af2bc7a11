/* SPDX-License-Identifier: MIT
 *
 * The JSON writer.
 */
#include "file/json.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void lam_json_put_raw(lam_json_writer *w, const char *bytes, size_t size) {
  size_t needed;
  if (w->status || size == 0) return;
  if (__builtin_add_overflow(w->size, size, &needed)) {
    w->status = lam_fail(w->context, LAM_OUT_OF_MEMORY, "out of memory: a JSON text is too long");
    return;
  }
  void *memory = w->text;
  w->status = lam_grow(w->context, &memory, &w->capacity, needed, 1);
  w->text = memory;
  if (w->status) return;
  memcpy(w->text + w->size, bytes, size);
  w->size = needed;
}

static void put_word(lam_json_writer *w, const char *word) { lam_json_put_raw(w, word, strlen(word)); }

/* Before each value and key: a comma, where something stands before it in the same container. */
static void separate(lam_json_writer *w) {
  if (w->comma) put_word(w, ",");
  w->comma = true;
}

void lam_json_open(lam_json_writer *w, char bracket) {
  separate(w);
  lam_json_put_raw(w, &bracket, 1);
  w->comma = false;
}

void lam_json_close(lam_json_writer *w, char bracket) {
  lam_json_put_raw(w, &bracket, 1);
  w->comma = true;
}

static void put_quoted(lam_json_writer *w, const char *text, size_t size) {
  static const char specials[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  put_word(w, "\"");
  size_t begin = 0;
  for (size_t i = 0; i < size; ++i) {
    char c = text[i], escape[8];
    if ((unsigned char)c >= 0x20 && c != '"' && c != '\\') continue;
    const char *special = c ? strchr(specials, c) : NULL;
    if (special)
      snprintf(escape, sizeof escape, "\\%c", letters[special - specials]);
    else
      snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
    lam_json_put_raw(w, text + begin, i - begin);
    put_word(w, escape);
    begin = i + 1;
  }
  lam_json_put_raw(w, text + begin, size - begin);
  put_word(w, "\"");
}

void lam_json_key(lam_json_writer *w, const char *key) {
  separate(w);
  put_quoted(w, key, strlen(key));
  put_word(w, ":");
  w->comma = false;
}

void lam_json_put_string(lam_json_writer *w, const char *text, size_t size) {
  separate(w);
  put_quoted(w, text, size);
}

void lam_json_put_text(lam_json_writer *w, const char *text) { lam_json_put_string(w, text, strlen(text)); }

/* The context's formats are JSON's but for what JSON lacks, which stands as a string. */
static void put_number(lam_json_writer *w, const char *digits, bool finite) {
  if (!finite) {
    lam_json_put_text(w, digits);
    return;
  }
  separate(w);
  put_word(w, digits);
}

void lam_json_put_double(lam_json_writer *w, double value) {
  char buffer[32];
  put_number(w, lam_format_double(buffer, value), isfinite(value));
}

void lam_json_put_float(lam_json_writer *w, float value) {
  char buffer[32];
  put_number(w, lam_format_float(buffer, value), isfinite(value));
}

void lam_json_put_integer(lam_json_writer *w, uint64_t value) {
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%llu", (unsigned long long)value);
  put_number(w, buffer, true);
}

void lam_json_put_flag(lam_json_writer *w, bool value) { put_number(w, value ? "true" : "false", true); }

void lam_json_writer_release(lam_json_writer *w) {
  lam_release(w->context, w->text, w->capacity);
  w->text = NULL;
  w->size = w->capacity = 0;
}
