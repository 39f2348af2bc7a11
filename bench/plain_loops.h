/* SPDX-License-Identifier: MIT
 *
 * What the plain loops share among themselves.
 */
#ifndef LAM_BENCH_PLAIN_LOOPS_H
#define LAM_BENCH_PLAIN_LOOPS_H

#include "bench/plain.h"
#include <math.h>
#include <string.h>

#define LAM_X(name, arguments) void plain_##name arguments;
LAM_KERNEL_LIST(LAM_X)
#undef LAM_X

/* y = softmax(x); returns the log-sum-exp. */
float plain_softmax_row(float *y, const float *x, size_t n);

#define EACH(expression)                                                                                                         \
  for (size_t i = 0; i < rows; i++) {                                                                                            \
    for (size_t j = 0; j < columns; j++) { expression; }                                                                         \
  }
#define X x[i * ldx + j]
#define Y y[i * ldy + j]
#define DX dx[i * lddx + j]
#define DY dy[i * lddy + j]

#endif
