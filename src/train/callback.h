/* SPDX-License-Identifier: MIT
 *
 * Callbacks from the inside: what fit asks of them, and the values they monitor.
 */
#ifndef LAM_TRAIN_CALLBACK_H
#define LAM_TRAIN_CALLBACK_H

#include "train/trainer.h"
#include <lamina/callback.h>

/* What a fit is going to do, as callbacks need to know it. */
typedef struct lam_training {
  lam_trainer *trainer;
  bool validates;
  bool resumes;
} lam_training;

typedef struct lam_monitor {
  char *name;
  lam_mode mode;
  double min_delta;
  bool rises;   /* more is better; known once `value` is */
  size_t value; /* of those that the trainer has: lam_value_find */
  double best;
} lam_monitor;

typedef struct lam_hook_type {
  const char *name;
  bool late;      /* told after the others */
  bool takes_nan; /* a loss that is not finite is a reason to stop, no error */
  /* Each may be NULL. All hooks of a fit are checked, which destroys nothing, before one of them begins. */
  lam_status (*check)(lam_hook *hook, const lam_training *training);
  lam_status (*begin)(lam_hook *hook, const lam_training *training);
  lam_status (*tell)(lam_hook *hook, const lam_progress *progress, bool *stop);
  lam_status (*end)(lam_hook *hook, lam_trainer *trainer);
  /* Of an epoch in the history, of which the callback has not been told. */
  void (*recall)(lam_hook *hook, const lam_progress *progress);
} lam_hook_type;

struct lam_hook {
  lam_object object;
  const lam_hook_type *type;
  lam_monitor monitor; /* name NULL: it has none */
  lam_hook_state state;
  const lam_trainer *trainer; /* of the last fit */
  size_t followed;            /* epochs of its history that are counted in the state */
  bool running;               /* in a fit */
};

/* A hook of `size` bytes, with a monitor unless `monitor` is NULL. `destroy` gives back what lam_hook_release does not. */
void *lam_hook_create(lam_context *context, size_t size, const lam_hook_type *type, const lam_monitor *monitor,
                      void (*destroy)(lam_object *object));
void lam_hook_release(lam_object *object);

/* Whether the monitor is one of the fit's values; then starts it anew, or recalls the epochs that the hook does not know. */
lam_status lam_hook_check(lam_hook *hook, const lam_training *training);
void lam_hook_start(lam_hook *hook, const lam_training *training);

/* Whether the value of the progress improves on the best, which it then is; or on `reference`. */
bool lam_monitor_improves(const lam_monitor *monitor, double value, double reference);
/* False where the progress has no such value. */
bool lam_monitor_value(const lam_monitor *monitor, const lam_progress *progress, double *value);

/* The values that a fit has, numbered from 0: in training, then with `validates` in validation. */
size_t lam_value_count(const lam_trainer *trainer, bool validates);
/* "val_loss"; `name` is the room for it. */
enum { LAM_VALUE_NAME = 128 };
const char *lam_value_name(const lam_trainer *trainer, size_t index, char name[LAM_VALUE_NAME]);
bool lam_value_get(const lam_trainer *trainer, size_t index, const lam_progress *progress, double *value);
/* LAM_UNKNOWN_NAME, with the names there are. */
lam_status lam_value_find(const lam_training *training, const char *who, const char *name, size_t *index);

#endif
