/* SPDX-License-Identifier: MIT
 *
 * A step of the optimizer: gradients accumulated and clipped, weights decayed, changed, and averaged.
 */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

/* Blocks of 4096 weights stay in the nearest cache, and each worker keeps its own. Sums of squares are cut at the same places:
 * one for each block and piece that meet, added up in their order, whatever the number of threads. */
enum { LAM_BLOCK = 4096 };

typedef struct lam_update {
  lam_trainer *trainer;
  const float *gradients;
  lam_rate rate;
  float decay, ema_momentum; /* ema_momentum is 0 in the first step: the average begins as the weights */
  bool applies, clips;       /* not applies: the gradients are only accumulated */
  float *average, *accumulator;
} lam_update;

static size_t block_count(const lam_trainer *trainer) { return (trainer->model->trained_count + LAM_BLOCK - 1) / LAM_BLOCK; }

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static bool decays(const lam_trainer *trainer, const lam_weight *weight) {
  for (size_t i = 0; i < trainer->undecayed_count; i++)
    if (strstr(weight->name, trainer->undecayed[i])) return false;
  return true;
}

/* Neighbours are one piece, with the zeros between them. */
lam_status lam_trainer_list_pieces(lam_trainer *trainer) {
  const lam_model *model = trainer->model;
  const lam_optimizer_options *o = &trainer->options.optimizer;
  lam_context *context = trainer->object.context;
  trainer->piece_count = 0;
  for (size_t i = 0; i < model->weight_count; i++) {
    const lam_weight *weight = &model->weights[i];
    if (!lam_trainer_trains(trainer, i)) continue;
    lam_piece *last = trainer->piece_count ? &trainer->pieces[trainer->piece_count - 1] : NULL;
    lam_piece piece = { weight->offset, weight->offset + (weight->count + 15) / 16 * 16, decays(trainer, weight), 1.0 };
    if (last && last->to == piece.from && last->decays == piece.decays && o->clipnorm == 0.0f) {
      last->to = piece.to;
      continue;
    }
    if (lam_grow(context, (void **)&trainer->pieces, &trainer->piece_capacity, trainer->piece_count + 1, sizeof *trainer->pieces))
      return LAM_OUT_OF_MEMORY;
    trainer->pieces[trainer->piece_count++] = piece;
  }
  if (o->clipnorm == 0.0f && o->global_clipnorm == 0.0f) return LAM_OK;
  return lam_grow(context, (void **)&trainer->squares, &trainer->squares_capacity, block_count(trainer) + trainer->piece_count,
                  sizeof *trainer->squares);
}

/* Calls `each` for what the blocks [begin, end) and each piece have in common. `whole`: for a piece at once; else by block. */
static void each_part(const lam_update *update, size_t begin, size_t end, bool whole,
                      void (*each)(const lam_update *update, size_t piece, size_t from, size_t to)) {
  const lam_trainer *trainer = update->trainer;
  for (size_t i = 0; i < trainer->piece_count; i++) {
    size_t from = begin * LAM_BLOCK, to = end * LAM_BLOCK;
    if (from < trainer->pieces[i].from) from = trainer->pieces[i].from;
    if (to > trainer->pieces[i].to) to = trainer->pieces[i].to;
    while (from < to) {
      size_t next = whole ? to : (from / LAM_BLOCK + 1) * LAM_BLOCK;
      if (next > to) next = to;
      each(update, i, from, next);
      from = next;
    }
  }
}

/* A block takes a nanosecond for 160 bytes that are read or written, of weights, gradients and states. One that is large enough
 * to be shared starts the pool. */
lam_status lam_trainer_share_update(lam_trainer *trainer) {
  enum { CHUNK = 1000, LEAST = 20000 }; /* nanoseconds */
  const size_t block = LAM_BLOCK * sizeof(float) * (3 + 2 * trainer->state_count) / 160;
  trainer->grain = 0;
  if (trainer->object.context->threads < 2 || block * block_count(trainer) < LEAST) return LAM_OK;
  trainer->grain = CHUNK / block + 1;
  return lam_context_start_pool(trainer->object.context);
}

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

static void accumulate(const lam_update *update, size_t piece, size_t from, size_t to) {
  (void)piece;
  float *sum = update->accumulator + from;
  size_t count = to - from;
  update->trainer->object.context->kernels->add(sum, count, sum, count, update->gradients + from, count, 1, count);
}

/* Of the gradients, or of what has been accumulated. Along the pieces, block + piece grows from each part to the next. */
static void sum_squares(const lam_update *update, size_t piece, size_t from, size_t to) {
  const float *g = update->accumulator ? update->accumulator : update->gradients;
  update->trainer->object.context->kernels->sum_of_squares(&update->trainer->squares[from / LAM_BLOCK + piece], g + from,
                                                           to - from);
}

