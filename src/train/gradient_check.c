/* SPDX-License-Identifier: MIT
 *
 * lam_gradient_check: the gradients of a step against central differences of the reference.
 */
#include "layers/layers.h"
#include "train/reference.h"
#include "train/trainer.h"

#include <math.h>
#include <string.h>

typedef struct lam_sample {
  size_t weight, index;
  double slope, spread; /* sums over the rows */
} lam_sample;

typedef struct lam_gradient_checking {
  lam_trainer *trainer;
  const lam_dataset *data;
  lam_reference reference;
  const float **inputs, **targets; /* in the trainer's plan, one row */
  uint32_t *rows;
  size_t row_count, row_capacity;
  lam_sample *samples;
  size_t sample_count;
} lam_gradient_checking;

/* ---- rows --------------------------------------------------------------------------------------------------------- */

/* Puts one row where the plan has its first, as floats. */
static void gather_row(lam_gradient_checking *check, uint32_t row) {
  const lam_plan *plan = check->trainer->plan;
  lam_step step = { .rows = 1 };
  lam_trainer_run_rows(check->trainer, check->data, &row, &step);
  for (size_t i = 0; i < plan->model->input_count; i++) check->inputs[i] = plan->inputs[i];
  for (size_t i = 0; i < plan->model->output_count; i++) check->targets[i] = plan->targets[i];
}

/* Which losses take logits is the plan's decision. */
static void read_plan(lam_gradient_checking *check) {
  const lam_plan *plan = check->trainer->plan;
  size_t output = 0;
  for (size_t i = 0; i < plan->forward_count && output < plan->model->output_count; i++) {
    const lam_operation *operation = &plan->operations[i];
    bool logits = plan->options.loss->run_logits && operation->run == plan->options.loss->run_logits;
    if (logits || operation->run == plan->options.loss->run) check->reference.logits[output++] = logits;
  }
}

/* Keeps the rows in which rounding decides nothing. */
static lam_status choose_rows(lam_gradient_checking *check, size_t wanted) {
  size_t rows = check->data->rows < wanted ? check->data->rows : wanted;
  for (size_t row = 0; row < rows; row++) {
    gather_row(check, (uint32_t)row);
    check->reference.freeze = true;
    (void)lam_reference_loss(&check->reference, check->inputs, check->targets);
    if (!check->reference.near_kink) check->rows[check->row_count++] = (uint32_t)row;
  }
  if (check->row_count) return LAM_OK;
  return lam_fail(check->trainer->object.context, LAM_INVALID_DATA,
                  "none of %zu rows can be used: in each of them a relu's input, or a probability's distance to its limits, is "
                  "next to 0, as at the biases of a new network behind a layer that gives nothing but 0",
                  rows);
}

/* ---- samples ------------------------------------------------------------------------------------------------------ */

static size_t trained_count(const lam_trainer *trainer, size_t weight) {
  return lam_trainer_trains(trainer, weight) ? trainer->model->weights[weight].count : 0;
}

/* `count` of the numbers of each weight: all, or drawn under the seed 0 in a stream of its own. */
static void draw_samples(lam_gradient_checking *check, size_t count) {
  const lam_model *model = check->trainer->model;
  for (size_t w = 0; w < model->weight_count; w++) {
    size_t all = trained_count(check->trainer, w), drawn = all < count ? all : count;
    for (size_t i = 0; i < drawn; i++) {
      uint32_t bits[4], counter[4] = { (uint32_t)i, (uint32_t)(i >> 32), (uint32_t)w, 0x47524144u }, key[2] = { 0, 0 };
      lam_random_bits(bits, counter, key);
      uint64_t word = ((uint64_t)bits[1] << 32 | bits[0]) % all;
      check->samples[check->sample_count++] = (lam_sample){ .weight = w, .index = all <= count ? i : (size_t)word };
    }
  }
}

static double *weight_at(const lam_gradient_checking *check, const lam_sample *sample) {
  return check->reference.weights + check->trainer->model->weights[sample->weight].offset + sample->index;
}

/* Central differences of one row: h is relative to the largest number there is, by which a weight's change is multiplied. */
static double difference_step(const lam_gradient_checking *check) { return 1e-6 / fmax(1, check->reference.largest); }

