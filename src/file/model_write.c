/* SPDX-License-Identifier: MIT
 *
 * Saving models: the architecture as JSON, weights, golden row and optimizer states as tensors. Nothing that changes between two
 * saves of the same model is written, so that it gives the same bytes.
 */
#include "file/model_file.h"
#include "layers/custom.h"
#include <stdio.h>
#include <string.h>

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void put_layer(lam_json_writer *w, const lam_layer *layer, lam_shape input_shape, bool frozen) {
  lam_json_open(w, '{');
  lam_json_key(w, "name");
  lam_json_put_text(w, layer->name);
  lam_json_key(w, "type");
  lam_json_put_text(w, layer->type->name);
  lam_json_key(w, "options");
  // An input's shape may have come from the data.
  const lam_input_options input = { input_shape };
  lam_json_put_fields(w, layer->type->fields, layer->type == &lam_input_type ? (const void *)&input : layer->options);
  if (lam_layer_is_custom(layer)) {
    lam_json_key(w, "custom");
    lam_json_put_flag(w, true);
  }
  if (frozen) {
    lam_json_key(w, "trainable");
    lam_json_put_flag(w, false);
  }
  lam_json_close(w, '}');
}

/* A checkpoint's layers are frozen as its trainer has them. */
static void put_layers(lam_json_writer *w, const lam_model *model, const lam_trainer *trainer) {
  lam_json_key(w, "layers");
  lam_json_open(w, '[');
  for (size_t i = 0; i < model->node_count; ++i)
    if (model->nodes[i].first_use) {
      const lam_model_node *node = &model->nodes[i];
      put_layer(w, node->layer, node->shape, trainer ? trainer->frozen[i] : node->layer->frozen);
    }
  lam_json_close(w, ']');
}

/* The place of a layer among those written: layers come in the order of their first use. */
static size_t place_of(const lam_model *model, const lam_layer *layer) {
  size_t place = 0;
  for (size_t i = 0; model->nodes[i].layer != layer; ++i) place += model->nodes[i].first_use;
  return place;
}

static void put_nodes(lam_json_writer *w, const lam_model *model) {
  lam_json_key(w, "nodes");
  lam_json_open(w, '[');
  for (size_t i = 0; i < model->node_count; ++i) {
    const lam_model_node *node = &model->nodes[i];
    lam_json_open(w, '{');
    lam_json_key(w, "layer");
    lam_json_put_integer(w, place_of(model, node->layer));
    lam_json_key(w, "inputs");
    lam_json_open(w, '[');
    for (size_t j = 0; j < node->input_count; ++j) lam_json_put_integer(w, node->inputs[j]);
    lam_json_close(w, ']');
    lam_json_close(w, '}');
  }
  lam_json_close(w, ']');
  lam_json_key(w, "outputs");
  lam_json_open(w, '[');
  for (size_t i = 0; i < model->output_count; ++i) lam_json_put_integer(w, model->outputs[i]);
  lam_json_close(w, ']');
}

static void put_scaling(lam_json_writer *w, const lam_model *model) {
  lam_json_key(w, "input_scaling");
  lam_json_open(w, '[');
  for (size_t i = 0; i < model->input_count; ++i) {
    lam_json_open(w, '{');
    lam_json_key(w, "scale");
    lam_json_put_float(w, model->scaling[i].scale);
    lam_json_key(w, "offset");
    lam_json_put_float(w, model->scaling[i].offset);
    lam_json_close(w, '}');
  }
  lam_json_close(w, ']');
}

void lam_json_put_training(lam_json_writer *w, const lam_trainer_options *options) {
  lam_json_open(w, '{');
  lam_json_key(w, "options");
  lam_json_put_fields(w, lam_trainer_fields, options);
  lam_json_key(w, "optimizer");
  lam_json_put_fields(w, lam_optimizer_fields, &options->optimizer);
  if (options->loss_count) {
    lam_json_key(w, "losses");
    lam_json_open(w, '[');
    for (size_t i = 0; i < options->loss_count; ++i) lam_json_put_fields(w, lam_loss_fields, &options->losses[i]);
    lam_json_close(w, ']');
  }
  lam_json_close(w, '}');
}

static void put_class_names(lam_json_writer *w, const lam_model *model) {
  lam_json_key(w, "class_names");
  lam_json_open(w, '[');
  for (size_t i = 0; i < model->class_count; ++i) lam_json_put_text(w, model->class_names[i]);
  lam_json_close(w, ']');
}

