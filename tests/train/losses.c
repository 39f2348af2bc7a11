/* SPDX-License-Identifier: MIT
 *
 * Losses of arrays, and of trainers: options, reductions, several outputs, functions of one's own, model files. References are
 * formulas in double; a float result of few roundings is compared within 1e-6 of itself, its smallest size being 1e-6 too.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { ROWS = 7, IN = 3, OUT = 4 };

static float x[ROWS][IN], dense[ROWS][OUT], weights[ROWS] = { 1, 0, 2, 0.5f, 1, 3, 1 };
static int32_t labels[ROWS] = { 0, 1, 2, 3, 1, 0, 2 };

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 1, 0, 0);
  lam_random_uniform(&dense[0][0], ROWS * OUT, 1, 1, 0);
  return 0;
}

static void assert_near(double got, double exact) {
  if (!(fabs(got - exact) <= 1e-6 * (1 + fabs(exact)))) fail_msg("%.9g and not %.9g", got, exact);
}

/* ---- arrays ------------------------------------------------------------------------------------------------------- */

/* Every loss with dense targets, in values where it is smooth: probabilities that are no clip, margins that are not 0. */
static const lam_loss_options smooth[] = {
  { .loss = LAM_CATEGORICAL_CROSSENTROPY },
  { .loss = LAM_CATEGORICAL_CROSSENTROPY, .from_logits = true, .label_smoothing = 0.1f },
  { .loss = LAM_BINARY_CROSSENTROPY, .label_smoothing = 0.2f },
  { .loss = LAM_BINARY_CROSSENTROPY, .from_logits = true, .weight = 3 },
  { .loss = LAM_MEAN_SQUARED_ERROR },
  { .loss = LAM_SUM_OF_SQUARES, .reduction = LAM_REDUCTION_SUM },
  { .loss = LAM_MEAN_ABSOLUTE_ERROR },
  { .loss = LAM_MEAN_ABSOLUTE_PERCENTAGE_ERROR, .reduction = LAM_REDUCTION_SUM },
  { .loss = LAM_MEAN_SQUARED_LOGARITHMIC_ERROR },
  { .loss = LAM_HUBER, .delta = 0.3f },
  { .loss = LAM_LOG_COSH, .reduction = LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT },
  { .loss = LAM_HINGE },
  { .loss = LAM_SQUARED_HINGE, .reduction = LAM_REDUCTION_MEAN },
  { .loss = LAM_CATEGORICAL_HINGE },
  { .loss = LAM_POISSON },
  { .loss = LAM_KL_DIVERGENCE },
  { .loss = LAM_COSINE_SIMILARITY },
  { .loss = LAM_BINARY_FOCAL_CROSSENTROPY, .apply_class_balancing = true, .label_smoothing = 0.1f },
  { .loss = LAM_BINARY_FOCAL_CROSSENTROPY, .from_logits = true, .gamma = 1.5f },
  { .loss = LAM_CATEGORICAL_FOCAL_CROSSENTROPY, .alpha = 1, .gamma = 3 },
  { .loss = LAM_CATEGORICAL_FOCAL_CROSSENTROPY, .from_logits = true, .label_smoothing = 0.1f },
  { .loss = LAM_TVERSKY, .alpha = 0.3f, .beta = 0.7f },
  { .loss = LAM_TVERSKY, .alpha = 0.3f, .beta = LAM_ZERO, .each_row = true },
  { .loss = LAM_DICE },
  { .loss = LAM_DICE, .each_row = true, .reduction = LAM_REDUCTION_SUM },
};

/* The derivative by central differences with h = 2^-7: the values are within 1e-6 of some size of 10 at most, so that their
 * difference over 2 h is within 1e-3; the third derivatives of these losses here are below 50, h^2 / 6 of which is 5e-4. Twice.
 */
