/* SPDX-License-Identifier: MIT
 *
 * The JSON tree: one array of nodes of 16 bytes, whose number is known from the text before any is made.
 */
#include "file/json.h"
#include "file/sort.h"
#include <math.h>
#include <string.h>

typedef struct parser {
  lam_json_scanner scanner;
  lam_context *context;
  const char *what;
  lam_json *nodes;
  size_t count;
} parser;

static lam_status fail(parser *p, const char *reason) { return lam_json_fail(p->context, p->what, &p->scanner, reason); }

/* ---- duplicate keys ---------------------------------------------------------------------------------------------- */

static bool string_less(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b) < 0; }

static lam_status check_keys(parser *p, const lam_json *object) {
  if (object->size < 2) return LAM_OK;
  const char *few[16], **keys = few;
  if (object->size > 16) keys = lam_allocate_array(p->context, object->size, sizeof *keys);
  if (!keys) return LAM_OUT_OF_MEMORY;
  const lam_json *key = lam_json_first(object);
  for (uint32_t i = 0; i < object->size; ++i, key = lam_json_after(key + 1)) keys[i] = key->text;
  lam_sort((void *)keys, object->size, sizeof *keys, string_less);
  lam_status status = LAM_OK;
  for (uint32_t i = 1; i < object->size && !status; ++i)
    if (strcmp(keys[i - 1], keys[i]) == 0)
      status = lam_fail(p->context, LAM_FORMAT, "%s: byte %zu: the key \"%.80s\" appears twice", p->what,
                        (size_t)(keys[i] - p->scanner.start), keys[i]);
  if (keys != few) lam_release(p->context, (void *)keys, object->size * sizeof *keys);
  return status;
}

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

static lam_json *add_node(parser *p, lam_json_kind kind) {
  lam_json *node = &p->nodes[p->count++];
  *node = (lam_json){ .text = p->scanner.text, .size = (uint32_t)p->scanner.size, .kind = kind };
  return node;
}

static lam_status parse_value(parser *p, int depth);

static lam_status parse_member(parser *p, int depth) {
  if (p->scanner.token != 's') return fail(p, "a key was expected");
  add_node(p, LAM_JSON_STRING);
  if (lam_json_next(&p->scanner) != ':') return fail(p, "a colon was expected");
  lam_json_next(&p->scanner);
  return parse_value(p, depth);
}

/* An array or object whose bracket is the present token. */
static lam_status parse_container(parser *p, int depth) {
  bool object = p->scanner.token == '{';
  char closing = object ? '}' : ']';
  if (depth >= LAM_JSON_DEPTH) return fail(p, "nested too deeply");
  size_t place = p->count;
  lam_json *node = add_node(p, object ? LAM_JSON_OBJECT : LAM_JSON_ARRAY);
  node->size = 0;
  if (lam_json_next(&p->scanner) != closing) {
    for (;;) {
      lam_status status = object ? parse_member(p, depth + 1) : parse_value(p, depth + 1);
      if (status) return status;
      ++node->size;
      if (p->scanner.token == closing) break;
      if (p->scanner.token != ',') return fail(p, object ? "a comma or } was expected" : "a comma or ] was expected");
      lam_json_next(&p->scanner);
    }
  }
  node->nodes = p->count - place;
  lam_json_next(&p->scanner);
  return object ? check_keys(p, node) : LAM_OK;
}

/* Leaves the scanner at the token after the value. */
static lam_status parse_value(parser *p, int depth) {
  switch (p->scanner.token) {
  case '{':
  case '[': return parse_container(p, depth);
  case 's': add_node(p, LAM_JSON_STRING); break;
  case '0': add_node(p, LAM_JSON_NUMBER); break;
  case 't': add_node(p, LAM_JSON_TRUE); break;
  case 'f': add_node(p, LAM_JSON_FALSE); break;
  case 'n': add_node(p, LAM_JSON_NULL); break;
  default: return fail(p, "a value was expected");
  }
  lam_json_next(&p->scanner);
  return LAM_OK;
}

/* Every node but the first comes right after one of these four characters: so many nodes at most. */
static size_t most_nodes(const char *text, size_t size) {
  size_t count = 1;
  for (size_t i = 0; i < size; ++i) count += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{';
  return count;
}

lam_status lam_json_parse(lam_context *context, const char *what, char *text, size_t size, size_t limit,
                          lam_json_document *document) {
  *document = (lam_json_document){ .context = context };
  if (size >= UINT32_MAX) return lam_fail(context, LAM_FORMAT, "%s: %zu bytes of JSON are too many", what, size);
  size_t most = most_nodes(text, size);
  if (most > limit / sizeof(lam_json))
    return lam_fail(context, LAM_FORMAT, "%s: %zu values of JSON in %zu bytes are too many", what, most, size);
  lam_json *nodes = lam_allocate_array(context, most, sizeof *nodes);
  if (!nodes) return LAM_OUT_OF_MEMORY;

  parser p = { .scanner = lam_json_scan(text, size), .context = context, .what = what, .nodes = nodes };
  lam_json_next(&p.scanner);
  lam_status status = parse_value(&p, 0);
  if (!status && p.scanner.token != '.') status = fail(&p, "something stands after the value");
  if (status) {
    lam_release(context, nodes, most * sizeof *nodes);
    return status;
  }
  document->root = nodes;
  document->bytes = most * sizeof *nodes;
  return LAM_OK;
}

void lam_json_release(lam_json_document *document) {
  lam_release(document->context, document->root, document->bytes);
  document->root = NULL;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

const lam_json *lam_json_member(const lam_json *object, const char *key) {
  if (!object || object->kind != LAM_JSON_OBJECT) return NULL;
  const lam_json *node = lam_json_first(object);
  for (uint32_t i = 0; i < object->size; ++i, node = lam_json_after(node + 1))
    if (strcmp(node->text, key) == 0) return node + 1;
  return NULL;
}

const lam_json *lam_json_member_of(const lam_json *object, const char *key, lam_json_kind kind) {
  const lam_json *value = lam_json_member(object, key);
  return value && value->kind == kind ? value : NULL;
}

static bool is_special(const char *text) {
  return strcmp(text, "nan") == 0 || strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0 || strcmp(text, "-0") == 0;
}

bool lam_json_number(const lam_json *node, double *value) {
  if (!node) return false;
  bool special = node->kind == LAM_JSON_STRING && is_special(node->text);
  if (node->kind != LAM_JSON_NUMBER && !special) return false;
  double number;
  const char *end = node->text + node->size;
  if (lam_parse_double(node->text, end, &number) != end || (!special && !isfinite(number))) return false;
  *value = number;
  return true;
}

bool lam_json_integer(const lam_json *node, uint64_t *value) {
  if (!node || node->kind != LAM_JSON_NUMBER) return false;
  uint64_t number = 0;
  for (uint32_t i = 0; i < node->size; ++i) {
    unsigned digit = (unsigned)node->text[i] - '0';
    if (digit > 9 || __builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, digit, &number)) return false;
  }
  *value = number;
  return true;
}

bool lam_json_flag(const lam_json *node, bool *value) {
  if (!node || (node->kind != LAM_JSON_TRUE && node->kind != LAM_JSON_FALSE)) return false;
  *value = node->kind == LAM_JSON_TRUE;
  return true;
}
