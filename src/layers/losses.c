/* SPDX-License-Identifier: MIT
 *
 * The table of losses, and their options checked and completed.
 */
#include "layers/losses.h"
#include "layers/layers.h"

#define LAM_X(NAME, name) #name,
const char *const lam_loss_names[] = { LAM_LOSS_LIST(LAM_X) NULL };
const char *const lam_reduction_names[] = { LAM_REDUCTION_LIST(LAM_X) NULL };
#undef LAM_X

#define LAM_PLAIN(NAME, text) [LAM_##NAME] = { .name = #text, .whole = true, .run = lam_loss_run }
#define LAM_ALONG(NAME, text) [LAM_##NAME] = { .name = #text, .run = lam_loss_run }
static const lam_loss_type losses[] = {
  [LAM_SPARSE_CATEGORICAL_CROSSENTROPY] = { .name = "sparse_categorical_crossentropy",
                                            .sparse = true,
                                            .classifies = true,
                                            .logits = LAM_SOFTMAX,
                                            .run = lam_loss_run },
  [LAM_CATEGORICAL_CROSSENTROPY] = { .name = "categorical_crossentropy",
                                     .classifies = true,
                                     .logits = LAM_SOFTMAX,
                                     .run = lam_loss_run },
  [LAM_BINARY_CROSSENTROPY] = { .name = "binary_crossentropy",
                                .classifies = true,
                                .whole = true,
                                .logits = LAM_SIGMOID,
                                .run = lam_loss_run },
  [LAM_BINARY_FOCAL_CROSSENTROPY] = { .name = "binary_focal_crossentropy",
                                      .classifies = true,
                                      .whole = true,
                                      .logits = LAM_SIGMOID,
                                      .run = lam_loss_run },
  [LAM_CATEGORICAL_FOCAL_CROSSENTROPY] = { .name = "categorical_focal_crossentropy",
                                           .classifies = true,
                                           .logits = LAM_SOFTMAX,
                                           .run = lam_loss_run },
  LAM_PLAIN(MEAN_SQUARED_ERROR, mean_squared_error),
  LAM_PLAIN(SUM_OF_SQUARES, sum_of_squares),
  LAM_PLAIN(MEAN_ABSOLUTE_ERROR, mean_absolute_error),
  LAM_PLAIN(MEAN_ABSOLUTE_PERCENTAGE_ERROR, mean_absolute_percentage_error),
  LAM_PLAIN(MEAN_SQUARED_LOGARITHMIC_ERROR, mean_squared_logarithmic_error),
  LAM_PLAIN(HUBER, huber),
  LAM_PLAIN(LOG_COSH, log_cosh),
  LAM_PLAIN(HINGE, hinge),
  LAM_PLAIN(SQUARED_HINGE, squared_hinge),
  LAM_ALONG(CATEGORICAL_HINGE, categorical_hinge),
  LAM_PLAIN(POISSON, poisson),
  LAM_ALONG(KL_DIVERGENCE, kl_divergence),
  LAM_ALONG(COSINE_SIMILARITY, cosine_similarity),
  LAM_PLAIN(TVERSKY, tversky),
  LAM_PLAIN(DICE, dice),
  LAM_PLAIN(CUSTOM_LOSS, custom),
};

