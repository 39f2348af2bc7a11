/* SPDX-License-Identifier: MIT
 *
 * What the backend "auto" has learnt: for each product that was measured, the fastest backend and the next.
 */
#include "blas/gemm.h"
#include <stdio.h>
#include <string.h>

static bool same_product(const lam_gemm_choice *a, const lam_gemm_choice *b) {
  return a->transa == b->transa && a->transb == b->transb && a->m == b->m && a->n == b->n && a->k == b->k &&
         a->threads == b->threads;
}

const lam_gemm_choice *lam_wisdom_find(const lam_context *context, const lam_gemm_choice *product) {
  for (size_t i = 0; i < context->wisdom_count; ++i) {
    if (same_product(&context->wisdom[i], product)) return &context->wisdom[i];
  }
  return NULL;
}

lam_status lam_wisdom_add(lam_context *context, const lam_gemm_choice *choice) {
  for (size_t i = 0; i < context->wisdom_count; ++i) {
    if (same_product(&context->wisdom[i], choice)) return context->wisdom[i] = *choice, LAM_OK;
  }
  void *memory = context->wisdom;
  lam_status status = lam_grow(context, &memory, &context->wisdom_capacity, context->wisdom_count + 1, sizeof *choice);
  context->wisdom = memory;
  if (status == LAM_OK) context->wisdom[context->wisdom_count++] = *choice;
  return status;
}

void lam_wisdom_release(lam_context *context) {
  lam_release(context, context->wisdom, context->wisdom_capacity * sizeof *context->wisdom);
  context->wisdom = NULL;
  context->wisdom_count = context->wisdom_capacity = 0;
}

void lam_gemm_choice_text(const lam_gemm_choice *choice, char text[LAM_PRODUCT_TEXT]) {
  snprintf(text, LAM_PRODUCT_TEXT, "%zux%zux%zu:%c%c", choice->m, choice->n, choice->k,
           choice->transa == LAM_TRANSPOSE ? 'T' : 'N', choice->transb == LAM_TRANSPOSE ? 'T' : 'N');
}

size_t lam_gemm_choice_count(const lam_context *context) { return context ? context->wisdom_count : 0; }

lam_status lam_gemm_get_choice(lam_context *context, size_t index, lam_gemm_choice *choice) {
  if (!context || !choice) return LAM_NO_HANDLE;
  if (index >= context->wisdom_count)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "choice %zu of %zu products that were measured", index, context->wisdom_count);
  *choice = context->wisdom[index];
  return LAM_OK;
}
