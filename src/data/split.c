/* SPDX-License-Identifier: MIT
 *
 * Random orders of rows, and the splits that are made from them.
 */
#include "data/dataset.h"
#include <math.h>
#include <string.h>

/* ---- shuffling --------------------------------------------------------------------------------------------------- */

/* Philox's words one after the other. */
typedef struct words {
  uint32_t key[2], counter[4], bits[4];
  unsigned used; // of bits
} words;

static uint32_t next_word(words *w) {
  if (w->used == 4) {
    lam_random_bits(w->bits, w->counter, w->key);
    if (++w->counter[0] == 0) ++w->counter[1];
    w->used = 0;
  }
  return w->bits[w->used++];
}

/* A whole number in [0, bound), all equally likely: the high half of word * bound. The 2^32 mod bound lowest values of the low
 * half would favour some results and are drawn again. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29,
 * 2019. */
static uint32_t below(words *w, uint32_t bound) {
  uint64_t product = (uint64_t)next_word(w) * bound;
  if ((uint32_t)product < bound) {
    uint32_t unfair = -bound % bound;
    while ((uint32_t)product < unfair) product = (uint64_t)next_word(w) * bound;
  }
  return (uint32_t)(product >> 32);
}

void lam_shuffle(uint32_t *rows, size_t count, uint64_t seed, uint64_t stream) {
  words w = { .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
              .counter = { 0, 0, (uint32_t)stream, (uint32_t)(stream >> 32) ^ 0x80000000u },
              .used = 4 };
  for (size_t i = 0; i < count; ++i) rows[i] = (uint32_t)i;
  for (size_t i = count; i > 1; --i) {
    uint32_t j = below(&w, (uint32_t)i), row = rows[i - 1];
    rows[i - 1] = rows[j];
    rows[j] = row;
  }
}

/* ---- splitting --------------------------------------------------------------------------------------------------- */

/* A split at random while it is made. */
typedef struct draw {
  size_t rows, held;
  uint32_t *order;         // the rows, shuffled
  uint32_t *by_class;      // with stratify: the same, sorted by label
  uint32_t *room;          // for sorting
  unsigned char *held_out; // whether each row is
} draw;

static unsigned label_byte(const lam_dataset *dataset, uint32_t row, unsigned shift) {
  int32_t label;
  lam_dataset_gather_labels(dataset, 0, &row, 1, &label);
  return (uint32_t)label >> shift & 255;
}

/* Sorts the shuffled rows by label and leaves their order within a class: a radix sort, byte by byte. */
static void sort_by_class(const lam_dataset *dataset, draw *d) {
  memcpy(d->by_class, d->order, d->rows * sizeof *d->order);
  for (unsigned shift = 0; shift < 32; shift += 8) {
    size_t place[257] = { 0 };
    for (size_t i = 0; i < d->rows; ++i) ++place[label_byte(dataset, d->by_class[i], shift) + 1];
    for (size_t byte = 0; byte < 256; ++byte) place[byte + 1] += place[byte];
    for (size_t i = 0; i < d->rows; ++i) d->room[place[label_byte(dataset, d->by_class[i], shift)]++] = d->by_class[i];
    uint32_t *sorted = d->room;
    d->room = d->by_class;
    d->by_class = sorted;
  }
}

/* Holds out every (rows / held)-th of the rows sorted by class: each class gives its share, rounded up or down. */
static void hold_out_evenly(draw *d) {
  for (size_t i = 0; i < d->rows; ++i) {
    uint64_t before = (uint64_t)i * d->held / d->rows, after = (uint64_t)(i + 1) * d->held / d->rows;
    d->held_out[d->by_class[i]] = after > before;
  }
}

static void hold_out_last(draw *d) {
  memset(d->held_out, 0, d->rows);
  for (size_t i = d->rows - d->held; i < d->rows; ++i) d->held_out[d->order[i]] = 1;
}

/* The rows that are held out, or the others, as a dataset with an order of its own. */
static lam_dataset *part_of(const lam_dataset *dataset, const draw *d, unsigned char held_out) {
  lam_dataset *part = lam_dataset_slice(dataset, 0, dataset->rows);
  uint32_t *order = part ? lam_dataset_own_order(part, held_out ? d->held : d->rows - d->held) : NULL;
  if (!order) return lam_dataset_destroy(part), NULL;
  for (size_t i = 0; i < d->rows; ++i) {
    uint32_t row = d->order[i];
    if (d->held_out[row] == held_out) *order++ = dataset->order ? dataset->order[row] : (uint32_t)dataset->first + row;
  }
  return part;
}

