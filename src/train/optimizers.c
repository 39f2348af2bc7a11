/* SPDX-License-Identifier: MIT
 *
 * The optimizers: what state each has, and its step as one kernel over a range of the weights.
 */
#include "base/elementary.h"
#include "layers/layers.h"
#include "train/trainer.h"

#define LAM_UPDATE(name)                                                                                                         \
  static void update_##name(const lam_kernel_table *kernels, const lam_optimizer_options *o, const lam_rate *r, float *w,        \
                            float *const *states, const float *g, size_t count)

LAM_UPDATE(sgd) {
  if (o->momentum == 0.0f)
    kernels->sgd(w, g, r->rate, count);
  else if (o->nesterov)
    kernels->sgd_nesterov(w, states[0], g, r->rate, o->momentum, count);
  else
    kernels->sgd_momentum(w, states[0], g, r->rate, o->momentum, count);
}

LAM_UPDATE(rmsprop) {
  bool moves = o->momentum > 0.0f;
  if (moves || o->centered)
    kernels->rmsprop_general(w, states[0], moves ? states[1] : NULL, o->centered ? states[1 + moves] : NULL, g, r->rate, o->rho,
                             o->epsilon, o->epsilon_outside, o->momentum, count);
  else if (o->epsilon_outside)
    kernels->rmsprop_epsilon_outside(w, states[0], g, r->rate, o->rho, o->epsilon, count);
  else
    kernels->rmsprop(w, states[0], g, r->rate, o->rho, o->epsilon, count);
}

LAM_UPDATE(adam) {
  if (o->amsgrad)
    kernels->amsgrad(w, states[0], states[1], states[2], g, r->rate, o->beta_1, o->beta_2, o->epsilon, r->step, count);
  else
    kernels->adam(w, states[0], states[1], g, r->rate, o->beta_1, o->beta_2, o->epsilon, r->step, count);
}

LAM_UPDATE(adamax) { kernels->adamax(w, states[0], states[1], g, r->rate, o->beta_1, o->beta_2, o->epsilon, r->step, count); }

LAM_UPDATE(nadam) {
  kernels->nadam(w, states[0], states[1], g, r->rate, o->beta_1, o->beta_2, o->epsilon, r->product, r->step, count);
}

LAM_UPDATE(adagrad) { kernels->adagrad(w, states[0], g, r->rate, o->epsilon, count); }

LAM_UPDATE(adadelta) { kernels->adadelta(w, states[0], states[1], g, r->rate, o->rho, o->epsilon, count); }

LAM_UPDATE(lion) { kernels->lion(w, states[0], g, r->rate, o->beta_1, o->beta_2, count); }

/* At a rate of 0, by which it would divide, nothing moves. */
LAM_UPDATE(ftrl) {
  if (r->rate > 0.0f) kernels->ftrl(w, states[0], states[1], g, r->rate, o->l1, o->l2, o->l2_shrinkage, o->beta, count);
}

static const lam_optimizer optimizers[] = {
  [LAM_RMSPROP] = { 0.001f, 0.9f, 0.999f, 0.0f, update_rmsprop },
  [LAM_SGD] = { 0.01f, 0.9f, 0.999f, 0.0f, update_sgd },
  [LAM_ADAM] = { 0.001f, 0.9f, 0.999f, 0.0f, update_adam },
  [LAM_ADAMW] = { 0.001f, 0.9f, 0.999f, 0.004f, update_adam },
  [LAM_ADAMAX] = { 0.001f, 0.9f, 0.999f, 0.0f, update_adamax },
  [LAM_NADAM] = { 0.001f, 0.9f, 0.999f, 0.0f, update_nadam },
  [LAM_ADAGRAD] = { 0.001f, 0.9f, 0.999f, 0.0f, update_adagrad },
  [LAM_ADADELTA] = { 0.001f, 0.95f, 0.999f, 0.0f, update_adadelta },
  [LAM_LION] = { 0.001f, 0.9f, 0.99f, 0.0f, update_lion },
  [LAM_FTRL] = { 0.001f, 0.9f, 0.999f, 0.0f, update_ftrl },
};

const lam_optimizer *lam_optimizer_of(lam_optimizer_type type) { return &optimizers[type]; }

