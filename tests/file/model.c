/* SPDX-License-Identifier: MIT
 *
 * Models written and loaded again: the same bytes, the same bits; every damage to a small file is refused or harmless.
 */
#include "file/model_file.h"
#include "file/models.h"

static test_bytes written(const lam_model *model) {
  test_bytes file = { 0 };
  assert_int_equal(lam_model_write(model, test_write, &file), LAM_OK);
  return file;
}

static void predict(lam_model *model, float *classes, float *number) {
  float picture[5 * 12], vector[5 * 6];
  lam_random_uniform(picture, 60, 3, 0, 0);
  lam_random_uniform(vector, 30, 3, 1, 0);
  const lam_array inputs[] = { { .data = picture, .rows = 5, .shape = { { 3, 4 }, 2 } },
                               { .data = vector, .rows = 5, .shape = { { 6 }, 1 } } };
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = 5 });
  assert_non_null(session);
  assert_int_equal(lam_session_run(session, inputs, 2, (float *[]){ classes, number }, 2), LAM_OK);
  lam_session_destroy(session);
}

static void a_loaded_model_predicts_the_same_bits_and_gives_the_same_bytes(void **state) {
  (void)state;
  lam_context *context = lam_context_create(&(lam_context_options){ .seed = 42 }), *other = lam_context_create(NULL);
  lam_model *model = test_model_of_all_layers(context);
  if (!model) fail_msg("%s", lam_error_message(context));
  assert_int_equal(lam_model_set_input_scaling(model, 0, 1 / 255.0f, -0.5f), LAM_OK);
  test_bytes first = written(model), again = written(model);
  assert_int_equal(first.size, again.size);
  assert_memory_equal(first.bytes, again.bytes, first.size);
  assert_int_equal(first.size % 4, 0);

  lam_model *loaded = lam_model_load_memory(other, first.bytes, first.size);
  if (!loaded) fail_msg("%s", lam_error_message(other));
  float scale, offset;
  assert_int_equal(lam_model_input_scaling(loaded, 0, &scale, &offset), LAM_OK);
  assert_true(scale == 1 / 255.0f && offset == -0.5f);
  assert_int_equal(lam_model_layer_count(loaded), lam_model_layer_count(model));
  for (size_t i = 0; i < lam_model_layer_count(model); ++i) {
    lam_layer_info was, is;
    assert_int_equal(lam_model_layer(model, i, &was) | lam_model_layer(loaded, i, &is), LAM_OK);
    assert_string_equal(was.name, is.name);
    assert_string_equal(was.type, is.type);
    assert_int_equal(was.parameters, is.parameters);
    assert_memory_equal(&was.output, &is.output, sizeof was.output);
  }
  assert_int_equal(lam_model_class_count(loaded), 4);
  for (size_t i = 0; i < 4; ++i) assert_string_equal(lam_model_class_name(loaded, i), lam_model_class_name(model, i));
  assert_null(lam_model_class_name(loaded, 4));
  float before[2][20], after[2][20];
  predict(model, before[0], before[1]);
  predict(loaded, after[0], after[1]);
  assert_memory_equal(before[0], after[0], 20 * sizeof(float));
  assert_memory_equal(before[1], after[1], 5 * sizeof(float));
  test_bytes second = written(loaded);
  assert_int_equal(first.size, second.size);
  assert_memory_equal(first.bytes, second.bytes, first.size);
  free(first.bytes);
  free(again.bytes);
  free(second.bytes);
  lam_context_destroy(context);
  lam_context_destroy(other);
}

static void an_input_shape_taken_from_the_data_is_saved(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_graph *graph = lam_graph_create(context);
  lam_node x = lam_dense(lam_last(graph), 3, NULL);
  lam_model *model = lam_model_create(&x, 1);
  test_bytes file = { 0 };
  assert_int_equal(lam_model_write(model, test_write, &file), LAM_INVALID_ARGUMENT); // not built
  assert_int_equal(lam_model_build(model, &(lam_shape){ { 7 }, 1 }, 1), LAM_OK);
  file = written(model);
  lam_model *loaded = lam_model_load_memory(context, file.bytes, file.size);
  assert_non_null(loaded);
  assert_int_equal(lam_model_input_shape(loaded, 0).size[0], 7);
  free(file.bytes);
  lam_context_destroy(context);
}

