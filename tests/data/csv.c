/* SPDX-License-Identifier: MIT
 *
 * CSV files: what is right is read, each way of being wrong gets a status and a sentence with line and column, and no file takes
 * more memory than it earns.
 */
#include "data/place.h"
#include "files.h"
#include <locale.h>
#include <math.h>

static lam_dataset *open_text(const char *text, const lam_csv_options *options) {
  return lam_dataset_open_csv(context, write_file("t.csv", text, strlen(text)), options);
}

static lam_dataset *opened(const char *text, const lam_csv_options *options) {
  lam_dataset *dataset = open_text(text, options);
  if (!dataset) fail_msg("%s: %s", text, lam_error_message(context));
  return dataset;
}

/* The inputs of the text are these, row by row. */
static void check_inputs(const char *text, const lam_csv_options *options, size_t rows, size_t columns, const float *expected) {
  lam_dataset *dataset = opened(text, options);
  const lam_array *input = lam_dataset_input(dataset, 0);
  assert_int_equal(lam_dataset_rows(dataset), rows);
  assert_int_equal(lam_dataset_input_count(dataset), 1);
  assert_true(input->type == LAM_FLOAT32 && input->shape.rank == 1 && input->shape.size[0] == columns);
  assert_memory_equal(input->data, expected, rows * columns * sizeof(float));
  lam_dataset_destroy(dataset);
}

static void check_labels(const char *text, const lam_csv_options *options, size_t rows, const int32_t *expected) {
  lam_dataset *dataset = opened(text, options);
  const lam_array *target = lam_dataset_target(dataset, 0);
  assert_int_equal(lam_dataset_rows(dataset), rows);
  assert_true(target && target->type == LAM_INT32);
  assert_memory_equal(target->data, expected, rows * sizeof(int32_t));
  lam_dataset_destroy(dataset);
}

/* ---- what is right ----------------------------------------------------------------------------------------------- */

static void text_targets_are_classes_in_the_order_of_their_names(void **state) {
  (void)state;
  lam_dataset *dataset = opened("a,b,kind\n1,2,pear\n3,4.5,apple\n-5,6e-1,pear\n0,0,fig\n", NULL);
  const float inputs[] = { 1, 2, 3, 4.5f, -5, 0.6f, 0, 0 };
  const int32_t labels[] = { 2, 0, 2, 1 };
  assert_memory_equal(lam_dataset_input(dataset, 0)->data, inputs, sizeof inputs);
  assert_memory_equal(lam_dataset_target(dataset, 0)->data, labels, sizeof labels);
  assert_int_equal(lam_dataset_classes(dataset), 3);
  assert_string_equal(lam_dataset_class_name(dataset, 0), "apple");
  assert_string_equal(lam_dataset_class_name(dataset, 1), "fig");
  assert_string_equal(lam_dataset_class_name(dataset, 2), "pear");
  assert_null(lam_dataset_class_name(dataset, 3));
  lam_dataset *part = lam_dataset_slice(dataset, 1, 1); // a part has the names and classes of the whole
  assert_string_equal(lam_dataset_class_name(part, 2), "pear");
  assert_int_equal(lam_dataset_classes(part), 3);
  lam_dataset_destroy(part);
  lam_dataset_destroy(dataset);
  assert_null(lam_dataset_class_name(NULL, 0));
}

static void whole_numbers_are_labels_and_others_are_floats(void **state) {
  (void)state;
  check_labels("x,y\n1,0\n2,7\n3,2147483647\n", NULL, 3, (int32_t[]){ 0, 7, INT32_MAX });
  const char *const floats[] = { "x,y\n1,0\n2,0.5\n", "x,y\n1,0\n2,-1\n", "x,y\n1,0\n2,2147483648\n", "x,y\n1,0.5\n2,3\n" };
  const float expected[][2] = { { 0, 0.5f }, { 0, -1 }, { 0, 2147483648.0f }, { 0.5f, 3 } };
  for (size_t i = 0; i < 4; ++i) {
    lam_dataset *dataset = opened(floats[i], NULL);
    const lam_array *target = lam_dataset_target(dataset, 0);
    assert_true(target->type == LAM_FLOAT32 && target->shape.size[0] == 1);
    assert_memory_equal(target->data, expected[i], sizeof expected[i]);
    assert_null(lam_dataset_class_name(dataset, 0));
    lam_dataset_destroy(dataset);
  }
}

