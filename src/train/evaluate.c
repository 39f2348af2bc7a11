/* SPDX-License-Identifier: MIT
 *
 * Running datasets through networks: checks of data against a model, evaluate, predict.
 */
#include "graph/session.h"
#include "layers/layers.h"
#include "train/feed.h"
#include "train/losses.h"

#include <math.h>
#include <string.h>

enum { LAM_STANDARD_BATCH = 32 };

/* ---- checks ------------------------------------------------------------------------------------------------------- */

lam_status lam_check_inputs(const lam_model *model, const lam_dataset *data) {
  lam_context *context = model->object.context;
  if (data->input_count != model->input_count)
    return lam_fail(context, LAM_INVALID_SHAPE, "the model has %zu input%s, the dataset %zu", model->input_count,
                    model->input_count == 1 ? "" : "s", data->input_count);
  for (size_t i = 0; i < model->input_count; i++) {
    const lam_model_node *node = &model->nodes[model->inputs[i]];
    char known[96], given[96];
    if (lam_array_width(&data->inputs[i]) != node->width)
      return lam_fail(context, LAM_INVALID_SHAPE, "input %s has shape %s, the dataset's rows have %s", node->layer->name,
                      lam_shape_text(known, node->shape), lam_shape_text(given, data->inputs[i].shape));
  }
  return LAM_OK;
}

lam_status lam_build_from_data(lam_model *model, const lam_dataset *data) {
  if (model->built) return LAM_OK;
  lam_context *context = model->object.context;
  if (data->input_count != model->input_count) return lam_check_inputs(model, data);
  lam_shape *shapes = lam_allocate_array(context, data->input_count, sizeof *shapes);
  if (!shapes) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < data->input_count; i++) {
    shapes[i] = data->inputs[i].shape;
    if (shapes[i].rank == 0 || data->inputs[i].one_hot) shapes[i] = (lam_shape){ { lam_array_width(&data->inputs[i]) }, 1 };
    if (lam_model_input_shape(model, i).rank) shapes[i].rank = 0; /* known; its width is checked below */
  }
  lam_status status = lam_model_build(model, shapes, data->input_count);
  lam_release(context, shapes, data->input_count * sizeof *shapes);
  return status;
}

lam_status lam_trainer_check_data(lam_trainer *trainer, const lam_dataset *data) {
  lam_context *context = trainer->object.context;
  lam_model *model = trainer->model;
  lam_status status = !lam_trainer_has_loss(trainer) ? lam_fail(context, LAM_INVALID_ARGUMENT,
                                                                "the trainer has no loss: only a loop of one's own can use it")
                                                     : lam_build_from_data(model, data);
  if (!status) status = lam_trainer_prepare(trainer);
  if (!status) status = lam_check_inputs(model, data);
  if (!status && data->target_count != model->output_count)
    status = lam_fail(context, LAM_INVALID_SHAPE, "the model has %zu output%s, the dataset %zu target%s", model->output_count,
                      model->output_count == 1 ? "" : "s", data->target_count, data->target_count == 1 ? "" : "s");
  if (status) return status;
  size_t *classes = lam_allocate_array(context, model->output_count, sizeof *classes);
  if (!classes) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < model->output_count && !status; i++) status = lam_trainer_check_target(trainer, data, i, &classes[i]);
  if (!status) status = lam_dataset_check(context, data, classes, model->output_count);
  lam_release(context, classes, model->output_count * sizeof *classes);
  if (!status && data->weights) trainer->weighted = true; /* the next plan has room for them, and takes 1 for data without */
  return status;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

/* An input's rows, which the workers share. */
typedef struct lam_gathering {
  const lam_dataset *data;
  size_t input, width;
  float scale, offset;
  const uint32_t *rows;
  float *out;
  const lam_kernel_table *kernels;
} lam_gathering;

static void gather_rows(void *argument, size_t worker, size_t begin, size_t end) {
  (void)worker;
  const lam_gathering *g = argument;
  lam_dataset_gather_input(g->data, g->input, g->scale, g->offset, g->rows + begin, end - begin, g->out + begin * g->width,
                           g->width, g->kernels);
}

