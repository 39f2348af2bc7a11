/* SPDX-License-Identifier: MIT
 *
 * lamina/base.h: status codes, the context, memory, random numbers.
 *
 * Conventions of every Lamina header
 *
 *   Handles      are opaque, made by a creator and owned by the context they came from: lam_context_destroy releases them
 *                all. Each also has its own lam_..._destroy for an earlier end; it takes NULL.
 *   Errors       Creators return NULL (or a failed node) and everything else a lam_status; the sentence is in
 *                lam_error_message(context). A call made with a NULL handle or a failed node fails with LAM_NO_HANDLE and leaves
 *                the sentence alone, so that a chain of calls needs one check, at its end, and tells its first failure.
 *   Options      are plain structs. Zero always means the default, which is Keras's; NULL means all defaults. Where zero itself
 *                must be said, say LAM_ZERO. `reserved` must be zero and is checked.
 *   Matrices     are row-major floats with a leading dimension (`ld...`, in elements, at least the number of columns).
 *   Threads      A context and what is made from it belong to one thread at a time. Two contexts never interfere. Sessions
 *                (lamina/model.h) may run in many threads on one model. Kernels (lamina/kernels.h) are pure functions.
 *   The process  The library never prints, exits, aborts, or changes the locale, the environment or signal handlers. The
 *                floating-point mode is saved, set to the default, and restored at each entry that computes.
 */
#ifndef LAMINA_BASE_H
#define LAMINA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LAM_API __attribute__((visibility("default")))
#else
#define LAM_API
#endif

#define LAM_VERSION_MAJOR 0
#define LAM_VERSION_MINOR 1
#define LAM_VERSION_PATCH 0

/* The version of the library that runs, as "0.1.0"; static. Thread-safe. Since 0.1. */
LAM_API const char *lam_version(void);

/* ---- status ------------------------------------------------------------------------------------------------------ */

/* Every status: X(NAME, number, "text"). The numbers are part of the interface and never change. */
#define LAM_STATUS_LIST(X)                                                                                                       \
  X(OK, 0, "ok")                                                                                                                 \
  X(OUT_OF_MEMORY, 1, "out of memory")                                                                                           \
  X(INVALID_ARGUMENT, 2, "invalid argument")                                                                                     \
  X(INVALID_SHAPE, 3, "shapes do not fit")                                                                                       \
  X(INVALID_DATA, 4, "invalid data")                                                                                             \
  X(UNKNOWN_NAME, 5, "unknown name")                                                                                             \
  X(NOT_FINITE, 6, "the loss is not finite")                                                                                     \
  X(IO, 7, "a file cannot be read or written")                                                                                   \
  X(FORMAT, 8, "a file is malformed")                                                                                            \
  X(UNSUPPORTED, 9, "not supported by this build")                                                                               \
  X(NO_HANDLE, 10, "called with a null handle or a failed node")                                                                 \
  X(STOPPED, 11, "stopped by the caller")                                                                                        \
  X(SYSTEM, 12, "the operating system refused")

typedef enum lam_status {
#define LAM_X(name, number, text) LAM_##name = number,
  LAM_STATUS_LIST(LAM_X)
#undef LAM_X
} lam_status;

/* The short text of a status, for example "out of memory"; static, never NULL. Thread-safe. Since 0.1. */
LAM_API const char *lam_status_text(lam_status status);

/* Where zero means "the default", this value means zero itself: a learning rate, rate or epsilon of exactly 0. */
#define LAM_ZERO 1.17549435e-38f

/* ---- the context ------------------------------------------------------------------------------------------------- */

typedef struct lam_context lam_context;

/* Memory comes from here when given. `allocate` returns `size` bytes at a multiple of `alignment` (a power of two, 64 at most)
 * or NULL; `release` gets the size that was asked for. Both may be called from the thread that uses the context. */
typedef struct lam_allocator {
  void *(*allocate)(void *user, size_t size, size_t alignment);
  void (*release)(void *user, void *memory, size_t size);
  void *user;
} lam_allocator;

