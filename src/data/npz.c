/* SPDX-License-Identifier: MIT
 *
 * Reading .npz: a zip archive of .npy files. What its central directory says is checked against the bytes there are.
 * Format: PKWARE, "APPNOTE.TXT: .ZIP File Format Specification", sections 4.3.7, 4.3.12, 4.3.16.
 */
#include "data/npy.h"
#include "data/source.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LOCAL_SIZE = 30, ENTRY_SIZE = 46, END_SIZE = 22, STORED = 0, DEFLATED = 8, ENCRYPTED = 1 };

typedef struct archive {
  lam_context *context;
  const char *name; // for sentences
  const unsigned char *bytes;
  size_t size;
  size_t directory, entries; // where the central directory begins, and how many entries it has
} archive;

typedef struct member {
  const unsigned char *bytes; // NULL: there is none
  size_t compressed, size;
  unsigned method;
  uint32_t crc;
  char name[64];
} member;

static unsigned half(const unsigned char *bytes) { return bytes[0] | (unsigned)bytes[1] << 8; }
static uint32_t word(const unsigned char *bytes) { return half(bytes) | (uint32_t)half(bytes + 2) << 16; }

static lam_status malformed(const archive *a, const char *what) {
  return lam_fail(a->context, LAM_FORMAT, "\"%s\" is no whole .npz archive: %s", a->name, what);
}

/* The end record is the last that fits: the comment behind it must reach to the end of the file. */
static lam_status find_directory(archive *a) {
  static const unsigned char signature[4] = { 'P', 'K', 5, 6 };
  for (size_t back = END_SIZE; back <= a->size && back <= END_SIZE + 65535; ++back) {
    const unsigned char *end = a->bytes + a->size - back;
    if (memcmp(end, signature, sizeof signature) != 0 || half(end + 20) != back - END_SIZE) continue;
    a->entries = half(end + 10);
    a->directory = word(end + 16);
    if (a->directory > a->size - back || word(end + 12) > a->size - back - a->directory)
      return malformed(a, "its directory lies outside; archives above 4 GiB are not read");
    return LAM_OK;
  }
  return malformed(a, "it has no directory at its end");
}

/* The member of the directory's entry at `at`. */
static lam_status take_entry(const archive *a, const unsigned char *at, member *found) {
  size_t offset = word(at + 42);
  found->method = half(at + 10);
  found->crc = word(at + 16);
  found->compressed = word(at + 20);
  found->size = word(at + 24);
  if (half(at + 8) & ENCRYPTED) return malformed(a, "a member is encrypted");
  if (found->method != STORED && found->method != DEFLATED) return malformed(a, "a member is neither stored nor deflated");
  if (offset > a->size || a->size - offset < LOCAL_SIZE || word(a->bytes + offset) != 0x04034b50)
    return malformed(a, "a member is not where the directory says");
  size_t begin = offset + LOCAL_SIZE + half(a->bytes + offset + 26) + half(a->bytes + offset + 28);
  if (begin > a->size || found->compressed > a->size - begin) return malformed(a, "a member is cut short");
  if (found->method == STORED && found->size != found->compressed) return malformed(a, "the sizes of a stored member differ");
  found->bytes = a->bytes + begin;
  return LAM_OK;
}

/* Looks for NAME.npy, capitals being like small letters; found->bytes is NULL where there is none. */
static lam_status find_member(const archive *a, const char *name, member *found) {
  *found = (member){ 0 };
  snprintf(found->name, sizeof found->name, "%s.npy", name);
  size_t at = a->directory, length = strlen(found->name);
  for (size_t i = 0; i < a->entries; ++i) {
    if (a->size - at < ENTRY_SIZE || word(a->bytes + at) != 0x02014b50) return malformed(a, "its directory is garbled");
    const unsigned char *entry = a->bytes + at;
    size_t name_size = half(entry + 28), all = ENTRY_SIZE + name_size + half(entry + 30) + half(entry + 32);
    if (a->size - at < all) return malformed(a, "its directory is cut short");
    at += all;
    if (name_size != length || strncasecmp((const char *)entry + ENTRY_SIZE, found->name, length) != 0) continue;
    if (found->bytes) return malformed(a, "it has two members of one name");
    lam_status status = take_entry(a, entry, found);
    if (status) return status;
  }
  return LAM_OK;
}

