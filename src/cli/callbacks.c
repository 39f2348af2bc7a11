/* SPDX-License-Identifier: MIT
 *
 * What a training does beside its steps, from the options: the library's callbacks, and the weights of classes.
 */
#include "cli/cli.h"
#include "train/trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks before anything is opened ---- */

static const char *monitor_of(const settings *options) { return options->monitor ? options->monitor : "val_loss"; }

/* "0.5:3". */
static int read_reduction(const char *text, lam_reduce_lr_options *how) {
  char *end = NULL;
  const char *colon = strchr(text, ':');
  bool read = colon && colon > text && *lam_parse_double(text, colon, &how->factor) == ':';
  how->patience = read && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 0;
  if (!read || !end || *end || !(how->factor > 0 && how->factor < 1) || how->patience < 1 || how->patience > INT32_MAX)
    return wrong_usage("--reduce-lr takes FACTOR:N, a factor between 0 and 1 and a whole number, for example 0.5:3, not \"%s\"",
                       text);
  return EXIT_OK;
}

/* "1,2.5,1"; `weights` NULL: only checked. */
static int read_class_weights(const char *text, float *weights, size_t *count) {
  *count = 0;
  for (const char *rest = text; rest;) {
    double value;
    size_t length = strcspn(rest, ",");
    bool read = length > 0 && lam_parse_double(rest, rest + length, &value) == rest + length;
    if (!read || !(value >= 0 && value < 3e38))
      return wrong_usage("--class-weights takes a number from 0 up for each class, for example 1,2.5,1, not \"%s\"", text);
    if (weights) weights[*count] = (float)value;
    ++*count;
    rest = rest[length] ? rest + length + 1 : NULL;
  }
  return EXIT_OK;
}

/* A file that a callback writes: not standard output, and no other's name. */
static int check_file(const char *option, const char *path, const char *const *others, size_t count) {
  if (!path) return EXIT_OK;
  if (strcmp(path, "-") == 0) return wrong_usage("%s takes the name of a file, not \"-\"", option);
  for (size_t i = 0; i < count; i++)
    if (others[i] && strcmp(others[i], path) == 0)
      return wrong_usage("%s writes \"%s\", and so does another option; write two names", option, path);
  return strchr(path, '{') ? EXIT_OK : check_writable(option, path);
}

int check_callbacks(const settings *options) {
  const char *others[] = { options->save ? options->save : options->resume, options->json, options->plot, options->csv_log };
  bool monitors = options->early_stopping || options->reduce_lr || options->save_best;
  lam_reduce_lr_options reduction;
  size_t count;
  int code = options->reduce_lr ? read_reduction(options->reduce_lr, &reduction) : EXIT_OK;
  if (!code && options->class_weights) code = read_class_weights(options->class_weights, NULL, &count);
  if (!code) code = check_file("--csv-log", options->csv_log, others, 3);
  if (!code) code = check_file("--save-best", options->save_best, others, 4);
  if (code) return code;
  if (options->monitor && !monitors)
    return wrong_usage("--monitor is for --early-stopping, --reduce-lr and --save-best, and none of them is here");
  if (monitors && options->validation_split == 0 && strncmp(monitor_of(options), "val_", strlen("val_")) == 0)
    return wrong_usage("%s needs validation to monitor %s: write --validation-split 0.1, or --monitor loss",
                       options->early_stopping ? "--early-stopping"
                       : options->reduce_lr    ? "--reduce-lr"
                                               : "--save-best",
                       monitor_of(options));
  return EXIT_OK;
}

/* ---- making them ---- */

int add_callbacks(const settings *options, lam_context *context, callbacks *made) {
  *made = (callbacks){ 0 };
  const char *monitor = monitor_of(options);
  if (options->early_stopping)
    made->stopping = made->hooks[made->count++] =
        lam_early_stopping(context, &(lam_early_stopping_options){ .monitor = monitor, .patience = options->early_stopping });
  if (options->reduce_lr) {
    lam_reduce_lr_options how = { .monitor = monitor };
    int code = read_reduction(options->reduce_lr, &how);
    if (code) return code;
    made->hooks[made->count++] = lam_reduce_lr_on_plateau(context, &how);
  }
  if (options->csv_log)
    made->hooks[made->count++] =
        lam_csv_logger(context, options->csv_log, &(lam_csv_logger_options){ .append = options->resume != NULL });
  if (options->save_best)
    made->hooks[made->count++] = lam_model_checkpoint(
        context, options->save_best,
        &(lam_model_checkpoint_options){ .monitor = monitor, .save_best_only = true, .save_weights_only = true });
  for (size_t i = 0; i < made->count; i++)
    if (!made->hooks[i]) return library_failed(context);
  if (!options->class_weights) return EXIT_OK;
  float *weights = program_memory(strlen(options->class_weights) / 2 + 1, sizeof *weights);
  made->class_weights = weights;
  return read_class_weights(options->class_weights, weights, &made->class_weight_count);
}

bool stopped_early(const callbacks *made) {
  lam_hook_state state;
  return made->stopping && !lam_hook_get_state(made->stopping, &state) && state.stopped_epoch > 0;
}

void print_early_stop(FILE *stream, const settings *options, const callbacks *made) {
  lam_hook_state state;
  if (!stopped_early(made) || lam_hook_get_state(made->stopping, &state)) return;
  fprintf(stream, "Stopped after epoch %zu: %s has been no better than the %.6g after epoch %zu\n", state.stopped_epoch + 1,
          monitor_of(options), state.best, state.best_epoch + 1);
}
