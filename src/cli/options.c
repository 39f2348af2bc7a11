/* SPDX-License-Identifier: MIT
 *
 * The table of options (option.h). Parsing, files of options, --help and the manual are made from it.
 */
#include "cli/cli.h"
#include "layers/layers.h"

enum {
  ON_DATA = TRAIN | EVALUATE | PREDICT | SUMMARY | DATA | GRADCHECK,
  ON_MODEL = EVALUATE | PREDICT | SUMMARY | FOLD | GRADCHECK
};

#define AT(field) offsetof(settings, field)
const cli_option cli_options[] = {
  { "--data", TEXT, AT(data), ON_DATA, EVALUATE | PREDICT | DATA | GRADCHECK | TRAIN, "NAME",
    "fashion-mnist, mnist, digits, iris, a folder with IDX files, FILE.csv, FILE.npz, FILE.npy, or a part (mnist/test)" },
  { "--data-dir", TEXT, AT(data_dir), ON_DATA, 0, "DIR", "where named data sets are looked for first" },
  { "--target", TEXT, AT(target), ON_DATA, 0, "COLUMN",
    "of a CSV file: the column to be predicted, by name or number from 0 (the last); of .npy: the file of targets" },
  { "--delimiter", TEXT, AT(delimiter), ON_DATA, 0, "CHARACTER",
    "what stands between the columns of a CSV file (a comma); \\t: a tab" },
  { "--no-header", FLAG, AT(no_header), ON_DATA, 0, NULL, "the first line of a CSV file is data, not the names of the columns" },
  { "--no-target", FLAG, AT(no_target), PREDICT | DATA, 0, NULL, "no column of a CSV file is a target: rows to predict from" },
  { "--only", TEXT, AT(only), ON_DATA, 0, "CLASSES", "only the rows of these classes, which become 0, 1, ...: --only 0,1" },
  { "--held-out", FRACTION, AT(held_out), ON_DATA, 0, "FRACTION",
    "the test part is this share of all rows, drawn by --seed, of each class alike" },
  { "--model", TEXT, AT(model), ON_MODEL, EVALUATE | PREDICT | FOLD, "FILE", "the saved model" },
  { "--layers", TEXT, AT(layers), TRAIN | SUMMARY | GRADCHECK, 0, "LIST",
    "dense layers as units:activation, for example 256:relu,15:softmax", NULL, NULL, true },
  { "--standardize", FLAG, AT(standardize), TRAIN | SUMMARY | GRADCHECK, 0, NULL,
    "first a layer that takes each column's mean away and divides by its standard deviation, as the training rows have them",
    NULL, NULL, true },
  { "--input", TEXT, AT(input), SUMMARY, 0, "SHAPE", "the shape of a row where no data say it, for example 28x28" },
  { "--loss", NAMED, AT(loss), TRAIN | EVALUATE | GRADCHECK, 0, "NAME", "the loss; of a saved model, instead of its own", NULL,
    lam_loss_names, true },
  { "--from-logits", FLAG, AT(from_logits), TRAIN | EVALUATE | GRADCHECK, 0, NULL,
    "the last layer gives logits, not probabilities", NULL, NULL, true },
  { "--loss-option", LIST, AT(loss_options), TRAIN | EVALUATE | GRADCHECK, 0, "NAME=VALUE",
    "a number of the loss, such as label_smoothing=0.1, delta=2, gamma=3 or ignore_class=-1; may be repeated", NULL, NULL, true },
  { "--optimizer", NAMED, AT(optimizer), TRAIN, 0, "NAME", "the optimizer", "rmsprop", lam_optimizer_names, true },
  { "--learning-rate", RATE, AT(learning_rate), TRAIN, 0, "RATE", "its learning rate (0.001; sgd 0.01)", NULL, NULL, true },
  { "--optimizer-option", LIST, AT(optimizer_options), TRAIN, 0, "NAME=VALUE",
    "another of its numbers, such as momentum=0.9 or epsilon_outside=1; may be repeated", NULL, NULL, true },
  { "--epochs", SIZE, AT(epochs), TRAIN, 0, "N", "passes over the data; with --resume, how many it shall be in all", "1", NULL },
  { "--batch", SIZE, AT(batch), TRAIN | GRADCHECK, 0, "N", "rows of a step", "32", NULL },
  { "--validation-split", FRACTION, AT(validation_split), TRAIN, 0, "FRACTION",
    "the last rows held out and evaluated each epoch" },
  { "--class-weights", TEXT, AT(class_weights), TRAIN, 0, "LIST",
    "what the rows of class 0, 1, ... weigh in the loss: 1,2.5 (1 for those not listed)" },
  { "--early-stopping", SIZE, AT(early_stopping), TRAIN, 0, "N", "stop when what --monitor names has not improved for N epochs" },
  { "--reduce-lr", TEXT, AT(reduce_lr), TRAIN, 0, "FACTOR:N",
    "multiply the learning rate by this when it has not improved for N epochs: 0.5:3" },
  { "--save-best", TEXT, AT(save_best), TRAIN, 0, "FILE",
    "the model of the epoch that is the best so far (.safetensors); {epoch} and {val_loss:.3f} in the name are filled in" },
  { "--monitor", TEXT, AT(monitor), TRAIN, 0, "NAME",
    "what these three look at (val_loss): loss, accuracy or one of --metrics, with val_ that of validation" },
  { "--csv-log", TEXT, AT(csv_log), TRAIN, 0, "FILE", "a line of CSV for each epoch; with --resume behind those there are" },
  { "--seed", SEED, AT(seed), ON_DATA, 0, "N", "of weights, shuffling and --held-out; the same seed gives the same run", "0",
    NULL },
  { "--save", TEXT, AT(save), TRAIN | FOLD, FOLD, "FILE", "where the model goes (.safetensors)" },
  { "--resume", TEXT, AT(resume), TRAIN, 0, "FILE",
    "go on with the training that Ctrl-C left in this file, and save there where --save names no other", NULL, NULL, true, true },
  { "--metrics", TEXT, AT(metrics), TRAIN | EVALUATE, 0, "LIST",
    "metrics, with their standard errors: auc,f1_score:average=macro,precision:class=1:threshold=0.3" },
  { "--confusion", SWITCH, AT(confusion), EVALUATE, 0, NULL,
    "the confusion matrix, with precision and recall: yes, no; else where there are at most 20 classes" },
  { "--classes", FLAG, AT(classes), PREDICT, 0, NULL, "the class of each row" },
  { "--probabilities", FLAG, AT(probabilities), PREDICT, 0, NULL,
    "probabilities, also of a network that was trained from logits" },
  { "--output", TEXT, AT(output), PREDICT | SUMMARY, 0, "FILE", "where the output goes, instead of to standard output" },
  { "--dot", FLAG, AT(dot), SUMMARY, 0, NULL, "the network as a graph in the language of Graphviz" },
  { "--draw", SIZE, AT(draw), DATA, 0, "N", "draw the first N pictures" },
  { "--samples", SIZE, AT(samples), GRADCHECK, 0, "N", "numbers compared of each weight tensor, instead of all" },
  { "--json", OPTIONAL_TEXT, AT(json), TRAIN | EVALUATE | GRADCHECK | GEMM, 0, "[FILE]",
    "the numbers as JSON, to a file or standard output" },
  { "--plot", TEXT, AT(plot), TRAIN, 0, "FILE", "draw loss and accuracy by epoch (.svg)" },
  { "--plot-mistakes", TEXT, AT(plot_mistakes), EVALUATE, 0, "FILE", "draw a sheet of the worst mistakes (.svg)" },
  { "--class-names", TEXT, AT(class_names), EVALUATE, 0, "NAMES", "of the classes in that sheet, from 0 on: shirt,coat" },
  { "--plot-weights", TEXT, AT(plot_weights), SUMMARY, 0, "FILE", "draw the weights of the first layer (.svg)" },
  { "--quiet", FLAG, AT(quiet), TRAIN, 0, NULL, "print nothing while it runs" },
  { "--gemm", TEXT, AT(gemm), TRAIN | EVALUATE | PREDICT | GRADCHECK, 0, "NAME",
    "the backend of matrix products: native, openblas, blis, mkl, ... or a library's path; auto: the fastest for each" },
  { "--wisdom", TEXT, AT(wisdom), TRAIN | EVALUATE | PREDICT | GRADCHECK, 0, "FILE",
    "with --gemm auto: what was learnt of this machine, read from this file where it is there, and saved in it" },
  { "--vet", TEXT, AT(vet), GEMM, 0, "LIBRARY", "load and vet this one in the process itself, and tell what it is" },
  { "--threads", SIZE, AT(threads), TRAIN | EVALUATE | PREDICT | GRADCHECK, 0, "N",
    "threads at most (as many as the process has CPUs); they change how long it takes and nothing else" },
  { "--no-fusion", FLAG, AT(no_fusion), TRAIN | GRADCHECK, 0, NULL,
    "compute softmax or sigmoid apart from its loss, to see the difference", NULL, NULL, true },
  { "--config", TEXT, AT(config), EVERY_COMMAND, 0, "FILE", "take options from this file; the command line wins", NULL, NULL,
    false, true },
  { "--print-config", FLAG, AT(print_config), EVERY_COMMAND, 0, NULL, "print the options as such a file, and do nothing else",
    NULL, NULL, false, true },
  { "--help", FLAG, AT(help), EVERY_COMMAND, 0, NULL, "this text", NULL, NULL, false, true },
  { NULL, FLAG, 0, 0, 0, NULL, NULL },
};
#undef AT

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
