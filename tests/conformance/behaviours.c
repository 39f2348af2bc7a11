/* SPDX-License-Identifier: MIT
 *
 * Behaviours of Keras that its file describes in words: the set-up is written here, the figures come from the file.
 */
#include "conformance/cases.h"
#include <stdio.h>
#include <string.h>

outcome expect(run *r, item root, const char *what, double got, item expected) {
  item tolerance = item_field(root, "tolerance");
  double want = item_number(expected);
  if (!item_is_number(expected)) return miss(r, "%s: the file has no figure", what);
  if (near_enough(got, want, item_number(item_field(tolerance, "rtol")), item_number(item_field(tolerance, "atol"))))
    return PASSED;
  return miss(r, "%s is %.9g and not %.9g", what, got, want);
}

lam_model *one_dense(run *r, size_t inputs, size_t units, const lam_dense_options *options) {
  lam_graph *graph = lam_graph_create(run_context(r));
  lam_node node = lam_dense(lam_input(graph, (lam_shape){ { inputs }, 1 }), units, options);
  lam_model *model = lam_model_create(&node, 1);
  lam_graph_destroy(graph);
  return model;
}

/* ---- a dense layer of ones ----------------------------------------------------------------------------------------- */

/* Rows of ones against zeros, and the layer of ones that is trained on them. */
typedef struct ones {
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data;
  size_t rows, width, units;
} ones;

static outcome ones_make(run *r, ones *o, size_t rows, size_t width, size_t units, const lam_optimizer_options *optimizer) {
  *o = (ones){ .rows = rows, .width = width, .units = units };
  float *x = take(rows * width, sizeof *x), *y = take(rows * units, sizeof *y);
  for (size_t i = 0; i < rows * width; i++) x[i] = 1;
  o->model = one_dense(r, width, units, &(lam_dense_options){ .no_bias = true, .kernel_initializer = { LAM_ONES, 0 } });
  lam_array in = { .data = x, .rows = rows, .shape = { { width }, 1 } };
  lam_array out = { .data = y, .rows = rows, .shape = { { units }, 1 } };
  o->data = lam_dataset_create(run_context(r), &in, 1, &out, 1);
  o->trainer = lam_trainer_create(o->model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = *optimizer });
  return o->trainer && o->data ? PASSED : refused(r, "a trainer of a dense layer");
}

static void ones_release(ones *o) {
  lam_trainer_destroy(o->trainer);
  lam_dataset_destroy(o->data);
  lam_model_destroy(o->model);
}

static const lam_optimizer_options slow_sgd = { .type = LAM_SGD, .learning_rate = 0.01f };

static outcome fit_flow(run *r, item root) {
  ones o;
  outcome result = ones_make(r, &o, 100, 4, 3, &slow_sgd);
  item expected = item_field(root, "expected"), exact = item_field(root, "float64_reference");
  size_t count = 0;
  if (!result && lam_fit(o.trainer, o.data, &(lam_fit_options){ .epochs = 3, .batch_size = 20 })) result = refused(r, "lam_fit");
  const lam_epoch *epochs = lam_trainer_history(o.trainer, &count);
  for (size_t i = 0; i < count && !result; i++) {
    result = expect(r, root, "an epoch's loss", epochs[i].loss, item_element(expected, i));
    /* 15 steps that each round weights, outputs and squares of size 4 to 16 a few times: 2^-20 of the loss. */
    if (!result && !near_enough(epochs[i].loss, item_number(item_element(exact, i)), 0x1p-20, 0))
      result = miss(r, "epoch %zu's loss is %.9g, in float64 %.9g", i, epochs[i].loss, item_number(item_element(exact, i)));
  }
  if (!result && count != 3) result = miss(r, "%zu epochs", count);
  ones_release(&o);
  return result;
}

