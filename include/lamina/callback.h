/* SPDX-License-Identifier: MIT
 *
 * lamina/callback.h: ready-made callbacks for fit, Keras's by name.
 *
 * Each is made once, with its options, and given to fits in lam_fit_options.callbacks, one fit at a time. It belongs to the
 * context it was made with, which must be the trainer's; strings are copied, what `user` points at must outlive its fits. fit
 * tells them in the order of the list, those that save files after all others, and lam_fit_options.callback last; each is told
 * every event, also behind one that has asked to stop.
 *
 * What is monitored has a name: "loss", "accuracy", and with validation "val_loss", "val_accuracy"; and the names of the
 * trainer's metrics (lam_trainer_add_metric), likewise. A name that this fit will not have is LAM_UNKNOWN_NAME before the first
 * step, and the sentence has those there are. In epochs without validation (validation_freq) what monitors it does nothing.
 *
 * A fit starts each of them anew. One that resumes goes on with what the callback knows; where it has not followed the fit so
 * far, as after lam_trainer_load, it takes its counts from the trainer's history, which checkpoints keep: decisions are those of
 * a fit that was not interrupted. Only the best weights of an epoch that ran in another process are not known.
 */
#ifndef LAMINA_CALLBACK_H
#define LAMINA_CALLBACK_H

#include <lamina/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What counts as better. auto: losses and errors fall, accuracies and their like rise. */
#define LAM_MODE_LIST(X)                                                                                                         \
  X(AUTO, auto)                                                                                                                  \
  X(MIN, min)                                                                                                                    \
  X(MAX, max)

typedef enum lam_mode {
#define LAM_X(NAME, name) LAM_MODE_##NAME,
  LAM_MODE_LIST(LAM_X)
#undef LAM_X
} lam_mode;

/* Ends a callback before its context does. NULL is allowed; not during its fit. The trainers of its fits may be gone by then.
 * Since 0.1. */
LAM_API void lam_hook_destroy(lam_hook *hook);

/* What a callback with a monitor has found in its last fit, or finds. */
typedef struct lam_hook_state {
  double best;          /* so far; an infinity before anything was better */
  size_t best_epoch;    /* from 0 */
  size_t wait;          /* epochs since, as patience counts them */
  size_t cooldown;      /* reduce_lr_on_plateau: epochs left */
  size_t stopped_epoch; /* early_stopping: in which it asked to stop; 0: it has not */
  bool has_weights;     /* early_stopping: those of best_epoch are kept */
} lam_hook_state;

/* Errors: LAM_INVALID_ARGUMENT for one without a monitor. Since 0.1. */
LAM_API lam_status lam_hook_get_state(const lam_hook *hook, lam_hook_state *state);

/* ---- stopping ----------------------------------------------------------------------------------------------------- */

typedef struct lam_early_stopping_options {
  const char *monitor; /* NULL: "val_loss" */
  double min_delta;    /* less than this is no improvement */
  size_t patience;     /* epochs in a row without one after which fit stops; 0 acts like 1 */
  lam_mode mode;
  double baseline; /* patience also counts down until this is beaten. 0: none; LAM_ZERO: 0 */
  /* At the end of fit, whoever ends it, the weights are those of the best epoch; the optimizer's state stays as it is. */
  bool restore_best_weights;
  size_t start_from_epoch; /* epochs before are not looked at */
  uint64_t reserved[4];
} lam_early_stopping_options;

/* Stops when what is monitored has not improved for `patience` epochs. `options` NULL: as if zero. Errors here and below: NULL,
 * LAM_INVALID_ARGUMENT for a number out of its range. Since 0.1. */
LAM_API lam_hook *lam_early_stopping(lam_context *context, const lam_early_stopping_options *options);

/* A loss that is not finite ends fit with LAM_OK, as a callback that stops, in place of LAM_NOT_FINITE. The step is not made: the
 * weights are those before it (in Keras they are not finite either by then). Since 0.1. */
LAM_API lam_hook *lam_terminate_on_nan(lam_context *context);

/* ---- learning rates ------------------------------------------------------------------------------------------------ */

typedef struct lam_reduce_lr_options {
  const char *monitor; /* NULL: "val_loss" */
  double factor;       /* below 1. 0: 0.1 */
  size_t patience;     /* 0: 10 */
  lam_mode mode;
  double min_delta; /* 0: 1e-4; LAM_ZERO: 0 */
  size_t cooldown;  /* epochs after a reduction that do not count */
  double min_lr;    /* no rate below */
  uint64_t reserved[4];
} lam_reduce_lr_options;

/* Multiplies the learning rate by `factor` when what is monitored has not improved for `patience` epochs. Since 0.1. */
LAM_API lam_hook *lam_reduce_lr_on_plateau(lam_context *context, const lam_reduce_lr_options *options);

/* The learning rate of an epoch, from 0, given that of the one before. */
typedef float (*lam_rate_function)(void *user, size_t epoch, float learning_rate);

/* Sets the learning rate at the beginning of each epoch (see lam_trainer_set_learning_rate for the numbers it takes). Since 0.1.
 */
LAM_API lam_hook *lam_learning_rate_scheduler(lam_context *context, lam_rate_function schedule, void *user);

/* ---- files --------------------------------------------------------------------------------------------------------- */

typedef struct lam_model_checkpoint_options {
  const char *monitor; /* NULL: "val_loss"; looked at only with save_best_only */
  bool save_best_only; /* only where what is monitored is the best so far */
  /* The model alone, as lam_model_save; otherwise a checkpoint that can be resumed, as lam_trainer_save. */
  bool save_weights_only;
  lam_mode mode;
  size_t save_freq;               /* 0: at the end of each epoch; else after so many batches, counted across epochs */
  double initial_value_threshold; /* only what is better than this is the best. 0: none; LAM_ZERO: 0 */
  uint64_t reserved[4];
} lam_model_checkpoint_options;

/* Saves the training at `path`, in which {epoch} (from 1), {batch} (from 1, with save_freq) and the names of what is monitored
 * are replaced by their values, formatted as {epoch:03d} and {val_loss:.2f} where that is said; folders that are not there are
 * made. A failure to save ends fit with its status. With a save_freq, monitor cannot be of validation. Since 0.1. */
LAM_API lam_hook *lam_model_checkpoint(lam_context *context, const char *path, const lam_model_checkpoint_options *options);

typedef struct lam_csv_logger_options {
  char separator; /* 0: ',' */
  bool append;    /* behind what the file holds, for a fit that resumes; otherwise it is begun anew */
  uint64_t reserved[4];
} lam_csv_logger_options;

/* Writes a line for each epoch: epoch (from 0) and the monitored names, sorted, after a first line of names. Numbers are the
 * shortest that read back as the same, whatever the locale; epochs without validation have NA. A line is written in one piece, so
 * that a program that is killed leaves whole lines. Errors of the file, before the first step or later: LAM_IO. Since 0.1. */
LAM_API lam_hook *lam_csv_logger(lam_context *context, const char *path, const lam_csv_logger_options *options);

/* ---- one's own ----------------------------------------------------------------------------------------------------- */

/* A function among them. Since 0.1. */
LAM_API lam_hook *lam_lambda_callback(lam_context *context, lam_callback callback, void *user);

#ifdef __cplusplus
}
#endif
#endif
