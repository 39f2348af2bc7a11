/* SPDX-License-Identifier: MIT
 *
 * Traces: a small network trained step by step. Compared, each within the file's suggested tolerance: the loss of every step, the
 * gradients and weights of the first step, final weights, predictions, the history of fit, and evaluate. Where the file has the
 * same run in float64, that is compared too: the tolerance is five times the distance of float32 runs from it.
 */
#include "conformance/network.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct trace {
  run *r;
  const char *name;
  item expected, reference, tolerance;
  network network;
  float *step_loss;
  size_t steps, step;
  size_t compared, missed;
} trace;

/* Counts one comparison, and tells of a miss at once: a trace that goes wrong mostly does so in several places. */
static void part(trace *t, const char *what, outcome result, const char *reason) {
  t->compared++;
  if (result != FAILED) return;
  t->missed++;
  printf("missed  trace  %s: %s%s%s\n", t->name, what, *reason ? ": " : "", reason);
}

static void compare_part(trace *t, const char *what, const float *got, item expected, const char *tolerance) {
  tensor want;
  if (!item_present(expected)) return;
  item bounds = item_field(t->tolerance, tolerance);
  double rtol = item_number(item_field(bounds, "rtol")), atol = item_number(item_field(bounds, "atol"));
  if (!tensor_read(&want, expected) || !(rtol > 0 || atol > 0)) return part(t, what, FAILED, "the file has no figures or bounds");
  if (!got) return part(t, what, FAILED, "the library gives none");
  part(t, what, compare(t->r, what, got, want.data, want.count, rtol, atol), run_reason(t->r));
}

/* ---- weights and gradients --------------------------------------------------------------------------------------- */

/* The weight of this name, or with `gradient` its gradient; NULL where there is none. */
static const float *values_of(trace *t, const char *name, bool gradient, size_t *count) {
  lam_parameter weight;
  int index = network_weight(&t->network, name, &weight);
  if (index < 0) return NULL;
  *count = weight.count;
  return gradient ? lam_gradient(t->network.trainer, (size_t)index) : weight.data;
}

/* Sums instead of all elements. Where each of n elements may be off by a, their sum may be off by n a, and their sum of squares s
 * by 2 a sum |x| + n a^2 <= 2 a sqrt(n s) + n a^2 (Cauchy-Schwarz). */
static void compare_sums(trace *t, item check, const char *what, const float *got, size_t count, double a) {
  double sum = 0, squares = 0, n = (double)count;
  for (size_t i = 0; i < count; i++) {
    sum += (double)got[i];
    squares += (double)got[i] * (double)got[i];
  }
  double want_sum = item_number(item_field(check, "sum")), want_squares = item_number(item_field(check, "sum_of_squares"));
  char reason[160];
  snprintf(reason, sizeof reason, "sum %.9g and not %.9g, of squares %.9g and not %.9g", sum, want_sum, squares, want_squares);
  bool fine =
      near_enough(sum, want_sum, 0, n * a) && near_enough(squares, want_squares, 0, 2 * a * sqrt(n * want_squares) + n * a * a);
  part(t, what, fine ? PASSED : FAILED, reason);
}

/* A list of named tensors, or of checks of tensors. */
static void compare_weights(trace *t, item list, const char *key, const char *tolerance, bool gradient) {
  char what[128];
  for (size_t i = 0; i < item_length(list); i++) {
    item one = item_element(list, i);
    size_t count = 0;
    const char *name = item_text(item_field(one, "name"));
    const float *got = values_of(t, name, gradient, &count);
    snprintf(what, sizeof what, "%s %s", key, name);
    if (item_field(one, "data")) compare_part(t, what, got, one, tolerance);
    if (!item_field(one, "sum")) continue;
    compare_part(t, what, got, item_field(one, "first_16"), tolerance);
    if (!got) return part(t, what, FAILED, "the library gives none");
    compare_sums(t, one, what, got, count, item_number(item_field(item_field(t->tolerance, tolerance), "atol")));
  }
}

static void compare_all_weights(trace *t, item figures, const char *key, const char *tolerance, bool gradient) {
  char checks[64];
  snprintf(checks, sizeof checks, "%s_checks", key);
  compare_weights(t, item_field(figures, key), key, tolerance, gradient);
  compare_weights(t, item_field(figures, checks), checks, tolerance, gradient);
}

