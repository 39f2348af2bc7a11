/* SPDX-License-Identifier: MIT
 *
 * Every kernel called in one way, so that a test can go through all of them: `job` holds what any kernel may need, and each entry
 * of every_kernel picks its arguments from it. gemm has tests of its own (tests/blas).
 */
#ifndef LAM_TESTS_KERNELS_EVERY_H
#define LAM_TESTS_KERNELS_EVERY_H

#include "kernels/kernels.h"
#include <stdlib.h>
#include <string.h>

typedef struct job {
  size_t rows, columns, ld; /* of y, a, b, c and bytes */
  float *y;                 /* the output; an optimizer's parameters */
  float *a, *b, *c;         /* inputs; an optimizer's gradient and two states, the second not negative */
  float *row;               /* max(rows, columns) floats out */
  int32_t *labels, *index;  /* rows each */
  uint8_t *bytes;
  uint64_t step;
} job;

#define JOB_UNARY(name)                                                                                                          \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    t->name(j->y, j->ld, j->a, j->ld, j->rows, j->columns);                                                                      \
  }
#define JOB_BINARY(name)                                                                                                         \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    t->name(j->y, j->ld, j->a, j->ld, j->b, j->ld, j->rows, j->columns);                                                         \
  }
#define JOB_SPARSE(name)                                                                                                         \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    t->name(j->row, j->y, j->ld, j->a, j->ld, j->labels, 0.125f, j->rows, j->columns);                                           \
  }
#define JOB_DENSE(name)                                                                                                          \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    t->name(j->row, j->y, j->ld, j->a, j->ld, j->b, j->ld, 0.125f, j->rows, j->columns);                                         \
  }
/* Optimizers and dropout take one array: as many elements as the matrix has, gaps included. */
static inline size_t job_count(const job *j) { return j->rows ? (j->rows - 1) * j->ld + j->columns : 0; }

JOB_UNARY(exp)
JOB_UNARY(log)
JOB_UNARY(relu)
JOB_UNARY(sigmoid)
JOB_UNARY(tanh)
JOB_UNARY(softmax)
JOB_UNARY(log_softmax)
JOB_BINARY(relu_backward)
JOB_BINARY(sigmoid_backward)
JOB_BINARY(tanh_backward)
JOB_BINARY(softmax_backward)
JOB_BINARY(log_softmax_backward)
JOB_BINARY(add)
JOB_UNARY(hard_sigmoid)
JOB_UNARY(hard_silu)
JOB_UNARY(hard_tanh)
JOB_UNARY(softplus)
JOB_UNARY(log_sigmoid)
JOB_UNARY(softsign)
JOB_UNARY(silu)
JOB_UNARY(mish)
JOB_UNARY(gelu)
JOB_UNARY(gelu_tanh)
JOB_UNARY(tanh_shrink)
JOB_UNARY(sparse_plus)
JOB_UNARY(sparse_sigmoid)
JOB_UNARY(sparsemax)
JOB_BINARY(hard_sigmoid_backward)
JOB_BINARY(hard_silu_backward)
JOB_BINARY(hard_tanh_backward)
JOB_BINARY(softplus_backward)
JOB_BINARY(log_sigmoid_backward)
JOB_BINARY(softsign_backward)
JOB_BINARY(silu_backward)
JOB_BINARY(mish_backward)
JOB_BINARY(gelu_backward)
JOB_BINARY(gelu_tanh_backward)
JOB_BINARY(tanh_shrink_backward)
JOB_BINARY(sparse_plus_backward)
JOB_BINARY(sparse_sigmoid_backward)
JOB_BINARY(sparsemax_backward)
JOB_BINARY(shrink_backward)
JOB_BINARY(subtract)
JOB_BINARY(multiply)
JOB_BINARY(maximum)
JOB_BINARY(minimum)
/* Activations with parameters. */
#define JOB_UNARY_WITH(name, ...)                                                                                                \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    const float p[] = { __VA_ARGS__ };                                                                                           \
    t->name(j->y, j->ld, j->a, j->ld, p, j->rows, j->columns);                                                                   \
  }
#define JOB_BINARY_WITH(name, ...)                                                                                               \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    const float p[] = { __VA_ARGS__ };                                                                                           \
    t->name(j->y, j->ld, j->a, j->ld, j->b, j->ld, p, j->rows, j->columns);                                                      \
  }
