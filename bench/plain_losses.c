/* SPDX-License-Identifier: MIT
 *
 * Plain loops of losses; see plain.h. Formulas are those of lamina/kernels.h.
 */
#include "bench/plain_loops.h"

void plain_softmax_sparse_crossentropy LAM_SPARSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float target = x[i * ldx + (size_t)labels[i]];
    loss[i] = plain_softmax_row(dx + i * lddx, x + i * ldx, columns) - target;
    dx[i * lddx + (size_t)labels[i]] -= 1;
    for (size_t j = 0; j < columns; j++) DX *= scale;
  }
}
void plain_softmax_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float lse = plain_softmax_row(dx + i * lddx, x + i * ldx, columns), sum = 0;
    loss[i] = 0;
    for (size_t j = 0; j < columns; j++) {
      loss[i] += t[i * ldt + j] * (lse - X);
      sum += t[i * ldt + j];
    }
    for (size_t j = 0; j < columns; j++) DX = scale * (DX * sum - t[i * ldt + j]);
  }
}
void plain_sigmoid_binary_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) {
      sum += (X > 0 ? X : 0) - X * t[i * ldt + j] + log1pf(expf(-fabsf(X)));
      DX = scale / (float)columns * (1 / (1 + expf(-X)) - t[i * ldt + j]);
    }
    loss[i] = sum / (float)columns;
  }
}

static float clip(float p) { return p < 1e-7f ? 1e-7f : p > 0.99999988f ? 0.99999988f : p; }
static float inside(float p) { return p > 1e-7f && p < 0.99999988f ? 1.0f : 0.0f; }

void plain_sparse_crossentropy LAM_SPARSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    size_t label = (size_t)labels[i];
    float sum = 0, target = x[i * ldx + label];
    for (size_t j = 0; j < columns; j++) sum += clip(X);
    loss[i] = logf(sum) - logf(clip(target));
    for (size_t j = 0; j < columns; j++) DX = scale * inside(X) * (1 / sum - (j == label ? 1 / clip(X) : 0));
  }
}
void plain_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0, total = 0;
    loss[i] = 0;
    for (size_t j = 0; j < columns; j++) sum += X;
    for (size_t j = 0; j < columns; j++) {
      loss[i] -= t[i * ldt + j] * logf(clip(X / sum));
      total += t[i * ldt + j] * inside(X / sum);
    }
    for (size_t j = 0; j < columns; j++) DX = scale * (total / sum - t[i * ldt + j] * inside(X / sum) / X);
  }
}
void plain_binary_crossentropy LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) {
      float p = clip(X), target = t[i * ldt + j];
      sum -= target * logf(p) + (1 - target) * logf(1 - p);
      DX = scale / (float)columns * inside(X) * ((1 - target) / (1 - p) - target / p);
    }
    loss[i] = sum / (float)columns;
  }
}
void plain_squared_error(float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt,
                         float factor, float scale, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    float sum = 0;
    for (size_t j = 0; j < columns; j++) {
      float difference = X - t[i * ldt + j];
      sum += difference * difference;
      DX = 2 * factor * scale * difference;
    }
    loss[i] = factor * sum;
  }
}

/* Sums of a term with value V and slope D of d = x - t and the target T, over `divisor`. */
#define TERMS(arguments_divisor, V, D)                                                                                           \
  for (size_t i = 0; i < rows; i++) {                                                                                            \
    float sum = 0, divisor = arguments_divisor;                                                                                  \
    for (size_t j = 0; j < columns; j++) {                                                                                       \
      float T = t[i * ldt + j], d = X - T;                                                                                       \
      (void)d;                                                                                                                   \
      sum += V;                                                                                                                  \
      DX = scale / divisor * (D);                                                                                                \
    }                                                                                                                            \
    loss[i] = sum / divisor;                                                                                                     \
  }
#define MEAN_TERMS(name, V, D)                                                                                                   \
  void plain_##name LAM_DENSE_LOSS_ARGUMENTS { TERMS((float)columns, V, D) }
static float at_least(float a, float low) { return a > low ? a : low; }
static float sign_of(float a) { return (float)(a > 0) - (float)(a < 0); }
static float logs(float a, float b) { return logf((at_least(a, 1e-7f) + 1) / (at_least(b, 1e-7f) + 1)); }
static float binary(float c, float t) { return -(t * logf(c) + (1 - t) * logf(1 - c)); }
static float other(float y, float t) { return t * (1 - y) + (1 - t) * y; }

MEAN_TERMS(mean_absolute_error, fabsf(d), sign_of(d))
MEAN_TERMS(mean_absolute_percentage_error, 100 * fabsf(d) / at_least(fabsf(T), 1e-7f),
           100 * sign_of(d) / at_least(fabsf(T), 1e-7f))
