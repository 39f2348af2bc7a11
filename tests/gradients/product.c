/* SPDX-License-Identifier: MIT
 *
 * Every layer under every loss: the reference's derivatives are those of a complex step, and the library's gradients are within
 * their bounds of them, at every weight.
 */
#include "complex_step.h"
#include "networks.h"

#include "blas/gemm.h"
#include "layers/layers.h"
#include <math.h>

/* Calls `visit` for each network, in a context of its own. */
static void every_network(void (*prepare)(lam_context *context), void (*visit)(const network *n, const char *name)) {
  sizes = (network_sizes)SMALL;
  for (size_t m = 0; m < middle_count; m++)
    for (size_t h = 0; h < head_count; h++) {
      lam_context *context = lam_context_create(&(lam_context_options){ .gemm = "native" });
      if (prepare) prepare(context);
      network n = network_open(context, &middles[m], &heads[h]);
      visit(&n, network_name(&middles[m], &heads[h]));
      lam_context_destroy(context);
    }
}

/* ---- the evaluator ------------------------------------------------------------------------------------------------ */

/* Both sum the same terms in double; what cancels in them is known from the bound, which counts 2^-24 where here are 2^-53. */
static void compare_with_complex_step(const network *n, const char *name) {
  lam_reference r;
  (void)network_check(n, &r);
  double complex *room = malloc(r.tape.count * sizeof *room);
  const lam_model *model = r.model;
  for (size_t w = 0; w < model->weight_count; w++)
    for (size_t i = 0; i < model->weights[w].count; i++) {
      double bound, slope = lam_reference_gradient(&r, w, i, &bound);
      double complex_slope = complex_step(&r.tape, r.weights + (lam_term)(model->weights[w].offset + i), r.loss, room);
      if (!(fabs(slope - complex_slope) <= 1e-12 * fabs(slope) + 0x1p-29 * bound))
        fail_msg("%s: %s[%zu] is %.17g, by a complex step %.17g", name, model->weights[w].name, i, slope, complex_slope);
    }
  free(room);
  lam_reference_close(&r);
}

static void every_derivative_of_the_evaluator_is_that_of_a_complex_step(void **state) {
  (void)state;
  every_network(NULL, compare_with_complex_step);
}

/* At points that are no kinks; the value too is that of the definition. */
static void every_curve_has_the_slope_of_a_complex_step(void **state) {
  (void)state;
  for (int a = 0; a < LAM_CURVES + LAM_SPARSEMAX; a++) {
    const lam_curve *curve = a < LAM_CURVES ? &lam_curves[a] : &lam_activation_curves[a - LAM_CURVES];
    if (!curve->value) continue;
    double p[3] = { 0.25, 0.75, 0 };
    if (a >= LAM_CURVES)
      for (int k = 0; k < 3; k++) p[k] = (double)lam_function_of((lam_activation)(a - LAM_CURVES)).p[k];
    bool positive = curve == &lam_curves[LAM_CURVE_LOG] || curve == &lam_curves[LAM_CURVE_SQRT];
    for (double x = positive ? 0.011 : -9.987; x < 10; x += 0.0517) {
      double complex y = complex_curve(curve, p, x + I * 1e-30);
      double slope = cimag(y) / 1e-30;
      /* Values and slopes of tails are differences of numbers of size 1 or |x| in one of the two. */
      if (!(fabs(curve->value(x, p) - creal(y)) <= 1e-14 * (1 + fabs(x) + fabs(creal(y)))) ||
          !(fabs(curve->slope(x, p) - slope) <= 1e-12 * fabs(slope) + 1e-14 * (1 + fabs(x))))
        fail_msg("%s(%g): %.17g with slope %.17g, not %.17g with %.17g", curve->name, x, curve->value(x, p), curve->slope(x, p),
                 creal(y), slope);
    }
  }
}

/* ---- the library -------------------------------------------------------------------------------------------------- */

enum { MOST = 1 << 20 };
static double ratios[MOST]; /* bound / gradient */
static size_t ratio_count, rows_used, networks_seen;
static double worst_part; /* of its bound that a deviation is */

