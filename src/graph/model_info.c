/* SPDX-License-Identifier: MIT
 *
 * Asking a model what it is, and setting its weights.
 */
#include "blas/gemm.h"
#include "graph/model.h"

#include "kernels/array.h"

#include <string.h>

bool lam_model_is_built(const lam_model *model) { return model && model->built; }
size_t lam_model_input_count(const lam_model *model) { return model ? model->input_count : 0; }
size_t lam_model_output_count(const lam_model *model) { return model ? model->output_count : 0; }

lam_shape lam_model_input_shape(const lam_model *model, size_t input) {
  if (!model || input >= model->input_count) return (lam_shape){ { 0 }, 0 };
  const lam_model_node *node = &model->nodes[model->inputs[input]];
  return node->shape.rank ? node->shape : ((const lam_input_options *)node->layer->options)->shape;
}

lam_shape lam_model_output_shape(const lam_model *model, size_t output) {
  if (!model || output >= model->output_count) return (lam_shape){ { 0 }, 0 };
  return model->nodes[model->outputs[output]].shape;
}

size_t lam_model_layer_count(const lam_model *model) { return model ? model->node_count : 0; }

lam_status lam_model_layer(const lam_model *model, size_t layer, lam_layer_info *info) {
  if (!model || !info) return LAM_NO_HANDLE;
  if (layer >= model->node_count)
    return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "layer %zu of a model with %zu", layer, model->node_count);
  const lam_model_node *node = &model->nodes[layer];
  *info = (lam_layer_info){ .name = node->layer->name,
                            .type = node->layer->type->name,
                            .output = node->shape,
                            .inputs = node->input_count,
                            .frozen = node->layer->frozen };
  for (size_t i = 0; model->built && node->first_use && i < node->weight_count; i++) {
    const lam_weight *weight = &model->weights[node->first_weight + i];
    info->parameters += weight->count;
    info->fixed += weight->fixed || info->frozen ? weight->count : 0;
  }
  return LAM_OK;
}

size_t lam_model_layer_input(const lam_model *model, size_t layer, size_t input) {
  if (!model || layer >= model->node_count || input >= model->nodes[layer].input_count) return SIZE_MAX;
  return model->nodes[layer].inputs[input];
}

size_t lam_model_parameter_count(const lam_model *model) { return model && model->built ? model->weight_count : 0; }

lam_status lam_model_parameter(const lam_model *model, size_t index, lam_parameter *parameter) {
  if (!model || !parameter) return LAM_NO_HANDLE;
  if (index >= lam_model_parameter_count(model))
    return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "weight %zu of a model with %zu", index,
                    lam_model_parameter_count(model));
  const lam_weight *weight = &model->weights[index];
  *parameter = (lam_parameter){ .name = weight->name,
                                .shape = weight->shape,
                                .count = weight->count,
                                .data = model->values + weight->offset,
                                .fixed = weight->fixed };
  for (size_t i = 0; i < model->node_count; i++) {
    const lam_model_node *node = &model->nodes[i];
    if (index >= node->first_weight && index - node->first_weight < node->weight_count) parameter->frozen = node->layer->frozen;
  }
  return LAM_OK;
}

lam_status lam_model_set_parameter(lam_model *model, const char *name, const float *values, size_t count) {
  if (!model || !name || !values) return LAM_NO_HANDLE;
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    const lam_weight *weight = &model->weights[i];
    if (strcmp(weight->name, name) != 0) continue;
    char shape[96];
    if (weight->count != count)
      return lam_fail(model->object.context, LAM_INVALID_SHAPE, "weight %s has shape %s, %zu numbers; %zu were given", name,
                      lam_shape_text(shape, weight->shape), weight->count, count);
    memcpy(model->values + weight->offset, values, count * sizeof *values);
    return LAM_OK;
  }
  return lam_fail(model->object.context, LAM_UNKNOWN_NAME, "the model has no weight \"%s\"%s%s", name,
                  model->weight_count ? "; its first is " : "; it is not built",
                  model->weight_count ? model->weights[0].name : "");
}

lam_status lam_model_input_scaling(const lam_model *model, size_t input, float *scale, float *offset) {
  if (!model || !scale || !offset) return LAM_NO_HANDLE;
  if (input >= model->input_count)
    return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "input %zu of a model with %zu", input, model->input_count);
  *scale = model->scaling[input].scale;
  *offset = model->scaling[input].offset;
  return LAM_OK;
}

lam_status lam_model_set_input_scaling(lam_model *model, size_t input, float scale, float offset) {
  if (!model) return LAM_NO_HANDLE;
  if (input >= model->input_count)
    return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "input %zu of a model with %zu", input, model->input_count);
  if (!(scale - scale == 0.0f) || !(offset - offset == 0.0f))
    return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "the scaling of input %zu is not finite", input);
  model->scaling[input] = (lam_input_scaling){ scale, offset };
  return LAM_OK;
}

size_t lam_model_class_count(const lam_model *model) { return model ? model->class_count : 0; }

const char *lam_model_class_name(const lam_model *model, size_t label) {
  return model && label < model->class_count ? model->class_names[label] : NULL;
}

lam_status lam_model_set_class_names(lam_model *model, const char *const *names, size_t count) {
  if (!model || (count && !names)) return LAM_NO_HANDLE;
  lam_context *context = model->object.context;
  char **copies = NULL;
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) /* files hold them as JSON, which is UTF-8 */
    if (!names[i] || !lam_is_utf8(names[i], strlen(names[i])))
      return lam_fail(context, names[i] ? LAM_INVALID_DATA : LAM_NO_HANDLE, "the name of class %zu is %s", i,
                      names[i] ? "not UTF-8" : "NULL");
  if (count && !(copies = lam_copy_strings(context, names, count, &bytes))) return LAM_OUT_OF_MEMORY;
  lam_release(context, model->class_names, model->class_bytes);
  model->class_names = copies;
  model->class_count = count;
  model->class_bytes = bytes;
  return LAM_OK;
}

lam_function lam_layer_function(const lam_layer *layer) {
  lam_function function = lam_function_of(lam_layer_activation(layer));
  if (layer->type->parameters) layer->type->parameters(layer, function.p);
  return function;
}

lam_activation lam_layer_activation(const lam_layer *layer) {
  lam_activation activation = LAM_LINEAR;
  if (layer->type->activation_offset >= 0)
    memcpy(&activation, layer->options + layer->type->activation_offset, sizeof activation);
  return activation;
}
