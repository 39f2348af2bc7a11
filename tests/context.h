/* SPDX-License-Identifier: MIT
 *
 * A context for all tests of a suite; at its end all its memory is given back.
 */
#ifndef LAM_TESTS_CONTEXT_H
#define LAM_TESTS_CONTEXT_H

#include "support.h"

static lam_context *context;
static test_memory context_memory;

static inline int make_context(void **state) {
  (void)state;
  context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&context_memory) });
  return context ? 0 : -1;
}

static inline int destroy_context(void **state) {
  (void)state;
  lam_context_destroy(context);
  return context_memory.live_blocks == 0 ? 0 : -1;
}

#endif
