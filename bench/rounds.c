/* SPDX-License-Identifier: MIT
 *
 * Rotated rounds; see rounds.h.
 */
#include "bench/rounds.h"
#include "bench/clock.h"
#include <math.h>
#include <signal.h>

static volatile sig_atomic_t stop;

static void on_interrupt(int signal_number) {
  (void)signal_number;
  stop = 1;
}

bool interrupted(void) { return stop != 0; }

void watch_interrupts(void) {
  struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND };
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  /* A terminal that is closed; nohup has it ignored. */
  struct sigaction now;
  if (sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler != SIG_IGN) (void)sigaction(SIGHUP, &action, NULL);
}

timing time_runs(void (*work)(void *user), void *user, size_t times) {
  if (times > 1) work(user); /* whatever ran before, the caches are its own */
  double cpu = cpu_seconds(), wall = wall_seconds();
  for (size_t i = 0; i < times; i++) work(user);
  wall = wall_seconds() - wall;
  return (timing){ wall, cpu_seconds() - cpu };
}

static double run(contender *c, size_t times) {
  timing t = c->time(c->user, times);
  c->failed = isnan(t.wall);
  c->wall += t.wall;
  c->cpu += t.cpu;
  return t.wall;
}

/* Warms up and finds how many runs fill `goal` seconds. */
static void calibrate(contender *c, double goal) {
  (void)run(c, 1);
  size_t times = 1;
  while (!c->failed && !interrupted()) {
    double wall = run(c, times);
    if (wall >= goal) break;
    double factor = wall > 0 ? 1.2 * goal / wall : 100;
    factor = factor > 100 ? 100 : factor < 1.5 ? 1.5 : factor;
    times = (size_t)((double)times * factor) + 1;
  }
  c->times = times;
  c->wall = c->cpu = 0;
}

void rounds_add(contender *contenders, size_t count, size_t rounds, double goal) {
  for (size_t i = 0; i < count; i++) {
    contender *c = &contenders[i];
    if (c->failed) continue;
    if (!c->times)
      calibrate(c, goal);
    else
      (void)run(c, 1);
  }
  for (size_t round = 0; round < rounds; round++) {
    double seconds[MOST_SAMPLES];
    if (count > MOST_SAMPLES) count = MOST_SAMPLES;
    /* Every other round goes the other way, so that nobody always runs behind the same one. */
    const size_t first = contenders->rounds % count, step = contenders->rounds % 2 ? count - 1 : 1;
    for (size_t ran = 0; ran < count; ran++) {
      contender *c = &contenders[(first + ran * step) % count];
      if (interrupted()) return;
      if (!c->failed) seconds[c - contenders] = run(c, c->times) / (double)c->times;
    }
    if (interrupted()) return;
    for (size_t i = 0; i < count; i++) {
      contender *c = &contenders[i];
      if (!c->failed && c->rounds < MOST_SAMPLES) c->seconds[c->rounds] = seconds[i];
      c->rounds += c->rounds < MOST_SAMPLES;
    }
  }
}

void rounds_judge(contender *contenders, size_t count, size_t reference, size_t group) {
  for (size_t i = 0; i < count; i++) {
    contender *c = &contenders[i];
    c->spread = stats_spread(c->seconds, c->rounds);
    c->mean = stats_mean(c->seconds, c->rounds, group);
    c->threads = c->cpu / c->wall;
    c->ratio = stats_ratio(contenders[reference].seconds, c->seconds, c->rounds, group);
  }
}

bool rounds_run(contender *contenders, size_t count, size_t reference, size_t rounds, double min_time) {
  rounds_add(contenders, count, rounds, min_time / (double)rounds);
  rounds_judge(contenders, count, reference, (rounds + 4) / 5);
  return contenders->rounds > 0;
}
