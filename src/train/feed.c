/* SPDX-License-Identifier: MIT
 *
 * Batches from a dataset, or from a generator's ring.
 */
#include "train/feed.h"

lam_status lam_feed_open(lam_feed *feed, lam_context *context, const lam_dataset *data, size_t batch, size_t steps) {
  if (batch > data->rows) batch = data->rows;
  *feed = (lam_feed){ .data = data, .batch = batch, .steps = (data->rows + batch - 1) / batch };
  if (steps > feed->steps)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "%zu steps an epoch are asked for, %zu rows in batches of %zu make %zu", steps,
                    data->rows, batch, feed->steps);
  if (steps) feed->steps = steps;
  feed->order = lam_allocate_array(context, data->rows, sizeof *feed->order);
  feed->order_count = data->rows;
  return feed->order ? LAM_OK : LAM_OUT_OF_MEMORY;
}

lam_status lam_feed_open_generator(lam_feed *feed, lam_trainer *trainer, const lam_generator *generator) {
  lam_context *context = trainer->object.context;
  *feed = (lam_feed){ .ring = lam_ring_create(trainer, generator), .steps = generator->steps };
  if (!feed->ring) return lam_error_status(context);
  feed->data = lam_ring_data(feed->ring);
  feed->batch = feed->order_count = lam_ring_batch(feed->ring);
  feed->order = lam_allocate_array(context, feed->order_count, sizeof *feed->order);
  if (!feed->order) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < feed->order_count; i++) feed->order[i] = (uint32_t)i;
  return LAM_OK;
}

lam_status lam_feed_start(lam_feed *feed, size_t epoch, size_t step, size_t epochs) {
  return feed->ring ? lam_ring_start(feed->ring, epoch, step, epochs) : LAM_OK;
}

void lam_feed_stop(lam_feed *feed) {
  if (feed->ring) lam_ring_stop(feed->ring);
}

void lam_feed_close(lam_feed *feed, lam_context *context) {
  lam_release(context, feed->order, feed->order ? feed->order_count * sizeof *feed->order : 0);
  lam_ring_destroy(feed->ring);
}

lam_status lam_feed_begin(lam_feed *feed, bool shuffle, uint64_t seed, uint64_t stream) {
  size_t count = feed->order_count;
  if (feed->ring) return LAM_OK;
  if (shuffle)
    lam_shuffle(feed->order, count, seed, stream);
  else
    for (size_t i = 0; i < count; i++) feed->order[i] = (uint32_t)i;
  return LAM_OK;
}

lam_status lam_feed_next(lam_feed *feed, size_t step, lam_rows *rows) {
  if (feed->ring) {
    *rows = (lam_rows){ .rows = feed->order };
    return lam_ring_next(feed->ring, step, &rows->data, &rows->count);
  }
  size_t first = step * feed->batch, left = feed->data->rows - (step < feed->steps ? first : feed->data->rows);
  *rows = (lam_rows){ feed->data, feed->order + first, left < feed->batch ? left : feed->batch };
  return LAM_OK;
}
