/* SPDX-License-Identifier: MIT
 *
 * Reading .npy: the magic "\x93NUMPY", a version, the length of the header, the header, the elements.
 * Format: NumPy Enhancement Proposal 1, versions 1.0, 2.0 (longer headers) and 3.0 (headers in UTF-8).
 */
#include "data/npy.h"
#include "data/source.h"
#include <float.h>
#include <math.h>
#include <string.h>

static uint64_t little_endian(const unsigned char *bytes, size_t size) {
  uint64_t word = 0;
  for (size_t i = size; i-- > 0;) word = word << 8 | bytes[i];
  return word;
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

typedef struct header {
  lam_context *context;
  const char *name; // for sentences
  const char *at, *end;
  char descr[8];
  bool fortran_order;
  uint64_t sizes[LAM_MAX_RANK + 1];
  size_t rank;
} header;

static lam_status malformed(const header *h, const char *what) {
  return lam_fail(h->context, LAM_FORMAT, "\"%s\": its header is malformed: %s", h->name, what);
}

static void skip_spaces(header *h) {
  while (h->at < h->end && *h->at == ' ') ++h->at;
}

/* Passes over a character where it comes next. */
static bool take(header *h, char c) {
  skip_spaces(h);
  if (h->at == h->end || *h->at != c) return false;
  ++h->at;
  return true;
}

static bool take_word(header *h, const char *word) {
  size_t size = strlen(word);
  skip_spaces(h);
  if ((size_t)(h->end - h->at) < size || memcmp(h->at, word, size) != 0) return false;
  h->at += size;
  return true;
}

static lam_status take_descr(header *h) {
  skip_spaces(h);
  char quote = h->at < h->end ? *h->at : 0;
  if (quote == '[') return lam_fail(h->context, LAM_FORMAT, "\"%s\" holds records; only plain arrays are read", h->name);
  if (quote != '\'' && quote != '"') return malformed(h, "descr is no text");
  const char *text = ++h->at, *close = memchr(text, quote, (size_t)(h->end - text));
  size_t size = close ? (size_t)(close - text) : sizeof h->descr;
  if (size >= sizeof h->descr) return malformed(h, "descr does not end");
  memcpy(h->descr, text, size);
  h->descr[size] = 0;
  h->at = close + 1;
  return LAM_OK;
}

static lam_status take_size(header *h) {
  const char *start = h->at;
  uint64_t size = 0;
  for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; ++h->at) {
    if (size > LAM_MOST_ELEMENTS) return malformed(h, "a size is above 2147483647");
    size = 10 * size + (uint64_t)(*h->at - '0');
  }
  if (h->at == start) return malformed(h, "the shape holds something else than whole numbers");
  if (h->rank == LAM_MAX_RANK + 1) return malformed(h, "the shape has more than 7 axes");
  h->sizes[h->rank++] = size;
  return LAM_OK;
}

/* A tuple: (), (3,), (3, 4), (3, 4,). */
static lam_status take_shape(header *h) {
  if (!take(h, '(')) return malformed(h, "the shape is no tuple");
  bool comma = true;
  while (!take(h, ')')) {
    if (!comma) return malformed(h, "a comma is missing in the shape");
    lam_status status = take_size(h);
    if (status) return status;
    comma = take(h, ',');
    if (!comma && h->rank == 1) return malformed(h, "the shape is no tuple");
  }
  return LAM_OK;
}

static lam_status take_value(header *h, size_t key) {
  if (key == 0) return take_descr(h);
  if (key == 2) return take_shape(h);
  h->fortran_order = take_word(h, "True");
  return h->fortran_order || take_word(h, "False") ? LAM_OK : malformed(h, "fortran_order is neither True nor False");
}

static lam_status parse_dictionary(header *h) {
  static const char *const keys[3][2] = { { "'descr'", "\"descr\"" },
                                          { "'fortran_order'", "\"fortran_order\"" },
                                          { "'shape'", "\"shape\"" } };
  bool seen[3] = { false, false, false }, comma = true;
  if (!take(h, '{')) return malformed(h, "it is no dictionary");
  while (!take(h, '}')) {
    size_t key = 0;
    if (!comma) return malformed(h, "a comma is missing");
    while (key < 3 && !take_word(h, keys[key][0]) && !take_word(h, keys[key][1])) ++key;
    if (key == 3 || seen[key] || !take(h, ':')) return malformed(h, "its keys are descr, fortran_order and shape, each once");
    seen[key] = true;
    lam_status status = take_value(h, key);
    if (status) return status;
    comma = take(h, ',');
  }
  if (!seen[0] || !seen[1] || !seen[2]) return malformed(h, "its keys are descr, fortran_order and shape, each once");
  skip_spaces(h);
  if (h->at < h->end && *h->at == '\n') ++h->at;
  return h->at == h->end ? LAM_OK : malformed(h, "something follows the dictionary");
}

