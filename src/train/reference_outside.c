/* SPDX-License-Identifier: MIT
 *
 * Layers and losses from outside, whose formulas nobody knows here: around the numbers that they were given they are straight,
 * with the slopes that differences of their own results have. docs/numerics.md derives the bound of these slopes.
 */
#include "layers/custom.h"
#include "train/reference.h"

#include <math.h>
#include <string.h>

enum { POINTS = 5, CENTRE = 2 }; /* x - 2 h, x - h, x, x + h, x + 2 h */

static const double nearness = 0x1p-7;   /* of h to x */
static const double roughness = 0x1p-18; /* what results are taken to be wrong by at most, of the largest of them */

typedef struct lam_probe lam_probe;
struct lam_probe {
  lam_reference *reference;
  lam_status (*run)(lam_probe *probe, float *results);
  size_t width; /* results of a row */
  float *results[POINTS];
  double largest;
  float *kept;
  lam_term *terms; /* of the results */
  lam_custom_pass pass;
  const lam_layer *layer;
  lam_loss_call call;
  const lam_loss_options *loss;
};

/* ---- slopes ------------------------------------------------------------------------------------------------------- */

static float moved(float x, double scale, int point) {
  return (float)((double)x + (point - CENTRE) * nearness * (scale > 0 ? scale : 1));
}

/* The slope of result `index` where its number went through these points; false where it has none there. */
static bool slope_at(const lam_probe *p, size_t index, const float x[POINTS], double *slope, double *error) {
  double y[POINTS];
  for (int i = 0; i < POINTS; i++) y[i] = (double)p->results[i][index];
  double rough = roughness * p->largest, step = (double)x[3] - (double)x[1];
  double near = fabs(y[1] - 2 * y[CENTRE] + y[3]), far = fabs(y[0] - 2 * y[CENTRE] + y[4]);
  *slope = (y[3] - y[1]) / step;
  *error = 3 * fabs(*slope - (y[4] - y[0]) / ((double)x[4] - (double)x[0])) + 2 * rough / step + 0x1p-20 * fabs(*slope);
  /* A bend grows with the square of the distance, 4 times from one to the other; a kink less. */
  return near <= 0.35 * far + rough / 2;
}

static bool same_results(const lam_probe *p, size_t index) {
  for (int i = 0; i < POINTS; i++)
    if (p->results[i][index] != p->results[CENTRE][index]) return false;
  return true;
}

/* Adds what one number of each row does to the results, or with stride 0 a number that all rows share. */
static void vary(lam_probe *p, float *x, size_t stride, double scale, lam_term term, size_t term_stride) {
  lam_tape *tape = &p->reference->tape;
  size_t rows = p->reference->rows, count = stride ? rows : 1;
  for (size_t row = 0; row < count; row++) p->kept[row] = x[row * stride];
  for (int i = 0; i < POINTS && !tape->status; i++) {
    if (i == CENTRE) continue;
    for (size_t row = 0; row < count; row++) x[row * stride] = moved(p->kept[row], scale, i);
    tape->status = p->run(p, p->results[i]);
  }
  for (size_t row = 0; row < count; row++) x[row * stride] = p->kept[row];
  for (size_t row = 0; row < rows && !tape->status; row++) {
    lam_term at = term + (lam_term)(row * term_stride), change = 0;
    float points[POINTS];
    for (int i = 0; i < POINTS; i++) points[i] = moved(p->kept[stride ? row : 0], scale, i);
    for (size_t j = row * p->width; j < (row + 1) * p->width; j++) {
      double slope, error;
      if (same_results(p, j)) continue;
      if (!slope_at(p, j, points, &slope, &error)) p->reference->unclear[row] = 1;
      if (!change) change = lam_minus(tape, at, lam_constant(tape, lam_value(tape, at)));
      p->terms[j] = lam_plus(tape, p->terms[j], lam_times(tape, lam_tape_leaf(tape, slope, error), change));
    }
  }
}

static double largest_of(const float *x, size_t stride, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    double size = fabs((double)x[i * stride]);
    if (size > largest) largest = size; /* gcc 12 breaks down over fmax here, on 64-bit ARM */
  }
  return largest;
}

