/* SPDX-License-Identifier: MIT
 *
 * A dense network in plain loops, as one writes them without a library, for a compiler at -Ofast to make what it can of. One
 * thread.
 */
#include "worker.h"

typedef struct layer {
  size_t in, out;
  float *w, *b, *a, *d;               /* weights (in by out), biases, a batch of outputs and of their gradients */
  float *gw, *gb, *mw, *mb, *vw, *vb; /* gradients and the optimizer's moments */
} layer;

typedef struct network {
  const task *t;
  layer layers[MOST_LAYERS];
  float *x; /* a batch */
  unsigned char *y;
  size_t *order, steps;
  uint64_t state;
} network;

static void forward(const layer *l, const float *restrict x, size_t rows, int last) {
  for (size_t i = 0; i < rows; i++) {
    float *restrict y = l->a + i * l->out;
    const float *restrict w = l->w;
    for (size_t j = 0; j < l->out; j++) y[j] = l->b[j];
    for (size_t k = 0; k < l->in; k++, w += l->out)
      for (size_t j = 0; j < l->out; j++) y[j] += x[i * l->in + k] * w[j];
    if (!last) {
      for (size_t j = 0; j < l->out; j++) y[j] = y[j] > 0 ? y[j] : 0;
      continue;
    }
    float most = y[0], sum = 0;
    for (size_t j = 1; j < l->out; j++) most = y[j] > most ? y[j] : most;
    for (size_t j = 0; j < l->out; j++) sum += y[j] = expf(y[j] - most);
    for (size_t j = 0; j < l->out; j++) y[j] /= sum;
  }
}

static void run_forward(const network *n, const float *x, size_t rows) {
  for (size_t i = 0; i < n->t->layers; i++) {
    forward(&n->layers[i], x, rows, i + 1 == n->t->layers);
    x = n->layers[i].a;
  }
}

/* The gradient of the loss by the last layer's sums, and the loss summed over the rows. */
static double loss_of(const network *n, size_t rows) {
  const layer *l = &n->layers[n->t->layers - 1];
  const int squares = !strcmp(n->t->loss, "mean_squared_error");
  double loss = 0;
  for (size_t i = 0; i < rows; i++) {
    const float *p = l->a + i * l->out;
    float *d = l->d + i * l->out, dot = 0;
    for (size_t j = 0; j < l->out; j++) {
      float error = p[j] - (j == n->y[i]);
      d[j] = squares ? 2 * error / (float)(l->out * rows) : error / (float)rows;
      dot += d[j] * p[j];
      if (squares) loss += (double)(error * error) / (double)l->out;
    }
    if (!squares) loss -= log(fmax((double)p[n->y[i]], 1e-30));
    for (size_t j = 0; squares && j < l->out; j++) d[j] = p[j] * (d[j] - dot);
  }
  return loss;
}

/* `below` is the gradient by the layer's inputs, NULL where it is not needed. */
static void backward(const layer *l, const float *restrict x, float *restrict below, size_t rows) {
  memset(l->gw, 0, l->in * l->out * sizeof(float));
  memset(l->gb, 0, l->out * sizeof(float));
  for (size_t i = 0; i < rows; i++) {
    const float *restrict d = l->d + i * l->out;
    for (size_t j = 0; j < l->out; j++) l->gb[j] += d[j];
    for (size_t k = 0; k < l->in; k++) {
      const float *restrict w = l->w + k * l->out;
      float *restrict g = l->gw + k * l->out;
      float value = x[i * l->in + k], sum = 0;
      for (size_t j = 0; j < l->out; j++) g[j] += value * d[j];
      if (!below) continue;
      for (size_t j = 0; j < l->out; j++) sum += w[j] * d[j];
      below[i * l->in + k] = value > 0 ? sum : 0;
    }
  }
}

