/* SPDX-License-Identifier: MIT
 *
 * lamina/train.h: training: fit, evaluate, predict, and the parts of a loop of one's own.
 */
#ifndef LAMINA_TRAIN_H
#define LAMINA_TRAIN_H

#include <lamina/loss.h>
#include <lamina/metric.h>
#include <lamina/model.h>
#include <lamina/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lam_trainer lam_trainer;

/* ---- trainers --------------------------------------------------------------------------------------------------- */

typedef struct lam_trainer_options {
  lam_loss loss; /* of each output; the total is their sum. none: only a loop of one's own (below) */
  bool from_logits;
  /* Instead of these two: one loss for all outputs, or one for each, of which some may be none; the total is their sum by their
   * weights. The array is copied. A dataset has a target for each output all the same; that of an output without a loss is not
   * looked at. */
  const lam_loss_options *losses;
  size_t loss_count;
  lam_optimizer_options optimizer;
  bool no_fusion;       /* softmax and sigmoid stay apart from their loss: to show what that does to the numbers */
  bool input_gradients; /* a backward pass also gives the gradient of the model's inputs */
  uint64_t reserved[16];
} lam_trainer_options;

/* Makes a trainer: a loss, an optimizer with its state at zero, and the prepared list of operations. A new one is a recompile:
 * the weights stay, the optimizer starts anew. `options` NULL: those the model was saved with, if any, else as if zero. Errors:
 * LAM_INVALID_ARGUMENT names the number that is out of its range, LAM_INVALID_SHAPE. Since 0.1. */
LAM_API lam_trainer *lam_trainer_create(lam_model *model, const lam_trainer_options *options);
LAM_API void lam_trainer_destroy(lam_trainer *trainer);

/* The options as they act, defaults filled in (so a learning_rate of 0 reads LAM_ZERO), and the model; `losses` lives as long as
 * the trainer. Since 0.1. */
LAM_API lam_status lam_trainer_get_options(const lam_trainer *trainer, lam_trainer_options *options);
LAM_API lam_model *lam_trainer_model(const lam_trainer *trainer);

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

/* Adds a metric of options->output (lamina/metric.h): fit computes it over each epoch's batches as they are trained, and over the
 * validation data; evaluate over its rows. It sees what the model gives, probabilities also where a softmax or sigmoid is
 * computed together with its loss. Its value and standard error can be read after evaluate; after fit they are those of the last
 * epoch's validation, or without one of its training. It belongs to the trainer: lam_metric_destroy leaves it alone. Metrics are
 * neither saved nor restored; those of an epoch resumed from a file are of its later part. Where the model was not built yet,
 * whether the metric fits its output is found by fit. Errors: those of lam_metric_create; LAM_INVALID_ARGUMENT for an output that
 * the model has not. Since 0.1. */
LAM_API lam_metric *lam_trainer_add_metric(lam_trainer *trainer, const lam_metric_options *options);

/* How many there are, and one of them, in the order they were added; NULL beyond the last. Since 0.1. */
LAM_API size_t lam_trainer_metric_count(const lam_trainer *trainer);
LAM_API lam_metric *lam_trainer_metric(const lam_trainer *trainer, size_t index);

/* A metric's value in an epoch of the last fit, or in its validation; NaN where there is none. Since 0.1. */
LAM_API double lam_trainer_metric_history(const lam_trainer *trainer, size_t metric, size_t epoch, bool validation);

/* Changes the learning rate from the next step on; it stays so, whatever schedule there was. Since 0.1. */
LAM_API lam_status lam_trainer_set_learning_rate(lam_trainer *trainer, float learning_rate);
/* The learning rate of the next step: the schedule's value there, or the number that was set. NaN without a trainer. A schedule
 * counts steps, also those that only accumulate gradients. Since 0.1. */
LAM_API float lam_trainer_learning_rate(const lam_trainer *trainer);

/* Keeps weights whose name ("dense/bias") contains `name` from decaying: "bias" is all biases. Adds to those excluded before;
 * checkpoints keep the list. LAM_UNKNOWN_NAME where the model is built and has no such weight. Since 0.1. */
LAM_API lam_status lam_exclude_from_weight_decay(lam_trainer *trainer, const char *name);

/* The optimizer's state of weight `index` (as lam_model_parameter counts), by Keras's name: "momentum", "velocity", "norm",
 * "average" (of the weights), "gradient_accumulator", ...; docs/file-format.md lists them. NULL where the optimizer has no such
 * state, the model is not built or the weight is fixed. It lives as long as the trainer and changes with each step. Since 0.1. */
LAM_API const float *lam_optimizer_state(const lam_trainer *trainer, const char *name, size_t index);

/* ---- adapt ------------------------------------------------------------------------------------------------------- */

