/* SPDX-License-Identifier: MIT
 *
 * The context: made, used wrongly, out of memory, destroyed with all it owns.
 */
#include "base/context.h"
#include "base/cpus.h"
#include "support.h"

static void the_default_context_is_usable(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  assert_non_null(context);
  assert_string_equal(lam_error_message(context), "");
  assert_int_equal(lam_error_status(context), LAM_OK);
  assert_false(context->unusable);
  assert_non_null(context->kernels);
  assert_int_equal(lam_context_threads(context), lam_usable_cpus());
  assert_int_equal(lam_context_threads(NULL), lam_usable_cpus());
  assert_null(context->pool);
  assert_string_equal(lam_context_isa(context), lam_context_isa(NULL));
  lam_context_destroy(context);
  lam_context_destroy(NULL);
}

static void options_are_copied(void **state) {
  (void)state;
  lam_context_options options = { .seed = UINT64_C(0xFEDCBA9876543210), .threads = 3, .keep_blas_threads = true };
  lam_context *context = lam_context_create(&options);
  memset(&options, 0xFF, sizeof options);
  assert_string_equal(lam_error_message(context), "");
  assert_true(context->seed == UINT64_C(0xFEDCBA9876543210));
  assert_int_equal(lam_context_threads(context), 3);
  assert_null(context->pool);
  assert_true(context->keep_blas_threads);
  lam_context_destroy(context);
}

/* The context exists, tells `sentence` (or begins with it), makes nothing, and keeps the sentence. */
static void assert_unusable(const lam_context_options *options, lam_status status, const char *sentence) {
  lam_context *context = lam_context_create(options);
  assert_non_null(context);
  assert_int_equal(lam_error_status(context), status);
  char begin[512] = { 0 };
  memcpy(begin, lam_error_message(context), strlen(sentence));
  assert_string_equal(begin, sentence);
  assert_null(lam_object_create(context, sizeof(lam_object), NULL));
  assert_int_equal(lam_fail(context, LAM_IO, "another"), LAM_IO);
  assert_int_equal(lam_error_status(context), status);
  assert_non_null(strstr(lam_error_message(context), sentence));
  lam_context_destroy(context);
}

static void wrong_options_leave_a_sentence(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context_options no_release = { .allocator = { .allocate = test_allocate, .user = &memory } };
  assert_unusable(&no_release, LAM_INVALID_ARGUMENT,
                  "lam_context_options.allocator has allocate but no release; it needs both, or neither");
  lam_context_options no_allocate = { .allocator = { .release = test_release, .user = &memory } };
  assert_unusable(&no_allocate, LAM_INVALID_ARGUMENT,
                  "lam_context_options.allocator has release but no allocate; it needs both, or neither");
  lam_context_options reserved = { .reserved = { [5] = 7 } };
  assert_unusable(&reserved, LAM_INVALID_ARGUMENT, "lam_context_options.reserved[5] is 7; it must be zero");
  lam_context_options threads = { .threads = 4000000000 };
  assert_unusable(&threads, LAM_INVALID_ARGUMENT, "lam_context_options.threads is 4000000000; at most 1024 are possible");
  lam_context_options gemm = { .gemm = "nativ" };
  assert_unusable(&gemm, LAM_UNKNOWN_NAME, "");
  assert_int_equal(memory.allocations, 0);
}

static void an_unknown_gemm_is_named_with_the_known_ones(void **state) {
  (void)state;
  setenv("LAMINA_GEMM", "nativ", 1);
  lam_context *context = lam_context_create(NULL);
  assert_int_equal(lam_error_status(context), LAM_UNKNOWN_NAME);
  assert_non_null(strstr(lam_error_message(context), "\"nativ\""));
  assert_non_null(strstr(lam_error_message(context), " native"));
  lam_context_destroy(context);

  context = lam_context_create(&(lam_context_options){ .gemm = "native" }); // what the caller says wins
  assert_string_equal(lam_error_message(context), "");
  lam_context_destroy(context);

  setenv("LAMINA_GEMM", "", 1); // as if unset
  context = lam_context_create(NULL);
  assert_string_equal(lam_error_message(context), "");
  lam_context_destroy(context);
  unsetenv("LAMINA_GEMM");
}

static bool make_a_threaded_context(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator, .threads = 2 });
  if (!context) return false;
  bool usable = lam_object_create(context, sizeof(lam_object), NULL) != NULL && lam_context_start_pool(context) == LAM_OK;
  lam_context_destroy(context);
  return usable;
}

