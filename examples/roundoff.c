/* SPDX-License-Identifier: MIT
 *
 * What floats lose when two numbers of the same size are subtracted, and when a probability is rounded before its logarithm is
 * taken. docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <stdio.h>

static void subtraction(void) {
  volatile float small = 2.0f / 10000, above = 1 + 1.0f / 10000, below = 1 - 1.0f / 10000;
  printf("2/10000                       %.11f\n", (double)small);
  printf("(1 + 1/10000) - (1 - 1/10000) %.11f\n\n", (double)(above - below));
}

/* Cross-entropy of logits (0, z) when class 0 is the right one: log(1 + exp(z)). */
static void softmax_then_log(void) {
  printf("   z   -log(softmax)   log-sum-exp\n");
  for (float z = 1; z <= 1000; z *= 10) {
    const float logits[2] = { 0, z };
    float p[2], logarithm, loss;
    lam_softmax(p, 2, logits, 2, 1, 2);
    lam_log(&logarithm, 1, p, 1, 1, 1);
    lam_softmax_sparse_crossentropy(&loss, NULL, 0, logits, 2, &(int32_t){ 0 }, 1, 1, 2);
    printf("%4.0f   %13.6f   %11.6f\n", (double)z, (double)-logarithm, (double)loss);
  }
}

/* Binary cross-entropy of the logit 17 when the target is 0: log(1 + exp(17)) = 17.00000004. */
static void sigmoid_then_log(void) {
  const float z = 17, minus_z = -17, target = 0;
  float e, plain, best, logarithm[2], loss;
  lam_exp(&e, 1, &minus_z, 1, 1, 1);
  plain = 1 / (1 + e);
  best = 1 - 5.9604645e-8f; /* sigmoid(17) = 0.9999999586, rounded to the nearest float */
  lam_log(logarithm, 2, (float[]){ 1 - plain, 1 - best }, 2, 1, 2);
  lam_sigmoid_binary_crossentropy(&loss, NULL, 0, &z, 1, &target, 1, 1, 1, 1);
  printf("\nsigmoid(17) as 1/(1 + exp(-17))   %.9f   loss %.4f\n", (double)plain, (double)-logarithm[0]);
  printf("sigmoid(17) as the nearest float  %.9f   loss %.4f\n", (double)best, (double)-logarithm[1]);
  printf("from the logit                                  loss %.4f\n", (double)loss);
}

/* The same network twice; its first weights are so large that it starts out sure, and often wrong. */
static lam_status train(lam_context *context, const lam_dataset *data, lam_result *result, const char *how, bool no_fusion) {
  lam_node x = lam_flatten(lam_last(lam_graph_create(context)));
  x = lam_dense(x, 10, &(lam_dense_options){ .activation = LAM_SOFTMAX, .kernel_initializer = { LAM_RANDOM_NORMAL, 20 } });
  lam_model *model = lam_model_create(&x, 1);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY,
                                                                           .optimizer = { .type = LAM_SGD, .learning_rate = 1 },
                                                                           .no_fusion = no_fusion });
  for (size_t epochs = 0; epochs <= 20; epochs += 10) {
    if (epochs && lam_fit(trainer, data, &(lam_fit_options){ .epochs = 10 })) break;
    if (epochs == 0 && lam_model_build(model, &(lam_shape){ { 8, 8 }, 2 }, 1)) break;
    if (lam_evaluate(trainer, data, result)) break;
    printf("%-8s %6zu %8.2f %10.3f\n", how, epochs, result->loss, result->accuracy);
  }
  return lam_error_status(context);
}

int main(void) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  lam_dataset *data = lam_dataset_open(context, "digits");
  lam_result result;
  subtraction();
  softmax_then_log();
  sigmoid_then_log();
  printf("\n         epochs     loss   accuracy\n");
  int bad = train(context, data, &result, "unfused", true) || train(context, data, &result, "fused", false);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
