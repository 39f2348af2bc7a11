/* SPDX-License-Identifier: MIT
 *
 * Layers by their Keras names.
 */
#ifndef CONFORMANCE_LAYERS_H
#define CONFORMANCE_LAYERS_H

#include "conformance/run.h"

/* Applies the layer `type` ("Dense") with `settings` ({"units": 3, ...}) to nodes. SKIPPED with a reason where the library lacks
 * the layer or a setting. `axis` of a layer along the last axis is the caller's to check. */
outcome make_layer(run *r, const char *type, item settings, const lam_node *inputs, size_t count, lam_node *made);

/* From an object such as {"l1": 0, "l2": 0.02} (rules.c). */
lam_regularizer read_regularizer(item settings);

#endif
