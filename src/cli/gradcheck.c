/* SPDX-License-Identifier: MIT
 *
 * `lamina gradcheck`.
 */
#include "cli/cli.h"
#include "graph/model.h"
#include <string.h>

static void write_json(FILE *file, const void *user) {
  const lam_gradient_report *r = user;
  fprintf(file, "{\"within\":%s,\"compared\":%zu,\"rows\":%zu", r->exceeded ? "false" : "true", r->compared, r->rows);
  json_field(file, ",", "largest_absolute", r->absolute);
  json_field(file, ",", "largest_relative", r->relative);
  fprintf(file, ",\"weight\":\"%s\",\"index\":%zu", r->weight, r->index);
  json_field(file, ",", "gradient", r->gradient);
  json_field(file, ",", "reference", r->reference);
  json_field(file, ",", "bound", r->bound);
  fputs("}\n", file);
}

static void print_report(const lam_gradient_report *r) {
  printf("%zu gradients on %zu rows: the largest deviation is %.2e, %.2e of the largest gradient of its weight.\n"
         "Nearest to its bound: %s[%zu], %.9g against %.9g; they differ by %.2e, rounding allows %.2e.\n%s\n",
         r->compared, r->rows, r->absolute, r->relative, r->weight, r->index, r->gradient, r->reference, r->deviation, r->bound,
         r->exceeded ? "The gradients are wrong." : "The gradients are right.");
}

static int check_options(const settings *options) {
  if (!options->model && !options->layers)
    return wrong_usage("`lamina gradcheck` needs --model FILE, or --layers LIST with --loss NAME");
  if (options->model && options->layers) return wrong_usage("--model and --layers exclude each other; write one of them");
  if (options->layers && !options->loss) return wrong_usage("`lamina gradcheck --layers` needs --loss NAME: the loss");
  int code = check_layers(options);
  if (!code) code = check_source(options);
  return !code && options->json ? check_writable("--json", options->json) : code;
}

static int make(const settings *options, lam_model *model, lam_context *context, const lam_dataset *data, lam_trainer **trainer) {
  if (model) return make_trainer(options, model, trainer);
  lam_trainer_options how;
  int code = read_trainer_options(options, context, &how);
  if (code) return code;
  model = build_network(context, options, lam_dataset_input(data, 0)->shape);
  if (model && options->standardize && lam_adapt(model, data)) return library_failed(context);
  *trainer = model ? lam_trainer_create(model, &how) : NULL;
  return *trainer ? EXIT_OK : library_failed(context);
}

static int check(const settings *options, lam_context *context, lam_gradient_report *report) {
  if (lam_error_status(context)) return library_failed(context);
  lam_model *model = NULL;
  lam_trainer *trainer;
  lam_trainer_options how;
  lam_dataset *data;
  int code = options->model ? load_model(context, options, &model) : EXIT_OK;
  if (!code) code = open_examined(context, options, model, &data);
  if (!code) code = make(options, model, context, data, &trainer);
  if (!code && lam_trainer_get_options(trainer, &how)) code = library_failed(context);
  if (!code) code = encode_targets(context, lam_trainer_model(trainer), lam_loss_of(&how, 0).loss, &data);
  if (code) return code;
  lam_gradient_check_options which = { .rows = options->batch, .samples = options->samples };
  return lam_gradient_check(trainer, data, &which, report) ? library_failed(context) : EXIT_OK;
}

int run_gradcheck(const settings *options) {
  int code = check_options(options);
  if (code) return code;
  lam_gradient_report report = { 0 };
  lam_context *context = open_context(options);
  code = lam_error_status(context) ? library_failed(context) : check(options, context, &report);
  if (!code && !(options->json && strcmp(options->json, "-") == 0)) print_report(&report);
  if (!code && options->json) code = write_file(options->json, write_json, &report);
  code = close_context(options, context, code);
  return code ? code : report.exceeded ? EXIT_FAILED : EXIT_OK;
}