/* Where the elements begin, in *start. */
static lam_status parse_header(header *h, const unsigned char *bytes, size_t size, size_t *start) {
  static const unsigned char magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };
  if (size < 10 || memcmp(bytes, magic, sizeof magic) != 0)
    return lam_fail(h->context, LAM_FORMAT, "\"%s\" is no .npy file: it does not begin with \\x93NUMPY", h->name);
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
    return lam_fail(h->context, LAM_FORMAT, "\"%s\" is of .npy version %d.%d; read are 1.0, 2.0 and 3.0", h->name, bytes[6],
                    bytes[7]);
  size_t word = bytes[6] == 1 ? 2 : 4, left = size - 8;
  uint64_t length = left < word ? UINT64_MAX : little_endian(bytes + 8, word);
  if (left < word || length > left - word) return malformed(h, "it is longer than the file");
  h->at = (const char *)bytes + 8 + word;
  h->end = h->at + length;
  *start = 8 + word + (size_t)length;
  return parse_dictionary(h);
}

/* ---- the elements ------------------------------------------------------------------------------------------------ */

typedef struct element_type {
  const char *descr;
  size_t size; // of an element in the file
  lam_type type;
} element_type;

static const element_type types[] = { { "|u1", 1, LAM_UINT8 }, { "|b1", 1, LAM_UINT8 },   { "<i4", 4, LAM_INT32 },
                                      { "<i8", 8, LAM_INT32 }, { "<f4", 4, LAM_FLOAT32 }, { "<f8", 8, LAM_FLOAT32 } };

static lam_status find_type(const header *h, const element_type **type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i)
    if (strcmp(types[i].descr, h->descr) == 0) return *type = &types[i], LAM_OK;
  if (strchr(h->descr, 'O'))
    return lam_fail(h->context, LAM_FORMAT, "\"%s\" holds pickled Python objects, which are never read", h->name);
  return lam_fail(h->context, LAM_FORMAT,
                  "\"%s\" has elements of type '%s'; read are |u1, |b1, <i4, <i8, <f4 and <f8: convert "
                  "it with astype",
                  h->name, h->descr);
}

static lam_status describe(const header *h, const element_type *type, size_t bytes, lam_array *array) {
  char text[96];
  size_t width;
  if (h->rank == 0 || h->sizes[0] == 0 || h->sizes[0] > LAM_MOST_ELEMENTS)
    return lam_fail(h->context, LAM_FORMAT, "\"%s\" has no rows, or more than 2147483647", h->name);
  *array = (lam_array){ .type = type->type, .rows = (size_t)h->sizes[0], .shape = { .rank = h->rank - 1 } };
  for (size_t i = 1; i < h->rank; ++i) array->shape.size[i - 1] = (size_t)h->sizes[i];
  if (h->rank == 1) array->shape = (lam_shape){ { 1 }, 1 };
  if (!lam_shape_count(array->shape, &width))
    return lam_fail(h->context, LAM_FORMAT,
                    "\"%s\" has rows of shape %s; each size must be at least 1, their product at most 2147483647", h->name,
                    lam_shape_text(text, array->shape));
  if (h->fortran_order && h->rank > 1)
    return lam_fail(h->context, LAM_FORMAT, "\"%s\" is in Fortran order; save it in C order: numpy.ascontiguousarray", h->name);
  if (strcmp(type->descr, "|b1") == 0) array->scale = 1; // bytes, but no pixels
  // rows and width are below 2^31 each: their product is below 2^62.
  uint64_t elements = (uint64_t)array->rows * width;
  if (bytes / type->size != elements || bytes % type->size)
    return lam_fail(h->context, LAM_FORMAT, "\"%s\" declares %llu elements of %zu bytes, and %zu bytes are there", h->name,
                    (unsigned long long)elements, type->size, bytes);
  return LAM_OK;
}

static lam_status refuse_element(const header *h, const lam_array *array, size_t index, const char *what) {
  return lam_fail(h->context, LAM_FORMAT, "\"%s\": row %zu, element %zu %s", h->name, index / lam_array_width(array),
                  index % lam_array_width(array), what);
}

