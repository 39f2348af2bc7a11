/* SPDX-License-Identifier: MIT
 *
 * Every optimizer and everything around it in double, written down here once more, and a trainer with 704 weights to compare it
 * with. The powers and roots are the C library's.
 */
#ifndef LAM_TESTS_TRAIN_OPTIMIZER_FORMULAS_H
#define LAM_TESTS_TRAIN_OPTIMIZER_FORMULAS_H

#include "support.h"

#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { WEIGHTS = 640, BIAS = 64, ALL = WEIGHTS + BIAS, STEPS = 1000 };

/* A weight and the state of its optimizer. */
typedef struct numbers {
  double w, state[3];
} numbers;

/* `size` is what a step's deviation may be measured by: the change with all that is added up in it taken as positive. */
typedef struct reference {
  numbers of[ALL];
  double average[ALL], sum[ALL], size[ALL], product;
} reference;

static lam_context *context;
static lam_model *model;
static lam_trainer *trainer;

static void begin(const lam_optimizer_options *options) {
  const float zero = 0.0f;
  context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { WEIGHTS / BIAS }, 1 });
  lam_node y = lam_dense(x, BIAS, NULL);
  model = lam_model_create(&y, 1);
  trainer = lam_trainer_create(model, &(lam_trainer_options){ .optimizer = *options });
  if (!trainer) fail_msg("%s", lam_error_message(context));
  lam_array row = { .data = (float[WEIGHTS / BIAS]){ zero }, .rows = 1, .shape = { { WEIGHTS / BIAS }, 1 } };
  assert_int_equal(lam_forward(trainer, &row, 1), LAM_OK);
  assert_int_equal(lam_backward(trainer, (const float *[]){ NULL }, 1), LAM_OK);
}

static float *weight(size_t i) {
  lam_parameter p;
  lam_model_parameter(model, i >= WEIGHTS, &p);
  return (float *)(uintptr_t)p.data + (i >= WEIGHTS ? i - WEIGHTS : i);
}

static void set_gradients(const float *g) {
  memcpy(lam_gradient(trainer, 0), g, WEIGHTS * sizeof *g);
  memcpy(lam_gradient(trainer, 1), g + WEIGHTS, BIAS * sizeof *g);
}

/* ---- the formulas ------------------------------------------------------------------------------------------------- */

/* The decimal that was written. */
static double said(float number, double standard) {
  char text[32];
  if (number == 0.0f) return standard;
  if (number == LAM_ZERO) return 0.0;
  (void)snprintf(text, sizeof text, "%.7g", (double)number);
  return strtod(text, NULL);
}

/* Rates and epsilons are the floats that they are. */
static double exactly(float number, float standard) {
  return number == LAM_ZERO ? 0.0 : (double)(number == 0.0f ? standard : number);
}

static double clip(double x, double limit) { return fmax(-limit, fmin(limit, x)); }

static double ftrl_divisor(const lam_optimizer_options *o, double sum, double rate) {
  return sqrt(sum) / rate + 2 * (double)o->l2 + (double)o->beta / rate;
}

