/* SPDX-License-Identifier: MIT
 *
 * The losses as operations: each calls its kernel on a range of rows. Operands: loss, gradient, output, target.
 */
#include "layers/layers.h"

typedef struct lam_loss_rows {
  float *loss, *gradient;
  const float *output, *target;
  const int32_t *labels;
  float scale;
  size_t rows, columns;
} lam_loss_rows;

static lam_loss_rows rows_of(const lam_operation *operation, const lam_step *step, size_t begin, size_t end) {
  size_t n = operation->columns;
  const lam_operand *operand = operation->operand;
  lam_loss_rows rows = { .rows = end - begin, .columns = n, .scale = 1.0f / (float)step->rows };
  rows.loss = operand[0].data + begin;
  rows.gradient = step->training && operand[1].data ? operand[1].data + begin * n : NULL;
  rows.output = operand[2].data + begin * n;
  rows.target = operand[3].data + begin * operand[3].ld;
  rows.labels = (const int32_t *)(const void *)rows.target;
  return rows;
}

#define LAM_RUN(name, kernel, ...)                                                                                               \
  static void name(const lam_operation *operation, const lam_plan *plan, const lam_step *step, size_t begin, size_t end) {       \
    lam_loss_rows r = rows_of(operation, step, begin, end);                                                                      \
    size_t n = r.columns;                                                                                                        \
    plan->kernels->kernel(r.loss, r.gradient, n, r.output, n, __VA_ARGS__, r.scale, r.rows, n);                                  \
  }

LAM_RUN(run_sparse, sparse_crossentropy, r.labels)
LAM_RUN(run_sparse_logits, softmax_sparse_crossentropy, r.labels)
LAM_RUN(run_categorical, crossentropy, r.target, n)
LAM_RUN(run_categorical_logits, softmax_crossentropy, r.target, n)
LAM_RUN(run_binary, binary_crossentropy, r.target, n)
LAM_RUN(run_binary_logits, sigmoid_binary_crossentropy, r.target, n)
LAM_RUN(run_mean_squared, squared_error, r.target, n, 1.0f / (float)n)
LAM_RUN(run_sum_of_squares, squared_error, r.target, n, 0.5f)

static const lam_loss_type losses[] = {
  [LAM_SPARSE_CATEGORICAL_CROSSENTROPY] = { "sparse_categorical_crossentropy", true, true, false, LAM_SOFTMAX, run_sparse,
                                            run_sparse_logits },
  [LAM_CATEGORICAL_CROSSENTROPY] = { "categorical_crossentropy", false, true, false, LAM_SOFTMAX, run_categorical,
                                     run_categorical_logits },
  [LAM_BINARY_CROSSENTROPY] = { "binary_crossentropy", false, true, true, LAM_SIGMOID, run_binary, run_binary_logits },
  [LAM_MEAN_SQUARED_ERROR] = { "mean_squared_error", false, false, true, LAM_LINEAR, run_mean_squared, NULL },
  [LAM_SUM_OF_SQUARES] = { "sum_of_squares", false, false, true, LAM_LINEAR, run_sum_of_squares, NULL },
};

const lam_loss_type *lam_loss_type_of(lam_loss loss) { return loss == LAM_NO_LOSS ? NULL : &losses[loss]; }
