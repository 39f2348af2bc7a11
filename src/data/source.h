/* SPDX-License-Identifier: MIT
 *
 * The bytes of a file, plain or gzip-compressed, as a stream that trusts nothing: regular files only, and no more memory than the
 * bytes that are there can fill.
 */
#ifndef LAM_DATA_SOURCE_H
#define LAM_DATA_SOURCE_H

#include "data/dataset.h"

typedef struct lam_source lam_source;

/* Opens a file; gzip is recognised by its first bytes, whatever the name. LAM_IO where it cannot be opened or is no regular file,
 * LAM_UNSUPPORTED for gzip in a build without zlib. */
lam_status lam_source_open(lam_context *context, const char *path, lam_source **source);
/* The path for sentences. */
const char *lam_source_path(const lam_source *source);
void lam_source_close(lam_source *source); /* NULL is allowed */

/* Reads exactly `size` bytes into `bytes`; LAM_FORMAT where the file ends before (`what` is being read) or is garbled. */
lam_status lam_source_read(lam_source *source, void *bytes, size_t size, const char *what);
/* The same into memory that it allocates, the caller's to release as block->size bytes. Sizes that the file cannot hold are
 * refused before anything is allocated, and compressed bytes get memory as they come. */
lam_status lam_source_read_block(lam_source *source, size_t size, const char *what, lam_block *block);
/* LAM_FORMAT where there are bytes left. */
lam_status lam_source_end(lam_source *source);

/* Reads a whole file, decompressed; the block is the caller's to release. LAM_FORMAT where it is empty. */
lam_status lam_source_read_file(lam_context *context, const char *path, lam_block *block);

/* Inflates `size` bytes of raw deflate into a block of just `plain` bytes, the caller's to release; `name` is for sentences.
 * LAM_FORMAT where that is not what they hold, LAM_UNSUPPORTED without zlib. */
lam_status lam_inflate(lam_context *context, const char *name, const unsigned char *bytes, size_t size, size_t plain,
                       lam_block *block);
/* LAM_FORMAT where the bytes' CRC-32 is another; nothing is checked without zlib. */
lam_status lam_crc_check(lam_context *context, const char *name, const void *bytes, size_t size, uint32_t crc);

/* A path for a sentence: of one that does not fit, its end, which tells most, after three dots. Returns buffer. */
char *lam_path_text(char *buffer, size_t size, const char *path);

#endif
