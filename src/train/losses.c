/* SPDX-License-Identifier: MIT
 *
 * A trainer's losses: one for each output, whichever way its options say it, and what each came to.
 */
#include "train/losses.h"

#include <math.h>
#include <string.h>

static lam_status check_count(const lam_model *model, const lam_trainer_options *options) {
  lam_context *context = model->object.context;
  if (!options->loss_count && !options->losses) return LAM_OK;
  if (!options->loss_count || !options->losses)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "losses and loss_count go together; %s",
                    options->losses ? "loss_count is 0" : "losses is NULL");
  if (options->loss || options->from_logits)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the options say both loss or from_logits and losses; one of the two ways");
  if (options->loss_count == 1 || options->loss_count == model->output_count) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%zu losses for %zu outputs; it is one for all, or one for each",
                  options->loss_count, model->output_count);
}

/* What to write in options for the same setting: a zero that counts is LAM_ZERO. */
static lam_loss_options said(const lam_loss_setting *setting) {
  lam_loss_options o = setting->options;
  bool tversky = o.loss == LAM_TVERSKY;
  bool focal = o.loss == LAM_BINARY_FOCAL_CROSSENTROPY || o.loss == LAM_CATEGORICAL_FOCAL_CROSSENTROPY;
  if (setting->type && o.weight == 0.0f) o.weight = LAM_ZERO;
  if ((tversky || focal) && o.alpha == 0.0f) o.alpha = LAM_ZERO;
  if (tversky && o.beta == 0.0f) o.beta = LAM_ZERO;
  if (focal && o.gamma == 0.0f) o.gamma = LAM_ZERO;
  return o;
}

lam_status lam_trainer_open_losses(lam_trainer *trainer) {
  lam_model *model = trainer->model;
  lam_context *context = trainer->object.context;
  lam_trainer_options *options = &trainer->options;
  lam_status status = check_count(model, options);
  if (status) return status;
  size_t count = model->output_count, given = options->loss_count;
  trainer->losses = lam_allocate_array(context, count, sizeof *trainer->losses);
  trainer->output_losses = lam_allocate_zero(context, 3 * count * sizeof *trainer->output_losses);
  if (given) trainer->loss_options = lam_allocate_array(context, given, sizeof *trainer->loss_options);
  if (!trainer->losses || !trainer->output_losses || (given && !trainer->loss_options)) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < count && !status; i++) {
    lam_loss_options loss = lam_loss_of(options, i);
    status = lam_loss_complete(context, &loss, &trainer->losses[i]);
    if (!status && loss.reduction == LAM_REDUCTION_NONE)
      status = lam_fail(context, LAM_INVALID_ARGUMENT, "a trainer needs a loss that is one number; the reduction is none");
  }
  for (size_t i = 0; i < given && !status; i++) trainer->loss_options[i] = said(&trainer->losses[i]);
  options->losses = trainer->loss_options;
  return status;
}

void lam_trainer_close_losses(lam_trainer *trainer) {
  lam_context *context = trainer->object.context;
  size_t count = trainer->model->output_count;
  lam_release(context, trainer->losses, trainer->losses ? count * sizeof *trainer->losses : 0);
  lam_release(context, trainer->output_losses, trainer->output_losses ? 3 * count * sizeof *trainer->output_losses : 0);
  lam_release(context, trainer->loss_options,
              trainer->loss_options ? trainer->options.loss_count * sizeof *trainer->loss_options : 0);
}

bool lam_trainer_has_loss(const lam_trainer *trainer) {
  bool has = false;
  for (size_t i = 0; i < trainer->model->output_count; i++) has = has || trainer->losses[i].type;
  return has;
}

/* ---- what they came to -------------------------------------------------------------------------------------------- */

void lam_trainer_clear_losses(lam_trainer *trainer, bool evaluated) {
  size_t count = trainer->model->output_count;
  memset(trainer->output_losses + (evaluated ? count : 0), 0, count * sizeof *trainer->output_losses);
  trainer->output_rows[evaluated] = 0;
}

