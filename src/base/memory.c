/* SPDX-License-Identifier: MIT
 *
 * The context's memory: everything the library allocates comes from here, and so from the host's allocator where it gave one.
 */
#include "base/context.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 }; // a cache line, and the widest vector

void *lam_allocate(lam_context *context, size_t size) {
  if (!context || size == 0) return NULL;
  void *memory = context->allocator.allocate(context->allocator.user, size, ALIGNMENT);
  if (!memory) lam_fail(context, LAM_OUT_OF_MEMORY, "out of memory: %zu bytes were asked for", size);
  return memory;
}

void *lam_allocate_zero(lam_context *context, size_t size) {
  void *memory = lam_allocate(context, size);
  return memory ? memset(memory, 0, size) : NULL;
}

void *lam_allocate_array(lam_context *context, size_t count, size_t size) {
  size_t bytes;
  if (!__builtin_mul_overflow(count, size, &bytes)) return lam_allocate(context, bytes);
  lam_fail(context, LAM_OUT_OF_MEMORY, "out of memory: %zu elements of %zu bytes were asked for", count, size);
  return NULL;
}

void lam_release(lam_context *context, void *memory, size_t size) {
  if (memory) context->allocator.release(context->allocator.user, memory, size);
}

lam_status lam_grow(lam_context *context, void **memory, size_t *capacity, size_t needed, size_t size) {
  if (!context) return LAM_NO_HANDLE;
  if (needed <= *capacity) return LAM_OK;
  size_t wanted = *capacity <= SIZE_MAX / 2 ? *capacity * 2 : SIZE_MAX;
  if (wanted < needed) wanted = needed;
  if (wanted < 8) wanted = 8;
  void *grown = lam_allocate_array(context, wanted, size);
  if (!grown) return LAM_OUT_OF_MEMORY;
  if (*memory) memcpy(grown, *memory, *capacity * size);
  lam_release(context, *memory, *capacity * size);
  *memory = grown;
  *capacity = wanted;
  return LAM_OK;
}

char *lam_copy_string(lam_context *context, const char *string) {
  if (!string) return NULL;
  size_t size = strlen(string) + 1;
  char *copy = lam_allocate(context, size);
  return copy ? memcpy(copy, string, size) : NULL;
}

void lam_release_string(lam_context *context, char *string) {
  if (string) lam_release(context, string, strlen(string) + 1);
}

char **lam_copy_strings(lam_context *context, const char *const *strings, size_t count, size_t *bytes) {
  size_t size = count * sizeof(char *); // the pointers are in memory already: no overflow
  for (size_t i = 0; i < count; ++i) size += strlen(strings[i]) + 1;
  char **copies = lam_allocate(context, size);
  if (!copies) return NULL;
  char *next = (char *)(copies + count);
  for (size_t i = 0; i < count; ++i) {
    size_t length = strlen(strings[i]) + 1;
    copies[i] = memcpy(next, strings[i], length);
    next += length;
  }
  *bytes = size;
  return copies;
}

bool lam_all_zero(const void *bytes, size_t size) {
  const unsigned char *byte = bytes;
  for (size_t i = 0; i < size; ++i)
    if (byte[i]) return false;
  return true;
}
