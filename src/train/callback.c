/* SPDX-License-Identifier: MIT
 *
 * What callbacks have in common: the values of an epoch by name, monitors, and going on after a resume.
 */
#include "train/callback.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- values by name ----------------------------------------------------------------------------------------------- */

/* The loss, the accuracy where there is one, and the metrics. */
static size_t own_values(const lam_trainer *trainer) { return trainer->plan->has_accuracy ? 2 : 1; }
static size_t values_in_training(const lam_trainer *trainer) { return own_values(trainer) + trainer->metric_count; }

size_t lam_value_count(const lam_trainer *trainer, bool validates) { return values_in_training(trainer) * (validates ? 2 : 1); }

const char *lam_value_name(const lam_trainer *trainer, size_t index, char name[LAM_VALUE_NAME]) {
  static const char *const names[] = { "loss", "accuracy" };
  size_t count = values_in_training(trainer), own = own_values(trainer), place = index % count;
  const char *said = place < own ? names[place] : trainer->metrics[place - own].metric->name;
  (void)snprintf(name, LAM_VALUE_NAME, "%s%s", index < count ? "" : "val_", said);
  return name;
}

bool lam_value_get(const lam_trainer *trainer, size_t index, const lam_progress *progress, double *value) {
  size_t count = values_in_training(trainer), own = own_values(trainer), place = index % count;
  const lam_epoch *mean = &progress->mean;
  const double values[2][2] = { { mean->loss, mean->accuracy }, { mean->val_loss, mean->val_accuracy } };
  const double *const metrics[2] = { progress->metrics, progress->val_metrics };
  bool validation = index >= count;
  *value = place < own ? values[validation][place] : metrics[validation][place - own];
  return !validation || progress->validated;
}

/* Whether more of it is better: 1, less: 0, or who knows: -1. */
static int rises(const lam_trainer *trainer, size_t index) {
  size_t own = own_values(trainer), place = index % values_in_training(trainer);
  if (place < own) return place == 1;
  switch (trainer->metrics[place - own].metric->options.type) {
  case LAM_METRIC_MEAN:
  case LAM_METRIC_SUM:
  case LAM_METRIC_CUSTOM: return -1;
  case LAM_METRIC_BINARY_CROSSENTROPY:
  case LAM_METRIC_CATEGORICAL_CROSSENTROPY:
  case LAM_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY:
  case LAM_METRIC_HINGE:
  case LAM_METRIC_SQUARED_HINGE:
  case LAM_METRIC_CATEGORICAL_HINGE:
  case LAM_METRIC_KL_DIVERGENCE:
  case LAM_METRIC_POISSON:
  case LAM_METRIC_LOG_COSH:
  case LAM_METRIC_HUBER:
  case LAM_METRIC_MEAN_SQUARED_ERROR:
  case LAM_METRIC_ROOT_MEAN_SQUARED_ERROR:
  case LAM_METRIC_MEAN_ABSOLUTE_ERROR:
  case LAM_METRIC_MEAN_ABSOLUTE_PERCENTAGE_ERROR:
  case LAM_METRIC_MEAN_SQUARED_LOGARITHMIC_ERROR:
  case LAM_METRIC_FALSE_POSITIVES:
  case LAM_METRIC_FALSE_NEGATIVES: return 0;
  default: return 1;
  }
}

lam_status lam_value_find(const lam_training *training, const char *who, const char *name, size_t *index) {
  size_t count = lam_value_count(training->trainer, training->validates);
  char known[LAM_VALUE_NAME], list[320] = "";
  for (*index = 0; *index < count; (*index)++) {
    if (strcmp(lam_value_name(training->trainer, *index, known), name) == 0) return LAM_OK;
    size_t used = strlen(list);
    (void)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", known);
  }
  return lam_fail(training->trainer->object.context, LAM_UNKNOWN_NAME, "%s: this fit has no \"%.100s\"; it has %s%s", who, name,
                  list, training->validates ? "" : ", and no validation");
}

/* ---- monitors ----------------------------------------------------------------------------------------------------- */

bool lam_monitor_value(const lam_monitor *monitor, const lam_progress *progress, double *value) {
  return lam_value_get(progress->trainer, monitor->value, progress, value);
}

bool lam_monitor_improves(const lam_monitor *monitor, double value, double reference) {
  return monitor->rises ? value - monitor->min_delta > reference : value + monitor->min_delta < reference;
}

/* ---- hooks -------------------------------------------------------------------------------------------------------- */

void lam_hook_release(lam_object *object) { lam_release_string(object->context, ((lam_hook *)object)->monitor.name); }

static bool monitor_is_sound(const lam_monitor *monitor) {
  return (unsigned)monitor->mode <= LAM_MODE_MAX && monitor->min_delta >= 0.0 && isfinite(monitor->min_delta);
}

