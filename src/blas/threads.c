/* SPDX-License-Identifier: MIT
 *
 * The thread settings of BLAS libraries, each of which belongs to the whole process: 1 while somebody computes.
 */
#include "blas/gemm.h"
#include <pthread.h>
#ifdef LAM_HAVE_OPENBLAS
#include <cblas.h>
#endif

enum { MOST_SETTINGS = 32 };

typedef struct controlled {
  lam_thread_setting setting;
  int before;
} controlled;

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static unsigned inside;
#ifdef LAM_HAVE_OPENBLAS
static controlled settings[MOST_SETTINGS] = {
  { { (lam_any_function)openblas_get_num_threads, (lam_any_function)openblas_set_num_threads, false }, 0 }
};
static size_t count = 1;
#else
static controlled settings[MOST_SETTINGS];
static size_t count = 0;
#endif

int lam_threads_get(const lam_thread_setting *setting) {
  return setting->wide ? (int)((int64_t(*)(void))setting->get)() : ((int (*)(void))setting->get)();
}

void lam_threads_set(const lam_thread_setting *setting, int threads) {
  if (setting->wide) {
    ((void (*)(int64_t))setting->set)(threads);
  } else {
    ((void (*)(int))setting->set)(threads);
  }
}

/* BLIS says -1 where nothing was set, and means 1. */
static void hold(controlled *one) {
  one->before = lam_threads_get(&one->setting);
  if (one->before > 1) lam_threads_set(&one->setting, 1);
}

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

void lam_blas_lock(void) { pthread_mutex_lock(&one_at_a_time); }

void lam_blas_unlock(void) { pthread_mutex_unlock(&one_at_a_time); }

void lam_blas_enter(const lam_context *context) {
  if (context->keep_blas_threads) return;
  pthread_mutex_lock(&guard);
  for (size_t i = 0; inside == 0 && i < count; ++i) hold(&settings[i]);
  ++inside;
  pthread_mutex_unlock(&guard);
}

void lam_blas_leave(const lam_context *context) {
  if (context->keep_blas_threads) return;
  pthread_mutex_lock(&guard);
  --inside;
  for (size_t i = 0; inside == 0 && i < count; ++i) {
    if (settings[i].before > 1) lam_threads_set(&settings[i].setting, settings[i].before);
  }
  pthread_mutex_unlock(&guard);
}

bool lam_blas_control(const lam_thread_setting *setting) {
  pthread_mutex_lock(&guard);
  size_t i = 0;
  while (i < count && settings[i].setting.set != setting->set) ++i;
  if (i == count && i < MOST_SETTINGS) {
    settings[i].setting = *setting;
    if (inside > 0) hold(&settings[i]);
    ++count;
  }
  pthread_mutex_unlock(&guard);
  return i < MOST_SETTINGS;
}
