/* SPDX-License-Identifier: MIT
 *
 * ActivityRegularization, and the checks of regularizers and constraints that layers share.
 */
#include "layers/layers.h"

static bool is_factor(float value) { return value >= 0.0f && value - value == 0.0f; }

lam_status lam_check_regularizer(lam_context *context, const char *layer, const char *what, lam_regularizer regularizer) {
  char l1[32], l2[32];
  if (is_factor(regularizer.l1) && is_factor(regularizer.l2)) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: the %s regularizer is l1 %s, l2 %s; each is at least 0 and finite", layer,
                  what, lam_format_float(l1, regularizer.l1), lam_format_float(l2, regularizer.l2));
}

lam_status lam_check_constraint(lam_context *context, const char *layer, const char *what, lam_constraint constraint) {
  char text[32];
  if ((unsigned)constraint.type > LAM_MIN_MAX_NORM)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no lam_constraint_type %d", layer, (int)constraint.type);
  const struct {
    const char *name;
    float value, most;
  } numbers[] = { { "max_value", constraint.max_value, 3e38f },
                  { "min_value", constraint.min_value, 3e38f },
                  { "rate", constraint.rate, 1.0f } };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!(numbers[i].value >= 0.0f && numbers[i].value <= numbers[i].most))
      return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: %s of the %s constraint is %s; it is at least 0 and %s", layer,
                      numbers[i].name, what, lam_format_float(text, numbers[i].value), i == 2 ? "at most 1" : "finite");
  float most = constraint.max_value == 0.0f ? 1.0f : constraint.max_value;
  char least[32];
  if (constraint.type == LAM_MIN_MAX_NORM && constraint.min_value > most)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: min_value of the %s constraint is %s, its max_value %s", layer, what,
                    lam_format_float(least, constraint.min_value), lam_format_float(text, most));
  return LAM_OK;
}

typedef struct lam_activity_layer {
  lam_regularizer regularizer;
} lam_activity_layer;

static const lam_field fields[] = {
  { "l1", LAM_FIELD_FLOAT, offsetof(lam_activity_layer, regularizer.l1), NULL },
  { "l2", LAM_FIELD_FLOAT, offsetof(lam_activity_layer, regularizer.l2), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

static lam_regularizer activity(const lam_layer *layer) { return ((const lam_activity_layer *)layer->options)->regularizer; }

static lam_status check(lam_context *context, const lam_layer *layer) {
  return lam_check_regularizer(context, layer->name, "activity", activity(layer));
}

/* The plan passes the gradient on, with that of the penalty. */
static lam_status forward(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_output_is_input(lowering);
  return LAM_OK;
}

const lam_layer_type lam_activity_regularization_type = {
  .name = "ActivityRegularization",
  .prefix = "activity_regularization",
  .options_size = sizeof(lam_activity_layer),
  .fields = fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .activity = activity,
  .check = check,
  .forward = forward,
};

lam_node lam_activity_regularization(lam_node x, lam_regularizer regularizer) {
  return lam_graph_append_one(x, &lam_activity_regularization_type, &(lam_activity_layer){ regularizer });
}