/* ---- fit --------------------------------------------------------------------------------------------------------- */

/* A step's end comes after its update: the gradients are those of the step, the weights those behind it. */
static int at_step(void *user, const lam_progress *progress) {
  trace *t = user;
  if (progress->event != LAM_STEP_END) return 0;
  if (t->step < t->steps) t->step_loss[t->step] = (float)progress->step_loss;
  if (t->step++) return 0;
  compare_all_weights(t, t->expected, "gradients_step_1", "gradients_step_1", true);
  compare_all_weights(t, t->expected, "weights_after_step_1", "weights_after_step_1", false);
  return 0;
}

static outcome add_metrics(trace *t, item names) {
  for (size_t i = 0; i < item_length(names); i++) {
    lam_metric_options options = { 0 };
    bool known = !lam_metric_find(run_context(t->r), item_text(item_element(names, i)), &options.type);
    if (!known || !lam_trainer_add_metric(t->network.trainer, &options)) return refused(t->r, "a metric");
  }
  return PASSED;
}

/* The place of the trainer's metric with this name. */
static size_t find_metric(const trace *t, const char *name) {
  size_t i = 0;
  while (i < lam_trainer_metric_count(t->network.trainer) &&
         strcmp(lam_metric_name(lam_trainer_metric(t->network.trainer, i)), name))
    i++;
  return i;
}

/* A share of rows is a fraction of small integers: float32's rounding of it is all that may differ. */
static void compare_metric(trace *t, const char *what, const char *name, const float *got, item expected) {
  tensor want;
  if (!strstr(name, "accuracy")) return compare_part(t, what, got, expected, "fit_history_loss");
  if (!tensor_read(&want, expected)) return part(t, what, FAILED, "the file has no figures");
  part(t, what, compare(t->r, what, got, want.data, want.count, 0, 1e-7), run_reason(t->r));
}

static void compare_history(trace *t) {
  size_t count = 0;
  char what[128];
  const lam_epoch *epochs = lam_trainer_history(t->network.trainer, &count);
  if (!epochs || count != t->network.epochs) return part(t, "fit_history", FAILED, "another number of epochs");
  float *values = take(count, sizeof *values);
  for (members m = members_of(item_field(t->expected, "fit_history")); members_next(&m);) {
    size_t metric = find_metric(t, m.name);
    bool loss = !strcmp(m.name, "loss");
    for (size_t i = 0; i < count; i++)
      values[i] = (float)(loss ? epochs[i].loss : lam_trainer_metric_history(t->network.trainer, metric, i, false));
    snprintf(what, sizeof what, "fit_history %s", m.name);
    compare_metric(t, what, m.name, values, m.value);
    if (loss) compare_part(t, "fit_history loss (float64)", values, item_field(t->reference, "epoch_loss"), "fit_history_loss");
  }
}

/* One of the trace's batches. */
static int give_batch(void *user, lam_batch *batch) {
  const trace *t = user;
  size_t first = batch->step * t->network.batch_size, left = t->network.rows > first ? t->network.rows - first : 0;
  if (left < batch->rows) batch->rows = left;
  for (size_t i = 0; i < batch->rows; i++) {
    const lam_array *x = lam_dataset_input(t->network.data, 0), *y = lam_dataset_target(t->network.data, 0);
    size_t width = x->shape.size[0];
    memcpy(batch->inputs[0] + i * width, lam_dataset_row(t->network.data, x, first + i), width * sizeof(float));
    memcpy(batch->targets[0] + i, lam_dataset_row(t->network.data, y, first + i), sizeof(float));
  }
  return 0;
}

/* evaluate over the trace's batches where that matters, which is for sums: each batch's counts by its rows. */
static lam_status evaluate(trace *t, lam_result *result) {
  lam_trainer_options how;
  const network *n = &t->network;
  bool sum = !lam_trainer_get_options(n->trainer, &how) && how.loss_count && how.losses[0].reduction == LAM_REDUCTION_SUM;
  if (!sum) return lam_evaluate(n->trainer, n->unweighted ? n->unweighted : n->data, result);
  const lam_array *x = lam_dataset_input(n->data, 0), *y = lam_dataset_target(n->data, 0);
  bool plain = x->type == LAM_FLOAT32 && x->shape.rank == 1 && y->type == LAM_FLOAT32 && y->shape.size[0] == 1;
  if (!plain || lam_dataset_input_count(n->data) > 1) return LAM_UNSUPPORTED;
  lam_generator batches = { .generate = give_batch, .user = t, .batch_size = n->batch_size };
  return lam_evaluate_generator(n->trainer, &batches, result);
}

