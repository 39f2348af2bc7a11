/* SPDX-License-Identifier: MIT
 *
 * The thread pool: all units once, by several threads, whatever they are interrupted by; nothing of the host disturbed.
 */
#include "base/pool.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "context.h"
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_UNITS = 200, MOST_WORKERS = 8 };

typedef struct tally {
  int times[MOST_UNITS]; // not atomic on purpose: a unit that two workers touch shows under a thread sanitizer
  size_t grain, units;
  atomic_int calls, odd, there[MOST_WORKERS]; // odd: calls that should not be
} tally;

static void count_units(void *argument, size_t worker, size_t begin, size_t end) {
  tally *t = argument;
  bool whole = begin % t->grain == 0 && (end % t->grain == 0 || end == t->units);
  if (worker >= MOST_WORKERS || begin >= end || !whole || atomic_fetch_add(&t->there[worker], 1)) atomic_fetch_add(&t->odd, 1);
  atomic_fetch_add(&t->calls, 1);
  for (size_t i = begin; i < end; ++i) ++t->times[i];
  if (worker < MOST_WORKERS) atomic_fetch_sub(&t->there[worker], 1);
}

static lam_pool *make_pool(lam_context *owner, unsigned workers) {
  lam_pool *pool = NULL;
  (void)lam_pool_create(owner, workers, false, &pool);
  return pool;
}

/* Units fewer than workers, workers more than cores, chunks of several units. */
static void every_unit_is_done_once_whatever_the_numbers(void **state) {
  (void)state;
  for (unsigned workers = 2; workers <= MOST_WORKERS; ++workers) {
    lam_pool *pool = make_pool(context, workers);
    assert_non_null(pool);
    assert_int_equal(lam_pool_count(pool), workers);
    for (size_t units = 0; units <= MOST_UNITS; units += units < 20 ? 1 : 30)
      for (size_t grain = 1; grain <= 64; grain *= 4) {
        static tally t;
        t = (tally){ .grain = grain, .units = units };
        lam_pool_run(pool, count_units, &t, units, grain);
        for (size_t i = 0; i < MOST_UNITS; ++i) assert_int_equal(t.times[i], i < units);
        assert_int_equal(t.odd, 0);
        assert_true((size_t)t.calls <= (units + grain - 1) / grain);
      }
    lam_pool_destroy(pool);
  }
}

typedef struct company {
  atomic_int seen[MOST_WORKERS];
  atomic_int there;
  atomic_bool together;
} company;

static void keep_company(void *argument, size_t worker, size_t begin, size_t end) {
  company *c = argument;
  (void)begin;
  (void)end;
  atomic_fetch_add(&c->seen[worker], 1);
  if (atomic_fetch_add(&c->there, 1) > 0) atomic_store(&c->together, true);
  double start = lam_seconds();
  while (!atomic_load(&c->together) && lam_seconds() - start < 1e-3) continue;
  atomic_fetch_sub(&c->there, 1);
}

/* The pool promises help only where there are cores for it; that it comes at some time shows that what other tests say of several
 * threads is said of several. */
static void several_threads_work_at_the_same_time(void **state) {
  (void)state;
  if (lam_usable_cpus() < 2) SKIP_BECAUSE("there is one CPU, on which a worker would only be in the caller's way");
  lam_pool *pool = make_pool(context, 2);
  static company c;
  double start = lam_seconds();
  while (!(atomic_load(&c.together) && c.seen[0] && c.seen[1])) {
    lam_pool_run(pool, keep_company, &c, 4, 1);
    if (lam_seconds() - start > 60) fail_msg("in a minute no worker has helped");
  }
  lam_pool_destroy(pool);
}

typedef struct nest {
  lam_pool *pool;
  tally inner[6];
} nest;

static void run_inside(void *argument, size_t worker, size_t begin, size_t end) {
  nest *n = argument;
  (void)worker;
  for (size_t i = begin; i < end; ++i) {
    n->inner[i] = (tally){ .grain = 1, .units = 30 };
    lam_pool_run(n->pool, count_units, &n->inner[i], 30, 1);
  }
}

