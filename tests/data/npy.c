/* SPDX-License-Identifier: MIT
 *
 * NumPy's .npy and .npz: every type is read, and each way of being wrong gets a status and a sentence that names the file.
 */
#include "files.h"
#include <math.h>

static void add(bytes *b, const void *data, size_t size) {
  assert_true(b->size + size <= sizeof b->data);
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

static void add_half(bytes *b, unsigned number) { add(b, (unsigned char[]){ number & 255, number >> 8 & 255 }, 2); }

static void add_little(bytes *b, uint32_t number) {
  add_half(b, number & 0xffff);
  add_half(b, number >> 16);
}

/* A .npy file of version 1.0: this text as its header, then the elements. */
static bytes npy(const char *header, const void *elements, size_t size) {
  bytes b = { .size = 0 };
  add(&b, "\x93NUMPY\x01\x00", 8);
  add_half(&b, (unsigned)strlen(header) + 1);
  add(&b, header, strlen(header));
  add(&b, "\n", 1);
  add(&b, elements, size);
  return b;
}

#define HEADER(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }   "

static lam_dataset *open_bytes(const bytes *b) {
  return lam_dataset_open_npy(context, write_file("a.npy", b->data, b->size), NULL);
}

static lam_dataset *opened(const bytes *b) {
  lam_dataset *dataset = open_bytes(b);
  if (!dataset) fail_msg("%s", lam_error_message(context));
  return dataset;
}

static void check_refused(const bytes *b, const char *says) {
  size_t before = context_memory.live_bytes;
  assert_null(open_bytes(b));
  const char *message = lam_error_message(context);
  assert_int_equal(context_memory.live_bytes, before);
  if (lam_error_status(context) != LAM_FORMAT || !strstr(message, "a.npy\"") || !strstr(message, says))
    fail_msg("\"%s\" does not say \"%s\"", message, says);
}

/* ---- what is right ----------------------------------------------------------------------------------------------- */

static void check_array(const bytes *b, lam_type type, float scale, size_t rows, lam_shape shape, const void *expected,
                        size_t size) {
  lam_dataset *dataset = opened(b);
  const lam_array *input = lam_dataset_input(dataset, 0);
  assert_int_equal(lam_dataset_rows(dataset), rows);
  assert_true(input->type == type && input->scale == scale && input->shape.rank == shape.rank);
  for (size_t i = 0; i < shape.rank; ++i) assert_int_equal(input->shape.size[i], shape.size[i]);
  assert_memory_equal(input->data, expected, size);
  lam_dataset_destroy(dataset);
}

static void every_type_is_read(void **state) {
  (void)state;
  const unsigned char u1[] = { 0, 1, 2, 3, 254, 255 }, flags[] = { 0, 1, 1, 0 };
  const int32_t i4[] = { INT32_MIN, -1, INT32_MAX };
  const int64_t i8[] = { INT32_MIN, -1, INT32_MAX };
  const float f4[] = { 1.5f, -0.0f, 3e38f, INFINITY };
  const double f8[] = { 1.5, -0.0, 3e38, (double)INFINITY };
  bytes b = npy(HEADER("|u1", "(2, 3)"), u1, sizeof u1);
  check_array(&b, LAM_UINT8, 0, 2, (lam_shape){ { 3 }, 1 }, u1, sizeof u1);
  b = npy(HEADER("|b1", "(2, 2)"), flags, sizeof flags);
  check_array(&b, LAM_UINT8, 1, 2, (lam_shape){ { 2 }, 1 }, flags, sizeof flags);
  b = npy(HEADER("<i4", "(3,)"), i4, sizeof i4);
  check_array(&b, LAM_INT32, 0, 3, (lam_shape){ { 1 }, 1 }, i4, sizeof i4);
  b = npy(HEADER("<i8", "(3,)"), i8, sizeof i8);
  check_array(&b, LAM_INT32, 0, 3, (lam_shape){ { 1 }, 1 }, i4, sizeof i4);
  b = npy(HEADER("<f4", "(1, 2, 2)"), f4, sizeof f4);
  check_array(&b, LAM_FLOAT32, 0, 1, (lam_shape){ { 2, 2 }, 2 }, f4, sizeof f4);
  b = npy(HEADER("<f8", "(1, 1, 1, 4, 1, 1, 1)"), f8, sizeof f8);
  check_array(&b, LAM_FLOAT32, 0, 1, (lam_shape){ { 1, 1, 4, 1, 1, 1 }, 6 }, f4, sizeof f4);
  b = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (4,), }", f4, sizeof f4); // one axis has one order
  check_array(&b, LAM_FLOAT32, 0, 4, (lam_shape){ { 1 }, 1 }, f4, sizeof f4);
}

