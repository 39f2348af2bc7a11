/* SPDX-License-Identifier: MIT
 *
 * The safetensors container: what is malformed is refused with its place, what other writers write is read.
 */
#include "file/safetensors.h"
#include "file/models.h"

/* Opens a header with `data` bytes behind it, in memory that ends with them. */
static lam_status open_header(const char *header, size_t header_size, uint64_t length, size_t data, char *sentence, size_t room) {
  lam_context *context = lam_context_create(NULL);
  size_t size = 8 + header_size + data;
  unsigned char *bytes = calloc(1, size);
  for (int i = 0; i < 8; ++i) bytes[i] = (unsigned char)(length >> 8 * i);
  memcpy(bytes + 8, header, header_size);
  lam_bytes source = lam_bytes_memory(context, bytes, size);
  lam_safetensors file;
  lam_status status = lam_safetensors_open(&source, "key", SIZE_MAX, &file);
  snprintf(sentence, room, "%s", lam_error_message(context));
  assert_true(status == LAM_OK || sentence[0]);
  lam_safetensors_close(&file);
  free(bytes);
  lam_context_destroy(context);
  return status;
}

#define T(name, type, shape, offsets) "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
  const char *header;
  size_t data;
} valid[] = {
  { "{}", 0 },
  { "{}   ", 0 },
  { "{\"__metadata__\":{}}", 0 },
  { "{\"__metadata__\":{\"a\":\"b\",\"key\":\"x\"}}", 0 },
  { "{" T("a", "F32", "[2]", "[0,8]") "}", 8 },
  { "{" T("a", "F32", "[]", "[0,4]") "}", 4 },
  { "{" T("a", "F32", "[0]", "[0,0]") "}", 0 },
  { "{" T("a", "F32", "[0,7]", "[0,0]") "," T("b", "F32", "[1]", "[0,4]") "}", 4 },
  { "{" T("b", "F32", "[1]", "[4,8]") "," T("a", "F32", "[1]", "[0,4]") "}", 8 },
  { "{" T("a", "F32", "[1]", "[0,4]") ",\"__metadata__\":{\"format\":\"pt\"}}", 4 },
  { "{\"a\":{\"data_offsets\":[0,4],\"shape\":[1],\"dtype\":\"F32\"}}", 4 },
  { "{" T("a", "F32", "[1,1,1,1,1,1]", "[0,4]") "}", 4 },
};

