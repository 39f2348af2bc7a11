/* SPDX-License-Identifier: MIT
 *
 * What training takes at most: weights, gradients and the optimizer's state, the values of a batch and their gradients, and 5 MB.
 */
#include "support.h"

#include <lamina.h>

enum { IN = 784, MIDDLE = 1024, OUT = 10, LAYERS = 3, ROWS = 256, SPARE = 5000000 };
static const size_t widths[LAYERS + 1] = { IN, MIDDLE, MIDDLE, OUT };

/* The parameters are 7.4 MB, more than what may be spare: one block of them too many is found. */
static void training_takes_what_its_numbers_take(void **state) {
  (void)state;
  static uint8_t x[ROWS * IN];
  static int32_t labels[ROWS];
  for (size_t i = 0; i < sizeof x; i++) x[i] = (uint8_t)(i * 31 % 251);
  for (size_t i = 0; i < ROWS; i++) labels[i] = (int32_t)(i % OUT);
  const lam_optimizer_type types[] = { LAM_SGD, LAM_RMSPROP, LAM_ADAM };
  for (size_t blocks = 0; blocks < 3; blocks++) /* of the optimizer's state */
    for (unsigned threads = 1; threads <= 2; threads++) {
      test_memory memory = { 0 };
      lam_context *context = lam_context_create(
          &(lam_context_options){ .allocator = test_allocator(&memory), .gemm = "native", .threads = threads });
      lam_node y = lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 });
      size_t parameters = 0, values = IN;
      for (size_t i = 1; i <= LAYERS; i++) {
        y = lam_dense(y, widths[i], &(lam_dense_options){ .activation = i < LAYERS ? LAM_RELU : LAM_SOFTMAX });
        parameters += (widths[i - 1] + 1) * widths[i];
        values += 2 * widths[i];
      }
      lam_model *model = lam_model_create(&y, 1);
      lam_array in = { .data = x, .type = LAM_UINT8, .rows = ROWS, .shape = { { IN }, 1 } },
                out = { .data = labels, .type = LAM_INT32, .rows = ROWS };
      lam_dataset *data = lam_dataset_create(context, &in, 1, &out, 1);
      lam_trainer *trainer = lam_trainer_create(
          model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY, .optimizer = { .type = types[blocks] } });
      for (size_t batch = 32; batch <= 128; batch *= 4) { /* a larger batch takes the place of the smaller */
        if (lam_fit(trainer, data, &(lam_fit_options){ .batch_size = batch })) fail_msg("%s", lam_error_message(context));
        size_t most = sizeof(float) * (parameters * (2 + blocks) + values * batch) + SPARE;
        if (memory.most_bytes > most)
          fail_msg("%zu blocks, batch %zu: %zu bytes, not %zu", blocks, batch, memory.most_bytes, most);
      }
      lam_context_destroy(context);
      assert_int_equal(memory.live_bytes, 0);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(training_takes_what_its_numbers_take) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
