/* SPDX-License-Identifier: MIT
 *
 * The IDX format of MNIST and its relatives.
 */
#ifndef LAM_DATA_IDX_H
#define LAM_DATA_IDX_H

#include "data/dataset.h"

/* Reads an IDX file, plain or gzip-compressed, into memory of its own, which the caller releases: its first size counts rows, the
 * others are a row's shape, (1) where there are none. Bytes, 32-bit integers and floats. LAM_IO, LAM_FORMAT, LAM_OUT_OF_MEMORY.
 */
lam_status lam_idx_read(lam_context *context, const char *path, lam_array *array, lam_block *memory);

#endif
