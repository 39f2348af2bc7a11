/* SPDX-License-Identifier: MIT
 *
 * How many CPUs the process may use: its affinity and its control groups, and the context's default.
 */
#include "base/cpus.h"
#include "support.h"
#include <lamina.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- affinity ---------------------------------------------------------------------------------------------------- */

static unsigned threads_by_default(void) {
  lam_context *context = lam_context_create(NULL);
  unsigned threads = lam_context_threads(context);
  lam_context_destroy(context);
  return threads;
}

static void one_cpu_makes_one_thread(void **state) {
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    cpu_set_t all, one;
    int cpu = 0;
    if (sched_getaffinity(0, sizeof all, &all)) _exit(77); // more CPUs than a cpu_set_t has
    while (!CPU_ISSET(cpu, &all)) ++cpu;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    unsigned before = threads_by_default();
    if (before < 1 || before > (unsigned)CPU_COUNT(&all)) _exit(1);
    if (sched_setaffinity(0, sizeof one, &one)) _exit(77);
    if (threads_by_default() != 1) _exit(2);
    _exit(lam_context_threads(NULL) == 1 ? 0 : 3);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) SKIP_BECAUSE("the system does not let a process choose its CPUs");
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- control groups ---------------------------------------------------------------------------------------------- */

static char root[] = "/tmp/lamina_cpus_XXXXXX";

static int make_root(void **state) {
  (void)state;
  return mkdtemp(root) ? 0 : 1;
}

static void forget_all(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s/*", root);
  assert_int_equal(system(command), 0);
}

static int remove_root(void **state) {
  (void)state;
  forget_all();
  return rmdir(root);
}

/* Writes a file beneath the root, with the folders above it. */
static void put(const char *path, const char *text) {
  char whole[512];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  for (char *at = whole + sizeof root; (at = strchr(at, '/')); ++at) {
    *at = 0;
    mkdir(whole, 0700);
    *at = '/';
  }
  FILE *file = fopen(whole, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static unsigned quota_of(const char *groups, const char *file, const char *text) {
  forget_all();
  put("/proc/self/cgroup", groups);
  if (file) put(file, text);
  return lam_cpu_quota(root);
}

static void no_limit_is_none(void **state) {
  (void)state;
  forget_all();
  assert_int_equal(lam_cpu_quota(root), UINT_MAX);
  assert_int_equal(quota_of("0::/\n", NULL, NULL), UINT_MAX);
  assert_int_equal(quota_of("0::/\n", "/sys/fs/cgroup/cpu.max", "max 100000\n"), UINT_MAX);
  assert_int_equal(quota_of("", "/sys/fs/cgroup/cpu.max", "100000 100000\n"), UINT_MAX);
  assert_int_equal(quota_of("nonsense\n::\n0:\n", "/sys/fs/cgroup/cpu.max", "100000 100000\n"), UINT_MAX);
  assert_int_equal(quota_of("0::/a\n", "/sys/fs/cgroup/a/cpu.max", ""), UINT_MAX);
  assert_int_equal(quota_of("0::/a\n", "/sys/fs/cgroup/a/cpu.max", "100000\n"), UINT_MAX);
}

static void whole_cpus_of_the_second_version_count_down(void **state) {
  (void)state;
  assert_int_equal(quota_of("0::/\n", "/sys/fs/cgroup/cpu.max", "250000 100000\n"), 2);
  assert_int_equal(quota_of("0::/\n", "/sys/fs/cgroup/cpu.max", "50000 100000\n"), 1);
  assert_int_equal(quota_of("0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n"), 3);
  assert_int_equal(quota_of("0::/a/b\n", "/sys/fs/cgroup/a/cpu.max", "400000 100000\n"), 4);    // of a group above
  assert_int_equal(quota_of("0::/not/here\n", "/sys/fs/cgroup/cpu.max", "500000 100000\n"), 5); // as in a container
  assert_int_equal(quota_of("0::/a\n", "/sys/fs/cgroup/a/cpu.max", "9000000000 100000\n"), 90000);
}

static void the_least_of_all_groups_counts(void **state) {
  (void)state;
  forget_all();
  put("/proc/self/cgroup", "0::/a/b\n");
  put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  put("/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n");
  assert_int_equal(lam_cpu_quota(root), 3);
  put("/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
  assert_int_equal(lam_cpu_quota(root), 2);
}

static void the_first_version_has_two_files(void **state) {
  (void)state;
  static const char groups[] = "5:memory:/x\n4:cpu,cpuacct:/a\n3:cpuset:/a\n";
  forget_all();
  put("/proc/self/cgroup", groups);
  put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n");
  put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  assert_int_equal(lam_cpu_quota(root), UINT_MAX);
  put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "350000\n");
  assert_int_equal(lam_cpu_quota(root), 3);
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  assert_int_equal(lam_cpu_quota(root), 2);
  put("/proc/self/cgroup", "3:cpuset:/a\n");
  assert_int_equal(lam_cpu_quota(root), UINT_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_cpu_makes_one_thread),
    cmocka_unit_test(no_limit_is_none),
    cmocka_unit_test(whole_cpus_of_the_second_version_count_down),
    cmocka_unit_test(the_least_of_all_groups_counts),
    cmocka_unit_test(the_first_version_has_two_files),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
