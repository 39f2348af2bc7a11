/* SPDX-License-Identifier: MIT
 *
 * The parts of a step or a call: steps as lam_fit runs them, calls as lam_session_run does, with a look at the clock after each
 * operation. Nothing is run alone or twice, so each part finds the caches as the one before it left them. What a look at the
 * clock costs is taken off.
 */
#include "bench/bounds.h"
#include "bench/clock.h"
#include "bench/training.h"
#include "bench/workers.h"
#include "graph/session.h"
#include <string.h>

enum { MOST_PARTS = 96, CLOCK_LOOKS = 1000 };

typedef struct timed_part {
  const char *name, *layer;
  double flops;
  double seconds[MOST_SAMPLES]; /* of one step, by round */
} timed_part;

typedef struct profile {
  training *t;
  inference *f; /* or this */
  timed_part parts[MOST_PARTS];
  size_t count;
  uint32_t *order;
  size_t next; /* the row that the next step begins with */
} profile;

static double clock_cost(void) {
  double begin = wall_seconds(), last = begin;
  for (int i = 0; i < CLOCK_LOOKS; i++) last = wall_seconds();
  return (last - begin) / CLOCK_LOOKS;
}

static bool is_product(const char *name) {
  static const char *const products[] = { "forward", "weight gradient", "input gradient", NULL };
  return lam_name_find(products, name) >= 0;
}

static void add_part(profile *p, const char *name, const char *layer, double flops) {
  p->parts[p->count++] = (timed_part){ .name = name, .layer = layer, .flops = flops };
}

/* Gather, the plan's operations; of a step the sum of the losses and right answers, the optimizer; of a call its results. */
static bool list_parts(profile *p) {
  const lam_plan *plan = p->t ? p->t->trainer->plan : p->f->session->plan;
  const size_t batch = p->t ? p->t->batch : p->f->input.rows;
  if (plan->operation_count + 3 > MOST_PARTS) return false;
  add_part(p, p->t ? "gather rows" : "copy rows", "", 0);
  for (size_t i = 0; i < plan->operation_count; i++) {
    const lam_operation *o = &plan->operations[i];
    double flops = is_product(o->name) ? 2.0 * (double)(batch * o->repeat) * (double)o->columns * (double)o->inner : 0;
    add_part(p, o->name, o->layer ? o->layer : "", flops);
  }
  add_part(p, p->t ? "loss, accuracy" : "copy results", "", 0);
  if (p->t) add_part(p, "optimizer", "", 0);
  return true;
}

static void gather(const training *t, const uint32_t *rows, size_t count) {
  const lam_plan *plan = t->trainer->plan;
  const lam_model *model = t->trainer->model;
  float scale, offset;
  lam_array_scaling(&t->data->inputs[0], model->scaling[0].scale, model->scaling[0].offset, &scale, &offset);
  lam_dataset_gather_input(t->data, 0, scale, offset, rows, count, plan->inputs[0], model->nodes[model->inputs[0]].width,
                           plan->kernels);
  if (t->loss->sparse)
    lam_dataset_gather_labels(t->data, 0, rows, count, (int32_t *)(void *)plan->targets[0]);
  else
    lam_dataset_gather_targets(t->data, 0, rows, count, plan->targets[0], model->nodes[model->outputs[0]].width, plan->kernels);
}

/* Adds the seconds since *last to a part. */
static void look(double *seconds, double *last) {
  double now = wall_seconds();
  *seconds += now - *last;
  *last = now;
}

static void run_step(profile *p, size_t round) {
  lam_trainer *trainer = p->t->trainer;
  const lam_plan *plan = trainer->plan;
  lam_step step = { .rows = p->t->batch, .training = true };
  if (p->next + step.rows > p->t->data->rows) p->next = 0;
  double last = wall_seconds();
  timed_part *part = p->parts;
  gather(p->t, p->order + p->next, step.rows);
  look(&part++->seconds[round], &last);
  for (size_t i = 0; i < plan->operation_count; i++) {
    lam_plan_run(plan, &step, i, i + 1);
    look(&part++->seconds[round], &last);
    if (i + 1 != plan->forward_count) continue;
    /* Between forward and backward, as in fit; its part stands behind the operations. */
    volatile double sums = lam_plan_loss(plan, &step, NULL) + lam_plan_right(plan, &step);
    (void)sums;
    look(&p->parts[plan->operation_count + 1].seconds[round], &last);
  }
  lam_trainer_update(trainer, plan->gradients, 1.0);
  look(&p->parts[plan->operation_count + 2].seconds[round], &last);
  p->next += step.rows;
}