/* Keras's adapt: sets mean and variance of every normalization layer that an input feeds directly to those of the dataset's rows
 * (the population's variance, in double), and records how the inputs become numbers. Builds a model that is not built. Errors:
 * LAM_INVALID_ARGUMENT where there is no such layer; LAM_INVALID_SHAPE, LAM_INVALID_DATA. Since 0.1. */
LAM_API lam_status lam_adapt(lam_model *model, const lam_dataset *data);

/* ---- fit, evaluate, predict -------------------------------------------------------------------------------------- */

/* Loss and accuracy, means over rows. Accuracy follows the targets: integer labels, or dense targets more than one wide: the
 * share of rows whose argmax is the label's; one wide: the share whose probability is on the target's side of 0.5. It is NaN
 * where it means nothing: squared errors on outputs that are neither softmax nor sigmoid. With several outputs it is that of the
 * first. */
typedef struct lam_result {
  double loss;
  double accuracy;
  uint64_t rows;
} lam_result;

/* One epoch of the history. Means over the epoch as it ran, each step weighted by its rows; val_... are NaN without validation.
 */
typedef struct lam_epoch {
  double loss, accuracy, val_loss, val_accuracy;
  double seconds;
} lam_epoch;

typedef enum lam_event { LAM_EPOCH_BEGIN, LAM_STEP_END, LAM_EPOCH_END } lam_event;

/* What a callback is told. */
typedef struct lam_progress {
  lam_event event;
  lam_trainer *trainer;
  size_t epoch, epochs; /* from 0 */
  size_t step, steps;   /* of this epoch; step: how many are done */
  double step_loss;     /* of the step that ended, before its update */
  lam_epoch mean;       /* so far, or at LAM_EPOCH_END the epoch's record */
  /* The trainer's metrics in the order they were added, likewise; in validation NaN before LAM_EPOCH_END. */
  size_t metric_count;
  const double *metrics, *val_metrics;
  bool validated; /* LAM_EPOCH_END: validation was run, and the record has its results */
} lam_progress;

/* Called in the thread of fit. Not 0 stops: fit then returns LAM_OK with what is done, and lam_trainer_stopped is true. It may use
 * the model, but not begin another fit of the trainer (LAM_INVALID_ARGUMENT); evaluating at the end of a step begins the epoch's
 * metrics anew, as in Keras. */
typedef int (*lam_callback)(void *user, const lam_progress *progress);

/* A ready-made callback, with options and memory of its own: early stopping and others (lamina/callback.h). */
typedef struct lam_hook lam_hook;

/* ---- generators --------------------------------------------------------------------------------------------------- */

/* A batch to be filled. Rows lie next to each other, as wide as the input or output. */
typedef struct lam_batch {
  size_t epoch, step;     /* which is asked for, both from 0 */
  size_t rows;            /* the room there is; to be set to the rows that are filled. 0: the epoch has ended before this step */
  float *const *inputs;   /* of each input of the model */
  float *const *targets;  /* of each output; NULL where the loss takes labels, */
  int32_t *const *labels; /* which are here then, one a row, and NULL elsewhere */
  float *weights;         /* with `weighted`: of each row one for each output, 1 unless changed; else NULL */
} lam_batch;

/* Fills a batch; anything but 0 ends what runs with LAM_INVALID_DATA, and the sentence has the number. */
typedef int (*lam_generate_function)(void *user, lam_batch *batch);

/* Where batches come from that are no dataset: a function, asked for one after the other, epoch by epoch.
 *
 * With `prefetch` 0 it is called in the thread of fit or evaluate, when its batch is needed. Otherwise in a thread of its own,
 * one call at a time, which makes up to so many batches ahead, those of the next epoch too; it ends before fit or evaluate
 * returns, and the batches that were not needed are dropped. Such a function must touch nothing that another thread changes, and
 * neither the context nor what was made with it. The weights are the same to the bit whatever `prefetch` is, and those of a
 * dataset with the same rows in the same batches. Floats are inputs as those of a LAM_FLOAT32 array are; each batch is checked as
 * a dataset is. */
typedef struct lam_generator {
  lam_generate_function generate;
  void *user;
  size_t batch_size; /* the room in a batch; 0: 32 */
  size_t steps;      /* of an epoch; 0: until a batch has no rows */
  size_t prefetch;
  bool weighted;
  uint64_t reserved[4];
} lam_generator;

