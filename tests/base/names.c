/* SPDX-License-Identifier: MIT
 *
 * Names: found, missed with the nearest ones offered, and options read by name.
 */
#include "base/names.h"
#include "context.h"

static const char *const optimizers[] = { "sgd", "rmsprop", "adam", "adamw", "adagrad", NULL };

static void names_are_found_by_their_whole_text(void **state) {
  (void)state;
  assert_int_equal(lam_name_find(optimizers, "sgd"), 0);
  assert_int_equal(lam_name_find(optimizers, "adamw"), 3);
  assert_int_equal(lam_name_find(optimizers, "ada"), -1);
  assert_int_equal(lam_name_find(optimizers, ""), -1);
  assert_int_equal(lam_name_find(optimizers, NULL), -1);
}

static void assert_unknown(const char *name, const char *sentence) {
  assert_int_equal(lam_name_unknown(context, "optimizer", name, optimizers), LAM_UNKNOWN_NAME);
  assert_string_equal(lam_error_message(context), sentence);
}

#define ALL " (all: sgd, rmsprop, adam, adamw, adagrad)"

static void the_nearest_names_are_offered_nearest_first(void **state) {
  (void)state;
  assert_unknown("adan", "there is no optimizer \"adan\"; the nearest are adam, adamw" ALL);
  assert_unknown("adma", "there is no optimizer \"adma\"; the nearest are adam, adamw" ALL); // a swap is one mistake, not two
  assert_unknown("RMSPROP", "there is no optimizer \"RMSPROP\"; the nearest is rmsprop" ALL);
  assert_unknown("adgarad", "there is no optimizer \"adgarad\"; the nearest is adagrad" ALL);
  assert_unknown("dsg", "there is no optimizer \"dsg\"; the nearest is sgd" ALL);
}

static void names_far_from_all_get_the_list_alone(void **state) {
  (void)state;
  assert_unknown("lbfgs", "there is no optimizer \"lbfgs\"" ALL);
  assert_unknown("", "there is no optimizer \"\"" ALL);
  assert_unknown(NULL, "there is no optimizer \"\"" ALL);
  static const char *const none[] = { NULL };
  lam_name_unknown(context, "metric", "x", none);
  assert_string_equal(lam_error_message(context), "there is no metric \"x\" (there are none)");
}

static void long_names_are_cut_in_the_sentence(void **state) {
  (void)state;
  char name[2000];
  memset(name, 'q', sizeof name);
  memcpy(name + 63, "\xC3\xA4", 2); // a character across the cut
  name[sizeof name - 1] = 0;
  lam_name_unknown(context, "optimizer", name, optimizers);
  assert_non_null(strstr(lam_error_message(context), "qqq...\"" ALL));
  assert_null(strchr(lam_error_message(context), '\xC3'));
}

typedef struct options {
  float rate;
  size_t batch;
  uint64_t seed;
  bool nesterov;
  int kind;
} options;

static const char *const kinds[] = { "inside", "outside", NULL };

static const lam_field fields[] = {
  { "learning_rate", LAM_FIELD_FLOAT, offsetof(options, rate), NULL },
  { "batch", LAM_FIELD_SIZE, offsetof(options, batch), NULL },
  { "seed", LAM_FIELD_SEED, offsetof(options, seed), NULL },
  { "nesterov", LAM_FIELD_FLAG, offsetof(options, nesterov), NULL },
  { "epsilon", LAM_FIELD_ENUM, offsetof(options, kind), kinds },
  { 0 },
};

static lam_status set(options *o, const char *name, const char *text) {
  return lam_field_parse(context, "sgd option", fields, o, name, text);
}

static void fields_are_read_by_name(void **state) {
  (void)state;
  options o = { 0 };
  assert_int_equal(set(&o, "learning_rate", "1e-3"), LAM_OK);
  assert_int_equal(set(&o, "batch", "128"), LAM_OK);
  assert_int_equal(set(&o, "seed", "18446744073709551615"), LAM_OK);
  assert_int_equal(set(&o, "nesterov", "1"), LAM_OK);
  assert_int_equal(set(&o, "epsilon", "outside"), LAM_OK);
  assert_true(o.rate == 1e-3f);
  assert_int_equal(o.batch, 128);
  assert_true(o.seed == UINT64_MAX);
  assert_true(o.nesterov);
  assert_int_equal(o.kind, 1);
  assert_int_equal(set(&o, "nesterov", "false"), LAM_OK);
  assert_false(o.nesterov);
}

static void a_float_of_zero_is_said_and_not_the_default(void **state) {
  (void)state;
  static const char *const zeros[] = { "0", "-0.0", "0e5", "1e-60" };
  for (size_t i = 0; i < 4; ++i) {
    options o = { 0 };
    assert_int_equal(set(&o, "learning_rate", zeros[i]), LAM_OK);
    assert_true(o.rate == LAM_ZERO);
  }
}

static void wrong_texts_are_told_and_change_nothing(void **state) {
  (void)state;
  static const struct {
    const char *name, *text, *sentence;
  } cases[] = {
    { "learning_rate", "fast", "the sgd option \"learning_rate\" takes a finite number, not \"fast\"" },
    { "learning_rate", "", "the sgd option \"learning_rate\" takes a finite number, not \"\"" },
    { "learning_rate", "1e39", "the sgd option \"learning_rate\" takes a finite number, not \"1e39\"" },
    { "learning_rate", "nan", "the sgd option \"learning_rate\" takes a finite number, not \"nan\"" },
    { "learning_rate", "0,5", "the sgd option \"learning_rate\" takes a finite number, not \"0,5\"" },
    { "batch", "-1", "the sgd option \"batch\" takes a whole number of 0 or more, not \"-1\"" },
    { "batch", "18446744073709551616", NULL },
    { "batch", "99999999999999999999", NULL },
    { "batch", "1.5", NULL },
    { "batch", "", NULL },
    { "seed", "0x10", "the sgd option \"seed\" takes a whole number from 0 to 2^64 - 1, not \"0x10\"" },
    { "nesterov", "yes", "the sgd option \"nesterov\" takes 0, 1, false or true, not \"yes\"" },
    { "epsilon", "outsid", "the sgd option \"epsilon\" cannot be \"outsid\"; the nearest is outside (all: inside, outside)" },
    { "nestrov", "1",
      "there is no sgd option \"nestrov\"; the nearest is nesterov (all: learning_rate, batch, seed, nesterov, epsilon)" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    options o, untouched;
    memset(&o, 0x11, sizeof o);
    memset(&untouched, 0x11, sizeof untouched);
    assert_int_not_equal(set(&o, cases[i].name, cases[i].text), LAM_OK);
    assert_memory_equal(&o, &untouched, sizeof o);
    if (cases[i].sentence) assert_string_equal(lam_error_message(context), cases[i].sentence);
  }
  assert_int_equal(set(NULL, "batch", "1"), LAM_NO_HANDLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_are_found_by_their_whole_text),
    cmocka_unit_test(the_nearest_names_are_offered_nearest_first),
    cmocka_unit_test(names_far_from_all_get_the_list_alone),
    cmocka_unit_test(long_names_are_cut_in_the_sentence),
    cmocka_unit_test(fields_are_read_by_name),
    cmocka_unit_test(a_float_of_zero_is_said_and_not_the_default),
    cmocka_unit_test(wrong_texts_are_told_and_change_nothing),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