const lam_loss_type *lam_loss_type_of(lam_loss loss) { return loss == LAM_NO_LOSS ? NULL : &losses[loss]; }

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_loss_options, member)
const lam_field lam_loss_fields[] = {
  { "loss", FIELD(ENUM, loss), lam_loss_names },
  { "from_logits", FIELD(FLAG, from_logits), NULL },
  { "reduction", FIELD(ENUM, reduction), lam_reduction_names },
  { "weight", FIELD(FLOAT, weight), NULL },
  { "label_smoothing", FIELD(FLOAT, label_smoothing), NULL },
  { "ignore", FIELD(FLAG, ignore), NULL },
  { "ignore_class", FIELD(INTEGER, ignore_class), NULL },
  { "delta", FIELD(FLOAT, delta), NULL },
  { "alpha", FIELD(FLOAT, alpha), NULL },
  { "beta", FIELD(FLOAT, beta), NULL },
  { "gamma", FIELD(FLOAT, gamma), NULL },
  { "apply_class_balancing", FIELD(FLAG, apply_class_balancing), NULL },
  { "each_row", FIELD(FLAG, each_row), NULL },
  { "integer_targets", FIELD(FLAG, integer_targets), NULL },
  { "target_columns", FIELD(SIZE, target_columns), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
#undef FIELD

/* ---- options ------------------------------------------------------------------------------------------------------ */

typedef struct lam_number {
  const char *name;
  float *value;
  float standard, most;
  bool has; /* the loss has a use for it */
} lam_number;

/* Fills in the default and reads LAM_ZERO as 0. */
static lam_status complete_number(lam_context *context, const char *loss, const lam_number *number) {
  float value = *number->value;
  char text[32], most[32];
  if (!number->has) return value == 0.0f ? LAM_OK : lam_fail(context, LAM_INVALID_ARGUMENT, "%s has no %s", loss, number->name);
  if (value == 0.0f) value = number->standard;
  if (value == LAM_ZERO) value = 0.0f;
  if (!(value >= 0.0f && value <= number->most))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: %s is %s; it is at least 0 and at most %s", loss, number->name,
                    lam_format_float(text, value), lam_format_float(most, number->most));
  *number->value = value;
  return LAM_OK;
}

static lam_status check_flags(lam_context *context, const lam_loss_type *type, const lam_loss_options *o) {
  bool custom = o->loss == LAM_CUSTOM_LOSS, region = o->loss == LAM_TVERSKY || o->loss == LAM_DICE;
  const struct {
    bool said, has;
    const char *name;
  } flags[] = {
    { o->from_logits, type->logits != LAM_LINEAR, "logits: from_logits goes with the cross-entropies" },
    { o->ignore || o->ignore_class, type->sparse, "ignore_class" },
    { o->apply_class_balancing, o->loss == LAM_BINARY_FOCAL_CROSSENTROPY, "apply_class_balancing" },
    { o->each_row, region, "each_row" },
    { o->function || o->user, custom, "function: that goes with custom" },
    { o->integer_targets || o->target_columns, custom, "integer_targets and target_columns: those go with custom" },
  };
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    if (flags[i].said && !flags[i].has) return lam_fail(context, LAM_INVALID_ARGUMENT, "%s has no %s", type->name, flags[i].name);
  if (o->ignore_class && !o->ignore)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "ignore_class is %d, but ignore is not set", (int)o->ignore_class);
  if (custom && !o->function)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the loss custom needs its function, which files do not keep: give it again");
  if (custom && o->integer_targets && o->target_columns > 1)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "integer_targets are one a row; target_columns is %zu", o->target_columns);
  return LAM_OK;
}

lam_status lam_loss_complete(lam_context *context, const lam_loss_options *said, lam_loss_setting *setting) {
  *setting = (lam_loss_setting){ .options = *said };
  lam_loss_options *o = &setting->options;
  if ((unsigned)o->loss > LAM_CUSTOM_LOSS)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_loss %d", (int)o->loss);
  if ((unsigned)o->reduction > LAM_REDUCTION_NONE)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_reduction %d", (int)o->reduction);
  if (!lam_all_zero(o->reserved, sizeof o->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_loss_options must be zero");
  if (o->loss == LAM_NO_LOSS) return LAM_OK;
  const lam_loss_type *type = setting->type = &losses[o->loss];
  lam_status status = check_flags(context, type, o);
  const float huge = 3e38f;
  bool binary_focal = o->loss == LAM_BINARY_FOCAL_CROSSENTROPY,
       focal = binary_focal || o->loss == LAM_CATEGORICAL_FOCAL_CROSSENTROPY;
  bool tversky = o->loss == LAM_TVERSKY;
  const lam_number numbers[] = {
    { "weight", &o->weight, 1.0f, huge, true },
    { "label_smoothing", &o->label_smoothing, 0.0f, 1.0f, type->logits != LAM_LINEAR && !type->sparse },
    { "delta", &o->delta, 1.0f, huge, o->loss == LAM_HUBER },
    { "alpha", &o->alpha, tversky ? 0.5f : 0.25f, binary_focal ? 1.0f : huge, tversky || focal },
    { "beta", &o->beta, 0.5f, huge, tversky },
    { "gamma", &o->gamma, 2.0f, huge, focal },
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
    status = complete_number(context, type->name, &numbers[i]);
  if (!status && o->loss == LAM_HUBER && !(o->delta > 0.0f))
    status = lam_fail(context, LAM_INVALID_ARGUMENT, "huber: delta is 0; it is above 0");
  setting->one = (tversky || o->loss == LAM_DICE) && !o->each_row;
  bool hinge = o->loss == LAM_HINGE || o->loss == LAM_SQUARED_HINGE;
  setting->at_once = setting->one || hinge || o->ignore || o->loss == LAM_CUSTOM_LOSS;
  setting->changes_targets = hinge || o->ignore || o->label_smoothing != 0.0f;
  setting->labels = type->sparse || o->integer_targets;
  return status;
}
