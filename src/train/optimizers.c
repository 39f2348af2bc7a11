/* SPDX-License-Identifier: MIT
 *
 * The optimizers: what state each has, and its step as one kernel over a range of the weights.
 */
#include "layers/layers.h"
#include "train/trainer.h"

static void update_sgd(const lam_kernel_table *kernels, const lam_optimizer_options *o, float *w, float *const *states,
                       const float *g, uint64_t step, size_t count) {
  (void)step;
  if (o->momentum == 0.0f)
    kernels->sgd(w, g, o->learning_rate, count);
  else if (o->nesterov)
    kernels->sgd_nesterov(w, states[0], g, o->learning_rate, o->momentum, count);
  else
    kernels->sgd_momentum(w, states[0], g, o->learning_rate, o->momentum, count);
}

static void update_rmsprop(const lam_kernel_table *kernels, const lam_optimizer_options *o, float *w, float *const *states,
                           const float *g, uint64_t step, size_t count) {
  (void)step;
  if (o->epsilon_outside)
    kernels->rmsprop_epsilon_outside(w, states[0], g, o->learning_rate, o->rho, o->epsilon, count);
  else
    kernels->rmsprop(w, states[0], g, o->learning_rate, o->rho, o->epsilon, count);
}

static void update_adam(const lam_kernel_table *kernels, const lam_optimizer_options *o, float *w, float *const *states,
                        const float *g, uint64_t step, size_t count) {
  kernels->adam(w, states[0], states[1], g, o->learning_rate, o->beta_1, o->beta_2, o->epsilon, step, count);
}

static const lam_optimizer optimizers[] = {
  [LAM_RMSPROP] = { "rmsprop", 1, { "velocity" }, 0.001f, update_rmsprop },
  [LAM_SGD] = { "sgd", 1, { "momentum" }, 0.01f, update_sgd },
  [LAM_ADAM] = { "adam", 2, { "momentum", "velocity" }, 0.001f, update_adam },
};

const lam_optimizer *lam_optimizer_of(lam_optimizer_type type) { return &optimizers[type]; }

size_t lam_optimizer_states(const lam_optimizer_options *options) {
  return options->type == LAM_SGD && options->momentum == 0.0f ? 0 : optimizers[options->type].states;
}

#define FIELD(kind, member) LAM_FIELD_##kind, offsetof(lam_optimizer_options, member)
const lam_field lam_optimizer_fields[] = {
  { "type", FIELD(ENUM, type), lam_optimizer_names },
  { "learning_rate", FIELD(FLOAT, learning_rate), NULL },
  { "momentum", FIELD(FLOAT, momentum), NULL },
  { "nesterov", FIELD(FLAG, nesterov), NULL },
  { "rho", FIELD(FLOAT, rho), NULL },
  { "beta_1", FIELD(FLOAT, beta_1), NULL },
  { "beta_2", FIELD(FLOAT, beta_2), NULL },
  { "epsilon", FIELD(FLOAT, epsilon), NULL },
  { "epsilon_outside", FIELD(FLAG, epsilon_outside), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};
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
