/* SPDX-License-Identifier: MIT
 *
 * How many CPUs the process may use.
 */
#ifndef LAM_BASE_CPUS_H
#define LAM_BASE_CPUS_H

enum { LAM_MOST_CPUS = 8192 };

/* The CPUs that the calling thread may run on, but not more than its control group's share of time is worth; at least 1. */
unsigned lam_usable_cpus(void);

/* What the control groups allow, whole CPUs, at least 1; UINT_MAX where they set no limit. `root` stands before /proc and /sys.
 */
unsigned lam_cpu_quota(const char *root);

#endif