static outcome evaluate_flow(run *r, item root) {
  ones o;
  lam_result told = { 0 };
  lam_metric_result metric = { 0 };
  outcome result = ones_make(r, &o, 100, 4, 3, &slow_sgd);
  lam_metric *squares = lam_trainer_add_metric(o.trainer, &(lam_metric_options){ .type = LAM_METRIC_MEAN_SQUARED_ERROR });
  if (!result && (!squares || lam_evaluate(o.trainer, o.data, &told) || lam_metric_read(squares, &metric)))
    result = refused(r, "lam_evaluate");
  item expected = item_field(root, "expected");
  if (!result) result = expect(r, root, "the loss", told.loss, item_element(expected, 0));
  if (!result) result = expect(r, root, "the metric", metric.value, item_element(expected, 1));
  ones_release(&o);
  return result;
}

static outcome predict_flow(run *r, item root) {
  ones o;
  float outputs[300];
  outcome result = ones_make(r, &o, 100, 4, 3, &slow_sgd);
  if (!result && lam_predict(o.model, o.data, &(lam_predict_options){ .batch_size = 16 }, outputs, 300))
    result = refused(r, "lam_predict");
  for (size_t i = 0; i < 300 && !result; i++)
    result = expect(r, root, "a prediction", (double)outputs[i], item_field(root, "expected"));
  ones_release(&o);
  return result;
}

/* One of the calls: trains or tests on a batch. */
static outcome on_batch(run *r, item root, ones *o, lam_dataset *data, bool trains, const lam_batch_options *options,
                        const char *key) {
  lam_result told;
  if ((trains ? lam_train_on_batch : lam_test_on_batch)(o->trainer, data, options, &told)) return refused(r, key);
  return expect(r, root, key, told.loss, item_field(item_field(root, "expected"), key));
}

static outcome predicts(run *r, item root, ones *o, const char *key) {
  float outputs[300];
  if (lam_predict_on_batch(o->model, o->data, outputs, 300)) return refused(r, key);
  return expect(r, root, key, (double)outputs[299], item_field(item_field(root, "expected"), key));
}

static outcome on_batch_sequence(run *r, item root) {
  ones o;
  float weights[100];
  const float classes[] = { 0.2f, 0.3f };
  const lam_batch_options by_class = { .class_weights = classes, .class_weight_count = 2 };
  outcome result = ones_make(r, &o, 100, 4, 3, &slow_sgd);
  for (size_t i = 0; i < 100; i++) weights[i] = (float)i / 50;
  lam_dataset *weighted = result ? NULL : lam_dataset_slice(o.data, 0, 100);
  if (!result && lam_dataset_set_weights(weighted, weights, 100)) result = refused(r, "lam_dataset_set_weights");
  if (!result) result = on_batch(r, root, &o, o.data, true, NULL, "train_1");
  if (!result) result = on_batch(r, root, &o, o.data, true, NULL, "train_2_running_mean"); /* the file's figure is the batch's */
  if (!result) result = on_batch(r, root, &o, o.data, false, NULL, "test");
  if (!result) result = predicts(r, root, &o, "predict");
  if (!result) result = on_batch(r, root, &o, weighted, true, NULL, "train_weighted");
  if (!result) result = on_batch(r, root, &o, weighted, false, NULL, "test_weighted");
  if (!result) result = predicts(r, root, &o, "predict_2");
  if (!result) result = on_batch(r, root, &o, o.data, true, &by_class, "train_class_weight");
  lam_dataset_destroy(weighted);
  ones_release(&o);
  return result;
}

/* Rows that a generator gives, so many at a time. */
typedef struct plain_rows {
  const float *x, *y;
  size_t count, width, given;
} plain_rows;

static int next_rows(void *user, lam_batch *batch) {
  plain_rows *all = user;
  if (batch->step == 0) all->given = 0;
  if (batch->rows > all->count - all->given) batch->rows = all->count - all->given;
  memcpy(batch->inputs[0], all->x + all->given * all->width, batch->rows * all->width * sizeof(float));
  memcpy(batch->targets[0], all->y + all->given, batch->rows * sizeof(float));
  all->given += batch->rows;
  return 0;
}

