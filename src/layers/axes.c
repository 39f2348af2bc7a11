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

/* ---- other orders ------------------------------------------------------------------------------------------------- */

lam_ordering lam_ordering_of(const lam_shape *shape, const lam_axes *axes) {
  bool found[LAM_MAX_RANK];
  lam_ordering o = { .together = 1, .in_place = true };
  (void)lam_find_axes(shape, axes, found);
  for (int chosen = 0; chosen < 2; chosen++) {
    for (size_t i = 0; i < shape->rank; i++) {
      if (found[i] != (bool)chosen) continue;
      size_t step = 1;
      for (size_t j = i + 1; j < shape->rank; j++) step *= shape->size[j];
      o.in_place = o.in_place && o.rank == i;
      o.size[o.rank] = shape->size[i];
      o.step[o.rank++] = step;
      if (chosen) o.together *= shape->size[i];
    }
  }
  return o;
}

void lam_reorder(float *out, const float *in, const lam_ordering *o, bool back) {
  size_t index[LAM_MAX_RANK] = { 0 }, last = o->rank - 1, at = 0, k = 0;
  for (;;) {
    for (size_t i = 0; i < o->size[last]; i++, k++) {
      if (back)
        out[at + i * o->step[last]] = in[k];
      else
        out[k] = in[at + i * o->step[last]];
    }
    size_t axis = last;
    while (axis > 0 && index[axis - 1] + 1 == o->size[axis - 1]) {
      axis--;
      at -= index[axis] * o->step[axis];
      index[axis] = 0;
    }
    if (axis == 0) return;
    index[axis - 1]++;
    at += o->step[axis - 1];
  }
}
