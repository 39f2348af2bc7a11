/* SPDX-License-Identifier: MIT
 *
 * Saving and loading by path: whatever fails, the old file stays and nothing is left beside it.
 */
#include "file/bytes.h"
#include "file/models.h"
#include "folder.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static lam_context *context;
static lam_model *model;

static size_t count_files(void) {
  DIR *open = opendir(folder);
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(open));) count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
  closedir(open);
  return count;
}

static test_bytes content(const char *path) {
  test_bytes file = { 0 };
  unsigned char buffer[4096];
  int descriptor = open(path, O_RDONLY);
  assert_true(descriptor >= 0);
  for (ssize_t got; (got = read(descriptor, buffer, sizeof buffer)) > 0;) test_write(&file, buffer, (size_t)got);
  close(descriptor);
  return file;
}

static void put(const char *path, const void *bytes, size_t size) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  assert_true(descriptor >= 0);
  assert_int_equal(write(descriptor, bytes, size), size);
  close(descriptor);
}

static int begin(void **state) {
  context = lam_context_create(NULL);
  model = test_small_model(context);
  return model ? make_folder(state) : -1;
}

static int end(void **state) {
  lam_context_destroy(context);
  return remove_folder(state);
}

static void a_model_is_saved_alone_and_loaded(void **state) {
  (void)state;
  assert_int_equal(lam_model_save(model, in_folder("m.safetensors")), LAM_OK);
  assert_int_equal(count_files(), 1);
  test_bytes written = { 0 }, saved = content(in_folder("m.safetensors"));
  assert_int_equal(lam_model_write(model, test_write, &written), LAM_OK);
  assert_int_equal(saved.size, written.size);
  assert_memory_equal(saved.bytes, written.bytes, written.size);
  assert_non_null(lam_model_load(context, in_folder("m.safetensors")));
  free(written.bytes);
  free(saved.bytes);
}

static void the_old_files_mode_stays_and_a_new_one_has_the_umasks(void **state) {
  (void)state;
  struct stat about;
  mode_t mask = umask(027);
  assert_int_equal(lam_model_save(model, in_folder("new")), LAM_OK);
  assert_int_equal(stat(in_folder("new"), &about), 0);
  assert_int_equal(about.st_mode & 07777, 0640);
  assert_int_equal(chmod(in_folder("new"), 0604), 0);
  assert_int_equal(lam_model_save(model, in_folder("new")), LAM_OK);
  assert_int_equal(stat(in_folder("new"), &about), 0);
  assert_int_equal(about.st_mode & 07777, 0604);
  umask(mask);
}

static void a_symbolic_link_stays_and_its_target_is_replaced(void **state) {
  (void)state;
  put(in_folder("target"), "old", 3);
  assert_int_equal(symlink("target", in_folder("link")), 0);
  assert_int_equal(lam_model_save(model, in_folder("link")), LAM_OK);
  struct stat about;
  assert_int_equal(lstat(in_folder("link"), &about), 0);
  assert_true(S_ISLNK(about.st_mode));
  assert_non_null(lam_model_load(context, in_folder("target")));
  assert_int_equal(count_files(), 2);
}

static void paths_that_cannot_be_written_are_told_with_their_reason(void **state) {
  (void)state;
  put(in_folder("file"), "old", 3);
  mkdir(in_folder("directory"), 0777);
  mkfifo(in_folder("pipe"), 0666);
  assert_int_equal(symlink("nowhere/at/all", in_folder("dangling")), 0);
  char longest[5000];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  const char *const names[] = { "none/m", "file/m", "directory", "directory/", "pipe", "dangling", longest };
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char path[6000];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    assert_int_equal(lam_model_save(model, path), LAM_IO);
    assert_non_null(strstr(lam_error_message(context), "cannot write "));
  }
  assert_int_equal(lam_model_save(model, ""), LAM_IO);
  assert_int_equal(lam_model_save(model, "/dev/null"), LAM_IO);
  assert_int_equal(count_files(), 4);
}

static void a_read_only_folder_or_file_keeps_the_old_file(void **state) {
  (void)state;
  if (geteuid() == 0 && seteuid(65534)) SKIP_BECAUSE("root may write everywhere");
  char place[] = "/tmp/lamina-locked-XXXXXX", path[64];
  assert_non_null(mkdtemp(place));
  snprintf(path, sizeof path, "%s/m", place);
  put(path, "old", 3);
  for (int locked = 0; locked < 2; ++locked) { // the folder, then the file
    chmod(locked ? path : place, locked ? 0444 : 0555);
    assert_int_equal(lam_model_save(model, path), LAM_IO);
    assert_non_null(strstr(lam_error_message(context), path));
    chmod(place, 0755);
    test_bytes old = content(path);
    assert_int_equal(old.size, 3);
    free(old.bytes);
  }
  unlink(path);
  assert_int_equal(rmdir(place), 0);
  if (getuid() == 0) assert_int_equal(seteuid(0), 0);
}

