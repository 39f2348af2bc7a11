/* SPDX-License-Identifier: MIT
 *
 * `lamina evaluate`.
 */
#include "cli/plot.h"
#include "graph/model.h"
#include <string.h>

enum { SHOWN_CLASSES = 20 }; /* of a confusion matrix that was not asked for */

static void write_json(FILE *file, const void *user) {
  const measurement *measured = user;
  fputc('{', file);
  json_measurement(file, measured);
  json_field(file, ",", "accuracy_standard_error", standard_error(measured->result));
  fprintf(file, ",\"rows\":%llu", (unsigned long long)measured->result.rows);
  json_metrics(file, measured->trainer);
  if (measured->confusion) json_confusion(file, measured);
  fputs("}\n", file);
}

static int evaluate(const settings *options, lam_context *context, measurement *measured) {
  lam_model *model;
  int code = load_model(context, options, &model);
  if (code) return code;
  lam_trainer *trainer;
  lam_trainer_options training;
  lam_dataset *data;
  code = make_trainer(options, model, &trainer);
  if (!code) code = add_metrics(options, trainer);
  if (!code && lam_trainer_get_options(trainer, &training)) code = library_failed(context);
  if (!code) code = open_examined(context, options, model, &data);
  if (!code) code = encode_targets(context, model, lam_loss_of(&training, 0).loss, &data);
  if (!code) code = measure(trainer, data, options->confusion != SWITCH_NO, measured);
  if (code || !options->plot_mistakes) return code;
  if (!measured->classes) return failed("--plot-mistakes: the targets are not classes that the outputs stand for");
  return plot_mistakes(options->plot_mistakes, model, data, options->class_names);
}

int run_evaluate(const settings *options) {
  int code = check_source(options);
  if (!code) code = check_metrics(options);
  if (!code && options->json) code = check_writable("--json", options->json);
  if (!code) code = check_drawing("--plot-mistakes", options->plot_mistakes);
  if (code) return code;
  measurement measured = { 0 };
  lam_context *context = open_context(options);
  code = lam_error_status(context) ? library_failed(context) : evaluate(options, context, &measured);
  if (measured.classes > SHOWN_CLASSES && options->confusion != SWITCH_YES) measured.confusion = NULL;
  if (!code && options->confusion == SWITCH_YES && !measured.confusion)
    warn("there is no confusion matrix: the targets are not classes that the outputs stand for");
  if (!code && !(options->json && strcmp(options->json, "-") == 0)) {
    print_measurement(stdout, "", &measured);
    print_metrics(stdout, measured.trainer);
    if (measured.confusion) print_confusion(stdout, &measured);
  }
  if (!code && options->json) code = write_file(options->json, write_json, &measured);
  return close_context(options, context, code);
}
