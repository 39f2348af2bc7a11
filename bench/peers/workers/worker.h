/* SPDX-License-Identifier: MIT
 *
 * A worker in C: its options, its rows and weights, and the talk with the driver, as peer.py has them. For bench/peers only.
 */
#ifndef LAM_PEERS_WORKER_H
#define LAM_PEERS_WORKER_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_LAYERS = 16 };

typedef struct task {
  size_t widths[MOST_LAYERS + 1], layers, batch, rows, threads;
  const char *optimizer, *loss, *data, *exchange;
  int infer, channel;
  float *x; /* rows of an epoch, or of a call */
  unsigned char *labels;
  FILE *in;
} task;

static inline void stop(const char *why, const char *what) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static inline void *allocate(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) stop("out of memory", "worker");
  return memory;
}

static inline double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The bytes of an IDX file behind its header. */
static inline unsigned char *read_idx(const task *t, const char *name, size_t header, size_t count) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", t->data, name);
  FILE *file = fopen(path, "rb");
  unsigned char *bytes = allocate(count, 1);
  if (!file || fseek(file, (long)header, SEEK_SET) || fread(bytes, 1, count, file) != count) stop("cannot be read", path);
  fclose(file);
  return bytes;
}

/* False where the file is not there. */
static inline int read_floats(const task *t, const char *name, float *values, size_t count) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", t->exchange, name);
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  if (fread(values, sizeof *values, count, file) != count) stop("is too short", path);
  fclose(file);
  return 1;
}

static inline void take(task *t, const char *name, const char *value) {
  if (!strcmp(name, "--net")) {
    size_t count = 0;
    for (const char *at = value; at && count <= MOST_LAYERS; at = strchr(at, '-') ? strchr(at, '-') + 1 : NULL)
      t->widths[count++] = strtoul(at, NULL, 10);
    t->layers = count - 1;
  }
  if (!strcmp(name, "--batch")) t->batch = strtoul(value, NULL, 10);
  if (!strcmp(name, "--rows")) t->rows = strtoul(value, NULL, 10);
  if (!strcmp(name, "--threads")) t->threads = strtoul(value, NULL, 10);
  if (!strcmp(name, "--optimizer")) t->optimizer = value;
  if (!strcmp(name, "--loss")) t->loss = value;
  if (!strcmp(name, "--data")) t->data = value;
  if (!strcmp(name, "--exchange")) t->exchange = value;
  if (!strcmp(name, "--work")) t->infer = !strcmp(value, "infer");
  if (!strcmp(name, "--worker")) t->channel = atoi(value);
}

static inline task open_task(int count, char **arguments) {
  task t = { 0 };
  for (int i = 1; i + 1 < count; i += 2) take(&t, arguments[i], arguments[i + 1]);
  t.in = fdopen(t.channel, "r");
  if (!t.in || !t.layers) stop("is started by bench/peers/run", "worker");
  size_t width = t.widths[0], values = t.rows * width;
  t.x = allocate(values, sizeof *t.x);
  if (t.infer) {
    if (!read_floats(&t, "rows.f32", t.x, values)) stop("no rows.f32", t.exchange);
    return t;
  }
  unsigned char *pixels = read_idx(&t, "train-images-idx3-ubyte", 16, values);
  for (size_t i = 0; i < values; i++) t.x[i] = (float)pixels[i] / 255.0f;
  free(pixels);
  t.labels = read_idx(&t, "train-labels-idx1-ubyte", 8, t.rows);
  return t;
}

static inline uint64_t draw(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

static inline void shuffle(size_t *order, size_t count, uint64_t *state) {
  for (size_t i = count; i > 1; i--) {
    size_t j = draw(state) % i, kept = order[i - 1];
    order[i - 1] = order[j];
    order[j] = kept;
  }
}

/* How far the outputs are from Lamina's. */
static inline double error_of(const task *t, const float *outputs) {
  size_t count = t->rows * t->widths[t->layers];
  float *expected = allocate(count, sizeof *expected);
  double most = 0;
  if (!read_floats(t, "outputs.f32", expected, count)) stop("no outputs.f32", t->exchange);
  for (size_t i = 0; i < count; i++) {
    double error = fabs((double)outputs[i] - (double)expected[i]);
    if (error > most) most = error;
  }
  free(expected);
  return most;
}

/* The talk, to its end. `epoch` trains one and gives its loss, over shuffled rows or not, `call` does one inference. */
static inline int serve(const task *t, const char *name, const char *version, double error, double (*epoch)(void *, int shuffled),
                        void (*call)(void *), void *user) {
  dprintf(t->channel,
          "{\"name\": \"%s\", \"version\": \"%s\", \"rows\": %zu, \"batch\": %zu, \"threads\": %zu, \"error\": %.9g}\n", name,
          version, t->rows, t->batch, t->threads, error);
  char line[128];
  while (fgets(line, sizeof line, t->in)) {
    double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), loss = 0;
    size_t times = strncmp(line, "time ", 5) ? 0 : strtoul(line + 5, NULL, 10);
    if (!strcmp(line, "epoch\n") || !strcmp(line, "first\n")) {
      loss = epoch(user, *line == 'e');
    } else if (times) {
      for (size_t i = 0; i < times; i++) call(user);
    } else {
      return 0;
    }
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (times)
      dprintf(t->channel, "{\"wall\": %.9g, \"cpu\": %.9g}\n", wall, cpu);
    else
      dprintf(t->channel, "{\"seconds\": %.9g, \"cpu\": %.9g, \"loss\": %.9g}\n", wall, cpu, loss);
  }
  return 0;
}

#endif
