/* SPDX-License-Identifier: MIT
 *
 * lamina-bench COMMAND --worker FD: one backend, driven by another program over a socket of its own because libraries print. Each
 * line it gets is a command, each line it answers an object:
 *   (at the start)       what the backend is, how long it took to load, to call for the first time and to vet
 *   product TEXT SETS    gemm: makes matrices; with " check" behind it, {"exact","error_over_bound"}
 *   check                gemm: looks at what the last product left; {"error_over_bound"}
 *   batch N              train, infer: makes a trainer or a session; {"rows"}
 *   time N               {"wall","cpu"}: seconds of so many products, calls, epochs
 *   epoch                train: {"seconds","cpu","loss","accuracy"}
 *   save FOLDER          train, infer: writes weights.f32, of a session also rows.f32 and outputs.f32: floats; {}
 *   parts N SECONDS      train, infer: {"parts":[{"part","layer","flops","us","us_spread"}]}
 *   quit, or the end of the stream: it ends
 * {"refused": "why"} is its last answer.
 */
#include "bench/clock.h"
#include "bench/product.h"
#include "bench/training.h"
#include "cli/apart.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

typedef struct worker {
  const settings *options;
  FILE *in, *out;
  lam_context *context;
  double load, first_call, vet; /* seconds */
  matrices x;
  training t;
  inference f;
  timing (*time)(void *user, size_t times);
  void *user;
} worker;

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static lam_json_writer answer_begin(const worker *w) {
  lam_json_writer json = { .context = w->context };
  lam_json_open(&json, '{');
  return json;
}

/* False where the driver is gone, or where it is told a reason to end. */
static bool answer_end(const worker *w, lam_json_writer *json) {
  lam_json_close(json, '}');
  return json_send(json, w->out);
}