static void gather_inputs(const lam_plan *plan, const lam_dataset *data, const uint32_t *rows, size_t count) {
  enum { WORTH_SHARING = 1 << 14, CHUNK = 1 << 10 }; /* numbers, of which three take a nanosecond */
  const lam_model *model = plan->model;
  for (size_t i = 0; i < model->input_count; i++) {
    size_t width = model->nodes[model->inputs[i]].width;
    lam_gathering g = { data, i, width, 1.0f, 0.0f, rows, plan->inputs[i], plan->kernels };
    lam_array_scaling(&data->inputs[i], model->scaling[i].scale, model->scaling[i].offset, &g.scale, &g.offset);
    lam_pool_run(plan->pool, gather_rows, &g, count, count * width < WORTH_SHARING ? 0 : CHUNK / width + 1);
  }
}

/* The class of a row, as Keras reads it: a label, the largest of several targets, or the only one rounded; -1 is none. */
static int64_t class_of(const lam_plan *plan, const float *target, size_t width) {
  int32_t found = 0;
  if (plan->options.losses[0].labels)
    memcpy(&found, target, sizeof found);
  else if (width > 1)
    plan->kernels->argmax(&found, target, width, 1, width);
  else if (*target > -0.5f && *target < 1e9f)
    found = (int32_t)nearbyintf(*target);
  else
    found = -1;
  return found;
}

/* What a class weighs, where it is listed. */
static void take_class_weights(const lam_trainer *trainer, size_t rows) {
  const lam_plan *plan = trainer->plan;
  size_t width = trainer->model->nodes[trainer->model->outputs[0]].width, step = lam_plan_target_width(plan, 0);
  for (size_t i = 0; i < rows; i++) {
    int64_t found = class_of(plan, plan->targets[0] + i * step, width);
    if (found >= 0 && (size_t)found < trainer->class_weight_count) plan->weights[0][i] = trainer->class_weights[found];
  }
}

lam_status lam_trainer_run_rows(lam_trainer *trainer, const lam_dataset *data, const uint32_t *rows, const lam_step *step) {
  const lam_plan *plan = trainer->plan;
  const lam_model *model = trainer->model;
  gather_inputs(plan, data, rows, step->rows);
  for (size_t i = 0; i < model->output_count; i++) {
    if (!lam_plan_loss_type(plan, i)) continue;
    size_t width = lam_plan_target_width(plan, i);
    if (plan->options.losses[i].labels)
      lam_dataset_gather_labels(data, i, rows, step->rows, (int32_t *)(void *)plan->targets[i]);
    else
      lam_dataset_gather_targets(data, i, rows, step->rows, plan->targets[i], width, plan->kernels);
    if (plan->options.weighted) lam_dataset_gather_weights(data, i, rows, step->rows, plan->weights[i]);
  }
  if (step->training && trainer->class_weights) take_class_weights(trainer, step->rows);
  return lam_plan_tell(plan, lam_plan_forward(plan, step));
}

static lam_status measure(lam_trainer *trainer, lam_feed *feed, lam_result *result) {
  double loss = 0.0, right = 0.0;
  lam_rows rows;
  *result = (lam_result){ 0 };
  lam_status status = lam_feed_begin(feed, false, 0, 0);
  lam_trainer_begin_metrics(trainer);
  lam_trainer_clear_losses(trainer, true);
  for (size_t i = 0; !status && !(status = lam_feed_next(feed, i, &rows)) && rows.count; i++) {
    lam_step step = { .rows = rows.count };
    if ((status = lam_trainer_run_rows(trainer, rows.data, rows.rows, &step))) return status;
    lam_trainer_add_to_metrics(trainer, &step);
    loss += lam_trainer_loss(trainer, &step) * (double)step.rows;
    lam_trainer_count_losses(trainer, &step, true);
    right += lam_plan_right(trainer->plan, &step);
    result->rows += step.rows;
  }
  double count = result->rows ? (double)result->rows : 1.0;
  result->loss = loss / count;
  result->accuracy = trainer->plan->has_accuracy ? right / count : (double)NAN;
  return status;
}

lam_status lam_trainer_measure(lam_trainer *trainer, lam_feed *feed, size_t epoch, lam_result *result) {
  lam_status status = lam_feed_start(feed, epoch, 0, epoch + 1);
  if (!status) status = measure(trainer, feed, result);
  lam_feed_stop(feed);
  return status;
}

/* Of a feed that is open, which is then closed. */
static lam_status evaluate(lam_trainer *trainer, lam_feed *feed, lam_status status, lam_result *result) {
  lam_context *context = trainer->object.context;
  if (!status) status = lam_trainer_prepare_metrics(trainer, trainer->history_count);
  if (!status) {
    lam_fp_mode mode = lam_fp_enter();
    lam_blas_enter(context);
    status = lam_trainer_measure(trainer, feed, 0, result);
    lam_blas_leave(context);
    lam_fp_leave(mode);
  }
  lam_feed_close(feed, context);
  return status;
}

