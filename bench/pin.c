/* SPDX-License-Identifier: MIT
 *
 * See pin.h.
 */
#include "bench/pin.h"
#include "cli/message.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -1: not a whole number. */
static long read_cpu(const char *text) {
  char *end;
  errno = 0;
  const long cpu = strtol(text, &end, 10);
  return *text >= '0' && *text <= '9' && !*end && !errno ? cpu : -1;
}

static bool pins_nothing(const settings *options) { return options->pin.count && strcmp(options->pin.item[0], "none") == 0; }

int check_pin(const settings *options) {
  cpu_set_t allowed;
  char list[128] = "";
  if (!options->pin.count || (pins_nothing(options) && options->pin.count == 1)) return EXIT_OK;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return failed("--pin: the system does not tell which CPUs there are: %s", strerror(errno));
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed)) append(list, sizeof list, "%s%d", *list ? "," : "", cpu);
  for (size_t i = 0; i < options->pin.count; i++) {
    const char *word = options->pin.item[i];
    const long cpu = read_cpu(word);
    if (cpu < 0) return wrong_usage("--pin takes numbers of CPUs, such as %s, or none alone, not \"%s\"", list, word);
    if (cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &allowed))
      return wrong_usage("--pin %s: this process may not run there, but on %s", word, list);
  }
  return EXIT_OK;
}

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
  if (pins_nothing(options)) return;
  choose(before, threads, &set);
  if (options->pin.count) CPU_ZERO(&set);
  for (size_t i = 0; i < options->pin.count; i++) CPU_SET((size_t)read_cpu(options->pin.item[i]), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0 || !text) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &set)) append(text, 128, "%s%d", *text ? "," : "", cpu);
}

void pin_end(const cpu_set_t *before) {
  if (CPU_COUNT(before) > 0) (void)sched_setaffinity(0, sizeof *before, before);
}
