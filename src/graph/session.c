/* SPDX-License-Identifier: MIT
 *
 * Sessions: one caller's memory for inference on a model that is only read. Running one touches nothing but the session.
 */
#include "graph/session.h"

#include "kernels/array.h"

#include <stdio.h>
#include <string.h>

/* ---- creating ----------------------------------------------------------------------------------------------------- */

static void session_release(lam_object *object) {
  lam_session *session = (lam_session *)object;
  lam_plan_destroy(session->plan);
  lam_model_let_go(session->model);
}

lam_activation lam_model_probabilities(const lam_model *model, size_t output) {
  lam_activation last = lam_layer_activation(model->nodes[model->outputs[output]].layer);
  lam_loss_options loss = lam_loss_of(&model->training, output);
  if (!model->has_training || !loss.from_logits || last != LAM_LINEAR) return LAM_LINEAR;
  bool binary = loss.loss == LAM_BINARY_CROSSENTROPY || loss.loss == LAM_BINARY_FOCAL_CROSSENTROPY;
  return binary ? LAM_SIGMOID : LAM_SOFTMAX;
}

/* So many rows that what the widest layer reads and writes stays in a near cache: 256 KiB of it, but 256 rows at the least, so
 * that a product's weights are worth bringing there and packing. */
static size_t block_of(const lam_model *model) {
  enum { FLOATS = 65536, LEAST = 256 };
  size_t widest = 1;
  for (size_t i = 0; i < model->node_count; i++) {
    size_t width = model->nodes[i].width;
    for (size_t j = 0; j < model->nodes[i].input_count; j++) width += model->nodes[model->nodes[i].inputs[j]].width;
    if (width > widest) widest = width;
  }
  return widest < FLOATS / LEAST ? FLOATS / widest : LEAST;
}

lam_session *lam_session_open(lam_model *model, size_t max_rows, lam_output_kind kind, const struct lam_gemm *gemm) {
  lam_context *context = model->object.context;
  lam_session *session = lam_object_create(context, sizeof *session, session_release);
  if (!session) return NULL;
  lam_model_hold(session->model = model);
  size_t block = block_of(model);
  lam_plan_options plan = {
    .max_rows = block < max_rows ? block : max_rows, .gemm = gemm, .inference = true, .probabilities = kind == LAM_PROBABILITIES
  };
  plan.calls = (max_rows - 1) / plan.max_rows + 1;
  session->max_rows = max_rows;
  session->plan = lam_plan_create(model, &plan);
  if (session->plan && session->plan->failure && plan.max_rows < max_rows) { /* a layer from outside sees the whole batch */
    lam_plan_destroy(session->plan);
    plan.max_rows = max_rows;
    session->plan = lam_plan_create(model, &plan);
  }
  session->block = plan.max_rows;
  if (session->plan) return session;
  lam_object_destroy(session);
  return NULL;
}

lam_session *lam_session_create(lam_model *model, const lam_session_options *options) {
  static const lam_session_options defaults = { 0 };
  if (!model) return NULL;
  if (!options) options = &defaults;
  lam_context *context = model->object.context;
  lam_status status = LAM_OK;
  if (!model->built)
    status = lam_fail(context, LAM_INVALID_SHAPE, "the model is not built: the shape of input %s is not known",
                      model->nodes[model->inputs[0]].layer->name);
  else if ((unsigned)options->kind > LAM_PROBABILITIES)
    status = lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_output_kind %d", (int)options->kind);
  else if (!lam_all_zero(options->reserved, sizeof options->reserved))
    status = lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_session_options must be zero");
  if (status) return NULL;
  const struct lam_gemm *gemm = lam_gemm_find(context, options->gemm ? options->gemm : "native");
  if (!gemm) return (void)lam_fail(context, LAM_UNKNOWN_NAME, "there is no gemm backend \"%s\"", options->gemm), NULL;
  return lam_session_open(model, options->max_rows ? options->max_rows : 1, options->kind, gemm);
}

void lam_session_destroy(lam_session *session) { lam_object_destroy(session); }