static void the_gradient_of_each_loss_is_that_of_its_value(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  static float y[ROWS * OUT], gradient[ROWS * OUT];
  static const bool mask[ROWS] = { true, true, false, true, true, true, true };
  for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++)
    for (int weighted = 0; weighted < 3; weighted++) {
      const float h = 0x1p-7f;
      lam_random_uniform(y, ROWS * OUT, 1, 2, 0);
      for (size_t j = 0; j < ROWS * OUT; j++) y[j] = 0.2f + 0.6f * y[j];
      lam_loss_data data = { .rows = ROWS, .columns = OUT, .outputs = y, .targets = &dense[0][0] };
      if (weighted) data.sample_weight = weights;
      if (weighted == 2) data.mask = mask;
      assert_int_equal(lam_loss_compute(context, &smooth[i], &data, NULL, NULL, gradient), LAM_OK);
      for (size_t j = 0; j < ROWS * OUT; j++) {
        float at = y[j];
        double above, below;
        if (smooth[i].loss == LAM_MEAN_ABSOLUTE_ERROR || smooth[i].loss == LAM_MEAN_ABSOLUTE_PERCENTAGE_ERROR)
          if (fabsf(at - (&dense[0][0])[j]) < 2 * h) continue; /* the kink */
        y[j] = at + h;
        assert_int_equal(lam_loss_compute(context, &smooth[i], &data, NULL, &above, NULL), LAM_OK);
        y[j] = at - h;
        assert_int_equal(lam_loss_compute(context, &smooth[i], &data, NULL, &below, NULL), LAM_OK);
        y[j] = at;
        double slope = (above - below) / (2 * (double)h), size = fabs(slope) + 1;
        if (smooth[i].loss == LAM_CATEGORICAL_HINGE && fabs(slope - (double)gradient[j]) > 3e-3) continue; /* another rival */
        if (!(fabs((double)gradient[j] - slope) <= 3e-3 * size))
          fail_msg("loss %zu (%d), weights %d, %zu: %.9g and not %.9g", i, (int)smooth[i].loss, weighted, j, (double)gradient[j],
                   slope);
      }
    }
  lam_context_destroy(context);
}

static void assert_value(lam_context *context, const lam_loss_options *options, const lam_loss_data *data, double exact) {
  double value;
  assert_int_equal(lam_loss_compute(context, options, data, NULL, &value, NULL), LAM_OK);
  assert_near(value, exact);
}

/* y = t: a third derivative of 0 and a known answer. */
static void reductions_weights_and_masks_are_keras_s(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  float y[4] = { 1, 2, 3, 4 }, t[4] = { 0, 0, 0, 0 }, w[4] = { 1, 2, 0, 1 }, losses[4];
  const bool mask[4] = { true, false, true, true };
  double value;
  lam_loss_options o = { .loss = LAM_MEAN_ABSOLUTE_ERROR };
  lam_loss_data data = { .rows = 4, .columns = 1, .outputs = y, .targets = t };
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, &value, NULL), LAM_OK);
  assert_near(value, 2.5);
  data.sample_weight = w;
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, &value, NULL), LAM_OK);
  assert_near(value, 9.0 / 4);
  assert_true(losses[1] == 4 && losses[2] == 0);
  o.reduction = LAM_REDUCTION_SUM;
  assert_value(context, &o, &data, 9);
  o.reduction = LAM_REDUCTION_MEAN_WITH_SAMPLE_WEIGHT;
  assert_value(context, &o, &data, 9.0 / 4);
  o.reduction = LAM_REDUCTION_MEAN;
  data.mask = mask;
  assert_value(context, &o, &data, 5.0 / 3); /* 1 + 0 + 4 over three that are left */
  data.sample_weight = &(float){ 2 };
  data.sample_weight_count = 1;
  data.mask = NULL;
  o.weight = 0.5f;
  assert_value(context, &o, &data, 2.5);
  /* A row that weighs nothing may cost infinitely much. */
  y[2] = INFINITY;
  data.sample_weight = w;
  data.sample_weight_count = 0;
  assert_value(context, &o, &data, 0.5 * 9 / 4);
  lam_context_destroy(context);
}

static void ignored_classes_count_for_nothing(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float y[] = { 1, 2, 3, NAN, 0, 0, 0, 5, 0 };
  const int32_t some[] = { 2, -1, 1 };
  float losses[3], gradient[9];
  double value, first = log(exp(1) + exp(2) + exp(3)) - 3, last = log(2 + exp(5)) - 5;
  lam_loss_options o = { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .from_logits = true, .ignore = true, .ignore_class = -1 };
  lam_loss_data data = { .rows = 3, .columns = 3, .outputs = y, .labels = some };
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, &value, gradient), LAM_OK);
  assert_near(value, (first + last) / 2);
  assert_true(gradient[3] == 0 && gradient[4] == 0 && gradient[5] == 0);
  assert_near((double)gradient[2], (exp(3 - 3 - first) - 1) / 2);
  o.reduction = LAM_REDUCTION_NONE;
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, NULL, NULL), LAM_OK);
  assert_near((double)losses[0], first);
  assert_true(losses[1] == 0);
  o.ignore_class = 7;
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, NULL, NULL), LAM_INVALID_DATA);
  assert_string_equal(lam_error_message(context), "label -1 in row 1 is outside 0 to 2");
  lam_context_destroy(context);
}

