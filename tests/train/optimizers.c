/* SPDX-License-Identifier: MIT
 *
 * Every optimizer and everything around it against the formulas in double, written down here once more, over 1000 steps with the
 * same gradients, through a trainer.
 *
 * What is compared: the weights as a vector, |w - reference| <= 1e-6 |reference| in the Euclidean norm, after 1000 steps and at
 * some on the way. Why that is what float allows: a step rounds a weight once, by at most half a unit in the last place, 2^-25 to
 * 2^-24 of the weight, evenly spread: a deviation of 2^-24/sqrt(3) at most, and sqrt(1000) of these make at most 1.1e-6 where a
 * weight stays at the lower end of a binade all the time. Over a binade the mean square is 0.59 of that, so 0.8e-6 for weights
 * that stay where they are and less for those that grow or move between binades. State with a memory of 1000 steps (Adam's second
 * moment) adds 0.4e-6 of the change. Single weights lie up to four deviations out; each is held to 4e-6 of the largest weight. */
#include "support.h"

#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { WEIGHTS = 640, BIAS = 64, ALL = WEIGHTS + BIAS, STEPS = 1000 };

typedef struct reference {
  double w[ALL], state[5][ALL], average[ALL], sum[ALL], product;
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

static void change(const lam_optimizer_options *o, reference *r, size_t i, double g, double rate, double t) {
  double *w = &r->w[i], *a = &r->state[0][i], *b = &r->state[1][i], *c = &r->state[2][i];
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
    double mean = next * *a / (1 - r->product * next) + (1 - now) * g / (1 - r->product);
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
    *w = (clip(*b, l1) - *b) / (sqrt(sum) / rate + 2 * (double)o->l2 + (double)o->beta / rate);
    break;
  }
  }
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
      if (!excluded || i < WEIGHTS) r->w[i] -= r->w[i] * decay * rate;
      change(o, r, i, g[i], rate, t);
      r->sum[i] = 0;
    }
  }
  if (!o->use_ema) return;
  double momentum = update ? said(o->ema_momentum, 0.99) : 0;
  for (size_t i = 0; i < ALL; i++) {
    r->average[i] = momentum * r->average[i] + (1 - momentum) * r->w[i];
    if (o->ema_overwrite_frequency && (update + 1) % o->ema_overwrite_frequency == 0) r->w[i] = r->average[i];
  }
}

/* ---- the comparison ----------------------------------------------------------------------------------------------- */

static void compare(const char *name, uint64_t step, const double *wanted) {
  double difference[ALL], largest = 0, size = norm(wanted, ALL);
  for (size_t i = 0; i < ALL; i++) largest = fmax(largest, fabs(wanted[i]));
  for (size_t i = 0; i < ALL; i++) {
    difference[i] = (double)*weight(i) - wanted[i];
    if (!(fabs(difference[i]) <= 4e-6 * largest))
      fail_msg("%s, step %llu: weight %zu is %.9g, not %.9g", name, (unsigned long long)step, i, (double)*weight(i), wanted[i]);
  }
  if (!(norm(difference, ALL) <= 1e-6 * size))
    fail_msg("%s, step %llu: %.3g of the weights", name, (unsigned long long)step, norm(difference, ALL) / size);
  if (step == STEPS) print_message("%s: %.3g\n", name, norm(difference, ALL) / size);
}

