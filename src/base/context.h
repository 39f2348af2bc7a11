/* SPDX-License-Identifier: MIT
 *
 * The context's inside, and what every room uses of it: memory, ownership, failing with a sentence.
 */
#ifndef LAM_BASE_CONTEXT_H
#define LAM_BASE_CONTEXT_H

#include <lamina/base.h>
#include <stdarg.h>

struct lam_pool;
struct lam_gemm;
struct lam_kernel_table;

/* The head of everything a context owns: a model, a dataset. `destroy` frees what the object holds, not the object. */
typedef struct lam_object {
  lam_context *context;
  struct lam_object *next, *previous;
  void (*destroy)(struct lam_object *object);
  size_t size;
} lam_object;

struct lam_context {
  lam_allocator allocator;
  lam_object objects; /* head of the ring of what is owned, newest first */
  const struct lam_kernel_table *kernels;
  struct lam_gemm *gemms; /* the backends there are (src/blas); the context's own is `gemm` */
  const struct lam_gemm *gemm;
  struct lam_gemm_choice *wisdom; /* what the backend "auto" has learnt */
  size_t wisdom_count, wisdom_capacity;
  float *gemm_scratch;   /* of products made on the context's own thread; NULL until a large one was */
  size_t gemm_scratches; /* for so many workers */
  struct lam_pool *pool; /* NULL until something large enough for it was made; with one thread always */
  uint64_t seed;
  uint64_t models;                 /* how many have been made: each has a number of its own */
  struct lam_custom_type *customs; /* the layer types that were registered (src/layers), newest first */
  unsigned threads;
  bool threads_by_default; /* nobody has asked for so many */
  bool keep_blas_threads;
  bool unusable; /* born with an error: every creator fails and the sentence stays */
  lam_status status;
  char message[512];
  void (*log)(void *user, const char *line);
  void *log_user;
};

/* The parts of lam_context_create and lam_context_destroy that need no other room; src/blas/create.c puts the whole together.
 * Open checks and copies the options, which may be NULL; it returns NULL only where memory is exhausted. */
lam_context *lam_context_open(const lam_context_options *options);
void lam_context_empty(lam_context *context); /* destroys what the context owns, newest first */
void lam_context_close(lam_context *context); /* stops the pool and frees the context itself */
/* Starts the pool, once, unless the context has one thread: for who makes something that is worth it. */
lam_status lam_context_start_pool(lam_context *context);

/* Memory at a multiple of 64 bytes. NULL where it is exhausted (the sentence is set) or where size is 0. */
void *lam_allocate(lam_context *context, size_t size);
void *lam_allocate_zero(lam_context *context, size_t size);
/* count * size, checked against overflow. */
void *lam_allocate_array(lam_context *context, size_t count, size_t size);
void lam_release(lam_context *context, void *memory, size_t size);
/* Grows an array of `*capacity` elements of `size` bytes to at least `needed`, keeping its contents; LAM_OUT_OF_MEMORY or LAM_OK.
 */
lam_status lam_grow(lam_context *context, void **memory, size_t *capacity, size_t needed, size_t size);
char *lam_copy_string(lam_context *context, const char *string); /* release with lam_release_string */
void lam_release_string(lam_context *context, char *string);
/* Copies of `count` strings and the pointers to them as one piece of *bytes. */
char **lam_copy_strings(lam_context *context, const char *const *strings, size_t count, size_t *bytes);

/* A zeroed object of `size` bytes that starts with a lam_object, linked into the context; NULL where memory is exhausted or the
 * context is NULL or unusable. lam_object_destroy unlinks it, calls its destroy, and frees it; it takes NULL. */
void *lam_object_create(lam_context *context, size_t size, void (*destroy)(lam_object *object));
void lam_object_destroy(void *object);

/* Sets the context's status and sentence and returns the status, so that a failing function ends in `return lam_fail(...)`. The
 * sentence may quote the one before. A NULL or unusable context is left alone. Numbers that are not integers go through
 * lam_format_float, because printf writes them in the host's locale. */
lam_status lam_fail(lam_context *context, lam_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Tells the log callback a line, if there is one. */
void lam_log_line(lam_context *context, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes of the well-formed UTF-8 character that begins `left` > 0 bytes, 0 where there is none (Unicode 15, table 3-7). */
size_t lam_utf8_size(const char *text, size_t left);
bool lam_is_utf8(const char *text, size_t size);
/* How many bytes of `text`, at most `limit`, to keep so that no UTF-8 character is cut. */
size_t lam_utf8_prefix(const char *text, size_t limit);

/* True where all bytes are zero: how `reserved` is checked. */
bool lam_all_zero(const void *bytes, size_t size);

/* The floating-point mode: enter saves it and sets the default (round to nearest, no traps, denormals kept); leave puts it back.
 */
typedef struct lam_fp_mode {
  uint64_t saved;
} lam_fp_mode;
lam_fp_mode lam_fp_enter(void);
void lam_fp_leave(lam_fp_mode mode);

/* The natural logarithm and e^x within 2 ULP, the same bits everywhere. */
double lam_natural_log(double x);
double lam_natural_exp(double x);

/* Locale-independent text for messages and JSON: the shortest decimal that reads back as the same float/double. Returns buffer.
 */
char *lam_format_float(char buffer[32], float value);
char *lam_format_double(char buffer[32], double value);
/* Reads the decimal number at the start of [text, end), correctly rounded whatever the locale, and returns where it ends, or
 * `text` where there is none. "nan", "inf" and "-inf" are numbers, as lam_format_double writes them; a leading space, hexadecimal
 * and other spellings are not. Too large is infinite, too small is zero. */
const char *lam_parse_double(const char *text, const char *end, double *value);

#endif
