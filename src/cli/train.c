/* SPDX-License-Identifier: MIT
 *
 * `lamina train`.
 *
 * Whatever can be wrong is found before the first step: the command line, the files to be written, the data. A signal ends the
 * training after the step that runs; what is saved then is a checkpoint, which every command opens as a model, and with which
 * --resume goes on.
 */
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/progress.h"
#include "graph/model.h"
#include "layers/losses.h"
#include "train/trainer.h"
#include <signal.h>
#include <string.h>

typedef struct training {
  const settings *options;
  lam_context *context;
  const char *path; /* where it is saved; NULL: nowhere */
  source data;
  lam_model *model;
  lam_trainer *trainer;
  progress shown;
  callbacks callbacks;
  size_t epoch, step, steps; /* where the training is */
  bool stopped;              /* before it was done */
  measurement result;        /* on the test part; rows 0: there is none */
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

static int check_needed(const settings *options) {
  const cli_option *layers = option_at(offsetof(settings, layers)), *loss = option_at(offsetof(settings, loss));
  const cli_option *missing = options->resume ? NULL : !options->layers ? layers : !options->loss ? loss : NULL;
  if (!missing) return EXIT_OK;
  return wrong_usage("`lamina train` needs %s %s: %s", missing->name, missing->argument, missing->help);
}

static int check_options(const settings *options, const char *path) {
  int code = check_needed(options);
  if (!code) code = check_layers(options);
  if (!code) code = check_source(options);
  if (!code) code = check_metrics(options);
  if (!code) code = check_callbacks(options);
  if (!code && path && strcmp(path, "-") == 0) code = wrong_usage("--save takes the name of a file, not \"-\"");
  if (!code && path && options->json && strcmp(path, options->json) == 0)
    code = wrong_usage("%s and --json both write \"%s\"; write two names", options->save ? "--save" : "--resume", path);
  if (!code && path) code = check_writable(options->save ? "--save" : "--resume", path);
  if (!code && options->json) code = check_writable("--json", options->json);
  if (!code) code = check_drawing("--plot", options->plot);
  return code;
}

static int build(training *run) {
  const settings *options = run->options;
  lam_trainer_options how;
  int code = read_trainer_options(options, run->context, &how);
  if (!code) code = open_source(run->context, options, &run->data);
  if (code) return code;
  run->model = build_network(run->context, options, lam_dataset_input(run->data.train, 0)->shape);
  if (run->model && options->standardize && lam_adapt(run->model, run->data.train)) return library_failed(run->context);
  run->trainer = run->model ? lam_trainer_create(run->model, &how) : NULL;
  return run->trainer ? EXIT_OK : library_failed(run->context);
}

/* ---- going on ---- */

/* The same layers in the same order, with the same weights and activations. */
static bool same_network(const lam_model *a, const lam_model *b) {
  bool same = a->node_count == b->node_count && a->weight_count == b->weight_count;
  for (size_t i = 0; same && i < a->node_count; i++)
    same = a->nodes[i].layer->type == b->nodes[i].layer->type && a->nodes[i].width == b->nodes[i].width &&
           lam_layer_activation(a->nodes[i].layer) == lam_layer_activation(b->nodes[i].layer);
  for (size_t i = 0; same && i < a->weight_count; i++) same = a->weights[i].count == b->weights[i].count;
  return same;
}

/* The name of the first field of a table in which two structs differ, or NULL. */
static const char *difference(const lam_field *fields, const void *a, const void *b) {
  static const size_t sizes[] = {
    [LAM_FIELD_FLOAT] = sizeof(float),     [LAM_FIELD_SIZE] = sizeof(size_t),     [LAM_FIELD_SEED] = sizeof(uint64_t),
    [LAM_FIELD_FLAG] = sizeof(bool),       [LAM_FIELD_SHAPE] = sizeof(lam_shape), [LAM_FIELD_AXES] = sizeof(lam_axes),
    [LAM_FIELD_INTEGER] = sizeof(int32_t), [LAM_FIELD_ENUM] = sizeof(int),        [LAM_FIELD_LIST] = sizeof(lam_numbers),
  };
  for (; fields->name; fields++)
    if (memcmp((const char *)a + fields->offset, (const char *)b + fields->offset, sizes[fields->kind]) != 0) return fields->name;
  return NULL;
}

/* Of the loss, whichever way the options say it, and of what belongs to it. */
static const char *loss_difference(const lam_trainer *a, const lam_trainer *b) {
  const char *differs = difference(lam_loss_fields, &a->losses[0].options, &b->losses[0].options);
  return differs ? differs : a->options.no_fusion == b->options.no_fusion ? NULL : "no_fusion";
}

/* What the checkpoint says may be said again, as a file of options does; what is said must then be the same. */
static int check_agreement(const training *run) {
  const settings *options = run->options;
  const char *file = options->resume, *differs = NULL;
  lam_trainer_options how, was;
  int code = read_trainer_options(options, run->context, &how);
  if (code) return code;
  if (options->layers) {
    lam_model *model = build_network(run->context, options, lam_model_input_shape(run->model, 0));
    if (!model) return library_failed(run->context);
    if (!same_network(model, run->model))
      return wrong_usage("--layers is not the network that is in \"%s\"; leave it out, --resume takes the file's", file);
  }
  lam_trainer *said = lam_trainer_make(run->model, &how);
  if (!said || lam_trainer_get_options(said, &how) || lam_trainer_get_options(run->trainer, &was))
    return library_failed(run->context);
  if (options->loss) differs = loss_difference(said, run->trainer);
  if (options->reduce_lr) { /* the rate is where the training has brought it */
    how.optimizer.learning_rate = was.optimizer.learning_rate;
    how.optimizer.schedule = was.optimizer.schedule;
  }
  bool optimizer =
      was_written(options, offsetof(settings, optimizer)) || options->learning_rate > 0 || options->optimizer_options.count;
  if (!differs && optimizer) differs = difference(lam_optimizer_fields, &how.optimizer, &was.optimizer);
  if (differs)
    return wrong_usage("the %s is not that of the training in \"%s\"; leave such options out, --resume takes the file's",
                       strcmp(differs, "type") == 0 ? "optimizer" : differs, file);
  return EXIT_OK;
}

static int load(training *run) {
  const settings *options = run->options;
  run->trainer = lam_trainer_load(run->context, options->resume);
  if (!run->trainer) {
    lam_model *model = lam_error_status(run->context) == LAM_FORMAT ? lam_model_load(run->context, options->resume) : NULL;
    return model ? failed("--resume: \"%s\" is a model whose training was done; only one that Ctrl-C ended can go on",
                          options->resume)
                 : failed("%s", lam_error_message(run->context));
  }
  run->model = lam_trainer_model(run->trainer);
  size_t done;
  lam_trainer_history(run->trainer, &done);
  if (options->epochs <= done)
    return wrong_usage("--epochs %zu: as many are done in \"%s\" already; write how many it shall be in all, at least %zu",
                       options->epochs, options->resume, done + 1);
  int code = check_agreement(run);
  if (code) return code;
  settings again = *options; /* the rows held out are those of the first time */
  if (!was_written(options, offsetof(settings, seed))) again.seed = run->trainer->seed;
  return open_source(run->context, &again, &run->data);
}

static int prepare(training *run) {
  run->context = open_context(run->options);
  if (lam_error_status(run->context)) return library_failed(run->context);
  lam_trainer_options how;
  int code = run->options->resume ? load(run) : build(run);
  if (!code && lam_trainer_get_options(run->trainer, &how)) code = library_failed(run->context);
  if (!code) code = add_metrics(run->options, run->trainer);
  if (!code) code = add_callbacks(run->options, run->context, &run->callbacks);
  if (!code) code = encode_targets(run->context, run->model, lam_loss_of(&how, 0).loss, &run->data.train);
  if (!code) code = encode_targets(run->context, run->model, lam_loss_of(&how, 0).loss, &run->data.test);
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
                          .user = run,
                          .callbacks = run->callbacks.hooks,
                          .callback_count = run->callbacks.count,
                          .class_weights = run->callbacks.class_weights,
                          .class_weight_count = run->callbacks.class_weight_count,
                          .resume = options->resume != NULL };
  watch_signals();
  lam_status status = lam_fit(run->trainer, run->data.train, &how);
  progress_end(&run->shown);
  size_t done;
  lam_trainer_history(run->trainer, &done);
  run->stopped = lam_trainer_stopped(run->trainer) && done < options->epochs && !stopped_early(&run->callbacks);
  if (!status && run->shown.stream) print_early_stop(run->shown.stream, options, &run->callbacks);
  return status ? library_failed(run->context) : EXIT_OK;
}

