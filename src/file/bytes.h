/* SPDX-License-Identifier: MIT
 *
 * Where the bytes of a model come from and go to: memory, a file, the caller's function. Whatever it is, its size is known before
 * any of it is believed.
 */
#ifndef LAM_FILE_BYTES_H
#define LAM_FILE_BYTES_H

#include "base/context.h"
#include <lamina/file.h>

typedef struct lam_bytes {
  lam_context *context;
  const char *name; /* opens every sentence about it: the path */
  size_t size;
  const unsigned char *bytes; /* in memory, or NULL */
  int descriptor;             /* of a file */
  unsigned char *owned;       /* what a stream was read into */
  size_t capacity;
} lam_bytes;

lam_bytes lam_bytes_memory(lam_context *context, const void *bytes, size_t size);
/* Opens a regular file, and nothing else: no directory, pipe or device. Errors: LAM_IO. */
lam_status lam_bytes_open(lam_context *context, const char *path, lam_bytes *source);
/* Reads a function's bytes to their end, into a buffer that grows with what has come. */
lam_status lam_bytes_stream(lam_context *context, lam_read_function read, void *user, lam_bytes *source);
void lam_bytes_close(lam_bytes *source);

/* Copies `size` bytes from `offset` on. Errors: LAM_FORMAT (not so many there), LAM_IO (a file became shorter meanwhile). */
lam_status lam_bytes_read(const lam_bytes *source, size_t offset, void *to, size_t size);

/* ---- saving ------------------------------------------------------------------------------------------------------ */

/* Writes an object through a function. */
typedef lam_status (*lam_produce)(const void *object, lam_write_function write, void *user);

/* Saves what `produce` writes at `path`: into a new file in the same folder, forced to disk, renamed over the old one, the folder
 * forced to disk. The mode is the old file's, or 0666 without the umask. After a failure the old file is as it was and the new
 * one is gone. Errors: LAM_IO with the path and the system's reason. */
lam_status lam_disk_save(lam_context *context, const char *path, lam_produce produce, const void *object);

#endif
