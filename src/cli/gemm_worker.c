/* SPDX-License-Identifier: MIT
 *
 * A library's own process, from both sides, so that one that crashes, hangs, exits or prints is told from one that works.
 */
#include "blas/gemm.h"
#include "cli/cli.h"
#include "cli/gemm.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- in the worker ---- */

enum { ROWS = 32, OUTPUTS = 256, INPUTS = 784 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The forward product of 784-256 at batch 32, for some milliseconds on one thread. */
static double time_product(const lam_context *context) {
  static float x[ROWS * INPUTS], w[INPUTS * OUTPUTS], y[ROWS * OUTPUTS];
  if (x[0] == 0) {
    lam_random_uniform(x, ROWS * INPUTS, 0, 0, 0);
    lam_random_uniform(w, INPUTS * OUTPUTS, 0, 1, 0);
  }
  size_t calls = 0;
  lam_blas_enter(context);
  const double begin = seconds();
  double end;
  do {
    lam_gemm_run(context->gemm, context->kernels, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, ROWS, OUTPUTS, INPUTS, 1, x, INPUTS, w,
                 OUTPUTS, 0, y, OUTPUTS);
    ++calls;
    end = seconds();
  } while (end - begin < 0.004);
  lam_blas_leave(context);
  return 2e-9 * ROWS * OUTPUTS * INPUTS * (double)calls / (end - begin);
}

static void tell(FILE *answers, const lam_gemm *gemm) {
  fprintf(answers, "version %s\ncore %s\nthreads %d\nbits %d\nwarning %s\n", gemm->version, gemm->core, gemm->threads,
          gemm->interface == LAM_CBLAS_32 ? 32 : 64, gemm->warning);
}

/* Without the library's handlers of the end of a process: they are not what is vetted. */
static void leave(FILE *answers, int code) {
  fflush(answers);
  _exit(code);
}

int run_worker(const char *library) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a stopped one would outlive a command that Ctrl-C ended */
  FILE *answers = fdopen(dup(STDOUT_FILENO), "w");
  if (!answers || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return failed("there is no standard output: %s", strerror(errno));
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
  if (!context || lam_gemm_open(context, library) != LAM_OK) {
    fflush(NULL);
    fprintf(answers, "refused %s\n", lam_error_message(context));
    leave(answers, EXIT_FAILED);
  }
  tell(answers, context->gemm);
  fflush(stdout);
  fputs("ready\n", answers);
  fflush(answers);
  char command;
  time_product(context); /* the first call may be slow */
  while (!isatty(STDIN_FILENO) && read(STDIN_FILENO, &command, 1) == 1) {
    fprintf(answers, "rate %.17g\n", time_product(context));
    fflush(answers);
  }
  leave(answers, EXIT_OK);
  return EXIT_OK;
}

/* ---- in the command ---- */

static void close_pipe(int ends[2]) {
  close(ends[0]);
  close(ends[1]);
}

extern char **environ;

static bool start(backend *b) {
  int in[2], out[2], noise[2];
  if (pipe2(in, O_CLOEXEC) != 0) return false;
  if (pipe2(out, O_CLOEXEC) != 0) return close_pipe(in), false;
  if (pipe2(noise, O_CLOEXEC) != 0) return close_pipe(in), close_pipe(out), false;
  posix_spawn_file_actions_t actions;
  bool good = posix_spawn_file_actions_init(&actions) == 0;
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, noise[1], STDERR_FILENO);
  char *library = *b->library.path ? b->library.path : b->library.name;
  char *arguments[] = { "lamina", "gemm", "--vet", library, NULL };
  good = good && posix_spawn(&b->process, "/proc/self/exe", &actions, NULL, arguments, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  close(noise[1]);
  b->commands = in[1];
  b->answers = out[0];
  b->output = noise[0];
  if (!good) b->process = 0;
  return good;
}

/* What can be read now, appended to `text`; false at the end of the pipe. What has no room is dropped. */
static bool take(int from, char *text, size_t size) {
  char part[4096];
  const ssize_t got = read(from, part, sizeof part);
  if (got <= 0) return false;
  const size_t have = strlen(text), room = size - 1 - have, kept = (size_t)got < room ? (size_t)got : room;
  memcpy(text + have, part, kept);
  text[have + kept] = 0;
  return true;
}

static bool readable(int from, int wait_ms) { return poll(&(struct pollfd){ .fd = from, .events = POLLIN }, 1, wait_ms) > 0; }

static bool is_complete(const char *text) {
  const char *last = text;
  for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) last = line + 1;
  return strchr(last, '\n') &&
         (strncmp(last, "ready", 5) == 0 || strncmp(last, "refused", 7) == 0 || strncmp(last, "rate", 4) == 0);
}

