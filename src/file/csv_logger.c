/* SPDX-License-Identifier: MIT
 *
 * The callback that writes a table of epochs.
 */
#include "train/callback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct logger {
  lam_hook hook;
  char *path;
  char separator;
  bool append;
  int descriptor;  /* -1: closed */
  size_t *columns; /* of the values, sorted by name */
  size_t column_count;
  char *line;
  size_t line_size;
} logger;

enum { MOST_DIGITS = 32 };

static void release_table(logger *l) {
  lam_context *context = l->hook.object.context;
  lam_release(context, l->columns, l->column_count * sizeof *l->columns);
  lam_release(context, l->line, l->line_size);
  l->columns = NULL;
  l->line = NULL;
  if (l->descriptor >= 0) (void)close(l->descriptor);
  l->descriptor = -1;
}

static void release_logger(lam_object *object) {
  logger *l = (logger *)object;
  release_table(l);
  lam_release_string(object->context, l->path);
  lam_hook_release(object);
}

static lam_status failed(const logger *l, int error) {
  char reason[128];
  return lam_fail(l->hook.object.context, LAM_IO, "cannot write %s: %s", l->path, strerror_r(error, reason, sizeof reason));
}

/* In one piece wherever the system takes it so. */
static lam_status write_line(const logger *l, const char *line, size_t size) {
  while (size > 0) {
    ssize_t wrote = write(l->descriptor, line, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failed(l, wrote < 0 ? errno : ENOSPC);
    line += wrote;
    size -= (size_t)wrote;
  }
  return LAM_OK;
}

/* ---- the first line ----------------------------------------------------------------------------------------------- */

static lam_status sort_columns(logger *l, const lam_training *training) {
  lam_context *context = l->hook.object.context;
  const lam_trainer *trainer = training->trainer;
  size_t count = lam_value_count(trainer, training->validates);
  char a[LAM_VALUE_NAME], b[LAM_VALUE_NAME];
  l->column_count = count;
  l->line_size = (count + 1) * (LAM_VALUE_NAME + MOST_DIGITS);
  l->columns = lam_allocate_array(context, count, sizeof *l->columns);
  l->line = lam_allocate(context, l->line_size);
  if (!l->columns || !l->line) return LAM_OUT_OF_MEMORY;
  for (size_t i = 0; i < count; i++) {
    size_t place = i;
    for (; place > 0 && strcmp(lam_value_name(trainer, l->columns[place - 1], a), lam_value_name(trainer, i, b)) > 0; place--)
      l->columns[place] = l->columns[place - 1];
    l->columns[place] = i;
  }
  return LAM_OK;
}

static lam_status write_names(const logger *l, const lam_trainer *trainer) {
  char name[LAM_VALUE_NAME];
  size_t used = (size_t)snprintf(l->line, l->line_size, "epoch");
  for (size_t i = 0; i < l->column_count; i++)
    used +=
        (size_t)snprintf(l->line + used, l->line_size - used, "%c%s", l->separator, lam_value_name(trainer, l->columns[i], name));
  l->line[used++] = '\n';
  return write_line(l, l->line, used);
}

/* Opens the file, and leaves what is in it alone: others may still refuse the fit. */
static lam_status check_logger(lam_hook *hook, const lam_training *training) {
  logger *l = (logger *)hook;
  struct stat file;
  release_table(l);
  lam_status status = sort_columns(l, training);
  if (status) return status;
  /* O_NONBLOCK: a pipe is refused and not waited for. */
  l->descriptor = open(l->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
  if (l->descriptor < 0 || fstat(l->descriptor, &file)) return failed(l, errno);
  if (S_ISREG(file.st_mode)) return LAM_OK;
  return lam_fail(l->hook.object.context, LAM_IO, "cannot write %s: not a regular file", l->path);
}

/* Whether there are lines already; the last one is ended where a program was killed in the middle of it. */
static lam_status look(const logger *l, bool *begun) {
  struct stat file;
  char last = '\n';
  if (fstat(l->descriptor, &file)) return failed(l, errno);
  *begun = file.st_size > 0;
  if (*begun && pread(l->descriptor, &last, 1, file.st_size - 1) != 1) return failed(l, errno);
  return last == '\n' ? LAM_OK : write_line(l, "\n", 1);
}

static lam_status begin_logger(lam_hook *hook, const lam_training *training) {
  const logger *l = (const logger *)hook;
  bool begun = false;
  lam_status status = l->append ? look(l, &begun) : LAM_OK;
  if (!status && !l->append && ftruncate(l->descriptor, 0)) status = failed(l, errno);
  return status || begun ? status : write_names(l, training->trainer);
}

/* ---- the others --------------------------------------------------------------------------------------------------- */

static lam_status tell_logger(lam_hook *hook, const lam_progress *progress, bool *stop) {
  const logger *l = (const logger *)hook;
  (void)stop;
  if (progress->event != LAM_EPOCH_END) return LAM_OK;
  size_t used = (size_t)snprintf(l->line, l->line_size, "%zu", progress->epoch);
  for (size_t i = 0; i < l->column_count; i++) {
    char number[32];
    double value;
    bool known = lam_value_get(progress->trainer, l->columns[i], progress, &value);
    used += (size_t)snprintf(l->line + used, l->line_size - used, "%c%s", l->separator,
                             known ? lam_format_double(number, value) : "NA");
  }
  l->line[used++] = '\n';
  return write_line(l, l->line, used);
}

static lam_status end_logger(lam_hook *hook, lam_trainer *trainer) {
  logger *l = (logger *)hook;
  (void)trainer;
  int closed = close(l->descriptor);
  l->descriptor = -1;
  return closed ? failed(l, errno) : LAM_OK;
}

lam_hook *lam_csv_logger(lam_context *context, const char *path, const lam_csv_logger_options *options) {
  static const lam_csv_logger_options defaults = { 0 };
  static const lam_hook_type type = {
    .name = "csv_logger", .check = check_logger, .begin = begin_logger, .tell = tell_logger, .end = end_logger
  };
  if (!context || context->unusable) return NULL;
  if (!options) options = &defaults;
  if (!path || !*path) return (void)lam_fail(context, LAM_NO_HANDLE, "csv_logger: there is no path"), NULL;
  if (!lam_all_zero(options->reserved, sizeof options->reserved))
    return (void)lam_fail(context, LAM_INVALID_ARGUMENT, "reserved fields of lam_csv_logger_options must be zero"), NULL;
  logger *l = lam_hook_create(context, sizeof *l, &type, NULL, release_logger);
  if (!l) return NULL;
  l->descriptor = -1;
  l->path = lam_copy_string(context, path);
  l->separator = options->separator ? options->separator : ',';
  l->append = options->append;
  if (l->path) return &l->hook;
  lam_object_destroy(l);
  return NULL;
}