static void options_say_what_the_targets_are(void **state) {
  (void)state;
  lam_csv_options numbers = { .targets = LAM_TARGETS_NUMBERS }, classes = { .targets = LAM_TARGETS_CLASSES };
  lam_dataset *dataset = opened("x,y\n1,3\n2,4\n", &numbers);
  assert_true(lam_dataset_target(dataset, 0)->type == LAM_FLOAT32);
  lam_dataset_destroy(dataset);
  check_labels("x,y\n1,10\n2,9\n3,-1\n4,10\n", &classes, 4, (int32_t[]){ 2, 1, 0, 2 }); // by value
  check_labels("x,y\n1,10\n2,9\n3,a\n", &classes, 3, (int32_t[]){ 0, 1, 2 });           // by bytes
  const char *const names[] = { "no", "yes", "perhaps" };
  lam_csv_options known = { .class_names = names, .class_count = 3 };
  check_labels("x,y\n1,yes\n2,no\n", &known, 2, (int32_t[]){ 1, 0 });
  dataset = opened("x,y\n1,perhaps\n", &known);
  assert_string_equal(lam_dataset_class_name(dataset, 1), "yes");
  assert_int_equal(lam_dataset_classes(dataset), 3);
  lam_dataset_destroy(dataset);
}

static void the_target_is_chosen_by_name_or_number(void **state) {
  (void)state;
  const char *text = "size,2,kind\n5,6,7\n8,9,10\n";
  const char *const targets[] = { "size", "0", "2", "kind", NULL }; // "2" is a name here
  const int32_t labels[][2] = { { 5, 8 }, { 5, 8 }, { 6, 9 }, { 7, 10 }, { 7, 10 } };
  for (size_t i = 0; i < 5; ++i) check_labels(text, &(lam_csv_options){ .target = targets[i] }, 2, labels[i]);
  check_inputs(text, &(lam_csv_options){ .target = "2" }, 2, 2, (float[]){ 5, 7, 8, 10 });
  lam_csv_options all = { .no_target = true };
  check_inputs(text, &all, 2, 3, (float[]){ 5, 6, 7, 8, 9, 10 });
  lam_dataset *dataset = opened(text, &all);
  assert_int_equal(lam_dataset_target_count(dataset), 0);
  lam_dataset_destroy(dataset);
}

static void lines_may_end_and_begin_in_every_known_way(void **state) {
  (void)state;
  const char *const texts[] = {
    "x,z,y\n1,2,3\n4,5,6\n",
    "x,z,y\r\n1,2,3\r\n4,5,6\r\n",
    "x,z,y\n1,2,3\n4,5,6",
    "x,z,y\r\n1,2,3\r\n4,5,6\r",
    "\xef\xbb\xbfx,z,y\n1,2,3\n4,5,6\n",
    "\n\nx,z,y\n\n1,2,3\r\n  \n4,5,6\n\n\n",
    " x , z,\ty\n 1,2 ,3\n4, 5,6  \n",
    "\"x\",\"z\",\"y\"\n\"1\",2,\"3\"\n4,\"5\" , \"6\"\n",
    "\"x, or\",\"z\nand \"\"more\"\"\",y\n1,2,3\n4,5,6\n",
    "x,z,y\n+1,2.0,3\n4e0,.5e1,6.\n",
    "0,1,2\n1,2,3\n4,5,6\n",
    "1,2,y\n1,2,3\n4,5,6\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    check_inputs(texts[i], NULL, 2, 2, (float[]){ 1, 2, 4, 5 });
    check_labels(texts[i], NULL, 2, (int32_t[]){ 3, 6 });
  }
  check_inputs("\xef\xbb\xbf"
               "1,2,3\n4,5,6\n",
               &(lam_csv_options){ .no_header = true }, 2, 2, (float[]){ 1, 2, 4, 5 });
}