static void rules_of_weights_and_what_is_frozen_are_kept(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = test_model_of_all_layers(context);
  test_bytes file = written(model);
  lam_model *loaded = lam_model_load_memory(context, file.bytes, file.size);
  assert_non_null(loaded);
  size_t ruled = 0, frozen = 0;
  for (size_t i = 0; i < model->weight_count; ++i) {
    const lam_weight *was = &model->weights[i], *is = &loaded->weights[i];
    assert_memory_equal(&was->regularizer, &is->regularizer, sizeof was->regularizer);
    assert_int_equal(was->constraint.type, is->constraint.type);
    assert_int_equal(was->constraint.axis, is->constraint.axis);
    assert_true(was->constraint.min_value == is->constraint.min_value && was->constraint.rate == is->constraint.rate);
    assert_true(was->constraint.max_value == is->constraint.max_value);
    ruled += was->constraint.type != LAM_NO_CONSTRAINT;
  }
  for (size_t i = 0; i < model->layer_count; ++i) {
    lam_regularizer was = lam_layer_activity(model->layers[i]), is = lam_layer_activity(loaded->layers[i]);
    assert_memory_equal(&was, &is, sizeof was);
    assert_true(model->layers[i]->frozen == loaded->layers[i]->frozen);
    frozen += model->layers[i]->frozen;
  }
  assert_true(ruled == 4 && frozen == 1);
  free(file.bytes);
  lam_context_destroy(context);
}

static void an_applied_model_is_saved_as_its_layers(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 2 }, 1 });
  x = lam_apply_model(test_small_model(context), "part", &x, 1, NULL);
  x = lam_dense(x, 3, NULL);
  lam_model *model = lam_model_create(&x, 1);
  test_bytes file = written(model), again;
  lam_model *loaded = lam_model_load_memory(context, file.bytes, file.size);
  assert_non_null(loaded);
  assert_int_equal(lam_model_set_trainable(loaded, "part", false), LAM_OK);
  assert_int_equal(lam_model_set_trainable(loaded, "part", true), LAM_OK);
  again = written(loaded);
  assert_int_equal(file.size, again.size);
  assert_memory_equal(file.bytes, again.bytes, file.size);
  free(file.bytes);
  free(again.bytes);
  lam_context_destroy(context);
}

static lam_node another(lam_node x, int kind) {
  if (kind == 0) return lam_dense(x, 1, &(lam_dense_options){ .activation = LAM_RELU, .kernel_regularizer = { 0.1f, 0.1f } });
  return kind == 1 ? lam_batch_normalization(x, NULL) : lam_activate(x, LAM_TANH);
}

/* As docs/file-format.md says; the model is the deepest of its kind that can be saved. */
static void loading_takes_at_most_twice_the_file_and_a_mebibyte(void **state) {
  (void)state;
  for (int kind = 0; kind < 3; ++kind) {
    lam_context *context = lam_context_create(NULL);
    test_bytes file = { 0 };
    size_t depth = 400;
    for (lam_status status = LAM_UNSUPPORTED; status; depth -= 20) {
      assert_true(depth > 100);
      lam_graph *graph = lam_graph_create(context);
      lam_node x = lam_input(graph, (lam_shape){ { 1 }, 1 });
      for (size_t i = 0; i < depth; ++i) x = another(x, kind);
      lam_model *model = lam_model_create(&x, 1);
      status = lam_model_write(model, test_write, &file);
      lam_model_destroy(model);
      lam_graph_destroy(graph);
    }
    test_memory memory = { 0 };
    lam_context *loading = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&memory) });
    assert_non_null(lam_model_load_memory(loading, file.bytes, file.size));
    if (memory.most_bytes > 2 * file.size + (1 << 20))
      fail_msg("%zu bytes for a file of %zu and %zu layers of kind %d", memory.most_bytes, file.size, depth, kind);
    lam_context_destroy(loading);
    lam_context_destroy(context);
    free(file.bytes);
  }
}

