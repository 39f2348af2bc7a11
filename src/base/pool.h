/* SPDX-License-Identifier: MIT
 *
 * The thread pool: `count` workers, the calling thread among them. It decides nothing about results: work comes as `units` that
 * do not depend on each other, on a grid that depends on shapes alone. A pool runs one piece of work at a time, for the thread
 * that uses its context; work must not run work on its own pool. A forked child has no workers and must not use its parent's
 * pool.
 */
#ifndef LAM_BASE_POOL_H
#define LAM_BASE_POOL_H

#include "base/context.h"

typedef struct lam_pool lam_pool;

/* Starts count - 1 threads (count at least 2) with all signals blocked; NULL with the reason in the context. */
lam_pool *lam_pool_create(lam_context *context, unsigned count);
void lam_pool_destroy(lam_pool *pool); /* NULL is allowed */

/* Calls work(argument, begin, end) for disjoint ranges that cover [0, units), worker w always getting the same share, and returns
 * when all are done. With a NULL pool: one call with the whole range. Waiting spins for a few microseconds, then sleeps. */
void lam_pool_run(lam_pool *pool, void (*work)(void *argument, size_t begin, size_t end), void *argument, size_t units);

#endif
