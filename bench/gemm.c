/* SPDX-License-Identifier: MIT
 *
 * lamina-bench gemm: the products of a network's step, or products given by shape, by backend.
 */
#include "bench/product.h"
#include <string.h>

static const report_unit microseconds = { "us", "us_spread", "us", 1e6 };

enum { MOST_PRODUCTS = 512 };

typedef struct entrant {
  lam_context *context;
  matrices x;
  bool exact;
  double error_over_bound;
} entrant;

static void run_product(void *user) {
  entrant *e = user;
  matrices_multiply(&e->x, e->context);
}

static timing time_product(void *user, size_t times) {
  const entrant *e = user;
  lam_blas_enter(e->context);
  timing t = time_runs(run_product, user, times);
  lam_blas_leave(e->context);
  return t;
}

/* Sets of matrices that together do not fit in the last cache, twice over. */
static size_t cold_sets(const machine *card, const product *p) {
  size_t bytes = (p->m * p->k + p->k * p->n + p->m * p->n) * sizeof(float);
  size_t last = card->cache[3] ? card->cache[3] : card->cache[2] ? card->cache[2] : (size_t)32 << 20;
  return 2 * last / bytes + 2;
}

static void report_product(report *to, const settings *options, const entrant *e, const contender *c, bool reference) {
  const product *p = e->x.p;
  char command[512], core[64], base[256], trans[3] = { p->transa ? 'T' : 'N', p->transb ? 'T' : 'N', 0 };
  backend_core(e->context, core);
  common_options(base, sizeof base, "gemm", options);
  snprintf(command, sizeof command, "%s --shapes %zux%zux%zu:%s --gemm %s%s", base, p->m, p->n, p->k, trans, c->name,
           options->cold ? " --cold" : "");
  double gflops = 2.0 * (double)p->m * (double)p->n * (double)p->k / c->median * 1e-9;
  report_add(to);
  report_text(to, "backend", "backend", c->name);
  report_text(to, "version", NULL, lam_gemm_description(e->context));
  report_text(to, "core", "core", core);
  report_text(to, "pass", "pass", p->pass);
  report_number(to, "m", "m", (double)p->m, 0);
  report_number(to, "n", "n", (double)p->n, 0);
  report_number(to, "k", "k", (double)p->k, 0);
  report_text(to, "trans", "trans", trans);
  report_number(to, "lda", NULL, (double)e->x.lda, 0);
  report_number(to, "ldb", NULL, (double)e->x.ldb, 0);
  report_number(to, "ldc", NULL, (double)e->x.ldc, 0);
  report_number(to, "alpha", NULL, 1, 0);
  report_number(to, "beta", NULL, 0, 0);
  report_text(to, "cache", "cache", options->cold ? "cold" : "hot");
  report_contender(to, c, &microseconds, 1, reference);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / to->peak, 3);
  report_number(to, "error_over_bound", "error/bound", e->error_over_bound, 4);
  report_text(to, "exact", "exact", e->exact ? "yes" : "no");
  report_text(to, "command", NULL, command);
}

static int measure_product(const settings *options, report *to, lam_context *const *contexts, size_t count, size_t reference,
                           const product *p) {
  entrant entrants[MOST_WORDS];
  contender contenders[MOST_WORDS];
  size_t sets = options->cold ? cold_sets(&to->card, p) : 1, opened = 0;
  int code = EXIT_OK;
  for (; opened < count && !code; opened++) {
    entrant *e = &entrants[opened];
    *e = (entrant){ .context = contexts[opened] };
    contenders[opened] = (contender){ .name = lam_gemm_name(contexts[opened]), .time = time_product, .user = e };
    if (!matrices_make(&e->x, p, sets))
      code = failed("out of memory: %zu sets of matrices for %zux%zux%zu", sets, p->m, p->n, p->k);
    else
      matrices_check(&e->x, e->context, &e->exact, &e->error_over_bound);
  }
  progress(options, "gemm: %zux%zux%zu %s", p->m, p->n, p->k, p->pass);
  bool measured = !code && rounds_run(contenders, count, reference, options->rounds, options->min_time);
  for (size_t i = 0; i < count && measured; i++) report_product(to, options, &entrants[i], &contenders[i], i == reference);
  for (size_t i = 0; i < opened; i++) matrices_release(&entrants[i].x);
  return code;
}

static int list_products(const settings *options, product *products, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < options->shapes.count; i++) {
    int code = read_product(options->shapes.item[i], &products[(*count)++]);
    if (code) return code;
  }
  for (size_t i = 0; options->shapes.count == 0 && i < options->batch.count; i++)
    *count += network_products(&options->net, options->batch.item[i], products + *count, MOST_PRODUCTS - *count);
  return EXIT_OK;
}

int run_gemm(const settings *options, report *to) {
  static product products[MOST_PRODUCTS];
  const char *names[MOST_WORDS];
  lam_context *contexts[MOST_WORDS] = { 0 };
  size_t count, reference, product_count;
  lam_context *context = open_context(options, NULL);
  if (!context) return EXIT_USAGE;
  int code = choose_backends(context, options, names, &count, &reference);
  if (!code) code = list_products(options, products, &product_count);
  for (size_t i = 0; i < count && !code; i++)
    if (!(contexts[i] = open_context(options, names[i]))) code = EXIT_USAGE;
  to->peak = code ? 0 : peak_gflops(lam_kernels()->isa);
  for (size_t i = 0; !code && i < product_count && !interrupted(); i++)
    code = measure_product(options, to, contexts, count, reference, &products[i]);
  for (size_t i = 0; i < count && contexts[i] && !code; i++) {
    char core[64];
    backend_core(contexts[i], core);
    if (core_warning(core)) report_note(to, "%s (core %s): %s", names[i], core, core_warning(core));
  }
  for (size_t i = 0; i < MOST_WORDS; i++)
    if (contexts[i]) lam_context_destroy(contexts[i]);
  lam_context_destroy(context);
  return code;
}
