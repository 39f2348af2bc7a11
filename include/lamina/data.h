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
 * Debian's packages put them (/usr/share/datasets/NAME). A name that ends in .csv (or .csv.gz) or .npz is a file, read as
 * lam_dataset_open_csv and lam_dataset_open_npz do; "iris" is the file iris.csv. What has no test part, such as "digits", "iris"
 * and tables, is divided: "digits/train" and "digits/test" are three quarters and one quarter of its rows after a fixed shuffle,
 * and so are the parts of any folder with one pair of its own name. Errors: LAM_IO with the files that are missing, the folders
 * searched and how to get them; LAM_FORMAT. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open(lam_context *context, const char *name);

/* The same from four-file style paths: images (IDX, any rank) and labels (IDX, rank 1), each plain or gzip-compressed; `labels`
 * may be NULL. Only regular files are opened; sizes are checked against the bytes there are before memory is taken. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open_idx(lam_context *context, const char *images, const char *labels);

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* What the target column of a table is taken for. Detected: where its cells are text, they are the names of classes; where all
 * are whole numbers from 0 on, they are labels; other numbers are floats; a mixture is refused. */
typedef enum lam_target_kind {
  LAM_TARGETS_DETECTED,
  LAM_TARGETS_CLASSES, /* every different cell names a class, numbers too */
  LAM_TARGETS_NUMBERS  /* floats; text is refused */
} lam_target_kind;

/* How a CSV file is read. */
typedef struct lam_csv_options {
  char delimiter;     /* 0: ',' */
  bool no_header;     /* the first line is data; otherwise it names the columns */
  const char *target; /* the target column: its name, or else its number, from 0; NULL: the last */
  bool no_target;     /* all columns are inputs: rows to predict from */
  lam_target_kind targets;
  /* The names of the classes, in the order of their labels, where a model knows them already; a target that is none of them is
   * refused. NULL: the names there are, sorted byte by byte, or by value where all are numbers. */
  const char *const *class_names;
  size_t class_count;
  uint64_t reserved[8];
} lam_csv_options;

/* A table from a CSV file (RFC 4180), plain or gzip-compressed, as one input of floats and one target: integer labels or floats.
 * Input cells are numbers with a decimal point, whatever the locale, or yes, no, true, false in any case, which are 1 and 0.
 * Lines may end in CR LF; a byte order mark, empty lines and spaces around a number are passed over. A first line whose
 * inputs are numbers that do not count up from 0 or 1 is refused as a header. `options` may be NULL.
 * Errors: LAM_IO; LAM_FORMAT with line (from 1) and column: other text in an input, empty cells, NaN and infinities, rows of
 * different length, stray quotes, NUL bytes; LAM_UNKNOWN_NAME for a target column that is not there. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open_csv(lam_context *context, const char *path, const lam_csv_options *options);

/* NumPy's arrays: inputs, and targets unless NULL, each a .npy file, plain or gzip-compressed; the first axis counts rows. Types:
 * bytes (scaled as pixels, see lam_array), bool, int32, int64 (values within int32), float32, float64 (rounded to float32), all
 * little-endian and in C order; never pickled objects. Errors: LAM_IO, LAM_FORMAT. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open_npy(lam_context *context, const char *inputs, const char *targets);

/* The same from one .npz archive, with members stored or deflated: x and y (or X and Y), x_train and y_train, or arr_0 and arr_1,
 * as numpy.savez names them. `part` is NULL, or "train" or "test", which stand for x_train and y_train, x_test and y_test. The
 * targets may be missing. Since 0.1. */
LAM_API lam_dataset *lam_dataset_open_npz(lam_context *context, const char *path, const char *part);

/* ---- parts and views --------------------------------------------------------------------------------------------- */

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

/* Keras's sample_weight: gives each row a weight, by which its loss and so its gradients are multiplied in fit, evaluate and all
 * else that uses a loss; the loss of a batch is sum(w l) / rows, not / sum(w), and accuracy ignores them. `count` is the number
 * of rows: a row's weight holds for all targets; or rows times targets: weights[row * targets + target]. They are copied, and
 * parts taken from the dataset share them, also those taken before they were set again (a part of a dataset without weights has
 * none). Errors: LAM_INVALID_DATA with row and value for one that is below 0, NaN or infinite, LAM_INVALID_SHAPE for another
 * count, LAM_INVALID_ARGUMENT where there is no target; what there was stays. Since 0.1. */
LAM_API lam_status lam_dataset_set_weights(lam_dataset *dataset, const float *weights, size_t count);
/* The weights of a row, one for each target; NULL where there are none. Since 0.1. */
LAM_API const float *lam_dataset_weights(const lam_dataset *dataset, size_t row);

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
/* 1 + the largest label of the first target, where that holds integer labels, or the number of class names where that is more;
 * otherwise 0. Of a part: what the whole has, so that all parts agree. Since 0.1. */
LAM_API size_t lam_dataset_classes(const lam_dataset *dataset);
/* The name of a class of the first target, "setosa"; NULL where it has none. Lives as long as the dataset. Since 0.1. */
LAM_API const char *lam_dataset_class_name(const lam_dataset *dataset, size_t label);

/* ---- arrays, before they are data --------------------------------------------------------------------------------- */

/* Keras's one_hot and to_categorical: of outer x inner labels, dense in memory, the array outer x classes x inner with a 1 where
 * the class is the label and 0 elsewhere; inner is 1 where the classes are the last axis. A label outside [0, classes), such as
 * -1, gives zeros; lam_one_hot refuses it. Thread-safe. Errors: LAM_NO_HANDLE. Since 0.1. */
LAM_API lam_status lam_one_hot_array(const int32_t *labels, size_t outer, size_t inner, size_t classes, float *out);

/* Keras's normalize: out = x / max(norm, epsilon), x being outer x count x inner, the norms taken along the middle one in double:
 * (sum |x|^order)^(1/order), or with INFINITY the largest |x|. order 0: 2; else at least 1. epsilon 0: 1e-12; else above 0.
 * Numbers beside a NaN become NaN; an infinity becomes NaN and finite numbers beside it 0. Each result is within 2^-24 of itself,
 * and 2^-40 more where the order is neither 1 nor 2. `out` may be x. Thread-safe. Errors: LAM_NO_HANDLE, LAM_INVALID_ARGUMENT for
 * an order or epsilon out of range. Since 0.1. */
LAM_API lam_status lam_normalize_array(const float *x, size_t outer, size_t count, size_t inner, float order, float epsilon,
                                       float *out);

#ifdef __cplusplus
}
#endif
#endif