static void run_call(profile *p, size_t round) {
  inference *f = p->f;
  const lam_plan *plan = f->session->plan;
  const lam_model *model = f->session->model;
  const lam_step step = { .rows = f->input.rows };
  const size_t width = model->nodes[model->outputs[0]].width;
  float scale, offset;
  double last = wall_seconds();
  timed_part *part = p->parts;
  lam_array_scaling(&f->input, model->scaling[0].scale, model->scaling[0].offset, &scale, &offset);
  lam_array_gather(&f->input, NULL, NULL, step.rows, scale, offset, plan->inputs[0], model->nodes[model->inputs[0]].width,
                   plan->kernels);
  look(&part++->seconds[round], &last);
  for (size_t i = 0; i < plan->operation_count; i++) {
    lam_plan_run(plan, &step, i, i + 1);
    look(&part++->seconds[round], &last);
  }
  memcpy(f->outputs, plan->outputs[0], step.rows * width * sizeof(float));
  look(&part->seconds[round], &last);
}

static void run_once(profile *p, size_t round) {
  if (p->t)
    run_step(p, round);
  else
    run_call(p, round);
}

static void run_rounds(profile *p, size_t rounds, double goal) {
  double cost = clock_cost();
  for (size_t i = 0; i < 3; i++) run_once(p, 0);
  for (size_t round = 0; round < rounds; round++) {
    size_t steps = 0;
    for (size_t i = 0; i < p->count; i++) p->parts[i].seconds[round] = 0;
    double begin = wall_seconds();
    for (; steps == 0 || wall_seconds() - begin < goal / (double)rounds; steps++) run_once(p, round);
    for (size_t i = 0; i < p->count; i++) {
      double seconds = p->parts[i].seconds[round] / (double)steps - cost;
      p->parts[i].seconds[round] = seconds > 0 ? seconds : 0;
    }
  }
}

static void put_all(lam_json_writer *json, const profile *p, size_t rounds) {
  lam_json_key(json, "parts");
  lam_json_open(json, '[');
  for (size_t i = 0; i < p->count; i++) {
    const timed_part *part = &p->parts[i];
    double seconds = stats_median(part->seconds, rounds);
    lam_json_open(json, '{');
    json_put_text(json, "part", part->name);
    json_put_text(json, "layer", part->layer);
    json_put_number(json, "flops", part->flops);
    json_put_number(json, "us", seconds * 1e6);
    json_put_number(json, "us_spread", seconds > 0 ? stats_spread(part->seconds, rounds) * seconds * 1e6 : 0);
    lam_json_close(json, '}');
  }
  lam_json_close(json, ']');
}

static const char *time_parts(profile *p, lam_context *context, lam_json_writer *json, size_t rounds, double seconds) {
  if (!list_parts(p)) return "there are too many parts";
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(context);
  run_rounds(p, rounds, seconds);
  lam_blas_leave(context);
  lam_fp_leave(mode);
  put_all(json, p, rounds);
  return NULL;
}

const char *put_call_parts(lam_json_writer *json, inference *f, size_t rounds, double seconds) {
  profile *p = calloc(1, sizeof *p);
  if (!p) return "out of memory";
  p->f = f;
  const char *failure = time_parts(p, f->context, json, rounds, seconds);
  free(p);
  return failure;
}

const char *put_parts(lam_json_writer *json, training *t, size_t rounds, double seconds) {
  size_t rows = t->data->rows;
  if (rows < t->batch) return "there are fewer rows than a batch has";
  if (lam_trainer_plan(t->trainer, t->batch)) return lam_error_message(t->context);
  profile *p = calloc(1, sizeof *p);
  if (p) *p = (profile){ .t = t, .order = malloc(rows * sizeof *p->order) };
  const char *failure = p && p->order ? NULL : "out of memory";
  if (!failure) {
    lam_shuffle(p->order, rows, 0, 0);
    failure = time_parts(p, t->context, json, rounds, seconds);
  }
  if (p) free(p->order);
  free(p);
  return failure;
}

