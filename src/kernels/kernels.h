/* SPDX-License-Identifier: MIT
 *
 * The kernels as the library itself calls them: one table of functions per instruction set. No checks, no floating-point mode:
 * the caller has done both. Every kernel is one line of LAM_KERNEL_LIST, which makes the table, each instruction set's
 * instance of it, and the declarations; the public functions of lamina/kernels.h check and call through it.
 */
#ifndef LAM_KERNELS_KERNELS_H
#define LAM_KERNELS_KERNELS_H

#include <lamina/kernels.h>
#include <stdbool.h>

#define LAM_UNARY_ARGUMENTS (float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns)
#define LAM_BACKWARD_ARGUMENTS                                                                                                   \
  (float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, size_t rows, size_t columns)
/* The same with three parameters; a kernel ignores those it has no use for. */
#define LAM_UNARY_WITH_ARGUMENTS (float *y, size_t ldy, const float *x, size_t ldx, const float *p, size_t rows, size_t columns)
#define LAM_BACKWARD_WITH_ARGUMENTS                                                                                              \
  (float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, const float *p, size_t rows, size_t columns)
#define LAM_BINARY_ARGUMENTS                                                                                                     \
  (float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns)
#define LAM_SPARSE_LOSS_ARGUMENTS                                                                                                \
  (float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const int32_t *labels, float scale, size_t rows,             \
   size_t columns)
#define LAM_DENSE_LOSS_ARGUMENTS                                                                                                 \
  (float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, float scale, size_t rows,        \
   size_t columns)

/* The same with parameters. */
#define LAM_DENSE_LOSS_WITH_ARGUMENTS                                                                                            \
  (float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, const float *p, float scale,     \
   size_t rows, size_t columns)