static void put_all(lam_json_writer *w, const lam_model *model, const lam_trainer *trainer) {
  lam_json_open(w, '{');
  lam_json_key(w, "version");
  lam_json_put_integer(w, LAM_FILE_VERSION);
  put_layers(w, model, trainer);
  put_nodes(w, model);
  put_scaling(w, model);
  if (model->class_count) put_class_names(w, model);
  if (model->has_training) {
    lam_json_key(w, "training");
    lam_json_put_training(w, &model->training);
  }
  if (trainer) {
    lam_json_key(w, "checkpoint");
    lam_file_put_checkpoint(w, trainer);
  }
  lam_json_close(w, '}');
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

typedef struct tensor_list {
  lam_tensor_data *tensors;
  size_t count, most;
  char (*names)[64]; // of the golden ones
  char folders[LAM_MOST_STATES][64];
} tensor_list;

/* The weights, or an optimizer's states, of which fixed weights have none. */
static void add_weights(tensor_list *list, const lam_model *model, const char *folder, const float *block) {
  for (size_t i = 0; i < model->weight_count; ++i) {
    const lam_weight *weight = &model->weights[i];
    if (weight->fixed && block != model->values) continue;
    list->tensors[list->count++] =
        (lam_tensor_data){ folder, weight->name, weight->shape, weight->count, block + weight->offset };
  }
}

static void add_golden(tensor_list *list, const lam_model *model, const lam_golden *golden) {
  const float *values = golden->values;
  for (size_t i = 0; i < model->input_count + model->output_count; ++i) {
    bool output = i >= model->input_count;
    size_t index = output ? i - model->input_count : i;
    const lam_model_node *node = &model->nodes[output ? model->outputs[index] : model->inputs[index]];
    lam_golden_name(list->names[i], output, index);
    list->tensors[list->count++] = (lam_tensor_data){ "", list->names[i], node->shape, node->width, values };
    values += node->width;
  }
}

static lam_status list_tensors(tensor_list *list, const lam_model *model, const lam_trainer *trainer, const lam_golden *golden) {
  size_t states = trainer ? trainer->state_count : 0, golden_count = model->input_count + model->output_count;
  list->most = model->weight_count * (1 + states) + golden_count;
  list->tensors = lam_allocate_array(model->object.context, list->most, sizeof *list->tensors);
  list->names = lam_allocate_array(model->object.context, golden_count, sizeof *list->names);
  if (!list->tensors || !list->names) return LAM_OUT_OF_MEMORY;
  add_weights(list, model, "", model->values);
  add_golden(list, model, golden);
  for (size_t i = 0; i < states; ++i) {
    snprintf(list->folders[i], sizeof list->folders[i], "optimizer/%s/", trainer->state_names[i]);
    add_weights(list, model, list->folders[i], trainer->states[i]);
  }
  return LAM_OK;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

bool lam_file_needs(size_t size, size_t tensors, size_t json, size_t nodes, size_t edges) {
  // No overflow: each number is at most that of bytes in the file, or of the model's memory.
  uint64_t needed = (uint64_t)tensors * sizeof(lam_tensor) + json;
  needed += (uint64_t)nodes * LAM_NODE_BYTES + (uint64_t)edges * LAM_EDGE_BYTES;
  return nodes <= LAM_FILE_NODES && needed <= (uint64_t)size + LAM_FILE_SPARE;
}

/* What the loader would ask of this file, reckoned with the tree's most nodes. */
static lam_status check_loadable(const lam_model *model, const tensor_list *list, const lam_json_writer *w) {
  size_t size = w->size, json = sizeof(lam_json);
  for (size_t i = 0; i < list->count; ++i) size += list->tensors[i].count * sizeof(float);
  if (model->class_count) json += model->class_bytes + model->class_count * sizeof(char *);
  for (size_t i = 0; i < w->size; ++i) json += strchr(",:[{", w->text[i]) ? sizeof(lam_json) : 0;
  if (lam_file_needs(size, list->count, json, model->node_count, model->edge_count)) return LAM_OK;
  return lam_fail(model->object.context, LAM_UNSUPPORTED,
                  "a model of %zu nodes with %zu bytes of weights cannot be saved: it has too many nodes", model->node_count,
                  model->value_count * sizeof(float));
}

lam_status lam_file_write(const lam_model *model, const lam_trainer *trainer, lam_write_function write, void *user) {
  lam_context *context = model->object.context;
  lam_golden golden;
  lam_status status = lam_golden_make(model, &golden);
  if (status) return status;
  tensor_list list = { 0 };
  lam_json_writer w = { .context = context };
  put_all(&w, model, trainer);
  status = w.status ? w.status : list_tensors(&list, model, trainer, &golden);
  if (!status) status = check_loadable(model, &list, &w);
  if (!status) status = lam_safetensors_write(context, LAM_FILE_KEY, w.text, w.size, list.tensors, list.count, write, user);
  lam_release(context, list.names, (model->input_count + model->output_count) * sizeof *list.names);
  lam_release(context, list.tensors, list.most * sizeof *list.tensors);
  lam_json_writer_release(&w);
  lam_golden_release(&golden);
  return status;
}

static lam_status check_model(const lam_model *model) {
  if (!model) return LAM_NO_HANDLE;
  if (model->built) return LAM_OK;
  return lam_fail(model->object.context, LAM_INVALID_ARGUMENT, "a model can be saved once it is built: its input shape is open");
}

lam_status lam_model_write(const lam_model *model, lam_write_function write, void *user) {
  lam_status status = check_model(model);
  if (!status && !write) status = LAM_NO_HANDLE;
  return status ? status : lam_file_write(model, NULL, write, user);
}

static lam_status produce_model(const void *object, lam_write_function write, void *user) {
  return lam_file_write(object, NULL, write, user);
}

lam_status lam_model_save(const lam_model *model, const char *path) {
  lam_status status = check_model(model);
  if (!status && !path) status = LAM_NO_HANDLE;
  return status ? status : lam_disk_save(model->object.context, path, produce_model, model);
}
