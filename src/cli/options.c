/* SPDX-License-Identifier: MIT
 *
 * The table of options. Parsing, files of options, --help and the manual are made from it.
 */
#include "cli/cli.h"
#include "layers/layers.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  ON_DATA = TRAIN | EVALUATE | PREDICT | SUMMARY | DATA | GRADCHECK,
  ON_MODEL = EVALUATE | PREDICT | SUMMARY | FOLD | GRADCHECK
};

#define AT(field) offsetof(settings, field)
const cli_option cli_options[] = {
  { "--data", TEXT, AT(data), ON_DATA, EVALUATE | PREDICT | DATA | GRADCHECK | TRAIN, "NAME",
    "fashion-mnist, mnist, digits, iris, a folder with IDX files, FILE.csv, FILE.npz, FILE.npy, or a part (mnist/test)", NULL,
    NULL, false, false },
  { "--data-dir", TEXT, AT(data_dir), ON_DATA, 0, "DIR", "where named data sets are looked for first", NULL, NULL, false, false },
  { "--target", TEXT, AT(target), ON_DATA, 0, "COLUMN",
    "of a CSV file: the column to be predicted, by name or number from 0 (the last); of .npy: the file of targets", NULL, NULL,
    false, false },
  { "--delimiter", TEXT, AT(delimiter), ON_DATA, 0, "CHARACTER",
    "what stands between the columns of a CSV file (a comma); \\t: a tab", NULL, NULL, false, false },
  { "--no-header", FLAG, AT(no_header), ON_DATA, 0, NULL, "the first line of a CSV file is data, not the names of the columns",
    NULL, NULL, false, false },
  { "--no-target", FLAG, AT(no_target), PREDICT | DATA, 0, NULL, "no column of a CSV file is a target: rows to predict from",
    NULL, NULL, false, false },
  { "--only", TEXT, AT(only), ON_DATA, 0, "CLASSES", "only the rows of these classes, which become 0, 1, ...: --only 0,1", NULL,
    NULL, false, false },
  { "--held-out", FRACTION, AT(held_out), ON_DATA, 0, "FRACTION",
    "the test part is this share of all rows, drawn by --seed, of each class alike", NULL, NULL, false, false },
  { "--model", TEXT, AT(model), ON_MODEL, EVALUATE | PREDICT | FOLD, "FILE", "the saved model", NULL, NULL, false, false },
  { "--layers", TEXT, AT(layers), TRAIN | SUMMARY | GRADCHECK, 0, "LIST",
    "dense layers as units:activation, for example 256:relu,15:softmax", NULL, NULL, true, false },
  { "--standardize", FLAG, AT(standardize), TRAIN | SUMMARY | GRADCHECK, 0, NULL,
    "first a layer that takes each column's mean away and divides by its standard deviation, as the training rows have them",
    NULL, NULL, true, false },
  { "--input", TEXT, AT(input), SUMMARY, 0, "SHAPE", "the shape of a row where no data say it, for example 28x28", NULL, NULL,
    false, false },
  { "--loss", NAMED, AT(loss), TRAIN | EVALUATE | GRADCHECK, 0, "NAME", "the loss; of a saved model, instead of its own", NULL,
    lam_loss_names, true, false },
  { "--from-logits", FLAG, AT(from_logits), TRAIN | EVALUATE | GRADCHECK, 0, NULL,
    "the last layer gives logits, not probabilities", NULL, NULL, true, false },
  { "--loss-option", LIST, AT(loss_options), TRAIN | EVALUATE | GRADCHECK, 0, "NAME=VALUE",
    "a number of the loss, such as label_smoothing=0.1, delta=2, gamma=3 or ignore_class=-1; may be repeated", NULL, NULL, true,
    false },
  { "--optimizer", NAMED, AT(optimizer), TRAIN, 0, "NAME", "the optimizer", "rmsprop", lam_optimizer_names, true, false },
  { "--learning-rate", RATE, AT(learning_rate), TRAIN, 0, "RATE", "its learning rate (0.001; sgd 0.01)", NULL, NULL, true,
    false },
  { "--optimizer-option", LIST, AT(optimizer_options), TRAIN, 0, "NAME=VALUE",
    "another of its numbers, such as momentum=0.9 or epsilon_outside=1; may be repeated", NULL, NULL, true, false },
  { "--epochs", SIZE, AT(epochs), TRAIN, 0, "N", "passes over the data; with --resume, how many it shall be in all", "1", NULL,
    false, false },
  { "--batch", SIZE, AT(batch), TRAIN | GRADCHECK, 0, "N", "rows of a step", "32", NULL, false, false },
  { "--validation-split", FRACTION, AT(validation_split), TRAIN, 0, "FRACTION", "the last rows held out and evaluated each epoch",
    NULL, NULL, false, false },
  { "--class-weights", TEXT, AT(class_weights), TRAIN, 0, "LIST",
    "what the rows of class 0, 1, ... weigh in the loss: 1,2.5 (1 for those not listed)", NULL, NULL, false, false },
  { "--early-stopping", SIZE, AT(early_stopping), TRAIN, 0, "N",
    "stop when what --monitor names has not improved for N epochs", NULL, NULL, false, false },
  { "--reduce-lr", TEXT, AT(reduce_lr), TRAIN, 0, "FACTOR:N",
    "multiply the learning rate by this when it has not improved for N epochs: 0.5:3", NULL, NULL, false, false },
  { "--save-best", TEXT, AT(save_best), TRAIN, 0, "FILE",
    "the model of the epoch that is the best so far (.safetensors); {epoch} and {val_loss:.3f} in the name are filled in", NULL,
    NULL, false, false },
  { "--monitor", TEXT, AT(monitor), TRAIN, 0, "NAME",
    "what these three look at (val_loss): loss, accuracy or one of --metrics, with val_ that of validation", NULL, NULL, false,
    false },
  { "--csv-log", TEXT, AT(csv_log), TRAIN, 0, "FILE", "a line of CSV for each epoch; with --resume behind those there are", NULL,
    NULL, false, false },
  { "--seed", SEED, AT(seed), ON_DATA, 0, "N", "of weights, shuffling and --held-out; the same seed gives the same run", "0",
    NULL, false, false },
  { "--save", TEXT, AT(save), TRAIN | FOLD, FOLD, "FILE", "where the model goes (.safetensors)", NULL, NULL, false, false },
  { "--resume", TEXT, AT(resume), TRAIN, 0, "FILE",
    "go on with the training that Ctrl-C left in this file, and save there where --save names no other", NULL, NULL, true, true },
  { "--metrics", TEXT, AT(metrics), TRAIN | EVALUATE, 0, "LIST",
    "metrics, with their standard errors: auc,f1_score:average=macro,precision:class=1:threshold=0.3", NULL, NULL, false, false },
  { "--confusion", SWITCH, AT(confusion), EVALUATE, 0, NULL,
    "the confusion matrix, with precision and recall: yes, no; else where there are at most 20 classes", NULL, NULL, false,
    false },
  { "--classes", FLAG, AT(classes), PREDICT, 0, NULL, "the class of each row", NULL, NULL, false, false },
  { "--probabilities", FLAG, AT(probabilities), PREDICT, 0, NULL, "probabilities, also of a network that was trained from logits",
    NULL, NULL, false, false },
  { "--output", TEXT, AT(output), PREDICT | SUMMARY, 0, "FILE", "where the output goes, instead of to standard output", NULL,
    NULL, false, false },
  { "--dot", FLAG, AT(dot), SUMMARY, 0, NULL, "the network as a graph in the language of Graphviz", NULL, NULL, false, false },
  { "--draw", SIZE, AT(draw), DATA, 0, "N", "draw the first N pictures", NULL, NULL, false, false },
  { "--samples", SIZE, AT(samples), GRADCHECK, 0, "N", "numbers compared of each weight tensor, instead of all", NULL, NULL,
    false, false },
  { "--json", OPTIONAL_TEXT, AT(json), TRAIN | EVALUATE | GRADCHECK | GEMM, 0, "[FILE]",
    "the numbers as JSON, to a file or standard output", NULL, NULL, false, false },
  { "--plot", TEXT, AT(plot), TRAIN, 0, "FILE", "draw loss and accuracy by epoch (.svg)", NULL, NULL, false, false },
  { "--plot-mistakes", TEXT, AT(plot_mistakes), EVALUATE, 0, "FILE", "draw a sheet of the worst mistakes (.svg)", NULL, NULL,
    false, false },
  { "--class-names", TEXT, AT(class_names), EVALUATE, 0, "NAMES", "of the classes in that sheet, from 0 on: shirt,coat", NULL,
    NULL, false, false },
  { "--plot-weights", TEXT, AT(plot_weights), SUMMARY, 0, "FILE", "draw the weights of the first layer (.svg)", NULL, NULL, false,
    false },
  { "--quiet", FLAG, AT(quiet), TRAIN, 0, NULL, "print nothing while it runs", NULL, NULL, false, false },
  { "--gemm", TEXT, AT(gemm), TRAIN | EVALUATE | PREDICT | GRADCHECK, 0, "NAME",
    "the backend of matrix products: native, openblas, blis, mkl, ... or a library's path; auto: the fastest for each", NULL,
    NULL, false, false },
  { "--wisdom", TEXT, AT(wisdom), TRAIN | EVALUATE | PREDICT | GRADCHECK, 0, "FILE",
    "with --gemm auto: what was learnt of this machine, read from this file where it is there, and saved in it", NULL, NULL,
    false, false },
  { "--vet", TEXT, AT(vet), GEMM, 0, "LIBRARY", "load and vet this one in the process itself, and tell what it is", NULL, NULL,
    false, false },
  { "--threads", SIZE, AT(threads), TRAIN | EVALUATE | PREDICT | GRADCHECK, 0, "N", "worker threads", "1", NULL, false, false },
  { "--no-fusion", FLAG, AT(no_fusion), TRAIN | GRADCHECK, 0, NULL,
    "compute softmax or sigmoid apart from its loss, to see the difference", NULL, NULL, true, false },
  { "--config", TEXT, AT(config), EVERY_COMMAND, 0, "FILE", "take options from this file; the command line wins", NULL, NULL,
    false, true },
  { "--print-config", FLAG, AT(print_config), EVERY_COMMAND, 0, NULL, "print the options as such a file, and do nothing else",
    NULL, NULL, false, true },
  { "--help", FLAG, AT(help), EVERY_COMMAND, 0, NULL, "this text", NULL, NULL, false, true },
  { NULL, FLAG, 0, 0, 0, NULL, NULL, NULL, NULL, false, false },
};
#undef AT

