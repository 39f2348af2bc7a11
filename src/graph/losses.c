/* SPDX-License-Identifier: MIT
 *
 * Losses in a plan: which of them work from logits, the operation of each, and the number that comes out.
 */
#include "graph/lowering.h"

#include <stdio.h>

const lam_loss_type *lam_plan_loss_type(const lam_plan *plan, size_t output) {
  return plan->options.losses ? plan->options.losses[output].type : NULL;
}

bool lam_loss_takes_activation(const lam_plan *plan, size_t output) {
  const lam_loss_type *type = lam_plan_loss_type(plan, output);
  size_t node = plan->model->outputs[output];
  if (!type || plan->options.no_fusion || plan->options.losses[output].options.from_logits) return false;
  if (!lam_ends_here(plan->model, node)) return false;
  if (lam_regularizes(lam_layer_activity(plan->model->nodes[node].layer))) return false; /* its penalty is that of its result */
  lam_activation last = lam_layer_activation(plan->model->nodes[node].layer);
  return last != LAM_LINEAR && last == type->logits;
}

bool lam_plan_takes_logits(const lam_plan *plan, size_t output) {
  const lam_loss_type *type = lam_plan_loss_type(plan, output);
  return type && (plan->options.losses[output].options.from_logits || lam_loss_takes_activation(plan, output));
}

/* The length of the last axis, along which losses are taken. */
static size_t last_axis(const lam_model_node *node) { return node->shape.rank ? node->shape.size[node->shape.rank - 1] : 1; }

/* How many rows of the loss a row of the batch has. */
static size_t repeats(const lam_loss_setting *loss, const lam_model_node *node) {
  return loss->type->whole ? 1 : node->width / last_axis(node);
}

size_t lam_plan_target_width(const lam_plan *plan, size_t output) {
  const lam_loss_setting *loss = &plan->options.losses[output];
  const lam_model_node *node = &plan->model->nodes[plan->model->outputs[output]];
  if (loss->labels) return repeats(loss, node);
  return loss->type && loss->options.target_columns ? loss->options.target_columns : node->width;
}

/* How many losses of the last axis a row's loss is the mean of: what a sum over all of them multiplies it by. */
static size_t losses_in_a_row(const lam_plan *plan, size_t output) {
  const lam_loss_setting *loss = &plan->options.losses[output];
  const lam_model_node *node = &plan->model->nodes[plan->model->outputs[output]];
  lam_loss which = loss->options.loss;
  bool single = which == LAM_SUM_OF_SQUARES || which == LAM_CUSTOM_LOSS || which == LAM_TVERSKY || which == LAM_DICE;
  return single ? 1 : node->width / last_axis(node);
}

static bool is_sum(const lam_loss_setting *loss) { return loss->options.reduction == LAM_REDUCTION_SUM && !loss->one; }

/* ---- what a model remembers --------------------------------------------------------------------------------------- */

lam_status lam_model_set_training(lam_model *model, const lam_trainer_options *training) {
  lam_context *context = model->object.context;
  lam_loss_options *own = NULL;
  size_t count = training->loss_count;
  if (count && !(own = lam_allocate_array(context, count, sizeof *own))) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < count; i++) own[i] = training->losses[i];
  lam_trainer_options copy = *training; /* which may be the model's own */
  lam_model_forget_training(model);
  model->has_training = true;
  model->training = copy;
  model->training.losses = own;
  return LAM_OK;
}

void lam_model_forget_training(lam_model *model) {
  const lam_trainer_options *training = &model->training;
  lam_release(model->object.context, (void *)(uintptr_t)training->losses, training->loss_count * sizeof *training->losses);
  model->has_training = false;
  model->training = (lam_trainer_options){ 0 };
}

lam_loss_options lam_loss_of(const lam_trainer_options *options, size_t output) {
  if (options->loss_count) return options->losses[options->loss_count == 1 ? 0 : output];
  return (lam_loss_options){ .loss = options->loss, .from_logits = options->from_logits };
}

/* ---- the operation ------------------------------------------------------------------------------------------------ */

/* Operands: the loss of each row, gradient (data NULL: not wanted), output, target, room for changed targets, and for the losses
 * along the last axis where a row has several. choice: the output; number: 1 where outputs are logits; offset: what a sum
 * multiplies by. */
