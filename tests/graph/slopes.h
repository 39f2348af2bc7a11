/* SPDX-License-Identifier: MIT
 *
 * What suites share that compare a model with an evaluator in double: drawn weights, and the check of a step's loss and
 * gradients.
 */
#ifndef LAM_TESTS_GRAPH_SLOPES_H
#define LAM_TESTS_GRAPH_SLOPES_H

#include "support.h"
#include <lamina.h>
#include <math.h>

enum { WEIGHTS = 8, MOST = 128 };

/* The weights of the model in hand, in its order: what the evaluator computes with. */
static double w[WEIGHTS][MOST];

/* Draws all weights, biases too, from [-size/2, size/2), and those that no optimizer changes from [1/4, 3/4). */
static inline void draw_weights(lam_model *model, float size, uint64_t seed) {
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    float values[MOST];
    lam_model_parameter(model, i, &p);
    lam_random_uniform(values, p.count, seed, i, 0);
    for (size_t j = 0; j < p.count; j++)
      w[i][j] = (double)(values[j] = p.fixed ? 0.25f + values[j] / 2 : size * (values[j] - 0.5f));
    assert_int_equal(lam_model_set_parameter(model, p.name, values, p.count), LAM_OK);
  }
}

static float gradients_seen[WEIGHTS][MOST];

static inline int keep_gradients(void *user, const lam_progress *progress) {
  (void)user;
  if (progress->event != LAM_STEP_END) return 0;
  const lam_model *model = lam_trainer_model(progress->trainer);
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    lam_model_parameter(model, i, &p);
    const float *gradient = lam_gradient(progress->trainer, i);
    assert_true((gradient != NULL) == (!p.fixed && !p.frozen));
    if (gradient) memcpy(gradients_seen[i], gradient, p.count * sizeof *gradient);
  }
  return 0;
}

/* Trains on all rows in one step: the loss is `mean_loss` of `what`, each gradient its central difference with h = 1e-6, which
 * adds 1e-9, within `bound`; and what is frozen stays. */
static inline void check_slopes(const char *name, lam_trainer *trainer, const lam_dataset *data,
                                double (*mean_loss)(const void *what), const void *what, double bound) {
  const lam_model *model = lam_trainer_model(trainer);
  assert_int_equal(lam_fit(trainer, data, &(lam_fit_options){ .no_shuffle = true, .callback = keep_gradients }), LAM_OK);
  size_t epochs = 0;
  double loss = lam_trainer_history(trainer, &epochs)[0].loss;
  assert_int_equal(epochs, 1);
  if (!(fabs(loss - mean_loss(what)) < bound)) fail_msg("%s: loss %.9g, not %.9g", name, loss, mean_loss(what));
  for (size_t i = 0; i < lam_model_parameter_count(model); i++) {
    lam_parameter p;
    lam_model_parameter(model, i, &p);
    for (size_t j = 0; j < p.count && p.frozen; j++) assert_true((double)p.data[j] == w[i][j]);
    for (size_t j = 0; j < p.count && !p.fixed && !p.frozen; j++) {
      double before = w[i][j], h = 1e-6, got = (double)gradients_seen[i][j];
      w[i][j] = before + h;
      double above = mean_loss(what);
      w[i][j] = before - h;
      double slope = (above - mean_loss(what)) / (2 * h);
      w[i][j] = before;
      if (!(fabs(got - slope) <= bound)) fail_msg("%s: %s[%zu] is %.9g, not %.9g", name, p.name, j, got, slope);
    }
  }
}

#endif
