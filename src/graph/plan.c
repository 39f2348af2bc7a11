/* SPDX-License-Identifier: MIT
 *
 * Making plans: what is computed together, in which order, and where in the arena.
 */
#include "base/arena.h"
#include "graph/lowering.h"

#include <string.h>

/* ---- what is computed together ------------------------------------------------------------------------------------ */

static size_t consumers(const lam_model *model, size_t node) {
  size_t count = 0;
  for (size_t i = 0; i < model->edge_count; i++) count += model->edges[i] == node;
  return count;
}

static size_t times_output(const lam_model *model, size_t node) {
  size_t count = 0;
  for (size_t i = 0; i < model->output_count; i++) count += model->outputs[i] == node;
  return count;
}

/* True where only the outside sees the node's result, once. */
bool lam_ends_here(const lam_model *model, size_t node) { return consumers(model, node) == 0 && times_output(model, node) == 1; }

static bool is_final_activation(lam_activation activation) {
  return activation == LAM_SOFTMAX || activation == LAM_LOG_SOFTMAX || activation == LAM_SIGMOID;
}

lam_activation lam_plan_left_out(const lam_plan *plan, size_t output) {
  lam_activation last = lam_layer_activation(plan->model->nodes[plan->model->outputs[output]].layer);
  return lam_loss_takes_activation(plan, output) ? last : LAM_LINEAR;
}

/* Such an activation is left to the loss; at inference, the last one comes when all else is done. */
static void take_final_activations(lam_lowering *lowering) {
  const lam_model *model = lowering->model;
  for (size_t i = 0; i < model->output_count; i++) {
    size_t node = model->outputs[i];
    bool at_the_end = lowering->plan->options.inference && lam_ends_here(model, node) &&
                      is_final_activation(lowering->functions[node].activation);
    if (at_the_end || lam_loss_takes_activation(lowering->plan, i)) lowering->functions[node] = lam_function_of(LAM_LINEAR);
  }
}

/* An activation layer right behind a layer that can compute it on its way out. */
static void join_activations(lam_lowering *lowering) {
  const lam_model *model = lowering->model;
  for (size_t i = 0; i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    if (node->input_count != 1 || node->layer->type->takes_activation || node->layer->type->activation_offset < 0) continue;
    size_t before = node->inputs[0];
    if (!model->nodes[before].layer->type->takes_activation || lowering->functions[before].activation != LAM_LINEAR) continue;
    if (consumers(model, before) != 1 || times_output(model, before)) continue;
    if (lam_regularizes(lam_layer_activity(model->nodes[before].layer))) continue;
    lowering->functions[before] = lowering->functions[i];
    lowering->functions[i] = lam_function_of(LAM_LINEAR);
  }
}

static bool has_trained_weights(const lam_lowering *lowering, size_t node) {
  for (size_t i = 0; i < lowering->model->nodes[node].weight_count; i++)
    if (lam_node_trains(lowering, node, i)) return true;
  return false;
}

static void find_needed_gradients(lam_lowering *lowering) {
  const lam_model *model = lowering->model;
  for (size_t i = 0; i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    bool needed = has_trained_weights(lowering, i) || (node->input_count == 0 && lowering->plan->options.input_gradients);
    for (size_t j = 0; j < node->input_count; j++) needed = needed || lowering->needs_gradient[node->inputs[j]];
    lowering->needs_gradient[i] = needed;
  }
}

/* ---- losses and metrics ------------------------------------------------------------------------------------------- */

