/* SPDX-License-Identifier: MIT
 *
 * Items and tensors out of JSON files, over src/file/json.h. Files of a folder are read one at a time.
 */
#include "conformance/reader.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ------------------------------------------------------------------------------------------------------ */

typedef struct block {
  struct block *next;
  max_align_t bytes[];
} block;

static block *blocks;
static lam_json_document document;

void *take(size_t count, size_t size) {
  size_t most = (SIZE_MAX - sizeof(block)) / (size ? size : 1);
  block *b = count <= most ? calloc(1, sizeof(block) + count * size) : NULL;
  if (!b) {
    fputs("conformance: out of memory\n", stderr);
    exit(2);
  }
  b->next = blocks;
  blocks = b;
  return b->bytes;
}

void reader_release(void) {
  if (document.context) lam_json_release(&document);
  document = (lam_json_document){ 0 };
  while (blocks) {
    block *next = blocks->next;
    free(blocks);
    blocks = next;
  }
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static char *read_text(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  size_t capacity = 1 << 21;
  char *text = take(capacity, 1);
  *size = fread(text, 1, capacity, file);
  bool whole = !ferror(file) && *size < capacity;
  fclose(file);
  if (!whole) fprintf(stderr, "conformance: %s cannot be read, or is larger than %zu bytes\n", path, capacity);
  return whole ? text : NULL;
}

item item_open(lam_context *context, const char *path) {
  enum { LIMIT = 1 << 26 };
  reader_release();
  size_t size = 0;
  char *text = read_text(path, &size);
  if (!text) return NULL;
  if (lam_json_parse(context, path, text, size, LIMIT, &document)) {
    fprintf(stderr, "conformance: %s\n", lam_error_message(context));
    document = (lam_json_document){ 0 };
    return NULL;
  }
  return document.root;
}

bool item_present(item value) { return value && value->kind != LAM_JSON_NULL; }
bool item_is_text(item value) { return value && value->kind == LAM_JSON_STRING; }
bool item_is_list(item value) { return value && value->kind == LAM_JSON_ARRAY; }
bool item_is_object(item value) { return value && value->kind == LAM_JSON_OBJECT; }

bool item_is_number(item value) {
  double number;
  bool flag;
  return value && (lam_json_flag(value, &flag) || lam_json_number(value, &number));
}

item item_field(item object, const char *key) { return lam_json_member(object, key); }
size_t item_length(item list) { return item_is_list(list) ? list->size : 0; }

item item_element(item list, size_t index) {
  if (index >= item_length(list)) return NULL;
  item element = lam_json_first(list);
  while (index--) element = lam_json_after(element);
  return element;
}

members members_of(item object) {
  bool some = item_is_object(object) && object->size;
  return (members){ .next = some ? lam_json_first(object) : NULL, .left = some ? object->size : 0 };
}

bool members_next(members *m) {
  if (!m->left) return false;
  m->left--;
  m->name = m->next->text;
  m->value = lam_json_after(m->next);
  m->next = lam_json_after(m->value);
  return true;
}

const char *item_text(item value) { return item_is_text(value) ? value->text : ""; }

double item_number(item value) {
  double number = 0;
  bool flag = false;
  if (value && lam_json_flag(value, &flag)) return flag;
  if (value) lam_json_number(value, &number);
  return number;
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

/* Appends the numbers of a list, in order, whatever its nesting; false where something else is in it. */
static bool append(tensor *t, size_t capacity, item value) {
  if (item_is_list(value)) {
    item element = value->size ? lam_json_first(value) : NULL;
    for (size_t i = 0; i < value->size; i++, element = lam_json_after(element))
      if (!append(t, capacity, element)) return false;
    return true;
  }
  if (t->count == capacity || (item_present(value) && !item_is_number(value))) return false;
  t->open[t->count] = !item_present(value);
  t->data[t->count++] = item_present(value) ? item_number(value) : NAN;
  return true;
}

/* The shape of nested lists, from the first of each level. */
static bool nested_shape(tensor *t, item value) {
  for (; item_is_list(value); value = item_element(value, 0)) {
    if (t->rank == TENSOR_MAX_RANK) return false;
    t->shape[t->rank++] = value->size;
  }
  return true;
}

static bool stated_shape(tensor *t, item shape) {
  t->rank = item_length(shape);
  if (!item_is_list(shape) || t->rank > TENSOR_MAX_RANK) return false;
  for (size_t i = 0; i < t->rank; i++) t->shape[i] = (size_t)item_number(item_element(shape, i));
  return true;
}

bool tensor_read(tensor *result, item value) {
  *result = (tensor){ 0 };
  if (!item_present(value) || (item_is_text(value) && !item_is_number(value))) return false;
  item data = item_is_object(value) ? item_field(value, "data") : value;
  bool shaped = item_is_object(value) ? stated_shape(result, item_field(value, "shape")) : nested_shape(result, value);
  if (!shaped || !data) return false;
  size_t count = 1;
  for (size_t i = 0; i < result->rank; i++) {
    if (result->shape[i] && count > ((size_t)1 << 24) / result->shape[i]) return false;
    count *= result->shape[i];
  }
  result->data = take(count, sizeof *result->data);
  result->open = take(count, sizeof *result->open);
  result->scale = item_is_object(value) ? item_number(item_field(value, "scale")) : 0;
  return append(result, count, data) && result->count == count;
}

size_t tensor_columns(const tensor *t) { return t->rank ? t->shape[t->rank - 1] : 1; }
size_t tensor_rows(const tensor *t) { return t->count ? t->count / tensor_columns(t) : 0; }

float *take_floats(const tensor *t) {
  float *result = take(t->count, sizeof *result);
  for (size_t i = 0; i < t->count; i++) result[i] = (float)t->data[i];
  return result;
}

int32_t *take_integers(const tensor *t) {
  int32_t *result = take(t->count, sizeof *result);
  for (size_t i = 0; i < t->count; i++) result[i] = (int32_t)t->data[i];
  return result;
}