/* The outputs and the loss, too, are within what the tape says of them; 2^-50 is for the loss's own sums in double. */
static void compare_values(const network *n, const lam_reference *r, const char *name) {
  const lam_plan *plan = n->trainer->plan;
  size_t node = r->model->outputs[0], count = r->rows * r->model->nodes[node].width;
  const lam_number *y = &r->tape.numbers[r->first[node]], *loss = &r->tape.numbers[r->loss];
  for (size_t i = 0; i < count; i++)
    if (!(fabs((double)plan->outputs[0][i] - y[i].value) <= y[i].error))
      fail_msg("%s: output %zu is %.9g, not %.9g; error %.3g", name, i, (double)plan->outputs[0][i], y[i].value, y[i].error);
  double told = lam_plan_loss(plan, &r->step, NULL);
  if (!(fabs(told - loss->value) <= loss->error + 0x1p-50 * loss->value))
    fail_msg("%s: the loss is %.9g, not %.9g; error %.3g", name, told, loss->value, loss->error);
}

static void take_figures(const network *n, const char *name) {
  lam_reference r;
  lam_gradient_report report = network_check(n, &r);
  const lam_model *model = r.model;
  compare_values(n, &r, name);
  networks_seen++;
  rows_used += report.rows;
  worst_part = fmax(worst_part, report.deviation / report.bound);
  if (report.exceeded)
    fail_msg("%s: %s[%zu] is %.9g, not %.9g; deviation %.3g, bound %.3g", name, report.weight, report.index, report.gradient,
             report.reference, report.deviation, report.bound);
  for (size_t w = 0; w < model->weight_count; w++)
    for (size_t i = 0; i < model->weights[w].count && lam_trainer_trains(n->trainer, w); i++) {
      double bound, slope = lam_reference_gradient(&r, w, i, &bound);
      if (slope != 0 && ratio_count < MOST) ratios[ratio_count++] = bound / fabs(slope);
    }
  lam_reference_close(&r);
}

static int by_size(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* The sums are of at most 13 products each way, of weights and inputs of about 1, three or four layers deep: some 100 roundings
 * of 2^-24, 6e-6, times the sum of the absolute terms over their sum, which is 1 to 10 here and more where gradients of rows
 * cancel. A bound that lost its meaning would be beyond 1e-3 for half of all. */
static void every_gradient_is_within_its_bound(void **state) {
  (void)state;
  every_network(NULL, take_figures);
  qsort(ratios, ratio_count, sizeof *ratios, by_size);
  double median = ratios[ratio_count / 2];
  print_message(
      "%zu networks, %zu weights, %zu of %zu rows used; bound over gradient: median %.2g, 90 %% below %.2g; the largest "
      "deviation is %.2f of its bound\n",
      networks_seen, ratio_count, rows_used, networks_seen * sizes.rows, median, ratios[ratio_count * 9 / 10], worst_part);
  assert_true(networks_seen == middle_count * head_count && rows_used > networks_seen * sizes.rows * 9 / 10);
  assert_true(median < 1e-3);
}

/* More rows and columns than fit a vector, through each backend: every layer with one loss, and every loss with one layer. */
static void large_networks(const char *gemm, unsigned threads) {
  sizes = (network_sizes)LARGE;
  for (size_t i = 0; i < middle_count + head_count; i++) {
    const middle *m = &middles[i < middle_count ? i : 0];
    const head *h = &heads[i < middle_count ? i % head_count : i - middle_count];
    lam_context *context = lam_context_create(&(lam_context_options){ .gemm = gemm, .threads = threads });
    network n = network_open(context, m, h);
    take_figures(&n, network_name(m, h));
    lam_context_destroy(context);
  }
}

static void the_same_holds_for_large_ones_with_threads(void **state) {
  (void)state;
  worst_part = 0;
  large_networks("native", 3);
  large_networks(NULL, 1);
  print_message("the largest deviation is %.2f of its bound\n", worst_part);
}

static const lam_kernel_table *level;
static void take_level(lam_context *context) { context->kernels = level; }

static void the_same_holds_at_every_instruction_set(void **state) {
  (void)state;
  const char *const names[] = { "avx512", "avx2", "neon", "portable" };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if ((level = lam_kernels_at(names[i]))) every_network(take_level, take_figures);
}

/* Products that are right but for the gradients of kernels, X transposed times dY, all of which are too large by a part in 256.
 */
static void lying_sgemm(lam_order order, lam_transpose ta, lam_transpose tb, int m, int n, int k, float alpha, const float *x,
                        int ldx, const float *y, int ldy, float beta, float *out, int ld) {
  assert_true(order == LAM_ROW_MAJOR && alpha == 1.0f && beta == 0.0f);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int q = 0; q < k; q++)
        sum += (double)(ta == LAM_NO_TRANSPOSE ? x[i * ldx + q] : x[q * ldx + i]) *
               (double)(tb == LAM_NO_TRANSPOSE ? y[q * ldy + j] : y[j * ldy + q]);
      out[i * ld + j] = (float)(sum * (ta == LAM_TRANSPOSE ? 1 + 0x1p-8 : 1));
    }
}

