/* SPDX-License-Identifier: MIT
 *
 * The gemm backends of a context: how they come and go with it.
 */
#ifndef LAM_BLAS_GEMM_H
#define LAM_BLAS_GEMM_H

#include "base/context.h"
#include <lamina/gemm.h>

/* Gives the context its backends and makes the one called `name` its own; NULL: the build's CBLAS, or "native". Fails with
 * LAM_UNKNOWN_NAME or LAM_OUT_OF_MEMORY. */
lam_status lam_gemm_setup(lam_context *context, const char *name);

/* Releases the backends, however far the setup came. */
void lam_gemm_release(lam_context *context);

#endif
