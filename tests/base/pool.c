/* SPDX-License-Identifier: MIT
 *
 * The thread pool: all units once, the same worker for the same share, nothing of the host disturbed.
 */
#include "base/pool.h"
#include "support.h"
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static lam_context *context;

static int make_context(void **state) {
  (void)state;
  context = lam_context_create(NULL);
  return !context;
}

static int destroy_context(void **state) {
  (void)state;
  lam_context_destroy(context);
  return 0;
}

enum { MOST_UNITS = 200 };

typedef struct tally {
  int times[MOST_UNITS]; // not atomic on purpose: a unit that two workers touch shows under a thread sanitizer
  pthread_t who[MOST_UNITS];
  atomic_int calls;
} tally;

static void count_units(void *argument, size_t begin, size_t end) {
  tally *t = argument;
  atomic_fetch_add(&t->calls, 1);
  for (size_t i = begin; i < end; ++i) {
    ++t->times[i];
    t->who[i] = pthread_self();
  }
}

static void every_unit_is_done_once_whatever_the_numbers(void **state) {
  (void)state;
  for (unsigned workers = 2; workers <= 7; ++workers) {
    lam_pool *pool = lam_pool_create(context, workers);
    assert_non_null(pool);
    for (size_t units = 0; units <= MOST_UNITS; units += units < 20 ? 1 : 30) {
      static tally t;
      t = (tally){ .calls = 0 };
      lam_pool_run(pool, count_units, &t, units);
      for (size_t i = 0; i < MOST_UNITS; ++i) assert_int_equal(t.times[i], i < units);
      assert_int_equal(t.calls, units < workers ? units : workers);
    }
    lam_pool_destroy(pool);
  }
}

static void a_worker_always_gets_the_same_share(void **state) {
  (void)state;
  lam_pool *pool = lam_pool_create(context, 4);
  static tally first, again;
  first = (tally){ .calls = 0 };
  lam_pool_run(pool, count_units, &first, 10);
  assert_true(pthread_equal(first.who[0], pthread_self())); // the caller works too, on the first share
  static const size_t shares[] = { 0, 3, 6, 8, 10 };
  for (int worker = 0; worker < 4; ++worker)
    for (size_t i = shares[worker]; i < shares[worker + 1]; ++i)
      assert_true(pthread_equal(first.who[i], first.who[shares[worker]]));
  for (int round = 0; round < 500; ++round) {
    again = (tally){ .calls = 0 };
    lam_pool_run(pool, count_units, &again, 10);
    for (int i = 0; i < 10; ++i) assert_true(pthread_equal(again.who[i], first.who[i]));
  }
  lam_pool_destroy(pool);
}

static void without_a_pool_the_caller_does_all_at_once(void **state) {
  (void)state;
  static tally t;
  t = (tally){ .calls = 0 };
  lam_pool_run(NULL, count_units, &t, MOST_UNITS);
  assert_int_equal(t.calls, 1);
  for (int i = 0; i < MOST_UNITS; ++i) assert_int_equal(t.times[i], 1);
  lam_pool_run(NULL, count_units, &t, 0);
  assert_int_equal(t.calls, 1);
}

static void add_begin(void *argument, size_t begin, size_t end) {
  long *sums = argument;
  for (size_t i = begin; i < end; ++i) sums[i * 16] += (long)i;
}

static void many_rounds_lose_none_sleeping_or_spinning(void **state) {
  (void)state;
  lam_pool *pool = lam_pool_create(context, 3);
  long sums[5 * 16] = { 0 };
  enum { ROUNDS = 20000 };
  for (int round = 0; round < ROUNDS; ++round) {
    lam_pool_run(pool, add_begin, sums, 5);
    if (round % 400 == 0) nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL); // long enough for the workers to fall asleep
  }
  for (long i = 0; i < 5; ++i) assert_int_equal(sums[i * 16], i * ROUNDS);
  lam_pool_destroy(pool);
}

typedef struct surroundings {
  bool signals_blocked[2];
  int rounding[2];
} surroundings;

static void look_around(void *argument, size_t begin, size_t end) {
  surroundings *s = argument;
  for (size_t i = begin; i < end; ++i) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    s->signals_blocked[i] = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGALRM) == 1;
    s->rounding[i] = fegetround();
  }
}

static void workers_take_no_signals_and_no_rounding_of_the_host(void **state) {
  (void)state;
  fesetround(FE_DOWNWARD);
  lam_pool *pool = lam_pool_create(context, 2);
  surroundings s;
  lam_pool_run(pool, look_around, &s, 2);
  fesetround(FE_TONEAREST);
  lam_pool_destroy(pool);
  assert_false(s.signals_blocked[0]); // the caller's own mask is as it was
  assert_true(s.signals_blocked[1]);
  assert_int_equal(s.rounding[1], FE_TONEAREST);
}

static bool run_a_pool(lam_allocator allocator) {
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_pool *pool = own && !lam_error_status(own) ? lam_pool_create(own, 3) : NULL;
  long sums[5 * 16] = { 0 };
  if (pool) lam_pool_run(pool, add_begin, sums, 5);
  lam_pool_destroy(pool);
  lam_context_destroy(own);
  return sums[4 * 16] == 4;
}

static void failing_memory_gives_no_pool_and_no_leak(void **state) {
  (void)state;
  test_every_allocation_failing(run_a_pool);
}

/* The process's address space in bytes. */
static size_t address_space(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  if (file) {
    if (fscanf(file, "%lu", &pages) != 1) pages = 0;
    fclose(file);
  }
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_refused_thread_is_a_sentence(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  skip(); // they need address space of their own, and end the process where it is short
#endif
  size_t now = address_space();
  if (!now) skip(); // no /proc
  struct rlimit before, limited;
  assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
  limited = before;
  limited.rlim_cur = now + (64 << 20); // room for some of the workers' stacks
  test_memory memory = { 0 };
  setrlimit(RLIMIT_AS, &limited);
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory), .threads = 1000 });
  setrlimit(RLIMIT_AS, &before);
  assert_non_null(own);
  assert_int_equal(lam_error_status(own), LAM_SYSTEM);
  assert_non_null(strstr(lam_error_message(own), "the operating system refused thread "));
  assert_non_null(strstr(lam_error_message(own), " of 1000 (error "));
  lam_context_destroy(own);
  assert_int_equal(memory.live_blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_unit_is_done_once_whatever_the_numbers),
    cmocka_unit_test(a_worker_always_gets_the_same_share),
    cmocka_unit_test(without_a_pool_the_caller_does_all_at_once),
    cmocka_unit_test(many_rounds_lose_none_sleeping_or_spinning),
    cmocka_unit_test(workers_take_no_signals_and_no_rounding_of_the_host),
    cmocka_unit_test(failing_memory_gives_no_pool_and_no_leak),
    cmocka_unit_test(a_refused_thread_is_a_sentence),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
