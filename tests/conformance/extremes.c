/* SPDX-License-Identifier: MIT
 *
 * Extreme inputs against exact arithmetic: each value and gradient within 4e-6 of itself (or two spacings of the denormals).
 * Where the library answers otherwise on purpose, the table below says what and why, and that answer is checked.
 */
#include "conformance/functions.h"
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double relative = 4e-6, spacings = 0x1p-148;

typedef enum answer {
  ABSOLUTE, /* within 2.4e-7, four units of the last place of 1 (4 * 2^-24), not relative to a result near 0 */
  NOT_A_NUMBER
} answer;

/* Documented differences, the first that fits counts. `field` is value or gradient. */
static const struct difference {
  const char *id, *field;
  answer answer;
  const char *reason;
} differences[] = {
  { "*softmax/*plus_*inf", "value", NOT_A_NUMBER, "a row with +inf is NaN (lamina/kernels.h)" },
  { "*_ce_from_logits/*plus_*inf*", "value", NOT_A_NUMBER, "a row with +inf is NaN (lamina/kernels.h)" },
  { "*_ce_from_logits/*plus_*inf*", "gradient", NOT_A_NUMBER, "a row with +inf is NaN (lamina/kernels.h)" },
  { "log_softmax/gap_*", "value", ABSOLUTE, "log-sum-exp has an absolute error (lamina/kernels.h)" },
  { "sparse_ce_from_logits/gap_*", "value", ABSOLUTE, "log-sum-exp has an absolute error (lamina/kernels.h)" },
  { "*_ce_from_logits/*", "gradient", ABSOLUTE, "p - t cancels where p is near t" },
  { "sigmoid/*", "gradient", ABSOLUTE, "the backward pass has y alone, and 1 - y cancels" },
  { "tanh/*", "gradient", ABSOLUTE, "the backward pass has y alone, and 1 - y^2 cancels" },
  { "*elu/*", "gradient", ABSOLUTE, "the backward pass has y alone, and y + alpha cancels" },
  { "categorical_ce_from_probabilities/all_zero", "value", NOT_A_NUMBER, "p / sum(p) is 0/0, in Keras too" },
  { "*_ce_from_probabilities/*", "value", ABSOLUTE, "1 - 1e-7 in float is 1 - 2^-23, and 1 - p has an absolute error" },
};

enum { DIFFERENCES = sizeof differences / sizeof *differences };
static size_t used[DIFFERENCES]; /* how many numbers each explained */

/* Where mathematics has no answer (inf - inf, 0/0 without a limit) ours is documented all the same: NaN, or for argmax an index.
 */
static const struct {
  const char *id;
  double answer;
} undefined[] = {
  { "softmax/two_plus_inf", NAN },      /* lamina/kernels.h: a row with +inf */
  { "log_softmax/all_minus_inf", NAN }, /* likewise: nothing but -inf */
  { "mean_*_error/inf_both", NAN },     /* inf - inf */
  { "huber_delta1/inf_both", NAN },
  { "argmax/nan_first", 2 }, /* NaNs are passed over; 0 where there is nothing else */
  { "argmax/nan_last", 1 },
  { "argmax/all_nan", 0 },
};

static outcome compare_undefined(run *r, const char *id, const float *y, size_t count) {
  for (size_t i = 0; i < sizeof undefined / sizeof *undefined; i++) {
    if (fnmatch(undefined[i].id, id, 0)) continue;
    for (size_t j = 0; j < count; j++)
      if (!near_enough((double)y[j], undefined[i].answer, 0, 0))
        return miss(r, "value[%zu] is %.9g and not the documented %g", j, (double)y[j], undefined[i].answer);
    return PASSED;
  }
  return skip(r, "an extreme that has neither an exact nor a documented answer");
}

