/* SPDX-License-Identifier: MIT
 *
 * What layers call to become operations: emitting, binding buffers, summing contributions to a gradient.
 */
#include "graph/lowering.h"

static lam_context *context_of(const lam_lowering *lowering) { return lowering->plan->context; }

static size_t last_operation(const lam_lowering *lowering) { return lowering->plan->operation_count - 1; }

/* ---- operations --------------------------------------------------------------------------------------------------- */

lam_operation *lam_emit(lam_lowering *lowering, const char *name,
                        void (*run)(const lam_operation *, const lam_plan *, const lam_step *, size_t, size_t)) {
  lam_plan *plan = lowering->plan;
  if (lam_grow(plan->context, (void **)&plan->operations, &plan->operation_capacity, plan->operation_count + 1,
               sizeof *plan->operations)) {
    lowering->status = LAM_OUT_OF_MEMORY;
    return NULL;
  }
  const lam_model_node *node = &lowering->model->nodes[lowering->node];
  lam_operation *operation = &plan->operations[plan->operation_count++];
  *operation = (lam_operation){
    .run = run, .columns = node->width, .repeat = 1, .cost = 0.0625f, .name = name, .layer = node->layer->name
  };
  return operation;
}

static void bind(lam_lowering *lowering, lam_buffer buffer, lam_binding binding) {
  if (lam_grow(context_of(lowering), (void **)&lowering->bindings, &lowering->binding_capacity, lowering->binding_count + 1,
               sizeof *lowering->bindings)) {
    lowering->status = LAM_OUT_OF_MEMORY;
    return;
  }
  size_t operation = last_operation(lowering);
  binding.operation = operation;
  binding.buffer = buffer;
  lowering->bindings[lowering->binding_count++] = binding;
  lam_buffer_plan *use = &lowering->buffers[buffer];
  if (use->first > operation) use->first = operation;
  if (use->last < operation) use->last = operation;
}

void lam_bind(lam_lowering *lowering, size_t index, lam_buffer buffer, size_t ld) {
  if (lowering->status || buffer == LAM_NO_BUFFER) return;
  lowering->plan->operations[last_operation(lowering)].operand[index].ld = ld;
  bind(lowering, buffer, (lam_binding){ .operand = index });
}

void lam_bind_place(lam_lowering *lowering, float **place, lam_buffer buffer) {
  if (!lowering->status && buffer != LAM_NO_BUFFER) bind(lowering, buffer, (lam_binding){ .place = place });
}

void lam_bind_memory(lam_lowering *lowering, size_t index, float *data, size_t ld) {
  if (!lowering->status) lowering->plan->operations[last_operation(lowering)].operand[index] = (lam_operand){ data, ld };
}

/* At most four blocks, each at least 64 columns wide and a multiple of 16: enough for a few workers, and wide enough for a gemm.
 */
void lam_by_columns(lam_lowering *lowering) {
  if (lowering->status) return;
  lam_operation *operation = &lowering->plan->operations[last_operation(lowering)];
  size_t unit = (operation->columns + 3) / 4;
  if (unit < 64) unit = 64;
  operation->unit = (unit + 15) / 16 * 16;
  operation->units = (operation->columns + operation->unit - 1) / operation->unit;
}

/* What the native product is cut into: rows of a weight gradient, which are where they are for the optimizer; of others columns,
 * as long as there are enough of them, since each part reads all rows. */
static void by_native_grid(const lam_plan *plan, lam_operation *operation, bool gradient) {
  enum { LEAST_ROWS = 96, LEAST_COLUMNS = 128 };
  size_t rows = gradient ? operation->inner : plan->options.max_rows * operation->repeat;
  if (!gradient && operation->columns >= LEAST_COLUMNS) {
    operation->unit = lam_gemm_part(operation->columns, LAM_TILE_COLUMNS);
    operation->units = (operation->columns - 1) / operation->unit + 1;
  } else if (rows >= LEAST_ROWS) {
    operation->unit = lam_gemm_part(rows, LAM_TILE_ROWS);
    operation->units = gradient ? (rows - 1) / operation->unit + 1 : 0;
    operation->by_rows = true;
  }
}

/* "auto" decides when the buffers are there. */
static void choose_later(lam_lowering *lowering, const lam_gemm_choice *choice) {
  if (lam_grow(context_of(lowering), (void **)&lowering->products, &lowering->product_capacity, lowering->product_count + 1,
               sizeof *lowering->products))
    lowering->status = LAM_OUT_OF_MEMORY;
  else
    lowering->products[lowering->product_count++] = (lam_planned_product){ last_operation(lowering), *choice };
}