static void delimiters_other_than_the_comma_are_taken(void **state) {
  (void)state;
  const char *const texts[] = { "x;z;y\n1;2;3\n", "x\tz\ty\n1\t2\t3\n", "x z y\n1 2 3\n", "x|z|y\n1|2|3\n" };
  for (size_t i = 0; i < 4; ++i) check_inputs(texts[i], &(lam_csv_options){ .delimiter = texts[i][1] }, 1, 2, (float[]){ 1, 2 });
}

static void yes_and_no_are_one_and_zero_in_any_case(void **state) {
  (void)state;
  check_inputs("a,b,c,d,y\nyes,No,TRUE,false,x\nNO,YES,False,True,z\n", NULL, 2, 4, (float[]){ 1, 0, 1, 0, 0, 1, 0, 1 });
}

static void names_of_classes_may_hold_anything_that_is_utf8(void **state) {
  (void)state;
  lam_dataset *dataset = opened("x,y\n1,\"a, \"\"b\"\"\"\n2,\xc3\xa4pfel\n3,\"two\nlines\"\n4,\"a, \"\"a\"\n", NULL);
  const char *const names[] = { "a, \"a", "a, \"b\"", "two\nlines", "\xc3\xa4pfel" };
  const int32_t labels[] = { 1, 3, 2, 0 };
  for (size_t i = 0; i < 4; ++i) assert_string_equal(lam_dataset_class_name(dataset, i), names[i]);
  assert_memory_equal(lam_dataset_target(dataset, 0)->data, labels, sizeof labels);
  lam_dataset_destroy(dataset);
  check_labels("x,y\n1,\"a, \"\"b\"\"\"\n", &(lam_csv_options){ .class_names = names, .class_count = 4 }, 1, (int32_t[]){ 1 });
}

static void numbers_are_read_the_same_in_every_locale(void **state) {
  (void)state;
  const char *old = setlocale(LC_NUMERIC, NULL);
  char kept[64];
  snprintf(kept, sizeof kept, "%s", old);
  (void)(setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "de_DE")); // where there is one
  check_inputs("x,y\n1.5,0\n0.1234567890123456789,0\n", NULL, 2, 1, (float[]){ 1.5f, 0.12345679f });
  setlocale(LC_NUMERIC, kept);
}