static void creation_survives_every_failing_allocation(void **state) {
  (void)state;
  test_every_allocation_failing(make_a_threaded_context);
}

static void no_memory_for_a_context_gives_null(void **state) {
  (void)state;
  test_memory memory = { .fail_at = 1 };
  assert_null(lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) }));
  assert_string_equal(lam_error_message(NULL), "no context could be made: out of memory");
  assert_int_equal(lam_error_status(NULL), LAM_OUT_OF_MEMORY);
}

/* ---- sentences --------------------------------------------------------------------------------------------------- */

static void a_failure_sets_status_and_sentence(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  assert_int_equal(lam_fail(context, LAM_INVALID_SHAPE, "dense_%d has %s", 2, "no input"), LAM_INVALID_SHAPE);
  assert_string_equal(lam_error_message(context), "dense_2 has no input");
  assert_int_equal(lam_error_status(context), LAM_INVALID_SHAPE);
  lam_fail(context, LAM_IO, "after: %s", lam_error_message(context));
  assert_string_equal(lam_error_message(context), "after: dense_2 has no input");
  assert_int_equal(lam_fail(NULL, LAM_NO_HANDLE, "nobody hears this"), LAM_NO_HANDLE);
  lam_context_destroy(context);
}

static void a_long_sentence_is_cut_between_characters(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  char text[600];
  for (size_t lead = 505; lead <= 511; ++lead) {
    memset(text, 'x', sizeof text);
    memcpy(text + lead, "\xF0\x9F\x99\x82", 4); // one character of four bytes
    text[lead + 4] = 0;
    lam_fail(context, LAM_IO, "%s", text);
    size_t size = strlen(lam_error_message(context));
    assert_int_equal(size, lead + 4 <= 511 ? lead + 4 : lead);
    assert_memory_equal(lam_error_message(context), text, size);
  }
  memset(text, 0x80, sizeof text - 1); // not UTF-8 at all
  text[sizeof text - 1] = 0;
  lam_fail(context, LAM_IO, "%s", text);
  assert_int_equal(strlen(lam_error_message(context)), 511);
  lam_context_destroy(context);
}