/* ---- the results --------------------------------------------------------------------------------------------------- */

/* The least microseconds of a part; 0 where nothing is known of it. */
static double least_us(const report *r, const bounds *all, const lam_json *part, size_t threads) {
  const bound *b = find_bound(all, text_of(part, "part"), text_of(part, "layer"));
  return b ? bound_seconds(r, b, threads) * 1e6 : 0;
}

static void report_one(report *to, const lam_json *part, const bounds *all, double total, double lost, size_t threads) {
  const double us = number_of(part, "us"), least = least_us(to, all, part, threads);
  const double gflops = us > 0 ? number_of(part, "flops") / us * 1e-3 : 0;
  report_text(to, "part", "part", text_of(part, "part"));
  report_text(to, "layer", "layer", text_of(part, "layer"));
  report_number(to, "us", "us", us, 2);
  report_number(to, "us_spread", "±", number_of(part, "us_spread"), 2);
  report_number(to, "share", "share", total > 0 ? us / total : 0, 3);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / (to->peak * (double)threads), 3);
  report_limit(to, least * 1e-6, us * 1e-6);
  report_number(to, "lost_share", "lost", lost > 0 && us > least ? (us - least) / lost : 0, 3);
}

static void report_answer(const settings *options, report *to, const crew *c, size_t at, size_t batch) {
  const backend *b = &c->all[at];
  const lam_json *parts = lam_json_member_of(b->process.answer.root, "parts", LAM_JSON_ARRAY), *part, *worst = NULL;
  const bounds all = options->command->bit == TRAIN ? step_bounds(options, batch) : call_bounds(options, batch);
  const uint32_t count = parts ? parts->size : 0;
  char net[128], command[1400] = "";
  double total = 0, lost = 0, most = 0;
  network_text(net, &options->net);
  batch_options(command, sizeof command, options, c, at, batch);
  append(command, sizeof command, " --parts");
  part = parts ? lam_json_first(parts) : NULL;
  for (uint32_t i = 0; i < count; i++, part = lam_json_after(part)) {
    const double us = number_of(part, "us"), least = least_us(to, &all, part, c->threads), more = us > least ? us - least : 0;
    total += us;
    lost += more;
    if (more > most) most = more, worst = part;
  }
  part = parts ? lam_json_first(parts) : NULL;
  for (uint32_t i = 0; i < count; i++, part = lam_json_after(part)) {
    report_add(to);
    report_text(to, "net", "net", net);
    report_number(to, "batch", "batch", (double)batch, 0);
    report_text(to, "backend", "backend", b->library.name);
    report_text(to, "core", NULL, b->core);
    report_one(to, part, &all, total, lost, c->threads);
    report_text(to, "command", NULL, command);
  }
  if (!worst) return;
  report_note(to, "%s, batch %zu, %s: %.0f %% of the limit; of the rest %.0f %% is lost in the part %s%s%s", net, batch,
              b->library.name, 100 * bounds_seconds(to, &all, c->threads) * 1e6 / total, 100 * most / lost,
              text_of(worst, "part"), *text_of(worst, "layer") ? " of " : "", text_of(worst, "layer"));
}

void report_parts(const settings *options, report *to, crew *c, size_t batch) {
  char ready[48], command[96], seconds[32];
  snprintf(ready, sizeof ready, "batch %zu", batch);
  snprintf(command, sizeof command, "parts %zu %s", options->rounds, lam_format_double(seconds, options->min_time));
  progress(options, "%s: the parts of a batch of %zu", to->command, batch);
  crew_launch(c, options, to);
  for (size_t i = 0; i < c->count; i++) {
    backend *b = &c->all[i];
    b->patience = options->patience + 10 * options->min_time + 4 * step_flops(&options->net, batch) / 1e8;
    if (b->process.process && backend_ask(b, ready) && backend_ask(b, command)) report_answer(options, to, c, i, batch);
  }
  crew_end(c);
}
