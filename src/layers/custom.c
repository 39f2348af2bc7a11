/* SPDX-License-Identifier: MIT
 *
 * Layers from outside: a registered type is a layer type like the built-in ones, whose functions call those it was given.
 */
#include "layers/custom.h"
#include "kernels/array.h"

#include <stdio.h>
#include <string.h>

static const lam_custom_type *type_of(const lam_layer *layer) {
  return (const lam_custom_type *)(const void *)((const char *)layer->type - offsetof(lam_custom_type, type));
}

/* ---- shapes and weights ------------------------------------------------------------------------------------------- */

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

static bool is_name(const char *name, size_t most) {
  size_t length = name ? strlen(name) : 0;
  return length > 0 && length <= most && strspn(name, allowed) == length;
}

static lam_status add_weight(lam_shaping *inner, const lam_custom_weight *weight) {
  lam_context *context = inner->context;
  const char *layer = inner->model->nodes[inner->node].layer->name;
  if (!is_name(weight->name, 31))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: the name of a weight is 1 to 31 of letters, digits, '_', '-', '.'",
                    layer);
  if (!lam_all_zero(weight->reserved, sizeof weight->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: reserved fields of lam_custom_weight must be zero", layer);
  if (weight->shape.rank == 0 || weight->shape.rank > LAM_MAX_RANK)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: a weight has 1 to %d axes, not %zu", layer, LAM_MAX_RANK,
                    weight->shape.rank);
  lam_gain said = { weight->initializer, weight->regularizer, weight->constraint };
  lam_status status = lam_check_gain(context, layer, weight->name, said);
  if (status) return status;
  lam_initializer initializer = weight->initializer;
  if (initializer.type == LAM_INITIALIZER_DEFAULT) initializer.type = LAM_GLOROT_UNIFORM;
  size_t in = weight->shape.size[0], out = weight->shape.rank > 1 ? weight->shape.size[weight->shape.rank - 1] : in;
  status = weight->fixed ? lam_declare_fixed_weight(inner, weight->name, weight->shape, initializer)
                         : lam_declare_weight(inner, weight->name, weight->shape, initializer, in, out);
  return status ? status : lam_declare_rules(inner, weight->regularizer, weight->constraint);
}

lam_status lam_custom_add_weight(lam_custom_shaping *shaping, const lam_custom_weight *weight) {
  if (!shaping || !shaping->inner || !weight) return LAM_NO_HANDLE;
  lam_custom_declaring *declaring = shaping->inner;
  lam_status status = add_weight(declaring->inner, weight);
  declaring->failed = status != LAM_OK || declaring->failed;
  return status;
}

static lam_status shape(const lam_layer *layer, lam_shaping *inner) {
  const lam_custom_type *type = type_of(layer);
  lam_custom_declaring declaring = { inner, false };
  lam_custom_shaping shaping = { .user = type->custom.user,
                                 .options = layer->options,
                                 .inputs = inner->inputs,
                                 .input_count = inner->input_count,
                                 .output = inner->inputs[0],
                                 .inner = &declaring };
  lam_status status = type->custom.shape ? type->custom.shape(&shaping) : LAM_OK;
  inner->output = shaping.output;
  inner->saved = shaping.saved;
  if (!status && !declaring.failed)
    return shaping.output.rank <= LAM_MAX_RANK ? LAM_OK : lam_shape_fail(inner, "its output has %zu axes", shaping.output.rank);
  if (declaring.failed) return lam_error_status(inner->context); /* that has its sentence */
  shaping.message[sizeof shaping.message - 1] = 0;
  return lam_fail(inner->context, status, "%s (%s): %s", layer->name, layer->type->name,
                  shaping.message[0] ? shaping.message : lam_status_text(status));
}

/* ---- passes ------------------------------------------------------------------------------------------------------- */

/* One pass of one node; the arrays that it points to follow it in memory. */
typedef struct lam_custom_call {
  const lam_custom_type *type;
  lam_plan_failure *failure;
  lam_custom_pass pass;
} lam_custom_call;

/* What a pass that failed says of it. */
static const char *reason_of(lam_custom_pass *pass, lam_status status) {
  pass->message[sizeof pass->message - 1] = 0;
  return pass->message[0] ? pass->message : lam_status_text(status);
}

