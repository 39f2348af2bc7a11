/* SPDX-License-Identifier: MIT
 *
 * The JSON reader and writer. What is valid and what is not follows RFC 8259; the limits of our own are tested at their edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parses a copy that ends exactly where the text does, so that a sanitizer sees every byte read beyond it. */
typedef struct parsed {
  lam_context *context;
  char *text;
  size_t size;
  lam_json_document document;
  lam_status status;
} parsed;

static parsed parse_limited(const char *text, size_t size, size_t limit) {
  parsed p = { .context = lam_context_create(NULL), .text = malloc(size ? size : 1), .size = size };
  assert_non_null(p.context);
  memcpy(p.text, text, size);
  p.status = lam_json_parse(p.context, "test", p.text, size, limit, &p.document);
  return p;
}

static parsed parse(const char *text) { return parse_limited(text, strlen(text), SIZE_MAX); }

static void end(parsed *p) {
  lam_json_release(&p->document);
  lam_context_destroy(p->context);
  free(p->text);
}

static const char *const valid[] = {
  "0",
  "-0",
  "1",
  "-1",
  "10",
  "1.5",
  "-1.5e3",
  "1E+2",
  "1e-2",
  "0.0",
  "123456789012345678901234567890",
  "true",
  "false",
  "null",
  "\"\"",
  "\"a\"",
  " 1 ",
  "\t\r\n[ ]\n",
  "[]",
  "{}",
  "[1]",
  "[1,2]",
  "[[],{}]",
  "{\"a\":1}",
  "{\"a\":{\"b\":[null]}}",
  "{\"\":0}",
  "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
  "\"\\u0041\"",
  "\"\\ud83d\\ude00\"",
  "\"\\uFFFF\"",
  "\"\\u0001\"",
  "\"\xc3\xa9\"",
  "\"\xe2\x82\xac\"",
  "\"\xf0\x9f\x98\x80\"",
  "\"\xed\x9f\xbf\"",
  "\"\xee\x80\x80\"",
  "\"\xf4\x8f\xbf\xbf\"",
  "\"\x7f\"",
  "{\"a\":1,\"A\":2}",
  "[1 , 2 ]",
  "{ \"a\" : 1 }",
};

static void what_the_standard_allows_is_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof valid / sizeof *valid; ++i) {
    parsed p = parse(valid[i]);
    if (p.status) fail_msg("%s: %s", valid[i], lam_error_message(p.context));
    end(&p);
  }
}

/* Text, and the byte the sentence must name. */
static const struct {
  const char *text;
  int byte;
} invalid[] = {
  { "", 0 },
  { " ", 1 },
  { "x", 0 },
  { "tru", 0 },
  { "trueish", 4 },
  { "True", 0 },
  { "nul", 0 },
  { "NaN", 0 },
  { "Infinity", 0 },
  { "-", 0 },
  { "+1", 0 },
  { "01", 0 },
  { "-01", 0 },
  { "1.", 0 },
  { ".5", 0 },
  { "1e", 0 },
  { "1e+", 0 },
  { "0x10", 1 },
  { "1.e5", 0 },
  { "1,", 1 },
  { "1 2", 2 },
  { "-a", 0 },
  { "--1", 0 },
  { "[", 1 },
  { "]", 0 },
  { "[1", 2 },
  { "[1,", 3 },
  { "[1,]", 3 },
  { "[,1]", 1 },
  { "[1 2]", 3 },
  { "[1}", 2 },
  { "{", 1 },
  { "}", 0 },
  { "{]", 1 },
  { "{\"a\"", 4 },
  { "{\"a\"}", 4 },
  { "{\"a\":", 5 },
  { "{\"a\":}", 5 },
  { "{\"a\":1", 6 },
  { "{\"a\":1,}", 7 },
  { "{a:1}", 1 },
  { "{1:1}", 1 },
  { "{\"a\" 1}", 5 },
  { "{\"a\":1 \"b\":2}", 7 },
  { "{\"a\":1]", 6 },
  { "{'a':1}", 1 },
  { "\"", 1 },
  { "\"a", 2 },
  { "\"\\", 1 },
  { "\"\\\"", 3 },
  { "\"\\x41\"", 1 },
  { "\"\\u\"", 1 },
  { "\"\\u00\"", 1 },
  { "\"\\u00g0\"", 1 },
  { "\"\\u0000\"", 1 },
  { "\"\\ud800\"", 1 },
  { "\"\\udc00\"", 1 },
  { "\"\\ud800\\u0041\"", 1 },
  { "\"\\ud800x\"", 1 },
  { "\"\\ud800\\ud800\"", 1 },
  { "\"\\", 1 },
  { "\"\\'\"", 1 },
  { "\"\n\"", 1 },
  { "\"a\tb\"", 2 },
  { "\"\x1f\"", 1 },
  { "\"\x80\"", 1 },
  { "\"\xc3\"", 1 },
  { "\"\xc0\xaf\"", 1 },
  { "\"\xc1\xbf\"", 1 },
  { "\"\xe0\x80\xaf\"", 1 },
  { "\"\xed\xa0\x80\"", 1 },
  { "\"\xf0\x80\x80\x80\"", 1 },
  { "\"\xf4\x90\x80\x80\"", 1 },
  { "\"\xf5\x80\x80\x80\"", 1 },
  { "\"\xff\"", 1 },
  { "\"\xe2\x82\"", 1 },
  { "\"\xe2\x82", 1 },
  { "\xef\xbb\xbf{}", 0 },
  { "// c\n1", 0 },
  { "/* c */1", 0 },
  { "[1]]", 3 },
  { "{}{}", 2 },
  { "{\"a\":1,\"a\":2}", 8 },
  { "{\"a\":1,\"\\u0061\":2}", 8 },
  { "[1,\f2]", 3 },
  { "\v1", 0 },
};

