/* SPDX-License-Identifier: MIT
 *
 * Plain loops of optimizers, and of the product; see plain.h. Formulas are those of lamina/kernels.h.
 */
#include "bench/plain_loops.h"

void plain_sgd(float *w, const float *g, float rate, size_t count) {
  for (size_t i = 0; i < count; i++) w[i] -= rate * g[i];
}
void plain_sgd_momentum(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] - rate * g[i];
    w[i] += velocity[i];
  }
}
void plain_sgd_nesterov(float *w, float *velocity, const float *g, float rate, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] - rate * g[i];
    w[i] += momentum * velocity[i] - rate * g[i];
  }
}
void plain_rmsprop(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  for (size_t i = 0; i < count; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    w[i] -= rate * g[i] / sqrtf(v[i] + epsilon);
  }
}
void plain_rmsprop_epsilon_outside(float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count) {
  for (size_t i = 0; i < count; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    w[i] -= rate * g[i] / (sqrtf(v[i]) + epsilon);
  }
}
void plain_adam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                uint64_t step, size_t count) {
  float alpha = rate * sqrtf(1 - powf(beta_2, (float)step)) / (1 - powf(beta_1, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta_2);
    w[i] -= alpha * m[i] / (sqrtf(v[i]) + epsilon);
  }
}

void plain_rmsprop_general(float *w, float *v, float *m, float *average, const float *g, float rate, float rho, float epsilon,
                           bool outside, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    float variance = v[i];
    if (average) {
      average[i] = rho * average[i] + (1 - rho) * g[i];
      variance -= average[i] * average[i];
    }
    float change = rate * g[i] / (outside ? sqrtf(variance) + epsilon : sqrtf(variance + epsilon));
    if (m) change = m[i] = momentum * m[i] + change;
    w[i] -= change;
  }
}
void plain_amsgrad(float *w, float *m, float *v, float *most, const float *g, float rate, float beta_1, float beta_2,
                   float epsilon, uint64_t step, size_t count) {
  float alpha = rate * sqrtf(1 - powf(beta_2, (float)step)) / (1 - powf(beta_1, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta_2);
    most[i] = fmaxf(most[i], v[i]);
    w[i] -= alpha * m[i] / (sqrtf(most[i]) + epsilon);
  }
}
void plain_adamax(float *w, float *m, float *norm, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                  uint64_t step, size_t count) {
  float alpha = rate / (1 - powf(beta_1, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    norm[i] = fmaxf(beta_2 * norm[i], fabsf(g[i]));
    w[i] -= alpha * m[i] / (norm[i] + epsilon);
  }
}
void plain_nadam(float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon,
                 double product, uint64_t step, size_t count) {
  float decay = powf(0.96f, (float)step), u = beta_1 * (1 - 0.5f * decay), next = beta_1 * (1 - 0.48f * decay);
  float first = next / (1 - (float)product * next), second = (1 - u) / (1 - (float)product);
  float correction = 1 / (1 - powf(beta_2, (float)step));
  for (size_t i = 0; i < count; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta_2);
    w[i] -= rate * (first * m[i] + second * g[i]) / (sqrtf(v[i] * correction) + epsilon);
  }
}
void plain_adagrad(float *w, float *sum, const float *g, float rate, float epsilon, size_t count) {
  for (size_t i = 0; i < count; i++) {
    sum[i] += g[i] * g[i];
    w[i] -= rate * g[i] / sqrtf(sum[i] + epsilon);
  }
}
void plain_adadelta(float *w, float *gradients, float *deltas, const float *g, float rate, float rho, float epsilon,
                    size_t count) {
  for (size_t i = 0; i < count; i++) {
    gradients[i] = rho * gradients[i] + (1 - rho) * g[i] * g[i];
    float delta = sqrtf(deltas[i] + epsilon) * g[i] / sqrtf(gradients[i] + epsilon);
    deltas[i] = rho * deltas[i] + (1 - rho) * delta * delta;
    w[i] -= rate * delta;
  }
}
void plain_lion(float *w, float *m, const float *g, float rate, float beta_1, float beta_2, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float mean = beta_1 * m[i] + (1 - beta_1) * g[i];
    w[i] -= mean > 0 ? rate : mean < 0 ? -rate : 0;
    m[i] = beta_2 * m[i] + (1 - beta_2) * g[i];
  }
}
void plain_ftrl(float *w, float *sum, float *linear, const float *g, float rate, float l1, float l2, float l2_shrinkage,
                float beta, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float root = sqrtf(sum[i] + g[i] * g[i]);
    linear[i] += g[i] + 2 * l2_shrinkage * w[i] - (root - sqrtf(sum[i])) / rate * w[i];
    sum[i] += g[i] * g[i];
    float clipped = linear[i] < -l1 ? -l1 : linear[i] > l1 ? l1 : linear[i];
    w[i] = (clipped - linear[i]) / (root / rate + 2 * l2 + beta / rate);
  }
}
void plain_moving_average(float *average, const float *w, float momentum, size_t count) {
  for (size_t i = 0; i < count; i++) average[i] = momentum * average[i] + (1 - momentum) * w[i];
}
void plain_decay_and_add(float *w, const float *change, float decay, size_t count) {
  for (size_t i = 0; i < count; i++) w[i] += change[i] - decay * w[i];
}
void plain_scale_and_clip(float *y, const float *x, double scale, float limit, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float scaled = (float)scale * x[i];
    y[i] = scaled < -limit ? -limit : scaled > limit ? limit : scaled;
  }
}
void plain_sum_of_squares(double *sum, const float *x, size_t count) {
  *sum = 0;
  for (size_t i = 0; i < count; i++) *sum += (double)x[i] * (double)x[i];
}

void plain_gemm(int transa, int transb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
                size_t ldb, float beta, float *c, size_t ldc, const lam_epilogue *epilogue, float *scratch) {
  (void)epilogue, (void)scratch;
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    for (size_t l = 0; l < k; l++) {
      float factor = alpha * (transa ? a[l * lda + i] : a[i * lda + l]);
      for (size_t j = 0; j < n; j++) c[i * ldc + j] += factor * (transb ? b[j * ldb + l] : b[l * ldb + j]);
    }
  }
}
