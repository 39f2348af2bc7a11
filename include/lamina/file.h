/* SPDX-License-Identifier: MIT
 *
 * lamina/file.h: models and checkpoints on disk.
 *
 * A file is safetensors: an 8-byte little-endian length, that much JSON, then the tensors, float32, named as lam_model_parameter
 * names them; any safetensors reader opens it. `__metadata__.lamina` holds versioned JSON: the architecture, input scaling and
 * training configuration. The tensors golden/... are one row of input and its output, replayed when the file is loaded.
 * docs/file-format.md describes all of it. The same model gives the same bytes.
 *
 * Saving writes a new file beside the old one, forces it to disk, and renames it: a reader finds the old file or the new one,
 * whole. Loading trusts nothing: every size is checked against the bytes there are before memory is taken, only regular
 * files are opened, and memory stays below twice the file plus 1 MiB (lam_model_read: three times, as it keeps what it has read).
 */
#ifndef LAMINA_FILE_H
#define LAMINA_FILE_H

#include <lamina/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes all of `size` bytes and returns 0; reads up to `size` into `bytes` and returns how many, 0 at the end. A negative number
 * is a failure, LAM_IO. */
typedef int (*lam_write_function)(void *user, const void *bytes, size_t size);
typedef ptrdiff_t (*lam_read_function)(void *user, void *bytes, size_t size);

/* Saves a built model: to a file, or through a function. Errors: LAM_IO with the path and the system's reason (the old file
 * stays), LAM_INVALID_ARGUMENT for a model that is not built, LAM_UNSUPPORTED for one of too many nodes to be loaded again. Since
 * 0.1. */
LAM_API lam_status lam_model_save(const lam_model *model, const char *path);
LAM_API lam_status lam_model_write(const lam_model *model, lam_write_function write, void *user);

/* Loads a model: from a file, from memory, through a function. Errors: LAM_IO, LAM_FORMAT (what is wrong at which byte or tensor;
 * a golden output that is not reproduced), LAM_UNSUPPORTED for a newer format. `bytes` are not needed afterwards. Since 0.1. */
LAM_API lam_model *lam_model_load(lam_context *context, const char *path);
LAM_API lam_model *lam_model_load_memory(lam_context *context, const void *bytes, size_t size);
LAM_API lam_model *lam_model_read(lam_context *context, lam_read_function read, void *user);

/* A checkpoint: the model with the optimizer's state, the trainer's options, history and place in its epoch. A fit with `resume`
 * after loading ends in the same bits as one that was not interrupted. lam_model_load opens a checkpoint too, as a model. Since
 * 0.1. */
LAM_API lam_status lam_trainer_save(const lam_trainer *trainer, const char *path);
/* The trainer comes with its model: lam_trainer_model. Since 0.1. */
LAM_API lam_trainer *lam_trainer_load(lam_context *context, const char *path);

/* What the backend "auto" has learnt (lamina/gemm.h), as JSON. Loading adds to what the context knows; an entry of the same
 * product replaces the one there was. One that names a backend which is not there is measured anew when it is needed. Errors:
 * LAM_IO, LAM_FORMAT with what is wrong; nothing of the file is then taken. Since 0.1. */
LAM_API lam_status lam_wisdom_save(lam_context *context, const char *path);
LAM_API lam_status lam_wisdom_load(lam_context *context, const char *path);

#ifdef __cplusplus
}
#endif
#endif
