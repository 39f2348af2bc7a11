/* SPDX-License-Identifier: MIT
 *
 * Shapes, views, and rows gathered from them against a plain reference: every type, narrow and wide, any stride, any alignment,
 * any order, at every instruction set.
 */
#include "kernels/array.h"
#include "context.h"
#include <math.h>
#include <stdio.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static void a_shapes_elements_are_counted_without_overflow(void **state) {
  (void)state;
  const struct {
    lam_shape shape;
    bool valid;
    size_t count;
  } cases[] = {
    { { { 0 }, 0 }, true, 1 },
    { { { 28, 28 }, 2 }, true, 784 },
    { { { INT32_MAX }, 1 }, true, INT32_MAX },
    { { { (size_t)INT32_MAX + 1 }, 1 }, false, 0 },
    { { { 65536, 32768 }, 2 }, false, 0 },
    { { { SIZE_MAX, SIZE_MAX }, 2 }, false, 0 },
    { { { (size_t)1 << 32, (size_t)1 << 32 }, 2 }, false, 0 }, // 2^64 is 0 in 64 bits
    { { { 3, 0 }, 2 }, false, 0 },
    { { { 1, 1, 1, 1, 1, 1 }, 6 }, true, 1 },
    { { { 1, 1, 1, 1, 1, 1 }, 7 }, false, 0 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    size_t count = 77;
    assert_int_equal(lam_shape_count(cases[i].shape, &count), cases[i].valid);
    assert_int_equal(count, cases[i].count);
  }
}

static void shapes_are_equal_in_rank_and_sizes(void **state) {
  (void)state;
  lam_shape a = { { 28, 28, 7 }, 2 }, b = { { 28, 28, 9 }, 2 }; // what lies beyond the rank means nothing
  assert_true(lam_shape_equal(a, b));
  assert_false(lam_shape_equal(a, (lam_shape){ { 28 }, 1 }));
  assert_false(lam_shape_equal(a, (lam_shape){ { 28, 29 }, 2 }));
}

