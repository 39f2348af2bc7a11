/* SPDX-License-Identifier: MIT
 *
 * How the conformance runner reads its files: JSON items over the library's own reader, and tensors out of them.
 * Everything handed out lives until reader_release.
 */
#ifndef CONFORMANCE_READER_H
#define CONFORMANCE_READER_H

#include "file/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value of a file; a missing one is an item too, which answers "not present" to everything. */
typedef const lam_json *item;

/* The file as an item, or NULL with a sentence on stderr; quietly where there is no such file. */
item item_open(lam_context *context, const char *path);

/* Not missing and not null. */
bool item_present(item value);
bool item_is_text(item value);
bool item_is_number(item value);
bool item_is_list(item value);
bool item_is_object(item value);

item item_field(item object, const char *key);
item item_element(item list, size_t index);
size_t item_length(item list);
/* The members of an object in order: `members m = members_of(object); while (members_next(&m)) ...`. */
typedef struct members {
  const char *name;
  item value;
  item next;
  size_t left;
} members;
members members_of(item object);
bool members_next(members *m);

/* "" where the item is no text. */
const char *item_text(item value);
/* A number, true and false as 1 and 0, or one of the texts "nan", "inf", "-inf", "-0"; 0 where the item is none of them. */
double item_number(item value);

/* Numbers with a shape: {"shape", "data"}, a plain number (rank 0), or a list of numbers (rank 1) or of such lists. A null inside
 * a list is NaN in `data` and true in `open`: any value is right there. */
#define TENSOR_MAX_RANK 8
typedef struct tensor {
  size_t rank, shape[TENSOR_MAX_RANK], count;
  double scale; /* a file's "scale", else 0; `data` is not multiplied with it */
  double *data;
  bool *open;
} tensor;

/* False where the item is no tensor. */
bool tensor_read(tensor *result, item value);
/* The size of the last axis (1 for rank 0), and the number of rows before it. */
size_t tensor_columns(const tensor *t);
size_t tensor_rows(const tensor *t);

/* Zeroed memory until the next reader_release; never NULL (the runner ends where memory is exhausted). */
void *take(size_t count, size_t size);
float *take_floats(const tensor *t);
int32_t *take_integers(const tensor *t);
void reader_release(void);

#endif
