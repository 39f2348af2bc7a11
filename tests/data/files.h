/* SPDX-License-Identifier: MIT
 *
 * What the suites of files share: a context, a folder of their own, files written byte by byte, IDX put together.
 */
#ifndef LAM_TESTS_DATA_FILES_H
#define LAM_TESTS_DATA_FILES_H

#include "context.h"
#include "folder.h"
#include <lamina.h>
#ifdef LAM_HAVE_ZLIB
#include <zlib.h>
#endif

static inline int open_context(void **state) { return make_context(state) ? -1 : make_folder(state); }
static inline int close_context(void **state) { return destroy_context(state) | remove_folder(state); }

/* The last sentence has the status and the part. */
static inline void says(lam_status status, const char *part) {
  const char *message = lam_error_message(context);
  if (lam_error_status(context) != status || !strstr(message, part))
    fail_msg("status %d, \"%s\" does not say \"%s\"", (int)lam_error_status(context), message, part);
}

/* Opens files, targets from one of their own unless that is NULL, with every allocation failing in turn. */
static const char *failing_path, *failing_targets;

static inline bool open_failing(lam_allocator allocator) {
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_dataset *dataset =
      failing_targets ? lam_dataset_open_idx(own, failing_path, failing_targets) : lam_dataset_open(own, failing_path);
  assert_true(!own || dataset || lam_error_status(own) == LAM_OUT_OF_MEMORY);
  lam_context_destroy(own);
  return dataset != NULL;
}

static inline void open_with_every_allocation_failing(const char *path, const char *targets) {
  failing_path = path, failing_targets = targets;
  test_every_allocation_failing(open_failing);
}

static inline const char *write_file(const char *name, const void *bytes, size_t size) {
  const char *path = in_folder(name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
  return path;
}

typedef struct bytes {
  unsigned char data[1 << 12];
  size_t size;
} bytes;

static inline void add_word(bytes *b, uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) b->data[b->size++] = (unsigned char)(word >> shift);
}

/* An IDX header; sizes end with a zero. */
static inline bytes idx_header(unsigned type, const uint32_t *sizes) {
  bytes b = { { 0, 0, (unsigned char)type, 0 }, 4 };
  for (; *sizes; ++sizes, ++b.data[3]) add_word(&b, *sizes);
  return b;
}

/* rows x height x width bytes 0, 1, 2, ... as IDX. */
static inline bytes idx_images(uint32_t rows, uint32_t height, uint32_t width) {
  bytes b = idx_header(8, (uint32_t[]){ rows, height, width, 0 });
  for (uint32_t i = 0; i < rows * height * width; ++i) b.data[b.size++] = (unsigned char)i;
  return b;
}

static inline bytes idx_labels(uint32_t rows) {
  bytes b = idx_header(8, (uint32_t[]){ rows, 0 });
  for (uint32_t i = 0; i < rows; ++i) b.data[b.size++] = (unsigned char)(i % 10);
  return b;
}

#ifdef LAM_HAVE_ZLIB
/* Compressed; for zlib a window of 31 bits means one gzip member, and one of -15 no head at all. */
static inline bytes deflate_bytes(const void *data, size_t size, int window) {
  bytes b;
  z_stream z = { .next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)size };
  assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_out = b.data;
  z.avail_out = sizeof b.data;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  b.size = z.total_out;
  deflateEnd(&z);
  return b;
}

static inline bytes gzip_bytes(const void *data, size_t size) { return deflate_bytes(data, size, 31); }
#endif

#endif