JOB_UNARY_WITH(relu_with, 0.1f, 4.0f, 0.5f)
JOB_UNARY_WITH(elu, 1.3f, 1.1f, 0.7f)
JOB_UNARY_WITH(threshold, 0.5f, -2.0f, 0.0f)
JOB_UNARY_WITH(squareplus, 4.0f, 0.0f, 0.0f)
JOB_UNARY_WITH(hard_shrink, 0.5f, 0.0f, 0.0f)
JOB_UNARY_WITH(soft_shrink, 0.5f, 0.0f, 0.0f)
JOB_BINARY_WITH(relu_with_backward, 0.1f, 4.0f, 0.5f)
JOB_BINARY_WITH(elu_backward, 1.3f, 1.1f, 0.7f)
JOB_BINARY_WITH(threshold_backward, 0.5f, -2.0f, 0.0f)
JOB_BINARY_WITH(squareplus_backward, 4.0f, 0.0f, 0.0f)
JOB_SPARSE(softmax_sparse_crossentropy)
JOB_SPARSE(sparse_crossentropy)
JOB_DENSE(softmax_crossentropy)
JOB_DENSE(sigmoid_binary_crossentropy)
JOB_DENSE(crossentropy)
JOB_DENSE(binary_crossentropy)
JOB_DENSE(mean_absolute_error)
JOB_DENSE(mean_absolute_percentage_error)
JOB_DENSE(mean_squared_logarithmic_error)
JOB_DENSE(log_cosh)
JOB_DENSE(hinge)
JOB_DENSE(squared_hinge)
JOB_DENSE(categorical_hinge)
JOB_DENSE(poisson)
JOB_DENSE(kl_divergence)
#define JOB_DENSE_WITH(name, ...)                                                                                                \
  static inline void job_##name(const lam_kernel_table *t, const job *j) {                                                       \
    const float p[] = { __VA_ARGS__ };                                                                                           \
    t->name(j->row, j->y, j->ld, j->a, j->ld, j->b, j->ld, p, 0.125f, j->rows, j->columns);                                      \
  }
