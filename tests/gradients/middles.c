/* SPDX-License-Identifier: MIT
 *
 * The table of layers: each between a dense layer before it and one behind it.
 */
#include "networks.h"

#include "layers/layers.h"

/* ---- layers ------------------------------------------------------------------------------------------------------- */

static lam_node in_dense(lam_node x, const middle *how) {
  return lam_dense(x, sizes.width, &(lam_dense_options){ .activation = how->activation });
}

/* Behind a layer that it cannot be computed with. */
static lam_node alone(lam_node x, const middle *how) {
  return lam_activate_with(lam_rescaling(x, 1.5f, 0.1f), how->activation, &how->options);
}

/* In two parts. */
static lam_node along_last_axis(lam_node x, const middle *how) {
  lam_node y = lam_reshape(x, (lam_shape){ { 2, 0 }, 2 });
  return lam_flatten(lam_dense(lam_activate(y, how->activation), 2, NULL));
}

static lam_node normalization(lam_node x, const middle *how) {
  (void)how;
  return lam_normalization(x);
}

static lam_node normalization_inverted(lam_node x, const middle *how) {
  (void)how;
  lam_normalization_options options = { .axes = { { 0, 1 }, 2 }, .invert = true };
  return lam_flatten(lam_normalization_with(lam_reshape(x, (lam_shape){ { 2, 0 }, 2 }), &options));
}

static lam_node whitening(lam_node x, const middle *how) {
  (void)how;
  return lam_whitening(x, &(lam_whitening_options){ .components = 4 });
}

static lam_node prelu(lam_node x, const middle *how) {
  (void)how;
  return lam_prelu(x, (lam_initializer){ LAM_INITIALIZER_DEFAULT, 0 });
}

static lam_node dropout(lam_node x, const middle *how) {
  (void)how;
  return lam_dropout(x, 0.4f);
}

static lam_node gaussian_noise(lam_node x, const middle *how) {
  (void)how;
  return lam_gaussian_noise(x, 0.3f);
}

static lam_node merge_two(lam_node x, const middle *how) {
  lam_node both[] = { x, lam_dense(x, sizes.width, &(lam_dense_options){ .no_bias = true }) };
  return lam_merge(how->merge, both, 2);
}

static lam_node merge_three(lam_node x, const middle *how) {
  lam_node all[] = { lam_dense(x, sizes.width, NULL), x,
                     lam_dense(x, sizes.width, &(lam_dense_options){ .activation = LAM_TANH }) };
  return lam_merge(how->merge, all, 3);
}

static lam_node concatenate(lam_node x, const middle *how) {
  (void)how;
  lam_node parts[] = { lam_reshape(x, (lam_shape){ { 2, 0 }, 2 }),
                       lam_reshape(lam_dense(x, 4, NULL), (lam_shape){ { 2, 2 }, 2 }) };
  return lam_flatten(lam_concatenate(parts, 2));
}

/* Applied three times, also to its own result. */
static lam_node shared(lam_node x, const middle *how) {
  lam_node first = lam_dense(x, sizes.width, &(lam_dense_options){ .activation = how->activation });
  lam_node again = lam_apply(first, &first, 1), both[] = { first, lam_apply(first, &again, 1) };
  return lam_merge(LAM_MERGE_ADD, both, 2);
}

static lam_node penalized(lam_node x, const middle *how) {
  lam_dense_options options = { .activation = how->activation,
                                .kernel_regularizer = { 0.1f, 0.2f },
                                .bias_regularizer = { 0, 0.3f },
                                .activity_regularizer = { 0.2f, 0.1f } };
  return lam_dense(x, sizes.width, &options);
}

static lam_node activity(lam_node x, const middle *how) {
  (void)how;
  return lam_activity_regularization(x, (lam_regularizer){ 0.3f, 0.2f });
}

static lam_node frozen(lam_node x, const middle *how) {
  lam_node y =
      lam_dense(x, sizes.width, &(lam_dense_options){ .activation = how->activation, .kernel_regularizer = { 0, 0.5f } });
  return lam_trainable(y, false);
}