static void change(const lam_optimizer_options *o, numbers *n, double product, double g, double rate, double t) {
  double *w = &n->w, *a = &n->state[0], *b = &n->state[1], *c = &n->state[2];
  double b1 = said(o->beta_1, 0.9), b2 = said(o->beta_2, o->type == LAM_LION ? 0.99 : 0.999), mu = exactly(o->momentum, 0.0f);
  double rho = said(o->rho, o->type == LAM_ADADELTA ? 0.95 : 0.9), eps = exactly(o->epsilon, 1e-7f);
  switch (o->type) {
  case LAM_SGD:
    *a = mu * *a - rate * g;
    *w += o->nesterov ? mu * *a - rate * g : *a;
    break;
  case LAM_RMSPROP: {
    *a = rho * *a + (1 - rho) * g * g;
    *b = rho * *b + (1 - rho) * g;
    double square = o->centered ? *a - *b * *b : *a;
    *c = mu * *c + rate * g / (o->epsilon_outside ? sqrt(square) + eps : sqrt(square + eps));
    *w -= *c;
    break;
  }
  case LAM_ADAM:
  case LAM_ADAMW:
    *a = b1 * *a + (1 - b1) * g;
    *b = b2 * *b + (1 - b2) * g * g;
    *c = fmax(*c, *b);
    *w -= rate * sqrt(1 - pow(b2, t)) / (1 - pow(b1, t)) * *a / (sqrt(o->amsgrad ? *c : *b) + eps);
    break;
  case LAM_ADAMAX:
    *a = b1 * *a + (1 - b1) * g;
    *b = fmax(b2 * *b, fabs(g));
    *w -= rate * *a / ((1 - pow(b1, t)) * (*b + eps));
    break;
  case LAM_NADAM: {
    double now = b1 * (1 - 0.5 * pow(0.96, t)), next = b1 * (1 - 0.5 * pow(0.96, t + 1));
    *a = b1 * *a + (1 - b1) * g;
    *b = b2 * *b + (1 - b2) * g * g;
    double mean = next * *a / (1 - product * next) + (1 - now) * g / (1 - product);
    *w -= rate * mean / (sqrt(*b / (1 - pow(b2, t))) + eps);
    break;
  }
  case LAM_ADAGRAD:
    *a += g * g;
    *w -= rate * g / sqrt(*a + eps);
    break;
  case LAM_ADADELTA: {
    *a = rho * *a + (1 - rho) * g * g;
    double delta = sqrt(*b + eps) * g / sqrt(*a + eps);
    *b = rho * *b + (1 - rho) * delta * delta;
    *w -= rate * delta;
    break;
  }
  case LAM_LION: {
    double mean = b1 * *a + (1 - b1) * g;
    *w -= rate * ((mean > 0) - (mean < 0));
    *a = b2 * *a + (1 - b2) * g;
    break;
  }
  case LAM_FTRL: {
    double sum = *a + g * g, l1 = (double)o->l1;
    *b += g + 2 * (double)o->l2_shrinkage * *w - (sqrt(sum) - sqrt(*a)) / rate * *w;
    *a = sum;
    *w = (clip(*b, l1) - *b) / ftrl_divisor(o, sum, rate);
    break;
  }
  }
}

/* The sizes of all that makes the linear term. */
static double ftrl_terms(const lam_optimizer_options *o, const numbers *n, double g, double rate) {
  double pull = (sqrt(n->state[0] + g * g) - sqrt(n->state[0])) / rate;
  return fabs(n->state[1]) + fabs(g) + (2 * (double)o->l2_shrinkage + pull) * fabs(n->w);
}

/* With every term of the sums that may cancel taken as positive. */
static double size_of_change(const lam_optimizer_options *o, const numbers *n, double product, double g, double rate, double t) {
  numbers s = { 0, { fabs(n->state[0]), fabs(n->state[1]), fabs(n->state[2]) } }, after = *n;
  change(o, &after, product, g, rate, t);
  if (o->type == LAM_FTRL) return ftrl_terms(o, n, g, rate) / ftrl_divisor(o, after.state[0], rate); /* the weight is made anew */
  if (o->type == LAM_SGD) s.state[0] = -s.state[0];
  if (o->centered) s.state[1] = g < 0 ? -n->state[1] : n->state[1];
  change(o, &s, product, fabs(g), rate, t);
  double size = fabs(s.w), mean = 0.9 * n->state[0] + 0.1 * g;
  if (o->centered) size *= after.state[0] / (after.state[0] - after.state[1] * after.state[1]);
  /* A mean that is next to 0 may have either sign. */
  if (o->type == LAM_LION && fabs(mean) <= 1e-6 * (fabs(n->state[0]) + fabs(g))) size *= 2e6;
  return size;
}

