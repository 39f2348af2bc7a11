/* SPDX-License-Identifier: MIT
 *
 * Datasets: making them from views, taking parts, presenting labels as one-hot rows, gathering batches.
 */
#include "data/dataset.h"
#include <stdio.h>
#include <string.h>

/* ---- making and ending ------------------------------------------------------------------------------------------- */

static void destroy(lam_object *object) {
  lam_dataset *dataset = (lam_dataset *)object;
  lam_context *context = object->context;
  lam_release(context, dataset->inputs, (dataset->input_count + dataset->target_count) * sizeof(lam_array));
  lam_release(context, dataset->order_block.memory, dataset->order_block.size);
  for (size_t i = 0; i < 2; ++i) lam_release(context, dataset->files[i].memory, dataset->files[i].size);
  lam_release(context, dataset->names_block.memory, dataset->names_block.size);
  lam_release(context, dataset->weights_block.memory, dataset->weights_block.size);
}

lam_dataset *lam_dataset_over(lam_context *context, const lam_array *inputs, size_t input_count, const lam_array *targets,
                              size_t target_count, size_t first, size_t rows) {
  lam_dataset *dataset = lam_object_create(context, sizeof *dataset, destroy);
  if (!dataset) return NULL;
  dataset->inputs = lam_allocate_array(context, input_count + target_count, sizeof(lam_array));
  if (!dataset->inputs) return lam_object_destroy(dataset), NULL;
  dataset->targets = dataset->inputs + input_count;
  dataset->input_count = input_count;
  dataset->target_count = target_count;
  dataset->first = first;
  dataset->rows = rows;
  memcpy(dataset->inputs, inputs, input_count * sizeof *inputs);
  if (target_count) memcpy(dataset->targets, targets, target_count * sizeof *targets);
  return dataset;
}

static lam_status check_arrays(lam_context *context, const char *what, const lam_array *arrays, size_t count, size_t rows) {
  char name[64];
  if (count && !arrays) return lam_fail(context, LAM_NO_HANDLE, "%zu %ss are announced, but their arrays are NULL", count, what);
  for (size_t i = 0; i < count; ++i) {
    snprintf(name, sizeof name, "%s %zu", what, i);
    lam_status status = lam_array_check(context, name, &arrays[i]);
    if (status != LAM_OK) return status;
    if (arrays[i].rows != rows)
      return lam_fail(context, LAM_INVALID_SHAPE, "%s has %zu rows, but input 0 has %zu", name, arrays[i].rows, rows);
  }
  return LAM_OK;
}

lam_dataset *lam_dataset_create(lam_context *context, const lam_array *inputs, size_t input_count, const lam_array *targets,
                                size_t target_count) {
  enum { MOST_ARRAYS = 1 << 20 };
  if (!context || context->unusable) return NULL;
  if (input_count == 0 || input_count > MOST_ARRAYS || target_count > MOST_ARRAYS) {
    lam_fail(context, LAM_INVALID_ARGUMENT, "a dataset takes 1 to %d inputs and at most as many targets, not %zu and %zu",
             MOST_ARRAYS, input_count, target_count);
    return NULL;
  }
  size_t rows = inputs ? inputs[0].rows : 0;
  if (check_arrays(context, "input", inputs, input_count, rows) != LAM_OK) return NULL;
  if (check_arrays(context, "target", targets, target_count, rows) != LAM_OK) return NULL;
  return lam_dataset_over(context, inputs, input_count, targets, target_count, 0, rows);
}

void lam_dataset_destroy(lam_dataset *dataset) { lam_object_destroy(dataset); }

/* ---- parts and encodings ----------------------------------------------------------------------------------------- */

uint32_t *lam_dataset_own_order(lam_dataset *dataset, size_t rows) {
  uint32_t *order = lam_allocate_array(dataset->object.context, rows, sizeof *order);
  if (!order) return NULL;
  dataset->order_block = (lam_block){ order, rows * sizeof *order };
  dataset->order = order;
  dataset->first = 0;
  dataset->rows = rows;
  return order;
}

