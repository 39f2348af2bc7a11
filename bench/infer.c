/* SPDX-License-Identifier: MIT
 *
 * lamina-bench infer: calls of lam_session_run on float rows, by backend.
 */
#include "bench/bounds.h"
#include "bench/training.h"
#include "bench/workers.h"
#include "blas/gemm.h"

static const report_unit microseconds = { "us", "us_spread", "us_low", "us_high", "us a call", 1e6 };

static void run_session(void *user) {
  inference *f = user;
  (void)lam_session_run(f->session, &f->input, 1, &f->outputs, 1); /* checked when it was opened */
}

timing inference_time(void *user, size_t calls) {
  const inference *f = user;
  lam_blas_enter(f->context);
  timing t = time_runs(run_session, user, calls);
  lam_blas_leave(f->context);
  return t;
}

void inference_close(inference *f) {
  if (f->session) lam_session_destroy(f->session);
  free(f->rows);
  free(f->outputs);
  *f = (inference){ 0 };
}

int inference_open(inference *f, lam_context *context, const settings *options, size_t batch) {
  const size_list *net = &options->net;
  size_t width = net->item[0];
  *f = (inference){ .context = context };
  f->rows = calloc(batch * width, sizeof(float));
  f->outputs = calloc(batch * net->item[net->count - 1], sizeof(float));
  if (!f->rows || !f->outputs) return EXIT_FAILED;
  lam_random_uniform(f->rows, batch * width, 0, 0, 0);
  f->input = (lam_array){ .data = f->rows, .type = LAM_FLOAT32, .rows = batch, .shape = { { width }, 1 } };
  f->model = build_network(context, net);
  /* A session that is told none has the native product, whatever the context's backend is. */
  f->session = lam_session_create(f->model, &(lam_session_options){ .max_rows = batch, .gemm = lam_gemm_name(context) });
  if (!f->session) return EXIT_FAILED;
  return lam_session_run(f->session, &f->input, 1, &f->outputs, 1) ? EXIT_FAILED : EXIT_OK;
}

static void report_call(report *to, const settings *options, const crew *c, const job *j, size_t batch, size_t i) {
  char net[128], command[1400] = "";
  const contender *found = &j->contenders[i];
  network_text(net, &options->net);
  batch_options(command, sizeof command, options, c, i, batch);
  double gflops = j->flops / found->mean.middle * 1e-9;
  report_add(to);
  report_text(to, "net", "net", net);
  report_number(to, "batch", "batch", (double)batch, 0);
  report_backend(to, &c->all[i]);
  report_contender(to, found, &microseconds, c->threads, i == c->reference);
  report_number(to, "us_per_row", "us a row", found->mean.middle * 1e6 / (double)batch, 3);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / (to->peak * (double)c->threads), 3);
  const bounds all = call_bounds(options, batch);
  report_limit(to, bounds_seconds(to, &all, c->threads), found->mean.middle);
  report_text(to, "command", NULL, command);
}

static double call_flops(const settings *options, size_t batch) { return (double)batch * network_flops(&options->net); }

static void report_calls(const settings *options, report *to, crew *c, const job *j, size_t batch) {
  for (size_t i = 0; i < c->count; i++)
    if (job_has(c, j, i)) report_call(to, options, c, j, batch, i);
  if (options->parts && !interrupted()) report_parts(options, to, c, batch);
}

int run_infer(const settings *options, report *to) { return each_batch(options, to, call_flops, report_calls); }
