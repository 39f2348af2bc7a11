/* SPDX-License-Identifier: MIT
 *
 * Names and options as data. An unknown name is answered with those that are nearest to it, counted in typing mistakes.
 */
#include "base/names.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int find_exactly(lam_names names, const char *name) {
  for (int i = 0; names[i]; ++i)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}

int lam_name_find(lam_names names, const char *name) {
  static const char *const short_names[][2] = {
    { "mse", "mean_squared_error" },
    { "mae", "mean_absolute_error" },
    { "mape", "mean_absolute_percentage_error" },
    { "msle", "mean_squared_logarithmic_error" },
    { "bce", "binary_crossentropy" },
    { "kld", "kl_divergence" },
  };
  if (!name) return -1;
  int found = find_exactly(names, name);
  for (size_t i = 0; found < 0 && i < sizeof short_names / sizeof *short_names; ++i)
    if (strcmp(short_names[i][0], name) == 0) return find_exactly(names, short_names[i][1]);
  return found;
}

/* ---- unknown names ----------------------------------------------------------------------------------------------- */

enum { COMPARED = 48, OFFERED = 3, QUOTED = 64 };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static int smaller(int a, int b) { return a < b ? a : b; }

/* The Damerau-Levenshtein distance: how many letters to insert, delete, replace or swap with their neighbour, no letter twice
 * ("optimal string alignment"), ignoring case. Names are compared up to COMPARED bytes. */
static int name_distance(const char *a, const char *b) {
  int a_size = (int)strnlen(a, COMPARED), b_size = (int)strnlen(b, COMPARED);
  int rows[3][COMPARED + 1]; // of the table whose entry i, j is the distance of the first i letters of a and j of b
  for (int j = 0; j <= b_size; ++j) rows[0][j] = j;
  for (int i = 1; i <= a_size; ++i) {
    int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (int j = 1; j <= b_size; ++j) {
      bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + !same);
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = smaller(row[j], two_above[j - 2] + 1);
    }
  }
  return rows[a_size % 3][b_size];
}

/* Text that is put together piece by piece and ends where the room does. */
typedef struct sentence {
  char text[512];
  size_t size;
} sentence;

static void append(sentence *s, const char *text) {
  size_t size = lam_utf8_prefix(text, sizeof s->text - 1 - s->size);
  memcpy(s->text + s->size, text, size);
  s->text[s->size += size] = 0;
}

/* The names at most a third of `name`'s letters away (two at least), nearest first; returns how many. */
static int nearest_names(int nearest[OFFERED], const char *name, lam_names names) {
  int distances[OFFERED], count = 0;
  int limit = (int)strnlen(name, COMPARED) / 3;
  if (limit < 2) limit = 2;
  for (int i = 0; names[i]; ++i) {
    int distance = name_distance(name, names[i]);
    // Two mistakes in a name of two letters leave nothing of it.
    if (distance > limit || distance >= (int)strnlen(names[i], COMPARED)) continue;
    int at = count;
    while (at > 0 && distances[at - 1] > distance) --at;
    if (at == OFFERED) continue;
    if (count < OFFERED) ++count;
    for (int j = count - 1; j > at; --j) distances[j] = distances[j - 1], nearest[j] = nearest[j - 1];
    distances[at] = distance;
    nearest[at] = i;
  }
  return count;
}

/* `complaint "name"; the nearest are a, b (all: a, b, c)`, as the status LAM_UNKNOWN_NAME. */
static lam_status fail_unknown(lam_context *context, const char *complaint, const char *name, lam_names names) {
  sentence s = { .size = 0 };
  int nearest[OFFERED], count = nearest_names(nearest, name, names);
  for (int i = 0; i < count; ++i) {
    append(&s, i ? ", " : count == 1 ? "; the nearest is " : "; the nearest are ");
    append(&s, names[nearest[i]]);
  }
  for (int i = 0; names[i]; ++i) {
    append(&s, i ? ", " : " (all: ");
    append(&s, names[i]);
  }
  append(&s, names[0] ? ")" : " (there are none)");
  size_t quoted = lam_utf8_prefix(name, QUOTED);
  return lam_fail(context, LAM_UNKNOWN_NAME, "%s \"%.*s%s\"%s", complaint, (int)quoted, name, name[quoted] ? "..." : "", s.text);
}

