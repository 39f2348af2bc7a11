/* SPDX-License-Identifier: MIT
 *
 * Weights of rows. They lie by the rows of the views, so that a part finds its own by the order it has anyway.
 */
#include "data/dataset.h"

/* Where the weights of a dataset's row are. */
static size_t place_of(const lam_dataset *dataset, size_t row) {
  return (dataset->order ? dataset->order[row] : dataset->first + row) * dataset->target_count;
}

static lam_status check_weights(const lam_dataset *dataset, const float *weights, size_t count) {
  lam_context *context = dataset->object.context;
  size_t rows = dataset->rows, targets = dataset->target_count;
  if (targets == 0) return lam_fail(context, LAM_INVALID_ARGUMENT, "the dataset has no target whose loss weights could multiply");
  if (count != rows && (count % targets || count / targets != rows))
    return lam_fail(context, LAM_INVALID_SHAPE, "%zu weights for %zu rows and %zu target%s: one a row, or one a row and target",
                    count, rows, targets, targets == 1 ? "" : "s");
  for (size_t i = 0; i < count; i++) {
    char text[32];
    if (weights[i] >= 0.0f && weights[i] <= 3.402823466e38f) continue;
    return lam_fail(context, LAM_INVALID_DATA, "the weight of row %zu is %s; it is at least 0 and finite", i / (count / rows),
                    lam_format_float(text, weights[i]));
  }
  return LAM_OK;
}

static lam_status own_weights(lam_dataset *dataset) {
  size_t rows = dataset->inputs[0].rows, floats, bytes;
  if (__builtin_mul_overflow(rows, dataset->target_count, &floats) || __builtin_mul_overflow(floats, sizeof(float), &bytes))
    return lam_fail(dataset->object.context, LAM_OUT_OF_MEMORY, "weights of %zu rows are too large", rows);
  dataset->weights = lam_allocate_zero(dataset->object.context, bytes);
  if (!dataset->weights) return LAM_OUT_OF_MEMORY;
  dataset->weights_block = (lam_block){ dataset->weights, bytes };
  return LAM_OK;
}

lam_status lam_dataset_set_weights(lam_dataset *dataset, const float *weights, size_t count) {
  if (!dataset || !weights) return LAM_NO_HANDLE;
  lam_status status = check_weights(dataset, weights, count);
  if (!status && !dataset->weights_block.memory) status = own_weights(dataset);
  if (status) return status;
  size_t targets = dataset->target_count;
  for (size_t i = 0; i < dataset->rows; i++) {
    float *own = dataset->weights + place_of(dataset, i);
    for (size_t j = 0; j < targets; j++) own[j] = count == dataset->rows ? weights[i] : weights[i * targets + j];
  }
  return LAM_OK;
}

const float *lam_dataset_weights(const lam_dataset *dataset, size_t row) {
  if (!dataset || !dataset->weights || row >= dataset->rows) return NULL;
  return dataset->weights + place_of(dataset, row);
}

void lam_dataset_gather_weights(const lam_dataset *dataset, size_t target, const uint32_t *rows, size_t count, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = dataset->weights ? dataset->weights[place_of(dataset, rows[i]) + target] : 1.0f;
}
