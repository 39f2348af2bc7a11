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
  stats_ratio(copy, copy, 3, 1);
  assert_memory_equal(copy, values, sizeof copy);
}

static void drift_that_hits_both_leaves_the_ratio_exact(void **state) {
  (void)state;
  double slow[9], fast[9];
  for (int i = 0; i < 9; i++) {
    fast[i] = 1 + i; /* the machine slows down ninefold */
    slow[i] = 2 * fast[i];
  }
  interval ratio = stats_ratio(slow, fast, 9, 1);
  CLOSE(ratio.middle, 2);
  CLOSE(ratio.low, 2);
  CLOSE(ratio.high, 2);
  assert_string_equal(stats_verdict(ratio, SMALLEST_EFFECT), "faster");
  assert_string_equal(stats_verdict(stats_ratio(fast, slow, 9, 1), SMALLEST_EFFECT), "slower");
}

static void equal_contenders_in_noise_are_not_separated(void **state) {
  (void)state;
  const double a[] = { 1.00, 1.05, 0.97, 1.02, 0.99, 1.04, 0.98, 1.01, 1.03 };
  const double b[] = { 1.03, 0.98, 1.01, 1.00, 1.02, 0.99, 1.04, 0.97, 1.05 };
  interval ratio = stats_ratio(a, b, 9, 1);
  assert_true(ratio.low < 1 && ratio.high > 1);
  assert_string_equal(stats_verdict(ratio, SMALLEST_EFFECT), "not separated");
}

/* Logarithms -1, 0, 1: their mean is 0, their standard deviation 1, and Student's 99.5 % point for two degrees of freedom is
 * 9.925, so the interval's ends are exp(+-9.925 / sqrt 3). */
static void the_interval_is_students_of_the_logarithms(void **state) {
  (void)state;
  const double values[] = { exp(1), 1, exp(-1) };
  interval mean = stats_mean(values, 3, 1);
  CLOSE(mean.middle, 1);
  CLOSE(log(mean.low), -9.925 / sqrt(3));
  CLOSE(log(mean.high), 9.925 / sqrt(3));
}

/* Nine numbers in three groups are the medians 1, e, e^2. */
static void a_group_counts_once_by_its_median(void **state) {
  (void)state;
  const double e = exp(1), values[] = { 1, 0.5, 90, e, e, e, 0.1, e * e, 1000 }, medians[] = { 1, e, e * e };
  interval grouped = stats_mean(values, 9, 3), plain = stats_mean(medians, 3, 1);
  CLOSE(grouped.middle, plain.middle);
  CLOSE(grouped.low, plain.low);
  CLOSE(grouped.high, plain.high);
  interval cut_short = stats_mean(values, 8, 3); /* Ctrl-C: the last group's median is (0.1 + e^2) / 2 */
  CLOSE(log(cut_short.middle), (0 + 1 + log((0.1 + e * e) / 2)) / 3);
}

static void one_number_has_no_interval_and_separates_nothing(void **state) {
  (void)state;
  const double two = 2;
  interval mean = stats_mean(&two, 1, 1);
  CLOSE(mean.middle, 2);
  assert_true(isnan(mean.low) && isnan(mean.high));
  assert_string_equal(stats_verdict(mean, SMALLEST_EFFECT), "not separated");
  assert_true(isnan(stats_mean(&two, 0, 1).middle));
}

static void differences_below_the_smallest_effect_are_not_told(void **state) {
  (void)state;
  assert_string_equal(stats_verdict((interval){ 1.03, 1.021, 1.04 }, 0.02), "faster");
  assert_string_equal(stats_verdict((interval){ 1.03, 1.019, 1.04 }, 0.02), "not separated");
  assert_string_equal(stats_verdict((interval){ 0.97, 0.96, 0.98 }, 0.02), "slower"); /* 1 / 1.02 = 0.9804 */
  assert_string_equal(stats_verdict((interval){ 0.97, 0.96, 0.981 }, 0.02), "not separated");
}

/* Numbers to draw with: Steele, Vigna, "Computationally easy, spectrally good multipliers", 2021. */
static double uniform(uint64_t *state) {
  *state = *state * 0xd1342543de82ef95u + 1;
  return (double)(*state >> 11) * 0x1p-53;
}

/* A report of two equally fast backends: 5 launches of 3 rounds. Noise of a round is up to 1 %, of a launch up to 2 %, and one
 * round in ten is disturbed by up to a half. */
