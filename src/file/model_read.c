/* SPDX-License-Identifier: MIT
 *
 * Loading models. The file is believed in nothing: the JSON builds a graph by the same calls that a program makes, which check it
 * as they check a program; its weights are compared with the tensors before memory is taken for them.
 */
#include "file/model_file.h"
#include "layers/custom.h"
#include <stdio.h>
#include <string.h>

lam_status lam_file_blame(const lam_file *file) {
  lam_context *context = file->context;
  lam_status status = context->status;
  char sentence[sizeof context->message];
  snprintf(sentence, sizeof sentence, "%s", context->message);
  size_t size = strlen(file->bytes->name);
  if (status == LAM_OUT_OF_MEMORY) return status;
  if (status != LAM_IO && status != LAM_UNSUPPORTED && status != LAM_UNKNOWN_NAME) status = LAM_FORMAT;
  if (strncmp(sentence, file->bytes->name, size) == 0 && sentence[size] == ':') return lam_fail(context, status, "%s", sentence);
  return lam_fail(context, status, "%s: %s", file->bytes->name, sentence);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static lam_status check_version(const lam_file *file) {
  uint64_t version;
  if (!lam_json_integer(lam_json_member(file->document.root, "version"), &version) || version == 0)
    return lam_fail(file->context, LAM_FORMAT, "%s: its lamina metadata have no version", file->bytes->name);
  if (version == LAM_FILE_VERSION) return LAM_OK;
  return lam_fail(file->context, LAM_UNSUPPORTED, "%s is of format version %llu; this library (%s) reads up to version %d",
                  file->bytes->name, (unsigned long long)version, lam_version(), (int)LAM_FILE_VERSION);
}

lam_status lam_file_open(lam_file *file, const lam_bytes *bytes) {
  *file = (lam_file){ .context = bytes->context, .bytes = bytes };
  size_t limit = bytes->size + LAM_FILE_SPARE;
  lam_status status = lam_safetensors_open(bytes, LAM_FILE_KEY, limit, &file->tensors);
  if (status) return status;
  char what[256];
  snprintf(what, sizeof what, "%.200s: lamina metadata", bytes->name);
  if (!file->tensors.text)
    status = lam_fail(file->context, LAM_FORMAT, "%s: a safetensors file, but not of a lamina model: its metadata lack \"%s\"",
                      bytes->name, LAM_FILE_KEY);
  limit -= file->tensors.capacity * sizeof *file->tensors.tensors;
  if (!status) status = lam_json_parse(file->context, what, file->tensors.text, file->tensors.text_size, limit, &file->document);
  if (!status) status = check_version(file);
  if (status) lam_file_close(file);
  return status;
}

void lam_file_close(lam_file *file) {
  if (file->document.root) lam_json_release(&file->document);
  lam_safetensors_close(&file->tensors);
}

/* ---- the graph --------------------------------------------------------------------------------------------------- */

typedef struct graph_reader {
  const lam_file *file;
  lam_graph *graph;
  const lam_json *layers, *nodes, *outputs;
  int *first_nodes;       // of each layer: its first application, -1 while there is none
  const lam_json **items; // of each layer
  lam_node *inputs;       // of the node at hand
  size_t most_inputs, edges;
} graph_reader;

static lam_status malformed(const graph_reader *r, const char *what, size_t index) {
  return lam_fail(r->file->context, LAM_FORMAT, "%s: lamina metadata: %s %zu is malformed", r->file->bytes->name, what, index);
}

/* The value as an index below `count`. */
static bool get_index(const lam_json *value, size_t count, size_t *index) {
  uint64_t number;
  if (!lam_json_integer(value, &number) || number >= count) return false;
  *index = (size_t)number;
  return true;
}

/* Appends the first application of a layer. */
static lam_node make_layer(const graph_reader *r, const lam_json *item, size_t input_count) {
  lam_context *context = r->file->context;
  const lam_node failed = { r->graph, -1 };
  const lam_json *name = lam_json_member_of(item, "name", LAM_JSON_STRING);
  const lam_json *type_name = lam_json_member_of(item, "type", LAM_JSON_STRING);
  if (!name || !type_name) return lam_fail(context, LAM_FORMAT, "a layer has no name or type"), failed;
  const lam_layer_type *type = lam_layer_type_find(type_name->text);
  bool custom = false;
  (void)lam_json_flag(lam_json_member(item, "custom"), &custom);
  if (custom) type = lam_custom_type_find(context, type_name->text);
  if (custom && !type) {
    (void)lam_custom_unknown(context, type_name->text);
    return lam_fail(context, LAM_UNKNOWN_NAME, "%s: it is a layer of one's own, of which lam_custom_register must be told first",
                    context->message),
           failed;
  }
  if (!type) return lam_fail(context, LAM_UNSUPPORTED, "this version knows no layer type \"%.80s\"", type_name->text), failed;
  char what[160];
  snprintf(what, sizeof what, "layer %.64s (%s)", name->text, type->name);
  void *options = type->options_size ? lam_allocate_zero(context, type->options_size) : NULL;
  if (type->options_size && !options) return failed;
  lam_node node = failed;
  if (!lam_json_get_fields(context, what, lam_json_member(item, "options"), type->fields, options))
    node = lam_graph_append_named(r->graph, type, name->text, options, r->inputs, input_count);
  lam_release(context, options, type->options_size);
  bool trainable = true;
  const lam_json *said = lam_json_member(item, "trainable");
  if (said && !lam_json_flag(said, &trainable))
    return lam_fail(context, LAM_FORMAT, "%s: trainable is neither true nor false", what), failed;
  return lam_trainable(node, trainable);
}

static lam_status read_node(graph_reader *r, const lam_json *item, size_t index) {
  size_t layer, input;
  const lam_json *inputs = lam_json_member_of(item, "inputs", LAM_JSON_ARRAY);
  if (!inputs || !get_index(lam_json_member(item, "layer"), r->layers->size, &layer)) return malformed(r, "node", index);
  const lam_json *element = lam_json_first(inputs);
  for (uint32_t i = 0; i < inputs->size; ++i, element = lam_json_after(element)) {
    if (!get_index(element, index, &input)) return malformed(r, "node", index);
    r->inputs[i] = (lam_node){ r->graph, (int)input };
  }
  int first = r->first_nodes[layer];
  if (first < 0) {
    r->first_nodes[layer] = (int)index;
    lam_node node = make_layer(r, r->items[layer], inputs->size);
    return lam_node_ok(node) ? LAM_OK : lam_file_blame(r->file);
  }
  if (inputs->size == 0) return malformed(r, "node", index);
  lam_node node = lam_apply((lam_node){ r->graph, first }, r->inputs, inputs->size);
  return lam_node_ok(node) ? LAM_OK : lam_file_blame(r->file);
}

static lam_status read_nodes(graph_reader *r) {
  const lam_json *item = lam_json_first(r->layers);
  for (uint32_t i = 0; i < r->layers->size; ++i, item = lam_json_after(item)) {
    r->first_nodes[i] = -1;
    r->items[i] = item;
  }
  lam_status status = LAM_OK;
  item = lam_json_first(r->nodes);
  for (uint32_t i = 0; i < r->nodes->size && !status; ++i, item = lam_json_after(item)) status = read_node(r, item, i);
  return status;
}

static lam_model *outline(graph_reader *r) {
  size_t count = r->outputs->size, index = 0;
  int *outputs = lam_allocate_array(r->file->context, count, sizeof *outputs);
  if (!outputs) return NULL;
  const lam_json *item = lam_json_first(r->outputs);
  lam_status status = LAM_OK;
  for (size_t i = 0; i < count && !status; ++i, item = lam_json_after(item)) {
    if (!get_index(item, r->nodes->size, &index)) status = malformed(r, "output", i);
    outputs[i] = (int)index;
  }
  lam_model *model = status ? NULL : lam_model_outline(r->graph, outputs, count);
  if (!model && !status) lam_file_blame(r->file);
  lam_release(r->file->context, outputs, count * sizeof *outputs);
  return model;
}

/* The lists, and whether they are in proportion to the file. */
static lam_status find_lists(graph_reader *r) {
  const lam_json *root = r->file->document.root;
  lam_context *context = r->file->context;
  r->layers = lam_json_member_of(root, "layers", LAM_JSON_ARRAY);
  r->nodes = lam_json_member_of(root, "nodes", LAM_JSON_ARRAY);
  r->outputs = lam_json_member_of(root, "outputs", LAM_JSON_ARRAY);
  if (!r->layers || !r->nodes || !r->outputs || r->layers->size == 0 || r->nodes->size == 0 || r->outputs->size == 0)
    return lam_fail(context, LAM_FORMAT, "%s: lamina metadata: layers, nodes or outputs are missing", r->file->bytes->name);
  const lam_json *item = lam_json_first(r->nodes);
  for (uint32_t i = 0; i < r->nodes->size; ++i, item = lam_json_after(item)) {
    const lam_json *inputs = lam_json_member_of(item, "inputs", LAM_JSON_ARRAY);
    size_t count = inputs ? inputs->size : 0;
    if (count > r->most_inputs) r->most_inputs = count;
    r->edges += count;
  }
  size_t nodes = r->nodes->size > r->layers->size ? r->nodes->size : r->layers->size;
  if (lam_file_needs(r->file->bytes->size, r->file->tensors.capacity, r->file->document.bytes, nodes,
                     r->edges + r->outputs->size))
    return LAM_OK;
  return lam_fail(context, LAM_FORMAT, "%s: lamina metadata: %zu nodes with %zu inputs are out of proportion to %zu bytes",
                  r->file->bytes->name, nodes, r->edges, r->file->bytes->size);
}

static lam_model *read_graph(const lam_file *file) {
  lam_context *context = file->context;
  graph_reader r = { .file = file };
  if (find_lists(&r)) return NULL;
  size_t layers = r.layers->size, inputs = r.most_inputs;
  r.graph = lam_graph_create(context);
  r.first_nodes = lam_allocate_array(context, layers, sizeof *r.first_nodes);
  r.items = lam_allocate_array(context, layers, sizeof *r.items);
  r.inputs = inputs ? lam_allocate_array(context, inputs, sizeof *r.inputs) : NULL;
  lam_model *model = NULL;
  if (r.graph && r.first_nodes && r.items && (r.inputs || !inputs) && !read_nodes(&r)) model = outline(&r);
  lam_release(context, r.first_nodes, layers * sizeof *r.first_nodes);
  lam_release(context, (void *)r.items, layers * sizeof *r.items);
  lam_release(context, r.inputs, inputs * sizeof *r.inputs);
  lam_graph_destroy(r.graph);
  return model;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

lam_status lam_file_find_tensor(const lam_file *file, const char *name, lam_shape shape, const lam_tensor **found) {
  const lam_tensor *tensor = lam_safetensors_find(&file->tensors, name);
  if (found) *found = tensor;
  if (!tensor) return lam_fail(file->context, LAM_FORMAT, "%s: tensor \"%s\" is missing", file->bytes->name, name);
  bool equal = tensor->shape.rank == shape.rank;
  for (size_t i = 0; equal && i < shape.rank; ++i) equal = tensor->shape.size[i] == shape.size[i];
  if (equal) return LAM_OK;
  return lam_fail(file->context, LAM_FORMAT, "%s: tensor \"%s\" has not the shape that the architecture needs", file->bytes->name,
                  name);
}

lam_status lam_file_read_tensor(const lam_file *file, const char *name, lam_shape shape, float *values) {
  const lam_tensor *tensor;
  lam_status status = lam_file_find_tensor(file, name, shape, &tensor);
  return status ? status : lam_safetensors_read(&file->tensors, tensor, values);
}

static lam_status read_weights(const lam_file *file, lam_model *model) {
  lam_status status = LAM_OK;
  for (size_t i = 0; i < model->weight_count && !status; ++i)
    status = lam_file_find_tensor(file, model->weights[i].name, model->weights[i].shape, NULL);
  if (!status) status = lam_model_allocate(model);
  for (size_t i = 0; i < model->weight_count && !status; ++i) {
    const lam_weight *weight = &model->weights[i];
    status = lam_file_read_tensor(file, weight->name, weight->shape, model->values + weight->offset);
  }
  return status;
}

static lam_status read_scaling(const lam_file *file, lam_model *model) {
  const lam_json *list = lam_json_member_of(file->document.root, "input_scaling", LAM_JSON_ARRAY);
  if (!list) return LAM_OK;
  const lam_json *item = lam_json_first(list);
  for (uint32_t i = 0; i < list->size; ++i, item = lam_json_after(item)) {
    double scale, offset;
    if (i >= model->input_count || !lam_json_number(lam_json_member(item, "scale"), &scale) ||
        !lam_json_number(lam_json_member(item, "offset"), &offset))
      return lam_fail(file->context, LAM_FORMAT, "%s: lamina metadata: input_scaling is malformed", file->bytes->name);
    if (lam_model_set_input_scaling(model, i, (float)scale, (float)offset)) return lam_file_blame(file);
  }
  return LAM_OK;
}

/* The copies count to what loading may need beyond the file's own size. */
static lam_status read_class_names(const lam_file *file, lam_model *model) {
  const lam_json *list = lam_json_member(file->document.root, "class_names");
  if (!list) return LAM_OK;
  size_t count = list->kind == LAM_JSON_ARRAY ? list->size : 0, bytes = 2 * count * sizeof(char *);
  const lam_json *item = lam_json_first(list);
  for (size_t i = 0; i < count; ++i, item = lam_json_after(item)) {
    if (item->kind != LAM_JSON_STRING) count = 0;
    bytes += item->size + 1;
  }
  if (count == 0 || !lam_file_needs(file->bytes->size, file->tensors.capacity, file->document.bytes + bytes, model->node_count,
                                    model->edge_count))
    return lam_fail(file->context, LAM_FORMAT, "%s: lamina metadata: class_names is malformed", file->bytes->name);
  const char **names = lam_allocate_array(file->context, count, sizeof *names);
  if (!names) return LAM_OUT_OF_MEMORY;
  item = lam_json_first(list);
  for (size_t i = 0; i < count; ++i, item = lam_json_after(item)) names[i] = item->text;
  lam_status status = lam_model_set_class_names(model, names, count);
  lam_release(file->context, (void *)names, count * sizeof *names);
  return status;
}

/* The losses where each output has its own; there are no more than outputs. */
static lam_status get_losses(lam_context *context, const char *what, const lam_json *list, size_t most,
                             lam_trainer_options *options) {
  size_t count = list->kind == LAM_JSON_ARRAY ? list->size : 0;
  if (!count || count > most)
    return lam_fail(context, LAM_FORMAT, "%s: losses are one for all outputs, or one for each of %zu", what, most);
  lam_loss_options *losses = lam_allocate_zero(context, count * sizeof *losses);
  if (!losses) return LAM_OUT_OF_MEMORY;
  options->losses = losses;
  options->loss_count = count;
  lam_status status = LAM_OK;
  const lam_json *item = lam_json_first(list);
  for (size_t i = 0; i < count && !status; ++i, item = lam_json_after(item))
    status = lam_json_get_fields(context, what, item, lam_loss_fields, &losses[i]);
  return status;
}

void lam_json_release_training(lam_context *context, const lam_trainer_options *options) {
  lam_release(context, (void *)(uintptr_t)options->losses, options->loss_count * sizeof *options->losses);
}

lam_status lam_json_get_training(lam_context *context, const char *what, const lam_json *object, size_t outputs,
                                 lam_trainer_options *options) {
  lam_status status = lam_json_get_fields(context, what, lam_json_member(object, "options"), lam_trainer_fields, options);
  if (!status)
    status = lam_json_get_fields(context, what, lam_json_member(object, "optimizer"), lam_optimizer_fields, &options->optimizer);
  const lam_json *losses = lam_json_member(object, "losses");
  return status || !losses ? status : get_losses(context, what, losses, outputs, options);
}

static lam_status read_training(const lam_file *file, lam_model *model) {
  const lam_json *training = lam_json_member(file->document.root, "training");
  if (!training) return LAM_OK;
  lam_trainer_options options = { 0 };
  lam_status status = lam_json_get_training(file->context, "training", training, model->output_count, &options);
  if (!status) status = lam_model_set_training(model, &options);
  lam_json_release_training(file->context, &options);
  return status ? lam_file_blame(file) : LAM_OK;
}

lam_model *lam_file_model(lam_file *file) {
  lam_model *model = read_graph(file);
  if (!model) return NULL;
  lam_status status = read_scaling(file, model);
  if (!status) status = read_class_names(file, model);
  if (!status) status = read_training(file, model);
  if (!status) status = read_weights(file, model);
  if (!status) status = lam_golden_check(file, model);
  if (!status) return model;
  lam_model_destroy(model);
  return NULL;
}

/* ---- the public functions ---------------------------------------------------------------------------------------- */

static lam_model *load(lam_bytes *bytes) {
  lam_file file;
  lam_model *model = lam_file_open(&file, bytes) ? NULL : lam_file_model(&file);
  lam_file_close(&file);
  lam_bytes_close(bytes);
  return model;
}

lam_model *lam_model_load(lam_context *context, const char *path) {
  lam_bytes bytes;
  if (!context || context->unusable || !path || lam_bytes_open(context, path, &bytes)) return NULL;
  return load(&bytes);
}

lam_model *lam_model_load_memory(lam_context *context, const void *memory, size_t size) {
  if (!context || context->unusable || !memory) return NULL;
  lam_bytes bytes = lam_bytes_memory(context, memory, size);
  return load(&bytes);
}

lam_model *lam_model_read(lam_context *context, lam_read_function read, void *user) {
  lam_bytes bytes;
  if (!context || context->unusable || !read || lam_bytes_stream(context, read, user, &bytes)) return NULL;
  return load(&bytes);
}
