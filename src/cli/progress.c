/* SPDX-License-Identifier: MIT
 *
 * Keras's progress line, to the character: bold counts, a bar of 20 cells, the time left and after the epoch the time taken, the
 * time of a step without the first one's, and the running means sorted by name.
 */
#include "cli/progress.h"
#include "base/clock.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define WHITE "\033[37m"
#define RESET "\033[0m"

enum { CELLS = 20, VALUES_SIZE = 2048, MOST_VALUES = 40 };
static const double redraw_seconds = 0.05;

progress progress_on(FILE *stream) { return (progress){ .stream = stream, .bar = stream && isatty(fileno(stream)) }; }

static void format_left(char *text, size_t size, double seconds) {
  long whole = (long)seconds;
  if (seconds > 3600)
    snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole % 3600 / 60, whole % 60);
  else if (seconds > 60)
    snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
  else
    snprintf(text, size, "%lds", whole);
}

static void format_step_time(char *text, size_t size, double seconds) {
  if (seconds >= 1 || seconds == 0)
    snprintf(text, size, "%.0fs/step", seconds);
  else if (seconds >= 1e-3)
    snprintf(text, size, "%.0fms/step", seconds * 1e3);
  else
    snprintf(text, size, "%.0fus/step", seconds * 1e6);
}

/* " - loss: 0.4312"; numbers up to 1e-3 in size in exponent form, in plain lines every negative one too. NaN: not there. */
static void add_value(char values[VALUES_SIZE], const char *name, double value, bool bar) {
  if (isnan(value)) return;
  size_t used = strlen(values);
  bool plain = (bar ? fabs(value) : value) > 1e-3;
  snprintf(values + used, VALUES_SIZE - used, plain ? " - %s: %.4f" : " - %s: %.4e", name, value);
}

/* All values, sorted by name: accuracy, loss and the metrics, and those of validation with their prefix. An accuracy that was
 * asked for stands once. */
typedef struct named_value {
  char name[64];
  double value;
} named_value;

static int by_name(const void *a, const void *b) {
  return strcmp(((const named_value *)a)->name, ((const named_value *)b)->name);
}

static void put_value(named_value *values, size_t *count, const char *prefix, const char *name, double value) {
  if (*count == MOST_VALUES) return;
  named_value *next = &values[*count];
  snprintf(next->name, sizeof next->name, "%s%.*s", prefix, (int)(sizeof next->name - sizeof "val_"), name);
  next->value = value;
  for (size_t i = 0; i < *count; i++)
    if (strcmp(values[i].name, next->name) == 0 && !isnan(values[i].value)) return;
  ++*count;
}

static void add_values(char text[VALUES_SIZE], const lam_progress *now, bool bar) {
  named_value values[MOST_VALUES];
  size_t count = 0;
  put_value(values, &count, "", "accuracy", now->mean.accuracy);
  put_value(values, &count, "", "loss", now->mean.loss);
  put_value(values, &count, "val_", "accuracy", now->mean.val_accuracy);
  put_value(values, &count, "val_", "loss", now->mean.val_loss);
  for (size_t i = 0; i < now->metric_count; i++) {
    const char *name = lam_metric_name(lam_trainer_metric(now->trainer, i));
    put_value(values, &count, "", name, now->metrics[i]);
    put_value(values, &count, "val_", name, now->val_metrics[i]);
  }
  qsort(values, count, sizeof *values, by_name);
  for (size_t i = 0; i < count; i++) add_value(text, values[i].name, values[i].value, bar);
}

/* The first step also prepares things and is left out, unless it is the only one. */
static double step_seconds(const progress *shown, const lam_progress *now, double time) {
  if (now->step > 1) return (time - shown->first_step_end) / (double)(now->step - 1);
  return now->step ? (time - shown->epoch_begin) / (double)now->step : 0;
}

static void put_cells(FILE *stream, size_t count) {
  while (count--) fputs("\u2501", stream);
}

static void draw(progress *shown, const lam_progress *now, double time, bool last) {
  FILE *stream = shown->stream;
  char span[32], step[32], count[48];
  double each = step_seconds(shown, now, time);
  if (last)
    snprintf(span, sizeof span, "%.0fs", time - shown->epoch_begin);
  else
    format_left(span, sizeof span, each * (double)(now->steps - now->step));
  format_step_time(step, sizeof step, each);
  int digits = snprintf(NULL, 0, "%zu", now->steps);
  int width = snprintf(count, sizeof count, "%*zu/%zu", digits, now->step, now->steps) + 1 + CELLS;
  char values[VALUES_SIZE] = "";
  add_values(values, now, true);

  for (int i = 0; i < shown->width; i++) fputc('\b', stream);
  fprintf(stream, "\r" BOLD "%s" RESET " ", count);
  size_t done = CELLS * now->step / now->steps;
  if (done) {
    fputs(GREEN, stream);
    put_cells(stream, done);
    fputs(RESET, stream);
  }
  fputs(WHITE, stream);
  put_cells(stream, CELLS - done);
  width += fprintf(stream, RESET " " BOLD "%s" RESET " %s%s", span, step, values) - (int)strlen(RESET BOLD RESET);
  if (shown->width > width) fprintf(stream, "%*s", shown->width - width, "");
  shown->width = width;
  shown->last_drawn = time;
  shown->open = !last;
  if (last) fputc('\n', stream);
}

static void print_plain(const progress *shown, const lam_progress *now, double time) {
  char step[32];
  char values[VALUES_SIZE] = "";
  format_step_time(step, sizeof step, step_seconds(shown, now, time));
  add_values(values, now, false);
  fprintf(shown->stream, "%zu/%zu - %.0fs - %s%s\n", now->step, now->steps, time - shown->epoch_begin, step, values);
}

static void begin_epoch(progress *shown, const lam_progress *now, double time) {
  if (now->epochs > 1) fprintf(shown->stream, "Epoch %zu/%zu\n", now->epoch + 1, now->epochs);
  shown->epoch_begin = shown->first_step_end = time;
  shown->last_drawn = 0;
  shown->width = 0;
}

void progress_update(progress *shown, const lam_progress *now) {
  if (!shown->stream) return;
  double time = lam_seconds();
  if (now->event == LAM_EPOCH_BEGIN) begin_epoch(shown, now, time);
  if (now->event == LAM_STEP_END && now->step == 1) shown->first_step_end = time;
  if (now->event == LAM_STEP_END && shown->bar && time - shown->last_drawn >= redraw_seconds) draw(shown, now, time, false);
  if (now->event == LAM_EPOCH_END && shown->bar) draw(shown, now, time, true);
  if (now->event == LAM_EPOCH_END && !shown->bar) print_plain(shown, now, time);
  if (now->event != LAM_STEP_END || shown->last_drawn == time) fflush(shown->stream);
}

void progress_end(progress *shown) {
  if (shown->stream && shown->open) fputc('\n', shown->stream);
  shown->open = false;
}
