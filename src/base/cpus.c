/* SPDX-License-Identifier: MIT
 *
 * How many CPUs the process may use: its affinity, and the bandwidth limits of Linux's control groups, of which every group above
 * the process's own may set one: cpu.max in version 2 ("150000 100000", microseconds of each period, or "max 100000"),
 * cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us in version 1.
 */
#include "base/cpus.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PATH = 4096, MOST_TEXT = 8192 };

/* A small file as a string; false where there is none. */
static bool read_text(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  size_t length = 0;
  ssize_t more;
  while (length + 1 < size && (more = read(file, text + length, size - 1 - length)) > 0) length += (size_t)more;
  text[length] = 0;
  (void)close(file);
  return length > 0;
}

static unsigned whole_cpus(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return UINT_MAX;
  long long cpus = quota / period;
  return cpus < 1 ? 1 : cpus > UINT_MAX ? UINT_MAX : (unsigned)cpus;
}

static long long read_number(const char *folder, const char *name) {
  char path[MOST_PATH + 64], text[64];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return read_text(path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

/* The limit of one group. */
static unsigned group_quota(const char *folder, bool second) {
  char path[MOST_PATH + 64], text[64], *rest;
  if (!second) return whole_cpus(read_number(folder, "cpu.cfs_quota_us"), read_number(folder, "cpu.cfs_period_us"));
  (void)snprintf(path, sizeof path, "%s/cpu.max", folder);
  if (!read_text(path, text, sizeof text)) return UINT_MAX;
  long long quota = strtoll(text, &rest, 10); /* of "max" nothing is read */
  return rest == text ? UINT_MAX : whole_cpus(quota, strtoll(rest, NULL, 10));
}

/* The least limit of a group and those above it. In a container the group's own name may be one that is not to be seen there. */
static unsigned least_quota(const char *root, const char *group, bool second) {
  char folder[MOST_PATH];
  int top = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s", root, second ? "" : "/cpu");
  int length = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s%s", root, second ? "" : "/cpu", group);
  if (length >= (int)sizeof folder) return UINT_MAX;
  for (unsigned least = UINT_MAX;;) {
    unsigned quota = group_quota(folder, second);
    if (quota < least) least = quota;
    char *last = strrchr(folder, '/');
    if (!last || last < folder + top) return least;
    *last = 0;
  }
}

/* Whether a list as "cpu,cpuacct" has "cpu". */
static bool controls_cpu(const char *list) {
  for (size_t length; *list; list += length + (list[length] == ',')) {
    length = strcspn(list, ",");
    if (length == 3 && memcmp(list, "cpu", 3) == 0) return true;
  }
  return false;
}

unsigned lam_cpu_quota(const char *root) {
  char path[MOST_PATH], groups[MOST_TEXT], *next = groups;
  unsigned least = UINT_MAX;
  (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  if (!read_text(path, groups, sizeof groups)) return UINT_MAX;
  while (next && *next) { /* lines as "4:cpu,cpuacct:/a/b", or in version 2 "0::/a/b" */
    char *line = next, *list = strchr(line, ':'), *end = strchr(line, '\n');
    next = end ? end + 1 : NULL;
    if (end) *end = 0;
    char *group = list ? strchr(list + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    bool second = list[1] == 0;
    if (!second && !controls_cpu(list + 1)) continue;
    unsigned quota = least_quota(root, group, second);
    if (quota < least) least = quota;
  }
  return least;
}

static unsigned allowed_cpus(void) {
  cpu_set_t sets[LAM_MOST_CPUS / CPU_SETSIZE];
  if (sched_getaffinity(0, sizeof sets, sets) == 0) {
    int count = CPU_COUNT_S(sizeof sets, sets);
    if (count > 0) return (unsigned)count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (unsigned)online : 1;
}

unsigned lam_usable_cpus(void) {
  unsigned allowed = allowed_cpus(), quota = lam_cpu_quota("");
  return quota < allowed ? quota : allowed;
}
