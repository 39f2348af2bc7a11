/* SPDX-License-Identifier: MIT
 *
 * The door to matrix products from inside: backends, and the functions of a step, which check nothing and do not touch the
 * floating-point mode because the caller has done both.
 */
#ifndef LAM_BLAS_GEMM_H
#define LAM_BLAS_GEMM_H

#include "base/context.h"
#include "kernels/kernels.h"
#include <lamina/gemm.h>

/* How a backend's functions are called. */
typedef enum lam_gemm_interface {
  LAM_CBLAS_32, /* with the types of the public header */
  LAM_CBLAS_64, /* the same with 64-bit integers */
  LAM_ONEDNN    /* dnnl_sgemm */
} lam_gemm_interface;

typedef void (*lam_any_function)(void);

/* A library's own setting of its threads; NULLs where it has none. */
typedef struct lam_thread_setting {
  lam_any_function get, set; /* int (*)(void) and void (*)(int) */
  bool wide;                 /* with int64_t for int */
} lam_thread_setting;

/* A backend. */
typedef struct lam_gemm {
  struct lam_gemm *next; /* the context's list, in the order in which names are listed and defaults are chosen */
  char *name;
  lam_gemm_interface interface;      /* tells the true types of the next two */
  lam_sgemm_function sgemm;          /* NULL: the native product of the kernel table */
  bool automatic;                    /* "auto": a plan asks which of the others; elsewhere the native product */
  lam_sgemv_function sgemv;          /* NULL: sgemm does one row or column too */
  bool alone;                        /* not to be called by two threads at a time: lam_gemm_run waits */
  lam_thread_setting caller_threads; /* set to 1 around each call: OpenMP's setting belongs to the thread that calls */
  /* What the library says of itself, "" and 0 where it says nothing, and what follows from it. */
  char version[160], core[32], warning[256];
  char setting[32]; /* of the environment, that would have it run other kernels */
  int threads;      /* that it would use on its own */
  char description[512];
} lam_gemm;

/* Gives the context its backends and makes the one called `name` its own; NULL: the build's CBLAS, or "native". Fails with
 * LAM_UNKNOWN_NAME or LAM_OUT_OF_MEMORY. */
lam_status lam_gemm_setup(lam_context *context, const char *name);

/* Releases the backends, however far the setup came. */
void lam_gemm_release(lam_context *context);

/* lam_gemm_register without vetting: what has been vetted, and what tests count with. NULL where memory is exhausted. */
lam_gemm *lam_gemm_add(lam_context *context, const char *name, lam_sgemm_function sgemm, lam_sgemv_function sgemv);
/* Takes back the backend that was added last. */
void lam_gemm_remove(lam_context *context, lam_gemm *gemm);

/* Fails with LAM_UNKNOWN_NAME and the names that there are: the context's, and those of the candidates. */
lam_status lam_gemm_unknown(lam_context *context, const char *name, const lam_gemm_candidate *candidates, size_t count);

/* Asks a backend for products whose results are known and fails with LAM_INVALID_ARGUMENT and a sentence, which says what was
 * wrong with which sizes, at the first that is not right (vet.c). */
lam_status lam_gemm_vet(lam_context *context, const lam_gemm *gemm);

/* A product that was done: C = alpha op(A) op(B) + beta C. `before` is what C held, of which nothing is read where beta is 0. */
typedef struct lam_gemm_result {
  lam_transpose transa, transb;
  size_t m, n, k, lda, ldb, ldc;
  float alpha, beta;
  const float *a, *b, *before, *c;
} lam_gemm_result;

/* An element of it. */
typedef struct lam_gemm_error {
  size_t row, column;
  double wanted, share; /* the error over its bound; infinite for a NaN */
} lam_gemm_error;

/* The element that is furthest off, of so many spread evenly over C, its first and last among them. The bound:
 * |computed - true| <= gamma_(k+2) (|alpha| |A||B| + |beta| |C|), gamma_n = n u / (1 - n u), u = 2^-24: Higham, "Accuracy and
 * Stability of Numerical Algorithms", 2nd edition, section 3.5. */
lam_gemm_error lam_gemm_worst(const lam_gemm_result *r, size_t looks);
/* Refuses the backend that computed it, with the sentence of lam_gemm_vet, where one of all its elements is beyond its bound. */
lam_status lam_gemm_check(lam_context *context, const lam_gemm *gemm, const lam_gemm_result *r);

/* The function of this name in what dlopen gave, or RTLD_DEFAULT; or NULL (library.c). */
lam_any_function lam_library_function(void *handle, const char *name);
/* Loads the library at `path` and binds its functions to `gemm`, unvetted (library.c). `provider` is said for a library that says
 * nothing of itself. LAM_IO where it does not load, LAM_UNSUPPORTED where it has no function for products. */
lam_status lam_library_open(lam_context *context, const char *path, lam_gemm *gemm, const char *provider);
/* Fills `warning` where version and core tell of kernels below what this CPU has, and `description` from the rest; of an MKL that
 * has been called, also `core` (identity.c). */
void lam_gemm_describe(lam_gemm *gemm);

/* The backend of this name, or NULL. */
const lam_gemm *lam_gemm_find(const lam_context *context, const char *name);

/* lam_sgemm without its checks. A foreign backend is called only with m, n, k > 0 and alpha != 0. `epilogue` acts on the result
 * (beta must be 0 then), `scratch` is LAM_GEMM_SCRATCH floats for the native product; both may be NULL. */
