/* SPDX-License-Identifier: MIT
 *
 * lamina/gemm.h: the one door to matrix products; and what is made of them without a graph: a dense layer with its activation,
 * and linear regression.
 *
 * A backend is a name and a function with the type of cblas_sgemm. "openblas" (or "cblas", for another library the build linked)
 * is there unless the build had -Dblas=none; "native" is always there. Every product of the library goes to the context's
 * backend through lam_sgemm's door: forward Y = X W, weight gradient dW = X^T dY, input gradient dX = dY W^T, X being
 * batch x in, W in x out, all row-major.
 *
 * With "native", each output is one chain of fused multiply-adds in increasing k, so the bits do not depend on tiles, threads,
 * batch or instruction set. With a vendor BLAS the bits belong to that library.
 *
 * Threads of the BLAS: fit, evaluate, predict and a trainer's steps run it single-threaded. Where the linked or an opened library
 * has a thread count that can be set (OpenBLAS, BLIS, MKL), which is one setting for the whole process, it is set to 1 at their
 * entry and put back when the last of them, in any thread, has left. lam_sgemm and the dense layer of this page do not touch it;
 * opening and registering do while they vet. oneDNN, and OpenBLAS built with OpenMP, follow the OpenMP setting of the thread that
 * calls, which is 1 for the span of each call. lam_context_options.keep_blas_threads, as it was when the library was opened,
 * leaves all of them alone. OpenBLAS built without threads must not be called by two threads at a time: a product waits for the
 * other, in whatever context, and the threads of a context do not share it.
 */
#ifndef LAMINA_GEMM_H
#define LAMINA_GEMM_H

#include <lamina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The values are those of CBLAS. */
typedef enum lam_order { LAM_ROW_MAJOR = 101, LAM_COLUMN_MAJOR = 102 } lam_order;
typedef enum lam_transpose { LAM_NO_TRANSPOSE = 111, LAM_TRANSPOSE = 112 } lam_transpose;

/* The types of cblas_sgemm and cblas_sgemv with 32-bit integers; cast yours to them. */
typedef void (*lam_sgemm_function)(lam_order order, lam_transpose transa, lam_transpose transb, int m, int n, int k, float alpha,
                                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*lam_sgemv_function)(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda,
                                   const float *x, int incx, float beta, float *y, int incy);

/* Puts the caller's functions behind the door under `name` and makes them the context's backend. `sgemv` may be NULL: then
 * products with one row or column go to `sgemm` too. The functions must live as long as the context and, where the context has
 * threads, be safe to call from several at once. They are always called with LAM_ROW_MAJOR and checked arguments.
 * Before the first use they are vetted, which takes some milliseconds: more than a thousand products of small integers, which
 * must be exact, at all transpositions, odd sizes, wide leading dimensions and several alpha and beta, C full of NaN where beta
 * is 0; and products of random numbers, which must keep the error bound. Errors: LAM_INVALID_ARGUMENT for an empty name or one
 * that exists, and for functions that are wrong: the sentence says at which product. Since 0.1. */
LAM_API lam_status lam_gemm_register(lam_context *context, const char *name, lam_sgemm_function sgemm, lam_sgemv_function sgemv);

/* Finds, loads and vets a library and makes it the context's backend. `name_or_path` is a path if it has a slash, else
 *   - the name of a backend that the context has, as for lam_gemm_select: "native", "openblas", what was opened before;
 *   - the name of a library that lam_gemm_candidates lists, such as "openblas-serial" or "scipy-openblas32";
 *   - or "openblas", "blis", "mkl", "atlas", "reference", "onednn": the first of that provider;
 *   - or several of these, separated by commas: all are opened, the last is the backend.
 * The backend's name is then `name_or_path`. The library must have cblas_sgemm, with 32-bit or 64-bit integers, under the usual
 * prefixes and suffixes of its name, or dnnl_sgemm; cblas_sgemv is used where there is one. It stays loaded until the process
 * ends. Its code runs in this process: what crashes or exits when it is asked for products takes the process with it (`lamina
 * gemm` tries each library in a process of its own). lam_context_options.gemm and LAMINA_GEMM open what they name like this.
 * Errors: LAM_UNKNOWN_NAME, the sentence lists what there is; LAM_IO for a file that does not load; LAM_UNSUPPORTED for a library
 * without such a function; LAM_INVALID_ARGUMENT for one that is vetted as wrong, as with lam_gemm_register. Since 0.1. */
LAM_API lam_status lam_gemm_open(lam_context *context, const char *name_or_path);

