/* SPDX-License-Identifier: MIT
 *
 * Schedules: the learning rate as a function of the step, and the checks of their numbers.
 */
#include "base/elementary.h"
#include "train/trainer.h"

#include <math.h>

static double exponential(const lam_schedule *s, double rate, double part) {
  return rate * lam_power((double)s->decay_rate, s->staircase ? floor(part) : part);
}

static double inverse_time(const lam_schedule *s, double rate, double part) {
  return rate / (1.0 + (double)s->decay_rate * (s->staircase ? floor(part) : part));
}

static double polynomial(const lam_schedule *s, double rate, double part) {
  double end = (double)s->end_learning_rate;
  if (s->cycle && part > 1.0) part /= ceil(part);
  if (part > 1.0) part = 1.0;
  return (rate - end) * lam_power(1.0 - part, (double)s->power) + end;
}

static double cosine_from(const lam_schedule *s, double rate, double part, double height) {
  double alpha = (double)s->alpha, cosine = 0.5 * height * (1.0 + lam_cosine_of_pi(part < 1.0 ? part : 1.0));
  return rate * ((1.0 - alpha) * cosine + alpha);
}

static double cosine(const lam_schedule *s, double rate, double step) {
  double warmup = (double)s->warmup_steps, target = warmup > 0.0 ? (double)s->warmup_target : rate;
  if (step < warmup) return rate + (target - rate) * step / warmup;
  return cosine_from(s, target, (step - warmup) / (double)s->decay_steps, 1.0);
}

/* Where period i begins, in lengths of the first. */
static double period_begin(double t, double i) { return t == 1.0 ? i : (lam_power(t, i) - 1.0) / (t - 1.0); }

static double restarts(const lam_schedule *s, double rate, double part) {
  double t = (double)s->t_mul, i = floor(part);
  if (t > 1.0) {
    i = floor(lam_natural_log(1.0 + part * (t - 1.0)) / lam_natural_log(t));
    /* The quotient may be off by its rounding where a period begins. */
    if (period_begin(t, i + 1.0) <= part) i += 1.0;
    if (i > 0.0 && period_begin(t, i) > part) i -= 1.0;
  }
  return cosine_from(s, rate, (part - period_begin(t, i)) / lam_power(t, i), lam_power((double)s->m_mul, i));
}

static double piecewise(const lam_schedule *s, double step) {
  size_t i = 0;
  while (i < s->boundaries.count && step > (double)s->boundaries.value[i]) i++;
  return (double)s->values.value[i];
}

double lam_schedule_at(const lam_schedule *s, double rate, double step) {
  double part = step / (double)s->decay_steps;
  switch (s->type) {
  case LAM_CONSTANT_RATE: break;
  case LAM_EXPONENTIAL_DECAY: return exponential(s, rate, part);
  case LAM_INVERSE_TIME_DECAY: return inverse_time(s, rate, part);
  case LAM_POLYNOMIAL_DECAY: return polynomial(s, rate, part);
  case LAM_COSINE_DECAY: return cosine(s, rate, step);
  case LAM_COSINE_DECAY_RESTARTS: return restarts(s, rate, part);
  case LAM_PIECEWISE_CONSTANT_DECAY: return piecewise(s, step);
  }
  return rate;
}

/* ---- checks ------------------------------------------------------------------------------------------------------- */

static lam_status complete_boundaries(lam_context *context, const lam_schedule *s) {
  char a[32], b[32];
  const lam_numbers *boundaries = &s->boundaries, *values = &s->values;
  if (boundaries->count < 1 || boundaries->count >= LAM_MOST_NUMBERS || values->count != boundaries->count + 1)
    return lam_fail(context, LAM_INVALID_ARGUMENT,
                    "there are %zu boundaries and %zu values; there is one value more than boundaries, and 1 to %d of these",
                    boundaries->count, values->count, LAM_MOST_NUMBERS - 1);
  for (size_t i = 0; i < boundaries->count; i++) {
    float before = i ? boundaries->value[i - 1] : -INFINITY, boundary = boundaries->value[i];
    if (!(boundary > before && boundary < INFINITY))
      return lam_fail(context, LAM_INVALID_ARGUMENT, "boundaries increase; %s does not follow %s", lam_format_float(a, boundary),
                      lam_format_float(b, before));
  }
  for (size_t i = 0; i < values->count; i++)
    if (!(values->value[i] >= 0.0f && values->value[i] < 3e38f))
      return lam_fail(context, LAM_INVALID_ARGUMENT, "value %zu is %s; it is at least 0 and finite", i,
                      lam_format_float(a, values->value[i]));
  return LAM_OK;
}

lam_status lam_schedule_complete(lam_context *context, lam_schedule *s) {
  const float huge = 3e38f;
  if ((unsigned)s->type > LAM_PIECEWISE_CONSTANT_DECAY)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "there is no lam_schedule_type %d", (int)s->type);
  if (!lam_all_zero(s->reserved, sizeof s->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_schedule must be zero");
  if (s->type == LAM_CONSTANT_RATE) return LAM_OK;
  if (s->type == LAM_PIECEWISE_CONSTANT_DECAY) return complete_boundaries(context, s);
  if (s->decay_steps == 0) return lam_fail(context, LAM_INVALID_ARGUMENT, "decay_steps is 0; it is at least 1");
  bool rated = s->type == LAM_EXPONENTIAL_DECAY || s->type == LAM_INVERSE_TIME_DECAY;
  if (rated && s->decay_rate == 0.0f) return lam_fail(context, LAM_INVALID_ARGUMENT, "decay_rate is not said");
  if (s->type == LAM_COSINE_DECAY && s->warmup_steps && s->warmup_target == 0.0f)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "warmup_steps is %llu, and warmup_target is not said",
                    (unsigned long long)s->warmup_steps);
  const lam_range numbers[] = {
    { "decay_rate", &s->decay_rate, 0.0f, 0.0f, huge },
    { "end_learning_rate", &s->end_learning_rate, 0.0001f, 0.0f, huge },
    { "power", &s->power, 1.0f, 0.0f, huge },
    { "alpha", &s->alpha, 0.0f, 0.0f, huge },
    { "warmup_target", &s->warmup_target, 0.0f, 0.0f, huge },
    { "t_mul", &s->t_mul, 2.0f, 1.0f, huge },
    { "m_mul", &s->m_mul, 1.0f, 0.0f, huge },
  };
  lam_status status = LAM_OK;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++) status = lam_range_complete(context, &numbers[i]);
  return status;
}

double lam_schedule_value(const lam_schedule *schedule, float learning_rate, double step) {
  if (!schedule || !isfinite(step)) return (double)NAN;
  lam_schedule complete = *schedule;
  lam_fp_mode mode = lam_fp_enter();
  double rate = learning_rate == LAM_ZERO ? 0.0 : (double)learning_rate, value = (double)NAN;
  if (!lam_schedule_complete(NULL, &complete)) value = lam_schedule_at(&complete, rate, step > 0.0 ? step : 0.0);
  lam_fp_leave(mode);
  return value;
}
