/* SPDX-License-Identifier: MIT
 *
 * `lamina gemm`: the backends of matrix products on this machine, what they are, whether they are right, and what they are worth.
 */
#include "cli/gemm.h"
#include "blas/gemm.h"
#include "cli/cli.h"
#include "file/json.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BACKENDS = 72 };

typedef struct listing {
  backend backends[MOST_BACKENDS];
  size_t count;
} listing;

/* The build's own, then the libraries that are found. */
static bool find_backends(listing *all) {
  enum { MOST_CANDIDATES = 64 };
  lam_gemm_candidate *found = calloc(MOST_CANDIDATES, sizeof *found);
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  if (!found || !context) return free(found), lam_context_destroy(context), false;
  for (const lam_gemm *gemm = context->gemms; gemm; gemm = gemm->next)
    snprintf(all->backends[all->count++].library.name, sizeof found->name, "%s", gemm->name);
  const size_t count = lam_gemm_candidates(found, MOST_CANDIDATES);
  for (size_t i = 0; i < count; ++i) all->backends[all->count++].library = found[i];
  lam_context_destroy(context);
  free(found);
  return true;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* In rounds whose order rotates, so that a machine that drifts drifts for all. */
static void measure_all(listing *all) {
  for (size_t round = 0; round < ROUNDS; ++round) {
    for (size_t i = 0; i < all->count; ++i) measure_apart(&all->backends[(i + round) % all->count], (int)round);
  }
  for (size_t i = 0; i < all->count; ++i) {
    backend *b = &all->backends[i];
    if (!b->process) continue;
    qsort(b->rates, ROUNDS, sizeof b->rates[0], ascending);
    b->gflops = b->rates[ROUNDS / 2];
    end_apart(b);
  }
}

/* ---- showing ---- */

static void show(const backend *b) {
  if (*b->reason) {
    printf("%-18s   refused  %s\n", b->library.name, b->reason);
  } else {
    printf("%-18s %6.1f GF/s %s", b->library.name, b->gflops, *b->version ? b->version : "says nothing of itself");
    if (*b->core) printf("; core %s", b->core);
    if (b->bits == 64) printf("; 64-bit integers");
    if (b->threads) printf("; %d %s of its own", b->threads, b->threads == 1 ? "thread" : "threads");
    putchar('\n');
  }
  printf("%18s %s\n", "", *b->library.path ? b->library.path : "in this build");
  if (*b->warning) printf("%18s warning: %s\n", "", b->warning);
}

static void show_all(const listing *all) {
  puts("Backends of matrix products (--gemm NAME, LAMINA_GEMM), and their speed at 32x256x784 on one thread:\n");
  for (size_t i = 0; i < all->count; ++i) show(&all->backends[i]);
}

static void put_null(lam_json_writer *json) {
  lam_json_put_raw(json, "null", 4);
  json->comma = true;
}

static void put(lam_json_writer *json, const char *key, const char *text) {
  lam_json_key(json, key);
  if (*text)
    lam_json_put_text(json, text);
  else
    put_null(json);
}

static void put_number(lam_json_writer *json, const char *key, double value) {
  lam_json_key(json, key);
  if (value > 0)
    lam_json_put_double(json, value);
  else
    put_null(json);
}

static void put_backend(lam_json_writer *json, const backend *b) {
  lam_json_open(json, '{');
  put(json, "name", b->library.name);
  put(json, "provider", b->library.provider);
  put(json, "path", b->library.path);
  put(json, "version", b->version);
  put(json, "core", b->core);
  put_number(json, "threads", b->threads);
  put_number(json, "integer_bits", b->bits);
  put(json, "refused", b->reason);
  put(json, "warning", b->warning);
  put_number(json, "gflops", b->gflops);
  lam_json_close(json, '}');
}

static void write_text(FILE *file, const void *user) {
  const lam_json_writer *json = user;
  fwrite(json->text, 1, json->size, file);
  fputc('\n', file);
}

static int write_json(const listing *all, const char *path) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  lam_json_writer json = { .context = context };
  lam_json_open(&json, '{');
  put(&json, "product", "32x256x784:NN");
  lam_json_key(&json, "backends");
  lam_json_open(&json, '[');
  for (size_t i = 0; i < all->count; ++i) put_backend(&json, &all->backends[i]);
  lam_json_close(&json, ']');
  lam_json_close(&json, '}');
  int code = json.status == LAM_OK ? write_file(path, write_text, &json) : library_failed(context);
  lam_json_writer_release(&json);
  lam_context_destroy(context);
  return code;
}

int run_gemm(const settings *options) {
  if (options->vet) return run_worker(options->vet);
  if (options->json) {
    int code = check_writable("--json", options->json);
    if (code) return code;
  }
  signal(SIGPIPE, SIG_IGN); /* a worker that ended is found out from what it answers */
  listing *all = calloc(1, sizeof *all);
  if (!all || !find_backends(all)) return free(all), failed("out of memory");
  for (size_t i = 0; i < all->count; ++i) {
    vet_apart(&all->backends[i]);
    if (all->backends[i].process) kill(all->backends[i].process, SIGSTOP);
  }
  measure_all(all);
  int code = EXIT_OK;
  if (!options->json || strcmp(options->json, "-") != 0) show_all(all);
  if (options->json) code = write_json(all, options->json);
  free(all);
  return code;
}