/* A library that is installed. */
typedef struct lam_gemm_candidate {
  char name[40];     /* for lam_gemm_open; unique in the list */
  char provider[16]; /* "openblas", "blis", "mkl", "atlas", "reference", "onednn"; "" for a file named by LAMINA_GEMM_PATH */
  char path[1024];
} lam_gemm_candidate;

/* Fills `candidates` with the libraries that are found, at most `capacity`, and returns how many it wrote. Looks in
 * LAMINA_GEMM_PATH (files, or folders laid out like the system's, separated by colons), then in the system's library folders,
 * Debian's side-by-side ones included, then in the Python environments of VIRTUAL_ENV, CONDA_PREFIX, ~/.local, /usr/local and
 * /usr. Loads nothing. A program with raised privileges ignores the variables. Thread-safe. Since 0.1. */
LAM_API size_t lam_gemm_candidates(lam_gemm_candidate *candidates, size_t capacity);

/* Makes a backend the context's own, by name. Models, trainers and sessions made before keep theirs.
 * Errors: LAM_UNKNOWN_NAME, the sentence lists the names there are. Since 0.1. */
LAM_API lam_status lam_gemm_select(lam_context *context, const char *name);

/* The name of the context's backend, and what the library behind it says of itself (version, core type; "" where it says
 * nothing). Valid until the context ends. Since 0.1. */
LAM_API const char *lam_gemm_name(const lam_context *context);
LAM_API const char *lam_gemm_description(const lam_context *context);

/* C = alpha * op(A) op(B) + beta * C, row-major, op(A) m x k, op(B) k x n, on the context's backend. beta = 0 overwrites C, NaN
 * or not; alpha = 0 or k = 0 leaves beta * C. One row or one column goes to sgemv. C must not overlap A or B. Errors, before the
 * backend sees anything: LAM_INVALID_ARGUMENT for a leading dimension below the stored row, a size above 2^31 - 1, an unknown
 * transposition; LAM_NO_HANDLE for a null matrix with elements. Large native products run on the context's threads, with the same
 * bits: LAM_SYSTEM where these cannot be started. Since 0.1. */
LAM_API lam_status lam_sgemm(lam_context *context, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                             float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                             size_t ldc);

/* ---- the backend "auto" ------------------------------------------------------------------------------------------ */

/* With "auto" (lam_gemm_select, lam_context_options.gemm, LAMINA_GEMM) a plan measures, when fit, evaluate, predict or a session
 * is prepared, each product of its network with each backend that the context has - some milliseconds for each, with the
 * threads that it will have - and keeps the fastest, the native product where none is clearly faster. lam_gemm_open adds backends
 * before; a list of names, "blis,mkl,auto", opens all of them and selects the last. What it decided and why is told to the
 * context's log and here. Outside of plans, in lam_sgemm and the functions of this page, "auto" is the native product. What was
 * learnt holds for the context's life. lam_wisdom_save and lam_wisdom_load (lamina/file.h) keep it: with the same wisdom and
 * backends a run repeats its bits, which otherwise may depend on what was fastest. */
typedef struct lam_gemm_choice {
  lam_transpose transa, transb;
  size_t m, n, k;
  unsigned threads;
  char backend[256], other[256]; /* the chosen one and the next; "" where there was no other */
  double seconds, other_seconds; /* of one product, the fastest of some */
} lam_gemm_choice;

/* How many products have been decided, and one of them. Errors: LAM_INVALID_ARGUMENT beyond the last. Since 0.1. */
LAM_API size_t lam_gemm_choice_count(const lam_context *context);
LAM_API lam_status lam_gemm_get_choice(lam_context *context, size_t index, lam_gemm_choice *choice);

/* What a layer does to its input, by Keras's names; lamina/kernels.h has the formulas and errors. gelu is the form with erf. With
 * the parameters that Keras gives them: leaky_relu 0.2, elu and celu 1, hard_shrink and soft_shrink 0.5, squareplus 4, threshold
 * 0 and 0; lam_activate_with takes others. */
