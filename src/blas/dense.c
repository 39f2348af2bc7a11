/* SPDX-License-Identifier: MIT
 *
 * The dense layer on top of the door: products, bias, activation, and their gradients.
 */
#include "blas/gemm.h"

void lam_activation_run(const lam_kernel_table *kernels, lam_activation activation, float *y, size_t ldy, const float *bias,
                        size_t rows, size_t columns) {
  if (bias && activation == LAM_RELU) {
    kernels->bias_relu(y, ldy, y, ldy, bias, rows, columns);
    return;
  }
  if (bias) kernels->bias(y, ldy, y, ldy, bias, rows, columns);
  switch (activation) {
  case LAM_LINEAR: return;
  case LAM_RELU: kernels->relu(y, ldy, y, ldy, rows, columns); return;
  case LAM_SIGMOID: kernels->sigmoid(y, ldy, y, ldy, rows, columns); return;
  case LAM_TANH: kernels->tanh(y, ldy, y, ldy, rows, columns); return;
  case LAM_SOFTMAX: kernels->softmax(y, ldy, y, ldy, rows, columns); return;
  case LAM_LOG_SOFTMAX: kernels->log_softmax(y, ldy, y, ldy, rows, columns); return;
  }
}

void lam_activation_backward_run(const lam_kernel_table *kernels, lam_activation activation, float *dy, size_t lddy,
                                 const float *y, size_t ldy, size_t rows, size_t columns) {
  switch (activation) {
  case LAM_LINEAR: return;
  case LAM_RELU: kernels->relu_backward(dy, lddy, dy, lddy, y, ldy, rows, columns); return;
  case LAM_SIGMOID: kernels->sigmoid_backward(dy, lddy, dy, lddy, y, ldy, rows, columns); return;
  case LAM_TANH: kernels->tanh_backward(dy, lddy, dy, lddy, y, ldy, rows, columns); return;
  case LAM_SOFTMAX: kernels->softmax_backward(dy, lddy, dy, lddy, y, ldy, rows, columns); return;
  case LAM_LOG_SOFTMAX: kernels->log_softmax_backward(dy, lddy, dy, lddy, y, ldy, rows, columns); return;
  }
}

void lam_dense_forward_run(const lam_dense_pass *p) {
  lam_gemm_run(p->gemm, p->kernels, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, p->rows, p->out, p->in, 1, p->x, p->ldx, p->w, p->ldw, 0,
               p->y, p->ldy);
  lam_activation_run(p->kernels, p->activation, p->y, p->ldy, p->bias, p->rows, p->out);
}

/* Sums of dy's columns, added to dbias block by block. */
static void add_column_sums(const lam_dense_pass *p) {
  enum { BLOCK = 256 };
  float sums[BLOCK];
  for (size_t j = 0, count; j < p->out; j += count) {
    count = p->out - j < BLOCK ? p->out - j : BLOCK;
    p->kernels->column_sums(sums, p->dy + j, p->lddy, p->rows, count);
    p->kernels->add(p->dbias + j, count, p->dbias + j, count, sums, count, 1, count);
  }
}

void lam_dense_backward_run(const lam_dense_pass *p) {
  lam_activation_backward_run(p->kernels, p->activation, p->dy, p->lddy, p->y, p->ldy, p->rows, p->out);
  if (p->dbias && p->add_weights) {
    add_column_sums(p);
  } else if (p->dbias) {
    p->kernels->column_sums(p->dbias, p->dy, p->lddy, p->rows, p->out);
  }
  if (p->dw) {
    lam_gemm_run(p->gemm, p->kernels, LAM_TRANSPOSE, LAM_NO_TRANSPOSE, p->in, p->out, p->rows, 1, p->x, p->ldx, p->dy, p->lddy,
                 p->add_weights ? 1 : 0, p->dw, p->lddw);
  }
  if (p->dx) {
    lam_gemm_run(p->gemm, p->kernels, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, p->rows, p->in, p->out, 1, p->dy, p->lddy, p->w, p->ldw,
                 p->add_dx ? 1 : 0, p->dx, p->lddx);
  }
}

