/* SPDX-License-Identifier: MIT
 *
 * The activations as one table: which kernels compute each, whether its backward pass takes y or x, and its parameters where
 * nobody says others.
 */
#include "blas/gemm.h"
#include <math.h>

typedef void (*forward_function)(const lam_kernel_table *k, const float *p, float *y, size_t ldy, const float *x, size_t ldx,
                                 size_t rows, size_t columns);
typedef void (*backward_function)(const lam_kernel_table *k, const float *p, float *dx, size_t lddx, const float *dy, size_t lddy,
                                  const float *v, size_t ldv, size_t rows, size_t columns);

/* The kernels of a table in one signature. */
#define FORWARD(name, call)                                                                                                      \
  static void name(const lam_kernel_table *k, const float *p, float *y, size_t ldy, const float *x, size_t ldx, size_t rows,     \
                   size_t columns) {                                                                                             \
    (void)p;                                                                                                                     \
    k->call;                                                                                                                     \
  }
#define BACKWARD(name, call)                                                                                                     \
  static void name(const lam_kernel_table *k, const float *p, float *dx, size_t lddx, const float *dy, size_t lddy,              \
                   const float *v, size_t ldv, size_t rows, size_t columns) {                                                    \
    (void)p;                                                                                                                     \
    k->call;                                                                                                                     \
  }
#define PLAIN(name) FORWARD(run_##name, name(y, ldy, x, ldx, rows, columns))
#define WITH(name) FORWARD(run_##name, name(y, ldy, x, ldx, p, rows, columns))
#define PLAIN_BACKWARD(name) BACKWARD(run_##name, name(dx, lddx, dy, lddy, v, ldv, rows, columns))
#define WITH_BACKWARD(name) BACKWARD(run_##name, name(dx, lddx, dy, lddy, v, ldv, p, rows, columns))
#define PLAIN_PAIR(name) PLAIN(name) PLAIN_BACKWARD(name##_backward)
#define WITH_PAIR(name) WITH(name) WITH_BACKWARD(name##_backward)

PLAIN_PAIR(relu)
PLAIN_PAIR(sigmoid)
PLAIN_PAIR(tanh)
PLAIN_PAIR(softmax)
PLAIN_PAIR(log_softmax)
PLAIN(exp)
PLAIN_BACKWARD(multiply)
PLAIN_PAIR(hard_sigmoid)
PLAIN_PAIR(hard_silu)
PLAIN_PAIR(hard_tanh)
PLAIN_PAIR(softplus)
PLAIN_PAIR(log_sigmoid)
PLAIN_PAIR(softsign)
PLAIN_PAIR(silu)
PLAIN_PAIR(mish)
PLAIN_PAIR(gelu)
PLAIN_PAIR(gelu_tanh)
PLAIN_PAIR(tanh_shrink)
PLAIN_PAIR(sparse_plus)
PLAIN_PAIR(sparse_sigmoid)
PLAIN_PAIR(sparsemax)
WITH_PAIR(relu_with)
WITH_PAIR(elu)
WITH_PAIR(threshold)
WITH_PAIR(squareplus)
WITH(hard_shrink)
WITH(soft_shrink)
PLAIN_BACKWARD(shrink_backward)

