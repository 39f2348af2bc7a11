/* SPDX-License-Identifier: MIT
 *
 * Large native products are shared among threads, and nobody can tell from the numbers.
 */
#include "base/context.h"
#include "base/pool.h"
#include "support.h"
#include <lamina.h>

typedef struct shape {
  size_t m, n, k;
  lam_transpose transa, transb;
  float alpha, beta;
} shape;

/* Cut by rows and by columns, in even parts and not, in every form; one that is too small to be shared. */
static const shape shapes[] = {
  { 200, 200, 200, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 0 }, { 301, 97, 260, LAM_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 0 },
  { 97, 301, 260, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, 1, 0 },     { 131, 517, 100, LAM_TRANSPOSE, LAM_TRANSPOSE, 0.5f, 1 },
  { 2000, 33, 128, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 2, 1 }, { 1, 4096, 2000, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 0 },
  { 4096, 1, 2000, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 0 }, { 30, 20, 10, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, 1, 0 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes, GAP = 3 };

static float *random_matrix(size_t rows, size_t columns, uint64_t stream) {
  float *matrix = calloc(rows * (columns + GAP), sizeof *matrix);
  assert_non_null(matrix);
  lam_random_uniform(matrix, rows * (columns + GAP), 3, stream, 0);
  return matrix;
}

/* C, and the gaps between its rows, with so many threads. */
static float *multiply(const shape *s, unsigned threads, const float *a, const float *b, bool *shared) {
  const bool at = s->transa == LAM_TRANSPOSE, bt = s->transb == LAM_TRANSPOSE;
  lam_context *context = lam_context_create(&(lam_context_options){ .threads = threads, .gemm = "native" });
  assert_non_null(context);
  float *c = random_matrix(s->m, s->n, 2);
  assert_int_equal(lam_sgemm(context, s->transa, s->transb, s->m, s->n, s->k, s->alpha, a, (at ? s->m : s->k) + GAP, b,
                             (bt ? s->k : s->n) + GAP, s->beta, c, s->n + GAP),
                   LAM_OK);
  *shared = context->pool != NULL;
  lam_context_destroy(context);
  return c;
}

static void a_product_has_the_same_bits_with_any_number_of_threads(void **state) {
  (void)state;
  for (size_t i = 0; i < SHAPES; i++) {
    const shape *s = &shapes[i];
    const bool at = s->transa == LAM_TRANSPOSE, bt = s->transb == LAM_TRANSPOSE;
    float *a = random_matrix(at ? s->k : s->m, at ? s->m : s->k, 0), *b = random_matrix(bt ? s->n : s->k, bt ? s->k : s->n, 1);
    bool shared;
    float *alone = multiply(s, 1, a, b, &shared);
    assert_false(shared);
    for (unsigned threads = 2; threads <= 5; threads += 3) {
      float *c = multiply(s, threads, a, b, &shared);
      assert_int_equal(shared, i + 1 < SHAPES);
      assert_memory_equal(c, alone, s->m * (s->n + GAP) * sizeof *c);
      free(c);
    }
    free(alone);
    free(a);
    free(b);
  }
}

/* The scratch of all workers grows and goes with the context: the allocator checks sizes and leaks. */
static void the_scratch_grows_and_is_given_back(void **state) {
  (void)state;
  test_memory memory = { 0 };
  lam_context *context =
      lam_context_create(&(lam_context_options){ .threads = 3, .gemm = "native", .allocator = test_allocator(&memory) });
  assert_non_null(context);
  enum { SMALL = 64, LARGE = 300 };
  float *a = random_matrix(LARGE, LARGE, 0), *b = random_matrix(LARGE, LARGE, 1), *c = random_matrix(LARGE, LARGE, 2);
  const size_t sizes[] = { SMALL, LARGE, SMALL };
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(
        lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_NO_TRANSPOSE, sizes[i], sizes[i], sizes[i], 1, a, LARGE, b, LARGE, 0, c, LARGE),
        LAM_OK);
  lam_context_destroy(context);
  assert_int_equal(memory.live_blocks, 0);
  free(a);
  free(b);
  free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_product_has_the_same_bits_with_any_number_of_threads),
    cmocka_unit_test(the_scratch_grows_and_is_given_back),
  };
  return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
