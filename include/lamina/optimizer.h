/* SPDX-License-Identifier: MIT
 *
 * lamina/optimizer.h: optimizers, and schedules of their learning rate.
 */
#ifndef LAMINA_OPTIMIZER_H
#define LAMINA_OPTIMIZER_H

#include <lamina/array.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- schedules --------------------------------------------------------------------------------------------------- */

/* X(NAME, name). With s the step (the number of updates before it, 0 for the first), r the optimizer's learning_rate, n
 * decay_steps:
 *   constant                r
 *   exponential_decay       r decay_rate^(s/n); with staircase s/n is rounded down
 *   inverse_time_decay      r / (1 + decay_rate s/n); likewise
 *   polynomial_decay        (r - end) (1 - s/n)^power + end; beyond n: end, or with cycle n is multiplied until it reaches s
 *   cosine_decay            r ((1 - alpha) (1 + cos(pi s/n))/2 + alpha); beyond n: r alpha. With warmup_steps the rate first goes
 *                           in a line from r to warmup_target, from which the decay then starts
 *   cosine_decay_restarts   the same again and again, period i being n t_mul^i steps long and its cosine m_mul^i high
 *   piecewise_constant_decay  values[i], i being the number of boundaries that are below s; learning_rate is not looked at
 * Source of the restarts: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017. */
#define LAM_SCHEDULE_LIST(X)                                                                                                     \
  X(CONSTANT_RATE, constant)                                                                                                     \
  X(EXPONENTIAL_DECAY, exponential_decay)                                                                                        \
  X(INVERSE_TIME_DECAY, inverse_time_decay)                                                                                      \
  X(POLYNOMIAL_DECAY, polynomial_decay)                                                                                          \
  X(COSINE_DECAY, cosine_decay)                                                                                                  \
  X(COSINE_DECAY_RESTARTS, cosine_decay_restarts)                                                                                \
  X(PIECEWISE_CONSTANT_DECAY, piecewise_constant_decay)

typedef enum lam_schedule_type {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_SCHEDULE_LIST(LAM_X)
#undef LAM_X
} lam_schedule_type;

/* A schedule and its numbers; those it does not have are ignored. */
typedef struct lam_schedule {
  lam_schedule_type type;  /* constant */
  uint64_t decay_steps;    /* n, at least 1; of the restarts: Keras's first_decay_steps */
  float decay_rate;        /* of the exponential and the inverse time decay: above 0, it has no default */
  bool staircase;          /* of both */
  float end_learning_rate; /* 0.0001 */
  float power;             /* 1 */
  bool cycle;
  float alpha;            /* 0 */
  uint64_t warmup_steps;  /* 0 */
  float warmup_target;    /* none; to be said with warmup_steps */
  float t_mul;            /* 2, at least 1 */
  float m_mul;            /* 1 */
  lam_numbers boundaries; /* increasing */
  lam_numbers values;     /* one more than the boundaries; 0 is 0 here */
  uint64_t reserved[8];
} lam_schedule;

/* The learning rate at a step, in double without the C library's functions, so that its bits are the same everywhere; within
 * 1e-14 of the formula. NaN where a number is out of its range. Thread-safe. Since 0.1. */
LAM_API double lam_schedule_value(const lam_schedule *schedule, float learning_rate, double step);

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

/* X(NAME, name). Formulas and sources stand in lamina/kernels.h. */
#define LAM_OPTIMIZER_LIST(X)                                                                                                    \
  X(RMSPROP, rmsprop)                                                                                                            \
  X(SGD, sgd)                                                                                                                    \
  X(ADAM, adam)                                                                                                                  \
  X(ADAMW, adamw)                                                                                                                \
  X(ADAMAX, adamax)                                                                                                              \
  X(NADAM, nadam)                                                                                                                \
  X(ADAGRAD, adagrad)                                                                                                            \
  X(ADADELTA, adadelta)                                                                                                          \
  X(LION, lion)                                                                                                                  \
  X(FTRL, ftrl)

typedef enum lam_optimizer_type {
#define LAM_X(NAME, name) LAM_##NAME,
  LAM_OPTIMIZER_LIST(LAM_X)
#undef LAM_X
} lam_optimizer_type;

/* An optimizer and its numbers; those it does not have are ignored. Defaults are Keras 3's.
 *
 * An update does, in this order: the gradients are accumulated, clipped (one way at most), the weights decay by weight_decay
 * times the learning rate of themselves, whatever the optimizer (decoupled: Loshchilov, Hutter, "Decoupled weight decay
 * regularization", ICLR 2019), the optimizer changes them, the averages follow. */
typedef struct lam_optimizer_options {
  lam_optimizer_type type;            /* rmsprop, as Keras's compile */
  float learning_rate;                /* 0.001; sgd 0.01. With a schedule: where that begins */
  lam_schedule schedule;              /* constant */
  float momentum;                     /* sgd, rmsprop: 0 */
  bool nesterov;                      /* sgd */
  float rho;                          /* rmsprop: 0.9; adadelta: 0.95 */
  bool centered;                      /* rmsprop: divide by the root of the variance, not of the mean square */
  float beta_1;                       /* adam, adamw, adamax, nadam, lion: 0.9 */
  float beta_2;                       /* 0.999; lion 0.99 */
  bool amsgrad;                       /* adam, adamw: divide by the root of the largest second moment so far */
  float epsilon;                      /* 1e-7 */
  bool epsilon_outside;               /* rmsprop: epsilon added to the root (Keras 2, PyTorch) and not inside it (Keras 3) */
  float initial_accumulator_value;    /* adagrad, ftrl: 0.1 */
  float l1, l2, l2_shrinkage;         /* ftrl: regularization strengths, 0 */
  float beta;                         /* ftrl: 0 */
  float weight_decay;                 /* 0; adamw 0.004. Of all weights but those excluded (lam_exclude_from_weight_decay) */
  float clipvalue;                    /* each number of the gradients is moved into [-clipvalue, clipvalue]; 0: not */
  float clipnorm;                     /* each weight's gradient is scaled to at most this Euclidean norm; 0: not */
  float global_clipnorm;              /* all gradients together likewise; 0: not */
  bool use_ema;                       /* keep a moving average of the weights; fit ends with it in their place */
  float ema_momentum;                 /* 0.99: average = ema_momentum average + (1 - ema_momentum) w; the first is w itself */
  size_t ema_overwrite_frequency;     /* the averages also take the weights' place each so many updates; 0: only at the end */
  size_t gradient_accumulation_steps; /* steps whose mean gradient makes one update; 0 and 1: each step is an update */
  /* 1. For a loop of one's own whose loss was multiplied by it: lam_apply_gradients divides the gradients by it before all else.
   * fit and train_on_batch, whose floats need no such help, do not look at it. */
  float loss_scale_factor;
  uint64_t reserved[16];
} lam_optimizer_options;

#ifdef __cplusplus
}
#endif
#endif
