/* SPDX-License-Identifier: MIT
 *
 * What a session does not do while it runs: allocate, take a lock, call the system. Allocations and locks are counted by
 * functions of the C library's names that stand here, before the library's own; system calls are forbidden to a child, which the
 * kernel kills at the first one.
 */
#include "../file/models.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<linux/seccomp.h>) && defined(__x86_64__)
#include <linux/audit.h>
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif __has_include(<linux/seccomp.h>) && defined(__aarch64__)
#include <linux/audit.h>
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#endif
#ifdef ARCHITECTURE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#endif

/* ---- counting ------------------------------------------------------------------------------------------------------ */

static _Atomic size_t locks, blocks;

/* Found before anything is counted. */
static int (*true_lock)(pthread_mutex_t *mutex);

static void find_true_lock(void) {
  void *found = dlsym(RTLD_NEXT, "pthread_mutex_lock");
  memcpy(&true_lock, &found, sizeof true_lock);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

/* A sanitizer has its own of these; there the context's allocator alone counts. */
#if defined(__GLIBC__) && !defined(SANITIZED)
#define COUNTS_ALL 1
int pthread_mutex_lock(pthread_mutex_t *mutex) {
  atomic_fetch_add(&locks, 1);
  if (!true_lock) find_true_lock();
  return true_lock(mutex);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
void *malloc(size_t size) {
  atomic_fetch_add(&blocks, 1);
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  atomic_fetch_add(&blocks, 1);
  return __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
  atomic_fetch_add(&blocks, 1);
  return __libc_realloc(block, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  atomic_fetch_add(&blocks, 1);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **block, size_t alignment, size_t size) {
  atomic_fetch_add(&blocks, 1);
  *block = __libc_memalign(alignment, size);
  return *block ? 0 : 12; /* ENOMEM */
}
#endif

/* ---- sessions ------------------------------------------------------------------------------------------------------ */

enum { MOST_ROWS = 70, MOST_WIDTH = 784, MOST_SESSIONS = 12 };

/* All that calls need lies here and on the stack. */
typedef struct fixture {
  test_memory memory;
  lam_context *context;
  lam_session *sessions[MOST_SESSIONS];
  size_t widths[MOST_SESSIONS], outputs[MOST_SESSIONS], rows[MOST_SESSIONS], count;
  bool two_inputs[MOST_SESSIONS];
} fixture;

static float x[MOST_ROWS * MOST_WIDTH], vector[MOST_ROWS * 6], results[2][MOST_ROWS * 256];
static uint8_t bytes[MOST_ROWS * MOST_WIDTH];
static int32_t classes[MOST_ROWS];

static void add(fixture *f, lam_model *model, lam_output_kind kind, size_t rows, size_t width, size_t outputs, bool two_inputs) {
  assert_non_null(model);
  assert_true(f->count < MOST_SESSIONS);
  lam_session *session = lam_session_create(model, &(lam_session_options){ .max_rows = rows, .kind = kind });
  assert_non_null(session);
  f->sessions[f->count] = session;
  f->rows[f->count] = rows;
  f->widths[f->count] = width;
  f->outputs[f->count] = outputs;
  f->two_inputs[f->count++] = two_inputs;
}

static lam_model *network(lam_context *context, size_t count, const size_t *widths, lam_activation middle, lam_activation last) {
  lam_node node = lam_input(lam_graph_create(context), (lam_shape){ { widths[0] }, 1 });
  for (size_t i = 1; i < count; i++)
    node = lam_dense(node, widths[i], &(lam_dense_options){ .activation = i + 1 < count ? middle : last });
  return lam_model_create(&node, 1);
}

static void begin(fixture *f) {
  *f = (fixture){ .count = 0 };
  f->context = lam_context_create(&(lam_context_options){ .allocator = test_allocator(&f->memory), .threads = 1 });
  const size_t small[] = { 4, 6, 6, 3 }, large[] = { 784, 256, 15 }, one[] = { 12, 100, 1 };
  add(f, network(f->context, 4, small, LAM_RELU, LAM_SOFTMAX), LAM_OUTPUTS, 1, 4, 1, false);
  add(f, network(f->context, 4, small, LAM_TANH, LAM_LOG_SOFTMAX), LAM_OUTPUTS, MOST_ROWS, 4, 1, false);
  add(f, network(f->context, 3, large, LAM_RELU, LAM_SOFTMAX), LAM_OUTPUTS, 1, 784, 1, false);
  add(f, network(f->context, 3, large, LAM_GELU, LAM_LINEAR), LAM_PROBABILITIES, MOST_ROWS, 784, 1, false);
  add(f, network(f->context, 3, one, LAM_MISH, LAM_SIGMOID), LAM_OUTPUTS, 33, 12, 1, false);
  add(f, test_model_of_all_layers(f->context), LAM_OUTPUTS, 1, 12, 2, true);
  add(f, test_model_of_all_layers(f->context), LAM_PROBABILITIES, MOST_ROWS, 12, 2, true);
  lam_random_normal(x, MOST_ROWS * MOST_WIDTH, 1, 2, 0);
  lam_random_normal(vector, MOST_ROWS * 6, 1, 3, 0);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(37 * i);
  find_true_lock();
}

/* Every session with 1 row and with as many as it takes, of floats and of bytes, for results and for classes; and a call that is
 * wrong, whose sentence is the session's. */
static int run_all(const fixture *f) {
  for (size_t i = 0; i < f->count; i++)
    for (size_t rows = 1;; rows = f->rows[i]) {
      for (int type = 0; type < 2; type++) {
        lam_shape shape = { { f->widths[i] }, 1 };
        if (f->two_inputs[i]) shape = (lam_shape){ { 3, 4 }, 2 };
        lam_array arrays[] = { { .data = x, .rows = rows, .shape = shape },
                               { .data = vector, .rows = rows, .shape = { { 6 }, 1 } } };
        if (type == 1) arrays[0].data = bytes, arrays[0].type = LAM_UINT8;
        float *where[] = { results[0], results[1] };
        size_t inputs = f->two_inputs[i] ? 2 : 1;
        if (lam_session_run(f->sessions[i], arrays, inputs, where, f->outputs[i])) return 1;
        if (lam_session_classes(f->sessions[i], arrays, inputs, classes, rows)) return 2;
        arrays[0].rows = MOST_ROWS + 1;
        if (lam_session_run(f->sessions[i], arrays, inputs, where, f->outputs[i]) != LAM_INVALID_ARGUMENT) return 3;
        if (!strstr(lam_session_error_message(f->sessions[i]), "71 rows")) return 4;
      }
      if (rows == f->rows[i]) break;
    }
  return 0;
}

static void a_session_neither_allocates_nor_locks(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  size_t ours = f.memory.allocations, blocks_before = blocks, locks_before = locks;
  int failed = run_all(&f);
  size_t all_blocks = blocks - blocks_before, all_locks = locks - locks_before;
  assert_int_equal(failed, 0);
  assert_int_equal(f.memory.allocations, ours);
  assert_int_equal(all_blocks, 0);
  assert_int_equal(all_locks, 0);
#ifdef COUNTS_ALL /* the counters count */
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  void *block = test_allocate(&f.memory, 1, 1);
  test_release(&f.memory, block, 1);
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  assert_true(blocks > blocks_before);
  assert_true(locks > locks_before);
#else
  print_message("the C library's own malloc and locks are not counted in this build\n");
#endif
  lam_context_destroy(f.context);
}

/* ---- the system ---------------------------------------------------------------------------------------------------- */

#ifdef ARCHITECTURE

enum { NO_FILTER = 99 };

/* Ends the process, without what a C library or a tool would do at its end. */
static void leave(int code) {
  for (;;) syscall(SYS_exit_group, code);
}

/* From here on the kernel kills this process at any system call but the one that ends it. */
static bool forbid_system_calls(void) {
  struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = { sizeof rules / sizeof rules[0], rules };
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs `work` in a child that may not call the system; gives how it ended. */
static int run_in_silence(int (*work)(const fixture *f), const fixture *f) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (!forbid_system_calls()) leave(NO_FILTER);
    leave(work(f));
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static int call_the_system(const fixture *f) {
  (void)f;
  (void)syscall(SYS_getppid);
  return 0;
}

static void a_session_calls_no_system(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  int status = run_in_silence(call_the_system, &f);
  if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER) {
    lam_context_destroy(f.context);
    SKIP_BECAUSE("this system has no seccomp filters");
  }
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS); /* the filter bites */
  status = run_in_silence(run_all, &f);
  assert_false(WIFSIGNALED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  lam_context_destroy(f.context);
}

#else

static void a_session_calls_no_system(void **state) {
  (void)state;
  SKIP_BECAUSE("the filter of system calls is written for Linux on x86-64 and aarch64");
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_session_neither_allocates_nor_locks),
    cmocka_unit_test(a_session_calls_no_system),
  };
  return cmocka_run_group_tests_name("sessions keep quiet", tests, NULL, NULL);
}
