/* SPDX-License-Identifier: MIT
 *
 * JSON, strictly as RFC 8259 has it: a scanner, a tree, a writer.
 *
 * Our own and not a library, because a model must load in a build with no dependency at all (one C file and a compiler), with
 * memory from the context and bounded by the caller; what lamina writes and reads needs no more than this.
 *
 * Reading works in place: strings are unescaped where they stand and ended with a NUL, so that nothing is copied. The text must
 * be writable and stay while its tree is in use. Refused beyond the standard: the character U+0000, keys that appear twice in
 * one object, nesting deeper than LAM_JSON_DEPTH.
 */
#ifndef LAM_FILE_JSON_H
#define LAM_FILE_JSON_H

#include "base/context.h"

enum { LAM_JSON_DEPTH = 64 };

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

typedef enum lam_json_kind {
  LAM_JSON_NULL,
  LAM_JSON_FALSE,
  LAM_JSON_TRUE,
  LAM_JSON_NUMBER,
  LAM_JSON_STRING,
  LAM_JSON_ARRAY,
  LAM_JSON_OBJECT
} lam_json_kind;

/* A value. All nodes of a document lie in one array, each before its children; a member of an object is two nodes, key and value.
 */
typedef struct lam_json {
  union {
    const char *text; /* of a string, NUL-terminated UTF-8; of a number, as it was written */
    size_t nodes;     /* of an array or object: itself and all below it */
  };
  uint32_t size; /* bytes of text; elements of an array; members of an object */
  lam_json_kind kind;
} lam_json;

typedef struct lam_json_document {
  lam_context *context;
  lam_json *root;
  size_t bytes; /* of memory: 16 for each value */
} lam_json_document;

/* Parses all of `text`. The tree takes at most `limit` bytes. `what` opens the sentence of a failure: "model.json: byte 17: ...".
 * Errors: LAM_FORMAT, LAM_OUT_OF_MEMORY; the document is then empty. */
lam_status lam_json_parse(lam_context *context, const char *what, char *text, size_t size, size_t limit,
                          lam_json_document *document);
void lam_json_release(lam_json_document *document);

/* The value after this one and all that is below it: the next element, or from a key its value. */
static inline const lam_json *lam_json_after(const lam_json *node) {
  return node + (node->kind >= LAM_JSON_ARRAY ? node->nodes : 1);
}
/* The first element, or the first key. With lam_json_after and node->size, all of them:
 *   const lam_json *e = lam_json_first(array);
 *   for (uint32_t i = 0; i < array->size; ++i, e = lam_json_after(e)) ... */
static inline const lam_json *lam_json_first(const lam_json *node) { return node + 1; }

/* The value of an object's key; NULL where there is none, or `object` is NULL or something else. */
const lam_json *lam_json_member(const lam_json *object, const char *key);
/* The same, NULL too where it is of another kind. */
const lam_json *lam_json_member_of(const lam_json *object, const char *key, lam_json_kind kind);

/* The numbers that JSON lacks stand as strings: "nan", "inf", "-inf", "-0". False, and *value as it was, where the node is NULL
 * or none of these or its magnitude is beyond a double. */
bool lam_json_number(const lam_json *node, double *value);
/* A whole number written without point or exponent, from 0 to 2^64 - 1; exactly. */
bool lam_json_integer(const lam_json *node, uint64_t *value);
bool lam_json_flag(const lam_json *node, bool *value);

/* ---- the scanner ------------------------------------------------------------------------------------------------- */

/* One token after the other, for those who know what must come and want no tree. */
typedef struct lam_json_scanner {
  char *start, *at, *end;
  char token;        /* { } [ ] , : or s (string) 0 (number) t f n (true, false, null) . (the end) ! (failed) */
  char *text;        /* of the token; a string's is unescaped */
  size_t size;       /* bytes of text */
  const char *error; /* what is wrong at `text`, after ! */
} lam_json_scanner;

lam_json_scanner lam_json_scan(char *text, size_t size);
/* Goes to the next token and returns it. Stays at the end and at a failure. */
char lam_json_next(lam_json_scanner *scanner);
/* Fails with LAM_FORMAT at the present token: the scanner's own reason, or `reason`. */
lam_status lam_json_fail(lam_context *context, const char *what, const lam_json_scanner *scanner, const char *reason);

/* ---- the writer -------------------------------------------------------------------------------------------------- */

/* Writes into a buffer that grows. Keys stand in the order they are written, numbers are the shortest that read back: the same
 * calls give the same bytes. A failure is kept: only the end needs a check. */
typedef struct lam_json_writer {
  lam_context *context;
  char *text; /* not NUL-terminated */
  size_t size, capacity;
  bool comma;
  lam_status status;
} lam_json_writer;

void lam_json_open(lam_json_writer *writer, char bracket); /* { or [ */
void lam_json_close(lam_json_writer *writer, char bracket);
void lam_json_key(lam_json_writer *writer, const char *key);
void lam_json_put_string(lam_json_writer *writer, const char *text, size_t size); /* UTF-8; it is not checked */
void lam_json_put_text(lam_json_writer *writer, const char *text);                /* a string that ends with a NUL */
void lam_json_put_double(lam_json_writer *writer, double value);
void lam_json_put_float(lam_json_writer *writer, float value);
void lam_json_put_integer(lam_json_writer *writer, uint64_t value);
void lam_json_put_flag(lam_json_writer *writer, bool value);
/* Bytes as they are. */
void lam_json_put_raw(lam_json_writer *writer, const char *bytes, size_t size);
void lam_json_writer_release(lam_json_writer *writer);

#endif
