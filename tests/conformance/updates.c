/* SPDX-License-Identifier: MIT
 *
 * Cases of optimizers: their steps, the state they leave, their clipping of gradients, and schedules. An optimizer is a trainer
 * of one weight; several that take turns are trainers of one model.
 */
#include "conformance/cases.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How far Keras's figures of Adam and its kind may be from the formula because it takes the powers of beta in float: each update
 * is at most rate max(1, (1 - beta_1) / sqrt(1 - beta_2)) long (Kingma and Ba, section 2.1) and wrong by the relative error of
 * sqrt(1 - beta_2^t) / (1 - beta_1^t). 0 for other cases. */
static double float_powers(const kase *k) {
  static const char *const with_powers[] = { "Adam", "AdamW", "Nadam", "Adamax" };
  bool has_powers = false;
  for (size_t i = 0; i < sizeof with_powers / sizeof *with_powers; i++) has_powers |= !strcmp(k->op, with_powers[i]);
  if (!has_powers) return 0;
  double rate = item_number(item_field(k->params, "learning_rate")), b1 = item_number(item_field(k->params, "beta_1"));
  double b2 = item_number(item_field(k->params, "beta_2")), sum = 0;
  for (size_t t = 1; t <= item_length(item_field(k->inputs, "steps")); t++) {
    float in_float = sqrtf(1 - powf((float)b2, (float)t)) / (1 - powf((float)b1, (float)t));
    double exact = sqrt(1 - pow(b2, (double)t)) / (1 - pow(b1, (double)t));
    sum += fabs((double)in_float / exact - 1);
  }
  return sum * rate * fmax(1, (1 - b1) / sqrt(1 - b2));
}

/* ---- one weight -------------------------------------------------------------------------------------------------- */

enum { MOST_TRAINERS = 8 };

/* A model whose one weight is the case's, and its trainers. */
typedef struct bench {
  lam_graph *graph;
  lam_model *model;
  lam_trainer *trainers[MOST_TRAINERS];
  size_t steps[MOST_TRAINERS];
  lam_parameter weight;
} bench;

static outcome bench_make(run *r, bench *b, const tensor *initial) {
  *b = (bench){ 0 };
  b->graph = lam_graph_create(run_context(r));
  lam_node node =
      lam_dense(lam_input(b->graph, (lam_shape){ { 1 }, 1 }), initial->count, &(lam_dense_options){ .no_bias = true });
  b->model = lam_model_create(&node, 1);
  if (!b->model || lam_model_parameter(b->model, 0, &b->weight)) return refused(r, "a model of one weight");
  return lam_model_set_weights(b->model, take_floats(initial), initial->count) ? refused(r, "the initial value") : PASSED;
}

static void bench_release(bench *b) {
  for (size_t i = 0; i < MOST_TRAINERS; i++) lam_trainer_destroy(b->trainers[i]);
  lam_model_destroy(b->model);
  lam_graph_destroy(b->graph);
}

/* Makes trainer `index`, whose gradients can then be set. */
static outcome bench_add(run *r, bench *b, size_t index, const lam_optimizer_options *optimizer) {
  const float zero = 0, *gradients[] = { NULL };
  lam_array row = { .data = &zero, .type = LAM_FLOAT32, .rows = 1, .shape = { { 1 }, 1 } };
  lam_trainer *trainer = b->trainers[index] = lam_trainer_create(b->model, &(lam_trainer_options){ .optimizer = *optimizer });
  bool fine = trainer && !lam_forward(trainer, &row, 1) && !lam_backward(trainer, gradients, 1);
  return fine ? PASSED : refused(r, "a trainer of one weight");
}