typedef struct variant {
  const char *name;
  lam_optimizer_options options;
  bool excluded;
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
  { "adagrad", { .type = LAM_ADAGRAD, .learning_rate = 0.01f } },
  { "adagrad from 0", { .type = LAM_ADAGRAD, .initial_accumulator_value = LAM_ZERO } },
  { "adadelta", { .type = LAM_ADADELTA, .learning_rate = 1.0f } },
  /* Lion's step is always the same, as that of a clipped gradient is, and so would be its rounding, a thousand times:
   * these rates are added exactly. */
  { "lion", { .type = LAM_LION, .learning_rate = 0x1p-10f } },
  { "ftrl", { .type = LAM_FTRL, .learning_rate = 0.1f, .l2 = 0.25f, .l2_shrinkage = 0.125f, .beta = 0.5f } },
  { "ftrl with l1", { .type = LAM_FTRL, .learning_rate = 0.1f, .l1 = 0.5f } },
  { "sgd with decay", { .type = LAM_SGD, .weight_decay = 0.02f } },
  { "sgd, clipped values", { .type = LAM_SGD, .learning_rate = 0x1p-6f, .clipvalue = 0.5f } },
  { "sgd, clipped norms", { .type = LAM_SGD, .clipnorm = 3.0f } },
  { "adam, clipped global norm", { .type = LAM_ADAM, .global_clipnorm = 2.0f } },
  { "sgd, accumulated", { .type = LAM_SGD, .momentum = 0.5f, .gradient_accumulation_steps = 3 } },
  { "adamw, accumulated and clipped", { .type = LAM_ADAMW, .gradient_accumulation_steps = 4, .clipnorm = 1.0f } },
  /* An average is rounded in each step too, but forgets that; where it takes the weights' place in each few steps, it does not,
   * and twice as many roundings are sqrt(2) times as much. */
  { "sgd with averages", { .type = LAM_SGD, .use_ema = true, .ema_momentum = 0.9f, .ema_overwrite_frequency = 50 } },
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

static void run_variant(const variant *v) {
  static reference r;
  float g[ALL], start[ALL];
  begin(&v->options);
  if (v->excluded) assert_int_equal(lam_exclude_from_weight_decay(trainer, "bias"), LAM_OK);
  memset(&r, 0, sizeof r);
  r.product = 1;
  bool sums = v->options.type == LAM_ADAGRAD || v->options.type == LAM_FTRL;
  lam_random_normal(start, ALL, 1, 1, 0);
  for (size_t i = 0; i < ALL; i++) {
    *weight(i) = start[i];
    r.w[i] = (double)start[i];
    if (sums) r.state[0][i] = exactly(v->options.initial_accumulator_value, 0.1f);
  }
  for (uint64_t step = 0; step < STEPS; step++) {
    lam_random_normal(g, ALL, 2, step, 0);
    for (size_t i = 0; i < ALL; i++) g[i] += 0.25f * (float)(i % 3); /* some have a direction, some have none */
    set_gradients(g);
    float rate = lam_trainer_learning_rate(trainer);
    assert_true(fabs((double)rate - rate_at(&v->options, step)) <= 0x1p-24 * (double)rate);
    assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
    step_reference(&v->options, &r, g, step, v->excluded);
    if (step == 0 || step == 10 || step == 100 || step == STEPS - 1) compare(v->name, step + 1, r.w);
  }
  if (v->options.use_ema) {
    assert_int_equal(lam_finalize_weights(trainer), LAM_OK);
    compare("its average", STEPS, r.average);
  }
  lam_context_destroy(context);
}

static void every_optimizer_follows_its_formula_for_1000_steps(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) run_variant(&variants[i]);
}

/* ---- around them -------------------------------------------------------------------------------------------------- */

static void huge_gradients_are_clipped_to_their_norm(void **state) {
  (void)state;
  static const float sizes[] = { 1e-30f, 1e19f, 1e30f, 3e38f };
  for (size_t s = 0; s < 4; s++)
    for (int global = 0; global < 2; global++) {
      float g[ALL];
      begin(&(lam_optimizer_options){
          .type = LAM_SGD, .learning_rate = 1.0f, .clipnorm = global ? 0.0f : 0.5f, .global_clipnorm = global ? 0.5f : 0.0f });
      for (size_t i = 0; i < ALL; i++) *weight(i) = 0.0f, g[i] = i % 2 ? sizes[s] : -sizes[s];
      set_gradients(g);
      assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
      double part = sizes[s] < 1.0f ? (double)sizes[s] : 0.5 / sqrt(global ? ALL : BIAS);
      /* The scale is rounded once, and each of two products. */
      assert_true(fabs(fabs((double)*weight(ALL - 1)) - part) <= 3 * 0x1p-24 * part);
      lam_context_destroy(context);
    }
}

