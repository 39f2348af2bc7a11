/* SPDX-License-Identifier: MIT
 *
 * Trainers from the inside: the model's plan with its losses, the optimizer's state, and where a fit is.
 */
#ifndef LAM_TRAIN_TRAINER_H
#define LAM_TRAIN_TRAINER_H

#include "base/pool.h"
#include "data/dataset.h"
#include "graph/plan.h"
#include "train/metric.h"

enum { LAM_MOST_STATES = 5 };

/* What a step of an optimizer works with beside its options. */
typedef struct lam_rate {
  float rate;     /* of this step */
  uint64_t step;  /* the number of this update, from 1 */
  double product; /* nadam: of all its momentums so far */
} lam_rate;

/* An optimizer: the table is in optimizers.c. */
typedef struct lam_optimizer {
  float learning_rate, rho, beta_2, weight_decay; /* the defaults */
  void (*update)(const lam_kernel_table *kernels, const lam_optimizer_options *options, const lam_rate *rate, float *w,
                 float *const *states, const float *g, size_t count);
} lam_optimizer;

/* The table's entry of a type, which must be valid. */
const lam_optimizer *lam_optimizer_of(lam_optimizer_type type);
/* The fields of lam_optimizer_options and lam_trainer_options, for files and the command line. */
extern const lam_field lam_optimizer_fields[];
extern const lam_field lam_trainer_fields[];
extern const char *const lam_schedule_names[];
/* Number of state blocks, each as large as the weights, with these options (plain sgd has none), and their names as files call
 * them. What all optimizers may have comes last: the average, then the gradients' accumulator. */
size_t lam_optimizer_states(const lam_optimizer_options *options, const char *names[LAM_MOST_STATES]);
/* The product of nadam's momentums of steps 1 to `step`. */
double lam_nadam_product(float beta_1, uint64_t step);

/* A number of an options struct, its default and range. */
typedef struct lam_range {
  const char *name;
  float *value;
  float standard;    /* where 0 was given */
  float least, most; /* least <= value < most */
} lam_range;
/* Fills in the default and reads LAM_ZERO as 0. */
lam_status lam_range_complete(lam_context *context, const lam_range *number);
/* The same for all of an options struct, a schedule; and back to what a caller would have to write. */
lam_status lam_trainer_options_complete(lam_context *context, lam_trainer_options *options);
lam_status lam_schedule_complete(lam_context *context, lam_schedule *schedule);
/* The value of a completed schedule. */
double lam_schedule_at(const lam_schedule *schedule, double rate, double step);

/* Where a fit is; everything a resumed one needs besides the weights and the optimizer's state. */
typedef struct lam_position {
  uint64_t steps;    /* of the optimizer since the trainer was made */
  uint64_t epoch;    /* epochs done by this fit */
  uint64_t step;     /* steps done in the epoch that was begun */
  uint64_t shuffles; /* epochs ever begun: the number of the shuffle's stream */
  double loss_sum;   /* over the rows of the epoch so far */
  double right_sum;
  uint64_t rows;
} lam_position;

/* Weights next to each other in the model's block that the optimizer treats alike: one weight where each is clipped by its own
 * norm. */
typedef struct lam_piece {
  size_t from, to;
  bool decays;
  double scale; /* of its gradients in this step */
} lam_piece;

/* A metric of a trainer, with its values at the ends of epochs: in training, in validation. */
typedef struct lam_metric_entry {
  lam_metric *metric;
  double (*history)[2];
  size_t history_capacity;
} lam_metric_entry;

struct lam_trainer {
  lam_object object;
  lam_model *model;
  lam_trainer_options options; /* with the defaults filled in */
  lam_loss_setting *losses;    /* one for each output; their options, as said with the defaults filled in, are options.losses */
  lam_loss_options *loss_options;
  double *output_losses; /* sums over rows: of the epoch for each output, then of what was evaluated last; then means, of the last
                            step */
  uint64_t output_rows[2];
  const lam_optimizer *optimizer;
  float *states[LAM_MOST_STATES]; /* NULL until the model is built, or where there is none */
  const char *state_names[LAM_MOST_STATES];
  size_t state_count;
  char **undecayed; /* parts of the names of weights that do not decay */
  size_t undecayed_count, undecayed_capacity;
  double *squares; /* sums over parts of the gradients, where norms are wanted */
  size_t squares_capacity;
  bool averaged; /* the weights and their averages have changed places */
  bool *frozen;  /* for each node of the model, as they were when this was made */
  size_t grain;  /* of the update: blocks that a worker takes at least; 0: it is not shared */
  lam_piece *pieces;
  size_t piece_count, piece_capacity;
  lam_position position;
  uint64_t seed; /* of the shuffles: the context's, or that of the checkpoint it comes from */
  lam_epoch *history;
  size_t history_count, history_capacity;
  lam_metric_entry *metrics;
  size_t metric_count, metric_capacity;
  double *metric_values; /* what a callback is told: of all metrics in training, then in validation */
  size_t metric_value_count;
  float *metric_scratch; /* outputs with the activation that the plan leaves to the loss */
  size_t metric_scratch_count;
  bool stopped, fitting;
  double batch_loss, batch_right; /* sums of batches by hand since lam_reset_metrics, over so many rows */
  uint64_t batch_rows;
  bool weighted;              /* data with weights were met: plans have room for them */
  const float *class_weights; /* while fit runs with them */
  size_t class_weight_count;
  lam_plan *plan;       /* of fit and evaluate; NULL until rows are known, and after one did not fit into memory */
  lam_plan *loop;       /* of a loop of one's own */
  size_t loop_rows;     /* of its last lam_forward, until lam_backward */
  uint64_t loop_number; /* and the number its noise was drawn by */
  lam_plan *last;       /* whose backward pass ran last: its gradients are lam_gradient's */
};

