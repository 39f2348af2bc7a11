/* SPDX-License-Identifier: MIT
 *
 * The dense layer on top of the door: products, bias, activation, and their gradients.
 */
#include "blas/gemm.h"

static lam_status check_activation(lam_context *context, const char *function, lam_activation activation) {
  if (activation >= LAM_LINEAR && activation <= LAM_SPARSEMAX) return LAM_OK;
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
  status = lam_gemm_run_shared(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, rows, out, in, 1.0f, x, ldx, w, ldw, 0.0f, y, ldy);
  lam_function function = lam_function_of(activation);
  if (status == LAM_OK) lam_activation_run(context->kernels, &function, y, ldy, y, ldy, bias, rows, out);
  lam_fp_leave(mode);
  return status;
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
  const lam_kernel_table *kernels = context->kernels;
  lam_function function = lam_function_of(activation);
  lam_activation_backward_run(kernels, &function, dy, lddy, dy, lddy, y, ldy, rows, out);
  if (dbias) kernels->column_sums(dbias, dy, lddy, rows, out);
  if (dw)
    status = lam_gemm_run_shared(context, LAM_TRANSPOSE, LAM_NO_TRANSPOSE, in, out, rows, 1.0f, x, ldx, dy, lddy, 0.0f, dw, lddw);
  if (dx && status == LAM_OK)
    status = lam_gemm_run_shared(context, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, rows, in, out, 1.0f, dy, lddy, w, ldw, 0.0f, dx, lddx);
  lam_fp_leave(mode);
  return status;
}
