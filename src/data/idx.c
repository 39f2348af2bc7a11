/* SPDX-License-Identifier: MIT
 *
 * Reading IDX, all of it big-endian: two zero bytes, the type, the rank, the sizes as 32-bit words, the elements row by row.
 * Format: Yann LeCun, Corinna Cortes, Christopher J.C. Burges, "The MNIST database of handwritten digits".
 */
#include "data/idx.h"
#include "data/source.h"

enum { UINT8_CODE = 0x08, INT32_CODE = 0x0c, FLOAT32_CODE = 0x0d };

static uint32_t big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static lam_status read_type(lam_context *context, lam_source *source, lam_array *array, size_t *rank) {
  const char *path = lam_source_path(source);
  unsigned char magic[4];
  lam_status status = lam_source_read(source, magic, sizeof magic, "header");
  if (status != LAM_OK) return status;
  if (magic[0] || magic[1])
    return lam_fail(context, LAM_FORMAT, "\"%s\" is no IDX file: it begins with the bytes %02x %02x and not with two zeros", path,
                    magic[0], magic[1]);
  switch (magic[2]) {
  case UINT8_CODE: array->type = LAM_UINT8; break;
  case INT32_CODE: array->type = LAM_INT32; break;
  case FLOAT32_CODE: array->type = LAM_FLOAT32; break;
  default:
    return lam_fail(context, LAM_FORMAT,
                    "\"%s\" has elements of type 0x%02x; read are 0x08 (bytes), 0x0c (32-bit integers), 0x0d (32-bit floats)",
                    path, magic[2]);
  }
  *rank = magic[3];
  if (*rank == 0 || *rank > LAM_MAX_RANK + 1)
    return lam_fail(context, LAM_FORMAT, "\"%s\" has rank %zu; 1 to %d is possible", path, *rank, LAM_MAX_RANK + 1);
  return LAM_OK;
}

static lam_status read_sizes(lam_context *context, lam_source *source, lam_array *array, size_t rank) {
  unsigned char words[4 * (LAM_MAX_RANK + 1)];
  const char *path = lam_source_path(source);
  char text[96];
  size_t width;
  lam_status status = lam_source_read(source, words, 4 * rank, "header");
  if (status != LAM_OK) return status;
  array->rows = big_endian(words);
  array->shape.rank = rank - 1;
  for (size_t i = 1; i < rank; ++i) array->shape.size[i - 1] = big_endian(words + 4 * i);
  if (rank == 1) array->shape = (lam_shape){ { 1 }, 1 };
  if (array->rows == 0 || array->rows > LAM_MOST_ELEMENTS)
    return lam_fail(context, LAM_FORMAT, "\"%s\" declares %zu rows; 1 to 2147483647 are possible", path, array->rows);
  if (!lam_shape_count(array->shape, &width))
    return lam_fail(context, LAM_FORMAT,
                    "\"%s\" declares rows of shape %s; each size must be at least 1, their product at most 2147483647", path,
                    lam_shape_text(text, array->shape));
  return LAM_OK;
}

/* Words in place, from big-endian to this machine's order. */
static void reorder(lam_block *memory) {
  uint32_t *words = memory->memory;
  for (size_t i = 0; i < memory->size / 4; ++i) words[i] = big_endian((const unsigned char *)&words[i]);
}

static lam_status read_elements(lam_context *context, lam_source *source, lam_array *array, lam_block *memory) {
  // rows and width are below 2^31 each and an element has at most 4 bytes: the product is below 2^64.
  uint64_t bytes = (uint64_t)array->rows * lam_array_width(array) * lam_type_size(array->type);
  if (bytes > PTRDIFF_MAX)
    return lam_fail(context, LAM_FORMAT, "\"%s\" declares %llu bytes of elements: more than memory can hold",
                    lam_source_path(source), (unsigned long long)bytes);
  lam_status status = lam_source_read_block(source, (size_t)bytes, "elements", memory);
  if (status != LAM_OK) return status;
  if (array->type != LAM_UINT8) reorder(memory);
  array->data = memory->memory;
  return LAM_OK;
}

static lam_status read_all(lam_context *context, lam_source *source, lam_array *array, lam_block *memory) {
  size_t rank = 0;
  lam_status status = read_type(context, source, array, &rank);
  if (status == LAM_OK) status = read_sizes(context, source, array, rank);
  if (status == LAM_OK) status = read_elements(context, source, array, memory);
  return status == LAM_OK ? lam_source_end(source) : status;
}

lam_status lam_idx_read(lam_context *context, const char *path, lam_array *array, lam_block *memory) {
  *array = (lam_array){ 0 };
  *memory = (lam_block){ 0 };
  lam_source *source;
  lam_status status = lam_source_open(context, path, &source);
  if (status != LAM_OK) return status;
  status = read_all(context, source, array, memory);
  lam_source_close(source);
  if (status == LAM_OK) return LAM_OK;
  lam_release(context, memory->memory, memory->size);
  *array = (lam_array){ 0 };
  *memory = (lam_block){ 0 };
  return status;
}
