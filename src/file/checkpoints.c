/* SPDX-License-Identifier: MIT
 *
 * The callback that saves: names made from a template, and when it is time.
 */
#include "train/callback.h"
#include <lamina/file.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct saver {
  lam_hook hook;
  char *path;
  bool best_only, weights_only, has_threshold;
  bool validates;        /* the fit */
  size_t every, batches; /* every: 0: epochs */
  double threshold;
} saver;

static void release_saver(lam_object *object) {
  lam_release_string(object->context, ((saver *)object)->path);
  lam_hook_release(object);
}

/* ---- names from a template ---------------------------------------------------------------------------------------- */

/* {name}, {name:03d} or {name:.2f}. */
typedef struct placeholder {
  char name[LAM_VALUE_NAME];
  bool zeros;
  unsigned width;
  int digits; /* behind the point; -1: as many as it takes */
  size_t size;
} placeholder;

static unsigned read_number(const char **text) {
  unsigned number = 0;
  while (**text >= '0' && **text <= '9' && number < 100) number = number * 10 + (unsigned)(*(*text)++ - '0');
  return number;
}

static bool read_placeholder(const char *text, placeholder *p) {
  const char *next = text + 1;
  size_t length = strcspn(next, ":{}");
  *p = (placeholder){ .digits = -1 };
  if (length == 0 || length >= sizeof p->name) return false;
  memcpy(p->name, next, length);
  next += length;
  if (*next == ':') {
    next++;
    p->zeros = *next == '0';
    p->width = read_number(&next);
    if (*next == '.') {
      next++;
      p->digits = (int)read_number(&next);
    }
    if (*next == 'd' || *next == 'f') next++;
  }
  p->size = (size_t)(next - text) + 1;
  return *next == '}' && p->width < 20 && p->digits < 10;
}

/* Digits behind the point by whole numbers, so that no locale has a say; rounded half away from zero. */
static void format_fixed(char text[64], double value, int digits) {
  double scale = 1.0;
  for (int i = 0; i < digits; i++) scale *= 10.0;
  double scaled = fabs(value) * scale + 0.5;
  if (!(scaled < 9e15)) return (void)lam_format_double(text, value);
  unsigned long long whole = (unsigned long long)scaled, unit = (unsigned long long)scale;
  const char *sign = value < 0 && whole ? "-" : "";
  if (digits > 0)
    (void)snprintf(text, 64, "%s%llu.%0*llu", sign, whole / unit, digits & 15, whole % unit);
  else
    (void)snprintf(text, 64, "%s%llu", sign, whole);
}

/* Whether there is such a value; `text` gets it. */
static bool fill_in(const placeholder *p, const lam_progress *progress, size_t count, char text[64]) {
  lam_trainer *trainer = progress->trainer;
  char known[LAM_VALUE_NAME], number[64];
  double value = strcmp(p->name, "epoch") == 0 ? (double)progress->epoch + 1 : (double)progress->step;
  bool whole = strcmp(p->name, "epoch") == 0 || strcmp(p->name, "batch") == 0, found = whole;
  for (size_t i = 0; i < count && !found; i++) {
    if (strcmp(lam_value_name(trainer, i, known), p->name) != 0) continue;
    found = true;
    if (!lam_value_get(trainer, i, progress, &value)) value = (double)NAN;
  }
  if (!isfinite(value) || (p->digits < 0 && !whole))
    (void)lam_format_double(number, value);
  else
    format_fixed(number, value, p->digits < 0 ? 0 : p->digits);
  size_t length = strlen(number), width = p->width > length ? p->width - length : 0;
  memset(text, p->zeros ? '0' : ' ', width);
  memcpy(text + width, number, length + 1);
  return found;
}

static lam_status make_path(const saver *s, const lam_progress *progress, bool validates, char path[PATH_MAX]) {
  lam_context *context = s->hook.object.context;
  size_t used = 0, count = lam_value_count(progress->trainer, validates);
  for (const char *next = s->path; *next;) {
    char text[64] = { *next, 0 };
    placeholder p;
    if (*next != '{') {
      next++;
    } else if (!read_placeholder(next, &p)) {
      return lam_fail(context, LAM_INVALID_ARGUMENT,
                      "model_checkpoint: \"%.60s\" in the path is none of {name}, {name:03d}, {name:.2f}", next);
    } else if (!fill_in(&p, progress, count, text)) {
      const lam_training training = { .trainer = progress->trainer, .validates = validates };
      return lam_value_find(&training, "model_checkpoint: the path", p.name, &count);
    } else {
      next += p.size;
    }
    size_t length = strlen(text);
    if (used + length >= PATH_MAX) return lam_fail(context, LAM_IO, "model_checkpoint: the path is too long");
    memcpy(path + used, text, length);
    used += length;
  }
  path[used] = 0;
  return LAM_OK;
}

