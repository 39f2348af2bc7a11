/* SPDX-License-Identifier: MIT
 *
 * A folder of a suite's own, which goes with all that is in it.
 */
#ifndef LAM_TESTS_FOLDER_H
#define LAM_TESTS_FOLDER_H

#include "support.h"
#include <ftw.h>
#include <limits.h>
#include <unistd.h>

static char folder[512]; // the suite's own, made by make_folder

static inline int make_folder(void **state) {
  (void)state;
  const char *parent = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/lamina-test-XXXXXX", parent && *parent ? parent : "/tmp");
  return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status, (void)kind, (void)place;
  return remove(path);
}

static inline int remove_folder(void **state) {
  (void)state;
  return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name in the folder; until the fourth call after it. */
static inline const char *in_folder(const char *name) {
  static char paths[4][PATH_MAX];
  static unsigned next;
  char *path = paths[next++ % 4];
  assert_true(snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
  return path;
}

#endif