static const struct difference *find_difference(const char *id, const char *field) {
  for (size_t i = 0; i < DIFFERENCES; i++)
    if (!fnmatch(differences[i].id, id, 0) && !strcmp(differences[i].field, field)) return &differences[i];
  return NULL;
}

static void tell_differences(void) {
  printf("\nanswers that differ from the exact one on purpose (numbers)\n");
  for (size_t i = 0; i < DIFFERENCES; i++)
    if (used[i]) printf("%6zu  %s %s: %s\n", used[i], differences[i].id, differences[i].field, differences[i].reason);
}

static bool as_exact(double got, double exact) {
  /* What is beyond the floats is an infinity there, as the exact value rounded to float. */
  double expected = (double)(float)exact;
  return near_enough(got, expected, 0, relative * fabs(exact) + spacings);
}

/* One number: PASSED, or why not. */
static outcome compare_one(run *r, const char *id, const char *field, size_t i, double got, double exact) {
  if (as_exact(got, exact)) return PASSED;
  const struct difference *d = find_difference(id, field);
  bool fine = d && (d->answer == ABSOLUTE ? near_enough(got, exact, relative, 4 * 0x1p-24) : isnan(got));
  if (fine) used[d - differences]++;
  if (fine) return PASSED;
  return miss(r, "%s[%zu] is %.9g and not %.9g%s%s", field, i, got, exact, d ? "; documented: " : "", d ? d->reason : "");
}

/* `exact` may be one number for all places: a NaN that spreads. A null is any value. */
static outcome compare_field(run *r, const char *id, item exact, const char *key, const char *field, const float *got,
                             size_t count) {
  tensor want;
  item figures = item_field(exact, key);
  if (!item_present(figures)) return SKIPPED;
  if (!tensor_read(&want, figures)) return miss(r, "%s is no tensor", key);
  if (want.count != count && !(want.count == 1 && isnan(want.data[0]))) return miss(r, "%s has another size", key);
  for (size_t i = 0; i < count; i++) {
    size_t at = want.count == count ? i : 0;
    if (want.open[at]) continue;
    outcome result = compare_one(r, id, field, i, (double)got[i], want.data[at]);
    if (result) return result;
  }
  return PASSED;
}

/* Both parts of an answer: a miss of either, a pass where one was compared. `dx` NULL: the library has no gradient here. */
static outcome compare_answer(run *r, const char *id, item exact, const float *y, size_t ys, const float *dx, size_t xs) {
  const char *key = item_present(item_field(exact, "value_with_clip")) ? "value_with_clip" : "value";
  outcome value = compare_field(r, id, exact, key, "value", y, ys);
  if (value == FAILED) return value;
  outcome gradient = dx ? compare_field(r, id, exact, "gradient", "gradient", dx, xs) : SKIPPED;
  if (gradient == FAILED) return gradient;
  if (value == PASSED || gradient == PASSED) return PASSED;
  return compare_undefined(r, id, y, ys);
}

static outcome function_extreme(run *r, const char *id, const char *op, item root) {
  tensor x;
  const function *f = find_function(op);
  if (!tensor_read(&x, item_field(item_field(root, "inputs"), "x"))) return miss(r, "x is no tensor");
  float *in = take_floats(&x), *y = take(x.count, sizeof *y), *dx = take(x.count, sizeof *dx);
  item exact = item_field(root, "exact");
  if (f->kernel(y, x.count, in, x.count, 1, x.count)) return miss(r, "the kernel refused");
  bool gradient = f->backward && !f->along_row;
  for (size_t i = 0; i < x.count; i++) dx[i] = 1;
  if (gradient && f->backward(dx, x.count, dx, x.count, f->from_x ? in : y, x.count, 1, x.count))
    return miss(r, "the backward kernel refused");
  return compare_answer(r, id, exact, y, x.count, gradient ? dx : NULL, x.count);
}

