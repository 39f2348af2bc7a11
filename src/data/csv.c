/* SPDX-License-Identifier: MIT
 *
 * Tables from CSV files. The text is read as a whole and gone through three times: to count, for the inputs, for the targets. So
 * nothing is allocated that the file does not fill.
 */
#include "data/csv_classes.h"
#include "data/csv_scan.h"
#include "data/source.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NO_TARGET SIZE_MAX

typedef struct table {
  lam_csv_text csv;
  const lam_csv_options *options;
  size_t rows, columns, target; // without the header; target: NO_TARGET
  float *inputs;
  lam_array targets;
  lam_block targets_block, names;
  size_t name_count;
} table;

static size_t input_columns(const table *t) { return t->columns - (t->target != NO_TARGET); }

/* ---- sentences --------------------------------------------------------------------------------------------------- */

/* "column 3 ("species")" */
static const char *column_text(char buffer[96], const table *t, size_t column) {
  lam_csv_cursor cursor = lam_csv_start(&t->csv);
  lam_cell cell = { 0 };
  char name[48];
  for (size_t i = 0; i <= column; ++i)
    if (lam_csv_next(&cursor, &cell)) return "";
  if (t->options->no_header)
    snprintf(buffer, 96, "column %zu", column);
  else
    snprintf(buffer, 96, "column %zu (\"%s\")", column, lam_cell_text(name, &cell));
  return buffer;
}

