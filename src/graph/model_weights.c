/* SPDX-License-Identifier: MIT
 *
 * A model's layers by name, and its weights as a whole.
 */
#include "graph/model.h"

#include "kernels/array.h"

#include <string.h>

/* ---- layers by name ----------------------------------------------------------------------------------------------- */

static lam_status unknown_layer(const lam_model *model, const char *name) {
  lam_context *context = model->object.context;
  const char **names = lam_allocate_array(context, model->layer_count + 1, sizeof *names);
  if (!names) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < model->layer_count; i++) names[i] = model->layers[i]->name;
  names[model->layer_count] = NULL;
  lam_status status = lam_name_unknown(context, "layer", name, names);
  lam_release(context, (void *)names, (model->layer_count + 1) * sizeof *names);
  return status;
}

size_t lam_model_find_layer(const lam_model *model, const char *name) {
  if (!model || !name) return SIZE_MAX;
  for (size_t i = 0; i < model->node_count; i++)
    if (strcmp(model->nodes[i].layer->name, name) == 0) return i;
  (void)unknown_layer(model, name);
  return SIZE_MAX;
}

/* True for a layer of this name, and for one that came with the model applied under it. */
static bool is_of_part(const char *layer, const char *part) {
  size_t length = strlen(part);
  return strncmp(layer, part, length) == 0 && (layer[length] == 0 || layer[length] == '.');
}

lam_status lam_model_set_trainable(lam_model *model, const char *name, bool trainable) {
  if (!model) return LAM_NO_HANDLE;
  bool found = !name;
  for (size_t i = 0; i < model->layer_count; i++) {
    if (name && !is_of_part(model->layers[i]->name, name)) continue;
    found = true;
    model->layers[i]->frozen = !trainable;
  }
  return found ? LAM_OK : unknown_layer(model, name);
}

lam_status lam_model_layer_parameters(const lam_model *model, size_t layer, size_t *first, size_t *count) {
  if (!model || !first || !count) return LAM_NO_HANDLE;
  if (layer >= model->node_count)
    return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "layer %zu of a model with %zu", layer, model->node_count);
  *first = model->built ? model->nodes[layer].first_weight : 0;
  *count = model->built ? model->nodes[layer].weight_count : 0;
  return LAM_OK;
}

/* ---- all weights -------------------------------------------------------------------------------------------------- */

size_t lam_model_count_params(const lam_model *model) {
  size_t count = 0;
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) count += model->weights[i].count;
  return count;
}

static lam_status check_count(const lam_model *model, size_t count) {
  if (model->built && count == lam_model_count_params(model)) return LAM_OK;
  return lam_fail(model->object.context, LAM_INVALID_SHAPE, "the model has %zu weights%s, %zu were given",
                  lam_model_count_params(model), model->built ? "" : ", because it is not built", count);
}

lam_status lam_model_get_weights(const lam_model *model, float *values, size_t count) {
  if (!model || (!values && count)) return LAM_NO_HANDLE;
  lam_status status = check_count(model, count);
  for (size_t i = 0; i < model->weight_count && !status; values += model->weights[i++].count)
    memcpy(values, model->values + model->weights[i].offset, model->weights[i].count * sizeof *values);
  return status;
}

lam_status lam_model_set_weights(lam_model *model, const float *values, size_t count) {
  if (!model || (!values && count)) return LAM_NO_HANDLE;
  lam_status status = check_count(model, count);
  for (size_t i = 0; i < model->weight_count && !status; values += model->weights[i++].count)
    memcpy(model->values + model->weights[i].offset, values, model->weights[i].count * sizeof *values);
  return status;
}

/* ---- from model to model ------------------------------------------------------------------------------------------ */

/* The place of the next weight of a part from `index` on; weight_count: there is none. */
static size_t next_weight(const lam_model *model, const char *part, size_t index) {
  size_t length = part ? strlen(part) : 0, count = lam_model_parameter_count(model);
  while (part && index < count &&
         (strncmp(model->weights[index].name, part, length) != 0 || model->weights[index].name[length] != '.'))
    index++;
  return index < count ? index : model->weight_count;
}

/* Walks both models' weights side by side; copies, or only compares. */
static lam_status walk(lam_model *to, const char *to_part, const lam_model *from, const char *from_part, bool copy) {
  lam_context *context = to->object.context;
  size_t i = next_weight(to, to_part, 0), j = next_weight(from, from_part, 0);
  while (i < to->weight_count && j < from->weight_count) {
    const lam_weight *a = &to->weights[i], *b = &from->weights[j];
    char one[96], other[96];
    if (!lam_shape_equal(a->shape, b->shape))
      return lam_fail(context, LAM_INVALID_SHAPE, "%s of shape %s cannot be copied to %s of shape %s", b->name,
                      lam_shape_text(other, b->shape), a->name, lam_shape_text(one, a->shape));
    if (copy) memcpy(to->values + a->offset, from->values + b->offset, a->count * sizeof *to->values);
    i = next_weight(to, to_part, i + 1);
    j = next_weight(from, from_part, j + 1);
  }
  if (i == to->weight_count && j == from->weight_count) return LAM_OK;
  return lam_fail(context, LAM_INVALID_SHAPE, "there is no weight to copy %s %s", i < to->weight_count ? "to" : "from",
                  i < to->weight_count ? to->weights[i].name : from->weights[j].name);
}

lam_status lam_model_copy_weights(lam_model *to, const char *to_part, const lam_model *from, const char *from_part) {
  if (!to || !from) return LAM_NO_HANDLE;
  lam_context *context = to->object.context;
  if (!to->built || !from->built) return lam_fail(context, LAM_INVALID_SHAPE, "a model that is not built has no weights to copy");
  const lam_model *models[] = { to, from };
  const char *parts[] = { to_part, from_part };
  for (int i = 0; i < 2; i++)
    if (parts[i] && next_weight(models[i], parts[i], 0) == models[i]->weight_count)
      return lam_fail(context, LAM_UNKNOWN_NAME, "no model with weights was applied as \"%s\"", parts[i]);
  lam_status status = walk(to, to_part, from, from_part, false);
  return status ? status : walk(to, to_part, from, from_part, true);
}
