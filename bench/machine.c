/* SPDX-License-Identifier: MIT
 *
 * The machine card; see machine.h. What a system does not tell stays empty or 0.
 */
#include "bench/machine.h"
#include "bench/clock.h"
#include "cli/apart.h"
#include "kernels/kernels.h"
#include <ctype.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* ---- environment -------------------------------------------------------------------------------------------------- */

/* Those that choose kernels; they are unset for measuring. */
static const char *const choosers[] = { "OPENBLAS_CORETYPE",        "OPENBLAS_L2_SIZE",
                                        "OPENBLAS_BLOCK_FACTOR",    "BLIS_ARCH_TYPE",
                                        "BLIS_MODEL_TYPE",          "MKL_ENABLE_INSTRUCTIONS",
                                        "MKL_DEBUG_CPU_TYPE",       "MKL_CBWR",
                                        "ONEDNN_MAX_CPU_ISA",       "ONEDNN_CPU_ISA_HINTS",
                                        "DNNL_MAX_CPU_ISA",         "DNNL_CPU_ISA_HINTS",
                                        "AOCL_ENABLE_INSTRUCTIONS", NULL };
/* Those that are shown. */
static const char *const matters[] = { "OPENBLAS_",       "GOTO_",        "OMP_",           "KMP_",
                                       "GOMP_",           "MKL_",         "BLIS_",          "AOCL_",
                                       "ONEDNN_",         "DNNL_",        "LAMINA_",        "XLA_",
                                       "TF_NUM_",         "MALLOC_",      "GLIBC_TUNABLES", "LD_PRELOAD",
                                       "LD_LIBRARY_PATH", "VIRTUAL_ENV=", "CONDA_PREFIX=",  NULL };
static const char unset_name[] = "LAMINA_BENCH_UNSET";

void machine_clean_environment(char **arguments, bool as_is) {
  char unset[512] = "";
  for (const char *const *name = choosers; *name && !as_is; name++) {
    const char *value = getenv(*name);
    if (!value) continue;
    size_t used = strlen(unset);
    snprintf(unset + used, sizeof unset - used, "%s%s=%s", used ? "\n" : "", *name, value);
    unsetenv(*name);
  }
  if (!*unset || setenv(unset_name, unset, 1)) return;
  (void)execv("/proc/self/exe", arguments); /* where that fails, the card still tells what was unset too late */
}

static bool is_shown(const char *entry) {
  if (strncmp(entry, unset_name, sizeof unset_name - 1) == 0) return false;
  for (const char *const *start = matters; *start; start++)
    if (strncmp(entry, *start, strlen(*start)) == 0) return true;
  return false;
}

/* ---- files of the system ------------------------------------------------------------------------------------------ */

static bool read_line(const char *path, char *line, size_t size) {
  FILE *file = fopen(path, "r");
  if (!file) return false;
  bool read = fgets(line, (int)size, file) != NULL;
  fclose(file);
  if (read) line[strcspn(line, "\n")] = 0;
  return read;
}

static void find_cpu(char *name, size_t size) {
  FILE *file = fopen("/proc/cpuinfo", "r");
  char line[256];
  while (file && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !colon) continue;
    snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    break;
  }
  if (file) fclose(file);
}

static void find_caches(size_t *cache) {
  for (int index = 0; index < 8; index++) {
    char path[96], level[16], type[16], bytes[16];
    const char *const names[] = { "level", "type", "size" };
    char *const values[] = { level, type, bytes };
    for (int i = 0; i < 3; i++) {
      snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, names[i]);
      if (!read_line(path, values[i], 16)) return;
    }
    char *unit;
    size_t number = strtoul(bytes, &unit, 10);
    number <<= *unit == 'K' ? 10 : *unit == 'M' ? 20 : 0;
    if (strcmp(type, "Instruction") != 0 && level[0] >= '1' && level[0] <= '3') cache[level[0] - '0'] = number;
  }
}

/* ---- how busy ------------------------------------------------------------------------------------------------------ */