MEAN_TERMS(mean_squared_logarithmic_error, logs(X, T) * logs(X, T), X < 1e-7f ? 0 : 2 * logs(X, T) / (X + 1))
MEAN_TERMS(log_cosh, fabsf(d) + log1pf(expf(-2 * fabsf(d))) - logf(2), tanhf(d))
MEAN_TERMS(hinge, at_least(1 - T * X, 0), T *X <= 1 ? -T : 0)
MEAN_TERMS(squared_hinge, at_least(1 - T * X, 0) * at_least(1 - T * X, 0), -2 * T * at_least(1 - T * X, 0))
MEAN_TERMS(poisson, X - T * logf(X + 1e-7f), 1 - T / (X + 1e-7f))
void plain_kl_divergence LAM_DENSE_LOSS_ARGUMENTS { TERMS(1, T * logf(T / X), -T / X) }
void plain_huber LAM_DENSE_LOSS_WITH_ARGUMENTS {
  TERMS((float)columns, fabsf(d) > *p ? *p * (fabsf(d) - *p / 2) : d * d / 2, fabsf(d) > *p ? *p * sign_of(d) : d)
}
void plain_binary_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
  TERMS((float)columns, (T * p[1] + (1 - T) * p[2]) * powf(other(X, T), *p) * binary(X, T),
        (T * p[1] + (1 - T) * p[2]) * powf(other(X, T), *p) * (*p * (1 - 2 * T) / other(X, T) * binary(X, T) + d / (X * (1 - X))))
}
void plain_sigmoid_binary_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
#define S (1 / (1 + expf(-X)))
  TERMS((float)columns, (T * p[1] + (1 - T) * p[2]) * powf(other(S, T), *p) * binary(S, T),
        (T * p[1] + (1 - T) * p[2]) * powf(other(S, T), *p) *
            (*p * (1 - 2 * T) * S * (1 - S) / other(S, T) * binary(S, T) + S - T))
#undef S
}
/* From probabilities in dx, of a row that is divided by `total` (softmax: its own gradient instead). */
static float focal_row(float *dx, const float *t, const float *p, size_t n, float scale, float total, bool softmax) {
  float sum = 0, all = 0;
  for (size_t j = 0; j < n; j++) {
    sum -= t[j] * powf(1 - dx[j], p[0]) * logf(dx[j]);
    all += t[j] * powf(1 - dx[j], p[0]) * (p[0] * dx[j] * logf(dx[j]) / (1 - dx[j]) - 1);
  }
  for (size_t j = 0; j < n; j++) {
    float y = dx[j], h = t[j] * powf(1 - y, p[0]) * (p[0] * y * logf(y) / (1 - y) - 1);
    dx[j] = scale * p[1] * (softmax ? h - y * all : (h / y - all) / total);
  }
  return p[1] * sum;
}
void plain_softmax_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    (void)plain_softmax_row(dx + i * lddx, x + i * ldx, columns);
    loss[i] = focal_row(dx + i * lddx, t + i * ldt, p, columns, scale, 1, true);
  }
}
void plain_focal_crossentropy LAM_DENSE_LOSS_WITH_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float total = 0;
    for (size_t j = 0; j < columns; j++) total += X;
    for (size_t j = 0; j < columns; j++) DX = clip(X / total);
    loss[i] = focal_row(dx + i * lddx, t + i * ldt, p, columns, scale, total, false);
  }
}
void plain_categorical_hinge LAM_DENSE_LOSS_ARGUMENTS {
  for (size_t i = 0; i < rows; i++) {
    float own = 0, most = -INFINITY;
    size_t at = 0;
    for (size_t j = 0; j < columns; j++) {
      float rival = (1 - t[i * ldt + j]) * X;
      own += t[i * ldt + j] * X;
      if (rival > most) most = rival, at = j;
    }
    loss[i] = at_least(most - own + 1, 0);
    for (size_t j = 0; j < columns; j++) DX = loss[i] > 0 ? scale * ((j == at ? 1 - t[i * ldt + j] : 0) - t[i * ldt + j]) : 0;
  }
}
void plain_pair_sums(float *sums, const float *x, size_t ldx, const float *t, size_t ldt, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++, sums += 5) {
    for (size_t k = 0; k < 5; k++) sums[k] = 0;
    for (size_t j = 0; j < columns; j++) {
      float T = t[i * ldt + j];
      sums[0] += X * T;
      sums[1] += X * X;
      sums[2] += T * T;
      sums[3] += X;
      sums[4] += T;
    }
  }
}
void plain_pair_combine(float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, const float *factors,
                        size_t rows, size_t columns) {
  EACH(DX = factors[3 * i] * X + factors[3 * i + 1] * t[i * ldt + j] + factors[3 * i + 2])
}
