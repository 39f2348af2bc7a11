/* SPDX-License-Identifier: MIT
 *
 * Which BLAS libraries are installed: patterns of file names, looked up in the system's folders, in Python's and in
 * LAMINA_GEMM_PATH. Nothing is loaded.
 */
#include "blas/gemm.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(__aarch64__)
#define MULTIARCH "/usr/lib/aarch64-linux-gnu"
#else
#define MULTIARCH "/usr/lib/x86_64-linux-gnu"
#endif

typedef struct pattern {
  const char *name, *provider, *path; /* path: for glob, below a folder */
} pattern;

/* In a folder of libraries. Debian's side-by-side folders first: the plain names are links to one of them. */
static const pattern libraries[] = {
  { "openblas-pthread", "openblas", "openblas-pthread/libopenblas.so.*" },
  { "openblas-openmp", "openblas", "openblas-openmp/libopenblas.so.*" },
  { "openblas-serial", "openblas", "openblas-serial/libopenblas.so.*" },
  { "openblas64-pthread", "openblas", "openblas64-pthread/libopenblas64.so.*" },
  { "openblas64-openmp", "openblas", "openblas64-openmp/libopenblas64.so.*" },
  { "openblas64-serial", "openblas", "openblas64-serial/libopenblas64.so.*" },
  { "openblas", "openblas", "libopenblas.so.*" },
  { "openblas-pthread", "openblas", "libopenblasp.so.*" },
  { "openblas-openmp", "openblas", "libopenblaso.so.*" },
  { "blis-openmp", "blis", "blis-openmp/libblis.so.*" },
  { "blis-pthread", "blis", "blis-pthread/libblis.so.*" },
  { "blis-serial", "blis", "blis-serial/libblis.so.*" },
  { "blis64-openmp", "blis", "blis64-openmp/libblis64.so.*" },
  { "blis", "blis", "libblis.so.*" },
  { "mkl", "mkl", "libmkl_rt.so*" },
  { "atlas", "atlas", "atlas/libblas.so.*" },
  { "atlas", "atlas", "atlas/libsatlas.so.*" },
  { "reference", "reference", "blas/libblas.so.*" },
  { "onednn", "onednn", "libdnnl.so.*" },
  { NULL, NULL, NULL },
};

/* Below the prefix of a Python, and below its folder of packages. */
static const pattern packages[] = {
  { "mkl", "mkl", "lib/libmkl_rt.so*" },
  { "onednn", "onednn", "lib/libdnnl.so*" },
  { "scipy-openblas32", "openblas", "lib/python3*/*-packages/scipy_openblas32/lib/libscipy_openblas*.so" },
  { "scipy-openblas64", "openblas", "lib/python3*/*-packages/scipy_openblas64/lib/libscipy_openblas*.so" },
  { "numpy-openblas", "openblas", "lib/python3*/*-packages/numpy.libs/libscipy_openblas*.so" },
  { NULL, NULL, NULL },
};

typedef struct finding {
  lam_gemm_candidate *candidates;
  size_t count, capacity;
} finding;

static bool has_name(const finding *f, const char *name) {
  for (size_t i = 0; i < f->count; ++i) {
    if (strcmp(f->candidates[i].name, name) == 0) return true;
  }
  return false;
}

/* One entry a file, whatever the links to it; a name that is taken gets a number. */
static void add(finding *f, const char *name, const char *provider, const char *path) {
  lam_gemm_candidate *candidate = &f->candidates[f->count];
  char real[PATH_MAX], other[PATH_MAX];
  struct stat status;
  if (f->count == f->capacity || strlen(path) >= sizeof candidate->path) return;
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || !realpath(path, real)) return;
  for (size_t i = 0; i < f->count; ++i) {
    if (realpath(f->candidates[i].path, other) && strcmp(real, other) == 0) return;
  }
  char unique[sizeof candidate->name];
  snprintf(unique, sizeof unique, "%s", name);
  for (unsigned i = 2; has_name(f, unique); ++i) snprintf(unique, sizeof unique, "%.32s-%u", name, i);
  snprintf(candidate->name, sizeof candidate->name, "%s", unique);
  snprintf(candidate->provider, sizeof candidate->provider, "%s", provider);
  snprintf(candidate->path, sizeof candidate->path, "%s", path);
  ++f->count;
}

static void look(finding *f, const char *folder, const pattern *patterns) {
  char path[PATH_MAX];
  for (; patterns->name; ++patterns) {
    if (snprintf(path, sizeof path, "%s/%s", folder, patterns->path) >= (int)sizeof path) return;
    glob_t found;
    if (glob(path, 0, NULL, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc; ++i) add(f, patterns->name, patterns->provider, found.gl_pathv[i]);
    }
    globfree(&found);
  }
}

/* "/opt/lib/libfast.so.2" is "fast". */
static void add_file(finding *f, const char *path) {
  const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  if (strncmp(file, "lib", 3) == 0) file += 3;
  const char *end = strstr(file, ".so");
  char name[40];
  snprintf(name, sizeof name, "%.*s", (int)(end ? (size_t)(end - file) : strlen(file)), file);
  add(f, name, "", path);
}

/* The files and folders of LAMINA_GEMM_PATH, which the caller chose, come first. */
static void look_where_told(finding *f) {
  const char *text = secure_getenv("LAMINA_GEMM_PATH");
  while (text && *text) {
    const size_t length = strcspn(text, ":");
    char item[PATH_MAX];
    struct stat status;
    if (length > 0 && length < sizeof item) {
      snprintf(item, sizeof item, "%.*s", (int)length, text);
      if (stat(item, &status) == 0 && S_ISDIR(status.st_mode))
        look(f, item, libraries);
      else
        add_file(f, item);
    }
    text += length + (text[length] == ':');
  }
}

size_t lam_gemm_candidates(lam_gemm_candidate *candidates, size_t capacity) {
  static const char *const folders[] = { MULTIARCH, "/usr/lib64", "/usr/lib", "/usr/local/lib",
                                         "/opt/intel/oneapi/mkl/latest/lib" };
  static const char *const variables[] = { "VIRTUAL_ENV", "CONDA_PREFIX" };
  finding f = { candidates, 0, candidates ? capacity : 0 };
  look_where_told(&f);
  for (size_t i = 0; i < sizeof folders / sizeof *folders; ++i) look(&f, folders[i], libraries);
  for (size_t i = 0; i < sizeof variables / sizeof *variables; ++i) {
    const char *prefix = secure_getenv(variables[i]);
    if (prefix && *prefix) look(&f, prefix, packages);
  }
  const char *home = secure_getenv("HOME");
  char local[PATH_MAX];
  if (home && *home && snprintf(local, sizeof local, "%s/.local", home) < (int)sizeof local) look(&f, local, packages);
  look(&f, "/usr/local", packages);
  look(&f, "/usr", packages);
  return f.count;
}
