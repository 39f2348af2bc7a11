/* SPDX-License-Identifier: MIT
 *
 * The README's example: trains a network on digits, says how good it is on others, saves it.
 */
#include <lamina.h>
#include <stdio.h>
int main(void) {
  lam_context *ctx = lam_context_create(NULL);
  lam_dataset *train = lam_dataset_open(ctx, "digits/train"), *test = lam_dataset_open(ctx, "digits/test");
  lam_node x = lam_flatten(lam_input(lam_graph_create(ctx), (lam_shape){ { 8, 8 }, 2 }));
  x = lam_dense(x, 64, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, 10, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&x, 1);
  lam_trainer *t = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY });
  lam_result r = { 0 };
  int bad = lam_fit(t, train, &(lam_fit_options){ .epochs = 30 }) || lam_evaluate(t, test, &r) || lam_model_save(model, "m.st");
  bad ? fprintf(stderr, "%s\n", lam_error_message(ctx)) : printf("accuracy %.3f\n", r.accuracy);
  return lam_context_destroy(ctx), bad;
}
