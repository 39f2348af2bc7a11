/* SPDX-License-Identifier: MIT
 *
 * Names and options as data: a list of names with the nearest ones offered when one is unknown, and a table of an options
 * struct's fields from which JSON, the command line and the checks are made.
 */
#ifndef LAM_BASE_NAMES_H
#define LAM_BASE_NAMES_H

#include "base/context.h"
#include <lamina/array.h>

/* names[i] is the name of value i; ends with NULL. */
typedef const char *const *lam_names;

/* The value with this name, or -1. Where the list has a name of several words, its usual abbreviation stands for it: mse, bce. */
int lam_name_find(lam_names names, const char *name);

/* Fails with LAM_UNKNOWN_NAME and a sentence such as: there is no optimizer "adan"; the nearest are adam, adamw (all: ...).
 * `what` is "optimizer". */
lam_status lam_name_unknown(lam_context *context, const char *what, const char *name, lam_names names);

typedef enum lam_field_kind {
  LAM_FIELD_FLOAT,   /* float; LAM_ZERO is 0 */
  LAM_FIELD_SIZE,    /* size_t */
  LAM_FIELD_INTEGER, /* int32_t */
  LAM_FIELD_SEED,    /* uint64_t */
  LAM_FIELD_FLAG,    /* bool */
  LAM_FIELD_SHAPE,   /* lam_shape; as text "28x28" */
  LAM_FIELD_AXES,    /* lam_axes; as text "0,-1" */
  LAM_FIELD_LIST,    /* lam_numbers; as text "0.1,0.01" */
  LAM_FIELD_ENUM     /* int-sized enum with `names` */
} lam_field_kind;

typedef struct lam_field {
  const char *name; /* NULL ends a table */
  lam_field_kind kind;
  size_t offset;
  lam_names names;
  bool optional; /* left out of files where it is zero */
} lam_field;

/* Reads `text` into the field named `name` of `options`: how the command line sets one. Sentences name the field and what it
 * takes; `what` is "adam option". A flag is 0, 1, false or true. */
lam_status lam_field_parse(lam_context *context, const char *what, const lam_field *fields, void *options, const char *name,
                           const char *text);

#endif