static void training_options_are_kept(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = test_small_model(context);
  const lam_trainer_options options = { .loss = LAM_CATEGORICAL_CROSSENTROPY,
                                        .optimizer = {
                                            .type = LAM_SGD, .momentum = 0.9f, .nesterov = true, .learning_rate = LAM_ZERO } };
  assert_non_null(lam_trainer_create(model, &options));
  test_bytes file = written(model);
  lam_model *loaded = lam_model_load_memory(context, file.bytes, file.size);
  assert_non_null(loaded);
  lam_trainer_options got;
  assert_int_equal(lam_trainer_get_options(lam_trainer_create(loaded, NULL), &got), LAM_OK);
  assert_int_equal(got.loss, LAM_CATEGORICAL_CROSSENTROPY);
  assert_int_equal(got.optimizer.type, LAM_SGD);
  assert_true(got.optimizer.momentum == 0.9f && got.optimizer.nesterov && got.optimizer.learning_rate == LAM_ZERO);
  free(file.bytes);
  lam_context_destroy(context);
}

/* Loads from a copy that ends where the file does. */
static lam_status load(const unsigned char *bytes, size_t size) {
  lam_context *context = lam_context_create(NULL);
  unsigned char *copy = malloc(size ? size : 1);
  memcpy(copy, bytes, size);
  lam_model *model = lam_model_load_memory(context, copy, size);
  lam_status status = model ? LAM_OK : lam_error_status(context);
  if (!model) assert_true(lam_error_message(context)[0] != 0);
  free(copy);
  lam_context_destroy(context);
  return status;
}

static test_bytes small_file(void) {
  lam_context *context = lam_context_create(NULL);
  test_bytes file = written(test_small_model(context));
  lam_context_destroy(context);
  return file;
}

static void every_truncation_is_refused(void **state) {
  (void)state;
  test_bytes file = small_file();
  for (size_t size = 0; size < file.size; ++size) assert_int_equal(load(file.bytes, size), LAM_FORMAT);
  assert_int_equal(load(file.bytes, file.size), LAM_OK);
  free(file.bytes);
}

static size_t header_size(const test_bytes *file) { return 8 + file->bytes[0] + ((size_t)file->bytes[1] << 8); }

