/* SPDX-License-Identifier: MIT
 *
 * The kernels of the one instruction set that is being compiled, declared from the list: lam_relu_avx2 and so on.
 */
#ifndef LAM_KERNELS_LEVEL_H
#define LAM_KERNELS_LEVEL_H

#include "kernels/kernels.h"
#include "kernels/vec.h"

#define LAM_DECLARE(name, arguments) void LAM_KERNEL(name) arguments;
LAM_KERNEL_LIST(LAM_DECLARE)
#undef LAM_DECLARE

#endif