/* Operands: out right, in output and target. choice: 0 labels, 1 rows of targets, 2 one number each; number: the threshold. */
static void run_right(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  enum { AT_ONCE = 64 }; /* a call of the kernel for each row would take longer than its maximum */
  int32_t found[AT_ONCE], wanted[AT_ONCE];
  size_t n = operation->columns;
  float *right = operation->operand[0].data;
  const float *y = operation->operand[1].data, *t = operation->operand[2].data;
  if (operation->choice == 2) {
    for (size_t i = begin; i < end; i++) right[i] = (y[i] > operation->number) == (t[i] > 0.5f) ? 1.0f : 0.0f;
    return;
  }
  for (size_t i = begin, count; i < end; i += count) {
    count = end - i < AT_ONCE ? end - i : AT_ONCE;
    plan->kernels->argmax(found, y + i * n, n, count, n);
    if (operation->choice == 0)
      memcpy(wanted, t + i, count * sizeof *wanted);
    else
      plan->kernels->argmax(wanted, t + i * n, n, count, n);
    for (size_t j = 0; j < count; j++) right[i + j] = found[j] == wanted[j] ? 1.0f : 0.0f;
  }
}

void lam_persist(lam_lowering *lowering, lam_buffer buffer, bool from_start) {
  if (lowering->status || buffer == LAM_NO_BUFFER) return;
  if (from_start) lowering->buffers[buffer].first = 0;
  lowering->buffers[buffer].last = LAM_PLAN_END;
}

lam_buffer lam_emit_right(lam_lowering *lowering, lam_buffer target, bool logits) {
  const lam_loss_setting *loss = &lowering->plan->options.losses[0];
  size_t width = lowering->model->nodes[lowering->node].width;
  lam_buffer right = lam_new_buffer(lowering, 1, false);
  lam_operation *operation = lam_emit(lowering, "metric", run_right);
  if (!operation) return LAM_NO_BUFFER;
  operation->choice = loss->labels ? 0 : width > 1 ? 1 : 2;
  operation->number = logits ? 0.0f : 0.5f;
  lam_bind(lowering, 0, right, 1);
  lam_bind(lowering, 1, lowering->values[lowering->node], width);
  lam_bind(lowering, 2, target, loss->labels ? 1 : width);
  lam_persist(lowering, right, false);
  return right;
}

/* ---- inference's last step ---------------------------------------------------------------------------------------- */

/* The output's own activation, taken out above, or the one that makes probabilities of logits. Returns where the result is. */
static lam_buffer emit_finish(lam_lowering *lowering, size_t output) {
  const lam_model *model = lowering->model;
  size_t node = model->outputs[output];
  lowering->node = node;
  lam_activation last = lam_layer_activation(model->nodes[node].layer);
  if (!lam_ends_here(model, node) || !is_final_activation(last)) last = LAM_LINEAR;
  if (last == LAM_LINEAR && lowering->plan->options.probabilities) last = lam_model_probabilities(model, output);
  if (last == LAM_LINEAR) return lowering->values[node];
  size_t width = model->nodes[node].width, columns = model->nodes[node].shape.size[model->nodes[node].shape.rank - 1];
  lam_buffer result = lam_new_buffer(lowering, width, false);
  lam_operation *operation = lam_emit(lowering, "finish", lam_run_activation);
  if (!operation) return LAM_NO_BUFFER;
  operation->function = lam_function_of(last);
  operation->columns = columns;
  operation->repeat = width / columns;
  lam_bind(lowering, 0, result, width);
  lam_bind(lowering, 1, lowering->values[node], width);
  return result;
}

/* ---- emitting all ------------------------------------------------------------------------------------------------- */

static lam_status emit_forward(lam_lowering *lowering) {
  const lam_model *model = lowering->model;
  for (size_t i = 0; i < model->node_count; i++) {
    lowering->node = i;
    lam_status status = model->nodes[i].layer->type->forward(model->nodes[i].layer, lowering);
    if (status || lowering->status) return status ? status : lowering->status;
  }
  for (size_t i = 0; i < model->input_count && !lowering->status; i++) {
    lam_buffer input = lowering->values[model->inputs[i]];
    if (input != LAM_NO_BUFFER) lowering->buffers[input].first = 0; /* rows are gathered before all else */
    if (!lowering->plan->options.inference) lam_persist(lowering, input, true);
  }
  return lowering->status;
}

