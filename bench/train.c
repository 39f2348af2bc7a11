/* SPDX-License-Identifier: MIT
 *
 * lamina-bench train: whole steps by backend, measured inside lam_fit, from the beginning of its first epoch to the end of its
 * last; and, with --parts, each operation of a running step.
 */
#include "bench/bounds.h"
#include "bench/clock.h"
#include "bench/training.h"
#include "bench/workers.h"

/* Multiply-adds of a step, twice: forward, weight gradients, and input gradients of all layers but the first. */
double step_flops(const size_list *net, size_t batch) {
  double first = 2.0 * (double)net->item[0] * (double)net->item[1];
  return (double)batch * (3 * network_flops(net) - first);
}

/* ---- in the worker ------------------------------------------------------------------------------------------------- */

int training_open(training *t, lam_context *context, const settings *options, size_t batch) {
  t->context = context;
  t->batch = batch;
  t->loss = lam_loss_type_of(options->loss);
  if (!t->data) t->data = open_rows(context, options, &t->storage);
  lam_model *model = t->data ? build_network(context, &options->net) : NULL;
  lam_trainer_options trainer = { .loss = options->loss, .optimizer = { .type = options->optimizer } };
  t->trainer = lam_trainer_create(model, &trainer);
  return t->trainer ? EXIT_OK : EXIT_FAILED;
}

/* The rows stay: every batch is trained on them. */
void training_close(training *t) {
  if (t->trainer) lam_trainer_destroy(t->trainer);
  t->trainer = NULL;
}

static int watch_epochs(void *user, const lam_progress *now) {
  training *t = user;
  if (now->event == LAM_EPOCH_BEGIN && now->epoch == 0) t->begin = (timing){ wall_seconds(), cpu_seconds() };
  if (now->event == LAM_EPOCH_END) t->end = (timing){ wall_seconds(), cpu_seconds() };
  if (now->event == LAM_EPOCH_END) t->mean = now->mean;
  return 0;
}

timing training_time(void *user, size_t epochs) {
  training *t = user;
  lam_fit_options fit = {
    .epochs = epochs, .batch_size = t->batch, .no_shuffle = t->ordered, .callback = watch_epochs, .user = t
  };
  t->failed = lam_fit(t->trainer, t->data, &fit) != LAM_OK;
  return (timing){ t->end.wall - t->begin.wall, t->end.cpu - t->begin.cpu };
}

/* ---- the results --------------------------------------------------------------------------------------------------- */

static double epoch_steps(const settings *options, size_t batch) { return (double)((options->rows + batch - 1) / batch); }

static void report_step(report *to, const settings *options, const crew *c, const job *j, size_t batch, size_t i) {
  char net[128], command[1400] = "";
  /* Rounds ran epochs: here a step is meant. */
  const double steps = epoch_steps(options, batch), seconds = j->contenders[i].mean.middle / steps;
  report_unit unit = { "us", "us_spread", "us_low", "us_high", "us a step", 1e6 / steps };
  network_text(net, &options->net);
  batch_options(command, sizeof command, options, c, i, batch);
  double gflops = step_flops(&options->net, batch) / seconds * 1e-9;
  report_add(to);
  report_text(to, "net", "net", net);
  report_number(to, "batch", "batch", (double)batch, 0);
  report_text(to, "optimizer", "optimizer", lam_optimizer_names[options->optimizer]);
  report_text(to, "loss", NULL, lam_loss_names[options->loss]);
  report_backend(to, &c->all[i]);
  report_text(to, "part", NULL, "step");
  report_contender(to, &j->contenders[i], &unit, c->threads, i == c->reference);
  report_number(to, "steps_per_second", "steps/s", 1 / seconds, 0);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / (to->peak * (double)c->threads), 3);
  const bounds all = step_bounds(options, batch);
  report_limit(to, bounds_seconds(to, &all, c->threads), seconds);
  report_text(to, "command", NULL, command);
}

static double fit_flops(const settings *options, size_t batch) {
  return epoch_steps(options, batch) * step_flops(&options->net, batch);
}

static void report_steps(const settings *options, report *to, crew *c, const job *j, size_t batch) {
  for (size_t i = 0; i < c->count; i++)
    if (job_has(c, j, i)) report_step(to, options, c, j, batch, i);
  if (options->parts && !interrupted()) report_parts(options, to, c, batch);
  if (options->neighbours && !interrupted()) report_neighbours(options, to, c, batch);
}

/* Data that cannot be opened are the command line's fault and not the backends'. */
static int check_rows(settings *options) {
  void *storage = NULL;
  lam_context *context = open_context(1);
  if (!context) return EXIT_FAILED;
  lam_dataset *data = open_rows(context, options, &storage);
  int code = EXIT_OK;
  if (data) options->rows = lam_dataset_rows(data);
  if (!data) code = lam_error_status(context) ? library_failed(context) : EXIT_FAILED;
  lam_context_destroy(context);
  free(storage);
  return code;
}

int run_train(const settings *options, report *to) {
  settings checked = *options;
  int code = check_rows(&checked);
  for (size_t i = 0; options->parts && i < options->batch.count && !code; i++)
    if (checked.rows < options->batch.item[i]) code = wrong_usage("--parts needs at least as many rows as a batch has");
  return code ? code : each_batch(&checked, to, fit_flops, report_steps);
}