static const struct activation {
  forward_function forward;
  backward_function backward;
  bool from_x; /* the backward pass takes x, not y */
  float p[LAM_MOST_PARAMETERS];
} activations[] = {
  [LAM_LINEAR] = { NULL, NULL, false, { 0 } },
  [LAM_RELU] = { run_relu_with, run_relu_with_backward, false, { 0, INFINITY, 0 } },
  [LAM_SIGMOID] = { run_sigmoid, run_sigmoid_backward, false, { 0 } },
  [LAM_TANH] = { run_tanh, run_tanh_backward, false, { 0 } },
  [LAM_SOFTMAX] = { run_softmax, run_softmax_backward, false, { 0 } },
  [LAM_LOG_SOFTMAX] = { run_log_softmax, run_log_softmax_backward, false, { 0 } },
  [LAM_RELU6] = { run_relu_with, run_relu_with_backward, false, { 0, 6, 0 } },
  [LAM_LEAKY_RELU] = { run_relu_with, run_relu_with_backward, false, { 0.2f, INFINITY, 0 } },
  [LAM_ELU] = { run_elu, run_elu_backward, false, { 1, 1, 1 } },
  [LAM_SELU] = { run_elu, run_elu_backward, false, { LAM_SELU_BELOW, LAM_SELU_ABOVE, 1 } },
  [LAM_CELU] = { run_elu, run_elu_backward, false, { 1, 1, 1 } },
  [LAM_GELU] = { run_gelu, run_gelu_backward, true, { 0 } },
  [LAM_GELU_TANH] = { run_gelu_tanh, run_gelu_tanh_backward, true, { 0 } },
  [LAM_SILU] = { run_silu, run_silu_backward, true, { 0 } },
  [LAM_MISH] = { run_mish, run_mish_backward, true, { 0 } },
  [LAM_SOFTPLUS] = { run_softplus, run_softplus_backward, false, { 0 } },
  [LAM_SOFTSIGN] = { run_softsign, run_softsign_backward, true, { 0 } },
  [LAM_HARD_SIGMOID] = { run_hard_sigmoid, run_hard_sigmoid_backward, false, { 0 } },
  [LAM_HARD_SILU] = { run_hard_silu, run_hard_silu_backward, true, { 0 } },
  [LAM_LOG_SIGMOID] = { run_log_sigmoid, run_log_sigmoid_backward, false, { 0 } },
  [LAM_EXPONENTIAL] = { run_exp, run_multiply, false, { 0 } },
  [LAM_HARD_TANH] = { run_hard_tanh, run_hard_tanh_backward, false, { 0 } },
  [LAM_HARD_SHRINK] = { run_hard_shrink, run_shrink_backward, false, { 0.5f } },
  [LAM_SOFT_SHRINK] = { run_soft_shrink, run_shrink_backward, false, { 0.5f } },
  [LAM_TANH_SHRINK] = { run_tanh_shrink, run_tanh_shrink_backward, true, { 0 } },
  [LAM_THRESHOLD] = { run_threshold, run_threshold_backward, true, { 0 } },
  [LAM_SQUAREPLUS] = { run_squareplus, run_squareplus_backward, false, { 4 } },
  [LAM_SPARSE_PLUS] = { run_sparse_plus, run_sparse_plus_backward, false, { 0 } },
  [LAM_SPARSE_SIGMOID] = { run_sparse_sigmoid, run_sparse_sigmoid_backward, false, { 0 } },
  [LAM_SPARSEMAX] = { run_sparsemax, run_sparsemax_backward, false, { 0 } },
};

lam_function lam_function_of(lam_activation activation) {
  lam_function function = { .activation = activation };
  for (size_t i = 0; i < LAM_MOST_PARAMETERS; ++i) function.p[i] = activations[activation].p[i];
  return function;
}

bool lam_function_from_x(lam_activation activation) { return activations[activation].from_x; }

/* relu with its own parameters has kernels of its own, which are shorter. */
bool lam_function_is_plain_relu(const lam_function *f) {
  return f->activation == LAM_RELU && f->p[0] == 0.0f && f->p[1] == INFINITY && f->p[2] == 0.0f;
}

void lam_activation_run(const lam_kernel_table *kernels, const lam_function *function, float *y, size_t ldy, const float *x,
                        size_t ldx, const float *bias, size_t rows, size_t columns) {
  bool plain_relu = lam_function_is_plain_relu(function);
  if (bias && plain_relu) {
    kernels->bias_relu(y, ldy, x, ldx, bias, rows, columns);
    return;
  }
  if (bias) {
    kernels->bias(y, ldy, x, ldx, bias, rows, columns);
    x = y, ldx = ldy;
  }
  forward_function run = plain_relu ? run_relu : activations[function->activation].forward;
  if (run) run(kernels, function->p, y, ldy, x, ldx, rows, columns);
}

void lam_activation_backward_run(const lam_kernel_table *kernels, const lam_function *function, float *dx, size_t lddx,
                                 const float *dy, size_t lddy, const float *v, size_t ldv, size_t rows, size_t columns) {
  backward_function run = lam_function_is_plain_relu(function) ? run_relu_backward : activations[function->activation].backward;
  if (run) run(kernels, function->p, dx, lddx, dy, lddy, v, ldv, rows, columns);
}
