/* SPDX-License-Identifier: MIT
 *
 * Gradients of layers and losses from outside: right ones are found right, wrong ones wrong, and what cannot be compared is told.
 */
#include "support.h"

#include <lamina.h>
#include <math.h>
#include <stdio.h>

enum { ROWS = 7, IN = 3, WIDE = 5 };

static float x[ROWS][IN], targets[ROWS][WIDE];

static int make_data(void **state) {
  (void)state;
  lam_random_normal(&x[0][0], ROWS * IN, 1, 0, 0);
  lam_random_normal(&targets[0][0], ROWS * WIDE, 1, 1, 0);
  return 0;
}

/* ---- layers ------------------------------------------------------------------------------------------------------- */

/* What its backward pass does wrong. */
typedef struct fault {
  float weights, input, second; /* factors of these gradients; 1: right */
  bool mixes;                   /* rows */
  int fails_at, calls;
} fault;
static const fault right = { .weights = 1, .input = 1, .second = 1 };

/* Bend: y_j = sin(sum_k x_k w_kj) + b_j |z_j| where there is a second input z, of the width of w's columns. */
static lam_status bend_shape(lam_custom_shaping *shaping) {
  lam_custom_weight kernel = { .name = "kernel", .shape = { { shaping->inputs[0].size[0], WIDE }, 2 } };
  lam_custom_weight scale = { .name = "scale", .shape = { { WIDE }, 1 }, .initializer = { LAM_RANDOM_UNIFORM, 1 } };
  shaping->output = (lam_shape){ { WIDE }, 1 };
  shaping->saved = WIDE;
  lam_status status = lam_custom_add_weight(shaping, &kernel);
  return status ? status : lam_custom_add_weight(shaping, &scale);
}

static lam_status bend_forward(lam_custom_pass *pass) {
  fault *f = pass->user;
  size_t n = pass->input_shapes[0].size[0];
  if (++f->calls == f->fails_at) return (void)snprintf(pass->message, sizeof pass->message, "too much"), LAM_INVALID_DATA;
  for (size_t i = 0; i < pass->rows * WIDE; i++) {
    float sum = f->mixes && i >= WIDE ? pass->inputs[0][0] : 0;
    for (size_t k = 0; k < n; k++) sum += pass->inputs[0][i / WIDE * n + k] * pass->weights[0][k * WIDE + i % WIDE];
    pass->output[i] = sinf(sum);
    if (pass->input_count > 1) pass->output[i] += pass->weights[1][i % WIDE] * fabsf(pass->inputs[1][i]);
    if (pass->saved) pass->saved[i] = cosf(sum);
  }
  return LAM_OK;
}

static lam_status bend_backward(lam_custom_pass *pass) {
  const fault *f = pass->user;
  size_t n = pass->input_shapes[0].size[0];
  float *dw = pass->weight_gradients[0], *db = pass->weight_gradients[1], *dx = pass->input_gradients[0];
  float *dz = pass->input_count > 1 ? pass->input_gradients[1] : NULL;
  for (size_t i = 0; dw && i < n * WIDE; i++) dw[i] = 0;
  for (size_t i = 0; db && i < WIDE; i++) db[i] = 0;
  for (size_t i = 0; dx && i < pass->rows * n; i++) dx[i] = 0;
  for (size_t i = 0; i < pass->rows * WIDE; i++) {
    size_t row = i / WIDE, j = i % WIDE;
    float dy = pass->output_gradient[i], slope = dy * pass->saved[i];
    for (size_t k = 0; k < n; k++) {
      if (dw) dw[k * WIDE + j] += f->weights * slope * pass->inputs[0][row * n + k];
      if (dx) dx[row * n + k] += f->input * slope * pass->weights[0][k * WIDE + j];
    }
    if (pass->input_count > 1 && db) db[j] += dy * fabsf(pass->inputs[1][i]);
    if (dz) dz[i] = f->second * dy * pass->weights[1][j] * (pass->inputs[1][i] > 0 ? 1.0f : -1.0f);
  }
  return LAM_OK;
}

