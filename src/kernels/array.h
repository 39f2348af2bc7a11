/* SPDX-License-Identifier: MIT
 *
 * Shapes and views as every room above uses them: sizes without overflow, checks with a sentence, rows gathered as floats.
 */
#ifndef LAM_KERNELS_ARRAY_H
#define LAM_KERNELS_ARRAY_H

#include "base/context.h"
#include "kernels/kernels.h"
#include <lamina/array.h>

/* No shape has more elements, and no array more rows: both fit an int. */
#define LAM_MOST_ELEMENTS ((size_t)INT32_MAX)

/* The number of elements, 1 for rank 0. False, and 0 elements, where the rank is above LAM_MAX_RANK, a size is 0, or there are
 * more than LAM_MOST_ELEMENTS. */
bool lam_shape_count(lam_shape shape, size_t *count);
bool lam_shape_equal(lam_shape a, lam_shape b);
/* "(28, 28)", "(10)", "()"; sizes that no valid shape has may be cut short. Returns buffer. */
char *lam_shape_text(char buffer[96], lam_shape shape);

/* Bytes of one element; 0 for a type that does not exist. */
size_t lam_type_size(lam_type type);
/* Floats of one gathered row: those of its shape, or one_hot. */
size_t lam_array_width(const lam_array *array);
/* The first element of a row; the view must be valid. */
const void *lam_array_row(const lam_array *array, size_t row);

/* Whether everything the view says can be true: LAM_NO_HANDLE, LAM_INVALID_ARGUMENT or LAM_INVALID_SHAPE. Sentences begin with
 * `what`, such as "input 0". Its elements are not looked at. */
lam_status lam_array_check(lam_context *context, const char *what, const lam_array *array);

/* The scale and offset that act, as lamina/array.h tells; model_scale 0: the model has none of its own. */
void lam_array_scaling(const lam_array *array, float model_scale, float model_offset, float *scale, float *offset);

/* Below, `count` rows of a valid view are meant: row i is its row order[rows[i]], where NULL stands for 0, 1, 2, ...
 * Nothing is allocated; memory of any alignment will do. */

/* Gathers rows as floats: scale * element + offset, one fused multiply-add each; floats with scale 1 and offset 0 are copied as
 * they are, one-hot rows have neither. The same bits however the rows are divided into calls. A one-hot label that is out of
 * range gives a row of zeros. */
void lam_array_gather(const lam_array *array, const uint32_t *order, const uint32_t *rows, size_t count, float scale,
                      float offset, float *out, size_t ldo, const lam_kernel_table *kernels);
/* Gathers the first element of rows of integers. */
void lam_array_gather_labels(const lam_array *array, const uint32_t *order, const uint32_t *rows, size_t count, int32_t *out);

/* LAM_INVALID_DATA where one of the rows has a NaN or an infinity: row 17, column 3 of input 0 is nan. Row numbers are places in
 * `rows`. */
lam_status lam_array_check_finite(lam_context *context, const char *what, const lam_array *array, const uint32_t *order,
                                  const uint32_t *rows, size_t count);
/* LAM_INVALID_DATA where a label lies outside [0, classes): label 12 in row 17 of target 0 is outside 0 to 9: `why`. */
lam_status lam_array_check_labels(lam_context *context, const char *what, const lam_array *array, const uint32_t *order,
                                  const uint32_t *rows, size_t count, size_t classes, const char *why);

#endif