static double norm(const double *x, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

static void clip_gradients(const lam_optimizer_options *o, double *g) {
  double kernel = norm(g, WEIGHTS), bias = norm(g + WEIGHTS, BIAS), all = norm(g, ALL);
  for (size_t i = 0; i < ALL; i++) {
    double one = i < WEIGHTS ? kernel : bias;
    if (o->clipvalue > 0.0f) g[i] = clip(g[i], (double)o->clipvalue);
    if (o->clipnorm > 0.0f && one > (double)o->clipnorm) g[i] *= (double)o->clipnorm / one;
    if (o->global_clipnorm > 0.0f && all > (double)o->global_clipnorm) g[i] *= (double)o->global_clipnorm / all;
  }
}

static double rate_at(const lam_optimizer_options *o, uint64_t step) {
  double rate = exactly(o->learning_rate, o->type == LAM_SGD ? 0.01f : 0.001f);
  if (o->schedule.type == LAM_EXPONENTIAL_DECAY)
    rate *= pow((double)o->schedule.decay_rate, (double)step / (double)o->schedule.decay_steps);
  return rate;
}

static void step_reference(const lam_optimizer_options *o, reference *r, const float *gradients, uint64_t step, bool excluded) {
  uint64_t every = o->gradient_accumulation_steps ? o->gradient_accumulation_steps : 1, update = step / every;
  double g[ALL], rate = rate_at(o, step), decay = exactly(o->weight_decay, o->type == LAM_ADAMW ? 0.004f : 0.0f);
  for (size_t i = 0; i < ALL; i++) r->sum[i] += (double)gradients[i];
  if ((step + 1) % every == 0) {
    double t = (double)update + 1;
    r->product *= said(o->beta_1, 0.9) * (1 - 0.5 * pow(0.96, t));
    for (size_t i = 0; i < ALL; i++) g[i] = r->sum[i] / (double)every;
    clip_gradients(o, g);
    for (size_t i = 0; i < ALL; i++) {
      double decayed = !excluded || i < WEIGHTS ? r->of[i].w * decay * rate : 0;
      r->of[i].w -= decayed;
      r->size[i] = fabs(decayed) + size_of_change(o, &r->of[i], r->product, g[i], rate, t);
      change(o, &r->of[i], r->product, g[i], rate, t);
      r->sum[i] = 0;
    }
  }
  if (!o->use_ema) return;
  double momentum = update ? said(o->ema_momentum, 0.99) : 0;
  for (size_t i = 0; i < ALL; i++) {
    r->average[i] = momentum * r->average[i] + (1 - momentum) * r->of[i].w;
    if (o->ema_overwrite_frequency && (update + 1) % o->ema_overwrite_frequency == 0) r->of[i].w = r->average[i];
  }
}

/* ---- what is compared --------------------------------------------------------------------------------------------- */

/* Rates are the defaults. `most` is what 1000 steps may deviate, 0 says 1e-6: see optimizers.c. */
typedef struct variant {
  const char *name;
  lam_optimizer_options options;
  bool excluded;
  double most;
} variant;

#define SCHEDULE                                                                                                                 \
  { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 700, .decay_rate = 0.5f }
static const variant variants[] = {
  { "sgd", { .type = LAM_SGD } },
  { "sgd with momentum", { .type = LAM_SGD, .momentum = 0.875f } },
  { "nesterov", { .type = LAM_SGD, .momentum = 0.875f, .nesterov = true } },
  { "rmsprop", { .type = LAM_RMSPROP } },
  { "rmsprop, epsilon outside", { .type = LAM_RMSPROP, .epsilon = 0.01f, .epsilon_outside = true } },
  { "rmsprop with momentum", { .type = LAM_RMSPROP, .momentum = 0.5f } },
  { "rmsprop centered", { .type = LAM_RMSPROP, .centered = true } },
  { "rmsprop centered with momentum", { .type = LAM_RMSPROP, .momentum = 0.5f, .centered = true, .epsilon_outside = true } },
  { "adam", { .type = LAM_ADAM } },
  { "adam, its own betas", { .type = LAM_ADAM, .beta_1 = 0.8f, .beta_2 = 0.99f, .epsilon = 0.001f } },
  { "amsgrad", { .type = LAM_ADAM, .amsgrad = true } },
  { "adamw", { .type = LAM_ADAMW } },
  { "adamw without decay of biases", { .type = LAM_ADAMW, .weight_decay = 0.1f }, true },
  { "adamax", { .type = LAM_ADAMAX } },
  { "nadam", { .type = LAM_NADAM } },
  { "nadam, its own betas", { .type = LAM_NADAM, .beta_1 = 0.99f, .beta_2 = 0.98f } },
  { "adagrad", { .type = LAM_ADAGRAD } },
  { "adagrad from 0", { .type = LAM_ADAGRAD, .initial_accumulator_value = LAM_ZERO } },
  { "adadelta", { .type = LAM_ADADELTA } },
  { "lion", { .type = LAM_LION }, .most = STEPS * 0x1p-24 },
  { "ftrl", { .type = LAM_FTRL, .l2 = 0.25f, .l2_shrinkage = 0.125f, .beta = 0.5f } },
  { "ftrl with l1", { .type = LAM_FTRL, .l1 = 0.5f } },
  { "sgd with decay", { .type = LAM_SGD, .weight_decay = 0.02f } },
  { "sgd, clipped values", { .type = LAM_SGD, .clipvalue = 0.5f }, .most = STEPS * 0x1p-24 },
  { "sgd, clipped norms", { .type = LAM_SGD, .clipnorm = 3.0f } },
  { "adam, clipped global norm", { .type = LAM_ADAM, .global_clipnorm = 2.0f } },
  { "sgd, accumulated", { .type = LAM_SGD, .momentum = 0.5f, .gradient_accumulation_steps = 3 } },
  { "adamw, accumulated and clipped", { .type = LAM_ADAMW, .gradient_accumulation_steps = 4, .clipnorm = 1.0f } },
  { "sgd with averages", { .type = LAM_SGD, .use_ema = true, .ema_momentum = 0.9f, .ema_overwrite_frequency = 50 } },
  { "sgd with averages at once",
    { .type = LAM_SGD, .use_ema = true, .ema_momentum = 0.9f, .ema_overwrite_frequency = 1 },
    .most = 2e-6 },
  { "adam with all of it",
    { .type = LAM_ADAM,
      .schedule = SCHEDULE,
      .weight_decay = 0.01f,
      .clipnorm = 4.0f,
      .use_ema = true,
      .ema_overwrite_frequency = 25,
      .gradient_accumulation_steps = 2 },
    true },
  { "nadam with a schedule", { .type = LAM_NADAM, .schedule = SCHEDULE } },
};

/* Makes the trainer of a variant with weights of its own, the same in the reference. */
static void begin_variant(const variant *v, reference *r) {
  float start[ALL];
  begin(&v->options);
  if (v->excluded) assert_int_equal(lam_exclude_from_weight_decay(trainer, "bias"), LAM_OK);
  memset(r, 0, sizeof *r);
  r->product = 1;
  bool sums = v->options.type == LAM_ADAGRAD || v->options.type == LAM_FTRL;
  lam_random_normal(start, ALL, 1, 1, 0);
  for (size_t i = 0; i < ALL; i++) {
    *weight(i) = start[i];
    r->of[i].w = (double)start[i];
    if (sums) r->of[i].state[0] = exactly(v->options.initial_accumulator_value, 0.1f);
  }
}

/* Some have a direction, some have none. */
static void draw_gradients(float g[ALL], uint64_t step) {
  lam_random_normal(g, ALL, 2, step, 0);
  for (size_t i = 0; i < ALL; i++) g[i] += 0.25f * (float)(i % 3);
  set_gradients(g);
}

#endif