JOB_DENSE_WITH(huber, 0.8f)
JOB_DENSE_WITH(binary_focal_crossentropy, 2.0f, 0.25f, 0.75f)
JOB_DENSE_WITH(sigmoid_binary_focal_crossentropy, 1.7f, 0.25f, 0.75f)
JOB_DENSE_WITH(focal_crossentropy, 1.7f, 0.25f)
JOB_DENSE_WITH(softmax_focal_crossentropy, 2.0f, 0.25f)
/* One row at a time, whose sums become the factors of its combination. */
static inline void job_pair_sums(const lam_kernel_table *t, const job *j) {
  for (size_t i = 0; i < j->rows && j->columns; ++i) {
    float sums[5];
    t->pair_sums(sums, j->a + i * j->ld, j->ld, j->b + i * j->ld, j->ld, 1, j->columns);
    for (size_t k = 0; k < 5 && k < j->columns; ++k) j->y[i * j->ld + k] = sums[k];
    j->row[i] = sums[i % 5];
  }
}
static inline void job_pair_combine(const lam_kernel_table *t, const job *j) {
  const float factors[] = { 0.7f, -1.3f, 0.2f };
  for (size_t i = 0; i < j->rows; ++i)
    t->pair_combine(j->y + i * j->ld, j->ld, j->a + i * j->ld, j->ld, j->b + i * j->ld, j->ld, factors, 1, j->columns);
}
static inline void job_squared_error(const lam_kernel_table *t, const job *j) {
  t->squared_error(j->row, j->y, j->ld, j->a, j->ld, j->b, j->ld, 0.5f, 0.125f, j->rows, j->columns);
}
static inline void job_bias(const lam_kernel_table *t, const job *j) {
  t->bias(j->y, j->ld, j->a, j->ld, j->b, j->rows, j->columns);
}
static inline void job_bias_relu(const lam_kernel_table *t, const job *j) {
  t->bias_relu(j->y, j->ld, j->a, j->ld, j->b, j->rows, j->columns);
}
static inline void job_from_bytes(const lam_kernel_table *t, const job *j) {
  t->from_bytes(j->y, j->ld, j->bytes, j->ld, 1.0f / 255.0f, -0.5f, j->rows, j->columns);
}
static inline void job_prelu(const lam_kernel_table *t, const job *j) {
  t->prelu(j->y, j->ld, j->a, j->ld, j->b, j->rows, j->columns);
}
static inline void job_prelu_backward(const lam_kernel_table *t, const job *j) {
  t->prelu_backward(j->y, j->ld, j->a, j->ld, j->b, j->ld, j->c, j->rows, j->columns);
}
static inline void job_prelu_slopes(const lam_kernel_table *t, const job *j) {
  t->prelu_slopes(j->row, j->a, j->ld, j->b, j->ld, j->rows, j->columns);
}
static inline void job_pass_equal(const lam_kernel_table *t, const job *j) {
  t->pass_equal(j->y, j->ld, j->c, j->ld, j->a, j->ld, j->b, j->ld, j->rows, j->columns);
}
static inline void job_dropout(const lam_kernel_table *t, const job *j) {
  t->dropout(j->y, j->a, 0.3f, 5, 7, 4 * j->columns + j->rows, job_count(j));
}
static inline void job_affine(const lam_kernel_table *t, const job *j) {
  t->affine(j->y, j->ld, j->a, j->ld, 1.7f, -0.3f, j->rows, j->columns);
}
static inline void job_standardize(const lam_kernel_table *t, const job *j) {
  t->standardize(j->y, j->ld, j->a, j->ld, j->b, j->c, j->rows, j->columns);
}
/* Variances are c, which is not negative; what a kernel writes beside its matrix goes where it has been read. */
static inline void job_column_moments(const lam_kernel_table *t, const job *j) {
  t->column_moments(j->row, j->c, j->a, j->ld, j->rows, j->columns);
}
static inline void job_normalize_columns(const lam_kernel_table *t, const job *j) {
  t->normalize_columns(j->y, j->ld, j->a, j->ld, j->b, j->c, j->rows > 1 ? j->b : NULL, j->rows > 2 ? j->c : NULL, 0.01f, j->rows,
                       j->columns);
}
static inline void job_normalize_columns_backward(const lam_kernel_table *t, const job *j) {
  t->normalize_columns_backward(j->y, j->ld, j->row, j->c, j->a, j->ld, j->b, j->ld, j->b, j->c, j->rows > 1 ? j->b : NULL, 0.01f,
                                j->rows, j->columns);
}
static inline void job_normalize_rows(const lam_kernel_table *t, const job *j) {
  float statistics[16] = { 0 };
  t->normalize_rows(j->y, j->ld, j->rows <= 8 ? statistics : NULL, j->a, j->ld, j->rows > 1 ? j->b : NULL,
                    j->rows > 2 ? j->c : NULL, 0.01f, j->columns % 3 != 0, j->rows, j->columns);
  for (size_t i = 0; i < j->rows && i < 8; ++i) j->row[0] += statistics[2 * i] * statistics[2 * i + 1];
}
static inline void job_normalize_rows_backward(const lam_kernel_table *t, const job *j) {
  const float statistics[16] = { 0.5f,   2.0f, -1.0f, 0.25f, 0.0f, 31.0f, 3.0f, 1.5f,
                                 0.125f, 7.0f, 9.0f,  0.5f,  1.0f, 1.0f,  2.0f, 3.0f };
  for (size_t i = 0; i < j->rows; i += 8) {
    t->normalize_rows_backward(j->y + i * j->ld, j->ld, j->a + i * j->ld, j->ld, j->b + i * j->ld, j->ld, statistics,
                               j->rows > 1 ? j->c : NULL, j->columns % 3 != 0, j->rows - i < 8 ? j->rows - i : 8, j->columns);
  }
}
static inline void job_normalize_rows_factors(const lam_kernel_table *t, const job *j) {
  const float statistics[16] = { 0.5f,   2.0f, -1.0f, 0.25f, 0.0f, 31.0f, 3.0f, 1.5f,
                                 0.125f, 7.0f, 9.0f,  0.5f,  1.0f, 1.0f,  2.0f, 3.0f };
  t->normalize_rows_factors(j->row, j->a, j->ld, j->b, j->ld, statistics, j->rows < 8 ? j->rows : 8, j->columns);
}
static inline void job_log_sum_exp(const lam_kernel_table *t, const job *j) {
  t->log_sum_exp(j->row, j->a, j->ld, j->rows, j->columns);
}
static inline void job_argmax(const lam_kernel_table *t, const job *j) { t->argmax(j->index, j->a, j->ld, j->rows, j->columns); }
static inline void job_column_sums(const lam_kernel_table *t, const job *j) {
  t->column_sums(j->row, j->a, j->ld, j->rows, j->columns);
}
static inline void job_sgd(const lam_kernel_table *t, const job *j) { t->sgd(j->y, j->a, 0.01f, job_count(j)); }
static inline void job_sgd_momentum(const lam_kernel_table *t, const job *j) {
  t->sgd_momentum(j->y, j->b, j->a, 0.01f, 0.9f, job_count(j));
}
static inline void job_sgd_nesterov(const lam_kernel_table *t, const job *j) {
  t->sgd_nesterov(j->y, j->b, j->a, 0.01f, 0.9f, job_count(j));
}
static inline void job_rmsprop(const lam_kernel_table *t, const job *j) {
  t->rmsprop(j->y, j->c, j->a, 0.001f, 0.9f, 1e-7f, job_count(j));
}
static inline void job_rmsprop_epsilon_outside(const lam_kernel_table *t, const job *j) {
  t->rmsprop_epsilon_outside(j->y, j->c, j->a, 0.001f, 0.9f, 1e-7f, job_count(j));
}
static inline void job_adam(const lam_kernel_table *t, const job *j) {
  t->adam(j->y, j->b, j->c, j->a, 0.001f, 0.9f, 0.999f, 1e-7f, j->step, job_count(j));
}
/* Where there are three states, the third is the other half of the second's array. */
static inline void job_rmsprop_general(const lam_kernel_table *t, const job *j) {
  size_t half = job_count(j) / 2;
  bool whole = j->step % 2 == 0;
  t->rmsprop_general(j->y, j->c, j->b, whole ? j->c + half : NULL, j->a, 0.001f, 0.9f, 1e-7f, whole, 0.5f, half);
  t->rmsprop_general(j->y, j->c, NULL, j->c + half, j->a, 0.001f, 0.9f, 1e-7f, !whole, 0.0f, half);
}
static inline void job_amsgrad(const lam_kernel_table *t, const job *j) {
  size_t half = job_count(j) / 2;
  t->amsgrad(j->y, j->b, j->c, j->c + half, j->a, 0.001f, 0.9f, 0.999f, 1e-7f, j->step, half);
}
static inline void job_adamax(const lam_kernel_table *t, const job *j) {
  t->adamax(j->y, j->b, j->c, j->a, 0.001f, 0.9f, 0.999f, 1e-7f, j->step, job_count(j));
}
static inline void job_nadam(const lam_kernel_table *t, const job *j) {
  t->nadam(j->y, j->b, j->c, j->a, 0.001f, 0.9f, 0.999f, 1e-7f, 0.1, j->step, job_count(j));
}
static inline void job_adagrad(const lam_kernel_table *t, const job *j) {
  t->adagrad(j->y, j->c, j->a, 0.01f, 1e-7f, job_count(j));
}
static inline void job_adadelta(const lam_kernel_table *t, const job *j) {
  for (size_t i = 0; i < job_count(j); ++i) j->b[i] = __builtin_fabsf(j->b[i]); /* a mean of squares */
  t->adadelta(j->y, j->c, j->b, j->a, 0.001f, 0.95f, 1e-7f, job_count(j));
}
static inline void job_lion(const lam_kernel_table *t, const job *j) {
  t->lion(j->y, j->b, j->a, 0.001f, 0.9f, 0.99f, job_count(j));
}
static inline void job_ftrl(const lam_kernel_table *t, const job *j) {
  t->ftrl(j->y, j->c, j->b, j->a, 0.01f, 0.1f, 0.2f, 0.3f, 0.4f, job_count(j));
}
static inline void job_moving_average(const lam_kernel_table *t, const job *j) {
  t->moving_average(j->y, j->a, 0.99f, job_count(j));
}
static inline void job_decay_and_add(const lam_kernel_table *t, const job *j) {
  t->decay_and_add(j->y, j->a, 0.004f, job_count(j));
}
static inline void job_scale_and_clip(const lam_kernel_table *t, const job *j) {
  t->scale_and_clip(j->y, j->a, 0.3, 2.0f, job_count(j));
}
static inline void job_sum_of_squares(const lam_kernel_table *t, const job *j) {
  double sum = 0;
  if (j->rows && j->columns) t->sum_of_squares(&sum, j->a, job_count(j));
  uint64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  if (j->rows) j->index[0] = sum == sum ? (int32_t)(bits % 0x7fffffff) : -1;
}
static inline void job_gemm(const lam_kernel_table *t, const job *j) { (void)t, (void)j; }

