/* SPDX-License-Identifier: MIT
 *
 * Random numbers: the published generator, the documented counters, the right distributions, the same bits everywhere.
 */
#include "support.h"
#include <math.h>

static void philox_gives_the_published_answers(void **state) {
  (void)state;
  // The known-answer vectors of philox4x32_10 in Random123, the implementation by the authors of the paper.
  static const struct {
    uint32_t counter[4], key[2], bits[4];
  } vectors[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
      { 0xffffffff, 0xffffffff },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
  };
  for (size_t i = 0; i < 3; ++i) {
    uint32_t bits[4];
    lam_random_bits(bits, vectors[i].counter, vectors[i].key);
    assert_memory_equal(bits, vectors[i].bits, sizeof bits);
    memcpy(bits, vectors[i].counter, sizeof bits);
    lam_random_bits(bits, bits, vectors[i].key); // in place
    assert_memory_equal(bits, vectors[i].bits, sizeof bits);
  }
}

/* The word behind number `position`, as docs/numerics.md has it. */
static uint32_t word_at(uint64_t seed, uint64_t stream, uint64_t position) {
  uint64_t block = position / 4;
  uint32_t bits[4];
  lam_random_bits(bits, (uint32_t[4]){ (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32) },
                  (uint32_t[2]){ (uint32_t)seed, (uint32_t)(seed >> 32) });
  return bits[position % 4];
}

static void uniforms_are_the_top_bits_of_the_documented_words(void **state) {
  (void)state;
  static const uint64_t seeds[] = { 0, 1, UINT64_C(0x123456789ABCDEF0) }, streams[] = { 0, 7, UINT64_C(1) << 32 };
  static const uint64_t firsts[] = { 0, 3, UINT64_C(0x3FFFFFFFE), UINT64_C(0xFFFFFFFFFFFFFFF0) };
  float values[37];
  for (int seed = 0; seed < 3; ++seed)
    for (int stream = 0; stream < 3; ++stream)
      for (int first = 0; first < 4; ++first) {
        lam_random_uniform(values, 37, seeds[seed], streams[stream], firsts[first]);
        for (uint64_t i = 0; i < 37; ++i) {
          uint32_t word = word_at(seeds[seed], streams[stream], firsts[first] + i);
          assert_true(values[i] == (float)(word >> 8) / 16777216.0f);
        }
      }
}

static void a_number_depends_on_its_position_alone(void **state) {
  (void)state;
  enum { COUNT = 50 };
  float whole[COUNT], part[COUNT];
  for (int normal = 0; normal < 2; ++normal) {
    void (*draw)(float *, size_t, uint64_t, uint64_t, uint64_t) = normal ? lam_random_normal : lam_random_uniform;
    draw(whole, COUNT, 42, 3, 100);
    for (size_t first = 0; first < COUNT; ++first)
      for (size_t count = 0; first + count <= COUNT; ++count) {
        part[count == COUNT ? 0 : count] = -9;
        draw(part, count, 42, 3, 100 + first);
        assert_memory_equal(part, whole + first, count * sizeof(float));
        if (count < COUNT) assert_true(part[count] == -9); // and nothing behind is touched
      }
  }
  lam_random_uniform(NULL, 3, 0, 0, 0);
  lam_random_normal(NULL, 3, 0, 0, 0);
}

enum { MANY = 1 << 20 };

static float *draw_many(void (*draw)(float *, size_t, uint64_t, uint64_t, uint64_t)) {
  float *values = malloc(MANY * sizeof(float));
  assert_non_null(values);
  draw(values, MANY, 2024, 5, 0);
  return values;
}

static void uniforms_fill_the_unit_interval_evenly(void **state) {
  (void)state;
  float *values = draw_many(lam_random_uniform);
  int bins[256] = { 0 };
  for (size_t i = 0; i < MANY; ++i) {
    assert_true(values[i] >= 0 && values[i] < 1);
    ++bins[(int)(values[i] * 256)];
  }
  double chi_square = 0, expected = MANY / 256.0;
  for (int i = 0; i < 256; ++i) chi_square += (bins[i] - expected) * (bins[i] - expected) / expected;
  // 255 degrees of freedom: mean 255, standard deviation sqrt(510) = 22.6; four of them.
  assert_true(fabs(chi_square - 255) < 4 * 22.6);
  free(values);
}