static double load_now(void) {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

/* Seconds of all cores together: at work, and taken by the hypervisor. */
static void read_ticks(double *busy, double *stolen) {
  char line[256];
  unsigned long long t[8] = { 0 };
  *busy = *stolen = 0;
  if (!read_line("/proc/stat", line, sizeof line)) return;
  char *at = line + strcspn(line, " ");
  for (int i = 0; i < 8; i++) t[i] = strtoull(at, &at, 10);
  double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
  *busy = (double)(t[0] + t[1] + t[2] + t[5] + t[6]) * tick; /* user, nice, system, irq, softirq */
  *stolen = (double)t[7] * tick;
}

static double seconds_of(struct timeval time) { return (double)time.tv_sec + 1e-6 * (double)time.tv_usec; }

static double own_seconds(void) {
  struct rusage self, children;
  (void)getrusage(RUSAGE_SELF, &self);
  (void)getrusage(RUSAGE_CHILDREN, &children);
  return seconds_of(self.ru_utime) + seconds_of(self.ru_stime) + seconds_of(children.ru_utime) + seconds_of(children.ru_stime);
}

void machine_start(machine *card) {
  *card = (machine){ .compiler = COMPILER, .load_before = load_now(), .started = wall_seconds(), .own = own_seconds() };
  struct utsname system;
  cpu_set_t allowed;
  find_cpu(card->cpu, sizeof card->cpu);
  find_caches(card->cache);
  if (uname(&system) == 0)
    snprintf(card->system, sizeof card->system, "%.40s %.60s %.40s", system.sysname, system.release, system.machine);
  (void)read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", card->governor, sizeof card->governor);
  card->cpus = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  card->allowed = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (size_t)CPU_COUNT(&allowed) : card->cpus;
#define LAM_X(name)                                                                                                              \
  if (lam_kernels_at(#name)) strcat(strcat(card->isas, *card->isas ? " " : ""), #name);
  LAM_ISA_LIST(LAM_X)
#undef LAM_X
  const char *unset = getenv(unset_name);
  snprintf(card->unset, sizeof card->unset, "%s", unset ? unset : "");
  read_ticks(&card->ticks_busy, &card->ticks_stolen);
}

/* From so much on, medians are believed to suffer: a twentieth of a core. */
static const double busy_others = 0.05, busy_stolen = 0.01;

void machine_stop(machine *card) {
  if (card->started == 0) return;
  double busy, stolen, wall = wall_seconds() - card->started;
  read_ticks(&busy, &stolen);
  card->load_after = load_now();
  double others = busy - card->ticks_busy - (own_seconds() - card->own);
  /* The system counts in ticks: a short run cannot tell less than a few of them. */
  double noise = 3.0 / (double)sysconf(_SC_CLK_TCK);
  card->others = others > noise ? others / wall : 0;
  card->stolen = (stolen - card->ticks_stolen) / wall;
  card->busy = card->others > busy_others || card->stolen > busy_stolen;
}

/* ---- telling ------------------------------------------------------------------------------------------------------- */

const char *machine_setting(size_t *at) {
  while (environ[*at]) {
    const char *entry = environ[(*at)++];
    if (is_shown(entry)) return entry;
  }
  return NULL;
}

/* The words that this character parts. */
static void put_words(lam_json_writer *json, const char *key, const char *words, char between) {
  char word[512];
  lam_json_key(json, key);
  lam_json_open(json, '[');
  for (const char *end; *words; words = *end ? end + 1 : end) {
    end = strchrnul(words, between);
    snprintf(word, sizeof word, "%.*s", (int)(end - words), words);
    lam_json_put_text(json, word);
  }
  lam_json_close(json, ']');
}

void machine_write(const machine *card, lam_json_writer *json) {
  lam_json_open(json, '{');
  json_put_text(json, "cpu", card->cpu);
  put_words(json, "isas", card->isas, ' ');
  json_put_text(json, "system", card->system);
  json_put_text(json, "compiler", card->compiler);
  json_put_text(json, "lamina", lam_version());
  json_put_text(json, "governor", card->governor);
  json_put_number(json, "cpus", (double)card->cpus);
  json_put_number(json, "cpus_allowed", (double)card->allowed);
  json_put_number(json, "l1_bytes", (double)card->cache[1]);
  json_put_number(json, "l2_bytes", (double)card->cache[2]);
  json_put_number(json, "l3_bytes", (double)card->cache[3]);
  lam_json_key(json, "load");
  lam_json_open(json, '{');
  json_put_number(json, "before", card->load_before);
  json_put_number(json, "after", card->load_after);
  json_put_number(json, "others", card->others);
  json_put_number(json, "stolen", card->stolen);
  lam_json_key(json, "busy");
  lam_json_put_flag(json, card->busy);
  lam_json_close(json, '}');
  lam_json_key(json, "environment");
  lam_json_open(json, '[');
  size_t at = 0;
  for (const char *setting; (setting = machine_setting(&at)) != NULL;) lam_json_put_text(json, setting);
  lam_json_close(json, ']');
  put_words(json, "unset", card->unset, '\n');
  json_put_text(json, "pinned", card->pinned);
}
