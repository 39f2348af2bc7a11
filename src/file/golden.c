/* SPDX-License-Identifier: MIT
 *
 * The golden row: an input whose output is kept with the model and computed again when it is loaded. It finds what sizes and
 * names cannot: weights that were damaged or exchanged, and a library that computes something else than the one that saved.
 */
#include "file/model_file.h"
#include <math.h>
#include <stdio.h>

enum { GOLDEN_SEED = 1 }; // of the inputs: input i is stream i

/* The native gemm gives the same bits on every machine, so the version that saved a model gives back all bits. Another version
 * may add in another order. A sum of k products of float32 in any order is off by at most k/2 units of 2^-24 of the sum of
 * magnitudes (Higham, Accuracy and Stability, 4.2), in practice by the square root of that: for k = 10,000 and ten layers
 * 10 * sqrt(10,000) * 2^-24 = 6e-5. So 1e-4 of the largest output, or of 1 where all are small (probabilities). */
static const float tolerance = 1e-4f;

void lam_golden_name(char name[64], bool output, size_t index) {
  snprintf(name, 64, "golden/%s/%zu", output ? "output" : "input", index);
}

static const lam_model_node *node_of(const lam_model *model, bool output, size_t index) {
  return &model->nodes[output ? model->outputs[index] : model->inputs[index]];
}

/* Memory for one row of all inputs and outputs. */
static lam_status allocate(const lam_model *model, lam_golden *golden) {
  *golden = (lam_golden){ model->object.context, model->input_count, model->output_count, NULL, 0 };
  for (size_t i = 0; i < model->input_count; ++i) golden->count += node_of(model, false, i)->width;
  for (size_t i = 0; i < model->output_count; ++i) golden->count += node_of(model, true, i)->width;
  golden->values = lam_allocate_array(golden->context, golden->count, sizeof *golden->values);
  return golden->values ? LAM_OK : LAM_OUT_OF_MEMORY;
}

void lam_golden_release(lam_golden *golden) {
  lam_release(golden->context, golden->values, golden->count * sizeof *golden->values);
  golden->values = NULL;
}

/* Computes the outputs behind the inputs. The input's own scaling is left out: the row is what the network sees. */
static lam_status compute(lam_model *model, const float *inputs, float *outputs) {
  lam_context *context = model->object.context;
  lam_array *arrays = lam_allocate_array(context, model->input_count, sizeof *arrays);
  float **results = lam_allocate_array(context, model->output_count, sizeof *results);
  lam_session *session = arrays && results ? lam_session_create(model, NULL) : NULL;
  lam_status status = session ? LAM_OK : lam_error_status(context);
  for (size_t i = 0; i < model->input_count && !status; ++i) {
    const lam_model_node *node = node_of(model, false, i);
    arrays[i] = (lam_array){ .data = inputs, .type = LAM_FLOAT32, .rows = 1, .shape = node->shape, .scale = 1 };
    inputs += node->width;
  }
  for (size_t i = 0; i < model->output_count && !status; ++i) {
    results[i] = outputs;
    outputs += node_of(model, true, i)->width;
  }
  if (!status) {
    status = lam_session_run(session, arrays, model->input_count, results, model->output_count);
    if (status) lam_fail(context, status, "%s", lam_session_error_message(session));
  }
  lam_session_destroy(session);
  lam_release(context, arrays, model->input_count * sizeof *arrays);
  lam_release(context, results, model->output_count * sizeof *results);
  return status;
}

lam_status lam_golden_make(const lam_model *model, lam_golden *golden) {
  lam_status status = allocate(model, golden);
  if (status) return status;
  float *next = golden->values;
  for (size_t i = 0; i < model->input_count; ++i) {
    size_t width = node_of(model, false, i)->width;
    lam_random_uniform(next, width, GOLDEN_SEED, i, 0);
    next += width;
  }
  // A session only reads its model.
  status = compute((lam_model *)(uintptr_t)model, golden->values, next);
  if (status) lam_golden_release(golden);
  return status;
}

/* ---- replaying --------------------------------------------------------------------------------------------------- */

static bool all_there(const lam_file *file, const lam_model *model) {
  char name[64];
  for (size_t i = 0; i < model->input_count + model->output_count; ++i) {
    bool output = i >= model->input_count;
    lam_golden_name(name, output, output ? i - model->input_count : i);
    if (!lam_safetensors_find(&file->tensors, name)) return false;
  }
  return true;
}

uint64_t lam_model_row_bytes(const lam_model *model) {
  uint64_t total = 0;
  for (size_t i = 0; i < model->node_count; ++i) total += model->nodes[i].width * sizeof(float);
  return total;
}

/* Reads the tensors of one side, one behind the other. */
static lam_status read_side(const lam_file *file, const lam_model *model, bool output, float **next) {
  char name[64];
  size_t count = output ? model->output_count : model->input_count;
  lam_status status = LAM_OK;
  for (size_t i = 0; i < count && !status; ++i) {
    const lam_model_node *node = node_of(model, output, i);
    lam_golden_name(name, output, i);
    status = lam_file_read_tensor(file, name, node->shape, *next);
    *next += node->width;
  }
  return status;
}

static bool near(float got, float expected, float largest) {
  if (isnan(expected) || isinf(expected)) return isnan(got) ? isnan(expected) : got == expected;
  return fabsf(got - expected) <= tolerance * (largest > 1 ? largest : 1);
}

static lam_status compare(const lam_file *file, const lam_model *model, const float *got, const float *expected) {
  for (size_t i = 0; i < model->output_count; ++i) {
    size_t width = node_of(model, true, i)->width;
    float largest = 0;
    for (size_t j = 0; j < width; ++j)
      if (isfinite(expected[j])) largest = fmaxf(largest, fabsf(expected[j]));
    for (size_t j = 0; j < width; ++j)
      if (!near(got[j], expected[j], largest)) {
        char computed[32], kept[32];
        return lam_fail(file->context, LAM_FORMAT,
                        "%s: its golden output is not reproduced: output %zu, number %zu is %s, not %s; the file is damaged, or "
                        "its weights were changed without dropping the golden tensors",
                        file->bytes->name, i, j, lam_format_float(computed, got[j]), lam_format_float(kept, expected[j]));
      }
    got += width;
    expected += width;
  }
  return LAM_OK;
}

lam_status lam_golden_check(const lam_file *file, lam_model *model) {
  lam_context *context = file->context;
  if (!all_there(file, model)) return lam_log_line(context, "%s has no golden output to replay", file->bytes->name), LAM_OK;
  if (lam_model_row_bytes(model) > file->bytes->size / 2 + LAM_FILE_SPARE / 2)
    return lam_log_line(context, "%s: its rows are too large to replay the golden output", file->bytes->name), LAM_OK;
  lam_golden golden;
  lam_status status = allocate(model, &golden);
  if (status) return status;
  float *next = golden.values;
  status = read_side(file, model, false, &next);
  float *expected = next;
  if (!status) status = read_side(file, model, true, &next);
  size_t count = (size_t)(golden.values + golden.count - expected);
  float *got = status ? NULL : lam_allocate_array(context, count, sizeof *got);
  if (!status && !got) status = LAM_OUT_OF_MEMORY;
  if (!status) status = compute(model, golden.values, got);
  if (!status) status = compare(file, model, got, expected);
  lam_release(context, got, count * sizeof *got);
  lam_golden_release(&golden);
  return status;
}
