/* SPDX-License-Identifier: MIT
 *
 * IDX files, plain and gzip: what is right is read, and each way of being wrong gets a status and a sentence that names the file.
 */
#include "files.h"
#include <sys/stat.h>

/* Nothing can be made of these bytes: the sentence names the file and says `part`. */
static void check_refused(const bytes *b, lam_status status, const char *part) {
  const char *path = write_file("bad", b->data, b->size);
  size_t before = context_memory.live_bytes;
  assert_null(lam_dataset_open_idx(context, path, NULL));
  const char *message = lam_error_message(context);
  assert_int_equal(context_memory.live_bytes, before);
  if (lam_error_status(context) != status || !strstr(message, "/bad\"") || !strstr(message, part))
    fail_msg("status %d, \"%s\" does not say \"%s\"", (int)lam_error_status(context), message, part);
}

/* ---- what is right ----------------------------------------------------------------------------------------------- */

static void images_of_bytes_are_read(void **state) {
  (void)state;
  bytes images = idx_images(3, 4, 5), labels = idx_labels(3);
  lam_dataset *dataset =
      lam_dataset_open_idx(context, write_file("i", images.data, images.size), write_file("l", labels.data, labels.size));
  assert_non_null(dataset);
  const lam_array *input = lam_dataset_input(dataset, 0);
  assert_int_equal(lam_dataset_rows(dataset), 3);
  assert_true(input->type == LAM_UINT8 && input->shape.rank == 2 && input->shape.size[0] == 4 && input->shape.size[1] == 5);
  assert_true(input->scale == 0);
  for (size_t i = 0; i < 60; ++i) assert_int_equal(((const uint8_t *)input->data)[i], i);
  assert_int_equal(*(const uint8_t *)lam_dataset_row(dataset, lam_dataset_target(dataset, 0), 2), 2);
  assert_int_equal(lam_dataset_classes(dataset), 3);
  lam_dataset_destroy(dataset);
}

static void words_are_read_from_big_endian(void **state) {
  (void)state;
  const uint32_t words[4] = { 0x3f800000, 0xc0490fdb, 0xfffffffe, 0x01020304 }; // 1, -3.1415927; -2, 16909060
  bytes floats = idx_header(0x0d, (uint32_t[]){ 2, 0 }), integers = idx_header(0x0c, (uint32_t[]){ 2, 1, 0 });
  for (int i = 0; i < 2; ++i) add_word(&floats, words[i]);
  for (int i = 2; i < 4; ++i) add_word(&integers, words[i]);
  lam_dataset *dataset =
      lam_dataset_open_idx(context, write_file("f", floats.data, floats.size), write_file("n", integers.data, integers.size));
  assert_non_null(dataset);
  const lam_array *input = lam_dataset_input(dataset, 0), *target = lam_dataset_target(dataset, 0);
  assert_true(input->type == LAM_FLOAT32 && input->shape.rank == 1 && input->shape.size[0] == 1);
  assert_true(((const float *)input->data)[0] == 1.0f && ((const float *)input->data)[1] == -3.14159274f);
  assert_true(target->type == LAM_INT32);
  assert_int_equal(((const int32_t *)target->data)[0], -2);
  assert_int_equal(((const int32_t *)target->data)[1], 16909060);
  lam_dataset_destroy(dataset);
}