lam_status lam_name_unknown(lam_context *context, const char *what, const char *name, lam_names names) {
  sentence complaint = { .size = 0 };
  append(&complaint, "there is no ");
  append(&complaint, what);
  return fail_unknown(context, complaint.text, name ? name : "", names);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static bool parse_float(const char *text, float *value) {
  double number;
  const char *end = text + strlen(text);
  if (end == text || lam_parse_double(text, end, &number) != end) return false;
  if (!(fabs(number) <= (double)FLT_MAX)) return false;
  *value = (float)number;
  if (*value == 0) *value = LAM_ZERO; // in options, zero would mean the default
  return true;
}

static bool parse_integer(const char *text, uint64_t maximum, uint64_t *value) {
  uint64_t number = 0;
  if (!*text) return false;
  for (; *text; ++text) {
    if (*text < '0' || *text > '9') return false;
    if (__builtin_mul_overflow(number, 10, &number)) return false;
    if (__builtin_add_overflow(number, (uint64_t)(*text - '0'), &number)) return false;
  }
  *value = number;
  return number <= maximum;
}

static bool parse_size(const char *text, size_t *value) {
  uint64_t number;
  if (!parse_integer(text, SIZE_MAX, &number)) return false;
  *value = (size_t)number;
  return true;
}

static bool parse_int32(const char *text, int32_t *value) {
  bool negative = *text == '-';
  uint64_t number;
  if (!parse_integer(text + negative, (uint64_t)INT32_MAX + negative, &number)) return false;
  *value = (int32_t)(negative ? -(int64_t)number : (int64_t)number);
  return true;
}

static bool parse_flag(const char *text, bool *value) {
  static const char *const words[] = { "0", "1", "false", "true", NULL };
  int word = lam_name_find(words, text);
  if (word >= 0) *value = word % 2 == 1;
  return word >= 0;
}

/* "28x28" */
static bool parse_shape(const char *text, lam_shape *shape) {
  lam_shape read = { { 0 }, 0 };
  char number[24];
  while (read.rank < LAM_MAX_RANK) {
    size_t length = strcspn(text, "x");
    if (length == 0 || length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!parse_size(number, &read.size[read.rank++])) return false;
    if (!text[length]) return *shape = read, true;
    text += length + 1;
  }
  return false;
}

/* "0,-1" */
static bool parse_axes(const char *text, lam_axes *axes) {
  lam_axes read = { { 0 }, 0 };
  while (read.count < LAM_MAX_RANK) {
    bool negative = *text == '-';
    text += negative;
    if (*text < '0' || *text > '9') return false;
    int axis = *text++ - '0';
    read.axis[read.count++] = negative ? -axis : axis;
    if (!*text) return *axes = read, true;
    if (*text++ != ',') return false;
  }
  return false;
}

/* "0.1,0.01" */
static bool parse_list(const char *text, lam_numbers *list) {
  lam_numbers read = { { 0 }, 0 };
  while (read.count < LAM_MOST_NUMBERS) {
    double number;
    size_t length = strcspn(text, ",");
    if (!length || lam_parse_double(text, text + length, &number) != text + length || !(fabs(number) <= (double)FLT_MAX))
      return false;
    read.value[read.count++] = (float)number;
    if (!text[length]) return *list = read, true;
    text += length + 1;
  }
  return false;
}

static lam_status parse_enum(lam_context *context, const char *what, const lam_field *field, void *place, const char *text) {
  int value = lam_name_find(field->names, text);
  if (value >= 0) {
    memcpy(place, &value, sizeof value);
    return LAM_OK;
  }
  sentence complaint = { .size = 0 };
  const char *parts[] = { "the ", what, " \"", field->name, "\" cannot be" };
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i) append(&complaint, parts[i]);
  return fail_unknown(context, complaint.text, text, field->names);
}

static lam_status fail_field(lam_context *context, const char *what, const lam_field *fields, const char *name) {
  const char *names[64];
  size_t count = 0;
  for (; fields[count].name && count < 63; ++count) names[count] = fields[count].name;
  names[count] = NULL;
  return lam_name_unknown(context, what, name, names);
}

lam_status lam_field_parse(lam_context *context, const char *what, const lam_field *fields, void *options, const char *name,
                           const char *text) {
  if (!options || !name || !text) return LAM_NO_HANDLE;
  const lam_field *field = fields;
  while (field->name && strcmp(field->name, name) != 0) ++field;
  if (!field->name) return fail_field(context, what, fields, name);

  void *place = (char *)options + field->offset;
  const char *takes = NULL;
  switch (field->kind) {
  case LAM_FIELD_FLOAT: takes = parse_float(text, place) ? NULL : "a finite number"; break;
  case LAM_FIELD_SIZE: takes = parse_size(text, place) ? NULL : "a whole number of 0 or more"; break;
  case LAM_FIELD_INTEGER: takes = parse_int32(text, place) ? NULL : "a whole number"; break;
  case LAM_FIELD_SEED: takes = parse_integer(text, UINT64_MAX, place) ? NULL : "a whole number from 0 to 2^64 - 1"; break;
  case LAM_FIELD_FLAG: takes = parse_flag(text, place) ? NULL : "0, 1, false or true"; break;
  case LAM_FIELD_SHAPE: takes = parse_shape(text, place) ? NULL : "a shape such as 28x28"; break;
  case LAM_FIELD_AXES: takes = parse_axes(text, place) ? NULL : "axes such as 0,-1"; break;
  case LAM_FIELD_LIST: takes = parse_list(text, place) ? NULL : "up to 16 numbers such as 0.1,0.01"; break;
  case LAM_FIELD_ENUM: return parse_enum(context, what, field, place, text);
  }
  if (!takes) return LAM_OK;
  size_t quoted = lam_utf8_prefix(text, QUOTED);
  return lam_fail(context, LAM_INVALID_ARGUMENT, "the %s \"%s\" takes %s, not \"%.*s%s\"", what, name, takes, (int)quoted, text,
                  text[quoted] ? "..." : "");
}
