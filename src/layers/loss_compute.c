/* SPDX-License-Identifier: MIT
 *
 * The loss of arrays, apart from any model.
 */
#include "layers/layers.h"
#include "layers/losses.h"

#include <string.h>

typedef struct lam_computing {
  lam_context *context;
  lam_loss_setting setting;
  const lam_loss_data *data;
  size_t weight_rows; /* rows in turn that share a weight */
} lam_computing;

static lam_status check_labels(const lam_computing *c) {
  const lam_loss_options *o = &c->setting.options;
  for (size_t i = 0; o->loss == LAM_SPARSE_CATEGORICAL_CROSSENTROPY && i < c->data->rows; i++) {
    int32_t label = c->data->labels[i];
    if (o->ignore && label == o->ignore_class) continue;
    if (label < 0 || (size_t)label >= c->data->columns)
      return lam_fail(c->context, LAM_INVALID_DATA, "label %d in row %zu is outside 0 to %zu", (int)label, i,
                      c->data->columns - 1);
  }
  return LAM_OK;
}

static lam_status check(lam_computing *c, const lam_loss_options *options) {
  const lam_loss_data *d = c->data;
  lam_status status = lam_loss_complete(c->context, options, &c->setting);
  if (status) return status;
  if (!c->setting.type) return lam_fail(c->context, LAM_INVALID_ARGUMENT, "lam_loss_compute needs a loss; it was given none");
  const char *name = c->setting.type->name;
  if (!lam_all_zero(d->reserved, sizeof d->reserved))
    return lam_fail(c->context, LAM_INVALID_ARGUMENT, "reserved fields of lam_loss_data must be zero");
  if (!d->rows || !d->columns)
    return lam_fail(c->context, LAM_INVALID_ARGUMENT, "%s of %zu rows of %zu columns", name, d->rows, d->columns);
  if (!d->outputs) return lam_fail(c->context, LAM_INVALID_ARGUMENT, "%s needs outputs", name);
  if (c->setting.labels ? !d->labels : !d->targets)
    return lam_fail(c->context, LAM_INVALID_ARGUMENT, "%s needs %s", name, c->setting.labels ? "integer labels" : "targets");
  size_t count = d->sample_weight_count ? d->sample_weight_count : d->rows;
  if (d->sample_weight && d->rows % count)
    return lam_fail(c->context, LAM_INVALID_ARGUMENT, "%zu rows cannot share %zu weights", d->rows, count);
  c->weight_rows = d->rows / count;
  return check_labels(c);
}

/* What a row counts for, as Keras: its weight, and with a mask, where a mean is taken, all rows for each that is left. */
typedef struct lam_weighing {
  double factor, sum; /* of the mask; the sum of all weights */
} lam_weighing;

static bool counts(const lam_computing *c, size_t row) {
  const lam_loss_options *o = &c->setting.options;
  return !(c->data->mask && !c->data->mask[row]) && !(o->ignore && c->data->labels[row] == o->ignore_class);
}

static double weight_of(const lam_computing *c, const lam_weighing *w, size_t row) {
  if (!counts(c, row)) return 0;
  return c->data->sample_weight ? (double)c->data->sample_weight[row / c->weight_rows] * w->factor : w->factor;
}

static lam_weighing weigh(const lam_computing *c) {
  lam_weighing w = { 1, 0 };
  size_t valid = 0, rows = c->data->rows;
  lam_reduction reduction = c->setting.options.reduction;
  for (size_t i = 0; i < rows; i++) valid += counts(c, i);
  bool mean = reduction == LAM_REDUCTION_SUM_OVER_BATCH_SIZE || reduction == LAM_REDUCTION_MEAN;
  if (mean && (c->data->mask || c->setting.options.ignore)) w.factor = (double)rows / ((double)valid + 1e-7);
  for (size_t i = 0; i < rows; i++) w.sum += weight_of(c, &w, i);
  return w;
}

/* What the sum of the rows' losses is divided by. */
static double divisor_of(const lam_computing *c, const lam_weighing *w) {
  switch (c->setting.options.reduction) {
  case LAM_REDUCTION_SUM:
  case LAM_REDUCTION_NONE: return c->setting.one && !c->data->sample_weight && !c->data->mask ? (double)c->data->rows : 1;
  case LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT: return w->sum;
  default: return (double)c->data->rows;
  }
}

static void scale_row(const lam_computing *c, float *gradient, size_t row, double factor) {
  size_t n = c->data->columns;
  float *at = gradient + row * n;
  if (factor == 0)
    memset(at, 0, n * sizeof *at);
  else
    c->context->kernels->affine(at, n, at, n, (float)factor, 0.0f, 1, n);
}

/* From the losses of the rows and their own gradients to what was asked for. */
static void reduce(const lam_computing *c, float *losses, double *value, float *gradient) {
  lam_weighing w = weigh(c);
  double sum = 0, divisor = divisor_of(c, &w), weight = (double)c->setting.options.weight;
  double share = divisor != 0 ? weight / divisor : 0;
  for (size_t i = 0; i < c->data->rows; i++) {
    double row = weight_of(c, &w, i);
    losses[i] = row != 0 ? (float)(row * (double)losses[i]) : 0.0f;
    sum += (double)losses[i];
    /* A loss that stands in every row has a gradient that was made for their mean. */
    if (gradient) scale_row(c, gradient, i, c->setting.one ? share * w.sum / (double)c->data->rows : row * share);
  }
  if (value) *value = sum * share;
}

lam_status lam_loss_compute(lam_context *context, const lam_loss_options *options, const lam_loss_data *data, float *losses,
                            double *value, float *gradient) {
  if (!context || !options || !data) return LAM_NO_HANDLE;
  lam_computing c = { .context = context, .data = data };
  lam_status status = check(&c, options);
  if (status) return status;
  size_t count = data->rows;
  if (!c.setting.labels && __builtin_mul_overflow(data->rows, data->columns, &count)) return LAM_OUT_OF_MEMORY;
  float *own = losses ? NULL : lam_allocate_array(context, data->rows, sizeof *own);
  float *room = c.setting.changes_targets ? lam_allocate_array(context, count, sizeof *room) : NULL;
  if ((!losses && !own) || (c.setting.changes_targets && !room)) status = LAM_OUT_OF_MEMORY;
  lam_loss_setting plain = c.setting; /* rows that count for nothing are dealt with below, together */
  plain.options.reduction = LAM_REDUCTION_NONE;
  lam_loss_rows rows = { .kernels = context->kernels, .setting = &plain, .logits = c.setting.options.from_logits };
  rows.rows = data->rows;
  rows.columns = data->columns;
  rows.losses = losses ? losses : own;
  rows.gradient = gradient;
  rows.outputs = data->outputs;
  rows.targets = data->targets;
  rows.labels = data->labels;
  rows.room = room;
  rows.scale = 1.0f;
  if (!status) {
    lam_fp_mode mode = lam_fp_enter();
    status = c.setting.type->run(&rows);
    if (status) lam_fail(context, status, "the loss function failed: %s", lam_status_text(status));
    if (!status) reduce(&c, rows.losses, value, gradient);
    lam_fp_leave(mode);
  }
  lam_release(context, own, own ? data->rows * sizeof *own : 0);
  lam_release(context, room, room ? count * sizeof *room : 0);
  return status;
}