/* Between layers with kinks of their own, applied twice, once with a second input. */
static lam_trainer *bends(lam_context *context, fault *f, bool trained) {
  const lam_custom_layer type = {
    .name = "Bend", .most_inputs = 2, .shape = bend_shape, .forward = bend_forward, .backward = bend_backward, .user = f
  };
  assert_int_equal(lam_custom_register(context, &type), LAM_OK);
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
  lam_node first = lam_dense(in, WIDE, &(lam_dense_options){ .activation = LAM_TANH });
  if (!trained) lam_trainable(first, false);
  lam_node both[] = { in, first }, y = lam_custom("Bend", both, 2, NULL);
  if (!trained) lam_trainable(y, false);
  y = lam_custom("Bend", (lam_node[]){ lam_dense(y, WIDE, &(lam_dense_options){ .activation = LAM_RELU }) }, 1, NULL);
  y = lam_dense(y, WIDE, NULL);
  lam_model *model = lam_model_create(&y, 1);
  if (!model) fail_msg("%s", lam_error_message(context));
  return lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_MEAN_SQUARED_ERROR });
}

static lam_dataset *rows_of(lam_context *context) {
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_array out = { .data = targets, .rows = ROWS, .shape = { { WIDE }, 1 } };
  return lam_dataset_create(context, &in, 1, &out, 1);
}

static void right_backward_passes_are_found_right(void **state) {
  (void)state;
  for (int trained = 0; trained < 2; trained++)
    for (uint64_t seed = 0; seed < 20; seed++) {
      fault f = right;
      lam_context *context = lam_context_create(&(lam_context_options){ .seed = seed });
      lam_gradient_report report;
      lam_status status = lam_gradient_check(bends(context, &f, trained != 0), rows_of(context), NULL, &report);
      if (status) fail_msg("%s", lam_error_message(context));
      size_t above = WIDE * WIDE + WIDE, bend = WIDE * WIDE + WIDE;
      assert_int_equal(report.compared, 2 * above + bend + (trained ? 2 * (IN * WIDE + WIDE) : 0));
      if (report.exceeded)
        fail_msg("%s, %zu: %.9g is not %.9g within %.3g", report.weight, report.index, report.gradient, report.reference,
                 report.bound);
      assert_true(report.rows >= 3);
      lam_context_destroy(context);
    }
}

static void backward_passes_that_are_a_fiftieth_off_are_found_wrong(void **state) {
  (void)state;
  const fault faults[] = { { .weights = 1.02f, .input = 1, .second = 1 },
                           { .weights = 1, .input = 0.98f, .second = 1 },
                           { .weights = 1, .input = 1, .second = 1.02f } };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    fault f = faults[i];
    lam_context *context = lam_context_create(NULL);
    lam_gradient_report report;
    assert_int_equal(lam_gradient_check(bends(context, &f, true), rows_of(context), NULL, &report), LAM_OK);
    assert_true(report.exceeded > 0);
    lam_context_destroy(context);
  }
}

static void rows_that_depend_on_each_other_and_passes_that_fail_are_told(void **state) {
  (void)state;
  fault f = right;
  f.mixes = true;
  lam_context *context = lam_context_create(NULL);
  lam_gradient_report report;
  lam_trainer *trainer = bends(context, &f, true);
  assert_int_equal(lam_gradient_check(trainer, rows_of(context), NULL, &report), LAM_UNSUPPORTED);
  assert_non_null(strstr(lam_error_message(context), "bend (Bend): its rows depend on each other"));
  f = right;
  f.fails_at = 9;
  assert_int_equal(lam_gradient_check(trainer, rows_of(context), NULL, &report), LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(context), "bend (Bend), forward pass: too much"));
  lam_context_destroy(context);
}

/* ---- losses ------------------------------------------------------------------------------------------------------- */

typedef struct own_loss {
  float factor; /* of the gradient */
  int fails_at, calls;
} own_loss;

