/* SPDX-License-Identifier: MIT
 *
 * Batches from a generator: a ring of datasets that the caller's function fills, one ahead of the other in a thread of its own.
 */
#include "train/feed.h"
#include "train/losses.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* A batch of the ring: memory, the dataset over it, and what the generator said. */
typedef struct lam_slot {
  lam_dataset *data;
  float *memory;
  float **inputs, **targets; /* one block of pointers */
  int32_t **labels;
  float *weights;
  size_t epoch, step, rows;
  int result;
} lam_slot;

struct lam_ring {
  lam_context *context;
  lam_trainer *trainer;
  const lam_generator *generator;
  size_t batch, input_count, output_count;
  size_t slot_floats, slot_pointers;
  lam_slot *slots;
  size_t slot_count;
  size_t *classes; /* of each output, 0: no labels */
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  pthread_t thread;
  bool running, quit;
  size_t made, taken, released; /* batches, counted from the start */
  size_t epoch, step, epochs;   /* of the next one to be made; the end */
};

/* ---- making ------------------------------------------------------------------------------------------------------- */

static void release_slots(lam_ring *ring) {
  for (size_t i = 0; ring->slots && i < ring->slot_count; i++) {
    lam_slot *slot = &ring->slots[i];
    lam_dataset_destroy(slot->data);
    lam_release(ring->context, slot->memory, slot->memory ? ring->slot_floats * sizeof(float) : 0);
    lam_release(ring->context, slot->inputs, slot->inputs ? ring->slot_pointers * sizeof(float *) : 0);
  }
  lam_release(ring->context, ring->slots, ring->slots ? ring->slot_count * sizeof *ring->slots : 0);
}

void lam_ring_destroy(lam_ring *ring) {
  if (!ring) return;
  lam_ring_stop(ring);
  pthread_mutex_destroy(&ring->mutex);
  pthread_cond_destroy(&ring->changed);
  release_slots(ring);
  lam_release(ring->context, ring->classes, ring->classes ? ring->output_count * sizeof *ring->classes : 0);
  lam_release(ring->context, ring, sizeof *ring);
}

static bool takes_labels(const lam_ring *ring, size_t output) { return ring->trainer->losses[output].labels; }

static size_t target_width(const lam_ring *ring, size_t output) {
  const lam_model *model = ring->trainer->model;
  if (takes_labels(ring, output)) return 1;
  size_t said = ring->trainer->losses[output].options.target_columns;
  return said ? said : model->nodes[model->outputs[output]].width;
}

/* An array of rows in the slot's memory from `next` on. */
static lam_array view(const lam_ring *ring, float **next, lam_type type, lam_shape shape, size_t width) {
  lam_array array = { .data = *next, .type = type, .rows = ring->batch, .shape = shape };
  *next += ring->batch * width;
  return array;
}

static lam_status make_slot(lam_ring *ring, const lam_model *model, lam_slot *slot) {
  lam_context *context = ring->context;
  slot->memory = lam_allocate_array(context, ring->slot_floats, sizeof(float));
  slot->inputs = lam_allocate_array(context, ring->slot_pointers, sizeof(float *));
  lam_array *arrays = lam_allocate_array(context, ring->input_count + ring->output_count, sizeof *arrays);
  if (slot->memory && slot->inputs && arrays) {
    memset(slot->memory, 0, ring->slot_floats * sizeof(float));
    slot->targets = slot->inputs + ring->input_count;
    slot->labels = (int32_t **)(void *)(slot->targets + ring->output_count);
    float *next = slot->memory;
    for (size_t i = 0; i < ring->input_count; i++) {
      const lam_model_node *node = &model->nodes[model->inputs[i]];
      slot->inputs[i] = next;
      arrays[i] = view(ring, &next, LAM_FLOAT32, node->shape, node->width);
    }
    for (size_t i = 0; i < ring->output_count; i++) {
      bool labels = takes_labels(ring, i);
      size_t width = target_width(ring, i);
      slot->targets[i] = labels ? NULL : next;
      slot->labels[i] = labels ? (int32_t *)(void *)next : NULL;
      lam_shape shape = { { width }, labels ? 0 : 1 };
      arrays[ring->input_count + i] = view(ring, &next, labels ? LAM_INT32 : LAM_FLOAT32, shape, width);
    }
    slot->weights = ring->generator->weighted ? next : NULL;
    slot->data =
        lam_dataset_over(context, arrays, ring->input_count, arrays + ring->input_count, ring->output_count, 0, ring->batch);
    if (slot->data) slot->data->weights = slot->weights;
  }
  lam_release(context, arrays, arrays ? (ring->input_count + ring->output_count) * sizeof *arrays : 0);
  return slot->data ? LAM_OK : LAM_OUT_OF_MEMORY;
}