static void shapes_print_as_people_write_them(void **state) {
  (void)state;
  char text[96];
  assert_string_equal(lam_shape_text(text, (lam_shape){ { 28, 28 }, 2 }), "(28, 28)");
  assert_string_equal(lam_shape_text(text, (lam_shape){ { 10 }, 1 }), "(10)");
  assert_string_equal(lam_shape_text(text, (lam_shape){ { 0 }, 0 }), "()");
  size_t m = SIZE_MAX;
  assert_true(strlen(lam_shape_text(text, (lam_shape){ { m, m, m, m, m, m }, 6 })) <= 95);
  assert_int_equal(text[strlen(text) - 1], ')');
  assert_true(strlen(lam_shape_text(text, (lam_shape){ { 1, 1, 1, 1, 1, 1 }, SIZE_MAX })) <= 95);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static const float some_floats[12];
static const uint8_t some_bytes[12];

static void a_view_that_cannot_be_true_is_refused_with_a_sentence(void **state) {
  (void)state;
  const lam_shape pair = { { 2 }, 1 }, one = { { 1 }, 1 };
  const struct {
    lam_array array;
    lam_status status;
    const char *says;
  } cases[] = {
    { { .data = NULL, .rows = 3, .shape = pair }, LAM_NO_HANDLE, "the data of input 0 are NULL" },
    { { .data = some_floats, .type = (lam_type)9, .rows = 3, .shape = pair }, LAM_INVALID_ARGUMENT, "type 9" },
    { { .data = some_floats, .rows = 0, .shape = pair }, LAM_INVALID_SHAPE, "input 0 has no rows" },
    { { .data = some_floats, .rows = (size_t)INT32_MAX + 1, .shape = pair }, LAM_INVALID_SHAPE, "2147483648 rows" },
    { { .data = some_floats, .rows = 3, .shape = { { 0 }, 7 } }, LAM_INVALID_SHAPE, "rank 7" },
    { { .data = some_floats, .rows = 3, .shape = { { 4, 0 }, 2 } }, LAM_INVALID_SHAPE, "(4, 0)" },
    { { .data = some_floats, .rows = 3, .shape = pair, .stride = 1 }, LAM_INVALID_SHAPE, "stride of 1, but rows of 2" },
    { { .data = some_floats, .rows = 3, .shape = pair, .stride = SIZE_MAX / 3 }, LAM_INVALID_SHAPE, "memory" },
    { { .data = some_floats, .rows = 3, .shape = pair, .stride = SIZE_MAX / 2 }, LAM_INVALID_SHAPE, "memory" },
    { { .data = some_floats, .rows = 3, .shape = pair, .scale = NAN }, LAM_INVALID_ARGUMENT, "scale nan" },
    { { .data = some_floats, .rows = 3, .shape = pair, .offset = INFINITY }, LAM_INVALID_ARGUMENT, "offset inf" },
    { { .data = some_floats, .rows = 3, .shape = pair, .reserved = { 0, 1 } }, LAM_INVALID_ARGUMENT, "reserved" },
    { { .data = some_floats, .rows = 3, .shape = one, .one_hot = 4 }, LAM_INVALID_SHAPE, "one_hot 4" },
    { { .data = some_bytes, .type = LAM_UINT8, .rows = 3, .shape = pair, .one_hot = 4 }, LAM_INVALID_SHAPE, "one_hot 4" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    assert_int_equal(lam_array_check(context, "input 0", &cases[i].array), cases[i].status);
    assert_non_null(strstr(lam_error_message(context), cases[i].says));
  }
  assert_int_equal(lam_array_check(context, "input 0", NULL), LAM_NO_HANDLE);
  lam_array good = { .data = some_bytes, .type = LAM_UINT8, .rows = 3, .shape = one, .stride = 4, .one_hot = 4 };
  assert_int_equal(lam_array_check(context, "input 0", &good), LAM_OK);
}

static void scaling_is_the_arrays_own_then_the_models_then_the_types(void **state) {
  (void)state;
  float scale, offset;
  lam_array array = { .type = LAM_UINT8, .scale = 2, .offset = 3 };
  lam_array_scaling(&array, 5, 7, &scale, &offset);
  assert_true(scale == 2 && offset == 3);
  array.scale = 0;
  lam_array_scaling(&array, 5, 7, &scale, &offset);
  assert_true(scale == 5 && offset == 7);
  lam_array_scaling(&array, 0, 7, &scale, &offset);
  assert_true(scale == 1.0f / 255 && offset == 0);
  array.type = LAM_INT32;
  lam_array_scaling(&array, 0, 7, &scale, &offset);
  assert_true(scale == 1 && offset == 0);
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

enum { ROWS = 40, MOST_WIDTH = 2100, BYTES = ROWS * (MOST_WIDTH + 5) * 4 + 64 };

/* The numbers 0, 1, 2, ... of element (row, column) as the type's value: distinct neighbours, negative ones where there are. */
static float element(lam_type type, size_t row, size_t column) {
  int value = (int)(row * 131 + column * 7) % 256;
  return type == LAM_UINT8 ? (float)value : type == LAM_INT32 ? (float)(value * 65537 - 8000000) : (float)value * 0.37f - 40;
}

static void put(unsigned char *at, lam_type type, float value) {
  int32_t integer = (int32_t)value;
  if (type == LAM_UINT8)
    *at = (unsigned char)value;
  else if (type == LAM_INT32)
    memcpy(at, &integer, 4);
  else
    memcpy(at, &value, 4);
}

static lam_array fill(unsigned char *memory, lam_type type, size_t width, size_t stride) {
  size_t size = type == LAM_UINT8 ? 1 : 4;
  memset(memory, 0xee, ROWS * stride * size);
  for (size_t i = 0; i < ROWS; ++i)
    for (size_t j = 0; j < width; ++j) put(memory + (i * stride + j) * size, type, element(type, i, j));
  return (lam_array){ .data = memory, .type = type, .rows = ROWS, .shape = { { width }, 1 }, .stride = stride };
}

static void check_gather(const lam_array *array, const uint32_t *order, const uint32_t *rows, size_t count, float scale,
                         float offset, size_t ldo, const lam_kernel_table *kernels) {
  size_t width = array->shape.size[0];
  float *out = malloc((count * ldo + 1) * sizeof *out);
  for (size_t i = 0; i <= count * ldo; ++i) out[i] = -777;
  lam_array_gather(array, order, rows, count, scale, offset, out, ldo, kernels);
  for (size_t i = 0; i < count; ++i) {
    size_t row = rows ? rows[i] : i;
    if (order) row = order[row];
    for (size_t j = 0; j < ldo; ++j) {
      float expected = j < width ? fmaf(scale, element(array->type, row, j), offset) : -777;
      if (out[i * ldo + j] != expected) fail_msg("row %zu, column %zu of %zu", i, j, width);
    }
  }
  assert_true(out[count * ldo] == -777);
  free(out);
}

static void every_type_width_stride_alignment_and_order_gathers_as_the_reference_says(void **state) {
  (void)state;
  static unsigned char memory[BYTES];
  const size_t widths[] = { 1, 2, 3, 4, 7, 15, 16, 17, 63, 64, 65, 100, 255, 256, 784, 2047, 2048, 2049, MOST_WIDTH };
  const lam_type types[] = { LAM_FLOAT32, LAM_UINT8, LAM_INT32 };
  uint32_t order[ROWS], rows[ROWS - 1];
  for (uint32_t i = 0; i < ROWS; ++i) order[i] = (i * 17 + 5) % ROWS;
  for (uint32_t i = 0; i < ROWS - 1; ++i) rows[i] = (i * 29 + 3) % ROWS;
#define LAM_X(name) #name,
  const char *const levels[] = { LAM_ISA_LIST(LAM_X) };
#undef LAM_X
  size_t levels_run = 0;
  for (size_t level = 0; level < sizeof levels / sizeof levels[0]; ++level) {
    const lam_kernel_table *kernels = lam_kernels_at(levels[level]);
    if (!kernels) continue;
    ++levels_run;
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; ++w)
      for (size_t t = 0; t < 3; ++t) {
        size_t extra = (w + t) % 3, shift = (w * 5 + t + level) % 8;
        lam_array array = fill(memory + shift, types[t], widths[w], widths[w] + extra);
        check_gather(&array, NULL, NULL, ROWS, 0.5f, -3, widths[w], kernels);
        check_gather(&array, order, NULL, ROWS, 1, 0, widths[w] + 3, kernels);
        check_gather(&array, NULL, rows, ROWS - 1, 1.0f / 255, 0, widths[w] + 1, kernels);
        check_gather(&array, order, rows, ROWS - 1, -0.1f, 0.7f, widths[w], kernels);
        check_gather(&array, order, rows, 1, 3, 0, widths[w], kernels);
        check_gather(&array, order, rows, 0, 3, 0, widths[w], kernels);
      }
  }
  assert_true(levels_run >= 1);
}

static void a_stride_of_zero_means_rows_side_by_side(void **state) {
  (void)state;
  static unsigned char memory[BYTES];
  lam_array array = fill(memory, LAM_UINT8, 9, 9);
  array.stride = 0;
  check_gather(&array, NULL, NULL, ROWS, 1, 0, 9, lam_kernels());
  check_gather(&array, (uint32_t[]){ 5, 3 }, NULL, 2, 1, 0, 9, lam_kernels());
}

static void floats_without_scaling_are_copied_bit_by_bit(void **state) {
  (void)state;
  const uint32_t bits[] = { 0x80000000, 0x00000001, 0x7f800000, 0xffc12345 };
  lam_array array = { .data = bits, .type = LAM_FLOAT32, .rows = 1, .shape = { { 4 }, 1 } };
  float out[4];
  lam_array_gather(&array, NULL, NULL, 1, 1, 0, out, 4, lam_kernels());
  assert_memory_equal(out, bits, sizeof out);
}

static void one_hot_rows_have_a_one_at_the_label_and_none_where_it_is_out_of_range(void **state) {
  (void)state;
  const int32_t labels[] = { 2, 0, 3, -1, INT32_MAX };
  lam_array array = { .data = labels, .type = LAM_INT32, .rows = 5, .shape = { { 1 }, 1 }, .one_hot = 3 };
  assert_int_equal(lam_array_width(&array), 3);
  float out[20];
  for (size_t i = 0; i < 20; ++i) out[i] = 9;
  lam_array_gather(&array, NULL, NULL, 5, 100, 100, out, 4, lam_kernels());
  const float expected[20] = { 0, 0, 1, 9, 1, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9 };
  assert_memory_equal(out, expected, sizeof out);
}

static void labels_gather_from_both_integer_types_at_any_alignment(void **state) {
  (void)state;
  static unsigned char memory[BYTES];
  const lam_type types[] = { LAM_UINT8, LAM_INT32 };
  const uint32_t order[] = { 7, 1, 39 }, rows[] = { 2, 2, 0 };
  for (size_t t = 0; t < 2; ++t) {
    lam_array array = fill(memory + 1, types[t], 1, 3);
    int32_t out[3];
    lam_array_gather_labels(&array, order, rows, 3, out);
    assert_int_equal(out[0], (int32_t)element(types[t], 39, 0));
    assert_int_equal(out[1], out[0]);
    assert_int_equal(out[2], (int32_t)element(types[t], 7, 0));
  }
}

/* ---- looking at the elements ------------------------------------------------------------------------------------- */

static void the_first_special_number_is_found_wherever_it_is(void **state) {
  (void)state;
  const float specials[] = { NAN, INFINITY, -INFINITY };
  const char *const names[] = { "nan", "inf", "-inf" };
  for (size_t width = 1; width < 40; ++width)
    for (size_t column = 0; column < width; ++column) {
      float values[3 * 40] = { 0 };
      lam_array array = { .data = values, .rows = 3, .shape = { { width }, 1 } };
      values[0] = 3.4e38f;
      values[width] = -1e-45f;
      assert_int_equal(lam_array_check_finite(context, "input 0", &array, NULL, NULL, 3), LAM_OK);
      values[2 * width + column] = specials[column % 3];
      assert_int_equal(lam_array_check_finite(context, "input 0", &array, NULL, NULL, 3), LAM_INVALID_DATA);
      char expected[96];
      snprintf(expected, sizeof expected, "row 2, column %zu of input 0 is %s", column, names[column % 3]);
      assert_string_equal(lam_error_message(context), expected);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_shapes_elements_are_counted_without_overflow),
    cmocka_unit_test(shapes_are_equal_in_rank_and_sizes),
    cmocka_unit_test(shapes_print_as_people_write_them),
    cmocka_unit_test(a_view_that_cannot_be_true_is_refused_with_a_sentence),
    cmocka_unit_test(scaling_is_the_arrays_own_then_the_models_then_the_types),
    cmocka_unit_test(every_type_width_stride_alignment_and_order_gathers_as_the_reference_says),
    cmocka_unit_test(a_stride_of_zero_means_rows_side_by_side),
    cmocka_unit_test(floats_without_scaling_are_copied_bit_by_bit),
    cmocka_unit_test(one_hot_rows_have_a_one_at_the_label_and_none_where_it_is_out_of_range),
    cmocka_unit_test(labels_gather_from_both_integer_types_at_any_alignment),
    cmocka_unit_test(the_first_special_number_is_found_wherever_it_is),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
