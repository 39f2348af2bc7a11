/* SPDX-License-Identifier: MIT
 *
 * What holds for every kernel at every level: nothing outside the elements is touched (guard pages on both sides), and every
 * level gives the same bits, for all widths from 1 to 257 (0 is the public functions' business), gaps between rows, odd
 * addresses, NaNs, infinities and denormals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "every.h"
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WIDEST = 257, NARROW = 20, MOST_ROWS = 5, GAP = 3, ARRAYS = 8 }; /* narrow rows: many, for kernels that take 16 at once */

/* Memory between two pages that may not be touched. */
typedef struct {
  char *pages, *first;
  size_t size, page;
} guarded;

static guarded guard(size_t bytes) {
  guarded g = { .page = (size_t)sysconf(_SC_PAGESIZE) };
  g.size = (bytes + g.page - 1) / g.page * g.page;
  g.pages = mmap(NULL, g.size + 2 * g.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(g.pages, MAP_FAILED);
  g.first = g.pages + g.page;
  assert_int_equal(mprotect(g.pages, g.page, PROT_NONE), 0);
  assert_int_equal(mprotect(g.first + g.size, g.page, PROT_NONE), 0);
  return g;
}

/* `bytes` of it that end at the upper guard, or begin at the lower one. */
static void *place(const guarded *g, size_t bytes, int at_end) { return at_end ? g->first + g->size - bytes : g->first; }

static job place_job(const guarded *g, size_t rows, size_t columns, size_t gap, int at_end) {
  job j = { .rows = rows, .columns = columns, .ld = columns + gap };
  size_t bytes = 4 * job_count(&j), longest = 4 * (rows > columns ? rows : columns);
  j.y = place(&g[0], bytes, at_end);
  j.a = place(&g[1], bytes, at_end);
  j.b = place(&g[2], bytes, at_end);
  j.c = place(&g[3], bytes, at_end);
  j.row = place(&g[4], longest, at_end);
  j.labels = place(&g[5], 4 * rows, at_end);
  j.index = place(&g[6], 4 * rows, at_end);
  j.bytes = place(&g[7], job_count(&j), at_end);
  return j;
}

/* Runs kernel k on every level on the same inputs and demands one hash of all. */
static void check_levels(const every_entry *kernel, job *j, fill_kind kind) {
  uint64_t first = 0;
  int levels = 0;
  for (size_t l = 0; l < EVERY_LEVELS; ++l) {
    const lam_kernel_table *table = lam_kernels_at(every_level[l]);
    if (!table) continue;
    job_fill(j, kind, j->columns + 1);
    kernel->run(table, j);
    uint64_t hash = job_hash(j);
    if (levels++ && hash != first) {
      fail_msg("%s: %s differs from a better level at %zu x %zu, inputs %d", kernel->name, every_level[l], j->rows, j->columns,
               (int)kind);
    }
    first = hash;
  }
  assert_true(levels >= 1);
}

static void every_kernel_stays_inside_and_has_the_same_bits_on_every_level(void **state) {
  (void)state;
  guarded g[ARRAYS];
  for (size_t i = 0; i < ARRAYS; ++i) g[i] = guard(4 * MOST_ROWS * (WIDEST + GAP));
  for (size_t k = 0; k < EVERY_COUNT; ++k) {
    for (size_t columns = 1; columns <= WIDEST; ++columns) {
      size_t variants = columns <= NARROW ? 8 : 4;
      for (size_t variant = 0; variant < variants; ++variant) {
        static const size_t rows[] = { 1, 2, MOST_ROWS, 3, 16, 19, 35, 32 };
        job j = place_job(g, rows[variant], columns, variant % 4 == 1 || variant % 4 == 2 ? GAP : 0, variant % 2 == 0);
        check_levels(&every_kernel[k], &j, (fill_kind)((columns + variant) % FILL_COUNT));
      }
    }
  }
  for (size_t i = 0; i < ARRAYS; ++i) munmap(g[i].pages, g[i].size + 2 * g[i].page);
}

/* Gaps between rows keep what was in them. */
static void check_gaps(const every_entry *kernel, const lam_kernel_table *table, size_t rows, size_t columns) {
  enum { LD = 40, MOST = 19 * LD };
  static float y[MOST], a[MOST], b[MOST], c[MOST], row[LD], before[MOST];
  static int32_t labels[LD], index[LD];
  static uint8_t bytes[MOST];
  job j = { rows, columns, LD, y, a, b, c, row, labels, index, bytes, 0 };
  job_fill(&j, FILL_LOGITS, 5);
  memcpy(before, y, sizeof y);
  kernel->run(table, &j);
  for (size_t i = 0; i + 1 < rows; ++i)
    assert_memory_equal(y + i * LD + columns, before + i * LD + columns, sizeof *y * (LD - columns));
}

static void every_kernel_leaves_the_gaps_between_rows_alone(void **state) {
  (void)state;
  for (size_t k = 0; k < EVERY_COUNT; ++k) {
    if (takes_arrays(every_kernel[k].name)) { continue; /* arrays have no gaps */ }
    for (size_t l = 0; l < EVERY_LEVELS; ++l) {
      const lam_kernel_table *table = lam_kernels_at(every_level[l]);
      if (!table) continue;
      check_gaps(&every_kernel[k], table, 4, 21);
      check_gaps(&every_kernel[k], table, 19, 7);
    }
  }
}

/* Kernels that take sixteen narrow rows at once give each the bits that it has alone. */
static void check_alone(const every_entry *kernel, const lam_kernel_table *table, size_t columns, fill_kind kind) {
  enum { ROWS = 35, MOST = ROWS * (NARROW + GAP) };
  static float y[MOST], a[MOST], b[MOST], c[MOST], row[ROWS], y_alone[MOST], row_alone[ROWS];
  static int32_t labels[ROWS], index[ROWS], index_alone[ROWS];
  static uint8_t bytes[MOST];
  job all = { ROWS, columns, columns + GAP, y, a, b, c, row, labels, index, bytes, 0 };
  job_fill(&all, kind, 10 * columns + (size_t)kind);
  memcpy(y_alone, y, sizeof y);
  memcpy(row_alone, row, sizeof row);
  memcpy(index_alone, index, sizeof index);
  kernel->run(table, &all);
  for (size_t i = 0; i < ROWS; ++i) {
    size_t at = i * all.ld;
    job one = { 1,      columns,       all.ld,     y_alone + at,    a + at,     b + at,
                c + at, row_alone + i, labels + i, index_alone + i, bytes + at, 0 };
    kernel->run(table, &one);
    if (hash_words(0, y + at, columns) != hash_words(0, y_alone + at, columns) ||
        hash_words(0, row + i, 1) != hash_words(0, row_alone + i, 1) || index[i] != index_alone[i])
      fail_msg("%s, %s: row %zu of %zu columns is another alone, inputs %d", kernel->name, table->isa, i, columns, (int)kind);
  }
}

static void a_row_has_the_same_bits_alone_and_among_others(void **state) {
  (void)state;
  static const char *const names[] = { "softmax", "argmax", "softmax_sparse_crossentropy", "softmax_crossentropy" };
  size_t checked = 0;
  for (size_t k = 0; k < EVERY_COUNT; ++k) {
    bool named = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) named = named || strcmp(every_kernel[k].name, names[i]) == 0;
    checked += named;
    for (size_t l = 0; named && l < EVERY_LEVELS; ++l)
      for (size_t columns = 1; columns <= NARROW; ++columns)
        for (unsigned kind = 0; lam_kernels_at(every_level[l]) && kind < FILL_COUNT; ++kind)
          check_alone(&every_kernel[k], lam_kernels_at(every_level[l]), columns, (fill_kind)kind);
  }
  assert_int_equal(checked, sizeof names / sizeof *names);
}

