/* SPDX-License-Identifier: MIT
 *
 * Cases of CompileLoss: a loss for each of several outputs, which may be nested in lists and dicts. The model passes its inputs
 * on, and evaluate tells the loss.
 */
#include "conformance/cases.h"
#include "conformance/layers.h"
#include <math.h>
#include <string.h>

enum { MOST_OUTPUTS = 4 };

/* What belongs to one output. */
typedef struct leaf {
  item pred, truth, weight, loss, loss_weight;
} leaf;

static bool is_tensor(item value) { return item_field(value, "shape") && item_field(value, "data"); }

/* What belongs to member `i`, called `name`, of the outputs: what is no list and no dict belongs to all of them. */
static item part_of(item whole, size_t i, const char *name) {
  if (item_is_list(whole)) return item_element(whole, i);
  return item_is_object(whole) && !is_tensor(whole) ? item_field(whole, name) : whole;
}

/* Adds the outputs of `all` in order; false where there are too many. */
static bool collect(leaf all, leaf *leaves, size_t *count) {
  if (is_tensor(all.pred)) {
    if (*count == MOST_OUTPUTS) return false;
    leaves[(*count)++] = all;
    return true;
  }
  members m = members_of(all.pred);
  bool list = item_is_list(all.pred);
  for (size_t i = 0; list ? i < item_length(all.pred) : members_next(&m); i++) {
    const char *name = list ? "" : m.name;
    leaf one = { .pred = part_of(all.pred, i, name), .truth = part_of(all.truth, i, name) };
    one.weight = part_of(all.weight, i, name);
    one.loss = part_of(all.loss, i, name);
    one.loss_weight = part_of(all.loss_weight, i, name);
    if (!collect(one, leaves, count)) return false;
  }
  return true;
}

static int loss_named(const char *name, size_t width) {
  static const char *const others[][2] = { { "mse", "mean_squared_error" }, { "mae", "mean_absolute_error" } };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (!strcmp(others[i][0], name)) return find_loss(others[i][1]);
  /* Keras chooses by the shapes: these targets are as wide as the outputs. */
  if (!strcmp(name, "crossentropy")) return width > 1 ? LAM_CATEGORICAL_CROSSENTROPY : LAM_BINARY_CROSSENTROPY;
  return find_loss(snake_case(name));
}

/* One output: its arrays, its loss and its column of the weights of rows. */
static outcome read_leaf(run *r, const leaf *l, lam_array *pred, lam_array *truth, lam_loss_options *loss,
                         double *largest_input) {
  tensor x, t;
  if (!tensor_read(&x, l->pred) || !tensor_read(&t, l->truth) || x.count != t.count) return miss(r, "an output without targets");
  size_t width = x.rank > 1 ? tensor_columns(&x) : 1;
  *pred = (lam_array){ .data = take_floats(&x), .rows = x.count / width, .shape = { { width }, 1 } };
  *truth = *pred;
  truth->data = take_floats(&t);
  *largest_input = fmax(*largest_input, fmax(largest(&x), largest(&t)));
  if (!item_is_text(l->loss)) return PASSED; /* an output without a loss */
  int found = loss_named(item_text(l->loss), width);
  if (found < 0) return skip(r, "loss %s: not in the library", item_text(l->loss));
  loss->loss = (lam_loss)found;
  if (!tensor_read(&t, l->loss_weight)) return PASSED;
  for (size_t i = 1; i < t.count; i++)
    if (t.data[i] != t.data[0]) return skip(r, "a loss whose weight differs by rows: such weights are the dataset's");
  loss->weight = t.data[0] == 0 ? LAM_ZERO : (float)t.data[0];
  return PASSED;
}

static float *read_weights(const leaf *leaves, size_t count, size_t rows) {
  float *weights = NULL;
  for (size_t i = 0; i < count; i++) {
    tensor w;
    if (!item_present(leaves[i].weight) || !tensor_read(&w, leaves[i].weight) || w.count != rows) continue;
    if (!weights) weights = take(rows * count, sizeof *weights);
    for (size_t j = 0; j < rows; j++) weights[j * count + i] = (float)w.data[j];
  }
  return weights;
}

outcome compiled_loss_case(run *r, const kase *k) {
  leaf leaves[MOST_OUTPUTS],
      all = { item_field(k->inputs, "y_pred"), item_field(k->inputs, "y_true"), item_field(k->inputs, "sample_weight"),
              item_field(k->inputs, "loss"), item_field(k->inputs, "loss_weights") };
  lam_array preds[MOST_OUTPUTS], truths[MOST_OUTPUTS];
  lam_loss_options losses[MOST_OUTPUTS] = { { .loss = LAM_NO_LOSS } };
  lam_node nodes[MOST_OUTPUTS];
  lam_result told;
  size_t count = 0;
  double most = 0;
  outcome result =
      collect(all, leaves, &count) && count ? PASSED : miss(r, "outputs of another number than 1 to %d", MOST_OUTPUTS);
  for (size_t i = 0; i < count && !result; i++) result = read_leaf(r, &leaves[i], &preds[i], &truths[i], &losses[i], &most);
  if (result) return result;
  lam_graph *graph = lam_graph_create(run_context(r));
  for (size_t i = 0; i < count; i++) nodes[i] = lam_activate(lam_input(graph, preds[i].shape), LAM_LINEAR);
  lam_model *model = lam_model_create(nodes, count);
  lam_dataset *data = lam_dataset_create(run_context(r), preds, count, truths, count);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .losses = losses, .loss_count = count });
  const float *weights = read_weights(leaves, count, preds[0].rows);
  bool fine = trainer && data && !(weights && lam_dataset_set_weights(data, weights, preds[0].rows * count));
  if (!fine || lam_evaluate(trainer, data, &told)) {
    result = refused(r, "losses of several outputs");
  } else {
    float loss = (float)told.loss;
    result = compare_case(r, k, &loss, 1, FLOAT_RTOL, float_atol(most), 0);
  }
  lam_trainer_destroy(trainer);
  lam_dataset_destroy(data);
  lam_model_destroy(model);
  lam_graph_destroy(graph);
  return result;
}
