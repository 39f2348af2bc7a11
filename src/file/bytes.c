/* SPDX-License-Identifier: MIT
 *
 * Reading: from memory, from regular files, from the caller's function.
 */
#include "file/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

lam_bytes lam_bytes_memory(lam_context *context, const void *bytes, size_t size) {
  return (lam_bytes){ .context = context, .name = "the model in memory", .size = size, .bytes = bytes, .descriptor = -1 };
}

static lam_status system_failed(lam_context *context, const char *path) {
  char reason[128];
  return lam_fail(context, LAM_IO, "cannot read %s: %s", path, strerror_r(errno, reason, sizeof reason));
}

lam_status lam_bytes_open(lam_context *context, const char *path, lam_bytes *source) {
  *source = (lam_bytes){ .context = context, .name = path, .descriptor = -1 };
  // Without O_NONBLOCK opening a pipe would wait for a writer.
  int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) return system_failed(context, path);
  struct stat about;
  lam_status status = LAM_OK;
  if (fstat(descriptor, &about))
    status = system_failed(context, path);
  else if (!S_ISREG(about.st_mode))
    status = lam_fail(context, LAM_IO, "cannot read %s: not a regular file", path);
  if (status) return close(descriptor), status;
  source->descriptor = descriptor;
  source->size = (size_t)about.st_size;
  return LAM_OK;
}

lam_status lam_bytes_stream(lam_context *context, lam_read_function read, void *user, lam_bytes *source) {
  *source = (lam_bytes){ .context = context, .name = "the model read", .descriptor = -1 };
  for (;;) {
    void *memory = source->owned;
    size_t needed = source->size + 65536 / 2;
    lam_status status = needed > source->size ? lam_grow(context, &memory, &source->capacity, needed, 1) : LAM_OUT_OF_MEMORY;
    source->bytes = source->owned = memory;
    if (status) return lam_bytes_close(source), status;
    size_t room = source->capacity - source->size;
    ptrdiff_t got = read(user, source->owned + source->size, room);
    if (got == 0) return LAM_OK;
    if (got < 0 || (size_t)got > room) {
      lam_bytes_close(source);
      return lam_fail(context, LAM_IO, "the read function returned %td for %zu bytes", got, room);
    }
    source->size += (size_t)got;
  }
}

void lam_bytes_close(lam_bytes *source) {
  if (source->descriptor >= 0) close(source->descriptor);
  lam_release(source->context, source->owned, source->capacity);
  source->descriptor = -1;
  source->bytes = source->owned = NULL;
}

lam_status lam_bytes_read(const lam_bytes *source, size_t offset, void *to, size_t size) {
  if (offset > source->size || size > source->size - offset)
    return lam_fail(source->context, LAM_FORMAT, "%s: %zu bytes from byte %zu on are missing: it has %zu", source->name, size,
                    offset, source->size);
  if (source->bytes) {
    memcpy(to, source->bytes + offset, size);
    return LAM_OK;
  }
  unsigned char *next = to;
  while (size > 0) {
    ssize_t got = pread(source->descriptor, next, size, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failed(source->context, source->name);
    if (got == 0) return lam_fail(source->context, LAM_IO, "%s became shorter while it was read", source->name);
    next += got;
    offset += (size_t)got;
    size -= (size_t)got;
  }
  return LAM_OK;
}