static lam_status refuse_cell(const table *t, const lam_cell *cell, size_t column, const char *why) {
  char where[96], text[48];
  if (cell->size == 0)
    return lam_fail(t->csv.context, LAM_FORMAT, "\"%s\", line %zu, %s is empty: fill it in or leave the row out", t->csv.path,
                    cell->line, column_text(where, t, column));
  return lam_fail(t->csv.context, LAM_FORMAT, "\"%s\", line %zu, %s is \"%s\": %s", t->csv.path, cell->line,
                  column_text(where, t, column), lam_cell_text(text, cell), why);
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static lam_status check_bytes(const lam_csv_text *csv) {
  size_t size = (size_t)(csv->end - csv->begin);
  const char *zero = memchr(csv->begin, 0, size);
  if (zero)
    return lam_fail(csv->context, LAM_FORMAT, "\"%s\" is no text: its byte %zu is zero; UTF-16 is to be saved as UTF-8",
                    csv->path, (size_t)(zero - csv->begin));
  return LAM_OK;
}

static lam_status count_cells(table *t) {
  lam_csv_cursor cursor = lam_csv_start(&t->csv);
  lam_cell cell;
  size_t row = 0, column = 0;
  for (;;) {
    lam_status status = lam_csv_next(&cursor, &cell);
    if (status) return status;
    if (!cell.text) break;
    ++column;
    if (!cell.last) continue;
    if (row++ == 0) t->columns = column;
    if (column != t->columns)
      return lam_fail(t->csv.context, LAM_FORMAT, "\"%s\", line %zu has %zu cell%s, the first line %zu: is '%c' the delimiter?",
                      t->csv.path, cell.line, column, column == 1 ? "" : "s", t->columns, t->csv.delimiter);
    column = 0;
  }
  t->rows = row - (row && !t->options->no_header);
  if (t->rows == 0 || t->rows > LAM_MOST_ELEMENTS || t->columns > LAM_MOST_ELEMENTS)
    return lam_fail(t->csv.context, LAM_FORMAT, "\"%s\" has %zu rows of %zu columns%s; 1 to 2147483647 are possible", t->csv.path,
                    t->rows, t->columns, t->options->no_header ? "" : " below its first line, which names them");
  return LAM_OK;
}

/* A column's number as text, or SIZE_MAX. */
static size_t column_number(const char *text) {
  size_t number = 0, length = strspn(text, "0123456789");
  if (length == 0 || length > 9 || text[length]) return SIZE_MAX;
  for (; *text; ++text) number = 10 * number + (size_t)(*text - '0');
  return number;
}

static lam_status find_target(table *t) {
  const char *wanted = t->options->target;
  lam_context *context = t->csv.context;
  t->target = t->options->no_target ? NO_TARGET : t->columns - 1;
  if (!wanted) return LAM_OK;
  lam_csv_cursor cursor = lam_csv_start(&t->csv);
  lam_cell cell;
  size_t found = 0;
  for (size_t i = 0; i < t->columns && !t->options->no_header; ++i) {
    lam_status status = lam_csv_next(&cursor, &cell);
    if (status) return status;
    if (!lam_cell_equals(&cell, wanted)) continue;
    t->target = i;
    ++found;
  }
  if (found > 1) return lam_fail(context, LAM_FORMAT, "\"%s\" has %zu columns named \"%.60s\"", t->csv.path, found, wanted);
  if (found == 1) return LAM_OK;
  t->target = column_number(wanted);
  if (t->target < t->columns) return LAM_OK;
  char last[96];
  return lam_fail(context, LAM_UNKNOWN_NAME, "\"%s\" has no column \"%.60s\"; its last is %s", t->csv.path, wanted,
                  column_text(last, t, t->columns - 1));
}

/* A first line whose inputs are all numbers is data, but for columns that are named 0, 1, 2, ... or 1, 2, 3, ... */
static lam_status check_header(const table *t) {
  lam_csv_cursor cursor = lam_csv_start(&t->csv);
  lam_cell cell;
  bool numbers = true, counting = true;
  double value, expected = -1;
  for (size_t i = 0; i < t->columns && numbers; ++i) {
    lam_status status = lam_csv_next(&cursor, &cell);
    if (status) return status;
    if (i == t->target) continue;
    numbers = lam_cell_number(&cell, &value);
    if (!numbers) break;
    if (expected < 0) expected = value == 1 ? 1 : 0;
    counting = counting && value == expected++;
  }
  if (!numbers || counting) return LAM_OK;
  return lam_fail(t->csv.context, LAM_FORMAT,
                  "\"%s\", line %zu: names of columns are expected, and these are numbers; if it is "
                  "data, say that there is no header",
                  t->csv.path, cell.line);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static bool equals_word(const lam_cell *cell, const char *word) {
  return cell->size == strlen(word) && strncasecmp(cell->text, word, cell->size) == 0;
}

static lam_status read_float(const table *t, const lam_cell *cell, size_t column, const char *expected, float *value) {
  double number;
  if (!lam_cell_number(cell, &number)) return refuse_cell(t, cell, column, expected);
  if (fabs(number) > FLT_MAX) return refuse_cell(t, cell, column, "that is too large for a float");
  *value = (float)number;
  return LAM_OK;
}

static lam_status read_input(const table *t, const lam_cell *cell, size_t column, float *value) {
  bool yes = equals_word(cell, "yes") || equals_word(cell, "true");
  if (yes || equals_word(cell, "no") || equals_word(cell, "false")) return *value = yes, LAM_OK;
  return read_float(t, cell, column, "an input is a finite number, or yes, no, true or false", value);
}

/* A cursor at the first row of data. */
static lam_csv_cursor start_rows(const table *t) {
  lam_csv_cursor cursor = lam_csv_start(&t->csv);
  lam_cell cell = { .last = t->options->no_header };
  while (!cell.last && !lam_csv_next(&cursor, &cell)) {}
  return cursor;
}

static lam_status read_inputs(table *t) {
  size_t width = input_columns(t);
  if (width == 0)
    return lam_fail(t->csv.context, LAM_FORMAT,
                    "\"%s\" has one column, which is the target: there are no inputs; is '%c' the delimiter?", t->csv.path,
                    t->csv.delimiter);
  t->inputs = lam_allocate_array(t->csv.context, t->rows, width * sizeof *t->inputs);
  if (!t->inputs) return LAM_OUT_OF_MEMORY;
  lam_csv_cursor cursor = start_rows(t);
  float *next = t->inputs;
  for (size_t i = 0; i < t->rows; ++i)
    for (size_t j = 0; j < t->columns; ++j) {
      lam_cell cell;
      lam_status status = lam_csv_next(&cursor, &cell);
      if (!status && j != t->target) status = read_input(t, &cell, j, next++);
      if (status) return status;
    }
  return LAM_OK;
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

/* Calls `take` for the target of each row. */
static lam_status each_target(table *t, lam_status (*take)(table *, size_t row, const lam_cell *, void *user), void *user) {
  lam_csv_cursor cursor = start_rows(t);
  lam_status status = LAM_OK;
  for (size_t i = 0; i < t->rows && !status; ++i)
    for (size_t j = 0; j < t->columns && !status; ++j) {
      lam_cell cell;
      status = lam_csv_next(&cursor, &cell);
      if (!status && j == t->target) status = cell.size ? take(t, i, &cell, user) : refuse_cell(t, &cell, j, "");
    }
  return status;
}

typedef enum kind { UNKNOWN, TEXTS, LABELS, FLOATS } kind;

static lam_status look_at(table *t, size_t row, const lam_cell *cell, void *user) {
  kind *found = user;
  double value;
  (void)row;
  bool number = lam_cell_number(cell, &value), text = !number;
  if (*found != UNKNOWN && (*found == TEXTS) != text)
    return refuse_cell(t, cell, t->target,
                       text ? "the targets before it are numbers; if they are names of classes, say so"
                            : "the targets before it are text; if it is the name of a class, say so");
  bool label = number && value >= 0 && value <= INT32_MAX && value == floor(value);
  if (*found == UNKNOWN || *found == LABELS) *found = text ? TEXTS : label ? LABELS : FLOATS;
  return LAM_OK;
}

static lam_status take_float(table *t, size_t row, const lam_cell *cell, void *user) {
  return read_float(t, cell, t->target, "the targets are finite numbers", (float *)user + row);
}

static lam_status take_label(table *t, size_t row, const lam_cell *cell, void *user) {
  double value = 0;
  (void)t;
  lam_cell_number(cell, &value);
  ((int32_t *)user)[row] = (int32_t)value;
  return LAM_OK;
}

typedef struct classes {
  lam_class_list list;
  int32_t *labels;
} classes;

static lam_status take_class(table *t, size_t row, const lam_cell *cell, void *user) {
  classes *c = user;
  char where[96];
  if (!lam_is_utf8(cell->text, cell->size)) return refuse_cell(t, cell, t->target, "it is not UTF-8; save the file as UTF-8");
  lam_status status = lam_class_find(&c->list, cell, &c->labels[row]);
  if (status != LAM_INVALID_DATA) return status;
  return lam_fail(t->csv.context, LAM_FORMAT, "\"%s\" has more than %d different texts in %s: that is no column of classes",
                  t->csv.path, LAM_MOST_CLASSES, column_text(where, t, t->target));
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

static lam_status refuse_class(table *t, size_t row, const lam_cell *cell, void *user) {
  const lam_class_entry *entry = user;
  char why[128];
  (void)row;
  if (cell->size != entry->size || memcmp(cell->text, entry->text, cell->size) != 0) return LAM_OK;
  snprintf(why, sizeof why, "it is none of the %zu classes that are known: \"%.40s\", ...", t->options->class_count,
           t->options->class_names[0]);
  return refuse_cell(t, cell, t->target, why);
}

/* The label of each entry, by its number: its place among the names that are known. */
static lam_status number_by_names(table *t, const lam_class_list *list, int32_t *labels) {
  const lam_csv_options *options = t->options;
  for (size_t i = 0; i < list->count; ++i) {
    lam_cell cell = lam_class_cell(&list->entries[i]);
    size_t name = 0;
    while (name < options->class_count && !lam_cell_equals(&cell, options->class_names[name])) ++name;
    if (name == options->class_count) return each_target(t, refuse_class, &list->entries[i]);
    labels[list->entries[i].number] = (int32_t)name;
  }
  char **names = lam_copy_strings(t->csv.context, options->class_names, options->class_count, &t->names.size);
  if (!names) return LAM_OUT_OF_MEMORY;
  t->names.memory = names;
  t->name_count = options->class_count;
  return LAM_OK;
}

static lam_status number_by_order(table *t, const lam_class_list *list, int32_t *labels) {
  for (size_t i = 0; i < list->count; ++i) labels[list->entries[i].number] = (int32_t)i;
  t->name_count = list->count;
  return lam_class_names(list, &t->names);
}

static lam_status read_classes(table *t, int32_t *targets) {
  lam_context *context = t->csv.context;
  classes c = { .list = { .context = context }, .labels = targets };
  lam_status status = each_target(t, take_class, &c);
  lam_class_sort(&c.list);
  int32_t *labels = status ? NULL : lam_allocate_array(context, c.list.count, sizeof *labels);
  if (!status && !labels) status = LAM_OUT_OF_MEMORY;
  if (!status) status = t->options->class_names ? number_by_names(t, &c.list, labels) : number_by_order(t, &c.list, labels);
  for (size_t i = 0; i < t->rows && !status; ++i) targets[i] = labels[targets[i]];
  lam_release(context, labels, c.list.count * sizeof *labels);
  lam_class_release(&c.list);
  return status;
}

static lam_status read_targets(table *t) {
  if (t->target == NO_TARGET) return LAM_OK;
  const lam_csv_options *options = t->options;
  kind found = options->class_names || options->targets == LAM_TARGETS_CLASSES ? TEXTS : UNKNOWN;
  lam_status status = LAM_OK;
  if (options->targets == LAM_TARGETS_NUMBERS)
    found = FLOATS;
  else if (found == UNKNOWN)
    status = each_target(t, look_at, &found);
  if (status) return status;
  void *memory = lam_allocate_array(t->csv.context, t->rows, sizeof(float));
  if (!memory) return LAM_OUT_OF_MEMORY;
  t->targets_block = (lam_block){ memory, t->rows * sizeof(float) };
  t->targets =
      (lam_array){ .data = memory, .type = found == FLOATS ? LAM_FLOAT32 : LAM_INT32, .rows = t->rows, .shape = { { 1 }, 1 } };
  if (found == FLOATS) return each_target(t, take_float, memory);
  return found == LABELS ? each_target(t, take_label, memory) : read_classes(t, memory);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static lam_status check_options(lam_context *context, const char *path, const lam_csv_options *options) {
  if (!path) return lam_fail(context, LAM_NO_HANDLE, "lam_dataset_open_csv needs a path");
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_csv_options must be zero");
  if (options->delimiter == '"' || options->delimiter == '\n' || options->delimiter == '\r')
    return lam_fail(context, LAM_INVALID_ARGUMENT, "a quote or the end of a line cannot be the delimiter");
  if ((unsigned)options->targets > LAM_TARGETS_NUMBERS)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_target_kind %d", (int)options->targets);
  if (options->no_target && options->target)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "no_target and a target column, \"%.60s\", exclude each other",
                    options->target);
  if (!options->class_names != !options->class_count || (options->class_names && options->targets == LAM_TARGETS_NUMBERS))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "class_names come with their number, and not with LAM_TARGETS_NUMBERS");
  for (size_t i = 0; i < options->class_count; ++i)
    if (!options->class_names[i]) return lam_fail(context, LAM_NO_HANDLE, "the name of class %zu is NULL", i);
  return LAM_OK;
}

static lam_dataset *make_dataset(table *t) {
  lam_array input = { .data = t->inputs, .type = LAM_FLOAT32, .rows = t->rows, .shape = { { input_columns(t) }, 1 } };
  lam_dataset *dataset = lam_dataset_over(t->csv.context, &input, 1, &t->targets, t->target == NO_TARGET ? 0 : 1, 0, t->rows);
  if (!dataset) return NULL;
  dataset->files[0] = (lam_block){ t->inputs, t->rows * input_columns(t) * sizeof *t->inputs };
  dataset->files[1] = t->targets_block;
  lam_dataset_own_names(dataset, t->names, t->name_count);
  return dataset;
}

lam_dataset *lam_dataset_open_csv(lam_context *context, const char *path, const lam_csv_options *options) {
  static const lam_csv_options defaults = { 0 };
  if (!context || context->unusable) return NULL;
  if (!options) options = &defaults;
  lam_block file;
  char name[256];
  if (check_options(context, path, options) || lam_source_read_file(context, path, &file)) return NULL;
  const char *begin = file.memory;
  table t = { .csv = { context, lam_path_text(name, sizeof name, path), begin, begin + file.size, options->delimiter },
              .options = options };
  if (t.csv.delimiter == 0) t.csv.delimiter = ',';
  lam_status status = check_bytes(&t.csv);
  if (!status) status = count_cells(&t);
  if (!status) status = find_target(&t);
  if (!status && !options->no_header) status = check_header(&t);
  if (!status) status = read_inputs(&t);
  if (!status) status = read_targets(&t);
  lam_dataset *dataset = status ? NULL : make_dataset(&t);
  lam_release(context, file.memory, file.size);
  if (dataset) return dataset;
  lam_release(context, t.inputs, t.inputs ? t.rows * input_columns(&t) * sizeof *t.inputs : 0);
  lam_release(context, t.targets_block.memory, t.targets_block.size);
  lam_release(context, t.names.memory, t.names.size);
  return NULL;
}
