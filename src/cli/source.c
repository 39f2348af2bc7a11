/* SPDX-License-Identifier: MIT
 *
 * The data of every command: a named set, a folder, a table, a part of any; then the classes that are wanted; then the rows held
 * out.
 */
#include "cli/cli.h"
#include "data/dataset.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening ---- */

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

/* ---- tables ---- */

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), size = strlen(end);
  return length > size && strcmp(text + length - size, end) == 0;
}

static bool is_csv(const char *name) { return ends_with(name, ".csv") || ends_with(name, ".csv.gz"); }
static bool is_npy(const char *name) { return ends_with(name, ".npy") || ends_with(name, ".npy.gz"); }

int check_source(const settings *options) {
  const char *name = options->data ? options->data : "", *delimiter = options->delimiter;
  bool csv = is_csv(name), npy = is_npy(name), tab = delimiter && strcmp(delimiter, "\\t") == 0;
  if (delimiter && !tab && strlen(delimiter) != 1)
    return wrong_usage("--delimiter takes one character, or \\t for a tab, not \"%s\"", delimiter);
  if (!csv && (delimiter || options->no_header || options->no_target))
    return wrong_usage("%s is about a table: write --data FILE.csv", delimiter            ? "--delimiter"
                                                                     : options->no_header ? "--no-header"
                                                                                          : "--no-target");
  if (!csv && !npy && options->target)
    return wrong_usage("--target is a column of --data FILE.csv, or the file of targets of --data FILE.npy");
  if (options->target && options->no_target) return wrong_usage("--target and --no-target exclude each other; write one of them");
  return EXIT_OK;
}

/* Classes are numbered as the model has them, where there is one and it knows their names. */
static lam_dataset *open_csv(lam_context *context, const settings *options, const lam_model *model) {
  size_t count = lam_model_class_count(model);
  const char **names = count ? program_memory(count, sizeof *names) : NULL;
  for (size_t i = 0; i < count; i++) names[i] = lam_model_class_name(model, i);
  const char *delimiter = options->delimiter;
  lam_csv_options how = { .no_header = options->no_header,
                          .target = options->target,
                          .no_target = options->no_target,
                          .class_names = names,
                          .class_count = count };
  if (delimiter) how.delimiter = strcmp(delimiter, "\\t") == 0 ? '\t' : *delimiter;
  return lam_dataset_open_csv(context, options->data, &how);
}

/* A table as the library divides one that is opened by its name: a quarter of the rows, always the same, is the test part. */
static int open_table(lam_context *context, const settings *options, const lam_model *model, source *opened) {
  lam_dataset *all =
      is_csv(options->data) ? open_csv(context, options, model) : lam_dataset_open_npy(context, options->data, options->target);
  opened->train = all;
  if (!all) return library_failed(context);
  if (options->held_out > 0 || options->no_target || lam_dataset_rows(all) < 2) return EXIT_OK;
  lam_split_options how = { .shuffle = true };
  return lam_dataset_split(all, 0.25, &how, &opened->train, &opened->test) ? library_failed(context) : EXIT_OK;
}

/* ---- only some classes ---- */

/* Reads "3,8" into classes[]; returns how many, or 0 with the sentence said. */
static size_t read_classes(const char *text, int32_t classes[MAX_LIST]) {
  size_t count = 0;
  for (const char *item = text; item; count++) {
    char *end;
    unsigned long long value = strtoull(item, &end, 10);
    bool good = *item >= '0' && *item <= '9' && (*end == 0 || *end == ',') && value < INT32_MAX && count < MAX_LIST;
    for (size_t i = 0; good && i < count; i++) good = classes[i] != (int32_t)value;
    if (!good)
      return wrong_usage("--only takes different classes with commas between them, for example 0,1, not \"%s\"", text), 0;
    classes[count] = (int32_t)value;
    item = *end ? end + 1 : NULL;
  }
  if (count < 2) return wrong_usage("--only takes at least two classes, for example 0,1, not \"%s\"", text), 0;
  return count;
}