/* Numbers that are neither whole nor alike, and two sizes of batches. */
static outcome batch_size_and_mean(run *r, item root) {
  ones o;
  float x[400], y[100] = { 0 };
  double losses[2] = { 0 };
  const size_t sizes[] = { 80, 100 };
  outcome result = ones_make(r, &o, 100, 4, 1, &slow_sgd);
  for (size_t i = 0; i < 400; i++) x[i] = (float)(i * 69069 % 1024) / 1024;
  plain_rows all = { .x = x, .y = y, .count = 100, .width = 4 };
  for (size_t i = 0; i < 2 && !result; i++) {
    lam_result told;
    lam_generator generator = { .generate = next_rows, .user = &all, .batch_size = sizes[i] };
    if (lam_evaluate_generator(o.trainer, &generator, &told)) result = refused(r, "lam_evaluate_generator");
    losses[i] = told.loss;
  }
  item tolerance = item_field(root, "tolerance");
  double rtol = item_number(item_field(tolerance, "rtol")), atol = item_number(item_field(tolerance, "atol"));
  if (!result && !near_enough(losses[0], losses[1], rtol, atol)) result = miss(r, "%.9g and %.9g", losses[0], losses[1]);
  ones_release(&o);
  return result;
}

/* ---- optimizers ---------------------------------------------------------------------------------------------------- */

static outcome schedule_in_fit(run *r, item root) {
  float x[32];
  for (size_t i = 0; i < 32; i++) x[i] = (float)i;
  lam_array rows = { .data = x, .rows = 16, .shape = { { 2 }, 1 } };
  const lam_initializer one = { LAM_ONES, 0 };
  lam_model *model = one_dense(r, 2, 2, &(lam_dense_options){ .kernel_initializer = one, .bias_initializer = one });
  lam_trainer_options options = { .loss = LAM_MEAN_SQUARED_ERROR, .optimizer = { .type = LAM_ADAM, .learning_rate = 0.05f } };
  options.optimizer.schedule = (lam_schedule){ .type = LAM_EXPONENTIAL_DECAY, .decay_steps = 1, .decay_rate = 0.9f };
  lam_trainer *trainer = lam_trainer_create(model, &options);
  lam_dataset *data = lam_dataset_create(run_context(r), &rows, 1, &rows, 1);
  const lam_fit_options how = { .epochs = 3, .batch_size = 4, .no_shuffle = true };
  outcome result = trainer && data && !lam_fit(trainer, data, &how) ? PASSED : refused(r, "lam_fit");
  size_t count = 0;
  const lam_epoch *epochs = lam_trainer_history(trainer, &count);
  for (size_t i = 0; i < count && !result; i++)
    result = expect(r, root, "an epoch's loss", epochs[i].loss, item_element(item_field(root, "expected"), i));
  if (!result && count != 3) result = miss(r, "%zu epochs", count);
  lam_trainer_destroy(trainer);
  lam_dataset_destroy(data);
  lam_model_destroy(model);
  return result;
}

static outcome average_after_fit(run *r, item root) {
  ones o;
  lam_parameter kernel;
  const lam_optimizer_options optimizer = { .type = LAM_SGD, .learning_rate = 0.1f, .use_ema = true, .ema_momentum = 0.9f };
  outcome result = ones_make(r, &o, 1, 1, 2, &optimizer);
  if (!result && (lam_fit(o.trainer, o.data, &(lam_fit_options){ .epochs = 2 }) || lam_model_parameter(o.model, 0, &kernel)))
    result = refused(r, "lam_fit");
  for (size_t i = 0; i < 2 && !result; i++)
    result = expect(r, root, "a weight", (double)kernel.data[i], item_element(item_field(root, "expected"), i));
  ones_release(&o);
  return result;
}

/* A gradient of ones by hand. */
static outcome update_by_ones(run *r, ones *o) {
  const float zero[4] = { 0 }, *outputs[] = { NULL };
  lam_array row = { .data = zero, .rows = 1, .shape = { { o->width }, 1 } };
  if (lam_forward(o->trainer, &row, 1) || lam_backward(o->trainer, outputs, 1)) return refused(r, "lam_backward");
  for (size_t i = 0; i < o->width * o->units; i++) lam_gradient(o->trainer, 0)[i] = 1;
  return lam_apply_gradients(o->trainer) ? refused(r, "lam_apply_gradients") : PASSED;
}

