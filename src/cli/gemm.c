/* SPDX-License-Identifier: MIT
 *
 * `lamina gemm`: the backends of matrix products on this machine, what they are, whether they are right, and what they are worth.
 */
#include "cli/gemm.h"
#include "cli/backends.h"
#include "cli/cli.h"
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct listing {
  backend backends[MOST_BACKENDS];
  size_t count;
} listing;

static bool list_all(listing *all) {
  lam_gemm_candidate *found = calloc(MOST_BACKENDS, sizeof *found);
  if (found) all->count = find_backends(found);
  for (size_t i = 0; i < all->count; ++i) all->backends[i].library = found[i];
  free(found);
  return all->count > 0;
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
    if (!b->process.process) continue;
    qsort(b->rates, ROUNDS, sizeof b->rates[0], ascending);
    b->gflops = b->rates[ROUNDS / 2];
    apart_end(&b->process);
  }
}

/* ---- showing ---- */

static void show(const backend *b) {
  if (*b->process.reason) {
    printf("%-18s   refused  %s\n", b->library.name, b->process.reason);
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

static void put(lam_json_writer *json, const char *key, const char *text) {
  *text ? json_put_text(json, key, text) : json_put_number(json, key, (double)NAN);
}

static void put_number(lam_json_writer *json, const char *key, double value) {
  json_put_number(json, key, value > 0 ? value : (double)NAN);
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
  put(json, "refused", b->process.reason);
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
  if (!all || !list_all(all)) return free(all), failed("out of memory");
  for (size_t i = 0; i < all->count; ++i) vet_apart(&all->backends[i]);
  measure_all(all);
  int code = EXIT_OK;
  if (!options->json || strcmp(options->json, "-") != 0) show_all(all);
  if (options->json) code = write_json(all, options->json);
  free(all);
  return code;
}
