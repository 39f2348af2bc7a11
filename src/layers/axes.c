/* SPDX-License-Identifier: MIT
 *
 * Axes of a row: counted from either end, found in a shape.
 */
#include "layers/layers.h"

lam_status lam_check_axes(lam_context *context, const char *layer, const lam_axes *axes) {
  if (axes->count > LAM_MAX_RANK)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: %zu axes, a row has at most %d", layer, axes->count, LAM_MAX_RANK);
  for (size_t i = 0; i < axes->count; i++)
    if (axes->axis[i] < -LAM_MAX_RANK || axes->axis[i] >= LAM_MAX_RANK)
      return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no axis %d, a row has at most %d", layer, axes->axis[i],
                      LAM_MAX_RANK);
  return LAM_OK;
}

bool lam_find_axes(const lam_shape *shape, const lam_axes *axes, bool found[LAM_MAX_RANK]) {
  for (size_t i = 0; i < LAM_MAX_RANK; i++) found[i] = axes->count == 0 && i + 1 == shape->rank;
  for (size_t i = 0; i < axes->count; i++) {
    int rank = (int)shape->rank, axis = axes->axis[i] < 0 ? axes->axis[i] + rank : axes->axis[i];
    if (axis < 0 || axis >= rank || found[axis]) return false;
    found[axis] = true;
  }
  return true;
}

lam_status lam_shape_axes(lam_shaping *shaping, const lam_axes *axes, bool found[LAM_MAX_RANK]) {
  if (lam_find_axes(&shaping->inputs[0], axes, found)) return LAM_OK;
  return lam_shape_fail(shaping, "its axes name one that these rows do not have, or one twice");
}

size_t lam_last_axes(const lam_shape *shape, const lam_axes *axes, lam_shape *last) {
  bool found[LAM_MAX_RANK];
  size_t count = axes->count ? axes->count : 1, width = 1;
  if (!lam_find_axes(shape, axes, found) || count > shape->rank) return 0;
  *last = (lam_shape){ .rank = count };
  for (size_t i = 0; i < count; i++) {
    size_t axis = shape->rank - count + i;
    if (!found[axis]) return 0;
    width *= last->size[i] = shape->size[axis];
  }
  return width;
}
