/* SPDX-License-Identifier: MIT
 *
 * From options to a context, a network, and how it is trained.
 */
#include "blas/gemm.h"
#include "cli/cli.h"
#include "layers/layers.h"
#include "layers/losses.h"
#include "train/trainer.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LAYER_TEXT = 64 };

typedef struct cli_layer {
  size_t units;
  lam_activation activation;
} cli_layer;

lam_context *open_context(const settings *options) {
  /* The library searches LAMINA_DATA first. */
  if (options->data_dir) setenv("LAMINA_DATA", options->data_dir, 1);
  lam_context *context = lam_context_create(
      &(lam_context_options){ .seed = options->seed, .threads = (unsigned)options->threads, .gemm = options->gemm });
  /* The first run with a file of wisdom makes it. */
  if (context && !lam_error_status(context) && options->wisdom && access(options->wisdom, F_OK) == 0)
    (void)lam_wisdom_load(context, options->wisdom);
  return context;
}

static void print_choices(lam_context *context) {
  lam_gemm_choice choice;
  for (size_t i = 0; i < lam_gemm_choice_count(context); i++) {
    if (lam_gemm_get_choice(context, i, &choice)) return;
    char product[LAM_PRODUCT_TEXT];
    lam_gemm_choice_text(&choice, product);
    fprintf(stderr, "gemm auto: %-18s %s, %.2f us", product, choice.backend, choice.seconds * 1e6);
    if (*choice.other) fprintf(stderr, "; %s %.2f us", choice.other, choice.other_seconds * 1e6);
    fputc('\n', stderr);
  }
}

int close_context(const settings *options, lam_context *context, int code) {
  if (!options->quiet && strcmp(lam_gemm_name(context), "auto") == 0) print_choices(context);
  if (!code && options->wisdom && lam_wisdom_save(context, options->wisdom)) code = library_failed(context);
  lam_context_destroy(context);
  return code;
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

lam_model *build_network(lam_context *context, const settings *options, lam_shape input) {
  const char *layers = options->layers;
  lam_node x = lam_input(lam_graph_create(context), input);
  if (options->standardize) x = lam_normalization(x);
  if (input.rank > 1) x = lam_flatten(x);
  while (layers) {
    cli_layer layer = { 0 };
    if (read_layer(layers, &layer, &layers)) return NULL;
    x = lam_dense(x, layer.units, &(lam_dense_options){ .activation = layer.activation });
  }
  return lam_model_create(&x, 1);
}

int load_model(lam_context *context, const settings *options, lam_model **model) {
  if (context->unusable) return library_failed(context);
  *model = lam_model_load(context, options->model);
  if (*model) return EXIT_OK;
  return failed("%s", lam_error_message(context)); /* whatever its status: the file is wrong, not the command line */
}

/* ---- how it is trained ---- */

/* An option NAME=VALUE that sets a field of a struct. */
typedef struct field_option {
  const char *option, *example;
  const char *what; /* "optimizer" */
  const lam_field *fields;
  const char *apart[3][2]; /* fields that have an option of their own */
} field_option;

static const field_option optimizer_option = {
  "--optimizer-option", "momentum=0.9", "optimizer", lam_optimizer_fields, { { "type", "--optimizer NAME" } }
};
static const field_option loss_option = { "--loss-option",
                                          "label_smoothing=0.1",
                                          "loss",
                                          lam_loss_fields,
                                          { { "loss", "--loss NAME" }, { "from_logits", "--from-logits" } } };

static int read_field(lam_context *context, const field_option *of, const text_list *list, void *values) {
  for (size_t i = 0; i < list->count; i++) {
    char name[64], what[64];
    const char *text = list->item[i], *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : 0;
    if (!length || length >= sizeof name)
      return wrong_usage("%s takes NAME=VALUE, for example %s, not \"%s\"", of->option, of->example, text);
    memcpy(name, text, length);
    name[length] = 0;
    for (size_t j = 0; of->apart[j][0]; j++)
      if (strcmp(of->apart[j][0], name) == 0) return wrong_usage("%s: %s is written %s", of->option, name, of->apart[j][1]);
    snprintf(what, sizeof what, "option of the %s", of->what);
    if (lam_field_parse(context, what, of->fields, values, name, equals + 1))
      return wrong_usage("%s: %s", of->option, lam_error_message(context));
  }
  return EXIT_OK;
}

/* What the command line says of the loss, into the options of a trainer. */
static int read_loss(const settings *options, lam_context *context, lam_trainer_options *trainer) {
  trainer->loss = options->loss;
  trainer->from_logits = options->from_logits;
  trainer->losses = NULL;
  trainer->loss_count = 0;
  if (!options->loss_options.count) return EXIT_OK;
  if (!options->loss) return wrong_usage("--loss-option goes with --loss NAME");
  lam_loss_options *loss = program_memory(1, sizeof *loss);
  *loss = (lam_loss_options){ .loss = options->loss, .from_logits = options->from_logits };
  int code = read_field(context, &loss_option, &options->loss_options, loss);
  for (size_t i = 0; i < options->loss_options.count; i++) /* who names a class means it */
    if (strncmp(options->loss_options.item[i], "ignore_class=", strlen("ignore_class=")) == 0) loss->ignore = true;
  trainer->loss = LAM_NO_LOSS;
  trainer->from_logits = false;
  trainer->losses = loss;
  trainer->loss_count = 1;
  return code;
}

int read_trainer_options(const settings *options, lam_context *context, lam_trainer_options *trainer) {
  *trainer = (lam_trainer_options){ .no_fusion = options->no_fusion };
  trainer->optimizer.type = options->optimizer;
  trainer->optimizer.learning_rate = options->learning_rate;
  int code = read_loss(options, context, trainer);
  return code ? code : read_field(context, &optimizer_option, &options->optimizer_options, &trainer->optimizer);
}

int make_trainer(const settings *options, lam_model *model, lam_trainer **trainer) {
  lam_context *context = model->object.context;
  lam_trainer_options how;
  *trainer = lam_trainer_create(model, NULL);
  if (!*trainer || lam_trainer_get_options(*trainer, &how)) return library_failed(context);
  if (options->loss || options->loss_options.count) {
    int code = read_loss(options, context, &how);
    if (code) return code;
  } else if (options->from_logits && how.loss_count) {
    return wrong_usage("--from-logits goes with --loss NAME: the model's loss has options of its own");
  } else if (options->from_logits) {
    how.from_logits = true;
  }
  if (options->no_fusion) how.no_fusion = true;
  if (!lam_loss_of(&how, 0).loss && how.loss_count < 2)
    return wrong_usage("\"%s\" does not say with which loss it was trained; write it: --loss NAME", options->model);
  if (options->loss || options->from_logits || options->no_fusion) *trainer = lam_trainer_create(model, &how);
  return *trainer ? EXIT_OK : library_failed(context);
}

int encode_targets(lam_context *context, const lam_model *model, lam_loss loss, lam_dataset **data) {
  const lam_loss_type *type = lam_loss_type_of(loss);
  lam_shape output = lam_model_output_shape(model, 0);
  size_t width = output.rank ? output.size[output.rank - 1] : 1;
  if (!*data || !type || type->sparse || width < 2 || !lam_dataset_classes(*data)) return EXIT_OK;
  *data = lam_one_hot(*data, width);
  return *data ? EXIT_OK : library_failed(context);
}
