/* SPDX-License-Identifier: MIT
 *
 * See pin.h.
 */
#include "bench/pin.h"
#include <stdlib.h>
#include <string.h>

/* The first of the CPUs that share a core with this one; itself where the system does not tell. */
static int core_of(int cpu) {
  char path[96];
  int first = cpu;
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
  FILE *file = fopen(path, "r");
  if (file && fscanf(file, "%d", &first) != 1) first = cpu;
  if (file) fclose(file);
  return first;
}

static void choose(const cpu_set_t *allowed, size_t threads, cpu_set_t *set) {
  size_t chosen = 0;
  CPU_ZERO(set);
  for (int sharing = 0; sharing < 2; sharing++) {
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && chosen < threads; cpu--) {
      if (!CPU_ISSET(cpu, allowed) || CPU_ISSET(cpu, set)) continue;
      bool taken = false;
      for (int other = cpu + 1; other < CPU_SETSIZE && !sharing; other++)
        taken = taken || (CPU_ISSET(other, set) && core_of(other) == core_of(cpu));
      if (taken) continue;
      CPU_SET(cpu, set);
      chosen++;
    }
  }
}

void pin_begin(const settings *options, size_t threads, cpu_set_t *before, char text[128]) {
  cpu_set_t set;
  if (text) *text = 0;
  CPU_ZERO(before);
  if (sched_getaffinity(0, sizeof *before, before) != 0 || CPU_COUNT(before) < 2) return;
  if (options->pin.count && strcmp(options->pin.item[0], "none") == 0) return;
  choose(before, threads, &set);
  if (options->pin.count) CPU_ZERO(&set);
  for (size_t i = 0; i < options->pin.count; i++) CPU_SET(atoi(options->pin.item[i]), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0 || !text) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &set)) append(text, 128, "%s%d", *text ? "," : "", cpu);
}

void pin_end(const cpu_set_t *before) {
  if (CPU_COUNT(before) > 0) (void)sched_setaffinity(0, sizeof *before, before);
}