static void what_the_standard_forbids_is_refused_at_its_byte(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof invalid / sizeof *invalid; ++i) {
    parsed p = parse(invalid[i].text);
    char expected[64];
    snprintf(expected, sizeof expected, "test: byte %d: ", invalid[i].byte);
    // Of two equal keys either may be named.
    bool twice = p.status && strstr(lam_error_message(p.context), "appears twice");
    if (p.status != LAM_FORMAT || (!twice && strncmp(lam_error_message(p.context), expected, strlen(expected)) != 0))
      fail_msg("%s: %d: %s", invalid[i].text, p.status, lam_error_message(p.context));
    assert_null(p.document.root);
    end(&p);
  }
}

static void a_nul_is_refused_everywhere(void **state) {
  (void)state;
  const struct {
    const char *text;
    size_t size;
  } texts[] = { { "\0", 1 }, { "1\0", 2 }, { "\"\0\"", 3 }, { "[\0]", 3 }, { "\"\\\0\"", 4 } };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    parsed p = parse_limited(texts[i].text, texts[i].size, SIZE_MAX);
    assert_int_equal(p.status, LAM_FORMAT);
    end(&p);
  }
}

static void every_prefix_of_a_document_is_refused(void **state) {
  (void)state;
  const char *text = "{\"a\":[1.5e-3,\"\\u00e9\\ud83d\\ude00\",{\"b\":null,\"c\":[true,false]}],\"d\":\"\xe2\x82\xac\"}";
  for (size_t size = 0; size <= strlen(text); ++size) {
    parsed p = parse_limited(text, size, SIZE_MAX);
    assert_int_equal(p.status, size < strlen(text) ? LAM_FORMAT : LAM_OK);
    end(&p);
  }
}