static const struct {
  const char *header;
  size_t data;
  lam_status status;
} invalid[] = {
  { "", 0, LAM_FORMAT },
  { " ", 0, LAM_FORMAT },
  { "[]", 0, LAM_FORMAT },
  { "{", 0, LAM_FORMAT },
  { "{}x", 0, LAM_FORMAT },
  { "{}{}", 0, LAM_FORMAT },
  { "{},", 0, LAM_FORMAT },
  { "{,}", 0, LAM_FORMAT },
  { "{}", 1, LAM_FORMAT }, // rest
  { "{}", 4, LAM_FORMAT },
  { "{\"a\"}", 0, LAM_FORMAT },
  { "{\"a\":}", 0, LAM_FORMAT },
  { "{\"a\":1}", 0, LAM_FORMAT },
  { "{\"a\":[]}", 0, LAM_FORMAT },
  { "{\"a\":{}}", 0, LAM_FORMAT },
  { "{a:{}}", 0, LAM_FORMAT },
  { "{1:{}}", 0, LAM_FORMAT },
  { "{\"__metadata__\":7}", 0, LAM_FORMAT },
  { "{\"__metadata__\":[]}", 0, LAM_FORMAT },
  { "{\"__metadata__\":{\"key\":7}}", 0, LAM_FORMAT },
  { "{\"__metadata__\":{\"key\":{}}}", 0, LAM_FORMAT },
  { "{\"__metadata__\":{\"key\":\"a\",\"key\":\"b\"}}", 0, LAM_FORMAT },
  { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, LAM_FORMAT },
  { "{\"__metadata__\":{\"a\":\"b\",}}", 0, LAM_FORMAT },
  { "{\"__metadata__\":{7:\"b\"}}", 0, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8]") ",}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8]") " " T("b", "F32", "[2]", "[8,16]") "}", 16, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8]"), 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8]") "}", 7, LAM_FORMAT },                                         // cut short
  { "{" T("a", "F32", "[2]", "[0,8]") "}", 9, LAM_FORMAT },                                         // rest
  { "{" T("a", "F32", "[2]", "[4,12]") "}", 12, LAM_FORMAT },                                       // hole at the start
  { "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12, LAM_FORMAT },     // hole
  { "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[4,12]") "}", 12, LAM_FORMAT },     // overlap
  { "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4, LAM_FORMAT },       // the same bytes
  { "{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8, LAM_FORMAT },       // twice
  { "{" T("a", "F32", "[1]", "[0,4]") "," T("\\u0061", "F32", "[1]", "[4,8]") "}", 8, LAM_FORMAT }, // the same name
  { "{" T("a", "F32", "[2]", "[8,0]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,4]") "}", 4, LAM_FORMAT },
  { "{" T("a", "F32", "[1]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,7]") "}", 7, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "8") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8.0]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[0,8e0]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[-0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2]", "[\"0\",8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[-2]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2.0]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "2", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[null]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[2,]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[1,1,1,1,1,1,2]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[18446744073709551616]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, LAM_FORMAT },   // 2^64 numbers
  { "{" T("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0, LAM_FORMAT },     // 2^64 bytes
  { "{" T("a", "F32", "[4611686018427387906]", "[0,8]") "}", 8, LAM_FORMAT },     // 2^64 + 8 bytes
  { "{" T("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, LAM_FORMAT }, // overflows on the way to 0
  { "{" T("a", "F32", "[2]", "[18446744073709551608,18446744073709551615]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F32", "[1000000000000]", "[0,4000000000000]") "}", 8, LAM_FORMAT },
  { "{" T("a", "F16", "[2]", "[0,4]") "}", 4, LAM_UNSUPPORTED },
  { "{" T("a", "BF16", "[2]", "[0,4]") "}", 4, LAM_UNSUPPORTED },
  { "{" T("a", "F64", "[1]", "[0,8]") "}", 8, LAM_UNSUPPORTED },
  { "{" T("a", "I64", "[1]", "[0,8]") "}", 8, LAM_UNSUPPORTED },
  { "{" T("a", "f32", "[2]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "", "[2]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{" T("a", "FLOAT", "[2]", "[0,8]") "}", 8, LAM_FORMAT },
  { "{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, LAM_FORMAT },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0]}}", 0, LAM_FORMAT },
  { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"extra\":1}}", 8, LAM_FORMAT },
  { "{\"a\":{\"dtype\":\"F32\" \"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "{\"\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, LAM_FORMAT },
  { "\xef\xbb\xbf{}", 0, LAM_FORMAT },
};

static void what_other_writers_write_is_read(void **state) {
  (void)state;
  char sentence[512];
  for (size_t i = 0; i < sizeof valid / sizeof *valid; ++i) {
    size_t size = strlen(valid[i].header);
    if (open_header(valid[i].header, size, size, valid[i].data, sentence, sizeof sentence))
      fail_msg("%s: %s", valid[i].header, sentence);
  }
}

static void malformed_headers_are_refused(void **state) {
  (void)state;
  char sentence[512];
  for (size_t i = 0; i < sizeof invalid / sizeof *invalid; ++i) {
    size_t size = strlen(invalid[i].header);
    lam_status status = open_header(invalid[i].header, size, size, invalid[i].data, sentence, sizeof sentence);
    if (status != invalid[i].status) fail_msg("%s: status %d: %s", invalid[i].header, status, sentence);
  }
}

static void header_lengths_that_cannot_be_are_refused(void **state) {
  (void)state;
  const uint64_t lengths[] = {
    0, 1, 3, 4, 100, LAM_HEADER_MOST, LAM_HEADER_MOST + 1, UINT32_MAX, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63
  };
  char sentence[512];
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i)
    assert_int_equal(open_header("{}", 2, lengths[i], 0, sentence, sizeof sentence), LAM_FORMAT);
  assert_int_equal(open_header("{}", 2, 2, 0, sentence, sizeof sentence), LAM_OK);
}

static void a_file_shorter_than_its_length_field_is_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const unsigned char bytes[8] = { 2 };
  for (size_t size = 0; size <= 8; ++size) {
    lam_bytes source = lam_bytes_memory(context, bytes, size);
    lam_safetensors file;
    assert_int_equal(lam_safetensors_open(&source, "key", SIZE_MAX, &file), LAM_FORMAT);
  }
  lam_context_destroy(context);
}

static void what_is_written_is_aligned_and_read_back(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { -1 };
  const lam_tensor_data tensors[] = { { "", "z", { { 2, 3 }, 2 }, 6, a }, { "folder/", "a \"b\"", { { 0 }, 0 }, 1, b } };
  for (size_t length = 0; length < 9; ++length) {
    test_bytes written = { 0 };
    assert_int_equal(lam_safetensors_write(context, "key", "\"12345678\"", length, tensors, 2, test_write, &written), LAM_OK);
    assert_int_equal(written.bytes[0] % 8, 0);
    lam_bytes source = lam_bytes_memory(context, written.bytes, written.size);
    lam_safetensors file;
    assert_int_equal(lam_safetensors_open(&source, "key", SIZE_MAX, &file), LAM_OK);
    assert_int_equal(file.text_size, length);
    assert_memory_equal(file.text, "\"12345678\"", length);
    const lam_tensor *z = lam_safetensors_find(&file, "z"), *other = lam_safetensors_find(&file, "folder/a \"b\"");
    assert_true(z && other && !lam_safetensors_find(&file, "y") && !lam_safetensors_find(&file, ""));
    assert_int_equal(z->begin % 8, 0);
    assert_int_equal(z->shape.rank, 2);
    assert_int_equal(z->shape.size[1], 3);
    float read[6];
    assert_int_equal(lam_safetensors_read(&file, z, read), LAM_OK);
    assert_memory_equal(read, a, sizeof a);
    assert_int_equal(lam_safetensors_read(&file, other, read), LAM_OK);
    assert_memory_equal(read, b, sizeof b);
    lam_safetensors_close(&file);
    free(written.bytes);
  }
  lam_context_destroy(context);
}

static void a_table_beyond_its_limit_is_refused(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  const float a[] = { 1, 2 };
  const lam_tensor_data tensors[] = { { "", "a", { { 1 }, 1 }, 1, a }, { "", "b", { { 1 }, 1 }, 1, a + 1 } };
  test_bytes written = { 0 };
  assert_int_equal(lam_safetensors_write(context, "key", "", 0, tensors, 2, test_write, &written), LAM_OK);
  lam_bytes source = lam_bytes_memory(context, written.bytes, written.size);
  lam_safetensors file;
  for (size_t count = 0; count < 3; ++count) {
    lam_status status = lam_safetensors_open(&source, "key", count * sizeof(lam_tensor), &file);
    assert_int_equal(status, count == 2 ? LAM_OK : LAM_FORMAT);
    lam_safetensors_close(&file);
  }
  free(written.bytes);
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_other_writers_write_is_read),
    cmocka_unit_test(malformed_headers_are_refused),
    cmocka_unit_test(header_lengths_that_cannot_be_are_refused),
    cmocka_unit_test(a_file_shorter_than_its_length_field_is_refused),
    cmocka_unit_test(what_is_written_is_aligned_and_read_back),
    cmocka_unit_test(a_table_beyond_its_limit_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
