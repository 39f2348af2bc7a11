/* SPDX-License-Identifier: MIT
 *
 * The driver's side of the workers; see workers.h.
 */
#include "bench/workers.h"
#include "bench/pin.h"
#include "blas/gemm.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* ---- choosing ------------------------------------------------------------------------------------------------------ */

static bool add(crew *c, const lam_gemm_candidate *library) {
  c->all[c->count++].library = *library;
  return true;
}

/* A name, a provider, or a file. */
static bool add_named(crew *c, const lam_gemm_candidate *found, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(found[i].name, name) == 0) return add(c, &found[i]);
  for (size_t i = 0; i < count; i++)
    if (*found[i].provider && strcmp(found[i].provider, name) == 0) return add(c, &found[i]);
  if (!strchr(name, '/')) return false;
  lam_gemm_candidate library = { .name = "" };
  const char *file = strrchr(name, '/') + 1;
  snprintf(library.name, sizeof library.name, "%.39s", file);
  snprintf(library.path, sizeof library.path, "%s", name);
  return add(c, &library);
}

static int unknown_backend(const lam_gemm_candidate *found, size_t count, const char *name) {
  const char *names[MOST_BACKENDS + 1] = { 0 };
  for (size_t i = 0; i < count; i++) names[i] = found[i].name;
  return unknown_name("gemm backend", name, names);
}

static int choose_reference(const settings *options, crew *c, const lam_gemm_candidate *found, size_t count) {
  if (!options->reference) return EXIT_OK;
  for (size_t i = 0; i < c->count; i++) {
    if (strcmp(c->all[i].library.name, options->reference) && strcmp(c->all[i].library.path, options->reference)) continue;
    c->reference = i;
    return EXIT_OK;
  }
  for (size_t i = 0; i < count; i++)
    if (strcmp(found[i].name, options->reference) == 0)
      return wrong_usage("--reference %s is not among the backends that are measured: add it to --backends", options->reference);
  return unknown_backend(found, count, options->reference);
}

int crew_choose(const settings *options, crew *c) {
  *c = (crew){ .all = calloc(MOST_BACKENDS, sizeof *c->all) };
  lam_gemm_candidate *found = calloc(MOST_BACKENDS, sizeof *found);
  size_t count = c->all && found ? find_backends(found) : 0;
  /* The choice among those of the build is no product's backend, and measured only where it is asked for. */
  const size_t usual = count;
  if (count && count < MOST_BACKENDS && options->command->bit != GEMM)
    found[count++] = (lam_gemm_candidate){ .name = "auto", .provider = "lamina" };
  int code = count ? EXIT_OK : failed("out of memory");
  for (size_t i = 0; i < options->backends.count && !code; i++)
    if (!add_named(c, found, count, options->backends.item[i])) code = unknown_backend(found, count, options->backends.item[i]);
  for (size_t i = 0; i < usual && !options->backends.count; i++) (void)add(c, &found[i]);
  if (!code) code = choose_reference(options, c, found, count);
  free(found);
  return code;
}

void crew_release(crew *c) {
  for (size_t i = 0; i < c->count; i++) apart_end(&c->all[i].process);
  free(c->all);
}

/* ---- starting ------------------------------------------------------------------------------------------------------ */

/* Their pools have as many threads as are asked for. A training or a session has a pool of its own. */
static const char *const thread_settings[] = { "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
                                               "GOTO_NUM_THREADS" };
enum { THREAD_SETTINGS = sizeof thread_settings / sizeof *thread_settings };

static bool sets_threads(const char *entry) {
  for (int i = 0; i < THREAD_SETTINGS; i++) {
    size_t length = strlen(thread_settings[i]);
    if (strncmp(entry, thread_settings[i], length) == 0 && entry[length] == '=') return true;
  }
  return false;
}

/* The environment with these; NULL where memory is exhausted. The strings stand in `storage`. */
static char **make_environment(size_t threads, char storage[THREAD_SETTINGS][48]) {
  size_t count = 0, kept = 0;
  while (environ[count]) count++;
  char **made = calloc(count + THREAD_SETTINGS + 1, sizeof *made);
  for (size_t i = 0; i < count && made; i++)
    if (!sets_threads(environ[i])) made[kept++] = environ[i];
  for (int i = 0; i < THREAD_SETTINGS && made; i++) {
    snprintf(storage[i], 48, "%s=%zu", thread_settings[i], threads);
    made[kept++] = storage[i];
  }
  return made;
}