static void split_at_random(const lam_dataset *dataset, size_t held, const lam_split_options *options, lam_dataset **rest,
                            lam_dataset **held_out) {
  lam_context *context = dataset->object.context;
  size_t rows = dataset->rows, bytes = rows * (3 * sizeof(uint32_t) + 1); // rows are below 2^31
  uint32_t *memory = lam_allocate(context, bytes);
  if (!memory) return;
  draw d = { rows, held, memory, memory + rows, memory + 2 * rows, (unsigned char *)(memory + 3 * rows) };
  lam_shuffle(d.order, rows, options->seed, 0);
  if (options->stratify) {
    sort_by_class(dataset, &d);
    hold_out_evenly(&d);
  } else {
    hold_out_last(&d);
  }
  *rest = part_of(dataset, &d, 0);
  if (*rest) *held_out = part_of(dataset, &d, 1);
  lam_release(context, memory, bytes);
}

/* The number of rows held out, as Keras counts them: the first floor(rows * (1 - fraction)) stay. */
static lam_status count_held_out(const lam_dataset *dataset, double fraction, size_t *held) {
  lam_context *context = dataset->object.context;
  char text[32];
  if (!(fraction > 0 && fraction < 1))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "the fraction to hold out must lie between 0 and 1, both excluded; it is %s",
                    lam_format_double(text, fraction));
  volatile double part = fraction; // read and written here, so that no compiler computes it in the host's mode
  lam_fp_mode mode = lam_fp_enter();
  part = floor((double)dataset->rows * (1 - part));
  lam_fp_leave(mode);
  size_t stay = (size_t)part;
  *held = dataset->rows - stay;
  if (stay == 0 || *held == 0)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "holding out %s of %zu rows leaves one part empty",
                    lam_format_double(text, fraction), dataset->rows);
  return LAM_OK;
}

static lam_status check_options(const lam_dataset *dataset, const lam_split_options *options) {
  lam_context *context = dataset->object.context;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "lam_split_options.reserved must be zero");
  const lam_array *target = lam_dataset_target(dataset, 0);
  if (options->stratify && (!target || !lam_array_is_integers(target)))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "a stratified split needs one integer label a row as first target");
  return LAM_OK;
}

lam_status lam_dataset_split(const lam_dataset *dataset, double fraction, const lam_split_options *options, lam_dataset **rest,
                             lam_dataset **held_out) {
  static const lam_split_options defaults;
  size_t held = 0;
  if (rest) *rest = NULL;
  if (held_out) *held_out = NULL;
  if (!dataset || !rest || !held_out) return LAM_NO_HANDLE;
  if (!options) options = &defaults;
  lam_status status = check_options(dataset, options);
  if (status == LAM_OK) status = count_held_out(dataset, fraction, &held);
  if (status != LAM_OK) return status;

  if (options->shuffle || options->stratify) {
    split_at_random(dataset, held, options, rest, held_out);
  } else {
    *rest = lam_dataset_slice(dataset, 0, dataset->rows - held);
    *held_out = lam_dataset_slice(dataset, dataset->rows - held, held);
  }
  if (*rest && *held_out) return LAM_OK;
  lam_dataset_destroy(*held_out);
  lam_dataset_destroy(*rest);
  *rest = *held_out = NULL;
  return lam_error_status(dataset->object.context);
}

lam_status lam_dataset_divide(lam_dataset *dataset, bool test) {
  size_t rows = dataset->rows, train = rows - (rows + 3) / 4;
  if (train == 0) return lam_fail(dataset->object.context, LAM_INVALID_DATA, "one row cannot be divided into train and test");
  uint32_t *order = lam_dataset_own_order(dataset, rows);
  if (!order) return LAM_OUT_OF_MEMORY;
  lam_shuffle(order, rows, 0, 0);
  dataset->order = test ? order + train : order;
  dataset->rows = test ? rows - train : train;
  return LAM_OK;
}
