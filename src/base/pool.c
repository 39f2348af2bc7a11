/* SPDX-License-Identifier: MIT
 *
 * The thread pool. Workers wait for a round to start and the caller waits for it to end, each in the same way: look at a counter
 * for a few microseconds, then sleep. Longer looking would take the core from whoever else wants it, and sleeping at once would
 * cost more than most operations take.
 */
#include "base/pool.h"
#include "base/clock.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { STACK_SIZE = 1 << 20 };
static const double spin_seconds = 10e-6;

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* A counter that others wait on. */
typedef struct lam_gate {
  _Atomic unsigned value, sleepers;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} lam_gate;

static void gate_open(lam_gate *gate) {
  atomic_init(&gate->value, 0);
  atomic_init(&gate->sleepers, 0);
  pthread_mutex_init(&gate->mutex, NULL);
  pthread_cond_init(&gate->changed, NULL);
}

static void gate_close(lam_gate *gate) {
  pthread_mutex_destroy(&gate->mutex);
  pthread_cond_destroy(&gate->changed);
}

/* A sleeper counts itself before its last look at the value, and the value changes before the look at the count, all in one total
 * order: either the sleeper sees the change or the changer sees the sleeper. The lock is then free only once it truly sleeps. */
static void gate_advance(lam_gate *gate) {
  atomic_fetch_add(&gate->value, 1);
  if (atomic_load(&gate->sleepers) == 0) return;
  pthread_mutex_lock(&gate->mutex);
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

static void pause_a_little(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void gate_wait(lam_gate *gate, unsigned seen) {
  double start = lam_seconds();
  do
    for (int i = 0; i < 16; ++i) {
      if (atomic_load_explicit(&gate->value, memory_order_acquire) != seen) return;
      pause_a_little();
    }
  while (lam_seconds() - start < spin_seconds);

  pthread_mutex_lock(&gate->mutex);
  atomic_fetch_add(&gate->sleepers, 1);
  while (atomic_load(&gate->value) == seen) pthread_cond_wait(&gate->changed, &gate->mutex);
  atomic_fetch_sub(&gate->sleepers, 1);
  pthread_mutex_unlock(&gate->mutex);
}

/* ---- the pool ---------------------------------------------------------------------------------------------------- */

typedef struct lam_worker {
  lam_pool *pool;
  pthread_t thread;
  unsigned number; // the caller is worker 0
} lam_worker;

struct lam_pool {
  lam_context *context;
  lam_gate start, end;      // advance once a round
  _Atomic unsigned working; // of this round, beside the caller
  void (*work)(void *argument, size_t begin, size_t end);
  void *argument;
  size_t units;
  bool stop;
  unsigned count, capacity; // workers there are, and that the memory is for
  lam_worker workers[];
};

static size_t pool_size(unsigned count) { return sizeof(lam_pool) + count * sizeof(lam_worker); }

/* Worker w's share: the first units % count workers have one unit more. */
static void run_share(const lam_pool *pool, size_t number) {
  size_t each = pool->units / pool->count, more = pool->units % pool->count;
  size_t begin = each * number + (number < more ? number : more);
  size_t end = begin + each + (number < more);
  if (begin < end) pool->work(pool->argument, begin, end);
}

static void *worker_main(void *argument) {
  const lam_worker *worker = argument;
  lam_pool *pool = worker->pool;
  lam_fp_enter(); // a new thread inherits its creator's mode
  for (unsigned round = 0;; ++round) {
    gate_wait(&pool->start, round);
    if (pool->stop) return NULL;
    run_share(pool, worker->number);
    if (atomic_fetch_sub(&pool->working, 1) == 1) gate_advance(&pool->end);
  }
}

/* Starts the workers; gives the system's error number where one is refused, and pool->count tells how many there are. */
static int start_workers(lam_pool *pool) {
  sigset_t all, before;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error) return error;
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); // workers inherit it: the host's signals are for its own threads
  for (; pool->count < pool->capacity; ++pool->count) {
    lam_worker *worker = &pool->workers[pool->count];
    *worker = (lam_worker){ .pool = pool, .number = pool->count };
    error = pthread_create(&worker->thread, &attributes, worker_main, worker);
    if (error) break;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

lam_pool *lam_pool_create(lam_context *context, unsigned count) {
  lam_pool *pool = lam_allocate_zero(context, pool_size(count));
  if (!pool) return NULL;
  pool->context = context;
  pool->count = 1; // the caller
  pool->capacity = count;
  gate_open(&pool->start);
  gate_open(&pool->end);
  atomic_init(&pool->working, 0);
  int error = start_workers(pool);
  if (!error) return pool;
  lam_fail(context, LAM_SYSTEM, "the operating system refused thread %u of %u (error %d)", pool->count + 1, count, error);
  lam_pool_destroy(pool);
  return NULL;
}

void lam_pool_destroy(lam_pool *pool) {
  if (!pool) return;
  pool->stop = true;
  gate_advance(&pool->start);
  for (unsigned i = 1; i < pool->count; ++i) pthread_join(pool->workers[i].thread, NULL);
  gate_close(&pool->start);
  gate_close(&pool->end);
  lam_release(pool->context, pool, pool_size(pool->capacity));
}

void lam_pool_run(lam_pool *pool, void (*work)(void *argument, size_t begin, size_t end), void *argument, size_t units) {
  if (units == 0) return;
  if (!pool || units == 1) { // worker 0's share is all there is
    work(argument, 0, units);
    return;
  }
  pool->work = work;
  pool->argument = argument;
  pool->units = units;
  atomic_store(&pool->working, pool->count - 1);
  unsigned ended = atomic_load(&pool->end.value);
  gate_advance(&pool->start);
  run_share(pool, 0);
  gate_wait(&pool->end, ended);
}