/* ---- when --------------------------------------------------------------------------------------------------------- */

static lam_status check_saver(lam_hook *hook, const lam_training *training) {
  saver *s = (saver *)hook;
  char path[PATH_MAX];
  s->validates = training->validates;
  if (s->best_only && s->every && strncmp(hook->monitor.name, "val_", 4) == 0)
    return lam_fail(hook->object.context, LAM_INVALID_ARGUMENT,
                    "model_checkpoint: \"%.100s\" is known at the end of an epoch, and save_freq counts batches",
                    hook->monitor.name);
  /* A first name finds what is wrong with the path. */
  lam_trainer *trainer = training->trainer;
  const lam_progress progress = { .trainer = trainer, .metrics = trainer->metric_values, .val_metrics = trainer->metric_values };
  return make_path(s, &progress, training->validates, path);
}

static lam_status begin_saver(lam_hook *hook, const lam_training *training) {
  if (!training->resumes) ((saver *)hook)->batches = 0;
  return LAM_OK;
}

static bool is_best(saver *s, const lam_progress *progress) {
  lam_hook_state *state = &s->hook.state;
  double value;
  if (!lam_monitor_value(&s->hook.monitor, progress, &value)) return false;
  if (s->has_threshold && isinf(state->best)) state->best = s->threshold;
  if (!lam_monitor_improves(&s->hook.monitor, value, state->best)) return false;
  state->best = value;
  state->best_epoch = progress->epoch;
  return true;
}

/* The folders of a path that are not there, as Keras makes them. */
static lam_status make_folders(const saver *s, char *path) {
  char reason[128];
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    int failed = mkdir(path, 0777) && errno != EEXIST ? errno : 0;
    if (failed)
      return lam_fail(s->hook.object.context, LAM_IO, "model_checkpoint: cannot make the folder %s: %s", path,
                      strerror_r(failed, reason, sizeof reason));
    *slash = '/';
  }
  return LAM_OK;
}

static lam_status tell_saver(lam_hook *hook, const lam_progress *progress, bool *stop) {
  saver *s = (saver *)hook;
  char path[PATH_MAX];
  (void)stop;
  if (progress->event == LAM_EPOCH_END) hook->followed++;
  if (progress->event != (s->every ? LAM_STEP_END : LAM_EPOCH_END)) return LAM_OK;
  if (s->every && ++s->batches < s->every) return LAM_OK;
  s->batches = 0;
  if (s->best_only && !is_best(s, progress)) return LAM_OK;
  lam_status status = make_path(s, progress, s->validates, path);
  if (!status) status = make_folders(s, path);
  if (status) return status;
  return s->weights_only ? lam_model_save(progress->trainer->model, path) : lam_trainer_save(progress->trainer, path);
}

static void recall_saver(lam_hook *hook, const lam_progress *progress) {
  saver *s = (saver *)hook;
  if (s->best_only && !s->every) (void)is_best(s, progress);
}

lam_hook *lam_model_checkpoint(lam_context *context, const char *path, const lam_model_checkpoint_options *options) {
  static const lam_model_checkpoint_options defaults = { 0 };
  static const lam_hook_type type = { .name = "model_checkpoint",
                                      .late = true,
                                      .check = check_saver,
                                      .begin = begin_saver,
                                      .tell = tell_saver,
                                      .recall = recall_saver };
  if (!context || context->unusable) return NULL;
  if (!options) options = &defaults;
  if (!path || !*path) return (void)lam_fail(context, LAM_NO_HANDLE, "model_checkpoint: there is no path"), NULL;
  if (!isfinite(options->initial_value_threshold) || !lam_all_zero(options->reserved, sizeof options->reserved))
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT,
                          "model_checkpoint: initial_value_threshold must be finite, and the reserved fields zero"),
           NULL;
  /* What is not looked at need not be there: every fit has a loss. */
  lam_monitor monitor = { .name = (char *)(options->save_best_only ? options->monitor : "loss"), .mode = options->mode };
  saver *s = lam_hook_create(context, sizeof *s, &type, &monitor, release_saver);
  if (!s) return NULL;
  s->path = lam_copy_string(context, path);
  s->best_only = options->save_best_only;
  s->weights_only = options->save_weights_only;
  s->every = options->save_freq;
  s->has_threshold = options->initial_value_threshold != 0.0;
  s->threshold = options->initial_value_threshold == (double)LAM_ZERO ? 0.0 : options->initial_value_threshold;
  if (s->path) return &s->hook;
  lam_object_destroy(s);
  return NULL;
}
