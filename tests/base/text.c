/* SPDX-License-Identifier: MIT
 *
 * Numbers as text: short, exact both ways, the same in every locale.
 */
#include "base/context.h"
#include "support.h"
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

static void assert_double(double value, const char *text) {
  char buffer[32];
  assert_string_equal(lam_format_double(buffer, value), text);
}

static void assert_float(float value, const char *text) {
  char buffer[32];
  assert_string_equal(lam_format_float(buffer, value), text);
}

static void numbers_are_written_as_people_do(void **state) {
  (void)state;
  assert_double(0, "0");
  assert_double(-0.0, "-0");
  assert_double(1, "1");
  assert_double(-12.5, "-12.5");
  assert_double(0.1, "0.1");
  assert_double(100, "100");
  assert_double(0.0001, "0.0001");
  assert_double(0.00001, "1e-5");
  assert_double(1.5e-7, "1.5e-7");
  assert_double(1e15, "1000000000000000");
  assert_double(1e16, "1e16");
  assert_double(123456789012345680.0, "1.2345678901234568e17");
  assert_double(1.0 / 3, "0.3333333333333333");
  assert_double(-1.7976931348623157e308, "-1.7976931348623157e308");
  assert_double(2.2250738585072014e-308, "2.2250738585072014e-308");
  assert_double(5e-324, "5e-324");
  assert_double((double)NAN, "nan");
  assert_double(-(double)NAN, "nan");
  assert_double((double)INFINITY, "inf");
  assert_double(-(double)INFINITY, "-inf");
  assert_float(0.1f, "0.1");
  assert_float(16777216, "16777216");
  assert_float(3.4028235e38f, "3.4028235e38");
  assert_float(1e-45f, "1e-45");
  assert_float(-INFINITY, "-inf");
}

static void below_a_power_of_two_the_far_side_counts_too(void **state) {
  (void)state;
  // 2^-44 = 5.6843418860808015e-14: sixteen digits rounded to nearest do not read back, the next above do.
  assert_double(0x1p-44, "5.684341886080802e-14");
}

static uint64_t random_word(uint32_t i) {
  uint32_t bits[4];
  lam_random_bits(bits, (uint32_t[4]){ i, 0, 0, 0 }, (uint32_t[2]){ 11, 0 });
  return (uint64_t)bits[0] << 32 | bits[1];
}

static double read_all(const char *text) {
  double value = -1;
  assert_ptr_equal(lam_parse_double(text, text + strlen(text), &value), text + strlen(text));
  return value;
}

static void any_double_reads_back_and_nothing_shorter_does(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 20000; ++i) {
    uint64_t bits = random_word(i);
    if (i % 4 == 0) bits &= UINT64_C(0xFFF) << 52; // powers of two, where the spacing changes
    if (i % 4 == 1) bits >>= 12;                   // denormals
    double value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) continue;
    char buffer[32], shorter[64];
    lam_format_double(buffer, value);
    assert_true(strtod(buffer, NULL) == value);
    double back = read_all(buffer);
    assert_memory_equal(&back, &value, sizeof back);

    size_t digits = 0;
    for (const char *c = buffer; *c && *c != 'e'; ++c) digits += *c >= (digits ? '0' : '1') && *c <= '9';
    if (digits > 1 && fabs(value) < 1e300 && (fabs(value) < 1e-4 || fabs(value) >= 1e16)) { // written with an exponent
      snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
      assert_true(strtod(shorter, NULL) != value);
    }
  }
}

static void any_float_reads_back(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 20000; ++i) {
    uint32_t bits = (uint32_t)random_word(i);
    if (i % 4 == 0) bits &= 0xFF800000u;
    if (i % 4 == 1) bits >>= 9;
    float value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) continue;
    char buffer[32];
    lam_format_float(buffer, value);
    assert_true(strtof(buffer, NULL) == value);
    assert_true((float)read_all(buffer) == value);
    assert_true(strcspn(buffer, "e") < 18); // at most "-" and 16 places before an exponent
  }
}

static void numbers_are_read_as_the_c_library_does(void **state) {
  (void)state;
  static const char *const texts[] = {
    "0",
    "-0",
    "1",
    "+1",
    "1.",
    ".5",
    "-.5e1",
    "00012",
    "0.000",
    "1e0",
    "1E+5",
    "1e-5",
    "123456789012345678",
    "9007199254740993",
    "9007199254740992.9999999999999999999",
    "1e22",
    "1e23",
    "8.5e22",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "4.9e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
    "2.2250738585072011e-308",
    "1e400",
    "-1e400",
    "1e-400",
    "1e99999999999999999999999",
    "1e-99999999999999999999999",
    "0e99999999999999999999999",
    "999999999999999e22",
    "999999999999999e-22",
    "6.02214076e23",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    double value = read_all(texts[i]), expected = strtod(texts[i], NULL);
    assert_memory_equal(&value, &expected, sizeof value);
  }
  assert_true(read_all("inf") == (double)INFINITY);
  assert_true(read_all("-inf") == -(double)INFINITY);
  assert_true(isnan(read_all("nan")));
}

static void random_decimals_are_rounded_correctly(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 50000; ++i) {
    uint64_t bits = random_word(i);
    char text[64];
    int64_t digits = (int64_t)(bits >> (bits & 63)) / 2;
    snprintf(text, sizeof text, "%lld.%05de%d", (long long)digits, (int)(bits % 100000), (int)(bits >> 32 & 1023) % 660 - 340);
    double value = read_all(text), expected = strtod(text, NULL);
    assert_memory_equal(&value, &expected, sizeof value);
  }
}