static void gather_blocks(void *argument, size_t worker, size_t begin, size_t end) {
  (void)worker;
  const lam_update *update = argument;
  const lam_optimizer_options *o = &update->trainer->options.optimizer;
  if (update->accumulator) each_part(update, begin, end, true, accumulate);
  if (update->applies && (o->clipnorm > 0.0f || o->global_clipnorm > 0.0f)) each_part(update, begin, end, false, sum_squares);
}

/* What makes a norm at most `most`. An infinite norm leaves 0, which makes NaN of the infinite gradients; a NaN stays. */
static double scale_to(double norm, double most) { return norm <= most ? 1.0 : most / norm; }

static void find_scales(lam_trainer *trainer, double mean) {
  const lam_optimizer_options *o = &trainer->options.optimizer;
  double all = 0.0;
  for (size_t i = 0; i < trainer->piece_count; i++) {
    lam_piece *piece = &trainer->pieces[i];
    double sum = 0.0;
    for (size_t block = piece->from / LAM_BLOCK; block <= (piece->to - 1) / LAM_BLOCK; block++)
      sum += trainer->squares[block + i];
    all += sum;
    if (o->clipnorm > 0.0f) piece->scale = mean * scale_to(mean * sqrt(sum), (double)o->clipnorm);
  }
  if (o->clipnorm > 0.0f) return;
  /* Of an infinite gradient nothing is left to go by: as in Keras, all become NaN. */
  double norm = mean * sqrt(all), scale = isinf(norm) ? (double)NAN : scale_to(norm, (double)o->global_clipnorm);
  for (size_t i = 0; i < trainer->piece_count; i++) trainer->pieces[i].scale = mean * scale;
}

/* ---- weights ------------------------------------------------------------------------------------------------------ */

static void change(const lam_update *update, const lam_piece *piece, const float *g, size_t from, size_t count) {
  lam_trainer *trainer = update->trainer;
  const lam_kernel_table *kernels = trainer->object.context->kernels;
  float *states[LAM_MOST_STATES] = { NULL }, *w = trainer->model->values + from;
  for (size_t i = 0; i < trainer->state_count; i++) states[i] = trainer->states[i] + from;
  const lam_optimizer_options *options = &trainer->options.optimizer;
  if (update->decay == 0.0f || !piece->decays) {
    trainer->optimizer->update(kernels, options, &update->rate, w, states, g, count);
  } else if (options->type == LAM_FTRL) { /* whose step depends on the weight */
    kernels->sgd(w, w, update->decay, count);
    trainer->optimizer->update(kernels, options, &update->rate, w, states, g, count);
  } else {
    /* The decay of one weight is nearly the same in each step, and so would its rounding be: hundreds of them would add up. So
     * decay and step, as the change of a weight of 0, are added at once. */
    float moved[LAM_BLOCK] = { 0.0f };
    trainer->optimizer->update(kernels, options, &update->rate, moved, states, g, count);
    kernels->decay_and_add(w, moved, update->decay, count);
  }
}

static void change_part(const lam_update *update, size_t index, size_t from, size_t to) {
  lam_trainer *trainer = update->trainer;
  const lam_kernel_table *kernels = trainer->object.context->kernels;
  const lam_piece *piece = &trainer->pieces[index];
  const float *g = (update->accumulator ? update->accumulator : update->gradients) + from;
  float *w = trainer->model->values + from, clipped[LAM_BLOCK], limit = trainer->options.optimizer.clipvalue;
  if (update->applies && update->clips)
    kernels->scale_and_clip(clipped, g, piece->scale, limit > 0.0f ? limit : INFINITY, to - from);
  if (update->applies) change(update, piece, update->clips ? clipped : g, from, to - from);
  if (update->applies && update->accumulator) memset(update->accumulator + from, 0, (to - from) * sizeof(float));
  if (update->average) kernels->moving_average(update->average + from, w, update->ema_momentum, to - from);
}

static void change_whole(const lam_update *update, size_t index, size_t from, size_t to) {
  change(update, &update->trainer->pieces[index], update->gradients + from, from, to - from);
}

static void change_blocks(void *argument, size_t worker, size_t begin, size_t end) {
  (void)worker;
  const lam_update *update = argument;
  bool plain = !update->clips && !update->accumulator && !update->average && update->decay == 0.0f;
  each_part(update, begin, end, plain, plain ? change_whole : change_part);
}

/* ---- averages ----------------------------------------------------------------------------------------------------- */

static float *average_of(const lam_trainer *trainer) {
  const lam_optimizer_options *o = &trainer->options.optimizer;
  return o->use_ema ? trainer->states[trainer->state_count - 1 - (o->gradient_accumulation_steps > 1)] : NULL;
}

static void exchange(lam_trainer *trainer) {
  float *average = average_of(trainer), *w = trainer->model->values;
  for (size_t i = 0; i < trainer->piece_count; i++)
    for (size_t j = trainer->pieces[i].from; j < trainer->pieces[i].to; j++) {
      float weight = w[j];
      w[j] = average[j];
      average[j] = weight;
    }
  trainer->averaged = !trainer->averaged;
}