static void run_loss(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  const lam_loss_setting *loss = &plan->options.losses[operation->choice];
  const lam_operand *operand = operation->operand;
  size_t n = operation->columns, m = operation->repeat;
  if (operation->units) begin = 0, end = step->rows;
  float *several = operand[5].data ? operand[5].data + begin * m : NULL;
  float rows = (float)(step->rows * m);
  lam_loss_rows r = { .kernels = plan->kernels, .setting = loss, .rows = (end - begin) * m, .columns = n };
  r.logits = operation->number != 0.0f;
  r.losses = several ? several : operand[0].data + begin;
  r.gradient = step->training && operand[1].data ? operand[1].data + begin * n * m : NULL;
  r.outputs = operand[2].data + begin * n * m;
  r.targets = operand[3].data + begin * operand[3].ld;
  r.labels = (const int32_t *)(const void *)r.targets;
  r.room = operand[4].data ? operand[4].data + begin * operand[4].ld : NULL;
  r.scale = is_sum(loss) ? loss->options.weight * (float)operation->offset / (float)m : loss->options.weight / rows;
  lam_status status = loss->type->run(&r);
  if (status && plan->failure) { /* a function of one's own, which is called by one thread */
    plan->failure->status = status;
    (void)snprintf(plan->failure->message, sizeof plan->failure->message, "the loss function of %s failed: %s", operation->layer,
                   lam_status_text(status));
  }
  for (size_t i = begin; several && i < end; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < m; j++) sum += (double)operand[5].data[i * m + j];
    operand[0].data[i] = (float)(sum / (double)m);
  }
}

/* What the weights add up to: what a loss that is divided by them, or that stands in every row, needs. Where rows are left out,
 * their weights are too; and the losses of the others are already larger by the share that they are of all. */
static double sum_of_weights(const lam_plan *plan, const lam_step *step, size_t output) {
  const lam_loss_options *o = &plan->options.losses[output].options;
  const int32_t *labels = (const int32_t *)(const void *)plan->targets[output];
  double sum = 0.0;
  size_t left = 0;
  for (size_t i = 0; i < step->rows; i++) {
    if (o->ignore && labels[i] == o->ignore_class) continue;
    sum += (double)plan->weights[output][i];
    left++;
  }
  return left && left < step->rows ? sum * (double)step->rows / (double)left : sum;
}

/* Operands: loss rows, gradient (data NULL: not wanted), weights. What weighs nothing is 0 even where its loss is not finite. */
static void run_weights(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  const lam_loss_setting *loss = &plan->options.losses[operation->choice];
  bool by_weights = loss->options.reduction == LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT;
  size_t n = operation->columns;
  const float *weights = operation->operand[2].data;
  float *gradient = step->training ? operation->operand[1].data : NULL;
  size_t output = (size_t)operation->choice;
  double rows = (double)step->rows, sum = loss->one || by_weights ? sum_of_weights(plan, step, output) : rows;
  float shared = (float)(sum / rows), inverse = by_weights && sum != 0.0 ? (float)(rows / sum) : 1.0f;
  for (size_t i = begin; i < end; i++) {
    float weight = weights[i], *row = &operation->operand[0].data[i];
    float factor = loss->one ? shared : weight;
    if (by_weights) factor *= inverse;
    if (weight != 1.0f) *row = weight == 0.0f ? 0.0f : weight * *row;
    if (!gradient || factor == 1.0f) continue;
    for (size_t j = i * n; j < (i + 1) * n; j++) gradient[j] = factor == 0.0f ? 0.0f : factor * gradient[j];
  }
}

/* Behind the loss of an output, whose gradient is in `gradient`. */
static void emit_weights(lam_lowering *lowering, size_t output, lam_ends *ends, lam_buffer gradient) {
  size_t width = lowering->model->nodes[lowering->node].width;
  ends->weight = lam_new_buffer(lowering, 1, false);
  lam_persist(lowering, ends->weight, true);
  lam_operation *operation = lam_emit(lowering, "weights", run_weights);
  if (!operation) return;
  operation->columns = width;
  operation->choice = (int)output;
  lam_bind(lowering, 0, ends->loss, 1);
  if (gradient != LAM_NO_BUFFER) lam_bind(lowering, 1, gradient, width);
  lam_bind(lowering, 2, ends->weight, 1);
}