static void run(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)plan;
  (void)begin;
  (void)end;
  const lam_custom_call *call = (const lam_custom_call *)(const void *)operation->weight;
  const lam_custom_layer *custom = &call->type->custom;
  lam_custom_pass pass = call->pass;
  bool backward = pass.output_gradient != NULL;
  pass.rows = step->rows;
  pass.training = step->training;
  pass.seed = step->seed;
  pass.step = step->number;
  lam_status status = backward ? custom->backward(&pass) : custom->forward(&pass);
  if (!status) return;
  call->failure->status = status;
  (void)snprintf(call->failure->message, sizeof call->failure->message, "%s (%s), %s pass: %s", pass.layer, custom->name,
                 backward ? "backward" : "forward", reason_of(&pass, status));
}

/* The arrays of a pass, which lam_bind_place fills. */
typedef struct lam_custom_arrays {
  float **inputs, **weights, **input_gradients, **weight_gradients;
} lam_custom_arrays;

static lam_custom_call *emit(const lam_layer *layer, lam_lowering *lowering, const char *name, lam_custom_arrays *arrays) {
  size_t inputs = lam_input_number(lowering), weights = lam_weight_number(lowering);
  size_t pointers = 2 * (inputs + weights) * sizeof(float *);
  lam_custom_call *call = lam_keep(lowering, sizeof *call + inputs * sizeof(lam_shape) + pointers);
  lam_plan_failure *failure = lam_may_fail(lowering);
  lam_operation *operation = call && failure ? lam_emit(lowering, name, run) : NULL;
  if (!operation) return NULL;
  operation->units = 1; /* on the thread that runs the plan */
  operation->inner = lam_node_number(lowering);
  operation->weight = (const float *)(const void *)call;
  lam_shape *shapes = (lam_shape *)(void *)(call + 1);
  for (size_t i = 0; i < inputs; i++) shapes[i] = *lam_input_shape(lowering, i);
  arrays->inputs = (float **)(void *)(shapes + inputs);
  arrays->weights = arrays->inputs + inputs;
  arrays->input_gradients = arrays->weights + weights;
  arrays->weight_gradients = arrays->input_gradients + inputs;
  *call = (lam_custom_call){ .type = type_of(layer),
                             .failure = failure,
                             .pass = { .user = type_of(layer)->custom.user,
                                       .options = layer->options,
                                       .layer = layer->name,
                                       .input_count = inputs,
                                       .weight_count = weights,
                                       .input_shapes = shapes,
                                       .output_shape = *lam_output_shape(lowering),
                                       .inputs = (const float *const *)arrays->inputs,
                                       .weights = (const float *const *)arrays->weights } };
  for (size_t i = 0; i < inputs; i++) lam_bind_place(lowering, &arrays->inputs[i], lam_input_value(lowering, i));
  for (size_t i = 0; i < weights; i++) arrays->weights[i] = lam_weight_values(lowering, i);
  lam_bind_place(lowering, &call->pass.output, lam_output_value(lowering));
  size_t saved = lam_saved_width(lowering);
  if (saved && lam_has_backward(lowering)) lam_bind_place(lowering, &call->pass.saved, lam_saved_numbers(lowering, saved, false));
  return call;
}

const lam_custom_pass *lam_custom_pass_of(const lam_plan *plan, size_t node, bool backward) {
  for (size_t i = 0; i < plan->operation_count; i++) {
    const lam_operation *operation = &plan->operations[i];
    if (operation->run != run || operation->inner != node) continue;
    const lam_custom_call *call = (const lam_custom_call *)(const void *)operation->weight;
    if ((call->pass.output_gradient != NULL) == backward) return &call->pass;
  }
  return NULL;
}

lam_status lam_custom_run_forward(const lam_layer *layer, lam_custom_pass *pass) {
  const lam_custom_type *type = type_of(layer);
  lam_status status = type->custom.forward(pass);
  if (!status) return LAM_OK;
  return lam_fail(type->object.context, status, "%s (%s), forward pass: %s", layer->name, layer->type->name,
                  reason_of(pass, status));
}

static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  lam_custom_arrays arrays;
  return emit(layer, lowering, "forward", &arrays) ? LAM_OK : LAM_OUT_OF_MEMORY;
}

