/* SPDX-License-Identifier: MIT
 *
 * A trace's network and data: built from the file, or from the integer formulas it states.
 */
#ifndef CONFORMANCE_NETWORK_H
#define CONFORMANCE_NETWORK_H

#include "conformance/run.h"

typedef struct network {
  lam_model *model;
  lam_trainer *trainer;
  lam_dataset *data, *unweighted; /* the same where there are weights, which evaluate_after_fit was told nothing of; else NULL */
  size_t rows, epochs, batch_size;
} network;

/* Builds all of it and sets the initial weights. Release it whatever the outcome. */
outcome network_build(run *r, item trace, network *n);
void network_release(network *n);

/* The place of a weight ("h1/kernel") in the model, or -1. */
int network_weight(const network *n, const char *name, lam_parameter *weight);

#endif
