/* SPDX-License-Identifier: MIT
 *
 * The machine card: on what, with what and how busy it was. A busy machine is flagged, not hidden.
 */
#ifndef LAM_BENCH_MACHINE_H
#define LAM_BENCH_MACHINE_H

#include "file/json.h"
#include <stdio.h>

/* `isas` has spaces between its words, `unset` line feeds. */
typedef struct machine {
  char cpu[128], isas[64], governor[32], system[160], compiler[64], unset[512], pinned[256];
  size_t cpus, allowed, cache[4]; /* cache[1..3]: bytes of L1 data, L2, L3 */
  double load_before, load_after;
  /* From start to stop: cores that others kept busy, and cores that the hypervisor took away. */
  double others, stolen;
  bool busy;
  double started, ticks_busy, ticks_stolen, own; /* seconds, when it started */
} machine;

/* Unsets what would make a BLAS run other kernels than its best (OPENBLAS_CORETYPE and its like) and starts the program anew
 * where something was set, because libraries read it before main; `as_is` leaves all. */
void machine_clean_environment(char **arguments, bool as_is);

void machine_start(machine *card);
void machine_stop(machine *card);
/* The settings that matter, one after the other; NULL behind the last. `at` is 0 at first. */
const char *machine_setting(size_t *at);
/* The card as an object that is left open: the report adds what it measured. */
void machine_write(const machine *card, lam_json_writer *json);

#endif
