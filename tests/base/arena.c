/* SPDX-License-Identifier: MIT
 *
 * The arena: no two buffers that live at once share a byte, and the block is no larger than it has to be within known bounds.
 */
#include "base/arena.h"
#include "context.h"

static size_t rounded(size_t size) { return (size + 63) / 64 * 64; }

/* The bytes in use at a step, the busiest one: no placement needs less. */
static size_t most_alive(const lam_span *spans, size_t count, size_t steps) {
  size_t most = 0;
  for (size_t step = 0; step < steps; ++step) {
    size_t alive = 0;
    for (size_t i = 0; i < count; ++i)
      if (spans[i].first <= step && step <= spans[i].last) alive += rounded(spans[i].size);
    if (alive > most) most = alive;
  }
  return most;
}

static void assert_sound(const lam_span *spans, size_t count, size_t steps, size_t total) {
  size_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const lam_span *a = &spans[i];
    sum += rounded(a->size);
    assert_int_equal(a->offset % 64, 0);
    assert_true(a->offset + a->size <= total);
    for (size_t j = 0; j < i; ++j) {
      const lam_span *b = &spans[j];
      bool together = false;
      for (size_t step = 0; step < steps; ++step)
        together |= a->first <= step && step <= a->last && b->first <= step && step <= b->last;
      bool apart = a->offset + a->size <= b->offset || b->offset + b->size <= a->offset;
      assert_true(!together || apart || a->size == 0 || b->size == 0);
    }
  }
  assert_true(total <= sum);
  assert_true(total >= most_alive(spans, count, steps));
}

static void random_lives_never_overlap_in_memory(void **state) {
  (void)state;
  enum { MOST = 40, STEPS = 20 };
  uint32_t word[4];
  for (uint32_t trial = 0; trial < 2000; ++trial) {
    lam_span spans[MOST];
    size_t count = trial % MOST + 1, total;
    for (size_t i = 0; i < count; ++i) {
      lam_random_bits(word, (uint32_t[4]){ trial, (uint32_t)i, 0, 0 }, (uint32_t[2]){ 1, 2 });
      size_t first = word[0] % STEPS;
      spans[i] = (lam_span){ .size = word[1] % 8 ? word[2] % 5000 : word[2] % 3 * 64,
                             .first = first,
                             .last = first + word[3] % (STEPS - first),
                             .offset = SIZE_MAX };
    }
    assert_int_equal(lam_arena_place(context, spans, count, &total), LAM_OK);
    assert_sound(spans, count, STEPS, total);
  }
}

static void lives_that_follow_each_other_share_one_place(void **state) {
  (void)state;
  lam_span spans[] = { { 100, 0, 1, 9 }, { 128, 2, 3, 9 }, { 1, 4, 9, 9 } };
  size_t total;
  assert_int_equal(lam_arena_place(context, spans, 3, &total), LAM_OK);
  assert_int_equal(total, 128);
  for (int i = 0; i < 3; ++i) assert_int_equal(spans[i].offset, 0);
}

static void nested_lives_take_exactly_what_is_alive(void **state) {
  (void)state;
  lam_span spans[] = { { 64, 0, 9, 9 }, { 640, 1, 8, 9 }, { 320, 2, 7, 9 } };
  size_t total;
  assert_int_equal(lam_arena_place(context, spans, 3, &total), LAM_OK);
  assert_int_equal(total, 1024);
}

static void the_same_spans_get_the_same_places(void **state) {
  (void)state;
  lam_span a[] = { { 64, 0, 3, 0 }, { 64, 1, 2, 0 }, { 64, 2, 5, 0 } }, b[3];
  memcpy(b, a, sizeof a);
  size_t total;
  lam_arena_place(context, a, 3, &total);
  lam_arena_place(context, b, 3, &total);
  assert_memory_equal(a, b, sizeof a);
  assert_int_equal(a[0].offset, 0); // equal sizes keep their order
  assert_int_equal(a[1].offset, 64);
  assert_int_equal(a[2].offset, 128);
}

static void nothing_takes_nothing(void **state) {
  (void)state;
  size_t total = 7;
  assert_int_equal(lam_arena_place(context, NULL, 0, &total), LAM_OK);
  assert_int_equal(total, 0);
}

static void sums_beyond_the_address_space_are_refused(void **state) {
  (void)state;
  lam_span two[] = { { SIZE_MAX / 2 + 1, 0, 0, 0 }, { SIZE_MAX / 2 + 1, 1, 1, 0 } };
  lam_span one[] = { { SIZE_MAX, 0, 0, 0 } };
  size_t total;
  assert_int_equal(lam_arena_place(context, two, 2, &total), LAM_OUT_OF_MEMORY);
  assert_int_equal(lam_arena_place(context, one, 1, &total), LAM_OUT_OF_MEMORY);
}

static bool place_two(lam_allocator allocator) {
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_span spans[] = { { 64, 0, 3, 0 }, { 64, 1, 2, 0 } };
  size_t total;
  bool placed = own && lam_arena_place(own, spans, 2, &total) == LAM_OK;
  lam_context_destroy(own);
  return placed;
}

static void failing_memory_is_a_status(void **state) {
  (void)state;
  test_every_allocation_failing(place_two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_lives_never_overlap_in_memory),
    cmocka_unit_test(lives_that_follow_each_other_share_one_place),
    cmocka_unit_test(nested_lives_take_exactly_what_is_alive),
    cmocka_unit_test(the_same_spans_get_the_same_places),
    cmocka_unit_test(nothing_takes_nothing),
    cmocka_unit_test(sums_beyond_the_address_space_are_refused),
    cmocka_unit_test(failing_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
