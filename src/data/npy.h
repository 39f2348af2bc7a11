/* SPDX-License-Identifier: MIT
 *
 * NumPy's .npy format: an array with a header that is a Python dictionary.
 */
#ifndef LAM_DATA_NPY_H
#define LAM_DATA_NPY_H

#include "data/dataset.h"

/* Reads an array from the bytes of a .npy file into memory of its own, which the caller releases: its first size counts rows, the
 * others are a row's shape, (1) where there are none. `name` is for sentences. LAM_FORMAT, LAM_OUT_OF_MEMORY. */
lam_status lam_npy_parse(lam_context *context, const char *name, const unsigned char *bytes, size_t size, lam_array *array,
                         lam_block *memory);

/* A dataset that takes over the memory of one input and of `target_count` targets, 0 or 1; the names are for sentences. Where it
 * cannot be made, the memory is released. */
lam_dataset *lam_npy_dataset(lam_context *context, const lam_array arrays[2], lam_block memory[2], size_t target_count,
                             const char *input_name, const char *target_name);

#endif
