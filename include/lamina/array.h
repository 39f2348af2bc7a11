/* SPDX-License-Identifier: MIT
 *
 * lamina/array.h: shapes, and views on the caller's data.
 */
#ifndef LAMINA_ARRAY_H
#define LAMINA_ARRAY_H

#include <lamina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAM_MAX_RANK 6

/* The shape of one row, without the batch: { { 28, 28 }, 2 } is a picture, { { 10 }, 1 } a vector, { { 0 }, 0 } a single number.
 * Rank 0 in lam_input means "not known yet". */
typedef struct lam_shape {
  size_t size[LAM_MAX_RANK];
  size_t rank;
} lam_shape;

/* Axes of a row, the batch not counted: 0 is the first, 1 the second (Keras's 1 and 2), -1 the last. count 0: the default of what
 * takes them. */
typedef struct lam_axes {
  int axis[LAM_MAX_RANK];
  size_t count;
} lam_axes;

/* A short list of numbers: { { 0.1f, 0.01f }, 2 }. Since 0.1. */
enum { LAM_MOST_NUMBERS = 16 };
typedef struct lam_numbers {
  float value[LAM_MOST_NUMBERS];
  size_t count;
} lam_numbers;

typedef enum lam_type { LAM_FLOAT32, LAM_UINT8, LAM_INT32 } lam_type;

/* A view on `rows` rows of the caller's memory, which is never copied or changed, and must stay while the view is in use. */
typedef struct lam_array {
  const void *data;
  lam_type type;
  size_t rows;
  lam_shape shape; /* of one row; its elements lie next to each other */
  size_t stride;   /* elements from one row to the next; 0: rows lie next to each other */
  /* What the network sees of each element is scale * element + offset. A scale of 0 leaves both to the model: what it was trained
   * with (lam_model_input_scaling), else 1/255 and 0 for LAM_UINT8, 1 and 0 for the others. Targets are taken as they are. */
  float scale, offset;
  /* Not 0: integer elements, one a row, each presented as a row of this many floats with a 1 at the label (one-hot). A label
   * beyond them is refused in datasets; in sessions and lam_forward, which do not look at values, its row is zeros. */
  size_t one_hot;
  uint64_t reserved[2];
} lam_array;

#ifdef __cplusplus
}
#endif
#endif
