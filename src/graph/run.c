/* SPDX-License-Identifier: MIT
 *
 * Running a plan: a loop over its operations.
 */
#include "base/pool.h"
#include "graph/plan.h"

typedef struct lam_call {
  const lam_operation *operation;
  const lam_plan *plan;
  const lam_step *step;
} lam_call;

static void run_units(void *argument, size_t worker, size_t begin, size_t end) {
  const lam_call *call = argument;
  lam_step step = *call->step;
  step.worker = worker;
  call->operation->run(call->operation, call->plan, &step, begin, end);
}

lam_status lam_plan_run(const lam_plan *plan, const lam_step *step, size_t first, size_t end) {
  for (size_t i = first; i < end; i++) {
    const lam_operation *operation = &plan->operations[i];
    size_t units = operation->units ? operation->units : step->rows;
    lam_call call = { operation, plan, step };
    if (operation->grain)
      lam_pool_run(plan->pool, run_units, &call, units, operation->grain);
    else
      operation->run(operation, plan, step, 0, units);
    if (plan->failure && plan->failure->status) return plan->failure->status;
  }
  return LAM_OK;
}

lam_status lam_plan_forward(const lam_plan *plan, const lam_step *step) {
  if (plan->failure) plan->failure->status = LAM_OK;
  return lam_plan_run(plan, step, 0, plan->forward_count);
}

lam_status lam_plan_finish(const lam_plan *plan, const lam_step *step) {
  if (plan->failure && plan->failure->status) return plan->failure->status;
  return lam_plan_run(plan, step, plan->forward_count, plan->operation_count);
}

lam_status lam_plan_tell(const lam_plan *plan, lam_status status) {
  return status && plan->failure ? lam_fail(plan->context, status, "%s", plan->failure->message) : status;
}

double lam_plan_right(const lam_plan *plan, const lam_step *step) {
  int32_t right = 0; /* each is 0 or 1; a sum of integers need not go one by one */
  for (size_t i = 0; plan->right && i < step->rows; i++) right += plan->right[i] != 0.0f;
  return (double)right;
}

void lam_run_activation(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {
  (void)step;
  size_t n = operation->columns, from = begin * operation->repeat, rows = (end - begin) * operation->repeat;
  lam_activation_run(plan->kernels, &operation->function, operation->operand[0].data + from * n, n,
                     operation->operand[1].data + from * n, n, NULL, rows, n);
}
