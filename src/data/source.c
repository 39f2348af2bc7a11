/* SPDX-License-Identifier: MIT
 *
 * Files as streams of bytes, gzip through zlib's inflate.
 */
#include "data/source.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef LAM_HAVE_ZLIB
#include <zlib.h>
#endif

enum { CHUNK = 1 << 16 };

struct lam_source {
  lam_context *context;
  char path[256]; // for sentences
  int file;
  uint64_t size, taken; // bytes of the file as it was opened, and how many of them were read
  bool compressed;
#ifdef LAM_HAVE_ZLIB
  z_stream inflate;
  bool member_ended;
  unsigned char chunk[CHUNK];
#endif
};

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* O_NONBLOCK: opening a FIFO or a device must not wait for another process. */
static lam_status open_file(lam_source *source, const char *path) {
  lam_context *context = source->context;
  struct stat status;
  source->file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (source->file < 0) return lam_fail(context, LAM_IO, "\"%s\" cannot be opened: %s", source->path, strerror(errno));
  if (fstat(source->file, &status) != 0)
    return lam_fail(context, LAM_IO, "\"%s\" cannot be examined: %s", source->path, strerror(errno));
  if (!S_ISREG(status.st_mode))
    return lam_fail(context, LAM_IO, "\"%s\" is %s, not a file", source->path,
                    S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe");
  source->size = (uint64_t)status.st_size;
  return LAM_OK;
}

/* Reads up to `size` bytes; *got is less only where the file ends. */
static lam_status read_file(lam_source *source, void *bytes, size_t size, size_t *got) {
  *got = 0;
  while (*got < size) {
    ssize_t n = read(source->file, (unsigned char *)bytes + *got, size - *got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lam_fail(source->context, LAM_IO, "\"%s\" cannot be read: %s", source->path, strerror(errno));
    if (n == 0) break;
    *got += (size_t)n;
  }
  source->taken += *got;
  return LAM_OK;
}

/* ---- gzip -------------------------------------------------------------------------------------------------------- */

#ifdef LAM_HAVE_ZLIB

/* Deflate spends at least one bit on the length and one on the distance of a match, which has at most 258 bytes. */
enum { DEFLATE_RATIO = 1032 };

/* zlib's memory comes from the context too; each piece has its size in front. */
enum { PIECE_HEAD = 64 };

static void *inflate_allocate(void *context, unsigned count, unsigned size) {
  size_t bytes = (size_t)count * size + PIECE_HEAD;
  unsigned char *piece = lam_allocate(context, bytes);
  if (!piece) return NULL;
  memcpy(piece, &bytes, sizeof bytes);
  return piece + PIECE_HEAD;
}

static void inflate_release(void *context, void *memory) {
  unsigned char *piece = (unsigned char *)memory - PIECE_HEAD;
  size_t bytes;
  memcpy(&bytes, piece, sizeof bytes);
  lam_release(context, piece, bytes);
}

enum { GZIP_ONLY = 15 + 16, RAW = -15 }; // the largest window, and what stands around the data

static lam_status open_inflate(lam_context *context, z_stream *z, int window) {
  z->zalloc = inflate_allocate;
  z->zfree = inflate_release;
  z->opaque = context;
  int result = inflateInit2(z, window);
  if (result == Z_OK) return LAM_OK;
  return result == Z_MEM_ERROR ? LAM_OUT_OF_MEMORY : lam_fail(context, LAM_SYSTEM, "zlib could not be started");
}

static lam_status start_inflate(lam_source *source) {
  lam_status status = open_inflate(source->context, &source->inflate, GZIP_ONLY);
  source->compressed = status == LAM_OK;
  return status;
}

static lam_status fail_inflate(lam_source *source, int result) {
  if (result == Z_MEM_ERROR)
    return lam_fail(source->context, LAM_OUT_OF_MEMORY, "out of memory while \"%s\" was read", source->path);
  return lam_fail(source->context, LAM_FORMAT, "\"%s\" is garbled near compressed byte %llu: %s", source->path,
                  (unsigned long long)(source->taken - source->inflate.avail_in),
                  source->inflate.msg ? source->inflate.msg : "no gzip data");
}

/* Inflates up to `size` bytes; *got is less only where the data end. A file may be several gzip members one behind the other. */
static lam_status read_inflated(lam_source *source, void *bytes, size_t size, size_t *got) {
  z_stream *z = &source->inflate;
  *got = 0;
  while (*got < size) {
    if (z->avail_in == 0) {
      size_t compressed;
      lam_status status = read_file(source, source->chunk, CHUNK, &compressed);
      if (status != LAM_OK) return status;
      if (compressed == 0 && source->member_ended) return LAM_OK;
      if (compressed == 0)
        return lam_fail(source->context, LAM_FORMAT, "\"%s\" ends in the middle of its compressed data, after %llu bytes",
                        source->path, (unsigned long long)source->taken);
      z->next_in = source->chunk;
      z->avail_in = (unsigned)compressed;
    }
    if (source->member_ended) inflateReset(z);
    source->member_ended = false;
    unsigned room = size - *got < INT32_MAX ? (unsigned)(size - *got) : INT32_MAX;
    z->next_out = (unsigned char *)bytes + *got;
    z->avail_out = room;
    int result = inflate(z, Z_NO_FLUSH);
    *got += room - z->avail_out;
    source->member_ended = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END) return fail_inflate(source, result);
  }
  return LAM_OK;
}

/* Memory doubles as the bytes come, up to what was declared. */
static lam_status read_block_inflated(lam_source *source, size_t size, const char *what, lam_block *block) {
  lam_context *context = source->context;
  if (size / DEFLATE_RATIO > source->size)
    return lam_fail(context, LAM_FORMAT, "\"%s\" declares %zu bytes of %s; its %llu compressed bytes cannot hold as many",
                    source->path, size, what, (unsigned long long)source->size);
  while (block->size < size) {
    size_t room = block->size ? block->size : CHUNK;
    room = room < size - block->size ? block->size + room : size;
    unsigned char *grown = lam_allocate(context, room);
    if (!grown) return LAM_OUT_OF_MEMORY;
    if (block->size) memcpy(grown, block->memory, block->size);
    size_t kept = block->size;
    lam_release(context, block->memory, block->size);
    *block = (lam_block){ grown, room };
    lam_status status = lam_source_read(source, grown + kept, room - kept, what);
    if (status != LAM_OK) return status;
  }
  return LAM_OK;
}

lam_status lam_inflate(lam_context *context, const char *name, const unsigned char *bytes, size_t size, size_t plain,
                       lam_block *block) {
  *block = (lam_block){ NULL, 0 };
  if (plain == 0 || plain / DEFLATE_RATIO > size || size > UINT32_MAX || plain > UINT32_MAX)
    return lam_fail(context, LAM_FORMAT, "\"%s\" declares %zu bytes, which its %zu compressed bytes cannot hold", name, plain,
                    size);
  z_stream z = { .next_in = (unsigned char *)(uintptr_t)bytes, .avail_in = (unsigned)size, .avail_out = (unsigned)plain };
  lam_status status = open_inflate(context, &z, RAW);
  if (status != LAM_OK) return status;
  *block = (lam_block){ lam_allocate(context, plain), plain };
  z.next_out = block->memory;
  int result = block->memory ? inflate(&z, Z_FINISH) : Z_MEM_ERROR;
  bool whole = result == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 0;
  inflateEnd(&z);
  if (whole) return LAM_OK;
  lam_release(context, block->memory, block->size);
  *block = (lam_block){ NULL, 0 };
  if (result == Z_MEM_ERROR) return lam_fail(context, LAM_OUT_OF_MEMORY, "out of memory while \"%s\" was read", name);
  return lam_fail(context, LAM_FORMAT, "\"%s\" is garbled: its compressed bytes are not what they declare", name);
}

lam_status lam_crc_check(lam_context *context, const char *name, const void *bytes, size_t size, uint32_t crc) {
  if (crc32_z(0, bytes, size) == crc) return LAM_OK;
  return lam_fail(context, LAM_FORMAT, "\"%s\" is damaged: its checksum is another", name);
}

#else

static lam_status start_inflate(lam_source *source) {
  return lam_fail(source->context, LAM_UNSUPPORTED, "\"%s\" is gzip-compressed, and this build has no zlib; decompress it first",
                  source->path);
}

/* Never called: no source is compressed. */
static lam_status read_inflated(lam_source *source, void *bytes, size_t size, size_t *got) {
  return read_file(source, bytes, size, got);
}

static lam_status read_block_inflated(lam_source *source, size_t size, const char *what, lam_block *block) {
  (void)size, (void)what, (void)block;
  return start_inflate(source);
}

lam_status lam_inflate(lam_context *context, const char *name, const unsigned char *bytes, size_t size, size_t plain,
                       lam_block *block) {
  (void)bytes, (void)size, (void)plain;
  *block = (lam_block){ NULL, 0 };
  return lam_fail(context, LAM_UNSUPPORTED, "\"%s\" is compressed, and this build has no zlib; save it with numpy.savez", name);
}

lam_status lam_crc_check(lam_context *context, const char *name, const void *bytes, size_t size, uint32_t crc) {
  (void)context, (void)name, (void)bytes, (void)size, (void)crc;
  return LAM_OK;
}

#endif

/* ---- both -------------------------------------------------------------------------------------------------------- */

static lam_status read_up_to(lam_source *source, void *bytes, size_t size, size_t *got) {
  return source->compressed ? read_inflated(source, bytes, size, got) : read_file(source, bytes, size, got);
}

static lam_status recognise(lam_source *source) {
  unsigned char first[2];
  ssize_t n = pread(source->file, first, sizeof first, 0);
  if (n < 0) return lam_fail(source->context, LAM_IO, "\"%s\" cannot be read: %s", source->path, strerror(errno));
  return n == 2 && first[0] == 0x1f && first[1] == 0x8b ? start_inflate(source) : LAM_OK;
}

char *lam_path_text(char *buffer, size_t size, const char *path) {
  size_t length = strlen(path);
  if (length < size) return memcpy(buffer, path, length + 1);
  const char *end = path + length - (size - 4);
  while (((unsigned char)*end & 0xc0) == 0x80) ++end; // not into the middle of a UTF-8 character
  memcpy(buffer, "...", 3);
  memcpy(buffer + 3, end, strlen(end) + 1);
  return buffer;
}

lam_status lam_source_open(lam_context *context, const char *path, lam_source **opened) {
  *opened = NULL;
  lam_source *source = lam_allocate_zero(context, sizeof *source);
  if (!source) return LAM_OUT_OF_MEMORY;
  source->context = context;
  lam_path_text(source->path, sizeof source->path, path);
  lam_status status = open_file(source, path);
  if (status == LAM_OK) status = recognise(source);
  if (status == LAM_OK)
    *opened = source;
  else
    lam_source_close(source);
  return status;
}

void lam_source_close(lam_source *source) {
  if (!source) return;
#ifdef LAM_HAVE_ZLIB
  if (source->compressed) inflateEnd(&source->inflate);
#endif
  if (source->file >= 0) close(source->file);
  lam_release(source->context, source, sizeof *source);
}

const char *lam_source_path(const lam_source *source) { return source->path; }

lam_status lam_source_read(lam_source *source, void *bytes, size_t size, const char *what) {
  size_t got;
  lam_status status = read_up_to(source, bytes, size, &got);
  if (status != LAM_OK || got == size) return status;
  return lam_fail(source->context, LAM_FORMAT, "\"%s\" is cut short: it ends %zu bytes before the end of its %s", source->path,
                  size - got, what);
}

/* The sizes were checked against the file: all at once. */
static lam_status read_block_plain(lam_source *source, size_t size, const char *what, lam_block *block) {
  uint64_t left = source->size > source->taken ? source->size - source->taken : 0;
  if (size > left)
    return lam_fail(source->context, LAM_FORMAT, "\"%s\" is cut short: it declares %zu bytes of %s, and %llu are there",
                    source->path, size, what, (unsigned long long)left);
  block->memory = lam_allocate(source->context, size);
  if (!block->memory) return LAM_OUT_OF_MEMORY;
  block->size = size;
  return lam_source_read(source, block->memory, size, what);
}

lam_status lam_source_read_block(lam_source *source, size_t size, const char *what, lam_block *block) {
  *block = (lam_block){ NULL, 0 };
  lam_status status =
      source->compressed ? read_block_inflated(source, size, what, block) : read_block_plain(source, size, what, block);
  if (status == LAM_OK) return LAM_OK;
  lam_release(source->context, block->memory, block->size);
  *block = (lam_block){ NULL, 0 };
  return status;
}

lam_status lam_source_end(lam_source *source) {
  unsigned char byte;
  size_t got;
  lam_status status = read_up_to(source, &byte, 1, &got);
  if (status != LAM_OK || got == 0) return status;
  return lam_fail(source->context, LAM_FORMAT, "\"%s\" has more bytes than it declares", source->path);
}

/* Compressed bytes are gone through once to be counted: so the block is never larger than what it holds. */
static lam_status count_bytes(lam_source *source, uint64_t *size) {
  unsigned char *room = source->compressed ? lam_allocate(source->context, CHUNK) : NULL;
  *size = source->size;
  if (!source->compressed) return LAM_OK;
  if (!room) return LAM_OUT_OF_MEMORY;
  size_t got = 0;
  lam_status status = LAM_OK;
  *size = 0;
  do {
    status = read_up_to(source, room, CHUNK, &got);
    *size += got;
  } while (status == LAM_OK && got == CHUNK);
  lam_release(source->context, room, CHUNK);
  return status;
}

lam_status lam_source_read_file(lam_context *context, const char *path, lam_block *block) {
  *block = (lam_block){ NULL, 0 };
  lam_source *source;
  uint64_t size = 0;
  lam_status status = lam_source_open(context, path, &source);
  if (status != LAM_OK) return status;
  bool again = source->compressed;
  status = count_bytes(source, &size);
  if (status == LAM_OK && size == 0) status = lam_fail(context, LAM_FORMAT, "\"%s\" is empty", source->path);
  if (status == LAM_OK && size > PTRDIFF_MAX) status = lam_fail(context, LAM_OUT_OF_MEMORY, "\"%s\" is too large", source->path);
  if (status == LAM_OK && again) {
    lam_source_close(source);
    status = lam_source_open(context, path, &source);
  }
  if (status == LAM_OK) status = lam_source_read_block(source, (size_t)size, "bytes", block);
  if (status == LAM_OK) status = lam_source_end(source);
  lam_source_close(source);
  if (status == LAM_OK) return LAM_OK;
  lam_release(context, block->memory, block->size);
  *block = (lam_block){ NULL, 0 };
  return status;
}