static void compare_row(lam_gradient_checking *check, uint32_t row) {
  lam_reference *reference = &check->reference;
  double h = difference_step(check);
  gather_row(check, row);
  reference->freeze = true;
  (void)lam_reference_loss(reference, check->inputs, check->targets);
  for (size_t i = 0; i < check->sample_count; i++) /* of the values as they are */
    check->samples[i].spread +=
        lam_reference_spread(reference, check->targets, check->samples[i].weight, check->samples[i].index);
  reference->freeze = false;
  for (size_t i = 0; i < check->sample_count; i++) {
    double *w = weight_at(check, &check->samples[i]), at = *w;
    *w = at + h;
    double above = lam_reference_loss(reference, check->inputs, check->targets), up = *w - at;
    *w = at - h;
    double below = lam_reference_loss(reference, check->inputs, check->targets), down = at - *w;
    *w = at;
    check->samples[i].slope += (above - below) / (up + down);
  }
}

/* ---- the report --------------------------------------------------------------------------------------------------- */

/* What rounding can sum up to: each term passes `roundings` of them and the sum over the rows, 2^-24 each. Central differences
 * add h^2 / 6 times a third derivative and 2^-53 / h times the loss: with the h above, below 1e-9 of the largest number there is.
 */
static double bound_of(const lam_gradient_checking *check, const lam_sample *sample, double loss) {
  double roundings = lam_reference_roundings(&check->reference) + (double)check->row_count;
  double differences = 1e-9 * fmax(1, check->reference.largest) * (1 + loss);
  return roundings * 0x1p-24 * sample->spread / (double)check->row_count + differences;
}

static void report_sample(const lam_gradient_checking *check, const lam_sample *sample, double loss,
                          lam_gradient_report *report) {
  const lam_weight *weight = &check->trainer->model->weights[sample->weight];
  double gradient = (double)check->trainer->plan->gradients[weight->offset + sample->index];
  double reference = sample->slope / (double)check->row_count;
  double deviation = fabs(gradient - reference), bound = bound_of(check, sample, loss);
  bool within = deviation <= bound; /* a NaN is not */
  report->compared++;
  report->exceeded += !within;
  if (!(deviation <= report->absolute)) report->absolute = deviation;
  if (report->weight && within && deviation * report->bound <= report->deviation * bound) return;
  report->weight = weight->name;
  report->index = sample->index;
  report->gradient = gradient;
  report->reference = reference;
  report->deviation = deviation;
  report->bound = bound;
}

/* Deviations of one weight over the largest gradient of it. */
static double relative_deviation(const lam_gradient_checking *check, size_t weight) {
  double largest = 0, deviation = 0;
  for (size_t i = 0; i < check->sample_count; i++) {
    const lam_sample *sample = &check->samples[i];
    if (sample->weight != weight) continue;
    double reference = sample->slope / (double)check->row_count;
    size_t at = check->trainer->model->weights[weight].offset + sample->index;
    largest = fmax(largest, fabs(reference));
    deviation = fmax(deviation, fabs((double)check->trainer->plan->gradients[at] - reference));
  }
  return largest > 0 ? deviation / largest : 0;
}

/* The slope of the weight's penalty, which no row changes. */
static void add_penalty(lam_gradient_checking *check, lam_sample *sample) {
  lam_regularizer regularizer = check->trainer->model->weights[sample->weight].regularizer;
  double w = *weight_at(check, sample), sign = (w > 0) - (w < 0), rows = (double)check->row_count;
  double slope = (double)regularizer.l1 * sign + 2 * (double)regularizer.l2 * w;
  sample->slope += rows * slope;
  sample->spread += rows * fabs(slope);
}