static const char *simulated_verdict(uint64_t *state) {
  double first[15], second[15];
  for (int launch = 0; launch < 5; launch++) {
    double place[2] = { 1 + 0.02 * uniform(state), 1 + 0.02 * uniform(state) };
    for (int i = 3 * launch; i < 3 * launch + 3; i++) {
      double drift = 1 + 0.3 * uniform(state);
      first[i] = drift * place[0] * (1 + 0.01 * uniform(state)) * (uniform(state) < 0.1 ? 1 + 0.5 * uniform(state) : 1);
      second[i] = drift * place[1] * (1 + 0.01 * uniform(state)) * (uniform(state) < 0.1 ? 1 + 0.5 * uniform(state) : 1);
    }
  }
  return stats_verdict(stats_ratio(first, second, 15, 3), SMALLEST_EFFECT);
}

/* By the interval alone 200 of these would tell a difference. With the smallest effect it is fewer than one in a thousand, so
 * that fewer than one pair of reports in a million has both "faster" and "slower". */
static void reports_of_equal_backends_hardly_ever_tell_a_difference(void **state) {
  (void)state;
  uint64_t numbers = 1;
  int told = 0;
  for (int report = 0; report < 20000; report++) told += strcmp(simulated_verdict(&numbers), "not separated") != 0;
  assert_true(told <= 20);
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

static void every_round_begins_with_another_contender_and_turns(void **state) {
  (void)state;
  char order[256] = "";
  size_t calls = 0;
  teller tellers[3] = { { 'a', 2, order, &calls }, { 'b', 1, order, &calls }, { 'c', 4, order, &calls } };
  contender contenders[3];
  for (int i = 0; i < 3; i++) contenders[i] = (contender){ .name = "teller", .time = tell, .user = &tellers[i] };
  assert_true(rounds_run(contenders, 3, 0, 4, 0.1));
  assert_string_equal(order + calls - 12, "abcbaccabacb");
  CLOSE(contenders[0].mean.middle, 2);
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
  CLOSE(c.mean.middle, 0.001);
}

/* Tells the times of a list, one after the other. */
typedef struct script {
  const double *seconds;
  size_t next;
} script;

static timing tell_script(void *user, size_t times) {
  script *s = user;
  return (timing){ s->seconds[s->next++] * (double)times, 0 };
}

/* One run to warm up, one to calibrate, then ten rounds, whose fifths have the medians 2, 2, 2, 2 and 4. */
static void without_launches_a_fifth_of_the_rounds_counts_once(void **state) {
  (void)state;
  script s = { (double[]){ 9, 9, 1, 3, 2, 2, 3, 1, 2, 2, 1, 7 }, 0 };
  contender c = { .name = "script", .time = tell_script, .user = &s };
  assert_true(rounds_run(&c, 1, 0, 10, 1.0));
  CLOSE(log(c.mean.middle), (4 * log(2) + log(4)) / 5);
}

/* Fails from its fifth run on. */
static timing fail_late(void *user, size_t times) {
  size_t *runs = user;
  return ++*runs < 5 ? (timing){ 1.0 * (double)times, 0 } : (timing){ (double)NAN, 0 };
}

static void one_that_fails_is_left_out_and_the_rest_go_on(void **state) {
  (void)state;
  char order[256] = "";
  size_t calls = 0, runs = 0;
  teller t = { 'a', 2, order, &calls };
  contender c[2] = { { .name = "failing", .time = fail_late, .user = &runs }, { .name = "teller", .time = tell, .user = &t } };
  rounds_add(c, 2, 8, 0.1);
  rounds_judge(c, 2, 1, 1);
  assert_true(c[0].failed && !c[1].failed);
  assert_int_equal(runs, 5);
  assert_int_equal(c[1].rounds, 8);
  CLOSE(c[1].mean.middle, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(median_is_the_middle_or_between_the_two_middles),
    cmocka_unit_test(quantiles_lie_linearly_between_neighbours),
    cmocka_unit_test(statistics_leave_their_numbers_alone),
    cmocka_unit_test(drift_that_hits_both_leaves_the_ratio_exact),
    cmocka_unit_test(equal_contenders_in_noise_are_not_separated),
    cmocka_unit_test(the_interval_is_students_of_the_logarithms),
    cmocka_unit_test(a_group_counts_once_by_its_median),
    cmocka_unit_test(one_number_has_no_interval_and_separates_nothing),
    cmocka_unit_test(differences_below_the_smallest_effect_are_not_told),
    cmocka_unit_test(reports_of_equal_backends_hardly_ever_tell_a_difference),
    cmocka_unit_test(every_round_begins_with_another_contender_and_turns),
    cmocka_unit_test(without_launches_a_fifth_of_the_rounds_counts_once),
    cmocka_unit_test(one_that_fails_is_left_out_and_the_rest_go_on),
    cmocka_unit_test(a_round_is_filled_with_runs_up_to_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
