/* SPDX-License-Identifier: MIT
 *
 * Which operations of a plan the context's threads share. Calling others costs about a microsecond while they look out for work
 * and fifty where they sleep, so small operations belong to the thread that runs the plan. What an operation takes is estimated
 * from its shape alone, by what a core of 2024 was seen to do; the estimate decides who computes, never what comes out.
 */
#include "base/pool.h"
#include "blas/gemm.h"
#include "graph/lowering.h"

/* In nanoseconds. An operation that takes so long is shared, in chunks of so much; a plan is if all that can be shared takes so
 * long, since otherwise the others, once awake, would mostly wait; inference, whose calls come when they come, must be worth
 * waking them each time. */
static const double LEAST_SHARED = 8e3, LEAST_CHUNK = 1e3, LEAST_STEP = 2e4, LEAST_CALL = 2e5;
enum { MOST_CHUNKS = 64 };

/* Products do 128 multiply-adds a nanosecond, unless reading their weights, 16 floats a nanosecond, takes longer. Functions such
 * as exp take a third of a nanosecond for a number; all else says what it takes. */
double lam_operation_cost(const lam_plan *plan, const lam_operation *operation) {
  double rows = (double)(plan->options.max_rows * operation->repeat), columns = (double)operation->columns;
  if (operation->gemm) {
    double weights = columns * (double)operation->inner;
    return weights * (rows > 8.0 ? rows : 8.0) / 128.0;
  }
  lam_activation activation = operation->function.activation;
  bool curved = activation != LAM_LINEAR && activation != LAM_RELU && activation != LAM_RELU6 && activation != LAM_LEAKY_RELU;
  return rows * columns * (curved ? 1.0 / 3.0 : (double)operation->cost);
}

static size_t units_of(const lam_plan *plan, const lam_operation *operation) {
  return operation->units ? operation->units : plan->options.max_rows;
}

/* Into how many chunks it is cut; 1: it is not. */
static size_t chunks_of(const lam_plan *plan, const lam_operation *operation) {
  double cost = lam_operation_cost(plan, operation), chunks = cost / LEAST_CHUNK;
  size_t units = units_of(plan, operation), most = units < MOST_CHUNKS ? units : MOST_CHUNKS;
  const bool alone = operation->gemm && operation->gemm->alone;
  return alone || cost < LEAST_SHARED ? 1 : chunks < (double)most ? (size_t)chunks : most;
}

size_t lam_operation_workers(const lam_plan *plan, const lam_operation *operation) {
  size_t chunks = chunks_of(plan, operation), threads = plan->context->threads;
  return chunks < threads ? chunks : threads;
}

lam_status lam_plan_share(lam_plan *plan) {
  lam_context *context = plan->context;
  const size_t calls = plan->options.calls ? plan->options.calls : 1;
  double all = 0.0;
  for (size_t i = 0; i < plan->operation_count; i++)
    if (chunks_of(plan, &plan->operations[i]) > 1) all += lam_operation_cost(plan, &plan->operations[i]);
  if (context->threads < 2 || all * (double)calls < (plan->options.inference ? LEAST_CALL : LEAST_STEP)) return LAM_OK;
  lam_status status = lam_context_start_pool(context);
  plan->pool = context->pool;
  for (size_t i = 0; i < plan->operation_count && plan->pool && !status; i++) {
    lam_operation *operation = &plan->operations[i];
    size_t chunks = chunks_of(plan, operation);
    if (chunks > 1) operation->grain = units_of(plan, operation) / chunks;
  }
  return status;
}
