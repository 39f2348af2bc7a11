/* SPDX-License-Identifier: MIT
 *
 * Writes a model that no command line makes: two inputs and a shared layer, which the name of a
 * layer behind the file freezes. Arguments: the file, and perhaps that name.
 */
#include <lamina.h>
#include <stdio.h>

int main(int count, char **arguments) {
  lam_context *context = lam_context_create(NULL);
  lam_graph *graph = lam_graph_create(context);
  lam_node left = lam_named(lam_input(graph, (lam_shape){ { 4 }, 1 }), "left");
  lam_node right = lam_named(lam_input(graph, (lam_shape){ { 4 }, 1 }), "right");
  lam_node shared = lam_named(lam_dense(left, 5, NULL), "shared");
  lam_node parts[] = { shared, lam_apply(shared, &right, 1) };
  lam_node answer = lam_named(lam_dense(lam_named(lam_concatenate(parts, 2), "joined"), 1, NULL), "answer");
  lam_model *model = lam_model_create(&answer, 1);
  bool bad = count < 2 || count > 3 || (count == 3 && lam_model_set_trainable(model, arguments[2], false)) ||
             lam_model_save(model, arguments[1]);
  if (bad) fprintf(stderr, "branches: %s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