static void work_inside_of_work_is_done_alone(void **state) {
  (void)state;
  static nest n;
  n.pool = make_pool(context, 3);
  lam_pool_run(n.pool, run_inside, &n, 6, 1);
  for (size_t i = 0; i < 6; ++i) {
    assert_int_equal(n.inner[i].calls, 1);
    for (size_t j = 0; j < 30; ++j) assert_int_equal(n.inner[i].times[j], 1);
  }
  lam_pool_destroy(n.pool);
}

typedef struct client {
  lam_pool *pool;
  pthread_t thread;
  tally total;
} client;

enum { CLIENT_ROUNDS = 2000 };

static void *run_often(void *argument) {
  client *c = argument;
  for (int i = 0; i < CLIENT_ROUNDS; ++i) lam_pool_run(c->pool, count_units, &c->total, 7, 1);
  return NULL;
}

static void several_threads_may_bring_work(void **state) {
  (void)state;
  static client clients[3];
  lam_pool *pool = make_pool(context, 3);
  for (int i = 0; i < 3; ++i) {
    clients[i] = (client){ .pool = pool, .total = { .grain = 1, .units = 7 } };
    assert_int_equal(pthread_create(&clients[i].thread, NULL, run_often, &clients[i]), 0);
  }
  for (int i = 0; i < 3; ++i) {
    pthread_join(clients[i].thread, NULL);
    assert_int_equal(clients[i].total.odd, 0);
    for (int j = 0; j < 7; ++j) assert_int_equal(clients[i].total.times[j], CLIENT_ROUNDS);
  }
  lam_pool_destroy(pool);
}

static void a_forked_child_does_all_alone_and_destroys_what_it_has(void **state) {
  (void)state;
#if defined(__SANITIZE_THREAD__)
  SKIP_BECAUSE("a thread sanitizer does not follow into a child that has threads no more");
#endif
  lam_pool *pool = make_pool(context, 3);
  static tally t;
  t = (tally){ .grain = 1, .units = MOST_UNITS };
  lam_pool_run(pool, count_units, &t, MOST_UNITS, 1);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    lam_pool_run(pool, count_units, &t, MOST_UNITS, 1);
    lam_pool_destroy(pool);
    bool all = t.odd == 0;
    for (int i = 0; i < MOST_UNITS; ++i) all = all && t.times[i] == 2;
    _exit(all ? 0 : 1);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  lam_pool_destroy(pool);
}

static void without_a_pool_the_caller_does_all_at_once(void **state) {
  (void)state;
  static tally t;
  t = (tally){ .grain = 1, .units = MOST_UNITS };
  lam_pool_run(NULL, count_units, &t, MOST_UNITS, 1);
  assert_int_equal(t.calls, 1);
  for (int i = 0; i < MOST_UNITS; ++i) assert_int_equal(t.times[i], 1);
  lam_pool_run(NULL, count_units, &t, 0, 1);
  assert_int_equal(t.calls, 1);
  lam_pool *pool = make_pool(context, 2);
  lam_pool_run(pool, count_units, &t, MOST_UNITS, 0); // a grain of 0: not to be shared
  assert_int_equal(t.calls, 2);
  lam_pool_destroy(pool);
}

static void add_begin(void *argument, size_t worker, size_t begin, size_t end) {
  (void)worker;
  long *sums = argument;
  for (size_t i = begin; i < end; ++i) sums[i * 16] += (long)i;
}

static void many_rounds_lose_none_sleeping_or_spinning(void **state) {
  (void)state;
  lam_pool *pool = make_pool(context, 3);
  long sums[5 * 16] = { 0 };
  enum { ROUNDS = 20000 };
  for (int round = 0; round < ROUNDS; ++round) {
    lam_pool_run(pool, add_begin, sums, 5, 1);
    if (round % 400 == 0) nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL); // long enough for the workers to fall asleep
  }
  for (long i = 0; i < 5; ++i) assert_int_equal(sums[i * 16], i * ROUNDS);
  lam_pool_destroy(pool);
}

typedef struct surroundings {
  bool signals_blocked[2];
  int rounding[2];
  atomic_bool seen[2];
} surroundings;

