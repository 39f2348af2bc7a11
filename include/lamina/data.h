/* SPDX-License-Identifier: MIT
 *
 * lamina/data.h: datasets: rows of inputs with their targets.
 *
 * A dataset is a set of views and perhaps an order of rows; making, splitting or encoding one copies no data. What it was made
 * from must stay while it is in use: the caller's arrays, and the dataset a part was taken from.
 */
#ifndef LAMINA_DATA_H
#define LAMINA_DATA_H

#include <lamina/array.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lam_dataset lam_dataset;

/* A dataset over the caller's arrays: one array for each input of the model and one for each of its outputs; no targets at all is
 * enough for prediction. All must have the same number of rows, at least 1.
 * Targets: integer labels (LAM_UINT8 or LAM_INT32, one a row), or LAM_FLOAT32 rows as wide as the output.
 * Errors: LAM_INVALID_SHAPE (rows differ, none, or overflow), LAM_INVALID_ARGUMENT. Since 0.1. */
LAM_API lam_dataset *lam_dataset_create(lam_context *context, const lam_array *inputs, size_t input_count,
                                        const lam_array *targets, size_t target_count);

/* A data set by name, "mnist/train", "fashion-mnist/test", "digits": or by folder, "some/folder/train": the files
 * {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, plain or .gz ("test" stands for t10k). Without "/train" or
 * "/test" the folder's only pair of files, or else the train part. Pixels stay bytes, scaled by 1/255 (digits: 1/16, their range
 * being 0 to 16) when gathered. Named sets are searched in LAMINA_DATA, ./data, ., the data folder of the installation and where
 * Debian's packages put them (/usr/share/datasets/NAME). "digits" has no test files: "digits/train" and "digits/test" are
 * three quarters and one quarter of its rows after a fixed shuffle, and so are the parts of any folder with one pair of its own
 * name. Errors: LAM_IO with the files that are missing, the folders searched and how to get them; LAM_FORMAT. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open(lam_context *context, const char *name);

/* The same from four-file style paths: images (IDX, any rank) and labels (IDX, rank 1), each plain or gzip-compressed; `labels`
 * may be NULL. Only regular files are opened; sizes are checked against the bytes there are before memory is taken. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open_idx(lam_context *context, const char *images, const char *labels);

/* How lam_dataset_split chooses. */
typedef struct lam_split_options {
  bool shuffle;  /* rows in random order first; otherwise the last rows are held out, as Keras's validation_split does */
  bool stratify; /* each class of the first target (integer labels) in the same proportion; implies shuffle */
  uint64_t seed;
  uint64_t reserved[4];
} lam_split_options;

/* Divides a dataset: `held_out` gets the fraction (0 to 1, both excluded) rounded to rows, `rest` the others; each must have at
 * least one row. Both must be given. Since 0.1. */
LAM_API lam_status lam_dataset_split(const lam_dataset *dataset, double fraction, const lam_split_options *options,
                                     lam_dataset **rest, lam_dataset **held_out);

/* The rows [first, first + count) of a dataset. Since 0.1. */
LAM_API lam_dataset *lam_dataset_slice(const lam_dataset *dataset, size_t first, size_t count);

/* The same dataset with the integer labels of its targets presented as one-hot rows of `classes` floats, for losses that need
 * dense targets. Errors: LAM_INVALID_DATA with row and label for one outside [0, classes). Since 0.1. */
LAM_API lam_dataset *lam_one_hot(const lam_dataset *dataset, size_t classes);

LAM_API void lam_dataset_destroy(lam_dataset *dataset);

/* What a dataset holds; 0 and NULL for a NULL dataset or an index beyond its arrays. `rows` of a returned array are those of the
 * underlying view, which a part shares with the whole: read rows with lam_dataset_row. Since 0.1. */
LAM_API size_t lam_dataset_rows(const lam_dataset *dataset);
LAM_API size_t lam_dataset_input_count(const lam_dataset *dataset);
LAM_API size_t lam_dataset_target_count(const lam_dataset *dataset);
LAM_API const lam_array *lam_dataset_input(const lam_dataset *dataset, size_t index);
LAM_API const lam_array *lam_dataset_target(const lam_dataset *dataset, size_t index);
/* The address of a row's first element, or NULL. Since 0.1. */
LAM_API const void *lam_dataset_row(const lam_dataset *dataset, const lam_array *array, size_t row);
/* 1 + the largest label of the first target, where that holds integer labels; otherwise 0. Of a part: what the whole has, so that
 * all parts agree. Since 0.1. */
LAM_API size_t lam_dataset_classes(const lam_dataset *dataset);

#ifdef __cplusplus
}
#endif
#endif