static lam_status backward(const lam_layer *layer, lam_lowering *lowering) {
  lam_custom_arrays arrays;
  if (!type_of(layer)->custom.backward)
    return lam_fail(type_of(layer)->object.context, LAM_UNSUPPORTED,
                    "%s (%s) has no backward pass: neither it nor what is below it can be trained; freeze these layers",
                    layer->name, layer->type->name);
  lam_custom_call *call = emit(layer, lowering, "backward", &arrays);
  if (!call) return LAM_OUT_OF_MEMORY;
  call->pass.input_gradients = arrays.input_gradients;
  call->pass.weight_gradients = arrays.weight_gradients;
  lam_bind_place(lowering, (float **)(void *)&call->pass.output_gradient, lam_output_gradient(lowering));
  for (size_t i = 0; i < call->pass.input_count; i++)
    if (lam_wants_input_gradient(lowering, i))
      lam_bind_place(lowering, &arrays.input_gradients[i], lam_input_gradient_value(lowering, i));
  for (size_t i = 0; i < call->pass.weight_count; i++)
    if (lam_wants_weight_gradient(lowering, i))
      lam_bind_place(lowering, &arrays.weight_gradients[i], lam_weight_gradient(lowering, i, &arrays.weight_gradients[i]));
  return LAM_OK;
}

/* ---- types -------------------------------------------------------------------------------------------------------- */

static void custom_release(lam_object *object) {
  lam_custom_type *type = (lam_custom_type *)object;
  lam_context *context = object->context;
  lam_custom_type **link = &context->customs;
  while (*link && *link != type) link = &(*link)->next;
  if (*link) *link = type->next;
  lam_release(context, type->names, type->name_bytes);
  lam_release(context, type->fields, (type->field_count + 1) * sizeof *type->fields);
}

const lam_layer_type *lam_custom_type_find(const lam_context *context, const char *name) {
  for (const lam_custom_type *type = context->customs; type; type = type->next)
    if (strcmp(type->type.name, name) == 0) return &type->type;
  return NULL;
}

bool lam_layer_is_custom(const lam_layer *layer) { return layer->type->forward == forward; }

static size_t size_of(lam_custom_kind kind) {
  return kind == LAM_CUSTOM_FLOAT  ? sizeof(float)
         : kind == LAM_CUSTOM_SIZE ? sizeof(size_t)
         : kind == LAM_CUSTOM_FLAG ? sizeof(bool)
                                   : sizeof(lam_shape);
}

static lam_status check_registration(lam_context *context, const lam_custom_layer *layer) {
  if (!is_name(layer->name, LAM_NAME_SIZE - 8))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the name of a type of layer is 1 to %d of letters, digits, '_', '-', '.'",
                    LAM_NAME_SIZE - 8);
  if (lam_layer_type_find(layer->name) || lam_custom_type_find(context, layer->name))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is already a type of layer named \"%s\"", layer->name);
  if (!lam_all_zero(layer->reserved, sizeof layer->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_custom_layer must be zero");
  if (!layer->forward) return lam_fail(context, LAM_INVALID_ARGUMENT, "%s has no forward function", layer->name);
  if (layer->most_inputs && layer->most_inputs < (layer->least_inputs ? layer->least_inputs : 1))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s takes at least %zu inputs and at most %zu", layer->name,
                    layer->least_inputs, layer->most_inputs);
  for (const lam_custom_field *field = layer->fields; field && field->name; field++) {
    if ((unsigned)field->kind > LAM_CUSTOM_SHAPE)
      return lam_fail(context, LAM_INVALID_ARGUMENT, "%s, %s: there is no lam_custom_kind %d", layer->name, field->name,
                      (int)field->kind);
    if (!is_name(field->name, 63) || field->offset > layer->options_size ||
        layer->options_size - field->offset < size_of(field->kind))
      return lam_fail(context, LAM_INVALID_ARGUMENT,
                      "%s: the field \"%.64s\" at %zu is not one of an options struct of %zu bytes", layer->name, field->name,
                      field->offset, layer->options_size);
  }
  return LAM_OK;
}