lam_buffer lam_emit_loss(lam_lowering *lowering, size_t output, lam_ends *ends) {
  lam_plan *plan = lowering->plan;
  const lam_loss_setting *loss = &plan->options.losses[output];
  if (!loss->type) return LAM_NO_BUFFER;
  size_t node = lowering->node = lowering->model->outputs[output];
  size_t width = lowering->model->nodes[node].width, targets = lam_plan_target_width(plan, output);
  bool logits = lam_plan_takes_logits(plan, output);
  ends->target = lam_new_buffer(lowering, targets, false);
  ends->loss = lam_new_buffer(lowering, 1, false);
  lam_persist(lowering, ends->target, true);
  lam_persist(lowering, ends->loss, false);
  lam_buffer right = plan->has_accuracy && output == 0 ? lam_emit_right(lowering, ends->target, logits) : LAM_NO_BUFFER;
  size_t several = repeats(loss, &lowering->model->nodes[node]);
  lam_buffer room = loss->changes_targets ? lam_new_buffer(lowering, targets, false) : LAM_NO_BUFFER;
  lam_buffer rows = several > 1 ? lam_new_buffer(lowering, several, false) : LAM_NO_BUFFER;
  lam_operation *operation = lam_emit(lowering, "loss", run_loss);
  if (!operation) return right;
  operation->columns = width / several;
  operation->repeat = several;
  operation->units = loss->at_once ? 1 : 0;
  operation->choice = (int)output;
  operation->number = logits ? 1.0f : 0.0f;
  operation->offset = losses_in_a_row(plan, output);
  lam_bind(lowering, 0, ends->loss, 1);
  lam_buffer gradient = LAM_NO_BUFFER;
  if (plan->options.backward && lowering->needs_gradient[node]) gradient = lam_contribute(lowering, node);
  if (gradient != LAM_NO_BUFFER) lam_bind(lowering, 1, gradient, width);
  lam_bind(lowering, 2, lowering->values[node], width);
  lam_bind(lowering, 3, ends->target, targets);
  if (loss->changes_targets) lam_bind(lowering, 4, room, targets);
  if (several > 1) lam_bind(lowering, 5, rows, several);
  if (loss->options.function) (void)lam_may_fail(lowering);
  if (plan->options.weighted) emit_weights(lowering, output, ends, gradient);
  return right;
}

/* ---- what comes out ----------------------------------------------------------------------------------------------- */

static double output_loss(const lam_plan *plan, const lam_step *step, size_t output) {
  const lam_loss_setting *loss = &plan->options.losses[output];
  double sum = 0.0;
  if (!loss->type || !step->rows) return 0.0;
  for (size_t i = 0; i < step->rows; i++) sum += (double)plan->losses[output][i];
  if (is_sum(loss)) return sum * (double)losses_in_a_row(plan, output);
  if (!plan->weights[output] || loss->options.reduction != LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT) return sum / (double)step->rows;
  double weights = sum_of_weights(plan, step, output);
  return weights != 0.0 ? sum / weights : 0.0;
}

double lam_plan_loss(const lam_plan *plan, const lam_step *step, double *each) {
  double sum = 0.0;
  for (size_t i = 0; plan->options.losses && i < plan->model->output_count; i++) {
    double loss = output_loss(plan, step, i);
    if (plan->options.losses[i].type) sum += (double)plan->options.losses[i].options.weight * loss;
    if (each) each[i] = loss;
  }
  return step->rows ? sum + lam_plan_penalty(plan, step) : 0.0;
}

lam_status lam_check_losses(const lam_plan *plan) {
  for (size_t i = 0; plan->options.losses && i < plan->model->output_count; i++) {
    const lam_loss_setting *loss = &plan->options.losses[i];
    const lam_model_node *node = &plan->model->nodes[plan->model->outputs[i]];
    if (loss->type && loss->labels && repeats(loss, node) > 1)
      return lam_fail(
          plan->context, LAM_INVALID_SHAPE,
          "%s needs an output of one axis, %s (%s) has %zu: datasets have one label a row; put a flatten or dense layer "
          "behind it, or take categorical_crossentropy with one-hot targets",
          loss->type->name, node->layer->name, node->layer->type->name, node->shape.rank);
  }
  return LAM_OK;
}