static void hinge_reads_0_and_1_as_signs_only_where_all_are(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float y[] = { 0.3f, -0.4f, 2 }, bits[] = { 0, 1, 1 }, signs[] = { -1, 1, 1 }, mixed[] = { -1, 0, 1 };
  double value, other;
  lam_loss_options o = { .loss = LAM_HINGE };
  lam_loss_data data = { .rows = 1, .columns = 3, .outputs = y, .targets = bits };
  assert_int_equal(lam_loss_compute(context, &o, &data, NULL, &value, NULL), LAM_OK);
  data.targets = signs;
  assert_int_equal(lam_loss_compute(context, &o, &data, NULL, &other, NULL), LAM_OK);
  assert_true(value == other);
  assert_near(value, (1.3 + 1.4) / 3);
  data.targets = mixed;
  assert_value(context, &o, &data, (1.3 + 1) / 3);
  lam_context_destroy(context);
}

static void tversky_and_dice_are_one_number_for_the_batch_or_one_a_row(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float y[] = { 0.2f, 0.9f, 0.6f, 0.1f }, t[] = { 0, 1, 1, 0 };
  float losses[2];
  double value;
  lam_loss_data data = { .rows = 2, .columns = 2, .outputs = y, .targets = t };
  lam_loss_options o = { .loss = LAM_DICE };
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, &value, NULL), LAM_OK);
  assert_near(value, 1 - 2 * 1.5 / (2 + 1.8));
  assert_true(losses[0] == losses[1]);
  o.reduction = LAM_REDUCTION_SUM;
  assert_value(context, &o, &data, 1 - 2 * 1.5 / (2 + 1.8));
  o = (lam_loss_options){ .loss = LAM_TVERSKY, .alpha = 0.2f, .beta = 0.6f, .each_row = true };
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, &value, NULL), LAM_OK);
  assert_near((double)losses[0], 1 - 0.9 / (0.9 + 0.2 * 0.1 + 0.6 * 0.2));
  assert_near((double)losses[1], 1 - 0.6 / (0.6 + 0.2 * 0.4 + 0.6 * 0.1));
  lam_context_destroy(context);
}

static void the_cosine_of_huge_and_of_no_vectors_is_a_number(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float y[] = { 3e30f, 4e30f, 0, 0 }, t[] = { 3e30f, 4e30f, 1, 0 };
  float losses[2], gradient[4];
  lam_loss_options o = { .loss = LAM_COSINE_SIMILARITY };
  lam_loss_data data = { .rows = 2, .columns = 2, .outputs = y, .targets = t };
  assert_int_equal(lam_loss_compute(context, &o, &data, losses, NULL, gradient), LAM_OK);
  assert_near((double)losses[0], -1);
  assert_true(losses[1] == 0 && isfinite(gradient[0]));
  assert_near((double)gradient[2] / -5e6, 1); /* 1 / eps, over two rows */
  lam_context_destroy(context);
}

