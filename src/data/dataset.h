/* SPDX-License-Identifier: MIT
 *
 * Datasets from the inside, and what a training step uses of them. Every lam_dataset_... here takes a valid dataset; rows are the
 * dataset's own, counted from 0, whatever order or part of the views it presents.
 */
#ifndef LAM_DATA_DATASET_H
#define LAM_DATA_DATASET_H

#include "kernels/array.h"
#include <lamina/data.h>

typedef struct lam_block {
  void *memory;
  size_t size;
} lam_block;

/* What lam_dataset_create is told, and which rows of the views are meant: with an order, row i is row order[i] of the
 * views, otherwise row first + i. */
struct lam_dataset {
  lam_object object;
  lam_array *inputs, *targets; /* one allocation: the inputs, then the targets */
  size_t input_count, target_count;
  size_t first, rows;
  const uint32_t *order;          /* its own or that of the dataset it is a part of; NULL */
  lam_block order_block;          /* what it owns and gives back: its order, */
  lam_block files[2];             /* the elements that were read from files, */
  lam_block names_block;          /* the names of classes, */
  lam_block weights_block;        /* and the weights of rows */
  float *weights;                 /* one for each target of each row of the views; its own or those of the whole; NULL: none */
  const char *const *class_names; /* its own or those of the dataset it is a part of; NULL */
  size_t class_count;
};

/* lam_dataset_create for arrays that were checked, over the rows [first, first + rows) of their views. */
lam_dataset *lam_dataset_over(lam_context *context, const lam_array *inputs, size_t input_count, const lam_array *targets,
                              size_t target_count, size_t first, size_t rows);

/* Makes room for an order of `rows` rows, which the dataset owns, to be filled; NULL where memory is exhausted. */
uint32_t *lam_dataset_own_order(lam_dataset *dataset, size_t rows);

/* Gives the dataset the names of its classes: `count` pointers and their texts as one block. */
void lam_dataset_own_names(lam_dataset *dataset, lam_block names, size_t count);

/* Batches: row i is the dataset's row rows[i]; NULL stands for 0, 1, 2, ... See lam_array_gather, which does the work. Inputs
 * take the scale and offset of lam_array_scaling; targets are taken as they are, uint8 and int32 becoming floats. Labels need a
 * target with one integer a row. */
void lam_dataset_gather_input(const lam_dataset *dataset, size_t input, float scale, float offset, const uint32_t *rows,
                              size_t count, float *out, size_t ldo, const lam_kernel_table *kernels);
void lam_dataset_gather_targets(const lam_dataset *dataset, size_t target, const uint32_t *rows, size_t count, float *out,
                                size_t ldo, const lam_kernel_table *kernels);
void lam_dataset_gather_labels(const lam_dataset *dataset, size_t target, const uint32_t *rows, size_t count, int32_t *out);
/* The weights of rows for a target, 1 where there are none. */
void lam_dataset_gather_weights(const lam_dataset *dataset, size_t target, const uint32_t *rows, size_t count, float *out);

/* Whether a view holds one integer a row; and whether it presents them as such, not as one-hot rows. */
bool lam_array_is_integers(const lam_array *array);
bool lam_array_is_labels(const lam_array *array);

/* Looks at every element of the inputs and of the first `count` targets before training; LAM_INVALID_DATA names row and value:
 * row 17, column 3 of input 0 is nan. classes[i], where not 0, is the width of the output that integer labels of target i belong
 * to: label 12 in row 17 of target 0 is outside 0 to 9: the output has 10 nodes. count 0: only inputs, as for prediction. */
lam_status lam_dataset_check(lam_context *context, const lam_dataset *dataset, const size_t *classes, size_t count);

/* Leaves three quarters of the rows, or the other quarter, after a shuffle that is always the same. The dataset must be one that
 * has no order yet. */
lam_status lam_dataset_divide(lam_dataset *dataset, bool test);

/* Fills `rows` with 0 to count - 1 in random order: Fisher and Yates's shuffle (Knuth, TAOCP vol. 2, algorithm 3.4.2P), each
 * exchange drawn without bias from Philox's words under `seed` in stream 2^63 + `stream`, apart from the streams of weights. */
void lam_shuffle(uint32_t *rows, size_t count, uint64_t seed, uint64_t stream);

#endif
