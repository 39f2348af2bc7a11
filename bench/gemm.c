/* SPDX-License-Identifier: MIT
 *
 * lamina-bench gemm: the products of a network's step, or products given by shape, by backend.
 */
#include "bench/product.h"
#include "bench/workers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const report_unit microseconds = { "us", "us_spread", "us_low", "us_high", "us", 1e6 };

/* Sets of matrices that together do not fit in the last cache, twice over; of a very large cache, all that one core is likely to
 * have of it. */
static size_t cold_sets(const machine *card, const product *p) {
  const size_t most = (size_t)256 << 20;
  size_t last = card->cache[3] ? card->cache[3] : card->cache[2] ? card->cache[2] : (size_t)32 << 20;
  return (size_t)((double)(2 * last < most ? 2 * last : most) / product_bytes(p)) + 2;
}

/* GF/s that the measured peak and the measured bandwidth allow with so many cores: Williams, Waterman, Patterson, "Roofline",
 * Communications of the ACM 52(4), 2009. The bandwidth is that of the level which holds all three matrices. */
static double roof(const report *to, const product *p, size_t threads) {
  double bytes = product_bytes(p), bandwidth = to->bandwidth[p->cold ? LEVELS - 1 : level_of(&to->card, bytes)];
  return (double)threads * fmin(to->peak, product_flops(p) / bytes * bandwidth * 1e-9);
}

static bool is_cold(const char *cache) { return strcmp(cache, "cold") == 0; }

static void report_product(report *to, const settings *options, const crew *c, const job *j, const product *p, size_t i) {
  const contender *found = &j->contenders[i];
  char command[1400] = "", text[192], trans[3] = { p->transa ? 'T' : 'N', p->transb ? 'T' : 'N', 0 };
  const double gflops = product_flops(p) / found->mean.middle * 1e-9;
  product_text(p, text);
  common_options(command, sizeof command, options);
  backend_options(command, sizeof command, c, i);
  append(command, sizeof command, " --shapes %s%s", text, p->cold ? " --cache cold" : "");
  report_add(to);
  report_backend(to, &c->all[i]);
  report_text(to, "pass", "pass", p->pass);
  report_text(to, "from", NULL, p->from);
  report_text(to, "shape", "product", text);
  report_number(to, "m", NULL, (double)p->m, 0);
  report_number(to, "n", NULL, (double)p->n, 0);
  report_number(to, "k", NULL, (double)p->k, 0);
  report_text(to, "trans", NULL, trans);
  report_number(to, "lda", NULL, (double)p->lda, 0);
  report_number(to, "ldb", NULL, (double)p->ldb, 0);
  report_number(to, "ldc", NULL, (double)p->ldc, 0);
  report_number(to, "alpha", NULL, (double)p->alpha, 3);
  report_number(to, "beta", NULL, (double)p->beta, 3);
  report_text(to, "cache", "cache", p->cold ? "cold" : "hot");
  report_contender(to, found, &microseconds, c->threads, i == c->reference);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / (to->peak * (double)c->threads), 3);
  report_number(to, "roof_share", "of roof", gflops / roof(to, p, c->threads), 3);
  report_number(to, "intensity", NULL, product_flops(p) / product_bytes(p), 3);
  report_number(to, "error_over_bound", "error/bound", j->error_over_bound[i], 4);
  report_text(to, "exact", NULL, j->exact[i]);
  report_text(to, "command", NULL, command);
}

static bool measure_products(const settings *options, report *to, crew *c, const products *list) {
  const size_t count = list->count * options->cache.count;
  job *jobs = calloc(count, sizeof *jobs);
  product *all = calloc(count, sizeof *all);
  bool good = jobs && all;
  for (size_t at = 0; at < count && good; at++) {
    product *p = &all[at];
    char text[192];
    *p = list->all[at / options->cache.count];
    p->cold = is_cold(options->cache.item[at % options->cache.count]);
    product_text(p, text);
    snprintf(jobs[at].command, sizeof jobs->command, "product %s %zu", text, p->cold ? cold_sets(&to->card, p) : 1);
    snprintf(jobs[at].title, sizeof jobs->title, "%s %s%s", text, p->pass, p->cold ? ", cold" : "");
    jobs[at].flops = product_flops(p);
  }
  good = good && crew_measure(c, options, to, jobs, count);
  for (size_t at = 0; at < count && good; at++)
    for (size_t i = 0; i < c->count; i++)
      if (job_has(c, &jobs[at], i)) report_product(to, options, c, &jobs[at], &all[at], i);
  if (jobs) jobs_release(jobs, count);
  free(all);
  return good;
}

static int check_cache(const settings *options) {
  static const char *const names[] = { "hot", "cold", NULL };
  for (size_t i = 0; i < options->cache.count; i++)
    if (lam_name_find(names, options->cache.item[i]) < 0) return unknown_name("cache", options->cache.item[i], names);
  return EXIT_OK;
}

int run_gemm(const settings *options, report *to) {
  products *list = calloc(1, sizeof *list);
  crew c;
  int code = crew_choose(options, &c);
  if (!code) code = check_cache(options);
  if (!code) code = list ? list_products(options, list) : failed("out of memory");
  if (!code) measure_limits(options, to);
  for (size_t t = 0; t < options->threads.count && !code && !interrupted(); t++) {
    c.threads = options->threads.item[t];
    if (!measure_products(options, to, &c, list)) code = failed("out of memory");
  }
  if (!code) crew_report(&c, options, to);
  crew_release(&c);
  free(list);
  return code;
}
