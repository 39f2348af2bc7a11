/* SPDX-License-Identifier: MIT
 *
 * What the program draws, each into a file of its own. All print what fails and return an exit code.
 */
#ifndef LAM_CLI_PLOT_H
#define LAM_CLI_PLOT_H

#include "cli/cli.h"

/* Loss and accuracy by epoch, of training and, where there is one, of validation. Numbers that are not finite leave gaps. */
int plot_curve(const char *path, const lam_epoch *epochs, size_t count);

/* A sheet of the rows that the model gets wrong and gives the least probability to their label. `names`, "shirt,coat", are those
 * of the classes; those it does not name, and all of NULL, have the names of the data or the model, or numbers. */
int plot_mistakes(const char *path, lam_model *model, const lam_dataset *data, const char *names);

/* The weights of each unit of the first layer as a picture; a failure where the model's input is none. */
int plot_weights(const char *path, const lam_model *model);

#endif
