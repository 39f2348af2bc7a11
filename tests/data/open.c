/* SPDX-License-Identifier: MIT
 *
 * Datasets by name and by folder: what is found where, the sets that ship, and the sentences about what is missing.
 */
#include "data/place.h"
#include "files.h"
#include <sys/stat.h>

/* `rows` images of 2 x 2 with their labels, as the pair PREFIX of a new or old folder. */
static void write_pair(const char *name, const char *prefix, uint32_t rows) {
  char path[PATH_MAX];
  bytes images = idx_images(rows, 2, 2), labels = idx_labels(rows);
  mkdir(in_folder(name), 0700);
  snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", name, prefix);
  write_file(path, images.data, images.size);
  snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", name, prefix);
  write_file(path, labels.data, labels.size);
}

static size_t rows_of(const char *name) {
  lam_dataset *dataset = lam_dataset_open(context, name);
  size_t rows = lam_dataset_rows(dataset);
  lam_dataset_destroy(dataset);
  return rows;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void a_folder_gives_its_train_and_test_files(void **state) {
  (void)state;
  write_pair("four", "train", 8);
  write_pair("four", "t10k", 3);
  assert_int_equal(rows_of(in_folder("four")), 8);
  assert_int_equal(rows_of(in_folder("four/")), 8);
  assert_int_equal(rows_of(in_folder("four/train")), 8);
  assert_int_equal(rows_of(in_folder("four/test")), 3);
  assert_int_equal(rows_of(in_folder("four//test")), 3);
}

static void a_folders_only_pair_is_taken_whatever_it_is_called(void **state) {
  (void)state;
  write_pair("lone", "flowers", 9);
  assert_int_equal(rows_of(in_folder("lone")), 9);
  assert_int_equal(rows_of(in_folder("lone/train")), 6);
  assert_int_equal(rows_of(in_folder("lone/test")), 3);
  write_pair("test-only", "t10k", 5);
  assert_int_equal(rows_of(in_folder("test-only")), 5);
  assert_null(lam_dataset_open(context, in_folder("test-only/train")));
  says(LAM_IO, "test-only\" lacks train-images-idx3-ubyte or train-labels-idx1-ubyte, plain or .gz");
  write_pair("one", "single", 1);
  assert_int_equal(rows_of(in_folder("one")), 1);
  assert_null(lam_dataset_open(context, in_folder("one/test")));
  says(LAM_INVALID_DATA, "one row");
}

static void several_pairs_without_train_are_not_guessed_among(void **state) {
  (void)state;
  write_pair("several", "red", 4);
  write_pair("several", "blue", 5);
  assert_null(lam_dataset_open(context, in_folder("several")));
  says(LAM_IO, "lacks train-images-idx3-ubyte");
}

static void a_missing_half_of_a_pair_is_named(void **state) {
  (void)state;
  write_pair("half", "train", 4);
  assert_int_equal(remove(in_folder("half/train-labels-idx1-ubyte")), 0);
  assert_null(lam_dataset_open(context, in_folder("half/train")));
  says(LAM_IO, "train-labels-idx1-ubyte");
}

static void what_is_no_folder_is_said_so(void **state) {
  (void)state;
  assert_null(lam_dataset_open(context, in_folder("nowhere/train")));
  says(LAM_IO, "there is no folder");
  write_file("plain", "x", 1);
  assert_null(lam_dataset_open(context, in_folder("plain")));
  says(LAM_IO, "is not a folder");
  assert_null(lam_dataset_open(context, NULL));
  says(LAM_NO_HANDLE, "a name or a folder");
  char *endless = malloc(10001);
  memset(endless, '/', 10000);
  endless[10000] = 0;
  assert_null(lam_dataset_open(context, endless));
  says(LAM_INVALID_ARGUMENT, "less than 4096 bytes");
  free(endless);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static void unknown_names_are_answered_with_the_nearest(void **state) {
  (void)state;
  assert_null(lam_dataset_open(context, "fashion-mnits/train"));
  says(LAM_UNKNOWN_NAME, "fashion-mnist");
  says(LAM_UNKNOWN_NAME, "a folder may be given too");
  const char *const names[] = { "", "train", "digitz", "test" };
  for (size_t i = 0; i < 4; ++i) {
    assert_null(lam_dataset_open(context, names[i]));
    says(LAM_UNKNOWN_NAME, "digits");
  }
}

static void a_named_set_is_searched_in_lamina_data_first(void **state) {
  (void)state;
  mkdir(in_folder("collection"), 0700);
  write_pair("collection/mnist", "train", 4);
  write_pair("collection/mnist", "t10k", 2);
  write_pair("collection/digits", "digits", 12);
  setenv("LAMINA_DATA", in_folder("collection"), 1);
  assert_int_equal(rows_of("mnist/train"), 4);
  assert_int_equal(rows_of("mnist"), 4);
  assert_int_equal(rows_of("mnist/test"), 2);
  assert_int_equal(rows_of("digits"), 12);
  unsetenv("LAMINA_DATA");
}

static void a_missing_set_tells_files_folders_and_how_to_get_it(void **state) {
  (void)state;
  char start[PATH_MAX], elsewhere[PATH_MAX];
  assert_non_null(getcwd(start, sizeof start));
  assert_true(snprintf(elsewhere, sizeof elsewhere, "%s/%0300d", folder, 0) < PATH_MAX);
  setenv("LAMINA_DATA", elsewhere, 1);
  assert_int_equal(chdir(folder), 0);
  lam_dataset *dataset = lam_dataset_open(context, "mnist/train");
  assert_int_equal(chdir(start), 0);
  unsetenv("LAMINA_DATA");
  if (dataset) {
    lam_dataset_destroy(dataset);
    SKIP_BECAUSE("MNIST is installed here");
  }
  says(LAM_IO, "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (plain or .gz)");
  says(LAM_IO, "000/mnist, ./data/mnist, ./mnist, ");
  says(LAM_IO, "/usr/share/datasets/mnist; to get them: download them");
  assert_true(strlen(lam_error_message(context)) < 511);
}

/* ---- the sets that ship and that are known ----------------------------------------------------------------------- */

/* The sets that ship, and MNIST as people have it, are compressed. */
static void needs_zlib(void) {
#ifndef LAM_HAVE_ZLIB
  SKIP_BECAUSE("this build has no zlib");
#endif
}

static void digits_are_complete_and_divided_into_train_and_test(void **state) {
  (void)state;
  needs_zlib();
  char data[PATH_MAX - 8];
  snprintf(data, sizeof data, "%s/data", PROJECT);
  setenv("LAMINA_DATA", data, 1);
  lam_dataset *whole = lam_dataset_open(context, "digits"), *train = lam_dataset_open(context, "digits/train"),
              *test = lam_dataset_open(context, "digits/test");
  unsetenv("LAMINA_DATA");
  assert_non_null(whole);
  assert_int_equal(lam_dataset_rows(whole), 1797);
  assert_int_equal(lam_dataset_rows(train), 1347);
  assert_int_equal(lam_dataset_rows(test), 450);
  assert_int_equal(lam_dataset_classes(whole), 10);
  assert_true(lam_dataset_input(whole, 0)->scale == 1.0f / 16);
  assert_int_equal(lam_dataset_input(whole, 0)->shape.size[1], 8);

  // Together the parts have what the whole has: as many of each digit, as much ink.
  long ink[2] = { 0 };
  int counts[2][10] = { { 0 } };
  const lam_dataset *const parts[] = { whole, train, test };
  for (size_t p = 0; p < 3; ++p)
    for (size_t i = 0; i < lam_dataset_rows(parts[p]); ++i) {
      const uint8_t *pixels = lam_dataset_row(parts[p], lam_dataset_input(parts[p], 0), i);
      ++counts[p > 0][*(const uint8_t *)lam_dataset_row(parts[p], lam_dataset_target(parts[p], 0), i)];
      for (size_t j = 0; j < 64; ++j) ink[p > 0] += pixels[j] * (long)(j + 1);
      for (size_t j = 0; j < 64; ++j) assert_true(pixels[j] <= 16);
    }
  assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
  assert_int_equal(ink[0], ink[1]);
  const int known[10] = { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 }; // as UCI's description counts the test set
  assert_memory_equal(counts[0], known, sizeof known);
  lam_dataset_destroy(whole);
  lam_dataset_destroy(train);
  lam_dataset_destroy(test);
}

static void mnist_is_read_where_it_is(void **state) {
  (void)state;
  needs_zlib();
  const char *path = PROJECT "/../shared/data/mnist";
  struct stat status;
  if (stat(path, &status) != 0) SKIP_BECAUSE("MNIST is not in ../shared/data/mnist");
  char name[PATH_MAX];
  snprintf(name, sizeof name, "%s/train", path);
  lam_dataset *train = lam_dataset_open(context, name);
  assert_int_equal(lam_dataset_rows(train), 60000);
  assert_int_equal(lam_dataset_classes(train), 10);
  const uint8_t first[8] = { 5, 0, 4, 1, 9, 2, 1, 3 };
  assert_memory_equal(lam_dataset_target(train, 0)->data, first, sizeof first);
  // The first image's pixels, the "5" of every introduction, sum to 27525.
  const uint8_t *pixels = lam_dataset_input(train, 0)->data;
  unsigned sum = 0;
  for (size_t i = 0; i < 784; ++i) sum += pixels[i];
  assert_int_equal(sum, 27525);
  snprintf(name, sizeof name, "%s/test", path);
  assert_int_equal(rows_of(name), 10000);
  lam_dataset_destroy(train);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_folder_gives_its_train_and_test_files),
    cmocka_unit_test(a_folders_only_pair_is_taken_whatever_it_is_called),
    cmocka_unit_test(several_pairs_without_train_are_not_guessed_among),
    cmocka_unit_test(a_missing_half_of_a_pair_is_named),
    cmocka_unit_test(what_is_no_folder_is_said_so),
    cmocka_unit_test(unknown_names_are_answered_with_the_nearest),
    cmocka_unit_test(a_named_set_is_searched_in_lamina_data_first),
    cmocka_unit_test(a_missing_set_tells_files_folders_and_how_to_get_it),
    cmocka_unit_test(digits_are_complete_and_divided_into_train_and_test),
    cmocka_unit_test(mnist_is_read_where_it_is),
  };
  return cmocka_run_group_tests(tests, open_context, close_context);
}
