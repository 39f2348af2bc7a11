/* SPDX-License-Identifier: MIT
 *
 * See apart.h.
 */
#include "cli/apart.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_ANSWER = 1 << 20 };

/* ---- starting and ending ---- */

/* A process group of its own, so that the terminal's Ctrl-C is the driver's alone. */
static bool spawn(apart *a, char *const arguments[], char *const environment[], int fd, int theirs, int noise) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (posix_spawn_file_actions_init(&actions) != 0) return false;
  if (posix_spawnattr_init(&attributes) != 0) return posix_spawn_file_actions_destroy(&actions), false;
  bool good = posix_spawn_file_actions_adddup2(&actions, noise, STDOUT_FILENO) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, noise, STDERR_FILENO) == 0 &&
              posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, theirs, fd) == 0 &&
              posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) == 0 && posix_spawnattr_setpgroup(&attributes, 0) == 0;
  int failure = good ? posix_spawn(&a->process, "/proc/self/exe", &actions, &attributes, arguments, environment) : ENOMEM;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  errno = failure;
  return failure == 0;
}

bool apart_start(apart *a, char *const arguments[], char *const environment[], int fd) {
  int ends[2] = { -1, -1 }, noise[2] = { -1, -1 };
  *a = (apart){ .socket = -1, .output = -1, .context = lam_context_open(NULL) };
  bool good = a->context && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 && pipe2(noise, O_CLOEXEC) == 0 &&
              spawn(a, arguments, environment ? environment : environ, fd, ends[1], noise[1]);
  int failure = errno;
  if (ends[1] >= 0) close(ends[1]);
  if (noise[1] >= 0) close(noise[1]);
  a->socket = ends[0];
  a->output = noise[0];
  if (good) return true;
  a->process = 0;
  snprintf(a->reason, sizeof a->reason, "no process could be started for it: %s", strerror(failure));
  apart_end(a);
  return false;
}

static void forget_answer(apart *a) {
  if (a->answer.root) lam_json_release(&a->answer);
  a->answer = (lam_json_document){ 0 };
  a->size = 0;
}

void apart_end(apart *a) {
  if (a->process) {
    kill(a->process, SIGKILL);
    waitpid(a->process, NULL, 0);
  }
  a->process = 0;
  if (!a->context) return;
  forget_answer(a);
  free(a->line);
  if (a->socket >= 0) close(a->socket);
  if (a->output >= 0) close(a->output);
  lam_context_close(a->context);
  a->line = NULL;
  a->context = NULL;
}

/* ---- asking ---- */

/* Appends what can be read now; false at the end of the stream. What has no room is dropped. */
static bool take(int from, char *text, size_t room, size_t *size) {
  char part[4096];
  const ssize_t got = read(from, part, sizeof part);
  if (got <= 0) return got < 0 && errno == EINTR;
  const size_t kept = (size_t)got < room - *size ? (size_t)got : room - *size;
  memcpy(text + *size, part, kept);
  *size += kept;
  return true;
}

static bool take_noise(apart *a) {
  size_t size = strlen(a->noise);
  bool open = take(a->output, a->noise, sizeof a->noise - 1, &size);
  a->noise[size] = 0;
  return open;
}

static bool is_complete(const apart *a) { return a->size && a->line[a->size - 1] == '\n'; }

/* Reads until the answer's line is complete, and what is printed meanwhile. 1: complete; 0: the worker ended; -1: no answer;
 * -2: it is not wanted any longer. */
static int await(apart *a, double patience) {
  /* Only time that this process saw: one that was stopped (Ctrl-Z) must not take its worker for hanging. */
  double left = patience, last = lam_seconds();
  bool open = true;
  while (!is_complete(a)) {
    const double now = lam_seconds();
    left -= fmin(now - last, 0.5); /* a poll takes a tenth of a second */
    last = now;
    struct pollfd waits[] = { { a->socket, POLLIN, 0 }, { open ? a->output : -1, POLLIN, 0 } };
    if (left <= 0) return -1;
    if (a->stop && a->stop()) return -2;
    if (poll(waits, 2, left < 0.1 ? (int)(left * 1e3) + 1 : 100) <= 0) continue;
    if (waits[1].revents) open = take_noise(a);
    if (waits[0].revents && !take(a->socket, a->line, a->capacity, &a->size)) break;
    if (a->size == a->capacity) break;
  }
  while (open && poll(&(struct pollfd){ .fd = a->output, .events = POLLIN }, 1, 0) > 0) open = take_noise(a);
  return is_complete(a);
}