static void copy_pieces(const lam_trainer *trainer, float *to, const float *from) {
  for (size_t i = 0; i < trainer->piece_count; i++) {
    const lam_piece *piece = &trainer->pieces[i];
    memcpy(to + piece->from, from + piece->from, (piece->to - piece->from) * sizeof(float));
  }
}

void lam_trainer_average(lam_trainer *trainer) {
  if (average_of(trainer) && !trainer->averaged && trainer->position.steps > 0) exchange(trainer);
}

void lam_trainer_restore(lam_trainer *trainer) {
  if (trainer->averaged) exchange(trainer);
}

lam_status lam_finalize_weights(lam_trainer *trainer) {
  if (!trainer) return LAM_NO_HANDLE;
  lam_trainer_average(trainer);
  return LAM_OK;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static lam_update begin_update(lam_trainer *trainer, const float *gradients, double scale) {
  const lam_optimizer_options *o = &trainer->options.optimizer;
  size_t every = o->gradient_accumulation_steps > 1 ? o->gradient_accumulation_steps : 1;
  uint64_t updates = trainer->position.steps / every;
  lam_update update = {
    .trainer = trainer,
    .gradients = gradients,
    .rate = { .rate = lam_trainer_learning_rate(trainer), .step = updates + 1 },
    .ema_momentum = updates > 0 ? o->ema_momentum : 0.0f,
    .applies = (trainer->position.steps + 1) % every == 0,
    .clips = every > 1 || scale != 1.0 || o->clipvalue > 0.0f || o->clipnorm > 0.0f || o->global_clipnorm > 0.0f,
    .average = average_of(trainer),
    .accumulator = every > 1 ? trainer->states[trainer->state_count - 1] : NULL,
  };
  update.decay = (float)((double)o->weight_decay * (double)update.rate.rate);
  if (o->type == LAM_NADAM) update.rate.product = lam_nadam_product(o->beta_1, update.rate.step);
  return update;
}

void lam_trainer_update(lam_trainer *trainer, const float *gradients, double scale) {
  const lam_optimizer_options *o = &trainer->options.optimizer;
  lam_pool *pool = trainer->object.context->pool;
  size_t blocks = block_count(trainer), every = o->gradient_accumulation_steps > 1 ? o->gradient_accumulation_steps : 1;
  lam_update update = begin_update(trainer, gradients, scale);
  if (trainer->averaged) copy_pieces(trainer, update.average, trainer->model->values);
  trainer->averaged = false;
  bool norms = o->clipnorm > 0.0f || o->global_clipnorm > 0.0f;
  if (norms || update.accumulator) lam_pool_run(pool, gather_blocks, &update, blocks, trainer->grain);
  for (size_t i = 0; i < trainer->piece_count; i++) trainer->pieces[i].scale = scale / (double)every;
  if (norms && update.applies) find_scales(trainer, scale / (double)every);
  lam_pool_run(pool, change_blocks, &update, blocks, trainer->grain);
  trainer->position.steps++;
  if (update.average && o->ema_overwrite_frequency && update.rate.step % o->ema_overwrite_frequency == 0)
    copy_pieces(trainer, trainer->model->values, update.average);
  lam_apply_constraints(trainer->model, trainer->frozen);
}

/* ---- what the caller may ask -------------------------------------------------------------------------------------- */

lam_status lam_exclude_from_weight_decay(lam_trainer *trainer, const char *name) {
  if (!trainer || !name) return LAM_NO_HANDLE;
  lam_context *context = trainer->object.context;
  const lam_model *model = trainer->model;
  bool found = !model->built;
  for (size_t i = 0; i < model->weight_count && !found; i++) found = strstr(model->weights[i].name, name) != NULL;
  if (!found) return lam_fail(context, LAM_UNKNOWN_NAME, "the model has no weight whose name contains \"%.80s\"", name);
  if (lam_grow(context, (void **)&trainer->undecayed, &trainer->undecayed_capacity, trainer->undecayed_count + 1,
               sizeof *trainer->undecayed))
    return LAM_OUT_OF_MEMORY;
  char *copy = lam_copy_string(context, name);
  if (!copy) return LAM_OUT_OF_MEMORY;
  trainer->undecayed[trainer->undecayed_count++] = copy;
  return model->built ? lam_trainer_list_pieces(trainer) : LAM_OK;
}

const float *lam_optimizer_state(const lam_trainer *trainer, const char *name, size_t index) {
  if (!trainer || !name || index >= lam_model_parameter_count(trainer->model) || !lam_trainer_trains(trainer, index)) return NULL;
  for (size_t i = 0; i < trainer->state_count; i++)
    if (trainer->states[i] && strcmp(trainer->state_names[i], name) == 0)
      return trainer->states[i] + trainer->model->weights[index].offset;
  return NULL;
}
