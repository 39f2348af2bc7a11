/* SPDX-License-Identifier: MIT
 *
 * lamina-bench kernels: each kernel at each instruction set, against plain loops. The plain loops are a table like the others
 * (plain.c), so one call serves all. A kernel that joins LAM_KERNEL_LIST needs one line here, or this does not compile.
 */
#include "bench/bench.h"
#include "bench/pin.h"
#include "bench/plain.h"
#include <stdlib.h>
#include <string.h>

static const report_unit nanoseconds = { "ns", "ns_spread", "ns_low", "ns_high", "ns an element", 1e9 };

typedef struct work {
  const lam_kernel_table *table;
  size_t rows, columns, count;
  float *y, *x;           /* result; numbers in [-4, 4] */
  float *p, *t, *g, *row; /* in (0, 1): probabilities, targets; small gradients; a row of numbers */
  float *w, *m, *v;       /* parameters and state */
  int32_t *labels;
  uint8_t *bytes;
} work;

/* ---- one call of each kernel --------------------------------------------------------------------------------------- */

/* `bytes` is what a kernel reads and writes for each element; negative: it reads so many and writes next to nothing. */
#define CALL(kernel, floats, ...) CALL_BYTES(kernel, 4 * (floats), __VA_ARGS__)
#define READ(kernel, floats, ...) CALL_BYTES(kernel, -4 * (floats), __VA_ARGS__)
#define CALL_BYTES(kernel, bytes, ...)                                                                                           \
  enum { bytes_##kernel = bytes };                                                                                               \
  static void call_##kernel(void *user) {                                                                                        \
    const work *w = user;                                                                                                        \
    w->table->kernel(__VA_ARGS__, w->rows, w->columns);                                                                          \
  }