/* A limit on the size of files, as small as makes each write fail: what a full disk does. */
static void a_full_disk_keeps_the_old_file(void **state) {
  (void)state;
  assert_int_equal(lam_model_save(model, in_folder("m")), LAM_OK);
  test_bytes old = content(in_folder("m"));
  lam_model_set_parameter(model, "dense/bias", (const float[]){ 1, 2, 3 }, 3);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  struct rlimit before, limit;
  getrlimit(RLIMIT_FSIZE, &before);
  for (size_t room = 0; room < old.size; room += 97) {
    limit = (struct rlimit){ room, before.rlim_max };
    setrlimit(RLIMIT_FSIZE, &limit);
    lam_status status = lam_model_save(model, in_folder("m"));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, LAM_IO);
    assert_int_equal(count_files(), 1);
    test_bytes now = content(in_folder("m"));
    assert_int_equal(now.size, old.size);
    assert_memory_equal(now.bytes, old.bytes, old.size);
    free(now.bytes);
  }
  signal(SIGXFSZ, handler);
  free(old.bytes);
}

static void only_regular_files_are_opened(void **state) {
  (void)state;
  mkfifo(in_folder("pipe"), 0666);
  mkdir(in_folder("directory"), 0777);
  const char *const paths[] = { in_folder("pipe"), in_folder("directory"), "/dev/zero", "/dev/null", "", "/proc/self/none" };
  for (size_t i = 0; i < sizeof paths / sizeof *paths; ++i) {
    assert_null(lam_model_load(context, paths[i]));
    assert_int_equal(lam_error_status(context), LAM_IO);
    assert_non_null(strstr(lam_error_message(context), paths[i]));
  }
}

static void a_sparse_giant_costs_nothing(void **state) {
  (void)state;
  int descriptor = open(in_folder("giant"), O_WRONLY | O_CREAT, 0644);
  if (ftruncate(descriptor, (off_t)1 << 40)) close(descriptor), SKIP_BECAUSE("this file system has no files of a terabyte");
  close(descriptor);
  assert_null(lam_model_load(context, in_folder("giant")));
  assert_int_equal(lam_error_status(context), LAM_FORMAT);
}

static void a_file_that_shrinks_while_it_is_read_is_told(void **state) {
  (void)state;
  assert_int_equal(lam_model_save(model, in_folder("m")), LAM_OK);
  lam_bytes bytes;
  assert_int_equal(lam_bytes_open(context, in_folder("m"), &bytes), LAM_OK);
  assert_int_equal(truncate(in_folder("m"), 20), 0);
  char byte[30];
  assert_int_equal(lam_bytes_read(&bytes, 0, byte, 20), LAM_OK);
  assert_int_equal(lam_bytes_read(&bytes, 0, byte, 21), LAM_IO);
  assert_non_null(strstr(lam_error_message(context), "became shorter"));
  lam_bytes_close(&bytes);
}

static void null_handles_are_a_status(void **state) {
  (void)state;
  assert_int_equal(lam_model_save(NULL, "x"), LAM_NO_HANDLE);
  assert_int_equal(lam_model_save(model, NULL), LAM_NO_HANDLE);
  assert_int_equal(lam_model_write(model, NULL, NULL), LAM_NO_HANDLE);
  assert_int_equal(lam_trainer_save(NULL, "x"), LAM_NO_HANDLE);
  assert_null(lam_model_load(NULL, "x"));
  assert_null(lam_model_load(context, NULL));
  assert_null(lam_model_load_memory(context, NULL, 5));
  assert_null(lam_model_read(context, NULL, NULL));
  assert_null(lam_trainer_load(NULL, "x"));
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)
  const struct CMUnitTest tests[] = {
    IN_FOLDER(a_model_is_saved_alone_and_loaded),
    IN_FOLDER(the_old_files_mode_stays_and_a_new_one_has_the_umasks),
    IN_FOLDER(a_symbolic_link_stays_and_its_target_is_replaced),
    IN_FOLDER(paths_that_cannot_be_written_are_told_with_their_reason),
    IN_FOLDER(a_read_only_folder_or_file_keeps_the_old_file),
    IN_FOLDER(a_full_disk_keeps_the_old_file),
    IN_FOLDER(only_regular_files_are_opened),
    IN_FOLDER(a_sparse_giant_costs_nothing),
    IN_FOLDER(a_file_that_shrinks_while_it_is_read_is_told),
    IN_FOLDER(null_handles_are_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