typedef struct lam_fit_options {
  size_t epochs;     /* 0: 1 */
  size_t batch_size; /* 0: 32 */
  bool no_shuffle;   /* otherwise rows come in a new order each epoch, drawn from the context's seed and the epoch's number */
  double validation_split;       /* 0, or the fraction of the last rows held out, as Keras */
  const lam_dataset *validation; /* instead of validation_split; may have weights of its own */
  /* Class c weighs class_weights[c], and 1 where it is not listed: its rows' losses are multiplied, as with
   * lam_dataset_set_weights, which excludes it as in Keras; not those of validation. For a model of one output: its class is the
   * label, the argmax of several targets, or the only one rounded. */
  const float *class_weights;
  size_t class_weight_count;
  /* Instead of data and of `validation`, for models that are built; a fit that resumes asks for the step it was at. */
  const lam_generator *generator, *validation_generator;
  size_t validation_freq;  /* validation behind every so many epochs, by their numbers; 0: 1 */
  size_t steps_per_epoch;  /* an epoch is this many batches of its order, which is drawn anew; 0: all */
  size_t validation_steps; /* validation looks at its first so many batches; 0: all */
  size_t initial_epoch;    /* the number of the first one, up to `epochs` in all, for a training that has come so far */
  lam_callback callback;
  void *user;
  lam_hook *const *callbacks; /* several more */
  size_t callback_count;
  /* Go on where this trainer's last fit was stopped, or where its checkpoint was taken, in the middle of an epoch too; `epochs`
   * then is the number to be reached in all. Same data and options: the same bits as a fit that was not interrupted. */
  bool resume;
  uint64_t reserved[8];
} lam_fit_options;

/* Trains. Everything that can be wrong is found before the first step: widths, label ranges, NaN or infinity in the data
 * (LAM_INVALID_SHAPE, LAM_INVALID_DATA; the sentence has row and value); a fit that is refused leaves the last one's history and
 * what its callbacks know and wrote as they are. LAM_NOT_FINITE, with the number of the step, when the
 * loss stops being finite; the weights are then those before that step. The last batch of an epoch may be smaller. `options` may
 * be NULL. Runs until it is done: only a callback or Lamina's own failures end it earlier. Since 0.1. */
LAM_API lam_status lam_fit(lam_trainer *trainer, const lam_dataset *data, const lam_fit_options *options);

/* The epochs of the last fit, *count of them, those before it was resumed too; valid until the next fit. Whether a callback
 * stopped it. Since 0.1. */
LAM_API const lam_epoch *lam_trainer_history(const lam_trainer *trainer, size_t *count);
LAM_API bool lam_trainer_stopped(const lam_trainer *trainer);

/* The loss of one output alone, without its weight: the mean over the epoch of fit that ended last or is running (of what ran in
 * this process), or with `evaluated` over the rows of the last lam_evaluate or validation. NaN where there is none. Since 0.1. */
LAM_API double lam_trainer_output_loss(const lam_trainer *trainer, size_t output, bool evaluated);

/* Loss and accuracy of the model on a dataset, in inference mode, in batches of 32; the trainer's metrics are computed too.
 * Errors: as lam_fit before the first step. Since 0.1. */
LAM_API lam_status lam_evaluate(lam_trainer *trainer, const lam_dataset *data, lam_result *result);

/* The same over one epoch of a generator, which is told epoch 0. Since 0.1. */
LAM_API lam_status lam_evaluate_generator(lam_trainer *trainer, const lam_generator *generator, lam_result *result);

/* One batch by hand: all rows of a dataset at once. */
typedef struct lam_batch_options {
  const float *class_weights; /* as in lam_fit_options; train_on_batch only */
  size_t class_weight_count;
  bool running_mean; /* the result is that of all batches since the last lam_reset_metrics, trained or tested, each by its rows */
  uint64_t reserved[4];
} lam_batch_options;

/* One step: loss and accuracy of the batch, before the update, into `result` (NULL: not wanted). History and callbacks know
 * nothing of it. `options` may be NULL. Errors: as lam_fit. Since 0.1. */
LAM_API lam_status lam_train_on_batch(lam_trainer *trainer, const lam_dataset *data, const lam_batch_options *options,
                                      lam_result *result);
/* The same without the update, in inference mode. Since 0.1. */
LAM_API lam_status lam_test_on_batch(lam_trainer *trainer, const lam_dataset *data, const lam_batch_options *options,
                                     lam_result *result);
/* What the model gives, as lam_predict in one batch. Since 0.1. */
LAM_API lam_status lam_predict_on_batch(lam_model *model, const lam_dataset *data, float *outputs, size_t count);
/* Begins the running mean anew. Since 0.1. */
LAM_API lam_status lam_reset_metrics(lam_trainer *trainer);

typedef struct lam_predict_options {
  lam_output_kind kind;
  size_t output;     /* of a model with several: which */
  size_t batch_size; /* 0: 32 */
  uint64_t reserved[8];
} lam_predict_options;