static lam_status count_floats(lam_ring *ring, const lam_model *model) {
  size_t width = ring->generator->weighted ? ring->output_count : 0;
  for (size_t i = 0; i < ring->input_count; i++) width += model->nodes[model->inputs[i]].width;
  for (size_t i = 0; i < ring->output_count; i++) width += target_width(ring, i);
  ring->slot_pointers = ring->input_count + 2 * ring->output_count;
  return __builtin_mul_overflow(ring->batch, width, &ring->slot_floats) ? LAM_OUT_OF_MEMORY : LAM_OK;
}

static lam_status check_generator(const lam_trainer *trainer, const lam_generator *generator) {
  lam_context *context = trainer->object.context;
  enum { MOST_PREFETCHED = 1 << 16 };
  if (!generator->generate) return lam_fail(context, LAM_NO_HANDLE, "the generator has no function");
  if (!lam_all_zero(generator->reserved, sizeof generator->reserved))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_generator must be zero");
  if (generator->prefetch > MOST_PREFETCHED || generator->batch_size > INT32_MAX)
    return lam_fail(context, LAM_INVALID_ARGUMENT, "a generator makes up to %d batches ahead, not %zu, of up to 2147483647 rows",
                    MOST_PREFETCHED, generator->prefetch);
  if (!trainer->model->built)
    return lam_fail(context, LAM_INVALID_SHAPE,
                    "the model is not built, and a generator's batches follow its shapes: give them to "
                    "lam_model_build first");
  return LAM_OK;
}

lam_ring *lam_ring_create(lam_trainer *trainer, const lam_generator *generator) {
  lam_context *context = trainer->object.context;
  const lam_model *model = trainer->model;
  if (check_generator(trainer, generator)) return NULL;
  lam_ring *ring = lam_allocate_zero(context, sizeof *ring);
  if (!ring) return NULL;
  *ring = (lam_ring){ .context = context, .trainer = trainer, .generator = generator, .input_count = model->input_count };
  ring->batch = generator->batch_size ? generator->batch_size : 32;
  ring->output_count = model->output_count;
  pthread_mutex_init(&ring->mutex, NULL);
  pthread_cond_init(&ring->changed, NULL);
  ring->slot_count = generator->prefetch + 1;
  ring->slots = lam_allocate_zero(context, ring->slot_count * sizeof *ring->slots);
  ring->classes = lam_allocate_array(context, ring->output_count, sizeof *ring->classes);
  lam_status status = ring->slots && ring->classes ? count_floats(ring, model) : LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < ring->slot_count && !status; i++) status = make_slot(ring, model, &ring->slots[i]);
  if (!status) status = lam_trainer_check_data(trainer, ring->slots[0].data); /* of zeros: what is found is not in the data */
  if (!status) return ring;
  lam_ring_destroy(ring);
  return NULL;
}

size_t lam_ring_batch(const lam_ring *ring) { return ring->batch; }
const lam_dataset *lam_ring_data(const lam_ring *ring) { return ring->slots[0].data; }

/* ---- filling ------------------------------------------------------------------------------------------------------ */

/* Asks for the next batch, and says which one comes behind it. */
static void fill(lam_ring *ring, lam_slot *slot) {
  slot->epoch = ring->epoch;
  slot->step = ring->step;
  lam_batch batch = { .epoch = slot->epoch, .step = slot->step, .rows = ring->batch, .weights = slot->weights };
  batch.inputs = slot->inputs;
  batch.targets = slot->targets;
  batch.labels = slot->labels;
  for (size_t i = 0; slot->weights && i < ring->batch * ring->output_count; i++) slot->weights[i] = 1.0f;
  slot->result = ring->generator->generate(ring->generator->user, &batch);
  slot->rows = batch.rows;
  ring->step++;
  if (slot->rows && ring->step != ring->generator->steps) return;
  ring->step = 0;
  ring->epoch++;
}