static void every_status_has_a_text(void **state) {
  (void)state;
#define LAM_X(name, number, text)                                                                                                \
  assert_int_equal(LAM_##name, number);                                                                                          \
  assert_string_equal(lam_status_text(LAM_##name), text);
  LAM_STATUS_LIST(LAM_X)
#undef LAM_X
  assert_string_equal(lam_status_text((lam_status)999), "unknown status");
  assert_string_equal(lam_version(), "0.1.0");
}

static void keep_line(void *user, const char *line) { strcpy(user, line); }

static void a_log_gets_its_lines(void **state) {
  (void)state;
  char line[512] = "";
  lam_context *context = lam_context_create(&(lam_context_options){ .log = keep_line, .log_user = line });
  lam_log_line(context, "gemm %s, %d threads", "native", 1);
  assert_string_equal(line, "gemm native, 1 threads");
  lam_context_destroy(context);
  lam_log_line(NULL, "nothing");
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void memory_is_aligned_zeroed_and_given_back(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  size_t before = memory.live_bytes;
  for (size_t size = 1; size < 300; size += 7) {
    void *block = lam_allocate_zero(context, size);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_true(lam_all_zero(block, size));
    ((char *)block)[size - 1] = 1;
    assert_false(lam_all_zero(block, size));
    lam_release(context, block, size);
  }
  char *copy = lam_copy_string(context, "dense");
  assert_string_equal(copy, "dense");
  lam_release_string(context, copy);
  assert_null(lam_copy_string(context, NULL));
  lam_release_string(context, NULL);
  lam_release(context, NULL, 10);
  assert_int_equal(memory.live_bytes, before);
  lam_context_destroy(context);
  assert_int_equal(memory.live_bytes, 0);
}

static void nothing_is_allocated_for_no_bytes_or_too_many(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  assert_null(lam_allocate(context, 0));
  assert_int_equal(lam_error_status(context), LAM_OK);
  assert_null(lam_allocate_array(context, SIZE_MAX / 2, 3));
  assert_int_equal(lam_error_status(context), LAM_OUT_OF_MEMORY);
  assert_non_null(strstr(lam_error_message(context), "elements of 3 bytes"));
  assert_null(lam_allocate(context, SIZE_MAX - 3));
  assert_non_null(strstr(lam_error_message(context), "out of memory: 1844"));
  lam_context_destroy(context);
}

static void growing_keeps_contents_and_on_failure_everything(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  size_t before = memory.live_bytes, capacity = 0, allocations = memory.allocations;
  void *array = NULL;
  for (size_t i = 0; i < 1000; ++i) {
    assert_int_equal(lam_grow(context, &array, &capacity, i + 1, sizeof(int)), LAM_OK);
    ((int *)array)[i] = (int)i;
  }
  assert_true(memory.allocations - allocations < 12); // doubles: a thousand elements take few moves
  for (size_t i = 0; i < 1000; ++i) assert_int_equal(((int *)array)[i], i);

  void *old = array;
  size_t old_capacity = capacity;
  memory.fail_at = memory.allocations + 1;
  assert_int_equal(lam_grow(context, &array, &capacity, capacity + 1, sizeof(int)), LAM_OUT_OF_MEMORY);
  assert_int_equal(lam_grow(context, &array, &capacity, SIZE_MAX, sizeof(int)), LAM_OUT_OF_MEMORY);
  assert_ptr_equal(array, old);
  assert_int_equal(capacity, old_capacity);
  lam_release(context, array, capacity * sizeof(int));
  assert_int_equal(memory.live_bytes, before);
  lam_context_destroy(context);
}

/* ---- ownership --------------------------------------------------------------------------------------------------- */

typedef struct numbered {
  lam_object object;
  int number;
} numbered;

static int destroyed[8], destroyed_count;

static void note_destroyed(lam_object *object) { destroyed[destroyed_count++] = ((numbered *)object)->number; }

static void objects_are_destroyed_newest_first_and_once(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  numbered *made[5];
  for (int i = 0; i < 5; ++i) {
    made[i] = lam_object_create(context, sizeof(numbered), note_destroyed);
    assert_non_null(made[i]);
    assert_int_equal(made[i]->number, 0);
    assert_ptr_equal(made[i]->object.context, context);
    made[i]->number = i;
  }
  destroyed_count = 0;
  lam_object_destroy(made[2]);
  lam_object_destroy(NULL);
  lam_context_destroy(context);
  static const int order[] = { 2, 4, 3, 1, 0 };
  assert_int_equal(destroyed_count, 5);
  assert_memory_equal(destroyed, order, sizeof order);
  assert_int_equal(memory.live_blocks, 0);
}

static lam_object *child;

static void destroy_child(lam_object *object) {
  (void)object;
  lam_object_destroy(child);
}

static void an_object_may_destroy_another_with_it(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  child = lam_object_create(context, sizeof(lam_object), NULL);
  assert_non_null(lam_object_create(context, sizeof(lam_object), destroy_child));
  lam_context_destroy(context);
  assert_int_equal(memory.live_blocks, 0);
}

static void no_object_comes_from_no_context_or_no_memory(void **state) {
  (void)state;
  assert_null(lam_object_create(NULL, sizeof(lam_object), NULL));
  test_memory memory = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
  memory.fail_at = memory.allocations + 1;
  assert_null(lam_object_create(context, sizeof(lam_object), NULL));
  assert_int_equal(lam_error_status(context), LAM_OUT_OF_MEMORY);
  lam_context_destroy(context);
  assert_int_equal(memory.live_blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_default_context_is_usable),
    cmocka_unit_test(options_are_copied),
    cmocka_unit_test(wrong_options_leave_a_sentence),
    cmocka_unit_test(an_unknown_gemm_is_named_with_the_known_ones),
    cmocka_unit_test(creation_survives_every_failing_allocation),
    cmocka_unit_test(no_memory_for_a_context_gives_null),
    cmocka_unit_test(a_failure_sets_status_and_sentence),
    cmocka_unit_test(a_long_sentence_is_cut_between_characters),
    cmocka_unit_test(every_status_has_a_text),
    cmocka_unit_test(a_log_gets_its_lines),
    cmocka_unit_test(memory_is_aligned_zeroed_and_given_back),
    cmocka_unit_test(nothing_is_allocated_for_no_bytes_or_too_many),
    cmocka_unit_test(growing_keeps_contents_and_on_failure_everything),
    cmocka_unit_test(objects_are_destroyed_newest_first_and_once),
    cmocka_unit_test(an_object_may_destroy_another_with_it),
    cmocka_unit_test(no_object_comes_from_no_context_or_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