void lam_gemm_run(const lam_gemm *gemm, const lam_kernel_table *kernels, lam_transpose transa, lam_transpose transb, size_t m,
                  size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                  size_t ldc, const lam_epilogue *epilogue, float *scratch);

/* lam_gemm_run with the context's backend, and, where the product is native and large, on all of the context's threads: the same
 * bits. Fails where these cannot be started. For the thread that uses the context, as the next one. */
lam_status lam_gemm_run_shared(lam_context *context, lam_transpose transa, lam_transpose transb, size_t m, size_t n, size_t k,
                               float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                               size_t ldc);

/* How many rows, or columns, of C a part of a native product has: a multiple of a kernel's tile, and no more than 64 parts of
 * `all` of them. A worker that takes neighbours computes them in one call. */
enum { LAM_TILE_ROWS = 12, LAM_TILE_COLUMNS = 32 };
size_t lam_gemm_part(size_t all, size_t tile);
/* The context's scratch for a product of this size, LAM_GEMM_SCRATCH floats for each worker, made when first needed; NULL where
 * it would not help or memory is short, which costs speed and nothing else. */
float *lam_gemm_scratch(lam_context *context, size_t workers, size_t m, size_t n, size_t k);
/* True where a native product of this size, in any of the three passes, is faster with scratch. */
bool lam_gemm_wants_scratch(const lam_gemm *gemm, size_t m, size_t n, size_t k);

/* What "auto" has learnt (wisdom.c): the choice for a product, of which only shape and threads are looked at, or NULL; adding one
 * replaces what there was for its product. */
const lam_gemm_choice *lam_wisdom_find(const lam_context *context, const lam_gemm_choice *product);
lam_status lam_wisdom_add(lam_context *context, const lam_gemm_choice *choice);
void lam_wisdom_release(lam_context *context);
/* "32x256x784:NN". */
enum { LAM_PRODUCT_TEXT = 80 };
void lam_gemm_choice_text(const lam_gemm_choice *choice, char text[LAM_PRODUCT_TEXT]);

/* An activation with its parameters, whose meaning is its kernels' (activation.c). */
enum { LAM_MOST_PARAMETERS = 3 };
typedef struct lam_function {
  lam_activation activation;
  float p[LAM_MOST_PARAMETERS];
} lam_function;

/* The activation with the parameters it has where nobody says others. */
lam_function lam_function_of(lam_activation activation);
/* True where the backward pass takes x, not y. */
bool lam_function_from_x(lam_activation activation);
/* True for what kernels->bias_relu computes. */
bool lam_function_is_plain_relu(const lam_function *function);

/* y = f(x + bias); `bias` may be NULL, y may be x. */
void lam_activation_run(const lam_kernel_table *kernels, const lam_function *function, float *y, size_t ldy, const float *x,
                        size_t ldx, const float *bias, size_t rows, size_t columns);
/* dx, the gradient of x, from dy, that of y = f(x), and v, which is y or x. v is not read where f is linear; there dx must be dy.
 */
void lam_activation_backward_run(const lam_kernel_table *kernels, const lam_function *function, float *dx, size_t lddx,
                                 const float *dy, size_t lddy, const float *v, size_t ldv, size_t rows, size_t columns);

/* The linked and the opened BLAS run single-threaded between the first enter and the last leave of all threads of the process;
 * then their settings are as they were. This count and the table of settings are the library's one piece of state that is not in
 * a context, with the lock below, because the settings themselves are the process's. Nothing happens where a library has no such
 * setting or the context keeps its threads. */
void lam_blas_enter(const lam_context *context);
void lam_blas_leave(const lam_context *context);
/* For the libraries of `alone`, of which the process has one, whatever the context. */
void lam_blas_lock(void);
void lam_blas_unlock(void);
/* Adds a setting, once, to those that enter and leave control. False where there is no place left. */
bool lam_blas_control(const lam_thread_setting *setting);
int lam_threads_get(const lam_thread_setting *setting);
void lam_threads_set(const lam_thread_setting *setting, int threads);

/* The linked CBLAS, where the build has one (linked.c): the functions, its name, and what it says of itself. */
#ifdef LAM_HAVE_CBLAS
extern const char lam_linked_name[];
void lam_linked_sgemm(lam_order order, lam_transpose transa, lam_transpose transb, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
void lam_linked_sgemv(lam_order order, lam_transpose trans, int m, int n, float alpha, const float *a, int lda, const float *x,
                      int incx, float beta, float *y, int incy);
void lam_linked_identify(lam_gemm *gemm, bool keep_threads);
#endif

/* Fails where a matrix of `rows` x `columns` in memory is NULL though it has elements, has a leading dimension below its columns,
 * or a number above what a BLAS with 32-bit integers takes. `function` and `name` are for the sentence: "lam_sgemm", "a". */
lam_status lam_check_matrix(lam_context *context, const char *function, const char *name, const float *matrix, size_t ld,
                            size_t rows, size_t columns);

/* Turns a matrix of independent normals into gain times a matrix with orthonormal columns (rows, where it is wider than high),
 * uniformly distributed. `w` is row-major without gaps. LAM_UNSUPPORTED where the build has no LAPACKE. */
lam_status lam_orthogonal(lam_context *context, float *w, size_t rows, size_t columns, float gain);

/* Eigenvalues, rising, of a symmetric n x n matrix, of which the upper and the lower triangle are there; its rows become the
 * eigenvectors. LAM_UNSUPPORTED where the build has no LAPACKE. */
lam_status lam_symmetric_eigen(lam_context *context, double *a, double *values, size_t n);

#endif