void lam_dataset_own_names(lam_dataset *dataset, lam_block names, size_t count) {
  dataset->names_block = names;
  dataset->class_names = names.memory;
  dataset->class_count = count;
}

lam_dataset *lam_dataset_slice(const lam_dataset *dataset, size_t first, size_t count) {
  if (!dataset) return NULL;
  lam_context *context = dataset->object.context;
  if (count == 0 || first >= dataset->rows || count > dataset->rows - first) {
    lam_fail(context, LAM_INVALID_ARGUMENT, "a slice of %zu rows from row %zu does not lie in a dataset of %zu rows", count,
             first, dataset->rows);
    return NULL;
  }
  lam_dataset *part = lam_dataset_over(context, dataset->inputs, dataset->input_count, dataset->targets, dataset->target_count,
                                       dataset->first + first, count);
  if (!part) return NULL;
  part->class_names = dataset->class_names;
  part->class_count = dataset->class_count;
  part->weights = dataset->weights;
  if (dataset->order) {
    part->first = 0;
    part->order = dataset->order + first;
  }
  return part;
}

bool lam_array_is_integers(const lam_array *array) {
  size_t elements;
  return array->type != LAM_FLOAT32 && lam_shape_count(array->shape, &elements) && elements == 1;
}

bool lam_array_is_labels(const lam_array *array) { return array->one_hot == 0 && lam_array_is_integers(array); }

/* A view whose row 0 is the dataset's: what is left to apply is its order. */
static lam_array visible(const lam_dataset *dataset, const lam_array *array) {
  lam_array view = *array;
  view.data = lam_array_row(array, dataset->first);
  return view;
}

static lam_status check_labels(lam_context *context, const lam_dataset *dataset, const char *kind, const lam_array *array,
                               size_t index, size_t classes, const char *why) {
  char what[64];
  snprintf(what, sizeof what, "%s %zu", kind, index);
  lam_array view = visible(dataset, array);
  return lam_array_check_labels(context, what, &view, dataset->order, NULL, dataset->rows, classes, why);
}

static lam_status encode(lam_dataset *dataset, size_t classes) {
  lam_context *context = dataset->object.context;
  char why[64];
  bool any = false;
  snprintf(why, sizeof why, "lam_one_hot was told %zu classes", classes);
  for (size_t i = 0; i < dataset->target_count; ++i) {
    if (!lam_array_is_integers(&dataset->targets[i])) continue;
    lam_status status = check_labels(context, dataset, "target", &dataset->targets[i], i, classes, why);
    if (status != LAM_OK) return status;
    dataset->targets[i].one_hot = classes;
    any = true;
  }
  return any ? LAM_OK : lam_fail(context, LAM_INVALID_ARGUMENT, "lam_one_hot needs a target with one integer label a row");
}

lam_dataset *lam_one_hot(const lam_dataset *dataset, size_t classes) {
  if (!dataset) return NULL;
  if (classes == 0 || classes > LAM_MOST_ELEMENTS) {
    lam_fail(dataset->object.context, LAM_INVALID_ARGUMENT, "lam_one_hot takes 1 to 2147483647 classes, not %zu", classes);
    return NULL;
  }
  lam_dataset *encoded = lam_dataset_slice(dataset, 0, dataset->rows);
  if (!encoded || encode(encoded, classes) == LAM_OK) return encoded;
  lam_dataset_destroy(encoded);
  return NULL;
}

/* ---- what it holds ----------------------------------------------------------------------------------------------- */

size_t lam_dataset_rows(const lam_dataset *dataset) { return dataset ? dataset->rows : 0; }
size_t lam_dataset_input_count(const lam_dataset *dataset) { return dataset ? dataset->input_count : 0; }
size_t lam_dataset_target_count(const lam_dataset *dataset) { return dataset ? dataset->target_count : 0; }

const lam_array *lam_dataset_input(const lam_dataset *dataset, size_t index) {
  return dataset && index < dataset->input_count ? &dataset->inputs[index] : NULL;
}

const lam_array *lam_dataset_target(const lam_dataset *dataset, size_t index) {
  return dataset && index < dataset->target_count ? &dataset->targets[index] : NULL;
}