/* log(1 + (y - t)^2) of the first two columns, with a kink in the third: |y|. */
static lam_status outlying(void *user, const lam_loss_call *call) {
  own_loss *o = user;
  if (++o->calls == o->fails_at) return LAM_INVALID_DATA;
  for (size_t i = 0; i < call->rows; i++) {
    const float *y = call->outputs + i * call->columns;
    call->losses[i] = fabsf(y[2]);
    if (call->gradient) memset(call->gradient + i * call->columns, 0, call->columns * sizeof(float));
    for (size_t j = 0; j < 2; j++) {
      float d = y[j] - call->targets[i * call->target_columns + j];
      call->losses[i] += logf(1 + d * d);
      if (call->gradient) call->gradient[i * call->columns + j] = o->factor * 2 * d / (1 + d * d);
    }
    if (call->gradient) call->gradient[i * call->columns + 2] = y[2] > 0 ? 1.0f : -1.0f;
  }
  return LAM_OK;
}

static lam_status check_loss(lam_context *context, own_loss *o, bool weighted, lam_gradient_report *report) {
  lam_node y = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), WIDE, NULL);
  const lam_loss_options loss = { .loss = LAM_CUSTOM_LOSS, .function = outlying, .user = o, .target_columns = 2, .weight = 0.5f };
  lam_trainer *trainer = lam_trainer_create(lam_model_create(&y, 1), &(lam_trainer_options){ .losses = &loss, .loss_count = 1 });
  lam_array in = { .data = x, .rows = ROWS, .shape = { { IN }, 1 } };
  lam_array out = { .data = targets, .rows = ROWS, .shape = { { 2 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
  static const float weights[ROWS] = { 1, 0.5f, 2, 0, 1, 3, 1 };
  if (weighted && data) assert_int_equal(lam_dataset_set_weights(data, weights, ROWS), LAM_OK);
  return lam_gradient_check(trainer, data, NULL, report);
}

static void gradients_of_a_function_of_ones_own_are_compared(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_gradient_report report;
  for (int weighted = 0; weighted < 2; weighted++) {
    own_loss o = { .factor = 1 };
    assert_int_equal(check_loss(context, &o, weighted != 0, &report), LAM_OK);
    assert_true(report.compared == (IN + 1) * WIDE && report.exceeded == 0);
    o.factor = 1.02f;
    assert_int_equal(check_loss(context, &o, weighted != 0, &report), LAM_OK);
    assert_true(report.exceeded > 0);
  }
  own_loss fails = { .factor = 1, .fails_at = 5 };
  assert_int_equal(check_loss(context, &fails, false, &report), LAM_INVALID_DATA);
  assert_non_null(strstr(lam_error_message(context), "the loss function failed"));
  lam_context_destroy(context);
}

static bool check_with_memory(lam_allocator allocator) {
  fault f = right;
  own_loss o = { .factor = 1 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator, .gemm = "native" });
  const lam_custom_layer type = {
    .name = "Bend", .shape = bend_shape, .forward = bend_forward, .backward = bend_backward, .user = &f
  };
  lam_node in = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), y = in;
  if (lam_custom_register(context, &type) == LAM_OK) y = lam_custom("Bend", &in, 1, NULL);
  const lam_loss_options loss = { .loss = LAM_CUSTOM_LOSS, .function = outlying, .user = &o, .target_columns = 2 };
  lam_trainer *trainer = lam_trainer_create(lam_model_create(&y, 1), &(lam_trainer_options){ .losses = &loss, .loss_count = 1 });
  lam_array rows = { .data = x, .rows = 2, .shape = { { IN }, 1 } }, out = { .data = targets, .rows = 2, .shape = { { 2 }, 1 } };
  lam_gradient_report report;
  lam_status status = lam_gradient_check(trainer, lam_dataset_create(context, &rows, 1, &out, 1), NULL, &report);
  assert_true(status == LAM_OK || status == LAM_OUT_OF_MEMORY || status == LAM_NO_HANDLE || status == LAM_INVALID_ARGUMENT);
  lam_context_destroy(context);
  return status == LAM_OK;
}

static void memory_that_runs_out_is_told_and_given_back(void **state) {
  (void)state;
  test_every_allocation_failing(check_with_memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(right_backward_passes_are_found_right),
    cmocka_unit_test(backward_passes_that_are_a_fiftieth_off_are_found_wrong),
    cmocka_unit_test(rows_that_depend_on_each_other_and_passes_that_fail_are_told),
    cmocka_unit_test(gradients_of_a_function_of_ones_own_are_compared),
    cmocka_unit_test(memory_that_runs_out_is_told_and_given_back),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