static void compare_evaluate(trace *t) {
  lam_result result;
  char what[128];
  if (evaluate(t, &result)) return part(t, "evaluate", FAILED, lam_error_message(run_context(t->r)));
  for (members m = members_of(item_field(t->expected, "evaluate_after_fit")); members_next(&m);) {
    lam_metric_result metric = { .value = result.loss };
    if (strcmp(m.name, "loss")) (void)lam_metric_read(lam_trainer_metric(t->network.trainer, find_metric(t, m.name)), &metric);
    float value = (float)metric.value;
    snprintf(what, sizeof what, "evaluate %s", m.name);
    compare_metric(t, what, m.name, &value, m.value);
  }
}

static void compare_predictions(trace *t) {
  lam_shape shape = lam_model_output_shape(t->network.model, 0);
  size_t count = t->network.rows;
  for (size_t i = 0; i < shape.rank; i++) count *= shape.size[i];
  float *outputs = take(count, sizeof *outputs);
  if (lam_predict(t->network.model, t->network.data, NULL, outputs, count))
    return part(t, "predictions", FAILED, lam_error_message(run_context(t->r)));
  static const char *const keys[] = { "predictions", "predictions_first_8_rows" };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    compare_part(t, keys[i], outputs, item_field(t->expected, keys[i]), "predictions");
    compare_part(t, "predictions (float64)", outputs, item_field(t->reference, keys[i]), "predictions");
  }
}

static outcome run_trace(run *r, const char *name, item root) {
  trace t = { .r = r, .name = name, .expected = item_field(root, "expected_float32") };
  t.reference = item_field(root, "float64_reference");
  t.tolerance = item_field(root, "suggested_tolerance");
  t.steps = item_length(item_field(t.expected, "step_loss"));
  t.step_loss = take(t.steps, sizeof *t.step_loss);
  outcome result = network_build(r, root, &t.network);
  if (!result) result = add_metrics(&t, item_field(root, "metrics"));
  if (result) return network_release(&t.network), result;
  lam_fit_options options = {
    .epochs = t.network.epochs, .batch_size = t.network.batch_size, .no_shuffle = true, .callback = at_step, .user = &t
  };
  if (lam_fit(t.network.trainer, t.network.data, &options)) {
    result = refused(r, "lam_fit");
  } else if (t.step != t.steps) {
    result = miss(r, "%zu steps and not %zu", t.step, t.steps);
  } else {
    compare_part(&t, "step_loss", t.step_loss, item_field(t.expected, "step_loss"), "step_loss");
    compare_part(&t, "step_loss (float64)", t.step_loss, item_field(t.reference, "step_loss"), "step_loss");
    compare_all_weights(&t, t.expected, "final_weights", "final_weights", false);
    compare_all_weights(&t, t.reference, "final_weights", "final_weights", false);
    compare_predictions(&t);
    compare_history(&t);
    compare_evaluate(&t);
    if (!t.compared) result = miss(r, "the file has no figures");
    if (t.missed) result = miss(r, "%zu of %zu comparisons missed", t.missed, t.compared);
  }
  network_release(&t.network);
  return result;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static int is_trace(const struct dirent *entry) {
  const char *dot = strrchr(entry->d_name, '.');
  return dot && !strcmp(dot, ".json") && strcmp(entry->d_name, "index.json") != 0;
}

bool run_traces(run *r) {
  char path[4096];
  struct dirent **entries;
  snprintf(path, sizeof path, "%s/traces", run_folder(r));
  int count = scandir(path, &entries, is_trace, alphasort);
  if (count < 0) return fprintf(stderr, "conformance: %s cannot be read\n", path), false;
  bool readable = true;
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/traces/%s", run_folder(r), entries[i]->d_name);
    *strrchr(entries[i]->d_name, '.') = 0;
    item root = item_open(run_context(r), path);
    readable = readable && root;
    if (root) record(r, "trace", entries[i]->d_name, run_trace(r, entries[i]->d_name, root));
    free(entries[i]);
  }
  free(entries);
  return readable;
}