size_t lam_optimizer_states(const lam_optimizer_options *o, const char *names[LAM_MOST_STATES]) {
  size_t count = 0;
  bool moves = o->momentum != 0.0f && o->momentum != LAM_ZERO;
  switch (o->type) {
  case LAM_RMSPROP:
    names[count++] = "velocity";
    if (moves) names[count++] = "momentum";
    if (o->centered) names[count++] = "average_gradient";
    break;
  case LAM_SGD:
    if (moves) names[count++] = "momentum";
    break;
  case LAM_ADAM:
  case LAM_ADAMW:
  case LAM_NADAM:
    names[count++] = "momentum";
    names[count++] = "velocity";
    if (o->amsgrad && o->type != LAM_NADAM) names[count++] = "velocity_hat";
    break;
  case LAM_ADAMAX:
    names[count++] = "momentum";
    names[count++] = "norm";
    break;
  case LAM_ADAGRAD: names[count++] = "accumulator"; break;
  case LAM_ADADELTA:
    names[count++] = "accumulated_grad";
    names[count++] = "accumulated_delta_var";
    break;
  case LAM_LION: names[count++] = "momentum"; break;
  case LAM_FTRL:
    names[count++] = "accumulator";
    names[count++] = "linear";
    break;
  }
  if (o->use_ema) names[count++] = "average";
  if (o->gradient_accumulation_steps > 1) names[count++] = "gradient_accumulator";
  return count;
}

/* u_i = beta_1 (1 - 0.96^i / 2). Once 0.96^i is below 2^-54, the rest are beta_1; once the product is, 1 less it is 1. */
double lam_nadam_product(float beta_1, uint64_t step) {
  double beta = lam_as_written(beta_1), product = 1.0, decay = 1.0;
  for (uint64_t i = 1; i <= step && product > 0x1p-60; i++) {
    decay *= 0.96;
    if (decay < 0x1p-54) return product * lam_power(beta, (double)(step - i + 1));
    product *= beta * (1.0 - 0.5 * decay);
  }
  return product;
}

#define LAM_X(NAME, name) [LAM_##NAME] = #name,
const char *const lam_schedule_names[] = { LAM_SCHEDULE_LIST(LAM_X) NULL };
#undef LAM_X

/* What came later is left out of files where it is not said. */
#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_optimizer_options, member)
#define LATER(kind, member)                                                                                                      \
  { #member, FIELD(kind, member), NULL, true }
#define SCHEDULED(kind, member)                                                                                                  \
  { #member, FIELD(kind, schedule.member), NULL, true }
const lam_field lam_optimizer_fields[] = {
  { "type", FIELD(ENUM, type), lam_optimizer_names, false },
  { "learning_rate", FIELD(FLOAT, learning_rate), NULL, false },
  { "momentum", FIELD(FLOAT, momentum), NULL, false },
  { "nesterov", FIELD(FLAG, nesterov), NULL, false },
  { "rho", FIELD(FLOAT, rho), NULL, false },
  { "beta_1", FIELD(FLOAT, beta_1), NULL, false },
  { "beta_2", FIELD(FLOAT, beta_2), NULL, false },
  { "epsilon", FIELD(FLOAT, epsilon), NULL, false },
  { "epsilon_outside", FIELD(FLAG, epsilon_outside), NULL, false },
  LATER(FLAG, centered),
  LATER(FLAG, amsgrad),
  LATER(FLOAT, initial_accumulator_value),
  LATER(FLOAT, l1),
  LATER(FLOAT, l2),
  LATER(FLOAT, l2_shrinkage),
  LATER(FLOAT, beta),
  LATER(FLOAT, weight_decay),
  LATER(FLOAT, clipvalue),
  LATER(FLOAT, clipnorm),
  LATER(FLOAT, global_clipnorm),
  LATER(FLAG, use_ema),
  LATER(FLOAT, ema_momentum),
  LATER(SIZE, ema_overwrite_frequency),
  LATER(SIZE, gradient_accumulation_steps),
  LATER(FLOAT, loss_scale_factor),
  { "schedule", FIELD(ENUM, schedule.type), lam_schedule_names, true },
  SCHEDULED(SEED, decay_steps),
  SCHEDULED(FLOAT, decay_rate),
  SCHEDULED(FLAG, staircase),
  SCHEDULED(FLOAT, end_learning_rate),
  SCHEDULED(FLOAT, power),
  SCHEDULED(FLAG, cycle),
  SCHEDULED(FLOAT, alpha),
  SCHEDULED(SEED, warmup_steps),
  SCHEDULED(FLOAT, warmup_target),
  SCHEDULED(FLOAT, t_mul),
  SCHEDULED(FLOAT, m_mul),
  SCHEDULED(LIST, boundaries),
  SCHEDULED(LIST, values),
  { NULL, LAM_FIELD_FLOAT, 0, NULL, false },
};
#undef SCHEDULED
#undef LATER
#undef FIELD

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_trainer_options, member)
const lam_field lam_trainer_fields[] = {
  { "loss", FIELD(ENUM, loss), lam_loss_names },
  { "from_logits", FIELD(FLAG, from_logits), NULL },
  { "no_fusion", FIELD(FLAG, no_fusion), NULL },
  { "input_gradients", FIELD(FLAG, input_gradients), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
#undef FIELD