static void every_flipped_bit_of_the_header_is_refused_or_harmless(void **state) {
  (void)state;
  test_bytes file = small_file();
  size_t refused = 0, taken = 0;
  for (size_t bit = 0; bit < header_size(&file) * 8; ++bit) {
    file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    lam_status status = load(file.bytes, file.size);
    assert_true(status == LAM_OK || status == LAM_FORMAT || status == LAM_UNSUPPORTED);
    if (status)
      ++refused;
    else
      ++taken;
    file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  // What is taken are letters of names, of ignored keys and spaces.
  assert_true(refused > 4 * taken);
  free(file.bytes);
}

static void a_weight_that_changes_the_output_is_noticed_by_the_golden_row(void **state) {
  (void)state;
  test_bytes file = small_file();
  size_t noticed = 0;
  for (size_t i = header_size(&file); i + 3 < file.size; i += 4) {
    file.bytes[i + 3] ^= 0x40; // of the exponent: far from what it was
    noticed += load(file.bytes, file.size) == LAM_FORMAT;
    file.bytes[i + 3] ^= 0x40;
  }
  assert_true(noticed > 6); // relu hides weights of units that are off for the golden input
  free(file.bytes);
}

static ptrdiff_t read_little(void *user, void *bytes, size_t size) {
  test_bytes *file = user;
  size_t left = file->size - file->room, count = left < 7 ? left : 7;
  if (count > size) count = size;
  memcpy(bytes, file->bytes + file->room, count);
  file->room += count;
  return (ptrdiff_t)count;
}

static ptrdiff_t read_failing(void *user, void *bytes, size_t size) {
  (void)bytes;
  (void)size;
  return *(ptrdiff_t *)user;
}

static void a_model_is_read_through_a_function(void **state) {
  (void)state;
  test_bytes file = small_file();
  lam_context *context = lam_context_create(NULL);
  assert_non_null(lam_model_read(context, read_little, &file));
  file.room = 0;
  --file.size;
  assert_null(lam_model_read(context, read_little, &file));
  assert_int_equal(lam_error_status(context), LAM_FORMAT);
  ptrdiff_t wrong[] = { -1, PTRDIFF_MAX };
  for (int i = 0; i < 2; ++i) {
    assert_null(lam_model_read(context, read_failing, &wrong[i]));
    assert_int_equal(lam_error_status(context), LAM_IO);
  }
  free(file.bytes);
  lam_context_destroy(context);
}

static void a_write_that_fails_at_any_byte_is_a_status(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_model *model = test_small_model(context);
  test_bytes whole = written(model);
  for (size_t room = 1; room < whole.size; ++room) {
    test_bytes file = { .room = room };
    assert_int_equal(lam_model_write(model, test_write, &file), LAM_IO);
    free(file.bytes);
  }
  free(whole.bytes);
  lam_context_destroy(context);
}

/* ---- allocations ------------------------------------------------------------------------------------------------- */

static test_bytes golden_file;

static bool load_with(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  if (!context) return false;
  lam_model *model = lam_model_load_memory(context, golden_file.bytes, golden_file.size);
  if (!model) assert_true(lam_error_status(context) == LAM_OUT_OF_MEMORY);
  lam_context_destroy(context);
  return model != NULL;
}

static void every_failed_allocation_of_loading_is_a_status(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  golden_file = written(test_model_of_all_layers(context));
  lam_context_destroy(context);
  test_every_allocation_failing(load_with);
  free(golden_file.bytes);
}

static bool save_with(lam_allocator allocator) {
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = allocator });
  lam_model *model = context ? test_model_of_all_layers(context) : NULL;
  test_bytes file = { 0 };
  bool good = model && lam_model_write(model, test_write, &file) == LAM_OK;
  if (context && !good) assert_true(lam_error_status(context) == LAM_OUT_OF_MEMORY);
  free(file.bytes);
  lam_context_destroy(context);
  return good;
}

static void every_failed_allocation_of_saving_is_a_status(void **state) {
  (void)state;
  test_every_allocation_failing(save_with);
}

/* ---- hostile architectures --------------------------------------------------------------------------------------- */

/* A file whose metadata is this text, with the tensors of nothing. */
static test_bytes hostile(const char *text) {
  lam_context *context = lam_context_create(NULL);
  test_bytes file = { 0 };
  assert_int_equal(lam_safetensors_write(context, LAM_FILE_KEY, text, strlen(text), NULL, 0, test_write, &file), LAM_OK);
  lam_context_destroy(context);
  return file;
}

typedef struct peak {
  size_t live, most;
} peak;

static void *peak_allocate(void *user, size_t size, size_t alignment) {
  peak *p = user;
  void *memory = NULL;
  if (size > SIZE_MAX / 2 || posix_memalign(&memory, alignment < 64 ? 64 : alignment, size)) return NULL;
  p->live += size;
  if (p->live > p->most) p->most = p->live;
  return memory;
}

static void peak_release(void *user, void *memory, size_t size) {
  ((peak *)user)->live -= size;
  free(memory);
}

/* Loads and returns the most memory that was taken at once, the context's own not counted. */
static size_t most_memory(const test_bytes *file, lam_status *status) {
  peak p = { 0 };
  lam_context *context = lam_context_create(&(lam_context_options){ .allocator = { peak_allocate, peak_release, &p } });
  size_t before = p.live;
  p.most = p.live;
  lam_model *model = lam_model_load_memory(context, file->bytes, file->size);
  *status = model ? LAM_OK : lam_error_status(context);
  lam_context_destroy(context);
  assert_int_equal(p.live, 0);
  return p.most - before;
}

