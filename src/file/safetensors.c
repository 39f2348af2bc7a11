/* SPDX-License-Identifier: MIT
 *
 * Reading the safetensors container. Its header may be 100 MB of anybody's bytes, so it is scanned without a tree, and each size
 * is checked against the file's before it is used.
 */
#include "file/safetensors.h"
#include "base/names.h"
#include "file/sort.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(float) == 4, "tensors are written as they lie in memory");

typedef struct header {
  lam_safetensors *file;
  lam_context *context;
  lam_json_scanner scanner;
  const char *what, *key;
  size_t data, data_size; // where the tensors' bytes start, and how many there are
} header;

static lam_status fail(header *h, const char *reason) { return lam_json_fail(h->context, h->what, &h->scanner, reason); }

/* Goes to the next token, which must be this one. */
static lam_status expect(header *h, char token, const char *reason) {
  return lam_json_next(&h->scanner) == token ? LAM_OK : fail(h, reason);
}

/* After an element of an object or array: its end in *end, or the comma before the next. */
static lam_status comma_or_end(header *h, char closing, bool *end) {
  char token = lam_json_next(&h->scanner);
  *end = token == closing;
  return *end || token == ',' ? LAM_OK : fail(h, "a comma or the end was expected");
}

/* The present token as a whole number. */
static lam_status whole_number(header *h, size_t *value) {
  const lam_json number = { .text = h->scanner.text, .size = (uint32_t)h->scanner.size, .kind = LAM_JSON_NUMBER };
  uint64_t whole;
  if (h->scanner.token != '0' || !lam_json_integer(&number, &whole) || whole > SIZE_MAX)
    return fail(h, "a whole number was expected");
  *value = (size_t)whole;
  return LAM_OK;
}

/* An array of at most `most` whole numbers. */
static lam_status whole_numbers(header *h, size_t *values, size_t most, size_t *count) {
  *count = 0;
  lam_status status = expect(h, '[', "an array was expected");
  if (status) return status;
  if (lam_json_next(&h->scanner) == ']') return LAM_OK;
  for (bool end = false;;) {
    if (*count == most) return fail(h, "too many numbers");
    if ((status = whole_number(h, &values[*count]))) return status;
    ++*count;
    if ((status = comma_or_end(h, ']', &end)) || end) return status;
    lam_json_next(&h->scanner);
  }
}

/* ---- metadata ---------------------------------------------------------------------------------------------------- */