/* A learning rate that falls in a line tells the number of the step: step s of 4 has 1 - s/4. */
static outcome iterations(run *r, item root) {
  ones o;
  lam_optimizer_options optimizer = { .type = LAM_ADAM, .learning_rate = 1 };
  optimizer.schedule = (lam_schedule){ .type = LAM_POLYNOMIAL_DECAY, .decay_steps = 4, .end_learning_rate = LAM_ZERO };
  outcome result = ones_make(r, &o, 1, 2, 2, &optimizer);
  for (size_t i = 0; i < 3 && !result; i++) {
    double step = 4 * (1 - (double)lam_trainer_learning_rate(o.trainer));
    result = expect(r, root, "the number of updates", step, item_element(item_field(root, "expected"), i));
    if (!result && i < 2) result = update_by_ones(r, &o);
  }
  ones_release(&o);
  return result;
}

static outcome accumulation(run *r, item root) {
  ones o;
  lam_parameter kernel;
  const float initial[] = { 1, 2, 3, 4 };
  const lam_optimizer_options optimizer = { .type = LAM_SGD, .learning_rate = 1, .gradient_accumulation_steps = 3 };
  outcome result = ones_make(r, &o, 1, 2, 2, &optimizer);
  if (!result && (lam_model_set_weights(o.model, initial, 4) || lam_model_parameter(o.model, 0, &kernel)))
    result = refused(r, "the weights");
  for (size_t i = 0; i < 4 && !result; i++) {
    char key[16];
    snprintf(key, sizeof key, "after_%zu", i + 1);
    item expected = item_field(item_field(root, "expected"), key);
    result = update_by_ones(r, &o);
    for (size_t j = 0; j < 4 && !result; j++) result = expect(r, root, key, (double)kernel.data[j], item_element(expected, j));
  }
  ones_release(&o);
  return result;
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

static const struct {
  const char *id;
  outcome (*run)(run *r, item root);
} behaviours[] = {
  { "trainer.fit_flow", fit_flow },
  { "trainer.evaluate_flow", evaluate_flow },
  { "trainer.predict_flow", predict_flow },
  { "trainer.on_batch_sequence", on_batch_sequence },
  { "trainer.batch_size_does_not_change_mean", batch_size_and_mean },
  { "schedule.fit_lr_correctness", schedule_in_fit },
  { "optimizer.ema_with_fit", average_after_fit },
  { "optimizer.iterations", iterations },
  { "optimizer.gradient_accumulation", accumulation },
  { "early_stopping.patience", early_stopping_patience },
  { "early_stopping.restore_best", early_stopping_restores },
  { "reduce_lr.basic", plateau },
  { "reduce_lr.min_lr", plateau },
  { "reduce_lr.cooldown", plateau },
  { "initializers.orthogonal", initial_orthogonal },
  { "initializers.orthogonal_6x3", initial_orthogonal },
  { "initializers.orthogonal_3x6", initial_orthogonal },
};

void run_behaviours(run *r, item list) {
  char group[64];
  for (size_t i = 0; i < item_length(list); i++) {
    item one = item_element(list, i);
    const char *id = item_text(item_field(one, "id"));
    outcome (*run_one)(run *, item) = !strncmp(id, "initializers.", strlen("initializers.")) ? initial_values : NULL;
    for (size_t j = 0; j < sizeof behaviours / sizeof *behaviours; j++)
      if (!strcmp(behaviours[j].id, id)) run_one = behaviours[j].run;
    snprintf(group, sizeof group, "%s/behaviour", item_text(item_field(one, "tier")));
    record(r, group, id, run_one ? run_one(r, one) : skip(r, "behaviour %s: this runner does not know it", id));
  }
}