typedef struct {
  const char *name;
  void (*run)(const lam_kernel_table *table, const job *j);
} every_entry;
static const every_entry every_kernel[] = {
#define LAM_X(name, arguments) { #name, job_##name },
  LAM_KERNEL_LIST(LAM_X)
#undef LAM_X
};
enum { EVERY_COUNT = sizeof every_kernel / sizeof *every_kernel };

/* Kernels over arrays of `count` floats, not matrices. */
static inline bool takes_arrays(const char *name) {
  static const char *const names[] = { "sgd",           "rmsprop",        "adam",           "amsgrad", "nadam",
                                       "adagrad",       "adadelta",       "lion",           "ftrl",    "moving_average",
                                       "decay_and_add", "scale_and_clip", "sum_of_squares", "dropout" };
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (strncmp(name, names[i], strlen(names[i])) == 0) return true;
  return false;
}

static const char *const every_level[] = {
#define LAM_X(name) #name,
  LAM_ISA_LIST(LAM_X)
#undef LAM_X
};
enum { EVERY_LEVELS = sizeof every_level / sizeof *every_level };

/* ---- inputs: the same on every machine ---------------------------------------------------------------------------- */

static inline uint32_t next_bits(uint64_t *state) { /* Numerical Recipes' 64-bit congruential generator, its upper half */
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(*state >> 32);
}

