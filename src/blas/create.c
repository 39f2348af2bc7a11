/* SPDX-License-Identifier: MIT
 *
 * The making of a whole context: its base, its kernels and its gemm backend. It stands here because only here all three are
 * known.
 */
#include "base/names.h"
#include "blas/gemm.h"
#include "kernels/kernels.h"
#include <stdlib.h>

static lam_status bind_kernels(lam_context *context) {
#define LAM_X(name) #name,
  static const char *const names[] = { LAM_ISA_LIST(LAM_X) NULL };
#undef LAM_X
  const char *unknown = lam_isa_unknown();
  if (unknown) return lam_name_unknown(context, "instruction set LAMINA_ISA", unknown, names);
  context->kernels = lam_kernels();
  return LAM_OK;
}

static lam_status bind_gemm(lam_context *context, const lam_context_options *options) {
  const char *name = options ? options->gemm : NULL;
  if (!name) name = secure_getenv("LAMINA_GEMM");
  return lam_gemm_setup(context, name && *name ? name : NULL);
}

lam_context *lam_context_create(const lam_context_options *options) {
  lam_context *context = lam_context_open(options);
  if (!context || context->unusable) return context;
  lam_status status = bind_kernels(context);
  if (status == LAM_OK) status = bind_gemm(context, options);
  if (status == LAM_OUT_OF_MEMORY) return lam_context_destroy(context), NULL;
  context->unusable = status != LAM_OK;
  return context;
}

void lam_context_destroy(lam_context *context) {
  if (!context) return;
  lam_context_empty(context);
  lam_gemm_release(context);
  lam_context_close(context);
}

const char *lam_context_isa(const lam_context *context) {
  const lam_kernel_table *kernels = context && context->kernels ? context->kernels : lam_kernels();
  return kernels->isa;
}