/* Steps are in proportion to the largest number of a column, or else of all. */
static void vary_rows(lam_probe *p, float *x, size_t width, lam_term first) {
  size_t rows = p->reference->rows;
  double all = largest_of(x, 1, rows * width);
  for (size_t k = 0; k < width; k++) {
    double column = largest_of(x + k, width, rows);
    vary(p, x + k, width, column > 0 ? column : all, first + (lam_term)k, width);
  }
}

static void begin(lam_probe *p) {
  lam_tape *tape = &p->reference->tape;
  size_t count = p->reference->rows * p->width;
  tape->status = p->run(p, p->results[CENTRE]);
  p->largest = largest_of(p->results[CENTRE], 1, count);
  for (size_t i = 0; i < count; i++) p->terms[i] = lam_constant(tape, 0);
}

static void end(lam_probe *p) {
  lam_tape *tape = &p->reference->tape;
  for (size_t i = 0; i < p->reference->rows * p->width; i++) {
    double y = (double)p->results[CENTRE][i];
    p->terms[i] = lam_plus(tape, lam_tape_leaf(tape, y, 0x1p-22 * fabs(y)), p->terms[i]);
  }
}

/* ---- layers ------------------------------------------------------------------------------------------------------- */

static lam_status run_layer(lam_probe *p, float *results) {
  lam_custom_pass pass = p->pass;
  pass.output = results;
  return lam_custom_run_forward(p->layer, &pass);
}

/* The numbers that the pass was given, where they still lie for its backward pass; else what they would be. */
static void copy_input(const lam_reference *r, const float *given, lam_term first, float *copy, size_t count) {
  for (size_t k = 0; k < count; k++) copy[k] = given ? given[k] : (float)lam_value(&r->tape, first + (lam_term)k);
}

/* Whether other rows stay as they are when one changes. */
static void check_rows(lam_probe *p, size_t index, float *x, size_t width) {
  lam_reference *r = p->reference;
  const lam_layer *layer = r->model->nodes[index].layer;
  float *others = p->results[0];
  for (size_t row = 0; row < r->rows && !r->tape.status; row++) {
    for (size_t k = 0; k < width; k++) {
      p->kept[k] = x[row * width + k];
      x[row * width + k] = moved(p->kept[k], 1, POINTS - 1);
    }
    r->tape.status = p->run(p, others);
    memcpy(x + row * width, p->kept, width * sizeof *x);
    size_t before = row * p->width * sizeof *others, behind = (row + 1) * p->width;
    if (!r->tape.status &&
        (memcmp(others, p->results[CENTRE], before) != 0 ||
         memcmp(others + behind, p->results[CENTRE] + behind, (r->rows * p->width - behind) * sizeof *others) != 0))
      r->tape.status = lam_fail(r->tape.context, LAM_UNSUPPORTED,
                                "%s (%s): its rows depend on each other, and it has no reference to compare gradients with",
                                layer->name, layer->type->name);
  }
}

/* Floats for copies of inputs and weights, for results and for the numbers of a row or all rows' numbers of a column. */
static size_t floats_of(const lam_reference *r, const lam_model_node *node) {
  size_t count = POINTS * r->rows * node->width, most = r->rows;
  for (size_t i = 0; i < node->input_count; i++) {
    size_t width = r->model->nodes[node->inputs[i]].width;
    count += r->rows * width;
    if (width > most) most = width;
  }
  for (size_t i = 0; i < node->weight_count; i++) count += r->model->weights[node->first_weight + i].count;
  return count + most;
}

static float *take(float **room, size_t count) {
  float *taken = *room;
  *room += count;
  return taken;
}