static void options_that_are_none_are_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const struct {
    lam_loss_options options;
    const char *message;
  } wrong[] = {
    { { .loss = LAM_NO_LOSS }, "lam_loss_compute needs a loss; it was given none" },
    { { .loss = (lam_loss)99 }, "there is no lam_loss 99" },
    { { .loss = LAM_HUBER, .reduction = (lam_reduction)9 }, "there is no lam_reduction 9" },
    { { .loss = LAM_HUBER, .delta = -1 }, "huber: delta is -1; it is at least 0 and at most 3e38" },
    { { .loss = LAM_HUBER, .delta = LAM_ZERO }, "huber: delta is 0; it is above 0" },
    { { .loss = LAM_HUBER, .gamma = 2 }, "huber has no gamma" },
    { { .loss = LAM_MEAN_SQUARED_ERROR, .from_logits = true },
      "mean_squared_error has no logits: from_logits goes with the cross-entropies" },
    { { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .label_smoothing = 0.1f },
      "sparse_categorical_crossentropy has no label_smoothing" },
    { { .loss = LAM_CATEGORICAL_CROSSENTROPY, .label_smoothing = 1.5f },
      "categorical_crossentropy: label_smoothing is 1.5; it is at least 0 and at most 1" },
    { { .loss = LAM_CATEGORICAL_CROSSENTROPY, .ignore = true }, "categorical_crossentropy has no ignore_class" },
    { { .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .ignore_class = 3 }, "ignore_class is 3, but ignore is not set" },
    { { .loss = LAM_CUSTOM_LOSS }, "the loss custom needs its function, which files do not keep: give it again" },
    { { .loss = LAM_DICE, .reserved = { 1 } }, "reserved fields of lam_loss_options must be zero" },
  };
  const float y[] = { 0.5f, 0.5f };
  lam_loss_data data = { .rows = 1, .columns = 2, .outputs = y, .targets = y, .labels = labels };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(lam_loss_compute(context, &wrong[i].options, &data, NULL, NULL, NULL), LAM_INVALID_ARGUMENT);
    assert_string_equal(lam_error_message(context), wrong[i].message);
  }
  data.targets = NULL;
  assert_int_equal(lam_loss_compute(context, &smooth[0], &data, NULL, NULL, NULL), LAM_INVALID_ARGUMENT);
  assert_string_equal(lam_error_message(context), "categorical_crossentropy needs targets");
  lam_context_destroy(context);
}

/* ---- trainers ----------------------------------------------------------------------------------------------------- */

static lam_model *network(lam_context *context, lam_activation last, size_t outputs) {
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node ends[2] = { lam_dense(in, OUT, &(lam_dense_options){ .activation = last }) };
  ends[1] = lam_dense(in, OUT, &(lam_dense_options){ .activation = last });
  return lam_model_create(ends, outputs);
}

static lam_dataset *rows_of(lam_context *context, bool sparse, size_t outputs) {
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } }, out[2];
  for (size_t i = 0; i < 2; i++) out[i] = (lam_array){ .data = dense, .rows = ROWS, .shape = { { OUT }, 1 } };
  if (sparse) out[0] = (lam_array){ .data = labels, .type = LAM_INT32, .rows = ROWS };
  return lam_dataset_create(context, &in, 1, out, outputs);
}

/* What a trainer tells and does is what lam_loss_compute tells of its outputs: the loss as evaluated, and the bias's gradient,
 * which is the column sums of the outputs' gradients, within the roundings of seven rows. */
static void a_trainer_has_the_loss_and_gradient_of_the_arrays(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++)
    for (int weighted = 0; weighted < 2; weighted++) {
      lam_loss_options o = smooth[i];
      lam_activation last = o.from_logits ? LAM_LINEAR : LAM_HARD_SIGMOID; /* nothing to fuse */
      lam_model *model = network(context, last, 1);
      lam_dataset *data = rows_of(context, false, 1);
      if (weighted) assert_int_equal(lam_dataset_set_weights(data, weights, ROWS), LAM_OK);
      lam_trainer *trainer = lam_trainer_create(
          model, &(lam_trainer_options){ .losses = &o, .loss_count = 1, .optimizer = { .type = LAM_SGD, .learning_rate = 1 } });
      assert_non_null(trainer);
      float y[ROWS * OUT], gradient[ROWS * OUT], bias[OUT], before[OUT] = { 0 };
      double value;
      assert_int_equal(lam_predict(model, data, NULL, y, ROWS * OUT), LAM_OK);
      lam_loss_data arrays = {
        .rows = ROWS, .columns = OUT, .outputs = y, .targets = &dense[0][0], .sample_weight = weighted ? weights : NULL
      };
      assert_int_equal(lam_loss_compute(context, &o, &arrays, NULL, &value, gradient), LAM_OK);
      lam_result result;
      assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
      assert_near(result.loss, value);
      double weight = o.weight == 0 ? 1 : (double)o.weight;
      assert_near(lam_trainer_output_loss(trainer, 0, true) * weight, value);
      assert_true(isnan(lam_trainer_output_loss(trainer, 0, false)));
      assert_int_equal(lam_fit(trainer, data, &(lam_fit_options){ .batch_size = ROWS }), LAM_OK);
      assert_near(lam_trainer_output_loss(trainer, 0, false) * weight, value);
      lam_parameter parameter;
      assert_int_equal(lam_model_parameter(model, 1, &parameter), LAM_OK);
      for (size_t j = 0; j < OUT; j++) {
        double sum = 0;
        for (size_t r = 0; r < ROWS; r++) {
          float inside = y[r * OUT + j];
          double slope = last == LAM_LINEAR ? 1 : inside > 0 && inside < 1 ? 1.0 / 6 : 0;
          sum += (double)gradient[r * OUT + j] * slope;
        }
        bias[j] = parameter.data[j] - before[j];
        assert_near((double)bias[j], -sum);
      }
      lam_trainer_destroy(trainer);
      lam_dataset_destroy(data);
      lam_model_destroy(model);
    }
  lam_context_destroy(context);
}