static void update(const network *n, float *restrict w, const float *restrict g, float *restrict m, float *restrict v,
                   size_t count) {
  const char *name = n->t->optimizer;
  if (!strcmp(name, "adam")) {
    float rate = (float)(0.001 * sqrt(1 - pow(0.999, (double)n->steps)) / (1 - pow(0.9, (double)n->steps)));
    for (size_t i = 0; i < count; i++) {
      m[i] += 0.1f * (g[i] - m[i]);
      v[i] += 0.001f * (g[i] * g[i] - v[i]);
      w[i] -= rate * m[i] / (sqrtf(v[i]) + 1e-7f);
    }
  } else if (!strcmp(name, "rmsprop")) {
    for (size_t i = 0; i < count; i++) {
      v[i] = 0.9f * v[i] + 0.1f * g[i] * g[i];
      w[i] -= 0.001f * g[i] / sqrtf(v[i] + 1e-7f);
    }
  } else {
    for (size_t i = 0; i < count; i++) w[i] -= 0.01f * g[i];
  }
}

static double run_epoch(void *user, int shuffled) {
  network *n = user;
  const task *t = n->t;
  double loss = 0;
  size_t width = t->widths[0];
  if (shuffled) shuffle(n->order, t->rows, &n->state);
  for (size_t at = 0; at < t->rows; at += t->batch) {
    size_t rows = t->rows - at < t->batch ? t->rows - at : t->batch;
    for (size_t i = 0; i < rows; i++) {
      memcpy(n->x + i * width, t->x + n->order[at + i] * width, width * sizeof(float));
      n->y[i] = t->labels[n->order[at + i]];
    }
    run_forward(n, n->x, rows);
    loss += loss_of(n, rows);
    for (size_t i = t->layers; i-- > 0;)
      backward(&n->layers[i], i ? n->layers[i - 1].a : n->x, i ? n->layers[i - 1].d : NULL, rows);
    n->steps++;
    for (size_t i = 0; i < t->layers; i++) {
      layer *l = &n->layers[i];
      update(n, l->w, l->gw, l->mw, l->vw, l->in * l->out);
      update(n, l->b, l->gb, l->mb, l->vb, l->out);
    }
  }
  return loss / (double)t->rows;
}

static void run_call(void *user) {
  network *n = user;
  run_forward(n, n->t->x, n->t->rows);
}

static float *floats(size_t count) { return allocate(count, sizeof(float)); }

/* Weights as Lamina left them: layer by layer, weights and biases; else Glorot's. */
static void open_weights(network *n) {
  size_t total = 0;
  for (size_t i = 0; i < n->t->layers; i++) total += (n->layers[i].in + 1) * n->layers[i].out;
  float *all = floats(total), *from = all;
  int found = read_floats(n->t, "weights.f32", all, total);
  for (size_t i = 0; i < n->t->layers; i++) {
    layer *l = &n->layers[i];
    size_t count = l->in * l->out;
    float limit = sqrtf(6.0f / (float)(l->in + l->out));
    for (size_t j = 0; j < count; j++)
      l->w[j] = found ? from[j] : limit * (2 * (float)(draw(&n->state) >> 40) / (float)(1 << 24) - 1);
    memcpy(l->b, from + count, l->out * sizeof(float)); /* zeros where there was no file */
    from += count + l->out;
  }
  free(all);
}

int main(int count, char **arguments) {
  task t = open_task(count, arguments);
  network n = { .t = &t, .state = 88172645463325252u };
  for (size_t i = 0; i < t.layers; i++) {
    size_t in = t.widths[i], out = t.widths[i + 1], all = in * out;
    n.layers[i] = (layer){ in,          out,         floats(all), floats(out), floats(t.batch * out), floats(t.batch * out),
                           floats(all), floats(out), floats(all), floats(out), floats(all),           floats(out) };
  }
  open_weights(&n);
  n.x = floats(t.batch * t.widths[0]);
  n.y = allocate(t.batch, 1);
  n.order = allocate(t.rows, sizeof *n.order);
  for (size_t i = 0; i < t.rows; i++) n.order[i] = i;
  double error = 0;
  if (t.infer) {
    run_call(&n);
    error = error_of(&t, n.layers[t.layers - 1].a);
  }
  return serve(&t, "plain C, -Ofast -march=native, 1 thread", __VERSION__, error, run_epoch, run_call, &n);
}
