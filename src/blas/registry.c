/* SPDX-License-Identifier: MIT
 *
 * The backends of a context: the linked CBLAS where there is one, the native product, and what the caller registers. The first
 * is the default.
 */
#include "base/names.h"
#include "blas/gemm.h"
#include <stdio.h>
#include <string.h>

lam_gemm *lam_gemm_add(lam_context *context, const char *name, lam_sgemm_function sgemm, lam_sgemv_function sgemv) {
  lam_gemm *gemm = lam_allocate_zero(context, sizeof *gemm);
  if (!gemm) return NULL;
  gemm->name = lam_copy_string(context, name);
  if (!gemm->name) return lam_release(context, gemm, sizeof *gemm), NULL;
  gemm->sgemm = sgemm;
  gemm->sgemv = sgemv;
  lam_gemm **end = &context->gemms;
  while (*end) end = &(*end)->next;
  return *end = gemm;
}

lam_status lam_gemm_setup(lam_context *context, const char *name) {
#ifdef LAM_HAVE_CBLAS
  lam_gemm *linked = lam_gemm_add(context, lam_linked_name, lam_linked_sgemm, lam_linked_sgemv);
  if (!linked) return LAM_OUT_OF_MEMORY;
  lam_linked_identify(linked, context->keep_blas_threads);
#endif
  lam_gemm *native = lam_gemm_add(context, "native", NULL, NULL);
  if (!native) return LAM_OUT_OF_MEMORY;
  snprintf(native->version, sizeof native->version, "Lamina's own");
  if (context->kernels) snprintf(native->core, sizeof native->core, "%s", context->kernels->isa);
  lam_gemm_describe(native);
  lam_gemm *automatic = lam_gemm_add(context, "auto", NULL, NULL);
  if (!automatic) return LAM_OUT_OF_MEMORY;
  automatic->automatic = true;
  snprintf(automatic->description, sizeof automatic->description, "the fastest backend for each product of a plan");
  context->gemm = context->gemms;
  return name ? lam_gemm_open(context, name) : LAM_OK;
}

static void release(lam_context *context, lam_gemm *gemm) {
  lam_release_string(context, gemm->name);
  lam_release(context, gemm, sizeof *gemm);
}

void lam_gemm_remove(lam_context *context, lam_gemm *gemm) {
  lam_gemm **place = &context->gemms;
  while (*place != gemm) place = &(*place)->next;
  *place = gemm->next;
  release(context, gemm);
}

void lam_gemm_release(lam_context *context) {
  lam_wisdom_release(context);
  lam_release(context, context->gemm_scratch, context->gemm_scratches * LAM_GEMM_SCRATCH * sizeof(float));
  context->gemm_scratch = NULL;
  context->gemm_scratches = 0;
  context->gemm = NULL;
  while (context->gemms) {
    lam_gemm *gemm = context->gemms;
    context->gemms = gemm->next;
    release(context, gemm);
  }
}

const lam_gemm *lam_gemm_find(const lam_context *context, const char *name) {
  const lam_gemm *gemm = context->gemms;
  while (gemm && strcmp(gemm->name, name) != 0) gemm = gemm->next;
  return gemm;
}

lam_status lam_gemm_unknown(lam_context *context, const char *name, const lam_gemm_candidate *candidates, size_t count) {
  size_t most = count + 1;
  for (const lam_gemm *gemm = context->gemms; gemm; gemm = gemm->next) ++most;
  const char **names = lam_allocate_array(context, most, sizeof *names);
  if (!names) return LAM_OUT_OF_MEMORY;
  size_t used = 0;
  for (const lam_gemm *gemm = context->gemms; gemm; gemm = gemm->next) names[used++] = gemm->name;
  for (size_t i = 0; i < count; ++i) {
    if (!lam_gemm_find(context, candidates[i].name)) names[used++] = candidates[i].name;
  }
  names[used] = NULL;
  lam_status status = lam_name_unknown(context, "gemm backend", name, names);
  lam_release(context, names, most * sizeof *names);
  return status;
}

lam_status lam_gemm_select(lam_context *context, const char *name) {
  if (!context) return LAM_NO_HANDLE;
  if (!name) return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_gemm_select: the name is NULL");
  const lam_gemm *gemm = lam_gemm_find(context, name);
  if (!gemm) return lam_gemm_unknown(context, name, NULL, 0);
  context->gemm = gemm;
  return LAM_OK;
}

lam_status lam_gemm_register(lam_context *context, const char *name, lam_sgemm_function sgemm, lam_sgemv_function sgemv) {
  if (!context) return LAM_NO_HANDLE;
  if (context->unusable) return context->status;
  if (!name || !*name) return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_gemm_register: the name is empty");
  if (!sgemm) return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_gemm_register: the sgemm of \"%s\" is NULL", name);
  if (lam_gemm_find(context, name)) {
    return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_gemm_register: there is a gemm backend \"%s\" already", name);
  }
  lam_gemm *gemm = lam_gemm_add(context, name, sgemm, sgemv);
  if (!gemm) return LAM_OUT_OF_MEMORY;
  lam_status status = lam_gemm_vet(context, gemm);
  if (status != LAM_OK) return lam_gemm_remove(context, gemm), status;
  context->gemm = gemm;
  return LAM_OK;
}

const char *lam_gemm_name(const lam_context *context) { return context && context->gemm ? context->gemm->name : ""; }

const char *lam_gemm_description(const lam_context *context) {
  return context && context->gemm ? context->gemm->description : "";
}
