/* SPDX-License-Identifier: MIT
 *
 * Checkpoints: a model file with the optimizer's states as tensors and the trainer's place as JSON.
 */
#include "file/model_file.h"
#include <stdio.h>

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void put_position(lam_json_writer *w, const lam_trainer *trainer) {
  const lam_position *p = &trainer->position;
  const struct {
    const char *name;
    uint64_t value;
  } whole[] = { { "seed", trainer->seed }, { "steps", p->steps },       { "epoch", p->epoch },
                { "step", p->step },       { "shuffles", p->shuffles }, { "rows", p->rows } };
  lam_json_open(w, '{');
  for (size_t i = 0; i < sizeof whole / sizeof *whole; ++i) {
    lam_json_key(w, whole[i].name);
    lam_json_put_integer(w, whole[i].value);
  }
  if (p->epoch > trainer->history_count) { // the fit began with a later epoch
    lam_json_key(w, "initial_epoch");
    lam_json_put_integer(w, p->epoch - trainer->history_count);
  }
  lam_json_key(w, "loss_sum");
  lam_json_put_double(w, p->loss_sum);
  lam_json_key(w, "right_sum");
  lam_json_put_double(w, p->right_sum);
  if (trainer->averaged) {
    lam_json_key(w, "averaged");
    lam_json_put_flag(w, true);
  }
  lam_json_close(w, '}');
}

void lam_file_put_checkpoint(lam_json_writer *w, const lam_trainer *trainer) {
  lam_trainer_options options;
  lam_trainer_get_options(trainer, &options);
  lam_json_open(w, '{');
  lam_json_key(w, "training");
  lam_json_put_training(w, &options);
  lam_json_key(w, "position");
  put_position(w, trainer);
  if (trainer->undecayed_count) {
    lam_json_key(w, "excluded_from_weight_decay");
    lam_json_open(w, '[');
    for (size_t i = 0; i < trainer->undecayed_count; ++i) lam_json_put_text(w, trainer->undecayed[i]);
    lam_json_close(w, ']');
  }
  lam_json_key(w, "history");
  lam_json_open(w, '[');
  for (size_t i = 0; i < trainer->history_count; ++i) {
    const lam_epoch *e = &trainer->history[i];
    const double numbers[] = { e->loss, e->accuracy, e->val_loss, e->val_accuracy, e->seconds };
    lam_json_open(w, '[');
    for (size_t j = 0; j < 5; ++j) lam_json_put_double(w, numbers[j]);
    lam_json_close(w, ']');
  }
  lam_json_close(w, ']');
  lam_json_close(w, '}');
}

static lam_status produce_checkpoint(const void *object, lam_write_function write, void *user) {
  const lam_trainer *trainer = object;
  return lam_file_write(trainer->model, trainer, write, user);
}

lam_status lam_trainer_save(const lam_trainer *trainer, const char *path) {
  if (!trainer || !path) return LAM_NO_HANDLE;
  lam_context *context = trainer->object.context;
  if (!trainer->model->built || (trainer->state_count && !trainer->states[0]))
    return lam_fail(context, LAM_INVALID_ARGUMENT, "a checkpoint can be saved once the model is built: its input shape is open");
  return lam_disk_save(context, path, produce_checkpoint, trainer);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static lam_status malformed(const lam_file *file, const char *what) {
  return lam_fail(file->context, LAM_FORMAT, "%s: checkpoint: %s is malformed", file->bytes->name, what);
}

static lam_status read_position(const lam_file *file, const lam_json *object, lam_trainer *trainer) {
  lam_position p = { 0 };
  bool good = lam_json_integer(lam_json_member(object, "seed"), &trainer->seed) &&
              lam_json_integer(lam_json_member(object, "steps"), &p.steps) &&
              lam_json_integer(lam_json_member(object, "epoch"), &p.epoch) &&
              lam_json_integer(lam_json_member(object, "step"), &p.step) &&
              lam_json_integer(lam_json_member(object, "shuffles"), &p.shuffles) &&
              lam_json_integer(lam_json_member(object, "rows"), &p.rows) &&
              lam_json_number(lam_json_member(object, "loss_sum"), &p.loss_sum) &&
              lam_json_number(lam_json_member(object, "right_sum"), &p.right_sum);
  // An epoch that was begun was shuffled.
  if (!good || (p.step > 0 && p.shuffles == 0)) return malformed(file, "position");
  trainer->position = p;
  return LAM_OK;
}

static lam_status read_epoch(const lam_file *file, const lam_json *item, lam_epoch *epoch) {
  double *const numbers[] = { &epoch->loss, &epoch->accuracy, &epoch->val_loss, &epoch->val_accuracy, &epoch->seconds };
  if (item->kind != LAM_JSON_ARRAY || item->size != 5) return malformed(file, "history");
  const lam_json *number = lam_json_first(item);
  for (size_t i = 0; i < 5; ++i, number = lam_json_after(number))
    if (!lam_json_number(number, numbers[i])) return malformed(file, "history");
  return LAM_OK;
}

/* Absent where nothing is excluded, as the flag `averaged` is where it is false. */
static lam_status read_excluded(const lam_file *file, const lam_json *checkpoint, lam_trainer *trainer) {
  const lam_json *list = lam_json_member(checkpoint, "excluded_from_weight_decay");
  const lam_json *averaged = lam_json_member(lam_json_member(checkpoint, "position"), "averaged");
  if (averaged && (!lam_json_flag(averaged, &trainer->averaged) || !trainer->options.optimizer.use_ema))
    return malformed(file, "position");
  if (!list) return LAM_OK;
  if (list->kind != LAM_JSON_ARRAY) return malformed(file, "excluded_from_weight_decay");
  const lam_json *item = lam_json_first(list);
  lam_status status = LAM_OK;
  for (uint32_t i = 0; i < list->size && !status; ++i, item = lam_json_after(item)) {
    if (item->kind != LAM_JSON_STRING) return malformed(file, "excluded_from_weight_decay");
    if (lam_exclude_from_weight_decay(trainer, item->text)) status = lam_file_blame(file);
  }
  return status;
}

/* One record for each epoch done, no more and no fewer: fit goes on writing behind the last. */
static lam_status read_history(const lam_file *file, const lam_json *list, uint64_t initial_epoch, lam_trainer *trainer) {
  if (!list || initial_epoch > trainer->position.epoch || list->size != trainer->position.epoch - initial_epoch)
    return malformed(file, "history");
  void *memory = trainer->history;
  lam_status status = lam_grow(file->context, &memory, &trainer->history_capacity, list->size, sizeof *trainer->history);
  trainer->history = memory;
  const lam_json *item = lam_json_first(list);
  for (uint32_t i = 0; i < list->size && !status; ++i, item = lam_json_after(item))
    status = read_epoch(file, item, &trainer->history[i]);
  if (!status) trainer->history_count = list->size;
  return status;
}

enum { STATE_NAME = sizeof((lam_weight *)0)->name + 64 };

static void name_state(char name[STATE_NAME], const char *state, const lam_weight *weight) {
  snprintf(name, STATE_NAME, "optimizer/%s/%s", state, weight->name);
}

static lam_status read_states(const lam_file *file, lam_trainer *trainer) {
  const lam_model *model = trainer->model;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < trainer->state_count; ++i)
    for (size_t j = 0; j < model->weight_count && !status; ++j) {
      const lam_weight *weight = &model->weights[j];
      if (weight->fixed) continue;
      char name[STATE_NAME];
      name_state(name, trainer->state_names[i], weight);
      status = lam_file_read_tensor(file, name, weight->shape, trainer->states[i] + weight->offset);
    }
  return status;
}

