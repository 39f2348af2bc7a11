/* SPDX-License-Identifier: MIT
 *
 * A table of yes and no, read from CSV: which flower is it? docs/lessons.md shows the output.
 */
#include <lamina.h>
#include <stdio.h>

enum { WIDTH = 6, MOST_ROWS = 64, MOST_CLASSES = 16 };

static size_t argmax(const float *values, size_t count) {
  int32_t index = 0;
  lam_argmax(&index, values, count, 1, count);
  return (size_t)index;
}

/* Each row of the table with what the network says. */
static lam_status show(lam_model *model, const lam_dataset *data) {
  static float p[MOST_ROWS * MOST_CLASSES];
  size_t rows = lam_dataset_rows(data), classes = lam_dataset_classes(data);
  static const int widths[WIDTH] = { 7, 5, 12, 7, 6, 12 }; /* of the table's columns as printed */
  if (rows > MOST_ROWS || classes > MOST_CLASSES || lam_dataset_input(data, 0)->shape.size[0] != WIDTH) return LAM_INVALID_SHAPE;
  lam_status status = lam_predict(model, data, NULL, p, rows * classes);
  if (status) return status;
  const lam_array *inputs = lam_dataset_input(data, 0), *targets = lam_dataset_target(data, 0);
  printf("thorns bulb many-petals yellow white in-spring\n");
  for (size_t i = 0; i < rows; i++) {
    const float *row = lam_dataset_row(data, inputs, i);
    const int32_t *label = lam_dataset_row(data, targets, i);
    size_t best = argmax(p + i * classes, classes);
    for (size_t j = 0; j < WIDTH; j++) printf("%-*s", widths[j], row[j] > 0 ? "yes" : "no");
    printf("%-10s -> %-10s %.2f\n", lam_dataset_class_name(data, (size_t)*label), lam_dataset_class_name(data, best),
           (double)p[i * classes + best]);
  }
  return LAM_OK;
}

int main(void) {
  lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" }); /* the same bits everywhere */
  lam_dataset *data = lam_dataset_open_csv(context, "examples/flower.csv", NULL);
  lam_node x = lam_dense(lam_last(lam_graph_create(context)), 12, &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, lam_dataset_classes(data), &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&x, 1);
  lam_trainer *trainer =
      lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY,
                                                        .optimizer = { .type = LAM_ADAM, .learning_rate = 0.01f } });
  int bad = lam_fit(trainer, data, &(lam_fit_options){ .epochs = 500 }) || show(model, data);
  if (bad) fprintf(stderr, "%s\n", lam_error_message(context));
  lam_context_destroy(context);
  return bad;
}
