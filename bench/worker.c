/* SPDX-License-Identifier: MIT
 *
 * lamina-bench train --worker FD: a training that another program drives, over a socket of its own because libraries print. Each
 * line it gets is a command, each line it answers an object:
 *   (at the start)  {"name","version","gemm","core","isa","warning","rows","batch","threads"}
 *   epoch           {"seconds","cpu","loss","accuracy"}: one epoch of lam_fit, which waits between its epochs
 *   quit, or the end of the stream: it ends
 */
#include "bench/clock.h"
#include "bench/training.h"
#include <string.h>
#include <unistd.h>

enum { MOST_EPOCHS = 100000 };

typedef struct worker {
  FILE *in, *out;
  training t;
  int code;
} worker;

static int send(worker *w, lam_json_writer *json) {
  bool sent = !json->status && fwrite(json->text, 1, json->size, w->out) == json->size && fputc('\n', w->out) != EOF &&
              fflush(w->out) == 0;
  lam_json_writer_release(json);
  return sent ? EXIT_OK : failed("--worker: cannot write to the file descriptor");
}

static void put_text(lam_json_writer *json, const char *key, const char *text) {
  lam_json_key(json, key);
  lam_json_put_text(json, text);
}

static void put_number(lam_json_writer *json, const char *key, double number) {
  lam_json_key(json, key);
  lam_json_put_double(json, number);
}

static int say_hello(worker *w, const settings *options) {
  lam_json_writer json = { .context = w->t.context };
  char core[64];
  backend_core(w->t.context, core);
  lam_json_open(&json, '{');
  put_text(&json, "name", lam_gemm_name(w->t.context));
  put_text(&json, "version", lam_version());
  put_text(&json, "gemm", lam_gemm_description(w->t.context));
  put_text(&json, "core", core);
  put_text(&json, "isa", lam_kernels()->isa);
  put_text(&json, "warning", core_warning(core) ? core_warning(core) : "");
  put_number(&json, "rows", (double)lam_dataset_rows(w->t.data));
  put_number(&json, "batch", (double)w->t.batch);
  put_number(&json, "threads", (double)options->threads);
  lam_json_close(&json, '}');
  return send(w, &json);
}

static int answer(worker *w, const lam_epoch *epoch) {
  lam_json_writer json = { .context = w->t.context };
  lam_json_open(&json, '{');
  put_number(&json, "seconds", wall_seconds() - w->t.begin.wall);
  put_number(&json, "cpu", cpu_seconds() - w->t.begin.cpu);
  put_number(&json, "loss", epoch->loss);
  put_number(&json, "accuracy", epoch->accuracy);
  lam_json_close(&json, '}');
  return send(w, &json);
}

/* Waits for the next command where an epoch begins, and answers where it ends. */
static int drive(void *user, const lam_progress *now) {
  worker *w = user;
  char line[64];
  if (now->event == LAM_EPOCH_END) return w->code = answer(w, &now->mean);
  if (now->event != LAM_EPOCH_BEGIN) return 0;
  if (!fgets(line, sizeof line, w->in) || strcmp(line, "quit\n") == 0) return 1;
  if (strcmp(line, "epoch\n") != 0)
    return w->code = wrong_usage("--worker: \"%.*s\" is not a command; there are epoch and quit", (int)strcspn(line, "\n"), line);
  w->t.begin = (timing){ wall_seconds(), cpu_seconds() };
  return 0;
}

int run_worker(const settings *options) {
  if (options->batch.count != 1 || options->gemm.count > 1) return wrong_usage("--worker takes one batch and one backend");
  worker w = { .in = fdopen((int)options->worker, "r") };
  int copy = w.in ? dup((int)options->worker) : -1;
  w.out = copy >= 0 ? fdopen(copy, "w") : NULL;
  if (!w.out) return wrong_usage("--worker: %zu is not an open file descriptor", options->worker);
  int code = training_open(&w.t, options, options->batch.item[0], options->gemm.count ? options->gemm.item[0] : NULL);
  if (!code) code = say_hello(&w, options);
  lam_fit_options fit = { .epochs = MOST_EPOCHS, .batch_size = w.t.batch, .callback = drive, .user = &w };
  if (!code && lam_fit(w.t.trainer, w.t.data, &fit)) code = library_failed(w.t.context);
  training_close(&w.t);
  fclose(w.in);
  fclose(w.out);
  return code ? code : w.code;
}