static lam_status parse_member(const archive *a, const member *m, lam_array *array, lam_block *memory) {
  char name[320];
  snprintf(name, sizeof name, "%s: %s", a->name, m->name);
  if (m->method == STORED) {
    lam_status status = lam_crc_check(a->context, name, m->bytes, m->size, m->crc);
    return status ? status : lam_npy_parse(a->context, name, m->bytes, m->size, array, memory);
  }
  lam_block plain;
  lam_status status = lam_inflate(a->context, name, m->bytes, m->compressed, m->size, &plain);
  if (status) return status;
  status = lam_crc_check(a->context, name, plain.memory, plain.size, m->crc);
  if (!status) status = lam_npy_parse(a->context, name, plain.memory, plain.size, array, memory);
  lam_release(a->context, plain.memory, plain.size);
  return status;
}

/* The first pair of names whose inputs are there. */
static lam_status find_pair(const archive *a, const char *const names[][2], size_t count, member pair[2]) {
  lam_status status = LAM_OK;
  pair[0] = pair[1] = (member){ 0 };
  for (size_t i = 0; i < count && !status && !pair[0].bytes; ++i) {
    status = find_member(a, names[i][0], &pair[0]);
    if (!status && pair[0].bytes) status = find_member(a, names[i][1], &pair[1]);
  }
  return status;
}

/* *divide: the part's own arrays are not there, and the whole's are to be divided. */
static lam_status find_part(const archive *a, const char *part, member pair[2], bool *divide) {
  static const char *const train[][2] = { { "x_train", "y_train" } }, *const test[][2] = { { "x_test", "y_test" } };
  static const char *const whole[][2] = { { "x", "y" }, { "arr_0", "arr_1" } };
  bool wants_test = part && strcmp(part, "test") == 0;
  lam_status status = LAM_OK;
  pair[0].bytes = NULL;
  *divide = false;
  if (part) status = find_pair(a, wants_test ? test : train, 1, pair);
  if (!status && !pair[0].bytes) {
    status = find_pair(a, whole, 2, pair);
    *divide = part != NULL;
  }
  if (!status && !pair[0].bytes && !part) status = find_pair(a, train, 1, pair);
  if (status || pair[0].bytes) return status;
  return lam_fail(a->context, LAM_FORMAT, "\"%s\" holds neither x.npy nor arr_0.npy nor x_%s.npy", a->name,
                  wants_test ? "test" : "train");
}

static lam_dataset *read_arrays(const archive *a, const member pair[2]) {
  lam_array arrays[2] = { 0 };
  lam_block memory[2] = { { 0 } };
  lam_status status = parse_member(a, &pair[0], &arrays[0], &memory[0]);
  if (!status && pair[1].bytes) status = parse_member(a, &pair[1], &arrays[1], &memory[1]);
  if (!status) return lam_npy_dataset(a->context, arrays, memory, pair[1].bytes != NULL, pair[0].name, pair[1].name);
  lam_release(a->context, memory[0].memory, memory[0].size);
  return NULL;
}

lam_dataset *lam_dataset_open_npz(lam_context *context, const char *path, const char *part) {
  if (!context || context->unusable) return NULL;
  if (!path) return lam_fail(context, LAM_NO_HANDLE, "lam_dataset_open_npz needs a path"), NULL;
  if (part && strcmp(part, "train") != 0 && strcmp(part, "test") != 0)
    return lam_fail(context, LAM_UNKNOWN_NAME, "the part \"%.40s\" is neither \"train\" nor \"test\"", part), NULL;
  lam_block file;
  char name[256];
  if (lam_source_read_file(context, path, &file)) return NULL;
  archive a = { context, lam_path_text(name, sizeof name, path), file.memory, file.size, 0, 0 };
  member pair[2];
  bool divide = false;
  lam_status status = find_directory(&a);
  if (!status) status = find_part(&a, part, pair, &divide);
  lam_dataset *dataset = status ? NULL : read_arrays(&a, pair);
  lam_release(context, file.memory, file.size);
  if (!dataset || !divide || lam_dataset_divide(dataset, strcmp(part, "test") == 0) == LAM_OK) return dataset;
  lam_dataset_destroy(dataset);
  return NULL;
}
