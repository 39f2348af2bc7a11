/* SPDX-License-Identifier: MIT
 *
 * The reference as a whole: inputs and weights become numbers of the tape, layers and losses follow.
 */
#include "train/reference.h"
#include "layers/custom.h"

#include <string.h>

/* ---- what layers use ---------------------------------------------------------------------------------------------- */

static const void *field_of(const lam_reference *r, size_t index, const char *name) {
  const lam_layer *layer = r->model->nodes[index].layer;
  for (const lam_field *field = layer->type->fields; field->name; field++)
    if (strcmp(field->name, name) == 0) return layer->options + field->offset;
  return NULL;
}

double lam_reference_option(const lam_reference *r, size_t index, const char *name, double standard) {
  const void *field = field_of(r, index, name);
  float value = 0.0f;
  if (field) memcpy(&value, field, sizeof value);
  return value == 0.0f ? standard : value == LAM_ZERO ? 0 : (double)value;
}

bool lam_reference_flag(const lam_reference *r, size_t index, const char *name) {
  const void *field = field_of(r, index, name);
  bool value = false;
  if (field) memcpy(&value, field, sizeof value);
  return value;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

/* The node's values next to each other: as they are, or as copies. */
static lam_term line_up(lam_tape *tape, const lam_term *y, size_t count) {
  bool in_line = true;
  for (size_t i = 1; i < count && in_line; i++) in_line = y[i] == y[0] + i;
  if (in_line) return y[0];
  lam_term first = (lam_term)tape->count;
  for (size_t i = 0; i < count; i++) (void)lam_times(tape, y[i], LAM_ONE);
  return first;
}

static lam_reference_layer *reference_of(const lam_layer *layer) {
  return lam_layer_is_custom(layer) ? lam_reference_outside_layer : lam_reference_layer_of(layer->type);
}

static void run_node(lam_reference *r, size_t index) {
  const lam_model_node *node = &r->model->nodes[index];
  size_t count = r->rows * node->width;
  if (node->input_count == 0) return; /* an input */
  lam_reference_at_row(r, 0);
  reference_of(node->layer)(r, index, r->room);
  if (r->tape.status) return;
  const lam_reference_function *function = &r->functions[index];
  size_t n = node->shape.size[node->shape.rank - 1];
  for (size_t at = 0; at < count && function->activation != LAM_LINEAR; at += n) {
    lam_reference_at_row(r, at / node->width);
    lam_reference_activate(&r->tape, function, r->room + at, r->room + at, n);
  }
  r->first[index] = line_up(&r->tape, r->room, count);
}

lam_status lam_reference_run(lam_reference *r, const lam_step *step) {
  const lam_model *model = r->model;
  r->step = *step;
  r->rows = step->rows;
  memset(r->unclear, 0, r->most_rows);
  lam_tape_clear(&r->tape);
  r->weights = lam_tape_leaves(&r->tape, model->values, model->value_count);
  for (size_t i = 0; i < model->input_count; i++)
    r->first[model->inputs[i]] = lam_tape_leaves(&r->tape, r->plan->inputs[i], r->rows * model->nodes[model->inputs[i]].width);
  for (size_t i = 0; i < model->node_count && !r->tape.status; i++) run_node(r, i);
  if (!r->tape.status) r->loss = lam_reference_total(r);
  lam_tape_reverse(&r->tape, r->loss);
  return r->tape.status;
}

double lam_reference_gradient(const lam_reference *r, size_t weight, size_t index, double *bound) {
  const lam_number *number = &r->tape.numbers[r->weights + r->model->weights[weight].offset + index];
  *bound = number->slope_error;
  return number->slope;
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

void lam_reference_close(lam_reference *r) {
  if (!r->model) return;
  lam_context *context = r->model->object.context;
  lam_release(context, r->first, r->first ? r->model->node_count * sizeof *r->first : 0);
  lam_release(context, r->room, r->room ? r->room_size * sizeof *r->room : 0);
  lam_release(context, r->group, r->group ? r->group_size * sizeof *r->group : 0);
  lam_release(context, r->functions, r->functions ? r->model->node_count * sizeof *r->functions : 0);
  lam_release(context, r->deltas, r->deltas ? r->model->output_count * sizeof *r->deltas : 0);
  lam_release(context, r->unclear, r->unclear ? r->most_rows : 0);
  lam_tape_close(&r->tape);
}

static lam_status check_supported(const lam_reference *r) {
  lam_context *context = r->model->object.context;
  for (size_t i = 0; i < r->model->node_count; i++) {
    const lam_model_node *node = &r->model->nodes[i];
    if (node->input_count && !reference_of(node->layer))
      return lam_fail(context, LAM_UNSUPPORTED, "%s (%s): this type of layer has no reference to compare gradients with",
                      node->layer->name, node->layer->type->name);
  }
  for (size_t i = 0; i < r->model->output_count; i++) {
    const lam_loss_type *type = lam_plan_loss_type(r->plan, i);
    lam_loss loss = type ? r->plan->options.losses[i].options.loss : LAM_CUSTOM_LOSS;
    if (loss != LAM_CUSTOM_LOSS && !lam_reference_has_loss(loss))
      return lam_fail(context, LAM_UNSUPPORTED, "the loss %s has no reference to compare gradients with", type->name);
  }
  return LAM_OK;
}

static void read_functions(lam_reference *r) {
  for (size_t i = 0; i < r->model->node_count; i++) {
    lam_function f = lam_layer_function(r->model->nodes[i].layer);
    r->functions[i].activation = f.activation;
    for (size_t k = 0; k < LAM_MOST_PARAMETERS; k++) r->functions[i].p[k] = (double)f.p[k];
  }
  for (size_t i = 0; i < r->model->output_count; i++)
    if (lam_plan_takes_logits(r->plan, i) && !r->plan->options.losses[i].options.from_logits)
      r->functions[r->model->outputs[i]].activation = LAM_LINEAR;
}

lam_status lam_reference_open(lam_reference *r, const lam_plan *plan, size_t rows) {
  const lam_model *model = plan->model;
  lam_context *context = model->object.context;
  *r = (lam_reference){ .plan = plan, .model = model, .most_rows = rows, .tape.context = context };
  lam_status status = check_supported(r);
  if (status) return status;
  for (size_t i = 0; i < model->node_count; i++)
    if (model->nodes[i].width > r->group_size) r->group_size = model->nodes[i].width;
  if (__builtin_mul_overflow(r->group_size, rows, &r->room_size)) return lam_fail(context, LAM_OUT_OF_MEMORY, "too many rows");
  r->first = lam_allocate_array(context, model->node_count, sizeof *r->first);
  r->room = lam_allocate_array(context, r->room_size, sizeof *r->room);
  r->group = lam_allocate_array(context, r->group_size, sizeof *r->group);
  r->functions = lam_allocate_array(context, model->node_count, sizeof *r->functions);
  r->deltas = lam_allocate_array(context, model->output_count, sizeof *r->deltas);
  r->unclear = lam_allocate(context, rows);
  if (!r->first || !r->room || !r->group || !r->functions || !r->deltas || !r->unclear) return LAM_OUT_OF_MEMORY;
  read_functions(r);
  return LAM_OK;
}
