/* SPDX-License-Identifier: MIT
 *
 * A layer of one's own: bumps that learn where to stand. docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <math.h>
#include <stdio.h>

/* y_j = exp(-|x - c_j|^2 / (2 width^2)): unit j answers to rows near its centre c_j, a column of the weight "centres". */
typedef struct bumps_options {
  size_t units;
  float width;
} bumps_options;

static const lam_custom_field fields[] = { { "units", LAM_CUSTOM_SIZE, offsetof(bumps_options, units) },
                                           { "width", LAM_CUSTOM_FLOAT, offsetof(bumps_options, width) },
                                           { NULL, LAM_CUSTOM_FLOAT, 0 } };

static lam_status shape(lam_custom_shaping *shaping) {
  const bumps_options *options = shaping->options;
  if (shaping->inputs[0].rank != 1 || options->units == 0 || !(options->width > 0)) {
    (void)snprintf(shaping->message, sizeof shaping->message, "it needs rows of one axis, units and a width");
    return LAM_INVALID_SHAPE;
  }
  shaping->output = (lam_shape){ { options->units }, 1 };
  lam_custom_weight centres = { .name = "centres", .initializer = { LAM_RANDOM_UNIFORM, 2 } };
  centres.shape = (lam_shape){ { shaping->inputs[0].size[0], options->units }, 2 };
  return lam_custom_add_weight(shaping, &centres);
}

static lam_status forward(lam_custom_pass *pass) {
  const bumps_options *options = pass->options;
  size_t n = options->units, in = pass->input_shapes[0].size[0];
  float *y = pass->output, scale = -0.5f / (options->width * options->width);
  for (size_t row = 0; row < pass->rows; row++)
    for (size_t j = 0; j < n; j++) {
      float distance = 0;
      for (size_t i = 0; i < in; i++) {
        float d = pass->inputs[0][row * in + i] - pass->weights[0][i * n + j];
        distance += d * d;
      }
      y[row * n + j] = scale * distance;
    }
  return lam_exp(y, n, y, n, pass->rows, n);
}

/* dy_j / dc_ij = y_j (x_i - c_ij) / width^2, and by x_i the opposite. */
static lam_status backward(lam_custom_pass *pass) {
  const bumps_options *options = pass->options;
  size_t n = options->units, in = pass->input_shapes[0].size[0];
  float *dc = pass->weight_gradients[0], *dx = pass->input_gradients[0], scale = 1 / (options->width * options->width);
  for (size_t i = 0; dc && i < in * n; i++) dc[i] = 0;
  for (size_t i = 0; dx && i < pass->rows * in; i++) dx[i] = 0;
  for (size_t row = 0; row < pass->rows; row++)
    for (size_t i = 0; i < in; i++)
      for (size_t j = 0; j < n; j++) {
        float slope = pass->output_gradient[row * n + j] * pass->output[row * n + j] * scale;
        float d = slope * (pass->inputs[0][row * in + i] - pass->weights[0][i * n + j]);
        if (dc) dc[i * n + j] += d;
        if (dx) dx[row * in + i] -= d;
      }
  return LAM_OK;
}

enum { POINTS = 512, UNITS = 16 };
static float points[POINTS][2], inside[POINTS];

/* The sum of all outputs, whose gradient is the sum of the rows'. */
static double total(lam_trainer *trainer, const lam_array *rows) {
  double sum = 0;
  if (lam_forward(trainer, rows, 1)) return NAN;
  for (size_t i = 0; i < rows->rows; i++) sum += (double)lam_forward_output(trainer, 0)[i];
  return sum;
}

/* Each gradient of the layer against a central difference of that sum. Returns the largest deviation, as a part of the largest.
 */
static double check_gradients(lam_model *model, const lam_array *rows) {
  lam_trainer *trainer = lam_trainer_create(model, NULL);
  lam_parameter centres;
  float ones[POINTS], gradient[2 * UNITS], values[2 * UNITS];
  const float *output_gradient = ones;
  double worst = 0, largest = 0;
  for (size_t i = 0; i < rows->rows; i++) ones[i] = 1;
  if (!trainer || lam_model_parameter(model, 0, &centres) || isnan(total(trainer, rows))) return NAN;
  if (lam_backward(trainer, &output_gradient, 1)) return NAN;
  for (size_t i = 0; i < centres.count; i++) gradient[i] = lam_gradient(trainer, 0)[i], values[i] = centres.data[i];
  for (size_t i = 0; i < centres.count; i++) {
    double sums[2];
    for (int up = 0; up < 2; up++) {
      values[i] += up ? 0x1p-9f : -0x1p-10f;
      if (lam_model_set_parameter(model, centres.name, values, centres.count)) return NAN;
      sums[up] = total(trainer, rows);
    }
    values[i] -= 0x1p-10f;
    double size = fabs((double)gradient[i]), deviation = fabs((double)gradient[i] - (sums[1] - sums[0]) / 0x1p-9);
    if (!(deviation <= worst)) worst = deviation;
    if (size > largest) largest = size;
  }
  return lam_model_set_parameter(model, centres.name, values, centres.count) ? (double)NAN : worst / largest;
}

static lam_status train(lam_context *context, const lam_array *rows) {
  lam_array answers = { .data = inside, .rows = POINTS, .shape = { { 1 }, 1 } };
  lam_dataset *data = lam_dataset_create(context, rows, 1, &answers, 1);
  lam_node node = lam_input(lam_graph_create(context), rows->shape);
  node = lam_custom("Bumps", &node, 1, &(bumps_options){ UNITS, 0.5f });
  node = lam_dense(node, 1, &(lam_dense_options){ .activation = LAM_SIGMOID });
  lam_model *model = lam_model_create(&node, 1);
  if (!model) return lam_error_status(context);
  /* Steps of 2^-9 find slopes within the square of that; sums of 512 floats add a little. */
  printf("gradients of the centres: %s\n", check_gradients(model, rows) < 1e-3 ? "right" : "wrong");
  lam_trainer_options options = { .loss = LAM_BINARY_CROSSENTROPY, .optimizer = { .type = LAM_ADAM, .learning_rate = 0.05f } };
  lam_trainer *trainer = lam_trainer_create(model, &options);
  lam_result before, after;
  if (lam_evaluate(trainer, data, &before) || lam_fit(trainer, data, &(lam_fit_options){ .epochs = 60 }) ||
      lam_evaluate(trainer, data, &after))
    return lam_error_status(context);
  printf("before training: loss %.3f, accuracy %.3f\nafter 60 epochs: loss %.3f, accuracy %.3f\n", before.loss, before.accuracy,
         after.loss, after.accuracy);
  return LAM_OK;
}

int main(void) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  lam_random_uniform(points[0], POINTS * 2, 1, 0, 0);
  for (size_t i = 0; i < POINTS; i++) { /* between two circles, or not */
    for (size_t j = 0; j < 2; j++) points[i][j] = 4 * points[i][j] - 2;
    float r = points[i][0] * points[i][0] + points[i][1] * points[i][1];
    inside[i] = r > 0.5f && r < 2.5f;
  }
  lam_array rows = { .data = points, .rows = POINTS, .shape = { { 2 }, 1 } };
  lam_custom_layer bumps = { .name = "Bumps", .options_size = sizeof(bumps_options), .fields = fields };
  bumps.shape = shape, bumps.forward = forward, bumps.backward = backward;
  int bad = lam_custom_register(context, &bumps) || train(context, &rows);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