static lam_status check_activation(lam_context *context, const char *function, lam_activation activation) {
  if (activation >= LAM_LINEAR && activation <= LAM_LOG_SOFTMAX) return LAM_OK;
  return lam_fail(context, LAM_INVALID_ARGUMENT, "%s: there is no activation number %d", function, (int)activation);
}

lam_status lam_dense_forward(lam_context *context, float *y, size_t ldy, const float *x, size_t ldx, const float *w, size_t ldw,
                             const float *bias, lam_activation activation, size_t rows, size_t in, size_t out) {
  static const char name[] = "lam_dense_forward";
  if (!context) return LAM_NO_HANDLE;
  if (context->unusable) return context->status;
  lam_status status = check_activation(context, name, activation);
  if (status == LAM_OK) status = lam_check_matrix(context, name, "y", y, ldy, rows, out);
  if (status == LAM_OK) status = lam_check_matrix(context, name, "x", x, ldx, rows, in);
  if (status == LAM_OK) status = lam_check_matrix(context, name, "w", w, ldw, in, out);
  if (status != LAM_OK) return status;
  lam_fp_mode mode = lam_fp_enter();
  lam_dense_forward_run(&(lam_dense_pass){ .gemm = context->gemm,
                                           .kernels = context->kernels,
                                           .activation = activation,
                                           .rows = rows,
                                           .in = in,
                                           .out = out,
                                           .x = x,
                                           .ldx = ldx,
                                           .w = w,
                                           .ldw = ldw,
                                           .bias = bias,
                                           .y = y,
                                           .ldy = ldy });
  lam_fp_leave(mode);
  return LAM_OK;
}

lam_status lam_dense_backward(lam_context *context, float *dx, size_t lddx, float *dw, size_t lddw, float *dbias, float *dy,
                              size_t lddy, const float *y, size_t ldy, const float *x, size_t ldx, const float *w, size_t ldw,
                              lam_activation activation, size_t rows, size_t in, size_t out) {
  static const char name[] = "lam_dense_backward";
  if (!context) return LAM_NO_HANDLE;
  if (context->unusable) return context->status;
  lam_status status = check_activation(context, name, activation);
  if (status == LAM_OK) status = lam_check_matrix(context, name, "dy", dy, lddy, rows, out);
  if (status == LAM_OK && activation != LAM_LINEAR) status = lam_check_matrix(context, name, "y", y, ldy, rows, out);
  if (status == LAM_OK && dx) status = lam_check_matrix(context, name, "dx", dx, lddx, rows, in);
  if (status == LAM_OK && dx) status = lam_check_matrix(context, name, "w", w, ldw, in, out);
  if (status == LAM_OK && dw) status = lam_check_matrix(context, name, "dw", dw, lddw, in, out);
  if (status == LAM_OK && dw) status = lam_check_matrix(context, name, "x", x, ldx, rows, in);
  if (status != LAM_OK) return status;
  lam_fp_mode mode = lam_fp_enter();
  lam_dense_backward_run(&(lam_dense_pass){ .gemm = context->gemm,
                                            .kernels = context->kernels,
                                            .activation = activation,
                                            .rows = rows,
                                            .in = in,
                                            .out = out,
                                            .x = x,
                                            .ldx = ldx,
                                            .w = w,
                                            .ldw = ldw,
                                            .y = (float *)y,
                                            .ldy = ldy,
                                            .dy = dy,
                                            .lddy = lddy,
                                            .dx = dx,
                                            .lddx = lddx,
                                            .dw = dw,
                                            .lddw = lddw,
                                            .dbias = dbias });
  lam_fp_leave(mode);
  return LAM_OK;
}
