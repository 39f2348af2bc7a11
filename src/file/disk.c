/* SPDX-License-Identifier: MIT
 *
 * Saving so that nothing is lost: a reader, or the next start after a crash, finds the old file or the new one, whole.
 */
#include "file/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A save on its way. */
typedef struct saving {
  lam_context *context;
  const char *path;       /* as the caller said it, for sentences */
  char target[PATH_MAX];  /* where it goes: `path` with symbolic links followed, so that they stay */
  char temporary[48];     /* the new file's name in the folder, "" while there is none */
  int folder, descriptor; /* -1 while closed */
  int error;              /* of the first write that failed */
} saving;

static lam_status failed(const saving *s, int error) {
  char reason[128];
  return lam_fail(s->context, LAM_IO, "cannot write %s: %s", s->path, strerror_r(error, reason, sizeof reason));
}

static int write_bytes(void *user, const void *bytes, size_t size) {
  saving *s = user;
  const char *next = bytes;
  while (size > 0) {
    ssize_t wrote = write(s->descriptor, next, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return s->error = wrote < 0 ? errno : ENOSPC, -1;
    next += wrote;
    size -= (size_t)wrote;
  }
  return 0;
}

/* Looks at what stands at the path: nothing, or a regular file that may be written; its mode in *mode, 0 for nothing. */
static lam_status look(saving *s, mode_t *mode) {
  struct stat old;
  *mode = 0;
  if (!realpath(s->path, s->target)) {
    if (errno != ENOENT) return failed(s, errno);
    if (lstat(s->path, &old) == 0) return failed(s, ENOENT); // a link to nothing
    if (strlen(s->path) >= sizeof s->target) return failed(s, ENAMETOOLONG);
    strcpy(s->target, s->path);
    return LAM_OK;
  }
  if (stat(s->target, &old)) return failed(s, errno);
  if (!S_ISREG(old.st_mode)) return lam_fail(s->context, LAM_IO, "cannot write %s: not a regular file", s->path);
  // Renaming would ask the folder's permission alone; a file that was made read-only is to stay.
  if (faccessat(AT_FDCWD, s->target, W_OK, AT_EACCESS)) return failed(s, errno);
  *mode = old.st_mode & 07777;
  return LAM_OK;
}

/* Opens the folder; the target's own name within it is returned in *name. */
static lam_status open_folder(saving *s, const char **name) {
  char *slash = strrchr(s->target, '/');
  *name = slash ? slash + 1 : s->target;
  if (!**name) return failed(s, slash ? EISDIR : ENOENT);
  char first = slash ? s->target[1] : 0;
  if (slash == s->target)
    s->target[1] = 0; // the root folder
  else if (slash)
    *slash = 0;
  s->folder = open(slash ? s->target : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = errno;
  if (slash == s->target)
    s->target[1] = first;
  else if (slash)
    *slash = '/';
  return s->folder < 0 ? failed(s, error) : LAM_OK;
}

static lam_status create_temporary(saving *s, mode_t mode) {
  char name[sizeof s->temporary];
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    snprintf(name, sizeof name, ".lamina-%ld-%u.tmp", (long)getpid(), attempt);
    s->descriptor = openat(s->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (s->descriptor < 0 && errno == EEXIST) continue;
    if (s->descriptor < 0) return failed(s, errno);
    strcpy(s->temporary, name);
    return mode && fchmod(s->descriptor, mode) ? failed(s, errno) : LAM_OK;
  }
  return failed(s, EEXIST);
}

static int force(int descriptor) {
  int result;
  do result = fsync(descriptor);
  while (result && errno == EINTR);
  return result;
}

static lam_status fill(saving *s, lam_produce produce, const void *object) {
  lam_status status = produce(object, write_bytes, s);
  if (s->error) return failed(s, s->error);
  if (status) return status;
  if (force(s->descriptor)) return failed(s, errno);
  int closed = close(s->descriptor);
  s->descriptor = -1;
  return closed ? failed(s, errno) : LAM_OK;
}

static lam_status move_into_place(saving *s, const char *name) {
  if (renameat(s->folder, s->temporary, s->folder, name)) return failed(s, errno);
  s->temporary[0] = 0;
  // Some file systems cannot force folders and say EINVAL; they order renames by themselves.
  return force(s->folder) && errno != EINVAL ? failed(s, errno) : LAM_OK;
}

lam_status lam_disk_save(lam_context *context, const char *path, lam_produce produce, const void *object) {
  saving s = { .context = context, .path = path, .folder = -1, .descriptor = -1 };
  mode_t mode;
  const char *name;
  lam_status status = look(&s, &mode);
  if (!status) status = open_folder(&s, &name);
  if (!status) status = create_temporary(&s, mode);
  if (!status) status = fill(&s, produce, object);
  if (!status) status = move_into_place(&s, name);
  if (s.descriptor >= 0) close(s.descriptor);
  if (s.temporary[0]) unlinkat(s.folder, s.temporary, 0);
  if (s.folder >= 0) close(s.folder);
  return status;
}
