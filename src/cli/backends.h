/* SPDX-License-Identifier: MIT
 *
 * The backends of matrix products that a machine has.
 */
#ifndef LAM_CLI_BACKENDS_H
#define LAM_CLI_BACKENDS_H

#include <lamina.h>

enum { MOST_BACKENDS = 72 };

/* Those of the build, with an empty path, then the libraries that are found; how many. 0 where memory is exhausted. */
size_t find_backends(lam_gemm_candidate found[MOST_BACKENDS]);

#endif