static void smoothing_is_computed_together_with_softmax(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = network(context, LAM_SOFTMAX, 1);
  lam_dataset *data = rows_of(context, true, 1), *hot = lam_one_hot(data, OUT);
  lam_loss_options o = { .loss = LAM_CATEGORICAL_CROSSENTROPY, .label_smoothing = 0.1f };
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .losses = &o, .loss_count = 1 });
  /* A logit of 200 saturates every clip, but not a loss from logits: of one row with t = 0.925 for it and 0.025 for three others
   * it is 0.075 times the distance to their logit 0, or 200 more where the label is another. */
  const float kernel[IN * OUT] = { 0 }, bias[OUT] = { 200, 0, 0, 0 };
  assert_int_equal(lam_model_set_parameter(model, "dense/kernel", kernel, IN * OUT), LAM_OK);
  assert_int_equal(lam_model_set_parameter(model, "dense/bias", bias, OUT), LAM_OK);
  lam_result result;
  assert_int_equal(lam_evaluate(trainer, hot, &result), LAM_OK);
  double right = 0.075 * 200, wrong = 0.975 * 200;
  assert_near(result.loss, (2 * right + 5 * wrong) / 7);
  lam_context_destroy(context);
}

static void outputs_have_losses_and_weights_of_their_own(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = network(context, LAM_SIGMOID, 2);
  lam_dataset *data = rows_of(context, false, 2);
  const lam_loss_options two[] = { { .loss = LAM_MEAN_ABSOLUTE_ERROR, .weight = 0.25f }, { .loss = LAM_HUBER, .weight = 2 } };
  const lam_loss_options one[] = { { .loss = LAM_NO_LOSS }, { .loss = LAM_HUBER } };
  lam_result both, second;
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .losses = two, .loss_count = 2 });
  assert_int_equal(lam_evaluate(trainer, data, &both), LAM_OK);
  assert_near(both.loss, 0.25 * lam_trainer_output_loss(trainer, 0, true) + 2 * lam_trainer_output_loss(trainer, 1, true));
  double huber = lam_trainer_output_loss(trainer, 1, true);
  lam_trainer *half = lam_trainer_create(model, &(lam_trainer_options){ .losses = one, .loss_count = 2 });
  assert_int_equal(lam_evaluate(half, data, &second), LAM_OK);
  assert_true(second.loss == huber);
  assert_true(isnan(lam_trainer_output_loss(half, 0, true)));
  /* What leads to the first output alone stays. */
  lam_parameter kernel;
  assert_int_equal(lam_model_parameter(model, 0, &kernel), LAM_OK);
  float before = kernel.data[0];
  assert_int_equal(lam_fit(half, data, NULL), LAM_OK);
  assert_true(kernel.data[0] == before);
  const lam_loss_options three[3] = { { .loss = LAM_HUBER } };
  assert_null(lam_trainer_create(model, &(lam_trainer_options){ .losses = three, .loss_count = 3 }));
  assert_string_equal(lam_error_message(context), "3 losses for 2 outputs; it is one for all, or one for each");
  assert_null(lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_HUBER, .losses = two, .loss_count = 2 }));
  lam_context_destroy(context);
}

