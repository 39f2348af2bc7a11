/* SPDX-License-Identifier: MIT
 *
 * Rotated rounds; see rounds.h.
 */
#include "bench/rounds.h"
#include "bench/clock.h"
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
}

timing time_runs(void (*run)(void *user), void *user, size_t times) {
  double cpu = cpu_seconds(), wall = wall_seconds();
  for (size_t i = 0; i < times; i++) run(user);
  wall = wall_seconds() - wall;
  return (timing){ wall, cpu_seconds() - cpu };
}

/* Warms up and finds how many runs fill `goal` seconds. */
static void calibrate(contender *c, double goal) {
  (void)c->time(c->user, 1);
  for (c->times = 1; !interrupted();) {
    double wall = c->time(c->user, c->times).wall;
    if (wall >= goal) return;
    double factor = wall > 0 ? 1.2 * goal / wall : 100;
    factor = factor > 100 ? 100 : factor < 1.5 ? 1.5 : factor;
    c->times = (size_t)((double)c->times * factor) + 1;
  }
}

bool rounds_run(contender *contenders, size_t count, size_t reference, size_t rounds, double min_time) {
  size_t done = 0;
  double cpu[MOST_SAMPLES] = { 0 }, wall[MOST_SAMPLES] = { 0 };
  if (rounds > MOST_SAMPLES) rounds = MOST_SAMPLES;
  for (size_t i = 0; i < count; i++) calibrate(&contenders[i], min_time / (double)rounds);
  for (size_t round = 0; round < rounds && !interrupted(); round++) {
    size_t ran = 0;
    for (; ran < count && !interrupted(); ran++) {
      size_t i = (round + ran) % count;
      timing t = contenders[i].time(contenders[i].user, contenders[i].times);
      contenders[i].seconds[round] = t.wall / (double)contenders[i].times;
      wall[i] += t.wall;
      cpu[i] += t.cpu;
    }
    done += ran == count && !interrupted();
  }
  for (size_t i = 0; i < count; i++) {
    contender *c = &contenders[i];
    c->median = stats_median(c->seconds, done);
    c->spread = stats_spread(c->seconds, done);
    c->threads = cpu[i] / wall[i];
    c->ratio = stats_ratio(contenders[reference].seconds, c->seconds, done);
  }
  return done > 0;
}