#define INPUT "{\"name\":\"x\",\"type\":\"InputLayer\",\"options\":{\"shape\":[8]}}"
#define DENSE(units) "{\"name\":\"d\",\"type\":\"Dense\",\"options\":{\"units\":" units "}}"
#define NODES "\"nodes\":[{\"layer\":0,\"inputs\":[]},{\"layer\":1,\"inputs\":[0]}],\"outputs\":[1]"
#define MODEL(layers) "{\"version\":1,\"layers\":[" layers "]," NODES "}"

#define NAMED(names)                                                                                                             \
  "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":0,\"inputs\":[]}],\"outputs\":[0],\"class_names\":" names "}"

static const struct {
  const char *text;
  lam_status status;
} hostile_texts[] = {
  { MODEL(INPUT "," DENSE("1073741824")), LAM_FORMAT }, // 32 GB of weights in a file of some hundred bytes
  { MODEL(INPUT "," DENSE("2147483647")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("2147483648")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("18446744073709551615")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("18446744073709551616")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("0")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("-1")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("1.5")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("\"5\"")), LAM_FORMAT },
  { MODEL(INPUT "," DENSE("4")), LAM_FORMAT }, // the tensor is missing
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Conv9D\",\"options\":{}}"), LAM_UNSUPPORTED },
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Dense\"}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Dense\",\"options\":[]}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Dense\",\"options\":{\"units\":1,\"activation\":\"swish9\"}}"), LAM_UNSUPPORTED },
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Dense\",\"options\":{\"units\":1,\"no_bias\":1}}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Dense\",\"options\":{\"units\":1,\"kernel_initializer_value\":1e300}}"),
    LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"d\",\"type\":\"Dense\",\"options\":{\"units\":1,\"kernel_initializer_value\":\"nan\"}}"),
    LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"a/b\",\"type\":\"Flatten\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"\",\"type\":\"Flatten\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"x\",\"type\":\"Flatten\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":7,\"type\":\"Flatten\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"type\":\"Flatten\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"a\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT ",7"), LAM_FORMAT },
  { MODEL(INPUT ",{\"name\":\"a\",\"type\":\"Add\",\"options\":{}}"), LAM_FORMAT },
  { MODEL(INPUT), LAM_FORMAT },
  { MODEL("{\"name\":\"x\",\"type\":\"InputLayer\",\"options\":{\"shape\":[]}}," DENSE("1")), LAM_FORMAT },
  { MODEL("{\"name\":\"x\",\"type\":\"InputLayer\",\"options\":{\"shape\":[0]}}," DENSE("1")), LAM_FORMAT },
  { MODEL("{\"name\":\"x\",\"type\":\"InputLayer\",\"options\":{\"shape\":[1,1,1,1,1,1,1]}}," DENSE("1")), LAM_FORMAT },
  { MODEL("{\"name\":\"x\",\"type\":\"InputLayer\",\"options\":{\"shape\":[4294967296,4294967296]}}," DENSE("1")), LAM_FORMAT },
  { MODEL("{\"name\":\"x\",\"type\":\"InputLayer\",\"options\":{\"shape\":[\"8\"]}}," DENSE("1")), LAM_FORMAT },
  { "{\"version\":2}", LAM_UNSUPPORTED },
  { "{\"version\":0}", LAM_FORMAT },
  { "{\"version\":\"1\"}", LAM_FORMAT },
  { "{}", LAM_FORMAT },
  { "[]", LAM_FORMAT },
  { "", LAM_FORMAT },
  { "{\"version\":1}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[],\"nodes\":[],\"outputs\":[]}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":0,\"inputs\":[0]}],\"outputs\":[0]}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":1,\"inputs\":[]}],\"outputs\":[0]}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":-1,\"inputs\":[]}],\"outputs\":[0]}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":0}],\"outputs\":[0]}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":0,\"inputs\":[]}],\"outputs\":[1]}", LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":0,\"inputs\":[]},{\"layer\":0,\"inputs\":[]}],\"outputs\":[1]}",
    LAM_FORMAT },
  { "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[7],\"outputs\":[0]}", LAM_FORMAT },
  { NAMED("7"), LAM_FORMAT },
  { NAMED("[]"), LAM_FORMAT },
  { NAMED("{}"), LAM_FORMAT },
  { NAMED("\"a\""), LAM_FORMAT },
  { NAMED("[\"a\",7]"), LAM_FORMAT },
  { NAMED("[[\"a\"]]"), LAM_FORMAT },
  { NAMED("[\"a\",null]"), LAM_FORMAT },
  { NAMED("[\"a\",\"b\\u0000\"]"), LAM_FORMAT },
  { NAMED("[\"a\",\"b\"]"), LAM_OK },
};