static void headers_are_read_in_every_version_and_order_of_keys(void **state) {
  (void)state;
  const float f4[] = { 1, 2 };
  const char *const headers[] = { "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}",
                                  "{ 'fortran_order' : False , 'shape' : ( 2 , ) , 'descr' : '<f4' , }" };
  for (size_t i = 0; i < 2; ++i) {
    bytes b = npy(headers[i], f4, sizeof f4);
    check_array(&b, LAM_FLOAT32, 0, 2, (lam_shape){ { 1 }, 1 }, f4, sizeof f4);
  }
  for (char version = 2; version <= 3; ++version) {
    bytes b = { .size = 0 };
    const char *header = HEADER("<f4", "(2,)");
    add(&b, "\x93NUMPY", 6);
    add(&b, &version, 1);
    add(&b, "", 1);
    add_little(&b, (uint32_t)strlen(header));
    add(&b, header, strlen(header));
    add(&b, f4, sizeof f4);
    check_array(&b, LAM_FLOAT32, 0, 2, (lam_shape){ { 1 }, 1 }, f4, sizeof f4);
  }
}

static void targets_come_from_a_file_of_their_own(void **state) {
  (void)state;
  bytes x = npy(HEADER("<f4", "(2, 1)"), (float[]){ 1, 2 }, 8), y = npy(HEADER("<i8", "(2,)"), (int64_t[]){ 5, 6 }, 16);
  const char *inputs = write_file("x.npy", x.data, x.size), *targets = write_file("y.npy", y.data, y.size);
  lam_dataset *dataset = lam_dataset_open_npy(context, inputs, targets);
  assert_int_equal(lam_dataset_classes(dataset), 7);
  lam_dataset_destroy(dataset);
  y = npy(HEADER("<i8", "(3,)"), (int64_t[]){ 5, 6, 7 }, 24);
  assert_null(lam_dataset_open_npy(context, inputs, write_file("y.npy", y.data, y.size)));
  assert_non_null(strstr(lam_error_message(context), "y.npy\" has 3 rows, but"));
  assert_null(lam_dataset_open_npy(context, inputs, folder));
  assert_int_equal(lam_error_status(context), LAM_IO);
  assert_null(lam_dataset_open_npy(context, NULL, NULL));
  assert_int_equal(lam_error_status(context), LAM_NO_HANDLE);
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

static void each_malformed_header_gets_its_own_sentence(void **state) {
  (void)state;
  const struct {
    const char *header, *says;
  } cases[] = {
    { "", "it is no dictionary" },
    { "[]", "it is no dictionary" },
    { "{}", "its keys are" },
    { "{", "its keys are" },
    { "{'descr': '<f4', 'fortran_order': False}", "its keys are" },
    { "{'descr': '<f4', 'shape': (2,)}", "its keys are" },
    { "{'fortran_order': False, 'shape': (2,)}", "its keys are" },
    { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "each once" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", "its keys are" },
    { "{'descr' '<f4', 'fortran_order': False, 'shape': (2,)}", "its keys are" },
    { "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", "a comma is missing" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "something follows" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "a comma is missing" },
    { "{'descr': <f4, 'fortran_order': False, 'shape': (2,)}", "descr is no text" },
    { "{'descr': '<f4, 'fortran_order'", "a comma is missing" },
    { "{'descr': '<f4", "descr does not end" },
    { "{'descr': ", "descr is no text" },
    { "{'descr': '<f4<f4<f4', 'fortran_order': False, 'shape': (2,)}", "descr does not end" },
    { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "holds records" },
    { "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "neither True nor False" },
    { "{'descr': '<f4', 'fortran_order': Fals, 'shape': (2,)}", "neither True nor False" },
    { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1)}", "is in Fortran order" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "the shape is no tuple" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': [2]}", "the shape is no tuple" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "the shape is no tuple" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2 1)}", "the shape is no tuple" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2 1)}", "a comma is missing in the shape" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "something else than whole numbers" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "the shape is no tuple" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,)}", "the shape is no tuple" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "something else than whole numbers" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,)}", "something else than whole numbers" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2)}", "more than 7 axes" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999,)}", "above 2147483647" },
    { HEADER("<f4", "()"), "has no rows" },
    { HEADER("<f4", "(0,)"), "has no rows" },
    { HEADER("<f4", "(2147483648,)"), "has no rows, or more than" },
    { HEADER("<f4", "(2, 0)"), "rows of shape (0)" },
    { HEADER("<f4", "(2, 65536, 65536)"), "rows of shape (65536, 65536)" },
    { HEADER("<f4", "(2147483647, 2147483647)"), "declares 4611686014132420609 elements of 4 bytes, and 8 bytes are there" },
    { HEADER("<f4", "(1,)"), "declares 1 elements" },
    { HEADER("<f4", "(3,)"), "declares 3 elements" },
    { HEADER("<f8", "(2,)"), "declares 2 elements of 8 bytes" },
    { HEADER(">f4", "(2,)"), "elements of type '>f4'" },
    { HEADER("<f2", "(4,)"), "elements of type '<f2'" },
    { HEADER("=f4", "(2,)"), "elements of type '=f4'" },
    { HEADER("f4", "(2,)"), "elements of type 'f4'" },
    { HEADER("<u4", "(2,)"), "elements of type '<u4'" },
    { HEADER("<c8", "(1,)"), "elements of type '<c8'" },
    { HEADER("<U1", "(2,)"), "elements of type '<U1'" },
    { HEADER("", "(2,)"), "elements of type ''" },
    { HEADER("|O", "(2,)"), "holds pickled Python objects" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    bytes b = npy(cases[i].header, (float[]){ 1, 2 }, 8);
    check_refused(&b, cases[i].says);
  }
}

