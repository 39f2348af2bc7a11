/* SPDX-License-Identifier: MIT
 *
 * The options of a trainer: defaults filled in, ranges checked, and given back as the caller would have to write them.
 */
#include "layers/layers.h"
#include "train/trainer.h"

static const float huge = 3e38f;

lam_status lam_range_complete(lam_context *context, const lam_range *number) {
  float value = *number->value;
  char text[32], least[32], most[32];
  if (value == 0.0f) value = number->standard;
  if (value == LAM_ZERO) value = 0.0f;
  if (!(value >= number->least && value < number->most))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%s is %s; it is at least %s and below %s", number->name,
                    lam_format_float(text, value), lam_format_float(least, number->least), lam_format_float(most, number->most));
  *number->value = value;
  return LAM_OK;
}

enum { OPTIMIZER_NUMBERS = 18 };

static void list_numbers(lam_optimizer_options *o, lam_range numbers[OPTIMIZER_NUMBERS]) {
  const lam_optimizer *of = lam_optimizer_of(o->type);
  const lam_range list[OPTIMIZER_NUMBERS] = {
    { "learning_rate", &o->learning_rate, of->learning_rate, 0.0f, huge },
    { "momentum", &o->momentum, 0.0f, 0.0f, 1.0f },
    { "rho", &o->rho, of->rho, 0.0f, 1.0f },
    { "beta_1", &o->beta_1, 0.9f, 0.0f, 1.0f },
    { "beta_2", &o->beta_2, of->beta_2, 0.0f, 1.0f },
    { "epsilon", &o->epsilon, 1e-7f, 0.0f, huge },
    { "initial_accumulator_value", &o->initial_accumulator_value, 0.1f, 0.0f, huge },
    { "l1", &o->l1, 0.0f, 0.0f, huge },
    { "l2", &o->l2, 0.0f, 0.0f, huge },
    { "l2_shrinkage", &o->l2_shrinkage, 0.0f, 0.0f, huge },
    { "beta", &o->beta, 0.0f, 0.0f, huge },
    { "weight_decay", &o->weight_decay, of->weight_decay, 0.0f, huge },
    { "clipvalue", &o->clipvalue, 0.0f, 0.0f, huge },
    { "clipnorm", &o->clipnorm, 0.0f, 0.0f, huge },
    { "global_clipnorm", &o->global_clipnorm, 0.0f, 0.0f, huge },
    { "ema_momentum", &o->ema_momentum, 0.99f, 0.0f, 1.0f },
    { "loss_scale_factor", &o->loss_scale_factor, 1.0f, 1e-30f, huge },
    { NULL, NULL, 0.0f, 0.0f, 0.0f },
  };
  for (size_t i = 0; i < OPTIMIZER_NUMBERS; i++) numbers[i] = list[i];
}

static lam_status complete_optimizer(lam_context *context, lam_optimizer_options *o) {
  lam_range numbers[OPTIMIZER_NUMBERS];
  if ((unsigned)o->type > LAM_FTRL)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_optimizer_type %d", (int)o->type);
  list_numbers(o, numbers);
  lam_status status = LAM_OK;
  for (size_t i = 0; numbers[i].name && !status; i++) status = lam_range_complete(context, &numbers[i]);
  if (!status) status = lam_schedule_complete(context, &o->schedule);
  if (status) return status;
  if ((o->clipvalue > 0.0f) + (o->clipnorm > 0.0f) + (o->global_clipnorm > 0.0f) > 1)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "clipvalue, clipnorm and global_clipnorm exclude each other");
  if (o->type == LAM_FTRL && o->learning_rate == 0.0f && o->schedule.type == LAM_CONSTANT_RATE)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "learning_rate is 0; ftrl divides by it");
  return LAM_OK;
}

lam_status lam_trainer_options_complete(lam_context *context, lam_trainer_options *options) {
  if (!lam_all_zero(options->reserved, sizeof options->reserved) ||
      !lam_all_zero(options->optimizer.reserved, sizeof options->optimizer.reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_trainer_options must be zero");
  return complete_optimizer(context, &options->optimizer);
}

/* Zeros said as LAM_ZERO where they are not the default. */
lam_status lam_trainer_get_options(const lam_trainer *trainer, lam_trainer_options *options) {
  if (!trainer || !options) return LAM_NO_HANDLE;
  *options = trainer->options;
  lam_range numbers[OPTIMIZER_NUMBERS];
  list_numbers(&options->optimizer, numbers);
  for (size_t i = 0; numbers[i].name; i++)
    if (*numbers[i].value == 0.0f && numbers[i].standard > 0.0f) *numbers[i].value = LAM_ZERO;
  lam_schedule *s = &options->optimizer.schedule;
  float *scheduled[] = { &s->decay_rate, &s->end_learning_rate, &s->power, &s->warmup_target, &s->m_mul };
  bool said = s->type != LAM_CONSTANT_RATE && s->type != LAM_PIECEWISE_CONSTANT_DECAY;
  for (size_t i = 0; said && i < sizeof scheduled / sizeof *scheduled; i++)
    if (*scheduled[i] == 0.0f) *scheduled[i] = LAM_ZERO;
  return LAM_OK;
}

lam_status lam_trainer_set_learning_rate(lam_trainer *trainer, float learning_rate) {
  if (!trainer) return LAM_NO_HANDLE;
  float rate = learning_rate == LAM_ZERO ? 0.0f : learning_rate;
  char text[32];
  if (!(rate >= 0.0f && rate < huge))
    return lam_fail(trainer->object.context, LAM_INVALID_ARGUMENT, "learning_rate is %s; it is at least 0 and finite",
                    lam_format_float(text, rate));
  trainer->options.optimizer.learning_rate = rate;
  trainer->options.optimizer.schedule = (lam_schedule){ .type = LAM_CONSTANT_RATE };
  return LAM_OK;
}

float lam_trainer_learning_rate(const lam_trainer *trainer) {
  if (!trainer) return __builtin_nanf("");
  const lam_optimizer_options *o = &trainer->options.optimizer;
  if (o->schedule.type == LAM_CONSTANT_RATE) return o->learning_rate;
  lam_fp_mode mode = lam_fp_enter();
  float rate = (float)lam_schedule_at(&o->schedule, (double)o->learning_rate, (double)trainer->position.steps);
  lam_fp_leave(mode);
  return rate;
}