const char *lam_session_error_message(const lam_session *session) {
  return session ? session->message : "no session: creating it failed, the context has the reason";
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

static lam_status session_fail(lam_session *session, lam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static lam_status session_fail(lam_session *session, lam_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(session->message, sizeof session->message, format, arguments);
  va_end(arguments);
  return status;
}

static lam_status check_input(lam_session *session, size_t input, const lam_array *array, size_t rows) {
  const lam_model_node *node = &session->model->nodes[session->model->inputs[input]];
  size_t count = 0;
  char known[96], given[96];
  if (!array->data) return session_fail(session, LAM_NO_HANDLE, "input %zu has no data", input);
  if (lam_type_size(array->type) == 0)
    return session_fail(session, LAM_INVALID_ARGUMENT, "input %zu: there is no lam_type %d", input, (int)array->type);
  if (array->one_hot == 0 && (!lam_shape_count(array->shape, &count) || count != node->width))
    return session_fail(session, LAM_INVALID_SHAPE, "input %s has shape %s, rows of shape %s were given", node->layer->name,
                        lam_shape_text(known, node->shape), lam_shape_text(given, array->shape));
  if (array->one_hot && (array->type == LAM_FLOAT32 || !lam_shape_count(array->shape, &count) || count != 1))
    return session_fail(session, LAM_INVALID_SHAPE,
                        "input %zu has one_hot %zu and rows of shape %s of lam_type %d; one_hot takes one integer a row", input,
                        array->one_hot, lam_shape_text(given, array->shape), (int)array->type);
  if (array->one_hot && array->one_hot != node->width)
    return session_fail(session, LAM_INVALID_SHAPE, "input %s has %zu elements, one-hot rows of %zu were given",
                        node->layer->name, node->width, array->one_hot);
  if (array->stride && array->stride < count)
    return session_fail(session, LAM_INVALID_ARGUMENT, "input %zu: a stride of %zu is less than its rows of %zu", input,
                        array->stride, count);
  if (array->rows != rows)
    return session_fail(session, LAM_INVALID_SHAPE, "input 0 has %zu rows, input %zu has %zu", rows, input, array->rows);
  return LAM_OK;
}

static lam_status check_call(lam_session *session, const lam_array *inputs, size_t input_count) {
  if (!session || !inputs) return LAM_NO_HANDLE;
  const lam_model *model = session->model;
  size_t most = session->max_rows;
  if (input_count != model->input_count)
    return session_fail(session, LAM_INVALID_ARGUMENT, "the model has %zu inputs, %zu were given", model->input_count,
                        input_count);
  if (inputs[0].rows == 0 || inputs[0].rows > most)
    return session_fail(session, LAM_INVALID_ARGUMENT, "%zu rows in a session for 1 to %zu", inputs[0].rows, most);
  lam_status status = LAM_OK;
  for (size_t i = 0; i < input_count && !status; i++) status = check_input(session, i, &inputs[i], inputs[0].rows);
  return status;
}

static lam_status forward_rows(lam_session *session, const lam_step *step, const lam_array *inputs, size_t first) {
  const lam_plan *plan = session->plan;
  for (size_t i = 0; i < session->model->input_count; i++) {
    float scale, offset;
    size_t width = session->model->nodes[session->model->inputs[i]].width;
    lam_array block = inputs[i];
    block.data = lam_array_row(&block, first);
    lam_array_scaling(&block, session->model->scaling[i].scale, session->model->scaling[i].offset, &scale, &offset);
    lam_array_gather(&block, NULL, NULL, step->rows, scale, offset, plan->inputs[i], width, plan->kernels);
  }
  return lam_plan_forward(plan, step);
}

/* The rows from `first` on that go through the network at once. */
static lam_step step_at(const lam_session *session, size_t first, size_t rows) {
  return (lam_step){ .rows = rows - first < session->block ? rows - first : session->block };
}

lam_status lam_session_run(lam_session *session, const lam_array *inputs, size_t input_count, float *const *outputs,
                           size_t output_count) {
  lam_status status = check_call(session, inputs, input_count);
  if (status) return status;
  if (!outputs) return LAM_NO_HANDLE;
  const lam_model *model = session->model;
  if (output_count != model->output_count)
    return session_fail(session, LAM_INVALID_ARGUMENT, "the model has %zu outputs, %zu were given", model->output_count,
                        output_count);
  lam_fp_mode mode = lam_fp_enter();
  for (size_t first = 0; first < inputs[0].rows && !status; first += session->block) {
    lam_step step = step_at(session, first, inputs[0].rows);
    status = forward_rows(session, &step, inputs, first);
    if (!status) status = lam_plan_finish(session->plan, &step);
    for (size_t i = 0; i < output_count && !status; i++) {
      size_t width = model->nodes[model->outputs[i]].width;
      if (outputs[i]) memcpy(outputs[i] + first * width, session->plan->outputs[i], step.rows * width * sizeof(float));
    }
  }
  lam_fp_leave(mode);
  return status ? session_fail(session, status, "%s", session->plan->failure->message) : LAM_OK;
}

void lam_session_tell_classes(const lam_session *session, const lam_step *step, size_t output, int32_t *classes) {
  const lam_model *model = session->model;
  const lam_plan *plan = session->plan;
  const lam_model_node *node = &model->nodes[model->outputs[output]];
  const float *y = plan->raw_outputs[output];
  if (node->width > 1) {
    plan->kernels->argmax(classes, y, node->width, step->rows, node->width);
    return;
  }
  /* The logit of 0.5 is 0. */
  bool logit = plan->outputs[output] != y || lam_model_probabilities(model, output) == LAM_SIGMOID;
  for (size_t i = 0; i < step->rows; i++) classes[i] = y[i] > (logit ? 0.0f : 0.5f);
}

lam_status lam_session_classes(lam_session *session, const lam_array *inputs, size_t input_count, int32_t *classes,
                               size_t count) {
  lam_status status = check_call(session, inputs, input_count);
  if (status) return status;
  if (!classes) return LAM_NO_HANDLE;
  if (count != inputs[0].rows)
    return session_fail(session, LAM_INVALID_ARGUMENT, "room for %zu classes, %zu rows", count, inputs[0].rows);
  lam_fp_mode mode = lam_fp_enter();
  for (size_t first = 0; first < count && !status; first += session->block) {
    lam_step step = step_at(session, first, count);
    status = forward_rows(session, &step, inputs, first);
    if (!status) lam_session_tell_classes(session, &step, 0, classes + first);
  }
  lam_fp_leave(mode);
  return status ? session_fail(session, status, "%s", session->plan->failure->message) : LAM_OK;
}