/* One step with the gradient put in place of the trainer's own. */
static outcome bench_step(run *r, bench *b, size_t index, const tensor *gradient) {
  float *own = lam_gradient(b->trainers[index], 0);
  if (!own || gradient->count != b->weight.count) return miss(r, "a gradient of another size");
  for (size_t i = 0; i < gradient->count; i++) own[i] = (float)gradient->data[i];
  b->steps[index]++;
  return lam_apply_gradients(b->trainers[index]) ? refused(r, "lam_apply_gradients") : PASSED;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* One of a case's steps, by the optimizer that it names or the case's. */
static outcome take_step(run *r, const kase *k, bench *b, item step) {
  tensor gradient;
  lam_optimizer_options options = { 0 };
  size_t index = (size_t)item_number(item_field(step, "optimizer"));
  bool own = item_field(step, "op") != NULL;
  if (index >= MOST_TRAINERS) return miss(r, "more than %d optimizers", MOST_TRAINERS);
  if (!b->trainers[index]) {
    const char *op = own ? item_text(item_field(step, "op")) : k->op;
    outcome result = read_optimizer(r, op, own ? item_field(step, "params") : k->params, &options);
    if (!result) result = bench_add(r, b, index, &options);
    if (result) return result;
    if (item_number(item_field(step, "excluded_from_weight_decay")) != 0 &&
        lam_exclude_from_weight_decay(b->trainers[index], "kernel"))
      return refused(r, "lam_exclude_from_weight_decay");
  }
  if (item_number(item_field(step, "iteration")) != (double)b->steps[index])
    return miss(r, "a step whose number is not the next");
  if (!tensor_read(&gradient, item_field(step, "grad"))) return miss(r, "a step without a gradient");
  return bench_step(r, b, index, &gradient);
}

/* What the case is about behind its steps: the weight, or a state of its optimizer. */
static const float *outcome_of(const kase *k, bench *b) {
  const char *kind = item_text(item_field(k->root, "kind"));
  if (!strcmp(kind, "optimizer_ema")) return lam_optimizer_state(b->trainers[0], "average", 0);
  if (!strcmp(kind, "optimizer_accumulated_gradient")) return lam_optimizer_state(b->trainers[0], "gradient_accumulator", 0);
  /* Figures of averages that never took the weights' place on the way are from after the end, where they do. */
  if (item_number(item_field(k->params, "use_ema")) != 0 && !item_present(item_field(k->params, "ema_overwrite_frequency")))
    lam_finalize_weights(b->trainers[0]);
  return b->weight.data;
}

outcome optimizer_case(run *r, const kase *k) {
  bench b;
  tensor initial;
  item steps = item_field(k->inputs, "steps");
  if (!tensor_read(&initial, item_field(k->inputs, "initial"))) return miss(r, "no initial value");
  outcome result = bench_make(r, &b, &initial);
  for (size_t i = 0; i < item_length(steps) && !result; i++) result = take_step(r, k, &b, item_element(steps, i));
  /* Each step rounds the weight once and adds an update of a few u of itself. */
  double atol = float_atol(largest(&initial)) * (double)(item_length(steps) + 1);
  const float *got = result ? NULL : outcome_of(k, &b);
  if (got) result = compare_case(r, k, got, b.weight.count, FLOAT_RTOL, atol, float_powers(k));
  if (!got && !result) result = miss(r, "the optimizer has no such state");
  bench_release(&b);
  return result;
}

/* ---- clipping ---------------------------------------------------------------------------------------------------- */

/* Where a step from 0 with this gradient leads. */
static outcome step_from_zero(run *r, const lam_optimizer_options *options, const tensor *gradient, float *result) {
  bench b;
  tensor zero = *gradient;
  zero.data = take(zero.count, sizeof *zero.data);
  outcome made = bench_make(r, &b, &zero);
  if (!made) made = bench_add(r, &b, 0, options);
  if (!made) made = bench_step(r, &b, 0, gradient);
  if (!made) memcpy(result, b.weight.data, b.weight.count * sizeof *result);
  bench_release(&b);
  return made;
}

/* A step of sgd with a learning rate of 1 from 0 is the clipped gradient, negated; and the case's optimizer must make the same
 * step, to the bit, with clipping as without it from the gradient that was clipped before. */
outcome clipping_case(run *r, const kase *k) {
  tensor gradient, clipped;
  lam_optimizer_options with = { 0 }, sgd = { .type = LAM_SGD, .learning_rate = 1 };
  item grads = item_field(k->inputs, "grads");
  if (item_length(grads) != 1 || !tensor_read(&gradient, item_element(grads, 0))) return miss(r, "not one gradient");
  outcome result = read_optimizer(r, k->op, k->params, &with);
  sgd.clipvalue = with.clipvalue, sgd.clipnorm = with.clipnorm, sgd.global_clipnorm = with.global_clipnorm;
  float *step = take(gradient.count, sizeof *step), *own = take(gradient.count, sizeof *own);
  float *same = take(gradient.count, sizeof *same);
  if (!result) result = step_from_zero(r, &sgd, &gradient, step);
  clipped = gradient;
  clipped.data = take(gradient.count, sizeof *clipped.data);
  for (size_t i = 0; i < gradient.count; i++) step[i] = -step[i], clipped.data[i] = (double)step[i];
  /* The norm is rounded once and the quotient once. */
  if (!result) result = compare_case(r, k, step, gradient.count, 4 * 0x1p-24, 0, 0);
  lam_optimizer_options without = with;
  without.clipvalue = without.clipnorm = without.global_clipnorm = 0;
  if (!result) result = step_from_zero(r, &with, &gradient, own);
  if (!result) result = step_from_zero(r, &without, &clipped, same);
  if (!result && memcmp(own, same, gradient.count * sizeof *own)) result = miss(r, "a step that clips is another one");
  return result;
}

/* ---- schedules --------------------------------------------------------------------------------------------------- */

static const struct {
  const char *key;
  size_t offset;
  enum { FLOAT, COUNT, FLAG, LIST } kind;
} fields[] = {
  { "decay_steps", offsetof(lam_schedule, decay_steps), COUNT },
  { "first_decay_steps", offsetof(lam_schedule, decay_steps), COUNT },
  { "warmup_steps", offsetof(lam_schedule, warmup_steps), COUNT },
  { "decay_rate", offsetof(lam_schedule, decay_rate), FLOAT },
  { "end_learning_rate", offsetof(lam_schedule, end_learning_rate), FLOAT },
  { "power", offsetof(lam_schedule, power), FLOAT },
  { "alpha", offsetof(lam_schedule, alpha), FLOAT },
  { "warmup_target", offsetof(lam_schedule, warmup_target), FLOAT },
  { "t_mul", offsetof(lam_schedule, t_mul), FLOAT },
  { "m_mul", offsetof(lam_schedule, m_mul), FLOAT },
  { "staircase", offsetof(lam_schedule, staircase), FLAG },
  { "cycle", offsetof(lam_schedule, cycle), FLAG },
  { "boundaries", offsetof(lam_schedule, boundaries), LIST },
  { "values", offsetof(lam_schedule, values), LIST },
};

static bool read_field(lam_schedule *schedule, const char *key, item value) {
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (strcmp(fields[i].key, key)) continue;
    void *field = (char *)schedule + fields[i].offset;
    double number = item_number(value);
    lam_numbers *list = field;
    switch (fields[i].kind) {
    case FLOAT: *(float *)field = number == 0 ? LAM_ZERO : (float)number; break;
    case COUNT: *(uint64_t *)field = (uint64_t)number; break;
    case FLAG: *(bool *)field = number != 0; break;
    case LIST:
      for (list->count = 0; list->count < item_length(value) && list->count < LAM_MOST_NUMBERS; list->count++)
        list->value[list->count] = (float)item_number(item_element(value, list->count));
      break;
    }
    return true;
  }
  return false;
}

outcome schedule_case(run *r, const kase *k) {
  static const char *const names[] = {
#define LAM_X(NAME, name) #name,
    LAM_SCHEDULE_LIST(LAM_X)
#undef LAM_X
  };
  lam_schedule schedule = { 0 };
  float rate = 0;
  tensor step;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], snake_case(k->op))) schedule.type = (lam_schedule_type)i;
  if (!schedule.type) return skip(r, "schedule %s: not in the library", k->op);
  for (members m = members_of(k->params); members_next(&m);) {
    if (!item_present(m.value)) continue;
    if (!strcmp(m.name, "initial_learning_rate"))
      rate = (float)item_number(m.value);
    else if (!read_field(&schedule, m.name, m.value))
      return skip(r, "schedule %s with %s: not in the library", k->op, m.name);
  }
  if (!tensor_read(&step, item_field(k->inputs, "step"))) return miss(r, "no step");
  float value = (float)lam_schedule_value(&schedule, rate, step.data[0]);
  return compare_case(r, k, &value, 1, FLOAT_RTOL, 0x1p-24, 0);
}
