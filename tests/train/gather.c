/* SPDX-License-Identifier: MIT
 *
 * Batches that are large enough for the workers to share the gathering of their rows.
 */
#include "support.h"

#include <lamina.h>

enum { ROWS = 150, WIDE = 600, NARROW = 9, MOST = 80 * 1024 };

static uint8_t bytes[ROWS][WIDE], labels[ROWS];
static float floats[ROWS][NARROW];

static int make_data(void **state) {
  (void)state;
  for (size_t i = 0; i < ROWS; i++) {
    labels[i] = (uint8_t)(i * 7 % 3);
    for (size_t j = 0; j < WIDE; j++) bytes[i][j] = (uint8_t)((i * 131 + j * 17) % 251);
  }
  lam_random_normal(&floats[0][0], ROWS * NARROW, 7, 0, 0);
  return 0;
}

/* The weights after three epochs in shuffled batches of 70, 70 and 10 rows of two inputs: 42,000 numbers of one, 630 of the
 * other. */
static size_t trained(float *weights, unsigned threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .threads = threads, .gemm = "native", .seed = 3 });
  lam_graph *graph = lam_graph_create(context);
  lam_node sides[2] = { lam_input(graph, (lam_shape){ { WIDE }, 1 }), lam_input(graph, (lam_shape){ { NARROW }, 1 }) };
  lam_node both = lam_dense(lam_concatenate(sides, 2), 24, &(lam_dense_options){ .activation = LAM_RELU });
  lam_node last = lam_dense(both, 3, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&last, 1);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY });
  const lam_array inputs[2] = { { .data = bytes, .type = LAM_UINT8, .rows = ROWS, .shape = { { WIDE }, 1 } },
                                { .data = floats, .rows = ROWS, .shape = { { NARROW }, 1 } } };
  const lam_array target = { .data = labels, .type = LAM_UINT8, .rows = ROWS };
  lam_dataset *data = lam_dataset_create(context, inputs, 2, &target, 1);
  if (lam_fit(trainer, data, &(lam_fit_options){ .epochs = 3, .batch_size = 70 })) fail_msg("%s", lam_error_message(context));
  size_t count = lam_model_count_params(model);
  assert_true(count <= MOST);
  assert_int_equal(lam_model_get_weights(model, weights, count), LAM_OK);
  lam_context_destroy(context);
  return count;
}

static void rows_that_several_workers_gather_are_those_that_one_gathers(void **state) {
  (void)state;
  static float one[MOST], several[MOST];
  size_t count = trained(one, 1);
  for (unsigned threads = 2; threads <= 5; threads++) {
    assert_int_equal(trained(several, threads), count);
    assert_memory_equal(several, one, count * sizeof *one);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(rows_that_several_workers_gather_are_those_that_one_gathers) };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