static outcome argmax_extreme(run *r, const char *id, item root) {
  tensor x;
  int32_t index;
  if (!tensor_read(&x, item_field(item_field(root, "inputs"), "x"))) return miss(r, "x is no tensor");
  if (lam_argmax(&index, take_floats(&x), x.count, 1, x.count)) return miss(r, "the kernel refused");
  float y = (float)index;
  return compare_answer(r, id, item_field(root, "exact"), &y, 1, NULL, 0);
}

static const struct extreme {
  const char *op, *loss; /* the file's name; a loss by its name in the library, or another function */
  bool from_logits;
  const char *input, *target;
} losses[] = {
  { "sparse_ce_from_logits", "sparse_categorical_crossentropy", true, "logits", "label" },
  { "categorical_ce_from_logits", "categorical_crossentropy", true, "logits", "target" },
  { "binary_ce_from_logits", "binary_crossentropy", true, "logit", "target" },
  { "sparse_ce_from_probabilities", "sparse_categorical_crossentropy", false, "probs", "label" },
  { "categorical_ce_from_probabilities", "categorical_crossentropy", false, "probs", "target" },
  { "binary_ce_from_probabilities", "binary_crossentropy", false, "prob", "target" },
  { "mean_squared_error", "mean_squared_error", false, "prediction", "target" },
  { "mean_absolute_error", "mean_absolute_error", false, "prediction", "target" },
  { "huber_delta1", "huber", false, "prediction", "target" },
};

static const struct extreme *find_extreme(const char *op) {
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
    if (!strcmp(losses[i].op, op)) return &losses[i];
  return NULL;
}

static outcome loss_extreme(run *r, const char *id, const char *op, item root) {
  const struct extreme *e = find_extreme(op);
  item inputs = item_field(root, "inputs");
  tensor x, t;
  if (!tensor_read(&x, item_field(inputs, e->input)) || !tensor_read(&t, item_field(inputs, e->target)))
    return miss(r, "the inputs are no tensors");
  float loss = 0, *dx = take(x.count, sizeof *dx);
  loss_call call = { .rows = 1, .columns = x.count, .x = take_floats(&x), .from_logits = e->from_logits, .scale = 1 };
  call.loss = &loss;
  call.dx = dx;
  if (loss_is_sparse(e->loss))
    call.labels = take_integers(&t);
  else
    call.t = take_floats(&t);
  outcome result = run_loss(r, e->loss, &call);
  return result ? result : compare_answer(r, id, item_field(root, "exact"), &loss, 1, dx, x.count);
}

static outcome run_extreme(run *r, const char *id, const char *op, item root) {
  if (find_extreme(op)) return loss_extreme(r, id, op, root);
  if (!strcmp(op, "argmax")) return argmax_extreme(r, id, root);
  if (find_function(op)) return function_extreme(r, id, op, root);
  return skip(r, "extremes of %s: not in the library", op);
}

/* ---- a saturated softmax or sigmoid inside a model --------------------------------------------------------------- */

typedef struct saturated {
  float gradient[16];
  size_t width;
} saturated;

static int keep_gradient(void *user, const lam_progress *progress) {
  saturated *s = user;
  const float *gradient = progress->event == LAM_STEP_END ? lam_gradient(progress->trainer, 1) : NULL;
  for (size_t i = 0; gradient && i < s->width; i++) s->gradient[i] = gradient[i];
  return 0;
}

