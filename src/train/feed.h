/* SPDX-License-Identifier: MIT
 *
 * Where batches come from: fit and evaluate have one loop, whatever feeds it.
 */
#ifndef LAM_TRAIN_FEED_H
#define LAM_TRAIN_FEED_H

#include "train/trainer.h"

/* A batch: rows of a dataset. */
typedef struct lam_rows {
  const lam_dataset *data;
  const uint32_t *rows;
  size_t count; /* 0: the epoch has ended */
} lam_rows;

typedef struct lam_ring lam_ring; /* batches of a generator */

typedef struct lam_feed {
  const lam_dataset *data; /* of a generator: one that shows what its batches are */
  lam_ring *ring;          /* NULL: the batches are rows of the dataset */
  uint32_t *order;         /* of the epoch, or of a generator's batch */
  size_t order_count;
  size_t batch, steps; /* steps 0: a generator ends epochs when it likes */
} lam_feed;

/* The first `steps` batches of a dataset, all for 0, with room for its order; to be closed even where it fails. */
lam_status lam_feed_open(lam_feed *feed, lam_context *context, const lam_dataset *data, size_t batch, size_t steps);
/* Batches of a generator, where it fits the trainer's model and loss. */
lam_status lam_feed_open_generator(lam_feed *feed, lam_trainer *trainer, const lam_generator *generator);
void lam_feed_close(lam_feed *feed, lam_context *context);

/* Around all epochs from one up to another, the first from a step on: a generator may begin before it is asked. */
lam_status lam_feed_start(lam_feed *feed, size_t epoch, size_t step, size_t epochs);
void lam_feed_stop(lam_feed *feed);

/* Begins an epoch at a step: rows in the order of the dataset, or shuffled. */
lam_status lam_feed_begin(lam_feed *feed, bool shuffle, uint64_t seed, uint64_t stream);
lam_status lam_feed_next(lam_feed *feed, size_t step, lam_rows *rows);

/* ---- generators (generator.c) -------------------------------------------------------------------------------------- */

lam_ring *lam_ring_create(lam_trainer *trainer, const lam_generator *generator);
void lam_ring_destroy(lam_ring *ring); /* NULL is allowed */
size_t lam_ring_batch(const lam_ring *ring);
const lam_dataset *lam_ring_data(const lam_ring *ring);
lam_status lam_ring_start(lam_ring *ring, size_t epoch, size_t step, size_t epochs);
void lam_ring_stop(lam_ring *ring);
/* The batch of a step, checked, until the next call; no rows: the epoch has ended. */
lam_status lam_ring_next(lam_ring *ring, size_t step, const lam_dataset **data, size_t *rows);

#endif
