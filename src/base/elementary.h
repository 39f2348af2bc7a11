/* SPDX-License-Identifier: MIT
 *
 * More of what base/context.h begins with lam_natural_log: functions in double from exactly rounded operations alone, a few units
 * of the last place off at most. Nothing here is fast.
 */
#ifndef LAM_BASE_ELEMENTARY_H
#define LAM_BASE_ELEMENTARY_H

/* base^exponent, base >= 0; 0^0 is 1. Whole exponents go by squaring. */
double lam_power(double base, double exponent);
/* cos(pi x), 0 <= x <= 1. */
double lam_cosine_of_pi(double x);

/* The double that was meant by a decay rate: 0.999 where the float is 0.999f, whose difference from 1 is wrong in the fifth
 * digit. That is the decimal of at most seven places which rounds to the same float, or else the float itself. */
double lam_as_written(float decay);

#endif