static void *run(void *argument) {
  lam_ring *ring = argument;
  bool good = true;
  while (good && ring->epoch < ring->epochs) {
    pthread_mutex_lock(&ring->mutex);
    while (!ring->quit && ring->made - ring->released == ring->slot_count) pthread_cond_wait(&ring->changed, &ring->mutex);
    bool quit = ring->quit;
    pthread_mutex_unlock(&ring->mutex);
    if (quit) break;
    lam_slot *slot = &ring->slots[ring->made % ring->slot_count]; /* `made` is changed by this thread alone */
    fill(ring, slot);
    good = slot->result == 0;
    pthread_mutex_lock(&ring->mutex);
    ring->made++;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->mutex);
  }
  return NULL;
}

/* The thread takes no signals: they are the host's. */
lam_status lam_ring_start(lam_ring *ring, size_t epoch, size_t step, size_t epochs) {
  ring->epoch = epoch;
  ring->step = step;
  ring->epochs = epochs;
  ring->made = ring->taken = ring->released = 0;
  ring->quit = false;
  if (ring->generator->steps && step >= ring->generator->steps) { /* resumed behind the last one */
    ring->step = 0;
    ring->epoch++;
  }
  if (ring->generator->prefetch == 0 || ring->epoch >= epochs) return LAM_OK;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&ring->thread, NULL, run, ring);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) return lam_fail(ring->context, LAM_OUT_OF_MEMORY, "the system gives no thread for the generator");
  ring->running = true;
  return LAM_OK;
}

void lam_ring_stop(lam_ring *ring) {
  if (!ring->running) return;
  pthread_mutex_lock(&ring->mutex);
  ring->quit = true;
  pthread_cond_signal(&ring->changed);
  pthread_mutex_unlock(&ring->mutex);
  pthread_join(ring->thread, NULL);
  ring->running = false;
}

/* ---- taking ------------------------------------------------------------------------------------------------------- */

static lam_slot *next_slot(lam_ring *ring, size_t step) {
  if (!ring->running) {
    ring->step = step;
    fill(ring, &ring->slots[0]);
    return &ring->slots[0];
  }
  pthread_mutex_lock(&ring->mutex);
  ring->released = ring->taken;
  pthread_cond_signal(&ring->changed);
  while (ring->made == ring->taken) pthread_cond_wait(&ring->changed, &ring->mutex);
  pthread_mutex_unlock(&ring->mutex);
  return &ring->slots[ring->taken++ % ring->slot_count];
}

static lam_status check_weights(const lam_ring *ring, const lam_slot *slot) {
  for (size_t i = 0; slot->weights && i < slot->rows * ring->output_count; i++) {
    char text[32];
    if (slot->weights[i] >= 0.0f && slot->weights[i] <= 3.402823466e38f) continue;
    return lam_fail(ring->context, LAM_INVALID_DATA, "the weight of row %zu is %s; it is at least 0 and finite",
                    i / ring->output_count, lam_format_float(text, slot->weights[i]));
  }
  return LAM_OK;
}

static lam_status check_slot(const lam_ring *ring, const lam_slot *slot) {
  unsigned long long step = slot->step + 1, epoch = slot->epoch + 1;
  if (slot->result)
    return lam_fail(ring->context, LAM_INVALID_DATA, "the generator returned %d for step %llu of epoch %llu", slot->result, step,
                    epoch);
  if (slot->rows > ring->batch)
    return lam_fail(ring->context, LAM_INVALID_DATA,
                    "the generator says %zu rows for step %llu of epoch %llu; there was room for %zu", slot->rows, step, epoch,
                    ring->batch);
  if (slot->rows == 0) {
    if (slot->step) return LAM_OK;
    return lam_fail(ring->context, LAM_INVALID_DATA, "the generator gave no batch for epoch %llu", epoch);
  }
  slot->data->rows = slot->rows;
  lam_status status = check_weights(ring, slot);
  for (size_t i = 0; i < ring->output_count && !status; i++)
    status = lam_trainer_check_target(ring->trainer, slot->data, i, &ring->classes[i]);
  if (!status) status = lam_dataset_check(ring->context, slot->data, ring->classes, ring->output_count);
  if (!status) return LAM_OK;
  return lam_fail(ring->context, status, "%s (the generator's batch for step %llu of epoch %llu)",
                  lam_error_message(ring->context), step, epoch);
}

lam_status lam_ring_next(lam_ring *ring, size_t step, const lam_dataset **data, size_t *rows) {
  *rows = 0;
  if (ring->generator->steps && step >= ring->generator->steps) return LAM_OK;
  const lam_slot *slot = next_slot(ring, step);
  lam_status status = check_slot(ring, slot);
  if (status) return status;
  *data = slot->data;
  *rows = slot->rows;
  return LAM_OK;
}
