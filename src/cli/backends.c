/* SPDX-License-Identifier: MIT
 *
 * See backends.h.
 */
#include "cli/backends.h"
#include "blas/gemm.h"
#include <stdio.h>

size_t find_backends(lam_gemm_candidate found[MOST_BACKENDS]) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  size_t count = 0;
  if (!context) return 0;
  for (const lam_gemm *gemm = context->gemms; gemm; gemm = gemm->next) {
    if (gemm->automatic) continue;
    found[count] = (lam_gemm_candidate){ 0 };
    snprintf(found[count++].name, sizeof found->name, "%s", gemm->name);
  }
  lam_context_destroy(context);
  return count + lam_gemm_candidates(found + count, MOST_BACKENDS - count);
}