static void hostile_architectures_are_refused_in_little_memory(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hostile_texts / sizeof *hostile_texts; ++i) {
    test_bytes file = hostile(hostile_texts[i].text);
    lam_status status;
    size_t most = most_memory(&file, &status);
    if (status != hostile_texts[i].status) fail_msg("%s: status %d", hostile_texts[i].text, status);
    assert_true(most <= 2 * file.size + (1 << 20));
    free(file.bytes);
  }
}

/* Nodes that double their width: 2^40 numbers wide in the end, but for the limit of a shape. */
static void widths_that_double_are_not_computed(void **state) {
  (void)state;
  char text[8192];
  size_t size = (size_t)sprintf(text, "{\"version\":1,\"layers\":[" INPUT);
  for (int i = 1; i <= 27; ++i)
    size += (size_t)sprintf(text + size, ",{\"name\":\"c%d\",\"type\":\"Concatenate\",\"options\":{}}", i);
  size += (size_t)sprintf(text + size, "],\"nodes\":[{\"layer\":0,\"inputs\":[]}");
  for (int i = 1; i <= 27; ++i) size += (size_t)sprintf(text + size, ",{\"layer\":%d,\"inputs\":[%d,%d]}", i, i - 1, i - 1);
  sprintf(text + size, "],\"outputs\":[27]}");
  test_bytes file = hostile(text);
  lam_status status;
  assert_true(most_memory(&file, &status) <= 2 * file.size + (1 << 20));
  assert_int_equal(status, LAM_OK); // without a weight there is nothing to be wrong
  free(file.bytes);
}

/* As many values as a header can hold, in each place where they cost most. */
static void many_values_stay_within_the_promised_memory(void **state) {
  (void)state;
  const char *const starts[] = { "{\"version\":1,\"layers\":[", "{\"version\":1,\"nodes\":[",
                                 "{\"version\":1,\"layers\":[" INPUT
                                 "],\"nodes\":[{\"layer\":0,\"inputs\":[]},{\"layer\":0,\"inputs\":[" };
  const char *const items[] = { "{\"name\":\"a\",\"type\":\"Flatten\",\"options\":{}},", "{\"layer\":0,\"inputs\":[0]},", "0," };
  const char *const ends[] = { "0]," NODES "}", "0],\"layers\":[" INPUT "],\"outputs\":[1]}", "0]}],\"outputs\":[1]}" };
  for (int kind = 0; kind < 3; ++kind) {
    size_t item = strlen(items[kind]), size = strlen(starts[kind]);
    char *text = malloc(3000000);
    strcpy(text, starts[kind]);
    while (size < 2500000) memcpy(text + size, items[kind], item), size += item;
    strcpy(text + size, ends[kind]);
    test_bytes file = hostile(text);
    lam_status status;
    size_t most = most_memory(&file, &status);
    assert_int_equal(status, LAM_FORMAT);
    assert_true(most <= 2 * file.size + (1 << 20));
    free(file.bytes);
    free(text);
  }
}