static void digits_beyond_any_buffer_still_decide_a_tie(void **state) {
  (void)state;
  static char text[5000];
  memset(text, '0', sizeof text);
  memcpy(text, "9007199254740993.", 17); // halfway between two doubles
  assert_true(lam_parse_double(text, text + 4000, &(double){ 0 }) == text + 4000);
  double value;
  lam_parse_double(text, text + 4000, &value);
  assert_true(value == 9007199254740992.0);
  text[3999] = '1';
  lam_parse_double(text, text + 4000, &value);
  assert_true(value == 9007199254740994.0);

  memset(text, '0', sizeof text); // 0.(3000 zeros)1e3001 is 1, and so is 1(3000 zeros)e-3000
  text[1] = '.';
  memcpy(text + 3002, "1e3001", 7);
  assert_true(read_all(text) == 1);
  memset(text, '0', sizeof text);
  text[0] = '1';
  memcpy(text + 3001, "e-3000", 7);
  assert_true(read_all(text) == 1);
}

static void the_hosts_rounding_changes_nothing(void **state) {
  (void)state;
  static const int roundings[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
  for (size_t i = 0; i < 3; ++i) {
    char buffer[32], single[32];
    fesetround(roundings[i]);
    double read = read_all("123456789012345678.25e-3");
    lam_format_double(buffer, 1.0 / 0x1p44);
    lam_format_float(single, 3.4028235e38f);
    fesetround(FE_TONEAREST);
    assert_true(read == 123456789012345.67825);
    assert_string_equal(buffer, "5.684341886080802e-14");
    assert_string_equal(single, "3.4028235e38");
  }
}

static void reading_ends_where_the_number_does(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t length; // of the number, 0: none
  } cases[] = {
    { "", 0 },     { "-", 0 },    { "+", 0 },       { ".", 0 },    { "-.e1", 0 },     { "e5", 0 },   { " 1", 0 },
    { "abc", 0 },  { "0x10", 0 }, { "-0X1p3", 0 },  { "NaN", 0 },  { "Infinity", 0 }, { "+inf", 0 }, { "-nan", 0 },
    { "1,5", 1 },  { "1e", 1 },   { "1e+", 1 },     { "1e-x", 1 }, { "1.5.2", 3 },    { "12 ", 2 },  { "1e5,", 3 },
    { "nano", 3 }, { "1-2", 1 },  { "0.5e-3]", 6 }, { "--1", 0 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    double value = 77;
    const char *text = cases[i].text;
    assert_int_equal(lam_parse_double(text, text + strlen(text), &value) - text, cases[i].length);
    if (cases[i].length == 0) assert_true(value == 77);
  }
  double value;
  static const char bare[3] = { '1', '2', '3' }; // no NUL behind it
  assert_ptr_equal(lam_parse_double(bare, bare + 3, &value), bare + 3);
  assert_true(value == 123);
  assert_ptr_equal(lam_parse_double(bare, bare + 2, &value), bare + 2);
  assert_true(value == 12);
}

/* Turns to a locale that writes 2,5: one that is installed, or one made for the occasion; false where there is neither. */
static bool enter_comma_locale(void) {
  static const char *const installed[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR" };
  for (size_t i = 0; i < sizeof installed / sizeof installed[0]; ++i)
    if (setlocale(LC_ALL, installed[i])) return true;
  char folder[] = "/tmp/lamina_locale_XXXXXX", command[200];
  if (!mkdtemp(folder)) return false;
  snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/comma >/dev/null 2>&1", folder);
  if (system(command) != 0) fprintf(stderr, "no localedef, or no locales to make one from\n");
  setenv("LOCPATH", folder, 1);
  bool entered = setlocale(LC_ALL, "comma") != NULL;
  unsetenv("LOCPATH");
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) == 0 && entered;
}

static void a_comma_locale_changes_nothing(void **state) {
  (void)state;
  if (!enter_comma_locale()) SKIP_BECAUSE("there is no locale with a comma");
  assert_string_equal(localeconv()->decimal_point, ",");
  assert_double(0.1, "0.1");
  assert_double(-1.25e-9, "-1.25e-9");
  assert_float(3.4028235e38f, "3.4028235e38");
  assert_true(read_all("2.5") == 2.5);
  assert_true(read_all("123456789012345678.25e-3") == 123456789012345.67825);
  assert_true(read_all("1.7976931348623157e308") == 1.7976931348623157e308);
  char text[8];
  snprintf(text, sizeof text, "%.1f", 2.5);
  assert_string_equal(text, "2,5"); // the host still has its own
  setlocale(LC_ALL, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(numbers_are_written_as_people_do),
    cmocka_unit_test(below_a_power_of_two_the_far_side_counts_too),
    cmocka_unit_test(any_double_reads_back_and_nothing_shorter_does),
    cmocka_unit_test(any_float_reads_back),
    cmocka_unit_test(numbers_are_read_as_the_c_library_does),
    cmocka_unit_test(random_decimals_are_rounded_correctly),
    cmocka_unit_test(digits_beyond_any_buffer_still_decide_a_tie),
    cmocka_unit_test(the_hosts_rounding_changes_nothing),
    cmocka_unit_test(reading_ends_where_the_number_does),
    cmocka_unit_test(a_comma_locale_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
