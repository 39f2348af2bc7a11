/* SPDX-License-Identifier: MIT
 *
 * The backend "auto": it takes what is faster, does what it is told, and repeats its bits with what it has learnt.
 */
#include "blas/gemm.h"
#include "support.h"
#include <lamina.h>
#include <unistd.h>

enum { ROWS = 96, IN = 20, HIDDEN = 70, CLASSES = 5, BATCH = 32 };

static float inputs[ROWS * IN];
static int32_t labels[ROWS];
static unsigned slow_calls;

/* Right, and slower than anything by far. */
static void slow_sgemm(lam_order order, lam_transpose transa, lam_transpose transb, int m, int n, int k, float alpha,
                       const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  (void)order;
  ++slow_calls;
  usleep(500);
  lam_kernels()->gemm(transa == LAM_TRANSPOSE, transb == LAM_TRANSPOSE, (size_t)m, (size_t)n, (size_t)k, alpha, a, (size_t)lda, b,
                      (size_t)ldb, beta, c, (size_t)ldc, NULL, NULL);
}

static int make_data(void **state) {
  (void)state;
  lam_random_uniform(inputs, ROWS * IN, 5, 0, 0);
  for (int i = 0; i < ROWS; ++i) labels[i] = i % CLASSES;
  return 0;
}

/* A context of "auto" with the slow backend beside its own. */
static lam_context *make_context(lam_allocator allocator, unsigned threads) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator, .threads = threads, .gemm = "auto" });
  if (!context) return NULL;
  assert_string_equal(lam_gemm_name(context), "auto");
  if (!lam_gemm_add(context, "slow", slow_sgemm, NULL)) return lam_context_destroy(context), NULL;
  slow_calls = 0;
  return context;
}

static const lam_allocator standard;

static lam_dataset *data(lam_context *context) {
  return lam_dataset_create(context, &(lam_array){ .data = inputs, .rows = ROWS, .shape = { { IN }, 1 } }, 1,
                            &(lam_array){ .data = labels, .type = LAM_INT32, .rows = ROWS, .shape = { { 1 }, 1 } }, 1);
}

static lam_model *train(lam_context *context) {
  lam_node x = lam_dense(lam_input(lam_graph_create(context), (lam_shape){ { IN }, 1 }), HIDDEN,
                         &(lam_dense_options){ .activation = LAM_RELU });
  x = lam_dense(x, CLASSES, &(lam_dense_options){ .activation = LAM_SOFTMAX });
  lam_model *model = lam_model_create(&x, 1);
  lam_trainer *trainer = lam_trainer_create(model, &(lam_trainer_options){ .loss = LAM_SPARSE_CATEGORICAL_CROSSENTROPY });
  return lam_fit(trainer, data(context), &(lam_fit_options){ .batch_size = BATCH }) == LAM_OK ? model : NULL;
}

/* Forward and weight gradient of both layers, input gradient of the second. */
static const struct {
  const char *product;
} products[] = { { "32x70x20:NN" }, { "32x5x70:NN" }, { "70x5x32:TN" }, { "32x70x5:NT" }, { "20x70x32:TN" } };
enum { PRODUCTS = sizeof products / sizeof *products };

static void each_product_of_a_step_gets_the_fastest_backend(void **state) {
  (void)state;
  for (unsigned threads = 1; threads <= 2; ++threads) {
    lam_context *context = make_context(standard, threads);
    assert_int_equal(lam_gemm_choice_count(context), 0);
    assert_non_null(train(context));
    assert_int_equal(lam_gemm_choice_count(context), PRODUCTS);
    for (size_t i = 0; i < PRODUCTS; ++i) {
      lam_gemm_choice choice;
      char product[LAM_PRODUCT_TEXT];
      assert_int_equal(lam_gemm_get_choice(context, i, &choice), LAM_OK);
      lam_gemm_choice_text(&choice, product);
      assert_string_equal(product, products[i].product);
      assert_int_equal(choice.threads, 1); /* whatever the context has: they are too small to be shared */
      assert_string_not_equal(choice.backend, "slow");
      assert_string_not_equal(choice.backend, "auto");
      assert_true(*choice.other && strcmp(choice.other, choice.backend) != 0);
      assert_true(choice.seconds > 0 && choice.seconds < 500e-6);
    }
    lam_gemm_choice none;
    assert_int_equal(lam_gemm_get_choice(context, PRODUCTS, &none), LAM_INVALID_ARGUMENT);
    unsigned measured = slow_calls;
    assert_true(measured > 0);
    assert_non_null(train(context)); /* nothing is left to measure */
    assert_int_equal(slow_calls, measured);
    lam_context_destroy(context);
  }
}

