/* SPDX-License-Identifier: MIT
 *
 * Running a loss on rows: targets are changed where the options say so, a kernel gives values and gradients, and what the options
 * leave out is taken out again.
 */
#include "layers/losses.h"

#include <string.h>

/* ---- targets ------------------------------------------------------------------------------------------------------ */

static bool all_binary(const float *targets, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (targets[i] != 0.0f && targets[i] != 1.0f) return false;
  return true;
}

/* scale t + offset, in the room there is for it. */
static void change_targets(lam_loss_rows *r, double scale, double offset) {
  size_t count = r->rows * r->columns;
  r->kernels->affine(r->room, count, r->targets, count, (float)scale, (float)offset, 1, count);
  r->targets = r->room;
}

static void smooth(lam_loss_rows *r, double smoothing) {
  double classes = r->setting->type->logits == LAM_SIGMOID ? 2.0 : (double)r->columns;
  change_targets(r, 1.0 - smoothing, smoothing / classes);
}

/* Rows to be left out get a label that is in range; the share of all rows that are left is what their losses are divided by. */
static float leave_out(lam_loss_rows *r) {
  const lam_loss_options *o = &r->setting->options;
  int32_t *labels = (int32_t *)(void *)r->room;
  size_t valid = 0;
  for (size_t i = 0; i < r->rows; i++) {
    bool keep = r->labels[i] != o->ignore_class;
    valid += keep;
    labels[i] = keep ? r->labels[i] : 0;
  }
  r->labels = labels;
  if (o->reduction == LAM_REDUCTION_SUM || o->reduction == LAM_REDUCTION_NONE) return 1.0f;
  return (float)((double)r->rows / ((double)valid + 1e-7));
}

static void drop_left_out(const lam_loss_rows *r, const int32_t *said, float factor) {
  for (size_t i = 0; i < r->rows; i++) {
    bool out = said[i] == r->setting->options.ignore_class;
    r->losses[i] = out ? 0.0f : r->losses[i] * factor;
    if (out && r->gradient) memset(r->gradient + i * r->columns, 0, r->columns * sizeof *r->gradient);
  }
}

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

static lam_status run_function(const lam_loss_rows *r) {
  const lam_loss_options *o = &r->setting->options;
  size_t count = r->rows * r->columns;
  lam_loss_call call = { .rows = r->rows, .columns = r->columns, .outputs = r->outputs, .losses = r->losses };
  call.target_columns = o->integer_targets ? 1 : o->target_columns ? o->target_columns : r->columns;
  call.targets = o->integer_targets ? NULL : r->targets;
  call.labels = o->integer_targets ? r->labels : NULL;
  call.gradient = r->gradient;
  lam_status status = o->function(o->user, &call);
  if (!status && r->gradient) r->kernels->affine(r->gradient, count, r->gradient, count, r->scale, 0.0f, 1, count);
  return status;
}

#define DENSE(name) r->kernels->name(r->losses, r->gradient, n, r->outputs, n, r->targets, n, r->scale, r->rows, n)
#define DENSE_WITH(name) r->kernels->name(r->losses, r->gradient, n, r->outputs, n, r->targets, n, p, r->scale, r->rows, n)
#define SPARSE(name) r->kernels->name(r->losses, r->gradient, n, r->outputs, n, r->labels, r->scale, r->rows, n)
#define EITHER(of, from_logits, probabilities) r->logits ? of(from_logits) : of(probabilities)

static lam_status run_kernel(const lam_loss_rows *r) {
  const lam_loss_options *o = &r->setting->options;
  size_t n = r->columns;
  bool balanced = o->apply_class_balancing;
  const float p[] = { o->loss == LAM_HUBER ? o->delta : o->gamma,
                      o->loss == LAM_CATEGORICAL_FOCAL_CROSSENTROPY || balanced ? o->alpha : 1.0f,
                      balanced ? 1.0f - o->alpha : 1.0f };
  switch (o->loss) {
  case LAM_SPARSE_CATEGORICAL_CROSSENTROPY: EITHER(SPARSE, softmax_sparse_crossentropy, sparse_crossentropy); break;
  case LAM_CATEGORICAL_CROSSENTROPY: EITHER(DENSE, softmax_crossentropy, crossentropy); break;
  case LAM_BINARY_CROSSENTROPY: EITHER(DENSE, sigmoid_binary_crossentropy, binary_crossentropy); break;
  case LAM_CATEGORICAL_FOCAL_CROSSENTROPY: EITHER(DENSE_WITH, softmax_focal_crossentropy, focal_crossentropy); break;
  case LAM_BINARY_FOCAL_CROSSENTROPY: EITHER(DENSE_WITH, sigmoid_binary_focal_crossentropy, binary_focal_crossentropy); break;
  case LAM_MEAN_SQUARED_ERROR:
  case LAM_SUM_OF_SQUARES:
    r->kernels->squared_error(r->losses, r->gradient, n, r->outputs, n, r->targets, n,
                              o->loss == LAM_SUM_OF_SQUARES ? 0.5f : 1.0f / (float)n, r->scale, r->rows, n);
    break;
  case LAM_MEAN_ABSOLUTE_ERROR: DENSE(mean_absolute_error); break;
  case LAM_MEAN_ABSOLUTE_PERCENTAGE_ERROR: DENSE(mean_absolute_percentage_error); break;
  case LAM_MEAN_SQUARED_LOGARITHMIC_ERROR: DENSE(mean_squared_logarithmic_error); break;
  case LAM_HUBER: DENSE_WITH(huber); break;
  case LAM_LOG_COSH: DENSE(log_cosh); break;
  case LAM_HINGE: DENSE(hinge); break;
  case LAM_SQUARED_HINGE: DENSE(squared_hinge); break;
  case LAM_CATEGORICAL_HINGE: DENSE(categorical_hinge); break;
  case LAM_POISSON: DENSE(poisson); break;
  case LAM_KL_DIVERGENCE: DENSE(kl_divergence); break;
  case LAM_COSINE_SIMILARITY:
  case LAM_TVERSKY:
  case LAM_DICE: lam_loss_run_sums(r); break;
  case LAM_CUSTOM_LOSS: return run_function(r);
  case LAM_NO_LOSS: break;
  }
  return LAM_OK;
}

lam_status lam_loss_run(const lam_loss_rows *rows) {
  const lam_loss_options *o = &rows->setting->options;
  lam_loss_rows r = *rows;
  if (o->label_smoothing != 0.0f) smooth(&r, (double)o->label_smoothing);
  if ((o->loss == LAM_HINGE || o->loss == LAM_SQUARED_HINGE) && all_binary(r.targets, r.rows * r.columns))
    change_targets(&r, 2.0, -1.0);
  float factor = 1.0f;
  if (o->ignore) factor = leave_out(&r);
  r.scale *= factor;
  lam_status status = run_kernel(&r);
  if (!status && o->ignore) drop_left_out(&r, rows->labels, factor);
  return status;
}
