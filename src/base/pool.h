/* SPDX-License-Identifier: MIT
 *
 * The thread pool: `count` workers, the calling thread among them. It decides nothing about results: work comes as `units` that
 * do not depend on each other, on a grid that depends on shapes alone. Work may come from any thread, but is shared one piece at
 * a time: who comes while the workers are busy, or from within such work, does its own alone. So does a forked child, which has
 * no workers.
 */
#ifndef LAM_BASE_POOL_H
#define LAM_BASE_POOL_H

#include "base/context.h"

typedef struct lam_pool lam_pool;

/* Computes the units [begin, end). No two calls at a time have the same `worker`, 0 being the caller. */
typedef void lam_work(void *argument, size_t worker, size_t begin, size_t end);

/* Starts count - 1 threads (count at least 2) with all signals blocked: LAM_SYSTEM where one is refused; with `fewer` a pool of
 * as many as there are, or NULL and LAM_OK where that is none. */
lam_status lam_pool_create(lam_context *context, unsigned count, bool fewer, lam_pool **pool);
void lam_pool_destroy(lam_pool *pool);         /* NULL is allowed */
unsigned lam_pool_count(const lam_pool *pool); /* of its workers; 1 of NULL */

/* Calls work for disjoint ranges that cover [0, units), of `grain` units or a multiple but for the last one, and returns when all
 * are done. Each worker begins with the same share every time, which stays in its caches, and then helps others. With a NULL pool
 * or a grain of 0: one call with all units. Waiting spins for some microseconds, then sleeps. */
void lam_pool_run(lam_pool *pool, lam_work *work, void *argument, size_t units, size_t grain);

#endif