#define N w->columns
#define UNARY(kernel, input) CALL(kernel, 2, w->y, N, w->input, N)
#define BACKWARD(kernel) CALL(kernel, 3, w->y, N, w->g, N, w->p, N)
#define DENSE_LOSS(kernel, input) CALL(kernel, 3, w->row, w->y, N, w->input, N, w->t, N, 0.03125f)
UNARY(exp, x)
UNARY(log, p)
UNARY(relu, x)
UNARY(sigmoid, x)
UNARY(tanh, x)
UNARY(softmax, x)
UNARY(log_softmax, x)
BACKWARD(relu_backward)
BACKWARD(sigmoid_backward)
BACKWARD(tanh_backward)
BACKWARD(softmax_backward)
BACKWARD(log_softmax_backward)
UNARY(hard_sigmoid, x)
UNARY(hard_silu, x)
UNARY(hard_tanh, x)
UNARY(softplus, x)
UNARY(log_sigmoid, x)
UNARY(softsign, x)
UNARY(silu, x)
UNARY(mish, x)
UNARY(gelu, x)
UNARY(gelu_tanh, x)
UNARY(tanh_shrink, x)
UNARY(sparse_plus, x)
UNARY(sparse_sigmoid, x)
UNARY(sparsemax, x)
BACKWARD(hard_sigmoid_backward)
CALL(hard_silu_backward, 3, w->y, N, w->g, N, w->x, N)
BACKWARD(hard_tanh_backward)
BACKWARD(softplus_backward)
BACKWARD(log_sigmoid_backward)
CALL(softsign_backward, 3, w->y, N, w->g, N, w->x, N)
CALL(silu_backward, 3, w->y, N, w->g, N, w->x, N)
CALL(mish_backward, 3, w->y, N, w->g, N, w->x, N)
CALL(gelu_backward, 3, w->y, N, w->g, N, w->x, N)
CALL(gelu_tanh_backward, 3, w->y, N, w->g, N, w->x, N)
CALL(tanh_shrink_backward, 3, w->y, N, w->g, N, w->x, N)
BACKWARD(sparse_plus_backward)
BACKWARD(sparse_sigmoid_backward)
BACKWARD(shrink_backward)
BACKWARD(sparsemax_backward)
/* Parameters for all: a slope, a maximum, a threshold; alpha, scale, stretch. */
static const float parameters[] = { 0.5f, 1.0f, 0.25f };
CALL(relu_with, 2, w->y, N, w->x, N, parameters)
CALL(elu, 2, w->y, N, w->x, N, parameters)
CALL(threshold, 2, w->y, N, w->x, N, parameters)
CALL(squareplus, 2, w->y, N, w->x, N, parameters)
CALL(hard_shrink, 2, w->y, N, w->x, N, parameters)
CALL(soft_shrink, 2, w->y, N, w->x, N, parameters)
CALL(relu_with_backward, 3, w->y, N, w->g, N, w->p, N, parameters)
CALL(elu_backward, 3, w->y, N, w->g, N, w->p, N, parameters)
CALL(threshold_backward, 3, w->y, N, w->g, N, w->p, N, parameters)
CALL(squareplus_backward, 3, w->y, N, w->g, N, w->p, N, parameters)
CALL(prelu, 2, w->y, N, w->x, N, w->t)
CALL(prelu_backward, 3, w->y, N, w->g, N, w->x, N, w->t)
READ(prelu_slopes, 2, w->y, w->g, N, w->x, N)
CALL(pass_equal, 5, w->y, N, w->m, N, w->x, N, w->x, N)
CALL(subtract, 3, w->y, N, w->x, N, w->t, N)
CALL(multiply, 3, w->y, N, w->x, N, w->t, N)
CALL(maximum, 3, w->y, N, w->x, N, w->t, N)
CALL(minimum, 3, w->y, N, w->x, N, w->t, N)
CALL(bias, 2, w->y, N, w->x, N, w->t)
CALL(bias_relu, 2, w->y, N, w->x, N, w->t)
CALL(add, 3, w->y, N, w->x, N, w->t, N)
CALL_BYTES(from_bytes, 5, w->y, N, w->bytes, N, 0.00392156886f, 0.0f)
CALL(affine, 2, w->y, N, w->x, N, 0.5f, 0.25f)
CALL(standardize, 2, w->y, N, w->x, N, w->t, w->p)
READ(column_moments, 1, w->row, w->y, w->x, N)
CALL(normalize_columns, 2, w->y, N, w->x, N, w->t, w->p, w->t, w->x, 0.001f)
CALL(normalize_columns_backward, 3, w->y, N, w->row, w->m, w->g, N, w->x, N, w->t, w->p, w->t, 0.001f)
CALL(normalize_rows, 2, w->y, N, w->m, w->x, N, w->t, w->p, 0.001f, 1)
CALL(normalize_rows_backward, 3, w->y, N, w->g, N, w->x, N, w->p, w->t, 1)
READ(normalize_rows_factors, 2, w->row, w->g, N, w->x, N, w->p)
READ(log_sum_exp, 1, w->row, w->x, N)
READ(argmax, 1, w->labels, w->x, N)
READ(column_sums, 1, w->y, w->x, N)
CALL(softmax_sparse_crossentropy, 2, w->row, w->y, N, w->x, N, w->labels, 0.03125f)
DENSE_LOSS(softmax_crossentropy, x)
DENSE_LOSS(sigmoid_binary_crossentropy, x)
CALL(sparse_crossentropy, 2, w->row, w->y, N, w->p, N, w->labels, 0.03125f)
DENSE_LOSS(crossentropy, p)
DENSE_LOSS(binary_crossentropy, p)
CALL(squared_error, 3, w->row, w->y, N, w->x, N, w->t, N, 0.5f, 0.03125f)
#define DENSE_LOSS_WITH(kernel, input) CALL(kernel, 3, w->row, w->y, N, w->input, N, w->t, N, loss_parameters, 0.03125f)
static const float loss_parameters[] = { 1.5f, 0.25f, 0.75f };
DENSE_LOSS(mean_absolute_error, x)
DENSE_LOSS(mean_absolute_percentage_error, x)
DENSE_LOSS(mean_squared_logarithmic_error, p)
DENSE_LOSS(log_cosh, x)
DENSE_LOSS(hinge, x)
DENSE_LOSS(squared_hinge, x)
DENSE_LOSS(categorical_hinge, x)
DENSE_LOSS(poisson, p)
DENSE_LOSS(kl_divergence, p)
DENSE_LOSS_WITH(huber, x)
DENSE_LOSS_WITH(binary_focal_crossentropy, p)
DENSE_LOSS_WITH(sigmoid_binary_focal_crossentropy, x)
DENSE_LOSS_WITH(focal_crossentropy, p)
DENSE_LOSS_WITH(softmax_focal_crossentropy, x)
READ(pair_sums, 2, w->y, w->x, N, w->t, N)
CALL(pair_combine, 3, w->y, N, w->x, N, w->t, N, w->p)
#undef CALL_BYTES
#define CALL_BYTES(kernel, bytes, ...)                                                                                           \
  enum { bytes_##kernel = bytes };                                                                                               \
  static void call_##kernel(void *user) {                                                                                        \
    const work *w = user;                                                                                                        \
    w->table->kernel(__VA_ARGS__);                                                                                               \
  }
