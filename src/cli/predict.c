/* SPDX-License-Identifier: MIT
 *
 * `lamina predict`.
 */
#include "cli/cli.h"
#include <string.h>

typedef struct prediction {
  size_t rows, width;
  const char *column; /* of the header; numbered where there are several */
  float *outputs;     /* or, where NULL, the classes */
  int32_t *classes;
  const lam_model *model; /* for their names */
} prediction;

/* A name with a delimiter or a quote stands in quotes (RFC 4180). */
static void put_class(FILE *file, const lam_model *model, int32_t label) {
  const char *name = lam_model_class_name(model, (size_t)label);
  bool quote = name && strpbrk(name, ",\"\r\n");
  if (!name) fprintf(file, "%d", (int)label);
  if (quote) fputc('"', file);
  for (; name && *name; name++) fputs(*name == '"' ? "\"\"" : (char[]){ *name, 0 }, file);
  if (quote) fputc('"', file);
}

static void write_csv(FILE *file, const void *user) {
  const prediction *p = user;
  char text[32];
  for (size_t j = 0; j < p->width; j++)
    p->outputs ? fprintf(file, "%s%s_%zu", j ? "," : "", p->column, j) : fputs(p->column, file);
  fputc('\n', file);
  for (size_t i = 0; i < p->rows; i++) {
    for (size_t j = 0; p->outputs && j < p->width; j++)
      fprintf(file, "%s%s", j ? "," : "", lam_format_float(text, p->outputs[i * p->width + j]));
    if (!p->outputs) put_class(file, p->model, p->classes[i]);
    fputc('\n', file);
  }
}

static int predict(const settings *options, lam_context *context, prediction *p) {
  lam_model *model;
  int code = load_model(context, options, &model);
  if (code) return code;
  lam_dataset *data;
  code = open_examined(context, options, model, &data);
  if (code) return code;
  p->model = model;
  p->rows = lam_dataset_rows(data);
  lam_status status;
  if (options->classes) {
    p->width = 1;
    p->column = "class";
    p->classes = program_memory(p->rows, sizeof *p->classes);
    status = lam_predict_classes(model, data, NULL, p->classes, p->rows);
  } else {
    lam_shape shape = lam_model_output_shape(model, 0);
    lam_predict_options how = { .kind = options->probabilities ? LAM_PROBABILITIES : LAM_OUTPUTS };
    p->width = 1;
    for (size_t i = 0; i < shape.rank; i++) p->width *= shape.size[i];
    p->column = options->probabilities ? "probability" : "output";
    p->outputs = program_memory(p->rows * p->width, sizeof *p->outputs);
    status = lam_predict(model, data, &how, p->outputs, p->rows * p->width);
  }
  return status ? library_failed(context) : EXIT_OK;
}

int run_predict(const settings *options) {
  if (options->classes && options->probabilities)
    return wrong_usage("--classes and --probabilities exclude each other; write one of them");
  const char *path = options->output ? options->output : "-";
  int code = check_source(options);
  if (!code) code = check_writable("--output", path);
  if (code) return code;
  prediction p = { 0 };
  lam_context *context = open_context(options);
  code = lam_error_status(context) ? library_failed(context) : predict(options, context, &p);
  if (!code) code = write_file(path, write_csv, &p);
  return close_context(options, context, code);
}