/* What the inputs look like: logits around 0; numbers in [0, 1], ends included; any bits at all; a special value now and then. */
typedef enum { FILL_LOGITS, FILL_PROBABILITIES, FILL_ANY, FILL_SPECIAL, FILL_COUNT } fill_kind;

static inline float fill_value(fill_kind kind, uint64_t *state) {
  static const float special[] = { 0.0f,    -0.0f, __builtin_inff(), -__builtin_inff(), 1e-45f,
                                   -1e-40f, 1.0f,  3.4e38f,          -3.4e38f,          88.8f };
  uint32_t bits = next_bits(state);
  float unit = (float)(bits >> 8) * 0x1p-24f, logit = unit * 20.0f - 10.0f, any;
  memcpy(&any, &bits, sizeof any);
  if (kind == FILL_LOGITS) return logit;
  if (kind == FILL_PROBABILITIES) return bits % 13 == 0 ? 0.0f : bits % 17 == 0 ? 1.0f : unit;
  if (kind == FILL_ANY) return any;
  return bits % 8 == 0 ? special[bits / 8 % (sizeof special / sizeof *special)] : logit;
}

/* Fills all of a job's inputs, and its outputs with something that is no result. */
static inline void job_fill(job *j, fill_kind kind, uint64_t seed) {
  size_t count = job_count(j), longest = j->rows > j->columns ? j->rows : j->columns;
  for (size_t i = 0; i < count; ++i) {
    j->y[i] = fill_value(kind, &seed);
    j->a[i] = fill_value(kind, &seed);
    j->b[i] = fill_value(kind, &seed);
    j->c[i] = __builtin_fabsf(fill_value(kind, &seed));
    j->bytes[i] = (uint8_t)next_bits(&seed);
  }
  for (size_t i = 0; i < longest; ++i) j->row[i] = -77.0f;
  for (size_t i = 0; i < j->rows; ++i) {
    j->index[i] = -77;
    j->labels[i] = (int32_t)(next_bits(&seed) % (uint32_t)(j->columns ? j->columns : 1));
  }
  j->step = 3;
}

/* A hash of all that a job can have changed, every NaN being the same (FNV-1a, Fowler, Noll, Vo). */
static inline uint64_t hash_words(uint64_t hash, const void *words, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    memcpy(&bits, (const char *)words + 4 * i, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) bits = 0x7fc00000;
    for (int byte = 0; byte < 4; ++byte) hash = (hash ^ (bits >> 8 * byte & 0xff)) * UINT64_C(1099511628211);
  }
  return hash;
}
static inline uint64_t job_hash(const job *j) {
  uint64_t hash = UINT64_C(14695981039346656037);
  size_t count = job_count(j);
  hash = hash_words(hash, j->y, count);
  hash = hash_words(hash, j->b, count);
  hash = hash_words(hash, j->c, count);
  hash = hash_words(hash, j->row, j->rows > j->columns ? j->rows : j->columns);
  return hash_words(hash, j->index, j->rows);
}

#endif
