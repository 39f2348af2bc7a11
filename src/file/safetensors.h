/* SPDX-License-Identifier: MIT
 *
 * The safetensors container: an 8-byte little-endian length, that many bytes of JSON, then the tensors' bytes. Here all tensors
 * are float32, and of the metadata one text is of interest.
 */
#ifndef LAM_FILE_SAFETENSORS_H
#define LAM_FILE_SAFETENSORS_H

#include "file/bytes.h"
#include "file/json.h"

enum { LAM_HEADER_MOST = 100000000 }; /* bytes of JSON, as everybody's reader has it */

typedef struct lam_tensor {
  const char *name;
  lam_shape shape;
  size_t begin; /* byte in the file */
  size_t count; /* numbers */
} lam_tensor;

typedef struct lam_safetensors {
  const lam_bytes *source;
  char *header; /* the JSON; names and metadata lie in it, unescaped */
  size_t header_size;
  lam_tensor *tensors; /* by their names */
  size_t count, capacity;
  char *text; /* the metadata's value of the key asked for, NULL where there is none */
  size_t text_size;
} lam_safetensors;

/* Reads and checks the header: the tensors tile the bytes after it exactly, without hole, overlap or rest; no name is there
 * twice. `key` is the metadata's key of interest. The table of tensors takes at most `limit` bytes; the source must stay.
 * Errors: LAM_FORMAT, LAM_UNSUPPORTED (other types than F32), LAM_IO. */
lam_status lam_safetensors_open(const lam_bytes *source, const char *key, size_t limit, lam_safetensors *file);
void lam_safetensors_close(lam_safetensors *file);

/* The tensor of that name, or NULL. */
const lam_tensor *lam_safetensors_find(const lam_safetensors *file, const char *name);
lam_status lam_safetensors_read(const lam_safetensors *file, const lam_tensor *tensor, float *values);

/* ---- writing ----------------------------------------------------------------------------------------------------- */

typedef struct lam_tensor_data {
  const char *folder; /* before the name: "optimizer/velocity/", or "" */
  const char *name;
  lam_shape shape;
  size_t count;
  const float *values;
} lam_tensor_data;

/* Writes tensors, in this order, with one text in the metadata. The header is filled with spaces to a multiple of 8 bytes, so
 * that the tensors are aligned. Errors: LAM_IO where `write` fails; LAM_OUT_OF_MEMORY. */
lam_status lam_safetensors_write(lam_context *context, const char *key, const char *text, size_t text_size,
                                 const lam_tensor_data *tensors, size_t count, lam_write_function write, void *user);

#endif
