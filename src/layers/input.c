/* SPDX-License-Identifier: MIT
 *
 * Input and Flatten: the layers that compute nothing.
 */
#include "kernels/array.h"
#include "layers/layers.h"

static const lam_field input_fields[] = {
  { "shape", LAM_FIELD_SHAPE, offsetof(lam_input_options, shape), NULL },
  { NULL, LAM_FIELD_FLOAT, 0, NULL },
};

static lam_status check_input(lam_context *context, const lam_layer *layer) {
  const lam_input_options *options = (const lam_input_options *)layer->options;
  size_t count = 0;
  char text[96];
  if (options->shape.rank > LAM_MAX_RANK)
    return lam_fail(context, LAM_INVALID_SHAPE, "%s: a shape has at most %d axes, not %zu", layer->name, LAM_MAX_RANK,
                    options->shape.rank);
  if (options->shape.rank && !lam_shape_count(options->shape, &count))
    return lam_fail(context, LAM_INVALID_SHAPE, "%s: rows of shape %s have no elements or more than 2^31 - 1", layer->name,
                    lam_shape_text(text, options->shape));
  return LAM_OK;
}

static lam_status shape_input(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  (void)shaping; /* the model has put the shape there */
  return LAM_OK;
}

static lam_status forward_input(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  (void)lam_output_value(lowering);
  return LAM_OK;
}

const lam_layer_type lam_input_type = {
  .name = "InputLayer",
  .prefix = "input",
  .options_size = sizeof(lam_input_options),
  .fields = input_fields,
  .activation_offset = -1,
  .check = check_input,
  .shape = shape_input,
  .forward = forward_input,
};

lam_node lam_input(lam_graph *graph, lam_shape shape) {
  return lam_graph_append(graph, &lam_input_type, &(lam_input_options){ shape }, NULL, 0);
}

static lam_status shape_flatten(const lam_layer *layer, lam_shaping *shaping) {
  (void)layer;
  size_t count = 0;
  if (!lam_shape_count(shaping->inputs[0], &count)) return lam_shape_fail(shaping, "the row is too large");
  shaping->output = (lam_shape){ { count }, 1 };
  return LAM_OK;
}

static lam_status forward_flatten(const lam_layer *layer, lam_lowering *lowering) {
  (void)layer;
  lam_output_is_input(lowering);
  return LAM_OK;
}

static const lam_field no_fields[] = { { NULL, LAM_FIELD_FLOAT, 0, NULL } };

const lam_layer_type lam_flatten_type = {
  .name = "Flatten",
  .prefix = "flatten",
  .fields = no_fields,
  .least_inputs = 1,
  .most_inputs = 1,
  .activation_offset = -1,
  .shape = shape_flatten,
  .forward = forward_flatten,
};

lam_node lam_flatten(lam_node x) { return lam_graph_append_one(x, &lam_flatten_type, NULL); }
