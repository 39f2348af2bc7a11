/* SPDX-License-Identifier: MIT
 *
 * The backend "auto": which backend computes which product of a plan. The operations themselves are run, in the memory and with
 * the threads with which they will run, so that what is measured is what is gained.
 */
#include "base/clock.h"
#include "base/pool.h"
#include "graph/lowering.h"

#include <stdio.h>
#include <string.h>

/* A candidate has this long for a product; samples last long enough for the clock, and there are a few of them whatever it takes.
 * Of several that are as fast as the clock can tell the native product is taken: its bits are the same everywhere. */
static const double BUDGET = 3e-3, SAMPLE = 2e-5, CLEARLY = 0.98;
enum { LEAST_ROUNDS = 3, MOST_CANDIDATES = 16 };

typedef struct candidate {
  const struct lam_gemm *gemm;
  double best; /* seconds of a run */
} candidate;

static double time_runs(const lam_plan *plan, const lam_step *step, size_t operation, size_t runs) {
  double started = lam_seconds();
  for (size_t i = 0; i < runs; i++) lam_plan_run(plan, step, operation, operation + 1);
  return (lam_seconds() - started) / (double)runs;
}

/* The fastest run of each candidate, in rotated rounds, so that what disturbs the machine disturbs all alike. */
static void measure(const lam_plan *plan, lam_operation *operation, candidate *candidates, size_t count) {
  const lam_step step = { .rows = plan->options.max_rows, .training = plan->options.backward };
  const size_t index = (size_t)(operation - plan->operations);
  double spent = 0.0;
  size_t runs = 1;
  for (size_t i = 0; i < count; i++) {
    operation->gemm = candidates[i].gemm;
    (void)time_runs(plan, &step, index, 1); /* the first call loads and allocates */
    double once = time_runs(plan, &step, index, 1);
    candidates[i].best = once;
    if (once * (double)runs < SAMPLE) runs = (size_t)(SAMPLE / (once + 1e-8)) + 1;
  }
  for (size_t round = 0; round < LEAST_ROUNDS || spent < BUDGET * (double)count; round++) {
    for (size_t i = 0; i < count; i++) {
      candidate *c = &candidates[(i + round) % count];
      operation->gemm = c->gemm;
      double seconds = time_runs(plan, &step, index, runs);
      spent += seconds * (double)runs;
      if (seconds < c->best) c->best = seconds;
    }
  }
}

static const char *microseconds(char text[32], double seconds) {
  return lam_format_double(text, (double)(uint64_t)(seconds * 1e8 + 0.5) / 100);
}

static void tell(lam_context *context, const lam_gemm_choice *choice, const char *reason) {
  char product[LAM_PRODUCT_TEXT], chosen[32], other[32];
  lam_gemm_choice_text(choice, product);
  if (*choice->other)
    lam_log_line(context, "gemm auto: %s on %u thread%s: %s, %s us; %s %s us%s", product, choice->threads,
                 choice->threads == 1 ? "" : "s", choice->backend, microseconds(chosen, choice->seconds), choice->other,
                 microseconds(other, choice->other_seconds), reason);
  else
    lam_log_line(context, "gemm auto: %s: %s, there is no other%s", product, choice->backend, reason);
}

static double handicapped(const candidate *c) { return c->gemm->sgemm ? c->best / CLEARLY : c->best; }

static void keep_fastest(lam_gemm_choice *choice, const candidate *candidates, size_t count) {
  const candidate *best = &candidates[0], *other = NULL;
  for (size_t i = 1; i < count; i++)
    if (handicapped(&candidates[i]) < handicapped(best)) best = &candidates[i];
  for (size_t i = 0; i < count; i++)
    if (&candidates[i] != best && (!other || candidates[i].best < other->best)) other = &candidates[i];
  (void)snprintf(choice->backend, sizeof choice->backend, "%s", best->gemm->name);
  choice->seconds = best->best;
  if (!other) return;
  (void)snprintf(choice->other, sizeof choice->other, "%s", other->gemm->name);
  choice->other_seconds = other->best;
}

static lam_status choose(const lam_plan *plan, lam_planned_product *product) {
  lam_context *context = plan->context;
  lam_operation *operation = &plan->operations[product->operation];
  const lam_gemm_choice *known = lam_wisdom_find(context, &product->choice);
  const struct lam_gemm *gemm = known ? lam_gemm_find(context, known->backend) : NULL;
  if (gemm) {
    operation->gemm = gemm;
    return LAM_OK;
  }
  candidate candidates[MOST_CANDIDATES];
  size_t count = 0;
  for (const struct lam_gemm *g = context->gemms; g && count < MOST_CANDIDATES; g = g->next)
    if (!g->automatic) candidates[count++] = (candidate){ g, 0.0 };
  measure(plan, operation, candidates, count);
  keep_fastest(&product->choice, candidates, count);
  operation->gemm = lam_gemm_find(context, product->choice.backend);
  tell(context, &product->choice, known ? "; measured anew: what was learnt names a backend that is not here" : "");
  return lam_wisdom_add(context, &product->choice);
}

lam_status lam_plan_choose(lam_lowering *lowering) {
  lam_plan *plan = lowering->plan;
  lam_status status = LAM_OK;
  const size_t floats = plan->arena_size / sizeof(float);
  /* Some libraries skip zeros. */
  for (size_t i = 0; i < floats; i++) plan->arena[i] = (float)(i % 7) - 2.5f;
  lam_fp_mode mode = lam_fp_enter();
  lam_blas_enter(plan->context);
  for (size_t i = 0; i < lowering->product_count && !status; i++) status = choose(plan, &lowering->products[i]);
  lam_blas_leave(plan->context);
  lam_fp_leave(mode);
  if (plan->arena) memset(plan->arena, 0, plan->arena_size);
  if (plan->gradients) memset(plan->gradients, 0, plan->model->trained_count * sizeof *plan->gradients);
  return status;
}