static lam_node model_inside(lam_node x, const middle *how) {
  lam_node y = lam_dense(lam_input(lam_graph_create(x.graph->object.context), (lam_shape){ { sizes.width }, 1 }), sizes.width,
                         &(lam_dense_options){ .activation = how->activation });
  return lam_apply_model(lam_model_create(&y, 1), "inside", &x, 1, NULL);
}

static lam_node batch_normalization(lam_node x, const middle *how) {
  return lam_activate(lam_batch_normalization(x, NULL), how->activation);
}

/* Columns of two places a row, without the weights; and as it is behind a layer that is frozen too. */
static lam_node batch_normalization_plain(lam_node x, const middle *how) {
  (void)how;
  lam_batch_normalization_options options = { .no_center = true, .no_scale = true, .epsilon = 0.1f };
  return lam_flatten(lam_batch_normalization(lam_reshape(x, (lam_shape){ { 2, 0 }, 2 }), &options));
}

static lam_node batch_normalization_frozen(lam_node x, const middle *how) {
  (void)how;
  return lam_trainable(lam_batch_normalization(x, NULL), false);
}

static lam_node layer_normalization(lam_node x, const middle *how) {
  (void)how;
  return lam_layer_normalization(x, NULL);
}

static lam_node layer_normalization_axes(lam_node x, const middle *how) {
  (void)how;
  lam_layer_normalization_options last = { .no_center = true }, both = { .axes = { { 0, 1 }, 2 }, .no_scale = true };
  lam_node y = lam_layer_normalization(lam_reshape(x, (lam_shape){ { 2, 0 }, 2 }), &last);
  return lam_flatten(lam_layer_normalization(lam_dense(y, 2, NULL), &both));
}

static lam_node rms_normalization(lam_node x, const middle *how) {
  (void)how;
  return lam_rms_normalization(x, NULL);
}

/* Along the first axis of two, with and without a mask that leaves nothing of some groups: a relu's zeros. */
static lam_node softmax_axes(lam_node x, const middle *how) {
  lam_softmax_options options = { .activation = how->activation, .axes = { { 0 }, 1 } };
  return lam_flatten(lam_softmax_with(lam_reshape(x, (lam_shape){ { 3, 0 }, 2 }), &options));
}

static lam_node softmax_mask(lam_node x, const middle *how) {
  lam_node mask = lam_activate(x, LAM_RELU), y = lam_dense(x, sizes.width, NULL);
  lam_shape shape = { { 2, 0 }, 2 };
  lam_softmax_options options = { .activation = how->activation, .mask = lam_reshape(mask, shape) };
  return lam_flatten(lam_softmax_with(lam_reshape(y, shape), &options));
}

static lam_node softmax_all_axes(lam_node x, const middle *how) {
  lam_softmax_options options = { .activation = how->activation, .axes = { { 1, 0 }, 2 } };
  return lam_flatten(lam_softmax_with(lam_reshape(x, (lam_shape){ { 3, 0 }, 2 }), &options));
}

static lam_node permute(lam_node x, const middle *how) {
  (void)how;
  lam_node y = lam_permute(lam_reshape(x, (lam_shape){ { 2, 3, 0 }, 3 }), (lam_axes){ { 1, -1, 0 }, 3 });
  return lam_flatten(lam_dense(y, 3, NULL));
}

static lam_node glu(lam_node x, const middle *how) {
  (void)how;
  return lam_glu(x, -1);
}

static lam_node glu_first_axis(lam_node x, const middle *how) {
  (void)how;
  return lam_flatten(lam_glu(lam_reshape(x, (lam_shape){ { 2, 0 }, 2 }), 0));
}