static void look_around(void *argument, size_t worker, size_t begin, size_t end) {
  surroundings *s = argument;
  (void)begin;
  (void)end;
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  s->signals_blocked[worker] = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGALRM) == 1;
  s->rounding[worker] = fegetround();
  atomic_store(&s->seen[worker], true);
  double start = lam_seconds();
  while (!atomic_load(&s->seen[1]) && lam_seconds() - start < 1e-3) continue; // the worker shall come
}

static void workers_take_no_signals_and_no_rounding_of_the_host(void **state) {
  (void)state;
  if (lam_usable_cpus() < 2) SKIP_BECAUSE("there is one CPU, on which a worker would only be in the caller's way");
  fesetround(FE_DOWNWARD);
  lam_pool *pool = make_pool(context, 2);
  static surroundings s;
  double start = lam_seconds();
  while (!(s.seen[0] && s.seen[1]) && lam_seconds() - start < 60) lam_pool_run(pool, look_around, &s, 2, 1);
  fesetround(FE_TONEAREST);
  lam_pool_destroy(pool);
  assert_true(s.seen[0] && s.seen[1]);
  assert_false(s.signals_blocked[0]); // the caller's own mask is as it was
  assert_true(s.signals_blocked[1]);
  assert_int_equal(s.rounding[1], FE_TONEAREST);
}

static bool run_a_pool(lam_allocator allocator) {
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_pool *pool = own && !lam_error_status(own) ? make_pool(own, 3) : NULL;
  long sums[5 * 16] = { 0 };
  if (pool) lam_pool_run(pool, add_begin, sums, 5, 1);
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

static void add_one(void *argument, size_t worker, size_t begin, size_t end) {
  (void)worker;
  for (size_t i = begin; i < end; ++i) ++((int *)argument)[i];
}

static void a_refused_thread_is_a_sentence(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  SKIP_BECAUSE("a sanitizer needs address space of its own, and ends the process where it is short");
#endif
  size_t now = address_space();
  if (!now) SKIP_BECAUSE("there is no /proc");
  struct rlimit before, limited;
  assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
  limited = before;
  limited.rlim_cur = now + (64 << 20); // room for some of the workers' stacks
  test_memory memory = { 0 };
  setrlimit(RLIMIT_AS, &limited);
  lam_context *own = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory), .threads = 1000 });
  lam_pool *fewer = NULL;
  lam_status asked = lam_context_start_pool(own), granted = lam_pool_create(own, 1000, true, &fewer);
  setrlimit(RLIMIT_AS, &before);
  assert_int_equal(asked, LAM_SYSTEM);
  assert_null(own->pool);
  assert_non_null(strstr(lam_error_message(own), "the operating system refused thread "));
  assert_non_null(strstr(lam_error_message(own), " of 1000 (error "));
  assert_int_equal(granted, LAM_OK); // who asks for no number gets what there is
  assert_true(lam_pool_count(fewer) >= 1 && lam_pool_count(fewer) < 1000);
  static tally t;
  t = (tally){ .grain = 1, .units = MOST_UNITS };
  lam_pool_run(fewer, add_one, t.times, MOST_UNITS, 1);
  for (int i = 0; i < MOST_UNITS; ++i) assert_int_equal(t.times[i], 1);
  lam_pool_destroy(fewer);
  lam_context_destroy(own);
  assert_int_equal(memory.live_blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_unit_is_done_once_whatever_the_numbers),
    cmocka_unit_test(several_threads_work_at_the_same_time),
    cmocka_unit_test(work_inside_of_work_is_done_alone),
    cmocka_unit_test(several_threads_may_bring_work),
    cmocka_unit_test(a_forked_child_does_all_alone_and_destroys_what_it_has),
    cmocka_unit_test(without_a_pool_the_caller_does_all_at_once),
    cmocka_unit_test(many_rounds_lose_none_sleeping_or_spinning),
    cmocka_unit_test(workers_take_no_signals_and_no_rounding_of_the_host),
    cmocka_unit_test(failing_memory_gives_no_pool_and_no_leak),
    cmocka_unit_test(a_refused_thread_is_a_sentence),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