enum { WORKER_FD = 3, MOST_ARGUMENTS = 32 };

static void start(backend *b, const crew *c, const settings *options) {
  const bool train = options->command->bit == TRAIN, gemm = options->command->bit == GEMM;
  char fd[8], threads[24], rows[24], net[128], storage[THREAD_SETTINGS][48];
  const char *arguments[MOST_ARGUMENTS] = { "lamina-bench",
                                            options->command->name,
                                            "--as-is",
                                            "--worker",
                                            fd,
                                            "--threads",
                                            threads,
                                            "--net",
                                            net,
                                            "--backends",
                                            *b->library.path ? b->library.path : b->library.name };
  size_t count = 11;
  snprintf(fd, sizeof fd, "%d", WORKER_FD);
  snprintf(threads, sizeof threads, "%zu", c->threads);
  snprintf(rows, sizeof rows, "%zu", options->rows);
  network_text(net, &options->net);
  if (b->told) arguments[count++] = "--vetted";
  const char *const training[] = { "--rows",
                                   rows,
                                   "--optimizer",
                                   lam_optimizer_names[options->optimizer],
                                   "--loss",
                                   lam_loss_names[options->loss],
                                   options->data ? "--data" : NULL,
                                   options->data };
  for (size_t i = 0; train && i < sizeof training / sizeof *training && training[i]; i++) arguments[count++] = training[i];
  char **environment = make_environment(gemm ? c->threads : 1, storage);
  b->patience = options->patience;
  bool started = environment && apart_start(&b->process, (char *const *)arguments, environment, WORKER_FD);
  free(environment);
  b->process.stop = interrupted;
  if (!started || !backend_ask(b, NULL)) return;
  if (b->told) {
    if (isnan(b->first_call)) b->first_call = apart_number(&b->process, "first_call_seconds");
    return;
  }
  snprintf(b->version, sizeof b->version, "%s", apart_text(&b->process, "gemm_version"));
  snprintf(b->core, sizeof b->core, "%s", apart_text(&b->process, "core"));
  snprintf(b->warning, sizeof b->warning, "%s", apart_text(&b->process, "warning"));
  if (!*b->version) snprintf(b->version, sizeof b->version, "%s", b->library.provider);
  b->own_threads = (int)apart_number(&b->process, "own_threads");
  b->bits = (int)apart_number(&b->process, "integer_bits");
  b->load = apart_number(&b->process, "load_seconds");
  b->vet = apart_number(&b->process, "vet_seconds");
  b->first_call = (double)NAN; /* the vetting came before; the next launch tells it */
  b->told = true;
}

void crew_launch(crew *c, const settings *options, report *to) {
  cpu_set_t before;
  char where[128];
  pin_begin(options, c->threads, &before, where);
  char text[192];
  snprintf(text, sizeof text, "%zu thread%s on CPU %s", c->threads, c->threads > 1 ? "s" : "", where);
  if (*where && !strstr(to->card.pinned, text))
    append(to->card.pinned, sizeof to->card.pinned, "%s%s", *to->card.pinned ? "; " : "", text);
  for (size_t i = 0; i < c->count && !interrupted(); i++)
    if (!*c->all[i].process.reason) start(&c->all[i], c, options);
  pin_end(&before);
}

void crew_end(crew *c) {
  for (size_t i = 0; i < c->count; i++) apart_end(&c->all[i].process);
}

bool backend_ask(backend *b, const char *command) { return apart_ask(&b->process, command, b->patience); }

/* ---- measuring ----------------------------------------------------------------------------------------------------- */

static timing time_worker(void *user, size_t times) {
  backend *b = user;
  char command[48];
  snprintf(command, sizeof command, "time %zu", times);
  if (!backend_ask(b, command)) return (timing){ (double)NAN, 0 };
  return (timing){ apart_number(&b->process, "wall"), apart_number(&b->process, "cpu") };
}

