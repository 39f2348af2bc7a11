/* SPDX-License-Identifier: MIT
 *
 * The metrics of a trainer: added once, fed by fit and evaluate behind the forward pass, noted at the ends of epochs.
 */
#include "graph/model.h"
#include "train/trainer.h"
#include <math.h>

/* ---- making ------------------------------------------------------------------------------------------------------- */

lam_metric *lam_trainer_add_metric(lam_trainer *trainer, const lam_metric_options *options) {
  if (!trainer || !options) return NULL;
  lam_context *context = trainer->object.context;
  if (options->output >= trainer->model->output_count)
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT, "a metric of output %zu, the model has %zu", options->output,
                          trainer->model->output_count),
           NULL;
  if (lam_grow(context, (void **)&trainer->metrics, &trainer->metric_capacity, trainer->metric_count + 1,
               sizeof *trainer->metrics))
    return NULL;
  lam_metric *metric = lam_metric_create(context, options);
  if (!metric) return NULL;
  /* The context ends what it owns newest first; the trainer keeps this one to its own end. */
  lam_object *object = &metric->object;
  object->previous->next = object->next;
  object->next->previous = object->previous;
  object->next = object->previous = object;
  metric->owned = true;
  trainer->metrics[trainer->metric_count++] = (lam_metric_entry){ .metric = metric };
  return metric;
}

void lam_trainer_release_metrics(lam_trainer *trainer) {
  lam_context *context = trainer->object.context;
  for (size_t i = 0; i < trainer->metric_count; i++) {
    lam_metric_entry *entry = &trainer->metrics[i];
    lam_release(context, entry->history, entry->history_capacity * sizeof *entry->history);
    lam_object_destroy(entry->metric);
  }
  lam_release(context, trainer->metrics, trainer->metric_capacity * sizeof *trainer->metrics);
  lam_release(context, trainer->metric_values, trainer->metric_value_count * sizeof *trainer->metric_values);
  lam_release(context, trainer->metric_scratch, trainer->metric_scratch_count * sizeof *trainer->metric_scratch);
}

size_t lam_trainer_metric_count(const lam_trainer *trainer) { return trainer ? trainer->metric_count : 0; }

lam_metric *lam_trainer_metric(const lam_trainer *trainer, size_t index) {
  return trainer && index < trainer->metric_count ? trainer->metrics[index].metric : NULL;
}

double lam_trainer_metric_history(const lam_trainer *trainer, size_t metric, size_t epoch, bool validation) {
  if (!trainer || metric >= trainer->metric_count || epoch >= trainer->history_count) return (double)NAN;
  const lam_metric_entry *entry = &trainer->metrics[metric];
  return epoch < entry->history_capacity ? entry->history[epoch][validation] : (double)NAN;
}

/* ---- before the first step ------------------------------------------------------------------------------------------ */

static const lam_model_node *output_node(const lam_trainer *trainer, size_t output) {
  return &trainer->model->nodes[trainer->model->outputs[output]];
}

/* The last axis is the metric's width; what is before it are rows. */
static size_t output_columns(const lam_model_node *node) { return node->shape.rank ? node->shape.size[node->shape.rank - 1] : 1; }

/* What the metric's predictions lack to be what the model gives. */
static lam_function missing_activation(const lam_trainer *trainer, const lam_metric_options *options) {
  const lam_model *model = trainer->model;
  if (lam_plan_left_out(trainer->plan, options->output) != LAM_LINEAR)
    return lam_layer_function(output_node(trainer, options->output)->layer);
  return lam_function_of(options->probabilities ? lam_model_probabilities(model, options->output) : LAM_LINEAR);
}

static lam_metric_batch batch_of(const lam_trainer *trainer, const lam_metric_options *options, size_t rows) {
  const lam_plan *plan = trainer->plan;
  const lam_model_node *node = output_node(trainer, options->output);
  lam_metric_batch batch = { .predictions = plan->outputs[options->output], .width = output_columns(node) };
  batch.rows = rows * (node->width / batch.width);
  if (options->weighted && plan->options.weighted) batch.weights = plan->weights[options->output];
  if (plan->options.losses[options->output].labels)
    batch.labels = (const int32_t *)(const void *)plan->targets[options->output];
  else
    batch.targets = plan->targets[options->output];
  return batch;
}

/* Room in the history for epochs that were not there before, in which the metric has no value yet. */
static lam_status grow_history(lam_trainer *trainer, lam_metric_entry *entry, size_t epochs) {
  size_t before = entry->history_capacity;
  if (lam_grow(trainer->object.context, (void **)&entry->history, &entry->history_capacity, epochs, sizeof *entry->history))
    return LAM_OUT_OF_MEMORY;
  for (size_t i = before; i < entry->history_capacity; i++) entry->history[i][0] = entry->history[i][1] = (double)NAN;
  return LAM_OK;
}