static lam_status convert(const header *h, const element_type *type, const unsigned char *from, const lam_array *array, void *to,
                          size_t count) {
  bool boolean = strcmp(type->descr, "|b1") == 0;
  for (size_t i = 0; i < count; ++i, from += type->size) {
    uint64_t word = little_endian(from, type->size);
    double number;
    float *floats = to;
    memcpy(&number, &word, sizeof number);
    if (type->type == LAM_UINT8) {
      if (boolean && word > 1) return refuse_element(h, array, i, "is neither True nor False");
      ((unsigned char *)to)[i] = (unsigned char)word;
    } else if (type->size == 4) {
      ((uint32_t *)to)[i] = (uint32_t)word;
    } else if (type->type == LAM_INT32) {
      int64_t integer = (int64_t)word;
      if (integer < INT32_MIN || integer > INT32_MAX) return refuse_element(h, array, i, "is beyond 32 bits");
      ((int32_t *)to)[i] = (int32_t)integer;
    } else {
      if (isfinite(number) && fabs(number) > (double)FLT_MAX) return refuse_element(h, array, i, "is too large for a float");
      floats[i] = (float)number;
    }
  }
  return LAM_OK;
}

lam_status lam_npy_parse(lam_context *context, const char *name, const unsigned char *bytes, size_t size, lam_array *array,
                         lam_block *memory) {
  header h = { .context = context, .name = name };
  size_t start = 0;
  const element_type *type = NULL;
  *array = (lam_array){ 0 };
  *memory = (lam_block){ NULL, 0 };
  lam_status status = parse_header(&h, bytes, size, &start);
  if (!status) status = find_type(&h, &type);
  if (!status) status = describe(&h, type, size - start, array);
  if (status) return status;
  size_t count = (size - start) / type->size;
  void *elements = lam_allocate_array(context, count, lam_type_size(array->type));
  if (!elements) return LAM_OUT_OF_MEMORY;
  *memory = (lam_block){ elements, count * lam_type_size(array->type) };
  array->data = elements;
  status = convert(&h, type, bytes + start, array, elements, count);
  if (!status) return LAM_OK;
  lam_release(context, memory->memory, memory->size);
  *memory = (lam_block){ NULL, 0 };
  return status;
}

/* ---- datasets ---------------------------------------------------------------------------------------------------- */

lam_dataset *lam_npy_dataset(lam_context *context, const lam_array arrays[2], lam_block memory[2], size_t target_count,
                             const char *input_name, const char *target_name) {
  lam_dataset *dataset = NULL;
  if (target_count && arrays[0].rows != arrays[1].rows)
    lam_fail(context, LAM_FORMAT, "\"%s\" has %zu rows, but \"%s\" has %zu", target_name, arrays[1].rows, input_name,
             arrays[0].rows);
  else
    dataset = lam_dataset_over(context, &arrays[0], 1, &arrays[1], target_count, 0, arrays[0].rows);
  for (size_t i = 0; i < 2; ++i) {
    if (dataset)
      dataset->files[i] = memory[i];
    else
      lam_release(context, memory[i].memory, memory[i].size);
  }
  return dataset;
}

static lam_status read_array(lam_context *context, const char *path, char name[256], lam_array *array, lam_block *memory) {
  lam_block file;
  lam_status status = lam_source_read_file(context, path, &file);
  if (status) return status;
  status = lam_npy_parse(context, lam_path_text(name, 256, path), file.memory, file.size, array, memory);
  lam_release(context, file.memory, file.size);
  return status;
}

lam_dataset *lam_dataset_open_npy(lam_context *context, const char *inputs, const char *targets) {
  if (!context || context->unusable) return NULL;
  if (!inputs) return lam_fail(context, LAM_NO_HANDLE, "lam_dataset_open_npy needs the path of the inputs"), NULL;
  lam_array arrays[2] = { 0 };
  lam_block memory[2] = { { 0 } };
  char names[2][256];
  lam_status status = read_array(context, inputs, names[0], &arrays[0], &memory[0]);
  if (!status && targets) status = read_array(context, targets, names[1], &arrays[1], &memory[1]);
  if (!status) return lam_npy_dataset(context, arrays, memory, targets != NULL, names[0], names[1]);
  lam_release(context, memory[0].memory, memory[0].size);
  return NULL;
}
