/* SPDX-License-Identifier: MIT
 *
 * Losses that are functions of a few sums: cosine similarity, Tversky, Dice. A kernel sums, double precision does the rest, and
 * since their gradients are a y + b t + c, another kernel writes them.
 */
#include "layers/losses.h"

#include <math.h>

enum { LAM_PIECE_ROWS = 32 };

/* Of a row, or of all: y t, y y, t t, y, t. */
typedef struct lam_sums {
  double yt, yy, tt, y, t;
} lam_sums;

/* A loss, and a, b and c of its gradient. */
typedef struct lam_slope {
  double value, a, b, c;
} lam_slope;

static const double epsilon = 1e-7;

/* Where squares went beyond the floats, once more in double. */
static lam_sums sums_of(const float *sums, const float *y, const float *t, size_t count) {
  lam_sums s = { (double)sums[0], (double)sums[1], (double)sums[2], (double)sums[3], (double)sums[4] };
  if (isfinite(s.yy) && isfinite(s.tt) && isfinite(s.yt)) return s;
  s = (lam_sums){ 0 };
  for (size_t j = 0; j < count; j++) {
    s.yt += (double)y[j] * (double)t[j];
    s.yy += (double)y[j] * (double)y[j];
    s.tt += (double)t[j] * (double)t[j];
    s.y += (double)y[j];
    s.t += (double)t[j];
  }
  return s;
}

static lam_slope cosine(const lam_sums *s) {
  double length = sqrt(s->yy), inverse_t = fmin(1 / sqrt(s->tt), 1 / epsilon);
  bool short_row = length < epsilon;
  double inverse = short_row ? 1 / epsilon : 1 / length, value = -s->yt * inverse * inverse_t;
  if (isnan(s->tt)) value = inverse_t = s->tt;
  return (lam_slope){ value, short_row ? 0 : -value * inverse * inverse, -inverse * inverse_t, 0 };
}

/* 1 - i / d, with d' = (1 - alpha - beta) t + beta; for Dice d = (sum t + sum y + eps) / 2. */
static lam_slope region(const lam_loss_options *o, const lam_sums *s) {
  if (o->loss == LAM_DICE) {
    double d = s->t + s->y + epsilon;
    return (lam_slope){ 1 - 2 * s->yt / d, 0, -2 / d, 2 * s->yt / (d * d) };
  }
  double alpha = (double)o->alpha, beta = (double)o->beta;
  double d = s->yt + alpha * (s->t - s->yt) + beta * (s->y - s->yt) + epsilon;
  return (lam_slope){ 1 - s->yt / d, 0, s->yt * (1 - alpha - beta) / (d * d) - 1 / d, s->yt * beta / (d * d) };
}

static lam_slope slope_of(const lam_loss_options *o, const lam_sums *s) {
  return o->loss == LAM_COSINE_SIMILARITY ? cosine(s) : region(o, s);
}

/* Rows [from, from + count): their sums, each alone into `each` or together onto *all. */
static void add_up(const lam_loss_rows *r, size_t from, size_t count, lam_sums *each, lam_sums *all) {
  size_t n = r->columns;
  float sums[5 * LAM_PIECE_ROWS];
  r->kernels->pair_sums(sums, r->outputs + from * n, n, r->targets + from * n, n, count, n);
  for (size_t i = 0; i < count; i++) {
    lam_sums s = sums_of(sums + 5 * i, r->outputs + (from + i) * n, r->targets + (from + i) * n, n);
    if (each) each[i] = s;
    if (all) *all = (lam_sums){ all->yt + s.yt, all->yy + s.yy, all->tt + s.tt, all->y + s.y, all->t + s.t };
  }
}

static void write_piece(const lam_loss_rows *r, size_t from, size_t count, const lam_slope *slopes, bool one) {
  size_t n = r->columns;
  float factors[3 * LAM_PIECE_ROWS];
  /* One loss stands in every row, and its gradient is that of their mean. */
  double scale = one ? (double)r->scale * (double)r->rows : (double)r->scale;
  for (size_t i = 0; i < count; i++) {
    const lam_slope *slope = &slopes[one ? 0 : i];
    r->losses[from + i] = (float)slope->value;
    factors[3 * i] = (float)(scale * slope->a);
    factors[3 * i + 1] = (float)(scale * slope->b);
    factors[3 * i + 2] = (float)(scale * slope->c);
  }
  if (r->gradient)
    r->kernels->pair_combine(r->gradient + from * n, n, r->outputs + from * n, n, r->targets + from * n, n, factors, count, n);
}

static size_t piece_at(const lam_loss_rows *r, size_t from) {
  return r->rows - from < LAM_PIECE_ROWS ? r->rows - from : LAM_PIECE_ROWS;
}

void lam_loss_run_sums(const lam_loss_rows *r) {
  const lam_loss_options *o = &r->setting->options;
  lam_sums all = { 0 }, each[LAM_PIECE_ROWS];
  lam_slope slopes[LAM_PIECE_ROWS];
  bool one = r->setting->one;
  for (size_t from = 0; one && from < r->rows; from += LAM_PIECE_ROWS) add_up(r, from, piece_at(r, from), NULL, &all);
  if (one) slopes[0] = slope_of(o, &all);
  for (size_t from = 0; from < r->rows; from += LAM_PIECE_ROWS) {
    size_t count = piece_at(r, from);
    if (!one) add_up(r, from, count, each, NULL);
    for (size_t i = 0; !one && i < count; i++) slopes[i] = slope_of(o, &each[i]);
    write_piece(r, from, count, slopes, one);
  }
}
