/* SPDX-License-Identifier: MIT
 *
 * The table of layers, the names of the public lists, and the checks of options that layers share.
 */
#include "layers/layers.h"

#include <string.h>

const lam_layer_type *const lam_layer_types[] = {
  &lam_input_type,
  &lam_dense_type,
  &lam_flatten_type,
  &lam_activation_type,
  &lam_concatenate_type,
  &lam_normalization_type,
  &lam_prelu_type,
  &lam_reshape_type,
  &lam_rescaling_type,
  &lam_dropout_type,
  &lam_gaussian_noise_type,
  &lam_activity_regularization_type,
  &lam_batch_normalization_type,
  &lam_layer_normalization_type,
  &lam_rms_normalization_type,
  &lam_glu_type,
  &lam_permute_type,
  &lam_whitening_layer_type,
  &lam_softmax_types[0],
  &lam_softmax_types[1],
  &lam_softmax_types[2],
#define LAM_X(NAME, name) &lam_merge_types[LAM_MERGE_##NAME],
  LAM_MERGE_LIST(LAM_X)
#undef LAM_X
      NULL,
};

const lam_layer_type *lam_layer_type_find(const char *name) {
  for (size_t i = 0; lam_layer_types[i]; i++)
    if (strcmp(lam_layer_types[i]->name, name) == 0) return lam_layer_types[i];
  return NULL;
}

#define LAM_X(NAME, name) #name,
const char *const lam_activation_names[] = { LAM_ACTIVATION_LIST(LAM_X) NULL };
const char *const lam_initializer_names[] = { LAM_INITIALIZER_LIST(LAM_X) NULL };
const char *const lam_constraint_names[] = { LAM_CONSTRAINT_LIST(LAM_X) NULL };
const char *const lam_optimizer_names[] = { LAM_OPTIMIZER_LIST(LAM_X) NULL };
#undef LAM_X

static size_t count_names(lam_names names) {
  size_t count = 0;
  while (names[count]) count++;
  return count;
}

lam_status lam_check_activation(lam_context *context, const char *layer, lam_activation activation) {
  if ((size_t)activation < count_names(lam_activation_names)) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no lam_activation %d", layer, (int)activation);
}

lam_status lam_check_initializer(lam_context *context, const char *layer, lam_initializer initializer) {
  if ((size_t)initializer.type >= count_names(lam_initializer_names))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no lam_initializer_type %d", layer, (int)initializer.type);
  if (!(initializer.value - initializer.value == 0.0f))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: the value of an initializer is not finite", layer);
  return LAM_OK;
}

lam_status lam_check_epsilon(lam_context *context, const char *layer, float epsilon) {
  char text[32];
  if (epsilon >= 0.0f && epsilon - epsilon == 0.0f) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: epsilon is %s; it must be finite and at least 0", layer,
                  lam_format_float(text, epsilon));
}

lam_initializer lam_initializer_or(lam_initializer said, lam_initializer_type standard) {
  if (said.type == LAM_INITIALIZER_DEFAULT) said.type = standard;
  return said;
}

lam_status lam_check_gain(lam_context *context, const char *layer, const char *name, lam_gain gain) {
  lam_status status = lam_check_initializer(context, layer, gain.initializer);
  if (!status) status = lam_check_regularizer(context, layer, name, gain.regularizer);
  return status ? status : lam_check_constraint(context, layer, name, gain.constraint);
}

lam_status lam_declare_gain(lam_shaping *shaping, const char *name, lam_shape shape, lam_gain gain,
                            lam_initializer_type standard) {
  size_t width = shape.size[shape.rank - 1];
  lam_status status = lam_declare_weight(shaping, name, shape, lam_initializer_or(gain.initializer, standard), width, width);
  return status ? status : lam_declare_rules(shaping, gain.regularizer, gain.constraint);
}
