/* SPDX-License-Identifier: MIT
 *
 * What a model learns of its inputs before it is trained: how they become numbers, and with adapt their means and variances.
 */
#include "layers/layers.h"
#include "train/trainer.h"

void lam_record_scaling(lam_model *model, const lam_dataset *data) {
  for (size_t i = 0; i < model->input_count; i++) {
    lam_input_scaling *scaling = &model->scaling[i];
    if (scaling->scale == 0.0f) lam_array_scaling(&data->inputs[i], 0.0f, 0.0f, &scaling->scale, &scaling->offset);
  }
}

/* Sums over the columns of one input, a column being a place on its last axes. */
typedef struct lam_moments {
  size_t width, columns; /* of a row; of its last axis */
  float *row;
  double *mean, *variance;
} lam_moments;

/* Adds row by row what `mean` says is missing: first the values, then the squares of their distances from the mean. */
static void add_rows(const lam_model *model, const lam_dataset *data, size_t input, const lam_moments *m, bool squares) {
  double count = (double)data->rows * (double)(m->width / m->columns);
  float scale, offset;
  lam_array_scaling(&data->inputs[input], model->scaling[input].scale, model->scaling[input].offset, &scale, &offset);
  double *sums = squares ? m->variance : m->mean;
  for (size_t i = 0; i < data->rows; i++) {
    lam_dataset_gather_input(data, input, scale, offset, &(uint32_t){ (uint32_t)i }, 1, m->row, m->width,
                             model->object.context->kernels);
    for (size_t j = 0; j < m->width; j++) {
      double value = (double)m->row[j], distance = value - m->mean[j % m->columns];
      sums[j % m->columns] += squares ? distance * distance : value;
    }
  }
  for (size_t j = 0; j < m->columns; j++) sums[j] /= count;
}

/* Two passes: the squares of distances from a mean that is known lose no digits. */
static lam_status adapt_layer(lam_model *model, const lam_dataset *data, size_t input, const lam_model_node *layer) {
  lam_context *context = model->object.context;
  lam_moments m = { .width = layer->width, .columns = model->weights[layer->first_weight].count };
  m.row = lam_allocate_array(context, m.width, sizeof *m.row);
  m.mean = lam_allocate_zero(context, 2 * m.columns * sizeof *m.mean);
  lam_status status = m.row && m.mean ? LAM_OK : LAM_OUT_OF_MEMORY;
  if (!status) {
    m.variance = m.mean + m.columns;
    add_rows(model, data, input, &m, false);
    add_rows(model, data, input, &m, true);
    const lam_weight *weights = &model->weights[layer->first_weight];
    for (size_t j = 0; j < m.columns; j++) {
      model->values[weights[0].offset + j] = (float)m.mean[j];
      model->values[weights[1].offset + j] = (float)m.variance[j];
    }
  }
  lam_release(context, m.row, m.width * sizeof *m.row);
  lam_release(context, m.mean, 2 * m.columns * sizeof *m.mean);
  return status;
}

static lam_status adapt_layers(lam_model *model, const lam_dataset *data) {
  bool any = false;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < model->node_count && !status; i++) {
    const lam_model_node *node = &model->nodes[i];
    bool whitens = node->layer->type == &lam_whitening_layer_type;
    bool normalizes = node->layer->type == &lam_normalization_type && !lam_normalization_is_given(node->layer);
    if (!whitens && !normalizes) continue;
    for (size_t input = 0; input < model->input_count && !status; input++) {
      if (node->inputs[0] != model->inputs[input]) continue;
      status = whitens ? lam_adapt_whitening(model, data, input, node) : adapt_layer(model, data, input, node);
      any = true;
    }
  }
  if (status || any) return status;
  return lam_fail(model->object.context, LAM_INVALID_ARGUMENT,
                  "the model has no normalization layer right behind an input whose statistics are not given: there is "
                  "nothing to adapt");
}

lam_status lam_adapt(lam_model *model, const lam_dataset *data) {
  if (!model || !data) return LAM_NO_HANDLE;
  lam_status status = lam_build_from_data(model, data);
  if (!status) status = lam_check_inputs(model, data);
  if (!status) status = lam_dataset_check(model->object.context, data, NULL, 0);
  if (status) return status;
  lam_record_scaling(model, data);
  lam_fp_mode mode = lam_fp_enter();
  status = adapt_layers(model, data);
  lam_fp_leave(mode);
  return status;
}
