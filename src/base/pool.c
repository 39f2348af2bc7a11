/* SPDX-License-Identifier: MIT
 *
 * The thread pool. A piece of work is cut into chunks, and each worker has a share of them. Chunks are claimed: a worker takes
 * those of its own share first, then those that others have not begun; the caller does the same. So a worker that waits for a
 * core, because neighbours are busy, holds up nobody but for what it has begun, and one that never comes is not missed.
 *
 * Where cores are wanted by others, help costs more than it gives: what a worker has begun waits for milliseconds when its core
 * is taken away, and one that gets the caller's core takes it away. So a caller that had to wait for long works alone for a
 * while, and a worker that finds itself on the caller's core rests; for four times as long if it comes to the same soon after.
 *
 * Nothing stale can be claimed. What is left of a share stands in one word with the number of the round, and a round ends only
 * when all that was claimed in it is done: who has claimed something, in the round that it knows of, has time to look what it is.
 */
#include "base/pool.h"
#include "base/clock.h"
#include "base/cpus.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { STACK_SIZE = 1 << 20 };
/* How long a worker looks out for more work before it sleeps: longer than what lies between two pieces of a step, since waking it
 * takes as long again; and short beside the time that the system gives each of those who want a core. */
static const double spin_seconds = 50e-6;
/* How long what did not help is not tried again; it helps again where nothing happens for longer than the system lets one of
 * several on a core run. */
static const double least_pause = 1e-3, most_pause = 256e-3, calm = 64e-3;
/* So much waiting is too much, where it has not come slowly: of the time that work is shared, a tenth may be lost, as it is to
 * the system's own interruptions. */
static const double most_lost = 1e-3, usual_loss = 0.1;

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

enum { AWAKE, ASLEEP };

/* One who sleeps. Who finds it asleep and makes it awake, posts; nobody else does, so that one who was woken but has no core yet
 * is not called again and again. */
typedef struct lam_sleeper {
  _Atomic int state;
  sem_t bell;
} lam_sleeper;

static void sleeper_open(lam_sleeper *sleeper) {
  atomic_init(&sleeper->state, AWAKE);
  (void)sem_init(&sleeper->bell, 0, 0);
}

/* What was waited for has been written before; the sleeper looks for it once more after it has said that it sleeps. All of it is
 * in one total order: one of the two sees the other. */
static void wake(lam_sleeper *sleeper) {
  int asleep = ASLEEP;
  if (atomic_load(&sleeper->state) == ASLEEP && atomic_compare_exchange_strong(&sleeper->state, &asleep, AWAKE))
    (void)sem_post(&sleeper->bell);
}