static void a_plain_file_takes_no_more_than_twice_its_size_and_a_mebibyte(void **state) {
  (void)state;
  enum { SIZE = 3000000 };
  bytes header = idx_header(8, (uint32_t[]){ SIZE / 1000, 1000, 0 });
  unsigned char *file = calloc(1, SIZE + 12);
  memcpy(file, header.data, header.size);
  const char *path = write_file("large", file, SIZE + 12);
  free(file);
  size_t before = context_memory.live_bytes;
  lam_dataset *dataset = lam_dataset_open_idx(context, path, NULL);
  assert_non_null(dataset);
  assert_true(context_memory.live_bytes - before <= SIZE + 4096);
  lam_dataset_destroy(dataset);
  assert_int_equal(context_memory.live_bytes, before);
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

static void every_cut_of_a_file_is_noticed(void **state) {
  (void)state;
  bytes b = idx_images(2, 2, 3);
  for (b.size -= 1; b.size > 0; --b.size) check_refused(&b, LAM_FORMAT, "is cut short");
  check_refused(&b, LAM_FORMAT, "is cut short"); // empty
}

static void every_flipped_bit_of_the_header_is_noticed(void **state) {
  (void)state;
  bytes good = idx_images(2, 2, 3);
  for (size_t bit = 0; bit < 16 * 8; ++bit) {
    bytes b = good;
    b.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    check_refused(&b, LAM_FORMAT, "");
  }
}

static void each_fault_of_a_header_has_its_own_sentence(void **state) {
  (void)state;
  const struct {
    unsigned char header[36];
    size_t size;
    const char *says;
  } cases[] = {
    { { 'P', 'K', 3, 4 }, 4, "begins with the bytes 50 4b" },
    { { 0, 1, 8, 1, 0, 0, 0, 1, 0 }, 9, "begins with the bytes 00 01" },
    { { 0, 0, 0, 1, 0, 0, 0, 1, 0 }, 9, "type 0x00" },
    { { 0, 0, 9, 1, 0, 0, 0, 1, 0 }, 9, "type 0x09" },
    { { 0, 0, 0x0b, 1, 0, 0, 0, 1, 0, 0 }, 10, "type 0x0b" },
    { { 0, 0, 0x0e, 1, 0, 0, 0, 1, 0 }, 9, "type 0x0e" },
    { { 0, 0, 8, 0, 1 }, 5, "rank 0" },
    { { 0, 0, 8, 8 }, 36, "rank 8" },
    { { 0, 0, 8, 200 }, 36, "rank 200" },
    { { 0, 0, 8, 255 }, 36, "rank 255" },
    { { 0, 0, 8, 1, 0, 0, 0, 0 }, 8, "declares 0 rows" },
    { { 0, 0, 8, 1, 0x80, 0, 0, 0 }, 8, "declares 2147483648 rows" },
    { { 0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff }, 8, "declares 4294967295 rows" },
    { { 0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 0 }, 12, "rows of shape (0)" },
    { { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0 }, 16, "rows of shape (5, 0)" },
    { { 0, 0, 8, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0 }, 16, "rows of shape (65536, 65536)" },
    { { 0, 0, 8, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 16, "rows of shape (4294967295, 4294967295)" },
    { { 0, 0, 0x0d, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff }, 16, "" },
    { { 0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff }, 16, "declares 4611686014132420609 bytes" },
    { { 0, 0, 0x0c, 1, 0, 0, 0, 2, 0, 0, 0, 0 }, 12, "declares 8 bytes of elements, and 4 are there" },
    { { 0, 0, 8, 1, 0, 0, 0, 2, 7, 7, 7 }, 11, "more bytes than it declares" },
    { { 0, 0, 8, 1, 0, 0, 0, 2, 7, 7, 0, 0 }, 12, "more bytes than it declares" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    bytes b = { .size = cases[i].size };
    memcpy(b.data, cases[i].header, sizeof cases[i].header);
    check_refused(&b, LAM_FORMAT, cases[i].says);
  }
}

static void labels_must_be_one_integer_for_each_image(void **state) {
  (void)state;
  bytes images = idx_images(3, 2, 2), four = idx_labels(4), pairs = idx_header(8, (uint32_t[]){ 3, 2, 0 }),
        floats = idx_header(0x0d, (uint32_t[]){ 3, 0 });
  pairs.size += 6;
  floats.size += 12;
  const struct {
    const bytes *labels;
    const char *says;
  } cases[] = { { &four, "has 4 labels, but there are 3 images" },
                { &pairs, "integers of shape (2)" },
                { &floats, "floats of shape (1)" } };
  const char *path = write_file("images", images.data, images.size);
  for (size_t i = 0; i < 3; ++i) {
    const char *labels = write_file("labels", cases[i].labels->data, cases[i].labels->size);
    assert_null(lam_dataset_open_idx(context, path, labels));
    says(LAM_FORMAT, cases[i].says);
    assert_non_null(strstr(lam_error_message(context), "/labels\""));
  }
}

static void only_regular_files_are_opened_and_none_is_waited_for(void **state) {
  (void)state;
  assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
  assert_int_equal(symlink("nowhere", in_folder("dangling")), 0);
  assert_int_equal(symlink("circle", in_folder("circle")), 0);
  const struct {
    const char *path, *says;
  } cases[] = { { in_folder("fifo"), "is a device or pipe, not a file" },
                { "/dev/zero", "\"/dev/zero\" is a device or pipe" },
                { in_folder("dangling"), "/dangling\" cannot be opened" },
                { in_folder("circle"), "/circle\" cannot be opened" },
                { folder, "is a folder, not a file" },
                { "", "\"\" cannot be opened" } };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    assert_null(lam_dataset_open_idx(context, cases[i].path, NULL));
    says(LAM_IO, cases[i].says);
  }
  assert_null(lam_dataset_open_idx(context, NULL, NULL));
  assert_int_equal(lam_error_status(context), LAM_NO_HANDLE);
}

static void a_long_path_leaves_room_for_what_is_wrong(void **state) {
  (void)state;
  char path[3000];
  memset(path, 'x', sizeof path);
  for (size_t i = 0; i < sizeof path; i += 100) path[i] = '/';
  memcpy(path + sizeof path - 5, "/end", 5);
  assert_null(lam_dataset_open_idx(context, path, NULL));
  says(LAM_IO, "/end\" cannot be opened: ");
}

/* ---- gzip -------------------------------------------------------------------------------------------------------- */

#ifdef LAM_HAVE_ZLIB

static void gzip_is_read_whatever_the_name(void **state) {
  (void)state;
  bytes plain = idx_images(3, 4, 5), packed = gzip_bytes(plain.data, plain.size);
  lam_dataset *dataset = lam_dataset_open_idx(context, write_file("no-ending", packed.data, packed.size), NULL);
  assert_non_null(dataset);
  assert_memory_equal(lam_dataset_input(dataset, 0)->data, plain.data + 16, 60);
  lam_dataset_destroy(dataset);
}

static void gzip_members_one_behind_the_other_are_one_file(void **state) {
  (void)state;
  bytes plain = idx_images(3, 4, 5), packed = gzip_bytes(plain.data, 20), rest = gzip_bytes(plain.data + 20, plain.size - 20);
  memcpy(packed.data + packed.size, rest.data, rest.size);
  packed.size += rest.size;
  lam_dataset *dataset = lam_dataset_open_idx(context, write_file("members", packed.data, packed.size), NULL);
  assert_non_null(dataset);
  assert_memory_equal(lam_dataset_input(dataset, 0)->data, plain.data + 16, 60);
  lam_dataset_destroy(dataset);
}

static void large_gzip_files_grow_as_they_come(void **state) {
  (void)state;
  enum { ROWS = 700, WIDTH = 1000 };
  unsigned char *file = malloc(ROWS * WIDTH + 12);
  bytes header = idx_header(8, (uint32_t[]){ ROWS, WIDTH, 0 });
  memcpy(file, header.data, header.size);
  uint32_t noise = 1;
  for (size_t i = 12; i < ROWS * WIDTH + 12; ++i) file[i] = (unsigned char)((noise = noise * 1664525 + 1013904223) >> 24);
  gzFile out = gzopen(in_folder("large.gz"), "wb");
  assert_int_equal(gzwrite(out, file, ROWS * WIDTH + 12), ROWS * WIDTH + 12);
  assert_int_equal(gzclose(out), Z_OK);
  lam_dataset *dataset = lam_dataset_open_idx(context, in_folder("large.gz"), NULL);
  assert_non_null(dataset);
  assert_memory_equal(lam_dataset_input(dataset, 0)->data, file + 12, ROWS * WIDTH);
  lam_dataset_destroy(dataset);
  free(file);
}

static void every_cut_of_a_gzip_file_is_noticed(void **state) {
  (void)state;
  bytes plain = idx_images(2, 2, 3), b = gzip_bytes(plain.data, plain.size);
  for (b.size -= 1; b.size > 1; --b.size) check_refused(&b, LAM_FORMAT, "ends in the middle of its compressed data");
}

/* Bytes 4 to 9 are gzip's date, level and system, which mean nothing here; flag bits 0 (text) and 1 change nothing that is
 * checked without the fields they announce. */
static void every_flipped_byte_of_a_gzip_file_is_noticed(void **state) {
  (void)state;
  bytes plain = idx_images(2, 2, 3), good = gzip_bytes(plain.data, plain.size);
  for (size_t i = 0; i < good.size; ++i) {
    if (i >= 4 && i < 10) continue;
    bytes b = good;
    b.data[i] ^= 0xff;
    check_refused(&b, LAM_FORMAT, "");
  }
}

static void what_follows_the_compressed_data_is_noticed(void **state) {
  (void)state;
  bytes plain = idx_images(2, 2, 3), b = gzip_bytes(plain.data, plain.size);
  b.data[b.size++] = 'x';
  check_refused(&b, LAM_FORMAT, "");
  plain.data[plain.size++] = 0;
  b = gzip_bytes(plain.data, plain.size);
  check_refused(&b, LAM_FORMAT, "more bytes than it declares");
}

/* A few bytes that declare gigabytes: refused by deflate's ratio, or given memory only as zeros really come. */
static void bombs_get_no_more_memory_than_their_bytes_earn(void **state) {
  (void)state;
  bytes header = idx_header(8, (uint32_t[]){ 2000000, 1000, 0 }), b = gzip_bytes(header.data, header.size);
  size_t calls = context_memory.allocations;
  check_refused(&b, LAM_FORMAT, "compressed bytes cannot hold as many");
  assert_true(context_memory.allocations - calls <= 3); // the source's and zlib's own

  static const unsigned char zeros[1 << 20];
  gzFile out = gzopen(in_folder("bad"), "wb9");
  assert_int_equal(gzwrite(out, header.data, (unsigned)header.size), (int)header.size);
  for (int i = 0; i < 20; ++i) assert_int_equal(gzwrite(out, zeros, sizeof zeros), sizeof zeros);
  assert_int_equal(gzclose(out), Z_OK);
  assert_null(lam_dataset_open_idx(context, in_folder("bad"), NULL));
  assert_int_equal(lam_error_status(context), LAM_FORMAT);

  header = idx_header(8, (uint32_t[]){ 10, 0 }); // and one that gives more than it declares
  out = gzopen(in_folder("bad"), "wb9");
  assert_int_equal(gzwrite(out, header.data, (unsigned)header.size), (int)header.size);
  for (int i = 0; i < 20; ++i) assert_int_equal(gzwrite(out, zeros, sizeof zeros), sizeof zeros);
  assert_int_equal(gzclose(out), Z_OK);
  calls = context_memory.allocations;
  assert_null(lam_dataset_open_idx(context, in_folder("bad"), NULL));
  assert_non_null(strstr(lam_error_message(context), "more bytes than it declares"));
  assert_true(context_memory.allocations - calls <= 4);
}

static const char *gzip_example(void) {
  bytes plain = idx_images(3, 4, 5), packed = gzip_bytes(plain.data, plain.size);
  return write_file("example.gz", packed.data, packed.size);
}

#else

static const char *gzip_example(void) {
  bytes plain = idx_images(3, 4, 5);
  return write_file("example", plain.data, plain.size);
}

static void gzip_in_a_build_without_zlib_is_said_to_be_unsupported(void **state) {
  (void)state;
  bytes b = { { 0x1f, 0x8b, 8 }, 30 };
  check_refused(&b, LAM_UNSUPPORTED, "zlib");
}

#endif

static void whichever_allocation_fails_there_is_a_status_and_no_leak(void **state) {
  (void)state;
  bytes labels = idx_labels(3);
  open_with_every_allocation_failing(gzip_example(), write_file("labels", labels.data, labels.size));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(images_of_bytes_are_read),
    cmocka_unit_test(words_are_read_from_big_endian),
    cmocka_unit_test(a_plain_file_takes_no_more_than_twice_its_size_and_a_mebibyte),
    cmocka_unit_test(every_cut_of_a_file_is_noticed),
    cmocka_unit_test(every_flipped_bit_of_the_header_is_noticed),
    cmocka_unit_test(each_fault_of_a_header_has_its_own_sentence),
    cmocka_unit_test(labels_must_be_one_integer_for_each_image),
    cmocka_unit_test(only_regular_files_are_opened_and_none_is_waited_for),
    cmocka_unit_test(a_long_path_leaves_room_for_what_is_wrong),
#ifdef LAM_HAVE_ZLIB
    cmocka_unit_test(gzip_is_read_whatever_the_name),
    cmocka_unit_test(gzip_members_one_behind_the_other_are_one_file),
    cmocka_unit_test(large_gzip_files_grow_as_they_come),
    cmocka_unit_test(every_cut_of_a_gzip_file_is_noticed),
    cmocka_unit_test(every_flipped_byte_of_a_gzip_file_is_noticed),
    cmocka_unit_test(what_follows_the_compressed_data_is_noticed),
    cmocka_unit_test(bombs_get_no_more_memory_than_their_bytes_earn),
#else
    cmocka_unit_test(gzip_in_a_build_without_zlib_is_said_to_be_unsupported),
#endif
    cmocka_unit_test(whichever_allocation_fails_there_is_a_status_and_no_leak),
  };
  return cmocka_run_group_tests(tests, open_context, close_context);
}