/* Reads until an answer is complete, and what the library prints meanwhile. 1: complete; 0: the worker ended; -1: no answer. */
static int await(backend *b, char *text, size_t size) {
  const double end = seconds() + PATIENCE_MS * 1e-3;
  bool open = true;
  for (*text = 0; !is_complete(text);) {
    const double left = end - seconds();
    struct pollfd waits[] = { { b->answers, POLLIN, 0 }, { open ? b->output : -1, POLLIN, 0 } };
    if (left <= 0) return -1;
    if (poll(waits, 2, (int)(left * 1e3) + 1) <= 0) continue;
    if (waits[1].revents) open = take(b->output, b->noise, sizeof b->noise);
    if (waits[0].revents && !take(b->answers, text, size)) break;
  }
  while (open && readable(b->output, 0)) open = take(b->output, b->noise, sizeof b->noise);
  return is_complete(text);
}

/* The value of a line "KEY VALUE". */
static const char *value_of(const char *text, const char *key, char *value, size_t size) {
  *value = 0;
  const size_t length = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, key, length) != 0 || line[length] != ' ') continue;
    snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
    break;
  }
  return value;
}

/* Why a worker ended without an answer. */
static void explain_end(backend *b) {
  int status = 0;
  waitpid(b->process, &status, 0);
  b->process = 0;
  if (WIFSIGNALED(status)) {
    snprintf(b->reason, sizeof b->reason, "it crashes: %s", strsignal(WTERMSIG(status)));
  } else {
    snprintf(b->reason, sizeof b->reason, "it ends the process, with exit status %d", WEXITSTATUS(status));
  }
}

/* One line that can be shown. */
static void make_plain(char *text) {
  text[strcspn(text, "\n")] = 0;
  for (; *text; ++text) {
    if (*text < ' ' || *text > '~') *text = '?';
  }
}

static void judge(backend *b, int answered, const char *text) {
  char number[32];
  value_of(text, "version", b->version, sizeof b->version);
  value_of(text, "core", b->core, sizeof b->core);
  value_of(text, "warning", b->warning, sizeof b->warning);
  b->threads = atoi(value_of(text, "threads", number, sizeof number));
  b->bits = atoi(value_of(text, "bits", number, sizeof number));
  value_of(text, "refused", b->reason, sizeof b->reason);
  if (answered < 0) snprintf(b->reason, sizeof b->reason, "it hangs: no answer in %d seconds", PATIENCE_MS / 1000);
  if (answered == 0) explain_end(b);
  if (!*b->reason && !*b->version) snprintf(b->version, sizeof b->version, "%s", b->library.provider);
  make_plain(b->noise);
  if (!*b->noise) return;
  const size_t length = strlen(b->reason);
  snprintf(b->reason + length, sizeof b->reason - length, "%s \"%.200s\"", length ? "; it printed" : "it prints", b->noise);
}

void vet_apart(backend *b) {
  char text[2048] = "";
  if (!start(b)) {
    snprintf(b->reason, sizeof b->reason, "no process could be started for it: %s", strerror(errno));
    return;
  }
  judge(b, await(b, text, sizeof text), text);
  if (*b->reason) end_apart(b);
}

/* All but the one that measures are stopped: OpenMP's threads spin while they wait. */
void measure_apart(backend *b, int round) {
  char text[256] = "", number[32];
  if (!b->process) return;
  kill(b->process, SIGCONT);
  const int answered = write(b->commands, "m", 1) == 1 ? await(b, text, sizeof text) : 0;
  if (answered > 0) {
    value_of(text, "rate", number, sizeof number);
    if (lam_parse_double(number, number + strlen(number), &b->rates[round]) != number) {
      kill(b->process, SIGSTOP);
      return;
    }
  }
  judge(b, answered, "");
  end_apart(b);
}

void end_apart(backend *b) {
  if (b->process) {
    kill(b->process, SIGKILL);
    waitpid(b->process, NULL, 0);
  }
  b->process = 0;
  close(b->commands);
  close(b->answers);
  close(b->output);
}
