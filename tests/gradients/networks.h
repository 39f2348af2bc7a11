/* SPDX-License-Identifier: MIT
 *
 * Small networks of which the gradients are checked: each layer of a table between dense ones, under each loss of another.
 */
#ifndef LAM_TESTS_GRADIENTS_NETWORKS_H
#define LAM_TESTS_GRADIENTS_NETWORKS_H

#include "support.h"

#include "train/reference.h"
#include "train/trainer.h"
#include <lamina.h>

/* Of all networks that are made from now on. The small ones have less than a vector of everything, the large ones more than two
 * and a rest. The width is a multiple of 6. */
typedef struct network_sizes {
  size_t rows, in, width, out;
} network_sizes;
extern network_sizes sizes;
enum { MOST_ROWS = 64, MOST_WIDTH = 64 };
#define SMALL                                                                                                                    \
  { 13, 5, 6, 3 }
#define LARGE                                                                                                                    \
  { 37, 35, 42, 39 }

/* A layer, behind a dense one of sizes.width units. */
typedef struct middle {
  const char *name;
  lam_node (*append)(lam_node x, const struct middle *how);
  lam_activation activation;
  lam_activation_options options;
  lam_merge_type merge;
} middle;

/* What targets are, where the loss takes no labels: rows that sum to 1, of which some are 0; 0 and 1; only one 1; -1 and 1; any.
 */
typedef enum target_kind { SHARES, YES_OR_NO, ONE_HOT, SIGNS, NUMBERS } target_kind;

/* A loss, with the activation of the output before it. */
typedef struct head {
  lam_loss_options loss;
  lam_activation last;
  target_kind targets;
  bool no_fusion, weighted; /* weighted: rows have weights */
  bool several;             /* the output has two axes */
} head;

extern const middle middles[];
extern const head heads[];
extern const size_t middle_count, head_count;

/* A trainer with its context, whose weights are all drawn, and data for it. */
typedef struct network {
  lam_context *context;
  lam_trainer *trainer;
  lam_dataset *data;
} network;

network network_open(lam_context *context, const middle *m, const head *h);
const char *network_name(const middle *m, const head *h);

/* Runs the check; then the trainer's plan has gradients, and `reference` those of the same rows, to be closed. */
lam_gradient_report network_check(const network *n, lam_reference *reference);

#endif