static void a_norm_has_the_same_bits_with_any_number_of_threads(void **state) {
  (void)state;
  enum { IN = 300, OUT = 77 };
  static float first[IN * OUT], g[IN * OUT + OUT], row[IN];
  for (unsigned threads = 1; threads <= 5; threads++) {
    context = lam_context_create(&(lam_context_options){ .threads = threads });
    lam_node node = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), OUT, NULL);
    model = lam_model_create(&node, 1);
    trainer = lam_trainer_create(
        model,
        &(lam_trainer_options){
            .optimizer = { .type = LAM_ADAMW, .global_clipnorm = 0.75f, .use_ema = true, .gradient_accumulation_steps = 2 } });
    lam_array in = { .data = row, .rows = 1, .shape = { { IN }, 1 } };
    assert_int_equal(lam_forward(trainer, &in, 1), LAM_OK);
    assert_int_equal(lam_backward(trainer, (const float *[]){ NULL }, 1), LAM_OK);
    for (uint64_t step = 0; step < 6; step++) {
      lam_random_normal(g, IN * OUT + OUT, 3, step, 0);
      memcpy(lam_gradient(trainer, 0), g, IN * OUT * sizeof *g);
      assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
    }
    lam_parameter p;
    lam_model_parameter(model, 0, &p);
    if (threads == 1) memcpy(first, p.data, sizeof first);
    assert_memory_equal(first, p.data, sizeof first);
    lam_context_destroy(context);
  }
}

static void an_infinite_gradient_is_not_hidden_by_clipping(void **state) {
  (void)state;
  float g[ALL] = { INFINITY };
  begin(&(lam_optimizer_options){ .type = LAM_SGD, .global_clipnorm = 1.0f });
  set_gradients(g);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(isnan(*weight(0)) && isnan(*weight(ALL - 1)));
  lam_context_destroy(context);
}

static void a_rate_that_is_set_ends_the_schedule(void **state) {
  (void)state;
  begin(&(lam_optimizer_options){ .schedule = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 1, .decay_rate = 0.5f } });
  assert_true(lam_trainer_learning_rate(trainer) == 0.001f);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(lam_trainer_learning_rate(trainer) == 0.0005f);
  assert_int_equal(lam_trainer_set_learning_rate(trainer, 0.25f), LAM_OK);
  assert_int_equal(lam_apply_gradients(trainer), LAM_OK);
  assert_true(lam_trainer_learning_rate(trainer) == 0.25f);
  lam_context_destroy(context);
}

/* The C library's functions are within one unit of the last place; ours within 1e-14 as their header says. */
static void schedules_follow_their_formulas(void **state) {
  (void)state;
  const double pi = 3.14159265358979323846;
  for (double s = 0; s < 300; s += 7) {
    lam_schedule e = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 40, .decay_rate = 0.75f };
    lam_schedule t = { .type = LAM_INVERSE_TIME_DECAY, .decay_steps = 40, .decay_rate = 0.75f, .staircase = true };
    lam_schedule p = {
      .type = LAM_POLYNOMIAL_DECAY, .decay_steps = 40, .end_learning_rate = 0.125f, .power = 1.7f, .cycle = true
    };
    lam_schedule c = { .type = LAM_COSINE_DECAY, .decay_steps = 90, .alpha = 0.25f, .warmup_steps = 50, .warmup_target = 2.0f };
    lam_schedule r = { .type = LAM_COSINE_DECAY_RESTARTS, .decay_steps = 20, .m_mul = 0.5f };
    double n = s > 40 ? 40 * ceil(s / 40) : 40, begin_of = 0, length = 20, height = 1;
    while (s >= begin_of + length) begin_of += length, length *= 2, height *= 0.5;
    double cosine = s < 50 ? 0.5 + 1.5 * s / 50 : 2 * (0.75 * (1 + cos(pi * fmin(1, (s - 50) / 90))) / 2 + 0.25);
    const double wanted[] = { 0.5 * pow(0.75, s / 40), 0.5 / (1 + 0.75 * floor(s / 40)),
                              0.375 * pow(1 - s / n, (double)1.7f) + 0.125, cosine,
                              0.25 * height * (1 + cos(pi * (s - begin_of) / length)) };
    const lam_schedule *const all[] = { &e, &t, &p, &c, &r };
    for (size_t i = 0; i < 5; i++) {
      double got = lam_schedule_value(all[i], 0.5f, s);
      if (!(fabs(got - wanted[i]) <= 1e-14)) fail_msg("schedule %zu at %g: %.17g, not %.17g", i, s, got, wanted[i]);
    }
  }
  lam_schedule steps = { .type = LAM_PIECEWISE_CONSTANT_DECAY, .boundaries = { { 10, 20 }, 2 }, .values = { { 3, 2, 1 }, 3 } };
  assert_true(lam_schedule_value(&steps, 0.5f, 10) == 3 && lam_schedule_value(&steps, 0.5f, 11) == 2);
  assert_true(lam_schedule_value(&steps, 0.5f, 20) == 2 && lam_schedule_value(&steps, 0.5f, 1e9) == 1);
  steps.values.count = 2;
  assert_true(isnan(lam_schedule_value(&steps, 0.5f, 10)));
}