#define LAM_ACTIVATION_LIST(X)                                                                                                   \
  X(LINEAR, linear)                                                                                                              \
  X(RELU, relu)                                                                                                                  \
  X(SIGMOID, sigmoid)                                                                                                            \
  X(TANH, tanh)                                                                                                                  \
  X(SOFTMAX, softmax)                                                                                                            \
  X(LOG_SOFTMAX, log_softmax)                                                                                                    \
  X(RELU6, relu6)                                                                                                                \
  X(LEAKY_RELU, leaky_relu)                                                                                                      \
  X(ELU, elu)                                                                                                                    \
  X(SELU, selu)                                                                                                                  \
  X(CELU, celu)                                                                                                                  \
  X(GELU, gelu)                                                                                                                  \
  X(GELU_TANH, gelu_tanh)                                                                                                        \
  X(SILU, silu)                                                                                                                  \
  X(MISH, mish)                                                                                                                  \
  X(SOFTPLUS, softplus)                                                                                                          \
  X(SOFTSIGN, softsign)                                                                                                          \
  X(HARD_SIGMOID, hard_sigmoid)                                                                                                  \
  X(HARD_SILU, hard_silu)                                                                                                        \
  X(LOG_SIGMOID, log_sigmoid)                                                                                                    \
  X(EXPONENTIAL, exponential)                                                                                                    \
  X(HARD_TANH, hard_tanh)                                                                                                        \
  X(HARD_SHRINK, hard_shrink)                                                                                                    \
  X(SOFT_SHRINK, soft_shrink)                                                                                                    \
  X(TANH_SHRINK, tanh_shrink)                                                                                                    \
  X(THRESHOLD, threshold)                                                                                                        \
  X(SQUAREPLUS, squareplus)                                                                                                      \
  X(SPARSE_PLUS, sparse_plus)                                                                                                    \
  X(SPARSE_SIGMOID, sparse_sigmoid)                                                                                              \
  X(SPARSEMAX, sparsemax)

typedef enum lam_activation {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_ACTIVATION_LIST(LAM_X)
#undef LAM_X
} lam_activation;

/* A dense layer, without a graph: y = f(x w + bias), x rows x in, w in x out, y rows x out. `bias` may be NULL. Since 0.1. */
LAM_API lam_status lam_dense_forward(lam_context *context, float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                                     size_t ldw, const float *bias, lam_activation activation, size_t rows, size_t in,
                                     size_t out);

/* Its backward pass. `dy` holds the gradient of y on entry and that of x w + bias on return; `y` is the forward result, but for
 * activations whose backward kernel takes x it is x w + bias: run those as LAM_LINEAR and the activation apart. Then dw = x^T dy,
 * dbias = column sums of dy, dx = dy w^T. Each of dw, dbias and dx may be NULL: not wanted. Since 0.1. */
LAM_API lam_status lam_dense_backward(lam_context *context, float *dx, size_t lddx, float *dw, size_t lddw, float *dbias,
                                      float *dy, size_t lddy, const float *y, size_t ldy, const float *x, size_t ldx,
                                      const float *w, size_t ldw, lam_activation activation, size_t rows, size_t in, size_t out);

/* ---- linear regression ------------------------------------------------------------------------------------------- */

/* What lam_linear_regression says of the problem. x here has its column means taken away where there is a bias. */
typedef struct lam_regression {
  size_t rank;      /* of x: singular values above max(rows, in) * 2^-52 of the largest; below `in`, many w are equally good */
  double condition; /* the largest singular value of x over the smallest; infinite where rank < in */
  double loss;      /* mean squared error over rows and outputs, of w and bias as returned */
} lam_regression;

/* The w and bias for which sum (x w + bias - t)^2 + ridge * sum w^2 is least, x rows x in, w in x out, t rows x out: what a
 * network of one dense layer learns with mean squared error, without training. The bias, which may be NULL, is not penalised. Of
 * several equally good w the one with the least sum of squares. Computed in double from the singular values x = U S V^T, as
 * w = V S/(S^2 + ridge) U^T t. Source: Golub, Van Loan, "Matrix Computations", 4th edition, 2013, sections 5.5 and 6.1.4.
 * `result` may be NULL. Takes 2 (rows + in) min(rows, in) doubles and more of memory.
 * Errors: LAM_INVALID_DATA (row and column of what is not finite, or a w beyond the floats), LAM_INVALID_ARGUMENT (a leading
 * dimension, a ridge that is negative or not finite), LAM_INVALID_SHAPE (no rows, no columns), LAM_UNSUPPORTED in a build without
 * LAPACKE. Since 0.1. */
LAM_API lam_status lam_linear_regression(lam_context *context, float *w, size_t ldw, float *bias, const float *x, size_t ldx,
                                         const float *t, size_t ldt, double ridge, size_t rows, size_t in, size_t out,
                                         lam_regression *result);

#ifdef __cplusplus
}
#endif
#endif