static void outside_of_plans_it_is_the_native_product(void **state) {
  (void)state;
  float automatic[9], native[9];
  lam_context *context = make_context(standard, 1);
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, 3, 3, 6, 1, inputs, 6, inputs + 18, 6, 0, automatic, 3),
                   LAM_OK);
  assert_int_equal(lam_gemm_select(context, "native"), LAM_OK);
  assert_int_equal(lam_sgemm(context, LAM_NO_TRANSPOSE, LAM_TRANSPOSE, 3, 3, 6, 1, inputs, 6, inputs + 18, 6, 0, native, 3),
                   LAM_OK);
  assert_memory_equal(automatic, native, sizeof native);
  assert_int_equal(lam_gemm_choice_count(context), 0);
  lam_context_destroy(context);
}

static void a_list_of_names_opens_all_and_selects_the_last(void **state) {
  (void)state;
  lam_context *context = make_context(standard, 1);
  assert_int_equal(lam_gemm_open(context, "auto,slow,native"), LAM_OK);
  assert_string_equal(lam_gemm_name(context), "native");
  assert_int_equal(lam_gemm_open(context, "native,no-such-library"), LAM_UNKNOWN_NAME);
  assert_int_equal(lam_gemm_open(context, "native,"), LAM_INVALID_ARGUMENT);
  lam_context_destroy(context);
}

/* ---- wisdom ------------------------------------------------------------------------------------------------------- */

static char path[64];

static void write_file(const char *text) {
  strcpy(path, "/tmp/lamina-wisdom-XXXXXX");
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0);
  assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
  close(descriptor);
}

#define PRODUCT(trans, m, n, k, backend)                                                                                         \
  "{\"trans\":\"" trans "\",\"m\":" #m ",\"n\":" #n ",\"k\":" #k ",\"threads\":1,\"backend\":\"" backend "\",\"us\":1.5}"
#define ALL_PRODUCTS(backend)                                                                                                    \
  "{\"lamina_wisdom\":1,\"products\":[" PRODUCT("NN", 32, 70, 20, backend) "," PRODUCT("NN", 32, 5, 70, backend) "," PRODUCT(    \
      "TN", 70, 5, 32, backend) "," PRODUCT("NT", 32, 70, 5, backend) "," PRODUCT("TN", 20, 70, 32, backend) "]}"

static void wisdom_decides_and_nothing_is_measured(void **state) {
  (void)state;
  write_file(ALL_PRODUCTS("slow"));
  lam_context *context = make_context(standard, 1);
  assert_int_equal(lam_wisdom_load(context, path), LAM_OK);
  assert_non_null(train(context));
  assert_int_equal(slow_calls, (2 + 1 + 1 + 2 + 2) * ROWS / BATCH); /* 70 columns are two blocks */
  lam_context_destroy(context);
  unlink(path);
}

static void wisdom_of_a_backend_that_is_not_there_is_learnt_anew(void **state) {
  (void)state;
  write_file(ALL_PRODUCTS("lost"));
  lam_context *context = make_context(standard, 1);
  assert_int_equal(lam_wisdom_load(context, path), LAM_OK);
  assert_non_null(train(context));
  assert_int_equal(lam_gemm_choice_count(context), PRODUCTS);
  lam_gemm_choice choice;
  assert_int_equal(lam_gemm_get_choice(context, 0, &choice), LAM_OK);
  assert_string_not_equal(choice.backend, "lost");
  lam_context_destroy(context);
  unlink(path);
}

