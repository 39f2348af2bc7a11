/* SPDX-License-Identifier: MIT
 *
 * Losses from the inside: options, and running one on rows.
 */
#ifndef LAM_LAYERS_LOSSES_H
#define LAM_LAYERS_LOSSES_H

#include "base/names.h"
#include "graph/plan.h"

/* The loss, or NULL for LAM_NO_LOSS. */
const lam_loss_type *lam_loss_type_of(lam_loss loss);

/* Fields of lam_loss_options that files keep. */
extern const lam_field lam_loss_fields[];
extern const char *const lam_reduction_names[];

/* Checks options and fills in their defaults. */
lam_status lam_loss_complete(lam_context *context, const lam_loss_options *said, lam_loss_setting *setting);

/* Losses and gradients of rows, as lam_loss_type says; fails only where a function of one's own does. */
lam_status lam_loss_run(const lam_loss_rows *rows);
/* Those that are made of sums over a row or all rows: cosine_similarity, tversky, dice. */
void lam_loss_run_sums(const lam_loss_rows *rows);

#endif