/* ---- finding ---- */

const cli_option *find_option(int commands, const char *name, size_t length) {
  for (const cli_option *option = cli_options; option->name; option++)
    if ((option->commands & commands) && strlen(option->name) == length && memcmp(option->name, name, length) == 0) return option;
  return NULL;
}

int unknown_option(int commands, const char *name, size_t length) {
  const char *names[sizeof cli_options / sizeof *cli_options] = { 0 };
  size_t count = 0;
  char said[64] = { 0 };
  for (const cli_option *option = cli_options; option->name; option++)
    if (option->commands & commands) names[count++] = option->name;
  memcpy(said, name, length < sizeof said - 1 ? length : sizeof said - 1);
  return unknown_name("option", said, names);
}

const cli_option *option_at(size_t offset) {
  const cli_option *option = cli_options;
  while (option->name && option->offset != offset) option++;
  return option;
}

bool was_written(const settings *options, size_t offset) {
  for (size_t i = 0; i < options->written_count; i++)
    if (options->written[i].option->offset == offset) return true;
  return false;
}

/* ---- values ---- */

static bool read_whole(const char *text, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

static bool read_number(const char *text, double *value) {
  return *text && *lam_parse_double(text, text + strlen(text), value) == 0 && isfinite(*value);
}

static int set_name(const cli_option *option, const char *text, void *field) {
  lam_names names = option->names;
  int first = strcmp(names[0], "none") == 0, value = lam_name_find(names, text);
  if (value < first) return unknown_name(option->name + 2, text, names + first);
  memcpy(field, &value, sizeof value); /* enums of the public headers are as wide as int */
  return EXIT_OK;
}

static int add_item(const cli_option *option, const char *text, text_list *list) {
  if (list->count == MAX_LIST) return wrong_usage("%s stands here more than %d times", option->name, MAX_LIST);
  list->item[list->count++] = text;
  return EXIT_OK;
}

static int set_whole(const cli_option *option, const char *text, void *field) {
  uint64_t value, least = option->kind == SIZE, most = option->kind == SIZE ? INT32_MAX : UINT64_MAX;
  if (!read_whole(text, &value) || value < least || value > most)
    return wrong_usage("%s takes a whole number from %d to %llu, not \"%s\"", option->name, (int)least, (unsigned long long)most,
                       text);
  if (option->kind == SIZE)
    *(size_t *)field = (size_t)value;
  else
    *(uint64_t *)field = value;
  return EXIT_OK;
}

static int set_real(const cli_option *option, const char *text, void *field) {
  double value;
  bool read = read_number(text, &value);
  if (option->kind == FRACTION) {
    if (!read || value <= 0 || value >= 1)
      return wrong_usage("%s takes a number between 0 and 1, not \"%s\"", option->name, text);
    *(double *)field = value;
    return EXIT_OK;
  }
  if (!read || value < 0 || (float)value > 3.4e38f)
    return wrong_usage("%s takes a number from 0 up, not \"%s\"", option->name, text);
  *(float *)field = value > 0 ? (float)value : LAM_ZERO;
  return EXIT_OK;
}

/* A file of options can say no to what another part of it, or the command line before, said yes to. */
static int set_flag(const cli_option *option, const char *text, void *field) {
  bool yes = !text || strcmp(text, "yes") == 0, no = text && strcmp(text, "no") == 0;
  if (!yes && !no) return wrong_usage("%s is yes or no, not \"%s\"; %s alone is yes", option->name, text, option->name);
  if (option->kind == FLAG)
    *(bool *)field = yes;
  else
    *(switch_state *)field = yes ? SWITCH_YES : SWITCH_NO;
  return EXIT_OK;
}

int set_option(const cli_option *option, const char *text, settings *values) {
  void *field = (char *)values + option->offset;
  switch (option->kind) {
  case FLAG:
  case SWITCH: return set_flag(option, text, field);
  case TEXT:
  case OPTIONAL_TEXT:
    if (!*text) return wrong_usage("%s needs %s, and what is written is empty", option->name, option->argument);
    return *(const char **)field = text, EXIT_OK;
  case LIST: return add_item(option, text, field);
  case SIZE:
  case SEED: return set_whole(option, text, field);
  case RATE:
  case FRACTION: return set_real(option, text, field);
  case NAMED: return set_name(option, text, field);
  }
  return EXIT_FAILED;
}