const void *lam_dataset_row(const lam_dataset *dataset, const lam_array *array, size_t row) {
  if (!dataset || !array || row >= dataset->rows) return NULL;
  return lam_array_row(array, dataset->order ? dataset->order[row] : dataset->first + row);
}

size_t lam_dataset_classes(const lam_dataset *dataset) {
  const lam_array *target = lam_dataset_target(dataset, 0);
  if (!target || !lam_array_is_integers(target)) return 0;
  int32_t most = -1;
  for (size_t i = 0; i < target->rows; ++i) {
    int32_t label;
    lam_array_gather_labels(target, NULL, &(uint32_t){ (uint32_t)i }, 1, &label);
    if (label > most) most = label;
  }
  size_t classes = (size_t)((int64_t)most + 1);
  return classes > dataset->class_count ? classes : dataset->class_count;
}

const char *lam_dataset_class_name(const lam_dataset *dataset, size_t label) {
  return dataset && label < dataset->class_count ? dataset->class_names[label] : NULL;
}

/* ---- what training uses ------------------------------------------------------------------------------------------ */

void lam_dataset_gather_input(const lam_dataset *dataset, size_t input, float scale, float offset, const uint32_t *rows,
                              size_t count, float *out, size_t ldo, const lam_kernel_table *kernels) {
  lam_array view = visible(dataset, &dataset->inputs[input]);
  lam_array_gather(&view, dataset->order, rows, count, scale, offset, out, ldo, kernels);
}

void lam_dataset_gather_targets(const lam_dataset *dataset, size_t target, const uint32_t *rows, size_t count, float *out,
                                size_t ldo, const lam_kernel_table *kernels) {
  lam_array view = visible(dataset, &dataset->targets[target]);
  lam_array_gather(&view, dataset->order, rows, count, 1, 0, out, ldo, kernels);
}

void lam_dataset_gather_labels(const lam_dataset *dataset, size_t target, const uint32_t *rows, size_t count, int32_t *out) {
  lam_array view = visible(dataset, &dataset->targets[target]);
  lam_array_gather_labels(&view, dataset->order, rows, count, out);
}

static lam_status check_one_hot(lam_context *context, const lam_dataset *dataset, const char *kind, const lam_array *array,
                                size_t index) {
  char why[64];
  if (!array->one_hot) return LAM_OK;
  snprintf(why, sizeof why, "it is presented as %zu one-hot columns", array->one_hot);
  return check_labels(context, dataset, kind, array, index, array->one_hot, why);
}

static lam_status check_target(lam_context *context, const lam_dataset *dataset, size_t target, size_t nodes) {
  const lam_array *array = &dataset->targets[target];
  char why[64];
  if (array->one_hot) return check_one_hot(context, dataset, "target", array, target);
  if (nodes == 0 || !lam_array_is_integers(array)) return LAM_OK;
  snprintf(why, sizeof why, "the output has %zu node%s", nodes, nodes == 1 ? "" : "s");
  return check_labels(context, dataset, "target", array, target, nodes, why);
}

static lam_status check_finite(lam_context *context, const lam_dataset *dataset, const char *kind, const lam_array *array,
                               size_t index) {
  char what[64];
  snprintf(what, sizeof what, "%s %zu", kind, index);
  lam_array view = visible(dataset, array);
  return lam_array_check_finite(context, what, &view, dataset->order, NULL, dataset->rows);
}

lam_status lam_dataset_check(lam_context *context, const lam_dataset *dataset, const size_t *classes, size_t count) {
  lam_status status = LAM_OK;
  for (size_t i = 0; status == LAM_OK && i < dataset->input_count; ++i) {
    status = check_finite(context, dataset, "input", &dataset->inputs[i], i);
    if (status == LAM_OK) status = check_one_hot(context, dataset, "input", &dataset->inputs[i], i);
  }
  for (size_t i = 0; status == LAM_OK && i < count && i < dataset->target_count; ++i) {
    status = check_finite(context, dataset, "target", &dataset->targets[i], i);
    if (status == LAM_OK) status = check_target(context, dataset, i, classes[i]);
  }
  return status;
}