/* With y the same pointer as a: the bits are those of separate arrays. */
static void every_kernel_may_write_over_its_first_input(void **state) {
  (void)state;
  enum { ROWS = 19, MOST = ROWS * 70 };
  static float y[MOST], a[MOST], b[MOST], c[MOST], row[70], apart[MOST];
  static int32_t labels[ROWS], index[ROWS];
  static uint8_t bytes[MOST];
  for (size_t k = 0; k < EVERY_COUNT; ++k) {
    const char *name = every_kernel[k].name;
    if ((takes_arrays(name) && strcmp(name, "dropout")) || strcmp(name, "gemm") == 0) continue;
    for (size_t columns = 1; columns < 70; ++columns) {
      job j = { ROWS, columns, columns, y, a, b, c, row, labels, index, bytes, 0 };
      job_fill(&j, FILL_PROBABILITIES, columns);
      memcpy(y, a, sizeof a); /* kernels with another output leave it so */
      every_kernel[k].run(lam_kernels(), &j);
      memcpy(apart, y, sizeof y);
      job_fill(&j, FILL_PROBABILITIES, columns);
      j.y = a;
      every_kernel[k].run(lam_kernels(), &j);
      assert_int_equal(hash_words(0, a, ROWS * columns), hash_words(0, apart, ROWS * columns));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_kernel_stays_inside_and_has_the_same_bits_on_every_level),
    cmocka_unit_test(every_kernel_leaves_the_gaps_between_rows_alone),
    cmocka_unit_test(a_row_has_the_same_bits_alone_and_among_others),
    cmocka_unit_test(every_kernel_may_write_over_its_first_input),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
