/* SPDX-License-Identifier: MIT
 *
 * Writes a model with every kind of layer, for read_with_python.py.
 */
#include "file/models.h"

int main(int count, char **arguments) {
  lam_context *context = lam_context_create(NULL);
  int bad = count != 2 || lam_model_save(test_model_of_all_layers(context), arguments[1]);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
