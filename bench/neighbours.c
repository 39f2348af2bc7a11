/* SPDX-License-Identifier: MIT
 *
 * lamina-bench train --neighbours: what busy neighbours do to a step. Steps run by turns alone and beside processes of our own
 * that do nothing but count, all of them wherever the system likes.
 */
#include "bench/training.h"
#include "bench/workers.h"

#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- neighbours ---------------------------------------------------------------------------------------------------- */

typedef struct neighbours {
  pid_t all[MOST_NEIGHBOURS];
  size_t count;
} neighbours;

static _Noreturn void be_busy(pid_t bench) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (volatile unsigned long count = 0; getppid() == bench; count++)
    for (volatile unsigned long i = 0; i < 1000000; i++) continue;
  _exit(0);
}

static bool start_neighbours(neighbours *n, size_t count) {
  const pid_t bench = getpid();
  for (n->count = 0; n->count < count; n->count++) {
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) be_busy(bench);
    n->all[n->count] = child;
  }
  return true;
}

static void end_neighbours(neighbours *n) {
  for (size_t i = 0; i < n->count; i++) (void)kill(n->all[i], SIGKILL);
  for (size_t i = 0; i < n->count; i++) (void)waitpid(n->all[i], NULL, 0);
  n->count = 0;
}

/* ---- measuring ----------------------------------------------------------------------------------------------------- */

typedef struct measured {
  double seconds[2][MOST_SAMPLES]; /* of an epoch, alone and with neighbours, by round */
  size_t rounds;
} measured;

static double time_epochs(backend *b, size_t epochs) {
  char command[48];
  snprintf(command, sizeof command, "time %zu", epochs);
  return backend_ask(b, command) ? apart_number(&b->process, "wall") / (double)epochs : (double)NAN;
}

/* So many epochs that the system has shared out its cores several times. */
static bool measure(backend *b, const settings *options, measured *m) {
  enum { LEAST_MS = 250 };
  neighbours n = { .count = 0 };
  double once = time_epochs(b, 1);
  const size_t epochs = once > 0 && once < LEAST_MS * 1e-3 ? (size_t)(LEAST_MS * 1e-3 / once) + 1 : 1;
  for (m->rounds = 0; m->rounds < options->launches && m->rounds < MOST_SAMPLES && !interrupted(); m->rounds++) {
    m->seconds[0][m->rounds] = time_epochs(b, epochs);
    if (start_neighbours(&n, options->neighbours)) m->seconds[1][m->rounds] = time_epochs(b, epochs);
    const bool all = n.count == options->neighbours;
    end_neighbours(&n);
    if (!all || !(m->seconds[0][m->rounds] > 0) || !(m->seconds[1][m->rounds] > 0)) break;
  }
  return m->rounds > 0;
}

/* ---- the results --------------------------------------------------------------------------------------------------- */

/* What a step takes where the cores are shared out evenly and each thread runs when the others do. */
static double fair_slowdown(size_t count, size_t threads, size_t cpus) {
  const double wanted = (double)(count + threads) / (double)cpus;
  return wanted > 1 ? wanted : 1;
}

static size_t count_cpus(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static void report_one(const settings *options, report *to, const crew *c, size_t i, size_t batch, const measured *m,
                       bool beside) {
  const double steps = (double)((options->rows + batch - 1) / batch);
  const double alone = stats_median(m->seconds[0], m->rounds), seconds = stats_median(m->seconds[beside], m->rounds);
  char net[128], command[1400] = "";
  network_text(net, &options->net);
  batch_options(command, sizeof command, options, c, i, batch);
  append(command, sizeof command, " --neighbours %zu", options->neighbours);
  report_add(to);
  report_text(to, "net", "net", net);
  report_number(to, "batch", "batch", (double)batch, 0);
  report_backend(to, &c->all[i]);
  report_text(to, "part", NULL, "step beside neighbours");
  report_number(to, "threads", "threads", (double)c->threads, 0);
  report_number(to, "neighbours", "neighbours", beside ? (double)options->neighbours : 0, 0);
  report_number(to, "us", "us a step", seconds / steps * 1e6, 1);
  report_number(to, "us_spread", "±", stats_spread(m->seconds[beside], m->rounds) * seconds / steps * 1e6, 1);
  report_number(to, "slowdown", "times slower", seconds / alone, 2);
  report_number(to, "fair_slowdown", "a fair share", beside ? fair_slowdown(options->neighbours, c->threads, count_cpus()) : 1,
                2);
  report_text(to, "command", NULL, command);
}

void report_neighbours(const settings *options, report *to, crew *c, size_t batch) {
  settings anywhere = *options;
  char ready[48];
  snprintf(ready, sizeof ready, "batch %zu", batch);
  anywhere.pin = (word_list){ .item = { "none" }, .count = 1 };
  progress(options, "%s: batch %zu beside %zu neighbours", to->command, batch, options->neighbours);
  crew_launch(c, &anywhere, to);
  for (size_t i = 0; i < c->count && !interrupted(); i++) {
    backend *b = &c->all[i];
    measured m;
    b->patience = (options->patience + 4 * step_flops(&options->net, batch) * (double)options->rows / (double)batch / 1e8) *
                  (double)(options->neighbours + 1);
    if (!b->process.process || !backend_ask(b, ready) || !measure(b, options, &m)) continue;
    report_one(options, to, c, i, batch, &m, false);
    report_one(options, to, c, i, batch, &m, true);
  }
  crew_end(c);
}