/* Names of 100 bytes, whose copies just fit, and of 20, whose copies do not. */
static void class_names_stay_within_the_promised_memory(void **state) {
  (void)state;
  for (int length = 20; length <= 100; length += 80) {
    const char *start =
        "{\"version\":1,\"layers\":[" INPUT "],\"nodes\":[{\"layer\":0,\"inputs\":[]}],\"outputs\":[0],\"class_names\":[";
    size_t size = strlen(start);
    char *text = malloc(3000000);
    strcpy(text, start);
    while (size < 2500000) size += (size_t)sprintf(text + size, "\"%*d\",", length, 7);
    strcpy(text + size - 1, "]}");
    test_bytes file = hostile(text);
    lam_status status;
    assert_true(most_memory(&file, &status) <= 2 * file.size + (1 << 20));
    assert_int_equal(status, length == 100 ? LAM_OK : LAM_FORMAT);
    free(file.bytes);
    free(text);
  }
}

/* The share that lam_file_needs reckons for a node covers what a node takes: deep models stay within the promise. */
static void deep_models_load_within_the_promised_memory(void **state) {
  (void)state;
  for (size_t width = 1; width <= 33; width += 16) {
    lam_context *context = lam_context_create(NULL);
    lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { width }, 1 });
    for (int i = 0; i < 300; ++i) x = lam_dense(x, width, &(lam_dense_options){ .activation = LAM_RELU });
    lam_model *model = lam_model_create(&x, 1);
    assert_non_null(model);
    test_bytes file = written(model);
    lam_status status;
    size_t most = most_memory(&file, &status);
    assert_int_equal(status, LAM_OK);
    if (most > 2 * file.size + (1 << 20)) fail_msg("width %zu: %zu bytes for a file of %zu", width, most, file.size);
    free(file.bytes);
    lam_context_destroy(context);
  }
}

/* Saving asks what loading asks: what cannot be loaded is not saved. */
static void a_model_with_too_many_nodes_for_its_weights_is_not_saved(void **state) {
  (void)state;
  lam_context *context = lam_context_create(NULL);
  lam_node x = lam_input(lam_graph_create(context), (lam_shape){ { 1 }, 1 });
  bool refused = false;
  for (int depth = 1; depth <= 600; ++depth) {
    x = lam_dense(x, 1, NULL);
    if (depth % 50) continue;
    lam_model *model = lam_model_create(&x, 1);
    test_bytes file = { 0 };
    lam_status status = lam_model_write(model, test_write, &file);
    assert_true(status == LAM_OK || status == LAM_UNSUPPORTED);
    assert_true(!refused || status);
    refused = status != LAM_OK;
    if (!refused) assert_int_equal(load(file.bytes, file.size), LAM_OK);
    free(file.bytes);
    lam_model_destroy(model);
  }
  assert_true(refused);
  lam_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_loaded_model_predicts_the_same_bits_and_gives_the_same_bytes),
    cmocka_unit_test(an_input_shape_taken_from_the_data_is_saved),
    cmocka_unit_test(rules_of_weights_and_what_is_frozen_are_kept),
    cmocka_unit_test(an_applied_model_is_saved_as_its_layers),
    cmocka_unit_test(loading_takes_at_most_twice_the_file_and_a_mebibyte),
    cmocka_unit_test(training_options_are_kept),
    cmocka_unit_test(every_truncation_is_refused),
    cmocka_unit_test(every_flipped_bit_of_the_header_is_refused_or_harmless),
    cmocka_unit_test(a_weight_that_changes_the_output_is_noticed_by_the_golden_row),
    cmocka_unit_test(a_model_is_read_through_a_function),
    cmocka_unit_test(a_write_that_fails_at_any_byte_is_a_status),
    cmocka_unit_test(every_failed_allocation_of_loading_is_a_status),
    cmocka_unit_test(every_failed_allocation_of_saving_is_a_status),
    cmocka_unit_test(hostile_architectures_are_refused_in_little_memory),
    cmocka_unit_test(widths_that_double_are_not_computed),
    cmocka_unit_test(many_values_stay_within_the_promised_memory),
    cmocka_unit_test(class_names_stay_within_the_promised_memory),
    cmocka_unit_test(deep_models_load_within_the_promised_memory),
    cmocka_unit_test(a_model_with_too_many_nodes_for_its_weights_is_not_saved),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
