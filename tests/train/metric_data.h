/* SPDX-License-Identifier: MIT
 *
 * Rows that the tests of metrics share: four columns with labels, and one with bits.
 */
#ifndef LAM_TESTS_TRAIN_METRIC_DATA_H
#define LAM_TESTS_TRAIN_METRIC_DATA_H

#include "support.h"
#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { ROWS = 60, WIDTH = 4 };

static float y[ROWS][WIDTH], t[ROWS][WIDTH], one[ROWS], weights[ROWS];
static float one_y[ROWS], one_t[ROWS];
static int32_t labels[ROWS];

static inline int make_data(void **state) {
  (void)state;
  lam_random_uniform(&y[0][0], ROWS * WIDTH, 1, 0, 0);
  lam_random_uniform(one, ROWS, 1, 1, 0);
  lam_random_uniform(weights, ROWS, 1, 2, 0);
  lam_random_uniform(one_y, ROWS, 1, 3, 0);
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i * 7 % 11 % WIDTH);
    y[i][labels[i]] += 0.3f;
    for (size_t j = 0; j < WIDTH; j++) t[i][j] = (size_t)labels[i] == j;
    one_t[i] = one_y[i] + one[i] > 0.9f;
  }
  return 0;
}

static inline lam_metric_result result_of(lam_context *context, lam_metric_options options, lam_metric_batch batch) {
  lam_metric_result result;
  lam_metric *metric = lam_metric_create(context, &options);
  if (!metric || lam_metric_update(metric, &batch)) fail_msg("%s", lam_error_message(context));
  assert_int_equal(lam_metric_read(metric, &result), LAM_OK);
  lam_metric_destroy(metric);
  return result;
}

static inline lam_metric_batch wide(void) {
  return (lam_metric_batch){ .predictions = &y[0][0], .targets = &t[0][0], .rows = ROWS, .width = WIDTH };
}

static inline lam_metric_batch narrow(void) {
  return (lam_metric_batch){ .predictions = one_y, .targets = one_t, .rows = ROWS, .width = 1 };
}

#endif
