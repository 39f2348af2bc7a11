/* SPDX-License-Identifier: MIT
 *
 * lam_gradient_check: the gradients of a step against those of the reference.
 */
#include "layers/layers.h"
#include "train/reference.h"
#include "train/trainer.h"

#include <math.h>

typedef struct lam_gradient_checking {
  lam_trainer *trainer;
  const lam_dataset *data;
  lam_reference reference;
  uint32_t *rows; /* of the dataset, those that are used */
  size_t row_count, row_capacity, samples;
} lam_gradient_checking;

/* ---- rows --------------------------------------------------------------------------------------------------------- */

/* The step that fit would do next, but for its rows. */
static lam_step step_of(const lam_gradient_checking *check) {
  const lam_trainer *trainer = check->trainer;
  return (lam_step){
    .rows = check->row_count, .training = true, .still = true, .seed = trainer->seed, .number = trainer->position.steps
  };
}

/* Leaves out the rows in which rounding decides something, until there are none: what is normalized by its batch, and noise,
 * change with the rows that are left. */
static lam_status choose_rows(lam_gradient_checking *check) {
  size_t all = check->row_count;
  while (check->row_count) {
    lam_step step = step_of(check);
    lam_status status = lam_trainer_run_rows(check->trainer, check->data, check->rows, &step);
    if (!status) status = lam_reference_run(&check->reference, &step);
    if (status) return status;
    size_t kept = 0;
    for (size_t i = 0; i < step.rows; i++)
      if (!check->reference.unclear[i]) check->rows[kept++] = check->rows[i];
    if (kept == step.rows) return LAM_OK;
    check->row_count = kept;
  }
  return lam_fail(check->trainer->object.context, LAM_INVALID_DATA,
                  "none of %zu rows can be used: in each of them a relu's input, a probability's distance to its limits or the "
                  "like is so near 0 that rounding decides",
                  all);
}

/* ---- the report --------------------------------------------------------------------------------------------------- */

/* Compares one gradient; returns how far it is off. */
static double compare(const lam_gradient_checking *check, size_t w, size_t index, lam_gradient_report *report, double *largest) {
  const lam_weight *weight = &check->trainer->model->weights[w];
  double bound, gradient = (double)check->trainer->plan->gradients[weight->offset + index];
  double reference = lam_reference_gradient(&check->reference, w, index, &bound);
  double deviation = fabs(gradient - reference);
  bool within = deviation <= bound; /* a NaN is not */
  *largest = fmax(*largest, fabs(reference));
  report->compared++;
  report->exceeded += !within;
  if (!(deviation <= report->absolute)) report->absolute = deviation;
  bool nothing_yet = !report->weight || (report->bound == 0 && report->deviation == 0);
  bool known = report->deviation != report->deviation || deviation * report->bound <= report->deviation * bound;
  if (!nothing_yet && known) return deviation;
  report->weight = weight->name;
  report->index = index;
  report->gradient = gradient;
  report->reference = reference;
  report->deviation = deviation;
  report->bound = bound;
  return deviation;
}

/* All numbers of a weight, or `samples` drawn under the seed 0 in a stream of their own. */
static void compare_weight(const lam_gradient_checking *check, size_t w, lam_gradient_report *report) {
  size_t all = check->trainer->model->weights[w].count, count = check->samples && check->samples < all ? check->samples : all;
  double largest = 0, deviation = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits[4], counter[4] = { (uint32_t)i, (uint32_t)(i >> 32), (uint32_t)w, 0x47524144u }, key[2] = { 0, 0 };
    lam_random_bits(bits, counter, key);
    size_t drawn = (size_t)(((uint64_t)bits[1] << 32 | bits[0]) % all);
    deviation = fmax(deviation, compare(check, w, count < all ? drawn : i, report, &largest));
  }
  if (largest > 0) report->relative = fmax(report->relative, deviation / largest);
}

static lam_status run_check(lam_gradient_checking *check, lam_gradient_report *report) {
  lam_trainer *trainer = check->trainer;
  lam_step step = step_of(check);
  lam_status status = lam_trainer_run_rows(trainer, check->data, check->rows, &step);
  if (status) return status;
  lam_plan_finish(trainer->plan, &step);
  trainer->last = trainer->plan;
  *report = (lam_gradient_report){ .rows = check->row_count };
  for (size_t w = 0; w < trainer->model->weight_count; w++)
    if (lam_trainer_trains(trainer, w)) compare_weight(check, w, report);
  return LAM_OK;
}

/* ---- the call ----------------------------------------------------------------------------------------------------- */

static lam_status run_with_memory(lam_gradient_checking *check, lam_gradient_report *report) {
  check->rows = lam_allocate_array(check->trainer->object.context, check->row_capacity, sizeof *check->rows);
  if (!check->rows) return LAM_OUT_OF_MEMORY;
  lam_status status = lam_reference_open(&check->reference, check->trainer->plan, check->row_capacity);
  if (status) return status;
  for (size_t i = 0; i < check->row_capacity; i++) check->rows[i] = (uint32_t)i;
  check->row_count = check->row_capacity;
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(check->trainer->object.context);
  status = choose_rows(check);
  if (!status) status = run_check(check, report);
  lam_blas_leave(check->trainer->object.context);
  lam_fp_leave(mode);
  return status;
}

lam_status lam_gradient_check(lam_trainer *trainer, const lam_dataset *data, const lam_gradient_check_options *options,
                              lam_gradient_report *report) {
  static const lam_gradient_check_options defaults = { 0 };
  if (!trainer || !data || !report) return LAM_NO_HANDLE;
  if (!options) options = &defaults;
  lam_context *context = trainer->object.context;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_gradient_check_options must be zero");
  lam_status status = lam_trainer_check_data(trainer, data);
  if (status) return status;
  bool trains = false;
  for (size_t w = 0; w < trainer->model->weight_count; w++) trains = trains || lam_trainer_trains(trainer, w);
  if (!trains) return lam_fail(context, LAM_INVALID_ARGUMENT, "the model has no weights that are trained, and so no gradients");
  size_t rows = options->rows ? options->rows : 32;
  lam_gradient_checking check = { .trainer = trainer, .data = data, .samples = options->samples };
  check.row_capacity = rows < data->rows ? rows : data->rows;
  status = lam_trainer_plan(trainer, check.row_capacity);
  if (!status) status = run_with_memory(&check, report);
  lam_reference_close(&check.reference);
  lam_release(context, check.rows, check.rows ? check.row_capacity * sizeof *check.rows : 0);
  return status;
}