static void pause_a_little(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool on_core(const _Atomic int *core) {
  int mine = sched_getcpu();
  return mine >= 0 && mine == atomic_load_explicit(core, memory_order_relaxed);
}

/* Goes to another core than this one, and may come back later. The system, which thinks the others of a virtual machine taken
 * while they sleep, would leave it beside the caller that woke it. */
static bool change_core(void) {
  cpu_set_t allowed[LAM_MOST_CPUS / CPU_SETSIZE], others[LAM_MOST_CPUS / CPU_SETSIZE];
  int mine = sched_getcpu();
  if (mine < 0 || sched_getaffinity(0, sizeof allowed, allowed)) return false;
  memcpy(others, allowed, sizeof others);
  CPU_CLR_S((size_t)mine, sizeof others, others);
  if (CPU_COUNT_S(sizeof others, others) == 0 || sched_setaffinity(0, sizeof others, others)) return false;
  (void)sched_setaffinity(0, sizeof allowed, allowed);
  return true;
}

/* Waits for `value` to be `wanted`, or to be something else than that: awake until `deadline`, but not on the core `other`. */
static void wait_for(lam_sleeper *sleeper, const _Atomic size_t *value, size_t wanted, bool equal, double deadline,
                     const _Atomic int *other) {
  do
    for (int i = 0; i < 16; ++i) {
      if ((atomic_load_explicit(value, memory_order_acquire) == wanted) == equal) return;
      pause_a_little();
    }
  while (lam_seconds() < deadline && !(other && on_core(other)));

  while ((atomic_load(value) == wanted) != equal) {
    atomic_store(&sleeper->state, ASLEEP);
    int asleep = ASLEEP;
    bool here = (atomic_load(value) == wanted) == equal;
    if (here && atomic_compare_exchange_strong(&sleeper->state, &asleep, AWAKE)) return;
    while (sem_wait(&sleeper->bell) && errno == EINTR) continue;
  }
}

/* For how long something that may not help is left alone. */
typedef struct lam_pause {
  double length, until;
} lam_pause;

static void pause_for(lam_pause *pause, double now) {
  bool soon = now < pause->until + calm;
  pause->length = !soon ? least_pause : 4.0 * pause->length < most_pause ? 4.0 * pause->length : most_pause;
  pause->until = now + pause->length;
}

/* ---- the pool ---------------------------------------------------------------------------------------------------- */

typedef struct lam_worker {
  _Alignas(64) _Atomic uint64_t claims; // the round << 32 | the chunks of its share that nobody has claimed
  _Alignas(64) lam_sleeper sleeper;
  lam_pool *pool;
  pthread_t thread;
  unsigned number; // the caller is worker 0
  lam_pause rest;
  _Atomic double rests_until; // the same for the caller, who does not wake it before
} lam_worker;

struct lam_pool {
  lam_context *context;
  pid_t process;            // that has the threads
  unsigned count, capacity; // workers there are, and that the memory is for
  atomic_bool busy, stop;
  lam_work *work; // this and the next three are written before a chunk can be claimed, and read by those who have one
  void *argument;
  size_t units, grain, chunks;
  lam_pause alone;                    // while others do not help
  double lost;                        // by waiting, lately
  _Atomic size_t shares, at_once;     // how many workers have a share; chunks of a claim
  _Atomic int core;                   // the caller's
  _Alignas(64) _Atomic size_t round;  // how many there have been
  _Alignas(64) _Atomic size_t undone; // chunks
  lam_worker workers[];
};

static size_t pool_size(unsigned count) { return sizeof(lam_pool) + count * sizeof(lam_worker); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The first chunk of a share: the first chunks % shares have one chunk more. */
static size_t share_begin(const lam_pool *pool, size_t share) {
  size_t shares = atomic_load_explicit(&pool->shares, memory_order_relaxed);
  size_t each = pool->chunks / shares, more = pool->chunks % shares;
  return each * share + smaller(share, more);
}

/* Claims the next chunks of a share and does them; gives how many. */
static size_t run_claim(lam_pool *pool, uint32_t round, size_t worker, size_t share) {
  _Atomic uint64_t *claims = &pool->workers[share].claims;
  uint64_t before = atomic_load_explicit(claims, memory_order_relaxed);
  size_t left, count;
  do {
    left = (uint32_t)before;
    count = smaller(left, atomic_load_explicit(&pool->at_once, memory_order_relaxed));
    if (before >> 32 != round || count == 0) return 0;
  } while (!atomic_compare_exchange_weak_explicit(claims, &before, before - count, memory_order_acquire, memory_order_relaxed));
  size_t begin = (share_begin(pool, share + 1) - left) * pool->grain;
  pool->work(pool->argument, worker, begin, smaller(begin + count * pool->grain, pool->units));
  return count;
}

/* What there is to claim, from the own share on; nothing for workers without one. `round` was read before this, so that `shares`
 * belongs to it, or to a later one, and nothing can be claimed. */
static void run_claims(lam_pool *pool, uint32_t round, size_t worker) {
  size_t done = 0, shares = atomic_load_explicit(&pool->shares, memory_order_relaxed);
  for (size_t i = 0; i < shares && worker < shares; ++i)
    for (size_t share = (worker + i) % shares, count; (count = run_claim(pool, round, worker, share));) done += count;
  if (done && atomic_fetch_sub(&pool->undone, done) == done) wake(&pool->workers[0].sleeper);
}

static void *worker_main(void *argument) {
  lam_worker *worker = argument;
  lam_pool *pool = worker->pool;
  double awake_until = lam_seconds() + spin_seconds;
  lam_fp_enter(); // a new thread inherits its creator's mode
  for (size_t round = 0;;) {
    wait_for(&worker->sleeper, &pool->round, round, false, awake_until, &pool->core);
    round = atomic_load(&pool->round);
    if (atomic_load(&pool->stop)) return NULL;
    if (worker->number >= atomic_load_explicit(&pool->shares, memory_order_relaxed)) continue;
    bool in_the_way = on_core(&pool->core) && !change_core();
    if (!in_the_way) run_claims(pool, (uint32_t)atomic_load(&pool->round), worker->number); // changing may have taken long
    double now = lam_seconds();
    awake_until = in_the_way ? now : now + spin_seconds;
    if (in_the_way) pause_for(&worker->rest, now);
    if (in_the_way) atomic_store_explicit(&worker->rests_until, worker->rest.until, memory_order_relaxed);
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
    worker->pool = pool;
    worker->number = pool->count;
    error = pthread_create(&worker->thread, &attributes, worker_main, worker);
    if (error) break;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

lam_status lam_pool_create(lam_context *context, unsigned count, bool fewer, lam_pool **created) {
  lam_pool *pool = lam_allocate_zero(context, pool_size(count));
  *created = pool;
  if (!pool) return LAM_OUT_OF_MEMORY;
  pool->context = context;
  pool->process = getpid();
  pool->count = 1; // the caller
  pool->capacity = count;
  for (unsigned i = 0; i < count; ++i) sleeper_open(&pool->workers[i].sleeper);
  int error = start_workers(pool);
  unsigned started = pool->count;
  if (!error || (fewer && started > 1)) return LAM_OK;
  lam_pool_destroy(pool);
  *created = NULL;
  if (fewer) return LAM_OK;
  return lam_fail(context, LAM_SYSTEM, "the operating system refused thread %u of %u (error %d)", started + 1, count, error);
}

unsigned lam_pool_count(const lam_pool *pool) { return pool ? pool->count : 1; }

void lam_pool_destroy(lam_pool *pool) {
  if (!pool) return;
  if (pool->process == getpid()) { // a forked child has only the memory
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->round, 1);
    for (unsigned i = 1; i < pool->count; ++i) wake(&pool->workers[i].sleeper);
    for (unsigned i = 1; i < pool->count; ++i) pthread_join(pool->workers[i].thread, NULL);
    for (unsigned i = 0; i < pool->capacity; ++i) (void)sem_destroy(&pool->workers[i].sleeper.bell);
  }
  lam_release(pool->context, pool, pool_size(pool->capacity));
}

/* Lets the others know that there are `chunks` to be claimed. */
static uint32_t begin_round(lam_pool *pool, size_t chunks, double now) {
  size_t shares = smaller(chunks, pool->count);
  uint32_t round = (uint32_t)atomic_load_explicit(&pool->round, memory_order_relaxed) + 1;
  pool->chunks = chunks;
  atomic_store_explicit(&pool->core, sched_getcpu(), memory_order_relaxed);
  atomic_store_explicit(&pool->shares, shares, memory_order_relaxed);
  atomic_store_explicit(&pool->at_once, (chunks / shares + 1) / 2, memory_order_relaxed);
  atomic_store_explicit(&pool->undone, chunks, memory_order_relaxed);
  for (size_t i = 0; i < shares; ++i) {
    size_t left = share_begin(pool, i + 1) - share_begin(pool, i);
    atomic_store_explicit(&pool->workers[i].claims, (uint64_t)round << 32 | left, memory_order_release);
  }
  atomic_fetch_add(&pool->round, 1);
  for (size_t i = 1; i < shares; ++i)
    if (now >= atomic_load_explicit(&pool->workers[i].rests_until, memory_order_relaxed)) wake(&pool->workers[i].sleeper);
  return round;
}

/* Waits for what others have claimed. That takes no longer than what the caller has done itself, unless one is interrupted. */
static void end_round(lam_pool *pool, double begun) {
  if (atomic_load_explicit(&pool->undone, memory_order_acquire) == 0) return;
  double done = lam_seconds();
  wait_for(&pool->workers[0].sleeper, &pool->undone, 0, true, done + spin_seconds, NULL);
  double now = lam_seconds(), spent = now - begun, waited = now - done;
  if (waited > spent / 2.0) pool->lost += waited;
  pool->lost = pool->lost > usual_loss * spent ? pool->lost - usual_loss * spent : 0.0;
  if (pool->lost <= most_lost) return;
  pool->lost = 0.0;
  pause_for(&pool->alone, now);
}

void lam_pool_run(lam_pool *pool, lam_work *work, void *argument, size_t units, size_t grain) {
  if (units == 0) return;
  size_t chunks = grain ? (units - 1) / grain + 1 : 1;
  if (!pool || chunks == 1 || atomic_exchange_explicit(&pool->busy, true, memory_order_acquire)) {
    work(argument, 0, 0, units);
    return;
  }
  double begun = lam_seconds();
  if (begun < pool->alone.until) {
    work(argument, 0, 0, units);
  } else {
    pool->work = work;
    pool->argument = argument;
    pool->units = units;
    pool->grain = grain;
    run_claims(pool, begin_round(pool, chunks, begun), 0);
    end_round(pool, begun);
  }
  atomic_store_explicit(&pool->busy, false, memory_order_release);
}
