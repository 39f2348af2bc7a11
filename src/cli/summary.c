/* SPDX-License-Identifier: MIT
 *
 * `lamina summary`: Keras's table to the character, or the graph in Graphviz's language.
 */
#include "cli/plot.h"
#include "graph/model.h"
#include "train/trainer.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 4, CELL = 4096 };

/* A layer as Keras lists it: once, however often it is applied. */
typedef struct row {
  size_t first; /* its first node */
  size_t depth; /* nodes behind it, on the longest way to an output */
  size_t visit; /* when a walk back from the outputs comes to it */
} row;

typedef struct summary {
  lam_model *model;
  lam_trainer *trainer; /* of a checkpoint; else NULL */
  row *rows;
  size_t row_count;
  bool chain; /* each layer is applied once, to the one before it */
} summary;

static lam_layer_info info_of(const lam_model *model, size_t node) {
  lam_layer_info info;
  (void)lam_model_layer(model, node, &info);
  return info;
}

/* ---- the order of the rows ---- */

static bool is_chain(const lam_model *model) {
  for (size_t i = 0; i < lam_model_layer_count(model); i++) {
    lam_layer_info info = info_of(model, i);
    if (info.inputs != (i ? 1 : 0) || (i && lam_model_layer_input(model, i, 0) != i - 1)) return false;
    for (size_t j = 0; j < i; j++)
      if (strcmp(info.name, info_of(model, j).name) == 0) return false;
  }
  return true;
}

static row *row_of(const summary *s, size_t node) {
  const char *name = info_of(s->model, node).name;
  for (size_t i = 0; i < s->row_count; i++)
    if (strcmp(info_of(s->model, s->rows[i].first).name, name) == 0) return &s->rows[i];
  return NULL;
}

static void walk_back(const summary *s, size_t node, bool *seen, size_t *visits) {
  if (seen[node]) return;
  seen[node] = true;
  row *r = row_of(s, node);
  if (r->visit == SIZE_MAX) r->visit = (*visits)++;
  for (size_t i = 0; i < info_of(s->model, node).inputs; i++)
    walk_back(s, lam_model_layer_input(s->model, node, i), seen, visits);
}

/* Deeper layers first, as Keras's Functional sorts them; among equals the one that the walk meets first. */
static int compare_rows(const void *a, const void *b) {
  const row *x = a, *y = b;
  if (x->depth != y->depth) return x->depth < y->depth ? 1 : -1;
  return x->visit < y->visit ? -1 : x->visit > y->visit;
}

static void list_rows(summary *s) {
  size_t nodes = lam_model_layer_count(s->model), visits = 0;
  s->rows = program_memory(nodes, sizeof *s->rows);
  bool *seen = program_memory(nodes, sizeof *seen);
  size_t *depth = program_memory(nodes, sizeof *depth);
  s->chain = is_chain(s->model);
  for (size_t i = 0; i < nodes; i++)
    if (!row_of(s, i)) s->rows[s->row_count++] = (row){ i, 0, SIZE_MAX };
  for (size_t i = nodes; i-- > 0;) {
    row *r = row_of(s, i);
    if (depth[i] > r->depth) r->depth = depth[i];
    for (size_t j = 0; j < info_of(s->model, i).inputs; j++) {
      size_t *before = &depth[lam_model_layer_input(s->model, i, j)];
      if (*before < r->depth + 1) *before = r->depth + 1;
    }
  }
  for (size_t i = 0; i < s->model->output_count; i++) walk_back(s, s->model->outputs[i], seen, &visits);
  qsort(s->rows, s->row_count, sizeof *s->rows, compare_rows);
}

/* ---- cells ---- */

static void append(char cell[CELL], const char *text) {
  size_t used = strlen(cell);
  snprintf(cell + used, CELL - used, "%s", text);
}

/* 204815 as "204,815". */
static char *with_commas(char text[32], uint64_t number) {
  char plain[24];
  size_t length = (size_t)snprintf(plain, sizeof plain, "%llu", (unsigned long long)number), used = 0;
  for (size_t i = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0) text[used++] = ',';
    text[used++] = plain[i];
  }
  text[used] = 0;
  return text;
}

static void shape_cell(char cell[CELL], lam_shape shape) {
  char text[32];
  append(cell, shape.rank ? "(None" : "?");
  for (size_t i = 0; i < shape.rank; i++) {
    snprintf(text, sizeof text, ", %zu", shape.size[i]);
    append(cell, text);
  }
  if (shape.rank) append(cell, ")");
}

/* How many applications of the same layer come before this node. */
static size_t application(const summary *s, size_t node) {
  size_t count = 0;
  for (size_t i = 0; i < node; i++) count += strcmp(info_of(s->model, i).name, info_of(s->model, node).name) == 0;
  return count;
}

