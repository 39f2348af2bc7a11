/* SPDX-License-Identifier: MIT
 *
 * Behaviours of callbacks. What they monitor is a loss of one's own, which gives the epochs the losses of the file; its gradient
 * is 1, so that with a learning rate of 1 the bias after epoch i is -(i + 1) and tells whose weights are kept.
 */
#include "conformance/cases.h"
#include <string.h>

typedef struct script {
  const float *losses;
  size_t epoch;
} script;

static lam_status scripted(void *user, const lam_loss_call *call) {
  script *s = user;
  for (size_t i = 0; i < call->rows; i++) call->losses[i] = s->losses ? s->losses[s->epoch] : 1;
  for (size_t i = 0; call->gradient && i < call->rows; i++) call->gradient[i] = 1;
  s->epoch++;
  return LAM_OK;
}

typedef struct scene {
  script script;
  lam_loss_options loss;
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data;
} scene;

static outcome scene_make(run *r, scene *s, const float *losses, const lam_optimizer_options *optimizer) {
  static const float zero = 0;
  lam_array row = { .data = &zero, .rows = 1, .shape = { { 1 }, 1 } };
  *s = (scene){ .script = { losses, 0 }, .loss = { .loss = LAM_CUSTOM_LOSS, .function = scripted } };
  s->loss.user = &s->script;
  s->model = one_dense(r, 1, 1, NULL);
  s->data = lam_dataset_create(run_context(r), &row, 1, &row, 1);
  s->trainer =
      lam_trainer_create(s->model, &(lam_trainer_options){ .losses = &s->loss, .loss_count = 1, .optimizer = *optimizer });
  return s->trainer && s->data ? PASSED : refused(r, "a trainer with a loss of one's own");
}

static void scene_release(scene *s) {
  lam_trainer_destroy(s->trainer);
  lam_dataset_destroy(s->data);
  lam_model_destroy(s->model);
}

/* Fits up to `epochs` with a callback; how many ran goes to *ran, and the bias behind it to *bias. */
static outcome play(run *r, const float *losses, size_t epochs, lam_callback also, lam_hook *hook, size_t *ran, float *bias) {
  scene s;
  lam_parameter weight;
  outcome result = scene_make(r, &s, losses, &(lam_optimizer_options){ .type = LAM_SGD, .learning_rate = 1 });
  lam_fit_options options = { .epochs = epochs, .callbacks = &hook, .callback_count = 1, .callback = also };
  if (!result && (!hook || lam_fit(s.trainer, s.data, &options))) result = refused(r, "lam_fit");
  if (!result) lam_trainer_history(s.trainer, ran);
  if (!result && lam_model_parameter(s.model, 1, &weight)) result = refused(r, "lam_model_parameter");
  if (!result) *bias = weight.data[0];
  scene_release(&s);
  return result;
}

outcome early_stopping_patience(run *r, item root) {
  static const float losses[] = { 10, 9, 8, 9, 8.9f, 8.8f, 8.7f, 8.6f, 8.5f };
  outcome result = PASSED;
  for (size_t patience = 0; patience < 4 && !result; patience++) {
    lam_hook *hook = lam_early_stopping(run_context(r), &(lam_early_stopping_options){ .monitor = "loss", .patience = patience });
    size_t ran = 0;
    float bias;
    result = play(r, losses, sizeof losses / sizeof *losses, NULL, hook, &ran, &bias);
    item expected = item_element(item_field(root, "expected"), patience);
    if (!result) result = expect(r, root, "the epoch that stops", (double)ran - 1, expected);
    lam_hook_destroy(hook);
  }
  return result;
}

static int stop_after_four(void *user, const lam_progress *progress) {
  (void)user;
  return progress->event == LAM_EPOCH_END && progress->epoch == 3;
}

outcome early_stopping_restores(run *r, item root) {
  static const float first[] = { 0.2f, 0.15f, 0.1f, 0.11f, 0.12f }, second[] = { 0.9f, 0.8f, 0.7f, 0.71f, 0.72f, 0.73f };
  const struct {
    const char *key;
    const float *losses;
    size_t epochs, patience;
    double baseline;
    lam_callback also;
  } plays[] = { { "a", first, 5, 2, 0, NULL }, { "b", second, 6, 5, 0.5, NULL }, { "c", second, 6, 5, 0.5, stop_after_four } };
  outcome result = PASSED;
  for (size_t i = 0; i < sizeof plays / sizeof *plays && !result; i++) {
    lam_early_stopping_options options = { .monitor = "loss", .patience = plays[i].patience, .baseline = plays[i].baseline };
    options.restore_best_weights = true;
    lam_hook *hook = lam_early_stopping(run_context(r), &options);
    item expected = item_field(item_field(root, "expected"), plays[i].key);
    size_t ran = 0;
    float bias;
    result = play(r, plays[i].losses, plays[i].epochs, plays[i].also, hook, &ran, &bias);
    if (!result) result = expect(r, root, "the number of epochs", (double)ran, item_element(expected, 0));
    if (!result) result = expect(r, root, "the epoch whose weights are kept", -(double)bias - 1, item_element(expected, 1));
    lam_hook_destroy(hook);
  }
  return result;
}

outcome plateau(run *r, item root) {
  static const struct {
    const char *id;
    double min_delta, min_lr;
    size_t cooldown, epochs;
  } plays[] = { { "reduce_lr.basic", 100, 0, 0, 2 },
                { "reduce_lr.min_lr", 10, 0.005, 0, 4 },
                { "reduce_lr.cooldown", 100, 0, 2, 4 } };
  size_t at = 0;
  while (at < 2 && strcmp(plays[at].id, item_text(item_field(root, "id")))) at++;
  lam_reduce_lr_options options = { .monitor = "loss", .patience = 1, .factor = 0.1, .min_delta = plays[at].min_delta };
  options.cooldown = plays[at].cooldown;
  options.min_lr = plays[at].min_lr;
  lam_hook *hook = lam_reduce_lr_on_plateau(run_context(r), &options);
  scene s;
  outcome result = scene_make(r, &s, NULL, &(lam_optimizer_options){ .type = LAM_ADAM, .learning_rate = 0.1f });
  lam_fit_options how = { .epochs = plays[at].epochs, .callbacks = &hook, .callback_count = 1 };
  if (!result && (!hook || lam_fit(s.trainer, s.data, &how))) result = refused(r, "lam_fit");
  if (!result)
    result = expect(r, root, "the learning rate", (double)lam_trainer_learning_rate(s.trainer), item_field(root, "expected"));
  scene_release(&s);
  lam_hook_destroy(hook);
  return result;
}