/* A trainer's states and its plan take memory; the file must hold the states and be in proportion to the rows. */
static lam_status check_size(const lam_file *file, const lam_model *model, const lam_optimizer_options *options) {
  const char *states[LAM_MOST_STATES];
  size_t count = lam_optimizer_states(options, states);
  if (lam_model_row_bytes(model) > file->bytes->size + LAM_FILE_SPARE / 2)
    return lam_fail(file->context, LAM_FORMAT, "%s: rows of %llu bytes are out of proportion to %zu bytes", file->bytes->name,
                    (unsigned long long)lam_model_row_bytes(model), file->bytes->size);
  for (size_t i = 0; i < count; ++i)
    for (size_t j = 0; j < model->weight_count; ++j) {
      if (model->weights[j].fixed) continue;
      char name[STATE_NAME];
      name_state(name, states[i], &model->weights[j]);
      lam_status status = lam_file_find_tensor(file, name, model->weights[j].shape, NULL);
      if (status) return status;
    }
  return LAM_OK;
}

static lam_trainer *make_trainer(const lam_file *file, const lam_json *checkpoint, lam_model *model) {
  lam_trainer_options options = { 0 };
  const lam_json *training = lam_json_member(checkpoint, "training");
  lam_trainer *trainer = NULL;
  if (lam_json_get_training(file->context, "checkpoint", training, model->output_count, &options)) {
    lam_json_release_training(file->context, &options);
    return lam_file_blame(file), NULL;
  }
  bool sized = !check_size(file, model, &options.optimizer);
  // The model's own is as it was said, the trainer's is with its defaults filled in.
  if (sized) trainer = (model->has_training ? lam_trainer_make : lam_trainer_create)(model, &options);
  lam_json_release_training(file->context, &options);
  if (!sized) return NULL;
  if (!trainer) return lam_file_blame(file), NULL;
  const lam_json *position = lam_json_member(checkpoint, "position"), *first = lam_json_member(position, "initial_epoch");
  uint64_t initial_epoch = 0;
  lam_status status = read_position(file, position, trainer);
  if (!status && first && !lam_json_integer(first, &initial_epoch)) status = malformed(file, "position");
  if (!status) status = read_history(file, lam_json_member_of(checkpoint, "history", LAM_JSON_ARRAY), initial_epoch, trainer);
  if (!status) status = read_excluded(file, checkpoint, trainer);
  if (!status) status = read_states(file, trainer);
  if (!status) return trainer;
  lam_trainer_destroy(trainer);
  return NULL;
}

static lam_trainer *load_trainer(lam_file *file) {
  const lam_json *checkpoint = lam_json_member_of(file->document.root, "checkpoint", LAM_JSON_OBJECT);
  if (!checkpoint) return lam_fail(file->context, LAM_FORMAT, "%s is a model, not a checkpoint", file->bytes->name), NULL;
  lam_model *model = lam_file_model(file);
  if (!model) return NULL;
  lam_trainer *trainer = make_trainer(file, checkpoint, model);
  if (!trainer) lam_model_destroy(model);
  return trainer;
}

lam_trainer *lam_trainer_load(lam_context *context, const char *path) {
  lam_bytes bytes;
  if (!context || context->unusable || !path || lam_bytes_open(context, path, &bytes)) return NULL;
  lam_file file;
  lam_trainer *trainer = lam_file_open(&file, &bytes) ? NULL : load_trainer(&file);
  lam_file_close(&file);
  lam_bytes_close(&bytes);
  return trainer;
}