/* "left[0][0], right[0][0]": layer, which of its applications, which of its outputs. */
static void connections_cell(char cell[CELL], const summary *s, size_t first) {
  const char *name = info_of(s->model, first).name;
  for (size_t node = first; node < lam_model_layer_count(s->model); node++) {
    lam_layer_info info = info_of(s->model, node);
    for (size_t i = 0; strcmp(info.name, name) == 0 && i < info.inputs; i++) {
      size_t from = lam_model_layer_input(s->model, node, i);
      char text[160];
      snprintf(text, sizeof text, "%s%s[%zu][0]", *cell ? ", " : "", info_of(s->model, from).name, application(s, from));
      append(cell, text);
    }
  }
  if (!*cell) append(cell, "-");
}

/* ---- the table ---- */

/* Keras shares 76 columns out by positions of 0.45, 0.8 and 1, or 0.3, 0.56, 0.74 and 1; what is left after frames is this. */
static const int chain_widths[] = { 33, 24, 15 }, graph_widths[] = { 21, 19, 12, 19 };

typedef struct table {
  FILE *file;
  const int *widths;
  size_t columns;
} table;

/* left, a run of `fill` for each column, `between` them, right */
static void print_rule(const table *t, const char *left, const char *fill, const char *between, const char *right) {
  for (size_t i = 0; i < t->columns; i++) {
    fputs(i ? between : left, t->file);
    for (int j = 0; j < t->widths[i]; j++) fputs(fill, t->file);
  }
  fprintf(t->file, "%s\n", right);
}

/* Takes the words of *text that fit a line, or as much of the first as does; returns their length. */
static size_t take_line(const char **text, const char **line, size_t width) {
  *line = *text;
  size_t length = strlen(*text), end = length <= width ? length : 0;
  for (size_t i = 0; !end && length > width && i <= width; i++) {
    size_t space = width - i;
    if (space && (*text)[space] == ' ') end = space;
  }
  if (!end) end = length < width ? length : width;
  *text += end;
  while (**text == ' ') ++*text;
  return end;
}

static void print_cells(const table *t, char cells[MOST_COLUMNS][CELL], const char *bar) {
  const char *left[MOST_COLUMNS];
  for (size_t i = 0; i < t->columns; i++) left[i] = cells[i];
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < t->columns; i++) {
      const char *line;
      int width = t->widths[i] - 2, length = (int)take_line(&left[i], &line, (size_t)width), blank = width - length;
      bool right = i == 2;
      fprintf(t->file, "%s %*s%.*s%*s ", bar, right ? blank : 0, "", length, line, right ? 0 : blank, "");
      more = more || *left[i];
    }
    fprintf(t->file, "%s\n", bar);
  }
}

static void print_row(const table *t, const summary *s, const row *r) {
  static char cells[MOST_COLUMNS][CELL];
  char number[32];
  memset(cells, 0, sizeof cells);
  lam_layer_info info = info_of(s->model, r->first);
  snprintf(cells[0], CELL, "%s (%s)", info.name, info.type);
  shape_cell(cells[1], info.output);
  append(cells[2], lam_model_is_built(s->model) ? with_commas(number, info.parameters) : "0 (unbuilt)");
  connections_cell(cells[3], s, r->first);
  print_cells(t, cells, "│");
}

/* " Total params: 204,815 (800.06 KB)", four bytes each. */
static void print_total(FILE *file, const char *what, uint64_t count) {
  static const char *const units[] = { "B", "KB", "MB", "GB" };
  double size = 4.0 * (double)count;
  size_t unit = 0;
  while (size >= 1024 && unit < 3) size /= 1024, unit++;
  char number[32];
  fprintf(file, " %s params: %s (%.2f %s)\n", what, with_commas(number, count), size, units[unit]);
}

static void write_table(FILE *file, const void *user) {
  const summary *s = user;
  table t = { file, s->chain ? chain_widths : graph_widths, s->chain ? 3 : 4 };
  static char heads[MOST_COLUMNS][CELL] = { "Layer (type)", "Output Shape", "Param #", "Connected to" };
  fprintf(file, "Model: \"%s\"\n", s->chain ? "sequential" : "functional");
  print_rule(&t, "┏", "━", "┳", "┓");
  print_cells(&t, heads, "┃");
  print_rule(&t, "┡", "━", "╇", "┩");
  uint64_t weights = 0, fixed = 0;
  bool begun = false;
  for (size_t i = 0; i < s->row_count; i++) {
    lam_layer_info info = info_of(s->model, s->rows[i].first);
    weights += info.parameters;
    fixed += info.fixed;
    if (s->chain && info.inputs == 0) continue; /* Sequential does not list its input */
    if (begun) print_rule(&t, "├", "─", "┼", "┤");
    print_row(&t, s, &s->rows[i]);
    begun = true;
  }
  print_rule(&t, "└", "─", "┴", "┘");
  /* Keras's optimizers also count their step and their learning rate. */
  uint64_t optimizer = s->trainer ? s->trainer->state_count * (weights - fixed) + 2 : 0;
  print_total(file, "Total", weights + optimizer);
  print_total(file, "Trainable", weights - fixed);
  print_total(file, "Non-trainable", fixed);
  if (optimizer) print_total(file, "Optimizer", optimizer);
}

