/* SPDX-License-Identifier: MIT
 *
 * Registered types of layers from the inside.
 */
#ifndef LAM_LAYERS_CUSTOM_H
#define LAM_LAYERS_CUSTOM_H

#include "layers/layers.h"
#include <lamina/custom.h>

typedef struct lam_custom_type {
  lam_object object;
  struct lam_custom_type *next; /* of the context's */
  lam_layer_type type;
  lam_custom_layer custom;
  char prefix[LAM_NAME_SIZE];
  lam_field *fields;
  size_t field_count;
  char **names; /* of the fields, then the type's, one piece */
  size_t name_bytes;
} lam_custom_type;

/* What lam_custom_shaping's `inner` is. */
typedef struct lam_custom_declaring {
  lam_shaping *inner;
  bool failed; /* a weight could not be declared: the context knows why */
} lam_custom_declaring;

/* The registered type of this name, or NULL. */
const lam_layer_type *lam_custom_type_find(const lam_context *context, const char *name);
/* Fails with the nearest of those there are. */
lam_status lam_custom_unknown(lam_context *context, const char *name);
bool lam_layer_is_custom(const lam_layer *layer);

/* The pass of a node in a plan, with the memory it works on, or NULL where the plan has none. */
const lam_custom_pass *lam_custom_pass_of(const lam_plan *plan, size_t node, bool backward);
/* Another forward pass of the layer; the context gets the sentence where it fails. */
lam_status lam_custom_run_forward(const lam_layer *layer, lam_custom_pass *pass);

#endif
