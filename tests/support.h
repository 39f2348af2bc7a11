/* SPDX-License-Identifier: MIT
 *
 * What every suite shares: cmocka with the headers it needs, and an allocator that counts, fails on demand, and checks what it
 * gets back.
 */
#ifndef LAM_TESTS_SUPPORT_H
#define LAM_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lamina/base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends a test that cannot run here. cmocka's line for it is "not ok N # SKIP name", a failure to all readers of TAP; behind this
 * beginning it is the end of the reason. */
#define SKIP_BECAUSE(reason) (printf("ok # SKIP %s; ", reason), skip())

/* `fail_at` n > 0 lets the n-th allocation, counted from 1, and no other fail. */
typedef struct test_memory {
  size_t allocations, live_blocks, live_bytes, most_bytes, fail_at;
} test_memory;

enum { TEST_BLOCK_HEAD = 64 }; // before each block: its size; keeps the block at a multiple of 64

/* Memory comes filled with a pattern, so that what is read before it is written shows. */
static inline void *test_allocate(void *user, size_t size, size_t alignment) {
  test_memory *memory = user;
  assert_true(size > 0 && alignment > 0 && alignment <= TEST_BLOCK_HEAD && (alignment & (alignment - 1)) == 0);
  if (++memory->allocations == memory->fail_at || size > SIZE_MAX / 2) return NULL;
  void *head = NULL;
  if (posix_memalign(&head, TEST_BLOCK_HEAD, TEST_BLOCK_HEAD + size)) return NULL;
  memcpy(head, &size, sizeof size);
  ++memory->live_blocks;
  memory->live_bytes += size;
  if (memory->live_bytes > memory->most_bytes) memory->most_bytes = memory->live_bytes;
  return memset((char *)head + TEST_BLOCK_HEAD, 0xA5, size);
}

static inline void test_release(void *user, void *block, size_t size) {
  test_memory *memory = user;
  assert_non_null(block);
  char *head = (char *)block - TEST_BLOCK_HEAD;
  size_t asked;
  memcpy(&asked, head, sizeof asked);
  assert_int_equal(size, asked);
  --memory->live_blocks;
  memory->live_bytes -= size;
  memset(block, 0x5A, size);
  free(head);
}

static inline lam_allocator test_allocator(test_memory *memory) { return (lam_allocator){ test_allocate, test_release, memory }; }

/* Runs `work` with its first allocation failing, then with its second, and so on until it needs no more. `work` makes a context
 * with the allocator, returns whether all of it succeeded, and gives everything back. */
static inline void test_every_allocation_failing(bool (*work)(lam_allocator allocator)) {
  for (size_t fail_at = 1;; ++fail_at) {
    test_memory memory = { .fail_at = fail_at };
    bool succeeded = work(test_allocator(&memory));
    assert_int_equal(memory.live_blocks, 0);
    assert_int_equal(memory.live_bytes, 0);
    if (memory.allocations < fail_at) { // nothing was refused
      assert_true(succeeded);
      assert_true(fail_at > 1); // the allocator was used at all
      return;
    }
    assert_false(succeeded);
  }
}

#endif