static void losses_go_along_the_last_axis_and_average_the_others(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const lam_loss_options all[] = { { .loss = LAM_CATEGORICAL_CROSSENTROPY, .from_logits = true },
                                   { .loss = LAM_COSINE_SIMILARITY, .reduction = LAM_REDUCTION_SUM },
                                   { .loss = LAM_MEAN_ABSOLUTE_ERROR, .reduction = LAM_REDUCTION_SUM },
                                   { .loss = LAM_KL_DIVERGENCE } };
  lam_array in = { .data = dense, .rows = ROWS, .shape = { { 2, 2 }, 2 } };
  float targets[ROWS * 4];
  lam_random_uniform(targets, ROWS * 4, 9, 9, 0);
  lam_array out = { .data = targets, .rows = ROWS, .shape = { { 2, 2 }, 2 } };
  lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lam_node node = lam_dense(lam_input(lam_graph_create(context), in.shape), 2, NULL);
    lam_model *model = lam_model_create(&node, 1);
    lam_trainer *trainer = lam_trainer_create(
        model,
        &(lam_trainer_options){ .losses = &all[i], .loss_count = 1, .optimizer = { .type = LAM_SGD, .learning_rate = 1 } });
    float y[ROWS * 4], gradient[ROWS * 4];
    double value;
    lam_result result;
    lam_parameter bias;
    assert_int_equal(lam_predict(model, data, NULL, y, ROWS * 4), LAM_OK);
    lam_loss_data arrays = { .rows = 2 * ROWS, .columns = 2, .outputs = y, .targets = targets };
    assert_int_equal(lam_loss_compute(context, &all[i], &arrays, NULL, &value, gradient), LAM_OK);
    assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
    assert_near(result.loss, value);
    assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
    assert_int_equal(lam_model_parameter(model, 1, &bias), LAM_OK);
    for (size_t j = 0; j < 2; j++) {
      double sum = 0;
      for (size_t r = 0; r < 2 * ROWS; r++) sum += (double)gradient[2 * r + j];
      assert_near((double)bias.data[j], -sum);
    }
  }
  lam_context_destroy(context);
}

/* ---- a loss of one's own ------------------------------------------------------------------------------------------ */

typedef struct own {
  int calls, fails_at;
  size_t rows;
} own;

/* The sum of squares over two, as LAM_SUM_OF_SQUARES. */
static lam_status squares(void *user, const lam_loss_call *call) {
  own *o = user;
  o->rows += call->rows;
  if (++o->calls == o->fails_at) return LAM_UNSUPPORTED;
  for (size_t i = 0; i < call->rows; i++) {
    call->losses[i] = 0;
    for (size_t j = 0; j < call->columns; j++) {
      size_t at = i * call->columns + j;
      float d = call->outputs[at] - call->targets[at];
      call->losses[i] += 0.5f * d * d;
      if (call->gradient) call->gradient[at] = d;
    }
  }
  return LAM_OK;
}

static void a_function_of_ones_own_trains_like_the_built_in_one(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_dataset *data = rows_of(context, false, 1);
  own user = { 0 };
  float ends[2][OUT];
  for (int i = 0; i < 2; i++) {
    lam_model *model = network(context, LAM_TANH, 1);
    lam_loss_options o = { .loss = LAM_SUM_OF_SQUARES };
    if (i) o = (lam_loss_options){ .loss = LAM_CUSTOM_LOSS, .function = squares, .user = &user };
    lam_trainer *trainer =
        lam_trainer_create(model, &(lam_trainer_options){ .losses = &o, .loss_count = 1, .optimizer = { .type = LAM_SGD } });
    lam_parameter kernel;
    assert_int_equal(lam_model_parameter(model, 0, &kernel), LAM_OK);
    float start[IN * OUT];
    for (size_t j = 0; j < IN * OUT; j++) start[j] = (float)j * 0.1f - 0.5f;
    assert_int_equal(lam_model_set_parameter(model, kernel.name, start, IN * OUT), LAM_OK);
    assert_int_equal(lam_fit(trainer, data, &(lam_fit_options){ .epochs = 5, .batch_size = 3, .no_shuffle = true }), LAM_OK);
    for (size_t j = 0; j < OUT; j++) ends[i][j] = kernel.data[j];
  }
  for (size_t j = 0; j < OUT; j++) assert_near((double)ends[1][j], (double)ends[0][j]);
  assert_int_equal(user.calls, 15);
  assert_int_equal(user.rows, 5 * ROWS);
  lam_context_destroy(context);
}

