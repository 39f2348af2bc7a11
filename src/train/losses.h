/* SPDX-License-Identifier: MIT
 *
 * A trainer's losses, for the other parts of the trainer.
 */
#ifndef LAM_TRAIN_LOSSES_H
#define LAM_TRAIN_LOSSES_H

#include "layers/losses.h"
#include "train/trainer.h"

/* Checks trainer->options' losses, and fills in trainer->losses and its like; they are released even where it fails. */
lam_status lam_trainer_open_losses(lam_trainer *trainer);
void lam_trainer_close_losses(lam_trainer *trainer);

/* Whether the dataset has what an output's loss needs; *classes gets the width that labels must lie within, 0 for any. */
lam_status lam_trainer_check_target(lam_trainer *trainer, const lam_dataset *data, size_t output, size_t *classes);

#endif
