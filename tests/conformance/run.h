/* SPDX-License-Identifier: MIT
 *
 * What the parts of the conformance runner share: outcomes, comparison, and the tables of what the library has.
 *
 * The tables are the library's own lists (LAM_ACTIVATION_LIST and its like), so that something added there makes its cases run;
 * what a case needs beyond them is a skip whose reason names it.
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "conformance/reader.h"
#include <lamina.h>

typedef enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES } outcome;

/* One run over a folder. `reason` tells of the case at hand why it was skipped or what it missed. */
typedef struct run run;

lam_context *run_context(const run *r);
const char *run_folder(const run *r);
const char *run_reason(const run *r);

/* Sets the reason and returns the outcome, so that a case ends in `return skip(r, ...)`. */
outcome skip(run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
outcome miss(run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* miss with the library's sentence. */
outcome refused(run *r, const char *what);

/* Counts an outcome of case `id` in `group` ("core/loss"), with its reason where it has one. */
void record(run *r, const char *group, const char *id, outcome result);

/* ---- comparison -------------------------------------------------------------------------------------------------- */

/* |got - expected| <= atol + rtol |expected|; NaN agrees with NaN only, an infinity with itself only. */
bool near_enough(double got, double expected, double rtol, double atol);

/* Compares `count` floats; misses with `what`, the first place, both values and how many are off. */
outcome compare(run *r, const char *what, const float *got, const double *expected, size_t count, double rtol, double atol);

/* ---- tables (tables.c) ------------------------------------------------------------------------------------------- */

/* The value of a name in the library's lists, in any case ("SGD"), or -1. */
int find_activation(const char *name);
int find_loss(const char *name);
int find_optimizer(const char *name);

/* Keras's class name as the name of its function: "MeanSquaredError" gives "mean_squared_error"; others stay. */
const char *snake_case(const char *name);

/* Fills options from an object such as {"learning_rate": 0.1, "momentum": 0.9}. A key that the library does not have is a skip
 * unless its value is null, false or 0. */
outcome read_optimizer(run *r, const char *name, item settings, lam_optimizer_options *options);
/* Fills options from the settings of an activation: negative_slope, alpha, ...; those that say Keras's default stay 0. gelu with
 * `approximate` becomes gelu_tanh. */
void read_activation_options(item settings, int *activation, lam_activation_options *options);
/* The same for a loss: type, from_logits. */
outcome read_loss(run *r, const char *name, item settings, lam_trainer_options *options);

/* A settings key that changes nothing where it has its default; SKIPPED with a reason that names it otherwise. */
outcome check_defaults(run *r, const char *what, item settings, const char *const *known);

/* ---- the parts: each reads its file of the folder, runs its cases and records them; false: the file is missing ------ */

bool run_traces(run *r);
outcome metric_case(run *r, item root); /* one of run_cases' (metrics.c) */
outcome rule_case(run *r, item root);   /* a regularizer or a constraint (rules.c) */
bool run_cases(run *r);
bool run_extremes(run *r);

#endif
