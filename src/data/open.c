/* SPDX-License-Identifier: MIT
 *
 * Datasets from files: a pair of IDX files, a folder of such pairs, or a known name, which stands for a folder to be searched.
 */
#include "base/names.h"
#include "data/idx.h"
#include "data/source.h"
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGES "-images-idx3-ubyte"
#define LABELS "-labels-idx1-ubyte"

/* ---- two files --------------------------------------------------------------------------------------------------- */

static lam_status check_labels(lam_context *context, const char *path, const lam_array *images, const lam_array *labels) {
  char name[256], text[96];
  lam_path_text(name, sizeof name, path);
  if (labels->type == LAM_FLOAT32 || lam_array_width(labels) != 1)
    return lam_fail(context, LAM_FORMAT, "\"%s\" does not hold labels: one integer a row is needed, it has %s of shape %s", name,
                    labels->type == LAM_FLOAT32 ? "floats" : "integers", lam_shape_text(text, labels->shape));
  if (labels->rows != images->rows)
    return lam_fail(context, LAM_FORMAT, "\"%s\" has %zu labels, but there are %zu images", name, labels->rows, images->rows);
  return LAM_OK;
}

lam_dataset *lam_dataset_open_idx(lam_context *context, const char *images, const char *labels) {
  if (!context || context->unusable) return NULL;
  if (!images) return lam_fail(context, LAM_NO_HANDLE, "lam_dataset_open_idx needs the path of the images"), NULL;
  lam_array arrays[2] = { 0 };
  lam_block files[2] = { 0 };
  size_t labels_count = labels ? 1 : 0;
  lam_dataset *dataset = NULL;
  lam_status status = lam_idx_read(context, images, &arrays[0], &files[0]);
  if (status == LAM_OK && labels) status = lam_idx_read(context, labels, &arrays[1], &files[1]);
  if (status == LAM_OK && labels) status = check_labels(context, labels, &arrays[0], &arrays[1]);
  if (status == LAM_OK) dataset = lam_dataset_over(context, &arrays[0], 1, &arrays[1], labels_count, 0, arrays[0].rows);
  for (size_t i = 0; i < 2; ++i) {
    if (dataset)
      dataset->files[i] = files[i];
    else
      lam_release(context, files[i].memory, files[i].size);
  }
  return dataset;
}

/* ---- a folder ---------------------------------------------------------------------------------------------------- */

typedef enum part { WHOLE, TRAIN, TEST } part;

/* The pair of files that a part of a folder is read from. */
typedef struct pair {
  char images[PATH_MAX], labels[PATH_MAX];
  char prefix[64]; // what both names begin with: "train"
  bool divided;    // the part is a share of the pair's rows, there being no files for each
} pair;

static bool ends_with(const char *text, size_t length, const char *end) {
  size_t size = strlen(end);
  return length > size && memcmp(text + length - size, end, size) == 0;
}

/* The letters before "-images-idx3-ubyte" or "-images-idx3-ubyte.gz"; 0 for other names. */
static size_t prefix_length(const char *name) {
  size_t length = strlen(name);
  if (ends_with(name, length, ".gz")) length -= 3;
  return ends_with(name, length, IMAGES) ? length - strlen(IMAGES) : 0;
}

/* The prefix of the folder's images where all have the same one; otherwise an empty one. */
static void only_prefix(const char *folder, char prefix[64]) {
  prefix[0] = 0;
  DIR *stream = opendir(folder);
  if (!stream) return;
  bool one = true;
  for (struct dirent *entry; one && (entry = readdir(stream));) {
    size_t length = prefix_length(entry->d_name);
    if (length == 0 || length >= 64) continue;
    one = prefix[0] == 0 || (strncmp(prefix, entry->d_name, length) == 0 && prefix[length] == 0);
    memcpy(prefix, entry->d_name, length);
    prefix[length] = 0;
  }
  if (!one) prefix[0] = 0;
  closedir(stream);
}

