/* SPDX-License-Identifier: MIT
 *
 * A tape carried out in complex numbers. With i h added to a number, h so small that h^2 is nothing, a result's imaginary part
 * is h times its derivative, exact but for double's roundings: nothing is subtracted. Source: Squire, Trapp, "Using complex
 * variables to estimate derivatives of real functions", SIAM Review 40 (1998).
 */
#ifndef LAM_TESTS_GRADIENTS_COMPLEX_STEP_H
#define LAM_TESTS_GRADIENTS_COMPLEX_STEP_H

#include "train/tape.h"
#include <complex.h>

/* The derivative of `of` by `by`; `room` for as many numbers as the tape has. */
double complex_step(const lam_tape *tape, lam_term by, lam_term of, double complex *room);

/* A curve in complex numbers. */
double complex complex_curve(const lam_curve *curve, const double *p, double complex z);

#endif
