/* SPDX-License-Identifier: MIT
 *
 * `lamina train`.
 *
 * Whatever can be wrong is found before the first step: the command line, the files to be written, the data. A signal ends the
 * training after the step that runs; what is saved then is a checkpoint, which every command opens as a model.
 */
#include "cli/cli.h"
#include "cli/progress.h"
#include "layers/layers.h"
#include "train/trainer.h"
#include <math.h>
#include <signal.h>
#include <string.h>

typedef struct training {
  const settings *options;
  lam_context *context;
  lam_dataset *train, *test;
  lam_model *model;
  lam_trainer *trainer;
  progress shown;
  size_t epoch, step, steps; /* where the training is */
  lam_result result;         /* on the test part; rows 0: there is none */
} training;

/* ---- signals ---- */

static volatile sig_atomic_t caught;

static void catch_signal(int number) { caught = number; }

/* The first Ctrl-C is answered after the step, a second one ends the program at once. */
static void watch_signals(void) {
  struct sigaction action = { .sa_handler = catch_signal, .sa_flags = (int)SA_RESETHAND };
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

/* ---- before ---- */

static int check_options(const settings *options) {
  int code = check_layers(options);
  if (!code && options->save && strcmp(options->save, "-") == 0) code = wrong_usage("--save takes the name of a file, not \"-\"");
  if (!code && options->save && options->json && strcmp(options->save, options->json) == 0)
    code = wrong_usage("--save and --json both write \"%s\"; write two names", options->save);
  if (!code && options->save) code = check_writable("--save", options->save);
  if (!code && options->json) code = check_writable("--json", options->json);
  return code;
}

static int read_optimizer_option(lam_context *context, const char *text, lam_optimizer_options *optimizer) {
  char name[64];
  const char *equals = strchr(text, '=');
  size_t length = equals ? (size_t)(equals - text) : 0;
  if (!length || length >= sizeof name)
    return wrong_usage("--optimizer-option takes NAME=VALUE, for example momentum=0.9, not \"%s\"", text);
  memcpy(name, text, length);
  name[length] = 0;
  if (strcmp(name, "type") == 0) return wrong_usage("--optimizer-option: the optimizer itself is --optimizer %s", equals + 1);
  if (lam_field_parse(context, "option of the optimizer", lam_optimizer_fields, optimizer, name, equals + 1))
    return wrong_usage("--optimizer-option: %s", lam_error_message(context));
  return EXIT_OK;
}

/* The command line as the trainer takes it. */
static int read_trainer_options(const settings *options, lam_context *context, lam_trainer_options *trainer) {
  *trainer = (lam_trainer_options){ .loss = options->loss, .from_logits = options->from_logits, .no_fusion = options->no_fusion };
  trainer->optimizer.type = options->optimizer;
  trainer->optimizer.learning_rate = options->learning_rate;
  for (size_t i = 0; i < options->optimizer_options.count; i++) {
    int code = read_optimizer_option(context, options->optimizer_options.item[i], &trainer->optimizer);
    if (code) return code;
  }
  return EXIT_OK;
}

static int prepare(training *run) {
  const settings *options = run->options;
  run->context = open_context(options);
  if (lam_error_status(run->context)) return library_failed(run->context);
  lam_trainer_options how;
  int code = read_trainer_options(options, run->context, &how);
  if (!code) code = open_data(run->context, options->data, &run->train, &run->test);
  if (code) return code;
  run->model = build_network(run->context, options->layers, lam_dataset_input(run->train, 0)->shape);
  if (!run->model) return library_failed(run->context);
  run->trainer = lam_trainer_create(run->model, &how);
  if (!run->trainer) return library_failed(run->context);
  code = encode_targets(run->context, run->model, options->loss, &run->train);
  if (!code) code = encode_targets(run->context, run->model, options->loss, &run->test);
  return code;
}

/* ---- while it runs ---- */

static int tell(void *user, const lam_progress *now) {
  training *run = user;
  run->epoch = now->epoch;
  run->step = now->step;
  run->steps = now->steps;
  progress_update(&run->shown, now);
  return caught != 0;
}

static int fit(training *run) {
  const settings *options = run->options;
  lam_fit_options how = { .epochs = options->epochs,
                          .batch_size = options->batch,
                          .validation_split = options->validation_split,
                          .callback = tell,
                          .user = run };
  watch_signals();
  lam_status status = lam_fit(run->trainer, run->train, &how);
  progress_end(&run->shown);
  return status ? library_failed(run->context) : EXIT_OK;
}

/* ---- after ---- */

static int save(training *run) {
  const char *path = run->options->save;
  if (!path) return EXIT_OK;
  lam_status status = caught ? lam_trainer_save(run->trainer, path) : lam_model_save(run->model, path);
  return status ? library_failed(run->context) : EXIT_OK;
}

static int evaluate(training *run) {
  if (!run->test) return EXIT_OK;
  if (lam_evaluate(run->trainer, run->test, &run->result)) return library_failed(run->context);
  if (run->shown.stream) print_result(run->shown.stream, "Test: ", run->result);
  return EXIT_OK;
}

static void json_field(FILE *file, const char *before, const char *name, double value) {
  fprintf(file, "%s\"%s\":", before, name);
  json_number(file, value);
}

/* {"epochs":[{"loss","accuracy","val_loss","val_accuracy","seconds"}],"test":{"loss","accuracy"}}; null: there is none. */
static void write_json(FILE *file, const void *user) {
  const training *run = user;
  size_t count = 0;
  const lam_epoch *epoch = lam_trainer_history(run->trainer, &count);
  fputs("{\"epochs\":[", file);
  for (size_t i = 0; i < count; i++, epoch++) {
    json_field(file, i ? ",{" : "{", "loss", epoch->loss);
    json_field(file, ",", "accuracy", epoch->accuracy);
    json_field(file, ",", "val_loss", epoch->val_loss);
    json_field(file, ",", "val_accuracy", epoch->val_accuracy);
    json_field(file, ",", "seconds", epoch->seconds);
    fputc('}', file);
  }
  fputs("],\"test\":", file);
  if (run->result.rows) {
    json_field(file, "{", "loss", run->result.loss);
    json_field(file, ",", "accuracy", run->result.accuracy);
    fputs("}}\n", file);
  } else
    fputs("null}\n", file);
}

/* Ends as a program ended by this signal would, for scripts that look. */
static int interrupted(const training *run) {
  const char *path = run->options->save;
  warn("stopped in epoch %zu of %zu after step %zu of %zu; %s%s", run->epoch + 1, run->options->epochs, run->step, run->steps,
       path ? "saved as " : "nothing is saved without --save FILE", path ? path : "");
  return EXIT_SIGNAL + (int)caught;
}

static int train(training *run) {
  int code = prepare(run);
  if (!code) code = fit(run);
  if (!code) code = save(run);
  if (!code && !caught) code = evaluate(run);
  if (!code && run->options->json) code = write_file(run->options->json, write_json, run);
  if (!code && caught) code = interrupted(run);
  return code;
}

int run_train(const settings *options) {
  int code = check_options(options);
  if (code) return code;
  bool json_on_stdout = options->json && strcmp(options->json, "-") == 0;
  training run = { .options = options };
  run.shown = progress_on(options->quiet ? NULL : json_on_stdout ? stderr : stdout);
  code = train(&run);
  lam_context_destroy(run.context);
  return code;
}
