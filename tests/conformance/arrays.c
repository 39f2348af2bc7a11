/* SPDX-License-Identifier: MIT
 *
 * Cases of what makes arrays out of arrays: one_hot, to_categorical, normalize.
 */
#include "conformance/cases.h"
#include <string.h>

/* An axis of `rank` ones as the product of the sizes before it and from it on; null stands for all of them, before the first. */
static void split(const tensor *x, item axis, size_t rank, size_t *outer, size_t *inner) {
  double said = item_present(axis) ? item_number(axis) : -1;
  size_t place = said < 0 ? (size_t)((double)rank + said) : (size_t)said;
  *outer = *inner = 1;
  for (size_t i = 0; i < x->rank; i++) *(i < place ? outer : inner) *= x->shape[i];
}

outcome one_hot_case(run *r, const kase *k) {
  tensor x;
  size_t outer, inner, classes = (size_t)item_number(item_field(k->inputs, "num_classes"));
  if (!tensor_read(&x, item_field(k->inputs, "x"))) return miss(r, "x is no tensor");
  split(&x, item_field(k->inputs, "axis"), x.rank + 1, &outer, &inner);
  float *y = take(x.count * classes, sizeof *y);
  if (lam_one_hot_array(take_integers(&x), outer, inner, classes, y)) return miss(r, "lam_one_hot_array refused");
  return compare_case(r, k, y, x.count * classes, 0, 0, 0);
}

outcome normalize_case(run *r, const kase *k) {
  tensor x;
  item axis = item_field(k->inputs, "axis"), order = item_field(k->inputs, "order");
  size_t outer = 1, inner = 1, count;
  if (!tensor_read(&x, item_field(k->inputs, "x"))) return miss(r, "x is no tensor");
  count = x.count;
  if (item_present(axis)) {
    split(&x, axis, x.rank, &outer, &inner);
    size_t place = item_number(axis) < 0 ? (size_t)((double)x.rank + item_number(axis)) : (size_t)item_number(axis);
    count = x.shape[place];
    inner /= count;
  }
  float *y = take(x.count, sizeof *y);
  float epsilon = (float)item_number(item_field(k->inputs, "epsilon"));
  if (lam_normalize_array(take_floats(&x), outer, count, inner, (float)item_number(order), epsilon, y))
    return miss(r, "lam_normalize_array refused");
  /* x and epsilon are rounded to float, and so is the result. */
  return compare_case(r, k, y, x.count, 4 * 0x1p-24, 0, 0);
}

outcome utility_case(run *r, const kase *k) {
  if (!strcmp(k->op, "to_categorical")) return one_hot_case(r, k);
  if (!strcmp(k->op, "normalize")) return normalize_case(r, k);
  return skip(r, "utility %s: not in the library", k->op);
}
