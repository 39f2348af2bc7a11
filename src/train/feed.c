/* SPDX-License-Identifier: MIT
 *
 * Batches from a dataset.
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
  return feed->order ? LAM_OK : LAM_OUT_OF_MEMORY;
}

void lam_feed_close(lam_feed *feed, lam_context *context) {
  lam_release(context, feed->order, feed->order ? feed->data->rows * sizeof *feed->order : 0);
}

lam_status lam_feed_begin(lam_feed *feed, bool shuffle, uint64_t seed, uint64_t stream) {
  size_t count = feed->data->rows;
  if (shuffle)
    lam_shuffle(feed->order, count, seed, stream);
  else
    for (size_t i = 0; i < count; i++) feed->order[i] = (uint32_t)i;
  return LAM_OK;
}

lam_status lam_feed_next(lam_feed *feed, size_t step, lam_rows *rows) {
  size_t first = step * feed->batch, left = feed->data->rows - (step < feed->steps ? first : feed->data->rows);
  *rows = (lam_rows){ feed->data, feed->order + first, left < feed->batch ? left : feed->batch };
  return LAM_OK;
}