static void a_function_that_fails_ends_the_step_before_a_weight_changes(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_dataset *data = rows_of(context, false, 1);
  lam_model *model = network(context, LAM_TANH, 1);
  own user = { .fails_at = 2 };
  lam_loss_options o = { .loss = LAM_CUSTOM_LOSS, .function = squares, .user = &user };
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .losses = &o, .loss_count = 1 });
  lam_parameter kernel;
  lam_result result;
  assert_int_equal(lam_model_parameter(model, 0, &kernel), LAM_OK);
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_OK);
  float before = kernel.data[0];
  assert_int_equal(lam_fit(trainer, data, NULL), LAM_UNSUPPORTED);
  assert_non_null(strstr(lam_error_message(context), "the loss function of dense failed"));
  assert_true(kernel.data[0] == before);
  assert_int_equal(lam_fit(trainer, data, NULL), LAM_OK);
  user.fails_at = user.calls + 1;
  assert_int_equal(lam_evaluate(trainer, data, &result), LAM_UNSUPPORTED);
  user.fails_at = user.calls + 1;
  lam_loss_data arrays = { .rows = 1, .columns = 2, .outputs = &x[0][0], .targets = &x[0][0] };
  assert_int_equal(lam_loss_compute(context, &o, &arrays, NULL, NULL, NULL), LAM_UNSUPPORTED);
  lam_context_destroy(context);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void files_keep_losses_but_for_functions(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  char path[64];
  (void)snprintf(path, sizeof path, "/tmp/lamina-losses-%d.safetensors", (int)getpid());
  lam_model *model = network(context, LAM_SIGMOID, 2);
  const lam_loss_options two[] = {
    { .loss = LAM_BINARY_FOCAL_CROSSENTROPY, .gamma = LAM_ZERO, .weight = 0.5f, .label_smoothing = 0.1f },
    { .loss = LAM_TVERSKY, .alpha = 0.3f, .each_row = true, .reduction = LAM_REDUCTION_SUM }
  };
  lam_dataset *data = rows_of(context, false, 2);
  lam_result before, after;
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .losses = two, .loss_count = 2 });
  assert_int_equal(lam_evaluate(trainer, data, &before), LAM_OK);
  assert_int_equal(lam_model_save(model, path), LAM_OK);
  lam_model *read = lam_model_load(context, path);
  lam_trainer *again = lam_trainer_create(read, NULL);
  assert_non_null(again);
  assert_int_equal(lam_evaluate(again, data, &after), LAM_OK);
  assert_true(before.loss == after.loss);
  lam_trainer_options how;
  assert_int_equal(lam_trainer_get_options(again, &how), LAM_OK);
  assert_int_equal(how.loss_count, 2);
  assert_true(how.losses[0].gamma == LAM_ZERO && how.losses[1].alpha == 0.3f && how.losses[1].beta == 0.5f);
  assert_non_null(lam_trainer_create(read, &how)); /* as they act is as they can be said */
  lam_loss_options o = { .loss = LAM_CUSTOM_LOSS, .function = squares, .user = &(own){ 0 } };
  assert_non_null(lam_trainer_create(model, &(lam_trainer_options){ .losses = &o, .loss_count = 1 }));
  assert_int_equal(lam_model_save(model, path), LAM_OK);
  read = lam_model_load(context, path);
  assert_non_null(read);
  assert_null(lam_trainer_create(read, NULL));
  assert_string_equal(lam_error_message(context), "the loss custom needs its function, which files do not keep: give it again");
  (void)unlink(path);
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_gradient_of_each_loss_is_that_of_its_value),
    cmocka_unit_test(reductions_weights_and_masks_are_keras_s),
    cmocka_unit_test(ignored_classes_count_for_nothing),
    cmocka_unit_test(hinge_reads_0_and_1_as_signs_only_where_all_are),
    cmocka_unit_test(tversky_and_dice_are_one_number_for_the_batch_or_one_a_row),
    cmocka_unit_test(the_cosine_of_huge_and_of_no_vectors_is_a_number),
    cmocka_unit_test(options_that_are_none_are_refused),
    cmocka_unit_test(a_trainer_has_the_loss_and_gradient_of_the_arrays),
    cmocka_unit_test(smoothing_is_computed_together_with_softmax),
    cmocka_unit_test(outputs_have_losses_and_weights_of_their_own),
    cmocka_unit_test(losses_go_along_the_last_axis_and_average_the_others),
    cmocka_unit_test(a_function_of_ones_own_trains_like_the_built_in_one),
    cmocka_unit_test(a_function_that_fails_ends_the_step_before_a_weight_changes),
    cmocka_unit_test(files_keep_losses_but_for_functions),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