static void strings_are_unescaped(void **state) {
  (void)state;
  const struct {
    const char *text, *meaning;
  } strings[] = {
    { "\"\"", "" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
    { "\"a\\u0041b\\u00e9\\u20ac\\ud83d\\uDE00z\"", "aAb\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z" },
    { "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
    { "\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
  };
  for (size_t i = 0; i < sizeof strings / sizeof *strings; ++i) {
    parsed p = parse(strings[i].text);
    assert_int_equal(p.status, LAM_OK);
    assert_string_equal(p.document.root->text, strings[i].meaning);
    assert_int_equal(p.document.root->size, strlen(strings[i].meaning));
    end(&p);
  }
}

static void numbers_have_their_nearest_double(void **state) {
  (void)state;
  const struct {
    const char *text;
    double value;
  } numbers[] = { { "0", 0 },
                  { "-1.5e3", -1500 },
                  { "0.1", 0.1 },
                  { "5e-324", 5e-324 },
                  { "1e-400", 0 },
                  { "1.7976931348623157e308", 1.7976931348623157e308 },
                  { "\"inf\"", INFINITY },
                  { "\"-inf\"", -INFINITY },
                  { "\"-0\"", -0.0 },
                  { "-0", -0.0 } };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
    parsed p = parse(numbers[i].text);
    double value = 7;
    assert_true(lam_json_number(p.document.root, &value));
    assert_memory_equal(&value, &numbers[i].value, sizeof value);
    end(&p);
  }
  const char *const none[] = { "1e999", "-1e999", "\"1\"", "\"infinity\"", "true", "null", "[]" };
  for (size_t i = 0; i < sizeof none / sizeof *none; ++i) {
    parsed p = parse(none[i]);
    double value = 7;
    assert_int_equal(p.status, LAM_OK);
    assert_false(lam_json_number(p.document.root, &value));
    assert_true(value == 7);
    end(&p);
  }
}

static void integers_are_exact_or_refused(void **state) {
  (void)state;
  parsed p = parse("[0,18446744073709551615,9007199254740993,18446744073709551616,-1,1.0,1e3,\"1\",99999999999999999999999]");
  const uint64_t values[] = { 0, UINT64_MAX, 9007199254740993u };
  const lam_json *e = lam_json_first(p.document.root);
  for (uint32_t i = 0; i < p.document.root->size; ++i, e = lam_json_after(e)) {
    uint64_t value = 7;
    assert_int_equal(lam_json_integer(e, &value), i < 3);
    assert_true(value == (i < 3 ? values[i] : 7));
  }
  end(&p);
}

static void members_are_found_past_nested_values(void **state) {
  (void)state;
  parsed p = parse("{\"a\":{\"x\":[1,[2,{}]],\"b\":0},\"b\":[[],{\"c\":3}],\"c\":true}");
  bool flag = false;
  assert_true(lam_json_flag(lam_json_member(p.document.root, "c"), &flag) && flag);
  assert_int_equal(lam_json_member_of(p.document.root, "b", LAM_JSON_ARRAY)->size, 2);
  assert_null(lam_json_member_of(p.document.root, "b", LAM_JSON_OBJECT));
  assert_null(lam_json_member(p.document.root, "x"));
  assert_null(lam_json_member(lam_json_member(p.document.root, "none"), "x"));
  end(&p);
}

static void nesting_ends_at_the_limit(void **state) {
  (void)state;
  for (int depth = LAM_JSON_DEPTH - 1; depth <= LAM_JSON_DEPTH + 1; ++depth) {
    char text[2 * (LAM_JSON_DEPTH + 1)];
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    parsed p = parse_limited(text, 2 * (size_t)depth, SIZE_MAX);
    assert_int_equal(p.status, depth <= LAM_JSON_DEPTH ? LAM_OK : LAM_FORMAT);
    end(&p);
  }
}

static void many_brackets_do_not_exhaust_the_stack(void **state) {
  (void)state;
  enum { SIZE = 1 << 20 };
  char *text = malloc(SIZE);
  memset(text, '[', SIZE);
  parsed p = parse_limited(text, SIZE, SIZE_MAX);
  assert_int_equal(p.status, LAM_FORMAT);
  end(&p);
  free(text);
}

static void a_number_costs_sixteen_bytes_and_the_limit_holds(void **state) {
  (void)state;
  assert_int_equal(sizeof(lam_json), 16);
  parsed p = parse_limited("[1,2,3]", 7, 4 * 16);
  assert_int_equal(p.status, LAM_OK);
  assert_int_equal(p.document.bytes, 64);
  end(&p);
  p = parse_limited("[1,2,3]", 7, 4 * 16 - 1);
  assert_int_equal(p.status, LAM_FORMAT);
  end(&p);
}

static void equal_keys_among_thousands_are_found(void **state) {
  (void)state;
  enum { KEYS = 5000 };
  char *text = malloc(KEYS * 16);
  for (int twice = 0; twice < 2; ++twice) {
    size_t size = 0;
    for (int i = 0; i < KEYS; ++i) {
      int key = twice && i == KEYS - 1 ? 2500 : i * 7919 % KEYS;
      size += (size_t)sprintf(text + size, "%c\"k%d\":0", i ? ',' : '{', key);
    }
    text[size++] = '}';
    parsed p = parse_limited(text, size, SIZE_MAX);
    assert_int_equal(p.status, twice ? LAM_FORMAT : LAM_OK);
    if (twice) assert_non_null(strstr(lam_error_message(p.context), "\"k2500\" appears twice"));
    end(&p);
  }
  free(text);
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_json_writer w = { .context = context };
  lam_json_open(&w, '{');
  lam_json_key(&w, "text\"\n");
  lam_json_put_text(&w, "\"\\/\b\f\n\r\t\x01\x7f\xc3\xa9");
  lam_json_key(&w, "numbers");
  lam_json_open(&w, '[');
  lam_json_put_double(&w, 0.1);
  lam_json_put_float(&w, 0.1f);
  lam_json_put_double(&w, -0.0);
  lam_json_put_double(&w, (double)NAN);
  lam_json_put_float(&w, -INFINITY);
  lam_json_put_integer(&w, UINT64_MAX);
  lam_json_close(&w, ']');
  lam_json_key(&w, "empty");
  lam_json_open(&w, '[');
  lam_json_open(&w, '{');
  lam_json_close(&w, '}');
  lam_json_open(&w, '[');
  lam_json_close(&w, ']');
  lam_json_close(&w, ']');
  lam_json_key(&w, "flag");
  lam_json_put_flag(&w, true);
  lam_json_close(&w, '}');
  assert_int_equal(w.status, LAM_OK);
  const char *expected = "{\"text\\\"\\n\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\xc3\xa9\","
                         "\"numbers\":[0.1,0.1,-0,\"nan\",\"-inf\",18446744073709551615],\"empty\":[{},[]],\"flag\":true}";
  assert_int_equal(w.size, strlen(expected));
  assert_memory_equal(w.text, expected, w.size);

  lam_json_document d;
  assert_int_equal(lam_json_parse(context, "test", w.text, w.size, SIZE_MAX, &d), LAM_OK);
  assert_string_equal(lam_json_member(d.root, "text\"\n")->text, "\"\\/\b\f\n\r\t\x01\x7f\xc3\xa9");
  double value;
  const lam_json *e = lam_json_first(lam_json_member(d.root, "numbers"));
  assert_true(lam_json_number(e, &value) && value == 0.1);
  assert_true(lam_json_number(e + 1, &value) && (float)value == 0.1f);
  assert_true(lam_json_number(e + 2, &value) && value == 0 && signbit(value));
  assert_true(lam_json_number(e + 3, &value) && isnan(value));
  assert_true(lam_json_number(e + 4, &value) && value == -(double)INFINITY);
  lam_json_release(&d);
  lam_json_writer_release(&w);
  lam_context_destroy(context);
}

/* Mutations of a document: whatever they do, the reader reads inside its bytes and either takes or refuses them. */
static void random_damage_never_leads_outside_the_bytes(void **state) {
  (void)state;
  const char *text = "{\"a\":[1.5e-3,\"\\u00e9\\ud83d\\ude00\",{\"b\":null,\"c\":[true,false]}],\"d\":\"\xe2\x82\xac\",\"e\":{}}";
  size_t size = strlen(text), read = 0, refused = 0;
  char copy[128];
  for (uint32_t i = 0; i < 20000; ++i) {
    uint32_t bits[4];
    lam_random_bits(bits, (uint32_t[4]){ i }, (uint32_t[2]){ 1, 2 });
    memcpy(copy, text, size);
    copy[bits[0] % size] = "\"\\{}[],:0-.eu\xe2"[bits[1] % 14];
    if (bits[3] & 1) copy[bits[2] % size] = (char)(bits[3] >> 8);
    parsed p = parse_limited(copy, size, SIZE_MAX);
    read += p.status == LAM_OK;
    refused += p.status == LAM_FORMAT;
    end(&p);
  }
  assert_int_equal(read + refused, 20000);
  assert_true(read > 100 && refused > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_the_standard_allows_is_read),
    cmocka_unit_test(what_the_standard_forbids_is_refused_at_its_byte),
    cmocka_unit_test(a_nul_is_refused_everywhere),
    cmocka_unit_test(every_prefix_of_a_document_is_refused),
    cmocka_unit_test(strings_are_unescaped),
    cmocka_unit_test(numbers_have_their_nearest_double),
    cmocka_unit_test(integers_are_exact_or_refused),
    cmocka_unit_test(members_are_found_past_nested_values),
    cmocka_unit_test(nesting_ends_at_the_limit),
    cmocka_unit_test(many_brackets_do_not_exhaust_the_stack),
    cmocka_unit_test(a_number_costs_sixteen_bytes_and_the_limit_holds),
    cmocka_unit_test(equal_keys_among_thousands_are_found),
    cmocka_unit_test(what_is_written_is_read_back),
    cmocka_unit_test(random_damage_never_leads_outside_the_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