const middle middles[] = {
#define LAM_X(NAME, name) { #name " in dense", in_dense, LAM_##NAME, { 0 }, 0 }, { #name, alone, LAM_##NAME, { 0 }, 0 },
  LAM_ACTIVATION_LIST(LAM_X)
#undef LAM_X
      { "relu with all", alone, LAM_RELU, { .negative_slope = 0.2f, .max_value = 1, .threshold = 0.1f }, 0 },
  { "leaky_relu 0.3", alone, LAM_LEAKY_RELU, { .negative_slope = 0.3f }, 0 },
  { "elu 0.7", alone, LAM_ELU, { .alpha = 0.7f }, 0 },
  { "celu 0.7", alone, LAM_CELU, { .alpha = 0.7f }, 0 },
  { "hard_shrink 0.2", alone, LAM_HARD_SHRINK, { .threshold = 0.2f }, 0 },
  { "soft_shrink 0.2", alone, LAM_SOFT_SHRINK, { .threshold = 0.2f }, 0 },
  { "threshold 0.1", alone, LAM_THRESHOLD, { .threshold = 0.1f, .value = -0.3f }, 0 },
  { "squareplus 2", alone, LAM_SQUAREPLUS, { .b = 2 }, 0 },
  { "softmax along an axis", along_last_axis, LAM_SOFTMAX, { 0 }, 0 },
  { "log_softmax along an axis", along_last_axis, LAM_LOG_SOFTMAX, { 0 }, 0 },
  { "sparsemax along an axis", along_last_axis, LAM_SPARSEMAX, { 0 }, 0 },
  { "normalization", normalization, LAM_LINEAR, { 0 }, 0 },
  { "normalization, inverted", normalization_inverted, LAM_LINEAR, { 0 }, 0 },
  { "whitening", whitening, LAM_LINEAR, { 0 }, 0 },
  { "prelu", prelu, LAM_LINEAR, { 0 }, 0 },
  { "dropout", dropout, LAM_LINEAR, { 0 }, 0 },
  { "gaussian noise", gaussian_noise, LAM_LINEAR, { 0 }, 0 },
#define LAM_X(NAME, name) { #name " two", merge_two, LAM_LINEAR, { 0 }, LAM_MERGE_##NAME },
  LAM_MERGE_LIST(LAM_X)
#undef LAM_X
      { "add three", merge_three, LAM_LINEAR, { 0 }, LAM_MERGE_ADD },
  { "multiply three", merge_three, LAM_LINEAR, { 0 }, LAM_MERGE_MULTIPLY },
  { "average three", merge_three, LAM_LINEAR, { 0 }, LAM_MERGE_AVERAGE },
  { "maximum three", merge_three, LAM_LINEAR, { 0 }, LAM_MERGE_MAXIMUM },
  { "minimum three", merge_three, LAM_LINEAR, { 0 }, LAM_MERGE_MINIMUM },
  { "concatenate", concatenate, LAM_LINEAR, { 0 }, 0 },
  { "batch normalization", batch_normalization, LAM_LINEAR, { 0 }, 0 },
  { "batch normalization and relu", batch_normalization, LAM_RELU, { 0 }, 0 },
  { "batch normalization without weights", batch_normalization_plain, LAM_LINEAR, { 0 }, 0 },
  { "batch normalization, frozen", batch_normalization_frozen, LAM_LINEAR, { 0 }, 0 },
  { "layer normalization", layer_normalization, LAM_LINEAR, { 0 }, 0 },
  { "layer normalization along axes", layer_normalization_axes, LAM_LINEAR, { 0 }, 0 },
  { "rms normalization", rms_normalization, LAM_LINEAR, { 0 }, 0 },
  { "permute", permute, LAM_LINEAR, { 0 }, 0 },
  { "glu", glu, LAM_LINEAR, { 0 }, 0 },
  { "glu, first axis", glu_first_axis, LAM_LINEAR, { 0 }, 0 },
  { "softmax along the first axis", softmax_axes, LAM_SOFTMAX, { 0 }, 0 },
  { "log_softmax along the first axis", softmax_axes, LAM_LOG_SOFTMAX, { 0 }, 0 },
  { "sparsemax along the first axis", softmax_axes, LAM_SPARSEMAX, { 0 }, 0 },
  { "softmax along both axes", softmax_all_axes, LAM_SOFTMAX, { 0 }, 0 },
  { "softmax under a mask", softmax_mask, LAM_SOFTMAX, { 0 }, 0 },
  { "penalties", penalized, LAM_TANH, { 0 }, 0 },
  { "penalties of relu", penalized, LAM_RELU, { 0 }, 0 },
  { "activity", activity, LAM_LINEAR, { 0 }, 0 },
  { "frozen", frozen, LAM_TANH, { 0 }, 0 },
  { "model inside", model_inside, LAM_TANH, { 0 }, 0 },
  { "shared", shared, LAM_SOFTPLUS, { 0 }, 0 },
};
const size_t middle_count = sizeof middles / sizeof *middles;
