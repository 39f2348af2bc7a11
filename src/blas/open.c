/* SPDX-License-Identifier: MIT
 *
 * Opening a backend at run time: from a name or a path to a vetted entry of the context's list.
 */
#include "blas/gemm.h"
#include <limits.h>
#include <string.h>

enum { MOST_CANDIDATES = 64 };

/* The first library of this name, or else of this provider. */
static const lam_gemm_candidate *choose(const lam_gemm_candidate *candidates, size_t count, const char *name) {
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(candidates[i].name, name) == 0) return &candidates[i];
  }
  for (size_t i = 0; i < count; ++i) {
    if (*candidates[i].provider && strcmp(candidates[i].provider, name) == 0) return &candidates[i];
  }
  return NULL;
}

static lam_status open_library(lam_context *context, const char *name, const char *path, const char *provider) {
  lam_gemm *gemm = lam_gemm_add(context, name, NULL, NULL);
  if (!gemm) return LAM_OUT_OF_MEMORY;
  lam_status status = lam_library_open(context, path, gemm, provider);
  if (status == LAM_OK) status = lam_gemm_vet(context, gemm);
  if (status != LAM_OK) return lam_gemm_remove(context, gemm), status;
  context->gemm = gemm;
  if (*gemm->warning) lam_log_line(context, "gemm backend \"%s\": %s", name, gemm->warning);
  return LAM_OK;
}

/* One after the other; the last stays the context's backend. */
static lam_status open_list(lam_context *context, const char *names) {
  lam_status status = LAM_OK;
  for (const char *end; names && status == LAM_OK; names = *end ? end + 1 : NULL) {
    char name[PATH_MAX];
    end = strchrnul(names, ',');
    if ((size_t)(end - names) >= sizeof name)
      return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_gemm_open: the name is too long");
    memcpy(name, names, (size_t)(end - names));
    name[end - names] = '\0';
    status = lam_gemm_open(context, name);
  }
  return status;
}

lam_status lam_gemm_open(lam_context *context, const char *name) {
  if (!context) return LAM_NO_HANDLE;
  if (context->unusable) return context->status;
  if (!name || !*name) return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_gemm_open: the name is empty");
  if (lam_gemm_find(context, name)) return lam_gemm_select(context, name);
  if (strchr(name, ',')) return open_list(context, name);
  if (strchr(name, '/')) return open_library(context, name, name, "");
  lam_gemm_candidate *candidates = lam_allocate_array(context, MOST_CANDIDATES, sizeof *candidates);
  if (!candidates) return LAM_OUT_OF_MEMORY;
  const size_t count = lam_gemm_candidates(candidates, MOST_CANDIDATES);
  const lam_gemm_candidate *chosen = choose(candidates, count, name);
  lam_status status =
      chosen ? open_library(context, name, chosen->path, chosen->provider) : lam_gemm_unknown(context, name, candidates, count);
  lam_release(context, candidates, MOST_CANDIDATES * sizeof *candidates);
  return status;
}