/* What the network gives for each row of a dataset: rows x width floats into `outputs`, whose `count` must be just that
 * (LAM_INVALID_ARGUMENT). Targets are not looked at. `options` may be NULL. Runs on the context's gemm backend; where latency or
 * several threads matter, take a session (lamina/model.h). Since 0.1. */
LAM_API lam_status lam_predict(lam_model *model, const lam_dataset *data, const lam_predict_options *options, float *outputs,
                               size_t count);

/* The class of each row (see lam_session_classes), by the output that the options say, into `classes`, `count` being the number
 * of rows. Since 0.1. */
LAM_API lam_status lam_predict_classes(lam_model *model, const lam_dataset *data, const lam_predict_options *options,
                                       int32_t *classes, size_t count);

/* ---- a loop of one's own ----------------------------------------------------------------------------------------- */

/* Runs a batch forward in training mode; `inputs` as in lam_session_run. Since 0.1. */
LAM_API lam_status lam_forward(lam_trainer *trainer, const lam_array *inputs, size_t input_count);
/* rows x width floats of an output of the last lam_forward; until the next call with this trainer. Since 0.1. */
LAM_API const float *lam_forward_output(const lam_trainer *trainer, size_t output);
/* The backward pass from the gradients of the outputs, each rows x width as in the last lam_forward; NULL: zero. lam_loss_compute
 * gives them for a loss. The gradients of the weights are replaced; those of the penalties of regularizers are in them. Since
 * 0.1. */
LAM_API lam_status lam_backward(lam_trainer *trainer, const float *const *output_gradients, size_t output_count);
/* The gradient of weight `index` (as lam_model_parameter counts), from the last lam_backward or step of fit; may be changed
 * before lam_apply_gradients. NULL where there is none yet, for a fixed weight, and for one whose layer was frozen when the
 * trainer was made. Since 0.1. */
LAM_API float *lam_gradient(lam_trainer *trainer, size_t index);
/* rows x width floats: the gradient of an input, where the trainer was made with input_gradients; else NULL. Since 0.1. */
LAM_API const float *lam_input_gradient(const lam_trainer *trainer, size_t input);
/* One step of the optimizer with the gradients as they are. Since 0.1. */
LAM_API lam_status lam_apply_gradients(lam_trainer *trainer);
/* With use_ema, what fit does at its end: the averages take the place of the weights. The next step goes on from there, and so
 * does fit, but for one that resumes, which goes on from the weights as they were. Nothing without use_ema. Since 0.1. */
LAM_API lam_status lam_finalize_weights(lam_trainer *trainer);

/* ---- checking gradients ------------------------------------------------------------------------------------------ */

typedef struct lam_gradient_check_options {
  size_t rows;    /* of the batch, the dataset's first; 0: 32 */
  size_t samples; /* numbers compared of each weight, drawn at random where it has more; 0: all */
  uint64_t reserved[8];
} lam_gradient_check_options;

/* What the comparison found. */
typedef struct lam_gradient_report {
  size_t rows;                /* that were used: those where a relu or a clip is so near its kink that rounding decides are not */
  size_t compared;            /* gradients */
  size_t exceeded;            /* of them, those that deviate by more than rounding allows: 0 where the gradients are right */
  double absolute, relative;  /* largest deviations; the relative one is to the largest gradient compared of its weight */
  const char *weight;         /* where a deviation is the largest part of its bound: the weight's name and the place in it; */
  size_t index;               /* the string lives as long as the model */
  double gradient, reference; /* there: the library's float and the independent number, */
  double deviation, bound;    /* how far they are apart, and what the rounding errors of the passes can sum up to */
} lam_gradient_report;

/* Compares the gradients that the next step of fit would use, on these rows and with the noise it would draw, with derivatives of
 * the loss computed in double, all at once, by plain loops that share nothing with the kernels. `bound` is a first-order bound of
 * rounding errors, derived for each gradient from this network, its weights and these rows (docs/numerics.md). The weights and
 * the optimizer's state stay as they are; memory is 100 bytes for each number of the network on these rows.
 *
 * Layers and losses from outside are compared with differences of what they give themselves: their functions are called four
 * times for each number of a row and each of their weights, and what is within about a thousandth of the truth is within the
 * bound. That holds for functions whose results are right to 2^-18 of the largest one, and that do not bend much over a 128th of
 * the largest number they get. Rows next to their kinks are left out, too; their rows must not depend on each other.
 *
 * Errors: as lam_fit before the first step; LAM_UNSUPPORTED for a layer from outside whose rows do; LAM_INVALID_DATA where no
 * row is left; what a function from outside returns. Since 0.1. */
LAM_API lam_status lam_gradient_check(lam_trainer *trainer, const lam_dataset *data, const lam_gradient_check_options *options,
                                      lam_gradient_report *report);

#ifdef __cplusplus
}
#endif
#endif
