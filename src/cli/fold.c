/* SPDX-License-Identifier: MIT
 *
 * `lamina fold`.
 */
#include "cli/cli.h"
#include <string.h>

static size_t dense_layers(const lam_model *model) {
  size_t count = 0;
  for (size_t i = 0; i < lam_model_layer_count(model); i++) {
    lam_layer_info info;
    (void)lam_model_layer(model, i, &info);
    count += strcmp(info.type, "Dense") == 0;
  }
  return count;
}

static int fold(const settings *options, lam_context *context) {
  lam_model *model;
  int code = load_model(context, options, &model);
  if (code) return code;
  lam_model *folded = lam_model_fold(model);
  if (!folded || lam_model_save(folded, options->save)) return library_failed(context);
  size_t before = dense_layers(model), after = dense_layers(folded);
  if (before == after)
    printf("Nothing folds: each of the %zu dense layers is followed by an activation, or is the last. ", before);
  else
    printf("%zu dense layers became %zu, %zu parameters became %zu. ", before, after, lam_model_count_params(model),
           lam_model_count_params(folded));
  printf("Saved as %s\n", options->save);
  return EXIT_OK;
}

int run_fold(const settings *options) {
  if (strcmp(options->save, "-") == 0) return wrong_usage("--save takes the name of a file, not \"-\"");
  int code = check_writable("--save", options->save);
  if (code) return code;
  lam_context *context = open_context(options);
  code = fold(options, context);
  lam_context_destroy(context);
  return code;
}