static void a_line_of_a_million_columns_is_read(void **state) {
  (void)state;
  enum { COLUMNS = 1000001 };
  char *text = malloc(4 * COLUMNS + 2), *next = text;
  for (int row = 0; row < 2; ++row)
    for (size_t i = 0; i < COLUMNS; ++i) {
      *next++ = (char)(row ? '0' + i % 10 : 'n');
      *next++ = i + 1 < COLUMNS ? ',' : '\n';
    }
  lam_dataset *dataset = lam_dataset_open_csv(context, write_file("wide.csv", text, (size_t)(next - text)), NULL);
  free(text);
  assert_non_null(dataset);
  const float *row = lam_dataset_row(dataset, lam_dataset_input(dataset, 0), 0);
  for (size_t i = 0; i + 1 < COLUMNS; ++i) assert_true(row[i] == (float)(i % 10));
  lam_dataset_destroy(dataset);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Twice the file and a mebibyte on top of the floats. */
static void check_memory(const char *text, size_t size, bool good) {
  const char *path = write_file("m.csv", text, size);
  size_t before = context_memory.live_bytes, floats = 0;
  context_memory.most_bytes = before;
  lam_dataset *dataset = lam_dataset_open_csv(context, path, NULL);
  assert_true((dataset != NULL) == good);
  if (dataset) floats = lam_dataset_rows(dataset) * (lam_dataset_input(dataset, 0)->shape.size[0] + 1) * sizeof(float);
  if (context_memory.most_bytes - before > floats + 2 * size + (1 << 20))
    fail_msg("%zu bytes for %zu and %zu of floats", context_memory.most_bytes - before, size, floats);
  lam_dataset_destroy(dataset);
  assert_int_equal(context_memory.live_bytes, before);
}

static void files_of_any_kind_take_memory_in_proportion(void **state) {
  (void)state;
  enum { ROWS = 200000 };
  char *text = malloc(16 * ROWS);
  size_t size = (size_t)sprintf(text, "x,y\n");
  for (size_t i = 0; i < 24576; ++i) size += (size_t)sprintf(text + size, "1,k%zx\n", i);
  check_memory(text, size, true); // as many classes as are possible
  for (size_t i = 24576; i < ROWS; ++i) size += (size_t)sprintf(text + size, "1,k%zx\n", i);
  check_memory(text, size, false); // and too many
  assert_non_null(strstr(lam_error_message(context), "more than 24576 different texts"));
  size = (size_t)sprintf(text, "x,y\n");
  for (size_t i = 0; i < ROWS; ++i) size += (size_t)sprintf(text + size, "1,2\n");
  check_memory(text, size, true);
  memset(text + size, '\n', ROWS); // lines of nothing make no rows
  check_memory(text, size + ROWS, true);
  memset(text, ',', ROWS);
  check_memory(text, ROWS, false);
  memset(text, '\n', ROWS);
  check_memory(text, ROWS, false);
  free(text);
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

typedef struct fault {
  const char *text;
  const char *says;
  lam_csv_options options;
} fault;

static void check_refused(const char *text, size_t size, const lam_csv_options *options, lam_status status, const char *says) {
  size_t before = context_memory.live_bytes;
  assert_null(lam_dataset_open_csv(context, write_file("bad.csv", text, size), options));
  const char *message = lam_error_message(context);
  assert_int_equal(context_memory.live_bytes, before);
  if (lam_error_status(context) != status || !strstr(message, "bad.csv\"") || !strstr(message, says))
    fail_msg("%s: status %d, \"%s\" does not say \"%s\"", text, (int)lam_error_status(context), message, says);
}

static const char *const two[] = { "no", "yes" };

static void each_malformed_file_gets_its_own_sentence(void **state) {
  (void)state;
  const fault faults[] = {
    { "", "is empty", { 0 } },
    { "\n\n \n", "has 0 rows of 0 columns", { 0 } },
    { "\xef\xbb\xbf", "has 0 rows of 0 columns", { 0 } },
    { "x,y", "has 0 rows of 2 columns below its first line", { 0 } },
    { "x,y\n", "has 0 rows of 2 columns below its first line", { 0 } },
    { "\n", "has 0 rows of 0 columns; 1 to", { .no_header = true } },
    { "x,y\n1\n", "line 2 has 1 cell, the first line 2", { 0 } },
    { "x,y\n1,2\n1,2,3\n", "line 3 has 3 cells, the first line 2", { 0 } },
    { "x,y\n1,2,\n", "line 2 has 3 cells", { 0 } },
    { "\n\nx,y\n\n1,2\n\n7\n", "line 7 has 1 cell", { 0 } },
    { "x,y\n\"1\n\n\",2\n1\n", "line 5 has 1 cell", { 0 } },
    { "x;y\n1;2\n", "one column, which is the target", { 0 } },
    { "x,y\n1,2\n", "one column, which is the target", { .delimiter = ';' } },
    { "x,y\n,2\n", "line 2, column 0 (\"x\") is empty", { 0 } },
    { "x,z,y\n1,,2\n", "line 2, column 1 (\"z\") is empty", { 0 } },
    { "x,y\n1,\n", "line 2, column 1 (\"y\") is empty", { 0 } },
    { "x,y\n\"\",2\n", "column 0 (\"x\") is empty", { 0 } },
    { "1,2,a\n3,,a\n", "line 2, column 1 is empty", { .no_header = true } },
    { "x,y\n1,a\nred,b\n", "line 3, column 0 (\"x\") is \"red\": an input is a finite number", { 0 } },
    { "x,y\nnan,2\n", "is \"nan\"", { 0 } },
    { "x,y\nNaN,2\n", "is \"NaN\"", { 0 } },
    { "x,y\nNA,2\n", "is \"NA\"", { 0 } },
    { "x,y\ninf,2\n", "is \"inf\"", { 0 } },
    { "x,y\n-inf,2\n", "is \"-inf\"", { 0 } },
    { "x,y\n1e39,2\n", "is \"1e39\": that is too large for a float", { 0 } },
    { "x,y\n1e999,2\n", "is \"1e999\"", { 0 } },
    { "x,y\n-1e39,2\n", "too large", { 0 } },
    { "x,y\n1x,2\n", "is \"1x\"", { 0 } },
    { "x,y\n1 2,2\n", "is \"1 2\"", { 0 } },
    { "x,y\n0x10,2\n", "is \"0x10\"", { 0 } },
    { "x;y\n1,5;2\n", "is \"1,5\"", { .delimiter = ';' } },
    { "x,y\n1.2.3,2\n", "is \"1.2.3\"", { 0 } },
    { "x,y\n--1,2\n", "is \"--1\"", { 0 } },
    { "x,y\n.,2\n", "is \".\"", { 0 } },
    { "x,y\n1e,2\n", "is \"1e\"", { 0 } },
    { "x,y\nyess,2\n", "is \"yess\"", { 0 } },
    { "x,y\nye,2\n", "is \"ye\"", { 0 } },
    { "x,y\n\"1\"2,2\n", "line 2: there is text behind a closing quote", { 0 } },
    { "x,y\n1\"2,2\n", "line 2: a quote within a cell", { 0 } },
    { "x,y\n1,2\n1,\"2\n3,4\n", "line 3: a quote is not closed", { 0 } },
    { "\"x,y\n1,2\n", "line 1: a quote is not closed", { 0 } },
    { "x,y\n1,\"", "line 2: a quote is not closed", { 0 } },
    { "x,y\n1,\"\"\"", "line 2: a quote is not closed", { 0 } },
    { "x,y\r1,2\r3,4\r", "line 1: a carriage return without a line feed", { 0 } },
    { "x,y\n1\r,2\n", "line 2: a carriage return", { 0 } },
    { "5.1,3.5,setosa\n4.9,3.0,setosa\n", "line 1: names of columns are expected, and these are numbers", { 0 } },
    { "5,3\n4,3\n", "names of columns are expected", { 0 } },
    { "0,2,1\n4,3,1\n", "names of columns are expected", { .no_target = true } },
    { "x,y\n1,2\n", "has no column \"z\"; its last is column 1 (\"y\")", { .target = "z" } },
    { "x,y\n1,2\n", "has no column \"2\"", { .target = "2" } },
    { "x,y\n1,2\n", "has no column \"-1\"", { .target = "-1" } },
    { "x,y\n1,2\n", "has no column \"\"", { .target = "" } },
    { "x,y\n1,2\n", "has no column \"99999999999999999999\"", { .target = "99999999999999999999" } },
    { "1,2\n1,2\n", "has no column \"y\"; its last is column 1", { .target = "y", .no_header = true } },
    { "y,x,y\n1,2,3\n", "has 2 columns named \"y\"", { .target = "y" } },
    { "x,y\n1,2\n2,b\n", "line 3, column 1 (\"y\") is \"b\": the targets before it are numbers", { 0 } },
    { "x,y\n1,b\n2,2\n", "line 3, column 1 (\"y\") is \"2\": the targets before it are text", { 0 } },
    { "x,y\n1,1.5\n2,NA\n", "is \"NA\": the targets before it are numbers", { 0 } },
    { "x,y\n1,1.5\n2,nan\n", "is \"nan\": the targets before it are numbers", { 0 } },
    { "x,y\n1,a\n", "is \"a\": the targets are finite numbers", { .targets = LAM_TARGETS_NUMBERS } },
    { "x,y\n1,inf\n", "is \"inf\": the targets are finite numbers", { .targets = LAM_TARGETS_NUMBERS } },
    { "x,y\n1,1e39\n", "too large for a float", { 0 } },
    { "x,y\n1,a\n2,\n", "line 3, column 1 (\"y\") is empty", { 0 } },
    { "x,y\n1,\xe4pfel\n", "it is not UTF-8", { 0 } },
    { "x,y\n1,\xff\n", "it is not UTF-8", { 0 } },
    { "x,y\n1,\xed\xa0\x80\n", "it is not UTF-8", { 0 } },
    { "x,y\n1,yes\n2,maybe\n",
      "line 3, column 1 (\"y\") is \"maybe\": it is none of the 2 classes that are known: \"no\"",
      { .class_names = two, .class_count = 2 } },
    { "x,y\n1,1\n", "none of the 2 classes", { .class_names = two, .class_count = 2 } },
    { "x,y\n1,Yes\n", "none of the 2 classes", { .class_names = two, .class_count = 2 } },
    { "x,y\n1,ye\n", "none of the 2 classes", { .class_names = two, .class_count = 2 } },
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; ++i) {
    lam_status status = strstr(faults[i].says, "has no column") ? LAM_UNKNOWN_NAME : LAM_FORMAT;
    check_refused(faults[i].text, strlen(faults[i].text), &faults[i].options, status, faults[i].says);
  }
}

static void zero_bytes_are_refused_wherever_they_are(void **state) {
  (void)state;
  const char good[] = "x,y\n1,2\n3,\"4\"\n";
  for (size_t i = 0; i < sizeof good - 1; ++i) {
    char bad[sizeof good], says[32];
    memcpy(bad, good, sizeof good);
    bad[i] = 0;
    snprintf(says, sizeof says, "its byte %zu is zero", i);
    check_refused(bad, sizeof bad - 1, NULL, LAM_FORMAT, says);
  }
}

static void a_long_cell_is_cut_in_its_sentence_between_two_characters(void **state) {
  (void)state;
  char text[400] = "x,y\n1";
  for (int i = 0; i < 100; ++i) strcat(text, "\xc3\xa4");
  strcat(text, ",1\n");
  check_refused(text, strlen(text), NULL, LAM_FORMAT, "\xc3\xa4...\": an input is");
  check_refused("x\ny,z\n1,2\n", 10, NULL, LAM_FORMAT, "line 2 has 2 cells, the first line 1");
  check_refused("\"x\ny\",z\n,2\n", 11, NULL, LAM_FORMAT, "column 0 (\"x y\") is empty");
}

static void wrong_options_are_refused(void **state) {
  (void)state;
  const char *const none[] = { "a", NULL };
  const struct {
    lam_csv_options options;
    const char *says;
  } cases[] = {
    { { .delimiter = '"' }, "cannot be the delimiter" },
    { { .delimiter = '\n' }, "cannot be the delimiter" },
    { { .delimiter = '\r' }, "cannot be the delimiter" },
    { { .targets = (lam_target_kind)7 }, "no lam_target_kind 7" },
    { { .target = "y", .no_target = true }, "exclude each other" },
    { { .class_count = 2 }, "come with their number" },
    { { .class_names = two }, "come with their number" },
    { { .class_names = two, .class_count = 2, .targets = LAM_TARGETS_NUMBERS }, "not with LAM_TARGETS_NUMBERS" },
    { { .class_names = none, .class_count = 2 }, "class 1 is NULL" },
    { { .reserved = { 1 } }, "reserved fields" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    assert_null(open_text("x,y\n1,2\n", &cases[i].options));
    if (!strstr(lam_error_message(context), cases[i].says)) fail_msg("%s", lam_error_message(context));
  }
  assert_null(lam_dataset_open_csv(context, NULL, NULL));
  assert_int_equal(lam_error_status(context), LAM_NO_HANDLE);
  assert_null(lam_dataset_open_csv(NULL, "x", NULL));
  assert_null(lam_dataset_open_csv(context, folder, NULL));
  assert_int_equal(lam_error_status(context), LAM_IO);
  assert_null(lam_dataset_open_csv(context, "/dev/zero", NULL));
  assert_int_equal(lam_error_status(context), LAM_IO);
}

/* Every cut and every changed byte gives a dataset or a sentence, and never more than that (run under the sanitizers). */
static void damaged_files_are_read_or_refused(void **state) {
  (void)state;
  const char good[] = "\xef\xbb\xbfx,\"z\"\"\",y\r\n1,\"2\",\"a\nb\"\n3,yes,\"c\"\"\"\n";
  const char replaced[] = { ',', '"', '\n', '\r', 'a', '9', ' ', '\xff' };
  size_t read = 0, refused = 0;
  for (size_t i = 1; i <= sizeof good - 1; ++i)
    for (size_t j = 0; j <= sizeof replaced; ++j) {
      char bad[sizeof good];
      size_t size = j == sizeof replaced ? i : sizeof good - 1;
      memcpy(bad, good, sizeof good);
      if (j < sizeof replaced) bad[i - 1] = replaced[j];
      lam_dataset *dataset = lam_dataset_open_csv(context, write_file("damaged.csv", bad, size), NULL);
      if (dataset) {
        assert_int_equal(lam_dataset_input_count(dataset), 1);
        ++read;
      } else {
        assert_non_null(strstr(lam_error_message(context), "damaged.csv\""));
        ++refused;
      }
      lam_dataset_destroy(dataset);
    }
  assert_true(read > 20 && refused > 100);
}

/* ---- gzip and names ---------------------------------------------------------------------------------------------- */

#ifdef LAM_HAVE_ZLIB
static void gzip_is_read_in_proportion_to_what_it_holds(void **state) {
  (void)state;
  const char text[] = "x,y\n1,a\n2,b\n";
  bytes packed = gzip_bytes(text, sizeof text - 1);
  lam_dataset *dataset = lam_dataset_open(context, write_file("t.csv.gz", packed.data, packed.size));
  assert_non_null(dataset);
  assert_string_equal(lam_dataset_class_name(dataset, 1), "b");
  lam_dataset_destroy(dataset);
  enum { ROWS = 300000 };
  gzFile out = gzopen(in_folder("large.csv.gz"), "wb");
  gzputs(out, "x,y\n");
  for (int i = 0; i < ROWS; ++i) gzputs(out, "0,1\n");
  assert_int_equal(gzclose(out), Z_OK);
  size_t before = context_memory.most_bytes = context_memory.live_bytes;
  dataset = lam_dataset_open_csv(context, in_folder("large.csv.gz"), NULL);
  assert_int_equal(lam_dataset_rows(dataset), ROWS);
  assert_true(context_memory.most_bytes - before <= 8 * ROWS + 2 * 4 * ROWS + (1 << 20));
  lam_dataset_destroy(dataset);
  for (size_t size = packed.size - 1; size > 2; --size) {
    assert_null(lam_dataset_open_csv(context, write_file("cut.csv.gz", packed.data, size), NULL));
    assert_int_equal(lam_error_status(context), LAM_FORMAT);
  }
}
#endif

static void tables_are_opened_by_path_and_divided(void **state) {
  (void)state;
  char text[400] = "x,y\n", name[600];
  for (int i = 0; i < 10; ++i) sprintf(text + strlen(text), "%d,%d\n", i, i % 2);
  const char *path = write_file("t.csv", text, strlen(text));
  lam_dataset *whole = lam_dataset_open(context, path);
  assert_int_equal(lam_dataset_rows(whole), 10);
  snprintf(name, sizeof name, "%s/train", path);
  lam_dataset *train = lam_dataset_open(context, name);
  snprintf(name, sizeof name, "%s/test", path);
  lam_dataset *test = lam_dataset_open(context, name);
  assert_int_equal(lam_dataset_rows(train), 7);
  assert_int_equal(lam_dataset_rows(test), 3);
  bool seen[10] = { false };
  for (size_t i = 0; i < 10; ++i) {
    const lam_dataset *part = i < 7 ? train : test;
    float value = *(const float *)lam_dataset_row(part, lam_dataset_input(part, 0), i < 7 ? i : i - 7);
    assert_false(seen[(int)value]);
    seen[(int)value] = true;
  }
  lam_dataset_destroy(train);
  lam_dataset_destroy(test);
  lam_dataset_destroy(whole);
  assert_null(lam_dataset_open(context, "nowhere.csv"));
  assert_int_equal(lam_error_status(context), LAM_IO);
}

static void iris_is_found_by_its_name(void **state) {
  (void)state;
  const char *const names[] = { "iris", "iris/train", "iris/test" };
  const size_t rows[] = { 150, 112, 38 };
  setenv("LAMINA_DATA", PROJECT "/data", 1);
  for (size_t i = 0; i < 3; ++i) {
    lam_dataset *dataset = lam_dataset_open(context, names[i]);
    if (!dataset) fail_msg("%s", lam_error_message(context));
    assert_int_equal(lam_dataset_rows(dataset), rows[i]);
    assert_int_equal(lam_dataset_input(dataset, 0)->shape.size[0], 4);
    assert_string_equal(lam_dataset_class_name(dataset, 1), "versicolor");
    lam_dataset_destroy(dataset);
  }
  unsetenv("LAMINA_DATA");
}

/* ---- allocations ------------------------------------------------------------------------------------------------- */

static void whichever_allocation_fails_there_is_a_status_and_no_leak(void **state) {
  (void)state;
  char text[2000] = "x,y\n";
  for (int i = 0; i < 40; ++i) sprintf(text + strlen(text), "%d,class %d\n", i, i);
  char path[600];
#ifdef LAM_HAVE_ZLIB
  bytes packed = gzip_bytes(text, strlen(text));
  snprintf(path, sizeof path, "%s/test", write_file("e.csv.gz", packed.data, packed.size));
#else
  snprintf(path, sizeof path, "%s/test", write_file("e.csv", text, strlen(text)));
#endif
  open_with_every_allocation_failing(path, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(text_targets_are_classes_in_the_order_of_their_names),
    cmocka_unit_test(whole_numbers_are_labels_and_others_are_floats),
    cmocka_unit_test(options_say_what_the_targets_are),
    cmocka_unit_test(the_target_is_chosen_by_name_or_number),
    cmocka_unit_test(lines_may_end_and_begin_in_every_known_way),
    cmocka_unit_test(delimiters_other_than_the_comma_are_taken),
    cmocka_unit_test(yes_and_no_are_one_and_zero_in_any_case),
    cmocka_unit_test(names_of_classes_may_hold_anything_that_is_utf8),
    cmocka_unit_test(numbers_are_read_the_same_in_every_locale),
    cmocka_unit_test(a_line_of_a_million_columns_is_read),
    cmocka_unit_test(files_of_any_kind_take_memory_in_proportion),
    cmocka_unit_test(each_malformed_file_gets_its_own_sentence),
    cmocka_unit_test(zero_bytes_are_refused_wherever_they_are),
    cmocka_unit_test(a_long_cell_is_cut_in_its_sentence_between_two_characters),
    cmocka_unit_test(wrong_options_are_refused),
    cmocka_unit_test(damaged_files_are_read_or_refused),
#ifdef LAM_HAVE_ZLIB
    cmocka_unit_test(gzip_is_read_in_proportion_to_what_it_holds),
#endif
    cmocka_unit_test(tables_are_opened_by_path_and_divided),
    cmocka_unit_test(iris_is_found_by_its_name),
    cmocka_unit_test(whichever_allocation_fails_there_is_a_status_and_no_leak),
  };
  return cmocka_run_group_tests(tests, open_context, close_context);
}