lam_status lam_evaluate(lam_trainer *trainer, const lam_dataset *data, lam_result *result) {
  if (!trainer || !data || !result) return LAM_NO_HANDLE;
  lam_feed feed = { 0 };
  lam_status status = lam_trainer_check_data(trainer, data);
  if (!status) status = lam_trainer_plan(trainer, LAM_STANDARD_BATCH);
  if (!status) status = lam_feed_open(&feed, trainer->object.context, data, trainer->plan->options.max_rows, 0);
  return evaluate(trainer, &feed, status, result);
}

lam_status lam_evaluate_generator(lam_trainer *trainer, const lam_generator *generator, lam_result *result) {
  if (!trainer || !generator || !result) return LAM_NO_HANDLE;
  lam_feed feed = { 0 };
  lam_status status = lam_feed_open_generator(&feed, trainer, generator);
  if (!status) status = lam_trainer_plan(trainer, feed.batch);
  return evaluate(trainer, &feed, status, result);
}

/* ---- predict ------------------------------------------------------------------------------------------------------ */

static lam_status check_prediction(lam_model *model, const lam_dataset *data, const lam_predict_options *options, size_t count,
                                   bool classes) {
  lam_context *context = model->object.context;
  if ((unsigned)options->kind > LAM_PROBABILITIES)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_output_kind %d", (int)options->kind);
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_predict_options must be zero");
  if (options->output >= model->output_count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "output %zu of a model with %zu", options->output, model->output_count);
  lam_status status = lam_build_from_data(model, data);
  if (!status) status = lam_check_inputs(model, data);
  if (!status) status = lam_dataset_check(context, data, NULL, 0);
  if (status) return status;
  size_t width = classes ? 1 : model->nodes[model->outputs[options->output]].width;
  if (count % width || count / width != data->rows)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "room for %zu numbers, but %zu rows of %zu come out", count, data->rows,
                    width);
  return LAM_OK;
}

/* Either `outputs` or `classes` is wanted. */
static lam_status predict(lam_model *model, const lam_dataset *data, const lam_predict_options *options, float *outputs,
                          int32_t *classes, size_t count) {
  static const lam_predict_options defaults = { 0 };
  if (!model || !data) return LAM_NO_HANDLE;
  if (!options) options = &defaults;
  lam_context *context = model->object.context;
  lam_status status = check_prediction(model, data, options, count, classes != NULL);
  if (status) return status;
  size_t batch = options->batch_size ? options->batch_size : LAM_STANDARD_BATCH;
  if (batch > data->rows) batch = data->rows;
  lam_session *session = lam_session_open(model, batch, options->kind, context->gemm);
  if (session) batch = session->block;
  uint32_t *rows = lam_allocate_array(context, batch, sizeof *rows);
  size_t width = model->nodes[model->outputs[options->output]].width;
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(context);
  for (size_t first = 0; session && rows && first < data->rows && !status; first += batch) {
    lam_step step = { .rows = data->rows - first < batch ? data->rows - first : batch };
    for (size_t i = 0; i < step.rows; i++) rows[i] = (uint32_t)(first + i);
    gather_inputs(session->plan, data, rows, step.rows);
    status = lam_plan_forward(session->plan, &step);
    if (classes && !status) {
      lam_session_tell_classes(session, &step, options->output, classes + first);
      continue;
    }
    if (!status) status = lam_plan_finish(session->plan, &step);
    if (status) break;
    memcpy(outputs + first * width, session->plan->outputs[options->output], step.rows * width * sizeof *outputs);
  }
  lam_blas_leave(context);
  lam_fp_leave(mode);
  status = session && rows ? lam_plan_tell(session->plan, status) : lam_error_status(context);
  lam_release(context, rows, batch * sizeof *rows);
  lam_session_destroy(session);
  return status;
}

lam_status lam_predict(lam_model *model, const lam_dataset *data, const lam_predict_options *options, float *outputs,
                       size_t count) {
  return outputs ? predict(model, data, options, outputs, NULL, count) : LAM_NO_HANDLE;
}

lam_status lam_predict_classes(lam_model *model, const lam_dataset *data, const lam_predict_options *options, int32_t *classes,
                               size_t count) {
  return classes ? predict(model, data, options, NULL, classes, count) : LAM_NO_HANDLE;
}