/* What a layer passes on unchanged goes to its input: as it is, or added to what is there. */
static void pass_on(lam_lowering *lowering) {
  size_t input = lowering->model->nodes[lowering->node].inputs[0];
  lam_buffer mine = lowering->gradients[lowering->node];
  if (lowering->gradients[input] == LAM_NO_BUFFER)
    lowering->gradients[input] = mine;
  else
    lam_emit_sum(lowering, lowering->gradients[input], mine);
}

static lam_status emit_backward(lam_lowering *lowering) {
  const lam_model *model = lowering->model;
  for (size_t i = model->node_count; i-- > 0;) {
    const lam_model_node *node = &model->nodes[i];
    lowering->node = i;
    if (!lowering->needs_gradient[i] || lowering->gradients[i] == LAM_NO_BUFFER || node->input_count == 0) continue;
    lam_emit_activity_gradient(lowering);
    if (lowering->aliased[i]) {
      pass_on(lowering);
      continue;
    }
    lam_status status = node->layer->type->backward(node->layer, lowering);
    lam_emit_additions(lowering);
    if (status || lowering->status) return status ? status : lowering->status;
  }
  return lowering->status;
}

/* ---- placing ------------------------------------------------------------------------------------------------------ */

static lam_status place_buffers(lam_lowering *lowering) {
  lam_plan *plan = lowering->plan;
  size_t count = lowering->buffer_count, total = 0;
  lam_span *spans = lam_allocate_array(plan->context, count ? count : 1, sizeof *spans);
  if (!spans) return LAM_OUT_OF_MEMORY;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < count && !status; i++) {
    const lam_buffer_plan *buffer = &lowering->buffers[i];
    size_t rows = buffer->whole ? 1 : plan->options.max_rows, floats = 0, bytes = 0;
    if (__builtin_mul_overflow(rows, buffer->width, &floats) || __builtin_mul_overflow(floats, sizeof(float), &bytes))
      status = lam_fail(plan->context, LAM_OUT_OF_MEMORY, "a batch of %zu rows is too large", rows);
    spans[i] = (lam_span){ bytes, buffer->first == SIZE_MAX ? 0 : buffer->first, buffer->last, 0 };
  }
  if (!status) status = lam_arena_place(plan->context, spans, count, &total);
  if (!status && total && !(plan->arena = lam_allocate_zero(plan->context, total))) status = LAM_OUT_OF_MEMORY;
  plan->arena_size = plan->arena ? total : 0;
  for (size_t i = 0; i < count && !status; i++) lowering->buffers[i].offset = spans[i].offset;
  lam_release(plan->context, spans, (count ? count : 1) * sizeof *spans);
  return status;
}

static float *address(const lam_lowering *lowering, lam_buffer buffer) {
  if (buffer == LAM_NO_BUFFER) return NULL;
  return lowering->plan->arena + lowering->buffers[buffer].offset / sizeof(float);
}

