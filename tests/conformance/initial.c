/* SPDX-License-Identifier: MIT
 *
 * Behaviours of initialisers: spread and limits of the kernels they draw, of the shapes that the file names.
 */
#include "conformance/cases.h"
#include <math.h>
#include <string.h>

/* The spread of a normal distribution that is cut at two standard deviations, as a part of what it was before. */
static const double truncated = 0.87962566103423978;

/* A kernel of one layer, to be given back with the model. */
static outcome draw(run *r, lam_initializer initializer, size_t rows, size_t columns, lam_model **model, lam_parameter *kernel) {
  *model = one_dense(r, rows, columns, &(lam_dense_options){ .no_bias = true, .kernel_initializer = initializer });
  return *model && !lam_model_parameter(*model, 0, kernel) ? PASSED : refused(r, "a kernel");
}

static const struct drawn {
  const char *id;
  lam_initializer_type type;
  float value;
  size_t rows, columns;
} kernels[] = {
  { "random_normal", LAM_RANDOM_NORMAL, 1, 25, 20 },
  { "random_uniform", LAM_RANDOM_UNIFORM, 1, 5, 5 },
  { "variance_scaling_fan_in", LAM_HE_NORMAL, 0, 25, 20 },         /* scale 2, fan_in */
  { "variance_scaling_fan_out", LAM_TRUNCATED_NORMAL, 0, 25, 20 }, /* its value is computed below, as docs/keras.md says */
  { "GlorotUniform", LAM_GLOROT_UNIFORM, 0, 1000, 500 },
  { "GlorotNormal", LAM_GLOROT_NORMAL, 0, 1000, 500 },
  { "HeNormal", LAM_HE_NORMAL, 0, 1000, 500 },
  { "HeUniform", LAM_HE_UNIFORM, 0, 1000, 500 },
  { "LecunNormal", LAM_LECUN_NORMAL, 0, 1000, 500 },
  { "LecunUniform", LAM_LECUN_UNIFORM, 0, 1000, 500 },
  { "TruncatedNormal", LAM_TRUNCATED_NORMAL, 0.05f, 1000, 500 },
};

/* Compares what the file has: the spread, alone or as "std", and limits, which rounding to float may exceed by its last place. */
static outcome compare_spread(run *r, item root, const lam_parameter *kernel) {
  double sum = 0, squares = 0, least = 0, most = 0, n = (double)kernel->count;
  for (size_t i = 0; i < kernel->count; i++) {
    double x = (double)kernel->data[i];
    sum += x, squares += x * x;
    least = fmin(least, x), most = fmax(most, x);
  }
  double deviation = sqrt(squares / n - sum / n * (sum / n));
  item expected = item_field(root, "expected"), spread = item_is_number(expected) ? expected : item_field(expected, "std");
  item limit = item_field(expected, "largest_possible_abs"), lowest = item_field(expected, "min_at_least");
  if (item_present(spread) && expect(r, root, "the standard deviation", deviation, spread)) return FAILED;
  if (item_present(limit) && fmax(most, -least) > item_number(limit) * (1 + 0x1p-23))
    return miss(r, "numbers up to %.9g, beyond %.9g", fmax(most, -least), item_number(limit));
  if (item_present(lowest) && (least < item_number(lowest) || most >= item_number(item_field(expected, "max_below"))))
    return miss(r, "numbers from %.9g to %.9g", least, most);
  return PASSED;
}

outcome initial_values(run *r, item root) {
  const char *id = item_text(item_field(root, "id")) + strlen("initializers.");
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    const struct drawn *d = &kernels[i];
    lam_initializer initializer = { d->type, d->value };
    lam_parameter kernel;
    lam_model *model;
    if (strcmp(d->id, id)) continue;
    if (!strcmp(id, "variance_scaling_fan_out")) initializer.value = (float)(sqrt(2.0 / (double)d->columns) / truncated);
    outcome result = draw(r, initializer, d->rows, d->columns, &model, &kernel);
    if (!result) result = compare_spread(r, root, &kernel);
    lam_model_destroy(model);
    return result;
  }
  return skip(r, "initializer %s: this runner does not know it", id);
}

/* The products of the shorter side's vectors: the square of the factor for each with itself, 0 for two of them. */
outcome initial_orthogonal(run *r, item root) {
  const char *id = item_text(item_field(root, "id"));
  size_t rows = strstr(id, "6x3") ? 6 : strstr(id, "3x6") ? 3 : 5, columns = strstr(id, "6x3") ? 3 : strstr(id, "3x6") ? 6 : 5;
  const double factor = rows == columns ? 2 : 1, atol = item_number(item_field(item_field(root, "tolerance"), "atol"));
  lam_parameter kernel;
  lam_model *model;
  outcome result = draw(r, (lam_initializer){ LAM_ORTHOGONAL, (float)factor }, rows, columns, &model, &kernel);
  if (result && strstr(run_reason(r), "LAPACKE")) result = skip(r, "the initialiser orthogonal needs a build with LAPACKE");
  bool wide = columns > rows;
  size_t vectors = wide ? rows : columns, length = wide ? columns : rows;
  for (size_t i = 0; i < vectors * vectors && !result; i++) {
    double product = 0, want = i / vectors == i % vectors ? factor * factor : 0;
    for (size_t k = 0; k < length; k++) {
      size_t a = wide ? i / vectors * columns + k : k * columns + i / vectors;
      size_t b = wide ? i % vectors * columns + k : k * columns + i % vectors;
      product += (double)kernel.data[a] * (double)kernel.data[b];
    }
    /* A norm that is off by atol has a square off by twice the norm as much. */
    if (!near_enough(product, want, 0, 2 * factor * atol)) result = miss(r, "a product of %.9g and not %.9g", product, want);
  }
  lam_model_destroy(model);
  return result;
}
