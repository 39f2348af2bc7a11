/* SPDX-License-Identifier: MIT
 *
 * The callbacks that decide: early stopping, and learning rates.
 */
#include "train/callback.h"

#include <math.h>
#include <string.h>

/* ---- early stopping ----------------------------------------------------------------------------------------------- */

typedef struct lam_stopping {
  lam_hook hook;
  size_t patience, start_from_epoch;
  bool has_baseline, restores;
  double baseline;
  float *weights; /* of the best epoch, as the model's block */
  size_t weight_count;
} lam_stopping;

static void release_stopping(lam_object *object) {
  lam_stopping *s = (lam_stopping *)object;
  lam_release(object->context, s->weights, s->weight_count * sizeof *s->weights);
  lam_hook_release(object);
}

/* Memory for weights is taken before the first step. */
static lam_status begin_stopping(lam_hook *hook, const lam_training *training) {
  lam_stopping *s = (lam_stopping *)hook;
  size_t count = training->trainer->model->value_count;
  if (!s->restores || count == s->weight_count) return LAM_OK;
  lam_release(hook->object.context, s->weights, s->weight_count * sizeof *s->weights);
  s->weights = lam_allocate_array(hook->object.context, count ? count : 1, sizeof *s->weights);
  s->weight_count = s->weights ? count : 0;
  hook->state.has_weights = false;
  return s->weights ? LAM_OK : LAM_OUT_OF_MEMORY;
}

static void keep(lam_stopping *s, const lam_progress *progress, bool now) {
  s->hook.state.best_epoch = progress->epoch;
  s->hook.state.has_weights = now && s->restores;
  if (s->hook.state.has_weights) memcpy(s->weights, progress->trainer->model->values, s->weight_count * sizeof *s->weights);
}

/* `now`: the epoch has just ended and the weights are its own. Returns whether patience is exhausted. */
static bool follow_stopping(lam_stopping *s, const lam_progress *progress, bool now) {
  lam_hook_state *state = &s->hook.state;
  const lam_monitor *monitor = &s->hook.monitor;
  double value;
  if (progress->epoch < s->start_from_epoch || !lam_monitor_value(monitor, progress, &value)) return false;
  if (now && s->restores && !state->has_weights && isinf(state->best)) keep(s, progress, now); /* better than none */
  state->wait++;
  if (lam_monitor_improves(monitor, value, state->best)) {
    state->best = value;
    keep(s, progress, now);
    if (!s->has_baseline || lam_monitor_improves(monitor, value, s->baseline)) state->wait = 0;
    return false;
  }
  return state->wait >= s->patience && progress->epoch > 0;
}

static lam_status tell_stopping(lam_hook *hook, const lam_progress *progress, bool *stop) {
  if (progress->event != LAM_EPOCH_END) return LAM_OK;
  hook->followed++;
  *stop = follow_stopping((lam_stopping *)hook, progress, true);
  if (*stop) hook->state.stopped_epoch = progress->epoch;
  return LAM_OK;
}

static void recall_stopping(lam_hook *hook, const lam_progress *progress) {
  (void)follow_stopping((lam_stopping *)hook, progress, false);
}

static lam_status end_stopping(lam_hook *hook, lam_trainer *trainer) {
  const lam_stopping *s = (const lam_stopping *)hook;
  if (!s->restores || !hook->state.has_weights) return LAM_OK;
  lam_trainer_restore(trainer); /* averages are in the weights' place already, but these are the weights of then */
  memcpy(trainer->model->values, s->weights, s->weight_count * sizeof *s->weights);
  return LAM_OK;
}

/* A number whose 0 stands for none, and LAM_ZERO for 0. */
static double said(double number, double standard) {
  return number == 0.0 ? standard : number == (double)LAM_ZERO ? 0.0 : number;
}

lam_hook *lam_early_stopping(lam_context *context, const lam_early_stopping_options *options) {
  static const lam_early_stopping_options defaults = { 0 };
  static const lam_hook_type type = {
    .name = "early_stopping", .begin = begin_stopping, .tell = tell_stopping, .end = end_stopping, .recall = recall_stopping
  };
  if (!options) options = &defaults;
  char text[32];
  if (!isfinite(options->baseline) || !lam_all_zero(options->reserved, sizeof options->reserved))
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT,
                          "early_stopping: baseline is %s; it must be finite, and the reserved fields zero",
                          lam_format_double(text, options->baseline)),
           NULL;
  lam_monitor monitor = { .name = (char *)options->monitor, .mode = options->mode, .min_delta = said(options->min_delta, 0.0) };
  lam_stopping *s = lam_hook_create(context, sizeof *s, &type, &monitor, release_stopping);
  if (!s) return NULL;
  s->patience = options->patience;
  s->start_from_epoch = options->start_from_epoch;
  s->has_baseline = options->baseline != 0.0;
  s->baseline = said(options->baseline, 0.0);
  s->restores = options->restore_best_weights;
  return &s->hook;
}