CALL(dropout, 2, w->y, w->x, 0.5f, 1, 2, 0, w->count)
CALL(sgd, 3, w->w, w->g, 0.001f, w->count)
CALL(sgd_momentum, 5, w->w, w->m, w->g, 0.001f, 0.9f, w->count)
CALL(sgd_nesterov, 5, w->w, w->m, w->g, 0.001f, 0.9f, w->count)
CALL(rmsprop, 5, w->w, w->v, w->g, 0.001f, 0.9f, 1e-7f, w->count)
CALL(rmsprop_epsilon_outside, 5, w->w, w->v, w->g, 0.001f, 0.9f, 1e-7f, w->count)
CALL(adam, 7, w->w, w->m, w->v, w->g, 0.001f, 0.9f, 0.999f, 1e-7f, 10, w->count)
/* Three states: the third lies in the targets' array. */
CALL(rmsprop_general, 9, w->w, w->v, w->m, w->t, w->g, 0.001f, 0.9f, 1e-7f, false, 0.9f, w->count)
CALL(amsgrad, 9, w->w, w->m, w->v, w->t, w->g, 0.001f, 0.9f, 0.999f, 1e-7f, 10, w->count)
CALL(adamax, 7, w->w, w->m, w->v, w->g, 0.001f, 0.9f, 0.999f, 1e-7f, 10, w->count)
CALL(nadam, 7, w->w, w->m, w->v, w->g, 0.001f, 0.9f, 0.999f, 1e-7f, 0.02, 10, w->count)
CALL(adagrad, 5, w->w, w->v, w->g, 0.001f, 1e-7f, w->count)
CALL(adadelta, 7, w->w, w->v, w->m, w->g, 0.001f, 0.95f, 1e-7f, w->count)
CALL(lion, 5, w->w, w->m, w->g, 0.001f, 0.9f, 0.99f, w->count)
CALL(ftrl, 7, w->w, w->v, w->m, w->g, 0.001f, 0.1f, 0.1f, 0.0f, 0.0f, w->count)
CALL(moving_average, 3, w->m, w->w, 0.99f, w->count)
CALL(decay_and_add, 3, w->w, w->g, 0.004f, w->count)
CALL(scale_and_clip, 2, w->y, w->g, 0.5, 1.0f, w->count)
READ(sum_of_squares, 1, (double *)(void *)w->row, w->g, w->count)
/* Products have a command of their own; here 16 long sums, so that the table is complete. */
enum { GEMM_K = 16 };
CALL(gemm, 1, 0, 0, w->rows, w->columns, GEMM_K, 1.0f, w->x, GEMM_K, w->t, N, 0.0f, w->y, N, NULL, NULL)

typedef struct kernel {
  const char *name;
  void (*call)(void *user);
  int bytes;
} kernel;
#define LAM_X(name, arguments) { #name, call_##name, bytes_##name },
static const kernel kernels[] = { LAM_KERNEL_LIST(LAM_X) };
#undef LAM_X
enum { KERNELS_COUNT = sizeof kernels / sizeof *kernels };

/* ---- matrices ------------------------------------------------------------------------------------------------------ */

static void close_work(work *w) {
  float *const all[] = { w->y, w->x, w->p, w->t, w->g, w->row, w->w, w->m, w->v };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  free(w->labels);
  free(w->bytes);
}

static float *numbers(size_t count, float low, float high, uint64_t stream) {
  /* Room for gemm's operands, GEMM_K wide or high. */
  float *memory = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
  if (!memory) return NULL;
  lam_random_uniform(memory, count, 1, stream, 0);
  for (size_t i = 0; i < count; i++) memory[i] = low + (high - low) * memory[i];
  return memory;
}

static bool open_work(work *w, size_t rows, size_t columns) {
  size_t count = rows * columns, longest = rows > columns ? rows : columns,
         room = count > GEMM_K * longest ? count : GEMM_K * longest;
  *w = (work){ .rows = rows, .columns = columns, .count = count };
  w->y = numbers(room, 0, 0, 0);
  w->x = numbers(room, -4, 4, 1);
  w->p = numbers(room, 0.05f, 0.95f, 2);
  w->t = numbers(room, 0.05f, 0.95f, 3);
  w->g = numbers(room, -0.1f, 0.1f, 4);
  w->w = numbers(room, -1, 1, 5);
  w->m = numbers(room, -0.1f, 0.1f, 6);
  w->v = numbers(room, 0.01f, 0.1f, 7);
  w->row = numbers(longest, 0, 1, 8);
  w->labels = calloc(rows, sizeof *w->labels);
  w->bytes = calloc(count, 1);
  return w->y && w->x && w->p && w->t && w->g && w->w && w->m && w->v && w->row && w->labels && w->bytes;
}

/* ---- measuring ----------------------------------------------------------------------------------------------------- */

typedef struct entrant {
  work w;
  const kernel *k;
} entrant;

static timing time_kernel(void *user, size_t times) {
  entrant *e = user;
  return time_runs(e->k->call, &e->w, times);
}

