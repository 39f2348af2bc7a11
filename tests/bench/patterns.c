/* SPDX-License-Identifier: MIT
 *
 * The loops that limits are measured with compute all that is counted: what a compiler dropped would pass for speed.
 */
#include "bench/pattern.h"
#include "support.h"
#include <math.h>
#include <string.h>

#define LAM_X(name) #name,
static const char *const isas[] = { LAM_ISA_LIST(LAM_X) NULL };
#undef LAM_X

static void every_chain_does_all_of_its_multiply_adds_from_a_number_of_its_own(void **state) {
  (void)state;
  for (const char *const *isa = isas; *isa; isa++) {
    const pattern_table *table = pattern_at(*isa);
    if (!table) continue;
    assert_string_equal(table->isa, *isa);
    assert_in_range(table->chains, 16, MOST_FMA_CHAINS);
    for (size_t times = 1; times <= 2; times++) {
      float chains[MOST_FMA_CHAINS + 1];
      for (size_t i = 0; i <= MOST_FMA_CHAINS; i++) chains[i] = 1000.0f * (float)(i + 1);
      table->fma(chains, times);
      for (size_t i = 0; i < table->chains; i++) {
        float right = 1000.0f * (float)(i + 1);
        for (size_t step = 0; step < times * FMA_REPEAT; step++) right = fmaf(right, 0.5f, 1.0f);
        if (memcmp(&chains[i], &right, sizeof right) != 0)
          fail_msg("%s: chain %zu is %a after %zu steps, not %a", *isa, i, (double)chains[i], times * FMA_REPEAT, (double)right);
      }
      assert_true(chains[table->chains] == 1000.0f * (float)(table->chains + 1)); /* the count is all there is */
    }
  }
}

static void reading_and_updating_touch_every_number_once(void **state) {
  (void)state;
  enum { COUNT = 384 };
  for (const char *const *isa = isas; *isa; isa++) {
    const pattern_table *table = pattern_at(*isa);
    if (!table) continue;
    float numbers[COUNT + 1];
    for (size_t i = 0; i <= COUNT; i++) numbers[i] = (float)i;
    /* Whole numbers below 2^24: exact in any order. */
    assert_true(table->read(numbers, COUNT) == (float)(COUNT * (COUNT - 1) / 2));
    table->update(numbers, COUNT, 2.0f);
    for (size_t i = 0; i < COUNT; i++) assert_true(numbers[i] == (float)(2 * i + 1));
    assert_true(numbers[COUNT] == (float)COUNT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_chain_does_all_of_its_multiply_adds_from_a_number_of_its_own),
    cmocka_unit_test(reading_and_updating_touch_every_number_once),
  };
  return cmocka_run_group_tests_name("patterns", tests, NULL, NULL);
}
