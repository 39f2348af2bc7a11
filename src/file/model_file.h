/* SPDX-License-Identifier: MIT
 *
 * Model files from the inside: what models and checkpoints share. docs/file-format.md describes the format.
 */
#ifndef LAM_FILE_MODEL_FILE_H
#define LAM_FILE_MODEL_FILE_H

#include "base/names.h"
#include "file/safetensors.h"
#include "graph/model.h"
#include "train/trainer.h"

enum {
  LAM_FILE_VERSION = 1,
  LAM_FILE_NODES = 10000,     /* of a model, at most: names are looked up one by one */
  LAM_FILE_SPARE = 768 << 10, /* bytes that loading may need beyond the file's own size; see lam_file_needs */
  LAM_NODE_BYTES = 1800,      /* of a node with its layer in graph, model and plan: 1650 were measured */
  LAM_EDGE_BYTES = 160        /* of an input of a node */
};

#define LAM_FILE_KEY "lamina" /* in the safetensors metadata */

/* ---- options ----------------------------------------------------------------------------------------------------- */

void lam_json_put_fields(lam_json_writer *writer, const lam_field *fields, const void *options);
/* Reads the members that are there; others stay as they are. Errors: LAM_FORMAT; LAM_UNSUPPORTED for an unknown name. */
lam_status lam_json_get_fields(lam_context *context, const char *what, const lam_json *object, const lam_field *fields,
                               void *options);
void lam_json_put_training(lam_json_writer *writer, const lam_trainer_options *options);
/* `outputs` is how many losses there may be, for which memory is taken that goes back with the release, also after a failure. */
lam_status lam_json_get_training(lam_context *context, const char *what, const lam_json *object, size_t outputs,
                                 lam_trainer_options *options);
void lam_json_release_training(lam_context *context, const lam_trainer_options *options);

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Writes a model, or with `trainer` a checkpoint. */
lam_status lam_file_write(const lam_model *model, const lam_trainer *trainer, lam_write_function write, void *user);
/* The "checkpoint" object (checkpoint.c). */
void lam_file_put_checkpoint(lam_json_writer *writer, const lam_trainer *trainer);

/* Whether a file of `size` bytes may need `tensors` entries, `json` bytes of tree, nodes and edges: no more than its own size and
 * LAM_FILE_SPARE. So no small file takes large memory; loading and saving both ask, so that what was saved can be loaded. */
bool lam_file_needs(size_t size, size_t tensors, size_t json, size_t nodes, size_t edges);

/* ---- loading ----------------------------------------------------------------------------------------------------- */

typedef struct lam_file {
  lam_context *context;
  const lam_bytes *bytes;
  lam_safetensors tensors;
  lam_json_document document; /* the metadata's JSON */
} lam_file;

/* Reads all but the tensors. The bytes must stay. */
lam_status lam_file_open(lam_file *file, const lam_bytes *bytes);
void lam_file_close(lam_file *file);
/* Makes the model. NULL: the context has the reason. */
lam_model *lam_file_model(lam_file *file);
/* Finds a tensor of this name and shape, for *found where that is not NULL. Errors: LAM_FORMAT. */
lam_status lam_file_find_tensor(const lam_file *file, const char *name, lam_shape shape, const lam_tensor **found);
/* Reads a tensor of this name and shape into `values`. */
lam_status lam_file_read_tensor(const lam_file *file, const char *name, lam_shape shape, float *values);
/* Makes the context's failure one of this file: its sentence with the file's name before it; LAM_FORMAT but where the memory or
 * the system is to blame or the version. */
lam_status lam_file_blame(const lam_file *file);

/* ---- the golden row ---------------------------------------------------------------------------------------------- */

/* One row of the model's inputs and outputs as tensors "golden/input/0", "golden/output/0". */
typedef struct lam_golden {
  lam_context *context;
  size_t input_count, output_count;
  float *values; /* inputs, then outputs */
  size_t count;
} lam_golden;

/* Draws the inputs and computes the outputs. */
lam_status lam_golden_make(const lam_model *model, lam_golden *golden);
void lam_golden_release(lam_golden *golden);
/* Replays what the file holds, if it holds any and the memory for it is in proportion. Errors: LAM_FORMAT. */
lam_status lam_golden_check(const lam_file *file, lam_model *model);
/* One row of all nodes together, in bytes: a small file may ask for nodes as wide as memory. */
uint64_t lam_model_row_bytes(const lam_model *model);
/* "golden/input/0" and so on. */
void lam_golden_name(char name[64], bool output, size_t index);

#endif