/* "TwoWords" as "two_words", with room left for a number behind it. */
static void make_prefix(char *prefix, size_t room, const char *name) {
  size_t used = 0;
  for (; *name && used + 10 < room; name++) {
    bool upper = *name >= 'A' && *name <= 'Z';
    if (upper && used && prefix[used - 1] != '_') prefix[used++] = '_';
    prefix[used++] = upper ? (char)(*name - 'A' + 'a') : *name;
  }
  prefix[used] = 0;
}

/* Name and field names as one piece; the table in the library's terms. */
static lam_status copy_table(lam_custom_type *type, const lam_custom_layer *layer) {
  static const lam_field_kind kinds[] = { LAM_FIELD_FLOAT, LAM_FIELD_SIZE, LAM_FIELD_FLAG, LAM_FIELD_SHAPE };
  lam_context *context = type->object.context;
  for (const lam_custom_field *field = layer->fields; field && field->name; field++) type->field_count++;
  const char **names = lam_allocate_array(context, type->field_count + 1, sizeof *names);
  type->fields = lam_allocate_zero(context, (type->field_count + 1) * sizeof *type->fields);
  if (names && type->fields) {
    names[type->field_count] = layer->name;
    for (size_t i = 0; i < type->field_count; i++) names[i] = layer->fields[i].name;
    type->names = lam_copy_strings(context, names, type->field_count + 1, &type->name_bytes);
  }
  lam_release(context, (void *)names, (type->field_count + 1) * sizeof *names);
  if (!type->names) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < type->field_count; i++)
    type->fields[i] = (lam_field){ type->names[i], kinds[layer->fields[i].kind], layer->fields[i].offset, NULL, false };
  return LAM_OK;
}

/* The context ends what it owns newest first; graphs that were there before a type may have layers of it. */
static void make_oldest(lam_object *object) {
  lam_object *head = &object->context->objects;
  object->previous->next = object->next;
  object->next->previous = object->previous;
  object->previous = head->previous;
  object->next = head;
  object->previous->next = head->previous = object;
}

lam_status lam_custom_register(lam_context *context, const lam_custom_layer *layer) {
  if (!context || context->unusable || !layer) return LAM_NO_HANDLE;
  lam_status status = check_registration(context, layer);
  if (status) return status;
  lam_custom_type *type = lam_object_create(context, sizeof *type, custom_release);
  if (!type) return LAM_OUT_OF_MEMORY;
  type->custom = *layer;
  make_oldest(&type->object);
  if (copy_table(type, layer)) return lam_object_destroy(type), LAM_OUT_OF_MEMORY;
  make_prefix(type->prefix, sizeof type->prefix, layer->name);
  size_t least = layer->least_inputs ? layer->least_inputs : 1;
  type->custom.name = type->names[type->field_count];
  type->custom.fields = NULL; /* the copy is in the type */
  type->type = (lam_layer_type){ .name = type->custom.name,
                                 .prefix = type->prefix,
                                 .options_size = layer->options_size,
                                 .fields = type->fields,
                                 .least_inputs = least,
                                 .most_inputs = layer->most_inputs ? layer->most_inputs : least,
                                 .activation_offset = -1,
                                 .shape = shape,
                                 .forward = forward,
                                 .backward = backward };
  type->next = context->customs;
  context->customs = type;
  return LAM_OK;
}

lam_status lam_custom_unknown(lam_context *context, const char *name) {
  size_t count = 0;
  for (const lam_custom_type *type = context->customs; type; type = type->next) count++;
  const char **names = lam_allocate_array(context, count + 1, sizeof *names);
  if (!names) return LAM_OUT_OF_MEMORY;
  size_t at = 0;
  for (const lam_custom_type *type = context->customs; type; type = type->next) names[at++] = type->type.name;
  names[at] = NULL;
  lam_status status = lam_name_unknown(context, "registered type of layer", name, names);
  lam_release(context, (void *)names, (count + 1) * sizeof *names);
  return status;
}

lam_node lam_custom(const char *type, const lam_node *nodes, size_t count, const void *options) {
  lam_node failed = { count && nodes ? nodes[0].graph : NULL, -1 };
  if (!failed.graph || !type) return failed;
  lam_context *context = failed.graph->object.context;
  const lam_layer_type *found = lam_custom_type_find(context, type);
  if (found) return lam_graph_append(failed.graph, found, options, nodes, count);
  if (!failed.graph->failed) (void)lam_custom_unknown(context, type);
  failed.graph->failed = true;
  return failed;
}
