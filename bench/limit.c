/* SPDX-License-Identifier: MIT
 *
 * lamina-bench limit: fused multiply-adds a second by instruction set, bandwidth by level of the memory, and what both allow for
 * a training step.
 */
#include "bench/bench.h"
#include "bench/bounds.h"
#include "bench/clock.h"
#include "bench/pattern.h"
#include "bench/pin.h"
#include "bench/training.h"
#include <stdlib.h>
#include <string.h>

/* ---- the instances ------------------------------------------------------------------------------------------------- */

#ifdef LAM_HAVE_AVX512
extern const pattern_table lam_pattern_avx512;
#else
#define lam_pattern_avx512 (*(const pattern_table *)NULL)
#endif
#ifdef LAM_HAVE_AVX2
extern const pattern_table lam_pattern_avx2;
#else
#define lam_pattern_avx2 (*(const pattern_table *)NULL)
#endif
#ifdef LAM_HAVE_NEON
extern const pattern_table lam_pattern_neon;
#else
#define lam_pattern_neon (*(const pattern_table *)NULL)
#endif
extern const pattern_table lam_pattern_portable;

#define LAM_X(name) #name,
static const char *const isas[] = { LAM_ISA_LIST(LAM_X) NULL };
#undef LAM_X

const pattern_table *pattern_at(const char *isa) {
#define LAM_X(name)                                                                                                              \
  if (strcmp(isa, #name) == 0) return lam_kernels_at(isa) ? &lam_pattern_##name : NULL;
  LAM_ISA_LIST(LAM_X)
#undef LAM_X
  return NULL;
}

/* ---- one measurement ----------------------------------------------------------------------------------------------- */

typedef struct stream {
  const pattern_table *table;
  float *memory;
  size_t count; /* floats */
} stream;

static volatile float sink;
enum { FMA_TIMES = 100 };

static void run_fma(void *user) {
  const stream *s = user;
  s->table->fma(s->memory, FMA_TIMES);
}

/* Of one run. */
static double fma_flops(const pattern_table *table) { return 2.0 * FMA_TIMES * FMA_REPEAT * (double)table->chains; }
static void run_read(void *user) {
  const stream *s = user;
  sink = s->table->read(s->memory, s->count);
}
static void run_update(void *user) {
  const stream *s = user;
  s->table->update(s->memory, s->count, 0.5f);
}
static timing time_fma(void *user, size_t times) { return time_runs(run_fma, user, times); }
static timing time_read(void *user, size_t times) { return time_runs(run_read, user, times); }
static timing time_update(void *user, size_t times) { return time_runs(run_update, user, times); }

static double peak_gflops(const char *isa, double min_time) {
  float chains[MOST_FMA_CHAINS] = { 0 };
  stream s = { .table = pattern_at(isa), .memory = chains };
  if (!s.table) return 0;
  contender c = { .name = isa, .time = time_fma, .user = &s };
  if (!rounds_run(&c, 1, 0, 50, min_time)) return 0;
  /* A peak is what was reached: the fastest of many short rounds, because some run undisturbed even on a busy machine. */
  return fma_flops(s.table) / stats_quantile(c.seconds, c.rounds, 0) * 1e-9;
}

/* The report's peak is that of the instruction set that the library runs. */
static void add_peak(report *to, const char *isa, double gflops) {
  size_t i = 0;
  while (i + 1 < MOST_ISAS && to->isas[i]) i++;
  to->isas[i] = isa;
  to->peaks[i] = gflops;
  if (strcmp(isa, lam_kernels()->isa) == 0 || to->peak <= 0) to->peak = gflops;
}

/* ---- arithmetic ---------------------------------------------------------------------------------------------------- */

static int report_peaks(const settings *options, report *to) {
  float chains[MOST_FMA_CHAINS] = { 0 };
  stream streams[8];
  contender contenders[8];
  size_t count = 0;
  for (const char *const *isa = isas; *isa; isa++) {
    if (!pattern_at(*isa) || !chosen(&options->isa, *isa)) continue;
    streams[count] = (stream){ .table = pattern_at(*isa), .memory = chains };
    contenders[count] = (contender){ .name = *isa, .time = time_fma, .user = &streams[count] };
    count++;
  }
  progress(options, "limit: arithmetic");
  if (!count || !rounds_run(contenders, count, 0, options->rounds, options->min_time)) return EXIT_OK;
  for (size_t i = 0; i < count; i++) {
    const contender *c = &contenders[i];
    char command[512], base[256];
    double flops = fma_flops(streams[i].table), gflops = flops / stats_quantile(c->seconds, c->rounds, 0) * 1e-9;
    common_options(base, sizeof base, options);
    snprintf(command, sizeof command, "%s --isa %s", base, c->name);
    report_add(to);
    report_text(to, "limit", "limit", "fma");
    report_text(to, "isa", "isa", c->name);
    report_number(to, "gflops", "GF/s", gflops, 1);
    report_number(to, "spread", "±", c->spread * gflops, 1);
    report_text(to, "command", NULL, command);
    add_peak(to, c->name, gflops);
  }
  return EXIT_OK;
}

/* ---- bandwidth ----------------------------------------------------------------------------------------------------- */

static const char *const level_names[LEVELS] = { "L1", "L2", "L3", "memory" };

/* Half of each cache, so that little else is pushed out of it; memory: four times the last. */
static void level_sizes(const machine *card, size_t bytes[LEVELS]) {
  static const size_t usual[LEVELS] = { 0, 32 << 10, 1 << 20, 16 << 20 };
  size_t last = 0;
  for (int i = 0; i < 3; i++) {
    size_t cache = card->cache[i + 1] ? card->cache[i + 1] : usual[i + 1];
    bytes[i] = cache / 2;
    last = cache;
  }
  bytes[3] = 4 * last < (size_t)512 << 20 ? 4 * last : (size_t)512 << 20;
}

static void report_stream(report *to, const settings *options, const char *pattern, int level, size_t bytes, const contender *c,
                          double rate) {
  char command[512];
  common_options(command, sizeof command, options);
  report_add(to);
  report_text(to, "limit", "limit", "bandwidth");
  report_text(to, "isa", "isa", ((const stream *)c->user)->table->isa);
  report_text(to, "pattern", "pattern", pattern);
  report_text(to, "level", "level", level_names[level]);
  report_number(to, "kib", "KiB", (double)(bytes >> 10), 0);
  report_number(to, "gbytes_per_second", "GB/s", rate * 1e-9, 1);
  report_number(to, "spread", "±", c->spread * rate * 1e-9, 1);
  report_text(to, "command", NULL, command);
}

static int report_bandwidth(const settings *options, report *to) {
  size_t bytes[LEVELS];
  level_sizes(&to->card, bytes);
  float *memory = aligned_alloc(64, bytes[3]);
  if (!memory) return failed("out of memory: %zu bytes to measure the bandwidth of memory", bytes[3]);
  memset(memory, 0, bytes[3]);
  const pattern_table *table = pattern_at(lam_kernels()->isa);
  for (int level = 0; level < LEVELS && !interrupted(); level++) {
    progress(options, "limit: bandwidth of %s", level_names[level]);
    stream s = { table, memory, bytes[level] / sizeof(float) / 128 * 128 };
    contender c[2] = { { .name = "read", .time = time_read, .user = &s },
                       { .name = "read and write", .time = time_update, .user = &s } };
    if (!rounds_run(c, 2, 0, options->rounds, options->min_time)) break;
    double moved = (double)(s.count * sizeof(float));
    /* Limits are made of what was reached: of the fastest round. */
    to->bandwidth[level] = moved / stats_quantile(c[0].seconds, c[0].rounds, 0);
    to->updating[level] = 2 * moved / stats_quantile(c[1].seconds, c[1].rounds, 0);
    report_stream(to, options, c[0].name, level, bytes[level], &c[0], to->bandwidth[level]);
    report_stream(to, options, c[1].name, level, bytes[level], &c[1], to->updating[level]);
  }
  free(memory);
  return EXIT_OK;
}

static double limit_time(const settings *options) { return options->min_time < 0.1 ? options->min_time : 0.1; }

/* One core, reading; and where the parts of steps are set against their limits, writing back too. */
static void measure_bandwidth(const settings *options, report *to) {
  size_t bytes[LEVELS];
  level_sizes(&to->card, bytes);
  float *memory = aligned_alloc(64, bytes[3]);
  if (!memory) return;
  memset(memory, 0, bytes[3]);
  for (int level = 0; level < LEVELS && !interrupted(); level++) {
    progress(options, "%s: bandwidth of %s", to->command, level_names[level]);
    stream s = { pattern_at(lam_kernels()->isa), memory, bytes[level] / sizeof(float) / 128 * 128 };
    contender c = { .name = "read", .time = time_read, .user = &s };
    if (rounds_run(&c, 1, 0, 50, limit_time(options)))
      to->bandwidth[level] = (double)(s.count * sizeof(float)) / stats_quantile(c.seconds, c.rounds, 0);
    contender writing = { .name = "read and write", .time = time_update, .user = &s };
    if (options->command->bit & (TRAIN | INFER | KERNELS) && rounds_run(&writing, 1, 0, 50, limit_time(options)))
      to->updating[level] = 2 * (double)(s.count * sizeof(float)) / stats_quantile(writing.seconds, writing.rounds, 0);
  }
  free(memory);
}

void measure_limits(const settings *options, report *to) {
  cpu_set_t before;
  pin_begin(options, 1, &before, NULL);
  progress(options, "%s: peak of arithmetic", to->command);
  for (const char *const *isa = isas; *isa && !interrupted(); isa++)
    if (pattern_at(*isa)) add_peak(to, *isa, peak_gflops(*isa, limit_time(options)));
  measure_bandwidth(options, to);
  pin_end(&before);
}

/* ---- a step -------------------------------------------------------------------------------------------------------- */

int level_of(const machine *card, double bytes) {
  for (int i = 0; i < 3; i++)
    if (bytes <= (double)card->cache[i + 1]) return i;
  return 3;
}

static void report_part(report *to, const settings *options, size_t batch, const char *part, const char *layer, const bound *b,
                        double seconds) {
  char net[128], command[512];
  network_text(net, &options->net);
  common_options(command, sizeof command, options);
  append(command, sizeof command, " --net %s --batch %zu --optimizer %s", net, batch, lam_optimizer_names[options->optimizer]);
  const bool computes = b && b->flops / (to->peak * 1e9) >= seconds;
  report_add(to);
  report_text(to, "limit", "limit", "step");
  report_text(to, "net", "net", net);
  report_number(to, "batch", "batch", (double)batch, 0);
  report_text(to, "part", "part of a step", part);
  report_text(to, "layer", "layer", layer);
  report_number(to, "work", "work", b ? (computes ? b->flops : b->bytes) * 1e-6 : 0, 2);
  report_text(to, "unit", "", !b ? "" : computes ? "MFLOP" : b->update ? "MB read and written" : "MB read");
  report_text(to, "level", "at", !b ? "" : computes ? "FMA peak" : level_names[level_of(&to->card, b->kept)]);
  report_number(to, "us", "us", seconds * 1e6, 2);
  report_text(to, "command", NULL, command);
}

static void report_step_limit(const settings *options, report *to, size_t batch) {
  char layer[32];
  const bounds all = step_bounds(options, batch);
  for (size_t i = 0; i < all.count; i++) {
    const bound *b = &all.all[i];
    *layer = 0;
    if (b->layer == 0) snprintf(layer, sizeof layer, "dense");
    if (b->layer != 0 && b->layer != NO_LAYER) snprintf(layer, sizeof layer, "dense_%zu", b->layer);
    report_part(to, options, batch, b->part, layer, b, bound_seconds(to, b, 1));
  }
  report_part(to, options, batch, "whole step", "", NULL, bounds_seconds(to, &all, 1));
}

int run_limit(const settings *options, report *to) {
  for (size_t i = 0; i < options->isa.count; i++) {
    if (pattern_at(options->isa.item[i])) continue;
    if (lam_name_find(isas, options->isa.item[i]) < 0) return unknown_name("instruction set", options->isa.item[i], isas);
    return wrong_usage("--isa %s: this CPU or build does not have it", options->isa.item[i]);
  }
  cpu_set_t before;
  char where[128];
  pin_begin(options, 1, &before, where);
  snprintf(to->card.pinned, sizeof to->card.pinned, "%s%s", *where ? "CPU " : "", where);
  int code = report_peaks(options, to);
  if (!code && !interrupted()) code = report_bandwidth(options, to);
  pin_end(&before);
  for (size_t i = 0; i < options->batch.count && !code && !interrupted(); i++)
    report_step_limit(options, to, options->batch.item[i]);
  return code;
}