static void magic_versions_and_lengths_are_checked(void **state) {
  (void)state;
  const bytes good = npy(HEADER("<f4", "(2,)"), (float[]){ 1, 2 }, 8);
  for (size_t i = 0; i < 8; ++i) {
    bytes b = good;
    b.data[i] ^= 0xff;
    check_refused(&b, i < 6 ? "is no .npy file" : "is of .npy version");
  }
  bytes b = good;
  b.data[6] = 4;
  check_refused(&b, "version 4.0");
  b.data[6] = 0;
  check_refused(&b, "version 0.0");
  b = good;
  b.data[9] = 0xff;
  check_refused(&b, "longer than the file");
  b.data[6] = 2; // now four bytes of length
  check_refused(&b, "longer than the file");
  for (b = good, --b.size; b.size > 0; --b.size) check_refused(&b, "");
  check_refused(&b, "is empty");
}

static void elements_that_do_not_fit_are_refused_with_row_and_element(void **state) {
  (void)state;
  bytes b = npy(HEADER("<i8", "(2, 2)"), (int64_t[]){ 1, 2, 3, INT64_C(2147483648) }, 32);
  check_refused(&b, "row 1, element 1 is beyond 32 bits");
  b = npy(HEADER("<i8", "(1,)"), (int64_t[]){ INT64_MIN }, 8);
  check_refused(&b, "row 0, element 0 is beyond 32 bits");
  b = npy(HEADER("<f8", "(2,)"), (double[]){ 1, 1e39 }, 16);
  check_refused(&b, "row 1, element 0 is too large for a float");
  b = npy(HEADER("|b1", "(2,)"), "\x01\x02", 2);
  check_refused(&b, "row 1, element 0 is neither True nor False");
}

/* ---- .npz -------------------------------------------------------------------------------------------------------- */

#ifdef LAM_HAVE_ZLIB

typedef struct part {
  const char *name;
  bytes plain;
  bool deflate;
} part;

/* What local headers and the directory share, from the needed version to the length of the extra field. */
static void add_common(bytes *zip, const part *p, size_t compressed) {
  add_half(zip, 20);
  add_half(zip, 0);
  add_half(zip, p->deflate ? 8 : 0);
  add_little(zip, 0);
  add_little(zip, (uint32_t)crc32(0, p->plain.data, (unsigned)p->plain.size));
  add_little(zip, (uint32_t)compressed);
  add_little(zip, (uint32_t)p->plain.size);
  add_half(zip, (unsigned)strlen(p->name));
  add_half(zip, 0);
}

