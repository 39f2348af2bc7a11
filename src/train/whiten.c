/* SPDX-License-Identifier: MIT
 *
 * Fitting a whitening: the mean and the covariance of the data in double, its eigenvectors from LAPACK, and the matrix of them.
 */
#include "layers/layers.h"
#include "train/trainer.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16 }; /* rows that are added to the covariance together */

typedef struct lam_whitener {
  const lam_model *model;
  const lam_dataset *data;
  const lam_model_node *layer;
  size_t input, width, columns; /* width: of a row of the data, several rows of columns */
  float *row;
  double *mean, *values, *covariance; /* and then the eigenvectors, each a row */
  double *block;                      /* columns x BLOCK distances from the mean */
} lam_whitener;

/* Calls `add` with each row of columns. */
static void each_row(lam_whitener *w, void (*add)(lam_whitener *w, const float *row, size_t number)) {
  const lam_model *model = w->model;
  float scale, offset;
  lam_array_scaling(&w->data->inputs[w->input], model->scaling[w->input].scale, model->scaling[w->input].offset, &scale, &offset);
  size_t number = 0;
  for (size_t i = 0; i < w->data->rows; i++) {
    lam_dataset_gather_input(w->data, w->input, scale, offset, &(uint32_t){ (uint32_t)i }, 1, w->row, w->width,
                             model->object.context->kernels);
    for (size_t j = 0; j < w->width; j += w->columns) add(w, w->row + j, number++);
  }
}

static void add_to_mean(lam_whitener *w, const float *row, size_t number) {
  (void)number;
  for (size_t j = 0; j < w->columns; j++) w->mean[j] += (double)row[j];
}

/* The lower triangle; distances that are not there are 0. */
static void add_block(lam_whitener *w) {
  for (size_t i = 0; i < w->columns; i++)
    for (size_t j = 0; j <= i; j++) {
      const double *a = w->block + i * BLOCK, *b = w->block + j * BLOCK;
      double sum = 0;
      for (size_t k = 0; k < BLOCK; k++) sum += a[k] * b[k];
      w->covariance[i * w->columns + j] += sum;
    }
  memset(w->block, 0, w->columns * BLOCK * sizeof *w->block);
}

static void add_to_covariance(lam_whitener *w, const float *row, size_t number) {
  for (size_t j = 0; j < w->columns; j++) w->block[j * BLOCK + number % BLOCK] = (double)row[j] - w->mean[j];
  if (number % BLOCK == BLOCK - 1) add_block(w);
}

static void measure(lam_whitener *w) {
  size_t n = w->columns;
  double count = (double)w->data->rows * (double)(w->width / n);
  each_row(w, add_to_mean);
  for (size_t j = 0; j < n; j++) w->mean[j] /= count;
  each_row(w, add_to_covariance);
  add_block(w);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) w->covariance[j * n + i] = w->covariance[i * n + j] /= count;
}

/* The largest element of an eigenvector is positive. */
static void choose_sign(double *vector, size_t n) {
  size_t largest = 0;
  for (size_t i = 1; i < n; i++)
    if (fabs(vector[i]) > fabs(vector[largest])) largest = i;
  bool turn = vector[largest] < 0;
  for (size_t i = 0; i < n && turn; i++) vector[i] = -vector[i];
}

/* Eigenvalues come rising; those that rounding has put below 0 are 0. */
static lam_status fill_matrix(const lam_whitener *w, const lam_whitening_options *options, float *matrix, size_t components) {
  size_t n = w->columns;
  double epsilon = (double)lam_option(options->epsilon, 1e-6f);
  for (size_t k = 0; k < n; k++) {
    double value = (w->values[k] > 0 ? w->values[k] : 0) + epsilon;
    if (!(value > 0) && n - 1 - k < components)
      return lam_fail(w->model->object.context, LAM_INVALID_DATA,
                      "%s: the data have no variance in some direction, and epsilon is 0", w->layer->layer->name);
    w->values[k] = 1 / sqrt(value);
    choose_sign(w->covariance + k * n, n);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < components; j++) {
      double sum = 0;
      const double *vectors = w->covariance;
      for (size_t k = 0; k < n && options->type == LAM_WHITENING_ZCA; k++)
        sum += vectors[k * n + i] * vectors[k * n + j] * w->values[k];
      if (options->type == LAM_WHITENING_PCA) sum = vectors[(n - 1 - j) * n + i] * w->values[n - 1 - j];
      matrix[i * components + j] = (float)sum;
    }
  return LAM_OK;
}

static lam_status fit(lam_whitener *w) {
  const lam_weight *weights = &w->model->weights[w->layer->first_weight];
  measure(w);
  lam_status status = lam_symmetric_eigen(w->model->object.context, w->covariance, w->values, w->columns);
  const lam_whitening_options *options = &((const lam_whitening_layer *)w->layer->layer->options)->options;
  if (!status) status = fill_matrix(w, options, w->model->values + weights[1].offset, weights[1].shape.size[1]);
  for (size_t j = 0; j < w->columns && !status; j++) w->model->values[weights[0].offset + j] = (float)w->mean[j];
  return status;
}

lam_status lam_adapt_whitening(lam_model *model, const lam_dataset *data, size_t input, const lam_model_node *layer) {
  lam_context *context = model->object.context;
  lam_whitener w = { .model = model, .data = data, .layer = layer, .input = input };
  const lam_model_node *from = &model->nodes[layer->inputs[0]];
  w.width = from->width;
  w.columns = from->shape.size[from->shape.rank - 1];
  size_t numbers = 0, each = w.columns + BLOCK + 2;
  if (__builtin_mul_overflow(w.columns, each, &numbers) || numbers > SIZE_MAX / sizeof(double))
    return lam_fail(context, LAM_OUT_OF_MEMORY, "a covariance of %zu columns is too large", w.columns);
  w.row = lam_allocate_array(context, w.width, sizeof *w.row);
  w.mean = lam_allocate_zero(context, numbers * sizeof *w.mean);
  w.values = w.mean ? w.mean + w.columns : NULL;
  w.block = w.mean ? w.values + w.columns : NULL;
  w.covariance = w.mean ? w.block + w.columns * BLOCK : NULL;
  lam_status status = w.row && w.mean ? LAM_OK : LAM_OUT_OF_MEMORY;
  lam_blas_enter(context);
  if (!status) status = fit(&w);
  lam_blas_leave(context);
  lam_release(context, w.row, w.row ? w.width * sizeof *w.row : 0);
  lam_release(context, w.mean, w.mean ? numbers * sizeof *w.mean : 0);
  return status;
}
