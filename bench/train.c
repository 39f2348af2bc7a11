/* SPDX-License-Identifier: MIT
 *
 * lamina-bench train: whole steps by backend, measured inside lam_fit, from the beginning of its first epoch to the end of its
 * last; and, with --parts, each operation of a running step.
 */
#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/training.h"
#include <string.h>

static const report_unit microseconds = { "us", "us_spread", "us a step", 1e6 };

/* Multiply-adds of a step, twice: forward, weight gradients, and input gradients of all layers but the first. */
double step_flops(const sizes *net, size_t batch) {
  double first = 2.0 * (double)net->item[0] * (double)net->item[1];
  return (double)batch * (3 * network_flops(net) - first);
}

/* ---- contenders ---------------------------------------------------------------------------------------------------- */

int training_open(training *t, const settings *options, size_t batch, const char *gemm) {
  *t = (training){ .batch = batch, .loss = lam_loss_type_of(options->loss) };
  t->context = open_context(options, gemm);
  if (!t->context) return EXIT_USAGE;
  t->data = open_rows(t->context, options, &t->storage);
  lam_model *model = t->data ? build_network(t->context, &options->net) : NULL;
  lam_trainer_options trainer = { .loss = options->loss, .optimizer = { .type = options->optimizer } };
  t->trainer = lam_trainer_create(model, &trainer);
  if (t->trainer) return EXIT_OK;
  return lam_error_status(t->context) ? library_failed(t->context) : EXIT_FAILED;
}

void training_close(training *t) {
  lam_context_destroy(t->context);
  free(t->storage);
}

static int watch_epochs(void *user, const lam_progress *now) {
  training *t = user;
  if (now->event == LAM_EPOCH_BEGIN && now->epoch == 0) t->begin = (timing){ wall_seconds(), cpu_seconds() };
  if (now->event == LAM_EPOCH_END) t->end = (timing){ wall_seconds(), cpu_seconds() };
  return interrupted();
}

static timing time_epochs(void *user, size_t times) {
  training *t = user;
  lam_fit_options fit = { .epochs = times, .batch_size = t->batch, .callback = watch_epochs, .user = t };
  if (lam_fit(t->trainer, t->data, &fit)) t->failed = true;
  /* A failure ends the calibration; run_train tells it. */
  return t->failed ? (timing){ 1e9, 0 } : (timing){ t->end.wall - t->begin.wall, t->end.cpu - t->begin.cpu };
}

/* ---- the results --------------------------------------------------------------------------------------------------- */

static void report_step(report *to, const settings *options, training *t, contender *c, bool reference) {
  char net[128], command[512], core[64];
  network_text(net, &options->net);
  common_options(command, sizeof command, "train", options);
  backend_core(t->context, core);
  size_t used = strlen(command), steps = (lam_dataset_rows(t->data) + t->batch - 1) / t->batch;
  snprintf(command + used, sizeof command - used,
           " --net %s --batch %zu --optimizer %s --loss %s --rows %zu --threads %zu --gemm %s%s%s", net, t->batch,
           lam_optimizer_names[options->optimizer], lam_loss_names[options->loss], lam_dataset_rows(t->data), options->threads,
           c->name, options->data ? " --data " : "", options->data ? options->data : "");
  /* Rounds ran epochs: from here on a step is meant. */
  c->median /= (double)steps;
  double gflops = step_flops(&options->net, t->batch) / c->median * 1e-9;
  report_add(to);
  report_text(to, "net", "net", net);
  report_number(to, "batch", "batch", (double)t->batch, 0);
  report_text(to, "optimizer", "optimizer", lam_optimizer_names[options->optimizer]);
  report_text(to, "loss", NULL, lam_loss_names[options->loss]);
  report_text(to, "backend", "backend", c->name);
  report_text(to, "version", NULL, lam_gemm_description(t->context));
  report_text(to, "core", "core", core);
  report_text(to, "part", NULL, "step");
  report_contender(to, c, &microseconds, options->threads, reference);
  report_number(to, "steps_per_second", "steps/s", 1 / c->median, 0);
  report_number(to, "gflops", "GF/s", gflops, 1);
  report_number(to, "peak_share", "of peak", gflops / (to->peak * (double)options->threads), 3);
  report_text(to, "command", NULL, command);
  if (core_warning(core)) report_note(to, "%s (core %s): %s", c->name, core, core_warning(core));
}

static int train_one_batch(const settings *options, report *to, const char *const *names, size_t count, size_t reference,
                           size_t batch) {
  training t[MOST_WORDS];
  contender contenders[MOST_WORDS];
  size_t opened = 0;
  int code = EXIT_OK;
  while (opened < count && !code) {
    code = training_open(&t[opened], options, batch, names[opened]);
    contenders[opened] = (contender){ .name = names[opened], .time = time_epochs, .user = &t[opened] };
    opened++;
  }
  progress(options, "train: batch %zu", batch);
  bool measured = !code && rounds_run(contenders, count, reference, options->rounds, options->min_time);
  for (size_t i = 0; i < opened && !code; i++)
    if (t[i].failed) code = library_failed(t[i].context);
  for (size_t i = 0; i < count && measured && !code; i++) report_step(to, options, &t[i], &contenders[i], i == reference);
  for (size_t i = 0; i < count && measured && !code && options->parts; i++) code = report_parts(options, to, &t[i], names[i]);
  for (size_t i = 0; i < opened; i++) training_close(&t[i]);
  return code;
}

int run_train(const settings *options, report *to) { return each_batch(options, to, train_one_batch); }