static bytes zip_of(const part *parts, size_t count) {
  bytes zip = { .size = 0 };
  size_t offsets[4], sizes[4];
  for (size_t i = 0; i < count; ++i) {
    bytes data = parts[i].deflate ? deflate_bytes(parts[i].plain.data, parts[i].plain.size, -15) : parts[i].plain;
    offsets[i] = zip.size, sizes[i] = data.size;
    add(&zip, "PK\x03\x04", 4);
    add_common(&zip, &parts[i], data.size);
    add(&zip, parts[i].name, strlen(parts[i].name));
    add(&zip, data.data, data.size);
  }
  size_t directory = zip.size;
  for (size_t i = 0; i < count; ++i) {
    add(&zip, "PK\x01\x02\x14\x00", 6);
    add_common(&zip, &parts[i], sizes[i]);
    add(&zip, "\0\0\0\0\0\0\0\0\0\0", 10);
    add_little(&zip, (uint32_t)offsets[i]);
    add(&zip, parts[i].name, strlen(parts[i].name));
  }
  size_t length = zip.size - directory;
  add(&zip, "PK\x05\x06\0\0\0\0", 8);
  add_half(&zip, (unsigned)count);
  add_half(&zip, (unsigned)count);
  add_little(&zip, (uint32_t)length);
  add_little(&zip, (uint32_t)directory);
  add_half(&zip, 0);
  return zip;
}

static bytes example_zip(const char *x, const char *y, bool deflate) {
  part parts[] = { { x, npy(HEADER("<f4", "(4, 2)"), (float[]){ 0, 1, 2, 3, 4, 5, 6, 7 }, 32), deflate },
                   { y, npy(HEADER("<i8", "(4,)"), (int64_t[]){ 0, 2, 1, 2 }, 32), deflate } };
  return zip_of(parts, 2);
}

static lam_dataset *open_zip(const bytes *zip, const char *part_name) {
  return lam_dataset_open_npz(context, write_file("a.npz", zip->data, zip->size), part_name);
}

static void members_are_found_under_the_usual_names_stored_and_deflated(void **state) {
  (void)state;
  const char *const names[][3] = {
    { "x.npy", "y.npy", NULL },
    { "X.npy", "y.npy", NULL },
    { "arr_0.npy", "arr_1.npy", NULL },
    { "x_train.npy", "y_train.npy", NULL },
    { "X_train.npy", "y_train.npy", "train" },
    { "x_test.npy", "y_test.npy", "test" },
  };
  for (size_t i = 0; i < 12; ++i) {
    bytes zip = example_zip(names[i / 2][0], names[i / 2][1], i % 2);
    lam_dataset *dataset = open_zip(&zip, names[i / 2][2]);
    if (!dataset) fail_msg("%s", lam_error_message(context));
    assert_int_equal(lam_dataset_rows(dataset), 4);
    assert_int_equal(lam_dataset_classes(dataset), 3);
    assert_true(((const float *)lam_dataset_input(dataset, 0)->data)[7] == 7);
    lam_dataset_destroy(dataset);
  }
}

static void an_archive_without_parts_is_divided_and_one_without_targets_has_none(void **state) {
  (void)state;
  bytes zip = example_zip("x.npy", "z.npy", true);
  char path[700];
  snprintf(path, sizeof path, "%s/test", write_file("b.npz", zip.data, zip.size));
  lam_dataset *dataset = lam_dataset_open(context, path);
  assert_int_equal(lam_dataset_rows(dataset), 1);
  assert_int_equal(lam_dataset_target_count(dataset), 0);
  lam_dataset_destroy(dataset);
  dataset = open_zip(&zip, "train");
  assert_int_equal(lam_dataset_rows(dataset), 3);
  lam_dataset_destroy(dataset);
  assert_null(open_zip(&zip, "validation"));
  assert_int_equal(lam_error_status(context), LAM_UNKNOWN_NAME);
  zip = example_zip("a.npy", "b.npy", false);
  assert_null(open_zip(&zip, "test"));
  assert_non_null(strstr(lam_error_message(context), "neither x.npy nor arr_0.npy nor x_test.npy"));
}

/* Every cut and every changed byte: a sentence, or the very arrays (dates and versions mean nothing), or an archive whose member
 * has another name. */
