/* SPDX-License-Identifier: MIT
 *
 * Layers by their Keras names, from the settings of a trace or a case. A layer added to the library becomes one line of the table
 * below; an activation makes its layer run by itself.
 */
#include "conformance/layers.h"
#include <string.h>

/* What every layer's settings may hold beside its own. */
#define COMMON "name", "type", "inputs"

static outcome read_activation(run *r, item name, lam_activation *activation) {
  int found = item_present(name) ? find_activation(item_text(name)) : LAM_LINEAR;
  if (found < 0) return skip(r, "activation %s: not in the library", item_text(name));
  *activation = (lam_activation)found;
  return PASSED;
}

static outcome make_dense(run *r, item settings, const lam_node *inputs, size_t count, lam_node *made) {
  static const char *const known[] = {
    COMMON, "units", "activation", "use_bias", "kernel_regularizer", "bias_regularizer", "activity_regularizer", NULL
  };
  item use_bias = item_field(settings, "use_bias");
  lam_dense_options options = { .no_bias = item_present(use_bias) && item_number(use_bias) == 0 };
  outcome result = check_defaults(r, "layer Dense", settings, known);
  if (!result) result = read_activation(r, item_field(settings, "activation"), &options.activation);
  if (result || count != 1) return result ? result : miss(r, "Dense takes one input");
  options.kernel_regularizer = read_regularizer(item_field(settings, "kernel_regularizer"));
  options.bias_regularizer = read_regularizer(item_field(settings, "bias_regularizer"));
  options.activity_regularizer = read_regularizer(item_field(settings, "activity_regularizer"));
  *made = lam_dense(inputs[0], (size_t)item_number(item_field(settings, "units")), &options);
  return PASSED;
}

/* The channels, the first axis of a row, last: as Keras flattens channels_first. */
static lam_node channels_last(lam_node x) {
  lam_model *model = lam_model_create(&x, 1);
  lam_axes axes = { { 0 }, lam_model_output_shape(model, 0).rank };
  lam_model_destroy(model);
  for (size_t i = 0; i + 1 < axes.count; i++) axes.axis[i] = (int)i + 1;
  return axes.count > 1 ? lam_permute(x, axes) : x;
}

static outcome make_flatten(run *r, item settings, const lam_node *inputs, size_t count, lam_node *made) {
  static const char *const known[] = { COMMON, "data_format", NULL };
  bool first = !strcmp(item_text(item_field(settings, "data_format")), "channels_first");
  if (count != 1) return miss(r, "Flatten takes one input");
  *made = lam_flatten(first ? channels_last(inputs[0]) : inputs[0]);
  return check_defaults(r, "layer Flatten", settings, known);
}

static outcome make_activation(run *r, item settings, const lam_node *inputs, size_t count, lam_node *made) {
  static const char *const known[] = { COMMON, "activation", NULL };
  lam_activation activation = LAM_LINEAR;
  outcome result = check_defaults(r, "layer Activation", settings, known);
  if (!result) result = read_activation(r, item_field(settings, "activation"), &activation);
  if (result || count != 1) return result ? result : miss(r, "Activation takes one input");
  *made = lam_activate(inputs[0], activation);
  return PASSED;
}

static outcome make_concatenate(run *r, item settings, const lam_node *inputs, size_t count, lam_node *made) {
  static const char *const known[] = { COMMON, "axis", NULL };
  item axis = item_field(settings, "axis");
  if (item_present(axis) && item_number(axis) != -1) return skip(r, "layer Concatenate along another axis: not in the library");
  *made = lam_concatenate(inputs, count);
  return check_defaults(r, "layer Concatenate", settings, known);
}

static outcome make_merge(run *r, lam_merge_type type, item settings, const lam_node *inputs, size_t count, lam_node *made) {
  static const char *const known[] = { COMMON, NULL };
  *made = lam_merge(type, inputs, count);
  return check_defaults(r, "a merging layer", settings, known);
}

static const struct {
  const char *type;
  outcome (*make)(run *r, item settings, const lam_node *inputs, size_t count, lam_node *made);
} makers[] = {
  { "Dense", make_dense },
  { "Flatten", make_flatten },
  { "Activation", make_activation },
  { "Concatenate", make_concatenate },
};

static const char *const merges[] = {
#define LAM_X(NAME, name) [LAM_MERGE_##NAME] = #name,
  LAM_MERGE_LIST(LAM_X)
#undef LAM_X
};

outcome make_layer(run *r, const char *type, item settings, const lam_node *inputs, size_t count, lam_node *made) {
  static const char *const known[] = { COMMON, "axis", "negative_slope", "max_value", "threshold", "alpha", NULL };
  for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
    if (!strcmp(makers[i].type, type)) return makers[i].make(r, settings, inputs, count, made);
  for (size_t i = 0; i < sizeof merges / sizeof *merges; i++)
    if (!strcmp(merges[i], snake_case(type))) return make_merge(r, (lam_merge_type)i, settings, inputs, count, made);
  int activation = !strcmp(type, "LeakyReLU") ? LAM_LEAKY_RELU : find_activation(type); /* ReLU, ELU, Softmax */
  lam_activation_options options = { 0 };
  if (activation < 0 || count != 1) return skip(r, "layer %s: not in the library", type);
  read_activation_options(settings, &activation, &options);
  if (activation == LAM_LEAKY_RELU && options.negative_slope == 0) options.negative_slope = 0.3f;
  *made = lam_activate_with(inputs[0], (lam_activation)activation, &options);
  return check_defaults(r, type, settings, known);
}