static void vary_layer(lam_probe *p, size_t index, const lam_custom_pass *given, float **copies, float *room) {
  lam_reference *r = p->reference;
  const lam_model_node *node = &r->model->nodes[index];
  size_t inputs = node->input_count;
  for (int i = 0; i < POINTS; i++) p->results[i] = take(&room, r->rows * p->width);
  for (size_t i = 0; i < inputs; i++) {
    size_t count = r->rows * r->model->nodes[node->inputs[i]].width;
    copies[i] = take(&room, count);
    copy_input(r, given ? given->inputs[i] : NULL, lam_reference_input(r, index, i), copies[i], count);
  }
  for (size_t i = 0; i < node->weight_count; i++) {
    const lam_weight *weight = &r->model->weights[node->first_weight + i];
    copies[inputs + i] = take(&room, weight->count);
    memcpy(copies[inputs + i], r->model->values + weight->offset, weight->count * sizeof(float));
  }
  p->kept = room;
  begin(p);
  for (size_t i = 0; i < inputs; i++) check_rows(p, index, copies[i], r->model->nodes[node->inputs[i]].width);
  for (size_t i = 0; i < inputs; i++)
    vary_rows(p, copies[i], r->model->nodes[node->inputs[i]].width, lam_reference_input(r, index, i));
  bool frozen = r->plan->options.frozen && r->plan->options.frozen[index];
  for (size_t i = 0; i < node->weight_count && !frozen; i++) {
    const lam_weight *weight = &r->model->weights[node->first_weight + i];
    double scale = largest_of(copies[inputs + i], 1, weight->count);
    for (size_t k = 0; k < weight->count && !weight->fixed; k++)
      vary(p, copies[inputs + i] + k, 0, scale, lam_reference_weight(r, index, i) + (lam_term)k, 0);
  }
  end(p);
}

void lam_reference_outside_layer(lam_reference *r, size_t index, lam_term *y) {
  lam_context *context = r->tape.context;
  const lam_model_node *node = &r->model->nodes[index];
  size_t count = floats_of(r, node), arrays = node->input_count + node->weight_count;
  float *room = lam_allocate_array(context, count, sizeof *room);
  float **copies = lam_allocate_array(context, arrays, sizeof *copies);
  if (room && copies && !r->tape.status) {
    lam_probe p = { .reference = r, .run = run_layer, .width = node->width, .terms = y, .layer = node->layer };
    p.pass = *lam_custom_pass_of(r->plan, index, false);
    p.pass.rows = r->rows;
    p.pass.training = true;
    p.pass.seed = r->step.seed;
    p.pass.step = r->step.number;
    p.pass.saved = NULL;
    p.pass.inputs = (const float *const *)copies;
    p.pass.weights = (const float *const *)copies + node->input_count;
    vary_layer(&p, index, lam_custom_pass_of(r->plan, index, true), copies, room);
  } else if (!r->tape.status) {
    r->tape.status = LAM_OUT_OF_MEMORY;
  }
  lam_release(context, copies, copies ? arrays * sizeof *copies : 0);
  lam_release(context, room, room ? count * sizeof *room : 0);
}

/* ---- losses ------------------------------------------------------------------------------------------------------- */

static lam_status run_loss(lam_probe *p, float *results) {
  p->call.losses = results;
  lam_status status = p->loss->function(p->loss->user, &p->call);
  if (!status) return LAM_OK;
  return lam_fail(p->reference->tape.context, status, "the loss function failed: %s", lam_status_text(status));
}

void lam_reference_outside_loss(lam_reference *r, size_t output, lam_term first, lam_term *losses) {
  lam_context *context = r->tape.context;
  const lam_loss_options *o = &r->plan->options.losses[output].options;
  size_t width = r->model->nodes[r->model->outputs[output]].width, count = r->rows * (width + POINTS + 1);
  float *room = lam_allocate_array(context, count, sizeof *room), *next = room;
  if (!room) r->tape.status = LAM_OUT_OF_MEMORY;
  if (!r->tape.status) {
    lam_probe p = { .reference = r, .run = run_loss, .width = 1, .terms = losses, .loss = o };
    float *outputs = take(&next, r->rows * width);
    memcpy(outputs, r->plan->outputs[output], r->rows * width * sizeof *outputs);
    for (int i = 0; i < POINTS; i++) p.results[i] = take(&next, r->rows);
    p.kept = next;
    const float *targets = r->plan->targets[output];
    p.call = (lam_loss_call){ .rows = r->rows, .columns = width, .outputs = outputs };
    p.call.target_columns = o->integer_targets ? 1 : o->target_columns ? o->target_columns : width;
    p.call.targets = o->integer_targets ? NULL : targets;
    p.call.labels = o->integer_targets ? (const int32_t *)(const void *)targets : NULL;
    begin(&p);
    vary_rows(&p, outputs, width, first);
    end(&p);
  }
  lam_release(context, room, room ? count * sizeof *room : 0);
}
