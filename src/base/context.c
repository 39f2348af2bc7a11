/* SPDX-License-Identifier: MIT
 *
 * The context's life and what it owns. Its kernels and gemm backends are bound by src/blas/create.c, from the rooms above.
 */
#include "base/context.h"
#include "base/cpus.h"
#include "base/pool.h"
#include <stdlib.h>

enum { MAXIMUM_THREADS = 1024 };

static void *default_allocate(void *user, size_t size, size_t alignment) {
  (void)user;
  void *memory;
  return posix_memalign(&memory, alignment, size) ? NULL : memory;
}

static void default_release(void *user, void *memory, size_t size) {
  (void)user;
  (void)size;
  free(memory);
}

static lam_status check_options(lam_context *context, const lam_context_options *options) {
  const lam_allocator *allocator = &options->allocator;
  if (!allocator->allocate != !allocator->release)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_context_options.allocator has %s but no %s; it needs both, or neither",
                    allocator->allocate ? "allocate" : "release", allocator->allocate ? "release" : "allocate");
  if (options->threads > MAXIMUM_THREADS)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_context_options.threads is %u; at most %d are possible", options->threads,
                    (int)MAXIMUM_THREADS);
  for (size_t i = 0; i < sizeof options->reserved / sizeof options->reserved[0]; ++i)
    if (options->reserved[i])
      return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_context_options.reserved[%zu] is %llu; it must be zero", i,
                      (unsigned long long)options->reserved[i]);
  return LAM_OK;
}

/* What the options ask for, or what the process may use. */
static unsigned choose_threads(const lam_context_options *options) {
  if (options->threads) return options->threads;
  unsigned usable = lam_usable_cpus();
  return usable < MAXIMUM_THREADS ? usable : MAXIMUM_THREADS;
}

lam_context *lam_context_open(const lam_context_options *options) {
  static const lam_context_options defaults;
  if (!options) options = &defaults;
  lam_allocator allocator = options->allocator;
  if (!allocator.allocate || !allocator.release) allocator = (lam_allocator){ default_allocate, default_release, NULL };

  lam_context *context = allocator.allocate(allocator.user, sizeof *context, 64);
  if (!context) return NULL;
  *context = (lam_context){ .allocator = allocator,
                            .seed = options->seed,
                            .threads = choose_threads(options),
                            .threads_by_default = options->threads == 0,
                            .keep_blas_threads = options->keep_blas_threads,
                            .log = options->log,
                            .log_user = options->log_user };
  context->objects.next = context->objects.previous = &context->objects;

  lam_status status = check_options(context, options);
  context->unusable = status != LAM_OK;
  return context;
}

/* Where nobody asked for so many threads, fewer will do. */
lam_status lam_context_start_pool(lam_context *context) {
  if (context->pool || context->threads < 2) return LAM_OK;
  lam_status status = lam_pool_create(context, context->threads, context->threads_by_default, &context->pool);
  if (status) return status;
  unsigned granted = lam_pool_count(context->pool);
  if (granted < context->threads)
    lam_log_line(context, "the operating system granted %u of %u threads", granted, context->threads);
  context->threads = granted;
  return LAM_OK;
}

unsigned lam_context_threads(const lam_context *context) { return context ? context->threads : lam_usable_cpus(); }

void lam_context_empty(lam_context *context) {
  while (context->objects.next != &context->objects) lam_object_destroy(context->objects.next);
}

void lam_context_close(lam_context *context) {
  lam_pool_destroy(context->pool);
  lam_allocator allocator = context->allocator;
  allocator.release(allocator.user, context, sizeof *context);
}

void *lam_object_create(lam_context *context, size_t size, void (*destroy)(lam_object *object)) {
  if (!context || context->unusable) return NULL;
  lam_object *object = lam_allocate_zero(context, size);
  if (!object) return NULL;
  lam_object *head = &context->objects;
  *object = (lam_object){ .context = context, .next = head->next, .previous = head, .destroy = destroy, .size = size };
  head->next->previous = object;
  head->next = object;
  return object;
}

void lam_object_destroy(void *object) {
  lam_object *head = object;
  if (!head) return;
  head->previous->next = head->next;
  head->next->previous = head->previous;
  if (head->destroy) head->destroy(head);
  lam_release(head->context, head, head->size);
}
