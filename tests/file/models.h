/* SPDX-License-Identifier: MIT
 *
 * What the suites of this folder share: small models, files in memory.
 */
#ifndef LAM_TESTS_FILE_MODELS_H
#define LAM_TESTS_FILE_MODELS_H

#include "support.h"
#include <lamina.h>
#include <stdio.h>

/* Bytes that grow: what lam_model_write is given. `room` n > 0 lets it fail after n bytes. */
typedef struct test_bytes {
  unsigned char *bytes;
  size_t size, room;
} test_bytes;

static inline int test_write(void *user, const void *bytes, size_t size) {
  test_bytes *file = user;
  if (file->room && file->size + size > file->room) return -1;
  file->bytes = realloc(file->bytes, file->size + size);
  memcpy(file->bytes + file->size, bytes, size);
  file->size += size;
  return 0;
}

/* Every kind of layer, two inputs, two outputs, a layer applied twice. */
static inline lam_model *test_model_of_all_layers(lam_context *context) {
  lam_graph *graph = lam_graph_create(context);
  lam_node picture = lam_input(graph, (lam_shape){ { 3, 4 }, 2 });
  lam_node vector = lam_named(lam_input(graph, (lam_shape){ { 6 }, 1 }), "vector.of-6");
  lam_node whitened = lam_whitening(lam_normalization(picture), &(lam_whitening_options){ .components = 3, .epsilon = 0.5f });
  lam_node scaled = lam_normalization_with(whitened, &(lam_normalization_options){ .invert = true, .axes = { { 1, 0 }, 2 } });
  lam_node rows = lam_dense(scaled, 5, &(lam_dense_options){ .activation = LAM_TANH, .no_bias = true });
  lam_node flat = lam_dense(lam_flatten(rows), 6,
                            &(lam_dense_options){ .activation = LAM_RELU,
                                                  .kernel_initializer = { LAM_HE_NORMAL, 0 },
                                                  .bias_initializer = { LAM_CONSTANT, 0.1f },
                                                  .input_dim = 15,
                                                  .kernel_regularizer = { 0.01f, 0.02f },
                                                  .activity_regularizer = { .l2 = 0.5f },
                                                  .bias_constraint = { LAM_MIN_MAX_NORM, 2, LAM_ZERO, 0.5f, 0 },
                                                  .kernel_constraint = { .type = LAM_MAX_NORM, .axis = 1 } });
  lam_node shared = lam_apply(flat, (lam_node[]){ lam_dense(vector, 15, NULL) }, 1);
  lam_node sum = lam_merge(LAM_MERGE_ADD, (lam_node[]){ flat, shared, vector }, 3);
  lam_node shaped =
      lam_reshape(lam_reshape(lam_activity_regularization(sum, (lam_regularizer){ 0.1f, 0 }), (lam_shape){ { 2, 0 }, 2 }),
                  (lam_shape){ { 6 }, 1 });
  shaped = lam_trainable(lam_dense(shaped, 6, NULL), false);
  const lam_prelu_options slopes = { .alpha_initializer = { LAM_CONSTANT, 0.2f },
                                     .alpha_regularizer = { .l2 = 0.3f },
                                     .alpha_constraint = { .type = LAM_NON_NEG } };
  lam_node noisy = lam_gaussian_noise(lam_dropout(lam_prelu_with(shaped, &slopes), 0.25f), 0.1f);
  lam_node bent = lam_activate_with(lam_rescaling(noisy, 0.5f, LAM_ZERO), LAM_RELU,
                                    &(lam_activation_options){ .negative_slope = 0.1f, .max_value = 2, .threshold = 0.05f });
  for (lam_merge_type type = LAM_MERGE_SUBTRACT; type <= LAM_MERGE_MINIMUM; type++)
    bent = lam_merge(type, (lam_node[]){ bent, vector }, 2);
  bent = lam_activate(lam_activate(bent, LAM_GELU), LAM_SELU);
  bent = lam_batch_normalization(bent, &(lam_batch_normalization_options){ .momentum = 0.9f,
                                                                           .epsilon = 0.01f,
                                                                           .beta_initializer = { LAM_CONSTANT, 0.5f },
                                                                           .moving_mean_initializer = { LAM_CONSTANT, -0.25f },
                                                                           .moving_variance_initializer = { LAM_CONSTANT, 2 } });
  bent = lam_glu(lam_concatenate((lam_node[]){ bent, vector }, 2), -1);
  bent = lam_permute(lam_reshape(bent, (lam_shape){ { 3, 2 }, 2 }), (lam_axes){ { 1, 0 }, 2 });
  lam_node shares = lam_softmax_with(bent, &(lam_softmax_options){ .axes = { { 0 }, 1 }, .mask = lam_activate(bent, LAM_RELU) });
  shares = lam_softmax_with(shares, &(lam_softmax_options){ .activation = LAM_LOG_SOFTMAX, .axes = { { -2, 1 }, 2 } });
  shares = lam_softmax_with(shares, &(lam_softmax_options){ .activation = LAM_SPARSEMAX, .axes = { { 0 }, 1 } });
  bent = lam_layer_normalization(lam_merge(LAM_MERGE_ADD, (lam_node[]){ bent, shares }, 2),
                                 &(lam_layer_normalization_options){ .axes = { { 1, 0 }, 2 }, .no_center = true });
  bent = lam_flatten(
      lam_rms_normalization(bent, &(lam_layer_normalization_options){ .gamma_initializer = { LAM_CONSTANT, 2 },
                                                                      .gamma_constraint = { .type = LAM_UNIT_NORM } }));
  lam_node both = lam_concatenate((lam_node[]){ lam_activate(sum, LAM_SIGMOID), vector, bent }, 3);
  lam_node outputs[] = { lam_named(lam_dense(both, 4, &(lam_dense_options){ .activation = LAM_SOFTMAX }), "classes"),
                         lam_dense(both, 1, NULL) };
  lam_model *model = lam_model_create(outputs, 2);
  const char *const names[] = { "T-shirt/top", "\"quoted\"", "\xc3\xa4, two\nlines", "" };
  const float mean[] = { 0.25f, -0.5f, 0, 1 }, variance[] = { 4, 0.5f, 1, 2 };
  bool good = lam_model_set_class_names(model, names, 4) == LAM_OK;
  good = good && lam_model_set_parameter(model, "normalization/mean", mean, 4) == LAM_OK;
  good = good && lam_model_set_parameter(model, "normalization/variance", variance, 4) == LAM_OK;
  return good ? model : NULL;
}

/* 2 -> 3 -> 2, the smallest that has everything a file has. */
static inline lam_model *test_small_model(lam_context *context) {
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 });
  x = lam_dense(x, 3, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, 2, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  return lam_model_create(&x, 1);
}

#endif
