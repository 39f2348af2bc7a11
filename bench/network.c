/* SPDX-License-Identifier: MIT
 *
 * From options to contexts, networks and rows.
 */
#include "bench/bench.h"
#include <stdlib.h>

lam_context *open_context(size_t threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .threads = (unsigned)threads, .gemm = "native" });
  if (!context) {
    (void)failed("out of memory");
    return NULL;
  }
  if (lam_error_status(context) == LAM_OK) return context;
  (void)library_failed(context);
  lam_context_destroy(context);
  return NULL;
}

/* ---- networks ------------------------------------------------------------------------------------------------------ */

lam_model *build_network(lam_context *context, const size_list *net) {
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { net->item[0] }, 1 });
  for (size_t i = 1; i < net->count; i++) {
    lam_activation activation = i + 1 < net->count ? LAM_RELU : LAM_SOFTMAX;
    x = lam_dense(x, net->item[i], &(lam_dense_options){ .activation = activation });
  }
  return lam_model_create(&x, 1);
}

void network_text(char text[128], const size_list *net) {
  size_t used = 0;
  for (size_t i = 0; i < net->count && used < 128; i++)
    used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? "-" : "", net->item[i]);
}

double network_flops(const size_list *net) {
  double flops = 0;
  for (size_t i = 1; i < net->count; i++) flops += 2.0 * (double)net->item[i - 1] * (double)net->item[i];
  return flops;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* Random bytes and random labels below the output's width, 10 at most: the arithmetic does not depend on them. */
static lam_dataset *random_rows(lam_context *context, const settings *options, void **storage) {
  size_t width = options->net.item[0], classes = options->net.item[options->net.count - 1], rows = options->rows;
  size_t bytes;
  if (__builtin_mul_overflow(rows, width + 1, &bytes) || bytes > (size_t)1 << 32) {
    (void)failed("%zu rows of %zu bytes are too many: write fewer with --rows", rows, width);
    return NULL;
  }
  uint8_t *memory = *storage = malloc(bytes);
  if (!memory) return (void)failed("out of memory: %zu bytes for the rows", bytes), NULL;
  uint64_t state = 1;
  for (size_t i = 0; i < bytes; i++) {
    state = state * 0xd1342543de82ef95u + 1;
    memory[i] = (uint8_t)(state >> 56);
  }
  uint8_t *labels = memory + rows * width;
  if (classes > 10) classes = 10;
  for (size_t i = 0; i < rows; i++) labels[i] = (uint8_t)(labels[i] % classes);
  lam_array inputs = { .data = memory, .type = LAM_UINT8, .rows = rows, .shape = { { width }, 1 } };
  lam_array targets = { .data = labels, .type = LAM_UINT8, .rows = rows };
  return lam_dataset_create(context, &inputs, 1, &targets, 1);
}

lam_dataset *open_rows(lam_context *context, const settings *options, void **storage) {
  *storage = NULL;
  lam_dataset *data = options->data ? lam_dataset_open(context, options->data) : random_rows(context, options, storage);
  if (data && options->rows < lam_dataset_rows(data)) data = lam_dataset_slice(data, 0, options->rows);
  const lam_loss_type *loss = lam_loss_type_of(options->loss);
  size_t classes = options->net.item[options->net.count - 1];
  if (data && !loss->sparse && classes > 1) data = lam_one_hot(data, classes);
  return data;
}
