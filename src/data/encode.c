/* SPDX-License-Identifier: MIT
 *
 * Arrays encoded and scaled before they are data.
 */
#include "base/context.h"
#include "base/elementary.h"
#include <lamina/data.h>
#include <math.h>

lam_status lam_one_hot_array(const int32_t *labels, size_t outer, size_t inner, size_t classes, float *out) {
  if (!labels || !out) return LAM_NO_HANDLE;
  for (size_t i = 0; i < outer; i++)
    for (size_t c = 0; c < classes; c++)
      for (size_t j = 0; j < inner; j++) {
        int32_t label = labels[i * inner + j];
        out[(i * classes + c) * inner + j] = label >= 0 && (size_t)label == c ? 1.0f : 0.0f;
      }
  return LAM_OK;
}

/* The norm of `count` numbers that lie `stride` apart. Powers other than squares are taken of parts of the largest, which neither
 * overflow nor, where it matters, underflow. */
static double norm_of(const float *x, size_t count, size_t stride, double order) {
  double sum = 0.0, most = 0.0;
  for (size_t i = 0; i < count; i++) {
    double size = fabs((double)x[i * stride]);
    if (isnan(size)) return size;
    most = size > most ? size : most;
  }
  if (isinf(order) || isinf(most) || most <= 0.0) return most;
  for (size_t i = 0; i < count; i++) {
    double size = fabs((double)x[i * stride]);
    sum += order == 1.0 ? size : order == 2.0 ? size * size : lam_power(size / most, order);
  }
  return order == 1.0 ? sum : order == 2.0 ? sqrt(sum) : most * lam_power(sum, 1.0 / order);
}

lam_status lam_normalize_array(const float *x, size_t outer, size_t count, size_t inner, float order, float epsilon, float *out) {
  if (!x || !out) return LAM_NO_HANDLE;
  double p = order == 0.0f ? 2.0 : (double)order, least = epsilon == 0.0f ? 1e-12 : (double)epsilon;
  if (!(p >= 1.0) || !(least > 0.0)) return LAM_INVALID_ARGUMENT;
  lam_fp_mode mode = lam_fp_enter();
  for (size_t i = 0; i < outer; i++)
    for (size_t j = 0; j < inner; j++) {
      const float *from = x + i * count * inner + j;
      float *to = out + i * count * inner + j;
      double norm = norm_of(from, count, inner, p), divisor = norm < least ? least : norm;
      for (size_t k = 0; k < count; k++) to[k * inner] = (float)((double)from[k * inner] / divisor);
    }
  lam_fp_leave(mode);
  return LAM_OK;
}
