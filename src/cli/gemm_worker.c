/* SPDX-License-Identifier: MIT
 *
 * A library's own process, from both sides.
 */
#include "base/clock.h"
#include "blas/gemm.h"
#include "cli/cli.h"
#include "cli/gemm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- in the worker ---- */

enum { ROWS = 32, OUTPUTS = 256, INPUTS = 784 };

/* The forward product of 784-256 at batch 32. */
static float x[ROWS * INPUTS], w[INPUTS * OUTPUTS], y[ROWS * OUTPUTS];

static void multiply(const lam_context *context) {
  lam_gemm_run(context->gemm, context->kernels, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, ROWS, OUTPUTS, INPUTS, 1, x, INPUTS, w,
               OUTPUTS, 0, y, OUTPUTS, NULL, NULL);
}

/* For some milliseconds on one thread. */
static double time_product(const lam_context *context) {
  size_t calls = 0;
  lam_blas_enter(context);
  const double begin = lam_seconds();
  double end;
  do {
    multiply(context);
    ++calls;
    end = lam_seconds();
  } while (end - begin < 0.004);
  lam_blas_leave(context);
  return 2e-9 * ROWS * OUTPUTS * INPUTS * (double)calls / (end - begin);
}

/* What the last call left: a speed is worth nothing where this is wrong. */
static bool is_right(lam_context *context) {
  const lam_gemm_result r = { .transa = LAM_NO_TRANSPOSE,
                              .transb = LAM_NO_TRANSPOSE,
                              .m = ROWS,
                              .n = OUTPUTS,
                              .k = INPUTS,
                              .lda = INPUTS,
                              .ldb = OUTPUTS,
                              .ldc = OUTPUTS,
                              .alpha = 1,
                              .a = x,
                              .b = w,
                              .c = y };
  return lam_gemm_check(context, context->gemm, &r) == LAM_OK;
}

/* Sizes that are not among those of the vetting. The first call may be slow: it is not timed. */
static bool try_product(lam_context *context) {
  lam_random_uniform(x, ROWS * INPUTS, 0, 0, 0);
  lam_random_uniform(w, INPUTS * OUTPUTS, 0, 1, 0);
  for (size_t i = 0; i < ROWS * OUTPUTS; ++i) y[i] = NAN;
  lam_blas_enter(context);
  multiply(context);
  lam_blas_leave(context);
  return is_right(context);
}

static bool tell(FILE *answers, const lam_context *context, bool refused) {
  const lam_gemm *gemm = context->gemm;
  lam_json_writer json = { .context = (lam_context *)context };
  lam_json_open(&json, '{');
  if (refused) {
    json_put_text(&json, "refused", lam_error_message(context));
  } else {
    json_put_text(&json, "version", gemm->version);
    json_put_text(&json, "core", gemm->core);
    json_put_text(&json, "warning", gemm->warning);
    json_put_number(&json, "threads", gemm->threads);
    json_put_number(&json, "bits", gemm->interface == LAM_CBLAS_32 ? 32 : 64);
  }
  lam_json_close(&json, '}');
  return json_send(&json, answers);
}

static bool tell_rate(FILE *answers, lam_context *context) {
  const double rate = time_product(context);
  if (!is_right(context)) return tell(answers, context, true), false;
  lam_json_writer json = { .context = context };
  lam_json_open(&json, '{');
  json_put_number(&json, "rate", rate);
  lam_json_close(&json, '}');
  return json_send(&json, answers);
}

/* Speaks over standard input where that is a driver's socket, else it vets and tells on standard output. It ends without the
 * library's handlers of the end of a process: they are not what is vetted. */
int run_worker(const char *library) {
  struct stat input;
  const bool driven = fstat(STDIN_FILENO, &input) == 0 && S_ISSOCK(input.st_mode);
  FILE *answers = fdopen(dup(driven ? STDIN_FILENO : STDOUT_FILENO), "w");
  if (!answers) return failed("there is no standard output");
  apart_begin();
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  const bool refused = !context || lam_gemm_open(context, library) != LAM_OK || !try_product(context);
  if (!context || !tell(answers, context, refused) || refused) _exit(EXIT_FAILED);
  char command;
  while (driven && read(STDIN_FILENO, &command, 1) == 1) {
    if (command == '\n' && !tell_rate(answers, context)) _exit(EXIT_FAILED);
  }
  _exit(EXIT_OK);
}

/* ---- in the command ---- */

void vet_apart(backend *b) {
  char *library = *b->library.path ? b->library.path : b->library.name;
  char *arguments[] = { "lamina", "gemm", "--vet", library, NULL };
  if (!apart_start(&b->process, arguments, NULL, STDIN_FILENO) || !apart_ask(&b->process, NULL, APART_PATIENCE)) return;
  snprintf(b->version, sizeof b->version, "%s", apart_text(&b->process, "version"));
  snprintf(b->core, sizeof b->core, "%s", apart_text(&b->process, "core"));
  snprintf(b->warning, sizeof b->warning, "%s", apart_text(&b->process, "warning"));
  b->threads = (int)apart_number(&b->process, "threads");
  b->bits = (int)apart_number(&b->process, "bits");
  if (!*b->version) snprintf(b->version, sizeof b->version, "%s", b->library.provider);
}

void measure_apart(backend *b, int round) {
  if (apart_ask(&b->process, "", APART_PATIENCE)) b->rates[round] = apart_number(&b->process, "rate");
}
