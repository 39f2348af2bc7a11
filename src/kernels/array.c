/* SPDX-License-Identifier: MIT
 *
 * Shapes and views: sizes, checks, and the gathering of rows that every training step begins with.
 */
#include "kernels/array.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

bool lam_shape_count(lam_shape shape, size_t *count) {
  *count = 0;
  if (shape.rank > LAM_MAX_RANK) return false;
  size_t product = 1;
  for (size_t i = 0; i < shape.rank; ++i) {
    if (shape.size[i] == 0 || shape.size[i] > LAM_MOST_ELEMENTS / product) return false;
    product *= shape.size[i];
  }
  *count = product;
  return true;
}

bool lam_shape_equal(lam_shape a, lam_shape b) {
  if (a.rank != b.rank || a.rank > LAM_MAX_RANK) return false;
  for (size_t i = 0; i < a.rank; ++i)
    if (a.size[i] != b.size[i]) return false;
  return true;
}

char *lam_shape_text(char buffer[96], lam_shape shape) {
  size_t used = 1;
  buffer[0] = '(';
  for (size_t i = 0; i < shape.rank && i < LAM_MAX_RANK && used < 94; ++i)
    used += (size_t)snprintf(buffer + used, 95 - used, i ? ", %zu" : "%zu", shape.size[i]);
  if (used > 94) used = 94;
  memcpy(buffer + used, ")", 2);
  return buffer;
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

size_t lam_type_size(lam_type type) {
  switch (type) {
  case LAM_FLOAT32: return sizeof(float);
  case LAM_UINT8: return sizeof(uint8_t);
  case LAM_INT32: return sizeof(int32_t);
  }
  return 0;
}

static size_t elements(const lam_array *array) {
  size_t count;
  lam_shape_count(array->shape, &count);
  return count;
}

size_t lam_array_width(const lam_array *array) { return array->one_hot ? array->one_hot : elements(array); }

const void *lam_array_row(const lam_array *array, size_t row) {
  size_t stride = array->stride ? array->stride : elements(array);
  return (const unsigned char *)array->data + row * stride * lam_type_size(array->type);
}

static lam_status check_layout(lam_context *context, const char *what, const lam_array *array) {
  char text[96];
  size_t width, stride, span;
  if (array->rows == 0) return lam_fail(context, LAM_INVALID_SHAPE, "%s has no rows", what);
  if (array->rows > LAM_MOST_ELEMENTS)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has %zu rows; at most 2147483647 are possible", what, array->rows);
  if (array->shape.rank > LAM_MAX_RANK)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has rows of rank %zu; at most %d is possible", what, array->shape.rank,
                    LAM_MAX_RANK);
  if (!lam_shape_count(array->shape, &width))
    return lam_fail(context, LAM_INVALID_SHAPE,
                    "%s has rows of shape %s; each size must be at least 1, their product at most 2147483647", what,
                    lam_shape_text(text, array->shape));
  stride = array->stride ? array->stride : width;
  if (stride < width)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has a stride of %zu, but rows of %zu elements", what, stride, width);
  if (__builtin_mul_overflow(stride, array->rows, &span) || span > PTRDIFF_MAX / lam_type_size(array->type))
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has %zu rows with a stride of %zu: more than memory can hold", what,
                    array->rows, stride);
  if (array->one_hot && (width != 1 || array->type == LAM_FLOAT32 || array->one_hot > LAM_MOST_ELEMENTS))
    return lam_fail(context, LAM_INVALID_SHAPE, "%s has one_hot %zu and rows of shape %s; one_hot takes one integer a row", what,
                    array->one_hot, lam_shape_text(text, array->shape));
  return LAM_OK;
}