/* ---- after ---- */

static int save(training *run) {
  const char *path = run->path;
  if (!path) return EXIT_OK;
  lam_status status = run->stopped ? lam_trainer_save(run->trainer, path) : lam_model_save(run->model, path);
  return status ? library_failed(run->context) : EXIT_OK;
}

static int evaluate(training *run) {
  if (!run->data.test) return EXIT_OK;
  int code = measure(run->trainer, run->data.test, false, &run->result);
  if (!code && run->shown.stream) {
    print_measurement(run->shown.stream, "Test: ", &run->result);
    print_metrics(run->shown.stream, run->trainer);
  }
  return code;
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
    json_metric_history(file, run->trainer, i);
    fputc('}', file);
  }
  fputs("],\"test\":", file);
  if (run->result.result.rows) {
    fputc('{', file);
    json_measurement(file, &run->result);
    json_metrics(file, run->trainer);
    fputs("}}\n", file);
  } else
    fputs("null}\n", file);
}

static int plot(const training *run) {
  size_t count = 0;
  const lam_epoch *epochs = lam_trainer_history(run->trainer, &count);
  return plot_curve(run->options->plot, epochs, count);
}

/* Ends as a program ended by this signal would, for scripts that look. */
static int interrupted(const training *run) {
  char place[96];
  snprintf(place, sizeof place, "stopped in epoch %zu of %zu after step %zu of %zu", run->epoch + 1, run->options->epochs,
           run->step, run->steps);
  if (!run->path) {
    warn("%s; nothing is saved without --save FILE", place);
  } else {
    warn("%s; saved as %s; to go on:", place, run->path);
    print_resume_command(stderr, run->options);
    fputc('\n', stderr);
  }
  return EXIT_SIGNAL + (int)caught;
}

static int train(training *run) {
  int code = prepare(run);
  if (!code) code = fit(run);
  if (!code) code = save(run);
  if (!code && !run->stopped) code = evaluate(run);
  if (!code && run->options->json) code = write_file(run->options->json, write_json, run);
  if (!code && run->options->plot) code = plot(run);
  if (!code && run->stopped) code = interrupted(run);
  return code;
}

int run_train(const settings *options) {
  bool json_on_stdout = options->json && strcmp(options->json, "-") == 0;
  training run = { .options = options, .path = options->save ? options->save : options->resume };
  int code = check_options(options, run.path);
  if (code) return code;
  run.shown = progress_on(options->quiet ? NULL : json_on_stdout ? stderr : stdout);
  code = train(&run);
  return close_context(options, run.context, code);
}