/* X(name, (arguments)): all return void. */
#define LAM_KERNEL_LIST(X)                                                                                                       \
  X(exp, LAM_UNARY_ARGUMENTS)                                                                                                    \
  X(log, LAM_UNARY_ARGUMENTS)                                                                                                    \
  X(relu, LAM_UNARY_ARGUMENTS)                                                                                                   \
  X(sigmoid, LAM_UNARY_ARGUMENTS)                                                                                                \
  X(tanh, LAM_UNARY_ARGUMENTS)                                                                                                   \
  X(softmax, LAM_UNARY_ARGUMENTS)                                                                                                \
  X(log_softmax, LAM_UNARY_ARGUMENTS)                                                                                            \
  X(relu_backward, LAM_BACKWARD_ARGUMENTS)                                                                                       \
  X(sigmoid_backward, LAM_BACKWARD_ARGUMENTS)                                                                                    \
  X(tanh_backward, LAM_BACKWARD_ARGUMENTS)                                                                                       \
  X(softmax_backward, LAM_BACKWARD_ARGUMENTS)                                                                                    \
  X(log_softmax_backward, LAM_BACKWARD_ARGUMENTS)                                                                                \
  X(hard_sigmoid, LAM_UNARY_ARGUMENTS)                                                                                           \
  X(hard_silu, LAM_UNARY_ARGUMENTS)                                                                                              \
  X(hard_tanh, LAM_UNARY_ARGUMENTS)                                                                                              \
  X(softplus, LAM_UNARY_ARGUMENTS)                                                                                               \
  X(log_sigmoid, LAM_UNARY_ARGUMENTS)                                                                                            \
  X(softsign, LAM_UNARY_ARGUMENTS)                                                                                               \
  X(silu, LAM_UNARY_ARGUMENTS)                                                                                                   \
  X(mish, LAM_UNARY_ARGUMENTS)                                                                                                   \
  X(gelu, LAM_UNARY_ARGUMENTS)                                                                                                   \
  X(gelu_tanh, LAM_UNARY_ARGUMENTS)                                                                                              \
  X(tanh_shrink, LAM_UNARY_ARGUMENTS)                                                                                            \
  X(sparse_plus, LAM_UNARY_ARGUMENTS)                                                                                            \
  X(sparse_sigmoid, LAM_UNARY_ARGUMENTS)                                                                                         \
  X(sparsemax, LAM_UNARY_ARGUMENTS)                                                                                              \
  X(relu_with, LAM_UNARY_WITH_ARGUMENTS)                                                                                         \
  X(elu, LAM_UNARY_WITH_ARGUMENTS)                                                                                               \
  X(threshold, LAM_UNARY_WITH_ARGUMENTS)                                                                                         \
  X(squareplus, LAM_UNARY_WITH_ARGUMENTS)                                                                                        \
  X(hard_shrink, LAM_UNARY_WITH_ARGUMENTS)                                                                                       \
  X(soft_shrink, LAM_UNARY_WITH_ARGUMENTS)                                                                                       \
  X(hard_sigmoid_backward, LAM_BACKWARD_ARGUMENTS)                                                                               \
  X(hard_silu_backward, LAM_BACKWARD_ARGUMENTS)                                                                                  \
  X(hard_tanh_backward, LAM_BACKWARD_ARGUMENTS)                                                                                  \
  X(softplus_backward, LAM_BACKWARD_ARGUMENTS)                                                                                   \
  X(log_sigmoid_backward, LAM_BACKWARD_ARGUMENTS)                                                                                \
  X(softsign_backward, LAM_BACKWARD_ARGUMENTS)                                                                                   \
  X(silu_backward, LAM_BACKWARD_ARGUMENTS)                                                                                       \
  X(mish_backward, LAM_BACKWARD_ARGUMENTS)                                                                                       \
  X(gelu_backward, LAM_BACKWARD_ARGUMENTS)                                                                                       \
  X(gelu_tanh_backward, LAM_BACKWARD_ARGUMENTS)                                                                                  \
  X(tanh_shrink_backward, LAM_BACKWARD_ARGUMENTS)                                                                                \
  X(sparse_plus_backward, LAM_BACKWARD_ARGUMENTS)                                                                                \
  X(sparse_sigmoid_backward, LAM_BACKWARD_ARGUMENTS)                                                                             \
  X(sparsemax_backward, LAM_BACKWARD_ARGUMENTS)                                                                                  \
  X(shrink_backward, LAM_BACKWARD_ARGUMENTS)                                                                                     \
  X(relu_with_backward, LAM_BACKWARD_WITH_ARGUMENTS)                                                                             \
  X(elu_backward, LAM_BACKWARD_WITH_ARGUMENTS)                                                                                   \
  X(threshold_backward, LAM_BACKWARD_WITH_ARGUMENTS)                                                                             \
  X(squareplus_backward, LAM_BACKWARD_WITH_ARGUMENTS)                                                                            \
  X(bias, (float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns))                    \
  X(bias_relu, (float *y, size_t ldy, const float *x, size_t ldx, const float *bias, size_t rows, size_t columns))               \
  X(add, LAM_BINARY_ARGUMENTS)                                                                                                   \
  X(subtract, LAM_BINARY_ARGUMENTS)                                                                                              \
  X(multiply, LAM_BINARY_ARGUMENTS)                                                                                              \
  X(maximum, LAM_BINARY_ARGUMENTS)                                                                                               \
  X(minimum, LAM_BINARY_ARGUMENTS)                                                                                               \
  X(from_bytes, (float *y, size_t ldy, const uint8_t *x, size_t ldx, float scale, float offset, size_t rows, size_t columns))    \
  X(affine, (float *y, size_t ldy, const float *x, size_t ldx, float scale, float offset, size_t rows, size_t columns))          \
  X(standardize,                                                                                                                 \
    (float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance, size_t rows, size_t columns))   \
  X(column_moments, (float *mean, float *variance, const float *x, size_t ldx, size_t rows, size_t columns))                     \
  X(normalize_columns, (float *y, size_t ldy, const float *x, size_t ldx, const float *mean, const float *variance,              \
                        const float *gamma, const float *beta, float epsilon, size_t rows, size_t columns))                      \
  X(normalize_columns_backward,                                                                                                  \
    (float *dx, size_t lddx, float *dgamma, float *dbeta, const float *dy, size_t lddy, const float *x, size_t ldx,              \
     const float *mean, const float *variance, const float *gamma, float epsilon, size_t rows, size_t columns))                  \
  X(normalize_rows, (float *y, size_t ldy, float *statistics, const float *x, size_t ldx, const float *gamma, const float *beta, \
                     float epsilon, int centered, size_t rows, size_t columns))                                                  \
  X(normalize_rows_backward, (float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,                  \
                              const float *statistics, const float *gamma, int centered, size_t rows, size_t columns))           \
  X(normalize_rows_factors, (float *dgamma, const float *dy, size_t lddy, const float *x, size_t ldx, const float *statistics,   \
                             size_t rows, size_t columns))                                                                       \
  X(prelu, (float *y, size_t ldy, const float *x, size_t ldx, const float *slopes, size_t rows, size_t columns))                 \
  X(prelu_backward, (float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx, const float *slopes,      \
                     size_t rows, size_t columns))                                                                               \
  X(prelu_slopes, (float *dslopes, const float *dy, size_t lddy, const float *x, size_t ldx, size_t rows, size_t columns))       \
  X(pass_equal, (float *dx, size_t lddx, float *rest, size_t ldrest, const float *x, size_t ldx, const float *y, size_t ldy,     \
                 size_t rows, size_t columns))                                                                                   \
  X(dropout, (float *y, const float *x, float rate, uint64_t seed, uint64_t stream, uint64_t first, size_t count))               \
  X(log_sum_exp, (float *y, const float *x, size_t ldx, size_t rows, size_t columns))                                            \
  X(argmax, (int32_t * index, const float *x, size_t ldx, size_t rows, size_t columns))                                          \
  X(column_sums, (float *y, const float *x, size_t ldx, size_t rows, size_t columns))                                            \
  X(softmax_sparse_crossentropy, LAM_SPARSE_LOSS_ARGUMENTS)                                                                      \
  X(softmax_crossentropy, LAM_DENSE_LOSS_ARGUMENTS)                                                                              \
  X(sigmoid_binary_crossentropy, LAM_DENSE_LOSS_ARGUMENTS)                                                                       \
  X(sparse_crossentropy, LAM_SPARSE_LOSS_ARGUMENTS)                                                                              \
  X(crossentropy, LAM_DENSE_LOSS_ARGUMENTS)                                                                                      \
  X(binary_crossentropy, LAM_DENSE_LOSS_ARGUMENTS)                                                                               \
  X(squared_error, (float *loss, float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, float factor,   \
                    float scale, size_t rows, size_t columns))                                                                   \
  X(mean_absolute_error, LAM_DENSE_LOSS_ARGUMENTS)                                                                               \
  X(mean_absolute_percentage_error, LAM_DENSE_LOSS_ARGUMENTS)                                                                    \
  X(mean_squared_logarithmic_error, LAM_DENSE_LOSS_ARGUMENTS)                                                                    \
  X(log_cosh, LAM_DENSE_LOSS_ARGUMENTS)                                                                                          \
  X(hinge, LAM_DENSE_LOSS_ARGUMENTS)                                                                                             \
  X(squared_hinge, LAM_DENSE_LOSS_ARGUMENTS)                                                                                     \
  X(categorical_hinge, LAM_DENSE_LOSS_ARGUMENTS)                                                                                 \
  X(poisson, LAM_DENSE_LOSS_ARGUMENTS)                                                                                           \
  X(kl_divergence, LAM_DENSE_LOSS_ARGUMENTS)                                                                                     \
  X(huber, LAM_DENSE_LOSS_WITH_ARGUMENTS)                                                                                        \
  X(binary_focal_crossentropy, LAM_DENSE_LOSS_WITH_ARGUMENTS)                                                                    \
  X(sigmoid_binary_focal_crossentropy, LAM_DENSE_LOSS_WITH_ARGUMENTS)                                                            \
  X(focal_crossentropy, LAM_DENSE_LOSS_WITH_ARGUMENTS)                                                                           \
  X(softmax_focal_crossentropy, LAM_DENSE_LOSS_WITH_ARGUMENTS)                                                                   \
  X(pair_sums, (float *sums, const float *x, size_t ldx, const float *t, size_t ldt, size_t rows, size_t columns))               \
  X(pair_combine, (float *dx, size_t lddx, const float *x, size_t ldx, const float *t, size_t ldt, const float *factors,         \
                   size_t rows, size_t columns))                                                                                 \
  X(sgd, (float *w, const float *g, float rate, size_t count))                                                                   \
  X(sgd_momentum, (float *w, float *velocity, const float *g, float rate, float momentum, size_t count))                         \
  X(sgd_nesterov, (float *w, float *velocity, const float *g, float rate, float momentum, size_t count))                         \
  X(rmsprop, (float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count))                           \
  X(rmsprop_epsilon_outside, (float *w, float *v, const float *g, float rate, float rho, float epsilon, size_t count))           \
  X(adam, (float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon, uint64_t step,   \
           size_t count))                                                                                                        \
  X(rmsprop_general, (float *w, float *v, float *m, float *average, const float *g, float rate, float rho, float epsilon,        \
                      bool outside, float momentum, size_t count))                                                               \
  X(amsgrad, (float *w, float *m, float *v, float *most, const float *g, float rate, float beta_1, float beta_2, float epsilon,  \
              uint64_t step, size_t count))                                                                                      \
  X(adamax, (float *w, float *m, float *norm, const float *g, float rate, float beta_1, float beta_2, float epsilon,             \
             uint64_t step, size_t count))                                                                                       \
  X(nadam, (float *w, float *m, float *v, const float *g, float rate, float beta_1, float beta_2, float epsilon, double product, \
            uint64_t step, size_t count))                                                                                        \
  X(adagrad, (float *w, float *sum, const float *g, float rate, float epsilon, size_t count))                                    \
  X(adadelta, (float *w, float *gradients, float *deltas, const float *g, float rate, float rho, float epsilon, size_t count))   \
  X(lion, (float *w, float *m, const float *g, float rate, float beta_1, float beta_2, size_t count))                            \
  X(ftrl, (float *w, float *sum, float *linear, const float *g, float rate, float l1, float l2, float l2_shrinkage, float beta,  \
           size_t count))                                                                                                        \
  X(moving_average, (float *average, const float *w, float momentum, size_t count))                                              \
  X(decay_and_add, (float *w, const float *change, float decay, size_t count))                                                   \
  X(scale_and_clip, (float *y, const float *x, double scale, float limit, size_t count))                                         \
  X(sum_of_squares, (double *sum, const float *x, size_t count))                                                                 \
  X(gemm, (int transa, int transb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,        \
           size_t ldb, float beta, float *c, size_t ldc, const lam_epilogue *epilogue, float *scratch))