static void run_check(lam_gradient_checking *check, lam_gradient_report *report) {
  lam_trainer *trainer = check->trainer;
  for (size_t i = 0; i < check->row_count; i++) compare_row(check, check->rows[i]);
  for (size_t i = 0; i < check->sample_count; i++) add_penalty(check, &check->samples[i]);
  lam_step step = { .rows = check->row_count, .training = true, .still = true };
  lam_trainer_run_rows(trainer, check->data, check->rows, &step);
  double loss = lam_plan_loss(trainer->plan, &step);
  lam_plan_finish(trainer->plan, &step);
  trainer->last = trainer->plan;
  *report = (lam_gradient_report){ .rows = check->row_count };
  for (size_t i = 0; i < check->sample_count; i++) report_sample(check, &check->samples[i], loss, report);
  for (size_t w = 0; w < trainer->model->weight_count; w++)
    report->relative = fmax(report->relative, relative_deviation(check, w));
}

/* ---- the call ----------------------------------------------------------------------------------------------------- */

static lam_status allocate(lam_gradient_checking *check, size_t rows, size_t samples) {
  const lam_model *model = check->trainer->model;
  lam_context *context = model->object.context;
  check->row_capacity = rows;
  check->inputs = lam_allocate_array(context, model->input_count, sizeof *check->inputs);
  check->targets = lam_allocate_array(context, model->output_count, sizeof *check->targets);
  check->rows = lam_allocate_array(context, rows, sizeof *check->rows);
  check->samples = lam_allocate_array(context, samples, sizeof *check->samples);
  return check->inputs && check->targets && check->rows && check->samples ? LAM_OK : LAM_OUT_OF_MEMORY;
}

static void release(lam_gradient_checking *check, size_t samples) {
  const lam_model *model = check->trainer->model;
  lam_context *context = model->object.context;
  lam_release(context, check->inputs, check->inputs ? model->input_count * sizeof *check->inputs : 0);
  lam_release(context, check->targets, check->targets ? model->output_count * sizeof *check->targets : 0);
  lam_release(context, check->rows, check->rows ? check->row_capacity * sizeof *check->rows : 0);
  lam_release(context, check->samples, check->samples ? samples * sizeof *check->samples : 0);
  lam_reference_close(&check->reference);
}

static bool has_activity_penalty(const lam_model *model) {
  for (size_t i = 0; i < model->layer_count; i++)
    if (lam_regularizes(lam_layer_activity(model->layers[i]))) return true;
  return false;
}

static lam_status check_gradients(lam_gradient_checking *check, size_t rows, size_t samples, lam_gradient_report *report) {
  lam_trainer *trainer = check->trainer;
  lam_context *context = trainer->object.context;
  size_t most = 0;
  if (has_activity_penalty(trainer->model))
    return lam_fail(context, LAM_UNSUPPORTED, "gradients of activity regularizers have no reference to be checked against");
  for (size_t w = 0; w < trainer->model->weight_count; w++) {
    size_t count = trained_count(trainer, w);
    most += count < samples ? count : samples;
  }
  if (!most) return lam_fail(context, LAM_INVALID_ARGUMENT, "the model has no weights that are trained, and so no gradients");
  lam_status status = lam_trainer_plan(trainer, rows);
  if (!status)
    status = lam_reference_open(&check->reference, trainer->model, lam_loss_type_of(trainer->options.loss),
                                trainer->options.from_logits);
  if (!status) status = allocate(check, rows, most);
  if (!status) {
    lam_fp_mode mode = lam_fp_enter();
    lam_blas_enter(context);
    read_plan(check);
    status = choose_rows(check, rows);
    draw_samples(check, samples);
    if (!status) run_check(check, report);
    lam_blas_leave(context);
    lam_fp_leave(mode);
  }
  if (check->reference.model) release(check, most);
  return status;
}

lam_status lam_gradient_check(lam_trainer *trainer, const lam_dataset *data, const lam_gradient_check_options *options,
                              lam_gradient_report *report) {
  static const lam_gradient_check_options defaults = { 0 };
  if (!trainer || !data || !report) return LAM_NO_HANDLE;
  if (!options) options = &defaults;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(trainer->object.context, LAM_INVALID_ARGUMENT, "reserved fields of lam_gradient_check_options must be zero");
  lam_status status = lam_trainer_check_data(trainer, data);
  if (status) return status;
  size_t rows = options->rows ? options->rows : 32;
  lam_gradient_checking check = { .trainer = trainer, .data = data };
  return check_gradients(&check, rows < data->rows ? rows : data->rows, options->samples ? options->samples : 100, report);
}