static void damaged_archives_are_refused_or_harmless(void **state) {
  (void)state;
  size_t refused = 0;
  for (int deflate = 0; deflate < 2; ++deflate) {
    const bytes good = example_zip("x.npy", "y.npy", deflate);
    for (size_t i = 0; i < 2 * good.size; ++i) {
      bytes b = good;
      if (i < good.size)
        b.data[i] ^= 0xff;
      else
        b.size = i - good.size;
      size_t before = context_memory.live_bytes;
      lam_dataset *dataset = open_zip(&b, NULL);
      if (dataset) {
        assert_true(i < good.size);
        const float *row = lam_dataset_row(dataset, lam_dataset_input(dataset, 0), 3);
        assert_true(row[0] == 6 && row[1] == 7);
      } else {
        says(LAM_FORMAT, "a.npz");
        ++refused;
      }
      lam_dataset_destroy(dataset);
      assert_int_equal(context_memory.live_bytes, before);
    }
  }
  assert_true(refused > 1000);
}

static void what_an_archive_declares_is_checked(void **state) {
  (void)state;
  const bytes good = example_zip("x.npy", "y.npy", true), stored = example_zip("x.npy", "y.npy", false);
  size_t entry = 0;
  while (memcmp(good.data + entry, "PK\x01\x02", 4) != 0) ++entry;
  bytes b = good;
  memset(b.data + entry + 24, 0xff, 4); // 4 GiB from some hundred bytes
  size_t calls = context_memory.allocations;
  assert_null(open_zip(&b, NULL));
  assert_non_null(strstr(lam_error_message(context), "compressed bytes cannot hold"));
  assert_true(context_memory.allocations - calls <= 2);
  const struct {
    size_t at;
    unsigned char value;
    const char *says;
  } cases[] = { { 8, 1, "encrypted" },
                { 10, 9, "neither stored nor deflated" },
                { 10, 0, "sizes of a stored member" },
                { 16, 0x5a, "is damaged" },
                { 24, 1, "garbled" },
                { 45, 0x7f, "not where the directory says" },
                { 23, 0x7f, "cut short" },
                { 28, 0xff, "directory is" },
                { 0, 0, "directory is garbled" } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    b = good;
    b.data[entry + cases[i].at] = cases[i].value;
    assert_null(open_zip(&b, NULL));
    if (!strstr(lam_error_message(context), cases[i].says)) fail_msg("%s: %s", cases[i].says, lam_error_message(context));
  }
  part twice[] = { { "x.npy", npy(HEADER("<f4", "(1,)"), "1234", 4), false },
                   { "X.npy", npy(HEADER("<f4", "(1,)"), "1234", 4), false } };
  b = zip_of(twice, 2);
  assert_null(open_zip(&b, NULL));
  assert_non_null(strstr(lam_error_message(context), "two members of one name"));
  b = stored;
  b.size -= 22;
  assert_null(open_zip(&b, NULL));
  assert_non_null(strstr(lam_error_message(context), "no directory at its end"));
}

static void whichever_allocation_fails_there_is_a_status_and_no_leak(void **state) {
  (void)state;
  char path[700];
  bytes zip = example_zip("x.npy", "y.npy", true);
  snprintf(path, sizeof path, "%s/test", write_file("e.npz", zip.data, zip.size));
  open_with_every_allocation_failing(path, NULL);
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_type_is_read),
    cmocka_unit_test(headers_are_read_in_every_version_and_order_of_keys),
    cmocka_unit_test(targets_come_from_a_file_of_their_own),
    cmocka_unit_test(each_malformed_header_gets_its_own_sentence),
    cmocka_unit_test(magic_versions_and_lengths_are_checked),
    cmocka_unit_test(elements_that_do_not_fit_are_refused_with_row_and_element),
#ifdef LAM_HAVE_ZLIB
    cmocka_unit_test(members_are_found_under_the_usual_names_stored_and_deflated),
    cmocka_unit_test(an_archive_without_parts_is_divided_and_one_without_targets_has_none),
    cmocka_unit_test(damaged_archives_are_refused_or_harmless),
    cmocka_unit_test(what_an_archive_declares_is_checked),
    cmocka_unit_test(whichever_allocation_fails_there_is_a_status_and_no_leak),
#endif
  };
  return cmocka_run_group_tests(tests, open_context, close_context);
}