double lam_trainer_loss(lam_trainer *trainer, const lam_step *step) {
  return lam_plan_loss(trainer->plan, step, trainer->output_losses + 2 * trainer->model->output_count);
}

void lam_trainer_count_losses(lam_trainer *trainer, const lam_step *step, bool evaluated) {
  size_t count = trainer->model->output_count;
  double *sums = trainer->output_losses + (evaluated ? count : 0), *last = trainer->output_losses + 2 * count;
  for (size_t i = 0; i < count; i++) sums[i] += last[i] * (double)step->rows;
  trainer->output_rows[evaluated] += step->rows;
}

double lam_trainer_output_loss(const lam_trainer *trainer, size_t output, bool evaluated) {
  if (!trainer || output >= trainer->model->output_count || !trainer->losses[output].type || !trainer->output_rows[evaluated])
    return (double)NAN;
  size_t at = evaluated ? trainer->model->output_count + output : output;
  return trainer->output_losses[at] / (double)trainer->output_rows[evaluated];
}

/* ---- targets ------------------------------------------------------------------------------------------------------ */

/* Labels in range, but for those that the loss leaves out. */
static lam_status check_kept_labels(lam_trainer *trainer, const lam_dataset *data, size_t output, size_t classes) {
  for (uint32_t i = 0; i < data->rows; i++) {
    int32_t label;
    lam_dataset_gather_labels(data, output, &i, 1, &label);
    if (label == trainer->losses[output].options.ignore_class || (label >= 0 && (size_t)label < classes)) continue;
    return lam_fail(trainer->object.context, LAM_INVALID_DATA,
                    "label %d in row %u of target %zu is outside 0 to %zu, and not %d, which is left out", (int)label,
                    (unsigned)i, output, classes - 1, (int)trainer->losses[output].options.ignore_class);
  }
  return LAM_OK;
}

static lam_status check_labels(lam_trainer *trainer, const lam_dataset *data, size_t output, size_t *classes) {
  const lam_loss_setting *loss = &trainer->losses[output];
  const lam_model_node *node = &trainer->model->nodes[trainer->model->outputs[output]];
  const lam_array *target = &data->targets[output];
  if (!lam_array_is_labels(target))
    return lam_fail(trainer->object.context, LAM_INVALID_SHAPE,
                    "%s needs integer labels, one a row; the targets of %s are rows of %zu floats%s", loss->type->name,
                    node->layer->name, lam_array_width(target), loss->type->sparse ? ": take categorical_crossentropy" : "");
  if (loss->options.ignore) return check_kept_labels(trainer, data, output, node->width);
  if (loss->type->sparse) *classes = node->width;
  return LAM_OK;
}

lam_status lam_trainer_check_target(lam_trainer *trainer, const lam_dataset *data, size_t output, size_t *classes) {
  lam_context *context = trainer->object.context;
  const lam_loss_setting *loss = &trainer->losses[output];
  const lam_model_node *node = &trainer->model->nodes[trainer->model->outputs[output]];
  const lam_array *target = &data->targets[output];
  const char *layer = node->layer->name;
  *classes = 0;
  if (!loss->type) return LAM_OK;
  if (loss->labels) return check_labels(trainer, data, output, classes);
  size_t width = loss->options.target_columns ? loss->options.target_columns : node->width;
  if (lam_array_width(target) == width) return LAM_OK;
  if (lam_array_is_labels(target))
    return lam_fail(context, LAM_INVALID_SHAPE,
                    "%s needs dense targets, %zu wide for %s (%s); these are integer labels: "
                    "encode them with lam_one_hot",
                    loss->type->name, width, layer, node->layer->type->name);
  if (loss->options.target_columns)
    return lam_fail(context, LAM_INVALID_SHAPE, "the targets are %zu wide, the loss of %s says target_columns %zu",
                    lam_array_width(target), layer, width);
  return lam_fail(context, LAM_INVALID_SHAPE, "the targets are %zu wide, the output %s (%s) is %zu wide", lam_array_width(target),
                  layer, node->layer->type->name, node->width);
}
