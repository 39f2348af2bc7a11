/* SPDX-License-Identifier: MIT
 *
 * From options to a context, data and a network.
 */
#include "cli/cli.h"
#include "layers/layers.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LAYER_TEXT = 64 };

typedef struct cli_layer {
  size_t units;
  lam_activation activation;
} cli_layer;

static const char *const data_names[] = { "fashion-mnist", "mnist", "digits", NULL };

lam_context *open_context(const settings *options) {
  /* The library searches LAMINA_DATA first. */
  if (options->data_dir) setenv("LAMINA_DATA", options->data_dir, 1);
  return lam_context_create(
      &(lam_context_options){ .seed = options->seed, .threads = (unsigned)options->threads, .gemm = options->gemm });
}

/* ---- the network ---- */

/* Reads the layer at the start of `text` and sets *next behind it and its comma. */
static int read_layer(const char *text, cli_layer *layer, const char **next) {
  char item[LAYER_TEXT] = { 0 };
  size_t length = strcspn(text, ",");
  memcpy(item, text, length < LAYER_TEXT ? length : LAYER_TEXT - 1);
  *next = text[length] ? text + length + 1 : NULL;
  char *end;
  unsigned long long units = strtoull(item, &end, 10);
  if (*item < '0' || *item > '9' || (*end && *end != ':'))
    return wrong_usage("--layers: \"%s\" is not a layer; write units:activation, for example 256:relu,15:softmax", item);
  if (units < 1 || units > INT32_MAX)
    return wrong_usage("--layers: a layer has 1 to %d units, and \"%s\" does not", INT32_MAX, item);
  int activation = *end ? lam_name_find(lam_activation_names, end + 1) : LAM_LINEAR;
  if (activation < 0) return unknown_name("activation", end + 1, lam_activation_names);
  *layer = (cli_layer){ (size_t)units, (lam_activation)activation };
  return EXIT_OK;
}

int check_layers(const settings *options) {
  cli_layer last = { 0 };
  for (const char *layers = options->layers; layers;) {
    int code = read_layer(layers, &last, &layers);
    if (code) return code;
  }
  bool probabilities = last.activation == LAM_SOFTMAX || last.activation == LAM_SIGMOID;
  if (options->from_logits && probabilities)
    warn("--from-logits takes what the last layer gives as logits, but its %s gives probabilities already; was %zu:linear meant?",
         lam_activation_names[last.activation], last.units);
  return EXIT_OK;
}

lam_model *build_network(lam_context *context, const char *layers, lam_shape input) {
  lam_node x = lam_input(lam_graph_create(context), input);
  if (input.rank > 1) x = lam_flatten(x);
  while (layers) {
    cli_layer layer = { 0 };
    if (read_layer(layers, &layer, &layers)) return NULL;
    x = lam_dense(x, layer.units, &(lam_dense_options){ .activation = layer.activation });
  }
  return lam_model_create(&x, 1);
}

/* ---- data ---- */

static bool is_folder(const char *path) {
  struct stat entry;
  return stat(path, &entry) == 0 && S_ISDIR(entry.st_mode);
}

static bool names_a_part(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash && (strcmp(slash, "/train") == 0 || strcmp(slash, "/test") == 0) && !is_folder(name);
}

static lam_dataset *open_part(lam_context *context, const char *name, const char *part) {
  char path[4096];
  int length = (int)strlen(name);
  while (length > 1 && name[length - 1] == '/') length--;
  if (snprintf(path, sizeof path, "%.*s/%s", length, name, part) >= (int)sizeof path) {
    lam_fail(context, LAM_INVALID_ARGUMENT, "--data: the name is longer than %zu characters", sizeof path - 8);
    return NULL;
  }
  return lam_dataset_open(context, path);
}

/* A folder may be without a test part: neither of its two files is there. */
static bool has_test_part(const char *name) {
  static const char *const files[] = { "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte",
                                       "t10k-labels-idx1-ubyte.gz", NULL };
  if (!is_folder(name)) return true;
  for (const char *const *file = files; *file; file++) {
    char path[4096];
    struct stat entry;
    if (snprintf(path, sizeof path, "%s/%s", name, *file) < (int)sizeof path && stat(path, &entry) == 0) return true;
  }
  return false;
}

/* A misspelt name is told by its neighbours; of a known one, the library tells where it looked. */
static int data_failed(lam_context *context, const char *name) {
  bool plain = !strchr(name, '/') && lam_name_find(data_names, name) < 0;
  if (lam_error_status(context) == LAM_IO && plain && !is_folder(name))
    return unknown_name("data set or folder", name, data_names);
  return library_failed(context);
}

int open_data(lam_context *context, const char *name, lam_dataset **train, lam_dataset **test) {
  *test = NULL;
  bool part = names_a_part(name);
  *train = part ? lam_dataset_open(context, name) : open_part(context, name, "train");
  if (!*train) return data_failed(context, name);
  if (part || !has_test_part(name)) return EXIT_OK;
  *test = open_part(context, name, "test");
  return *test ? EXIT_OK : data_failed(context, name);
}

int open_test_data(lam_context *context, const char *name, lam_dataset **data) {
  bool whole = names_a_part(name) || !has_test_part(name);
  *data = whole ? lam_dataset_open(context, name) : open_part(context, name, "test");
  return *data ? EXIT_OK : data_failed(context, name);
}

int encode_targets(lam_context *context, const lam_model *model, lam_loss loss, lam_dataset **data) {
  const lam_loss_type *type = lam_loss_type_of(loss);
  lam_shape output = lam_model_output_shape(model, 0);
  size_t width = output.rank ? output.size[output.rank - 1] : 1;
  if (!*data || !type || type->sparse || width < 2 || !lam_dataset_classes(*data)) return EXIT_OK;
  *data = lam_one_hot(*data, width);
  return *data ? EXIT_OK : library_failed(context);
}
