/* SPDX-License-Identifier: MIT
 *
 * The statistics on numbers whose answers are known, and the rounds with contenders that only tell times. No clock is asked.
 */
#include "bench/rounds.h"
#include "support.h"
#include <math.h>

#define CLOSE(a, b) assert_true(fabs((a) - (b)) < 1e-12)

static void median_is_the_middle_or_between_the_two_middles(void **state) {
  (void)state;
  CLOSE(stats_median((double[]){ 7 }, 1), 7);
  CLOSE(stats_median((double[]){ 9, 1, 5 }, 3), 5);
  CLOSE(stats_median((double[]){ 4, 1, 2, 100 }, 4), 3);
  assert_true(isnan(stats_median(NULL, 0)));
}

static void quantiles_lie_linearly_between_neighbours(void **state) {
  (void)state;
  const double values[] = { 50, 10, 40, 20, 30 };
  CLOSE(stats_quantile(values, 5, 0), 10);
  CLOSE(stats_quantile(values, 5, 1), 50);
  CLOSE(stats_quantile(values, 5, 0.25), 20);
  CLOSE(stats_quantile(values, 5, 0.1), 14);
  CLOSE(stats_spread(values, 5), (40.0 - 20.0) / 30.0);
}

static void statistics_leave_their_numbers_alone(void **state) {
  (void)state;
  const double values[] = { 3, 1, 2 };
  double copy[3];
  memcpy(copy, values, sizeof copy);
  stats_median(copy, 3);
  stats_ratio(copy, copy, 3);
  assert_memory_equal(copy, values, sizeof copy);
}

static void drift_that_hits_both_leaves_the_ratio_exact(void **state) {
  (void)state;
  double slow[9], fast[9];
  for (int i = 0; i < 9; i++) {
    fast[i] = 1 + i; /* the machine slows down ninefold */
    slow[i] = 2 * fast[i];
  }
  interval ratio = stats_ratio(slow, fast, 9);
  CLOSE(ratio.middle, 2);
  CLOSE(ratio.low, 2);
  CLOSE(ratio.high, 2);
  assert_true(stats_separated(ratio));
  assert_string_equal(stats_verdict(ratio), "faster");
  assert_string_equal(stats_verdict(stats_ratio(fast, slow, 9)), "slower");
}

static void equal_contenders_in_noise_are_not_separated(void **state) {
  (void)state;
  const double a[] = { 1.00, 1.05, 0.97, 1.02, 0.99, 1.04, 0.98, 1.01, 1.03 };
  const double b[] = { 1.03, 0.98, 1.01, 1.00, 1.02, 0.99, 1.04, 0.97, 1.05 };
  interval ratio = stats_ratio(a, b, 9);
  assert_true(ratio.low < 1 && ratio.high > 1);
  assert_false(stats_separated(ratio));
  assert_string_equal(stats_verdict(ratio), "not separated");
}

/* Nine ratios 1.1 to 1.9. The bootstrap's median of nine falls on the order statistics; its exact 2.5 % and 97.5 % points are the
 * third and the seventh: P(median <= x_(2)) = P(Binomial(9, 2/9) >= 5) = 0.0256 lies just above 0.025, so the low end is x_(2)
 * or, by the chance of the resamples, x_(3); likewise above. */
static void the_interval_is_that_of_the_bootstrap(void **state) {
  (void)state;
  double first[9], second[9];
  for (int i = 0; i < 9; i++) {
    first[i] = 1.1 + 0.1 * i;
    second[i] = 1;
  }
  interval ratio = stats_ratio(first, second, 9), again = stats_ratio(first, second, 9);
  CLOSE(ratio.middle, 1.5);
  assert_true(ratio.low > 1.2 - 1e-9 && ratio.low < 1.3 + 1e-9);
  assert_true(ratio.high > 1.7 - 1e-9 && ratio.high < 1.8 + 1e-9);
  assert_memory_equal(&ratio, &again, sizeof ratio);
}

/* A contender that tells `seconds` for each run, half of them of CPU, and writes its name into the order of calls. */
typedef struct teller {
  char name;
  double seconds;
  char *order;
  size_t *calls;
} teller;

static timing tell(void *user, size_t times) {
  teller *t = user;
  t->order[(*t->calls)++] = t->name;
  return (timing){ t->seconds * (double)times, 0.5 * t->seconds * (double)times };
}

static void every_round_begins_with_another_contender(void **state) {
  (void)state;
  char order[256] = "";
  size_t calls = 0;
  teller tellers[3] = { { 'a', 2, order, &calls }, { 'b', 1, order, &calls }, { 'c', 4, order, &calls } };
  contender contenders[3];
  for (int i = 0; i < 3; i++) contenders[i] = (contender){ .name = "teller", .time = tell, .user = &tellers[i] };
  assert_true(rounds_run(contenders, 3, 0, 4, 0.1));
  assert_string_equal(order + calls - 12, "abcbcacababc");
  CLOSE(contenders[0].median, 2);
  CLOSE(contenders[2].threads, 0.5);
  CLOSE(contenders[1].ratio.middle, 2);
  CLOSE(contenders[2].ratio.middle, 0.5);
  CLOSE(contenders[0].ratio.middle, 1);
}

static void a_round_is_filled_with_runs_up_to_its_time(void **state) {
  (void)state;
  char order[256] = "";
  size_t calls = 0;
  teller t = { 'a', 0.001, order, &calls };
  contender c = { .name = "teller", .time = tell, .user = &t };
  assert_true(rounds_run(&c, 1, 0, 5, 1.0));
  assert_true((double)c.times * 0.001 >= 0.2);
  CLOSE(c.median, 0.001);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(median_is_the_middle_or_between_the_two_middles),
    cmocka_unit_test(quantiles_lie_linearly_between_neighbours),
    cmocka_unit_test(statistics_leave_their_numbers_alone),
    cmocka_unit_test(drift_that_hits_both_leaves_the_ratio_exact),
    cmocka_unit_test(equal_contenders_in_noise_are_not_separated),
    cmocka_unit_test(the_interval_is_that_of_the_bootstrap),
    cmocka_unit_test(every_round_begins_with_another_contender),
    cmocka_unit_test(a_round_is_filled_with_runs_up_to_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