static void take_lies(lam_context *context) {
  context->gemm = lam_gemm_add(context, "lying", lying_sgemm, NULL); /* without vetting, which would refuse it */
  assert_non_null(context->gemm);
}

/* Then some are beyond their bounds, and a kernel's is what is told. */
static void expect_to_be_found(const network *n, const char *name) {
  lam_reference r;
  lam_gradient_report report = network_check(n, &r);
  lam_reference_close(&r);
  if (!report.exceeded || !(report.deviation > report.bound) || !strstr(report.weight, "/kernel"))
    fail_msg("%s: not found; %s[%zu] is %.9g, not %.9g; bound %.3g", name, report.weight, report.index, report.gradient,
             report.reference, report.bound);
}

static void gradients_that_are_a_part_in_256_too_large_are_found_in_every_network(void **state) {
  (void)state;
  every_network(take_lies, expect_to_be_found);
}

/* ---- the tables --------------------------------------------------------------------------------------------------- */

static bool seen[64];

static void take_types(const network *n, const char *name) {
  (void)name;
  const lam_model *model = lam_trainer_model(n->trainer);
  for (size_t i = 0; i < model->node_count; i++)
    for (size_t t = 0; lam_layer_types[t]; t++)
      if (model->nodes[i].layer->type == lam_layer_types[t]) seen[t] = true;
}

static void every_layer_and_loss_that_has_a_reference_is_in_the_tables(void **state) {
  (void)state;
  every_network(NULL, take_types);
  for (size_t t = 0; lam_layer_types[t]; t++) {
    if (lam_layer_types[t] != &lam_input_type && !lam_reference_layer_of(lam_layer_types[t]))
      print_message("%s has no reference\n", lam_layer_types[t]->name);
    else if (!seen[t])
      fail_msg("%s is in no network", lam_layer_types[t]->name);
  }
  for (size_t i = 1; lam_loss_names[i]; i++) {
    bool there = false;
    for (size_t h = 0; h < head_count; h++) there = there || heads[h].loss.loss == (lam_loss)i;
    if (!lam_reference_has_loss((lam_loss)i))
      print_message("%s has no reference\n", lam_loss_names[i]);
    else if (!there)
      fail_msg("%s is in no network", lam_loss_names[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_curve_has_the_slope_of_a_complex_step),
    cmocka_unit_test(every_derivative_of_the_evaluator_is_that_of_a_complex_step),
    cmocka_unit_test(every_gradient_is_within_its_bound),
    cmocka_unit_test(the_same_holds_for_large_ones_with_threads),
    cmocka_unit_test(the_same_holds_at_every_instruction_set),
    cmocka_unit_test(gradients_that_are_a_part_in_256_too_large_are_found_in_every_network),
    cmocka_unit_test(every_layer_and_loss_that_has_a_reference_is_in_the_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