static void report_kernel(report *to, const settings *options, const entrant *e, const contender *all, size_t i, size_t plain) {
  char command[512], shape[48];
  const double bytes = (double)abs(e->k->bytes) * (double)e->w.count, rate = bytes / all[i].mean.middle;
  const int level = level_of(&to->card, bytes);
  snprintf(shape, sizeof shape, "%zux%zu", e->w.rows, e->w.columns);
  common_options(command, sizeof command, options);
  append(command, sizeof command, " --kernel %s --shapes %s --isa %s%s%s", e->k->name, shape, all[i].name, i == plain ? "" : ",",
         i == plain ? "" : all[plain].name);
  report_unit unit = nanoseconds;
  unit.scale /= (double)e->w.count;
  report_add(to);
  report_text(to, "kernel", "kernel", e->k->name);
  report_text(to, "isa", "isa", all[i].name);
  report_text(to, "shape", "shape", shape);
  report_contender(to, &all[i], &unit, 1, i == plain);
  report_number(to, "gbytes_per_second", "GB/s", rate * 1e-9, 1);
  report_number(to, "bandwidth_share", "of bandwidth", rate / (e->k->bytes < 0 ? to->bandwidth : to->updating)[level], 3);
  report_text(to, "command", NULL, command);
}

static bool measure_kernel(const settings *options, report *to, const work *w, const kernel *k) {
  entrant entrants[8];
  contender contenders[8];
  size_t count = 0, plain = 0;
  const lam_kernel_table *tables[8] = { 0 };
#define LAM_X(name)                                                                                                              \
  if (lam_kernels_at(#name) && chosen(&options->isa, #name)) tables[count++] = lam_kernels_at(#name);
  LAM_ISA_LIST(LAM_X)
#undef LAM_X
  if (chosen(&options->isa, plain_kernels.isa)) tables[plain = count++] = &plain_kernels;
  for (size_t i = 0; i < count; i++) {
    entrants[i] = (entrant){ *w, k };
    entrants[i].w.table = tables[i];
    contenders[i] = (contender){ .name = tables[i]->isa, .time = time_kernel, .user = &entrants[i] };
  }
  progress(options, "kernels: %s %zux%zu", k->name, w->rows, w->columns);
  if (!rounds_run(contenders, count, plain, options->rounds, options->min_time)) return false;
  for (size_t i = 0; i < count; i++) report_kernel(to, options, &entrants[i], contenders, i, plain);
  return true;
}

static int measure_shape(const settings *options, report *to, const char *shape) {
  const size_t most = 9999999; /* scanf reads "-1" as the largest number there is */
  size_t rows = 0, columns = 0;
  char rest;
  if (sscanf(shape, "%7zux%7zu%c", &rows, &columns, &rest) != 2 || !rows || !columns || rows > most || columns > most)
    return wrong_usage("--shapes: \"%s\" is not a matrix; write rows x columns as 32x128", shape);
  work w;
  bool opened = open_work(&w, rows, columns);
  for (size_t i = 0; i < KERNELS_COUNT && opened && !interrupted(); i++)
    if (chosen(&options->kernel, kernels[i].name)) (void)measure_kernel(options, to, &w, &kernels[i]);
  close_work(&w);
  return opened ? EXIT_OK : failed("out of memory: matrices of %zux%zu", rows, columns);
}

static int check_names(const settings *options) {
  const char *names[KERNELS_COUNT + 1] = { 0 };
#define LAM_X(name) #name,
  static const char *const isas[] = { LAM_ISA_LIST(LAM_X) "plain", NULL };
#undef LAM_X
  for (size_t i = 0; i < KERNELS_COUNT; i++) names[i] = kernels[i].name;
  for (size_t i = 0; i < options->kernel.count; i++)
    if (lam_name_find(names, options->kernel.item[i]) < 0) return unknown_name("kernel", options->kernel.item[i], names);
  for (size_t i = 0; i < options->isa.count; i++) {
    const char *isa = options->isa.item[i];
    if (lam_name_find(isas, isa) < 0) return unknown_name("instruction set", isa, isas);
    if (strcmp(isa, "plain") != 0 && !lam_kernels_at(isa))
      return wrong_usage("--isa %s: this CPU or build does not have it", isa);
  }
  return EXIT_OK;
}

int run_kernels(const settings *options, report *to) {
  /* In the first caches, and in none. */
  static const word_list usual = { .item = { "32x128", "4096x2048" }, .count = 2 };
  const word_list *shapes = options->shapes.count ? &options->shapes : &usual;
  int code = check_names(options);
  cpu_set_t before;
  char where[128];
  if (!code) measure_limits(options, to);
  pin_begin(options, 1, &before, where);
  snprintf(to->card.pinned, sizeof to->card.pinned, "%s%s", *where ? "CPU " : "", where);
  for (size_t i = 0; i < shapes->count && !code && !interrupted(); i++) code = measure_shape(options, to, shapes->item[i]);
  pin_end(&before);
  return code;
}