static bool make_contenders(const crew *c, job *j) {
  j->contenders = calloc(c->count, sizeof *j->contenders);
  for (size_t i = 0; i < c->count && j->contenders; i++) {
    j->contenders[i] = (contender){ .name = c->all[i].library.name, .time = time_worker, .user = &c->all[i] };
    j->error_over_bound[i] = (double)NAN;
  }
  return j->contenders != NULL;
}

static void make_ready(crew *c, job *j, size_t i, bool first) {
  backend *b = &c->all[i];
  char command[352];
  snprintf(command, sizeof command, "%s%s", j->command, first ? " check" : "");
  j->contenders[i].failed = !b->process.process || !backend_ask(b, command);
  if (j->contenders[i].failed || !first) return;
  j->error_over_bound[i] = apart_number(&b->process, "error_over_bound");
  snprintf(j->exact[i], sizeof j->exact[i], "%s", apart_text(&b->process, "exact"));
}

/* Once more behind the rounds: a backend must be right when it is timed, too. */
static void check_again(crew *c, job *j, size_t i) {
  backend *b = &c->all[i];
  if (j->contenders[i].failed || !backend_ask(b, "check")) return;
  j->error_over_bound[i] = fmax(j->error_over_bound[i], apart_number(&b->process, "error_over_bound"));
}

size_t rounds_a_launch(const settings *options) {
  size_t launches = options->launches < options->rounds ? options->launches : options->rounds;
  return (options->rounds + launches - 1) / launches;
}

/* One launch of every job. */
static void measure_launch(crew *c, const settings *options, report *to, job *jobs, size_t count, size_t launch,
                           size_t launches) {
  const size_t rounds = rounds_a_launch(options);
  progress(options, "%s: launch %zu of %zu: loading and vetting %zu backends", to->command, launch + 1, launches, c->count);
  crew_launch(c, options, to);
  for (size_t at = 0; at < count && !interrupted(); at++) {
    job *j = &jobs[at];
    progress(options, "%s: launch %zu of %zu, %zu of %zu: %s", to->command, launch + 1, launches, at + 1, count, j->title);
    for (size_t i = 0; i < c->count; i++) {
      /* The slowest that is waited for does a tenth of a GFLOP a second. */
      double goal = options->min_time / (double)options->rounds;
      c->all[i].patience = options->patience + 10 * goal + 4 * j->flops / 1e8;
      make_ready(c, j, i, launch == 0);
    }
    rounds_add(j->contenders, c->count, rounds, options->min_time / (double)(rounds * launches));
    for (size_t i = 0; i < c->count && options->command->bit == GEMM && !interrupted(); i++) check_again(c, j, i);
  }
  crew_end(c);
}

bool crew_measure(crew *c, const settings *options, report *to, job *jobs, size_t count) {
  const size_t launches = (options->rounds + rounds_a_launch(options) - 1) / rounds_a_launch(options);
  signal(SIGPIPE, SIG_IGN); /* a worker that ended is found out from what it answers */
  for (size_t i = 0; i < count; i++)
    if (!make_contenders(c, &jobs[i])) return false;
  for (size_t launch = 0; launch < launches && !interrupted(); launch++)
    measure_launch(c, options, to, jobs, count, launch, launches);
  size_t reference = c->reference;
  for (size_t i = 0; i < c->count && *c->all[reference].process.reason; i++) reference = i;
  if (reference != c->reference && !*c->all[reference].process.reason)
    report_note(to, "the reference is %s: %s is refused", c->all[reference].library.name, c->all[c->reference].library.name);
  c->reference = reference;
  for (size_t i = 0; i < count; i++) rounds_judge(jobs[i].contenders, c->count, reference, rounds_a_launch(options));
  return true;
}

bool job_has(const crew *c, const job *j, size_t i) { return !*c->all[i].process.reason && j->contenders[i].rounds > 0; }

void jobs_release(job *jobs, size_t count) {
  for (size_t i = 0; i < count; i++) free(jobs[i].contenders);
  free(jobs);
}

/* ---- reporting ----------------------------------------------------------------------------------------------------- */

void report_backend(report *to, const backend *b) {
  report_text(to, "backend", "backend", b->library.name);
  report_text(to, "version", NULL, b->version);
  report_text(to, "core", NULL, b->core);
}