static void normals_have_the_moments_of_the_normal_distribution(void **state) {
  (void)state;
  float *values = draw_many(lam_random_normal);
  double sums[5] = { 0 };
  for (size_t i = 0; i < MANY; ++i) {
    double power = 1;
    for (int k = 1; k <= 4; ++k) sums[k] += power *= (double)values[i];
  }
  // The k-th moment's mean of n draws has the variance (E x^2k - (E x^k)^2) / n; four standard deviations.
  double unit = 4 / sqrt(MANY);
  assert_true(fabs(sums[1] / MANY - 0) < unit * 1);
  assert_true(fabs(sums[2] / MANY - 1) < unit * sqrt(2));
  assert_true(fabs(sums[3] / MANY - 0) < unit * sqrt(15));
  assert_true(fabs(sums[4] / MANY - 3) < unit * sqrt(96));
  free(values);
}

/* That the normal x is where the distribution reaches the word's probability, seen from the nearer tail. */
static void assert_inverts(uint32_t word, float x) {
  bool upper = word >> 31;
  double tail = ((double)(upper ? ~word : word) + 0.5) / 4294967296.0, distance = upper ? (double)x : -(double)x;
  assert_true(distance > 0);
  double reached = erfc(distance / sqrt(2)) / 2;
  // x is rounded to a float, relative error 2^-24; the distribution moves by its density times that. The rest is for erfc.
  double density = exp(-distance * distance / 2) / sqrt(2 * 3.14159265358979323846);
  double tolerance = density * distance * 0x1p-24 + 1e-12 * tail;
  assert_true(fabs(reached - tail) <= tolerance);
}

static void normals_invert_the_distribution(void **state) {
  (void)state;
  float *values = draw_many(lam_random_normal);
  for (size_t i = 0; i < MANY; ++i) assert_inverts(word_at(2024, 5, i), values[i]);
  free(values);
}

static void the_outermost_normals_are_finite_and_symmetric(void **state) {
  (void)state;
  // The first positions of seed 0, stream 0 whose word has no bit and all bits set, found by trying them all.
  static const uint64_t none = UINT64_C(5992377491), all = UINT64_C(6153212237);
  assert_int_equal(word_at(0, 0, none), 0);
  assert_int_equal(word_at(0, 0, all), 0xFFFFFFFF);
  float lowest, highest, uniform;
  lam_random_normal(&lowest, 1, 0, 0, none);
  lam_random_normal(&highest, 1, 0, 0, all);
  assert_inverts(0, lowest);
  assert_inverts(0xFFFFFFFF, highest);
  assert_true(lowest == -highest);
  lam_random_uniform(&uniform, 1, 0, 0, none);
  assert_true(uniform == 0);
  lam_random_uniform(&uniform, 1, 0, 0, all);
  assert_true(uniform < 1);
}

static void normals_have_the_same_bits_on_every_machine(void **state) {
  (void)state;
  float *values = draw_many(lam_random_normal);
  uint32_t hash = 2166136261u; // FNV-1a over the words
  for (size_t i = 0; i < MANY; ++i) {
    uint32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    hash = (hash ^ bits) * 16777619u;
  }
  assert_int_equal(hash, 0xdf8b0e8b);
  free(values);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(philox_gives_the_published_answers),
    cmocka_unit_test(uniforms_are_the_top_bits_of_the_documented_words),
    cmocka_unit_test(a_number_depends_on_its_position_alone),
    cmocka_unit_test(uniforms_fill_the_unit_interval_evenly),
    cmocka_unit_test(normals_have_the_moments_of_the_normal_distribution),
    cmocka_unit_test(normals_invert_the_distribution),
    cmocka_unit_test(the_outermost_normals_are_finite_and_symmetric),
    cmocka_unit_test(normals_have_the_same_bits_on_every_machine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