static outcome compare_saturated(run *r, lam_trainer *trainer, const lam_dataset *data, size_t width, item keras) {
  saturated s = { .width = width };
  lam_result evaluated;
  float outputs[16];
  tensor gradient, predictions;
  if (lam_evaluate(trainer, data, &evaluated)) return refused(r, "lam_evaluate");
  if (lam_predict(lam_trainer_model(trainer), data, NULL, outputs, width)) return refused(r, "lam_predict");
  if (lam_fit(trainer, data, &(lam_fit_options){ .callback = keep_gradient, .user = &s })) return refused(r, "lam_fit");
  if (!tensor_read(&gradient, item_field(keras, "gradient_at_logits_inside_model")) || gradient.count != width ||
      !tensor_read(&predictions, item_field(keras, "predictions")) || predictions.count != width)
    return miss(r, "the file's figures have another size");
  float loss = (float)evaluated.loss;
  double expected = item_number(item_field(keras, "loss_inside_model"));
  /* TensorFlow flushes predictions in the denormals to 0. */
  const double smallest_normal = 0x1p-126;
  outcome result = compare(r, "loss", &loss, &expected, 1, relative, spacings);
  if (!result) result = compare(r, "predictions", outputs, predictions.data, width, relative, smallest_normal);
  return result ? result : compare(r, "gradient", s.gradient, gradient.data, width, relative, 4 * 0x1p-24);
}

/* The logits are the biases of a layer without input, so that their gradient is that of the bias. */
static outcome run_saturated(run *r, item root) {
  tensor logits, target;
  lam_context *context = run_context(r);
  lam_trainer_options options = { .optimizer = { .type = LAM_SGD } };
  const char *loss = item_text(item_field(root, "loss"));
  int activation = find_activation(item_text(item_field(root, "output_activation")));
  if (!tensor_read(&logits, item_field(root, "logits")) || logits.count > 16 || !tensor_read(&target, item_field(root, "target")))
    return miss(r, "the file's figures are no tensors");
  if (find_loss(loss) < 0 || activation < 0) return skip(r, "saturated %s: not in the library", loss);
  options.loss = (lam_loss)find_loss(loss);
  const float zero = 0;
  lam_array row = { .data = &zero, .type = LAM_FLOAT32, .rows = 1, .shape = { { 1 }, 1 } }, truth = row;
  truth.shape.size[0] = logits.count;
  truth.data = take_floats(&target);
  if (loss_is_sparse(loss)) truth = (lam_array){ .data = take_integers(&target), .type = LAM_INT32, .rows = 1 };
  lam_graph *graph = lam_graph_create(context);
  lam_node output =
      lam_dense(lam_input(graph, row.shape), logits.count, &(lam_dense_options){ .activation = (lam_activation)activation });
  lam_model *model = lam_model_create(&output, 1);
  lam_dataset *data = lam_dataset_create(context, &row, 1, &truth, 1);
  lam_trainer *trainer = lam_trainer_create(model, &options);
  outcome result = PASSED;
  if (!trainer || !data || lam_model_set_parameter(model, "dense/bias", take_floats(&logits), logits.count))
    result = refused(r, "a model of one layer");
  if (!result) result = compare_saturated(r, trainer, data, logits.count, item_element(item_field(root, "keras_tensorflow"), 0));
  lam_trainer_destroy(trainer);
  lam_dataset_destroy(data);
  lam_model_destroy(model);
  lam_graph_destroy(graph);
  return result;
}

bool run_extremes(run *r) {
  char path[4096], id[160];
  snprintf(path, sizeof path, "%s/extremes.json", run_folder(r));
  item root = item_open(run_context(r), path);
  if (!root) return fprintf(stderr, "conformance: %s cannot be read\n", path), false;
  item list = item_field(root, "cases"), outputs = item_field(item_field(root, "saturated_output_cases"), "cases");
  item one = item_length(list) ? lam_json_first(list) : NULL;
  for (size_t i = 0; i < item_length(list); i++, one = lam_json_after(one)) {
    const char *op = item_text(item_field(one, "op")), *name = item_text(item_field(one, "id"));
    record(r, "extreme", name, run_extreme(r, name, op, one));
  }
  for (size_t i = 0; i < item_length(outputs); i++) {
    item output = item_element(outputs, i);
    snprintf(id, sizeof id, "%s %zu", item_text(item_field(output, "loss")), i);
    record(r, "saturated output", id, run_saturated(r, output));
  }
  tell_differences();
  return true;
}
