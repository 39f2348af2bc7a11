/* SPDX-License-Identifier: MIT
 *
 * Running on chosen CPUs, so that nothing moves while it is measured.
 */
#ifndef LAM_BENCH_PIN_H
#define LAM_BENCH_PIN_H

#include "bench/bench.h"
#include <sched.h>

/* Whether --pin names CPUs that this process may use, or is none; prints a sentence and returns EXIT_USAGE where not. */
int check_pin(const settings *options);

/* Pins this thread, and what it starts from now on, for work with so many threads: to --pin, or to one core for each thread, the
 * last ones first because the system's own work prefers the first. `*before` is where it could run. Nothing happens with
 * `--pin none`, with fewer than two CPUs, or where the system refuses. `text`, where it is not NULL, says where. */
void pin_begin(const settings *options, size_t threads, cpu_set_t *before, char text[128]);
void pin_end(const cpu_set_t *before);

#endif
