/* SPDX-License-Identifier: MIT
 *
 * Making trainers: the optimizer's state, the plan when the batch size is known.
 */
#include "train/trainer.h"
#include "layers/layers.h"
#include "train/losses.h"

#include <string.h>

static void trainer_release(lam_object *object) {
  lam_trainer *trainer = (lam_trainer *)object;
  lam_context *context = object->context;
  lam_plan_destroy(trainer->plan);
  lam_plan_destroy(trainer->loop);
  for (size_t i = 0; i < LAM_MOST_STATES; i++)
    if (trainer->states[i]) lam_release(context, trainer->states[i], trainer->model->trained_count * sizeof(float));
  lam_trainer_close_losses(trainer);
  lam_release(context, trainer->frozen, trainer->model->node_count * sizeof *trainer->frozen);
  lam_release(context, trainer->squares, trainer->squares_capacity * sizeof *trainer->squares);
  for (size_t i = 0; i < trainer->undecayed_count; i++) lam_release_string(context, trainer->undecayed[i]);
  lam_release(context, trainer->undecayed, trainer->undecayed_capacity * sizeof *trainer->undecayed);
  lam_release(context, trainer->pieces, trainer->piece_capacity * sizeof *trainer->pieces);
  lam_trainer_release_metrics(trainer);
  lam_release(context, trainer->history, trainer->history_capacity * sizeof *trainer->history);
  lam_model_let_go(trainer->model);
}

/* ---- creating ----------------------------------------------------------------------------------------------------- */

static lam_status make_plan(lam_trainer *trainer, size_t rows, bool draft);

lam_trainer *lam_trainer_make(lam_model *model, const lam_trainer_options *options) {
  if (!model || model->object.context->unusable) return NULL;
  lam_context *context = model->object.context;
  lam_trainer_options complete = { 0 };
  if (options)
    complete = *options;
  else if (model->has_training)
    complete = model->training;
  if (lam_trainer_options_complete(context, &complete)) return NULL;
  lam_trainer *trainer = lam_object_create(context, sizeof *trainer, trainer_release);
  if (!trainer) return NULL;
  lam_model_hold(trainer->model = model);
  trainer->options = complete;
  trainer->seed = context->seed;
  trainer->optimizer = lam_optimizer_of(complete.optimizer.type);
  trainer->state_count = lam_optimizer_states(&complete.optimizer, trainer->state_names);
  trainer->frozen = lam_allocate_zero(context, model->node_count * sizeof *trainer->frozen);
  for (size_t i = 0; trainer->frozen && i < model->node_count; i++) trainer->frozen[i] = model->nodes[i].layer->frozen;
  /* A first plan, of one row, finds what does not fit. */
  if (!trainer->frozen || lam_trainer_open_losses(trainer) ||
      (model->built && (lam_trainer_prepare(trainer) || make_plan(trainer, 1, context->gemm->automatic)))) {
    lam_object_destroy(trainer);
    return NULL;
  }
  return trainer;
}

lam_trainer *lam_trainer_create(lam_model *model, const lam_trainer_options *options) {
  lam_trainer *trainer = lam_trainer_make(model, options);
  static const lam_trainer_options none = { 0 };
  if (!trainer || (!options && model->has_training)) return trainer;
  if (!lam_model_set_training(model, options ? options : &none)) return trainer;
  lam_object_destroy(trainer);
  return NULL;
}

void lam_trainer_destroy(lam_trainer *trainer) { lam_object_destroy(trainer); }

lam_model *lam_trainer_model(const lam_trainer *trainer) { return trainer ? trainer->model : NULL; }

bool lam_trainer_trains(const lam_trainer *trainer, size_t weight) {
  const lam_model *model = trainer->model;
  for (size_t i = 0; i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    if (weight >= node->first_weight && weight - node->first_weight < node->weight_count)
      return !model->weights[weight].fixed && !trainer->frozen[i];
  }
  return false;
}

lam_status lam_trainer_prepare(lam_trainer *trainer) {
  size_t bytes = trainer->model->trained_count * sizeof(float);
  for (size_t i = 0; bytes && i < trainer->state_count; i++) {
    if (trainer->states[i]) continue;
    trainer->states[i] = lam_allocate_zero(trainer->object.context, bytes);
    if (!trainer->states[i]) return LAM_OUT_OF_MEMORY;
    bool begins = strcmp(trainer->state_names[i], "accumulator") == 0;
    for (size_t j = 0; begins && j < trainer->model->trained_count; j++)
      trainer->states[i][j] = trainer->options.optimizer.initial_accumulator_value;
  }
  lam_status status = lam_trainer_share_update(trainer);
  return status || trainer->piece_count ? status : lam_trainer_list_pieces(trainer);
}

static lam_status make_plan(lam_trainer *trainer, size_t rows, bool draft) {
  lam_plan_options options = {
    .max_rows = rows,
    .frozen = trainer->frozen,
    .gemm = trainer->object.context->gemm,
    .losses = lam_trainer_has_loss(trainer) ? trainer->losses : NULL,
    .weighted = trainer->weighted,
    .no_fusion = trainer->options.no_fusion,
    .input_gradients = trainer->options.input_gradients,
    .backward = lam_trainer_has_loss(trainer),
    .metrics = true,
    .draft = draft,
  };
  /* Two at a time would take twice the memory of the gradients. */
  if (trainer->last == trainer->plan) trainer->last = NULL;
  lam_plan_destroy(trainer->plan);
  trainer->plan = lam_plan_create(trainer->model, &options);
  return trainer->plan ? LAM_OK : lam_error_status(trainer->object.context);
}

lam_status lam_trainer_plan(lam_trainer *trainer, size_t rows) {
  const lam_plan *known = trainer->plan;
  bool serves = known && known->options.max_rows >= rows && known->options.weighted == trainer->weighted && !known->options.draft;
  return serves ? LAM_OK : make_plan(trainer, rows, false);
}