void lam_bind_product(lam_lowering *lowering, lam_transpose transa, lam_transpose transb, size_t scratch) {
  if (lowering->status) return;
  const lam_plan *plan = lowering->plan;
  lam_operation *operation = &plan->operations[last_operation(lowering)];
  operation->gemm = plan->gemm;
  if (!plan->gemm->sgemm && !plan->gemm->automatic) by_native_grid(plan, operation, transa == LAM_TRANSPOSE);
  size_t rows = plan->options.max_rows * operation->repeat, workers = lam_operation_workers(plan, operation);
  lam_gemm_choice choice = { transa, transb, rows, operation->columns, operation->inner, (unsigned)workers, "", "", 0.0, 0.0 };
  if (transa == LAM_TRANSPOSE) { /* the sum is over the rows */
    choice.m = operation->inner;
    choice.k = rows;
  }
  if (lam_gemm_wants_scratch(plan->gemm, rows, operation->columns, operation->inner))
    lam_bind(lowering, scratch, lam_new_buffer(lowering, workers * LAM_GEMM_SCRATCH, true), 0);
  if (plan->gemm->automatic && !plan->options.draft) choose_later(lowering, &choice);
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

lam_buffer lam_new_buffer(lam_lowering *lowering, size_t width, bool whole) {
  if (lowering->status || lam_grow(context_of(lowering), (void **)&lowering->buffers, &lowering->buffer_capacity,
                                   lowering->buffer_count + 1, sizeof *lowering->buffers)) {
    lowering->status = LAM_OUT_OF_MEMORY;
    return LAM_NO_BUFFER;
  }
  lowering->buffers[lowering->buffer_count] = (lam_buffer_plan){ .width = width, .whole = whole, .first = SIZE_MAX };
  return (lam_buffer)lowering->buffer_count++;
}

static const lam_model_node *this_node(const lam_lowering *lowering) { return &lowering->model->nodes[lowering->node]; }

lam_buffer lam_input_value(lam_lowering *lowering, size_t input) { return lowering->values[this_node(lowering)->inputs[input]]; }

lam_buffer lam_output_value(lam_lowering *lowering) {
  lam_buffer *value = &lowering->values[lowering->node];
  if (*value == LAM_NO_BUFFER) *value = lam_new_buffer(lowering, this_node(lowering)->width, false);
  return *value;
}

void lam_output_is_input(lam_lowering *lowering) {
  lowering->aliased[lowering->node] = true;
  lowering->values[lowering->node] = lam_input_value(lowering, 0);
}

const lam_shape *lam_input_shape(const lam_lowering *lowering, size_t input) {
  return &lowering->model->nodes[this_node(lowering)->inputs[input]].shape;
}

size_t lam_input_number(const lam_lowering *lowering) { return this_node(lowering)->input_count; }

size_t lam_node_number(const lam_lowering *lowering) { return lowering->node; }

bool lam_for_inference(const lam_lowering *lowering) { return lowering->plan->options.inference; }

const lam_shape *lam_output_shape(const lam_lowering *lowering) { return &this_node(lowering)->shape; }

const lam_function *lam_lowered_function(const lam_lowering *lowering) { return &lowering->functions[lowering->node]; }

lam_buffer lam_saved_numbers(lam_lowering *lowering, size_t width, bool whole) {
  lam_buffer *saved = &lowering->saved[lowering->node];
  if (*saved == LAM_NO_BUFFER) *saved = lam_new_buffer(lowering, width, whole);
  return *saved;
}

lam_buffer lam_saved_value(lam_lowering *lowering) { return lam_saved_numbers(lowering, this_node(lowering)->width, false); }

size_t lam_saved_width(const lam_lowering *lowering) { return this_node(lowering)->saved; }

size_t lam_weight_number(const lam_lowering *lowering) { return this_node(lowering)->weight_count; }

void *lam_keep(lam_lowering *lowering, size_t size) {
  lam_plan *plan = lowering->plan;
  if (lam_grow(plan->context, (void **)&plan->kept, &plan->kept_capacity, plan->kept_count + 1, sizeof *plan->kept)) return NULL;
  void *memory = lam_allocate_zero(plan->context, size);
  if (memory) plan->kept[plan->kept_count++] = (lam_kept){ memory, size };
  return memory;
}

lam_plan_failure *lam_may_fail(lam_lowering *lowering) {
  lam_plan *plan = lowering->plan;
  if (!plan->failure) plan->failure = lam_keep(lowering, sizeof *plan->failure);
  return plan->failure;
}

bool lam_has_backward(const lam_lowering *lowering) {
  return lowering->plan->options.backward && lowering->needs_gradient[lowering->node];
}

float *lam_weight_values(lam_lowering *lowering, size_t weight) {
  const lam_model *model = lowering->model;
  return model->values + model->weights[this_node(lowering)->first_weight + weight].offset;
}

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

bool lam_wants_input_gradient(const lam_lowering *lowering, size_t input) {
  return lowering->needs_gradient[this_node(lowering)->inputs[input]];
}

lam_buffer lam_output_gradient(lam_lowering *lowering) { return lowering->gradients[lowering->node]; }

static void add_later(lam_lowering *lowering, lam_addition addition) {
  if (lowering->status || lam_grow(context_of(lowering), (void **)&lowering->additions, &lowering->addition_capacity,
                                   lowering->addition_count + 1, sizeof *lowering->additions))
    lowering->status = LAM_OUT_OF_MEMORY;
  else
    lowering->additions[lowering->addition_count++] = addition;
}

lam_buffer lam_contribute(lam_lowering *lowering, size_t node) {
  lam_buffer buffer = lam_new_buffer(lowering, lowering->model->nodes[node].width, false);
  if (lowering->gradients[node] == LAM_NO_BUFFER)
    lowering->gradients[node] = buffer;
  else
    add_later(lowering, (lam_addition){ buffer, lowering->gradients[node], NULL });
  return buffer;
}

lam_buffer lam_input_gradient_value(lam_lowering *lowering, size_t input) {
  return lam_contribute(lowering, this_node(lowering)->inputs[input]);
}

bool lam_node_trains(const lam_lowering *lowering, size_t node, size_t weight) {
  const bool *frozen = lowering->plan->options.frozen;
  return !lowering->model->weights[lowering->model->nodes[node].first_weight + weight].fixed && !(frozen && frozen[node]);
}

bool lam_wants_weight_gradient(const lam_lowering *lowering, size_t weight) {
  return lam_node_trains(lowering, lowering->node, weight);
}

bool lam_is_frozen(const lam_lowering *lowering) {
  return lowering->plan->options.frozen && lowering->plan->options.frozen[lowering->node];
}

lam_buffer lam_weight_gradient(lam_lowering *lowering, size_t weight, float **memory) {
  size_t place = this_node(lowering)->first_weight + weight;
  const lam_weight *description = &lowering->model->weights[place];
  bool wanted = lam_wants_weight_gradient(lowering, weight);
  *memory = wanted ? lowering->plan->gradients + description->offset : NULL;
  if (wanted && !lowering->weight_written[place]) return lowering->weight_written[place] = true, LAM_NO_BUFFER;
  lam_buffer buffer = lam_new_buffer(lowering, description->count, true);
  if (wanted) add_later(lowering, (lam_addition){ buffer, LAM_NO_BUFFER, *memory });
  return buffer;
}

void lam_bind_weight_gradient(lam_lowering *lowering, size_t index, size_t weight, size_t ld) {
  float *memory;
  lam_buffer buffer = lam_weight_gradient(lowering, weight, &memory);
  if (buffer == LAM_NO_BUFFER)
    lam_bind_memory(lowering, index, memory, ld);
  else
    lam_bind(lowering, index, buffer, ld);
}

static void run_sum(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns;
  float *target = operation->operand[0].data + begin * n;
  plan->kernels->add(target, n, target, n, operation->operand[1].data + begin * n, n, end - begin, n);
}

void lam_emit_sum(lam_lowering *lowering, lam_buffer target, lam_buffer addend) {
  lam_operation *operation = lam_emit(lowering, "gradient sum", run_sum);
  if (!operation) return;
  size_t width = lowering->buffers[addend].width;
  operation->columns = width;
  if (lowering->buffers[addend].whole) operation->units = 1;
  lam_bind(lowering, 0, target, width);
  lam_bind(lowering, 1, addend, width);
}

void lam_emit_additions(lam_lowering *lowering) {
  for (size_t i = 0; i < lowering->addition_count && !lowering->status; i++) {
    lam_addition *due = &lowering->additions[i];
    lam_emit_sum(lowering, due->target, due->addend);
    if (due->target == LAM_NO_BUFFER) lam_bind_memory(lowering, 0, due->memory, lowering->buffers[due->addend].width);
  }
  lowering->addition_count = 0;
}