static int32_t place_of(int32_t label, const int32_t *classes, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (classes[i] == label) return (int32_t)i;
  return -1;
}

/* `*data` with the rows of these classes, labelled by the place of their class in the list. */
static int keep_classes(lam_context *context, const char *text, lam_dataset **data) {
  int32_t classes[MAX_LIST];
  size_t count = read_classes(text, classes), rows = lam_dataset_rows(*data), kept = 0, bytes;
  if (!count) return EXIT_USAGE;
  if (!lam_dataset_classes(*data)) return wrong_usage("--only needs data with integer labels, and these have none");
  const lam_array *input = lam_dataset_input(*data, 0);
  (void)lam_shape_count(input->shape, &bytes);
  bytes *= lam_type_size(input->type);
  int32_t *labels = program_memory(rows, sizeof *labels);
  unsigned char *values = program_memory(rows, bytes);
  size_t seen[MAX_LIST] = { 0 };
  for (size_t i = 0; i < rows; i++) {
    uint32_t row = (uint32_t)i;
    int32_t label;
    lam_dataset_gather_labels(*data, 0, &row, 1, &label);
    label = place_of(label, classes, count);
    if (label < 0) continue;
    memcpy(values + kept * bytes, lam_dataset_row(*data, input, i), bytes);
    labels[kept++] = label;
    seen[label]++;
  }
  for (size_t i = 0; i < count; i++)
    if (!seen[i])
      return wrong_usage("--only: no row has class %d; classes are 0 to %zu", (int)classes[i], lam_dataset_classes(*data) - 1);
  lam_array inputs = *input, targets = { .data = labels, .type = LAM_INT32, .rows = kept };
  inputs.data = values;
  inputs.rows = kept;
  inputs.stride = 0;
  *data = lam_dataset_create(context, &inputs, 1, &targets, 1);
  return *data ? EXIT_OK : library_failed(context);
}

/* ---- rows held out ---- */

static int hold_out(lam_context *context, const settings *options, const lam_dataset *all, source *opened) {
  bool labelled = lam_dataset_classes(all) != 0;
  lam_split_options how = { .shuffle = true, .stratify = labelled, .seed = options->seed };
  return lam_dataset_split(all, options->held_out, &how, &opened->train, &opened->test) ? library_failed(context) : EXIT_OK;
}

static int finish(lam_context *context, const settings *options, source *opened) {
  int code = EXIT_OK;
  if (options->only && opened->train) code = keep_classes(context, options->only, &opened->train);
  if (!code && options->only && opened->test) code = keep_classes(context, options->only, &opened->test);
  if (!code && options->held_out > 0) code = hold_out(context, options, opened->train, opened);
  return code;
}

/* Opens the parts that are wanted: both, or the one to be looked at. With --held-out, a set without files for its test part is
 * divided anew as a whole. */
static int open_parts(lam_context *context, const settings *options, const lam_model *model, bool examined, source *opened) {
  const char *name = options->data;
  *opened = (source){ NULL, NULL };
  if (is_csv(name) || is_npy(name)) return open_table(context, options, model, opened);
  bool whole = names_a_part(name) || options->held_out > 0, has_test = !whole && has_test_part(name);
  if (!(examined && has_test)) {
    opened->train = whole ? lam_dataset_open(context, name) : open_part(context, name, "train");
    if (!opened->train) return library_failed(context);
  }
  if (!has_test) return EXIT_OK;
  opened->test = open_part(context, name, "test");
  return opened->test ? EXIT_OK : library_failed(context);
}

int open_source(lam_context *context, const settings *options, source *opened) {
  int code = open_parts(context, options, NULL, false, opened);
  return code ? code : finish(context, options, opened);
}

int open_examined(lam_context *context, const settings *options, const lam_model *model, lam_dataset **data) {
  source opened;
  int code = open_parts(context, options, model, true, &opened);
  if (!code) code = finish(context, options, &opened);
  *data = opened.test ? opened.test : opened.train;
  return code;
}