/* ---- the graph ---- */

static void write_dot(FILE *file, const void *user) {
  const summary *s = user;
  fputs("digraph network {\n  node [shape=box, fontname=\"sans-serif\"];\n", file);
  for (size_t i = 0; i < s->row_count; i++) {
    lam_layer_info info = info_of(s->model, s->rows[i].first);
    static char shape[CELL];
    shape[0] = 0;
    shape_cell(shape, info.output);
    const lam_layer *layer = s->model->nodes[s->rows[i].first].layer;
    lam_activation activation = lam_layer_activation(layer);
    static const char *const names[] = {
#define LAM_X(NAME, name) #name,
      LAM_ACTIVATION_LIST(LAM_X)
#undef LAM_X
    };
    fprintf(file, "  \"%s\" [label=\"%s\\n%s%s%s\\n%s\"];\n", info.name, info.name, info.type, activation ? ", " : "",
            activation ? names[activation] : "", shape);
  }
  for (size_t i = 0; i < lam_model_layer_count(s->model); i++)
    for (size_t j = 0; j < info_of(s->model, i).inputs; j++)
      fprintf(file, "  \"%s\" -> \"%s\";\n", info_of(s->model, lam_model_layer_input(s->model, i, j)).name,
              info_of(s->model, i).name);
  fputs("}\n", file);
}

/* ---- the command ---- */

/* "28x28"; rank 0 where nothing is written. */
static int read_shape(const char *text, lam_shape *shape) {
  *shape = (lam_shape){ { 0 }, 0 };
  for (const char *item = text; item;) {
    char *end;
    unsigned long long size = strtoull(item, &end, 10);
    bool good = *item >= '0' && *item <= '9' && (*end == 0 || *end == 'x') && size >= 1 && size <= INT32_MAX;
    if (!good || shape->rank == LAM_MAX_RANK)
      return wrong_usage("--input takes up to %d sizes with x between them, for example 28x28, not \"%s\"", LAM_MAX_RANK, text);
    shape->size[shape->rank++] = (size_t)size;
    item = *end ? end + 1 : NULL;
  }
  return EXIT_OK;
}

static int open_model(const settings *options, lam_context *context, summary *s) {
  if (lam_error_status(context)) return library_failed(context);
  if (options->model) {
    s->trainer =
        lam_trainer_load(context, options->model); /* a model is not a checkpoint; what else is wrong, loading it tells */
    if (!s->trainer) return load_model(context, options, &s->model);
    s->model = lam_trainer_model(s->trainer);
    return EXIT_OK;
  }
  lam_shape shape;
  int code = read_shape(options->input, &shape);
  if (!code && options->data) {
    lam_dataset *data = NULL;
    code = open_examined(context, options, NULL, &data);
    if (!code) shape = lam_dataset_input(data, 0)->shape;
  }
  if (code) return code;
  s->model = build_network(context, options, shape);
  return s->model ? EXIT_OK : library_failed(context);
}

static int check_options(const settings *options) {
  if (!options->model && !options->layers)
    return wrong_usage("`lamina summary` needs --model FILE, or --layers LIST with --data NAME or --input SHAPE");
  if (options->model && options->layers) return wrong_usage("--model and --layers exclude each other; write one of them");
  if (options->model && options->input) return wrong_usage("--input goes with --layers; a saved model knows its input");
  if (options->standardize && !options->data && !options->input)
    return wrong_usage("--standardize needs the number of columns; write --data NAME or --input SHAPE too");
  if (options->data && options->input) return wrong_usage("--data and --input exclude each other; write one of them");
  int code = check_layers(options);
  return code || !options->data ? code : check_source(options);
}

int run_summary(const settings *options) {
  const char *path = options->output ? options->output : "-";
  int code = check_options(options);
  if (!code) code = check_writable("--output", path);
  if (!code) code = check_drawing("--plot-weights", options->plot_weights);
  if (code) return code;
  summary s = { 0 };
  lam_context *context = open_context(options);
  code = open_model(options, context, &s);
  if (!code) {
    list_rows(&s);
    code = write_file(path, options->dot ? write_dot : write_table, &s);
    if (!code && options->plot_weights) code = plot_weights(options->plot_weights, s.model);
  }
  lam_context_destroy(context);
  return code;
}