static lam_status read_metadata(header *h) {
  lam_status status = expect(h, '{', "__metadata__ must be an object");
  if (status) return status;
  if (lam_json_next(&h->scanner) == '}') return LAM_OK;
  for (bool end = false;;) {
    if (h->scanner.token != 's') return fail(h, "a key was expected");
    bool wanted = strcmp(h->scanner.text, h->key) == 0;
    if (wanted && h->file->text) return fail(h, "a key of __metadata__ appears twice");
    if ((status = expect(h, ':', "a colon was expected"))) return status;
    if ((status = expect(h, 's', "values of __metadata__ must be strings"))) return status;
    if (wanted) h->file->text = h->scanner.text, h->file->text_size = h->scanner.size;
    if ((status = comma_or_end(h, '}', &end)) || end) return status;
    lam_json_next(&h->scanner);
  }
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static lam_status check_type(header *h, const char *name) {
  static const char *const others[] = { "BOOL", "U8",  "I8",  "U16", "I16",     "F16",     "BF16",    "U32", "I32",
                                        "U64",  "I64", "F64", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4",  NULL };
  if (strcmp(h->scanner.text, "F32") == 0) return LAM_OK;
  if (lam_name_find(others, h->scanner.text) < 0) return fail(h, "an unknown dtype");
  return lam_fail(h->context, LAM_UNSUPPORTED, "%s: tensor \"%.80s\" is of type %s; only F32 is supported", h->what, name,
                  h->scanner.text);
}

/* Where shape and offsets must agree, within the bytes there are. */
static lam_status check_extent(header *h, const char *name, lam_tensor *tensor, const size_t offsets[2]) {
  size_t count = 1, bytes;
  bool overflow = false;
  for (size_t i = 0; i < tensor->shape.rank; ++i) overflow |= __builtin_mul_overflow(count, tensor->shape.size[i], &count);
  overflow |= __builtin_mul_overflow(count, sizeof(float), &bytes);
  if (offsets[0] > offsets[1] || offsets[1] > h->data_size)
    return lam_fail(h->context, LAM_FORMAT, "%s: tensor \"%.80s\" lies at bytes %zu to %zu of %zu", h->what, name, offsets[0],
                    offsets[1], h->data_size);
  if (overflow || bytes != offsets[1] - offsets[0])
    return lam_fail(h->context, LAM_FORMAT, "%s: tensor \"%.80s\" has %zu bytes, which is not what its shape needs", h->what,
                    name, offsets[1] - offsets[0]);
  tensor->begin = h->data + offsets[0];
  tensor->count = count;
  return LAM_OK;
}

/* The object of a tensor: dtype, shape and data_offsets, each once and nothing else. */
static lam_status read_tensor(header *h, lam_tensor *tensor) {
  enum { TYPE = 1, SHAPE = 2, OFFSETS = 4 };
  int seen = 0;
  size_t offsets[2] = { 0 }, count = 0;
  lam_status status = expect(h, '{', "a tensor must be an object");
  for (bool end = false; !status && !end;) {
    if ((status = expect(h, 's', "a key was expected"))) break;
    int key = strcmp(h->scanner.text, "dtype") == 0          ? TYPE
              : strcmp(h->scanner.text, "shape") == 0        ? SHAPE
              : strcmp(h->scanner.text, "data_offsets") == 0 ? OFFSETS
                                                             : 0;
    if (key == 0) return fail(h, "a tensor has dtype, shape and data_offsets and nothing else");
    if (seen & key) return fail(h, "a key of a tensor appears twice");
    seen |= key;
    if ((status = expect(h, ':', "a colon was expected"))) break;
    if (key == TYPE && !(status = expect(h, 's', "dtype must be a string"))) status = check_type(h, tensor->name);
    if (key == SHAPE) status = whole_numbers(h, tensor->shape.size, LAM_MAX_RANK, &tensor->shape.rank);
    if (key == OFFSETS) status = whole_numbers(h, offsets, 2, &count);
    if (key == OFFSETS && !status && count != 2) status = fail(h, "data_offsets must be two numbers");
    if (!status) status = comma_or_end(h, '}', &end);
  }
  if (!status && seen != (TYPE | SHAPE | OFFSETS)) status = fail(h, "a tensor lacks dtype, shape or data_offsets");
  return status ? status : check_extent(h, tensor->name, tensor, offsets);
}

static lam_status add_tensor(header *h) {
  lam_safetensors *file = h->file;
  if (file->count == file->capacity)
    return lam_fail(h->context, LAM_FORMAT, "%s: more tensors than %zu bytes of header should have", h->what, file->header_size);
  lam_tensor *tensor = &file->tensors[file->count++];
  *tensor = (lam_tensor){ .name = h->scanner.text };
  lam_status status = expect(h, ':', "a colon was expected");
  return status ? status : read_tensor(h, tensor);
}

static lam_status read_header(header *h) {
  bool metadata = false;
  lam_status status = expect(h, '{', "a safetensors header is an object");
  if (status) return status;
  if (lam_json_next(&h->scanner) != '}') {
    for (bool end = false;;) {
      if (h->scanner.token != 's') return fail(h, "a name was expected");
      if (strcmp(h->scanner.text, "__metadata__") == 0) {
        if (metadata) return fail(h, "__metadata__ appears twice");
        metadata = true;
        status = expect(h, ':', "a colon was expected");
        if (!status) status = read_metadata(h);
      } else {
        status = add_tensor(h);
      }
      if (!status) status = comma_or_end(h, '}', &end);
      if (status || end) break;
      lam_json_next(&h->scanner);
    }
  }
  if (status) return status;
  return expect(h, '.', "something stands after the header's end");
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

_Static_assert(sizeof(lam_tensor) <= LAM_SORT_MOST, "tensors are sorted");

static bool name_less(const void *a, const void *b) {
  const lam_tensor *first = a, *second = b;
  return strcmp(first->name, second->name) < 0;
}

/* Empty ones before the one that starts at the same byte. */
static bool begin_less(const void *a, const void *b) {
  const lam_tensor *first = a, *second = b;
  return first->begin != second->begin ? first->begin < second->begin : first->count < second->count;
}

static lam_status check_tiling(const header *h) {
  lam_safetensors *file = h->file;
  lam_sort(file->tensors, file->count, sizeof *file->tensors, begin_less);
  size_t at = h->data, end = h->data + h->data_size;
  for (size_t i = 0; i < file->count; at += file->tensors[i++].count * sizeof(float))
    if (file->tensors[i].begin != at)
      return lam_fail(h->context, LAM_FORMAT, "%s: tensor \"%.80s\" starts at byte %zu of the file; the one before ends at %zu",
                      h->what, file->tensors[i].name, file->tensors[i].begin, at);
  if (at != end) return lam_fail(h->context, LAM_FORMAT, "%s: the tensors end at byte %zu, the file at %zu", h->what, at, end);
  return LAM_OK;
}

static lam_status check_names(const header *h) {
  lam_safetensors *file = h->file;
  lam_sort(file->tensors, file->count, sizeof *file->tensors, name_less);
  for (size_t i = 1; i < file->count; ++i)
    if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0)
      return lam_fail(h->context, LAM_FORMAT, "%s: tensor \"%.80s\" is there twice", h->what, file->tensors[i].name);
  return LAM_OK;
}

static lam_status read_length(const lam_bytes *source, size_t *length) {
  unsigned char bytes[8];
  if (source->size < sizeof bytes)
    return lam_fail(source->context, LAM_FORMAT, "%s: %zu bytes are too few for a safetensors file", source->name, source->size);
  lam_status status = lam_bytes_read(source, 0, bytes, sizeof bytes);
  if (status) return status;
  uint64_t value = 0;
  for (int i = 8; i-- > 0;) value = value << 8 | bytes[i];
  if (value > LAM_HEADER_MOST || value > source->size - sizeof bytes)
    return lam_fail(source->context, LAM_FORMAT, "%s: not a safetensors file, or cut short: its header would have %llu bytes",
                    source->name, (unsigned long long)value);
  *length = (size_t)value;
  return LAM_OK;
}

/* How many tensors the header can describe: each has this key, and quotes within strings are escaped. */
static size_t count_tensors(const char *text, size_t size) {
  static const char key[] = "\"dtype\"";
  size_t count = 0;
  const char *end = text + size;
  for (const char *at = text; (at = memmem(at, (size_t)(end - at), key, sizeof key - 1)); at += sizeof key - 1) ++count;
  return count;
}

static lam_status load_header(const lam_bytes *source, const char *key, size_t limit, lam_safetensors *file) {
  lam_context *context = source->context;
  lam_status status = read_length(source, &file->header_size);
  if (status) return status;
  if (file->header_size == 0) return lam_fail(context, LAM_FORMAT, "%s: its header is empty", source->name);
  file->header = lam_allocate(context, file->header_size);
  if (!file->header) return LAM_OUT_OF_MEMORY;
  if ((status = lam_bytes_read(source, 8, file->header, file->header_size))) return status;

  file->capacity = count_tensors(file->header, file->header_size);
  if (file->capacity > limit / sizeof *file->tensors) file->capacity = limit / sizeof *file->tensors;
  if (file->capacity) {
    file->tensors = lam_allocate_array(context, file->capacity, sizeof *file->tensors);
    if (!file->tensors) return LAM_OUT_OF_MEMORY;
  }
  header h = { .file = file, .context = context, .what = source->name, .key = key };
  h.scanner = lam_json_scan(file->header, file->header_size);
  h.data = 8 + file->header_size;
  h.data_size = source->size - h.data;
  status = read_header(&h);
  if (!status) status = check_tiling(&h);
  return status ? status : check_names(&h);
}

lam_status lam_safetensors_open(const lam_bytes *source, const char *key, size_t limit, lam_safetensors *file) {
  *file = (lam_safetensors){ .source = source };
  lam_status status = load_header(source, key, limit, file);
  if (status) lam_safetensors_close(file);
  return status;
}

void lam_safetensors_close(lam_safetensors *file) {
  if (!file->source) return;
  lam_release(file->source->context, file->tensors, file->capacity * sizeof *file->tensors);
  lam_release(file->source->context, file->header, file->header_size);
  *file = (lam_safetensors){ 0 };
}

const lam_tensor *lam_safetensors_find(const lam_safetensors *file, const char *name) {
  size_t low = 0, high = file->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(file->tensors[middle].name, name);
    if (order == 0) return &file->tensors[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

lam_status lam_safetensors_read(const lam_safetensors *file, const lam_tensor *tensor, float *values) {
  return lam_bytes_read(file->source, tensor->begin, values, tensor->count * sizeof(float));
}