void *lam_hook_create(lam_context *context, size_t size, const lam_hook_type *type, const lam_monitor *monitor,
                      void (*destroy)(lam_object *object)) {
  if (!context || context->unusable) return NULL;
  char text[32];
  if (monitor && !monitor_is_sound(monitor))
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT, "%s: min_delta is %s, mode %d: one is at least 0, the other of lam_mode",
                          type->name, lam_format_double(text, monitor->min_delta), (int)monitor->mode),
           NULL;
  lam_hook *hook = lam_object_create(context, size, destroy);
  if (!hook) return NULL;
  hook->type = type;
  if (!monitor) return hook;
  hook->monitor = *monitor;
  hook->monitor.name = lam_copy_string(context, monitor->name ? monitor->name : "val_loss");
  if (hook->monitor.name) return hook;
  lam_object_destroy(hook);
  return NULL;
}

void lam_hook_destroy(lam_hook *hook) { lam_object_destroy(hook); }

lam_status lam_hook_get_state(const lam_hook *hook, lam_hook_state *state) {
  if (!hook || !state) return LAM_NO_HANDLE;
  if (!hook->monitor.name)
    return lam_fail(hook->object.context, LAM_INVALID_ARGUMENT, "%s monitors nothing and has no state", hook->type->name);
  *state = hook->state;
  return LAM_OK;
}

/* The epochs of the history, as they were told; their metrics too, as far as the trainer has them. That a value of validation is
 * NaN means that there was none. */
static void recall(lam_hook *hook, const lam_trainer *trainer) {
  size_t count = trainer->metric_count;
  for (size_t i = 0; i < trainer->history_count; i++) {
    for (size_t j = 0; j < 2 * count; j++)
      trainer->metric_values[j] = lam_trainer_metric_history(trainer, j % count, i, j >= count);
    lam_progress progress = { .event = LAM_EPOCH_END,
                              .trainer = (lam_trainer *)trainer,
                              .epoch = trainer->position.epoch - trainer->history_count + i,
                              .mean = trainer->history[i],
                              .metric_count = count,
                              .metrics = trainer->metric_values,
                              .val_metrics = count ? trainer->metric_values + count : NULL };
    progress.validated = !isnan(progress.mean.val_loss);
    hook->type->recall(hook, &progress);
  }
}

lam_status lam_hook_check(lam_hook *hook, const lam_training *training) {
  lam_monitor *monitor = &hook->monitor;
  if (!monitor->name) return LAM_OK;
  const lam_trainer *trainer = training->trainer;
  lam_status status = lam_value_find(training, hook->type->name, monitor->name, &monitor->value);
  if (status) return status;
  int known = monitor->mode == LAM_MODE_AUTO ? rises(trainer, monitor->value) : monitor->mode == LAM_MODE_MAX;
  if (known < 0)
    return lam_fail(trainer->object.context, LAM_INVALID_ARGUMENT,
                    "%s: whether more of \"%.100s\" is better must be said as mode", hook->type->name, monitor->name);
  monitor->rises = known != 0;
  return LAM_OK;
}

void lam_hook_start(lam_hook *hook, const lam_training *training) {
  const lam_trainer *trainer = training->trainer;
  if (!hook->monitor.name) return;
  hook->state.stopped_epoch = 0;
  if (training->resumes && hook->trainer == trainer && hook->followed == trainer->history_count) return;
  hook->trainer = trainer;
  hook->state = (lam_hook_state){ .best = hook->monitor.rises ? -(double)INFINITY : (double)INFINITY };
  hook->followed = training->resumes ? trainer->history_count : 0;
  if (training->resumes && hook->type->recall) recall(hook, trainer);
}

/* ---- one's own ---------------------------------------------------------------------------------------------------- */

typedef struct lam_lambda {
  lam_hook hook;
  lam_callback callback;
  void *user;
} lam_lambda;

static lam_status tell_lambda(lam_hook *hook, const lam_progress *progress, bool *stop) {
  const lam_lambda *lambda = (const lam_lambda *)hook;
  *stop = lambda->callback(lambda->user, progress) != 0;
  return LAM_OK;
}

lam_hook *lam_lambda_callback(lam_context *context, lam_callback callback, void *user) {
  static const lam_hook_type type = { .name = "lambda_callback", .tell = tell_lambda };
  if (!callback) return (void)lam_fail(context, LAM_NO_HANDLE, "lambda_callback: the function is NULL"), NULL;
  lam_lambda *lambda = lam_hook_create(context, sizeof *lambda, &type, NULL, lam_hook_release);
  if (!lambda) return NULL;
  lambda->callback = callback;
  lambda->user = user;
  return &lambda->hook;
}

lam_hook *lam_terminate_on_nan(lam_context *context) {
  static const lam_hook_type type = { .name = "terminate_on_nan", .takes_nan = true };
  return lam_hook_create(context, sizeof(lam_hook), &type, NULL, lam_hook_release);
}