static lam_status resize(lam_context *context, void **memory, size_t *count, size_t needed, size_t size) {
  if (*count >= needed) return LAM_OK;
  lam_release(context, *memory, *count * size);
  *memory = lam_allocate_array(context, needed, size);
  *count = *memory ? needed : 0;
  return *memory ? LAM_OK : LAM_OUT_OF_MEMORY;
}

lam_status lam_trainer_prepare_metrics(lam_trainer *trainer, size_t epochs) {
  lam_context *context = trainer->object.context;
  lam_status status = LAM_OK;
  size_t widest = 0;
  for (size_t i = 0; i < trainer->metric_count && !status; i++) {
    lam_metric_entry *entry = &trainer->metrics[i];
    const lam_metric_options *options = &entry->metric->options;
    lam_metric_batch batch = batch_of(trainer, options, 0);
    const lam_loss_setting *loss = &trainer->losses[options->output];
    if (!loss->type || loss->options.target_columns)
      return lam_fail(context, LAM_UNSUPPORTED, "%s: an output needs a loss with targets of its own width for a metric",
                      lam_metric_name(entry->metric));
    if (options->weighted && batch.width != output_node(trainer, options->output)->width)
      return lam_fail(context, LAM_UNSUPPORTED, "%s: the rows of an output of several axes have no weights of their own",
                      entry->metric->name);
    status = lam_metric_check(entry->metric, &batch);
    if (!status) status = lam_metric_prepare(entry->metric, batch.width);
    if (!status) status = grow_history(trainer, entry, epochs);
    size_t width = output_node(trainer, options->output)->width;
    if (missing_activation(trainer, options).activation != LAM_LINEAR && width > widest) widest = width;
  }
  if (status || trainer->metric_count == 0) return status;
  status = resize(context, (void **)&trainer->metric_values, &trainer->metric_value_count, 2 * trainer->metric_count,
                  sizeof *trainer->metric_values);
  if (status || widest == 0) return status;
  return resize(context, (void **)&trainer->metric_scratch, &trainer->metric_scratch_count,
                widest * trainer->plan->options.max_rows, sizeof *trainer->metric_scratch);
}

/* ---- while it runs --------------------------------------------------------------------------------------------------- */

void lam_trainer_begin_metrics(lam_trainer *trainer) {
  for (size_t i = 0; i < trainer->metric_count; i++) lam_metric_reset(trainer->metrics[i].metric);
}

/* Metrics one after another that look at the same output with the same activation share what is computed. */
void lam_trainer_add_to_metrics(lam_trainer *trainer, const lam_step *step) {
  size_t last_output = SIZE_MAX;
  lam_activation last = LAM_LINEAR;
  for (size_t i = 0; i < trainer->metric_count; i++) {
    lam_metric *metric = trainer->metrics[i].metric;
    lam_metric_batch batch = batch_of(trainer, &metric->options, step->rows);
    lam_function function = missing_activation(trainer, &metric->options);
    if (function.activation != LAM_LINEAR) {
      if (last_output != metric->options.output || last != function.activation)
        lam_activation_run(trainer->plan->kernels, &function, trainer->metric_scratch, batch.width, batch.predictions,
                           batch.width, NULL, batch.rows, batch.width);
      last_output = metric->options.output;
      last = function.activation;
      batch.predictions = trainer->metric_scratch;
    }
    lam_metric_add(metric, &batch);
  }
}

static double value_of(const lam_metric *metric) {
  lam_metric_result result = { .value = (double)NAN };
  (void)lam_metric_read(metric, &result); /* cannot fail: it has its memory */
  return result.value;
}

void lam_trainer_note_metrics(lam_trainer *trainer, size_t epoch, bool validation) {
  for (size_t i = 0; i < trainer->metric_count; i++) {
    lam_metric_entry *entry = &trainer->metrics[i];
    if (!validation) entry->history[epoch][1] = (double)NAN;
    entry->history[epoch][validation] = value_of(entry->metric);
  }
}

void lam_trainer_tell_metrics(lam_trainer *trainer, lam_progress *progress) {
  size_t count = trainer->metric_count;
  bool ended = progress->event == LAM_EPOCH_END;
  for (size_t i = 0; i < count; i++) {
    const lam_metric_entry *entry = &trainer->metrics[i];
    trainer->metric_values[i] = ended ? entry->history[trainer->history_count - 1][0] : value_of(entry->metric);
    trainer->metric_values[count + i] = ended ? entry->history[trainer->history_count - 1][1] : (double)NAN;
  }
  progress->metric_count = count;
  progress->metrics = trainer->metric_values;
  progress->val_metrics = count ? trainer->metric_values + count : NULL;
}