lam_status lam_array_check(lam_context *context, const char *what, const lam_array *array) {
  char scale[32], offset[32];
  if (!array) return lam_fail(context, LAM_NO_HANDLE, "%s is NULL", what);
  if (!array->data) return lam_fail(context, LAM_NO_HANDLE, "the data of %s are NULL", what);
  if (lam_type_size(array->type) == 0)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s has type %d, which is none of lam_type", what, (int)array->type);
  if (!lam_all_zero(array->reserved, sizeof array->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the reserved fields of %s are not zero", what);
  if (!isfinite(array->scale) || !isfinite(array->offset))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s has scale %s and offset %s; both must be finite", what,
                    lam_format_float(scale, array->scale), lam_format_float(offset, array->offset));
  return check_layout(context, what, array);
}

void lam_array_scaling(const lam_array *array, float model_scale, float model_offset, float *scale, float *offset) {
  bool own = array->scale != 0, model = model_scale != 0;
  *scale = own ? array->scale : model ? model_scale : array->type == LAM_UINT8 ? 1.0f / 255 : 1.0f;
  *offset = own ? array->offset : model ? model_offset : 0.0f;
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* Rows are taken in blocks of about this many elements: enough to make narrow rows cheap, little enough to stay in the nearest
 * cache between being copied and being scaled. */
enum { BLOCK = 2048 };

/* Rows in random order lie anywhere in memory, and a core waits for each of them: what it can look ahead is full of the work on
 * the row before. So all cache lines of some rows are asked for, without waiting, and then these rows are taken. So many rows
 * that the nearest cache holds them; not where rows are narrower, as many of those are within sight anyway. */
enum { ASKED = 16384, NARROWEST = 256 };

/* A view with what the loops below need of it worked out. */
typedef struct gathering {
  const unsigned char *data;
  size_t row_bytes, bytes, width; // from one row to the next; of a row; elements of a row
  const uint32_t *order, *rows;
} gathering;

static gathering start(const lam_array *array, const uint32_t *order, const uint32_t *rows) {
  size_t width = elements(array), stride = array->stride ? array->stride : width, size = lam_type_size(array->type);
  return (gathering){ array->data, stride * size, width * size, width, order, rows };
}

static inline const unsigned char *row_at(const gathering *g, size_t i) {
  size_t row = g->rows ? g->rows[i] : i;
  return g->data + (g->order ? g->order[row] : row) * g->row_bytes;
}

static inline int32_t integer_at(const unsigned char *element, lam_type type) {
  if (type == LAM_UINT8) return *element;
  int32_t value;
  memcpy(&value, element, sizeof value);
  return value;
}

/* Narrow rows are brought together first, so that the kernel is called once for many of them. */
static void gather_bytes(const gathering *g, size_t count, float scale, float offset, float *out, size_t ldo,
                         const lam_kernel_table *kernels) {
  enum { NARROW = 64 };
  uint8_t together[BLOCK];
  if (!g->rows && !g->order) {
    kernels->from_bytes(out, ldo, g->data, g->row_bytes, scale, offset, count, g->width);
    return;
  }
  size_t block = g->width <= NARROW ? BLOCK / g->width : 1;
  for (size_t i = 0; i < count; i += block) {
    size_t n = count - i < block ? count - i : block;
    const uint8_t *bytes = row_at(g, i);
    if (n > 1) {
      for (size_t j = 0; j < n; ++j) memcpy(together + j * g->width, row_at(g, i + j), g->width);
      bytes = together;
    }
    bool dense = ldo == g->width;
    kernels->from_bytes(out + i * ldo, ldo, bytes, g->width, scale, offset, dense ? 1 : n, dense ? n * g->width : g->width);
  }
}

static void copy_row(float *out, const unsigned char *row, size_t width, lam_type type) {
  if (type == LAM_FLOAT32) {
    memcpy(out, row, width * sizeof *out);
    return;
  }
  for (size_t j = 0; j < width; ++j) out[j] = (float)integer_at(row + j * sizeof(int32_t), LAM_INT32);
}

static void gather_words(const gathering *g, lam_type type, size_t count, float scale, float offset, float *out, size_t ldo,
                         const lam_kernel_table *kernels) {
  bool plain = scale == 1 && offset == 0;
  size_t block = g->width < BLOCK ? BLOCK / g->width : 1;
  for (size_t i = 0; i < count; i += block) {
    size_t n = count - i < block ? count - i : block;
    float *to = out + i * ldo;
    for (size_t j = 0; j < n; ++j) copy_row(to + j * ldo, row_at(g, i + j), g->width, type);
    if (!plain) kernels->affine(to, ldo, to, ldo, scale, offset, n, g->width);
  }
}

static void gather_one_hot(const gathering *g, lam_type type, size_t classes, size_t count, float *out, size_t ldo) {
  for (size_t i = 0; i < count; ++i) {
    float *row = out + i * ldo;
    memset(row, 0, classes * sizeof *row);
    int32_t label = integer_at(row_at(g, i), type);
    if (label >= 0 && (size_t)label < classes) row[label] = 1;
  }
}

static void gather(const gathering *g, const lam_array *array, size_t count, float scale, float offset, float *out, size_t ldo,
                   const lam_kernel_table *kernels) {
  if (array->one_hot)
    gather_one_hot(g, array->type, array->one_hot, count, out, ldo);
  else if (array->type == LAM_UINT8)
    gather_bytes(g, count, scale, offset, out, ldo, kernels);
  else
    gather_words(g, array->type, count, scale, offset, out, ldo, kernels);
}

static void skip_rows(gathering *g, size_t count) {
  if (g->rows)
    g->rows += count;
  else
    g->order += count;
}

void lam_array_gather(const lam_array *array, const uint32_t *order, const uint32_t *rows, size_t count, float scale,
                      float offset, float *out, size_t ldo, const lam_kernel_table *kernels) {
  enum { LINE = 64 };
  gathering g = start(array, order, rows);
  const bool scattered = (rows || order) && g.bytes >= NARROWEST && g.bytes <= ASKED / 2;
  const size_t most = scattered ? ASKED / g.bytes : count;
  for (size_t n; count; count -= n, out += n * ldo) {
    n = count < most ? count : most;
    for (size_t i = 0; scattered && i < n; ++i) {
      const uintptr_t row = (uintptr_t)row_at(&g, i);
      for (uintptr_t line = row - row % LINE; line < row + g.bytes; line += LINE) __builtin_prefetch((const void *)line);
    }
    gather(&g, array, n, scale, offset, out, ldo, kernels);
    if (n < count) skip_rows(&g, n);
  }
}

void lam_array_gather_labels(const lam_array *array, const uint32_t *order, const uint32_t *rows, size_t count, int32_t *out) {
  gathering g = start(array, order, rows);
  for (size_t i = 0; i < count; ++i) out[i] = integer_at(row_at(&g, i), array->type);
}

/* ---- looking at the elements ------------------------------------------------------------------------------------- */

/* Infinities and NaNs are the floats whose exponent is all ones. */
static inline bool is_special(const unsigned char *element) {
  uint32_t bits;
  memcpy(&bits, element, sizeof bits);
  return (bits & 0x7f800000) == 0x7f800000;
}

/* Without an early end, so that it vectorises. */
static bool has_special(const unsigned char *row, size_t width) {
  unsigned found = 0;
  for (size_t j = 0; j < width; ++j) found |= is_special(row + j * sizeof(float));
  return found != 0;
}

lam_status lam_array_check_finite(lam_context *context, const char *what, const lam_array *array, const uint32_t *order,
                                  const uint32_t *rows, size_t count) {
  if (array->type != LAM_FLOAT32) return LAM_OK;
  gathering g = start(array, order, rows);
  for (size_t i = 0; i < count; ++i) {
    const unsigned char *row = row_at(&g, i);
    if (!has_special(row, g.width)) continue;
    size_t column = 0;
    while (!is_special(row + column * sizeof(float))) ++column;
    float value;
    char text[32];
    memcpy(&value, row + column * sizeof value, sizeof value);
    return lam_fail(context, LAM_INVALID_DATA, "row %zu, column %zu of %s is %s", i, column, what, lam_format_float(text, value));
  }
  return LAM_OK;
}

lam_status lam_array_check_labels(lam_context *context, const char *what, const lam_array *array, const uint32_t *order,
                                  const uint32_t *rows, size_t count, size_t classes, const char *why) {
  gathering g = start(array, order, rows);
  for (size_t i = 0; i < count; ++i) {
    int32_t label = integer_at(row_at(&g, i), array->type);
    if (label < 0 || (size_t)label >= classes)
      return lam_fail(context, LAM_INVALID_DATA, "label %d in row %zu of %s is outside 0 to %zu: %s", (int)label, i, what,
                      classes - 1, why);
  }
  return LAM_OK;
}