/* Why a worker ended without an answer. */
static void explain_end(apart *a) {
  int status = 0;
  close(a->socket); /* one that only stopped to speak ends by this */
  a->socket = -1;
  waitpid(a->process, &status, 0);
  a->process = 0;
  if (WIFSIGNALED(status))
    snprintf(a->reason, sizeof a->reason, "it crashes: %s", strsignal(WTERMSIG(status)));
  else
    snprintf(a->reason, sizeof a->reason, "it ends the process, with exit status %d", WEXITSTATUS(status));
}

/* The first line, as it can be shown. */
static void make_plain(char *text) {
  text[strcspn(text, "\n")] = 0;
  for (; *text; ++text) {
    if (*text < ' ' || *text > '~') *text = '?';
  }
}

static bool read_answer(apart *a) {
  return lam_json_parse(a->context, "answer", a->line, a->size, MOST_ANSWER, &a->answer) == LAM_OK &&
         a->answer.root->kind == LAM_JSON_OBJECT;
}

/* Whether the worker is still trusted. */
static bool judge(apart *a, int answered, double patience) {
  if (answered == -2) return false;
  if (answered == -1) snprintf(a->reason, sizeof a->reason, "it hangs: no answer in %.3g seconds", patience);
  if (answered == 0) explain_end(a);
  if (answered > 0 && !read_answer(a)) snprintf(a->reason, sizeof a->reason, "it writes into what the worker answers");
  if (!*a->reason) snprintf(a->reason, sizeof a->reason, "%s", apart_text(a, "refused"));
  make_plain(a->noise);
  const size_t length = strlen(a->reason);
  if (*a->noise)
    snprintf(a->reason + length, sizeof a->reason - length, "%s \"%.200s\"", length ? "; it printed" : "it prints", a->noise);
  return !*a->reason;
}

bool apart_ask(apart *a, const char *command, double patience) {
  if (!a->process) return false;
  forget_answer(a);
  if (!a->line) a->line = malloc(a->capacity = MOST_ANSWER);
  kill(a->process, SIGCONT);
  int answered = 0;
  if (a->line && (!command || dprintf(a->socket, "%s\n", command) > 0)) answered = await(a, patience);
  if (judge(a, answered, patience)) return kill(a->process, SIGSTOP), true;
  apart_end(a);
  return false;
}

const char *apart_text(const apart *a, const char *key) {
  const lam_json *value = a->answer.root ? lam_json_member_of(a->answer.root, key, LAM_JSON_STRING) : NULL;
  return value ? value->text : "";
}

double apart_number(const apart *a, const char *key) {
  double number = NAN;
  if (a->answer.root) (void)lam_json_number(lam_json_member(a->answer.root, key), &number);
  return number;
}

/* ---- in the worker ---- */

void apart_begin(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a stopped one would outlive a driver that Ctrl-C ended */
  (void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

void json_put_text(lam_json_writer *json, const char *key, const char *text) {
  lam_json_key(json, key);
  lam_json_put_text(json, text);
}

void json_put_number(lam_json_writer *json, const char *key, double number) {
  lam_json_key(json, key);
  if (isfinite(number)) {
    lam_json_put_double(json, number);
  } else {
    lam_json_put_raw(json, "null", 4);
    json->comma = true;
  }
}

bool json_send(lam_json_writer *json, FILE *to) {
  fflush(stdout); /* what a library printed comes first */
  bool sent = !json->status && fwrite(json->text, 1, json->size, to) == json->size && fputc('\n', to) != EOF && fflush(to) == 0;
  lam_json_writer_release(json);
  return sent;
}
