/* SPDX-License-Identifier: MIT
 *
 * `lamina evaluate`.
 */
#include "cli/cli.h"
#include <math.h>
#include <string.h>

/* How the model was trained, or what the command line says instead. */
static lam_trainer *make_trainer(const settings *options, lam_model *model, lam_trainer_options *training) {
  lam_trainer *saved = lam_trainer_create(model, NULL);
  if (!saved || lam_trainer_get_options(saved, training)) return NULL;
  if (!options->loss && !options->from_logits) return saved;
  if (options->loss) {
    training->loss = options->loss;
    training->from_logits = false;
  }
  if (options->from_logits) training->from_logits = true;
  return lam_trainer_create(model, training);
}

static void write_json(FILE *file, const void *user) {
  const lam_result *result = user;
  fputs("{\"loss\":", file);
  json_number(file, result->loss);
  fputs(",\"accuracy\":", file);
  json_number(file, result->accuracy);
  fputs(",\"accuracy_standard_error\":", file);
  json_number(file, standard_error(*result));
  fprintf(file, ",\"rows\":%llu}\n", (unsigned long long)result->rows);
}

static int evaluate(const settings *options, lam_context *context, lam_result *result) {
  if (lam_error_status(context)) return library_failed(context);
  lam_model *model = lam_model_load(context, options->model);
  if (!model) return failed("%s", lam_error_message(context)); /* whatever its status: the file is wrong, not the command line */
  lam_trainer_options training;
  lam_trainer *trainer = make_trainer(options, model, &training);
  if (!trainer) return library_failed(context);
  if (!training.loss)
    return wrong_usage("\"%s\" does not say with which loss it was trained; write it: --loss NAME", options->model);
  lam_dataset *data;
  int code = open_test_data(context, options->data, &data);
  if (!code) code = encode_targets(context, model, training.loss, &data);
  if (code) return code;
  return lam_evaluate(trainer, data, result) ? library_failed(context) : EXIT_OK;
}

int run_evaluate(const settings *options) {
  int code = options->json ? check_writable("--json", options->json) : EXIT_OK;
  if (code) return code;
  lam_result result = { 0 };
  lam_context *context = open_context(options);
  code = evaluate(options, context, &result);
  if (!code && !(options->json && strcmp(options->json, "-") == 0)) print_result(stdout, "", result);
  if (!code && options->json) code = write_file(options->json, write_json, &result);
  lam_context_destroy(context);
  return code;
}