static void a_run_with_the_same_wisdom_repeats_its_bits(void **state) {
  (void)state;
  write_file("");
  float weights[2][IN * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES];
  for (int run = 0; run < 2; ++run) {
    lam_context *context = make_context(standard, 1);
    if (run == 1) assert_int_equal(lam_wisdom_load(context, path), LAM_OK);
    lam_model *model = train(context);
    assert_non_null(model);
    assert_int_equal(lam_model_get_weights(model, weights[run], sizeof weights[run] / sizeof(float)), LAM_OK);
    assert_true(run == 1 ? slow_calls == 0 : slow_calls > 0);
    if (run == 0) assert_int_equal(lam_wisdom_save(context, path), LAM_OK);
    lam_context_destroy(context);
  }
  assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
  unlink(path);
}

static void what_is_not_wisdom_is_refused_and_nothing_of_it_is_taken(void **state) {
  (void)state;
  static const struct {
    const char *text;
    lam_status status;
  } files[] = {
    { "", LAM_FORMAT },
    { "[]", LAM_FORMAT },
    { "{\"lamina_wisdom\":1}", LAM_FORMAT },
    { "{\"lamina_wisdom\":2,\"products\":[]}", LAM_UNSUPPORTED },
    { "{\"lamina_wisdom\":1,\"products\":[" PRODUCT("NN", 3, 4, 5, "native") ",7]}", LAM_FORMAT },
    { "{\"lamina_wisdom\":1,\"products\":[" PRODUCT("NX", 3, 4, 5, "native") "]}", LAM_FORMAT },
    { "{\"lamina_wisdom\":1,\"products\":[" PRODUCT("NN", 0, 4, 5, "native") "]}", LAM_FORMAT },
    { "{\"lamina_wisdom\":1,\"products\":[" PRODUCT("NN", 3, 4, 99999999999, "native") "]}", LAM_FORMAT },
    { "{\"lamina_wisdom\":1,\"products\":[" PRODUCT("NN", 3, 4, 5, "") "]}", LAM_FORMAT },
    { "{\"lamina_wisdom\":1,\"products\":[]} more", LAM_FORMAT },
  };
  lam_context *context = make_context(standard, 1);
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    write_file(files[i].text);
    assert_int_equal(lam_wisdom_load(context, path), files[i].status);
    assert_non_null(strstr(lam_error_message(context), path));
    assert_int_equal(lam_gemm_choice_count(context), 0);
    unlink(path);
  }
  assert_int_equal(lam_wisdom_load(context, path), LAM_IO);
  assert_int_equal(lam_wisdom_save(context, "/no/such/folder/wisdom"), LAM_IO);
  lam_context_destroy(context);
}

static bool save_and_load(lam_allocator allocator) {
  lam_context *context = make_context(allocator, 1);
  if (!context) return false;
  bool good = lam_wisdom_load(context, path) == LAM_OK && lam_wisdom_save(context, path) == LAM_OK && train(context);
  lam_context_destroy(context);
  return good;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  write_file(ALL_PRODUCTS("native"));
  test_every_allocation_failing(save_and_load);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_product_of_a_step_gets_the_fastest_backend),
    cmocka_unit_test(outside_of_plans_it_is_the_native_product),
    cmocka_unit_test(a_list_of_names_opens_all_and_selects_the_last),
    cmocka_unit_test(wisdom_decides_and_nothing_is_measured),
    cmocka_unit_test(wisdom_of_a_backend_that_is_not_there_is_learnt_anew),
    cmocka_unit_test(a_run_with_the_same_wisdom_repeats_its_bits),
    cmocka_unit_test(what_is_not_wisdom_is_refused_and_nothing_of_it_is_taken),
    cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_data, NULL);
}
