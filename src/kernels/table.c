/* SPDX-License-Identifier: MIT
 *
 * The kernels of one instruction set, gathered into its table.
 */
#include "kernels/level.h"

#define LAM_STRING_(text) #text
#define LAM_STRING(text) LAM_STRING_(text)

extern const lam_kernel_table LAM_KERNEL(kernels);

const lam_kernel_table LAM_KERNEL(kernels) = { .isa = LAM_STRING(LAM_ISA),
#define LAM_X(name, arguments) .name = LAM_KERNEL(name),
                                               LAM_KERNEL_LIST(LAM_X)
#undef LAM_X
};