/* What the product does to its results on their way out, where beta is 0: c + bias, and then relu. */
typedef struct lam_epilogue {
  const float *bias; /* one row; NULL: none */
  bool relu;
} lam_epilogue;

/* Room of this many floats, at a multiple of 64 bytes, makes large products faster; what is in it does not matter. 384 KiB lie in
 * the second cache of most CPUs. */
enum { LAM_GEMM_SCRATCH = 3 << 15 };

/* selu's scale, and scale times its alpha. Source: Klambauer et al., "Self-normalizing neural networks", NIPS 2017. */
#define LAM_SELU_ABOVE 1.05070098735548049f
#define LAM_SELU_BELOW 1.75809934084737686f

typedef struct lam_kernel_table {
  const char *isa;
#define LAM_X(name, arguments) void(*name) arguments;
  LAM_KERNEL_LIST(LAM_X)
#undef LAM_X
} lam_kernel_table;

/* The levels, best first: X(name, meson condition is LAM_HAVE_name). The kernels of a level end in its name. */
#define LAM_ISA_LIST(X) X(avx512) X(avx2) X(neon) X(portable)

/* The table of the best level this CPU has, or of the upper limit that LAMINA_ISA sets; decided once, thread-safe. */
const lam_kernel_table *lam_kernels(void);

/* The table of a named level, or NULL where this CPU or build lacks it: for tests and benches. */
const lam_kernel_table *lam_kernels_at(const char *isa);

/* NULL when LAMINA_ISA is unset or known; otherwise its value, which is not a level. */
const char *lam_isa_unknown(void);

#endif
