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

typedef struct lam_feed {
  const lam_dataset *data;
  uint32_t *order; /* of the epoch */
  size_t batch, steps;
} lam_feed;

/* The first `steps` batches of a dataset, all for 0, with room for its order; to be closed even where it fails. */
lam_status lam_feed_open(lam_feed *feed, lam_context *context, const lam_dataset *data, size_t batch, size_t steps);
void lam_feed_close(lam_feed *feed, lam_context *context);

/* Begins an epoch at a step: rows in the order of the dataset, or shuffled. */
lam_status lam_feed_begin(lam_feed *feed, bool shuffle, uint64_t seed, uint64_t stream);
lam_status lam_feed_next(lam_feed *feed, size_t step, lam_rows *rows);

#endif