/* ---- plateaus ----------------------------------------------------------------------------------------------------- */

typedef struct lam_reducing {
  lam_hook hook;
  double factor, min_lr;
  size_t patience, cooldown;
} lam_reducing;

/* Returns whether the rate is to be reduced, from `rate`. */
static bool follow_plateau(lam_reducing *r, const lam_progress *progress, double rate) {
  lam_hook_state *state = &r->hook.state;
  double value;
  if (!lam_monitor_value(&r->hook.monitor, progress, &value)) return false;
  if (state->cooldown > 0) {
    state->cooldown--;
    state->wait = 0;
  }
  if (lam_monitor_improves(&r->hook.monitor, value, state->best)) {
    state->best = value;
    state->best_epoch = progress->epoch;
    state->wait = 0;
    return false;
  }
  if (state->cooldown > 0 || ++state->wait < r->patience || !(rate > (double)(float)r->min_lr)) return false;
  state->cooldown = r->cooldown;
  state->wait = 0;
  return true;
}

static lam_status tell_reducing(lam_hook *hook, const lam_progress *progress, bool *stop) {
  lam_reducing *r = (lam_reducing *)hook;
  (void)stop;
  if (progress->event != LAM_EPOCH_END) return LAM_OK;
  hook->followed++;
  double rate = (double)lam_trainer_learning_rate(progress->trainer);
  if (!follow_plateau(r, progress, rate)) return LAM_OK;
  rate = rate * r->factor > r->min_lr ? rate * r->factor : r->min_lr;
  return lam_trainer_set_learning_rate(progress->trainer, rate == 0.0 ? LAM_ZERO : (float)rate);
}

/* The rate is the trainer's already. Where it has reached the least, reductions that were none only leave counts that no longer
 * matter. */
static void recall_reducing(lam_hook *hook, const lam_progress *progress) {
  (void)follow_plateau((lam_reducing *)hook, progress, (double)lam_trainer_learning_rate(progress->trainer));
}

lam_hook *lam_reduce_lr_on_plateau(lam_context *context, const lam_reduce_lr_options *options) {
  static const lam_reduce_lr_options defaults = { 0 };
  static const lam_hook_type type = { .name = "reduce_lr_on_plateau", .tell = tell_reducing, .recall = recall_reducing };
  if (!options) options = &defaults;
  double factor = said(options->factor, 0.1);
  char text[2][32];
  if (!(factor >= 0.0 && factor < 1.0) || !(options->min_lr >= 0.0 && isfinite(options->min_lr)) ||
      !lam_all_zero(options->reserved, sizeof options->reserved))
    return (void)lam_fail(
               context, LAM_INVALID_ARGUMENT,
               "reduce_lr_on_plateau: factor is %s, min_lr %s; one is at least 0 and below 1, the other at least 0 and "
               "finite, and the reserved fields are zero",
               lam_format_double(text[0], factor), lam_format_double(text[1], options->min_lr)),
           NULL;
  lam_monitor monitor = { .name = (char *)options->monitor, .mode = options->mode, .min_delta = said(options->min_delta, 1e-4) };
  lam_reducing *r = lam_hook_create(context, sizeof *r, &type, &monitor, lam_hook_release);
  if (!r) return NULL;
  r->factor = factor;
  r->min_lr = options->min_lr;
  r->patience = options->patience ? options->patience : 10;
  r->cooldown = options->cooldown;
  return &r->hook;
}

/* ---- schedules ---------------------------------------------------------------------------------------------------- */

typedef struct lam_scheduling {
  lam_hook hook;
  lam_rate_function schedule;
  void *user;
} lam_scheduling;

static lam_status tell_scheduling(lam_hook *hook, const lam_progress *progress, bool *stop) {
  const lam_scheduling *s = (const lam_scheduling *)hook;
  (void)stop;
  if (progress->event != LAM_EPOCH_BEGIN) return LAM_OK;
  float rate = s->schedule(s->user, progress->epoch, lam_trainer_learning_rate(progress->trainer));
  return lam_trainer_set_learning_rate(progress->trainer, rate == 0.0f ? LAM_ZERO : rate);
}

lam_hook *lam_learning_rate_scheduler(lam_context *context, lam_rate_function schedule, void *user) {
  static const lam_hook_type type = { .name = "learning_rate_scheduler", .tell = tell_scheduling };
  if (!schedule) return (void)lam_fail(context, LAM_NO_HANDLE, "learning_rate_scheduler: the function is NULL"), NULL;
  lam_scheduling *s = lam_hook_create(context, sizeof *s, &type, NULL, lam_hook_release);
  if (!s) return NULL;
  s->schedule = schedule;
  s->user = user;
  return &s->hook;
}
