/* SPDX-License-Identifier: MIT
 *
 * lamina/optimizer.h: optimizers.
 */
#ifndef LAMINA_OPTIMIZER_H
#define LAMINA_OPTIMIZER_H

#include <lamina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, name). Formulas stand in lamina/kernels.h. */
#define LAM_OPTIMIZER_LIST(X)                                                                                                    \
  X(RMSPROP, rmsprop)                                                                                                            \
  X(SGD, sgd)                                                                                                                    \
  X(ADAM, adam)

typedef enum lam_optimizer_type {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_OPTIMIZER_LIST(LAM_X)
#undef LAM_X
} lam_optimizer_type;

/* An optimizer and its numbers; those it does not have are ignored. Defaults are Keras 3's. */
typedef struct lam_optimizer_options {
  lam_optimizer_type type; /* rmsprop, as Keras's compile */
  float learning_rate;     /* 0.001; sgd 0.01 */
  float momentum;          /* sgd: 0 */
  bool nesterov;           /* sgd */
  float rho;               /* rmsprop: 0.9 */
  float beta_1;            /* adam: 0.9 */
  float beta_2;            /* adam: 0.999 */
  float epsilon;           /* 1e-7 */
  bool epsilon_outside;    /* rmsprop: epsilon added to the root (Keras 2, PyTorch) and not inside it (Keras 3) */
  uint64_t reserved[16];
} lam_optimizer_options;

#ifdef __cplusplus
}
#endif
#endif
