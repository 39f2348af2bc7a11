/* SPDX-License-Identifier: MIT
 *
 * lamina-bench infer: calls of lam_session_run on float rows, by backend.
 */
#include "bench/bench.h"
#include "blas/gemm.h"
#include <stdlib.h>

static const report_unit microseconds = { "us", "us_spread", "us a call", 1e6 };

typedef struct inference {
  lam_context *context;
  lam_session *session;
  lam_array input;
  float *rows, *outputs;
} inference;

static void run_session(void *user) {
  inference *f = user;
  (void)lam_session_run(f->session, &f->input, 1, &f->outputs, 1); /* checked when it was opened */
}

static timing time_session(void *user, size_t times) {
  const inference *f = user;
  lam_blas_enter(f->context);
  timing t = time_runs(run_session, user, times);
  lam_blas_leave(f->context);
  return t;
}

static void close_inference(inference *f) {
  if (f->context) lam_context_destroy(f->context);
  free(f->rows);
  free(f->outputs);
}

static int open_inference(inference *f, const settings *options, size_t batch, const char *gemm) {
  const sizes *net = &options->net;
  size_t width = net->item[0];
  *f = (inference){ .context = open_context(options, gemm) };
  if (!f->context) return EXIT_USAGE;
  f->rows = calloc(batch * width, sizeof(float));
  f->outputs = calloc(batch * net->item[net->count - 1], sizeof(float));
  if (!f->rows || !f->outputs) return failed("out of memory: %zu rows", batch);
  lam_random_uniform(f->rows, batch * width, 0, 0, 0);
  f->input = (lam_array){ .data = f->rows, .type = LAM_FLOAT32, .rows = batch, .shape = { { width }, 1 } };
  lam_model *model = build_network(f->context, net);
  f->session = lam_session_create(model, &(lam_session_options){ .max_rows = batch, .gemm = gemm });
  if (!f->session) return library_failed(f->context);
  if (lam_session_run(f->session, &f->input, 1, &f->outputs, 1)) return failed("%s", lam_session_error_message(f->session));
  return EXIT_OK;
}

static void report_call(report *to, const settings *options, const inference *f, size_t batch, const contender *c,
                        bool reference) {
  char net[128], command[512], core[64], base[256];
  network_text(net, &options->net);
  backend_core(f->context, core);
  common_options(base, sizeof base, "infer", options);
  snprintf(command, sizeof command, "%s --net %s --batch %zu --threads %zu --gemm %s", base, net, batch, options->threads,
           c->name);
  double gflops = (double)batch * network_flops(&options->net) / c->median * 1e-9;
  report_add(to);
  report_text(to, "net", "net", net);
  report_number(to, "batch", "batch", (double)batch, 0);
  report_text(to, "backend", "backend", c->name);
  report_text(to, "version", NULL, lam_gemm_description(f->context));
  report_text(to, "core", "core", core);
  report_contender(to, c, &microseconds, options->threads, reference);
  report_number(to, "us_per_row", "us a row", c->median * 1e6 / (double)batch, 3);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / (to->peak * (double)options->threads), 3);
  report_text(to, "command", NULL, command);
}

static int infer_one_batch(const settings *options, report *to, const char *const *names, size_t count, size_t reference,
                           size_t batch) {
  inference f[MOST_WORDS];
  contender contenders[MOST_WORDS];
  size_t opened = 0;
  int code = EXIT_OK;
  while (opened < count && !code) {
    code = open_inference(&f[opened], options, batch, names[opened]);
    contenders[opened] = (contender){ .name = names[opened], .time = time_session, .user = &f[opened] };
    opened++;
  }
  progress(options, "infer: batch %zu", batch);
  bool measured = !code && rounds_run(contenders, count, reference, options->rounds, options->min_time);
  for (size_t i = 0; i < count && measured; i++) report_call(to, options, &f[i], batch, &contenders[i], i == reference);
  for (size_t i = 0; i < opened; i++) close_inference(&f[i]);
  return code;
}

int run_infer(const settings *options, report *to) { return each_batch(options, to, infer_one_batch); }
