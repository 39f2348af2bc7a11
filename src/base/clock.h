/* SPDX-License-Identifier: MIT
 *
 * Time that has passed, in seconds from a point that nobody knows.
 */
#ifndef LAM_BASE_CLOCK_H
#define LAM_BASE_CLOCK_H

#include <time.h>

static inline double lam_seconds(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