static void refused(lam_optimizer_options options, const char *sentence) {
  context = lam_context_create(NULL);
  lam_node y = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 }), 1, NULL);
  model = lam_model_create(&y, 1);
  assert_null(lam_trainer_create(model, &(lam_trainer_options){ .optimizer = options }));
  assert_string_equal(lam_error_message(context), sentence);
  lam_context_destroy(context);
}

static void numbers_that_cannot_be_meant_are_refused(void **state) {
  (void)state;
  refused((lam_optimizer_options){ .clipvalue = 1.0f, .clipnorm = 1.0f },
          "clipvalue, clipnorm and global_clipnorm exclude each other");
  refused((lam_optimizer_options){ .weight_decay = -1.0f }, "weight_decay is -1; it is at least 0 and below 3e38");
  refused((lam_optimizer_options){ .type = LAM_FTRL, .learning_rate = LAM_ZERO }, "learning_rate is 0; ftrl divides by it");
  refused((lam_optimizer_options){ .ema_momentum = 1.0f }, "ema_momentum is 1; it is at least 0 and below 1");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_COSINE_DECAY } }, "decay_steps is 0; it is at least 1");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 1 } }, "decay_rate is not said");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_COSINE_DECAY, .decay_steps = 1, .warmup_steps = 2 } },
          "warmup_steps is 2, and warmup_target is not said");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_COSINE_DECAY_RESTARTS, .decay_steps = 1, .t_mul = 0.5f } },
          "t_mul is 0.5; it is at least 1 and below 3e38");
  refused((lam_optimizer_options){ .schedule = { .type = LAM_PIECEWISE_CONSTANT_DECAY } },
          "there are 0 boundaries and 0 values; there is one value more than boundaries, and 1 to 15 of these");
  refused(
      (lam_optimizer_options){
          .schedule = { .type = LAM_PIECEWISE_CONSTANT_DECAY, .boundaries = { { 2, 2 }, 2 }, .values = { { 1 }, 3 } } },
      "boundaries increase; 2 does not follow 2");
  begin(&(lam_optimizer_options){ 0 });
  assert_int_equal(lam_exclude_from_weight_decay(trainer, "gamma"), LAM_UNKNOWN_NAME);
  assert_string_equal(lam_error_message(context), "the model has no weight whose name contains \"gamma\"");
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_optimizer_follows_its_formula_for_1000_steps),
    cmocka_unit_test(huge_gradients_are_clipped_to_their_norm),
    cmocka_unit_test(a_norm_has_the_same_bits_with_any_number_of_threads),
    cmocka_unit_test(an_infinite_gradient_is_not_hidden_by_clipping),
    cmocka_unit_test(a_rate_that_is_set_ends_the_schedule),
    cmocka_unit_test(schedules_follow_their_formulas),
    cmocka_unit_test(numbers_that_cannot_be_meant_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
