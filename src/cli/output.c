/* SPDX-License-Identifier: MIT
 *
 * What the program itself writes: numbers of JSON, and files that are replaced as a whole or stay as they were.
 */
#include "cli/output.h"
#include "cli/message.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* Makes an empty file of a new name beside `path`; -1 with errno. */
static int open_beside(const char *path, char beside[PATH_SIZE]) {
  if (snprintf(beside, PATH_SIZE, "%s.XXXXXX", path) >= PATH_SIZE) return errno = ENAMETOOLONG, -1;
  return mkstemp(beside);
}

int check_writable(const char *option, const char *path) {
  struct stat entry;
  if (strcmp(path, "-") == 0) return EXIT_OK;
  if (stat(path, &entry) == 0) {
    if (S_ISDIR(entry.st_mode)) return failed("%s: \"%s\" is a folder; write the name of a file in it", option, path);
    if (access(path, W_OK) != 0) return failed("%s: \"%s\" cannot be written: %s", option, path, strerror(errno));
    if (!S_ISREG(entry.st_mode)) return EXIT_OK;
  }
  char beside[PATH_SIZE];
  int file = open_beside(path, beside);
  if (file < 0) return failed("%s: \"%s\" cannot be written: %s", option, path, strerror(errno));
  close(file);
  unlink(beside);
  return EXIT_OK;
}

int check_drawing(const char *option, const char *path) {
  if (!path) return EXIT_OK;
  if (strcmp(path, "-") == 0) return wrong_usage("%s takes the name of a file, not \"-\"", option);
  return check_writable(option, path);
}

void json_number(FILE *file, double value) {
  char text[32];
  fputs(isfinite(value) ? lam_format_double(text, value) : "null", file);
}

/* Devices and pipes are written to as they are. */
static int write_directly(const char *path, void (*write)(FILE *file, const void *user), const void *user) {
  FILE *file = fopen(path, "w");
  if (!file) return failed("\"%s\" cannot be written: %s", path, strerror(errno));
  write(file, user);
  bool bad = ferror(file) != 0;
  if (fclose(file) != 0 || bad) return failed("\"%s\" could not be written: %s", path, strerror(errno));
  return EXIT_OK;
}

static bool fill(int descriptor, mode_t mode, void (*write)(FILE *file, const void *user), const void *user) {
  FILE *file = fdopen(descriptor, "w");
  if (!file) return close(descriptor), false;
  write(file, user);
  bool good = fflush(file) == 0 && !ferror(file) && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0;
  return fclose(file) == 0 && good;
}

int write_file(const char *path, void (*write)(FILE *file, const void *user), const void *user) {
  if (strcmp(path, "-") == 0) return write(stdout, user), EXIT_OK;
  struct stat entry;
  bool exists = stat(path, &entry) == 0;
  if (exists && !S_ISREG(entry.st_mode)) return write_directly(path, write, user);
  mode_t mask = umask(0);
  umask(mask);
  char beside[PATH_SIZE];
  int file = open_beside(path, beside);
  if (file < 0) return failed("\"%s\" cannot be written: %s", path, strerror(errno));
  if (fill(file, exists ? entry.st_mode & 07777 : 0666 & ~mask, write, user) && rename(beside, path) == 0) return EXIT_OK;
  int reason = errno;
  unlink(beside);
  return failed("\"%s\" could not be written: %s; what was there stays", path, strerror(reason));
}

void json_text(FILE *file, const char *before, const char *text) {
  fprintf(file, "%s\"", before);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c < 0x20)
      fprintf(file, "\\u%04x", c);
    else
      fprintf(file, c == '"' || c == '\\' ? "\\%c" : "%c", c);
  }
  fputc('"', file);
}

void json_field(FILE *file, const char *before, const char *name, double value) {
  fprintf(file, "%s\"%s\":", before, name);
  json_number(file, value);
}

/* Kept in a list, so that it is not lost from sight. */
void *program_memory(size_t count, size_t size) {
  typedef struct block {
    struct block *next;
    _Alignas(16) unsigned char bytes[];
  } block;
  static block *blocks;
  block *memory = size && count <= (SIZE_MAX - sizeof *memory) / size ? calloc(1, sizeof *memory + count * size) : NULL;
  if (!memory) exit(failed("out of memory"));
  memory->next = blocks;
  blocks = memory;
  return memory->bytes;
}