/* lam_trainer_create without the model remembering it. */
lam_trainer *lam_trainer_make(lam_model *model, const lam_trainer_options *options);
bool lam_trainer_has_loss(const lam_trainer *trainer);
/* The loss of the last forward run; and adds those of its outputs to those of the epoch, or of what is being evaluated. */
double lam_trainer_loss(lam_trainer *trainer, const lam_step *step);
void lam_trainer_count_losses(lam_trainer *trainer, const lam_step *step, bool evaluated);
void lam_trainer_clear_losses(lam_trainer *trainer, bool evaluated);

/* Allocates the optimizer's state when the model has just been built. */
lam_status lam_trainer_prepare(lam_trainer *trainer);
lam_status lam_trainer_share_update(lam_trainer *trainer); /* decides whether others help with it */

/* Whether a trainer changes a weight of the model. */
bool lam_trainer_trains(const lam_trainer *trainer, size_t weight);

/* Makes the plan of fit and evaluate for batches of up to `rows`, where there is none that large. */
lam_status lam_trainer_plan(lam_trainer *trainer, size_t rows);

/* One step of the optimizer with gradients times `scale` (update.c). */
void lam_trainer_update(lam_trainer *trainer, const float *gradients, double scale);
/* Lists the pieces of the weights for it, and allocates what it needs. */
lam_status lam_trainer_list_pieces(lam_trainer *trainer);
/* Puts the weights' averages in their place, where they are kept, and takes that back. */
void lam_trainer_average(lam_trainer *trainer);
void lam_trainer_restore(lam_trainer *trainer);

/* Builds a model that is not built from the shapes of the data's inputs; and checks that they fit it. */
lam_status lam_build_from_data(lam_model *model, const lam_dataset *data);
lam_status lam_check_inputs(const lam_model *model, const lam_dataset *data);

/* The model remembers how the first data it saw became numbers. */
void lam_record_scaling(lam_model *model, const lam_dataset *data);

/* Builds the model from the data's shapes where it is not built, and checks that the data fit it and the loss: numbers of arrays,
 * widths, kinds of targets, label ranges, finite numbers. */
lam_status lam_trainer_check_data(lam_trainer *trainer, const lam_dataset *data);

/* Fits a whitening right behind an input (whiten.c). */
lam_status lam_adapt_whitening(lam_model *model, const lam_dataset *data, size_t input, const lam_model_node *layer);

/* Runs the forward operations and losses on rows of a dataset. Fails where a layer from outside or a loss function does. */
lam_status lam_trainer_run_rows(lam_trainer *trainer, const lam_dataset *data, const uint32_t *rows, const lam_step *step);

/* Metrics (trainer_metrics.c). Prepare makes room for batches of the plan and for `epochs` of history, and checks that the
 * metrics fit the outputs and targets; nothing is computed where there are none. Begin sets them to zero; add takes the rows
 * whose forward pass has just run; note writes their values into the history. */
lam_status lam_trainer_prepare_metrics(lam_trainer *trainer, size_t epochs);
void lam_trainer_begin_metrics(lam_trainer *trainer);
void lam_trainer_add_to_metrics(lam_trainer *trainer, const lam_step *step);
void lam_trainer_note_metrics(lam_trainer *trainer, size_t epoch, bool validation);
void lam_trainer_release_metrics(lam_trainer *trainer);
/* Fills what a callback is told: the values so far, or those of an epoch that has ended. */
void lam_trainer_tell_metrics(lam_trainer *trainer, lam_progress *progress);

/* Checks weights of classes against the data they are for; then they act in each step until trainer->class_weights is NULL. */
lam_status lam_trainer_take_class_weights(lam_trainer *trainer, const lam_dataset *data, const float *weights, size_t count);

/* Loss and accuracy over a feed; `epoch` is told a generator. */
struct lam_feed;
lam_status lam_trainer_measure(lam_trainer *trainer, struct lam_feed *feed, size_t epoch, lam_result *result);

#endif