static void append_backend(char *text, size_t size, const backend *b) {
  const bool named = strchr(b->library.path, '/') && !*b->library.provider;
  append_word(text, size, named ? b->library.path : b->library.name);
}

void backend_options(char *text, size_t size, const crew *c, size_t i) {
  append(text, size, " --threads %zu --backends ", c->threads);
  append_backend(text, size, &c->all[c->reference]);
  if (i == c->reference) return;
  append(text, size, ",");
  append_backend(text, size, &c->all[i]);
}

void batch_options(char *text, size_t size, const settings *options, const crew *c, size_t i, size_t batch) {
  char net[128];
  network_text(net, &options->net);
  common_options(text, size, options);
  backend_options(text, size, c, i);
  append(text, size, " --net %s --batch %zu", net, batch);
  if (options->command->bit != TRAIN) return;
  append(text, size, " --optimizer %s --loss %s --rows %zu%s", lam_optimizer_names[options->optimizer],
         lam_loss_names[options->loss], options->rows, options->data ? " --data " : "");
  if (options->data) append_word(text, size, options->data);
}

void crew_report(const crew *c, const settings *options, report *to) {
  bool warned = false;
  for (size_t i = 0; i < c->count; i++) {
    const backend *b = &c->all[i];
    if (!b->told && !*b->process.reason) continue;
    report_add_backend(to);
    report_text(to, "backend", "backend", b->library.name);
    report_text(to, "core", "core", b->core);
    report_number(to, "own_threads", "own threads", b->own_threads ? b->own_threads : (double)NAN, 0);
    report_number(to, "integer_bits", "bits", b->bits ? b->bits : (double)NAN, 0);
    report_number(to, "load_ms", "load ms", b->told ? b->load * 1e3 : (double)NAN, 2);
    report_number(to, "first_call_ms", "first call ms", b->told ? b->first_call * 1e3 : (double)NAN, 2);
    report_number(to, "vet_ms", "vetting ms", b->told ? b->vet * 1e3 : (double)NAN, 1);
    report_text(to, "version", "version", b->told ? b->version : "refused");
    report_text(to, "path", NULL, b->library.path);
    report_text(to, "warning", NULL, b->warning);
    report_text(to, "refused", NULL, b->process.reason);
    if (*b->process.reason) report_note(to, "%s is refused: %s", b->library.name, b->process.reason);
    if (*b->warning) report_note(to, "%s: %s", b->library.name, b->warning);
    warned = warned || *b->warning;
  }
  if (warned && !options->as_is) report_note(to, "Settings that choose kernels count with --as-is only");
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

static bool measure_batches(const settings *options, report *to, crew *c, double (*flops)(const settings *options, size_t batch),
                            void (*tell)(const settings *options, report *to, crew *c, const job *j, size_t batch)) {
  const size_list *batch = &options->batch;
  job *jobs = calloc(batch->count, sizeof *jobs);
  if (!jobs) return false;
  for (size_t i = 0; i < batch->count; i++) {
    snprintf(jobs[i].command, sizeof jobs->command, "batch %zu", batch->item[i]);
    snprintf(jobs[i].title, sizeof jobs->title, "batch %zu", batch->item[i]);
    jobs[i].flops = flops(options, batch->item[i]);
  }
  bool good = crew_measure(c, options, to, jobs, batch->count);
  for (size_t i = 0; i < batch->count && good; i++) tell(options, to, c, &jobs[i], batch->item[i]);
  jobs_release(jobs, batch->count);
  return good;
}

int each_batch(const settings *options, report *to, double (*flops)(const settings *options, size_t batch),
               void (*tell)(const settings *options, report *to, crew *c, const job *j, size_t batch)) {
  crew c;
  int code = crew_choose(options, &c);
  if (!code) measure_limits(options, to);
  for (size_t t = 0; t < options->threads.count && !code && !interrupted(); t++) {
    c.threads = options->threads.item[t];
    if (!measure_batches(options, to, &c, flops, tell)) code = failed("out of memory");
  }
  if (!code) crew_report(&c, options, to);
  crew_release(&c);
  return code;
}
