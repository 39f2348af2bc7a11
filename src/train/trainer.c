/* SPDX-License-Identifier: MIT
 *
 * Making trainers: options checked and completed, the optimizer's state, the plan when the batch size is known.
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
  lam_release(context, trainer->pieces, trainer->piece_capacity * sizeof *trainer->pieces);
  lam_trainer_release_metrics(trainer);
  lam_release(context, trainer->history, trainer->history_capacity * sizeof *trainer->history);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

typedef struct lam_number {
  const char *name;
  float *value;
  float standard;    /* where 0 was given */
  float least, most; /* least <= value < most */
} lam_number;

/* Fills in defaults and reads LAM_ZERO as 0. */
static lam_status complete_number(lam_context *context, const lam_number *number) {
  float value = *number->value;
  char text[32], least[32], most[32];
  if (value == 0.0f) value = number->standard;
  if (value == LAM_ZERO) value = 0.0f;
  if (!(value >= number->least && value < number->most))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s is %s; it is at least %s and below %s", number->name,
                    lam_format_float(text, value), lam_format_float(least, number->least), lam_format_float(most, number->most));
  *number->value = value;
  return LAM_OK;
}

static lam_status complete_options(lam_context *context, lam_trainer_options *options) {
  lam_optimizer_options *o = &options->optimizer;
  if ((unsigned)o->type > LAM_ADAM)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_optimizer_type %d", (int)o->type);
  if (!lam_all_zero(options->reserved, sizeof options->reserved) || !lam_all_zero(o->reserved, sizeof o->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_trainer_options must be zero");
  const float huge = 3e38f;
  const lam_number numbers[] = {
    { "learning_rate", &o->learning_rate, lam_optimizer_of(o->type)->learning_rate, 0.0f, huge },
    { "momentum", &o->momentum, 0.0f, 0.0f, 1.0f },
    { "rho", &o->rho, 0.9f, 0.0f, 1.0f },
    { "beta_1", &o->beta_1, 0.9f, 0.0f, 1.0f },
    { "beta_2", &o->beta_2, 0.999f, 0.0f, 1.0f },
    { "epsilon", &o->epsilon, 1e-7f, 0.0f, huge },
  };
  lam_status status = LAM_OK;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++) status = complete_number(context, &numbers[i]);
  return status;
}

/* What the caller would have to write to get a completed option: zeros said as LAM_ZERO. */
lam_status lam_trainer_get_options(const lam_trainer *trainer, lam_trainer_options *options) {
  if (!trainer || !options) return LAM_NO_HANDLE;
  *options = trainer->options;
  lam_optimizer_options *o = &options->optimizer;
  float *numbers[] = { &o->learning_rate, &o->rho, &o->beta_1, &o->beta_2, &o->epsilon };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (*numbers[i] == 0.0f) *numbers[i] = LAM_ZERO;
  return LAM_OK;
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
  if (complete_options(context, &complete)) return NULL;
  lam_trainer *trainer = lam_object_create(context, sizeof *trainer, trainer_release);
  if (!trainer) return NULL;
  trainer->model = model;
  trainer->options = complete;
  trainer->seed = context->seed;
  trainer->optimizer = lam_optimizer_of(complete.optimizer.type);
  trainer->state_count = lam_optimizer_states(&complete.optimizer);
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

/* The trained weights as few pieces: neighbours are one, with the zeros between them. */
static lam_status list_pieces(lam_trainer *trainer) {
  const lam_model *model = trainer->model;
  for (size_t i = 0; i < model->weight_count; i++) {
    const lam_weight *weight = &model->weights[i];
    if (!lam_trainer_trains(trainer, i)) continue;
    lam_piece *last = trainer->piece_count ? &trainer->pieces[trainer->piece_count - 1] : NULL;
    size_t end = weight->offset + (weight->count + 15) / 16 * 16;
    if (last && last->to == weight->offset) {
      last->to = end;
      continue;
    }
    if (lam_grow(trainer->object.context, (void **)&trainer->pieces, &trainer->piece_capacity, trainer->piece_count + 1,
                 sizeof *trainer->pieces))
      return LAM_OUT_OF_MEMORY;
    trainer->pieces[trainer->piece_count++] = (lam_piece){ weight->offset, end };
  }
  return LAM_OK;
}

lam_status lam_trainer_prepare(lam_trainer *trainer) {
  size_t bytes = trainer->model->trained_count * sizeof(float);
  for (size_t i = 0; bytes && i < trainer->state_count; i++) {
    if (!trainer->states[i]) trainer->states[i] = lam_allocate_zero(trainer->object.context, bytes);
    if (!trainer->states[i]) return LAM_OUT_OF_MEMORY;
  }
  return trainer->piece_count ? LAM_OK : list_pieces(trainer);
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
  lam_plan *plan = lam_plan_create(trainer->model, &options);
  if (!plan) return lam_error_status(trainer->object.context);
  if (trainer->last == trainer->plan) trainer->last = NULL;
  lam_plan_destroy(trainer->plan);
  trainer->plan = plan;
  return LAM_OK;
}

lam_status lam_trainer_plan(lam_trainer *trainer, size_t rows) {
  const lam_plan *known = trainer->plan;
  bool serves = known && known->options.max_rows >= rows && known->options.weighted == trainer->weighted && !known->options.draft;
  return serves ? LAM_OK : make_plan(trainer, rows, false);
}

lam_status lam_trainer_set_learning_rate(lam_trainer *trainer, float learning_rate) {
  if (!trainer) return LAM_NO_HANDLE;
  float rate = learning_rate == LAM_ZERO ? 0.0f : learning_rate;
  char text[32];
  if (!(rate >= 0.0f && rate < 3e38f))
    return lam_fail(trainer->object.context, LAM_INVALID_ARGUMENT, "learning_rate is %s; it is at least 0 and finite",
                    lam_format_float(text, rate));
  trainer->options.optimizer.learning_rate = rate;
  return LAM_OK;
}

/* ---- a step of the optimizer -------------------------------------------------------------------------------------- */

typedef struct lam_update {
  lam_trainer *trainer;
  const float *gradients;
} lam_update;

/* Pieces of 4096 weights stay in the nearest cache, and each worker keeps its own. */
enum { LAM_PIECE = 4096 };

static void update_range(const lam_update *update, size_t from, size_t to) {
  lam_trainer *trainer = update->trainer;
  float *states[LAM_MOST_STATES] = { NULL };
  for (size_t i = 0; i < trainer->state_count; i++) states[i] = trainer->states[i] + from;
  trainer->optimizer->update(trainer->object.context->kernels, &trainer->options.optimizer, trainer->model->values + from, states,
                             update->gradients + from, trainer->position.steps, to - from);
}

static void update_pieces(void *argument, size_t begin, size_t end) {
  const lam_update *update = argument;
  lam_trainer *trainer = update->trainer;
  for (size_t i = 0; i < trainer->piece_count; i++) {
    const lam_piece *piece = &trainer->pieces[i];
    size_t from = begin * LAM_PIECE, to = end * LAM_PIECE;
    if (from < piece->from) from = piece->from;
    if (to > piece->to) to = piece->to;
    if (from < to) update_range(update, from, to);
  }
}

void lam_trainer_update(lam_trainer *trainer, const float *gradients) {
  lam_update update = { trainer, gradients };
  trainer->position.steps++;
  lam_pool_run(trainer->object.context->pool, update_pieces, &update,
               (trainer->model->trained_count + LAM_PIECE - 1) / LAM_PIECE);
  lam_apply_constraints(trainer->model, trainer->frozen);
}