/* How a context differs from the default. */
typedef struct lam_context_options {
  lam_allocator allocator;                   /* both functions, or neither: then the C library's */
  uint64_t seed;                             /* of initial weights and shuffling; 0 is a seed like any other */
  unsigned threads;                          /* at most so many, the caller's included; 0: lam_context_threads tells */
  bool keep_blas_threads;                    /* leave the BLAS's own thread setting alone (see lamina/gemm.h) */
  const char *gemm;                          /* name of the gemm backend; NULL: LAMINA_GEMM, or the build's CBLAS, or "native" */
  void (*log)(void *user, const char *line); /* told what the library decided, one line at a time; NULL: silence */
  void *log_user;
  uint64_t reserved[8];
} lam_context_options;

/* Makes a context. `options` may be NULL; it is copied, the allocator's `user` must outlive the context.
 * Returns NULL only when memory is exhausted. Anything else that is wrong (an unknown LAMINA_ISA or gemm, a non-zero
 * `reserved`) leaves a context that holds the sentence and with which every creator fails.
 * Thread-safe. Since 0.1. */
LAM_API lam_context *lam_context_create(const lam_context_options *options);

/* Releases the context and everything made from it. NULL is allowed. Since 0.1. */
LAM_API void lam_context_destroy(lam_context *context);

/* The status of the context's last failure, LAM_OK when there was none. Since 0.1. */
LAM_API lam_status lam_error_status(const lam_context *context);

/* The sentence of the context's last failure: what was wrong with which value. Empty when nothing failed. Valid until the next
 * failure or the context's end. Of NULL: says that no context could be made. Since 0.1. */
LAM_API const char *lam_error_message(const lam_context *context);

/* How many threads the context may use, the caller's among them: as its options say, or by default as many as the process has
 * CPUs: those that it may run on (sched_getaffinity), and not more than the control groups it is in give it time for (cpu.max, or
 * cpu.cfs_quota_us, rounded down). They change how long something takes and never what comes out.
 *
 * A context starts its other threads when the first trainer or session is made, or the first native product outside of them
 * (lam_sgemm), that is large enough to gain from them; small ones, and with one thread all, run on the caller's alone. Which
 * operations are shared follows from their shapes. Started threads wait for work for 50 us and then sleep, take no signals, and
 * end with the context. Where the system refuses one, it fails with LAM_SYSTEM; by default fewer are used. A forked child has
 * none of them and does all alone. Of NULL: the default. Thread-safe only of NULL. Since 0.1. */
LAM_API unsigned lam_context_threads(const lam_context *context);

/* The instruction set whose kernels run: "avx512", "avx2", "neon" or "portable". The best one of this CPU, or lower where
 * the environment's LAMINA_ISA says so (an upper limit). Of NULL: what a new context would use. Since 0.1. */
LAM_API const char *lam_context_isa(const lam_context *context);

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

/* Philox4x32 with 10 rounds: four 32-bit words from a 128-bit counter and a 64-bit key, the same on every machine.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * Weights, shuffles and noise each draw from a stream of their own; docs/numerics.md tells the counters. Thread-safe. Since 0.1.
 */
LAM_API void lam_random_bits(uint32_t bits[4], const uint32_t counter[4], const uint32_t key[2]);

/* Fills `values` with uniform floats in [0, 1): the top 24 bits of each word, divided by 2^24. Number i of stream `stream` under
 * `seed` is value `first + i`, whatever was drawn before. Thread-safe. Since 0.1. */
LAM_API void lam_random_uniform(float *values, size_t count, uint64_t seed, uint64_t stream, uint64_t first);

/* The same for the standard normal distribution, by inversion (Wichura, "Algorithm AS 241", Applied Statistics 37, 1988) in
 * double without the C library's functions, so that the bits agree everywhere. Thread-safe. Since 0.1. */
LAM_API void lam_random_normal(float *values, size_t count, uint64_t seed, uint64_t stream, uint64_t first);

#ifdef __cplusplus
}
#endif
#endif
