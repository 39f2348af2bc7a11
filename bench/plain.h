/* SPDX-License-Identifier: MIT
 *
 * Every kernel as a plain loop in C with the functions of the C library: what a compiler makes of it at -O2. Compared with in
 * speed; the tests have references of their own, in double.
 */
#ifndef LAM_BENCH_PLAIN_H
#define LAM_BENCH_PLAIN_H

#include "kernels/kernels.h"

extern const lam_kernel_table plain_kernels;

#endif