static void resolve(lam_lowering *lowering, const lam_ends *ends, lam_buffer right) {
  lam_plan *plan = lowering->plan;
  const lam_model *model = lowering->model;
  for (size_t i = 0; i < lowering->binding_count; i++) {
    const lam_binding *binding = &lowering->bindings[i];
    float **place = binding->place ? binding->place : &plan->operations[binding->operation].operand[binding->operand].data;
    *place = address(lowering, binding->buffer);
  }
  for (size_t i = 0; i < model->input_count; i++) {
    plan->inputs[i] = address(lowering, lowering->values[model->inputs[i]]);
    plan->input_gradients[i] = address(lowering, lowering->gradients[model->inputs[i]]);
  }
  for (size_t i = 0; i < model->output_count; i++) {
    plan->outputs[i] = address(lowering, ends[i].output);
    plan->raw_outputs[i] = address(lowering, lowering->values[model->outputs[i]]);
    plan->targets[i] = address(lowering, ends[i].target);
    plan->losses[i] = address(lowering, ends[i].loss);
    plan->weights[i] = address(lowering, ends[i].weight);
    plan->output_gradients[i] = address(lowering, ends[i].gradient);
  }
  plan->right = address(lowering, right);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

/* Gradients that the caller brings: one buffer for each output. */
static void take_output_gradients(lam_lowering *lowering, lam_ends *ends) {
  for (size_t i = 0; i < lowering->model->output_count; i++) {
    lowering->node = lowering->model->outputs[i];
    ends[i].gradient = lam_contribute(lowering, lowering->node);
    lam_persist(lowering, ends[i].gradient, true);
  }
  lam_emit_additions(lowering);
}

static lam_status lower(lam_lowering *lowering, lam_ends *ends) {
  lam_plan *plan = lowering->plan;
  const lam_model *model = lowering->model;
  lam_buffer right = LAM_NO_BUFFER;
  lam_status status = lam_check_losses(plan);
  for (size_t i = 0; i < model->node_count; i++) lowering->functions[i] = lam_layer_function(model->nodes[i].layer);
  take_final_activations(lowering);
  join_activations(lowering);
  find_needed_gradients(lowering);
  if (!status) status = lam_list_penalties(lowering);
  if (!status) status = emit_forward(lowering);
  for (size_t i = 0; !status && i < model->output_count; i++) {
    if (plan->options.losses) {
      lam_buffer counted = lam_emit_loss(lowering, i, &ends[i]);
      if (i == 0) right = counted;
    }
    ends[i].output = lowering->values[model->outputs[i]];
  }
  if (!status) lam_emit_penalties(lowering);
  plan->forward_count = plan->operation_count;
  if (plan->options.inference)
    for (size_t i = 0; !status && i < model->output_count; i++) ends[i].output = emit_finish(lowering, i);
  for (size_t i = 0; i < model->output_count; i++) {
    lam_persist(lowering, lowering->values[model->outputs[i]], false);
    lam_persist(lowering, ends[i].output, false);
  }
  if (!status && plan->options.backward) {
    if (plan->options.losses)
      lam_emit_additions(lowering);
    else
      take_output_gradients(lowering, ends);
    if (!status) status = emit_backward(lowering);
    if (!status) lam_emit_penalty_gradients(lowering);
    for (size_t i = 0; i < model->input_count; i++) lam_persist(lowering, lowering->gradients[model->inputs[i]], false);
  }
  if (!status) status = lowering->status;
  if (!status) status = place_buffers(lowering);
  if (!status) resolve(lowering, ends, right);
  if (!status) status = lam_plan_share(plan);
  if (!status && lowering->product_count) status = lam_plan_choose(lowering);
  return status;
}

static lam_status lower_with_memory(lam_plan *plan) {
  lam_model *model = plan->model;
  lam_context *context = plan->context;
  size_t nodes = model->node_count, weights = model->weight_count ? model->weight_count : 1;
  lam_lowering lowering = { .plan = plan, .model = model };
  lowering.functions = lam_allocate_zero(context, nodes * sizeof *lowering.functions);
  lowering.needs_gradient = lam_allocate_zero(context, nodes);
  lowering.aliased = lam_allocate_zero(context, nodes);
  lowering.values = lam_allocate(context, nodes * sizeof *lowering.values);
  lowering.saved = lam_allocate(context, nodes * sizeof *lowering.saved);
  lowering.gradients = lam_allocate(context, nodes * sizeof *lowering.gradients);
  lowering.weight_written = lam_allocate_zero(context, weights);
  lam_ends *ends = lam_allocate(context, model->output_count * sizeof *ends);
  bool enough = lowering.functions && lowering.needs_gradient && lowering.aliased && lowering.values && lowering.saved &&
                lowering.gradients && lowering.weight_written && ends;
  lam_status status = enough ? LAM_OK : LAM_OUT_OF_MEMORY;
  if (enough) {
    memset(lowering.values, 0xff, nodes * sizeof *lowering.values); /* LAM_NO_BUFFER */
    memset(lowering.saved, 0xff, nodes * sizeof *lowering.saved);
    memset(lowering.gradients, 0xff, nodes * sizeof *lowering.gradients);
    memset(ends, 0xff, model->output_count * sizeof *ends);
    status = lower(&lowering, ends);
  }
  lam_release(context, lowering.functions, nodes * sizeof *lowering.functions);
  lam_release(context, lowering.needs_gradient, nodes);
  lam_release(context, lowering.aliased, nodes);
  lam_release(context, lowering.values, nodes * sizeof *lowering.values);
  lam_release(context, lowering.saved, nodes * sizeof *lowering.saved);
  lam_release(context, lowering.gradients, nodes * sizeof *lowering.gradients);
  lam_release(context, lowering.weight_written, weights);
  lam_release(context, ends, model->output_count * sizeof *ends);
  lam_release(context, lowering.buffers, lowering.buffer_capacity * sizeof *lowering.buffers);
  lam_release(context, lowering.bindings, lowering.binding_capacity * sizeof *lowering.bindings);
  lam_release(context, lowering.products, lowering.product_capacity * sizeof *lowering.products);
  lam_release(context, lowering.additions, lowering.addition_capacity * sizeof *lowering.additions);
  return status;
}

/* One block of pointers, shared out. */
static size_t pointer_count(const lam_model *model) { return 2 * model->input_count + 6 * model->output_count; }

static lam_status allocate_pointers(lam_plan *plan) {
  const lam_model *model = plan->model;
  float **next = lam_allocate_zero(plan->context, pointer_count(model) * sizeof *next);
  if (!next) return LAM_OUT_OF_MEMORY;
  plan->inputs = next;
  plan->input_gradients = next += model->input_count;
  plan->outputs = next += model->input_count;
  plan->raw_outputs = next += model->output_count;
  plan->targets = next += model->output_count;
  plan->losses = next += model->output_count;
  plan->weights = next += model->output_count;
  plan->output_gradients = next += model->output_count;
  return LAM_OK;
}

/* Accuracy means something for the cross-entropies, and for other losses on outputs that are probabilities. */
static bool accuracy_means_something(const lam_model *model, const lam_plan_options *options) {
  if (!options->metrics || !options->losses || !options->losses[0].type) return false;
  const lam_loss_setting *loss = &options->losses[0];
  lam_activation last = lam_layer_activation(model->nodes[model->outputs[0]].layer);
  return model->nodes[model->outputs[0]].shape.rank == 1 && !loss->options.target_columns &&
         (loss->type->classifies || last == LAM_SOFTMAX || last == LAM_SIGMOID);
}

lam_plan *lam_plan_create(lam_model *model, const lam_plan_options *options) {
  lam_context *context = model->object.context;
  lam_plan *plan = lam_allocate_zero(context, sizeof *plan);
  if (!plan) return NULL;
  plan->model = model;
  plan->context = context;
  plan->kernels = context->kernels;
  plan->gemm = options->gemm;
  plan->options = *options;
  plan->has_accuracy = accuracy_means_something(model, options);
  lam_status status = allocate_pointers(plan);
  if (!status && options->backward && model->trained_count) {
    plan->gradients = lam_allocate_zero(context, model->trained_count * sizeof *plan->gradients);
    if (!plan->gradients) status = LAM_OUT_OF_MEMORY;
  }
  if (!status) status = lower_with_memory(plan);
  if (!status) return plan;
  lam_plan_destroy(plan);
  return NULL;
}

void lam_plan_destroy(lam_plan *plan) {
  if (!plan) return;
  lam_context *context = plan->context;
  lam_release(context, plan->inputs, pointer_count(plan->model) * sizeof *plan->inputs);
  lam_release(context, plan->operations, plan->operation_capacity * sizeof *plan->operations);
  lam_release(context, plan->arena, plan->arena_size);
  lam_release(context, plan->gradients, plan->gradients ? plan->model->trained_count * sizeof *plan->gradients : 0);
  for (size_t i = 0; i < plan->kept_count; i++) lam_release(context, plan->kept[i].memory, plan->kept[i].size);
  lam_release(context, plan->kept, plan->kept_capacity * sizeof *plan->kept);
  lam_release(context, plan->penalties, plan->penalty_capacity * sizeof *plan->penalties);
  lam_release(context, plan, sizeof *plan);
}