static bool refuse(const worker *w, const char *format, ...) {
  char reason[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  lam_json_writer json = answer_begin(w);
  json_put_text(&json, "refused", reason);
  return answer_end(w, &json), false;
}

/* ---- the backend --------------------------------------------------------------------------------------------------- */

/* The product of 784-256 at batch 32, the first that the library is asked for. */
static void call_first(lam_context *context) {
  const product usual = { .m = 32, .n = 256, .k = 784, .lda = 784, .ldb = 256, .ldc = 256, .alpha = 1 };
  matrices x;
  if (matrices_make(&x, &usual, 1)) matrices_multiply(&x, context);
  matrices_release(&x);
}

/* Loads it and, as lam_gemm_open does, vets it. Where another process has done that, the first call is its first. A gemm worker
 * keeps the threads that its environment says; for a training the backend has one. The native product has those of the context.
 */
static bool open_backend(worker *w) {
  const settings *o = w->options;
  const char *name = o->backends.count ? o->backends.item[0] : NULL;
  const bool train = o->command->bit != GEMM;
  w->context = lam_context_create(&(lam_context_options){ .threads = (unsigned)o->threads.item[0], .keep_blas_threads = !train });
  if (!w->context) return false;
  double begin = wall_seconds();
  if (name && strchr(name, '/')) {
    lam_gemm *gemm = lam_gemm_add(w->context, name, NULL, NULL);
    if (!gemm || lam_library_open(w->context, name, gemm, "")) return refuse(w, "%s", lam_error_message(w->context));
    w->context->gemm = gemm;
  } else if (name && lam_gemm_open(w->context, name)) {
    return refuse(w, "%s", lam_error_message(w->context));
  }
  double loaded = wall_seconds();
  w->load = loaded - begin;
  w->first_call = w->vet = (double)NAN;
  if (o->vetted) {
    call_first(w->context);
    w->first_call = wall_seconds() - loaded;
  } else if (w->context->gemm->sgemm && lam_gemm_vet(w->context, w->context->gemm)) {
    return refuse(w, "%s", lam_error_message(w->context));
  } else {
    w->vet = wall_seconds() - loaded;
  }
  return true;
}

static bool say_hello(worker *w) {
  const lam_gemm *gemm = w->context->gemm;
  lam_json_writer json = answer_begin(w);
  json_put_text(&json, "name", gemm->name);
  json_put_text(&json, "version", lam_version());
  json_put_text(&json, "gemm", gemm->description);
  json_put_text(&json, "gemm_version", gemm->version);
  json_put_text(&json, "core", gemm->core);
  json_put_text(&json, "isa", lam_kernels()->isa);
  json_put_text(&json, "warning", gemm->warning);
  json_put_number(&json, "own_threads", gemm->threads);
  json_put_number(&json, "integer_bits", gemm->interface == LAM_CBLAS_32 ? 32 : 64);
  json_put_number(&json, "load_seconds", w->load);
  json_put_number(&json, "first_call_seconds", w->first_call);
  json_put_number(&json, "vet_seconds", w->vet);
  json_put_number(&json, "rows", (double)w->options->rows);
  json_put_number(&json, "batch", (double)w->options->batch.item[0]);
  json_put_number(&json, "threads", (double)w->options->threads.item[0]);
  return answer_end(w, &json);
}

/* ---- products ------------------------------------------------------------------------------------------------------ */

static void run_product(void *user) {
  worker *w = user;
  matrices_multiply(&w->x, w->context);
}

static timing time_product(void *user, size_t times) { return time_runs(run_product, user, times); }

static bool get_product(worker *w, const char *line) {
  char text[192], check[8] = "", why[WHY_TEXT];
  size_t sets;
  product p;
  if (sscanf(line, "product %191s %zu %7s", text, &sets, check) < 2 || read_product(text, &p, why)) return false;
  matrices_release(&w->x);
  if (!matrices_make(&w->x, &p, sets)) return refuse(w, "out of memory: %zu sets of matrices for %s", sets, text);
  findings found = { "unchecked", 0 };
  if (*check) found = matrices_check(&w->x, w->context);
  if (strcmp(found.exact, "no") == 0) return refuse(w, "its product %s of small integers is not exact", text);
  if (!(found.error_over_bound <= 1))
    return refuse(w, "its product %s has %.3g times the error that rounding explains", text, found.error_over_bound);
  w->time = time_product;
  w->user = w;
  lam_json_writer json = answer_begin(w);
  json_put_text(&json, "exact", found.exact);
  json_put_number(&json, "error_over_bound", found.error_over_bound);
  return answer_end(w, &json);
}

/* A library may be right when it is asked and wrong when it is timed. */
static bool check_again(worker *w) {
  const double error = matrices_recheck(&w->x, w->context);
  char text[192];
  product_text(&w->x.p, text);
  if (!(error <= 1))
    return refuse(w, "its product %s has %.3g times the error that rounding explains after it was timed", text, error);
  lam_json_writer json = answer_begin(w);
  json_put_number(&json, "error_over_bound", error);
  return answer_end(w, &json);
}

/* ---- trainings and sessions ---------------------------------------------------------------------------------------- */

static bool open_batch(worker *w, size_t batch) {
  const bool train = w->options->command->bit == TRAIN;
  training_close(&w->t);
  inference_close(&w->f);
  if (train ? training_open(&w->t, w->context, w->options, batch) : inference_open(&w->f, w->context, w->options, batch))
    return refuse(w, "%s", lam_error_status(w->context) ? lam_error_message(w->context) : "out of memory");
  w->time = train ? training_time : inference_time;
  w->user = train ? (void *)&w->t : (void *)&w->f;
  return true;
}

static bool get_batch(worker *w, const char *line) {
  size_t batch;
  if (sscanf(line, "batch %zu", &batch) != 1 || !batch || !open_batch(w, batch)) return false;
  lam_json_writer json = answer_begin(w);
  json_put_number(&json, "rows", w->t.data ? (double)lam_dataset_rows(w->t.data) : (double)batch);
  return answer_end(w, &json);
}

/* Without a shuffle programs that begin with the same weights must end with the same loss. */
static bool run_epoch(worker *w, bool ordered) {
  w->t.ordered = ordered;
  timing t = w->time(w->user, 1);
  if (w->t.failed) return refuse(w, "%s", lam_error_message(w->context));
  lam_json_writer json = answer_begin(w);
  json_put_number(&json, "seconds", t.wall);
  json_put_number(&json, "cpu", t.cpu);
  json_put_number(&json, "loss", w->t.mean.loss);
  json_put_number(&json, "accuracy", w->t.mean.accuracy);
  return answer_end(w, &json);
}

static bool write_floats(const char *folder, const char *name, const float *values, size_t count) {
  char path[512];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return false;
  FILE *file = fopen(path, "wb");
  bool good = file && fwrite(values, sizeof *values, count, file) == count;
  return (file && fclose(file) == 0) && good;
}

/* So that other programs can start from the same weights, and compare what comes out. */
static bool save(worker *w, const char *line) {
  char folder[480];
  if (sscanf(line, "save %479[^\n]", folder) != 1) return false;
  const size_list *net = &w->options->net;
  lam_model *model = w->t.trainer ? lam_trainer_model(w->t.trainer) : w->f.model;
  size_t count = lam_model_count_params(model), rows = w->f.input.rows;
  float *weights = calloc(count, sizeof *weights);
  bool good =
      weights && lam_model_get_weights(model, weights, count) == LAM_OK && write_floats(folder, "weights.f32", weights, count);
  free(weights);
  if (good && w->f.session)
    good = write_floats(folder, "rows.f32", w->f.rows, rows * net->item[0]) &&
           write_floats(folder, "outputs.f32", w->f.outputs, rows * net->item[net->count - 1]);
  if (!good) return refuse(w, "the weights cannot be written to %s", folder);
  lam_json_writer json = answer_begin(w);
  return answer_end(w, &json);
}

static bool tell_parts(worker *w, const char *line) {
  size_t rounds;
  double seconds;
  if (sscanf(line, "parts %zu %lf", &rounds, &seconds) != 2 || rounds > MOST_SAMPLES) return false;
  lam_json_writer json = answer_begin(w);
  const char *failure = w->t.trainer ? put_parts(&json, &w->t, rounds, seconds) : put_call_parts(&json, &w->f, rounds, seconds);
  if (!failure) return answer_end(w, &json);
  lam_json_writer_release(&json);
  return refuse(w, "%s", failure);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------ */

static bool tell_time(worker *w, const char *line) {
  size_t times;
  if (!w->time || sscanf(line, "time %zu", &times) != 1) return false;
  timing t = w->time(w->user, times);
  if (w->t.failed) return refuse(w, "%s", lam_error_message(w->context));
  lam_json_writer json = answer_begin(w);
  json_put_number(&json, "wall", t.wall);
  json_put_number(&json, "cpu", t.cpu);
  return answer_end(w, &json);
}

/* False: it is to end. */
static bool obey(worker *w, const char *line) {
  const int command = w->options->command->bit;
  if (strncmp(line, "time ", 5) == 0) return tell_time(w, line);
  if (strncmp(line, "product ", 8) == 0 && command == GEMM) return get_product(w, line);
  if (strcmp(line, "check\n") == 0 && w->x.c) return check_again(w);
  if (strncmp(line, "batch ", 6) == 0 && command != GEMM) return get_batch(w, line);
  if (strcmp(line, "epoch\n") == 0 && w->t.trainer) return run_epoch(w, false);
  if (strcmp(line, "first\n") == 0 && w->t.trainer) return run_epoch(w, true);
  if (strncmp(line, "save ", 5) == 0 && w->user) return save(w, line);
  if (strncmp(line, "parts ", 6) == 0 && (w->t.trainer || w->f.session)) return tell_parts(w, line);
  if (strcmp(line, "quit\n") == 0) return false;
  return refuse(w, "\"%.*s\" is not a command here", (int)strcspn(line, "\n"), line);
}

int run_worker(const settings *options) {
  if (options->batch.count != 1 || options->backends.count > 1 || options->threads.count != 1)
    return wrong_usage("--worker takes one batch, one backend and one number of threads");
  worker w = { .options = options, .in = fdopen((int)options->worker, "r") };
  int copy = w.in ? dup((int)options->worker) : -1;
  w.out = copy >= 0 ? fdopen(copy, "w") : NULL;
  if (!w.out) return wrong_usage("--worker: %zu is not an open file descriptor", options->worker);
  apart_begin();
  char line[512];
  /* A training is opened at once: drivers that only know epochs name its batch as an option. */
  bool good = open_backend(&w) && (options->command->bit != TRAIN || open_batch(&w, options->batch.item[0])) && say_hello(&w);
  while (good && fgets(line, sizeof line, w.in)) good = obey(&w, line);
  fflush(NULL);
  /* Without the library's handlers of the end of a process, which are not what is measured. */
  _exit(good || (w.context && !lam_error_status(w.context)) ? EXIT_OK : EXIT_FAILED);
}
