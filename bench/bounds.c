/* SPDX-License-Identifier: MIT
 *
 * What the parts of a step or call must compute and move at least.
 */
#include "bench/bounds.h"
#include "train/trainer.h"
#include <stdlib.h>
#include <string.h>

static void add(bounds *to, bound b) {
  if (b.kept <= 0) b.kept = b.bytes;
  to->all[to->count++] = b;
}

static double floats(double count) { return count * (double)sizeof(float); }

/* A product of batch x in x out, in any of the three ways: each of its matrices is moved once. */
static bound product_of(const char *part, const size_list *net, size_t layer, double batch) {
  double in = (double)net->item[layer], out = (double)net->item[layer + 1];
  return (bound){ part, layer, 2 * batch * in * out, floats(batch * in + in * out + batch * out), 0, false };
}

static double parameter_count(const size_list *net) {
  double count = 0;
  for (size_t i = 1; i < net->count; i++) count += (double)(net->item[i - 1] + 1) * (double)net->item[i];
  return count;
}

bounds step_bounds(const settings *options, size_t batch) {
  const size_list *net = &options->net;
  bounds b = { .count = 0 };
  const double rows = (double)batch, first = (double)net->item[0], last = (double)net->item[net->count - 1];
  const double parameters = parameter_count(net);
  lam_optimizer_options optimizer = { .type = options->optimizer };
  const char *names[LAM_MOST_STATES];
  const double states = (double)lam_optimizer_states(&optimizer, names);
  const size_t layers = net->count - 1;
  /* Bytes become floats. */
  add(&b, (bound){ "gather rows", NO_LAYER, 0, rows * first * (1 + (double)sizeof(float)), (double)options->rows * first, true });
  for (size_t i = 0; i < layers; i++) {
    const double out = rows * (double)net->item[i + 1];
    add(&b, product_of("forward", net, i, rows));
    add(&b, product_of("weight gradient", net, i, rows));
    add(&b, (bound){ "bias gradient", i, 0, floats(out), 0, false });
    if (i > 0) add(&b, product_of("input gradient", net, i, rows));
    /* Gradient and value read, gradient written. */
    if (i + 1 < layers) add(&b, (bound){ "activation gradient", i, 0, floats(3 * out), 0, true });
  }
  add(&b, (bound){ "metric", layers - 1, 0, floats(rows * last), 0, false });
  add(&b, (bound){ "loss", layers - 1, 0, floats(2 * rows * last), 0, true });
  add(&b, (bound){ "loss, accuracy", NO_LAYER, 0, floats(2 * rows), 0, false });
  /* Read: weights, gradients, states; written: weights, states. */
  add(&b, (bound){ "optimizer", NO_LAYER, 0, floats(parameters * (3 + 2 * states)), floats(parameters * (2 + states)), true });
  return b;
}

bounds call_bounds(const settings *options, size_t batch) {
  const size_list *net = &options->net;
  bounds b = { .count = 0 };
  const double rows = (double)batch, last = rows * (double)net->item[net->count - 1];
  add(&b, (bound){ "copy rows", NO_LAYER, 0, floats(2 * rows * (double)net->item[0]), 0, true });
  for (size_t i = 0; i + 1 < net->count; i++) add(&b, product_of("forward", net, i, rows));
  add(&b, (bound){ "finish", net->count - 2, 0, floats(2 * last), 0, true });
  add(&b, (bound){ "copy results", NO_LAYER, 0, floats(2 * last), 0, true });
  return b;
}

double bound_seconds(const report *r, const bound *b, size_t threads) {
  const int level = level_of(&r->card, b->kept);
  const double bandwidth = b->update ? r->updating[level] : r->bandwidth[level];
  const double computing = r->peak > 0 ? b->flops / (r->peak * 1e9) : 0, moving = bandwidth > 0 ? b->bytes / bandwidth : 0;
  return (computing > moving ? computing : moving) / (double)threads;
}

double bounds_seconds(const report *r, const bounds *all, size_t threads) {
  double sum = 0;
  for (size_t i = 0; i < all->count; i++) sum += bound_seconds(r, &all->all[i], threads);
  return sum;
}

/* Dense layers are called dense, dense_1 and so on. */
static size_t layer_number(const char *name) {
  if (!*name) return NO_LAYER;
  const char *number = strchr(name, '_');
  return number ? (size_t)strtoul(number + 1, NULL, 10) : 0;
}

const bound *find_bound(const bounds *all, const char *part, const char *layer) {
  for (size_t i = 0; i < all->count; i++)
    if (strcmp(all->all[i].part, part) == 0 && all->all[i].layer == layer_number(layer)) return &all->all[i];
  return NULL;
}

void report_limit(report *r, double limit, double seconds) {
  report_number(r, "limit_us", "limit us", limit * 1e6, 3);
  report_number(r, "limit_share", "of limit", seconds > 0 ? limit / seconds : 0, 3);
}