/* The path of a file or, where it is not there, of its .gz; false where neither is. */
static bool find_file(char path[PATH_MAX], const char *folder, const char *prefix, const char *rest) {
  int length = snprintf(path, PATH_MAX, "%s/%s%s", folder, prefix, rest);
  if (length < 0 || length >= PATH_MAX - 3) return false;
  if (access(path, F_OK) == 0) return true;
  memcpy(path + length, ".gz", 4);
  return access(path, F_OK) == 0;
}

/* Whether the folder has the files of a part; `found->prefix` is filled in any case. */
static bool find_pair(const char *folder, part which, pair *found) {
  char only[64];
  only_prefix(folder, only);
  bool split = strcmp(only, "train") == 0 || strcmp(only, "t10k") == 0;
  found->divided = which != WHOLE && only[0] && !split;
  bool use_only = only[0] && (which == WHOLE || found->divided);
  strcpy(found->prefix, use_only ? only : which == TEST ? "t10k" : "train");
  bool images = find_file(found->images, folder, found->prefix, IMAGES);
  return find_file(found->labels, folder, found->prefix, LABELS) && images;
}

static bool is_folder(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* ---- known names ------------------------------------------------------------------------------------------------- */

/* Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset", 2017, table 1. */
static const char *const fashion_names[] = { "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                             "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot" };

#define MNIST_FILES "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"

/* What is known by name: files, how to get them, the scale of their pixels where that is not 1/255, the classes' names. */
static const struct known {
  const char *files, *how;
  float scale;
  const char *const *class_names;
} sets[] = {
  { MNIST_FILES, "apt install dataset-fashion-mnist", 0, fashion_names },
  { MNIST_FILES, "download them and put them into one of these folders", 0, NULL },
  { "digits-images-idx3-ubyte, digits-labels-idx1-ubyte", "they come with Lamina's source, in data/digits", 1.0f / 16, NULL },
  { "iris.csv", "it comes with Lamina's source, in data", 0, NULL },
};
static const char *const set_names[] = { "fashion-mnist", "mnist", "digits", "iris", NULL };

enum { MOST_FOLDERS = 5, IRIS = 3 };

/* Where a named set's folder may be, or a file in no folder of its own (name ""), in the order of the search; returns how many.
 */
static size_t list_folders(char folders[MOST_FOLDERS][PATH_MAX], const char *name) {
  const char *chosen = secure_getenv("LAMINA_DATA");
  const char *parents[MOST_FOLDERS] = { chosen, "./data", ".", LAM_DATA_DIR, "/usr/share/datasets" };
  size_t count = 0;
  for (size_t i = 0; i < MOST_FOLDERS; ++i) {
    if (!parents[i] || !parents[i][0]) continue;
    int length = snprintf(folders[count], PATH_MAX, "%s%s%s", parents[i], *name ? "/" : "", name);
    if (length > 0 && length < PATH_MAX) ++count;
  }
  return count;
}

/* The path of a set that is one table; false where it is not there. */
static bool find_table(const char *folder, pair *found) {
  int length = snprintf(found->images, PATH_MAX, "%s/%s", folder, sets[IRIS].files);
  return length > 0 && length < PATH_MAX && access(found->images, F_OK) == 0;
}

/* Finds the pair, or of a table its path, in found->images. */
static lam_status find_named(lam_context *context, int set, part which, pair *found) {
  enum { SHOWN = 56 };
  char folders[MOST_FOLDERS][PATH_MAX], text[MOST_FOLDERS * (SHOWN + 2)] = "";
  size_t count = list_folders(folders, set == IRIS ? "" : set_names[set]), used = 0;
  for (size_t i = 0; i < count; ++i) {
    char shown[SHOWN];
    if (set == IRIS ? find_table(folders[i], found) : find_pair(folders[i], which, found)) return LAM_OK;
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", lam_path_text(shown, sizeof shown, folders[i]));
  }
  return lam_fail(context, LAM_IO, "the data set \"%s\" is missing: %s%s in none of %s; to get %s: %s", set_names[set],
                  sets[set].files, set == IRIS ? " is" : " (plain or .gz) are", text, set == IRIS ? "it" : "them", sets[set].how);
}

static lam_status find_in_folder(lam_context *context, const char *folder, part which, pair *found) {
  char shown[160];
  lam_path_text(shown, sizeof shown, folder);
  if (!is_folder(folder) && !strchr(folder, '/')) {
    lam_name_unknown(context, "data set", folder, set_names);
    return lam_fail(context, LAM_UNKNOWN_NAME, "%s; a folder may be given too, or a .csv or .npz file",
                    lam_error_message(context));
  }
  if (access(folder, F_OK) != 0) return lam_fail(context, LAM_IO, "there is no folder \"%s\"", shown);
  if (!is_folder(folder)) return lam_fail(context, LAM_IO, "\"%s\" is not a folder", shown);
  if (find_pair(folder, which, found)) return LAM_OK;
  return lam_fail(context, LAM_IO, "the folder \"%s\" lacks %s" IMAGES " or %s" LABELS ", plain or .gz", shown, found->prefix,
                  found->prefix);
}

/* Cuts "/train" or "/test" and slashes off the end of a name. */
static part cut_part(char *name) {
  size_t length = strlen(name);
  part which = ends_with(name, length, "/train") ? TRAIN : ends_with(name, length, "/test") ? TEST : WHOLE;
  if (which != WHOLE) length = (size_t)(strrchr(name, '/') - name);
  while (length > 1 && name[length - 1] == '/') --length;
  name[length] = 0;
  return which;
}

/* The part of a dataset that has no files for its parts. */
static lam_dataset *divided(lam_dataset *dataset, part which) {
  if (!dataset || which == WHOLE || lam_dataset_divide(dataset, which == TEST) == LAM_OK) return dataset;
  lam_dataset_destroy(dataset);
  return NULL;
}

/* Copies of names that this file knows. */
static lam_dataset *with_names(lam_dataset *dataset, const char *const *names, size_t count) {
  size_t bytes = 0;
  char **copies = lam_copy_strings(dataset->object.context, names, count, &bytes);
  if (!copies) return lam_dataset_destroy(dataset), NULL;
  lam_dataset_own_names(dataset, (lam_block){ copies, bytes }, count);
  return dataset;
}

static lam_dataset *open_pair(lam_context *context, const pair *found, int set, part which) {
  lam_dataset *dataset = lam_dataset_open_idx(context, found->images, found->labels);
  if (!dataset) return NULL;
  int known = lam_name_find(set_names, found->prefix);
  if (known >= 0) dataset->inputs[0].scale = sets[known].scale;
  dataset = divided(dataset, found->divided ? which : WHOLE);
  if (!dataset || set < 0 || !sets[set].class_names) return dataset;
  return with_names(dataset, sets[set].class_names, sizeof fashion_names / sizeof *fashion_names);
}

lam_dataset *lam_dataset_open(lam_context *context, const char *name) {
  if (!context || context->unusable) return NULL;
  char folder[PATH_MAX];
  pair found;
  if (!name || strlen(name) >= sizeof folder) {
    lam_fail(context, name ? LAM_INVALID_ARGUMENT : LAM_NO_HANDLE, "lam_dataset_open needs a name or a folder%s",
             name ? " of less than 4096 bytes" : "");
    return NULL;
  }
  strcpy(folder, name);
  part which = cut_part(folder);
  size_t length = strlen(folder);
  if (!is_folder(folder)) {
    if (ends_with(folder, length, ".npz"))
      return lam_dataset_open_npz(context, folder, which == WHOLE ? NULL : which == TEST ? "test" : "train");
    if (ends_with(folder, length, ".csv") || ends_with(folder, length, ".csv.gz"))
      return divided(lam_dataset_open_csv(context, folder, NULL), which);
  }
  int set = lam_name_find(set_names, folder);
  lam_status status = set >= 0 ? find_named(context, set, which, &found) : find_in_folder(context, folder, which, &found);
  if (status) return NULL;
  if (set == IRIS) return divided(lam_dataset_open_csv(context, found.images, NULL), which);
  return open_pair(context, &found, set, which);
}
